#include <libdeflate.h>
#include <zstd.h>

#include "codec/test_priv.h"

#define PLENTY ((uint64_t)1 << 40)

static void add_le32(struct buf *b, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		buf_add_c(b, (char)(n >> (8 * i)));
}

static void add_trailer(struct buf *b, struct str plain)
{
	add_le32(b, libdeflate_crc32(0, plain.p, plain.len));
	add_le32(b, (uint32_t)plain.len);
}

/* SPEC RFC 1952 section 2.3 around SPEC RFC 1951 section 3.2.4: one stored block. */
static void add_stored(struct buf *b, char flags, struct str optional, struct str plain)
{
	buf_add(b, str_n((char[]){ '\x1f', '\x8b', 8, flags, 1, 2, 3, 4, 0, 3 }, 10));
	buf_add(b, optional);
	uint16_t len = (uint16_t)plain.len;
	buf_add_c(b, 1);
	add_le32(b, (uint32_t)len | (uint32_t)(uint16_t)~len << 16);
	buf_add(b, plain);
	add_trailer(b, plain);
}

static void add_gzip(struct buf *b, struct str plain)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
	size_t max = libdeflate_gzip_compress_bound(c, plain.len);
	own_mem char *p = mem_grow(NULL, max, 1);
	buf_add(b, str_n(p, libdeflate_gzip_compress(c, plain.p, plain.len, p, max)));
	libdeflate_free_compressor(c);
}

static void add_zstd(struct buf *b, struct str plain)
{
	size_t max = ZSTD_compressBound(plain.len);
	own_mem char *p = mem_grow(NULL, max, 1);
	buf_add(b, str_n(p, ZSTD_compress(p, max, plain.p, plain.len, 3)));
}

/* Unpacks `packed`, which comes `piece` bytes at a time, asking for `ask` at a time. */
static struct err *unpack(struct str packed, size_t piece, size_t ask, uint64_t max,
			  struct buf *out)
{
	struct slow_reader slow = slow_reader(packed, piece);
	own(reader) r = NULL;
	TRY(reader_decompress(&slow.base, max, &r));
	return read_all(r, ask, out);
}

/* Long streams come in large pieces only: zlib copies its window at each one. */
static void expect_plain(struct buf *packed, const struct buf *plain)
{
	static const size_t pieces[] = { 1 << 20, 65535, 500, 13, 9, 8, 7, 3, 2, 1 };
	static const size_t asks[] = { 1000, 1 << 18 };
	size_t n = packed->len > 40000 ? 3 : ARRAY_LEN(pieces);
	for (size_t i = 0; i < n * ARRAY_LEN(asks); i++) {
		done(buf) back;
		buf_init(&back, plain->len + 1);
		EXPECT_OK(unpack(buf_str(packed), pieces[i / 2], asks[i % 2], PLENTY, &back));
		EXPECT(str_eq(buf_str(&back), buf_str(plain)));
	}
}

static void expect_error(const struct buf *packed, enum err_kind kind, const char *part)
{
	for (size_t piece = 1; piece < 1 << 20; piece = piece * 5 + 2) {
		done(buf) back;
		buf_init(&back, 16 << 20);
		EXPECT_ERR(unpack(buf_str(packed), piece, 1 << 18, PLENTY, &back), kind, part);
	}
}

static void expect_joined(struct buf *packed, struct buf *plain,
			  void (*add)(struct buf *b, struct str plain))
{
	static const size_t sizes[] = {
		5, 0, 1, 0, 0, 300, 7000, 2, 0, 70000, 32768, 2, 400000, 0
	};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t before = plain->len;
		add_noise(plain, sizes[i], (uint32_t)i);
		add(packed, str_skip(buf_str(plain), before));
		if (sizes[i] == 0)
			expect_plain(packed, plain);
	}
}

TEST(gzip_members_join)
{
	done(buf) packed, plain;
	buf_init(&packed, 4 << 20);
	buf_init(&plain, 4 << 20);
	expect_joined(&packed, &plain, add_gzip);
	for (int i = 0; i < 1000; i++)
		buf_add_c(&packed, 0);
	expect_plain(&packed, &plain);
}

TEST(zstd_frames_join)
{
	done(buf) packed, plain;
	buf_init(&packed, 4 << 20);
	buf_init(&plain, 4 << 20);
	buf_add(&packed, STR("\x5a\x2a\x4d\x18\x03\0\0\0abc")); /* SPEC RFC 8878 section 3.1.2 */
	expect_joined(&packed, &plain, add_zstd);
	buf_add(&packed, STR("\x50\x2a\x4d\x18\0\0\0\0"));
	expect_plain(&packed, &plain);
}

