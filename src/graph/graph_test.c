/* Stages, targets, sharing, definitions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/test_priv.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define FOUR      "linux/amd64,linux/arm64,linux/arm/v7,linux/arm/v6"

static bool same(const struct graph_step *a, const struct graph_step *b)
{
	return memcmp(&a->definition, &b->definition, sizeof(a->definition)) == 0;
}

/* Parents and sources are lower; counts are right; every step is wanted. */
static void check_graph(const struct graph *g)
{
	for (size_t i = 0; i < g->n_steps; i++) {
		const struct graph_step *s = g->steps[i];
		size_t n = 0;
		bool wanted = false;
		EXPECT(s->index == i);
		EXPECT(!s->parent || s->parent->index < i);
		EXPECT(s->kind != GRAPH_COPY || !s->copy.from || s->copy.from->index < i);
		for (size_t k = 0; k < g->n_steps; k++) {
			n += g->steps[k]->parent == s;
			n += g->steps[k]->kind == GRAPH_COPY && g->steps[k]->copy.from == s;
			EXPECT(k == i || !same(g->steps[k], s));
		}
		EXPECT(s->n_dependents == n);
		for (size_t t = 0; t < GRAPH_MOST_TARGETS; t++)
			wanted = wanted || s->wanted_by[t];
		EXPECT(wanted);
	}
}

/* --- stages --------------------------------------------------------------------------------- */

static void expect_target(const char *target, const char *top)
{
	own_fixture f;
	fixture_init(
		&f,
		"FROM a AS one\nRUN 0\nFROM b AS Two\nRUN 1\nFROM c AS one\nRUN 2\nFROM d\nRUN 3\n");
	f.o.target_stage = str_of(target);
	EXPECT_OK(fixture_build(&f));
	EXPECT_STR(str_of(f.g->images[0].top->text), top);
	EXPECT(f.g->n_steps == 2);
}

/* Cases 9 and 10 of the forty. */
TEST(target_by_name_and_number)
{
	expect_target("", "RUN 3");
	expect_target("two", "RUN 1");
	expect_target("TWO", "RUN 1");
	expect_target("one", "RUN 2"); /* the last of that name */
	expect_target("0", "RUN 0");
	expect_target("3", "RUN 3");
	static const char *const unknown[] = { "three", "4", "99999999999999999999999", "-1",
					       "tw" };
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		own_fixture f;
		fixture_init(&f, "FROM a AS one\nFROM b AS Two\nFROM c\n");
		f.o.target_stage = str_of(unknown[i]);
		EXPECT_ERR(fixture_build(&f), ERR_INVALID, "(it has: one, two)");
		struct graph_need *needs;
		size_t n;
		EXPECT_ERR(graph_needs(f.a, &f.o, &needs, &n), ERR_INVALID, "has no stage");
	}
	own_fixture f;
	fixture_init(&f, "FROM a\n");
	f.o.target_stage = STR("x");
	EXPECT_ERR(fixture_build(&f), ERR_INVALID, "(it has: none with a name)");
}

TEST(only_what_the_target_needs_is_resolved)
{
	own_fixture f;
	fixture_init(
		&f, "FROM unused\nRUN u\nFROM missing AS broken\nRUN b\nFROM base AS p\nRUN p\n"
		    "FROM files AS c\nRUN c\nFROM p\nCOPY --from=c /x /\nCOPY --from=image /y /\n");
	EXPECT_OK(fixture_build(&f));
	EXPECT_STR(buf_str(&f.resolved), "base@linux/amd64 files@linux/amd64 image@linux/amd64");
	EXPECT(count_steps(&f, "RUN") == 2 && f.g->n_steps == 7);
	check_graph(f.g);
}

