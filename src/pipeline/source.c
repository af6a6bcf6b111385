/* Code sources: what is there, and what is needed to ask the remote. */
#include "pipeline/source_priv.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#define COLUMNS                                                                              \
	"SELECT id, namespace, name, provider, url, credential, username, ssh_public_key,"   \
	" ssh_host_key, submodules, allow_private, depth, poll_s, last_error, last_poll_ns," \
	" created_ns, updated_ns, secret, hook_secret, hook_secret_before FROM code_source "

static const char *text_of(struct arena *a, struct db_row *r, int column)
{
	return db_row_is_null(r, column) ? NULL : arena_strdup(a, db_row_text(r, column));
}

static void read_row(struct arena *a, struct db_row *r, struct pipeline_source_row *out)
{
	struct pipeline_source *s = &out->s;
	*out = (struct pipeline_source_row){ 0 };
	s->id = text_of(a, r, 0);
	s->namespace_ = text_of(a, r, 1);
	s->name = text_of(a, r, 2);
	if (!source_provider_parse(db_row_text(r, 3), &s->provider))
		s->provider = SOURCE_GENERIC;
	s->url = text_of(a, r, 4);
	s->credential = text_of(a, r, 5);
	s->username = db_row_text(r, 6).len ? text_of(a, r, 6) : NULL;
	s->ssh_public_key = text_of(a, r, 7);
	s->ssh_host_key = text_of(a, r, 8);
	s->submodules = db_row_int(r, 9);
	s->allow_private = db_row_int(r, 10);
	s->depth = (uint32_t)db_row_int(r, 11);
	s->poll_s = (uint32_t)db_row_int(r, 12);
	s->last_error = text_of(a, r, 13);
	s->last_poll_ns = db_row_is_null(r, 14) ? 0 : db_row_int(r, 14);
	s->created_ns = db_row_int(r, 15);
	s->updated_ns = db_row_int(r, 16);
	out->secret = text_of(a, r, 17);
	out->hook_secret = text_of(a, r, 18);
	out->hook_secret_before = text_of(a, r, 19);
}

struct one {
	struct arena *a;
	bool *found;
	struct pipeline_source_row *out;
};

static bool take_one(void *arg, struct db_row *r)
{
	struct one *o = arg;
	*o->found = true;
	read_row(o->a, r, o->out);
	return false;
}

struct err *pipeline_source_load(struct pipeline *p, struct arena *a, struct str id, bool *found,
				 struct pipeline_source_row *out)
{
	struct one o = { a, found, out };
	*found = false;
	return db_query(p->o.db, COLUMNS "WHERE id = $1", DB_PARAMS(db_text(id)), take_one, &o);
}

struct err *pipeline_source_need(struct pipeline *p, struct arena *a, struct str id,
				 struct pipeline_source_row *out)
{
	bool found;
	TRY(pipeline_source_load(p, a, id, &found, out));
	if (found)
		return NULL;
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no code source " STR_FMT,
			 STR_ARG(str_first(id, 64)));
}

struct err *pipeline_source_get(struct pipeline *p, struct arena *a, struct str id, bool *found,
				struct pipeline_source *out)
{
	struct pipeline_source_row row;
	TRY(pipeline_source_load(p, a, id, found, &row));
	if (*found)
		*out = row.s;
	return NULL;
}

struct err *pipeline_source_find(struct pipeline *p, struct arena *a, struct str namespace_,
				 struct str name, bool *found, struct pipeline_source *out)
{
	struct pipeline_source_row row;
	struct one o = { a, found, &row };
	*found = false;
	TRY(db_query(p->o.db, COLUMNS "WHERE namespace = $1 AND name = $2",
		     DB_PARAMS(db_text(namespace_), db_text(name)), take_one, &o));
	if (*found)
		*out = row.s;
	return NULL;
}

struct many {
	struct arena *a;
	struct pipeline_source *list; /* owned */
	size_t n, cap;
};

static bool take_many(void *arg, struct db_row *r)
{
	struct many *m = arg;
	struct pipeline_source_row row;
	read_row(m->a, r, &row);
	mem_reserve_one(m->list, m->n, m->cap);
	m->list[m->n++] = row.s;
	return true;
}

