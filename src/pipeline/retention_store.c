/* Table retention_policy: a policy, when it is carried out next, the run that is under way, and the
 * last one. A run begins and ends in one transaction each with the rest of its row, so a restart
 * neither loses one nor begins it twice. */
#include "pipeline/retention_priv.h"

#include "codec/json.h"

int64_t pipeline_retention_next(const char *repository_id, int64_t now_ns)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	for (const char *p = repository_id; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
	int64_t at =
		now_ns / RETENTION_DAY_NS * RETENTION_DAY_NS + (int64_t)(hash % 86400) * 1000000000;
	return at > now_ns ? at : at + RETENTION_DAY_NS;
}

/* ---- reading ---- */

struct reading {
	struct arena *a;
	struct pipeline_retention *out;
	struct err *e; /* owned */
};

static struct err *read_policy(struct reading *r, struct str text)
{
	own_json j = NULL;
	TRY(json_read(text, &j));
	return pipeline_retention_read(r->a, j, &r->out->policy);
}

static bool see(void *arg, struct db_row *row)
{
	struct reading *r = arg;
	struct pipeline_retention *out = r->out;
	r->e = err_wrap(read_policy(r, db_row_text(row, 2)), "a stored retention policy");
	out->revision = db_row_int(row, 0);
	out->policy.enabled = db_row_int(row, 1);
	out->next_ns = out->policy.enabled ? db_row_int(row, 3) : 0;
	out->run = (struct pipeline_retention_run){
		.started_ns = db_row_int(row, 4),
		.by = arena_strdup(r->a, db_row_text(row, 5)),
		.n_tags = (uint64_t)db_row_int(row, 6),
		.n_manifests = (uint64_t)db_row_int(row, 7),
		.n_blobs = (uint64_t)db_row_int(row, 8),
	};
	out->last = (struct pipeline_retention_run){
		.started_ns = db_row_int(row, 9),
		.ended_ns = db_row_int(row, 10),
		.by = arena_strdup(r->a, db_row_text(row, 11)),
		.n_tags = (uint64_t)db_row_int(row, 12),
		.n_manifests = (uint64_t)db_row_int(row, 13),
		.n_blobs = (uint64_t)db_row_int(row, 14),
		.error_code = pipeline_row_text(r->a, row, 15),
		.error = pipeline_row_text(r->a, row, 16),
	};
	out->updated_ns = db_row_int(row, 17);
	return false;
}

struct err *pipeline_retention_load(struct pipeline *p, struct db_tx *tx, struct arena *a,
				    const char *repository_id, struct pipeline_retention *out)
{
	struct pipeline_retention got = { .revision = 0 };
	struct reading r = { .a = a, .out = &got };
	struct err *e = pipeline_sql(
		p, tx,
		"SELECT revision, enabled, policy, next_ns, run_started_ns, run_by, run_tags,"
		" run_manifests, run_blobs, last_started_ns, last_ended_ns, last_by, last_tags,"
		" last_manifests, last_blobs, last_error_code, last_error, updated_ns"
		" FROM retention_policy WHERE repository_id = $1",
		DB_PARAMS(db_cstr(repository_id)), see, &r);
	err_keep(&e, r.e);
	if (!e)
		*out = got;
	return e;
}

struct err *pipeline_retention_get(struct pipeline *p, struct arena *a, struct str repository_id,
				   struct pipeline_retention *out)
{
	return pipeline_retention_load(p, NULL, a, arena_strdup(a, repository_id), out);
}

/* ---- changing ---- */

/* So that the thread looks what is due now. */
static void wake(struct pipeline *p)
{
	hold(&p->lock);
	p->sweep_now = true;
	cond_signal(&p->sweep);
}

