#include "worker/server.h"

#include <stdlib.h>

struct worker_server {
	struct http_client *http; /* owned */
	char *base;               /* owned; "http://…/api/v1/worker" */
	char *authorization;      /* owned */
};

struct err *worker_server_open(const char *url, const char *token, bool (*canceled)(void *arg),
			       void *arg, struct worker_server **out)
{
	own(worker_server) s = mem_new(struct worker_server);
	s->base = mem_printf("%s/api/v1/worker", url);
	s->authorization = mem_printf("Bearer %s", token);
	TRY(http_client_open(&(struct http_client_options){ .canceled = canceled, .arg = arg },
			     &s->http));
	*out = move(s);
	return NULL;
}

void worker_server_free(struct worker_server *s)
{
	if (!s)
		return;
	http_client_free(s->http);
	if (s->authorization)
		explicit_bzero(s->authorization, strlen(s->authorization));
	free(s->authorization);
	free(s->base);
	free(s);
}

/* --- answers -------------------------------------------------------------------------------- */

static enum err_kind kind_of(int status)
{
	switch (status) {
	case 401:
	case 403:
		return ERR_DENIED;
	case 404:
	case 410:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	case 413:
		return ERR_LIMIT;
	default:
		return status == 429 || status >= 500 || status < 400 ? ERR_UNAVAILABLE
								      : ERR_INVALID;
	}
}

#define MOST_CODE   64
#define MOST_REMEDY 1000
#define MOST_DETAIL 4000

static char *member(json_t *j, const char *name, size_t most)
{
	struct str s = { 0 };
	if (json_is_object(j))
		err_free(json_get_str(j, name, &s));
	return s.len ? str_dup(str_first(s, most)) : NULL;
}

/* `plain`: what the server says is of the build, and goes into its record as it is. */
static struct err *refusal(const struct http_response *r, bool plain)
{
	own_json j = NULL;
	err_free(json_read(str_n(r->body, r->body_len), &j));
	own_mem char *code = member(j, "code", MOST_CODE),
		     *remedy = member(j, "remedy", MOST_REMEDY),
		     *detail = member(j, "detail", MOST_DETAIL);
	const char *known = r->status == 410 ? "LEASE_LOST" : code;
	if (plain && detail)
		return err_told(kind_of(r->status), known, remedy, "%s", detail);
	return err_told(kind_of(r->status), known, remedy, "the server answers %d%s%s", r->status,
			detail ? ": " : "", detail ?: "");
}

struct err *worker_server_refusal(const struct http_response *r)
{
	return refusal(r, false);
}

/* --- requests ------------------------------------------------------------------------------- */

struct err *worker_server_send(struct worker_server *s, const char *path, struct http_request *r,
			       struct http_response *out)
{
	own_mem char *url = mem_printf("%s%s", s->base, path);
	r->url = url;
	r->authorization = s->authorization;
	r->no_redirect = true;
	return http_client_send(s->http, r, out);
}

#define LEAST_WAIT_MS 200
#define MOST_WAIT_MS  5000

struct err *worker_server_wait(struct worker_server *s, uint64_t *wait_ms)
{
	*wait_ms = MIN(MAX(2 * *wait_ms, (uint64_t)LEAST_WAIT_MS), (uint64_t)MOST_WAIT_MS);
	return http_client_sleep(s->http, *wait_ms);
}

struct err *worker_server_send_patiently(struct worker_server *s, const char *path,
					 struct http_request *r, struct http_response *out)
{
	for (uint64_t wait_ms = 0;;) {
		struct err *e = worker_server_send(s, path, r, out);
		if (e ? e->kind != ERR_UNAVAILABLE : out->status < 500 && out->status != 429)
			return e;
		err_free(e);
		http_response_done(out);
		*out = (struct http_response){ 0 };
		TRY(worker_server_wait(s, &wait_ms));
	}
}

struct err *worker_server_post(struct worker_server *s, const char *path, struct str body,
			       uint32_t timeout_ms, json_t **out)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	done(http_response) r = { 0 };
	struct http_request q = { .method = "POST",
				  .headers = headers,
				  .has_body = true,
				  .body = body,
				  .timeout_ms = timeout_ms };
	TRY(worker_server_send(s, path, &q, &r));
	if (r.status != 200)
		return worker_server_refusal(&r);
	own_json j = NULL;
	TRY(err_wrap(json_read(str_n(r.body, r.body_len), &j), "the server's answer"));
	if (!json_is_object(j))
		return err_new(ERR_UNAVAILABLE, "the server's answer is no JSON object");
	*out = move(j);
	return NULL;
}

struct err *worker_server_get(struct worker_server *s, const char *path,
			      struct err *(*sink)(void *arg, const void *p, size_t len), void *arg)
{
	done(http_response) r = { 0 };
	struct http_request q = { .method = "GET", .sink = sink, .arg = arg };
	TRY(worker_server_send(s, path, &q, &r));
	return r.status == 200 ? NULL : refusal(&r, true);
}
