/* A lease: the builder that works for it, and what the builder tells, on its way to the server. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "worker/report.h"
#include "worker/worker_priv.h"

#define LEAST_WAIT_MS 100
#define MOST_WAIT_MS  5000
#define FULL_PAUSE_MS 50
#define CONTEXT_TRIES 5
#define SEND_MS       30000
#define PIPE_BYTES    (1 << 20)

struct lease_job {
	char platform[48];
	bool ended;
};

struct lease {
	struct worker *w;
	json_t *job; /* owned */
	char *id;    /* owned */
	struct outbox outbox;
	struct lease_job jobs[WORKER_MOST_PLATFORMS]; /* of its thread */
	size_t n_jobs;
	int events_fd; /* owned; the builder's standard output */
	int wake_fd;   /* owned; an eventfd: look at what follows */
	/* guarded by the worker's lock */
	struct child child;
	bool canceled, killed, lost;
	uint64_t kill_at_ms;
	struct lease *next;
};

const char *lease_id(const struct lease *l)
{
	return l->id;
}

struct lease *lease_next(const struct lease *l)
{
	return l->next;
}

static void wake(struct lease *l)
{
	eventfd_write(l->wake_fd, 1);
}

void lease_cancel_locked(struct lease *l)
{
	mutex_assert_held(&l->w->lock);
	if (l->canceled)
		return;
	l->canceled = true;
	l->kill_at_ms = time_mono_ms() + l->w->grace_ms;
	child_kill(&l->child, SIGTERM);
	wake(l);
}

void lease_kill_locked(struct lease *l)
{
	mutex_assert_held(&l->w->lock);
	l->canceled = l->killed = true;
	child_kill(&l->child, SIGKILL);
	wake(l);
}

/* --- sending -------------------------------------------------------------------------------- */

static void lose(struct lease *l)
{
	outbox_drop(&l->outbox);
	hold(&l->w->lock);
	l->lost = true;
	lease_kill_locked(l);
}

/* What no repetition mends: the server has given the lease away, or cannot read us. */
static bool is_final(const struct err *e)
{
	const char *code = err_code(e);
	return (code && strcmp(code, "LEASE_LOST") == 0) || e->kind == ERR_INVALID ||
	       e->kind == ERR_LIMIT;
}

static struct err *send_batch(struct lease *l)
{
	size_t len;
	bool cancel = false;
	uint64_t next = 0;
	own_mem char *path = mem_printf("/leases/%s/events", l->id);
	own_mem char *body = outbox_batch(&l->outbox, &len);
	own_json answer = NULL;
	TRY(worker_server_post(l->w->server, path, str_n(body, len), SEND_MS, &answer));
	TRY(json_get_u64(answer, "next", INT64_MAX, &next));
	TRY(json_get_bool(answer, "cancel", &cancel));
	if (!outbox_acknowledge(&l->outbox, next))
		return err_coded(ERR_NOT_FOUND, "LEASE_LOST", NULL,
				 "the server awaits event %llu, which is not at hand",
				 (unsigned long long)next);
	if (cancel) {
		hold(&l->w->lock);
		lease_cancel_locked(l);
	}
	return NULL;
}

static bool at_once(struct worker *w)
{
	hold(&w->lock);
	return w->at_once;
}

static void pause_ms(struct worker *w, uint64_t ms)
{
	uint64_t until = time_mono_ms() + ms;
	hold(&w->lock);
	while (!w->at_once && cond_wait_until(&w->changed, &w->lock, until))
		;
}

static void *send_events(void *arg)
{
	struct lease *l = arg;
	uint64_t not_before = 0, wait = LEAST_WAIT_MS;
	while (outbox_wait(&l->outbox, not_before) && !at_once(l->w)) {
		struct err *e = send_batch(l);
		not_before = time_mono_ms() + OUTBOX_EVERY_MS;
		if (!e) {
			wait = LEAST_WAIT_MS;
			continue;
		}
		if (is_final(e)) {
			log_err(LOG_LEVEL_WARN, "lease is lost", err_wrap(e, "%s", l->id));
			lose(l);
			continue;
		}
		log_err(LOG_LEVEL_WARN, "events are sent again", err_wrap(e, "%s", l->id));
		pause_ms(l->w, wait);
		wait = MIN(2 * wait, (uint64_t)MOST_WAIT_MS);
	}
	outbox_drop(&l->outbox);
	return NULL;
}

/* --- events of our own ---------------------------------------------------------------------- */

