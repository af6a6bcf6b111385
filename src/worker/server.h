/* The server as a worker and its builders reach it: requests below /api/v1/worker/. */
#ifndef KILN_WORKER_SERVER_H
#define KILN_WORKER_SERVER_H

#include "codec/json.h"
#include "http/client.h"

struct worker_server;

/* `url` without a slash at the end. `canceled` as for http_client_open(); may be NULL. */
struct err *worker_server_open(const char *url, const char *token, bool (*canceled)(void *arg),
			       void *arg, struct worker_server **out);
void worker_server_free(struct worker_server *s);
OWN_DECLARE(worker_server);

/* Any answer that is no success is an error: its kind by status, with the problem's code and
 * detail. Codes that programs look at: LEASE_LOST, WORKER_UNKNOWN. `timeout_ms` 0: none. */
struct err *worker_server_post(struct worker_server *s, const char *path, struct str body,
			       uint32_t timeout_ms, json_t **out);
/* GET; the body goes to `sink`. An error has a refusal's own words. */
struct err *worker_server_get(struct worker_server *s, const char *path,
			      struct err *(*sink)(void *arg, const void *p, size_t len), void *arg);
/* The rest: any status is an answer. `path` is below /api/v1/worker; request without url and
 * authorization. */
struct err *worker_server_send(struct worker_server *s, const char *path, struct http_request *r,
			       struct http_response *out);
/* As above, again and again while the server is away or unwell, until the caller wants to stop. */
struct err *worker_server_send_patiently(struct worker_server *s, const char *path,
					 struct http_request *r, struct http_response *out);
/* Waits before the next of several tries; `*wait_ms` grows. ERR_CANCELED. */
struct err *worker_server_wait(struct worker_server *s, uint64_t *wait_ms);
/* What a refusal says, with its code and its remedy. Never NULL. */
struct err *worker_server_refusal(const struct http_response *r) __attribute__((returns_nonnull));

#endif
