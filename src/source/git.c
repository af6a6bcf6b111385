/* The directory of repositories, and how git is run. */
#include "source/git_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "base/time.h"

#define LEAST_MAJOR 2
#define LEAST_MINOR 37 /* http.curloptResolve */

/* ---- running git ---- */

/* For every call: nothing of the machine's or the user's, no hook, no helper, no other transport.
 */
static const char *const settings[] = {
	"core.hooksPath=/dev/null",
	"credential.helper=",
	"http.followRedirects=false",
	"transfer.bundleURI=false",
	"transfer.fsckObjects=true",
	"fetch.fsck.zeroPaddedFilemode=ignore",
	"fetch.fsck.badTimezone=ignore",
	"fetch.fsck.missingSpaceBeforeDate=ignore",
	"receive.fsck.zeroPaddedFilemode=ignore",
	"receive.fsck.badTimezone=ignore",
	"receive.fsck.missingSpaceBeforeDate=ignore",
	"gc.auto=0",
	"maintenance.auto=false",
	"submodule.recurse=false",
	"fetch.recurseSubmodules=false",
	"safe.directory=*",
	"core.fsmonitor=false",
	"protocol.version=2",
	"init.defaultBranch=main",
	"core.askPass=",
	"receive.denyDeleteCurrent=ignore",
	"receive.maxInputSize=4294967296",
};

static const char *const passed_on[] = { "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE",
					 "SSL_CERT_DIR" };

struct words {
	const char *v[160];
	size_t n;
	char *owned[16];
	size_t n_owned;
};

static void add(struct words *w, const char *word)
{
	if (w->n + 1 >= ARRAY_LEN(w->v))
		abort(); /* tables of this file are shorter */
	w->v[w->n++] = word;
}

static void words_done(struct words *w)
{
	for (size_t i = 0; i < w->n_owned; i++)
		free(w->owned[i]);
}

static void make_argv(struct source_git *g, const struct git_call *c, struct words *w)
{
	const char *repository = c->repository ? c->repository : g->empty;
	const char *head[] = { g->guard ? g->guard : "/proc/self/exe",
			       "git-guard",
			       c->writable ? c->writable : repository,
			       g->tmp,
			       "--",
			       "git" };
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		add(w, head[i]);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		add(w, "-c");
		add(w, settings[i]);
	}
	for (size_t i = 0; c->args[i]; i++)
		add(w, c->args[i]);
}

static void make_env(struct source_git *g, const struct git_call *c, struct words *w)
{
	static const char *const fixed[] = {
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"LC_ALL=C",
		"HOME=/nonexistent",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ALLOW_PROTOCOL=https:http:ssh",
		"GIT_LITERAL_PATHSPECS=1",
		"GIT_NO_REPLACE_OBJECTS=1",
	};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		add(w, fixed[i]);
	w->owned[w->n_owned++] = mem_printf("GIT_DIR=%s", c->repository ? c->repository : g->empty);
	add(w, w->owned[w->n_owned - 1]);
	w->owned[w->n_owned++] = mem_printf("TMPDIR=%s", g->tmp);
	add(w, w->owned[w->n_owned - 1]);
	for (size_t i = 0; i < ARRAY_LEN(passed_on); i++) {
		const char *v = getenv(passed_on[i]);
		if (!v)
			continue;
		w->owned[w->n_owned++] = mem_printf("%s=%s", passed_on[i], v);
		add(w, w->owned[w->n_owned - 1]);
	}
	for (size_t i = 0; c->env[i]; i++)
		add(w, c->env[i]);
}

static struct err *await(struct child *child, uint32_t timeout_s, int *status)
{
	struct pollfd p = { .fd = child->pid_fd, .events = POLLIN };
	uint64_t end = time_mono_ms() + 1000ull * timeout_s;
	for (uint64_t now; (now = time_mono_ms()) < end;) {
		int r = poll(&p, 1, (int)MIN(end - now, 1000000ull));
		if (r == 1)
			return child_wait(child, status);
		if (r < 0 && errno != EINTR)
			break;
	}
	kill(-child->pid, SIGKILL);
	child_kill(child, SIGKILL);
	TRY(child_wait(child, status));
	return err_coded(ERR_UNAVAILABLE, "GIT_TIMEOUT",
			 "Try again; a code source with a depth fetches less.",
			 "git did not end within %u s", timeout_s);
}

