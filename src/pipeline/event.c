/* Events of a lease. A batch is one transaction, and the number of the next event is moved in it:
 * what comes again is passed over.
 *
 * The log is a file of its own. Its lines are appended before the commit, so a crash between both
 * leaves lines that the worker will send once more. Which ones: the record notes how long the log
 * was at the last commit (n_log_lines), and a lease that was taken up from the database, or whose
 * commit failed, is `unsure`: of the first lines of its next batch those are left out that stand in
 * the log behind that mark, in the same order (time, step, stream, platform and text being equal).
 * Other lines may stand between them. The mark does not pass that of another unsure lease. */
#include "pipeline/event_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"

#define MATCH_LINES 1000

static struct err *lost(struct str lease_id)
{
	return err_coded(ERR_NOT_FOUND, "LEASE_LOST", "Stop the build and drop what it made.",
			 "lease " STR_FMT " is not this worker's any more", STR_ARG(lease_id));
}

/* ---- lines ---- */

static bool same_line(const struct pipeline_line *a, const struct pipeline_line *b)
{
	return a->time_ms == b->time_ms && a->platform == b->platform && a->step == b->step &&
	       a->stream == b->stream && str_eq(a->text, b->text);
}

/* How many of the batch's first lines are in the log from `from` on. */
static struct err *count_known(struct pipeline_batch *b, uint64_t from, size_t *n_known)
{
	struct pipeline_filter any = { .step = -1 };
	*n_known = 0;
	for (;;) {
		own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
		struct pipeline_line *have;
		size_t n;
		uint64_t next;
		TRY(pipeline_log_read(b->p->o.logs, a, b->r.b.id, from, MATCH_LINES, &any, &have,
				      &n, &next));
		for (size_t i = 0; i < n && *n_known < b->n_lines; i++)
			*n_known += same_line(&have[i], &b->lines[*n_known]);
		if (next <= from || *n_known == b->n_lines)
			return NULL;
		from = next;
	}
}

static bool be_unsure(struct pipeline_batch *b, uint64_t *from)
{
	hold(&b->p->lock);
	struct pipeline_held_lease *l = pipeline_lease_locked(b->p, b->lease_id);
	bool before = l && l->unsure;
	if (!l)
		return false;
	if (!before) {
		l->unsure = true;
		l->unsure_from = *from;
	}
	*from = l->unsure_from;
	return before;
}

static void be_sure(struct pipeline_batch *b)
{
	hold(&b->p->lock);
	struct pipeline_held_lease *l = pipeline_lease_locked(b->p, b->lease_id);
	if (l)
		l->unsure = false;
}

static uint64_t mark_of(struct pipeline_batch *b, uint64_t count)
{
	hold(&b->p->lock);
	for (struct pipeline_held_lease *l = b->p->leases; l; l = l->next)
		if (l->unsure && strcmp(l->record_id, b->r.b.id) == 0 &&
		    strcmp(l->id, b->lease_id) != 0)
			count = MIN(count, l->unsure_from);
	return count;
}

static struct err *append_lines(struct pipeline_batch *b)
{
	struct pipeline_logs *logs = b->p->o.logs;
	uint64_t count = 0;
	size_t known = 0;
	if (!b->n_lines)
		return NULL;
	TRY(pipeline_log_count(logs, b->r.b.id, &count));
	uint64_t from = count;
	if (be_unsure(b, &from))
		TRY(count_known(b, from, &known));
	if (known < b->n_lines)
		TRY(pipeline_log_append(logs, b->r.b.id, b->lines + known, b->n_lines - known));
	TRY(pipeline_log_count(logs, b->r.b.id, &count));
	return db_tx_exec(b->tx, "UPDATE build_record SET n_log_lines = $2 WHERE id = $1",
			  DB_PARAMS(db_cstr(b->r.b.id), db_int(mark_of(b, count))));
}

/* ---- a batch ---- */

struct lease_row {
	struct arena *a;
	bool found;
	const char *record_id;
	int64_t next, cancel;
};

static bool see_lease(void *arg, struct db_row *r)
{
	struct lease_row *l = arg;
	*l = (struct lease_row){ .a = l->a,
				 .found = true,
				 .record_id = pipeline_row_text(l->a, r, 0),
				 .next = db_row_int(r, 1),
				 .cancel = db_row_int(r, 2) };
	return true;
}

static bool lease_is_over(const struct pipeline_batch *b)
{
	for (size_t i = 0; i < b->r.n_jobs; i++) {
		const struct pipeline_job_row *j = &b->r.jobs[i];
		if (!pipeline_job_ended(j->state) && j->lease_id &&
		    strcmp(j->lease_id, b->lease_id) == 0)
			return false;
	}
	return true;
}

static struct err *end_lease(struct pipeline_batch *b)
{
	TRY(db_tx_exec(b->tx, "DELETE FROM build_lease WHERE id = $1",
		       DB_PARAMS(db_cstr(b->lease_id))));
	TRY(db_tx_exec(b->tx,
		       "UPDATE build_step SET state = 'canceled', ended_ms = $3"
		       " WHERE record_id = $1 AND lease_id = $2"
		       " AND state IN ('waiting', 'running')",
		       DB_PARAMS(db_cstr(b->r.b.id), db_cstr(b->lease_id),
				 db_int(pipeline_now(b->p) / 1000000))));
	pipeline_after_end(&b->after, b->lease_id);
	if (pipeline_jobs_ended(&b->r))
		pipeline_after_finish(&b->after, b->r.b.id);
	return NULL;
}

