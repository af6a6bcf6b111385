/* Who asks, and may they?
 *
 * Credentials come as Basic (password or token), as Bearer with a user's token, or as Bearer with a
 * registry token, which carries the roles it was given for five minutes; when users, tokens or
 * roles have changed since, they are looked up again. What a request may do in a repository is one
 * role: view pulls, develop pushes, maintain deletes.
 *
 * Who may not see a repository gets the same refusal whether it is there or not: it is made of the
 * request alone. */
#include <stdlib.h>

#include "base/log.h"
#include "oci/reference.h"
#include "registry/server_priv.h"
#include "registry/server_scope.h"

/* ---- challenges ---- */

static bool is_port(struct str s)
{
	uint64_t n;
	return !s.p || str_to_u64(s, 65535, &n);
}

/* "localhost:8080", "127.0.0.1", "[::1]:5000": what a client can name without being lured. */
static bool is_loopback(struct str host)
{
	if (str_starts(host, STR("[::1]"))) {
		struct str rest = str_skip(host, STR("[::1]").len);
		return !rest.len || (rest.p[0] == ':' && is_port(str_skip(rest, 1)));
	}
	struct str name = str_cut(&host, ':');
	if (!is_port(host))
		return false;
	if (str_eq_nocase(name, STR("localhost")))
		return true;
	if (!str_starts(name, STR("127.")))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] != '.' && (name.p[i] < '0' || name.p[i] > '9'))
			return false;
	return true;
}

static const char *const actions_of[] = {
	[REGISTRY_PULL] = "pull",
	[REGISTRY_PUSH] = "pull,push",
	[REGISTRY_DELETE] = "delete",
};

static void add_scope(struct buf *b, struct registry_call *c)
{
	struct str from;
	switch (c->need) {
	case REGISTRY_LOGIN:
		return;
	case REGISTRY_LIST:
		buf_add(b, STR(",scope=\"registry:catalog:*\""));
		return;
	case REGISTRY_PULL:
	case REGISTRY_PUSH:
	case REGISTRY_DELETE:
		break;
	}
	buf_printf(b, ",scope=\"repository:" STR_FMT ":%s", STR_ARG(c->repository),
		   actions_of[c->need]);
	if (c->method == HTTP_POST && http_query_get(c->x, STR("from"), &from) &&
	    oci_repository_name_ok(from))
		buf_printf(b, " repository:" STR_FMT ":pull", STR_ARG(from));
	buf_add_c(b, '"');
}

/* Exactly one. Where we do not know our own address, and the client names one that may be
 * anybody's, it is told to log in by Basic. */
static void add_challenge(struct registry_call *c, struct http_reply *r, const char *error)
{
	const char *url = c->server->o.external_url;
	if (!url && !is_loopback(c->host)) {
		http_reply_header(r, "WWW-Authenticate", "Basic realm=\"kiln\"");
		return;
	}
	done(buf) b;
	buf_init(&b, 4096);
	if (url)
		buf_printf(&b, "Bearer realm=\"%s/token\"", url);
	else
		buf_printf(&b, "Bearer realm=\"http://" STR_FMT "/token\"", STR_ARG(c->host));
	buf_add(&b, STR(",service=\"kiln\""));
	add_scope(&b, c);
	if (error)
		buf_printf(&b, ",error=\"%s\"", error);
	own_mem char *text = buf_steal(&b);
	http_reply_header(r, "WWW-Authenticate", text);
}

static struct http_reply *unauthorized(struct registry_call *c, const char *error)
{
	struct http_reply *r = registry_error(
		401, "UNAUTHORIZED", "%s",
		!error ? "log in to do this"
		: strcmp(error, "invalid_token") == 0
			? "the token is none of ours, or its time is over"
			: "the token does not allow this; ask for one with the scope that is needed");
	add_challenge(c, r, error);
	http_reply_header(r, "Docker-Distribution-API-Version", "registry/2.0");
	return r;
}

