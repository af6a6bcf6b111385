/* Endpoints: made, changed, removed, and their secrets. */
#include "pipeline/tell_priv.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/limits.h"
#include "base/random.h"
#include "http/url.h"

/* ---- what may be ---- */

static struct err *bad_address(const struct http_url *u, enum http_reach reach)
{
	if (reach == HTTP_REACH_LINK)
		return err_coded(ERR_DENIED, "ENDPOINT_ADDRESS",
				 "Take an address that means the same on every machine.",
				 "%s is a link-local address", u->host);
	return err_coded(ERR_DENIED, "ENDPOINT_ADDRESS",
			 "Who runs the server can allow it: kiln serve --endpoint-private.",
			 "%s is an address of the server's own machine or of a private network",
			 u->host);
}

/* Names that lead to such addresses are found out when they are spoken to. */
static struct err *check_url(struct pipeline *p, struct arena *a, struct str given,
			     const char **out)
{
	done(http_url) u = { 0 };
	if (given.len > LIMIT_ENDPOINT_URL_BYTES)
		return err_coded(ERR_INVALID, "ENDPOINT_URL", NULL,
				 "the URL is longer than %d bytes", LIMIT_ENDPOINT_URL_BYTES);
	struct err *e = http_url_parse(given, &u);
	if (e) {
		own(err) why = e;
		own_mem char *text = err_text(why);
		return err_coded(ERR_INVALID, "ENDPOINT_URL", "Take https://HOST/PATH.",
				 "the URL is not usable: %s", text);
	}
	enum http_reach reach = http_host_reach(str_of(u.host));
	if (reach == HTTP_REACH_LINK || (reach != HTTP_REACH_ALL && !p->o.endpoint_private))
		return bad_address(&u, reach);
	*out = arena_strdup(a, str_of(u.text));
	return NULL;
}

static struct err *check_news(unsigned mask)
{
	if (mask && mask < 1u << NEWS_TEST)
		return NULL;
	return err_coded(ERR_INVALID, "ENDPOINT_EVENTS", "Choose one at least.",
			 "the endpoint is told of no event");
}

/* ---- secrets ---- */

static const char purpose[] = "sign";

/* A new one, and the same sealed. */
static struct err *make_secret(struct pipeline *p, struct arena *a, const char *id,
			       const char **plain, const char **sealed)
{
	own_mem char *text = source_webhook_secret(SOURCE_GENERIC); /* of Standard Webhooks */
	TRY(pipeline_seal(p, a, id, purpose, str_of(text), sealed));
	*plain = arena_strdup(a, str_of(text));
	OPENSSL_cleanse(text, strlen(text));
	return NULL;
}

struct err *pipeline_endpoint_unseal(struct pipeline *p, struct arena *a, const char *id,
				     const char *sealed, struct str *out)
{
	return err_wrap(pipeline_unseal(p, a, id, purpose, sealed, out), "secret of endpoint %s",
			id);
}

/* ---- rows ---- */

#define COLUMNS                                                                            \
	"id, repository_id, url, format, events, secret IS NOT NULL, enabled, off_reason," \
	" n_failures, last_ns, last_status, last_error, created_ns, updated_ns"

struct rows {
	struct arena *a;
	struct pipeline_endpoint *v;
	size_t n;
};

static unsigned mask_of(struct str names)
{
	unsigned mask = 0;
	enum pipeline_news one;
	while (names.p)
		if (pipeline_news_parse(str_cut(&names, ' '), &one))
			mask |= 1u << one;
	return mask;
}

static const char *names_of(struct arena *a, unsigned mask)
{
	struct buf b;
	buf_init(&b, 1000);
	for (unsigned i = 0; i < NEWS_TEST; i++)
		if (mask & (1u << i))
			buf_printf(&b, "%s%s", b.len ? " " : "", pipeline_news_name(i));
	own_mem char *text = buf_steal(&b);
	return arena_strdup(a, str_of(text));
}

