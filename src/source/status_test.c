/* Requests to each provider, by vectors, and what answers mean. Sent ones are in
 * tests/integration/test_commit_status.py. */
#include "source/status.h"

#include "base/test.h"
#include "codec/json.h"

#define SHA "0123456789abcdef0123456789abcdef01234567"

static struct source_url url_of(const char *text)
{
	struct source_url u;
	EXPECT_OK(source_url_parse(str_of(text), &u));
	return u;
}

static struct source_status a_status(enum source_provider p, const struct source_url *u)
{
	return (struct source_status){ .provider = p,
				       .url = u,
				       .username = "x-token-auth",
				       .token = STR("t0ken"),
				       .commit = SHA,
				       .ref = "refs/heads/main",
				       .state = SOURCE_SUCCESS,
				       .context = "kiln/demo/app",
				       .description = "Build 12 succeeded",
				       .link = "https://kiln.example/b/1" };
}

static void expect_code(struct err *e, const char *code)
{
	EXPECT(e && e->kind == ERR_CONFLICT);
	EXPECT_STR(str_of(err_code(e)), code);
	err_free(e);
}

static const struct {
	enum source_provider provider;
	const char *repository, *url; /* url NULL: STATUS_PATH */
} addresses[] = {
	{ SOURCE_GITHUB, "https://github.com/o/r.git",
	  "https://api.github.com/repos/o/r/statuses/" SHA },
	{ SOURCE_GITHUB, "https://github.com:8443/o/r/",
	  "https://api.github.com/repos/o/r/statuses/" SHA },
	{ SOURCE_GITHUB, "https://acme.ghe.com/o/r",
	  "https://api.acme.ghe.com/repos/o/r/statuses/" SHA },
	{ SOURCE_GITHUB, "https://git.example:8443/o/r.git",
	  "https://git.example:8443/api/v3/repos/o/r/statuses/" SHA },
	{ SOURCE_GITHUB, "http://127.0.0.1:3000/o/r.git",
	  "http://127.0.0.1:3000/api/v3/repos/o/r/statuses/" SHA },
	{ SOURCE_GITHUB, "https://github.com.evil.example/o/r",
	  "https://github.com.evil.example/api/v3/repos/o/r/statuses/" SHA },
	{ SOURCE_GITHUB, "https://[2001:db8::1]:80/o/r",
	  "https://[2001:db8::1]:80/api/v3/repos/o/r/statuses/" SHA },
	{ SOURCE_GITHUB, "https://github.com/o", NULL },
	{ SOURCE_GITHUB, "https://github.com/a/o/r", NULL },
	{ SOURCE_GITHUB, "https://github.com/o/%2e%2e", NULL },
	{ SOURCE_GITHUB, "https://github.com/o/a%2fb", NULL },
	{ SOURCE_GITHUB, "https://github.com/o/a%0d%0ab", NULL },
	{ SOURCE_GITHUB, "https://github.com/o/a%4", NULL },
	{ SOURCE_GITHUB, "https://github.com/o/%ff", NULL },
	{ SOURCE_GITHUB, "https://github.com/o/.git", NULL },
	{ SOURCE_GITHUB, "https://git.example/o/r%3Fx=1.git",
	  "https://git.example/api/v3/repos/o/r%3Fx%3D1/statuses/" SHA },
	{ SOURCE_GITLAB, "https://gitlab.com/group/sub/r.git",
	  "https://gitlab.com/api/v4/projects/group%2Fsub%2Fr/statuses/" SHA },
	{ SOURCE_GITLAB, "https://git.example/o/\xc3\xa9%20x.git",
	  "https://git.example/api/v4/projects/o%2F%C3%A9%20x/statuses/" SHA },
	{ SOURCE_GITLAB, "https://gitlab.com/r", NULL },
	{ SOURCE_GITEA, "https://codeberg.org/o/r.git",
	  "https://codeberg.org/api/v1/repos/o/r/statuses/" SHA },
	{ SOURCE_GITEA, "https://git.example/below/it/o/r.git",
	  "https://git.example/below/it/api/v1/repos/o/r/statuses/" SHA },
	{ SOURCE_BITBUCKET, "https://bitbucket.org/w/r.git",
	  "https://api.bitbucket.org/2.0/repositories/w/r/commit/" SHA "/statuses/build" },
	{ SOURCE_BITBUCKET_SERVER, "https://git.example/scm/prj/r.git",
	  "https://git.example/rest/api/latest/projects/prj/repos/r/commits/" SHA "/builds" },
	{ SOURCE_BITBUCKET_SERVER, "https://git.example/bb/scm/~mina/r.git",
	  "https://git.example/bb/rest/api/latest/projects/~mina/repos/r/commits/" SHA "/builds" },
	{ SOURCE_BITBUCKET_SERVER, "https://git.example/prj/r.git", NULL },
	{ SOURCE_CODEUP, "https://codeup.aliyun.com/60de7a68/team/r.git",
	  "https://openapi-rdc.aliyuncs.com/oapi/v1/codeup/organizations/60de7a68/repositories/"
	  "60de7a68%2Fteam%2Fr/commits/" SHA "/statuses" },
	{ SOURCE_CODEUP, "https://codeup.example/team/r.git",
	  "https://codeup.example/oapi/v1/codeup/repositories/team%2Fr/commits/" SHA "/statuses" },
};

