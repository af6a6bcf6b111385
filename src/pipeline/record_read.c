/* Build records out of the database: one, a page, its steps. */
#include "pipeline/pipeline_priv.h"

#include <assert.h>
#include <stdio.h>

#define RECORD_COLUMNS                                                                       \
	"r.id, r.seq, r.repository_id, i.full_name, r.rule_id, r.source_id, r.trigger_kind," \
	" r.actor, r.ref, r.commit_id, r.pushed_ns, r.tags, r.dockerfile_dir,"               \
	" r.dockerfile_name, r.build_args, r.no_cache, r.pool, r.priority, r.policy,"        \
	" r.required, r.emulation, r.time_limit_s, r.status, r.waits_for, r.rerun_of,"       \
	" r.superseded_by, r.canceled_by, r.error_code, r.error_text, r.digest,"             \
	" r.n_log_lines, r.created_ns, r.started_ns, r.ended_ns, i.namespace, i.type,"       \
	" r.error_remedy"

struct records {
	struct arena *a;
	struct pipeline_record *v; /* owned until it is copied */
	size_t n, cap;
};

static void read_tags(struct arena *a, const char *text, struct pipeline_build *b)
{
	own_json j = NULL;
	err_free(json_read(str_of(text), &j)); /* ours; nothing comes of it if it is broken */
	const char **tags = arena_new_array(a, json_array_size(j), const char *);
	for (size_t i = 0; i < json_array_size(j); i++) {
		const char *tag = json_string_value(json_array_get(j, i));
		if (tag)
			tags[b->n_tags++] = arena_strdup(a, str_of(tag));
	}
	b->tags = tags;
}

static void read_args(struct arena *a, const char *text, struct pipeline_build *b)
{
	own_json j = NULL;
	err_free(json_read(str_of(text), &j));
	struct pipeline_arg *args = arena_new_array(a, json_array_size(j), struct pipeline_arg);
	for (size_t i = 0; i < json_array_size(j); i++) {
		json_t *pair = json_array_get(j, i);
		const char *name = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));
		if (name && value)
			args[b->n_args++] = (struct pipeline_arg){ arena_strdup(a, str_of(name)),
								   arena_strdup(a, str_of(value)) };
	}
	b->args = args;
}

static void read_times(struct db_row *r, struct pipeline_record *out)
{
	struct pipeline_build *b = &out->b;
	out->n_log_lines = (uint64_t)db_row_int(r, 30);
	b->created_ns = db_row_int(r, 31);
	b->started_ns = db_row_int(r, 32);
	b->ended_ns = db_row_int(r, 33);
}

static void read_record(struct arena *a, struct db_row *r, struct pipeline_record *out)
{
	struct pipeline_build *b = &out->b;
	const char **texts[] = {
		&b->id,
		NULL,
		&b->repository_id,
		&b->repository,
		&b->rule_id,
		&b->source_id,
		&b->trigger,
		&b->actor,
		&b->ref,
		&b->commit,
		NULL,
		&out->tags_json,
		&b->dockerfile_dir,
		&b->dockerfile_name,
		&out->args_json,
		NULL,
		&b->pool,
		NULL,
		NULL,
		&out->required_json,
		NULL,
		NULL,
		NULL,
		&b->waits_for,
		&b->rerun_of,
		&b->superseded_by,
		&b->canceled_by,
		&b->error_code,
		&b->error_text,
		&b->digest,
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i])
			*texts[i] = pipeline_row_text(a, r, (int)i);
	b->seq = db_row_int(r, 1);
	b->pushed_ns = db_row_int(r, 10);
	b->no_cache = db_row_int(r, 15) != 0;
	b->priority = (int)db_row_int(r, 17);
	if (!pipeline_policy_parse(db_row_text(r, 18), &b->policy))
		b->policy = PIPELINE_ALL;
	b->emulation = db_row_int(r, 20) != 0;
	b->time_limit_s = (uint32_t)db_row_int(r, 21);
	if (!pipeline_status_parse(db_row_text(r, 22), &b->status))
		b->status = PIPELINE_FAILED;
	read_times(r, out);
	b->error_remedy = pipeline_row_text(a, r, 36);
	out->namespace_ = pipeline_row_text(a, r, 34);
	out->is_public = str_eq(db_row_text(r, 35), STR("PUBLIC"));
	read_tags(a, out->tags_json, b);
	read_args(a, out->args_json, b);
}

static bool see_record(void *arg, struct db_row *r)
{
	struct records *list = arg;
	mem_reserve_one(list->v, list->n, list->cap);
	list->v[list->n] = (struct pipeline_record){ .n_jobs = 0 };
	read_record(list->a, r, &list->v[list->n++]);
	return true;
}

