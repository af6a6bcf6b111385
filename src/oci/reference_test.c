#include "oci/reference.h"

#include <stdio.h>

#include "base/test.h"

#define D256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define D512                                                             \
	"sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991" \
	"b7852b855e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct row {
	const char *text, *host, *repository, *tag, *digest, *familiar;
};

static void check(const struct row *row, const struct oci_reference *r)
{
	EXPECT_STR(str_of(r->host), row->host);
	EXPECT_STR(str_of(r->repository), row->repository);
	EXPECT_STR(str_of(r->tag), row->tag);
	EXPECT(r->has_digest == (row->digest != NULL));
	if (row->digest)
		EXPECT_STR(str_of(oci_digest_text(&r->digest).s), row->digest);
	EXPECT_STR(str_of(oci_reference_text(r).s), row->familiar);
}

TEST(references_get_dockers_defaults)
{
	static const struct row rows[] = {
		{ "alpine", "docker.io", "library/alpine", "latest", NULL, "alpine:latest" },
		{ "alpine:3.20", "docker.io", "library/alpine", "3.20", NULL, "alpine:3.20" },
		{ "library/alpine", "docker.io", "library/alpine", "latest", NULL,
		  "alpine:latest" },
		{ "docker.io/alpine", "docker.io", "library/alpine", "latest", NULL,
		  "alpine:latest" },
		{ "docker.io/library/alpine:3", "docker.io", "library/alpine", "3", NULL,
		  "alpine:3" },
		{ "index.docker.io/library/alpine", "docker.io", "library/alpine", "latest", NULL,
		  "alpine:latest" },
		{ "Docker.IO/alpine", "docker.io", "library/alpine", "latest", NULL,
		  "alpine:latest" },
		{ "user/app", "docker.io", "user/app", "latest", NULL, "user/app:latest" },
		{ "a/b/c/d", "docker.io", "a/b/c/d", "latest", NULL, "a/b/c/d:latest" },
		{ "library/a/b", "docker.io", "library/a/b", "latest", NULL, "library/a/b:latest" },
		{ "docker.io/a.b/c", "docker.io", "a.b/c", "latest", NULL,
		  "docker.io/a.b/c:latest" },
		{ "docker.io/localhost/c", "docker.io", "localhost/c", "latest", NULL,
		  "docker.io/localhost/c:latest" },
		{ "localhost:5000", "docker.io", "library/localhost", "5000", NULL,
		  "localhost:5000" },
		{ "localhost", "docker.io", "library/localhost", "latest", NULL,
		  "localhost:latest" },
		{ "localhost/app", "localhost", "app", "latest", NULL, "localhost/app:latest" },
		{ "localhost:5000/app:1", "localhost:5000", "app", "1", NULL,
		  "localhost:5000/app:1" },
		{ "127.0.0.1:8080/hello:1", "127.0.0.1:8080", "hello", "1", NULL,
		  "127.0.0.1:8080/hello:1" },
		{ "[::1]:5000/a/b:t", "[::1]:5000", "a/b", "t", NULL, "[::1]:5000/a/b:t" },
		{ "[2001:DB8::1]/a", "[2001:db8::1]", "a", "latest", NULL,
		  "[2001:db8::1]/a:latest" },
		{ "[::ffff:1.2.3.4]/a", "[::ffff:1.2.3.4]", "a", "latest", NULL,
		  "[::ffff:1.2.3.4]/a:latest" },
		{ "ghcr.io/o/p:v1", "ghcr.io", "o/p", "v1", NULL, "ghcr.io/o/p:v1" },
		{ "ghcr.io/alpine", "ghcr.io", "alpine", "latest", NULL, "ghcr.io/alpine:latest" },
		{ "REG.Example.com:443/a", "reg.example.com:443", "a", "latest", NULL,
		  "reg.example.com:443/a:latest" },
		{ "xn--n3h.com/my__app/a-b---c", "xn--n3h.com", "my__app/a-b---c", "latest", NULL,
		  "xn--n3h.com/my__app/a-b---c:latest" },
		{ "host:65535/a", "host:65535", "a", "latest", NULL, "host:65535/a:latest" },
		{ "r.io/a.b_c__d-e--f0/9", "r.io", "a.b_c__d-e--f0/9", "latest", NULL,
		  "r.io/a.b_c__d-e--f0/9:latest" },
		{ "a:_", "docker.io", "library/a", "_", NULL, "a:_" },
		{ "a:A.b-C_9", "docker.io", "library/a", "A.b-C_9", NULL, "a:A.b-C_9" },
		{ "alpine@" D256, "docker.io", "library/alpine", "", D256, "alpine@" D256 },
		{ "alpine:3@" D256, "docker.io", "library/alpine", "3", D256, "alpine:3@" D256 },
		{ "r.io:5000/x/y@" D512, "r.io:5000", "x/y", "", D512, "r.io:5000/x/y@" D512 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_reference r, again;
		EXPECT_OK(oci_reference_parse(str_of(rows[i].text), &r));
		check(&rows[i], &r);
		EXPECT_OK(oci_reference_parse(str_of(rows[i].familiar), &again));
		EXPECT(memcmp(&r, &again, sizeof(r)) == 0);
	}
}

TEST(local_names_stand_as_they_are)
{
	static const struct row rows[] = {
		{ "hello", "", "hello", "latest", NULL, "hello:latest" },
		{ "hello:1", "", "hello", "1", NULL, "hello:1" },
		{ "team/hello@" D256, "", "team/hello", "", D256, "team/hello@" D256 },
		{ "docker.io/hello", "docker.io", "library/hello", "latest", NULL, "hello:latest" },
		{ "127.0.0.1:8080/hello", "127.0.0.1:8080", "hello", "latest", NULL,
		  "127.0.0.1:8080/hello:latest" },
		{ "localhost/hello", "localhost", "hello", "latest", NULL,
		  "localhost/hello:latest" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_reference r;
		EXPECT_OK(oci_reference_parse_local(str_of(rows[i].text), &r));
		check(&rows[i], &r);
	}
}

TEST(text_that_is_no_reference_is_refused)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "empty" },
		{ ":", "tag" },
		{ "/", "repository name" },
		{ "@", "digest" },
		{ ":tag", "repository name is missing" },
		{ "@" D256, "repository name is missing" },
		{ "a:", "tag \"\"" },
		{ "a@", "digest" },
		{ "a@sha256:abc", "digest" },
		{ "a@" D256 "@" D256, "digest" },
		{ "a@md5:d41d8cd98f00b204e9800998ecf8427e", "digest" },
		{ "a:-x", "tag" },
		{ "a:.x", "tag" },
		{ "a:x y", "tag" },
		{ "a:x\n", "tag" },
		{ "a:$TAG", "tag" },
		{ "a:b:c", "repository name" },
		{ "Alpine", "repository name must be lower case: \"Alpine\"" },
		{ "Foo/bar", "repository name must be lower case" },
		{ "r.io/Foo", "repository name must be lower case" },
		{ "a b", "repository name" },
		{ "a//b", "repository name" },
		{ "/a", "repository name" },
		{ "a/", "repository name" },
		{ "a/:t", "repository name" },
		{ "-a", "repository name" },
		{ "a-", "repository name" },
		{ "_a", "repository name" },
		{ "a_", "repository name" },
		{ "a___b", "repository name" },
		{ "a..b", "repository name" },
		{ "a.", "repository name" },
		{ "a._b", "repository name" },
		{ "a-_b", "repository name" },
		{ "x/../y", "repository name" },
		{ "../a", "registry host" },
		{ "r.io/../a", "repository name" },
		{ "r.io/a/./b", "repository name" },
		{ "r.io/", "repository name is missing" },
		{ "r.io/a\x1b[0m", "\"a?[0m\"" },
		{ "r.io/\xc3\xa4", "repository name" },
		{ "r.io/a%2fb", "repository name" },
		{ "$BASE", "repository name" },
		{ "http://r.io/a", "must not name a protocol" },
		{ "docker://alpine", "must not name a protocol" },
		{ "r.io:/a", "registry host" },
		{ "r.io:0/a", "registry host" },
		{ "r.io:080/a", "registry host" },
		{ "r.io:65536/a", "registry host" },
		{ "r.io:http/a", "registry host" },
		{ "r.io:80:80/a", "registry host" },
		{ ":80/a", "registry host" },
		{ "./a", "registry host" },
		{ "r..io/a", "registry host" },
		{ ".r.io/a", "registry host" },
		{ "r.io./a", "registry host" },
		{ "-r.io/a", "registry host" },
		{ "r-.io/a", "registry host" },
		{ "r_x.io/a", "registry host" },
		{ "user:pw@r.io/a", "digest" },
		{ "[::1/a", "registry host" },
		{ "[::1]x:80/a", "registry host" },
		{ "[::1]:/a", "registry host" },
		{ "[:]/a", "registry host" },
		{ "[1.2.3.4]/a", "registry host" },
		{ "[::1%25eth0]/a", "registry host" },
		{ "::1/a", "registry host" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_reference r = { .tag = "kept" };
		EXPECT_ERR(oci_reference_parse(str_of(rows[i].text), &r), ERR_INVALID,
			   rows[i].says);
		EXPECT_ERR(oci_reference_parse_local(str_of(rows[i].text), &r), ERR_INVALID,
			   rows[i].says);
		EXPECT_STR(str_of(r.tag), "kept");
	}
	struct oci_reference r;
	EXPECT_ERR(oci_reference_parse(STR("a\0b"), &r), ERR_INVALID, "repository name");
	EXPECT_ERR(oci_reference_parse(STR("r.io\0x/b"), &r), ERR_INVALID, "registry host");
	EXPECT_ERR(oci_reference_parse(STR("[::1\0]/b"), &r), ERR_INVALID, "registry host");
	EXPECT_ERR(oci_reference_parse(STR("a:t\0"), &r), ERR_INVALID, "tag");
}

