/* What the builds of the last days say together. */
#include "api/api_priv.h"
#include "base/time.h"
#include "pipeline/insights.h"

#define DAYS 30 /* unless `days` says another number */

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Rounded down, so that 100 means all; null of none. */
static json_t *percent(uint64_t part, uint64_t rest)
{
	return part + rest ? count(part * 100 / (part + rest)) : json_null();
}

static json_t *spread_json(const struct pipeline_spread *s)
{
	return s->n ? json_pack("{s:I, s:I, s:I}", "count", (json_int_t)s->n, "medianMs",
				(json_int_t)s->median_ms, "p95Ms", (json_int_t)s->p95_ms)
		    : json_null();
}

static json_t *builds_json(const uint64_t builds[PIPELINE_CANCELED + 1])
{
	json_t *j = json_object();
	for (int s = PIPELINE_PENDING; s <= PIPELINE_CANCELED; s++)
		json_object_set_new(j, pipeline_status_name((enum pipeline_status)s),
				    count(builds[s]));
	return j;
}

static json_t *days_json(const struct pipeline_insights *in)
{
	json_t *list = json_array();
	for (size_t i = 0; i < in->n_days; i++) {
		const struct pipeline_insights_day *d = &in->days[i];
		json_t *j = json_object();
		struct time_text start = time_rfc3339(d->start_ns);
		json_object_set_new(j, "day", json_stringn(start.s, 10));
		json_object_set_new(j, "builds", builds_json(d->builds));
		json_object_set_new(j, "duration", spread_json(&d->took));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *sample_json(const struct pipeline_insights *in)
{
	return json_pack("{s:I, s:o}", "builds", (json_int_t)in->n_sampled, "since",
			 api_time(in->sampled_from_ns));
}

static json_t *queue_json(const struct pipeline_insights *in)
{
	json_t *list = json_array();
	for (size_t i = 0; i < in->n_platforms; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "platform",
						      api_str(in->platforms[i].platform), "wait",
						      spread_json(&in->platforms[i].waited)));
	return list;
}

static json_t *caching_json(const struct pipeline_insights *in)
{
	json_t *j = json_object();
	bool told = in->n_cached_told > 0;
	json_object_set_new(j, "ran", count(in->n_ran));
	json_object_set_new(j, "cached", count(in->n_cached));
	json_object_set_new(j, "cachedPercent", percent(in->n_cached, in->n_ran));
	json_object_set_new(j, "savedMs", told ? json_integer(in->saved_ms) : json_null());
	json_object_set_new(j, "savedSteps", count(in->n_cached_told));
	return j;
}

static json_t *steps_json(const struct pipeline_insights *in)
{
	json_t *list = json_array();
	for (size_t i = 0; i < in->n_steps; i++) {
		const struct pipeline_insights_step *s = &in->steps[i];
		json_t *j = json_object();
		json_object_set_new(j, "repository", api_str(s->repository));
		json_object_set_new(j, "text", api_str(s->text));
		json_object_set_new(j, "ran", count(s->n_ran));
		json_object_set_new(j, "cached", count(s->n_cached));
		json_object_set_new(j, "meanMs", json_integer(s->total_ms / (int64_t)s->n_ran));
		json_object_set_new(j, "longestMs", json_integer(s->longest_ms));
		json_object_set_new(j, "totalMs", json_integer(s->total_ms));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *rules_json(const struct pipeline_insights *in)
{
	json_t *list = json_array();
	for (size_t i = 0; i < in->n_rules; i++) {
		const struct pipeline_insights_rule *r = &in->rules[i];
		json_t *j = json_object();
		json_object_set_new(j, "id", api_str(r->id));
		json_object_set_new(j, "repositoryId", api_str(r->repository_id));
		json_object_set_new(j, "repository", api_str(r->repository));
		json_object_set_new(j, "refType", api_str(r->ref_type));
		json_object_set_new(j, "pattern", api_str(r->pattern));
		json_object_set_new(j, "succeeded", count(r->n_success));
		json_object_set_new(j, "failed", count(r->n_failed));
		json_object_set_new(j, "flips", count(r->n_flips));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *storage_json(const struct pipeline_insights *in)
{
	json_t *j = json_object(), *list = json_array();
	for (size_t i = 0; i < in->n_held; i++)
		json_array_append_new(list, json_pack("{s:o, s:I, s:I}", "repository",
						      api_str(in->held[i].repository), "blobs",
						      (json_int_t)in->held[i].n_blobs, "bytes",
						      (json_int_t)in->held[i].bytes));
	json_object_set_new(j, "blobs", count(in->n_blobs));
	json_object_set_new(j, "bytes", count(in->bytes));
	json_object_set_new(j, "onceBytes", count(in->once_bytes));
	json_object_set_new(j, "repositories", list);
	return j;
}

static json_t *insights_json(const struct pipeline_insights *in, const char *repository)
{
	json_t *j = json_object();
	json_object_set_new(j, "from", api_time(in->from_ns));
	json_object_set_new(j, "to", api_time(in->to_ns));
	json_object_set_new(j, "repository", api_str(repository));
	json_object_set_new(j, "builds", builds_json(in->builds));
	json_object_set_new(j, "successPercent",
			    percent(in->builds[PIPELINE_SUCCESS], in->builds[PIPELINE_FAILED]));
	json_object_set_new(j, "duration", spread_json(&in->took));
	json_object_set_new(j, "days", days_json(in));
	json_object_set_new(j, "sample", sample_json(in));
	json_object_set_new(j, "queue", queue_json(in));
	json_object_set_new(j, "caching", caching_json(in));
	json_object_set_new(j, "steps", steps_json(in));
	json_object_set_new(j, "rules", rules_json(in));
	json_object_set_new(j, "storage", storage_json(in));
	return j;
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	struct str days = api_query(c, "days"), name = api_query(c, "repository");
	struct pipeline_insights_query q = { .who = &c->who };
	struct catalog_image_repository r = { .full_name = NULL };
	struct pipeline_insights in;
	uint64_t n = DAYS;
	if (days.len && (!str_to_u64(days, PIPELINE_INSIGHTS_DAYS, &n) || !n))
		return err_coded(ERR_INVALID, "QUERY", "Leave it out for the last 30 days.",
				 "days is 1 to %d", PIPELINE_INSIGHTS_DAYS);
	q.days = (unsigned)n;
	if (name.len) {
		TRY(api_need_repository(c, name, AUTH_VIEW, &r));
		q.repository_id = str_of(r.id);
	}
	TRY(pipeline_insights_get(c->api->o.pipeline, c->arena, &q, &in));
	*out = api_json(200, insights_json(&in, r.full_name));
	return NULL;
}

const struct api_route api_insights_routes[] = {
	{ HTTP_GET, "/api/v1/insights", API_ANYBODY, get, NULL },
	{ 0 },
};
