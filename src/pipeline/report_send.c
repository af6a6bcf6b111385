/* Commits that are due, the request of each, and what came of it. Runs on the threads of tell.c:
 * one request at a time for a repository. */
#include "pipeline/report_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/limits.h"
#include "http/url.h"

#define MOST_BUILDS 100  /* of one commit that are looked at, the newest */
#define TEXT_BYTES  1000 /* of an error that are kept */

#define DUE         "(next_ns <= $1 OR next_ns > $2)"

/* ---- the state of a commit ---- */

static enum source_state state_of(enum pipeline_status s)
{
	switch (s) {
	case PIPELINE_PENDING:
		return SOURCE_QUEUED;
	case PIPELINE_BUILDING:
		return SOURCE_RUNNING;
	case PIPELINE_SUCCESS:
		return SOURCE_SUCCESS;
	case PIPELINE_FAILED:
		return SOURCE_FAILED;
	case PIPELINE_CANCELED:
		break;
	}
	return SOURCE_CANCELED;
}

static bool is_newest(const struct pipeline_report_build *v, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (str_eq(str_of(v[k].rule_id), str_of(v[i].rule_id)) &&
		    strcmp(v[k].ref, v[i].ref) == 0)
			return false;
	return true;
}

/* Who reads the code may not be who reads the image: of an error no more than its code. */
static bool is_code(const char *s)
{
	size_t n = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") : 0;
	return n && n <= 40 && !s[n];
}

static void say(struct pipeline_report_state *t, size_t n_same, size_t n_all)
{
	const struct pipeline_report_build *b = t->build;
	static const char *const words[] = {
		[SOURCE_QUEUED] = "is waiting",     [SOURCE_RUNNING] = "is running",
		[SOURCE_SUCCESS] = "succeeded",     [SOURCE_FAILED] = "failed",
		[SOURCE_CANCELED] = "was canceled",
	};
	bool coded = t->state == SOURCE_FAILED && is_code(b->error_code);
	int n = snprintf(t->text, sizeof(t->text), "Build %lld %s%s%s%s", (long long)b->seq,
			 b->superseded ? "was superseded by a newer one" : words[t->state],
			 coded ? " (" : "", coded ? b->error_code : "", coded ? ")" : "");
	if (n_all > 1)
		snprintf(t->text + n, sizeof(t->text) - (size_t)n, "; %zu of %zu builds", n_same,
			 n_all);
}

void pipeline_report_state(const struct pipeline_report_build *v, size_t n,
			   struct pipeline_report_state *out)
{
	static const enum source_state order[] = { SOURCE_FAILED, SOURCE_RUNNING, SOURCE_QUEUED,
						   SOURCE_CANCELED, SOURCE_SUCCESS };
	size_t counts[ARRAY_LEN(order)] = { 0 }, all = 0;
	const struct pipeline_report_build *newest[ARRAY_LEN(order)] = { NULL };
	for (size_t i = 0; i < n; i++) {
		enum source_state s = state_of(v[i].status);
		if (!is_newest(v, i))
			continue;
		all++;
		if (!counts[s]++)
			newest[s] = &v[i];
	}
	size_t k = 0;
	while (!newest[order[k]])
		k++;
	out->state = order[k];
	out->build = newest[order[k]];
	say(out, counts[order[k]], all);
}

/* ---- what is due ---- */

struct report {
	bool found;
	const char *repository_id, *repository, *commit, *source_id, *context;
	int64_t version, n_tries;
};
struct loading {
	struct arena *a;
	struct report *r;
	struct pipeline_report_build *v;
	size_t n;
};

static bool see_report(void *arg, struct db_row *row)
{
	struct loading *l = arg;
	struct arena *a = l->a;
	*l->r = (struct report){ .found = true,
				 .repository_id = arena_strdup(a, db_row_text(row, 0)),
				 .repository = arena_strdup(a, db_row_text(row, 1)),
				 .commit = arena_strdup(a, db_row_text(row, 2)),
				 .source_id = arena_strdup(a, db_row_text(row, 3)),
				 .context = arena_strdup(a, db_row_text(row, 4)),
				 .version = db_row_int(row, 5),
				 .n_tries = db_row_int(row, 6) };
	return false;
}

