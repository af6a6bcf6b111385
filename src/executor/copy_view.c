#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "executor/copy_priv.h"

#define MOST_LINKS 40

static struct err *look(int below_fd, const char *path, enum copy_kind *kind, struct stat *st,
			int *fd)
{
	*kind = COPY_ABSENT;
	if (below_fd < 0)
		return NULL;
	*fd = fd_open_nofollow(below_fd, path[0] ? path : ".", O_PATH | O_NOFOLLOW, 0);
	if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return NULL;
	if (*fd < 0 || fstat(*fd, st) < 0)
		return err_from_errno(errno, "look up /%s in the image", path);
	*kind = S_ISDIR(st->st_mode) ? COPY_DIR : S_ISLNK(st->st_mode) ? COPY_LINK : COPY_OTHER;
	return NULL;
}

struct err *copy_view_look(int below_fd, const char *path, enum copy_kind *kind, struct stat *st)
{
	own_fd fd = -1;
	return look(below_fd, path, kind, st, &fd);
}

static struct err *too_long(void)
{
	return err_new(ERR_INVALID, "the path is longer than %d bytes", PATH_MAX - 1);
}

static void pop(char *path)
{
	char *slash = strrchr(path, '/');
	*(slash ? slash : path) = '\0';
}

static bool push(char *path, struct str part)
{
	size_t len = strlen(path);
	if (len + part.len + 2 > PATH_MAX)
		return false;
	if (len)
		path[len++] = '/';
	memcpy(path + len, part.p, part.len);
	path[len + part.len] = '\0';
	return true;
}

struct follow {
	int below_fd;
	char *path;          /* so far; without links */
	char rest[PATH_MAX]; /* what is still to come */
	size_t at;           /* of the next component in `rest` */
	unsigned links;
	enum copy_kind kind; /* of `path` */
};

/* The last component of the path is a link: its target goes before the rest. */
static struct err *insert_target(struct follow *f, int fd)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return err_from_errno(errno, "read link /%s of the image", f->path);
	if (++f->links > MOST_LINKS)
		return err_new(ERR_INVALID, "more than %d symbolic links on the way", MOST_LINKS);
	size_t left = strlen(f->rest + f->at);
	if ((size_t)n + 1 + left + 1 > sizeof(f->rest))
		return too_long();
	memmove(f->rest + n + 1, f->rest + f->at, left + 1);
	memcpy(f->rest, target, (size_t)n);
	f->rest[n] = '/';
	f->at = 0;
	if (target[0] == '/')
		f->path[0] = '\0';
	else
		pop(f->path);
	f->kind = COPY_DIR;
	return NULL;
}

static struct err *follow_part(struct follow *f, struct str part)
{
	struct stat st;
	own_fd fd = -1;
	if (!part.len || str_eq(part, STR(".")))
		return NULL;
	if (f->kind == COPY_OTHER)
		return err_new(ERR_INVALID, "/%s is a file in the image, not a directory", f->path);
	if (str_eq(part, STR(".."))) {
		pop(f->path);
		return look(f->below_fd, f->path, &f->kind, &st, &fd);
	}
	if (!push(f->path, part))
		return too_long();
	TRY(look(f->below_fd, f->path, &f->kind, &st, &fd));
	return f->kind == COPY_LINK ? insert_target(f, fd) : NULL;
}

struct err *copy_view_follow(int below_fd, struct str path, char out[PATH_MAX],
			     enum copy_kind *kind)
{
	struct follow f = { .below_fd = below_fd, .path = out, .kind = COPY_DIR };
	if (path.len >= sizeof(f.rest))
		return too_long();
	if (path.len)
		memcpy(f.rest, path.p, path.len);
	f.rest[path.len] = '\0';
	out[0] = '\0';
	while (f.rest[f.at]) {
		char *part = f.rest + f.at, *end = strchrnul(part, '/');
		f.at = (size_t)(end - f.rest) + (*end == '/');
		TRY(follow_part(&f, str_n(part, (size_t)(end - part))));
	}
	*kind = f.kind;
	return NULL;
}

static struct err *note_one(struct copy_facts *f, int below_fd, struct str path, bool *exists)
{
	struct stat st;
	enum copy_kind kind;
	*exists = true;
	if (copy_map_get(&f->dir_of, path))
		return NULL;
	struct copy_dir *d = arena_new(f->a, struct copy_dir);
	own_mem char *text = str_dup(path);
	TRY(copy_view_look(below_fd, text, &kind, &st));
	*exists = kind == COPY_DIR;
	if (!*exists)
		return NULL;
	d->path = arena_strdup(f->a, path);
	d->mode = st.st_mode & 07777;
	d->uid = st.st_uid;
	d->gid = st.st_gid;
	d->mtime_s = st.st_mtim.tv_sec;
	d->mtime_ns = (uint32_t)st.st_mtim.tv_nsec;
	*f->last_dir = d;
	f->last_dir = &d->next;
	return copy_map_put(&f->dir_of, path, d);
}

struct err *copy_view_note(struct copy_facts *f, int below_fd, const char *path)
{
	bool exists = path[0] != '\0';
	for (const char *end = path; exists;) {
		end = strchrnul(end, '/');
		TRY(note_one(f, below_fd, str_n(path, (size_t)(end - path)), &exists));
		if (!*end++)
			break;
	}
	return NULL;
}
