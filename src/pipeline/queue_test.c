/* The queue: who gets which job when, and that every record comes to its end. The pipeline runs
 * with its threads. */
#include "pipeline/queue_test_priv.h"

#include <stdio.h>

/* ---- who gets what ---- */

TEST(priority_goes_before_age_and_a_minute_of_waiting_is_worth_one)
{
	done(world) w = new_world();
	const char *a = ADD(.priority = 0), *b = ADD(.priority = 10), *c = ADD(.priority = -5);
	const char *d = ADD(.priority = 10), *one = WORKER("one");
	ORDER(one, "one", b, d, a, c);
	const char *old = ADD(.priority = 0);
	EXPECT_OK(db_exec(w.db,
			  "UPDATE build_record SET created_ns = created_ns - 660000000000"
			  " WHERE id = $1",
			  DB_PARAMS(db_cstr(old))));
	const char *urgent = ADD(.priority = 12), *other = ADD(.priority = 10);
	ORDER(one, "one", urgent, old, other);
}

TEST(no_namespace_keeps_another_out)
{
	done(world) w = new_world();
	const char *a = ADD(.namespace_ = "much", .priority = 50);
	const char *b = ADD(.namespace_ = "much", .priority = 50);
	const char *c = ADD(.namespace_ = "much", .priority = 50);
	const char *d = ADD(.namespace_ = "little"), *e = ADD(.namespace_ = "some");
	const char *one = WORKER("one");
	ORDER(one, "one", a, d, e, b, c);
}

TEST(a_worker_gets_no_more_than_its_free_slots)
{
	done(world) w = new_world();
	const char *one = WORKER("one");
	for (int i = 0; i < 3; i++)
		ADD(.priority = 0);
	EXPECT(queue_ask(&w, one, "one", 0).n_leases == 0);
	EXPECT(queue_ask(&w, one, "one", 2).n_leases == 2);
	EXPECT(queue_ask(&w, one, "one", 2).n_leases == 1);
}

TEST(a_pool_has_its_own_workers)
{
	done(world) w = new_world();
	const char *one = WORKER("one"), *far = WORKER("far", .pool = "overseas");
	const char *a = ADD(.pool = "overseas"), *b = ADD(.priority = -1);
	ORDER(one, "one", b);
	ORDER(far, "far", a);
	const char *c = ADD(.pool = "nowhere");
	EXPECT(queue_ask(&w, one, "one", 1).n_leases + queue_ask(&w, far, "far", 1).n_leases == 0);
	EXPECT(queue_get(&w, c).status == PIPELINE_PENDING);
	const char *late = WORKER("late", .pool = "nowhere");
	ORDER(late, "late", c);
}

TEST(a_position_is_among_what_waits_for_the_same_workers)
{
	done(world) w = new_world();
	const char *one = WORKER("one", .platforms = { AMD }),
		   *far = WORKER("far", .pool = "overseas");
	const char *arm = ADD(.platforms = { ARM }, .priority = 50), *a = ADD(.priority = 0);
	const char *b = ADD(.pool = "overseas"), *c = ADD(.namespace_ = "other"),
		   *d = ADD(.priority = 1);
	const char *none = ADD(.pool = "nowhere");
	const char *order[] = { d, c, a, arm };
	for (uint32_t i = 0; i < 4; i++)
		EXPECT(queue_get(&w, order[i]).queue_position == i + 1);
	EXPECT(queue_get(&w, b).queue_position == 1 && queue_get(&w, none).queue_position == 1);
	EXPECT_STR(str_of(queue_take(&w, far, "far").build.id), b);
	/* The lease there counts for the namespace, and brings the other one forward. */
	EXPECT(queue_get(&w, c).queue_position == 1 && queue_get(&w, d).queue_position == 2);
	EXPECT_STR(str_of(queue_take(&w, one, "one").build.id), c);
	EXPECT(queue_get(&w, d).queue_position == 1 && queue_get(&w, arm).queue_position == 3);
	/* Who can run it puts it at its place. */
	WORKER("arm", .platforms = { ARM });
	EXPECT(queue_get(&w, arm).queue_position == 1 && queue_get(&w, d).queue_position == 2);
}

