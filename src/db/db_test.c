#include "db/db_priv.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static const struct db_migration counter[] = {
	{ "0001 counter", "CREATE TABLE counter (n BIGINT NOT NULL);"
			  "INSERT INTO counter (n) VALUES (0);" },
	{ "0002 pairs", "CREATE TABLE pair (a BIGINT PRIMARY KEY, b BIGINT NOT NULL);"
			"CREATE TABLE child (a BIGINT REFERENCES pair (a));" },
};

struct place {
	int dir_fd;
	char path[64];
};

static struct place new_place(void)
{
	struct place p = { .dir_fd = test_tmpdir() };
	snprintf(p.path, sizeof(p.path), "/proc/self/fd/%d/kiln.db", p.dir_fd);
	return p;
}

static struct db *open_counter(const struct place *p)
{
	struct db *db = NULL;
	EXPECT_OK(db_open_with(p->path, counter, ARRAY_LEN(counter), &db));
	return db;
}

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return true;
}

static int64_t get_int(struct db *db, const char *sql)
{
	int64_t n = -1;
	EXPECT_OK(db_query(db, sql, DB_NO_PARAMS, see_int, &n));
	return n;
}

/* Runs `run` in a child and returns what it returns, or -1 if it was killed. */
static int in_child(int (*run)(const struct place *p), const struct place *p)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(run(p));
	int status;
	EXPECT(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_err(struct err *e, enum err_kind kind, const char *part)
{
	char *text = e ? err_text(e) : NULL;
	bool ok = e && e->kind == kind && (!part || strstr(text, part));
	if (!ok)
		fprintf(stderr, "got: %s\n", text ? text : "success");
	free(text);
	err_free(e);
	return ok;
}

TEST(migrations_bring_an_empty_file_to_the_newest_schema)
{
	struct place p = new_place();
	own(db) db = NULL;
	EXPECT_OK(db_open(p.path, &db));
	EXPECT(get_int(db, "SELECT COUNT(*) FROM schema_version") == (int64_t)db_n_migrations);
	EXPECT(get_int(db, "SELECT COUNT(*) FROM tag") == 0);
	EXPECT(get_int(db, "SELECT COUNT(*) FROM step_cache") == 0);
	EXPECT_OK(db_exec(db, "INSERT INTO repository (name, created_ns) VALUES ('a', 1)",
			  DB_NO_PARAMS));
	db_free(move(db));
	EXPECT_OK(db_open(p.path, &db));
	EXPECT(get_int(db, "SELECT COUNT(*) FROM repository") == 1);
	struct stat st;
	EXPECT(fstatat(p.dir_fd, "kiln.db", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
	close(p.dir_fd);
}

TEST(migrations_go_on_where_they_stopped_and_fail_whole)
{
	static const struct db_migration broken[] = {
		counter[0],
		{ "0002 broken", "CREATE TABLE half (n BIGINT); INSERT INTO nothing VALUES (1);" },
	};
	struct place p = new_place();
	own(db) db = NULL;
	EXPECT_ERR(db_open_with(p.path, broken, 2, &db), ERR_INVALID, "migration 0002 broken");
	EXPECT_OK(db_open_with(p.path, counter, 1, &db));
	EXPECT(get_int(db, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'half'") == 0);
	EXPECT_OK(db_exec(db, "UPDATE counter SET n = 7", DB_NO_PARAMS));
	db_free(move(db));
	db = open_counter(&p);
	EXPECT(get_int(db, "SELECT n FROM counter") == 7);
	EXPECT(get_int(db, "SELECT COUNT(*) FROM pair") == 0);
	db_free(move(db));
	EXPECT_ERR(db_open_with(p.path, counter, 1, &db), ERR_CONFLICT, "newer kiln (schema 2");
	close(p.dir_fd);
}

TEST(what_is_no_database_is_corrupt)
{
	struct place p = new_place();
	static const char text[8192] = "this is no database, it is a letter to a friend";
	EXPECT_OK(fd_replace_file(p.dir_fd, "kiln.db", 0600, text, sizeof(text)));
	own(db) db = NULL;
	EXPECT_ERR(db_open(p.path, &db), ERR_CORRUPT, "backup");
	EXPECT_ERR(db_open("/nonexistent/kiln.db", &db), ERR_NOT_FOUND, "/nonexistent/kiln.db");
	close(p.dir_fd);
}

TEST(a_damaged_page_is_corrupt)
{
	struct place p = new_place();
	own(db) db = open_counter(&p);
	EXPECT_OK(db_exec(db,
			  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
			  " WHERE i < 2000) INSERT INTO pair (a, b) SELECT i, i FROM n",
			  DB_NO_PARAMS));
	db_free(move(db));
	own_fd fd = openat(p.dir_fd, "kiln.db", O_RDWR | O_CLOEXEC);
	char junk[4096];
	memset(junk, 0x5a, sizeof(junk));
	struct stat st;
	EXPECT(fstat(fd, &st) == 0);
	for (off_t at = 4096 * 2; at < st.st_size; at += 4096)
		EXPECT_OK(fd_pwrite_all(fd, junk, sizeof(junk), (uint64_t)at));
	db = open_counter(&p);
	int64_t n;
	EXPECT_ERR(db_query(db, "SELECT SUM(b) FROM pair", DB_NO_PARAMS, see_int, &n), ERR_CORRUPT,
		   "malformed");
	close(p.dir_fd);
}

struct texts {
	char s[4][16];
	bool null[4];
	size_t len[4];
};

static bool see_texts(void *arg, struct db_row *r)
{
	struct texts *t = arg;
	for (int i = 0; i < 4; i++) {
		struct str s = db_row_text(r, i);
		t->null[i] = db_row_is_null(r, i);
		t->len[i] = s.len;
		if (s.len)
			memcpy(t->s[i], s.p, s.len);
	}
	return true;
}

TEST(parameters_are_bound_by_number)
{
	struct place p = new_place();
	own(db) db = open_counter(&p);
	struct texts t = { .null = { false } };
	EXPECT_OK(db_query(db, "SELECT $3, $1, $2, $1 || $4",
			   DB_PARAMS(db_cstr("it's"), db_null(), db_blob(str_n("a\0b", 3)),
				     db_text(((struct str){ NULL, 0 }))),
			   see_texts, &t));
	EXPECT(t.len[0] == 3 && memcmp(t.s[0], "a\0b", 3) == 0);
	EXPECT_STR(str_of(t.s[1]), "it's");
	EXPECT(t.null[2] && !t.null[3]); /* an empty text is not NULL */
	EXPECT_STR(str_of(t.s[3]), "it's");
	EXPECT_ERR(db_exec(db, "SELECT 1; SELECT 2", DB_NO_PARAMS), ERR_INVALID,
		   "not one statement");
	EXPECT_ERR(db_exec(db, "SELEC 1", DB_NO_PARAMS), ERR_INVALID, "syntax");
	EXPECT_ERR(db_exec(db, "INSERT INTO child (a) VALUES (99)", DB_NO_PARAMS), ERR_CONFLICT,
		   "FOREIGN KEY");
	close(p.dir_fd);
}

TEST(a_transaction_is_whole_or_nothing)
{
	struct place p = new_place();
	own(db) db = open_counter(&p);
	own(db_tx) tx = NULL;
	EXPECT_OK(db_tx_begin(db, &tx));
	EXPECT_OK(db_tx_exec(tx, "UPDATE counter SET n = 1", DB_NO_PARAMS));
	EXPECT(get_int(db, "SELECT n FROM counter") == 0); /* readers go on beside it */
	int64_t n;
	EXPECT_OK(db_tx_query(tx, "SELECT n FROM counter", DB_NO_PARAMS, see_int, &n));
	EXPECT(n == 1);
	db_tx_free(move(tx));
	EXPECT(get_int(db, "SELECT n FROM counter") == 0);

	EXPECT_OK(db_tx_begin(db, &tx));
	EXPECT_OK(db_tx_exec(tx, "UPDATE counter SET n = 2", DB_NO_PARAMS));
	EXPECT_OK(db_tx_commit(tx));
	db_tx_free(move(tx));
	EXPECT(get_int(db, "SELECT n FROM counter") == 2);

	EXPECT_OK(db_tx_begin(db, &tx));
	EXPECT_OK(db_tx_exec(tx, "UPDATE counter SET n = 3", DB_NO_PARAMS));
	EXPECT_ERR(db_tx_exec(tx, "INSERT INTO child (a) VALUES (99)", DB_NO_PARAMS), ERR_CONFLICT,
		   NULL);
	EXPECT_ERR(db_tx_exec(tx, "UPDATE counter SET n = 4", DB_NO_PARAMS), ERR_CONFLICT,
		   "earlier");
	EXPECT_ERR(db_tx_commit(tx), ERR_CONFLICT, "earlier");
	db_tx_free(move(tx));
	EXPECT(get_int(db, "SELECT n FROM counter") == 2);
	EXPECT_OK(db_exec(db, "UPDATE counter SET n = 5", DB_NO_PARAMS)); /* the writer is free */
	close(p.dir_fd);
}

static bool see_and_ask_again(void *arg, struct db_row *r)
{
	struct db *db = arg;
	return get_int(db, "SELECT a FROM pair ORDER BY a") == 2 && db_row_int(r, 0) < 2;
}

struct nested {
	struct db_tx *tx;
	int64_t last, rows;
};

static bool see_and_ask_in_tx(void *arg, struct db_row *r)
{
	struct nested *n = arg;
	n->rows++;
	EXPECT_OK(db_tx_query(n->tx, "SELECT a FROM pair ORDER BY a", DB_NO_PARAMS, see_int,
			      &n->last));
	return true;
}

TEST(a_callback_may_ask_the_same_again)
{
	struct place p = new_place();
	own(db) db = open_counter(&p);
	EXPECT_OK(db_exec(db, "INSERT INTO pair (a, b) VALUES (1, 1), (2, 2)", DB_NO_PARAMS));
	EXPECT_OK(
		db_query(db, "SELECT a FROM pair ORDER BY a", DB_NO_PARAMS, see_and_ask_again, db));
	own(db_tx) tx = NULL;
	EXPECT_OK(db_tx_begin(db, &tx));
	struct nested n = { .tx = tx };
	EXPECT_OK(db_tx_query(tx, "SELECT a FROM pair ORDER BY a", DB_NO_PARAMS, see_and_ask_in_tx,
			      &n));
	EXPECT(n.rows == 2 && n.last == 2);
	db_tx_free(move(tx));
	for (int i = 0; i < 3 * DB_STATEMENTS; i++) { /* more texts than are kept */
		char sql[64];
		snprintf(sql, sizeof(sql), "SELECT %d", i % (DB_STATEMENTS + 9));
		EXPECT(get_int(db, sql) == i % (DB_STATEMENTS + 9));
	}
	close(p.dir_fd);
}

static struct err *add_one(struct db *db)
{
	own(db_tx) tx = NULL;
	int64_t n = 0;
	TRY(db_tx_begin(db, &tx));
	TRY(db_tx_query(tx, "SELECT n FROM counter", DB_NO_PARAMS, see_int, &n));
	TRY(db_tx_exec(tx, "UPDATE counter SET n = $1", DB_PARAMS(db_int(n + 1))));
	TRY(db_tx_commit(tx));
	return db_query(db, "SELECT n FROM counter", DB_NO_PARAMS, see_int, &n);
}

#define ADDS 20

static void *add_in_thread(void *arg)
{
	struct err *e = NULL;
	for (int i = 0; !e && i < ADDS; i++)
		e = add_one(arg);
	return e;
}

static int add_in_process(const struct place *p)
{
	own(db) db = NULL;
	struct err *e = db_open_with(p->path, counter, ARRAY_LEN(counter), &db);
	if (!e)
		e = add_in_thread(db);
	return e && !is_err(e, ERR_INVALID, "none at all");
}

static void *add_one_in_thread(void *arg)
{
	return add_one(arg);
}

TEST(a_transaction_that_read_may_write)
{
	struct place p = new_place();
	own(db) db = open_counter(&p);
	own(db) other = open_counter(&p);
	own(db_tx) tx = NULL;
	int64_t n = -1;
	EXPECT_OK(db_tx_begin(db, &tx));
	EXPECT_OK(db_tx_query(tx, "SELECT n FROM counter", DB_NO_PARAMS, see_int, &n));
	pthread_t thread;
	EXPECT_OK(thread_start(&thread, "add", add_one_in_thread, other));
	usleep(50000); /* it waits, or has overtaken us */
	EXPECT_OK(db_tx_exec(tx, "UPDATE counter SET n = $1", DB_PARAMS(db_int(n + 1))));
	EXPECT_OK(db_tx_commit(tx));
	void *e;
	pthread_join(thread, &e);
	EXPECT_OK(e);
	EXPECT(get_int(db, "SELECT n FROM counter") == 2);
	close(p.dir_fd);
}

static void *migrate_in_thread(void *arg)
{
	return db_migrate(arg, counter, ARRAY_LEN(counter));
}

TEST(a_migration_is_run_by_one_of_two_processes)
{
	struct place p = new_place();
	EXPECT(mknodat(p.dir_fd, "kiln.db", S_IFREG | 0600, 0) == 0);
	own(db_conn) first = NULL;
	own(db_conn) second = NULL;
	EXPECT_OK(db_conn_open(p.path, false, &first));
	EXPECT_OK(db_conn_open(p.path, false, &second));
	EXPECT_OK(db_conn_script(first, "BEGIN IMMEDIATE"));
	pthread_t thread;
	EXPECT_OK(thread_start(&thread, "migrate", migrate_in_thread, second));
	usleep(50000); /* it has seen the old schema */
	EXPECT_OK(db_conn_script(first,
				 "CREATE TABLE schema_version (version BIGINT PRIMARY KEY,"
				 "  name TEXT, applied_ns BIGINT); PRAGMA user_version = 1"));
	EXPECT_OK(db_conn_script(first, counter[0].sql));
	EXPECT_OK(db_conn_script(first, "COMMIT"));
	void *e;
	pthread_join(thread, &e);
	EXPECT_OK(e);
	close(p.dir_fd);
}

TEST(processes_and_threads_write_one_database_at_once)
{
	struct place p = new_place();
	pid_t pids[3]; /* the file is made by them, all at the same time */
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(add_in_process(&p));
	}
	own(db) db = open_counter(&p);
	pthread_t threads[3];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		EXPECT_OK(thread_start(&threads[i], "add", add_in_thread, db));
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *e;
		pthread_join(threads[i], &e);
		EXPECT_OK(e);
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		int status;
		EXPECT(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	EXPECT(get_int(db, "SELECT n FROM counter") ==
	       ADDS * (int64_t)(ARRAY_LEN(pids) + ARRAY_LEN(threads)));
	close(p.dir_fd);
}

/* Commits pairs and says so, until it is killed. */
static void commit_pairs(const struct place *p, int say_fd)
{
	own(db) db = NULL;
	int64_t next = 0;
	err_free(db_open_with(p->path, counter, ARRAY_LEN(counter), &db));
	err_free(db_query(db, "SELECT COALESCE(MAX(a), -1) + 1 FROM pair", DB_NO_PARAMS, see_int,
			  &next));
	for (;; next += 2) {
		own(db_tx) tx = NULL;
		struct err *e = db_tx_begin(db, &tx);
		for (int i = 0; !e && i < 2; i++)
			e = db_tx_exec(tx, "INSERT INTO pair (a, b) VALUES ($1, $2)",
				       DB_PARAMS(db_int(next + i), db_int(next)));
		if (!e)
			e = db_tx_commit(tx);
		if (e || write(say_fd, &next, sizeof(next)) != sizeof(next))
			_exit(1);
	}
}

TEST(what_was_committed_outlives_a_killed_process)
{
	struct place p = new_place();
	int64_t said = -1;
	db_free(open_counter(&p));
	for (int round = 0; round < 5; round++) {
		int fds[2];
		EXPECT(pipe2(fds, O_CLOEXEC) == 0);
		pid_t pid = fork();
		if (pid == 0)
			commit_pairs(&p, fds[1]);
		close(fds[1]);
		for (int i = 0; i < 5 + 7 * round; i++)
			EXPECT(read(fds[0], &said, sizeof(said)) == sizeof(said));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		int64_t more;
		while (read(fds[0], &more, sizeof(more)) == sizeof(more))
			said = more;
		close(fds[0]);
		own(db) db = open_counter(&p);
		EXPECT(get_int(db, "SELECT COUNT(*) FROM pair") >= said + 2);
		EXPECT(get_int(db, "SELECT COUNT(*) % 2 FROM pair") == 0);
		EXPECT(get_int(db, "SELECT COUNT(*) FROM pair x JOIN pair y ON y.a = x.b") ==
		       get_int(db, "SELECT COUNT(*) FROM pair"));
		EXPECT_OK(db_exec(db, "UPDATE counter SET n = n + 1", DB_NO_PARAMS));
	}
	close(p.dir_fd);
}

static struct err *fill(struct db *db, int64_t *rows)
{
	static char text[4000];
	memset(text, 'x', sizeof(text));
	for (*rows = 0; *rows < 2000; ++*rows)
		TRY(db_exec(db, "INSERT INTO pair (a, b) VALUES ((SELECT COUNT(*) FROM pair), $1)",
			    DB_PARAMS(db_text(str_n(text, sizeof(text))))));
	return NULL;
}

/* What was committed before the fault is there, and writing goes on when it is over. */
static int expect_recovery(struct db *db, int64_t rows)
{
	int64_t n = -1;
	own(err) e = db_query(db, "SELECT COUNT(*) FROM pair", DB_NO_PARAMS, see_int, &n);
	if (!e)
		e = db_exec(db, "DELETE FROM pair WHERE a > 3", DB_NO_PARAMS);
	return e || n != rows ? 3 : 0;
}

static bool write_text(const char *path, const char *text)
{
	own_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A small disk of our own over the directory. 77: none can be had here. */
static int mount_small(const struct place *p, char real[128])
{
	char uids[32], gids[32], link[64];
	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	snprintf(link, sizeof(link), "/proc/self/fd/%d", p->dir_fd);
	ssize_t n = readlink(link, real, 100);
	if (n < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return 77;
	real[n] = '\0';
	if (!write_text("/proc/self/setgroups", "deny") ||
	    !write_text("/proc/self/uid_map", uids) || !write_text("/proc/self/gid_map", gids))
		return 77;
	return mount("kiln", real, "tmpfs", 0, "size=1m") < 0 ? 77 : 0;
}

static int on_a_full_disk(const struct place *p)
{
	char real[128];
	int code = mount_small(p, real);
	if (code)
		return code;
	own_mem char *path = mem_printf("%s/kiln.db", real);
	own(db) db = NULL;
	own(err) e = db_open_with(path, counter, ARRAY_LEN(counter), &db);
	int64_t rows;
	if (e || !is_err(fill(db, &rows), ERR_UNAVAILABLE, "free some"))
		return 2;
	if (mount("kiln", real, "tmpfs", MS_REMOUNT, "size=8m") < 0)
		return 1;
	return expect_recovery(db, rows);
}

static int with_failing_writes(const struct place *p)
{
	own(db) db = NULL;
	own(err) e = db_open_with(p->path, counter, ARRAY_LEN(counter), &db);
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit limit = { 200000, RLIM_INFINITY };
	setrlimit(RLIMIT_FSIZE, &limit);
	int64_t rows;
	if (e || !is_err(fill(db, &rows), ERR_UNAVAILABLE, "disk"))
		return 2;
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	return expect_recovery(db, rows);
}

TEST(a_full_disk_is_told_and_survived)
{
	struct place p = new_place();
	int code = in_child(on_a_full_disk, &p);
	close(p.dir_fd);
	if (code == 77)
		skip(); /* no user namespaces here */
	EXPECT(code == 0);
}

TEST(a_failing_disk_is_told_and_survived)
{
	struct place p = new_place();
	EXPECT(in_child(with_failing_writes, &p) == 0);
	close(p.dir_fd);
}
