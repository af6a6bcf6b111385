#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"
#include "http/raw_test.h"
#include "http/server.h"

/* A counter that threads raise; each stream tells its numbers in order: "1\n2\n3\n…". */
#define MOST_STREAMS 300

struct fixture {
	struct pool *pool;
	struct http_server *server;
	const char *address;
	atomic_uint told;  /* numbers up to it are there */
	atomic_uint limit; /* the stream ends behind it */
	atomic_uint n_begun, n_ended, n_fills_at_once_wrong;
	struct mutex lock; /* guards all below */
	struct feed *feeds[MOST_STREAMS];
	size_t n_feeds;
};

struct feed {
	struct fixture *f;
	struct http_stream *stream;
	atomic_uint sent;
	atomic_int inside;
	bool flood; /* bytes without end */
};

static size_t feed_fill(void *arg, char *p, size_t len, bool *end)
{
	struct feed *d = arg;
	if (atomic_fetch_add(&d->inside, 1))
		atomic_fetch_add(&d->f->n_fills_at_once_wrong, 1);
	size_t n = 0;
	unsigned told = atomic_load(&d->f->told), limit = atomic_load(&d->f->limit);
	if (d->flood) {
		memset(p, 'x', len);
		n = len;
	}
	while (!d->flood && d->sent < told && len - n > 16)
		n += (size_t)snprintf(p + n, len - n, "%u\n", ++d->sent);
	*end = d->sent >= limit;
	atomic_fetch_sub(&d->inside, 1);
	return n;
}

static void feed_end(void *arg)
{
	struct feed *d = arg;
	if (atomic_load(&d->inside))
		atomic_fetch_add(&d->f->n_fills_at_once_wrong, 1);
	mutex_lock(&d->f->lock);
	for (size_t i = 0; i < d->f->n_feeds; i++)
		if (d->f->feeds[i] == d)
			d->f->feeds[i] = d->f->feeds[--d->f->n_feeds];
	mutex_unlock(&d->f->lock);
	http_stream_unref(d->stream);
	atomic_fetch_add(&d->f->n_ended, 1);
	free(d);
}

static const struct http_source feed_source = { .fill = feed_fill, .end = feed_end };

static void answer_feed(void *arg, struct http_exchange *x)
{
	struct fixture *f = arg;
	struct feed *d = mem_new(struct feed);
	d->f = f;
	d->flood = str_eq(http_exchange_path(x), STR("/flood"));
	struct http_reply *r = http_reply_stream(200, &feed_source, d, &d->stream);
	mutex_lock(&f->lock);
	f->feeds[f->n_feeds++] = d;
	mutex_unlock(&f->lock);
	atomic_fetch_add(&f->n_begun, 1);
	http_answer(x, r);
}

static void handle(void *arg, struct http_exchange *x)
{
	if (str_eq(http_exchange_path(x), STR("/plain")))
		http_answer(x, http_reply_text(200, "hello"));
	else
		http_defer(x, answer_feed, arg);
}

static void wake_all(struct fixture *f)
{
	hold(&f->lock);
	for (size_t i = 0; i < f->n_feeds; i++)
		http_stream_wake(f->feeds[i]->stream);
}

static void tell(struct fixture *f)
{
	atomic_fetch_add(&f->told, 1);
	wake_all(f);
}

static void start(struct fixture *f)
{
	*f = (struct fixture){ .limit = UINT32_MAX };
	mutex_init(&f->lock);
	EXPECT_OK(pool_open("test", 4, &f->pool));
	struct http_server_options o = {
		.listen = "127.0.0.1:0", .handle = handle, .arg = f, .pool = f->pool, .idle_s = 20
	};
	EXPECT_OK(http_server_open(&o, &f->server));
	f->address = http_server_address(f->server);
}

static void stop(struct fixture *f)
{
	http_server_free(f->server);
	pool_free(f->pool);
	EXPECT(atomic_load(&f->n_begun) == atomic_load(&f->n_ended));
	EXPECT(atomic_load(&f->n_fills_at_once_wrong) == 0);
	mutex_done(&f->lock);
}

