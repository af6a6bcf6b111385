/* Dockerfile stages times platforms become steps.
 *
 * 1. A step that has the same definition as another is the same step: a stage pinned to the build
 * platform is evaluated for every target and comes out once.
 * 2. Only what the wanted images need is evaluated: other stages are neither resolved nor run.
 * 3. A step's definition covers its parent's and its sources' definitions and every word that can
 * change its result, each typed and length-prefixed. What files hold is not known here; whoever
 * runs the steps adds it.
 *
 * Pure: base images come through a callback, nothing else is asked. */
#ifndef KILN_GRAPH_GRAPH_H
#define KILN_GRAPH_GRAPH_H

#include "base/arena.h"
#include "codec/sha256.h"
#include "dockerfile/dockerfile.h"
#include "oci/config.h"
#include "oci/manifest.h"

struct graph_arg {
	struct str name, value;
};

/* A base image as the registry has it for one platform. */
struct graph_base {
	const char *reference;   /* familiar spelling, for messages */
	struct oci_digest named; /* what the reference led to: an index, or the manifest itself */
	struct oci_digest manifest; /* of the platform */
	const struct oci_config *config;
	const struct oci_descriptor *layers; /* as many as config->n_diff_ids, the bottom first */
	size_t n_layers;
	void *source; /* the resolver's own */
};

struct graph_options {
	const struct dockerfile *file;
	const struct oci_platform *targets;
	size_t n_targets;
	struct oci_platform build_platform;
	const struct graph_arg *args; /* --build-arg */
	size_t n_args;
	struct str target_stage; /* name or number; empty: the last */
	/* Finds a base image; `out` lives as long as the arena. Errors are wrapped with file and
	 * line here. */
	struct err *(*resolve)(void *arg, struct str reference, const struct oci_platform *p,
			       const struct graph_base **out);
	void *resolve_arg;
	void (*warn)(void *arg, const char *text); /* may be NULL */
};

enum graph_step_kind { GRAPH_BASE, GRAPH_RUN, GRAPH_COPY, GRAPH_WORKDIR };

struct graph_copy_source { /* a heredoc */
	struct str name, content;
};

struct graph_step {
	enum graph_step_kind kind;
	uint32_t index;            /* in the order of dependency: parents and sources are lower */
	uint32_t line;             /* 0 for a base image */
	const char *stage;         /* "builder" or "stage-0"; for progress */
	const char *text;          /* "RUN go build -o hello hello.go"; "FROM alpine" */
	struct graph_step *parent; /* the file system it starts from; NULL: empty */
	struct sha256_sum definition; /* names the step; see 3. above */
	struct sha256_sum
		own;        /* the step without parent and sources: what `inputs` shows, hashed */
	const char *inputs; /* what the definition covers beside the parent, as JSON, to explain a
			       miss */
	struct oci_platform
		platform;    /* what its programs are for; for COPY and WORKDIR the stage's */
	bool wanted_by[8];   /* targets whose image needs it */
	size_t n_dependents; /* steps that have it as parent or source */
	union {
		const struct graph_base *base;
		struct {
			const char *const *args; /* NULL-terminated */
			const char *const *env;  /* "K=V", NULL-terminated; PATH is there */
			const char *cwd, *user;  /* user "" is root */
			/* A heredoc script with its own interpreter line: run as a file. */
			struct str script;
			struct str shown; /* the command as written */
			bool shell_form;  /* the program is the SHELL */
		} run;
		struct {
			struct graph_step *from; /* NULL with from_context false: an empty stage */
			bool from_context;
			bool is_add;
			const struct str *sources; /* expanded */
			size_t n_sources;
			const struct graph_copy_source *inlines;
			size_t n_inlines;
			const char *dest; /* absolute; trailing slash kept */
			const char *chown, *chmod;
			bool keep_owner;
		} copy;
		struct {
			const char *path; /* absolute */
			const char *user;
		} workdir;
	};
};

struct graph_history {
	const char *created_by;
	const char *author;      /* NULL: none */
	struct graph_step *step; /* NULL: metadata only */
};

struct graph_image {
	struct oci_platform platform;
	struct oci_config
		config; /* with the base's history and diff ids; the steps' are still to be added */
	struct graph_step *top;              /* NULL: empty file system */
	const struct graph_history *history; /* in order, of all steps above the base */
	size_t n_history;
};

struct graph {
	struct graph_step **steps; /* by index */
	size_t n_steps;
	struct graph_image *images; /* one per target, in their order */
	size_t n_images;
	bool uses_context;
	bool runs; /* some step runs a program */
};

#define GRAPH_MOST_TARGETS 8

/* ERR_INVALID names file and line; ERR_LIMIT too, and says what is too large. Everything is in the
 * arena, of which it takes less than 2 GiB, bases not counted. An image that --from names is taken
 * for the target's platform, whatever the stage's. */
struct err *graph_build(struct arena *a, const struct graph_options *o, struct graph **out);

struct graph_need {
	struct str reference;
	struct oci_platform platform;
};
/* The base images that graph_build() will ask for, as far as they show before any is known (ONBUILD
 * triggers may ask for more), at most 1000: to fetch them side by side. Fails where graph_build()
 * would. */
struct err *graph_needs(struct arena *a, const struct graph_options *o, struct graph_need **out,
			size_t *n);

#endif