static bool see_build(void *arg, struct db_row *row)
{
	struct loading *l = arg;
	struct pipeline_report_build *b = &l->v[l->n];
	*b = (struct pipeline_report_build){ .id = arena_strdup(l->a, db_row_text(row, 0)),
					     .seq = db_row_int(row, 1),
					     .rule_id = pipeline_row_text(l->a, row, 3),
					     .ref = arena_strdup(l->a, db_row_text(row, 4)),
					     .error_code = pipeline_row_text(l->a, row, 5),
					     .superseded = db_row_int(row, 6) != 0 };
	if (pipeline_status_parse(db_row_text(row, 2), &b->status))
		l->n++;
	return l->n < MOST_BUILDS;
}

static struct err *load(struct pipeline *p, struct arena *a, const char *repository_id,
			struct report *out)
{
	struct loading l = { .a = a, .r = out };
	int64_t now = pipeline_now(p);
	return db_query(
		p->o.db,
		"SELECT i.id, i.full_name, r.commit_id, r.source_id, s.context, r.version,"
		" r.n_tries FROM commit_report r JOIN commit_status s"
		" ON s.repository_id = r.repository_id JOIN image_repository i"
		" ON i.id = r.repository_id WHERE " DUE " AND r.repository_id = $3"
		" ORDER BY r.next_ns LIMIT 1",
		DB_PARAMS(db_int(now), db_int(now + PIPELINE_TELL_FAR_NS), db_cstr(repository_id)),
		see_report, &l);
}

static struct err *load_builds(struct pipeline *p, struct arena *a, const struct report *r,
			       struct loading *out)
{
	*out = (struct loading){
		.a = a, .v = arena_new_array(a, MOST_BUILDS, struct pipeline_report_build)
	};
	return db_query(p->o.db,
			"SELECT id, seq, status, rule_id, ref, error_code,"
			" superseded_by IS NOT NULL FROM build_record WHERE repository_id = $1"
			" AND commit_id = $2 AND source_id = $3 ORDER BY seq DESC LIMIT $4",
			DB_PARAMS(db_cstr(r->repository_id), db_cstr(r->commit),
				  db_cstr(r->source_id), db_int(MOST_BUILDS)),
			see_build, out);
}

/* ---- the request ---- */

struct outcome {
	struct pipeline_report_state state;
	struct source_status_answer answer;
	int http;
	int64_t at_ns;
	bool canceled; /* the server ends: it is still due */
};

static void take_error(struct arena *a, struct err *e, struct outcome *o)
{
	own(err) why = e;
	own_mem char *text = err_text(e), *shown = pipeline_tell_text(str_of(text));
	o->canceled = e->kind == ERR_CANCELED;
	o->answer = (struct source_status_answer){
		.again = e->kind == ERR_UNAVAILABLE,
		.code = arena_strdup(a, str_of(err_code(e) ? err_code(e) : "STATUS_UNREACHABLE")),
		.text = arena_strdup(a, str_of(shown)),
		.remedy = err_remedy(e) ? arena_strdup(a, str_of(err_remedy(e))) : NULL,
	};
	if (e->kind != ERR_DENIED || err_code(e))
		return;
	o->answer.code = "SRC_ADDRESS";
	o->answer.remedy = "An administrator can allow private addresses for this code source.";
}

static struct err *post(struct pipeline *p, const struct source_status_request *r,
			bool allow_private, struct pipeline_answer *w)
{
	const char *headers[] = { "Content-Type: application/json", "Accept: application/json",
				  r->header, NULL };
	struct http_request q = { .headers = headers,
				  .authorization = r->authorization,
				  .refuse_link = !allow_private,
				  .refuse_private = !allow_private,
				  .body = str_of(r->body) };
	return pipeline_tell_send(p, r->url, &q, w);
}

static void cleanse(const char *s)
{
	if (s)
		OPENSSL_cleanse((char *)s, strlen(s));
}

static struct err *ask(struct pipeline *p, struct arena *a, const struct source_status *s,
		       bool allow_private, struct outcome *o)
{
	struct source_status_request r;
	struct pipeline_answer w = { .status = 0 };
	TRY(source_status_request(a, s, &r));
	buf_init(&w.response, LIMIT_NOTIFICATION_RESPONSE_BYTES);
	struct err *e = post(p, &r, allow_private, &w);
	cleanse(r.authorization);
	cleanse(r.header);
	if (w.status) { /* what is wrong with the rest of the answer is nothing to us */
		done(http_url) url = { 0 };
		err_free(e);
		e = http_url_parse(str_of(r.url), &url);
		o->http = w.status;
		source_status_answer(a, s->provider, url.host, w.status, w.limited,
				     buf_str(&w.response), &o->answer);
	}
	pipeline_answer_done(&w);
	return e;
}

