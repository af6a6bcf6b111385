/* Notifications: listed, looked at, sent again, and one for a test. */
#include "pipeline/tell_priv.h"

#include "base/limits.h"
#include "base/time.h"

#define TESTS_AT_ONCE 4     /* that are waited for; a request's thread each */
#define TEST_WAIT_MS  21000 /* for the request before it, and its own */

static const char *const results[] = {
	[RESULT_WAITING] = "waiting",
	[RESULT_DELIVERED] = "delivered",
	[RESULT_FAILED] = "failed",
};

const char *pipeline_result_name(enum pipeline_result t)
{
	return results[t];
}

bool pipeline_result_parse(struct str s, enum pipeline_result *out)
{
	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		if (str_eq(s, str_of(results[i]))) {
			*out = (enum pipeline_result)i;
			return true;
		}
	}
	return false;
}

/* ---- rows ---- */

#define COLUMNS                                                                             \
	"n.id, n.seq, n.event, n.subject, n.result, n.n_attempts, n.next_ns, n.created_ns," \
	" n.ended_ns, t.status, t.error"
#define FROM                                                    \
	" FROM notification n LEFT JOIN notification_attempt t" \
	" ON t.notification_id = n.id AND t.number = n.n_attempts"

struct rows {
	struct arena *a;
	struct pipeline_notification *v;
	size_t n;
};

static bool see_notification(void *arg, struct db_row *r)
{
	struct rows *rows = arg;
	struct arena *a = rows->a;
	struct pipeline_notification *n = &rows->v[rows->n++];
	*n = (struct pipeline_notification){
		.id = arena_strdup(a, db_row_text(r, 0)),
		.seq = db_row_int(r, 1),
		.news = arena_strdup(a, db_row_text(r, 2)),
		.subject = arena_strdup(a, db_row_text(r, 3)),
		.n_attempts = (uint32_t)db_row_int(r, 5),
		.next_ns = db_row_int(r, 6),
		.created_ns = db_row_int(r, 7),
		.ended_ns = db_row_int(r, 8),
		.last_status = (int)db_row_int(r, 9),
		.last_error = pipeline_row_text(a, r, 10),
	};
	if (!pipeline_result_parse(db_row_text(r, 4), &n->result))
		n->result = RESULT_FAILED;
	return true;
}

struct err *pipeline_notification_list(struct pipeline *p, struct arena *a,
				       const struct pipeline_notification_query *q,
				       struct pipeline_notification **out, size_t *n)
{
	struct rows rows = { .a = a,
			     .v = arena_new_array(a, q->n + 1, struct pipeline_notification) };
	TRY(db_query(p->o.db,
		     "SELECT " COLUMNS FROM " WHERE n.endpoint_id = $1 AND n.seq < $2"
		     " AND ($3 = '' OR n.result = $3) ORDER BY n.seq DESC LIMIT $4",
		     DB_PARAMS(db_text(q->endpoint_id),
			       db_int(q->before_seq ? q->before_seq : INT64_MAX),
			       db_cstr(q->has_result ? results[q->result] : ""), db_int(q->n)),
		     see_notification, &rows));
	*out = rows.v;
	*n = rows.n;
	return NULL;
}

struct one {
	struct arena *a;
	struct pipeline_notification *n;
};

static bool see_body(void *arg, struct db_row *r)
{
	struct one *o = arg;
	o->n->content_type = arena_strdup(o->a, db_row_text(r, 0));
	o->n->body = arena_strdup(o->a, db_row_text(r, 1));
	return false;
}

static bool see_attempt(void *arg, struct db_row *r)
{
	struct one *o = arg;
	o->n->attempts[o->n->n_listed++] = (struct pipeline_attempt){
		.number = (uint32_t)db_row_int(r, 0),
		.started_ns = db_row_int(r, 1),
		.took_ms = (uint32_t)db_row_int(r, 2),
		.status = (int)db_row_int(r, 3),
		.error = pipeline_row_text(o->a, r, 4),
		.response = arena_strdup(o->a, db_row_text(r, 5)),
	};
	return o->n->n_listed < LIMIT_NOTIFICATION_ATTEMPTS;
}