struct err *pipeline_source_list(struct pipeline *p, struct arena *a, struct str namespace_,
				 struct pipeline_source **out, size_t *n)
{
	struct many m = { .a = a };
	struct err *e = namespace_.len
				? db_query(p->o.db, COLUMNS "WHERE namespace = $1 ORDER BY name",
					   DB_PARAMS(db_text(namespace_)), take_many, &m)
				: db_query(p->o.db, COLUMNS "ORDER BY namespace, name",
					   DB_NO_PARAMS, take_many, &m);
	if (!e) {
		*out = arena_new_array(a, m.n + 1, struct pipeline_source);
		if (m.n)
			memcpy(*out, m.list, m.n * sizeof(**out));
		*n = m.n;
	}
	free(m.list);
	return e;
}

/* ---- secrets ---- */

struct err *pipeline_source_unseal(struct pipeline *p, struct arena *a, const char *id,
				   const char *what, const char *sealed, struct str *out)
{
	return err_wrap(pipeline_unseal(p, a, id, what, sealed, out), "%s of code source %s", what,
			id);
}

/* ---- the remote ---- */

static struct err *remote_of(struct pipeline *p, struct arena *a,
			     const struct pipeline_source_row *row, struct source_remote *out)
{
	const struct pipeline_source *s = &row->s;
	struct source_remote r = {
		.credential = strcmp(s->credential, "ssh") == 0        ? SOURCE_SSH_KEY
			      : strcmp(s->credential, "password") == 0 ? SOURCE_PASSWORD
								       : SOURCE_NO_CREDENTIAL,
		.username = str_of(s->username),
		.host_key = str_of(s->ssh_host_key),
		.allow_private = s->allow_private,
		.depth = s->depth,
		.submodules = s->submodules,
	};
	if (s->provider == SOURCE_KILN)
		return err_coded(ERR_INVALID, "SOURCE_LOCAL", NULL,
				 "code source %s/%s is kiln's own and has no remote", s->namespace_,
				 s->name);
	TRY(source_url_parse(str_of(s->url), &r.url));
	if (row->secret && r.credential != SOURCE_NO_CREDENTIAL)
		TRY(pipeline_source_unseal(p, a, s->id, "secret", row->secret, &r.secret));
	*out = r;
	return NULL;
}

struct err *pipeline_source_remote(struct pipeline *p, struct arena *a, struct str id,
				   struct source_remote *out)
{
	struct pipeline_source_row row;
	TRY(pipeline_source_need(p, a, id, &row));
	return remote_of(p, a, &row, out);
}

struct err *pipeline_source_test(struct pipeline *p, struct arena *a, struct str id,
				 struct source_ref **refs, size_t *n)
{
	struct pipeline_source_row row;
	struct source_remote remote;
	const char *host_key = NULL;
	TRY(pipeline_source_need(p, a, id, &row));
	if (row.s.provider == SOURCE_KILN)
		return source_git_local_refs(p->o.git, a, row.s.id, refs, n);
	TRY(remote_of(p, a, &row, &remote));
	struct err *e = source_git_ls_remote(p->o.git, a, &remote, refs, n, &host_key);
	OPENSSL_cleanse((char *)remote.secret.p, remote.secret.len);
	TRY(e);
	if (!host_key || !*host_key || row.s.ssh_host_key)
		return NULL;
	/* The first that is seen is kept, unless somebody changed the address meanwhile. */
	return db_exec(p->o.db,
		       "UPDATE code_source SET ssh_host_key = $2"
		       " WHERE id = $1 AND ssh_host_key IS NULL AND url = $3",
		       DB_PARAMS(db_text(id), db_cstr(host_key), db_cstr(row.s.url)));
}

struct seen {
	struct arena *a;
	struct source_ref *list; /* owned */
	size_t n, cap;
};

static bool take_ref(void *arg, struct db_row *r)
{
	struct seen *s = arg;
	mem_reserve_one(s->list, s->n, s->cap);
	s->list[s->n++] = (struct source_ref){ .name = text_of(s->a, r, 0),
					       .object = text_of(s->a, r, 1),
					       .commit = text_of(s->a, r, 2) };
	return true;
}

struct err *pipeline_source_refs(struct pipeline *p, struct arena *a, struct str id,
				 struct source_ref **refs, size_t *n)
{
	struct seen s = { .a = a };
	struct err *e = db_query(p->o.db,
				 "SELECT name, object_id, commit_id FROM source_ref"
				 " WHERE source_id = $1 ORDER BY name",
				 DB_PARAMS(db_text(id)), take_ref, &s);
	if (!e) {
		*refs = arena_new_array(a, s.n + 1, struct source_ref);
		if (s.n)
			memcpy(*refs, s.list, s.n * sizeof(**refs));
		*n = s.n;
	}
	free(s.list);
	return e;
}
