/* Members of a namespace: who has which role in it, or in one image repository of it. */
#include "api/access_priv.h"

static json_t *member_json(const struct auth_grant *g)
{
	json_t *j = json_object();
	json_object_set_new(j, "user", json_string(g->user));
	json_object_set_new(j, "repository", api_str(*g->repository ? g->repository : NULL));
	json_object_set_new(j, "role", json_string(g->role));
	json_object_set_new(j, "createdAt", api_time(g->created_ns));
	return j;
}

/* The caller has the role; is there such a namespace at all? */
static struct err *need_place(struct api_call *c, enum auth_role least)
{
	struct catalog_namespace ns;
	bool found;
	TRY(api_need_namespace(c, c->params[0], least));
	TRY(catalog_namespace_get(c->api->o.catalog, c->arena, c->params[0], &found, &ns));
	if (found && str_eq(str_of(ns.name), c->params[0]))
		return NULL;
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no namespace " STR_FMT,
			 STR_ARG(str_first(c->params[0], 300)));
}

struct err *api_members_list(struct api_call *c, struct http_reply **out)
{
	struct auth_grant *list;
	struct api_pager p;
	size_t n;
	TRY(need_place(c, AUTH_MAINTAIN));
	TRY(auth_grant_list(c->api->o.auth, c->arena, c->params[0], &list, &n));
	TRY(api_pager_init(c, &p));
	for (size_t i = 0; i < n; i++) {
		/* A blank sorts before what names are made of: the order of the list. */
		const char *key = arena_printf(c->arena, "%s %s", list[i].user, list[i].repository);
		if (api_pager_wants(&p, key))
			api_pager_add(&p, key, member_json(&list[i]));
	}
	*out = api_pager_answer(c, &p);
	return NULL;
}

/* `out->user` NULL: there is none. */
static struct err *find_member(struct api_call *c, struct str repository, struct auth_grant *out)
{
	struct auth_grant *list;
	size_t n;
	*out = (struct auth_grant){ 0 };
	TRY(auth_grant_list(c->api->o.auth, c->arena, c->params[0], &list, &n));
	for (size_t i = 0; i < n; i++)
		if (str_eq(str_of(list[i].user), c->params[1]) &&
		    str_eq(str_of(list[i].repository), repository))
			*out = list[i];
	return NULL;
}

static struct err *no_member(struct api_call *c)
{
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no such member " STR_FMT,
			 STR_ARG(str_first(c->params[1], 100)));
}

/* A role that waits for a repository of this name would be given to whoever makes one. */
static struct err *need_repository(struct api_call *c, struct str name)
{
	struct catalog_image_repository r;
	const char *full =
		arena_printf(c->arena, STR_FMT "/" STR_FMT, STR_ARG(c->params[0]), STR_ARG(name));
	bool found;
	if (!name.len)
		return NULL;
	TRY(catalog_image_get(c->api->o.catalog, c->arena, str_of(full), &found, &r));
	if (found)
		return NULL;
	return err_coded(ERR_NOT_FOUND, "REPOSITORY_UNKNOWN",
			 "Make it first, or leave \"repository\" out for the whole namespace.",
			 "there is no image repository %s", full);
}

static struct str place_of(struct api_call *c, struct str repository)
{
	return str_of(arena_printf(c->arena, STR_FMT "%s" STR_FMT, STR_ARG(c->params[0]),
				   repository.len ? "/" : "", STR_ARG(repository)));
}

struct err *api_members_put(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "role", "repository", NULL };
	struct str role_name, repository;
	enum auth_role role;
	struct auth_grant g;
	TRY(need_place(c, AUTH_ADMIN));
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "role", 16, true, NULL, &role_name));
	TRY(api_body_str(c, "repository", LIMIT_NAME_BYTES, false, NULL, &repository));
	if (!auth_role_parse(role_name, &role))
		return err_coded(ERR_INVALID, "BODY", NULL,
				 "\"role\" is view, develop, maintain or admin");
	TRY(need_repository(c, repository));
	TRY(auth_grant_set(c->api->o.auth, c->params[1], c->params[0], repository, role));
	api_audit(c, "member.set", place_of(c, repository),
		  json_pack("{s:s%, s:s}", "user", c->params[1].p, c->params[1].len, "role",
			    auth_role_name(role)));
	TRY(find_member(c, repository, &g));
	if (!g.user)
		return no_member(c);
	*out = api_json(200, member_json(&g));
	return NULL;
}

/* The repository comes in the query or, as for PUT, in a body. */
static struct err *read_repository(struct api_call *c, struct str *out)
{
	static const char *const members[] = { "repository", NULL };
	*out = api_query(c, "repository");
	if (!c->body)
		return NULL;
	TRY(api_body_only(c, members));
	bool found;
	struct str s;
	TRY(api_body_str(c, "repository", LIMIT_NAME_BYTES, false, &found, &s));
	if (found)
		*out = s;
	return NULL;
}

struct err *api_members_delete(struct api_call *c, struct http_reply **out)
{
	struct str repository;
	struct auth_grant g;
	TRY(need_place(c, AUTH_ADMIN));
	TRY(read_repository(c, &repository));
	TRY(find_member(c, repository, &g));
	if (!g.user)
		return no_member(c);
	TRY(auth_grant_set(c->api->o.auth, c->params[1], c->params[0], repository, AUTH_NONE));
	api_audit(c, "member.remove", place_of(c, repository),
		  json_pack("{s:s, s:s}", "user", g.user, "role", g.role));
	*out = api_no_content();
	return NULL;
}
