#include "app/job_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "app/cancel.h"
#include "app/exit.h"
#include "app/store.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/thread.h"
#include "http/url.h"
#include "sandbox/enter.h"
#include "worker/context.h"
#include "worker/jobs.h"
#include "worker/remote.h"
#include "worker/report.h"

struct job {
	struct arena *a; /* owned */
	json_t *json;    /* owned; the texts below are its */
	const char *data, *server, *token, *id;
	bool embedded;
	int context_fd; /* owned */
	int events_fd;  /* owned */
	uint64_t time_limit_s, first_step;
	struct str dockerfile;
	const char **mirrors, **insecure;
	struct registry_login login;
	size_t n_logins;
	struct oci_platform platforms[GRAPH_MOST_TARGETS];
	struct executor_request request;

	int cancel_fd; /* stays open to the end of the program */
	_Atomic bool too_long;
	bool single_id;
	bool begun;                       /* what fails now is what was to be built */
	int dir_fd;                       /* owned; the unpacked context */
	struct app_store *store;          /* owned */
	struct registry_client *registry; /* owned */
	struct worker_server *api;        /* owned; NULL when embedded */
	struct worker_remote remote;
	struct worker_report *report; /* owned */
};

/* --- what is asked for ---------------------------------------------------------------------- */

static const char *text_of(struct job *j, json_t *obj, const char *name)
{
	struct str s = STR("");
	err_free(json_get_str(obj, name, &s));
	return arena_strdup(j->a, s);
}

static struct err *read_platforms(struct job *j, json_t *lease)
{
	json_t *list = NULL, *v;
	size_t i;
	TRY(json_get_array(lease, "platforms", &list));
	if (!json_array_size(list) || json_array_size(list) > ARRAY_LEN(j->platforms))
		return err_new(ERR_INVALID, "a lease of no platforms, or too many");
	json_array_foreach(list, i, v)
		TRY(oci_platform_parse_target(str_of(json_string_value(v)), &j->platforms[i]));
	j->request.targets = j->platforms;
	j->request.n_targets = json_array_size(list);
	return NULL;
}

static struct err *read_args(struct job *j, json_t *lease)
{
	json_t *list = NULL, *v;
	size_t i;
	TRY(json_get_array(lease, "buildArgs", &list));
	struct graph_arg *args = arena_new_array(j->a, json_array_size(list), struct graph_arg);
	json_array_foreach(list, i, v)
	{
		const char *name = json_string_value(json_array_get(v, 0));
		const char *value = json_string_value(json_array_get(v, 1));
		if (!name || !value)
			return err_new(ERR_INVALID, "a build argument that is no pair");
		args[i] = (struct graph_arg){ str_of(name), str_of(value) };
	}
	j->request.args = args;
	j->request.n_args = json_array_size(list);
	return NULL;
}

/* A server that is reached by plain HTTP serves its registry so too. */
static struct err *read_insecure(struct job *j, const char *registry)
{
	json_t *list = NULL, *v;
	size_t i, n = 0;
	TRY(json_get_array(j->json, "insecure", &list));
	j->insecure = arena_new_array(j->a, json_array_size(list) + 3, const char *);
	json_array_foreach(list, i, v) if (json_is_string(v)) j->insecure[n++] =
		json_string_value(v);
	if (strncmp(j->server, "http://", 7) != 0)
		return NULL;
	j->insecure[n++] = j->server + 7;
	if (registry[0])
		j->insecure[n++] = registry;
	return NULL;
}

static struct err *read_registry(struct job *j, json_t *lease)
{
	json_t *list = NULL, *registry = NULL, *v;
	size_t i;
	TRY(json_get_array(lease, "mirrors", &list));
	j->mirrors = arena_new_array(j->a, json_array_size(list) + 1, const char *);
	json_array_foreach(list, i, v) j->mirrors[i] = json_string_value(v) ?: "";
	TRY(json_get_obj(lease, "registry", &registry));
	const char *host = registry ? text_of(j, registry, "host") : "";
	if (host[0]) {
		j->login = (struct registry_login){ host, text_of(j, registry, "username"),
						    text_of(j, registry, "password") };
		j->n_logins = 1;
	}
	return read_insecure(j, host);
}

