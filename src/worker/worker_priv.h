/* What worker.c and lease.c share. */
#ifndef KILN_WORKER_WORKER_PRIV_H
#define KILN_WORKER_WORKER_PRIV_H

#include "base/spawn.h"
#include "base/thread.h"
#include "worker/outbox.h"
#include "worker/server.h"
#include "worker/worker.h"

struct lease;

struct worker {
	const struct worker_options *o;
	struct worker_server *poller; /* owned; its requests end when polling has to begin anew */
	struct worker_server *server; /* owned */
	uint32_t grace_ms;
	uint32_t poll_s;   /* of the thread that polls, as grace_ms is set by it */
	struct mutex lock; /* guards all below */
	struct cond changed;
	struct lease *leases;
	size_t n_leases;
	bool polling;
	size_t poll_free; /* what the open poll told of free slots */
	bool draining, at_once;
	bool leaving; /* the last poll; set by the thread that polls */
};

/* Removes what killed builders left in DATA/jobs. */
void worker_sweep(const struct worker *w);
/* Starts the builder; `job` is the LEASE of a poll's answer. The lease takes itself out of the list
 * when it is over. */
struct err *lease_start(struct worker *w, json_t *job);
const char *lease_id(const struct lease *l);
struct lease *lease_next(const struct lease *l);
/* SIGTERM now, SIGKILL after the grace. The caller holds the lock. */
void lease_cancel_locked(struct lease *l);
void lease_kill_locked(struct lease *l);

#endif
