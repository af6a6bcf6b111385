/* What each kind of event does. */
#include "pipeline/event_priv.h"

#include <string.h>

static struct err *bad(const char *what)
{
	return err_coded(ERR_INVALID, "EVENT", NULL, "event: %s", what);
}

static struct str cut(struct str s, size_t max)
{
	s = str_first(s, max);
	while (s.len && !str_is_utf8(s) && s.len + 4 > max)
		s.len--;
	return s;
}

static struct err *text_of(json_t *o, const char *key, size_t max, struct str *out)
{
	*out = STR("");
	TRY(json_get_str(o, key, out));
	*out = cut(*out, max);
	return NULL;
}

static int job_at(const struct pipeline_batch *b, struct str platform)
{
	for (size_t i = 0; i < b->r.n_jobs; i++)
		if (str_eq(platform, str_of(b->r.jobs[i].platform)))
			return (int)i;
	return -1;
}

/* ---- log ---- */

static struct err *apply_log(struct pipeline_batch *b, json_t *e)
{
	static const char *const streams[] = { [PIPELINE_STDOUT] = "stdout",
					       [PIPELINE_STDERR] = "stderr",
					       [PIPELINE_SYSTEM] = "system" };
	struct pipeline_line *line = &b->lines[b->n_lines];
	struct str platform, stream = STR("stdout");
	uint64_t time_ms = 0, step = 0;
	*line = (struct pipeline_line){ .number = 0 };
	TRY(json_get_u64(e, "time", INT64_MAX / 1000000, &time_ms));
	TRY(json_get_u64(e, "step", PIPELINE_MOST_LOG_STEP, &step));
	TRY(text_of(e, "platform", 64, &platform));
	TRY(json_get_str(e, "stream", &stream));
	TRY(json_get_str(e, "text", &line->text));
	line->time_ms = (int64_t)time_ms;
	line->step = (uint16_t)step;
	line->platform = (uint8_t)(job_at(b, platform) + 1);
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		if (str_eq(stream, str_of(streams[i]))) {
			line->stream = (enum pipeline_stream)i;
			b->n_lines++;
			return NULL;
		}
	}
	return bad("stream is stdout, stderr or system");
}

/* ---- steps ---- */

static struct err *add_step(struct pipeline_batch *b, json_t *s)
{
	uint64_t step = 0, line = 0;
	struct str stage, text, base;
	json_t *platforms = NULL;
	if (!json_is_object(s))
		return bad("a step is an object");
	TRY(json_get_u64(s, "step", PIPELINE_MOST_LOG_STEP, &step));
	TRY(json_get_u64(s, "line", UINT32_MAX, &line));
	TRY(text_of(s, "stage", 256, &stage));
	TRY(text_of(s, "text", PIPELINE_MOST_STEP_TEXT, &text));
	TRY(text_of(s, "base", 256, &base));
	TRY(json_get_array(s, "platforms", &platforms));
	if (!step)
		return bad("steps count from 1");
	if (base.len)
		TRY(oci_digest_parse(base, &(struct oci_digest){ 0 }));
	for (size_t i = 0; i < json_array_size(platforms); i++)
		if (!json_is_string(json_array_get(platforms, i)) || i == PIPELINE_MOST_JOBS)
			return bad("platforms of a step");
	own_mem char *list = platforms ? json_text(platforms) : mem_strdup("[]");
	return db_tx_exec(b->tx,
			  "INSERT INTO build_step (record_id, lease_id, step, line, stage, text,"
			  " platforms, base, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
			  " 'waiting') ON CONFLICT (record_id, step) DO NOTHING",
			  DB_PARAMS(db_cstr(b->r.b.id), db_cstr(b->lease_id), db_int(step),
				    db_int(line), db_text(stage), db_text(text), db_cstr(list),
				    base.len ? db_text(base) : db_null()));
}

static struct err *apply_steps(struct pipeline_batch *b, json_t *e)
{
	json_t *steps = NULL;
	TRY(json_get_array(e, "steps", &steps));
	for (size_t i = 0; i < json_array_size(steps); i++)
		TRY(add_step(b, json_array_get(steps, i)));
	b->changed = true;
	return NULL;
}

