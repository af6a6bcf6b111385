#include "source/test_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static void make_parents(int dir, const char *path)
{
	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		own_mem char *parent = mem_strndup(path, (size_t)(slash - path));
		EXPECT(mkdirat(dir, parent, 0755) == 0 || errno == EEXIST);
	}
}

void put_file(int dir, const char *path, const char *content)
{
	make_parents(dir, path);
	own_fd fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	EXPECT(fd >= 0);
	EXPECT_OK(fd_write_all(fd, content, strlen(content)));
}

void put_dir(int dir, const char *path)
{
	make_parents(dir, path);
	EXPECT(mkdirat(dir, path, 0755) == 0);
}

void put_link(int dir, const char *path, const char *target)
{
	make_parents(dir, path);
	EXPECT(symlinkat(target, dir, path) == 0);
}

void set_age(int dir, const char *path, int64_t unix_s)
{
	const struct timespec t[] = { { .tv_sec = unix_s }, { .tv_sec = unix_s } };
	EXPECT(utimensat(dir, path, t, AT_SYMLINK_NOFOLLOW) == 0);
}

struct source_ignore *ignore_of(const char *text)
{
	struct source_ignore *g = NULL;
	EXPECT_OK(source_ignore_parse(".dockerignore", str_of(text), &g));
	return g;
}

static struct err *list_one(void *arg, const struct source_entry *s)
{
	struct buf *b = arg;
	static const char types[] = {
		[TAR_FILE] = 'f',  [TAR_HARDLINK] = 'h', [TAR_SYMLINK] = 'l', [TAR_CHAR] = 'c',
		[TAR_BLOCK] = 'b', [TAR_DIR] = 'd',      [TAR_FIFO] = 'p'
	};
	buf_printf(b, "%s%c:%s", b->len ? " " : "", types[s->e.type], s->e.path);
	if (s->e.link)
		buf_printf(b, ">%s", s->e.link);
	return NULL;
}

struct err *list_walk(struct source_tree *t, const char *path, char **out)
{
	done(buf) b;
	buf_init(&b, (size_t)1 << 20);
	TRY(source_tree_walk(t, path, list_one, &b));
	*out = buf_steal(&b);
	return NULL;
}
