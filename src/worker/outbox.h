/* Events on their way to the server: numbered, kept until they are acknowledged, sent in batches.
 *
 * One thread adds, one sends. */
#ifndef KILN_WORKER_OUTBOX_H
#define KILN_WORKER_OUTBOX_H

#include "base/str.h"
#include "base/thread.h"

#define OUTBOX_BATCH_EVENTS 1000
#define OUTBOX_BATCH_BYTES  ((size_t)1000 << 10) /* with what is around it below 1 MiB */
#define OUTBOX_EVENT_BYTES  ((size_t)512 << 10)  /* one event */
#define OUTBOX_FULL_BYTES   ((size_t)64 << 20)
#define OUTBOX_EVERY_MS     25 /* between batches, unless they are full */

struct outbox_event;

struct outbox {
	struct mutex lock; /* guards all below */
	struct cond changed;
	struct outbox_event *first, *last; /* owned */
	uint64_t first_seq;                /* number of the first event */
	size_t n, bytes;
	bool closed;  /* no more will be added */
	bool dropped; /* nobody wants them any more */
};

void outbox_init(struct outbox *o);
void outbox_done(struct outbox *o);
/* One event as JSON, at most OUTBOX_EVENT_BYTES. */
void outbox_add(struct outbox *o, struct str json);
bool outbox_full(struct outbox *o);
void outbox_close(struct outbox *o);
/* Forgets what waits and what comes. */
void outbox_drop(struct outbox *o);
/* Waits for something to send, until `not_before_ms` (monotonic) unless a batch is full. False when
 * nothing will come any more. */
bool outbox_wait(struct outbox *o, uint64_t not_before_ms);
/* The body of the next request: {"seq":17,"events":[…]}; the caller frees it. */
char *outbox_batch(struct outbox *o, size_t *len);
/* The server awaits number `next`. False when that was given away already, or was never there. */
bool outbox_acknowledge(struct outbox *o, uint64_t next);

#endif
