/* Records written by hand, so that every number is known. */
#include "pipeline/history.h"

#include "pipeline/test_priv.h"

#define SEC INT64_C(1000000000)

static void add(struct world *w, int64_t seq, const char *rule, const char *status, int64_t took_s)
{
	own_mem char *id = mem_printf("b%lld", (long long)seq);
	add_past_build(w, &(struct past_build){ .id = id,
						.status = status,
						.rule = rule,
						.seq = seq,
						.created_ns = seq * SEC,
						.took_s = took_s });
}

#define STEP(build, ...) add_past_step(&w, build, &(struct past_step){ __VA_ARGS__ })

struct got {
	struct pipeline_past *v;
	size_t n;
};

static struct got get(struct world *w, const char *id, int64_t seq, const char *rule, uint32_t step)
{
	struct pipeline_build b = { .id = id, .seq = seq, .rule_id = rule };
	struct got g;
	EXPECT_OK(pipeline_history_get(w->p, w->a, &b, step, &g.v, &g.n));
	return g;
}

static struct world with_repository(void)
{
	struct world w = new_world();
	add_past_repository(&w, "crr-1", "app", "PUBLIC");
	return w;
}

TEST(a_build_and_those_of_its_rule_before_it_the_newest_first)
{
	done(world) w = with_repository();
	add(&w, 1, "crbr-1", "SUCCESS", 10);
	add(&w, 2, "crbr-2", "SUCCESS", 10);
	add(&w, 3, "crbr-1", "CANCELED", 0);
	add(&w, 4, "crbr-1", "FAILED", 2);
	add(&w, 5, "crbr-1", "SUCCESS", 10);
	struct got g = get(&w, "b4", 4, "crbr-1", 0);
	EXPECT(g.n == 3);
	EXPECT_STR(str_of(g.v[0].id), "b4");
	EXPECT_STR(str_of(g.v[1].id), "b3");
	EXPECT_STR(str_of(g.v[2].id), "b1");
	EXPECT(g.v[0].status == PIPELINE_FAILED && g.v[0].took_ms == 2000);
	EXPECT(g.v[1].status == PIPELINE_CANCELED && g.v[1].took_ms == -1);
	EXPECT(g.v[2].took_ms == 10000 && g.v[2].created_ns == SEC && !g.v[2].step.state);
}

TEST(a_build_without_a_rule_has_itself_only)
{
	done(world) w = with_repository();
	add(&w, 1, NULL, "SUCCESS", 10);
	add(&w, 2, NULL, "SUCCESS", 10);
	struct got g = get(&w, "b2", 2, NULL, 0);
	EXPECT(g.n == 1);
	EXPECT_STR(str_of(g.v[0].id), "b2");
}

TEST(there_are_fifty_at_most)
{
	done(world) w = with_repository();
	for (int i = 1; i <= PIPELINE_HISTORY_BUILDS + 5; i++)
		add(&w, i, "crbr-1", "SUCCESS", 1);
	struct got g = get(&w, "b55", 55, "crbr-1", 0);
	EXPECT(g.n == PIPELINE_HISTORY_BUILDS);
	EXPECT_STR(str_of(g.v[g.n - 1].id), "b6");
}

TEST(bases_are_no_instructions_and_a_layer_counts_once)
{
	done(world) w = with_repository();
	add(&w, 1, "crbr-1", "SUCCESS", 10);
	STEP("b1", .step = 1, .text = "FROM alpine", .state = "done");
	STEP("b1", .step = 2, .text = "RUN a", .line = 2, .state = "done", .digest = "sha256:a",
	     .bytes = 100);
	STEP("b1", .step = 3, .text = "COPY x /", .line = 3, .state = "cached",
	     .digest = "sha256:b", .bytes = 7);
	STEP("b1", .step = 4, .text = "COPY x /", .line = 3, .state = "cached",
	     .digest = "sha256:b", .bytes = 7);
	STEP("b1", .step = 5, .text = "RUN c", .line = 4, .state = "failed");
	STEP("b1", .step = 6, .text = "RUN d", .line = 5, .state = "waiting", .took_ms = -1);
	struct got g = get(&w, "b1", 1, "crbr-1", 0);
	EXPECT(g.v[0].n_steps == 4 && g.v[0].n_cached == 2);
	EXPECT(g.v[0].layer_bytes == 107);
}

TEST(a_step_is_known_by_its_stage_text_and_platforms)
{
	done(world) w = with_repository();
	for (int i = 1; i <= 3; i++)
		add(&w, i, "crbr-1", "SUCCESS", 10);
	STEP("b1", .step = 1, .text = "RUN a", .platforms = "[\"linux/amd64\"]", .line = 1,
	     .state = "done");
	STEP("b1", .step = 2, .text = "RUN a", .platforms = "[\"linux/arm64\"]", .line = 1,
	     .state = "done", .took_ms = 700, .digest = "sha256:a", .bytes = 9);
	STEP("b2", .step = 4, .text = "RUN b", .platforms = "[\"linux/arm64\"]", .line = 1,
	     .state = "done");
	STEP("b3", .step = 5, .text = "RUN a", .platforms = "[\"linux/arm64\"]", .line = 2,
	     .state = "cached", .took_ms = 1);
	struct got g = get(&w, "b3", 3, "crbr-1", 5);
	EXPECT(g.n == 3);
	EXPECT_STR(str_of(g.v[0].step.state), "cached");
	EXPECT(g.v[0].step.took_ms == 1 && !g.v[0].step.has_layer);
	EXPECT(!g.v[1].step.state);
	EXPECT_STR(str_of(g.v[2].step.state), "done");
	EXPECT(g.v[2].step.took_ms == 700 && g.v[2].step.has_layer && g.v[2].step.bytes == 9);
}

TEST(a_step_that_ran_again_counts_as_it_ran_last)
{
	done(world) w = with_repository();
	add(&w, 1, "crbr-1", "SUCCESS", 10);
	STEP("b1", .step = 1, .text = "RUN a", .line = 1, .state = "failed", .took_ms = 10);
	STEP("b1", .step = 2, .text = "RUN a", .line = 1, .state = "done", .took_ms = 20);
	struct got g = get(&w, "b1", 1, "crbr-1", 1);
	EXPECT(g.n == 1 && g.v[0].step.took_ms == 20);
}

TEST(a_step_that_is_not_there_is_an_error)
{
	done(world) w = with_repository();
	struct pipeline_build b = { .id = "b1", .seq = 1, .rule_id = "crbr-1" };
	struct pipeline_past *v;
	size_t n;
	add(&w, 1, "crbr-1", "SUCCESS", 10);
	struct err *e = pipeline_history_get(w.p, w.a, &b, 7, &v, &n);
	expect_code(e, "NO_STEP");
}
