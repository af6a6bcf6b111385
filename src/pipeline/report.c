/* The setting of a repository, what is shown of it, and the rows that have commits reported. */
#include "pipeline/report_priv.h"

#include "base/limits.h"

/* ---- the name of the status ---- */

static const char place[] = "{repository}";

const char *pipeline_report_context(struct arena *a, const char *context, const char *repository)
{
	const char *at = strstr(context, place);
	if (!at)
		return context;
	return arena_printf(a, "%.*s%s%s", (int)(at - context), context, repository,
			    at + sizeof(place) - 1);
}

static struct err *check_context(struct str s)
{
	bool good = s.len && s.len <= LIMIT_STATUS_CONTEXT_BYTES && str_is_utf8(s) &&
		    str_trim(s).len == s.len;
	unsigned n = 0;
	for (size_t i = 0; good && i < s.len; i++) {
		good = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f && s.p[i] != '}';
		if (good && s.p[i] == '{') {
			good = str_starts(str_skip(s, i), str_of(place)) && !n++;
			i += sizeof(place) - 2;
		}
	}
	if (good)
		return NULL;
	return err_coded(ERR_INVALID, "STATUS_CONTEXT",
			 "Take up to 100 bytes of text, with {repository} once at most: "
			 "kiln/{repository}.",
			 "that is no name of a commit's status");
}

/* ---- what can be told ---- */

struct err *pipeline_report_source(struct pipeline *p, struct arena *a,
				   const struct pipeline_source_row *row, struct source_status *s)
{
	struct source_url *url = arena_new(a, struct source_url);
	*s = (struct source_status){ .provider = row->s.provider,
				     .url = url,
				     .username = row->s.username,
				     .link = p->o.external_url };
	if (row->secret && strcmp(row->s.credential, "password") == 0)
		s->token = STR("sealed");
	return row->s.provider == SOURCE_KILN ? NULL : source_url_parse(str_of(row->s.url), url);
}

static void take_problem(struct arena *a, struct err *e, struct pipeline_report *out)
{
	pipeline_keep_error(a, e, "STATUS_PATH", &out->problem_code, &out->problem,
			    &out->problem_remedy);
}

static struct err *look_at_source(struct pipeline *p, struct arena *a, struct str repository_id,
				  struct pipeline_report *out)
{
	struct pipeline_binding binding;
	struct pipeline_source_row row;
	struct source_status s;
	bool found;
	TRY(pipeline_binding_get(p, a, repository_id, &found, &binding));
	if (found)
		TRY(pipeline_source_load(p, a, str_of(binding.source_id), &found, &row));
	if (!found) {
		take_problem(a,
			     err_coded(ERR_CONFLICT, "NO_SOURCE",
				       "Link a code source to the repository.",
				       "the repository has no code source"),
			     out);
		return NULL;
	}
	out->source = arena_printf(a, "%s/%s", row.s.namespace_, row.s.name);
	out->provider = source_provider_name(row.s.provider);
	struct err *e = pipeline_report_source(p, a, &row, &s);
	if (!e)
		e = source_status_check(a, &s);
	if (!e)
		out->api = source_status_api(a, s.provider, s.url);
	else
		take_problem(a, e, out);
	return NULL;
}

/* ---- get ---- */

struct reading {
	struct arena *a;
	struct pipeline_report *out;
};

static bool see_setting(void *arg, struct db_row *r)
{
	struct reading *k = arg;
	struct pipeline_report *o = k->out;
	o->enabled = db_row_int(r, 0) != 0;
	o->context = arena_strdup(k->a, db_row_text(r, 1));
	o->updated_ns = db_row_int(r, 2);
	o->last_ns = db_row_int(r, 3);
	o->last_commit = pipeline_row_text(k->a, r, 4);
	o->last_build = pipeline_row_text(k->a, r, 5);
	o->last_state = pipeline_row_text(k->a, r, 6);
	o->last_http = (int)db_row_int(r, 7);
	o->error_code = pipeline_row_text(k->a, r, 8);
	o->error = pipeline_row_text(k->a, r, 9);
	o->error_remedy = pipeline_row_text(k->a, r, 10);
	return false;
}

static bool see_waiting(void *arg, struct db_row *r)
{
	struct pipeline_report *o = arg;
	o->n_waiting = (uint64_t)db_row_int(r, 0);
	o->next_ns = db_row_int(r, 1);
	return false;
}

static bool see_name(void *arg, struct db_row *r)
{
	struct reading *k = arg;
	k->out->shown = arena_strdup(k->a, db_row_text(r, 0));
	return false;
}

