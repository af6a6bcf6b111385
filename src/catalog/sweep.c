/* Removes tags, manifests and links to blobs, a bounded number in each transaction. */
#include "catalog/held.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"
#include "catalog/catalog_priv.h"

/* ---- tags ---- */

struct tags {
	struct arena *a;            /* owned */
	struct catalog_held_tag *v; /* owned */
	size_t n, cap;
};

static void tags_done(struct tags *t)
{
	arena_free(t->a);
	free(t->v);
}

static bool see_tag(void *arg, struct db_row *r)
{
	struct tags *t = arg;
	mem_reserve_one(t->v, t->n, t->cap);
	t->v[t->n++] = (struct catalog_held_tag){
		.name = arena_strdup(t->a, db_row_text(r, 0)),
		.digest = arena_strdup(t->a, db_row_text(r, 1)),
		.pushed_ns = db_row_int(r, 2),
	};
	return true;
}

static struct err *read_tags(struct db_tx *tx, struct str repository, struct tags *t)
{
	t->a = arena_open((size_t)1 << 30);
	return db_tx_query(tx,
			   "SELECT name, digest, COALESCE(pushed_ns, updated_ns) FROM tag"
			   " WHERE repository = $1 ORDER BY name LIMIT $2",
			   DB_PARAMS(db_text(repository), db_int(LIMIT_HELD_ROWS)), see_tag, t);
}

static struct err *remove_tags(const struct catalog_sweep *s, struct db_tx *tx,
			       const struct tags *t, const bool *goes, size_t *n)
{
	int64_t now_ns = time_now_unix_ns();
	for (size_t i = 0; i < t->n && *n < s->most; i++) {
		bool found = false;
		if (!goes[i])
			continue;
		TRY(catalog_tag_drop(tx, s->repository, str_of(t->v[i].name), now_ns, &found));
		TRY(s->removed(s->arg, tx, &t->v[i]));
		++*n;
	}
	return NULL;
}

struct err *catalog_sweep_tags(struct catalog *c, const struct catalog_sweep *s, size_t *n)
{
	own(db_tx) tx = NULL;
	done(tags) t = { .n = 0 };
	bool stop = false;
	size_t removed = 0;
	*n = 0;
	TRY(db_tx_begin(c->db, &tx));
	TRY(read_tags(tx, s->repository, &t));
	own_mem bool *goes = mem_calloc(t.n + 1, sizeof(*goes));
	TRY(s->judge(s->arg, tx, t.v, t.n, goes, &stop));
	if (stop)
		return NULL;
	TRY(remove_tags(s, tx, &t, goes, &removed));
	TRY(s->ended(s->arg, tx, removed, 0, 0, &stop));
	if (stop)
		return NULL;
	TRY(catalog_commit(c, tx, removed > 0));
	*n = removed;
	return NULL;
}

/* ---- what nothing needs ---- */

#define UNNEEDED_MANIFEST                                                                       \
	" FROM manifest WHERE repository = $1 AND COALESCE(used_ns, created_ns) < $2"           \
	" AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository = $1"                          \
	"  AND t.digest = manifest.digest)"                                                     \
	" AND NOT EXISTS (SELECT 1 FROM manifest_reference r WHERE r.digest = manifest.digest"  \
	"  AND r.repository = $1)"                                                              \
	" AND (subject IS NULL OR NOT EXISTS (SELECT 1 FROM manifest s WHERE s.repository = $1" \
	"  AND s.digest = manifest.subject))"
#define UNNEEDED_BLOB                                                          \
	" FROM repository_blob WHERE repository = $1 AND linked_ns < $2"       \
	" AND NOT EXISTS (SELECT 1 FROM manifest_reference r WHERE r.digest =" \
	"  repository_blob.digest AND r.repository = $1)"

struct kind { /* of what is removed: how it is looked for, and how it goes if it is so still */
	const char *find, *remove;
};
static const struct kind manifests = {
	"SELECT digest" UNNEEDED_MANIFEST " LIMIT $3",
	"DELETE" UNNEEDED_MANIFEST " AND digest = $3 RETURNING 1",
};
static const struct kind blobs = {
	"SELECT digest" UNNEEDED_BLOB " LIMIT $3",
	"DELETE" UNNEEDED_BLOB " AND digest = $3 RETURNING 1",
};

struct digests {
	char **v; /* owned, as each of them */
	size_t n, cap;
};

static void digests_done(struct digests *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i]);
	free(d->v);
}

static bool see_digest(void *arg, struct db_row *r)
{
	struct digests *d = arg;
	mem_reserve_one(d->v, d->n, d->cap);
	d->v[d->n++] = str_dup(db_row_text(r, 0));
	return true;
}

/* The look is before the transaction, so that pushes do not wait for it. */
static struct err *sweep(struct catalog *c, const struct catalog_sweep *s, const struct kind *k,
			 int64_t unneeded_ns, size_t *n)
{
	done(digests) d = { .n = 0 };
	own(db_tx) tx = NULL;
	bool stop = false;
	*n = 0;
	TRY(db_query(c->db, k->find,
		     DB_PARAMS(db_text(s->repository), db_int(unneeded_ns), db_int(s->most)),
		     see_digest, &d));
	if (!d.n)
		return NULL;
	TRY(db_tx_begin(c->db, &tx));
	for (size_t i = 0; i < d.n; i++) {
		bool gone = false;
		TRY(db_tx_query(
			tx, k->remove,
			DB_PARAMS(db_text(s->repository), db_int(unneeded_ns), db_cstr(d.v[i])),
			catalog_see_row, &gone));
		*n += gone;
	}
	bool is_blob = k == &blobs;
	TRY(s->ended(s->arg, tx, 0, is_blob ? 0 : *n, is_blob ? *n : 0, &stop));
	if (!stop)
		return catalog_commit(c, tx, *n > 0);
	*n = 0;
	return NULL;
}

struct err *catalog_sweep_unneeded(struct catalog *c, const struct catalog_sweep *s,
				   int64_t unneeded_ns, size_t *n)
{
	TRY(sweep(c, s, &manifests, unneeded_ns, n));
	return *n ? NULL : sweep(c, s, &blobs, unneeded_ns, n);
}
