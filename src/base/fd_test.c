#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static void put(int dir, const char *name, const char *text)
{
	EXPECT_OK(fd_replace_file(dir, name, 0600, text, strlen(text)));
}

TEST(nothing_is_opened_outside_the_directory)
{
	own_fd top = test_tmpdir();
	own_fd dir = -1;
	put(top, "secret", "s");
	EXPECT_OK(fd_make_dirs(top, "a/b", 0755, &dir));
	EXPECT(symlinkat("../../secret", dir, "up") == 0 &&
	       symlinkat("/etc/passwd", dir, "abs") == 0);
	EXPECT(fd_open_beneath(dir, "../../secret", O_RDONLY, 0) < 0 && errno == EXDEV);
	EXPECT(fd_open_beneath(dir, "up", O_RDONLY, 0) < 0 && errno == EXDEV);
	EXPECT(fd_open_beneath(dir, "abs", O_RDONLY, 0) < 0 && errno == EXDEV);
	EXPECT(fd_open_in_root(dir, "abs", O_RDONLY, 0) < 0 && errno == ENOENT);
	EXPECT(fd_open_nofollow(dir, "up", O_RDONLY, 0) < 0 && errno == ELOOP);
}

TEST(a_file_is_read_whole_or_refused)
{
	own_fd dir = test_tmpdir();
	own_mem char *text = NULL;
	size_t len;
	put(dir, "f", "hello");
	EXPECT_OK(fd_read_path(dir, "f", 5, &text, &len));
	EXPECT(len == 5 && strcmp(text, "hello") == 0);
	char *more = NULL;
	EXPECT_ERR(fd_read_path(dir, "f", 4, &more, &len), ERR_LIMIT, "5 bytes");
	EXPECT_ERR(fd_read_path(dir, "g", 4, &more, &len), ERR_NOT_FOUND, "open g");
}

TEST(trees_are_removed_whatever_is_in_them)
{
	own_fd dir = test_tmpdir();
	own_fd deep = -1;
	struct buf path;
	buf_init(&path, 4096);
	for (int i = 0; i < 600; i++)
		buf_add(&path, STR("d/"));
	EXPECT_OK(fd_make_dirs(dir, path.p, 0755, &deep));
	buf_done(&path);
	put(deep, "f", "x");
	EXPECT(symlinkat("/", deep, "link") == 0 && mkdirat(deep, "closed", 0) == 0);
	EXPECT_OK(fd_remove_tree(dir, "d"));
	EXPECT(faccessat(dir, "d", F_OK, 0) < 0 && errno == ENOENT);
	EXPECT(access("/etc", F_OK) == 0);
	EXPECT_OK(fd_remove_tree(dir, "d")); /* absent is success */
}