struct err *pipeline_report_get(struct pipeline *p, struct arena *a, struct str repository_id,
				struct pipeline_report *out)
{
	struct reading k = { .a = a, .out = out };
	*out = (struct pipeline_report){ .context = PIPELINE_REPORT_CONTEXT, .shown = "" };
	TRY(db_query(p->o.db,
		     "SELECT enabled, context, updated_ns, last_ns, last_commit, last_build,"
		     " last_state, last_http, last_error_code, last_error, last_remedy"
		     " FROM commit_status WHERE repository_id = $1",
		     DB_PARAMS(db_text(repository_id)), see_setting, &k));
	TRY(db_query(p->o.db, "SELECT full_name FROM image_repository WHERE id = $1",
		     DB_PARAMS(db_text(repository_id)), see_name, &k));
	out->shown = pipeline_report_context(a, out->context, out->shown);
	TRY(db_query(p->o.db,
		     "SELECT COUNT(*), MIN(CASE WHEN n_tries > 0 THEN next_ns END)"
		     " FROM commit_report WHERE repository_id = $1",
		     DB_PARAMS(db_text(repository_id)), see_waiting, out));
	return look_at_source(p, a, repository_id, out);
}

/* ---- set ---- */

struct err *pipeline_report_set(struct pipeline *p, struct arena *a, struct str repository_id,
				const struct pipeline_report_change *c)
{
	struct pipeline_report now;
	own(db_tx) tx = NULL;
	if (c->context)
		TRY(check_context(*c->context));
	TRY(pipeline_report_get(p, a, repository_id, &now));
	if (c->enabled && *c->enabled && !now.enabled && now.problem)
		return err_told(ERR_CONFLICT, now.problem_code, now.problem_remedy, "%s",
				now.problem);
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_exec(tx,
		       "INSERT INTO commit_status (repository_id, enabled, context, updated_ns)"
		       " VALUES ($1, COALESCE($2, 0), COALESCE($3, $4), $5)"
		       " ON CONFLICT (repository_id) DO UPDATE SET"
		       " enabled = COALESCE($2, commit_status.enabled),"
		       " context = COALESCE($3, commit_status.context),"
		       " updated_ns = excluded.updated_ns",
		       DB_PARAMS(db_text(repository_id),
				 c->enabled ? db_int(*c->enabled) : db_null(),
				 c->context ? db_text(*c->context) : db_null(),
				 db_cstr(PIPELINE_REPORT_CONTEXT), db_int(pipeline_now(p)))));
	if (c->enabled && !*c->enabled)
		TRY(db_tx_exec(tx, "DELETE FROM commit_report WHERE repository_id = $1",
			       DB_PARAMS(db_text(repository_id))));
	return db_tx_commit(tx);
}

/* ---- what is to be told ---- */

static struct err *insert(struct pipeline *p, struct db_tx *tx, struct str repository_id,
			  const char *commit, const char *source_id, bool *made)
{
	*made = false;
	return db_tx_query(tx,
			   "INSERT INTO commit_report (repository_id, commit_id, source_id,"
			   " version, n_tries, next_ns) SELECT repository_id, $2, $3, 1, 0, $4"
			   " FROM commit_status WHERE repository_id = $1 AND enabled <> 0"
			   " ON CONFLICT (repository_id, commit_id) DO UPDATE SET"
			   " source_id = excluded.source_id,"
			   " version = commit_report.version + 1, n_tries = 0,"
			   " next_ns = excluded.next_ns RETURNING 1",
			   DB_PARAMS(db_text(repository_id), db_cstr(commit), db_cstr(source_id),
				     db_int(pipeline_now(p))),
			   pipeline_see_row, made);
}

struct err *pipeline_report_of_build(struct pipeline *p, struct db_tx *tx,
				     const struct pipeline_record *r)
{
	bool made;
	if (!r->b.source_id)
		return NULL;
	TRY(insert(p, tx, str_of(r->b.repository_id), r->b.commit, r->b.source_id, &made));
	if (made)
		__atomic_store_n(&p->have_news, true, __ATOMIC_RELEASE);
	return NULL;
}

struct newest {
	bool found;
	char commit[65], source_id[65];
};

static bool see_newest(void *arg, struct db_row *r)
{
	struct newest *n = arg;
	n->found = true;
	pipeline_copy_id(n->commit, sizeof(n->commit), db_row_text(r, 0));
	pipeline_copy_id(n->source_id, sizeof(n->source_id), db_row_text(r, 1));
	return false;
}

struct err *pipeline_report_again(struct pipeline *p, struct str repository_id)
{
	struct newest n = { .found = false };
	bool made = false;
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx,
			"SELECT commit_id, source_id FROM build_record WHERE repository_id = $1"
			" AND source_id IS NOT NULL ORDER BY seq DESC LIMIT 1",
			DB_PARAMS(db_text(repository_id)), see_newest, &n));
	if (n.found)
		TRY(insert(p, tx, repository_id, n.commit, n.source_id, &made));
	else
		return err_coded(ERR_CONFLICT, "NO_BUILD", "Start a build first.",
				 "the repository has no build of a code source");
	if (!made)
		return err_coded(ERR_CONFLICT, "STATUS_OFF", "Switch it on first.",
				 "the states of commits are not reported");
	TRY(db_tx_commit(tx));
	pipeline_tell_wake(p);
	return NULL;
}
