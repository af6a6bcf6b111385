/* What the tests of the queue and of leases share: records without a code source, and workers that
 * are what calls the pipeline here. */
#ifndef KILN_PIPELINE_QUEUE_TEST_PRIV_H
#define KILN_PIPELINE_QUEUE_TEST_PRIV_H

#include "pipeline/test_priv.h"

#define AMD "linux/amd64"
#define ARM "linux/arm64"

/* ---- records ---- */

struct queue_want {
	const char *namespace_;   /* NULL: demo */
	const char *platforms[3]; /* none: amd64 */
	int priority;
	const char *pool, *rule, *required; /* required: JSON */
	bool no_emulation;
	enum pipeline_policy policy;
	enum { ALONE, WAITS, CANCELS } newer;
	uint32_t limit_s;
};
/* The id. */
const char *queue_add(struct world *w, struct queue_want q);
#define ADD(...) queue_add(&w, (struct queue_want){ __VA_ARGS__ })
struct pipeline_build queue_get(struct world *w, const char *id);
const char *job_state(struct world *w, const char *id, size_t job);
/* Wait for what another thread does; it comes at once, but for leases that are to run out. */
struct pipeline_build wait_status(struct world *w, const char *id, enum pipeline_status s);
void wait_job(struct world *w, const char *id, size_t job, const char *state);
bool log_says(struct world *w, const char *id, const char *text);

/* ---- workers ---- */

struct queue_machine { /* platforms: "linux/amd64" native, "~linux/arm64" emulated */
	const char *platforms[3];
	const char *pool;
	bool embedded;
};
const char *queue_worker(struct world *w, const char *name, struct queue_machine m);
#define WORKER(name, ...) queue_worker(&w, name, (struct queue_machine){ __VA_ARGS__ })
/* Of a poll; it comes from another thread. */
struct queue_answer {
	struct mutex lock;
	struct cond came;
	bool is_here;
	struct err *e;
	struct pipeline_poll_result r;
};
void queue_on_answer(void *arg, struct err *e, struct pipeline_poll_result *r);
/* A poll of the worker, whose token has its name, to the answer. `held` NULL-terminated. */
struct pipeline_poll_result queue_poll(struct world *w, const char *id, const char *token,
				       uint32_t slots, const char *const *held, uint32_t wait_ms);
struct pipeline_poll_result queue_ask(struct world *w, const char *id, const char *token,
				      uint32_t slots);
/* The one lease that the worker gets now. */
struct pipeline_lease queue_take(struct world *w, const char *id, const char *token);
/* The worker gets these builds in this order, and has the positions that say so. */
void expect_order(struct world *w, const char *worker_id, const char *token, const char *const *ids,
		  size_t n);
#define ORDER(worker_id, token, ...)                                             \
	expect_order(&w, worker_id, token, (const char *const[]){ __VA_ARGS__ }, \
		     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))
struct err *lease_send(struct world *w, const char *lease, const char *token, uint64_t seq,
		       const char *events);
void lease_tell(struct world *w, const char *lease, const char *token, uint64_t seq,
		const char *platform, const char *state, const char *more);
/* An image without layers, in the store: the end of an event. Owned by the caller. */
char *lease_manifest(struct world *w, const char *platform);
void lease_done(struct world *w, const char *lease, const char *token, uint64_t seq,
		const char *platform);
void lease_failed(struct world *w, const char *lease, const char *token, uint64_t seq,
		  const char *platform);

#endif
