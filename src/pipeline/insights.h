/* What the records of the last days say: how many builds ended how, how long they took and waited,
 * which steps and rules cost most, what the repositories hold.
 *
 * 1. Days are those of UTC, and a build is of the day it was made on. Every day is in the answer.
 * 2. Builds are counted one by one; jobs, steps and rules of the newest PIPELINE_INSIGHTS_SAMPLE.
 * 3. How long a build takes is told by those that succeeded and built all of their platforms. What
 *    a retry took over from the build before is counted there, and not again. */
#ifndef KILN_PIPELINE_INSIGHTS_H
#define KILN_PIPELINE_INSIGHTS_H

#include "pipeline/pipeline.h"

#define PIPELINE_INSIGHTS_DAYS   90
#define PIPELINE_INSIGHTS_BUILDS 1000000 /* the newest that are counted */
#define PIPELINE_INSIGHTS_SAMPLE 2000
#define PIPELINE_INSIGHTS_ROWS   10 /* of a list: steps, rules, repositories */

struct pipeline_spread { /* by nearest rank; of none all is 0 */
	uint64_t n;
	int64_t median_ms, p95_ms;
};
struct pipeline_insights_day {
	int64_t start_ns;
	uint64_t builds[PIPELINE_CANCELED + 1]; /* by enum pipeline_status */
	struct pipeline_spread took;
};
struct pipeline_insights_platform {
	const char *platform;
	/* From the queue to the worker: jobs that no worker lost, of builds that waited for no
	 * older one of their ref. */
	struct pipeline_spread waited;
};
struct pipeline_insights_step { /* one instruction of a repository's Dockerfile */
	const char *repository, *text;
	uint64_t n_ran, n_cached;
	int64_t total_ms, longest_ms; /* of those that ran */
};
struct pipeline_insights_rule {
	const char *id, *repository_id, *repository, *ref_type, *pattern;
	uint64_t n_success, n_failed;
	uint64_t n_flips; /* builds that ended another way than the one before of the same ref */
};
struct pipeline_insights_held {
	const char *repository;
	uint64_t n_blobs, bytes;
};
struct pipeline_insights {
	int64_t from_ns, to_ns; /* the first moment of the first day, and after the last */
	uint64_t builds[PIPELINE_CANCELED + 1];
	struct pipeline_spread took;
	struct pipeline_insights_day days[PIPELINE_INSIGHTS_DAYS]; /* the oldest first */
	size_t n_days;
	uint64_t n_sampled;
	int64_t sampled_from_ns; /* 0: all are */
	struct pipeline_insights_platform platforms[PIPELINE_INSIGHTS_ROWS];
	size_t n_platforms;
	/* Instructions; base images are none. What caching saved is told by steps that ran too: as
	 * often as it was cached, the mean of a step's runs, less what the look itself took. */
	uint64_t n_ran, n_cached, n_cached_told;
	int64_t saved_ms;
	struct pipeline_insights_step steps[PIPELINE_INSIGHTS_ROWS]; /* by the time they took */
	size_t n_steps;
	struct pipeline_insights_rule rules[PIPELINE_INSIGHTS_ROWS]; /* by failures, then flips */
	size_t n_rules;
	struct pipeline_insights_held held[PIPELINE_INSIGHTS_ROWS]; /* by bytes, as of now */
	size_t n_held;
	/* Of all repositories: each counted with all it has, and each blob counted once. */
	uint64_t n_blobs, bytes, once_bytes;
};

struct pipeline_insights_query {
	const struct auth_principal *who; /* only repositories it may see */
	struct str repository_id;         /* empty: all of them */
	unsigned days;                    /* 1 to PIPELINE_INSIGHTS_DAYS; today is the last */
};
struct err *pipeline_insights_get(struct pipeline *p, struct arena *a,
				  const struct pipeline_insights_query *q,
				  struct pipeline_insights *out);

#endif
