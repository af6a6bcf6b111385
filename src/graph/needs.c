/* The base images of the wanted stages, before any of them is known. */
#include "graph/graph_priv.h"

#include <stdlib.h>

struct need_list {
	struct graph_builder *b;
	struct graph_map seen; /* by "PLATFORM REFERENCE", to the need */
};

static struct err *add_need(void *arg, struct str reference, const struct oci_platform *p)
{
	struct need_list *l = arg;
	own_mem char *key = mem_printf("%s " STR_FMT, oci_platform_text(p).s, STR_ARG(reference));
	if (graph_map_get(&l->seen, str_of(key)))
		return NULL;
	if (l->seen.n == GRAPH_MOST_BASES)
		return graph_fail(l->b, graph_too_many_bases());
	struct graph_need *need = arena_new(l->b->a, struct graph_need);
	*need = (struct graph_need){ arena_str(l->b->a, reference), *p };
	struct graph_entry *e = graph_entry_new(l->b, str_of(key), STR(""));
	e->ptr = need;
	graph_map_put(l->b, &l->seen, e);
	return graph_check(l->b);
}

static struct err *needs_of_targets(struct need_list *l)
{
	struct graph_builder *b = l->b;
	const struct dockerfile_stage *stage;
	TRY(graph_target_stage(b, &stage));
	for (b->target = 0; b->target < b->o->n_targets; b->target++) {
		bool *wanted;
		TRY(graph_eval_globals(b));
		TRY(graph_wanted(b, stage, add_need, l, &wanted));
	}
	return NULL;
}

struct err *graph_needs(struct arena *a, const struct graph_options *o, struct graph_need **out,
			size_t *n)
{
	struct graph_options quiet = *o;
	quiet.warn = NULL; /* graph_build() says it */
	struct graph_builder b;
	struct need_list l = { .b = &b };
	graph_builder_init(&b, a, &quiet);
	struct err *e = needs_of_targets(&l);
	graph_builder_done(&b);
	TRY(e);
	*n = l.seen.n;
	*out = arena_new_array(a, *n, struct graph_need);
	for (size_t i = 0; i < *n; i++)
		(*out)[i] = *(const struct graph_need *)l.seen.v[i]->ptr;
	return NULL;
}
