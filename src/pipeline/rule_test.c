/* What a rule may say, before any ref is there. */
#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"
#include "pipeline/rule.h"

static struct pipeline_rule good(void)
{
	return (struct pipeline_rule){ .pattern = "main",
				       .tags = { { .version = "latest" } },
				       .n_tags = 1 };
}

static void expect_taken(struct pipeline_rule *r)
{
	own(arena) a = arena_open(1 << 20);
	EXPECT_OK(pipeline_rule_check(a, r));
}

static void expect_refused(struct pipeline_rule r, const char *code, const char *part)
{
	own(arena) a = arena_open(1 << 20);
	own(err) e = pipeline_rule_check(a, &r);
	EXPECT_STR(str_of(e ? err_code(e) : "no error"), code);
	own_mem char *text = err_text(e);
	if (!strstr(text, part))
		fail_msg("\"%s\" has no \"%s\"", text, part);
}

static struct oci_platform platform(const char *text)
{
	struct oci_platform p;
	EXPECT_OK(oci_platform_parse(str_of(text), &p));
	return p;
}

TEST(a_rule_has_its_defaults)
{
	own(arena) a = arena_open(1 << 20);
	struct pipeline_rule r = good();
	EXPECT_OK(pipeline_rule_check(a, &r));
	EXPECT(r.n_platforms == 1);
	EXPECT_STR(str_of(oci_platform_text(&r.platforms[0]).s), "linux/amd64");
	EXPECT_STR(str_of(r.dockerfile_dir), "");
	EXPECT_STR(str_of(r.dockerfile_name), "Dockerfile");
	EXPECT(r.time_limit_s == 3600);
	EXPECT(r.policy == PIPELINE_ALL && r.newer_push == PIPELINE_NEWER_CANCELS);
}

TEST(windows_is_refused_with_the_list_of_the_supported)
{
	static const char *const others[] = { "windows/amd64", "linux/386", "linux/s390x",
					      "linux/arm/v5", "darwin/arm64" };
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct pipeline_rule r = good();
		r.platforms[0] = platform("linux/arm64");
		r.platforms[1] = platform(others[i]);
		r.n_platforms = 2;
		expect_refused(r, "PLATFORM", others[i]);
		expect_refused(
			r, "PLATFORM",
			"supported are linux/amd64, linux/arm64, linux/arm/v7 and linux/arm/v6");
	}
}

TEST(the_four_platforms_are_taken_each_once)
{
	static const char *const all[] = { "linux/amd64", "linux/arm64", "linux/arm/v7",
					   "linux/arm/v6" };
	struct pipeline_rule r = good();
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		r.platforms[r.n_platforms++] = platform(all[i]);
	expect_taken(&r);
	r.platforms[3] = platform("linux/arm/v7");
	expect_refused(r, "PLATFORM", "linux/arm/v7 is given twice");
	r.platforms[3] = platform("linux/arm"); /* another way to say v7 */
	expect_refused(r, "PLATFORM", "given twice");
}

TEST(required_platforms_are_some_of_those_that_are_built)
{
	struct pipeline_rule r = good();
	r.platforms[r.n_platforms++] = platform("linux/amd64");
	r.platforms[r.n_platforms++] = platform("linux/arm64");
	r.policy = PIPELINE_REQUIRED;
	expect_refused(r, "POLICY", "names no platform");
	r.required[r.n_required++] = platform("linux/arm64");
	expect_taken(&r);
	r.policy = PIPELINE_BEST_EFFORT;
	expect_refused(r, "POLICY", "for the policy required");
	r.policy = PIPELINE_REQUIRED;
	r.required[0] = platform("linux/arm/v6");
	expect_refused(r, "PLATFORM", "linux/arm/v6 is required, but not built");
}

TEST(one_to_three_image_tags)
{
	struct pipeline_rule r = good();
	r.n_tags = 0;
	expect_refused(r, "IMAGE_TAGS", "one to three");
	r.tags[1] = (struct pipeline_template){ .version = "", .time = PIPELINE_DATE };
	r.tags[2] = (struct pipeline_template){ .version = "", .commit = 40 };
	r.n_tags = 3;
	expect_taken(&r);
	r.n_tags = 4;
	expect_refused(r, "IMAGE_TAGS", "one to three");
}

