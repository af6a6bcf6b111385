#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/spawn.h"
#include "codec/tar.h"
#include "codec/test_priv.h"

static void write_entry(struct tar_writer *t, const struct tar_entry *e, struct str data)
{
	struct tar_entry with_size = *e;
	with_size.size = data.len;
	EXPECT_OK(tar_writer_entry(t, &with_size));
	EXPECT_OK(tar_writer_data(t, data.p, data.len));
}

static void expect_same_entry(const struct tar_entry *got, const struct tar_entry *want)
{
	EXPECT_STR(str_of(got->path), want->path);
	EXPECT(got->type == want->type);
	EXPECT(!got->link == !want->link);
	if (want->link)
		EXPECT_STR(str_of(got->link), want->link);
	EXPECT(got->mode == want->mode && got->uid == want->uid && got->gid == want->gid);
	EXPECT(got->size == want->size);
	EXPECT(got->mtime_s == want->mtime_s && got->mtime_ns == want->mtime_ns);
	EXPECT(got->major == want->major && got->minor == want->minor);
	EXPECT(got->n_xattrs == want->n_xattrs);
	for (size_t i = 0; i < want->n_xattrs; i++) {
		EXPECT_STR(str_of(got->xattrs[i].name), want->xattrs[i].name);
		EXPECT(str_eq(got->xattrs[i].value, want->xattrs[i].value));
	}
}

/* Writes `e` without its bytes and reads it back; `*n_bytes` tells how long its headers are. */
static void expect_round_trip(const struct tar_entry *e, size_t *n_bytes)
{
	done(buf_writer) out;
	buf_writer_init(&out);
	struct tar_writer t;
	tar_writer_init(&t, &out.base);
	EXPECT_OK(tar_writer_entry(&t, e));
	EXPECT(t.left == e->size);
	EXPECT(out.b.len % 512 == 0);
	own(reader) from = reader_mem(buf_str(&out.b));
	own(tar_reader) r = tar_reader_open(from);
	const struct tar_entry *got;
	EXPECT_OK(tar_reader_next(r, &got));
	EXPECT(got != NULL);
	expect_same_entry(got, e);
	if (n_bytes)
		*n_bytes = out.b.len;
}

TEST(tar_round_trip_of_every_type)
{
	static const struct tar_entry entries[] = {
		{ .type = TAR_FILE, .path = "a/file", .mode = 0644, .size = 5, .mtime_s = 1 },
		{ .type = TAR_HARDLINK, .path = "b", .link = "a/file", .mode = 07777 },
		{ .type = TAR_SYMLINK, .path = "c", .link = "../up/", .mode = 0777, .uid = 1 },
		{ .type = TAR_CHAR, .path = "d", .major = 1, .minor = 1048575, .gid = 7 },
		{ .type = TAR_BLOCK, .path = "e", .major = 4095, .minor = 3 },
		{ .type = TAR_DIR, .path = "f", .mode = 01777 },
		{ .type = TAR_FIFO, .path = "/g" },
	};
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		size_t n;
		expect_round_trip(&entries[i], &n);
		EXPECT(n == 512); /* nothing that needs pax */
	}
}

