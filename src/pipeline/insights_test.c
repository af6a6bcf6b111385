/* Records written by hand, so that every number is known. */
#include "pipeline/insights.h"

#include "pipeline/test_priv.h"

#define DAY (INT64_C(86400) * 1000000000)
#define SEC INT64_C(1000000000)

static const struct auth_principal admin = { .kind = AUTH_USER,
					     .is_admin = true,
					     .most = AUTH_ADMIN };

static void sql(struct world *w, const char *text, const struct db_param *params, size_t n)
{
	EXPECT_OK(db_exec(w->db, text, params, n));
}

static int64_t today(struct world *w)
{
	return pipeline_now(w->p) / DAY * DAY;
}

struct built {
	const char *id, *repository, *status, *rerun_of;
	int64_t created_ns, took_s; /* took 0: it was never started */
};

static void add(struct world *w, const struct built *b)
{
	static int64_t seq;
	add_past_build(w, &(struct past_build){ .id = b->id,
						.status = b->status,
						.rule = "crbr-1",
						.rerun_of = b->rerun_of,
						.repository = b->repository,
						.seq = ++seq,
						.created_ns = b->created_ns,
						.took_s = b->took_s });
}

static void add_job(struct world *w, const char *build, const char *platform, int64_t queued_ns,
		    int64_t waited_s, int attempt)
{
	sql(w,
	    "INSERT INTO build_job (record_id, platform, state, attempt, queued_ns, started_ns)"
	    " VALUES ($1, $2, 'done', $3, $4, $5)",
	    DB_PARAMS(db_cstr(build), db_cstr(platform), db_int(attempt), db_int(queued_ns),
		      db_int(queued_ns + waited_s * SEC)));
}

static void add_step(struct world *w, const char *build, int step, const char *text,
		     const char *state, int took_ms)
{
	add_past_step(w, build,
		      &(struct past_step){ .step = step,
					   .line = step - 1,
					   .text = text,
					   .state = state,
					   .took_ms = took_ms });
}

static struct pipeline_insights *get(struct world *w, const struct auth_principal *who,
				     const char *repository, unsigned days)
{
	struct pipeline_insights *in = arena_new(w->a, struct pipeline_insights);
	struct pipeline_insights_query q = { .who = who,
					     .repository_id = str_of(repository),
					     .days = days };
	EXPECT_OK(pipeline_insights_get(w->p, w->a, &q, in));
	return in;
}

static bool is(struct pipeline_spread s, uint64_t n, int64_t median_ms, int64_t p95_ms)
{
	return s.n == n && s.median_ms == median_ms && s.p95_ms == p95_ms;
}

TEST(every_day_is_there_and_a_build_is_of_the_day_it_was_made_on)
{
	done(world) w = new_world();
	int64_t now = today(&w);
	add_past_repository(&w, "crr-1", "app", "PRIVATE");
	add(&w, &(struct built){ "a", NULL, "SUCCESS", NULL, now, 10 });
	add(&w, &(struct built){ "b", NULL, "FAILED", NULL, now + DAY - 1, 5 });
	add(&w, &(struct built){ "c", NULL, "CANCELED", NULL, now - 1, 0 });
	add(&w, &(struct built){ "d", NULL, "PENDING", NULL, now - 6 * DAY, 0 });
	add(&w, &(struct built){ "e", NULL, "SUCCESS", NULL, now - 6 * DAY - 1, 99 });
	add(&w, &(struct built){ "f", NULL, "SUCCESS", NULL, now + DAY, 99 });
	const struct pipeline_insights *in = get(&w, &admin, "", 7);
	EXPECT(in->n_days == 7 && in->from_ns == now - 6 * DAY && in->to_ns == now + DAY);
	EXPECT(in->days[6].builds[PIPELINE_SUCCESS] == 1);
	EXPECT(in->days[6].builds[PIPELINE_FAILED] == 1);
	EXPECT(in->days[5].builds[PIPELINE_CANCELED] == 1);
	EXPECT(in->days[0].builds[PIPELINE_PENDING] == 1);
	EXPECT(in->days[0].start_ns == in->from_ns && !in->days[3].builds[PIPELINE_SUCCESS]);
	EXPECT(in->builds[PIPELINE_SUCCESS] == 1 && in->n_sampled == 4 && !in->sampled_from_ns);
	EXPECT(is(in->took, 1, 10000, 10000) && is(in->days[6].took, 1, 10000, 10000));
	EXPECT(is(in->days[5].took, 0, 0, 0));
	in = get(&w, &admin, "", 1);
	EXPECT(in->n_days == 1 && in->days[0].builds[PIPELINE_SUCCESS] == 1);
	EXPECT(!in->builds[PIPELINE_CANCELED]);
}

