/* Looks at sources on threads of the pipeline: those that were asked for, and those on time. */
#include "pipeline/trigger_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "base/time.h"

#define MOST_BACKOFF_S 21600 /* six hours */
#define MOST_DOUBLINGS 10
#define POLL_EVERY_MS  5000 /* the database is asked whom to poll, at least */
#define MOST_DUE       100

/* ---- one look at a time ---- */

static struct pipeline_looking *looking_locked(struct pipeline *p, const char *id)
{
	for (struct pipeline_looking *l = p->looking; l; l = l->next)
		if (strcmp(l->id, id) == 0)
			return l;
	struct pipeline_looking *l = mem_new(struct pipeline_looking);
	memcpy(l->id, id, MIN(strlen(id), sizeof(l->id) - 1));
	l->next = p->looking;
	p->looking = l;
	return l;
}

static void drop_idle_locked(struct pipeline *p, struct pipeline_looking *l)
{
	if (l->looking || l->queued || l->running)
		return;
	struct pipeline_looking **at = &p->looking;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	free(l);
}

void pipeline_look_enter(struct pipeline *p, const char *source_id)
{
	hold(&p->lock);
	while (looking_locked(p, source_id)->looking)
		cond_wait(&p->looked, &p->lock);
	looking_locked(p, source_id)->looking = true;
}

void pipeline_look_leave(struct pipeline *p, const char *source_id)
{
	hold(&p->lock);
	struct pipeline_looking *l = looking_locked(p, source_id);
	l->looking = false;
	drop_idle_locked(p, l);
	cond_broadcast(&p->looked);
}

/* ---- pokes ---- */

struct poke {
	struct pipeline *p;
	char id[64];
};

static void run_poke(void *arg);

static void add_poke(struct pipeline *p, const char *id)
{
	struct poke *k = mem_new(struct poke);
	k->p = p;
	memcpy(k->id, id, MIN(strlen(id), sizeof(k->id) - 1));
	pool_add(p->lookers, run_poke, k);
}

static bool begin(struct pipeline *p, const char *id)
{
	hold(&p->lock);
	struct pipeline_looking *l = looking_locked(p, id);
	l->queued = false;
	l->running = !p->closing;
	if (p->closing)
		drop_idle_locked(p, l);
	return !p->closing;
}

/* True when it was poked once more while we looked. */
static bool end(struct pipeline *p, const char *id)
{
	hold(&p->lock);
	struct pipeline_looking *l = looking_locked(p, id);
	bool again = l->again && !p->closing;
	l->running = l->again = false;
	l->queued = again;
	drop_idle_locked(p, l);
	return again;
}

static void run_poke(void *arg)
{
	struct poke *k = arg;
	if (begin(k->p, k->id)) {
		struct err *e = pipeline_source_look(k->p, str_of(k->id), 0, NULL, NULL);
		if (e)
			log_err(LOG_LEVEL_WARN, "look at a code source", e);
		if (end(k->p, k->id))
			add_poke(k->p, k->id);
	}
	free(k);
}

void pipeline_source_poke(struct pipeline *p, struct str source_id)
{
	own_mem char *id = str_dup(source_id);
	if (source_id.len >= sizeof(((struct poke *)0)->id))
		return; /* no id of ours */
	{
		hold(&p->lock);
		struct pipeline_looking *l = looking_locked(p, id);
		if (p->closing || l->queued) {
			drop_idle_locked(p, l);
			return;
		}
		if (l->running) {
			l->again = true;
			return;
		}
		l->queued = true;
	}
	add_poke(p, id);
}

/* ---- commits that will be needed ---- */

struct err *pipeline_source_fetch(struct pipeline *p, const char *source_id, const char *ref,
				  const char *commit)
{
	own(arena) a = arena_open(PIPELINE_ARENA_BYTES);
	struct source_remote *remote = arena_new(a, struct source_remote);
	int64_t own_remote = 0;
	TRY(db_query(p->o.db, "SELECT COUNT(*) FROM code_source WHERE id = $1 AND provider = $2",
		     DB_PARAMS(db_cstr(source_id), db_cstr(source_provider_name(SOURCE_KILN))),
		     pipeline_see_int, &own_remote));
	if (own_remote)
		return NULL;
	TRY(pipeline_source_remote(p, a, str_of(source_id), remote));
	return source_git_fetch(p->o.git, source_id, remote, ref, commit);
}

