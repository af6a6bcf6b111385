/* Tokens of users, one's own or, for administrators, anybody's; tokens of workers. */
#include "api/access_priv.h"

#include <inttypes.h>

#include "base/time.h"

static json_t *common_json(const struct auth_token *t)
{
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(t->id));
	json_object_set_new(j, "name", json_string(t->name));
	json_object_set_new(j, "createdAt", api_time(t->created_ns));
	json_object_set_new(j, "expiresAt", api_time(t->expires_ns));
	json_object_set_new(j, "usedAt", api_time(t->used_ns));
	return j;
}

static json_t *token_json(const struct auth_token *t)
{
	json_t *j = common_json(t);
	json_object_set_new(j, "user", api_str(t->user));
	json_object_set_new(j, "role", api_str(t->role));
	json_object_set_new(j, "namespace", api_str(t->only_namespace));
	return j;
}

static json_t *worker_token_json(const struct auth_token *t)
{
	json_t *j = common_json(t);
	json_object_set_new(j, "pool", api_str(t->pool));
	return j;
}

static bool is_worker(const struct auth_token *t)
{
	return strcmp(t->kind, "worker") == 0;
}

static struct err *answer_list(struct api_call *c, const struct auth_token *list, size_t n,
			       json_t *(*json)(const struct auth_token *), struct http_reply **out)
{
	struct api_pager p;
	TRY(api_pager_init(c, &p));
	for (size_t i = 0; i < n; i++) {
		if (is_worker(&list[i]) != (json == worker_token_json))
			continue;
		const char *key =
			arena_printf(c->arena, "%020" PRId64 " %s", list[i].created_ns, list[i].id);
		if (api_pager_wants(&p, key))
			api_pager_add(&p, key, json(&list[i]));
	}
	*out = api_pager_answer(c, &p);
	return NULL;
}

static struct err *no_token(struct str id)
{
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no token " STR_FMT,
			 STR_ARG(str_first(id, 40)));
}

/* RFC 3339, in the body's "expiresAt". */
static struct err *read_expiry(struct api_call *c, int64_t *expires_ns)
{
	struct str text;
	TRY(api_body_str(c, "expiresAt", 64, false, NULL, &text));
	*expires_ns = 0;
	if (!text.len)
		return NULL;
	if (!time_parse_rfc3339(text, expires_ns) || *expires_ns <= 0)
		return err_coded(ERR_INVALID, "BODY", "Write it as 2030-01-31T12:00:00Z.",
				 "\"expiresAt\" is no time");
	return NULL;
}

/* ---- users' ---- */

struct err *api_tokens_list(struct api_call *c, struct http_reply **out)
{
	struct auth_token *list;
	size_t n;
	TRY(auth_token_list(c->api->o.auth, c->arena, c->who.user_id, &list, &n));
	return answer_list(c, list, n, token_json, out);
}

struct err *api_tokens_of_user(struct api_call *c, struct http_reply **out)
{
	struct auth_token *list;
	struct auth_user u;
	bool found;
	size_t n;
	TRY(auth_user_get(c->api->o.auth, c->arena, c->params[0], &found, &u));
	if (!found)
		return api_no_user(c->params[0]);
	TRY(auth_token_list(c->api->o.auth, c->arena, u.id, &list, &n));
	return answer_list(c, list, n, token_json, out);
}

/* A token that ends makes none that outlives it. */
static struct err *check_expiry(struct api_call *c, int64_t expires_ns)
{
	struct auth_token own_token;
	bool found;
	if (!c->who.token_id[0])
		return NULL;
	TRY(auth_token_get(c->api->o.auth, c->arena, str_of(c->who.token_id), &found, &own_token));
	if (!found || !own_token.expires_ns || (expires_ns && expires_ns <= own_token.expires_ns))
		return NULL;
	return err_coded(ERR_DENIED, "FORBIDDEN",
			 "Log in with the password, or let it expire earlier: expiresAt.",
			 "the new token would outlive the one that asks for it");
}

/* One that the caller does not see is none: there a token would open nothing. */
static struct err *check_namespace(struct api_call *c, struct str *name)
{
	struct catalog_namespace ns;
	bool seen;
	if (!name->len)
		return NULL;
	TRY(api_see_namespace(c, *name, &seen, &ns));
	if (!seen)
		return err_coded(ERR_INVALID, "TOKEN_NAMESPACE",
				 "Name a namespace in which you have a role, or leave it out:"
				 " kiln namespace list.",
				 "there is no namespace " STR_FMT, STR_ARG(*name));
	*name = str_of(ns.name);
	return NULL;
}

