/* POST /hooks/{provider}/{id}: a provider tells that code was pushed.
 *
 * Nobody is logged in here. What costs comes late: whether the source exists is asked before the
 * body is taken, the body is gathered within a bound that all requests share, and it is parsed when
 * its signature was right. A wrong provider and a wrong id look the same. */
#include "api/hooks_priv.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/limits.h"

#define MOST_HEADERS 40

struct hook {
	struct api_call *call;
	struct str headers[MOST_HEADERS]; /* in the order of source_webhook_headers */
	bool has_length;
	uint64_t length;
	struct pipeline_source source;
	struct buf body;
	size_t reserved; /* of `gathered` */
};

static atomic_size_t gathered; /* bytes of all bodies that are in memory now */

static struct str get_header(void *arg, const char *name)
{
	const struct hook *h = arg;
	for (size_t i = 0; source_webhook_headers[i]; i++)
		if (strcmp(source_webhook_headers[i], name) == 0)
			return h->headers[i];
	return (struct str){ NULL, 0 };
}

static struct err *too_large(void)
{
	return err_coded(ERR_LIMIT, "HOOK_LARGE", "kiln finds the push when it looks by itself.",
			 "the payload is longer than %zu MiB", LIMIT_WEBHOOK_BYTES >> 20);
}

static struct err *hook_begin(void *arg)
{
	struct hook *h = arg;
	struct api_call *c = h->call;
	bool found;
	TRY(pipeline_source_get(c->api->o.pipeline, c->arena, c->params[1], &found, &h->source));
	const char *path = found ? source_provider_path(h->source.provider) : NULL;
	if (!path || !str_eq(c->params[0], str_of(path)))
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND",
				 "Take the address from the code source: hookUrl.",
				 "there is no such webhook");
	return h->has_length && h->length > LIMIT_WEBHOOK_BYTES ? too_large() : NULL;
}

static struct err *hook_write(void *arg, const void *p, size_t len)
{
	struct hook *h = arg;
	if (h->body.len + len > LIMIT_WEBHOOK_BYTES)
		return too_large();
	h->reserved += len;
	if (atomic_fetch_add(&gathered, len) + len > LIMIT_WEBHOOK_GATHERED_BYTES)
		return err_coded(ERR_UNAVAILABLE, "BUSY", "Send it again later.",
				 "too many payloads arrive at once");
	buf_add(&h->body, str_n(p, len));
	return NULL;
}

static struct err *handle(struct hook *h, struct http_reply **out)
{
	struct api_call *c = h->call;
	struct source_headers headers = { get_header, h };
	bool duplicate;
	const char *id;
	TRY(pipeline_delivery(c->api->o.pipeline, c->arena, str_of(h->source.id), &headers,
			      buf_str(&h->body), &duplicate, &id));
	bool ping = source_webhook_is_ping(h->source.provider, &headers);
	json_t *j = json_object();
	json_object_set_new(j, "delivery", json_string(id));
	json_object_set_new(j, "duplicate", json_boolean(duplicate));
	*out = api_json(ping ? 200 : 202, j);
	return NULL;
}

static void hook_end(void *arg, struct http_exchange *x, struct err *e)
{
	struct hook *h = arg;
	struct http_reply *reply = NULL;
	if (!e)
		e = handle(h, &reply);
	buf_done(&h->body);
	atomic_fetch_sub(&gathered, h->reserved);
	http_answer(x, e ? api_problem_of(h->call, e) : reply);
}

void api_hook_receive(struct api_call *c)
{
	static const struct http_sink sink = { hook_begin, hook_write, hook_end };
	struct hook *h = arena_new(c->arena, struct hook);
	h->call = c;
	h->has_length = http_exchange_length(c->x, &h->length);
	buf_init(&h->body, LIMIT_WEBHOOK_BYTES);
	for (size_t i = 0; source_webhook_headers[i] && i < MOST_HEADERS; i++) {
		struct str v = http_exchange_header(c->x, source_webhook_headers[i]);
		h->headers[i] = v.p ? arena_str(c->arena, v) : v;
	}
	http_receive(c->x, &sink, h);
}
