/* What the files about git share. */
#ifndef KILN_SOURCE_GIT_PRIV_H
#define KILN_SOURCE_GIT_PRIV_H

#include "base/thread.h"
#include "source/git.h"

#define GIT_TIMEOUT_S   600
#define GIT_ERROR_BYTES ((size_t)16 << 10) /* of standard error that are looked at */
#define GIT_MOST_REFS   100000
#define GIT_LIST_BYTES  ((size_t)64 << 20) /* of a list of refs */

struct git_busy { /* a repository that is being written */
	struct git_busy *next;
	char id[64];
};

struct source_git {
	int dir_fd;  /* owned; DATA/git */
	char *path;  /* owned; the same */
	char *tmp;   /* owned; DATA/git/tmp */
	char *empty; /* owned; a repository of nothing, for calls without one */
	const char *guard;
	struct mutex lock; /* guards busy */
	struct cond changed;
	struct git_busy *busy;
};

struct git_call {
	const char *repository; /* path; NULL: the empty one */
	const char *writable; /* a directory beside tmp that git may write; NULL: the repository */
	const char *args[40]; /* behind git's own options, NULL-terminated */
	const char *env[16];  /* further variables, NULL-terminated */
	int in_fd, out_fd;    /* -1: none; out_fd -1 with `out` NULL drops what is printed */
	uint32_t timeout_s;   /* 0: GIT_TIMEOUT_S */
	size_t max;           /* of `out` */
	char **out; /* what it printed, NUL-terminated; the caller frees it. May be NULL */
	size_t *len;
};
/* Runs git to its end. Its failure is ERR_INVALID with the last line it wrote on standard error. */
struct err *git_run(struct source_git *g, const struct git_call *c);
/* A file without a name in DATA/git/tmp. */
struct err *git_tmpfile(struct source_git *g, int *fd);
/* DATA/git/ID.git; ERR_INVALID for an id that is no name. The caller frees it. */
struct err *git_repository_path(struct source_git *g, const char *id, char **out);
/* Makes the bare repository unless it is there. */
struct err *git_repository_make(struct source_git *g, const char *id);
/* One writer of a repository at a time. */
void git_busy_enter(struct source_git *g, const char *id);
void git_busy_leave(struct source_git *g, const char *id);

/* address.c: one address of the host, in the form of ip(7), after all were looked at. ERR_DENIED
 * code SRC_ADDRESS when one of them is closed. */
struct git_address {
	char text[64];
};
struct err *git_address_find(const struct source_url *u, bool allow_private,
			     struct git_address *out);
/* Is the address of this machine or its neighbourhood? `sa` is IPv4 or IPv6. */
struct sockaddr;
bool git_address_is_closed(const struct sockaddr *sa);

#endif
