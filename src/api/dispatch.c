/* From a request to its handler: the route, who asks, the body. */
#include "api/api_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"
#include "http/url.h"

extern const struct api_route api_openapi_routes[];

static const struct api_route *const tables[] = {
	api_openapi_routes,  api_access_routes,   api_session_routes,   api_repository_routes,
	api_source_routes,   api_git_routes,      api_rule_routes,      api_binding_routes,
	api_build_routes,    api_log_routes,      api_worker_routes,    api_instance_routes,
	api_insights_routes, api_schedule_routes, api_retention_routes, api_endpoint_routes,
	api_base_routes,     api_status_routes,
};

struct err *api_open(const struct api_options *o, struct api **out)
{
	struct api *a = mem_new(struct api);
	a->o = *o;
	a->started_ns = time_now_unix_ns();
	a->cookie = api_session_cookie_name(a);
	*out = a;
	return NULL;
}

void api_free(struct api *a)
{
	if (!a)
		return;
	free(a->cookie);
	free(a);
}

bool api_wants(struct str path)
{
	return str_starts(path, STR("/api/")) || str_starts(path, STR("/hooks/")) ||
	       str_starts(path, STR("/git/"));
}

/* ---- routes ---- */

/* One segment of a pattern: text, or {name} with text behind it (":cancel"). */
static bool match_segment(struct api_call *c, struct str pattern, struct str segment, size_t *n)
{
	ptrdiff_t open = str_chr(pattern, '{');
	if (open < 0)
		return str_eq(pattern, segment);
	ptrdiff_t close = str_chr(pattern, '}');
	struct str head = str_first(pattern, (size_t)open);
	struct str tail = str_skip(pattern, (size_t)close + 1);
	if (!str_starts(segment, head) || !str_ends(segment, tail) ||
	    segment.len <= head.len + tail.len)
		return false;
	struct str raw = str_n(segment.p + head.len, segment.len - head.len - tail.len);
	/* "{id}" is not "{id}:cancel": the verb is for the route that names it. */
	if (!tail.len && str_chr(raw, ':') >= 0)
		return false;
	return http_decode(c->arena, raw, false, &c->params[(*n)++]);
}

static bool match_path(struct api_call *c, const char *pattern_text, struct str path)
{
	struct str pattern = str_of(pattern_text);
	size_t n = 0;
	while (pattern.p) {
		if (str_ends(pattern, STR("*}")) && str_chr(pattern, '/') < 0)
			return path.p && http_decode(c->arena, path, false, &c->params[n]);
		if (!path.p)
			return false;
		struct str p = str_cut(&pattern, '/'), s = str_cut(&path, '/');
		if (!match_segment(c, p, s, &n))
			return false;
	}
	return !path.p;
}

static unsigned method_bit(enum http_method m)
{
	return 1u << (m == HTTP_HEAD ? HTTP_GET : m);
}

/* NULL: no route has this path and method; `*methods` are those the path has. */
static const struct api_route *find_route(struct api_call *c, struct str path, unsigned *methods)
{
	*methods = 0;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (const struct api_route *r = tables[t]; r->pattern; r++) {
			if (!match_path(c, r->pattern, path))
				continue;
			*methods |= method_bit(r->method);
			if (method_bit(r->method) == method_bit(c->method))
				return r;
		}
	}
	return NULL;
}

static struct http_reply *no_route(unsigned methods)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET",     [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
		[HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_HEAD] = NULL
	};
	if (!methods)
		return api_problem(404, "NOT_FOUND",
				   "GET /api/v1/openapi.json lists what there is.",
				   "There is no such resource.");
	struct buf b;
	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (methods & (1u << i) && names[i])
			buf_printf(&b, "%s%s", b.len ? ", " : "", names[i]);
	own_mem char *allow = buf_steal(&b);
	own_mem char *text = mem_printf("This resource has %s.", allow);
	struct http_reply *r = api_problem(405, "METHOD", NULL, text);
	http_reply_header(r, "Allow", allow);
	return r;
}

/* ---- running ---- */

static struct http_reply *need_login(void)
{
	struct http_reply *r = api_problem(
		401, "LOGIN_NEEDED", "Send Authorization: Bearer TOKEN, or log in: kiln login.",
		"This needs a login.");
	http_reply_header(r, "WWW-Authenticate", "Bearer realm=\"kiln\"");
	return r;
}

static struct err *check_flags(struct api_call *c)
{
	unsigned f = c->route->flags;
	if (f & API_WORKER)
		return c->who.kind == AUTH_WORKER
			       ? NULL
			       : err_coded(ERR_DENIED, "FORBIDDEN",
					   "Make a token for it: kiln worker token NAME.",
					   "this is for workers");
	if (c->who.kind == AUTH_WORKER)
		return err_coded(ERR_DENIED, "FORBIDDEN", NULL,
				 "a worker's token reaches the worker protocol only");
	if (c->who.kind == AUTH_SYSTEM)
		return err_coded(ERR_DENIED, "FORBIDDEN", NULL,
				 "a build's password reaches the registry only");
	if (!(f & API_ANYBODY) && c->who.kind == AUTH_ANONYMOUS)
		return err_coded(ERR_DENIED, "LOGIN_NEEDED", "Log in: kiln login.", "no login");
	if (f & API_ADMIN && !c->who.is_admin)
		return err_coded(ERR_DENIED, "FORBIDDEN", "Ask an administrator.",
				 "this is for administrators");
	return NULL;
}

