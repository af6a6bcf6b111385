/* Walking a tree. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "source/tree_priv.h"

#define MOST_DEPTH 256 /* each level holds a descriptor */

/* First names of files with several links; open addressing by device and inode. */
struct inode {
	uint64_t dev, ino;
	char *path; /* owned; NULL: free */
};

/* A left-out directory that may hold something taken in again: it is given when it does. */
struct pending {
	size_t path_len;
	struct stat st;
};

struct walk {
	struct source_tree *t;
	struct pending pending[MOST_DEPTH + 1];
	size_t n_pending;
	tree_each_fn *each;
	void *arg;
	char path[PATH_MAX]; /* from the tree's root */
	size_t root_len;     /* of the walked root in `path`, with its slash */
	size_t n_entries;
	struct inode *inodes;     /* owned */
	size_t n_inodes, n_slots; /* a power of two, at most half full */
};

static struct inode *inode_slot(const struct walk *w, uint64_t dev, uint64_t ino)
{
	size_t i = (size_t)(((ino ^ dev << 32) * 0x9e3779b97f4a7c15ull) >> 20) & (w->n_slots - 1);
	while (w->inodes[i].path && (w->inodes[i].dev != dev || w->inodes[i].ino != ino))
		i = (i + 1) & (w->n_slots - 1);
	return &w->inodes[i];
}

static void more_inodes(struct walk *w)
{
	struct inode *old = w->inodes;
	size_t n_old = w->n_slots;
	w->n_slots = MAX(64, n_old * 2);
	w->inodes = mem_new_array(w->n_slots, struct inode);
	for (size_t i = 0; i < n_old; i++)
		if (old[i].path)
			*inode_slot(w, old[i].dev, old[i].ino) = old[i];
	free(old);
}

/* NULL when this is the first. */
static const char *first_name(struct walk *w, const struct stat *st, const char *path)
{
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return NULL;
	if ((w->n_inodes + 1) * 2 > w->n_slots)
		more_inodes(w);
	struct inode *slot = inode_slot(w, st->st_dev, st->st_ino);
	if (slot->path)
		return slot->path;
	*slot = (struct inode){ st->st_dev, st->st_ino, mem_strdup(path) };
	w->n_inodes++;
	return NULL;
}

static bool type_of(mode_t mode, enum tar_type *type)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		*type = TAR_FILE;
		return true;
	case S_IFDIR:
		*type = TAR_DIR;
		return true;
	case S_IFLNK:
		*type = TAR_SYMLINK;
		return true;
	case S_IFCHR:
		*type = TAR_CHAR;
		return true;
	case S_IFBLK:
		*type = TAR_BLOCK;
		return true;
	case S_IFIFO:
		*type = TAR_FIFO;
		return true;
	default:
		return false; /* a socket means nothing in an image */
	}
}

static struct err *emit(struct walk *w, int dir_fd, const char *name, const struct stat *st);

static struct err *emit_pending(struct walk *w)
{
	size_t n = w->n_pending;
	struct err *e = NULL;
	w->n_pending = 0;
	for (size_t i = 0; i < n && !e; i++) {
		char cut = w->path[w->pending[i].path_len];
		w->path[w->pending[i].path_len] = '\0';
		e = emit(w, -1, "", &w->pending[i].st);
		w->path[w->pending[i].path_len] = cut;
	}
	return e;
}

static struct err *emit(struct walk *w, int dir_fd, const char *name, const struct stat *st)
{
	if (w->n_pending)
		TRY(emit_pending(w));
	char target[PATH_MAX];
	struct source_entry e = {
		.e = {
			.path = w->path + MIN(w->root_len, strlen(w->path)),
			.mode = st->st_mode & 07777,
			.uid = st->st_uid,
			.gid = st->st_gid,
			.mtime_s = st->st_mtim.tv_sec,
			.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
			.major = major(st->st_rdev),
			.minor = minor(st->st_rdev),
		},
		.tree_path = w->path,
	};
	if (!type_of(st->st_mode, &e.e.type))
		return NULL;
	if (++w->n_entries > LIMIT_CONTEXT_FILES)
		return err_new(ERR_LIMIT, "%s has more than %lu files", w->t->what,
			       LIMIT_CONTEXT_FILES);
	const char *first = first_name(w, st, e.e.path);
	if (e.e.type == TAR_SYMLINK) {
		ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
		if (n < 0)
			return err_from_errno(errno, "read link %s", w->path);
		target[n] = '\0';
		e.e.link = target;
	} else if (e.e.type == TAR_FILE) {
		e.e.size = (uint64_t)st->st_size;
	}
	if (first) {
		e.e.type = TAR_HARDLINK;
		e.e.link = first;
		e.e.size = 0;
	}
	return w->each(w->arg, &e, st);
}