static struct http_reply *forbidden(struct registry_call *c)
{
	if (c->need == REGISTRY_LOGIN || c->need == REGISTRY_LIST)
		return registry_error(403, "DENIED", "a worker's token has no rights here");
	return registry_error(403, "DENIED",
			      "requested access to " STR_FMT " is denied: it needs the role %s",
			      STR_ARG(c->repository), auth_role_name(registry_role_of(c->need)));
}

/* ---- who ---- */

static bool bearer(struct str authorization, struct str *token)
{
	ptrdiff_t blank = str_chr(authorization, ' ');
	if (blank < 0 || !str_eq_nocase(str_first(authorization, (size_t)blank), STR("Bearer")))
		return false;
	*token = str_trim(str_skip(authorization, (size_t)blank));
	return true;
}

static bool is_login_token(struct str token)
{
	return str_starts(token, STR("kiln_")) || str_starts(token, STR("kilnw_"));
}

bool registry_token_of(struct str authorization, struct str *token)
{
	return bearer(authorization, token) && !is_login_token(*token);
}

/* Sets `*refusal` when the credentials are wrong. */
static struct err *identify(struct registry_call *c, struct http_reply **refusal)
{
	struct auth *auth = c->server->o.auth;
	struct str token;
	struct err *e;
	if (registry_token_of(c->authorization, &token)) {
		e = auth_registry_token_read(auth, c->arena, token, &c->who, &c->scopes,
					     &c->n_scopes, &c->fresh);
		if (!e && !c->fresh)
			e = auth_refresh(auth, &c->who);
		c->by_token = true;
	} else {
		e = auth_check(auth, c->authorization, c->remote, &c->who);
	}
	if (!e)
		return NULL;
	*refusal = registry_login_refusal(&e);
	if (*refusal)
		return NULL;
	if (e->kind != ERR_DENIED)
		return e;
	err_free(e);
	*refusal = unauthorized(c, bearer(c->authorization, &token) ? "invalid_token" : NULL);
	return NULL;
}

struct http_reply *registry_login_refusal(struct err **e)
{
	if ((*e)->kind != ERR_LIMIT)
		return NULL;
	struct http_reply *r = registry_error(429, "TOOMANYREQUESTS",
					      "too many failed logins; try again in a minute");
	http_reply_header(r, "Retry-After", "60");
	err_free(*e);
	*e = NULL;
	return r;
}

/* ---- what they may ---- */

enum auth_role registry_role_of(enum registry_need need)
{
	switch (need) {
	case REGISTRY_PULL:
		return AUTH_VIEW;
	case REGISTRY_PUSH:
		return AUTH_DEVELOP;
	case REGISTRY_DELETE:
		return AUTH_MAINTAIN;
	case REGISTRY_LOGIN:
	case REGISTRY_LIST:
		return AUTH_NONE;
	}
	abort();
}

static bool scope_allows(const struct auth_scope *s, enum registry_need need)
{
	switch (need) {
	case REGISTRY_PULL:
		return s && s->pull;
	case REGISTRY_PUSH:
		return s && s->push;
	case REGISTRY_DELETE:
		return s && s->delete_;
	case REGISTRY_LOGIN:
	case REGISTRY_LIST:
		return false;
	}
	abort();
}

static bool is_let_in(const struct registry_server *s, const struct auth_principal *who)
{
	return who->kind != AUTH_WORKER && (who->kind != AUTH_ANONYMOUS || s->o.anonymous_pull);
}

/* The roles that `who` was given and that everybody has. */
static struct err *roles(struct registry_server *s, const struct auth_principal *who,
			 struct str repository, struct registry_access *a)
{
	bool is_public;
	TRY(catalog_image_role(s->catalog, s->o.auth, who, repository, &a->found, &is_public,
			       &a->role));
	a->everybody = is_public ? AUTH_VIEW : AUTH_NONE;
	a->role = is_let_in(s, who) ? MAX(a->role, a->everybody) : AUTH_NONE;
	return NULL;
}

