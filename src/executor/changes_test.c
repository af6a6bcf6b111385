#include "executor/changes.h"

#include <stdlib.h>

#include "base/test.h"

static char *tree(const char *const *paths, const uint64_t *prints, size_t n)
{
	struct source_print v[16];
	for (size_t i = 0; i < n; i++)
		v[i] = (struct source_print){ paths[i], prints[i] };
	return changes_tree(v, n);
}

TEST(changed_new_and_gone_files_are_named)
{
	static const char *const before[] = { "", "a.c", "b/", "b/x", "go.mod" };
	static const char *const after[] = { "", "a.c", "b/", "b/y", "go.mod" };
	own_mem char *a = tree(before, (uint64_t[]){ 1, 2, 3, 4, 5 }, 5);
	own_mem char *b = tree(after, (uint64_t[]){ 1, 2, 3, 4, 6 }, 5);
	own_mem char *names = changes_names(a, b);
	EXPECT_STR(str_of(names), "b/x (gone), b/y (new), go.mod");
	own_mem char *same = changes_names(a, a);
	EXPECT(!same);
	own_mem char *none = changes_names(a, "");
	EXPECT_STR(str_of(none), "a.c (gone), b/x (gone), go.mod (gone)");
}

TEST(directories_are_named_when_no_file_differs)
{
	static const char *const paths[] = { "d/", "d/f" };
	own_mem char *a = tree(paths, (uint64_t[]){ 1, 2 }, 2);
	own_mem char *b = tree(paths, (uint64_t[]){ 9, 2 }, 2);
	own_mem char *names = changes_names(a, b);
	EXPECT_STR(str_of(names), "d/");
}

TEST(many_are_counted)
{
	static const char *const paths[] = { "e", "d", "c", "b", "a" };
	own_mem char *a = tree(paths, (uint64_t[]){ 1, 2, 3, 4, 5 }, 5);
	own_mem char *b = tree(paths, (uint64_t[]){ 6, 7, 8, 9, 10 }, 5);
	own_mem char *names = changes_names(a, b);
	EXPECT_STR(str_of(names), "a, b, c and 2 more");
}

TEST(trees_and_names_are_bounded)
{
	own_mem char *path = mem_zalloc(70000);
	memset(path, 'p', 69999);
	struct source_print v[9], odd = { "line\nfeed", 1 };
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		v[i] = (struct source_print){ path, i };
	own_mem char *large = changes_tree(v, 9), *one = changes_tree(v, 1);
	own_mem char *without = changes_tree(&odd, 1);
	EXPECT(!large && one);
	own_mem char *names = changes_names("", one);
	EXPECT(strlen(names) == 200 + strlen("... (new)"));
	own_mem char *nothing = changes_names(without ? without : "", "");
	EXPECT(!nothing);
	own_mem char *damaged = changes_names("x\n\n0123\n", "0123456789abcdef a\n");
	EXPECT_STR(str_of(damaged), "a (new)");
}
