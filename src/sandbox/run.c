#include "sandbox/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "base/time.h"
#include "sandbox/sandbox_priv.h"

#define MAX_CRUN_LOG ((size_t)64 << 10)

/* A step has a PID namespace with init.c as process 1, which starts crun:
 *   - the step's first process is not process 1, so that signals do to it what they do to any other
 *     (the kernel shields process 1: "kill -9 $$" does nothing there, and qemu hangs when the
 *     program that it runs dies of a signal);
 *   - when that process has ended, or crun failed, or anything was killed, init ends, and by then
 *     the kernel has killed everything that the step left behind.
 */
enum {
	STOP_GRACE_MS = 2000, /* between SIGTERM and SIGKILL */
	INIT_START_MS = 20,   /* until then init may not pass signals on */
};

/* One step on its way: its directory "WORK/bundles/ID" and what is in it. */
struct run {
	struct sandbox *s;               /* borrowed */
	const struct sandbox_step *step; /* borrowed */
	char id[16];
	char *dir;  /* owned */
	int dir_fd; /* owned */
	struct child init;
	int out_r, err_r; /* owned; -1 with `terminal` */
	uint64_t began_mono_ms;
	uint64_t kill_at_mono_ms; /* 0: it may run on */
	struct buf said;          /* what came on standard error, only its beginning */
};

static void run_done(struct run *r)
{
	child_done(&r->init);
	fd_close_own(&r->out_r);
	fd_close_own(&r->err_r);
	fd_close_own(&r->dir_fd);
	if (r->dir) {
		own_mem char *bundle = mem_printf("bundles/%s", r->id);
		own_mem char *state = mem_printf("crun/%s", r->id);
		/* Both in the tmpfs: no harm if they stay. */
		err_free(fd_remove_tree(r->s->work_fd, bundle));
		err_free(fd_remove_tree(r->s->work_fd, state));
	}
	free(r->dir);
	buf_done(&r->said);
}

static struct err *check_ids(const struct sandbox *s, const struct sandbox_step *step)
{
	static const char remedy[] = "does not exist in the user namespace; give the user more "
				     "subordinate ids: usermod --add-subuids FIRST-LAST "
				     "--add-subgids FIRST-LAST USER";
	if (!sandbox_id_exists(s->uid_map, step->uid))
		return err_new(ERR_DENIED, "user id %u %s", step->uid, remedy);
	if (!sandbox_id_exists(s->gid_map, step->gid))
		return err_new(ERR_DENIED, "group id %u %s", step->gid, remedy);
	for (size_t i = 0; i < step->n_groups; i++)
		if (!sandbox_id_exists(s->gid_map, step->groups[i]))
			return err_new(ERR_DENIED, "group id %u %s", step->groups[i], remedy);
	return NULL;
}

static struct err *write_file(struct run *r, const char *name, const char *p, size_t len)
{
	own_fd fd = openat(r->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_from_errno(errno, "create %s/%s", r->dir, name);
	return err_wrap(fd_write_all(fd, p, len), "write %s/%s", r->dir, name);
}

static struct err *make_bundle(struct run *r)
{
	const char *hostname = r->step->hostname;
	snprintf(r->id, sizeof(r->id), "%u", atomic_fetch_add(&r->s->next_id, 1));
	own_mem char *dir = mem_printf("%s/bundles/%s", r->s->work, r->id);
	if (mkdir(dir, 0755) < 0)
		return err_from_errno(errno, "make directory %s", dir);
	r->dir = move(dir);
	r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		return err_from_errno(errno, "open %s", r->dir);

