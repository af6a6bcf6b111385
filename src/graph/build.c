/* Evaluates the wanted stages, instruction by instruction, once per target. */
#include "graph/graph_priv.h"

#include <stdlib.h>

#include "base/limits.h"

/* --- base images ---------------------------------------------------------------------------- */

struct err *graph_too_many_bases(void)
{
	return err_new(ERR_LIMIT, "more than %d different base images", GRAPH_MOST_BASES);
}

static void take_map(struct graph_builder *b, struct graph_map *to, const struct oci_map *from)
{
	for (size_t i = 0; i < from->n; i++)
		graph_map_set(b, to, str_of(from->v[i].key), str_of(from->v[i].value));
}

static void take_set(struct graph_builder *b, struct graph_map *to, const struct oci_strings *from)
{
	for (size_t i = 0; i < from->n; i++)
		graph_map_set(b, to, str_of(from->v[i]), STR(""));
}

static struct graph_step *base_step(struct graph_builder *b, const struct graph_base *base,
				    const struct oci_platform *p, const char *stage)
{
	struct graph_step *s = arena_new(b->a, struct graph_step);
	*s = (struct graph_step){
		.kind = GRAPH_BASE,
		.stage = stage,
		.text = arena_printf(b->a, "FROM %s", base->reference),
		.platform = *p,
		.base = base,
	};
	struct graph_hash h;
	graph_hash_init(&h, "base");
	graph_hash_str(&h, "manifest", str_of(oci_digest_text(&base->manifest).s));
	return graph_add_step(b, s, &h);
}

static struct err *use_base(struct graph_builder *b, struct str reference,
			    const struct oci_platform *p, const char *stage,
			    struct graph_used_base **out)
{
	struct graph_used_base *u = arena_new(b->a, struct graph_used_base);
	TRY(b->o->resolve(b->o->resolve_arg, reference, p, &u->base));
	const struct graph_base *base = u->base;
	if (base->n_layers != base->config->n_diff_ids)
		return err_new(
			ERR_INVALID,
			"%s is broken: its manifest has %zu layers and its configuration %zu",
			base->reference, base->n_layers, base->config->n_diff_ids);
	u->step = base_step(b, base, p, stage);
	take_map(b, &u->env, &base->config->env);
	take_map(b, &u->labels, &base->config->labels);
	take_set(b, &u->ports, &base->config->exposed_ports);
	take_set(b, &u->volumes, &base->config->volumes);
	*out = u;
	return NULL;
}

struct err *graph_resolve(struct graph_builder *b, struct str reference,
			  const struct oci_platform *p, const char *stage,
			  const struct graph_used_base **out)
{
	own_mem char *key = mem_printf("%s " STR_FMT, oci_platform_text(p).s, STR_ARG(reference));
	const struct graph_entry *known = graph_map_get(&b->bases, str_of(key));
	struct graph_used_base *u;
	if (known) {
		*out = known->ptr;
		return NULL;
	}
	if (b->bases.n == GRAPH_MOST_BASES)
		return graph_too_many_bases();
	TRY(use_base(b, reference, p, stage, &u));
	struct graph_entry *e = graph_entry_new(b, str_of(key), STR(""));
	e->ptr = *out = u;
	graph_map_put(b, &b->bases, e);
	return NULL;
}

/* --- where a stage starts ------------------------------------------------------------------- */

static const char *stage_name(struct graph_builder *b, const struct dockerfile_stage *s)
{
	struct str name = s->first->from.name;
	return name.len ? arena_strdup(b->a, name) : arena_printf(b->a, "stage-%u", s->index);
}

static void start_from_scratch(struct graph_state *st)
{
	st->config.created_unix_ns = INT64_MIN;
	st->config.working_dir = "/";
}

/* Lists that may grow are copied then, not written to. */
static void share_config(struct oci_config *c)
{
	struct oci_strings *lists[] = { &c->entrypoint, &c->cmd, &c->shell, &c->on_build,
					&c->healthcheck.test };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		lists[i]->cap = lists[i]->n;
	c->cap_diff_ids = c->n_diff_ids;
	c->cap_history = c->n_history;
	c->env = c->labels = (struct oci_map){ .n = 0 };
	c->exposed_ports = c->volumes = (struct oci_strings){ .n = 0 };
}

