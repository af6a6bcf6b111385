#include "registry/mirrors.h"

#include "base/test.h"

TEST(mirrors_are_read_in_order)
{
	struct mirrors m;
	EXPECT_OK(mirrors_parse((const char *const[]){ "docker.io=https://a.example",
						       "ghcr.io=b.example:5000/v2/cache/ghcr/",
						       "index.docker.io=127.0.0.1:5000", NULL },
				&m));
	const struct mirror *a = mirrors_next(&m, "docker.io", NULL);
	EXPECT_STR(str_of(a->origin), "https://a.example");
	EXPECT_STR(str_of(a->prefix), "");
	EXPECT(a->tls);
	const struct mirror *b = mirrors_next(&m, "registry-1.docker.io", a);
	EXPECT_STR(str_of(b->origin), "http://127.0.0.1:5000");
	EXPECT_STR(str_of(b->at), "127.0.0.1:5000");
	EXPECT(!mirrors_next(&m, "docker.io", b));
	const struct mirror *g = mirrors_next(&m, "ghcr.io", NULL);
	EXPECT_STR(str_of(g->origin), "https://b.example:5000");
	EXPECT_STR(str_of(g->prefix), "cache/ghcr/");
	EXPECT(!mirrors_next(&m, "quay.io", NULL));
	mirrors_done(&m);
}

TEST(mirrors_none)
{
	struct mirrors m;
	EXPECT_OK(mirrors_parse(NULL, &m));
	EXPECT(!mirrors_next(&m, "docker.io", NULL));
	mirrors_done(&m);
}

static void expect_bad(const char *text, const char *why)
{
	struct mirrors m;
	EXPECT_ERR(mirrors_parse((const char *const[]){ "a=https://b", text, NULL }, &m),
		   ERR_INVALID, why);
}

TEST(mirrors_malformed_are_named)
{
	expect_bad("docker.io", "\"docker.io\": it is written HOST=URL");
	expect_bad("=https://a", "HOST=URL");
	expect_bad("docker.io=", "HOST=URL");
	expect_bad("docker.io=ftp://a", "scheme");
	expect_bad("docker.io=https://u:p@a", "user name");
	expect_bad("docker.io=https://a/Upper", "repository name");
	expect_bad("docker.io=https://a/x?y=z", "repository name");
}
