/* How much a build may take, and the arguments and warnings of a whole build. */
#include "graph/graph_priv.h"

#include <stdlib.h>

#define MOST_WARNINGS 100

void graph_builder_init(struct graph_builder *b, struct arena *a, const struct graph_options *o)
{
	const struct dockerfile *f = o->file;
	*b = (struct graph_builder){ .a = a, .o = o };
	b->stages = arena_new_array(a, f->n_stages, const struct dockerfile_stage *);
	b->arg_used = arena_new_array(a, o->n_args, bool);
	for (const struct dockerfile_stage *s = f->stages; s; s = s->next) {
		b->stages[s->index] = s;
		if (!s->first->from.name.len)
			continue;
		struct graph_entry *e = graph_entry_new(b, s->first->from.name, STR(""));
		e->number = s->index;
		graph_map_put(b, &b->names, e);
	}
}

void graph_builder_done(struct graph_builder *b)
{
	free(b->steps);
	free(b->step_slots);
}

void graph_count(struct graph_builder *b, enum graph_part part, size_t bytes)
{
	b->counted[part] += bytes;
	b->counted_all += bytes;
}

struct err *graph_check(const struct graph_builder *b)
{
	static const char *const parts[] = {
		[GRAPH_VALUES] = "the values of its variables and labels",
		[GRAPH_ENVIRONMENTS] = "the variables that are given to each RUN",
		[GRAPH_COMMANDS] = "its commands, repeated for each step",
		[GRAPH_HISTORY] = "its history, which repeats ARG for each RUN",
		[GRAPH_TRIGGERS] = "the ONBUILD triggers of its base images",
		[GRAPH_PORTS] = "its ports and volumes",
	};
	if (b->counted_all <= GRAPH_MOST_BYTES)
		return NULL;
	size_t most = 0;
	for (size_t i = 1; i < GRAPH_PARTS; i++)
		if (b->counted[i] > b->counted[most])
			most = i;
	return graph_fail(b, err_new(ERR_LIMIT,
				     "the build is larger than %zu MiB for all platforms together; "
				     "most of it are %s",
				     GRAPH_MOST_BYTES >> 20, parts[most]));
}

struct err *graph_fail(const struct graph_builder *b, struct err *cause)
{
	return err_wrap(cause, "%s:%u", b->o->file->name, b->line);
}

void graph_warn(struct graph_builder *b, const char *text)
{
	if (!b->o->warn || b->quiet || b->target > 0 || b->n_warnings > MOST_WARNINGS)
		return; /* once, not per target */
	if (++b->n_warnings > MOST_WARNINGS)
		text = "there are more warnings, which are not shown";
	own_mem char *line = mem_printf("%s:%u: %s", b->o->file->name, b->line, text);
	b->o->warn(b->o->resolve_arg, line);
}

/* --- --build-arg ---------------------------------------------------------------------------- */

/* ARG in stages that are not wanted, and in ONBUILD, makes a use of it too. */
static void note_args(struct graph_builder *b, const struct dockerfile_instruction *in,
		      struct graph_map *names)
{
	for (; in; in = in->next) {
		const struct dockerfile_instruction *arg =
			in->kind == DOCKERFILE_ONBUILD ? in->onbuild.inner : in;
		for (size_t i = 0; arg->kind == DOCKERFILE_ARG && i < arg->pairs.n; i++) {
			struct str value;
			graph_build_arg(b, arg->pairs.v[i].key, &value);
			graph_map_set(b, names, arg->pairs.v[i].key, STR(""));
		}
	}
}

static bool is_predefined(struct str name)
{
	for (size_t i = 0; i < graph_n_proxy_names; i++)
		if (str_eq(name, str_of(graph_proxy_names[i])))
			return true;
	return str_eq(name, STR("SOURCE_DATE_EPOCH"));
}

static bool given_again(const struct graph_builder *b, size_t i)
{
	for (size_t k = i + 1; k < b->o->n_args; k++)
		if (str_eq(b->o->args[k].name, b->o->args[i].name))
			return true;
	return false;
}

static void warn_unused(const struct graph_builder *b, struct str name,
			const struct graph_map *names)
{
	const char **v = arena_new_array(b->a, names->n, const char *);
	for (size_t i = 0; i < names->n; i++)
		v[i] = names->v[i]->key.p;
	const char *near = str_nearest(name, v, names->n);
	own_mem char *text = mem_printf(
		"build argument " STR_FMT " is not used by the Dockerfile%s%s%s", STR_ARG(name),
		near ? " (did you mean " : "", near ?: "", near ? "?)" : "");
	b->o->warn(b->o->resolve_arg, text);
}

void graph_warn_unused_args(struct graph_builder *b)
{
	struct graph_map names = { .n = 0 };
	if (!b->o->warn)
		return;
	note_args(b, b->o->file->globals, &names);
	for (const struct dockerfile_stage *s = b->o->file->stages; s; s = s->next)
		note_args(b, s->first, &names);
	for (size_t i = 0; i < b->o->n_args; i++) {
		struct str name = b->o->args[i].name;
		if (!b->arg_used[i] && !is_predefined(name) && !given_again(b, i))
			warn_unused(b, name, &names);
	}
}
