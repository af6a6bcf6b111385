#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_close_own(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int fd_move(int *fd)
{
	int moved = *fd;
	*fd = -1;
	return moved;
}

static int open_how(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};
	int fd, tries = 10000;
	do { /* EAGAIN: a rename elsewhere raced with ".." */
		fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || (errno == EAGAIN && --tries)));
	return fd;
}

int fd_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_how(dir_fd, path, flags, mode, RESOLVE_BENEATH);
}

int fd_open_in_root(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_how(dir_fd, path, flags, mode, RESOLVE_IN_ROOT);
}

int fd_open_nofollow(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_how(dir_fd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

struct err *fd_read_full(int fd, void *p, size_t len, size_t *got)
{
	size_t n = 0;
	while (n < len) {
		ssize_t r = read(fd, (char *)p + n, len - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLIN };
			poll(&wait, 1, -1);
			continue;
		}
		if (r < 0)
			return err_from_errno(errno, "read");
		if (r == 0)
			break;
		n += (size_t)r;
	}
	*got = n;
	return NULL;
}

struct err *fd_pread_full(int fd, void *p, size_t len, uint64_t offset, size_t *got)
{
	size_t n = 0;
	while (n < len) {
		ssize_t r = pread(fd, (char *)p + n, len - n, (off_t)(offset + n));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_from_errno(errno, "read");
		if (r == 0)
			break;
		n += (size_t)r;
	}
	*got = n;
	return NULL;
}

struct err *fd_write_all(int fd, const void *p, size_t len)
{
	for (size_t n = 0; n < len;) {
		ssize_t w = write(fd, (const char *)p + n, len - n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_from_errno(errno, "write");
		n += (size_t)w;
	}
	return NULL;
}

struct err *fd_pwrite_all(int fd, const void *p, size_t len, uint64_t offset)
{
	for (size_t n = 0; n < len;) {
		ssize_t w = pwrite(fd, (const char *)p + n, len - n, (off_t)(offset + n));
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_from_errno(errno, "write");
		n += (size_t)w;
	}
	return NULL;
}

struct err *fd_read_file(int fd, size_t max, char **out, size_t *len)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_from_errno(errno, "stat");
	if (S_ISDIR(st.st_mode))
		return err_from_errno(EISDIR, "read");
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
		return err_new(ERR_LIMIT, "%llu bytes, more than the %zu that are read",
			       (unsigned long long)st.st_size, max);
	size_t cap = S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : 4096, n = 0;
	own_mem char *p = mem_grow(NULL, cap + 1, 1);
	for (;;) {
		size_t got;
		TRY(fd_read_full(fd, p + n, cap - n, &got));
		n += got;
		if (n < cap)
			break;
		if (n > max)
			return err_new(ERR_LIMIT, "more than the %zu bytes that are read", max);
		cap = MIN(cap * 2, max + 1);
		p = mem_grow(p, cap + 1, 1);
	}
	p[n] = '\0';
	*len = n;
	*out = move(p);
	return NULL;
}

struct err *fd_read_path(int dir_fd, const char *path, size_t max, char **out, size_t *len)
{
	own_fd fd = dir_fd == AT_FDCWD ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
				       : fd_open_beneath(dir_fd, path, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return err_from_errno(errno, "open %s", path);
	return err_wrap(fd_read_file(fd, max, out, len), "read %s", path);
}

struct err *fd_replace_file(int dir_fd, const char *name, mode_t mode, const void *p, size_t len)
{
	uint64_t random;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_from_errno(errno, "getrandom");
	own_mem char *tmp = mem_printf("%s.%016llx", name, (unsigned long long)random);
	own_fd fd = fd_open_nofollow(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return err_from_errno(errno, "create %s", tmp);
	struct err *e = fd_write_all(fd, p, len);
	if (!e)
		e = fd_sync(fd, name);
	if (!e && renameat(dir_fd, tmp, dir_fd, name) < 0)
		e = err_from_errno(errno, "rename to %s", name);
	if (e)
		unlinkat(dir_fd, tmp, 0);
	else
		e = fd_sync(dir_fd, "directory");
	return err_wrap(e, "replace %s", name);
}

struct err *fd_copy(int from_fd, int to_fd, uint64_t len)
{
	while (len) {
		ssize_t n =
			copy_file_range(from_fd, NULL, to_fd, NULL, MIN(len, (uint64_t)1 << 30), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* another file system, or one that cannot: copy by hand */
		len -= (uint64_t)n;
	}
	enum { PIECE = 128 << 10 };
	own_mem char *p = len ? mem_grow(NULL, PIECE, 1) : NULL;
	while (len) {
		size_t got;
		TRY(fd_read_full(from_fd, p, (size_t)MIN(len, (uint64_t)PIECE), &got));
		if (!got)
			return err_new(ERR_CONFLICT, "file became shorter while it was copied");
		TRY(fd_write_all(to_fd, p, got));
		len -= got;
	}
	return NULL;
}

struct err *fd_make_dirs(int dir_fd, const char *path, mode_t mode, int *out_fd)
{
	own_fd at = dir_fd;
	if (dir_fd == AT_FDCWD)
		at = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	else
		at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	if (at < 0)
		return err_from_errno(errno, "open directory");
	struct str rest = str_of(path);
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		own_mem char *name = str_dup(part);
		if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
			return err_from_errno(errno, "make directory %s", path);
		int next = dir_fd == AT_FDCWD ? openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC)
					      : fd_open_nofollow(at, name, O_PATH | O_DIRECTORY, 0);
		if (next < 0)
			return err_from_errno(errno, "open directory %s", path);
		close(at);
		at = next;
	}
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno, "open directory %s", path);
	*out_fd = fd;
	return NULL;
}

/* Depth is bounded by the file system's path length only, so directories are emptied with a stack
 * of descriptors no deeper than this; deeper ones are first moved up. */
#define REMOVE_DEPTH 200

static struct err *remove_dir(int parent_fd, int top_fd, const char *name, int depth);

static struct err *remove_entry(int dir_fd, int top_fd, const char *name, int type, int depth)
{
	if (type != DT_DIR) {
		if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
			return NULL;
		if (errno != EISDIR)
			return err_from_errno(errno, "remove %s", name);
	}
	if (depth < REMOVE_DEPTH)
		return remove_dir(dir_fd, top_fd, name, depth + 1);
	static uint64_t serial;
	own_mem char *up =
		mem_printf(".deep-%d-%llu", (int)getpid(),
			   (unsigned long long)__atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED));
	if (renameat(dir_fd, name, top_fd, up) < 0)
		return err_from_errno(errno, "move up %s", name);
	return remove_dir(top_fd, top_fd, up, 1);
}

