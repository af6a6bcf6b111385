#include "layer/layer_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

struct err *layer_path_clean(const char *raw, struct layer_path *out)
{
	struct str rest = str_of(raw);
	size_t len = 0;
	out->parent_len = 0;
	out->name = out->s;
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR("..")))
			return err_new(ERR_INVALID, "%.300s: \"..\" in the name", raw);
		if (len + part.len + 2 > sizeof(out->s))
			return err_new(ERR_INVALID, "%.300s…: the name is too long", raw);
		out->parent_len = len;
		if (len)
			out->s[len++] = '/';
		out->name = out->s + len;
		memcpy(out->s + len, part.p, part.len);
		len += part.len;
	}
	out->s[len] = '\0';
	return NULL;
}

void layer_place_init(struct layer_place *p, int root_fd, bool whiteouts_below)
{
	*p = (struct layer_place){ .root_fd = root_fd, .whiteouts_below = whiteouts_below };
}

/* --- open directories --- */

/* Closes what is kept of the directory `path` and below it. */
static void forget_dirs(struct layer_place *p, const char *path)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < ARRAY_LEN(p->dirs); i++) {
		struct place_dir *d = &p->dirs[i];
		if (!d->path || strncmp(d->path, path, len) != 0 ||
		    (len && d->path[len] && d->path[len] != '/'))
			continue;
		close(d->fd);
		free(d->path);
		d->path = NULL;
	}
}

void layer_place_done(struct layer_place *p)
{
	forget_dirs(p, "");
	for (size_t i = 0; i < p->n_times; i++)
		free(p->times[i].path);
	free(p->times);
	*p = (struct layer_place){ .root_fd = -1 };
}

static int find_dir(struct layer_place *p, const char *path, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(p->dirs); i++) {
		struct place_dir *d = &p->dirs[i];
		if (d->path && d->path_len == len && memcmp(d->path, path, len) == 0) {
			d->used = ++p->clock;
			return d->fd;
		}
	}
	return -1;
}

/* Keeps `fd` in place of the directory that was not used for the longest time. */
static int keep_dir(struct layer_place *p, const char *path, size_t len, int fd)
{
	struct place_dir *oldest = &p->dirs[0];
	for (size_t i = 0; i < ARRAY_LEN(p->dirs); i++) {
		struct place_dir *d = &p->dirs[i];
		if (!d->path || (oldest->path && d->used < oldest->used))
			oldest = d;
	}
	if (oldest->path) {
		close(oldest->fd);
		free(oldest->path);
	}
	*oldest = (struct place_dir){
		.path = mem_strndup(path, len), .path_len = len, .fd = fd, .used = ++p->clock
	};
	return fd;
}

static void remember_time(struct layer_place *p, const char *path, size_t len, struct timespec t)
{
	mem_reserve_one(p->times, p->n_times, p->cap_times);
	p->times[p->n_times++] = (struct place_time){ mem_strndup(path, len), t };
}

static struct err *set_opaque(int fd, const char *path)
{
	if (fsetxattr(fd, LAYER_OPAQUE_XATTR, "y", 1, 0) < 0)
		return err_from_errno(errno,
				      "%s: mark opaque (the file system of the data "
				      "directory must keep user attributes)",
				      path);
	return NULL;
}

/* Something that is in the way of a new entry. */
static struct err *clear_way(struct layer_place *p, int dir_fd, const char *name, const char *path)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return NULL;
	if (errno != EISDIR)
		return err_from_errno(errno, "%s: replace", path);
	forget_dirs(p, path);
	return err_wrap(fd_remove_tree(dir_fd, name), "%s: replace", path);
}

/* A parent that no entry made: 0755, 0:0, time 0. `in_way` is what has its name, or NULL. */
static struct err *imply_dir(struct layer_place *p, int at, const char *name, const char *path,
			     const struct stat *in_way)
{
	if (in_way && !layer_is_whiteout(in_way->st_mode, in_way->st_rdev))
		return err_new(ERR_INVALID, "a parent, %s, is %s in this layer", path,
			       S_ISLNK(in_way->st_mode) ? "a symbolic link" : "no directory");
	if (in_way && unlinkat(at, name, 0) < 0)
		return err_from_errno(errno, "%s: replace", path);
	if (mkdirat(at, name, 0755) < 0)
		return err_from_errno(errno, "%s: make directory", path);
	own_fd fd = fd_open_nofollow(at, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 || fchown(fd, 0, 0) < 0 || fchmod(fd, 0755) < 0)
		return err_from_errno(errno, "%s: make directory", path);
	remember_time(p, path, strlen(path), (struct timespec){ 0 });
	p->n_implied++;
	return in_way ? set_opaque(fd, path) : NULL;
}

