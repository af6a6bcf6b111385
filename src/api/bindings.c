/* What an image repository is built from. */
#include "api/api_priv.h"

static struct err *binding_json(struct api_call *c, const struct pipeline_binding *b, json_t **out)
{
	struct pipeline_source s;
	bool found;
	TRY(pipeline_source_get(c->api->o.pipeline, c->arena, str_of(b->source_id), &found, &s));
	if (!found)
		return err_new(ERR_CORRUPT, "code source %s is gone", b->source_id);
	json_t *j = json_object();
	json_object_set_new(j, "sourceId", json_string(b->source_id));
	json_object_set_new(j, "source",
			    json_string(arena_printf(c->arena, "%s/%s", s.namespace_, s.name)));
	json_object_set_new(j, "provider", json_string(source_provider_name(s.provider)));
	json_object_set_new(j, "url", json_string(api_source_url(c, &s)));
	json_object_set_new(j, "autoBuild", json_boolean(b->auto_build));
	json_object_set_new(j, "pool", json_string(b->pool));
	json_object_set_new(j, "noCache", json_boolean(b->no_cache));
	*out = j;
	return NULL;
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_binding b;
	bool found;
	json_t *j;
	TRY(api_need_repository(c, c->params[0], AUTH_VIEW, &repo));
	TRY(pipeline_binding_get(c->api->o.pipeline, c->arena, str_of(repo.id), &found, &b));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NO_SOURCE", "Bind it: kiln repo bind.",
				 "%s is bound to no code source", repo.full_name);
	TRY(binding_json(c, &b, &j));
	*out = api_json(200, j);
	return NULL;
}

/* The repository's own one in kiln's Git remote, made when it is absent. */
static struct err *own_source(struct api_call *c, const struct catalog_image_repository *repo,
			      struct pipeline_source *s)
{
	struct pipeline *p = c->api->o.pipeline;
	bool found;
	const char *secret;
	TRY(pipeline_source_find(p, c->arena, str_of(repo->namespace_), str_of(repo->name), &found,
				 s));
	if (!found)
		return pipeline_source_create(
			p, c->arena,
			&(struct pipeline_source_request){ .namespace_ = str_of(repo->namespace_),
							   .name = str_of(repo->name),
							   .provider = SOURCE_KILN,
							   .credential = STR("none") },
			s, &secret);
	return s->provider == SOURCE_KILN
		       ? NULL
		       : err_coded(ERR_CONFLICT, "SOURCE_EXISTS",
				   "Bind it by its name, or give it another name first.",
				   "%s is a code source elsewhere", repo->full_name);
}

static struct err *wanted_source(struct api_call *c, const struct catalog_image_repository *repo,
				 struct pipeline_source *s)
{
	struct str id, name, provider;
	bool found = false;
	TRY(api_body_str(c, "sourceId", 100, false, NULL, &id));
	TRY(api_body_str(c, "source", 300, false, NULL, &name));
	TRY(api_body_str(c, "provider", 100, false, NULL, &provider));
	if (provider.len && !str_eq(provider, STR("KILN")))
		return err_coded(ERR_INVALID, "BODY", "Name others by \"source\" or \"sourceId\".",
				 "\"provider\" is KILN or absent");
	if (provider.len)
		return own_source(c, repo, s);
	if (id.len)
		TRY(pipeline_source_get(c->api->o.pipeline, c->arena, id, &found, s));
	else if (name.len) {
		struct str rest = name, ns = str_cut(&rest, '/');
		TRY(pipeline_source_find(c->api->o.pipeline, c->arena, ns, rest, &found, s));
	} else {
		return err_coded(ERR_INVALID, "BODY", NULL,
				 "one of \"sourceId\", \"source\" and \"provider\" is needed");
	}
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no such code source");
	/* Who binds a source reads its code by a build. */
	return api_need_namespace(c, str_of(s->namespace_), AUTH_MAINTAIN);
}

static struct err *put(struct api_call *c, struct http_reply **out)
{
	static const char *const known[] = { "sourceId", "source",   "provider", "autoBuild",
					     "pool",     "overseas", "noCache",  NULL };
	struct catalog_image_repository repo;
	struct pipeline_source s;
	struct pipeline_binding b = { .auto_build = true, .pool = "" };
	struct str pool;
	bool found, overseas = false;
	json_t *j;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	TRY(api_body_only(c, known));
	TRY(wanted_source(c, &repo, &s));
	TRY(api_body_bool(c, "autoBuild", &found, &b.auto_build));
	TRY(api_body_bool(c, "noCache", &found, &b.no_cache));
	TRY(api_body_bool(c, "overseas", &found, &overseas));
	TRY(api_body_str(c, "pool", 64, false, &found, &pool));
	b.source_id = s.id;
	b.pool = overseas ? "overseas" : arena_strdup(c->arena, pool);
	TRY(pipeline_binding_set(c->api->o.pipeline, str_of(repo.id), &b));
	pipeline_source_poke(c->api->o.pipeline, str_of(s.id));
	TRY(binding_json(c, &b, &j));
	api_audit(c, "repository.bind", str_of(repo.full_name), json_incref(j));
	*out = api_json(200, j);
	return NULL;
}

static struct err *delete_binding(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	bool found;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	TRY(pipeline_binding_remove(c->api->o.pipeline, str_of(repo.id), &found));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NO_SOURCE", NULL, "%s is bound to no code source",
				 repo.full_name);
	api_audit(c, "repository.unbind", str_of(repo.full_name), NULL);
	*out = api_no_content();
	return NULL;
}

#define ROOT "/api/v1/repositories/{repository}/source"

const struct api_route api_binding_routes[] = {
	{ HTTP_GET, ROOT, API_ANYBODY, get, NULL },
	{ HTTP_PUT, ROOT, 0, put, NULL },
	{ HTTP_DELETE, ROOT, 0, delete_binding, NULL },
	{ 0 },
};
