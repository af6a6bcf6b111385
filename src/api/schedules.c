/* Schedules of an image repository, and what an expression means. */
#include "api/build_json.h"
#include "base/limits.h"
#include "base/time.h"
#include "pipeline/schedule.h"

static const char *const members[] = { "ruleId",  "ref",     "cron", "timeZone",
				       "enabled", "noCache", NULL };

/* ---- out ---- */

static json_t *times_json(const int64_t *at, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, api_time(at[i]));
	return list;
}

static json_t *last_run_json(const struct pipeline_schedule *s)
{
	json_t *j = json_object();
	if (!s->last_run_ns) {
		json_decref(j);
		return json_null();
	}
	json_object_set_new(j, "at", api_time(s->last_run_ns));
	json_object_set_new(j, "state", api_str(s->last_state));
	json_object_set_new(j, "error",
			    api_build_error_json(s->last_code, s->last_text, s->last_remedy));
	return j;
}

static json_t *last_build_json(const struct pipeline_schedule *s)
{
	return s->last_build ? json_pack("{s:s, s:s}", "id", s->last_build, "status",
					 s->last_build_status)
			     : json_null();
}

/* A zone whose file is gone since has no next runs, but can still be changed to another. */
static json_t *schedule_json(struct api_call *c, const struct pipeline_schedule *s)
{
	int64_t next[PIPELINE_NEXT_RUNS];
	size_t n = 0;
	err_free(pipeline_schedule_next(c->api->o.pipeline, s, next, &n));
	json_t *j = json_object();
	json_object_set_new(j, "id", api_str(s->id));
	json_object_set_new(j, "repositoryId", api_str(s->repository_id));
	json_object_set_new(j, "ruleId", api_str(s->rule_id));
	json_object_set_new(j, "ref", api_str(s->full_ref));
	json_object_set_new(j, "cron", api_str(s->cron));
	json_object_set_new(j, "timeZone", api_str(s->time_zone));
	json_object_set_new(j, "enabled", json_boolean(s->enabled));
	json_object_set_new(j, "noCache", json_boolean(s->no_cache));
	json_object_set_new(j, "nextRuns", times_json(next, n));
	json_object_set_new(j, "lastRun", last_run_json(s));
	json_object_set_new(j, "lastBuild", last_build_json(s));
	json_object_set_new(j, "createdAt", api_time(s->created_ns));
	json_object_set_new(j, "updatedAt", api_time(s->updated_ns));
	return j;
}

/* ---- in ---- */

static struct err *read_text(struct api_call *c, const char *name, size_t most, const char **out)
{
	struct str text;
	bool found;
	TRY(api_body_str(c, name, most, false, &found, &text));
	if (found)
		*out = arena_strdup(c->arena, text);
	return NULL;
}

/* Of another rule the ref is another too, unless it is given. */
static struct err *read_schedule(struct api_call *c, struct pipeline_schedule *s)
{
	const char *rule_id = s->rule_id;
	TRY(api_body_only(c, members));
	TRY(read_text(c, "ruleId", 100, &s->rule_id));
	if (strcmp(rule_id, s->rule_id) != 0)
		s->ref = "";
	TRY(read_text(c, "ref", LIMIT_REF_BYTES, &s->ref));
	TRY(read_text(c, "cron", API_BODY_BYTES, &s->cron));
	TRY(read_text(c, "timeZone", API_BODY_BYTES, &s->time_zone));
	TRY(api_body_bool(c, "enabled", NULL, &s->enabled));
	return api_body_bool(c, "noCache", NULL, &s->no_cache);
}

static struct err *need_text(struct api_call *c, const char *name)
{
	struct str text;
	return api_body_str(c, name, API_BODY_BYTES, true, NULL, &text);
}

/* ---- the collection ---- */

