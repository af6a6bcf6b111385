/* Base images over a real database and a real Git remote; the registries are a table. The thread
 * does not run: each test says when it is looked. */
#include "pipeline/base.h"

#include <stdio.h>
#include <unistd.h>

#include "base/thread.h"
#include "pipeline/base_priv.h"
#include "pipeline/test_priv.h"

#define HOUR_NS ((int64_t)3600 * 1000000000)

/* ---- registries ---- */

struct hub {
	struct pipeline_registries r;
	struct mutex lock; /* guards all below */
	struct {
		char name[80], digit; /* digest: 64 of the digit; '!': it does not answer */
		unsigned n_asked;
	} images[8];
	size_t n;
};

static const char *digest(char digit)
{
	static _Thread_local char text[4][80];
	static _Thread_local unsigned at;
	char *s = text[at++ % 4];
	snprintf(s, 80, "sha256:");
	memset(s + 7, digit, 64);
	s[71] = 0;
	return s;
}

static bool hub_is_own(void *arg, const char *name)
{
	return strncmp(name, "own.example/", 12) == 0;
}

static struct err *hub_head(void *arg, const char *namespace_, const char *name,
			    struct oci_digest *out)
{
	struct hub *h = arg;
	hold(&h->lock);
	EXPECT((*namespace_ != 0) == hub_is_own(h, name));
	for (size_t i = 0; i < h->n; i++) {
		if (strcmp(h->images[i].name, name) != 0)
			continue;
		h->images[i].n_asked++;
		if (h->images[i].digit == '!')
			return err_new(ERR_UNAVAILABLE, "nobody answers");
		return oci_digest_parse(str_of(digest(h->images[i].digit)), out);
	}
	return err_new(ERR_NOT_FOUND, "no %s", name);
}

static void hub_set(struct hub *h, const char *name, char digit)
{
	size_t i = 0;
	hold(&h->lock);
	while (i < h->n && strcmp(h->images[i].name, name) != 0)
		i++;
	h->n = MAX(h->n, i + 1);
	snprintf(h->images[i].name, sizeof(h->images[i].name), "%s", name);
	h->images[i].digit = digit;
}

static unsigned hub_asked(struct hub *h, const char *name)
{
	hold(&h->lock);
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->images[i].name, name) == 0)
			return h->images[i].n_asked;
	return 0;
}

/* ---- a repository with code ---- */

struct watched {
	struct world w;
	struct hub hub;
	struct code code;
};

static void new_watched(struct watched *c)
{
	*c = (struct watched){ .w = new_world() };
	struct world *w = &c->w;
	mutex_init(&c->hub.lock);
	c->hub.r = (struct pipeline_registries){ hub_is_own, hub_head, &c->hub };
	w->registries = &c->hub.r;
	world_stop(w);
	world_start(w);
	make_code(w, &c->code);
	GIT(c->code.tree, "push", "-q", c->code.remote, "main");
}

static void watched_done(struct watched *c)
{
	world_done(&c->w);
	mutex_done(&c->hub.lock);
}

static const char *rule_of(struct watched *c, bool rebuilds)
{
	const struct pipeline_rule r = { .repository_id = c->code.repository,
					 .pattern = "main",
					 .rebuild_on_base = rebuilds };
	return make_rule(&c->w, &r, "latest");
}

static void end_build(struct watched *c, const char *id, const char *status)
{
	EXPECT_OK(db_exec(c->w.db, "UPDATE build_job SET state = 'done' WHERE record_id = $1",
			  DB_PARAMS(db_cstr(id))));
	EXPECT_OK(db_exec(c->w.db, "UPDATE build_record SET status = $2 WHERE id = $1",
			  DB_PARAMS(db_cstr(id), db_cstr(status))));
}

