/* What hostile Dockerfiles can make grow is refused before it is made, and what is large and honest
 * is quick. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "graph/test_priv.h"

#define EIGHT \
	"linux/amd64,linux/arm64,linux/arm/v7,linux/arm/v6,linux/386,linux/riscv64,linux/s390x,linux/ppc64le"

struct text {
	struct buf b;
};

static void text_init(struct text *t)
{
	buf_init(&t->b, LIMIT_DOCKERFILE_BYTES);
}

static void text_done(struct text *t)
{
	buf_done(&t->b);
}
#define own_text __attribute__((cleanup(text_done))) struct text

/* `line` as often; %u in it is the number. */
__attribute__((format(printf, 3, 0))) static void add_lines(struct text *t, unsigned n,
							    const char *line)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	for (unsigned i = 0; i < n; i++)
		buf_printf(&t->b, line, i, i);
#pragma GCC diagnostic pop
}

static struct err *build(struct fixture *f, struct text *t, const char *targets)
{
	EXPECT(!t->b.over);
	fixture_init(f, t->b.p);
	fixture_targets(f, targets);
	return fixture_build(f);
}

static void expect_limit(struct text *t, const char *part)
{
	own_fixture f;
	EXPECT_ERR(build(&f, t, EIGHT), ERR_LIMIT, part);
}

/* W is 128 KiB long after this. */
static void add_value(struct text *t, const char *instruction)
{
	buf_printf(&t->b, "%s W0=%0512d\n", instruction, 1);
	buf_printf(&t->b, "%s W1=$W0$W0$W0$W0$W0$W0$W0$W0$W0$W0$W0$W0$W0$W0$W0$W0\n", instruction);
	buf_printf(&t->b, "%s W=$W1$W1$W1$W1$W1$W1$W1$W1$W1$W1$W1$W1$W1$W1$W1$W1\n", instruction);
}

/* --- large ---------------------------------------------------------------------------------- */

TEST(ten_thousand_instructions_for_eight_platforms)
{
	own_text t;
	own_fixture f;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\nENV A=1 B=2 C=3\n"));
	add_lines(&t, 4990, "RUN echo %u\n");
	add_lines(&t, 4990, "COPY f%u /\n");
	EXPECT_OK(build(&f, &t, EIGHT));
	EXPECT(f.g->n_steps == 8 * (4990 * 2 + 1));
}

TEST(a_thousand_stages_in_a_chain)
{
	own_text t, u;
	own_fixture f, g;
	text_init(&t);
	buf_add(&t.b, STR("FROM a AS s0\n"));
	for (unsigned i = 1; i < LIMIT_DOCKERFILE_STAGES; i++)
		buf_printf(&t.b, "FROM s%u AS s%u\nRUN %u\n", i - 1, i, i);
	EXPECT_OK(build(&f, &t, EIGHT));
	EXPECT(f.g->n_steps == 8 * LIMIT_DOCKERFILE_STAGES);
	text_init(&u);
	buf_add(&u.b, STR("FROM scratch AS s0\nCOPY x /\n"));
	for (unsigned i = 1; i < LIMIT_DOCKERFILE_STAGES; i++)
		buf_printf(&u.b, "FROM scratch AS s%u\nCOPY --from=s%u / /%u\n", i, i - 1, i);
	EXPECT_OK(build(&g, &u, EIGHT));
	EXPECT(g.g->n_steps == LIMIT_DOCKERFILE_STAGES);
}

TEST(a_thousand_stages_in_a_chain_of_triggers)
{
	own_text t;
	own_fixture f;
	text_init(&t);
	struct fake_base bases[301] = { { NULL } };
	char names[300][8], triggers[300][40];
	const char *lists[300][2] = { { NULL } };
	buf_add(&t.b, STR("FROM scratch AS s0\n"));
	for (unsigned i = 1; i < 300; i++) {
		snprintf(names[i], sizeof(names[i]), "b%u", i);
		snprintf(triggers[i], sizeof(triggers[i]), "COPY --from=s%u / /", i - 1);
		lists[i][0] = triggers[i];
		bases[i - 1] = (struct fake_base){ .reference = names[i], .on_build = lists[i] };
		buf_printf(&t.b, "FROM b%u AS s%u\n", i, i);
	}
	fixture_init(&f, t.b.p);
	f.bases = bases;
	EXPECT_OK(fixture_build(&f));
	EXPECT(count_steps(&f, "COPY") == 299);
}

