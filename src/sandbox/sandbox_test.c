#include "sandbox/sandbox.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "base/test.h"
#include "base/time.h"
#include "sandbox/enter.h"
#include "sandbox/sandbox_priv.h"

/* Everything runs in a forked copy of the test program, which becomes the supervisor, and its
 * child, the builder. There a failed check ends the process; the test sees the exit code. */
#define CHECK(cond)                                                                \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			_exit(99);                                                 \
		}                                                                  \
	} while (0)
#define CHECK_OK(expr) check_ok((expr), #expr, __LINE__)

static void check_ok(struct err *e, const char *expr, int line)
{
	if (!e)
		return;
	own_mem char *text = err_text(e);
	fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, line, expr, text);
	_exit(99);
}

/* ---- a root to run in ---- */

struct place {
	int dir_fd;
	char path[64]; /* of the temporary directory */
	char rootfs[80], work[80];
	uid_t uid; /* who builds */
};

static void put_file(int dir_fd, const char *name, const void *p, size_t len, mode_t mode)
{
	own_fd fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	EXPECT(fd >= 0);
	EXPECT_OK(fd_write_all(fd, p, len));
}

/* With busybox (package busybox-static), which brings a shell that needs no library. */
static struct place make_place(uid_t uid)
{
	static const char *const links[] = { "sh", "id", "env", "sleep", "cat", "ls", "mount" };
	static const char *const dirs[] = { "rootfs",     "rootfs/bin", "rootfs/etc", "rootfs/proc",
					    "rootfs/sys", "rootfs/dev", "rootfs/tmp", "work" };
	struct place p = { .dir_fd = test_tmpdir(), .uid = uid };
	own_mem char *self = mem_printf("/proc/self/fd/%d", p.dir_fd);
	ssize_t n = readlink(self, p.path, sizeof(p.path) - 1);
	EXPECT(n > 0 && n < (ssize_t)sizeof(p.path) - 1);
	snprintf(p.rootfs, sizeof(p.rootfs), "%s/rootfs", p.path);
	snprintf(p.work, sizeof(p.work), "%s/work", p.path);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		EXPECT(mkdirat(p.dir_fd, dirs[i], 0755) == 0);
	own_fd from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	EXPECT(from >= 0); /* apt-get install busybox-static */
	struct stat st;
	EXPECT(fstat(from, &st) == 0);
	own_fd to = openat(p.dir_fd, "rootfs/bin/busybox", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	EXPECT_OK(fd_copy(from, to, (uint64_t)st.st_size));
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		own_mem char *name = mem_printf("rootfs/bin/%s", links[i]);
		EXPECT(symlinkat("busybox", p.dir_fd, name) == 0);
	}
	put_file(p.dir_fd, "rootfs/etc/hosts", "", 0, 0644);
	put_file(p.dir_fd, "rootfs/etc/resolv.conf", "", 0, 0644);
	if (uid) {
		const char *const argv[] = { "chown", "-R", NULL, p.path, NULL };
		own_mem char *owner = mem_printf("%u", (unsigned)uid);
		const char *args[] = { argv[0], argv[1], owner, p.path, NULL };
		EXPECT_OK(spawn_run(args, 100, NULL));
	}
	return p;
}

/* ---- running in it ---- */

struct gathered {
	struct buf out, err;
};

static void gather(void *arg, bool is_stderr, struct str bytes)
{
	struct gathered *g = arg;
	buf_add(is_stderr ? &g->err : &g->out, bytes);
}

static const char *const usual_env[] = { "PATH=/bin", "HOME=/", NULL };

static struct sandbox_step make_step(const struct place *p, struct gathered *g,
				     const struct oci_platform *platform, const char *const *args)
{
	buf_init(&g->out, 1 << 20);
	buf_init(&g->err, 1 << 20);
	return (struct sandbox_step){ .rootfs = p->rootfs,
				      .platform = platform,
				      .args = args,
				      .env = usual_env,
				      .cwd = "/",
				      .output = gather,
				      .arg = g,
				      .cancel_fd = -1 };
}

static void become(uid_t uid)
{
	if (!uid || uid == geteuid())
		return;
	CHECK(setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
	      setresuid(uid, uid, uid) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0); /* as execve(2) would do */
}

typedef void body(const struct place *p, struct sandbox *s, bool single_id);

