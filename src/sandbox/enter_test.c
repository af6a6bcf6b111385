#include "sandbox/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "base/test.h"
#include "sandbox/ids_priv.h"

/* A forked copy of the test program becomes the supervisor; its child runs `body` and exits with
 * what that returns. 99: it could not be entered. */
static pid_t start(uid_t uid, gid_t gid, int (*body)(bool single_id))
{
	fflush(NULL);
	pid_t pid = fork();
	EXPECT(pid >= 0);
	if (pid)
		return pid;
	if (uid && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
		    setresuid(uid, uid, uid) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0))
		_exit(98);
	bool single_id = false;
	struct err *e = sandbox_enter(&single_id);
	if (e) {
		fprintf(stderr, "%s\n", err_text(e));
		_exit(99);
	}
	_exit(body(single_id));
}

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		EXPECT(errno == EINTR);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static pid_t child_of(pid_t parent)
{
	own_mem char *path = mem_printf("/proc/%d/task/%d/children", (int)parent, (int)parent);
	for (int i = 0; i < 500; i++) {
		own_mem char *text = NULL;
		size_t len;
		err_free(fd_read_path(AT_FDCWD, path, 4096, &text, &len));
		if (text && atoi(text) > 0)
			return atoi(text);
		usleep(10000);
	}
	return 0;
}

static int is_root_of_its_own(bool single_id)
{
	int dies_by = 0;
	own_fd proc = open("/proc/1/stat", O_RDONLY);
	prctl(PR_GET_PDEATHSIG, &dies_by);
	if (getpid() != 1 || gettid() != 1 || geteuid() || getegid() || proc < 0)
		return 1;
	if (dies_by != SIGKILL)
		return 2;
	if (mount("none", "/tmp", "tmpfs", 0, NULL) < 0)
		return 3;
	return single_id ? 21 : 20;
}

TEST(enter_makes_process_1_with_all_ids_for_root)
{
	if (geteuid() == 0)
		EXPECT(wait_for(start(0, 0, is_root_of_its_own)) == 20);
	else
		EXPECT(wait_for(start(0, 0, is_root_of_its_own)) >= 20);
}

TEST(enter_makes_one_id_for_a_user_without_more)
{
	if (geteuid() == 0)
		EXPECT(wait_for(start(65534, 65534, is_root_of_its_own)) == 21);
}

static int has_ids(bool single_id)
{
	if (single_id)
		return 1;
	if (chdir("/") < 0 || setresgid(5000, 5000, 5000) < 0 || setresuid(6000, 6000, 6000) < 0)
		return 2;
	return 20;
}

static int run_quietly(const char *const *argv)
{
	struct err *e = spawn_run(argv, 4096, NULL);
	bool failed = e != NULL;
	err_free(e);
	return failed;
}

TEST(enter_maps_the_subordinate_ids_of_a_user)
{
	static const char user[] = "kilntesttmp";
	const char *const drop[] = { "userdel", user, NULL };
	const char *const add[] = { "useradd", "--no-create-home", "--system", user, NULL };
	const char *const ids[] = { "usermod",
				    "--add-subuids",
				    "1900000000-1900065535",
				    "--add-subgids",
				    "1900000000-1900065535",
				    user,
				    NULL };
	own_mem char *newuidmap = spawn_find("newuidmap");
	if (geteuid() != 0 || !newuidmap)
		return;
	run_quietly(drop); /* from a run that was killed */
	EXPECT_OK(spawn_run(add, 4096, NULL));
	struct passwd *pw = getpwnam(user);
	int code = pw && !run_quietly(ids) ? wait_for(start(pw->pw_uid, pw->pw_gid, has_ids)) : -1;
	EXPECT_OK(spawn_run(drop, 4096, NULL));
	EXPECT(code == 20);
}

static int waits(bool single_id)
{
	while (pause() < 0)
		;
	return 0;
}

static int pipe_to_test[2];

static int holds_pipe(bool single_id)
{
	if (write(pipe_to_test[1], "x", 1) != 1)
		return 1;
	return waits(single_id);
}

/* The supervisor of a builder that is set up; it has the other end of pipe_to_test[0]. */
static pid_t start_and_wait(void)
{
	char c;
	EXPECT(pipe2(pipe_to_test, O_CLOEXEC) == 0);
	pid_t supervisor = start(0, 0, holds_pipe);
	close(pipe_to_test[1]);
	EXPECT(read(pipe_to_test[0], &c, 1) == 1);
	return supervisor;
}

TEST(enter_passes_signals_on)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		signal(signals[i], SIG_DFL); /* a shell's background job ignores some */
		pid_t supervisor = start_and_wait();
		close(pipe_to_test[0]);
		EXPECT(kill(supervisor, signals[i]) == 0);
		EXPECT(wait_for(supervisor) == 128 + signals[i]);
	}
}

TEST(enter_reports_a_killed_builder)
{
	pid_t supervisor = start_and_wait(), builder = child_of(supervisor);
	close(pipe_to_test[0]);
	EXPECT(builder > 0);
	EXPECT(kill(builder, SIGKILL) == 0);
	EXPECT(wait_for(supervisor) == 128 + SIGKILL);
}

TEST(enter_ends_the_builder_with_the_supervisor)
{
	char c;
	pid_t supervisor = start_and_wait();
	EXPECT(kill(supervisor, SIGKILL) == 0);
	EXPECT(wait_for(supervisor) == 1000 + SIGKILL);
	EXPECT(read(pipe_to_test[0], &c, 1) == 0); /* both ends of it are gone */
	close(pipe_to_test[0]);
}

static int no_namespaces(bool single_id)
{
	FILE *f = fopen("/proc/sys/user/max_user_namespaces", "w");
	if (!f || fputs("0", f) < 0 || fclose(f) != 0)
		return 1;
	struct err *e = sandbox_enter(&single_id);
	if (!e)
		return 2;
	own_mem char *text = err_text(e);
	err_free(e);
	return strstr(text, "sysctl -w user.max_user_namespaces=") ? 20 : 3;
}

TEST(enter_names_the_limit_that_stops_it)
{
	EXPECT(wait_for(start(0, 0, no_namespaces)) == 20);
}

TEST(ids_reads_the_ranges_of_a_user)
{
	struct id_ranges r;
	sandbox_ids_read("a:100000:65536\nbob:200000:10\n\n1001:300000:5\nbob:x:5\nbob:1:0\n"
			 "bob:4294967295:9\nbob\nbobby:7:7\nbob:9:1",
			 "bob", 1001, &r);
	EXPECT(r.n == 3);
	EXPECT(r.of[0].start == 200000 && r.of[0].count == 10);
	EXPECT(r.of[1].start == 300000 && r.of[1].count == 5);
	EXPECT(r.of[2].start == 9 && r.of[2].count == 1);
	sandbox_ids_read("", NULL, 1, &r);
	EXPECT(r.n == 0);
	sandbox_ids_read("x:1:4294967294\nx:2:4294967200\n", "x", 1, &r);
	EXPECT(r.n == 1); /* together more ids than there are */
}
