/* Polls of workers. They wait in a list, without a thread each; one thread answers them when there
 * is work, something to cancel, or their time is over. */
#include "pipeline/pipeline_priv.h"

#include "base/log.h"
#include "base/time.h"

#define MOST_SLOTS 64 /* leases in one answer */
#define RECHECK_MS                                                                     \
	1000 /* while a job waits for a native worker, or the database does not answer \
	      */

void pipeline_wake(struct pipeline *p)
{
	hold(&p->lock);
	p->have_work = true;
	cond_signal(&p->work);
}

/* ---- a poll comes ---- */

static void renew_locked(struct pipeline *p, const struct pipeline_poll *q)
{
	uint64_t now = time_mono_ms();
	for (size_t i = 0; i < q->n_leases; i++) {
		struct pipeline_held_lease *l = pipeline_lease_locked(p, q->leases[i]);
		if (l && strcmp(l->worker_id, q->worker_id) == 0)
			l->expires_ms = now + p->lease_ms;
	}
}

static bool names(const struct pipeline_poll *q, const char *id)
{
	for (size_t i = 0; i < q->n_leases; i++)
		if (strcmp(q->leases[i], id) == 0)
			return true;
	return false;
}

/* Leases that the worker does not name: the answer that gave them did not arrive, or the worker was
 * started anew. Young ones may be on their way to its list. */
static size_t unnamed_locked(struct pipeline *p, const struct pipeline_poll *q, struct arena *a,
			     const char ***out)
{
	size_t n = 0, cap = 0;
	for (struct pipeline_held_lease *l = p->leases; l; l = l->next)
		cap++;
	*out = arena_new_array(a, cap, const char *);
	for (struct pipeline_held_lease *l = p->leases; l; l = l->next)
		if (strcmp(l->worker_id, q->worker_id) == 0 && !names(q, l->id) &&
		    time_mono_ms() - l->granted_ms >= PIPELINE_UNNAMED_MS)
			(*out)[n++] = arena_strdup(a, str_of(l->id));
	return n;
}

static struct pipeline_waiting *waiting_new(struct arena *a, const struct pipeline_poll *q)
{
	struct pipeline_waiting *w = mem_new(struct pipeline_waiting);
	w->a = a;
	size_t len = MIN(strlen(q->worker_id), sizeof(w->worker_id) - 1);
	memcpy(w->worker_id, q->worker_id, len);
	w->free_slots = MIN(q->free_slots, MOST_SLOTS);
	const char **ids = arena_new_array(a, q->n_leases, const char *);
	for (size_t i = 0; i < q->n_leases; i++)
		ids[i] = arena_strdup(a, str_of(q->leases[i]));
	w->leases = ids;
	w->n_leases = q->n_leases;
	w->until_ms = time_mono_ms() + MIN(q->wait_ms, PIPELINE_MOST_WAIT_MS);
	return w;
}

/* A worker has one poll: an older one is of a connection that is gone. */
static void enter_locked(struct pipeline *p, struct pipeline_waiting *w)
{
	struct pipeline_waiting **at = &p->waiting;
	for (; *at; at = &(*at)->next)
		if (strcmp((*at)->worker_id, w->worker_id) == 0)
			(*at)->over = true;
	w->over = p->stopping;
	*at = w;
	p->have_work = true;
	cond_signal(&p->work);
}

static struct err *unknown_worker(void)
{
	return err_coded(ERR_NOT_FOUND, "WORKER_UNKNOWN", "Register again.",
			 "no worker has this id and token");
}

/* When the worker was seen is stored now and then, for lists after a restart. */
static void store_seen(struct pipeline *p, const char *worker_id, bool store)
{
	if (!store)
		return;
	struct err *e = db_exec(p->o.db, "UPDATE worker SET last_seen_ns = $2 WHERE id = $1",
				DB_PARAMS(db_cstr(worker_id), db_int(pipeline_now(p))));
	if (e)
		log_err(LOG_LEVEL_WARN, "when a worker was seen is not stored", e);
}

