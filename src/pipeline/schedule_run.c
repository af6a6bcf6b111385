/* The thread that starts what is due.
 *
 * Everything that may take its time (the remote, matching) is done before the transaction, which
 * stores the run only if the schedule is as it was read: what another server did, or a user
 * changed, makes it nothing. */
#include "pipeline/schedule.h"

#include "base/log.h"
#include "base/random.h"
#include "base/time.h"
#include "pipeline/pipeline_priv.h"

#define LOOK_EVERY_MS 5000 /* clocks are set, and other servers share the database */
#define MOST_DUE      100
#define NO_ZONE_NS    ((int64_t)3600 * 1000000000) /* its file is gone: asked again in an hour */

struct run {
	struct pipeline *p;
	struct arena *a;
	struct pipeline_schedule s;
	int64_t now_ns, next_ns;
	const char *state, *code, *text, *remedy;
	struct pipeline_record *record; /* NULL: none is started */
};

/* ---- what comes of it ---- */

static void skip(struct run *r, const char *code, const char *text, const char *remedy)
{
	r->state = "skipped";
	r->code = code;
	r->text = text;
	r->remedy = remedy;
}

static void fail(struct run *r, struct err *e)
{
	r->state = "failed";
	pipeline_keep_error(r->a, e, "SCHEDULE_FAILED", &r->code, &r->text, &r->remedy);
}

static struct err *set_next(struct run *r)
{
	int64_t next[PIPELINE_NEXT_RUNS];
	r->next_ns = r->now_ns + NO_ZONE_NS;
	TRY(pipeline_schedule_preview(str_of(r->s.cron), str_of(r->s.time_zone), r->now_ns, next));
	r->next_ns = next[0];
	return NULL;
}

static struct err *make_record(struct run *r, const struct pipeline_start *at)
{
	struct source_ref ref;
	struct pipeline_record *n = arena_new(r->a, struct pipeline_record);
	if (!r->s.full_ref)
		return err_coded(ERR_INVALID, "SCHEDULE_REF",
				 "Name the branch or tag that is to be built: \"ref\".",
				 "the rule has an expression now, and the schedule no ref");
	TRY(pipeline_start_head(r->p, r->a, at->binding.source_id, r->s.full_ref, &ref));
	TRY(pipeline_record_from_rule(r->p, r->a, &at->rule, &at->binding, at->repository.full_name,
				      &ref, r->now_ns, n));
	if (!n->tags_json)
		return err_coded(ERR_INVALID, "RULE_NO_MATCH", "Name a ref that the rule matches.",
				 "the rule does not match %s any more", r->s.full_ref);
	n->b.id = arena_strdup(r->a, str_of(random_uuid().s));
	n->b.trigger = "SCHEDULE";
	n->b.actor = arena_printf(r->a, "%s %s", r->s.cron, r->s.time_zone);
	n->b.no_cache |= r->s.no_cache;
	r->record = n;
	r->state = "started";
	return NULL;
}

static struct err *prepare(struct run *r)
{
	struct pipeline_start *at = arena_new(r->a, struct pipeline_start);
	enum pipeline_status status;
	TRY(set_next(r));
	if (r->s.last_build && pipeline_status_parse(str_of(r->s.last_build_status), &status) &&
	    !pipeline_status_ended(status)) {
		skip(r, "SCHEDULE_BUSY",
		     arena_printf(r->a, "build %s of the run before had not ended",
				  r->s.last_build),
		     "Let it run less often, or look why that build takes so long.");
		return NULL;
	}
	TRY(pipeline_start_load(r->p, r->a, str_of(r->s.rule_id), at));
	return make_record(r, at);
}

/* ---- the transaction ---- */

static struct err *claim(struct run *r, struct db_tx *tx, bool *claimed)
{
	*claimed = false;
	return db_tx_query(
		tx,
		"UPDATE build_schedule SET next_run_ns = $4, last_run_ns = $5, last_state = $6,"
		" last_code = $7, last_text = $8, last_remedy = $9,"
		" last_build = COALESCE(CAST($10 AS TEXT), last_build)"
		" WHERE id = $1 AND next_run_ns = $2 AND updated_ns = $3 RETURNING 1",
		DB_PARAMS(db_cstr(r->s.id), db_int(r->s.next_run_ns), db_int(r->s.updated_ns),
			  db_int(r->next_ns), db_int(r->now_ns), db_cstr(r->state),
			  pipeline_text(r->code), pipeline_text(r->text), pipeline_text(r->remedy),
			  pipeline_text(r->record ? r->record->b.id : NULL)),
		pipeline_see_row, claimed);
}