/* Case 8, 9 and 10 of the forty. */
TEST(from_names_the_nearest_stage_above)
{
	static const struct {
		const char *text, *resolved;
	} rows[] = {
		{ "FROM alpine AS alpine\nRUN 1\nFROM alpine\n", "alpine@linux/amd64" },
		{ "FROM a AS s\nFROM b AS s\nFROM s\n", "b@linux/amd64" },
		{ "FROM a AS s\nFROM s AS s\nFROM s\n", "a@linux/amd64" },
		{ "FROM a AS Stage\nFROM stage\n", "a@linux/amd64" },
		{ "FROM a AS Stage\nFROM Stage\n", "Stage@linux/amd64" }, /* as BuildKit has it */
		{ "FROM a AS x\nFROM 0\n", "0@linux/amd64" },
		{ "ARG T=1.2\nFROM \"img:${T}\"\n", "img:1.2@linux/amd64" },
		{ "ARG A=my B=stage\nFROM a AS my-stage\nFROM ${A}-${B}\n", "a@linux/amd64" },
		{ "FROM later\nFROM b AS later\nFROM scratch\nCOPY --from=0 / /\n",
		  "later@linux/amd64" },
		{ "FROM a AS scratch\nFROM scratch\n", "a@linux/amd64" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own_fixture f;
		fixture_open(&f, rows[i].text);
		EXPECT_STR(buf_str(&f.resolved), rows[i].resolved);
	}
	expect_failure("ARG X\nFROM a\nFROM $X", ERR_INVALID,
		       "Dockerfile:3: FROM $X is empty once expanded");
	expect_failure("FROM a\nFROM missing:1", ERR_NOT_FOUND,
		       "Dockerfile:2: base image missing:1");
}

TEST(from_warns_of_undefined_once)
{
	own_fixture f;
	fixture_init(&f, "FROM a$X AS p\nFROM p\n");
	fixture_targets(&f, FOUR);
	EXPECT_OK(fixture_build(&f));
	EXPECT_STR(buf_str(&f.warned), "Dockerfile:1: variable X is not set, its value is empty\n");
}

TEST(from_of_a_broken_image)
{
	own_fixture f;
	fixture_init(&f, "FROM base\n");
	f.bases = (struct fake_base[]){ { .reference = "base", .broken = true }, { NULL } };
	EXPECT_ERR(fixture_build(&f), ERR_INVALID, "Dockerfile:1: base is broken");
}

TEST(copy_from_stages_and_images)
{
	own_fixture f;
	fixture_open(
		&f,
		"FROM a AS one\nRUN 1\nFROM scratch AS empty\nFROM b\nCOPY --from=one /1 /\nCOPY --from=0 /2 /\n"
		"COPY --from=ONE --chown=5 /3 /\nCOPY --from=img /4 /\nCOPY --from=empty /5* /\nCOPY --from=img /6 /\n");
	const struct graph_step *one = step_of(&f, "RUN 1"), *img = step_of(&f, "FROM img");
	EXPECT(step_of(&f, "COPY --from=one")->copy.from == one);
	EXPECT(step_of(&f, "COPY --from=0")->copy.from == one);
	EXPECT(step_of(&f, "COPY --from=ONE")->copy.from == one);
	EXPECT(step_of(&f, "COPY --from=one")->copy.keep_owner);
	EXPECT(!step_of(&f, "COPY --from=ONE")->copy.keep_owner);
	EXPECT(step_of(&f, "COPY --from=img")->copy.from == img);
	EXPECT(!step_of(&f, "COPY --from=empty")->copy.from &&
	       !step_of(&f, "COPY --from=empty")->copy.from_context);
	EXPECT(!f.g->uses_context);
	EXPECT_STR(buf_str(&f.resolved), "a@linux/amd64 b@linux/amd64 img@linux/amd64");
	check_graph(f.g);
}

TEST(copy_from_what_cannot_be)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "FROM a AS s\nCOPY --from=s x /", "Dockerfile:2: --from=s names its own stage" },
		{ "FROM a\nCOPY --from=0 x /", "Dockerfile:2: --from=0 names its own stage" },
		{ "FROM a\nCOPY --from=b x /\nFROM x AS b\nFROM scratch\nCOPY --from=0 / /",
		  "names a stage further down" },
		{ "FROM a\nCOPY --from=1 x /\nFROM x AS b\nFROM scratch\nCOPY --from=0 / /",
		  "names a stage further down" },
		{ "FROM a\nCOPY --from=7 x /",
		  "Dockerfile:2: --from=7: there is no such stage, they go from 0 to 0" },
		{ "FROM a\nCOPY --from=scratch x /", "nothing to copy from an empty image" },
		{ "FROM a\nCOPY --from=$X x /", "variables are not replaced here" },
		/* two of one name: the last one counts */
		{ "FROM a AS s\nFROM b\nCOPY --from=s x /\nFROM c AS s\nFROM scratch\nCOPY --from=1 / /",
		  "further down" },
		{ "FROM a AS s\nFROM b AS s\nCOPY --from=s x /", "its own stage" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_failure(rows[i].text, ERR_INVALID, rows[i].part);
	expect_failure("FROM a AS builder\nFROM b\nCOPY --from=missing-builder x /", ERR_NOT_FOUND,
		       "Dockerfile:3: --from=missing-builder is no stage above, so it is an image");
	expect_failure("FROM a AS missin\nFROM b\nCOPY --from=missing x /", ERR_NOT_FOUND,
		       "(did you mean missin?)");
}