#define UNREACHABLE                                                                   \
	"Look at the address and the remote server. Redirects are not followed, and " \
	"certificates must be signed by somebody whom this machine trusts."

#define LOGIN "Give the code source a credential that the remote takes."

static const struct {
	const char *part, *code, *remedy;
	enum err_kind kind;
	const char *says; /* NULL: git's own words */
} known[] = {
	{ "Host key verification failed", "SRC_HOST_KEY",
	  "If the host's key was changed on purpose, take the new one over.", ERR_DENIED },
	{ "REMOTE HOST IDENTIFICATION HAS CHANGED", "SRC_HOST_KEY",
	  "If the host's key was changed on purpose, take the new one over.", ERR_DENIED },
	{ "Permission denied", "SRC_AUTH", "Look at the credential of the code source.",
	  ERR_DENIED },
	{ "Authentication failed", "SRC_AUTH", "Look at the credential of the code source.",
	  ERR_DENIED },
	/* It would ask somebody now, which tells nothing of what the remote was given. */
	{ "could not read Username", "SRC_AUTH", LOGIN, ERR_DENIED,
	  "the remote wants another login" },
	{ "could not read Password", "SRC_AUTH", LOGIN, ERR_DENIED,
	  "the remote wants another login" },
	{ "returned error: 403", "SRC_AUTH", "Look at the credential of the code source.",
	  ERR_DENIED },
	{ "couldn't find remote ref", "SRC_REF_GONE", "Push again, or build another ref.",
	  ERR_NOT_FOUND },
	{ "not our ref", "SRC_REF_GONE", "Push again, or build another ref.", ERR_NOT_FOUND },
	{ "not found", "SRC_NOT_FOUND", "Look at the address of the repository.", ERR_NOT_FOUND },
	{ "does not appear to be a git repository", "SRC_NOT_FOUND",
	  "Look at the address of the repository.", ERR_NOT_FOUND },
	{ "returned error: 404", "SRC_NOT_FOUND", "Look at the address of the repository.",
	  ERR_NOT_FOUND },
	{ "unable to access", "SRC_UNREACHABLE", UNREACHABLE, ERR_UNAVAILABLE },
	{ "Could not read from remote repository", "SRC_UNREACHABLE", UNREACHABLE,
	  ERR_UNAVAILABLE },
	{ "Connection", "SRC_UNREACHABLE", UNREACHABLE, ERR_UNAVAILABLE },
	{ "error: object ", "SRC_OBJECT", "git fsck in the repository names what is wrong with it.",
	  ERR_INVALID },
};

/* What is wrong with an object tells more than that its pack failed. */
static int weight(struct str line)
{
	return str_starts(line, STR("error: object ")) ? 2
	       : str_starts(line, STR("fatal: "))      ? 1
						       : 0;
}

/* The last line that says something, for people. */
static struct err *failure(int err_fd, int status)
{
	own_mem char *text = mem_zalloc(GIT_ERROR_BYTES + 1);
	off_t size = lseek(err_fd, 0, SEEK_END);
	off_t from = size > (off_t)GIT_ERROR_BYTES ? size - (off_t)GIT_ERROR_BYTES : 0;
	size_t got = 0;
	TRY(fd_pread_full(err_fd, text, GIT_ERROR_BYTES, (uint64_t)from, &got));
	struct str last = STR(""), rest = str_n(text, got);
	while (rest.p) {
		struct str line = str_trim(str_cut(&rest, '\n'));
		if (line.len && weight(line) >= weight(last))
			last = line;
	}
	for (size_t i = 0; i < last.len; i++)
		if ((unsigned char)last.p[i] < ' ')
			((char *)text)[last.p + i - text] = ' ';
	last = str_first(last, 300);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(text, known[i].part))
			return err_coded(known[i].kind, known[i].code, known[i].remedy,
					 "git: " STR_FMT,
					 STR_ARG(known[i].says ? str_of(known[i].says) : last));
	if (last.len)
		return err_new(ERR_INVALID, "git: " STR_FMT, STR_ARG(last));
	return WIFSIGNALED(status)
		       ? err_new(ERR_UNAVAILABLE, "git was ended by signal %d", WTERMSIG(status))
		       : err_new(ERR_INVALID, "git ended with %d", WEXITSTATUS(status));
}