TEST(what_waits_for_another_build_has_no_position)
{
	done(world) w = new_world();
	const char *one = WORKER("one");
	const char *a = ADD(.rule = "r"), *b = ADD(.rule = "r", .newer = WAITS),
		   *c = ADD(.priority = 0);
	EXPECT(queue_get(&w, a).queue_position == 1 && queue_get(&w, b).queue_position == 0);
	EXPECT(queue_get(&w, c).queue_position == 2);
	struct pipeline_lease l = queue_take(&w, one, "one");
	lease_done(&w, l.id, "one", 0, AMD);
	wait_status(&w, a, PIPELINE_SUCCESS);
	EXPECT(queue_get(&w, a).queue_position == 0 && queue_get(&w, b).queue_position == 1);
}

TEST(jobs_of_one_record_go_together_to_a_worker_that_has_them)
{
	done(world) w = new_world();
	const char *amd = WORKER("amd", .platforms = { AMD, "linux/arm/v7" });
	const char *arm = WORKER("arm", .platforms = { ARM });
	const char *id = ADD(.platforms = { AMD, ARM, "linux/arm/v7" });
	struct pipeline_lease a = queue_take(&w, amd, "amd"), b = queue_take(&w, arm, "arm");
	EXPECT(a.n_platforms == 2 && b.n_platforms == 1);
	EXPECT_STR(str_of(a.build.id), id);
	EXPECT_STR(str_of(oci_platform_text(&b.platforms[0]).s), ARM);
	EXPECT(a.first_step != b.first_step);
}

TEST(native_goes_before_emulation)
{
	done(world) w = new_world();
	const char *native = WORKER("native", .platforms = { ARM });
	const char *slow = WORKER("slow", .platforms = { "~" ARM });
	const char *a = ADD(.platforms = { ARM });
	EXPECT(queue_ask(&w, slow, "slow", 1).n_leases == 0);
	ORDER(native, "native", a);
	/* It is busy: after a minute emulation will do. */
	const char *b = ADD(.platforms = { ARM });
	EXPECT(queue_ask(&w, slow, "slow", 1).n_leases == 0);
	EXPECT_OK(db_exec(w.db, "UPDATE build_job SET queued_ns = queued_ns - 60000000000",
			  DB_NO_PARAMS));
	ORDER(slow, "slow", b);
	/* A native worker that takes no more does not count. */
	bool found;
	EXPECT_OK(pipeline_worker_drain(w.p, str_of(native), true, &found));
	const char *c = ADD(.platforms = { ARM });
	ORDER(slow, "slow", c);
}

TEST(emulation_that_is_forbidden_waits_for_a_native_worker)
{
	done(world) w = new_world();
	const char *slow = WORKER("slow", .platforms = { "~" ARM });
	const char *a = ADD(.platforms = { ARM }, .no_emulation = true);
	EXPECT_OK(db_exec(w.db, "UPDATE build_job SET queued_ns = 1", DB_NO_PARAMS));
	EXPECT(queue_ask(&w, slow, "slow", 1).n_leases == 0);
	const char *native = WORKER("native", .platforms = { ARM });
	ORDER(native, "native", a);
}

TEST(a_poll_that_waits_is_answered_when_work_comes)
{
	done(world) w = new_world();
	const char *one = WORKER("one");
	const char *a = ADD(.priority = 0);
	struct pipeline_poll_result r = queue_poll(&w, one, "one", 1, NULL, 50000);
	EXPECT(r.n_leases == 1);
	EXPECT_STR(str_of(r.leases[0].build.id), a);
}

/* ---- a newer push ---- */

TEST(a_newer_push_waits_for_the_older_build)
{
	done(world) w = new_world();
	const char *a = ADD(.rule = "r"), *b = ADD(.rule = "r", .newer = WAITS, .priority = 90);
	const char *one = WORKER("one");
	struct pipeline_lease l = queue_take(&w, one, "one");
	EXPECT_STR(str_of(l.build.id), a);
	EXPECT(queue_ask(&w, one, "one", 4).n_leases == 0);
	EXPECT_STR(str_of(queue_get(&w, b).waits_for), a);
	lease_done(&w, l.id, "one", 0, AMD);
	wait_status(&w, a, PIPELINE_SUCCESS);
	EXPECT_STR(str_of(queue_poll(&w, one, "one", 1, NULL, 50000).leases[0].build.id), b);
}

