/* The thread that has notifications sent, and the requests themselves.
 *
 * 1. It looks once a second, and when something happened in this process: another one may have
 *    written tags.
 * 2. An endpoint has one place among those that are spoken to; those that failed the last time have
 *    half of the places at most, so that those who answer are never behind those who do not.
 * 3. A result is stored with what follows from it in one transaction. Without one (the server was
 *    killed, or is ending) the notification is still due. */
#include "pipeline/report_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "base/time.h"
#include "http/client.h"
#include "http/url.h"

#define PLACES         16
#define PLACES_FAILING (PLACES / 2)
#define MOST_DUE       256
#define LOOK_MS        1000
#define REQUEST_MS     10000
#define FIRST_WAIT_MS  10000
#define PRUNE_EVERY_MS 3600000
#define KEEP_NS        ((int64_t)30 * 86400 * 1000000000)
#define STATUS_GONE    410

/* ---- one request ---- */

struct telling {
	const char *id, *endpoint_id, *url, *content_type, *secret, *secret_before;
	struct str body;
	bool found;
	int64_t rotated_ns;
};
struct row_of {
	struct arena *a;
	struct telling *t;
};

static bool see_telling(void *arg, struct db_row *r)
{
	struct row_of *o = arg;
	*o->t = (struct telling){ .found = true,
				  .id = arena_strdup(o->a, db_row_text(r, 0)),
				  .endpoint_id = arena_strdup(o->a, db_row_text(r, 1)),
				  .url = arena_strdup(o->a, db_row_text(r, 2)),
				  .content_type = arena_strdup(o->a, db_row_text(r, 3)),
				  .secret = pipeline_row_text(o->a, r, 4),
				  .secret_before = pipeline_row_text(o->a, r, 5),
				  .body = arena_str(o->a, db_row_text(r, 6)),
				  .rotated_ns = db_row_int(r, 7) };
	return false;
}

#define DUE "n.next_ns IS NOT NULL AND (n.next_ns <= $1 OR n.next_ns > $2)"

static struct err *load(struct pipeline *p, struct arena *a, const char *endpoint_id,
			struct telling *out)
{
	struct row_of o = { .a = a, .t = out };
	int64_t now = pipeline_now(p);
	return db_query(
		p->o.db,
		"SELECT n.id, e.id, e.url, n.content_type, e.secret, e.secret_before,"
		" n.body, e.rotated_ns FROM notification n"
		" JOIN endpoint e ON e.id = n.endpoint_id WHERE " DUE " AND e.id = $3"
		" ORDER BY n.next_ns, n.seq LIMIT 1",
		DB_PARAMS(db_int(now), db_int(now + PIPELINE_TELL_FAR_NS), db_cstr(endpoint_id)),
		see_telling, &o);
}

static struct err *add_signature(struct pipeline *p, struct arena *a, const struct telling *t,
				 const char *sealed, int64_t now_s, struct buf *b)
{
	struct pipeline_signature s;
	struct str secret;
	TRY(pipeline_endpoint_unseal(p, a, t->endpoint_id, sealed, &secret));
	TRY(pipeline_sign(secret, t->id, now_s, t->body, &s));
	buf_printf(b, "%s%s", b->len ? " " : "", s.s);
	return NULL;
}

/* `*out`: the value of webhook-signature, in the arena; NULL: it is not signed. */
static struct err *sign(struct pipeline *p, struct arena *a, const struct telling *t,
			int64_t now_ns, const char **out)
{
	done(buf) b;
	buf_init(&b, 1000);
	*out = NULL;
	if (!t->secret)
		return NULL;
	TRY(add_signature(p, a, t, t->secret, now_ns / 1000000000, &b));
	if (t->secret_before &&
	    now_ns - t->rotated_ns < (int64_t)PIPELINE_SECOND_SECRET_S * 1000000000)
		TRY(add_signature(p, a, t, t->secret_before, now_ns / 1000000000, &b));
	*out = arena_strdup(a, buf_str(&b));
	return NULL;
}

