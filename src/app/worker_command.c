#include "app/worker_command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "app/exit.h"
#include "app/inputs.h"
#include "app/store.h"
#include "base/fd.h"
#include "base/thread.h"
#include "http/url.h"
#include "base/spawn.h"
#include "worker/worker.h"

#define TOKEN_BYTES 4096

static struct err *read_token(const struct invocation *in, char **out)
{
	const char *path = option_get(in, "token-file");
	own_mem char *text = NULL;
	size_t len;
	if (!path)
		return err_new(ERR_INVALID,
			       "say where the worker's token is: --token-file FILE (kiln worker "
			       "token NAME makes one)");
	TRY(err_wrap(fd_read_path(AT_FDCWD, path, TOKEN_BYTES, &text, &len), "--token-file %s",
		     path));
	struct str token = str_trim(str_n(text, len));
	for (size_t i = 0; i < token.len; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return err_new(ERR_INVALID, "--token-file %s holds no token", path);
	if (!token.len)
		return err_new(ERR_INVALID, "--token-file %s is empty", path);
	*out = str_dup(token);
	explicit_bzero(text, len);
	return NULL;
}

static struct err *read_server(const struct invocation *in, char **out)
{
	const char *given = option_get(in, "server");
	if (!given)
		return err_new(ERR_INVALID,
			       "say which server to work for: --server http://HOST:PORT");
	struct http_url url = { 0 };
	struct str text = str_of(given);
	while (str_ends(text, STR("/")))
		text = str_first(text, text.len - 1);
	TRY(err_wrap(http_url_parse(text, &url), "--server %s", given));
	http_url_done(&url);
	*out = str_dup(text);
	return NULL;
}

static bool can_emulate(const struct oci_platform *p)
{
	const char *name = strcmp(p->arch, "amd64") == 0   ? "qemu-x86_64"
			   : strcmp(p->arch, "arm64") == 0 ? "qemu-aarch64"
							   : "qemu-arm";
	own_mem char *with_static = mem_printf("%s-static", name);
	own_mem char *a = spawn_find(with_static), *b = a ? NULL : spawn_find(name);
	return a || b;
}

/* Those that were asked for, or all that this machine can run. */
static struct err *read_platforms(const struct invocation *in, struct arena *a,
				  struct worker_options *o)
{
	static const char *const known[] = { "linux/amd64", "linux/arm64", "linux/arm/v7",
					     "linux/arm/v6" };
	bool given = option_all(in, "platform")->n > 0;
	bool native_only = option_get(in, "no-emulation") != NULL;
	struct oci_platform *list = arena_new_array(a, ARRAY_LEN(known), struct oci_platform);
	size_t n = ARRAY_LEN(known);
	for (size_t i = 0; i < n; i++)
		TRY(oci_platform_parse_target(str_of(known[i]), &list[i]));
	if (given)
		TRY(inputs_platforms(in, a, &list, &n));
	for (size_t i = 0; i < n && o->n_platforms < WORKER_MOST_PLATFORMS; i++) {
		bool native = oci_platform_is_native(&list[i]);
		if (!native && native_only && given)
			return err_new(
				ERR_INVALID,
				"--platform %s is emulated here, and --no-emulation forbids it",
				oci_platform_text(&list[i]).s);
		if (native || (!native_only && (given || can_emulate(&list[i]))))
			o->platforms[o->n_platforms++] =
				(struct worker_platform){ list[i], native };
	}
	return o->n_platforms ? NULL
			      : err_new(ERR_INVALID, "this machine can build for no platform");
}

static struct err *read_slots(const struct invocation *in, uint32_t *out)
{
	const char *given = option_get(in, "slots");
	uint64_t n = MAX(2u, thread_cpu_count() / 2);
	if (given && (!str_to_u64(str_of(given), 256, &n) || !n))
		return err_new(ERR_INVALID, "--slots %s: use a number from 1 to 256", given);
	*out = (uint32_t)n;
	return NULL;
}

static struct err *read_name(const struct invocation *in, char *host, size_t size, const char **out)
{
	const char *given = option_get(in, "name");
	if (!given && gethostname(host, size) == 0)
		host[size - 1] = '\0';
	*out = given ? given : host;
	for (const char *c = *out; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
			return err_new(ERR_INVALID, "--name %s: use letters, digits, - and .",
				       *out);
	if (!(*out)[0] || strlen(*out) > 64)
		return err_new(ERR_INVALID, "--name needs 1 to 64 characters");
	return NULL;
}

int worker_command(const struct invocation *in)
{
	own(arena) a = arena_open((size_t)1 << 20);
	own_mem char *server = NULL, *token = NULL, *data = NULL;
	const struct option_values *hosts = option_all(in, "insecure-registry");
	const char **insecure = arena_new_array(a, hosts->n + 1, const char *);
	for (size_t i = 0; i < hosts->n; i++)
		insecure[i] = hosts->v[i];
	char host[65] = "worker";
	struct worker_options o = { .version = KILN_VERSION,
				    .embedded = option_get(in, "embedded") != NULL,
				    .program = "/proc/self/exe" };
	struct err *e = app_store_check(in);
	if (!e)
		e = read_server(in, &server);
	if (!e)
		e = read_token(in, &token);
	if (!e)
		e = read_platforms(in, a, &o);
	if (!e)
		e = read_slots(in, &o.slots);
	if (!e)
		e = read_name(in, host, sizeof(host), &o.name);
	if (e)
		return exit_usage(e);
	if (o.embedded)
		prctl(PR_SET_PDEATHSIG, SIGTERM); /* its server's end is its own */
	e = app_store_locate(option_get(in, "data"), &data);
	if (!e) {
		o.server = server;
		o.token = token;
		o.data_path = data;
		o.insecure = insecure;
		e = worker_run(&o);
	}
	return exit_with(e);
}
