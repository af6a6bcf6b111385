/* Commit status: the provider of a repository's code source is told what became of a commit.
 *
 * 1. A build that is made or moves, of a repository that has it switched on, makes a row of
 *    commit_report for its commit, in the same transaction. A commit has one row, however often
 *    its builds move.
 * 2. What is told is looked up when it is sent, one request at a time for a repository: so the
 *    newest state is told, and an older one never after it. A move that comes meanwhile makes the
 *    row due again. A server that was killed finds the row.
 * 3. A commit has one state per repository, that of all its builds: of each rule and ref the newest
 *    build counts, and a failed one is told before one that runs, waits, was canceled, succeeded.
 * 4. It is off unless somebody switches it on: the token of a code source was given for reading,
 *    and what is written elsewhere in somebody's name is asked for.
 * 5. What fails is tried again as notifications are, unless the answer says that it is no use. Then
 *    it is over, and the error is kept. No build waits for any of it. */
#ifndef KILN_PIPELINE_REPORT_H
#define KILN_PIPELINE_REPORT_H

#include "pipeline/pipeline.h"

#define PIPELINE_REPORT_CONTEXT "kiln/{repository}"

struct pipeline_report {
	bool enabled;
	const char *context; /* as set, with {repository} */
	const char *shown;   /* what becomes of it */
	/* of the code source that the repository is bound to; NULL where there is none */
	const char *source, *provider; /* NS/NAME; as source_provider_name() */
	const char *api;               /* below which the provider is asked */
	/* Why nothing can be told; NULL: it can. Codes: NO_SOURCE, and those of
	 * source_status_check(). */
	const char *problem_code, *problem, *problem_remedy;
	uint64_t n_waiting; /* commits */
	int64_t next_ns;    /* when the next try of one that failed is; 0: none */
	/* the last one that was sent */
	int64_t last_ns; /* 0: none yet */
	const char *last_commit, *last_build, *last_state;
	int last_http;                                 /* 0: no answer came */
	const char *error_code, *error, *error_remedy; /* NULL: it went well */
	int64_t updated_ns;                            /* 0: never set */
};
struct err *pipeline_report_get(struct pipeline *p, struct arena *a, struct str repository_id,
				struct pipeline_report *out);
struct pipeline_report_change { /* NULL: stays */
	const bool *enabled;
	const struct str *context;
};
/* Switching on what cannot be told is ERR_CONFLICT with the problem's code; off gives up what
 * waits. ERR_INVALID code STATUS_CONTEXT. */
struct err *pipeline_report_set(struct pipeline *p, struct arena *a, struct str repository_id,
				const struct pipeline_report_change *c);
/* Tells the commit of the newest build (again). ERR_CONFLICT codes STATUS_OFF, NO_BUILD. */
struct err *pipeline_report_again(struct pipeline *p, struct str repository_id);

#endif
