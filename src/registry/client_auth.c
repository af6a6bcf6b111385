#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"
#include "codec/json.h"
#include "http/url.h"
#include "registry/client_priv.h"

#define MOST_TOKENS      64
#define TOKEN_LEAST_S    60
#define TOKEN_MOST_S     3600
#define TOKEN_MARGIN_MS  5000
#define TOKEN_REQUEST_MS 60000
#define MOST_TOKEN_CHARS 16384

static void token_free(struct known_token *t)
{
	explicit_bzero(t->text, strlen(t->text));
	free(t->at);
	free(t->scope);
	free(t->text);
	free(t);
}

void registry_auth_free(struct registry_client *c)
{
	for (struct known_host *h; (h = c->hosts);) {
		c->hosts = h->next;
		free(h->at);
		free(h->realm);
		free(h->service);
		free(h);
	}
	for (struct known_login *l; (l = c->logins);) {
		c->logins = l->next;
		free(l->host);
		free(l->repository);
		credentials_done(&l->credentials);
		free(l);
	}
	for (struct known_token *t; (t = c->tokens);) {
		c->tokens = t->next;
		token_free(t);
	}
}

struct known_host *known_host_locked(struct registry_client *c, const char *at)
{
	mutex_assert_held(&c->lock);
	for (struct known_host *h = c->hosts; h; h = h->next)
		if (strcmp(h->at, at) == 0)
			return h;
	struct known_host *h = mem_new(struct known_host);
	h->at = mem_strdup(at);
	h->next = c->hosts;
	c->hosts = h;
	return h;
}

static const struct known_login *find_login(struct registry_client *c, const struct endpoint *ep)
{
	hold(&c->lock);
	for (struct known_login *l = c->logins; l; l = l->next)
		if (strcmp(l->host, ep->login) == 0 && strcmp(l->repository, ep->repository) == 0)
			return l;
	return NULL;
}

static bool find_given(struct registry_client *c, const char *host, struct credentials *out)
{
	for (size_t i = 0; i < c->n_given; i++) {
		if (strcmp(c->given[i].host, host) != 0)
			continue;
		*out = (struct credentials){ .user = mem_strdup(c->given[i].user),
					     .password = mem_strdup(c->given[i].password),
					     .from = mem_strdup("the build's own login") };
		return true;
	}
	return false;
}

struct err *registry_auth_login(struct registry_client *c, const struct endpoint *ep,
				const struct credentials **out)
{
	const struct known_login *known = find_login(c, ep);
	*out = NULL;
	if (!known) {
		struct known_login *l = mem_new(struct known_login);
		struct err *e = NULL;
		l->found = find_given(c, ep->login, &l->credentials);
		if (!l->found)
			e = credentials_find(ep->login, ep->repository, &l->credentials, &l->found);
		if (e) {
			free(l);
			return e;
		}
		l->host = mem_strdup(ep->login);
		l->repository = mem_strdup(ep->repository);
		/* Two threads may both have looked: the same login twice does no harm. */
		hold(&c->lock);
		l->next = c->logins;
		c->logins = l;
		known = l;
	}
	if (known->found && ep->may_login)
		*out = &known->credentials;
	return NULL;
}

static char *scope_of(const struct registry_call *call)
{
	return call->also_pull
		       ? mem_printf("repository:%s:%s repository:%s:pull", call->ep->repository,
				    call->actions, call->also_pull)
		       : mem_printf("repository:%s:%s", call->ep->repository, call->actions);
}

static char *find_token(struct registry_client *c, const char *at, const char *scope)
{
	hold(&c->lock);
	for (struct known_token *t = c->tokens; t; t = t->next)
		if (t->expires_ms > time_mono_ms() && strcmp(t->at, at) == 0 &&
		    strcmp(t->scope, scope) == 0)
			return mem_printf("Bearer %s", t->text);
	return NULL;
}

