#include "pipeline/test_priv.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

/* source/git.h starts this program again, as it does with kiln, to put the sandbox around git. */
__attribute__((constructor)) static void be_guard(int argc, char **argv)
{
	if (argc <= 2 || strcmp(argv[1], "git-guard") != 0)
		return;
	own(err) e = source_git_guard(argc - 2, argv + 2);
	own_mem char *text = err_text(e);
	fprintf(stderr, "%s\n", text);
	_exit(1);
}

void world_start(struct world *w)
{
	struct pipeline_options o = { .db = w->db,
				      .auth = w->auth,
				      .catalog = w->catalog,
				      .blobs = w->blobs,
				      .git = w->git,
				      .logs = w->logs,
				      .utc_offset_min = 480 };
	EXPECT_OK(pipeline_open(&o, &w->p));
}

struct world new_world(void)
{
	struct world w = { .data_fd = test_tmpdir(), .a = arena_open((size_t)256 << 20) };
	char path[300];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w.data_fd);
	ssize_t n = readlink(path, w.data, sizeof(w.data) - 1);
	EXPECT(n > 0);
	w.data[n] = 0;
	snprintf(path, sizeof(path), "%s/kiln.db", w.data);
	EXPECT_OK(db_open(path, &w.db));
	EXPECT_OK(auth_open(w.db, w.data_fd, &w.auth));
	EXPECT_OK(catalog_open(w.db, w.data_fd, &w.catalog));
	EXPECT_OK(blob_store_open(w.data_fd, &w.blobs));
	EXPECT_OK(pipeline_logs_open(w.data_fd, &w.logs));
	struct source_git_options g = { .data_fd = w.data_fd, .data_path = w.data };
	EXPECT_OK(source_git_open(&g, &w.git));
	world_start(&w);
	struct catalog_namespace ns;
	EXPECT_OK(catalog_namespace_create(w.catalog, w.a, STR("demo"), false, false, &ns));
	return w;
}

void world_stop(struct world *w)
{
	pipeline_free(move(w->p));
}

void world_done(struct world *w)
{
	pipeline_free(w->p);
	source_git_free(w->git);
	pipeline_logs_free(w->logs);
	blob_store_free(w->blobs);
	catalog_free(w->catalog);
	auth_free(w->auth);
	db_free(w->db);
	arena_free(w->a);
	fd_close_own(&w->data_fd);
}

void expect_code(struct err *e, const char *code)
{
	own(err) owned = e;
	EXPECT_STR(str_of(e ? err_code(e) : "no error"), code);
}
