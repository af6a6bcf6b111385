#include "layer/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "layer/layer_priv.h"

#define PIECE_BYTES ((size_t)256 << 10)

/* --- the digest of what passes --- */

struct hash_reader {
	struct reader base;
	struct reader *under; /* borrowed */
	enum oci_digest_alg alg;
	struct sha256 sha256;
	struct sha512 sha512;
};

static struct err *hash_read(struct reader *r, void *p, size_t len, size_t *got)
{
	struct hash_reader *h = container_of(r, struct hash_reader, base);
	TRY(h->under->read(h->under, p, len, got));
	if (h->alg == OCI_SHA256)
		sha256_update(&h->sha256, p, *got);
	else
		sha512_update(&h->sha512, p, *got);
	return NULL;
}

static void hash_init(struct hash_reader *h, enum oci_digest_alg alg, struct reader *under)
{
	*h = (struct hash_reader){ .base.read = hash_read, .under = under, .alg = alg };
	sha256_init(&h->sha256);
	sha512_init(&h->sha512);
}

static void hash_reader_done(struct hash_reader *h)
{
	sha256_done(&h->sha256);
	sha512_done(&h->sha512);
}

static struct oci_digest hash_final(struct hash_reader *h)
{
	if (h->alg == OCI_SHA256)
		return oci_digest_of_sha256(sha256_final(&h->sha256));
	struct oci_digest d = { .alg = OCI_SHA512 };
	struct sha512_sum sum = sha512_final(&h->sha512);
	memcpy(d.raw, sum.b, sizeof(sum.b));
	return d;
}

/* --- entries --- */

struct unpack {
	struct layer_bytes bytes;
	struct tar_reader *tar; /* borrowed */
	struct layer_place place;
	const struct layer_unpack_limits *limits;
	uint64_t n_entries, n_bytes;
	char *piece; /* owned; PIECE_BYTES */
};

static void unpack_done(struct unpack *u)
{
	layer_place_done(&u->place);
	free(u->piece);
}

static struct err *copy_entry(struct layer_bytes *base, int to_fd, uint64_t size)
{
	struct unpack *u = container_of(base, struct unpack, bytes);
	while (size) {
		size_t got;
		TRY(tar_reader_read(u->tar, u->piece, (size_t)MIN(size, PIECE_BYTES), &got));
		if (!got)
			return err_new(ERR_CORRUPT, "the archive ends within the file");
		TRY(fd_write_all(to_fd, u->piece, got));
		size -= got;
	}
	return NULL;
}

/* Is a component of the first `len` bytes a name that layers reserve? `*aufs`: one of those that
 * aufs made for itself. */
static bool parent_is_reserved(const char *path, size_t len, bool *aufs)
{
	struct str rest = str_n(path, len);
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		*aufs = str_starts(part, STR(".wh..wh."));
		if (str_starts(part, STR(".wh.")))
			return true;
	}
	return false;
}

/* ".wh.NAME" hides NAME, ".wh..wh..opq" all that is below its directory. */
static struct err *add_whiteout(struct unpack *u, struct layer_path *path)
{
	struct str name = str_of(path->name);
	if (str_eq(name, STR(".wh..wh..opq")))
		return layer_place_opaque(&u->place, path->s, path->parent_len);
	if (str_starts(name, STR(".wh..wh."))) /* aufs's own, means nothing here */
		return NULL;
	name = str_skip(name, strlen(".wh."));
	if (!name.len || str_eq(name, STR(".")) || str_eq(name, STR("..")))
		return err_new(ERR_INVALID, "%s: a whiteout of no name", path->s);
	memmove((char *)path->name, name.p, name.len + 1);
	return layer_place_whiteout(&u->place, path);
}

static struct err *add_entry(struct unpack *u, const struct tar_entry *e)
{
	if (++u->n_entries + u->place.n_implied > u->limits->entries)
		return err_new(ERR_LIMIT, "more than %llu files in one layer",
			       (unsigned long long)u->limits->entries);
	if (e->type == TAR_FILE && u->limits->room) {
		if (e->size > u->limits->room - u->n_bytes)
			return err_new(
				ERR_LIMIT,
				"%s: the layer has more than the %llu bytes that are free in the "
				"data directory (free some, or choose another with --data)",
				e->path, (unsigned long long)u->limits->room);
		u->n_bytes += e->size;
	}
	struct layer_path path;
	bool aufs = false;
	TRY(layer_path_clean(e->path, &path));
	if (path.parent_len && parent_is_reserved(path.s, path.parent_len, &aufs))
		return aufs ? NULL
			    : err_new(ERR_INVALID, "%s: a whiteout has nothing below it", path.s);
	if (str_starts(str_of(path.name), STR(".wh.")))
		return add_whiteout(u, &path);
	return layer_place_add(&u->place, &path, e, false, &u->bytes);
}