static struct err *store(struct run *r)
{
	struct pipeline_after after;
	bool claimed;
	pipeline_after_init(&after, r->p, r->a);
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(r->p->o.db, &tx));
	TRY(claim(r, tx, &claimed));
	if (!claimed)
		return NULL;
	if (r->record) {
		TRY(pipeline_record_newer(r->p, tx, r->a, r->record, false, &after));
		TRY(pipeline_record_insert(r->p, tx, r->a, r->record, &after));
	}
	TRY(db_tx_commit(tx));
	pipeline_after_run(&after);
	log_info("a schedule was due", log_str("schedule", r->s.id), log_str("run", r->state),
		 log_str("why", r->text ? r->text : ""),
		 log_str("build", r->record ? r->record->b.id : ""));
	return NULL;
}

static struct err *run_schedule(struct pipeline *p, const char *id)
{
	own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	struct run *r = arena_new(a, struct run);
	bool found;
	*r = (struct run){ .p = p, .a = a, .now_ns = pipeline_now(p) };
	TRY(pipeline_schedule_get(p, a, str_of(id), &found, &r->s));
	if (!found || !r->s.next_run_ns || r->s.next_run_ns > r->now_ns)
		return NULL;
	struct err *e = prepare(r);
	if (e)
		fail(r, e);
	return store(r);
}

/* ---- all that is due ---- */

struct batch {
	struct pipeline *p;
	char ids[MOST_DUE][64];
	size_t n;
	int64_t now_ns, next_ns;
	size_t left; /* guarded by the pipeline's lock */
	bool failed;
};
struct job {
	struct batch *batch;
	const char *id;
};

/* By time: the first that is to come ends the list. */
static bool see_due(void *arg, struct db_row *r)
{
	struct batch *b = arg;
	int64_t at = db_row_int(r, 1);
	if (at > b->now_ns) {
		b->next_ns = MIN(b->next_ns, at);
		return false;
	}
	pipeline_copy_id(b->ids[b->n++], sizeof(b->ids[0]), db_row_text(r, 0));
	return b->n < MOST_DUE;
}

static void run_job(void *arg)
{
	struct job *j = arg;
	struct pipeline *p = j->batch->p;
	struct err *e = pipeline_is_closing(p) ? NULL : run_schedule(p, j->id);
	bool failed = e != NULL;
	if (e)
		log_err(LOG_LEVEL_WARN, "a schedule that is due cannot be run yet", e);
	hold(&p->lock);
	j->batch->failed |= failed;
	if (!--j->batch->left)
		cond_broadcast(&p->schedule);
}

/* One remote that does not answer keeps the others waiting for their own only. */
static void run_batch(struct pipeline *p, struct batch *b)
{
	struct job *jobs = mem_new_array(b->n, struct job);
	b->left = b->n;
	for (size_t i = 0; i < b->n; i++) {
		jobs[i] = (struct job){ b, b->ids[i] };
		pool_add(p->lookers, run_job, &jobs[i]);
	}
	{
		hold(&p->lock);
		while (b->left)
			cond_wait(&p->schedule, &p->lock);
	}
	free(jobs);
}

static uint64_t run_due(struct pipeline *p)
{
	own_mem struct batch *b = mem_new(struct batch);
	b->p = p;
	b->now_ns = pipeline_now(p);
	b->next_ns = b->now_ns + LOOK_EVERY_MS * 1000000ll;
	struct err *e = db_query(p->o.db,
				 "SELECT id, next_run_ns FROM build_schedule"
				 " WHERE next_run_ns IS NOT NULL ORDER BY next_run_ns LIMIT $1",
				 DB_PARAMS(db_int(MOST_DUE)), see_due, b);
	if (e)
		log_err(LOG_LEVEL_WARN, "the schedules cannot be read", e);
	if (b->n)
		run_batch(p, b);
	if (b->failed)
		return LOOK_EVERY_MS;
	return b->n ? 0 : (uint64_t)(b->next_ns - b->now_ns) / 1000000 + 1;
}

void *pipeline_scheduler(void *arg)
{
	struct pipeline *p = arg;
	for (;;) {
		uint64_t until = time_mono_ms() + run_due(p);
		hold(&p->lock);
		while (!p->closing && !p->schedules_changed &&
		       cond_wait_until(&p->schedule, &p->lock, until))
			;
		p->schedules_changed = false;
		if (p->closing)
			return NULL;
	}
}