static bool has_code(const struct err *e, const char *code)
{
	return e && err_code(e) && strcmp(err_code(e), code) == 0;
}

static struct err *check_who(struct api_call *c)
{
	if (c->route->flags & API_SIGN_IN)
		return auth_check(c->api->o.auth, STR(""), c->remote, &c->who);
	if (c->session.p && !c->authorization.p) {
		struct err *e = api_session_check(c);
		if (!has_code(e, "SESSION_ENDED") || !(c->route->flags & API_WHO))
			return e;
		err_free(e);
	}
	return auth_check(c->api->o.auth, c->authorization, c->remote, &c->who);
}

static struct err *run(struct api_call *c, struct http_reply **out)
{
	TRY(check_who(c));
	TRY(check_flags(c));
	return c->route->run(c, out);
}

static void answer(struct api_call *c, struct err *e)
{
	struct http_reply *reply = NULL;
	if (!e)
		e = run(c, &reply);
	json_decref(c->body);
	c->body = NULL;
	if (has_code(e, "LOGIN_NEEDED")) {
		err_free(e);
		reply = need_login();
	} else if (e) {
		bool ended = has_code(e, "SESSION_ENDED");
		reply = api_problem_of(c, e);
		if (ended)
			api_session_clear(c, reply);
	}
	http_answer(c->x, reply);
}

static void run_deferred(void *arg, struct http_exchange *x)
{
	answer(arg, NULL);
}

/* ---- the body ---- */

struct gathered {
	struct api_call *call;
	struct buf b;
};

static struct err *take(void *arg, const void *p, size_t len)
{
	struct gathered *g = arg;
	buf_add(&g->b, str_n(p, len));
	return NULL;
}

static struct err *read_body(struct gathered *g)
{
	struct api_call *c = g->call;
	if (g->b.over)
		return err_coded(ERR_LIMIT, "BODY_LARGE", NULL, "the body is longer than 1 MiB");
	if (!g->b.len) {
		if (c->route->flags & API_OPTIONAL_BODY || c->method == HTTP_DELETE)
			return NULL;
		return err_coded(ERR_INVALID, "BODY", "Send a JSON object.", "there is no body");
	}
	struct str type = str_trim(str_cut(&c->content_type, ';'));
	if (!str_eq_nocase(type, STR("application/json")))
		return err_coded(ERR_INVALID, "CONTENT_TYPE",
				 "Send it as Content-Type: application/json.",
				 "the body is not announced as JSON");
	struct err *e = json_read(buf_str(&g->b), &c->body);
	if (e)
		return err_wrap(e, "body");
	if (!json_is_object(c->body))
		return err_coded(ERR_INVALID, "BODY", NULL, "the body is not a JSON object");
	return NULL;
}

static void body_end(void *arg, struct http_exchange *x, struct err *e)
{
	struct gathered *g = arg;
	if (!e)
		e = read_body(g);
	buf_done(&g->b);
	answer(g->call, e);
}

static const struct http_sink body_sink = { .write = take, .end = body_end };

/* ---- the way in ---- */

static struct str copy_header(struct api_call *c, const char *name)
{
	struct str v = http_exchange_header(c->x, name);
	return v.p ? arena_str(c->arena, v) : v;
}

void api_handle(struct api *a, struct http_exchange *x)
{
	struct arena *m = http_exchange_arena(x);
	struct api_call *c = arena_new(m, struct api_call);
	*c = (struct api_call){ .api = a,
				.x = x,
				.arena = m,
				.method = http_exchange_method(x),
				.path = http_exchange_path(x),
				.query = http_exchange_query(x) };
	unsigned methods;
	c->route = find_route(c, c->path, &methods);
	if (!c->route) {
		http_answer(x, no_route(methods));
		return;
	}
	c->authorization = copy_header(c, "Authorization");
	c->content_type = copy_header(c, "Content-Type");
	c->last_event_id = copy_header(c, "Last-Event-ID");
	c->if_match = copy_header(c, "If-Match");
	c->host = copy_header(c, "Host");
	c->csrf = copy_header(c, "X-CSRF-Token");
	c->user_agent = copy_header(c, "User-Agent");
	if (str_starts(c->path, STR("/api/")))
		c->session = api_session_cookie(a, copy_header(c, "Cookie"));
	http_exchange_remote(x, c->remote, sizeof(c->remote));
	if (c->route->flags & API_RAW) {
		c->route->raw(c);
		return;
	}
	if (c->method == HTTP_GET || c->method == HTTP_HEAD) {
		http_defer(x, run_deferred, c);
		return;
	}
	struct gathered *g = arena_new(m, struct gathered);
	g->call = c;
	buf_init(&g->b, API_BODY_BYTES);
	http_receive(x, &body_sink, g);
}
