/* Lists of what a principal may see. Rows are read in batches of names and looked at one by one,
 * the role in a namespace once; only what is shown is read whole. */
#include <stdio.h>
#include <stdlib.h>

#include "catalog/catalog_priv.h"

#define BATCH 500

struct entry {
	const char *full_name, *namespace_, *name;
	bool is_public;
};

struct walk {
	struct catalog *c;
	struct auth *auth;
	const struct auth_principal *who;
	const char **namespaces; /* with any role of `who` */
	size_t n_namespaces;
	bool all;
	/* the namespace looked at last */
	char last_namespace[256];
	enum auth_role last_role;
	/* one batch */
	struct arena *batch; /* owned */
	struct entry *v;     /* owned */
	size_t n, cap;
	char after[256];
};

static bool see_entry(void *arg, struct db_row *r)
{
	struct walk *w = arg;
	mem_reserve_one(w->v, w->n, w->cap);
	w->v[w->n++] = (struct entry){
		.full_name = arena_strdup(w->batch, db_row_text(r, 0)),
		.namespace_ = arena_strdup(w->batch, db_row_text(r, 1)),
		.name = arena_strdup(w->batch, db_row_text(r, 2)),
		.is_public = str_eq(db_row_text(r, 3), STR("PUBLIC")),
	};
	return true;
}

static bool has_any_role(const struct walk *w, const char *namespace_)
{
	for (size_t i = 0; i < w->n_namespaces; i++)
		if (strcmp(w->namespaces[i], namespace_) == 0)
			return true;
	return false;
}

static struct err *visible(struct walk *w, const struct entry *e, bool *yes)
{
	enum auth_role role = AUTH_NONE;
	*yes = w->all || e->is_public;
	if (*yes || !has_any_role(w, e->namespace_))
		return NULL;
	if (strcmp(w->last_namespace, e->namespace_) != 0) {
		TRY(auth_role_in(w->auth, w->who, str_of(e->namespace_), STR(""), &w->last_role));
		snprintf(w->last_namespace, sizeof(w->last_namespace), "%s", e->namespace_);
	}
	role = w->last_role;
	if (role < AUTH_VIEW)
		TRY(auth_role_in(w->auth, w->who, str_of(e->namespace_), str_of(e->name), &role));
	*yes = role >= AUTH_VIEW;
	return NULL;
}

static struct err *read_batch(struct walk *w, const char *sql, const struct db_param *more,
			      size_t n_more)
{
	struct db_param params[6] = { db_cstr(w->after), db_int(BATCH) };
	for (size_t i = 0; i < n_more; i++)
		params[2 + i] = more[i];
	arena_free(w->batch);
	w->batch = arena_open((size_t)1 << 20);
	w->n = 0;
	return db_query(w->c->db, sql, params, 2 + n_more, see_entry, w);
}

/* Names that `who` may see, at most `n`. `sql` takes $1, behind which, and $2, how many. */
static struct err *walk(struct walk *w, struct arena *m, const char *sql,
			const struct db_param *more, size_t n_more, size_t n, const char ***names,
			size_t *n_names)
{
	const char **out = arena_new_array(m, n, const char *);
	*names = out;
	*n_names = 0;
	if (w->who->kind != AUTH_ANONYMOUS && w->who->kind != AUTH_WORKER)
		TRY(auth_namespaces_of(w->auth, m, w->who, &w->namespaces, &w->n_namespaces,
				       &w->all));
	do {
		TRY(read_batch(w, sql, more, n_more));
		for (size_t i = 0; i < w->n && *n_names < n; i++) {
			bool yes;
			TRY(visible(w, &w->v[i], &yes));
			if (yes)
				out[(*n_names)++] = arena_strdup(m, str_of(w->v[i].full_name));
		}
		if (w->n)
			snprintf(w->after, sizeof(w->after), "%s", w->v[w->n - 1].full_name);
	} while (*n_names < n && w->n == BATCH);
	return NULL;
}

static struct err *walk_names(struct catalog *c, struct arena *m, struct auth *auth,
			      const struct auth_principal *who, const char *sql, struct str after,
			      const struct db_param *more, size_t n_more, size_t n,
			      const char ***names, size_t *n_names)
{
	struct walk w = { .c = c, .auth = auth, .who = who };
	snprintf(w.after, sizeof(w.after), STR_FMT, STR_ARG(str_first(after, 255)));
	struct err *e = walk(&w, m, sql, more, n_more, n, names, n_names);
	arena_free(w.batch);
	free(w.v);
	return e;
}

struct err *catalog_image_pushed(struct catalog *c, struct arena *m, struct auth *auth,
				 const struct auth_principal *who, struct str after, size_t n,
				 const char ***names, size_t *n_names)
{
	return walk_names(c, m, auth, who,
			  "SELECT i.full_name, i.namespace, i.name, i.type FROM image_repository i"
			  " JOIN repository r ON r.name = i.full_name WHERE i.full_name > $1"
			  " ORDER BY i.full_name LIMIT $2",
			  after, NULL, 0, n, names, n_names);
}

/* The part of a name, as LIKE has it. */
static const char *like(struct arena *m, struct str part)
{
	char *text = arena_zalloc(m, 2 * part.len + 3), *p = text;
	*p++ = '%';
	for (size_t i = 0; i < part.len; i++) {
		if (strchr("%_\\", part.p[i]))
			*p++ = '\\';
		*p++ = part.p[i];
	}
	*p = '%';
	return text;
}

struct err *catalog_image_list(struct catalog *c, struct arena *m, struct auth *auth,
			       const struct auth_principal *who,
			       const struct catalog_image_query *q, struct str after, size_t n,
			       struct catalog_image_repository **out, size_t *n_out)
{
	const char **names;
	size_t n_names;
	struct oci_digest_text digest = { "" };
	if (q->digest)
		digest = oci_digest_text(q->digest);
	TRY(walk_names(c, m, auth, who,
		       "SELECT full_name, namespace, name, type FROM image_repository"
		       " WHERE full_name > $1 AND full_name LIKE $3 ESCAPE '\\'"
		       " AND (CAST($4 AS TEXT) = '' OR namespace = $4)"
		       " AND (CAST($5 AS TEXT) = '' OR id IN (SELECT repository_id"
		       " FROM repository_source WHERE source_id = $5))"
		       " AND (CAST($6 AS TEXT) = '' OR full_name IN (SELECT repository"
		       " FROM manifest WHERE digest = $6))"
		       " ORDER BY full_name LIMIT $2",
		       after,
		       (const struct db_param[]){ db_cstr(like(m, str_first(q->part, 255))),
						  db_text(q->namespace_), db_text(q->source_id),
						  db_cstr(digest.s) },
		       4, n, &names, &n_names));
	*out = arena_new_array(m, n_names, struct catalog_image_repository);
	*n_out = 0;
	for (size_t i = 0; i < n_names; i++) {
		bool found;
		TRY(catalog_image_get(c, m, str_of(names[i]), &found, &(*out)[*n_out]));
		*n_out += found; /* may be gone by now */
	}
	return NULL;
}