TEST(a_tag_has_something_to_say)
{
	struct pipeline_rule r = good();
	r.tags[0] = (struct pipeline_template){ .version = "" };
	expect_refused(r, "TAG_TEMPLATE", "empty");
	r.tags[0] = (struct pipeline_template){ .version = "", .commit = 41 };
	expect_refused(r, "TAG_TEMPLATE", "1 to 40");
	r.tags[0] = (struct pipeline_template){ .version = "a-${GIT_COMMIT_ID:6}" };
	expect_refused(r, "TAG_TEMPLATE", "fields of their own");
}

TEST(text_that_no_tag_has_room_for)
{
	/* What is fixed has so many characters; a group may be empty. */
	static const struct {
		size_t text;
		const char *behind;
		struct pipeline_template rest;
		bool fits;
	} rows[] = {
		{ 128, "", { .commit = 0 }, true },
		{ 129, "", { .commit = 0 }, false },
		{ 128, "${branch}", { .commit = 0 }, true },
		{ 127, "${branch}-x", { .commit = 0 }, false },
		{ 87, "", { .commit = 40 }, true },
		{ 88, "", { .commit = 40 }, false },
		{ 119, "", { .time = PIPELINE_DATE }, true },
		{ 120, "", { .time = PIPELINE_DATE }, false },
		{ 115, "", { .time = PIPELINE_MINUTE }, true },
		{ 116, "", { .time = PIPELINE_MINUTE }, false },
		{ 112, "", { .time = PIPELINE_DATE, .commit = 6 }, true },
		{ 113, "", { .time = PIPELINE_DATE, .commit = 6 }, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char version[160];
		memset(version, 'x', rows[i].text);
		strcpy(version + rows[i].text, rows[i].behind);
		struct pipeline_rule r = good();
		r.tags[0] = rows[i].rest;
		r.tags[0].version = version;
		if (rows[i].fits)
			expect_taken(&r);
		else
			expect_refused(r, "TAG_LONG", "at most 128");
	}
}

/* ---- build arguments ---- */

static char arg_names[32][32];

static void add_args(struct pipeline_rule *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(arg_names[i], sizeof(arg_names[i]), "ARG_%zu", i);
		r->args[r->n_args++] = (struct pipeline_arg){ arg_names[i], "value" };
	}
}

TEST(twenty_build_arguments_and_no_more)
{
	struct pipeline_rule r = good();
	add_args(&r, 20);
	expect_taken(&r);
	EXPECT(r.n_args == 20);
	r.n_args = 21;
	expect_refused(r, "BUILD_ARG", "at most 20");
}

TEST(build_arguments_are_case_sensitive)
{
	struct pipeline_rule r = good();
	r.args[0] = (struct pipeline_arg){ "UserName", "Test" };
	r.args[1] = (struct pipeline_arg){ "username", "test" };
	r.args[2] = (struct pipeline_arg){ "USERNAME", "TEST" };
	r.n_args = 3;
	expect_taken(&r);
	EXPECT_STR(str_of(r.args[0].name), "UserName");
	EXPECT_STR(str_of(r.args[2].value), "TEST");
	r.args[2].name = "username";
	expect_refused(r, "BUILD_ARG", "username is given twice");
}

TEST(names_of_build_arguments)
{
	static const char *const fine[] = { "A", "_", "a1", "HTTP_PROXY", "__x__" };
	static const char *const bad[] = { "",    "1A", "A B", "A=B", "A-B", "A.B", "\xc3\xa9",
					   "A\n", "$A", "A\"", "-A",  "--x", " A" };
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		struct pipeline_rule r = good();
		r.args[r.n_args++] = (struct pipeline_arg){ fine[i], "x" };
		expect_taken(&r);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct pipeline_rule r = good();
		r.args[r.n_args++] = (struct pipeline_arg){ bad[i], "x" };
		expect_refused(r, "BUILD_ARG", "no name");
	}
}

TEST(values_of_build_arguments)
{
	own_mem char *last = mem_zalloc(4097), *first = mem_zalloc(4098);
	memset(last, 'x', 4096);
	memset(first, 'x', 4097);
	const char *const fine[] = { "",     "a=b=c", "registry:5000/ns/node:20", "a b", "\"'$`",
				     "日本", last };
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		struct pipeline_rule r = good();
		r.args[r.n_args++] = (struct pipeline_arg){ "A", fine[i] };
		expect_taken(&r);
	}
	struct pipeline_rule r = good();
	r.args[r.n_args++] = (struct pipeline_arg){ "A", first };
	expect_refused(r, "BUILD_ARG", "longer than 4096 bytes");
}

/* ---- the Dockerfile ---- */

