/* What a repository holds as a whole, and what of it could go: the part of retention that knows
 * tags, manifests and blobs. Which tags go is for the caller to say.
 *
 * 1. A tag goes in the transaction that has read it: nothing is removed by an older look.
 * 2. A manifest that has no tag, that no index needs and whose subject (if it has one) is gone, is
 *    unneeded from its last push on, or from when the last tag left it. A blob is unneeded when no
 *    manifest refers to it, from when it was last pushed or asked for.
 * 3. Unneeded ones go when they are so for long enough that no push can be about to need them.
 *    Their bytes are in the store until `kiln prune`, which takes what no repository holds. */
#ifndef KILN_CATALOG_HELD_H
#define KILN_CATALOG_HELD_H

#include "catalog/image.h"

struct catalog_held_tag {
	const char *name, *digest;
	int64_t pushed_ns; /* the last time, also with the same digest again */
};

/* ---- a look ---- */

struct catalog_held {
	struct arena *a;               /* owned */
	struct catalog_held_tag *tags; /* owned; by name */
	size_t n_tags;
	struct catalog_held_graph *graph; /* owned; NULL: tags only */
};
/* ERR_LIMIT code REPOSITORY_LARGE above LIMIT_HELD_ROWS. */
struct err *catalog_held_read(struct catalog *c, struct str full_name, bool with_graph,
			      struct catalog_held **out);
void catalog_held_free(struct catalog_held *h);
OWN_DECLARE(catalog_held);

struct catalog_held_weight {                  /* each manifest and blob counted once */
	uint64_t tag_bytes;                   /* what only tags that go need, of this repository */
	uint64_t n_manifests, n_blobs, bytes; /* unneeded ones that go */
};
/* Weighs what goes with the tags that `goes` names (in the order of h->tags), and what is unneeded
 * since before `unneeded_ns` (INT64_MIN: unneeded ones stay). */
void catalog_held_weigh(const struct catalog_held *h, const bool *goes, int64_t unneeded_ns,
			struct catalog_held_weight *out);

/* ---- removing ---- */

struct catalog_sweep {
	struct str repository; /* full name */
	/* In the transaction: says in `goes` which tags go; at most `most` of them do. `*stop`:
	 * none, and what was written is not kept. */
	struct err *(*judge)(void *arg, struct db_tx *tx, const struct catalog_held_tag *tags,
			     size_t n, bool *goes, bool *stop);
	/* What was removed, in the same transaction. */
	struct err *(*removed)(void *arg, struct db_tx *tx, const struct catalog_held_tag *tag);
	/* At its end, with the numbers of this call. */
	struct err *(*ended)(void *arg, struct db_tx *tx, size_t n_tags, size_t n_manifests,
			     size_t n_blobs, bool *stop);
	void *arg;
	size_t most;
};
/* One transaction; `*n` tags are gone. */
struct err *catalog_sweep_tags(struct catalog *c, const struct catalog_sweep *s, size_t *n);
/* Likewise of unneeded manifests, then blobs, since before `unneeded_ns`. Only `done` is called.
 * What goes may leave others unneeded: call it until `*n` is 0. */
struct err *catalog_sweep_unneeded(struct catalog *c, const struct catalog_sweep *s,
				   int64_t unneeded_ns, size_t *n);

#endif
