#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "worker/jobs.h"
#include "worker/worker_priv.h"

#define POLL_S         20
#define POLL_MARGIN_MS 15000
#define REGISTER_MS    15000
#define LEAST_WAIT_MS  200
#define MOST_WAIT_MS   5000
#define REQUEST_BYTES  ((size_t)256 << 10)

/* --- signals -------------------------------------------------------------------------------- */

static void signals_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1); /* ours: the thread ends */
}

static void on_signal(struct worker *w)
{
	hold(&w->lock);
	if (w->draining || w->o->embedded) {
		w->at_once = true;
		for (struct lease *l = w->leases; l; l = lease_next(l))
			lease_kill_locked(l);
	} else {
		log_info("draining", log_u64("leases", w->n_leases));
	}
	w->draining = true;
	cond_broadcast(&w->changed);
}

static void *watch_signals(void *arg)
{
	struct worker *w = arg;
	sigset_t set;
	int signo;
	signals_set(&set);
	for (;;) {
		if (sigwait(&set, &signo) != 0)
			continue;
		if (signo == SIGUSR1)
			return NULL;
		on_signal(w);
	}
}

/* --- polling -------------------------------------------------------------------------------- */

static size_t free_slots_locked(const struct worker *w)
{
	return w->draining || w->n_leases >= w->o->slots ? 0 : w->o->slots - w->n_leases;
}

static bool over_locked(const struct worker *w)
{
	return w->at_once || (w->draining && !w->n_leases);
}

/* An open poll ends when it tells of no free slot while there is one: no lease can be on its way
 * then. It also ends when it tells of free slots and the worker drains; a lease that is on its way
 * is not named by the next poll, so that the server gives it to another. */
static bool poll_is_stale(void *arg)
{
	struct worker *w = arg;
	hold(&w->lock);
	if (w->leaving)
		return w->at_once;
	if (over_locked(w))
		return true;
	return w->polling &&
	       (w->draining ? w->poll_free > 0 : !w->poll_free && free_slots_locked(w));
}

static char *poll_body(struct worker *w, const char *id, size_t *len)
{
	struct buf b;
	buf_init(&b, REQUEST_BYTES);
	hold(&w->lock);
	w->poll_free = free_slots_locked(w);
	w->polling = true;
	buf_printf(&b, "{\"workerId\":\"%s\",\"free\":%zu,\"leases\":[", id, w->poll_free);
	for (struct lease *l = w->leases; l; l = lease_next(l))
		buf_printf(&b, "%s\"%s\"", l == w->leases ? "" : ",", lease_id(l));
	buf_printf(&b, "],\"waitSeconds\":%u}", w->leaving ? 0 : w->poll_s);
	*len = b.len;
	return buf_steal(&b);
}

static void cancel_leases(struct worker *w, json_t *ids)
{
	size_t i;
	json_t *v;
	hold(&w->lock);
	json_array_foreach(ids, i, v)
	{
		struct str id = str_of(json_string_value(v));
		for (struct lease *l = w->leases; l; l = lease_next(l))
			if (str_eq(id, str_of(lease_id(l))))
				lease_cancel_locked(l);
	}
}

/* A lease may be offered twice, when an answer was lost. One that comes while the worker drains is
 * left alone: the next poll does not name it. */
static bool leaves_alone(struct worker *w, json_t *job)
{
	struct str id = STR("");
	err_free(json_get_str(job, "id", &id));
	hold(&w->lock);
	if (w->draining)
		return true;
	for (struct lease *l = w->leases; l; l = lease_next(l))
		if (str_eq(id, str_of(lease_id(l))))
			return true;
	return false;
}

static struct err *take_answer(struct worker *w, json_t *answer)
{
	json_t *leases = NULL, *cancel = NULL, *v;
	size_t i;
	TRY(json_get_array(answer, "leases", &leases));
	TRY(json_get_array(answer, "cancel", &cancel));
	cancel_leases(w, cancel);
	json_array_foreach(leases, i, v)
	{
		if (leaves_alone(w, v))
			continue;
		struct err *e = lease_start(w, v);
		if (e)
			log_err(LOG_LEVEL_ERROR, "a lease was not begun", e);
	}
	return NULL;
}

static struct err *poll_once(struct worker *w, const char *id)
{
	size_t len;
	own_mem char *body = poll_body(w, id, &len);
	own_json answer = NULL;
	struct err *e =
		worker_server_post(w->poller, "/poll", str_n(body, len),
				   (w->leaving ? 0 : w->poll_s * 1000) + POLL_MARGIN_MS, &answer);
	mutex_lock(&w->lock);
	w->polling = false;
	mutex_unlock(&w->lock);
	return e ? e : take_answer(w, answer);
}

/* --- registering ---------------------------------------------------------------------------- */