static struct err *tell(struct pipeline *p, struct arena *a, const struct report *r,
			struct outcome *o)
{
	struct pipeline_source_row row;
	struct source_status s;
	TRY(pipeline_source_need(p, a, str_of(r->source_id), &row));
	TRY(pipeline_report_source(p, a, &row, &s));
	TRY(source_status_check(a, &s));
	s.commit = r->commit;
	s.ref = o->state.build->ref;
	s.state = o->state.state;
	s.description = o->state.text;
	s.context = pipeline_report_context(a, r->context, r->repository);
	if (p->o.external_url)
		s.link = arena_printf(a, "%s/b/%s", p->o.external_url, o->state.build->id);
	TRY(pipeline_source_unseal(p, a, row.s.id, "secret", row.secret, &s.token));
	struct err *e = ask(p, a, &s, row.s.allow_private, o);
	OPENSSL_cleanse((char *)s.token.p, s.token.len);
	return e;
}

/* ---- what came of it ---- */

static struct err *store_last(struct db_tx *tx, const struct report *r, const struct outcome *o)
{
	const struct source_status_answer *w = &o->answer;
	struct str text = str_first(str_of(w->text), TEXT_BYTES);
	text = str_first(text, str_whole_chars(text));
	return db_tx_exec(tx,
			  "UPDATE commit_status SET last_ns = $2, last_commit = $3,"
			  " last_build = $4, last_state = $5, last_http = $6,"
			  " last_error_code = $7, last_error = $8, last_remedy = $9"
			  " WHERE repository_id = $1",
			  DB_PARAMS(db_cstr(r->repository_id), db_int(o->at_ns), db_cstr(r->commit),
				    db_cstr(o->state.build->id),
				    db_cstr(source_state_name(o->state.state)),
				    o->http ? db_int(o->http) : db_null(),
				    w->reported ? db_null() : db_cstr(w->code),
				    w->reported ? db_null() : db_text(text),
				    w->reported ? db_null() : pipeline_text(w->remedy)));
}

/* One that moved meanwhile is due as it is. */
static struct err *end(struct db_tx *tx, const struct report *r, int64_t next_ns)
{
	if (next_ns)
		return db_tx_exec(tx,
				  "UPDATE commit_report SET n_tries = n_tries + 1, next_ns = $4"
				  " WHERE repository_id = $1 AND commit_id = $2 AND version = $3",
				  DB_PARAMS(db_cstr(r->repository_id), db_cstr(r->commit),
					    db_int(r->version), db_int(next_ns)));
	return db_tx_exec(
		tx,
		"DELETE FROM commit_report WHERE repository_id = $1 AND commit_id = $2"
		" AND version = $3",
		DB_PARAMS(db_cstr(r->repository_id), db_cstr(r->commit), db_int(r->version)));
}

static struct err *store(struct pipeline *p, const struct report *r, const struct outcome *o)
{
	own(db_tx) tx = NULL;
	int64_t next_ns =
		!o->answer.reported && o->answer.again ? pipeline_tell_next_ns(p, r->n_tries) : 0;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(store_last(tx, r, o));
	TRY(end(tx, r, next_ns));
	return db_tx_commit(tx);
}

static struct err *drop(struct pipeline *p, const struct report *r)
{
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(end(tx, r, 0));
	return db_tx_commit(tx);
}

static struct err *report_next(struct pipeline *p, const char *repository_id)
{
	own(arena) a = arena_open(PIPELINE_TELL_ARENA_BYTES);
	struct report r = { .found = false };
	struct outcome o = { .http = 0 };
	struct loading builds;
	TRY(load(p, a, repository_id, &r));
	if (!r.found)
		return NULL;
	TRY(load_builds(p, a, &r, &builds));
	if (!builds.n)
		return drop(p, &r);
	pipeline_report_state(builds.v, builds.n, &o.state);
	o.at_ns = pipeline_now(p);
	struct err *e = tell(p, a, &r, &o);
	if (e)
		take_error(a, e, &o);
	return o.canceled ? NULL : store(p, &r, &o);
}

/* ---- for the thread that looks ---- */

const struct pipeline_tell_kind pipeline_report_kind = {
	.due_sql = "SELECT repository_id, MAX(n_tries) > 0, MIN(next_ns) FROM commit_report"
		   " WHERE " DUE " GROUP BY repository_id ORDER BY 2, 3",
	.next_sql = "SELECT MIN(next_ns) FROM commit_report WHERE next_ns > $1",
	.step = report_next,
};