TEST(directories_and_names_of_the_dockerfile)
{
	static const struct {
		const char *dir, *name, *want_dir, *want_name;
	} rows[] = {
		{ NULL, NULL, "", "Dockerfile" },
		{ "", "", "", "Dockerfile" },
		{ "/", "Dockerfile", "", "Dockerfile" },
		{ ".", "./Dockerfile", "", "Dockerfile" },
		{ "/caddy/", "Dockerfile.web", "caddy", "Dockerfile.web" },
		{ "/backend", "api.Dockerfile", "backend", "api.Dockerfile" },
		{ "code/backend/x", "Dockerfile", "code/backend/x", "Dockerfile" },
		{ "./app//./x/", "docker/webmail.Dockerfile", "app/x",
		  "docker/webmail.Dockerfile" },
		{ "a..b/...", "..Dockerfile", "a..b/...", "..Dockerfile" },
		{ "日本", "x y", "日本", "x y" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(1 << 20);
		struct pipeline_rule r = good();
		r.dockerfile_dir = rows[i].dir;
		r.dockerfile_name = rows[i].name;
		EXPECT_OK(pipeline_rule_check(a, &r));
		EXPECT_STR(str_of(r.dockerfile_dir), rows[i].want_dir);
		EXPECT_STR(str_of(r.dockerfile_name), rows[i].want_name);
	}
}

TEST(paths_do_not_leave_the_repository)
{
	static const char *const bad[] = { "..", "../x", "a/../b", "a/..", "/..", "/a/../../etc" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		own(arena) a = arena_open(1 << 20);
		struct pipeline_rule r = good();
		r.dockerfile_dir = bad[i];
		EXPECT_ERR(pipeline_rule_check(a, &r), ERR_INVALID, "leaves the repository");
		r = good();
		r.dockerfile_name = bad[i];
		EXPECT_ERR(pipeline_rule_check(a, &r), ERR_INVALID, "leaves the repository");
	}
	struct pipeline_rule r = good();
	r.dockerfile_name = "/";
	expect_refused(r, "DOCKERFILE_NAME", "no name");
}

/* ---- the rest ---- */

TEST(priorities_and_time_limits_have_bounds)
{
	static const struct {
		int priority;
		uint32_t limit_s;
		const char *code;
	} rows[] = {
		{ 100, 60, NULL },        { -100, 86400, NULL },   { 101, 60, "PRIORITY" },
		{ -101, 60, "PRIORITY" }, { 0, 59, "TIME_LIMIT" }, { 0, 86401, "TIME_LIMIT" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pipeline_rule r = good();
		r.priority = rows[i].priority;
		r.time_limit_s = rows[i].limit_s;
		if (rows[i].code)
			expect_refused(r, rows[i].code, "");
		else
			expect_taken(&r);
	}
}

TEST(by_hand_only_what_needs_no_push)
{
	static const struct {
		bool is_expression;
		struct pipeline_template last;
		const char *why; /* NULL: it may */
	} rows[] = {
		{ false, { .version = "x" }, NULL },
		{ true, { .version = "x" }, "expression" },
		{ false, { .version = "x", .time = PIPELINE_DATE }, "time" },
		{ false, { .version = "", .time = PIPELINE_MINUTE }, "time" },
		{ false, { .version = "x", .commit = 6 }, "commit" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *why = "unset";
		struct pipeline_rule r = good();
		r.is_expression = rows[i].is_expression;
		r.tags[r.n_tags++] = rows[i].last;
		EXPECT(pipeline_rule_by_hand(&r, &why) == !rows[i].why);
		EXPECT(rows[i].why ? strstr(why, rows[i].why) != NULL : why == NULL);
		EXPECT(pipeline_rule_by_hand(&r, NULL) == !rows[i].why);
	}
}

TEST(what_looks_like_an_expression)
{
	static const char *const names[] = { "main",      "release-1.2", "a/b", "v1.0.0", "日本",
					     "a_b-c.d@e", "#1",          "a=b", "" };
	static const char *const expressions[] = {
		"v.*", "a+",   "a?",   "^main", "main$",           "a|b",
		"(a)", "[ab]", "a{2}", "\\d",   "release-(?<n>.*)"
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		EXPECT(!pipeline_looks_like_expression(str_of(names[i])));
	for (size_t i = 0; i < ARRAY_LEN(expressions); i++)
		EXPECT(pipeline_looks_like_expression(str_of(expressions[i])));
}