static struct err *start_from_image(struct graph_builder *b, struct graph_state *st,
				    struct str image)
{
	const struct graph_used_base *u;
	TRY(graph_fail(b, graph_resolve(b, image, &st->platform, st->stage, &u)));
	st->config = *u->base->config;
	share_config(&st->config);
	st->env = graph_map_share(&u->env);
	st->labels = graph_map_share(&u->labels);
	st->ports = graph_map_share(&u->ports);
	st->volumes = graph_map_share(&u->volumes);
	st->vars = graph_map_share(&u->env);
	st->top = u->step;
	const char *dir = st->config.working_dir;
	if (dir && dir[0] && dir[0] != '/') {
		st->config.working_dir = NULL;
		TRY(graph_join(b, st, str_of(dir), &st->config.working_dir));
	}
	return NULL;
}

static void start_from_stage(struct graph_state *st, const struct graph_state *parent)
{
	struct graph_state copy = *parent;
	share_config(&copy.config);
	struct graph_map *maps[] = { &copy.env,     &copy.labels, &copy.ports,
				     &copy.volumes, &copy.vars,   &copy.args };
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		maps[i]->shared = true;
	copy.cmd_set = false;
	copy.stage = st->stage;
	copy.index = st->index;
	*st = copy;
}

/* Programs are looked for somewhere, also when the base image does not say where. */
static void set_default_path(struct graph_builder *b, struct graph_state *st)
{
	if (graph_map_get(&st->env, STR("PATH")))
		return;
	const struct graph_entry *e = graph_entry_new(b, STR("PATH"), STR(GRAPH_DEFAULT_PATH));
	graph_map_put(b, &st->env, e);
	graph_set_var(b, st, e);
}

/* --- a stage -------------------------------------------------------------------------------- */

/* What the parser may take of the arena for one text. */
#define PARSE_BYTES(len) ((len)*64 + 4096)

/* SPEC Dockerfile reference "ONBUILD": the parent's triggers run right after FROM and are gone
 * then. */
static struct err *run_triggers(struct graph_builder *b, struct graph_state *st, uint32_t line)
{
	struct oci_strings triggers = st->config.on_build;
	st->config.on_build = (struct oci_strings){ .n = 0 };
	for (size_t i = 0; i < triggers.n; i++) {
		struct dockerfile_instruction *in;
		struct str text = str_of(triggers.v[i]);
		b->line = line;
		graph_count(b, GRAPH_TRIGGERS, PARSE_BYTES(text.len));
		TRY(graph_check(b));
		TRY(graph_fail(b, err_wrap(dockerfile_parse_onbuild(b->a, text, &in),
					   "ONBUILD of the base image")));
		in->line = in->end_line = line;
		TRY(graph_apply(b, st, in));
	}
	return NULL;
}

static struct err *empty_image(const struct graph_builder *b, struct str as_written)
{
	struct str shown = str_first(as_written, 100);
	return graph_fail(b, err_new(ERR_INVALID,
				     "FROM " STR_FMT " is empty once expanded: give the argument a "
				     "default, or a value with --build-arg",
				     STR_ARG(shown)));
}

static struct err *start_stage(struct graph_builder *b, const struct dockerfile_stage *stage,
			       struct graph_state *st)
{
	const struct dockerfile_instruction *from = stage->first;
	struct str image;
	*st = (struct graph_state){ .stage = stage_name(b, stage), .index = stage->index };
	b->line = from->line;
	TRY(graph_from_platform(b, from, &st->platform));
	TRY(graph_expand_from(b, from->from.image, &image));
	if (!image.len)
		return empty_image(b, from->from.image);
	const struct dockerfile_stage *parent = graph_from_stage(b, image, stage->index);
	const struct graph_state *parent_state;
	if (parent) {
		TRY(graph_eval(b, parent, &parent_state));
		start_from_stage(st, parent_state);
	} else if (str_eq(image, STR("scratch"))) {
		start_from_scratch(st);
	} else {
		TRY(start_from_image(b, st, image));
	}
	set_default_path(b, st);
	return graph_check(b);
}

