#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

extern char **environ;

static int pid_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void add_standard(posix_spawn_file_actions_t *fa, int fd, int as)
{
	if (fd < 0)
		posix_spawn_file_actions_addopen(fa, as, "/dev/null", as == 0 ? O_RDONLY : O_WRONLY,
						 0);
	else
		posix_spawn_file_actions_adddup2(fa, fd,
						 as); /* the same number: clears close-on-exec */
}

struct err *spawn_start(const struct spawn *s, struct child *out)
{
	/* Descriptors 0 to 2 may be given for one another; move the given ones out of the way. */
	own_fd in = s->in_fd < 0 ? -1 : fcntl(s->in_fd, F_DUPFD_CLOEXEC, 10);
	own_fd outw = s->out_fd < 0 ? -1 : fcntl(s->out_fd, F_DUPFD_CLOEXEC, 10);
	own_fd errw = s->err_fd < 0 ? -1 : fcntl(s->err_fd, F_DUPFD_CLOEXEC, 10);
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&attr);
	add_standard(&fa, in, 0);
	add_standard(&fa, outw, 1);
	add_standard(&fa, errw, 2);
	for (const int *fd = s->keep_fds; fd && *fd >= 0; fd++)
		posix_spawn_file_actions_adddup2(&fa, *fd, *fd);

	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						(s->new_group ? POSIX_SPAWN_SETPGROUP : 0)));
	/* Libraries open descriptors that would be passed on. */
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	pid_t pid;
	int r = posix_spawnp(&pid, s->argv[0], &fa, &attr, (char *const *)s->argv,
			     s->env ? (char *const *)s->env : environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	if (r)
		return err_from_errno(r, "start %s", s->argv[0]);
	*out = (struct child){ .pid = pid, .pid_fd = pid_open(pid) };
	return NULL;
}

struct err *child_wait(struct child *c, int *status)
{
	int st;
	while (waitpid(c->pid, &st, 0) < 0)
		if (errno != EINTR)
			return err_from_errno(errno, "wait for process %d", (int)c->pid);
	c->pid = 0;
	fd_close_own(&c->pid_fd);
	*status = st;
	return NULL;
}

void child_kill(struct child *c, int signo)
{
	if (c->pid <= 0)
		return;
	if (c->pid_fd < 0 || syscall(SYS_pidfd_send_signal, c->pid_fd, signo, NULL, 0) < 0)
		kill(c->pid, signo);
}

void child_done(struct child *c)
{
	int status;
	if (c->pid > 0) {
		child_kill(c, SIGKILL);
		err_free(child_wait(c, &status));
	}
	fd_close_own(&c->pid_fd);
}

static struct err *drain(int out_fd, int err_fd, struct buf *out, struct buf *errors)
{
	struct pollfd fds[2] = { { .fd = out_fd, .events = POLLIN },
				 { .fd = err_fd, .events = POLLIN } };
	struct buf *into[2] = { out, errors };
	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_from_errno(errno, "poll");
		for (int i = 0; i < 2; i++) {
			char piece[4096];
			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			ssize_t n = read(fds[i].fd, piece, sizeof(piece));
			if (n > 0)
				buf_add(into[i], str_n(piece, (size_t)n));
			else if (n == 0 || errno != EINTR)
				fds[i].fd = -1;
		}
	}
	return NULL;
}

struct err *spawn_run(const char *const *argv, size_t max, char **out)
{
	int o[2], e[2];
	if (pipe2(o, O_CLOEXEC) < 0)
		return err_from_errno(errno, "pipe");
	own_fd out_r = o[0], out_w = o[1];
	if (pipe2(e, O_CLOEXEC) < 0)
		return err_from_errno(errno, "pipe");
	own_fd err_r = e[0], err_w = e[1];
	struct child c;
	TRY(spawn_start(
		&(struct spawn){ .argv = argv, .in_fd = -1, .out_fd = out_w, .err_fd = err_w },
		&c));
	fd_close_own(&out_w);
	fd_close_own(&err_w);

	struct buf printed, errors;
	buf_init(&printed, max);
	buf_init(&errors, 4096);
	struct err *failed = drain(out_r, err_r, &printed, &errors);
	int status = 0;
	if (!failed)
		failed = child_wait(&c, &status);
	child_done(&c);
	if (!failed && status) {
		struct str last = str_trim(buf_str(&errors));
		failed = WIFSIGNALED(status)
				 ? err_new(ERR_INVALID, "%s was killed by signal %d", argv[0],
					   WTERMSIG(status))
				 : err_new(ERR_INVALID, "%s exited with code %d: " STR_FMT, argv[0],
					   WEXITSTATUS(status), STR_ARG(last));
	}
	if (!failed && out)
		*out = buf_steal(&printed);
	buf_done(&printed);
	buf_done(&errors);
	return failed;
}

char *spawn_find(const char *name)
{
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? mem_strdup(name) : NULL;
	struct str rest = str_of(getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin");
	while (rest.p) {
		struct str dir = str_cut(&rest, ':');
		own_mem char *path = mem_printf(STR_FMT "/%s", STR_ARG(dir), name);
		if (dir.len && access(path, X_OK) == 0)
			return move(path);
	}
	return NULL;
}