static struct err *take_status(void *arg, const struct http_response *r)
{
	struct pipeline_answer *w = arg;
	w->status = r->status;
	w->limited = http_response_field(r, "retry-after").len ||
		     str_eq(http_response_field(r, "x-ratelimit-remaining"), STR("0"));
	return NULL;
}

/* What is behind the first bytes is not waited for: the status has said it. */
static struct err *take_body(void *arg, const void *data, size_t len)
{
	struct pipeline_answer *w = arg;
	buf_add(&w->response, str_n(data, MIN(len, w->response.max - w->response.len)));
	return w->response.len < w->response.max ? NULL : err_new(ERR_LIMIT, "enough");
}

void pipeline_answer_done(struct pipeline_answer *w)
{
	buf_done(&w->response);
	free(w->error);
}

struct err *pipeline_tell_send(struct pipeline *p, const char *url_text, struct http_request *q,
			       struct pipeline_answer *w)
{
	done(http_url) url = { 0 };
	struct http_response r = { 0 };
	TRY(http_url_parse(str_of(url_text), &url));
	q->method = "POST";
	q->url = url.text;
	q->no_redirect = true;
	q->timeout_ms = REQUEST_MS;
	q->has_body = true;
	q->begin = take_status;
	q->sink = take_body;
	q->arg = w;
	struct err *e = http_client_send(p->teller_client, q, &r);
	if (!e && !w->status) { /* not 2xx */
		take_status(w, &r);
		buf_add(&w->response, str_first(str_n(r.body, r.body_len), w->response.max));
	}
	http_response_done(&r);
	return err_wrap(e, "%s", url.host);
}

static struct err *send_it(struct pipeline *p, const struct telling *t, const char *signature,
			   struct pipeline_answer *w)
{
	own_mem char *type = mem_printf("Content-Type: %s", t->content_type);
	own_mem char *id = mem_printf("webhook-id: %s", t->id);
	own_mem char *at =
		mem_printf("webhook-timestamp: %lld", (long long)(w->started_ns / 1000000000));
	own_mem char *signed_ = mem_printf("webhook-signature: %s", signature ? signature : "");
	const char *headers[] = { type, id, at, signature ? signed_ : NULL, NULL };
	struct http_request q = { .headers = headers,
				  .refuse_link = true,
				  .refuse_private = !p->o.endpoint_private,
				  .body = t->body };
	return pipeline_tell_send(p, t->url, &q, w);
}

char *pipeline_tell_text(struct str s)
{
	struct buf b;
	buf_init(&b, 3 * s.len + 1);
	for (size_t i = 0; i < s.len;) {
		size_t n = 1;
		while (n < 4 && i + n < s.len && !str_is_utf8(str_n(s.p + i, n)))
			n++;
		bool good = str_is_utf8(str_n(s.p + i, n)) && s.p[i] != '\0';
		if (good)
			buf_add(&b, str_n(s.p + i, n));
		else
			buf_add(&b, STR("\xef\xbf\xbd"));
		i += good ? n : 1;
	}
	return buf_steal(&b);
}

static void ask(struct pipeline *p, struct arena *a, const struct telling *t,
		struct pipeline_answer *w)
{
	const char *signature = NULL;
	uint64_t began = time_mono_ms();
	w->started_ns = pipeline_now(p);
	buf_init(&w->response, LIMIT_NOTIFICATION_RESPONSE_BYTES);
	struct err *e = sign(p, a, t, w->started_ns, &signature);
	if (!e)
		e = send_it(p, t, signature, w);
	w->took_ms = time_mono_ms() - began;
	w->canceled = e && e->kind == ERR_CANCELED;
	bool good = w->status / 100 == 2;
	own_mem char *text = e ? err_text(e) : NULL;
	if (e && !good)
		w->error = pipeline_tell_text(str_of(text));
	else if (!good && w->status / 100 == 3)
		w->error = mem_printf("it answered %d: redirects are not followed", w->status);
	else if (!good)
		w->error = mem_printf("it answered %d", w->status);
	err_free(e);
}

