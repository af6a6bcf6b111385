/* Tags, each with the digests below it. */
#include "api/repositories_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "oci/config.h"
#include "oci/reference.h"

#define MOST_CHILDREN 32 /* of an index that are looked into; layers of the others are null */

/* ---- what a tag holds ---- */

/* A document of the store; what is damaged or gone is not found. */
static struct err *read_document(struct api_call *c, struct arena *m, const struct oci_digest *d,
				 struct str media_type, bool *found, struct oci_document *doc)
{
	own_mem char *body = NULL;
	size_t len;
	*found = false;
	struct err *e = blob_store_read(c->api->o.blobs, d, LIMIT_MANIFEST_BYTES, &body, &len);
	if (!e)
		e = oci_document_parse(m, str_n(body, len), media_type, doc);
	*found = !e;
	if (!e || e->kind == ERR_NOT_FOUND || e->kind == ERR_INVALID || e->kind == ERR_LIMIT) {
		err_free(e);
		return NULL;
	}
	return e;
}

static uint64_t total_size(const struct oci_document *doc)
{
	uint64_t total = doc->config.size;
	for (size_t i = 0; i < doc->n_layers; i++)
		total = total + doc->layers[i].size < total ? UINT64_MAX
							    : total + doc->layers[i].size;
	return MIN(total, (uint64_t)INT64_MAX);
}

/* `doc` NULL: it was not looked into. */
static json_t *image_json(const struct oci_platform *p, const struct oci_digest *d, uint64_t size,
			  const struct oci_document *doc)
{
	json_t *j = json_object();
	json_object_set_new(j, "platform",
			    p && p->os[0] ? json_string(oci_platform_text(p).s) : json_null());
	json_object_set_new(j, "digest", json_string(oci_digest_text(d).s));
	json_object_set_new(j, "size", json_integer((json_int_t)size));
	json_object_set_new(j, "layers",
			    doc ? json_integer((json_int_t)doc->n_layers) : json_null());
	json_object_set_new(j, "totalSize",
			    doc ? json_integer((json_int_t)total_size(doc)) : json_null());
	return j;
}

/* The platform of a manifest alone is in its configuration; artifacts have none. */
static struct oci_platform platform_of(struct api_call *c, const struct oci_document *doc)
{
	struct oci_platform none = { .os = "" };
	struct oci_config config;
	own_mem char *body = NULL;
	size_t len;
	if (!oci_is_config_type(str_of(doc->config.media_type)))
		return none;
	own(arena) m = arena_open(OCI_CONFIG_ARENA_BYTES + 4096);
	struct err *e = blob_store_read(c->api->o.blobs, &doc->config.digest, LIMIT_CONFIG_BYTES,
					&body, &len);
	if (!e)
		e = oci_config_parse(m, str_n(body, len), &config);
	bool known = !e;
	err_free(e);
	return known ? config.platform : none;
}

static struct err *add_child(struct api_call *c, json_t *list, const struct oci_descriptor *d,
			     bool look)
{
	struct oci_document doc;
	bool found = false;
	own(arena) m = arena_open(OCI_DOCUMENT_ARENA_BYTES + 4096);
	if (look)
		TRY(read_document(c, m, &d->digest, str_of(d->media_type), &found, &doc));
	json_array_append_new(list, image_json(d->has_platform ? &d->platform : NULL, &d->digest,
					       d->size, found ? &doc : NULL));
	return NULL;
}

/* Attestations are in indexes as manifests of an unknown platform. */
static bool is_image(const struct oci_descriptor *d)
{
	return oci_is_manifest_type(str_of(d->media_type)) &&
	       !(d->has_platform && strcmp(d->platform.os, "unknown") == 0);
}

struct err *api_document_images(struct api_call *c, json_t *list, const struct catalog_manifest *m,
				const struct oci_document *doc, const struct oci_platform *platform)
{
	size_t n = 0;
	switch (doc->kind) {
	case OCI_DOCUMENT_MANIFEST:
		json_array_append_new(list, image_json(platform, &m->digest, m->size, doc));
		return NULL;
	case OCI_DOCUMENT_INDEX:
		for (size_t i = 0; i < doc->n_manifests; i++)
			if (is_image(&doc->manifests[i]))
				TRY(add_child(c, list, &doc->manifests[i], n++ < MOST_CHILDREN));
		return NULL;
	}
	abort();
}

static struct err *add_images(struct api_call *c, json_t *list, const struct catalog_manifest *tag)
{
	struct oci_document doc;
	struct oci_platform p = { .os = "" };
	bool found;
	own(arena) m = arena_open(OCI_DOCUMENT_ARENA_BYTES + 4096);
	TRY(read_document(c, m, &tag->digest, str_of(tag->media_type), &found, &doc));
	if (!found)
		return NULL;
	if (doc.kind == OCI_DOCUMENT_MANIFEST)
		p = platform_of(c, &doc);
	return api_document_images(c, list, tag, &doc, &p);
}