static struct err *eval_stage(struct graph_builder *b, const struct dockerfile_stage *stage,
			      struct graph_state *st)
{
	TRY(start_stage(b, stage, st));
	TRY(run_triggers(b, st, stage->first->line));
	for (const struct dockerfile_instruction *in = stage->first->next; in; in = in->next)
		TRY(graph_apply(b, st, in));
	return NULL;
}

/* Only what ONBUILD asks for has not been evaluated when it is needed, so this hardly recurs. */
struct err *graph_eval(struct graph_builder *b, const struct dockerfile_stage *stage,
		       const struct graph_state **out)
{
	if (!b->states[stage->index]) {
		struct graph_state *st = arena_new(b->a, struct graph_state);
		uint32_t line = b->line;
		TRY(eval_stage(b, stage, st));
		b->states[stage->index] = st;
		b->line = line;
	}
	*out = b->states[stage->index];
	return NULL;
}

/* --- images --------------------------------------------------------------------------------- */

static struct oci_map map_of(struct graph_builder *b, const struct graph_map *m)
{
	struct oci_map out = { arena_new_array(b->a, m->n, struct oci_pair), m->n, m->n };
	for (size_t i = 0; i < m->n; i++)
		out.v[i] = (struct oci_pair){ m->v[i]->key.p, m->v[i]->value.p };
	return out;
}

static struct oci_strings set_of(struct graph_builder *b, const struct graph_map *m)
{
	struct oci_strings out = { arena_new_array(b->a, m->n, const char *), m->n, m->n,
				   m->n > 0 };
	for (size_t i = 0; i < m->n; i++)
		out.v[i] = m->v[i]->key.p;
	return out;
}

static size_t pair_bytes(const struct oci_map *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++)
		n += strlen(m->v[i].key) + strlen(m->v[i].value);
	return n;
}

static struct err *check_bytes(const struct graph_image *image)
{
	const struct oci_config *c = &image->config;
	size_t env = pair_bytes(&c->env), labels = pair_bytes(&c->labels), history = 0;
	for (size_t i = 0; i < c->n_history; i++)
		history += c->history[i].created_by ? strlen(c->history[i].created_by) : 0;
	for (size_t i = 0; i < image->n_history; i++)
		history += strlen(image->history[i].created_by);
	if (env + labels + history <= LIMIT_CONFIG_BYTES)
		return NULL;
	return err_new(ERR_LIMIT,
		       "the image's configuration would be larger than %zu MiB: variables of %zu "
		       "bytes, labels of %zu, history of %zu (which repeats ARG for each RUN)",
		       LIMIT_CONFIG_BYTES >> 20, env, labels, history);
}

/* What could not be read again as a base image is not made. */
static struct err *check_config(const struct graph_image *image)
{
	const struct oci_config *c = &image->config;
	size_t n_history = c->n_history + image->n_history;
	if (c->env.n > LIMIT_CONFIG_ENV)
		return err_new(ERR_LIMIT, "the image would have %zu variables, more than %d",
			       c->env.n, LIMIT_CONFIG_ENV);
	if (n_history > LIMIT_CONFIG_HISTORY)
		return err_new(ERR_LIMIT, "the image would have %zu history entries, more than %d",
			       n_history, LIMIT_CONFIG_HISTORY);
	if (c->env.n + n_history + c->labels.n + c->exposed_ports.n + c->volumes.n + c->on_build.n +
		    c->n_diff_ids >
	    LIMIT_CONFIG_ITEMS)
		return err_new(
			ERR_LIMIT,
			"the image would have more than %d entries in its configuration: %zu "
			"labels, %zu ports, %zu volumes, %zu ONBUILD triggers",
			LIMIT_CONFIG_ITEMS, c->labels.n, c->exposed_ports.n, c->volumes.n,
			c->on_build.n);
	return check_bytes(image);
}

