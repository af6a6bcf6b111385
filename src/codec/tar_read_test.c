#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "codec/tar.h"
#include "codec/tar_priv.h"
#include "codec/test_priv.h"

static struct tar_header header(const char *name, char type, const char *size)
{
	struct tar_header h = { .typeflag = type };
	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	memcpy(h.mode, "0100644", 7);
	memcpy(h.uid, "  1750 ", 7);
	memcpy(h.gid, "0000017", 7);
	memcpy(h.mtime, "14000000000", 11);
	memcpy(h.size, size, strlen(size));
	return h;
}

static void add_header(struct buf *b, struct tar_header h)
{
	unsigned sum = 0;
	memset(h.chksum, ' ', sizeof(h.chksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((unsigned char *)&h)[i];
	char text[8];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h.chksum, text, 7);
	buf_add(b, str_n((char *)&h, sizeof(h)));
}

static void add_data(struct buf *b, struct str s)
{
	buf_add(b, s);
	for (uint64_t i = tar_padding(s.len); i; i--)
		buf_add_c(b, 0);
}

static void add_entry(struct buf *b, const char *name, char type, struct str data)
{
	char size[13];
	snprintf(size, sizeof(size), "%011zo", data.len);
	add_header(b, header(name, type, size));
	add_data(b, data);
}

static void add_end(struct buf *b)
{
	for (int i = 0; i < 1024; i++)
		buf_add_c(b, 0);
}

/* The one error that reading the whole of `b` ends with, or NULL. */
static struct err *read_archive(struct str s, size_t piece, size_t *n_entries)
{
	struct slow_reader slow = slow_reader(s, piece);
	own(tar_reader) t = tar_reader_open(&slow.base);
	*n_entries = 0;
	for (;;) {
		const struct tar_entry *e;
		TRY(tar_reader_next(t, &e));
		if (!e)
			return NULL;
		++*n_entries;
		for (size_t got = 1; got;) {
			char p[700];
			TRY(tar_reader_read(t, p, sizeof(p), &got));
		}
	}
}

static void expect_entries(const struct buf *b, size_t n)
{
	size_t got;
	EXPECT_OK(read_archive(buf_str(b), 1 << 20, &got));
	EXPECT(got == n);
	EXPECT_OK(read_archive(buf_str(b), 100, &got));
	EXPECT(got == n);
}

static void expect_error(const struct buf *b, enum err_kind kind, const char *part)
{
	size_t n;
	EXPECT_ERR(read_archive(buf_str(b), 1 << 20, &n), kind, part);
	EXPECT_ERR(read_archive(buf_str(b), 100, &n), kind, part);
}

/* The first entry of `b`; first_done() gives it back. */
static struct reader *first_from;
static struct tar_reader *first;

static void first_done(void)
{
	tar_reader_free(first);
	reader_free(first_from);
	first = NULL;
	first_from = NULL;
}

static const struct tar_entry *first_entry(const struct buf *b)
{
	const struct tar_entry *e;
	first_done();
	first_from = reader_mem(buf_str(b));
	first = tar_reader_open(first_from);
	EXPECT_OK(tar_reader_next(first, &e));
	EXPECT(e != NULL);
	return e;
}

#define ARCHIVE(b)   \
	done(buf) b; \
	buf_init(&b, 16 << 20)

TEST(tar_reads_a_plain_header)
{
	ARCHIVE(b);
	add_entry(&b, "dir/file", '0', STR("hello"));
	add_end(&b);
	expect_entries(&b, 1);
	const struct tar_entry *e = first_entry(&b);
	EXPECT(e->type == TAR_FILE && e->size == 5 && e->mode == 0644 && !e->link);
	EXPECT(e->uid == 01750 && e->gid == 017 && e->mtime_s == 014000000000ll && !e->mtime_ns);
	EXPECT(e->major == 0 && e->minor == 0 && e->n_xattrs == 0);
	EXPECT_STR(str_of(e->path), "dir/file");
	first_done();
}

TEST(tar_gives_the_bytes_and_skips_what_is_not_read)
{
	ARCHIVE(b);
	ARCHIVE(large);
	add_noise(&large, 1000001, 1);
	add_entry(&b, "one", '0', STR("hello"));
	add_entry(&b, "two", '0', buf_str(&large));
	add_entry(&b, "three", '7', STR("end"));
	add_end(&b);
	own(reader) r = reader_mem(buf_str(&b));
	own(tar_reader) t = tar_reader_open(r);
	const struct tar_entry *e;
	size_t got;
	char p[16];
	own_mem char *all = mem_grow(NULL, large.len, 1);
	EXPECT_OK(tar_reader_next(t, &e));
	EXPECT_OK(tar_reader_read(t, p, 3, &got));
	EXPECT_STR(str_n(p, got), "hel");
	EXPECT_OK(tar_reader_next(t, &e));
	EXPECT_STR(str_of(e->path), "two");
	for (size_t n = 0; n < large.len; n += got) {
		EXPECT_OK(tar_reader_read(t, all + n, large.len - n, &got));
		EXPECT(got > 0);
	}
	EXPECT(memcmp(all, large.p, large.len) == 0);
	EXPECT_OK(tar_reader_read(t, p, 3, &got));
	EXPECT(got == 0);
	EXPECT_OK(tar_reader_next(t, &e));
	EXPECT_STR(str_of(e->path), "three");
	for (int i = 0; i < 2; i++) {
		EXPECT_OK(tar_reader_next(t, &e));
		EXPECT(!e);
		EXPECT_OK(tar_reader_read(t, p, 3, &got));
		EXPECT(got == 0);
	}
}

TEST(tar_reads_every_type)
{
	static const struct {
		char flag;
		enum tar_type type;
	} types[] = { { '0', TAR_FILE },    { '\0', TAR_FILE }, { '1', TAR_HARDLINK },
		      { '2', TAR_SYMLINK }, { '3', TAR_CHAR },  { '4', TAR_BLOCK },
		      { '5', TAR_DIR },     { '6', TAR_FIFO },  { '7', TAR_FILE } };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		ARCHIVE(b);
		struct tar_header h = header("x", types[i].flag, "0");
		memcpy(h.linkname, "target", 6);
		memcpy(h.devmajor, "0000005", 7);
		memcpy(h.devminor, "0000011", 7);
		add_header(&b, h);
		const struct tar_entry *e = first_entry(&b);
		bool link = types[i].type == TAR_HARDLINK || types[i].type == TAR_SYMLINK;
		bool device = types[i].type == TAR_CHAR || types[i].type == TAR_BLOCK;
		EXPECT(e->type == types[i].type && !e->link == !link);
		if (link)
			EXPECT_STR(str_of(e->link), "target");
		EXPECT(e->major == (device ? 5 : 0) && e->minor == (device ? 9 : 0));
		first_done();
	}
}

