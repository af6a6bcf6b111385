#include "pipeline/publish_priv.h"

#include <stdio.h>

#include "oci/config.h"

struct image {
	struct catalog_put puts[PIPELINE_MOST_JOBS + 1];
	struct oci_descriptor children[PIPELINE_MOST_JOBS];
	size_t n;
};

/* ---- what was built ---- */

static struct err *incomplete(const char *platform, const struct oci_digest *d)
{
	return err_coded(ERR_INVALID, "IMAGE_INCOMPLETE", "Run the build again.",
			 "%s: the worker reported an image whose %s is not in the store", platform,
			 oci_digest_text(d).s);
}

static struct err *check_blob(struct pipeline *p, const char *platform,
			      const struct oci_descriptor *d)
{
	bool found = d->has_urls;
	if (!found)
		TRY(blob_store_stat(p->o.blobs, &d->digest, &found, NULL));
	return found ? NULL : incomplete(platform, &d->digest);
}

static struct err *check_blobs(struct pipeline *p, const char *platform,
			       const struct oci_document *doc)
{
	TRY(check_blob(p, platform, &doc->config));
	for (size_t i = 0; i < doc->n_layers; i++)
		TRY(check_blob(p, platform, &doc->layers[i]));
	return NULL;
}

static struct err *read_document(struct pipeline *p, struct arena *a, const struct oci_digest *d,
				 const char *media_type, struct oci_document *doc, size_t *len)
{
	own_mem char *text = NULL;
	TRY(blob_store_read(p->o.blobs, d, LIMIT_MANIFEST_BYTES, &text, len));
	struct str body = arena_str(a, str_n(text, *len));
	return oci_document_parse(a, body, str_of(media_type), doc);
}

static struct err *add_child(struct pipeline *p, struct arena *a, const struct pipeline_job_row *j,
			     struct image *image)
{
	struct oci_document *doc = arena_new(a, struct oci_document);
	struct catalog_put *put = &image->puts[image->n];
	struct oci_descriptor *child = &image->children[image->n];
	size_t len;
	bool found;
	TRY(oci_digest_parse(str_of(j->digest), &put->digest));
	TRY(blob_store_stat(p->o.blobs, &put->digest, &found, NULL));
	if (!found)
		return incomplete(j->platform, &put->digest);
	TRY(err_wrap(read_document(p, a, &put->digest, j->media_type, doc, &len), "%s",
		     j->platform));
	if (doc->kind != OCI_DOCUMENT_MANIFEST)
		return err_coded(ERR_INVALID, "IMAGE_INCOMPLETE", NULL,
				 "%s: the worker reported an index", j->platform);
	TRY(check_blobs(p, j->platform, doc));
	put->media_type = j->media_type;
	put->size = len;
	put->doc = doc;
	*child = (struct oci_descriptor){ .media_type = j->media_type,
					  .digest = put->digest,
					  .size = len,
					  .has_platform = true };
	TRY(oci_platform_parse(str_of(j->platform), &child->platform));
	image->n++;
	return NULL;
}

/* The index behind its children; one image of a rule with one platform is its own manifest. */
static struct err *add_index(struct pipeline *p, struct arena *a, struct image *image)
{
	struct oci_document *doc = arena_new(a, struct oci_document);
	struct catalog_put *put = &image->puts[image->n];
	own_mem char *text = NULL;
	size_t len;
	TRY(oci_index_write(false, image->children, image->n, &text, &len));
	TRY(blob_store_put(p->o.blobs, text, len, &put->digest));
	TRY(oci_document_parse(a, arena_str(a, str_n(text, len)), STR(OCI_TYPE_INDEX), doc));
	put->media_type = OCI_TYPE_INDEX;
	put->size = len;
	put->doc = doc;
	return NULL;
}

/* ---- what the tags have now ---- */

static struct err *platform_of(struct pipeline *p, const struct oci_document *doc,
			       struct oci_platform *out)
{
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES + LIMIT_CONFIG_BYTES);
	struct oci_config config;
	own_mem char *text = NULL;
	size_t len;
	TRY(blob_store_read(p->o.blobs, &doc->config.digest, LIMIT_CONFIG_BYTES, &text, &len));
	TRY(oci_config_parse(a, str_n(text, len), &config));
	*out = config.platform;
	return NULL;
}

