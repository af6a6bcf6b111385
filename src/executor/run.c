/* RUN: a step in a container on the layers below it; what it changed becomes a layer. */
#include "executor/executor_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "executor/passwd.h"

/* --- stubs: mount points that a root lacks, in a layer of their own so that no step's layer gets
 * them ------------------- */

struct exec_stubs {
	struct sha256_sum facts;
	struct layer_name name;
	struct exec_stubs *next;
};

void exec_stubs_free(struct exec_stubs *s)
{
	while (s) {
		struct exec_stubs *next = s->next;
		free(s);
		s = next;
	}
}

#define MOST_STUBS 16

struct stub_plan {
	bool missing[MOST_STUBS];
	size_t n_missing;
	bool etc_exists;
	struct stat etc;
};

static struct err *plan_stubs(int view_fd, struct stub_plan *plan)
{
	*plan = (struct stub_plan){ .n_missing = 0 };
	plan->etc_exists = fstatat(view_fd, "etc", &plan->etc, AT_SYMLINK_NOFOLLOW) == 0 &&
			   S_ISDIR(plan->etc.st_mode);
	for (size_t i = 0; sandbox_stubs[i].path && i < MOST_STUBS; i++) {
		own_fd fd = fd_open_in_root(view_fd, sandbox_stubs[i].path + 1, O_PATH, 0);
		plan->missing[i] = fd < 0;
		plan->n_missing += fd < 0;
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return err_from_errno(errno, "look up %s in the image",
					      sandbox_stubs[i].path);
	}
	return NULL;
}

static struct err *add_stub_dir(struct layer_sink *sink, const char *path, const struct stat *like)
{
	struct tar_entry e = { .type = TAR_DIR, .path = path, .mode = 0755 };
	if (like) {
		e.mode = like->st_mode & 07777;
		e.uid = like->st_uid;
		e.gid = like->st_gid;
		e.mtime_s = like->st_mtim.tv_sec;
		e.mtime_ns = (uint32_t)like->st_mtim.tv_nsec;
	}
	return sink->add(sink, &e, false, -1);
}

static struct err *fill_stubs(struct layer_sink *sink, const struct stub_plan *plan)
{
	bool in_etc = false;
	for (size_t i = 0; sandbox_stubs[i].path && i < MOST_STUBS; i++) {
		const char *path = sandbox_stubs[i].path + 1;
		if (!plan->missing[i])
			continue;
		if (strncmp(path, "etc/", 4) == 0 && !in_etc) {
			TRY(add_stub_dir(sink, "etc", plan->etc_exists ? &plan->etc : NULL));
			in_etc = true;
		}
		if (sandbox_stubs[i].is_dir) {
			TRY(add_stub_dir(sink, path, NULL));
			continue;
		}
		struct tar_entry e = { .type = TAR_FILE, .path = path, .mode = 0644 };
		TRY(sink->add(sink, &e, false, -1));
	}
	return NULL;
}

static struct err *make_stubs(struct exec *x, const struct stub_plan *plan, struct layer_name *name)
{
	TRY(layer_store_new(x->layer_store, name, NULL));
	struct layer_fill fill = { .state = NULL };
	TRY(layer_fill_open(x->layer_store, name, &fill));
	struct err *e = fill_stubs(&fill.sink, plan);
	if (!e)
		e = layer_fill_finish(&fill);
	layer_fill_done(&fill);
	return e;
}

/* The layer of stubs for a view; `*needed` false when it lacks none. Two threads may make the same;
 * that is harmless. */