static void drop_token_locked(struct registry_client *c, const char *at, const char *scope)
{
	size_t n = 0;
	for (struct known_token **p = &c->tokens; *p;) {
		struct known_token *t = *p;
		if (++n >= MOST_TOKENS ||
		    (strcmp(t->at, at) == 0 && strcmp(t->scope, scope) == 0)) {
			*p = t->next;
			token_free(t);
		} else {
			p = &t->next;
		}
	}
}

static void keep_token(struct registry_client *c, const char *at, const char *scope,
		       const char *text, uint64_t lives_s)
{
	struct known_token *t = mem_new(struct known_token);
	t->at = mem_strdup(at);
	t->scope = mem_strdup(scope);
	t->text = mem_strdup(text);
	t->expires_ms = time_mono_ms() + lives_s * 1000 - TOKEN_MARGIN_MS;
	hold(&c->lock);
	drop_token_locked(c, at, scope);
	t->next = c->tokens;
	c->tokens = t;
}

/* "localhost" and 127.0.0.1 are one host here, for a server knows itself by one of them only. */
static bool is_own_realm(const struct http_url *self, const struct http_url *realm)
{
	return http_url_same_origin(self, realm) ||
	       (self->port == realm->port && self->tls == realm->tls &&
		http_host_is_loopback(str_of(self->host)) &&
		http_host_is_loopback(str_of(realm->host)));
}

/* May the token service be asked at all, and with the user's secrets? */
static struct err *check_realm(struct registry_client *c, const struct endpoint *ep,
			       const struct http_url *realm, bool *may_login)
{
	own_mem char *origin = mem_printf("%s://%s", ep->tls ? "https" : "http", ep->at);
	own_mem char *at = mem_printf("%s:%u", realm->host, realm->port);
	bool insecure = registry_is_insecure(c, at);
	done(http_url) self = { 0 };
	TRY(http_url_parse(str_of(origin), &self));
	*may_login = is_own_realm(&self, realm) ? ep->may_login : realm->tls || insecure;
	if (ep->tls && !realm->tls && !insecure)
		return err_new(ERR_DENIED,
			       "registry %s sends to %s for a token without TLS: not followed",
			       ep->at, at);
	if (http_host_is_local(str_of(realm->host)) && !http_host_is_local(str_of(self.host)))
		return err_new(ERR_DENIED,
			       "registry %s sends to %s, an address of this machine, for a token: "
			       "not followed",
			       ep->at, at);
	return NULL;
}

static bool token_ok(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
			return false;
	return s.len > 0 && s.len <= MOST_TOKEN_CHARS;
}

static struct err *read_token(const struct http_response *r, char **text, uint64_t *lives_s)
{
	own_json root = NULL;
	struct str token = { NULL, 0 };
	struct err *e = json_read(str_n(r->body, r->body_len), &root);
	if (e) { /* its text may quote the token */
		err_free(e);
		return err_new(ERR_UNAVAILABLE, "its answer is not JSON");
	}
	TRY(json_get_str(root, "token", &token));
	if (!token.len)
		TRY(json_get_str(root, "access_token", &token));
	if (!token_ok(token))
		return err_new(ERR_UNAVAILABLE, "its answer holds no usable token");
	*lives_s = TOKEN_LEAST_S;
	err_free(json_get_u64(root, "expires_in", UINT32_MAX, lives_s));
	*lives_s = MIN(MAX(*lives_s, (uint64_t)TOKEN_LEAST_S), (uint64_t)TOKEN_MOST_S);
	*text = str_dup(token);
	return NULL;
}

struct token_request {
	const struct endpoint *ep;
	const struct http_url *realm;
	const char *service;
	const char *scope;               /* several, separated by blanks */
	const struct credentials *login; /* NULL: none */
};

