/* Against a server that lies, stalls and misleads. The repository's name says how: each is one
 * function below. */
#include "registry/client.h"

#include "base/time.h"
#include "http/wire_test.h"
#include "registry/client_fixture_test.h"

#define BLOB "0123456789"

struct hostile {
	struct fixture f;
	struct wire w;
	int step; /* requests of the scenario so far; of the server's thread */
	unsigned other_port;
};

/* One connection per request: the server has one at a time. */
static bool say(int fd, const char *status, const char *fields, const char *body)
{
	own_mem char *all = mem_printf("Connection: close\r\n%s", fields);
	wire_answer(fd, status, all, body);
	return false;
}

static void say_chunk(int fd, const char *text)
{
	own_mem char *chunk = mem_printf("%zx\r\n%s\r\n", strlen(text), text);
	wire_say(fd, chunk);
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static bool serve_wrong(struct hostile *h, int fd, const char *head)
{
	return say(fd, "200 OK", "", "9876543210");
}

static bool serve_header(struct hostile *h, int fd, const char *head)
{
	own_mem char *field = mem_printf("Content-Type: " OCI_TYPE_MANIFEST
					 "\r\nDocker-Content-Digest: sha256:%064d\r\n",
					 7);
	return say(fd, "200 OK", field, "{}");
}

static bool serve_long(struct hostile *h, int fd, const char *head)
{
	return say(fd, "200 OK", "", BLOB BLOB);
}

static bool serve_short(struct hostile *h, int fd, const char *head)
{
	wire_say(fd, CHUNKED);
	say_chunk(fd, "0123");
	wire_say(fd, "0\r\n\r\n");
	return false;
}

static bool serve_endless(struct hostile *h, int fd, const char *head)
{
	char piece[4097];
	memset(piece, '0', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	wire_say(fd, "HTTP/1.1 200 OK\r\n\r\n");
	while (wire_say(fd, piece))
		h->w.body_bytes += sizeof(piece) - 1;
	return false;
}

static bool serve_truncated(struct hostile *h, int fd, const char *head)
{
	wire_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012");
	return false;
}

static bool serve_resumed(struct hostile *h, int fd, const char *head)
{
	if (h->step++ == 0)
		return serve_truncated(h, fd, head);
	if (!strstr(head, "\r\nRange: bytes=3-\r\n"))
		return say(fd, "400 Bad Request", "", NULL);
	return say(fd, "206 Partial Content", "Content-Range: bytes 3-9/10\r\n", "3456789");
}

static bool serve_restarted(struct hostile *h, int fd, const char *head)
{
	return h->step++ == 0 ? serve_truncated(h, fd, head) : say(fd, "200 OK", "", BLOB);
}

static bool serve_misplaced(struct hostile *h, int fd, const char *head)
{
	if (h->step++ == 0)
		return serve_truncated(h, fd, head);
	return say(fd, "206 Partial Content", "Content-Range: bytes 2-8/10\r\n", "2345678");
}

static bool serve_busy(struct hostile *h, int fd, const char *head)
{
	if (h->step++ == 0)
		return say(fd, "429 Too Many Requests", "Retry-After: 1\r\n", "slow down");
	return say(fd, "200 OK", "", BLOB);
}

static bool serve_limited(struct hostile *h, int fd, const char *head)
{
	return say(
		fd, "429 Too Many Requests", "Retry-After: 3600\r\n",
		"{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"pull rate\\n\\u001b[31m"
		"limit\"}]}");
}

static bool serve_broken(struct hostile *h, int fd, const char *head)
{
	return say(fd, "503 Service Unavailable", "", "");
}

static bool serve_loop(struct hostile *h, int fd, const char *head)
{
	return say(fd, "307 Temporary Redirect", "Location: ?again\r\n", NULL);
}

static bool serve_local(struct hostile *h, int fd, const char *head)
{
	return say(fd, "307 Temporary Redirect", "Location: file:///etc/passwd\r\n", NULL);
}

static bool challenge(struct hostile *h, int fd, unsigned port)
{
	own_mem char *field = mem_printf("WWW-Authenticate: Basic realm=\"bearer\", Bearer "
					 "realm=\"http://127.0.0.1:%u/token\",service=\"s v\"\r\n",
					 port);
	return say(fd, "401 Unauthorized", field, NULL);
}

static bool serve_token(struct hostile *h, int fd, const char *head)
{
	if (strstr(head, "Authorization: Bearer t0k\r\n"))
		return say(fd, "200 OK", "", BLOB);
	return challenge(h, fd, h->w.port);
}

static bool serve_elsewhere(struct hostile *h, int fd, const char *head)
{
	if (strstr(head, "Authorization: Bearer t0k\r\n"))
		return say(fd, "200 OK", "", BLOB);
	return challenge(h, fd, h->other_port);
}

/* Uploads go to another port. */
static bool serve_upload(struct hostile *h, int fd, const char *head)
{
	if (!strstr(head, "Authorization: "))
		return say(fd, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", NULL);
	if (strncmp(head, "HEAD", 4) == 0)
		return say(fd, "404 Not Found", "", NULL);
	own_mem char *field =
		mem_printf("Location: http://127.0.0.1:%u/here?state=1\r\n", h->other_port);
	return say(fd, "202 Accepted", field, NULL);
}

static bool serve_silent(struct hostile *h, int fd, const char *head)
{
	char c;
	while (recv(fd, &c, 1, 0) > 0)
		;
	return false;
}

static const struct {
	const char *name;
	bool (*serve)(struct hostile *h, int fd, const char *head);
} scenarios[] = {
	{ "wrong", serve_wrong },         { "header", serve_header },
	{ "long", serve_long },           { "short", serve_short },
	{ "endless", serve_endless },     { "truncated", serve_truncated },
	{ "resumed", serve_resumed },     { "restarted", serve_restarted },
	{ "misplaced", serve_misplaced }, { "busy", serve_busy },
	{ "limited", serve_limited },     { "broken", serve_broken },
	{ "loop", serve_loop },           { "local", serve_local },
	{ "token", serve_token },         { "elsewhere", serve_elsewhere },
	{ "upload", serve_upload },       { "silent", serve_silent },
};

static bool serve(struct wire *w, int fd, const char *head)
{
	struct hostile *h = w->arg;
	if (strstr(head, " /token?") || strstr(head, "POST /token"))
		return say(fd, strstr(head, "d3Jvbmc=") ? "401 Unauthorized" : "200 OK", "",
			   "{\"access_token\":\"t0k\",\"expires_in\":1}");
	if (strstr(head, "PUT /here?"))
		return say(fd, "403 Forbidden", "", NULL);
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
		own_mem char *part = mem_printf(" /v2/%s/", scenarios[i].name);
		if (strstr(head, part))
			return scenarios[i].serve(h, fd, head);
	}
	return say(fd, "404 Not Found", "", NULL);
}

/* All is set before the server's thread starts. */
static void hostile_open_beside(struct hostile *h, uint16_t other_port)
{
	fixture_open(&h->f);
	h->step = 0;
	h->other_port = other_port;
	wire_start(&h->w, serve, h);
}

static void hostile_open(struct hostile *h)
{
	hostile_open_beside(h, 1);
}

static void hostile_close(struct hostile *h)
{
	h->f.stop = true;
	fixture_close(&h->f);
	wire_stop(&h->w);
}

static struct err *fetch(struct hostile *h, const char *repository)
{
	struct oci_reference ref = fixture_ref(h->w.port, repository);
	struct oci_descriptor d = { .digest = oci_digest_of_bytes(BLOB, 10), .size = 10 };
	return registry_fetch_blob(h->f.client, &ref, &d, h->f.store, NULL, NULL);
}

static void expect_fetched(struct hostile *h, bool want)
{
	struct oci_digest d = oci_digest_of_bytes(BLOB, 10);
	bool found;
	EXPECT_OK(blob_store_stat(h->f.store, &d, &found, NULL));
	EXPECT(found == want);
}

static struct err *get(struct hostile *h, const char *repository, bool by_digest)
{
	own(arena) a = arena_open((size_t)32 << 20);
	struct oci_reference ref = fixture_ref(h->w.port, repository);
	struct registry_manifest m;
	ref.has_digest = by_digest;
	ref.digest = oci_digest_of_bytes(BLOB, 10);
	return registry_get_manifest(h->f.client, a, &ref, &m);
}

TEST(hostile_bytes_that_are_not_the_digest)
{
	struct hostile h;
	hostile_open(&h);
	EXPECT_ERR(fetch(&h, "wrong"), ERR_CORRUPT, "lied about sha256:84d89877");
	EXPECT_ERR(get(&h, "wrong", true), ERR_CORRUPT,
		   "/wrong:latest@sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f"
		   "882f7882: expected sha256:84d89877");
	EXPECT_ERR(get(&h, "header", false), ERR_CORRUPT, "lied about");
	expect_fetched(&h, false);
	hostile_close(&h);
}

TEST(hostile_sizes)
{
	struct hostile h;
	hostile_open(&h);
	EXPECT_ERR(fetch(&h, "long"), ERR_CORRUPT, "expected 10 bytes, got 20");
	EXPECT_ERR(fetch(&h, "short"), ERR_CORRUPT, "expected 10 bytes, got 4");
	EXPECT_ERR(fetch(&h, "endless"), ERR_CORRUPT, "expected 10 bytes, got at least ");
	EXPECT_ERR(get(&h, "endless", false), ERR_LIMIT, "longer than 4194304 bytes");
	expect_fetched(&h, false);
	hostile_close(&h);
	EXPECT(wire_body_bytes(&h.w) < 64 << 20);
}

TEST(hostile_broken_connections_are_taken_up_again)
{
	static const char *const good[] = { "resumed", "restarted" };
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct hostile h;
		hostile_open(&h);
		EXPECT_OK(fetch(&h, good[i]));
		expect_fetched(&h, true);
		EXPECT(wire_requests(&h.w) == 2);
		hostile_close(&h);
	}
	struct hostile h;
	hostile_open(&h);
	EXPECT_ERR(fetch(&h, "misplaced"), ERR_CORRUPT, "another part");
	expect_fetched(&h, false);
	hostile_close(&h);
}

TEST(hostile_retries_end)
{
	struct hostile h;
	hostile_open(&h);
	uint64_t start = time_mono_ms();
	EXPECT_ERR(fetch(&h, "truncated"), ERR_UNAVAILABLE, "got 3 of 10 bytes");
	EXPECT(wire_requests(&h.w) == 4);
	EXPECT(time_mono_ms() - start < 10000);
	hostile_close(&h);
	hostile_open(&h);
	EXPECT_ERR(get(&h, "broken", false), ERR_UNAVAILABLE, "answers with status 503");
	EXPECT(wire_requests(&h.w) == 4);
	hostile_close(&h);
}

TEST(hostile_too_many_requests)
{
	struct hostile h;
	hostile_open(&h);
	uint64_t start = time_mono_ms();
	EXPECT_OK(fetch(&h, "busy"));
	EXPECT(time_mono_ms() - start >= 1000);
	EXPECT_ERR(get(&h, "limited", false), ERR_UNAVAILABLE,
		   "has had too many requests, asks to come back in 3600 s (TOOMANYREQUESTS: pull "
		   "rate  [31mlimit)");
	EXPECT(time_mono_ms() - start < 5000);
	hostile_close(&h);
}

TEST(hostile_redirects)
{
	struct hostile h;
	hostile_open(&h);
	EXPECT_ERR(fetch(&h, "loop"), ERR_UNAVAILABLE, "more than 10 redirects");
	EXPECT_ERR(fetch(&h, "local"), ERR_INVALID, "redirect cannot be followed");
	hostile_close(&h);
}

TEST(hostile_tokens_are_got_once_and_kept)
{
	struct hostile h;
	hostile_open(&h);
	fixture_login(&h.f, "127.0.0.1", "kim", "sec:ret"); /* of another port */
	EXPECT_OK(fetch(&h, "token"));
	EXPECT(wire_was_told(&h.w,
			     "GET /token?service=s%20v&scope=repository:token:pull HTTP/1.1\r\n"));
	EXPECT(!wire_was_told(&h.w, "Basic"));
	EXPECT(wire_requests(&h.w) == 3);
	EXPECT_ERR(get(&h, "token", false), ERR_INVALID, NULL); /* BLOB is no manifest */
	EXPECT(wire_requests(&h.w) == 4);
	hostile_close(&h);
}

TEST(hostile_tokens_with_a_login)
{
	struct hostile h;
	hostile_open(&h);
	own_mem char *host = mem_printf("127.0.0.1:%u", h.w.port);
	fixture_login(&h.f, host, "kim", "sec:ret");
	EXPECT_OK(fetch(&h, "token"));
	EXPECT(wire_was_told(&h.w, "scope=repository:token:pull&account=kim HTTP/1.1\r\n"));
	EXPECT(wire_was_told(&h.w, "Authorization: Basic a2ltOnNlYzpyZXQ=\r\n"));
	own_fd fd = openat(h.f.dir, "config.json", O_WRONLY | O_TRUNC | O_CLOEXEC);
	own_mem char *text = mem_printf("{\"auths\":{\"%s\":{\"auth\":\"Ondyb25n\","
					"\"identitytoken\":\"i&d\"}}}",
					host);
	EXPECT_OK(fd_write_all(fd, text, strlen(text)));
	fixture_renew(&h.f, NULL, NULL);
	EXPECT_ERR(get(&h, "token", false), ERR_INVALID, NULL);
	EXPECT(wire_was_told(&h.w, "POST /token HTTP/1.1\r\n"));
	hostile_close(&h);
}

TEST(hostile_wrong_password_is_named)
{
	struct hostile h;
	hostile_open(&h);
	own_mem char *host = mem_printf("127.0.0.1:%u", h.w.port);
	fixture_login(&h.f, host, "x", "ywrong"); /* "x:ywrong" ends in d3Jvbmc= as base64 */
	EXPECT_ERR(fetch(&h, "token"), ERR_DENIED, "refuses the login x (from /");
	hostile_close(&h);
}

TEST(hostile_realm_elsewhere_gets_no_secrets)
{
	struct hostile h, other;
	hostile_open(&other);
	hostile_open_beside(&h, other.w.port);
	/* Without a login there is nothing to lose. */
	EXPECT_OK(fetch(&h, "elsewhere"));
	EXPECT(wire_requests(&other.w) == 1);
	EXPECT(!wire_was_told(&other.w, "Authorization"));
	own_mem char *host = mem_printf("127.0.0.1:%u", h.w.port);
	fixture_login(&h.f, host, "kim", "sec:ret");
	fixture_renew(&h.f, NULL, NULL);
	EXPECT_ERR(get(&h, "elsewhere", false), ERR_DENIED, "is not sent there without TLS");
	EXPECT(wire_requests(&other.w) == 1);
	EXPECT(!wire_was_told(&h.w, "Authorization: Basic"));
	hostile_close(&h);
	hostile_close(&other);
}

TEST(hostile_upload_location_elsewhere_gets_no_secrets)
{
	struct hostile h, other;
	hostile_open(&other);
	hostile_open_beside(&h, other.w.port);
	own_mem char *host = mem_printf("127.0.0.1:%u", h.w.port);
	fixture_login(&h.f, host, "kim", "sec:ret");
	struct oci_descriptor d = fixture_blob(&h.f, "x", BLOB, 10);
	struct oci_reference ref = fixture_ref(h.w.port, "upload:1");
	EXPECT_ERR(registry_push_blob(h.f.client, &ref, &d, h.f.store, NULL, NULL, NULL),
		   ERR_DENIED, "does not let 127.0.0.1:");
	EXPECT(wire_was_told(&h.w, "Authorization: Basic a2ltOnNlYzpyZXQ=\r\n"));
	EXPECT(wire_was_told(&other.w, "PUT /here?state=1&digest=sha256:84d89877"));
	EXPECT(!wire_was_told(&other.w, "Authorization"));
	EXPECT(wire_body_bytes(&other.w) == 10);
	hostile_close(&h);
	hostile_close(&other);
}

static void *stop_soon(void *arg)
{
	usleep(300000);
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELAXED);
	return NULL;
}

TEST(hostile_silence_ends_when_canceled)
{
	struct hostile h;
	pthread_t t;
	hostile_open(&h);
	EXPECT_OK(thread_start(&t, "stop", stop_soon, &h.f.stop));
	uint64_t start = time_mono_ms();
	EXPECT_ERR(fetch(&h, "silent"), ERR_CANCELED, NULL);
	EXPECT(time_mono_ms() - start < 2000);
	pthread_join(t, NULL);
	hostile_close(&h);
}
