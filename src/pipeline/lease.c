/* Leases: jobs of one record that a worker has. The row in build_lease and `lease_id` of the jobs
 * say who has what; the clock that ends a lease is in memory. */
#include "pipeline/pipeline_priv.h"

#include <stdio.h>

#include "base/random.h"
#include "base/time.h"

struct pipeline_held_lease *pipeline_lease_locked(struct pipeline *p, const char *id)
{
	mutex_assert_held(&p->lock);
	for (struct pipeline_held_lease *l = p->leases; l; l = l->next)
		if (strcmp(l->id, id) == 0)
			return l;
	return NULL;
}

bool pipeline_worker_owns_locked(struct pipeline *p, const struct pipeline_held_lease *l,
				 const char *token_id)
{
	struct pipeline_known_worker *w = pipeline_worker_locked(p, l->worker_id);
	return w && strcmp(w->token_id, token_id) == 0;
}

void pipeline_lease_drop_locked(struct pipeline *p, const char *id)
{
	struct pipeline_held_lease **at = &p->leases;
	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	struct pipeline_held_lease *l = *at;
	if (!l)
		return;
	*at = l->next;
	free(l->namespace_);
	free(l);
	p->have_work = true; /* of the namespace fewer run; a cancel may be over */
	cond_signal(&p->work);
}

void pipeline_leases_drop(struct pipeline *p)
{
	while (p->leases) {
		struct pipeline_held_lease *l = p->leases;
		p->leases = l->next;
		free(l->namespace_);
		free(l);
	}
}

/* ---- what a former process left ---- */

struct loading {
	struct pipeline *p;
	int64_t now_ns;
	uint64_t now_ms;
};

static bool see_lease(void *arg, struct db_row *r)
{
	struct loading *g = arg;
	struct pipeline_held_lease *l = mem_new(struct pipeline_held_lease);
	pipeline_copy_id(l->id, sizeof(l->id), db_row_text(r, 0));
	pipeline_copy_id(l->record_id, sizeof(l->record_id), db_row_text(r, 1));
	pipeline_copy_id(l->worker_id, sizeof(l->worker_id), db_row_text(r, 2));
	l->cancel = (enum pipeline_lease_cancel)db_row_int(r, 3);
	/* The wall clock may have been turned while nobody looked. What cannot be right gets the
	 * whole limit: the worker keeps it too, on a clock that is not turned. */
	int64_t left_ns = db_row_int(r, 4) - g->now_ns, limit_ns = db_row_int(r, 5) * 1000000000;
	if (left_ns <= 0 || left_ns > limit_ns)
		left_ns = limit_ns;
	l->deadline_ms = g->now_ms + (uint64_t)left_ns / 1000000;
	l->namespace_ = str_dup(db_row_text(r, 6));
	l->embedded = db_row_int(r, 7) != 0;
	l->unsure = true;
	l->unsure_from = (uint64_t)db_row_int(r, 8);
	l->first_step = (uint32_t)db_row_int(r, 9);
	l->heard = db_row_int(r, 10) > 0;
	l->granted_ms = g->now_ms;
	l->expires_ms = g->now_ms + g->p->lease_ms;
	l->stop_ms = l->cancel ? l->expires_ms + g->p->grace_ms : 0;
	l->next = g->p->leases;
	g->p->leases = l;
	return true;
}

struct err *pipeline_leases_load(struct pipeline *p)
{
	struct loading g = { p, pipeline_now(p), time_mono_ms() };
	TRY(db_query(p->o.db,
		     "SELECT l.id, l.record_id, l.worker_id, l.cancel, l.deadline_ns,"
		     " r.time_limit_s, i.namespace, COALESCE(w.embedded, 1), r.n_log_lines,"
		     " (SELECT COALESCE(MIN(s.step), 1) - 1 FROM build_step s"
		     "  WHERE s.record_id = l.record_id AND s.lease_id = l.id), l.next_event"
		     " FROM build_lease l JOIN build_record r ON r.id = l.record_id"
		     " JOIN image_repository i ON i.id = r.repository_id"
		     " LEFT JOIN worker w ON w.id = l.worker_id",
		     DB_NO_PARAMS, see_lease, &g));
	for (struct pipeline_held_lease *l = p->leases, *next; l; l = next) {
		next = l->next;
		if (l->embedded)
			TRY(pipeline_lease_end(p, l->id, LEASE_GIVEN_BACK));
	}
	return NULL;
}

/* ---- to grant ---- */

/* Steps are numbered over all leases of a record. Beside another lease, whose number of steps is
 * not known yet, a stretch is left free for it. */
static uint32_t first_step(struct pipeline *p, const char *record_id, int64_t last)
{
	hold(&p->lock);
	int64_t first = last;
	bool beside = false;
	for (struct pipeline_held_lease *l = p->leases; l; l = l->next) {
		if (strcmp(l->record_id, record_id) != 0)
			continue;
		beside = true;
		first = MAX(first, (int64_t)l->first_step + 1);
	}
	if (beside)
		first = (first / PIPELINE_STEP_STRIDE + 1) * PIPELINE_STEP_STRIDE;
	return (uint32_t)MIN(first, PIPELINE_MOST_LOG_STEP - PIPELINE_STEP_STRIDE);
}

