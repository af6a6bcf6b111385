/* A registry on a free port for tests, and what asks it. */
#ifndef KILN_REGISTRY_SERVER_TEST_H
#define KILN_REGISTRY_SERVER_TEST_H

#include <fcntl.h>
#include <stdlib.h>

#include "base/limits.h"
#include "http/raw_test.h"
#include "registry/server.h"

struct fixture {
	int dir_fd;
	struct pool *pool;
	struct db *db;
	struct catalog *catalog;
	struct blob_store *store;
	struct auth *auth; /* NULL: everybody may do everything */
	struct registry_server *registry;
	struct http_server *http;
	const char *address;
};

static inline void handle(void *arg, struct http_exchange *x)
{
	struct fixture *f = arg;
	if (str_eq(http_exchange_path(x), STR("/token")))
		registry_token_handle(f->registry, x);
	else
		registry_server_handle(f->registry, x);
}

static inline void start_with(struct fixture *f, bool auth, bool anonymous_pull,
			      const char *external_url)
{
	*f = (struct fixture){ .dir_fd = test_tmpdir() };
	own_mem char *path = mem_printf("/proc/self/fd/%d/kiln.db", f->dir_fd);
	EXPECT_OK(db_open(path, &f->db));
	EXPECT_OK(catalog_open(f->db, f->dir_fd, &f->catalog));
	EXPECT_OK(blob_store_open(f->dir_fd, &f->store));
	if (auth)
		EXPECT_OK(auth_open(f->db, f->dir_fd, &f->auth));
	struct registry_server_options registry = { .catalog = f->catalog,
						    .store = f->store,
						    .auth = f->auth,
						    .external_url = external_url,
						    .anonymous_pull = anonymous_pull };
	EXPECT_OK(registry_server_open(&registry, &f->registry));
	EXPECT_OK(pool_open("test", 4, &f->pool));
	struct http_server_options o = {
		.listen = "127.0.0.1:0", .handle = handle, .arg = f, .pool = f->pool
	};
	EXPECT_OK(http_server_open(&o, &f->http));
	f->address = http_server_address(f->http);
}

static inline void start(struct fixture *f)
{
	start_with(f, false, true, NULL);
}

static inline void stop(struct fixture *f)
{
	http_server_free(f->http);
	registry_server_free(f->registry);
	pool_free(f->pool);
	catalog_free(f->catalog);
	auth_free(f->auth);
	blob_store_free(f->store);
	db_free(f->db);
	close(f->dir_fd);
}

/* ---- asking ---- */

static inline struct raw_answer ask_with(struct fixture *f, const char *request,
					 const char *headers, struct str body)
{
	own_mem char *head = mem_printf("%s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n",
					request, headers, body.len);
	return raw_ask(f->address, head, body.p, body.len);
}

static inline struct raw_answer ask(struct fixture *f, const char *request)
{
	return ask_with(f, request, "", STR(""));
}

#define EXPECT_STATUS(f, request, want) expect_status(f, request, want, NULL, __LINE__)
/* and the answer's body has `part` in it */
#define EXPECT_REFUSED(f, request, want, part) expect_status(f, request, want, part, __LINE__)
static inline void expect_answer(struct raw_answer *a, const char *request, int want,
				 const char *part, int line)
{
	bool ok = a->status == want && (!part || (a->body && strstr(a->body, part)));
	if (!ok)
		print_error("%s: %d %s\n", request, a->status, a->body ? a->body : "");
	if (!ok)
		_fail(__FILE__, line);
}

static inline void expect_status(struct fixture *f, const char *request, int want, const char *part,
				 int line)
{
	done(raw_answer) a = ask(f, request);
	expect_answer(&a, request, want, part, line);
}

#define PUT_MANIFEST(f, target, type, body, want, part) \
	put_manifest(f, target, type, body, want, part, __LINE__)
static inline struct raw_answer put_manifest(struct fixture *f, const char *target,
					     const char *type, struct str body, int want,
					     const char *part, int line)
{
	own_mem char *request = mem_printf("PUT /v2/%s", target);
	own_mem char *header = type ? mem_printf("Content-Type: %s\r\n", type) : mem_strdup("");
	struct raw_answer a = ask_with(f, request, header, body);
	expect_answer(&a, request, want, part, line);
	return a;
}

