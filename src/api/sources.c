/* Code sources: GET, POST /api/v1/sources and what is below. */
#include "api/hooks_priv.h"

#include <stdlib.h>

#include "base/log.h"

#define NAME_BYTES   1024 /* of what the pipeline checks */
#define URL_BYTES    2048
#define SECRET_BYTES 16384
#define POLL_S       300

/* ---- which one ---- */

/* By id, or by NAMESPACE/NAME. What may not be seen looks absent. */
static struct err *need_source(struct api_call *c, enum auth_role least,
			       struct pipeline_source *out)
{
	struct pipeline *p = c->api->o.pipeline;
	struct str rest = c->params[0];
	enum auth_role role = AUTH_NONE;
	bool found;
	if (str_chr(rest, '/') < 0) {
		TRY(pipeline_source_get(p, c->arena, rest, &found, out));
	} else {
		struct str namespace_ = str_cut(&rest, '/');
		TRY(pipeline_source_find(p, c->arena, namespace_, rest, &found, out));
	}
	if (found)
		TRY(auth_role_in(c->api->o.auth, &c->who, str_of(out->namespace_), STR(""), &role));
	if (role < AUTH_VIEW)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL,
				 "there is no code source " STR_FMT,
				 STR_ARG(str_first(c->params[0], 300)));
	return role >= least ? NULL : api_need_namespace(c, str_of(out->namespace_), least);
}

static const char *full_name(struct api_call *c, const struct pipeline_source *s)
{
	return arena_printf(c->arena, "%s/%s", s->namespace_, s->name);
}

/* ---- what it looks like ---- */

static const char *root_url(struct api_call *c)
{
	if (!c->api->o.external_url)
		return arena_printf(c->arena, "http://" STR_FMT, STR_ARG(c->host));
	struct str url = str_of(c->api->o.external_url);
	while (str_ends(url, STR("/")))
		url.len--;
	return arena_strdup(c->arena, url);
}

static json_t *hook_url(struct api_call *c, const struct pipeline_source *s)
{
	const char *path = source_provider_path(s->provider);
	return path ? json_string(
			      arena_printf(c->arena, "%s/hooks/%s/%s", root_url(c), path, s->id))
		    : json_null();
}

const char *api_source_url(struct api_call *c, const struct pipeline_source *s)
{
	if (s->provider != SOURCE_KILN)
		return s->url;
	return arena_printf(c->arena, "%s/git/%s/%s.git", root_url(c), s->namespace_, s->name);
}

static json_t *source_json(struct api_call *c, const struct pipeline_source *s)
{
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(s->id));
	json_object_set_new(j, "namespace", json_string(s->namespace_));
	json_object_set_new(j, "name", json_string(s->name));
	json_object_set_new(j, "provider", json_string(source_provider_name(s->provider)));
	json_object_set_new(j, "url", json_string(api_source_url(c, s)));
	json_object_set_new(j, "credential", json_string(s->credential));
	json_object_set_new(j, "username", api_str(s->username));
	json_object_set_new(j, "hasSecret", json_boolean(strcmp(s->credential, "none") != 0));
	json_object_set_new(j, "sshPublicKey", api_str(s->ssh_public_key));
	json_object_set_new(j, "sshHostKey", api_str(s->ssh_host_key));
	json_object_set_new(j, "submodules", json_boolean(s->submodules));
	json_object_set_new(j, "depth", json_integer(s->depth));
	json_object_set_new(j, "allowPrivate", json_boolean(s->allow_private));
	json_object_set_new(j, "pollSeconds", json_integer(s->poll_s));
	json_object_set_new(j, "hookUrl", hook_url(c, s));
	json_object_set_new(j, "lastError", api_str(s->last_error));
	json_object_set_new(j, "lastLookAt", api_time(s->last_poll_ns));
	json_object_set_new(j, "createdAt", api_time(s->created_ns));
	json_object_set_new(j, "updatedAt", api_time(s->updated_ns));
	return j;
}

/* ---- list, get ---- */

struct seen { /* the role in the namespace that was asked last */
	const char *namespace_;
	enum auth_role role;
};

