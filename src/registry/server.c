#include "registry/server.h"

#include <stdlib.h>

#include "http/url.h"
#include "oci/reference.h"
#include "registry/server_priv.h"

struct err *registry_server_open(const struct registry_server_options *o,
				 struct registry_server **out)
{
	struct registry_server *s = mem_new(struct registry_server);
	s->o = *o;
	s->catalog = o->catalog;
	s->store = o->store;
	s->cache = registry_cache_new();
	*out = s;
	return NULL;
}

void registry_server_free(struct registry_server *s)
{
	if (!s)
		return;
	registry_cache_free(s->cache);
	free(s);
}

static void run_deferred(void *arg, struct http_exchange *x)
{
	struct registry_call *c = arg;
	struct http_reply *reply = NULL;
	struct err *e = registry_authorize(c, &reply);
	if (!e && !reply)
		e = c->run(c, &reply);
	http_answer(x, e ? registry_error_of(e) : reply);
}

void registry_defer(struct registry_call *c,
		    struct err *(*run)(struct registry_call *c, struct http_reply **out))
{
	c->run = run;
	http_defer(c->x, run_deferred, c);
}

/* ---- routes ---- */

#define METHOD(m) (1u << HTTP_##m)

enum route {
	ROUTE_NONE,
	ROUTE_PING,
	ROUTE_BLOB,
	ROUTE_MANIFEST,
	ROUTE_UPLOADS,
	ROUTE_UPLOAD,
	ROUTE_TAGS,
	ROUTE_CATALOG,
	ROUTE_REFERRERS,
};

static const struct {
	void (*handle)(struct registry_call *c);
	unsigned methods;
	const char *allow;
	bool nameless;
} routes[] = {
	[ROUTE_PING] = { registry_handle_ping, METHOD(GET) | METHOD(HEAD), "GET, HEAD", true },
	[ROUTE_BLOB] = { registry_handle_blob, METHOD(GET) | METHOD(HEAD) | METHOD(DELETE),
			 "GET, HEAD, DELETE" },
	[ROUTE_MANIFEST] = { registry_handle_manifest,
			     METHOD(GET) | METHOD(HEAD) | METHOD(PUT) | METHOD(DELETE),
			     "GET, HEAD, PUT, DELETE" },
	[ROUTE_UPLOADS] = { registry_handle_uploads, METHOD(POST), "POST" },
	[ROUTE_UPLOAD] = { registry_handle_upload,
			   METHOD(GET) | METHOD(PATCH) | METHOD(PUT) | METHOD(DELETE),
			   "GET, PATCH, PUT, DELETE" },
	[ROUTE_TAGS] = { registry_handle_tags, METHOD(GET) | METHOD(HEAD), "GET, HEAD" },
	[ROUTE_CATALOG] = { registry_handle_catalog, METHOD(GET) | METHOD(HEAD), "GET, HEAD",
			    true },
	[ROUTE_REFERRERS] = { registry_handle_referrers, METHOD(GET) | METHOD(HEAD), "GET, HEAD" },
};

/* Cuts "/last" off `*path`; `*path` is empty when there is no slash. */
static struct str cut_last(struct str *path)
{
	ptrdiff_t slash = str_rchr(*path, '/');
	struct str last = str_skip(*path, (size_t)(slash + 1));
	*path = str_first(*path, slash < 0 ? 0 : (size_t)slash);
	return last;
}

/* From the end, because names may hold the words too: "a/blobs/manifests/latest". */
static enum route find_route(struct str path, struct str *repository, struct str *reference)
{
	if (str_eq(path, STR("/v2/")) || str_eq(path, STR("/v2")))
		return ROUTE_PING;
	struct str name = str_skip(path, STR("/v2/").len);
	if (str_eq(name, STR("_catalog")))
		return ROUTE_CATALOG;
	*reference = cut_last(&name);
	struct str word = cut_last(&name);
	*repository = name;
	if (str_eq(word, STR("manifests")))
		return ROUTE_MANIFEST;
	if (str_eq(word, STR("blobs")))
		return str_eq(*reference, STR("uploads")) ? ROUTE_UPLOADS : ROUTE_BLOB;
	if (str_eq(word, STR("tags")) && str_eq(*reference, STR("list")))
		return ROUTE_TAGS;
	if (str_eq(word, STR("referrers")))
		return ROUTE_REFERRERS;
	if (str_eq(word, STR("uploads")) && str_eq(cut_last(&name), STR("blobs"))) {
		*repository = name;
		return reference->len ? ROUTE_UPLOAD : ROUTE_UPLOADS;
	}
	return ROUTE_NONE;
}

