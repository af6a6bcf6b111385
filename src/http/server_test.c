#include "http/server.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"
#include "http/raw_test.h"
#include "http/url.h"

struct fixture {
	struct pool *pool;
	struct http_server *server;
	const char *address;
	struct http_reply *prepared;
	atomic_uint n_ended, n_canceled;
	atomic_bool hold_writes;
};

struct upload {
	struct fixture *f;
	uint64_t n, sum;
	uint64_t fail_at; /* 0: never */
};

static struct err *upload_write(void *arg, const void *p, size_t len)
{
	struct upload *u = arg;
	while (atomic_load(&u->f->hold_writes))
		usleep(1000);
	for (size_t i = 0; i < len; i++)
		u->sum = u->sum * 31 + ((const uint8_t *)p)[i];
	u->n += len;
	if (u->fail_at && u->n >= u->fail_at)
		return err_new(ERR_UNAVAILABLE, "full");
	return NULL;
}

static void upload_end(void *arg, struct http_exchange *x, struct err *e)
{
	struct upload *u = arg;
	if (e && e->kind == ERR_CANCELED)
		atomic_fetch_add(&u->f->n_canceled, 1);
	own_mem char *text =
		e ? mem_strdup(e->what)
		  : mem_printf("%llu %llu", (unsigned long long)u->n, (unsigned long long)u->sum);
	http_answer(x, http_reply_text(e ? 503 : 200, text));
	atomic_fetch_add(&u->f->n_ended, 1);
	err_free(e);
	free(u);
}

static void slow_job(void *arg, struct http_exchange *x)
{
	usleep(20000);
	own_mem char *text = mem_printf(STR_FMT "|" STR_FMT, STR_ARG(http_exchange_path(x)),
					STR_ARG(http_exchange_query(x)));
	http_answer(x, http_reply_text(200, text));
}

static void send_file(struct http_exchange *x, uint64_t offset, uint64_t len)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	http_answer(x, http_reply_file(206, fd, offset, len));
}

static void handle(void *arg, struct http_exchange *x)
{
	static const struct http_sink sink = { .write = upload_write, .end = upload_end };
	struct fixture *f = arg;
	struct str path = http_exchange_path(x);
	if (str_eq(path, STR("/prepared"))) {
		http_answer(x, http_reply_ref(f->prepared));
	} else if (str_eq(path, STR("/file"))) {
		send_file(x, 1, 100000);
	} else if (str_eq(path, STR("/empty"))) {
		send_file(x, 0, 0);
	} else if (str_eq(path, STR("/refuse"))) {
		http_answer(x, http_reply_text(403, "no"));
	} else if (str_starts(path, STR("/up"))) {
		struct upload *u = mem_new(struct upload);
		u->f = f;
		u->fail_at = str_eq(path, STR("/up-fail")) ? 1000 : 0;
		http_receive(x, &sink, u);
	} else {
		http_defer(x, slow_job, f);
	}
}

static void start(struct fixture *f, const struct http_server_options *o)
{
	*f = (struct fixture){ .prepared = http_reply_text(200, "hello") };
	http_reply_header(f->prepared, "X-Test", "yes");
	EXPECT_OK(pool_open("test", 4, &f->pool));
	struct http_server_options all = o ? *o : (struct http_server_options){ .idle_s = 20 };
	all.listen = "127.0.0.1:0";
	all.handle = handle;
	all.arg = f;
	all.pool = f->pool;
	EXPECT_OK(http_server_open(&all, &f->server));
	f->address = http_server_address(f->server);
}

static void stop(struct fixture *f)
{
	http_server_stop(f->server, 100);
	http_server_free(f->server);
	pool_free(f->pool);
	http_reply_unref(f->prepared);
}

static uint64_t sum_of(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + p[i];
	return sum;
}

TEST(answers_on_one_connection_again_and_again)
{
	struct fixture f;
	start(&f, NULL);
	own_fd fd = raw_connect(f.address);
	for (int i = 0; i < 5; i++) {
		EXPECT(raw_say(fd, "GET /prepared HTTP/1.1\r\nHost: a\r\n\r\n"));
		done(raw_answer) a = raw_read(fd, false);
		EXPECT(a.status == 200);
		EXPECT_STR(str_of(a.body), "hello");
		EXPECT_STR(str_of(raw_header(&a, "X-Test")), "yes");
		EXPECT(raw_say(fd, "GET /later?a=%41&b HTTP/1.1\r\nHost: a\r\n\r\n"));
		done(raw_answer) b = raw_read(fd, false);
		EXPECT_STR(str_of(b.body), "/later|a=%41&b");
	}
	EXPECT(raw_say(fd, "HEAD /prepared HTTP/1.1\r\nHost: a\r\n\r\n"));
	done(raw_answer) h = raw_read(fd, true);
	EXPECT_STR(str_of(raw_header(&h, "Content-Length")), "5");
	EXPECT(raw_say(fd, "GET http://other/pre%70ared HTTP/1.1\r\nHost: a\r\n\r\n"));
	done(raw_answer) p = raw_read(fd, false);
	EXPECT_STR(str_of(p.body), "/pre%70ared|");
	stop(&f);
}