TEST(forty_thousand_labels)
{
	own_text t;
	own_fixture f;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\n"));
	for (unsigned k = 0; k < 40; k++) {
		buf_add(&t.b, STR("LABEL"));
		for (unsigned i = 0; i < 1000; i++)
			buf_printf(&t.b, " l%u_%u=1", k, i);
		buf_add_c(&t.b, '\n');
	}
	EXPECT_OK(build(&f, &t, EIGHT));
	EXPECT(f.g->images[7].config.labels.n == 40000);
}

/* --- bounded -------------------------------------------------------------------------------- */

TEST(values_that_grow_are_refused)
{
	own_text t, g;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\n"));
	add_value(&t, "ENV");
	add_lines(&t, 9000, "ENV X%u=$W$W$W$W$W$W$W$W\n");
	expect_limit(&t, "most of it are the values of its variables and labels");
	text_init(&g);
	add_value(&g, "ARG");
	add_lines(&g, 9000, "ARG X%u=$W$W$W$W$W$W$W$W\n");
	buf_add(&g.b, STR("FROM a\n"));
	expect_limit(&g, "values of its variables");
	own_text from;
	text_init(&from);
	add_value(&from, "ARG");
	add_lines(&from, 900, "FROM $W$W$W$W$W$W$W AS s%u\n");
	buf_add(&from.b, STR("FROM scratch\n"));
	add_lines(&from, 900, "COPY --from=s%u / /\n");
	expect_limit(&from, "values of its variables");
}

TEST(heredocs_that_grow_are_refused)
{
	own_text t;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\n"));
	add_value(&t, "ENV");
	add_lines(&t, 3000, "COPY <<f%u /\n$W$W$W$W$W$W$W\nf%u\n");
	expect_limit(&t, "most of it are");
}

TEST(environments_of_run_are_refused)
{
	own_text t;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\n"));
	add_value(&t, "ENV");
	buf_add(&t.b, STR("ENV X=$W$W$W$W$W$W$W\n"));
	add_lines(&t, 9000, "RUN %u\n");
	expect_limit(&t, "most of it are the variables that are given to each RUN");
}

TEST(histories_are_refused)
{
	own_text t;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\n"));
	add_value(&t, "ARG");
	add_lines(&t, 20, "RUN %u\n");
	add_lines(&t, 600, "RUN x%u\nENV Y=%u\n");
	own_fixture f;
	EXPECT_ERR(build(&f, &t, "linux/amd64"), ERR_LIMIT, "");
	own_text u;
	own_fixture g;
	text_init(&u);
	buf_add(&u.b, STR("FROM a\n"));
	add_value(&u, "ARG");
	add_lines(&u, 100, "RUN %u\n");
	EXPECT_ERR(
		build(&g, &u, "linux/amd64"), ERR_LIMIT,
		"the image's configuration would be larger than 8 MiB: variables of 64 bytes, labels of 0, history of");
}

TEST(long_shells_are_refused)
{
	own_text t;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\nSHELL [\"s\""));
	add_lines(&t, 60000, ",\"%u\"");
	buf_add(&t.b, STR("]\n"));
	add_lines(&t, 9000, "CMD %u\n");
	expect_limit(&t, "most of it are its commands, repeated for each step");
}

TEST(long_paths_are_refused)
{
	own_text t, u;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\n"));
	add_lines(&t, 9000, "WORKDIR a\n");
	expect_limit(&t, "Dockerfile:2049: the path is longer than 4095 bytes");
	text_init(&u);
	buf_add(&u.b, STR("FROM a\n"));
	add_value(&u, "ENV");
	buf_add(&u.b, STR("COPY x /$W\n"));
	expect_limit(&u, "Dockerfile:5: the path is longer than 4095 bytes");
	own_text w;
	text_init(&w);
	buf_add(&w.b, STR("FROM a\n"));
	add_value(&w, "ENV");
	buf_add(&w.b, STR("WORKDIR /$W\n"));
	expect_limit(&w, "Dockerfile:5: the path is longer");
}

