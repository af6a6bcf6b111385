#include "worker/jobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define TRIES 100

/* A sweep may have come between the making and the locking. */
static bool is_there(int jobs, const char *name, int fd)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && fstatat(jobs, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

struct err *worker_jobs_make(int data_fd, const char *lease_id, int *fd)
{
	own_fd jobs = -1;
	TRY(fd_make_dirs(data_fd, "jobs", 0700, &jobs));
	TRY(fd_remove_tree(jobs, lease_id));
	for (int i = 0; i < TRIES; i++) {
		own_fd dir = -1;
		struct err *e = fd_make_dirs(jobs, lease_id, 0755, &dir);
		if (e && e->kind != ERR_NOT_FOUND)
			return e;
		err_free(e);
		if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0 &&
		    is_there(jobs, lease_id, dir)) {
			*fd = fd_move(&dir);
			return NULL;
		}
	}
	return err_new(ERR_UNAVAILABLE, "jobs/%s is removed again and again", lease_id);
}

static struct err *sweep_one(int jobs, const char *name, size_t *n)
{
	own_fd dir = openat(jobs, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) != 0)
		return NULL;
	TRY(fd_remove_tree(jobs, name));
	(*n)++;
	return NULL;
}

struct err *worker_jobs_sweep(const char *data_path, size_t *n)
{
	own_mem char *path = mem_printf("%s/jobs", data_path);
	*n = 0;
	DIR *d = opendir(path);
	if (!d)
		return errno == ENOENT ? NULL : err_from_errno(errno, "%s", path);
	struct err *e = NULL;
	for (struct dirent *entry; !e && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			e = sweep_one(dirfd(d), entry->d_name, n);
	closedir(d);
	return err_wrap(e, "%s", path);
}
