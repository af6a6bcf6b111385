/* A builder's view of the server's blobs and cache: what a worker without the server's data
 * directory has in its place. */
#ifndef KILN_WORKER_REMOTE_H
#define KILN_WORKER_REMOTE_H

#include "blob/store.h"
#include "executor/executor.h"
#include "worker/server.h"

struct worker_remote {
	struct worker_server *server; /* borrowed */
	struct blob_store *blobs;     /* borrowed; ours */
};

/* For executor_options; `r` is borrowed. */
struct executor_remote worker_remote_hooks(struct worker_remote *r);
/* Sends a blob unless the server has it. ERR_NOT_FOUND when neither has it. */
struct err *worker_remote_push(struct worker_remote *r, const struct oci_digest *d);

/* Cache records on the wire. `read` takes the object of docs/WORKER.md. */
struct err *worker_record_read(json_t *j, struct executor_record *out);
char *worker_record_write(const struct executor_record *r); /* the caller frees it */

#endif