TEST(median_and_95th_percentile_are_of_what_was_measured)
{
	done(world) w = new_world();
	add_past_repository(&w, "crr-1", "app", "PRIVATE");
	for (int i = 1; i <= 20; i++) { /* 1 to 20 s, waited 20 to 1 s, not in order */
		int n = i * 7 % 20 + 1;
		own_mem char *id = mem_printf("b-%d", i);
		add(&w, &(struct built){ id, NULL, "SUCCESS", NULL, today(&w) + i, n });
		add_job(&w, id, "linux/amd64", today(&w) + i, 21 - n, 1);
		if (i <= 3)
			add_job(&w, id, "linux/arm64", today(&w) + i, i, 1);
	}
	const struct pipeline_insights *in = get(&w, &admin, "", 1);
	EXPECT(is(in->took, 20, 10000, 19000));
	EXPECT(in->n_platforms == 2);
	EXPECT_STR(str_of(in->platforms[0].platform), "linux/amd64");
	EXPECT(is(in->platforms[0].waited, 20, 10000, 19000));
	EXPECT(is(in->platforms[1].waited, 3, 2000, 3000));
}

TEST(what_a_retry_took_over_is_not_counted_twice)
{
	done(world) w = new_world();
	int64_t now = today(&w);
	add_past_repository(&w, "crr-1", "app", "PRIVATE");
	add(&w, &(struct built){ "first", NULL, "FAILED", NULL, now, 100 });
	add_job(&w, "first", "linux/amd64", now, 2, 1);
	add_job(&w, "first", "linux/arm64", now, 2, 1);
	add(&w, &(struct built){ "retry", NULL, "SUCCESS", "first", now + 200 * SEC, 3 });
	add_job(&w, "retry", "linux/amd64", now, 2, 1); /* taken over */
	add_job(&w, "retry", "linux/arm64", now + 200 * SEC, 8, 1);
	add(&w, &(struct built){ "again", NULL, "SUCCESS", "first", now + 300 * SEC, 50 });
	add_job(&w, "again", "linux/amd64", now + 300 * SEC, 4, 1);
	add_job(&w, "again", "linux/arm64", now + 300 * SEC, 600, 2); /* a worker was lost */
	const struct pipeline_insights *in = get(&w, &admin, "", 1);
	EXPECT(in->builds[PIPELINE_SUCCESS] == 2 && in->builds[PIPELINE_FAILED] == 1);
	EXPECT(is(in->took, 1, 50000, 50000));
	EXPECT(is(in->platforms[0].waited, 2, 2000, 4000));
	EXPECT(is(in->platforms[1].waited, 2, 2000, 8000));
	sql(&w, "UPDATE build_record SET waits_for = 'first' WHERE id = 'again'", DB_NO_PARAMS);
	EXPECT(is(get(&w, &admin, "", 1)->platforms[0].waited, 1, 2000, 2000));
}

