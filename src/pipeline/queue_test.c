/* The queue and its leases: who gets which job when, and that every record comes to its end. The
 * pipeline runs with its threads; workers are what calls it here, and leases run on the real clock.
 */
#include "pipeline/test_priv.h"

#include <stdio.h>
#include <unistd.h>

#include "base/time.h"
#include "oci/config.h"

#define AMD "linux/amd64"
#define ARM "linux/arm64"

/* ---- records ---- */

struct want {
	const char *namespace_;   /* NULL: demo */
	const char *platforms[3]; /* none: amd64 */
	int priority;
	const char *pool, *rule, *required; /* required: JSON */
	bool no_emulation;
	enum pipeline_policy policy;
	enum { ALONE, WAITS, CANCELS } newer;
	uint32_t limit_s;
};

static struct catalog_image_repository repository(struct world *w, const char *namespace_)
{
	struct catalog_image_repository r;
	struct catalog_namespace ns;
	bool found;
	own_mem char *full = mem_printf("%s/app", namespace_);
	EXPECT_OK(catalog_image_get(w->catalog, w->a, str_of(full), &found, &r));
	if (found)
		return r;
	EXPECT_OK(catalog_namespace_get(w->catalog, w->a, str_of(namespace_), &found, &ns));
	if (!found)
		EXPECT_OK(catalog_namespace_create(w->catalog, w->a, str_of(namespace_), false,
						   false, &ns));
	struct catalog_image_request q = { .namespace_ = str_of(namespace_), .name = STR("app") };
	EXPECT_OK(catalog_image_create(w->catalog, w->a, &q, &r));
	return r;
}

static void fill_record(struct world *w, const struct want *q, struct pipeline_record *n)
{
	static const char *const latest[] = { "latest" };
	struct catalog_image_repository r = repository(w, q->namespace_ ? q->namespace_ : "demo");
	*n = (struct pipeline_record){ .b = { .repository_id = r.id,
					      .repository = r.full_name,
					      .rule_id = q->rule,
					      .trigger = "PUSH",
					      .ref = "refs/heads/main",
					      .commit = "b2b2b2b2b2b2b2b2b2b2"
							"b2b2b2b2b2b2b2b2b2b2",
					      .pushed_ns = 1,
					      .tags = latest,
					      .n_tags = 1,
					      .dockerfile_dir = "",
					      .dockerfile_name = "Dockerfile",
					      .pool = q->pool ? q->pool : "",
					      .priority = q->priority,
					      .policy = q->policy,
					      .emulation = !q->no_emulation,
					      .time_limit_s = q->limit_s ? q->limit_s : 3600 },
				       .tags_json = "[\"latest\"]",
				       .args_json = "[]",
				       .required_json = q->required ? q->required : "[]" };
	for (size_t i = 0; i < 3 && (q->platforms[i] || !i); i++)
		n->jobs[n->n_jobs++] = (struct pipeline_job_row){
			.platform = q->platforms[i] ? q->platforms[i] : AMD,
			.state = JOB_QUEUED,
			.native = -1,
		};
}

static const char *add(struct world *w, struct want q)
{
	struct pipeline_record *n = arena_new(w->a, struct pipeline_record);
	struct pipeline_after after;
	pipeline_after_init(&after, w->p, w->a);
	fill_record(w, &q, n);
	{
		own(db_tx) tx = NULL;
		EXPECT_OK(db_tx_begin(w->db, &tx));
		if (q.newer)
			EXPECT_OK(pipeline_record_newer(w->p, tx, w->a, n, q.newer == CANCELS,
							&after));
		EXPECT_OK(pipeline_record_insert(w->p, tx, w->a, n, &after));
		EXPECT_OK(db_tx_commit(tx));
	}
	pipeline_after_run(&after);
	return n->b.id;
}
#define ADD(...) add(&w, (struct want){ __VA_ARGS__ })

static struct pipeline_build get(struct world *w, const char *id)
{
	struct pipeline_build b;
	bool found;
	EXPECT_OK(pipeline_build_get(w->p, w->a, str_of(id), &found, &b));
	EXPECT(found);
	return b;
}

static const char *state_of(struct world *w, const char *id, size_t job)
{
	return get(w, id).jobs[job].state;
}

