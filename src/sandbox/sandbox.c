#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "sandbox/sandbox_priv.h"

#define MAX_RESOLV_CONF ((size_t)64 << 10)
#define NO_DEVICES      (MS_NOSUID | MS_NODEV | MS_NOEXEC)

const struct sandbox_stub sandbox_stubs[] = {
	{ "/dev", true },  { "/etc", true }, { "/etc/hosts", false }, { "/etc/resolv.conf", false },
	{ "/proc", true }, { "/sys", true }, { NULL, false },
};

/* The program of init.c, made part of kiln by the linker. */
extern const char _binary_src_sandbox_kiln_init_start[], _binary_src_sandbox_kiln_init_end[];

static struct err *make_dir(const struct sandbox *s, const char *name)
{
	if (mkdirat(s->work_fd, name, 0755) < 0)
		return err_from_errno(errno, "make directory %s/%s", s->work, name);
	return NULL;
}

static struct err *write_file(int dir_fd, const char *name, mode_t mode, struct str bytes)
{
	own_fd fd = fd_open_nofollow(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (fd < 0 || fchmod(fd, mode) < 0) /* whatever the umask is: containers read it */
		return err_from_errno(errno, "create %s", name);
	return err_wrap(fd_write_all(fd, bytes.p, bytes.len), "write %s", name);
}

/* A bind mount that nobody writes through. The kernel demands that the flags stay which the mount
 * beneath has from a more privileged namespace. */
static int bind_read_only(const char *from, const char *to)
{
	struct statvfs st;
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return -1;
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
	if (statvfs(to, &st) == 0)
		flags |= (st.f_flag & ST_NOSUID ? MS_NOSUID : 0) |
			 (st.f_flag & ST_NODEV ? MS_NODEV : 0) |
			 (st.f_flag & ST_NOEXEC ? MS_NOEXEC : 0) |
			 (st.f_flag & ST_NOATIME ? MS_NOATIME : 0) |
			 (st.f_flag & ST_NODIRATIME ? MS_NODIRATIME : 0) |
			 (st.f_flag & ST_RELATIME ? MS_RELATIME : 0);
	if (mount(NULL, to, NULL, flags, NULL) == 0)
		return 0;
	int failed = errno;
	umount2(to, MNT_DETACH);
	errno = failed;
	return -1;
}

/* Steps share the host's network, and so its name servers, also those on loopback. The copy is
 * taken once: what a DHCP client writes later must not change under a step. */
static struct err *make_etc(struct sandbox *s)
{
	own_mem char *resolv = NULL, *hosts = sandbox_hosts(NULL);
	size_t len = 0;
	struct err *e = fd_read_path(AT_FDCWD, "/etc/resolv.conf", MAX_RESOLV_CONF, &resolv, &len);
	if (e && e->kind != ERR_NOT_FOUND)
		return e;
	err_free(e);
	TRY(make_dir(s, "etc"));
	own_fd dir = fd_open_nofollow(s->work_fd, "etc", O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return err_from_errno(errno, "open %s", s->etc);
	TRY(write_file(dir, "resolv.conf", 0644, str_n(resolv, len)));
	TRY(write_file(dir, "hosts", 0644, str_of(hosts)));
	if (bind_read_only(s->etc, s->etc) < 0)
		return err_from_errno(errno, "mount %s", s->etc);
	return NULL;
}

/* crun copies itself and starts again, which is half of its time, unless it sits on a read-only
 * file system: what it wants is that no container can write to it. */
static void protect_crun(struct sandbox *s)
{
	own_mem char *to = mem_printf("%s/crun-program", s->work);
	own_fd fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || bind_read_only(s->crun, to) < 0)
		return; /* works without, only slower */
	free(s->crun);
	s->crun = move(to);
}

static struct err *make_init(struct sandbox *s)
{
	const char *start = _binary_src_sandbox_kiln_init_start;
	size_t len = (size_t)(_binary_src_sandbox_kiln_init_end - start);
	s->init = mem_printf("%s/init", s->work);
	return write_file(s->work_fd, "init", 0555, str_n(start, len));
}

/* Runs in a thread of its own that moves to a new network namespace: the kernel gives a sysfs only
 * to the owner of the network that it shows. The namespace stays as long as the mount. */
static void *mount_sys(void *arg)
{
	struct sandbox *s = arg;
	own_mem char *to = mem_printf("%s/sys", s->work);
	own_mem char *cgroup = mem_printf("%s/fs/cgroup", to);
	if (mkdir(to, 0755) < 0 || unshare(CLONE_NEWNET) < 0 ||
	    mount("sysfs", to, "sysfs", NO_DEVICES | MS_RDONLY, NULL) < 0)
		return NULL;
	bind_read_only("/sys/fs/cgroup", cgroup); /* where programs look for their memory limit */
	s->sys = move(to);
	return NULL;
}

static struct err *make_sys(struct sandbox *s)
{
	pthread_t t;
	TRY(thread_start(&t, "kiln-sys", mount_sys, s));
	pthread_join(t, NULL);
	return NULL;
}

static struct err *mount_cgroup(void)
{
	struct statfs st;
	if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", NO_DEVICES, NULL) == 0)
		return NULL;
	int failed = errno;
	if (statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC)
		return NULL; /* crun takes the one that is there */
	return err_from_errno(failed, "mount a cgroup2 over /sys/fs/cgroup");
}

static struct err *mount_work(struct sandbox *s)
{
	if (mount("kiln", s->work, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=256m") < 0)
		return err_from_errno(errno, "mount a tmpfs on %s", s->work);
	s->mounted = true;
	s->work_fd = open(s->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->work_fd < 0)
		return err_from_errno(errno, "open %s", s->work);
	TRY(make_dir(s, "bundles"));
	TRY(make_dir(s, "mounts"));
	return make_dir(s, "binfmt");
}

static struct err *read_self(struct sandbox *s)
{
	size_t len;
	s->pid_ns_fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (s->pid_ns_fd < 0)
		return err_from_errno(errno, "open /proc/self/ns/pid");
	TRY(fd_read_path(AT_FDCWD, "/proc/self/uid_map", 64 << 10, &s->uid_map, &len));
	return fd_read_path(AT_FDCWD, "/proc/self/gid_map", 64 << 10, &s->gid_map, &len);
}

static struct err *open_parts(struct sandbox *s)
{
	s->crun = spawn_find("crun");
	if (!s->crun)
		return err_new(ERR_NOT_FOUND, "crun is not installed: apt-get install crun");
	TRY(read_self(s));
	TRY(mount_work(s));
	TRY(mount_cgroup());
	TRY(make_etc(s));
	TRY(make_init(s));
	protect_crun(s);
	return make_sys(s);
}

struct err *sandbox_open(const char *work_dir, struct sandbox **out)
{
	own(sandbox) s = mem_new(struct sandbox);
	s->work_fd = s->pid_ns_fd = -1;
	s->work = mem_strdup(work_dir);
	s->crun_root = mem_printf("%s/crun", work_dir);
	s->etc = mem_printf("%s/etc", work_dir);
	sandbox_binfmt_init(&s->binfmt, mem_printf("%s/binfmt", work_dir));
	TRY(err_wrap(open_parts(s), "open the sandbox"));
	*out = move(s);
	return NULL;
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	fd_close_own(&s->work_fd);
	fd_close_own(&s->pid_ns_fd);
	if (s->mounted)
		umount2(s->work, MNT_DETACH); /* with all that is mounted in it */
	sandbox_binfmt_done(&s->binfmt);
	free(s->work);
	free(s->crun);
	free(s->init);
	free(s->crun_root);
	free(s->etc);
	free(s->sys);
	free(s->uid_map);
	free(s->gid_map);
	free(s);
}

struct err *sandbox_mount_point(struct sandbox *s, char **out)
{
	own_mem char *path = mem_printf("%s/mounts/%u", s->work, atomic_fetch_add(&s->next_id, 1));
	if (mkdir(path, 0755) < 0)
		return err_from_errno(errno, "make directory %s", path);
	*out = move(path);
	return NULL;
}

struct err *sandbox_can_run(struct sandbox *s, const struct oci_platform *p)
{
	if (oci_platform_is_native(p))
		return NULL;
	return sandbox_binfmt_need(&s->binfmt, p);
}

bool sandbox_id_exists(const char *map, uint32_t id)
{
	struct str rest = str_of(map);
	while (rest.p) {
		own_mem char *line = str_dup(str_cut(&rest, '\n'));
		unsigned inside, outside, count;
		if (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && id >= inside &&
		    id - inside < count)
			return true;
	}
	return false;
}
