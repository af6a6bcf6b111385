#include "app/serve_command.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/config.h"
#include "app/exit.h"
#include "app/serve.h"
#include "app/serve_settings.h"
#include "app/store.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/thread.h"
#include "http/server.h"
#include "http/url.h"

#define MOST_SLOTS     64
#define LEAST_LEASE_S  4
#define MOST_LEASE_S   3600
#define MOST_SESSION_S 31536000
#define RETRY_S        10
#define MOST_RETRY_S   3600
#define BASE_S         3600
#define LEAST_BASE_S   60
#define MOST_BASE_S    2592000

static const char *listen_address(const struct invocation *in)
{
	const char *given = option_get(in, "listen");
	return given ? given : "127.0.0.1:8080";
}

static enum serve_anonymous anonymous(const struct invocation *in)
{
	const char *given = option_get(in, "anonymous");
	if (given && strcmp(given, "none") == 0)
		return SERVE_ANONYMOUS_NONE;
	return given && strcmp(given, "push") == 0 ? SERVE_ANONYMOUS_PUSH : SERVE_ANONYMOUS_PULL;
}

static struct err *read_slots(const struct invocation *in, unsigned *out)
{
	const char *given = option_get(in, "slots");
	uint64_t n = thread_cpu_count();
	if (given && !str_to_u64(str_of(given), MOST_SLOTS, &n))
		return err_new(ERR_INVALID, "--slots %s is not a number from 0 to %d", given,
			       MOST_SLOTS);
	*out = (unsigned)n;
	return NULL;
}

static struct err *read_lease(const struct invocation *in, uint32_t *seconds)
{
	const char *given = option_get(in, "lease");
	uint64_t n = LIMIT_LEASE_S;
	if (given && (!str_to_u64(str_of(given), MOST_LEASE_S, &n) || n < LEAST_LEASE_S))
		return err_new(ERR_INVALID, "--lease %s is not a number from %d to %d", given,
			       LEAST_LEASE_S, MOST_LEASE_S);
	*seconds = (uint32_t)n;
	return NULL;
}

/* Without any wait: a millisecond. */
static struct err *read_retry(const struct invocation *in, uint32_t *ms)
{
	const char *given = option_get(in, "endpoint-retry");
	uint64_t n = RETRY_S;
	if (given && !str_to_u64(str_of(given), MOST_RETRY_S, &n))
		return err_new(ERR_INVALID, "--endpoint-retry %s is not a number from 0 to %d",
			       given, MOST_RETRY_S);
	*ms = n ? (uint32_t)n * 1000 : 1;
	return NULL;
}

static struct err *read_base_interval(const struct invocation *in, uint32_t *seconds)
{
	const char *given = option_get(in, "base-interval");
	uint64_t n = BASE_S;
	if (given && (!str_to_u64(str_of(given), MOST_BASE_S, &n) || (n && n < LEAST_BASE_S)))
		return err_new(ERR_INVALID,
			       "--base-interval %s is neither 0 nor a number from %d to %d", given,
			       LEAST_BASE_S, MOST_BASE_S);
	*seconds = (uint32_t)n;
	return NULL;
}

/* "+08:00", "-03:30" */
static struct err *read_offset(const struct invocation *in, int *minutes)
{
	const char *given = option_get(in, "utc-offset");
	*minutes = 8 * 60;
	if (!given)
		return NULL;
	struct str s = str_of(given);
	bool minus = s.len && s.p[0] == '-';
	if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_skip(s, 1);
	struct str h = str_cut(&s, ':');
	uint64_t hours, rest;
	if (!str_to_u64(h, 14, &hours) || !s.p || !str_to_u64(s, 59, &rest))
		return err_new(ERR_INVALID, "--utc-offset %s is not +HH:MM", given);
	*minutes = (int)(hours * 60 + rest) * (minus ? -1 : 1);
	return NULL;
}

static struct err *read_seconds(const struct invocation *in, const char *option, uint32_t otherwise,
				uint32_t *seconds)
{
	const char *given = option_get(in, option);
	uint64_t n = otherwise;
	if (given && (!str_to_u64(str_of(given), MOST_SESSION_S, &n) || !n))
		return err_new(ERR_INVALID, "--%s %s is not a number from 1 to %d", option, given,
			       MOST_SESSION_S);
	*seconds = (uint32_t)n;
	return NULL;
}

/* Plain segments, which stand for themselves in a cookie and in a page; and none that the server
 * has a meaning of its own for. */
