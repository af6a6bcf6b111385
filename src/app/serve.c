#include "app/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "api/api.h"
#include "app/bases.h"
#include "app/embedded.h"
#include "console/console.h"
#include "registry/server.h"

#define GRACE_MS       10000
#define SWEEP_EVERY_MS 3600000
#define UPLOAD_AGE_S   86400

struct serve {
	struct pool *pool; /* owned, as is all below */
	struct db *db;
	struct auth *auth;
	struct catalog *catalog;
	struct blob_store *store;
	struct source_git *git;
	struct pipeline_logs *logs;
	struct bases *bases;
	struct pipeline *pipeline;
	struct registry_server *registry;
	struct api *api;
	struct console *console;
	struct http_reply *healthy;
	struct http_server *http;
	struct embedded *embedded;
	char *password;    /* of the first user, to be shown once */
	struct str prefix; /* borrowed */
	sigset_t signals;
	int signal_fd;
};

static void serve_free(struct serve *s)
{
	embedded_free(s->embedded);
	http_server_free(s->http);
	console_free(s->console);
	api_free(s->api);
	registry_server_free(s->registry);
	pool_free(s->pool);
	bases_stop(s->bases);
	pipeline_free(s->pipeline);
	bases_free(s->bases);
	pipeline_logs_free(s->logs);
	source_git_free(s->git);
	catalog_free(s->catalog);
	blob_store_free(s->store);
	auth_free(s->auth);
	db_free(s->db);
	free(s->password);
	http_reply_unref(s->healthy);
	fd_close_own(&s->signal_fd);
	free(s);
}
OWN_DECLARE(serve);

static void handle(void *arg, struct http_exchange *x)
{
	struct serve *s = arg;
	http_exchange_enter(x, s->prefix);
	struct str path = http_exchange_path(x);
	enum http_method m = http_exchange_method(x);
	if (registry_server_wants(path))
		registry_server_handle(s->registry, x);
	else if (str_eq(path, STR("/token")))
		registry_token_handle(s->registry, x);
	else if (api_wants(path))
		api_handle(s->api, x);
	else if (str_eq(path, STR("/healthz")) && (m == HTTP_GET || m == HTTP_HEAD))
		http_answer(x, http_reply_ref(s->healthy));
	else
		console_handle(s->console, x);
}