static bool is_step_state(struct str s)
{
	static const char *const states[] = { "running", "done", "cached", "failed", "canceled" };
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_eq(s, str_of(states[i])))
			return true;
	return false;
}

/* A step ends once; what comes later for it is late. */
static struct err *apply_step(struct pipeline_batch *b, json_t *e)
{
	uint64_t step = 0, time_ms = 0, took_ms = 0, size = 0;
	struct str state, reason, digest;
	TRY(json_get_u64(e, "step", PIPELINE_MOST_LOG_STEP, &step));
	TRY(json_get_u64(e, "time", INT64_MAX / 1000000, &time_ms));
	TRY(json_get_u64(e, "tookMs", INT32_MAX, &took_ms));
	TRY(json_get_u64(e, "size", INT64_MAX, &size));
	TRY(text_of(e, "state", 32, &state));
	TRY(text_of(e, "reason", 1024, &reason));
	TRY(text_of(e, "digest", 256, &digest));
	if (!is_step_state(state))
		return bad("state of a step");
	bool running = str_eq(state, STR("running"));
	int64_t started = running ? (int64_t)time_ms : (int64_t)time_ms - (int64_t)took_ms;
	b->changed = true;
	/* A layer is packed behind its step: what it is comes when the step has ended. */
	if (digest.len && !json_object_get(e, "tookMs"))
		return db_tx_exec(
			b->tx,
			"UPDATE build_step SET digest = $4, size = $5 WHERE record_id = $1"
			" AND step = $2 AND lease_id = $3 AND digest IS NULL",
			DB_PARAMS(db_cstr(b->r.b.id), db_int(step), db_cstr(b->lease_id),
				  db_text(digest), db_int(size)));
	return db_tx_exec(b->tx,
			  "UPDATE build_step SET state = $4, started_ms = COALESCE(started_ms, $5),"
			  " ended_ms = $6, cache_reason = COALESCE($7, cache_reason),"
			  " digest = COALESCE($8, digest), size = COALESCE($9, size)"
			  " WHERE record_id = $1 AND step = $2 AND lease_id = $3"
			  " AND state IN ('waiting', 'running')",
			  DB_PARAMS(db_cstr(b->r.b.id), db_int(step), db_cstr(b->lease_id),
				    db_text(state), db_int(started),
				    running ? db_null() : db_int(time_ms),
				    reason.len ? db_text(reason) : db_null(),
				    digest.len ? db_text(digest) : db_null(),
				    json_object_get(e, "size") ? db_int(size) : db_null()));
}

/* ---- jobs ---- */

static bool is_marked(const struct pipeline_job_row *j)
{
	return j->error_code && strcmp(j->error_code, "CANCELED") == 0;
}

static struct err *move_job(struct pipeline_batch *b, struct pipeline_job_row *j,
			    enum pipeline_job_state to)
{
	return pipeline_job_move(b->p, b->tx, b->r.b.id, j, to);
}

static struct err *job_runs(struct pipeline_batch *b, struct pipeline_job_row *j, json_t *e)
{
	bool native = j->native != 0;
	if (j->state != JOB_QUEUED)
		return NULL;
	TRY(json_get_bool(e, "native", &native));
	j->native = native;
	pipeline_after_say(&b->after, b->r.b.id, (int)j->position, "worker %s builds %s%s",
			   j->worker ? j->worker : "?", j->platform, native ? "" : ", emulated");
	TRY(move_job(b, j, JOB_RUNNING));
	return b->r.b.status == PIPELINE_PENDING
		       ? pipeline_record_move(b->p, b->tx, &b->r, PIPELINE_BUILDING)
		       : NULL;
}

static struct err *job_pushes(struct pipeline_batch *b, struct pipeline_job_row *j, json_t *e)
{
	TRY(job_runs(b, j, e));
	return j->state == JOB_RUNNING ? move_job(b, j, JOB_PUSHING) : NULL;
}

