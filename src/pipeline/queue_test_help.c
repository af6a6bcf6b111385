#include "pipeline/queue_test_priv.h"

#include <unistd.h>

#include "base/time.h"
#include "oci/config.h"

/* ---- records ---- */

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

static void fill_record(struct world *w, const struct queue_want *q, struct pipeline_record *n)
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

const char *queue_add(struct world *w, struct queue_want q)
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
struct pipeline_build queue_get(struct world *w, const char *id)
{
	struct pipeline_build b;
	bool found;
	EXPECT_OK(pipeline_build_get(w->p, w->a, str_of(id), &found, &b));
	EXPECT(found);
	return b;
}

const char *job_state(struct world *w, const char *id, size_t job)
{
	return queue_get(w, id).jobs[job].state;
}

struct pipeline_build wait_status(struct world *w, const char *id, enum pipeline_status s)
{
	uint64_t until = time_mono_ms() + 60000;
	struct pipeline_build b = queue_get(w, id);
	while (b.status != s && time_mono_ms() < until) {
		usleep(5000);
		b = queue_get(w, id);
	}
	EXPECT_STR(str_of(pipeline_status_name(b.status)), pipeline_status_name(s));
	return b;
}

void wait_job(struct world *w, const char *id, size_t job, const char *state)
{
	uint64_t until = time_mono_ms() + 60000;
	while (strcmp(job_state(w, id, job), state) != 0 && time_mono_ms() < until)
		usleep(5000);
	EXPECT_STR(str_of(job_state(w, id, job)), state);
}

bool log_says(struct world *w, const char *id, const char *text)
{
	struct pipeline_search q = { .text = str_of(text), .n = 1 };
	struct pipeline_filter all = { 0, -1 };
	struct pipeline_found found;
	EXPECT_OK(pipeline_log_search(w->logs, w->a, id, &q, &all, &found));
	return found.total > 0;
}

/* ---- workers ---- */

const char *queue_worker(struct world *w, const char *name, struct queue_machine m)
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
void queue_on_answer(void *arg, struct err *e, struct pipeline_poll_result *r)
{
	struct queue_answer *x = arg;
	hold(&x->lock);
	x->e = e;
	if (r)
		x->r = *r;
	x->is_here = true;
	cond_signal(&x->came);
}

struct pipeline_poll_result queue_poll(struct world *w, const char *id, const char *token,
				       uint32_t slots, const char *const *held, uint32_t wait_ms)
{
	struct queue_answer x = { .is_here = false };
	struct pipeline_poll q = { .worker_id = id,
				   .token_id = token,
				   .free_slots = slots,
				   .leases = held,
				   .wait_ms = wait_ms };
	while (held && held[q.n_leases])
		q.n_leases++;
	mutex_init(&x.lock);
	cond_init(&x.came);
	pipeline_worker_poll(w->p, w->a, &q, queue_on_answer, &x);
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

struct pipeline_poll_result queue_ask(struct world *w, const char *id, const char *token,
				      uint32_t slots)
{
	return queue_poll(w, id, token, slots, NULL, 0);
}

struct pipeline_lease queue_take(struct world *w, const char *id, const char *token)
{
	struct pipeline_poll_result r = queue_ask(w, id, token, 1);
	EXPECT(r.n_leases == 1);
	return r.leases[0];
}

void expect_order(struct world *w, const char *worker_id, const char *token, const char *const *ids,
		  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i; k < n; k++)
			EXPECT(queue_get(w, ids[k]).queue_position == k - i + 1);
		EXPECT_STR(str_of(queue_take(w, worker_id, token).build.id), ids[i]);
		EXPECT(queue_get(w, ids[i]).queue_position == 0);
	}
	EXPECT(queue_ask(w, worker_id, token, 1).n_leases == 0);
}
struct err *lease_send(struct world *w, const char *lease, const char *token, uint64_t seq,
		       const char *events)
{
	own_json list = NULL;
	uint64_t next;
	bool cancel;
	EXPECT_OK(json_read(str_of(events), &list));
	return pipeline_lease_events(w->p, str_of(lease), token, seq, list, &next, &cancel);
}

void lease_tell(struct world *w, const char *lease, const char *token, uint64_t seq,
		const char *platform, const char *state, const char *more)
{
	own_mem char *text =
		mem_printf("[{\"type\":\"job\",\"platform\":\"%s\",\"state\":\"%s\",\"time\":1%s}]",
			   platform, state, more);
	EXPECT_OK(lease_send(w, lease, token, seq, text));
}

char *lease_manifest(struct world *w, const char *platform)
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

void lease_done(struct world *w, const char *lease, const char *token, uint64_t seq,
		const char *platform)
{
	own_mem char *more = lease_manifest(w, platform);
	lease_tell(w, lease, token, seq, platform, "done", more);
}

void lease_failed(struct world *w, const char *lease, const char *token, uint64_t seq,
		  const char *platform)
{
	lease_tell(w, lease, token, seq, platform, "failed",
		   ",\"error\":{\"code\":\"STEP_FAILED\",\"text\":\"so not\"}");
}
