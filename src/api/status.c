/* Commit status of a repository: the setting, what came of the last report, and reporting again. */
#include "api/build_json.h"

#include "base/limits.h"
#include "pipeline/report.h"

static json_t *last_json(const struct pipeline_report *r)
{
	if (!r->last_ns)
		return json_null();
	json_t *j = json_object();
	json_object_set_new(j, "at", api_time(r->last_ns));
	json_object_set_new(j, "commit", api_str(r->last_commit));
	json_object_set_new(j, "build", api_str(r->last_build));
	json_object_set_new(j, "state", api_str(r->last_state));
	json_object_set_new(j, "status", r->last_http ? json_integer(r->last_http) : json_null());
	json_object_set_new(j, "error",
			    api_build_error_json(r->error_code, r->error, r->error_remedy));
	return j;
}

static struct err *show(struct api_call *c, const struct catalog_image_repository *repo,
			unsigned status, struct http_reply **out)
{
	struct pipeline_report r;
	TRY(pipeline_report_get(c->api->o.pipeline, c->arena, str_of(repo->id), &r));
	json_t *j = json_object();
	json_object_set_new(j, "enabled", json_boolean(r.enabled));
	json_object_set_new(j, "context", json_string(r.context));
	json_object_set_new(j, "contextShown", json_string(r.shown));
	json_object_set_new(j, "source", api_str(r.source));
	json_object_set_new(j, "provider", api_str(r.provider));
	json_object_set_new(j, "apiUrl", api_str(r.api));
	json_object_set_new(j, "problem",
			    api_build_error_json(r.problem_code, r.problem, r.problem_remedy));
	json_object_set_new(j, "waiting", json_integer((json_int_t)r.n_waiting));
	json_object_set_new(j, "nextAttemptAt", api_time(r.next_ns));
	json_object_set_new(j, "lastReport", last_json(&r));
	json_object_set_new(j, "updatedAt", api_time(r.updated_ns));
	*out = api_json(status, j);
	return NULL;
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	return show(c, &repo, 200, out);
}

static struct err *update(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "enabled", "context", NULL };
	struct catalog_image_repository repo;
	struct pipeline_report_change change = { NULL };
	bool has_enabled, has_context, enabled;
	struct str context;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	TRY(api_body_only(c, members));
	TRY(api_body_bool(c, "enabled", &has_enabled, &enabled));
	TRY(api_body_str(c, "context", LIMIT_STATUS_CONTEXT_BYTES, false, &has_context, &context));
	change.enabled = has_enabled ? &enabled : NULL;
	change.context = has_context ? &context : NULL;
	TRY(pipeline_report_set(c->api->o.pipeline, c->arena, str_of(repo.id), &change));
	api_audit(c, "commit-status.set", str_of(repo.full_name), json_incref(c->body));
	return show(c, &repo, 200, out);
}

static struct err *report(struct api_call *c, struct http_reply **out)
{
	static const char *const none[] = { NULL };
	struct catalog_image_repository repo;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	if (c->body)
		TRY(api_body_only(c, none));
	TRY(pipeline_report_again(c->api->o.pipeline, str_of(repo.id)));
	api_audit(c, "commit-status.report", str_of(repo.full_name), NULL);
	return show(c, &repo, 202, out);
}

#define ROOT "/api/v1/repositories/{repository}/commit-status"

const struct api_route api_status_routes[] = {
	{ HTTP_GET, ROOT, 0, get, NULL },
	{ HTTP_PATCH, ROOT, 0, update, NULL },
	{ HTTP_POST, ROOT ":report", API_OPTIONAL_BODY, report, NULL },
	{ 0 },
};
