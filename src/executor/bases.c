/* Base images: which bytes a name means for a platform today, and their layers.
 *
 * A tag is asked for once per build (one HEAD). What a digest names is kept in the blob store, so
 * that a build with nothing new asks for nothing else. */
#include "executor/executor.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/thread.h"
#include "executor/executor_priv.h"

struct tag { /* one reference as written */
	struct str reference;
	struct oci_reference ref;
	bool local; /* in our own catalog */
	bool done;
	struct oci_digest digest;
	struct err *failed; /* owned */
	struct tag *next;
};

struct base {
	struct graph_base g;
	struct oci_platform platform;
	struct tag *tag;
	struct base *next;
};

struct executor_bases {
	const struct executor_options *o;
	bool local_first;
	struct mutex lock; /* guards all below, the arena's use included */
	struct cond changed;
	struct arena *a;
	struct tag *tags;
	struct base *bases;
	struct arena **arenas; /* owned; one per loaded image, as an arena has one thread */
	size_t n_arenas, cap_arenas;
};

struct executor_bases *executor_bases_open(const struct executor_options *o, struct arena *a,
					   bool local_first)
{
	struct executor_bases *b = mem_new(struct executor_bases);
	b->o = o;
	b->local_first = local_first;
	b->a = a;
	mutex_init(&b->lock);
	cond_init(&b->changed);
	return b;
}

void executor_bases_free(struct executor_bases *b)
{
	if (!b)
		return;
	for (struct tag *t = b->tags; t; t = t->next)
		err_free(t->failed);
	for (size_t i = 0; i < b->n_arenas; i++)
		arena_free(b->arenas[i]);
	free(b->arenas);
	cond_done(&b->changed);
	mutex_done(&b->lock);
	free(b);
}

/* --- from a name to a digest ---------------------------------------------------------------- */

static struct err *find_local(struct executor_bases *b, struct tag *t, struct str reference)
{
	struct oci_reference local;
	bool found = false;
	struct catalog_manifest m;
	if (!b->o->catalog)
		return NULL;
	TRY(oci_reference_parse_local(reference, &local));
	if ((local.host[0] && !b->local_first) || local.has_digest)
		return NULL;
	own_mem char *name =
		mem_printf("%s%s%s", local.host, local.host[0] ? "/" : "", local.repository);
	TRY(catalog_tag_get(b->o->catalog, str_of(name), str_of(local.tag), &found, &m));
	if (found) {
		t->local = true;
		t->digest = m.digest;
	}
	return NULL;
}

static struct err *find_tag(struct executor_bases *b, struct tag *t)
{
	if (t->ref.has_digest) {
		t->digest = t->ref.digest;
		return NULL;
	}
	TRY(find_local(b, t, t->reference));
	if (t->local)
		return NULL;
	struct err *e = registry_head_manifest(b->o->registry, &t->ref, &t->digest);
	return b->local_first
		       ? err_wrap(e, STR_FMT " is not in the data directory", STR_ARG(t->reference))
		       : e;
}

static struct err *copy_err(const struct err *e)
{
	own_mem char *text = err_text(e);
	return err_told(e->kind, err_code(e), err_remedy(e), "%s", text);
}

/* What a registry refuses, as those who read of the build tell it from other refusals. */
static struct err *coded(struct err *e)
{
	static const struct {
		const char *code, *remedy;
	} by_kind[ERR_CANCELED + 1] = {
		[ERR_NOT_FOUND] = { "BASE_NOT_FOUND",
				    "Look at the name and tag of the base image." },
		[ERR_DENIED] = { "BASE_DENIED",
				 "Make the base image public, or use one that may be pulled." },
	};
	if (e && !err_code(e)) {
		e->code = by_kind[e->kind].code;
		e->remedy = by_kind[e->kind].remedy;
	}
	return e;
}

