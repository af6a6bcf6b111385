/* Input comes in pieces into `in`; small reads are served from `out`, large ones are decoded
 * straight into the caller's memory. Each format is a table of two functions. */
#include "codec/io.h"

#include <isa-l.h>
#include <stdlib.h>
#include <zstd.h>

#define IN_BYTES     ((size_t)64 << 10)
#define OUT_BYTES    ((size_t)128 << 10)
#define ZSTD_LOG_MAX 27 /* a window of 128 MiB */

struct decompressor;

struct format {
	/* Decodes what there is of input, at least one byte unless the stream ends: `*got` is 0
	 * only then. */
	struct err *(*decode)(struct decompressor *d, void *p, size_t len, size_t *got);
};

struct decompressor {
	struct reader base;
	struct reader *under; /* borrowed */
	const struct format *format;
	uint64_t left; /* bytes that may still come out */
	uint64_t max;

	uint8_t *in; /* owned, IN_BYTES */
	size_t in_at, in_len;
	bool in_ended;
	uint8_t *out; /* owned, OUT_BYTES; NULL until a small read */
	size_t out_at, out_len;

	struct inflate_state *inflate; /* owned */
	struct isal_gzip_header header;
	bool in_header;  /* the header of a member is not complete */
	bool between;    /* gzip: the next byte starts a member; zstd: a frame */
	ZSTD_DCtx *zstd; /* owned */
};

static struct err *fill(struct decompressor *d)
{
	if (d->in_at < d->in_len || d->in_ended)
		return NULL;
	d->in_at = d->in_len = 0;
	TRY(d->under->read(d->under, d->in, IN_BYTES, &d->in_len));
	d->in_ended = !d->in_len;
	return NULL;
}

static bool at_end(const struct decompressor *d)
{
	return d->in_ended && d->in_at == d->in_len;
}

static struct err *decode_plain(struct decompressor *d, void *p, size_t len, size_t *got)
{
	size_t n = MIN(len, d->in_len - d->in_at);
	if (!n)
		return d->under->read(d->under, p, len, got);
	memcpy(p, d->in + d->in_at, n);
	d->in_at += n;
	*got = n;
	return NULL;
}

/* Behind the last member: zeros up to the end, as tapes and tar's blocking leave them. */
static struct err *skip_zeros(struct decompressor *d)
{
	do {
		for (; d->in_at < d->in_len; d->in_at++)
			if (d->in[d->in_at])
				return err_new(ERR_CORRUPT, "gzip: garbage behind the data");
		TRY(fill(d));
	} while (!at_end(d));
	return NULL;
}

static struct err *inflate_err(int r)
{
	switch (r) {
	case ISAL_INVALID_WRAPPER:
	case ISAL_UNSUPPORTED_METHOD:
		return err_new(ERR_CORRUPT, "gzip: bad header, or garbage behind the data");
	case ISAL_INCORRECT_CHECKSUM:
		return err_new(ERR_CORRUPT, "gzip: wrong checksum");
	default:
		return err_new(ERR_CORRUPT, "gzip: damaged data");
	}
}

static void give_input(struct decompressor *d)
{
	d->inflate->next_in = d->in + d->in_at;
	d->inflate->avail_in = (uint32_t)(d->in_len - d->in_at);
}

/* isal_inflate() would read the header too, but forgets its flags when the input ends within it. */
static struct err *read_gzip_header(struct decompressor *d)
{
	give_input(d);
	int r = isal_read_gzip_header(d->inflate, &d->header);
	if (r < 0)
		return inflate_err(r);
	d->in_at = d->in_len - d->inflate->avail_in;
	d->in_header = r == ISAL_END_INPUT;
	if (!d->in_header && d->header.flags & 0xe0) /* SPEC RFC 1952 2.3.1.2: reserved */
		return inflate_err(ISAL_INVALID_WRAPPER);
	return NULL;
}

/* One call of ISA-L over the input at hand. */
static struct err *inflate_some(struct decompressor *d, void *p, size_t len, size_t *got)
{
	struct inflate_state *st = d->inflate;
	size_t room = MIN(len, (size_t)UINT32_MAX / 2);
	give_input(d);
	st->next_out = p;
	st->avail_out = (uint32_t)room;
	int r = isal_inflate(st);
	if (r < 0 || r == ISAL_NEED_DICT)
		return inflate_err(r);
	d->in_at = d->in_len - st->avail_in;
	*got = room - st->avail_out;
	d->between = st->block_state == ISAL_BLOCK_FINISH;
	return NULL;
}

