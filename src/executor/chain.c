/* The layers below a step: as directories to run on, and packed behind the steps that follow. */
#include "executor/executor_priv.h"

#include <stdlib.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/time.h"
#include "executor/programs.h"

struct exec_layer *exec_layer_new(struct exec *x)
{
	struct exec_layer *l = mem_new(struct exec_layer);
	hold(&x->lock);
	l->next = x->layers;
	x->layers = l;
	return l;
}

/* --- directories ---------------------------------------------------------------------------- */

/* One layer of a chain: of a base image, or made by a step. */
struct link {
	struct exec *x;
	const struct graph_base *base;
	size_t base_layer;
	struct exec_layer *layer;
	struct layer_name name;
	struct err *failed;
	pthread_t thread;
	bool started;
};

static size_t chain_length(const struct graph_step *s)
{
	size_t n = 0;
	for (; s; s = s->parent)
		n += s->kind == GRAPH_BASE ? s->base->n_layers : 1;
	return n;
}

static size_t chain_collect(struct exec *x, const struct graph_step *s, struct link *out, size_t n)
{
	size_t at = n; /* filled from the top down */
	hold(&x->lock);
	for (; s; s = s->parent) {
		if (s->kind == GRAPH_BASE) {
			for (size_t i = s->base->n_layers; i > 0; i--)
				out[--at] = (struct link){ .x = x,
							   .base = s->base,
							   .base_layer = i - 1 };
			continue;
		}
		struct exec_layer *l = x->steps[s->index].layer;
		if (!l->empty)
			out[--at] = (struct link){ .x = x, .layer = l };
	}
	return at;
}

static struct err *dir_of_layer(struct exec *x, struct exec_layer *l, struct layer_name *name)
{
	mutex_lock(&x->lock);
	bool has = l->has_dir;
	*name = l->dir;
	mutex_unlock(&x->lock);
	if (has)
		return NULL;
	TRY(layer_store_find(x->layer_store, &l->diff_id, &has, name));
	if (!has) {
		TRY(exec_layer_fetch(x, l));
		TRY(layer_unpack(x->layer_store, x->o->blobs, &l->descriptor, &l->diff_id, name));
	}
	hold(&x->lock);
	l->has_dir = true;
	l->dir = *name;
	return NULL;
}

static struct err *dir_of_base(struct exec *x, const struct graph_base *base, size_t i,
			       struct layer_name *name)
{
	bool found;
	const struct oci_digest *diff_id = &base->config->diff_ids[i];
	TRY(layer_store_find(x->layer_store, diff_id, &found, name));
	if (found)
		return NULL;
	TRY(executor_bases_fetch(x->bases, base, i));
	return err_wrap(layer_unpack(x->layer_store, x->o->blobs, &base->layers[i], diff_id, name),
			"base image %s", base->reference);
}

static void *run_link(void *arg)
{
	struct link *k = arg;
	k->failed = k->base ? dir_of_base(k->x, k->base, k->base_layer, &k->name)
			    : dir_of_layer(k->x, k->layer, &k->name);
	return NULL;
}

/* Is its directory at hand, so that no thread is worth starting? */
static bool at_hand(struct link *k)
{
	bool found = false;
	if (k->layer) {
		hold(&k->x->lock);
		if (k->layer->has_dir)
			k->name = k->layer->dir;
		return k->layer->has_dir;
	}
	err_free(layer_store_find(k->x->layer_store, &k->base->config->diff_ids[k->base_layer],
				  &found, &k->name));
	return found;
}

/* Missing layers are fetched and unpacked side by side, at most so many of one chain. */
#define UNPACK_AT_ONCE 4