/* SPEC RFC 1952 section 2.3.1: the low half of the sum of the header before it. */
static void add_header_sum(struct buf *optional, char flags, bool right)
{
	done(buf) header;
	buf_init(&header, 100);
	buf_add(&header, str_n((char[]){ '\x1f', '\x8b', 8, flags, 1, 2, 3, 4, 0, 3 }, 10));
	buf_add(&header, buf_str(optional));
	uint32_t sum = libdeflate_crc32(0, header.p, header.len);
	buf_add_c(optional, (char)(sum ^ !right));
	buf_add_c(optional, (char)(sum >> 8));
}

TEST(gzip_header_sum)
{
	for (int right = 0; right < 2; right++) {
		done(buf) optional, packed, plain;
		buf_init(&optional, 100);
		buf_init(&packed, 1000);
		buf_init(&plain, 100);
		buf_add(&plain, STR("hellohello"));
		buf_add(&optional, STR("name\0"));
		add_header_sum(&optional, 0x0a, right);
		add_stored(&packed, 0, STR(""), STR("hello"));
		add_stored(&packed, 0x0a, buf_str(&optional), STR("hello"));
		if (right)
			expect_plain(&packed, &plain);
		else
			expect_error(&packed, ERR_CORRUPT, "gzip: wrong checksum");
	}
}

TEST(gzip_reserved_flags)
{
	for (int bit = 5; bit < 8; bit++) {
		done(buf) packed;
		buf_init(&packed, 100);
		add_stored(&packed, (char)(1 << bit), STR(""), STR("hello"));
		expect_error(&packed, ERR_CORRUPT, "gzip: bad header");
	}
}

TEST(gzip_headers_with_everything)
{
	done(buf) packed, plain;
	buf_init(&packed, 1 << 20);
	buf_init(&plain, 1 << 20);
	buf_add(&plain, STR("onetwothreefour"));
	add_stored(&packed, 0x01, STR(""), STR("one"));
	add_stored(&packed, 0x08, STR("name\0"), STR("two"));
	add_stored(&packed, 0x04, STR("\x05\0extra"), STR("three"));
	add_stored(&packed, 0x1c, STR("\x02\0exname\0comment\0"), STR("four"));
	add_stored(&packed, 0x04, STR("\0\0"), STR(""));
	expect_plain(&packed, &plain);
}

TEST(all_else_passes_unchanged)
{
	static const struct str texts[] = {
		{ "", 0 }, { "a", 1 }, { "\x1f", 1 }, { "\x28\xb5\x2f", 3 }, { "\x1f\x8a__", 4 }
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		done(buf) packed, plain;
		buf_init(&packed, 16);
		buf_init(&plain, 16);
		buf_add(&packed, texts[i]);
		buf_add(&plain, texts[i]);
		expect_plain(&packed, &plain);
	}
	done(buf) large;
	buf_init(&large, 1 << 20);
	add_noise(&large, 300000, 9);
	expect_plain(&large, &large);
}

static void expect_cut_short(void (*add)(struct buf *b, struct str plain), size_t shortest)
{
	done(buf) packed, plain;
	buf_init(&packed, 4 << 20);
	buf_init(&plain, 4 << 20);
	add_noise(&plain, 400, 2);
	add(&packed, buf_str(&plain));
	for (size_t len = shortest; len < packed.len; len++) {
		for (size_t piece = 1; piece <= len; piece += len - 1) {
			done(buf) back;
			buf_init(&back, 1000);
			EXPECT_ERR(unpack(str_first(buf_str(&packed), len), piece, 1 << 17, PLENTY,
					  &back),
				   ERR_CORRUPT, "cut short");
		}
	}
}

TEST(gzip_cut_short)
{
	expect_cut_short(add_gzip, 2);
}

TEST(zstd_cut_short)
{
	expect_cut_short(add_zstd, 4);
}

TEST(second_member_cut_short)
{
	done(buf) packed;
	buf_init(&packed, 1 << 10);
	add_gzip(&packed, STR("first"));
	size_t whole = packed.len;
	add_gzip(&packed, STR("second"));
	for (size_t cut = packed.len - 1; cut > whole; cut--) {
		packed.len = cut;
		expect_error(&packed, ERR_CORRUPT, "cut short");
	}
}