TEST(tar_ignores_the_size_of_what_has_no_bytes)
{
	ARCHIVE(b);
	struct tar_header h = header("x", '1', "00000001000");
	memcpy(h.linkname, "target", 6);
	add_header(&b, h);
	add_header(&b, header("dir", '5', "00000010000"));
	add_entry(&b, "next", '0', STR(""));
	add_end(&b);
	expect_entries(&b, 3);
}

TEST(tar_strips_trailing_slashes)
{
	static const char *const names[][2] = { { "dir/", "dir" },   { "a//", "a" },
						{ "/", "/" },        { "///", "/" },
						{ "./", "." },       { "/abs/", "/abs" },
						{ "../up", "../up" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		ARCHIVE(b);
		add_header(&b, header(names[i][0], '5', "0"));
		EXPECT_STR(str_of(first_entry(&b)->path), names[i][1]);
		first_done();
	}
	ARCHIVE(old);
	add_header(&old, header("v7dir/", '\0', "0"));
	EXPECT(first_entry(&old)->type == TAR_DIR);
	first_done();
	ARCHIVE(bad);
	add_entry(&bad, "v7dir/", '0', STR("x"));
	expect_error(&bad, ERR_CORRUPT, "a directory with bytes");
}

TEST(tar_joins_prefix_and_name)
{
	char name[101], prefix[156], want[300];
	memset(name, 'n', 100);
	memset(prefix, 'p', 155);
	name[100] = prefix[155] = '\0';
	snprintf(want, sizeof(want), "%s/%s", prefix, name);
	struct tar_header h = header(name, '0', "0");
	memcpy(h.prefix, prefix, 155);
	ARCHIVE(b);
	add_header(&b, h);
	EXPECT_STR(str_of(first_entry(&b)->path), want);
	first_done();

	ARCHIVE(gnu); /* has times where ustar has the prefix */
	memcpy(h.magic, "ustar ", 6);
	memcpy(h.version, " \0", 2);
	add_header(&gnu, h);
	EXPECT_STR(str_of(first_entry(&gnu)->path), name);
	first_done();

	ARCHIVE(v7);
	memset(h.magic, 0, sizeof(h.magic));
	add_header(&v7, h);
	EXPECT_STR(str_of(first_entry(&v7)->path), name);
	first_done();
}

TEST(tar_reads_gnu_long_names)
{
	ARCHIVE(name);
	for (int i = 0; i < 5000; i++)
		buf_add_c(&name, (char)('a' + i % 26));
	ARCHIVE(b);
	add_entry(&b, "././@LongLink", 'L', str_n(name.p, name.len + 1));
	add_entry(&b, "././@LongLink", 'K', STR("a long target\0\0"));
	add_header(&b, header("short", '2', "0"));
	const struct tar_entry *e = first_entry(&b);
	EXPECT_STR(str_of(e->path), name.p);
	EXPECT_STR(str_of(e->link), "a long target");
	first_done();
	add_entry(&b, "after", '0', STR(""));
	own(reader) r = reader_mem(buf_str(&b));
	own(tar_reader) t = tar_reader_open(r);
	EXPECT_OK(tar_reader_next(t, &e));
	EXPECT_OK(tar_reader_next(t, &e));
	EXPECT_STR(str_of(e->path), "after");
}

static void add_record(struct buf *b, const char *key, struct str value)
{
	size_t rest = strlen(key) + value.len + 3, len = rest + 1;
	while (len != rest + (size_t)snprintf(NULL, 0, "%zu", len))
		len++;
	buf_printf(b, "%zu %s=", len, key);
	buf_add(b, value);
	buf_add_c(b, '\n');
}

/* SPEC pax "pax Extended Header" */
TEST(tar_pax_goes_before_the_header)
{
	ARCHIVE(pax);
	add_record(&pax, "path", STR("a\xc3\xa9/b=c/"));
	add_record(&pax, "linkpath", STR("unused"));
	add_record(&pax, "uid", STR("4294967294"));
	add_record(&pax, "gid", STR("33333333"));
	add_record(&pax, "mtime", STR("-1.5000000009"));
	add_record(&pax, "comment", STR("more\nthan=one line"));
	add_record(&pax, "SCHILY.xattr.user.empty", STR(""));
	add_record(&pax, "SCHILY.xattr.security.capability", STR("\0v\n=\0"));
	ARCHIVE(b);
	add_entry(&b, "global", 'g', STR("17 path=not this\n"));
	add_entry(&b, "PaxHeader", 'x', buf_str(&pax));
	add_header(&b, header("x", '5', "0"));
	add_entry(&b, "y", '0', STR(""));
	const struct tar_entry *e = first_entry(&b);
	EXPECT_STR(str_of(e->path), "a\xc3\xa9/b=c");
	EXPECT(!e->link && e->uid == 4294967294u && e->gid == 33333333);
	EXPECT(e->mtime_s == -2 && e->mtime_ns == 500000000);
	EXPECT(e->n_xattrs == 2);
	EXPECT_STR(str_of(e->xattrs[0].name), "user.empty");
	EXPECT_STR(e->xattrs[0].value, "");
	EXPECT_STR(str_of(e->xattrs[1].name), "security.capability");
	EXPECT(str_eq(e->xattrs[1].value, STR("\0v\n=\0")));
	EXPECT_OK(tar_reader_next(first, &e)); /* and it says nothing of the one behind */
	EXPECT_STR(str_of(e->path), "y");
	EXPECT(e->uid == 01750 && e->n_xattrs == 0 && e->mtime_ns == 0);
	first_done();
}

TEST(tar_pax_size_counts)
{
	ARCHIVE(b);
	add_entry(&b, "PaxHeader", 'x', STR("10 size=3\n"));
	add_header(&b, header("x", '0', "junk"));
	add_data(&b, STR("abc"));
	add_entry(&b, "y", '0', STR(""));
	EXPECT(first_entry(&b)->size == 3);
	first_done();
	expect_entries(&b, 2);
	ARCHIVE(back); /* an empty value takes it back */
	add_entry(&back, "PaxHeader", 'x', STR("10 size=3\n8 size=\n"));
	add_entry(&back, "x", '0', STR("abcd"));
	EXPECT(first_entry(&back)->size == 4);
	first_done();
}

TEST(tar_times)
{
	static const struct {
		const char *text;
		int64_t s;
		uint32_t ns;
	} times[] = { { "0", 0, 0 },
		      { "1.5", 1, 500000000 },
		      { "1.", 1, 0 },
		      { "1.000000001", 1, 1 },
		      { "1.9999999999", 1, 999999999 },
		      { "-1", -1, 0 },
		      { "-0.25", -1, 750000000 },
		      { "1700000000.123456789", 1700000000, 123456789 } };
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		ARCHIVE(pax);
		ARCHIVE(b);
		add_record(&pax, "mtime", str_of(times[i].text));
		add_entry(&b, "PaxHeader", 'x', buf_str(&pax));
		add_entry(&b, "x", '0', STR(""));
		const struct tar_entry *e = first_entry(&b);
		EXPECT(e->mtime_s == times[i].s && e->mtime_ns == times[i].ns);
		first_done();
	}
}

