#include "sandbox/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/ids_priv.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 4
#endif
#define HOST_BINFMT "/proc/sys/fs/binfmt_misc"

/* What the two sides say to each other over a socket that keeps message boundaries:
 *   parent  MAPPED      the id maps are written
 *   child   struct said ready (errnum 0), or what went wrong
 *   parent  GO          sent when the child already dies with the parent, so nothing is left
 *                       should the parent have gone before
 * The end of the stream means that the other side is gone. */
enum { MAPPED = 'm', GO = 'g' };
struct said {
	int errnum;
	char what[64];
};

static bool hear(int sock, char want)
{
	char got;
	ssize_t n;
	do {
		n = recv(sock, &got, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n == 1 && got == want;
}

static bool say(int sock, const void *p, size_t len)
{
	return send(sock, p, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* ---- the child ---- */

/* Process 1 ignores every signal that it has no handler for, which would make an unprepared
 * program deaf to ^C. */
static void end_by_signal(int signo)
{
	_exit(128 + signo);
}

static void default_actions(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct sigaction old, end = { .sa_handler = end_by_signal };
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &end, NULL);
	}
}

/* A fresh /proc hides the host's binfmt_misc, which is wanted where there can be no private one. */
static int mount_proc(void)
{
	own_fd binfmt =
		(int)syscall(SYS_open_tree, AT_FDCWD, HOST_BINFMT, OPEN_TREE_CLONE | O_CLOEXEC);
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -1;
	if (binfmt >= 0)
		syscall(SYS_move_mount, binfmt, "", AT_FDCWD, HOST_BINFMT, MOVE_MOUNT_F_EMPTY_PATH);
	return 0;
}

static const char *settle(void)
{
	/* The system calls, because the library would wait for threads that only the parent has. */
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return "become root in the user namespace";
	/* What is mounted here stays here; what the host unmounts goes here, too. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return "make the mounts private";
	if (mount_proc() < 0)
		return "mount /proc";
	/* After the ids: changing them clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return "ask to die with the supervisor";
	return NULL;
}

static void run_child(int sock)
{
	if (!hear(sock, MAPPED))
		_exit(1);
	struct said said = { .errnum = 0 };
	const char *failed = settle();
	if (failed) {
		said.errnum = errno;
		snprintf(said.what, sizeof(said.what), "%s", failed);
	}
	if (!say(sock, &said, sizeof(said)) || failed || !hear(sock, GO))
		_exit(1);
	default_actions();
}

/* ---- the parent ---- */

static bool sysctl_is(const char *path, char value)
{
	own_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	char c;
	return fd >= 0 && read(fd, &c, 1) == 1 && c == value;
}

static const char *remedy(int errnum)
{
	if (errnum == ENOSPC || sysctl_is("/proc/sys/user/max_user_namespaces", '0'))
		return ": raise the limit by \"sysctl -w user.max_user_namespaces=28633\"";
	if (errnum == EINVAL || errnum == ENOSYS)
		return ": the kernel lacks user, PID or cgroup namespaces (CONFIG_USER_NS=y)";
	if (errnum == EUSERS)
		return ": user namespaces are nested too deep here";
	if (errnum != EPERM && errnum != EACCES)
		return "";
	if (sysctl_is("/proc/sys/kernel/unprivileged_userns_clone", '0'))
		return ": allow them by \"sysctl -w kernel.unprivileged_userns_clone=1\"";
	if (geteuid() && sysctl_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1'))
		return ": AppArmor restricts user namespaces; allow them by \"sysctl -w "
		       "kernel.apparmor_restrict_unprivileged_userns=0\"";
	return ": inside a container, start it with \"--security-opt seccomp=unconfined "
	       "--security-opt apparmor=unconfined --security-opt systempaths=unconfined\"";
}

static pid_t clone_child(void)
{
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
			      CLONE_NEWCGROUP | SIGCHLD;
	/* The system call itself, because unshare(2) refuses a process with threads and a sanitizer
	 * has one. It does not tell the C library its new thread id, so the kernel writes it where
	 * the library keeps it. */
	pid_t *tid = NULL;
	if (prctl(PR_GET_TID_ADDRESS, &tid) == 0 && tid && *tid == gettid())
		flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__s390x__) || defined(__CRIS__)
#error "clone(2) has another order of arguments here"
#elif defined(__x86_64__) || defined(__alpha__) || defined(__m68k__)
	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, tid, 0ul);
#else
	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, 0ul, tid);
#endif
}

static struct err *hand_over(const struct id_plan *plan, pid_t child, int sock)
{
	static const char mapped = MAPPED, go = GO;
	struct said said;
	TRY(sandbox_ids_apply(plan, child));
	if (!say(sock, &mapped, 1))
		return err_from_errno(errno, "talk to the builder");
	ssize_t n = recv(sock, &said, sizeof(said), 0);
	if (n != sizeof(said))
		return err_new(ERR_UNAVAILABLE, "the builder ended while it was set up");
	if (said.errnum) {
		said.what[sizeof(said.what) - 1] = '\0';
		return err_new(said.errnum == EPERM || said.errnum == EACCES ? ERR_DENIED
									     : ERR_UNAVAILABLE,
			       "%s: %s%s", said.what, strerror(said.errnum), remedy(said.errnum));
	}
	if (!say(sock, &go, 1))
		return err_from_errno(errno, "talk to the builder");
	return NULL;
}

static void end_like(int status)
{
	if (!WIFSIGNALED(status))
		_exit(WEXITSTATUS(status));
	int signo = WTERMSIG(status);
	const char *name = sigabbrev_np(signo);
	fprintf(stderr, "kiln: the builder was killed by signal %d (%s%s)\n", signo,
		name ? "SIG" : "", name ?: "unknown");
	fflush(stderr);
	_exit(128 + signo);
}

/* ^Z stops the foreground group, but process 1 of a namespace stops only when it is forced to. */
static void stop_both(pid_t child)
{
	kill(child, SIGSTOP);
	raise(SIGSTOP);
	kill(child, SIGCONT);
}

static _Noreturn void supervise(pid_t child, const sigset_t *signals)
{
	for (;;) {
		siginfo_t si;
		int status;
		if (sigwaitinfo(signals, &si) < 0)
			continue;
		if (si.si_signo == SIGCHLD) {
			if (waitpid(child, &status, WNOHANG) == child)
				end_like(status);
		} else if (si.si_signo == SIGTSTP) {
			stop_both(child);
		} else if (si.si_code != SI_KERNEL) {
			/* Those of the kernel came from the terminal, to the whole group. */
			kill(child, si.si_signo);
		}
	}
}

/* What the supervisor waits for: not what was ignored when it was started (nohup). */
static sigset_t watched_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct sigaction now;
		if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&set, signals[i]);
	}
	return set;
}

