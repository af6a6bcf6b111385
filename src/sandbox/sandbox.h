/* Steps in containers: crun on a ready mount, foreign binaries by qemu through a private
 * binfmt_misc.
 *
 * Lives inside the namespaces of sandbox_enter(). Keeps a tmpfs of its own, mounted over the
 * directory it is given, for bundles, crun's state and mount points. Safe from any thread; steps
 * run in parallel. */
#ifndef KILN_SANDBOX_SANDBOX_H
#define KILN_SANDBOX_SANDBOX_H

#include <signal.h>

#include "base/err.h"
#include "oci/platform.h"

struct sandbox;

/* `work_dir` is an absolute path of an existing directory. Mounts the tmpfs and, over
 * /sys/fs/cgroup, a cgroup2 of its own (crun refuses hybrid hosts); finds crun. Cheap (about a
 * millisecond): nothing is registered yet. ERR_NOT_FOUND names the package that is missing. */
struct err *sandbox_open(const char *work_dir, struct sandbox **out);
void sandbox_free(struct sandbox *s);
OWN_DECLARE(sandbox);
/* A new empty directory in the tmpfs to mount on; absolute path, in `out` (the caller frees it). */
struct err *sandbox_mount_point(struct sandbox *s, char **out);

/* Makes sure that binaries of `p` run in a container: native, or by qemu-user registered once in a
 * private binfmt_misc with the F flag (Linux 6.7), else by the host's registration. ERR_NOT_FOUND
 * without either, naming the command ("apt-get install qemu-user-static", or for old kernels the
 * host's registration). */
struct err *sandbox_can_run(struct sandbox *s, const struct oci_platform *p);

struct sandbox_mount {
	const char *source,
		*target; /* bind mount of an absolute path; target is absolute in the container */
	bool read_only;
};

struct sandbox_step {
	const char *rootfs; /* absolute path of the mounted root */
	const struct oci_platform *platform;
	const char *const *args; /* NULL-terminated; args[0] is looked up in the container's PATH */
	const char *const
		*env;    /* "K=V", NULL-terminated; what the step sees, PATH included by the caller.
			  * For arm, QEMU_CPU is added    here: arm1176 for v6, cortex-a15 for v7 */
	const char *cwd; /* absolute */
	uint32_t uid, gid;
	const uint32_t *groups; /* supplementary */
	size_t n_groups;
	const struct sandbox_mount
		*mounts; /* beside the usual /proc, /dev, /sys, /etc/resolv.conf, /etc/hosts */
	size_t n_mounts;
	const char *hostname; /* NULL: "kiln" */
	bool terminal;        /* `kiln run`: inherit standard input, output and error as they are */
	/* Output as it comes, from the thread that runs the step; not used with `terminal`. */
	void (*output)(void *arg, bool is_stderr, struct str bytes);
	void *arg;
	int cancel_fd; /* borrowed; becoming readable ends the step: SIGTERM, after 2 s SIGKILL. -1:
			  never */
};

struct sandbox_result {
	int exit_code; /* 0 to 255; 128 + signal when one ended it */
	int signo;     /* 0, or the signal that ended the first process: from crun's 128 + n */
	bool canceled;
	uint64_t took_ms;
};

/* Runs one step to its end; all its processes are gone when it returns. An error means that it
 * could not be run; a step that ran and failed is a result. ERR_NOT_FOUND when args[0] is not in
 * the container ("/bin/sh: not found in the image"). */
struct err *sandbox_run(struct sandbox *s, const struct sandbox_step *step,
			struct sandbox_result *out);

/* Paths a container's root must have before crun runs, else crun would make them in the step's
 * layer: "/proc", "/sys", "/dev" (directories),
 * "/etc/resolv.conf", "/etc/hosts" (files), … NULL-terminated; *is_dir in the same order. The
 * executor makes what is missing in a layer of stubs. */
extern const struct sandbox_stub {
	const char *path;
	bool is_dir;
} sandbox_stubs[];

#endif
