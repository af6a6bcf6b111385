/* Schedules over a real database and real Git repositories. What is due is made so in the database:
 * no test waits for a minute to go by. */
#include "pipeline/schedule.h"

#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/time.h"
#include "pipeline/test_priv.h"

#define HOUR_NS ((int64_t)3600 * 1000000000)

/* ---- a repository with code ---- */

struct ruled {
	struct code code;
	const char *literal, *expression; /* rules: main; release-(?<v>.+) */
};

/* With main and release-1. */
static void make_ruled(struct world *w, struct ruled *c)
{
	make_code(w, &c->code);
	struct pipeline_rule r = { .repository_id = c->code.repository, .pattern = "main" };
	c->literal = make_rule(w, &r, "latest");
	r.pattern = "release-(?<v>.+)";
	r.is_expression = true;
	c->expression = make_rule(w, &r, "${v}");
	GIT(c->code.tree, "branch", "release-1");
	GIT(c->code.tree, "push", "-q", c->code.remote, "main", "release-1");
}

static struct pipeline_schedule wish(const struct ruled *c)
{
	return (struct pipeline_schedule){ .repository_id = c->code.repository,
					   .rule_id = c->literal,
					   .ref = "",
					   .cron = "@hourly",
					   .time_zone = "UTC",
					   .enabled = true };
}

static struct pipeline_schedule get(struct world *w, const char *id)
{
	struct pipeline_schedule s;
	bool found;
	EXPECT_OK(pipeline_schedule_get(w->p, w->a, str_of(id), &found, &s));
	EXPECT(found);
	return s;
}

static const char *create(struct world *w, struct pipeline_schedule s)
{
	EXPECT_OK(pipeline_schedule_create(w->p, w->a, &s));
	return s.id;
}

/* ---- time ---- */

static void set_due(struct world *w, const char *id, int64_t ago_ns)
{
	EXPECT_OK(db_exec(w->db, "UPDATE build_schedule SET next_run_ns = $2 WHERE id = $1",
			  DB_PARAMS(db_cstr(id), db_int(time_now_unix_ns() - ago_ns))));
}

static void wake(struct pipeline *p)
{
	hold(&p->lock);
	p->schedules_changed = true;
	cond_signal(&p->schedule);
}

static struct pipeline_schedule wait_run(struct world *w, const char *id, int64_t before_ns)
{
	uint64_t until = time_mono_ms() + 60000;
	struct pipeline_schedule s = get(w, id);
	while (s.last_run_ns == before_ns && time_mono_ms() < until) {
		usleep(5000);
		s = get(w, id);
	}
	EXPECT(s.last_run_ns != before_ns);
	return s;
}

static struct pipeline_schedule run(struct world *w, const char *id)
{
	int64_t before = get(w, id).last_run_ns;
	set_due(w, id, 1);
	wake(w->p);
	return wait_run(w, id, before);
}

static struct pipeline_build *builds(struct world *w, size_t *n)
{
	struct pipeline_build *list;
	struct pipeline_build_query q = { .n = 100 };
	EXPECT_OK(pipeline_build_list(w->p, w->a, &q, &list, n));
	return list;
}

/* ---- what is stored ---- */

TEST(what_a_schedule_may_be)
{
	static const struct {
		bool expression;
		const char *ref, *cron, *zone, *want; /* a full ref, or a code */
	} cases[] = {
		{ false, "", "30 3 * * 1", "UTC", "refs/heads/main" },
		{ false, "main", "@daily", "UTC", "refs/heads/main" },
		{ false, "refs/heads/main", "@daily", "UTC", "refs/heads/main" },
		{ true, "release-1", "@daily", "UTC", "refs/heads/release-1" },
		{ true, "release-2", "@daily", "UTC", "refs/heads/release-2" },
		{ false, "other", "@daily", "UTC", "RULE_NO_MATCH" },
		{ false, "refs/tags/main", "@daily", "UTC", "RULE_NO_MATCH" },
		{ true, "", "@daily", "UTC", "SCHEDULE_REF" },
		{ true, "main", "@daily", "UTC", "RULE_NO_MATCH" },
		{ true, "release-/", "@daily", "UTC", "TAG_CHAR" },
		{ false, "", "0 0 30 2 *", "UTC", "SCHEDULE_CRON" },
		{ false, "", "", "UTC", "SCHEDULE_CRON" },
		{ false, "", "@daily", "", "SCHEDULE_ZONE" },
		{ false, "", "@daily", "utc", "SCHEDULE_ZONE" },
		{ false, "", "@daily", "Nowhere/City", "SCHEDULE_ZONE" },
		{ false, "", "@daily", "../Europe/Berlin", "SCHEDULE_ZONE" },
		{ false, "", "@daily", "/etc/passwd", "SCHEDULE_ZONE" },
		{ false, "", "@daily", "Europe/", "SCHEDULE_ZONE" },
		{ false, "", "@daily", "Europe", "SCHEDULE_ZONE" },
		{ false, "", "@daily", "tzdata.zi", "SCHEDULE_ZONE" },
	};
	done(world) w = new_world();
	struct ruled c;
	make_ruled(&w, &c);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pipeline_schedule s = wish(&c);
		s.rule_id = cases[i].expression ? c.expression : c.literal;
		s.ref = cases[i].ref;
		s.cron = cases[i].cron;
		s.time_zone = cases[i].zone;
		if (strncmp(cases[i].want, "refs/", 5) != 0) {
			expect_code(err_wrap(pipeline_schedule_create(w.p, w.a, &s), "case %zu", i),
				    cases[i].want);
			continue;
		}
		EXPECT_OK(pipeline_schedule_create(w.p, w.a, &s));
		EXPECT_STR(str_of(s.full_ref), cases[i].want);
		EXPECT_STR(str_of(get(&w, s.id).full_ref), cases[i].want);
		EXPECT(get(&w, s.id).next_run_ns > time_now_unix_ns());
	}
	struct pipeline_schedule s = wish(&c);
	s.rule_id = "crbr-0000000000000000";
	expect_code(pipeline_schedule_create(w.p, w.a, &s), "RULE_UNKNOWN");
	size_t n;
	for (n = 5; n < LIMIT_SCHEDULES; n++)
		create(&w, wish(&c));
	s = wish(&c);
	expect_code(pipeline_schedule_create(w.p, w.a, &s), "SCHEDULES");
	struct pipeline_schedule *list;
	EXPECT_OK(pipeline_schedule_list(w.p, w.a, str_of(c.code.repository), &list, &n));
	EXPECT(n == LIMIT_SCHEDULES);
}

