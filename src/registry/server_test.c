#include "registry/server.h"

#include "registry/server_priv.h"
#include "registry/server_test.h"

TEST(ping_says_what_we_are)
{
	struct fixture f;
	start(&f);
	done(raw_answer) a = ask(&f, "GET /v2/");
	EXPECT(a.status == 200);
	EXPECT_STR(str_of(a.body), "{}");
	EXPECT_STR(str_of(raw_header(&a, "Docker-Distribution-API-Version")), "registry/2.0");
	EXPECT_STATUS(&f, "GET /v2", 200);
	EXPECT_REFUSED(&f, "POST /v2/", 405, "UNSUPPORTED");
	EXPECT(registry_server_wants(STR("/v2/")) && registry_server_wants(STR("/v2")));
	EXPECT(!registry_server_wants(STR("/v22")) && !registry_server_wants(STR("/")));
	stop(&f);
}

/* SPEC distribution-spec "Pushing a blob monolithically" */
TEST(a_blob_comes_in_one_request_or_two)
{
	struct fixture f;
	start(&f);
	struct str body = STR("some bytes");
	struct oci_digest_text d = digest_of(body), d512 = sha512_text(body);
	push_blob(&f, "team/app", body);
	expect_blob(&f, "team/app", body, d.s);
	own_mem char *escaped = mem_printf("GET /v2/team%%2Fapp/blobs/sha256%%3A%s", d.s + 7);
	EXPECT_STATUS(&f, escaped, 200);

	own_mem char *at = open_upload(&f, "other"), *tail = mem_printf("?digest=%s", d512.s);
	SEND(&f, "PUT", at, tail, "", body, 201);
	expect_blob(&f, "other", body, d512.s);
	SEND(&f, "PUT", at, tail, "", body, 404);

	struct str empty = STR("");
	push_blob(&f, "team/app", empty);
	expect_blob(&f, "team/app", empty, digest_of(empty).s);
	own_mem char *chunked = mem_printf("POST /v2/x/blobs/uploads/?digest=%s HTTP/1.1\r\n"
					   "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
					   digest_of(empty).s);
	done(raw_answer) a = raw_ask(f.address, chunked, NULL, 0);
	EXPECT(a.status == 201);

	own_mem char *elsewhere = mem_printf("GET /v2/nobody/blobs/%s", d.s);
	EXPECT_REFUSED(&f, elsewhere, 404, "BLOB_UNKNOWN");
	EXPECT_STATUS(&f, "GET /v2/team/app/blobs/sha256:short", 400);
	stop(&f);
}

TEST(wrong_digests_are_refused)
{
	struct fixture f;
	start(&f);
	own_mem char *right = mem_printf("?digest=%s", digest_of(STR("right")).s);
	own_mem char *post = mem_printf("POST /v2/a/blobs/uploads/%s", right);
	done(raw_answer) a = ask_with(&f, post, "", STR("wrong"));
	EXPECT(a.status == 400 && strstr(a.body, "DIGEST_INVALID"));
	own_mem char *at = open_upload(&f, "a");
	SEND(&f, "PATCH", at, "", "", STR("wrong"), 202);
	SEND(&f, "PUT", at, "", "", STR(""), 400);
	SEND(&f, "PUT", at, "?digest=md5:00", "", STR(""), 400);
	SEND(&f, "PUT", at, right, "", STR(""), 400);
	SEND(&f, "GET", at, "", "", STR(""), 404); /* the session went with it */
	EXPECT_STATUS(&f, "POST /v2/a/blobs/uploads/?digest=sha256:0", 400);
	EXPECT_STATUS(&f, "POST /v2/a/blobs/uploads/?digest-algorithm=md5", 400);
	EXPECT_STATUS(&f, "POST /v2/a/blobs/uploads/?digest-algorithm=sha512", 202);
	EXPECT_STATUS(&f, "POST /v2/a/blobs/uploads", 202);
	stop(&f);
}