TEST(tar_round_trip_at_the_limits_of_ustar)
{
	static const struct {
		struct tar_entry e;
		bool pax;
	} cases[] = {
		{ { .path = "x", .size = 077777777777ull }, false },
		{ { .path = "x", .size = 0100000000000ull }, true },
		{ { .path = "x", .size = INT64_MAX }, true },
		{ { .path = "x", .uid = 07777777, .gid = 07777777 }, false },
		{ { .path = "x", .uid = 010000000 }, true },
		{ { .path = "x", .gid = 010000000 }, true },
		{ { .path = "x", .uid = UINT32_MAX, .gid = UINT32_MAX }, true },
		{ { .path = "x", .mtime_s = 077777777777ll }, false },
		{ { .path = "x", .mtime_s = 0100000000000ll }, true },
		{ { .path = "x", .mtime_s = INT64_MAX - 1 }, true },
		{ { .path = "x", .mtime_s = -1 }, true },
		{ { .path = "x", .mtime_s = -1, .mtime_ns = 1 }, true },
		{ { .path = "x", .mtime_s = -2, .mtime_ns = 999999999 }, true },
		{ { .path = "x", .mtime_s = 5, .mtime_ns = 1 }, true },
		{ { .path = "x", .mtime_s = 5, .mtime_ns = 500000000 }, true },
		{ { .path = "caf\xc3\xa9" }, true },
		{ { .path = "not utf-8 \xff" }, true },
		{ { .path = "tab\tand\nline" }, false },
		{ { .path = "x", .type = TAR_SYMLINK, .link = "\xe2\x82\xac" }, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n;
		expect_round_trip(&cases[i].e, &n);
		EXPECT((n > 512) == cases[i].pax);
	}
}

/* SPEC pax "ustar Interchange Format": 155 bytes of prefix, a slash, 100 of name. */
TEST(tar_round_trip_of_long_paths)
{
	char path[600];
	for (size_t len = 1; len < 540; len += len < 300 ? 1 : 7) {
		for (size_t slash = 3; slash < 400; slash = slash * 2 + 1) {
			for (size_t i = 0; i < len; i++)
				path[i] = i % slash == slash - 1 && i + 1 < len ? '/' : 'p';
			path[len] = '\0';
			expect_round_trip(&(struct tar_entry){ .path = path }, NULL);
			expect_round_trip(&(struct tar_entry){ .type = TAR_DIR, .path = path },
					  NULL);
			expect_round_trip(&(struct tar_entry){ .type = TAR_SYMLINK,
							       .path = path,
							       .link = path },
					  NULL);
		}
	}
}

TEST(tar_path_that_just_fits_has_no_pax)
{
	char path[300];
	memset(path, 'p', sizeof(path));
	path[155] = '/';
	path[256] = '\0';
	size_t n;
	expect_round_trip(&(struct tar_entry){ .path = path }, &n);
	EXPECT(n == 512);
	expect_round_trip(&(struct tar_entry){ .type = TAR_DIR, .path = path }, &n);
	EXPECT(n > 512); /* the slash at its end is one too many */
	path[100] = '\0';
	expect_round_trip(&(struct tar_entry){ .path = path }, &n);
	EXPECT(n == 512);
	path[100] = 'p';
	path[101] = '\0';
	expect_round_trip(&(struct tar_entry){ .path = path }, &n);
	EXPECT(n > 512);
}

TEST(tar_round_trip_of_xattrs)
{
	struct buf value;
	buf_init(&value, 1 << 16);
	add_noise(&value, 5000, 1);
	struct tar_xattr xattrs[] = {
		{ "security.capability", STR("\1\0\0\2\0\x20\0\0\0\0\0\0\n=\0") },
		{ "user.empty", STR("") },
		{ "user.large", buf_str(&value) },
	};
	expect_round_trip(&(struct tar_entry){ .path = "x", .xattrs = xattrs, .n_xattrs = 3 },
			  NULL);
	/* every length around those where the record's own length gets a digit more */
	for (size_t len = 0; len < 1100; len++) {
		xattrs[0].value = str_n(value.p, len);
		expect_round_trip(
			&(struct tar_entry){ .path = "x", .xattrs = xattrs, .n_xattrs = 1 }, NULL);
	}
	buf_done(&value);
}

TEST(tar_writer_refuses)
{
	done(buf_writer) out;
	buf_writer_init(&out);
	struct tar_writer t;
	tar_writer_init(&t, &out.base);
	struct tar_xattr x = { "user.a=b", STR("") };
	const struct tar_entry bad[] = {
		{ .path = "" },
		{ .path = "x", .type = TAR_SYMLINK },
		{ .path = "x", .type = TAR_HARDLINK, .link = "" },
		{ .path = "x", .type = TAR_DIR, .size = 1 },
		{ .path = "x", .size = (uint64_t)INT64_MAX + 1 },
		{ .path = "x", .mtime_ns = 1000000000 },
		{ .path = "x", .type = TAR_CHAR, .minor = 010000000 },
		{ .path = "x", .xattrs = &x, .n_xattrs = 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_ERR(tar_writer_entry(&t, &bad[i]), ERR_INVALID, NULL);
	own_mem char *large = mem_zalloc(LIMIT_TAR_META_BYTES);
	x = (struct tar_xattr){ "user.a", str_n(large, LIMIT_TAR_META_BYTES - 10) };
	EXPECT_ERR(tar_writer_entry(&t, &bad[7]), ERR_LIMIT, "metadata of x");
	EXPECT(out.b.len == 0);
}

TEST(tar_writer_holds_to_sizes)
{
	done(buf_writer) out;
	buf_writer_init(&out);
	struct tar_writer t;
	tar_writer_init(&t, &out.base);
	struct tar_entry e = { .path = "x", .size = 5 };
	EXPECT_OK(tar_writer_entry(&t, &e));
	EXPECT_ERR(tar_writer_data(&t, "toolong", 7), ERR_INVALID, "more bytes");
	EXPECT_OK(tar_writer_data(&t, "hel", 3));
	EXPECT_ERR(tar_writer_entry(&t, &e), ERR_INVALID, "2 bytes of the file before x");
	EXPECT_ERR(tar_writer_finish(&t), ERR_INVALID, "2 bytes of the last file");
	EXPECT_OK(tar_writer_data(&t, "lo", 2));
	EXPECT_ERR(tar_writer_data(&t, "x", 1), ERR_INVALID, "more bytes");
	EXPECT_OK(tar_writer_finish(&t));
	EXPECT(out.b.len == 4 * 512);
}

TEST(tar_writer_passes_data_through)
{
	done(buf_writer) out;
	buf_writer_init(&out);
	struct tar_writer t;
	tar_writer_init(&t, &out.base);
	own_mem char *large = mem_zalloc(3 << 20);
	write_entry(&t, &(struct tar_entry){ .path = "x" }, str_n(large, 3 << 20));
	EXPECT(out.n_writes == 2 && out.largest == 3 << 20);
}

/* An archive with something of everything, and the long file of it in `large`. */
static void write_archive(int dir, const char *name, const struct buf *large)
{
	done(buf_writer) out;
	buf_writer_init(&out);
	struct tar_writer t;
	tar_writer_init(&t, &out.base);
	static char deep[301];
	memset(deep, 'd', 300);
	for (int i = 59; i < 300; i += 60)
		deep[i] = '/';
	memcpy(deep, "root/", 5);
	deep[299] = 'd';
	const struct tar_xattr x = { "user.kiln", STR("a=b\nc") };
	write_entry(&t, &(struct tar_entry){ .type = TAR_DIR, .path = "root", .mode = 0755 },
		    STR(""));
	write_entry(&t, &(struct tar_entry){ .path = "root/empty", .mode = 0600 }, STR(""));
	write_entry(&t,
		    &(struct tar_entry){ .path = "root/caf\xc3\xa9",
					 .mode = 0644,
					 .mtime_s = 1700000000,
					 .mtime_ns = 123456789 },
		    STR("hello"));
	write_entry(&t, &(struct tar_entry){ .path = "root/block", .mode = 04755, .mtime_s = 77 },
		    str_first(buf_str(large), 512));
	write_entry(&t,
		    &(struct tar_entry){
			    .path = "root/large", .mode = 0644, .xattrs = &x, .n_xattrs = 1 },
		    buf_str(large));
	write_entry(&t,
		    &(struct tar_entry){ .type = TAR_SYMLINK,
					 .path = "root/link",
					 .link = "caf\xc3\xa9",
					 .mode = 0777 },
		    STR(""));
	write_entry(&t,
		    &(struct tar_entry){ .type = TAR_HARDLINK,
					 .path = "root/hard",
					 .link = "root/block",
					 .mode = 04755 },
		    STR(""));
	write_entry(&t, &(struct tar_entry){ .type = TAR_FIFO, .path = "root/fifo", .mode = 0600 },
		    STR(""));
	write_entry(&t, &(struct tar_entry){ .path = deep, .mode = 0644 }, STR("deep"));
	EXPECT_OK(tar_writer_finish(&t));
	EXPECT_OK(fd_replace_file(dir, name, 0600, out.b.p, out.b.len));
}

static void expect_file(int dir, const char *path, struct str want)
{
	own_mem char *text = NULL;
	size_t len;
	EXPECT_OK(fd_read_path(dir, path, 8 << 20, &text, &len));
	EXPECT(str_eq(str_n(text, len), want));
}

static void expect_program_unpacks(const char *program, const char *const *options)
{
	own_fd dir = test_tmpdir();
	done(buf) large;
	buf_init(&large, 4 << 20);
	add_noise(&large, 3000001, 1);
	write_archive(dir, "a.tar", &large);
	own_mem char *path = mem_printf("/proc/%d/fd/%d", (int)getpid(), dir);
	own_mem char *archive = mem_printf("%s/a.tar", path);
	const char *argv[] = { program, "-x", "-p", "-f", archive, "-C", path, options[0], NULL };
	EXPECT_OK(spawn_run(argv, 4096, NULL));
	expect_file(dir, "root/empty", STR(""));
	expect_file(dir, "root/caf\xc3\xa9", STR("hello"));
	expect_file(dir, "root/large", buf_str(&large));
	expect_file(dir, "root/link", STR("hello"));
	expect_file(dir, "root/hard", str_first(buf_str(&large), 512));
	struct stat st, hard;
	EXPECT(fstatat(dir, "root/caf\xc3\xa9", &st, 0) == 0);
	EXPECT(st.st_mtim.tv_sec == 1700000000 && st.st_mtim.tv_nsec == 123456789);
	EXPECT(fstatat(dir, "root/block", &st, 0) == 0 && fstatat(dir, "root/hard", &hard, 0) == 0);
	EXPECT(st.st_ino == hard.st_ino && (st.st_mode & 07777) == 04755 && st.st_mtime == 77);
	EXPECT(fstatat(dir, "root/fifo", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISFIFO(st.st_mode));
}

TEST(tar_programs_read_what_we_write)
{
	expect_program_unpacks("tar", (const char *const[]){ "--warning=no-timestamp" });
	own_mem char *bsdtar = spawn_find("bsdtar");
	if (bsdtar)
		expect_program_unpacks("bsdtar", (const char *const[]){ NULL });
	else
		print_message("bsdtar is not installed: skipped\n");
}

TEST(tar_reads_what_programs_write)
{
	static const char *const formats[] = { "gnu", "pax", "ustar", "v7", "oldgnu" };
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		own_fd dir = test_tmpdir();
		own_mem char *path = mem_printf("/proc/%d/fd/%d", (int)getpid(), dir);
		own_mem char *archive = mem_printf("%s/a.tar", path);
		own_fd made = -1;
		EXPECT_OK(fd_make_dirs(dir, "in", 0755, &made));
		EXPECT_OK(fd_replace_file(made, "file", 0640, "hello", 5));
		EXPECT(symlinkat("file", made, "link") == 0);
		const char *argv[] = { "tar",   "-c", "--sort=name", "-H", formats[i], "-f",
				       archive, "-C", path,          "in", NULL };
		EXPECT_OK(spawn_run(argv, 4096, NULL));
		own_fd fd = fd_open_nofollow(dir, "a.tar", O_RDONLY, 0);
		own(reader) from = reader_fd(fd);
		own(tar_reader) t = tar_reader_open(from);
		const struct tar_entry *e;
		char p[16];
		size_t got;
		EXPECT_OK(tar_reader_next(t, &e));
		EXPECT(e->type == TAR_DIR && e->mode == 0755);
		EXPECT_STR(str_of(e->path), "in");
		EXPECT_OK(tar_reader_next(t, &e));
		EXPECT(e->type == TAR_FILE && e->size == 5 && e->mode == 0640);
		EXPECT_STR(str_of(e->path), "in/file");
		EXPECT_OK(tar_reader_read(t, p, sizeof(p), &got));
		EXPECT_STR(str_n(p, got), "hello");
		EXPECT_OK(tar_reader_next(t, &e));
		EXPECT(e->type == TAR_SYMLINK);
		EXPECT_STR(str_of(e->link), "file");
		EXPECT_OK(tar_reader_next(t, &e));
		EXPECT(!e);
	}
}
