/* The queue: which job a worker gets next.
 *
 * Order: 1. the namespace with the fewest leases, so that none is kept out by another that has
 * much to build; 2. priority of the rule, to which every minute of waiting adds one, so that
 * nothing is kept out for ever; 3. the older record. A worker gets all jobs of one record that it
 * can run: of its pool, of its platforms. Where it would have to emulate, the record must allow it,
 * and a native worker that is there goes before, for PIPELINE_NATIVE_WAIT_S. A record that waits
 * for an older one is no candidate. What nobody can run stays queued. */
#include "pipeline/pipeline_priv.h"

#include <stdlib.h>

struct loading {
	struct arena *a;
	struct pipeline_candidate *first, *current;
	int64_t least_ns; /* created_ns of the younger ones */
};

static bool see_job(void *arg, struct db_row *r)
{
	struct loading *l = arg;
	struct pipeline_candidate *c = l->current;
	if (!c || !str_eq(db_row_text(r, 0), str_of(c->record_id))) {
		c = l->current = arena_new(l->a, struct pipeline_candidate);
		*c = (struct pipeline_candidate){
			.record_id = pipeline_row_text(l->a, r, 0),
			.seq = db_row_int(r, 1),
			.priority = db_row_int(r, 2),
			.pool = pipeline_row_text(l->a, r, 3),
			.emulation = db_row_int(r, 4) != 0,
			/* A clock that was turned back made younger ones look older. */
			.created_ns = MIN(db_row_int(r, 5), l->least_ns),
			.namespace_ = pipeline_row_text(l->a, r, 6),
			.next = l->first,
		};
		l->first = c;
		l->least_ns = c->created_ns;
	}
	if (c->n_platforms == PIPELINE_MOST_JOBS)
		return true;
	c->platforms[c->n_platforms] = pipeline_row_text(l->a, r, 7);
	c->queued_ns[c->n_platforms++] = db_row_int(r, 8);
	return true;
}

static void count_running(struct pipeline *p, struct pipeline_candidate *list)
{
	hold(&p->lock);
	for (struct pipeline_candidate *c = list; c; c = c->next)
		for (struct pipeline_held_lease *l = p->leases; l; l = l->next)
			c->running += strcmp(l->namespace_, c->namespace_) == 0;
}

struct err *pipeline_queue_load(struct pipeline *p, struct arena *a,
				struct pipeline_candidate **out)
{
	struct loading l = { .a = a, .least_ns = INT64_MAX };
	TRY(db_query(p->o.db,
		     "SELECT r.id, r.seq, r.priority, r.pool, r.emulation, r.created_ns,"
		     " i.namespace, j.platform, j.queued_ns FROM build_job j"
		     " JOIN build_record r ON r.id = j.record_id"
		     " JOIN image_repository i ON i.id = r.repository_id"
		     " LEFT JOIN build_record w ON w.id = r.waits_for"
		     " WHERE j.state = 'queued' AND j.lease_id IS NULL"
		     " AND r.status IN ('PENDING', 'BUILDING')"
		     " AND (w.id IS NULL OR w.status NOT IN ('PENDING', 'BUILDING'))"
		     " ORDER BY r.seq DESC, j.position",
		     DB_NO_PARAMS, see_job, &l));
	count_running(p, l.first);
	*out = l.first;
	return NULL;
}

/* ---- who may run what ---- */

enum fit { FIT_NO, FIT_EMULATED, FIT_NATIVE };

static enum fit fit(const struct pipeline_known_worker *w, const struct oci_platform *platform)
{
	for (size_t i = 0; i < w->n_platforms; i++)
		if (oci_platform_eq(&w->platforms[i].platform, platform))
			return w->platforms[i].native ? FIT_NATIVE : FIT_EMULATED;
	return FIT_NO;
}

static bool native_elsewhere_locked(struct pipeline *p, const char *pool,
				    const struct oci_platform *platform)
{
	for (struct pipeline_known_worker *w = p->workers; w; w = w->next)
		if (!w->draining && strcmp(w->pool, pool) == 0 &&
		    pipeline_worker_online_locked(p, w) && fit(w, platform) == FIT_NATIVE)
			return true;
	return false;
}

/* A clock that was turned back must not make a job wait: a time in the future is long enough. */
static bool waited(int64_t since_ns, int64_t now_ns)
{
	return since_ns > now_ns || now_ns - since_ns >= PIPELINE_NATIVE_WAIT_S * 1000000000ll;
}

/* The jobs of the candidate that the worker may have now. */
static size_t choose_locked(struct pipeline *p, const struct pipeline_candidate *c,
			    const struct pipeline_known_worker *w, int64_t now_ns,
			    const char **platforms, bool *native, bool *held)
{
	size_t n = 0;
	if (strcmp(c->pool, w->pool) != 0)
		return 0;
	for (size_t i = 0; i < c->n_platforms; i++) {
		struct oci_platform platform;
		struct err *e = oci_platform_parse(str_of(c->platforms[i]), &platform);
		err_free(e);
		enum fit f = e ? FIT_NO : fit(w, &platform);
		if (f == FIT_NO || (f == FIT_EMULATED && !c->emulation))
			continue;
		if (f == FIT_EMULATED && !waited(c->queued_ns[i], now_ns) &&
		    native_elsewhere_locked(p, c->pool, &platform)) {
			*held = true;
			continue;
		}
		platforms[n] = c->platforms[i];
		native[n++] = f == FIT_NATIVE;
	}
	return n;
}

