#include "layer/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/layer_priv.h"

struct layer_fill_state {
	int root_fd; /* owned */
	struct layer_place place;
};

struct file_bytes {
	struct layer_bytes base;
	int fd; /* borrowed */
};

static struct err *copy_file(struct layer_bytes *base, int to_fd, uint64_t size)
{
	struct file_bytes *b = container_of(base, struct file_bytes, base);
	if (lseek(b->fd, 0, SEEK_SET) < 0) /* another sink may have read it before */
		return err_from_errno(errno, "seek");
	return fd_copy(b->fd, to_fd, size);
}

static struct err *fill_add(struct layer_sink *sink, const struct tar_entry *e, bool opaque, int fd)
{
	struct layer_fill_state *f = container_of(sink, struct layer_fill, sink)->state;
	struct file_bytes bytes = { .base.copy = copy_file, .fd = fd };
	struct layer_path path;
	TRY(layer_path_clean(e->path, &path));
	return layer_place_add(&f->place, &path, e, opaque, &bytes.base);
}

void layer_fill_open_dir(int dir_fd, struct layer_fill *out)
{
	*out = (struct layer_fill){ .sink.add = fill_add,
				    .state = mem_new(struct layer_fill_state) };
	out->state->root_fd = dir_fd;
	layer_place_init(&out->state->place, dir_fd, false);
}

struct err *layer_fill_open(struct layer_store *s, const struct layer_name *name,
			    struct layer_fill *out)
{
	int fd;
	TRY(layer_open_dir(s, name, &fd));
	layer_fill_open_dir(fd, out);
	return NULL;
}

struct err *layer_fill_finish(struct layer_fill *f)
{
	return layer_place_finish(&f->state->place);
}

void layer_fill_done(struct layer_fill *f)
{
	if (!f->state)
		return;
	layer_place_done(&f->state->place);
	fd_close_own(&f->state->root_fd);
	free(f->state);
	f->state = NULL;
}
