/* New build records: from a rule and a ref, with their jobs, in the order they are numbered. */
#include "pipeline/pipeline_priv.h"

#include <stdio.h>

#include "base/random.h"

static struct err *next_seq(struct pipeline *p, struct db_tx *tx, int64_t *seq)
{
	*seq = 0;
	TRY(pipeline_sql(p, tx, "SELECT COALESCE(MAX(seq), 0) FROM build_record", DB_NO_PARAMS,
			 pipeline_see_int, seq));
	(*seq)++;
	return NULL;
}

static struct err *insert_job(struct db_tx *tx, const char *record_id,
			      const struct pipeline_job_row *j)
{
	return db_tx_exec(tx,
			  "INSERT INTO build_job (record_id, platform, position, state, attempt,"
			  " worker_id, native, media_type, digest, size, error_code, error_text,"
			  " queued_ns, started_ns, ended_ns, error_remedy)"
			  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
			  " $15, $16)",
			  DB_PARAMS(db_cstr(record_id), db_cstr(j->platform), db_int(j->position),
				    db_cstr(pipeline_job_state_name(j->state)), db_int(j->attempt),
				    pipeline_text(j->worker_id),
				    j->native < 0 ? db_null() : db_int(j->native),
				    pipeline_text(j->media_type), pipeline_text(j->digest),
				    j->digest ? db_int(j->size) : db_null(),
				    pipeline_text(j->error_code), pipeline_text(j->error_text),
				    db_int(j->queued_ns), pipeline_time(j->started_ns),
				    pipeline_time(j->ended_ns), pipeline_text(j->error_remedy)));
}

static struct err *insert_record(struct db_tx *tx, const struct pipeline_record *n)
{
	const struct pipeline_build *b = &n->b;
	return db_tx_exec(
		tx,
		"INSERT INTO build_record (id, seq, repository_id, rule_id, source_id,"
		" trigger_kind, actor, ref, commit_id, pushed_ns, tags, dockerfile_dir,"
		" dockerfile_name, build_args, no_cache, pool, priority, policy, required,"
		" emulation, time_limit_s, status, waits_for, rerun_of, error_code, error_text,"
		" n_log_lines, created_ns, ended_ns, error_remedy)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
		" $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, 0, $27, $28, $29)",
		DB_PARAMS(db_cstr(b->id), db_int(b->seq), db_cstr(b->repository_id),
			  pipeline_text(b->rule_id), pipeline_text(b->source_id),
			  db_cstr(b->trigger), db_cstr(b->actor ? b->actor : ""), db_cstr(b->ref),
			  db_cstr(b->commit), db_int(b->pushed_ns), db_cstr(n->tags_json),
			  db_cstr(b->dockerfile_dir), db_cstr(b->dockerfile_name),
			  db_cstr(n->args_json), db_int(b->no_cache), db_cstr(b->pool),
			  db_int(b->priority), db_cstr(pipeline_policy_name(b->policy)),
			  db_cstr(n->required_json), db_int(b->emulation), db_int(b->time_limit_s),
			  db_cstr(pipeline_status_name(b->status)), pipeline_text(b->waits_for),
			  pipeline_text(b->rerun_of), pipeline_text(b->error_code),
			  pipeline_text(b->error_text), db_int(b->created_ns),
			  pipeline_time(b->ended_ns), pipeline_text(b->error_remedy)));
}

/* A build that was refused before it began is a record too, so that its pusher sees why. */
static void refuse_jobs(struct pipeline_record *n, int64_t now)
{
	n->b.ended_ns = now;
	for (size_t i = 0; i < n->n_jobs; i++) {
		struct pipeline_job_row *j = &n->jobs[i];
		j->state = JOB_FAILED;
		j->digest = j->media_type = NULL;
		j->error_code = n->b.error_code;
		j->error_text = n->b.error_text;
		j->error_remedy = n->b.error_remedy;
		j->ended_ns = now;
	}
}

