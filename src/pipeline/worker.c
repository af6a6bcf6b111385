/* Workers: who they are, and when they were heard of. */
#include "pipeline/pipeline_priv.h"

#include "base/log.h"
#include "base/random.h"
#include "base/time.h"

struct pipeline_known_worker *pipeline_worker_locked(struct pipeline *p, const char *id)
{
	mutex_assert_held(&p->lock);
	for (struct pipeline_known_worker *w = p->workers; w; w = w->next)
		if (strcmp(w->id, id) == 0)
			return w;
	return NULL;
}

bool pipeline_worker_online_locked(struct pipeline *p, const struct pipeline_known_worker *w)
{
	mutex_assert_held(&p->lock);
	return w->seen_ms && time_mono_ms() - w->seen_ms < 2 * p->lease_ms;
}

static void worker_free(struct pipeline_known_worker *w)
{
	free(w->name);
	free(w->pool);
	free(w->token_id);
	free(w->version);
	free(w);
}

void pipeline_workers_drop(struct pipeline *p)
{
	while (p->workers) {
		struct pipeline_known_worker *w = p->workers;
		p->workers = w->next;
		worker_free(w);
	}
}

/* ---- in the database ---- */

static char *platforms_text(const struct pipeline_worker_platform *v, size_t n)
{
	own_json list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s,s:b}", "platform",
						      oci_platform_text(&v[i].platform).s, "native",
						      (int)v[i].native));
	return json_text(list);
}

static size_t platforms_read(struct str text, struct pipeline_worker_platform *out)
{
	own_json list = NULL;
	size_t n = 0;
	err_free(json_read(text, &list));
	for (size_t i = 0; i < json_array_size(list) && n < 4; i++) {
		json_t *o = json_array_get(list, i);
		struct str name = { NULL, 0 };
		struct err *e = json_get_str(o, "platform", &name);
		if (!e)
			e = json_get_bool(o, "native", &out[n].native);
		if (!e)
			e = oci_platform_parse(name, &out[n].platform);
		n += !e;
		err_free(e);
	}
	return n;
}

struct loading {
	struct pipeline *p;
	struct pipeline_known_worker *list;
};

static bool see_worker(void *arg, struct db_row *r)
{
	struct loading *l = arg;
	struct pipeline_known_worker *w = mem_new(struct pipeline_known_worker);
	pipeline_copy_id(w->id, sizeof(w->id), db_row_text(r, 0));
	w->name = str_dup(db_row_text(r, 1));
	w->token_id = str_dup(db_row_text(r, 2));
	w->pool = str_dup(db_row_text(r, 3));
	w->n_platforms = platforms_read(db_row_text(r, 4), w->platforms);
	w->slots = (uint32_t)db_row_int(r, 5);
	w->version = str_dup(db_row_text(r, 6));
	w->draining = db_row_int(r, 7) != 0;
	w->first_seen_ns = db_row_int(r, 8);
	w->last_seen_ns = db_row_int(r, 9);
	w->embedded = db_row_int(r, 10) != 0;
	/* A restart is no reason to think less of who was here a moment ago. The embedded worker
	 * went with the process. */
	int64_t age_ns = pipeline_now(l->p) - w->last_seen_ns;
	if (!w->embedded && age_ns >= 0 && age_ns < (int64_t)l->p->lease_ms * 2000000)
		w->seen_ms = time_mono_ms();
	w->next = l->list;
	l->list = w;
	return true;
}

#define WORKER_COLUMNS                                                                             \
	"id, name, token_id, pool, platforms, slots, version, draining, first_seen_ns, last_seen_" \
	"ns, embedded"

struct err *pipeline_workers_load(struct pipeline *p)
{
	struct loading l = { .p = p };
	struct err *e = db_query(p->o.db, "SELECT " WORKER_COLUMNS " FROM worker", DB_NO_PARAMS,
				 see_worker, &l);
	p->workers = l.list;
	return e;
}

