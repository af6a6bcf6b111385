/* Base images of a repository's builds: where their names lead now, and a look at it. */
#include "api/build_json.h"
#include "pipeline/base.h"

static json_t *rebuild_json(const struct pipeline_base *b)
{
	if (!b->rebuilt_for)
		return json_null();
	json_t *j = json_object();
	json_object_set_new(j, "digest", api_str(b->rebuilt_for));
	json_object_set_new(j, "at", api_time(b->rebuilt_ns));
	json_object_set_new(
		j, "build",
		b->rebuild ? json_pack("{s:s, s:s}", "id", b->rebuild, "status", b->rebuild_status)
			   : json_null());
	json_object_set_new(
		j, "error",
		api_build_error_json(b->rebuild_code, b->rebuild_text, b->rebuild_remedy));
	return j;
}

static json_t *base_json(const struct pipeline_base *b)
{
	json_t *j = json_object();
	json_object_set_new(j, "name", api_str(b->name));
	json_object_set_new(j, "ruleId", api_str(b->rule_id));
	json_object_set_new(j, "rebuilds", json_boolean(b->watched));
	json_object_set_new(j, "buildId", api_str(b->build_id));
	json_object_set_new(j, "ref", api_str(b->ref));
	json_object_set_new(j, "digest", api_str(b->digest));
	json_object_set_new(j, "newestDigest", api_str(b->newest));
	json_object_set_new(j, "moved", json_boolean(pipeline_base_moved(b)));
	json_object_set_new(j, "checking", json_boolean(b->checking));
	json_object_set_new(j, "checkedAt", api_time(b->checked_ns));
	json_object_set_new(j, "error",
			    api_build_error_json(b->error_code, b->error_text, b->error_remedy));
	json_object_set_new(j, "rebuild", rebuild_json(b));
	return j;
}

static struct err *answer(struct api_call *c, const struct catalog_image_repository *repo,
			  struct http_reply **out)
{
	struct pipeline_base *list;
	size_t n;
	TRY(pipeline_base_list(c->api->o.pipeline, c->arena, str_of(repo->id), &list, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, base_json(&list[i]));
	*out = api_page(items, NULL);
	return NULL;
}

static struct err *list(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	TRY(api_need_repository(c, c->params[0], AUTH_VIEW, &repo));
	return answer(c, &repo, out);
}

/* It may start builds, as those who develop may. */
static struct err *check(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	TRY(api_need_repository(c, c->params[0], AUTH_DEVELOP, &repo));
	TRY(pipeline_base_check(c->api->o.pipeline, str_of(repo.id)));
	api_audit(c, "base.check", str_of(repo.full_name), json_object());
	return answer(c, &repo, out);
}

#define ROOT "/api/v1/repositories/{repository}/bases"

const struct api_route api_base_routes[] = {
	{ HTTP_GET, ROOT, 0, list, NULL },
	{ HTTP_POST, ROOT ":check", API_OPTIONAL_BODY, check, NULL },
	{ 0 },
};