static struct err *take_jobs(struct pipeline *p, struct db_tx *tx, const char *lease_id,
			     const struct pipeline_candidate *c, const char *const *platforms,
			     const bool *native, size_t n, const char *worker_id, size_t *taken,
			     const char **taken_platforms)
{
	*taken = 0;
	for (size_t i = 0; i < n; i++) {
		bool got = false;
		TRY(db_tx_query(tx,
				"UPDATE build_job SET lease_id = $3, worker_id = $4, native = $5"
				" WHERE record_id = $1 AND platform = $2 AND state = 'queued'"
				" AND lease_id IS NULL RETURNING 1",
				DB_PARAMS(db_cstr(c->record_id), db_cstr(platforms[i]),
					  db_cstr(lease_id), db_cstr(worker_id), db_int(native[i])),
				pipeline_see_row, &got));
		if (got)
			taken_platforms[(*taken)++] = platforms[i];
	}
	return NULL;
}

static void remember(struct pipeline *p, const struct pipeline_candidate *c,
		     const struct pipeline_lease *lease, const char *worker_id)
{
	hold(&p->lock);
	struct pipeline_held_lease *l = mem_new(struct pipeline_held_lease);
	pipeline_copy_id(l->id, sizeof(l->id), str_of(lease->id));
	pipeline_copy_id(l->record_id, sizeof(l->record_id), str_of(c->record_id));
	pipeline_copy_id(l->worker_id, sizeof(l->worker_id), str_of(worker_id));
	struct pipeline_known_worker *w = pipeline_worker_locked(p, worker_id);
	l->embedded = w && w->embedded;
	l->namespace_ = mem_strdup(c->namespace_);
	l->first_step = lease->first_step;
	l->granted_ms = time_mono_ms();
	l->expires_ms = l->granted_ms + p->lease_ms;
	l->deadline_ms = l->granted_ms + (uint64_t)lease->build.time_limit_s * 1000;
	l->next = p->leases;
	p->leases = l;
	cond_signal(&p->watch);
}

static struct err *grant(struct pipeline *p, struct arena *a, const struct pipeline_candidate *c,
			 const char *const *platforms, const bool *native, size_t n,
			 const char *worker_id, struct pipeline_lease *out, bool *got)
{
	struct pipeline_record *r = arena_new(a, struct pipeline_record);
	const char *taken[PIPELINE_MOST_JOBS];
	int64_t now = pipeline_now(p), last_step = 0;
	size_t n_taken;
	bool found;
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	out->id = arena_strdup(a, str_of(random_id("lease-").s));
	TRY(take_jobs(p, tx, out->id, c, platforms, native, n, worker_id, &n_taken, taken));
	TRY(pipeline_record_load(p, tx, a, str_of(c->record_id), &found, r));
	if (!n_taken || !found || pipeline_status_ended(r->b.status))
		return NULL;
	TRY(db_tx_query(tx, "SELECT COALESCE(MAX(step), 0) FROM build_step WHERE record_id = $1",
			DB_PARAMS(db_cstr(c->record_id)), pipeline_see_int, &last_step));
	out->deadline_ns = now + (int64_t)r->b.time_limit_s * 1000000000;
	out->first_step = first_step(p, c->record_id, last_step);
	TRY(db_tx_exec(tx,
		       "INSERT INTO build_lease (id, record_id, worker_id, next_event, cancel,"
		       " deadline_ns, expires_ns) VALUES ($1, $2, $3, 0, 0, $4, $5)",
		       DB_PARAMS(db_cstr(out->id), db_cstr(c->record_id), db_cstr(worker_id),
				 db_int(out->deadline_ns),
				 db_int(now + (int64_t)p->lease_ms * 1000000))));
	TRY(db_tx_commit(tx));
	pipeline_record_build(a, r, &out->build);
	for (size_t i = 0; i < n_taken; i++)
		TRY(oci_platform_parse(str_of(taken[i]), &out->platforms[out->n_platforms++]));
	*got = true;
	return NULL;
}

struct err *pipeline_lease_grant(struct pipeline *p, struct arena *a,
				 const struct pipeline_candidate *c, const char *const *platforms,
				 const bool *native, size_t n, const char *worker_id,
				 struct pipeline_lease *out, bool *got)
{
	*got = false;
	*out = (struct pipeline_lease){ .n_platforms = 0 };
	TRY(grant(p, a, c, platforms, native, n, worker_id, out, got));
	if (*got)
		remember(p, c, out, worker_id);
	return NULL;
}

/* ---- to end ---- */

static struct err *fail_lost(struct pipeline *p, struct db_tx *tx, const char *record_id,
			     struct pipeline_job_row *j, struct pipeline_after *after)
{
	j->error_code = "WORKER_LOST";
	j->error_text =
		arena_printf(after->a, "%d workers were lost with it", PIPELINE_MOST_ATTEMPTS);
	j->error_remedy = "Look into the logs of the workers, and retry.";
	pipeline_after_say(after, record_id, (int)j->position,
			   "worker %s was lost; %s has failed,"
			   " as it is the %dth",
			   j->worker ? j->worker : "?", j->platform, PIPELINE_MOST_ATTEMPTS);
	return pipeline_job_move(p, tx, record_id, j, JOB_FAILED);
}

