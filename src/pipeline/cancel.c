/* To cancel builds. A job that nobody has is canceled at once. One that a worker has is marked (its
 * error code says CANCELED while it is not ended) and its lease is told to stop; it becomes
 * canceled when the worker says so, or when the worker's time for it is over (watch.c). Jobs of the
 * same lease that are not marked go back to the queue: what they had is in the cache. */
#include "pipeline/pipeline_priv.h"

static struct err *mark_job(struct db_tx *tx, const char *record_id, struct pipeline_job_row *j,
			    const char *text)
{
	j->error_code = "CANCELED";
	j->error_text = text;
	return db_tx_exec(tx,
			  "UPDATE build_job SET error_code = $3, error_text = $4"
			  " WHERE record_id = $1 AND platform = $2",
			  DB_PARAMS(db_cstr(record_id), db_cstr(j->platform),
				    db_cstr(j->error_code), db_cstr(text)));
}

static struct err *cancel_job(struct pipeline *p, struct db_tx *tx, struct pipeline_record *r,
			      struct pipeline_job_row *j, const char *by,
			      struct pipeline_after *after)
{
	const char *text = arena_printf(after->a, "canceled by %s", by);
	TRY(mark_job(tx, r->b.id, j, text));
	if (!j->lease_id)
		return pipeline_job_move(p, tx, r->b.id, j, JOB_CANCELED);
	pipeline_after_cancel(after, j->lease_id, LEASE_CANCEL);
	return db_tx_exec(tx, "UPDATE build_lease SET cancel = $2 WHERE id = $1 AND cancel = 0",
			  DB_PARAMS(db_cstr(j->lease_id), db_int(LEASE_CANCEL)));
}

static struct err *cancel_jobs(struct pipeline *p, struct db_tx *tx, struct pipeline_record *r,
			       struct str platform, const char *by, size_t *n,
			       struct pipeline_after *after)
{
	for (size_t i = 0; i < r->n_jobs; i++) {
		struct pipeline_job_row *j = &r->jobs[i];
		if (pipeline_job_ended(j->state) ||
		    (platform.len && !str_eq(platform, str_of(j->platform))))
			continue;
		TRY(cancel_job(p, tx, r, j, by, after));
		(*n)++;
	}
	return NULL;
}

static struct err *note_who(struct db_tx *tx, struct pipeline_record *r, const char *by,
			    const char *superseded_by)
{
	if (!r->b.canceled_by)
		r->b.canceled_by = by;
	if (superseded_by)
		r->b.superseded_by = superseded_by;
	return db_tx_exec(tx,
			  "UPDATE build_record SET canceled_by = $2, superseded_by = $3"
			  " WHERE id = $1",
			  DB_PARAMS(db_cstr(r->b.id), db_cstr(r->b.canceled_by),
				    pipeline_text(r->b.superseded_by)));
}

struct err *pipeline_record_cancel(struct pipeline *p, struct db_tx *tx, struct pipeline_record *r,
				   struct str platform, const char *by, const char *superseded_by,
				   bool *too_late, struct pipeline_after *after)
{
	size_t n = 0;
	*too_late = pipeline_jobs_ended(r);
	if (*too_late)
		return NULL;
	TRY(cancel_jobs(p, tx, r, platform, by, &n, after));
	*too_late = n == 0;
	if (*too_late)
		return NULL;
	if (!platform.len)
		TRY(note_who(tx, r, by, superseded_by));
	if (superseded_by)
		pipeline_after_say(after, r->b.id, -1,
				   "canceled: build %s of a newer push takes"
				   " its place",
				   superseded_by);
	else
		pipeline_after_say(after, r->b.id, -1, "canceled by %s%s" STR_FMT, by,
				   platform.len ? ": " : "", STR_ARG(platform));
	pipeline_after_poke(after, r->b.id);
	if (!pipeline_jobs_ended(r))
		return NULL;
	if (platform.len) {
		pipeline_after_finish(after, r->b.id);
		return NULL;
	}
	TRY(pipeline_record_move(p, tx, r, PIPELINE_CANCELED));
	pipeline_after_close(after, r->b.id);
	return NULL;
}

static struct err *ended(const struct pipeline_record *r, struct str platform)
{
	return err_coded(ERR_CONFLICT, "BUILD_ENDED", "Only what is not over can be canceled.",
			 "build %s%s" STR_FMT " has ended", r->b.id, platform.len ? " for " : "",
			 STR_ARG(platform));
}

static struct err *find_platform(const struct pipeline_record *r, struct str platform)
{
	if (!platform.len)
		return NULL;
	for (size_t i = 0; i < r->n_jobs; i++)
		if (str_eq(platform, str_of(r->jobs[i].platform)))
			return NULL;
	return err_coded(ERR_NOT_FOUND, "PLATFORM", NULL, "build %s has no job for " STR_FMT,
			 r->b.id, STR_ARG(platform));
}

static struct err *cancel(struct pipeline *p, struct arena *a, struct str id, struct str platform,
			  const char *by, struct pipeline_after *after)
{
	struct pipeline_record r;
	bool found, too_late;
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(pipeline_record_load(p, tx, a, id, &found, &r));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "BUILD_UNKNOWN", NULL, "no build " STR_FMT,
				 STR_ARG(id));
	TRY(find_platform(&r, platform));
	if (pipeline_status_ended(r.b.status))
		return ended(&r, platform);
	TRY(pipeline_record_cancel(p, tx, &r, platform, by, NULL, &too_late, after));
	if (too_late)
		return ended(&r, platform);
	return db_tx_commit(tx);
}

struct err *pipeline_build_cancel(struct pipeline *p, struct str id, struct str platform,
				  const char *actor)
{
	struct pipeline_after after;
	struct oci_platform wanted;
	struct oci_platform_text text = { "" };
	own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	pipeline_after_init(&after, p, a);
	if (platform.len) {
		TRY(oci_platform_parse(platform, &wanted));
		text = oci_platform_text(&wanted);
	}
	TRY(cancel(p, a, id, str_of(text.s), actor && actor[0] ? actor : "unknown", &after));
	pipeline_after_run(&after);
	return NULL;
}
