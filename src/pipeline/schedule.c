/* Schedules in the database: table build_schedule. */
#include "pipeline/schedule.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/random.h"
#include "pipeline/pipeline_priv.h"

/* ---- reading ---- */

#define SELECT                                                                               \
	"SELECT s.id, s.repository_id, s.rule_id, s.ref, s.cron, s.time_zone, s.enabled,"    \
	" s.no_cache, s.next_run_ns, s.last_run_ns, s.last_state, s.last_code, s.last_text," \
	" s.last_remedy, s.last_build, b.status, s.created_ns, s.updated_ns, r.ref_type,"    \
	" r.pattern, r.is_expression"                                                        \
	" FROM build_schedule s JOIN build_rule r ON r.id = s.rule_id"                       \
	" LEFT JOIN build_record b ON b.id = s.last_build"

struct schedules {
	struct arena *a;
	struct pipeline_schedule *v; /* owned until it is copied */
	size_t n, cap;
};

static const char *full_ref(struct arena *a, const char *ref, struct db_row *r)
{
	struct pipeline_rule rule = {
		.ref_type =
			str_eq(db_row_text(r, 18), STR("GIT_TAG")) ? PIPELINE_TAG : PIPELINE_BRANCH,
	};
	bool is_expression = db_row_int(r, 20) != 0;
	if (ref[0])
		return pipeline_start_ref(a, &rule, str_of(ref));
	return is_expression ? NULL : pipeline_start_ref(a, &rule, db_row_text(r, 19));
}

static bool see_schedule(void *arg, struct db_row *r)
{
	struct schedules *l = arg;
	struct arena *a = l->a;
	mem_reserve_one(l->v, l->n, l->cap);
	struct pipeline_schedule *s = &l->v[l->n++];
	*s = (struct pipeline_schedule){
		.id = pipeline_row_text(a, r, 0),
		.repository_id = pipeline_row_text(a, r, 1),
		.rule_id = pipeline_row_text(a, r, 2),
		.ref = pipeline_row_text(a, r, 3),
		.cron = pipeline_row_text(a, r, 4),
		.time_zone = pipeline_row_text(a, r, 5),
		.enabled = db_row_int(r, 6) != 0,
		.no_cache = db_row_int(r, 7) != 0,
		.next_run_ns = db_row_int(r, 8),
		.last_run_ns = db_row_int(r, 9),
		.last_state = pipeline_row_text(a, r, 10),
		.last_code = pipeline_row_text(a, r, 11),
		.last_text = pipeline_row_text(a, r, 12),
		.last_remedy = pipeline_row_text(a, r, 13),
		.created_ns = db_row_int(r, 16),
		.updated_ns = db_row_int(r, 17),
	};
	s->full_ref = full_ref(a, s->ref, r);
	if (!db_row_is_null(r, 15)) { /* the record is there */
		s->last_build = pipeline_row_text(a, r, 14);
		s->last_build_status = pipeline_row_text(a, r, 15);
	}
	return true;
}

static struct err *read_schedules(struct pipeline *p, struct arena *a, const char *sql,
				  struct str param, struct pipeline_schedule **out, size_t *n)
{
	struct schedules l = { .a = a };
	struct err *e = db_query(p->o.db, sql, DB_PARAMS(db_text(param)), see_schedule, &l);
	if (!e) {
		*n = l.n;
		*out = arena_new_array(a, l.n, struct pipeline_schedule);
		if (l.n)
			memcpy(*out, l.v, l.n * sizeof(*l.v));
	}
	free(l.v);
	return e;
}

struct err *pipeline_schedule_get(struct pipeline *p, struct arena *a, struct str id, bool *found,
				  struct pipeline_schedule *out)
{
	struct pipeline_schedule *list;
	size_t n;
	TRY(read_schedules(p, a, SELECT " WHERE s.id = $1", id, &list, &n));
	*found = n > 0;
	if (n)
		*out = list[0];
	return NULL;
}

struct err *pipeline_schedule_list(struct pipeline *p, struct arena *a, struct str repository_id,
				   struct pipeline_schedule **out, size_t *n)
{
	return read_schedules(p, a,
			      SELECT " WHERE s.repository_id = $1 ORDER BY s.created_ns, s.id",
			      repository_id, out, n);
}

/* ---- when ---- */

struct err *pipeline_schedule_preview(struct str cron, struct str time_zone, int64_t after_ns,
				      int64_t *out)
{
	own(zone) z = NULL;
	struct cron c;
	int64_t at = after_ns / 1000000000;
	TRY(cron_parse(cron, &c));
	TRY(pipeline_zone_open(time_zone, &z));
	for (size_t i = 0; i < PIPELINE_NEXT_RUNS; i++) {
		at = cron_next(&c, z, at);
		out[i] = at * 1000000000;
	}
	return NULL;
}

/* A run that is due now is the next one until it is claimed. */
struct err *pipeline_schedule_next(struct pipeline *p, const struct pipeline_schedule *s,
				   int64_t *out, size_t *n)
{
	int64_t after = MAX(pipeline_now(p), s->next_run_ns), rest[PIPELINE_NEXT_RUNS];
	*n = 0;
	if (!s->next_run_ns)
		return NULL;
	TRY(pipeline_schedule_preview(str_of(s->cron), str_of(s->time_zone), after, rest));
	out[0] = s->next_run_ns;
	memcpy(out + 1, rest, (PIPELINE_NEXT_RUNS - 1) * sizeof(rest[0]));
	*n = PIPELINE_NEXT_RUNS;
	return NULL;
}

