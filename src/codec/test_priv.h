/* What the tests of this folder share: a writer into memory, and readers with habits. */
#ifndef KILN_CODEC_TEST_PRIV_H
#define KILN_CODEC_TEST_PRIV_H

#include <dirent.h>

#include "base/fd.h"
#include "base/test.h"
#include "codec/io.h"

struct buf_writer {
	struct writer base;
	struct buf b;
	size_t n_writes, largest;
	bool fail; /* every write from now on */
};

static inline struct err *buf_writer_write(struct writer *w, const void *p, size_t len)
{
	struct buf_writer *bw = container_of(w, struct buf_writer, base);
	if (bw->fail)
		return err_new(ERR_UNAVAILABLE, "the disk is gone");
	buf_add(&bw->b, str_n(p, len));
	bw->n_writes++;
	bw->largest = MAX(bw->largest, len);
	return NULL;
}

static inline void buf_writer_init(struct buf_writer *bw)
{
	*bw = (struct buf_writer){ .base = { .write = buf_writer_write } };
	buf_init(&bw->b, (size_t)64 << 20);
}

static inline void buf_writer_done(struct buf_writer *bw)
{
	buf_done(&bw->b);
}

/* Gives memory in pieces of at most `piece` bytes. */
struct slow_reader {
	struct reader base;
	struct str left;
	size_t piece;
};

static inline struct err *slow_reader_read(struct reader *r, void *p, size_t len, size_t *got)
{
	struct slow_reader *s = container_of(r, struct slow_reader, base);
	*got = MIN(MIN(len, s->piece), s->left.len);
	if (*got)
		memcpy(p, s->left.p, *got);
	s->left = str_skip(s->left, *got);
	return NULL;
}

static inline struct slow_reader slow_reader(struct str s, size_t piece)
{
	return (struct slow_reader){ .base = { .read = slow_reader_read },
				     .left = s,
				     .piece = piece };
}

/* Adds all that `r` gives to `out`, asking for `ask` bytes at a time. */
static inline struct err *read_all(struct reader *r, size_t ask, struct buf *out)
{
	own_mem char *p = mem_grow(NULL, ask, 1);
	for (;;) {
		size_t got;
		TRY(r->read(r, p, ask, &got));
		if (!got)
			return NULL;
		buf_add(out, str_n(p, got));
	}
}

/* Runs every input that the fuzzers start from: its name says what becomes of it. Returns their
 * number. */
static inline size_t check_corpus(const char *folder, struct err *(*run)(struct str input))
{
	own_mem char *path = mem_printf("%s/%s", KILN_TEST_CORPUS, folder);
	size_t n = 0;
	DIR *dir = opendir(path);
	EXPECT(dir != NULL);
	for (struct dirent *d; (d = readdir(dir));) {
		bool accept = str_starts(str_of(d->d_name), STR("accept-"));
		if (!accept && !str_starts(str_of(d->d_name), STR("reject-")))
			continue;
		own_mem char *text = NULL;
		size_t len;
		EXPECT_OK(fd_read_path(dirfd(dir), d->d_name, 1 << 20, &text, &len));
		own(err) e = run(str_n(text, len));
		if (accept != !e)
			fail_msg("%s: %s", d->d_name, e ? e->what : "was accepted");
		n++;
	}
	closedir(dir);
	return n;
}

/* Bytes that compress somewhat, the same for the same seed. */
static inline void add_noise(struct buf *b, size_t len, uint32_t seed)
{
	while (len--) {
		seed = seed * 1664525 + 1013904223;
		buf_add_c(b, seed >> 31 ? 'x' : (char)(seed >> 24));
	}
}

#endif
