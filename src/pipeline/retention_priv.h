/* What the files about retention share: rows of retention_policy, and runs. */
#ifndef KILN_PIPELINE_RETENTION_PRIV_H
#define KILN_PIPELINE_RETENTION_PRIV_H

#include "pipeline/pipeline_priv.h"
#include "pipeline/retention.h"

#define RETENTION_DAY_NS (INT64_C(86400) * 1000000000)
/* Further ahead than any next time: one that is was set by a clock that was turned back since. */
#define RETENTION_FAR_NS (2 * RETENTION_DAY_NS)

/* The next time after `now_ns` that is the repository's: its id decides the time of day, so that
 * they do not come all at once. */
int64_t pipeline_retention_next(const char *repository_id, int64_t now_ns);

/* In the transaction, or outside of one where `tx` is NULL. */
struct err *pipeline_retention_load(struct pipeline *p, struct db_tx *tx, struct arena *a,
				    const char *repository_id, struct pipeline_retention *out);
/* The run that began then ended, well where `e` (borrowed) is NULL. */
struct err *pipeline_retention_end(struct pipeline *p, const char *repository_id,
				   int64_t started_ns, const struct err *e);
/* Sets what is not for patterns to say, and decides. `tags` are matched. */
struct err *pipeline_retention_judge(struct pipeline *p, struct db_tx *tx,
				     const char *repository_id,
				     const struct pipeline_retention_policy *policy,
				     struct pipeline_retention_tag *tags, size_t n);
/* Matches them all, in bounded time. */
struct err *pipeline_retention_match_all(const struct pipeline_retention_policy *policy,
					 struct pipeline_retention_tag *tags, size_t n);

/* The thread that carries policies out. */
void *pipeline_sweeper(void *arg);

#endif
