#include "worker/context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "codec/tar.h"

struct out {
	struct writer w;
	struct buf b;
};

static struct err *add_bytes(struct writer *w, const void *p, size_t len)
{
	buf_add(&container_of(w, struct out, w)->b, str_n(p, len));
	return NULL;
}

struct made {
	enum tar_type type;
	const char *path, *link, *text;
	uint32_t mode;
};

/* An archive of these, up to an entry of type TAR_FIFO with no path. */
static void make_tar(const struct made *m, size_t n, struct buf *b)
{
	struct out o = { .w.write = add_bytes };
	struct tar_writer t;
	buf_init(&o.b, 1 << 24);
	tar_writer_init(&t, &o.w);
	for (size_t i = 0; i < n; i++) {
		const struct tar_entry e = { .type = m[i].type,
					     .path = m[i].path,
					     .link = m[i].link,
					     .mode = m[i].mode ? m[i].mode : 0644,
					     .mtime_s = 1000000000,
					     .size = m[i].text ? strlen(m[i].text) : 0 };
		EXPECT_OK(tar_writer_entry(&t, &e));
		if (m[i].text)
			EXPECT_OK(tar_writer_data(&t, m[i].text, strlen(m[i].text)));
	}
	EXPECT_OK(tar_writer_finish(&t));
	*b = o.b;
}

static struct err *unpack(const struct made *m, size_t n, int dir, struct arena *a,
			  struct worker_context *c)
{
	struct buf b;
	make_tar(m, n, &b);
	own(reader) r = reader_mem(buf_str(&b));
	struct err *e = worker_context_unpack(a, r, dir, c);
	buf_done(&b);
	return e;
}

TEST(files_directories_and_links_are_unpacked_as_they_are)
{
	static const struct made m[] = {
		{ TAR_DIR, "src", NULL, NULL, 0755 },
		{ TAR_FILE, "src/main.c", NULL, "int main;", 0644 },
		{ TAR_FILE, "./run.sh", NULL, "#!/bin/sh\n", 04755 },
		{ TAR_FILE, "deep/er/Dockerfile", NULL, "FROM scratch\n", 0600 },
		{ TAR_SYMLINK, "link", "/etc/passwd", NULL, 0 },
		{ TAR_HARDLINK, "again.c", "src/main.c", NULL, 0 },
	};
	own_fd dir = test_tmpdir();
	own(arena) a = arena_open(1 << 20);
	struct worker_context c;
	struct stat st;
	char to[32];
	EXPECT_OK(unpack(m, ARRAY_LEN(m), dir, a, &c));
	EXPECT(c.n_entries == 6 && c.bytes == 9 + 10 + 13);
	EXPECT(c.n_dockerfiles == 1);
	EXPECT_STR(str_of(c.dockerfiles[0]), "deep/er/Dockerfile");
	EXPECT(fstatat(dir, "run.sh", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
	EXPECT(st.st_mtim.tv_sec == 1000000000);
	EXPECT(fstatat(dir, "again.c", &st, 0) == 0 && st.st_nlink == 2);
	EXPECT(readlinkat(dir, "link", to, sizeof(to)) == 11 && memcmp(to, "/etc/passwd", 11) == 0);
}

TEST(hostile_archives_reach_nothing_outside)
{
	static const struct {
		struct made m[3];
		size_t n;
		enum err_kind kind;
		const char *says;
	} cases[] = {
		{ { { TAR_FILE, "../out", NULL, "x", 0 } }, 1, ERR_INVALID, ".." },
		{ { { TAR_FILE, "a/../../out", NULL, "x", 0 } }, 1, ERR_INVALID, ".." },
		{ { { TAR_FILE, "/out", NULL, "x", 0 } }, 1, ERR_INVALID, "absolute" },
		{ { { TAR_SYMLINK, "d", "..", NULL, 0 }, { TAR_FILE, "d/out", NULL, "x", 0 } },
		  2,
		  ERR_INVALID,
		  NULL },
		{ { { TAR_SYMLINK, "d", "/tmp", NULL, 0 }, { TAR_DIR, "d/out", NULL, NULL, 0 } },
		  2,
		  ERR_INVALID,
		  NULL },
		{ { { TAR_SYMLINK, "f", "../out", NULL, 0 }, { TAR_FILE, "f", NULL, "x", 0 } },
		  2,
		  ERR_CONFLICT,
		  NULL },
		{ { { TAR_HARDLINK, "h", "../secret", NULL, 0 } }, 1, ERR_INVALID, ".." },
		{ { { TAR_HARDLINK, "h", "/etc/passwd", NULL, 0 } }, 1, ERR_INVALID, "absolute" },
		{ { { TAR_SYMLINK, "l", "../secret", NULL, 0 },
		    { TAR_HARDLINK, "h", "l", NULL, 0 } },
		  2,
		  ERR_INVALID,
		  NULL },
		{ { { TAR_CHAR, "null", NULL, NULL, 0 } }, 1, ERR_INVALID, "neither" },
		{ { { TAR_FIFO, "pipe", NULL, NULL, 0 } }, 1, ERR_INVALID, "neither" },
		{ { { TAR_FILE, "a", NULL, "x", 0 }, { TAR_FILE, "a/b", NULL, "x", 0 } },
		  2,
		  ERR_INVALID,
		  NULL },
		{ { { TAR_FILE, "a", NULL, "x", 0 }, { TAR_FILE, "a", NULL, "y", 0 } },
		  2,
		  ERR_CONFLICT,
		  NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		own_fd top = test_tmpdir(), dir = -1, secret = -1;
		own(arena) a = arena_open(1 << 20);
		struct worker_context c;
		EXPECT_OK(fd_make_dirs(top, "context", 0755, &dir));
		secret = openat(top, "secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		EXPECT_ERR(unpack(cases[i].m, cases[i].n, dir, a, &c), cases[i].kind,
			   cases[i].says);
		EXPECT(faccessat(top, "out", F_OK, 0) < 0);
		struct stat st;
		EXPECT(fstatat(top, "secret", &st, 0) == 0 && st.st_nlink == 1);
	}
}

TEST(an_archive_that_ends_too_soon_is_an_error)
{
	static const struct made m[] = { { TAR_FILE, "a", NULL, "0123456789", 0 } };
	own(arena) a = arena_open(1 << 20);
	struct worker_context c;
	struct buf b;
	make_tar(m, 1, &b);
	own_fd dir = test_tmpdir();
	own(reader) r = reader_mem(str_n(b.p, 515));
	EXPECT_ERR(worker_context_unpack(a, r, dir, &c), ERR_CORRUPT, NULL);
	buf_done(&b);
}
