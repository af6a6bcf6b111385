#include "app/login.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/exit.h"
#include "app/rest.h"
#include "app/secret.h"
#include "base/fd.h"
#include "codec/json.h"
#include "http/url.h"
#include "registry/client.h"

#define LOGIN_BYTES ((size_t)1 << 20)

/* ---- the file ---- */

static struct err *config_path(char **dir, char **name)
{
	const char *given = getenv("KILN_CONFIG"), *xdg = getenv("XDG_CONFIG_HOME"),
		   *home = getenv("HOME");
	own_mem char *path = NULL;
	if (given && given[0])
		path = mem_strdup(given);
	else if (xdg && xdg[0] == '/')
		path = mem_printf("%s/kiln/login.json", xdg);
	else if (home && home[0] == '/')
		path = mem_printf("%s/.config/kiln/login.json", home);
	else
		return err_new(ERR_INVALID,
			       "no home directory: say where logins are kept with $KILN_CONFIG");
	char *slash = strrchr(path, '/');
	*name = mem_strdup(slash ? slash + 1 : path);
	*dir = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
	return NULL;
}

static struct err *read_config(json_t **out)
{
	own_mem char *dir = NULL, *name = NULL;
	TRY(config_path(&dir, &name));
	own_mem char *path = mem_printf("%s/%s", dir, name);
	own_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*out = json_object();
		return NULL;
	}
	if (fd < 0)
		return err_from_errno(errno, "read %s", path);
	struct stat st;
	if (fstat(fd, &st) == 0 && st.st_mode & 077)
		return err_new(ERR_DENIED, "%s holds tokens and others may read it: chmod 600 %s",
			       path, path);
	own_mem char *text = NULL;
	size_t len;
	TRY(fd_read_file(fd, LOGIN_BYTES, &text, &len));
	TRY(err_wrap(json_read(str_n(text, len), out), "%s", path));
	if (json_is_object(*out))
		return NULL;
	json_decref(*out);
	return err_new(ERR_INVALID, "%s is no JSON object: remove it and log in again", path);
}

static struct err *write_config(json_t *j)
{
	own_mem char *dir = NULL, *name = NULL;
	TRY(config_path(&dir, &name));
	own_fd fd = -1;
	TRY(err_wrap(fd_make_dirs(AT_FDCWD, dir, 0700, &fd), "%s", dir));
	own_mem char *text = json_dumps(j, JSON_INDENT(2));
	return err_wrap(fd_replace_file(fd, name, 0600, text, strlen(text)), "write %s/%s", dir,
			name);
}

/* ---- servers ---- */

struct err *login_server_url(const char *text, char **out)
{
	own_mem char *whole =
		strstr(text, "://")
			? mem_strdup(text)
			: mem_printf("%s://%s",
				     http_host_is_loopback(str_of(text)) ? "http" : "https", text);
	struct http_url url;
	TRY(err_wrap(http_url_parse(str_of(whole), &url), "server \"%s\"", text));
	size_t len = strlen(url.text);
	while (len && url.text[len - 1] == '/')
		len--;
	*out = mem_strndup(url.text, len);
	http_url_done(&url);
	return NULL;
}

static struct err *take_kept(json_t *config, struct login *l)
{
	json_t *servers = NULL, *entry = NULL;
	struct str token = { 0 }, user = { 0 };
	TRY(json_get_obj(config, "servers", &servers));
	if (servers)
		TRY(json_get_obj(servers, l->server, &entry));
	if (!entry)
		return NULL;
	TRY(json_get_str(entry, "token", &token));
	TRY(json_get_str(entry, "user", &user));
	l->token = token.p ? str_dup(token) : NULL;
	l->user = user.p ? str_dup(user) : NULL;
	return NULL;
}

static const char *named_server(const char *option)
{
	const char *env = getenv("KILN_SERVER");
	return option ? option : env && env[0] ? env : NULL;
}

struct err *login_check_server(const char *server)
{
	own_mem char *url = NULL;
	server = named_server(server);
	return server ? login_server_url(server, &url) : NULL;
}

static struct err *find(const char *server, struct login *l)
{
	own_json config = NULL;
	TRY(read_config(&config));
	struct str current = { 0 };
	TRY(json_get_str(config, "current", &current));
	own_mem char *kept = current.p ? str_dup(current) : NULL;
	server = named_server(server);
	if (!server)
		server = kept ? kept : "http://127.0.0.1:8080";
	TRY(login_server_url(server, &l->server));
	TRY(take_kept(config, l));
	const char *token = getenv("KILN_TOKEN");
	if (token && token[0]) {
		free(l->token);
		l->token = mem_strdup(token);
	}
	return NULL;
}

struct err *login_find(const char *server, struct login *out)
{
	struct login l = { 0 };
	struct err *e = find(server, &l);
	if (e)
		login_done(&l);
	else
		*out = l;
	return e;
}

void login_done(struct login *l)
{
	free(l->server);
	free(l->token);
	free(l->user);
	*l = (struct login){ 0 };
}

