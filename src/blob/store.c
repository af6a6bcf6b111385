#include "blob/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

struct blob_path blob_path_of(const struct oci_digest *d)
{
	struct oci_digest_text text = oci_digest_text(d);
	const char *hex = strchr(text.s, ':') + 1;
	struct blob_path p;
	snprintf(p.dir, sizeof(p.dir), "%s/%.2s", oci_digest_alg_name(d->alg), hex);
	snprintf(p.file, sizeof(p.file), "%s/%s", p.dir, hex);
	return p;
}

struct err *blob_store_open(int data_fd, struct blob_store **out)
{
	own(blob_store) s = mem_new(struct blob_store);
	s->blobs_fd = s->upload_fd = s->intent_fd = -1;
	mutex_init(&s->flush_lock);
	cond_init(&s->flush_ended);
	mutex_init(&s->stash_lock);
	for (size_t i = 0; i < BLOB_STASH; i++)
		s->stash[i].fd = -1;
	TRY(fd_make_dirs(data_fd, "blobs", 0700, &s->blobs_fd));
	TRY(fd_make_dirs(data_fd, "uploads", 0700, &s->upload_fd));
	TRY(blob_flush_init(s, data_fd));
	*out = move(s);
	return NULL;
}

void blob_store_free(struct blob_store *s)
{
	if (!s)
		return;
	blob_stash_done(s);
	mutex_done(&s->stash_lock);
	cond_done(&s->flush_ended);
	mutex_done(&s->flush_lock);
	fd_close_own(&s->intent_fd);
	fd_close_own(&s->upload_fd);
	fd_close_own(&s->blobs_fd);
	free(s);
}

struct err *blob_store_stat(struct blob_store *s, const struct oci_digest *d, bool *found,
			    uint64_t *size_bytes)
{
	struct blob_path path = blob_path_of(d);
	struct stat st;
	if (fstatat(s->blobs_fd, path.file, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_from_errno(errno, "blob %s", oci_digest_text(d).s);
		*found = false;
		return NULL;
	}
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_CORRUPT, "blob %s is not a file", oci_digest_text(d).s);
	*found = true;
	if (size_bytes)
		*size_bytes = (uint64_t)st.st_size;
	return NULL;
}

struct err *blob_store_open_blob(struct blob_store *s, const struct oci_digest *d, int *fd,
				 uint64_t *size_bytes)
{
	own_fd opened = fd_open_nofollow(s->blobs_fd, blob_path_of(d).file,
					 O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (opened < 0)
		return err_from_errno(errno, "blob %s", oci_digest_text(d).s);
	struct stat st;
	if (fstat(opened, &st) < 0)
		return err_from_errno(errno, "blob %s", oci_digest_text(d).s);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_CORRUPT, "blob %s is not a file", oci_digest_text(d).s);
	if (size_bytes)
		*size_bytes = (uint64_t)st.st_size;
	*fd = fd_move(&opened);
	return NULL;
}

struct err *blob_fd_digest(int fd, enum oci_digest_alg alg, struct oci_digest *d)
{
	enum { PIECE = 128 << 10 };
	own_mem char *p = mem_grow(NULL, PIECE, 1);
	done(sha256) h256;
	done(sha512) h512;
	sha256_init(&h256);
	sha512_init(&h512);
	uint64_t at = 0;
	for (size_t got = 1; got; at += got) {
		TRY(fd_pread_full(fd, p, PIECE, at, &got));
		if (alg == OCI_SHA256)
			sha256_update(&h256, p, got);
		else
			sha512_update(&h512, p, got);
	}
	*d = (struct oci_digest){ .alg = alg };
	if (alg == OCI_SHA256)
		*d = oci_digest_of_sha256(sha256_final(&h256));
	else
		memcpy(d->raw, sha512_final(&h512).b, SHA512_BYTES);
	return NULL;
}

struct err *blob_store_read(struct blob_store *s, const struct oci_digest *d, size_t max,
			    char **out, size_t *len)
{
	own_fd fd = -1;
	uint64_t size;
	TRY(blob_store_open_blob(s, d, &fd, &size));
	if (size > max)
		return err_new(ERR_LIMIT, "blob %s has %llu bytes, more than the %zu that are read",
			       oci_digest_text(d).s, (unsigned long long)size, max);
	own_mem char *p = NULL;
	size_t n;
	TRY(err_wrap(fd_read_file(fd, max, &p, &n), "blob %s", oci_digest_text(d).s));
	struct oci_digest is = oci_digest_of_bytes(p, n);
	if (d->alg != OCI_SHA256)
		TRY(blob_fd_digest(fd, d->alg, &is));
	if (!oci_digest_eq(d, &is))
		return err_new(ERR_CORRUPT, "blob %s holds other bytes", oci_digest_text(d).s);
	*out = move(p);
	*len = n;
	return NULL;
}

struct err *blob_store_remove(struct blob_store *s, const struct oci_digest *d)
{
	if (unlinkat(s->blobs_fd, blob_path_of(d).file, 0) < 0 && errno != ENOENT)
		return err_from_errno(errno, "remove blob %s", oci_digest_text(d).s);
	return NULL;
}

struct err *blob_each_name(int dir_fd, const char *path,
			   struct err *(*each)(void *arg, int dir_fd, const char *name), void *arg)
{
	int fd = fd_open_nofollow(dir_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return errno == ENOENT ? NULL : err_from_errno(errno, "open directory %s", path);
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_from_errno(errno, "open directory %s", path);
	}
	struct err *e = NULL;
	for (;;) {
		errno = 0;
		struct dirent *d = e ? NULL : readdir(dir);
		if (!d)
			break;
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			e = each(arg, fd, d->d_name);
	}
	if (!e && errno)
		e = err_from_errno(errno, "read directory %s", path);
	closedir(dir);
	return e;
}

struct each {
	enum oci_digest_alg alg;
	struct err *(*fn)(void *arg, const struct oci_digest *d, uint64_t size_bytes);
	void *arg;
};

static struct err *each_file(void *arg, int dir_fd, const char *name)
{
	struct each *each = arg;
	own_mem char *text = mem_printf("%s:%s", oci_digest_alg_name(each->alg), name);
	struct oci_digest d;
	own(err) foreign = oci_digest_parse(str_of(text), &d);
	struct stat st;
	if (foreign || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return NULL; /* not ours, or just removed */
	return each->fn(each->arg, &d, (uint64_t)st.st_size);
}

static struct err *each_fan(void *arg, int dir_fd, const char *name)
{
	return strlen(name) == 2 ? blob_each_name(dir_fd, name, each_file, arg) : NULL;
}

struct err *blob_store_each(struct blob_store *s,
			    struct err *(*each)(void *arg, const struct oci_digest *d,
						uint64_t size_bytes),
			    void *arg)
{
	static const enum oci_digest_alg algs[] = { OCI_SHA256, OCI_SHA512 };
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		struct each e = { .alg = algs[i], .fn = each, .arg = arg };
		TRY(blob_each_name(s->blobs_fd, oci_digest_alg_name(algs[i]), each_fan, &e));
	}
	return NULL;
}