/* A registry token never gives more than its scopes, but what everybody may, its owner may too. */
static struct err *roles_by_token(struct registry_call *c, struct str repository,
				  enum registry_need need, struct registry_access *a)
{
	static const struct auth_principal nobody = { .kind = AUTH_ANONYMOUS,
						      .name = "anonymous",
						      .most = AUTH_ADMIN };
	struct registry_server *s = c->server;
	const struct auth_scope *scope = registry_scope_find(c->scopes, c->n_scopes, repository);
	enum auth_role given = scope_allows(scope, need) ? registry_role_of(need) : AUTH_NONE;
	/* of a fresh one only whether the repository is public has to be asked */
	TRY(roles(s, c->fresh ? &nobody : &c->who, repository, a));
	a->role = c->fresh ? given : MIN(a->role, given);
	if (is_let_in(s, &c->who))
		a->role = MAX(a->role, a->everybody);
	return NULL;
}

struct err *registry_access_of(struct registry_call *c, struct str repository,
			       enum registry_need need, struct registry_access *a)
{
	*a = (struct registry_access){ .found = true, .role = AUTH_ADMIN };
	if (!c->server->o.auth)
		return NULL;
	return c->by_token ? roles_by_token(c, repository, need, a)
			   : roles(c->server, &c->who, repository, a);
}

enum auth_role registry_role_for(struct registry_server *s, const struct auth_principal *who,
				 struct str repository)
{
	struct registry_access a;
	struct err *e = roles(s, who, repository, &a);
	if (!e)
		return a.role;
	log_err(LOG_LEVEL_ERROR, "roles of a token", e);
	return AUTH_NONE;
}

/* ---- repositories that a push makes ---- */

static struct http_reply *no_repository(struct registry_call *c, const char *why)
{
	return registry_error(403, "DENIED", "there is no image repository " STR_FMT ", %s",
			      STR_ARG(c->repository), why);
}

/* Anonymous pushers could not use a private one. */
static struct err *create(struct registry_call *c, const struct catalog_namespace *ns,
			  struct str name)
{
	struct catalog_image_request request = {
		.namespace_ = str_of(ns->name),
		.name = name,
		.is_public = ns->default_public || c->who.kind == AUTH_ANONYMOUS,
		.summary = STR(""),
		.description = STR(""),
	};
	struct catalog_image_repository made;
	struct err *e = catalog_image_create(c->server->catalog, c->arena, &request, &made);
	if (e && e->kind == ERR_CONFLICT) { /* somebody else's push was faster */
		err_free(e);
		return NULL;
	}
	TRY(e);
	auth_audit(c->server->o.auth, &c->who, c->remote, "repository.create", c->repository,
		   "{\"by\":\"push\"}");
	return NULL;
}

static struct err *make_repository(struct registry_call *c, struct http_reply **refusal)
{
	struct catalog_namespace ns;
	struct str name = c->repository, namespace_ = str_cut(&name, '/');
	bool found;
	TRY(catalog_namespace_get(c->server->catalog, c->arena, namespace_, &found, &ns));
	if (!found || !str_eq(str_of(ns.name), namespace_)) {
		*refusal = no_repository(c, "and no namespace for it; an administrator makes one: "
					    "kiln namespace create NAME");
		return NULL;
	}
	/* A token may be older than the repository that its role was for. */
	if (registry_role_for(c->server, &c->who, c->repository) < AUTH_DEVELOP) {
		*refusal = forbidden(c);
		return NULL;
	}
	if (!ns.auto_create) {
		*refusal =
			no_repository(c, "and its namespace makes none by a push; make it first: "
					 "kiln repo create NAME");
		return NULL;
	}
	return create(c, &ns, name);
}

/* ---- the check ---- */