static struct err *may_see(struct api_call *c, struct seen *seen, const struct pipeline_source *s,
			   bool *yes)
{
	if (!seen->namespace_ || strcmp(seen->namespace_, s->namespace_) != 0) {
		TRY(auth_role_in(c->api->o.auth, &c->who, str_of(s->namespace_), STR(""),
				 &seen->role));
		seen->namespace_ = s->namespace_;
	}
	*yes = seen->role >= AUTH_VIEW;
	return NULL;
}

/* Behind `after`, which is NAMESPACE/NAME, in the order of the list: by namespace, then by name. */
static bool is_behind(const struct pipeline_source *s, struct str after)
{
	struct str namespace_ = str_cut(&after, '/');
	int order = str_cmp(str_of(s->namespace_), namespace_);
	return order > 0 || (order == 0 && str_cmp(str_of(s->name), after) > 0);
}

static struct err *fill_page(struct api_call *c, const struct pipeline_source *list, size_t n,
			     size_t limit, json_t *items, const char **next)
{
	struct seen seen = { 0 };
	struct str after;
	const struct pipeline_source *last = NULL;
	TRY(api_query_cursor(c, &after));
	for (size_t i = 0; i < n; i++) {
		bool yes;
		if (after.len && !is_behind(&list[i], after))
			continue;
		TRY(may_see(c, &seen, &list[i], &yes));
		if (!yes)
			continue;
		if (json_array_size(items) == limit) {
			*next = api_cursor(c, str_of(full_name(c, last)));
			return NULL;
		}
		json_array_append_new(items, source_json(c, &list[i]));
		last = &list[i];
	}
	return NULL;
}

static struct err *list_sources(struct api_call *c, struct http_reply **out)
{
	struct str namespace_ = api_query(c, "namespace");
	struct pipeline_source *list;
	size_t n, limit;
	const char *next = NULL;
	TRY(api_query_limit(c, &limit));
	if (namespace_.len)
		TRY(api_need_namespace(c, namespace_, AUTH_VIEW));
	TRY(pipeline_source_list(c->api->o.pipeline, c->arena, namespace_, &list, &n));
	own_json items = json_array();
	TRY(fill_page(c, list, n, limit, items, &next));
	*out = api_page(move(items), next);
	return NULL;
}

static struct err *get_source(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source s;
	TRY(need_source(c, AUTH_VIEW, &s));
	*out = api_json(200, source_json(c, &s));
	return NULL;
}

/* ---- create, change ---- */

static struct err *body_u32(struct api_call *c, const char *name, bool *found, uint32_t *out)
{
	uint64_t v = *out;
	TRY(api_body_u64(c, name, UINT32_MAX, found, &v));
	*out = (uint32_t)v;
	return NULL;
}

/* Whoever may open private addresses reaches what only the server reaches. */
static struct err *check_private(struct api_call *c, bool wanted)
{
	if (!wanted || c->who.is_admin)
		return NULL;
	return err_coded(ERR_DENIED, "FORBIDDEN", "Ask an administrator to set allowPrivate.",
			 "private addresses are opened by administrators only");
}

static struct err *read_request(struct api_call *c, struct pipeline_source_request *r)
{
	static const char *const names[] = { "namespace",    "name",        "provider",
					     "url",          "credential",  "username",
					     "secret",       "submodules",  "depth",
					     "allowPrivate", "pollSeconds", NULL };
	struct str provider;
	bool found;
	*r = (struct pipeline_source_request){ .depth = 1, .poll_s = POLL_S };
	TRY(api_body_only(c, names));
	TRY(api_body_str(c, "namespace", NAME_BYTES, true, NULL, &r->namespace_));
	TRY(api_body_str(c, "name", NAME_BYTES, true, NULL, &r->name));
	TRY(api_body_str(c, "provider", NAME_BYTES, false, &found, &provider));
	r->provider = SOURCE_GENERIC;
	if (found && !source_provider_parse(provider, &r->provider))
		return err_coded(ERR_INVALID, "BODY",
				 "Take GITHUB, GITLAB, GITEA, GITEE, BITBUCKET, BITBUCKET_SERVER, "
				 "CODEUP, GIT or KILN.",
				 "there is no provider \"" STR_FMT "\"", STR_ARG(provider));
	TRY(api_body_str(c, "url", URL_BYTES, r->provider != SOURCE_KILN, NULL, &r->url));
	TRY(api_body_str(c, "credential", NAME_BYTES, false, NULL, &r->credential));
	TRY(api_body_str(c, "username", NAME_BYTES, false, NULL, &r->username));
	TRY(api_body_str(c, "secret", SECRET_BYTES, false, NULL, &r->secret));
	TRY(api_body_bool(c, "submodules", NULL, &r->submodules));
	TRY(api_body_bool(c, "allowPrivate", NULL, &r->allow_private));
	TRY(body_u32(c, "depth", NULL, &r->depth));
	return body_u32(c, "pollSeconds", NULL, &r->poll_s);
}