/* SPEC distribution-spec "Pushing a blob in chunks" */
TEST(chunks_come_in_order)
{
	struct fixture f;
	start(&f);
	own_mem char *at = open_upload(&f, "a");
	expect_offset(&f, at, "0-0");
	SEND(&f, "PATCH", at, "", "Content-Range: 5-9\r\n", STR("wrong"), 416);
	SEND(&f, "PATCH", at, "", "Content-Range: 0-4\r\n", STR("01234"), 202);
	expect_offset(&f, at, "0-4");
	SEND(&f, "PATCH", at, "", "Content-Range: 0-4\r\n", STR("01234"), 416);
	SEND(&f, "PATCH", at, "", "Content-Range: 6-9\r\n", STR("6789"), 416);
	SEND(&f, "PATCH", at, "", "Content-Range: 5-9\r\n", STR("567"), 400);
	SEND(&f, "PATCH", at, "", "Content-Range: 9-5\r\n", STR("56789"), 400);
	SEND(&f, "PATCH", at, "", "Content-Range: five\r\n", STR("56789"), 400);
	expect_offset(&f, at, "0-4");
	SEND(&f, "PATCH", at, "", "", STR("56"), 202);
	struct str whole = STR("0123456789");
	own_mem char *tail = mem_printf("?digest=%s", digest_of(whole).s);
	SEND(&f, "PUT", at, tail, "Content-Range: 8-10\r\n", STR("789"), 416);
	expect_offset(&f, at, "0-6");
	SEND(&f, "PUT", at, tail, "Content-Range: bytes 7-9/10\r\n", STR("789"), 201);
	expect_blob(&f, "a", whole, digest_of(whole).s);
	stop(&f);
}

TEST(chunked_bodies_are_held_to_their_range)
{
	struct fixture f;
	start(&f);
	own_mem char *at = open_upload(&f, "a");
	own_mem char *more = mem_printf("PATCH %s HTTP/1.1\r\nHost: a\r\nContent-Range: 0-2\r\n"
					"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n0\r\n\r\n",
					at);
	done(raw_answer) a = raw_ask(f.address, more, NULL, 0);
	EXPECT(a.status == 400 && strstr(a.body, "SIZE_INVALID"));
	expect_offset(&f, at, "0-0");
	own_mem char *exact = mem_printf("PATCH %s HTTP/1.1\r\nHost: a\r\nContent-Range: 0-3\r\n"
					 "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n0\r\n\r\n",
					 at);
	done(raw_answer) b = raw_ask(f.address, exact, NULL, 0);
	EXPECT(b.status == 202);
	expect_offset(&f, at, "0-3");
	stop(&f);
}

TEST(sessions_belong_to_their_repository)
{
	struct fixture f;
	start(&f);
	own_mem char *at = open_upload(&f, "mine");
	own_mem char *theirs = mem_printf("/v2/theirs/blobs/uploads/%s", strrchr(at, '/') + 1);
	SEND(&f, "GET", theirs, "", "", STR(""), 404);
	SEND(&f, "PATCH", theirs, "", "", STR("x"), 404);
	SEND(&f, "DELETE", theirs, "", "", STR(""), 404);
	SEND(&f, "DELETE", at, "", "", STR(""), 204);
	SEND(&f, "DELETE", at, "", "", STR(""), 404);
	SEND(&f, "PATCH", at, "", "", STR("x"), 404);
	EXPECT_REFUSED(&f, "GET /v2/mine/blobs/uploads/x", 404, "BLOB_UPLOAD_UNKNOWN");
	EXPECT_STATUS(&f, "GET /v2/mine/blobs/uploads/00000000000000000000000000000000", 404);
	stop(&f);
}

TEST(two_uploads_run_side_by_side)
{
	struct fixture f;
	start(&f);
	enum { SIZE = 2000000, HALF = SIZE / 2 };
	own_mem char *p = mem_zalloc(SIZE), *q = mem_zalloc(SIZE);
	memset(p, 'p', SIZE);
	memset(q, 'q', SIZE);
	own_mem char *at_p = open_upload(&f, "a"), *at_q = open_upload(&f, "a");
	struct oci_digest_text dp = digest_of(str_n(p, SIZE)), dq = digest_of(str_n(q, SIZE));
	own_mem char *head_p = mem_printf("PUT %s?digest=%s HTTP/1.1\r\nHost: a\r\n"
					  "Content-Length: %d\r\n\r\n",
					  at_p, dp.s, SIZE);
	own_mem char *head_q = mem_printf("PUT %s?digest=%s HTTP/1.1\r\nHost: a\r\n"
					  "Content-Length: %d\r\n\r\n",
					  at_q, dq.s, SIZE);
	own_fd fp = raw_connect(f.address), fq = raw_connect(f.address);
	EXPECT(raw_say(fp, head_p) && raw_send(fp, p, HALF));
	EXPECT(raw_say(fq, head_q) && raw_send(fq, q, HALF));
	EXPECT(raw_send(fp, p, HALF) && raw_send(fq, q, HALF));
	done(raw_answer) ap = raw_read(fp, false), aq = raw_read(fq, false);
	EXPECT(ap.status == 201 && aq.status == 201);
	expect_blob(&f, "a", str_n(p, SIZE), dp.s);
	expect_blob(&f, "a", str_n(q, SIZE), dq.s);
	stop(&f);
}

