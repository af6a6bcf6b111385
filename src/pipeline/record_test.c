/* Every move of jobs and records: what the tables allow is stored whole, what they refuse is not
 * stored by anybody. */
#include "pipeline/test_priv.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_JOB_STATES    (JOB_CANCELED + 1)
#define N_RECORD_STATES (PIPELINE_CANCELED + 1)

/* Rows: from; columns: to, in the order of the states. Written out, not computed. */
static const char *const job_moves[N_JOB_STATES] = {
	/* queued running pushing done failed canceled */
	[JOB_QUEUED] = "yy--yy", [JOB_RUNNING] = "y-yyyy", [JOB_PUSHING] = "y--yyy",
	[JOB_DONE] = "------",   [JOB_FAILED] = "------",  [JOB_CANCELED] = "------",
};
static const char *const record_moves[N_RECORD_STATES] = {
	/* pending building success failed canceled */
	[PIPELINE_PENDING] = "-y-yy", [PIPELINE_BUILDING] = "--yyy", [PIPELINE_SUCCESS] = "-----",
	[PIPELINE_FAILED] = "-----",  [PIPELINE_CANCELED] = "-----",
};

TEST(the_tables_are_these)
{
	for (int from = 0; from < N_JOB_STATES; from++)
		for (int to = 0; to < N_JOB_STATES; to++)
			EXPECT(pipeline_job_may_move((enum pipeline_job_state)from,
						     (enum pipeline_job_state)to) ==
			       (job_moves[from][to] == 'y'));
	for (int from = 0; from < N_RECORD_STATES; from++)
		for (int to = 0; to < N_RECORD_STATES; to++)
			EXPECT(pipeline_record_may_move((enum pipeline_status)from,
							(enum pipeline_status)to) ==
			       (record_moves[from][to] == 'y'));
}

TEST(what_has_ended_moves_no_more)
{
	for (int s = 0; s < N_JOB_STATES; s++)
		EXPECT(pipeline_job_ended((enum pipeline_job_state)s) ==
		       (strchr(job_moves[s], 'y') == NULL));
	for (int s = 0; s < N_RECORD_STATES; s++)
		EXPECT(pipeline_status_ended((enum pipeline_status)s) ==
		       (strchr(record_moves[s], 'y') == NULL));
}

/* ---- stored ---- */

#define SHA "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void fill(struct world *w)
{
	add_waiting_build(w);
	EXPECT_OK(db_exec(w->db,
			  "INSERT INTO build_job (record_id, platform, state, attempt, queued_ns)"
			  " VALUES ('r-1', 'linux/amd64', 'queued', 1, 1)",
			  DB_NO_PARAMS));
}

/* The row as a state has it, without the writer under test. */
static void set_job(struct world *w, enum pipeline_job_state s)
{
	bool leased = s == JOB_RUNNING || s == JOB_PUSHING;
	EXPECT_OK(db_exec(
		w->db,
		"UPDATE build_job SET state = $1, lease_id = $2, worker_id = $2, native = $3,"
		" digest = $4, error_code = $5, error_remedy = $5, started_ns = $6, ended_ns = $7",
		DB_PARAMS(db_cstr(pipeline_job_state_name(s)), pipeline_text(leased ? "l" : NULL),
			  leased ? db_int(1) : db_null(), pipeline_text(s == JOB_DONE ? SHA : NULL),
			  pipeline_text(s == JOB_FAILED ? "STEP_FAILED" : NULL),
			  pipeline_time(leased ? 5 : 0), pipeline_time(s >= JOB_DONE ? 6 : 0))));
}

static void load(struct world *w, struct db_tx *tx, struct pipeline_record *r)
{
	bool found;
	EXPECT_OK(pipeline_record_load(w->p, tx, w->a, STR("r-1"), &found, r));
	EXPECT(found && r->n_jobs == 1);
}

/* As its caller would prepare the row for that state. */
static struct err *move_job(struct world *w, enum pipeline_job_state to)
{
	struct pipeline_record r;
	own(db_tx) tx = NULL;
	EXPECT_OK(db_tx_begin(w->db, &tx));
	load(w, tx, &r);
	r.jobs[0].digest = to == JOB_DONE ? SHA : NULL;
	if (to == JOB_FAILED)
		r.jobs[0].error_code = r.jobs[0].error_remedy = "STEP_FAILED";
	TRY(pipeline_job_move(w->p, tx, "r-1", &r.jobs[0], to));
	EXPECT(r.jobs[0].state == to);
	return db_tx_commit(tx);
}

TEST(a_job_that_moves_has_the_row_of_its_new_state)
{
	done(world) w = new_world();
	fill(&w);
	for (int from = 0; from < N_JOB_STATES; from++) {
		for (int to = 0; to < N_JOB_STATES; to++) {
			struct pipeline_record r;
			if (job_moves[from][to] != 'y')
				continue;
			set_job(&w, (enum pipeline_job_state)from);
			EXPECT_OK(move_job(&w, (enum pipeline_job_state)to));
			load(&w, NULL, &r);
			const struct pipeline_job_row *j = &r.jobs[0];
			EXPECT((int)j->state == to);
			EXPECT(!!j->ended_ns == pipeline_job_ended(j->state));
			EXPECT(!!j->digest == (to == JOB_DONE));
			EXPECT(!!j->error_code == (to == JOB_FAILED));
			EXPECT(!!j->error_remedy == (to == JOB_FAILED));
			if (to == JOB_QUEUED)
				EXPECT(!j->lease_id && !j->worker_id && j->native == -1 &&
				       !j->started_ns);
			if (to == JOB_RUNNING)
				EXPECT(j->started_ns > 6);
			if (to == JOB_PUSHING)
				EXPECT(j->started_ns == 5 && j->lease_id);
		}
	}
}