/* Opens the directory `path`, making what is missing. */
static struct err *make_parents(struct layer_place *p, const char *path, int *out)
{
	own_fd at = fcntl(p->root_fd, F_DUPFD_CLOEXEC, 3);
	if (at < 0)
		return err_from_errno(errno, "open layer");
	own_mem char *so_far = mem_strdup(path);
	for (char *part = so_far, *end; part; part = end ? end + 1 : NULL) {
		end = strchr(part, '/');
		if (end)
			*end = '\0';
		struct stat st;
		bool there = fstatat(at, part, &st, AT_SYMLINK_NOFOLLOW) == 0;
		if (!there && errno != ENOENT)
			return err_from_errno(errno, "%s", so_far);
		if (!there || !S_ISDIR(st.st_mode))
			TRY(imply_dir(p, at, part, so_far, there ? &st : NULL));
		int next = fd_open_nofollow(at, part, O_RDONLY | O_DIRECTORY, 0);
		if (next < 0)
			return err_from_errno(errno, "%s", so_far);
		close(at);
		at = next;
		if (end)
			*end = '/';
	}
	*out = fd_move(&at);
	return NULL;
}

/* The directory whose path are the first `len` bytes of `path`; stays ours. */
static struct err *open_dir(struct layer_place *p, const char *path, size_t len, int *out)
{
	if (len == 0) {
		*out = p->root_fd;
		return NULL;
	}
	*out = find_dir(p, path, len);
	if (*out >= 0)
		return NULL;
	own_mem char *dir = mem_strndup(path, len);
	int fd = fd_open_nofollow(p->root_fd, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) {
		if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR)
			return err_from_errno(errno, "%s", dir);
		TRY(make_parents(p, dir, &fd));
	}
	*out = keep_dir(p, path, len, fd);
	return NULL;
}

/* --- entries --- */

static struct timespec entry_time(const struct tar_entry *e)
{
	return (struct timespec){ .tv_sec = e->mtime_s, .tv_nsec = e->mtime_ns };
}

static struct err *owner_failed(int errnum, const char *path, const struct tar_entry *e)
{
	if (errnum != EINVAL && errnum != EPERM)
		return err_from_errno(errnum, "%s: set owner %u:%u", path, e->uid, e->gid);
	return err_new(ERR_DENIED,
		       "%s belongs to %u:%u, and this user may not use these ids: give it a range "
		       "with \"usermod --add-subuids 100000-165535 --add-subgids 100000-165535\"",
		       path, e->uid, e->gid);
}

/* Owner first: chown(2) clears set-id bits and capabilities. */
static struct err *set_meta(int fd, const char *path, const struct tar_entry *e)
{
	if (fchown(fd, e->uid, e->gid) < 0)
		return owner_failed(errno, path, e);
	if (fchmod(fd, e->mode & 07777) < 0)
		return err_from_errno(errno, "%s: set mode", path);
	layer_xattrs_set(fd, path, e->xattrs, e->n_xattrs);
	return NULL;
}

static struct err *place_file(struct layer_place *p, int at, const char *name, const char *path,
			      const struct tar_entry *e, struct layer_bytes *bytes)
{
	enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
	own_fd fd = openat(at, name, FLAGS, 0600);
	if (fd < 0 && errno == EEXIST) {
		TRY(clear_way(p, at, name, path));
		fd = openat(at, name, FLAGS, 0600);
	}
	if (fd < 0)
		return err_from_errno(errno, "%s: create", path);
	if (e->size)
		TRY(err_wrap(bytes->copy(bytes, fd, e->size), "%s", path));
	TRY(set_meta(fd, path, e));
	if (futimens(fd, (struct timespec[]){ entry_time(e), entry_time(e) }) < 0)
		return err_from_errno(errno, "%s: set time", path);
	return NULL;
}