/* Waits for what another thread does; it comes at once, but for leases that are to run out. */
static struct pipeline_build wait_status(struct world *w, const char *id, enum pipeline_status s)
{
	uint64_t until = time_mono_ms() + 60000;
	struct pipeline_build b = get(w, id);
	while (b.status != s && time_mono_ms() < until) {
		usleep(5000);
		b = get(w, id);
	}
	EXPECT_STR(str_of(pipeline_status_name(b.status)), pipeline_status_name(s));
	return b;
}

static void wait_state(struct world *w, const char *id, size_t job, const char *state)
{
	uint64_t until = time_mono_ms() + 60000;
	while (strcmp(state_of(w, id, job), state) != 0 && time_mono_ms() < until)
		usleep(5000);
	EXPECT_STR(str_of(state_of(w, id, job)), state);
}

static bool log_says(struct world *w, const char *id, const char *text)
{
	struct pipeline_search q = { .text = str_of(text), .n = 1 };
	struct pipeline_filter all = { 0, -1 };
	struct pipeline_found found;
	EXPECT_OK(pipeline_log_search(w->logs, w->a, id, &q, &all, &found));
	return found.total > 0;
}

/* ---- workers ---- */

struct machine { /* platforms: "linux/amd64" native, "~linux/arm64" emulated */
	const char *platforms[3];
	const char *pool;
	bool embedded;
};

static const char *worker(struct world *w, const char *name, struct machine m)
{
	struct pipeline_worker k = {
		.name = name, .pool = m.pool, .slots = 4, .embedded = m.embedded
	};
	const char *id;
	for (size_t i = 0; i < 3 && (m.platforms[i] || !i); i++) {
		const char *p = m.platforms[i] ? m.platforms[i] : AMD;
		k.platforms[i].native = p[0] != '~';
		EXPECT_OK(oci_platform_parse(str_of(p + (p[0] == '~')), &k.platforms[i].platform));
		k.n_platforms++;
	}
	EXPECT_OK(pipeline_worker_register(w->p, w->a, &k, name, &id));
	return id;
}
#define WORKER(name, ...) worker(&w, name, (struct machine){ __VA_ARGS__ })

struct answer {
	struct mutex lock;
	struct cond came;
	bool is_here;
	struct err *e;
	struct pipeline_poll_result r;
};

static void on_answer(void *arg, struct err *e, struct pipeline_poll_result *r)
{
	struct answer *x = arg;
	hold(&x->lock);
	x->e = e;
	if (r)
		x->r = *r;
	x->is_here = true;
	cond_signal(&x->came);
}

/* A poll of the worker, whose token has its name, to the answer. `held` NULL-terminated. */
static struct pipeline_poll_result poll_of(struct world *w, const char *id, const char *token,
					   uint32_t slots, const char *const *held,
					   uint32_t wait_ms)
{
	struct answer x = { .is_here = false };
	struct pipeline_poll q = { .worker_id = id,
				   .token_id = token,
				   .free_slots = slots,
				   .leases = held,
				   .wait_ms = wait_ms };
	while (held && held[q.n_leases])
		q.n_leases++;
	mutex_init(&x.lock);
	cond_init(&x.came);
	pipeline_worker_poll(w->p, w->a, &q, on_answer, &x);
	{
		hold(&x.lock);
		while (!x.is_here)
			cond_wait(&x.came, &x.lock);
	}
	cond_done(&x.came);
	mutex_done(&x.lock);
	EXPECT_OK(x.e);
	return x.r;
}

static struct pipeline_poll_result ask(struct world *w, const char *id, const char *token,
				       uint32_t slots)
{
	return poll_of(w, id, token, slots, NULL, 0);
}

/* The one lease that the worker gets now. */
static struct pipeline_lease take(struct world *w, const char *id, const char *token)
{
	struct pipeline_poll_result r = ask(w, id, token, 1);
	EXPECT(r.n_leases == 1);
	return r.leases[0];
}

