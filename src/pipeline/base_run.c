/* Builds that start because a base image moved, and the thread that looks.
 *
 * What takes its time (registries, matching) is done before the transaction, which starts a build
 * only if all is as it was read: what another server or a user did since makes it nothing. It is
 * looked again soon, so that nothing is lost by it. */
#include "pipeline/base_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "base/time.h"

#define LOOK_EVERY_MS 15000 /* rules change, and builds that were waited for end */
#define KEEP_NS       ((int64_t)30 * 86400 * 1000000000)
#define MOST_TOLD     3
#define SHORT_DIGEST  19 /* "sha256:" and twelve digits */

/* ---- deciding ---- */

bool pipeline_base_calls(const struct pipeline_base *b)
{
	if (!b->watched || !pipeline_base_moved(b))
		return false;
	if (!b->rebuilt_for || strcmp(b->rebuilt_for, b->newest) != 0)
		return true;
	/* none could be started: once more for each look at the registry */
	return b->rebuild_code && b->rebuilt_ns < b->checked_ns;
}

const char *pipeline_base_told(struct arena *a, const struct pipeline_base_row *rows, size_t n)
{
	const char *text = "";
	size_t told = 0;
	for (size_t i = 0; i < n; i++) {
		const struct pipeline_base *b = &rows[i].b;
		if (!pipeline_base_moved(b) || ++told > MOST_TOLD)
			continue;
		text = arena_printf(a, "%s%s%s moved from %.*s to %.*s", text, told > 1 ? ", " : "",
				    b->name, SHORT_DIGEST, b->digest, SHORT_DIGEST, b->newest);
	}
	return told > MOST_TOLD ? arena_printf(a, "%s, and %zu more", text, told - MOST_TOLD)
				: text;
}

/* ---- one rule ---- */

struct start {
	struct pipeline *p;
	struct arena *a;
	const struct pipeline_base_row *rows; /* of one rule */
	size_t n;
	const char *code, *text, *remedy; /* why none can be started */
	struct pipeline_record *record;   /* NULL: none is */
};

static struct err *make_record(struct start *s)
{
	const struct pipeline_base *b = &s->rows[0].b;
	const struct source_ref at = { .name = b->ref, .object = b->commit, .commit = b->commit };
	struct pipeline_start *from = arena_new(s->a, struct pipeline_start);
	struct pipeline_record *n = arena_new(s->a, struct pipeline_record);
	TRY(pipeline_start_load(s->p, s->a, str_of(b->rule_id), from));
	TRY(pipeline_record_from_rule(s->p, s->a, &from->rule, &from->binding,
				      from->repository.full_name, &at, pipeline_now(s->p), n));
	if (!n->tags_json)
		return err_coded(ERR_INVALID, "RULE_NO_MATCH",
				 "Build a ref that the rule matches now.",
				 "the rule does not match %s any more", b->ref);
	n->b.id = arena_strdup(s->a, str_of(random_uuid().s));
	n->b.trigger = PIPELINE_BASE_TRIGGER;
	n->b.actor = pipeline_base_told(s->a, s->rows, s->n);
	s->record = n;
	return NULL;
}

/* What has no code is a failure of ours, which may pass. */
static struct err *prepare(struct start *s)
{
	struct err *e = make_record(s);
	if (!e || !err_code(e))
		return e;
	pipeline_keep_error(s->a, e, err_code(e), &s->code, &s->text, &s->remedy);
	return NULL;
}

/* No build of the rule has begun since it was read, and the switch is still on. */
static struct err *is_as_read(struct start *s, struct db_tx *tx, bool *yes)
{
	const struct pipeline_base *b = &s->rows[0].b;
	*yes = false;
	return db_tx_query(
		tx,
		"SELECT 1 FROM build_rule r JOIN build_record b ON b.id = $2 AND b.rule_id = r.id"
		" WHERE r.id = $1 AND r.rebuild_on_base = 1 AND NOT EXISTS (SELECT 1"
		" FROM build_record n WHERE n.rule_id = r.id AND (n.status IN ('PENDING',"
		" 'BUILDING') OR (n.status = 'SUCCESS' AND n.seq > b.seq"
		" AND EXISTS (SELECT 1 FROM source_ref f WHERE f.source_id = n.source_id"
		" AND f.name = n.ref))))",
		DB_PARAMS(db_cstr(b->rule_id), db_cstr(b->build_id)), pipeline_see_row, yes);
}

static struct err *claim_one(struct start *s, struct db_tx *tx, const struct pipeline_base *b,
			     bool *claimed)
{
	return db_tx_query(
		tx,
		"INSERT INTO base_rebuild (rule_id, name, digest, build_id, error_code, error_text,"
		" error_remedy, started_ns) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (rule_id, name) DO UPDATE SET digest = excluded.digest,"
		" build_id = excluded.build_id, error_code = excluded.error_code,"
		" error_text = excluded.error_text, error_remedy = excluded.error_remedy,"
		" started_ns = excluded.started_ns WHERE base_rebuild.digest <> excluded.digest"
		" OR base_rebuild.error_code IS NOT NULL RETURNING 1",
		DB_PARAMS(db_cstr(b->rule_id), db_cstr(b->name), db_cstr(b->newest),
			  pipeline_text(s->record ? s->record->b.id : NULL), pipeline_text(s->code),
			  pipeline_text(s->text), pipeline_text(s->remedy),
			  db_int(pipeline_now(s->p))),
		pipeline_see_row, claimed);
}

