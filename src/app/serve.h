/* kiln serve: the registry and /healthz on one port. */
#ifndef KILN_APP_SERVE_H
#define KILN_APP_SERVE_H

#include "base/err.h"

struct serve_options {
	int data_fd;           /* borrowed; the data directory */
	const char *data_path; /* the same, as a path */
	const char *listen;    /* "HOST:PORT" */
};

/* Prints "kiln is listening on http://HOST:PORT" once it answers, and returns after SIGTERM or
 * SIGINT; requests at hand have ten seconds to finish. A second signal ends the process at once;
 * nothing that was acknowledged is lost by that. To be called before other threads are started: it
 * blocks the two signals for all that come after. */
struct err *serve_run(const struct serve_options *o);

#endif