TEST(a_schedule_follows_its_rule_and_goes_with_it)
{
	done(world) w = new_world();
	struct ruled c;
	struct pipeline_rule rule;
	bool found;
	make_ruled(&w, &c);
	const char *id = create(&w, wish(&c));
	EXPECT_OK(pipeline_rule_get(w.db, w.a, str_of(c.literal), &found, &rule));
	rule.pattern = "next";
	EXPECT_OK(pipeline_rule_update(w.db, &rule));
	EXPECT_STR(str_of(get(&w, id).full_ref), "refs/heads/next");
	rule.pattern = "next-.*";
	rule.is_expression = true;
	EXPECT_OK(pipeline_rule_update(w.db, &rule));
	EXPECT(!get(&w, id).full_ref);
	struct pipeline_schedule s = run(&w, id);
	EXPECT_STR(str_of(s.last_state), "failed");
	EXPECT_STR(str_of(s.last_code), "SCHEDULE_REF");
	EXPECT_OK(pipeline_rule_delete(w.db, str_of(c.literal), &found));
	EXPECT_OK(pipeline_schedule_get(w.p, w.a, str_of(id), &found, &s));
	EXPECT(!found);
}

TEST(one_that_is_switched_off_has_no_next_run)
{
	done(world) w = new_world();
	struct ruled c;
	struct pipeline_schedule s;
	int64_t next[PIPELINE_NEXT_RUNS];
	size_t n;
	bool found;
	make_ruled(&w, &c);
	s = wish(&c);
	s.enabled = false;
	EXPECT_OK(pipeline_schedule_create(w.p, w.a, &s));
	EXPECT_OK(pipeline_schedule_next(w.p, &s, next, &n));
	EXPECT(n == 0);
	s.enabled = true;
	s.cron = "*/7 * * * *";
	EXPECT_OK(pipeline_schedule_update(w.p, w.a, &s));
	s = get(&w, s.id);
	EXPECT_OK(pipeline_schedule_next(w.p, &s, next, &n));
	EXPECT(n == PIPELINE_NEXT_RUNS && next[0] == s.next_run_ns);
	for (size_t i = 0; i < n; i++)
		EXPECT(next[i] > (i ? next[i - 1] : time_now_unix_ns()));
	EXPECT_OK(pipeline_schedule_delete(w.p, str_of(s.id), &found));
	EXPECT(found);
	EXPECT_OK(pipeline_schedule_delete(w.p, str_of(s.id), &found));
	EXPECT(!found);
}

/* ---- runs ---- */

