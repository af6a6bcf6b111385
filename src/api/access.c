/* Who may do what: users, tokens, members of namespaces, and the log of every change. */
#include "api/access_priv.h"

#include <inttypes.h>

/* ---- pages ---- */

struct err *api_pager_init(struct api_call *c, struct api_pager *p)
{
	*p = (struct api_pager){ 0 };
	TRY(api_query_limit(c, &p->most));
	TRY(api_query_cursor(c, &p->after));
	p->items = json_array();
	return NULL;
}

bool api_pager_wants(struct api_pager *p, const char *key)
{
	if (p->more || (p->after.len && str_cmp(str_of(key), p->after) <= 0))
		return false;
	p->more = json_array_size(p->items) == p->most;
	return !p->more;
}

void api_pager_add(struct api_pager *p, const char *key, json_t *item)
{
	json_array_append_new(p->items, item);
	p->last = key;
}

struct http_reply *api_pager_answer(struct api_call *c, struct api_pager *p)
{
	return api_page(move(p->items), p->more ? api_cursor(c, str_of(p->last)) : NULL);
}

/* ---- the audit log ---- */

static json_t *detail_json(const char *text)
{
	json_t *j = NULL;
	struct err *e = json_read(str_of(text), &j);
	if (!e && json_is_object(j))
		return j;
	err_free(e);
	json_decref(j);
	return json_object();
}

static json_t *text_json(const char *s)
{
	json_t *j = json_string(s);
	return j ? j : json_string("?"); /* not UTF-8 */
}

static json_t *entry_json(const struct auth_audit_entry *e)
{
	json_t *j = json_object();
	json_object_set_new(j, "seq", json_integer(e->seq));
	json_object_set_new(j, "time", api_time(e->time_ns));
	json_object_set_new(j, "actor", text_json(e->actor));
	json_object_set_new(j, "remote", text_json(e->remote));
	json_object_set_new(j, "action", text_json(e->action));
	json_object_set_new(j, "target", text_json(e->target));
	json_object_set_new(j, "detail", detail_json(e->detail));
	return j;
}

static struct err *audit_before(struct api_call *c, int64_t *before)
{
	struct str cursor;
	uint64_t seq = 0;
	TRY(api_query_cursor(c, &cursor));
	if (cursor.len && (!str_to_u64(cursor, INT64_MAX, &seq) || !seq))
		return err_coded(ERR_INVALID, "QUERY", "Take it from \"next\" of the page before.",
				 "cursor is none of ours");
	*before = (int64_t)seq;
	return NULL;
}

static struct err *audit_list(struct api_call *c, struct http_reply **out)
{
	size_t most, n;
	int64_t before;
	struct auth_audit_entry *list;
	TRY(api_query_limit(c, &most));
	TRY(audit_before(c, &before));
	TRY(auth_audit_list(c->api->o.auth, c->arena, before, api_query(c, "actor"),
			    api_query(c, "action"), api_query(c, "target"), most + 1, &list, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n && i < most; i++)
		json_array_append_new(items, entry_json(&list[i]));
	const char *next = NULL;
	if (n > most)
		next = api_cursor(c,
				  str_of(arena_printf(c->arena, "%" PRId64, list[most - 1].seq)));
	*out = api_page(items, next);
	return NULL;
}

/* ---- what the handlers share ---- */

struct err *api_no_user(struct str name)
{
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no user " STR_FMT,
			 STR_ARG(str_first(name, 100)));
}

struct err *api_need_wide(struct api_call *c)
{
	if (!auth_is_narrow(&c->who))
		return NULL;
	return err_coded(ERR_DENIED, "FORBIDDEN",
			 "Log in with the password, or a token without limits.",
			 "a token that is limited may not do this");
}

/* ---- routes ---- */

#define USER         "/api/v1/users/{user}"
#define TOKEN        "/api/v1/tokens/{id}"
#define WORKER_TOKEN "/api/v1/worker-tokens/{id}"
#define MEMBERS      "/api/v1/namespaces/{namespace}/members"
#define MEMBER       MEMBERS "/{user}"

const struct api_route api_access_routes[] = {
	{ HTTP_GET, "/api/v1/whoami", API_ANYBODY, api_whoami, NULL },
	{ HTTP_GET, "/api/v1/users", 0, api_users_list, NULL },
	{ HTTP_POST, "/api/v1/users", API_ADMIN, api_users_create, NULL },
	{ HTTP_GET, USER, 0, api_users_get, NULL },
	{ HTTP_PATCH, USER, 0, api_users_update, NULL },
	{ HTTP_DELETE, USER, API_ADMIN, api_users_delete, NULL },
	{ HTTP_GET, USER "/tokens", API_ADMIN, api_tokens_of_user, NULL },
	{ HTTP_GET, "/api/v1/tokens", 0, api_tokens_list, NULL },
	{ HTTP_POST, "/api/v1/tokens", 0, api_tokens_create, NULL },
	{ HTTP_DELETE, TOKEN, 0, api_tokens_delete, NULL },
	{ HTTP_GET, "/api/v1/worker-tokens", API_ADMIN, api_worker_tokens_list, NULL },
	{ HTTP_POST, "/api/v1/worker-tokens", API_ADMIN, api_worker_tokens_create, NULL },
	{ HTTP_DELETE, WORKER_TOKEN, API_ADMIN, api_worker_tokens_delete, NULL },
	{ HTTP_GET, MEMBERS, 0, api_members_list, NULL },
	{ HTTP_PUT, MEMBER, 0, api_members_put, NULL },
	{ HTTP_DELETE, MEMBER, API_OPTIONAL_BODY, api_members_delete, NULL },
	{ HTTP_GET, "/api/v1/audit", API_ADMIN, audit_list, NULL },
	{ 0 },
};