static void expect_order(struct world *w, const char *worker_id, const char *token,
			 const char *const *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i; k < n; k++)
			EXPECT(get(w, ids[k]).queue_position == k - i + 1);
		EXPECT_STR(str_of(take(w, worker_id, token).build.id), ids[i]);
		EXPECT(get(w, ids[i]).queue_position == 0);
	}
	EXPECT(ask(w, worker_id, token, 1).n_leases == 0);
}
#define ORDER(worker_id, token, ...)                                             \
	expect_order(&w, worker_id, token, (const char *const[]){ __VA_ARGS__ }, \
		     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static struct err *send(struct world *w, const char *lease, const char *token, uint64_t seq,
			const char *events)
{
	own_json list = NULL;
	uint64_t next;
	bool cancel;
	EXPECT_OK(json_read(str_of(events), &list));
	return pipeline_lease_events(w->p, str_of(lease), token, seq, list, &next, &cancel);
}

static void tell(struct world *w, const char *lease, const char *token, uint64_t seq,
		 const char *platform, const char *state, const char *more)
{
	own_mem char *text =
		mem_printf("[{\"type\":\"job\",\"platform\":\"%s\",\"state\":\"%s\",\"time\":1%s}]",
			   platform, state, more);
	EXPECT_OK(send(w, lease, token, seq, text));
}

/* An image without layers, in the store. */
static char *manifest_of(struct world *w, const char *platform)
{
	struct oci_config c = { .created_unix_ns = INT64_MIN };
	struct oci_descriptor d = { .media_type = OCI_TYPE_CONFIG };
	own_mem char *config = NULL, *text = NULL;
	size_t len;
	struct oci_digest digest;
	EXPECT_OK(oci_platform_parse(str_of(platform), &c.platform));
	EXPECT_OK(oci_config_write(&c, &config, &len));
	EXPECT_OK(blob_store_put(w->blobs, config, len, &d.digest));
	d.size = len;
	EXPECT_OK(oci_manifest_write(false, &d, NULL, 0, &text, &len));
	EXPECT_OK(blob_store_put(w->blobs, text, len, &digest));
	return mem_printf(",\"manifest\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
			  OCI_TYPE_MANIFEST, oci_digest_text(&digest).s, len);
}

static void tell_done(struct world *w, const char *lease, const char *token, uint64_t seq,
		      const char *platform)
{
	own_mem char *more = manifest_of(w, platform);
	tell(w, lease, token, seq, platform, "done", more);
}

static void tell_failed(struct world *w, const char *lease, const char *token, uint64_t seq,
			const char *platform)
{
	tell(w, lease, token, seq, platform, "failed",
	     ",\"error\":{\"code\":\"STEP_FAILED\",\"text\":\"so not\"}");
}

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
	EXPECT(ask(&w, one, "one", 0).n_leases == 0);
	EXPECT(ask(&w, one, "one", 2).n_leases == 2);
	EXPECT(ask(&w, one, "one", 2).n_leases == 1);
}

TEST(a_pool_has_its_own_workers)
{
	done(world) w = new_world();
	const char *one = WORKER("one"), *far = WORKER("far", .pool = "overseas");
	const char *a = ADD(.pool = "overseas"), *b = ADD(.priority = -1);
	ORDER(one, "one", b);
	ORDER(far, "far", a);
	const char *c = ADD(.pool = "nowhere");
	EXPECT(ask(&w, one, "one", 1).n_leases + ask(&w, far, "far", 1).n_leases == 0);
	EXPECT(get(&w, c).status == PIPELINE_PENDING);
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
		EXPECT(get(&w, order[i]).queue_position == i + 1);
	EXPECT(get(&w, b).queue_position == 1 && get(&w, none).queue_position == 1);
	EXPECT_STR(str_of(take(&w, far, "far").build.id), b);
	/* The lease there counts for the namespace, and brings the other one forward. */
	EXPECT(get(&w, c).queue_position == 1 && get(&w, d).queue_position == 2);
	EXPECT_STR(str_of(take(&w, one, "one").build.id), c);
	EXPECT(get(&w, d).queue_position == 1 && get(&w, arm).queue_position == 3);
	/* Who can run it puts it at its place. */
	WORKER("arm", .platforms = { ARM });
	EXPECT(get(&w, arm).queue_position == 1 && get(&w, d).queue_position == 2);
}

