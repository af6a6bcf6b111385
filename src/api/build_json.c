#include "api/build_json.h"

json_t *api_build_error_json(const char *code, const char *text, const char *remedy)
{
	if (!code && !text)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "code", api_str(code ? code : "FAILED"), "text",
			 api_str(text ? text : ""), "remedy", api_str(remedy));
}

static json_t *job_json(const struct pipeline_job *j)
{
	json_t *o = json_object();
	json_object_set_new(o, "platform", api_str(oci_platform_text(&j->platform).s));
	json_object_set_new(o, "state", api_str(j->state));
	json_object_set_new(o, "attempt", json_integer(j->attempt));
	json_object_set_new(o, "worker", api_str(j->worker));
	json_object_set_new(o, "native", j->native_known ? json_boolean(j->native) : json_null());
	json_object_set_new(o, "digest", api_str(j->digest));
	json_object_set_new(o, "size", j->digest ? json_integer((json_int_t)j->size) : json_null());
	json_object_set_new(o, "error",
			    api_build_error_json(j->error_code, j->error_text, j->error_remedy));
	json_object_set_new(o, "queuedAt", api_time(j->queued_ns));
	json_object_set_new(o, "startedAt", api_time(j->started_ns));
	json_object_set_new(o, "endedAt", api_time(j->ended_ns));
	return o;
}

static void add_settings(json_t *o, const struct pipeline_build *b)
{
	json_t *args = json_array(), *tags = json_array();
	for (size_t i = 0; i < b->n_args; i++)
		json_array_append_new(args,
				      json_pack("{s:o, s:o}", "name", api_str(b->args[i].name),
						"value", api_str(b->args[i].value)));
	for (size_t i = 0; i < b->n_tags; i++)
		json_array_append_new(tags, api_str(b->tags[i]));
	json_object_set_new(o, "tags", tags);
	json_object_set_new(o, "dockerfileDirectory", json_sprintf("/%s", b->dockerfile_dir));
	json_object_set_new(o, "dockerfileName", api_str(b->dockerfile_name));
	json_object_set_new(o, "buildArgs", args);
	json_object_set_new(o, "noCache", json_boolean(b->no_cache));
	json_object_set_new(o, "emulation", json_boolean(b->emulation));
	json_object_set_new(o, "pool", api_str(b->pool));
	json_object_set_new(o, "priority", json_integer(b->priority));
	json_object_set_new(o, "policy", api_str(pipeline_policy_name(b->policy)));
	json_object_set_new(o, "timeLimitSeconds", json_integer(b->time_limit_s));
}

json_t *api_build_json(const struct pipeline_build *b)
{
	json_t *o = json_object(), *jobs = json_array();
	json_object_set_new(o, "id", api_str(b->id));
	json_object_set_new(o, "repositoryId", api_str(b->repository_id));
	json_object_set_new(o, "repository", api_str(b->repository));
	json_object_set_new(o, "ruleId", api_str(b->rule_id));
	json_object_set_new(o, "sourceId", api_str(b->source_id));
	json_object_set_new(o, "trigger", api_str(b->trigger));
	json_object_set_new(o, "actor", api_str(b->actor));
	json_object_set_new(o, "ref", api_str(b->ref));
	json_object_set_new(o, "commit", api_str(b->commit));
	json_object_set_new(o, "pushedAt", api_time(b->pushed_ns));
	add_settings(o, b);
	json_object_set_new(o, "status", api_str(pipeline_status_name(b->status)));
	json_object_set_new(o, "queuePosition",
			    b->queue_position ? json_integer(b->queue_position) : json_null());
	json_object_set_new(o, "waitsFor", api_str(b->waits_for));
	json_object_set_new(o, "rerunOf", api_str(b->rerun_of));
	json_object_set_new(o, "supersededBy", api_str(b->superseded_by));
	json_object_set_new(o, "canceledBy", api_str(b->canceled_by));
	json_object_set_new(o, "error",
			    api_build_error_json(b->error_code, b->error_text, b->error_remedy));
	json_object_set_new(o, "digest", api_str(b->digest));
	json_object_set_new(o, "createdAt", api_time(b->created_ns));
	json_object_set_new(o, "startedAt", api_time(b->started_ns));
	json_object_set_new(o, "endedAt", api_time(b->ended_ns));
	for (size_t i = 0; i < b->n_jobs; i++)
		json_array_append_new(jobs, job_json(&b->jobs[i]));
	json_object_set_new(o, "jobs", jobs);
	return o;
}

static json_t *platforms_of(const struct pipeline_step *s)
{
	json_t *list = s->platforms_json ? json_loads(s->platforms_json, 0, NULL) : NULL;
	return json_is_array(list) ? list : json_array();
}

json_t *api_build_step_json(const struct pipeline_step *s)
{
	json_t *o = json_object();
	json_object_set_new(o, "step", json_integer(s->step));
	json_object_set_new(o, "line", json_integer(s->line));
	json_object_set_new(o, "stage", api_str(s->stage ? s->stage : ""));
	json_object_set_new(o, "text", api_str(s->text ? s->text : ""));
	json_object_set_new(o, "platforms", platforms_of(s));
	json_object_set_new(o, "state", api_str(s->state));
	json_object_set_new(o, "cacheReason", api_str(s->cache_reason));
	json_object_set_new(o, "digest", api_str(s->digest));
	json_object_set_new(o, "size", s->digest ? json_integer((json_int_t)s->size) : json_null());
	json_object_set_new(o, "base", api_str(s->base));
	json_object_set_new(o, "startedAt", api_time(s->started_ms * 1000000));
	json_object_set_new(o, "endedAt", api_time(s->ended_ms * 1000000));
	json_object_set_new(o, "tookMs",
			    s->ended_ms && s->started_ms ? json_integer(s->ended_ms - s->started_ms)
							 : json_null());
	return o;
}

bool api_build_over(const struct pipeline_build *b)
{
	if (b->status == PIPELINE_PENDING || b->status == PIPELINE_BUILDING)
		return false;
	for (size_t i = 0; i < b->n_jobs; i++) {
		struct str s = str_of(b->jobs[i].state);
		if (str_eq(s, STR("queued")) || str_eq(s, STR("running")) ||
		    str_eq(s, STR("pushing")))
			return false;
	}
	return true;
}

static struct err *no_build(struct api_call *c)
{
	if (c->who.kind == AUTH_ANONYMOUS)
		return err_coded(ERR_DENIED, "LOGIN_NEEDED", "Log in: kiln login.", "no login");
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no build " STR_FMT,
			 STR_ARG(str_first(c->params[0], 100)));
}

struct err *api_need_build(struct api_call *c, enum auth_role least, struct pipeline_build *out)
{
	struct catalog_image_repository r;
	struct pipeline_build b;
	bool found = false;
	char *id = arena_strdup(c->arena, c->params[0]);
	for (char *p = id; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
	if (c->params[0].len == 36)
		TRY(pipeline_build_get(c->api->o.pipeline, c->arena, str_of(id), &found, &b));
	if (!found)
		return no_build(c);
	struct err *e = api_need_repository(c, str_of(b.repository_id), least, &r);
	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return no_build(c);
	}
	TRY(e);
	*out = b;
	return NULL;
}
