/* The sandbox around git: what the process may reach is cut down, then it becomes git. */
#include "source/git.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define READ \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define ALL_1 ((1ull << 13) - 1) /* the rights of the first version */
#define REFER (1ull << 13)       /* of the second */
#define TRUNC (1ull << 14)       /* of the third */

static const struct {
	const char *path;
	uint64_t rights;
} readable[] = {
	{ "/usr", READ },
	{ "/lib", READ },
	{ "/lib64", READ },
	{ "/bin", READ },
	{ "/sbin", READ },
	{ "/etc", READ },
	{ "/run/systemd/resolve", READ },
	{ "/proc", READ },
	{ "/dev/null", FILES },
	{ "/dev/zero", FILES },
	{ "/dev/urandom", FILES },
	{ "/dev/random", FILES },
};

static void allow(int ruleset, const char *path, uint64_t rights)
{
	own_fd fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };
	if (fd >= 0)
		syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* Kernels without Landlock run git as it is: all else stays. */
static struct err *restrict_files(int argc, char **argv)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1)
		return NULL;
	uint64_t all = ALL_1 | (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNC : 0);
	struct landlock_ruleset_attr attr = { .handled_access_fs = all };
	own_fd ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_from_errno(errno, "make a Landlock ruleset");
	for (size_t i = 0; i < ARRAY_LEN(readable); i++)
		allow(ruleset, readable[i].path, readable[i].rights);
	const char *certificates[] = { getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR") };
	for (size_t i = 0; i < ARRAY_LEN(certificates); i++)
		if (certificates[i])
			allow(ruleset, certificates[i],
			      i ? LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR
				: LANDLOCK_ACCESS_FS_READ_FILE);
	for (int i = 0; i < argc; i++)
		allow(ruleset, argv[i],
		      all & ~(uint64_t)(LANDLOCK_ACCESS_FS_MAKE_CHAR |
					LANDLOCK_ACCESS_FS_MAKE_BLOCK));
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_from_errno(errno, "restrict git");
	return NULL;
}

static void limit(int what, rlim_t most)
{
	struct rlimit l;
	if (getrlimit(what, &l) < 0)
		return;
	l.rlim_cur = MIN(most, l.rlim_max);
	l.rlim_max = l.rlim_cur;
	setrlimit(what, &l);
}

struct err *source_git_guard(int argc, char **argv)
{
	int n = 0;
	while (n < argc && strcmp(argv[n], "--") != 0)
		n++;
	if (n + 1 >= argc)
		return err_new(ERR_INVALID, "usage: git-guard DIRECTORY... -- git ARGUMENTS");
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, (rlim_t)32 << 30);
	limit(RLIMIT_CPU, 3600);
	limit(RLIMIT_NOFILE, 4096);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_from_errno(errno, "give up privileges");
	TRY(restrict_files(n, argv));
	execvp(argv[n + 1], argv + n + 1);
	return err_from_errno(errno, "start %s", argv[n + 1]);
}
