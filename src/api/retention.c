/* Retention of a repository's tags: the policy, what it would do, and doing it now. */
#include "api/api_priv.h"

#include "oci/digest.h"
#include "pipeline/retention.h"

static const char *const policy_members[] = { "enabled", "rules", "never", "untaggedDays", NULL };

/* ---- policies ---- */

static struct err *check_members(json_t *list, const char *const *names)
{
	json_t *v;
	size_t i;
	json_array_foreach(list, i, v) if (json_is_object(v)) TRY(api_only(v, names));
	return NULL;
}

static struct err *read_policy(struct api_call *c, struct pipeline_retention_policy *out)
{
	static const char *const rule[] = { "pattern", "match", "keepNewest", "keepDays", NULL };
	static const char *const pattern[] = { "pattern", "match", NULL };
	TRY(api_body_only(c, policy_members));
	TRY(check_members(json_object_get(c->body, "rules"), rule));
	TRY(check_members(json_object_get(c->body, "never"), pattern));
	return api_body_err(pipeline_retention_read(c->arena, c->body, out));
}

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *run_json(const struct pipeline_retention_run *run)
{
	json_t *j = json_object(), *error = json_null();
	if (!run->started_ns)
		return json_null();
	if (run->error)
		error = json_pack("{s:s, s:s}", "code", run->error_code, "text", run->error);
	json_object_set_new(j, "startedAt", api_time(run->started_ns));
	json_object_set_new(j, "endedAt", api_time(run->ended_ns));
	json_object_set_new(j, "by", run->by[0] ? json_string(run->by) : json_null());
	json_object_set_new(j, "tags", count(run->n_tags));
	json_object_set_new(j, "manifests", count(run->n_manifests));
	json_object_set_new(j, "blobs", count(run->n_blobs));
	json_object_set_new(j, "error", error);
	return j;
}

static struct err *show(struct api_call *c, const struct catalog_image_repository *r,
			unsigned status, struct http_reply **out)
{
	struct pipeline_retention got;
	TRY(pipeline_retention_get(c->api->o.pipeline, c->arena, str_of(r->id), &got));
	json_t *j = pipeline_retention_json(&got.policy);
	json_object_set_new(j, "nextRunAt", api_time(got.next_ns));
	json_object_set_new(j, "running", run_json(&got.run));
	json_object_set_new(j, "lastRun", run_json(&got.last));
	json_object_set_new(j, "updatedAt", api_time(got.updated_ns));
	*out = api_json(status, j);
	return NULL;
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &r));
	return show(c, &r, 200, out);
}

static struct err *put(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	struct pipeline_retention_policy policy;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &r));
	TRY(read_policy(c, &policy));
	TRY(pipeline_retention_set(c->api->o.pipeline, str_of(r.id), &policy));
	api_audit(c, "retention.set", str_of(r.full_name), pipeline_retention_json(&policy));
	return show(c, &r, 200, out);
}

static struct err *delete_policy(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	bool found;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &r));
	TRY(pipeline_retention_remove(c->api->o.pipeline, str_of(r.id), &found));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "%s has no retention policy",
				 r.full_name);
	api_audit(c, "retention.delete", str_of(r.full_name), NULL);
	*out = api_no_content();
	return NULL;
}

static struct err *run(struct api_call *c, struct http_reply **out)
{
	static const char *const none[] = { NULL };
	struct catalog_image_repository r;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &r));
	if (c->body)
		TRY(api_body_only(c, none));
	TRY(pipeline_retention_start(c->api->o.pipeline, str_of(r.id), c->who.name));
	api_audit(c, "retention.run", str_of(r.full_name), NULL);
	return show(c, &r, 202, out);
}

/* ---- preview ---- */

struct page {
	struct str part;  /* of the name */
	bool go, keep;    /* which of them */
	struct str after; /* the name that the page before ended with; empty: the start */
	int64_t after_ns; /* when that one was pushed */
	size_t n;
};

static struct err *read_page(struct api_call *c, struct page *p)
{
	struct str which = api_query(c, "decision");
	uint64_t ns;
	p->part = str_first(api_query(c, "q"), 255);
	p->go = !which.len || str_eq(which, STR("go"));
	p->keep = !which.len || str_eq(which, STR("keep"));
	if (!p->go && !p->keep)
		return err_coded(ERR_INVALID, "QUERY", NULL, "decision is go or keep");
	TRY(api_query_limit(c, &p->n));
	TRY(api_query_cursor(c, &p->after));
	if (!p->after.len)
		return NULL;
	if (!str_to_u64(str_cut(&p->after, ' '), INT64_MAX, &ns) || !p->after.len)
		return err_coded(ERR_INVALID, "QUERY", "Take it from \"next\" of the page before.",
				 "cursor is none of a preview");
	p->after_ns = (int64_t)ns;
	return NULL;
}

