#include "db/db_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

struct db_row {
	sqlite3_stmt *st;
};

/* What the caller may do about it. `h` has just refused `doing`. */
static struct err *conn_err(sqlite3 *h, const char *doing)
{
	int code = sqlite3_errcode(h) & 0xff, number = sqlite3_system_errno(h);
	const char *path = sqlite3_db_filename(h, "main"), *text = sqlite3_errmsg(h);
	switch (code) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return err_new(ERR_UNAVAILABLE,
			       "%s: %s: another process holds %s for more than %d s", doing, text,
			       path, DB_WAIT_MS / 1000);
	case SQLITE_FULL:
		return err_new(ERR_UNAVAILABLE,
			       "%s: the disk of %s is full (free some, or choose another directory "
			       "with --data)",
			       doing, path);
	case SQLITE_CANTOPEN:
		if (number && number != ENOSPC)
			return err_from_errno(number, "%s: open %s", doing, path);
		return err_new(ERR_UNAVAILABLE,
			       "%s: cannot open %s (are its directory and the disk in order?)",
			       doing, path);
	case SQLITE_IOERR:
		return err_new(
			ERR_UNAVAILABLE,
			"%s: %s on %s: %s (see the kernel's log, and whether the disk is full)",
			doing, text, path, number ? strerrordesc_np(number) : "unknown");
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return err_new(ERR_CORRUPT,
			       "%s: %s: %s (move it away and restore it from a backup)", doing,
			       path, text);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return err_new(ERR_DENIED, "%s: %s: %s", doing, path, text);
	case SQLITE_CONSTRAINT:
		return err_new(ERR_CONFLICT, "%s: %s", doing, text);
	case SQLITE_TOOBIG:
		return err_new(ERR_LIMIT, "%s: %s", doing, text);
	case SQLITE_INTERRUPT:
		return err_new(ERR_CANCELED, "%s: %s", doing, text);
	case SQLITE_NOMEM:
		return err_new(ERR_UNAVAILABLE, "%s: %s", doing, text);
	default:
		return err_new(ERR_INVALID, "%s: %s", doing, text);
	}
}

static int bind(sqlite3_stmt *st, int at, const struct db_param *p)
{
	const char *bytes = p->s.p ? p->s.p : ""; /* a null pointer would be bound as NULL */
	switch (p->kind) {
	case DB_NULL:
		return sqlite3_bind_null(st, at);
	case DB_INT:
		return sqlite3_bind_int64(st, at, p->i);
	case DB_TEXT:
		return sqlite3_bind_text64(st, at, bytes, p->s.len, SQLITE_STATIC, SQLITE_UTF8);
	case DB_BLOB:
		return sqlite3_bind_blob64(st, at, bytes, p->s.len, SQLITE_STATIC);
	}
	abort();
}

/* To SQLite "$2" is a name and gets the number of its first appearance, so names are looked at. */
static struct err *bind_all(struct db_conn *c, sqlite3_stmt *st, const struct db_param *params,
			    size_t n)
{
	for (int at = 1; at <= sqlite3_bind_parameter_count(st); at++) {
		const char *name = sqlite3_bind_parameter_name(st, at);
		uint64_t number = 0;
		bool ok = name && name[0] == '$' && str_to_u64(str_of(name + 1), n, &number);
		assert(ok && number > 0); /* a placeholder without its parameter */
		if (bind(st, at, &params[number - 1]) != SQLITE_OK)
			return conn_err(c->h, "bind");
	}
	return NULL;
}

static struct err *statement_prepare(struct db_conn *c, const char *sql, sqlite3_stmt **out)
{
	const char *rest;
	if (sqlite3_prepare_v3(c->h, sql, -1, SQLITE_PREPARE_PERSISTENT, out, &rest) != SQLITE_OK)
		return conn_err(c->h, sql);
	if (!*out || str_trim(str_of(rest)).len) {
		sqlite3_finalize(*out);
		*out = NULL;
		return err_new(ERR_INVALID, "%s: not one statement", sql);
	}
	return NULL;
}

/* The kept statement for `sql`; NULL in `*out` when a callback above us is running it. */
static struct err *statement_find(struct db_conn *c, const char *sql, struct db_statement **out)
{
	struct db_statement *oldest = NULL;
	*out = NULL;
	for (size_t i = 0; i < DB_STATEMENTS; i++) {
		struct db_statement *s = &c->kept[i];
		if (s->st && strcmp(sqlite3_sql(s->st), sql) == 0) {
			*out = s->busy ? NULL : s;
			return NULL;
		}
		if (!s->busy && (!oldest || s->used < oldest->used))
			oldest = s;
		if (!s->st)
			break;
	}
	if (!oldest)
		return NULL;
	sqlite3_finalize(oldest->st);
	*oldest = (struct db_statement){ .st = NULL };
	TRY(statement_prepare(c, sql, &oldest->st));
	*out = oldest;
	return NULL;
}

