/* COPY and ADD: from matched sources to the entries of a layer.
 *
 * What the layer holds depends on the sources and on a few facts of the tree below the destination:
 * where its links lead, which parents exist with which owner and mode. The facts are looked up once
 * in the view of the stage (copy_resolve) and are all that a copy knows of it, so two platforms
 * with the same facts share one layer. */
#ifndef KILN_EXECUTOR_COPY_H
#define KILN_EXECUTOR_COPY_H

#include "base/arena.h"
#include "codec/sha256.h"
#include "layer/layer.h"
#include "source/tree.h"

struct copy_inline { /* a heredoc */
	struct str name, content;
};

struct copy_source {
	struct source_tree *tree; /* NULL for an inline file */
	struct source_match match;
	struct copy_inline file;
};

struct copy_request {
	uint32_t line; /* for messages */
	const struct copy_source *sources;
	size_t n_sources;
	const char *dest; /* absolute, WORKDIR already joined; a trailing slash means a directory */
	const char *chown; /* "" none; "user[:group]", names or numbers */
	const char *chmod; /* "" none; octal 0 to 07777, or symbolic (u=rwX,go=rX, +x, g=u) */
	bool keep_owner;   /* --from without --chown: owners of the source */
	bool unpack; /* ADD: local archives are unpacked (recognised by content through libarchive:
			tar, plain or compressed by gzip, bzip2, xz, zstd) */
	bool multiple; /* several sources or a pattern: the destination must be a directory ("…/")
			*/
};

struct copy_facts; /* in the arena */

/* Looks the destination up in the stage's view `below_fd` (-1: an empty file system): follows links
 * in its path (confined to the root), finds existing parents, resolves chown names by the stage's
 * /etc/passwd and /etc/group. Errors: unknown user or group, file in the way of a directory and the
 * other way round, bad chmod ("9999": not octal). */
struct err *copy_resolve(struct arena *a, const struct copy_request *r, int below_fd,
			 struct copy_facts **out);
/* Everything the layer depends on but the sources' content. */
struct sha256_sum copy_facts_digest(const struct copy_facts *f);
/* True when there is nothing to add: no sources, and the destination's directories exist. For
 * WORKDIR, which is a copy of nothing. */
bool copy_makes_nothing(const struct copy_request *r, const struct copy_facts *f);
/* Gives the entries of the layer to each of `sinks`: parents first (existing ones as they are, new
 * ones 0755 or by chmod, owner 0:0 or chown, mtime 0 unless `epoch_s` is lower), then the sources.
 * SPEC cases 15 to 29 of the reference. */
struct err *copy_emit(const struct copy_request *r, const struct copy_facts *f,
		      struct layer_sink *const *sinks, size_t n_sinks);

#endif
