/* Inside catalog/: the shared generation, and how a change is made. */
#ifndef KILN_CATALOG_CATALOG_PRIV_H
#define KILN_CATALOG_CATALOG_PRIV_H

#include "catalog/image.h"

/* A number in shared memory, odd while a change is being committed.
 *
 * 1. An even value is never seen again once a change is in the database.
 * 2. While it is odd, every look makes it grow, so nobody's cache holds an answer of that moment:
 * it may be from before or behind the change. This also covers a process killed in between. */
struct catalog_generation {
	uint64_t *shared; /* owned; mapped from DATA/generation */
};
struct err *catalog_generation_open(int data_fd, struct catalog_generation *g);
void catalog_generation_done(struct catalog_generation *g);
uint64_t catalog_generation_get(const struct catalog_generation *g);
bool catalog_generation_is_odd(const struct catalog_generation *g);
/* Around a commit, in a write transaction. */
void catalog_generation_enter(struct catalog_generation *g);
void catalog_generation_leave(struct catalog_generation *g);

struct catalog {
	struct db *db; /* borrowed */
	struct catalog_generation generation;
};

/* Runs one statement that ends in RETURNING in a transaction of its own; `*changed` (may be NULL):
 * it gave a row. */
struct err *catalog_change(struct catalog *c, const char *sql, const struct db_param *params,
			   size_t n, bool *changed);
/* Commits, and tells the other processes if anything `changed`. */
struct err *catalog_commit(struct catalog *c, struct db_tx *tx, bool changed);
/* Points a tag at a manifest of the repository; sets `*changed` if it was not there already.
 * ERR_DENIED code TAG_IMMUTABLE when it would move a tag of an immutable image repository. */
struct err *catalog_tag_set(struct db_tx *tx, struct str repository, struct str tag,
			    const struct oci_digest *d, int64_t now_ns, bool *changed);
#define CATALOG_RENEW_NS (60 * 1000000000ll) /* times of what was there already are this exact */
/* Removes a tag, and notes the time on what it pointed at. */
struct err *catalog_tag_drop(struct db_tx *tx, struct str repository, struct str tag,
			     int64_t now_ns, bool *found);
/* Keeps what is about to be, or was, done to tags for pipeline/, which tells it the repository's
 * endpoints: nothing where there are none. Of the tag `tag`, or with `d` of all that point at it.
 */
struct err *catalog_tag_told(struct db_tx *tx, struct str repository, struct str tag,
			     const struct oci_digest *d, bool deleted);
/* Reads rows of image_repository as catalog_image_columns lists them. */
struct catalog_image_rows {
	struct arena *m;
	struct catalog_image_repository *v; /* owned */
	size_t n, cap;
};
extern const char catalog_image_columns[];
bool catalog_image_see(void *arg, struct db_row *r);
/* Row callback that sets a bool. */
bool catalog_see_row(void *arg, struct db_row *r);

#endif