static void add_base(struct watched *c, const char *build, int step, const char *name, char digit)
{
	const struct past_step s = { .step = step,
				     .text = arena_printf(c->w.a, "FROM %s", name),
				     .state = "done" };
	add_past_step(&c->w, build, &s);
	EXPECT_OK(db_exec(c->w.db,
			  "UPDATE build_step SET base = $3 WHERE record_id = $1"
			  " AND step = $2",
			  DB_PARAMS(db_cstr(build), db_int(step), db_cstr(digest(digit)))));
}

/* One that succeeded, on this base image. */
static struct pipeline_build built(struct watched *c, const char *rule, const char *name,
				   char digit)
{
	struct pipeline_build b;
	EXPECT_OK(pipeline_build_start(c->w.p, c->w.a, str_of(rule), STR("main"), "MANUAL", "mary",
				       &b));
	add_base(c, b.id, 1, name, digit);
	end_build(c, b.id, "SUCCESS");
	return b;
}

/* The builds that were started by a base image, the newest first. */
static struct pipeline_build *rebuilds(struct watched *c, size_t *n)
{
	struct pipeline_build *list;
	const struct pipeline_build_query q = { .n = 100, .trigger = STR("BASE_IMAGE") };
	EXPECT_OK(pipeline_build_list(c->w.p, c->w.a, &q, &list, n));
	return list;
}

static size_t n_rebuilds(struct watched *c)
{
	size_t n;
	rebuilds(c, &n);
	return n;
}

static struct pipeline_base only(struct watched *c)
{
	struct pipeline_base *list;
	size_t n;
	EXPECT_OK(pipeline_base_list(c->w.p, c->w.a, str_of(c->code.repository), &list, &n));
	EXPECT(n == 1);
	return list[0];
}

/* All is due, whatever was asked just now. */
static void look(struct watched *c)
{
	EXPECT_OK(db_exec(c->w.db, "UPDATE base_image SET next_ns = 0", DB_NO_PARAMS));
	pipeline_base_round(c->w.p);
}

/* ---- pure ---- */

TEST(what_calls_for_a_build)
{
	static const struct {
		const char *digest, *newest, *rebuilt_for, *rebuild_code;
		int64_t rebuilt_ns, checked_ns;
		bool watched, want;
	} cases[] = {
		{ "a", NULL, NULL, NULL, 0, 0, true, false },
		{ "a", "a", NULL, NULL, 0, 1, true, false },
		{ "a", "b", NULL, NULL, 0, 1, true, true },
		{ "a", "b", NULL, NULL, 0, 1, false, false },
		{ "a", "b", "b", NULL, 2, 9, true, false }, /* it failed: no second one */
		{ "a", "c", "b", NULL, 2, 9, true, true },  /* but for the next move */
		{ "a", "a", "b", NULL, 2, 9, true, false }, /* it moved back */
		{ "a", "b", "b", "RULE_NO_MATCH", 2, 1, true, false },
		{ "a", "b", "b", "RULE_NO_MATCH", 2, 9, true, true }, /* asked since */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct pipeline_base b = { .digest = cases[i].digest,
						 .newest = cases[i].newest,
						 .watched = cases[i].watched,
						 .rebuilt_for = cases[i].rebuilt_for,
						 .rebuild_code = cases[i].rebuild_code,
						 .rebuilt_ns = cases[i].rebuilt_ns,
						 .checked_ns = cases[i].checked_ns };
		EXPECT(pipeline_base_calls(&b) == cases[i].want);
	}
}

TEST(a_registry_that_fails_is_asked_less_and_less_often)
{
	EXPECT(pipeline_base_pause_s(3600, 0) == 3600);
	EXPECT(pipeline_base_pause_s(3600, 1) == 7200);
	EXPECT(pipeline_base_pause_s(3600, 4) == 57600);
	EXPECT(pipeline_base_pause_s(3600, 5) == 86400);
	EXPECT(pipeline_base_pause_s(60, INT64_MAX) == 3840);
	EXPECT(pipeline_base_pause_s(200000, 3) == 200000);
}

