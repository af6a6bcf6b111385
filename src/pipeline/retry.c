/* Builds by hand, and once more. */
#include "pipeline/pipeline_priv.h"

#include <stdio.h>

#include "base/log.h"

static struct err *unknown(struct str id)
{
	return err_coded(ERR_NOT_FOUND, "BUILD_UNKNOWN", NULL, "no build " STR_FMT, STR_ARG(id));
}

/* Stores the new record behind the older ones of its rule and ref. */
static struct err *store(struct pipeline *p, struct arena *a, struct pipeline_record *n,
			 struct pipeline_build *out)
{
	struct pipeline_after after;
	pipeline_after_init(&after, p, a);
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(pipeline_record_newer(p, tx, a, n, false, &after));
	TRY(pipeline_record_insert(p, tx, a, n, &after));
	TRY(db_tx_commit(tx));
	pipeline_after_run(&after);
	pipeline_record_build(a, n, out);
	return pipeline_queue_places(p, out, 1);
}

/* ---- by hand ---- */

struct found_ref {
	struct arena *a;
	struct source_ref ref;
	bool found;
};

static bool see_ref(void *arg, struct db_row *r)
{
	struct found_ref *f = arg;
	f->ref = (struct source_ref){ .name = pipeline_row_text(f->a, r, 0),
				      .object = pipeline_row_text(f->a, r, 1),
				      .commit = pipeline_row_text(f->a, r, 2) };
	f->found = true;
	return true;
}

static struct err *find_ref(struct pipeline *p, struct arena *a, const char *source_id,
			    const char *name, struct found_ref *out)
{
	*out = (struct found_ref){ .a = a };
	return db_query(p->o.db,
			"SELECT name, object_id, commit_id FROM source_ref"
			" WHERE source_id = $1 AND name = $2",
			DB_PARAMS(db_cstr(source_id), db_cstr(name)), see_ref, out);
}

/* "main" is of the rule's kind; "refs/…" is what it says. */
const char *pipeline_start_ref(struct arena *a, const struct pipeline_rule *rule, struct str ref)
{
	if (str_starts(ref, STR("refs/")))
		return arena_strdup(a, ref);
	return arena_printf(a, "refs/%s/" STR_FMT,
			    rule->ref_type == PIPELINE_TAG ? "tags" : "heads", STR_ARG(ref));
}

static struct err *wanted_ref(struct arena *a, const struct pipeline_rule *rule, struct str ref,
			      const char **out)
{
	const char *why = NULL;
	if (!ref.len && !pipeline_rule_by_hand(rule, &why))
		return err_coded(ERR_INVALID, "RULE_NOT_BY_HAND",
				 "Name the ref to be built: --ref REF, or \"ref\" in the request.",
				 "the rule cannot be built by hand without a ref: %s",
				 why ? why : "its name or its tags depend on one");
	*out = pipeline_start_ref(a, rule, ref.len ? ref : str_of(rule->pattern));
	return NULL;
}

/* The remote is asked first: what is built is what is there now. When it does not answer, what was
 * seen last will do. */
struct err *pipeline_start_head(struct pipeline *p, struct arena *a, const char *source_id,
				const char *name, struct source_ref *out)
{
	own(err) e = pipeline_source_look(p, str_of(source_id), 0, NULL, NULL);
	struct found_ref f;
	TRY(find_ref(p, a, source_id, name, &f));
	if (!f.found && e)
		return err_wrap(move(e), "look at the code source");
	if (!f.found)
		return err_coded(ERR_NOT_FOUND, "SRC_REF_GONE",
				 "Push it, or name another; the source's refs are listed with it.",
				 "the code source has no %s", name);
	*out = f.ref;
	return NULL;
}

struct err *pipeline_start_load(struct pipeline *p, struct arena *a, struct str rule_id,
				struct pipeline_start *s)
{
	bool found;
	TRY(pipeline_rule_get(p->o.db, a, rule_id, &found, &s->rule));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "RULE_UNKNOWN", NULL, "no build rule " STR_FMT,
				 STR_ARG(rule_id));
	TRY(pipeline_binding_get(p, a, str_of(s->rule.repository_id), &found, &s->binding));
	if (!found)
		return err_coded(ERR_CONFLICT, "NO_SOURCE",
				 "Bind the repository to a code source first.",
				 "the repository is bound to no code source");
	TRY(catalog_image_get(p->o.catalog, a, str_of(s->rule.repository_id), &found,
			      &s->repository));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "REPOSITORY_UNKNOWN", NULL, "no repository %s",
				 s->rule.repository_id);
	return NULL;
}

/* What the record would say. */
static struct err *refused(const struct pipeline_build *b)
{
	enum err_kind kind = strcmp(b->error_code, "TAG_IMMUTABLE") == 0 ? ERR_DENIED : ERR_INVALID;
	return err_told(kind, b->error_code, b->error_remedy, "%s", b->error_text);
}

