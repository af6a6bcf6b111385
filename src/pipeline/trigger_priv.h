/* A look at a code source. */
#ifndef KILN_PIPELINE_TRIGGER_PRIV_H
#define KILN_PIPELINE_TRIGGER_PRIV_H

#include "pipeline/pipeline_priv.h"

struct pipeline_target { /* an image repository that is built from the source by itself */
	const char *repository_id, *repository;
	struct pipeline_binding binding;
	struct pipeline_rule *rules;
	size_t n_rules;
	struct pipeline_target *next;
};
struct pipeline_planned {
	struct pipeline_record r;
	bool cancels;         /* older builds of the ref */
	const char *delivery; /* that told of it; NULL none */
	struct pipeline_planned *next;
};

/* The newest deliveries that were accepted, and the builds that a look makes of what they tell. */
struct pipeline_told_delivery {
	const char *id, *pusher; /* pusher: "" unknown */
	struct source_change *changes;
	size_t n_changes;
	size_t n_builds;
};
struct pipeline_told {
	struct arena *a;
	struct pipeline_told_delivery v[20];
	size_t n;
};
struct err *pipeline_told_load(struct pipeline *p, struct arena *a, const char *source_id,
			       struct pipeline_told *out);
/* NULL: nobody told of it. */
struct pipeline_told_delivery *pipeline_told_find(struct pipeline_told *l,
						  const struct source_ref *ref);
/* The record was made of what the delivery told, which may be gone by now. */
struct err *pipeline_told_made(struct db_tx *tx, const char *delivery_id, const char *record_id);
struct err *pipeline_told_store(struct db_tx *tx, const struct pipeline_told *l);

struct pipeline_look {
	struct pipeline *p;
	struct arena *a;
	const char *source_id, *actor;
	int64_t pushed_ns, poll_s, n_failures;
	bool found, own, first;
	struct source_ref *seen, *now; /* by name */
	size_t n_seen, n_now;
	const struct source_ref **changed;
	const char **gone;
	size_t n_changed, n_gone;
	struct pipeline_target *targets;
	struct pipeline_planned *planned, **last_planned;
	size_t n_planned;
	struct pipeline_told told;
};

/* Looks at one source come one after the other. */
void pipeline_look_enter(struct pipeline *p, const char *source_id);
void pipeline_look_leave(struct pipeline *p, const char *source_id);
/* When to look next, ns since 1970: the interval, doubled with each failure, give or take a fifth.
 */
int64_t pipeline_next_poll(const struct pipeline *p, int64_t poll_s, int64_t n_failures);

#endif