TEST(what_is_told_names_three_at_most)
{
	own(arena) a = arena_open(1 << 20);
	struct pipeline_base_row rows[6] = { { .b = { .name = "same", .digest = digest('1') } } };
	rows[0].b.newest = rows[0].b.digest;
	for (size_t i = 1; i < ARRAY_LEN(rows); i++)
		rows[i].b = (struct pipeline_base){ .name = arena_printf(a, "b:%zu", i),
						    .digest = "sha256:0123456789abcdef",
						    .newest = "sha256:fedcba9876543210" };
	EXPECT_STR(str_of(pipeline_base_told(a, rows, 2)),
		   "b:1 moved from sha256:0123456789ab to sha256:fedcba987654");
	EXPECT_STR(str_of(pipeline_base_told(a, rows, 6)),
		   "b:1 moved from sha256:0123456789ab to sha256:fedcba987654, "
		   "b:2 moved from sha256:0123456789ab to sha256:fedcba987654, "
		   "b:3 moved from sha256:0123456789ab to sha256:fedcba987654, and 2 more");
}

/* ---- builds ---- */

TEST(a_base_that_moves_starts_one_build)
{
	done(watched) c;
	new_watched(&c);
	size_t n;
	const char *rule = rule_of(&c, true);
	hub_set(&c.hub, "alpine:3", '1');
	struct pipeline_build first = built(&c, rule, "alpine:3", '1');
	GIT(c.code.tree, "commit", "-q", "--allow-empty", "-m", "two");
	GIT(c.code.tree, "push", "-q", c.code.remote, "main");
	look(&c);
	EXPECT(n_rebuilds(&c) == 0 &&
	       !pipeline_base_moved(&(struct pipeline_base[]){ only(&c) }[0]));
	hub_set(&c.hub, "alpine:3", '2');
	look(&c);
	struct pipeline_build *b = rebuilds(&c, &n);
	EXPECT(n == 1);
	EXPECT_STR(str_of(b[0].actor),
		   "alpine:3 moved from sha256:111111111111 to sha256:222222222222");
	EXPECT_STR(str_of(b[0].ref), "refs/heads/main");
	EXPECT_STR(str_of(b[0].commit), first.commit); /* not what came since */
	EXPECT_STR(str_of(b[0].tags[0]), "latest");
	struct pipeline_base base = only(&c);
	EXPECT(pipeline_base_moved(&base));
	EXPECT_STR(str_of(base.rebuild), b[0].id);
	EXPECT_STR(str_of(base.rebuild_status), "PENDING");
	EXPECT_STR(str_of(base.rebuilt_for), digest('2'));
	look(&c);
	EXPECT(n_rebuilds(&c) == 1);
	/* it failed: no second one, until the next move */
	end_build(&c, b[0].id, "FAILED");
	look(&c);
	EXPECT(n_rebuilds(&c) == 1);
	hub_set(&c.hub, "alpine:3", '3');
	look(&c);
	b = rebuilds(&c, &n);
	EXPECT(n == 2);
	add_base(&c, b[0].id, 1, "alpine:3", '3');
	end_build(&c, b[0].id, "SUCCESS");
	look(&c);
	EXPECT(n_rebuilds(&c) == 2);
	base = only(&c);
	EXPECT_STR(str_of(base.build_id), b[0].id);
	EXPECT(!pipeline_base_moved(&base));
}

TEST(while_a_build_of_the_rule_has_not_ended_none_is_started)
{
	done(watched) c;
	new_watched(&c);
	struct pipeline_build other;
	const char *rule = rule_of(&c, true);
	built(&c, rule, "alpine:3", '1');
	EXPECT_OK(pipeline_build_start(c.w.p, c.w.a, str_of(rule), STR("main"), "MANUAL", "mary",
				       &other));
	hub_set(&c.hub, "alpine:3", '2');
	look(&c);
	EXPECT(n_rebuilds(&c) == 0 && !only(&c).rebuilt_for);
	end_build(&c, other.id, "CANCELED");
	pipeline_base_round(c.w.p); /* without asking again */
	EXPECT(n_rebuilds(&c) == 1);
}

