/* Build records: lists, one, its steps, those before it; cancel, run again, retry. */
#include "api/build_json.h"

#include <stdio.h>

#include "pipeline/history.h"

/* ---- reading ---- */

static struct err *read_trigger(struct api_call *c, struct str *out)
{
	static const char *const known[] = { "PUSH",  "MANUAL",   "API",
					     "RERUN", "SCHEDULE", "BASE_IMAGE" };
	struct str trigger = api_query(c, "trigger");
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!trigger.len || str_eq(trigger, str_of(known[i]))) {
			*out = trigger;
			return NULL;
		}
	return err_coded(ERR_INVALID, "QUERY", NULL,
			 "trigger is PUSH, MANUAL, API, RERUN, SCHEDULE or BASE_IMAGE");
}

static struct err *read_query(struct api_call *c, struct pipeline_build_query *q)
{
	struct str repository = api_query(c, "repository"), status = api_query(c, "status"), cursor;
	struct catalog_image_repository r;
	uint64_t seq = 0;
	TRY(api_query_limit(c, &q->n));
	TRY(api_query_cursor(c, &cursor));
	if (cursor.len && (!str_to_u64(cursor, INT64_MAX, &seq) || !seq))
		return err_coded(ERR_INVALID, "QUERY", "Take it from \"next\" of the page before.",
				 "cursor is none of ours");
	q->before_seq = (int64_t)seq;
	q->rule_id = api_query(c, "rule");
	q->ref = api_query(c, "ref");
	q->delivery_id = api_query(c, "delivery");
	TRY(read_trigger(c, &q->trigger));
	q->who = &c->who;
	q->has_status = status.len > 0;
	if (q->has_status && !pipeline_status_parse(status, &q->status))
		return err_coded(ERR_INVALID, "QUERY", NULL,
				 "status is PENDING, BUILDING, SUCCESS, FAILED or CANCELED");
	if (!repository.len)
		return NULL;
	TRY(api_need_repository(c, repository, AUTH_VIEW, &r));
	q->repository_id = str_of(r.id);
	return NULL;
}