static bool soon(atomic_uint *n, unsigned want)
{
	for (int i = 0; i < 1000 && atomic_load(n) != want; i++)
		usleep(10000);
	return atomic_load(n) == want;
}

static int ask(struct fixture *f, const char *path)
{
	int fd = raw_connect(f->address);
	own_mem char *text = mem_printf("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	EXPECT(raw_say(fd, text));
	return fd;
}

/* Reads the numbers of a chunked body from `from` to `to`, passing over head and chunk sizes: only
 * what stands behind a "\r\n" of a chunk's head counts. */
struct reader {
	int fd;
	char buf[8192];
	size_t at, n;
	bool closed;
};

static int next_byte(struct reader *r)
{
	if (r->at == r->n) {
		ssize_t got = recv(r->fd, r->buf, sizeof(r->buf), 0);
		if (got <= 0) {
			r->closed = true;
			return -1;
		}
		r->at = 0;
		r->n = (size_t)got;
	}
	return (unsigned char)r->buf[r->at++];
}

/* A line without its end; false when the connection ended. */
static bool next_line(struct reader *r, char *line, size_t size)
{
	size_t n = 0;
	for (int c; (c = next_byte(r)) != '\n';) {
		if (c < 0)
			return false;
		if (n < size - 1)
			line[n++] = (char)c;
	}
	line[n] = '\0';
	return true;
}

static bool skip_head(struct reader *r)
{
	char line[256];
	while (next_line(r, line, sizeof(line)))
		if (strcmp(line, "\r") == 0)
			return true;
	return false;
}

/* The next chunk; its length, or -1. 0 is the end of the body. */
static ssize_t next_chunk(struct reader *r, char *out, size_t size)
{
	char line[64];
	if (!next_line(r, line, sizeof(line)))
		return -1;
	size_t len = strtoull(line, NULL, 16);
	for (size_t i = 0; i < len + 2; i++) {
		int c = next_byte(r);
		if (c < 0)
			return -1;
		if (i < len && i < size - 1)
			out[i] = (char)c;
	}
	out[MIN(len, size - 1)] = '\0';
	return (ssize_t)len;
}

/* True when the numbers from *at + 1 to `to` came in order. */
static bool read_numbers(struct reader *r, unsigned *at, unsigned to)
{
	static _Thread_local char chunk[40000], rest[32];
	if (!*at)
		rest[0] = '\0';
	while (*at < to) {
		if (next_chunk(r, chunk, sizeof(chunk)) <= 0)
			return false;
		for (char *p = chunk; *p; p++) {
			size_t n = strlen(rest);
			if (*p != '\n' && n < sizeof(rest) - 1) {
				rest[n] = *p;
				rest[n + 1] = '\0';
				continue;
			}
			if (strtoul(rest, NULL, 10) != *at + 1)
				return false;
			++*at;
			rest[0] = '\0';
		}
	}
	return *at == to;
}

TEST(many_streams_bring_all_in_order)
{
	struct fixture f;
	start(&f);
	static struct reader r[100];
	unsigned at[ARRAY_LEN(r)] = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		r[i] = (struct reader){ .fd = ask(&f, "/feed") };
	EXPECT(soon(&f.n_begun, ARRAY_LEN(r)));
	for (unsigned round = 1; round <= 20; round++) {
		tell(&f);
		for (size_t i = 0; i < ARRAY_LEN(r); i++) {
			EXPECT(round > 1 || skip_head(&r[i]));
			EXPECT(read_numbers(&r[i], &at[i], round));
		}
	}
	atomic_store(&f.limit, 20);
	wake_all(&f);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		char chunk[16];
		EXPECT(next_chunk(&r[i], chunk, sizeof(chunk)) == 0);
	}
	/* the connection is good for more */
	EXPECT(raw_say(r[0].fd, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"));
	done(raw_answer) a = raw_read(r[0].fd, false);
	EXPECT_STR(str_of(a.body), "hello");
	EXPECT(soon(&f.n_ended, ARRAY_LEN(r)));
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		close(r[i].fd);
	stop(&f);
}

static void *tell_often(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		tell(arg);
		if (i % 64 == 0)
			usleep(100);
	}
	return NULL;
}

TEST(no_wake_is_lost)
{
	struct fixture f;
	pthread_t t[4];
	start(&f);
	static struct reader r[8];
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		r[i] = (struct reader){ .fd = ask(&f, "/feed") };
	EXPECT(soon(&f.n_begun, ARRAY_LEN(r)));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		EXPECT_OK(thread_start(&t[i], "tell", tell_often, &f));
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		unsigned at = 0;
		EXPECT(skip_head(&r[i]));
		EXPECT(read_numbers(&r[i], &at, 5000 * ARRAY_LEN(t)));
	}
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		close(r[i].fd);
	EXPECT(soon(&f.n_ended, ARRAY_LEN(r)));
	stop(&f);
}

