/* Namespaces. Their rows are few, and read rarely. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/random.h"
#include "base/time.h"
#include "catalog/catalog_priv.h"

#define COLUMNS                                                                    \
	"n.id, n.name, n.auto_create, n.default_type, n.created_ns, n.updated_ns," \
	" (SELECT COUNT(*) FROM image_repository i WHERE i.namespace = n.name)"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9]+(?:[._-][a-z0-9]+)*; an id is no name, so that one is never taken for the other. */
bool catalog_namespace_name_ok(struct str s)
{
	bool between = false;
	if (s.len < 2 || s.len > LIMIT_NAMESPACE_BYTES || str_starts(s, STR("crn-")))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (!is_alnum(c) && (!between || !strchr("._-", c) || !c))
			return false;
		between = is_alnum(c);
	}
	return between;
}

struct rows {
	struct arena *m;
	struct catalog_namespace *v; /* owned until it is copied to the arena */
	size_t n, cap;
};

static bool see(void *arg, struct db_row *r)
{
	struct rows *rows = arg;
	mem_reserve_one(rows->v, rows->n, rows->cap);
	rows->v[rows->n++] = (struct catalog_namespace){
		.id = arena_strdup(rows->m, db_row_text(r, 0)),
		.name = arena_strdup(rows->m, db_row_text(r, 1)),
		.auto_create = db_row_int(r, 2),
		.default_public = str_eq(db_row_text(r, 3), STR("PUBLIC")),
		.created_ns = db_row_int(r, 4),
		.updated_ns = db_row_int(r, 5),
		.n_repositories = (uint64_t)db_row_int(r, 6),
	};
	return true;
}

static struct err *list(struct catalog *c, struct arena *m, const char *sql,
			const struct db_param *params, size_t n_params,
			struct catalog_namespace **out, size_t *n_out)
{
	struct rows rows = { .m = m };
	struct err *e = db_query(c->db, sql, params, n_params, see, &rows);
	if (!e) {
		*out = arena_new_array(m, rows.n, struct catalog_namespace);
		if (rows.n)
			memcpy(*out, rows.v, rows.n * sizeof(*rows.v));
		*n_out = rows.n;
	}
	free(rows.v);
	return e;
}

struct err *catalog_namespace_get(struct catalog *c, struct arena *m, struct str name_or_id,
				  bool *found, struct catalog_namespace *out)
{
	struct catalog_namespace *v;
	size_t n;
	TRY(list(c, m, "SELECT " COLUMNS " FROM namespace n WHERE n.name = $1 OR n.id = $1",
		 DB_PARAMS(db_text(name_or_id)), &v, &n));
	*found = n > 0;
	if (n)
		*out = v[0];
	return NULL;
}

struct err *catalog_namespace_list(struct catalog *c, struct arena *m, struct str after, size_t n,
				   struct catalog_namespace **out, size_t *n_out)
{
	return list(c, m,
		    "SELECT " COLUMNS " FROM namespace n WHERE n.name > $1"
		    " ORDER BY n.name LIMIT $2",
		    DB_PARAMS(db_text(after), db_int(MIN(n, INT64_MAX))), out, n_out);
}

static const char *type_name(bool is_public)
{
	return is_public ? "PUBLIC" : "PRIVATE";
}

struct err *catalog_namespace_create(struct catalog *c, struct arena *m, struct str name,
				     bool auto_create, bool default_public,
				     struct catalog_namespace *out)
{
	bool made = false;
	int64_t now = time_now_unix_ns();
	if (!catalog_namespace_name_ok(name))
		return err_coded(ERR_INVALID, "NAME_INVALID",
				 "Take 2 to 120 of a-z and 0-9, with single \".\", \"_\" or \"-\" "
				 "between them.",
				 "\"" STR_FMT "\" is no name of a namespace",
				 STR_ARG(str_first(name, 200)));
	TRY(catalog_change(c,
			   "INSERT INTO namespace (id, name, auto_create, default_type, created_ns,"
			   " updated_ns) VALUES ($1, $2, $3, $4, $5, $5)"
			   " ON CONFLICT (name) DO NOTHING RETURNING 1",
			   DB_PARAMS(db_cstr(random_id("crn-").s), db_text(name),
				     db_int(auto_create), db_cstr(type_name(default_public)),
				     db_int(now)),
			   &made));
	if (!made)
		return err_coded(ERR_CONFLICT, "NAMESPACE_EXISTS", "Take another name.",
				 "there is a namespace " STR_FMT " already", STR_ARG(name));
	bool found;
	return catalog_namespace_get(c, m, name, &found, out);
}

static struct db_param flag_or_null(const bool *flag)
{
	return flag ? db_int(*flag) : db_null();
}

struct err *catalog_namespace_update(struct catalog *c, struct str name, const bool *auto_create,
				     const bool *default_public)
{
	bool found;
	TRY(catalog_change(
		c,
		"UPDATE namespace SET auto_create = COALESCE($2, auto_create),"
		" default_type = COALESCE($3, default_type), updated_ns = $4"
		" WHERE name = $1 RETURNING 1",
		DB_PARAMS(db_text(name), flag_or_null(auto_create),
			  default_public ? db_cstr(type_name(*default_public)) : db_null(),
			  db_int(time_now_unix_ns())),
		&found));
	return found ? NULL
		     : err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no namespace " STR_FMT,
				 STR_ARG(str_first(name, 200)));
}

static bool add_name(void *arg, struct db_row *r)
{
	struct buf *b = arg;
	buf_printf(b, "%s" STR_FMT, b->len ? ", " : "", STR_ARG(db_row_text(r, 0)));
	return true;
}

static struct err *delete_row(struct db_tx *tx, struct str name, bool *found)
{
	done(buf) holds;
	buf_init(&holds, 4096);
	TRY(db_tx_query(tx,
			"SELECT 'image repository ' || full_name FROM image_repository"
			" WHERE namespace = $1 UNION ALL"
			" SELECT 'code source ' || namespace || '/' || name FROM code_source"
			" WHERE namespace = $1 LIMIT 5",
			DB_PARAMS(db_text(name)), add_name, &holds));
	if (holds.len)
		return err_coded(ERR_CONFLICT, "NAMESPACE_NOT_EMPTY",
				 "Delete its image repositories and code sources first:"
				 " kiln repo delete, kiln source delete.",
				 "namespace " STR_FMT " is not empty: it has %.*s", STR_ARG(name),
				 (int)holds.len, holds.p);
	/* who gets a namespace of this name later does not get the roles of this one */
	TRY(db_tx_exec(tx, "DELETE FROM role_grant WHERE namespace = $1",
		       DB_PARAMS(db_text(name))));
	return db_tx_query(tx, "DELETE FROM namespace WHERE name = $1 RETURNING 1",
			   DB_PARAMS(db_text(name)), catalog_see_row, found);
}

struct err *catalog_namespace_delete(struct catalog *c, struct str name, bool *found)
{
	own(db_tx) tx = NULL;
	bool any = false;
	TRY(db_tx_begin(c->db, &tx));
	TRY(delete_row(tx, name, &any));
	TRY(catalog_commit(c, tx, any));
	*found = any;
	return NULL;
}