TEST(a_newer_push_cancels_the_older_build_queued_or_running)
{
	done(world) w = new_world();
	const char *a = ADD(.rule = "r"), *b = ADD(.rule = "r", .newer = CANCELS);
	struct pipeline_build old = queue_get(&w, a);
	EXPECT(old.status == PIPELINE_CANCELED);
	EXPECT_STR(str_of(old.superseded_by), b);
	EXPECT_STR(str_of(old.canceled_by), "a newer push");
	const char *one = WORKER("one");
	struct pipeline_lease l = queue_take(&w, one, "one");
	lease_tell(&w, l.id, "one", 0, AMD, "running", "");
	const char *c = ADD(.rule = "r", .newer = CANCELS), *held[] = { l.id, NULL };
	EXPECT(queue_poll(&w, one, "one", 1, held, 50000).n_cancel == 1);
	lease_tell(&w, l.id, "one", 1, AMD, "canceled", "");
	EXPECT_STR(str_of(wait_status(&w, b, PIPELINE_CANCELED).superseded_by), c);
	EXPECT(queue_get(&w, c).status == PIPELINE_PENDING);
	/* Of another rule nothing is canceled. */
	const char *d = ADD(.rule = "other", .newer = CANCELS);
	EXPECT(queue_get(&w, c).status == PIPELINE_PENDING &&
	       queue_get(&w, d).status == PIPELINE_PENDING);
}

/* ---- policies ---- */

TEST(the_policy_says_which_platforms_must_succeed)
{
	static const struct {
		enum pipeline_policy policy;
		const char *required;
		bool amd, arm, success;
	} cases[] = {
		{ PIPELINE_ALL, "[]", true, true, true },
		{ PIPELINE_ALL, "[]", true, false, false },
		{ PIPELINE_ALL, "[]", false, false, false },
		{ PIPELINE_REQUIRED, "[\"" AMD "\"]", true, false, true },
		{ PIPELINE_REQUIRED, "[\"" AMD "\"]", false, true, false },
		{ PIPELINE_REQUIRED, "[\"" AMD "\",\"" ARM "\"]", true, false, false },
		{ PIPELINE_BEST_EFFORT, "[]", true, false, true },
		{ PIPELINE_BEST_EFFORT, "[]", false, true, true },
		{ PIPELINE_BEST_EFFORT, "[]", false, false, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		done(world) w = new_world(); /* no tag yet that would lose a platform */
		const char *one = WORKER("one", .platforms = { AMD, ARM });
		const char *id = ADD(.platforms = { AMD, ARM }, .policy = cases[i].policy,
				     .required = cases[i].required);
		struct pipeline_lease l = queue_take(&w, one, "one");
		(cases[i].amd ? lease_done : lease_failed)(&w, l.id, "one", 0, AMD);
		EXPECT(queue_get(&w, id).status == PIPELINE_BUILDING || !cases[i].amd);
		(cases[i].arm ? lease_done : lease_failed)(&w, l.id, "one", 1, ARM);
		struct pipeline_build b =
			wait_status(&w, id, cases[i].success ? PIPELINE_SUCCESS : PIPELINE_FAILED);
		EXPECT(cases[i].success == (b.digest != NULL));
		if (!cases[i].success)
			EXPECT_STR(str_of(b.error_code), "STEP_FAILED");
	}
}

TEST(a_retry_of_one_platform_keeps_the_others)
{
	done(world) w = new_world();
	struct pipeline_build again, b;
	const char *one = WORKER("one", .platforms = { AMD, ARM });
	const char *id = ADD(.platforms = { AMD, ARM });
	expect_code(pipeline_build_retry(w.p, w.a, str_of(id), STR(ARM), "mary", &again),
		    "BUILD_RUNNING");
	struct pipeline_lease l = queue_take(&w, one, "one");
	lease_done(&w, l.id, "one", 0, AMD);
	lease_failed(&w, l.id, "one", 1, ARM);
	b = wait_status(&w, id, PIPELINE_FAILED);
	expect_code(pipeline_build_retry(w.p, w.a, str_of(id), STR(AMD), "mary", &again),
		    "NOTHING_TO_RETRY");
	EXPECT_OK(pipeline_build_retry(w.p, w.a, str_of(id), STR(ARM), "mary", &again));
	EXPECT_STR(str_of(again.rerun_of), id);
	l = queue_take(&w, one, "one");
	EXPECT(l.n_platforms == 1);
	EXPECT_STR(str_of(oci_platform_text(&l.platforms[0]).s), ARM);
	lease_done(&w, l.id, "one", 0, ARM);
	struct pipeline_build now = wait_status(&w, again.id, PIPELINE_SUCCESS);
	EXPECT_STR(str_of(now.jobs[0].digest), b.jobs[0].digest);
	EXPECT(queue_get(&w, id).status == PIPELINE_FAILED); /* what ended stays as it ended */
}

/* ---- cancel ---- */

static void cancel_all(struct world *w, const char *id)
{
	EXPECT_OK(pipeline_build_cancel(w->p, str_of(id), STR(""), "mary"));
}

TEST(a_cancel_says_who_in_every_state)
{
	static const char *const states[] = { "queued", "leased", "running", "pushing" };
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		done(world) w = new_world();
		const char *id = ADD(.priority = 0), *one = WORKER("one");
		struct pipeline_lease l = { .id = NULL };
		if (i > 0)
			l = queue_take(&w, one, "one");
		if (i > 1)
			lease_tell(&w, l.id, "one", 0, AMD, states[i], "");
		cancel_all(&w, id);
		if (i > 0) {
			const char *held[] = { l.id, NULL };
			EXPECT(queue_poll(&w, one, "one", 1, held, 50000).n_cancel == 1);
			EXPECT(queue_get(&w, id).status < PIPELINE_SUCCESS);
			EXPECT_OK(pipeline_build_cancel(w.p, str_of(id), STR(""), "peter"));
			lease_tell(&w, l.id, "one", i > 1, AMD, "canceled", "");
		}
		struct pipeline_build b = wait_status(&w, id, PIPELINE_CANCELED);
		EXPECT_STR(str_of(b.canceled_by), "mary"); /* the first who asked */
		EXPECT_STR(str_of(b.jobs[0].state), "canceled");
		EXPECT(log_says(&w, id, "canceled by mary"));
		expect_code(pipeline_build_cancel(w.p, str_of(id), STR(""), "mary"), "BUILD_ENDED");
		EXPECT(queue_ask(&w, one, "one", 1).n_leases == 0);
	}
}

