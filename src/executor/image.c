/* From packed layers to images: configurations, manifests, the index. */
#include "executor/executor_priv.h"

#include <stdlib.h>

#include "executor/programs.h"

/* SPEC image-spec manifest.md: Docker's layer types have equals of the same bytes. */
static const char *oci_layer_type(const char *type)
{
	struct str t = str_of(type);
	if (str_starts(t, STR("application/vnd.oci.")))
		return type;
	if (str_ends(t, STR(".zstd")))
		return OCI_TYPE_LAYER_ZSTD;
	return str_ends(t, STR(".gzip")) ? OCI_TYPE_LAYER_GZIP : OCI_TYPE_LAYER;
}

/* The steps from the base up, without it. */
static size_t collect(const struct graph_step *top, const struct graph_step **steps,
		      const struct graph_base **base)
{
	size_t n = 0;
	*base = NULL;
	for (const struct graph_step *s = top; s; s = s->parent) {
		if (s->kind == GRAPH_BASE)
			*base = s->base;
		else if (steps)
			steps[n++] = s;
		else
			n++;
	}
	for (size_t i = 0; steps && i < n / 2; i++) {
		const struct graph_step *swap = steps[i];
		steps[i] = steps[n - 1 - i];
		steps[n - 1 - i] = swap;
	}
	return n;
}

static void add_layer(struct executor_image *image, struct arena *a, struct oci_descriptor d,
		      const struct oci_digest *diff_id)
{
	d.media_type = arena_strdup(a, str_of(oci_layer_type(d.media_type)));
	d.annotations_json = d.artifact_type = d.data = NULL;
	d.has_urls = d.has_platform = false;
	image->layers[image->n_layers] = d;
	image->diff_ids[image->n_layers++] = *diff_id;
}

static struct err *have_base_layer(struct exec *x, const struct graph_base *base, size_t i)
{
	const struct executor_remote *r = x->o->remote;
	bool there = false;
	if (r)
		TRY(r->has(r->arg, &base->layers[i], &there));
	return there ? NULL : executor_bases_fetch(x->bases, base, i);
}

static struct err *add_base(struct exec *x, struct executor_image *image,
			    const struct graph_base *base)
{
	for (size_t i = 0; i < base->n_layers; i++) {
		if (exec_stopping(x))
			return err_new(ERR_CANCELED, "canceled");
		TRY(have_base_layer(x, base, i));
		add_layer(image, x->result_arena, base->layers[i], &base->config->diff_ids[i]);
	}
	return NULL;
}

/* A program in the image that its platform cannot run. */
static void on_misfit(void *arg, const char *text)
{
	struct exec *x = arg;
	exec_event(x->o,
		   &(struct executor_event){ .kind = EXECUTOR_WARNING, .text = str_of(text) });
}

static struct err *add_layers(struct exec *x, const struct graph_image *g,
			      struct executor_image *image, struct oci_config *config)
{
	const struct graph_base *base;
	size_t n = collect(g->top, NULL, &base);
	const struct graph_step **steps = arena_new_array(x->a, n, const struct graph_step *);
	collect(g->top, steps, &base);
	size_t most = n + (base ? base->n_layers : 0);
	image->layers = arena_new_array(x->result_arena, most, struct oci_descriptor);
	image->diff_ids = arena_new_array(x->result_arena, most, struct oci_digest);
	if (base)
		TRY(add_base(x, image, base));
	struct programs_judge j = { .platform = g->platform, .warn = on_misfit, .arg = x };
	for (size_t i = 0; i < n; i++) {
		const struct exec_layer *l = x->steps[steps[i]->index].layer;
		if (!l->packed) /* with keep_going: another step's failure */
			return err_new(ERR_UNAVAILABLE, "%s:%u: its layer could not be packed",
				       x->r->dockerfile_name, steps[i]->line);
		if (l->empty)
			continue;
		add_layer(image, x->result_arena, l->descriptor, &l->diff_id);
		oci_config_add_diff_id(x->a, config, &l->diff_id);
		programs_judge(&j, l->programs, x->r->dockerfile_name, steps[i]->line);
	}
	programs_judge_end(&j);
	return NULL;
}

/* Times come from the steps, so that the same steps give the same configuration: metadata is as old
 * as the step before it. */
static void add_history(struct exec *x, const struct graph_image *g, struct oci_config *config)
{
	int64_t at = config->created_unix_ns;
	int64_t epoch_ns = x->r->has_epoch ? x->r->epoch_s * 1000000000 : INT64_MAX;
	for (size_t i = 0; i < g->n_history; i++) {
		const struct graph_history *h = &g->history[i];
		const struct exec_layer *l = h->step ? x->steps[h->step->index].layer : NULL;
		if (l)
			at = MAX(at, l->created_unix_ns);
		const struct oci_history entry = {
			.created_unix_ns = x->r->has_epoch ? epoch_ns : at,
			.created_by = h->created_by,
			.author = h->author,
			.comment = "kiln.dockerfile.v1",
			.empty_layer = !l || l->empty,
		};
		oci_config_add_history(x->a, config, &entry);
	}
	config->created_unix_ns = x->r->has_epoch ? epoch_ns : at;
}

static struct err *put(struct exec *x, const char *type, char *bytes, size_t len,
		       struct oci_descriptor *out)
{
	*out = (struct oci_descriptor){ .media_type = type, .size = len };
	struct err *e = blob_store_put(x->o->blobs, bytes, len, &out->digest);
	free(bytes);
	return e;
}

static struct err *make_image(struct exec *x, const struct graph_image *g,
			      struct executor_image *image)
{
	struct oci_config config;
	char *bytes;
	size_t len;
	oci_config_copy(x->a, &g->config, &config);
	image->platform = g->platform;
	TRY(add_layers(x, g, image, &config));
	add_history(x, g, &config);
	TRY(oci_config_write(&config, &bytes, &len));
	TRY(put(x, OCI_TYPE_CONFIG, bytes, len, &image->config));
	TRY(oci_manifest_write(false, &image->config, image->layers, image->n_layers, &bytes,
			       &len));
	TRY(put(x, OCI_TYPE_MANIFEST, bytes, len, &image->manifest));
	image->manifest.has_platform = true;
	image->manifest.platform = g->platform;
	return NULL;
}

struct err *exec_make_images(struct exec *x, struct executor_result *out)
{
	struct graph *g = x->graph;
	struct oci_descriptor *list = arena_new_array(x->a, g->n_images, struct oci_descriptor);
	size_t n = 0;
	for (size_t i = 0; i < g->n_images; i++) {
		struct exec_target *t = &x->targets[x->live[i]];
		if (t->failed)
			continue;
		struct err *e = make_image(x, &g->images[i], &out->images[n]);
		if (e && (!x->r->keep_going || e->kind == ERR_CANCELED))
			return err_wrap(e, "image for %s", oci_platform_text(&t->platform).s);
		t->failed = e;
		if (!e) {
			list[n] = out->images[n].manifest;
			n++;
		}
	}
	out->n_images = n;
	if (!n)
		return NULL;
	out->top = list[0];
	if (n == 1)
		return NULL;
	char *bytes;
	size_t len;
	TRY(oci_index_write(false, list, n, &bytes, &len));
	return put(x, OCI_TYPE_INDEX, bytes, len, &out->top);
}
