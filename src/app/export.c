#include "app/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/tar.h"
#include "layer/layer.h"
#include "source/tree.h"

/* --- archives of blobs ---------------------------------------------------------------------- */

struct fd_writer {
	struct writer w;
	int fd; /* borrowed */
};

static struct err *write_fd(struct writer *w, const void *p, size_t len)
{
	return fd_write_all(container_of(w, struct fd_writer, w)->fd, p, len);
}

struct archive {
	struct app_store *store;
	const struct executor_result *r;
	const struct oci_reference *tags;
	size_t n_tags;
	struct tar_writer tar;
	struct oci_digest *written; /* owned */
	size_t n_written, cap_written;
};

static struct err *add_bytes(struct archive *a, const char *path, struct str bytes)
{
	const struct tar_entry e = {
		.type = TAR_FILE, .path = path, .mode = 0644, .size = bytes.len
	};
	TRY(tar_writer_entry(&a->tar, &e));
	return tar_writer_data(&a->tar, bytes.p, bytes.len);
}

static struct err *add_dir(struct archive *a, const char *path)
{
	const struct tar_entry e = { .type = TAR_DIR, .path = path, .mode = 0755 };
	return tar_writer_entry(&a->tar, &e);
}

static struct err *copy_to_tar(struct tar_writer *t, int fd, uint64_t size, const char *what)
{
	enum { PIECE = 256 << 10 };
	own_mem char *piece = mem_grow(NULL, PIECE, 1);
	while (size) {
		size_t got;
		TRY(fd_read_full(fd, piece, (size_t)MIN(size, (uint64_t)PIECE), &got));
		if (!got)
			return err_new(ERR_CORRUPT, "%s is shorter than it was", what);
		TRY(tar_writer_data(t, piece, got));
		size -= got;
	}
	return NULL;
}

static struct err *add_blob(struct archive *a, const struct oci_descriptor *d)
{
	for (size_t i = 0; i < a->n_written; i++)
		if (oci_digest_eq(&a->written[i], &d->digest))
			return NULL;
	mem_reserve_one(a->written, a->n_written, a->cap_written);
	a->written[a->n_written++] = d->digest;
	own_fd fd = -1;
	uint64_t size;
	TRY(blob_store_open_blob(a->store->blobs, &d->digest, &fd, &size));
	struct oci_digest_text text = oci_digest_text(&d->digest);
	own_mem char *path = mem_printf("blobs/sha256/%s", text.s + strlen("sha256:"));
	const struct tar_entry e = { .type = TAR_FILE, .path = path, .mode = 0644, .size = size };
	TRY(tar_writer_entry(&a->tar, &e));
	return copy_to_tar(&a->tar, fd, size, text.s);
}

static struct err *add_blobs(struct archive *a)
{
	TRY(add_dir(a, "blobs"));
	TRY(add_dir(a, "blobs/sha256"));
	for (size_t i = 0; i < a->r->n_images; i++) {
		const struct executor_image *image = &a->r->images[i];
		for (size_t k = 0; k < image->n_layers; k++)
			TRY(add_blob(a, &image->layers[k]));
		TRY(add_blob(a, &image->config));
		TRY(add_blob(a, &image->manifest));
	}
	return add_blob(a, &a->r->top);
}

static void index_entry(struct archive *a, struct buf *b, const struct oci_reference *tag)
{
	const struct oci_descriptor *top = &a->r->top;
	buf_printf(b, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu", top->media_type,
		   oci_digest_text(&top->digest).s, (unsigned long long)top->size);
	if (tag) {
		buf_add(b, STR(",\"annotations\":{\"io.containerd.image.name\":"));
		own_mem char *full = mem_printf("%s%s%s:%s", tag->host, tag->host[0] ? "/" : "",
						tag->repository, tag->tag);
		json_add_str(b, str_of(full));
		buf_add(b, STR(",\"org.opencontainers.image.ref.name\":"));
		json_add_str(b, str_of(tag->tag));
		buf_add_c(b, '}');
	}
	buf_add_c(b, '}');
}

