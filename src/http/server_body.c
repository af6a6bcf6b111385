/* Bodies from the poll thread to a sink on the pool.
 *
 * There are two buffers: the poll thread fills one while a job writes the other. When both are full
 * the connection is suspended until the job is through. The poll thread owns `fill` until it set
 * `last`; then the job does. */
#include <stdlib.h>

#include "http/server_priv.h"

#define BODY_BUFFER_BYTES ((size_t)256 << 10)

void http_body_done(struct body *b)
{
	free(b->fill);
	free(b->drain);
	err_free(b->cut_off);
}

static struct err *write_drain(struct body *b)
{
	if (!b->begun && b->sink->begin)
		TRY(b->sink->begin(b->arg));
	b->begun = true;
	size_t n = b->n_drain;
	b->n_drain = 0;
	return n ? b->sink->write(b->arg, b->drain, n) : NULL;
}

static void swap_locked(struct http_exchange *x)
{
	struct body *b = &x->body;
	mutex_assert_held(&x->lock);
	char *p = b->drain;
	size_t cap = b->cap_drain;
	b->drain = b->fill;
	b->cap_drain = b->cap_fill;
	b->n_drain = b->n_fill;
	b->drain_last = b->last;
	b->fill = p;
	b->cap_fill = cap;
	b->n_fill = 0;
}

static void end_body(struct http_exchange *x, struct err *e)
{
	struct body *b = &x->body;
	if (b->drain_last)
		err_keep(&e, move(b->cut_off));
	mutex_lock(&x->lock);
	x->ended = true;
	mutex_unlock(&x->lock);
	b->sink->end(b->arg, x, e);
}

static void body_job(void *arg)
{
	struct http_exchange *x = arg;
	struct body *b = &x->body;
	for (;;) {
		struct err *e = write_drain(b);
		if (e || b->drain_last) {
			end_body(x, e);
			break;
		}
		mutex_lock(&x->lock);
		if (!b->last) { /* whoever sets it now starts the next job */
			http_exchange_job_end_unlock(x);
			return;
		}
		swap_locked(x);
		mutex_unlock(&x->lock);
	}
	mutex_lock(&x->lock);
	http_exchange_job_end_unlock(x);
}

/* Hands the filled buffer to a job unless one is at it. */
static bool start(struct http_exchange *x)
{
	mutex_lock(&x->lock);
	bool free_to_go = !x->jobs && !x->ended;
	if (free_to_go) {
		swap_locked(x);
		http_exchange_job_added_locked(x);
	}
	mutex_unlock(&x->lock);
	if (free_to_go)
		pool_add(x->server->o.pool, body_job, x);
	return free_to_go;
}

static void make_room(struct http_exchange *x)
{
	struct body *b = &x->body;
	if (b->fill)
		return;
	b->cap_fill = BODY_BUFFER_BYTES;
	if (!x->chunked && x->length < BODY_BUFFER_BYTES)
		b->cap_fill = x->length;
	b->fill = mem_zalloc(b->cap_fill);
}

static bool nobody_reads(struct http_exchange *x)
{
	if (!x->body.sink)
		return true;
	hold(&x->lock);
	return x->ended;
}

/* False when a job finished in between, so that there is room. */
static bool wait_for_room(struct http_exchange *x)
{
	hold(&x->lock);
	if (!x->jobs || x->ended)
		return false;
	http_exchange_suspend_locked(x);
	return true;
}

bool http_body_take(struct http_exchange *x, const char *data, size_t *size)
{
	struct body *b = &x->body;
	while (*size) {
		if (nobody_reads(x)) {
			b->n_dropped += *size;
			*size = 0;
			return b->n_dropped <= HTTP_DROP_BYTES;
		}
		make_room(x);
		size_t n = MIN(*size, b->cap_fill - b->n_fill);
		memcpy(b->fill + b->n_fill, data, n);
		b->n_fill += n;
		data += n;
		*size -= n;
		bool full = b->n_fill == b->cap_fill;
		/* Suspending is allowed only with bytes left: libmicrohttpd would bring the next
		 * chunk of a chunked body to a suspended connection. */
		if (full && !start(x) && *size && wait_for_room(x))
			return true;
	}
	return true;
}

void http_body_finish(struct http_exchange *x, struct err *cut_off)
{
	struct body *b = &x->body;
	if (!b->sink || b->last) {
		err_free(cut_off);
		return;
	}
	mutex_lock(&x->lock);
	b->last = true;
	b->cut_off = cut_off;
	mutex_unlock(&x->lock);
	(void)start(x); /* or the job that runs goes on with it */
}
