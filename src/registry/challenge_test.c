#include "registry/challenge.h"

#include "base/test.h"

static struct arena *arena;
static struct challenge got[CHALLENGE_MOST];

static size_t parse(const char *text)
{
	arena_free(arena);
	arena = arena_open(1 << 20);
	return challenge_parse(arena, str_of(text), got);
}

TEST(challenge_bearer_is_read)
{
	EXPECT(parse("Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
		     "scope=\"repository:library/alpine:pull,push\",error=\"insufficient_scope\"") ==
	       1);
	EXPECT(got[0].kind == CHALLENGE_BEARER);
	EXPECT_STR(str_of(got[0].realm), "https://auth.docker.io/token");
	EXPECT_STR(str_of(got[0].service), "registry.docker.io");
	EXPECT_STR(str_of(got[0].scope), "repository:library/alpine:pull,push");
	EXPECT_STR(str_of(got[0].error), "insufficient_scope");
}

TEST(challenge_spelling_is_free)
{
	EXPECT(parse(" ,, bEARER  REALM = \"a\\\"b\\\\\" , Service=plain/x:1 ,") == 1);
	EXPECT(got[0].kind == CHALLENGE_BEARER);
	EXPECT_STR(str_of(got[0].realm), "a\"b\\");
	EXPECT_STR(str_of(got[0].service), "plain/x:1");
	EXPECT_STR(str_of(got[0].scope), "");
	EXPECT(parse("Basic") == 1);
	EXPECT(got[0].kind == CHALLENGE_BASIC);
}

TEST(challenge_lists_are_taken_apart)
{
	EXPECT(parse("Negotiate YIIabc==, Basic realm=\"basic bearer, x=y\", Digest a=b,c=\"d\", "
		     "Bearer realm=\"r\"") == 4);
	EXPECT(got[0].kind == CHALLENGE_OTHER);
	EXPECT(got[1].kind == CHALLENGE_BASIC);
	EXPECT_STR(str_of(got[1].realm), "basic bearer, x=y");
	EXPECT(got[2].kind == CHALLENGE_OTHER);
	EXPECT(got[3].kind == CHALLENGE_BEARER);
	EXPECT_STR(str_of(got[3].realm), "r");
	EXPECT(parse("Negotiate, Basic realm=x") == 2);
	EXPECT(got[1].kind == CHALLENGE_BASIC);
}

TEST(challenge_first_of_two_parameters_counts)
{
	EXPECT(parse("Bearer realm=\"https://a\",realm=\"https://b\"") == 1);
	EXPECT_STR(str_of(got[0].realm), "https://a");
}

TEST(challenge_malformed_is_left_out)
{
	EXPECT(parse("") == 0);
	EXPECT(parse("=") == 0);
	EXPECT(parse("Bearer realm=\"unfinished") == 0);
	EXPECT(parse("Bearer realm=\"line\r\nX: y\"") == 0);
	EXPECT(parse("Bearer realm=\"a\" service=\"b\"") == 0);
	EXPECT(parse("Basic realm=\"a\", Bearer realm=") == 1);
	EXPECT(got[0].kind == CHALLENGE_BASIC);
	EXPECT(parse("a,b,c,d,e,f,g,h,i,j") == CHALLENGE_MOST);
}