TEST(files_are_sent_from_an_offset)
{
	struct fixture f;
	start(&f, NULL);
	own_mem char *want = mem_zalloc(100000);
	size_t got;
	own_fd exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	EXPECT_OK(fd_pread_full(exe, want, 100000, 1, &got));
	done(raw_answer) a = raw_ask(f.address, "GET /file HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 0);
	EXPECT(a.status == 206 && a.len == 100000 && memcmp(a.body, want, a.len) == 0);
	done(raw_answer) e = raw_ask(f.address, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 0);
	EXPECT(e.status == 206 && e.len == 0);
	EXPECT_STR(str_of(raw_header(&e, "Content-Length")), "0");
	stop(&f);
}

static void expect_upload(struct fixture *f, const uint8_t *p, size_t len, bool chunked)
{
	own_fd fd = raw_connect(f->address);
	own_mem char *head =
		chunked ? mem_strdup("PUT /up HTTP/1.1\r\nHost: a\r\n"
				     "Transfer-Encoding: chunked\r\n\r\n")
			: mem_printf("PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
				     len);
	EXPECT(raw_say(fd, head));
	for (size_t at = 0, n; chunked && at < len; at += n) {
		char size[32];
		n = MIN(len - at, (size_t)70001);
		(void)snprintf(size, sizeof(size), "%zx\r\n", n);
		EXPECT(raw_say(fd, size) && raw_send(fd, p + at, n) && raw_say(fd, "\r\n"));
	}
	EXPECT(chunked ? raw_say(fd, "0\r\n\r\n") : raw_send(fd, p, len));
	done(raw_answer) a = raw_read(fd, false);
	own_mem char *want = mem_printf("%zu %llu", len, (unsigned long long)sum_of(p, len));
	EXPECT(a.status == 200);
	EXPECT_STR(str_of(a.body), want);
	EXPECT(raw_say(fd, "GET /prepared HTTP/1.1\r\nHost: a\r\n\r\n"));
	done(raw_answer) next = raw_read(fd, false);
	EXPECT(next.status == 200);
}

TEST(bodies_of_every_length_arrive_whole)
{
	static const size_t lengths[] = { 0,      1,          262143,         262144,
					  262145, 2 * 262144, 2 * 262144 + 1, 3000000 };
	struct fixture f;
	start(&f, NULL);
	own_mem uint8_t *p = mem_zalloc(3000000);
	for (size_t i = 0; i < 3000000; i++)
		p[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		expect_upload(&f, p, lengths[i], false);
		expect_upload(&f, p, lengths[i], true);
	}
	EXPECT(atomic_load(&f.n_canceled) == 0);
	stop(&f);
}

static void *ask_then_release(void *arg)
{
	struct fixture *f = arg;
	usleep(200000); /* both buffers are full by now */
	uint64_t began = time_mono_ms();
	done(raw_answer) a =
		raw_ask(f->address, "GET /prepared HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 0);
	bool ok = a.status == 200 && time_mono_ms() - began < 5000;
	atomic_store(&f->hold_writes, false);
	return ok ? f : NULL;
}

TEST(a_slow_sink_loses_nothing_and_holds_nobody_up)
{
	struct fixture f;
	pthread_t t;
	void *answered;
	start(&f, &(struct http_server_options){ .n_threads = 1 });
	own_mem uint8_t *p = mem_zalloc(5000000);
	for (int chunked = 0; chunked < 2; chunked++) {
		atomic_store(&f.hold_writes, true);
		EXPECT_OK(thread_start(&t, "release", ask_then_release, &f));
		expect_upload(&f, p, 5000000, chunked);
		pthread_join(t, &answered);
		EXPECT(answered);
	}
	stop(&f);
}

TEST(a_failing_sink_answers_after_the_body_was_read)
{
	struct fixture f;
	start(&f, NULL);
	own_mem char *p = mem_zalloc(3000000);
	done(raw_answer) a = raw_ask(f.address,
				     "PUT /up-fail HTTP/1.1\r\nHost: a\r\n"
				     "Content-Length: 3000000\r\n\r\n",
				     p, 3000000);
	EXPECT(a.status == 503);
	EXPECT_STR(str_of(a.body), "full");
	stop(&f);
}

TEST(refusals_reach_clients_that_send_a_body)
{
	struct fixture f;
	start(&f, NULL);
	own_mem char *p = mem_zalloc(3000000);
	own_fd fd = raw_connect(f.address);
	EXPECT(raw_say(fd, "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"));
	EXPECT(raw_send(fd, p, 3000000));
	done(raw_answer) a = raw_read(fd, false);
	EXPECT(a.status == 403);
	EXPECT(raw_say(fd, "GET /prepared HTTP/1.1\r\nHost: a\r\n\r\n"));
	done(raw_answer) again = raw_read(fd, false);
	EXPECT(again.status == 200);
	/* before the body when the client waits, or has more than we would read */
	done(raw_answer) w = raw_ask(f.address,
				     "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
				     "Expect: 100-continue\r\n\r\n",
				     NULL, 0);
	EXPECT(w.status == 403);
	done(raw_answer) big = raw_ask(f.address,
				       "PUT /refuse HTTP/1.1\r\nHost: a\r\n"
				       "Content-Length: 99999999999\r\n\r\n",
				       NULL, 0);
	EXPECT(big.status == 403);
	done(raw_answer) go = raw_ask(f.address,
				      "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
				      "Expect: 100-continue\r\n\r\n",
				      NULL, 0);
	EXPECT(go.status == 100);
	stop(&f);
}

static void expect_status(struct fixture *f, const char *request, int status)
{
	done(raw_answer) a = raw_ask(f->address, request, NULL, 0);
	if (a.status != status)
		print_error("%s: %d\n", request, a.status);
	EXPECT(a.status == status);
}

TEST(ambiguous_and_malformed_requests_are_refused)
{
	struct fixture f;
	start(&f, NULL);
	expect_status(&f,
		      "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		      400);
	expect_status(&f,
		      "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
		      "Content-Length: 3\r\n\r\nabc",
		      400);
	expect_status(&f,
		      "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
		      "Content-Length: 3\r\n\r\nabc",
		      400);
	expect_status(&f,
		      "PUT /up HTTP/1.1\r\nHost: a\r\n"
		      "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		      400);
	expect_status(&f,
		      "PUT /up HTTP/1.1\r\nHost: a\r\n"
		      "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		      400);
	expect_status(&f, "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400);
	expect_status(&f, "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", 400);
	expect_status(&f,
		      "PUT /up HTTP/1.1\r\nHost: a\r\n"
		      "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		      400);
	expect_status(&f,
		      "PUT /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
		      413);
	expect_status(&f, "GET /prepared HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n", 400);
	expect_status(&f, "nonsense\r\n\r\n", 0);
	own_mem char *line = mem_zalloc(100001);
	memset(line, 'a', 100000);
	own_mem char *target = mem_printf("GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", line);
	own_mem char *header = mem_printf("GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", line);
	expect_status(&f, target, 414);
	expect_status(&f, header, 431);
	expect_status(&f, "GET /prepared HTTP/1.1\r\nHost: a\r\n\r\n", 200);
	stop(&f);
}

TEST(a_tls_hello_is_told_that_this_is_plain_http)
{
	static const char *const hellos[] = { "\x16\x03\x01\x02no_blank\r\nand more\n",
					      "\x16\x03\x01\x02 a blank\r\n\r\n",
					      "\x16\x03\x01\x02no_end_of_line" };
	struct fixture f;
	start(&f, NULL);
	for (int i = 0; i < 100; i++) {
		own_fd fd = raw_connect(f.address);
		EXPECT(raw_say(fd, hellos[i % ARRAY_LEN(hellos)]));
		done(raw_answer) a = raw_read(fd, false);
		EXPECT(a.status == 400 && strstr(a.body, "plain HTTP"));
		char more;
		EXPECT(recv(fd, &more, 1, 0) == 0);
	}
	stop(&f);
}

static bool soon(atomic_uint *n, unsigned want)
{
	for (int i = 0; i < 500 && atomic_load(n) != want; i++)
		usleep(10000);
	return atomic_load(n) == want;
}

TEST(a_client_that_goes_away_ends_its_upload)
{
	struct fixture f;
	start(&f, NULL);
	for (unsigned i = 1; i <= 3; i++) {
		own_fd fd = raw_connect(f.address);
		own_mem char *p = mem_zalloc(600000);
		EXPECT(raw_say(fd,
			       "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n"));
		EXPECT(raw_send(fd, p, i == 1 ? 1 : 300000 * (i - 1)));
		fd_close_own(&fd);
		EXPECT(soon(&f.n_ended, i));
	}
	EXPECT(atomic_load(&f.n_canceled) == 3);
	stop(&f);
}

TEST(slow_heads_and_idle_connections_are_cut_off)
{
	struct fixture f;
	start(&f, &(struct http_server_options){ .idle_s = 2 });
	uint64_t began = time_mono_ms();
	own_fd idle = raw_connect(f.address), slow = raw_connect(f.address);
	EXPECT(raw_say(slow, "GET /prepared HTTP/1.1\r\nHost: a\r\nX: "));
	while (raw_say(slow, "y") && time_mono_ms() - began < 10000)
		usleep(100000); /* never silent for two seconds */
	EXPECT(time_mono_ms() - began < 6000);
	done(raw_answer) a = raw_read(idle, false);
	EXPECT(a.closed && time_mono_ms() - began < 6000);
	stop(&f);
}

static void *ask_slowly(void *arg)
{
	struct fixture *f = arg;
	done(raw_answer) a = raw_ask(f->address, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 0);
	return a.status == 200 ? f : NULL;
}

TEST(stop_lets_requests_finish)
{
	struct fixture f;
	pthread_t t[8];
	void *ok;
	start(&f, NULL);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		EXPECT_OK(thread_start(&t[i], "ask", ask_slowly, &f));
	usleep(10000);
	http_server_stop(f.server, 2000);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		pthread_join(t[i], &ok);
		EXPECT(ok);
	}
	stop(&f);
}

struct knocking {
	struct sockaddr_in at;
	atomic_bool over;
};

static void *knock(void *arg)
{
	struct knocking *k = arg;
	while (!atomic_load(&k->over)) {
		own_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&k->at, sizeof(k->at)) == 0)
			(void)raw_say(fd, "GET /prepared HTTP/1.1\r\nHost: a\r\n\r\n");
		usleep(500);
	}
	return NULL;
}

TEST(clients_may_come_while_it_stops)
{
	struct fixture f;
	pthread_t t[3];
	struct knocking k = { .at = { .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	for (size_t round = 0; round < 20; round++) {
		start(&f, NULL);
		k.at.sin_port = htons((uint16_t)atoi(strrchr(f.address, ':') + 1));
		atomic_store(&k.over, false);
		for (size_t i = 0; i < ARRAY_LEN(t); i++)
			EXPECT_OK(thread_start(&t[i], "knock", knock, &k));
		usleep(10000);
		http_server_stop(f.server, 50);
		own_fd late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		EXPECT(connect(late, (struct sockaddr *)&k.at, sizeof(k.at)) < 0);
		atomic_store(&k.over, true);
		for (size_t i = 0; i < ARRAY_LEN(t); i++)
			pthread_join(t[i], NULL);
		stop(&f);
	}
}

TEST(stop_ends_uploads_and_idle_connections)
{
	struct fixture f;
	start(&f, NULL);
	own_mem char *p = mem_zalloc(3000000);
	own_fd idle = raw_connect(f.address), up = raw_connect(f.address);
	EXPECT(raw_say(up, "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n"));
	EXPECT(raw_send(up, p, 1000000));
	usleep(20000);
	http_server_stop(f.server, 50);
	EXPECT(atomic_load(&f.n_ended) == 1 && atomic_load(&f.n_canceled) == 1);
	stop(&f);
}

TEST(addresses_are_checked)
{
	struct http_server *s = NULL;
	own(pool) pool = NULL;
	EXPECT_OK(pool_open("test", 1, &pool));
	struct http_server_options o = { .handle = handle, .pool = pool };
	static const char *const wrong[] = { "",
					     "8080",
					     "127.0.0.1",
					     "127.0.0.1:",
					     "::1:80",
					     "127.0.0.1:65536",
					     "127.0.0.1:x",
					     "no host:1" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		o.listen = wrong[i];
		EXPECT_ERR(http_server_open(&o, &s), ERR_INVALID, NULL);
	}
	o.listen = "[::1]:0";
	EXPECT_OK(http_server_open(&o, &s));
	EXPECT(str_starts(str_of(http_server_address(s)), STR("[::1]:")));
	o.listen = http_server_address(s);
	struct http_server *second;
	EXPECT_ERR(http_server_open(&o, &second), ERR_UNAVAILABLE, "another program");
	http_server_free(s);
}

TEST(escapes_are_decoded_once)
{
	own(arena) a = arena_open(1 << 20);
	struct str out, rest = STR("a=%2541&&b+c=d+e&f&%zz=1&g=%00&h=%3D"), name, value;
	EXPECT(http_decode(a, STR("sha256%3Aab%2fc+"), false, &out));
	EXPECT_STR(out, "sha256:ab/c+");
	EXPECT(!http_decode(a, STR("%"), false, &out));
	EXPECT(!http_decode(a, STR("%4"), false, &out));
	EXPECT(!http_decode(a, STR("%4g"), false, &out));
	EXPECT(!http_decode(a, STR("a%00"), false, &out));
	static const char *const want[][2] = {
		{ "a", "%41" }, { "b c", "d e" }, { "f", "" }, { "h", "=" }
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		EXPECT(http_query_next(a, &rest, &name, &value));
		EXPECT_STR(name, want[i][0]);
		EXPECT_STR(value, want[i][1]);
	}
	EXPECT(!http_query_next(a, &rest, &name, &value));
}
