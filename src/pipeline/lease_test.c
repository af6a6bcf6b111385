/* Leases: which are lost, and what comes of their builds. They run on the real clock. */
#include "pipeline/queue_test_priv.h"

#include <stdio.h>
#include <unistd.h>

#include "base/time.h"

/* ---- leases ---- */

TEST(a_lost_lease_gives_its_job_back_three_times_at_most)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *workers[] = { "one", "two", "three" };
	w.p->lease_ms = 200;
	for (int i = 0; i < 3; i++) {
		const char *k = queue_worker(&w, workers[i], (struct queue_machine){ .pool = "" });
		struct pipeline_lease l = queue_take(&w, k, workers[i]);
		EXPECT(l.build.jobs[0].attempt == (uint32_t)i + 1);
		lease_tell(&w, l.id, workers[i], 0, AMD, "running", "");
		EXPECT(queue_get(&w, id).status == PIPELINE_BUILDING);
		wait_job(&w, id, 0, i < 2 ? "queued" : "failed");
		/* Who comes back late has nothing to say any more. */
		own_mem char *more = lease_manifest(&w, AMD);
		own_mem char *text = mem_printf("[{\"type\":\"job\",\"platform\":\"" AMD
						"\",\"state\":\"done\",\"time\":1%s}]",
						more);
		expect_code(lease_send(&w, l.id, workers[i], 1, text), "LEASE_LOST");
		own_mem char *said = mem_printf("worker %s was lost", workers[i]);
		EXPECT(log_says(&w, id, said));
	}
	struct pipeline_build b = wait_status(&w, id, PIPELINE_FAILED);
	EXPECT_STR(str_of(b.error_code), "WORKER_LOST");
	EXPECT(b.jobs[0].attempt == 3);
}

TEST(a_lease_that_is_named_in_polls_is_not_lost)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *one = WORKER("one");
	w.p->lease_ms = 500;
	struct pipeline_lease l = queue_take(&w, one, "one");
	const char *held[] = { l.id, NULL };
	for (uint64_t until = time_mono_ms() + 1500; time_mono_ms() < until;)
		EXPECT(queue_poll(&w, one, "one", 0, held, 50).n_cancel == 0);
	lease_done(&w, l.id, "one", 0, AMD);
	EXPECT(wait_status(&w, id, PIPELINE_SUCCESS).jobs[0].attempt == 1);
}

TEST(another_worker_can_neither_renew_nor_end_a_lease)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *one = WORKER("one"), *two = WORKER("two");
	w.p->lease_ms = 300;
	struct pipeline_lease l = queue_take(&w, one, "one");
	const char *held[] = { l.id, NULL };
	expect_code(lease_send(&w, l.id, "two", 0,
			       "[{\"type\":\"job\",\"platform\":\"" AMD
			       "\",\"state\":\"failed\",\"time\":1}]"),
		    "LEASE_LOST");
	struct pipeline_poll_result r = queue_poll(&w, two, "two", 0, held, 0);
	EXPECT(r.n_cancel == 1);
	for (uint64_t until = time_mono_ms() + 20000;
	     log_says(&w, id, "was lost") == false && time_mono_ms() < until;)
		queue_poll(&w, two, "two", 0, held, 20);
	EXPECT_STR(str_of(queue_take(&w, two, "two").build.id), id);
}

TEST(a_worker_that_registers_again_has_lost_its_leases)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *one = WORKER("one");
	struct pipeline_lease l = queue_take(&w, one, "one");
	EXPECT_STR(str_of(WORKER("one")), one);
	EXPECT_STR(str_of(queue_take(&w, one, "one").build.id), id);
	expect_code(lease_send(&w, l.id, "one", 0, "[]"), "LEASE_LOST");
}

/* Its connection is gone: the lease would be lost, and found missing only by the next poll. */
TEST(a_poll_from_before_a_worker_began_anew_gets_no_lease)
{
	done(world) w = new_world();
	const char *one = WORKER("one");
	struct queue_answer x = { .is_here = false };
	struct pipeline_poll q = {
		.worker_id = one, .token_id = "one", .free_slots = 1, .wait_ms = 50000
	};
	own(arena) polls = arena_open((size_t)1 << 20); /* it is the dispatcher's meanwhile */
	mutex_init(&x.lock);
	cond_init(&x.came);
	pipeline_worker_poll(w.p, polls, &q, queue_on_answer, &x);
	WORKER("one");
	const char *id = ADD(.priority = 0);
	EXPECT_STR(str_of(queue_take(&w, one, "one").build.id), id);
	{
		hold(&x.lock);
		while (!x.is_here)
			cond_wait(&x.came, &x.lock);
	}
	EXPECT(!x.e && x.r.n_leases == 0);
	cond_done(&x.came);
	mutex_done(&x.lock);
}