static struct err *fetch_missing(struct link *links, size_t n)
{
	struct err *first = NULL;
	for (size_t i = 0; i < n;) {
		size_t end = i;
		for (size_t busy = 0; end < n && busy < UNPACK_AT_ONCE && !first; end++) {
			if (at_hand(&links[end]))
				continue;
			err_keep(&first,
				 thread_start(&links[end].thread, "unpack", run_link, &links[end]));
			links[end].started = !first;
			busy++;
		}
		for (size_t k = i; k < end; k++) {
			if (links[k].started)
				pthread_join(links[k].thread, NULL);
			err_keep(&first, move(links[k].failed));
		}
		if (first)
			return first;
		i = end;
	}
	return NULL;
}

struct err *exec_chain_dirs(struct exec *x, const struct graph_step *s, struct layer_name **names,
			    size_t *n)
{
	size_t most = chain_length(s);
	own_mem struct link *links = mem_new_array(most, struct link);
	size_t first = chain_collect(x, s, links, most), count = most - first;
	if (count > LIMIT_IMAGE_LAYERS)
		return err_new(
			ERR_LIMIT,
			"%zu layers, more than the %d that can be stacked: join some RUN instructions",
			count, LIMIT_IMAGE_LAYERS);
	TRY(fetch_missing(links + first, count));
	*names = mem_new_array(count, struct layer_name);
	for (size_t i = 0; i < count; i++)
		(*names)[i] = links[first + i].name;
	*n = count;
	return NULL;
}

/* --- packing -------------------------------------------------------------------------------- */

#define FLUSH_EVERY_MS 2000

static struct err *pack(struct exec_pack *p)
{
	struct exec *x = p->x;
	struct layer_pack out = { .state = NULL };
	struct layer_packed packed;
	TRY(layer_pack_open(x->o->blobs, x->squeeze, x->r->compression,
			    x->r->has_epoch ? x->r->epoch_s : INT64_MAX, &out));
	done(programs) programs;
	programs_init(&programs, &out.sink);
	struct err *e = p->make(p, &programs.sink);
	if (!e)
		e = layer_pack_finish(&out, &packed);
	layer_pack_done(&out);
	TRY(e);
	char *text = programs_text(&programs);
	mutex_lock(&x->lock);
	p->layer->programs = text;
	p->layer->empty = packed.n_entries == 0;
	p->layer->diff_id = packed.diff_id;
	p->layer->descriptor = packed.descriptor;
	p->layer->packed = true;
	mutex_unlock(&x->lock);
	for (size_t i = 0; i < p->n_keys; i++)
		exec_cache_put(x, &p->keys[i], p->step->kind == GRAPH_RUN ? "run" : "copy",
			       p->step->inputs, p->layer);
	return NULL;
}

static void pack_free(struct exec_pack *p)
{
	fd_close_own(&p->below_fd);
	p->free(p);
}

static bool flush_due(struct exec *x)
{
	hold(&x->lock);
	return time_mono_ms() - x->last_flush_mono_ms > FLUSH_EVERY_MS;
}

static void pack_job(void *arg)
{
	struct exec_pack *p = arg;
	struct exec *x = p->x;
	const struct graph_step *step = p->step;
	bool packed = !exec_stopping(x);
	struct err *e = packed ? pack(p) : NULL;
	if (e) {
		packed = false;
		mutex_lock(&x->lock);
		p->layer->failed = true;
		mutex_unlock(&x->lock);
		exec_step_fail(
			x, p->step,
			err_wrap(e, "%s:%u: pack the layer", x->r->dockerfile_name, p->step->line));
	}
	pack_free(p);
	if (packed)
		exec_packed(x, step);
	/* A long build keeps what it has even if it is killed. */
	if (packed && flush_due(x)) {
		e = exec_cache_flush(x);
		if (e)
			exec_fail(x, e);
	}
	hold(&x->lock);
	x->n_packing--;
	cond_broadcast(&x->changed);
}

void exec_pack_later(struct exec_pack *p)
{
	mutex_lock(&p->x->lock);
	p->x->n_packing++;
	mutex_unlock(&p->x->lock);
	pool_add(p->x->packers, pack_job, p);
}