/* --- platforms ------------------------------------------------------------------------------ */

TEST(stage_of_the_build_platform_comes_out_once)
{
	own_fixture f;
	fixture_init(
		&f,
		"FROM --platform=$BUILDPLATFORM go AS build\nWORKDIR /src\nCOPY . .\nRUN prepare\n"
		"FROM build AS each\nARG TARGETARCH\nRUN compile\nFROM run\nCOPY --from=each /out /\nRUN test\n");
	fixture_targets(&f, FOUR);
	EXPECT_OK(fixture_build(&f));
	EXPECT(count_steps(&f, "FROM go") == 1);
	EXPECT(count_steps(&f, "WORKDIR") == 1);
	EXPECT(count_steps(&f, "COPY . .") == 1);
	EXPECT(count_steps(&f, "RUN prepare") == 1);
	EXPECT(count_steps(&f, "RUN compile") == 3); /* both arm have one TARGETARCH */
	EXPECT(count_steps(&f, "FROM run") == 4);
	EXPECT(count_steps(&f, "RUN test") == 4);
	EXPECT_STR(str_of(oci_platform_text(&step_of(&f, "RUN prepare")->platform).s),
		   "linux/amd64");
	for (size_t t = 0; t < 4; t++)
		EXPECT(step_of(&f, "RUN prepare")->wanted_by[t]);
	EXPECT(f.warned.len == 0);
	check_graph(f.g);
}

TEST(stage_that_reads_no_target_is_shared_unless_its_base_differs)
{
	own_fixture f;
	fixture_init(
		&f,
		"FROM base\nRUN x\nFROM noarch AS n\nCOPY a /\nFROM scratch AS s\nCOPY b /\nWORKDIR /w\n"
		"FROM scratch\nCOPY --from=0 / /0\nCOPY --from=n / /1\nCOPY --from=s / /2\n");
	f.bases = (struct fake_base[]){ { .reference = "noarch", .any_platform = true }, { NULL } };
	fixture_targets(&f, FOUR);
	EXPECT_OK(fixture_build(&f));
	EXPECT(count_steps(&f, "FROM base") == 4 && count_steps(&f, "RUN x") == 4);
	EXPECT(count_steps(&f, "FROM noarch") == 1 && count_steps(&f, "COPY a") == 1);
	EXPECT(count_steps(&f, "COPY b") == 1 && count_steps(&f, "WORKDIR") == 1);
	check_graph(f.g);
}

TEST(programs_of_one_base_for_two_platforms_are_two_steps)
{
	own_fixture f;
	fixture_init(&f, "FROM noarch\nRUN x\n");
	f.bases = (struct fake_base[]){ { .reference = "noarch", .any_platform = true }, { NULL } };
	fixture_targets(&f, "linux/amd64,linux/arm64");
	EXPECT_OK(fixture_build(&f));
	EXPECT(count_steps(&f, "FROM") == 1 && count_steps(&f, "RUN") == 2);
}

