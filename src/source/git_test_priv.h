/* What the tests of git share: a data directory, and a work tree beside it whose git is the real
 * one. */
#ifndef KILN_SOURCE_GIT_TEST_PRIV_H
#define KILN_SOURCE_GIT_TEST_PRIV_H

#include "base/test.h"
#include "source/git_priv.h"

struct git_world {
	int data_fd, work_fd; /* owned */
	char data[256];       /* its path */
	char work[256];       /* where scripts run */
	struct source_git *g; /* owned */
	struct arena *a;      /* owned */
};
struct git_world git_world_new(void);
void git_world_done(struct git_world *w);

/* Runs a shell's script in the work directory, with $DATA and a plain git; what it printed without
 * the last line end, in the arena. A failing line fails the test. */
const char *script(struct git_world *w, const char *text);
/* "refs/heads/a ID ID\n…" of one of our repositories: name, object, commit. */
const char *local_refs(struct git_world *w, const char *id);
/* The archive as "path=content\n", "path/\n", "path->target\n", "path*=content\n" where it may be
 * run; in the arena. */
const char *archive(struct git_world *w, const char *id, const char *commit, const char *dir);
void expect_code(struct err *e, const char *code);

#endif
