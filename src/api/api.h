/* The REST API below /api/v1/, the webhooks below /hooks/, and our own Git remote below /git/.
 *
 * Each area of the API is a file with a table of routes. A handler runs on the pool, with who asks
 * and the body already known, and returns an answer or an error; errors become problem+json with a
 * code and a remedy (SPEC RFC 9457). docs/openapi.json describes every route and answer; the tests
 * hold each answer against it. */
#ifndef KILN_API_API_H
#define KILN_API_API_H

#include "http/server.h"
#include "pipeline/pipeline.h"
#include "registry/server.h"

struct api_setting {      /* what administrators see of how the server was started */
	const char *name; /* of the option: "listen" */
	char *value; /* owned by whoever made the list; as on the command line; NULL: not set */
};

struct api_options { /* all borrowed */
	struct db *db;
	struct auth *auth;
	struct catalog *catalog;
	struct blob_store *blobs;
	struct source_git *git;
	struct pipeline *pipeline;
	struct pipeline_logs *logs;
	struct pool *pool;
	const char *const *mirrors; /* "HOST=URL" for workers, NULL-terminated; may be NULL */
	const char *external_url;   /* "https://kiln.example"; NULL: http://HOST of the request */
	const char *prefix;         /* the path of the external URL: "/kiln", or "" */
	int data_fd;                /* the data directory */
	const char *data_path;      /* the same, to show */
	const struct api_setting *settings; /* ends with a name NULL; may be NULL */
};

struct api;
struct err *api_open(const struct api_options *o, struct api **out);
void api_free(struct api *a);
OWN_DECLARE(api);
bool api_wants(struct str path);
/* The handler for those. Runs on poll threads. */
void api_handle(struct api *a, struct http_exchange *x);

#endif
