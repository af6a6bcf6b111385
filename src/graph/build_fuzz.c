/* Any text for two platforms, with base images that have triggers and variables: every graph is in
 * order, and the same again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct err *resolve(void *arg, struct str reference, const struct oci_platform *p,
			   const struct graph_base **out)
{
	struct arena *a = arg;
	struct graph_base *base = arena_new(a, struct graph_base);
	struct oci_config *c = arena_new(a, struct oci_config);
	own_mem char *name = mem_printf("%s " STR_FMT, oci_platform_text(p).s, STR_ARG(reference));
	if (reference.len > 40)
		return err_new(ERR_NOT_FOUND, "there is no such image");
	c->platform = *p;
	if (str_starts(reference, STR("e"))) {
		oci_map_set(a, &c->env, "PATH", "/bin");
		oci_map_set(a, &c->env, "A", "1 2");
		c->working_dir = "w/../x";
		c->user = "u";
	}
	if (str_starts(reference, STR("o"))) {
		oci_strings_add(a, &c->on_build, "COPY --from=s $A /");
		oci_strings_add(a, &c->on_build, "ARG A");
		oci_strings_add(a, &c->on_build, "RUN <<E\nx\nE");
	}
	*base = (struct graph_base){
		.reference = arena_strdup(a, reference),
		.manifest = oci_digest_of_bytes(name, strlen(name)),
		.config = c,
	};
	*out = base;
	return NULL;
}

static void warn(void *arg, const char *text)
{
	assert(text[0]);
}

static void check_step(const struct graph *g, size_t i)
{
	const struct graph_step *s = g->steps[i];
	assert(s->index == i && s->stage && s->text && s->inputs);
	assert(!s->parent || (s->parent->index < i && g->steps[s->parent->index] == s->parent));
	switch (s->kind) {
	case GRAPH_BASE:
		assert(s->base);
		break;
	case GRAPH_RUN:
		assert(s->run.args[0] && s->run.cwd[0] == '/' && s->run.user);
		break;
	case GRAPH_COPY:
		assert(s->copy.dest[0] == '/' && s->copy.n_sources + s->copy.n_inlines);
		assert(!s->copy.from || (s->copy.from->index < i && !s->copy.from_context));
		break;
	case GRAPH_WORKDIR:
		assert(s->workdir.path[0] == '/' && s->workdir.path[1]);
		break;
	}
}

static void check_image(const struct graph *g, const struct graph_image *image)
{
	char *bytes = NULL;
	size_t len;
	assert(!image->top || g->steps[image->top->index] == image->top);
	for (size_t i = 0; i < image->n_history; i++)
		assert(image->history[i].created_by);
	struct err *e = oci_config_write(&image->config, &bytes, &len);
	assert(!e || e->kind == ERR_LIMIT);
	err_free(e);
	free(bytes);
}

static struct graph *build(struct arena *a, const struct graph_options *o)
{
	struct graph *g = NULL;
	struct err *e = graph_build(a, o, &g);
	if (e) {
		assert(e->what[0]);
		err_free(e);
		return NULL;
	}
	for (size_t i = 0; i < g->n_steps; i++)
		check_step(g, i);
	for (size_t i = 0; i < g->n_images; i++)
		check_image(g, &g->images[i]);
	return g;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own(arena) a = arena_open((size_t)2 << 30);
	struct dockerfile *file;
	struct oci_platform targets[2];
	const struct graph_arg args[] = { { STR("A"), STR("a b") }, { STR("B"), STR("o") } };
	struct err *e = dockerfile_parse(a, "Dockerfile", str_n((const char *)data, size), &file);
	if (e) {
		err_free(e);
		return 0;
	}
	err_free(oci_platform_parse(STR("linux/amd64"), &targets[0]));
	err_free(oci_platform_parse(STR("linux/arm/v7"), &targets[1]));
	const struct graph_options o = { .file = file,
					 .targets = targets,
					 .n_targets = 2,
					 .build_platform = targets[0],
					 .args = args,
					 .n_args = 2,
					 .resolve = resolve,
					 .resolve_arg = a,
					 .warn = warn };
	struct graph_need *needs;
	size_t n;
	err_free(graph_needs(a, &o, &needs, &n));
	const struct graph *g = build(a, &o), *again = build(a, &o);
	assert(!g == !again);
	assert(!g || g->n_steps == again->n_steps);
	for (size_t i = 0; g && i < g->n_steps; i++)
		assert(memcmp(&g->steps[i]->definition, &again->steps[i]->definition,
			      sizeof(g->steps[i]->definition)) == 0);
	return 0;
}
