/* Faults: writes and links that fail, full disks, killed processes, power loss. */
#include "blob/store_priv.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

#define ID "0123456789abcdef0123456789abcdef"

static bool is_err(struct err *e, enum err_kind kind)
{
	bool ok = e && e->kind == kind;
	if (!ok) {
		own_mem char *text = e ? err_text(e) : NULL;
		fprintf(stderr, "got: %s\n", text ? text : "success");
	}
	err_free(e);
	return ok;
}

static int in_child(int (*run)(int data_fd), int data_fd)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(run(data_fd));
	int status;
	EXPECT(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct err *count_name(void *arg, int dir_fd, const char *name)
{
	++*(size_t *)arg;
	return NULL;
}

static size_t count(int dir_fd, const char *path)
{
	size_t n = 0;
	err_free(blob_each_name(dir_fd, path, count_name, &n));
	return n;
}

static struct err *check_blob(void *arg, const struct oci_digest *d, uint64_t size_bytes)
{
	own_mem char *p = NULL;
	size_t len;
	return blob_store_read(arg, d, 64 << 20, &p, &len);
}

static struct err *check_all(struct blob_store *s)
{
	return blob_store_each(s, check_blob, s);
}

#define PIECE 100000
static char piece[2 * PIECE];

static struct err *write_one(struct blob_store *s, int pieces, struct oci_digest *d)
{
	own(blob_writer) w = NULL;
	TRY(blob_store_begin(s, &w));
	for (int i = 0; i < pieces; i++)
		TRY(blob_writer_write(w, piece, PIECE));
	return blob_writer_commit(w, NULL, d);
}

static int with_short_files(int data_fd)
{
	own(blob_store) s = NULL;
	own(err) opened = blob_store_open(data_fd, &s);
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit limit = { 250000, RLIM_INFINITY };
	setrlimit(RLIMIT_FSIZE, &limit);
	struct oci_digest d;
	if (opened || !is_err(write_one(s, 3, &d), ERR_UNAVAILABLE))
		return 1;
	/* a session goes on behind the piece that did not fit */
	own(blob_writer) w = NULL;
	own(err) e = blob_store_session_begin(s, ID, &w);
	if (!e)
		e = blob_writer_write(w, piece, PIECE);
	if (e || !is_err(blob_writer_write(w, piece, 2 * PIECE), ERR_UNAVAILABLE) ||
	    blob_writer_size(w) != PIECE)
		return 2;
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	e = blob_writer_write(w, "end", 3);
	char whole[PIECE + 3] = "";
	memcpy(whole + PIECE, "end", 3);
	struct oci_digest want = oci_digest_of_bytes(whole, sizeof(whole));
	if (!e)
		e = blob_writer_commit(w, &want, NULL);
	if (!e)
		e = write_one(s, 3, &d);
	if (!e)
		e = check_all(s);
	return e ? 3 : 0;
}

TEST(a_write_that_fails_leaves_nothing_and_a_session_whole)
{
	own_fd data = test_tmpdir();
	EXPECT(in_child(with_short_files, data) == 0);
	EXPECT(count(data, "uploads") == 1);
}

static bool write_text(const char *path, const char *text)
{
	own_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Mounts of our own; false: none can be had here. */
static bool enter_namespace(void)
{
	char uids[32], gids[32];
	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/uid_map", uids) && write_text("/proc/self/gid_map", gids);
}

static int mount_small(const char *path, const char *what, int n)
{
	char options[64];
	snprintf(options, sizeof(options), "%s=%d", what, n);
	if (mount("kiln", path, "tmpfs", 0, options) < 0)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct err *fill(struct blob_store *s)
{
	struct oci_digest d;
	for (int i = 1; i < 4; i++)
		TRY(write_one(s, i, &d));
	TRY(blob_store_flush(s));
	return write_one(s, 4, &d);
}

/* The disk has room for n pages or names: every step of the way is the first to fail once. */
static int fill_small(int data_fd, const char *what, int most)
{
	char link[64], path[128];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", data_fd);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	path[MAX(len, 0)] = '\0';
	if (!enter_namespace())
		return 77;
	int failed = 0;
	for (int n = 2; n <= most; n++) {
		own_fd disk = mount_small(path, what, n);
		if (disk < 0)
			return n == 2 ? 77 : 1;
		own(blob_store) s = NULL;
		struct err *e = blob_store_open(disk, &s);
		if (!e)
			e = fill(s);
		failed += e != NULL;
		if (e && !is_err(e, ERR_UNAVAILABLE))
			return 2;
		own(err) bad = s ? check_all(s) : NULL;
		if (bad || (s && count(disk, "uploads") != 1))
			return 3;
	}
	return failed > 2 && failed < most - 3 ? 0 : 4;
}

static int with_few_pages(int data_fd)
{
	return fill_small(data_fd, "nr_blocks", 300);
}

static int with_few_names(int data_fd)
{
	return fill_small(data_fd, "nr_inodes", 60);
}

TEST(on_a_full_disk_a_blob_is_whole_or_absent)
{
	own_fd data = test_tmpdir();
	int pages = in_child(with_few_pages, data), names = in_child(with_few_names, data);
	if (pages == 77)
		skip(); /* no user namespaces here */
	EXPECT(pages == 0 && names == 0);
}

TEST(a_link_that_fails_leaves_nothing)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = NULL;
	EXPECT_OK(blob_store_open(data, &s));
	struct oci_digest d = oci_digest_of_bytes("hello", 5);
	EXPECT(unlinkat(data, "blobs", AT_REMOVEDIR) == 0); /* nothing can be made in it now */
	own(blob_writer) w = NULL;
	EXPECT_OK(blob_store_session_begin(s, ID, &w));
	EXPECT_OK(blob_writer_write(w, "hello", 5));
	EXPECT_ERR(blob_writer_commit(w, &d, NULL), ERR_NOT_FOUND, "commit blob sha256:2cf2");
	blob_writer_free(move(w));
	EXPECT(count(s->intent_fd, ".") == 0 && count(data, "uploads") == 1);
	blob_store_free(move(s));
	EXPECT_OK(blob_store_open(data, &s));
	EXPECT_OK(blob_store_put(s, "hello", 5, &d));
	EXPECT_OK(check_all(s));
}

static void commit_many(int data_fd, int say_fd)
{
	own(blob_store) s = NULL;
	struct oci_digest d;
	struct err *e = blob_store_open(data_fd, &s);
	for (uint64_t n = 0; !e; n++) {
		own(blob_writer) w = NULL;
		uint64_t mixed = n * 0x9e3779b97f4a7c15 + (uint64_t)getpid();
		e = blob_store_begin(s, &w);
		if (!e)
			e = blob_writer_write(w, piece, PIECE / 10);
		if (!e)
			e = blob_writer_write(w, &mixed, sizeof(mixed));
		if (!e)
			e = blob_writer_commit(w, NULL, &d);
		if (!e && n % 7 == 6)
			e = blob_store_flush(s);
		if (!e && write(say_fd, &d, sizeof(d)) != sizeof(d))
			_exit(1);
	}
	_exit(2);
}

TEST(what_was_committed_outlives_a_killed_process)
{
	own_fd data = test_tmpdir();
	for (int round = 0; round < 8; round++) {
		int fds[2];
		EXPECT(pipe2(fds, O_CLOEXEC) == 0);
		pid_t pid = fork();
		if (pid == 0)
			commit_many(data, fds[1]);
		close(fds[1]);
		own(blob_store) s = NULL;
		EXPECT_OK(blob_store_open(data, &s));
		struct oci_digest d;
		for (int i = 0; i < 3 + 5 * round; i++)
			EXPECT(read(fds[0], &d, sizeof(d)) == sizeof(d));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		do {
			bool found;
			uint64_t size;
			EXPECT_OK(blob_store_stat(s, &d, &found, &size));
			EXPECT(found && size == PIECE / 10 + 8);
		} while (read(fds[0], &d, sizeof(d)) == sizeof(d));
		close(fds[0]);
		EXPECT_OK(check_all(s));
		EXPECT_OK(
			blob_store_flush(s)); /* what the other one committed is on the disk now */
		EXPECT(count(s->intent_fd, ".") <=
		       (size_t)round + 1); /* killed between two links */
		EXPECT(count(data, "uploads") == 1);
	}
}

/* What a power loss leaves of a blob that was not flushed: a name in a directory of another boot,
 * and bytes or none. */
TEST(after_a_power_loss_what_was_not_flushed_is_whole_or_absent)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = NULL;
	struct oci_digest kept, whole, cut;
	EXPECT_OK(blob_store_open(data, &s));
	EXPECT_OK(blob_store_put(s, "kept", 4, &kept));
	EXPECT_OK(blob_store_flush(s));
	EXPECT(count(s->intent_fd, ".") == 0);
	EXPECT_OK(blob_store_put(s, "whole", 5, &whole));
	EXPECT_OK(blob_store_put(s, "cut off", 7, &cut));
	EXPECT(count(s->intent_fd, ".") == 2);
	EXPECT(fchmodat(s->blobs_fd, blob_path_of(&cut).file, 0600, 0) == 0);
	own_fd fd = openat(s->blobs_fd, blob_path_of(&cut).file, O_WRONLY | O_TRUNC);
	EXPECT(fd >= 0);
	blob_store_free(move(s));
	own_fd all = openat(data, "uploads/unflushed", O_RDONLY | O_DIRECTORY);
	DIR *dir = fdopendir(dup(all));
	for (struct dirent *d; (d = readdir(dir));)
		if (d->d_name[0] != '.')
			EXPECT(renameat(all, d->d_name, all, "an-earlier-boot") == 0);
	closedir(dir);

	EXPECT_OK(blob_store_open(data, &s));
	bool found;
	EXPECT_OK(blob_store_stat(s, &kept, &found, NULL));
	EXPECT(found);
	EXPECT_OK(blob_store_stat(s, &whole, &found, NULL));
	EXPECT(found);
	EXPECT_OK(blob_store_stat(s, &cut, &found, NULL));
	EXPECT(!found);
	EXPECT(count(s->intent_fd, ".") == 1 && count(all, ".") == 1);
	EXPECT_OK(blob_store_flush(s));
	EXPECT(count(s->intent_fd, ".") == 0);
}

struct many {
	struct blob_store *store;
	int which;
};

static void *commit_and_flush(void *arg)
{
	struct many *m = arg;
	struct err *e = NULL;
	for (int i = 0; !e && i < 30; i++) {
		char text[32];
		struct oci_digest d; /* each text by two threads */
		snprintf(text, sizeof(text), "%d of %d", i, m->which / 2);
		e = blob_store_put(m->store, text, strlen(text), &d);
		if (!e && i % 3 == 0)
			e = blob_store_flush(m->store);
	}
	err_keep(&e, blob_store_flush(m->store));
	return e;
}

static struct err *add_one(void *arg, const struct oci_digest *d, uint64_t size_bytes)
{
	++*(int *)arg;
	return NULL;
}

TEST(threads_commit_and_flush_at_once)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = NULL;
	EXPECT_OK(blob_store_open(data, &s));
	pthread_t threads[8];
	struct many many[8];
	for (int i = 0; i < 8; i++) {
		many[i] = (struct many){ .store = s, .which = i };
		EXPECT_OK(thread_start(&threads[i], "commit", commit_and_flush, &many[i]));
	}
	for (int i = 0; i < 8; i++) {
		void *e;
		pthread_join(threads[i], &e);
		EXPECT_OK(e);
	}
	int n = 0;
	EXPECT_OK(blob_store_each(s, add_one, &n));
	EXPECT(n == 4 * 30);
	EXPECT_OK(check_all(s));
	EXPECT(count(s->intent_fd, ".") == 0);
}

TEST(a_flush_takes_more_than_one_batch)
{
	own_fd data = test_tmpdir();
	own(blob_store) s = NULL;
	EXPECT_OK(blob_store_open(data, &s));
	for (int i = 0; i < BLOB_BATCH + 20; i++) {
		struct oci_digest d;
		EXPECT_OK(blob_store_put(s, &i, sizeof(i), &d));
	}
	EXPECT(count(s->intent_fd, ".") == BLOB_BATCH + 20);
	EXPECT_OK(blob_store_flush(s));
	EXPECT(count(s->intent_fd, ".") == 0);
	EXPECT_OK(check_all(s));
}
