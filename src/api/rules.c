/* Build rules, previews, builds by hand. */
#include "api/build_json.h"
#include "api/rules_priv.h"

static const char *const members[] = { "refType",
				       "pattern",
				       "match",
				       "dockerfileDirectory",
				       "dockerfileName",
				       "imageTags",
				       "platforms",
				       "buildArgs",
				       "policy",
				       "required",
				       "newerPush",
				       "priority",
				       "timeLimitSeconds",
				       "emulation",
				       "enabled",
				       "rebuildOnBaseUpdate",
				       NULL };

static struct err *get_rule(struct api_call *c, const struct catalog_image_repository *repo,
			    struct str id, struct pipeline_rule *r)
{
	bool found;
	TRY(pipeline_rule_get(c->api->o.db, c->arena, id, &found, r));
	if (!found || strcmp(r->repository_id, repo->id) != 0)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL,
				 "there is no build rule " STR_FMT, STR_ARG(str_first(id, 100)));
	return NULL;
}

/* The rule of the path, which must be of the repository of the path. */
static struct err *find_rule(struct api_call *c, enum auth_role least,
			     struct catalog_image_repository *repo, struct pipeline_rule *r)
{
	TRY(api_need_repository(c, c->params[0], least, repo));
	return get_rule(c, repo, c->params[1], r);
}

static struct err *list(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_rule *rules;
	size_t n;
	TRY(api_need_repository(c, c->params[0], AUTH_VIEW, &repo));
	TRY(pipeline_rule_list(c->api->o.db, c->arena, str_of(repo.id), &rules, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, api_rule_json(c->arena, &rules[i]));
	*out = api_page(items, NULL);
	return NULL;
}

static json_t *told(struct arena *a, const struct pipeline_rule *r)
{
	json_t *j = json_object();
	json_object_set_new(j, "rule", json_string(r->id));
	json_object_set_new(j, "pattern", json_string(r->pattern));
	return j;
}

static struct err *create(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_rule r;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	TRY(api_body_only(c, members));
	TRY(api_rule_read(c->arena, c->body, true, &r));
	r.repository_id = repo.id;
	TRY(pipeline_rule_create(c->api->o.db, c->arena, &r));
	api_audit(c, "rule.create", str_of(repo.full_name), told(c->arena, &r));
	*out = api_json(201, api_rule_json(c->arena, &r));
	return NULL;
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_rule r;
	TRY(find_rule(c, AUTH_VIEW, &repo, &r));
	*out = api_json(200, api_rule_json(c->arena, &r));
	return NULL;
}

static struct err *update(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_rule r;
	bool found;
	TRY(find_rule(c, AUTH_MAINTAIN, &repo, &r));
	TRY(api_body_only(c, members));
	TRY(api_rule_read(c->arena, c->body, false, &r));
	TRY(pipeline_rule_update(c->api->o.db, &r));
	TRY(pipeline_rule_get(c->api->o.db, c->arena, str_of(r.id), &found, &r));
	api_audit(c, "rule.update", str_of(repo.full_name), told(c->arena, &r));
	*out = api_json(200, api_rule_json(c->arena, &r));
	return NULL;
}

static struct err *delete_rule(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_rule r;
	bool found;
	TRY(find_rule(c, AUTH_MAINTAIN, &repo, &r));
	TRY(pipeline_rule_delete(c->api->o.db, str_of(r.id), &found));
	api_audit(c, "rule.delete", str_of(repo.full_name), told(c->arena, &r));
	*out = api_no_content();
	return NULL;
}

/* ---- preview ---- */

static json_t *conflicts_json(const struct pipeline_preview *v)
{
	json_t *list = json_array();
	for (size_t i = 0; i < v->n_conflicts; i++)
		json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "tag", v->conflicts[i].tag,
						      "ruleId", v->conflicts[i].rule->id, "pattern",
						      v->conflicts[i].rule->pattern));
	return list;
}

static json_t *preview_json(const struct pipeline_preview *v)
{
	json_t *j = json_object(), *groups = json_object(), *tags = json_array();
	for (size_t i = 0; i < v->match.n_groups; i++)
		json_object_set_new(groups, v->match.groups[i].name,
				    json_string(v->match.groups[i].value));
	for (size_t i = 0; i < v->match.n_tags; i++)
		json_array_append_new(tags, json_string(v->match.tags[i]));
	json_object_set_new(j, "ref", json_string(v->ref));
	json_object_set_new(j, "commit", json_string(v->commit));
	json_object_set_new(j, "ruleId", api_str(v->rule->id));
	json_object_set_new(j, "enabled", json_boolean(v->rule->enabled));
	json_object_set_new(j, "matches", json_boolean(v->match.matches));
	json_object_set_new(j, "groups", groups);
	json_object_set_new(j, "tags", tags);
	json_object_set_new(j, "conflicts", v->compared ? conflicts_json(v) : json_null());
	json_object_set_new(j, "code", api_str(v->match.code));
	json_object_set_new(j, "problem", api_str(v->match.problem));
	json_object_set_new(j, "remedy", api_str(v->match.remedy));
	return j;
}

