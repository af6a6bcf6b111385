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
	const struct pipeline_registries *registries; /* from the next world_start() on */
};
/* With the namespace "demo". */
struct world new_world(void);
void world_done(struct world *w);
/* The server ends, and begins anew: only what is stored stays. */
void world_stop(struct world *w);
void world_start(struct world *w);

/* Records as they are once builds have ended, written by hand: every number is known. */
struct past_build {
	const char *id, *status;
	const char *rule, *rerun_of; /* NULL: none */
	const char *repository;      /* NULL: crr-1 */
	int64_t seq, created_ns;
	int64_t took_s; /* started a second after it was made; 0: never */
};
void add_past_build(struct world *w, const struct past_build *b);
struct past_step {
	int step, line;
	const char *text, *state;
	const char *platforms; /* JSON; NULL: of none */
	int took_ms;           /* -1: it has not ended */
	const char *digest;    /* NULL: no layer */
	int64_t bytes;
};
void add_past_step(struct world *w, const char *build, const struct past_step *s);
void add_past_repository(struct world *w, const char *id, const char *name, const char *type);

/* The repository crr-1, "demo/app", with the build r-1 that waits. */
void add_waiting_build(struct world *w);
/* Moves r-1, in a transaction that is committed or not. */
void move_build(struct world *w, enum pipeline_status to, bool commit);

/* Tables as they are: a statement, and how many rows "TABLE WHERE ..." has. */
void run_sql(struct world *w, const char *text);
int64_t count_rows(struct world *w, const char *where);

/* The image repository demo/app, bound to a Git remote of ours that no push builds. `tree` has one
 * commit on main, which is to be pushed to `remote`. */
struct code {
	const char *repository, *source;
	char tree[300], remote[400];
};
void make_code(struct world *w, struct code *c);
/* Stores the rule: what it is of, its pattern and switches are given, the rest is usual. Its id. */
const char *make_rule(struct world *w, const struct pipeline_rule *given, const char *tag);

/* git in `dir`, with a name for its commits; it must succeed. */
void run_git(const char *dir, const char *const *args);
#define GIT(dir, ...) run_git(dir, (const char *const[]){ __VA_ARGS__, NULL })

void expect_code(struct err *e, const char *code);

#endif
