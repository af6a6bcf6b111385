/* Sessions are files in uploads/. The open one is locked by flock(2), so no two requests write to
 * one and nobody sweeps it. Between two requests of one process its hashes wait in the stash, else
 * each chunk would read all before it again. */
#include "blob/store_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#define LOCK_TRIES    20
#define LOCK_PAUSE_US 10000

static bool session_id_ok(const char *id)
{
	return strlen(id) == BLOB_SESSION_ID && strspn(id, "0123456789abcdef") == BLOB_SESSION_ID;
}

static struct blob_writer *session_writer(struct blob_store *s, const char *id)
{
	struct blob_writer *w = mem_new(struct blob_writer);
	*w = (struct blob_writer){ .store = s, .fd = -1, .is_session = true, .state = BLOB_KEPT };
	memcpy(w->name, id, BLOB_SESSION_ID);
	return w;
}

struct err *blob_store_session_begin(struct blob_store *s, const char *id, struct blob_writer **out)
{
	if (!session_id_ok(id))
		return err_new(ERR_INVALID, "upload session id is not 32 hexadecimal digits");
	own_fd fd = fd_open_nofollow(s->upload_fd, id, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return err_from_errno(errno, "begin upload session");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_from_errno(errno, "lock upload session");
	own(blob_writer) w = session_writer(s, id);
	sha256_init(&w->h256);
	sha512_init(&w->h512);
	w->fd = fd_move(&fd);
	w->state = BLOB_WRITING;
	*out = move(w);
	return NULL;
}

static void stash_clear(struct blob_stash *e)
{
	fd_close_own(&e->fd);
	sha256_done(&e->h256);
	sha512_done(&e->h512);
	*e = (struct blob_stash){ .fd = -1 };
}

void blob_stash_put(struct blob_writer *w)
{
	if (w->fd < 0 || !w->h256.ctx)
		return;
	flock(w->fd, LOCK_UN);
	struct blob_store *s = w->store;
	struct blob_stash mine = {
		.fd = fd_move(&w->fd), .size = w->size, .h256 = w->h256, .h512 = w->h512
	};
	memcpy(mine.name, w->name, BLOB_SESSION_ID);
	w->h256.ctx = NULL;
	w->h512.ctx = NULL;
	mutex_lock(&s->stash_lock);
	mine.used = ++s->stashed;
	struct blob_stash *oldest = &s->stash[0];
	for (size_t i = 1; i < BLOB_STASH; i++)
		if (s->stash[i].used < oldest->used)
			oldest = &s->stash[i];
	struct blob_stash out = *oldest;
	*oldest = mine;
	mutex_unlock(&s->stash_lock);
	stash_clear(&out); /* closing may free space on the disk: not under the lock */
}

static void stash_take(struct blob_writer *w)
{
	hold(&w->store->stash_lock);
	for (size_t i = 0; i < BLOB_STASH; i++) {
		struct blob_stash *e = &w->store->stash[i];
		if (e->fd < 0 || strcmp(e->name, w->name) != 0)
			continue;
		w->fd = e->fd;
		w->size = e->size;
		w->h256 = e->h256;
		w->h512 = e->h512;
		*e = (struct blob_stash){ .fd = -1 };
		return;
	}
}

void blob_stash_done(struct blob_store *s)
{
	for (size_t i = 0; i < BLOB_STASH; i++)
		stash_clear(&s->stash[i]);
}

static struct err *rehash(struct blob_writer *w)
{
	enum { PIECE = 128 << 10 };
	own_mem char *p = mem_grow(NULL, PIECE, 1);
	sha256_done(&w->h256);
	sha512_done(&w->h512);
	sha256_init(&w->h256);
	sha512_init(&w->h512);
	w->size = 0;
	for (size_t got = 1; got; w->size += got) {
		TRY(fd_pread_full(w->fd, p, PIECE, w->size, &got));
		sha256_update(&w->h256, p, got);
		sha512_update(&w->h512, p, got);
	}
	return NULL;
}

/* Who only asks how far it is holds it for a moment, and must not make a writer fail. */
static int lock(int fd)
{
	int r = flock(fd, LOCK_EX | LOCK_NB);
	for (int i = 0; r < 0 && errno == EWOULDBLOCK && i < LOCK_TRIES; i++) {
		usleep(LOCK_PAUSE_US);
		r = flock(fd, LOCK_EX | LOCK_NB);
	}
	return r;
}

struct err *blob_store_session_resume(struct blob_store *s, const char *id,
				      struct blob_writer **out)
{
	if (!session_id_ok(id))
		return err_new(ERR_NOT_FOUND, "there is no such upload session");
	own_fd named = fd_open_nofollow(s->upload_fd, id, O_RDWR, 0);
	if (named < 0)
		return err_from_errno(errno, "upload session %s", id);
	if (lock(named) < 0)
		return errno == EWOULDBLOCK
			       ? err_new(ERR_CONFLICT,
					 "upload session %s: another request writes to it", id)
			       : err_from_errno(errno, "lock upload session %s", id);
	struct stat st, kept;
	if (fstat(named, &st) < 0)
		return err_from_errno(errno, "upload session %s", id);
	if (!st.st_nlink || !S_ISREG(st.st_mode))
		return err_new(ERR_NOT_FOUND, "upload session %s was removed", id);
	own(blob_writer) w = session_writer(s, id);
	stash_take(w);
	bool same = w->fd >= 0 && fstat(w->fd, &kept) == 0 && kept.st_ino == st.st_ino &&
		    (uint64_t)st.st_size == w->size;
	fd_close_own(&w->fd);
	w->fd = fd_move(&named);
	if (!same)
		TRY(err_wrap(rehash(w), "upload session %s", id));
	w->state = BLOB_WRITING;
	*out = move(w);
	return NULL;
}

void blob_writer_keep(struct blob_writer *w)
{
	assert(w->is_session);
	if (w->state == BLOB_WRITING)
		w->state = BLOB_KEPT;
}

struct sweep {
	struct blob_store *store;
	uint64_t age_s;
};

static struct err *sweep_one(void *arg, int dir_fd, const char *name)
{
	struct sweep *sweep = arg;
	bool is_session = session_id_ok(name);
	if (!is_session && !str_starts(str_of(name), STR("part-")))
		return NULL;
	own_fd fd = fd_open_nofollow(dir_fd, name, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 ||
	    !S_ISREG(st.st_mode))
		return NULL; /* in use, or just gone */
	time_t age = time(NULL) - st.st_mtime;
	/* a young private file may not have its lock yet */
	if (age < 0 || (uint64_t)age < (is_session ? sweep->age_s : 60))
		return NULL;
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return err_from_errno(errno, "remove upload %s", name);
	return NULL;
}

/* The space of a file that was swept is free when its last descriptor is closed. */
static void sweep_stash(struct blob_store *s)
{
	struct blob_stash gone[BLOB_STASH];
	size_t n = 0;
	mutex_lock(&s->stash_lock);
	for (size_t i = 0; i < BLOB_STASH; i++) {
		struct blob_stash *e = &s->stash[i];
		struct stat st;
		if (e->fd >= 0 && (fstat(e->fd, &st) < 0 || !st.st_nlink)) {
			gone[n++] = *e;
			*e = (struct blob_stash){ .fd = -1 };
		}
	}
	mutex_unlock(&s->stash_lock);
	while (n)
		stash_clear(&gone[--n]);
}

struct err *blob_store_sweep(struct blob_store *s, uint64_t age_s)
{
	struct sweep sweep = { .store = s, .age_s = age_s };
	TRY(blob_each_name(s->upload_fd, ".", sweep_one, &sweep));
	sweep_stash(s);
	return blob_intent_sweep(s);
}