static struct err *get_token(struct registry_client *c, const struct token_request *q,
			     struct http_response *out)
{
	struct buf url;
	own_mem char *basic = NULL, *text = NULL;
	buf_init(&url, LIMIT_URL_BYTES);
	buf_add(&url, str_of(q->realm->text));
	if (*q->service)
		http_url_add_query(&url, "service", str_of(q->service));
	for (struct str rest = str_of(q->scope); rest.p;)
		http_url_add_query(&url, "scope", str_cut(&rest, ' '));
	if (q->login) {
		http_url_add_query(&url, "account", str_of(q->login->user));
		basic = http_basic(str_of(q->login->user), str_of(q->login->password));
	}
	TRY(buf_finish(&url, &text, NULL));
	return registry_send_again(c,
				   &(struct http_request){ .method = "GET",
							   .url = text,
							   .authorization = basic,
							   .unverified_tls = q->ep->unverified,
							   .timeout_ms = TOKEN_REQUEST_MS,
							   .max_body = LIMIT_TOKEN_BYTES },
				   out, NULL);
}

/* SPEC distribution docs/spec/auth/oauth.md: the only way to use an identity token. */
static struct err *post_token(struct registry_client *c, const struct token_request *q,
			      struct http_response *out)
{
	struct buf form;
	own_mem char *text = NULL;
	buf_init(&form, LIMIT_TOKEN_BYTES);
	http_url_add_query(&form, "grant_type", STR("refresh_token"));
	http_url_add_query(&form, "client_id", STR("kiln"));
	http_url_add_query(&form, "service", str_of(q->service));
	http_url_add_query(&form, "scope", str_of(q->scope));
	http_url_add_query(&form, "refresh_token", str_of(q->login->identity_token));
	TRY(buf_finish(&form, &text, NULL));
	struct http_request r = {
		.method = "POST",
		.url = q->realm->text,
		.headers = (const char *const[]){ "Content-Type: "
						  "application/x-www-form-urlencoded",
						  NULL },
		.has_body = true,
		.body = str_of(text + 1), /* without the "?" */
		.no_redirect = true,      /* the secret is in the body */
		.unverified_tls = q->ep->unverified,
		.timeout_ms = TOKEN_REQUEST_MS,
		.max_body = LIMIT_TOKEN_BYTES,
	};
	struct err *e = registry_send_again(c, &r, out, NULL);
	explicit_bzero(text, strlen(text));
	return e;
}

static struct err *token_refused(const struct token_request *q, const struct http_response *r)
{
	const char *user = q->login && q->login->user ? q->login->user : "with an identity token";
	if ((r->status == 401 || r->status == 403) && q->login)
		return err_new(
			ERR_DENIED,
			"registry %s refuses the login %s (from %s): mend it with docker login %s",
			q->ep->at, user, q->login->from, q->ep->login);
	own_mem char *why = registry_plain_text(str_n(r->body, r->body_len));
	return err_new(r->status == 429 || r->status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID,
		       "token service %s of registry %s answers %d: %s", q->realm->host, q->ep->at,
		       r->status, why);
}

/* No token in `*text` when none is given without a login. */
static struct err *ask_for_token(struct registry_client *c, const struct token_request *q,
				 char **text, uint64_t *lives_s)
{
	done(http_response) r = { 0 };
	struct err *e =
		q->login && q->login->identity_token ? post_token(c, q, &r) : get_token(c, q, &r);
	if (e && e->kind == ERR_CANCELED)
		return e;
	if (e)
		return err_wrap(e, "token service %s of registry %s", q->realm->host, q->ep->at);
	if ((r.status == 401 || r.status == 403) && !q->login)
		return NULL; /* then the registry's own refusal is what to tell */
	if (r.status != 200)
		return token_refused(q, &r);
	e = read_token(&r, text, lives_s);
	if (r.body)
		explicit_bzero(r.body, r.body_len);
	return err_wrap(e, "token service %s of registry %s", q->realm->host, q->ep->at);
}