static struct str copy_header(struct registry_call *c, const char *name)
{
	struct str value = http_exchange_header(c->x, name);
	return value.p ? arena_str(c->arena, value) : value;
}

static struct registry_call *new_call(struct registry_server *s, struct http_exchange *x)
{
	struct arena *a = http_exchange_arena(x);
	struct registry_call *c = arena_new(a, struct registry_call);
	*c = (struct registry_call){ .server = s, .x = x, .arena = a };
	c->method = http_exchange_method(x);
	c->range = copy_header(c, "Range");
	c->if_range = copy_header(c, "If-Range");
	c->if_none_match = copy_header(c, "If-None-Match");
	c->content_type = copy_header(c, "Content-Type");
	c->content_range = copy_header(c, "Content-Range");
	c->authorization = copy_header(c, "Authorization");
	c->host = copy_header(c, "Host");
	http_exchange_remote(x, c->remote, sizeof(c->remote));
	return c;
}

static enum registry_need need_of(enum route route, enum http_method m)
{
	switch (route) {
	case ROUTE_NONE:
	case ROUTE_PING:
		return REGISTRY_LOGIN;
	case ROUTE_CATALOG:
		return REGISTRY_LIST;
	case ROUTE_UPLOADS:
	case ROUTE_UPLOAD:
		return REGISTRY_PUSH;
	case ROUTE_BLOB:
	case ROUTE_MANIFEST:
	case ROUTE_TAGS:
	case ROUTE_REFERRERS:
		break;
	}
	return m == HTTP_DELETE ? REGISTRY_DELETE : m == HTTP_PUT ? REGISTRY_PUSH : REGISTRY_PULL;
}

static void dispatch(struct registry_call *c)
{
	struct str path;
	if (!http_decode(c->arena, http_exchange_path(c->x), false, &path)) {
		http_answer(c->x,
			    registry_error(400, "NAME_INVALID", "the path has a broken escape"));
		return;
	}
	enum route route = find_route(path, &c->repository, &c->reference);
	if (route == ROUTE_NONE) {
		http_answer(c->x, registry_error(404, "UNSUPPORTED", "there is no such endpoint"));
		return;
	}
	if (!(routes[route].methods & (1u << c->method))) {
		struct http_reply *r = registry_error(405, "UNSUPPORTED", "this endpoint has %s",
						      routes[route].allow);
		http_reply_header(r, "Allow", routes[route].allow);
		http_answer(c->x, r);
		return;
	}
	if (!routes[route].nameless && !oci_repository_name_ok(c->repository)) {
		http_answer(c->x, registry_error(400, "NAME_INVALID",
						 "\"" STR_FMT "\" is not a repository name",
						 STR_ARG(str_first(c->repository, 300))));
		return;
	}
	c->need = need_of(route, c->method);
	c->in_session = route == ROUTE_UPLOAD;
	if (!registry_refuse_early(c))
		routes[route].handle(c);
}

bool registry_server_wants(struct str path)
{
	return str_starts(path, STR("/v2/")) || str_eq(path, STR("/v2"));
}

/* Manifests that were asked for lately need no routing. */
static bool answer_from_cache(struct registry_server *s, struct http_exchange *x)
{
	enum http_method m = http_exchange_method(x);
	if ((m != HTTP_GET && m != HTTP_HEAD) || http_exchange_query(x).p)
		return false;
	struct oci_digest_text etag;
	bool open;
	struct http_reply *r = registry_cache_find(s->cache, http_exchange_path(x),
						   catalog_generation(s->catalog), &etag, &open);
	if (r && !registry_may_have(s, x, open)) {
		http_reply_unref(r);
		r = NULL;
	}
	if (!r)
		return false;
	struct str known = http_exchange_header(x, "If-None-Match");
	if (known.p && registry_etag_matches(known, &etag)) {
		http_reply_unref(r);
		r = registry_not_modified(&etag);
	}
	http_answer(x, r);
	return true;
}

void registry_server_handle(struct registry_server *s, struct http_exchange *x)
{
	if (!answer_from_cache(s, x))
		dispatch(new_call(s, x));
}

static struct err *ping(struct registry_call *c, struct http_reply **out)
{
	*out = http_reply_new(200, mem_strdup("{}"), 2);
	http_reply_header(*out, "Content-Type", "application/json");
	http_reply_header(*out, "Docker-Distribution-API-Version", "registry/2.0");
	return NULL;
}

void registry_handle_ping(struct registry_call *c)
{
	registry_defer(c, ping);
}
