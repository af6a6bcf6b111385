/* What the files of the worker protocol share. */
#ifndef KILN_API_WORKERS_PRIV_H
#define KILN_API_WORKERS_PRIV_H

#include "api/api_priv.h"

/* Who asks, for raw handlers: fills c->who. ERR_DENIED unless it is a worker. Blocks. */
struct err *api_worker_check(struct api_call *c);

/* workers_leases.c */
void api_worker_poll(struct api_call *c);
struct err *api_worker_events(struct api_call *c, struct http_reply **out);
struct err *api_worker_context(struct api_call *c, struct http_reply **out);
/* workers_blobs.c */
struct err *api_worker_blob_get(struct api_call *c, struct http_reply **out);
void api_worker_blob_put(struct api_call *c);
struct err *api_worker_cache_get(struct api_call *c, struct http_reply **out);
struct err *api_worker_cache_put(struct api_call *c, struct http_reply **out);

#endif
