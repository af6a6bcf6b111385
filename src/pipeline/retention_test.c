/* Which tags go: tables without SQL; then policies as they are stored and carried out. */
#include "pipeline/retention_priv.h"

#include <stdio.h>
#include <unistd.h>

#include "base/time.h"
#include "pipeline/test_priv.h"

#define DAY RETENTION_DAY_NS
#define NOW (1000 * DAY)

/* ---- patterns ---- */

TEST(what_a_pattern_is_shows_by_its_characters)
{
	static const struct {
		const char *text;
		int kind;
	} cases[] = {
		{ "latest", PIPELINE_NAME },         { "v1.2", PIPELINE_NAME },
		{ "v*", PIPELINE_WILDCARD },         { "v1.?", PIPELINE_WILDCARD },
		{ "v1.*", PIPELINE_WILDCARD },       { "v\\d+", PIPELINE_EXPRESSION },
		{ "v(1|2).*", PIPELINE_EXPRESSION }, { "", PIPELINE_NAME },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		EXPECT(pipeline_pattern_kind_of(str_of(cases[i].text)) == cases[i].kind);
}

static struct pipeline_tag_pattern pattern(const char *text)
{
	struct pipeline_tag_pattern p = { .text = text };
	p.kind = (__typeof__(p.kind))pipeline_pattern_kind_of(str_of(text));
	return p;
}

TEST(a_pattern_matches_the_whole_tag)
{
	static const struct {
		const char *pattern, *tag;
		bool matches;
	} cases[] = {
		{ "v1", "v1", true },         { "v1", "v10", false },     { "v1", "V1", false },
		{ "v*", "v", true },          { "v*", "v1.2-x", true },   { "v*", "dev", false },
		{ "v1.?", "v1.2", true },     { "v1.?", "v1.22", false }, { "v1.?", "v1x2", false },
		{ "*-rc*", "1.0-rc1", true }, { "**", "anything", true }, { "v?", "v", false },
		{ "v\\d+", "v12", true },     { "v\\d+", "v12a", false }, { "(a|b)", "b", true },
		{ "(a|b)", "ab", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pipeline_retention_policy p = { .n_never = 1 };
		struct pipeline_retention_tag t = { .name = cases[i].tag };
		own(pipeline_retention_matcher) m = NULL;
		p.never[0] = pattern(cases[i].pattern);
		EXPECT_OK(pipeline_retention_open(&p, &m));
		pipeline_retention_match(m, &t);
		EXPECT((t.reason == RETENTION_NEVER) == cases[i].matches);
	}
}

/* ---- decisions ---- */

struct rule {
	const char *pattern;
	uint32_t newest, days;
};
struct tag {
	const char *name;
	int age_days; /* and a second, so that "more than" is tested by whole days */
	enum pipeline_retention_reason want;
	uint32_t rank;
	bool locked, building;
};

static void expect(const struct rule *rules, const char *never, const struct tag *tags)
{
	struct pipeline_retention_policy p = { .enabled = true };
	struct pipeline_retention_tag list[20];
	own(pipeline_retention_matcher) m = NULL;
	size_t n = 0;
	for (; rules[p.n_rules].pattern; p.n_rules++)
		p.rules[p.n_rules] =
			(struct pipeline_retention_rule){ pattern(rules[p.n_rules].pattern),
							  rules[p.n_rules].newest,
							  rules[p.n_rules].days };
	if (never)
		p.never[p.n_never++] = pattern(never);
	EXPECT_OK(pipeline_retention_open(&p, &m));
	for (; tags[n].name; n++) {
		list[n] = (struct pipeline_retention_tag){ .name = tags[n].name,
							   .place = n,
							   .locked = tags[n].locked,
							   .building = tags[n].building };
		list[n].pushed_ns = NOW - tags[n].age_days * DAY - 1000000000;
		pipeline_retention_match(m, &list[n]);
	}
	pipeline_retention_decide(&p, list, n, NOW);
	for (size_t i = 0; i < n; i++) {
		const struct tag *t = &tags[list[i].place];
		EXPECT_STR(str_of(pipeline_retention_reason_name(list[i].reason)),
			   pipeline_retention_reason_name(t->want));
		EXPECT(list[i].rank == t->rank);
		EXPECT(!i || list[i - 1].pushed_ns >= list[i].pushed_ns);
	}
}

TEST(the_newest_stay_by_time_of_push_and_not_by_name)
{
	expect((struct rule[]){ { "v*", 2, 0 }, { NULL, 0, 0 } }, NULL,
	       (struct tag[]){ { "v9", 9, RETENTION_OLD, 3 },
			       { "v1", 1, RETENTION_NEWEST, 1 },
			       { "v5", 5, RETENTION_NEWEST, 2 },
			       { "dev", 500, RETENTION_UNMATCHED, 0 },
			       { 0 } });
}

TEST(of_one_age_the_first_by_name_is_the_newer)
{
	expect((struct rule[]){ { "*", 1, 0 }, { NULL, 0, 0 } }, NULL,
	       (struct tag[]){
		       { "b", 3, RETENTION_OLD, 2 }, { "a", 3, RETENTION_NEWEST, 1 }, { 0 } });
}

TEST(days_count_from_the_push)
{
	expect((struct rule[]){ { "dev-*", 0, 30 }, { NULL, 0, 0 } }, NULL,
	       (struct tag[]){ { "dev-a", 29, RETENTION_YOUNG, 2 },
			       { "dev-b", 30, RETENTION_OLD, 3 },
			       { "dev-c", -5, RETENTION_YOUNG, 1 }, /* the clock was turned back */
			       { 0 } });
}

TEST(a_tag_goes_only_if_number_and_age_allow_it)
{
	expect((struct rule[]){ { "*", 1, 10 }, { NULL, 0, 0 } }, NULL,
	       (struct tag[]){ { "a", 1, RETENTION_NEWEST, 1 },
			       { "b", 2, RETENTION_YOUNG, 2 },
			       { "c", 20, RETENTION_OLD, 3 },
			       { 0 } });
	expect((struct rule[]){ { "*", 1, 10 }, { NULL, 0, 0 } }, NULL,
	       (struct tag[]){ { "alone", 900, RETENTION_NEWEST, 1 }, { 0 } });
}

TEST(the_first_rule_that_matches_counts)
{
	expect((struct rule[]){ { "v1", 0, 1000 }, { "v*", 1, 0 }, { "*", 0, 1 }, { NULL, 0, 0 } },
	       NULL,
	       (struct tag[]){ { "v1", 50, RETENTION_YOUNG, 1 },
			       { "v2", 40, RETENTION_OLD, 2 },
			       { "v3", 30, RETENTION_NEWEST, 1 },
			       { "x", 20, RETENTION_OLD, 1 },
			       { 0 } });
}

TEST(never_touched_tags_stay_and_are_not_counted)
{
	expect((struct rule[]){ { "*", 1, 0 }, { NULL, 0, 0 } }, "latest",
	       (struct tag[]){ { "latest", 1, RETENTION_NEVER, 0 },
			       { "a", 2, RETENTION_NEWEST, 1 },
			       { "b", 3, RETENTION_OLD, 2 },
			       { 0 } });
}

TEST(locked_tags_and_those_of_builds_stay)
{
	expect((struct rule[]){ { "*", 0, 1 }, { NULL, 0, 0 } }, NULL,
	       (struct tag[]){ { "a", 9, RETENTION_IMMUTABLE, 1, true, true },
			       { "b", 10, RETENTION_BUILD, 2, false, true },
			       { "c", 11, RETENTION_OLD, 3 },
			       { 0 } });
}

TEST(what_is_too_costly_to_match_stays)
{
	expect((struct rule[]){ { "(a+)+$", 0, 1 }, { NULL, 0, 0 } }, NULL,
	       (struct tag[]){ { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 9, RETENTION_COST, 0 },
			       { "aaa", 9, RETENTION_OLD, 1 },
			       { 0 } });
	expect((struct rule[]){ { "*", 0, 1 }, { NULL, 0, 0 } }, "(a+)+$",
	       (struct tag[]){ { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 9, RETENTION_COST, 0 },
			       { 0 } });
}

/* ---- what is refused ---- */

TEST(a_policy_says_what_is_wrong_with_it)
{
	static const struct {
		struct rule rule;
		const char *code, *part;
	} cases[] = {
		{ { "v*", 0, 0 }, "RETENTION_RULE", "rule 1: it keeps nothing" },
		{ { "", 1, 0 }, "RETENTION_RULE", "rule 1: its pattern is empty" },
		{ { "v*", 10001, 0 }, "RETENTION_RULE", "newest 10000" },
		{ { "v*", 0, 3651 }, "RETENTION_RULE", "3650 days" },
		{ { "v(", 1, 0 }, "RULE_REGEX", "rule 1: expression, offset 2" },
		{ { "\xff", 1, 0 }, "RETENTION_RULE", "UTF-8" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct rule *r = &cases[i].rule;
		struct pipeline_retention_policy p = { .n_rules = 1 };
		struct pipeline_retention_matcher *m = NULL;
		p.rules[0] =
			(struct pipeline_retention_rule){ pattern(r->pattern), r->newest, r->days };
		own(err) e = pipeline_retention_open(&p, &m);
		own_mem char *text = e ? err_text(e) : mem_strdup("no error");
		EXPECT(e && strstr(text, cases[i].part));
		EXPECT_STR(str_of(err_code(e)), cases[i].code);
	}
	struct pipeline_retention_matcher *m = NULL;
	struct pipeline_retention_policy on = { .enabled = true };
	expect_code(pipeline_retention_open(&on, &m), "RETENTION_RULE");
	own_mem char *dots = mem_zalloc(300);
	memset(dots, '.', 257);
	struct pipeline_retention_policy longer = { .n_never = 1 };
	longer.never[0] = pattern(dots);
	expect_code(pipeline_retention_open(&longer, &m), "RETENTION_RULE");
}

TEST(the_time_of_day_is_the_repositorys_own)
{
	int64_t a = pipeline_retention_next("crr-a", NOW),
		b = pipeline_retention_next("crr-b", NOW);
	EXPECT(a > NOW && a <= NOW + DAY && b > NOW && b <= NOW + DAY && a != b);
	EXPECT(pipeline_retention_next("crr-a", a) == a + DAY);
	EXPECT(pipeline_retention_next("crr-a", a - 1) == a);
}

/* ---- carried out ---- */

static void sql(struct world *w, const char *text, const struct db_param *params, size_t n)
{
	EXPECT_OK(db_exec(w->db, text, params, n));
}

static int64_t number(struct world *w, const char *text)
{
	int64_t n = -1;
	EXPECT_OK(db_query(w->db, text, DB_NO_PARAMS, pipeline_see_int, &n));
	return n;
}

static struct catalog_image_repository repository(struct world *w, int n_tags, bool immutable)
{
	struct catalog_image_repository r;
	struct catalog_image_request q = { .namespace_ = STR("demo"),
					   .name = STR("app"),
					   .immutable = immutable };
	EXPECT_OK(catalog_image_create(w->catalog, w->a, &q, &r));
	sql(w, "INSERT INTO repository VALUES ('demo/app', 1)", DB_NO_PARAMS);
	sql(w,
	    "INSERT INTO manifest (repository, digest, media_type, size, created_ns)"
	    " VALUES ('demo/app', 'm', 't', 1, 1)",
	    DB_NO_PARAMS);
	sql(w,
	    "WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < $1)"
	    " INSERT INTO tag (repository, name, digest, created_ns, updated_ns)"
	    " SELECT 'demo/app', 'v' || i, 'm', i, i FROM k",
	    DB_PARAMS(db_int(n_tags)));
	return r;
}

static struct pipeline_retention_policy keep(uint32_t newest, bool enabled)
{
	struct pipeline_retention_policy p = { .n_rules = 1, .enabled = enabled };
	p.rules[0] = (struct pipeline_retention_rule){ pattern("v*"), newest, 0 };
	return p;
}

static struct pipeline_retention stored(struct world *w, const char *id)
{
	struct pipeline_retention got;
	EXPECT_OK(pipeline_retention_get(w->p, w->a, str_of(id), &got));
	return got;
}

/* Until no run is under way and one has ended. */
static struct pipeline_retention ended(struct world *w, const char *id)
{
	for (;;) {
		struct pipeline_retention got = stored(w, id);
		if (got.last.ended_ns && !got.run.started_ns)
			return got;
		usleep(2000);
	}
}

TEST(a_run_removes_tags_in_batches_and_says_so)
{
	done(world) w = new_world();
	struct catalog_image_repository r = repository(&w, 1000, false);
	struct pipeline_retention_policy p = keep(3, false);
	expect_code(pipeline_retention_start(w.p, str_of(r.id), "mary"), "RETENTION_NONE");
	EXPECT_OK(pipeline_retention_set(w.p, str_of(r.id), &p));
	EXPECT(!stored(&w, r.id).next_ns && !stored(&w, r.id).last.started_ns);
	EXPECT_OK(pipeline_retention_start(w.p, str_of(r.id), "mary"));
	struct pipeline_retention got = ended(&w, r.id);
	EXPECT(got.last.n_tags == 997 && !got.last.error);
	EXPECT_STR(str_of(got.last.by), "mary");
	EXPECT(number(&w, "SELECT COUNT(*) FROM tag WHERE name IN ('v1000', 'v999', 'v998')") == 3);
	EXPECT(number(&w, "SELECT COUNT(*) FROM tag") == 3);
	EXPECT(number(&w, "SELECT COUNT(*) FROM audit_log WHERE actor = 'retention'"
			  " AND action = 'tag.delete'") == 997);
}

TEST(a_run_that_was_broken_off_goes_on_and_one_that_is_due_begins)
{
	done(world) w = new_world();
	struct catalog_image_repository r = repository(&w, 50, false);
	struct pipeline_retention_policy p = keep(5, true);
	EXPECT_OK(pipeline_retention_set(w.p, str_of(r.id), &p));
	EXPECT(stored(&w, r.id).next_ns > pipeline_now(w.p));
	world_stop(&w);
	sql(&w, "UPDATE retention_policy SET run_started_ns = 77, run_tags = 4", DB_NO_PARAMS);
	world_start(&w);
	struct pipeline_retention got = ended(&w, r.id);
	EXPECT(got.last.started_ns == 77 && got.last.n_tags == 4 + 45);
	int64_t next = got.next_ns;
	world_stop(&w);
	sql(&w, "UPDATE retention_policy SET next_ns = 1, last_ended_ns = NULL", DB_NO_PARAMS);
	world_start(&w);
	got = ended(&w, r.id);
	EXPECT(got.last.n_tags == 0 && got.last.started_ns > 77 && !got.last.by[0]);
	EXPECT(got.next_ns > pipeline_now(w.p) && got.next_ns - next <= DAY);
	/* A clock that was turned back does not put it off. */
	world_stop(&w);
	sql(&w, "UPDATE retention_policy SET next_ns = next_ns + $1, last_ended_ns = NULL",
	    DB_PARAMS(db_int(400 * DAY)));
	world_start(&w);
	EXPECT(ended(&w, r.id).next_ns < pipeline_now(w.p) + 2 * DAY);
}

TEST(a_policy_that_is_changed_ends_its_run)
{
	done(world) w = new_world();
	struct catalog_image_repository r = repository(&w, 5, false);
	struct pipeline_retention_policy p = keep(1, true);
	struct pipeline idle = { .o = w.p->o }; /* without the thread */
	world_stop(&w);
	EXPECT_OK(pipeline_retention_set(&idle, str_of(r.id), &p));
	sql(&w, "UPDATE retention_policy SET run_started_ns = 77, run_tags = 4", DB_NO_PARAMS);
	p.enabled = false;
	EXPECT_OK(pipeline_retention_set(&idle, str_of(r.id), &p));
	EXPECT(number(&w, "SELECT COUNT(*) FROM retention_policy WHERE run_started_ns IS NULL"
			  " AND last_started_ns = 77 AND last_tags = 4 AND enabled = 0"
			  " AND last_error_code = 'RETENTION_CHANGED'") == 1);
	/* Who carried that out finds that it is not his any more. */
	sql(&w, "UPDATE retention_policy SET run_started_ns = 78, run_by = 'mary'", DB_NO_PARAMS);
	EXPECT_OK(pipeline_retention_end(&idle, r.id, 77, NULL));
	EXPECT(number(&w, "SELECT run_started_ns FROM retention_policy") == 78);
	world_start(&w);
	struct pipeline_retention got = ended(&w, r.id);
	EXPECT(got.last.started_ns == 78 && !got.last.error);
	EXPECT_STR(str_of(got.last.by), "mary");
}

TEST(nothing_of_an_immutable_repository_goes_but_latest)
{
	done(world) w = new_world();
	struct catalog_image_repository r = repository(&w, 5, true);
	struct pipeline_retention_policy p = keep(0, false);
	p.rules[0] = (struct pipeline_retention_rule){ pattern("*"), 0, 1 };
	sql(&w, "INSERT INTO tag VALUES ('demo/app', 'latest', 'm', 1, 1, 1)", DB_NO_PARAMS);
	EXPECT_OK(pipeline_retention_set(w.p, str_of(r.id), &p));
	EXPECT_OK(pipeline_retention_start(w.p, str_of(r.id), "mary"));
	EXPECT(ended(&w, r.id).last.n_tags == 1);
	EXPECT(number(&w, "SELECT COUNT(*) FROM tag WHERE name LIKE 'v%'") == 5);
}

TEST(two_servers_remove_each_tag_once)
{
	done(world) w = new_world();
	struct catalog_image_repository r = repository(&w, 2000, false);
	struct pipeline_retention_policy p = keep(10, false);
	struct pipeline *other;
	struct pipeline_options o = w.p->o;
	EXPECT_OK(pipeline_retention_set(w.p, str_of(r.id), &p));
	world_stop(&w);
	sql(&w, "UPDATE retention_policy SET run_started_ns = 77", DB_NO_PARAMS);
	EXPECT_OK(pipeline_open(&o, &other));
	world_start(&w);
	EXPECT(ended(&w, r.id).last.n_tags == 1990);
	pipeline_free(other);
	EXPECT(number(&w, "SELECT COUNT(*) FROM tag") == 10);
	EXPECT(number(&w, "SELECT COUNT(*) FROM audit_log WHERE action = 'tag.delete'") == 1990);
}