static inline struct oci_digest_text digest_of(struct str body)
{
	struct oci_digest d = oci_digest_of_bytes(body.p, body.len);
	return oci_digest_text(&d);
}

static inline struct oci_digest_text sha512_text(struct str body)
{
	struct oci_digest d = { .alg = OCI_SHA512 };
	struct sha512 h;
	sha512_init(&h);
	sha512_update(&h, body.p, body.len);
	memcpy(d.raw, sha512_final(&h).b, SHA512_BYTES);
	sha512_done(&h);
	return oci_digest_text(&d);
}

static inline void push_blob(struct fixture *f, const char *repository, struct str body)
{
	own_mem char *request =
		mem_printf("POST /v2/%s/blobs/uploads/?digest=%s", repository, digest_of(body).s);
	done(raw_answer) a = ask_with(f, request, "", body);
	expect_answer(&a, request, 201, NULL, __LINE__);
}

static inline char *open_upload(struct fixture *f, const char *repository)
{
	own_mem char *request = mem_printf("POST /v2/%s/blobs/uploads/", repository);
	done(raw_answer) a = ask(f, request);
	expect_answer(&a, request, 202, NULL, __LINE__);
	EXPECT_STR(str_of(raw_header(&a, "Range")), "0-0");
	return mem_strdup(raw_header(&a, "Location"));
}

#define SEND(f, method, location, tail, headers, body, want) \
	send_chunk(f, method, location, tail, headers, body, want, __LINE__)
static inline void send_chunk(struct fixture *f, const char *method, const char *location,
			      const char *tail, const char *headers, struct str body, int want,
			      int line)
{
	own_mem char *request = mem_printf("%s %s%s", method, location, tail);
	done(raw_answer) a = ask_with(f, request, headers, body);
	expect_answer(&a, request, want, NULL, line);
}

static inline void expect_offset(struct fixture *f, const char *location, const char *range)
{
	own_mem char *request = mem_printf("GET %s?digest=x", location);
	done(raw_answer) a = ask(f, request);
	EXPECT(a.status == 204);
	EXPECT_STR(str_of(raw_header(&a, "Range")), range);
	EXPECT_STR(str_of(raw_header(&a, "Location")), location);
}

static inline void expect_blob(struct fixture *f, const char *repository, struct str body,
			       const char *digest)
{
	own_mem char *get = mem_printf("GET /v2/%s/blobs/%s", repository, digest);
	done(raw_answer) a = ask(f, get);
	expect_answer(&a, get, 200, NULL, __LINE__);
	EXPECT(str_eq(str_n(a.body, a.len), body));
	EXPECT_STR(str_of(raw_header(&a, "Docker-Content-Digest")), digest);
	own_mem char *head = mem_printf("HEAD /v2/%s/blobs/%s", repository, digest);
	done(raw_answer) h = ask(f, head);
	EXPECT(h.status == 200);
	EXPECT((size_t)atoi(raw_header(&h, "Content-Length")) == body.len);
	EXPECT_STR(str_of(raw_header(&h, "Docker-Content-Digest")), digest);
	EXPECT_STR(str_of(raw_header(&h, "Accept-Ranges")), "bytes");
}

/* ---- images ---- */

#define CONFIG STR("{}")
#define LAYER  STR("layer")

static inline char *image(const char *note, const char *more)
{
	return mem_printf(
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST "\","
		"\"config\":{\"mediaType\":\"" OCI_TYPE_CONFIG "\",\"digest\":\"%s\",\"size\":2},"
		"\"layers\":[{\"mediaType\":\"" OCI_TYPE_LAYER "\",\"digest\":\"%s\",\"size\":5}],"
		"\"annotations\":{\"note\":\"%s\"}%s}",
		digest_of(CONFIG).s, digest_of(LAYER).s, note, more);
}

static inline void push_parts(struct fixture *f, const char *repository)
{
	push_blob(f, repository, CONFIG);
	push_blob(f, repository, LAYER);
}

static inline void push_image(struct fixture *f, const char *target, struct str body)
{
	done(raw_answer) a = PUT_MANIFEST(f, target, OCI_TYPE_MANIFEST, body, 201, NULL);
	EXPECT_STR(str_of(raw_header(&a, "Docker-Content-Digest")), digest_of(body).s);
}

#endif
