#include "worker/context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "codec/tar.h"

#define PIECE_BYTES ((size_t)256 << 10)

struct unpack {
	struct tar_reader *tar;
	int dir_fd;
	struct arena *a;
	struct worker_context *out;
	char *piece;
	struct {
		char path[LIMIT_PATH_BYTES]; /* of the directory that is open */
		int fd;                      /* owned; -1: none */
	} parent;
};

/* --- names ---------------------------------------------------------------------------------- */

static struct err *check_path(struct str path)
{
	if (!path.len || path.len >= LIMIT_PATH_BYTES || path.p[0] == '/')
		return err_new(ERR_INVALID, "a name that is empty, absolute or too long");
	for (struct str rest = path; rest.p;) {
		struct str part = str_cut(&rest, '/');
		if (str_eq(part, STR("..")))
			return err_new(ERR_INVALID, "a name that holds \"..\"");
		if (part.len > 255)
			return err_new(ERR_INVALID, "a name that is too long");
	}
	return NULL;
}

/* "./a" and "a//b" are "a" and "a/b"; "." is "". The caller frees it. */
static char *clean(struct str path)
{
	own_mem char *rooted = mem_printf("/" STR_FMT, STR_ARG(path));
	own_mem char *text = str_clean_path(str_of(rooted));
	return mem_strdup(text + 1);
}

/* --- directories ---------------------------------------------------------------------------- */

