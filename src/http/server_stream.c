/* Bodies that come over time.
 *
 * 1. fill() runs on the pool, one call at a time, into a buffer that exists only while it holds
 *    something; the poll thread copies out of it. A stream that is silent is a suspended connection
 *    and this struct.
 * 2. `wanted` says that somebody called http_stream_wake() since the last fill() began, so no wake
 *    is lost: whoever finds nothing to send looks at it before the connection sleeps.
 * 3. Who sets `suspended` to false resumes the connection, after unlocking: it cannot go away while
 *    it is suspended.
 * 4. `gone` is set when libmicrohttpd has freed the response. end() follows, when no fill() runs.
 * 5. libmicrohttpd does not look at suspended connections, so the reaper looks whether their
 * clients are there, and wakes each stream every HTTP_STREAM_BEAT_MS. Lock order: http_server.lock,
 * then http_stream.lock. */
#include <poll.h>
#include <stdlib.h>

#include "base/time.h"
#include "http/server_priv.h"

#define BUFFER_BYTES ((size_t)32 << 10)
#define BLOCK_BYTES  4096 /* for clients of HTTP/1.0 only */

struct http_stream {
	atomic_uint refs;
	const struct http_source *source;
	void *arg;
	uint64_t beat_ms; /* the reaper's: when it is woken next */

	struct mutex lock;           /* guards all below */
	struct http_server *server;  /* borrowed; NULL until it is sent */
	struct MHD_Connection *conn; /* borrowed; valid until `gone` */
	char *buf;                   /* owned; NULL when there is nothing to send */
	size_t at, n;
	bool wanted, filling, suspended;
	bool last;   /* no more comes after `buf` */
	bool broken; /* the client is not there: not even `buf` is sent */
	bool gone;
};

static struct http_stream *stream_ref(struct http_stream *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void http_stream_unref(struct http_stream *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
		return;
	free(s->buf);
	mutex_done(&s->lock);
	free(s);
}

/* ---- on the pool ---- */

/* One fill() and what follows from it. False: nothing came, and nobody asks for more. */
static bool fill_once(struct http_stream *s)
{
	bool end = false;
	char *p = mem_grow(NULL, BUFFER_BYTES, 1);
	size_t n = s->source->fill(s->arg, p, BUFFER_BYTES, &end);
	if (n && n < BUFFER_BYTES)
		p = mem_grow(p, n, 1);
	hold(&s->lock);
	s->last |= end;
	if (n && !s->gone) {
		s->buf = p;
		s->at = 0;
		s->n = n;
		return false;
	}
	free(p);
	bool again = s->wanted && !s->last && !s->gone;
	if (again)
		s->wanted = false;
	return again;
}

static void fill_job(void *arg)
{
	struct http_stream *s = arg;
	while (fill_once(s))
		;
	mutex_lock(&s->lock);
	/* A wake between the end of the loop and here finds `filling` set and leaves it to us. */
	bool again = !s->buf && s->wanted && !s->last && !s->gone;
	bool resume = !again && s->suspended && (s->buf || s->last || s->broken);
	struct http_server *server = s->server;
	struct MHD_Connection *conn = s->conn;
	bool gone = s->gone;
	if (again)
		s->wanted = false;
	s->filling = again;
	if (resume)
		s->suspended = false;
	mutex_unlock(&s->lock);
	if (again) {
		pool_add(server->o.pool, fill_job, s); /* the reference and the job go on */
		return;
	}
	if (resume)
		MHD_resume_connection(conn);
	if (gone)
		s->source->end(s->arg);
	http_stream_unref(s);
	atomic_fetch_sub(&server->n_jobs, 1);
}

static void end_job(void *arg)
{
	struct http_stream *s = arg;
	struct http_server *server = s->server;
	s->source->end(s->arg);
	http_stream_unref(s);
	atomic_fetch_sub(&server->n_jobs, 1);
}

static void add_job(struct http_stream *s, void (*job)(void *arg))
{
	atomic_fetch_add(&s->server->n_jobs, 1);
	pool_add(s->server->o.pool, job, stream_ref(s));
}

/* Begins a fill() if one is wanted and possible. */
static bool start_locked(struct http_stream *s)
{
	mutex_assert_held(&s->lock);
	if (!s->wanted || s->filling || s->buf || s->last || s->broken || s->gone || !s->server)
		return false;
	s->wanted = false;
	s->filling = true;
	return true;
}

void http_stream_wake(struct http_stream *s)
{
	mutex_lock(&s->lock);
	s->wanted = true;
	/* While the connection is awake, the poll thread comes by itself. */
	bool start = s->suspended && start_locked(s);
	mutex_unlock(&s->lock);
	if (start)
		add_job(s, fill_job);
}

/* ---- on the poll thread ---- */

static size_t copy_locked(struct http_stream *s, char *p, size_t max)
{
	mutex_assert_held(&s->lock);
	size_t n = MIN(max, s->n - s->at);
	memcpy(p, s->buf + s->at, n);
	s->at += n;
	if (s->at == s->n) {
		free(s->buf);
		s->buf = NULL;
		s->at = s->n = 0;
		s->wanted = true; /* fill() says itself when there is no more */
	}
	return n;
}

static ssize_t on_read(void *arg, uint64_t pos, char *p, size_t max)
{
	struct http_stream *s = arg;
	mutex_lock(&s->lock);
	ssize_t r = 0;
	bool start = false;
	if (s->broken) {
		r = MHD_CONTENT_READER_END_WITH_ERROR;
	} else if (s->buf) {
		r = (ssize_t)copy_locked(s, p, max);
	} else if (s->last && !s->filling) {
		r = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		start = start_locked(s);
		s->suspended = true;
		MHD_suspend_connection(s->conn);
	}
	mutex_unlock(&s->lock);
	if (start)
		add_job(s, fill_job);
	return r;
}

/* The response is no more, sent or not. */
static void on_free(void *arg)
{
	struct http_stream *s = arg;
	mutex_lock(&s->lock);
	s->gone = true;
	bool end = !s->filling; /* else the job does it */
	bool sent = s->server != NULL;
	free(s->buf);
	s->buf = NULL;
	mutex_unlock(&s->lock);
	if (end && sent)
		add_job(s, end_job);
	else if (end)
		s->source->end(s->arg);
	http_stream_unref(s);
}

struct http_reply *http_reply_stream(unsigned status, const struct http_source *source, void *arg,
				     struct http_stream **out)
{
	struct http_stream *s = mem_new(struct http_stream);
	s->refs = 2; /* the caller's, and the response's */
	s->source = source;
	s->arg = arg;
	s->wanted = true;
	mutex_init(&s->lock);
	struct MHD_Response *mhd = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
								     on_read, s, on_free);
	struct http_reply *r = http_reply_of(status, mhd);
	r->stream = s;
	*out = s;
	return r;
}

