/* Image repositories: their rows, and who may do what in them. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/random.h"
#include "base/time.h"
#include "catalog/catalog_priv.h"
#include "oci/reference.h"

const char catalog_image_columns[] =
	"id, namespace, name, full_name, type, immutable, accelerated, summary, description,"
	" created_ns, updated_ns";

bool catalog_image_see(void *arg, struct db_row *r)
{
	struct catalog_image_rows *rows = arg;
	struct arena *m = rows->m;
	mem_reserve_one(rows->v, rows->n, rows->cap);
	rows->v[rows->n++] = (struct catalog_image_repository){
		.id = arena_strdup(m, db_row_text(r, 0)),
		.namespace_ = arena_strdup(m, db_row_text(r, 1)),
		.name = arena_strdup(m, db_row_text(r, 2)),
		.full_name = arena_strdup(m, db_row_text(r, 3)),
		.is_public = str_eq(db_row_text(r, 4), STR("PUBLIC")),
		.immutable = db_row_int(r, 5),
		.accelerated = db_row_int(r, 6),
		.summary = arena_strdup(m, db_row_text(r, 7)),
		.description = arena_strdup(m, db_row_text(r, 8)),
		.created_ns = db_row_int(r, 9),
		.updated_ns = db_row_int(r, 10),
	};
	return true;
}

/* A full name has a slash, an id has none. */
struct err *catalog_image_get(struct catalog *c, struct arena *m, struct str name_or_id,
			      bool *found, struct catalog_image_repository *out)
{
	struct catalog_image_rows rows = { .m = m };
	const char *key = str_chr(name_or_id, '/') >= 0 ? "full_name" : "id";
	own_mem char *sql = mem_printf("SELECT %s FROM image_repository WHERE %s = $1",
				       catalog_image_columns, key);
	struct err *e =
		db_query(c->db, sql, DB_PARAMS(db_text(name_or_id)), catalog_image_see, &rows);
	*found = !e && rows.n > 0;
	if (*found)
		*out = rows.v[0];
	free(rows.v);
	return e;
}

/* ---- changes ---- */

static size_t count_chars(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static struct err *check_text(const struct str *summary, const struct str *description)
{
	if (summary && count_chars(*summary) > LIMIT_SUMMARY_CHARS)
		return err_coded(ERR_INVALID, "TEXT_LONG", "Put the rest into the description.",
				 "a summary has at most %d characters", LIMIT_SUMMARY_CHARS);
	if (description && description->len > LIMIT_DESCRIPTION_BYTES)
		return err_coded(ERR_INVALID, "TEXT_LONG",
				 "Shorten it, or link to what it leaves out.",
				 "a description has at most %zu bytes, this one has %zu",
				 LIMIT_DESCRIPTION_BYTES, description->len);
	return NULL;
}

static const char *type_name(bool is_public)
{
	return is_public ? "PUBLIC" : "PRIVATE";
}

static struct err *insert(struct db_tx *tx, const struct catalog_image_request *r, const char *id,
			  const char *full_name, bool *made)
{
	bool there = false;
	TRY(db_tx_query(tx, "SELECT 1 FROM namespace WHERE name = $1",
			DB_PARAMS(db_text(r->namespace_)), catalog_see_row, &there));
	if (!there)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND",
				 "An administrator makes it: kiln namespace create NAME.",
				 "there is no namespace " STR_FMT,
				 STR_ARG(str_first(r->namespace_, 200)));
	return db_tx_query(
		tx,
		"INSERT INTO image_repository (id, namespace, name, full_name, type, immutable,"
		" accelerated, summary, description, created_ns, updated_ns)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)"
		" ON CONFLICT (full_name) DO NOTHING RETURNING 1",
		DB_PARAMS(db_cstr(id), db_text(r->namespace_), db_text(r->name), db_cstr(full_name),
			  db_cstr(type_name(r->is_public)), db_int(r->immutable),
			  db_int(r->accelerated), db_text(r->summary), db_text(r->description),
			  db_int(time_now_unix_ns())),
		catalog_see_row, made);
}

struct err *catalog_image_create(struct catalog *c, struct arena *m,
				 const struct catalog_image_request *r,
				 struct catalog_image_repository *out)
{
	own(db_tx) tx = NULL;
	bool made = false, found;
	const char *full_name = arena_printf(m, STR_FMT "/" STR_FMT,
					     STR_ARG(str_first(r->namespace_, LIMIT_NAME_BYTES)),
					     STR_ARG(str_first(r->name, LIMIT_NAME_BYTES)));
	if (!catalog_namespace_name_ok(r->namespace_) || !r->name.len ||
	    r->name.len > LIMIT_NAME_BYTES || !oci_repository_name_ok(str_of(full_name)))
		return err_coded(ERR_INVALID, "NAME_INVALID",
				 "Take lower case letters and digits, with \".\", \"_\", \"-\" and "
				 "\"/\" between them.",
				 "\"%s\" is no name of a repository", full_name);
	TRY(check_text(&r->summary, &r->description));
	struct random_id id = random_id("crr-");
	TRY(db_tx_begin(c->db, &tx));
	TRY(insert(tx, r, id.s, full_name, &made));
	if (!made)
		return err_coded(ERR_CONFLICT, "REPOSITORY_EXISTS", "Take another name.",
				 "there is a repository %s already", full_name);
	TRY(catalog_commit(c, tx, true));
	db_tx_free(move(tx));
	return catalog_image_get(c, m, str_of(full_name), &found, out);
}