static bool see_poll_locked(struct pipeline *p, const struct pipeline_poll *q, bool *store)
{
	struct pipeline_known_worker *w = pipeline_worker_locked(p, q->worker_id);
	if (!w || strcmp(w->token_id, q->token_id) != 0)
		return false;
	w->seen_ms = time_mono_ms();
	w->last_seen_ns = pipeline_now(p);
	*store = w->seen_ms - w->stored_ms > p->lease_ms;
	if (*store)
		w->stored_ms = w->seen_ms;
	renew_locked(p, q);
	return true;
}

void pipeline_worker_poll(struct pipeline *p, struct arena *a, const struct pipeline_poll *q,
			  void (*done)(void *arg, struct err *e, struct pipeline_poll_result *r),
			  void *arg)
{
	own(arena) scratch = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	const char **lost = NULL;
	size_t n_lost = 0;
	bool store = false, known;
	{
		hold(&p->lock);
		known = see_poll_locked(p, q, &store);
		if (known)
			n_lost = unnamed_locked(p, q, scratch, &lost);
	}
	if (!known) {
		(done)(arg, unknown_worker(), NULL);
		return;
	}
	store_seen(p, q->worker_id, store);
	for (size_t i = 0; i < n_lost; i++) {
		struct err *e = pipeline_lease_end(p, lost[i], LEASE_LOST);
		if (e)
			log_err(LOG_LEVEL_WARN, "a lost lease was not ended yet", e);
	}
	struct pipeline_waiting *w = waiting_new(a, q);
	w->done = done;
	w->arg = arg;
	hold(&p->lock);
	enter_locked(p, w);
}

/* ---- a poll is answered ---- */

/* Leases to be stopped. The same ones are told again once a second at most, so that a worker whose
 * build takes its time to stop does not ask in a circle. */
static void find_cancels_locked(struct pipeline *p, struct pipeline_waiting *q)
{
	struct pipeline_known_worker *w = pipeline_worker_locked(p, q->worker_id);
	struct pipeline_poll_result *r = &q->result;
	bool news = false;
	if (!r->cancel)
		r->cancel = arena_new_array(q->a, q->n_leases, const char *);
	r->n_cancel = 0;
	for (size_t i = 0; i < q->n_leases; i++) {
		struct pipeline_held_lease *l = pipeline_lease_locked(p, q->leases[i]);
		bool its_own = l && strcmp(l->worker_id, q->worker_id) == 0;
		if (its_own && !l->cancel)
			continue;
		if (its_own && !l->told)
			news = l->told = true;
		r->cancel[r->n_cancel++] = q->leases[i];
	}
	if (!r->n_cancel || !w)
		return;
	uint64_t now = time_mono_ms(), again = w->told_ms + PIPELINE_TELL_MS;
	if (!news && now < again) {
		r->n_cancel = 0;
		q->until_ms = MIN(q->until_ms, again);
		return;
	}
	w->told_ms = now;
}

/* Is it to be answered as it is? */
static bool is_ready_locked(struct pipeline *p, struct pipeline_waiting *q)
{
	struct pipeline_known_worker *w = pipeline_worker_locked(p, q->worker_id);
	q->result.draining = w && w->draining;
	bool news = w && w->draining != w->told_draining;
	bool ready = q->over || news || q->result.n_leases || q->result.n_cancel ||
		     time_mono_ms() >= q->until_ms;
	if (ready && w)
		w->told_draining = w->draining;
	return ready;
}

static void answer(struct pipeline_waiting *q)
{
	(q->done)(q->arg, NULL, &q->result);
	free(q);
}

/* What another worker may still have of the record stays a candidate. */
static void take_off(struct pipeline_candidate *c, const char *platform)
{
	for (size_t i = 0; i < c->n_platforms; i++) {
		if (strcmp(c->platforms[i], platform) != 0)
			continue;
		c->n_platforms--;
		c->platforms[i] = c->platforms[c->n_platforms];
		c->queued_ns[i] = c->queued_ns[c->n_platforms];
		return;
	}
}

static void was_leased(struct pipeline_candidate *list, struct pipeline_candidate *c,
		       const char *const *platforms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		take_off(c, platforms[i]);
	c->taken = c->n_platforms == 0;
	for (struct pipeline_candidate *o = list; o; o = o->next)
		o->running += strcmp(o->namespace_, c->namespace_) == 0;
}