static void add_note(struct lease *l, const char *text)
{
	struct buf b;
	buf_init(&b, OUTBOX_EVENT_BYTES);
	buf_printf(&b,
		   "{\"type\":\"log\",\"time\":%lld,\"step\":0,\"platform\":\"\",\"stream\":"
		   "\"system\",\"text\":",
		   (long long)time_now_unix_ms());
	json_add_str(&b, str_first(str_of(text), 4096));
	buf_add_c(&b, '}');
	outbox_add(&l->outbox, buf_str(&b));
	buf_done(&b);
}

/* Why the jobs of a lease ended before their builder said so. */
struct lease_end {
	bool canceled;
	const char *code, *remedy, *text; /* `remedy` may be NULL */
};

static void end_job(struct lease *l, const struct lease_job *j, const struct lease_end *end)
{
	struct buf b;
	buf_init(&b, OUTBOX_EVENT_BYTES);
	buf_printf(&b, "{\"type\":\"job\",\"platform\":\"%s\",\"state\":\"%s\",\"time\":%lld",
		   j->platform, end->canceled ? "canceled" : "failed",
		   (long long)time_now_unix_ms());
	if (!end->canceled)
		worker_report_add_error(&b, end->code, end->remedy, end->text);
	buf_add_c(&b, '}');
	outbox_add(&l->outbox, buf_str(&b));
	buf_done(&b);
}

/* What the builder did not end. */
static void end_jobs(struct lease *l, const struct lease_end *end)
{
	for (size_t i = 0; i < l->n_jobs; i++)
		if (!l->jobs[i].ended)
			end_job(l, &l->jobs[i], end);
}

/* --- the builder's events ------------------------------------------------------------------- */

static void note_job(struct lease *l, struct str line)
{
	own_json j = NULL;
	struct str platform = STR(""), state = STR("");
	err_free(json_read(line, &j));
	if (!json_is_object(j))
		return;
	err_free(json_get_str(j, "platform", &platform));
	err_free(json_get_str(j, "state", &state));
	bool ended = str_eq(state, STR("done")) || str_eq(state, STR("failed")) ||
		     str_eq(state, STR("canceled"));
	for (size_t i = 0; i < l->n_jobs; i++)
		if (str_eq(platform, str_of(l->jobs[i].platform)))
			l->jobs[i].ended = l->jobs[i].ended || ended;
}

static void take_line(struct lease *l, struct str line)
{
	if (!line.len)
		return;
	if (str_starts(line, STR("{\"type\":\"job\"")))
		note_job(l, line);
	outbox_add(&l->outbox, line);
}

static void take_lines(struct lease *l, struct buf *pending, struct str bytes)
{
	while (bytes.len) {
		ptrdiff_t end = str_chr(bytes, '\n');
		struct str piece = end < 0 ? bytes : str_first(bytes, (size_t)end);
		bytes = str_skip(bytes, piece.len + (end >= 0));
		if (end >= 0 && !pending->len) {
			take_line(l, str_first(piece, OUTBOX_EVENT_BYTES));
			continue;
		}
		buf_add(pending, piece);
		if (end >= 0) {
			take_line(l, buf_str(pending));
			buf_clear(pending);
		}
	}
}

static void kill_if_due(struct lease *l)
{
	hold(&l->w->lock);
	if (l->canceled && !l->killed && time_mono_ms() >= l->kill_at_ms)
		lease_kill_locked(l);
}

static int wait_ms(struct lease *l, bool full)
{
	hold(&l->w->lock);
	uint64_t now = time_mono_ms();
	int ms = full ? FULL_PAUSE_MS : -1;
	if (l->canceled && !l->killed) {
		int left = l->kill_at_ms > now ? (int)(l->kill_at_ms - now) : 0;
		ms = ms < 0 ? left : MIN(ms, left);
	}
	return ms;
}

