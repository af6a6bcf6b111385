/* The HTTP server, over libmicrohttpd; knows no OCI.
 *
 * 1. Requests come in on poll threads, an epoll set each. The handler runs there and must not
 *    block: what may block goes to the pool by http_defer() or http_receive(), the connection
 *    suspended meanwhile.
 * 2. The handler makes exactly one of http_answer(), http_defer() and http_receive() happen; who
 *    took over sees to it that http_answer() is called exactly once.
 * 3. A body that nobody receives is read and dropped before the answer is sent, so that the client
 *    gets to see it; at most HTTP_DROP_BYTES, then the connection is closed.
 * 4. Framing that two readers could understand differently (two lengths, a length beside a transfer
 *    coding, unknown codings), and a second Authorization header, are answered by 400 and end the
 *    connection.
 * 5. Slow peers are cut off: a request head has `idle_s` from the end of the answer before it, a
 *    body has to bring HTTP_BODY_LEAST_RATE bytes per second. */
#ifndef KILN_HTTP_SERVER_H
#define KILN_HTTP_SERVER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/thread.h"
#include "http/forwarded.h"

#define HTTP_DROP_BYTES      ((uint64_t)8 << 20)
#define HTTP_BODY_LEAST_RATE 128u /* bytes per second, over half a minute */

struct http_server;
struct http_exchange; /* one request and its answer */
struct http_reply;    /* an answer, counted; the same may answer any number of requests */

struct http_server_options {
	const char *listen; /* "HOST:PORT", "[::1]:0"; port 0 takes a free one */
	void (*handle)(void *arg, struct http_exchange *x);
	void *arg;
	struct pool *pool;                  /* borrowed; outlives the server */
	unsigned n_threads;                 /* 0: one per processor, at least two */
	unsigned max_connections;           /* 0: 8192; more wait in the backlog */
	unsigned idle_s;                    /* 0: 60 */
	const struct http_network *trusted; /* borrowed; proxies whose word counts */
	size_t n_trusted;
};

/* ERR_INVALID when `listen` is not written HOST:PORT. */
struct err *http_server_check_listen(const char *listen);
/* Starts to answer at once. ERR_INVALID when `listen` is no address, ERR_UNAVAILABLE when it is
 * taken. */
struct err *http_server_open(const struct http_server_options *o, struct http_server **out);
/* The address that is bound, as it stands in a URL: "127.0.0.1:8080", "[::1]:43251". */
const char *http_server_address(const struct http_server *s);
/* Takes no more connections, lets requests finish for `grace_ms`, then cuts them off. Returns when
 * no handler and no job runs any more. Once, before http_server_free(). */
void http_server_stop(struct http_server *s, uint64_t grace_ms);
void http_server_free(struct http_server *s); /* stops it without grace if nobody did */
OWN_DECLARE(http_server);

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OTHER,
};

enum http_method http_exchange_method(const struct http_exchange *x);
/* As they came, not decoded; {NULL, 0} for no query. Valid as long as the exchange. */
struct str http_exchange_path(const struct http_exchange *x);
struct str http_exchange_query(const struct http_exchange *x);
/* If the path begins with the segments `prefix` ("/kiln", or ""), it is from now on what follows:
 * "/v2/", or "/" for the prefix alone. For a server behind a proxy that passes its own path on. */
void http_exchange_enter(struct http_exchange *x, struct str prefix);
/* The first header of that name, {NULL, 0} if absent. In the handler only; not in jobs. */
struct str http_exchange_header(const struct http_exchange *x, const char *name);
/* The client's address without port, NUL-terminated: "127.0.0.1", "::1"; the peer's, or what a
 * trusted proxy says. In the handler only. */
void http_exchange_remote(const struct http_exchange *x, char *out, size_t size);
/* The announced length; false when the body comes in chunks. */
bool http_exchange_length(const struct http_exchange *x, uint64_t *len);
/* Memory that goes with the exchange; for the handler and its jobs, which never overlap. */
struct arena *http_exchange_arena(struct http_exchange *x);

/* Cuts the next "name=value" off a raw query, decoded; false at the end. Broken ones are skipped.
 */
bool http_query_next(struct arena *a, struct str *rest, struct str *name, struct str *value);
/* The first value of `name`; false if absent. */
bool http_query_get(struct http_exchange *x, struct str name, struct str *value);

/* Sends `r` (taken over). From any thread; `x` must not be used after it. */
void http_answer(struct http_exchange *x, struct http_reply *r);
/* Runs `job` on the pool. */
void http_defer(struct http_exchange *x, void (*job)(void *arg, struct http_exchange *x),
		void *arg);

struct http_sink {
	/* Before the first byte; may be NULL. */
	struct err *(*begin)(void *arg);
	/* The next bytes. */
	struct err *(*write)(void *arg, const void *p, size_t len);
	/* Once, after the last byte (e is NULL) or the first failure, which is taken over; a client
	 * that went away is ERR_CANCELED. Answers, frees `arg`. */
	void (*end)(void *arg, struct http_exchange *x, struct err *e);
};
/* Gives the body to `sink`, on the pool, one call at a time. Works without a body too. */
void http_receive(struct http_exchange *x, const struct http_sink *sink, void *arg);

/* Replies. The body goes over to the reply (freed by free()); may be NULL when `len` is 0. */
struct http_reply *http_reply_new(unsigned status, char *body, size_t len);
struct http_reply *http_reply_text(unsigned status, const char *body); /* copied; text/plain */
/* `body` stays where it is, and outlives the reply. */
struct http_reply *http_reply_borrowed(unsigned status, const void *body, size_t len);
/* `len` bytes of a regular file from `offset`, by sendfile(2); `fd` is taken over. */
struct http_reply *http_reply_file(unsigned status, int fd, uint64_t offset, uint64_t len);
/* A body that comes over time: server-sent events. */
struct http_source {
	/* Up to `len` bytes into `p`. 0 is "none now": the connection sleeps until
	 * http_stream_wake(), which may have come in the meantime. `*end` true: these were the
	 * last. On the pool, one call at a time. */
	size_t (*fill)(void *arg, char *p, size_t len, bool *end);
	/* Once, after the last fill(), whoever ended it. Frees `arg`. */
	void (*end)(void *arg);
};
/* A sleeping stream is woken every so often, so that fill() can end it or send a sign of life. */
#define HTTP_STREAM_BEAT_MS 3000
struct http_stream; /* counted */
/* Silence does not end a stream; a client that closes its side, takes nothing for `idle_s`, or a
 * server that stops does. The caller owns a reference to `*out`, for http_stream_wake(). Answers
 * one request only. */
struct http_reply *http_reply_stream(unsigned status, const struct http_source *source, void *arg,
				     struct http_stream **out);
/* There may be more. From any thread, also from within fill(); never blocks. */
void http_stream_wake(struct http_stream *s);
void http_stream_unref(struct http_stream *s);
/* Before the first use only. A value with control characters is dropped. */
void http_reply_header(struct http_reply *r, const char *name, const char *value);
void http_reply_headerf(struct http_reply *r, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
struct http_reply *http_reply_ref(struct http_reply *r);
void http_reply_unref(struct http_reply *r);

#endif