struct fetch {
	struct pipeline *p;
	char *source_id, *ref, *commit; /* owned */
};

static void run_fetch(void *arg)
{
	struct fetch *f = arg;
	struct err *e = pipeline_is_closing(f->p)
				? NULL
				: pipeline_source_fetch(f->p, f->source_id, f->ref, f->commit);
	if (e) /* the lease fetches again, and tells the build */
		log_err(LOG_LEVEL_INFO, "a pushed commit was not fetched yet", e);
	free(f->source_id);
	free(f->ref);
	free(f->commit);
	free(f);
}

void pipeline_source_prefetch(struct pipeline *p, const char *source_id, const char *ref,
			      const char *commit)
{
	struct fetch *f = mem_new(struct fetch);
	*f = (struct fetch){ p, mem_strdup(source_id), mem_strdup(ref), mem_strdup(commit) };
	pool_add(p->lookers, run_fetch, f);
}

/* ---- on time ---- */

int64_t pipeline_next_poll(const struct pipeline *p, int64_t poll_s, int64_t n_failures)
{
	int64_t doublings = MIN(n_failures, MOST_DOUBLINGS);
	int64_t ms = MIN(MAX(poll_s, 1) << doublings, MAX(poll_s, MOST_BACKOFF_S)) * 1000;
	uint32_t r;
	random_bytes(&r, sizeof(r));
	ms += ms / 5 * ((int64_t)(r % 2001) - 1000) / 1000;
	return pipeline_now(p) + ms * 1000000;
}

struct due {
	struct pipeline *p;
	char ids[MOST_DUE][64];
	size_t n;
	int64_t now_ns, next_ns;
};

/* A time that is further away than any interval was set by a clock that was turned back since. */
static bool see_due(void *arg, struct db_row *r)
{
	struct due *d = arg;
	struct str id = db_row_text(r, 0);
	int64_t at = db_row_int(r, 1), poll_s = db_row_int(r, 2);
	int64_t most_ns = MAX(poll_s, MOST_BACKOFF_S) * 1200000000ll;
	if (at > d->now_ns && at - d->now_ns <= most_ns) {
		d->next_ns = MIN(d->next_ns, at);
		return true;
	}
	if (d->n < MOST_DUE && id.len < sizeof(d->ids[0])) {
		memcpy(d->ids[d->n], id.p, id.len);
		d->ids[d->n++][id.len] = 0;
	}
	return d->n < MOST_DUE;
}

static uint64_t poke_due(struct pipeline *p)
{
	struct due *d = mem_new(struct due);
	d->p = p;
	d->now_ns = pipeline_now(p);
	d->next_ns = d->now_ns + POLL_EVERY_MS * 1000000ll;
	struct err *e = db_query(p->o.db,
				 "SELECT id, next_poll_ns, poll_s FROM code_source"
				 " WHERE poll_s > 0 AND provider <> $1",
				 DB_PARAMS(db_cstr(source_provider_name(SOURCE_KILN))), see_due, d);
	if (e)
		log_err(LOG_LEVEL_WARN, "the code sources cannot be read", e);
	for (size_t i = 0; i < d->n; i++)
		pipeline_source_poke(p, str_of(d->ids[i]));
	uint64_t wait_ms = (uint64_t)MAX(1, (d->next_ns - d->now_ns) / 1000000);
	if (d->n) /* those are still due until their look is over */
		wait_ms = MAX(wait_ms, 1000);
	free(d);
	return wait_ms;
}

void *pipeline_poller(void *arg)
{
	struct pipeline *p = arg;
	for (;;) {
		uint64_t wait_ms = poke_due(p);
		hold(&p->lock);
		uint64_t until = time_mono_ms() + wait_ms;
		while (!p->closing && cond_wait_until(&p->poll, &p->lock, until))
			;
		if (p->closing)
			return NULL;
	}
}
