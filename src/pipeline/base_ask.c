/* Asking registries where names lead, a few at a time.
 *
 * A registry that does not answer is asked less and less often, and keeps none of the others from
 * being asked. What was seen last stays known meanwhile. */
#include "pipeline/base_priv.h"

#include <stdlib.h>

#include "base/limits.h"

#define MOST_PAUSE_S   86400
#define MOST_DOUBLINGS 6

int64_t pipeline_base_pause_s(int64_t interval_s, int64_t n_failures)
{
	int64_t longer = interval_s << MIN(n_failures, MOST_DOUBLINGS);
	return MAX(interval_s, MIN(longer, MOST_PAUSE_S));
}

/* ---- each name once ---- */

static int by_time(const void *a, const void *b)
{
	const struct pipeline_base_ask *x = a, *y = b;
	return (x->next_ns > y->next_ns) - (x->next_ns < y->next_ns);
}

static int by_name(const void *a, const void *b)
{
	const struct pipeline_base_ask *x = a, *y = b;
	int r = strcmp(x->name, y->name);
	return r ? r : strcmp(x->scope, y->scope);
}

void pipeline_base_names(struct arena *a, const struct pipeline_base_row *rows, size_t n,
			 struct pipeline_base_ask *out, size_t *n_out)
{
	struct pipeline_base_ask *all = arena_new_array(a, n, struct pipeline_base_ask);
	size_t n_all = 0;
	for (size_t i = 0; i < n; i++)
		out[i] = rows[i].ask;
	if (n)
		qsort(out, n, sizeof(*out), by_name);
	for (size_t i = 0; i < n; i++)
		if (!i || by_name(&out[i], &out[i - 1]) != 0)
			all[n_all++] = out[i];
	if (n_all)
		qsort(all, n_all, sizeof(*all), by_time);
	*n_out = MIN(n_all, LIMIT_BASES_ASKED);
	for (size_t i = 0; i < *n_out; i++)
		out[i] = all[i];
}

/* ---- what came of it ---- */

/* The name may have been another's before: kiln's own host is one of its settings. */
static struct err *begin(struct pipeline *p, const struct pipeline_base_ask *q, struct db_tx **tx)
{
	TRY(db_tx_begin(p->o.db, tx));
	return db_tx_exec(*tx,
			  "DELETE FROM base_image WHERE name = $1 AND (scope = '') <> ($2 = '')",
			  DB_PARAMS(db_cstr(q->name), db_cstr(q->scope)));
}

static int64_t next_look(const struct pipeline *p, int64_t n_failures)
{
	int64_t interval_s = MAX(p->base_interval_s, 1);
	return pipeline_now(p) + pipeline_base_pause_s(interval_s, n_failures) * 1000000000;
}

static struct err *store_digest(struct pipeline *p, const struct pipeline_base_ask *q,
				const struct oci_digest *digest)
{
	own(db_tx) tx = NULL;
	TRY(begin(p, q, &tx));
	TRY(db_tx_exec(tx,
		       "INSERT INTO base_image (scope, name, digest, checked_ns, next_ns,"
		       " n_failures) VALUES ($1, $2, $3, $4, $5, 0)"
		       " ON CONFLICT (scope, name) DO UPDATE SET digest = excluded.digest,"
		       " checked_ns = excluded.checked_ns, next_ns = excluded.next_ns,"
		       " n_failures = 0, error_code = NULL, error_text = NULL, error_remedy = NULL",
		       DB_PARAMS(db_cstr(q->scope), db_cstr(q->name),
				 db_cstr(oci_digest_text(digest).s), db_int(pipeline_now(p)),
				 db_int(next_look(p, 0)))));
	return db_tx_commit(tx);
}

/* What an error without a code of its own is called. */
static void name_failure(const struct err *e, const char **code, const char **remedy)
{
	const char *named = "BASE_UNREACHABLE",
		   *helps = "It is asked again by itself, less and less often.";
	if (e->kind == ERR_NOT_FOUND) {
		named = "BASE_NOT_FOUND";
		helps = "Look at the name and tag of the base image.";
	} else if (e->kind == ERR_DENIED) {
		named = "BASE_DENIED";
		helps = "Make the base image public, or use one that may be pulled.";
	}
	*code = err_code(e) ? err_code(e) : named;
	*remedy = err_remedy(e) ? err_remedy(e) : helps;
}

static struct err *store_failure(struct pipeline *p, const struct pipeline_base_ask *q,
				 const struct err *why)
{
	own(db_tx) tx = NULL;
	own_mem char *text = err_text(why);
	const char *code, *remedy;
	int64_t n = 0;
	name_failure(why, &code, &remedy);
	TRY(begin(p, q, &tx));
	TRY(db_tx_query(tx, "SELECT n_failures FROM base_image WHERE scope = $1 AND name = $2",
			DB_PARAMS(db_cstr(q->scope), db_cstr(q->name)), pipeline_see_int, &n));
	TRY(db_tx_exec(
		tx,
		"INSERT INTO base_image (scope, name, checked_ns, next_ns, n_failures, error_code,"
		" error_text, error_remedy) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (scope, name) DO UPDATE SET checked_ns = excluded.checked_ns,"
		" next_ns = excluded.next_ns, n_failures = excluded.n_failures,"
		" error_code = excluded.error_code, error_text = excluded.error_text,"
		" error_remedy = excluded.error_remedy",
		DB_PARAMS(db_cstr(q->scope), db_cstr(q->name), db_int(pipeline_now(p)),
			  db_int(next_look(p, n + 1)), db_int(n + 1), db_cstr(code), db_cstr(text),
			  db_cstr(remedy))));
	return db_tx_commit(tx);
}

/* One that was ended because the server stops says nothing. */
struct err *pipeline_base_ask(struct pipeline *p, const struct pipeline_base_ask *q)
{
	const struct pipeline_registries *g = p->o.registries;
	struct oci_digest digest;
	own(err) e = g->head(g->arg, q->scope, q->name, &digest);
	if (!e)
		return store_digest(p, q, &digest);
	return e->kind == ERR_CANCELED ? NULL : store_failure(p, q, e);
}
