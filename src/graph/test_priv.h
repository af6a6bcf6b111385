/* What the tests of this folder share: base images without a registry, and graphs as text. */
#ifndef KILN_GRAPH_TEST_PRIV_H
#define KILN_GRAPH_TEST_PRIV_H

#include "base/test.h"
#include "graph/graph.h"

/* Everything behind `reference` may be NULL; lists end with NULL. */
struct fake_base {
	const char *reference;
	const char *const *env; /* K=V */
	const char *const *cmd, *const *entrypoint, *const *shell, *const *on_build;
	const char *const *labels, *const *volumes, *const *ports;
	const char *user, *dir, *stop_signal;
	bool any_platform; /* one manifest for all */
	bool broken;       /* layers and diff ids do not match */
};

struct fixture {
	struct arena *a;
	struct graph_options o;
	const struct fake_base *bases; /* ends with a NULL reference; all others are empty images */
	struct buf resolved;           /* "alpine@linux/amd64 …" */
	struct buf warned;             /* one per line */
	struct graph *g;
};

/* Sets a Dockerfile, for linux/amd64 on linux/amd64. */
void fixture_init(struct fixture *f, const char *text);
void fixture_done(struct fixture *f);
#define own_fixture __attribute__((cleanup(fixture_done))) struct fixture
/* "linux/amd64,linux/arm64" */
void fixture_targets(struct fixture *f, const char *targets);
/* "A=1"; may come often. */
void fixture_arg(struct fixture *f, const char *arg);
struct err *fixture_build(struct fixture *f);
/* Builds `text` and must succeed. */
void fixture_open(struct fixture *f, const char *text);
/* Parses and builds `text` for one platform and wants this failure. */
void expect_failure(const char *text, enum err_kind kind, const char *part);

const char *image_env(const struct fixture *f, const char *name); /* NULL: not set */
const char *run_env(const struct graph_step *s, const char *name);
/* The step that begins with `text`; there must be one. */
const struct graph_step *step_of(const struct fixture *f, const char *text);
/* How many begin with it. */
size_t count_steps(const struct fixture *f, const char *text);
/* "a|b|c"; "null" when not set. In the arena. */
const char *strings_text(const struct fixture *f, const struct oci_strings *s);
const char *args_text(const struct fixture *f, const struct graph_step *run);
/* All created_by of the first image, one per line. */
const char *history_text(const struct fixture *f);

#endif