static struct err *read_request(struct api_call *c, struct auth_token_request *r)
{
	static const char *const members[] = { "name", "role", "namespace", "expiresAt", NULL };
	struct str role;
	*r = (struct auth_token_request){ .user_id = c->who.user_id };
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "name", LIMIT_TOKEN_NAME_BYTES, true, NULL, &r->name));
	TRY(api_body_str(c, "role", 16, false, NULL, &role));
	TRY(api_body_str(c, "namespace", 120, false, NULL, &r->only_namespace));
	TRY(check_namespace(c, &r->only_namespace));
	TRY(read_expiry(c, &r->expires_ns));
	if (role.len && !auth_role_parse(role, &r->most))
		return err_coded(ERR_INVALID, "BODY", NULL,
				 "\"role\" is view, develop, maintain or admin");
	return NULL;
}

static json_t *with_secret(json_t *j, const char *secret)
{
	json_object_set_new(j, "secret", json_string(secret));
	return j;
}

struct err *api_tokens_create(struct api_call *c, struct http_reply **out)
{
	struct auth_token_request r;
	struct auth_token t;
	const char *secret;
	TRY(api_need_wide(c));
	TRY(read_request(c, &r));
	TRY(check_expiry(c, r.expires_ns));
	TRY(auth_token_create(c->api->o.auth, c->arena, &r, &t, &secret));
	json_t *detail = token_json(&t);
	json_object_del(detail, "usedAt");
	api_audit(c, "token.create", str_of(t.id), detail);
	*out = api_json(201, with_secret(token_json(&t), secret));
	return NULL;
}

struct err *api_tokens_delete(struct api_call *c, struct http_reply **out)
{
	struct str id = c->params[0];
	struct auth_token t;
	bool found;
	const char *only = c->who.is_admin ? NULL : c->who.user_id;
	/* A limited token may still take itself away. */
	if (!str_eq(id, str_of(c->who.token_id)))
		TRY(api_need_wide(c));
	TRY(auth_token_get(c->api->o.auth, c->arena, id, &found, &t));
	if (!found || is_worker(&t))
		return no_token(id);
	TRY(auth_token_delete(c->api->o.auth, id, only, &found));
	if (!found)
		return no_token(id);
	api_audit(c, "token.delete", id, json_pack("{s:s?}", "user", t.user));
	*out = api_no_content();
	return NULL;
}

/* ---- workers' ---- */

struct err *api_worker_tokens_list(struct api_call *c, struct http_reply **out)
{
	struct auth_token *list;
	size_t n;
	TRY(auth_token_list(c->api->o.auth, c->arena, NULL, &list, &n));
	return answer_list(c, list, n, worker_token_json, out);
}

struct err *api_worker_tokens_create(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "name", "pool", "expiresAt", NULL };
	struct auth_token_request r = { .is_worker = true };
	struct auth_token t;
	const char *secret;
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "name", LIMIT_TOKEN_NAME_BYTES, true, NULL, &r.name));
	TRY(api_body_str(c, "pool", LIMIT_TOKEN_NAME_BYTES, false, NULL, &r.pool));
	TRY(read_expiry(c, &r.expires_ns));
	TRY(auth_token_create(c->api->o.auth, c->arena, &r, &t, &secret));
	api_audit(c, "worker-token.create", str_of(t.id),
		  json_pack("{s:s, s:s?}", "name", t.name, "pool", t.pool));
	*out = api_json(201, with_secret(worker_token_json(&t), secret));
	return NULL;
}

struct err *api_worker_tokens_delete(struct api_call *c, struct http_reply **out)
{
	struct str id = c->params[0];
	struct auth_token t;
	bool found;
	TRY(auth_token_get(c->api->o.auth, c->arena, id, &found, &t));
	if (!found || !is_worker(&t))
		return no_token(id);
	TRY(auth_token_delete(c->api->o.auth, id, NULL, &found));
	if (!found)
		return no_token(id);
	api_audit(c, "worker-token.delete", id, json_pack("{s:s}", "name", t.name));
	*out = api_no_content();
	return NULL;
}
