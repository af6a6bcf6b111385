/* Byte streams: what a decoder pulls from, whatever is behind it. */
#ifndef KILN_CODEC_IO_H
#define KILN_CODEC_IO_H

#include "base/err.h"
#include "base/str.h"

struct reader {
	/* Up to `len` bytes into `p`; `*got` is 0 only at the end. Blocks. */
	struct err *(*read)(struct reader *r, void *p, size_t len, size_t *got);
	void (*free)(struct reader *r); /* gives back what the reader owns, itself included */
};

void reader_free(struct reader *r); /* NULL is fine */
OWN_DECLARE(reader);
/* Reads until `len` bytes or the end. */
struct err *reader_full(struct reader *r, void *p, size_t len, size_t *got);

/* Over a file from its current offset; `fd` is borrowed and must outlive the reader. */
struct reader *reader_fd(int fd);
/* Over memory, which is borrowed. */
struct reader *reader_mem(struct str s);
/* Passes `under` (borrowed) on unchanged, after looking at its first bytes: decompresses gzip (all
 * members, SPEC RFC 1952) by ISA-L, zstd (all frames, window at most 128 MiB) by libzstd, anything
 * else as it is. Trailing zero bytes behind a gzip member are ignored; other trailing garbage, a
 * truncated stream or a wrong checksum is ERR_CORRUPT. More than `max` bytes coming out is
 * ERR_LIMIT that says "unpacks to more than". */
struct err *reader_decompress(struct reader *under, uint64_t max, struct reader **out);

struct writer {
	struct err *(*write)(struct writer *w, const void *p, size_t len);
};

#endif
