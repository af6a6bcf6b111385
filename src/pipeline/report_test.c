/* Commit status: what a commit's builds are together, and that a report is due exactly when a build
 * moved. Requests are in tests/integration/test_commit_status.py. */
#include "pipeline/report_priv.h"

#include "base/limits.h"
#include "pipeline/test_priv.h"

/* ---- the state of a commit ---- */

static const struct {
	struct pipeline_report_build v[4];
	size_t n;
	enum source_state state;
	const char *id, *text;
} commits[] = {
	{ { { .id = "a", .ref = "r", .seq = 7, .status = PIPELINE_PENDING } },
	  1,
	  SOURCE_QUEUED,
	  "a",
	  "Build 7 is waiting" },
	{ { { .id = "a", .ref = "r", .seq = 7, .status = PIPELINE_BUILDING } },
	  1,
	  SOURCE_RUNNING,
	  "a",
	  "Build 7 is running" },
	{ { { .id = "a",
	      .ref = "r",
	      .seq = 7,
	      .status = PIPELINE_FAILED,
	      .error_code = "RUN_EXIT" } },
	  1,
	  SOURCE_FAILED,
	  "a",
	  "Build 7 failed (RUN_EXIT)" },
	{ { { .id = "a", .ref = "r", .seq = 7, .status = PIPELINE_FAILED, .error_code = "a\"b" } },
	  1,
	  SOURCE_FAILED,
	  "a",
	  "Build 7 failed" },
	{ { { .id = "a", .ref = "r", .seq = 7, .status = PIPELINE_CANCELED } },
	  1,
	  SOURCE_CANCELED,
	  "a",
	  "Build 7 was canceled" },
	{ { { .id = "a", .ref = "r", .seq = 7, .status = PIPELINE_CANCELED, .superseded = true } },
	  1,
	  SOURCE_CANCELED,
	  "a",
	  "Build 7 was superseded by a newer one" },
	/* of a rule and a ref the newest counts */
	{ { { .id = "b", .rule_id = "x", .ref = "r", .seq = 8, .status = PIPELINE_SUCCESS },
	    { .id = "a", .rule_id = "x", .ref = "r", .seq = 7, .status = PIPELINE_FAILED } },
	  2,
	  SOURCE_SUCCESS,
	  "b",
	  "Build 8 succeeded" },
	/* another ref, another rule */
	{ { { .id = "b", .rule_id = "x", .ref = "s", .seq = 8, .status = PIPELINE_SUCCESS },
	    { .id = "a", .rule_id = "x", .ref = "r", .seq = 7, .status = PIPELINE_FAILED } },
	  2,
	  SOURCE_FAILED,
	  "a",
	  "Build 7 failed; 1 of 2 builds" },
	{ { { .id = "c", .rule_id = "z", .ref = "r", .seq = 9, .status = PIPELINE_PENDING },
	    { .id = "b", .rule_id = "x", .ref = "r", .seq = 8, .status = PIPELINE_BUILDING },
	    { .id = "a", .rule_id = "y", .ref = "r", .seq = 7, .status = PIPELINE_SUCCESS } },
	  3,
	  SOURCE_RUNNING,
	  "b",
	  "Build 8 is running; 1 of 3 builds" },
	{ { { .id = "b", .rule_id = "x", .ref = "r", .seq = 8, .status = PIPELINE_SUCCESS },
	    { .id = "a", .rule_id = "y", .ref = "r", .seq = 7, .status = PIPELINE_SUCCESS } },
	  2,
	  SOURCE_SUCCESS,
	  "b",
	  "Build 8 succeeded; 2 of 2 builds" },
	{ { { .id = "b", .rule_id = "x", .ref = "r", .seq = 8, .status = PIPELINE_SUCCESS },
	    { .id = "a", .rule_id = "y", .ref = "r", .seq = 7, .status = PIPELINE_CANCELED } },
	  2,
	  SOURCE_CANCELED,
	  "a",
	  "Build 7 was canceled; 1 of 2 builds" },
};

TEST(a_commit_has_the_state_of_all_its_builds)
{
	for (size_t i = 0; i < ARRAY_LEN(commits); i++) {
		struct pipeline_report_state t;
		pipeline_report_state(commits[i].v, commits[i].n, &t);
		EXPECT(t.state == commits[i].state);
		EXPECT_STR(str_of(t.build->id), commits[i].id);
		EXPECT_STR(str_of(t.text), commits[i].text);
	}
}

/* ---- settings ---- */

/* A repository that is bound to a source of this provider, and a build of it. Nobody answers there:
 * what is to be reported stays. */
static void fill(struct world *w, enum source_provider provider, const char *url, const char *token)
{
	struct pipeline_source s;
	const char *secret;
	struct pipeline_source_request r = { .namespace_ = STR("demo"),
					     .name = STR("code"),
					     .provider = provider,
					     .url = str_of(url),
					     .secret = str_of(token),
					     .poll_s = 86400 };
	add_waiting_build(w);
	EXPECT_OK(pipeline_source_create(w->p, w->a, &r, &s, &secret));
	struct pipeline_binding b = { .source_id = s.id };
	EXPECT_OK(pipeline_binding_set(w->p, STR("crr-1"), &b));
	EXPECT_OK(
		db_exec(w->db, "UPDATE build_record SET source_id = $1", DB_PARAMS(db_cstr(s.id))));
}