TEST(a_slow_reader_holds_nobody_up)
{
	struct fixture f;
	start(&f);
	own_fd slow = ask(&f, "/flood"), other = ask(&f, "/feed");
	EXPECT(soon(&f.n_begun, 2));
	usleep(200000); /* its socket is full by now */
	tell(&f);
	static struct reader r;
	unsigned at = 0;
	r = (struct reader){ .fd = other };
	EXPECT(skip_head(&r));
	EXPECT(read_numbers(&r, &at, 1));
	static struct reader s;
	static char chunk[40000];
	s = (struct reader){ .fd = slow };
	EXPECT(skip_head(&s));
	for (int i = 0; i < 1000; i++)
		EXPECT(next_chunk(&s, chunk, sizeof(chunk)) > 0);
	stop(&f);
}

TEST(readers_that_vanish_end_their_streams)
{
	struct fixture f;
	start(&f);
	for (unsigned i = 0; i < 40; i++) {
		int fd = ask(&f, i % 2 ? "/feed" : "/flood");
		if (i % 4 > 1) /* else it goes while the request comes */
			usleep(20000);
		if (i % 8 > 3) /* a reset, not an end */
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 },
				   sizeof(struct linger));
		close(fd);
	}
	for (int i = 0; i < 1000 && atomic_load(&f.n_ended) < atomic_load(&f.n_begun); i++)
		usleep(10000);
	EXPECT(atomic_load(&f.n_ended) == atomic_load(&f.n_begun));
	EXPECT(atomic_load(&f.n_begun) >= 20);
	stop(&f);
}

TEST(stop_ends_streams_at_once)
{
	struct fixture f;
	start(&f);
	int fds[40];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = ask(&f, i % 3 ? "/feed" : "/flood");
	EXPECT(soon(&f.n_begun, ARRAY_LEN(fds)));
	tell(&f);
	uint64_t began = time_mono_ms();
	http_server_stop(f.server, 300);
	EXPECT(atomic_load(&f.n_ended) == ARRAY_LEN(fds));
	EXPECT(time_mono_ms() - began < 9000); /* not the time that connections get to end */
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	stop(&f);
}

TEST(a_stopping_server_tells_idle_streams_the_end)
{
	struct fixture f;
	start(&f);
	static struct reader r;
	char chunk[16];
	r = (struct reader){ .fd = ask(&f, "/feed") };
	EXPECT(soon(&f.n_begun, 1));
	usleep(50000);
	http_server_stop(f.server, 2000);
	EXPECT(skip_head(&r));
	EXPECT(next_chunk(&r, chunk, sizeof(chunk)) == 0);
	close(r.fd);
	stop(&f);
}

TEST(a_head_request_and_an_unsent_reply_end_too)
{
	struct fixture f;
	start(&f);
	own_fd fd = raw_connect(f.address);
	EXPECT(raw_say(fd, "HEAD /feed HTTP/1.1\r\nHost: a\r\n\r\n"));
	done(raw_answer) a = raw_read(fd, true);
	EXPECT(a.status == 200);
	EXPECT(soon(&f.n_ended, 1));
	struct feed *d = mem_new(struct feed);
	d->f = &f;
	struct http_reply *r = http_reply_stream(200, &feed_source, d, &d->stream);
	atomic_fetch_add(&f.n_begun, 1);
	http_stream_wake(d->stream);
	http_reply_unref(r);
	EXPECT(atomic_load(&f.n_ended) == 2);
	stop(&f);
}