TEST(tar_base_256)
{
	ARCHIVE(b);
	struct tar_header h = header("x", '5', "0");
	memcpy(h.uid, "\x80\0\0\0\xff\xff\xff\xfe", 8);
	memcpy(h.mtime, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12);
	add_header(&b, h);
	const struct tar_entry *e = first_entry(&b);
	EXPECT(e->uid == 4294967294u && e->mtime_s == -2);
	first_done();

	ARCHIVE(far);
	memcpy(h.mtime, "\x80\0\0\0\x80\0\0\0\0\0\0\0", 12); /* 2^63 */
	add_header(&far, h);
	expect_error(&far, ERR_CORRUPT, "bad mtime");

	ARCHIVE(large);
	h = header("x", '0', "");
	memcpy(h.size, "\x80\0\0\0\0\0\0\x02\x01\0\0\x05", 12);
	add_header(&large, h);
	EXPECT(first_entry(&large)->size == 0x201000005ull);
	first_done();
	expect_error(&large, ERR_CORRUPT, "ends in the middle");
}

TEST(tar_bad_sizes)
{
	static const struct str sizes[] = {
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 }, /* -1 */
		{ "\x80\0\0\0\x80\0\0\0\0\0\0\0", 12 },                     /* 2^63 */
		{ "\x80\x01\0\0\0\0\0\0\0\0\0\0", 12 },
		{ "\xc0\0\0\0\0\0\0\0\0\0\0\0", 12 },
		{ "-1", 2 },
		{ "0x10", 4 },
		{ "8", 1 },
		{ "1 1", 3 },
	};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (int type = 0; type < 4; type++) {
			ARCHIVE(b);
			struct tar_header h = header("x", "0xLg"[type], "");
			memcpy(h.size, sizes[i].p, sizes[i].len);
			add_header(&b, h);
			expect_error(&b, ERR_CORRUPT, "at byte 512: bad size");
		}
	}
}