static struct err *start(const struct id_plan *plan, const sigset_t *watched, bool *is_child)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_from_errno(errno, "make a socket pair");
	own_fd ours = pair[0], theirs = pair[1];
	fflush(NULL);
	access(HOST_BINFMT "/status", F_OK); /* lets an automount happen outside */
	pid_t child = clone_child();
	if (child < 0)
		return err_new(errno == EPERM || errno == EACCES ? ERR_DENIED : ERR_UNAVAILABLE,
			       "make a user namespace: %s%s", strerror(errno), remedy(errno));
	if (child == 0) {
		fd_close_own(&ours);
		run_child(theirs);
		*is_child = true;
		return NULL;
	}
	fd_close_own(&theirs);
	struct err *e = hand_over(plan, child, ours);
	if (!e) {
		fd_close_own(&ours);
		supervise(child, watched);
	}
	/* ^C reaches both of us, and the child is the one that ends by it. */
	sigset_t pending;
	if (sigpending(&pending) == 0 &&
	    (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	     sigismember(&pending, SIGHUP))) {
		err_free(e);
		e = err_new(ERR_CANCELED, "canceled");
	}
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return e;
}

struct err *sandbox_enter(bool *single_id)
{
	struct id_plan plan;
	TRY(err_wrap(sandbox_ids_plan(&plan), "enter the sandbox"));
	struct sigaction wait_for_children = { .sa_handler = SIG_DFL }, old_chld;
	sigset_t watched = watched_signals(), old_mask;
	sigaction(SIGCHLD, &wait_for_children, &old_chld);
	sigprocmask(SIG_BLOCK, &watched, &old_mask);

	bool is_child = false;
	struct err *e = start(&plan, &watched, &is_child);
	if (!is_child)
		sigaction(SIGCHLD, &old_chld, NULL);
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	if (e)
		return err_wrap(e, "enter the sandbox");
	*single_id = plan.kind == IDS_SINGLE;
	return NULL;
}