static struct err *list_builds(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build_query q = { 0 };
	struct pipeline_build *builds;
	size_t n, limit;
	char seq[24];
	TRY(read_query(c, &q));
	limit = q.n++; /* one more tells whether there is another page */
	TRY(pipeline_build_list(c->api->o.pipeline, c->arena, &q, &builds, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < MIN(n, limit); i++)
		json_array_append_new(items, api_build_json(&builds[i]));
	const char *next = NULL;
	if (n > limit) {
		(void)snprintf(seq, sizeof(seq), "%lld", (long long)builds[limit - 1].seq);
		next = api_cursor(c, str_of(seq));
	}
	*out = api_page(items, next);
	return NULL;
}

static struct err *get_build(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	TRY(api_need_build(c, AUTH_VIEW, &b));
	*out = api_json(200, api_build_json(&b));
	return NULL;
}

static struct err *get_steps(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	struct pipeline_step *steps;
	size_t n;
	TRY(api_need_build(c, AUTH_VIEW, &b));
	TRY(pipeline_build_steps(c->api->o.pipeline, c->arena, str_of(b.id), &steps, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, api_build_step_json(&steps[i]));
	*out = api_page(items, NULL);
	return NULL;
}

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *took(int64_t ms)
{
	return ms < 0 ? json_null() : json_integer(ms);
}

static json_t *past_step_json(const struct pipeline_past_step *s)
{
	json_t *o = json_object();
	json_object_set_new(o, "state", api_str(s->state));
	json_object_set_new(o, "cacheReason", api_str(s->reason));
	json_object_set_new(o, "tookMs", took(s->took_ms));
	json_object_set_new(o, "size", s->has_layer ? count(s->bytes) : json_null());
	return o;
}

static json_t *past_json(const struct pipeline_past *p)
{
	json_t *o = json_object();
	json_object_set_new(o, "id", api_str(p->id));
	json_object_set_new(o, "status", api_str(pipeline_status_name(p->status)));
	json_object_set_new(o, "ref", api_str(p->ref));
	json_object_set_new(o, "commit", api_str(p->commit));
	json_object_set_new(o, "createdAt", api_time(p->created_ns));
	json_object_set_new(o, "tookMs", took(p->took_ms));
	json_object_set_new(o, "steps", count(p->n_steps));
	json_object_set_new(o, "cachedSteps", count(p->n_cached));
	json_object_set_new(o, "layerBytes", count(p->layer_bytes));
	json_object_set_new(o, "step", p->step.state ? past_step_json(&p->step) : json_null());
	return o;
}

static struct err *get_history(struct api_call *c, struct http_reply **out)
{
	struct str text = api_query(c, "step");
	struct pipeline_build b;
	struct pipeline_past *past;
	uint64_t step = 0;
	size_t n;
	TRY(api_need_build(c, AUTH_VIEW, &b));
	if (text.len && (!str_to_u64(text, UINT32_MAX, &step) || !step))
		return err_coded(ERR_INVALID, "QUERY", "The build's steps have their numbers.",
				 "step is the number of a step, from 1");
	TRY(pipeline_history_get(c->api->o.pipeline, c->arena, &b, (uint32_t)step, &past, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, past_json(&past[i]));
	*out = api_page(items, NULL);
	return NULL;
}

/* As it was built; it is code, and who may only pull does not see it. */
static struct err *get_dockerfile(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	own_mem char *content = NULL;
	size_t len;
	TRY(api_need_build(c, AUTH_DEVELOP, &b));
	if (!b.source_id)
		return err_coded(ERR_NOT_FOUND, "NO_SOURCE", NULL,
				 "the code source of build %s was deleted", b.id);
	const char *file = arena_printf(c->arena, "%s/%s", b.dockerfile_dir, b.dockerfile_name);
	TRY(source_git_file(c->api->o.git, b.source_id, b.commit, file, LIMIT_DOCKERFILE_BYTES,
			    &content, &len));
	done(buf) json;
	buf_init(&json, 8 * LIMIT_DOCKERFILE_BYTES);
	buf_add(&json, STR("{\"content\":"));
	json_add_str(&json, str_n(content, len));
	buf_add_c(&json, '}');
	return api_json_text(&json, out);
}

/* ---- changing ---- */

/* The platform of the body as the record has it; empty for none. */
static struct err *body_platform(struct api_call *c, const struct pipeline_build *b,
				 struct str *out)
{
	static const char *const names[] = { "platform", NULL };
	struct str text;
	struct oci_platform p;
	*out = STR("");
	if (!c->body)
		return NULL;
	TRY(api_body_only(c, names));
	TRY(api_body_str(c, "platform", 100, false, NULL, &text));
	if (!text.len)
		return NULL;
	struct err *e = oci_platform_parse(text, &p);
	for (size_t i = 0; !e && i < b->n_jobs; i++) {
		if (oci_platform_eq(&b->jobs[i].platform, &p)) {
			*out = arena_str(c->arena, str_of(oci_platform_text(&p).s));
			return NULL;
		}
	}
	err_free(e);
	return err_coded(ERR_INVALID, "BODY", "The build's \"jobs\" name its platforms.",
			 "\"platform\" is none of this build");
}

static json_t *detail_of(const struct pipeline_build *b, struct str platform)
{
	json_t *j = json_pack("{s:o}", "repository", api_str(b->repository));
	if (platform.len)
		json_object_set_new(j, "platform", json_stringn(platform.p, platform.len));
	return j;
}

static struct err *cancel_build(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	struct str platform;
	bool found;
	TRY(api_need_build(c, AUTH_DEVELOP, &b));
	TRY(body_platform(c, &b, &platform));
	TRY(pipeline_build_cancel(c->api->o.pipeline, str_of(b.id), platform, c->who.name));
	api_audit(c, "build.cancel", str_of(b.id), detail_of(&b, platform));
	TRY(pipeline_build_get(c->api->o.pipeline, c->arena, str_of(b.id), &found, &b));
	*out = api_json(200, api_build_json(&b));
	return NULL;
}

static struct err *rerun_build(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b, made;
	TRY(api_need_build(c, AUTH_DEVELOP, &b));
	TRY(pipeline_build_rerun(c->api->o.pipeline, c->arena, str_of(b.id), c->who.name, &made));
	api_audit(c, "build.rerun", str_of(b.id), detail_of(&b, STR("")));
	*out = api_json(201, api_build_json(&made));
	return NULL;
}

static struct err *retry_build(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b, now;
	struct str platform;
	TRY(api_need_build(c, AUTH_DEVELOP, &b));
	TRY(body_platform(c, &b, &platform));
	TRY(pipeline_build_retry(c->api->o.pipeline, c->arena, str_of(b.id), platform, c->who.name,
				 &now));
	api_audit(c, "build.retry", str_of(b.id), detail_of(&b, platform));
	*out = api_json(str_eq(str_of(b.id), str_of(now.id)) ? 200 : 201, api_build_json(&now));
	return NULL;
}

const struct api_route api_build_routes[] = {
	{ HTTP_GET, "/api/v1/builds", API_ANYBODY, list_builds, NULL },
	{ HTTP_GET, "/api/v1/builds/{build}", API_ANYBODY, get_build, NULL },
	{ HTTP_GET, "/api/v1/builds/{build}/steps", API_ANYBODY, get_steps, NULL },
	{ HTTP_GET, "/api/v1/builds/{build}/history", API_ANYBODY, get_history, NULL },
	{ HTTP_GET, "/api/v1/builds/{build}/dockerfile", 0, get_dockerfile, NULL },
	{ HTTP_POST, "/api/v1/builds/{build}:cancel", API_OPTIONAL_BODY, cancel_build, NULL },
	{ HTTP_POST, "/api/v1/builds/{build}:rerun", API_OPTIONAL_BODY, rerun_build, NULL },
	{ HTTP_POST, "/api/v1/builds/{build}:retry", API_OPTIONAL_BODY, retry_build, NULL },
	{ 0 },
};
