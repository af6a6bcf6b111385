#include "worker/outbox.h"

#include <assert.h>
#include <stdlib.h>

#include "base/time.h"

struct outbox_event {
	struct outbox_event *next;
	size_t len;
	char json[];
};

void outbox_init(struct outbox *o)
{
	*o = (struct outbox){ .first = NULL };
	mutex_init(&o->lock);
	cond_init(&o->changed);
}

static void clear_locked(struct outbox *o)
{
	while (o->first) {
		struct outbox_event *next = o->first->next;
		free(o->first);
		o->first = next;
	}
	o->last = NULL;
	o->first_seq += o->n;
	o->n = o->bytes = 0;
}

void outbox_done(struct outbox *o)
{
	clear_locked(o);
	cond_done(&o->changed);
	mutex_done(&o->lock);
}

void outbox_add(struct outbox *o, struct str json)
{
	assert(json.len <= OUTBOX_EVENT_BYTES);
	struct outbox_event *e = mem_zalloc(sizeof(*e) + json.len);
	e->len = json.len;
	memcpy(e->json, json.p, json.len);
	hold(&o->lock);
	if (o->dropped) {
		free(e);
		return;
	}
	if (o->last)
		o->last->next = e;
	else
		o->first = e;
	o->last = e;
	o->n++;
	o->bytes += json.len;
	if (o->n == 1 || o->n >= OUTBOX_BATCH_EVENTS || o->bytes >= OUTBOX_BATCH_BYTES)
		cond_broadcast(&o->changed);
}

bool outbox_full(struct outbox *o)
{
	hold(&o->lock);
	return o->bytes >= OUTBOX_FULL_BYTES;
}

void outbox_close(struct outbox *o)
{
	hold(&o->lock);
	o->closed = true;
	cond_broadcast(&o->changed);
}

void outbox_drop(struct outbox *o)
{
	hold(&o->lock);
	clear_locked(o);
	o->dropped = true;
	cond_broadcast(&o->changed);
}

static bool ready_locked(const struct outbox *o)
{
	return o->closed || o->dropped || o->n >= OUTBOX_BATCH_EVENTS ||
	       o->bytes >= OUTBOX_BATCH_BYTES;
}

bool outbox_wait(struct outbox *o, uint64_t not_before_ms)
{
	hold(&o->lock);
	while (!o->n && !o->closed && !o->dropped)
		cond_wait(&o->changed, &o->lock);
	while (!ready_locked(o) && time_mono_ms() < not_before_ms)
		cond_wait_until(&o->changed, &o->lock, not_before_ms);
	return o->n > 0;
}

char *outbox_batch(struct outbox *o, size_t *len)
{
	struct buf b;
	buf_init(&b, OUTBOX_BATCH_BYTES + OUTBOX_BATCH_EVENTS + 64);
	hold(&o->lock);
	buf_printf(&b, "{\"seq\":%llu,\"events\":[", (unsigned long long)o->first_seq);
	size_t n = 0, bytes = 0;
	for (struct outbox_event *e = o->first; e && n < OUTBOX_BATCH_EVENTS; e = e->next, n++) {
		bytes += e->len;
		if (bytes > OUTBOX_BATCH_BYTES)
			break;
		if (n)
			buf_add_c(&b, ',');
		buf_add(&b, str_n(e->json, e->len));
	}
	buf_add(&b, STR("]}"));
	*len = b.len;
	return buf_steal(&b);
}

bool outbox_acknowledge(struct outbox *o, uint64_t next)
{
	hold(&o->lock);
	if (o->dropped)
		return true;
	if (next < o->first_seq || next > o->first_seq + o->n)
		return false;
	while (o->first_seq < next) {
		struct outbox_event *e = o->first;
		o->first = e->next;
		o->bytes -= e->len;
		o->n--;
		o->first_seq++;
		free(e);
	}
	if (!o->first)
		o->last = NULL;
	cond_broadcast(&o->changed);
	return true;
}
