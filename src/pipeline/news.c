/* From what happened to the notifications of it, each in a transaction with its cause. */
#include "pipeline/tell_priv.h"

#include "base/limits.h"
#include "base/random.h"

#define TAGS_AT_ONCE 100

/* ---- one notification ---- */

static struct err *prune(struct db_tx *tx, const char *endpoint_id)
{
	return db_tx_exec(tx,
			  "DELETE FROM notification WHERE endpoint_id = $1 AND seq <="
			  " (SELECT seq FROM notification WHERE endpoint_id = $1"
			  " ORDER BY seq DESC LIMIT 1 OFFSET $2)",
			  DB_PARAMS(db_cstr(endpoint_id), db_int(LIMIT_NOTIFICATIONS)));
}

struct err *pipeline_notice_insert(struct pipeline *p, struct db_tx *tx, struct arena *a,
				   const struct pipeline_notice *n, const char *endpoint_id,
				   enum pipeline_format f, int64_t next_ns, const char **id)
{
	const char *key = arena_strdup(a, str_of(random_id("whn-").s));
	own_mem char *body = pipeline_notice_body(n, f, key);
	TRY(db_tx_exec(
		tx,
		"INSERT INTO notification (id, seq, endpoint_id, event, subject,"
		" content_type, body, result, n_attempts, n_tries, next_ns, created_ns)"
		" VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM notification), $2, $3,"
		" $4, $5, $6, 'waiting', 0, 0, $7, $8)",
		DB_PARAMS(db_cstr(key), db_cstr(endpoint_id), db_cstr(pipeline_news_name(n->news)),
			  db_cstr(pipeline_notice_subject(n)), db_cstr(pipeline_notice_type(f)),
			  db_cstr(body), db_int(next_ns), db_int(pipeline_now(p)))));
	if (id)
		*id = key;
	__atomic_store_n(&p->have_news, true, __ATOMIC_RELEASE);
	return prune(tx, endpoint_id);
}

/* ---- whom to tell ---- */

struct wanted {
	struct arena *a;
	struct {
		const char *id;
		enum pipeline_format format;
	} v[LIMIT_ENDPOINTS];
	size_t n;
};

static bool see_wanted(void *arg, struct db_row *r)
{
	struct wanted *w = arg;
	enum pipeline_format f;
	if (pipeline_format_parse(db_row_text(r, 1), &f)) {
		w->v[w->n].id = arena_strdup(w->a, db_row_text(r, 0));
		w->v[w->n++].format = f;
	}
	return w->n < ARRAY_LEN(w->v);
}

static struct err *tell(struct pipeline *p, struct db_tx *tx, struct arena *a,
			const char *repository_id, struct pipeline_notice *n)
{
	struct wanted w = { .a = a };
	own_mem char *word = mem_printf(" %s ", pipeline_news_name(n->news));
	TRY(db_tx_query(tx,
			"SELECT id, format FROM endpoint WHERE repository_id = $1 AND enabled <> 0"
			" AND REPLACE(' ' || events || ' ', $2, '') <> ' ' || events || ' '",
			DB_PARAMS(db_cstr(repository_id), db_cstr(word)), see_wanted, &w));
	n->external_url = p->o.external_url;
	for (size_t i = 0; i < w.n; i++)
		TRY(pipeline_notice_insert(p, tx, a, n, w.v[i].id, w.v[i].format, pipeline_now(p),
					   NULL));
	return NULL;
}

/* ---- builds ---- */

static bool news_of(enum pipeline_status s, enum pipeline_news *out)
{
	switch (s) {
	case PIPELINE_PENDING:
		return false;
	case PIPELINE_BUILDING:
		*out = NEWS_BUILD_STARTED;
		return true;
	case PIPELINE_SUCCESS:
		*out = NEWS_BUILD_SUCCEEDED;
		return true;
	case PIPELINE_FAILED:
		*out = NEWS_BUILD_FAILED;
		return true;
	case PIPELINE_CANCELED:
		*out = NEWS_BUILD_CANCELED;
		return true;
	}
	return false;
}

struct err *pipeline_news_of_build(struct pipeline *p, struct db_tx *tx,
				   const struct pipeline_record *r)
{
	struct pipeline_notice n = { .repository = r->b.repository,
				     .time_ns = pipeline_now(p),
				     .build = r };
	if (!news_of(r->b.status, &n.news))
		return NULL;
	own(arena) a = arena_open(PIPELINE_TELL_ARENA_BYTES);
	return tell(p, tx, a, r->b.repository_id, &n);
}

/* ---- tags ---- */

struct tag_event {
	int64_t seq, time_ns;
	const char *repository_id, *repository, *tag, *digest;
	enum pipeline_news news;
};
struct tag_events {
	struct arena *a;
	struct tag_event v[TAGS_AT_ONCE];
	size_t n;
};

static bool see_tag_event(void *arg, struct db_row *r)
{
	struct tag_events *l = arg;
	struct tag_event *e = &l->v[l->n++];
	*e = (struct tag_event){ .seq = db_row_int(r, 0),
				 .repository_id = arena_strdup(l->a, db_row_text(r, 1)),
				 .repository = arena_strdup(l->a, db_row_text(r, 2)),
				 .tag = arena_strdup(l->a, db_row_text(r, 4)),
				 .digest = arena_strdup(l->a, db_row_text(r, 5)),
				 .time_ns = db_row_int(r, 6) };
	if (!pipeline_news_parse(db_row_text(r, 3), &e->news))
		e->news = NEWS_TAG_WRITTEN;
	return l->n < TAGS_AT_ONCE;
}

static struct err *some_tags(struct pipeline *p, size_t *n)
{
	own(arena) a = arena_open(PIPELINE_TELL_ARENA_BYTES);
	struct tag_events *l = arena_new(a, struct tag_events);
	own(db_tx) tx = NULL;
	l->a = a;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx,
			"SELECT t.seq, t.repository_id, i.full_name, t.event, t.tag, t.digest,"
			" t.time_ns FROM tag_event t JOIN image_repository i"
			" ON i.id = t.repository_id ORDER BY t.seq LIMIT $1",
			DB_PARAMS(db_int(TAGS_AT_ONCE)), see_tag_event, l));
	for (size_t i = 0; i < l->n; i++) {
		struct tag_event *e = &l->v[i];
		struct pipeline_notice notice = { .news = e->news,
						  .repository = e->repository,
						  .time_ns = e->time_ns,
						  .tag = e->tag,
						  .digest = e->digest };
		TRY(tell(p, tx, a, e->repository_id, &notice));
	}
	if (l->n)
		TRY(db_tx_exec(tx, "DELETE FROM tag_event WHERE seq <= $1",
			       DB_PARAMS(db_int(l->v[l->n - 1].seq))));
	*n = l->n;
	return db_tx_commit(tx);
}

struct err *pipeline_news_of_tags(struct pipeline *p)
{
	bool any = false;
	TRY(db_query(p->o.db, "SELECT 1 FROM tag_event LIMIT 1", DB_NO_PARAMS, pipeline_see_row,
		     &any));
	for (size_t n = TAGS_AT_ONCE; any && n == TAGS_AT_ONCE;)
		TRY(some_tags(p, &n));
	return NULL;
}