static struct err *read_back(struct pipeline *p, const char *name,
			     struct pipeline_known_worker **out)
{
	struct loading l = { .p = p };
	TRY(db_query(p->o.db, "SELECT " WORKER_COLUMNS " FROM worker WHERE name = $1",
		     DB_PARAMS(db_cstr(name)), see_worker, &l));
	*out = l.list;
	return *out ? NULL : err_new(ERR_UNAVAILABLE, "worker %s was removed just now", name);
}

/* Takes the place of what was known of the worker. */
static void take_over(struct pipeline *p, struct pipeline_known_worker *w)
{
	hold(&p->lock);
	struct pipeline_known_worker **at = &p->workers;
	while (*at && strcmp((*at)->id, w->id) != 0)
		at = &(*at)->next;
	struct pipeline_known_worker *old = *at;
	w->next = old ? old->next : NULL;
	*at = w;
	w->seen_ms = w->stored_ms = time_mono_ms();
	w->told_draining = false;
	if (old)
		worker_free(old);
	/* Polls from before its start are of a connection that is gone: a lease would be lost. */
	for (struct pipeline_waiting *q = p->waiting; q; q = q->next)
		q->over |= strcmp(q->worker_id, w->id) == 0;
	p->have_work = true;
	cond_signal(&p->work);
}

/* ---- leases of a worker that starts anew, or is sent away ---- */

static size_t leases_of(struct pipeline *p, const char *worker_id, struct arena *a,
			const char ***out)
{
	hold(&p->lock);
	size_t n = 0, cap = 0;
	for (struct pipeline_held_lease *l = p->leases; l; l = l->next)
		cap++;
	*out = arena_new_array(a, cap, const char *);
	for (struct pipeline_held_lease *l = p->leases; l; l = l->next)
		if (strcmp(l->worker_id, worker_id) == 0)
			(*out)[n++] = arena_strdup(a, str_of(l->id));
	return n;
}

static struct err *end_leases(struct pipeline *p, const char *worker_id,
			      enum pipeline_lease_end why)
{
	own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	const char **ids;
	size_t n = leases_of(p, worker_id, a, &ids);
	for (size_t i = 0; i < n; i++)
		TRY(pipeline_lease_end(p, ids[i], why));
	return NULL;
}

/* ---- for others ---- */

static struct err *other_token(const char *name)
{
	return err_coded(ERR_CONFLICT, "WORKER_NAME",
			 "Give the worker another name, or remove the old one.",
			 "a worker named %s is known under another token", name);
}

/* A name belongs to its token: else one worker could take another's leases. An administrator frees
 * it by removing the worker, or by deleting the token. */
static struct err *check_token(struct pipeline *p, const char *name, const char *token_id)
{
	struct loading l = { .p = p };
	TRY(db_query(p->o.db,
		     "SELECT " WORKER_COLUMNS " FROM worker WHERE name = $1"
		     " AND EXISTS (SELECT 1 FROM access_token t WHERE t.id = worker.token_id)",
		     DB_PARAMS(db_cstr(name)), see_worker, &l));
	bool ok = !l.list || strcmp(l.list->token_id, token_id) == 0;
	if (l.list)
		worker_free(l.list);
	return ok ? NULL : other_token(name);
}

struct err *pipeline_worker_register(struct pipeline *p, struct arena *a,
				     const struct pipeline_worker *w, const char *token_id,
				     const char **id)
{
	TRY(check_token(p, w->name, token_id));
	own_mem char *platforms = platforms_text(w->platforms, MIN(w->n_platforms, 4));
	TRY(db_exec(
		p->o.db,
		"INSERT INTO worker (id, name, token_id, pool, platforms, slots, version,"
		" draining, first_seen_ns, last_seen_ns, embedded)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $8, $9) ON CONFLICT (name) DO UPDATE"
		" SET token_id = excluded.token_id, pool = excluded.pool,"
		" platforms = excluded.platforms, slots = excluded.slots,"
		" version = excluded.version, last_seen_ns = excluded.last_seen_ns,"
		" embedded = excluded.embedded",
		DB_PARAMS(db_cstr(random_id("wrk-").s), db_cstr(w->name), db_cstr(token_id),
			  db_cstr(w->pool ? w->pool : ""), db_cstr(platforms), db_int(w->slots),
			  db_cstr(w->version ? w->version : ""), db_int(pipeline_now(p)),
			  db_int(w->embedded))));
	struct pipeline_known_worker *known;
	TRY(read_back(p, w->name, &known));
	*id = arena_strdup(a, str_of(known->id));
	take_over(p, known);
	/* Who registers has just begun, and knows of no lease. */
	return end_leases(p, *id, LEASE_LOST);
}

