#include "pipeline/pipeline_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "pipeline/retention_priv.h"

#define GRACE_S 10

static bool see_finished(void *arg, struct db_row *r)
{
	own_mem char *id = str_dup(db_row_text(r, 0));
	pipeline_finish_add(arg, id);
	return true;
}

/* Records that were about to be published, or to fail, when the former process ended. */
static struct err *take_up_finished(struct pipeline *p)
{
	return db_query(p->o.db,
			"SELECT r.id FROM build_record r WHERE r.status IN ('PENDING', 'BUILDING')"
			" AND NOT EXISTS (SELECT 1 FROM build_job j WHERE j.record_id = r.id"
			" AND j.state IN ('queued', 'running', 'pushing')) ORDER BY r.seq",
			DB_NO_PARAMS, see_finished, p);
}

static struct err *start_threads(struct pipeline *p)
{
	static void *(*const runs[])(void *) = { pipeline_dispatcher, pipeline_watcher,
						 pipeline_finisher, pipeline_poller,
						 pipeline_scheduler, pipeline_sweeper };
	static const char *const names[] = { "pipeline-queue", "pipeline-watch", "pipeline-end",
					     "pipeline-poll",  "pipeline-time",  "pipeline-sweep" };
	pthread_t *threads[] = { &p->dispatcher, &p->watcher,   &p->finisher,
				 &p->poller,     &p->scheduler, &p->sweeper };
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		TRY(thread_start(threads[i], names[i], runs[i], p));
		p->n_threads++;
	}
	return NULL;
}

static struct pipeline *pipeline_new(const struct pipeline_options *o)
{
	struct pipeline *p = mem_new(struct pipeline);
	p->o = *o;
	p->lease_ms = (uint64_t)(o->lease_s ? o->lease_s : LIMIT_LEASE_S) * 1000;
	p->grace_ms = (uint64_t)(o->grace_s ? o->grace_s : GRACE_S) * 1000;
	mutex_init(&p->lock);
	cond_init(&p->work);
	cond_init(&p->watch);
	cond_init(&p->finish);
	cond_init(&p->poll);
	cond_init(&p->looked);
	cond_init(&p->schedule);
	cond_init(&p->sweep);
	return p;
}

uint32_t pipeline_lease_s(const struct pipeline *p)
{
	return (uint32_t)(p->lease_ms / 1000);
}

uint32_t pipeline_grace_s(const struct pipeline *p)
{
	return (uint32_t)(p->grace_ms / 1000);
}

struct err *pipeline_open(const struct pipeline_options *o, struct pipeline **out)
{
	own(pipeline) p = pipeline_new(o);
	TRY(pool_open("pipeline-look", PIPELINE_LOOKERS, &p->lookers));
	TRY(pipeline_workers_load(p));
	TRY(pipeline_leases_load(p));
	TRY(take_up_finished(p));
	TRY(start_threads(p));
	*out = move(p);
	return NULL;
}

void pipeline_stop(struct pipeline *p)
{
	hold(&p->lock);
	p->stopping = true;
	cond_signal(&p->work);
}

static void close_threads(struct pipeline *p)
{
	pthread_t threads[] = { p->dispatcher, p->watcher,   p->finisher,
				p->poller,     p->scheduler, p->sweeper };
	{
		hold(&p->lock);
		p->stopping = p->closing = true;
		cond_broadcast(&p->work);
		cond_broadcast(&p->watch);
		cond_broadcast(&p->finish);
		cond_broadcast(&p->poll);
		cond_broadcast(&p->schedule);
		cond_broadcast(&p->sweep);
	}
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(threads[i], NULL);
	pool_free(p->lookers);
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	close_threads(p);
	pipeline_workers_drop(p);
	pipeline_leases_drop(p);
	while (p->finishing) {
		struct pipeline_finishing *f = p->finishing;
		p->finishing = f->next;
		free(f);
	}
	while (p->looking) {
		struct pipeline_looking *l = p->looking;
		p->looking = l->next;
		free(l);
	}
	cond_done(&p->work);
	cond_done(&p->watch);
	cond_done(&p->finish);
	cond_done(&p->poll);
	cond_done(&p->looked);
	cond_done(&p->schedule);
	cond_done(&p->sweep);
	mutex_done(&p->lock);
	free(p);
}
