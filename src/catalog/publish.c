/* One transaction checks what the manifests refer to and records them. Nothing is written, and no
 * disk is waited for, when all is as it was a minute ago; later only the time is. */
#include "catalog/catalog_priv.h"

#include <assert.h>
#include <stdlib.h>

#include "base/time.h"

enum reference { REFERENCE_BLOB, REFERENCE_MANIFEST, REFERENCE_FOREIGN };
static const char *const reference_names[] = {
	[REFERENCE_BLOB] = "blob",
	[REFERENCE_MANIFEST] = "manifest",
	[REFERENCE_FOREIGN] = "foreign",
};

struct publish {
	struct db_tx *tx; /* borrowed */
	struct str repository;
	bool link_blobs;
	int64_t now_ns;
	bool changed;
	struct oci_digest *missing; /* owned */
	size_t n_missing, cap_missing;
	bool refused; /* all was looked at, and `missing` is whole */
};

static struct err *run(struct publish *p, const char *sql, const struct db_param *params, size_t n)
{
	return db_tx_query(p->tx, sql, params, n, catalog_see_row, &p->changed);
}

static struct err *has(struct publish *p, const char *sql, const struct oci_digest *d, bool *found)
{
	*found = false;
	return db_tx_query(p->tx, sql,
			   DB_PARAMS(db_text(p->repository), db_cstr(oci_digest_text(d).s)),
			   catalog_see_row, found);
}

static struct err *has_blob(struct publish *p, const struct oci_digest *d, bool *found)
{
	return has(p, "SELECT 1 FROM repository_blob WHERE repository = $1 AND digest = $2", d,
		   found);
}

static struct err *has_manifest(struct publish *p, const struct oci_digest *d, bool *found)
{
	return has(p, "SELECT 1 FROM manifest WHERE repository = $1 AND digest = $2", d, found);
}

static void add_missing(struct publish *p, const struct oci_digest *d)
{
	for (size_t i = 0; i < p->n_missing; i++)
		if (oci_digest_eq(&p->missing[i], d))
			return;
	mem_reserve_one(p->missing, p->n_missing, p->cap_missing);
	p->missing[p->n_missing++] = *d;
}

static enum reference kind_of_child(const struct oci_descriptor *d)
{
	struct str type = str_of(d->media_type);
	return oci_is_index_type(type) || oci_is_manifest_type(type) ? REFERENCE_MANIFEST
								     : REFERENCE_BLOB;
}

static struct err *check_reference(struct publish *p, const struct oci_descriptor *d,
				   enum reference kind, bool child)
{
	bool found = kind == REFERENCE_FOREIGN;
	if (child)
		TRY(has_manifest(p, &d->digest, &found));
	if (!found && kind == REFERENCE_BLOB && p->link_blobs) {
		found = true;
		TRY(run(p,
			"INSERT INTO repository_blob (repository, digest, size, linked_ns)"
			" VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1",
			DB_PARAMS(db_text(p->repository), db_cstr(oci_digest_text(&d->digest).s),
				  db_int(d->size), db_int(p->now_ns))));
	}
	if (!found && kind == REFERENCE_BLOB)
		TRY(has_blob(p, &d->digest, &found));
	if (!found)
		add_missing(p, &d->digest);
	return NULL;
}

static struct err *add_reference(struct publish *p, const struct catalog_put *put, size_t position,
				 const struct oci_descriptor *d, enum reference kind)
{
	return run(p,
		   "INSERT INTO manifest_reference (repository, manifest, position, kind, digest)"
		   " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (repository, manifest, position)"
		   " DO UPDATE SET kind = excluded.kind, digest = excluded.digest"
		   " WHERE manifest_reference.kind <> excluded.kind"
		   " OR manifest_reference.digest <> excluded.digest RETURNING 1",
		   DB_PARAMS(db_text(p->repository), db_cstr(oci_digest_text(&put->digest).s),
			     db_int(position), db_cstr(reference_names[kind]),
			     db_cstr(oci_digest_text(&d->digest).s)));
}

/* Calls `each` for everything the document refers to but its subject. */
static struct err *each_reference(
	struct publish *p, const struct catalog_put *put,
	struct err *(*each)(struct publish *p, const struct catalog_put *put, size_t position,
			    const struct oci_descriptor *d, enum reference kind))
{
	const struct oci_document *doc = put->doc;
	switch (doc->kind) {
	case OCI_DOCUMENT_MANIFEST:
		TRY(each(p, put, 0, &doc->config, REFERENCE_BLOB));
		for (size_t i = 0; i < doc->n_layers; i++)
			TRY(each(p, put, i + 1, &doc->layers[i],
				 doc->layers[i].has_urls ? REFERENCE_FOREIGN : REFERENCE_BLOB));
		return NULL;
	case OCI_DOCUMENT_INDEX:
		for (size_t i = 0; i < doc->n_manifests; i++)
			TRY(each(p, put, i, &doc->manifests[i], kind_of_child(&doc->manifests[i])));
		return NULL;
	}
	abort();
}

