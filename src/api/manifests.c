/* A manifest as it is: its bytes, what it is made of, and where its layers come from. */
#include "api/repositories_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "oci/config.h"

struct view {
	struct api_call *c;
	struct catalog_manifest m;
	struct str body;
	struct oci_document doc;
	struct str config_body; /* {NULL, 0}: none that is an image's */
	struct oci_config config;
};

static struct err *find(struct view *v, const struct catalog_image_repository *r)
{
	struct str reference = v->c->params[1];
	bool found;
	TRY(catalog_reference_get(v->c->api->o.catalog, str_of(r->full_name), reference, &found,
				  &v->m));
	return found ? NULL
		     : err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "%s has no manifest " STR_FMT,
				 r->full_name, STR_ARG(str_first(reference, 200)));
}

static struct err *read_blob(struct api_call *c, const struct oci_digest *d, size_t most,
			     struct str *out)
{
	own_mem char *body = NULL;
	size_t len;
	TRY(blob_store_read(c->api->o.blobs, d, most, &body, &len));
	*out = arena_str(c->arena, str_n(body, len));
	return NULL;
}

/* A configuration that is gone or damaged is left out: the manifest is still worth a look. */
static void read_config(struct view *v)
{
	if (v->doc.kind != OCI_DOCUMENT_MANIFEST ||
	    !oci_is_config_type(str_of(v->doc.config.media_type)))
		return;
	struct err *e = read_blob(v->c, &v->doc.config.digest, LIMIT_CONFIG_BYTES, &v->config_body);
	if (!e)
		e = oci_config_parse(v->c->arena, v->config_body, &v->config);
	if (e)
		v->config_body = (struct str){ NULL, 0 };
	err_free(e);
}

static json_t *descriptor_json(const struct oci_descriptor *d)
{
	json_t *j = json_object();
	json_object_set_new(j, "digest", json_string(oci_digest_text(&d->digest).s));
	json_object_set_new(j, "mediaType", json_string(d->media_type));
	json_object_set_new(j, "size", json_integer((json_int_t)MIN(d->size, (uint64_t)INT64_MAX)));
	return j;
}

static json_t *time_json(int64_t unix_ns)
{
	return unix_ns == INT64_MIN || unix_ns == 0 ? json_null() : api_time(unix_ns);
}

/* SPEC image-spec config.md "history": the entries that are not empty_layer are the layers, in
 * order. Where the numbers differ nobody knows which is whose. */
static json_t *history_json(const struct view *v)
{
	json_t *list = json_array();
	size_t n_full = 0, layer = 0;
	for (size_t i = 0; i < v->config.n_history; i++)
		n_full += !v->config.history[i].empty_layer;
	bool fits = n_full == v->doc.n_layers;
	for (size_t i = 0; i < v->config.n_history; i++) {
		const struct oci_history *h = &v->config.history[i];
		json_t *j = json_object();
		json_object_set_new(j, "createdBy", api_str(h->created_by));
		json_object_set_new(j, "createdAt", time_json(h->created_unix_ns));
		json_object_set_new(j, "comment", api_str(h->comment));
		json_object_set_new(j, "layer",
				    fits && !h->empty_layer ? json_integer((json_int_t)layer++)
							    : json_null());
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *config_json(const struct view *v)
{
	if (v->doc.kind != OCI_DOCUMENT_MANIFEST)
		return json_null();
	json_t *j = descriptor_json(&v->doc.config);
	json_object_set_new(j, "content",
			    v->config_body.p ? json_stringn(v->config_body.p, v->config_body.len)
					     : json_null());
	return j;
}

static const char *kind_of(const struct view *v)
{
	if (v->doc.kind == OCI_DOCUMENT_INDEX)
		return "INDEX";
	return v->config_body.p ? "IMAGE" : "ARTIFACT";
}

static struct err *view_json(struct view *v, json_t **out)
{
	own_json images = json_array();
	TRY(api_document_images(v->c, images, &v->m, &v->doc,
				v->config_body.p ? &v->config.platform : NULL));
	json_t *j = json_object(), *layers = json_array();
	for (size_t i = 0; i < v->doc.n_layers && v->doc.kind == OCI_DOCUMENT_MANIFEST; i++)
		json_array_append_new(layers, descriptor_json(&v->doc.layers[i]));
	json_object_set_new(j, "digest", json_string(oci_digest_text(&v->m.digest).s));
	json_object_set_new(j, "mediaType", json_string(v->m.media_type));
	json_object_set_new(j, "size", json_integer((json_int_t)v->m.size));
	json_object_set_new(j, "kind", json_string(kind_of(v)));
	json_object_set_new(j, "content", json_stringn(v->body.p, v->body.len));
	json_object_set(j, "images", images);
	json_object_set_new(j, "config", config_json(v));
	json_object_set_new(j, "layers", layers);
	json_object_set_new(j, "history", history_json(v));
	*out = j;
	return NULL;
}

struct err *api_manifests_get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	struct view v = { .c = c };
	json_t *j;
	TRY(api_need_repository(c, c->params[0], AUTH_VIEW, &r));
	TRY(find(&v, &r));
	TRY(read_blob(c, &v.m.digest, LIMIT_MANIFEST_BYTES, &v.body));
	TRY(oci_document_parse(c->arena, v.body, str_of(v.m.media_type), &v.doc));
	read_config(&v);
	TRY(view_json(&v, &j));
	*out = api_json(200, j);
	return NULL;
}
