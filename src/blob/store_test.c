#include "blob/store_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct blob_store *open_store(int data_fd)
{
	struct blob_store *s = NULL;
	EXPECT_OK(blob_store_open(data_fd, &s));
	return s;
}

static struct oci_digest put(struct blob_store *s, const char *text)
{
	struct oci_digest d;
	EXPECT_OK(blob_store_put(s, text, strlen(text), &d));
	return d;
}

static bool holds(struct blob_store *s, const struct oci_digest *d, const char *text)
{
	own_mem char *p = NULL;
	size_t len;
	own(err) e = blob_store_read(s, d, 1 << 20, &p, &len);
	return !e && len == strlen(text) && memcmp(p, text, len) == 0;
}

static bool has(struct blob_store *s, const struct oci_digest *d)
{
	bool found;
	EXPECT_OK(blob_store_stat(s, d, &found, NULL));
	return found;
}

static struct err *count_name(void *arg, int dir_fd, const char *name)
{
	++*(size_t *)arg;
	return NULL;
}

static size_t count(int dir_fd, const char *path)
{
	size_t n = 0;
	EXPECT_OK(blob_each_name(dir_fd, path, count_name, &n));
	return n;
}

static struct oci_digest sha512_of(const char *text)
{
	struct oci_digest d = { .alg = OCI_SHA512 };
	done(sha512) h;
	sha512_init(&h);
	sha512_update(&h, text, strlen(text));
	memcpy(d.raw, sha512_final(&h).b, SHA512_BYTES);
	return d;
}

TEST(a_blob_comes_back_as_it_went)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	struct oci_digest hello = put(s, "hello"), empty = put(s, ""), other = hello;
	EXPECT(holds(s, &hello, "hello") && holds(s, &empty, ""));
	EXPECT_STR(str_of(oci_digest_text(&hello).s),
		   "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	struct stat st;
	EXPECT(fstatat(data,
		       "blobs/sha256/2c/"
		       "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		       &st, 0) == 0);
	EXPECT(st.st_size == 5 && (st.st_mode & 0777) == 0400);
	own_fd fd = -1;
	uint64_t size;
	EXPECT_OK(blob_store_open_blob(s, &hello, &fd, &size));
	EXPECT(size == 5);
	own_mem char *p = NULL;
	size_t len;
	EXPECT_ERR(blob_store_read(s, &hello, 4, &p, &len), ERR_LIMIT, "5 bytes");
	other.raw[0]++;
	EXPECT(!has(s, &other));
	own_fd none = -1;
	EXPECT_ERR(blob_store_open_blob(s, &other, &none, NULL), ERR_NOT_FOUND, "sha256:2df2");
	EXPECT_OK(blob_store_remove(s, &hello));
	EXPECT_OK(blob_store_remove(s, &hello));
	EXPECT(!has(s, &hello));
}

TEST(a_blob_with_another_digest_is_refused)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	struct oci_digest want = oci_digest_of_bytes("hello", 5), got;
	own(blob_writer) w = NULL;
	EXPECT_OK(blob_store_begin(s, &w));
	EXPECT_OK(blob_writer_write(w, "hel", 3));
	EXPECT_OK(blob_writer_write(w, "l0", 2));
	EXPECT(blob_writer_size(w) == 5);
	EXPECT_ERR(blob_writer_commit(w, &want, &got), ERR_INVALID, "expected sha256:2cf24d");
	blob_writer_free(move(w));
	EXPECT(!has(s, &want));
	EXPECT(count(data, "uploads") == 1 && count(s->intent_fd, ".") == 0);
	EXPECT_OK(blob_store_begin(s, &w)); /* dropped without a commit */
	EXPECT_OK(blob_writer_write(w, "hello", 5));
	blob_writer_free(move(w));
	EXPECT(!has(s, &want) && count(data, "uploads") == 1);
}

TEST(both_algorithms_name_a_blob)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	struct oci_digest want = sha512_of("hello"), got;
	own(blob_writer) w = NULL;
	EXPECT_OK(blob_store_begin(s, &w));
	EXPECT_OK(blob_writer_write(w, "hello", 5));
	EXPECT_OK(blob_writer_commit(w, &want, &got));
	EXPECT(oci_digest_eq(&want, &got) && holds(s, &want, "hello"));
	blob_writer_free(move(w));
	EXPECT_OK(blob_store_session_begin(s, ID, &w));
	EXPECT_OK(blob_writer_write(w, "world", 5));
	want = sha512_of("world");
	EXPECT_OK(blob_writer_commit(w, &want, NULL));
	EXPECT(holds(s, &want, "world"));
	blob_writer_free(move(w));
	EXPECT_OK(blob_store_flush(s));
	EXPECT(count(s->intent_fd, ".") == 0);
}

