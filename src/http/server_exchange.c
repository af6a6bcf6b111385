/* One request after another on a connection, as libmicrohttpd tells of them.
 *
 * HEAD -> BODY -> FULL, or HEAD -> FULL without a body. The handler runs when the body begins, or
 * in FULL when there is none: an answer queued at the head would end the connection. An exchange is
 * freed when libmicrohttpd has forgotten it and its last job is through. */
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "http/server_priv.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define LIST_BYTES  ((size_t)32 << 10) /* a whole head is not longer */

static void exchange_free(struct http_exchange *x)
{
	http_body_done(&x->body);
	http_reply_unref(x->reply);
	arena_free(x->arena);
	mutex_done(&x->lock);
	free(x);
}

/* "http://host/path" is "/path". */
static const char *without_authority(const char *target)
{
	if (target[0] == '/' || strncmp(target, "http://", 7) != 0)
		return target;
	const char *slash = strchr(target + 7, '/');
	return slash ? slash : "/";
}

void *http_exchange_begin(void *server, const char *target, struct MHD_Connection *conn)
{
	const char *t = without_authority(target ? target : "");
	size_t len = strlen(t);
	struct http_exchange *x = mem_zalloc(sizeof(*x) + len + 1);
	memcpy(x->target, t, len);
	x->server = server;
	x->conn = conn;
	x->link = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	mutex_init(&x->lock);
	const char *query = memchr(x->target, '?', len);
	x->path_len = query ? (size_t)(query - x->target) : len;
	if (query) {
		x->query = query + 1;
		x->query_len = len - x->path_len - 1;
	}
	return x;
}

static enum http_method method_of(const char *name)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum http_method)i;
	return HTTP_OTHER;
}

static enum MHD_Result note_header(void *arg, enum MHD_ValueKind kind, const char *name,
				   const char *text)
{
	struct http_exchange *x = arg;
	struct str value = str_of(text);
	switch (name[0] | 0x20) {
	case 'a': /* of two, another reader could take the other one */
		if (!str_eq_nocase(str_of(name), STR("authorization")))
			break;
		x->bad |= x->seen_authorization;
		x->seen_authorization = true;
		break;
	case 'c':
		if (!str_eq_nocase(str_of(name), STR("content-length")))
			break;
		x->bad |=
			x->has_body || x->seen_length || !str_to_u64(value, INT64_MAX, &x->length);
		x->seen_length = true;
		x->has_body = x->length > 0;
		break;
	case 't':
		if (!str_eq_nocase(str_of(name), STR("transfer-encoding")))
			break;
		x->bad |= x->chunked || !str_eq_nocase(value, STR("chunked"));
		x->chunked = true;
		break;
	case 'e':
		if (str_eq_nocase(str_of(name), STR("expect")))
			x->expects_continue = str_eq_nocase(value, STR("100-continue"));
		break;
	default:
		break;
	}
	return MHD_YES;
}

static void run_handler(struct http_exchange *x)
{
	x->handled = true;
	x->server->o.handle(x->server->o.arg, x);
}

static enum MHD_Result send_reply(struct http_exchange *x, struct http_reply *r)
{
	if (r->stream)
		http_stream_attach(r->stream, x);
	enum MHD_Result ok = MHD_queue_response(x->conn, r->status, r->mhd);
	http_reply_unref(r);
	return ok;
}

static enum MHD_Result send_or_wait(struct http_exchange *x)
{
	mutex_lock(&x->lock);
	struct http_reply *r = move(x->reply);
	if (!r)
		http_exchange_suspend_locked(x);
	mutex_unlock(&x->lock);
	return r ? send_reply(x, r) : MHD_YES;
}

/* A client that waits for "100 Continue", or is about to send more than we read for nothing, has
 * its refusal at once; the connection ends with it. */
static enum MHD_Result refuse_early(struct http_exchange *x)
{
	mutex_lock(&x->lock);
	bool early = x->expects_continue || x->length > HTTP_DROP_BYTES;
	struct http_reply *r = early ? move(x->reply) : NULL;
	mutex_unlock(&x->lock);
	return r ? send_reply(x, r) : MHD_YES;
}

