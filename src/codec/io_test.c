#include "codec/io.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "codec/test_priv.h"

TEST(reader_mem_gives_all_then_nothing)
{
	own(reader) r = reader_mem(STR("hello"));
	char p[4];
	size_t got;
	EXPECT_OK(r->read(r, p, sizeof(p), &got));
	EXPECT_STR(str_n(p, got), "hell");
	EXPECT_OK(r->read(r, p, sizeof(p), &got));
	EXPECT_STR(str_n(p, got), "o");
	EXPECT_OK(r->read(r, p, sizeof(p), &got));
	EXPECT(got == 0);
}

TEST(reader_full_gathers_pieces)
{
	struct slow_reader slow = slow_reader(STR("hello"), 2);
	char p[8];
	size_t got;
	EXPECT_OK(reader_full(&slow.base, p, 3, &got));
	EXPECT_STR(str_n(p, got), "hel");
	EXPECT_OK(reader_full(&slow.base, p, sizeof(p), &got));
	EXPECT_STR(str_n(p, got), "lo");
}

TEST(reader_fd_starts_where_the_file_is)
{
	own_fd dir = test_tmpdir();
	own_fd fd = openat(dir, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT_OK(fd_write_all(fd, "skip this", 9));
	EXPECT(lseek(fd, 5, SEEK_SET) == 5);
	own(reader) r = reader_fd(fd);
	char p[16];
	size_t got;
	EXPECT_OK(reader_full(r, p, sizeof(p), &got));
	EXPECT_STR(str_n(p, got), "this");
}

TEST(reader_fd_says_what_failed)
{
	own_fd dir = test_tmpdir();
	own(reader) r = reader_fd(dir);
	char p[4];
	size_t got;
	EXPECT_ERR(r->read(r, p, sizeof(p), &got), ERR_INVALID, "read");
}

TEST(reader_free_of_nothing)
{
	reader_free(NULL);
}
