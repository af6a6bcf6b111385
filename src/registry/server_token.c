/* The token endpoint. What is asked for and what one may is cut against each other; to get less
 * than one asked for is no error, wrong credentials are one, so that logins fail where they should.
 * No refresh token is ever given: who asks with one is told 401, and comes again with the password.
 */
#include <stdlib.h>

#include "base/time.h"
#include "codec/json.h"
#include "registry/server_priv.h"
#include "registry/server_scope.h"

#define FORM_TYPE "application/x-www-form-urlencoded"

struct token_call {
	struct registry_server *server;
	struct http_exchange *x;
	struct arena *arena;
	struct str authorization, content_type; /* copied */
	char remote[64];
	struct buf body; /* owned; of POST */
	struct registry_scopes scopes;
};

/* ---- answers ---- */

static struct http_reply *no_store(struct http_reply *r)
{
	http_reply_header(r, "Cache-Control", "no-store");
	return r;
}

static struct http_reply *wrong_credentials(void)
{
	struct http_reply *r = registry_error(401, "UNAUTHORIZED", "wrong name, password or token");
	http_reply_header(r, "WWW-Authenticate", "Basic realm=\"kiln\"");
	return no_store(r);
}

static struct http_reply *token_reply(const char *token)
{
	int64_t now_s = time_now_unix_ms() / 1000;
	own_mem char *text =
		mem_printf("{\"token\":\"%s\",\"access_token\":\"%s\","
			   "\"token_type\":\"Bearer\",\"expires_in\":%d,"
			   "\"issued_at\":\"%s\"}",
			   token, token, REGISTRY_TOKEN_LIFE_S, time_rfc3339(now_s * 1000000000).s);
	size_t len = strlen(text);
	struct http_reply *r = http_reply_new(200, move(text), len);
	http_reply_header(r, "Content-Type", "application/json");
	return no_store(r);
}

/* ---- what is given ---- */

static void grant(struct token_call *c, const struct auth_principal *who, struct auth_scope *s)
{
	struct str name = str_of(s->repository);
	if (str_eq(name, STR(REGISTRY_CATALOG_SCOPE))) {
		s->pull = who->kind != AUTH_WORKER;
		s->push = s->delete_ = false;
		return;
	}
	enum auth_role role = registry_role_for(c->server, who, name);
	s->pull &= role >= registry_role_of(REGISTRY_PULL);
	s->push &= role >= registry_role_of(REGISTRY_PUSH);
	s->delete_ &= role >= registry_role_of(REGISTRY_DELETE);
}

static struct err *issue(struct token_call *c, const struct auth_principal *who,
			 struct http_reply **out)
{
	own_mem char *token = NULL;
	struct auth_scope *v = c->scopes.v;
	size_t n = 0;
	for (size_t i = 0; i < c->scopes.n; i++) {
		grant(c, who, &v[i]);
		if (v[i].pull || v[i].push || v[i].delete_)
			v[n++] = v[i];
	}
	TRY(auth_registry_token(c->server->o.auth, who, v, n, REGISTRY_TOKEN_LIFE_S, &token));
	*out = token_reply(token);
	return NULL;
}

/* Answers; `e` is why there is no principal, and taken over. */
static void answer(struct token_call *c, struct err *e, const struct auth_principal *who)
{
	struct http_reply *reply = NULL;
	if (!e)
		e = issue(c, who, &reply);
	if (e && e->kind == ERR_DENIED) {
		err_free(e);
		reply = wrong_credentials();
	} else if (e) {
		reply = registry_login_refusal(&e);
		if (!reply)
			reply = registry_error_of(e);
	}
	http_answer(c->x, reply);
}

/* ---- GET ---- */

static void add_scopes(struct token_call *c, struct str query)
{
	struct str name, value;
	while (http_query_next(c->arena, &query, &name, &value))
		if (str_eq(name, STR("scope")))
			registry_scopes_add(&c->scopes, value);
}

static void get(void *arg, struct http_exchange *x)
{
	struct token_call *c = arg;
	struct auth_principal who;
	add_scopes(c, http_exchange_query(x));
	answer(c, auth_check(c->server->o.auth, c->authorization, c->remote, &who), &who);
}

/* ---- POST ---- */

struct form {
	struct str grant_type, username, password;
};

static struct form read_form(struct token_call *c)
{
	struct form f = { .grant_type = STR("") };
	struct str rest = buf_str(&c->body), name, value;
	add_scopes(c, rest);
	while (http_query_next(c->arena, &rest, &name, &value)) {
		if (str_eq(name, STR("grant_type")))
			f.grant_type = value;
		else if (str_eq(name, STR("username")))
			f.username = value;
		else if (str_eq(name, STR("password")))
			f.password = value;
	}
	return f;
}

static bool is_form(struct str type)
{
	return str_eq_nocase(str_trim(str_cut(&type, ';')), STR(FORM_TYPE));
}

/* 400 and 401 send containerd and BuildKit on to GET; other refusals would end their login. */
static void post(struct token_call *c)
{
	struct form f = read_form(c);
	struct auth_principal who;
	if (c->body.over || !is_form(c->content_type)) {
		http_answer(c->x, no_store(registry_error(400, "UNSUPPORTED",
							  "send a form, as " FORM_TYPE)));
	} else if (str_eq(f.grant_type, STR("password"))) {
		answer(c, auth_login(c->server->o.auth, f.username, f.password, c->remote, &who),
		       &who);
	} else if (str_eq(f.grant_type, STR("refresh_token"))) {
		http_answer(c->x, wrong_credentials());
	} else {
		http_answer(c->x,
			    no_store(registry_error(400, "UNSUPPORTED", "grant_type is password")));
	}
}

static struct err *post_write(void *arg, const void *p, size_t len)
{
	struct token_call *c = arg;
	buf_add(&c->body, str_n(p, len));
	return NULL;
}

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

static void post_end(void *arg, struct http_exchange *x, struct err *e)
{
	struct token_call *c = arg;
	struct buf body = c->body; /* `c` goes with the exchange */
	if (e)
		http_answer(x, registry_error_of(e));
	else
		post(c);
	wipe(&body);
}

/* ---- the way in ---- */

static struct str copy_header(struct token_call *c, const char *name)
{
	struct str v = http_exchange_header(c->x, name);
	return v.p ? arena_str(c->arena, v) : v;
}

static void refuse_method(struct http_exchange *x)
{
	struct http_reply *r = registry_error(405, "UNSUPPORTED", "this endpoint has GET, POST");
	http_reply_header(r, "Allow", "GET, POST");
	http_answer(x, r);
}

void registry_token_handle(struct registry_server *s, struct http_exchange *x)
{
	static const struct http_sink sink = { .write = post_write, .end = post_end };
	struct arena *a = http_exchange_arena(x);
	struct token_call *c = arena_new(a, struct token_call);
	enum http_method method = http_exchange_method(x);
	c->server = s;
	c->x = x;
	c->arena = a;
	c->authorization = copy_header(c, "Authorization");
	c->content_type = copy_header(c, "Content-Type");
	http_exchange_remote(x, c->remote, sizeof(c->remote));
	if (!s->o.auth) { /* nothing asks for tokens */
		http_answer(x, registry_error(404, "UNSUPPORTED", "there are no logins here"));
	} else if (method == HTTP_GET || method == HTTP_HEAD) {
		http_defer(x, get, c);
	} else if (method == HTTP_POST) {
		buf_init(&c->body, LIMIT_TOKEN_FORM_BYTES);
		http_receive(x, &sink, c);
	} else {
		refuse_method(x);
	}
}