TEST(tar_bad_numbers_in_pax)
{
	static const char *const records[][2] = {
		{ "size", "-1" },   { "size", "9223372036854775808" },
		{ "size", "1k" },   { "uid", "4294967296" },
		{ "gid", "-1" },    { "mtime", "-" },
		{ "mtime", "1.x" }, { "mtime", "9223372036854775808" },
		{ "mtime", "1e5" }, { "SCHILY.devmajor", "x" },
	};
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		ARCHIVE(pax);
		ARCHIVE(b);
		add_record(&pax, records[i][0], str_of(records[i][1]));
		add_entry(&b, "PaxHeader", 'x', buf_str(&pax));
		add_entry(&b, "x", '0', STR(""));
		expect_error(&b, ERR_CORRUPT, "bad number in a pax header");
	}
}

TEST(tar_bad_pax_records)
{
	static const struct str records[] = {
		{ "x", 1 },
		{ "5 a=b\n", 6 },
		{ "7 a=b\n", 6 },
		{ "6 a=b ", 6 },
		{ "6 aab\n", 6 },
		{ "6 =ab\n", 6 },
		{ " 6 a=b\n", 7 },
		{ "-6 a=b\n", 7 },
		{ "6 a=b\n\0", 7 },
		{ "9 a\0b=cd\n", 10 },
		{ "4 =\n", 4 },
		{ "0 a=b\n", 6 },
		{ "99999999999999999999 a=b\n", 25 },
		{ "6", 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		ARCHIVE(b);
		add_entry(&b, "PaxHeader", 'x', records[i]);
		add_entry(&b, "x", '0', STR(""));
		expect_error(&b, ERR_CORRUPT, "bad record in a pax header");
	}
}

TEST(tar_nul_in_names)
{
	ARCHIVE(pax);
	add_record(&pax, "path", STR("a\0b"));
	ARCHIVE(b);
	add_entry(&b, "PaxHeader", 'x', buf_str(&pax));
	add_entry(&b, "x", '0', STR(""));
	expect_error(&b, ERR_CORRUPT, "NUL in a name");
	buf_clear(&pax);
	buf_clear(&b);
	add_record(&pax, "linkpath", STR("a\0"));
	add_entry(&b, "PaxHeader", 'x', buf_str(&pax));
	add_entry(&b, "x", '2', STR(""));
	expect_error(&b, ERR_CORRUPT, "NUL in a name");
	buf_clear(&b);
	add_entry(&b, "L", 'L', STR("a\0b\0"));
	add_entry(&b, "x", '0', STR(""));
	expect_error(&b, ERR_CORRUPT, "bad long name");
	buf_clear(&b);
	add_entry(&b, "L", 'L', STR("\0"));
	add_entry(&b, "x", '0', STR(""));
	expect_error(&b, ERR_CORRUPT, "bad long name");
}

TEST(tar_metadata_is_bounded)
{
	ARCHIVE(b);
	add_header(&b, header("x", 'x', "00004000000")); /* 1 MiB, that does not follow */
	expect_error(&b, ERR_LIMIT, "more than 1048576 bytes of metadata");
	buf_clear(&b);
	add_header(&b, header("x", 'g', "77777777777"));
	expect_error(&b, ERR_LIMIT, "metadata");
	buf_clear(&b);
	ARCHIVE(name);
	for (int i = 0; i < 600000; i++)
		buf_add_c(&name, 'n');
	add_entry(&b, "x", 'L', buf_str(&name));
	add_entry(&b, "x", 'K', STR("t"));
	add_entry(&b, "x", '0', STR(""));
	expect_entries(&b, 1);
	buf_clear(&b);
	for (int i = 0; i < 2; i++) /* together too much for one entry */
		add_entry(&b, "x", 'L', buf_str(&name));
	expect_error(&b, ERR_LIMIT, "metadata");
}

TEST(tar_bad_checksum)
{
	ARCHIVE(b);
	add_entry(&b, "one", '0', STR("hello"));
	add_entry(&b, "two", '0', STR("hello"));
	b.p[1024] = 'T';
	expect_error(&b, ERR_CORRUPT, "at byte 1024: bad checksum");
	buf_clear(&b);
	for (int i = 0; i < 20; i++)
		buf_add(&b, STR("<html>This is not an archive, it is a page.</html>"));
	expect_error(&b, ERR_CORRUPT, "at byte 0: bad checksum");
}

TEST(tar_checksum_of_signed_characters)
{
	ARCHIVE(b);
	add_entry(&b, "\xe9t\xe9", '0', STR(""));
	int sum = 0;
	char text[8];
	for (size_t i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : (signed char)b.p[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(b.p + 148, text, 7);
	expect_entries(&b, 1);
}

TEST(tar_ends)
{
	ARCHIVE(b);
	expect_entries(&b, 0);
	add_entry(&b, "x", '0', STR("hello"));
	expect_entries(&b, 1); /* no zero blocks */
	size_t len = b.len;
	add_end(&b);
	b.len = len + 512;
	expect_entries(&b, 1); /* one */
	add_entry(&b, "x", '0', STR("hello"));
	expect_error(&b, ERR_CORRUPT, "single zero block");
	b.len = len;
	add_end(&b);
	buf_add(&b, STR("whatever is behind"));
	expect_entries(&b, 1);
}

TEST(tar_global_headers_belong_to_nothing)
{
	ARCHIVE(b);
	ARCHIVE(comment);
	for (int i = 0; i < 700000; i++)
		buf_add_c(&comment, 'c');
	add_entry(&b, "g", 'g', buf_str(&comment));
	add_entry(&b, "g", 'g', buf_str(&comment));
	add_entry(&b, "x", '0', STR("hello"));
	add_entry(&b, "g", 'g', STR("10 uid=12\n"));
	expect_entries(&b, 1);
}

TEST(tar_cut_short)
{
	ARCHIVE(b);
	add_entry(&b, "L", 'L', STR("name"));
	add_entry(&b, "x", '0', STR("hello"));
	for (size_t len = 1; len < b.len; len++) {
		struct buf cut = { .p = b.p, .len = len };
		size_t n;
		EXPECT_ERR(read_archive(buf_str(&cut), 1 << 20, &n), ERR_CORRUPT, "ends");
	}
	buf_clear(&b);
	add_entry(&b, "L", 'L', STR("name"));
	add_end(&b);
	expect_error(&b, ERR_CORRUPT, "ends behind a pax header or long name");
}

TEST(tar_refuses_sparse_and_unknown)
{
	ARCHIVE(b);
	add_header(&b, header("x", 'S', "0"));
	expect_error(&b, ERR_INVALID, "sparse");
	buf_clear(&b);
	add_entry(&b, "PaxHeader", 'x', STR("22 GNU.sparse.major=1\n"));
	expect_error(&b, ERR_INVALID, "sparse");
	buf_clear(&b);
	add_header(&b, header("x", 'M', "0"));
	expect_error(&b, ERR_INVALID, "type 0x4d");
}

TEST(tar_refuses_nameless)
{
	ARCHIVE(b);
	add_header(&b, header("", '0', "0"));
	expect_error(&b, ERR_CORRUPT, "without name");
	buf_clear(&b);
	add_header(&b, header("x", '2', "0"));
	expect_error(&b, ERR_CORRUPT, "without target");
}

static struct err *read_whole(struct str s)
{
	size_t n;
	return read_archive(s, 1 << 20, &n);
}

TEST(tar_corpus_verdicts)
{
	EXPECT(check_corpus("tar", read_whole) >= 11);
}
