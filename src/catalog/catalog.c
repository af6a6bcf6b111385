#include "catalog/catalog_priv.h"

#include <stdlib.h>

#include "base/time.h"
#include "oci/reference.h"

bool catalog_see_row(void *arg, struct db_row *r)
{
	*(bool *)arg = true;
	return true; /* to the end: a statement that changes rows is then done with all of them */
}

struct err *catalog_commit(struct catalog *c, struct db_tx *tx, bool changed)
{
	if (!changed)
		return db_tx_commit(tx);
	catalog_generation_enter(&c->generation);
	struct err *e = db_tx_commit(tx);
	catalog_generation_leave(&c->generation);
	return e;
}

struct err *catalog_change(struct catalog *c, const char *sql, const struct db_param *params,
			   size_t n, bool *changed)
{
	own(db_tx) tx = NULL;
	bool any = false;
	TRY(db_tx_begin(c->db, &tx));
	TRY(db_tx_query(tx, sql, params, n, catalog_see_row, &any));
	TRY(catalog_commit(c, tx, any));
	if (changed)
		*changed = any;
	return NULL;
}

/* A process that was killed in a commit leaves an odd number. */
static struct err *mend_generation(struct catalog *c)
{
	if (!catalog_generation_is_odd(&c->generation))
		return NULL;
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(c->db, &tx)); /* nobody commits now */
	catalog_generation_leave(&c->generation);
	return NULL;
}

struct err *catalog_open(struct db *db, int data_fd, struct catalog **out)
{
	own(catalog) c = mem_new(struct catalog);
	c->db = db;
	TRY(catalog_generation_open(data_fd, &c->generation));
	TRY(mend_generation(c));
	*out = move(c);
	return NULL;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	catalog_generation_done(&c->generation);
	free(c);
}

uint64_t catalog_generation(const struct catalog *c)
{
	return catalog_generation_get(&c->generation);
}

static struct err *exists(struct catalog *c, const char *sql, const struct db_param *params,
			  size_t n, bool *found)
{
	bool any = false;
	TRY(db_query(c->db, sql, params, n, catalog_see_row, &any));
	*found = any;
	return NULL;
}

struct err *catalog_repository_exists(struct catalog *c, struct str repository, bool *found)
{
	return exists(c,
		      "SELECT 1 FROM repository WHERE name = $1"
		      " UNION ALL SELECT 1 FROM image_repository WHERE full_name = $1",
		      DB_PARAMS(db_text(repository)), found);
}

struct manifest_row {
	bool found;
	struct catalog_manifest m;
	struct err *e; /* owned */
};

static bool see_manifest(void *arg, struct db_row *r)
{
	struct manifest_row *row = arg;
	struct str media_type = db_row_text(r, 1);
	row->e = oci_digest_parse(db_row_text(r, 0), &row->m.digest);
	if (!row->e && media_type.len >= sizeof(row->m.media_type))
		row->e = err_new(ERR_CORRUPT, "media type is longer than a manifest's");
	if (row->e)
		return false;
	memcpy(row->m.media_type, media_type.p, media_type.len);
	row->m.size = (uint64_t)db_row_int(r, 2);
	row->found = true;
	return false;
}

static struct err *get_manifest(struct catalog *c, const char *sql, struct str repository,
				struct str key, bool *found, struct catalog_manifest *m)
{
	struct manifest_row row = { .found = false };
	TRY(db_query(c->db, sql, DB_PARAMS(db_text(repository), db_text(key)), see_manifest, &row));
	TRY(row.e);
	*found = row.found;
	if (row.found)
		*m = row.m;
	return NULL;
}

struct err *catalog_tag_get(struct catalog *c, struct str repository, struct str tag, bool *found,
			    struct catalog_manifest *m)
{
	return get_manifest(c,
			    "SELECT m.digest, m.media_type, m.size FROM tag t JOIN manifest m"
			    " ON m.repository = t.repository AND m.digest = t.digest"
			    " WHERE t.repository = $1 AND t.name = $2",
			    repository, tag, found, m);
}