static struct err *stubs_for(struct exec *x, int view_fd, bool *needed, struct layer_name *name)
{
	struct stub_plan plan;
	TRY(plan_stubs(view_fd, &plan));
	*needed = plan.n_missing > 0;
	if (!*needed)
		return NULL;
	struct {
		bool missing[MOST_STUBS];
		uint32_t mode, uid, gid;
		int64_t mtime_s, mtime_ns;
	} facts;
	memset(&facts, 0, sizeof(facts));
	memcpy(facts.missing, plan.missing, sizeof(facts.missing));
	if (plan.etc_exists) {
		facts.mode = plan.etc.st_mode;
		facts.uid = plan.etc.st_uid;
		facts.gid = plan.etc.st_gid;
		facts.mtime_s = plan.etc.st_mtim.tv_sec;
		facts.mtime_ns = plan.etc.st_mtim.tv_nsec;
	}
	struct sha256_sum sum = sha256_of(&facts, sizeof(facts));
	mutex_lock(&x->lock);
	struct exec_stubs *s = x->stubs;
	while (s && memcmp(s->facts.b, sum.b, sizeof(sum.b)) != 0)
		s = s->next;
	if (s)
		*name = s->name;
	mutex_unlock(&x->lock);
	if (s)
		return NULL;
	TRY(make_stubs(x, &plan, name));
	s = mem_new(struct exec_stubs);
	s->facts = sum;
	s->name = *name;
	hold(&x->lock);
	s->next = x->stubs;
	x->stubs = s;
	return NULL;
}

/* --- output --------------------------------------------------------------------------------- */

#define TAIL_BYTES 2048

struct run_output {
	struct exec *x;
	const struct graph_step *g;
	char tail[TAIL_BYTES]; /* the last bytes, for the error */
	size_t n;
};

static void on_output(void *arg, bool is_stderr, struct str bytes)
{
	struct run_output *o = arg;
	exec_event(o->x->o, &(struct executor_event){ .kind = EXECUTOR_STEP_OUTPUT,
						      .step = o->g,
						      .is_stderr = is_stderr,
						      .text = bytes });
	struct str keep = bytes.len > TAIL_BYTES ? str_skip(bytes, bytes.len - TAIL_BYTES) : bytes;
	size_t drop = o->n + keep.len > TAIL_BYTES ? o->n + keep.len - TAIL_BYTES : 0;
	memmove(o->tail, o->tail + drop, o->n - drop);
	memcpy(o->tail + o->n - drop, keep.p, keep.len);
	o->n += keep.len - drop;
}

/* Escape sequences and control characters cannot act on the terminal that shows the error, and a
 * line that was written over several times is shown as it was in the end. */
static void add_clean_line(struct buf *b, struct str line)
{
	line = str_trim(line);
	line = str_skip(line, (size_t)(str_rchr(line, '\r') + 1));
	buf_add(b, STR("\n    "));
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];
		if (c == 0x1b && i + 1 < line.len && line.p[i + 1] == '[') {
			for (i += 2; i < line.len && (line.p[i] < 0x40 || line.p[i] > 0x7e); i++)
				;
		} else if (c == '\t' || (c >= 0x20 && c != 0x7f)) {
			buf_add_c(b, (char)c);
		}
	}
}

/* The last ten lines, indented. */
static char *last_lines(const struct run_output *o)
{
	struct str rest = str_trim(str_n(o->tail, o->n));
	size_t at = rest.len, lines = 0;
	while (at > 0 && lines < 10)
		lines += rest.p[--at] == '\n';
	if (lines == 10)
		at++;
	rest = str_skip(rest, at);
	struct buf b;
	buf_init(&b, 8 << 10);
	while (rest.len)
		add_clean_line(&b, str_cut(&rest, '\n'));
	return buf_steal(&b);
}

static struct err *step_failed(struct exec *x, const struct graph_step *g,
			       const struct sandbox_result *res, const struct run_output *out)
{
	if (res->canceled)
		return err_new(ERR_CANCELED, "canceled");
	own_mem char *tail = last_lines(out);
	own_mem char *how = NULL;
	if (res->signo)
		how = mem_printf("was killed by signal %d (SIG%s), exit code %d", res->signo,
				 sigabbrev_np(res->signo) ?: "?", res->exit_code);
	else
		how = mem_printf("exited with code %d", res->exit_code);
	const char *hint = res->exit_code == 127 ? " (127: a command was not found)"
			   : res->exit_code == 126
				   ? " (126: a file is no program, or not executable)"
			   : res->signo == SIGKILL ? " (the kernel does this when memory runs out)"
						   : "";
	return err_new(ERR_INVALID, "%s:%u: %s: %s %s%s%s", x->r->dockerfile_name, g->line,
		       oci_platform_text(&g->platform).s, g->text, how, hint, tail);
}