/* Asks for the session until the answer has this status: what other threads do takes its time. */
static void await_session(struct fixture *f, const char *at, int want)
{
	own_mem char *get = mem_printf("GET %s", at);
	for (int i = 0; i < 3000; i++) {
		done(raw_answer) a = ask(f, get);
		if (a.status == want)
			return;
		usleep(20000);
	}
	EXPECT_STATUS(f, get, want);
}

TEST(an_upload_goes_on_after_the_client_was_cut_off)
{
	struct fixture f;
	start(&f);
	enum { SENT = 256 << 10, SIZE = SENT + 2 }; /* what is sent is written, not only buffered */
	own_mem char *p = mem_zalloc(SIZE);
	memset(p, 'p', SIZE);
	own_mem char *at = open_upload(&f, "a");
	own_mem char *head = mem_printf("PATCH %s HTTP/1.1\r\nHost: a\r\n"
					"Content-Length: %d\r\n\r\n",
					at, SIZE + 1000);
	own_fd fd = raw_connect(f.address);
	EXPECT(raw_say(fd, head) && raw_send(fd, p, SENT));
	await_session(&f, at, 409); /* the request writes */
	fd_close_own(&fd);
	await_session(&f, at, 204); /* its end was noticed */
	expect_offset(&f, at, "0-262143");
	own_mem char *tail = mem_printf("?digest=%s", digest_of(str_n(p, SIZE)).s);
	SEND(&f, "PUT", at, tail, "Content-Range: 262144-262145\r\n", STR("pp"), 201);
	stop(&f);
}

TEST(blobs_are_mounted)
{
	struct fixture f;
	start(&f);
	push_blob(&f, "from/here", LAYER);
	struct oci_digest_text d = digest_of(LAYER), absent = digest_of(STR("absent"));
	own_mem char *named =
		mem_printf("POST /v2/to/a/blobs/uploads/?mount=%s&from=from%%2Fhere", d.s);
	done(raw_answer) a = ask(&f, named);
	EXPECT(a.status == 201);
	own_mem char *want = mem_printf("/v2/to/a/blobs/%s", d.s);
	EXPECT_STR(str_of(raw_header(&a, "Location")), want);
	expect_blob(&f, "to/a", LAYER, d.s);
	own_mem char *anywhere = mem_printf("POST /v2/to/b/blobs/uploads/?mount=%s", d.s);
	EXPECT_STATUS(&f, anywhere, 201);
	expect_blob(&f, "to/b", LAYER, d.s);
	own_mem char *elsewhere =
		mem_printf("POST /v2/to/c/blobs/uploads/?mount=%s&from=not/there", d.s);
	done(raw_answer) e = ask(&f, elsewhere);
	EXPECT(e.status == 202 && strstr(raw_header(&e, "Location"), "/v2/to/c/blobs/uploads/"));
	own_mem char *unknown = mem_printf("POST /v2/to/c/blobs/uploads/?mount=%s", absent.s);
	EXPECT_STATUS(&f, unknown, 202);
	EXPECT_STATUS(&f, "POST /v2/to/c/blobs/uploads/?mount=x", 400);
	stop(&f);
}