struct err *pipeline_build_start(struct pipeline *p, struct arena *a, struct str rule_id,
				 struct str ref, const char *trigger, const char *actor,
				 struct pipeline_build *out)
{
	struct pipeline_start *s = arena_new(a, struct pipeline_start);
	struct pipeline_record *n = arena_new(a, struct pipeline_record);
	struct source_ref at;
	const char *name;
	TRY(pipeline_start_load(p, a, rule_id, s));
	TRY(wanted_ref(a, &s->rule, ref, &name));
	TRY(pipeline_start_head(p, a, s->binding.source_id, name, &at));
	TRY(pipeline_record_from_rule(p, a, &s->rule, &s->binding, s->repository.full_name, &at,
				      pipeline_now(p), n));
	if (!n->tags_json)
		return err_coded(ERR_INVALID, "RULE_NO_MATCH", "Name a ref that the rule matches.",
				 "the rule does not match %s", name);
	if (n->b.error_code)
		return refused(&n->b);
	n->b.trigger = trigger;
	n->b.actor = actor;
	return store(p, a, n, out);
}

/* ---- once more ---- */

/* What a record asks for, for a new one. */
static struct pipeline_record *copy_of(struct arena *a, const struct pipeline_record *r,
				       const char *actor)
{
	struct pipeline_record *n = arena_new(a, struct pipeline_record);
	*n = *r;
	struct pipeline_build *b = &n->b;
	b->rerun_of = r->b.id;
	b->trigger = "RERUN";
	b->actor = actor;
	b->id = b->waits_for = b->superseded_by = b->canceled_by = NULL;
	b->error_code = b->error_text = b->error_remedy = b->digest = NULL;
	b->created_ns = b->started_ns = b->ended_ns = 0;
	n->n_log_lines = 0;
	for (size_t i = 0; i < n->n_jobs; i++)
		n->jobs[i] = (struct pipeline_job_row){ .platform = r->jobs[i].platform,
							.state = JOB_QUEUED,
							.native = -1 };
	return n;
}

/* The tags were made for the record; it is asked again whether they may be set. */
static struct err *check_tags(struct pipeline *p, const struct pipeline_record *r)
{
	if (!r->b.n_tags || (r->b.error_code && strncmp(r->b.error_code, "TAG_", 4) == 0 &&
			     strcmp(r->b.error_code, "TAG_IMMUTABLE") != 0 &&
			     strcmp(r->b.error_code, "TAG_WOULD_LOSE_PLATFORM") != 0))
		return err_coded(ERR_CONFLICT, "TAG_INVALID",
				 "Change the tags of the rule and start a new build.",
				 "build %s has no tags that could be set", r->b.id);
	return catalog_image_tags_free(p->o.catalog, str_of(r->b.repository), r->b.tags,
				       r->b.n_tags);
}

struct err *pipeline_build_rerun(struct pipeline *p, struct arena *a, struct str id,
				 const char *actor, struct pipeline_build *out)
{
	struct pipeline_record *r = arena_new(a, struct pipeline_record);
	bool found;
	TRY(pipeline_record_load(p, NULL, a, id, &found, r));
	if (!found)
		return unknown(id);
	TRY(check_tags(p, r));
	return store(p, a, copy_of(a, r, actor), out);
}

/* Which jobs of the old record the new one takes over as done, and which it runs. */
static struct err *choose_jobs(const struct pipeline_record *r, struct str platform,
			       struct pipeline_record *n)
{
	size_t n_again = 0;
	for (size_t i = 0; i < r->n_jobs; i++) {
		const struct pipeline_job_row *j = &r->jobs[i];
		bool asked = !platform.len || str_eq(platform, str_of(j->platform));
		if (j->state == JOB_DONE) {
			n->jobs[i] = *j;
			n->jobs[i].lease_id = NULL;
			continue;
		}
		if (asked) {
			n_again++;
			continue;
		}
		n->jobs[i] = *j; /* stays as it ended */
		n->jobs[i].lease_id = NULL;
	}
	/* All was built, but not published: that alone is tried again. */
	bool unpublished = r->b.status != PIPELINE_SUCCESS && !platform.len;
	if (n_again || unpublished)
		return NULL;
	return err_coded(ERR_CONFLICT, "NOTHING_TO_RETRY", "Run the build again instead (rerun).",
			 "build %s has no failed or canceled job%s" STR_FMT, r->b.id,
			 platform.len ? " for " : "", STR_ARG(platform));
}

struct err *pipeline_build_retry(struct pipeline *p, struct arena *a, struct str id,
				 struct str platform, const char *actor, struct pipeline_build *out)
{
	struct pipeline_record *r = arena_new(a, struct pipeline_record);
	struct oci_platform wanted;
	struct oci_platform_text text = { "" };
	bool found;
	TRY(pipeline_record_load(p, NULL, a, id, &found, r));
	if (!found)
		return unknown(id);
	if (!pipeline_status_ended(r->b.status))
		return err_coded(ERR_CONFLICT, "BUILD_RUNNING", "Wait for its end, or cancel it.",
				 "build %s has not ended", r->b.id);
	if (platform.len) {
		TRY(oci_platform_parse(platform, &wanted));
		text = oci_platform_text(&wanted);
	}
	struct pipeline_record *n = copy_of(a, r, actor);
	TRY(choose_jobs(r, str_of(text.s), n));
	TRY(check_tags(p, r));
	return store(p, a, n, out);
}