static struct err *read_refs(struct api_call *c, const char ***refs, size_t *n)
{
	json_t *given = NULL, *v;
	size_t i;
	*refs = NULL;
	*n = 0;
	TRY(api_body_err(json_get_array(c->body, "refs", &given)));
	if (!given)
		return NULL;
	if (json_array_size(given) > 1000)
		return err_coded(ERR_LIMIT, "BODY", "Ask in several requests.",
				 "\"refs\" has at most 1000 refs");
	*refs = arena_new_array(c->arena, json_array_size(given) + 1, const char *);
	json_array_foreach(given, i, v)
	{
		if (!json_is_string(v) || !json_string_length(v) || json_string_length(v) > 1024)
			return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY,
					 "\"refs\" holds names of refs");
		(*refs)[(*n)++] = arena_strdup(c->arena, str_of(json_string_value(v)));
	}
	return NULL;
}

/* The rule that is given, the stored one that is named, or what it would be with the change that is
 * given; NULL for neither. */
static struct err *read_rule(struct api_call *c, const struct catalog_image_repository *repo,
			     struct pipeline_rule *r, const struct pipeline_rule **out)
{
	json_t *given = NULL;
	struct str id = STR("");
	bool named = false;
	TRY(api_body_err(json_get_obj(c->body, "rule", &given)));
	TRY(api_body_str(c, "ruleId", 100, false, &named, &id));
	*out = given || named ? r : NULL;
	if (named)
		TRY(get_rule(c, repo, id, r));
	if (!given)
		return NULL;
	TRY(api_only(given, members));
	TRY(api_rule_read(c->arena, given, !named, r));
	r->repository_id = repo->id;
	return NULL;
}

static struct err *preview(struct api_call *c, struct http_reply **out)
{
	static const char *const known[] = { "refs", "rule", "ruleId", "conflictsOnly", NULL };
	struct catalog_image_repository repo;
	struct pipeline_preview_query q = { .conflicts_only = false };
	struct pipeline_rule r;
	struct pipeline_preview *found;
	const char **refs;
	json_t *items = json_array();
	size_t n;
	own_json dropped = items;
	TRY(api_need_repository(c, c->params[0], AUTH_VIEW, &repo));
	q.repository_id = str_of(repo.id);
	TRY(api_body_only(c, known));
	TRY(read_refs(c, &refs, &q.n_refs));
	q.refs = refs;
	TRY(read_rule(c, &repo, &r, &q.rule));
	TRY(api_body_bool(c, "conflictsOnly", NULL, &q.conflicts_only));
	TRY(pipeline_preview(c->api->o.pipeline, c->arena, &q, &found, &n));
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, preview_json(&found[i]));
	*out = api_page(json_incref(items), NULL);
	return NULL;
}

/* ---- by hand ---- */

static struct err *build(struct api_call *c, struct http_reply **out)
{
	static const char *const known[] = { "ref", NULL };
	struct catalog_image_repository repo;
	struct pipeline_rule r;
	struct pipeline_build b;
	struct str ref = STR("");
	TRY(find_rule(c, AUTH_DEVELOP, &repo, &r));
	if (c->body) {
		TRY(api_body_only(c, known));
		TRY(api_body_str(c, "ref", 1024, false, NULL, &ref));
	}
	TRY(pipeline_build_start(c->api->o.pipeline, c->arena, str_of(r.id), ref,
				 c->who.token_id[0] ? "API" : "MANUAL", c->who.name, &b));
	api_audit(c, "build.start", str_of(repo.full_name), json_pack("{s:s}", "build", b.id));
	*out = api_json(201, api_build_json(&b));
	return NULL;
}

#define ROOT "/api/v1/repositories/{repository}/rules"

const struct api_route api_rule_routes[] = {
	{ HTTP_GET, ROOT, API_ANYBODY, list, NULL },
	{ HTTP_POST, ROOT, 0, create, NULL },
	{ HTTP_POST, ROOT ":preview", API_ANYBODY, preview, NULL },
	{ HTTP_GET, ROOT "/{rule}", API_ANYBODY, get, NULL },
	{ HTTP_PATCH, ROOT "/{rule}", 0, update, NULL },
	{ HTTP_DELETE, ROOT "/{rule}", 0, delete_rule, NULL },
	{ HTTP_POST, ROOT "/{rule}:build", API_OPTIONAL_BODY, build, NULL },
	{ 0 },
};