/* ---- as part of a connection ---- */

static void end_stream(struct http_stream *s, bool broken)
{
	mutex_lock(&s->lock);
	s->last = true;
	s->broken |= broken;
	bool resume = s->suspended && !s->filling; /* else the job does it */
	struct MHD_Connection *conn = s->conn;
	if (resume)
		s->suspended = false;
	mutex_unlock(&s->lock);
	if (resume)
		MHD_resume_connection(conn);
}

void http_stream_attach(struct http_stream *s, struct http_exchange *x)
{
	struct http_server *server = x->server;
	mutex_lock(&s->lock);
	s->server = server;
	s->conn = x->conn;
	mutex_unlock(&s->lock);
	mutex_lock(&server->lock);
	x->link->stream = stream_ref(s);
	s->beat_ms = time_mono_ms() + HTTP_STREAM_BEAT_MS;
	bool end = server->no_streams;
	mutex_unlock(&server->lock);
	if (end)
		end_stream(s, false);
}

void http_stream_detach(struct http_server *server, struct link *l)
{
	mutex_lock(&server->lock);
	struct http_stream *s = move(l->stream);
	mutex_unlock(&server->lock);
	http_stream_unref(s);
}

void http_stream_look_locked(struct http_server *server, struct link *l, uint64_t now)
{
	mutex_assert_held(&server->lock);
	struct http_stream *s = l->stream;
	struct pollfd p = { .fd = l->fd, .events = POLLRDHUP };
	if (!s)
		return;
	if (poll(&p, 1, 0) == 1 && p.revents & (POLLRDHUP | POLLHUP | POLLERR)) {
		end_stream(s, true);
	} else if (now >= s->beat_ms) {
		s->beat_ms = now + HTTP_STREAM_BEAT_MS;
		http_stream_wake(s);
	}
}

void http_stream_end_all(struct http_server *server, bool broken)
{
	hold(&server->lock);
	server->no_streams = true;
	for (struct link *l = server->links; l; l = l->next)
		if (l->stream)
			end_stream(l->stream, broken);
}