/* The supervisor's pid; the builder runs `run` and exits with its own code, else 0. */
static pid_t start_inside(const struct place *p, body *run)
{
	fflush(NULL);
	pid_t pid = fork();
	EXPECT(pid >= 0);
	if (pid)
		return pid;
	become(p->uid);
	bool single_id = false;
	CHECK_OK(sandbox_enter(&single_id));
	struct sandbox *s = NULL;
	CHECK_OK(sandbox_open(p->work, &s));
	run(p, s, single_id);
	sandbox_free(s);
	_exit(0);
}

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		EXPECT(errno == EINTR);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* As root by every id, and as a user without subordinate ids. */
static void run_inside(body *run)
{
	struct place p = make_place(0);
	EXPECT(wait_for(start_inside(&p, run)) == 0);
	close(p.dir_fd);
	if (geteuid() == 0) {
		p = make_place(65534);
		EXPECT(wait_for(start_inside(&p, run)) == 0);
		close(p.dir_fd);
	}
}

static struct sandbox_result shell(const struct place *p, struct sandbox *s, struct gathered *g,
				   const char *script)
{
	const char *const args[] = { "sh", "-c", script, NULL };
	struct oci_platform host = oci_platform_host();
	struct sandbox_step step = make_step(p, g, &host, args);
	struct sandbox_result r;
	CHECK_OK(sandbox_run(s, &step, &r));
	return r;
}

static bool is(const struct buf *b, const char *want)
{
	bool same = str_eq(buf_str(b), str_of(want));
	if (!same)
		fprintf(stderr, "got \"" STR_FMT "\", wanted \"%s\"\n", STR_ARG(buf_str(b)), want);
	return same;
}

/* ---- tests ---- */

static void prints(const struct place *p, struct sandbox *s, bool single_id)
{
	struct gathered g;
	CHECK(shell(p, s, &g, "echo out; echo err >&2").exit_code == 0);
	CHECK(is(&g.out, "out\n") && is(&g.err, "err\n"));
	CHECK(shell(p, s, &g, "cat; exit 7").exit_code == 7); /* standard input is at its end */
	CHECK(shell(p, s, &g, "exit 7").signo == 0);
	CHECK(shell(p, s, &g, "i=0; while [ $i -lt 30000 ]; do echo $i; i=$((i+1)); done")
		      .exit_code == 0);
	CHECK(g.out.len == 168890);
}

TEST(sandbox_passes_output_and_exit_code)
{
	run_inside(prints);
}

static void dies(const struct place *p, struct sandbox *s, bool single_id)
{
	struct gathered g;
	struct sandbox_result r = shell(p, s, &g, "kill -9 $$");
	CHECK(r.exit_code == 137 && r.signo == SIGKILL && !r.canceled);
	r = shell(p, s, &g, "kill -TERM $$");
	CHECK(r.exit_code == 143 && r.signo == SIGTERM);
	/* Nothing survives the first process. */
	r = shell(p, s, &g, "sleep 100 & echo done");
	CHECK(r.exit_code == 0 && r.took_ms < 20000 && is(&g.out, "done\n"));
}

TEST(sandbox_tells_which_signal_ended_a_step)
{
	run_inside(dies);
}

static void put_program(const struct place *p, const char *name, const char *text)
{
	own_fd fd = openat(p->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	CHECK(fd >= 0);
	CHECK_OK(fd_write_all(fd, text, strlen(text)));
}

static void not_found(const struct place *p, struct sandbox *s, bool single_id)
{
	static const struct {
		const char *program;
		enum err_kind kind;
		const char *part;
	} cases[] = {
		{ "nosuch", ERR_NOT_FOUND, "nosuch: not found in the image" },
		{ "/bin/nosuch", ERR_NOT_FOUND, "/bin/nosuch: not found in the image" },
		{ "/tmp/script", ERR_NOT_FOUND, "interpreter or loader" },
		{ "/etc/hosts", ERR_DENIED, "is it executable?" },
		{ "/tmp/text", ERR_INVALID, "not a program of" },
	};
	put_program(p, "rootfs/tmp/script", "#!/nosuch\n");
	put_program(p, "rootfs/tmp/text", "no program\n");
	struct oci_platform host = oci_platform_host();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct gathered g;
		const char *const args[] = { cases[i].program, NULL };
		struct sandbox_step step = make_step(p, &g, &host, args);
		struct sandbox_result r;
		struct err *e = sandbox_run(s, &step, &r);
		CHECK(e);
		own_mem char *said = err_text(e);
		fprintf(stderr, "%s\n", said);
		CHECK(e->kind == cases[i].kind && strstr(said, cases[i].part));
		err_free(e);
	}
}