/* One more lease for a poll, if there is one for it. */
static struct err *lease_one(struct pipeline *p, struct pipeline_waiting *q,
			     struct pipeline_candidate *list, bool *got, bool *held)
{
	const char *platforms[PIPELINE_MOST_JOBS];
	bool native[PIPELINE_MOST_JOBS];
	size_t n;
	*got = false;
	struct pipeline_candidate *c = pipeline_queue_pick(p, list, q->worker_id, pipeline_now(p),
							   platforms, native, &n, held);
	if (!c)
		return NULL;
	if (!q->result.leases)
		q->result.leases = arena_new_array(q->a, q->free_slots, struct pipeline_lease);
	bool leased;
	TRY(pipeline_lease_grant(p, q->a, c, platforms, native, n, q->worker_id,
				 &q->result.leases[q->result.n_leases], &leased));
	q->result.n_leases += leased;
	was_leased(list, c, platforms, n); /* also when it was canceled meanwhile */
	*got = true;
	return NULL;
}

/* Leases go round, one to each poll, so that work spreads over the workers. */
static struct err *lease_all(struct pipeline *p, struct pipeline_waiting *polls, bool *held)
{
	own(arena) a = arena_open(PIPELINE_LOOK_ARENA_BYTES);
	struct pipeline_candidate *list = NULL;
	TRY(pipeline_queue_load(p, a, &list));
	for (bool any = list != NULL; any;) {
		any = false;
		for (struct pipeline_waiting *q = polls; q; q = q->next) {
			bool got = false;
			if (!q->over && q->result.n_leases < q->free_slots)
				TRY(lease_one(p, q, list, &got, held));
			any |= got;
		}
	}
	return NULL;
}

static bool wants_work(const struct pipeline_waiting *polls)
{
	for (; polls; polls = polls->next)
		if (!polls->over && polls->free_slots)
			return true;
	return false;
}

/* Answers those that are ready, and puts the others back before what came meanwhile. */
static void sort_out(struct pipeline *p, struct pipeline_waiting *polls)
{
	struct pipeline_waiting *ready = NULL, *stay = NULL, **last = &stay;
	{
		hold(&p->lock);
		for (struct pipeline_waiting *q = polls, *next; q; q = next) {
			next = q->next;
			for (struct pipeline_waiting *n = p->waiting; n; n = n->next)
				q->over |= strcmp(n->worker_id, q->worker_id) == 0;
			q->over |= p->stopping;
			find_cancels_locked(p, q);
			if (is_ready_locked(p, q)) {
				q->next = ready;
				ready = q;
				continue;
			}
			*last = q;
			last = &q->next;
		}
		*last = p->waiting;
		p->waiting = stay;
	}
	for (struct pipeline_waiting *next; ready; ready = next) {
		next = ready->next;
		answer(ready);
	}
}

/* ---- the thread ---- */

static bool due_locked(struct pipeline *p, uint64_t recheck_ms, uint64_t *next_ms)
{
	uint64_t now = time_mono_ms();
	*next_ms = recheck_ms ? recheck_ms : now + 3600000;
	if (p->have_work || p->stopping || p->closing)
		return true;
	for (struct pipeline_waiting *q = p->waiting; q; q = q->next) {
		if (q->over)
			return true;
		*next_ms = MIN(*next_ms, q->until_ms);
	}
	return now >= *next_ms;
}

void *pipeline_dispatcher(void *arg)
{
	struct pipeline *p = arg;
	uint64_t recheck_ms = 0;
	for (;;) {
		struct pipeline_waiting *polls;
		bool closing;
		{
			hold(&p->lock);
			uint64_t next_ms;
			while (!due_locked(p, recheck_ms, &next_ms) ||
			       (p->stopping && !p->closing && !p->waiting))
				cond_wait_until(&p->work, &p->lock,
						p->stopping ? time_mono_ms() + 1000 : next_ms);
			p->have_work = false;
			polls = move(p->waiting);
			closing = p->closing;
		}
		bool held = false;
		struct err *e = wants_work(polls) ? lease_all(p, polls, &held) : NULL;
		if (e)
			log_err(LOG_LEVEL_WARN, "the queue of builds cannot be read", e);
		recheck_ms = held || e ? time_mono_ms() + RECHECK_MS : 0;
		sort_out(p, polls);
		if (closing)
			return NULL;
	}
}