/* ---- what came of it ---- */

struct state {
	bool found, enabled, is_test;
	int64_t n_attempts, n_tries;
};

static bool see_state(void *arg, struct db_row *r)
{
	*(struct state *)arg = (struct state){ .found = true,
					       .n_attempts = db_row_int(r, 0),
					       .n_tries = db_row_int(r, 1),
					       .is_test = str_eq(db_row_text(r, 2), STR("test")),
					       .enabled = db_row_int(r, 3) != 0 };
	return false;
}

static struct err *store_attempt(struct db_tx *tx, const struct telling *t,
				 const struct pipeline_answer *w, int64_t number)
{
	own_mem char *text = pipeline_tell_text(
		str_first(buf_str(&w->response), str_whole_chars(buf_str(&w->response))));
	TRY(db_tx_exec(tx,
		       "INSERT INTO notification_attempt (notification_id, number, started_ns,"
		       " took_ms, status, error, response) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		       DB_PARAMS(db_cstr(t->id), db_int(number), db_int(w->started_ns),
				 db_int(w->took_ms), w->status ? db_int(w->status) : db_null(),
				 pipeline_text(w->error), db_cstr(text ? text : ""))));
	return db_tx_exec(tx,
			  "DELETE FROM notification_attempt WHERE notification_id = $1"
			  " AND number <= $2",
			  DB_PARAMS(db_cstr(t->id), db_int(number - LIMIT_NOTIFICATION_ATTEMPTS)));
}

int64_t pipeline_tell_next_ns(struct pipeline *p, int64_t n_tries)
{
	uint32_t chance;
	random_bytes(&chance, sizeof(chance));
	uint64_t first = p->o.endpoint_retry_ms ? p->o.endpoint_retry_ms : FIRST_WAIT_MS;
	uint64_t ms = pipeline_tell_wait_ms(first, (unsigned)n_tries + 1, chance);
	return ms ? pipeline_now(p) + (int64_t)ms * 1000000 : 0;
}

/* 0: it is not sent any more. */
static int64_t next_try(struct pipeline *p, const struct state *s, const struct pipeline_answer *w)
{
	if (!w->error || s->is_test || !s->enabled || w->status == STATUS_GONE)
		return 0;
	return pipeline_tell_next_ns(p, s->n_tries);
}

static struct err *store_result(struct pipeline *p, struct db_tx *tx, const struct telling *t,
				const struct pipeline_answer *w, int64_t next_ns)
{
	const char *result = !w->error ? "delivered" : next_ns ? "waiting" : "failed";
	TRY(db_tx_exec(tx,
		       "UPDATE notification SET result = $2, n_attempts = n_attempts + 1,"
		       " n_tries = n_tries + 1, next_ns = $3, ended_ns = $4 WHERE id = $1",
		       DB_PARAMS(db_cstr(t->id), db_cstr(result), pipeline_time(next_ns),
				 next_ns ? db_null() : db_int(pipeline_now(p)))));
	return db_tx_exec(tx,
			  "UPDATE endpoint SET last_ns = $2, last_status = $3, last_error = $4,"
			  " n_failures = CASE WHEN $5 = 1 THEN n_failures + 1 ELSE 0 END"
			  " WHERE id = $1",
			  DB_PARAMS(db_cstr(t->endpoint_id), db_int(w->started_ns),
				    w->status ? db_int(w->status) : db_null(),
				    pipeline_text(w->error), db_int(w->error != NULL)));
}

static struct err *switch_off(struct pipeline *p, struct db_tx *tx, const struct telling *t)
{
	TRY(db_tx_exec(
		tx, "UPDATE endpoint SET enabled = 0, off_reason = $2 WHERE id = $1",
		DB_PARAMS(db_cstr(t->endpoint_id),
			  db_cstr("It answered 410 Gone: it wants no more notifications."))));
	return pipeline_endpoint_give_up(p, tx, t->endpoint_id);
}

