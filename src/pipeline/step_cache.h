/* The step cache as workers on other machines reach it: the records that the executor keeps in the
 * table step_cache, as the JSON of docs/WORKER.md. */
#ifndef KILN_PIPELINE_STEP_CACHE_H
#define KILN_PIPELINE_STEP_CACHE_H

#include "blob/store.h"
#include "codec/json.h"
#include "db/db.h"

/* `key`: 64 hexadecimal digits, else ERR_INVALID. A record whose blob is gone is not found. The
 * caller drops `*out`. */
struct err *pipeline_step_cache_get(struct db *db, struct blob_store *blobs, struct str key,
				    bool *found, json_t **out);
/* Overwrites. ERR_INVALID for what is no record; ERR_CONFLICT code BLOB_MISSING when the blob is
 * not there. */
struct err *pipeline_step_cache_put(struct db *db, struct blob_store *blobs, struct str key,
				    json_t *record);

#endif
