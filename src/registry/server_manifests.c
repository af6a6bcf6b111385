#include <stdlib.h>

#include "oci/reference.h"
#include "registry/server_priv.h"

#define MOST_TAG_PARAMS 64
#define LARGEST_CACHED  ((size_t)64 << 10) /* 64 shards of 16 of them bound the memory */

/* ---- GET, HEAD ---- */

static struct err *unknown(struct registry_call *c, struct http_reply **out)
{
	bool found;
	TRY(catalog_repository_exists(c->server->catalog, c->repository, &found));
	*out = found ? registry_error(404, "MANIFEST_UNKNOWN", STR_FMT " has no manifest " STR_FMT,
				      STR_ARG(c->repository), STR_ARG(c->reference))
		     : registry_error(404, "NAME_UNKNOWN", "there is no repository " STR_FMT,
				      STR_ARG(c->repository));
	return NULL;
}

struct answer {
	struct http_reply *reply;
	struct oci_digest_text etag; /* "" when there is no manifest */
	size_t size;
};

static struct err *read_manifest(struct registry_call *c, struct answer *a)
{
	bool found;
	struct catalog_manifest m;
	TRY(catalog_reference_get(c->server->catalog, c->repository, c->reference, &found, &m));
	if (!found)
		return unknown(c, &a->reply);
	char *body;
	struct err *e =
		blob_store_read(c->server->store, &m.digest, LIMIT_MANIFEST_BYTES, &body, &a->size);
	if (e && e->kind == ERR_NOT_FOUND) /* the catalog says otherwise */
		e->kind = ERR_CORRUPT;
	TRY(err_wrap(e, "manifest of " STR_FMT, STR_ARG(c->repository)));
	a->etag = oci_digest_text(&m.digest);
	a->reply = http_reply_new(200, body, a->size);
	http_reply_header(a->reply, "Content-Type", m.media_type);
	http_reply_header(a->reply, "Docker-Content-Digest", a->etag.s);
	http_reply_headerf(a->reply, "ETag", "\"%s\"", a->etag.s);
	bool by_tag = str_chr(c->reference, ':') < 0;
	http_reply_header(a->reply, "Cache-Control", by_tag ? "no-cache" : "max-age=31536000");
	return NULL;
}

static void read_or_refuse(struct registry_call *c, struct answer *a)
{
	struct err *e = read_manifest(c, a);
	if (e)
		a->reply = registry_error_of(e);
}

/* For what is not to be shared: a condition, parameters. */
static struct err *get_alone(struct registry_call *c, struct http_reply **out)
{
	struct answer a = { .reply = NULL };
	read_or_refuse(c, &a);
	if (a.etag.s[0] && registry_etag_matches(c->if_none_match, &a.etag)) {
		http_reply_unref(a.reply);
		a.reply = registry_not_modified(&a.etag);
	}
	*out = a.reply;
	return NULL;
}

struct landing {
	struct registry_call *call;
	struct registry_flight *flight;
};

static bool join(struct landing *l, uint64_t generation)
{
	struct registry_call *c = l->call;
	l->flight =
		registry_cache_join(c->server->cache, http_exchange_path(c->x), generation, c->x);
	return l->flight; /* else `x` may be answered by now */
}

static void get_for_all(void *arg, struct http_exchange *x)
{
	struct landing *l = arg;
	struct answer a = { .reply = NULL };
	read_or_refuse(l->call, &a);
	bool keep = a.etag.s[0] && a.size <= LARGEST_CACHED;
	registry_cache_land(l->call->server->cache, l->flight, a.reply, keep ? &a.etag : NULL,
			    l->call->open);
	http_answer(x, a.reply);
}

/* Who may not have it does not join those who wait for it. */
static void get_if_allowed(void *arg, struct http_exchange *x)
{
	struct landing *l = arg;
	struct http_reply *reply = NULL;
	/* before it is known whether the repository is public */
	uint64_t generation = catalog_generation(l->call->server->catalog);
	struct err *e = registry_authorize(l->call, &reply);
	if (e)
		reply = registry_error_of(e);
	if (reply)
		http_answer(x, reply);
	else if (join(l, generation))
		get_for_all(l, x);
}