struct err *pipeline_record_load(struct pipeline *p, struct db_tx *tx, struct arena *a,
				 struct str id, bool *found, struct pipeline_record *out)
{
	char lower[40]; /* UUIDs are compared without case */
	*found = false;
	if (id.len >= sizeof(lower))
		return NULL;
	for (size_t i = 0; i < id.len; i++)
		lower[i] = (char)(id.p[i] >= 'A' && id.p[i] <= 'Z' ? id.p[i] + 32 : id.p[i]);
	struct records list = { .a = a };
	struct err *e = pipeline_sql(p, tx,
				     "SELECT " RECORD_COLUMNS " FROM build_record r"
				     " JOIN image_repository i ON i.id = r.repository_id"
				     " WHERE r.id = $1",
				     DB_PARAMS(db_text(str_n(lower, id.len))), see_record, &list);
	if (!e && list.n) {
		*found = true;
		*out = list.v[0];
	}
	free(list.v);
	TRY(e);
	return *found ? pipeline_jobs_load(p, tx, a, out->b.id, out->jobs, &out->n_jobs) : NULL;
}

static void job_of(const struct pipeline_job_row *j, struct pipeline_job *out)
{
	*out = (struct pipeline_job){
		.state = pipeline_job_state_name(j->state),
		.attempt = (uint32_t)j->attempt,
		.worker = j->worker,
		.native_known = j->native >= 0,
		.native = j->native > 0,
		.digest = j->digest,
		.error_code = pipeline_job_ended(j->state) ? j->error_code : NULL,
		.error_text = pipeline_job_ended(j->state) ? j->error_text : NULL,
		.error_remedy = pipeline_job_ended(j->state) ? j->error_remedy : NULL,
		.size = (uint64_t)j->size,
		.queued_ns = j->queued_ns,
		.started_ns = j->started_ns,
		.ended_ns = j->ended_ns,
	};
	err_free(oci_platform_parse(str_of(j->platform), &out->platform));
}

void pipeline_record_build(struct arena *a, const struct pipeline_record *r,
			   struct pipeline_build *out)
{
	*out = r->b;
	out->n_jobs = r->n_jobs;
	out->jobs = arena_new_array(a, r->n_jobs, struct pipeline_job);
	for (size_t i = 0; i < r->n_jobs; i++)
		job_of(&r->jobs[i], &out->jobs[i]);
}

struct err *pipeline_build_get(struct pipeline *p, struct arena *a, struct str id, bool *found,
			       struct pipeline_build *out)
{
	struct pipeline_record r;
	TRY(pipeline_record_load(p, NULL, a, id, found, &r));
	if (!*found)
		return NULL;
	pipeline_record_build(a, &r, out);
	return pipeline_queue_places(p, out, 1);
}

/* ---- pages ---- */

void pipeline_where(struct pipeline_sql_query *q, const char *condition, struct db_param value)
{
	assert(q->n < ARRAY_LEN(q->params));
	q->params[q->n++] = value;
	buf_printf(&q->sql, " AND %s$%zu", condition, q->n);
}

void pipeline_where_visible(struct pipeline_sql_query *q, const char *repository_id,
			    const struct auth_principal *who)
{
	bool is_user = who->kind == AUTH_USER;
	bool all = who->kind == AUTH_SYSTEM || (is_user && who->is_admin);
	if (all && !who->only_namespace[0])
		return;
	buf_printf(&q->sql,
		   " AND %s IN (SELECT v.id FROM image_repository v WHERE v.type = 'PUBLIC'",
		   repository_id);
	if (is_user || all) {
		buf_add(&q->sql, STR(" OR (1 = 1"));
		if (who->only_namespace[0])
			pipeline_where(q, "v.namespace = ", db_cstr(who->only_namespace));
		if (!all) {
			pipeline_where(
				q,
				"EXISTS (SELECT 1 FROM role_grant g WHERE g.namespace = v.namespace"
				" AND (g.repository = '' OR g.repository = v.name)"
				" AND g.user_id = ",
				db_cstr(who->user_id));
			buf_add_c(&q->sql, ')');
		}
		buf_add_c(&q->sql, ')');
	}
	buf_add_c(&q->sql, ')');
}

struct err *pipeline_query_run(struct pipeline *p, struct pipeline_sql_query *q,
			       bool (*row)(void *arg, struct db_row *r), void *arg)
{
	own_mem char *sql = NULL;
	size_t len;
	TRY(buf_finish(&q->sql, &sql, &len));
	return db_query(p->o.db, sql, q->params, q->n, row, arg);
}