static struct err *tag_json(struct api_call *c, const struct catalog_tag *t, json_t **out)
{
	own_json images = json_array();
	TRY(add_images(c, images, &t->manifest));
	json_t *j = json_object();
	json_object_set_new(j, "name", json_string(t->name));
	json_object_set_new(j, "digest", json_string(oci_digest_text(&t->manifest.digest).s));
	json_object_set_new(j, "mediaType", json_string(t->manifest.media_type));
	json_object_set_new(j, "size", json_integer((json_int_t)t->manifest.size));
	json_object_set(j, "platforms", images);
	json_object_set_new(j, "createdAt", api_time(t->created_ns));
	json_object_set_new(j, "updatedAt", api_time(t->updated_ns));
	*out = j;
	return NULL;
}

/* ---- routes ---- */

/* A cursor of the newest first is "TIME NAME". */
static struct err *read_query(struct api_call *c, struct catalog_tag_query *q)
{
	struct str sort = api_query(c, "sort");
	q->newest = str_eq(sort, STR("updated"));
	if (sort.len && !q->newest && !str_eq(sort, STR("name")))
		return err_coded(ERR_INVALID, "QUERY", NULL, "sort is name or updated");
	q->part = str_first(api_query(c, "q"), 255);
	TRY(api_query_limit(c, &q->n));
	TRY(api_query_cursor(c, &q->after));
	uint64_t ns;
	if (!q->newest || !q->after.len)
		return NULL;
	if (!str_to_u64(str_cut(&q->after, ' '), INT64_MAX, &ns) || !q->after.len)
		return err_coded(ERR_INVALID, "QUERY", "Take it from \"next\" of the page before.",
				 "cursor is none of this order");
	q->after_ns = (int64_t)ns;
	return NULL;
}

static const char *next_of(struct api_call *c, const struct catalog_tag_query *q,
			   const struct catalog_tag *last)
{
	const char *after = q->newest ? arena_printf(c->arena, "%lld %s",
						     (long long)last->updated_ns, last->name)
				      : last->name;
	return api_cursor(c, str_of(after));
}

struct err *api_tags_list(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	struct catalog_tag_query q = { .n = 0 };
	size_t n;
	struct catalog_tag *tags;
	TRY(api_need_repository(c, c->params[0], AUTH_VIEW, &r));
	TRY(read_query(c, &q));
	size_t most = q.n++; /* one more tells whether there is a page behind it */
	TRY(catalog_image_tags(c->api->o.catalog, c->arena, str_of(r.full_name), &q, &tags, &n));
	own_json items = json_array();
	for (size_t i = 0; i < n && i < most; i++) {
		json_t *j;
		TRY(tag_json(c, &tags[i], &j));
		json_array_append_new(items, j);
	}
	*out = api_page(json_incref(items), n > most ? next_of(c, &q, &tags[most - 1]) : NULL);
	return NULL;
}

static struct err *absent(const struct catalog_image_repository *r, struct str tag)
{
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "%s has no tag " STR_FMT, r->full_name,
			 STR_ARG(str_first(tag, 200)));
}

static struct err *show(struct api_call *c, const struct catalog_image_repository *r,
			struct http_reply **out)
{
	struct catalog_tag t;
	bool found;
	json_t *j;
	TRY(catalog_image_tag_get(c->api->o.catalog, c->arena, str_of(r->full_name), c->params[1],
				  &found, &t));
	if (!found)
		return absent(r, c->params[1]);
	TRY(tag_json(c, &t, &j));
	*out = api_json(200, j);
	return NULL;
}

struct err *api_tags_get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	TRY(api_need_repository(c, c->params[0], AUTH_VIEW, &r));
	return show(c, &r, out);
}

static const char *target_of(struct api_call *c, const struct catalog_image_repository *r)
{
	return arena_printf(c->arena, "%s:" STR_FMT, r->full_name, STR_ARG(c->params[1]));
}

struct err *api_tags_put(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "from", NULL };
	struct catalog_image_repository r;
	struct str from;
	TRY(api_need_repository(c, c->params[0], AUTH_DEVELOP, &r));
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "from", 200, true, NULL, &from));
	TRY(catalog_image_retag(c->api->o.catalog, str_of(r.full_name), from, c->params[1]));
	api_audit(c, "tag.set", str_of(target_of(c, &r)),
		  json_pack("{s:s%}", "from", from.p, from.len));
	return show(c, &r, out);
}

struct err *api_tags_delete(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	bool found;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &r));
	TRY(catalog_tag_delete(c->api->o.catalog, str_of(r.full_name), c->params[1], &found));
	if (!found)
		return absent(&r, c->params[1]);
	api_audit(c, "tag.delete", str_of(target_of(c, &r)), NULL);
	*out = api_no_content();
	return NULL;
}