static void get(struct registry_call *c)
{
	struct oci_digest d;
	struct err *e = NULL;
	if (str_chr(c->reference, ':') >= 0)
		e = oci_digest_parse(c->reference, &d);
	if (e) {
		err_free(e);
		http_answer(c->x, registry_error(400, "DIGEST_INVALID", "not a digest: " STR_FMT,
						 STR_ARG(str_first(c->reference, 200))));
		return;
	}
	if (c->if_none_match.p || http_exchange_query(c->x).p) {
		registry_defer(c, get_alone);
		return;
	}
	struct landing *l = arena_new(c->arena, struct landing);
	l->call = c;
	if (c->server->o.auth)
		http_defer(c->x, get_if_allowed, l);
	else if (join(l, catalog_generation(c->server->catalog)))
		http_defer(c->x, get_for_all, l);
}

/* ---- DELETE ---- */

static struct err *delete_manifest(struct registry_call *c, struct http_reply **out)
{
	bool found = false;
	struct oci_digest d;
	if (str_chr(c->reference, ':') < 0) {
		if (oci_tag_ok(c->reference))
			TRY(catalog_tag_delete(c->server->catalog, c->repository, c->reference,
					       &found));
	} else {
		struct err *e = oci_digest_parse(c->reference, &d);
		if (!e)
			TRY(catalog_manifest_delete(c->server->catalog, c->repository, &d, &found));
		err_free(e);
	}
	if (!found)
		return unknown(c, out);
	registry_audit(c, str_chr(c->reference, ':') < 0 ? "tag.delete" : "manifest.delete",
		       c->reference);
	*out = http_reply_new(202, NULL, 0);
	return NULL;
}

/* ---- PUT ---- */

struct put {
	struct registry_call *call;
	struct http_reply *refusal; /* owned; the caller may not */
	struct buf body;            /* owned */
	bool by_digest;
	struct oci_digest digest; /* wanted, then found */
	struct str media_type;
	const char *tags[MOST_TAG_PARAMS + 1];
	size_t n_tags;
	size_t n_params; /* of `tags`, the last ones */
};

static bool matches_kind(struct str media_type, enum oci_document_kind kind)
{
	return kind == OCI_DOCUMENT_INDEX ? oci_is_index_type(media_type)
					  : oci_is_manifest_type(media_type);
}

/* The type it is served with: what came with it, what it says itself, else OCI's. */
static bool settle_type(struct put *p, const struct oci_document *doc)
{
	if (!p->media_type.len && doc->media_type)
		p->media_type = str_of(doc->media_type);
	if (!p->media_type.len)
		p->media_type = str_of(doc->kind == OCI_DOCUMENT_INDEX ? OCI_TYPE_INDEX
								       : OCI_TYPE_MANIFEST);
	return matches_kind(p->media_type, doc->kind);
}

static struct err *digest_of(enum oci_digest_alg alg, struct str body, struct oci_digest *out)
{
	if (alg == OCI_SHA256) {
		*out = oci_digest_of_bytes(body.p, body.len);
		return NULL;
	}
	struct sha512 h;
	sha512_init(&h);
	sha512_update(&h, body.p, body.len);
	struct sha512_sum sum = sha512_final(&h);
	sha512_done(&h);
	*out = (struct oci_digest){ .alg = alg };
	memcpy(out->raw, sum.b, SHA512_BYTES);
	return NULL;
}

static struct err *store(struct put *p)
{
	struct blob_store *s = p->call->server->store;
	own(blob_writer) w = NULL;
	TRY(blob_store_begin(s, &w));
	TRY(blob_writer_write(w, p->body.p, p->body.len));
	TRY(blob_writer_commit(w, &p->digest, NULL));
	return blob_store_flush(s);
}