static void say_new(struct pipeline_record *n, struct pipeline_after *after)
{
	const struct pipeline_build *b = &n->b;
	const char *between = strcmp(b->trigger, PIPELINE_BASE_TRIGGER) == 0 ? ": " : " of ";
	pipeline_after_say(after, b->id, -1, "build of %s at %.12s for %s, started by %s%s%s",
			   b->ref, b->commit, b->repository, b->trigger,
			   b->actor && b->actor[0] ? between : "", b->actor ? b->actor : "");
	if (b->rerun_of)
		pipeline_after_say(after, b->id, -1, "again for build %s", b->rerun_of);
	if (b->waits_for)
		pipeline_after_say(after, b->id, -1, "waits for the older build %s of the same ref",
				   b->waits_for);
	for (size_t i = 0; i < n->n_jobs; i++)
		if (n->jobs[i].state == JOB_DONE)
			pipeline_after_say(after, b->id, (int)i, "taken over from build %s: %s",
					   b->rerun_of, n->jobs[i].digest);
	if (b->error_code)
		pipeline_after_say(after, b->id, -1, "not built: %s (%s)%s%s", b->error_text,
				   b->error_code, b->error_remedy ? " " : "",
				   b->error_remedy ? b->error_remedy : "");
	pipeline_after_poke(after, b->id);
	if (b->error_code)
		pipeline_after_close(after, b->id);
	else if (pipeline_jobs_ended(n))
		pipeline_after_finish(after, b->id);
}

struct err *pipeline_record_insert(struct pipeline *p, struct db_tx *tx, struct arena *a,
				   struct pipeline_record *n, struct pipeline_after *after)
{
	int64_t now = pipeline_now(p);
	struct pipeline_build *b = &n->b;
	if (!b->id)
		b->id = arena_strdup(a, str_of(random_uuid().s));
	b->created_ns = now;
	b->status = b->error_code ? PIPELINE_FAILED : PIPELINE_PENDING;
	if (b->error_code)
		refuse_jobs(n, now);
	TRY(next_seq(p, tx, &b->seq));
	TRY(insert_record(tx, n));
	for (size_t i = 0; i < n->n_jobs; i++) {
		struct pipeline_job_row *j = &n->jobs[i];
		j->position = (int64_t)i;
		j->attempt = j->attempt ? j->attempt : 1;
		j->queued_ns = j->queued_ns ? j->queued_ns : now;
		TRY(insert_job(tx, b->id, j));
	}
	TRY(pipeline_news_of_build(p, tx, n)); /* one that was refused has ended */
	TRY(pipeline_report_of_build(p, tx, n));
	say_new(n, after);
	return NULL;
}

/* ---- from a rule ---- */

static const char *json_in(struct arena *a, json_t *j)
{
	own_mem char *text = json_text(j);
	return arena_strdup(a, str_of(text));
}

static void set_lists(struct arena *a, const struct pipeline_rule *rule,
		      struct pipeline_record *out)
{
	own_json args = json_array(), required = json_array(), tags = json_array();
	for (size_t i = 0; i < rule->n_args; i++)
		json_array_append_new(args,
				      json_pack("[s,s]", rule->args[i].name, rule->args[i].value));
	for (size_t i = 0; i < rule->n_required; i++)
		json_array_append_new(required,
				      json_string(oci_platform_text(&rule->required[i]).s));
	for (size_t i = 0; i < out->b.n_tags; i++)
		json_array_append_new(tags, json_string(out->b.tags[i]));
	out->args_json = json_in(a, args);
	out->required_json = json_in(a, required);
	out->tags_json = json_in(a, tags);
	struct pipeline_arg *args_copy = arena_new_array(a, rule->n_args, struct pipeline_arg);
	memcpy(args_copy, rule->args, rule->n_args * sizeof(rule->args[0]));
	out->b.args = args_copy;
	out->b.n_args = rule->n_args;
}

static void refuse(struct arena *a, struct pipeline_build *b, struct err *e)
{
	pipeline_keep_error(a, e, "BUILD_REFUSED", &b->error_code, &b->error_text,
			    &b->error_remedy);
}

static struct err *set_tags(struct pipeline *p, struct arena *a, const struct pipeline_match *m,
			    struct pipeline_build *b)
{
	const char **tags = arena_new_array(a, m->n_tags, const char *);
	for (size_t i = 0; i < m->n_tags; i++)
		tags[i] = m->tags[i];
	b->tags = tags;
	b->n_tags = m->n_tags;
	b->error_code = m->code;
	b->error_text = m->code ? m->problem : NULL;
	b->error_remedy = m->code ? m->remedy : NULL;
	if (m->code)
		return NULL;
	struct err *e =
		catalog_image_tags_free(p->o.catalog, str_of(b->repository), tags, m->n_tags);
	if (e && e->kind != ERR_DENIED)
		return e;
	if (e)
		refuse(a, b, e);
	return NULL;
}