TEST(the_address_of_the_call_follows_from_that_of_the_repository)
{
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct source_url u = url_of(addresses[i].repository);
		struct source_status s = a_status(addresses[i].provider, &u);
		struct source_status_request r;
		if (addresses[i].url) {
			EXPECT_OK(source_status_request(a, &s, &r));
			EXPECT_STR(str_of(r.url), addresses[i].url);
			const char *api = source_status_api(a, s.provider, &u);
			EXPECT(api && str_starts(str_of(r.url), str_of(api)));
		} else {
			expect_code(source_status_request(a, &s, &r), "STATUS_PATH");
			EXPECT(!source_status_api(a, s.provider, &u));
		}
	}
}

static const struct {
	enum source_provider provider;
	const char *repository;
	enum source_state state;
	const char *authorization, *header, *body;
} calls[] = {
	{ SOURCE_GITHUB, "https://github.com/o/r", SOURCE_SUCCESS, "Bearer t0ken", NULL,
	  "{\"state\":\"success\",\"context\":\"kiln/demo/app\","
	  "\"target_url\":\"https://kiln.example/b/1\",\"description\":\"Build 12 succeeded\"}" },
	{ SOURCE_GITLAB, "https://gitlab.com/o/r", SOURCE_RUNNING, NULL, "PRIVATE-TOKEN: t0ken",
	  "{\"state\":\"running\",\"name\":\"kiln/demo/app\","
	  "\"target_url\":\"https://kiln.example/b/1\",\"description\":\"Build 12 succeeded\","
	  "\"ref\":\"main\"}" },
	{ SOURCE_GITEA, "https://git.example/o/r", SOURCE_FAILED, "token t0ken", NULL,
	  "{\"state\":\"failure\",\"context\":\"kiln/demo/app\","
	  "\"target_url\":\"https://kiln.example/b/1\",\"description\":\"Build 12 succeeded\"}" },
	{ SOURCE_BITBUCKET, "https://bitbucket.org/o/r", SOURCE_CANCELED, "Bearer t0ken", NULL,
	  "{\"state\":\"STOPPED\",\"key\":\"kiln/demo/app\",\"name\":\"kiln/demo/app\","
	  "\"url\":\"https://kiln.example/b/1\",\"description\":\"Build 12 succeeded\"}" },
	{ SOURCE_BITBUCKET_SERVER, "https://git.example/scm/p/r", SOURCE_QUEUED, "Bearer t0ken",
	  NULL,
	  "{\"state\":\"INPROGRESS\",\"key\":\"kiln/demo/app\",\"name\":\"kiln/demo/app\","
	  "\"url\":\"https://kiln.example/b/1\",\"description\":\"Build 12 succeeded\","
	  "\"ref\":\"refs/heads/main\"}" },
	{ SOURCE_CODEUP, "https://codeup.aliyun.com/org/r", SOURCE_QUEUED, NULL,
	  "x-yunxiao-token: t0ken",
	  "{\"state\":\"pending\",\"context\":\"kiln/demo/app\","
	  "\"targetUrl\":\"https://kiln.example/b/1\",\"description\":\"Build 12 succeeded\"}" },
};

TEST(each_provider_is_told_in_its_own_words)
{
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct source_url u = url_of(calls[i].repository);
		struct source_status s = a_status(calls[i].provider, &u);
		struct source_status_request r;
		s.state = calls[i].state;
		EXPECT_OK(source_status_request(a, &s, &r));
		EXPECT_STR(str_of(r.body), calls[i].body);
		EXPECT(!r.authorization == !calls[i].authorization &&
		       !r.header == !calls[i].header);
		EXPECT_STR(str_of(r.authorization ? r.authorization : r.header),
			   calls[i].authorization ? calls[i].authorization : calls[i].header);
	}
}

