/* Sessions of the console: a cookie that scripts cannot read and other sites cannot send, and a
 * token that the console sends with whatever changes something. The cookie is for /api/ alone.
 * Browsers keep cookies by host, whatever the port: its name is another for each instance. */
#include "api/access_priv.h"

#include <inttypes.h>

/* ---- the cookie ---- */

static bool is_https(const struct api *a)
{
	const char *url = a->o.external_url;
	return url && str_starts(str_of(url), STR("https://"));
}

/* SPEC RFC 6265bis 4.1.3.2: what begins with __Host- is taken from this very host only, over TLS,
 * for the path /. */
char *api_session_cookie_name(const struct api *a)
{
	bool host = is_https(a) && !a->o.prefix[0];
	return mem_printf("%skiln_session_%s", host ? "__Host-" : "",
			  auth_instance_mark(a->o.auth).s);
}

struct str api_session_cookie(const struct api *a, struct str header)
{
	while (header.p) {
		struct str pair = str_trim(str_cut(&header, ';'));
		struct str name = str_cut(&pair, '=');
		if (pair.p && str_eq(name, str_of(a->cookie)))
			return pair;
	}
	return header;
}

static void set_cookie(struct api_call *c, struct http_reply *r, const char *value, uint32_t life_s)
{
	http_reply_headerf(r, "Set-Cookie",
			   "%s=%s; Path=%s/; Max-Age=%" PRIu32 "; HttpOnly; SameSite=Strict%s",
			   c->api->cookie, value, c->api->o.prefix, life_s,
			   is_https(c->api) ? "; Secure" : "");
}

void api_session_clear(struct api_call *c, struct http_reply *r)
{
	set_cookie(c, r, "", 0);
}

/* ---- who is it ---- */

struct err *api_session_check(struct api_call *c)
{
	TRY(auth_session_check(c->api->o.auth, c->session, c->remote, &c->who));
	if (c->method == HTTP_GET || c->method == HTTP_HEAD ||
	    auth_session_csrf_ok(c->api->o.auth, c->session, c->csrf))
		return NULL;
	return err_coded(ERR_DENIED, "CSRF",
			 "Send csrfToken of GET /api/v1/session as X-CSRF-Token, or an "
			 "Authorization header instead of the cookie.",
			 "the request does not prove that it comes from the console");
}

static struct err *need_session(struct api_call *c)
{
	if (c->who.session_id[0])
		return NULL;
	return err_coded(ERR_DENIED, "LOGIN_NEEDED", NULL, "there is no session");
}

/* ---- one's present session ---- */

static struct http_reply *session_reply(struct api_call *c, struct str secret)
{
	json_t *j = json_object();
	json_object_set_new(j, "user", api_whoami_json(&c->who));
	json_object_set_new(j, "csrfToken",
			    json_string(auth_session_csrf(c->api->o.auth, secret).s));
	return api_json(200, j);
}

static struct err *sign_in(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "user", "password", NULL };
	struct str name, password;
	const char *secret;
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "user", LIMIT_USER_NAME_BYTES, true, NULL, &name));
	TRY(api_body_str(c, "password", LIMIT_PASSWORD_BYTES, true, NULL, &password));
	TRY(auth_session_start(c->api->o.auth, c->arena, name, password, c->remote, c->user_agent,
			       &c->who, &secret));
	api_audit(c, "session.create", str_of(c->who.session_id), NULL);
	*out = session_reply(c, str_of(secret));
	set_cookie(c, *out, secret, auth_session_life_s(c->api->o.auth));
	return NULL;
}

/* A page that starts asks this to know whether somebody is signed in: "no" is an answer. */
static struct err *get(struct api_call *c, struct http_reply **out)
{
	if (c->who.session_id[0]) {
		*out = session_reply(c, c->session);
		return NULL;
	}
	*out = api_no_content();
	if (c->session.p && !c->authorization.p)
		api_session_clear(c, *out);
	return NULL;
}

static struct err *end(struct api_call *c, struct str id, struct http_reply **out)
{
	bool found;
	TRY(auth_session_end(c->api->o.auth, id, c->who.user_id, &found));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no session " STR_FMT,
				 STR_ARG(str_first(id, 40)));
	api_audit(c, "session.delete", id, NULL);
	*out = api_no_content();
	if (str_eq(id, str_of(c->who.session_id)))
		api_session_clear(c, *out);
	return NULL;
}

static struct err *sign_out(struct api_call *c, struct http_reply **out)
{
	TRY(need_session(c));
	return end(c, str_of(c->who.session_id), out);
}

/* ---- all of one's own ---- */

static json_t *session_json(struct api_call *c, const struct auth_session *s)
{
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(s->id));
	json_object_set_new(j, "createdAt", api_time(s->created_ns));
	json_object_set_new(j, "usedAt", api_time(s->used_ns));
	json_object_set_new(j, "expiresAt", api_time(s->expires_ns));
	json_object_set_new(j, "address", json_string(s->remote));
	json_object_set_new(j, "userAgent", json_string(s->user_agent));
	json_object_set_new(j, "current", json_boolean(strcmp(s->id, c->who.session_id) == 0));
	return j;
}

static struct err *list(struct api_call *c, struct http_reply **out)
{
	struct api_pager p;
	struct auth_session *all;
	size_t n;
	TRY(auth_session_list(c->api->o.auth, c->arena, c->who.user_id, &all, &n));
	TRY(api_pager_init(c, &p));
	for (size_t i = 0; i < n; i++) {
		const char *key =
			arena_printf(c->arena, "%020" PRId64 " %s", all[i].created_ns, all[i].id);
		if (api_pager_wants(&p, key))
			api_pager_add(&p, key, session_json(c, &all[i]));
	}
	*out = api_pager_answer(c, &p);
	return NULL;
}

static struct err *delete_one(struct api_call *c, struct http_reply **out)
{
	TRY(api_need_wide(c));
	return end(c, c->params[0], out);
}

const struct api_route api_session_routes[] = {
	{ HTTP_POST, "/api/v1/session", API_ANYBODY | API_SIGN_IN, sign_in, NULL },
	{ HTTP_GET, "/api/v1/session", API_ANYBODY | API_WHO, get, NULL },
	{ HTTP_DELETE, "/api/v1/session", 0, sign_out, NULL },
	{ HTTP_GET, "/api/v1/sessions", 0, list, NULL },
	{ HTTP_DELETE, "/api/v1/sessions/{id}", 0, delete_one, NULL },
	{ 0 },
};