static bool see_endpoint(void *arg, struct db_row *r)
{
	struct rows *rows = arg;
	struct arena *a = rows->a;
	struct pipeline_endpoint *e = &rows->v[rows->n++];
	*e = (struct pipeline_endpoint){
		.id = arena_strdup(a, db_row_text(r, 0)),
		.repository_id = arena_strdup(a, db_row_text(r, 1)),
		.url = arena_strdup(a, db_row_text(r, 2)),
		.news = mask_of(db_row_text(r, 4)),
		.is_signed = db_row_int(r, 5) != 0,
		.enabled = db_row_int(r, 6) != 0,
		.off_reason = pipeline_row_text(a, r, 7),
		.n_failures = (uint32_t)db_row_int(r, 8),
		.last_ns = db_row_int(r, 9),
		.last_status = (int)db_row_int(r, 10),
		.last_error = pipeline_row_text(a, r, 11),
		.created_ns = db_row_int(r, 12),
		.updated_ns = db_row_int(r, 13),
	};
	if (!pipeline_format_parse(db_row_text(r, 3), &e->format))
		e->format = PIPELINE_CLOUDEVENTS;
	return rows->n < LIMIT_ENDPOINTS;
}

struct err *pipeline_endpoint_list(struct pipeline *p, struct arena *a, struct str repository_id,
				   struct pipeline_endpoint **out, size_t *n)
{
	struct rows rows = { .a = a,
			     .v = arena_new_array(a, LIMIT_ENDPOINTS, struct pipeline_endpoint) };
	TRY(db_query(p->o.db,
		     "SELECT " COLUMNS " FROM endpoint WHERE repository_id = $1"
		     " ORDER BY created_ns, id",
		     DB_PARAMS(db_text(repository_id)), see_endpoint, &rows));
	*out = rows.v;
	*n = rows.n;
	return NULL;
}

struct err *pipeline_endpoint_get(struct pipeline *p, struct arena *a, struct str repository_id,
				  struct str id, bool *found, struct pipeline_endpoint *out)
{
	struct rows rows = { .a = a, .v = out };
	TRY(db_query(p->o.db,
		     "SELECT " COLUMNS " FROM endpoint WHERE repository_id = $1 AND id = $2",
		     DB_PARAMS(db_text(repository_id), db_text(id)), see_endpoint, &rows));
	*found = rows.n > 0;
	return NULL;
}

/* ---- create ---- */

static struct err *check_number(struct db_tx *tx, struct str repository_id)
{
	int64_t n = 0;
	TRY(db_tx_query(tx, "SELECT COUNT(*) FROM endpoint WHERE repository_id = $1",
			DB_PARAMS(db_text(repository_id)), pipeline_see_int, &n));
	if (n < LIMIT_ENDPOINTS)
		return NULL;
	return err_coded(ERR_CONFLICT, "TOO_MANY_ENDPOINTS", "Delete one that is not needed.",
			 "the repository has %d endpoints", LIMIT_ENDPOINTS);
}

struct err *pipeline_endpoint_create(struct pipeline *p, struct arena *a, struct str repository_id,
				     const struct pipeline_endpoint_change *c,
				     struct pipeline_endpoint *out, const char **secret)
{
	struct pipeline_endpoint e = { .id = arena_strdup(a, str_of(random_id("whe-").s)),
				       .repository_id = arena_strdup(a, repository_id),
				       .format = *c->format,
				       .news = *c->news,
				       .is_signed = *c->is_signed,
				       .enabled = *c->enabled,
				       .created_ns = pipeline_now(p) };
	const char *sealed = NULL;
	own(db_tx) tx = NULL;
	e.updated_ns = e.created_ns;
	*secret = NULL;
	TRY(check_url(p, a, *c->url, &e.url));
	TRY(check_news(e.news));
	if (e.is_signed)
		TRY(make_secret(p, a, e.id, secret, &sealed));
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(check_number(tx, repository_id));
	TRY(db_tx_exec(tx,
		       "INSERT INTO endpoint (id, repository_id, url, format, events, secret,"
		       " enabled, n_failures, created_ns, updated_ns)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $8)",
		       DB_PARAMS(db_cstr(e.id), db_cstr(e.repository_id), db_cstr(e.url),
				 db_cstr(pipeline_format_name(e.format)),
				 db_cstr(names_of(a, e.news)), pipeline_text(sealed),
				 db_int(e.enabled), db_int(e.created_ns))));
	TRY(db_tx_commit(tx));
	*out = e;
	return NULL;
}

/* ---- update ---- */