TEST(what_waits_for_another_build_has_no_position)
{
	done(world) w = new_world();
	const char *one = WORKER("one");
	const char *a = ADD(.rule = "r"), *b = ADD(.rule = "r", .newer = WAITS),
		   *c = ADD(.priority = 0);
	EXPECT(get(&w, a).queue_position == 1 && get(&w, b).queue_position == 0);
	EXPECT(get(&w, c).queue_position == 2);
	struct pipeline_lease l = take(&w, one, "one");
	tell_done(&w, l.id, "one", 0, AMD);
	wait_status(&w, a, PIPELINE_SUCCESS);
	EXPECT(get(&w, a).queue_position == 0 && get(&w, b).queue_position == 1);
}

TEST(jobs_of_one_record_go_together_to_a_worker_that_has_them)
{
	done(world) w = new_world();
	const char *amd = WORKER("amd", .platforms = { AMD, "linux/arm/v7" });
	const char *arm = WORKER("arm", .platforms = { ARM });
	const char *id = ADD(.platforms = { AMD, ARM, "linux/arm/v7" });
	struct pipeline_lease a = take(&w, amd, "amd"), b = take(&w, arm, "arm");
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
	EXPECT(ask(&w, slow, "slow", 1).n_leases == 0);
	ORDER(native, "native", a);
	/* It is busy: after a minute emulation will do. */
	const char *b = ADD(.platforms = { ARM });
	EXPECT(ask(&w, slow, "slow", 1).n_leases == 0);
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
	EXPECT(ask(&w, slow, "slow", 1).n_leases == 0);
	const char *native = WORKER("native", .platforms = { ARM });
	ORDER(native, "native", a);
}

TEST(a_poll_that_waits_is_answered_when_work_comes)
{
	done(world) w = new_world();
	const char *one = WORKER("one");
	const char *a = ADD(.priority = 0);
	struct pipeline_poll_result r = poll_of(&w, one, "one", 1, NULL, 50000);
	EXPECT(r.n_leases == 1);
	EXPECT_STR(str_of(r.leases[0].build.id), a);
}

/* ---- leases ---- */

TEST(a_lost_lease_gives_its_job_back_three_times_at_most)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *workers[] = { "one", "two", "three" };
	w.p->lease_ms = 200;
	for (int i = 0; i < 3; i++) {
		const char *k = worker(&w, workers[i], (struct machine){ .pool = "" });
		struct pipeline_lease l = take(&w, k, workers[i]);
		EXPECT(l.build.jobs[0].attempt == (uint32_t)i + 1);
		tell(&w, l.id, workers[i], 0, AMD, "running", "");
		EXPECT(get(&w, id).status == PIPELINE_BUILDING);
		wait_state(&w, id, 0, i < 2 ? "queued" : "failed");
		/* Who comes back late has nothing to say any more. */
		own_mem char *more = manifest_of(&w, AMD);
		own_mem char *text = mem_printf("[{\"type\":\"job\",\"platform\":\"" AMD
						"\",\"state\":\"done\",\"time\":1%s}]",
						more);
		expect_code(send(&w, l.id, workers[i], 1, text), "LEASE_LOST");
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
	struct pipeline_lease l = take(&w, one, "one");
	const char *held[] = { l.id, NULL };
	for (uint64_t until = time_mono_ms() + 1500; time_mono_ms() < until;)
		EXPECT(poll_of(&w, one, "one", 0, held, 50).n_cancel == 0);
	tell_done(&w, l.id, "one", 0, AMD);
	EXPECT(wait_status(&w, id, PIPELINE_SUCCESS).jobs[0].attempt == 1);
}

TEST(another_worker_can_neither_renew_nor_end_a_lease)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *one = WORKER("one"), *two = WORKER("two");
	w.p->lease_ms = 300;
	struct pipeline_lease l = take(&w, one, "one");
	const char *held[] = { l.id, NULL };
	expect_code(send(&w, l.id, "two", 0,
			 "[{\"type\":\"job\",\"platform\":\"" AMD
			 "\",\"state\":\"failed\",\"time\":1}]"),
		    "LEASE_LOST");
	struct pipeline_poll_result r = poll_of(&w, two, "two", 0, held, 0);
	EXPECT(r.n_cancel == 1);
	for (uint64_t until = time_mono_ms() + 20000;
	     log_says(&w, id, "was lost") == false && time_mono_ms() < until;)
		poll_of(&w, two, "two", 0, held, 20);
	EXPECT_STR(str_of(take(&w, two, "two").build.id), id);
}

