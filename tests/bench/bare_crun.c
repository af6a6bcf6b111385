/* The least that a step in a container costs: crun on overlays that are mounted already, in the
 * namespaces and with the config.json of kiln. The yardstick for `kiln build`.
 *
 *     bare_crun [--shared-pid] WORK_DIR N PLATFORM=ROOT...
 *
 * Runs `echo I > /fI` N times on each ROOT, one after another, and prints the milliseconds that
 * the runs alone took. Each run has a PID namespace as each step of kiln has; with --shared-pid all
 * have the one of this program. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "base/time.h"
#include "sandbox/enter.h"
#include "sandbox/sandbox_priv.h"

struct bench {
	const char *work;
	bool shared_pid;
	struct sandbox *sandbox;
	char *crun;
	size_t n_runs;
};

static struct err *make_dir(const char *path)
{
	return mkdir(path, 0755) == 0 ? NULL : err_from_errno(errno, "make directory %s", path);
}

static struct err *write_path(const char *path, const char *p, size_t len)
{
	own_fd fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_from_errno(errno, "create %s", path);
	return fd_write_all(fd, p, len);
}

static struct err *mount_root(const struct bench *b, const char *root, const char *at)
{
	own_mem char *upper = mem_printf("%s/upper%zu", b->work, b->n_runs);
	own_mem char *work = mem_printf("%s/work%zu", b->work, b->n_runs);
	own_mem char *options = mem_printf("userxattr,volatile,lowerdir=%s,upperdir=%s,workdir=%s",
					   root, upper, work);
	TRY(make_dir(upper));
	TRY(make_dir(work));
	TRY(make_dir(at));
	if (mount("overlay", at, "overlay", 0, options) < 0)
		return err_from_errno(errno, "mount %s on %s", root, at);
	for (const struct sandbox_stub *s = sandbox_stubs; s->path; s++) {
		own_mem char *path = mem_printf("%s%s", at, s->path);
		if (s->is_dir)
			mkdir(path, 0755);
		else
			TRY(write_path(path, "", 0));
	}
	return NULL;
}

/* The bundle of one run, with everything that can be done before it. */
static struct err *prepare(struct bench *b, const struct oci_platform *p, const char *root, int i)
{
	own_mem char *dir = mem_printf("%s/bundle%zu", b->work, b->n_runs);
	own_mem char *at = mem_printf("%s/root", dir),
		     *hosts = mem_printf("%s/hosts", b->sandbox->etc);
	own_mem char *command = mem_printf("echo %d > /f%d", i, i);
	const char *args[] = { "/bin/sh", "-c", command, NULL };
	const char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			      "HOME=/root", NULL };
	struct sandbox_step step = {
		.rootfs = at, .platform = p, .args = args, .env = env, .cwd = "/", .cancel_fd = -1
	};
	own_mem char *spec = NULL, *path = mem_printf("%s/config.json", dir);
	size_t len;
	TRY(make_dir(dir));
	TRY(mount_root(b, root, at));
	TRY(sandbox_spec(b->sandbox, &step, hosts, &spec, &len));
	static const char head[] = "\"namespaces\":[";
	char *rest = strstr(spec, head);
	if (!rest)
		return err_new(ERR_INVALID, "config.json has no namespaces");
	rest += strlen(head);
	own_mem char *whole = mem_printf("%.*s%s%s", (int)(rest - spec), spec,
					 b->shared_pid ? "" : "{\"type\":\"pid\"},", rest);
	b->n_runs++;
	return write_path(path, whole, strlen(whole));
}

static struct err *run(const struct bench *b, size_t i, int in_fd, int out_fd)
{
	own_mem char *dir = mem_printf("%s/bundle%zu", b->work, i), *id = mem_printf("b%zu", i);
	own_mem char *state = mem_printf("%s/state", b->sandbox->work);
	const char *argv[] = { b->crun, "--root",   state, "--cgroup-manager=disabled",
			       "run",   "--bundle", dir,   id,
			       NULL };
	struct child c;
	int status;
	TRY(spawn_start(
		&(struct spawn){ .argv = argv, .in_fd = in_fd, .out_fd = out_fd, .err_fd = 2 },
		&c));
	TRY(child_wait(&c, &status));
	return status ? err_new(ERR_UNAVAILABLE, "run %zu: crun's status is %d", i, status) : NULL;
}

static struct err *prepare_all(struct bench *b, char **roots, int n)
{
	for (; *roots; roots++) {
		struct str path = str_of(*roots), name = str_cut(&path, '=');
		struct oci_platform p;
		TRY(oci_platform_parse(name, &p));
		TRY(sandbox_can_run(b->sandbox, &p));
		for (int i = 1; i <= n; i++)
			TRY(prepare(b, &p, path.p, i));
	}
	return NULL;
}

static struct err *measure(struct bench *b, char **roots, int n)
{
	own_mem char *run_dir = mem_printf("%s/run", b->work);
	int in[2], out[2];
	TRY(make_dir(run_dir));
	TRY(sandbox_open(run_dir, &b->sandbox));
	TRY(prepare_all(b, roots, n));
	b->crun = spawn_find("crun");
	/* crun gives its streams to the step's user: not those of whoever started this. */
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return err_from_errno(errno, "pipe");
	uint64_t start_ns = time_mono_ns();
	for (size_t i = 0; i < b->n_runs; i++)
		TRY(run(b, i, in[0], out[1]));
	printf("%.3f\n", (double)(time_mono_ns() - start_ns) / 1e6);
	return NULL;
}

int main(int argc, char **argv)
{
	struct bench b = { .shared_pid = argc > 1 && strcmp(argv[1], "--shared-pid") == 0 };
	argv += b.shared_pid;
	if (argc - b.shared_pid < 4) {
		fprintf(stderr, "usage: bare_crun [--shared-pid] WORK_DIR N PLATFORM=ROOT...\n");
		return 2;
	}
	b.work = argv[1];
	bool single_id;
	struct err *e = sandbox_enter(&single_id);
	if (!e)
		e = measure(&b, argv + 3, atoi(argv[2]));
	if (!e)
		return 0;
	own_mem char *text = err_text(e);
	fprintf(stderr, "bare_crun: %s\n", text);
	return 1;
}