/* The schedule of the path, which must be of the repository of the path. */
static struct err *find_schedule(struct api_call *c, enum auth_role least,
				 struct catalog_image_repository *repo, struct pipeline_schedule *s)
{
	bool found;
	TRY(api_need_repository(c, c->params[0], least, repo));
	TRY(pipeline_schedule_get(c->api->o.pipeline, c->arena, c->params[1], &found, s));
	if (!found || strcmp(s->repository_id, repo->id) != 0)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no schedule " STR_FMT,
				 STR_ARG(str_first(c->params[1], 100)));
	return NULL;
}

static struct err *list(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_schedule *found;
	size_t n;
	TRY(api_need_repository(c, c->params[0], AUTH_DEVELOP, &repo));
	TRY(pipeline_schedule_list(c->api->o.pipeline, c->arena, str_of(repo.id), &found, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, schedule_json(c, &found[i]));
	*out = api_page(items, NULL);
	return NULL;
}

static void audit(struct api_call *c, const char *action,
		  const struct catalog_image_repository *repo, const struct pipeline_schedule *s)
{
	api_audit(c, action, str_of(repo->full_name),
		  json_pack("{s:s, s:s, s:s, s:s, s:b}", "schedule", s->id, "rule", s->rule_id,
			    "cron", s->cron, "timeZone", s->time_zone, "enabled", s->enabled));
}

static struct err *create(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_schedule s = {
		.rule_id = "", .ref = "", .cron = "", .time_zone = "UTC", .enabled = true
	};
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	TRY(read_schedule(c, &s));
	TRY(need_text(c, "ruleId"));
	TRY(need_text(c, "cron"));
	s.repository_id = repo.id;
	TRY(pipeline_schedule_create(c->api->o.pipeline, c->arena, &s));
	audit(c, "schedule.create", &repo, &s);
	*out = api_json(201, schedule_json(c, &s));
	return NULL;
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_schedule s;
	TRY(find_schedule(c, AUTH_DEVELOP, &repo, &s));
	*out = api_json(200, schedule_json(c, &s));
	return NULL;
}

static struct err *update(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_schedule s;
	TRY(find_schedule(c, AUTH_MAINTAIN, &repo, &s));
	TRY(read_schedule(c, &s));
	TRY(pipeline_schedule_update(c->api->o.pipeline, c->arena, &s));
	audit(c, "schedule.update", &repo, &s);
	*out = api_json(200, schedule_json(c, &s));
	return NULL;
}

static struct err *delete_schedule(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_schedule s;
	bool found;
	TRY(find_schedule(c, AUTH_MAINTAIN, &repo, &s));
	TRY(pipeline_schedule_delete(c->api->o.pipeline, str_of(s.id), &found));
	audit(c, "schedule.delete", &repo, &s);
	*out = api_no_content();
	return NULL;
}

/* ---- preview ---- */

static struct err *preview(struct api_call *c, struct http_reply **out)
{
	static const char *const known[] = { "cron", "timeZone", NULL };
	struct str cron, zone;
	bool has_zone;
	int64_t next[PIPELINE_NEXT_RUNS];
	TRY(api_body_only(c, known));
	TRY(api_body_str(c, "cron", API_BODY_BYTES, true, NULL, &cron));
	TRY(api_body_str(c, "timeZone", API_BODY_BYTES, false, &has_zone, &zone));
	TRY(pipeline_schedule_preview(cron, has_zone ? zone : STR("UTC"), time_now_unix_ns(),
				      next));
	*out = api_json(200, json_pack("{s:o}", "nextRuns", times_json(next, PIPELINE_NEXT_RUNS)));
	return NULL;
}

#define ROOT "/api/v1/repositories/{repository}/schedules"

const struct api_route api_schedule_routes[] = {
	{ HTTP_POST, "/api/v1/schedules:preview", 0, preview, NULL },
	{ HTTP_GET, ROOT, 0, list, NULL },
	{ HTTP_POST, ROOT, 0, create, NULL },
	{ HTTP_GET, ROOT "/{schedule}", 0, get, NULL },
	{ HTTP_PATCH, ROOT "/{schedule}", 0, update, NULL },
	{ HTTP_DELETE, ROOT "/{schedule}", 0, delete_schedule, NULL },
	{ 0 },
};
