/* Images of a record into the catalog. */
#ifndef KILN_PIPELINE_PUBLISH_PRIV_H
#define KILN_PIPELINE_PUBLISH_PRIV_H

#include "pipeline/pipeline_priv.h"

/* Four manifests and the indexes that tags point at now. */
#define PIPELINE_FINISH_ARENA_BYTES ((size_t)512 << 20)

/* Publishes the jobs that are done under the record's tags, and sets r->b.digest. Codes:
 * TAG_WOULD_LOSE_PLATFORM, TAG_IMMUTABLE, IMAGE_INCOMPLETE. ERR_UNAVAILABLE may pass. */
struct err *pipeline_publish(struct pipeline *p, struct arena *a, struct pipeline_record *r);

#endif
