#include "app/cancel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"

static _Atomic bool interrupts_ignored;

static void end_now(int signo)
{
	static const char text[] = "kiln: canceled\n";
	if (write(STDERR_FILENO, text, strlen(text)) < 0) { /* nobody to tell */
	}
	_exit(130);
}

void cancel_at_once(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct sigaction old, end = { .sa_handler = end_now };
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &end, NULL);
	}
}

void cancel_ignore_interrupts(void)
{
	interrupts_ignored = true;
}

#define CANCEL_MOST_S 6 /* to end in order: steps have two seconds of it */

/* A second signal, or no end in time, ends the program where it is: process 1 of the namespaces
 * takes all of its processes and mounts along, and what it was writing is swept by the next. */
static void *wait_for_signal(void *arg)
{
	int fd = (int)(intptr_t)arg, signo;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	while (sigwait(&set, &signo) != 0 || (signo == SIGINT && interrupts_ignored))
		;
	eventfd_write(fd, 1);
	const struct timespec patience = { .tv_sec = CANCEL_MOST_S };
	while (sigtimedwait(&set, NULL, &patience) < 0 && errno == EINTR)
		;
	end_now(0);
	return NULL;
}

struct err *cancel_watch(int *fd)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event < 0)
		return err_new(ERR_UNAVAILABLE, "eventfd");
	pthread_t t;
	struct err *e = thread_start(&t, "signals", wait_for_signal, (void *)(intptr_t)event);
	if (e) {
		close(event);
		return e;
	}
	pthread_detach(t);
	*fd = event;
	return NULL;
}

bool cancel_asked(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };
	return p.fd >= 0 && poll(&p, 1, 0) > 0;
}