static struct err *run_with(struct source_git *g, const struct git_call *c, int out_fd, int err_fd)
{
	struct words argv = { .n = 0 }, env = { .n = 0 };
	make_argv(g, c, &argv);
	make_env(g, c, &env);
	struct child child;
	struct err *e = spawn_start(&(struct spawn){ .argv = argv.v,
						     .env = env.v,
						     .in_fd = c->in_fd,
						     .out_fd = out_fd,
						     .err_fd = err_fd,
						     .new_group = true },
				    &child);
	words_done(&argv);
	words_done(&env);
	TRY(e);
	int status = 0;
	e = await(&child, c->timeout_s ? c->timeout_s : GIT_TIMEOUT_S, &status);
	child_done(&child);
	TRY(e);
	return status ? failure(err_fd, status) : NULL;
}

struct err *git_run(struct source_git *g, const struct git_call *c)
{
	own_fd err_fd = memfd_create("git-error", MFD_CLOEXEC);
	if (err_fd < 0)
		return err_from_errno(errno, "make a file in memory");
	own_fd tmp = -1;
	if (c->out)
		TRY(git_tmpfile(g, &tmp));
	TRY(run_with(g, c, c->out ? tmp : c->out_fd, err_fd));
	if (!c->out)
		return NULL;
	lseek(tmp, 0, SEEK_SET);
	size_t len;
	TRY(fd_read_file(tmp, c->max, c->out, &len));
	if (c->len)
		*c->len = len;
	return NULL;
}