/* A thousand clients need a thousand descriptors, and their blobs as many. */
static void allow_many_files(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = MIN(l.rlim_max, (rlim_t)65536);
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static struct err *catch_signals(struct serve *s)
{
	sigemptyset(&s->signals);
	sigaddset(&s->signals, SIGTERM);
	sigaddset(&s->signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &s->signals, SFD_CLOEXEC);
	return s->signal_fd < 0 ? err_from_errno(errno, "watch for signals") : NULL;
}

static struct err *open_stores(struct serve *s, const struct serve_options *o)
{
	own_mem char *path = mem_printf("%s/kiln.db", o->data_path);
	TRY(db_open(path, &s->db));
	TRY(auth_open(s->db, o->data_fd, &s->auth));
	auth_session_limits(s->auth, o->session_idle_s, o->session_life_s);
	TRY(auth_first_user(s->auth, getenv("KILN_ADMIN_PASSWORD"), &s->password));
	unsetenv("KILN_ADMIN_PASSWORD"); /* no program that we start needs to know */
	TRY(catalog_open(s->db, o->data_fd, &s->catalog));
	TRY(blob_store_open(o->data_fd, &s->store));
	TRY(pipeline_logs_open(o->data_fd, &s->logs));
	return source_git_open(
		&(struct source_git_options){ .data_fd = o->data_fd, .data_path = o->data_path },
		&s->git);
}

static struct err *open_state(struct serve *s, const struct serve_options *o)
{
	TRY(open_stores(s, o));
	bases_open(&(struct bases_options){ .auth = s->auth,
					    .catalog = s->catalog,
					    .mirrors = o->mirrors,
					    .insecure = o->insecure,
					    .external_url = o->external_url,
					    .all_may_pull = o->anonymous == SERVE_ANONYMOUS_PUSH },
		   &s->bases);
	TRY(pipeline_open(&(struct pipeline_options){ .db = s->db,
						      .auth = s->auth,
						      .catalog = s->catalog,
						      .blobs = s->store,
						      .git = s->git,
						      .logs = s->logs,
						      .lease_s = o->lease_s,
						      .utc_offset_min = o->utc_offset_min,
						      .mirrors = o->mirrors,
						      .external_url = o->external_url,
						      .endpoint_private = o->endpoint_private,
						      .endpoint_retry_ms = o->endpoint_retry_ms,
						      .registries = bases_registries(s->bases),
						      .base_interval_s = o->base_interval_s },
			  &s->pipeline));
	return registry_server_open(
		&(struct registry_server_options){
			.catalog = s->catalog,
			.store = s->store,
			.auth = o->anonymous == SERVE_ANONYMOUS_PUSH ? NULL : s->auth,
			.external_url = o->external_url,
			.anonymous_pull = o->anonymous == SERVE_ANONYMOUS_PULL },
		&s->registry);
}

static struct err *open_http(struct serve *s, const struct serve_options *o)
{
	s->healthy = http_reply_text(200, "ok");
	TRY(console_open(&(struct console_options){ .files = console_files,
						    .n_files = console_n_files,
						    .prefix = o->prefix },
			 &s->console));
	TRY(pool_open("kiln-serve", MAX(8u, 2 * thread_cpu_count()), &s->pool));
	TRY(api_open(&(struct api_options){ .db = s->db,
					    .auth = s->auth,
					    .catalog = s->catalog,
					    .blobs = s->store,
					    .git = s->git,
					    .pipeline = s->pipeline,
					    .logs = s->logs,
					    .pool = s->pool,
					    .external_url = o->external_url,
					    .prefix = o->prefix,
					    .mirrors = o->mirrors,
					    .data_fd = o->data_fd,
					    .data_path = o->data_path,
					    .settings = o->settings },
		     &s->api));
	struct http_server_options http = {
		.listen = o->listen,
		.handle = handle,
		.arg = s,
		.pool = s->pool,
		.trusted = o->trusted,
		.n_trusted = o->n_trusted,
	};
	return http_server_open(&http, &s->http);
}

static struct err *open_worker(struct serve *s, const struct serve_options *o)
{
	if (!o->slots)
		return NULL;
	return embedded_open(s->auth,
			     &(struct embedded_options){ .address = http_server_address(s->http),
							 .data_path = o->data_path,
							 .slots = o->slots,
							 .no_emulation = o->no_emulation,
							 .insecure = o->insecure },
			     &s->embedded);
}

static void greet(struct serve *s)
{
	printf("kiln is listening on http://%s\n", http_server_address(s->http));
	if (s->password)
		printf("The first user is admin, with the password %s (shown only now; change it "
		       "with: kiln user password).\n",
		       s->password);
	if (s->password && console_n_files)
		printf("To set it up in a browser: http://%s%s/setup\n",
		       http_server_address(s->http), s->prefix.p);
	fflush(stdout);
}

static void sweep(struct serve *s)
{
	struct err *e = blob_store_sweep(s->store, UPLOAD_AGE_S);
	if (e)
		log_err(LOG_LEVEL_WARN, "upload sweep failed", e);
}

static struct err *wait_for_signal(struct serve *s)
{
	struct pollfd p = { .fd = s->signal_fd, .events = POLLIN };
	uint64_t next_sweep = time_mono_ms();
	for (;;) {
		uint64_t now = time_mono_ms();
		if (now >= next_sweep) {
			sweep(s);
			next_sweep = now + SWEEP_EVERY_MS;
		}
		int r = poll(&p, 1, (int)(next_sweep - now));
		if (r < 0 && errno != EINTR)
			return err_from_errno(errno, "wait for signals");
		struct signalfd_siginfo info;
		if (r > 0 && read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
			return NULL;
	}
}

struct err *serve_run(const struct serve_options *o)
{
	own(serve) s = mem_new(struct serve);
	s->signal_fd = -1;
	s->prefix = str_of(o->prefix);
	allow_many_files();
	TRY(catch_signals(s));
	TRY(open_state(s, o));
	TRY(open_http(s, o));
	bases_serve(s->bases, http_server_address(s->http));
	TRY(open_worker(s, o));
	greet(s);
	struct err *e = wait_for_signal(s);
	pthread_sigmask(SIG_UNBLOCK, &s->signals, NULL); /* the next one ends us at once */
	embedded_free(move(s->embedded));
	bases_stop(s->bases);
	pipeline_stop(s->pipeline);
	http_server_stop(s->http, GRACE_MS);
	return e;
}