TEST(what_caching_saved_is_told_by_runs_of_the_same_step)
{
	done(world) w = new_world();
	add_past_repository(&w, "crr-1", "app", "PRIVATE");
	add_past_repository(&w, "crr-2", "lib", "PRIVATE");
	for (int i = 0; i < 4; i++) {
		own_mem char *id = mem_printf("b-%d", i);
		add(&w, &(struct built){ id, NULL, "SUCCESS", NULL, today(&w) + i, 10 });
		add_step(&w, id, 1, "FROM base", "cached", 0); /* line 0: no instruction */
		add_step(&w, id, 2, "RUN make", i < 2 ? "done" : "cached",
			 i < 2 ? 2000 * (i + 1) : 10);
		add_step(&w, id, 3, "COPY . .", "cached", 5);
		add_step(&w, id, 4, "RUN false", "failed", 7000);
	}
	add(&w, &(struct built){ "other", "crr-2", "SUCCESS", NULL, today(&w), 10 });
	add_step(&w, "other", 2, "RUN make", "done", 9000);
	const struct pipeline_insights *in = get(&w, &admin, "", 1);
	EXPECT(in->n_ran == 3 && in->n_cached == 6 && in->n_cached_told == 2);
	EXPECT(in->saved_ms == 2 * 3000 - 2 * 10);
	EXPECT(in->n_steps == 2);
	EXPECT_STR(str_of(in->steps[0].repository), "demo/lib");
	EXPECT(in->steps[0].total_ms == 9000 && in->steps[0].n_ran == 1);
	EXPECT_STR(str_of(in->steps[1].text), "RUN make");
	EXPECT(in->steps[1].total_ms == 6000 && in->steps[1].longest_ms == 4000);
	EXPECT(in->steps[1].n_ran == 2 && in->steps[1].n_cached == 2);
	in = get(&w, &admin, "crr-2", 1);
	EXPECT(in->n_ran == 1 && !in->n_cached && !in->saved_ms && !in->n_cached_told);
}

TEST(a_rule_flips_when_a_build_ends_another_way_than_the_one_before)
{
	static const char *const ends[] = { "SUCCESS", "FAILED",  "CANCELED",
					    "FAILED",  "SUCCESS", "PENDING" };
	done(world) w = new_world();
	add_past_repository(&w, "crr-1", "app", "PRIVATE");
	sql(&w,
	    "INSERT INTO build_rule VALUES ('crbr-1', 'crr-1', 'GIT_BRANCH', 'main', 0, '', 'D',"
	    " '[]', '[]', '[]', 'all', '[]', 'cancel', 0, 60, 1, 1, 1, 1, 0)",
	    DB_NO_PARAMS);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		own_mem char *id = mem_printf("b-%zu", i);
		add(&w, &(struct built){ id, NULL, ends[i], NULL, today(&w) + (int)i, 1 });
	}
	const struct pipeline_insights *in = get(&w, &admin, "", 1);
	EXPECT(in->n_rules == 1);
	EXPECT_STR(str_of(in->rules[0].pattern), "main");
	EXPECT(in->rules[0].n_success == 2 && in->rules[0].n_failed == 2);
	EXPECT(in->rules[0].n_flips == 2);
	/* one build of another ref is no flip */
	sql(&w, "UPDATE build_record SET ref = 'refs/heads/x' WHERE id = 'b-4'", DB_NO_PARAMS);
	EXPECT(get(&w, &admin, "", 1)->rules[0].n_flips == 1);
}

static void hold_blob(struct world *w, const char *repository, const char *digest, int size)
{
	sql(w, "INSERT INTO repository_blob VALUES ($1, $2, $3, 1)",
	    DB_PARAMS(db_cstr(repository), db_cstr(digest), db_int(size)));
}