struct err *pipeline_endpoint_give_up(struct pipeline *p, struct db_tx *tx, const char *id)
{
	return db_tx_exec(tx,
			  "UPDATE notification SET result = 'failed', next_ns = NULL,"
			  " ended_ns = $2 WHERE endpoint_id = $1 AND result = 'waiting'",
			  DB_PARAMS(db_cstr(id), db_int(pipeline_now(p))));
}

struct old {
	bool found, is_signed;
};

static bool see_old(void *arg, struct db_row *r)
{
	*(struct old *)arg = (struct old){ .found = true, .is_signed = db_row_int(r, 0) != 0 };
	return false;
}

static struct err *store_secret(struct db_tx *tx, const char *id, const char *sealed, bool beside,
				int64_t now_ns)
{
	return db_tx_exec(tx,
			  "UPDATE endpoint SET secret_before = CASE WHEN $3 = 1 THEN secret END,"
			  " secret = $2, rotated_ns = $4 WHERE id = $1",
			  DB_PARAMS(db_cstr(id), pipeline_text(sealed), db_int(beside),
				    beside ? db_int(now_ns) : db_null()));
}

/* What the change says of the secret. */
static struct err *change_secret(struct pipeline *p, struct db_tx *tx, struct arena *a,
				 const char *id, const struct old *old,
				 const struct pipeline_endpoint_change *c, const char **secret)
{
	const char *sealed = NULL;
	bool wanted = c->is_signed ? *c->is_signed : old->is_signed;
	bool new_one = c->new_secret || (wanted && !old->is_signed);
	if (new_one) {
		TRY(make_secret(p, a, id, secret, &sealed));
		return store_secret(tx, id, sealed, old->is_signed, pipeline_now(p));
	}
	return wanted == old->is_signed ? NULL : store_secret(tx, id, NULL, false, 0);
}

/* One that is switched on again, or leads elsewhere, begins anew. */
static struct err *change_state(struct pipeline *p, struct db_tx *tx, const char *id,
				const struct pipeline_endpoint_change *c)
{
	if ((c->enabled && *c->enabled) || c->url)
		TRY(db_tx_exec(tx, "UPDATE endpoint SET n_failures = 0 WHERE id = $1",
			       DB_PARAMS(db_cstr(id))));
	if (!c->enabled)
		return NULL;
	TRY(db_tx_exec(tx, "UPDATE endpoint SET enabled = $2, off_reason = NULL WHERE id = $1",
		       DB_PARAMS(db_cstr(id), db_int(*c->enabled))));
	return *c->enabled ? NULL : pipeline_endpoint_give_up(p, tx, id);
}

struct err *pipeline_endpoint_update(struct pipeline *p, struct arena *a, struct str id,
				     const struct pipeline_endpoint_change *c, const char **secret)
{
	struct old old = { 0 };
	const char *url = NULL, *key = arena_strdup(a, id);
	own(db_tx) tx = NULL;
	*secret = NULL;
	if (c->url)
		TRY(check_url(p, a, *c->url, &url));
	if (c->news)
		TRY(check_news(*c->news));
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "SELECT secret IS NOT NULL FROM endpoint WHERE id = $1",
			DB_PARAMS(db_text(id)), see_old, &old));
	if (!old.found)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no endpoint %s", key);
	TRY(change_secret(p, tx, a, key, &old, c, secret));
	TRY(change_state(p, tx, key, c));
	TRY(db_tx_exec(tx,
		       "UPDATE endpoint SET url = COALESCE($2, url),"
		       " format = COALESCE($3, format), events = COALESCE($4, events),"
		       " updated_ns = $5 WHERE id = $1",
		       DB_PARAMS(db_cstr(key), pipeline_text(url),
				 pipeline_text(c->format ? pipeline_format_name(*c->format) : NULL),
				 pipeline_text(c->news ? names_of(a, *c->news) : NULL),
				 db_int(pipeline_now(p)))));
	return db_tx_commit(tx);
}

struct err *pipeline_endpoint_delete(struct pipeline *p, struct str id, bool *found)
{
	own(db_tx) tx = NULL;
	*found = false;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "DELETE FROM endpoint WHERE id = $1 RETURNING 1",
			DB_PARAMS(db_text(id)), pipeline_see_row, found));
	return db_tx_commit(tx);
}