static struct err *check(struct publish *p, const struct catalog_put *put, size_t position,
			 const struct oci_descriptor *d, enum reference kind)
{
	return check_reference(p, d, kind, put->doc->kind == OCI_DOCUMENT_INDEX);
}

/* SPEC distribution-spec "Listing Referrers" */
static const char *referrer_type(const struct oci_document *doc)
{
	if (doc->artifact_type && doc->artifact_type[0])
		return doc->artifact_type;
	return doc->kind == OCI_DOCUMENT_MANIFEST ? doc->config.media_type : NULL;
}

static struct db_param text_or_null(const char *s)
{
	return s ? db_cstr(s) : db_null();
}

/* The same bytes may come again under another media type; nothing else can differ. */
static struct err *add_manifest(struct publish *p, const struct catalog_put *put)
{
	const struct oci_document *doc = put->doc;
	struct oci_digest_text subject = { "" };
	if (doc->has_subject)
		subject = oci_digest_text(&doc->subject.digest);
	TRY(run(p,
		"INSERT INTO manifest (repository, digest, media_type, size, artifact_type,"
		" annotations, subject, created_ns) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (repository, digest) DO UPDATE"
		" SET media_type = excluded.media_type, artifact_type = excluded.artifact_type"
		" WHERE manifest.media_type <> excluded.media_type RETURNING 1",
		DB_PARAMS(db_text(p->repository), db_cstr(oci_digest_text(&put->digest).s),
			  db_cstr(put->media_type), db_int(put->size),
			  text_or_null(referrer_type(doc)), text_or_null(doc->annotations_json),
			  doc->has_subject ? db_cstr(subject.s) : db_null(), db_int(p->now_ns))));
	/* the index that needs it may be on its way: retention is not to take it before */
	return db_tx_exec(p->tx,
			  "UPDATE manifest SET used_ns = $3 WHERE repository = $1 AND digest = $2"
			  " AND COALESCE(used_ns, created_ns) < $4",
			  DB_PARAMS(db_text(p->repository),
				    db_cstr(oci_digest_text(&put->digest).s), db_int(p->now_ns),
				    db_int(p->now_ns - CATALOG_RENEW_NS)));
}

static struct err *put_all(struct publish *p, const struct catalog_put *puts, size_t n_puts,
			   const char *const *tags, size_t n_tags)
{
	TRY(run(p,
		"INSERT INTO repository (name, created_ns) VALUES ($1, $2)"
		" ON CONFLICT (name) DO NOTHING RETURNING 1",
		DB_PARAMS(db_text(p->repository), db_int(p->now_ns))));
	for (size_t i = 0; i < n_puts; i++) {
		TRY(each_reference(p, &puts[i], check));
		TRY(add_manifest(p, &puts[i]));
		TRY(each_reference(p, &puts[i], add_reference));
	}
	for (size_t i = 0; i < n_tags; i++)
		TRY(catalog_tag_set(p->tx, p->repository, str_of(tags[i]), &puts[n_puts - 1].digest,
				    p->now_ns, &p->changed));
	return NULL;
}

static struct err *missing_err(const struct publish *p)
{
	struct buf b;
	buf_init(&b, 8 << 10);
	for (size_t i = 0; i < p->n_missing; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", oci_digest_text(&p->missing[i]).s);
	own_mem char *list = buf_steal(&b);
	return err_new(ERR_NOT_FOUND,
		       "repository " STR_FMT " does not hold what is referred to: %s",
		       STR_ARG(p->repository), list);
}

static struct err *publish(struct catalog *c, struct publish *p, const struct catalog_put *puts,
			   size_t n_puts, const char *const *tags, size_t n_tags)
{
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(c->db, &tx));
	p->tx = tx;
	TRY(put_all(p, puts, n_puts, tags, n_tags));
	p->refused = p->n_missing > 0;
	if (p->refused)
		return missing_err(p);
	return catalog_commit(c, tx, p->changed);
}

static struct err *check_puts(const struct catalog_put *puts, size_t n_puts)
{
	assert(n_puts > 0);
	for (size_t i = 0; i < n_puts; i++)
		if (strlen(puts[i].media_type) >=
		    sizeof(((struct catalog_manifest *)0)->media_type))
			return err_new(ERR_INVALID, "media type of %s is too long",
				       oci_digest_text(&puts[i].digest).s);
	return NULL;
}

struct err *catalog_publish(struct catalog *c, struct str repository,
			    const struct catalog_put *puts, size_t n_puts, const char *const *tags,
			    size_t n_tags, bool link_blobs, struct arena *a,
			    struct oci_digest **missing, size_t *n_missing)
{
	TRY(check_puts(puts, n_puts));
	struct publish p = { .repository = repository,
			     .link_blobs = link_blobs,
			     .now_ns = time_now_unix_ns() };
	struct err *e = publish(c, &p, puts, n_puts, tags, n_tags);
	if (missing) {
		*n_missing = p.refused ? p.n_missing : 0;
		*missing = arena_new_array(a, *n_missing, struct oci_digest);
		if (*n_missing)
			memcpy(*missing, p.missing, *n_missing * sizeof(*p.missing));
	}
	free(p.missing);
	return e;
}
