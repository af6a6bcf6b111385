/* Inside db/: a connection to SQLite with its prepared statements, and the schema's steps. */
#ifndef KILN_DB_DB_PRIV_H
#define KILN_DB_DB_PRIV_H

#include <sqlite3.h>

#include "base/thread.h"
#include "db/db.h"

#define DB_WAIT_MS         30000 /* for other writers, in this process or another */
#define DB_STATEMENTS      64    /* prepared and kept, per connection */
#define DB_IDLE_READERS    8     /* connections kept open for the next query */
#define DB_WAL_LIMIT_BYTES (16 << 20)

struct db_statement {
	sqlite3_stmt *st; /* owned; NULL: a free place */
	uint64_t used;    /* when, in runs of the connection: the oldest gives way */
	bool busy;        /* a callback runs the same text again: that one gets its own */
};

/* Used by one thread at a time. */
struct db_conn {
	sqlite3 *h; /* owned */
	uint64_t runs;
	struct db_statement kept[DB_STATEMENTS];
	struct db_conn *next; /* idle readers */
};

struct err *db_conn_open(const char *path, bool read_only, struct db_conn **out);
void db_conn_free(struct db_conn *c);
OWN_DECLARE(db_conn);
/* Runs one statement to its end, or until `row` (may be NULL) says stop. */
struct err *db_conn_run(struct db_conn *c, const char *sql, const struct db_param *params, size_t n,
			bool (*row)(void *arg, struct db_row *r), void *arg);
/* Several statements without parameters; nothing of them is kept. */
struct err *db_conn_script(struct db_conn *c, const char *sql);

/* service_sql.c */
extern const char db_access_sql[], db_namespace_sql[], db_source_sql[], db_build_sql[];
extern const char db_session_sql[], db_delivery_sql[], db_audit_sql[], db_created_sql[];
extern const char db_schedule_sql[];
extern const char db_retention_sql[];
extern const char db_endpoint_sql[];
extern const char db_base_sql[];
extern const char db_status_sql[];

extern const struct db_migration db_migrations[];
extern const size_t db_n_migrations;
/* Runs those of `list` that the database has not seen. ERR_CONFLICT if it has seen more. */
struct err *db_migrate(struct db_conn *c, const struct db_migration *list, size_t n);
/* db_open() with another list. */
struct err *db_open_with(const char *path, const struct db_migration *list, size_t n,
			 struct db **out);

#endif