struct err *pipeline_job_release(struct pipeline *p, struct db_tx *tx, const char *record_id,
				 struct pipeline_job_row *j, enum pipeline_lease_cancel cancel,
				 enum pipeline_lease_end why, uint32_t time_limit_s,
				 struct pipeline_after *after)
{
	if (j->error_code && strcmp(j->error_code, "CANCELED") == 0)
		return pipeline_job_move(p, tx, record_id, j, JOB_CANCELED);
	if (cancel == LEASE_TIME) {
		j->error_code = "TIME_LIMIT";
		j->error_text = arena_printf(after->a, "it took longer than %u s", time_limit_s);
		j->error_remedy = "Raise the time limit of the build rule.";
		return pipeline_job_move(p, tx, record_id, j, JOB_FAILED);
	}
	bool counts = why == LEASE_LOST || (why == LEASE_STOPPED && !cancel);
	if (counts && j->attempt >= PIPELINE_MOST_ATTEMPTS)
		return fail_lost(p, tx, record_id, j, after);
	j->attempt += counts;
	static const char *const words[] = { [LEASE_LOST] = "was lost",
					     [LEASE_GIVEN_BACK] = "is gone",
					     [LEASE_STOPPED] = "stopped" };
	pipeline_after_say(after, record_id, (int)j->position,
			   "worker %s %s; %s goes back to the queue (attempt %d of %d)",
			   j->worker ? j->worker : "?", words[why], j->platform, (int)j->attempt,
			   PIPELINE_MOST_ATTEMPTS);
	return pipeline_job_move(p, tx, record_id, j, JOB_QUEUED);
}

struct lease_row {
	struct arena *a;
	bool found;
	const char *record_id;
	int64_t cancel;
};

static bool see_row(void *arg, struct db_row *r)
{
	struct lease_row *l = arg;
	l->found = true;
	l->record_id = pipeline_row_text(l->a, r, 0);
	l->cancel = db_row_int(r, 1);
	return true;
}

static struct err *release_jobs(struct pipeline *p, struct db_tx *tx, struct pipeline_record *r,
				const char *lease_id, const struct lease_row *row,
				enum pipeline_lease_end why, struct pipeline_after *after)
{
	for (size_t i = 0; i < r->n_jobs; i++) {
		struct pipeline_job_row *j = &r->jobs[i];
		if (j->lease_id && strcmp(j->lease_id, lease_id) == 0 &&
		    !pipeline_job_ended(j->state))
			TRY(pipeline_job_release(p, tx, r->b.id, j,
						 (enum pipeline_lease_cancel)row->cancel, why,
						 r->b.time_limit_s, after));
	}
	TRY(db_tx_exec(
		tx,
		"UPDATE build_step SET state = 'canceled', ended_ms = $3"
		" WHERE record_id = $1 AND lease_id = $2"
		" AND state IN ('waiting', 'running')",
		DB_PARAMS(db_cstr(r->b.id), db_cstr(lease_id), db_int(pipeline_now(p) / 1000000))));
	if (pipeline_jobs_ended(r))
		pipeline_after_finish(after, r->b.id);
	pipeline_after_poke(after, r->b.id);
	return NULL;
}

static struct err *end_in_db(struct pipeline *p, const char *lease_id, enum pipeline_lease_end why,
			     struct pipeline_after *after)
{
	struct lease_row row = { .a = after->a };
	struct pipeline_record *r = arena_new(after->a, struct pipeline_record);
	bool found;
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "DELETE FROM build_lease WHERE id = $1 RETURNING record_id, cancel",
			DB_PARAMS(db_cstr(lease_id)), see_row, &row));
	if (!row.found)
		return NULL;
	TRY(pipeline_record_load(p, tx, after->a, str_of(row.record_id), &found, r));
	if (found)
		TRY(release_jobs(p, tx, r, lease_id, &row, why, after));
	return db_tx_commit(tx);
}

/* The open poll of a worker that lost a lease is of a connection that is dead too: it must not get
 * the same job again. One that lives asks anew. */
static void end_poll(struct pipeline *p, const char *lease_id)
{
	hold(&p->lock);
	const struct pipeline_held_lease *l = pipeline_lease_locked(p, lease_id);
	for (struct pipeline_waiting *q = p->waiting; l && q; q = q->next)
		q->over |= strcmp(q->worker_id, l->worker_id) == 0;
}

struct err *pipeline_lease_end(struct pipeline *p, const char *lease_id,
			       enum pipeline_lease_end why)
{
	struct pipeline_after after;
	char id[40];
	pipeline_copy_id(id, sizeof(id), str_of(lease_id));
	own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	pipeline_after_init(&after, p, a);
	if (why == LEASE_LOST)
		end_poll(p, id);
	TRY(end_in_db(p, id, why, &after));
	pipeline_after_end(&after, id);
	pipeline_after_run(&after);
	return NULL;
}