static struct http_reply *created(struct put *p, const struct oci_document *doc)
{
	struct registry_call *c = p->call;
	struct oci_digest_text digest = oci_digest_text(&p->digest);
	struct http_reply *r = http_reply_new(201, NULL, 0);
	http_reply_headerf(r, "Location", "/v2/" STR_FMT "/manifests/%s", STR_ARG(c->repository),
			   digest.s);
	http_reply_header(r, "Docker-Content-Digest", digest.s);
	if (doc->has_subject)
		http_reply_header(r, "OCI-Subject", oci_digest_text(&doc->subject.digest).s);
	for (size_t i = p->n_tags - p->n_params; i < p->n_tags; i++)
		http_reply_header(r, "OCI-Tag", p->tags[i]);
	return r;
}

struct stored_check {
	struct put *p;
	struct oci_digest *missing; /* arena */
	size_t n_missing;
	struct http_reply *refusal;
};

static struct err *check_stored(struct stored_check *k, const struct oci_descriptor *d)
{
	bool found;
	uint64_t size;
	if (d->has_urls)
		return NULL;
	TRY(blob_store_stat(k->p->call->server->store, &d->digest, &found, &size));
	if (!found)
		k->missing[k->n_missing++] = d->digest;
	else if (size != d->size && !k->refusal)
		k->refusal = registry_error(400, "MANIFEST_INVALID", "%s has %llu bytes, not %llu",
					    oci_digest_text(&d->digest).s, (unsigned long long)size,
					    (unsigned long long)d->size);
	return NULL;
}

/* The catalog knows what was linked; whether the bytes are there is for the store to say, which may
 * have lost what was never flushed. Sets `*out` to the refusal. */
static struct err *check_references(struct put *p, const struct oci_document *doc,
				    struct http_reply **out)
{
	bool index = doc->kind == OCI_DOCUMENT_INDEX;
	const struct oci_descriptor *list = index ? doc->manifests : doc->layers;
	size_t n = index ? doc->n_manifests : doc->n_layers;
	struct stored_check k = {
		.p = p, .missing = arena_new_array(p->call->arena, n + 1, struct oci_digest)
	};
	struct err *e = index ? NULL : check_stored(&k, &doc->config);
	for (size_t i = 0; i < n && !e; i++)
		e = check_stored(&k, &list[i]);
	if (!e && k.n_missing) {
		http_reply_unref(k.refusal);
		k.refusal = registry_error_missing(k.missing, k.n_missing);
	}
	*out = k.refusal;
	return e;
}

static void audit_put(struct put *p)
{
	if (!p->n_tags)
		registry_audit(p->call, "manifest.push", p->call->reference);
	for (size_t i = 0; i < p->n_tags; i++)
		registry_audit(p->call, "tag.push", str_of(p->tags[i]));
}

static struct err *publish(struct put *p, const struct oci_document *doc, struct http_reply **out)
{
	struct registry_call *c = p->call;
	struct catalog_put put = { .digest = p->digest,
				   .media_type = arena_strdup(c->arena, p->media_type),
				   .size = p->body.len,
				   .doc = doc };
	struct oci_digest *missing = NULL;
	size_t n_missing = 0;
	TRY(check_references(p, doc, out));
	if (*out)
		return NULL;
	TRY(store(p));
	struct err *e = catalog_publish(c->server->catalog, c->repository, &put, 1, p->tags,
					p->n_tags, false, c->arena, &missing, &n_missing);
	if (e && e->kind == ERR_NOT_FOUND && n_missing) {
		err_free(e);
		*out = registry_error_missing(missing, n_missing);
		return NULL;
	}
	TRY(e);
	audit_put(p);
	*out = created(p, doc);
	return NULL;
}

static struct http_reply *refuse_invalid(struct err *e)
{
	own(err) owned = e;
	own_mem char *text = err_text(e);
	return registry_error(e->kind == ERR_LIMIT ? 413 : 400, "MANIFEST_INVALID", "%s", text);
}

static struct err *put_manifest(struct put *p, struct http_reply **out)
{
	struct str body = buf_str(&p->body);
	struct oci_digest got;
	struct oci_document doc;
	TRY(digest_of(p->by_digest ? p->digest.alg : OCI_SHA256, body, &got));
	if (p->by_digest && !oci_digest_eq(&got, &p->digest)) {
		*out = registry_error(400, "DIGEST_INVALID", "content is %s, expected %s",
				      oci_digest_text(&got).s, oci_digest_text(&p->digest).s);
		return NULL;
	}
	p->digest = got;
	struct err *e = oci_document_parse(p->call->arena, body, p->media_type, &doc);
	if (e) {
		*out = refuse_invalid(e);
		return NULL;
	}
	if (!settle_type(p, &doc)) {
		*out = registry_error(400, "MANIFEST_INVALID",
				      STR_FMT " is no media type of this document",
				      STR_ARG(str_first(p->media_type, 200)));
		return NULL;
	}
	return publish(p, &doc, out);
}