TEST(a_worker_that_registers_again_has_lost_its_leases)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *one = WORKER("one");
	struct pipeline_lease l = take(&w, one, "one");
	EXPECT_STR(str_of(WORKER("one")), one);
	EXPECT_STR(str_of(take(&w, one, "one").build.id), id);
	expect_code(send(&w, l.id, "one", 0, "[]"), "LEASE_LOST");
}

/* Its connection is gone: the lease would be lost, and found missing only by the next poll. */
TEST(a_poll_from_before_a_worker_began_anew_gets_no_lease)
{
	done(world) w = new_world();
	const char *one = WORKER("one");
	struct answer x = { .is_here = false };
	struct pipeline_poll q = {
		.worker_id = one, .token_id = "one", .free_slots = 1, .wait_ms = 50000
	};
	own(arena) polls = arena_open((size_t)1 << 20); /* it is the dispatcher's meanwhile */
	mutex_init(&x.lock);
	cond_init(&x.came);
	pipeline_worker_poll(w.p, polls, &q, on_answer, &x);
	WORKER("one");
	const char *id = ADD(.priority = 0);
	EXPECT_STR(str_of(take(&w, one, "one").build.id), id);
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
	struct pipeline_lease l = take(&w, one, "one");
	const char *held[] = { l.id, NULL };
	bool told = false;
	for (uint64_t until = time_mono_ms() + 60000;
	     get(&w, id).status < PIPELINE_SUCCESS && time_mono_ms() < until;)
		told |= poll_of(&w, one, "one", 0, held, 50).n_cancel == 1;
	EXPECT(told);
	EXPECT_STR(str_of(wait_status(&w, id, PIPELINE_FAILED).error_code), "TIME_LIMIT");
}

/* ---- a newer push ---- */

TEST(a_newer_push_waits_for_the_older_build)
{
	done(world) w = new_world();
	const char *a = ADD(.rule = "r"), *b = ADD(.rule = "r", .newer = WAITS, .priority = 90);
	const char *one = WORKER("one");
	struct pipeline_lease l = take(&w, one, "one");
	EXPECT_STR(str_of(l.build.id), a);
	EXPECT(ask(&w, one, "one", 4).n_leases == 0);
	EXPECT_STR(str_of(get(&w, b).waits_for), a);
	tell_done(&w, l.id, "one", 0, AMD);
	wait_status(&w, a, PIPELINE_SUCCESS);
	EXPECT_STR(str_of(poll_of(&w, one, "one", 1, NULL, 50000).leases[0].build.id), b);
}

TEST(a_newer_push_cancels_the_older_build_queued_or_running)
{
	done(world) w = new_world();
	const char *a = ADD(.rule = "r"), *b = ADD(.rule = "r", .newer = CANCELS);
	struct pipeline_build old = get(&w, a);
	EXPECT(old.status == PIPELINE_CANCELED);
	EXPECT_STR(str_of(old.superseded_by), b);
	EXPECT_STR(str_of(old.canceled_by), "a newer push");
	const char *one = WORKER("one");
	struct pipeline_lease l = take(&w, one, "one");
	tell(&w, l.id, "one", 0, AMD, "running", "");
	const char *c = ADD(.rule = "r", .newer = CANCELS), *held[] = { l.id, NULL };
	EXPECT(poll_of(&w, one, "one", 1, held, 50000).n_cancel == 1);
	tell(&w, l.id, "one", 1, AMD, "canceled", "");
	EXPECT_STR(str_of(wait_status(&w, b, PIPELINE_CANCELED).superseded_by), c);
	EXPECT(get(&w, c).status == PIPELINE_PENDING);
	/* Of another rule nothing is canceled. */
	const char *d = ADD(.rule = "other", .newer = CANCELS);
	EXPECT(get(&w, c).status == PIPELINE_PENDING && get(&w, d).status == PIPELINE_PENDING);
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
		struct pipeline_lease l = take(&w, one, "one");
		(cases[i].amd ? tell_done : tell_failed)(&w, l.id, "one", 0, AMD);
		EXPECT(get(&w, id).status == PIPELINE_BUILDING || !cases[i].amd);
		(cases[i].arm ? tell_done : tell_failed)(&w, l.id, "one", 1, ARM);
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
	struct pipeline_lease l = take(&w, one, "one");
	tell_done(&w, l.id, "one", 0, AMD);
	tell_failed(&w, l.id, "one", 1, ARM);
	b = wait_status(&w, id, PIPELINE_FAILED);
	expect_code(pipeline_build_retry(w.p, w.a, str_of(id), STR(AMD), "mary", &again),
		    "NOTHING_TO_RETRY");
	EXPECT_OK(pipeline_build_retry(w.p, w.a, str_of(id), STR(ARM), "mary", &again));
	EXPECT_STR(str_of(again.rerun_of), id);
	l = take(&w, one, "one");
	EXPECT(l.n_platforms == 1);
	EXPECT_STR(str_of(oci_platform_text(&l.platforms[0]).s), ARM);
	tell_done(&w, l.id, "one", 0, ARM);
	struct pipeline_build now = wait_status(&w, again.id, PIPELINE_SUCCESS);
	EXPECT_STR(str_of(now.jobs[0].digest), b.jobs[0].digest);
	EXPECT(get(&w, id).status == PIPELINE_FAILED); /* what ended stays as it ended */
}