static char *register_body(const struct worker_options *o)
{
	own_json j = json_object();
	json_object_set_new(j, "name", json_string(o->name));
	json_object_set_new(j, "version", json_string(o->version));
	json_object_set_new(j, "slots", json_integer(o->slots));
	json_object_set_new(j, "embedded", json_boolean(o->embedded));
	json_t *list = json_array();
	for (size_t i = 0; i < o->n_platforms; i++) {
		json_t *p = json_object();
		json_object_set_new(p, "platform",
				    json_string(oci_platform_text(&o->platforms[i].platform).s));
		json_object_set_new(p, "native", json_boolean(o->platforms[i].native));
		json_array_append_new(list, p);
	}
	json_object_set_new(j, "platforms", list);
	return json_text(j);
}

static struct err *register_once(struct worker *w, char **id)
{
	own_mem char *body = register_body(w->o);
	own_json answer = NULL;
	struct str text = STR("");
	uint64_t grace_s = 10, lease_s = 30;
	TRY(worker_server_post(w->poller, "/register", str_of(body), REGISTER_MS, &answer));
	TRY(json_get_str(answer, "workerId", &text));
	TRY(json_get_u64(answer, "graceSeconds", 3600, &grace_s));
	TRY(json_get_u64(answer, "leaseSeconds", 3600, &lease_s));
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == '"' || text.p[i] == '\\')
			return err_new(ERR_INVALID, "the server gives a strange id");
	hold(&w->lock);
	w->grace_ms = (uint32_t)grace_s * 1000;
	/* A lease is renewed by the poll that follows. */
	w->poll_s = (uint32_t)MAX(1, MIN(lease_s / 2, POLL_S));
	free(*id);
	*id = str_dup(text);
	log_info("registered", log_str("worker", *id), log_str("name", w->o->name));
	return NULL;
}

/* --- the loop ------------------------------------------------------------------------------- */

static bool is_over(struct worker *w)
{
	hold(&w->lock);
	return over_locked(w);
}

static void pause_ms(struct worker *w, uint64_t ms)
{
	uint64_t until = time_mono_ms() + ms;
	hold(&w->lock);
	while (!over_locked(w) && cond_wait_until(&w->changed, &w->lock, until))
		;
}

static bool is_unknown(const struct err *e)
{
	const char *code = err_code(e);
	return code && strcmp(code, "WORKER_UNKNOWN") == 0;
}

/* `*id` NULL: not registered. An error is what ends the worker. */
static struct err *step(struct worker *w, char **id, bool *ever, uint64_t *wait)
{
	struct err *e = *id ? poll_once(w, *id) : register_once(w, id);
	if (!e) {
		*ever = true;
		*wait = LEAST_WAIT_MS;
		return NULL;
	}
	if (e->kind == ERR_CANCELED) { /* the poll was stale */
		err_free(e);
		return NULL;
	}
	if (is_unknown(e)) {
		err_free(e);
		free(move(*id));
		return NULL;
	}
	if (!*ever && e->kind == ERR_DENIED)
		return err_wrap(e, "register at %s", w->o->server);
	log_err(LOG_LEVEL_WARN, *id ? "poll failed" : "not registered yet",
		err_wrap(e, "%s", w->o->server));
	pause_ms(w, *wait);
	*wait = MIN(2 * *wait, (uint64_t)MOST_WAIT_MS);
	return NULL;
}

/* A last poll without leases: a job that was on its way need not wait until its lease runs out. */
static void say_goodbye(struct worker *w, const char *id)
{
	mutex_lock(&w->lock);
	w->leaving = true;
	mutex_unlock(&w->lock);
	err_free(poll_once(w, id));
}

static struct err *loop(struct worker *w)
{
	own_mem char *id = NULL;
	uint64_t wait = LEAST_WAIT_MS;
	bool ever = false;
	while (!is_over(w))
		TRY(step(w, &id, &ever, &wait));
	if (id)
		say_goodbye(w, id);
	return NULL;
}

static void wait_for_leases(struct worker *w)
{
	hold(&w->lock);
	while (w->n_leases)
		cond_wait(&w->changed, &w->lock);
}

static struct err *run(struct worker *w)
{
	const struct worker_options *o = w->o;
	TRY(worker_server_open(o->server, o->token, poll_is_stale, w, &w->poller));
	TRY(worker_server_open(o->server, o->token, NULL, NULL, &w->server));
	pthread_t signals;
	TRY(thread_start(&signals, "signals", watch_signals, w));
	struct err *e = loop(w);
	wait_for_leases(w);
	pthread_kill(signals, SIGUSR1);
	pthread_join(signals, NULL);
	return e;
}

void worker_sweep(const struct worker *w)
{
	size_t n;
	struct err *e = worker_jobs_sweep(w->o->data_path, &n);
	if (e)
		log_err(LOG_LEVEL_WARN, "build contexts that were left are not removed", e);
	else if (n)
		log_info("removed build contexts that were left", log_u64("builds", n));
}

struct err *worker_run(const struct worker_options *o)
{
	struct worker w = { .o = o, .grace_ms = 10000, .poll_s = POLL_S };
	sigset_t set;
	signals_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	mutex_init(&w.lock);
	cond_init(&w.changed);
	worker_sweep(&w);
	struct err *e = run(&w);
	worker_server_free(w.poller);
	worker_server_free(w.server);
	cond_done(&w.changed);
	mutex_done(&w.lock);
	return e;
}
