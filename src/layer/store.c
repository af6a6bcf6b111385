#include "layer/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "layer/layer_priv.h"

#define EMPTY_DIR "e" /* in the session: stands for "no layer" in overlay options */

static struct err *lock_whole(int fd, int how)
{
	while (flock(fd, how) < 0)
		if (errno != EINTR)
			return err_from_errno(errno, "lock layers");
	return NULL;
}

/* Removes `name`, a session, unless the process that made it is alive. */
static struct err *remove_session(int dir_fd, const char *name)
{
	own_mem char *lock = mem_printf("%s/lock", name);
	own_fd fd = fd_open_nofollow(dir_fd, lock, O_RDONLY, 0);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? NULL : err_from_errno(errno, "lock layers/%s", lock);
	return err_wrap(fd_remove_tree(dir_fd, name), "remove layers/%s", name);
}

/* Sessions of processes that are gone; `all`: the finished layers too. */
static struct err *sweep(int dir_fd, bool all)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_from_errno(errno, "open layers");
	struct err *e = NULL;
	struct dirent *d;
	while (!e && (d = readdir(dir))) {
		if (d->d_name[0] == '.' || strcmp(d->d_name, "boot") == 0)
			continue;
		if (str_starts(str_of(d->d_name), STR("s-")))
			e = remove_session(dir_fd, d->d_name);
		else if (all)
			e = fd_remove_tree(dir_fd, d->d_name);
	}
	closedir(dir);
	return e;
}

/* Nothing in layers/ is synced: what was written before the machine went down may be incomplete. */
static struct err *sweep_after_boot(int dir_fd)
{
	own_mem char *now = NULL, *then = NULL;
	size_t n_now, n_then = 0;
	TRY(fd_read_path(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &now, &n_now));
	err_free(fd_read_path(dir_fd, "boot", 64, &then, &n_then));
	bool same = then && str_eq(str_n(now, n_now), str_n(then, n_then));
	TRY(sweep(dir_fd, !same));
	return same ? NULL : fd_replace_file(dir_fd, "boot", 0600, now, n_now);
}