TEST(sandbox_says_why_a_program_cannot_start)
{
	run_inside(not_found);
}

static void sees(const struct place *p, struct sandbox *s, bool single_id)
{
	static const char *const env[] = { "PATH=/bin", "A=b c\"\\\n", "HOME=/tmp", NULL };
	static const char *const args[] = {
		"sh", "-c",
		"pwd; echo \"$A\"; umask; cat /proc/sys/kernel/hostname; id -u; id -g;"
		"cat /mnt/in/text; touch /mnt/in/x || echo read-only",
		NULL
	};
	struct oci_platform host = oci_platform_host();
	struct gathered g;
	struct sandbox_step step = make_step(p, &g, &host, args);
	own_mem char *in = mem_printf("%s/in", p->path);
	CHECK(mkdir(in, 0755) == 0);
	own_fd in_fd = open(in, O_RDONLY | O_CLOEXEC);
	own_fd text = openat(in_fd, "text", O_WRONLY | O_CREAT, 0644);
	CHECK_OK(fd_write_all(text, "mounted\n", 8));
	struct sandbox_mount mount = { .source = in, .target = "/mnt/in", .read_only = true };
	step.env = env;
	step.cwd = "/tmp";
	step.hostname = "other";
	step.mounts = &mount;
	step.n_mounts = 1;
	step.uid = single_id ? 0 : 1234;
	step.gid = single_id ? 0 : 77;
	struct sandbox_result r;
	CHECK_OK(sandbox_run(s, &step, &r));
	CHECK(is(&g.out, single_id
				 ? "/tmp\nb c\"\\\n\n0022\nother\n0\n0\nmounted\nread-only\n"
				 : "/tmp\nb c\"\\\n\n0022\nother\n1234\n77\nmounted\nread-only\n"));
	if (!single_id)
		return;
	step.uid = 1234;
	struct err *e = sandbox_run(s, &step, &r);
	CHECK(e && e->kind == ERR_DENIED);
	err_free(e);
}

TEST(sandbox_gives_a_step_its_surroundings)
{
	run_inside(sees);
}

static void is_fenced(const struct place *p, struct sandbox *s, bool single_id)
{
	struct gathered g;
	shell(p, s, &g,
	      "exec 2>/dev/null;"
	      "(echo h > /proc/sysrq-trigger) && echo sysrq;"
	      "(echo 0 > /proc/sys/vm/drop_caches) && echo sysctl;"
	      "(: >> /proc/sys/vm/drop_caches) && echo open sysctl;"
	      "(echo x > /etc/hosts) && echo hosts;"
	      "(echo x > /etc/resolv.conf) && echo resolv.conf;"
	      "(: >> /sys/fs/cgroup/cgroup.procs) && echo cgroup;"
	      "mount -t tmpfs none /tmp && echo mount;"
	      "cat /proc/1/environ && echo environ;"
	      "kill -9 1; echo end");
	CHECK(is(&g.out, "end\n"));
}

TEST(sandbox_keeps_a_step_away_from_the_host)
{
	run_inside(is_fenced);
}

static void *end_soon(void *arg)
{
	usleep(300000);
	CHECK(write(*(int *)arg, "x", 1) == 1);
	return NULL;
}

static struct sandbox_result cancel(const struct place *p, struct sandbox *s, struct gathered *g,
				    const char *const *args)
{
	struct oci_platform host = oci_platform_host();
	struct sandbox_step step = make_step(p, g, &host, args);
	struct sandbox_result r;
	int ends[2];
	pthread_t t;
	CHECK(pipe(ends) == 0);
	step.cancel_fd = ends[0];
	CHECK(pthread_create(&t, NULL, end_soon, &ends[1]) == 0);
	CHECK_OK(sandbox_run(s, &step, &r));
	pthread_join(t, NULL);
	close(ends[0]);
	close(ends[1]);
	CHECK(r.canceled);
	return r;
}

