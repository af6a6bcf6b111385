/* Compression of one stream on several threads, with bytes that do not depend on their number.
 *
 * gzip: the input is cut into blocks of GZIP_BLOCK_BYTES; each becomes one member (SPEC RFC
 * 1952 2.2, "a gzip file consists of a series of members"), header without name and time, made by
 * libdeflate. zstd: the same blocks, each one frame with content size, checksum off. Members come
 * out in order; at most 2 * threads + 2 blocks are in memory. */
#ifndef KILN_CODEC_GZIP_H
#define KILN_CODEC_GZIP_H

#include "codec/io.h"

#define GZIP_BLOCK_BYTES ((size_t)1 << 20)

struct squeeze; /* a compressor */

enum squeeze_kind { SQUEEZE_GZIP, SQUEEZE_ZSTD, SQUEEZE_NONE };

/* Threads that compressors share, so that many streams at once use no more processors than there
 * are. `n` of 0 or 1: compress in the thread that writes. */
struct squeeze_pool;
struct err *squeeze_pool_open(unsigned n_threads, struct squeeze_pool **out);
void squeeze_pool_free(struct squeeze_pool *p);
OWN_DECLARE(squeeze_pool);

/* Compressed bytes go to `out` (borrowed), always from the thread that calls squeeze_write() or
 * squeeze_finish(). `level` is 1 to 12 for gzip (6 usual), 1 to 19 for zstd (3 usual). */
struct err *squeeze_open(struct squeeze_pool *pool, enum squeeze_kind kind, int level,
			 struct writer *out, struct squeeze **s);
struct err *squeeze_write(struct squeeze *s, const void *p, size_t len);
/* Writes what is left; an empty stream is one empty member. No more writes after it. */
struct err *squeeze_finish(struct squeeze *s);
void squeeze_free(struct squeeze *s); /* waits for blocks in work */
OWN_DECLARE(squeeze);

#endif
