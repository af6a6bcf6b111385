#include "layer/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/layer_priv.h"

#define PIECE_BYTES ((size_t)512 << 10)

struct layer_pack_state {
	struct blob_writer *blob; /* owned; hashes the compressed bytes */
	struct writer to_blob;
	struct squeeze *squeeze; /* owned */
	enum squeeze_kind kind;
	struct sha256 plain; /* of the tar */
	struct writer to_squeeze;
	struct tar_writer tar;
	int64_t epoch_s;
	size_t n_entries;
	char *piece;              /* owned; PIECE_BYTES */
	struct tar_xattr *xattrs; /* owned */
	size_t cap_xattrs;
};

static struct err *write_blob(struct writer *w, const void *p, size_t len)
{
	struct layer_pack_state *s = container_of(w, struct layer_pack_state, to_blob);
	return blob_writer_write(s->blob, p, len);
}

static struct err *write_tar(struct writer *w, const void *p, size_t len)
{
	struct layer_pack_state *s = container_of(w, struct layer_pack_state, to_squeeze);
	sha256_update(&s->plain, p, len);
	return squeeze_write(s->squeeze, p, len);
}

static void state_free(struct layer_pack_state *s)
{
	if (!s)
		return;
	squeeze_free(s->squeeze); /* before the blob it writes to */
	blob_writer_free(s->blob);
	sha256_done(&s->plain);
	free(s->piece);
	free(s->xattrs);
	free(s);
}

/* The bytes of a file, which must be what was announced. */
static struct err *pack_bytes(struct layer_pack_state *s, const struct tar_entry *e, int fd)
{
	struct stat before, after;
	if (fstat(fd, &before) < 0)
		return err_from_errno(errno, "%s: stat", e->path);
	for (uint64_t at = 0; at < e->size;) {
		size_t got;
		TRY(err_wrap(fd_pread_full(fd, s->piece, (size_t)MIN(e->size - at, PIECE_BYTES), at,
					   &got),
			     "%s", e->path));
		if (!got)
			break;
		TRY(tar_writer_data(&s->tar, s->piece, got));
		at += got;
	}
	if (fstat(fd, &after) < 0)
		return err_from_errno(errno, "%s: stat", e->path);
	if ((uint64_t)after.st_size != e->size || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
	    after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
		return err_new(ERR_CONFLICT, "%s: the file changed while it was read", e->path);
	return NULL;
}

/* A whiteout or an opaque mark: an empty file that is the same whenever it is made. */
static struct err *pack_mark(struct layer_pack_state *s, struct str dir, const char *prefix,
			     struct str name)
{
	own_mem char *path = mem_printf(STR_FMT "%s" STR_FMT, STR_ARG(dir), prefix, STR_ARG(name));
	s->n_entries++;
	return tar_writer_entry(&s->tar, &(struct tar_entry){ .type = TAR_FILE, .path = path });
}

/* Attributes that layers carry; the rest is the host's or overlayfs's business. */
static void pack_xattrs(struct layer_pack_state *s, struct tar_entry *e)
{
	size_t n = 0;
	if (e->n_xattrs > s->cap_xattrs) {
		s->xattrs = mem_grow(s->xattrs, e->n_xattrs, sizeof(*s->xattrs));
		s->cap_xattrs = e->n_xattrs;
	}
	for (size_t i = 0; i < e->n_xattrs; i++)
		if (layer_xattr_kept(e->xattrs[i].name))
			s->xattrs[n++] = e->xattrs[i];
	e->xattrs = s->xattrs;
	e->n_xattrs = n;
}

static struct err *pack_entry(struct layer_pack_state *s, const struct tar_entry *given, int fd)
{
	struct tar_entry e = *given;
	if (!e.path[0])
		e.path = "."; /* written as "./" */
	if (e.type != TAR_FILE)
		e.size = 0;
	if (e.mtime_s > s->epoch_s || (e.mtime_s == s->epoch_s && e.mtime_ns)) {
		e.mtime_s = s->epoch_s;
		e.mtime_ns = 0;
	}
	pack_xattrs(s, &e);
	s->n_entries++;
	TRY(tar_writer_entry(&s->tar, &e));
	return e.size ? pack_bytes(s, &e, fd) : NULL;
}

static struct err *pack_add(struct layer_sink *sink, const struct tar_entry *e, bool opaque, int fd)
{
	struct layer_pack_state *s = container_of(sink, struct layer_pack, sink)->state;
	struct str path = str_of(e->path);
	ptrdiff_t slash = str_rchr(path, '/');
	struct str dir = str_first(path, (size_t)(slash + 1));
	struct str name = str_skip(path, (size_t)(slash + 1));
	if (e->type == TAR_CHAR && e->major == 0 && e->minor == 0)
		return pack_mark(s, dir, ".wh.", name);
	if (str_starts(name, STR(".wh.")))
		return err_new(ERR_INVALID,
			       "%s cannot be in an image: names with \".wh.\" mean deletions there",
			       e->path);
	TRY(pack_entry(s, e, fd));
	if (e->type == TAR_DIR && opaque)
		return pack_mark(s, path, path.len ? "/" : "", STR(".wh..wh..opq"));
	return NULL;
}

struct err *layer_pack_open(struct blob_store *blobs, struct squeeze_pool *pool,
			    enum squeeze_kind kind, int64_t epoch_s, struct layer_pack *out)
{
	static const int level[] = { [SQUEEZE_GZIP] = 6, [SQUEEZE_ZSTD] = 3, [SQUEEZE_NONE] = 0 };
	struct layer_pack_state *s = mem_new(struct layer_pack_state);
	*s = (struct layer_pack_state){ .to_blob.write = write_blob,
					.to_squeeze.write = write_tar,
					.kind = kind,
					.epoch_s = epoch_s };
	sha256_init(&s->plain);
	tar_writer_init(&s->tar, &s->to_squeeze);
	struct err *e = blob_store_begin(blobs, &s->blob);
	if (!e)
		e = squeeze_open(pool, kind, level[kind], &s->to_blob, &s->squeeze);
	if (e) {
		state_free(s);
		return err_wrap(e, "pack layer");
	}
	s->piece = mem_grow(NULL, PIECE_BYTES, 1);
	*out = (struct layer_pack){ .sink.add = pack_add, .state = s };
	return NULL;
}

struct err *layer_pack_finish(struct layer_pack *p, struct layer_packed *out)
{
	static const char *const type[] = { [SQUEEZE_GZIP] = OCI_TYPE_LAYER_GZIP,
					    [SQUEEZE_ZSTD] = OCI_TYPE_LAYER_ZSTD,
					    [SQUEEZE_NONE] = OCI_TYPE_LAYER };
	struct layer_pack_state *s = p->state;
	struct layer_packed packed = { .n_entries = s->n_entries };
	TRY(err_wrap(tar_writer_finish(&s->tar), "pack layer"));
	TRY(err_wrap(squeeze_finish(s->squeeze), "pack layer"));
	packed.diff_id = oci_digest_of_sha256(sha256_final(&s->plain));
	packed.descriptor.media_type = type[s->kind];
	packed.descriptor.size = blob_writer_size(s->blob);
	TRY(err_wrap(blob_writer_commit(s->blob, NULL, &packed.descriptor.digest), "pack layer"));
	*out = packed;
	return NULL;
}

void layer_pack_done(struct layer_pack *p)
{
	state_free(p->state);
	p->state = NULL;
}
