/* The build context of a lease: a tar stream becomes a directory. Pure but for that directory.
 *
 * The archive is hostile: names are relative, without "..", and reach their place through no
 * symbolic link; links are kept as they are; what is neither file, directory nor link is refused.
 */
#ifndef KILN_WORKER_CONTEXT_H
#define KILN_WORKER_CONTEXT_H

#include "base/arena.h"
#include "codec/io.h"

#define CONTEXT_MOST_DOCKERFILES 20

struct worker_context {
	uint64_t bytes, n_entries;
	/* Files whose name looks like a Dockerfile's, in the arena: to say what there is. */
	const char *dockerfiles[CONTEXT_MOST_DOCKERFILES];
	size_t n_dockerfiles;
};

/* Below `dir_fd` (borrowed), which is empty. ERR_INVALID for hostile names, ERR_LIMIT beyond
 * LIMIT_CONTEXT_FILES entries and LIMIT_WORKER_CONTEXT_BYTES, ERR_CORRUPT for what is no tar or
 * ends too early. */
struct err *worker_context_unpack(struct arena *a, struct reader *tar, int dir_fd,
				  struct worker_context *out);

#endif
