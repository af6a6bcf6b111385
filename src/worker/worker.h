/* A worker: leases jobs from the server, runs a builder process for each lease, and reports
 * (docs/WORKER.md).
 *
 * 1. One thread keeps a poll open; each lease has a thread that feeds and reads its builder, and
 *    one that sends what it told.
 * 2. What the server has not acknowledged is kept and sent again; when OUTBOX_FULL_BYTES wait, the
 *    builder's pipe is not read any more, and the builder waits.
 * 3. A server that is away stops no build.
 * 4. A builder lives no longer than its worker. */
#ifndef KILN_WORKER_WORKER_H
#define KILN_WORKER_WORKER_H

#include "base/err.h"
#include "oci/platform.h"

#define WORKER_MOST_PLATFORMS 4

struct worker_platform {
	struct oci_platform platform;
	bool native;
};

struct worker_options {     /* all borrowed */
	const char *server; /* "http://kiln.example:8080", without a slash at the end */
	const char *token;
	const char *name;
	const char *version;
	struct worker_platform platforms[WORKER_MOST_PLATFORMS];
	size_t n_platforms;
	uint32_t slots; /* leases at once */
	bool embedded;  /* the server's data directory is ours */
	const char *data_path;
	const char *const *insecure; /* registries by plain HTTP, NULL-terminated; may be NULL */
	const char *program;         /* the kiln program: `PROGRAM build-job` is a builder */
};

/* Runs until SIGTERM or SIGINT: then it takes no more leases and returns when its builds are
 * through; a second signal, or the first of an embedded one, ends them at once. ERR_DENIED when the
 * server refuses the token at the start. To be called before other threads are started. */
struct err *worker_run(const struct worker_options *o);

#endif
