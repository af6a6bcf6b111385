/* Tags of an image repository, and their immutability. */
#include <stdlib.h>

#include "base/time.h"
#include "catalog/catalog_priv.h"
#include "oci/reference.h"

/* ---- immutability ---- */

static struct err *immutable(struct str repository, struct str tag)
{
	return err_coded(ERR_DENIED, "TAG_IMMUTABLE",
			 "Take a tag that is not there yet, or make the repository mutable.",
			 STR_FMT ":" STR_FMT
				 ": The requested tag already exists and cannot be overwritten.",
			 STR_ARG(repository), STR_ARG(tag));
}

static bool always_moves(struct str tag)
{
	return str_eq(tag, STR("latest"));
}

/* The same digest again moves nothing. */
static struct err *check_moves(struct db_tx *tx, struct str repository, struct str tag,
			       const struct oci_digest *d)
{
	bool refused = false;
	if (always_moves(tag))
		return NULL;
	TRY(db_tx_query(tx,
			"SELECT 1 FROM tag t JOIN image_repository i ON i.full_name = t.repository"
			" WHERE t.repository = $1 AND t.name = $2 AND t.digest <> $3"
			" AND i.immutable <> 0",
			DB_PARAMS(db_text(repository), db_text(tag), db_cstr(oci_digest_text(d).s)),
			catalog_see_row, &refused));
	return refused ? immutable(repository, tag) : NULL;
}

/* A manifest is as old as its last push, or as the last tag that left it: retention counts from
 * there. `d`: what the tag will point at, "" for nothing. */
static struct err *leave(struct db_tx *tx, struct str repository, struct str tag, const char *d,
			 int64_t now_ns)
{
	return db_tx_exec(tx,
			  "UPDATE manifest SET used_ns = $4 WHERE repository = $1 AND digest ="
			  " (SELECT digest FROM tag WHERE repository = $1 AND name = $2)"
			  " AND digest <> $3",
			  DB_PARAMS(db_text(repository), db_text(tag), db_cstr(d), db_int(now_ns)));
}

/* A build that gives the same image again pushes the same digest: the tag is in use, though it does
 * not change. */
static struct err *renew(struct db_tx *tx, struct str repository, struct str tag, int64_t now_ns)
{
	return db_tx_exec(tx,
			  "UPDATE tag SET pushed_ns = $3 WHERE repository = $1 AND name = $2"
			  " AND COALESCE(pushed_ns, updated_ns) < $4",
			  DB_PARAMS(db_text(repository), db_text(tag), db_int(now_ns),
				    db_int(now_ns - CATALOG_RENEW_NS)));
}

struct err *catalog_tag_set(struct db_tx *tx, struct str repository, struct str tag,
			    const struct oci_digest *d, int64_t now_ns, bool *changed)
{
	struct oci_digest_text text = oci_digest_text(d);
	bool moved = false;
	TRY(check_moves(tx, repository, tag, d));
	TRY(leave(tx, repository, tag, text.s, now_ns));
	TRY(db_tx_query(
		tx,
		"INSERT INTO tag (repository, name, digest, created_ns, updated_ns, pushed_ns)"
		" VALUES ($1, $2, $3, $4, $4, $4) ON CONFLICT (repository, name) DO UPDATE"
		" SET digest = excluded.digest, updated_ns = excluded.updated_ns,"
		" pushed_ns = excluded.pushed_ns"
		" WHERE tag.digest <> excluded.digest RETURNING 1",
		DB_PARAMS(db_text(repository), db_text(tag), db_cstr(text.s), db_int(now_ns)),
		catalog_see_row, &moved));
	*changed |= moved;
	return moved ? catalog_tag_told(tx, repository, tag, NULL, false)
		     : renew(tx, repository, tag, now_ns);
}

struct err *catalog_tag_drop(struct db_tx *tx, struct str repository, struct str tag,
			     int64_t now_ns, bool *found)
{
	TRY(leave(tx, repository, tag, "", now_ns));
	TRY(catalog_tag_told(tx, repository, tag, NULL, true));
	return db_tx_query(tx, "DELETE FROM tag WHERE repository = $1 AND name = $2 RETURNING 1",
			   DB_PARAMS(db_text(repository), db_text(tag)), catalog_see_row, found);
}

#define TOLD(which)                                                                      \
	"INSERT INTO tag_event (seq, repository_id, event, tag, digest, time_ns)"        \
	" SELECT ROW_NUMBER() OVER (ORDER BY t.name) +"                                  \
	" (SELECT COALESCE(MAX(seq), 0) FROM tag_event), i.id, $3, t.name, t.digest, $4" \
	" FROM image_repository i JOIN tag t ON t.repository = i.full_name"              \
	" WHERE i.full_name = $1 AND " which " AND EXISTS (SELECT 1 FROM endpoint e"     \
	" WHERE e.repository_id = i.id AND e.enabled <> 0)"

struct err *catalog_tag_told(struct db_tx *tx, struct str repository, struct str tag,
			     const struct oci_digest *d, bool deleted)
{
	struct oci_digest_text digest = { "" };
	if (d)
		digest = oci_digest_text(d);
	return db_tx_exec(tx, d ? TOLD("t.digest = $2") : TOLD("t.name = $2"),
			  DB_PARAMS(db_text(repository), d ? db_cstr(digest.s) : db_text(tag),
				    db_cstr(deleted ? "tag.deleted" : "tag.written"),
				    db_int(time_now_unix_ns())));
}