static struct err *set(struct world *w, bool enabled, const char *context)
{
	struct str text = str_of(context);
	struct pipeline_report_change c = { .enabled = &enabled,
					    .context = context ? &text : NULL };
	return pipeline_report_set(w->p, w->a, STR("crr-1"), &c);
}

TEST(a_report_is_due_when_its_build_moved)
{
	done(world) w = new_world();
	fill(&w, SOURCE_GITHUB, "https://git.invalid/o/r.git", "t0ken");
	move_build(&w, PIPELINE_BUILDING, false);
	EXPECT_OK(set(&w, true, NULL));
	EXPECT(count_rows(&w, "commit_report") == 0); /* what was before is not told */
	move_build(&w, PIPELINE_BUILDING, false);
	EXPECT(count_rows(&w, "commit_report") == 0); /* nor what did not happen */
	move_build(&w, PIPELINE_BUILDING, true);
	EXPECT(count_rows(&w, "commit_report WHERE commit_id = '00' AND version = 1") == 1);
	move_build(&w, PIPELINE_FAILED, true);
	EXPECT(count_rows(&w, "commit_report WHERE version = 2") == 1); /* one for both */
	EXPECT_OK(set(&w, false, NULL));
	EXPECT(count_rows(&w, "commit_report") == 0);
	expect_code(pipeline_report_again(w.p, STR("crr-1")), "STATUS_OFF");
	EXPECT_OK(set(&w, true, NULL));
	EXPECT_OK(pipeline_report_again(w.p, STR("crr-1")));
	EXPECT(count_rows(&w, "commit_report") == 1);
	run_sql(&w, "DELETE FROM build_record");
	expect_code(pipeline_report_again(w.p, STR("crr-1")), "NO_BUILD");
	run_sql(&w, "DELETE FROM image_repository");
	EXPECT(count_rows(&w, "commit_report") == 0 && count_rows(&w, "commit_status") == 0);
}

TEST(what_cannot_be_told_is_not_switched_on)
{
	static const struct {
		enum source_provider provider;
		const char *url, *token, *code, *name;
	} v[] = {
		{ SOURCE_GITHUB, "https://git.invalid/o/r", "", "STATUS_TOKEN", "GITHUB" },
		{ SOURCE_GITHUB, "ssh://git@git.invalid/o/r", "", "STATUS_TOKEN", "GITHUB" },
		{ SOURCE_BITBUCKET, "https://git.invalid/o/r", "t", "STATUS_LINK", "BITBUCKET" },
		{ SOURCE_GITEE, "https://git.invalid/o/r", "t", "STATUS_PROVIDER", "GITEE" },
		{ SOURCE_GENERIC, "https://git.invalid/o/r", "t", "STATUS_PROVIDER", "GIT" },
		{ SOURCE_KILN, "", "", "STATUS_PROVIDER", "KILN" },
	};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		done(world) w = new_world();
		struct pipeline_report r;
		fill(&w, v[i].provider, v[i].url, v[i].token);
		EXPECT_OK(pipeline_report_get(w.p, w.a, STR("crr-1"), &r));
		EXPECT(!r.enabled && !r.api && r.problem && r.problem_remedy && !r.updated_ns);
		EXPECT_STR(str_of(r.problem_code), v[i].code);
		EXPECT_STR(str_of(r.provider), v[i].name);
		expect_code(set(&w, true, NULL), v[i].code);
		EXPECT_OK(set(&w, false, "ci")); /* a name may wait */
		EXPECT_OK(pipeline_binding_remove(w.p, STR("crr-1"), &(bool){ false }));
		expect_code(set(&w, true, NULL), "NO_SOURCE");
	}
}

TEST(the_name_is_bounded_text)
{
	static const char *const good[] = { "ci", "{repository}", "kiln/{repository}/image",
					    "\xe6\x9e\x84\xe5\xbb\xba" };
	static const char *const bad[] = {
		"",     " x",          "x ",     "{",
		"}",    "{repository", "{arch}", "{repository}{repository}",
		"a\nb", "a\x7f",       "\xff"
	};
	done(world) w = new_world();
	struct pipeline_report r;
	char text[LIMIT_STATUS_CONTEXT_BYTES + 2];
	fill(&w, SOURCE_GITLAB, "https://git.invalid/o/r.git", "t0ken");
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		EXPECT_OK(set(&w, true, good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_code(set(&w, true, bad[i]), "STATUS_CONTEXT");
	memset(text, 'x', sizeof(text));
	text[LIMIT_STATUS_CONTEXT_BYTES + 1] = 0;
	expect_code(set(&w, true, text), "STATUS_CONTEXT");
	text[LIMIT_STATUS_CONTEXT_BYTES] = 0;
	EXPECT_OK(set(&w, true, text));
	EXPECT_OK(set(&w, true, "a/{repository}/b"));
	EXPECT_OK(set(&w, true, NULL));
	EXPECT_OK(pipeline_report_get(w.p, w.a, STR("crr-1"), &r));
	EXPECT(r.enabled && !r.problem && !r.last_ns && r.updated_ns);
	EXPECT_STR(str_of(r.context), "a/{repository}/b");
	EXPECT_STR(str_of(r.shown), "a/demo/app/b");
	EXPECT_STR(str_of(r.api), "https://git.invalid/api/v4");
}