static void fill(char *text, const char *start, size_t n, const char *end)
{
	size_t at = strlen(start);
	memcpy(text, start, at);
	memset(text + at, 'a', n);
	strcpy(text + at + n, end);
}

TEST(lengths_are_bounded)
{
	char text[1024];
	struct oci_reference r;
	fill(text, "r.io/", 255, "");
	EXPECT_OK(oci_reference_parse(str_of(text), &r));
	EXPECT(strlen(r.repository) == 255);
	fill(text, "r.io/", 256, "");
	EXPECT_ERR(oci_reference_parse(str_of(text), &r), ERR_INVALID, "longer than 255");
	fill(text, "", 247, ""); /* below library/ */
	EXPECT_OK(oci_reference_parse(str_of(text), &r));
	fill(text, "", 248, "");
	EXPECT_ERR(oci_reference_parse(str_of(text), &r), ERR_INVALID, "longer than 255");
	EXPECT_OK(oci_reference_parse_local(str_of(text), &r));
	fill(text, "", 252, ".io/x");
	EXPECT_OK(oci_reference_parse(str_of(text), &r));
	EXPECT(strlen(r.host) == 255);
	fill(text, "", 253, ".io/x");
	EXPECT_ERR(oci_reference_parse(str_of(text), &r), ERR_INVALID, "longer than 255");
	fill(text, "a:", 128, "");
	EXPECT_OK(oci_reference_parse(str_of(text), &r));
	EXPECT(strlen(r.tag) == 128);
	fill(text, "a:", 129, "");
	EXPECT_ERR(oci_reference_parse(str_of(text), &r), ERR_INVALID, "tag");
}

