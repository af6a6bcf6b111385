#include "layer/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/layer_priv.h"

/* Directories deeper than this are closed while one below them is walked: a step may make thousands
 * of levels, and descriptors are few. */
#define OPEN_DEPTH 64

/* What is known of the directory below the one that is walked, beside a descriptor of it. */
enum { BELOW_ABSENT = -1, BELOW_UNKNOWN = -2 };

struct dir {
	struct dir *parent;
	unsigned depth;
	size_t path_len;
	int fd;    /* owned */
	int below; /* owned, or one of the above */
	struct stat st;
	struct layer_xattrs xattrs; /* owned */
	bool opaque;
	bool given; /* to the sink */
};

struct link { /* the first name of a file with several */
	dev_t dev;
	ino_t ino;
	char *path; /* owned; NULL: free place */
};

struct walk {
	struct layer_sink *sink;
	int root_fd, below_fd; /* borrowed */
	struct buf path;
	struct link *links; /* owned; a hash table, at most half full */
	size_t n_links, cap_links;
	uint64_t n_entries;
};

/* --- hard links --- */

static struct link *find_link(struct link *links, size_t cap, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ ((uint64_t)dev << 40)) * 0x9e3779b97f4a7c15u;
	for (size_t i = h >> 20;; i++) {
		struct link *l = &links[i & (cap - 1)];
		if (!l->path || (l->dev == dev && l->ino == ino))
			return l;
	}
}

static struct link *link_of(struct walk *w, const struct stat *st)
{
	if (2 * w->n_links >= w->cap_links) {
		size_t cap = w->cap_links ? 2 * w->cap_links : 64;
		struct link *more = mem_new_array(cap, struct link);
		for (size_t i = 0; i < w->cap_links; i++)
			if (w->links[i].path)
				*find_link(more, cap, w->links[i].dev, w->links[i].ino) =
					w->links[i];
		free(w->links);
		w->links = more;
		w->cap_links = cap;
	}
	return find_link(w->links, w->cap_links, st->st_dev, st->st_ino);
}

static void walk_done(struct walk *w)
{
	for (size_t i = 0; i < w->cap_links; i++)
		free(w->links[i].path);
	free(w->links);
	buf_done(&w->path);
}

/* --- giving entries --- */

static struct tar_entry entry_of(const char *path, enum tar_type type, const struct stat *st,
				 const struct layer_xattrs *x)
{
	return (struct tar_entry){
		.type = type,
		.path = path,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
		.xattrs = x ? x->v : NULL,
		.n_xattrs = x ? x->n : 0,
	};
}

static struct err *give_dir(struct walk *w, struct dir *d)
{
	if (!d || d->given)
		return NULL;
	TRY(give_dir(w, d->parent));
	own_mem char *path = mem_strndup(w->path.p, d->path_len);
	struct tar_entry e = entry_of(path, TAR_DIR, &d->st, &d->xattrs);
	d->given = true;
	return w->sink->add(w->sink, &e, d->opaque, -1);
}

/* The entry of the current path, behind its parents. */
static struct err *give(struct walk *w, struct dir *d, const struct tar_entry *e, int fd)
{
	TRY(give_dir(w, d));
	return w->sink->add(w->sink, e, false, fd);
}

/* --- comparing with what is below --- */