TEST(what_nobody_wants_is_not_built_and_what_cannot_move_is_not_asked)
{
	done(watched) c;
	new_watched(&c);
	const char *rule = rule_of(&c, false);
	struct pipeline_build b = built(&c, rule, "alpine:3", '1');
	const char *pinned = arena_printf(c.w.a, "alpine@%s", digest('1'));
	add_base(&c, b.id, 2, pinned, '1');
	add_base(&c, b.id, 3, "no name at all", '1');
	hub_set(&c.hub, "alpine:3", '2');
	hub_set(&c.hub, pinned, '2');
	look(&c);
	EXPECT(hub_asked(&c.hub, "alpine:3") == 0);
	/* it can be asked for, and is only told */
	EXPECT_OK(pipeline_base_check(c.w.p, str_of(c.code.repository)));
	EXPECT(hub_asked(&c.hub, "alpine:3") == 1 && hub_asked(&c.hub, pinned) == 0);
	struct pipeline_base base = only(&c);
	EXPECT(pipeline_base_moved(&base) && !base.watched && !base.checking);
	EXPECT(n_rebuilds(&c) == 0);
	EXPECT_OK(db_exec(c.w.db, "UPDATE build_rule SET rebuild_on_base = 1", DB_NO_PARAMS));
	EXPECT_OK(pipeline_base_check(c.w.p, str_of(c.code.repository)));
	EXPECT(n_rebuilds(&c) == 1);
}

TEST(a_build_whose_ref_is_gone_does_not_count)
{
	done(watched) c;
	new_watched(&c);
	struct pipeline_base *list;
	size_t n;
	built(&c, rule_of(&c, true), "alpine:3", '1');
	EXPECT_OK(db_exec(c.w.db, "DELETE FROM source_ref", DB_NO_PARAMS));
	hub_set(&c.hub, "alpine:3", '2');
	look(&c);
	EXPECT(hub_asked(&c.hub, "alpine:3") == 0 && n_rebuilds(&c) == 0);
	EXPECT_OK(pipeline_base_list(c.w.p, c.w.a, str_of(c.code.repository), &list, &n));
	EXPECT(n == 0);
}

TEST(a_base_of_many_rules_is_asked_for_once)
{
	done(watched) c;
	new_watched(&c);
	for (size_t i = 0; i < 5; i++) {
		struct pipeline_build b = built(&c, rule_of(&c, true), "alpine:3", '1');
		add_base(&c, b.id, 2, "alpine:3", '1'); /* for another platform */
		add_base(&c, b.id, 3, "own.example/demo/base:1", '1');
	}
	hub_set(&c.hub, "alpine:3", '2');
	hub_set(&c.hub, "own.example/demo/base:1", '2');
	look(&c);
	EXPECT(hub_asked(&c.hub, "alpine:3") == 1);
	EXPECT(hub_asked(&c.hub, "own.example/demo/base:1") == 1);
	EXPECT(n_rebuilds(&c) == 5); /* each for both */
	pipeline_base_round(c.w.p);
	EXPECT(n_rebuilds(&c) == 5);
}

TEST(a_platform_that_is_behind_counts)
{
	done(watched) c;
	new_watched(&c);
	struct pipeline_build b = built(&c, rule_of(&c, true), "alpine:3", '2');
	add_base(&c, b.id, 2, "alpine:3", '1'); /* its lease began before the move */
	hub_set(&c.hub, "alpine:3", '2');
	look(&c);
	EXPECT(n_rebuilds(&c) == 1);
}