static struct err *read_lease(struct job *j, json_t *lease)
{
	j->id = text_of(j, lease, "id");
	j->request.origin = text_of(j, lease, "repositoryId");
	j->dockerfile = STR("Dockerfile");
	j->time_limit_s = 86400;
	TRY(json_get_str(lease, "dockerfile", &j->dockerfile));
	TRY(json_get_bool(lease, "noCache", &j->request.no_cache));
	TRY(json_get_u64(lease, "timeLimitSeconds", 7 * 86400, &j->time_limit_s));
	TRY(json_get_u64(lease, "firstStep", 60000, &j->first_step));
	TRY(read_platforms(j, lease));
	TRY(read_args(j, lease));
	return read_registry(j, lease);
}

static struct err *read_job(struct job *j)
{
	own_mem char *text = NULL;
	size_t len;
	json_t *lease = NULL;
	uint64_t fd = 3;
	TRY(fd_read_file(STDIN_FILENO, LIMIT_WORKER_JOB_BYTES, &text, &len));
	TRY(json_read(str_n(text, len), &j->json));
	TRY(json_get_obj(j->json, "lease", &lease));
	if (!lease)
		return err_new(ERR_INVALID, "no lease");
	j->data = text_of(j, j->json, "data");
	j->server = text_of(j, j->json, "server");
	j->token = text_of(j, j->json, "token");
	TRY(json_get_bool(j->json, "embedded", &j->embedded));
	TRY(json_get_u64(j->json, "contextFd", 1023, &fd));
	j->context_fd = (int)fd;
	fcntl(j->context_fd, F_SETFD, FD_CLOEXEC);
	return read_lease(j, lease);
}

/* --- the context ---------------------------------------------------------------------------- */

static struct err *no_dockerfile(struct job *j, const struct worker_context *c)
{
	struct buf b;
	buf_init(&b, 8192);
	for (size_t i = 0; i < c->n_dockerfiles; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", c->dockerfiles[i]);
	own_mem char *list = buf_steal(&b);
	return err_coded(ERR_NOT_FOUND, "DF_MISSING",
			 "Name the Dockerfile in the rule as it is called below its directory.",
			 "there is no " STR_FMT " in the build context%s%s", STR_ARG(j->dockerfile),
			 c->n_dockerfiles ? "; there is " : ", nor anything like it", list ?: "");
}

/* Beneath the context, through its own links at most. `*found` false: it is not there. */
static struct err *read_file(struct job *j, const char *name, size_t most, struct str *out,
			     bool *found)
{
	own_fd fd = fd_open_beneath(j->dir_fd, name, O_RDONLY | O_NONBLOCK, 0);
	*found = fd >= 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return NULL;
	if (fd < 0 && errno == EXDEV)
		return err_new(ERR_INVALID, "%s is a link that leads out of the build context",
			       name);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_from_errno(errno, "open %s", name);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_INVALID, "%s is not a file", name);
	own_mem char *text = NULL;
	size_t len;
	TRY(err_wrap(fd_read_file(fd, most, &text, &len), "read %s", name));
	*out = arena_str(j->a, str_n(text, len));
	return NULL;
}

/* SPEC Dockerfile reference ".dockerignore file": the one beside the Dockerfile with its name wins.
 */
static struct err *read_ignore(struct job *j)
{
	const char *names[] = { arena_printf(j->a, STR_FMT ".dockerignore", STR_ARG(j->dockerfile)),
				".dockerignore" };
	bool found = false;
	for (size_t i = 0; i < ARRAY_LEN(names) && !found; i++) {
		TRY(read_file(j, names[i], LIMIT_DOCKERIGNORE_BYTES, &j->request.ignore, &found));
		if (found)
			j->request.ignore_name = names[i];
	}
	return NULL;
}