static bool prefix_ok(struct str prefix)
{
	static const char *const ours[] = { "api", "assets", "git", "hooks", "token", "v2" };
	struct str first = str_skip(prefix, 1);
	first = str_cut(&first, '/');
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (str_eq(first, str_of(ours[i])))
			return false;
	for (size_t i = 0; i < prefix.len; i++) {
		char c = prefix.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
		if (!plain && (c != '.' || prefix.p[i - 1] == '/'))
			return false;
		if (c == '/' && i + 1 < prefix.len && prefix.p[i + 1] == '/')
			return false;
	}
	return true;
}

static struct err *read_external(const struct invocation *in, char **out, const char **prefix)
{
	const char *given = option_get(in, "external-url");
	*out = NULL;
	*prefix = "";
	if (!given)
		return NULL;
	struct http_url url;
	TRY(err_wrap(http_url_parse(str_of(given), &url), "--external-url"));
	size_t len = strlen(url.text);
	while (len && url.text[len - 1] == '/')
		len--;
	*out = mem_strndup(url.text, len);
	http_url_done(&url);
	const char *path = strchr(strstr(*out, "://") + 3, '/');
	if (path)
		*prefix = path;
	if (!prefix_ok(str_of(*prefix)))
		return err_new(
			ERR_INVALID,
			"--external-url %s: its path is made of letters, digits, - and _, and "
			"does not begin as one of kiln's own",
			given);
	return NULL;
}

static struct err *read_trusted(const struct invocation *in, struct http_network **out, size_t *n)
{
	const struct option_values *given = option_all(in, "trusted-proxy");
	own_mem struct http_network *list = mem_new_array(given->n + 1, struct http_network);
	for (size_t i = 0; i < given->n; i++)
		TRY(err_wrap(http_network_parse(str_of(given->v[i]), &list[i]), "--trusted-proxy"));
	*out = move(list);
	*n = given->n;
	return NULL;
}

/* What `o` borrows. */
struct kept {
	char *external;
	struct http_network *trusted;
	struct api_setting *settings;
};

static void kept_done(struct kept *k)
{
	free(k->external);
	free(k->trusted);
	serve_settings_free(k->settings);
}

static struct err *read_words(const struct invocation *in, struct serve_options *o, struct kept *k)
{
	TRY(app_store_check(in));
	TRY(client_check(in));
	TRY(read_slots(in, &o->slots));
	TRY(read_lease(in, &o->lease_s));
	TRY(read_retry(in, &o->endpoint_retry_ms));
	TRY(read_base_interval(in, &o->base_interval_s));
	TRY(read_offset(in, &o->utc_offset_min));
	TRY(read_external(in, &k->external, &o->prefix));
	TRY(read_trusted(in, &k->trusted, &o->n_trusted));
	TRY(read_seconds(in, "session-idle", LIMIT_SESSION_IDLE_S, &o->session_idle_s));
	TRY(read_seconds(in, "session-life", LIMIT_SESSION_LIFE_S, &o->session_life_s));
	o->external_url = k->external;
	o->trusted = k->trusted;
	o->anonymous = anonymous(in);
	o->no_emulation = option_get(in, "no-emulation") != NULL;
	o->endpoint_private = option_get(in, "endpoint-private") != NULL;
	o->listen = listen_address(in);
	o->settings = k->settings = serve_settings(in, o);
	return err_wrap(http_server_check_listen(o->listen), "--listen");
}

static struct err *serve(const struct invocation *in, struct serve_options *o)
{
	own_mem char *path = NULL;
	TRY(app_store_locate(option_get(in, "data"), &path));
	own_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_UNAVAILABLE, "data directory %s cannot be opened", path);
	own_mem const char **mirrors = client_words(in, "registry-mirror");
	own_mem const char **insecure = client_words(in, "insecure-registry");
	o->data_fd = fd;
	o->data_path = path;
	o->mirrors = mirrors;
	o->insecure = insecure;
	return serve_run(o);
}

int serve_command(const struct invocation *given)
{
	struct invocation in;
	struct config file = { 0 };
	struct kept kept = { 0 };
	struct serve_options o = { 0 };
	struct err *e = config_read(given, &file, &in);
	if (e)
		return exit_usage(e);
	e = read_words(&in, &o, &kept);
	int code = e ? exit_usage(e) : exit_with(serve(&in, &o));
	kept_done(&kept);
	config_done(&file, &in);
	return code;
}