/* Until the builder closes its output. */
static void read_events(struct lease *l)
{
	own_mem char *piece = mem_zalloc(PIPE_BYTES);
	struct buf pending;
	buf_init(&pending, OUTBOX_EVENT_BYTES);
	for (;;) {
		bool full = outbox_full(&l->outbox);
		struct pollfd p[2] = { { .fd = l->wake_fd, .events = POLLIN },
				       { .fd = full ? -1 : l->events_fd, .events = POLLIN } };
		int r = poll(p, 2, wait_ms(l, full));
		kill_if_due(l);
		eventfd_t woken;
		if (r > 0 && p[0].revents)
			eventfd_read(l->wake_fd, &woken);
		if (r <= 0 || !p[1].revents)
			continue;
		ssize_t n = read(l->events_fd, piece, PIPE_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		take_lines(l, &pending, str_n(piece, (size_t)n));
	}
	buf_done(&pending);
}

/* --- the builder ---------------------------------------------------------------------------- */

static char *job_text(struct lease *l, int context_fd)
{
	const struct worker_options *o = l->w->o;
	own_json j = json_object();
	json_object_set(j, "lease", l->job);
	json_object_set_new(j, "data", json_string(o->data_path));
	json_object_set_new(j, "server", json_string(o->server));
	json_object_set_new(j, "token", json_string(o->token));
	json_object_set_new(j, "embedded", json_boolean(o->embedded));
	json_t *insecure = json_array();
	for (const char *const *host = o->insecure; host && *host; host++)
		json_array_append_new(insecure, json_string(*host));
	json_object_set_new(j, "insecure", insecure);
	json_object_set_new(j, "contextFd", json_integer(context_fd));
	return json_text(j);
}

/* On its standard input; a file, so that nobody waits for it to be read. */
static struct err *job_file(const char *text, int *fd)
{
	*fd = memfd_create("job", MFD_CLOEXEC);
	if (*fd < 0)
		return err_from_errno(errno, "memfd");
	TRY(fd_pwrite_all(*fd, text, strlen(text), 0));
	return NULL;
}

static struct err *start_builder(struct lease *l, int *context_fd)
{
	int events[2], context[2];
	if (pipe2(events, O_CLOEXEC) < 0)
		return err_from_errno(errno, "pipe");
	own_fd events_in = events[1];
	fd_close_own(&l->events_fd);
	l->events_fd = events[0];
	if (pipe2(context, O_CLOEXEC) < 0)
		return err_from_errno(errno, "pipe");
	own_fd context_out = context[0], context_in = context[1];
	fcntl(context_in, F_SETPIPE_SZ, PIPE_BYTES); /* more only saves time */
	fcntl(events_in, F_SETPIPE_SZ, PIPE_BYTES);
	own_mem char *text = job_text(l, context_out);
	own_fd job = -1;
	TRY(job_file(text, &job));
	explicit_bzero(text, strlen(text));
	const char *const argv[] = { l->w->o->program, "build-job", NULL };
	const int keep[] = { context_out, -1 };
	const struct spawn s = { .argv = argv,
				 .in_fd = job,
				 .out_fd = events_in,
				 .err_fd = STDERR_FILENO,
				 .keep_fds = keep,
				 .new_group = true };
	struct child child;
	TRY(spawn_start(&s, &child));
	*context_fd = fd_move(&context_in);
	hold(&l->w->lock);
	l->child = child;
	if (l->canceled)
		child_kill(&l->child, SIGTERM);
	return NULL;
}

/* Ends it if it has not ended; `*status` as waitpid(2) gives it. */
static void reap(struct lease *l, bool kill_it, int *status)
{
	struct pollfd p = { .fd = l->child.pid_fd, .events = POLLIN };
	if (kill_it) {
		hold(&l->w->lock);
		child_kill(&l->child, SIGKILL);
	}
	while (p.fd >= 0 && poll(&p, 1, wait_ms(l, false)) <= 0)
		kill_if_due(l);
	*status = 0;
	hold(&l->w->lock); /* it has ended: this does not wait */
	err_free(child_wait(&l->child, status));
}

static void remove_files(struct lease *l)
{
	own_mem char *path = mem_printf("%s/jobs", l->w->o->data_path);
	own_fd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		err_free(fd_remove_tree(dir, l->id));
}

/* --- the context ---------------------------------------------------------------------------- */

struct context_sink {
	int fd;
	bool gone; /* the builder does not read any more */
};

static struct err *write_context(void *arg, const void *p, size_t len)
{
	struct context_sink *s = arg;
	struct err *e = fd_write_all(s->fd, p, len);
	s->gone = s->gone || e;
	return e;
}

/* To the builder, which has started meanwhile. `*again`: the server may do better next time. */
static struct err *send_context(struct lease *l, int fd, bool *again)
{
	own_mem char *path = mem_printf("/leases/%s/context", l->id);
	struct context_sink sink = { .fd = fd };
	struct err *e = worker_server_get(l->w->server, path, write_context, &sink);
	*again = e && !sink.gone && e->kind == ERR_UNAVAILABLE;
	if (e && sink.gone) { /* it says itself what ails it */
		err_free(e);
		return NULL;
	}
	return err_wrap(e, "build context");
}

static bool is_canceled(struct lease *l)
{
	hold(&l->w->lock);
	return l->canceled;
}

/* A builder with its context. */
static struct err *begin(struct lease *l)
{
	for (unsigned i = 0;; i++) {
		bool again;
		int status;
		own_fd context = -1;
		TRY(start_builder(l, &context));
		struct err *e = send_context(l, context, &again);
		if (!e)
			return NULL;
		reap(l, true, &status); /* before it sees that the archive has an end too soon */
		if (!again || i + 1 == CONTEXT_TRIES || is_canceled(l))
			return e;
		log_err(LOG_LEVEL_WARN, "the build context is asked for again", e);
		pause_ms(l->w, (uint64_t)LEAST_WAIT_MS << (2 * i));
	}
}

/* --- its life ------------------------------------------------------------------------------- */

static char *how_it_ended(int status)
{
	if (WIFSIGNALED(status))
		return mem_printf("the builder was killed by signal %d", WTERMSIG(status));
	return mem_printf("the builder ended with code %d before its jobs did",
			  WEXITSTATUS(status));
}

static void work(struct lease *l)
{
	struct err *e = begin(l);
	if (e) {
		const char *code = err_code(e);
		if (code && strcmp(code, "LEASE_LOST") == 0)
			lose(l);
		own_mem char *text = err_text(e);
		add_note(l, text);
		end_jobs(l, &(struct lease_end){ .canceled = is_canceled(l),
						 .code = code ?: "WORKER",
						 .remedy = err_remedy(e),
						 .text = text });
		err_free(e);
		return;
	}
	int status;
	read_events(l);
	reap(l, false, &status);
	own_mem char *how = how_it_ended(status);
	end_jobs(l, &(struct lease_end){ .canceled = is_canceled(l),
					 .code = "WORKER",
					 .remedy = "Look into the log of the worker, and retry.",
					 .text = how });
}

static void lease_free(struct lease *l)
{
	child_done(&l->child);
	outbox_done(&l->outbox);
	fd_close_own(&l->events_fd);
	fd_close_own(&l->wake_fd);
	json_decref(l->job);
	free(l->id);
	free(l);
}

static void leave(struct lease *l)
{
	struct worker *w = l->w;
	hold(&w->lock);
	struct lease **at = &w->leases;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	w->n_leases--;
	lease_free(l);
	cond_broadcast(&w->changed);
}

static void *run_lease(void *arg)
{
	struct lease *l = arg;
	pthread_t sender;
	struct err *e = thread_start(&sender, "events", send_events, l);
	if (e) {
		log_err(LOG_LEVEL_ERROR, "lease is given up", e);
		leave(l);
		return NULL;
	}
	work(l);
	remove_files(l);
	worker_sweep(l->w); /* what the dead held on to when we started */
	outbox_close(&l->outbox);
	pthread_join(sender, NULL);
	leave(l);
	return NULL;
}

static struct err *read_job(struct lease *l)
{
	struct str id = STR("");
	json_t *platforms = NULL, *v;
	size_t i;
	TRY(json_get_str(l->job, "id", &id));
	TRY(json_get_array(l->job, "platforms", &platforms));
	for (size_t k = 0; k < id.len; k++)
		if (id.p[k] <= ' ' || id.p[k] > '~' || id.p[k] == '/' || id.p[k] == '.')
			return err_new(ERR_INVALID, "a lease with a strange id");
	if (!id.len || id.len > 100 || !json_array_size(platforms) ||
	    json_array_size(platforms) > ARRAY_LEN(l->jobs))
		return err_new(ERR_INVALID, "a lease without id or platforms");
	l->id = str_dup(id);
	json_array_foreach(platforms, i, v)
	{
		struct oci_platform p;
		TRY(oci_platform_parse(str_of(json_string_value(v)), &p));
		snprintf(l->jobs[i].platform, sizeof(l->jobs[i].platform), "%s",
			 oci_platform_text(&p).s);
	}
	l->n_jobs = json_array_size(platforms);
	return NULL;
}

static struct err *set_up(struct lease *l)
{
	TRY(read_job(l));
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return l->wake_fd < 0 ? err_from_errno(errno, "eventfd") : NULL;
}

struct err *lease_start(struct worker *w, json_t *job)
{
	struct lease *l = mem_new(struct lease);
	*l = (struct lease){ .w = w,
			     .job = json_deep_copy(job),
			     .events_fd = -1,
			     .wake_fd = -1,
			     .child = { .pid_fd = -1 } };
	outbox_init(&l->outbox);
	struct err *e = set_up(l);
	if (e) {
		lease_free(l);
		return e;
	}
	mutex_lock(&w->lock);
	l->next = w->leases;
	w->leases = l;
	w->n_leases++;
	mutex_unlock(&w->lock);
	pthread_t thread;
	e = thread_start(&thread, "lease", run_lease, l);
	if (e)
		leave(l);
	else
		pthread_detach(thread);
	return e;
}
