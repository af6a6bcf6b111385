/* Who waits for a log. A follower that waits holds a reference to its log. */
#include "pipeline/log_priv.h"

static void unlink_locked(struct log *g, struct pipeline_follower *f)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		g->followers = f->next;
	if (f->next)
		f->next->prev = f->prev;
	f->next = f->prev = NULL;
	f->log = NULL;
}

static size_t wake_locked(struct pipeline_logs *l, struct log *g)
{
	size_t n = 0;
	mutex_assert_held(&l->follow_lock);
	for (struct pipeline_follower *f; (f = g->followers); n++) {
		unlink_locked(g, f);
		f->wake(f);
	}
	return n;
}

void log_follow_wake(struct pipeline_logs *l, struct log *g)
{
	mutex_lock(&l->follow_lock);
	size_t n = wake_locked(l, g);
	mutex_unlock(&l->follow_lock);
	log_put(l, g, n);
}

void pipeline_log_poke(struct pipeline_logs *l, const char *record_id)
{
	struct log *g;
	struct err *e = log_get(l, record_id, &g);
	if (e) {
		err_free(e);
		return;
	}
	mutex_lock(&l->follow_lock);
	g->pokes = ++l->poke_serial;
	size_t n = wake_locked(l, g);
	mutex_unlock(&l->follow_lock);
	log_put(l, g, n + 1);
}

uint64_t pipeline_log_pokes(struct pipeline_logs *l, const char *record_id)
{
	struct log *g;
	struct err *e = log_get(l, record_id, &g);
	if (e) {
		err_free(e);
		return 0;
	}
	mutex_lock(&l->follow_lock);
	uint64_t n = g->pokes;
	mutex_unlock(&l->follow_lock);
	log_put(l, g, 1);
	return n;
}

void pipeline_log_wait(struct pipeline_logs *l, const char *record_id, uint64_t n_lines,
		       uint64_t n_pokes, struct pipeline_follower *f)
{
	struct log *g;
	/* A log that cannot be read now wakes at its next poke. */
	struct err *e = log_enter(l, record_id, &g);
	if (e) {
		err_free(e);
		e = log_get(l, record_id, &g);
	}
	if (e) {
		err_free(e);
		return;
	}
	mutex_lock(&l->follow_lock);
	bool now = atomic_load(&g->n_lines) > n_lines || g->pokes != n_pokes;
	if (now) {
		f->log = NULL;
		f->wake(f);
	} else {
		f->log = g;
		f->prev = NULL;
		f->next = g->followers;
		if (f->next)
			f->next->prev = f;
		g->followers = f;
	}
	mutex_unlock(&l->follow_lock);
	log_put(l, g, now);
}

void pipeline_log_forget(struct pipeline_logs *l, struct pipeline_follower *f)
{
	mutex_lock(&l->follow_lock);
	struct log *g = f->log;
	if (g)
		unlink_locked(g, f);
	mutex_unlock(&l->follow_lock);
	log_put(l, g, 1);
}