static struct err *create_source(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source_request r;
	struct pipeline_source s;
	const char *hook_secret;
	TRY(read_request(c, &r));
	TRY(api_need_namespace(c, r.namespace_, AUTH_MAINTAIN));
	TRY(check_private(c, r.allow_private));
	TRY(pipeline_source_create(c->api->o.pipeline, c->arena, &r, &s, &hook_secret));
	api_audit(c, "source.create", str_of(full_name(c, &s)),
		  json_pack("{s:s, s:s, s:s, s:s, s:b}", "id", s.id, "provider",
			    source_provider_name(s.provider), "url", s.url, "credential",
			    s.credential, "allowPrivate", s.allow_private));
	json_t *j = source_json(c, &s);
	json_object_set_new(j, "hookSecret", api_str(hook_secret));
	*out = api_json(201, j);
	return NULL;
}

struct patch {
	struct str url, credential, username, secret, host_key;
	bool submodules, allow_private;
	uint32_t depth, poll_s;
	struct pipeline_source_change change;
};

static struct err *patch_str(struct api_call *c, const char *name, size_t most, struct str *value,
			     const struct str **member)
{
	bool found;
	TRY(api_body_str(c, name, most, false, &found, value));
	*member = found ? value : NULL;
	return NULL;
}

static struct err *read_patch(struct api_call *c, struct patch *p)
{
	static const char *const names[] = { "url",         "credential", "username",     "secret",
					     "sshHostKey",  "submodules", "allowPrivate", "depth",
					     "pollSeconds", NULL };
	struct pipeline_source_change *to = &p->change;
	bool submodules, allow_private, depth, poll;
	TRY(api_body_only(c, names));
	TRY(patch_str(c, "url", URL_BYTES, &p->url, &to->url));
	TRY(patch_str(c, "credential", NAME_BYTES, &p->credential, &to->credential));
	TRY(patch_str(c, "username", NAME_BYTES, &p->username, &to->username));
	TRY(patch_str(c, "secret", SECRET_BYTES, &p->secret, &to->secret));
	TRY(patch_str(c, "sshHostKey", SECRET_BYTES, &p->host_key, &to->host_key));
	TRY(api_body_bool(c, "submodules", &submodules, &p->submodules));
	TRY(api_body_bool(c, "allowPrivate", &allow_private, &p->allow_private));
	TRY(body_u32(c, "depth", &depth, &p->depth));
	TRY(body_u32(c, "pollSeconds", &poll, &p->poll_s));
	to->submodules = submodules ? &p->submodules : NULL;
	to->allow_private = allow_private ? &p->allow_private : NULL;
	to->depth = depth ? &p->depth : NULL;
	to->poll_s = poll ? &p->poll_s : NULL;
	return NULL;
}

/* The names of what was sent; no values: one of them is a secret. */
static json_t *names_of(json_t *body)
{
	const char *key;
	json_t *v, *names = json_array(), *detail = json_object();
	json_object_foreach(body, key, v) json_array_append_new(names, json_string(key));
	json_object_set_new(detail, "changed", names);
	return detail;
}