struct err *pipeline_notification_get(struct pipeline *p, struct arena *a, struct str endpoint_id,
				      struct str id, bool *found, struct pipeline_notification *out)
{
	struct rows rows = { .a = a, .v = out };
	struct one one = { .a = a, .n = out };
	TRY(db_query(p->o.db, "SELECT " COLUMNS FROM " WHERE n.endpoint_id = $1 AND n.id = $2",
		     DB_PARAMS(db_text(endpoint_id), db_text(id)), see_notification, &rows));
	*found = rows.n > 0;
	if (!*found)
		return NULL;
	out->content_type = out->body = "";
	out->attempts = arena_new_array(a, LIMIT_NOTIFICATION_ATTEMPTS, struct pipeline_attempt);
	TRY(db_query(p->o.db, "SELECT content_type, body FROM notification WHERE id = $1",
		     DB_PARAMS(db_text(id)), see_body, &one));
	return db_query(p->o.db,
			"SELECT number, started_ns, took_ms, status, error, response"
			" FROM notification_attempt WHERE notification_id = $1"
			" ORDER BY number DESC LIMIT $2",
			DB_PARAMS(db_text(id), db_int(LIMIT_NOTIFICATION_ATTEMPTS)), see_attempt,
			&one);
}

/* ---- again ---- */

struct state {
	bool found, enabled;
};

static bool see_state(void *arg, struct db_row *r)
{
	*(struct state *)arg = (struct state){ .found = true, .enabled = db_row_int(r, 0) != 0 };
	return false;
}

struct err *pipeline_notification_redeliver(struct pipeline *p, struct str endpoint_id,
					    struct str id, bool *found)
{
	struct state s = { 0 };
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx,
			"SELECT e.enabled FROM notification n JOIN endpoint e"
			" ON e.id = n.endpoint_id WHERE n.endpoint_id = $1 AND n.id = $2",
			DB_PARAMS(db_text(endpoint_id), db_text(id)), see_state, &s));
	*found = s.found;
	if (!s.found)
		return NULL;
	if (!s.enabled)
		return err_coded(ERR_CONFLICT, "ENDPOINT_OFF", "Switch it on first.",
				 "the endpoint is switched off");
	TRY(db_tx_exec(tx,
		       "UPDATE notification SET result = 'waiting', n_tries = 0, next_ns = $2,"
		       " ended_ns = NULL WHERE id = $1",
		       DB_PARAMS(db_text(id), db_int(pipeline_now(p)))));
	TRY(db_tx_commit(tx));
	pipeline_tell_wake(p);
	return NULL;
}

/* ---- a test ---- */

struct name {
	struct arena *a;
	const char *s;
};

static bool see_name(void *arg, struct db_row *r)
{
	struct name *name = arg;
	name->s = arena_strdup(name->a, db_row_text(r, 0));
	return false;
}

static struct err *insert_test(struct pipeline *p, struct arena *a,
			       const struct pipeline_endpoint *e, const char **id)
{
	struct name name = { .a = a, .s = "" };
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "SELECT full_name FROM image_repository WHERE id = $1",
			DB_PARAMS(db_cstr(e->repository_id)), see_name, &name));
	struct pipeline_notice n = { .news = NEWS_TEST,
				     .repository = name.s,
				     .external_url = p->o.external_url,
				     .time_ns = pipeline_now(p) };
	/* before all that waits */
	TRY(pipeline_notice_insert(p, tx, a, &n, e->id, e->format, 1, id));
	return db_tx_commit(tx);
}

static bool begin_waiting(struct pipeline *p)
{
	hold(&p->lock);
	bool may = p->n_testing < TESTS_AT_ONCE && !p->stopping;
	p->n_testing += may;
	return may;
}

static struct err *wait_for(struct pipeline *p, struct arena *a, const struct pipeline_endpoint *e,
			    const char *id, bool *found, struct pipeline_notification *out)
{
	uint64_t until = time_mono_ms() + TEST_WAIT_MS, seen = 0;
	for (bool over = false;;) {
		{
			hold(&p->lock);
			seen = p->n_told;
		}
		TRY(pipeline_notification_get(p, a, str_of(e->id), str_of(id), found, out));
		if (!*found || out->result != RESULT_WAITING || over)
			return NULL;
		hold(&p->lock);
		while (p->n_told == seen && !p->stopping && !over)
			over = !cond_wait_until(&p->told, &p->lock, until);
		over |= p->stopping;
	}
}

struct err *pipeline_endpoint_test(struct pipeline *p, struct arena *a,
				   const struct pipeline_endpoint *e,
				   struct pipeline_notification *out)
{
	const char *id;
	bool found = false;
	TRY(insert_test(p, a, e, &id));
	pipeline_tell_wake(p);
	bool waits = begin_waiting(p);
	struct err *failed =
		waits ? wait_for(p, a, e, id, &found, out)
		      : pipeline_notification_get(p, a, str_of(e->id), str_of(id), &found, out);
	if (waits) {
		hold(&p->lock);
		p->n_testing--;
	}
	TRY(failed);
	return found ? NULL
		     : err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "the endpoint was just removed");
}
