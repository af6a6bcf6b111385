/* Every system call of a push fails once: the first, then the second, and so on. */
#include "blob/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

#define ID "0123456789abcdef0123456789abcdef"

static const char *fault_call; /* NULL: all is well */
static int fault_after, fault_errno;

static bool fault(const char *call)
{
	if (!fault_call || strcmp(call, fault_call) != 0 || --fault_after != 0)
		return false;
	errno = fault_errno;
	return true;
}

/* These take the place of the C library's in this program. */
ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (!fault("pwrite"))
		return syscall(SYS_pwrite64, fd, p, len, at);
	syscall(SYS_pwrite64, fd, p, len / 2, at); /* some of it is there */
	errno = fault_errno;
	return -1;
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	return fault("linkat") ? -1 : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

int mkdirat(int fd, const char *path, mode_t mode)
{
	return fault("mkdirat") ? -1 : (int)syscall(SYS_mkdirat, fd, path, mode);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return fault("renameat") ? -1 : (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

int fchmod(int fd, mode_t mode)
{
	return fault("fchmod") ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int fdatasync(int fd)
{
	return fault("fdatasync") ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return fault("fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

int syncfs(int fd)
{
	if (!fault_call)
		return (int)syscall(SYS_syncfs, fd);
	errno = EIO; /* file by file is the way to look at */
	return -1;
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

static struct err *check_blob(void *arg, const struct oci_digest *d, uint64_t size_bytes)
{
	own_mem char *p = NULL;
	size_t len;
	return blob_store_read(arg, d, 1 << 20, &p, &len);
}

static struct err *push_session(struct blob_store *s)
{
	own(blob_writer) w = NULL;
	TRY(blob_store_session_begin(s, ID, &w));
	TRY(blob_writer_write(w, "one ", 4));
	blob_writer_keep(w);
	blob_writer_free(move(w));
	TRY(blob_store_session_resume(s, ID, &w));
	TRY(blob_writer_write(w, "two", 3));
	struct oci_digest want = oci_digest_of_bytes("one two", 7);
	return blob_writer_commit(w, &want, NULL);
}

static struct err *push(int data_fd, struct blob_store **s)
{
	struct oci_digest d;
	TRY(blob_store_open(data_fd, s));
	TRY(blob_store_put(*s, "hello", 5, &d));
	TRY(push_session(*s));
	TRY(blob_store_put(*s, "a manifest", 10, &d));
	return blob_store_flush(*s);
}

static void set_fault(const char *call, int n, int errnum)
{
	fault_call = call;
	fault_after = n;
	fault_errno = errnum;
}

/* Whether the fault was met. */
static bool push_with_fault(const char *call, int n)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = NULL;
	set_fault(call, n, n % 2 ? EIO : ENOSPC);
	struct err *e = push(data, &s);
	bool met = fault_after <= 0;
	set_fault(NULL, 0, 0);
	if (met)
		EXPECT_ERR(e, ERR_UNAVAILABLE, NULL);
	else
		EXPECT_OK(e);
	blob_store_free(move(s));

	EXPECT_OK(blob_store_open(data, &s));
	EXPECT_OK(blob_store_each(s, check_blob, s));
	if (faccessat(s->upload_fd, ID, F_OK, 0) == 0) /* of a session that waits for its end */
		EXPECT(unlinkat(s->upload_fd, ID, 0) == 0);
	EXPECT(count(data, "uploads") == 1);
	blob_store_free(move(s));
	EXPECT_OK(push(data, &s)); /* the disk is well again */
	EXPECT_OK(blob_store_each(s, check_blob, s));
	EXPECT(count(data, "uploads") == 1 && count(s->intent_fd, ".") == 0);
	return met;
}

TEST(a_push_is_whole_or_absent_whatever_call_fails)
{
	static const char *const calls[] = { "pwrite", "linkat", "mkdirat",
					     "fchmod", "fsync",  "fdatasync" };
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		int n = 1;
		while (push_with_fault(calls[i], n))
			n++;
		EXPECT(n > 1);
	}
}

TEST(mending_a_blob_fails_whole)
{
	static const char *const calls[] = { "pwrite", "linkat", "renameat" };
	own_fd data = test_tmpdir();
	own(blob_store) s = NULL;
	struct oci_digest d;
	EXPECT_OK(blob_store_open(data, &s));
	EXPECT_OK(blob_store_put(s, "hello", 5, &d));
	EXPECT_OK(blob_store_flush(s));
	EXPECT(fchmodat(s->blobs_fd, blob_path_of(&d).file, 0600, 0) == 0);
	own_fd cut = openat(s->blobs_fd, blob_path_of(&d).file, O_WRONLY | O_TRUNC);
	EXPECT(cut >= 0);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		set_fault(calls[i], i == 1 ? 3 : 1, EIO);
		EXPECT_ERR(blob_store_put(s, "hello", 5, &d), ERR_UNAVAILABLE, NULL);
		EXPECT(fault_after == 0);
		set_fault(NULL, 0, 0);
		EXPECT(count(data, "uploads") == 1 && count(s->intent_fd, ".") == 0);
	}
	EXPECT_OK(blob_store_put(s, "hello", 5, &d));
	EXPECT_OK(blob_store_each(s, check_blob, s));
}

TEST(a_blob_whose_sync_failed_is_gone)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = NULL;
	struct oci_digest d;
	bool found;
	EXPECT_OK(blob_store_open(data, &s));
	EXPECT_OK(blob_store_put(s, "hello", 5, &d));
	set_fault("fdatasync", 1, EIO);
	EXPECT_ERR(blob_store_flush(s), ERR_UNAVAILABLE, "sync blob sha256:2cf2");
	set_fault(NULL, 0, 0);
	EXPECT_OK(blob_store_stat(s, &d, &found, NULL));
	EXPECT(!found);
	EXPECT_OK(blob_store_flush(s)); /* nothing is left to sync, and nothing claims to be */
	EXPECT(count(s->intent_fd, ".") == 0);
	EXPECT_OK(blob_store_put(s, "hello", 5, &d));
	set_fault("fsync", 1, EIO); /* of a directory: what cannot be promised is asked again */
	EXPECT_ERR(blob_store_flush(s), ERR_UNAVAILABLE, NULL);
	set_fault(NULL, 0, 0);
	EXPECT(count(s->intent_fd, ".") == 1);
	EXPECT_OK(blob_store_flush(s));
	EXPECT_OK(blob_store_stat(s, &d, &found, NULL));
	EXPECT(found && count(s->intent_fd, ".") == 0);
}
