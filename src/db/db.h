/* One SQL interface. Today over SQLite in WAL mode (synchronous=FULL); SQL is written in the
 * dialect that PostgreSQL accepts too.
 *
 * A struct db may be used from any thread and by several processes at once. Reads run beside one
 * writer. Text parameters are bound, never pasted. A child after fork() opens its own.
 *
 * Errors: ERR_UNAVAILABLE when the disk is full or fails (with the remedy) or others write for too
 * long, ERR_CORRUPT when the file is damaged, ERR_CONFLICT when a constraint refuses, ERR_INVALID
 * for SQL that is wrong. */
#ifndef KILN_DB_DB_H
#define KILN_DB_DB_H

#include "base/err.h"
#include "base/str.h"

struct db;
struct db_row; /* one row of an answer, valid in the callback only */
struct db_tx;  /* a write transaction */

struct db_param {
	enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } kind;
	int64_t i;
	struct str s; /* borrowed to the end of the call */
};
#define db_int(v)  ((struct db_param){ .kind = DB_INT, .i = (int64_t)(v) })
#define db_text(v) ((struct db_param){ .kind = DB_TEXT, .s = (v) }) /* struct str */
#define db_cstr(v) ((struct db_param){ .kind = DB_TEXT, .s = str_of(v) })
#define db_blob(v) ((struct db_param){ .kind = DB_BLOB, .s = (v) })
#define db_null()  ((struct db_param){ .kind = DB_NULL })

/* One step of the schema, run once and in order, each in a transaction of its own with its number
 * recorded. */
struct db_migration {
	const char *name; /* "0001 repositories" */
	const char *sql;  /* several statements */
};

/* Opens or makes the database file `path` and brings it to the newest schema (db/migrations.c).
 * ERR_CONFLICT if the file was written by a newer kiln; ERR_CORRUPT if it is no database. */
struct err *db_open(const char *path, struct db **out);
void db_free(struct db *db);
OWN_DECLARE(db);

/* Runs a query that only reads; `row` is called for each row and stops it by returning false, and
 * may run queries itself. Placeholders are $1, $2, … */
struct err *db_query(struct db *db, const char *sql, const struct db_param *params, size_t n,
		     bool (*row)(void *arg, struct db_row *r), void *arg);
/* One statement in its own transaction. */
struct err *db_exec(struct db *db, const char *sql, const struct db_param *params, size_t n);

/* One writer at a time; others wait up to 30 s. `tx` belongs to the thread that began it, which
 * begins no second one before it ends. After a statement that failed, all that is left is to free
 * it. */
struct err *db_tx_begin(struct db *db, struct db_tx **out);
struct err *db_tx_exec(struct db_tx *tx, const char *sql, const struct db_param *params, size_t n);
struct err *db_tx_query(struct db_tx *tx, const char *sql, const struct db_param *params, size_t n,
			bool (*row)(void *arg, struct db_row *r), void *arg);
struct err *db_tx_commit(struct db_tx *tx); /* nothing may be done with tx after it but free */
void db_tx_free(struct db_tx *tx);          /* rolls back what was not committed */
OWN_DECLARE(db_tx);
#define DB_PARAMS(...)                            \
	(const struct db_param[]){ __VA_ARGS__ }, \
		(sizeof((const struct db_param[]){ __VA_ARGS__ }) / sizeof(struct db_param))
#define DB_NO_PARAMS NULL, 0

bool db_row_is_null(struct db_row *r, int column);
int64_t db_row_int(struct db_row *r, int column);
struct str db_row_text(struct db_row *r,
		       int column); /* text or bytes; borrowed to the end of the callback */

#endif