static struct err *read_context(struct job *j)
{
	struct worker_context c;
	own(reader) tar = reader_fd(j->context_fd);
	TRY(worker_context_unpack(j->a, tar, j->dir_fd, &c));
	const char *name = arena_strdup(j->a, j->dockerfile);
	bool found;
	TRY(read_file(j, name, LIMIT_DOCKERFILE_BYTES, &j->request.dockerfile, &found));
	if (!found)
		return no_dockerfile(j, &c);
	j->request.dockerfile_name = name;
	j->request.context_fd = j->dir_fd;
	return read_ignore(j);
}

/* --- time ----------------------------------------------------------------------------------- */

static void *watch_time(void *arg)
{
	struct job *j = arg;
	struct pollfd p = { .fd = j->cancel_fd, .events = POLLIN };
	if (poll(&p, 1, (int)(j->time_limit_s * 1000)) == 0) {
		j->too_long = true;
		eventfd_write(j->cancel_fd, 1);
	}
	return NULL;
}

static struct err *limit_time(struct job *j)
{
	pthread_t t;
	TRY(thread_start(&t, "time", watch_time, j));
	pthread_detach(t); /* `j` lives as long as the program */
	return NULL;
}

/* --- building ------------------------------------------------------------------------------- */

static struct err *open_clients(struct job *j)
{
	const struct registry_client_options o = { .logins = &j->login,
						   .n_logins = j->n_logins,
						   .mirrors = j->mirrors,
						   .insecure = j->insecure,
						   .canceled = cancel_asked,
						   .arg = &j->cancel_fd };
	TRY(registry_client_open(&o, &j->registry));
	if (j->embedded)
		return NULL;
	TRY(worker_server_open(j->server, j->token, cancel_asked, &j->cancel_fd, &j->api));
	j->remote = (struct worker_remote){ .server = j->api, .blobs = j->store->blobs };
	return NULL;
}

static struct err *run_build(struct job *j, struct executor_result *out)
{
	const struct executor_remote hooks = worker_remote_hooks(&j->remote);
	const struct executor_options o = {
		.data_fd = j->store->fd,
		.data_path = j->store->path,
		.db = j->store->db,
		.blobs = j->store->blobs,
		.registry = j->registry, /* and no catalog: names are asked for as others ask */
		.remote = j->embedded ? NULL : &hooks,
		.explain = true,
		.single_id = j->single_id,
		.cancel_fd = j->cancel_fd,
		.event = worker_report_event,
		.arg = j->report,
	};
	j->request.keep_going = true;
	j->request.compression = SQUEEZE_GZIP;
	return executor_build(&o, j->a, &j->request, out);
}

static struct err *build(struct job *j, struct executor_result *out)
{
	TRY(app_store_open(j->data, &j->store));
	TRY(worker_jobs_make(j->store->fd, j->id, &j->dir_fd));
	j->begun = true;
	TRY(read_context(j));
	TRY(limit_time(j));
	TRY(open_clients(j));
	return run_build(j, out);
}

/* --- what came of it ------------------------------------------------------------------------ */

/* Of what nobody gave a code. */
static const char *code_of(const struct job *j, enum err_kind kind, bool in_step)
{
	if (in_step)
		return "STEP_FAILED";
	if (!j->begun)
		return "WORKER";
	switch (kind) {
	case ERR_INVALID:
		return "DF_INVALID";
	case ERR_LIMIT:
		return "LIMIT";
	case ERR_NOT_FOUND: /* what is not there, or not open, on this machine */
	case ERR_DENIED:
		return "WORKER";
	case ERR_CONFLICT:
	case ERR_UNAVAILABLE:
	case ERR_CORRUPT:
	case ERR_CANCELED:
		break;
	}
	return "UNAVAILABLE";
}