TEST(a_worker_that_does_not_hear_a_cancel_cannot_keep_the_build)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *one = WORKER("one");
	w.p->grace_ms = 100;
	w.p->lease_ms = 300;
	struct pipeline_lease l = queue_take(&w, one, "one");
	cancel_all(&w, id);
	wait_status(&w, id, PIPELINE_CANCELED);
	expect_code(lease_send(&w, l.id, "one", 0, "[]"), "LEASE_LOST");
}

TEST(a_cancel_of_one_platform_leaves_the_other)
{
	done(world) w = new_world();
	const char *one = WORKER("one", .platforms = { AMD, ARM });
	const char *id = ADD(.platforms = { AMD, ARM }, .policy = PIPELINE_BEST_EFFORT);
	EXPECT_OK(pipeline_build_cancel(w.p, str_of(id), STR(ARM), "mary"));
	EXPECT_STR(str_of(job_state(&w, id, 1)), "canceled");
	struct pipeline_lease l = queue_take(&w, one, "one");
	EXPECT(l.n_platforms == 1);
	lease_done(&w, l.id, "one", 0, AMD);
	EXPECT(!wait_status(&w, id, PIPELINE_SUCCESS).canceled_by);
}

/* ---- nothing is dropped ---- */

TEST(a_restart_goes_on_with_jobs_in_every_state)
{
	done(world) w = new_world();
	const char *one = WORKER("one"), *own = WORKER("own", .embedded = true);
	const char *queued = ADD(.priority = 0), *ids[4];
	struct pipeline_lease l[4];
	ids[0] = ADD(.priority = 50);
	l[0] = queue_take(&w, one, "one"); /* leased */
	ids[1] = ADD(.priority = 50);
	l[1] = queue_take(&w, one, "one"); /* running */
	lease_tell(&w, l[1].id, "one", 0, AMD, "running", "");
	ids[2] = ADD(.priority = 50);
	l[2] = queue_take(&w, one, "one"); /* canceled, and not yet stopped */
	lease_tell(&w, l[2].id, "one", 0, AMD, "running", "");
	cancel_all(&w, ids[2]);
	ids[3] = ADD(.priority = 50);
	l[3] = queue_take(&w, own, "own"); /* of the worker that ended with the server */
	for (int i = 0; i < 4; i++)
		EXPECT_STR(str_of(l[i].build.id), ids[i]);
	world_stop(&w);
	world_start(&w);
	const char *held[] = { l[0].id, l[1].id, l[2].id, NULL };
	struct pipeline_poll_result r = queue_poll(&w, one, "one", 4, held, 50000);
	EXPECT(r.n_cancel == 1 || r.n_leases == 2);
	if (!r.n_cancel)
		EXPECT(queue_poll(&w, one, "one", 0, held, 50000).n_cancel == 1);
	EXPECT_STR(str_of(queue_get(&w, ids[3]).jobs[0].worker ? "held" : "free"),
		   r.n_leases ? "held" : "free");
	EXPECT(queue_get(&w, ids[3]).jobs[0].attempt == 1); /* nobody's fault */
	lease_done(&w, l[0].id, "one", 0, AMD);
	lease_done(&w, l[1].id, "one", 1, AMD);
	lease_tell(&w, l[2].id, "one", 1, AMD, "canceled", "");
	wait_status(&w, ids[0], PIPELINE_SUCCESS);
	wait_status(&w, ids[1], PIPELINE_SUCCESS);
	EXPECT_STR(str_of(wait_status(&w, ids[2], PIPELINE_CANCELED).canceled_by), "mary");
	EXPECT(queue_get(&w, queued).status == PIPELINE_PENDING);
	if (!r.n_leases)
		ORDER(one, "one", ids[3], queued);
}

