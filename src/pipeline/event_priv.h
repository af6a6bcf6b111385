/* Events of a worker, applied in one transaction. */
#ifndef KILN_PIPELINE_EVENT_PRIV_H
#define KILN_PIPELINE_EVENT_PRIV_H

#include "pipeline/pipeline_priv.h"

#define PIPELINE_MOST_EVENTS     1000
#define PIPELINE_MOST_STEP_TEXT  4096
#define PIPELINE_MOST_ERROR_TEXT 4096
#define PIPELINE_MOST_REMEDY     1000

struct pipeline_batch {
	struct pipeline *p;
	struct db_tx *tx;
	struct arena *a;
	const char *lease_id;
	struct pipeline_record r;
	enum pipeline_lease_cancel cancel;
	struct pipeline_line *lines; /* to be appended; room for all events */
	size_t n_lines;
	bool changed; /* more than the log */
	struct pipeline_after after;
};

/* One event. ERR_INVALID code EVENT for what is none. */
struct err *pipeline_event_apply(struct pipeline_batch *b, json_t *event);

#endif