	own_mem char *hosts = mem_printf("%s/hosts", hostname ? r->dir : r->s->etc);
	if (hostname) {
		own_mem char *text = sandbox_hosts(hostname);
		TRY(write_file(r, "hosts", text, strlen(text)));
	}
	own_mem char *spec = NULL;
	size_t len;
	TRY(err_wrap(sandbox_spec(r->s, r->step, hosts, &spec, &len), "describe the step"));
	return write_file(r, "config.json", spec, len);
}

static bool is_null_device(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static struct err *make_pipe(int *read_fd, int *write_fd)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_from_errno(errno, "pipe");
	*read_fd = p[0];
	*write_fd = p[1];
	return NULL;
}

static struct err *spawn_crun(struct run *r, int in_fd, int out_fd, int err_fd)
{
	own_mem char *log = mem_printf("%s/log", r->dir);
	own_mem char *pid_file = mem_printf("%s/pid", r->dir);
	const char *const argv[] = {
		r->s->init,      pid_file,   r->s->crun,   "--root",
		r->s->crun_root, "--log",    log,          "--cgroup-manager=disabled",
		"run",           "--detach", "--pid-file", pid_file,
		"--bundle",      r->dir,     r->id,        NULL,
	};
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	struct spawn spawn = {
		.argv = argv,
		.env = env,
		.in_fd = in_fd,
		.out_fd = out_fd,
		.err_fd = err_fd,
		/* ^C is for the builder to answer; but a terminal only serves its foreground group.
		 */
		.new_group = !r->step->terminal,
	};
	/* Both are about the next children of this thread only. */
	if (unshare(CLONE_NEWPID) < 0)
		return err_from_errno(errno, "make a PID namespace");
	struct err *e = spawn_start(&spawn, &r->init);
	int back = setns(r->s->pid_ns_fd, CLONE_NEWPID);
	assert(back == 0);
	return e;
}

/* crun gives its standard streams to the user of the step, so /dev/null must not be one of them: it
 * would change hands for the whole host. A pipe at its end takes its place. */
static struct err *start(struct run *r)
{
	bool inherit = r->step->terminal;
	own_fd in_r = -1, in_w = -1, out_w = -1, err_w = -1;
	if (!inherit || is_null_device(0))
		TRY(make_pipe(&in_r, &in_w));
	if (!inherit || is_null_device(1))
		TRY(make_pipe(&r->out_r, &out_w));
	if (!inherit || is_null_device(2))
		TRY(make_pipe(&r->err_r, &err_w));
	return spawn_crun(r, in_r >= 0 ? in_r : 0, out_w >= 0 ? out_w : 1, err_w >= 0 ? err_w : 2);
}

/* Reads what is there, and closes at the end. */
static void pass_on(struct run *r, int *fd, bool is_stderr)
{
	char piece[32 << 10];
	ssize_t n = read(*fd, piece, sizeof(piece));
	if (n > 0 && is_stderr)
		buf_add(&r->said, str_n(piece, (size_t)n));
	if (n > 0 && !r->step->terminal)
		r->step->output(r->step->arg, is_stderr, str_n(piece, (size_t)n));
	else if (n == 0 || (n < 0 && errno != EINTR))
		fd_close_own(fd);
}

static void stop(struct run *r)
{
	uint64_t now = time_mono_ms();
	bool starting = now < r->began_mono_ms + INIT_START_MS;
	if (!r->kill_at_mono_ms)
		r->kill_at_mono_ms = now + (starting ? 0 : STOP_GRACE_MS);
	child_kill(&r->init, now >= r->kill_at_mono_ms ? SIGKILL : SIGTERM);
}

static int wait_ms(const struct run *r)
{
	uint64_t now = time_mono_ms();
	if (!r->kill_at_mono_ms)
		return -1;
	return now >= r->kill_at_mono_ms ? 100 : (int)(r->kill_at_mono_ms - now);
}

static struct err *follow(struct run *r)
{
	bool ended = false;
	while (!ended || r->out_r >= 0 || r->err_r >= 0) {
		struct pollfd p[] = {
			{ .fd = r->out_r, .events = POLLIN },
			{ .fd = r->err_r, .events = POLLIN },
			{ .fd = ended ? -1 : r->init.pid_fd, .events = POLLIN },
			{ .fd = r->kill_at_mono_ms ? -1 : r->step->cancel_fd, .events = POLLIN },
		};
		int n = poll(p, ARRAY_LEN(p), ended ? -1 : wait_ms(r));
		if (n < 0 && errno != EINTR)
			return err_from_errno(errno, "poll");
		if (n < 0)
			continue;
		if (p[0].revents)
			pass_on(r, &r->out_r, false);
		if (p[1].revents)
			pass_on(r, &r->err_r, true);
		ended |= p[2].revents != 0;
		if (!ended && (p[3].revents || (n == 0 && r->kill_at_mono_ms)))
			stop(r);
	}
	return NULL;
}

static bool has(const char *text, const char *part)
{
	return strcasestr(text, part) != NULL;
}

static struct err *classify(const struct run *r, const char *text)
{
	const char *program = r->step->args[0];
	if (has(text, "executable file") && has(text, "not found"))
		return err_new(ERR_NOT_FOUND, "%s: not found in the image", program);
	if (has(text, "exec format error"))
		return err_new(ERR_INVALID, "%s: not a program of %s, or no emulator runs it",
			       program, oci_platform_text(r->step->platform).s);
	if (has(text, "exec container process") && has(text, "no such file"))
		return err_new(ERR_NOT_FOUND,
			       "%s: its interpreter or loader is not found in the image", program);
	if (has(text, "permission denied") && (has(text, "executable") || has(text, "exec ")))
		return err_new(ERR_DENIED, "%s: permission denied (is it executable?)", program);
	return err_new(has(text, "no such file") ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "crun: %s",
		       text);
}

/* Why a step did not run. crun says it in its log, where nothing of a step ever is; but when the
 * very last call, execve(2), fails, the log is closed and standard error has one line. */
static struct err *explain(struct run *r)
{
	own_mem char *log = NULL;
	size_t len = 0;
	struct err *e = fd_read_path(r->dir_fd, "log", MAX_CRUN_LOG, &log, &len);
	if (e && e->kind != ERR_NOT_FOUND)
		return e;
	err_free(e);
	struct str text = str_trim(str_n(log, len));
	struct str said = str_trim(buf_str(&r->said));
	if (!text.len && !r->said.over && str_starts(said, STR("exec container process ")) &&
	    str_chr(said, '\n') < 0)
		text = said;
	if (!text.len)
		return NULL;
	own_mem char *why = str_dup(text);
	return classify(r, why);
}

static void read_status(int status, struct sandbox_result *out)
{
	if (WIFSIGNALED(status)) {
		out->signo = WTERMSIG(status);
		out->exit_code = 128 + out->signo;
		return;
	}
	out->exit_code = WEXITSTATUS(status);
	if (out->exit_code > 128 && out->exit_code <= 128 + SIGRTMAX)
		out->signo = out->exit_code - 128;
}

static struct err *run_step(struct run *r, struct sandbox_result *out)
{
	struct sandbox_result result = { 0 };
	int status;
	TRY(check_ids(r->s, r->step));
	TRY(make_bundle(r));
	TRY(start(r));
	TRY(follow(r));
	TRY(child_wait(&r->init, &status));
	read_status(status, &result);
	result.canceled = r->kill_at_mono_ms != 0;
	if (result.exit_code && !result.canceled)
		TRY(explain(r));
	result.took_ms = time_mono_ms() - r->began_mono_ms;
	*out = result;
	return NULL;
}

struct err *sandbox_run(struct sandbox *s, const struct sandbox_step *step,
			struct sandbox_result *out)
{
	assert(step->args && step->args[0] && (step->terminal || step->output));
	struct run r = {
		.s = s,
		.step = step,
		.dir_fd = -1,
		.init = { .pid_fd = -1 },
		.out_r = -1,
		.err_r = -1,
		.began_mono_ms = time_mono_ms(),
	};
	buf_init(&r.said, 4096);
	struct err *e = run_step(&r, out);
	run_done(&r);
	return e;
}