struct err *git_tmpfile(struct source_git *g, int *fd)
{
	*fd = openat(g->dir_fd, "tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *fd < 0 ? err_from_errno(errno, "make a temporary file in %s", g->tmp) : NULL;
}

/* ---- the directory ---- */

static struct err *check_version(struct source_git *g)
{
	own_mem char *text = NULL;
	struct err *e =
		git_run(g, &(struct git_call){
				   .args = { "version" }, .in_fd = -1, .max = 1024, .out = &text });
	unsigned major = 0, minor = 0;
	if (!e && sscanf(text, "git version %u.%u", &major, &minor) == 2 &&
	    (major > LEAST_MAJOR || (major == LEAST_MAJOR && minor >= LEAST_MINOR)))
		return NULL;
	own_mem char *why = e ? err_text(e) : mem_strdup(text);
	err_free(e);
	return err_coded(ERR_UNAVAILABLE, "GIT_MISSING", "Install the package git.",
			 "git %d.%d or newer is needed: %s", LEAST_MAJOR, LEAST_MINOR, why);
}

static struct err *make_empty(struct source_git *g)
{
	if (faccessat(g->dir_fd, "empty.git/HEAD", F_OK, 0) == 0)
		return NULL;
	return git_run(
		g, &(struct git_call){ .args = { "init", "-q", "--bare", "--template=", g->empty },
				       .writable = g->path,
				       .in_fd = -1,
				       .out_fd = -1 });
}

struct err *source_git_open(const struct source_git_options *o, struct source_git **out)
{
	own(source_git) g = mem_new(struct source_git);
	g->dir_fd = -1;
	mutex_init(&g->lock);
	cond_init(&g->changed);
	g->guard = o->guard;
	g->path = mem_printf("%s/git", o->data_path);
	g->tmp = mem_printf("%s/git/tmp", o->data_path);
	g->empty = mem_printf("%s/git/empty.git", o->data_path);
	TRY(fd_make_dirs(o->data_fd, "git", 0700, &g->dir_fd));
	TRY(fd_remove_tree(g->dir_fd, "tmp")); /* what a killed process left */
	own_fd tmp = -1;
	TRY(fd_make_dirs(g->dir_fd, "tmp", 0700, &tmp));
	TRY(make_empty(g));
	TRY(check_version(g));
	*out = move(g);
	return NULL;
}

void source_git_free(struct source_git *g)
{
	if (!g)
		return;
	fd_close_own(&g->dir_fd);
	cond_done(&g->changed);
	mutex_done(&g->lock);
	free(g->path);
	free(g->tmp);
	free(g->empty);
	free(g);
}

struct err *git_repository_path(struct source_git *g, const char *id, char **out)
{
	struct str s = str_of(id);
	for (size_t i = 0; i < s.len; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') &&
		    s.p[i] != '-')
			return err_new(ERR_INVALID, "%s names no repository", id);
	if (!s.len || s.len > 60)
		return err_new(ERR_INVALID, "a repository has a name of at most 60 characters");
	*out = mem_printf("%s/%s.git", g->path, id);
	return NULL;
}

/* Archives are as a checkout: what attributes of a tree say is overruled. */
static struct err *write_attributes(struct source_git *g, const char *id)
{
	own_mem char *name = mem_printf("%s.git/info", id);
	own_fd info = -1;
	TRY(fd_make_dirs(g->dir_fd, name, 0700, &info));
	static const char text[] = "* -export-ignore -export-subst\n";
	return fd_replace_file(info, "attributes", 0600, text, sizeof(text) - 1);
}

struct err *git_repository_make(struct source_git *g, const char *id)
{
	own_mem char *path = NULL, *mark = mem_printf("%s.git/info/attributes", id);
	TRY(git_repository_path(g, id, &path));
	if (faccessat(g->dir_fd, mark, F_OK, 0) == 0)
		return NULL;
	TRY(git_run(g, &(struct git_call){ .args = { "init", "-q", "--bare", "--template=", path },
					   .repository = path,
					   .writable = g->path,
					   .in_fd = -1,
					   .out_fd = -1 }));
	return write_attributes(g, id);
}

struct err *source_git_remove(struct source_git *g, const char *id)
{
	own_mem char *path = NULL, *name = mem_printf("%s.git", id);
	TRY(git_repository_path(g, id, &path));
	git_busy_enter(g, id);
	struct err *e = fd_remove_tree(g->dir_fd, name);
	git_busy_leave(g, id);
	return e;
}

/* ---- one writer at a time ---- */

static struct git_busy **find_busy_locked(struct source_git *g, const char *id)
{
	mutex_assert_held(&g->lock);
	struct git_busy **at = &g->busy;
	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

void git_busy_enter(struct source_git *g, const char *id)
{
	struct git_busy *mine = mem_new(struct git_busy);
	snprintf(mine->id, sizeof(mine->id), "%s", id);
	hold(&g->lock);
	while (*find_busy_locked(g, mine->id))
		cond_wait(&g->changed, &g->lock);
	mine->next = g->busy;
	g->busy = mine;
}

void git_busy_leave(struct source_git *g, const char *id)
{
	char name[64];
	snprintf(name, sizeof(name), "%s", id);
	hold(&g->lock);
	struct git_busy **at = find_busy_locked(g, name), *b = *at;
	*at = b->next;
	free(b);
	cond_broadcast(&g->changed);
}

void source_git_enter(struct source_git *g, const char *id)
{
	git_busy_enter(g, id);
}

void source_git_leave(struct source_git *g, const char *id)
{
	git_busy_leave(g, id);
}

struct err *source_git_tmpfile(struct source_git *g, int *fd)
{
	return git_tmpfile(g, fd);
}
