/* Inside pipeline/: what the files of the build service share.
 *
 * The database is the truth. In memory are the waiting polls, and of each worker and lease what
 * only makes sense while this process runs: when it was heard of last, on the monotonic clock, so
 * that a change of the wall clock neither ends a lease nor keeps a dead one. */
#ifndef KILN_PIPELINE_PIPELINE_PRIV_H
#define KILN_PIPELINE_PIPELINE_PRIV_H

#include "base/thread.h"
#include "http/client.h"
#include "pipeline/pipeline.h"

#define PIPELINE_MOST_JOBS         4
#define PIPELINE_MOST_ATTEMPTS     3    /* leases that a job may lose with their worker */
#define PIPELINE_NATIVE_WAIT_S     60   /* for a busy native worker, before a job is emulated */
#define PIPELINE_UNNAMED_MS        3000 /* a lease this old that its worker does not name is lost */
#define PIPELINE_TELL_MS           1000 /* between two answers that tell of the same cancels */
#define PIPELINE_STEP_STRIDE       1000 /* step numbers kept for a lease beside another */
#define PIPELINE_MOST_LOG_STEP     65535              /* steps are numbered in 16 bits in the log */
#define PIPELINE_MOST_WAIT_MS      60000              /* of a poll */
#define PIPELINE_ARENA_BYTES       ((size_t)64 << 20) /* one event request, one record's images */
#define PIPELINE_LOOK_ARENA_BYTES  ((size_t)512 << 20) /* 100,000 refs, old and new, and rules */
#define PIPELINE_LOOKERS           3
#define PIPELINE_PUBLISH_TRIES     10
#define PIPELINE_ASKERS            4
#define PIPELINE_BASE_TRIGGER      "BASE_IMAGE"
#define PIPELINE_BUILD_ARENA_BYTES ((size_t)64 << 20) /* records with their arguments */

/* ---- states (record.c) ---- */

enum pipeline_job_state {
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_PUSHING,
	JOB_DONE,
	JOB_FAILED,
	JOB_CANCELED
};
const char *pipeline_job_state_name(enum pipeline_job_state s);
bool pipeline_job_may_move(enum pipeline_job_state from, enum pipeline_job_state to);
bool pipeline_record_may_move(enum pipeline_status from, enum pipeline_status to);
static inline bool pipeline_job_ended(enum pipeline_job_state s)
{
	return s >= JOB_DONE;
}
static inline bool pipeline_status_ended(enum pipeline_status s)
{
	return s >= PIPELINE_SUCCESS;
}

struct pipeline_job_row {
	const char *platform;
	int64_t position;
	enum pipeline_job_state state;
	int64_t attempt;
	const char *worker_id, *worker, *lease_id; /* NULL */
	int native;                                /* -1: not known */
	const char *media_type, *digest;           /* NULL */
	int64_t size;
	/* Of a job that is leased, CANCELED here says that somebody asked to cancel it. */
	const char *error_code, *error_text, *error_remedy;
	int64_t queued_ns, started_ns, ended_ns; /* 0 */
};
struct pipeline_record {         /* a row of build_record with its jobs */
	struct pipeline_build b; /* its jobs are not filled */
	const char *namespace_, *tags_json, *args_json, *required_json;
	uint64_t n_log_lines;
	bool is_public;
	struct pipeline_job_row jobs[PIPELINE_MOST_JOBS];
	size_t n_jobs;
};

/* In the transaction, or outside of one where `tx` is NULL. */
struct err *pipeline_sql(struct pipeline *p, struct db_tx *tx, const char *sql,
			 const struct db_param *params, size_t n,
			 bool (*row)(void *arg, struct db_row *r), void *arg);
