#include "pipeline/pipeline_priv.h"

#include <assert.h>
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

static const struct {
	const char *name;
	void *(*run)(void *arg);
} threads[] = {
	{ "pipeline-queue", pipeline_dispatcher }, { "pipeline-watch", pipeline_watcher },
	{ "pipeline-end", pipeline_finisher },     { "pipeline-poll", pipeline_poller },
	{ "pipeline-time", pipeline_scheduler },   { "pipeline-sweep", pipeline_sweeper },
	{ "pipeline-tell", pipeline_teller },      { "pipeline-base", pipeline_base_watcher },
};
static_assert(ARRAY_LEN(threads) == PIPELINE_THREADS, "each has its place");

static struct err *start_threads(struct pipeline *p)
{
	for (; p->n_threads < ARRAY_LEN(threads); p->n_threads++)
		TRY(thread_start(&p->threads[p->n_threads], threads[p->n_threads].name,
				 threads[p->n_threads].run, p));
	return NULL;
}

static void each_cond(struct pipeline *p, void (*f)(struct cond *c))
{
	struct cond *const conds[] = { &p->work,     &p->watch, &p->finish, &p->poll, &p->looked,
				       &p->schedule, &p->sweep, &p->tell,   &p->told, &p->bases };
	for (size_t i = 0; i < ARRAY_LEN(conds); i++)
		f(conds[i]);
}

static struct pipeline *pipeline_new(const struct pipeline_options *o)
{
	struct pipeline *p = mem_new(struct pipeline);
	p->o = *o;
	p->lease_ms = (uint64_t)(o->lease_s ? o->lease_s : LIMIT_LEASE_S) * 1000;
	p->base_interval_s = o->base_interval_s;
	p->grace_ms = (uint64_t)(o->grace_s ? o->grace_s : GRACE_S) * 1000;
	mutex_init(&p->lock);
	each_cond(p, cond_init);
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
	TRY(pool_open("pipeline-ask", PIPELINE_ASKERS, &p->askers));
	TRY(pipeline_tell_open(p));
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
	cond_broadcast(&p->told);
	cond_broadcast(&p->bases);
}

bool pipeline_is_closing(void *arg)
{
	struct pipeline *p = arg;
	hold(&p->lock);
	return p->closing;
}

static void close_threads(struct pipeline *p)
{
	{
		hold(&p->lock);
		p->stopping = p->closing = true;
		each_cond(p, cond_broadcast);
	}
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	pool_free(p->lookers);
	pool_free(p->askers);
	pipeline_tell_close(p);
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
	each_cond(p, cond_done);
	mutex_done(&p->lock);
	free(p);
}
