/* Which stages there are, which of them a target needs, and what their FROM lines mean. */
#include "graph/graph_priv.h"

#include <stdlib.h>

#define SHOWN_BYTES 64 /* of a name in a message */

/* --- names ---------------------------------------------------------------------------------- */

static struct str lower_case(struct str s, char *out, size_t size)
{
	struct str cut = str_first(s, size);
	for (size_t i = 0; i < cut.len; i++)
		out[i] = cut.p[i] >= 'A' && cut.p[i] <= 'Z' ? (char)(cut.p[i] + 32) : cut.p[i];
	return str_n(out, cut.len);
}

/* The last stage with that name, whatever its case; or the stage of that number. */
static const struct dockerfile_stage *find_stage(const struct graph_builder *b, struct str name,
						 bool *is_number)
{
	char lower[256];
	uint64_t number;
	*is_number = str_to_u64(name, UINT64_MAX, &number);
	if (*is_number)
		return number < b->o->file->n_stages ? b->stages[number] : NULL;
	const struct graph_entry *e =
		name.len <= sizeof(lower)
			? graph_map_get(&b->names, lower_case(name, lower, sizeof(lower)))
			: graph_map_get(&b->names, name);
	return e ? b->stages[e->number] : NULL;
}

static struct err *no_target(const struct graph_builder *b)
{
	struct str name = str_first(b->o->target_stage, SHOWN_BYTES);
	done(buf) names;
	buf_init(&names, 2048);
	for (size_t i = 0; i < b->names.n; i++)
		buf_printf(&names, "%s" STR_FMT, i ? ", " : "", STR_ARG(b->names.v[i]->key));
	if (!names.len)
		buf_add(&names, STR("none with a name"));
	return err_new(ERR_INVALID, "%s has no stage " STR_FMT " (it has: %s%s)", b->o->file->name,
		       STR_ARG(name), names.p, names.over ? " ..." : "");
}

struct err *graph_target_stage(const struct graph_builder *b, const struct dockerfile_stage **out)
{
	bool is_number;
	struct str name = b->o->target_stage;
	*out = name.len ? find_stage(b, name, &is_number) : b->stages[b->o->file->n_stages - 1];
	return *out ? NULL : no_target(b);
}

const struct dockerfile_stage *graph_from_stage(const struct graph_builder *b, struct str name,
						uint32_t before)
{
	if (!graph_map_get(&b->names, name))
		return NULL;
	for (size_t i = before; i > 0; i--)
		if (str_eq(b->stages[i - 1]->first->from.name, name))
			return b->stages[i - 1];
	return NULL;
}

struct err *graph_copy_stage(const struct graph_builder *b, struct str name, uint32_t self,
			     const struct dockerfile_stage **out)
{
	bool is_number;
	struct str shown = str_first(name, SHOWN_BYTES);
	*out = find_stage(b, name, &is_number);
	if (*out && (*out)->index < self)
		return NULL;
	if (*out)
		return err_new(ERR_INVALID,
			       "--from=" STR_FMT " names %s: only stages above can be copied from",
			       STR_ARG(shown),
			       (*out)->index == self ? "its own stage" : "a stage further down");
	if (is_number)
		return err_new(ERR_INVALID,
			       "--from=" STR_FMT ": there is no such stage, they go from 0 to %zu",
			       STR_ARG(shown), b->o->file->n_stages - 1);
	if (str_chr(name, '$') >= 0)
		return err_new(
			ERR_INVALID,
			"--from=" STR_FMT
			": variables are not replaced here; name the image by a FROM of its own",
			STR_ARG(shown));
	if (str_eq(name, STR("scratch")))
		return err_new(ERR_INVALID,
			       "--from=scratch: there is nothing to copy from an empty image");
	return NULL;
}

/* --- what FROM lines may use ---------------------------------------------------------------- */

bool graph_build_arg(const struct graph_builder *b, struct str name, struct str *value)
{
	for (size_t i = b->o->n_args; i > 0; i--) { /* the last one given wins */
		const struct graph_arg *arg = &b->o->args[i - 1];
		if (str_eq(arg->name, name)) {
			b->arg_used[i - 1] = true;
			*value = arg->value;
			return true;
		}
	}
	return false;
}

/* Without --build-arg the platform decides. */
static void set_automatic(struct graph_builder *b, struct str name, struct str value)
{
	graph_build_arg(b, name, &value);
	graph_map_set(b, &b->globals, name, value);
}