static bool is_on(const struct page *p, const struct pipeline_retention_tag *t)
{
	bool go = t->reason == RETENTION_OLD;
	struct str name = str_of(t->name);
	if (!(go ? p->go : p->keep))
		return false;
	if (p->after.len && (t->pushed_ns > p->after_ns ||
			     (t->pushed_ns == p->after_ns && str_cmp(name, p->after) <= 0)))
		return false;
	return !p->part.len || memmem(name.p, name.len, p->part.p, p->part.len);
}

static json_t *tag_json(const struct pipeline_retention_look *l,
			const struct pipeline_retention_policy *policy,
			const struct pipeline_retention_tag *t)
{
	json_t *j = json_object();
	const char *pattern = t->pattern < 0                 ? NULL
			      : t->reason == RETENTION_NEVER ? policy->never[t->pattern].text
			      : (size_t)t->pattern < policy->n_rules
				      ? policy->rules[t->pattern].pattern.text
				      : NULL;
	json_object_set_new(j, "name", json_string(t->name));
	json_object_set_new(j, "digest", json_string(l->held->tags[t->place].digest));
	json_object_set_new(j, "pushedAt", api_time(t->pushed_ns));
	json_object_set_new(j, "decision", json_string(t->reason == RETENTION_OLD ? "go" : "keep"));
	json_object_set_new(j, "reason", json_string(pipeline_retention_reason_name(t->reason)));
	json_object_set_new(j, "rule", t->rank ? json_integer(t->pattern + 1) : json_null());
	json_object_set_new(j, "pattern", api_str(pattern));
	json_object_set_new(j, "rank", t->rank ? count(t->rank) : json_null());
	return j;
}

static json_t *page_json(struct api_call *c, const struct pipeline_retention_look *l,
			 const struct pipeline_retention_policy *policy, const struct page *p)
{
	json_t *j = json_object(), *items = json_array();
	const struct pipeline_retention_tag *last = NULL;
	const char *next = NULL;
	for (size_t i = 0; i < l->n && !next; i++) {
		const struct pipeline_retention_tag *t = &l->tags[i];
		if (!is_on(p, t))
			continue;
		if (json_array_size(items) == p->n)
			next = api_cursor(
				c, str_of(arena_printf(c->arena, "%lld %s",
						       (long long)last->pushed_ns, last->name)));
		else
			json_array_append_new(items, tag_json(l, policy, t));
		last = t;
	}
	json_object_set_new(j, "items", items);
	json_object_set_new(j, "next", api_str(next));
	json_object_set_new(j, "go", count(l->n_go));
	json_object_set_new(j, "keep", count(l->n - l->n_go));
	json_object_set_new(j, "bytes", count(l->weight.tag_bytes));
	json_object_set_new(j, "untagged",
			    json_pack("{s:I, s:I, s:I}", "manifests",
				      (json_int_t)l->weight.n_manifests, "blobs",
				      (json_int_t)l->weight.n_blobs, "bytes",
				      (json_int_t)l->weight.bytes));
	return j;
}

/* Of the stored policy where the body has none. */
static struct err *preview(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	struct pipeline_retention stored;
	struct page p;
	done(pipeline_retention_look) look = { .n = 0 };
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &r));
	TRY(read_page(c, &p));
	TRY(pipeline_retention_get(c->api->o.pipeline, c->arena, str_of(r.id), &stored));
	if (c->body && json_object_size(c->body))
		TRY(read_policy(c, &stored.policy));
	TRY(pipeline_retention_preview(c->api->o.pipeline, &r, &stored.policy, &look));
	*out = api_json(200, page_json(c, &look, &stored.policy, &p));
	return NULL;
}

#define ROOT "/api/v1/repositories/{repository}/retention"

const struct api_route api_retention_routes[] = {
	{ HTTP_GET, ROOT, 0, get, NULL },
	{ HTTP_PUT, ROOT, 0, put, NULL },
	{ HTTP_DELETE, ROOT, 0, delete_policy, NULL },
	{ HTTP_POST, ROOT ":preview", API_OPTIONAL_BODY, preview, NULL },
	{ HTTP_POST, ROOT ":run", API_OPTIONAL_BODY, run, NULL },
	{ 0 },
};
