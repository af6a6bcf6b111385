/* The log of every change. Numbers without a gap: one is drawn in the transaction that writes. */
#include "auth/auth_priv.h"

#include "base/log.h"

static bool see_seq(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return true;
}

static struct err *append(struct db_tx *tx, const struct db_param *p, size_t n)
{
	int64_t seq = 1;
	struct db_param with_seq[8];
	TRY(db_tx_query(tx, "SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_log", DB_NO_PARAMS,
			see_seq, &seq));
	with_seq[0] = db_int(seq);
	memcpy(with_seq + 1, p, n * sizeof(*p));
	return db_tx_exec(tx,
			  "INSERT INTO audit_log (seq, time_ns, actor, remote, action, target,"
			  " detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			  with_seq, n + 1);
}

struct err *auth_audit_in(struct auth *a, struct db_tx *tx, const struct auth_principal *who,
			  const char *remote, const char *action, struct str target,
			  const char *detail)
{
	struct str d = str_of(detail ? detail : "{}");
	if (d.len > LIMIT_AUDIT_DETAIL_BYTES)
		d = STR("{\"cut\":true}");
	const struct db_param p[] = {
		db_int(a->tuning.unix_ns()),          db_cstr(who->name),
		db_cstr(remote ? remote : ""),        db_cstr(action),
		db_text(target.p ? target : STR("")), db_text(d),
	};
	return append(tx, p, ARRAY_LEN(p));
}

void auth_audit(struct auth *a, const struct auth_principal *who, const char *remote,
		const char *action, struct str target, const char *detail)
{
	own(db_tx) tx = NULL;
	struct err *e = db_tx_begin(a->db, &tx);
	if (!e)
		e = auth_audit_in(a, tx, who, remote, action, target, detail);
	if (!e)
		e = db_tx_commit(tx);
	if (e)
		log_err(LOG_LEVEL_ERROR, "a change is not in the audit log", e);
}

struct gathered {
	struct arena *m;
	struct auth_audit_entry *list;
	size_t n;
};

static bool gather(void *arg, struct db_row *r)
{
	struct gathered *g = arg;
	g->list[g->n++] = (struct auth_audit_entry){
		.seq = db_row_int(r, 0),
		.time_ns = db_row_int(r, 1),
		.actor = arena_strdup(g->m, db_row_text(r, 2)),
		.remote = arena_strdup(g->m, db_row_text(r, 3)),
		.action = arena_strdup(g->m, db_row_text(r, 4)),
		.target = arena_strdup(g->m, db_row_text(r, 5)),
		.detail = arena_strdup(g->m, db_row_text(r, 6)),
	};
	return true;
}

/* Only conditions that are asked for are in the text, so that the database takes their index. */
struct query {
	struct buf sql;
	struct db_param params[5];
	size_t n;
};

static void where(struct query *q, const char *condition, struct db_param value)
{
	q->params[q->n++] = value;
	buf_printf(&q->sql, "%s$%zu", condition, q->n);
}

struct err *auth_audit_list(struct auth *a, struct arena *m, int64_t before, struct str actor,
			    struct str action, struct str target, size_t n,
			    struct auth_audit_entry **out, size_t *n_out)
{
	struct gathered g = { .m = m, .list = arena_new_array(m, n, struct auth_audit_entry) };
	struct query q = { .n = 0 };
	own_mem char *sql = NULL;
	size_t len;
	buf_init(&q.sql, 1000);
	where(&q,
	      "SELECT seq, time_ns, actor, remote, action, target, detail FROM audit_log"
	      " WHERE seq < ",
	      db_int(before ? before : INT64_MAX));
	if (actor.len)
		where(&q, " AND actor = ", db_text(actor));
	if (action.len) {
		where(&q, " AND substr(action, 1, length(", db_text(action));
		buf_printf(&q.sql, ")) = $%zu", q.n);
	}
	if (target.len)
		where(&q, " AND target = ", db_text(target));
	where(&q, " ORDER BY seq DESC LIMIT ", db_int((int64_t)n));
	TRY(buf_finish(&q.sql, &sql, &len));
	TRY(db_query(a->db, sql, q.params, q.n, gather, &g));
	*out = g.list;
	*n_out = g.n;
	return NULL;
}