TEST(gzip_trailing_garbage)
{
	static const struct str garbage[] = { { "x", 1 },
					      { "garbage, much of it", 19 },
					      { "\0\0x", 3 },
					      { "\x1f\x8c", 2 },
					      { "\x1f\x8b\x07\0\0\0\0\0\0\0", 10 } };
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		done(buf) packed;
		buf_init(&packed, 1 << 10);
		add_gzip(&packed, STR("hello"));
		buf_add(&packed, garbage[i]);
		expect_error(&packed, ERR_CORRUPT, "gzip: ");
	}
	done(buf) packed;
	buf_init(&packed, 1 << 10);
	add_gzip(&packed, STR("hello"));
	buf_add_c(&packed, 0);
	add_gzip(&packed, STR("hello"));
	expect_error(&packed, ERR_CORRUPT, "garbage behind the data");
}

TEST(zstd_trailing_garbage)
{
	done(buf) packed;
	buf_init(&packed, 1 << 10);
	add_zstd(&packed, STR("hello"));
	buf_add(&packed, STR("garbage"));
	expect_error(&packed, ERR_CORRUPT, "zstd: ");
}

TEST(gzip_wrong_checksum_and_length)
{
	done(buf) plain;
	buf_init(&plain, 1 << 20);
	add_noise(&plain, 40000, 8);
	for (size_t i = 1; i <= 8; i++) {
		done(buf) packed;
		buf_init(&packed, 1 << 20);
		add_gzip(&packed, buf_str(&plain));
		packed.p[packed.len - i] ^= 1;
		add_gzip(&packed, STR("more"));
		expect_error(&packed, ERR_CORRUPT, "checksum");
	}
}

TEST(damaged_data)
{
	done(buf) packed;
	buf_init(&packed, 1 << 10);
	buf_add(&packed, STR("\x1f\x8b\x08\0\0\0\0\0\0\xff\x07\xff\xff\xff\xff\xff\xff\xff\xff"));
	expect_error(&packed, ERR_CORRUPT, "gzip: damaged");
}

/* The window descriptor of SPEC RFC 8878 section 3.1.1.1.2, before one empty block. */
TEST(zstd_window_is_bounded)
{
	done(buf) packed, plain;
	buf_init(&packed, 1 << 10);
	buf_init(&plain, 1);
	buf_add(&packed, STR("\x28\xb5\x2f\xfd\0\x88\x01\0\0")); /* 2^27 */
	expect_plain(&packed, &plain);
	packed.p[5] = '\x90'; /* 2^28 */
	expect_error(&packed, ERR_CORRUPT, "zstd: ");
}

static void add_plain(struct buf *b, struct str plain)
{
	buf_add(b, plain);
}

TEST(a_bomb_meets_the_limit)
{
	static void (*const adds[])(struct buf * b, struct str plain) = { add_gzip, add_zstd,
									  add_plain };
	done(buf) plain;
	buf_init(&plain, 8 << 20);
	for (int i = 0; i < 5000000; i++)
		buf_add_c(&plain, 'a');
	for (size_t i = 0; i < ARRAY_LEN(adds); i++) {
		done(buf) packed, back;
		buf_init(&packed, 8 << 20);
		buf_init(&back, 8 << 20);
		adds[i](&packed, buf_str(&plain));
		EXPECT_OK(unpack(buf_str(&packed), 5000, 1 << 18, plain.len, &back));
		EXPECT(back.len == plain.len);
		for (size_t ask = 1000; ask < 1 << 23; ask *= 4000) {
			buf_clear(&back);
			EXPECT_ERR(unpack(buf_str(&packed), 5000, ask, plain.len - 1, &back),
				   ERR_LIMIT, "unpacks to more than 4999999 bytes");
			EXPECT(back.len < plain.len);
		}
		EXPECT_ERR(unpack(buf_str(&packed), 5000, 1, 0, &back), ERR_LIMIT, "more than 0");
	}
}

static struct err *broken_read(struct reader *r, void *p, size_t len, size_t *got)
{
	return err_new(ERR_UNAVAILABLE, "the line is down");
}

TEST(errors_from_below_pass)
{
	struct reader broken = { .read = broken_read };
	struct reader *r = NULL;
	EXPECT_ERR(reader_decompress(&broken, PLENTY, &r), ERR_UNAVAILABLE, "line is down");
	EXPECT(!r);
}

static struct err *unpack_whole(struct str s)
{
	done(buf) back;
	buf_init(&back, 1 << 20);
	return unpack(s, 1000, 1 << 17, 1 << 20, &back);
}

TEST(decompress_corpus_verdicts)
{
	EXPECT(check_corpus("decompress", unpack_whole) >= 10);
}
