#include "http/client.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/time.h"
#include "http/url.h"
#include "http/wire_test.h"

struct fixture {
	struct wire wire;
	struct http_client *client;
	bool stop;
};

static bool stopped(void *arg)
{
	return __atomic_load_n((bool *)arg, __ATOMIC_RELAXED);
}

static void set_up(struct fixture *f, wire_serve *serve)
{
	f->stop = false;
	wire_start(&f->wire, serve, f);
	EXPECT_OK(http_client_open(
		&(struct http_client_options){
			.canceled = stopped, .arg = &f->stop, .stall_s = 2, .connect_ms = 2000 },
		&f->client));
}

static void tear_down(struct fixture *f)
{
	http_client_free(f->client);
	wire_stop(&f->wire);
}

static struct err *request(struct fixture *f, struct http_request r, const char *path,
			   struct http_response *out)
{
	own_mem char *url = mem_printf("http://127.0.0.1:%u%s", f->wire.port, path);
	r.url = url;
	if (!r.method)
		r.method = "GET";
	return http_client_send(f->client, &r, out);
}

static bool serve_hello(struct wire *w, int fd, const char *head)
{
	bool head_only = strncmp(head, "HEAD", 4) == 0;
	if (head_only)
		return wire_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
	return wire_answer(fd, "200 OK", "X-One: first\r\nx-one:  second \r\n", "hello");
}

TEST(client_gathers_an_answer)
{
	struct fixture f;
	set_up(&f, serve_hello);
	done(http_response) r = { 0 };
	EXPECT_OK(request(&f, (struct http_request){ 0 }, "/x", &r));
	EXPECT(r.status == 200 && r.content_length == 5);
	EXPECT_STR(str_n(r.body, r.body_len), "hello");
	EXPECT_STR(http_response_field(&r, "X-ONE"), "first");
	EXPECT(!http_response_field(&r, "absent").p);
	tear_down(&f);
}

TEST(client_keeps_connections)
{
	struct fixture f;
	set_up(&f, serve_hello);
	for (int i = 0; i < 5; i++) {
		done(http_response) r = { 0 };
		EXPECT_OK(request(&f, (struct http_request){ .method = i % 2 ? "HEAD" : "GET" },
				  "/", &r));
		EXPECT(r.content_length == (i % 2 ? 12345 : 5));
		EXPECT(r.body_len == (i % 2 ? 0 : 5));
	}
	tear_down(&f);
	EXPECT(wire_requests(&f.wire) == 5);
	EXPECT(wire_connections(&f.wire) == 1);
}

static struct err *add_to_buf(void *arg, const void *p, size_t len)
{
	buf_add(arg, str_n(p, len));
	return NULL;
}

static struct err *refuse(void *arg, const void *p, size_t len)
{
	return err_new(ERR_CONFLICT, "no more");
}

TEST(client_streams_and_passes_errors_on)
{
	struct fixture f;
	set_up(&f, serve_hello);
	done(http_response) r = { 0 };
	struct buf b;
	buf_init(&b, 100);
	EXPECT_OK(request(&f, (struct http_request){ .sink = add_to_buf, .arg = &b }, "/", &r));
	EXPECT_STR(buf_str(&b), "hello");
	EXPECT(!r.body);
	buf_done(&b);
	struct http_response none;
	EXPECT_ERR(request(&f, (struct http_request){ .sink = refuse }, "/", &none), ERR_CONFLICT,
		   "no more");
	tear_down(&f);
}

static bool serve_echo_length(struct wire *w, int fd, const char *head)
{
	own_mem char *text = mem_printf("%llu", (unsigned long long)w->body_bytes);
	return wire_answer(fd, "201 Created", NULL, text);
}