static bool same_meta(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static bool same_time(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct err *same_bytes(int a, int b, bool *same)
{
	enum { PIECE = 64 << 10 };
	own_mem char *p = mem_grow(NULL, 2 * PIECE, 1);
	*same = true;
	for (uint64_t at = 0; *same; at += PIECE) {
		size_t n, m;
		TRY(fd_pread_full(a, p, PIECE, at, &n));
		TRY(fd_pread_full(b, p + PIECE, PIECE, at, &m));
		*same = n == m && memcmp(p, p + PIECE, n) == 0;
		if (n < PIECE)
			break;
	}
	return NULL;
}

/* Does the file repeat the one below it? A chown or chmod to what it was copies a file up. Bytes
 * are compared only where size and time are the same, so hardly ever. */
static struct err *repeats_file(struct walk *w, struct dir *d, const char *name,
				const struct stat *st, const struct layer_xattrs *x, int fd,
				bool *repeats)
{
	struct stat below;
	*repeats = false;
	if (d->below < 0 || st->st_nlink != 1 ||
	    fstatat(d->below, name, &below, AT_SYMLINK_NOFOLLOW) < 0 || !same_meta(st, &below) ||
	    !same_time(st, &below) || st->st_size != below.st_size)
		return NULL;
	own_fd other = openat(d->below, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (other < 0)
		return err_from_errno(errno, "%s: open below", w->path.p);
	done(layer_xattrs) y;
	TRY(layer_xattrs_load(other, &y));
	return layer_xattrs_eq(x, &y) ? same_bytes(fd, other, repeats) : NULL;
}

static bool repeats_symlink(struct dir *d, const char *name, const struct stat *st,
			    const char *target)
{
	struct stat below;
	char other[PATH_MAX];
	if (d->below < 0 || fstatat(d->below, name, &below, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !same_meta(st, &below) || !same_time(st, &below))
		return false;
	ssize_t n = readlinkat(d->below, name, other, sizeof(other));
	return n >= 0 && str_eq(str_n(other, (size_t)n), str_of(target));
}

static struct err *is_empty(struct walk *w, int dir_fd, bool *empty)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_from_errno(errno, "%s: open below", w->path.p);
	*empty = true;
	for (struct dirent *e; *empty && (e = readdir(dir));)
		*empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(dir);
	return NULL;
}

/* --- entries by type --- */

static struct err *walk_file(struct walk *w, struct dir *d, const char *name, const struct stat *st)
{
	enum { FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };
	own_fd fd = openat(d->fd, name, FLAGS | O_NOATIME);
	if (fd < 0 && errno == EPERM) /* not ours */
		fd = openat(d->fd, name, FLAGS);
	if (fd < 0)
		return err_from_errno(errno, "%s: open", w->path.p);
	struct link *l = st->st_nlink > 1 ? link_of(w, st) : NULL;
	if (l && l->path) {
		struct tar_entry e = entry_of(w->path.p, TAR_HARDLINK, st, NULL);
		e.link = l->path;
		return give(w, d, &e, -1);
	}
	if (l) {
		*l = (struct link){ st->st_dev, st->st_ino, mem_strdup(w->path.p) };
		w->n_links++;
	}
	done(layer_xattrs) x;
	TRY(layer_xattrs_load(fd, &x));
	bool repeats;
	TRY(repeats_file(w, d, name, st, &x, fd, &repeats));
	if (repeats)
		return NULL;
	struct tar_entry e = entry_of(w->path.p, TAR_FILE, st, &x);
	e.size = (uint64_t)st->st_size;
	return give(w, d, &e, e.size ? fd : -1);
}

static struct err *walk_symlink(struct walk *w, struct dir *d, const char *name,
				const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(d->fd, name, target, sizeof(target) - 1);
	if (n < 0)
		return err_from_errno(errno, "%s: read link", w->path.p);
	target[n] = '\0';
	if (repeats_symlink(d, name, st, target))
		return NULL;
	struct tar_entry e = entry_of(w->path.p, TAR_SYMLINK, st, NULL);
	e.link = target;
	return give(w, d, &e, -1);
}

/* A whiteout of what is not there says nothing. */
static struct err *walk_whiteout(struct walk *w, struct dir *d, const char *name,
				 const struct stat *st)
{
	struct stat below;
	if (d->below == BELOW_ABSENT ||
	    (d->below >= 0 && fstatat(d->below, name, &below, AT_SYMLINK_NOFOLLOW) < 0))
		return NULL;
	struct tar_entry e = { .type = TAR_CHAR, .path = w->path.p };
	return give(w, d, &e, -1);
}

static struct err *walk_other(struct walk *w, struct dir *d, enum tar_type type,
			      const struct stat *st)
{
	struct tar_entry e = entry_of(w->path.p, type, st, NULL);
	return give(w, d, &e, -1);
}

/* --- directories --- */

static void dir_close(struct dir *d)
{
	fd_close_own(&d->fd);
	if (d->below >= 0)
		fd_close_own(&d->below);
}

static void dir_done(struct dir *d)
{
	dir_close(d);
	layer_xattrs_done(&d->xattrs);
}

/* Opens again what dir_close() closed; `had_below` says whether there was one below. */
static struct err *dir_reopen(struct walk *w, struct dir *d, bool had_below)
{
	own_mem char *path = mem_strndup(w->path.p, d->path_len);
	d->fd = fd_open_nofollow(w->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (d->fd >= 0 && had_below)
		d->below = fd_open_nofollow(w->below_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (d->fd < 0 || (had_below && d->below < 0))
		return err_from_errno(errno, "%s: open", w->path.p);
	return NULL;
}

/* Looks at the directory and the one below, and gives it at once if it is a change in itself. Its
 * time is none: it is kept, but where nothing else changed it says nothing. */
static struct err *dir_begin(struct walk *w, struct dir *d)
{
	char y = 0;
	if (fstat(d->fd, &d->st) < 0)
		return err_from_errno(errno, "%s: stat", w->path.p);
	TRY(layer_xattrs_load(d->fd, &d->xattrs));
	d->opaque = fgetxattr(d->fd, LAYER_OPAQUE_XATTR, &y, 1) == 1 && y == 'y';
	if (d->below < 0) {
		d->opaque = d->opaque && d->below == BELOW_UNKNOWN;
		return give_dir(w, d);
	}
	struct stat below;
	done(layer_xattrs) x;
	TRY(layer_xattrs_load(d->below, &x));
	if (fstat(d->below, &below) < 0)
		return err_from_errno(errno, "%s: stat below", w->path.p);
	bool empty = false;
	if (d->opaque)
		TRY(is_empty(w, d->below, &empty));
	d->opaque = d->opaque && !empty; /* the kernel marks new directories for its own speed */
	bool repeats = !d->opaque && same_meta(&d->st, &below) && layer_xattrs_eq(&d->xattrs, &x);
	if (d->opaque) { /* nothing below is seen through it */
		fd_close_own(&d->below);
		d->below = BELOW_ABSENT;
	}
	return repeats ? NULL : give_dir(w, d);
}

static struct err *walk_dir(struct walk *w, struct dir *d);

static int open_below(const struct dir *d, const char *name)
{
	if (d->below < 0)
		return d->below;
	int fd = openat(d->below, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? BELOW_ABSENT : fd; /* absent, or no directory */
}

static struct err *walk_subdir(struct walk *w, struct dir *parent, const char *name)
{
	done(dir) d = { .parent = parent,
			.depth = parent->depth + 1,
			.path_len = w->path.len,
			.fd = openat(parent->fd, name,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
			.below = open_below(parent, name) };
	if (d.fd < 0)
		return err_from_errno(errno, "%s: open", w->path.p);
	if (d.depth <= OPEN_DEPTH)
		return walk_dir(w, &d);
	bool had_below = parent->below >= 0;
	dir_close(parent);
	TRY(walk_dir(w, &d));
	return dir_reopen(w, parent, had_below);
}

/* --- names --- */

struct names {
	char **v; /* owned, each of them too */
	size_t n, cap;
};

static void names_done(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->v[i]);
	free(n->v);
}

static int bytewise(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct err *read_names(struct walk *w, int dir_fd, struct names *out)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_from_errno(errno, "%s: open", w->path.p);
	errno = 0;
	for (struct dirent *e; w->n_entries <= LIMIT_LAYER_ENTRIES && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		mem_reserve_one(out->v, out->n, out->cap);
		out->v[out->n++] = mem_strdup(e->d_name);
		w->n_entries++;
		errno = 0;
	}
	int failed = errno;
	closedir(dir);
	if (failed)
		return err_from_errno(failed, "%s: read directory", w->path.p);
	if (w->n_entries > LIMIT_LAYER_ENTRIES)
		return err_new(ERR_LIMIT, "more than %lu files in one layer", LIMIT_LAYER_ENTRIES);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), bytewise);
	return NULL;
}

static struct err *walk_name(struct walk *w, struct dir *d, const char *name)
{
	struct stat st;
	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_from_errno(errno, "%s: stat", w->path.p);
	if (layer_is_whiteout(st.st_mode, st.st_rdev))
		return walk_whiteout(w, d, name, &st);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return walk_subdir(w, d, name);
	case S_IFREG:
		return walk_file(w, d, name, &st);
	case S_IFLNK:
		return walk_symlink(w, d, name, &st);
	case S_IFIFO:
		return walk_other(w, d, TAR_FIFO, &st);
	case S_IFCHR:
		return walk_other(w, d, TAR_CHAR, &st);
	case S_IFBLK:
		return walk_other(w, d, TAR_BLOCK, &st);
	default: /* a socket means nothing without its process */
		return NULL;
	}
}

static struct err *walk_dir(struct walk *w, struct dir *d)
{
	TRY(dir_begin(w, d));
	__attribute__((cleanup(names_done))) struct names names = { 0 };
	TRY(read_names(w, d->fd, &names));
	for (size_t i = 0; i < names.n; i++) {
		if (d->path_len)
			buf_add_c(&w->path, '/');
		buf_add(&w->path, str_of(names.v[i]));
		if (w->path.over)
			return err_new(ERR_LIMIT, "a path of more than %d bytes", LIMIT_PATH_BYTES);
		TRY(walk_name(w, d, names.v[i]));
		w->path.len = d->path_len;
		w->path.p[d->path_len] = '\0';
	}
	return NULL;
}

struct err *layer_walk(struct layer_store *s, const struct layer_name *name, int below_fd,
		       struct layer_sink *sink)
{
	__attribute__((cleanup(walk_done))) struct walk w = { .sink = sink, .below_fd = below_fd };
	buf_init(&w.path, LIMIT_PATH_BYTES - 1);
	buf_add(&w.path, STR(""));
	done(dir) root = { .fd = -1, .below = BELOW_UNKNOWN };
	TRY(layer_open_dir(s, name, &root.fd));
	w.root_fd = root.fd;
	if (below_fd >= 0) {
		root.below = openat(below_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root.below < 0)
			return err_from_errno(errno, "open the view below");
	}
	return walk_dir(&w, &root);
}
