#include "codec/gzip.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "codec/test_priv.h"

static const unsigned thread_counts[] = { 0, 1, 2, 4 };

/* Compresses `plain` written in pieces of `piece` bytes. */
static void squeeze_all(unsigned n_threads, enum squeeze_kind kind, int level, struct str plain,
			size_t piece, struct buf_writer *out)
{
	own(squeeze_pool) pool = NULL;
	EXPECT_OK(squeeze_pool_open(n_threads, &pool));
	own(squeeze) s = NULL;
	EXPECT_OK(squeeze_open(pool, kind, level, &out->base, &s));
	for (; plain.len; plain = str_skip(plain, piece))
		EXPECT_OK(squeeze_write(s, plain.p, MIN(piece, plain.len)));
	EXPECT_OK(squeeze_finish(s));
}

static void expect_unpacks_to(struct str packed, struct str plain)
{
	done(buf) back;
	buf_init(&back, plain.len + 1);
	own(reader) mem = reader_mem(packed);
	own(reader) r = NULL;
	EXPECT_OK(reader_decompress(mem, plain.len, &r));
	EXPECT_OK(read_all(r, 1 << 20, &back));
	EXPECT(str_eq(buf_str(&back), plain));
}

static void expect_program_unpacks(const char *program, struct str packed, struct str plain)
{
	own_fd dir = test_tmpdir();
	own_fd fd = openat(dir, "packed", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT_OK(fd_write_all(fd, packed.p, packed.len));
	own_fd out = openat(dir, "plain", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const char *argv[] = { program, "-d", "-c", NULL };
	own_fd in = openat(dir, "packed", O_RDONLY | O_CLOEXEC);
	struct child c;
	int status;
	EXPECT_OK(spawn_start(
		&(struct spawn){ .argv = argv, .in_fd = in, .out_fd = out, .err_fd = 2 }, &c));
	EXPECT_OK(child_wait(&c, &status));
	EXPECT(status == 0);
	own_mem char *text = NULL;
	size_t len;
	EXPECT_OK(fd_read_path(dir, "plain", plain.len + 1, &text, &len));
	EXPECT(str_eq(str_n(text, len), plain));
}

static void expect_same_from_any_threads(enum squeeze_kind kind, int level, const char *program)
{
	done(buf) plain;
	buf_init(&plain, 16 << 20);
	add_noise(&plain, 5 * GZIP_BLOCK_BYTES + 12345, 1); /* more than threads */
	done(buf_writer) first;
	buf_writer_init(&first);
	squeeze_all(0, kind, level, buf_str(&plain), 100000, &first);
	EXPECT(first.b.len < plain.len);
	expect_unpacks_to(buf_str(&first.b), buf_str(&plain));
	expect_program_unpacks(program, buf_str(&first.b), buf_str(&plain));
	for (size_t i = 0; i < ARRAY_LEN(thread_counts); i++) {
		done(buf_writer) again;
		buf_writer_init(&again);
		squeeze_all(thread_counts[i], kind, level, buf_str(&plain), 3 << 20, &again);
		EXPECT(str_eq(buf_str(&again.b), buf_str(&first.b)));
	}
}

TEST(gzip_bytes_do_not_depend_on_threads)
{
	expect_same_from_any_threads(SQUEEZE_GZIP, 6, "gzip");
	expect_same_from_any_threads(SQUEEZE_GZIP, 1, "gzip");
}

TEST(zstd_bytes_do_not_depend_on_threads)
{
	expect_same_from_any_threads(SQUEEZE_ZSTD, 3, "zstd");
	expect_same_from_any_threads(SQUEEZE_ZSTD, 1, "zstd");
}

/* SPEC RFC 1952 section 2.3: no name, no time, unknown system. */
TEST(gzip_header_says_nothing_of_where_and_when)
{
	done(buf_writer) out;
	buf_writer_init(&out);
	squeeze_all(2, SQUEEZE_GZIP, 6, STR("hello"), 5, &out);
	EXPECT(memcmp(out.b.p, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10) == 0);
}

TEST(empty_stream_is_one_empty_member)
{
	for (size_t i = 0; i < ARRAY_LEN(thread_counts); i++) {
		done(buf_writer) gz, zst, none;
		buf_writer_init(&gz);
		buf_writer_init(&zst);
		buf_writer_init(&none);
		squeeze_all(thread_counts[i], SQUEEZE_GZIP, 6, STR(""), 1, &gz);
		squeeze_all(thread_counts[i], SQUEEZE_ZSTD, 3, STR(""), 1, &zst);
		squeeze_all(thread_counts[i], SQUEEZE_NONE, 0, STR(""), 1, &none);
		EXPECT(gz.n_writes == 1 && zst.n_writes == 1 && none.n_writes == 0);
		expect_unpacks_to(buf_str(&gz.b), STR(""));
		expect_unpacks_to(buf_str(&zst.b), STR(""));
	}
}

TEST(a_whole_block_is_one_member)
{
	done(buf) plain;
	buf_init(&plain, 2 * GZIP_BLOCK_BYTES);
	add_noise(&plain, 2 * GZIP_BLOCK_BYTES, 5);
	done(buf_writer) out;
	buf_writer_init(&out);
	squeeze_all(2, SQUEEZE_GZIP, 6, buf_str(&plain), 1 << 20, &out);
	EXPECT(out.n_writes == 2);
	expect_unpacks_to(buf_str(&out.b), buf_str(&plain));
}

TEST(none_passes_on)
{
	done(buf_writer) out;
	buf_writer_init(&out);
	squeeze_all(2, SQUEEZE_NONE, 0, STR("hello world"), 6, &out);
	EXPECT_STR(buf_str(&out.b), "hello world");
	EXPECT(out.n_writes == 2);
}

TEST(bytes_that_do_not_compress_still_fit)
{
	done(buf) plain;
	buf_init(&plain, 4 << 20);
	own_fd fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	own_mem char *p = mem_grow(NULL, 3 << 20, 1);
	size_t got;
	EXPECT_OK(fd_read_full(fd, p, 3 << 20, &got));
	buf_add(&plain, str_n(p, got));
	for (int zstd = 0; zstd < 2; zstd++) {
		done(buf_writer) out;
		buf_writer_init(&out);
		squeeze_all(2, zstd ? SQUEEZE_ZSTD : SQUEEZE_GZIP, zstd ? 19 : 12, buf_str(&plain),
			    777777, &out);
		expect_unpacks_to(buf_str(&out.b), buf_str(&plain));
	}
}

TEST(levels_are_checked)
{
	done(buf_writer) out;
	buf_writer_init(&out);
	struct squeeze *s = NULL;
	EXPECT_ERR(squeeze_open(NULL, SQUEEZE_GZIP, 0, &out.base, &s), ERR_INVALID, "level 0");
	EXPECT_ERR(squeeze_open(NULL, SQUEEZE_GZIP, 13, &out.base, &s), ERR_INVALID, "level 13");
	EXPECT_ERR(squeeze_open(NULL, SQUEEZE_ZSTD, 20, &out.base, &s), ERR_INVALID, "level 20");
	EXPECT(!s);
}

TEST(streams_share_a_pool)
{
	enum { STREAMS = 3 };
	done(buf) plain;
	buf_init(&plain, 8 << 20);
	add_noise(&plain, 5 * GZIP_BLOCK_BYTES + 1, 3);
	own(squeeze_pool) pool = NULL;
	EXPECT_OK(squeeze_pool_open(2, &pool));
	struct buf_writer out[STREAMS];
	struct squeeze *s[STREAMS];
	for (int i = 0; i < STREAMS; i++) {
		buf_writer_init(&out[i]);
		EXPECT_OK(squeeze_open(pool, i == 1 ? SQUEEZE_ZSTD : SQUEEZE_GZIP, 1 + i,
				       &out[i].base, &s[i]));
	}
	for (struct str left = buf_str(&plain); left.len; left = str_skip(left, 500000))
		for (int i = 0; i < STREAMS; i++)
			EXPECT_OK(squeeze_write(s[i], left.p, MIN(left.len, (size_t)500000)));
	for (int i = 0; i < STREAMS; i++) {
		EXPECT_OK(squeeze_finish(s[i]));
		expect_unpacks_to(buf_str(&out[i].b), buf_str(&plain));
		squeeze_free(s[i]);
		buf_writer_done(&out[i]);
	}
}

TEST(a_stream_given_up_leaves_the_pool_usable)
{
	done(buf) plain;
	buf_init(&plain, 8 << 20);
	add_noise(&plain, 5 * GZIP_BLOCK_BYTES, 4);
	own(squeeze_pool) pool = NULL;
	EXPECT_OK(squeeze_pool_open(2, &pool));
	for (int i = 0; i < 2; i++) {
		done(buf_writer) out;
		buf_writer_init(&out);
		own(squeeze) s = NULL;
		EXPECT_OK(squeeze_open(pool, SQUEEZE_GZIP, 6, &out.base, &s));
		EXPECT_OK(squeeze_write(s, plain.p, plain.len));
		if (i == 0)
			continue; /* freed with blocks in the queue and in work */
		EXPECT_OK(squeeze_finish(s));
		expect_unpacks_to(buf_str(&out.b), buf_str(&plain));
	}
}

TEST(a_failing_writer_ends_the_stream)
{
	done(buf) plain;
	buf_init(&plain, 16 << 20);
	add_noise(&plain, 12 * GZIP_BLOCK_BYTES, 6);
	for (size_t i = 0; i < ARRAY_LEN(thread_counts); i++) {
		own(squeeze_pool) pool = NULL;
		EXPECT_OK(squeeze_pool_open(thread_counts[i], &pool));
		done(buf_writer) out;
		buf_writer_init(&out);
		own(squeeze) s = NULL;
		EXPECT_OK(squeeze_open(pool, SQUEEZE_GZIP, 1, &out.base, &s));
		out.fail = true;
		EXPECT_ERR(squeeze_write(s, plain.p, plain.len), ERR_UNAVAILABLE, "disk is gone");
		out.fail = false;
		EXPECT_ERR(squeeze_write(s, "x", 1), ERR_UNAVAILABLE, "an earlier write failed");
		EXPECT_ERR(squeeze_finish(s), ERR_UNAVAILABLE, "an earlier write failed");
		EXPECT(out.n_writes == 0);
	}
}