/* Case 40 of the forty. */
TEST(image_claims_the_target)
{
	own_fixture f;
	fixture_init(&f, "FROM --platform=$BUILDPLATFORM x\nRUN y\n");
	fixture_targets(&f, "linux/arm/v6,linux/arm");
	EXPECT_OK(fixture_build(&f));
	EXPECT_STR(buf_str(&f.resolved), "x@linux/amd64");
	EXPECT_STR(str_of(oci_platform_text(&f.g->images[0].config.platform).s), "linux/arm/v6");
	EXPECT_STR(str_of(oci_platform_text(&f.g->images[1].platform).s), "linux/arm/v7");
	EXPECT(f.g->images[0].top == f.g->images[1].top);
	EXPECT_STR(str_of(oci_platform_text(&f.g->images[0].top->platform).s), "linux/amd64");
}

TEST(platform_of_from)
{
	static const struct {
		const char *text, *resolved;
	} rows[] = {
		{ "FROM --platform=linux/arm64 a", "a@linux/arm64" },
		{ "FROM --platform=$TARGETPLATFORM a", "a@linux/amd64" },
		{ "FROM --platform=armhf a", "a@linux/arm/v7" },
		{ "ARG P=linux/arm/v6\nFROM --platform=$P a", "a@linux/arm/v6" },
		{ "FROM --platform=linux/arm64 a AS p\nFROM p\nRUN x", "a@linux/arm64" },
		{ "FROM --platform=linux/arm64 a\nCOPY --from=tools x /",
		  "a@linux/arm64 tools@linux/amd64" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own_fixture f;
		fixture_open(&f, rows[i].text);
		EXPECT_STR(buf_str(&f.resolved), rows[i].resolved);
	}
	expect_failure("ARG P\nFROM --platform=$P a", ERR_INVALID,
		       "Dockerfile:2: --platform=$P is empty");
	expect_failure("FROM a\nFROM --platform=a/b/c/d a", ERR_INVALID, "Dockerfile:2");
}

TEST(too_many_targets)
{
	own_fixture f;
	fixture_init(&f, "FROM a");
	fixture_targets(&f, "a/1,a/2,a/3,a/4,a/5,a/6,a/7,a/8,a/9");
	EXPECT_ERR(fixture_build(&f), ERR_LIMIT, "9 platforms in one build");
}

/* --- ONBUILD -------------------------------------------------------------------------------- */

/* Case 36 of the forty. */
TEST(triggers_run_right_after_from_and_once)
{
	own_fixture f;
	fixture_init(
		&f,
		"FROM files AS build\nRUN b\nFROM base AS child\nRUN own\nONBUILD RUN childs\nFROM child AS grandchild\nRUN last\n"
		"FROM grandchild\nRUN end\n");
	f.bases = (struct fake_base[]){ { .reference = "base",
					  .on_build = LIST("RUN first", "COPY --from=build /x /",
							   "ENV O=1") },
					{ NULL } };
	EXPECT_OK(fixture_build(&f));
	EXPECT_STR(
		str_of(history_text(&f)),
		"RUN /bin/sh -c first\nCOPY --from=build /x /\nENV O=1\nRUN /bin/sh -c own\n"
		"ONBUILD RUN childs\nRUN /bin/sh -c childs\nRUN /bin/sh -c last\nRUN /bin/sh -c end");
	EXPECT(!f.g->images[0].config.on_build.n);
	EXPECT_STR(str_of(image_env(&f, "O")), "1");
	EXPECT(step_of(&f, "COPY --from=build")->copy.from == step_of(&f, "RUN b"));
	EXPECT(step_of(&f, "COPY --from=build")->line == 3);
	EXPECT(!strstr(f.resolved.p, "build@"));
	check_graph(f.g);
}

TEST(triggers_are_stored)
{
	own_fixture f;
	fixture_open(&f, "FROM a\nONBUILD COPY a $V\nONBUILD RUN <<E\nx\nE\n");
	const struct oci_strings *l = &f.g->images[0].config.on_build;
	EXPECT(l->n == 2 && l->set);
	EXPECT_STR(str_of(l->v[0]), "COPY a $V");
	EXPECT_STR(str_of(l->v[1]), "RUN <<E\nx\nE");
	EXPECT(f.g->n_steps == 1);
	own_fixture g;
	fixture_open(&g, "FROM a AS p\nONBUILD RUN <<E\nx\nE\nFROM p\n");
	EXPECT_STR(str_of(args_text(&g, step_of(&g, "RUN"))), "/bin/sh|-c|x\n");
}

TEST(triggers_that_are_wrong)
{
	static const char *const bad[] = { "FROM x", "ONBUILD RUN x", "NONSENSE", "COPY", "" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		own_fixture f;
		fixture_init(&f, "FROM a\nRUN x\nFROM base\n");
		f.bases = (struct fake_base[]){ { .reference = "base", .on_build = LIST(bad[i]) },
						{ NULL } };
		EXPECT_ERR(fixture_build(&f), ERR_INVALID,
			   "Dockerfile:3: ONBUILD of the base image");
	}
	own_fixture f;
	fixture_init(&f, "FROM base\nFROM x AS later\nFROM scratch\nCOPY --from=0 / /");
	f.bases = (struct fake_base[]){
		{ .reference = "base", .on_build = LIST("COPY --from=later a /") }, { NULL }
	};
	EXPECT_ERR(fixture_build(&f), ERR_INVALID,
		   "Dockerfile:1: --from=later names a stage further down");
}

/* --- needs ---------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *sorted(struct str words)
{
	const char *v[64];
	size_t n = 0;
	struct buf b;
	buf_init(&b, 8192);
	own_mem char *copy = str_dup(words);
	for (char *save, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		v[n++] = w;
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s ", v[i]);
	return b.p ? buf_steal(&b) : mem_strdup("");
}

TEST(needs_are_what_is_resolved)
{
	static const char *const files[] = {
		"FROM a\nRUN x",
		"FROM scratch",
		"FROM --platform=$BUILDPLATFORM go AS b\nRUN x\nFROM run\nCOPY --from=b /x /",
		"FROM unused\nFROM a AS b\nFROM b\nCOPY --from=img /x /\nCOPY --from=img /y /",
		"ARG V=1\nFROM a:$V AS x\nFROM x AS y\nFROM y\nCOPY --from=0 / /\nCOPY --from=x:$V /z /z\n",
		"FROM --platform=$BUILDPLATFORM a AS p\nFROM p\nCOPY --from=tool /x /",
		"FROM a AS one\nFROM one\nFROM scratch\nCOPY --from=1 / /",
		"FROM img-$TARGETARCH\nRUN x",
		"FROM a AS a\nFROM a\nCOPY --from=a / /\nCOPY --from=b / /",
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		own_fixture f;
		struct graph_need *needs;
		size_t n;
		done(buf) b;
		buf_init(&b, 8192);
		buf_add(&b, STR(""));
		fixture_init(&f, files[i]);
		fixture_targets(&f, FOUR);
		struct err *e = graph_needs(f.a, &f.o, &needs, &n);
		struct err *e2 = fixture_build(&f);
		EXPECT(!e == !e2);
		if (e) {
			EXPECT_STR(str_of(e->what), e2->what);
			err_free(e);
			err_free(e2);
			continue;
		}
		EXPECT(f.warned.len == 0);
		for (size_t k = 0; k < n; k++)
			buf_printf(&b, STR_FMT "@%s ", STR_ARG(needs[k].reference),
				   oci_platform_text(&needs[k].platform).s);
		own_mem char *want = sorted(buf_str(&f.resolved)), *got = sorted(buf_str(&b));
		EXPECT_STR(str_of(got), want);
	}
}

/* --- definitions ---------------------------------------------------------------------------- */

struct variant {
	const char *text, *arg, *target;
};

static struct graph_step *top_of(struct fixture *f, const struct variant *v)
{
	fixture_init(f, v->text);
	f->bases = (struct fake_base[]){ { .reference = "user", .user = "u" },
					 { .reference = "dir", .dir = "/d" },
					 { .reference = "shell", .shell = LIST("/s") },
					 { NULL } };
	if (v->arg)
		fixture_arg(f, v->arg);
	if (v->target)
		fixture_targets(f, v->target);
	EXPECT_OK(fixture_build(f));
	return f->g->images[0].top;
}

static void expect_all_differ(const struct variant *v, size_t n)
{
	struct fixture *f = mem_new_array(n, struct fixture);
	struct graph_step **top = mem_new_array(n, struct graph_step *);
	for (size_t i = 0; i < n; i++) {
		top[i] = top_of(&f[i], &v[i]);
		for (size_t k = 0; k < i; k++) {
			if (same(top[i], top[k]))
				print_error("%s\nis as\n%s\n", v[i].text, v[k].text);
			EXPECT(!same(top[i], top[k]));
		}
	}
	for (size_t i = 0; i < n; i++)
		fixture_done(&f[i]);
	free(top);
	free(f);
}

TEST(definitions_differ_with_each_input)
{
	static const struct variant run[] = {
		{ .text = "FROM a\nRUN x" },
		{ .text = "FROM a\nRUN y" },
		{ .text = "FROM b\nRUN x" },
		{ .text = "FROM a\nRUN x", .target = "linux/arm64" },
		{ .text = "FROM a\nENV E=1\nRUN x" },
		{ .text = "FROM a\nENV E=2\nRUN x" },
		{ .text = "FROM a\nENV F=1\nRUN x" },
		{ .text = "FROM a\nARG A\nRUN x", .arg = "A=1" },
		{ .text = "FROM a\nARG A\nRUN x", .arg = "A=2" },
		{ .text = "FROM a\nUSER 1\nRUN x" },
		{ .text = "FROM a\nUSER 2\nRUN x" },
		{ .text = "FROM a\nSHELL [\"/bin/sh\"]\nRUN x" },
		{ .text = "FROM a\nRUN [\"x\"]" },
		{ .text = "FROM a\nRUN [\"/bin/sh\",\"-c x\"]" },
		{ .text = "FROM a\nRUN x\nRUN x" },
		{ .text = "FROM a\nWORKDIR /w\nRUN x" },
		{ .text = "FROM a\nRUN <<E\nx\nE" },
		{ .text = "FROM a\nRUN <<E\n#!/bin/x\nE" },
		{ .text = "FROM a\nRUN [\"/bin/sh\",\"-c\",\"#!/bin/x\\n\"]" },
		{ .text = "FROM scratch\nRUN x" },
		{ .text = "FROM dir\nRUN x" },
		{ .text = "FROM dir\nWORKDIR /\nRUN x" }, /* no step of its own */
	};
	static const struct variant copy[] = {
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY y /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY x y /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY y x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY [\"x y\",\"/d/\"]" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY x /d" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY x /e/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nADD x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY --chown=1 x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY --chown=2 x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY --chmod=1 x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY --from=s x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY --from=s --chown=0:0 x /d/" },
		{ .text = "FROM a AS s\nRUN 2\nFROM a\nCOPY --from=s x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM a\nCOPY --from=a x /d/" },
		{ .text = "FROM scratch AS s\nFROM a\nCOPY --from=s x /d/" },
		{ .text = "FROM a AS s\nRUN 1\nFROM b\nCOPY x /d/" },
		{ .text = "FROM scratch\nCOPY x /d/" },
		{ .text = "FROM a\nCOPY <<x /d/\n1\nx" },
		{ .text = "FROM a\nCOPY <<x /d/\n2\nx" },
		{ .text = "FROM a\nCOPY <<y /d/\n1\ny" },
		{ .text = "FROM a\nCOPY <<x <<y /d/\n1\nx\ny" },
		{ .text = "FROM a\nCOPY <<x <<y /d/\nx\n1\ny" },
	};
	static const struct variant workdir[] = {
		{ .text = "FROM a\nWORKDIR /x" },    { .text = "FROM a\nWORKDIR /y" },
		{ .text = "FROM b\nWORKDIR /x" },    { .text = "FROM a\nUSER 1\nWORKDIR /x" },
		{ .text = "FROM user\nWORKDIR /x" }, { .text = "FROM dir\nWORKDIR x" },
	};
	expect_all_differ(run, ARRAY_LEN(run));
	expect_all_differ(copy, ARRAY_LEN(copy));
	expect_all_differ(workdir, ARRAY_LEN(workdir));
}

TEST(definitions_are_equal_when_the_result_is)
{
	static const struct variant pairs[][2] = {
		{ { .text = "FROM a\nRUN x" },
		  { .text = "# c\nFROM a AS n\nLABEL l=1\nEXPOSE 80\nCMD z\nRUN x" } },
		{ { .text = "FROM a\nRUN x" }, { .text = "FROM a AS p\nFROM p\nRUN x" } },
		{ { .text = "FROM a\nENV E=1\nRUN x" }, { .text = "FROM a\nARG E=1\nRUN x" } },
		{ { .text = "FROM a\nWORKDIR /a\nCOPY x y" },
		  { .text = "FROM a\nWORKDIR /a\nCOPY x /a/y" } },
		{ { .text = "FROM a\nCOPY x /y" }, { .text = "FROM a\nENV X=x\nCOPY $X /y" } },
		{ { .text = "FROM scratch\nCOPY x /y" },
		  { .text = "FROM scratch\nCOPY x /y", .target = "linux/arm64" } },
		{ { .text = "FROM a AS s\nFROM b\nCOPY --from=s x /" },
		  { .text = "FROM b\nCOPY --from=a x /" } },
		{ { .text = "FROM a\nARG UNSET\nRUN x" }, { .text = "FROM a\nRUN x" } },
		{ { .text = "FROM shell\nRUN x" },
		  { .text = "FROM shell\nSHELL [\"/s\"]\nRUN x" } },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		own_fixture f, g;
		const struct graph_step *a = top_of(&f, &pairs[i][0]),
					*b = top_of(&g, &pairs[i][1]);
		if (!same(a, b))
			print_error("%s\nis not as\n%s\n", pairs[i][0].text, pairs[i][1].text);
		EXPECT(same(a, b));
		EXPECT(memcmp(&a->own, &b->own, sizeof(a->own)) == 0);
	}
}

TEST(own_leaves_parent_and_source_out)
{
	own_fixture f, g;
	fixture_open(&f, "FROM a AS s\nRUN 1\nFROM a\nCOPY --from=s x /");
	fixture_open(&g, "FROM c AS s\nRUN 2\nFROM b\nCOPY --from=s x /");
	const struct graph_step *a = f.g->images[0].top, *b = g.g->images[0].top;
	EXPECT(!same(a, b));
	EXPECT(memcmp(&a->own, &b->own, sizeof(a->own)) == 0);
}

/* --- images of one file are apart ----------------------------------------------------------- */

TEST(stages_do_not_write_to_each_other)
{
	own_fixture f;
	fixture_init(
		&f,
		"FROM base AS p\nENV A=p\nLABEL l=p\nONBUILD RUN p\nVOLUME /p\n"
		"FROM p AS c1\nENV A=1\nLABEL l=1\nVOLUME /1\nEXPOSE 1\nRUN c1\nFROM p AS c2\nENV B=2\nEXPOSE 2\nRUN c2\n"
		"FROM p\nCOPY --from=c1 / /1\nCOPY --from=c2 / /2\nRUN last\n");
	f.bases = (struct fake_base[]){
		{ .reference = "base", .env = LIST("A=b", "PATH=/"), .volumes = LIST("/b") },
		{ NULL }
	};
	EXPECT_OK(fixture_build(&f));
	EXPECT_STR(str_of(image_env(&f, "A")), "p");
	EXPECT(!image_env(&f, "B"));
	const struct oci_config *c = &f.g->images[0].config;
	EXPECT_STR(str_of(oci_map_get(&c->labels, "l")), "p");
	EXPECT_STR(str_of(strings_text(&f, &c->volumes)), "/b|/p");
	EXPECT(!c->exposed_ports.n);
	EXPECT_STR(str_of(run_env(step_of(&f, "RUN c1"), "A")), "1");
	EXPECT_STR(str_of(run_env(step_of(&f, "RUN c2"), "A")), "p");
	EXPECT_STR(str_of(run_env(step_of(&f, "RUN c2"), "B")), "2");
	EXPECT(!run_env(step_of(&f, "RUN last"), "B"));
}
