#include "pipeline/test_priv.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"

#define SEC INT64_C(1000000000)

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
				      .utc_offset_min = 480,
				      .registries = w->registries };
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

void add_past_repository(struct world *w, const char *id, const char *name, const char *type)
{
	own_mem char *full = mem_printf("demo/%s", name);
	EXPECT_OK(db_exec(w->db,
			  "INSERT INTO image_repository VALUES"
			  " ($1, 'demo', $2, $3, $4, 0, 0, '', '', 1, 1)",
			  DB_PARAMS(db_cstr(id), db_cstr(name), db_cstr(full), db_cstr(type))));
}

void add_past_build(struct world *w, const struct past_build *b)
{
	int64_t started_ns = b->took_s ? b->created_ns + SEC : 0;
	EXPECT_OK(db_exec(
		w->db,
		"INSERT INTO build_record (id, seq, repository_id, rule_id, trigger_kind, actor,"
		" ref, commit_id, pushed_ns, tags, dockerfile_dir, dockerfile_name, build_args,"
		" no_cache, pool, priority, policy, required, emulation, time_limit_s, status,"
		" n_log_lines, created_ns, started_ns, ended_ns, rerun_of) VALUES ($1, $2, $3, $4,"
		" 'PUSH', '', 'refs/heads/main', '00', 1, '[]', '', 'Dockerfile', '[]', 0, '', 0,"
		" 'all', '[]', 1, 60, $5, 0, $6, $7, $8, $9)",
		DB_PARAMS(db_cstr(b->id), db_int(b->seq),
			  db_cstr(b->repository ? b->repository : "crr-1"), pipeline_text(b->rule),
			  db_cstr(b->status), db_int(b->created_ns), pipeline_time(started_ns),
			  pipeline_time(started_ns ? started_ns + b->took_s * SEC : 0),
			  pipeline_text(b->rerun_of))));
}

void add_past_step(struct world *w, const char *build, const struct past_step *s)
{
	EXPECT_OK(db_exec(
		w->db,
		"INSERT INTO build_step (record_id, lease_id, step, line, stage, text, platforms,"
		" state, started_ms, ended_ms, digest, size) VALUES ($1, 'l', $2, $3, 'stage-0',"
		" $4, $5, $6, 1000, $7, $8, $9)",
		DB_PARAMS(db_cstr(build), db_int(s->step), db_int(s->line), db_cstr(s->text),
			  db_cstr(s->platforms ? s->platforms : "[]"), db_cstr(s->state),
			  s->took_ms < 0 ? db_null() : db_int(1000 + s->took_ms),
			  pipeline_text(s->digest), s->digest ? db_int(s->bytes) : db_null())));
}

void add_waiting_build(struct world *w)
{
	const struct past_build b = { .id = "r-1", .status = "PENDING", .seq = 1, .created_ns = 1 };
	add_past_repository(w, "crr-1", "app", "PRIVATE");
	add_past_build(w, &b);
}

void move_build(struct world *w, enum pipeline_status to, bool commit)
{
	struct pipeline_record r;
	own(db_tx) tx = NULL;
	bool found;
	EXPECT_OK(db_tx_begin(w->db, &tx));
	EXPECT_OK(pipeline_record_load(w->p, tx, w->a, STR("r-1"), &found, &r));
	EXPECT(found);
	r.b.error_code = r.b.error_text = "X";
	EXPECT_OK(pipeline_record_move(w->p, tx, &r, to));
	if (commit)
		EXPECT_OK(db_tx_commit(tx));
}

void run_sql(struct world *w, const char *text)
{
	EXPECT_OK(db_exec(w->db, text, DB_NO_PARAMS));
}

int64_t count_rows(struct world *w, const char *where)
{
	int64_t n = 0;
	own_mem char *text = mem_printf("SELECT COUNT(*) FROM %s", where);
	EXPECT_OK(db_query(w->db, text, DB_NO_PARAMS, pipeline_see_int, &n));
	return n;
}

void make_code(struct world *w, struct code *c)
{
	struct catalog_image_repository repository;
	struct pipeline_source s;
	const char *hook;
	const struct catalog_image_request q = { .namespace_ = STR("demo"), .name = STR("app") };
	const struct pipeline_source_request own = { .namespace_ = STR("demo"),
						     .name = STR("app"),
						     .provider = SOURCE_KILN };
	EXPECT_OK(catalog_image_create(w->catalog, w->a, &q, &repository));
	EXPECT_OK(pipeline_source_create(w->p, w->a, &own, &s, &hook));
	EXPECT_OK(pipeline_binding_set(w->p, str_of(repository.id),
				       &(struct pipeline_binding){ .source_id = s.id }));
	c->repository = repository.id;
	c->source = s.id;
	snprintf(c->tree, sizeof(c->tree), "%s/tree", w->data);
	snprintf(c->remote, sizeof(c->remote), "%s/git/%s.git", w->data, s.id);
	GIT(w->data, "init", "-q", "-b", "main", c->tree);
	GIT(c->tree, "commit", "-q", "--allow-empty", "-m", "one");
}

const char *make_rule(struct world *w, const struct pipeline_rule *given, const char *tag)
{
	struct pipeline_rule r = *given;
	r.dockerfile_dir = "";
	r.dockerfile_name = "Dockerfile";
	r.time_limit_s = 3600;
	EXPECT_OK(pipeline_template_parse(w->a, str_of(tag), &r.tags[r.n_tags++]));
	EXPECT_OK(pipeline_rule_check(w->a, &r));
	EXPECT_OK(pipeline_rule_create(w->db, w->a, &r));
	return arena_strdup(w->a, str_of(r.id));
}

void run_git(const char *dir, const char *const *args)
{
	const char *argv[20] = {
		"git", "-C", dir, "-c", "user.name=A", "-c", "user.email=a@example.org"
	};
	size_t n = 7;
	while (*args)
		argv[n++] = *args++;
	const struct spawn s = { .argv = argv, .in_fd = -1, .out_fd = -1, .err_fd = STDERR_FILENO };
	struct child child;
	int status;
	EXPECT_OK(spawn_start(&s, &child));
	EXPECT_OK(child_wait(&child, &status));
	EXPECT(status == 0);
}