TEST(a_record_whose_jobs_had_ended_is_published_after_a_restart)
{
	done(world) w = new_world();
	const char *one = WORKER("one"), *id = ADD(.priority = 0);
	struct pipeline_lease l = queue_take(&w, one, "one");
	lease_tell(&w, l.id, "one", 0, AMD, "running", "");
	world_stop(&w);
	own_mem char *more = lease_manifest(&w, AMD);
	char *digest = strstr(more, "sha256:");
	EXPECT_OK(db_exec(w.db,
			  "UPDATE build_job SET state = 'done', digest = $1, media_type = $2,"
			  " size = 1, lease_id = NULL, ended_ns = 9",
			  DB_PARAMS(db_text(str_n(digest, 71)), db_cstr(OCI_TYPE_MANIFEST))));
	EXPECT_OK(db_exec(w.db, "DELETE FROM build_lease", DB_NO_PARAMS));
	world_start(&w);
	EXPECT(wait_status(&w, id, PIPELINE_SUCCESS).digest != NULL);
}

TEST(every_record_of_many_is_leased_once)
{
	enum { N = 200 };
	done(world) w = new_world();
	static const char *const spaces[] = { "na", "nb", "nc", "nd" };
	static const char *const names[] = { "one", "two", "three" };
	const char *ids[N], *k[3];
	bool seen[N] = { false };
	size_t n = 0;
	for (int i = 0; i < 3; i++)
		k[i] = queue_worker(&w, names[i], (struct queue_machine){ .pool = "" });
	for (int i = 0; i < N; i++)
		ids[i] = queue_add(
			&w, (struct queue_want){ .namespace_ = spaces[i % 4], .priority = i % 7 });
	for (int turn = 0; n < N && turn < 2 * N; turn++) {
		struct pipeline_poll_result r = queue_ask(&w, k[turn % 3], names[turn % 3], 3);
		for (size_t i = 0; i < r.n_leases; i++)
			for (int j = 0; j < N; j++) {
				if (strcmp(ids[j], r.leases[i].build.id) != 0)
					continue;
				EXPECT(!seen[j]);
				seen[j] = true;
				n++;
			}
	}
	EXPECT(n == N);
}
