/* kiln serve: the registry, the API, webhooks and our own Git remote on one port, and the embedded
 * worker. */
#ifndef KILN_APP_SERVE_H
#define KILN_APP_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "http/forwarded.h"

/* What may be done without login. */
enum serve_anonymous {
	SERVE_ANONYMOUS_PULL, /* pull what is public */
	SERVE_ANONYMOUS_NONE,
	SERVE_ANONYMOUS_PUSH, /* all that the registry can do; it has no logins then */
};

struct serve_options {
	int data_fd;           /* borrowed; the data directory */
	const char *data_path; /* the same, as a path */
	const char *listen;    /* "HOST:PORT" */
	const char
		*external_url; /* what others reach us by; NULL: http:// and the request's Host */
	const char *prefix;    /* the path of it, "/kiln"; "": none */
	enum serve_anonymous anonymous;
	unsigned slots; /* builds at once of the embedded worker; 0: there is none */
	bool no_emulation;
	uint32_t lease_s;           /* of workers */
	bool endpoint_private;      /* outgoing webhooks may go to private networks */
	uint32_t endpoint_retry_ms; /* before such a notification is sent again */
	uint32_t base_interval_s;   /* between two looks at a base image; 0: only when asked to */
	uint32_t session_idle_s, session_life_s;
	int utc_offset_min;                 /* of push times in tags */
	const struct http_network *trusted; /* proxies that tell whose requests they pass on */
	size_t n_trusted;
	const char *const *mirrors;         /* "HOST=URL" for builds, NULL-terminated */
	const char *const *insecure;        /* hosts, NULL-terminated */
	const struct api_setting *settings; /* to show; see serve_settings.h */
};

/* Prints "kiln is listening on http://HOST:PORT" once it answers, and returns after SIGTERM or
 * SIGINT; requests at hand have ten seconds to finish. A second signal ends the process at once;
 * nothing that was acknowledged is lost by that. To be called before other threads are started: it
 * blocks the two signals for all that come after.
 *
 * The first start makes the user admin with the password in $KILN_ADMIN_PASSWORD, or prints one
 * that it makes up. */
struct err *serve_run(const struct serve_options *o);

#endif
