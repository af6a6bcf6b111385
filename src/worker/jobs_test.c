#include "worker/jobs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static bool is_there(int data, const char *path)
{
	return faccessat(data, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static size_t sweep(int data)
{
	char path[64];
	size_t n;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", data);
	EXPECT_OK(worker_jobs_sweep(path, &n));
	return n;
}

static void put(int dir, const char *name)
{
	own_fd f = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	EXPECT(f >= 0);
}

TEST(what_nobody_has_locked_is_swept_and_no_more)
{
	own_fd data = test_tmpdir(), lives = -1, dead = -1;
	EXPECT(sweep(data) == 0); /* no directory yet */
	EXPECT_OK(worker_jobs_make(data, "lease-1", &lives));
	EXPECT_OK(worker_jobs_make(data, "lease-2", &dead));
	put(lives, "Dockerfile");
	put(dead, "Dockerfile");
	EXPECT(mkdirat(dead, "sub", 0700) == 0);
	EXPECT(sweep(data) == 0);
	own_fd copy = dup(dead); /* as a child has it */
	fd_close_own(&dead);
	EXPECT(sweep(data) == 0);
	fd_close_own(&copy);
	EXPECT(sweep(data) == 1);
	EXPECT(is_there(data, "jobs/lease-1/Dockerfile") && !is_there(data, "jobs/lease-2"));
}

TEST(a_sweep_follows_no_link_out)
{
	own_fd data = test_tmpdir(), dead = -1;
	EXPECT_OK(worker_jobs_make(data, "lease-1", &dead));
	put(data, "precious");
	EXPECT(mkdirat(data, "other", 0700) == 0);
	EXPECT(symlinkat("../other", data, "jobs/link") == 0);
	EXPECT(symlinkat("../../precious", dead, "link") == 0);
	fd_close_own(&dead);
	EXPECT(sweep(data) == 1);
	EXPECT(is_there(data, "precious") && is_there(data, "other"));
}

TEST(a_build_that_begins_again_has_an_empty_directory)
{
	own_fd data = test_tmpdir(), first = -1, second = -1;
	EXPECT_OK(worker_jobs_make(data, "lease-1", &first));
	put(first, "Dockerfile");
	fd_close_own(&first);
	EXPECT_OK(worker_jobs_make(data, "lease-1", &second));
	EXPECT(!is_there(second, "Dockerfile"));
	EXPECT(sweep(data) == 0);
}