/* Between the reading and the writing another had the row: nothing is overwritten. */
TEST(a_state_that_changed_meanwhile_is_not_overwritten)
{
	done(world) w = new_world();
	struct pipeline_record r;
	fill(&w);
	load(&w, NULL, &r);
	set_job(&w, JOB_CANCELED);
	EXPECT_OK(db_exec(w.db, "UPDATE build_record SET status = 'CANCELED'", DB_NO_PARAMS));
	{
		own(db_tx) tx = NULL;
		EXPECT_OK(db_tx_begin(w.db, &tx));
		EXPECT_ERR(pipeline_job_move(w.p, tx, "r-1", &r.jobs[0], JOB_RUNNING), ERR_CORRUPT,
			   "not what it was");
		EXPECT_ERR(pipeline_record_move(w.p, tx, &r, PIPELINE_BUILDING), ERR_CORRUPT,
			   "not what it was");
	}
	load(&w, NULL, &r);
	EXPECT(r.jobs[0].state == JOB_CANCELED && r.b.status == PIPELINE_CANCELED);
}

static void set_record(struct world *w, enum pipeline_status s)
{
	EXPECT_OK(db_exec(w->db,
			  "UPDATE build_record SET status = $1, digest = NULL, error_code = NULL,"
			  " error_remedy = NULL, started_ns = NULL, ended_ns = NULL",
			  DB_PARAMS(db_cstr(pipeline_status_name(s)))));
}

static struct err *move_record(struct world *w, enum pipeline_status to)
{
	struct pipeline_record r;
	own(db_tx) tx = NULL;
	EXPECT_OK(db_tx_begin(w->db, &tx));
	load(w, tx, &r);
	r.b.digest = to == PIPELINE_SUCCESS ? SHA : NULL;
	r.b.error_code = to == PIPELINE_FAILED ? "STEP_FAILED" : NULL;
	r.b.error_remedy = r.b.error_code;
	r.b.canceled_by = to == PIPELINE_CANCELED ? "mary" : NULL;
	TRY(pipeline_record_move(w->p, tx, &r, to));
	return db_tx_commit(tx);
}

TEST(a_record_that_moves_has_the_row_of_its_new_status)
{
	done(world) w = new_world();
	fill(&w);
	for (int from = 0; from < N_RECORD_STATES; from++) {
		for (int to = 0; to < N_RECORD_STATES; to++) {
			struct pipeline_record r;
			if (record_moves[from][to] != 'y')
				continue;
			set_record(&w, (enum pipeline_status)from);
			EXPECT_OK(move_record(&w, (enum pipeline_status)to));
			load(&w, NULL, &r);
			EXPECT((int)r.b.status == to);
			EXPECT(!!r.b.ended_ns == pipeline_status_ended(r.b.status));
			EXPECT(!!r.b.started_ns == (to == PIPELINE_BUILDING));
			EXPECT(!!r.b.digest == (to == PIPELINE_SUCCESS));
			EXPECT(!!r.b.error_code == (to == PIPELINE_FAILED));
			EXPECT(!!r.b.error_remedy == (to == PIPELINE_FAILED));
			if (to == PIPELINE_CANCELED)
				EXPECT_STR(str_of(r.b.canceled_by), "mary");
		}
	}
}

/* A move that the table has not is a bug of the caller: the process ends before it is stored. */
static bool aborts(struct world *w, bool job, int to)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		close(STDERR_FILENO);
		struct pipeline_record r;
		memset(&r, 0, sizeof(r));
		struct pipeline_job_row *j = &r.jobs[0];
		j->state = (enum pipeline_job_state)(to >> 8);
		r.b.status = (enum pipeline_status)(to >> 8);
		r.b.digest = j->digest = SHA;
		r.b.error_code = j->error_code = "X";
		if (job)
			err_free(pipeline_job_move(w->p, NULL, "r-1", j,
						   (enum pipeline_job_state)(to & 255)));
		else
			err_free(pipeline_record_move(w->p, NULL, &r,
						      (enum pipeline_status)(to & 255)));
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST(a_move_that_the_table_refuses_ends_the_process)
{
	done(world) w = new_world();
	for (int from = 0; from < N_JOB_STATES; from++)
		for (int to = 0; to < N_JOB_STATES; to++)
			if (job_moves[from][to] != 'y')
				EXPECT(aborts(&w, true, from << 8 | to));
	for (int from = 0; from < N_RECORD_STATES; from++)
		for (int to = 0; to < N_RECORD_STATES; to++)
			if (record_moves[from][to] != 'y')
				EXPECT(aborts(&w, false, from << 8 | to));
}