static struct err *walk_dir(struct walk *w, int fd, unsigned depth);

static struct err *walk_name(struct walk *w, int dir_fd, const char *name, unsigned depth)
{
	struct stat st;
	const struct source_ignore *g = w->t->ignore;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_from_errno(errno, "stat %s in %s", w->path, w->t->what);
	bool out = g && source_ignore_match(g, w->path, NULL);
	if (!S_ISDIR(st.st_mode))
		return out ? NULL : emit(w, dir_fd, name, &st);
	if (out && !source_ignore_may_reinclude(g, w->path))
		return NULL;
	own_fd fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno, "open %s in %s", w->path, w->t->what);
	if (!out) {
		TRY(emit(w, dir_fd, name, &st));
		return walk_dir(w, fd, depth + 1);
	}
	size_t at = w->n_pending;
	w->pending[w->n_pending++] = (struct pending){ strlen(w->path), st };
	struct err *e = walk_dir(w, fd, depth + 1);
	w->n_pending = MIN(at, w->n_pending);
	return e;
}

static struct err *walk_dir(struct walk *w, int fd, unsigned depth)
{
	struct names names;
	if (depth > MOST_DEPTH)
		return err_new(ERR_LIMIT, "%s: directories nested deeper than %d", w->path,
			       MOST_DEPTH);
	TRY(err_wrap(names_read(fd, &names), "%s", w->path));
	size_t len = strlen(w->path);
	struct err *e = NULL;
	for (size_t i = 0; i < names.n && !e; i++) {
		size_t name_len = strlen(names.v[i]), at = len ? len + 1 : 0;
		if (at + name_len >= sizeof(w->path)) {
			e = err_from_errno(ENAMETOOLONG, "%s", w->path);
			break;
		}
		if (len)
			w->path[len] = '/';
		memcpy(w->path + at, names.v[i], name_len + 1);
		e = walk_name(w, fd, names.v[i], depth);
		w->path[len] = '\0';
	}
	names_done(&names);
	return e;
}

static struct err *walk_from(struct walk *w, const char *path)
{
	struct stat st;
	own_fd fd = fd_open_nofollow(w->t->root_fd, path[0] ? path : ".", O_PATH | O_NOFOLLOW, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_from_errno(errno, "open %s in %s", path, w->t->what);
	strcpy(w->path, path);
	w->root_len = path[0] ? strlen(path) + 1 : 0;
	TRY(emit(w, fd, "", &st));
	if (!S_ISDIR(st.st_mode))
		return NULL;
	own_fd dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_from_errno(errno, "open %s in %s", path, w->t->what);
	return walk_dir(w, dir, 0);
}

struct err *tree_walk(struct source_tree *t, const char *path, tree_each_fn *each, void *arg)
{
	own_mem struct walk *w = mem_new(struct walk);
	*w = (struct walk){ .t = t, .each = each, .arg = arg };
	struct err *e = strlen(path) >= sizeof(w->path) ? err_from_errno(ENAMETOOLONG, "walk")
							: walk_from(w, path);
	for (size_t i = 0; i < w->n_slots; i++)
		free(w->inodes[i].path);
	free(w->inodes);
	return e;
}

struct plain {
	struct err *(*each)(void *arg, const struct source_entry *e);
	void *arg;
};

static struct err *each_plain(void *arg, const struct source_entry *e, const struct stat *st)
{
	const struct plain *p = arg;
	return p->each(p->arg, e);
}

struct err *source_tree_walk(struct source_tree *t, const char *path,
			     struct err *(*each)(void *arg, const struct source_entry *e),
			     void *arg)
{
	struct plain p = { each, arg };
	return tree_walk(t, path, each_plain, &p);
}