struct err *login_keep(const struct login *l)
{
	own_json config = NULL;
	TRY(read_config(&config));
	json_t *servers = json_object_get(config, "servers");
	if (!json_is_object(servers)) {
		servers = json_object();
		json_object_set_new(config, "servers", servers);
	}
	if (!l->token) {
		json_object_del(servers, l->server);
		return write_config(config);
	}
	json_t *entry = json_object();
	json_object_set_new(entry, "user", json_string(l->user ? l->user : ""));
	json_object_set_new(entry, "token", json_string(l->token));
	json_object_set_new(servers, l->server, entry);
	json_object_set_new(config, "current", json_string(l->server));
	return write_config(config);
}

void login_registries(struct arena *a, struct registry_login **out, size_t *n)
{
	own_json config = NULL;
	struct err *e = read_config(&config);
	json_t *servers = e ? NULL : json_object_get(config, "servers"), *entry;
	const char *url;
	*n = 0;
	*out = arena_new_array(a, json_object_size(servers) + 1, struct registry_login);
	json_object_foreach(servers, url, entry)
	{
		const char *token = json_string_value(json_object_get(entry, "token"));
		const char *host = strstr(url, "://");
		if (!token || !host)
			continue;
		struct str rest = str_of(host + 3), name = str_cut(&rest, '/');
		(*out)[(*n)++] =
			(struct registry_login){ .host = arena_strdup(a, name),
						 .user = "token",
						 .password = arena_strdup(a, str_of(token)) };
	}
	err_free(e);
}

/* ---- kiln login ---- */

/* What the user said; owned. */
struct credentials {
	char *user, *password, *token;
};

static void credentials_done(struct credentials *c)
{
	free(c->user);
	free(c->password);
	free(c->token);
}

static struct err *read_credentials(const struct invocation *in, void *state)
{
	static const char otherwise[] = "--username and --password-stdin";
	struct credentials *c = state;
	const char *user = option_get(in, "username");
	bool by_token = option_get(in, "token-stdin"), by_stdin = option_get(in, "password-stdin");
	if (by_token && (by_stdin || user))
		return err_new(ERR_INVALID, "--token-stdin and --%s exclude each other",
			       by_stdin ? "password-stdin" : "username");
	if (by_token)
		return err_wrap(secret_stdin(&c->token), "--token-stdin");
	if (user && !user[0])
		return err_new(ERR_INVALID, "--username is empty");
	if (user)
		c->user = mem_strdup(user);
	else
		TRY(secret_ask_name("User name: ", otherwise, &c->user));
	if (by_stdin)
		return err_wrap(secret_stdin(&c->password), "--password-stdin");
	return secret_ask("Password: ", otherwise, &c->password);
}

static struct err *make_token(struct login *l, const struct credentials *given)
{
	char host[128] = "this machine";
	gethostname(host, sizeof(host) - 1);
	own_json body = json_pack("{s:o}", "name", json_sprintf("kiln login on %s", host));
	struct rest_answer a;
	struct rest_credentials c = { .user = given->user, .password = given->password };
	TRY(rest_send(l->server, &c, "POST", "/api/v1/tokens", body, &a));
	struct err *e = rest_check(&a);
	struct str secret = { 0 };
	if (!e)
		e = json_get_str(a.json, "secret", &secret);
	if (!e && !secret.p)
		e = err_new(ERR_INVALID, "%s gave no token; is it kiln?", l->server);
	if (!e) {
		l->token = str_dup(secret);
		l->user = mem_strdup(given->user);
	}
	rest_answer_done(&a);
	return e;
}

static struct err *take_token(struct login *l, const struct credentials *given)
{
	struct rest_answer a;
	struct rest_credentials c = { .token = given->token };
	TRY(rest_send(l->server, &c, "GET", "/api/v1/whoami", NULL, &a));
	struct err *e = rest_check(&a);
	struct str name = { 0 };
	if (!e)
		e = json_get_str(a.json, "name", &name);
	if (!e) {
		l->token = mem_strdup(given->token);
		l->user = str_dup(name);
	}
	rest_answer_done(&a);
	return e;
}

static struct err *log_in(const struct invocation *in, struct login *found, void *state)
{
	struct credentials *c = state;
	struct login l = { .server = mem_strdup(found->server) };
	struct err *e = c->token ? take_token(&l, c) : make_token(&l, c);
	if (!e)
		e = login_keep(&l);
	if (!e) {
		own_mem char *text = mem_printf("Logged in to %s as %s.", l.server, l.user);
		rest_print_done(in, l.server, text);
	}
	login_done(&l);
	return e;
}

int login_command(const struct invocation *in)
{
	struct credentials c = { NULL, NULL, NULL };
	int code = rest_run(in, &c, read_credentials, log_in);
	credentials_done(&c);
	return code;
}

/* ---- kiln logout ---- */

static struct err *read_nothing(const struct invocation *in, void *state)
{
	return NULL;
}

static struct err *log_out(const struct invocation *in, struct login *l, void *state)
{
	free(l->token);
	l->token = NULL;
	TRY(login_keep(l));
	own_mem char *text = mem_printf("Logged out of %s.", l->server);
	rest_print_done(in, l->server, text);
	return NULL;
}

int logout_command(const struct invocation *in)
{
	return rest_run(in, NULL, read_nothing, log_out);
}
