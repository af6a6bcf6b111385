#include "graph/test_priv.h"

#include <stdlib.h>
#include <string.h>

static void copy_list(struct arena *a, const char *const *from, struct oci_strings *to)
{
	for (size_t i = 0; from && from[i]; i++)
		oci_strings_add(a, to, from[i]);
}

static void copy_pairs(struct arena *a, const char *const *from, struct oci_map *to)
{
	for (size_t i = 0; from && from[i]; i++) {
		struct str value = str_of(from[i]), key = str_cut(&value, '=');
		oci_map_set(a, to, arena_strdup(a, key), arena_strdup(a, value));
	}
}

static struct oci_config *config_of(struct arena *a, const struct fake_base *f)
{
	struct oci_config *c = arena_new(a, struct oci_config);
	c->created_unix_ns = 1000;
	copy_pairs(a, f->env, &c->env);
	copy_pairs(a, f->labels, &c->labels);
	copy_list(a, f->cmd, &c->cmd);
	copy_list(a, f->entrypoint, &c->entrypoint);
	copy_list(a, f->shell, &c->shell);
	copy_list(a, f->on_build, &c->on_build);
	copy_list(a, f->volumes, &c->volumes);
	copy_list(a, f->ports, &c->exposed_ports);
	c->user = f->user;
	c->working_dir = f->dir;
	c->stop_signal = f->stop_signal;
	struct oci_digest d = oci_digest_of_bytes(f->reference, strlen(f->reference));
	oci_config_add_diff_id(a, c, &d);
	oci_config_add_history(a, c, &(struct oci_history){ .created_by = "base" });
	return c;
}

static struct err *resolve(void *arg, struct str reference, const struct oci_platform *p,
			   const struct graph_base **out)
{
	struct fixture *f = arg;
	const struct fake_base none = { .reference = arena_strdup(f->a, reference) };
	const struct fake_base *fake = f->bases;
	while (fake && fake->reference && !str_eq(str_of(fake->reference), reference))
		fake++;
	if (!fake || !fake->reference)
		fake = &none;
	if (str_starts(reference, STR("missing")))
		return err_new(ERR_NOT_FOUND, "base image " STR_FMT " does not exist",
			       STR_ARG(reference));
	struct oci_platform_text text = oci_platform_text(p);
	buf_printf(&f->resolved, "%s" STR_FMT "@%s", f->resolved.len ? " " : "", STR_ARG(reference),
		   text.s);
	const char *name =
		arena_printf(f->a, "%s %s", fake->reference, fake->any_platform ? "" : text.s);
	struct graph_base *base = arena_new(f->a, struct graph_base);
	struct oci_config *config = config_of(f->a, fake);
	config->platform = *p;
	*base = (struct graph_base){
		.reference = fake->reference,
		.manifest = oci_digest_of_bytes(name, strlen(name)),
		.config = config,
		.layers = arena_new_array(f->a, 2, struct oci_descriptor),
		.n_layers = fake->broken ? 2 : 1,
	};
	*out = base;
	return NULL;
}

static void warn(void *arg, const char *text)
{
	struct fixture *f = arg;
	buf_printf(&f->warned, "%s\n", text);
}

static struct err *init(struct fixture *f, const char *text)
{
	struct dockerfile *file = NULL;
	*f = (struct fixture){ .a = arena_open((size_t)2 << 30) };
	buf_init(&f->resolved, (size_t)1 << 20);
	buf_init(&f->warned, (size_t)1 << 20);
	buf_add(&f->resolved, STR(""));
	TRY(dockerfile_parse(f->a, "Dockerfile", str_of(text), &file));
	f->o = (struct graph_options){
		.file = file, .resolve = resolve, .resolve_arg = f, .warn = warn
	};
	TRY(oci_platform_parse(STR("linux/amd64"), &f->o.build_platform));
	fixture_targets(f, "linux/amd64");
	return NULL;
}

void fixture_init(struct fixture *f, const char *text)
{
	EXPECT_OK(init(f, text));
}

void fixture_done(struct fixture *f)
{
	buf_done(&f->resolved);
	buf_done(&f->warned);
	arena_free(f->a);
}

void fixture_targets(struct fixture *f, const char *targets)
{
	struct oci_platform *v = arena_new_array(f->a, 16, struct oci_platform);
	size_t n = 0;
	for (struct str rest = str_of(targets); rest.p;)
		EXPECT_OK(oci_platform_parse(str_cut(&rest, ','), &v[n++]));
	f->o.targets = v;
	f->o.n_targets = n;
}

void fixture_arg(struct fixture *f, const char *arg)
{
	struct graph_arg *v = arena_new_array(f->a, f->o.n_args + 1, struct graph_arg);
	if (f->o.n_args)
		memcpy(v, f->o.args, f->o.n_args * sizeof(*v));
	struct str value = str_of(arg), name = str_cut(&value, '=');
	v[f->o.n_args++] = (struct graph_arg){ name, value };
	f->o.args = v;
}

struct err *fixture_build(struct fixture *f)
{
	return graph_build(f->a, &f->o, &f->g);
}

void fixture_open(struct fixture *f, const char *text)
{
	fixture_init(f, text);
	EXPECT_OK(fixture_build(f));
}

void expect_failure(const char *text, enum err_kind kind, const char *part)
{
	own_fixture f;
	struct err *e = init(&f, text);
	EXPECT_ERR(e ?: fixture_build(&f), kind, part);
}

const char *image_env(const struct fixture *f, const char *name)
{
	return oci_map_get(&f->g->images[0].config.env, name);
}

const char *run_env(const struct graph_step *s, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; s->run.env[i]; i++)
		if (strncmp(s->run.env[i], name, len) == 0 && s->run.env[i][len] == '=')
			return s->run.env[i] + len + 1;
	return NULL;
}

const struct graph_step *step_of(const struct fixture *f, const char *text)
{
	for (size_t i = 0; i < f->g->n_steps; i++)
		if (str_starts(str_of(f->g->steps[i]->text), str_of(text)))
			return f->g->steps[i];
	print_error("no step %s\n", text);
	EXPECT(false);
	return NULL;
}

size_t count_steps(const struct fixture *f, const char *text)
{
	size_t n = 0;
	for (size_t i = 0; i < f->g->n_steps; i++)
		n += str_starts(str_of(f->g->steps[i]->text), str_of(text));
	return n;
}

static const char *joined(struct arena *a, const char *const *v, size_t n, char sep)
{
	done(buf) b;
	buf_init(&b, (size_t)8 << 20);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_c(&b, sep);
		buf_add(&b, str_of(v[i]));
	}
	return arena_strdup(a, buf_str(&b));
}

const char *strings_text(const struct fixture *f, const struct oci_strings *s)
{
	return s->set ? joined(f->a, s->v, s->n, '|') : "null";
}

const char *args_text(const struct fixture *f, const struct graph_step *run)
{
	size_t n = 0;
	while (run->run.args[n])
		n++;
	return joined(f->a, run->run.args, n, '|');
}

const char *history_text(const struct fixture *f)
{
	const struct graph_image *i = &f->g->images[0];
	const char **v = arena_new_array(f->a, i->n_history, const char *);
	for (size_t k = 0; k < i->n_history; k++)
		v[k] = i->history[k].created_by;
	return joined(f->a, v, i->n_history, '\n');
}