/* `started_ns` 0: whichever is under way. */
static struct err *end(struct pipeline *p, struct db_tx *tx, struct str repository_id,
		       int64_t started_ns, const char *code, const char *text)
{
	own_mem char *id = str_dup(repository_id);
	int64_t now = pipeline_now(p);
	return db_tx_exec(
		tx,
		"UPDATE retention_policy SET last_started_ns = run_started_ns, last_ended_ns = $2,"
		" last_by = run_by, last_tags = run_tags, last_manifests = run_manifests,"
		" last_blobs = run_blobs, last_error_code = $3, last_error = $4,"
		" run_started_ns = NULL, next_ns ="
		" CASE WHEN next_ns <= $2 OR next_ns > $6 THEN CAST($5 AS BIGINT) ELSE next_ns END"
		" WHERE repository_id = $1 AND run_started_ns IS NOT NULL"
		" AND ($7 = 0 OR run_started_ns = $7)",
		DB_PARAMS(db_text(repository_id), db_int(now), pipeline_text(code),
			  pipeline_text(text), db_int(pipeline_retention_next(id, now)),
			  db_int(now + RETENTION_FAR_NS), db_int(started_ns)));
}

struct err *pipeline_retention_end(struct pipeline *p, const char *repository_id,
				   int64_t started_ns, const struct err *e)
{
	own(db_tx) tx = NULL;
	own_mem char *text = e ? err_text(e) : NULL;
	const char *code = !e ? NULL : err_code(e) ? err_code(e) : "INTERNAL";
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(end(p, tx, str_of(repository_id), started_ns, code, text));
	return db_tx_commit(tx);
}

struct err *pipeline_retention_set(struct pipeline *p, struct str repository_id,
				   const struct pipeline_retention_policy *policy)
{
	own(pipeline_retention_matcher) m = NULL;
	TRY(pipeline_retention_open(policy, &m));
	own_json j = pipeline_retention_json(policy);
	own_mem char *text = json_text(j), *id = str_dup(repository_id);
	int64_t now = pipeline_now(p);
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(end(p, tx, repository_id, 0, "RETENTION_CHANGED", "the policy was changed meanwhile"));
	TRY(db_tx_exec(
		tx,
		"INSERT INTO retention_policy (repository_id, revision, enabled, policy, next_ns,"
		" run_by, run_tags, run_manifests, run_blobs, last_by, last_tags,"
		" last_manifests, last_blobs, updated_ns)"
		" VALUES ($1, 1, $2, $3, $4, '', 0, 0, 0, '', 0, 0, 0, $5)"
		" ON CONFLICT (repository_id) DO UPDATE SET"
		" revision = retention_policy.revision + 1, enabled = excluded.enabled,"
		" policy = excluded.policy, updated_ns = excluded.updated_ns, next_ns ="
		" CASE WHEN retention_policy.enabled <> 0 THEN retention_policy.next_ns"
		" ELSE excluded.next_ns END",
		DB_PARAMS(db_text(repository_id), db_int(policy->enabled), db_cstr(text),
			  db_int(pipeline_retention_next(id, now)), db_int(now))));
	return db_tx_commit(tx);
}

struct err *pipeline_retention_remove(struct pipeline *p, struct str repository_id, bool *found)
{
	own(db_tx) tx = NULL;
	*found = false;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "DELETE FROM retention_policy WHERE repository_id = $1 RETURNING 1",
			DB_PARAMS(db_text(repository_id)), pipeline_see_row, found));
	return db_tx_commit(tx);
}

struct err *pipeline_retention_start(struct pipeline *p, struct str repository_id, const char *by)
{
	own(db_tx) tx = NULL;
	bool begun = false, there = false;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "SELECT 1 FROM retention_policy WHERE repository_id = $1",
			DB_PARAMS(db_text(repository_id)), pipeline_see_row, &there));
	if (!there)
		return err_coded(ERR_CONFLICT, "RETENTION_NONE",
				 "Give it one: kiln retention set NS/NAME --rule 'v*=10'.",
				 "the repository has no retention policy");
	TRY(db_tx_query(
		tx,
		"UPDATE retention_policy SET run_started_ns = $2, run_by = $3, run_tags = 0,"
		" run_manifests = 0, run_blobs = 0"
		" WHERE repository_id = $1 AND run_started_ns IS NULL RETURNING 1",
		DB_PARAMS(db_text(repository_id), db_int(pipeline_now(p)), db_cstr(by)),
		pipeline_see_row, &begun));
	if (!begun)
		return err_coded(ERR_CONFLICT, "RETENTION_RUNNING", "Wait until it has ended.",
				 "a run of the retention policy is under way");
	TRY(db_tx_commit(tx));
	wake(p);
	return NULL;
}
