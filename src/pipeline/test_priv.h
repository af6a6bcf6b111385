/* The world of this folder's tests: every part is the real one, in a directory of its own. */
#ifndef KILN_PIPELINE_TEST_PRIV_H
#define KILN_PIPELINE_TEST_PRIV_H

#include "base/test.h"
#include "pipeline/pipeline_priv.h"

struct world {
	int data_fd;    /* owned, as all below */
	char data[256]; /* its path */
	struct db *db;
	struct auth *auth;
	struct catalog *catalog;
	struct blob_store *blobs;
	struct pipeline_logs *logs;
	struct source_git *git;
	struct pipeline *p;
	struct arena *a;
};
/* With the namespace "demo". */
struct world new_world(void);
void world_done(struct world *w);
/* The server ends, and begins anew: only what is stored stays. */
void world_stop(struct world *w);
void world_start(struct world *w);

void expect_code(struct err *e, const char *code);

#endif