static struct err *change_source(struct api_call *c, struct http_reply **out)
{
	struct patch p = { 0 };
	struct pipeline_source s;
	TRY(need_source(c, AUTH_MAINTAIN, &s));
	TRY(read_patch(c, &p));
	TRY(check_private(c, p.allow_private));
	/* An address that was opened for one host is not open for the next. */
	if (p.change.url && s.allow_private && !p.change.allow_private)
		TRY(check_private(c, true));
	TRY(pipeline_source_update(c->api->o.pipeline, c->arena, str_of(s.id), &p.change, NULL));
	api_audit(c, "source.update", str_of(full_name(c, &s)), names_of(c->body));
	bool found;
	TRY(pipeline_source_get(c->api->o.pipeline, c->arena, str_of(s.id), &found, &s));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "it was just removed");
	*out = api_json(200, source_json(c, &s));
	return NULL;
}

static struct err *delete_source(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source s;
	bool found;
	TRY(need_source(c, AUTH_MAINTAIN, &s));
	TRY(pipeline_source_delete(c->api->o.pipeline, str_of(s.id), &found));
	if (found)
		api_audit(c, "source.delete", str_of(full_name(c, &s)),
			  json_pack("{s:s}", "id", s.id));
	*out = api_no_content();
	return NULL;
}

static struct err *rotate_secret(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source_change change = { .new_hook_secret = true };
	struct pipeline_source s;
	const char *secret = NULL;
	TRY(need_source(c, AUTH_MAINTAIN, &s));
	TRY(pipeline_source_update(c->api->o.pipeline, c->arena, str_of(s.id), &change, &secret));
	api_audit(c, "source.rotate", str_of(full_name(c, &s)), NULL);
	json_t *j = json_object();
	json_object_set_new(j, "hookSecret", api_str(secret));
	json_object_set_new(j, "hookUrl", hook_url(c, &s));
	*out = api_json(200, j);
	return NULL;
}

/* ---- the remote ---- */

static json_t *ref_json(const struct source_ref *r)
{
	bool tag = str_starts(str_of(r->name), STR("refs/tags/"));
	json_t *j = json_object();
	json_object_set_new(j, "ref", json_string(r->name));
	json_object_set_new(j, "refType", json_string(tag ? "GIT_TAG" : "GIT_BRANCH"));
	json_object_set_new(j, "object", json_string(r->object));
	json_object_set_new(j, "commit", json_string(r->commit));
	return j;
}

/* What the remote has now: the first of it, and how many there are. */
static struct err *test_source(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source s;
	struct source_ref *refs;
	size_t n = 0;
	TRY(need_source(c, AUTH_MAINTAIN, &s));
	TRY(pipeline_source_test(c->api->o.pipeline, c->arena, str_of(s.id), &refs, &n));
	json_t *j = json_object(), *items = json_array();
	for (size_t i = 0; i < MIN(n, API_MOST_PAGE); i++)
		json_array_append_new(items, ref_json(&refs[i]));
	json_object_set_new(j, "items", items);
	json_object_set_new(j, "next", json_null());
	json_object_set_new(j, "total", json_integer((json_int_t)n));
	*out = api_json(200, j);
	return NULL;
}

static struct err *look_at_source(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source s;
	size_t n = 0;
	TRY(need_source(c, AUTH_DEVELOP, &s));
	TRY(pipeline_source_look(c->api->o.pipeline, str_of(s.id), 0, c->who.name, &n));
	json_t *j = json_object();
	json_object_set_new(j, "builds", json_integer((json_int_t)n));
	*out = api_json(200, j);
	return NULL;
}