struct err *catalog_manifest_get(struct catalog *c, struct str repository,
				 const struct oci_digest *d, bool *found,
				 struct catalog_manifest *m)
{
	return get_manifest(c,
			    "SELECT digest, media_type, size FROM manifest"
			    " WHERE repository = $1 AND digest = $2",
			    repository, str_of(oci_digest_text(d).s), found, m);
}

struct err *catalog_reference_get(struct catalog *c, struct str repository, struct str reference,
				  bool *found, struct catalog_manifest *m)
{
	struct oci_digest d;
	*found = false;
	if (str_chr(reference, ':') < 0)
		return oci_tag_ok(reference) ? catalog_tag_get(c, repository, reference, found, m)
					     : NULL;
	TRY(oci_digest_parse(reference, &d));
	return catalog_manifest_get(c, repository, &d, found, m);
}

struct names {
	struct arena *a;
	const char **v; /* owned until it is copied to the arena */
	size_t n, cap;
};

static bool see_name(void *arg, struct db_row *r)
{
	struct names *names = arg;
	mem_reserve_one(names->v, names->n, names->cap);
	names->v[names->n++] = arena_strdup(names->a, db_row_text(r, 0));
	return true;
}

static struct err *list_names(struct catalog *c, struct arena *a, const char *sql,
			      const struct db_param *params, size_t n_params, const char ***out,
			      size_t *n)
{
	struct names names = { .a = a };
	struct err *e = db_query(c->db, sql, params, n_params, see_name, &names);
	if (!e) {
		*out = arena_new_array(a, names.n, const char *);
		if (names.n)
			memcpy(*out, names.v, names.n * sizeof(*names.v));
		*n = names.n;
	}
	free(names.v);
	return e;
}

struct err *catalog_tag_list(struct catalog *c, struct arena *a, struct str repository,
			     struct str last, size_t n, const char ***tags, size_t *n_tags)
{
	return list_names(c, a,
			  "SELECT name FROM tag WHERE repository = $1 AND name > $2"
			  " ORDER BY name LIMIT $3",
			  DB_PARAMS(db_text(repository), db_text(last), db_int(MIN(n, INT64_MAX))),
			  tags, n_tags);
}

struct err *catalog_repository_list(struct catalog *c, struct arena *a, struct str last, size_t n,
				    const char ***names, size_t *n_names)
{
	return list_names(c, a,
			  "SELECT name FROM repository WHERE name > $1 ORDER BY name LIMIT $2",
			  DB_PARAMS(db_text(last), db_int(MIN(n, INT64_MAX))), names, n_names);
}

struct err *catalog_blob_holders(struct catalog *c, struct arena *a, const struct oci_digest *d,
				 struct str last, size_t n, const char ***names, size_t *n_names)
{
	return list_names(
		c, a,
		"SELECT repository FROM repository_blob WHERE digest = $1"
		" AND repository > $2 ORDER BY repository LIMIT $3",
		DB_PARAMS(db_cstr(oci_digest_text(d).s), db_text(last), db_int(MIN(n, INT64_MAX))),
		names, n_names);
}

struct err *catalog_tag_delete(struct catalog *c, struct str repository, struct str tag,
			       bool *found)
{
	own(db_tx) tx = NULL;
	*found = false;
	TRY(db_tx_begin(c->db, &tx));
	TRY(catalog_tag_drop(tx, repository, tag, time_now_unix_ns(), found));
	return catalog_commit(c, tx, *found);
}

/* Its tags and references go by the foreign keys. */
struct err *catalog_manifest_delete(struct catalog *c, struct str repository,
				    const struct oci_digest *d, bool *found)
{
	own(db_tx) tx = NULL;
	*found = false;
	TRY(db_tx_begin(c->db, &tx));
	TRY(catalog_tag_told(tx, repository, STR(""), d, true));
	TRY(db_tx_query(tx,
			"DELETE FROM manifest WHERE repository = $1 AND digest = $2 RETURNING 1",
			DB_PARAMS(db_text(repository), db_cstr(oci_digest_text(d).s)),
			catalog_see_row, found));
	return catalog_commit(c, tx, *found);
}