bool pipeline_see_row(void *arg, struct db_row *r);                           /* sets a bool */
bool pipeline_see_int(void *arg, struct db_row *r);                           /* an int64_t */
struct db_param pipeline_text(const char *s);                                 /* NULL stays NULL */
struct db_param pipeline_time(int64_t ns);                                    /* 0 becomes NULL */
const char *pipeline_row_text(struct arena *a, struct db_row *r, int column); /* NULL for NULL */
void pipeline_copy_id(char *to, size_t size, struct str s); /* cut to size - 1 bytes, ends in NUL */
/* What is stored of an error, which is freed: in the arena; `otherwise` is the code of one that has
 * none, and `*remedy` may become NULL. */
void pipeline_keep_error(struct arena *a, struct err *e, const char *otherwise, const char **code,
			 const char **text, const char **remedy);
/* Whether all threads are to end; `p` is a struct pipeline, so that it can be a callback. */
bool pipeline_is_closing(void *p);
int64_t pipeline_now(const struct pipeline *p); /* wall clock, ns since 1970 */

struct err *pipeline_record_load(struct pipeline *p, struct db_tx *tx, struct arena *a,
				 struct str id, bool *found, struct pipeline_record *out);
struct err *pipeline_jobs_load(struct pipeline *p, struct db_tx *tx, struct arena *a,
			       const char *record_id, struct pipeline_job_row *rows, size_t *n);
void pipeline_record_build(struct arena *a, const struct pipeline_record *r,
			   struct pipeline_build *out);

/* The rows of a page of builds; `before` is put before the SQL: "EXPLAIN QUERY PLAN ". */
struct err *pipeline_build_page(struct pipeline *p, const struct pipeline_build_query *q,
				const char *before, bool (*row)(void *arg, struct db_row *r),
				void *arg);

/* A SELECT that is put together; `sql` ends in a WHERE with a condition. */
#define PIPELINE_MOST_PARAMS 12
struct pipeline_sql_query {
	struct buf sql;
	struct db_param params[PIPELINE_MOST_PARAMS];
	size_t n;
};
/* Adds " AND ", the condition ("r.ref = "), and the value's placeholder. */
void pipeline_where(struct pipeline_sql_query *q, const char *condition, struct db_param value);
/* Only what `who` may see: a set of repositories that is made once for the query. `repository_id`
 * is the expression that is to be in it. */
void pipeline_where_visible(struct pipeline_sql_query *q, const char *repository_id,
			    const struct auth_principal *who);
/* Runs what was put together, and frees its text. */
struct err *pipeline_query_run(struct pipeline *p, struct pipeline_sql_query *q,
			       bool (*row)(void *arg, struct db_row *r), void *arg);

/* The one writer of a record's status: `r` has what is stored with it (error, digest, canceled_by,
 * superseded_by). Asserts the move. */
struct err *pipeline_record_move(struct pipeline *p, struct db_tx *tx, struct pipeline_record *r,
				 enum pipeline_status to);
/* The one writer of a job's state, with all else that the row says. Asserts the move. */
struct err *pipeline_job_move(struct pipeline *p, struct db_tx *tx, const char *record_id,
			      struct pipeline_job_row *j, enum pipeline_job_state to);
bool pipeline_jobs_ended(const struct pipeline_record *r);

/* ---- what is done once a transaction is committed (after.c) ---- */