static struct err *make_image(struct graph_builder *b, const struct graph_state *st,
			      struct graph_image *image)
{
	size_t n = st->history ? st->history->n : 0;
	struct graph_history *history = arena_new_array(b->a, n, struct graph_history);
	for (const struct graph_history_list *l = st->history; l; l = l->before)
		history[l->n - 1] = l->h;
	*image = (struct graph_image){
		.platform = b->o->targets[b->target],
		.config = st->config,
		.top = st->top,
		.history = history,
		.n_history = n,
	};
	share_config(&image->config);
	image->config.platform = image->platform;
	image->config.env = map_of(b, &st->env);
	image->config.labels = map_of(b, &st->labels);
	image->config.exposed_ports = set_of(b, &st->ports);
	image->config.volumes = set_of(b, &st->volumes);
	return graph_fail(b, check_config(image));
}

/* Parents and sources come before in `steps`. */
static void mark(struct graph_builder *b, struct graph_step *top)
{
	if (top)
		top->wanted_by[b->target] = true;
	for (size_t i = b->n_steps; i > 0; i--) {
		struct graph_step *s = b->steps[i - 1];
		if (!s->wanted_by[b->target])
			continue;
		if (s->parent)
			s->parent->wanted_by[b->target] = true;
		if (s->kind == GRAPH_COPY && s->copy.from)
			s->copy.from->wanted_by[b->target] = true;
	}
}

static void keep_wanted(struct graph_builder *b, struct graph *g)
{
	g->steps = arena_new_array(b->a, b->n_steps, struct graph_step *);
	for (size_t i = 0; i < b->n_steps; i++) {
		struct graph_step *s = b->steps[i];
		bool wanted = false;
		for (size_t t = 0; t < g->n_images; t++)
			wanted = wanted || s->wanted_by[t];
		if (!wanted)
			continue;
		s->index = (uint32_t)g->n_steps;
		g->steps[g->n_steps++] = s;
		if (s->parent)
			s->parent->n_dependents++;
		if (s->kind == GRAPH_COPY && s->copy.from)
			s->copy.from->n_dependents++;
		g->uses_context =
			g->uses_context || (s->kind == GRAPH_COPY && s->copy.from_context);
		g->runs = g->runs || s->kind == GRAPH_RUN;
	}
}

static struct err *eval_target(struct graph_builder *b, const struct dockerfile_stage *stage,
			       struct graph_image *image)
{
	bool *wanted;
	const struct graph_state *st = NULL;
	TRY(graph_eval_globals(b));
	b->quiet = true; /* what FROM lines warn of is said when they are evaluated */
	TRY(graph_wanted(b, stage, NULL, NULL, &wanted));
	b->quiet = false;
	b->states = arena_new_array(b->a, b->o->file->n_stages, struct graph_state *);
	for (size_t i = 0; i <= stage->index; i++)
		if (wanted[i])
			TRY(graph_eval(b, b->stages[i], &st));
	b->line = stage->first->line;
	TRY(make_image(b, st, image));
	mark(b, st->top);
	return NULL;
}

static struct err *build(struct graph_builder *b, struct graph *g)
{
	const struct dockerfile_stage *stage;
	TRY(graph_target_stage(b, &stage));
	for (b->target = 0; b->target < b->o->n_targets; b->target++)
		TRY(eval_target(b, stage, &g->images[g->n_images++]));
	keep_wanted(b, g);
	graph_warn_unused_args(b);
	return NULL;
}

struct err *graph_build(struct arena *a, const struct graph_options *o, struct graph **out)
{
	if (o->n_targets > GRAPH_MOST_TARGETS)
		return err_new(ERR_LIMIT, "%zu platforms in one build, more than %d", o->n_targets,
			       GRAPH_MOST_TARGETS);
	struct graph_builder b;
	graph_builder_init(&b, a, o);
	struct graph *g = arena_new(a, struct graph);
	g->images = arena_new_array(a, o->n_targets, struct graph_image);
	struct err *e = build(&b, g);
	graph_builder_done(&b);
	TRY(e);
	*out = g;
	return NULL;
}