static struct db_param flag_or_null(const bool *flag)
{
	return flag ? db_int(*flag) : db_null();
}

static struct db_param text_or_null(const struct str *text)
{
	return text ? db_text(*text) : db_null();
}

/* Every change counts up the generation, so that prepared answers of another visibility die. */
struct err *catalog_image_update(struct catalog *c, struct str id,
				 const struct catalog_image_change *change)
{
	bool found;
	TRY(check_text(change->summary, change->description));
	TRY(catalog_change(
		c,
		"UPDATE image_repository SET type = COALESCE($2, type),"
		" immutable = COALESCE($3, immutable), accelerated = COALESCE($4, accelerated),"
		" summary = COALESCE($5, summary), description = COALESCE($6, description),"
		" updated_ns = $7 WHERE id = $1 RETURNING 1",
		DB_PARAMS(db_text(id),
			  change->is_public ? db_cstr(type_name(*change->is_public)) : db_null(),
			  flag_or_null(change->immutable), flag_or_null(change->accelerated),
			  text_or_null(change->summary), text_or_null(change->description),
			  db_int(time_now_unix_ns())),
		&found));
	return found ? NULL
		     : err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL,
				 "there is no repository " STR_FMT, STR_ARG(str_first(id, 200)));
}

static struct err *delete_rows(struct db_tx *tx, const struct catalog_image_repository *r)
{
	/* tags and references go with the manifests, rules and records with the image repository */
	static const char *const by_name[] = {
		"DELETE FROM manifest WHERE repository = $1",
		"DELETE FROM repository_blob WHERE repository = $1",
		"DELETE FROM repository WHERE name = $1",
		"DELETE FROM image_repository WHERE full_name = $1",
	};
	for (size_t i = 0; i < ARRAY_LEN(by_name); i++)
		TRY(db_tx_exec(tx, by_name[i], DB_PARAMS(db_cstr(r->full_name))));
	/* a later repository of this name does not inherit them */
	return db_tx_exec(tx, "DELETE FROM role_grant WHERE namespace = $1 AND repository = $2",
			  DB_PARAMS(db_cstr(r->namespace_), db_cstr(r->name)));
}

struct err *catalog_image_delete(struct catalog *c, struct str id, bool *found)
{
	own(arena) m = arena_open((size_t)1 << 20);
	own(db_tx) tx = NULL;
	struct catalog_image_repository r;
	TRY(catalog_image_get(c, m, id, found, &r));
	if (!*found)
		return NULL;
	TRY(db_tx_begin(c->db, &tx));
	TRY(delete_rows(tx, &r));
	return catalog_commit(c, tx, true);
}

/* ---- who may ---- */

struct state {
	bool found, is_public;
};

static bool see_state(void *arg, struct db_row *r)
{
	struct state *s = arg;
	s->found = true;
	s->is_public = str_eq(db_row_text(r, 0), STR("PUBLIC"));
	return true;
}

static bool has_all(const struct auth_principal *who)
{
	return who->kind == AUTH_SYSTEM || (who->kind == AUTH_USER && who->is_admin &&
					    who->most == AUTH_ADMIN && !who->only_namespace[0]);
}

struct err *catalog_image_role(struct catalog *c, struct auth *auth,
			       const struct auth_principal *who, struct str full_name, bool *found,
			       bool *is_public, enum auth_role *role)
{
	struct state s = { .found = false };
	struct str name = full_name, namespace_ = str_cut(&name, '/');
	*role = AUTH_NONE;
	if (name.p)
		TRY(db_query(c->db, "SELECT type FROM image_repository WHERE full_name = $1",
			     DB_PARAMS(db_text(full_name)), see_state, &s));
	*found = s.found;
	*is_public = s.is_public;
	if (who->kind == AUTH_WORKER)
		return NULL;
	if (!name.p)
		*role = has_all(who) ? AUTH_ADMIN : AUTH_NONE;
	else
		TRY(auth_role_in(auth, who, namespace_, s.found ? name : STR(""), role));
	if (s.is_public)
		*role = MAX(*role, AUTH_VIEW);
	return NULL;
}