/* The file system's own directory, kept with what is in it, or a new one. */
static struct err *make_dir(struct layer_place *p, int at, const char *name, const char *path,
			    bool *replaced)
{
	struct stat st;
	*replaced = false;
	if (mkdirat(at, name, 0700) == 0)
		return NULL;
	if (errno != EEXIST || fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_from_errno(errno, "%s: make directory", path);
	if (S_ISDIR(st.st_mode))
		return NULL;
	if (unlinkat(at, name, 0) < 0 || mkdirat(at, name, 0700) < 0)
		return err_from_errno(errno, "%s: make directory", path);
	*replaced = true;
	return NULL;
}

static struct err *place_dir(struct layer_place *p, int at, const struct layer_path *path,
			     const struct tar_entry *e, bool opaque)
{
	bool replaced;
	TRY(make_dir(p, at, path->name, path->s, &replaced));
	own_fd fd = openat(at, path->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno, "%s: open", path->s);
	/* What was there hid the directories below; so must its successor. */
	if (opaque || replaced)
		TRY(set_opaque(fd, path->s));
	TRY(set_meta(fd, path->s, e));
	size_t len = strlen(path->s);
	remember_time(p, path->s, len, entry_time(e));
	if (find_dir(p, path->s, len) < 0)
		keep_dir(p, path->s, len, fd_move(&fd));
	return NULL;
}

static struct err *place_root(struct layer_place *p, const struct tar_entry *e, bool opaque)
{
	if (e->type != TAR_DIR)
		return err_new(ERR_INVALID, "the root of the layer is no directory");
	if (opaque)
		TRY(set_opaque(p->root_fd, "/"));
	remember_time(p, "", 0, entry_time(e));
	return set_meta(p->root_fd, "/", e);
}

static struct err *place_symlink(struct layer_place *p, int at, const char *name, const char *path,
				 const struct tar_entry *e)
{
	if (!e->link || !e->link[0])
		return err_new(ERR_INVALID, "%s: symbolic link to nothing", path);
	int r = symlinkat(e->link, at, name);
	if (r < 0 && errno == EEXIST) {
		TRY(clear_way(p, at, name, path));
		r = symlinkat(e->link, at, name);
	}
	if (r < 0)
		return err_from_errno(errno, "%s: make symbolic link", path);
	if (fchownat(at, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return owner_failed(errno, path, e);
	if (utimensat(at, name, (struct timespec[]){ entry_time(e), entry_time(e) },
		      AT_SYMLINK_NOFOLLOW) < 0)
		return err_from_errno(errno, "%s: set time", path);
	return NULL;
}

static struct err *place_fifo(struct layer_place *p, int at, const char *name, const char *path,
			      const struct tar_entry *e)
{
	TRY(clear_way(p, at, name, path));
	if (mknodat(at, name, S_IFIFO | 0600, 0) < 0)
		return err_from_errno(errno, "%s: make FIFO", path);
	/* O_RDWR opens without a peer; what was made is ours, no link can be followed */
	own_fd fd = openat(at, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno, "%s: open", path);
	TRY(set_meta(fd, path, e));
	if (futimens(fd, (struct timespec[]){ entry_time(e), entry_time(e) }) < 0)
		return err_from_errno(errno, "%s: set time", path);
	return NULL;
}

/* The first name of a hard link: a file or a link of this layer. */
static struct err *find_target(struct layer_place *p, const char *path, const char *link,
			       struct layer_path *target, int *at, struct stat *st)
{
	TRY(err_wrap(layer_path_clean(link ? link : "", target), "%s: hard link", path));
	own_mem char *parent = mem_strndup(target->s, target->parent_len);
	*at = target->parent_len ? find_dir(p, target->s, target->parent_len) : p->root_fd;
	if (*at < 0) { /* never make the parents of a target */
		int fd = fd_open_nofollow(p->root_fd, parent, O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0)
			*at = keep_dir(p, target->s, target->parent_len, fd);
	}
	if (*at < 0 || !target->s[0] || fstatat(*at, target->name, st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    S_ISDIR(st->st_mode) || layer_is_whiteout(st->st_mode, st->st_rdev))
		return err_new(ERR_INVALID,
			       "%s: the target of the hard link, %s, is not in the layer", path,
			       target->s[0] ? target->s : "/");
	return NULL;
}

static struct err *place_hardlink(struct layer_place *p, int at, const char *name, const char *path,
				  const struct tar_entry *e)
{
	struct layer_path target;
	struct stat st, old;
	int from;
	TRY(find_target(p, path, e->link, &target, &from, &st));
	if (fstatat(at, name, &old, AT_SYMLINK_NOFOLLOW) == 0) {
		if (old.st_dev == st.st_dev && old.st_ino == st.st_ino)
			return NULL;
		if (S_ISDIR(old.st_mode) && str_starts(str_of(target.s), str_of(path)) &&
		    target.s[strlen(path)] == '/')
			return err_new(ERR_INVALID, "%s: hard link to %s, which it replaces", path,
				       target.s);
		TRY(clear_way(p, at, name, path));
	}
	if (linkat(from, target.name, at, name, 0) < 0)
		return err_from_errno(errno, "%s: hard link to %s", path, target.s);
	return NULL;
}

struct err *layer_place_whiteout(struct layer_place *p, const struct layer_path *path)
{
	if (!path->s[0])
		return err_new(ERR_INVALID, "whiteout of the root");
	int at;
	struct stat st;
	TRY(open_dir(p, path->s, path->parent_len, &at));
	if (fstatat(at, path->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (layer_is_whiteout(st.st_mode, st.st_rdev))
			return NULL;
		if (p->whiteouts_below) /* SPEC image-spec layer.md "Whiteouts" */
			return S_ISDIR(st.st_mode) ? layer_place_opaque(p, path->s, strlen(path->s))
						   : NULL;
		TRY(clear_way(p, at, path->name, path->s));
	}
	if (mknodat(at, path->name, S_IFCHR | 0600, makedev(0, 0)) < 0)
		return err_from_errno(errno, "%s: make whiteout", path->s);
	return NULL;
}

struct err *layer_place_opaque(struct layer_place *p, const char *path, size_t len)
{
	int fd;
	TRY(open_dir(p, path, len, &fd));
	return set_opaque(fd, path);
}

static struct err *place_into(struct layer_place *p, int at, const struct layer_path *path,
			      const struct tar_entry *e, bool opaque, struct layer_bytes *bytes)
{
	switch (e->type) {
	case TAR_FILE:
		return place_file(p, at, path->name, path->s, e, bytes);
	case TAR_HARDLINK:
		return place_hardlink(p, at, path->name, path->s, e);
	case TAR_SYMLINK:
		return place_symlink(p, at, path->name, path->s, e);
	case TAR_DIR:
		return place_dir(p, at, path, e, opaque);
	case TAR_FIFO:
		return place_fifo(p, at, path->name, path->s, e);
	case TAR_CHAR:
	case TAR_BLOCK: /* mknod(2) of a device is not possible in a user namespace */
		log_debug("device left out", log_str("path", path->s));
		return NULL;
	}
	return NULL;
}

struct err *layer_place_add(struct layer_place *p, const struct layer_path *path,
			    const struct tar_entry *e, bool opaque, struct layer_bytes *bytes)
{
	if (e->type == TAR_CHAR && e->major == 0 && e->minor == 0)
		return layer_place_whiteout(p, path);
	if (!path->s[0])
		return place_root(p, e, opaque);
	int at;
	TRY(err_wrap(open_dir(p, path->s, path->parent_len, &at), "%s", path->s));
	return place_into(p, at, path, e, opaque, bytes);
}

struct err *layer_place_finish(struct layer_place *p)
{
	for (size_t i = 0; i < p->n_times; i++) {
		const struct place_time *t = &p->times[i];
		own_fd fd = t->path[0] ? fd_open_nofollow(p->root_fd, t->path,
							  O_RDONLY | O_DIRECTORY, 0)
				       : fcntl(p->root_fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue; /* replaced later by something else */
		if (fd < 0 || futimens(fd, (struct timespec[]){ t->mtime, t->mtime }) < 0)
			return err_from_errno(errno, "%s: set time", t->path);
	}
	return NULL;
}
