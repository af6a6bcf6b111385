#include "layer/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "layer/layer_priv.h"

/* mount(2) copies one page of options. Sixty names of 64 digits do not fit, so long lists name the
 * layers by short links in the session, which the kernel resolves while it mounts. */
#define OPTIONS_BYTES 4095
#define OPTIONS_OTHER 256 /* what stands beside lowerdir= at most */

struct lowers {
	struct layer_store *store;
	struct buf list; /* "top:…:bottom" */
	size_t n;
};

static void lowers_init(struct lowers *l, struct layer_store *s)
{
	*l = (struct lowers){ .store = s };
	buf_init(&l->list, OPTIONS_BYTES - OPTIONS_OTHER);
}

static void lowers_done(struct lowers *l)
{
	buf_done(&l->list);
}

/* The number that a finished layer has in this session, given when it is first asked for. */
static size_t link_number(struct layer_store *s, const struct layer_name *name)
{
	hold(&s->lock);
	for (size_t i = 0; i < s->n_links; i++)
		if (strcmp(s->links[i].s, name->s) == 0)
			return i;
	mem_reserve_one(s->links, s->n_links, s->cap_links);
	s->links[s->n_links] = *name;
	return s->n_links++;
}

/* Links stay until the session ends: each step mounts the layers of the one before. */
static struct err *link_to(struct layer_store *s, const struct layer_name *name,
			   struct layer_name *link)
{
	snprintf(link->s, sizeof(link->s), "%s/l%zu", s->session, link_number(s, name));
	own_mem char *to = mem_printf("../%s", name->s);
	if (symlinkat(to, s->dir_fd, link->s) < 0 && errno != EEXIST)
		return err_from_errno(errno, "link layers/%s", link->s);
	return NULL;
}

static struct err *lowers_add(struct lowers *l, const struct layer_name *name, bool by_link)
{
	struct layer_name shown = *name;
	if (by_link && !strchr(name->s, '/')) /* those of the session are short */
		TRY(link_to(l->store, name, &shown));
	if (l->n++)
		buf_add_c(&l->list, ':');
	buf_add(&l->list, str_of(shown.s));
	return NULL;
}

/* overlayfs always merges the roots of its layers, so an opaque root ends the list here. */
static bool is_opaque(const struct layer_name *name)
{
	char y;
	return lgetxattr(name->s, LAYER_OPAQUE_XATTR, &y, 1) == 1 && y == 'y';
}

static struct err *lowers_fill(struct lowers *l, const struct layer_name *layers, size_t n,
			       size_t least)
{
	if (n > LIMIT_IMAGE_LAYERS)
		return err_new(ERR_LIMIT, "%zu layers, more than the %d that a step can run on", n,
			       LIMIT_IMAGE_LAYERS);
	size_t bytes = 0, from = n;
	while (from > 0) {
		bytes += strlen(layers[--from].s) + 1;
		if (is_opaque(&layers[from]))
			break;
	}
	bool by_link = bytes > l->list.max;
	for (size_t i = n; i > from; i--)
		TRY(lowers_add(l, &layers[i - 1], by_link));
	struct layer_name empty = layer_empty_name(l->store);
	for (size_t have = n - from; have < least; have++)
		TRY(lowers_add(l, &empty, false));
	if (l->list.over)
		return err_new(ERR_LIMIT, "the names of %zu layers do not fit one mount", n);
	return NULL;
}

static struct err *mount_failed(int errnum, size_t n, const char *target)
{
	const char *hint = "";
	if (errnum == ENODEV)
		hint = " (the kernel has no overlayfs: modprobe overlay)";
	else if (errnum == EPERM)
		hint = " (overlayfs in a user namespace needs Linux 5.11)";
	return err_from_errno(errnum, "mount %zu layers on %s%s", n, target, hint);
}

static int try_mount(const char *target, const char *lowers, const char *rest)
{
	own_mem char *options = mem_printf("userxattr,lowerdir=%s%s", lowers, rest);
	return mount("overlay", target, "overlay", 0, options) == 0 ? 0 : errno;
}

/* A copy of the mount that is in no tree, and not the mount itself, unmounted: below that one
 * openat2(2) answers ".." with EAGAIN for ever. */
