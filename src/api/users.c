/* Users. A user sees and changes itself only; administrators all. */
#include "api/access_priv.h"

static json_t *user_json(const struct auth_user *u)
{
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(u->id));
	json_object_set_new(j, "name", json_string(u->name));
	json_object_set_new(j, "admin", json_boolean(u->is_admin));
	json_object_set_new(j, "disabled", json_boolean(u->disabled));
	json_object_set_new(j, "hasPassword", json_boolean(u->has_password));
	json_object_set_new(j, "createdAt", api_time(u->created_ns));
	json_object_set_new(j, "updatedAt", api_time(u->updated_ns));
	return j;
}

static bool is_self(const struct api_call *c, struct str name)
{
	return c->who.kind == AUTH_USER && str_eq(name, str_of(c->who.name));
}

/* Others look absent to who is no administrator. */
static struct err *get_seen(struct api_call *c, struct str name, struct auth_user *out)
{
	bool found = false;
	if (c->who.is_admin || is_self(c, name))
		TRY(auth_user_get(c->api->o.auth, c->arena, name, &found, out));
	return found ? NULL : api_no_user(name);
}

static const char *empty_is_null(const char *s)
{
	return *s ? s : NULL;
}

json_t *api_whoami_json(const struct auth_principal *w)
{
	static const char *const kinds[] = { [AUTH_ANONYMOUS] = "anonymous",
					     [AUTH_USER] = "user",
					     [AUTH_WORKER] = "worker",
					     [AUTH_SYSTEM] = "system" };
	bool limited = w->most != AUTH_ADMIN;
	json_t *j = json_object();
	json_object_set_new(j, "kind", json_string(kinds[w->kind]));
	json_object_set_new(j, "name", json_string(w->name));
	json_object_set_new(j, "userId", api_str(empty_is_null(w->user_id)));
	json_object_set_new(j, "tokenId", api_str(empty_is_null(w->token_id)));
	json_object_set_new(j, "admin", json_boolean(w->is_admin));
	json_object_set_new(j, "role", api_str(limited ? auth_role_name(w->most) : NULL));
	json_object_set_new(j, "namespace", api_str(empty_is_null(w->only_namespace)));
	return j;
}

struct err *api_whoami(struct api_call *c, struct http_reply **out)
{
	*out = api_json(200, api_whoami_json(&c->who));
	return NULL;
}

struct err *api_users_list(struct api_call *c, struct http_reply **out)
{
	size_t most, n;
	struct str after;
	struct auth_user *list, self;
	TRY(api_query_limit(c, &most));
	TRY(api_query_cursor(c, &after));
	if (c->who.is_admin) {
		TRY(auth_user_list(c->api->o.auth, c->arena, after, most + 1, &list, &n));
	} else {
		TRY(get_seen(c, str_of(c->who.name), &self));
		list = &self;
		n = after.len ? 0 : 1;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n && i < most; i++)
		json_array_append_new(items, user_json(&list[i]));
	*out = api_page(items, n > most ? api_cursor(c, str_of(list[most - 1].name)) : NULL);
	return NULL;
}

struct err *api_users_create(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "name", "password", "admin", NULL };
	struct str name, password;
	bool admin = false;
	struct auth_user u;
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "name", LIMIT_USER_NAME_BYTES, true, NULL, &name));
	TRY(api_body_str(c, "password", LIMIT_PASSWORD_BYTES, false, NULL, &password));
	TRY(api_body_bool(c, "admin", NULL, &admin));
	TRY(auth_user_create(c->api->o.auth, c->arena, name, password, admin, &u));
	api_audit(c, "user.create", name, json_pack("{s:b}", "admin", admin));
	*out = api_json(201, user_json(&u));
	return NULL;
}

struct err *api_users_get(struct api_call *c, struct http_reply **out)
{
	struct auth_user u;
	TRY(get_seen(c, c->params[0], &u));
	*out = api_json(200, user_json(&u));
	return NULL;
}

