/* States of records and jobs: the tables, and their one writer each. */
#include "pipeline/pipeline_priv.h"

#include <assert.h>

#include "base/time.h"

#define TO(state) (1u << JOB_##state)
static const struct {
	const char *name;
	unsigned next;
} job_states[] = {
	/* QUEUED to itself: leased, and given back before anything ran. */
	[JOB_QUEUED] = { "queued", TO(QUEUED) | TO(RUNNING) | TO(FAILED) | TO(CANCELED) },
	[JOB_RUNNING] = { "running",
			  TO(PUSHING) | TO(DONE) | TO(FAILED) | TO(CANCELED) | TO(QUEUED) },
	[JOB_PUSHING] = { "pushing", TO(DONE) | TO(FAILED) | TO(CANCELED) | TO(QUEUED) },
	[JOB_DONE] = { "done", 0 },
	[JOB_FAILED] = { "failed", 0 },
	[JOB_CANCELED] = { "canceled", 0 },
};
#undef TO
#define TO(state) (1u << PIPELINE_##state)
static const unsigned record_next[] = {
	[PIPELINE_PENDING] = TO(BUILDING) | TO(FAILED) | TO(CANCELED),
	[PIPELINE_BUILDING] = TO(SUCCESS) | TO(FAILED) | TO(CANCELED),
	[PIPELINE_SUCCESS] = 0,
	[PIPELINE_FAILED] = 0,
	[PIPELINE_CANCELED] = 0,
};
#undef TO

const char *pipeline_job_state_name(enum pipeline_job_state s)
{
	return job_states[s].name;
}

bool pipeline_job_may_move(enum pipeline_job_state from, enum pipeline_job_state to)
{
	return job_states[from].next & (1u << to);
}

bool pipeline_record_may_move(enum pipeline_status from, enum pipeline_status to)
{
	return record_next[from] & (1u << to);
}

/* ---- rows ---- */

struct err *pipeline_sql(struct pipeline *p, struct db_tx *tx, const char *sql,
			 const struct db_param *params, size_t n,
			 bool (*row)(void *arg, struct db_row *r), void *arg)
{
	return tx ? db_tx_query(tx, sql, params, n, row, arg)
		  : db_query(p->o.db, sql, params, n, row, arg);
}

bool pipeline_see_row(void *arg, struct db_row *r)
{
	*(bool *)arg = true;
	return true;
}

bool pipeline_see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return true;
}

struct db_param pipeline_text(const char *s)
{
	return s ? db_cstr(s) : db_null();
}

struct db_param pipeline_time(int64_t ns)
{
	return ns ? db_int(ns) : db_null();
}

const char *pipeline_row_text(struct arena *a, struct db_row *r, int column)
{
	return db_row_is_null(r, column) ? NULL : arena_strdup(a, db_row_text(r, column));
}

void pipeline_copy_id(char *to, size_t size, struct str s)
{
	size_t n = MIN(s.len, size - 1);
	if (n)
		memcpy(to, s.p, n);
	to[n] = 0;
}

void pipeline_keep_error(struct arena *a, struct err *e, const char *otherwise, const char **code,
			 const char **text, const char **remedy)
{
	own_mem char *whole = err_text(e);
	*code = arena_strdup(a, str_of(err_code(e) ? err_code(e) : otherwise));
	*text = arena_strdup(a, str_of(whole));
	*remedy = err_remedy(e) ? arena_strdup(a, str_of(err_remedy(e))) : NULL;
	err_free(e);
}

int64_t pipeline_now(const struct pipeline *p)
{
	return time_now_unix_ns() + __atomic_load_n(&p->wall_shift_ns, __ATOMIC_RELAXED);
}

static enum pipeline_job_state job_state_of(struct str s)
{
	for (size_t i = 0; i < ARRAY_LEN(job_states); i++)
		if (str_eq(s, str_of(job_states[i].name)))
			return (enum pipeline_job_state)i;
	return JOB_FAILED; /* of a newer kiln: nothing is run for it */
}

struct jobs {
	struct arena *a;
	struct pipeline_job_row *rows;
	size_t n;
};

static bool see_job(void *arg, struct db_row *r)
{
	struct jobs *jobs = arg;
	struct arena *a = jobs->a;
	if (jobs->n == PIPELINE_MOST_JOBS)
		return false;
	jobs->rows[jobs->n++] = (struct pipeline_job_row){
		.platform = arena_strdup(a, db_row_text(r, 0)),
		.position = db_row_int(r, 1),
		.state = job_state_of(db_row_text(r, 2)),
		.attempt = db_row_int(r, 3),
		.worker_id = pipeline_row_text(a, r, 4),
		.lease_id = pipeline_row_text(a, r, 5),
		.native = db_row_is_null(r, 6) ? -1 : (int)db_row_int(r, 6),
		.media_type = pipeline_row_text(a, r, 7),
		.digest = pipeline_row_text(a, r, 8),
		.size = db_row_int(r, 9),
		.error_code = pipeline_row_text(a, r, 10),
		.error_text = pipeline_row_text(a, r, 11),
		.queued_ns = db_row_int(r, 12),
		.started_ns = db_row_int(r, 13),
		.ended_ns = db_row_int(r, 14),
		.worker = pipeline_row_text(a, r, 15),
		.error_remedy = pipeline_row_text(a, r, 16),
	};
	return true;
}