TEST(the_longest_reference_fits_its_text)
{
	char host[256], name[256], tag[129], text[1024];
	struct oci_reference r;
	fill(host, "", 252, ".io");
	fill(name, "", 255, "");
	fill(tag, "", 128, "");
	snprintf(text, sizeof(text), "%s/%s:%s@%s", host, name, tag, D512);
	EXPECT_OK(oci_reference_parse(str_of(text), &r));
	EXPECT_STR(str_of(oci_reference_text(&r).s), text);
}

TEST(names_and_tags_are_checked_alone)
{
	EXPECT(oci_repository_name_ok(STR("a/b-c/d__e")));
	EXPECT(oci_repository_name_ok(STR("blobs/uploads")));
	EXPECT(!oci_repository_name_ok(STR("")));
	EXPECT(!oci_repository_name_ok(str_of(NULL)));
	EXPECT(!oci_repository_name_ok(STR("a/")));
	EXPECT(!oci_repository_name_ok(STR("a/_uploads")));
	EXPECT(!oci_repository_name_ok(STR("a\0")));
	EXPECT(oci_tag_ok(STR("_.-9Z")));
	EXPECT(!oci_tag_ok(STR("")));
	EXPECT(!oci_tag_ok(STR(".INVALID_MANIFEST_NAME")));
	EXPECT(!oci_tag_ok(STR("a+b")));
	EXPECT(!oci_tag_ok(STR("a/b")));
}