TEST(client_sends_memory_and_files)
{
	struct fixture f;
	set_up(&f, serve_echo_length);
	own_fd dir = test_tmpdir();
	own_fd file = openat(dir, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(ftruncate(file, 3000000) == 0);
	done(http_response) a = { 0 }, b = { 0 }, c = { 0 };
	EXPECT_OK(request(
		&f,
		(struct http_request){ .method = "POST", .has_body = true, .body = STR("12345") },
		"/", &a));
	EXPECT_STR(str_n(a.body, a.body_len), "5");
	EXPECT_OK(
		request(&f, (struct http_request){ .method = "POST", .has_body = true }, "/", &b));
	EXPECT_STR(str_n(b.body, b.body_len), "5");
	EXPECT(wire_was_told(&f.wire, "Content-Length: 0\r\n"));
	EXPECT_OK(request(&f,
			  (struct http_request){ .method = "PUT",
						 .has_body = true,
						 .body_is_fd = true,
						 .body_fd = file,
						 .body_offset = 1000000,
						 .body_size = 2000000 },
			  "/", &c));
	EXPECT_STR(str_n(c.body, c.body_len), "2000005");
	EXPECT(!wire_was_told(&f.wire, "Expect"));
	struct http_response none;
	EXPECT_ERR(request(&f,
			   (struct http_request){ .method = "PUT",
						  .has_body = true,
						  .body_is_fd = true,
						  .body_fd = file,
						  .body_size = 4000000 },
			   "/", &none),
		   ERR_CORRUPT, "shorter");
	tear_down(&f);
}

static bool serve_elsewhere(struct wire *w, int fd, const char *head)
{
	struct fixture *f = w->arg;
	own_mem char *field = mem_printf("Location: http://localhost:%u/there\r\n", f->wire.port);
	if (strstr(head, " /there "))
		return wire_answer(fd, "200 OK", NULL, "arrived");
	if (strstr(head, " /same "))
		return wire_answer(fd, "307 Temporary Redirect", "Location: /there\r\n", NULL);
	wire_answer(fd, "307 Temporary Redirect", field, "see there");
	return false;
}

TEST(client_drops_authorization_at_another_host_only)
{
	struct fixture f;
	set_up(&f, serve_elsewhere);
	struct http_request r = { .authorization = "Basic c2VjcmV0" };
	done(http_response) a = { 0 }, b = { 0 };
	EXPECT_OK(request(&f, r, "/same", &a));
	EXPECT_STR(str_n(a.body, a.body_len), "arrived");
	EXPECT(wire_was_told(&f.wire, "GET /there HTTP/1.1\r\nHost: 127.0.0.1:"));
	mutex_lock(&f.wire.lock);
	char *there = strstr(f.wire.log, "/there");
	EXPECT(strstr(there, "Authorization: Basic c2VjcmV0"));
	f.wire.log_len = 0;
	f.wire.log[0] = '\0';
	mutex_unlock(&f.wire.lock);
	/* One connection at a time: end the kept one. */
	http_client_free(f.client);
	EXPECT_OK(http_client_open(&(struct http_client_options){ 0 }, &f.client));
	EXPECT_OK(request(&f, r, "/other", &b));
	EXPECT_STR(str_n(b.body, b.body_len), "arrived");
	mutex_lock(&f.wire.lock);
	there = strstr(f.wire.log, "/there");
	EXPECT(there && strstr(there, "Host: localhost"));
	EXPECT(!strstr(there, "Authorization"));
	mutex_unlock(&f.wire.lock);
	tear_down(&f);
}

static bool serve_redirects(struct wire *w, int fd, const char *head)
{
	if (strstr(head, " /file "))
		return wire_answer(fd, "302 Found", "Location: file:///etc/passwd\r\n", NULL);
	if (strstr(head, " /nowhere "))
		return wire_answer(fd, "302 Found", NULL, NULL);
	if (strstr(head, " /user "))
		return wire_answer(fd, "302 Found", "Location: http://u:p@127.0.0.1/\r\n", NULL);
	return wire_answer(fd, "301 Moved", "Location: /loop\r\n", NULL);
}

TEST(client_refuses_bad_redirects)
{
	struct fixture f;
	set_up(&f, serve_redirects);
	struct http_response r;
	EXPECT_ERR(request(&f, (struct http_request){ 0 }, "/loop", &r), ERR_UNAVAILABLE,
		   "more than 10 redirects");
	EXPECT_ERR(request(&f, (struct http_request){ 0 }, "/file", &r), ERR_INVALID,
		   "redirect cannot be followed");
	EXPECT_ERR(request(&f, (struct http_request){ 0 }, "/user", &r), ERR_INVALID, "user name");
	EXPECT_ERR(request(&f, (struct http_request){ 0 }, "/nowhere", &r), ERR_UNAVAILABLE,
		   "nowhere");
	done(http_response) kept = { 0 };
	EXPECT_OK(request(&f, (struct http_request){ .no_redirect = true }, "/loop", &kept));
	EXPECT(kept.status == 301);
	tear_down(&f);
	EXPECT(wire_requests(&f.wire) == HTTP_MOST_REDIRECTS + 1 + 4);
}

static bool serve_endless(struct wire *w, int fd, const char *head)
{
	char piece[4097];
	memset(piece, 'x', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	if (strstr(head, " /fields "))
		wire_say(fd, "HTTP/1.1 200 OK\r\nfirst:");
	else
		wire_say(fd, strstr(head, " /error ") ? "HTTP/1.1 500 No\r\n\r\n"
						      : "HTTP/1.1 200 OK\r\n\r\n");
	for (int i = 0; i < 100000; i++) {
		if (strstr(head, " /fields ") && !wire_say(fd, "\r\na:"))
			return false;
		if (!wire_say(fd, piece))
			return false;
	}
	return false;
}

TEST(client_bounds_what_comes)
{
	struct fixture f;
	set_up(&f, serve_endless);
	struct http_response r;
	EXPECT_ERR(request(&f, (struct http_request){ .max_body = 1000 }, "/", &r), ERR_LIMIT,
		   "longer than 1000 bytes");
	EXPECT_ERR(request(&f, (struct http_request){ 0 }, "/fields", &r), ERR_LIMIT, "header");
	done(http_response) cut = { 0 };
	EXPECT_OK(request(&f, (struct http_request){ 0 }, "/error", &cut));
	EXPECT(cut.status == 500 && cut.body_len == LIMIT_HTTP_ERROR_BYTES);
	tear_down(&f);
}

static bool serve_badly(struct wire *w, int fd, const char *head)
{
	if (strstr(head, " /truncated "))
		wire_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
	else if (strstr(head, " /ssh "))
		wire_say(fd, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
	else if (strstr(head, " /silent "))
		for (int i = 0; i < 60 && send(fd, "", 0, MSG_NOSIGNAL) == 0 &&
				recv(fd, &(char){ 0 }, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
		     i++)
			usleep(100000);
	return false;
}

TEST(client_tells_why_it_failed)
{
	struct fixture f;
	set_up(&f, serve_badly);
	struct http_response r;
	enum http_cause cause = HTTP_CAUSE_OTHER;
	struct http_request q = { .cause = &cause };
	EXPECT_ERR(request(&f, q, "/truncated", &r), ERR_UNAVAILABLE, "ended before the answer");
	EXPECT(cause == HTTP_CAUSE_BROKEN);
	EXPECT_ERR(request(&f, q, "/empty", &r), ERR_UNAVAILABLE, "without an answer");
	EXPECT_ERR(request(&f, q, "/ssh", &r), ERR_UNAVAILABLE, "not HTTP");
	uint64_t start = time_mono_ms();
	EXPECT_ERR(request(&f, q, "/silent", &r), ERR_UNAVAILABLE, "for 2 s");
	EXPECT(time_mono_ms() - start < 5000);
	q.timeout_ms = 300;
	EXPECT_ERR(request(&f, q, "/silent", &r), ERR_UNAVAILABLE, "within 1 s");
	q.timeout_ms = 0;
	own_mem char *tls = mem_printf("https://127.0.0.1:%u/ssh", f.wire.port);
	q.url = tls;
	q.method = "GET";
	EXPECT_ERR(http_client_send(f.client, &q, &r), ERR_UNAVAILABLE, NULL);
	EXPECT(cause == HTTP_CAUSE_TLS || cause == HTTP_CAUSE_BROKEN);
	q.url = "http://127.0.0.1:1/";
	EXPECT_ERR(http_client_send(f.client, &q, &r), ERR_UNAVAILABLE, "Connection refused");
	EXPECT(cause == HTTP_CAUSE_CONNECT);
	q.url = "http://no-such-host.invalid/";
	EXPECT_ERR(http_client_send(f.client, &q, &r), ERR_UNAVAILABLE, NULL);
	tear_down(&f);
}

static void *stop_soon(void *arg)
{
	usleep(200000);
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELAXED);
	return NULL;
}

/* As Debian's /etc/hosts has it: 127.0.1.1. */
static bool means_this_machine(const char *name)
{
	struct addrinfo *found = NULL, hints = { .ai_socktype = SOCK_STREAM };
	bool yes = getaddrinfo(name, NULL, &hints, &found) == 0;
	for (struct addrinfo *a = found; a && yes; a = a->ai_next)
		yes = http_address_reach(a->ai_addr) == HTTP_REACH_LOOPBACK;
	if (found)
		freeaddrinfo(found);
	return yes;
}

/* By its address, and by a name that is found to lead there. */
TEST(client_refuses_addresses_of_this_machine)
{
	struct fixture f;
	set_up(&f, serve_hello);
	struct http_response none;
	done(http_response) r = { 0 };
	EXPECT_ERR(request(&f, (struct http_request){ .refuse_private = true }, "/", &none),
		   ERR_DENIED, "an address of this machine");
	EXPECT_OK(request(&f, (struct http_request){ .refuse_link = true }, "/", &r));
	struct http_request q = { .method = "GET",
				  .url = "http://169.254.1.1/",
				  .refuse_link = true,
				  .refuse_private = true };
	EXPECT_ERR(http_client_send(f.client, &q, &none), ERR_DENIED, "a link-local address");
	char name[256] = "";
	gethostname(name, sizeof(name) - 1);
	if (means_this_machine(name)) {
		own_mem char *url = mem_printf("http://%s:9/", name);
		q.url = url;
		EXPECT_ERR(http_client_send(f.client, &q, &none), ERR_DENIED,
			   "an address of this machine");
	}
	tear_down(&f);
	EXPECT(wire_requests(&f.wire) == 1);
}

TEST(client_ends_when_canceled)
{
	struct fixture f;
	set_up(&f, serve_badly);
	pthread_t t;
	EXPECT_OK(thread_start(&t, "stop", stop_soon, &f.stop));
	struct http_response r;
	uint64_t start = time_mono_ms();
	EXPECT_ERR(request(&f, (struct http_request){ 0 }, "/silent", &r), ERR_CANCELED, NULL);
	EXPECT(time_mono_ms() - start < 1000);
	EXPECT_ERR(http_client_sleep(f.client, 100000), ERR_CANCELED, NULL);
	pthread_join(t, NULL);
	tear_down(&f);
}

TEST(client_asks_loopback_without_a_proxy)
{
	struct fixture f;
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	set_up(&f, serve_hello);
	done(http_response) r = { 0 };
	struct http_response none;
	EXPECT_OK(request(&f, (struct http_request){ 0 }, "/", &r));
	EXPECT_ERR(http_client_send(
			   f.client,
			   &(struct http_request){ .method = "GET", .url = "http://192.0.2.1/" },
			   &none),
		   ERR_UNAVAILABLE, "Connection refused");
	unsetenv("http_proxy");
	tear_down(&f);
}