TEST(ports_are_refused)
{
	own_text t, u;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\n"));
	add_lines(&t, 9000, "EXPOSE 1-65535 1-65535/udp 1-65535/sctp\n");
	expect_limit(&t, "its ports and volumes");
	text_init(&u);
	own_fixture f;
	buf_add(&u.b, STR("FROM a\nEXPOSE 1-65535 1-65535/udp 1-65535/sctp\n"));
	EXPECT_ERR(build(&f, &u, "linux/amd64"), ERR_LIMIT, "196605 ports");
	own_text ok;
	own_fixture g;
	text_init(&ok);
	buf_add(&ok.b, STR("FROM a\nEXPOSE 1-65535\nEXPOSE 1-65535\n"));
	EXPECT_OK(build(&g, &ok, EIGHT));
	EXPECT(g.g->images[7].config.exposed_ports.n == 65535);
}

TEST(too_many_entries_are_refused)
{
	own_text env, history;
	text_init(&env);
	buf_add(&env.b, STR("FROM a\n"));
	add_lines(&env, 4200, "ENV E%u=%u\n");
	expect_limit(&env, "the image would have 4201 variables, more than 4096");
	text_init(&history);
	buf_add(&history.b, STR("FROM a AS p\n"));
	add_lines(&history, 5000, "ONBUILD USER %u\n");
	buf_add(&history.b, STR("FROM p\n"));
	add_lines(&history, 990, "USER %u\n");
	expect_limit(&history, "history entries, more than 10000");
}

TEST(triggers_of_bases_are_refused)
{
	static char big[60000];
	own_text t;
	own_fixture f;
	text_init(&t);
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, "RUN ", 4);
	add_lines(&t, 900, "FROM base AS s%u\n");
	buf_add(&t.b, STR("FROM scratch\n"));
	add_lines(&t, 900, "COPY --from=s%u / /\n");
	fixture_init(&f, t.b.p);
	const char *const list[] = { big, big, big, big, NULL };
	f.bases = (struct fake_base[]){ { .reference = "base", .on_build = list }, { NULL } };
	EXPECT_ERR(fixture_build(&f), ERR_LIMIT,
		   "most of it are the ONBUILD triggers of its base images");
}

TEST(too_many_bases_are_refused)
{
	own_text t;
	own_fixture f;
	text_init(&t);
	buf_add(&t.b, STR("FROM scratch\n"));
	add_lines(&t, 1001, "COPY --from=img%u / /\n");
	EXPECT_ERR(build(&f, &t, "linux/amd64"), ERR_LIMIT, "Dockerfile:1002");
	struct graph_need *needs;
	size_t n;
	EXPECT_ERR(graph_needs(f.a, &f.o, &needs, &n), ERR_LIMIT,
		   "more than 1000 different base images");
}

TEST(large_bases_are_refused)
{
	own_text t;
	own_fixture f;
	text_init(&t);
	add_lines(&t, 900, "FROM base%u AS s%u\n");
	buf_add(&t.b, STR("FROM scratch\n"));
	add_lines(&t, 900, "COPY --from=s%u / /\n");
	fixture_init(&f, t.b.p);
	static char value[1 << 20];
	memset(value, 'v', sizeof(value) - 1);
	memcpy(value, "V=", 2);
	static char names[900][16];
	static struct fake_base bases[901];
	static const char *const env[] = { value, NULL };
	for (unsigned i = 0; i < 900; i++) {
		snprintf(names[i], sizeof(names[i]), "base%u", i);
		bases[i] = (struct fake_base){ .reference = names[i], .env = env };
	}
	f.bases = bases;
	EXPECT_ERR(fixture_build(&f), ERR_LIMIT, "values of its variables");
}

TEST(long_inputs_are_summed_up)
{
	own_text t;
	own_fixture f;
	text_init(&t);
	buf_add(&t.b, STR("FROM a\n"));
	add_value(&t, "ENV");
	buf_add(&t.b, STR("ENV X=$W$W$W$W$W$W Y=$W$W$W$W$W$W\nRUN x\nRUN [\"a\"]\n"));
	EXPECT_OK(build(&f, &t, "linux/amd64"));
	const struct graph_step *a = step_of(&f, "RUN x"), *b = step_of(&f, "RUN [");
	EXPECT(str_starts(str_of(a->inputs), STR("{\"kind\":\"run\",\"too_long\":\"")));
	EXPECT(strcmp(a->inputs, b->inputs) != 0);
	EXPECT(memcmp(&a->own, &b->own, sizeof(a->own)) != 0);
}