/* SPEC RFC 9110 "Range Requests" */
TEST(ranges_are_parsed)
{
	static const struct {
		const char *header;
		enum registry_range want;
		uint64_t first, len;
	} cases[] = {
		{ "bytes=500-1499", REGISTRY_RANGE_PART, 500, 1000 },
		{ "bytes=500-", REGISTRY_RANGE_PART, 500, 1548 },
		{ "bytes=-500", REGISTRY_RANGE_PART, 1548, 500 },
		{ "bytes=-5000", REGISTRY_RANGE_PART, 0, 2048 },
		{ "bytes=2000-5000", REGISTRY_RANGE_PART, 2000, 48 },
		{ "bytes=0-0", REGISTRY_RANGE_PART, 0, 1 },
		{ "bytes=0-18446744073709551615", REGISTRY_RANGE_PART, 0, 2048 },
		{ "bytes=500-0", REGISTRY_RANGE_OUTSIDE },
		{ "bytes=2048-", REGISTRY_RANGE_OUTSIDE },
		{ "bytes=5000-10000", REGISTRY_RANGE_OUTSIDE },
		{ "bytes=-0", REGISTRY_RANGE_OUTSIDE },
		{ "bytes=0-1,5-6", REGISTRY_RANGE_UNSUPPORTED },
		{ "bytes=", REGISTRY_RANGE_WHOLE },
		{ "bytes=-", REGISTRY_RANGE_WHOLE },
		{ "bytes=a-b", REGISTRY_RANGE_WHOLE },
		{ "bytes=99999999999999999999-", REGISTRY_RANGE_WHOLE },
		{ "lines=1-2", REGISTRY_RANGE_WHOLE },
		{ "", REGISTRY_RANGE_WHOLE },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t first = 0, len = 0;
		enum registry_range got =
			registry_range_parse(str_of(cases[i].header), 2048, &first, &len);
		if (got != cases[i].want || first != cases[i].first || len != cases[i].len)
			print_error("%s\n", cases[i].header);
		EXPECT(got == cases[i].want);
		EXPECT(first == cases[i].first && len == cases[i].len);
	}
}

TEST(blobs_are_read_in_parts_and_on_condition)
{
	struct fixture f;
	start(&f);
	struct str body = STR("0123456789");
	push_blob(&f, "a", body);
	struct oci_digest_text d = digest_of(body);
	own_mem char *get = mem_printf("GET /v2/a/blobs/%s", d.s);
	done(raw_answer) part = ask_with(&f, get, "Range: bytes=2-4\r\n", STR(""));
	EXPECT(part.status == 206);
	EXPECT_STR(str_of(part.body), "234");
	EXPECT_STR(str_of(raw_header(&part, "Content-Range")), "bytes 2-4/10");
	EXPECT_STR(str_of(raw_header(&part, "X-Content-Type-Options")), "nosniff");
	done(raw_answer) outside = ask_with(&f, get, "Range: bytes=10-\r\n", STR(""));
	EXPECT(outside.status == 416);
	EXPECT_STR(str_of(raw_header(&outside, "Content-Range")), "bytes */10");
	done(raw_answer) several = ask_with(&f, get, "Range: bytes=0-1,3-4\r\n", STR(""));
	EXPECT(several.status == 400);
	done(raw_answer) other =
		ask_with(&f, get, "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n", STR(""));
	EXPECT(other.status == 200);
	own_mem char *same = mem_printf("Range: bytes=2-4\r\nIf-Range: \"%s\"\r\n", d.s);
	done(raw_answer) still = ask_with(&f, get, same, STR(""));
	EXPECT(still.status == 206);
	own_mem char *known = mem_printf("If-None-Match: \"x\", W/\"%s\"\r\n", d.s);
	done(raw_answer) unchanged = ask_with(&f, get, known, STR(""));
	EXPECT(unchanged.status == 304);
	stop(&f);
}

TEST(paths_are_decoded_once_and_checked)
{
	struct fixture f;
	start(&f);
	EXPECT_REFUSED(&f, "GET /v2/%2e%2e%2fa/manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2/a/../b/manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2/a%252fb/manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2/a%00/manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2/a%2/manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2/Upper/manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2//manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2/a//b/manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2/manifests/x", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "GET /v2/a", 404, "errors");
	EXPECT_REFUSED(&f, "GET /v2/a/manifests", 404, "errors");
	EXPECT_REFUSED(&f, "GET /v2/tags/list", 400, "NAME_INVALID");
	EXPECT_REFUSED(&f, "POST /v2/a/manifests/x", 405, "UNSUPPORTED");
	EXPECT_REFUSED(&f, "FROB /v2/a/manifests/x", 405, "UNSUPPORTED");
	EXPECT_REFUSED(&f, "GET /v2/a/blobs/uploads/", 405, "UNSUPPORTED");
	push_parts(&f, "blobs/manifests/tags"); /* names may hold the words of the protocol */
	own_mem char *text = image("x", "");
	push_image(&f, "blobs/manifests/tags/manifests/list", str_of(text));
	EXPECT_STATUS(&f, "GET /v2/blobs/manifests/tags/manifests/list", 200);
	EXPECT_STATUS(&f, "GET /v2/blobs/manifests/tags/tags/list", 200);
	stop(&f);
}
