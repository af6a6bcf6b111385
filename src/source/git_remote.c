/* Other people's repositories: what refs they have, and bringing commits here. */
#include "source/git_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "http/client.h"

#define HOST_KEY_BYTES ((size_t)16 << 10)
#define MODULES_BYTES  ((size_t)256 << 10)
#define MOST_MODULES   64
#define MOST_NESTING   4

/* ---- how the remote is reached ---- */

struct way { /* what a call to the remote needs beside its own words */
	struct source_git *g;
	char dir[40]; /* name in DATA/git/tmp; "" when there is none */
	char *pin, *secret_key, *secret_value, *ssh, *proxy_ca; /* owned */
	struct git_address address;
};

static void way_done(struct way *w)
{
	if (w->dir[0]) {
		own_fd tmp = openat(w->g->dir_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err_free(fd_remove_tree(tmp, w->dir));
	}
	free(w->pin);
	if (w->secret_value)
		explicit_bzero(w->secret_value, strlen(w->secret_value));
	free(w->secret_key);
	free(w->secret_value);
	free(w->ssh);
	free(w->proxy_ca);
}

static struct err *make_dir(struct way *w, int *fd)
{
	struct random_id id = random_id("way-");
	snprintf(w->dir, sizeof(w->dir), "%s", id.s);
	own_fd tmp = openat(w->g->dir_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd_make_dirs(tmp, w->dir, 0700, fd);
}

/* Basic, in a header that git takes from its environment: nothing of it is on a command line. */
static void set_password(struct way *w, const struct source_remote *r)
{
	own_mem char *basic = http_basic(r->username.len ? r->username : STR("git"), r->secret);
	w->secret_key = mem_strdup("GIT_CONFIG_KEY_0=http.extraHeader");
	w->secret_value = mem_printf("GIT_CONFIG_VALUE_0=Authorization: %s", basic);
	explicit_bzero(basic, strlen(basic));
}

/* For a shell: git starts ssh by one. */
static char *quoted(const char *text)
{
	struct buf b;
	buf_init(&b, 8192);
	buf_add_c(&b, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_add(&b, STR("'\\''"));
		else
			buf_add_c(&b, *text);
	}
	buf_add_c(&b, '\'');
	return buf_steal(&b);
}

static struct err *set_ssh(struct way *w, const struct source_remote *r)
{
	own_fd dir = -1;
	TRY(make_dir(w, &dir));
	TRY(fd_replace_file(dir, "key", 0600, r->secret.p, r->secret.len));
	TRY(fd_replace_file(dir, "hosts", 0600, r->host_key.p, r->host_key.len));
	own_mem char *key_path = mem_printf("%s/%s/key", w->g->tmp, w->dir),
		     *hosts_path =
			     mem_printf("UserKnownHostsFile=\"%s/%s/hosts\"", w->g->tmp, w->dir);
	own_mem char *key = quoted(key_path), *hosts = quoted(hosts_path);
	w->ssh = mem_printf(
		"GIT_SSH_COMMAND=ssh -F none -i %s -o %s -o BatchMode=yes -o IdentitiesOnly=yes "
		"-o IdentityAgent=none -o StrictHostKeyChecking=%s -o GlobalKnownHostsFile=/dev/null "
		"-o HashKnownHosts=no -o HostKeyAlias=kiln -o HostName=%s -o ProxyCommand=none "
		"-o ClearAllForwardings=yes -o PreferredAuthentications=publickey -o CheckHostIP=no "
		"-o UpdateHostKeys=no -o ConnectTimeout=20 -o PermitLocalCommand=no",
		key, hosts, r->host_key.len ? "yes" : "accept-new", w->address.text);
	return NULL;
}

static struct err *way_open(struct source_git *g, const struct source_remote *r, struct way *w)
{
	*w = (struct way){ .g = g };
	TRY(git_address_find(&r->url, r->allow_private, &w->address));
	bool v6 = strchr(w->address.text, ':') != NULL;
	if (r->url.scheme != SOURCE_SSH && r->url.host[0] != '[') /* an address stays what it is */
		w->pin = mem_printf("http.curloptResolve=%s:%u:%s%s%s", r->url.host, r->url.port,
				    v6 ? "[" : "", w->address.text, v6 ? "]" : "");
	if (r->url.scheme != SOURCE_SSH && r->credential == SOURCE_PASSWORD)
		set_password(w, r);
	const char *ca = getenv("SSL_CERT_FILE");
	if (ca)
		w->proxy_ca = mem_printf("GIT_SSL_CAINFO=%s", ca);
	return r->url.scheme == SOURCE_SSH ? set_ssh(w, r) : NULL;
}

static void way_apply(const struct way *w, struct git_call *c)
{
	size_t n = 0;
	if (w->secret_key) {
		c->env[n++] = "GIT_CONFIG_COUNT=1";
		c->env[n++] = w->secret_key;
		c->env[n++] = w->secret_value;
	}
	if (w->ssh)
		c->env[n++] = w->ssh;
	if (w->proxy_ca)
		c->env[n++] = w->proxy_ca;
}

/* The line of known_hosts after the call, which has a host's name of ours. */
static struct err *read_host_key(const struct way *w, struct arena *a, const char **out)
{
	*out = NULL;
	own_mem char *name = mem_printf("tmp/%s/hosts", w->dir), *text = NULL;
	size_t len;
	struct err *e =
		w->ssh ? fd_read_path(w->g->dir_fd, name, HOST_KEY_BYTES, &text, &len) : NULL;
	if (!e && text && len)
		*out = arena_strdup(a, str_n(text, len));
	err_free(e);
	return NULL;
}

/* ---- refs ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct source_ref *)a)->name, ((const struct source_ref *)b)->name);
}

/* "ID\tREF", and for an annotated tag "ID\tREF^{}" behind it. */
static struct err *read_refs(struct arena *a, struct str text, struct source_ref **refs, size_t *n)
{
	size_t cap = 0;
	struct source_ref *list = NULL;
	*n = 0;
	for (struct str rest = text; rest.p;) {
		struct str line = str_cut(&rest, '\n'), name = line, id = str_cut(&name, '\t');
		bool peeled = str_ends(name, STR("^{}"));
		if (peeled)
			name = str_first(name, name.len - 3);
		if (!source_commit_ok(id) || !source_ref_ok(name))
			continue; /* what cannot be a branch or tag of ours is not looked at */
		if (peeled && *n && str_eq(str_of(list[*n - 1].name), name)) {
			list[*n - 1].commit = arena_strdup(a, id);
			continue;
		}
		if (peeled)
			continue;
		if (*n >= GIT_MOST_REFS) {
			free(list);
			return err_coded(ERR_LIMIT, "SRC_REFS", NULL,
					 "the remote has more than %d branches and tags",
					 GIT_MOST_REFS);
		}
		mem_reserve_one(list, *n, cap);
		const char *object = arena_strdup(a, id);
		list[(*n)++] = (struct source_ref){ .name = arena_strdup(a, name),
						    .object = object,
						    .commit = object };
	}
	*refs = arena_new_array(a, *n, struct source_ref);
	if (*n)
		memcpy(*refs, list, *n * sizeof(*list));
	free(list);
	if (*n)
		qsort(*refs, *n, sizeof(**refs), by_name);
	return NULL;
}

struct err *source_git_ls_remote(struct source_git *g, struct arena *a,
				 const struct source_remote *r, struct source_ref **refs, size_t *n,
				 const char **host_key)
{
	struct way w;
	own_mem char *text = NULL;
	size_t len = 0;
	struct err *e = way_open(g, r, &w);
	if (!e) {
		struct git_call c = { .in_fd = -1,
				      .timeout_s = r->timeout_s ? r->timeout_s : 60,
				      .max = GIT_LIST_BYTES,
				      .out = &text,
				      .len = &len };
		const char *with_pin[] = { "-c",      w.pin,    "ls-remote", "-q",
					   "--heads", "--tags", "--",        r->url.text };
		memcpy(c.args, with_pin + (w.pin ? 0 : 2), (w.pin ? 8 : 6) * sizeof(*with_pin));
		way_apply(&w, &c);
		e = git_run(g, &c);
	}
	if (!e)
		e = read_refs(a, str_n(text, len), refs, n);
	if (!e && host_key)
		e = read_host_key(&w, a, host_key);
	way_done(&w);
	return err_wrap(e, "%s", r->url.text);
}

/* ---- fetching ---- */

static bool has_commit(struct source_git *g, const char *path, const char *commit)
{
	own_mem char *name = mem_printf("refs/kiln/keep/%s", commit);
	struct err *e =
		git_run(g, &(struct git_call){ .repository = path,
					       .args = { "rev-parse", "-q", "--verify", name },
					       .in_fd = -1,
					       .out_fd = -1 });
	bool there = !e;
	err_free(e);
	return there;
}

static struct err *fetch_spec(struct source_git *g, const char *path, const struct way *w,
			      const struct source_remote *r, const char *spec, bool shallow)
{
	char depth[32];
	snprintf(depth, sizeof(depth), "--depth=%u", r->depth);
	struct git_call c = {
		.repository = path, .in_fd = -1, .out_fd = -1, .timeout_s = r->timeout_s
	};
	size_t n = 0;
	if (w->pin) {
		c.args[n++] = "-c";
		c.args[n++] = w->pin;
	}
	c.args[n++] = "fetch";
	c.args[n++] = "-q";
	c.args[n++] = "--no-tags";
	c.args[n++] = "--no-write-fetch-head";
	c.args[n++] = "--no-auto-maintenance";
	if (shallow && r->depth)
		c.args[n++] = depth;
	c.args[n++] = "--";
	c.args[n++] = r->url.text;
	c.args[n++] = spec;
	way_apply(w, &c);
	return git_run(g, &c);
}

/* By its id; where the remote does not give single commits, by its ref. */
static struct err *fetch_commit(struct source_git *g, const char *path, const struct way *w,
				const struct source_remote *r, const char *ref, const char *commit)
{
	own_mem char *by_id = mem_printf("%s:refs/kiln/keep/%s", commit, commit);
	struct err *first = fetch_spec(g, path, w, r, by_id, true);
	if (!first || !ref)
		return first;
	own_mem char *by_ref = mem_printf("+%s:refs/kiln/last", ref);
	struct err *e = fetch_spec(g, path, w, r, by_ref, false);
	if (!e) {
		own_mem char *keep = mem_printf("refs/kiln/keep/%s", commit);
		e = git_run(g, &(struct git_call){ .repository = path,
						   .args = { "update-ref", keep, commit },
						   .in_fd = -1,
						   .out_fd = -1 });
		if (e) {
			err_free(e);
			err_free(first);
			return err_coded(ERR_NOT_FOUND, "SRC_REF_GONE",
					 "Push again, or build another ref.",
					 "the remote does not have commit %.12s any more", commit);
		}
	}
	err_free(e ? first : NULL);
	if (!e)
		err_free(first);
	return e;
}

/* ---- submodules ---- */

struct modules {
	struct source_git *g;
	const char *path; /* of our repository */
	const struct source_remote *r;
	size_t n; /* fetched so far */
};

static struct err *fetch_tree(struct modules *m, const struct source_url *base, const char *commit,
			      unsigned depth);

/* "../x.git" is beside the repository; all else is a whole address. */
static struct err *module_url(const struct source_url *base, struct str text,
			      struct source_url *out)
{
	if (!str_starts(text, STR("./")) && !str_starts(text, STR("../")))
		return source_url_parse(text, out);
	struct str whole = str_of(base->text);
	while (str_ends(whole, STR("/")))
		whole.len--;
	for (;;) {
		if (str_starts(text, STR("./"))) {
			text = str_skip(text, 2);
		} else if (str_starts(text, STR("../"))) {
			ptrdiff_t slash = str_rchr(whole, '/');
			if (slash < 0 || whole.len <= strlen(base->text) - strlen(base->path) + 1)
				return err_new(ERR_INVALID, "the address leaves the host");
			whole = str_first(whole, (size_t)slash);
			text = str_skip(text, 3);
		} else {
			break;
		}
	}
	own_mem char *joined = mem_printf(STR_FMT "/" STR_FMT, STR_ARG(whole), STR_ARG(text));
	return source_url_parse(str_of(joined), out);
}

static bool same_origin(const struct source_url *a, const struct source_url *b)
{
	return a->scheme == b->scheme && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The commit that the tree has at the submodule's path; "" when there is none. */
static struct err *module_commit(struct modules *m, const char *commit, const char *at, char *out)
{
	own_mem char *text = NULL;
	TRY(git_run(m->g, &(struct git_call){ .repository = m->path,
					      .args = { "ls-tree", "-z", commit, "--", at },
					      .in_fd = -1,
					      .max = 8192,
					      .out = &text }));
	out[0] = '\0';
	struct str line = str_of(text);
	if (str_starts(line, STR("160000 commit ")) && line.len > 54 &&
	    source_commit_ok(str_n(line.p + 14, 40)))
		memcpy(out, line.p + 14, 40), out[40] = '\0';
	return NULL;
}

static struct err *fetch_module(struct modules *m, const struct source_url *base,
				const char *commit, struct str at, struct str url, unsigned depth)
{
	own_mem char *path = NULL;
	char wanted[41];
	struct source_remote r = *m->r;
	if (!at.len || at.p[0] == '-' || at.p[0] == '/')
		return err_new(ERR_INVALID, "the path is not allowed");
	TRY(source_path_clean(at, &path));
	TRY(module_url(base, url, &r.url));
	TRY(module_commit(m, commit, path, wanted));
	if (!wanted[0])
		return NULL;
	if (m->n++ >= MOST_MODULES)
		return err_new(ERR_LIMIT, "there are more than %d submodules", MOST_MODULES);
	if (!same_origin(&r.url, &m->r->url)) {
		r.credential = SOURCE_NO_CREDENTIAL;
		r.username = r.secret = r.host_key = STR("");
	}
	if (!has_commit(m->g, m->path, wanted)) {
		struct way w;
		struct err *e = way_open(m->g, &r, &w);
		if (!e)
			e = fetch_commit(m->g, m->path, &w, &r, NULL, wanted);
		way_done(&w);
		TRY(e);
	}
	struct source_url mine = r.url;
	return fetch_tree(m, &mine, wanted, depth + 1);
}

/* "submodule.NAME.path\nVALUE\0", as git itself reads the file. */
static struct err *each_module(struct modules *m, const struct source_url *base, const char *commit,
			       struct str text, unsigned depth)
{
	for (struct str rest = text; rest.p && rest.len;) {
		struct str value = str_cut(&rest, '\0'), key = str_cut(&value, '\n');
		if (!str_starts(key, STR("submodule.")) || !str_ends(key, STR(".path")))
			continue;
		struct str name = str_first(key, key.len - 5), url = STR("");
		for (struct str again = text; again.p && again.len;) {
			struct str v = str_cut(&again, '\0'), k = str_cut(&v, '\n');
			if (k.len == name.len + 4 && str_starts(k, name) &&
			    str_ends(k, STR(".url")))
				url = v;
		}
		TRY(err_wrap(fetch_module(m, base, commit, value, url, depth), "submodule " STR_FMT,
			     STR_ARG(str_first(value, 200))));
	}
	return NULL;
}

static struct err *fetch_tree(struct modules *m, const struct source_url *base, const char *commit,
			      unsigned depth)
{
	if (depth > MOST_NESTING)
		return err_new(ERR_LIMIT, "submodules are nested deeper than %d", MOST_NESTING);
	own_mem char *blob = mem_printf("%s:.gitmodules", commit), *text = NULL;
	size_t len = 0;
	struct err *e = git_run(
		m->g, &(struct git_call){ .repository = m->path,
					  .args = { "config", "--blob", blob, "-z", "--list" },
					  .in_fd = -1,
					  .max = MODULES_BYTES,
					  .out = &text,
					  .len = &len });
	if (e) { /* there is no such file, or it is none that git reads */
		err_free(e);
		return NULL;
	}
	return each_module(m, base, commit, str_n(text, len), depth);
}

static struct err *fetch(struct source_git *g, const char *id, const char *path,
			 const struct source_remote *r, const char *ref, const char *commit)
{
	TRY(git_repository_make(g, id));
	if (!has_commit(g, path, commit)) {
		struct way w;
		struct err *e = way_open(g, r, &w);
		if (!e)
			e = fetch_commit(g, path, &w, r, ref, commit);
		way_done(&w);
		TRY(e);
	}
	struct modules m = { .g = g, .path = path, .r = r };
	return r->submodules ? fetch_tree(&m, &r->url, commit, 0) : NULL;
}

struct err *source_git_fetch(struct source_git *g, const char *id, const struct source_remote *r,
			     const char *ref, const char *commit)
{
	own_mem char *path = NULL;
	TRY(git_repository_path(g, id, &path));
	if (!source_commit_ok(str_of(commit)) || (ref && !source_ref_ok(str_of(ref))))
		return err_new(ERR_INVALID, "no commit or ref that git would take");
	git_busy_enter(g, id);
	struct err *e = fetch(g, id, path, r, ref, commit);
	git_busy_leave(g, id);
	return err_wrap(e, "fetch %.12s of %s", commit, r->url.text);
}