static struct err *set_next(struct pipeline *p, struct pipeline_schedule *s)
{
	int64_t next[PIPELINE_NEXT_RUNS];
	TRY(pipeline_schedule_preview(str_of(s->cron), str_of(s->time_zone), pipeline_now(p),
				      next));
	s->next_run_ns = s->enabled ? next[0] : 0;
	return NULL;
}

/* ---- checking ---- */

static struct err *no_rule(const char *id)
{
	return err_coded(ERR_NOT_FOUND, "RULE_UNKNOWN", "Name a build rule of this repository.",
			 "the repository has no build rule " STR_FMT,
			 STR_ARG(str_first(str_of(id), 100)));
}

/* Does the rule match, and make tags of it? Those of an hour that is to come may differ. */
static struct err *check_match(struct pipeline *p, struct arena *a,
			       const struct pipeline_rule *rule, const char *ref)
{
	struct pipeline_match m = { .matches = false };
	struct pipeline_moment moment = { .pushed_ns = pipeline_now(p),
					  .utc_offset_min = p->o.utc_offset_min,
					  .commit = "0000000000000000000000000000000000000000" };
	TRY(pipeline_rule_match(a, rule, str_of(ref), &moment, &m));
	if (m.code)
		return err_told(ERR_INVALID, m.code, m.remedy, "%s", m.problem);
	if (!m.matches)
		return err_coded(ERR_INVALID, "RULE_NO_MATCH", "Name a ref that the rule matches.",
				 "the rule does not match %s", ref);
	return NULL;
}

/* The rule's own name is not stored: it is what the rule says when the time comes. */
static struct err *check_ref(struct pipeline *p, struct arena *a, struct pipeline_schedule *s)
{
	struct pipeline_rule rule;
	bool found;
	TRY(pipeline_rule_get(p->o.db, a, str_of(s->rule_id), &found, &rule));
	if (!found || strcmp(rule.repository_id, s->repository_id) != 0)
		return no_rule(s->rule_id);
	if (rule.is_expression && !s->ref[0])
		return err_coded(ERR_INVALID, "SCHEDULE_REF",
				 "Name the branch or tag that is to be built: \"ref\".",
				 "the rule has an expression, and the schedule no ref");
	s->full_ref = pipeline_start_ref(a, &rule, str_of(s->ref[0] ? s->ref : rule.pattern));
	TRY(check_match(p, a, &rule, s->full_ref));
	s->ref = rule.is_expression ? s->full_ref : "";
	return NULL;
}

static struct err *check(struct pipeline *p, struct arena *a, struct pipeline_schedule *s)
{
	TRY(set_next(p, s));
	return check_ref(p, a, s);
}

/* ---- writing ---- */

static void wake(struct pipeline *p)
{
	hold(&p->lock);
	p->schedules_changed = true;
	cond_signal(&p->schedule);
}

struct err *pipeline_schedule_create(struct pipeline *p, struct arena *a,
				     struct pipeline_schedule *s)
{
	own(db_tx) tx = NULL;
	int64_t n = 0;
	TRY(check(p, a, s));
	s->id = arena_strdup(a, str_of(random_id("crbs-").s));
	s->created_ns = s->updated_ns = pipeline_now(p);
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "SELECT COUNT(*) FROM build_schedule WHERE repository_id = $1",
			DB_PARAMS(db_cstr(s->repository_id)), pipeline_see_int, &n));
	if (n >= LIMIT_SCHEDULES)
		return err_coded(ERR_LIMIT, "SCHEDULES", "Delete one first.",
				 "a repository has at most %d schedules", LIMIT_SCHEDULES);
	TRY(db_tx_exec(tx,
		       "INSERT INTO build_schedule (id, repository_id, rule_id, ref, cron,"
		       " time_zone, enabled, no_cache, next_run_ns, created_ns, updated_ns)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
		       DB_PARAMS(db_cstr(s->id), db_cstr(s->repository_id), db_cstr(s->rule_id),
				 db_cstr(s->ref), db_cstr(s->cron), db_cstr(s->time_zone),
				 db_int(s->enabled), db_int(s->no_cache),
				 pipeline_time(s->next_run_ns), db_int(s->created_ns))));
	TRY(db_tx_commit(tx));
	wake(p);
	return NULL;
}

/* A run of the old settings that is being prepared sees that they have changed, and is none. */
struct err *pipeline_schedule_update(struct pipeline *p, struct arena *a,
				     struct pipeline_schedule *s)
{
	TRY(check(p, a, s));
	s->updated_ns = MAX(pipeline_now(p), s->updated_ns + 1);
	TRY(db_exec(p->o.db,
		    "UPDATE build_schedule SET rule_id = $2, ref = $3, cron = $4, time_zone = $5,"
		    " enabled = $6, no_cache = $7, next_run_ns = $8, updated_ns = $9"
		    " WHERE id = $1",
		    DB_PARAMS(db_cstr(s->id), db_cstr(s->rule_id), db_cstr(s->ref),
			      db_cstr(s->cron), db_cstr(s->time_zone), db_int(s->enabled),
			      db_int(s->no_cache), pipeline_time(s->next_run_ns),
			      db_int(s->updated_ns))));
	wake(p);
	return NULL;
}

struct err *pipeline_schedule_delete(struct pipeline *p, struct str id, bool *found)
{
	own(db_tx) tx = NULL;
	*found = false;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "DELETE FROM build_schedule WHERE id = $1 RETURNING 1",
			DB_PARAMS(db_text(id)), pipeline_see_row, found));
	return db_tx_commit(tx);
}