/* The time is renewed when it is older than a minute: what a push was told exists is young. */
struct err *catalog_blob_link(struct catalog *c, struct str repository, const struct oci_digest *d,
			      uint64_t size)
{
	int64_t now = time_now_unix_ns();
	return catalog_change(
		c,
		"INSERT INTO repository_blob (repository, digest, size, linked_ns)"
		" VALUES ($1, $2, $3, $4) ON CONFLICT (repository, digest) DO UPDATE"
		" SET size = excluded.size, linked_ns = excluded.linked_ns"
		" WHERE repository_blob.linked_ns < $5 OR repository_blob.size <> excluded.size"
		" RETURNING 1",
		DB_PARAMS(db_text(repository), db_cstr(oci_digest_text(d).s), db_int(size),
			  db_int(now), db_int(now - 60 * 1000000000ll)),
		NULL);
}

struct err *catalog_blob_linked(struct catalog *c, struct str repository,
				const struct oci_digest *d, bool *found)
{
	return exists(c, "SELECT 1 FROM repository_blob WHERE repository = $1 AND digest = $2",
		      DB_PARAMS(db_text(repository), db_cstr(oci_digest_text(d).s)), found);
}

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return false;
}

struct err *catalog_blob_asked(struct catalog *c, struct str repository, const struct oci_digest *d)
{
	struct oci_digest_text text = oci_digest_text(d);
	int64_t now = time_now_unix_ns(), linked = now;
	TRY(db_query(c->db,
		     "SELECT linked_ns FROM repository_blob WHERE repository = $1 AND digest = $2",
		     DB_PARAMS(db_text(repository), db_cstr(text.s)), see_int, &linked));
	if (linked > now - 60 * CATALOG_RENEW_NS)
		return NULL;
	return db_exec(c->db,
		       "UPDATE repository_blob SET linked_ns = $3"
		       " WHERE repository = $1 AND digest = $2",
		       DB_PARAMS(db_text(repository), db_cstr(text.s), db_int(now)));
}

struct err *catalog_blob_known(struct catalog *c, const struct oci_digest *d, bool *found)
{
	return exists(c, "SELECT 1 FROM repository_blob WHERE digest = $1 LIMIT 1",
		      DB_PARAMS(db_cstr(oci_digest_text(d).s)), found);
}

struct err *catalog_blob_needed(struct catalog *c, const struct oci_digest *d, bool *needed)
{
	struct oci_digest_text text = oci_digest_text(d);
	TRY(catalog_blob_known(c, d, needed));
	if (*needed)
		return NULL;
	return exists(c, "SELECT 1 FROM manifest WHERE digest = $1 LIMIT 1",
		      DB_PARAMS(db_cstr(text.s)), needed);
}

static bool see_stored(void *arg, struct db_row *r)
{
	uint64_t *sums = arg;
	sums[0] = (uint64_t)db_row_int(r, 0);
	sums[1] = (uint64_t)db_row_int(r, 1);
	return true;
}

struct err *catalog_stored(struct catalog *c, uint64_t *blobs, uint64_t *bytes)
{
	uint64_t sums[2] = { 0 };
	TRY(db_query(
		c->db,
		"SELECT COUNT(*), COALESCE(SUM(size), 0) FROM"
		" (SELECT digest, MAX(size) AS size FROM repository_blob GROUP BY digest) AS b",
		DB_NO_PARAMS, see_stored, sums));
	*blobs = sums[0];
	*bytes = sums[1];
	return NULL;
}

struct err *catalog_blob_unlink(struct catalog *c, struct str repository,
				const struct oci_digest *d, bool *found)
{
	return catalog_change(c,
			      "DELETE FROM repository_blob WHERE repository = $1 AND digest = $2"
			      " RETURNING 1",
			      DB_PARAMS(db_text(repository), db_cstr(oci_digest_text(d).s)), found);
}