TEST(states_are_those_of_the_provider)
{
	static const struct {
		enum source_provider provider;
		const char *repository, *states[5];
	} v[] = {
		{ SOURCE_GITHUB,
		  "https://github.com/o/r",
		  { "pending", "pending", "success", "failure", "error" } },
		{ SOURCE_GITLAB,
		  "https://gitlab.com/o/r",
		  { "pending", "running", "success", "failed", "canceled" } },
		{ SOURCE_GITEA,
		  "https://git.example/o/r",
		  { "pending", "pending", "success", "failure", "error" } },
		{ SOURCE_BITBUCKET,
		  "https://bitbucket.org/o/r",
		  { "INPROGRESS", "INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED" } },
		{ SOURCE_BITBUCKET_SERVER,
		  "https://git.example/scm/o/r",
		  { "INPROGRESS", "INPROGRESS", "SUCCESSFUL", "FAILED", "FAILED" } },
		{ SOURCE_CODEUP,
		  "https://codeup.aliyun.com/o/r",
		  { "pending", "pending", "success", "failure", "error" } },
	};
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		for (int k = 0; k < 5; k++) {
			struct source_url u = url_of(v[i].repository);
			struct source_status s = a_status(v[i].provider, &u);
			struct source_status_request r;
			s.state = (enum source_state)k;
			EXPECT_OK(source_status_request(a, &s, &r));
			own_json j = NULL;
			EXPECT_OK(json_read(str_of(r.body), &j));
			EXPECT_STR(str_of(json_string_value(json_object_get(j, "state"))),
				   v[i].states[k]);
		}
	}
}

TEST(an_app_password_has_its_user)
{
	own(arena) a = arena_open(1 << 20);
	struct source_url u = url_of("https://bitbucket.org/o/r");
	struct source_status s = a_status(SOURCE_BITBUCKET, &u);
	struct source_status_request r;
	s.username = "mina";
	s.token = STR("secret");
	EXPECT_OK(source_status_request(a, &s, &r));
	EXPECT_STR(str_of(r.authorization), "Basic bWluYTpzZWNyZXQ=");
}

static json_t *told(struct arena *a, const struct source_status *s)
{
	struct source_status_request r;
	json_t *j = NULL;
	EXPECT_OK(source_status_request(a, s, &r));
	EXPECT_OK(json_read(str_of(r.body), &j));
	return j;
}

static struct str member(json_t *j, const char *name)
{
	return str_of(json_string_value(json_object_get(j, name)));
}

TEST(what_is_long_is_cut_between_characters_and_stays_distinct)
{
	own(arena) a = arena_open(1 << 20);
	char one[402], two[402];
	for (size_t i = 0; i < 400; i += 2)
		memcpy(one + i, "\xc3\xa9", 2);
	one[400] = 0;
	memcpy(two, one, 401);
	two[399] = (char)0xa8; /* the last letter alone */
	static const struct {
		enum source_provider provider;
		const char *repository, *member;
		size_t most;
	} v[] = { { SOURCE_GITHUB, "https://github.com/o/r", "context", 255 },
		  { SOURCE_GITLAB, "https://gitlab.com/o/r", "name", 255 },
		  { SOURCE_GITEA, "https://git.example/o/r", "context", 255 },
		  { SOURCE_BITBUCKET, "https://bitbucket.org/o/r", "key", 40 },
		  { SOURCE_CODEUP, "https://codeup.aliyun.com/o/r", "context", 50 } };
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		struct source_url u = url_of(v[i].repository);
		struct source_status s = a_status(v[i].provider, &u);
		s.description = one;
		s.context = one;
		own_json first = told(a, &s);
		s.context = two;
		own_json second = told(a, &s);
		struct str x = member(first, v[i].member), y = member(second, v[i].member);
		EXPECT(x.len <= v[i].most && x.len > v[i].most - 3 && str_is_utf8(x));
		EXPECT(y.len <= v[i].most && !str_eq(x, y));
		EXPECT(member(first, "description").len == SOURCE_STATUS_TEXT);
		if (v[i].provider == SOURCE_BITBUCKET)
			EXPECT(member(first, "name").len == 254);
	}
}

TEST(names_are_text)
{
	own(arena) a = arena_open(1 << 20);
	struct source_url u = url_of("https://github.com/o/r");
	struct source_status s = a_status(SOURCE_GITHUB, &u);
	s.context = "a\"b\\c</script>\n{\"state\":\"x\"}";
	own_json j = told(a, &s);
	EXPECT_STR(member(j, "context"), "a\"b\\c</script>\n{\"state\":\"x\"}");
	EXPECT_STR(member(j, "state"), "success");
	s.link = NULL;
	own_json without = told(a, &s);
	EXPECT(!json_object_get(without, "target_url"));
}