struct err *pipeline_jobs_load(struct pipeline *p, struct db_tx *tx, struct arena *a,
			       const char *record_id, struct pipeline_job_row *rows, size_t *n)
{
	struct jobs jobs = { .a = a, .rows = rows };
	TRY(pipeline_sql(p, tx,
			 "SELECT j.platform, j.position, j.state, j.attempt, j.worker_id,"
			 " j.lease_id, j.native, j.media_type, j.digest, j.size, j.error_code,"
			 " j.error_text, j.queued_ns, j.started_ns, j.ended_ns, w.name,"
			 " j.error_remedy"
			 " FROM build_job j LEFT JOIN worker w ON w.id = j.worker_id"
			 " WHERE j.record_id = $1 ORDER BY j.position, j.platform",
			 DB_PARAMS(db_cstr(record_id)), see_job, &jobs));
	*n = jobs.n;
	return NULL;
}

bool pipeline_jobs_ended(const struct pipeline_record *r)
{
	for (size_t i = 0; i < r->n_jobs; i++)
		if (!pipeline_job_ended(r->jobs[i].state))
			return false;
	return true;
}

/* ---- the writers ---- */

static struct err *not_as_read(const char *record_id)
{
	return err_new(ERR_CORRUPT, "build %s: its state is not what it was a moment ago",
		       record_id);
}

/* What a state says of the rest of the row. */
static void job_invariant(struct pipeline_job_row *j, enum pipeline_job_state to, int64_t now)
{
	if (to == JOB_QUEUED) {
		j->worker_id = j->lease_id = NULL;
		j->error_code = j->error_text = j->error_remedy = NULL;
		j->native = -1;
		j->started_ns = 0;
	}
	if (to == JOB_RUNNING && !j->started_ns)
		j->started_ns = now;
	if (pipeline_job_ended(to))
		j->ended_ns = now;
	if (to == JOB_DONE)
		j->error_code = j->error_text = j->error_remedy = NULL;
	assert((to == JOB_DONE) == (j->digest != NULL));
	assert(to != JOB_FAILED || j->error_code);
}

struct err *pipeline_job_move(struct pipeline *p, struct db_tx *tx, const char *record_id,
			      struct pipeline_job_row *j, enum pipeline_job_state to)
{
	assert(pipeline_job_may_move(j->state, to));
	job_invariant(j, to, pipeline_now(p));
	bool moved = false;
	TRY(db_tx_query(
		tx,
		"UPDATE build_job SET state = $3, attempt = $4, worker_id = $5,"
		" lease_id = $6, native = $7, media_type = $8, digest = $9, size = $10,"
		" error_code = $11, error_text = $12, started_ns = $13, ended_ns = $14,"
		" error_remedy = $16"
		" WHERE record_id = $1 AND platform = $2 AND state = $15 RETURNING 1",
		DB_PARAMS(db_cstr(record_id), db_cstr(j->platform), db_cstr(job_states[to].name),
			  db_int(j->attempt), pipeline_text(j->worker_id),
			  pipeline_text(j->lease_id), j->native < 0 ? db_null() : db_int(j->native),
			  pipeline_text(j->media_type), pipeline_text(j->digest),
			  j->digest ? db_int(j->size) : db_null(), pipeline_text(j->error_code),
			  pipeline_text(j->error_text), pipeline_time(j->started_ns),
			  pipeline_time(j->ended_ns), db_cstr(job_states[j->state].name),
			  pipeline_text(j->error_remedy)),
		pipeline_see_row, &moved));
	if (!moved)
		return not_as_read(record_id);
	j->state = to;
	return NULL;
}

struct err *pipeline_record_move(struct pipeline *p, struct db_tx *tx, struct pipeline_record *r,
				 enum pipeline_status to)
{
	struct pipeline_build *b = &r->b;
	assert(pipeline_record_may_move(b->status, to));
	assert(to != PIPELINE_SUCCESS || b->digest);
	assert(to != PIPELINE_FAILED || b->error_code);
	int64_t now = pipeline_now(p);
	if (to == PIPELINE_BUILDING)
		b->started_ns = now;
	if (pipeline_status_ended(to))
		b->ended_ns = now;
	bool moved = false;
	TRY(db_tx_query(tx,
			"UPDATE build_record SET status = $2, error_code = $3, error_text = $4,"
			" digest = $5, canceled_by = $6, superseded_by = $7, started_ns = $8,"
			" ended_ns = $9, error_remedy = $11 WHERE id = $1 AND status = $10"
			" RETURNING 1",
			DB_PARAMS(db_cstr(b->id), db_cstr(pipeline_status_name(to)),
				  pipeline_text(b->error_code), pipeline_text(b->error_text),
				  pipeline_text(b->digest), pipeline_text(b->canceled_by),
				  pipeline_text(b->superseded_by), pipeline_time(b->started_ns),
				  pipeline_time(b->ended_ns),
				  db_cstr(pipeline_status_name(b->status)),
				  pipeline_text(b->error_remedy)),
			pipeline_see_row, &moved));
	if (!moved)
		return not_as_read(b->id);
	b->status = to;
	TRY(pipeline_news_of_build(p, tx, r));
	return pipeline_report_of_build(p, tx, r);
}
