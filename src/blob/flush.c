/* Which blobs may not be on the disk yet, known to every process and over every crash.
 *
 * A commit gives its file a name in uploads/unflushed/BOOT first, its *intent* ALG-HEX.RANDOM, and
 * links the intent to its place in blobs/. A flush syncs the files of all intents, then the
 * directories, then removes the intents.
 *
 * 1. A blob without an intent is on the disk. So a flush covers what other processes committed too,
 * also those that were killed, and costs nothing when there is nothing.
 * 2. An intent goes only after its file was seen in blobs/, before the directories were synced.
 * 3. BOOT is the kernel's boot id. Intents of another boot are blobs that a power loss may have
 * broken: opening the store reads them again, and removes what does not match its name. */
#include "blob/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

static int link_file(const struct blob_writer *w, const char *name)
{
	struct blob_store *s = w->store;
	if (w->name[0])
		return linkat(s->upload_fd, w->name, s->intent_fd, name, 0);
	if (linkat(w->fd, "", s->intent_fd, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM && errno != EINVAL)
		return -1;
	char path[40]; /* before Linux 6.10 only root may do the above */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->fd);
	return linkat(AT_FDCWD, path, s->intent_fd, name, AT_SYMLINK_FOLLOW);
}

struct err *blob_intent_add(struct blob_writer *w, const struct oci_digest *d,
			    struct blob_intent *out)
{
	struct oci_digest_text text = oci_digest_text(d);
	*strchr(text.s, ':') = '-';
	struct blob_intent i;
	char prefix[sizeof(text.s) + 1];
	snprintf(prefix, sizeof(prefix), "%s.", text.s);
	TRY(blob_private_name(prefix, i.name, sizeof(i.name)));
	if (link_file(w, i.name) < 0)
		return err_from_errno(errno, "link");
	*out = i;
	return NULL;
}

void blob_intent_drop(struct blob_store *s, const struct blob_intent *i)
{
	unlinkat(s->intent_fd, i->name, 0);
}

static bool intent_parse(const char *name, struct oci_digest *d)
{
	struct str text = str_of(name);
	ptrdiff_t dash = str_chr(text, '-'), dot = str_rchr(text, '.');
	if (dash < 0 || dot < dash)
		return false;
	own_mem char *digest = str_dup(str_first(text, (size_t)dot));
	digest[dash] = ':';
	own(err) e = oci_digest_parse(str_of(digest), d);
	return !e;
}

/* A blob that was committed and may not be on the disk. */
struct unflushed {
	char *name; /* owned; of the intent */
	int fd;     /* owned */
	struct oci_digest digest;
	bool lost; /* its bytes did not reach the disk */
	bool keep; /* the intent: the blob may not be there after a power loss */
};

struct flush {
	struct blob_store *store;
	struct unflushed *v; /* owned */
	size_t n, cap;
	uint64_t bytes;
	bool more; /* than one batch */
};

static void flush_done(struct flush *f)
{
	for (size_t i = 0; i < f->n; i++) {
		fd_close_own(&f->v[i].fd);
		free(f->v[i].name);
	}
	free(f->v);
}