static void set_platform_args(struct graph_builder *b, const char *prefix,
			      const struct oci_platform *p)
{
	const struct oci_platform_text text = oci_platform_text(p);
	const struct {
		const char *suffix, *value;
	} parts[] = {
		{ "PLATFORM", text.s },    { "OS", p->os },     { "ARCH", p->arch },
		{ "VARIANT", p->variant }, { "OSVERSION", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		own_mem char *name = mem_printf("%s%s", prefix, parts[i].suffix);
		set_automatic(b, str_of(name), str_of(parts[i].value));
	}
}

static struct str get_global(void *arg, struct str name, bool *found)
{
	const struct graph_builder *b = arg;
	const struct graph_entry *e = graph_map_get(&b->globals, name);
	*found = e != NULL;
	return e ? e->value : STR("");
}

static void undefined_in_from(void *arg, struct str name)
{
	struct str shown = str_first(name, SHOWN_BYTES);
	own_mem char *text =
		mem_printf("variable " STR_FMT " is not set, its value is empty", STR_ARG(shown));
	graph_warn(arg, text);
}

struct err *graph_expand_from(struct graph_builder *b, struct str word, struct str *out)
{
	const struct dockerfile_env env = { get_global, b };
	TRY(graph_fail(b, dockerfile_expand(b->a, word, b->o->file->escape, &env, undefined_in_from,
					    b, out)));
	graph_count(b, GRAPH_VALUES, word.len + out->len + 32);
	return graph_check(b);
}

struct err *graph_eval_globals(struct graph_builder *b)
{
	b->globals = (struct graph_map){ .n = 0 };
	set_platform_args(b, "BUILD", &b->o->build_platform);
	set_platform_args(b, "TARGET", &b->o->targets[b->target]);
	set_automatic(b, STR("TARGETSTAGE"),
		      b->o->target_stage.len ? b->o->target_stage : STR("default"));
	for (const struct dockerfile_instruction *in = b->o->file->globals; in; in = in->next) {
		b->line = in->line;
		for (size_t i = 0; i < in->pairs.n; i++) {
			const struct dockerfile_pair *p = &in->pairs.v[i];
			struct str value;
			if (!graph_build_arg(b, p->key, &value)) {
				if (!p->has_value)
					continue;
				TRY(graph_expand_from(b, p->value, &value));
			}
			graph_map_set(b, &b->globals, p->key, value);
		}
		TRY(graph_check(b));
	}
	return NULL;
}

struct err *graph_from_platform(struct graph_builder *b, const struct dockerfile_instruction *from,
				struct oci_platform *out)
{
	*out = b->o->targets[b->target];
	if (!from->from.platform.len)
		return NULL;
	struct str text, shown = str_first(from->from.platform, SHOWN_BYTES);
	TRY(graph_expand_from(b, from->from.platform, &text));
	if (!text.len)
		return graph_fail(b, err_new(ERR_INVALID,
					     "--platform=" STR_FMT " is empty once expanded",
					     STR_ARG(shown)));
	return graph_fail(b, oci_platform_parse(text, out));
}

/* --- what a target needs -------------------------------------------------------------------- */

struct wanting {
	struct graph_builder *b;
	bool *wanted; /* by stage */
	struct err *(*need)(void *arg, struct str reference, const struct oci_platform *p);
	void *arg;
};

static struct err *want_image(const struct wanting *w, struct str reference,
			      const struct oci_platform *p)
{
	return w->need ? w->need(w->arg, reference, p) : NULL;
}

static struct err *want_from(const struct wanting *w, const struct dockerfile_stage *s)
{
	struct graph_builder *b = w->b;
	struct str image;
	struct oci_platform platform;
	b->line = s->first->line;
	TRY(graph_expand_from(b, s->first->from.image, &image));
	TRY(graph_from_platform(b, s->first, &platform));
	const struct dockerfile_stage *parent = graph_from_stage(b, image, s->index);
	if (parent)
		w->wanted[parent->index] = true;
	else if (image.len && !str_eq(image, STR("scratch")))
		return want_image(w, image, &platform);
	return NULL;
}

static struct err *want_copies(const struct wanting *w, const struct dockerfile_stage *s)
{
	const struct oci_platform *target = &w->b->o->targets[w->b->target];
	for (const struct dockerfile_instruction *in = s->first->next; in; in = in->next) {
		if (in->kind != DOCKERFILE_COPY || !in->copy.from.len)
			continue;
		const struct dockerfile_stage *from;
		w->b->line = in->line;
		TRY(graph_fail(w->b, graph_copy_stage(w->b, in->copy.from, s->index, &from)));
		if (from)
			w->wanted[from->index] = true;
		else
			TRY(want_image(w, in->copy.from, target));
	}
	return NULL;
}

struct err *graph_wanted(struct graph_builder *b, const struct dockerfile_stage *target,
			 struct err *(*need)(void *arg, struct str reference,
					     const struct oci_platform *p),
			 void *arg, bool **wanted)
{
	const struct wanting w = { b, arena_new_array(b->a, b->o->file->n_stages, bool), need,
				   arg };
	w.wanted[target->index] = true;
	for (size_t i = target->index + 1; i > 0; i--) { /* what a stage needs stands above it */
		if (!w.wanted[i - 1])
			continue;
		TRY(want_from(&w, b->stages[i - 1]));
		TRY(want_copies(&w, b->stages[i - 1]));
	}
	*wanted = w.wanted;
	return NULL;
}