static struct http_reply *refuse(struct registry_call *c)
{
	if (c->by_token)
		return unauthorized(c, "insufficient_scope");
	if (c->who.kind == AUTH_ANONYMOUS)
		return unauthorized(c, NULL);
	if (c->in_session)
		return registry_error(404, "BLOB_UPLOAD_UNKNOWN",
				      "there is no such upload session");
	return forbidden(c);
}

static struct err *check_nameless(struct registry_call *c, struct http_reply **refusal)
{
	bool let_in = c->who.kind != AUTH_WORKER;
	if (c->who.kind == AUTH_ANONYMOUS && !c->by_token)
		let_in = c->need == REGISTRY_LIST && c->server->o.anonymous_pull;
	if (c->by_token && c->need == REGISTRY_LIST)
		let_in = let_in &&
			 registry_scope_find(c->scopes, c->n_scopes, STR(REGISTRY_CATALOG_SCOPE));
	if (!let_in)
		*refusal = refuse(c);
	return NULL;
}

struct err *registry_authorize(struct registry_call *c, struct http_reply **refusal)
{
	struct registry_access a;
	*refusal = NULL;
	if (!c->server->o.auth)
		return NULL;
	TRY(identify(c, refusal));
	if (*refusal)
		return NULL;
	if (c->need == REGISTRY_LOGIN || c->need == REGISTRY_LIST)
		return check_nameless(c, refusal);
	TRY(registry_access_of(c, c->repository, c->need, &a));
	c->open = a.everybody >= AUTH_VIEW;
	if (a.role < registry_role_of(c->need)) {
		*refusal = refuse(c);
		return NULL;
	}
	bool makes = c->need == REGISTRY_PUSH && !c->in_session && c->method != HTTP_GET;
	if (makes && !a.found && str_chr(c->repository, '/') >= 0)
		return make_repository(c, refusal);
	return NULL;
}

void registry_audit(struct registry_call *c, const char *action, struct str reference)
{
	if (!c->server->o.auth)
		return;
	const char *target =
		arena_printf(c->arena, STR_FMT "%c" STR_FMT, STR_ARG(c->repository),
			     str_chr(reference, ':') < 0 ? ':' : '@', STR_ARG(reference));
	auth_audit(c->server->o.auth, &c->who, c->remote, action, str_of(target), NULL);
}

bool registry_refuse_early(struct registry_call *c)
{
	const struct registry_server_options *o = &c->server->o;
	bool pulls = c->need == REGISTRY_PULL || c->need == REGISTRY_LIST;
	if (!o->auth || c->authorization.p)
		return false;
	if (pulls && o->anonymous_pull)
		return false;
	http_answer(c->x, unauthorized(c, NULL));
	return true;
}

/* ---- on the poll thread, for answers that are prepared ---- */

static struct str repository_in(struct str path)
{
	struct str name = str_skip(path, STR("/v2/").len);
	name = str_first(name, (size_t)MAX(str_rchr(name, '/'), 0));
	return str_first(name, (size_t)MAX(str_rchr(name, '/'), 0));
}

bool registry_may_have(struct registry_server *s, struct http_exchange *x, bool open)
{
	struct auth_principal who;
	struct auth_scope *scopes;
	size_t n;
	bool fresh;
	struct str token, authorization = http_exchange_header(x, "Authorization");
	if (!s->o.auth)
		return true;
	if (!authorization.p)
		return open && s->o.anonymous_pull;
	if (!registry_token_of(authorization, &token)) {
		if (!open || !auth_check_cached(s->o.auth, authorization, &who))
			return false;
	} else {
		struct err *e = auth_registry_token_read(s->o.auth, http_exchange_arena(x), token,
							 &who, &scopes, &n, &fresh);
		if (e) {
			err_free(e);
			return false;
		}
		const struct auth_scope *scope =
			registry_scope_find(scopes, n, repository_in(http_exchange_path(x)));
		if (fresh && scope && scope->pull && who.kind != AUTH_WORKER)
			return true;
	}
	return open && is_let_in(s, &who);
}