static struct err *list_refs(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source s;
	struct source_ref *refs;
	struct str after;
	size_t n, limit;
	const char *next = NULL;
	TRY(need_source(c, AUTH_VIEW, &s));
	TRY(api_query_limit(c, &limit));
	TRY(api_query_cursor(c, &after));
	TRY(pipeline_source_refs(c->api->o.pipeline, c->arena, str_of(s.id), &refs, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n && !next; i++) {
		if (after.len && str_cmp(str_of(refs[i].name), after) <= 0)
			continue;
		if (json_array_size(items) < limit)
			json_array_append_new(items, ref_json(&refs[i]));
		else
			next = api_cursor(c, str_of(refs[i - 1].name));
	}
	*out = api_page(items, next);
	return NULL;
}

/* ---- deliveries ---- */

static json_t *delivery_json(const struct pipeline_delivery_entry *d)
{
	json_t *changes = json_loads(d->changes_json, 0, NULL);
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(d->id));
	json_object_set_new(j, "key", json_string(d->key));
	json_object_set_new(j, "event", json_string(d->event));
	json_object_set_new(j, "outcome", json_string(d->outcome));
	json_object_set_new(j, "detail", json_string(d->detail));
	json_object_set_new(j, "changes", changes ? changes : json_array());
	json_object_set_new(j, "builds", json_integer((json_int_t)d->n_builds));
	json_object_set_new(j, "receivedAt", api_time(d->received_ns));
	return j;
}

static struct err *list_deliveries(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source s;
	struct catalog_image_repository repository = { .id = "" };
	struct pipeline_delivery_entry *list;
	struct str after, name = api_query(c, "repository");
	uint64_t before = 0;
	size_t n, limit;
	TRY(need_source(c, AUTH_VIEW, &s));
	TRY(api_query_limit(c, &limit));
	TRY(api_query_cursor(c, &after));
	if (after.len && !str_to_u64(after, INT64_MAX, &before))
		return err_coded(ERR_INVALID, "QUERY", "Take it from \"next\" of the page before.",
				 "cursor is none of ours");
	if (name.len)
		TRY(api_need_repository(c, name, AUTH_VIEW, &repository));
	TRY(pipeline_delivery_list(c->api->o.pipeline, c->arena, str_of(s.id),
				   str_of(repository.id), (int64_t)before, limit + 1, &list, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < MIN(n, limit); i++)
		json_array_append_new(items, delivery_json(&list[i]));
	const char *next = NULL;
	if (n > limit)
		next = api_cursor(c, str_of(arena_printf(c->arena, "%lld",
							 (long long)list[limit - 1].received_ns)));
	*out = api_page(items, next);
	return NULL;
}

static struct err *replay_delivery(struct api_call *c, struct http_reply **out)
{
	struct pipeline_source s;
	bool found;
	TRY(need_source(c, AUTH_DEVELOP, &s));
	TRY(pipeline_delivery_replay(c->api->o.pipeline, str_of(s.id), c->params[1], &found));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no delivery " STR_FMT,
				 STR_ARG(str_first(c->params[1], 64)));
	api_audit(c, "source.replay", str_of(full_name(c, &s)),
		  json_pack("{s:s%}", "delivery", c->params[1].p, c->params[1].len));
	json_t *j = json_object();
	json_object_set_new(j, "delivery", json_stringn(c->params[1].p, c->params[1].len));
	*out = api_json(202, j);
	return NULL;
}

#define SOURCE "/api/v1/sources/{id}"

const struct api_route api_source_routes[] = {
	{ HTTP_GET, "/api/v1/sources", 0, .run = list_sources },
	{ HTTP_POST, "/api/v1/sources", 0, .run = create_source },
	{ HTTP_GET, SOURCE, 0, .run = get_source },
	{ HTTP_PATCH, SOURCE, 0, .run = change_source },
	{ HTTP_DELETE, SOURCE, 0, .run = delete_source },
	{ HTTP_POST, SOURCE ":test", API_OPTIONAL_BODY, .run = test_source },
	{ HTTP_POST, SOURCE ":look", API_OPTIONAL_BODY, .run = look_at_source },
	{ HTTP_POST, SOURCE ":rotate", API_OPTIONAL_BODY, .run = rotate_secret },
	{ HTTP_GET, SOURCE "/refs", 0, .run = list_refs },
	{ HTTP_GET, SOURCE "/deliveries", 0, .run = list_deliveries },
	{ HTTP_POST, SOURCE "/deliveries/{delivery}:replay", API_OPTIONAL_BODY,
	  .run = replay_delivery },
	{ HTTP_POST, "/hooks/{provider}/{id}", API_RAW, .raw = api_hook_receive },
	{ 0 },
};
