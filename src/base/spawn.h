/* Other programs, started by posix_spawn(3) without a shell and watched by pidfd. */
#ifndef KILN_BASE_SPAWN_H
#define KILN_BASE_SPAWN_H

#include <signal.h>
#include <sys/types.h>

#include "base/err.h"

struct spawn {
	const char *const *argv;   /* argv[0] is looked up in PATH; NULL-terminated */
	const char *const *env;    /* NULL: ours */
	int in_fd, out_fd, err_fd; /* borrowed; -1: /dev/null */
	const int *keep_fds; /* borrowed: passed on under the same numbers; NULL-terminated by -1 */
	bool new_group;      /* in a process group of its own */
};

struct child {
	pid_t pid;
	int pid_fd; /* owned */
};

/* Every descriptor of ours is closed in the child but those named. The caller waits or drops. */
struct err *spawn_start(const struct spawn *s, struct child *out);
/* Waits for the end. `*status` is as waitpid(2) gives it. */
struct err *child_wait(struct child *c, int *status);
void child_kill(struct child *c, int signo);
/* SIGKILL and reap, if it was not waited for. */
void child_done(struct child *c);
/* Runs a program to its end and returns what it printed (at most `max` bytes kept). ERR_INVALID
 * with its last standard error lines when it exits with another code than 0. `*out` may be NULL. */
struct err *spawn_run(const char *const *argv, size_t max, char **out);
/* Where `name` is found in PATH; NULL if nowhere. The caller frees it. */
char *spawn_find(const char *name);

#endif