struct err *pipeline_record_from_rule(struct pipeline *p, struct arena *a,
				      const struct pipeline_rule *rule,
				      const struct pipeline_binding *binding,
				      const char *repository, const struct source_ref *ref,
				      int64_t pushed_ns, struct pipeline_record *out)
{
	struct pipeline_match m = { .matches = false };
	struct pipeline_moment moment = { .pushed_ns = pushed_ns,
					  .utc_offset_min = p->o.utc_offset_min,
					  .commit = ref->commit };
	TRY(pipeline_rule_match(a, rule, str_of(ref->name), &moment, &m));
	*out = (struct pipeline_record){
		.b = { .repository_id = rule->repository_id,
		       .repository = repository,
		       .rule_id = rule->id,
		       .source_id = binding->source_id,
		       .ref = ref->name,
		       .commit = ref->commit,
		       .pushed_ns = pushed_ns,
		       .dockerfile_dir = rule->dockerfile_dir,
		       .dockerfile_name = rule->dockerfile_name,
		       .no_cache = binding->no_cache,
		       .pool = binding->pool ? binding->pool : "",
		       .emulation = rule->emulation,
		       .priority = rule->priority,
		       .policy = rule->policy,
		       .time_limit_s = rule->time_limit_s },
	};
	/* That its cost limit was met counts as a match: it is a reason to be told. */
	if (!m.matches && !m.code)
		return NULL;
	TRY(set_tags(p, a, &m, &out->b));
	set_lists(a, rule, out);
	for (size_t i = 0; i < rule->n_platforms && i < PIPELINE_MOST_JOBS; i++)
		out->jobs[out->n_jobs++] = (struct pipeline_job_row){
			.platform =
				arena_strdup(a, str_of(oci_platform_text(&rule->platforms[i]).s)),
			.state = JOB_QUEUED,
			.native = -1,
		};
	return NULL;
}

/* ---- beside older ones ---- */

struct older {
	struct arena *a;
	const char **ids; /* owned until the end of the call */
	size_t n, cap;
};

static bool see_older(void *arg, struct db_row *r)
{
	struct older *o = arg;
	mem_reserve_one(o->ids, o->n, o->cap);
	o->ids[o->n++] = arena_strdup(o->a, db_row_text(r, 0));
	return true;
}

static struct err *newer_than(struct pipeline *p, struct db_tx *tx, struct arena *a,
			      struct pipeline_record *n, const char *older_id, bool cancels,
			      struct pipeline_after *after)
{
	struct pipeline_record *old = arena_new(a, struct pipeline_record);
	bool found, too_late = !cancels;
	TRY(pipeline_record_load(p, tx, a, str_of(older_id), &found, old));
	if (!found)
		return NULL;
	if (cancels)
		TRY(pipeline_record_cancel(p, tx, old, STR(""), "a newer push", n->b.id, &too_late,
					   after));
	/* The older one is to end before: its images must not come over the newer ones. */
	if (too_late)
		n->b.waits_for = old->b.id;
	return NULL;
}

struct err *pipeline_record_newer(struct pipeline *p, struct db_tx *tx, struct arena *a,
				  struct pipeline_record *n, bool cancels,
				  struct pipeline_after *after)
{
	if (n->b.error_code || !n->b.rule_id)
		return NULL;
	if (!n->b.id)
		n->b.id = arena_strdup(a, str_of(random_uuid().s));
	struct older o = { .a = a };
	struct err *e =
		pipeline_sql(p, tx,
			     "SELECT id FROM build_record WHERE rule_id = $1 AND ref = $2"
			     " AND status IN ('PENDING', 'BUILDING') ORDER BY seq",
			     DB_PARAMS(db_cstr(n->b.rule_id), db_cstr(n->b.ref)), see_older, &o);
	for (size_t i = 0; !e && i < o.n; i++)
		e = newer_than(p, tx, a, n, o.ids[i], cancels, after);
	free(o.ids);
	return e;
}