static struct err *add_all(struct unpack *u)
{
	for (;;) {
		const struct tar_entry *e;
		TRY(tar_reader_next(u->tar, &e));
		if (!e)
			break;
		TRY(add_entry(u, e));
	}
	return layer_place_finish(&u->place);
}

/* The digest covers what stands behind the archive's end too. */
static struct err *read_rest(struct reader *r, char *piece)
{
	for (size_t got = 1; got;)
		TRY(r->read(r, piece, PIECE_BYTES, &got));
	return NULL;
}

static struct err *unpack_into(int dir_fd, struct reader *from,
			       const struct layer_unpack_limits *limits,
			       const struct oci_digest *diff_id)
{
	own(reader) plain = NULL;
	TRY(reader_decompress(from, limits->bytes, &plain));
	done(hash_reader) hash;
	hash_init(&hash, diff_id->alg, plain);
	own(tar_reader) tar = tar_reader_open(&hash.base);
	done(unpack) u = { .bytes.copy = copy_entry, .tar = tar, .limits = limits };
	u.piece = mem_grow(NULL, PIECE_BYTES, 1);
	layer_place_init(&u.place, dir_fd, true);
	TRY(add_all(&u));
	TRY(read_rest(&hash.base, u.piece));
	struct oci_digest is = hash_final(&hash);
	if (oci_digest_eq(&is, diff_id))
		return NULL;
	return err_new(ERR_CORRUPT, "its content is %s, the image says diff id %s",
		       oci_digest_text(&is).s, oci_digest_text(diff_id).s);
}

struct err *layer_unpack_stream(struct layer_store *s, struct reader *from,
				const struct layer_unpack_limits *limits,
				const struct oci_digest *diff_id, struct layer_name *name)
{
	struct layer_name made;
	own_fd dir_fd = -1;
	TRY(layer_store_new(s, &made, &dir_fd));
	struct err *e = unpack_into(dir_fd, from, limits, diff_id);
	if (!e)
		e = layer_store_publish(s, &made, diff_id);
	if (e) {
		struct err *left = layer_store_drop(s, &made);
		if (left)
			log_err(LOG_LEVEL_DEBUG, "layers: unfinished layer not removed", left);
		return e;
	}
	*name = made;
	return NULL;
}

/* --- one thread per layer --- */

static bool is_busy_locked(struct layer_store *s, const struct oci_digest *d, size_t *at)
{
	mutex_assert_held(&s->lock);
	for (*at = 0; *at < s->n_busy; ++*at)
		if (oci_digest_eq(&s->busy[*at], d))
			return true;
	return false;
}

static void begin_work(struct layer_store *s, const struct oci_digest *d)
{
	hold(&s->lock);
	size_t at;
	while (is_busy_locked(s, d, &at))
		cond_wait(&s->unpacked, &s->lock);
	mem_reserve_one(s->busy, s->n_busy, s->cap_busy);
	s->busy[s->n_busy++] = *d;
}

static void end_work(struct layer_store *s, const struct oci_digest *d)
{
	hold(&s->lock);
	size_t at;
	if (is_busy_locked(s, d, &at))
		s->busy[at] = s->busy[--s->n_busy];
	cond_broadcast(&s->unpacked);
}

/* What a header announces is refused before the disk is full of it. Not every file system knows how
 * many files it can take. */
static void look_for_room(struct layer_store *s, struct layer_unpack_limits *limits)
{
	struct statvfs v;
	if (fstatvfs(s->dir_fd, &v) < 0)
		return;
	limits->room = MAX((uint64_t)v.f_bavail * v.f_frsize, (uint64_t)1);
	if (v.f_files)
		limits->entries = MIN(limits->entries, (uint64_t)v.f_favail);
}

static struct err *unpack_blob(struct layer_store *s, struct blob_store *blobs,
			       const struct oci_digest *blob, const struct oci_digest *diff_id,
			       struct layer_name *name)
{
	bool found;
	uint64_t size;
	TRY(layer_store_find(s, diff_id, &found, name));
	if (found) /* another thread or process did it while we waited */
		return NULL;
	own_fd fd = -1;
	TRY(blob_store_open_blob(blobs, blob, &fd, &size));
	struct layer_unpack_limits limits = {
		.bytes =
			MIN(LIMIT_LAYER_BYTES, MAX(LIMIT_INFLATE_FREE, size * LIMIT_INFLATE_RATIO)),
		.entries = LIMIT_LAYER_ENTRIES,
	};
	look_for_room(s, &limits);
	own(reader) from = reader_fd(fd);
	return layer_unpack_stream(s, from, &limits, diff_id, name);
}

struct err *layer_unpack(struct layer_store *s, struct blob_store *blobs,
			 const struct oci_descriptor *layer, const struct oci_digest *diff_id,
			 struct layer_name *name)
{
	begin_work(s, diff_id);
	struct err *e = unpack_blob(s, blobs, &layer->digest, diff_id, name);
	end_work(s, diff_id);
	return err_wrap(e, "unpack layer %s", oci_digest_text(&layer->digest).s);
}