/* ---- changes ---- */

struct change {
	bool has_password, has_current, has_admin, has_disabled, admin, disabled;
	struct str password, current;
};

static struct err *read_change(struct api_call *c, struct change *ch)
{
	static const char *const members[] = { "password", "currentPassword", "admin", "disabled",
					       NULL };
	*ch = (struct change){ 0 };
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "password", LIMIT_PASSWORD_BYTES, false, &ch->has_password,
			 &ch->password));
	TRY(api_body_str(c, "currentPassword", LIMIT_PASSWORD_BYTES, false, &ch->has_current,
			 &ch->current));
	TRY(api_body_bool(c, "admin", &ch->has_admin, &ch->admin));
	TRY(api_body_bool(c, "disabled", &ch->has_disabled, &ch->disabled));
	if (ch->has_password && !ch->password.len)
		return err_coded(ERR_INVALID, "BODY", NULL, "\"password\" is empty");
	return NULL;
}

static struct err *wrong_current(void)
{
	return err_coded(ERR_DENIED, "PASSWORD_WRONG", "Send the present one as currentPassword.",
			 "the present password is wrong or missing");
}

/* Who changes its own password knows the old one; a token in its place will not do. Counted as a
 * login is. */
static struct err *check_current(struct api_call *c, struct str name, const struct change *ch)
{
	struct auth_principal who;
	if (!ch->has_current && c->who.is_admin)
		return NULL;
	if (!ch->has_current || !ch->current.len)
		return wrong_current();
	struct err *e = auth_login(c->api->o.auth, name, ch->current, c->remote, &who);
	if (!e)
		return who.token_id[0] ? wrong_current() : NULL;
	if (e->kind != ERR_DENIED)
		return e;
	err_free(e);
	return wrong_current();
}

static struct err *may_change(struct api_call *c, struct str name, const struct change *ch)
{
	struct auth_user u;
	TRY(get_seen(c, name, &u));
	TRY(api_need_wide(c));
	if ((ch->has_admin || ch->has_disabled) && !c->who.is_admin)
		return err_coded(ERR_DENIED, "FORBIDDEN", "Ask an administrator.",
				 "\"admin\" and \"disabled\" are for administrators");
	if (ch->has_password)
		return check_current(c, name, ch);
	return NULL;
}

static json_t *change_detail(const struct change *ch)
{
	json_t *j = json_object();
	if (ch->has_password)
		json_object_set_new(j, "password", json_string("changed"));
	if (ch->has_admin)
		json_object_set_new(j, "admin", json_boolean(ch->admin));
	if (ch->has_disabled)
		json_object_set_new(j, "disabled", json_boolean(ch->disabled));
	return j;
}

struct err *api_users_update(struct api_call *c, struct http_reply **out)
{
	struct str name = c->params[0];
	struct change ch;
	struct auth_user u;
	bool found;
	TRY(read_change(c, &ch));
	TRY(may_change(c, name, &ch));
	if (ch.has_password || ch.has_admin || ch.has_disabled) {
		TRY(auth_user_update(c->api->o.auth, name, ch.has_password ? &ch.password : NULL,
				     ch.has_admin ? &ch.admin : NULL,
				     ch.has_disabled ? &ch.disabled : NULL));
		api_audit(c, "user.update", name, change_detail(&ch));
	}
	TRY(auth_user_get(c->api->o.auth, c->arena, name, &found, &u));
	if (!found)
		return api_no_user(name);
	*out = api_json(200, user_json(&u));
	return NULL;
}

struct err *api_users_delete(struct api_call *c, struct http_reply **out)
{
	bool found;
	TRY(auth_user_delete(c->api->o.auth, c->params[0], &found));
	if (!found)
		return api_no_user(c->params[0]);
	api_audit(c, "user.delete", c->params[0], NULL);
	*out = api_no_content();
	return NULL;
}