struct pipeline_after {
	struct pipeline *p;
	struct arena *a;
	struct pipeline_after_item *first, **last;
};
void pipeline_after_init(struct pipeline_after *f, struct pipeline *p, struct arena *a);
void pipeline_after_poke(struct pipeline_after *f, const char *record_id); /* and wakes the queue */
/* A line of kiln's own in the log; `platform` is the place in the list of jobs, or -1. */
void pipeline_after_say(struct pipeline_after *f, const char *record_id, int platform,
			const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void pipeline_after_cancel(struct pipeline_after *f, const char *lease_id, int how);
void pipeline_after_end(struct pipeline_after *f, const char *lease_id);
void pipeline_after_finish(struct pipeline_after *f, const char *record_id);
void pipeline_after_close(struct pipeline_after *f, const char *record_id);
void pipeline_after_run(struct pipeline_after *f);

/* ---- records (make.c, cancel.c, retry.c) ---- */

/* `n` becomes a row of build_record, and its jobs: platform, and state with manifest where it is
 * done. Sets id, seq and times; a record with an error code is FAILED from the start. */
struct err *pipeline_record_insert(struct pipeline *p, struct db_tx *tx, struct arena *a,
				   struct pipeline_record *n, struct pipeline_after *after);
/* Fills `out` from a rule, a ref and what the rule makes of it; refused tags become its error. */
struct err *pipeline_record_from_rule(struct pipeline *p, struct arena *a,
				      const struct pipeline_rule *rule,
				      const struct pipeline_binding *binding,
				      const char *repository, const struct source_ref *ref,
				      int64_t pushed_ns, struct pipeline_record *out);
/* What a newer build of the same rule and ref does to the older ones, in the transaction that makes
 * it. */
struct err *pipeline_record_newer(struct pipeline *p, struct db_tx *tx, struct arena *a,
				  struct pipeline_record *n, bool cancels,
				  struct pipeline_after *after);
/* Asks to cancel the jobs (`platform` empty: all) of an unfinished record. `*too_late` when all
 * jobs have ended: the images are being published. */
struct err *pipeline_record_cancel(struct pipeline *p, struct db_tx *tx, struct pipeline_record *r,
				   struct str platform, const char *by, const char *superseded_by,
				   bool *too_late, struct pipeline_after *after);

/* ---- a build that no push starts (retry.c) ---- */

struct pipeline_start {
	struct pipeline_rule rule;
	struct pipeline_binding binding;
	struct catalog_image_repository repository;
};
/* ERR_NOT_FOUND code RULE_UNKNOWN, REPOSITORY_UNKNOWN; ERR_CONFLICT code NO_SOURCE. */
struct err *pipeline_start_load(struct pipeline *p, struct arena *a, struct str rule_id,
				struct pipeline_start *s);
/* Short or full to full; of the rule's kind. */
const char *pipeline_start_ref(struct arena *a, const struct pipeline_rule *rule, struct str ref);
/* Asks the source; when it does not answer, what was seen last. ERR_NOT_FOUND code SRC_REF_GONE. */
struct err *pipeline_start_head(struct pipeline *p, struct arena *a, const char *source_id,
				const char *name, struct source_ref *out);

/* ---- secrets (seal.c) ---- */

/* Sealed for what has the id, and for this purpose: another's is not unsealed by it. Texts are in
 * the arena. */
struct err *pipeline_seal(struct pipeline *p, struct arena *a, const char *id, const char *what,
			  struct str plain, const char **out);
struct err *pipeline_unseal(struct pipeline *p, struct arena *a, const char *id, const char *what,
			    const char *sealed, struct str *out);

/* ---- source.c ---- */

struct err *pipeline_source_remote(struct pipeline *p, struct arena *a, struct str id,
				   struct source_remote *out);

/* ---- workers, leases, polls: guarded by the pipeline's lock ---- */

enum pipeline_lease_cancel {
	LEASE_GOES_ON,
	LEASE_CANCEL, /* jobs that were asked for become canceled, the others go back to the queue
		       */
	LEASE_TIME,   /* the time limit: jobs fail */
};
struct pipeline_held_lease {
	char id[40], record_id[40], worker_id[40];
	char *namespace_; /* owned */
	bool embedded;
	enum pipeline_lease_cancel cancel;
	bool told; /* of the cancel, in an answer */
	uint32_t first_step;
	uint64_t granted_ms, expires_ms, deadline_ms, stop_ms; /* monotonic; stop 0: not canceled */
	bool heard;                                            /* an event came */
	/* A batch of events may have reached the log, but not the database: lines from this number
	 * on may be the lease's own. See event.c. */
	bool unsure;
	uint64_t unsure_from;
	struct pipeline_held_lease *next;
};
struct pipeline_known_worker {
	char id[40];
	char *name, *pool, *token_id, *version; /* owned */
	struct pipeline_worker_platform platforms[4];
	size_t n_platforms;
	uint32_t slots;
	bool embedded, draining, told_draining;
	int64_t first_seen_ns, last_seen_ns;
	uint64_t seen_ms;   /* monotonic; 0: not by this process */
	uint64_t stored_ms; /* when last_seen_ns was stored */
	uint64_t told_ms;   /* when a poll was answered with cancels */
	struct pipeline_known_worker *next;
};
struct pipeline_waiting { /* a poll */
	struct arena *a;  /* the caller's */
	char worker_id[40];
	uint32_t free_slots;
	const char *const *leases;
	size_t n_leases;
	uint64_t until_ms;
	bool over; /* answered as it is at the next turn */
	void (*done)(void *arg, struct err *e, struct pipeline_poll_result *r);
	void *arg;
	struct pipeline_poll_result result;
	size_t cap_leases;
	struct pipeline_waiting *next;
};
struct pipeline_finishing { /* a record whose jobs have ended */
	char id[40];
	unsigned tries;
	uint64_t due_ms;
	struct pipeline_finishing *next;
};
struct pipeline_looking { /* a source that is looked at, or will be */
	char id[64];
	bool queued, running, again; /* pokes */
	bool looking;                /* pipeline_source_look() is at it */
	struct pipeline_looking *next;
};

struct pipeline_checking { /* a repository whose base images are asked for */
	struct pipeline *p;
	char id[64];
	struct pipeline_checking *next;
};

#define PIPELINE_THREADS 8
struct pipeline {
	struct pipeline_options o;
	uint64_t lease_ms, grace_ms;       /* fixed after pipeline_open(), but by tests */
	int64_t base_interval_s;           /* likewise */
	int64_t wall_shift_ns;             /* tests turn the clock; atomic */
	struct pool *lookers;              /* owned */
	struct pool *tellers;              /* owned */
	struct pool *askers;               /* owned; of base images */
	struct http_client *teller_client; /* owned */
	bool have_news;                    /* a notification was made; atomic */
	pthread_t threads[PIPELINE_THREADS];
	unsigned n_threads; /* of these that run */

	struct mutex lock; /* guards all below */
	struct cond work, watch, finish, poll, looked, schedule, sweep, tell, told, bases;
	bool stopping, closing;
	bool have_work;         /* something may be leased that could not before */
	bool schedules_changed; /* the scheduler looks again */
	bool sweep_now;         /* a run of a retention policy has begun */
	struct pipeline_known_worker *workers;
	struct pipeline_held_lease *leases;
	struct pipeline_waiting *waiting; /* in the order they came */
	struct pipeline_finishing *finishing;
	struct pipeline_looking *looking;
	struct pipeline_checking *checking;
	bool tell_now;                 /* something may be due */
	struct pipeline_place *places; /* endpoints that are spoken to */
	uint64_t n_told;               /* requests to them that are over */
	unsigned n_testing;            /* who waits for one */
};

void pipeline_wake(struct pipeline *p); /* the dispatcher */
struct pipeline_known_worker *pipeline_worker_locked(struct pipeline *p, const char *id);
struct pipeline_held_lease *pipeline_lease_locked(struct pipeline *p, const char *id);
bool pipeline_worker_online_locked(struct pipeline *p, const struct pipeline_known_worker *w);
void pipeline_lease_drop_locked(struct pipeline *p, const char *id);
bool pipeline_worker_owns_locked(struct pipeline *p, const struct pipeline_held_lease *l,
				 const char *token_id);

/* worker.c, lease.c: what is in the database, into memory. */
struct err *pipeline_workers_load(struct pipeline *p);
struct err *pipeline_leases_load(struct pipeline *p);
void pipeline_workers_drop(struct pipeline *p);
void pipeline_leases_drop(struct pipeline *p);

/* lease.c */
struct pipeline_candidate { /* jobs of a record that a worker can have now */
	const char *record_id, *namespace_, *pool;
	int64_t seq, priority, created_ns;
	bool emulation;
	const char *platforms[PIPELINE_MOST_JOBS];
	int64_t queued_ns[PIPELINE_MOST_JOBS];
	size_t n_platforms;
	int64_t running; /* leases of the namespace */
	bool taken;
	bool reachable; /* for pipeline_queue_places() */
	struct pipeline_candidate *next;
};
/* Leases these platforms of the record to the worker if they are queued still; `*got` tells. */
struct err *pipeline_lease_grant(struct pipeline *p, struct arena *a,
				 const struct pipeline_candidate *c, const char *const *platforms,
				 const bool *native, size_t n, const char *worker_id,
				 struct pipeline_lease *out, bool *got);
enum pipeline_lease_end { LEASE_LOST, LEASE_GIVEN_BACK, LEASE_STOPPED };
/* Ends a lease without its worker: its jobs go back to the queue, or end. */
struct err *pipeline_lease_end(struct pipeline *p, const char *lease_id,
			       enum pipeline_lease_end why);
/* A job of a lease that its worker, or nobody any more, runs: where it goes. */
struct err *pipeline_job_release(struct pipeline *p, struct db_tx *tx, const char *record_id,
				 struct pipeline_job_row *j, enum pipeline_lease_cancel cancel,
				 enum pipeline_lease_end why, uint32_t time_limit_s,
				 struct pipeline_after *after);

/* queue.c */
struct err *pipeline_queue_load(struct pipeline *p, struct arena *a,
				struct pipeline_candidate **out);
/* Sets the queue_position of builds that have their jobs. */
struct err *pipeline_queue_places(struct pipeline *p, struct pipeline_build *builds, size_t n);
/* The best candidate for a worker; NULL: none. `*held` when one waits for a busy native worker. */
struct pipeline_candidate *pipeline_queue_pick(struct pipeline *p, struct pipeline_candidate *list,
					       const char *worker_id, int64_t now_ns,
					       const char **platforms, bool *native, size_t *n,
					       bool *held);

/* trigger.c: brings the commit here, unless it is there or the source is our own. */
struct err *pipeline_source_fetch(struct pipeline *p, const char *source_id, const char *ref,
				  const char *commit);
void pipeline_source_prefetch(struct pipeline *p, const char *source_id, const char *ref,
			      const char *commit); /* later, on a thread of the pipeline */

/* publish.c: ends a record whose jobs have ended; nothing is done for others. An error means that
 * it is to be tried again, which it is not when this is the last try. */
struct err *pipeline_finish(struct pipeline *p, const char *record_id, bool last_try);
void pipeline_finish_add(struct pipeline *p, const char *record_id);

/* news.c: what is told of a record that moved, in the transaction that moves it */
struct err *pipeline_news_of_build(struct pipeline *p, struct db_tx *tx,
				   const struct pipeline_record *r);
/* report.c: the commit of a record that was made or moved is to be reported, where the repository
 * has that switched on; in the same transaction */
struct err *pipeline_report_of_build(struct pipeline *p, struct db_tx *tx,
				     const struct pipeline_record *r);
/* tell.c */
struct err *pipeline_tell_open(struct pipeline *p);
void pipeline_tell_close(struct pipeline *p); /* once `closing` is set */
void pipeline_tell_wake(struct pipeline *p);

/* threads */
void *pipeline_dispatcher(void *arg);
void *pipeline_watcher(void *arg);
void *pipeline_finisher(void *arg);
void *pipeline_poller(void *arg);
void *pipeline_scheduler(void *arg);
void *pipeline_teller(void *arg);
void *pipeline_base_watcher(void *arg);

#endif