static struct err *make_session(struct layer_store *s)
{
	uint64_t id;
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return err_from_errno(errno, "getrandom");
	char name[sizeof(s->session)];
	snprintf(name, sizeof(name), "s-%016llx", (unsigned long long)id);
	if (mkdirat(s->dir_fd, name, 0700) < 0)
		return err_from_errno(errno, "make layers/%s", name);
	memcpy(s->session, name, sizeof(name));
	own_mem char *lock = mem_printf("%s/lock", name);
	s->lock_fd = fd_open_nofollow(s->dir_fd, lock, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (s->lock_fd < 0)
		return err_from_errno(errno, "make layers/%s", lock);
	TRY(lock_whole(s->lock_fd, LOCK_EX));
	own_mem char *empty = mem_printf("%s/" EMPTY_DIR, name);
	if (mkdirat(s->dir_fd, empty, 0755) < 0 || fchmodat(s->dir_fd, empty, 0755, 0) < 0)
		return err_from_errno(errno, "make layers/%s", empty);
	return NULL;
}

/* ext4 does not take an inode again for minutes after it was removed, but looks at each of them
 * whenever it makes a file near by. Sessions make and remove many, so each shall have a corner of
 * the disk for itself (chattr +T): halves what mounting costs when builds follow one another. */
static void spread_sessions(int dir_fd)
{
	int flags;
	if (ioctl(dir_fd, FS_IOC_GETFLAGS, &flags) < 0 || flags & FS_TOPDIR_FL)
		return;
	flags |= FS_TOPDIR_FL;
	ioctl(dir_fd, FS_IOC_SETFLAGS, &flags); /* other file systems may refuse it */
}

struct err *layer_store_open(int data_fd, bool single_id, struct layer_store **out)
{
	own(layer_store) s = mem_new(struct layer_store);
	*s = (struct layer_store){ .dir_fd = -1, .lock_fd = -1, .single_id = single_id };
	mutex_init(&s->lock);
	cond_init(&s->unpacked);
	TRY(fd_make_dirs(data_fd, "layers", 0700, &s->dir_fd));
	spread_sessions(s->dir_fd);
	/* So that no process sweeps a session between its making and its locking. */
	TRY(lock_whole(s->dir_fd, LOCK_EX));
	struct err *e = sweep_after_boot(s->dir_fd);
	if (!e)
		e = make_session(s);
	flock(s->dir_fd, LOCK_UN);
	TRY(e);
	if (fchdir(s->dir_fd) < 0)
		return err_from_errno(errno, "change to layers");
	*out = move(s);
	return NULL;
}

void layer_store_free(struct layer_store *s)
{
	if (!s)
		return;
	if (s->session[0]) {
		struct err *e = fd_remove_tree(s->dir_fd, s->session);
		if (e) /* the next process removes what is left */
			log_err(LOG_LEVEL_DEBUG, "layers: session not removed", e);
	}
	fd_close_own(&s->lock_fd);
	fd_close_own(&s->dir_fd);
	cond_done(&s->unpacked);
	mutex_done(&s->lock);
	free(s->busy);
	free(s->links);
	free(s->views);
	free(s);
}

struct layer_name layer_store_name(struct layer_store *s, const char *prefix)
{
	struct layer_name name;
	uint64_t n = __atomic_add_fetch(&s->serial, 1, __ATOMIC_RELAXED);
	snprintf(name.s, sizeof(name.s), "%s/%s%llu", s->session, prefix, (unsigned long long)n);
	return name;
}

struct layer_name layer_work_name(const struct layer_name *upper)
{
	struct layer_name name;
	int n = snprintf(name.s, sizeof(name.s), "%.90sw", upper->s);
	(void)n;
	return name;
}

struct layer_name layer_empty_name(const struct layer_store *s)
{
	struct layer_name name;
	snprintf(name.s, sizeof(name.s), "%s/" EMPTY_DIR, s->session);
	return name;
}

struct err *layer_open_dir(struct layer_store *s, const struct layer_name *name, int *fd)
{
	*fd = fd_open_nofollow(s->dir_fd, name->s, O_RDONLY | O_DIRECTORY, 0);
	return *fd < 0 ? err_from_errno(errno, "open layer %s", name->s) : NULL;
}

static struct layer_name final_name(const struct oci_digest *diff_id)
{
	struct layer_name name;
	hex_encode(diff_id->raw, SHA256_BYTES, name.s);
	return name;
}

struct err *layer_store_find(struct layer_store *s, const struct oci_digest *diff_id, bool *found,
			     struct layer_name *name)
{
	struct layer_name final = final_name(diff_id);
	struct stat st;
	if (fstatat(s->dir_fd, final.s, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_from_errno(errno, "look for layer %s", final.s);
		*found = false;
		return NULL;
	}
	*found = true;
	*name = final;
	return NULL;
}

struct err *layer_store_new(struct layer_store *s, struct layer_name *name, int *fd)
{
	struct layer_name made = layer_store_name(s, "");
	if (mkdirat(s->dir_fd, made.s, 0755) < 0)
		return err_from_errno(errno, "make layers/%s", made.s);
	own_fd dir = -1;
	TRY(layer_open_dir(s, &made, &dir));
	/* whatever the umask and a set-gid bit above say */
	if (fchown(dir, 0, 0) < 0 || fchmod(dir, 0755) < 0)
		return err_from_errno(errno, "make layers/%s", made.s);
	*name = made;
	if (fd)
		*fd = fd_move(&dir);
	return NULL;
}

static bool in_session(const struct layer_store *s, const struct layer_name *name)
{
	size_t len = strlen(s->session);
	return strncmp(name->s, s->session, len) == 0 && name->s[len] == '/';
}

struct err *layer_store_trim(struct layer_store *s, const struct layer_name *name)
{
	struct layer_name work = layer_work_name(name);
	return in_session(s, name) ? fd_remove_tree(s->dir_fd, work.s) : NULL;
}

static struct err *remove_with_work(struct layer_store *s, const struct layer_name *name)
{
	struct layer_name work = layer_work_name(name);
	struct err *e = fd_remove_tree(s->dir_fd, work.s);
	err_keep(&e, fd_remove_tree(s->dir_fd, name->s));
	return err_wrap(e, "remove layers/%s", name->s);
}

struct err *layer_store_publish(struct layer_store *s, struct layer_name *name,
				const struct oci_digest *diff_id)
{
	struct layer_name final = final_name(diff_id);
	if (!in_session(s, name)) /* published before */
		return strcmp(name->s, final.s) == 0
			       ? NULL
			       : err_new(ERR_INVALID, "layer %s is finished", name->s);
	TRY(layer_store_trim(s, name));
	if (renameat2(s->dir_fd, name->s, s->dir_fd, final.s, RENAME_NOREPLACE) < 0) {
		if (errno != EEXIST)
			return err_from_errno(errno, "publish layer %s", final.s);
		TRY(remove_with_work(s, name)); /* somebody else was first */
	}
	*name = final;
	return NULL;
}

struct err *layer_store_drop(struct layer_store *s, const struct layer_name *name)
{
	/* Finished layers are everybody's; who drops one has published it meanwhile. */
	return in_session(s, name) ? remove_with_work(s, name) : NULL;
}

/* Is a session's lock held? */
static bool in_use(int dir_fd, const char *name)
{
	own_mem char *lock = mem_printf("%s/lock", name);
	own_fd fd = fd_open_nofollow(dir_fd, lock, O_RDONLY, 0);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static struct err *refuse_while_used(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_from_errno(errno, "open layers");
	bool busy = false;
	struct dirent *d;
	while (!busy && (d = readdir(dir)))
		busy = str_starts(str_of(d->d_name), STR("s-")) && in_use(dir_fd, d->d_name);
	closedir(dir);
	return busy ? err_new(ERR_CONFLICT,
			      "a build or container uses this data directory: try again when it has ended")
		    : NULL;
}

struct err *layer_store_clear(int data_fd)
{
	own_fd dir_fd = -1;
	TRY(fd_make_dirs(data_fd, "layers", 0700, &dir_fd));
	TRY(lock_whole(dir_fd, LOCK_EX));
	TRY(refuse_while_used(dir_fd));
	return sweep(dir_fd, true);
}