/* SPEC image-spec image-layout.md */
static struct err *add_index(struct archive *a)
{
	struct buf b;
	buf_init(&b, LIMIT_MANIFEST_BYTES);
	buf_printf(&b, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[", OCI_TYPE_INDEX);
	for (size_t i = 0; i < MAX(a->n_tags, 1); i++) {
		if (i)
			buf_add_c(&b, ',');
		index_entry(a, &b, a->n_tags ? &a->tags[i] : NULL);
	}
	buf_add(&b, STR("]}"));
	struct err *e = add_bytes(a, "index.json", buf_str(&b));
	buf_done(&b);
	return e ? e : add_bytes(a, "oci-layout", STR("{\"imageLayoutVersion\":\"1.0.0\"}"));
}

/* What `docker load` reads; the layout beside it is for newer ones. */
static struct err *add_docker_manifest(struct archive *a)
{
	const struct executor_image *image = &a->r->images[0];
	struct buf b;
	buf_init(&b, LIMIT_MANIFEST_BYTES);
	buf_printf(&b, "[{\"Config\":\"blobs/sha256/%s\",\"RepoTags\":[",
		   oci_digest_text(&image->config.digest).s + 7);
	for (size_t i = 0; i < a->n_tags; i++) {
		const struct oci_reference *t = &a->tags[i];
		own_mem char *name = mem_printf("%s%s%s:%s", t->host, t->host[0] ? "/" : "",
						t->repository, t->tag);
		if (i)
			buf_add_c(&b, ',');
		json_add_str(&b, str_of(name));
	}
	buf_add(&b, STR("],\"Layers\":["));
	for (size_t k = 0; k < image->n_layers; k++)
		buf_printf(&b, "%s\"blobs/sha256/%s\"", k ? "," : "",
			   oci_digest_text(&image->layers[k].digest).s + 7);
	buf_add(&b, STR("]}]"));
	struct err *e = add_bytes(a, "manifest.json", buf_str(&b));
	buf_done(&b);
	return e;
}

static struct err *write_archive(struct archive *a, bool docker)
{
	TRY(add_blobs(a));
	TRY(add_index(a));
	if (docker)
		TRY(add_docker_manifest(a));
	return tar_writer_finish(&a->tar);
}

/* --- file systems --------------------------------------------------------------------------- */

struct rootfs {
	struct source_tree *tree;
	const char *prefix;     /* "linux_amd64/"; "" with one platform */
	struct tar_writer *tar; /* or */
	struct layer_fill *fill;
};

static struct err *add_entry(void *arg, const struct source_entry *s)
{
	struct rootfs *f = arg;
	struct tar_entry e = s->e;
	own_fd fd = -1;
	if (!e.path[0] && !f->prefix[0])
		return NULL;
	own_mem char *path = mem_printf("%s%s", f->prefix, e.path);
	own_mem char *link = e.type == TAR_HARDLINK ? mem_printf("%s%s", f->prefix, e.link) : NULL;
	size_t len = strlen(path);
	if (len && path[len - 1] == '/')
		path[len - 1] = '\0';
	e.path = path;
	if (link)
		e.link = link;
	if (e.type == TAR_FILE)
		TRY(source_tree_open_file(f->tree, s->tree_path, &fd));
	if (f->fill) {
		e.uid = e.gid = 0; /* a directory for the user belongs to the user */
		return f->fill->sink.add(&f->fill->sink, &e, false, fd);
	}
	TRY(tar_writer_entry(f->tar, &e));
	return e.type == TAR_FILE ? copy_to_tar(f->tar, fd, e.size, path) : NULL;
}

static struct err *view_of(struct app_store *s, struct layer_store *layers,
			   const struct executor_image *image, int *fd)
{
	own_mem struct layer_name *names = mem_new_array(image->n_layers, struct layer_name);
	for (size_t i = 0; i < image->n_layers; i++) {
		bool found;
		TRY(layer_store_find(layers, &image->diff_ids[i], &found, &names[i]));
		if (!found)
			TRY(layer_unpack(layers, s->blobs, &image->layers[i], &image->diff_ids[i],
					 &names[i]));
	}
	return layer_view(layers, names, image->n_layers, fd);
}

static struct err *add_rootfs(struct app_store *s, struct layer_store *layers,
			      const struct executor_image *image, struct rootfs *f)
{
	own_fd view = -1;
	TRY(view_of(s, layers, image, &view));
	own(source_tree) tree = source_tree_open(view, "the image", NULL, NULL);
	f->tree = tree;
	return source_tree_walk(tree, "", add_entry, f);
}

static char *prefix_of(const struct executor_result *r, size_t i)
{
	if (r->n_images == 1)
		return mem_strdup("");
	char *name = mem_printf("%s/", oci_platform_text(&r->images[i].platform).s);
	for (size_t k = 0; name[k + 1]; k++)
		if (name[k] == '/')
			name[k] = '_';
	return name;
}

static struct err *export_rootfs(struct app_store *s, bool single_id,
				 const struct executor_result *r, const struct output *o)
{
	own(layer_store) layers = NULL;
	struct fd_writer to = { .w.write = write_fd, .fd = o->fd };
	struct tar_writer tar;
	struct layer_fill fill = { .state = NULL };
	TRY(layer_store_open(s->fd, single_id, &layers));
	tar_writer_init(&tar, &to.w);
	if (o->kind == OUTPUT_LOCAL)
		layer_fill_open_dir(fcntl(o->fd, F_DUPFD_CLOEXEC, 3), &fill);
	struct err *e = NULL;
	for (size_t i = 0; i < r->n_images && !e; i++) {
		own_mem char *prefix = prefix_of(r, i);
		struct rootfs f = { .prefix = prefix,
				    .tar = &tar,
				    .fill = fill.state ? &fill : NULL };
		e = add_rootfs(s, layers, &r->images[i], &f);
	}
	if (!e)
		e = fill.state ? layer_fill_finish(&fill) : tar_writer_finish(&tar);
	layer_fill_done(&fill);
	return e;
}

struct err *export_output(struct app_store *s, bool single_id, const struct executor_result *r,
			  const struct oci_reference *tags, size_t n_tags, const struct output *o)
{
	if (o->kind == OUTPUT_REGISTRY)
		return NULL;
	if (o->kind == OUTPUT_TAR || o->kind == OUTPUT_LOCAL)
		return err_wrap(export_rootfs(s, single_id, r, o), "write %s",
				o->dest ? o->dest : "standard output");
	struct fd_writer to = { .w.write = write_fd, .fd = o->fd };
	struct archive a = { .store = s, .r = r, .tags = tags, .n_tags = n_tags };
	tar_writer_init(&a.tar, &to.w);
	struct err *e = write_archive(&a, o->kind == OUTPUT_DOCKER);
	free(a.written);
	return err_wrap(e, "write %s", o->dest ? o->dest : "standard output");
}
