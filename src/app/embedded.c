#include "app/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/thread.h"
#include "base/time.h"

#define TOKEN_NAME    "embedded worker"
#define FIRST_WAIT_MS 200
#define MOST_WAIT_MS  30000
#define GOOD_RUN_MS   60000 /* one that lasted so long was no failed start */
#define END_MS        3000

struct embedded {
	struct auth *auth;                    /* borrowed */
	char *server, *data, *slots, *secret; /* owned */
	bool no_emulation;
	char **insecure; /* owned */
	size_t n_insecure;
	int stop_fd; /* owned eventfd */
	pthread_t thread;
	bool runs;
};

/* Whoever listens everywhere is reached over loopback. */
char *embedded_host(const char *address)
{
	struct str a = str_of(address);
	ptrdiff_t colon = str_rchr(a, ':');
	struct str host = str_first(a, (size_t)colon);
	if (str_eq(host, STR("0.0.0.0")))
		host = STR("127.0.0.1");
	else if (str_eq(host, STR("[::]")))
		host = STR("[::1]");
	return mem_printf(STR_FMT ":%s", STR_ARG(host), address + colon + 1);
}

static char *server_url(const char *address)
{
	own_mem char *host = embedded_host(address);
	return mem_printf("http://%s", host);
}

/* Tokens of servers that are gone are of no use. */
static struct err *make_token(struct embedded *e)
{
	own(arena) m = arena_open(16 << 20);
	struct auth_token *list;
	size_t n;
	TRY(auth_token_list(e->auth, m, NULL, &list, &n));
	for (size_t i = 0; i < n; i++) {
		bool found;
		if (strcmp(list[i].kind, "worker") == 0 && strcmp(list[i].name, TOKEN_NAME) == 0)
			TRY(auth_token_delete(e->auth, str_of(list[i].id), NULL, &found));
	}
	struct auth_token token;
	const char *secret;
	TRY(auth_token_create(
		e->auth, m,
		&(struct auth_token_request){ .is_worker = true, .name = STR(TOKEN_NAME) }, &token,
		&secret));
	e->secret = mem_strdup(secret);
	return NULL;
}

static struct err *start(struct embedded *e, struct child *child)
{
	int pipe_fd[2];
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_from_errno(errno, "make a pipe");
	own_fd out = pipe_fd[0], in = pipe_fd[1];
	TRY(fd_write_all(in, e->secret, strlen(e->secret)));
	const char *argv[32 + 2 * 32] = { "/proc/self/exe", "worker",  "--embedded", "--server",
					  e->server,        "--data",  e->data,      "--token-file",
					  "/dev/stdin",     "--slots", e->slots,     "--name",
					  "embedded" };
	size_t n = 13;
	if (e->no_emulation)
		argv[n++] = "--no-emulation";
	for (size_t i = 0; i < e->n_insecure && i < 32; i++) {
		argv[n++] = "--insecure-registry";
		argv[n++] = e->insecure[i];
	}
	return spawn_start(&(struct spawn){ .argv = argv,
					    .in_fd = out,
					    .out_fd = STDERR_FILENO,
					    .err_fd = STDERR_FILENO,
					    .new_group = true },
			   child);
}

/* True: the worker ended by itself. */
static bool wait_for(struct embedded *e, struct child *child)
{
	struct pollfd p[] = { { .fd = e->stop_fd, .events = POLLIN },
			      { .fd = child->pid_fd, .events = POLLIN } };
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	return !(p[0].revents & POLLIN);
}

/* The second signal is "at once": builds die with it. */
static void end(struct child *child)
{
	struct pollfd p = { .fd = child->pid_fd, .events = POLLIN };
	child_kill(child, SIGTERM);
	child_kill(child, SIGTERM);
	poll(&p, 1, END_MS);
	child_done(child);
}

static bool stop_asked(struct embedded *e, uint64_t wait_ms)
{
	struct pollfd p = { .fd = e->stop_fd, .events = POLLIN };
	return poll(&p, 1, (int)wait_ms) == 1;
}

static void *run(void *arg)
{
	struct embedded *e = arg;
	for (uint64_t wait_ms = 0; !stop_asked(e, wait_ms);) {
		struct child child;
		uint64_t began = time_mono_ms();
		struct err *failed = start(e, &child);
		if (failed) {
			log_err(LOG_LEVEL_ERROR, "the embedded worker does not start", failed);
		} else if (wait_for(e, &child)) {
			int status = 0;
			err_free(child_wait(&child, &status));
			child_done(&child);
			log_warn("the embedded worker ended and is started again",
				 log_u64("status", (uint64_t)status));
		} else {
			end(&child);
			break;
		}
		bool good = time_mono_ms() - began > GOOD_RUN_MS;
		wait_ms =
			good || !wait_ms ? FIRST_WAIT_MS : MIN(2 * wait_ms, (uint64_t)MOST_WAIT_MS);
	}
	return NULL;
}

struct err *embedded_open(struct auth *auth, const struct embedded_options *o,
			  struct embedded **out)
{
	own(embedded) e = mem_new(struct embedded);
	e->auth = auth;
	e->stop_fd = eventfd(0, EFD_CLOEXEC);
	e->server = server_url(o->address);
	e->data = mem_strdup(o->data_path);
	e->slots = mem_printf("%u", o->slots);
	e->no_emulation = o->no_emulation;
	for (size_t i = 0; o->insecure && o->insecure[i]; i++) {
		e->insecure = mem_grow(e->insecure, i + 1, sizeof(*e->insecure));
		e->insecure[e->n_insecure++] = mem_strdup(o->insecure[i]);
	}
	if (e->stop_fd < 0)
		return err_from_errno(errno, "make an eventfd");
	TRY(make_token(e));
	TRY(thread_start(&e->thread, "embedded", run, e));
	e->runs = true;
	*out = move(e);
	return NULL;
}

void embedded_free(struct embedded *e)
{
	if (!e)
		return;
	if (e->runs) {
		eventfd_write(e->stop_fd, 1);
		pthread_join(e->thread, NULL);
	}
	fd_close_own(&e->stop_fd);
	for (size_t i = 0; i < e->n_insecure; i++)
		free(e->insecure[i]);
	free(e->insecure);
	free(e->server);
	free(e->data);
	free(e->slots);
	free(e->secret);
	free(e);
}