TEST(what_cannot_be_told_is_said_before)
{
	static const struct {
		enum source_provider provider;
		const char *repository, *token, *link, *code;
	} v[] = {
		{ SOURCE_GITHUB, "https://github.com/o/r", "t", NULL, NULL },
		{ SOURCE_GITHUB, "git@github.com:o/r.git", "", "l", "STATUS_TOKEN" },
		{ SOURCE_GITLAB, "https://gitlab.com/o/r", "", "l", "STATUS_TOKEN" },
		{ SOURCE_BITBUCKET, "https://bitbucket.org/o/r", "t", NULL, "STATUS_LINK" },
		{ SOURCE_BITBUCKET_SERVER, "https://git.example/scm/o/r", "t", NULL,
		  "STATUS_LINK" },
		{ SOURCE_GITEE, "https://gitee.com/o/r", "t", "l", "STATUS_PROVIDER" },
		{ SOURCE_GENERIC, "https://git.example/o/r", "t", "l", "STATUS_PROVIDER" },
		{ SOURCE_KILN, "https://git.example/o/r", "t", "l", "STATUS_PROVIDER" },
	};
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		struct source_url u = url_of(v[i].repository);
		struct source_status s = a_status(v[i].provider, &u);
		s.token = str_of(v[i].token);
		s.link = v[i].link;
		if (v[i].code)
			expect_code(source_status_check(a, &s), v[i].code);
		else
			EXPECT_OK(source_status_check(a, &s));
	}
}

TEST(an_answer_is_a_report_a_delay_or_an_end)
{
	static const struct {
		enum source_provider provider;
		int http;
		bool limited;
		const char *body, *code, *text; /* code NULL: reported */
		bool again;
	} v[] = {
		{ SOURCE_GITHUB, 201, false, "{}", NULL, NULL, false },
		{ SOURCE_GITHUB, 200, false, "<html>", NULL, NULL, false },
		{ SOURCE_GITHUB, 401, false, "{\"message\":\"Bad credentials\"}", "STATUS_AUTH",
		  "h does not accept the token (401: Bad credentials)", false },
		{ SOURCE_GITHUB, 403, false, "no JSON", "STATUS_DENIED",
		  "the token may not do it: h answered 403", false },
		{ SOURCE_GITHUB, 403, true, "", "STATUS_UNAVAILABLE", "h answered 403", true },
		{ SOURCE_GITHUB, 404, false, "[1]", "STATUS_NOT_FOUND",
		  "h has no such repository or commit, or hides it from the token (404)", false },
		{ SOURCE_GITHUB, 422, false, "{\"message\":\"a\\nb\\u0007\"}", "STATUS_REFUSED",
		  "h answered 422: a b ", false },
		{ SOURCE_GITHUB, 429, false, "", "STATUS_UNAVAILABLE", "h answered 429", true },
		{ SOURCE_GITHUB, 503, false, "{\"message\":7}", "STATUS_UNAVAILABLE",
		  "h answered 503", true },
		{ SOURCE_GITHUB, 301, false, "", "STATUS_REFUSED",
		  "h answered 301: redirects are not followed", false },
		{ SOURCE_GITLAB, 400, false,
		  "{\"message\":\"Cannot transition status via :run from :running\"}", NULL, NULL,
		  false },
		{ SOURCE_GITEA, 400, false, "{\"message\":\"Cannot transition status\"}",
		  "STATUS_REFUSED", "h answered 400: Cannot transition status", false },
	};
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		struct source_status_answer w;
		source_status_answer(a, v[i].provider, "h", v[i].http, v[i].limited,
				     str_of(v[i].body), &w);
		EXPECT(w.reported == !v[i].code && w.again == v[i].again);
		if (!v[i].code)
			continue;
		EXPECT_STR(str_of(w.code), v[i].code);
		EXPECT_STR(str_of(w.text), v[i].text);
	}
}

TEST(a_long_message_is_cut)
{
	own(arena) a = arena_open(1 << 20);
	struct source_status_answer w;
	struct buf b;
	buf_init(&b, 10000);
	buf_add(&b, STR("{\"message\":\""));
	for (int i = 0; i < 1000; i++)
		buf_add(&b, STR("x\xc3\xa9"));
	buf_add(&b, STR("\"}"));
	source_status_answer(a, SOURCE_GITHUB, "h", 500, false, buf_str(&b), &w);
	EXPECT(strlen(w.text) <= 220 && strlen(w.text) > 200 && str_is_utf8(str_of(w.text)));
	buf_done(&b);
}