static struct err *apply_all(struct pipeline_batch *b, json_t *events, size_t skip)
{
	size_t n = json_array_size(events);
	b->lines = arena_new_array(b->a, n - skip, struct pipeline_line);
	for (size_t i = skip; i < n; i++)
		TRY(err_wrap(pipeline_event_apply(b, json_array_get(events, i)), "event %zu", i));
	return append_lines(b);
}

static struct err *take(struct pipeline_batch *b, struct str lease_id, uint64_t seq, json_t *events,
			uint64_t *next, bool *cancel)
{
	struct lease_row row = { .a = b->a };
	bool found;
	size_t n = json_array_size(events);
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(b->p->o.db, &tx));
	b->tx = tx;
	TRY(db_tx_query(tx, "SELECT record_id, next_event, cancel FROM build_lease WHERE id = $1",
			DB_PARAMS(db_text(lease_id)), see_lease, &row));
	if (row.found)
		TRY(pipeline_record_load(b->p, tx, b->a, str_of(row.record_id), &found, &b->r));
	if (!row.found || !found)
		return lost(lease_id);
	b->cancel = (enum pipeline_lease_cancel)row.cancel;
	*cancel = row.cancel != 0;
	*next = (uint64_t)row.next;
	/* A gap: the worker goes on from where we are. */
	if (seq > *next || n <= *next - seq)
		return NULL;
	TRY(apply_all(b, events, (size_t)(*next - seq)));
	TRY(db_tx_exec(tx, "UPDATE build_lease SET next_event = $2 WHERE id = $1",
		       DB_PARAMS(db_text(lease_id), db_int(seq + n))));
	if (lease_is_over(b))
		TRY(end_lease(b));
	TRY(db_tx_commit(tx));
	*next = seq + n;
	if (b->n_lines)
		be_sure(b);
	return NULL;
}

/* Is it the worker's? Then it lives on. */
static bool touch(struct pipeline *p, const char *lease_id, const char *token)
{
	hold(&p->lock);
	struct pipeline_held_lease *l = pipeline_lease_locked(p, lease_id);
	if (!l || !pipeline_worker_owns_locked(p, l, token))
		return false;
	uint64_t now = time_mono_ms();
	l->expires_ms = now + p->lease_ms;
	l->heard = true;
	pipeline_worker_locked(p, l->worker_id)->seen_ms = now;
	return true;
}

static struct err *check_events(uint64_t seq, json_t *events)
{
	if (!json_is_array(events))
		return err_coded(ERR_INVALID, "EVENT", NULL, "events is not a list");
	if (json_array_size(events) > PIPELINE_MOST_EVENTS)
		return err_coded(ERR_LIMIT, "EVENT", "Send them in several requests.",
				 "more than %d events", PIPELINE_MOST_EVENTS);
	if (seq > INT64_MAX / 2)
		return err_coded(ERR_INVALID, "EVENT", NULL, "seq is too large");
	return NULL;
}

struct err *pipeline_lease_events(struct pipeline *p, struct str lease_id, const char *worker_token,
				  uint64_t seq, json_t *events, uint64_t *next, bool *cancel)
{
	own(arena) a = arena_open(PIPELINE_ARENA_BYTES);
	struct pipeline_batch *b = arena_new(a, struct pipeline_batch);
	*b = (struct pipeline_batch){ .p = p, .a = a, .lease_id = arena_strdup(a, lease_id) };
	pipeline_after_init(&b->after, p, a);
	TRY(check_events(seq, events));
	if (!touch(p, b->lease_id, worker_token))
		return lost(lease_id);
	uint64_t at = 0;
	bool stop = false;
	struct err *e = take(b, lease_id, seq, events, &at, &stop);
	if (e && e->kind == ERR_NOT_FOUND && err_code(e) && !strcmp(err_code(e), "LEASE_LOST")) {
		hold(&p->lock);
		pipeline_lease_drop_locked(p, b->lease_id);
	}
	TRY(e);
	*next = at;
	*cancel = stop;
	if (b->changed)
		pipeline_after_poke(&b->after, b->r.b.id);
	pipeline_after_run(&b->after);
	return NULL;
}

/* ---- context ---- */

static struct err *context_record(struct pipeline *p, struct arena *a, struct str lease_id,
				  struct pipeline_record *r)
{
	struct lease_row row = { .a = a };
	bool found = false;
	TRY(db_query(p->o.db, "SELECT record_id, next_event, cancel FROM build_lease WHERE id = $1",
		     DB_PARAMS(db_text(lease_id)), see_lease, &row));
	if (row.found)
		TRY(pipeline_record_load(p, NULL, a, str_of(row.record_id), &found, r));
	return found ? NULL : lost(lease_id);
}

struct err *pipeline_lease_context(struct pipeline *p, struct str lease_id,
				   const char *worker_token, int out_fd)
{
	own(arena) a = arena_open(PIPELINE_ARENA_BYTES);
	struct pipeline_record *r = arena_new(a, struct pipeline_record);
	if (!touch(p, arena_strdup(a, lease_id), worker_token))
		return lost(lease_id);
	TRY(context_record(p, a, lease_id, r));
	if (!r->b.source_id)
		return err_coded(ERR_NOT_FOUND, "SRC_GONE", "Bind the repository to another one.",
				 "the code source of the build was deleted");
	TRY(pipeline_source_fetch(p, r->b.source_id, r->b.ref, r->b.commit));
	return source_git_archive(p->o.git, r->b.source_id, r->b.commit, r->b.dockerfile_dir,
				  out_fd);
}