/* crun's or our own reason; the commonest is an image without a shell. */
static struct err *not_started(struct exec *x, const struct graph_step *g, struct err *cause)
{
	const char *hint = "";
	if (cause->kind == ERR_NOT_FOUND && g->run.shell_form && !cause->cause)
		hint = ": the image needs this shell, or SHELL must name another, or write RUN "
		       "[\"/program\", \"argument\"]";
	own_mem char *text = err_text(cause);
	struct err *e = err_new(cause->kind, "%s:%u: %s: %s: %s%s", x->r->dockerfile_name, g->line,
				oci_platform_text(&g->platform).s, g->text, text, hint);
	err_free(cause);
	return e;
}

/* --- the step ------------------------------------------------------------------------------- */

#define SCRIPT_PATH "/dev/.kiln-run"

static bool has_env(const char *const *env, const char *name)
{
	size_t len = strlen(name);
	for (; *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return true;
	return false;
}

/* The shell's words, then the script in place of its text. */
static const char **script_args(const struct graph_step *g)
{
	size_t n = 0;
	while (g->run.args[n])
		n++;
	const char **args = mem_new_array(n + 1, const char *);
	memcpy(args, g->run.args, n * sizeof(*args));
	args[n - 1] = SCRIPT_PATH;
	return args;
}

static const char **env_with_home(const struct graph_step *g, char *home)
{
	size_t n = 0;
	while (g->run.env[n])
		n++;
	const char **env = mem_new_array(n + 2, const char *);
	memcpy(env, g->run.env, n * sizeof(*env));
	if (!has_env(g->run.env, "HOME"))
		env[n] = home;
	return env;
}

/* A heredoc with an interpreter line is a file in the container, started through the shell. */
static struct err *write_script(struct sandbox *sb, struct str script, char **path)
{
	own_mem char *dir = NULL;
	TRY(sandbox_mount_point(sb, &dir));
	own_fd dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd fd = dir_fd < 0
			    ? -1
			    : fd_open_nofollow(dir_fd, "script", O_WRONLY | O_CREAT | O_EXCL, 0755);
	if (fd < 0)
		return err_from_errno(errno, "write the heredoc's script");
	TRY(fd_write_all(fd, script.p, script.len));
	*path = mem_printf("%s/script", dir);
	return NULL;
}

static struct err *run_in(struct exec *x, const struct graph_step *g, const char *rootfs,
			  int view_fd, struct run_output *out, struct sandbox_result *res)
{
	struct passwd_user user;
	TRY(err_wrap(passwd_user(view_fd, str_of(g->run.user), &user), "as USER %s", g->run.user));
	own_mem char *home = mem_printf("HOME=%s", user.home);
	own_mem const char **env = env_with_home(g, home);
	own_mem char *cwd = str_clean_path(str_of(g->run.cwd)); /* crun would make each part */
	own_mem char *script = NULL;
	own_mem const char **with_script = script_args(g);
	struct err *e = g->run.script.len ? write_script(x->sandbox, g->run.script, &script) : NULL;
	const struct sandbox_mount mount = { .source = script,
					     .target = SCRIPT_PATH,
					     .read_only = true };
	const struct sandbox_step step = {
		.rootfs = rootfs,
		.platform = &g->platform,
		.args = script ? with_script : g->run.args,
		.env = env,
		.cwd = cwd,
		.uid = user.uid,
		.gid = user.gid,
		.groups = user.groups,
		.n_groups = user.n_groups,
		.mounts = &mount,
		.n_mounts = script ? 1 : 0,
		.output = on_output,
		.arg = out,
		.cancel_fd = x->o->cancel_fd,
	};
	if (!e)
		e = sandbox_run(x->sandbox, &step, res);
	passwd_user_done(&user);
	return e;
}

static struct err *open_sandbox(struct exec *x)
{
	mutex_lock(&x->lock);
	while (x->sandbox_opening)
		cond_wait(&x->changed, &x->lock);
	bool open_it = !x->sandbox;
	x->sandbox_opening = open_it;
	mutex_unlock(&x->lock);
	if (!open_it)
		return NULL;
	struct sandbox *sb = NULL;
	own_fd run_fd = -1;
	own_mem char *dir = mem_printf("%s/run", x->o->data_path);
	struct err *e = fd_make_dirs(x->o->data_fd, "run", 0700, &run_fd);
	if (!e)
		e = sandbox_open(dir, &sb);
	hold(&x->lock);
	x->sandbox = sb;
	x->sandbox_opening = false;
	cond_broadcast(&x->changed);
	return e;
}

/* The overlay of a step: mounted, run, unmounted; its changes stay in `upper`. */
static struct err *run_mounted(struct exec *x, const struct graph_step *g,
			       const struct layer_name *lowers, size_t n,
			       const struct layer_name *upper, int view_fd)
{
	own_mem char *target = NULL;
	TRY(sandbox_mount_point(x->sandbox, &target));
	TRY(layer_mount(x->layer_store, lowers, n, upper, target));
	struct run_output out = { .x = x, .g = g };
	struct sandbox_result res = { .exit_code = 0 };
	struct err *e = run_in(x, g, target, view_fd, &out, &res);
	if (e)
		e = not_started(x, g, e);
	struct err *after = layer_unmount(target);
	rmdir(target);
	err_keep(&e, after);
	if (!e && (res.exit_code || res.signo || res.canceled))
		e = step_failed(x, g, &res, &out);
	return e;
}

struct run_pack {
	struct exec_pack p;
	struct layer_name upper;
};

static struct err *walk_upper(struct exec_pack *p, struct layer_sink *sink)
{
	struct run_pack *r = container_of(p, struct run_pack, p);
	return layer_walk(p->x->layer_store, &r->upper, p->below_fd, sink);
}

static void run_pack_free(struct exec_pack *p)
{
	struct run_pack *r = container_of(p, struct run_pack, p);
	err_free(layer_store_trim(p->x->layer_store, &r->upper)); /* else publishing does it */
	free(r);
}

static struct err *execute(struct exec *x, struct exec_step *s)
{
	const struct graph_step *g = s->g;
	own_mem struct layer_name *names = NULL;
	size_t n;
	TRY(open_sandbox(x));
	TRY(err_wrap(sandbox_can_run(x->sandbox, &g->platform), "%s:%u", x->r->dockerfile_name,
		     g->line));
	TRY(err_wrap(exec_chain_dirs(x, g->parent, &names, &n), "%s:%u", x->r->dockerfile_name,
		     g->line));
	own_fd view = -1;
	TRY(layer_view(x->layer_store, names, n, &view));
	bool stubs;
	struct layer_name stub_name, upper;
	TRY(stubs_for(x, view, &stubs, &stub_name));
	if (stubs) {
		names = mem_grow(names, n + 1, sizeof(*names));
		names[n] = stub_name;
	}
	TRY(layer_store_new(x->layer_store, &upper, NULL));
	TRY(run_mounted(x, g, names, n + stubs, &upper, view));

	struct exec_layer *l = exec_layer_new(x);
	l->created_unix_ns = time_now_unix_ns();
	struct run_pack *r = mem_new(struct run_pack);
	*r = (struct run_pack){
		.p = { .x = x,
		       .layer = l,
		       .make = walk_upper,
		       .free = run_pack_free,
		       .below_fd = fd_move(&view),
		       .keys = { s->key },
		       .n_keys = 1,
		       .step = g },
		.upper = upper,
	};
	mutex_lock(&x->lock);
	l->dir = upper;
	l->has_dir = l->session_dir = l->made = true;
	s->layer = l;
	mutex_unlock(&x->lock);
	exec_pack_later(&r->p);
	return NULL;
}

struct err *exec_run_step(struct exec *x, struct exec_step *s)
{
	const struct sha256_sum *parts[] = { &s->g->own,
					     s->g->parent ? &x->steps[s->g->parent->index].key
							  : &s->g->own };
	s->key = exec_key(x, "run", parts, 2);
	if (!x->r->no_cache)
		TRY(exec_cache_get(x, &s->key, &s->cached, &s->layer));
	if (s->cached)
		return NULL;
	exec_started(x, s->g);
	return execute(x, s);
}