TEST(a_blob_that_is_there_is_looked_at_and_mended)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	struct oci_digest d = put(s, "hello");
	put(s, "hello");
	EXPECT_OK(blob_store_flush(s));
	own_fd fd = openat(s->blobs_fd, blob_path_of(&d).file, O_RDONLY);
	EXPECT(fchmod(fd, 0600) == 0);
	own_fd cut = openat(s->blobs_fd, blob_path_of(&d).file, O_WRONLY);
	EXPECT_OK(fd_pwrite_all(cut, "j", 1, 0)); /* the right size, the wrong bytes */
	own_mem char *p = NULL;
	size_t len;
	EXPECT_ERR(blob_store_read(s, &d, 100, &p, &len), ERR_CORRUPT, "other bytes");
	EXPECT(ftruncate(cut, 2) == 0);
	put(s, "hello");
	EXPECT(holds(s, &d, "hello"));
	EXPECT(count(s->intent_fd, ".") == 1);
	EXPECT_OK(blob_store_flush(s));
	EXPECT(count(s->intent_fd, ".") == 0 && count(data, "uploads") == 1);
}

static struct err *add_size(void *arg, const struct oci_digest *d, uint64_t size_bytes)
{
	*(uint64_t *)arg += size_bytes;
	return NULL;
}

static struct err *stop(void *arg, const struct oci_digest *d, uint64_t size_bytes)
{
	++*(uint64_t *)arg;
	return err_new(ERR_CANCELED, "enough");
}

TEST(each_blob_is_seen_and_nothing_else)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	uint64_t sum = 0, n = 0;
	EXPECT_OK(blob_store_each(s, add_size, &sum));
	EXPECT(sum == 0);
	struct oci_digest d = put(s, "a");
	put(s, "bb");
	own(blob_writer) w = NULL;
	EXPECT_OK(blob_store_begin(s, &w));
	EXPECT_OK(blob_writer_write(w, "cccc", 4));
	struct oci_digest want = sha512_of("cccc");
	EXPECT_OK(blob_writer_commit(w, &want, NULL));
	own_mem char *junk = mem_printf("%s/README", blob_path_of(&d).dir);
	own_fd fd = openat(s->blobs_fd, junk, O_CREAT | O_WRONLY, 0600);
	EXPECT(fd >= 0 && write(fd, "12345678", 8) == 8);
	EXPECT_OK(blob_store_each(s, add_size, &sum));
	EXPECT(sum == 7);
	EXPECT_ERR(blob_store_each(s, stop, &n), ERR_CANCELED, "enough");
	EXPECT(n == 1);
}

TEST(a_link_in_the_store_is_not_followed)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	struct oci_digest d = put(s, "hello");
	EXPECT_OK(blob_store_remove(s, &d));
	EXPECT(symlinkat("/etc/passwd", s->blobs_fd, blob_path_of(&d).file) == 0);
	bool found;
	EXPECT_ERR(blob_store_stat(s, &d, &found, NULL), ERR_CORRUPT, "not a file");
	own_fd fd = -1;
	EXPECT_ERR(blob_store_open_blob(s, &d, &fd, NULL), ERR_INVALID, NULL);
}

static void write_session(struct blob_store *s, const char *text, uint64_t size)
{
	own(blob_writer) w = NULL;
	EXPECT_OK(blob_store_session_resume(s, ID, &w));
	EXPECT(blob_writer_size(w) == size);
	EXPECT_OK(blob_writer_write(w, text, strlen(text)));
	blob_writer_keep(w);
}

TEST(a_session_goes_on_in_this_process_and_the_next)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	own(blob_store) second = open_store(data);
	own(blob_writer) w = NULL;
	EXPECT_OK(blob_store_session_begin(s, ID, &w));
	blob_writer_keep(w);
	blob_writer_free(move(w));
	write_session(s, "one ", 0);
	write_session(s, "two ", 4);
	write_session(second, "three ", 8); /* another process: the stash of the first is old now */
	write_session(s, "four", 14);
	blob_store_free(move(s));
	s = open_store(data);
	EXPECT_OK(blob_store_session_resume(s, ID, &w));
	own(blob_writer) again = NULL;
	EXPECT_ERR(blob_store_session_resume(s, ID, &again), ERR_CONFLICT, "another request");
	EXPECT_ERR(blob_store_session_begin(s, ID, &again), ERR_CONFLICT, NULL);
	struct oci_digest d = oci_digest_of_bytes("one two three four", 18);
	EXPECT_OK(blob_writer_commit(w, &d, NULL));
	blob_writer_free(move(w));
	EXPECT(holds(s, &d, "one two three four"));
	EXPECT_ERR(blob_store_session_resume(s, ID, &w), ERR_NOT_FOUND, NULL);
	EXPECT_ERR(blob_store_session_resume(second, ID, &w), ERR_NOT_FOUND, NULL);
	EXPECT(count(data, "uploads") == 1);
}

