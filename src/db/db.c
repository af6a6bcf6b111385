/* One connection writes and is handed to one thread at a time; readers have a connection each. The
 * lock guards who has which, and nobody holds it over a statement. */
#include "db/db_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"

struct db {
	char *path;        /* owned */
	struct mutex lock; /* guards all below */
	struct cond writer_back;
	struct db_conn *writer; /* owned; not to be touched while out */
	bool writer_out;
	pthread_t writer_thread; /* valid while out */
	struct db_conn *idle;    /* owned; readers */
	size_t n_idle, n_reading;
};

struct db_tx {
	struct db *db;
	struct db_conn *conn; /* NULL after the commit */
	bool failed; /* SQLite may have rolled back by itself: the next statement would stand alone
		      */
};

struct err *db_open_with(const char *path, const struct db_migration *list, size_t n,
			 struct db **out)
{
	/* By mknod(), which opens nothing: closing a descriptor of the file would drop the locks
	 * that another connection of this process holds on it. The log files take over the mode. */
	if (access(path, F_OK) < 0 && mknod(path, S_IFREG | 0600, 0) < 0 && errno != EEXIST)
		return err_from_errno(errno, "make database %s", path);
	own(db) db = mem_new(struct db);
	mutex_init(&db->lock);
	cond_init(&db->writer_back);
	db->path = mem_strdup(path);
	TRY(err_wrap(db_conn_open(path, false, &db->writer), "database %s", path));
	TRY(err_wrap(db_migrate(db->writer, list, n), "database %s", path));
	*out = move(db);
	return NULL;
}

struct err *db_open(const char *path, struct db **out)
{
	return db_open_with(path, db_migrations, db_n_migrations, out);
}

void db_free(struct db *db)
{
	if (!db)
		return;
	assert(!db->writer_out && !db->n_reading);
	while (db->idle) {
		struct db_conn *c = db->idle;
		db->idle = c->next;
		db_conn_free(c);
	}
	db_conn_free(db->writer); /* last: it may write the log back into the file */
	cond_done(&db->writer_back);
	mutex_done(&db->lock);
	free(db->path);
	free(db);
}

static struct err *reader_take(struct db *db, struct db_conn **out)
{
	mutex_lock(&db->lock);
	struct db_conn *c = db->idle;
	if (c) {
		db->idle = c->next;
		db->n_idle--;
	}
	db->n_reading++;
	mutex_unlock(&db->lock);
	struct err *e = c ? NULL : db_conn_open(db->path, true, &c);
	if (e) {
		hold(&db->lock);
		db->n_reading--;
		return e;
	}
	*out = c;
	return NULL;
}

static void reader_give(struct db *db, struct db_conn *c)
{
	mutex_lock(&db->lock);
	if (db->n_idle < DB_IDLE_READERS) {
		c->next = db->idle;
		db->idle = move(c);
		db->n_idle++;
	}
	db->n_reading--;
	mutex_unlock(&db->lock);
	db_conn_free(c);
}

static struct err *writer_take(struct db *db, struct db_conn **out)
{
	uint64_t end = time_mono_ms() + DB_WAIT_MS;
	hold(&db->lock);
	assert(!db->writer_out || !pthread_equal(db->writer_thread, pthread_self()));
	while (db->writer_out)
		if (!cond_wait_until(&db->writer_back, &db->lock, end) && db->writer_out)
			return err_new(ERR_UNAVAILABLE,
				       "write to %s: another writer holds it for more than %d s",
				       db->path, DB_WAIT_MS / 1000);
	db->writer_out = true;
	db->writer_thread = pthread_self();
	*out = db->writer;
	return NULL;
}

static void writer_give(struct db *db)
{
	hold(&db->lock);
	db->writer_out = false;
	cond_signal(&db->writer_back);
}

struct err *db_query(struct db *db, const char *sql, const struct db_param *params, size_t n,
		     bool (*row)(void *arg, struct db_row *r), void *arg)
{
	struct db_conn *c;
	TRY(reader_take(db, &c));
	struct err *e = db_conn_run(c, sql, params, n, row, arg);
	reader_give(db, c);
	return e;
}

struct err *db_exec(struct db *db, const char *sql, const struct db_param *params, size_t n)
{
	struct db_conn *c;
	TRY(writer_take(db, &c));
	struct err *e = db_conn_run(c, sql, params, n, NULL, NULL);
	writer_give(db);
	return e;
}

struct err *db_tx_begin(struct db *db, struct db_tx **out)
{
	struct db_conn *c;
	TRY(writer_take(db, &c));
	/* IMMEDIATE waits for other processes here; a later change of mind could not wait */
	struct err *e = db_conn_run(c, "BEGIN IMMEDIATE", DB_NO_PARAMS, NULL, NULL);
	if (e) {
		writer_give(db);
		return e;
	}
	*out = mem_new(struct db_tx);
	**out = (struct db_tx){ .db = db, .conn = c };
	return NULL;
}

struct err *db_tx_query(struct db_tx *tx, const char *sql, const struct db_param *params, size_t n,
			bool (*row)(void *arg, struct db_row *r), void *arg)
{
	assert(tx->conn);
	if (tx->failed)
		return err_new(ERR_CONFLICT, "%s: an earlier statement of the transaction failed",
			       sql);
	struct err *e = db_conn_run(tx->conn, sql, params, n, row, arg);
	tx->failed = e != NULL;
	return e;
}

struct err *db_tx_exec(struct db_tx *tx, const char *sql, const struct db_param *params, size_t n)
{
	return db_tx_query(tx, sql, params, n, NULL, NULL);
}

/* Ends the transaction, whatever state SQLite left it in, and lets the next writer in. */
static void tx_end(struct db_tx *tx)
{
	if (!sqlite3_get_autocommit(tx->conn->h))
		err_free(db_conn_run(tx->conn, "ROLLBACK", DB_NO_PARAMS, NULL, NULL));
	tx->conn = NULL;
	writer_give(tx->db);
}

struct err *db_tx_commit(struct db_tx *tx)
{
	struct err *e = db_tx_exec(tx, "COMMIT", DB_NO_PARAMS);
	tx_end(tx);
	return e;
}

void db_tx_free(struct db_tx *tx)
{
	if (!tx)
		return;
	if (tx->conn)
		tx_end(tx);
	free(tx);
}
