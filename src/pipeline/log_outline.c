/* The outline of a log: which lines belong together, without their text. */
#include "pipeline/log_priv.h"

struct outline {
	struct pipeline_log_run *runs;
	size_t n, most;
	uint64_t from, next;
};

/* False: there is no room for one more. */
static bool add(struct outline *o, const struct log_entry *e)
{
	struct pipeline_log_run *last = o->n ? &o->runs[o->n - 1] : NULL;
	if (last && last->platform == e->platform && last->step == e->step) {
		last->n_lines++;
		return true;
	}
	if (o->n == o->most)
		return false;
	o->runs[o->n++] =
		(struct pipeline_log_run){ .n_lines = 1, .platform = e->platform, .step = e->step };
	return true;
}

static bool outline_view(void *arg, const struct log_view *v)
{
	struct outline *o = arg;
	size_t i = o->from > v->first ? (size_t)(o->from - v->first) : 0;
	for (; i < v->n; i++) {
		if (!add(o, &v->entries[i]))
			return false;
		o->next = v->first + i + 1;
	}
	return true;
}

struct err *pipeline_log_outline(struct pipeline_logs *l, struct arena *a, const char *record_id,
				 uint64_t from, size_t n, struct pipeline_log_run **out,
				 size_t *n_out, uint64_t *next)
{
	struct log *g;
	uint64_t end;
	TRY(log_enter(l, record_id, &g));
	uint64_t n_lines = atomic_load(&g->n_lines);
	size_t most = (size_t)MIN(n, n_lines > from ? n_lines - from : 0);
	struct outline o = { .runs = arena_new_array(a, most, struct pipeline_log_run),
			     .most = most,
			     .from = from,
			     .next = from };
	struct err *e = most ? log_walk(l, g, from, NULL, true, outline_view, &o, &end) : NULL;
	log_put(l, g, 1);
	if (e)
		return e;
	*out = o.runs;
	*n_out = o.n;
	*next = o.next;
	return NULL;
}