/* ---- cancel ---- */

static void cancel(struct world *w, const char *id)
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
			l = take(&w, one, "one");
		if (i > 1)
			tell(&w, l.id, "one", 0, AMD, states[i], "");
		cancel(&w, id);
		if (i > 0) {
			const char *held[] = { l.id, NULL };
			EXPECT(poll_of(&w, one, "one", 1, held, 50000).n_cancel == 1);
			EXPECT(get(&w, id).status < PIPELINE_SUCCESS);
			EXPECT_OK(pipeline_build_cancel(w.p, str_of(id), STR(""), "peter"));
			tell(&w, l.id, "one", i > 1, AMD, "canceled", "");
		}
		struct pipeline_build b = wait_status(&w, id, PIPELINE_CANCELED);
		EXPECT_STR(str_of(b.canceled_by), "mary"); /* the first who asked */
		EXPECT_STR(str_of(b.jobs[0].state), "canceled");
		EXPECT(log_says(&w, id, "canceled by mary"));
		expect_code(pipeline_build_cancel(w.p, str_of(id), STR(""), "mary"), "BUILD_ENDED");
		EXPECT(ask(&w, one, "one", 1).n_leases == 0);
	}
}

TEST(a_worker_that_does_not_hear_a_cancel_cannot_keep_the_build)
{
	done(world) w = new_world();
	const char *id = ADD(.priority = 0), *one = WORKER("one");
	w.p->grace_ms = 100;
	w.p->lease_ms = 300;
	struct pipeline_lease l = take(&w, one, "one");
	cancel(&w, id);
	wait_status(&w, id, PIPELINE_CANCELED);
	expect_code(send(&w, l.id, "one", 0, "[]"), "LEASE_LOST");
}