static struct err *remove_dir(int parent_fd, int top_fd, const char *name, int depth)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(parent_fd, name, 0700, 0) == 0) {
		/* a directory of ours without permissions */
		fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return errno == ENOENT ? NULL : err_from_errno(errno, "open %s", name);
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_from_errno(errno, "open %s", name);
	}
	struct err *e = NULL;
	for (bool again = true; again && !e;) {
		struct dirent *d;
		again = false;
		while (!e && (d = readdir(dir))) {
			if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
				continue;
			e = remove_entry(fd, top_fd, d->d_name, d->d_type, depth);
			if (e && e->kind == ERR_DENIED && fchmod(fd, 0700) == 0) {
				err_free(e);
				e = remove_entry(fd, top_fd, d->d_name, d->d_type, depth);
			}
		}
		if (!e && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
			if (errno == ENOTEMPTY) { /* somebody added while we removed */
				rewinddir(dir);
				again = true;
			} else {
				e = err_from_errno(errno, "remove %s", name);
			}
		}
	}
	closedir(dir);
	return e;
}

struct err *fd_remove_tree(int dir_fd, const char *name)
{
	return remove_entry(dir_fd, dir_fd, name, DT_UNKNOWN, 0);
}

struct err *fd_sync(int fd, const char *what)
{
	if (fsync(fd) < 0)
		return err_from_errno(errno, "sync %s", what);
	return NULL;
}
