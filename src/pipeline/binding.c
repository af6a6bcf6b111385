/* What an image repository is built from: table repository_source. */
#include "pipeline/pipeline_priv.h"

#include "base/time.h"

struct reading {
	struct arena *a;
	bool found;
	struct pipeline_binding *out;
};

static bool see_binding(void *arg, struct db_row *row)
{
	struct reading *k = arg;
	k->found = true;
	*k->out = (struct pipeline_binding){ .source_id = arena_strdup(k->a, db_row_text(row, 0)),
					     .auto_build = db_row_int(row, 1) != 0,
					     .pool = arena_strdup(k->a, db_row_text(row, 2)),
					     .no_cache = db_row_int(row, 3) != 0 };
	return false;
}

struct err *pipeline_binding_get(struct pipeline *p, struct arena *a, struct str repository_id,
				 bool *found, struct pipeline_binding *out)
{
	struct reading k = { .a = a, .out = out };
	TRY(db_query(p->o.db,
		     "SELECT source_id, auto_build, pool, no_cache FROM repository_source"
		     " WHERE repository_id = $1",
		     DB_PARAMS(db_text(repository_id)), see_binding, &k));
	*found = k.found;
	return NULL;
}

struct err *pipeline_binding_set(struct pipeline *p, struct str repository_id,
				 const struct pipeline_binding *b)
{
	return db_exec(p->o.db,
		       "INSERT INTO repository_source (repository_id, source_id, auto_build, pool,"
		       " no_cache, created_ns, updated_ns) VALUES ($1, $2, $3, $4, $5, $6, $6)"
		       " ON CONFLICT (repository_id) DO UPDATE SET source_id = excluded.source_id,"
		       " auto_build = excluded.auto_build, pool = excluded.pool,"
		       " no_cache = excluded.no_cache, updated_ns = excluded.updated_ns",
		       DB_PARAMS(db_text(repository_id), db_cstr(b->source_id),
				 db_int(b->auto_build), db_cstr(b->pool ? b->pool : ""),
				 db_int(b->no_cache), db_int(time_now_unix_ns())));
}

static bool see_row(void *arg, struct db_row *row)
{
	*(bool *)arg = true;
	return false;
}

struct err *pipeline_binding_remove(struct pipeline *p, struct str repository_id, bool *found)
{
	own(db_tx) tx = NULL;
	*found = false;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "DELETE FROM repository_source WHERE repository_id = $1 RETURNING 1",
			DB_PARAMS(db_text(repository_id)), see_row, found));
	return db_tx_commit(tx);
}