TEST(a_cancel_of_one_platform_leaves_the_other)
{
	done(world) w = new_world();
	const char *one = WORKER("one", .platforms = { AMD, ARM });
	const char *id = ADD(.platforms = { AMD, ARM }, .policy = PIPELINE_BEST_EFFORT);
	EXPECT_OK(pipeline_build_cancel(w.p, str_of(id), STR(ARM), "mary"));
	EXPECT_STR(str_of(state_of(&w, id, 1)), "canceled");
	struct pipeline_lease l = take(&w, one, "one");
	EXPECT(l.n_platforms == 1);
	tell_done(&w, l.id, "one", 0, AMD);
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
	l[0] = take(&w, one, "one"); /* leased */
	ids[1] = ADD(.priority = 50);
	l[1] = take(&w, one, "one"); /* running */
	tell(&w, l[1].id, "one", 0, AMD, "running", "");
	ids[2] = ADD(.priority = 50);
	l[2] = take(&w, one, "one"); /* canceled, and not yet stopped */
	tell(&w, l[2].id, "one", 0, AMD, "running", "");
	cancel(&w, ids[2]);
	ids[3] = ADD(.priority = 50);
	l[3] = take(&w, own, "own"); /* of the worker that ended with the server */
	for (int i = 0; i < 4; i++)
		EXPECT_STR(str_of(l[i].build.id), ids[i]);
	world_stop(&w);
	world_start(&w);
	const char *held[] = { l[0].id, l[1].id, l[2].id, NULL };
	struct pipeline_poll_result r = poll_of(&w, one, "one", 4, held, 50000);
	EXPECT(r.n_cancel == 1 || r.n_leases == 2);
	if (!r.n_cancel)
		EXPECT(poll_of(&w, one, "one", 0, held, 50000).n_cancel == 1);
	EXPECT_STR(str_of(get(&w, ids[3]).jobs[0].worker ? "held" : "free"),
		   r.n_leases ? "held" : "free");
	EXPECT(get(&w, ids[3]).jobs[0].attempt == 1); /* nobody's fault */
	tell_done(&w, l[0].id, "one", 0, AMD);
	tell_done(&w, l[1].id, "one", 1, AMD);
	tell(&w, l[2].id, "one", 1, AMD, "canceled", "");
	wait_status(&w, ids[0], PIPELINE_SUCCESS);
	wait_status(&w, ids[1], PIPELINE_SUCCESS);
	EXPECT_STR(str_of(wait_status(&w, ids[2], PIPELINE_CANCELED).canceled_by), "mary");
	EXPECT(get(&w, queued).status == PIPELINE_PENDING);
	if (!r.n_leases)
		ORDER(one, "one", ids[3], queued);
}

TEST(a_record_whose_jobs_had_ended_is_published_after_a_restart)
{
	done(world) w = new_world();
	const char *one = WORKER("one"), *id = ADD(.priority = 0);
	struct pipeline_lease l = take(&w, one, "one");
	tell(&w, l.id, "one", 0, AMD, "running", "");
	world_stop(&w);
	own_mem char *more = manifest_of(&w, AMD);
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
		k[i] = worker(&w, names[i], (struct machine){ .pool = "" });
	for (int i = 0; i < N; i++)
		ids[i] = add(&w, (struct want){ .namespace_ = spaces[i % 4], .priority = i % 7 });
	for (int turn = 0; n < N && turn < 2 * N; turn++) {
		struct pipeline_poll_result r = ask(&w, k[turn % 3], names[turn % 3], 3);
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
		struct pipeline_lease l = take(&w, one, "one"), m = take(&w, two, "two");
		const char *held[] = { l.id, NULL };
		tell(&w, l.id, "one", 0, AMD, "running", "");
		turn_clock(&w, turns[i]);
		uint64_t until = time_mono_ms() + 60000;
		while (log_says(&w, dead, "two was lost") == false && time_mono_ms() < until)
			EXPECT(poll_of(&w, one, "one", 0, held, 50).n_cancel == 0);
		expect_code(send(&w, m.id, "two", 0, "[]"), "LEASE_LOST");
		EXPECT(get(&w, id).jobs[0].attempt == 1);
		tell_done(&w, l.id, "one", 1, AMD);
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
		EXPECT(get(&w, a).seq < get(&w, b).seq && get(&w, b).seq < get(&w, c).seq);
		ORDER(one, "one", a, b, c);
	}
}

TEST(a_clock_that_was_turned_while_the_server_was_down_ends_no_build)
{
	static const int64_t turns[] = { DAY_NS, -DAY_NS };
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		done(world) w = new_world();
		const char *one = WORKER("one"), *id = ADD(.limit_s = 3600);
		struct pipeline_lease l = take(&w, one, "one");
		const char *held[] = { l.id, NULL };
		tell(&w, l.id, "one", 0, AMD, "running", "");
		/* The same as a clock that is turned the other way. */
		EXPECT_OK(db_exec(w.db,
				  "UPDATE build_lease SET deadline_ns = deadline_ns + $1,"
				  " expires_ns = expires_ns + $1",
				  DB_PARAMS(db_int(turns[i]))));
		world_stop(&w);
		world_start(&w);
		for (uint64_t until = time_mono_ms() + 1500; time_mono_ms() < until;)
			EXPECT(poll_of(&w, one, "one", 0, held, 100).n_cancel == 0);
		tell_done(&w, l.id, "one", 1, AMD);
		EXPECT(wait_status(&w, id, PIPELINE_SUCCESS).jobs[0].attempt == 1);
	}
}