static struct err *statement_run(struct db_conn *c, sqlite3_stmt *st, const char *sql,
				 const struct db_param *params, size_t n,
				 bool (*row)(void *arg, struct db_row *r), void *arg)
{
	struct err *e = bind_all(c, st, params, n);
	while (!e) {
		int code = sqlite3_step(st);
		if (code == SQLITE_DONE)
			break;
		if (code != SQLITE_ROW)
			e = conn_err(c->h, sql);
		else if (row && !row(arg, &(struct db_row){ .st = st }))
			break;
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return e;
}

struct err *db_conn_run(struct db_conn *c, const char *sql, const struct db_param *params, size_t n,
			bool (*row)(void *arg, struct db_row *r), void *arg)
{
	struct db_statement *s;
	TRY(statement_find(c, sql, &s));
	if (!s) {
		sqlite3_stmt *st;
		TRY(statement_prepare(c, sql, &st));
		struct err *e = statement_run(c, st, sql, params, n, row, arg);
		sqlite3_finalize(st);
		return e;
	}
	s->used = ++c->runs;
	s->busy = true;
	struct err *e = statement_run(c, s->st, sql, params, n, row, arg);
	s->busy = false;
	return e;
}

struct err *db_conn_script(struct db_conn *c, const char *sql)
{
	if (sqlite3_exec(c->h, sql, NULL, NULL, NULL) != SQLITE_OK)
		return conn_err(c->h, sql);
	return NULL;
}

static bool see_wal(void *arg, struct db_row *r)
{
	*(bool *)arg = str_eq(db_row_text(r, 0), STR("wal"));
	return false;
}

/* The change to WAL wants the file for itself and does not wait for it. */
static struct err *set_wal(struct db_conn *c)
{
	bool wal = false;
	for (uint64_t end = time_mono_ms() + DB_WAIT_MS;;) {
		own(err) e =
			db_conn_run(c, "PRAGMA journal_mode = WAL", DB_NO_PARAMS, see_wal, &wal);
		if (!e && wal)
			return NULL;
		if (e && ((sqlite3_errcode(c->h) & 0xff) != SQLITE_BUSY || time_mono_ms() >= end))
			return move(e);
		if (!e)
			break;
		sqlite3_sleep(5);
	}
	return err_new(
		ERR_UNAVAILABLE,
		"%s: its file system has no shared memory for a write-ahead log (choose a local "
		"disk with --data)",
		sqlite3_db_filename(c->h, "main"));
}

static void conn_setup_once(void)
{
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
		       0); /* a lock of the whole process, for figures only */
}

struct err *db_conn_open(const char *path, bool read_only, struct db_conn **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, conn_setup_once);
	own(db_conn) c = mem_new(struct db_conn);
	if (sqlite3_open_v2(path, &c->h,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			    NULL) != SQLITE_OK)
		return c->h ? conn_err(c->h, "open") : err_new(ERR_UNAVAILABLE, "no memory");
	sqlite3_busy_timeout(c->h, DB_WAIT_MS);
	sqlite3_db_config(c->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	TRY(set_wal(c));
	TRY(db_conn_script(c, read_only ? "PRAGMA query_only = 1; PRAGMA temp_store = 2"
					: "PRAGMA synchronous = FULL; PRAGMA foreign_keys = 1;"
					  "PRAGMA temp_store = 2"));
	if (!read_only) {
		char limit[64];
		snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d",
			 DB_WAL_LIMIT_BYTES);
		TRY(db_conn_script(c, limit));
	}
	*out = move(c);
	return NULL;
}

void db_conn_free(struct db_conn *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < DB_STATEMENTS; i++)
		sqlite3_finalize(c->kept[i].st);
	int code = sqlite3_close(c->h);
	assert(code == SQLITE_OK); /* else a statement is still running */
	free(c);
}

bool db_row_is_null(struct db_row *r, int column)
{
	return sqlite3_column_type(r->st, column) == SQLITE_NULL;
}

int64_t db_row_int(struct db_row *r, int column)
{
	return sqlite3_column_int64(r->st, column);
}

struct str db_row_text(struct db_row *r, int column)
{
	bool blob = sqlite3_column_type(r->st, column) == SQLITE_BLOB;
	const void *p = blob ? sqlite3_column_blob(r->st, column)
			     : (const void *)sqlite3_column_text(r->st, column);
	return str_n(p, (size_t)sqlite3_column_bytes(r->st, column));
}