/* Nothing where it was deleted meanwhile. */
static struct err *store(struct pipeline *p, const struct telling *t,
			 const struct pipeline_answer *w, bool *off)
{
	struct state s = { 0 };
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx,
			"SELECT n.n_attempts, n.n_tries, n.event, e.enabled FROM notification n"
			" JOIN endpoint e ON e.id = n.endpoint_id WHERE n.id = $1",
			DB_PARAMS(db_cstr(t->id)), see_state, &s));
	if (!s.found)
		return NULL;
	TRY(store_attempt(tx, t, w, s.n_attempts + 1));
	TRY(store_result(p, tx, t, w, next_try(p, &s, w)));
	*off = w->status == STATUS_GONE && s.enabled;
	if (*off)
		TRY(switch_off(p, tx, t));
	return db_tx_commit(tx);
}

static void tell_of_end(struct pipeline *p, const struct telling *t)
{
	struct auth_principal kiln = { .kind = AUTH_SYSTEM, .name = "system" };
	log_warn("an endpoint is switched off: it answered 410",
		 log_str("endpoint", t->endpoint_id));
	auth_audit(p->o.auth, &kiln, NULL, "endpoint.off", str_of(t->endpoint_id),
		   "{\"status\":410}");
}

static struct err *tell_next(struct pipeline *p, const char *endpoint_id)
{
	own(arena) a = arena_open(PIPELINE_TELL_ARENA_BYTES);
	struct telling t = { .found = false };
	struct pipeline_answer w = { .status = 0 };
	bool off = false;
	TRY(load(p, a, endpoint_id, &t));
	if (!t.found)
		return NULL;
	ask(p, a, &t, &w);
	struct err *e = w.canceled ? NULL : store(p, &t, &w, &off);
	if (!e && off)
		tell_of_end(p, &t);
	pipeline_answer_done(&w);
	return e;
}

/* ---- places ---- */

struct pipeline_place { /* an endpoint, or a provider for a repository, that is spoken to */
	struct pipeline *p;
	const struct pipeline_tell_kind *kind;
	char id[40];
	bool failing;
	struct pipeline_place *next;
};

static void leave(struct pipeline_place *k, bool look_again)
{
	struct pipeline *p = k->p;
	hold(&p->lock);
	struct pipeline_place **at = &p->places;
	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	p->n_told++;
	p->tell_now |= look_again;
	cond_signal(&p->tell);
	cond_broadcast(&p->told);
	free(k);
}

static void run_place(void *arg)
{
	struct pipeline_place *k = arg;
	struct err *e = k->kind->step(k->p, k->id);
	bool well = !e;
	if (e)
		log_err(LOG_LEVEL_WARN, "what came of a request is not stored", e);
	leave(k, well);
}

static struct pipeline_place *take_locked(struct pipeline *p, const struct pipeline_tell_kind *kind,
					  const char *id, bool failing)
{
	size_t n = 0, n_failing = 0;
	for (struct pipeline_place *k = p->places; k; k = k->next) {
		if (strcmp(k->id, id) == 0)
			return NULL;
		n++;
		n_failing += k->failing;
	}
	if (p->closing || n >= PLACES || (failing && n_failing >= PLACES_FAILING))
		return NULL;
	struct pipeline_place *k = mem_new(struct pipeline_place);
	k->p = p;
	k->kind = kind;
	k->failing = failing;
	pipeline_copy_id(k->id, sizeof(k->id), str_of(id));
	k->next = p->places;
	p->places = k;
	return k;
}

struct due {
	struct {
		char id[40];
		bool failing;
	} v[MOST_DUE];
	size_t n;
};

static bool see_due(void *arg, struct db_row *r)
{
	struct due *d = arg;
	pipeline_copy_id(d->v[d->n].id, sizeof(d->v[d->n].id), db_row_text(r, 0));
	d->v[d->n++].failing = db_row_int(r, 1) != 0;
	return d->n < MOST_DUE;
}

