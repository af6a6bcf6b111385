/* A file tree that instructions copy from: a build context with its .dockerignore, or another
 * stage's view.
 *
 * Every path is resolved as if the tree's root were "/": "..", absolute paths and symbolic links
 * stay inside. */
#ifndef KILN_SOURCE_TREE_H
#define KILN_SOURCE_TREE_H

#include "base/arena.h"
#include "codec/sha256.h"
#include "codec/tar.h"
#include "source/ignore.h"

struct source_tree;
struct source_hash_cache;

/* `what` names the tree in messages: "the build context". `root_fd`, `what` and `ignore` (may be
 * NULL: nothing is ignored) are borrowed; `cache` (may be NULL) remembers digests of files. */
struct source_tree *source_tree_open(int root_fd, const char *what,
				     const struct source_ignore *ignore,
				     struct source_hash_cache *cache);
void source_tree_free(struct source_tree *t);
OWN_DECLARE(source_tree);

struct source_match {
	const char *path; /* relative to the root, cleaned, after following links of the named
			     source itself; "" is the root */
	const char *name; /* last component as the source named it: what the file is called in a
			     directory */
	bool is_dir;
};
/* What a source of COPY or ADD names: a path, or a pattern (SPEC Go filepath.Match: * ? [a-z] \x,
 * per component; * also matches names that begin with a dot). In bytewise order. The last
 * component's symbolic link is followed. A plain path that is absent: ERR_NOT_FOUND, "COPY source
 * app/x does not exist in the build context (did you mean app/y?)"; one that .dockerignore leaves
 * out: ERR_NOT_FOUND that names file, line and pattern; a link that leaves the tree and finds
 * nothing: ERR_INVALID that says the link escapes the build context; a source whose ".." leaves it:
 * ERR_INVALID "escapes the build context". A pattern that matches nothing gives no match; a link
 * that it matches and that leads nowhere is given as the link, and links on its way are not
 * followed. ERR_LIMIT when the matches would take more than 256 MiB of the arena. */
struct err *source_tree_match(struct source_tree *t, struct arena *a, struct str source,
			      struct source_match **out, size_t *n);

struct source_entry {
	struct tar_entry e; /* `path` relative to the walked root ("" for itself); owner and mode as
			     * in the tree; hard links come as TAR_HARDLINK whose `link` is relative
			     * to the walked root too, when the first name was walked */
	const char *tree_path; /* from the tree's root, to open it again */
};
/* Walks `path` (from a match) depth first in bytewise order of names, ignored entries left out (a
 * directory that is ignored but has a re-included file below is walked). A file is walked as
 * itself. `each` may return an error to stop. Entries are valid during the call. */
struct err *source_tree_walk(struct source_tree *t, const char *path,
			     struct err *(*each)(void *arg, const struct source_entry *e),
			     void *arg);
/* Opens a walked file for reading (no link followed at the end). */
struct err *source_tree_open_file(struct source_tree *t, const char *tree_path, int *fd);
/* One entry of what COPY would take: `print` differs, but for one case in 2^64, when its type,
 * mode, link target or bytes do. */
struct source_print {
	const char *path; /* from the tree's root; of a directory with "/" at its end */
	uint64_t print;
};
struct source_prints {
	struct arena *a;        /* borrowed; holds the paths */
	struct source_print *v; /* owned */
	size_t n, cap;
};
/* Content of what COPY would take from `path`: types, names, modes, link targets, bytes, owners and
 * xattrs if `with_owner`; neither times nor inode numbers. Files are hashed on up to `threads`
 * threads. Adds each entry to `prints` (NULL: not wanted), in the order of the walk. */
struct err *source_tree_digest(struct source_tree *t, const char *path, bool with_owner,
			       unsigned threads, struct source_prints *prints,
			       struct sha256_sum *out);

/* Digests of files by device, inode, size, mtime and ctime, kept in one file `name` of `dir_fd`
 * (disposable; a file changed within the last two seconds is never trusted). NULL `dir_fd` < 0:
 * memory only. */
struct err *source_hash_cache_open(int dir_fd, const char *name, struct source_hash_cache **out);
struct err *source_hash_cache_save(struct source_hash_cache *c);
void source_hash_cache_free(struct source_hash_cache *c);
OWN_DECLARE(source_hash_cache);

#endif
