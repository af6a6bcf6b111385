#include "registry/credentials.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/time.h"
#include "codec/json.h"
#include "registry/mirrors.h"

#define HELPER_MS      30000
#define MOST_AUTH_FILE ((size_t)1 << 20)
#define HUB_KEY        "https://index.docker.io/v1/"

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void credentials_done(struct credentials *c)
{
	free(c->user);
	wipe(&c->password);
	wipe(&c->identity_token);
	free(c->from);
	*c = (struct credentials){ 0 };
}

static int digit_of(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

char *credentials_base64_decode(struct str s)
{
	for (int i = 0; i < 2 && str_ends(s, STR("=")); i++)
		s.len--;
	if (s.len % 4 == 1)
		return NULL;
	char *out = mem_zalloc(s.len * 3 / 4 + 1);
	uint32_t bits = 0;
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		int d = digit_of(s.p[i]);
		if (d < 0) {
			wipe(&out);
			return NULL;
		}
		bits = bits << 6 | (uint32_t)d;
		if (i % 4)
			out[n++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
	}
	while (n && !out[n - 1]) /* docker pads what it encodes with NUL */
		n--;
	if (memchr(out, '\0', n))
		wipe(&out);
	return out;
}

/* How much of HOST/REPOSITORY the key names, in bytes; 0 if it is for something else. */
static size_t key_weight(struct str key, const char *host, const char *repository)
{
	bool has_scheme = false;
	for (size_t i = 0; i < 2; i++) {
		struct str scheme = i ? STR("http://") : STR("https://");
		if (str_starts(key, scheme)) {
			key = str_skip(key, scheme.len);
			has_scheme = true;
		}
	}
	struct str path = key;
	own_mem char *key_host = str_dup(str_cut(&path, '/'));
	if (strcmp(mirrors_canonical_host(key_host), mirrors_canonical_host(host)) != 0)
		return 0;
	if (has_scheme || !path.len) /* "https://index.docker.io/v1/": the path says nothing */
		return 1;
	struct str repo = str_of(repository);
	bool whole_part = repo.len == path.len || (repo.len > path.len && repo.p[path.len] == '/');
	return str_starts(repo, path) && whole_part ? 1 + path.len : 0;
}

static char *text_member(json_t *entry, const char *key)
{
	json_t *v = json_object_get(entry, key);
	const char *text = json_is_string(v) ? json_string_value(v) : "";
	return *text ? mem_strdup(text) : NULL;
}

static bool take_entry(json_t *entry, struct credentials *out)
{
	own_mem char *auth = text_member(entry, "auth");
	out->identity_token = text_member(entry, "identitytoken");
	char *plain = auth ? credentials_base64_decode(str_of(auth)) : NULL;
	char *colon = plain ? strchr(plain, ':') : NULL;
	if (colon) {
		out->user = mem_strndup(plain, (size_t)(colon - plain));
		out->password = mem_strdup(colon + 1);
	} else {
		out->user = text_member(entry, "username");
		out->password = text_member(entry, "password");
	}
	wipe(&plain);
	if (!out->user || !out->password) {
		free(move(out->user));
		wipe(&out->password);
	}
	return out->user || out->identity_token;
}

static void find_in_auths(json_t *auths, const char *host, const char *repository,
			  struct credentials *out, bool *found)
{
	const char *key;
	json_t *entry;
	size_t best = 0;
	json_object_foreach(auths, key, entry)
	{
		size_t weight = key_weight(str_of(key), host, repository);
		struct credentials c = { 0 };
		if (weight <= best || !json_is_object(entry) || !take_entry(entry, &c)) {
			credentials_done(&c);
			continue;
		}
		credentials_done(out);
		*out = c;
		*found = true;
		best = weight;
	}
}

static struct err *helper_name(json_t *root, const char *host, char **helper)
{
	json_t *helpers = NULL;
	struct str name = { NULL, 0 };
	const char *key;
	json_t *value;
	TRY(json_get_obj(root, "credHelpers", &helpers));
	json_object_foreach(helpers, key,
			    value) if (json_is_string(value) && key_weight(str_of(key), host, ""))
		name = str_of(json_string_value(value));
	if (!name.len)
		TRY(json_get_str(root, "credsStore", &name));
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum((unsigned char)name.p[i]) && !strchr("._-", name.p[i]))
			return err_new(ERR_INVALID,
				       "the name of its credential helper is not valid");
	*helper = name.len ? str_dup(name) : NULL;
	return NULL;
}

/* The parser quotes what it stumbled over, and that may be a password. */
static struct err *read_secret_json(struct str text, json_t **root)
{
	struct err *e = json_read(text, root);
	if (!e)
		return NULL;
	own_mem char *why = err_text(e);
	char *quoted = strstr(why, " near ");
	if (quoted)
		*quoted = '\0';
	err_free(e);
	return err_new(ERR_INVALID, "%s", why);
}

struct err *credentials_parse(struct str text, const char *host, const char *repository,
			      char **helper, struct credentials *out, bool *found)
{
	own_json root = NULL;
	json_t *auths = NULL;
	*out = (struct credentials){ 0 };
	*found = false;
	TRY(read_secret_json(text, &root));
	if (!json_is_object(root))
		return err_new(ERR_INVALID, "it is not a JSON object");
	TRY(json_get_obj(root, "auths", &auths));
	TRY(helper_name(root, host, helper));
	find_in_auths(auths, host, repository, out, found);
	return NULL;
}

