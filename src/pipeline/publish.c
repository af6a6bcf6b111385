/* The end of a record. When its last job has ended, its policy says whether its images are
 * published: manifests and index are read, checked and put; children, index and all tags go into
 * the catalog in one transaction; then the record says so. A process that dies in between does all
 * of it again, to the same effect. One thread does it, in order, so that the images of an older
 * build never come over those of a newer one. */
#include "pipeline/publish_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"

enum outcome { OUTCOME_PUBLISH, OUTCOME_FAILED, OUTCOME_CANCELED };

struct ending {
	struct pipeline *p;
	struct arena *a;
	struct pipeline_record r;
	struct pipeline_after after;
};

static bool is_required(const struct pipeline_record *r, const char *platform)
{
	own_json list = NULL;
	bool found = false;
	err_free(json_read(str_of(r->required_json), &list));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		found |= name && strcmp(name, platform) == 0;
	}
	return found;
}

/* Does the image go without this job? */
static bool is_needed(const struct pipeline_record *r, const struct pipeline_job_row *j)
{
	switch (r->b.policy) {
	case PIPELINE_ALL:
		return true;
	case PIPELINE_REQUIRED:
		return is_required(r, j->platform);
	case PIPELINE_BEST_EFFORT:
		return false;
	}
	abort();
}

static enum outcome outcome_of(struct ending *g)
{
	struct pipeline_record *r = &g->r;
	const struct pipeline_job_row *failed = NULL, *canceled = NULL;
	size_t n_done = 0, n_missing = 0;
	for (size_t i = 0; i < r->n_jobs; i++) {
		const struct pipeline_job_row *j = &r->jobs[i];
		n_done += j->state == JOB_DONE;
		if (j->state == JOB_DONE)
			continue;
		n_missing += is_needed(r, j);
		if (j->state == JOB_FAILED && (!failed || is_needed(r, j)))
			failed = j;
		if (j->state == JOB_CANCELED)
			canceled = j;
	}
	if (r->b.canceled_by)
		return OUTCOME_CANCELED;
	if (!n_missing && n_done)
		return OUTCOME_PUBLISH;
	if (failed) {
		r->b.error_code = failed->error_code ? failed->error_code : "BUILD";
		r->b.error_text = arena_printf(g->a, "%s: %s", failed->platform,
					       failed->error_text ? failed->error_text : "failed");
		r->b.error_remedy = failed->error_remedy;
		return OUTCOME_FAILED;
	}
	const char *by = canceled && canceled->error_text ? canceled->error_text : "";
	struct str said = STR("canceled by ");
	r->b.canceled_by = str_starts(str_of(by), said) ? by + said.len : "unknown";
	return OUTCOME_CANCELED;
}

static struct err *store_end(struct ending *g, enum pipeline_status to)
{
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(g->p->o.db, &tx));
	if (to == PIPELINE_SUCCESS && g->r.b.status == PIPELINE_PENDING)
		TRY(pipeline_record_move(g->p, tx, &g->r, PIPELINE_BUILDING));
	TRY(pipeline_record_move(g->p, tx, &g->r, to));
	return db_tx_commit(tx);
}

/* The last line is written before the status says that there is no more. */
static struct err *end_as(struct ending *g, enum pipeline_status to)
{
	struct pipeline_build *b = &g->r.b;
	if (to == PIPELINE_FAILED)
		pipeline_after_say(&g->after, b->id, -1, "failed: %s (%s)%s%s", b->error_text,
				   b->error_code, b->error_remedy ? " " : "",
				   b->error_remedy ? b->error_remedy : "");
	pipeline_after_run(&g->after);
	TRY(store_end(g, to));
	pipeline_after_poke(&g->after, b->id);
	pipeline_after_close(&g->after, b->id);
	pipeline_after_run(&g->after);
	return NULL;
}

static struct err *fail(struct ending *g, struct err *e)
{
	struct pipeline_build *b = &g->r.b;
	pipeline_keep_error(g->a, e, "PUBLISH", &b->error_code, &b->error_text, &b->error_remedy);
	b->digest = NULL;
	return end_as(g, PIPELINE_FAILED);
}