static struct err *obtain_token(struct registry_client *c, const struct registry_call *call,
				const char *realm_text, const char *service, const char *asked,
				char **out)
{
	const struct endpoint *ep = call->ep;
	own_mem char *scope = scope_of(call);
	own_mem char *scopes = *asked && strcmp(asked, scope) != 0
				       ? mem_printf("%s %s", scope, asked)
				       : mem_strdup(scope);
	own_mem char *text = NULL;
	const struct credentials *login;
	bool may_login;
	uint64_t lives_s = 0;
	done(http_url) realm = { 0 };
	TRY(err_wrap(http_url_parse(str_of(realm_text), &realm), "token service of registry %s",
		     ep->at));
	TRY(check_realm(c, ep, &realm, &may_login));
	TRY(registry_auth_login(c, ep, &login));
	if (login && !may_login)
		return err_new(ERR_DENIED,
			       "registry %s sends to %s:%u for a token: the login for %s is not "
			       "sent there without TLS",
			       ep->at, realm.host, realm.port, ep->login);
	struct token_request q = { ep, &realm, service, scopes, login };
	TRY(ask_for_token(c, &q, &text, &lives_s));
	if (!text)
		return NULL;
	keep_token(c, ep->at, scope, text, lives_s);
	*out = mem_printf("Bearer %s", text);
	explicit_bzero(text, strlen(text));
	return NULL;
}

static struct err *basic_header(struct registry_client *c, const struct endpoint *ep, char **out)
{
	const struct credentials *login;
	TRY(registry_auth_login(c, ep, &login));
	*out = login && login->user ? http_basic(str_of(login->user), str_of(login->password))
				    : NULL;
	return NULL;
}

struct err *registry_auth_header(struct registry_client *c, const struct registry_call *call,
				 char **out)
{
	own_mem char *scope = scope_of(call), *realm = NULL, *service = NULL;
	enum challenge_kind kind = CHALLENGE_OTHER;
	*out = find_token(c, call->ep->at, scope);
	if (*out)
		return NULL;
	{
		hold(&c->lock);
		struct known_host *h = known_host_locked(c, call->ep->at);
		if (h->challenged) {
			kind = h->kind;
			realm = mem_strdup(h->realm);
			service = mem_strdup(h->service);
		}
	}
	if (kind == CHALLENGE_BEARER)
		return obtain_token(c, call, realm, service, "", out);
	return kind == CHALLENGE_BASIC ? basic_header(c, call->ep, out) : NULL;
}

/* Bearer where it is offered, else Basic; false if there is neither. */
static bool choose(struct arena *a, const struct http_response *r, struct challenge *out)
{
	bool found = false;
	for (size_t i = 0; i < r->n_fields; i++) {
		struct challenge all[CHALLENGE_MOST];
		if (!str_eq_nocase(str_of(r->fields[i].name), STR("WWW-Authenticate")))
			continue;
		size_t n = challenge_parse(a, str_of(r->fields[i].value), all);
		for (size_t k = 0; k < n; k++) {
			if (all[k].kind == CHALLENGE_BEARER && *all[k].realm) {
				*out = all[k];
				return true;
			}
			if (all[k].kind == CHALLENGE_BASIC && !found) {
				*out = all[k];
				found = true;
			}
		}
	}
	return found;
}

struct err *registry_auth_answer(struct registry_client *c, const struct registry_call *call,
				 const struct http_response *r, char **out)
{
	own(arena) a = arena_open((size_t)4 << 20);
	own_mem char *scope = scope_of(call);
	struct challenge ch;
	*out = NULL;
	if (!choose(a, r, &ch))
		return NULL;
	{
		hold(&c->lock);
		drop_token_locked(c, call->ep->at, scope);
		struct known_host *h = known_host_locked(c, call->ep->at);
		free(h->realm);
		free(h->service);
		h->challenged = true;
		h->kind = ch.kind;
		h->realm = mem_strdup(ch.realm);
		h->service = mem_strdup(ch.service);
	}
	if (ch.kind == CHALLENGE_BASIC)
		return basic_header(c, call->ep, out);
	return obtain_token(c, call, ch.realm, ch.service, ch.scope, out);
}
