/* What follows from a transaction, once it is committed: lines of the log, wake-ups, and the leases
 * in memory. If the process dies before it, pipeline_open() finds all that matters in the database;
 * only the lines are gone. */
#include "pipeline/pipeline_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/time.h"

struct pipeline_after_item {
	enum { AFTER_POKE, AFTER_SAY, AFTER_CANCEL, AFTER_END, AFTER_FINISH, AFTER_CLOSE } kind;
	const char *id, *text;
	int n; /* platform, or how to cancel */
	struct pipeline_after_item *next;
};

void pipeline_after_init(struct pipeline_after *f, struct pipeline *p, struct arena *a)
{
	*f = (struct pipeline_after){ .p = p, .a = a };
	f->last = &f->first;
}

static void add(struct pipeline_after *f, struct pipeline_after_item item)
{
	struct pipeline_after_item *i = arena_new(f->a, struct pipeline_after_item);
	*i = item;
	i->id = arena_strdup(f->a, str_of(item.id));
	*f->last = i;
	f->last = &i->next;
}

void pipeline_after_poke(struct pipeline_after *f, const char *record_id)
{
	add(f, (struct pipeline_after_item){ .kind = AFTER_POKE, .id = record_id });
}

void pipeline_after_say(struct pipeline_after *f, const char *record_id, int platform,
			const char *fmt, ...)
{
	char text[2048];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	add(f, (struct pipeline_after_item){ .kind = AFTER_SAY,
					     .id = record_id,
					     .text = arena_strdup(f->a, str_of(text)),
					     .n = platform + 1 });
}

void pipeline_after_cancel(struct pipeline_after *f, const char *lease_id, int how)
{
	add(f, (struct pipeline_after_item){ .kind = AFTER_CANCEL, .id = lease_id, .n = how });
}

void pipeline_after_end(struct pipeline_after *f, const char *lease_id)
{
	add(f, (struct pipeline_after_item){ .kind = AFTER_END, .id = lease_id });
}

void pipeline_after_finish(struct pipeline_after *f, const char *record_id)
{
	add(f, (struct pipeline_after_item){ .kind = AFTER_FINISH, .id = record_id });
}

void pipeline_after_close(struct pipeline_after *f, const char *record_id)
{
	add(f, (struct pipeline_after_item){ .kind = AFTER_CLOSE, .id = record_id });
}

static void say(struct pipeline *p, const struct pipeline_after_item *i)
{
	struct pipeline_line line = { .time_ms = pipeline_now(p) / 1000000,
				      .platform = (uint8_t)i->n,
				      .stream = PIPELINE_SYSTEM,
				      .text = str_of(i->text) };
	struct err *e = pipeline_log_append(p->o.logs, i->id, &line, 1);
	if (e)
		log_err(LOG_LEVEL_WARN, "a line of a build's log is lost", e);
}

static void cancel(struct pipeline *p, const struct pipeline_after_item *i)
{
	hold(&p->lock);
	struct pipeline_held_lease *l = pipeline_lease_locked(p, i->id);
	if (!l || l->cancel)
		return;
	l->cancel = (enum pipeline_lease_cancel)i->n;
	l->stop_ms = time_mono_ms() + p->grace_ms + p->lease_ms;
	p->have_work = true;
	cond_signal(&p->work);
	cond_signal(&p->watch);
}

static void run(struct pipeline *p, const struct pipeline_after_item *i)
{
	switch (i->kind) {
	case AFTER_POKE:
		pipeline_log_poke(p->o.logs, i->id);
		pipeline_wake(p);
		if (__atomic_exchange_n(&p->have_news, false, __ATOMIC_ACQUIRE))
			pipeline_tell_wake(p);
		return;
	case AFTER_SAY:
		say(p, i);
		return;
	case AFTER_CANCEL:
		cancel(p, i);
		return;
	case AFTER_END: {
		hold(&p->lock);
		pipeline_lease_drop_locked(p, i->id);
		return;
	}
	case AFTER_FINISH:
		pipeline_finish_add(p, i->id);
		return;
	case AFTER_CLOSE: {
		struct err *e = pipeline_log_close(p->o.logs, i->id);
		if (e)
			log_err(LOG_LEVEL_WARN, "a build's log stays unpacked", e);
		return;
	}
	}
}

void pipeline_after_run(struct pipeline_after *f)
{
	for (struct pipeline_after_item *i = f->first; i; i = i->next)
		run(f->p, i);
	pipeline_after_init(f, f->p, f->a);
}
