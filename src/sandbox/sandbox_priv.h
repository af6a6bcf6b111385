/* What the files of this folder share. */
#ifndef KILN_SANDBOX_SANDBOX_PRIV_H
#define KILN_SANDBOX_SANDBOX_PRIV_H

#include <stdatomic.h>

#include "base/thread.h"
#include "sandbox/sandbox.h"

enum { FOREIGN_ARCHES = 3 };

/* The emulators that the kernel starts for foreign binaries. A private binfmt_misc hides the
 * host's, so the first need decides between them for good. */
struct binfmt {
	char *dir;         /* owned; where the private one is mounted; fixed */
	struct mutex lock; /* guards all below */
	struct cond idle;  /* `busy` became false */
	bool busy;         /* somebody looks, mounts or registers, without the lock */
	enum { BINFMT_UNDECIDED, BINFMT_PRIVATE, BINFMT_HOST } mode;
	bool ready[FOREIGN_ARCHES];
};

struct sandbox {                 /* fixed after sandbox_open(), but for `next_id` and `binfmt` */
	char *work;              /* owned; absolute path of the tmpfs */
	int work_fd;             /* owned */
	bool mounted;            /* the tmpfs is */
	char *crun;              /* owned; absolute path */
	char *init;              /* owned; absolute path of process 1 of every step, see init.c */
	char *crun_root;         /* owned; "WORK/crun" */
	char *etc;               /* owned; read-only directory with resolv.conf and hosts */
	char *sys;               /* owned; read-only sysfs of our own, or NULL: the host's /sys */
	char *uid_map, *gid_map; /* owned; texts of /proc/self/uid_map and gid_map */
	int pid_ns_fd;           /* owned; the PID namespace of this program */
	atomic_uint next_id;
	struct binfmt binfmt;
};

void sandbox_binfmt_init(struct binfmt *b, char *dir); /* takes `dir` over */
void sandbox_binfmt_done(struct binfmt *b);
struct err *sandbox_binfmt_need(struct binfmt *b, const struct oci_platform *p);
/* Is `text`, a file of /proc/sys/fs/binfmt_misc, an enabled handler for `arch` (as in a platform)
 * whose interpreter is already open (F), so that a container without it can use it? */
bool sandbox_binfmt_handles(const char *text, const char *arch);

/* The text of crun's config.json. `hosts` is the path to mount over /etc/hosts. SPEC runtime-spec
 * config.md, config-linux.md */
struct err *sandbox_spec(const struct sandbox *s, const struct sandbox_step *step,
			 const char *hosts, char **out, size_t *len);
/* The bytes of /etc/hosts. The caller frees them. */
char *sandbox_hosts(const char *hostname);

/* Is `id` one that exists in the namespace whose map is `map`? */
bool sandbox_id_exists(const char *map, uint32_t id);

#endif