static void start_member(struct decompressor *d)
{
	isal_inflate_reset(d->inflate);
	d->inflate->crc_flag = ISAL_GZIP_NO_HDR_VER;
	isal_gzip_header_init(&d->header);
	d->in_header = true;
	d->between = false;
}

static struct err *decode_gzip(struct decompressor *d, void *p, size_t len, size_t *got)
{
	*got = 0;
	while (!*got) {
		TRY(fill(d));
		if (d->between) {
			if (at_end(d))
				return NULL;
			if (!d->in[d->in_at])
				return skip_zeros(d);
			start_member(d);
		}
		bool last = at_end(d), header = d->in_header;
		size_t before = d->in_at;
		TRY(d->in_header ? read_gzip_header(d) : inflate_some(d, p, len, got));
		bool stuck = !*got && !d->between && d->in_at == before && d->in_header == header;
		if (stuck)
			return last ? err_new(ERR_CORRUPT, "gzip: the data is cut short")
				    : inflate_err(ISAL_INVALID_BLOCK);
	}
	return NULL;
}

static struct err *decode_zstd(struct decompressor *d, void *p, size_t len, size_t *got)
{
	ZSTD_outBuffer out = { .dst = p, .size = len };
	while (!out.pos) {
		TRY(fill(d));
		bool last = at_end(d);
		if (last && d->between)
			break;
		ZSTD_inBuffer in = { .src = d->in, .size = d->in_len, .pos = d->in_at };
		size_t r = ZSTD_decompressStream(d->zstd, &out, &in);
		if (ZSTD_isError(r))
			return err_new(ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(r));
		d->in_at = in.pos;
		d->between = r == 0;
		if (last && r && !out.pos)
			return err_new(ERR_CORRUPT, "zstd: the data is cut short");
	}
	*got = out.pos;
	return NULL;
}

static const struct format plain = { decode_plain }, gzip = { decode_gzip }, zstd = { decode_zstd };

/* Decodes and counts: one byte more than allowed is looked for, never given out. */
static struct err *decode(struct decompressor *d, void *p, size_t len, size_t *got)
{
	TRY(d->format->decode(d, p, len, got));
	if (*got > d->left)
		return err_new(ERR_LIMIT, "unpacks to more than %llu bytes",
			       (unsigned long long)d->max);
	d->left -= *got;
	return NULL;
}

static struct err *decompress_read(struct reader *r, void *p, size_t len, size_t *got)
{
	struct decompressor *d = container_of(r, struct decompressor, base);
	if (len >= OUT_BYTES / 2 && d->out_at == d->out_len)
		return decode(d, p, len, got);
	if (d->out_at == d->out_len) {
		if (!d->out)
			d->out = mem_grow(NULL, OUT_BYTES, 1);
		d->out_at = d->out_len = 0;
		TRY(decode(d, d->out, OUT_BYTES, &d->out_len));
	}
	*got = MIN(len, d->out_len - d->out_at);
	memcpy(p, d->out + d->out_at, *got);
	d->out_at += *got;
	return NULL;
}

static void decompress_free(struct reader *r)
{
	struct decompressor *d = container_of(r, struct decompressor, base);
	free(d->in);
	free(d->out);
	free(d->inflate);
	ZSTD_freeDCtx(d->zstd);
	free(d);
}

static void choose_format(struct decompressor *d)
{
	const uint8_t *p = d->in;
	bool four = d->in_len >= 4;
	if (d->in_len >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		d->format = &gzip;
		d->inflate = mem_new(struct inflate_state);
		isal_inflate_init(d->inflate);
	} else if (four && (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
			    ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0))) {
		d->format = &zstd; /* a frame, or one to be skipped before it */
		d->zstd = ZSTD_createDCtx();
		if (!d->zstd)
			abort();
		ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_LOG_MAX);
	} else {
		d->format = &plain;
	}
}

struct err *reader_decompress(struct reader *under, uint64_t max, struct reader **out)
{
	struct decompressor *d = mem_new(struct decompressor);
	*d = (struct decompressor){
		.base = { .read = decompress_read, .free = decompress_free },
		.under = under,
		.left = max,
		.max = max,
		.between = true,
	};
	own(reader) r = &d->base;
	d->in = mem_grow(NULL, IN_BYTES, 1);
	while (d->in_len < 4 && !d->in_ended) { /* a pipe may give a byte at a time */
		size_t got;
		TRY(under->read(under, d->in + d->in_len, IN_BYTES - d->in_len, &got));
		d->in_len += got;
		d->in_ended = !got;
	}
	choose_format(d);
	*out = move(r);
	return NULL;
}