static struct err *detach(struct layer_store *s, const struct layer_name *at, int *fd)
{
	own_fd root = open_tree(s->dir_fd, at->s,
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	int failed = root < 0 ? errno : 0;
	if (umount2(at->s, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 || failed)
		return err_from_errno(failed ? failed : errno, "open view layers/%s", at->s);
	*fd = fd_move(&root);
	return NULL;
}

/* A directory to mount on for a moment: to make and remove one each time would be half of the cost
 * of a view. */
static struct err *view_take(struct layer_store *s, struct layer_name *at)
{
	mutex_lock(&s->lock);
	bool has = s->n_views > 0;
	if (has)
		*at = s->views[--s->n_views];
	mutex_unlock(&s->lock);
	if (has)
		return NULL;
	*at = layer_store_name(s, "v");
	return mkdirat(s->dir_fd, at->s, 0700) == 0
		       ? NULL
		       : err_from_errno(errno, "make layers/%s", at->s);
}

static void view_give(struct layer_store *s, const struct layer_name *at)
{
	hold(&s->lock);
	mem_reserve_one(s->views, s->n_views, s->cap_views);
	s->views[s->n_views++] = *at;
}

struct err *layer_view(struct layer_store *s, const struct layer_name *layers, size_t n, int *fd)
{
	if (n == 0) { /* overlayfs wants two different directories */
		struct layer_name empty = layer_empty_name(s);
		*fd = openat(s->dir_fd, empty.s, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return *fd < 0 ? err_from_errno(errno, "open layers/%s", empty.s) : NULL;
	}
	done(lowers) l;
	lowers_init(&l, s);
	TRY(lowers_fill(&l, layers, n, 2));
	struct layer_name at;
	TRY(view_take(s, &at));
	int failed = try_mount(at.s, l.list.p, "");
	struct err *e = failed ? mount_failed(failed, n, at.s) : detach(s, &at, fd);
	if (e)
		unlinkat(s->dir_fd, at.s, AT_REMOVEDIR);
	else
		view_give(s, &at);
	return e;
}

/* The merged root shows the upper directory's owner, mode and times, not those below. */
static struct err *take_root(struct layer_store *s, const struct layer_name *below,
			     const struct layer_name *upper)
{
	own_fd from = -1, to = -1;
	TRY(layer_open_dir(s, below, &from));
	TRY(layer_open_dir(s, upper, &to));
	struct stat st;
	done(layer_xattrs) x;
	TRY(layer_xattrs_load(from, &x));
	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0)
		return err_from_errno(errno, "set the root of layers/%s", upper->s);
	layer_xattrs_set(to, upper->s, x.v, x.n);
	if (futimens(to, (struct timespec[]){ { .tv_nsec = UTIME_OMIT }, st.st_mtim }) < 0)
		return err_from_errno(errno, "set the root of layers/%s", upper->s);
	return NULL;
}

/* A fresh work directory: what an earlier volatile mount left would be refused. */
static struct err *make_work(struct layer_store *s, const struct layer_name *work, bool *first)
{
	*first = mkdirat(s->dir_fd, work->s, 0700) == 0;
	if (!*first && errno == EEXIST) {
		TRY(fd_remove_tree(s->dir_fd, work->s));
		if (mkdirat(s->dir_fd, work->s, 0700) == 0)
			return NULL;
	}
	return *first ? NULL : err_from_errno(errno, "make layers/%s", work->s);
}

struct err *layer_mount(struct layer_store *s, const struct layer_name *layers, size_t n,
			const struct layer_name *upper, const char *target)
{
	done(lowers) l;
	lowers_init(&l, s);
	TRY(lowers_fill(&l, layers, n, 1));
	struct layer_name work = layer_work_name(upper);
	bool first;
	TRY(make_work(s, &work, &first));
	if (first && n)
		TRY(take_root(s, &layers[n - 1], upper));
	own_mem char *dirs = mem_printf(",upperdir=%s,workdir=%s", upper->s, work.s);
	own_mem char *quick = mem_printf("%s,volatile", dirs); /* no sync on the way: disposable */
	int failed = EINVAL;
	if (!__atomic_load_n(&s->not_volatile, __ATOMIC_RELAXED))
		failed = try_mount(target, l.list.p, quick);
	if (failed == EINVAL) { /* Linux before 5.10 */
		failed = try_mount(target, l.list.p, dirs);
		if (!failed)
			__atomic_store_n(&s->not_volatile, true, __ATOMIC_RELAXED);
	}
	return failed ? mount_failed(failed, n, target) : NULL;
}

struct err *layer_unmount(const char *target)
{
	if (umount2(target, UMOUNT_NOFOLLOW) < 0)
		return err_from_errno(errno, "unmount %s", target);
	return NULL;
}
