/* What a build reads before it begins: Dockerfile, .dockerignore, platforms, arguments. */
#ifndef KILN_APP_INPUTS_H
#define KILN_APP_INPUTS_H

#include "app/options.h"
#include "base/arena.h"
#include "executor/executor.h"
#include "oci/reference.h"

enum output_kind { OUTPUT_REGISTRY, OUTPUT_OCI, OUTPUT_DOCKER, OUTPUT_TAR, OUTPUT_LOCAL };

struct output {
	enum output_kind kind;
	const char *dest; /* as given; NULL: none */
	int fd; /* owned: the file to write, standard output, or the directory; -1 for a registry */
	int dir_fd;       /* owned: where the file is renamed into place; -1 for standard output and
			     directories */
	char *tmp;        /* owned; the file's name until it is whole */
	const char *name; /* its final name in dir_fd */
};

struct inputs {
	struct executor_request request;
	struct oci_reference *tags;
	size_t n_tags;
	struct output *outputs;
	size_t n_outputs;
	bool push;
	unsigned jobs;  /* 0: by the number of processors */
	int context_fd; /* owned */
};

/* What the words of the command line say, no file looked at: an error means that the command line
 * is wrong. Paths and texts are in the arena. */
struct err *inputs_read(const struct invocation *in, struct arena *a, struct inputs *out);
/* Opens and reads the files that were named: context, Dockerfile, .dockerignore, outputs. */
struct err *inputs_open(const struct invocation *in, struct arena *a, struct inputs *i);
void inputs_done(struct inputs *i);
/* Opens the file to write, which has another name until output_keep(). Not before the build is
 * through: it may lie in the build context. */
struct err *output_begin(struct output *o);
/* Gives a finished file its name. */
struct err *output_keep(struct output *o);

/* Platforms from every --platform, by commas too; the host's if there is none. Duplicates are
 * dropped. */
struct err *inputs_platforms(const struct invocation *in, struct arena *a,
			     struct oci_platform **out, size_t *n);

#endif