TEST(only_what_the_caller_may_see_is_counted)
{
	static const struct auth_principal nobody = { .kind = AUTH_ANONYMOUS };
	struct auth_principal mary = { .kind = AUTH_USER, .most = AUTH_ADMIN, .user_id = "usr-1" };
	done(world) w = new_world();
	add_past_repository(&w, "crr-1", "app", "PRIVATE");
	add_past_repository(&w, "crr-2", "lib", "PUBLIC");
	add(&w, &(struct built){ "a", "crr-1", "FAILED", NULL, today(&w), 10 });
	add_job(&w, "a", "linux/amd64", today(&w), 2, 1);
	add_step(&w, "a", 2, "RUN make", "done", 9000);
	add(&w, &(struct built){ "b", "crr-2", "SUCCESS", NULL, today(&w), 20 });
	hold_blob(&w, "demo/app", "sha256:1", 100);
	hold_blob(&w, "demo/app", "sha256:2", 10);
	hold_blob(&w, "demo/lib", "sha256:2", 10);
	sql(&w, "INSERT INTO user_account VALUES ('usr-1', 'mary', NULL, 0, 0, 1, 1)",
	    DB_NO_PARAMS);
	const struct pipeline_insights *all = get(&w, &admin, "", 1);
	EXPECT(all->builds[PIPELINE_FAILED] == 1 && all->builds[PIPELINE_SUCCESS] == 1);
	EXPECT(all->bytes == 120 && all->once_bytes == 110 && all->n_blobs == 2);
	EXPECT(all->n_held == 2 && all->held[0].bytes == 110 && all->held[0].n_blobs == 2);
	const struct auth_principal *few[] = { &nobody, &mary };
	for (size_t i = 0; i < ARRAY_LEN(few); i++) {
		const struct pipeline_insights *in = get(&w, few[i], "", 1);
		EXPECT(!in->builds[PIPELINE_FAILED] && in->builds[PIPELINE_SUCCESS] == 1);
		EXPECT(!in->n_platforms && !in->n_steps && in->n_sampled == 1);
		EXPECT(in->n_held == 1 && in->bytes == 10 && in->once_bytes == 10);
	}
	sql(&w, "INSERT INTO role_grant VALUES ('usr-1', 'demo', 'app', 'view', 1)", DB_NO_PARAMS);
	EXPECT(get(&w, &mary, "", 1)->builds[PIPELINE_FAILED] == 1);
	pipeline_copy_id(mary.only_namespace, sizeof(mary.only_namespace), STR("other"));
	EXPECT(!get(&w, &mary, "", 1)->builds[PIPELINE_FAILED]);
}

TEST(jobs_and_steps_are_those_of_the_newest_builds)
{
	done(world) w = new_world();
	add_past_repository(&w, "crr-1", "app", "PRIVATE");
	sql(&w,
	    "INSERT INTO build_record (id, seq, repository_id, trigger_kind, actor, ref, commit_id,"
	    " pushed_ns, tags, dockerfile_dir, dockerfile_name, build_args, no_cache, pool,"
	    " priority, policy, required, emulation, time_limit_s, status, n_log_lines, created_ns)"
	    " WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"
	    " SELECT 'b-' || i, i, 'crr-1', 'PUSH', '', '', '', 1, '[]', '', '', '[]', 0, '', 0,"
	    " 'all', '[]', 1, 60, 'SUCCESS', 0, $2 + i FROM n",
	    DB_PARAMS(db_int(PIPELINE_INSIGHTS_SAMPLE + 4), db_int(today(&w))));
	sql(&w,
	    "INSERT INTO build_step (record_id, lease_id, step, line, stage, text, platforms,"
	    " state, started_ms, ended_ms) SELECT id, 'l', 1, 1, '', 'RUN make', '[]', 'done', 0,"
	    " 1 FROM build_record",
	    DB_NO_PARAMS);
	const struct pipeline_insights *in = get(&w, &admin, "", 1);
	EXPECT(in->builds[PIPELINE_SUCCESS] == PIPELINE_INSIGHTS_SAMPLE + 5);
	EXPECT(in->n_sampled == PIPELINE_INSIGHTS_SAMPLE);
	EXPECT(in->n_ran == PIPELINE_INSIGHTS_SAMPLE && in->sampled_from_ns == today(&w) + 5);
}