static struct err *make_dir(int dir_fd, const char *name, int *fd)
{
	if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
		return err_from_errno(errno, "make a directory");
	*fd = fd_open_nofollow(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
	return *fd < 0 ? err_from_errno(errno, "open a directory") : NULL;
}

static struct err *open_dirs(int dir_fd, struct str path, int *out)
{
	own_fd at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	if (at < 0)
		return err_from_errno(errno, "duplicate a descriptor");
	while (path.len) {
		own_mem char *name = str_dup(str_cut(&path, '/'));
		int next;
		TRY(make_dir(at, name, &next));
		fd_close_own(&at);
		at = next;
	}
	*out = fd_move(&at);
	return NULL;
}

/* The directory that `path` is in; entries come sorted by it, so it is kept open. */
static struct err *open_parent(struct unpack *u, const char *path, const char **name)
{
	struct str whole = str_of(path);
	ptrdiff_t slash = str_rchr(whole, '/');
	struct str dir = str_first(whole, slash < 0 ? 0 : (size_t)slash);
	*name = path + slash + 1;
	if (u->parent.fd >= 0 && str_eq(dir, str_of(u->parent.path)))
		return NULL;
	fd_close_own(&u->parent.fd);
	TRY(open_dirs(u->dir_fd, dir, &u->parent.fd));
	memcpy(u->parent.path, dir.len ? dir.p : "", dir.len);
	u->parent.path[dir.len] = '\0';
	return NULL;
}

/* --- entries -------------------------------------------------------------------------------- */

static struct err *copy_bytes(struct unpack *u, const struct tar_entry *e, int fd)
{
	u->out->bytes += e->size;
	if (u->out->bytes > LIMIT_WORKER_CONTEXT_BYTES)
		return err_new(ERR_LIMIT, "the build context is larger than %llu MiB",
			       (unsigned long long)(LIMIT_WORKER_CONTEXT_BYTES >> 20));
	for (;;) {
		size_t got;
		TRY(tar_reader_read(u->tar, u->piece, PIECE_BYTES, &got));
		if (!got)
			return NULL;
		TRY(fd_write_all(fd, u->piece, got));
	}
}

static void set_time(int fd, const struct tar_entry *e)
{
	const struct timespec t[2] = { { e->mtime_s, e->mtime_ns }, { e->mtime_s, e->mtime_ns } };
	futimens(fd, t); /* a time that the file system cannot hold is no reason to fail */
}

static void note_dockerfile(struct unpack *u, const char *path, const char *name)
{
	struct worker_context *c = u->out;
	if (c->n_dockerfiles < CONTEXT_MOST_DOCKERFILES && strcasestr(name, "dockerfile") &&
	    !str_ends(str_of(name), STR(".dockerignore")))
		c->dockerfiles[c->n_dockerfiles++] = arena_strdup(u->a, str_of(path));
}

static struct err *add_file(struct unpack *u, const struct tar_entry *e, const char *path,
			    const char *name)
{
	own_fd fd = fd_open_nofollow(u->parent.fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return err_from_errno(errno, "make a file");
	TRY(copy_bytes(u, e, fd));
	if (fchmod(fd, e->mode & 0777) < 0)
		return err_from_errno(errno, "set a file's mode");
	set_time(fd, e);
	note_dockerfile(u, path, name);
	return NULL;
}

static struct err *add_symlink(struct unpack *u, const struct tar_entry *e, const char *name)
{
	if (!e->link[0] || strlen(e->link) >= LIMIT_PATH_BYTES)
		return err_new(ERR_INVALID, "a link to nothing, or too long");
	return symlinkat(e->link, u->parent.fd, name) < 0 ? err_from_errno(errno, "make a link")
							  : NULL;
}

static struct err *add_hardlink(struct unpack *u, const struct tar_entry *e, const char *name)
{
	TRY(check_path(str_of(e->link)));
	own_mem char *target = clean(str_of(e->link));
	own_fd fd = fd_open_nofollow(u->dir_fd, target, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_from_errno(errno, "hard link to %s", target);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_INVALID, "hard link to %s, which is no file", target);
	char self[64];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, u->parent.fd, name, AT_SYMLINK_FOLLOW) < 0
		       ? err_from_errno(errno, "hard link to %s", target)
		       : NULL;
}

static struct err *add_dir(struct unpack *u, const struct tar_entry *e, const char *name)
{
	own_fd fd = -1;
	TRY(make_dir(u->parent.fd, name, &fd));
	/* Ours to enter and to remove, whatever the archive says. */
	if (fchmod(fd, (e->mode & 0777) | 0700) < 0)
		return err_from_errno(errno, "set a directory's mode");
	return NULL;
}

static struct err *add_entry(struct unpack *u, const struct tar_entry *e)
{
	TRY(check_path(str_of(e->path)));
	own_mem char *path = clean(str_of(e->path));
	const char *name;
	if (!path[0])
		return e->type == TAR_DIR ? NULL : err_new(ERR_INVALID, "it names the directory");
	TRY(open_parent(u, path, &name));
	switch (e->type) {
	case TAR_FILE:
		return add_file(u, e, path, name);
	case TAR_DIR:
		return add_dir(u, e, name);
	case TAR_SYMLINK:
		return add_symlink(u, e, name);
	case TAR_HARDLINK:
		return add_hardlink(u, e, name);
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		break;
	}
	return err_new(ERR_INVALID, "neither file, directory nor link");
}

static struct err *unpack_all(struct unpack *u)
{
	for (;;) {
		const struct tar_entry *e;
		TRY(tar_reader_next(u->tar, &e));
		if (!e)
			return NULL;
		if (++u->out->n_entries > LIMIT_CONTEXT_FILES)
			return err_new(ERR_LIMIT, "more than %lu files", LIMIT_CONTEXT_FILES);
		TRY(err_wrap(add_entry(u, e), "%.300s", e->path));
	}
}

struct err *worker_context_unpack(struct arena *a, struct reader *tar, int dir_fd,
				  struct worker_context *out)
{
	own(tar_reader) t = tar_reader_open(tar);
	own_mem char *piece = mem_zalloc(PIECE_BYTES);
	*out = (struct worker_context){ .n_entries = 0 };
	struct unpack u = {
		.tar = t, .dir_fd = dir_fd, .a = a, .out = out, .piece = piece, .parent.fd = -1
	};
	struct err *e = unpack_all(&u);
	fd_close_own(&u.parent.fd);
	return err_wrap(e, "build context");
}