static void say_published(struct ending *g)
{
	for (size_t i = 0; i < g->r.n_jobs; i++)
		if (g->r.jobs[i].state != JOB_DONE)
			pipeline_after_say(&g->after, g->r.b.id, (int)i,
					   "published without %s (%s)", g->r.jobs[i].platform,
					   pipeline_policy_name(g->r.b.policy));
	for (size_t i = 0; i < g->r.b.n_tags; i++)
		pipeline_after_say(&g->after, g->r.b.id, -1, "published %s:%s as %s",
				   g->r.b.repository, g->r.b.tags[i], g->r.b.digest);
}

static struct err *publish(struct ending *g, bool last_try)
{
	struct err *e = pipeline_publish(g->p, g->a, &g->r);
	if (e && e->kind == ERR_UNAVAILABLE && !last_try)
		return e;
	if (e)
		return fail(g, e);
	say_published(g);
	return end_as(g, PIPELINE_SUCCESS);
}

struct err *pipeline_finish(struct pipeline *p, const char *record_id, bool last_try)
{
	own(arena) a = arena_open(PIPELINE_FINISH_ARENA_BYTES);
	struct ending *g = arena_new(a, struct ending);
	bool found;
	g->p = p;
	g->a = a;
	pipeline_after_init(&g->after, p, a);
	TRY(pipeline_record_load(p, NULL, a, str_of(record_id), &found, &g->r));
	if (!found || pipeline_status_ended(g->r.b.status) || !pipeline_jobs_ended(&g->r))
		return NULL;
	switch (outcome_of(g)) {
	case OUTCOME_PUBLISH:
		return publish(g, last_try);
	case OUTCOME_FAILED:
		return end_as(g, PIPELINE_FAILED);
	case OUTCOME_CANCELED:
		return end_as(g, PIPELINE_CANCELED);
	}
	abort();
}

/* ---- the thread ---- */

static void add_locked(struct pipeline *p, struct pipeline_finishing *f)
{
	struct pipeline_finishing **at = &p->finishing;
	while (*at)
		at = &(*at)->next;
	f->next = NULL;
	*at = f;
	cond_signal(&p->finish);
}

void pipeline_finish_add(struct pipeline *p, const char *record_id)
{
	hold(&p->lock);
	for (struct pipeline_finishing *f = p->finishing; f; f = f->next)
		if (strcmp(f->id, record_id) == 0)
			return;
	struct pipeline_finishing *f = mem_new(struct pipeline_finishing);
	memcpy(f->id, record_id, MIN(strlen(record_id), sizeof(f->id) - 1));
	add_locked(p, f);
}

static struct pipeline_finishing *take_locked(struct pipeline *p, uint64_t *next_ms)
{
	uint64_t now = time_mono_ms();
	*next_ms = now + 3600000;
	for (struct pipeline_finishing **at = &p->finishing; *at; at = &(*at)->next) {
		struct pipeline_finishing *f = *at;
		if (f->due_ms <= now) {
			*at = f->next;
			return f;
		}
		*next_ms = MIN(*next_ms, f->due_ms);
	}
	return NULL;
}

static struct pipeline_finishing *wait_for_one(struct pipeline *p)
{
	hold(&p->lock);
	for (;;) {
		uint64_t next_ms;
		struct pipeline_finishing *f = p->closing ? NULL : take_locked(p, &next_ms);
		if (f || p->closing)
			return f;
		cond_wait_until(&p->finish, &p->lock, next_ms);
	}
}

void *pipeline_finisher(void *arg)
{
	struct pipeline *p = arg;
	for (struct pipeline_finishing *f; (f = wait_for_one(p));) {
		f->tries++;
		struct err *e = pipeline_finish(p, f->id, f->tries >= PIPELINE_PUBLISH_TRIES);
		if (!e) {
			free(f);
			continue;
		}
		log_err(LOG_LEVEL_WARN, "a build cannot be ended yet", e);
		f->due_ms = time_mono_ms() + MIN(60000, 500u << MIN(f->tries, 7));
		hold(&p->lock);
		add_locked(p, f);
	}
	return NULL;
}