static enum MHD_Result head_is_in(struct http_exchange *x, const char *method)
{
	x->method = method_of(method);
	atomic_store_explicit(&x->link->idle_since_ms, 0, memory_order_relaxed);
	MHD_get_connection_values(x->conn, MHD_HEADER_KIND, note_header, x);
	if (x->bad || (x->chunked && x->seen_length))
		return send_reply(
			x, http_reply_text(400, "ambiguous message length or credentials\n"));
	x->has_body |= x->chunked;
	x->stage = x->has_body ? STAGE_BODY : STAGE_FULL;
	if (!x->has_body)
		return MHD_YES;
	run_handler(x);
	atomic_store(&x->link->in_body, true);
	return refuse_early(x);
}

enum MHD_Result http_exchange_step(void *server, struct MHD_Connection *conn, const char *url,
				   const char *method, const char *version, const char *data,
				   size_t *size, void **exchange)
{
	struct http_exchange *x = *exchange;
	switch (x->stage) {
	case STAGE_HEAD:
		return head_is_in(x, method);
	case STAGE_BODY:
		if (*size) {
			size_t before = *size;
			bool ok = http_body_take(x, data, size);
			atomic_fetch_add(&x->link->body_bytes, before - *size);
			atomic_store(&x->link->in_body, *size == 0);
			return ok ? MHD_YES : MHD_NO;
		}
		x->stage = STAGE_FULL;
		atomic_store(&x->link->in_body, false);
		http_body_finish(x, NULL);
		return send_or_wait(x);
	case STAGE_FULL:
		if (!x->handled)
			run_handler(x);
		return send_or_wait(x);
	}
	abort();
}

void http_exchange_end(void *server, struct MHD_Connection *conn, void **exchange,
		       enum MHD_RequestTerminationCode code)
{
	struct http_exchange *x = *exchange;
	*exchange = NULL;
	if (!x)
		return;
	if (x->link) {
		http_stream_detach(x->server, x->link);
		atomic_store(&x->link->in_body, false);
		atomic_store_explicit(&x->link->idle_since_ms, time_mono_ms(),
				      memory_order_relaxed);
	}
	if (x->body.sink && !x->body.last)
		http_body_finish(x, err_new(ERR_CANCELED, "the client went away"));
	mutex_lock(&x->lock);
	x->gone = true;
	bool last = !x->jobs;
	mutex_unlock(&x->lock);
	if (last)
		exchange_free(x);
}

void http_exchange_suspend_locked(struct http_exchange *x)
{
	mutex_assert_held(&x->lock);
	x->suspended = true;
	MHD_suspend_connection(x->conn);
}

void http_exchange_job_added_locked(struct http_exchange *x)
{
	mutex_assert_held(&x->lock);
	x->jobs++;
	atomic_fetch_add(&x->server->n_jobs, 1);
}

void http_exchange_job_end_unlock(struct http_exchange *x)
{
	struct http_server *s = x->server;
	mutex_assert_held(&x->lock);
	x->jobs--;
	bool last = x->gone && !x->jobs;
	/* A body that waited for room; an answer that is waited for comes by http_answer(). */
	bool resume = x->suspended && x->stage == STAGE_BODY;
	struct MHD_Connection *conn = x->conn;
	if (resume)
		x->suspended = false;
	mutex_unlock(&x->lock);
	if (resume)
		MHD_resume_connection(conn);
	if (last)
		exchange_free(x);
	atomic_fetch_sub(&s->n_jobs, 1);
}

void http_answer(struct http_exchange *x, struct http_reply *r)
{
	mutex_lock(&x->lock);
	assert(!x->reply);
	bool resume = x->suspended, gone = x->gone;
	struct MHD_Connection *conn = x->conn;
	if (!gone)
		x->reply = r;
	x->suspended = false;
	mutex_unlock(&x->lock);
	if (resume)
		MHD_resume_connection(conn);
	if (gone)
		http_reply_unref(r);
}