static void cancels(const struct place *p, struct sandbox *s, bool single_id)
{
	static const char *const sleeps[] = { "sleep", "100", NULL };
	static const char *const waits[] = { "sh", "-c", "sleep 100 & wait", NULL };
	static const char *const cleans[] = { "sh", "-c",
					      "trap 'echo bye; exit 3' TERM; "
					      "while :; do sleep 0.1; done",
					      NULL };
	static const char *const refuses[] = { "sh", "-c",
					       "trap '' TERM; while :; do sleep 1; done", NULL };
	struct gathered g;
	CHECK(cancel(p, s, &g, sleeps).took_ms < 1500);
	CHECK(cancel(p, s, &g, waits).took_ms < 1500);
	CHECK(cancel(p, s, &g, cleans).exit_code == 3 && is(&g.out, "bye\n"));
	struct sandbox_result r = cancel(p, s, &g, refuses);
	CHECK(r.took_ms >= 2000 && r.took_ms < 10000);
	/* One that is unwanted from the start ends at once. */
	struct oci_platform host = oci_platform_host();
	struct sandbox_step step = make_step(p, &g, &host, sleeps);
	int ends[2];
	CHECK(pipe(ends) == 0);
	close(ends[1]);
	step.cancel_fd = ends[0];
	CHECK_OK(sandbox_run(s, &step, &r));
	CHECK(r.canceled && r.took_ms < 3500);
}

TEST(sandbox_ends_a_canceled_step)
{
	run_inside(cancels);
}

struct lane {
	const struct place *p;
	struct sandbox *s;
	int n;
};

static void *run_lane(void *arg)
{
	struct lane *l = arg;
	for (int i = 0; i < 5; i++) {
		struct gathered g;
		own_mem char *script = mem_printf("echo %d", l->n * 10 + i);
		own_mem char *want = mem_printf("%d\n", l->n * 10 + i);
		CHECK(shell(l->p, l->s, &g, script).exit_code == 0 && is(&g.out, want));
	}
	return NULL;
}

