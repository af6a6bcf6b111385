/* Programs in the layers of a build, compared with the platform that an image claims.
 *
 * A layer may serve several platforms, so it keeps what its programs are built for, and each image
 * is judged by that. Programs are regular files with an execute bit, and shared objects by their
 * names ("x.so", "x.so.1.2"); a file that is hard-linked counts once. */
#ifndef KILN_EXECUTOR_PROGRAMS_H
#define KILN_EXECUTOR_PROGRAMS_H

#include "executor/elf.h"
#include "layer/layer.h"

#define PROGRAMS_MOST_KINDS 20 /* of one layer; others are left out */

struct program {
	struct elf_kind kind;
	char *path; /* owned; the first of this kind, without a leading slash */
	uint64_t count;
};

/* Looks at what passes on its way to another sink. */
struct programs {
	struct layer_sink sink;
	struct layer_sink *next; /* borrowed */
	struct program *found;   /* owned */
	size_t n;
};
void programs_init(struct programs *p, struct layer_sink *next);
void programs_done(struct programs *p);
/* What was found, as JSON for programs_judge(); NULL: nothing. The caller frees it. */
char *programs_text(const struct programs *p);

#define PROGRAMS_MOST_WARNINGS 5 /* of one image */

/* Over the layers of one image, in order. */
struct programs_judge {
	struct oci_platform platform;
	void (*warn)(void *arg, const char *text);
	void *arg;
	size_t said;
	uint64_t unsaid; /* programs beyond the warnings */
};
/* Warns of those in `text` (NULL: none) that do not run on the platform: "linux/arm/v6: /app/hello
 * is built for ARMv7 (Dockerfile:9)". A text that is damaged says nothing. */
void programs_judge(struct programs_judge *j, const char *text, const char *file, uint32_t line);
/* Tells how many more there are. */
void programs_judge_end(struct programs_judge *j);

#endif