static void end_platform(struct job *j, const struct oci_platform *p, const struct err *e)
{
	own_mem char *text = err_text(e);
	if (e->kind != ERR_CANCELED) {
		worker_report_failed(j->report, p, err_code(e) ?: code_of(j, e->kind, false),
				     err_remedy(e), text);
	} else if (j->too_long) {
		own_mem char *why = mem_printf("it took longer than its limit of %llu s",
					       (unsigned long long)j->time_limit_s);
		worker_report_failed(j->report, p, "TIME_LIMIT",
				     "Raise the time limit of the build rule.", why);
	} else {
		worker_report_canceled(j->report, p);
	}
}

static struct err *push_image(struct job *j, const struct executor_image *image)
{
	for (size_t i = 0; i < image->n_layers; i++)
		TRY(worker_remote_push(&j->remote, &image->layers[i].digest));
	TRY(worker_remote_push(&j->remote, &image->config.digest));
	return worker_remote_push(&j->remote, &image->manifest.digest);
}

static void deliver(struct job *j, const struct executor_image *image)
{
	worker_report_pushing(j->report, &image->platform);
	struct err *e = j->embedded ? NULL : push_image(j, image);
	if (e)
		end_platform(j, &image->platform, e);
	else
		worker_report_done(j->report, &image->platform, &image->manifest);
	err_free(e);
}

static void finish(struct job *j, struct err *e, const struct executor_result *r)
{
	for (size_t i = 0; e && i < j->request.n_targets; i++)
		end_platform(j, &j->platforms[i], e);
	for (size_t i = 0; !e && i < r->n_failures; i++) {
		const struct executor_failure *f = &r->failures[i];
		worker_report_failed(j->report, &f->platform,
				     f->code ?: code_of(j, f->kind, f->in_step), f->remedy,
				     f->text);
	}
	for (size_t i = 0; !e && i < r->n_images; i++)
		deliver(j, &r->images[i]);
	err_free(e);
}

static void job_done(struct job *j)
{
	registry_client_free(j->registry);
	worker_server_free(j->api);
	worker_report_free(j->report);
	fd_close_own(&j->dir_fd);
	if (j->store) { /* what is left here the worker removes */
		own_fd jobs = fd_open_beneath(j->store->fd, "jobs", O_RDONLY | O_DIRECTORY, 0);
		if (jobs >= 0)
			err_free(fd_remove_tree(jobs, j->id));
	}
	app_store_free(j->store);
	json_decref(j->json);
	arena_free(j->a);
}

/* Events have a descriptor of their own: what else is printed goes where errors go. */
static struct err *take_output(struct job *j)
{
	j->events_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	if (j->events_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_from_errno(errno, "standard output");
	return NULL;
}

static struct err *set_up(struct job *j)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* of the worker's thread that waits for us */
	signal(SIGPIPE, SIG_IGN);
	TRY(take_output(j));
	TRY(err_wrap(read_job(j), "the job"));
	j->report = worker_report_open(j->events_fd, (uint32_t)j->first_step, j->platforms,
				       j->request.n_targets);
	return NULL;
}

/* Before the first thread; an error is told for every platform. */
static struct err *enter(struct job *j)
{
	TRY(sandbox_enter(&j->single_id));
	return cancel_watch(&j->cancel_fd);
}

int job_command(void)
{
	static struct job j; /* threads that end with the program look at it */
	j = (struct job){ .a = arena_open((size_t)1 << 30),
			  .cancel_fd = -1,
			  .dir_fd = -1,
			  .context_fd = -1,
			  .events_fd = -1 };
	struct executor_result result = { .n_images = 0 };
	struct err *e = set_up(&j);
	if (e)
		return exit_with(e);
	e = enter(&j);
	if (!e)
		e = build(&j, &result);
	finish(&j, e, &result);
	job_done(&j);
	return 0;
}
