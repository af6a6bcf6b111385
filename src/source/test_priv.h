/* What the tests of this folder share. */
#ifndef KILN_SOURCE_TEST_PRIV_H
#define KILN_SOURCE_TEST_PRIV_H

#include "source/tree.h"

/* Parents are made too. */
void put_file(int dir, const char *path, const char *content);
void put_dir(int dir, const char *path);
void put_link(int dir, const char *path, const char *target);
void set_age(int dir, const char *path, int64_t unix_s);
struct source_ignore *ignore_of(const char *text);
/* What a walk meets, as "d: f:a l:b>a h:c>a"; the caller frees it. */
struct err *list_walk(struct source_tree *t, const char *path, char **out);

#endif