TEST(a_run_builds_the_head_of_its_ref)
{
	done(world) w = new_world();
	struct ruled c;
	size_t n;
	make_ruled(&w, &c);
	struct pipeline_schedule s = wish(&c);
	s.rule_id = c.expression;
	s.ref = "release-1";
	s.no_cache = true;
	s.time_zone = "UTC";
	const char *id = create(&w, s);
	int64_t before = time_now_unix_ns();
	s = run(&w, id);
	struct pipeline_build *b = builds(&w, &n);
	EXPECT(n == 1);
	EXPECT_STR(str_of(s.last_state), "started");
	EXPECT(!s.last_code && s.last_run_ns >= before && s.next_run_ns > s.last_run_ns);
	EXPECT_STR(str_of(s.last_build), b[0].id);
	EXPECT_STR(str_of(s.last_build_status), "PENDING");
	EXPECT_STR(str_of(b[0].trigger), "SCHEDULE");
	EXPECT_STR(str_of(b[0].actor), "@hourly UTC");
	EXPECT_STR(str_of(b[0].ref), "refs/heads/release-1");
	EXPECT_STR(str_of(b[0].tags[0]), "1");
	EXPECT(b[0].no_cache && b[0].pushed_ns == s.last_run_ns);
	/* what was pushed since is built by the next one */
	EXPECT_OK(pipeline_build_cancel(w.p, str_of(b[0].id), STR(""), "mary"));
	const char *old = b[0].commit;
	GIT(c.code.tree, "commit", "-q", "--allow-empty", "-m", "two");
	GIT(c.code.tree, "push", "-q", c.code.remote, "main:release-1");
	run(&w, id);
	b = builds(&w, &n);
	EXPECT(n == 2 && strcmp(b[0].commit, old) != 0);
}

TEST(a_run_is_skipped_while_the_build_before_has_not_ended)
{
	done(world) w = new_world();
	struct ruled c;
	size_t n;
	make_ruled(&w, &c);
	const char *id = create(&w, wish(&c)), *other = create(&w, wish(&c));
	const char *first = run(&w, id).last_build;
	struct pipeline_schedule s = run(&w, id);
	EXPECT_STR(str_of(s.last_state), "skipped");
	EXPECT_STR(str_of(s.last_code), "SCHEDULE_BUSY");
	EXPECT(strstr(s.last_text, first));
	EXPECT_STR(str_of(s.last_build), first);
	builds(&w, &n);
	EXPECT(n == 1);
	/* that of another schedule is no reason; it waits for the older build */
	EXPECT_STR(str_of(run(&w, other).last_state), "started");
	struct pipeline_build *b = builds(&w, &n);
	EXPECT(n == 2);
	EXPECT_STR(str_of(b[0].waits_for), first);
	EXPECT_OK(pipeline_build_cancel(w.p, str_of(first), STR(""), "mary"));
	s = run(&w, id);
	EXPECT_STR(str_of(s.last_state), "started");
	EXPECT(!s.last_code && !s.last_text && strcmp(s.last_build, first) != 0);
}

TEST(a_run_that_cannot_be_says_why)
{
	done(world) w = new_world();
	struct ruled c;
	size_t n;
	bool found;
	make_ruled(&w, &c);
	struct pipeline_schedule s = wish(&c);
	s.rule_id = c.expression;
	s.ref = "release-1";
	const char *id = create(&w, s);
	GIT(c.code.tree, "push", "-q", c.code.remote, ":release-1");
	s = run(&w, id);
	EXPECT_STR(str_of(s.last_state), "failed");
	EXPECT_STR(str_of(s.last_code), "SRC_REF_GONE");
	EXPECT(s.last_remedy && s.next_run_ns > s.last_run_ns);
	EXPECT_OK(pipeline_binding_remove(w.p, str_of(c.code.repository), &found));
	s = run(&w, id);
	EXPECT_STR(str_of(s.last_code), "NO_SOURCE");
	builds(&w, &n);
	EXPECT(n == 0);
}

TEST(however_many_times_went_by_one_build_makes_up_for_them)
{
	done(world) w = new_world();
	struct ruled c;
	size_t n;
	make_ruled(&w, &c);
	const char *id = create(&w, wish(&c));
	world_stop(&w);
	set_due(&w, id, 75 * HOUR_NS);
	world_start(&w);
	struct pipeline_schedule s = wait_run(&w, id, 0);
	EXPECT(s.next_run_ns > time_now_unix_ns());
	EXPECT(s.next_run_ns <= time_now_unix_ns() + HOUR_NS);
	world_stop(&w);
	world_start(&w);
	builds(&w, &n);
	EXPECT(n == 1);
}

/* Two servers over one database. */
TEST(what_is_due_is_started_by_one_server)
{
	done(world) w = new_world();
	struct ruled c;
	const char *ids[6];
	size_t n;
	make_ruled(&w, &c);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = create(&w, wish(&c));
	world_stop(&w);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		set_due(&w, ids[i], HOUR_NS);
	struct world second = w;
	world_start(&w);
	world_start(&second);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		EXPECT_STR(str_of(wait_run(&w, ids[i], 0).last_state), "started");
	world_stop(&second);
	builds(&w, &n);
	EXPECT(n == ARRAY_LEN(ids));
}

/* The time is that of the records, which tests can turn. */
TEST(the_clock_starts_it)
{
	done(world) w = new_world();
	struct ruled c;
	make_ruled(&w, &c);
	const char *id = create(&w, wish(&c));
	__atomic_fetch_add(&w.p->wall_shift_ns, HOUR_NS, __ATOMIC_RELAXED);
	wake(w.p);
	EXPECT_STR(str_of(wait_run(&w, id, 0).last_state), "started");
}