static struct err *claim(struct start *s, struct db_tx *tx, bool *claimed)
{
	*claimed = false;
	TRY(is_as_read(s, tx, claimed));
	if (!*claimed)
		return NULL;
	*claimed = false;
	for (size_t i = 0; i < s->n; i++)
		if (pipeline_base_moved(&s->rows[i].b))
			TRY(claim_one(s, tx, &s->rows[i].b, claimed));
	return NULL;
}

static struct err *store(struct start *s)
{
	struct pipeline_after after;
	bool claimed;
	pipeline_after_init(&after, s->p, s->a);
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(s->p->o.db, &tx));
	TRY(claim(s, tx, &claimed));
	if (!claimed)
		return NULL;
	if (s->record)
		TRY(pipeline_record_insert(s->p, tx, s->a, s->record, &after));
	TRY(db_tx_commit(tx));
	pipeline_after_run(&after);
	log_info("a base image moved", log_str("rule", s->rows[0].b.rule_id),
		 log_str("what", pipeline_base_told(s->a, s->rows, s->n)),
		 log_str("why", s->text ? s->text : ""),
		 log_str("build", s->record ? s->record->b.id : ""));
	return NULL;
}

static struct err *start_rule(struct pipeline *p, const struct pipeline_base_row *rows, size_t n)
{
	own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	struct start s = { .p = p, .a = a, .rows = rows, .n = n };
	TRY(prepare(&s));
	return store(&s);
}

struct err *pipeline_base_start(struct pipeline *p, const struct pipeline_base_row *rows, size_t n)
{
	for (size_t i = 0, next; i < n; i = next) {
		bool calls = false;
		for (next = i; next < n && !strcmp(rows[next].b.rule_id, rows[i].b.rule_id); next++)
			calls |= pipeline_base_calls(&rows[next].b);
		if (calls)
			TRY(start_rule(p, rows + i, next - i));
	}
	return NULL;
}

/* ---- all that is due ---- */

struct batch {
	struct pipeline *p;
	size_t left; /* guarded by the pipeline's lock */
};
struct job {
	struct batch *batch;
	const struct pipeline_base_ask *ask;
};

static void ask_job(void *arg)
{
	struct job *j = arg;
	struct pipeline *p = j->batch->p;
	struct err *e = pipeline_is_closing(p) ? NULL : pipeline_base_ask(p, j->ask);
	if (e)
		log_err(LOG_LEVEL_WARN, "what a registry said of a base image cannot be stored", e);
	hold(&p->lock);
	if (!--j->batch->left)
		cond_broadcast(&p->bases);
}

static void ask_all(struct pipeline *p, struct arena *a, const struct pipeline_base_ask *asks,
		    size_t n)
{
	struct batch b = { .p = p, .left = n };
	struct job *jobs = arena_new_array(a, n, struct job);
	for (size_t i = 0; i < n; i++) {
		jobs[i] = (struct job){ &b, &asks[i] };
		pool_add(p->askers, ask_job, &jobs[i]);
	}
	hold(&p->lock);
	while (b.left)
		cond_wait(&p->bases, &p->lock);
}

/* One that is further away than any pause was set by a clock that was turned back since, or by
 * another interval. */
static bool is_due(const struct pipeline *p, int64_t next_ns, int64_t now_ns)
{
	int64_t most_s = pipeline_base_pause_s(p->base_interval_s, INT64_MAX);
	return next_ns <= now_ns || next_ns - now_ns > most_s * 1000000000;
}

static struct err *ask_due(struct pipeline *p)
{
	own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	struct pipeline_base_row *rows;
	int64_t now_ns = pipeline_now(p);
	size_t n, n_asks, n_due = 0;
	TRY(pipeline_base_load(p, a, STR(""), &rows, &n));
	struct pipeline_base_ask *asks = arena_new_array(a, n, struct pipeline_base_ask);
	pipeline_base_names(a, rows, n, asks, &n_asks);
	for (size_t i = 0; i < n_asks; i++)
		if (is_due(p, asks[i].next_ns, now_ns))
			asks[n_due++] = asks[i];
	if (n_due) {
		ask_all(p, a, asks, n_due);
		TRY(pipeline_base_load(p, a, STR(""), &rows, &n));
	}
	return pipeline_base_start(p, rows, n);
}

/* Names that no rule has had for long. */
static struct err *forget(struct pipeline *p)
{
	return db_exec(p->o.db, "DELETE FROM base_image WHERE checked_ns < $1",
		       DB_PARAMS(db_int(pipeline_now(p) - KEEP_NS)));
}

uint64_t pipeline_base_round(struct pipeline *p)
{
	struct err *e = ask_due(p);
	if (!e)
		e = forget(p);
	if (e)
		log_err(LOG_LEVEL_WARN, "the base images cannot be looked after yet", e);
	return LOOK_EVERY_MS;
}

void *pipeline_base_watcher(void *arg)
{
	struct pipeline *p = arg;
	if (!p->o.registries || !p->o.base_interval_s)
		return NULL;
	for (;;) {
		uint64_t until = time_mono_ms() + pipeline_base_round(p);
		hold(&p->lock);
		while (!p->closing && cond_wait_until(&p->bases, &p->lock, until))
			;
		if (p->closing)
			return NULL;
	}
}