struct err *pipeline_build_page(struct pipeline *p, const struct pipeline_build_query *q,
				const char *before, bool (*row)(void *arg, struct db_row *r),
				void *arg)
{
	struct pipeline_sql_query l = { .n = 0 };
	buf_init(&l.sql, 8 << 10);
	buf_add(&l.sql, str_of(before));
	buf_add(&l.sql, STR("SELECT " RECORD_COLUMNS " FROM build_record r"
			    " JOIN image_repository i ON i.id = r.repository_id WHERE 1 = 1"));
	if (q->repository_id.len)
		pipeline_where(&l, "r.repository_id = ", db_text(q->repository_id));
	if (q->rule_id.len)
		pipeline_where(&l, "r.rule_id = ", db_text(q->rule_id));
	if (q->ref.len)
		pipeline_where(&l, "r.ref = ", db_text(q->ref));
	if (q->trigger.len)
		pipeline_where(&l, "r.trigger_kind = ", db_text(q->trigger));
	if (q->delivery_id.len) {
		pipeline_where(&l,
			       "r.id IN (SELECT record_id FROM delivery_build WHERE delivery_id = ",
			       db_text(q->delivery_id));
		buf_add_c(&l.sql, ')');
	}
	if (q->has_status)
		pipeline_where(&l, "r.status = ", db_cstr(pipeline_status_name(q->status)));
	if (q->before_seq)
		pipeline_where(&l, "r.seq < ", db_int(q->before_seq));
	/* The concatenation keeps the database from reading all records of all repositories, to
	 * sort them then. */
	if (q->who)
		pipeline_where_visible(&l, "r.repository_id || ''", q->who);
	buf_add(&l.sql, STR(" ORDER BY r.seq DESC"));
	l.params[l.n++] = db_int(MIN(q->n, 1000));
	buf_printf(&l.sql, " LIMIT $%zu", l.n);
	return pipeline_query_run(p, &l, row, arg);
}

static struct err *list_jobs(struct pipeline *p, struct arena *a, struct records *list,
			     struct pipeline_build *out)
{
	for (size_t i = 0; i < list->n; i++) {
		struct pipeline_record *r = &list->v[i];
		TRY(pipeline_jobs_load(p, NULL, a, r->b.id, r->jobs, &r->n_jobs));
		pipeline_record_build(a, r, &out[i]);
	}
	return NULL;
}

struct err *pipeline_build_list(struct pipeline *p, struct arena *a,
				const struct pipeline_build_query *q, struct pipeline_build **out,
				size_t *n)
{
	struct records list = { .a = a };
	struct err *e = pipeline_build_page(p, q, "", see_record, &list);
	struct pipeline_build *builds = arena_new_array(a, list.n, struct pipeline_build);
	if (!e)
		e = list_jobs(p, a, &list, builds);
	free(list.v);
	TRY(e);
	TRY(pipeline_queue_places(p, builds, list.n));
	*out = builds;
	*n = list.n;
	return NULL;
}

/* ---- steps ---- */

struct steps {
	struct arena *a;
	struct pipeline_step *v; /* owned until it is copied */
	size_t n, cap;
};

static bool see_step(void *arg, struct db_row *r)
{
	struct steps *s = arg;
	mem_reserve_one(s->v, s->n, s->cap);
	s->v[s->n++] = (struct pipeline_step){
		.step = (uint32_t)db_row_int(r, 0),
		.line = (uint32_t)db_row_int(r, 1),
		.stage = pipeline_row_text(s->a, r, 2),
		.text = pipeline_row_text(s->a, r, 3),
		.platforms_json = pipeline_row_text(s->a, r, 4),
		.state = pipeline_row_text(s->a, r, 5),
		.started_ms = db_row_int(r, 6),
		.ended_ms = db_row_int(r, 7),
		.cache_reason = pipeline_row_text(s->a, r, 8),
		.digest = pipeline_row_text(s->a, r, 9),
		.size = (uint64_t)db_row_int(r, 10),
		.base = pipeline_row_text(s->a, r, 11),
	};
	return true;
}

struct err *pipeline_build_steps(struct pipeline *p, struct arena *a, struct str id,
				 struct pipeline_step **out, size_t *n)
{
	struct steps s = { .a = a };
	struct err *e = db_query(p->o.db,
				 "SELECT step, line, stage, text, platforms, state, started_ms,"
				 " ended_ms, cache_reason, digest, size, base FROM build_step"
				 " WHERE record_id = $1 ORDER BY step",
				 DB_PARAMS(db_text(id)), see_step, &s);
	if (!e) {
		*out = arena_new_array(a, s.n, struct pipeline_step);
		if (s.n)
			memcpy(*out, s.v, s.n * sizeof(*s.v));
		*n = s.n;
	}
	free(s.v);
	return e;
}
