/* The watch over leases: those that expire, builds that take too long, and canceled ones that their
 * worker does not stop. On the monotonic clock. */
#include "pipeline/pipeline_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"

#define RETRY_MS 1000 /* when the database does not answer */

enum due { DUE_NOTHING, DUE_EXPIRED, DUE_STOP, DUE_TIME };

static enum due due_of(const struct pipeline_held_lease *l, uint64_t now, uint64_t *next_ms)
{
	*next_ms = MIN(*next_ms, l->expires_ms);
	if (now >= l->expires_ms)
		return DUE_EXPIRED;
	if (l->cancel) {
		*next_ms = MIN(*next_ms, l->stop_ms);
		return now >= l->stop_ms ? DUE_STOP : DUE_NOTHING;
	}
	*next_ms = MIN(*next_ms, l->deadline_ms);
	return now >= l->deadline_ms ? DUE_TIME : DUE_NOTHING;
}

static enum due find_due(struct pipeline *p, char id[static 40], char record_id[static 40],
			 uint64_t *next_ms)
{
	hold(&p->lock);
	uint64_t now = time_mono_ms();
	*next_ms = now + 3600000;
	for (struct pipeline_held_lease *l = p->leases; l; l = l->next) {
		enum due d = due_of(l, now, next_ms);
		if (!d)
			continue;
		memcpy(id, l->id, sizeof(l->id));
		memcpy(record_id, l->record_id, sizeof(l->record_id));
		return d;
	}
	return DUE_NOTHING;
}

static struct err *stop_for_time(struct pipeline *p, const char *id, const char *record_id)
{
	struct pipeline_after after;
	own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	pipeline_after_init(&after, p, a);
	TRY(db_exec(p->o.db, "UPDATE build_lease SET cancel = $2 WHERE id = $1 AND cancel = 0",
		    DB_PARAMS(db_cstr(id), db_int(LEASE_TIME))));
	pipeline_after_cancel(&after, id, LEASE_TIME);
	pipeline_after_say(&after, record_id, -1,
			   "the time limit of the build is over: it is"
			   " stopped");
	pipeline_after_poke(&after, record_id);
	pipeline_after_run(&after);
	return NULL;
}

static struct err *act(struct pipeline *p, enum due d, const char *id, const char *record_id)
{
	switch (d) {
	case DUE_NOTHING:
		return NULL;
	case DUE_EXPIRED:
		return pipeline_lease_end(p, id, LEASE_LOST);
	case DUE_STOP:
		return pipeline_lease_end(p, id, LEASE_STOPPED);
	case DUE_TIME:
		return stop_for_time(p, id, record_id);
	}
	abort();
}

/* All that is due now; returns when to look again. */
static uint64_t watch(struct pipeline *p)
{
	for (;;) {
		char id[40], record_id[40];
		uint64_t next_ms;
		enum due d = find_due(p, id, record_id, &next_ms);
		if (!d)
			return next_ms;
		struct err *e = act(p, d, id, record_id);
		if (e) {
			log_err(LOG_LEVEL_WARN, "a lease that is over cannot be ended yet", e);
			return time_mono_ms() + RETRY_MS;
		}
	}
}

void *pipeline_watcher(void *arg)
{
	struct pipeline *p = arg;
	for (;;) {
		uint64_t next_ms = watch(p);
		hold(&p->lock);
		if (p->closing)
			return NULL;
		/* Renewals and tests move the times only later or at once; a second is soon enough.
		 */
		cond_wait_until(&p->watch, &p->lock, MIN(next_ms, time_mono_ms() + 1000));
		if (p->closing)
			return NULL;
	}
}
