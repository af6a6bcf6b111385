#include "catalog/catalog_priv.h"

#include <stdlib.h>

#include "base/limits.h"

struct referrers {
	struct arena *a;
	struct oci_descriptor *v; /* owned until it is copied to the arena */
	size_t n, cap;
	size_t bytes, max;
	bool more;
	struct err *e; /* owned */
};

static const char *text_or_null(struct arena *a, struct db_row *r, int column)
{
	return db_row_is_null(r, column) ? NULL : arena_strdup(a, db_row_text(r, column));
}

static bool see_referrer(void *arg, struct db_row *r)
{
	struct referrers *l = arg;
	struct oci_descriptor d = { .size = (uint64_t)db_row_int(r, 2) };
	size_t bytes = sizeof(d) + 64;
	for (int column = 0; column < 5; column++)
		bytes += db_row_text(r, column).len;
	if (bytes > l->max - l->bytes) {
		l->more = true;
		return false;
	}
	l->e = oci_digest_parse(db_row_text(r, 0), &d.digest);
	if (l->e)
		return false;
	l->bytes += bytes;
	d.media_type = arena_strdup(l->a, db_row_text(r, 1));
	d.artifact_type = text_or_null(l->a, r, 3);
	d.annotations_json = text_or_null(l->a, r, 4);
	mem_reserve_one(l->v, l->n, l->cap);
	l->v[l->n++] = d;
	return true;
}

struct err *catalog_referrers_page(struct catalog *c, struct arena *a, struct str repository,
				   const struct oci_digest *subject, const struct oci_digest *last,
				   size_t max_bytes, struct oci_descriptor **list, size_t *n,
				   bool *more)
{
	struct referrers l = { .a = a, .max = max_bytes };
	struct oci_digest_text behind = { "" };
	if (last)
		behind = oci_digest_text(last);
	struct err *e = db_query(c->db,
				 "SELECT digest, media_type, size, artifact_type, annotations"
				 " FROM manifest WHERE repository = $1 AND subject = $2"
				 " AND digest > $3 ORDER BY digest",
				 DB_PARAMS(db_text(repository), db_cstr(oci_digest_text(subject).s),
					   db_cstr(behind.s)),
				 see_referrer, &l);
	err_keep(&e, l.e);
	if (!e) {
		*list = arena_new_array(a, l.n, struct oci_descriptor);
		if (l.n)
			memcpy(*list, l.v, l.n * sizeof(*l.v));
		*n = l.n;
		*more = l.more;
	}
	free(l.v);
	return e;
}

struct err *catalog_referrers(struct catalog *c, struct arena *a, struct str repository,
			      const struct oci_digest *subject, struct oci_descriptor **list,
			      size_t *n)
{
	bool more;
	TRY(catalog_referrers_page(c, a, repository, subject, NULL, LIMIT_REFERRERS_BYTES, list, n,
				   &more));
	if (more)
		return err_new(ERR_LIMIT, "%s has more than %zu bytes of referrers",
			       oci_digest_text(subject).s, LIMIT_REFERRERS_BYTES);
	return NULL;
}
