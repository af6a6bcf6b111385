#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

void mutex_init(struct mutex *m)
{
	*m = (struct mutex){ .held = false };
	pthread_mutex_init(&m->m, NULL);
}

void mutex_done(struct mutex *m)
{
	pthread_mutex_destroy(&m->m);
}

void mutex_lock(struct mutex *m)
{
	int r = pthread_mutex_lock(&m->m);
	assert(r == 0);
	m->holder = pthread_self();
	m->held = true;
}

void mutex_unlock(struct mutex *m)
{
	mutex_assert_held(m);
	m->held = false;
	pthread_mutex_unlock(&m->m);
}

void mutex_assert_held(struct mutex *m)
{
	assert(m->held && pthread_equal(m->holder, pthread_self()));
}

void mutex_release_own(struct mutex **m)
{
	mutex_unlock(*m);
}

void cond_init(struct cond *c)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->c, &attr);
	pthread_condattr_destroy(&attr);
}

void cond_done(struct cond *c)
{
	pthread_cond_destroy(&c->c);
}

void cond_wait(struct cond *c, struct mutex *m)
{
	mutex_assert_held(m);
	m->held = false;
	pthread_cond_wait(&c->c, &m->m);
	m->holder = pthread_self();
	m->held = true;
}

bool cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline_mono_ms)
{
	struct timespec at = { .tv_sec = (time_t)(deadline_mono_ms / 1000),
			       .tv_nsec = (long)(deadline_mono_ms % 1000) * 1000000 };
	mutex_assert_held(m);
	m->held = false;
	int r = pthread_cond_timedwait(&c->c, &m->m, &at);
	m->holder = pthread_self();
	m->held = true;
	return r != ETIMEDOUT;
}

void cond_signal(struct cond *c)
{
	pthread_cond_signal(&c->c);
}

void cond_broadcast(struct cond *c)
{
	pthread_cond_broadcast(&c->c);
}

struct err *thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(t, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return err_from_errno(r, "start thread %s", name);
	pthread_setname_np(*t, name);
	return NULL;
}

struct job {
	void (*run)(void *);
	void *arg;
	struct job *next;
};

struct pool {
	pthread_t *threads; /* owned */
	unsigned n_threads;
	struct mutex lock; /* guards all below */
	struct cond more;
	struct job *first, **last;
	bool closing;
};

static void *pool_run(void *arg)
{
	struct pool *p = arg;
	for (;;) {
		mutex_lock(&p->lock);
		while (!p->first && !p->closing)
			cond_wait(&p->more, &p->lock);
		struct job *j = p->first;
		if (j) {
			p->first = j->next;
			if (!p->first)
				p->last = &p->first;
		}
		mutex_unlock(&p->lock);
		if (!j)
			return NULL;
		j->run(j->arg);
		free(j);
	}
}

struct err *pool_open(const char *name, unsigned n_threads, struct pool **out)
{
	own(pool) p = mem_new(struct pool);
	mutex_init(&p->lock);
	cond_init(&p->more);
	p->last = &p->first;
	p->threads = mem_new_array(n_threads, pthread_t);
	for (unsigned i = 0; i < n_threads; i++) {
		TRY(thread_start(&p->threads[i], name, pool_run, p));
		p->n_threads++;
	}
	*out = move(p);
	return NULL;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	mutex_lock(&p->lock);
	p->closing = true;
	cond_broadcast(&p->more);
	mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	free(p->threads);
	cond_done(&p->more);
	mutex_done(&p->lock);
	free(p);
}

void pool_add(struct pool *p, void (*run)(void *arg), void *arg)
{
	struct job *j = mem_new(struct job);
	*j = (struct job){ .run = run, .arg = arg };
	hold(&p->lock);
	*p->last = j;
	p->last = &j->next;
	cond_signal(&p->more);
}

unsigned thread_cpu_count(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}
