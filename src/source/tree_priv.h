/* What the files of source/ share. */
#ifndef KILN_SOURCE_TREE_PRIV_H
#define KILN_SOURCE_TREE_PRIV_H

#include <sys/stat.h>

#include "base/thread.h"
#include "source/tree.h"

struct source_tree {
	int root_fd;                        /* borrowed */
	const char *what;                   /* borrowed */
	const struct source_ignore *ignore; /* borrowed; NULL: nothing is ignored */
	struct source_hash_cache *cache;    /* borrowed; may be NULL */
};

/* A file as it was at one moment. */
struct file_state {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};
struct file_state file_state_of(const struct stat *st);
bool file_state_eq(const struct file_state *a, const struct file_state *b);

/* The digest of a file that has not changed since; false if it is not known. */
bool hash_cache_get(struct source_hash_cache *c, const struct file_state *f,
		    struct sha256_sum *out);
/* `seen_unix_ns` is before the file's state was asked for: what was younger then is not kept, since
 * a file may change twice within a clock tick. */
void hash_cache_put(struct source_hash_cache *c, const struct file_state *f, int64_t seen_unix_ns,
		    const struct sha256_sum *sum);

/* source_tree_walk() with what the system said of the entry. */
typedef struct err *tree_each_fn(void *arg, const struct source_entry *e, const struct stat *st);
struct err *tree_walk(struct source_tree *t, const char *path, tree_each_fn *each, void *arg);

/* Names in a directory, sorted bytewise; the caller frees with names_done(). */
struct names {
	char **v; /* owned, each */
	size_t n, cap;
};
struct err *names_read(int dir_fd, struct names *out);
void names_done(struct names *n);

#endif