static bool is_placed(struct blob_store *s, const struct oci_digest *d, const struct stat *file)
{
	struct stat st;
	return fstatat(s->blobs_fd, blob_path_of(d).file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

static bool is_stale(const struct stat *st)
{
	return time(NULL) - st->st_ctime > BLOB_STALE_S;
}

static struct err *flush_collect(void *arg, int dir_fd, const char *name)
{
	struct flush *f = arg;
	struct oci_digest d;
	if (f->n == BLOB_BATCH) {
		f->more = true;
		return NULL;
	}
	if (!intent_parse(name, &d))
		return NULL;
	own_fd fd = fd_open_nofollow(dir_fd, name, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	if (fd < 0 && errno == ENOENT)
		return NULL; /* another flush was there */
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_from_errno(errno, "open %s", name);
	if (!is_placed(f->store, &d, &st)) {
		if (is_stale(&st))
			unlinkat(dir_fd, name, 0);
		return NULL;
	}
	f->bytes += (uint64_t)st.st_size;
	mem_reserve_one(f->v, f->n, f->cap);
	f->v[f->n++] =
		(struct unflushed){ .name = mem_strdup(name), .fd = fd_move(&fd), .digest = d };
	return NULL;
}

/* A file whose sync failed is not asked again: the kernel may have dropped its pages and would say
 * yes. The blob goes. */
static struct err *flush_files(struct flush *f)
{
	struct err *first = NULL;
	for (size_t i = 0; i < f->n; i++)
		sync_file_range(f->v[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* all at once */
	for (size_t i = 0; i < f->n; i++) {
		struct unflushed *u = &f->v[i];
		if (fdatasync(u->fd) == 0)
			continue;
		err_keep(&first,
			 err_from_errno(errno, "sync blob %s", oci_digest_text(&u->digest).s));
		u->lost = true;
		err_keep(&first, blob_store_remove(f->store, &u->digest));
	}
	return first;
}

static struct err *sync_dir(struct blob_store *s, const char *path)
{
	own_fd fd = fd_open_nofollow(s->blobs_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_from_errno(errno, "open directory %s", path);
	return fd_sync(fd, path);
}

static int by_digest(const void *a, const void *b)
{
	const struct unflushed *x = a, *y = b;
	return x->digest.alg != y->digest.alg
		       ? (int)x->digest.alg - (int)y->digest.alg
		       : memcmp(x->digest.raw, y->digest.raw, sizeof(x->digest.raw));
}

static struct err *flush_dirs(struct flush *f)
{
	qsort(f->v, f->n, sizeof(*f->v), by_digest);
	char last[sizeof(((struct blob_path *)0)->dir)] = "";
	for (size_t i = 0; i < f->n; i++) {
		struct blob_path path = blob_path_of(&f->v[i].digest);
		if (strcmp(path.dir, last) == 0)
			continue;
		TRY(sync_dir(f->store, path.dir));
		if (strncmp(path.dir, last, strlen("sha256/")) != 0)
			TRY(sync_dir(f->store, oci_digest_alg_name(f->v[i].digest.alg)));
		memcpy(last, path.dir, sizeof(last));
	}
	return fd_sync(f->store->blobs_fd, "blobs");
}

/* Bytes that wait for the disk, of the whole machine; UINT64_MAX if nobody knows. */
static uint64_t dirty_bytes(void)
{
	own_mem char *text = NULL;
	size_t len;
	own(err) e = fd_read_path(AT_FDCWD, "/proc/meminfo", 64 << 10, &text, &len);
	const char *line = e ? NULL : strstr(text, "\nDirty:");
	return line ? strtoull(line + strlen("\nDirty:"), NULL, 10) << 10 : UINT64_MAX;
}

/* One syncfs(2) is one commit of the file system's journal where file by file is a dozen (10 blobs:
 * 4 ms for 30), but it also waits for what others wrote: a base image that was just unpacked. When
 * it fails, asking file by file tells which one did. */
static bool flush_at_once(const struct flush *f)
{
	return f->n > 2 && dirty_bytes() <= f->bytes + BLOB_SYNCFS_BYTES &&
	       syncfs(f->store->blobs_fd) == 0;
}

static struct err *flush_one_by_one(struct flush *f)
{
	struct err *e = flush_files(f);
	struct err *dirs = flush_dirs(f);
	for (size_t i = 0; dirs && i < f->n; i++)
		f->v[i].keep = !f->v[i].lost;
	err_keep(&e, dirs);
	return e;
}

static struct err *flush_batch(struct blob_store *s, bool *more)
{
	done(flush) f = { .store = s };
	TRY(blob_each_name(s->intent_fd, ".", flush_collect, &f));
	*more = f.more;
	if (!f.n)
		return NULL;
	struct err *e = flush_at_once(&f) ? NULL : flush_one_by_one(&f);
	for (size_t i = 0; i < f.n; i++)
		if (!f.v[i].keep)
			unlinkat(s->intent_fd, f.v[i].name, 0);
	return e;
}

static struct err *flush_all(struct blob_store *s)
{
	bool more = true;
	while (more)
		TRY(flush_batch(s, &more));
	return NULL;
}

/* Those who come while a flush runs share the next one. */
struct err *blob_store_flush(struct blob_store *s)
{
	mutex_lock(&s->flush_lock);
	uint64_t mine = s->flushes_begun + 1;
	while (s->flushing && s->flushes_begun <= mine)
		cond_wait(&s->flush_ended, &s->flush_lock);
	if (s->flushes_begun >= mine) {
		bool failed = s->last_failed >= mine;
		mutex_unlock(&s->flush_lock);
		return failed ? err_new(ERR_UNAVAILABLE, "the flush of the blob store failed")
			      : NULL;
	}
	s->flushes_begun++;
	s->flushing = true;
	mutex_unlock(&s->flush_lock);
	struct err *e = flush_all(s);
	hold(&s->flush_lock);
	s->flushing = false;
	if (e)
		s->last_failed = s->flushes_begun;
	cond_broadcast(&s->flush_ended);
	return err_wrap(e, "flush the blob store");
}

static struct err *sweep_intent(void *arg, int dir_fd, const char *name)
{
	struct blob_store *s = arg;
	struct oci_digest d;
	struct stat st;
	if (intent_parse(name, &d) && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_stale(&st) && !is_placed(s, &d, &st))
		unlinkat(dir_fd, name, 0);
	return NULL;
}

struct err *blob_intent_sweep(struct blob_store *s)
{
	return blob_each_name(s->intent_fd, ".", sweep_intent, s);
}

/* Whole ones become intents of this boot: the next flush syncs them. */
static struct err *recover_intent(void *arg, int dir_fd, const char *name)
{
	struct blob_store *s = arg;
	struct oci_digest d, is;
	own_fd fd = -1;
	if (intent_parse(name, &d) && (fd = fd_open_nofollow(s->blobs_fd, blob_path_of(&d).file,
							     O_RDONLY | O_NONBLOCK, 0)) >= 0) {
		TRY(blob_fd_digest(fd, d.alg, &is));
		if (!oci_digest_eq(&d, &is))
			TRY(blob_store_remove(s, &d));
		else if (renameat(dir_fd, name, s->intent_fd, name) == 0)
			return NULL;
	}
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return err_from_errno(errno, "remove %s", name);
	return NULL;
}

struct recovery {
	struct blob_store *store;
	const char *boot;
};

static struct err *recover_boot(void *arg, int dir_fd, const char *name)
{
	struct recovery *r = arg;
	if (strcmp(name, r->boot) == 0)
		return NULL;
	TRY(blob_each_name(dir_fd, name, recover_intent, r->store));
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return err_from_errno(errno, "remove %s", name);
	return NULL;
}

static void boot_id(char out[40])
{
	own_mem char *text = NULL;
	size_t len;
	own(err) e = fd_read_path(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 256, &text, &len);
	struct str id = e ? STR("") : str_trim(str_n(text, len));
	if (id.len != 36 || str_has_nul(id) || str_chr(id, '/') >= 0 || str_chr(id, '.') >= 0)
		id = STR("unknown");
	memcpy(out, id.p, id.len);
	out[id.len] = '\0';
}

struct err *blob_flush_init(struct blob_store *s, int data_fd)
{
	char boot[40];
	boot_id(boot);
	own_fd all = -1;
	TRY(fd_make_dirs(s->upload_fd, "unflushed", 0700, &all));
	bool first = mkdirat(all, boot, 0700) == 0;
	if (!first && errno != EEXIST)
		return err_from_errno(errno, "make directory uploads/unflushed/%s", boot);
	TRY(fd_make_dirs(all, boot, 0700, &s->intent_fd));
	struct recovery r = { .store = s, .boot = boot };
	TRY(err_wrap(blob_each_name(all, ".", recover_boot, &r), "look at what was not flushed"));
	if (first) { /* the directories may be new */
		TRY(fd_sync(all, "uploads/unflushed"));
		TRY(fd_sync(s->upload_fd, "uploads"));
		TRY(fd_sync(data_fd, "data directory"));
	}
	return NULL;
}
