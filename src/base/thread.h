/* Threads, locks that end with their block, and a pool for jobs that may block. */
#ifndef KILN_BASE_THREAD_H
#define KILN_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct mutex {
	pthread_mutex_t m;
	pthread_t holder; /* valid while held; for mutex_assert_held() */
	bool held;
};

void mutex_init(struct mutex *m);
void mutex_done(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
void mutex_assert_held(struct mutex *m);

void mutex_release_own(struct mutex **m);
static inline struct mutex *mutex_hold(struct mutex *m)
{
	mutex_lock(m);
	return m;
}
#define THREAD_GLUE_(a, b) a##b
#define THREAD_GLUE(a, b)  THREAD_GLUE_(a, b)
/* Holds the lock to the end of the block. */
#define hold(lock)                                                                     \
	__attribute__((cleanup(mutex_release_own), unused)) struct mutex *THREAD_GLUE( \
		held_, __LINE__) = mutex_hold(lock)

struct cond {
	pthread_cond_t c; /* waits on the monotonic clock */
};
void cond_init(struct cond *c);
void cond_done(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* False when `deadline_mono_ms` passed first. */
bool cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline_mono_ms);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

/* Starts a thread named `name` (at most 15 characters), all signals blocked. Join with
 * pthread_join(). ERR_UNAVAILABLE when the system has no more threads. */
struct err *thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg);

/* A fixed number of threads that run jobs in the order they come. */
struct pool;
struct err *pool_open(const char *name, unsigned n_threads, struct pool **out);
/* Waits for every job that was added. */
void pool_free(struct pool *p);
OWN_DECLARE(pool);
void pool_add(struct pool *p, void (*job)(void *arg), void *arg);

/* Processors that this process may use, at least 1. */
unsigned thread_cpu_count(void);

#endif
