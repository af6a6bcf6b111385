/* Schedules: builds that start by themselves, when the clocks of a time zone show what an
 * expression says.
 *
 * 1. What is due is claimed in one transaction with the record of its build: of several servers one
 *    starts it, and one that is killed has started it whole or not at all.
 * 2. However many times went by while no server ran, one build is started.
 * 3. A run is skipped while the build of the run before has not ended. A skipped or failed run is
 *    told with the schedule, until the next one.
 * 4. It builds the head of its ref at that time, as "Build a ref" does, whether pushes start the
 *    rule or not. */
#ifndef KILN_PIPELINE_SCHEDULE_H
#define KILN_PIPELINE_SCHEDULE_H

#include "pipeline/cron.h"
#include "pipeline/pipeline.h"

#define PIPELINE_NEXT_RUNS 5

struct pipeline_schedule {
	const char *id, *repository_id, *rule_id; /* crbs-… */
	const char *ref;                          /* "": the rule's own name */
	const char *full_ref; /* what is built: refs/heads/main; NULL: the rule needs a ref */
	const char *cron, *time_zone;
	bool enabled, no_cache;
	int64_t next_run_ns;                             /* 0: it is switched off */
	int64_t last_run_ns;                             /* 0: there was none */
	const char *last_state;                          /* started, skipped, failed; NULL */
	const char *last_code, *last_text, *last_remedy; /* why not started; NULL */
	const char *last_build, *last_build_status;      /* that it started; NULL: none, or gone */
	int64_t created_ns, updated_ns;
};

/* UTC, or a name of the database of the system, as in Europe/Berlin. ERR_INVALID code
 * SCHEDULE_ZONE. */
struct err *pipeline_zone_open(struct str name, struct zone **out);
/* The next PIPELINE_NEXT_RUNS times behind `after_ns`. ERR_INVALID code SCHEDULE_CRON,
 * SCHEDULE_ZONE. */
struct err *pipeline_schedule_preview(struct str cron, struct str time_zone, int64_t after_ns,
				      int64_t *out);
/* The same of one that is stored, from its next run on; `*n` is 0 when it is switched off. */
struct err *pipeline_schedule_next(struct pipeline *p, const struct pipeline_schedule *s,
				   int64_t *out, size_t *n);

/* `s` has what is wished for, down to `no_cache`; the rest is filled in. `ref` may be short. Codes:
 * those above; RULE_UNKNOWN; SCHEDULE_REF when the rule has an expression and no ref is given,
 * RULE_NO_MATCH when it does not match the ref; TAG_… as in a preview; SCHEDULES at the limit. */
struct err *pipeline_schedule_create(struct pipeline *p, struct arena *a,
				     struct pipeline_schedule *s);
struct err *pipeline_schedule_update(struct pipeline *p, struct arena *a,
				     struct pipeline_schedule *s);
struct err *pipeline_schedule_get(struct pipeline *p, struct arena *a, struct str id, bool *found,
				  struct pipeline_schedule *out);
/* All of one image repository, the oldest first; at most LIMIT_SCHEDULES. */
struct err *pipeline_schedule_list(struct pipeline *p, struct arena *a, struct str repository_id,
				   struct pipeline_schedule **out, size_t *n);
struct err *pipeline_schedule_delete(struct pipeline *p, struct str id, bool *found);

#endif
