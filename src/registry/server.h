/* The server's end of the distribution protocol: everything below /v2/. SPEC distribution-spec
 *
 * 1. State is in the catalog and the blob store; memory holds prepared answers only.
 * 2. 201 for a manifest comes after blob_store_flush() and catalog_publish().
 * 3. An upload session belongs to the repository it was opened for: half of its id is random, the
 *    other half is the hash of the first half and the repository's name.
 * 4. A prepared answer is used while catalog_generation() is what it was before the answer was made
 *    up, and for at most REGISTRY_FRESH_MS.
 *
 * 5. Who may not see a repository gets the same answer whether it is there or not.
 * 6. Rights are looked at when a request begins; one that takes longer than its token lives ends as
 *    it began. */
#ifndef KILN_REGISTRY_SERVER_H
#define KILN_REGISTRY_SERVER_H

#include "blob/store.h"
#include "catalog/image.h"
#include "http/server.h"

#define REGISTRY_FRESH_MS 1000

struct registry_server;

struct registry_server_options { /* all borrowed, outlives the server */
	struct catalog *catalog;
	struct blob_store *store;
	struct auth *auth; /* NULL: everybody may do everything */
	/* "https://kiln.example", without a slash at its end: where clients ask for tokens. NULL:
	 * http:// and the Host of the request, if that is of the loopback; else clients are told
	 * to log in by Basic. */
	const char *external_url;
	bool anonymous_pull; /* what is public is for everybody */
};
struct err *registry_server_open(const struct registry_server_options *o,
				 struct registry_server **out);
/* The HTTP server has stopped by then. */
void registry_server_free(struct registry_server *s);
OWN_DECLARE(registry_server);

/* Does `path` (as it came) belong to us? */
bool registry_server_wants(struct str path);
/* The handler for those. Runs on poll threads. */
void registry_server_handle(struct registry_server *s, struct http_exchange *x);
/* GET and POST /token: logs in, and gives a token for what of the scopes one may. Runs on poll
 * threads. SPEC distribution docs/spec/auth/token.md, oauth.md */
#define REGISTRY_TOKEN_LIFE_S 300
void registry_token_handle(struct registry_server *s, struct http_exchange *x);

#endif