TEST(one_that_does_not_answer_keeps_no_other_from_being_asked)
{
	done(watched) c;
	new_watched(&c);
	struct pipeline_base *list;
	size_t n;
	const char *bad = rule_of(&c, true), *good = rule_of(&c, true);
	built(&c, bad, "down:1", '1');
	built(&c, good, "alpine:3", '1');
	c.w.p->base_interval_s = 3600;
	hub_set(&c.hub, "down:1", '1');
	hub_set(&c.hub, "alpine:3", '1');
	pipeline_base_round(c.w.p);
	hub_set(&c.hub, "down:1", '!');
	hub_set(&c.hub, "alpine:3", '2');
	look(&c);
	EXPECT(n_rebuilds(&c) == 1);
	EXPECT_OK(pipeline_base_list(c.w.p, c.w.a, str_of(c.code.repository), &list, &n));
	EXPECT(n == 2);
	EXPECT_STR(str_of(list[0].error_code), "BASE_UNREACHABLE");
	EXPECT(strstr(list[0].error_text, "nobody answers") && list[0].error_remedy);
	EXPECT_STR(str_of(list[0].newest), digest('1')); /* what is known stays known */
	EXPECT(!list[1].error_code);
	/* after an hour the other one is due, and this one after two */
	unsigned asked = hub_asked(&c.hub, "down:1"), others = hub_asked(&c.hub, "alpine:3");
	__atomic_fetch_add(&c.w.p->wall_shift_ns, HOUR_NS + HOUR_NS / 2, __ATOMIC_RELAXED);
	pipeline_base_round(c.w.p);
	EXPECT(hub_asked(&c.hub, "down:1") == asked);
	EXPECT(hub_asked(&c.hub, "alpine:3") == others + 1);
	__atomic_fetch_add(&c.w.p->wall_shift_ns, HOUR_NS, __ATOMIC_RELAXED);
	hub_set(&c.hub, "down:1", '2');
	pipeline_base_round(c.w.p);
	EXPECT(hub_asked(&c.hub, "down:1") == asked + 1);
	EXPECT(n_rebuilds(&c) == 2);
	EXPECT_OK(pipeline_base_list(c.w.p, c.w.a, str_of(c.code.repository), &list, &n));
	EXPECT(!list[0].error_code && !list[0].error_text);
}

TEST(what_cannot_be_started_says_why_and_is_tried_at_the_next_look)
{
	done(watched) c;
	new_watched(&c);
	struct pipeline_rule rule;
	bool found;
	const char *id = rule_of(&c, true);
	built(&c, id, "alpine:3", '1');
	EXPECT_OK(pipeline_rule_get(c.w.db, c.w.a, str_of(id), &found, &rule));
	rule.pattern = "next";
	EXPECT_OK(pipeline_rule_update(c.w.db, &rule));
	hub_set(&c.hub, "alpine:3", '2');
	look(&c);
	struct pipeline_base base = only(&c);
	EXPECT(n_rebuilds(&c) == 0 && !base.rebuild);
	EXPECT_STR(str_of(base.rebuild_code), "RULE_NO_MATCH");
	rule.pattern = "main";
	EXPECT_OK(pipeline_rule_update(c.w.db, &rule));
	look(&c);
	EXPECT(n_rebuilds(&c) == 1 && !only(&c).rebuild_code);
}

/* Two servers over one database. */
static void *round_of(void *arg)
{
	for (size_t i = 0; i < 3; i++)
		pipeline_base_round(arg);
	return NULL;
}

TEST(each_move_is_built_by_one_server)
{
	done(watched) c;
	new_watched(&c);
	pthread_t t;
	for (size_t i = 0; i < 6; i++)
		built(&c, rule_of(&c, true), "alpine:3", '1');
	hub_set(&c.hub, "alpine:3", '2');
	struct world second = c.w;
	world_start(&second);
	EXPECT_OK(thread_start(&t, "second", round_of, second.p));
	round_of(c.w.p);
	pthread_join(t, NULL);
	world_stop(&second);
	EXPECT(n_rebuilds(&c) == 6);
}