static struct err *job_done(struct pipeline_batch *b, struct pipeline_job_row *j, json_t *e)
{
	json_t *manifest = NULL;
	struct str digest, type;
	struct oci_digest parsed;
	uint64_t size = 0;
	TRY(json_get_obj(e, "manifest", &manifest));
	if (!manifest)
		return bad("a job that is done has a manifest");
	TRY(text_of(manifest, "digest", 256, &digest));
	TRY(text_of(manifest, "mediaType", 127, &type));
	TRY(json_get_u64(manifest, "size", LIMIT_MANIFEST_BYTES, &size));
	TRY(oci_digest_parse(digest, &parsed));
	if (!oci_is_manifest_type(type))
		return bad("mediaType of an image manifest");
	TRY(job_runs(b, j, e));
	j->digest = arena_strdup(b->a, digest);
	j->media_type = arena_strdup(b->a, type);
	j->size = (int64_t)size;
	return move_job(b, j, JOB_DONE);
}

static struct err *job_failed(struct pipeline_batch *b, struct pipeline_job_row *j, json_t *e)
{
	json_t *error = NULL;
	struct str code = STR(""), text = STR(""), remedy = STR("");
	TRY(json_get_obj(e, "error", &error));
	if (error) {
		TRY(text_of(error, "code", 64, &code));
		TRY(text_of(error, "text", PIPELINE_MOST_ERROR_TEXT, &text));
		TRY(text_of(error, "remedy", PIPELINE_MOST_REMEDY, &remedy));
	}
	if (is_marked(j) || b->cancel == LEASE_TIME)
		return pipeline_job_release(b->p, b->tx, b->r.b.id, j, b->cancel, LEASE_STOPPED,
					    b->r.b.time_limit_s, &b->after);
	/* "CANCELED" in a job that is not ended is the pipeline's own word; see cancel.c. */
	j->error_code = code.len ? arena_strdup(b->a, code) : "BUILD";
	j->error_text = arena_strdup(b->a, text);
	j->error_remedy = remedy.len ? arena_strdup(b->a, remedy) : NULL;
	return move_job(b, j, JOB_FAILED);
}

static struct err *job_canceled(struct pipeline_batch *b, struct pipeline_job_row *j, json_t *e)
{
	return pipeline_job_release(b->p, b->tx, b->r.b.id, j, b->cancel, LEASE_STOPPED,
				    b->r.b.time_limit_s, &b->after);
}

static struct err *apply_job(struct pipeline_batch *b, json_t *e)
{
	static const struct {
		const char *state;
		struct err *(*run)(struct pipeline_batch *b, struct pipeline_job_row *j, json_t *e);
	} states[] = { { "running", job_runs },
		       { "pushing", job_pushes },
		       { "done", job_done },
		       { "failed", job_failed },
		       { "canceled", job_canceled } };
	struct str platform, state;
	TRY(text_of(e, "platform", 64, &platform));
	TRY(text_of(e, "state", 32, &state));
	int at = job_at(b, platform);
	if (at < 0)
		return bad("the build has no job for that platform");
	struct pipeline_job_row *j = &b->r.jobs[at];
	bool its_own = j->lease_id && strcmp(j->lease_id, b->lease_id) == 0;
	b->changed = true;
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_eq(state, str_of(states[i].state)))
			return its_own && !pipeline_job_ended(j->state) ? states[i].run(b, j, e)
									: NULL;
	return bad("state of a job");
}

struct err *pipeline_event_apply(struct pipeline_batch *b, json_t *e)
{
	static const struct {
		const char *type;
		struct err *(*run)(struct pipeline_batch *b, json_t *e);
	} types[] = { { "log", apply_log },
		      { "step", apply_step },
		      { "steps", apply_steps },
		      { "job", apply_job } };
	struct str type;
	if (!json_is_object(e))
		return bad("not an object");
	TRY(text_of(e, "type", 32, &type));
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(type, str_of(types[i].type)))
			return types[i].run(b, e);
	return bad("type is steps, step, log or job");
}