/* Asks once; others wait for the answer. */
static struct err *resolve_tag(struct executor_bases *b, struct str reference, struct tag **out)
{
	mutex_lock(&b->lock);
	struct tag *t = b->tags;
	while (t && !str_eq(t->reference, reference))
		t = t->next;
	if (t) {
		while (!t->done)
			cond_wait(&b->changed, &b->lock);
	} else {
		t = arena_new(b->a, struct tag);
		t->reference = arena_str(b->a, reference);
		t->next = b->tags;
		b->tags = t;
		mutex_unlock(&b->lock);
		struct err *e = oci_reference_parse(reference, &t->ref);
		if (!e)
			e = coded(find_tag(b, t));
		mutex_lock(&b->lock);
		t->failed = e;
		t->done = true;
		cond_broadcast(&b->changed);
	}
	struct err *e = t->failed ? copy_err(t->failed) : NULL;
	mutex_unlock(&b->lock);
	*out = t;
	return e;
}

/* --- from a digest to documents ------------------------------------------------------------- */

static struct err *read_document(struct executor_bases *b, struct tag *t,
				 const struct oci_digest *d, struct arena *a, struct str *body,
				 struct str *media_type)
{
	bool found;
	TRY(blob_store_stat(b->o->blobs, d, &found, NULL));
	if (found) {
		own_mem char *bytes = NULL;
		size_t len;
		TRY(blob_store_read(b->o->blobs, d, LIMIT_MANIFEST_BYTES, &bytes, &len));
		*body = arena_str(a, str_n(bytes, len));
		*media_type = STR("");
		return NULL;
	}
	struct oci_reference ref = t->ref;
	ref.has_digest = true;
	ref.digest = *d;
	struct registry_manifest m;
	TRY(registry_get_manifest(b->o->registry, a, &ref, &m));
	struct oci_digest stored;
	TRY(blob_store_put(b->o->blobs, m.body.p, m.body.len, &stored));
	*body = m.body;
	*media_type = str_of(m.descriptor.media_type);
	return NULL;
}

#define NO_PLATFORM_REMEDY "Choose another base image, or build without the platform."

static struct err *no_platform(const struct tag *t, const struct oci_platform *want,
			       const struct oci_document *index)
{
	struct buf has;
	buf_init(&has, 4096);
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct oci_descriptor *m = &index->manifests[i];
		if (m->has_platform && strcmp(m->platform.os, "unknown") != 0)
			buf_printf(&has, "%s%s", has.len ? ", " : "",
				   oci_platform_text(&m->platform).s);
	}
	struct err *e = err_coded(ERR_NOT_FOUND, "BASE_PLATFORM", NO_PLATFORM_REMEDY,
				  STR_FMT " has no image for %s; it has %s", STR_ARG(t->reference),
				  oci_platform_text(want).s,
				  has.len ? has.p : "none that names a platform");
	buf_done(&has);
	return e;
}

static struct err *choose(const struct tag *t, const struct oci_platform *want,
			  const struct oci_document *index, struct oci_digest *out)
{
	int best = 0;
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct oci_descriptor *m = &index->manifests[i];
		int match = m->has_platform ? oci_platform_match(want, &m->platform) : 0;
		if (match > best) {
			best = match;
			*out = m->digest;
		}
	}
	return best ? NULL : no_platform(t, want, index);
}

static struct err *read_config(struct executor_bases *b, struct tag *t,
			       const struct oci_descriptor *d, struct arena *a,
			       struct oci_config *out)
{
	if (d->size > LIMIT_CONFIG_BYTES)
		return err_new(ERR_LIMIT, "its configuration has %llu bytes",
			       (unsigned long long)d->size);
	TRY(registry_fetch_blob(b->o->registry, &t->ref, d, b->o->blobs, NULL, NULL));
	own_mem char *bytes = NULL;
	size_t len;
	TRY(blob_store_read(b->o->blobs, &d->digest, LIMIT_CONFIG_BYTES, &bytes, &len));
	TRY(oci_config_parse(a, str_n(bytes, len), out));
	if (out->platform.os[0] && out->platform.arch[0])
		return NULL;
	return err_new(ERR_INVALID,
		       "it is no container image: its configuration of type %s names no platform",
		       d->media_type);
}

