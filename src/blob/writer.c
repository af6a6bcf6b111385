#include "blob/store_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"

struct err *blob_private_name(const char *prefix, char *out, size_t size)
{
	uint64_t random;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_from_errno(errno, "getrandom");
	int n = snprintf(out, size, "%s%016llx", prefix, (unsigned long long)random);
	assert(n > 0 && (size_t)n < size);
	return NULL;
}

/* A file without a name goes by itself when its process does. Where the file system has none, a
 * lock on a named one tells blob_store_sweep() whether its owner lives. */
static struct err *private_open(struct blob_writer *w)
{
	w->fd = fd_open_nofollow(w->store->upload_fd, ".", O_TMPFILE | O_RDWR, 0400);
	if (w->fd >= 0)
		return NULL;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
		return err_from_errno(errno, "make a private file");
	char name[sizeof(w->name)];
	TRY(blob_private_name("part-", name, sizeof(name)));
	w->fd = fd_open_nofollow(w->store->upload_fd, name, O_RDWR | O_CREAT | O_EXCL, 0400);
	if (w->fd < 0)
		return err_from_errno(errno, "make a private file");
	memcpy(w->name, name, sizeof(name));
	if (flock(w->fd, LOCK_EX | LOCK_NB) < 0)
		return err_from_errno(errno, "lock a private file");
	return NULL;
}

struct err *blob_store_begin(struct blob_store *s, struct blob_writer **out)
{
	own(blob_writer) w = mem_new(struct blob_writer);
	*w = (struct blob_writer){ .store = s, .fd = -1 };
	sha256_init(&w->h256);
	TRY(private_open(w));
	*out = move(w);
	return NULL;
}

struct err *blob_writer_write(struct blob_writer *w, const void *p, size_t len)
{
	assert(w->state == BLOB_WRITING);
	struct err *e = fd_pwrite_all(w->fd, p, len, w->size);
	if (e) {
		/* a piece may be there: a session goes on at what was hashed */
		if (ftruncate(w->fd, (off_t)w->size) < 0)
			w->state = BLOB_ENDED;
		return err_wrap(e, "blob");
	}
	sha256_update(&w->h256, p, len);
	if (w->is_session)
		sha512_update(&w->h512, p, len);
	w->size += len;
	return NULL;
}

uint64_t blob_writer_size(const struct blob_writer *w)
{
	return w->size;
}

static struct err *writer_digest(struct blob_writer *w, enum oci_digest_alg alg,
				 struct oci_digest *d)
{
	if (alg == OCI_SHA256) {
		*d = oci_digest_of_sha256(sha256_final(&w->h256));
		return NULL;
	}
	if (!w->is_session)
		return blob_fd_digest(w->fd, alg, d);
	*d = (struct oci_digest){ .alg = alg };
	memcpy(d->raw, sha512_final(&w->h512).b, SHA512_BYTES);
	return NULL;
}

/* From its intent into place, so that there is no blob that a flush does not know of. */
static struct err *place(struct blob_store *s, const struct blob_intent *i,
			 const struct oci_digest *d, bool *there)
{
	struct blob_path path = blob_path_of(d);
	*there = false;
	for (int attempt = 0; attempt < 2; attempt++) {
		if (linkat(s->intent_fd, i->name, s->blobs_fd, path.file, 0) == 0)
			return NULL;
		if (errno != ENOENT || attempt)
			break;
		if ((mkdirat(s->blobs_fd, oci_digest_alg_name(d->alg), 0700) < 0 &&
		     errno != EEXIST) ||
		    (mkdirat(s->blobs_fd, path.dir, 0700) < 0 && errno != EEXIST))
			return err_from_errno(errno, "make directory %s", path.dir);
	}
	*there = errno == EEXIST;
	return *there ? NULL : err_from_errno(errno, "link");
}

/* In place of a file of another size: a disk that lost bytes is mended by the next push. */
static struct err *replace(struct blob_store *s, const struct blob_intent *i,
			   const struct oci_digest *d)
{
	char name[BLOB_SESSION_ID];
	TRY(blob_private_name("part-", name, sizeof(name)));
	if (linkat(s->intent_fd, i->name, s->upload_fd, name, 0) < 0)
		return err_from_errno(errno, "link");
	if (renameat(s->upload_fd, name, s->blobs_fd, blob_path_of(d).file) < 0) {
		struct err *e = err_from_errno(errno, "rename");
		unlinkat(s->upload_fd, name, 0);
		return e;
	}
	return NULL;
}

static struct err *is_whole(struct blob_writer *w, const struct oci_digest *d, bool *whole)
{
	uint64_t size;
	TRY(blob_store_stat(w->store, d, whole, &size));
	*whole = *whole && size == w->size;
	return NULL;
}

/* A session's name goes before the blob appears: nobody appends to a blob, whatever is killed. */
static struct err *publish(struct blob_writer *w, const struct oci_digest *d)
{
	struct blob_store *s = w->store;
	bool whole, there;
	TRY(is_whole(w, d, &whole));
	if (whole)
		return NULL;
	if (w->name[0] && fchmod(w->fd, 0400) < 0)
		return err_from_errno(errno, "change mode");
	struct blob_intent intent;
	TRY(blob_intent_add(w, d, &intent));
	if (w->name[0])
		unlinkat(s->upload_fd, w->name, 0);
	w->name[0] = '\0';
	struct err *e = place(s, &intent, d, &there);
	if (!e && there)
		e = is_whole(w, d, &whole);
	if (!e && there && !whole)
		e = replace(s, &intent, d);
	if (e || whole)
		blob_intent_drop(s, &intent);
	return e;
}

struct err *blob_writer_commit(struct blob_writer *w, const struct oci_digest *want,
			       struct oci_digest *got)
{
	assert(w->state == BLOB_WRITING);
	w->state = BLOB_ENDED;
	struct oci_digest d;
	TRY(writer_digest(w, want ? want->alg : OCI_SHA256, &d));
	if (want && !oci_digest_eq(want, &d))
		return err_new(ERR_INVALID, "content is %s, expected %s", oci_digest_text(&d).s,
			       oci_digest_text(want).s);
	TRY(err_wrap(publish(w, &d), "commit blob %s", oci_digest_text(&d).s));
	if (got)
		*got = d;
	return NULL;
}

struct err *blob_store_put(struct blob_store *s, const void *p, size_t len, struct oci_digest *d)
{
	struct oci_digest digest = oci_digest_of_bytes(p, len);
	own(blob_writer) w = NULL;
	bool whole;
	TRY(blob_store_begin(s, &w));
	w->state = BLOB_ENDED;
	w->size = len;
	TRY(is_whole(w, &digest, &whole));
	if (!whole) {
		TRY(err_wrap(fd_pwrite_all(w->fd, p, len, 0), "blob"));
		TRY(err_wrap(publish(w, &digest), "commit blob %s", oci_digest_text(&digest).s));
	}
	*d = digest;
	return NULL;
}

void blob_writer_free(struct blob_writer *w)
{
	if (!w)
		return;
	if (w->state == BLOB_KEPT)
		blob_stash_put(w);
	else if (w->name[0])
		unlinkat(w->store->upload_fd, w->name, 0);
	fd_close_own(&w->fd);
	sha256_done(&w->h256);
	sha512_done(&w->h512);
	free(w);
}