static void parallel(const struct place *p, struct sandbox *s, bool single_id)
{
	struct lane lanes[4];
	pthread_t t[ARRAY_LEN(lanes)];
	for (int i = 0; i < (int)ARRAY_LEN(lanes); i++) {
		lanes[i] = (struct lane){ p, s, i };
		CHECK(pthread_create(&t[i], NULL, run_lane, &lanes[i]) == 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(lanes); i++)
		pthread_join(t[i], NULL);
	own_mem char *bundles = mem_printf("%s/bundles", p->work);
	CHECK(rmdir(bundles) == 0); /* nothing is left behind */
}

TEST(sandbox_runs_steps_in_parallel)
{
	run_inside(parallel);
}

/* ---- what crun makes in the root ---- */

static void leaves_nothing(const struct place *p, struct sandbox *s, bool single_id)
{
	own_mem char *stubs = mem_printf("%s/stubs", p->work);
	own_mem char *upper = mem_printf("%s/upper", p->work);
	own_mem char *inner = mem_printf("%s/inner", p->work);
	own_mem char *bin = mem_printf("%s/rootfs/bin", p->path);
	own_mem char *base = mem_printf("%s/base", p->work);
	own_mem char *base_bin = mem_printf("%s/bin", base);
	CHECK(mkdir(stubs, 0755) == 0 && mkdir(upper, 0755) == 0 && mkdir(inner, 0755) == 0 &&
	      mkdir(base, 0755) == 0 && mkdir(base_bin, 0755) == 0);
	own_mem char *from = mem_printf("%s/busybox", bin), *to = mem_printf("%s/sh", base_bin);
	own_fd in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
	struct stat size;
	CHECK(fstat(in, &size) == 0);
	CHECK_OK(fd_copy(in, out, (uint64_t)size.st_size));
	fd_close_own(&out);
	for (const struct sandbox_stub *st = sandbox_stubs; st->path; st++) {
		own_mem char *at = mem_printf("%s%s", stubs, st->path);
		CHECK((st->is_dir ? mkdir(at, 0755) : mknod(at, S_IFREG | 0644, 0)) == 0);
	}
	char *root;
	CHECK_OK(sandbox_mount_point(s, &root));
	own_mem char *options = mem_printf("lowerdir=%s:%s,upperdir=%s,workdir=%s,userxattr", stubs,
					   base, upper, inner);
	CHECK(mount("overlay", root, "overlay", 0, options) == 0);

	struct place over = *p;
	snprintf(over.rootfs, sizeof(over.rootfs), "%s", root);
	struct gathered g;
	CHECK(shell(&over, s, &g, "echo $0").exit_code == 0);
	CHECK(rmdir(upper) == 0); /* empty */
	free(root);
}

TEST(sandbox_stubs_are_all_that_a_step_needs)
{
	run_inside(leaves_nothing);
}

/* ---- foreign programs ---- */

/* A program of three or four instructions that exits with code 42. */
static void put_foreign(int dir_fd, const char *name, uint16_t machine, const uint32_t *code,
			size_t n)
{
	struct {
		Elf32_Ehdr h;
		Elf32_Phdr p;
		uint32_t code[4];
	} e32 = { 0 };
	struct {
		Elf64_Ehdr h;
		Elf64_Phdr p;
		uint32_t code[4];
	} e64 = { 0 };
	bool wide = machine == EM_AARCH64;
	unsigned char ident[] = { 0x7f,        'E',       'L', 'F', wide ? ELFCLASS64 : ELFCLASS32,
				  ELFDATA2LSB, EV_CURRENT };
	memcpy(e32.h.e_ident, ident, sizeof(ident));
	memcpy(e64.h.e_ident, ident, sizeof(ident));
	memcpy(e32.code, code, n * sizeof(*code));
	memcpy(e64.code, code, n * sizeof(*code));
#define FILL(e, base)                                                   \
	do {                                                            \
		(e).h.e_type = ET_EXEC;                                 \
		(e).h.e_machine = machine;                              \
		(e).h.e_version = EV_CURRENT;                           \
		(e).h.e_entry = (base) + sizeof((e).h) + sizeof((e).p); \
		(e).h.e_phoff = sizeof((e).h);                          \
		(e).h.e_ehsize = sizeof((e).h);                         \
		(e).h.e_phentsize = sizeof((e).p);                      \
		(e).h.e_phnum = 1;                                      \
		(e).h.e_flags = wide ? 0 : 0x5000000; /* EABI 5 */      \
		(e).p.p_type = PT_LOAD;                                 \
		(e).p.p_vaddr = (e).p.p_paddr = (base);                 \
		(e).p.p_filesz = (e).p.p_memsz = sizeof(e);             \
		(e).p.p_flags = PF_R | PF_X;                            \
		(e).p.p_align = 0x1000;                                 \
	} while (0)
	FILL(e32, 0x10000u);
	FILL(e64, 0x400000u);
	own_fd fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	CHECK(fd >= 0);
	CHECK_OK(wide ? fd_write_all(fd, &e64, sizeof(e64)) : fd_write_all(fd, &e32, sizeof(e32)));
}

static int run_foreign(const struct place *p, struct sandbox *s, const char *platform,
		       const char *program)
{
	const char *const args[] = { program, NULL };
	struct oci_platform wanted;
	struct gathered g;
	struct sandbox_result r;
	CHECK_OK(oci_platform_parse(str_of(platform), &wanted));
	CHECK_OK(sandbox_can_run(s, &wanted));
	CHECK_OK(sandbox_can_run(s, &wanted));
	struct sandbox_step step = make_step(p, &g, &wanted, args);
	CHECK_OK(sandbox_run(s, &step, &r));
	return r.exit_code;
}

static void emulates(const struct place *p, struct sandbox *s, bool single_id)
{
	static const uint32_t arm[] = { 0xe3a07001, 0xe3a0002a, 0xef000000 };
	static const uint32_t armv7[] = { 0xe3a07001, 0xe300002a /* movw */, 0xef000000 };
	static const uint32_t arm64[] = { 0xd2800540, 0xd2800ba8, 0xd4000001 };
	put_foreign(p->dir_fd, "rootfs/bin/arm", EM_ARM, arm, 3);
	put_foreign(p->dir_fd, "rootfs/bin/armv7", EM_ARM, armv7, 3);
	put_foreign(p->dir_fd, "rootfs/bin/arm64", EM_AARCH64, arm64, 3);
	CHECK(run_foreign(p, s, "linux/arm/v7", "arm") == 42);
	CHECK(run_foreign(p, s, "linux/arm/v7", "armv7") == 42);
	CHECK(run_foreign(p, s, "linux/arm/v6", "arm") == 42);
	CHECK(run_foreign(p, s, "linux/arm/v6", "armv7") == 128 + SIGILL);
	CHECK(run_foreign(p, s, "linux/arm64", "arm64") == 42);
	struct oci_platform other = { "linux", "riscv64", "" };
	struct err *e = sandbox_can_run(s, &other);
	CHECK(e && e->kind == ERR_NOT_FOUND);
	err_free(e);
}

TEST(sandbox_runs_foreign_programs_on_the_cpu_of_their_platform)
{
	run_inside(emulates);
}

/* ---- the end of the supervisor ---- */

static pid_t child_of(pid_t parent)
{
	own_mem char *path = mem_printf("/proc/%d/task/%d/children", (int)parent, (int)parent);
	own_mem char *text = NULL;
	size_t len;
	err_free(fd_read_path(AT_FDCWD, path, 4096, &text, &len));
	return text ? atoi(text) : 0;
}

static void sleeps_long(const struct place *p, struct sandbox *s, bool single_id)
{
	struct gathered g;
	shell(p, s, &g, "echo > /tmp/started; sleep 98765");
}

static int count_sleepers(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	int n = 0;
	EXPECT(dir != NULL);
	while ((d = readdir(dir))) {
		own_mem char *path = mem_printf("/proc/%s/cmdline", d->d_name), *text = NULL;
		size_t len = 0;
		if (atoi(d->d_name) <= 0)
			continue;
		err_free(fd_read_path(AT_FDCWD, path, 64 << 10, &text, &len));
		n += text && len == sizeof("sleep\00098765") &&
		     memcmp(text, "sleep\00098765", len) == 0;
	}
	closedir(dir);
	return n;
}

static bool within_5_s(bool (*happened)(const struct place *p), const struct place *p)
{
	for (int i = 0; i < 500; i++) {
		if (happened(p))
			return true;
		usleep(10000);
	}
	return false;
}

static bool step_runs(const struct place *p)
{
	return faccessat(p->dir_fd, "rootfs/tmp/started", F_OK, 0) == 0 && count_sleepers() == 1;
}

static bool step_is_gone(const struct place *p)
{
	return count_sleepers() == 0;
}

TEST(sandbox_leaves_nothing_when_the_supervisor_is_killed)
{
	own_mem char *before = NULL, *after = NULL;
	size_t len;
	struct place p = make_place(0);
	EXPECT_OK(fd_read_path(AT_FDCWD, "/proc/self/mounts", 1 << 20, &before, &len));
	pid_t supervisor = start_inside(&p, sleeps_long);
	EXPECT(within_5_s(step_runs, &p));
	pid_t builder = child_of(supervisor);
	EXPECT(builder > 0);
	EXPECT(kill(supervisor, SIGKILL) == 0);
	EXPECT(wait_for(supervisor) == 1000 + SIGKILL);
	EXPECT(within_5_s(step_is_gone, &p));
	EXPECT_OK(fd_read_path(AT_FDCWD, "/proc/self/mounts", 1 << 20, &after, &len));
	EXPECT_STR(str_of(after), before);
	EXPECT(faccessat(p.dir_fd, "work/bundles", F_OK, 0) < 0); /* the tmpfs was not here */
	close(p.dir_fd);
}

TEST(sandbox_reads_the_handlers_of_the_host)
{
	static const char arm64[] =
		"enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n"
		"magic 7f454c460201010000000000000000000200b700\n"
		"mask ffffffffffffff00fffffffffffffffffeffffff\n";
	EXPECT(sandbox_binfmt_handles(arm64, "arm64"));
	EXPECT(!sandbox_binfmt_handles(arm64, "arm"));
	EXPECT(!sandbox_binfmt_handles(arm64, "riscv64"));
	own_mem char *without_f = mem_strdup(arm64);
	*strchr(without_f, 'F') = 'P'; /* would need the emulator in the container */
	EXPECT(!sandbox_binfmt_handles(without_f, "arm64"));
	own_mem char *disabled = mem_printf("disabled\n%s", strchr(arm64, '\n') + 1);
	EXPECT(!sandbox_binfmt_handles(disabled, "arm64"));
	EXPECT(!sandbox_binfmt_handles("", "arm64"));
	EXPECT(!sandbox_binfmt_handles("enabled\nflags: F\noffset 0\nmagic 7f45\n", "arm64"));
}