TEST(the_time_limit_ends_a_build_also_of_a_worker_that_does_not_listen)
{
	done(world) w = new_world();
	const char *id = ADD(.limit_s = 1), *one = WORKER("one");
	w.p->grace_ms = 100;
	w.p->lease_ms = 1000;
	struct pipeline_lease l = queue_take(&w, one, "one");
	const char *held[] = { l.id, NULL };
	bool told = false;
	for (uint64_t until = time_mono_ms() + 60000;
	     queue_get(&w, id).status < PIPELINE_SUCCESS && time_mono_ms() < until;)
		told |= queue_poll(&w, one, "one", 0, held, 50).n_cancel == 1;
	EXPECT(told);
	EXPECT_STR(str_of(wait_status(&w, id, PIPELINE_FAILED).error_code), "TIME_LIMIT");
}

/* ---- the wall clock is turned ---- */

#define DAY_NS ((int64_t)86400 * 1000000000)

static void turn_clock(struct world *w, int64_t by_ns)
{
	__atomic_fetch_add(&w->p->wall_shift_ns, by_ns, __ATOMIC_RELAXED);
}

TEST(a_turned_clock_ends_no_lease_and_keeps_no_dead_one)
{
	static const int64_t turns[] = { DAY_NS, -DAY_NS };
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		done(world) w = new_world();
		const char *one = WORKER("one"), *two = WORKER("two");
		const char *id = ADD(.limit_s = 3600), *dead = ADD(.limit_s = 3600);
		w.p->lease_ms = 500;
		struct pipeline_lease l = queue_take(&w, one, "one"),
				      m = queue_take(&w, two, "two");
		const char *held[] = { l.id, NULL };
		lease_tell(&w, l.id, "one", 0, AMD, "running", "");
		turn_clock(&w, turns[i]);
		uint64_t until = time_mono_ms() + 60000;
		while (log_says(&w, dead, "two was lost") == false && time_mono_ms() < until)
			EXPECT(queue_poll(&w, one, "one", 0, held, 50).n_cancel == 0);
		expect_code(lease_send(&w, m.id, "two", 0, "[]"), "LEASE_LOST");
		EXPECT(queue_get(&w, id).jobs[0].attempt == 1);
		lease_done(&w, l.id, "one", 1, AMD);
		wait_status(&w, id, PIPELINE_SUCCESS);
	}
}

TEST(a_turned_clock_does_not_change_the_order)
{
	static const int64_t turns[] = { DAY_NS, -DAY_NS };
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		done(world) w = new_world();
		const char *one = WORKER("one"), *a = ADD(.priority = 0);
		turn_clock(&w, turns[i]);
		const char *b = ADD(.priority = 0);
		turn_clock(&w, (int64_t)600 * 1000000000); /* ten minutes go by */
		const char *c = ADD(.priority = 0);
		EXPECT(queue_get(&w, a).seq < queue_get(&w, b).seq &&
		       queue_get(&w, b).seq < queue_get(&w, c).seq);
		ORDER(one, "one", a, b, c);
	}
}

TEST(a_clock_that_was_turned_while_the_server_was_down_ends_no_build)
{
	static const int64_t turns[] = { DAY_NS, -DAY_NS };
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		done(world) w = new_world();
		const char *one = WORKER("one"), *id = ADD(.limit_s = 3600);
		struct pipeline_lease l = queue_take(&w, one, "one");
		const char *held[] = { l.id, NULL };
		lease_tell(&w, l.id, "one", 0, AMD, "running", "");
		/* The same as a clock that is turned the other way. */
		EXPECT_OK(db_exec(w.db,
				  "UPDATE build_lease SET deadline_ns = deadline_ns + $1,"
				  " expires_ns = expires_ns + $1",
				  DB_PARAMS(db_int(turns[i]))));
		world_stop(&w);
		world_start(&w);
		for (uint64_t until = time_mono_ms() + 1500; time_mono_ms() < until;)
			EXPECT(queue_poll(&w, one, "one", 0, held, 100).n_cancel == 0);
		lease_done(&w, l.id, "one", 1, AMD);
		EXPECT(wait_status(&w, id, PIPELINE_SUCCESS).jobs[0].attempt == 1);
	}
}
