#include "console/console.h"

#include <stdlib.h>
#include <libdeflate.h>

#include "http/raw_test.h"

struct fixture {
	struct pool *pool;
	struct console *console;
	struct http_server *server;
	const char *address;
};

static void handle(void *arg, struct http_exchange *x)
{
	struct fixture *f = arg;
	http_exchange_enter(x, STR("/kiln"));
	console_handle(f->console, x);
}

static void fixture_init(struct fixture *f, const struct console_file *files, size_t n)
{
	EXPECT_OK(console_open(&(struct console_options){ files, n, "/kiln" }, &f->console));
	EXPECT_OK(pool_open("test", 2, &f->pool));
	EXPECT_OK(http_server_open(
		&(struct http_server_options){
			.listen = "127.0.0.1:0", .handle = handle, .arg = f, .pool = f->pool },
		&f->server));
	f->address = http_server_address(f->server);
}

static void fixture_done(struct fixture *f)
{
	http_server_free(f->server);
	pool_free(f->pool);
	console_free(f->console);
}

static struct console_file file_of(const char *path, const char *type, const char *text)
{
	static unsigned char room[8][512];
	static size_t n;
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(9);
	unsigned char *to = room[n++ % 8];
	size_t len = libdeflate_gzip_compress(c, text, strlen(text), to, 512);
	libdeflate_free_compressor(c);
	EXPECT(len > 0);
	return (struct console_file){ path, type, "tag", to, len, strlen(text) };
}

static struct raw_answer ask(struct fixture *f, const char *method, const char *path,
			     const char *headers)
{
	own_mem char *head =
		mem_printf("%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path, headers);
	return raw_ask(f->address, head, NULL, 0);
}

TEST(the_page_has_its_place_and_a_nonce_of_its_own)
{
	struct fixture f;
	const struct console_file files[] = {
		file_of("/index.html", "text/html",
			"<base href=\"__KILN_BASE__\">__KILN___KILN_NONCE__|__KILN_NONCE__"),
	};
	char first[44] = "";
	fixture_init(&f, files, 1);
	for (int i = 0; i < 2; i++) {
		struct raw_answer a = ask(&f, "GET", i ? "/kiln/a/b.c/d" : "/", "");
		EXPECT(a.status == 200);
		EXPECT(str_starts(str_n(a.body, a.len), STR("<base href=\"/kiln/\">__KILN_")));
		EXPECT(a.len == 20 + 7 + 43 + 1 + 43);
		const char *nonce = a.body + 71;
		EXPECT(memcmp(a.body + 27, nonce, 43) == 0 && a.body[70] == '|');
		own_mem char *policy = mem_printf("style-src 'self' 'nonce-%s';", nonce);
		EXPECT(strstr(raw_header(&a, "Content-Security-Policy"), policy));
		EXPECT(strcmp(first, nonce) != 0);
		(void)snprintf(first, sizeof(first), "%s", nonce);
		EXPECT(!*raw_header(&a, "ETag"));
		raw_answer_done(&a);
	}
	fixture_done(&f);
}

TEST(files_come_as_they_are_kept_or_inflated)
{
	static const struct {
		const char *path, *headers, *coding, *tag, *cache;
		int status;
	} rows[] = {
		{ "/assets/a.js", "", "", "\"tag\"", "public, max-age=31536000, immutable", 200 },
		{ "/assets/a.js", "Accept-Encoding: gzip\r\n", "gzip", "\"tag-gzip\"",
		  "public, max-age=31536000, immutable", 200 },
		{ "/kiln/icon.svg", "", "", "\"tag\"", "no-cache", 200 },
		{ "/icon.svg", "If-None-Match: \"tag-gzip\"\r\n", "", "\"tag\"", "no-cache", 304 },
		{ "/icon.svg", "Accept-Encoding: gzip\r\nIf-None-Match: \"tag\"\r\n", "",
		  "\"tag-gzip\"", "no-cache", 304 },
		{ "/icon.svg", "If-None-Match: \"other\"\r\n", "", "\"tag\"", "no-cache", 200 },
	};
	struct fixture f;
	const struct console_file files[] = {
		file_of("/assets/a.js", "text/javascript", "let a = 1, b = 2;"),
		file_of("/icon.svg", "image/svg+xml", "<svg xmlns='x'/>."),
		file_of("/index.html", "text/html", "page"),
	};
	fixture_init(&f, files, ARRAY_LEN(files));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raw_answer a = ask(&f, "GET", rows[i].path, rows[i].headers);
		EXPECT(a.status == rows[i].status);
		EXPECT_STR(str_of(raw_header(&a, "Content-Encoding")), rows[i].coding);
		EXPECT_STR(str_of(raw_header(&a, "ETag")), rows[i].tag);
		EXPECT_STR(str_of(raw_header(&a, "Cache-Control")), rows[i].cache);
		EXPECT_STR(str_of(raw_header(&a, "Vary")), "Accept-Encoding");
		EXPECT(a.len == (a.status == 304 ? 0 : *rows[i].coding ? files[0].gzip_bytes : 17));
		raw_answer_done(&a);
	}
	fixture_done(&f);
}