static void deferred(void *arg)
{
	struct http_exchange *x = arg;
	x->job(x->job_arg, x);
	mutex_lock(&x->lock);
	http_exchange_job_end_unlock(x);
}

void http_defer(struct http_exchange *x, void (*job)(void *arg, struct http_exchange *x), void *arg)
{
	mutex_lock(&x->lock);
	x->job = job;
	x->job_arg = arg;
	http_exchange_job_added_locked(x);
	mutex_unlock(&x->lock);
	pool_add(x->server->o.pool, deferred, x);
}

void http_receive(struct http_exchange *x, const struct http_sink *sink, void *arg)
{
	x->body.sink = sink;
	x->body.arg = arg;
	if (x->stage == STAGE_FULL)
		http_body_finish(x, NULL);
}

enum http_method http_exchange_method(const struct http_exchange *x)
{
	return x->method;
}

struct str http_exchange_path(const struct http_exchange *x)
{
	return x->path_len ? str_n(x->target + x->path_at, x->path_len) : STR("/");
}

void http_exchange_enter(struct http_exchange *x, struct str prefix)
{
	struct str path = http_exchange_path(x);
	if (!prefix.len || !str_starts(path, prefix) ||
	    (path.len > prefix.len && path.p[prefix.len] != '/'))
		return;
	x->path_at += prefix.len;
	x->path_len -= prefix.len;
}

struct str http_exchange_query(const struct http_exchange *x)
{
	return str_n(x->query, x->query_len);
}

struct str http_exchange_header(const struct http_exchange *x, const char *name)
{
	return str_of(MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, name));
}

static bool peer_of(const struct http_exchange *x, struct http_address *out)
{
	char text[80];
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = i ? i->client_addr : NULL;
	socklen_t len = sa && sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
							: sizeof(struct sockaddr_in);
	if (!sa || getnameinfo(sa, len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
		return false;
	struct str s = str_of(text);
	return http_address_parse(str_cut(&s, '%'), out); /* without the interface */
}

/* A header that may stand there several times is one list. */
struct list {
	const char *name;
	struct buf b;
};

static enum MHD_Result gather_list(void *arg, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct list *l = arg;
	if (!str_eq_nocase(str_of(name), str_of(l->name)))
		return MHD_YES;
	if (l->b.len)
		buf_add_c(&l->b, ',');
	buf_add(&l->b, str_of(value));
	return MHD_YES;
}

static struct http_address client_of(const struct http_exchange *x, const struct http_address *peer)
{
	const struct http_server_options *o = &x->server->o;
	struct http_address client = *peer;
	struct list xff = { "X-Forwarded-For", { 0 } }, forwarded = { "Forwarded", { 0 } };
	buf_init(&xff.b, LIST_BYTES);
	buf_init(&forwarded.b, LIST_BYTES);
	MHD_get_connection_values(x->conn, MHD_HEADER_KIND, gather_list, &xff);
	MHD_get_connection_values(x->conn, MHD_HEADER_KIND, gather_list, &forwarded);
	if (!xff.b.over && !forwarded.b.over)
		client = http_forwarded_client(o->trusted, o->n_trusted, peer, buf_str(&xff.b),
					       buf_str(&forwarded.b));
	buf_done(&xff.b);
	buf_done(&forwarded.b);
	return client;
}

void http_exchange_remote(const struct http_exchange *x, char *out, size_t size)
{
	struct http_address peer;
	if (!peer_of(x, &peer)) {
		snprintf(out, size, "?");
		return;
	}
	struct http_address client = x->server->o.n_trusted ? client_of(x, &peer) : peer;
	snprintf(out, size, "%s", http_address_text(&client).s);
}

bool http_exchange_has_body(const struct http_exchange *x)
{
	return x->has_body;
}

bool http_exchange_length(const struct http_exchange *x, uint64_t *len)
{
	*len = x->length;
	return !x->chunked;
}

struct arena *http_exchange_arena(struct http_exchange *x)
{
	if (!x->arena)
		x->arena = arena_open(ARENA_BYTES);
	return x->arena;
}