/* ---- pages of many records ---- */

static bool see_plan(void *arg, struct db_row *r)
{
	struct buf *b = arg;
	buf_add(b, db_row_text(r, 3));
	buf_add_c(b, '\n');
	return true;
}

static void expect_index(struct world *w, const struct pipeline_build_query *q)
{
	struct buf b;
	buf_init(&b, 64 << 10);
	EXPECT_OK(pipeline_build_page(w->p, q, "EXPLAIN QUERY PLAN ", see_plan, &b));
	buf_add_c(&b, '\0');
	const char *plan = buf_str(&b).p;
	bool sorts = strstr(plan, "TEMP B-TREE") != NULL;
	/* In the order of an index is a scan that ends with the page. */
	bool scans = strstr(plan, "SCAN r") && !strstr(plan, "SCAN r USING INDEX");
	if (sorts || scans || !strstr(plan, " r USING"))
		print_error("%s", plan);
	EXPECT(!sorts && !scans && strstr(plan, " r USING"));
	buf_done(&b);
}

TEST(a_page_of_100000_records_reads_an_index)
{
	done(world) w = new_world();
	const char *first = ADD(.rule = "r-0");
	struct pipeline_build b = get(&w, first), *list;
	EXPECT_OK(db_exec(
		w.db,
		"INSERT INTO build_record (id, seq, repository_id, rule_id, trigger_kind, actor,"
		" ref, commit_id, pushed_ns, tags, dockerfile_dir, dockerfile_name, build_args,"
		" no_cache, pool, priority, policy, required, emulation, time_limit_s, status,"
		" n_log_lines, created_ns) WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT"
		" i + 1 FROM n WHERE i < 100000) SELECT 'id-' || i, i, $1, 'r-' || (i % 10),"
		" 'PUSH', '', 'refs/heads/b' || (i % 100), '00', 1, '[]', '', 'Dockerfile', '[]',"
		" 0, '', 0, 'all', '[]', 1, 60, 'SUCCESS', 0, i FROM n",
		DB_PARAMS(db_cstr(b.repository_id))));
	struct auth_principal admin = { .kind = AUTH_USER, .is_admin = true };
	struct auth_principal user = { .kind = AUTH_USER };
	const struct auth_principal *who[] = { NULL, &admin, &user };
	struct str repository_id = str_of(b.repository_id);
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		for (int64_t before = 0; before <= 50000; before += 50000) {
			struct pipeline_build_query q[] = {
				{ .n = 50 },
				{ .n = 50, .repository_id = repository_id },
				{ .n = 50, .rule_id = STR("r-3") },
				{ .n = 50, .rule_id = STR("r-3"), .ref = STR("refs/heads/b3") },
				{ .n = 50, .has_status = true, .status = PIPELINE_SUCCESS },
				{ .n = 50, .has_status = true, .status = PIPELINE_PENDING },
			};
			for (size_t k = 0; k < ARRAY_LEN(q); k++) {
				q[k].who = who[i];
				q[k].before_seq = before;
				expect_index(&w, &q[k]);
			}
		}
	}
	/* Those of a delivery are few: they are looked up, and sorted then. */
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		struct buf plan;
		buf_init(&plan, 64 << 10);
		EXPECT_OK(pipeline_build_page(
			w.p,
			&(struct pipeline_build_query){
				.n = 50, .delivery_id = STR("whd-1"), .who = who[i] },
			"EXPLAIN QUERY PLAN ", see_plan, &plan));
		buf_add_c(&plan, '\0');
		EXPECT(strstr(buf_str(&plan).p, "SEARCH r USING INDEX sqlite_autoindex"));
		buf_done(&plan);
	}
	size_t n;
	struct pipeline_build_query q = { .n = 50, .before_seq = 50001, .who = &admin };
	EXPECT_OK(pipeline_build_list(w.p, w.a, &q, &list, &n));
	EXPECT(n == 50 && list[0].seq == 50000 && list[49].seq == 49951);
}