TEST(what_is_a_page_a_file_or_nothing)
{
	static const struct {
		const char *method, *path;
		int status;
	} rows[] = {
		{ "GET", "/", 200 },
		{ "GET", "/kiln", 200 },
		{ "GET", "/kiln/", 200 },
		{ "HEAD", "/", 200 },
		{ "GET", "/index.html", 200 },
		{ "GET", "/instances/1/repositories/a/b/-/versions/1.2.js", 200 },
		{ "GET", "/apis", 200 },
		{ "GET", "/a%2e", 200 },
		{ "GET", "/x.js", 404 },
		{ "GET", "/assets/x.js", 404 },
		{ "GET", "/assets/", 404 },
		{ "GET", "/assets/../index.html", 404 },
		{ "GET", "/.well-known/security.txt", 404 },
		{ "GET", "/v2", 404 },
		{ "GET", "/api", 404 },
		{ "GET", "/metrics", 404 },
		{ "POST", "/api", 404 },
		{ "POST", "/", 405 },
		{ "PUT", "/index.html", 405 },
		{ "DELETE", "/a/b", 405 },
		{ "OPTIONS", "/", 405 },
		{ "OPTIONS", "*", 404 },
	};
	struct fixture f;
	const struct console_file files[] = { file_of("/index.html", "text/html", "page") };
	fixture_init(&f, files, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raw_answer a = ask(&f, rows[i].method, rows[i].path, "");
		if (a.status != rows[i].status)
			fail_msg("%s %s: %d", rows[i].method, rows[i].path, a.status);
		EXPECT(strstr(raw_header(&a, "Content-Security-Policy"), "default-src 'none';"));
		EXPECT_STR(str_of(raw_header(&a, "X-Frame-Options")), "DENY");
		EXPECT_STR(str_of(raw_header(&a, "Referrer-Policy")), "same-origin");
		EXPECT_STR(str_of(raw_header(&a, "X-Content-Type-Options")), "nosniff");
		EXPECT_STR(str_of(raw_header(&a, "Allow")), a.status == 405 ? "GET, HEAD" : "");
		raw_answer_done(&a);
	}
	fixture_done(&f);
}

TEST(a_build_without_console_says_so)
{
	struct fixture f;
	fixture_init(&f, NULL, 0);
	struct raw_answer a = ask(&f, "GET", "/kiln/", "");
	EXPECT(a.status == 200 && strstr(a.body, "not part of this build"));
	raw_answer_done(&a);
	a = ask(&f, "GET", "/login", "");
	EXPECT(a.status == 404);
	raw_answer_done(&a);
	fixture_done(&f);
}

TEST(files_that_are_broken)
{
	struct console *c = NULL;
	struct console_file f = file_of("/x.txt", "text/plain", "text");
	EXPECT_ERR(console_open(&(struct console_options){ &f, 1, "" }, &c), ERR_CORRUPT,
		   "no /index.html");
	f = file_of("/index.html", "text/html", "text");
	f.gzip_bytes -= 3;
	EXPECT_ERR(console_open(&(struct console_options){ &f, 1, "" }, &c), ERR_CORRUPT, NULL);
	f = file_of("/index.html", "text/html", "text");
	f.bytes++;
	EXPECT_ERR(console_open(&(struct console_options){ &f, 1, "" }, &c), ERR_CORRUPT,
		   "cut off");
	EXPECT(!c);
}