static uint32_t count_leases_locked(struct pipeline *p, const char *worker_id)
{
	uint32_t n = 0;
	for (struct pipeline_held_lease *l = p->leases; l; l = l->next)
		n += strcmp(l->worker_id, worker_id) == 0;
	return n;
}

static void describe_locked(struct pipeline *p, struct arena *a,
			    const struct pipeline_known_worker *w, struct pipeline_worker *out)
{
	*out = (struct pipeline_worker){
		.id = arena_strdup(a, str_of(w->id)),
		.name = arena_strdup(a, str_of(w->name)),
		.pool = arena_strdup(a, str_of(w->pool)),
		.version = arena_strdup(a, str_of(w->version)),
		.n_platforms = w->n_platforms,
		.slots = w->slots,
		.embedded = w->embedded,
		.draining = w->draining,
		.online = pipeline_worker_online_locked(p, w),
		.n_leases = count_leases_locked(p, w->id),
		.first_seen_ns = w->first_seen_ns,
		.last_seen_ns = w->last_seen_ns,
	};
	memcpy(out->platforms, w->platforms, sizeof(out->platforms));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pipeline_worker *)a)->name,
		      ((const struct pipeline_worker *)b)->name);
}

struct err *pipeline_worker_list(struct pipeline *p, struct arena *a, struct pipeline_worker **out,
				 size_t *n)
{
	size_t count = 0, i = 0;
	{
		hold(&p->lock);
		for (struct pipeline_known_worker *w = p->workers; w; w = w->next)
			count++;
		*out = arena_new_array(a, count, struct pipeline_worker);
		for (struct pipeline_known_worker *w = p->workers; w; w = w->next)
			describe_locked(p, a, w, &(*out)[i++]);
	}
	if (count)
		qsort(*out, count, sizeof(**out), by_name);
	*n = count;
	return NULL;
}

struct err *pipeline_worker_drain(struct pipeline *p, struct str id, bool on, bool *found)
{
	own_mem char *name = str_dup(id);
	*found = false;
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "UPDATE worker SET draining = $2 WHERE id = $1 RETURNING 1",
			DB_PARAMS(db_cstr(name), db_int(on)), pipeline_see_row, found));
	TRY(db_tx_commit(tx));
	hold(&p->lock);
	struct pipeline_known_worker *w = pipeline_worker_locked(p, name);
	if (w)
		w->draining = on;
	p->have_work = true;
	cond_signal(&p->work);
	return NULL;
}

static void forget(struct pipeline *p, const char *id)
{
	hold(&p->lock);
	struct pipeline_known_worker **at = &p->workers;
	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	struct pipeline_known_worker *w = *at;
	if (w) {
		*at = w->next;
		worker_free(w);
	}
	for (struct pipeline_waiting *q = p->waiting; q; q = q->next)
		q->over |= strcmp(q->worker_id, id) == 0;
	p->have_work = true;
	cond_signal(&p->work);
}

/* Its jobs go back to the queue. */
struct err *pipeline_worker_remove(struct pipeline *p, struct str id, bool *found)
{
	own_mem char *name = str_dup(id);
	*found = false;
	{
		own(db_tx) tx = NULL;
		TRY(db_tx_begin(p->o.db, &tx));
		TRY(db_tx_query(tx, "DELETE FROM worker WHERE id = $1 RETURNING 1",
				DB_PARAMS(db_cstr(name)), pipeline_see_row, found));
		TRY(db_tx_commit(tx));
	}
	forget(p, name);
	return end_leases(p, name, LEASE_GIVEN_BACK);
}