static int64_t urgency(const struct pipeline_candidate *c, int64_t now_ns)
{
	return c->priority + MAX(0, now_ns - c->created_ns) / 60000000000ll;
}

static bool goes_before(const struct pipeline_candidate *a, const struct pipeline_candidate *b,
			int64_t now_ns)
{
	if (a->running != b->running)
		return a->running < b->running;
	int64_t ua = urgency(a, now_ns), ub = urgency(b, now_ns);
	return ua != ub ? ua > ub : a->seq < b->seq;
}

struct pipeline_candidate *pipeline_queue_pick(struct pipeline *p, struct pipeline_candidate *list,
					       const char *worker_id, int64_t now_ns,
					       const char **platforms, bool *native, size_t *n,
					       bool *held)
{
	hold(&p->lock);
	struct pipeline_known_worker *w = pipeline_worker_locked(p, worker_id);
	struct pipeline_candidate *best = NULL;
	if (!w || w->draining)
		return NULL;
	for (struct pipeline_candidate *c = list; c; c = c->next) {
		const char *some[PIPELINE_MOST_JOBS];
		bool some_native[PIPELINE_MOST_JOBS];
		if (c->taken || (best && !goes_before(c, best, now_ns)))
			continue;
		size_t k = choose_locked(p, c, w, now_ns, some, some_native, held);
		if (!k)
			continue;
		best = c;
		*n = k;
		memcpy(platforms, some, k * sizeof(some[0]));
		memcpy(native, some_native, k * sizeof(some_native[0]));
	}
	return best;
}

/* ---- places ---- */

static void see_workers(struct pipeline *p, struct pipeline_candidate *c)
{
	for (size_t i = 0; i < c->n_platforms; i++) {
		struct oci_platform platform;
		struct err *e = oci_platform_parse(str_of(c->platforms[i]), &platform);
		hold(&p->lock);
		for (struct pipeline_known_worker *w = p->workers; w && !e; w = w->next) {
			enum fit f = fit(w, &platform);
			c->reachable |= !w->draining && strcmp(w->pool, c->pool) == 0 &&
					pipeline_worker_online_locked(p, w) &&
					(f == FIT_NATIVE || (f == FIT_EMULATED && c->emulation));
		}
		err_free(e);
	}
}

/* What goes before within `by`, the namespace or the pool. */
static int order(const struct pipeline_candidate *a, const struct pipeline_candidate *b,
		 const char *by_a, const char *by_b, int64_t now_ns)
{
	int by = strcmp(by_a, by_b);
	if (by)
		return by;
	if (a->reachable != b->reachable)
		return a->reachable ? -1 : 1;
	return goes_before(a, b, now_ns) ? -1 : goes_before(b, a, now_ns);
}

static int by_namespace(const void *x, const void *y, void *now_ns)
{
	const struct pipeline_candidate *const *a = x, *const *b = y;
	return order(*a, *b, (*a)->namespace_, (*b)->namespace_, *(int64_t *)now_ns);
}

static int by_pool(const void *x, const void *y, void *now_ns)
{
	const struct pipeline_candidate *const *a = x, *const *b = y;
	return order(*a, *b, (*a)->pool, (*b)->pool, *(int64_t *)now_ns);
}

/* A candidate finds its namespace with one lease more than the one before it did, so that sorting
 * by that number is taking one after the other. */
static void sort(struct pipeline_candidate **list, size_t n, int64_t now_ns)
{
	qsort_r(list, n, sizeof(struct pipeline_candidate *), by_namespace, &now_ns);
	for (size_t i = 1; i < n; i++)
		if (strcmp(list[i]->namespace_, list[i - 1]->namespace_) == 0)
			list[i]->running = list[i - 1]->running + 1;
	qsort_r(list, n, sizeof(struct pipeline_candidate *), by_pool, &now_ns);
}

static void set_position(struct pipeline_build *builds, size_t n, int64_t seq, uint32_t position)
{
	for (size_t i = 0; i < n; i++)
		if (builds[i].seq == seq)
			builds[i].queue_position = position;
}

static bool has_queued(const struct pipeline_build *b)
{
	for (size_t i = 0; i < b->n_jobs; i++)
		if (strcmp(b->jobs[i].state, pipeline_job_state_name(JOB_QUEUED)) == 0)
			return !pipeline_status_ended(b->status);
	return false;
}

struct err *pipeline_queue_places(struct pipeline *p, struct pipeline_build *builds, size_t n)
{
	bool any = false;
	for (size_t i = 0; i < n; i++)
		any |= has_queued(&builds[i]);
	if (!any)
		return NULL;
	own(arena) a = arena_open(PIPELINE_LOOK_ARENA_BYTES);
	struct pipeline_candidate *first, **list;
	size_t n_list = 0;
	uint32_t position = 0;
	TRY(pipeline_queue_load(p, a, &first));
	for (struct pipeline_candidate *c = first; c; c = c->next)
		n_list++;
	list = arena_new_array(a, n_list, struct pipeline_candidate *);
	n_list = 0;
	for (struct pipeline_candidate *c = first; c; c = c->next) {
		see_workers(p, c);
		list[n_list++] = c;
	}
	sort(list, n_list, pipeline_now(p));
	for (size_t i = 0; i < n_list; i++) {
		bool same = i && strcmp(list[i]->pool, list[i - 1]->pool) == 0;
		position = same ? position + 1 : 1;
		set_position(builds, n, list[i]->seq, position);
	}
	return NULL;
}