/* What the helper prints until it closes its output, at most LIMIT_TOKEN_BYTES, in HELPER_MS. */
static struct err *read_helper(int fd, struct buf *out)
{
	uint64_t end = time_mono_ms() + HELPER_MS;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = time_mono_ms();
		char piece[4096];
		if (now >= end)
			return err_new(ERR_UNAVAILABLE, "no answer within %d s", HELPER_MS / 1000);
		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno, "read");
		if (n == 0)
			return NULL;
		buf_add(out, str_n(piece, (size_t)n));
		explicit_bzero(piece, sizeof(piece));
		if (out->over)
			return err_new(ERR_LIMIT, "its answer is too long");
	}
}

static struct err *run_helper(const char *program, const char *server, struct buf *out, int *status)
{
	/* A file instead of a pipe: a helper that reads nothing raises no SIGPIPE. */
	own_fd in = memfd_create("server", MFD_CLOEXEC);
	if (in < 0)
		return err_from_errno(errno, "memfd_create");
	TRY(fd_pwrite_all(in, server, strlen(server), 0));
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_from_errno(errno, "pipe");
	own_fd from = ends[0], to = ends[1];
	struct child child;
	TRY(spawn_start(&(struct spawn){ .argv = (const char *const[]){ program, "get", NULL },
					 .in_fd = in,
					 .out_fd = to,
					 .err_fd = -1 },
			&child));
	fd_close_own(&to);
	struct err *e = read_helper(from, out);
	if (!e)
		e = child_wait(&child, status);
	child_done(&child);
	return e;
}

static struct err *read_answer(struct str text, struct credentials *out, bool *found)
{
	own_json root = NULL;
	struct str user = { NULL, 0 }, secret = { NULL, 0 };
	TRY(read_secret_json(text, &root));
	TRY(json_get_str(root, "Username", &user));
	TRY(json_get_str(root, "Secret", &secret));
	*found = secret.len > 0;
	if (!*found)
		return NULL;
	if (str_eq(user, STR("<token>"))) {
		out->identity_token = str_dup(secret);
	} else {
		out->user = str_dup(user);
		out->password = str_dup(secret);
	}
	return NULL;
}

static struct err *ask_helper(const char *name, const char *host, struct credentials *out,
			      bool *found)
{
	own_mem char *program = mem_printf("docker-credential-%s", name);
	const char *canonical = mirrors_canonical_host(host);
	const char *server = strcmp(canonical, "docker.io") == 0 ? HUB_KEY : host;
	struct buf text;
	int status = 0;
	buf_init(&text, LIMIT_TOKEN_BYTES);
	struct err *e = run_helper(program, server, &text, &status);
	if (!e && status) {
		/* SPEC docker-credential-helpers: this text, and only it, means there is none. */
		if (!memmem(text.p ? text.p : "", text.len, "credentials not found", 21))
			e = err_new(ERR_UNAVAILABLE, "it ended with status %d", status);
	} else if (!e) {
		e = read_answer(buf_str(&text), out, found);
	}
	if (*found)
		out->from = mem_printf("the credential helper %s", program);
	if (text.p)
		explicit_bzero(text.p, text.len);
	buf_done(&text);
	return err_wrap(e, "credential helper %s", program);
}

/* The same file is asked for every repository: its helper's failure is told each time it matters.
 */
static struct err *find_in_file(const char *path, const char *host, const char *repository,
				struct credentials *out, bool *found)
{
	own_mem char *text = NULL, *helper = NULL;
	size_t len = 0;
	struct err *e = fd_read_path(AT_FDCWD, path, MOST_AUTH_FILE, &text, &len);
	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	struct credentials inline_auth = { 0 };
	bool in_auths = false;
	if (!e)
		e = credentials_parse(str_n(text, len), host, repository, &helper, &inline_auth,
				      &in_auths);
	if (text)
		explicit_bzero(text, len);
	if (e)
		return err_wrap(e, "logins in %s", path);
	if (helper) {
		e = ask_helper(helper, host, out, found);
		if (e)
			log_err(LOG_LEVEL_WARN, "going on without this login", e);
	}
	if (!*found && in_auths) {
		*out = inline_auth;
		out->from = mem_strdup(path);
		*found = true;
		return NULL;
	}
	credentials_done(&inline_auth);
	return NULL;
}

struct err *credentials_find(const char *host, const char *repository, struct credentials *out,
			     bool *found)
{
	const char *docker = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	const char *run = getenv("XDG_RUNTIME_DIR");
	own_mem char *first = docker && *docker ? mem_printf("%s/config.json", docker)
			      : home            ? mem_printf("%s/.docker/config.json", home)
						: NULL;
	own_mem char *second = run && *run ? mem_printf("%s/containers/auth.json", run)
					   : mem_printf("/run/containers/%u/auth.json", getuid());
	*out = (struct credentials){ 0 };
	*found = false;
	if (first)
		TRY(find_in_file(first, host, repository, out, found));
	return *found ? NULL : find_in_file(second, host, repository, out, found);
}