/* A manifest that no index offered must be for the platform itself. */
static struct err *check_platform(const struct tag *t, const struct oci_platform *want,
				  const struct oci_config *config)
{
	if (oci_platform_match(want, &config->platform))
		return NULL;
	return err_coded(ERR_NOT_FOUND, "BASE_PLATFORM", NO_PLATFORM_REMEDY,
			 STR_FMT " has no image for %s; it has %s", STR_ARG(t->reference),
			 oci_platform_text(want).s, oci_platform_text(&config->platform).s);
}

static struct err *load(struct executor_bases *b, struct tag *t, const struct oci_platform *want,
			struct arena *a, struct graph_base *out)
{
	struct oci_document doc;
	struct str body, type;
	struct oci_digest digest = t->digest;
	TRY(read_document(b, t, &digest, a, &body, &type));
	TRY(oci_document_parse(a, body, type, &doc));
	if (doc.kind == OCI_DOCUMENT_INDEX) {
		TRY(choose(t, want, &doc, &digest));
		TRY(read_document(b, t, &digest, a, &body, &type));
		TRY(oci_document_parse(a, body, type, &doc));
		if (doc.kind == OCI_DOCUMENT_INDEX)
			return err_new(ERR_INVALID, "an index inside an index is no base image");
	}
	struct oci_config *config = arena_new(a, struct oci_config);
	TRY(read_config(b, t, &doc.config, a, config));
	TRY(check_platform(t, want, config));
	*out = (struct graph_base){
		.reference = arena_strdup(a, t->reference),
		.named = t->digest,
		.manifest = digest,
		.config = config,
		.layers = doc.layers,
		.n_layers = doc.n_layers,
	};
	for (size_t i = 0; i < doc.n_layers; i++)
		if (!oci_is_layer_type(str_of(doc.layers[i].media_type)))
			return err_new(ERR_INVALID,
				       "layer %zu has media type %s, which is no file system layer",
				       i, doc.layers[i].media_type);
	return NULL;
}

struct err *executor_bases_resolve(struct executor_bases *b, struct str reference,
				   const struct oci_platform *p, const struct graph_base **out)
{
	struct tag *t;
	TRY(resolve_tag(b, reference, &t));
	mutex_lock(&b->lock);
	struct base *base = b->bases;
	while (base && (base->tag != t || !oci_platform_eq(&base->platform, p)))
		base = base->next;
	struct arena *own_arena = NULL;
	if (!base) {
		own_arena = arena_open((size_t)64 << 20);
		mem_reserve_one(b->arenas, b->n_arenas, b->cap_arenas);
		b->arenas[b->n_arenas++] = own_arena;
	}
	mutex_unlock(&b->lock);
	if (!base) {
		struct graph_base g;
		struct err *e = load(b, t, p, own_arena, &g);
		if (e)
			return coded(err_wrap(e, "base image " STR_FMT, STR_ARG(reference)));
		hold(&b->lock);
		base = arena_new(b->a, struct base);
		*base = (struct base){ .g = g, .platform = *p, .tag = t, .next = b->bases };
		base->g.source = base;
		b->bases = base;
	}
	*out = &base->g;
	return NULL;
}

static void on_progress(void *arg, uint64_t done_bytes, uint64_t total)
{
	struct exec_transfer *t = arg;
	exec_event(t->o, &(struct executor_event){ .kind = EXECUTOR_TRANSFER,
						   .text = str_of(t->name),
						   .done = done_bytes,
						   .total = total });
}

struct err *executor_bases_fetch(struct executor_bases *b, const struct graph_base *g, size_t layer)
{
	const struct base *base = g->source;
	own_mem char *name = mem_printf("%s layer %zu/%zu %s", g->reference, layer + 1, g->n_layers,
					oci_platform_text(&base->platform).s);
	struct exec_transfer t = { b->o, name };
	return coded(err_wrap(registry_fetch_blob(b->o->registry, &base->tag->ref,
						  &g->layers[layer], b->o->blobs, on_progress, &t),
			      "base image %s", g->reference));
}