/* Does what the tag names have the platform? What cannot be read (an artifact, say) has none. */
static struct err *has_platform(struct pipeline *p, const struct oci_document *doc,
				const struct oci_platform *wanted, bool *has)
{
	struct oci_platform one;
	*has = false;
	if (doc->kind == OCI_DOCUMENT_MANIFEST) {
		struct err *e = platform_of(p, doc, &one);
		if (e && e->kind == ERR_UNAVAILABLE)
			return e;
		*has = !e && oci_platform_eq(&one, wanted);
		err_free(e);
		return NULL;
	}
	for (size_t i = 0; i < doc->n_manifests; i++)
		*has |= doc->manifests[i].has_platform &&
			oci_platform_eq(&doc->manifests[i].platform, wanted);
	return NULL;
}

static struct err *would_lose(const char *tag, const char *platform)
{
	return err_coded(
		ERR_CONFLICT, "TAG_WOULD_LOSE_PLATFORM",
		"Retry the platform, or delete the tag first.",
		"%s was not built, and the tag %s has an image for it now: the tag is left "
		"as it is",
		platform, tag);
}

static struct err *check_tag(struct pipeline *p, const struct pipeline_record *r, const char *tag)
{
	own(arena) a = arena_open(PIPELINE_FINISH_ARENA_BYTES);
	struct catalog_manifest m;
	struct oci_document doc;
	bool found, has;
	size_t len;
	TRY(catalog_tag_get(p->o.catalog, str_of(r->b.repository), str_of(tag), &found, &m));
	if (!found)
		return NULL;
	struct err *e = read_document(p, a, &m.digest, m.media_type, &doc, &len);
	if (e && e->kind == ERR_UNAVAILABLE)
		return e;
	if (e) { /* broken or swept away: there is nothing to lose */
		err_free(e);
		return NULL;
	}
	for (size_t i = 0; i < r->n_jobs; i++) {
		struct oci_platform wanted;
		if (r->jobs[i].state == JOB_DONE)
			continue;
		TRY(oci_platform_parse(str_of(r->jobs[i].platform), &wanted));
		TRY(has_platform(p, &doc, &wanted, &has));
		if (has)
			return would_lose(tag, r->jobs[i].platform);
	}
	return NULL;
}

static struct err *check_tags(struct pipeline *p, const struct pipeline_record *r, size_t n_done)
{
	if (n_done == r->n_jobs)
		return NULL;
	for (size_t i = 0; i < r->b.n_tags; i++)
		TRY(check_tag(p, r, r->b.tags[i]));
	return NULL;
}

/* An immutable repository refuses tags that are there, also those that we set before we died. */
static struct err *are_set(struct pipeline *p, const struct pipeline_record *r,
			   const struct oci_digest *d, bool *all)
{
	*all = true;
	for (size_t i = 0; i < r->b.n_tags && *all; i++) {
		struct catalog_manifest m;
		TRY(catalog_tag_get(p->o.catalog, str_of(r->b.repository), str_of(r->b.tags[i]),
				    all, &m));
		*all = *all && oci_digest_eq(&m.digest, d);
	}
	return NULL;
}

static struct err *into_catalog(struct pipeline *p, struct arena *a,
				const struct pipeline_record *r, const struct image *image,
				size_t n_puts)
{
	bool set;
	TRY(blob_store_flush(p->o.blobs));
	struct err *e = catalog_publish(p->o.catalog, str_of(r->b.repository), image->puts, n_puts,
					r->b.tags, r->b.n_tags, true, a, NULL, NULL);
	if (!e || e->kind == ERR_UNAVAILABLE)
		return e;
	struct err *f = are_set(p, r, &image->puts[n_puts - 1].digest, &set);
	if (f || !set) {
		err_free(f);
		return e;
	}
	err_free(e);
	return NULL;
}

struct err *pipeline_publish(struct pipeline *p, struct arena *a, struct pipeline_record *r)
{
	struct image *image = arena_new(a, struct image);
	for (size_t i = 0; i < r->n_jobs; i++)
		if (r->jobs[i].state == JOB_DONE)
			TRY(add_child(p, a, &r->jobs[i], image));
	TRY(check_tags(p, r, image->n));
	size_t n_puts = image->n;
	if (r->n_jobs > 1) {
		TRY(add_index(p, a, image));
		n_puts++;
	}
	TRY(into_catalog(p, a, r, image, n_puts));
	r->b.digest = arena_strdup(a, str_of(oci_digest_text(&image->puts[n_puts - 1].digest).s));
	return NULL;
}