struct err *catalog_image_tags_free(struct catalog *c, struct str full_name,
				    const char *const *tags, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool there = false;
		struct str tag = str_of(tags[i]);
		if (always_moves(tag))
			continue;
		TRY(db_query(c->db,
			     "SELECT 1 FROM tag t JOIN image_repository i"
			     " ON i.full_name = t.repository WHERE t.repository = $1"
			     " AND t.name = $2 AND i.immutable <> 0",
			     DB_PARAMS(db_text(full_name), db_text(tag)), catalog_see_row, &there));
		if (there)
			return immutable(full_name, tag);
	}
	return NULL;
}

/* ---- lists ---- */

struct rows {
	struct arena *m;
	struct catalog_tag *v; /* owned until it is copied to the arena */
	size_t n, cap;
	struct err *e; /* owned */
};

static bool see_tag(void *arg, struct db_row *r)
{
	struct rows *rows = arg;
	struct catalog_tag t = { .name = arena_strdup(rows->m, db_row_text(r, 0)),
				 .manifest.size = (uint64_t)db_row_int(r, 3),
				 .created_ns = db_row_int(r, 4),
				 .updated_ns = db_row_int(r, 5) };
	struct str type = db_row_text(r, 2);
	rows->e = oci_digest_parse(db_row_text(r, 1), &t.manifest.digest);
	if (!rows->e && type.len >= sizeof(t.manifest.media_type))
		rows->e = err_new(ERR_CORRUPT, "media type is longer than a manifest's");
	if (rows->e)
		return false;
	memcpy(t.manifest.media_type, type.p, type.len);
	mem_reserve_one(rows->v, rows->n, rows->cap);
	rows->v[rows->n++] = t;
	return true;
}

#define SELECT_ROWS                                                                 \
	"SELECT t.name, t.digest, m.media_type, m.size, t.created_ns, t.updated_ns" \
	" FROM tag t JOIN manifest m ON m.repository = t.repository"                \
	" AND m.digest = t.digest WHERE t.repository = $1"
#define SELECT_TAGS SELECT_ROWS " AND ($2 = '' OR REPLACE(t.name, $2, '') <> t.name)"

struct err *catalog_image_tags(struct catalog *c, struct arena *m, struct str full_name,
			       const struct catalog_tag_query *q, struct catalog_tag **out,
			       size_t *n_out)
{
	static const char by_name[] = SELECT_TAGS " AND t.name > $3 AND $4 = 0"
						  " ORDER BY t.name LIMIT $5";
	static const char newest[] = SELECT_TAGS " AND (t.updated_ns < $4 OR"
						 " (t.updated_ns = $4 AND t.name > $3))"
						 " ORDER BY t.updated_ns DESC, t.name LIMIT $5";
	struct rows rows = { .m = m };
	int64_t after_ns = !q->newest ? 0 : q->after.len ? q->after_ns : INT64_MAX;
	struct err *e = db_query(c->db, q->newest ? newest : by_name,
				 DB_PARAMS(db_text(full_name), db_text(q->part), db_text(q->after),
					   db_int(after_ns), db_int(MIN(q->n, INT64_MAX))),
				 see_tag, &rows);
	err_keep(&e, rows.e);
	if (!e) {
		*out = arena_new_array(m, rows.n, struct catalog_tag);
		if (rows.n)
			memcpy(*out, rows.v, rows.n * sizeof(*rows.v));
		*n_out = rows.n;
	}
	free(rows.v);
	return e;
}

struct err *catalog_image_tag_get(struct catalog *c, struct arena *m, struct str full_name,
				  struct str tag, bool *found, struct catalog_tag *out)
{
	struct rows rows = { .m = m };
	struct err *e = db_query(c->db, SELECT_ROWS " AND t.name = $2",
				 DB_PARAMS(db_text(full_name), db_text(tag)), see_tag, &rows);
	err_keep(&e, rows.e);
	*found = !e && rows.n > 0;
	if (*found)
		*out = rows.v[0];
	free(rows.v);
	return e;
}

/* ---- retag ---- */

static struct err *no_such(struct str full_name, struct str from)
{
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, STR_FMT " has no " STR_FMT,
			 STR_ARG(full_name), STR_ARG(str_first(from, 200)));
}

/* The manifest may go between the look and the transaction: then the foreign key says so. */
struct err *catalog_image_retag(struct catalog *c, struct str full_name, struct str from,
				struct str to)
{
	struct catalog_manifest m;
	own(db_tx) tx = NULL;
	bool found, changed = false;
	if (!oci_tag_ok(to))
		return err_coded(ERR_INVALID, "TAG_INVALID",
				 "Take letters, digits, \"_\", \".\" and \"-\", at most 128.",
				 "\"" STR_FMT "\" is not a tag", STR_ARG(str_first(to, 200)));
	TRY(catalog_reference_get(c, full_name, from, &found, &m));
	if (!found)
		return no_such(full_name, from);
	TRY(db_tx_begin(c->db, &tx));
	TRY(catalog_tag_set(tx, full_name, to, &m.digest, time_now_unix_ns(), &changed));
	return catalog_commit(c, tx, changed);
}