static void start(struct pipeline *p, const struct pipeline_tell_kind *kind, const char *id,
		  bool failing)
{
	struct pipeline_place *k;
	{
		hold(&p->lock);
		k = take_locked(p, kind, id, failing);
	}
	if (k)
		pool_add(p->tellers, run_place, k);
}

static const struct pipeline_tell_kind notification_kind = {
	.due_sql = "SELECT e.id, e.n_failures > 0, MIN(n.next_ns) FROM notification n"
		   " JOIN endpoint e ON e.id = n.endpoint_id WHERE " DUE
		   " GROUP BY e.id, e.n_failures ORDER BY 2, 3",
	.next_sql = "SELECT MIN(next_ns) FROM notification WHERE next_ns > $1",
	.step = tell_next,
};
static const struct pipeline_tell_kind *const kinds[] = { &notification_kind,
							  &pipeline_report_kind };

static struct err *start_due(struct pipeline *p)
{
	own_mem struct due *d = mem_new(struct due);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		int64_t now = pipeline_now(p);
		d->n = 0;
		TRY(db_query(p->o.db, kinds[k]->due_sql,
			     DB_PARAMS(db_int(now), db_int(now + PIPELINE_TELL_FAR_NS)), see_due,
			     d));
		for (size_t i = 0; i < d->n; i++)
			start(p, kinds[k], d->v[i].id, d->v[i].failing);
	}
	return NULL;
}

/* ---- the thread ---- */

void pipeline_tell_wake(struct pipeline *p)
{
	hold(&p->lock);
	p->tell_now = true;
	cond_signal(&p->tell);
}

static struct err *prune_old(struct pipeline *p, uint64_t *next_ms)
{
	if (time_mono_ms() < *next_ms)
		return NULL;
	*next_ms = time_mono_ms() + PRUNE_EVERY_MS;
	return db_exec(p->o.db, "DELETE FROM notification WHERE created_ns < $1",
		       DB_PARAMS(db_int(pipeline_now(p) - KEEP_NS)));
}

/* How long nothing is to be done, as far as this process knows. What is due and was not begun waits
 * for a place, whose end wakes us. */
static struct err *find_wait(struct pipeline *p, uint64_t *ms)
{
	int64_t now = pipeline_now(p);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		int64_t next_ns = 0;
		TRY(db_query(p->o.db, kinds[k]->next_sql, DB_PARAMS(db_int(now)), pipeline_see_int,
			     &next_ns));
		if (next_ns)
			*ms = MIN(*ms, (uint64_t)(next_ns - now) / 1000000 + 1);
	}
	return NULL;
}

static struct err *look(struct pipeline *p, uint64_t *prune_ms, uint64_t *wait_ms)
{
	TRY(pipeline_news_of_tags(p));
	TRY(start_due(p));
	TRY(prune_old(p, prune_ms));
	return find_wait(p, wait_ms);
}

void *pipeline_teller(void *arg)
{
	struct pipeline *p = arg;
	uint64_t prune_ms = 0;
	for (;;) {
		uint64_t wait_ms = LOOK_MS;
		struct err *e = look(p, &prune_ms, &wait_ms);
		bool failed = e != NULL;
		if (e)
			log_err(LOG_LEVEL_WARN, "notifications cannot be sent", e);
		uint64_t until = time_mono_ms() + wait_ms;
		hold(&p->lock);
		while (!p->closing && (failed || !p->tell_now) &&
		       cond_wait_until(&p->tell, &p->lock, until))
			;
		p->tell_now = false;
		if (p->closing)
			return NULL;
	}
}

struct err *pipeline_tell_open(struct pipeline *p)
{
	TRY(http_client_open(
		&(struct http_client_options){ .canceled = pipeline_is_closing, .arg = p },
		&p->teller_client));
	return pool_open("pipeline-tell", PLACES, &p->tellers);
}

void pipeline_tell_close(struct pipeline *p)
{
	pool_free(p->tellers);
	http_client_free(p->teller_client);
}
