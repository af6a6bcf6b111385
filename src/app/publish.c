#include "app/publish.h"

#include <stdlib.h>

#include "base/limits.h"

static struct err *read_document(struct app_store *s, struct arena *a,
				 const struct oci_descriptor *d, struct str *body,
				 struct oci_document *doc)
{
	own_mem char *bytes = NULL;
	size_t len;
	TRY(blob_store_read(s->blobs, &d->digest, LIMIT_MANIFEST_BYTES, &bytes, &len));
	*body = arena_str(a, str_n(bytes, len));
	return oci_document_parse(a, *body, str_of(d->media_type), doc);
}

static struct err *make_put(struct app_store *s, struct arena *a, const struct oci_descriptor *d,
			    struct catalog_put *out)
{
	struct oci_document *doc = arena_new(a, struct oci_document);
	struct str body;
	TRY(read_document(s, a, d, &body, doc));
	*out = (struct catalog_put){
		.digest = d->digest, .media_type = d->media_type, .size = d->size, .doc = doc
	};
	return NULL;
}

struct err *publish_local(struct app_store *s, const struct executor_result *r,
			  const struct oci_reference *ref)
{
	own(arena) a = arena_open((size_t)64 << 20);
	struct catalog_put *puts = arena_new_array(a, r->n_images + 1, struct catalog_put);
	size_t n = 0;
	for (size_t i = 0; i < r->n_images; i++)
		TRY(make_put(s, a, &r->images[i].manifest, &puts[n++]));
	if (r->n_images > 1)
		TRY(make_put(s, a, &r->top, &puts[n++]));
	own_mem char *name = ref->host[0] ? mem_printf("%s/%s", ref->host, ref->repository)
					  : mem_strdup(ref->repository);
	const char *tags[] = { ref->tag };
	return catalog_publish(s->catalog, str_of(name), puts, n, tags, ref->tag[0] ? 1 : 0, true,
			       a, NULL, NULL);
}

/* --- push ----------------------------------------------------------------------------------- */

struct push {
	struct app_store *s;
	struct registry_client *c;
	const struct oci_reference *ref;
	struct progress *p;
	struct oci_digest *sent; /* owned; blobs of this push */
	size_t n_sent, cap_sent;
};

static void on_bytes(void *arg, uint64_t done_bytes, uint64_t total)
{
	struct push *p = arg;
	progress_event(p->p, &(struct executor_event){ .kind = EXECUTOR_TRANSFER,
						       .text = STR("push"),
						       .done = done_bytes,
						       .total = total });
}

static struct err *push_blob(struct push *p, const struct oci_descriptor *d)
{
	for (size_t i = 0; i < p->n_sent; i++)
		if (oci_digest_eq(&p->sent[i], &d->digest))
			return NULL;
	TRY(registry_push_blob(p->c, p->ref, d, p->s->blobs, NULL, on_bytes, p));
	mem_reserve_one(p->sent, p->n_sent, p->cap_sent);
	p->sent[p->n_sent++] = d->digest;
	return NULL;
}

static struct err *push_document(struct push *p, const struct oci_descriptor *d,
				 const char *reference)
{
	own_mem char *bytes = NULL;
	size_t len;
	TRY(blob_store_read(p->s->blobs, &d->digest, LIMIT_MANIFEST_BYTES, &bytes, &len));
	return registry_push_manifest(p->c, p->ref, reference, d->media_type, str_n(bytes, len));
}

static struct err *push_all(struct push *p, const struct executor_result *r)
{
	for (size_t i = 0; i < r->n_images; i++) {
		const struct executor_image *image = &r->images[i];
		for (size_t k = 0; k < image->n_layers; k++)
			TRY(push_blob(p, &image->layers[k]));
		TRY(push_blob(p, &image->config));
	}
	for (size_t i = 0; i < r->n_images && r->n_images > 1; i++)
		TRY(push_document(p, &r->images[i].manifest,
				  oci_digest_text(&r->images[i].manifest.digest).s));
	return push_document(p, &r->top,
			     p->ref->tag[0] ? p->ref->tag : oci_digest_text(&r->top.digest).s);
}

struct err *publish_push(struct app_store *s, struct registry_client *c,
			 const struct executor_result *r, const struct oci_reference *ref,
			 struct progress *progress)
{
	struct push p = { .s = s, .c = c, .ref = ref, .p = progress };
	struct oci_reference_text name = oci_reference_text(ref);
	progress_note(progress, "pushing %s", name.s);
	struct err *e = push_all(&p, r);
	free(p.sent);
	return err_wrap(e, "push %s", name.s);
}