static struct err *too_large(void)
{
	return err_new(ERR_LIMIT, "manifests have at most %zu bytes", LIMIT_MANIFEST_BYTES);
}

static struct err *put_begin(void *arg)
{
	struct put *p = arg;
	TRY(registry_authorize(p->call, &p->refusal));
	return p->refusal ? err_new(ERR_DENIED, "refused") : NULL;
}

static struct err *put_write(void *arg, const void *bytes, size_t len)
{
	struct put *p = arg;
	buf_add(&p->body, str_n(bytes, len));
	return p->body.over ? too_large() : NULL;
}

static void put_end(void *arg, struct http_exchange *x, struct err *e)
{
	struct put *p = arg;
	struct http_reply *reply = NULL;
	if (p->refusal) {
		err_free(e);
		reply = p->refusal;
	} else if (e && e->kind == ERR_LIMIT) {
		reply = refuse_invalid(e);
	} else {
		if (!e)
			e = put_manifest(p, &reply);
		if (e)
			reply = registry_error_of(e);
	}
	buf_done(&p->body);
	http_answer(x, reply);
}

static bool add_tag(struct put *p, struct str tag)
{
	if (!oci_tag_ok(tag))
		return false;
	p->tags[p->n_tags++] = arena_strdup(p->call->arena, tag);
	return true;
}

static struct http_reply *read_tag_params(struct put *p)
{
	struct registry_call *c = p->call;
	struct str rest = http_exchange_query(c->x), name, value;
	while (http_query_next(c->arena, &rest, &name, &value)) {
		if (!str_eq(name, STR("tag")))
			continue;
		if (p->n_params == MOST_TAG_PARAMS)
			return registry_error(414, "TAG_INVALID", "at most %d tags at once",
					      MOST_TAG_PARAMS);
		if (!add_tag(p, value))
			return registry_error(400, "TAG_INVALID", "\"" STR_FMT "\" is not a tag",
					      STR_ARG(str_first(value, 200)));
		p->n_params++;
	}
	return NULL;
}

static struct http_reply *read_put(struct put *p)
{
	struct registry_call *c = p->call;
	uint64_t len;
	if (http_exchange_length(c->x, &len) && len > LIMIT_MANIFEST_BYTES)
		return refuse_invalid(too_large());
	p->by_digest = str_chr(c->reference, ':') >= 0;
	struct err *e = p->by_digest ? oci_digest_parse(c->reference, &p->digest) : NULL;
	if (e) {
		own(err) owned = e;
		own_mem char *text = err_text(e);
		return registry_error(400, "DIGEST_INVALID", "%s", text);
	}
	if (!p->by_digest && !add_tag(p, c->reference))
		return registry_error(400, "TAG_INVALID", "\"" STR_FMT "\" is not a tag",
				      STR_ARG(str_first(c->reference, 200)));
	struct str type = c->content_type;
	p->media_type = str_trim(str_cut(&type, ';'));
	return read_tag_params(p);
}

static void put(struct registry_call *c)
{
	static const struct http_sink sink = { .begin = put_begin,
					       .write = put_write,
					       .end = put_end };
	struct put *p = arena_new(c->arena, struct put);
	p->call = c;
	struct http_reply *refusal = read_put(p);
	if (refusal) {
		http_answer(c->x, refusal);
		return;
	}
	buf_init(&p->body, LIMIT_MANIFEST_BYTES);
	http_receive(c->x, &sink, p);
}

void registry_handle_manifest(struct registry_call *c)
{
	if (c->method == HTTP_PUT)
		put(c);
	else if (c->method == HTTP_DELETE)
		registry_defer(c, delete_manifest);
	else
		get(c);
}