TEST(a_session_ends_when_it_is_not_kept)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	own(blob_writer) w = NULL;
	EXPECT_OK(blob_store_session_begin(s, ID, &w));
	blob_writer_free(move(w));
	EXPECT_ERR(blob_store_session_resume(s, ID, &w), ERR_NOT_FOUND, NULL);
	EXPECT_ERR(blob_store_session_resume(s, "../../etc/passwd", &w), ERR_NOT_FOUND, NULL);
	EXPECT_ERR(blob_store_session_resume(s, "unflushed", &w), ERR_NOT_FOUND, NULL);
	EXPECT_ERR(blob_store_session_begin(s, "0123456789ABCDEF0123456789ABCDEF", &w), ERR_INVALID,
		   NULL);
	/* the stash is small: a session that fell out of it is read again */
	for (int i = 0; i < BLOB_STASH + 5; i++) {
		char id[33], text[8];
		snprintf(id, sizeof(id), "%032x", i);
		snprintf(text, sizeof(text), "%d", i);
		EXPECT_OK(blob_store_session_begin(s, id, &w));
		EXPECT_OK(blob_writer_write(w, text, strlen(text)));
		blob_writer_keep(w);
		blob_writer_free(move(w));
	}
	for (int i = 0; i < BLOB_STASH + 5; i++) {
		char id[33], text[8];
		snprintf(id, sizeof(id), "%032x", i);
		snprintf(text, sizeof(text), "%d", i);
		struct oci_digest d = oci_digest_of_bytes(text, strlen(text));
		EXPECT_OK(blob_store_session_resume(s, id, &w));
		EXPECT_OK(blob_writer_commit(w, &d, NULL));
		blob_writer_free(move(w));
	}
}

static void make_old(int dir_fd, const char *name, int age_s)
{
	struct timespec times[2];
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age_s;
	times[1] = times[0];
	EXPECT(utimensat(dir_fd, name, times, 0) == 0);
}

TEST(a_sweep_takes_what_nobody_uses)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = open_store(data);
	own(blob_writer) open_one = NULL;
	own(blob_writer) w = NULL;
	EXPECT_OK(blob_store_session_begin(s, ID, &open_one));
	EXPECT_OK(blob_store_session_begin(s, "11111111111111111111111111111111", &w));
	blob_writer_keep(w);
	blob_writer_free(move(w));
	EXPECT_OK(blob_store_session_begin(s, "22222222222222222222222222222222", &w));
	blob_writer_keep(w);
	blob_writer_free(move(w));
	own_fd dead = openat(s->upload_fd, "part-0123456789abcdef", O_CREAT | O_RDWR, 0600);
	own_fd live = openat(s->upload_fd, "part-0123456789abcde0", O_CREAT | O_RDWR, 0600);
	EXPECT(flock(live, LOCK_EX) == 0);
	make_old(s->upload_fd, ID, 5000);
	make_old(s->upload_fd, "11111111111111111111111111111111", 5000);
	make_old(s->upload_fd, "22222222222222222222222222222222", 10);
	make_old(s->upload_fd, "part-0123456789abcdef", 5000);
	make_old(s->upload_fd, "part-0123456789abcde0", 5000);
	EXPECT_OK(blob_store_sweep(s, 4000));
	EXPECT(faccessat(s->upload_fd, ID, F_OK, 0) == 0);
	EXPECT(faccessat(s->upload_fd, "11111111111111111111111111111111", F_OK, 0) < 0);
	EXPECT(faccessat(s->upload_fd, "22222222222222222222222222222222", F_OK, 0) == 0);
	EXPECT(faccessat(s->upload_fd, "part-0123456789abcdef", F_OK, 0) < 0);
	EXPECT(faccessat(s->upload_fd, "part-0123456789abcde0", F_OK, 0) == 0);
	EXPECT_ERR(blob_store_session_resume(s, "11111111111111111111111111111111", &w),
		   ERR_NOT_FOUND, NULL);
	EXPECT_OK(blob_writer_write(open_one, "still", 5));
}
