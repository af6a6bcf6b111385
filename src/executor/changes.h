/* Which files differ between two trees, for people.
 *
 * A tree is kept as text: per entry 16 hexadecimal digits, a blank, the path, a line feed. */
#ifndef KILN_EXECUTOR_CHANGES_H
#define KILN_EXECUTOR_CHANGES_H

#include "source/tree.h"

#define CHANGES_TREE_BYTES ((size_t)512 << 10)

/* The caller frees it. NULL when it would be longer than CHANGES_TREE_BYTES. A path with a line
 * feed is left out. */
char *changes_tree(const struct source_print *v, size_t n);
/* "go.mod, main.go (new), a.c (gone) and 3 more"; directories only when no file differs. NULL when
 * nothing does. The caller frees it. */
char *changes_names(const char *before, const char *now);

#endif
