/* What the builds of a rule came to, one after another: a build, and those before it. */
#ifndef KILN_PIPELINE_HISTORY_H
#define KILN_PIPELINE_HISTORY_H

#include "pipeline/pipeline.h"

#define PIPELINE_HISTORY_BUILDS 50

struct pipeline_past_step {
	const char *state;  /* NULL: the build had no such step */
	const char *reason; /* NULL; why the cache hit or missed */
	int64_t took_ms;    /* -1: it has not ended */
	bool has_layer;
	uint64_t bytes; /* of its layer */
};
struct pipeline_past {
	const char *id, *ref, *commit;
	enum pipeline_status status;
	int64_t created_ns;
	int64_t took_ms;                /* -1: it was not started, or has not ended */
	uint64_t n_steps, n_cached;     /* instructions that ended; base images are none */
	uint64_t layer_bytes;           /* of what its steps made, each layer once */
	struct pipeline_past_step step; /* the one that is asked for */
};

/* The build and at most PIPELINE_HISTORY_BUILDS - 1 older ones of its rule, the newest first; of a
 * build without a rule only itself. `step`: a step of the build, whose like (stage, text,
 * platforms) in each of them is told too; of several the last. 0: none. ERR_NOT_FOUND code NO_STEP.
 */
struct err *pipeline_history_get(struct pipeline *p, struct arena *a,
				 const struct pipeline_build *b, uint32_t step,
				 struct pipeline_past **out, size_t *n);

#endif
