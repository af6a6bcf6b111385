/* Any bytes as a tar archive; what was read must be writable, and read back as it was. */
#include <assert.h>
#include <stdlib.h>

#include "codec/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

struct buf_writer {
	struct writer base;
	struct buf b;
};

static struct err *buf_write(struct writer *w, const void *p, size_t len)
{
	buf_add(&container_of(w, struct buf_writer, base)->b, str_n(p, len));
	return NULL;
}

static void check_same(const struct tar_entry *a, const struct tar_entry *b)
{
	assert(a->type == b->type && a->mode == b->mode && a->size == b->size);
	assert(a->uid == b->uid && a->gid == b->gid && a->major == b->major &&
	       a->minor == b->minor);
	assert(a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns);
	assert(strcmp(a->path, b->path) == 0);
	assert(!a->link == !b->link && (!a->link || strcmp(a->link, b->link) == 0));
	assert(a->n_xattrs == b->n_xattrs);
	for (size_t i = 0; i < a->n_xattrs; i++)
		assert(strcmp(a->xattrs[i].name, b->xattrs[i].name) == 0 &&
		       str_eq(a->xattrs[i].value, b->xattrs[i].value));
}

static void check_round_trip(const struct tar_entry *e)
{
	struct buf_writer out = { .base = { .write = buf_write } };
	buf_init(&out.b, (size_t)8 << 20);
	struct tar_writer w;
	tar_writer_init(&w, &out.base);
	struct err *refused = tar_writer_entry(&w, e); /* larger than it may be, for one */
	if (!refused) {
		own(reader) from = reader_mem(buf_str(&out.b));
		own(tar_reader) t = tar_reader_open(from);
		const struct tar_entry *back;
		struct err *bad = tar_reader_next(t, &back);
		assert(!bad && back);
		check_same(e, back);
	}
	err_free(refused);
	buf_done(&out.b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	own(reader) from = reader_mem(str_n((const char *)p, len));
	own(tar_reader) t = tar_reader_open(from);
	const struct tar_entry *e = NULL;
	struct err *bad = NULL;
	for (int i = 0; !(bad = tar_reader_next(t, &e)) && e; i++) {
		char piece[1000];
		size_t got = 1;
		check_round_trip(e);
		while (i % 2 && !bad && got)
			bad = tar_reader_read(t, piece, sizeof(piece), &got);
		if (bad)
			break;
	}
	err_free(bad);
	return 0;
}
