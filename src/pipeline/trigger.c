/* Changes of code: the refs of a source are compared with those that were seen last.
 *
 * Looks at one source come one after the other, so what was read before the transaction still
 * stands in it; matching and asking the remote happen outside of it. The transaction stores the
 * refs and makes the records of all rules, or nothing of both: a change that was seen has its
 * builds, and one that was not will be seen again. The first look at a remote only takes notes;
 * our own remote has no past, so its first push is built. Deleted refs drop out; what was queued
 * for them goes on. */
#include "pipeline/trigger_priv.h"

#include <stdlib.h>

#include "base/log.h"

#define LOOK_TRIES 3 /* when a repository is deleted under it */

/* ---- refs ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct source_ref *)a)->name, ((const struct source_ref *)b)->name);
}

struct refs {
	struct arena *a;
	struct source_ref *v; /* owned until it is copied */
	size_t n, cap;
};

static bool see_ref(void *arg, struct db_row *r)
{
	struct refs *refs = arg;
	mem_reserve_one(refs->v, refs->n, refs->cap);
	refs->v[refs->n++] =
		(struct source_ref){ .name = arena_strdup(refs->a, db_row_text(r, 0)),
				     .object = arena_strdup(refs->a, db_row_text(r, 1)),
				     .commit = arena_strdup(refs->a, db_row_text(r, 2)) };
	return true;
}

static struct err *load_seen(struct pipeline_look *k)
{
	struct refs refs = { .a = k->a };
	struct err *e = db_query(k->p->o.db,
				 "SELECT name, object_id, commit_id FROM source_ref"
				 " WHERE source_id = $1 ORDER BY name",
				 DB_PARAMS(db_cstr(k->source_id)), see_ref, &refs);
	k->seen = arena_new_array(k->a, refs.n, struct source_ref);
	if (refs.n)
		memcpy(k->seen, refs.v, refs.n * sizeof(*refs.v));
	k->n_seen = refs.n;
	free(refs.v);
	if (k->n_seen)
		qsort(k->seen, k->n_seen, sizeof(*k->seen), by_name);
	return e;
}

/* Keeps what an ssh remote showed the first time. */
static struct err *keep_host_key(struct pipeline_look *k, const char *host_key)
{
	if (!host_key)
		return NULL;
	return db_exec(k->p->o.db,
		       "UPDATE code_source SET ssh_host_key = $2"
		       " WHERE id = $1 AND ssh_host_key IS NULL",
		       DB_PARAMS(db_cstr(k->source_id), db_cstr(host_key)));
}

static struct err *load_now(struct pipeline_look *k)
{
	if (k->own) {
		TRY(source_git_local_refs(k->p->o.git, k->a, k->source_id, &k->now, &k->n_now));
	} else {
		struct source_remote *remote = arena_new(k->a, struct source_remote);
		const char *host_key = NULL;
		TRY(pipeline_source_remote(k->p, k->a, str_of(k->source_id), remote));
		TRY(source_git_ls_remote(k->p->o.git, k->a, remote, &k->now, &k->n_now, &host_key));
		TRY(keep_host_key(k, host_key));
	}
	if (k->n_now)
		qsort(k->now, k->n_now, sizeof(*k->now), by_name);
	return NULL;
}

/* Both lists by name: what is new, moved, or gone. */
static void compare(struct pipeline_look *k)
{
	size_t i = 0, j = 0;
	k->changed = arena_new_array(k->a, k->n_now, const struct source_ref *);
	k->gone = arena_new_array(k->a, k->n_seen, const char *);
	while (i < k->n_now || j < k->n_seen) {
		int c = i == k->n_now    ? 1
			: j == k->n_seen ? -1
					 : strcmp(k->now[i].name, k->seen[j].name);
		if (c > 0) {
			k->gone[k->n_gone++] = k->seen[j++].name;
			continue;
		}
		if (c < 0 || strcmp(k->now[i].object, k->seen[j].object) != 0 ||
		    strcmp(k->now[i].commit, k->seen[j].commit) != 0)
			k->changed[k->n_changed++] = &k->now[i];
		i++;
		j += c == 0;
	}
}

/* ---- which builds come of it ---- */

struct targets {
	struct arena *a;
	struct pipeline_target *first, **last;
};

static bool see_target(void *arg, struct db_row *r)
{
	struct targets *l = arg;
	struct pipeline_target *t = arena_new(l->a, struct pipeline_target);
	t->repository_id = pipeline_row_text(l->a, r, 0);
	t->repository = pipeline_row_text(l->a, r, 1);
	t->binding = (struct pipeline_binding){ .source_id = pipeline_row_text(l->a, r, 2),
						.auto_build = true,
						.pool = pipeline_row_text(l->a, r, 3),
						.no_cache = db_row_int(r, 4) != 0 };
	*l->last = t;
	l->last = &t->next;
	return true;
}

static struct err *load_targets(struct pipeline_look *k)
{
	struct targets l = { .a = k->a };
	l.last = &l.first;
	TRY(db_query(k->p->o.db,
		     "SELECT i.id, i.full_name, s.source_id, s.pool, s.no_cache"
		     " FROM repository_source s JOIN image_repository i ON i.id = s.repository_id"
		     " WHERE s.source_id = $1 AND s.auto_build <> 0 ORDER BY i.full_name",
		     DB_PARAMS(db_cstr(k->source_id)), see_target, &l));
	for (struct pipeline_target *t = l.first; t; t = t->next)
		TRY(pipeline_rule_list(k->p->o.db, k->a, str_of(t->repository_id), &t->rules,
				       &t->n_rules));
	k->targets = l.first;
	return NULL;
}

static struct err *plan_one(struct pipeline_look *k, const struct pipeline_target *t,
			    const struct pipeline_rule *rule, const struct source_ref *ref,
			    struct pipeline_told_delivery *told)
{
	struct pipeline_planned *n = arena_new(k->a, struct pipeline_planned);
	if (!rule->enabled)
		return NULL;
	TRY(pipeline_record_from_rule(k->p, k->a, rule, &t->binding, t->repository, ref,
				      k->pushed_ns, &n->r));
	if (!n->r.tags_json)
		return NULL; /* no match */
	n->r.b.trigger = "PUSH";
	n->r.b.actor = k->actor ? k->actor : told ? told->pusher : "";
	n->cancels = rule->newer_push == PIPELINE_NEWER_CANCELS;
	*k->last_planned = n;
	k->last_planned = &n->next;
	k->n_planned++;
	if (told) {
		told->n_builds++;
		n->delivery = told->id;
	}
	return NULL;
}

static struct err *plan(struct pipeline_look *k)
{
	k->last_planned = &k->planned;
	if (k->first && !k->own)
		return NULL;
	for (size_t i = 0; i < k->n_changed; i++) {
		const struct source_ref *ref = k->changed[i];
		struct pipeline_told_delivery *told = pipeline_told_find(&k->told, ref);
		for (struct pipeline_target *t = k->targets; t; t = t->next)
			for (size_t r = 0; r < t->n_rules; r++)
				TRY(plan_one(k, t, &t->rules[r], ref, told));
	}
	return NULL;
}

/* ---- the transaction ---- */

static struct err *store_refs(struct pipeline_look *k, struct db_tx *tx)
{
	int64_t now = pipeline_now(k->p);
	for (size_t i = 0; i < k->n_changed; i++)
		TRY(db_tx_exec(tx,
			       "INSERT INTO source_ref (source_id, name, object_id, commit_id,"
			       " seen_ns) VALUES ($1, $2, $3, $4, $5)"
			       " ON CONFLICT (source_id, name) DO UPDATE"
			       " SET object_id = excluded.object_id,"
			       " commit_id = excluded.commit_id, seen_ns = excluded.seen_ns",
			       DB_PARAMS(db_cstr(k->source_id), db_cstr(k->changed[i]->name),
					 db_cstr(k->changed[i]->object),
					 db_cstr(k->changed[i]->commit), db_int(now))));
	for (size_t i = 0; i < k->n_gone; i++)
		TRY(db_tx_exec(tx, "DELETE FROM source_ref WHERE source_id = $1 AND name = $2",
			       DB_PARAMS(db_cstr(k->source_id), db_cstr(k->gone[i]))));
	return db_tx_exec(tx,
			  "UPDATE code_source SET last_poll_ns = $2, last_error = NULL,"
			  " n_failures = 0, next_poll_ns = $3 WHERE id = $1",
			  DB_PARAMS(db_cstr(k->source_id), db_int(now),
				    db_int(pipeline_next_poll(k->p, k->poll_s, 0))));
}

static struct err *store(struct pipeline_look *k, struct pipeline_after *after)
{
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(k->p->o.db, &tx));
	TRY(store_refs(k, tx));
	for (struct pipeline_planned *n = k->planned; n; n = n->next) {
		TRY(pipeline_record_newer(k->p, tx, k->a, &n->r, n->cancels, after));
		TRY(pipeline_record_insert(k->p, tx, k->a, &n->r, after));
		if (n->delivery)
			TRY(pipeline_told_made(tx, n->delivery, n->r.b.id));
	}
	TRY(pipeline_told_store(tx, &k->told));
	return db_tx_commit(tx);
}

static void prefetch(struct pipeline_look *k)
{
	if (k->own)
		return;
	for (struct pipeline_planned *n = k->planned; n; n = n->next)
		if (!n->r.b.error_code)
			pipeline_source_prefetch(k->p, k->source_id, n->r.b.ref, n->r.b.commit);
}

static struct err *store_and_tell(struct pipeline_look *k)
{
	struct pipeline_after after;
	pipeline_after_init(&after, k->p, k->a);
	TRY(store(k, &after));
	pipeline_after_run(&after);
	prefetch(k);
	if (k->n_planned)
		log_info("code was pushed", log_str("source", k->source_id),
			 log_u64("refs", k->n_changed), log_u64("builds", k->n_planned));
	return NULL;
}

/* ---- a look ---- */

static bool see_source(void *arg, struct db_row *r)
{
	struct pipeline_look *k = arg;
	enum source_provider provider;
	k->found = true;
	k->own = source_provider_parse(db_row_text(r, 0), &provider) && provider == SOURCE_KILN;
	k->first = db_row_is_null(r, 1);
	k->poll_s = db_row_int(r, 2);
	k->n_failures = db_row_int(r, 3);
	return true;
}

static struct err *load_source(struct pipeline_look *k)
{
	TRY(db_query(k->p->o.db,
		     "SELECT provider, last_poll_ns, poll_s, n_failures FROM code_source"
		     " WHERE id = $1",
		     DB_PARAMS(db_cstr(k->source_id)), see_source, k));
	return k->found ? NULL
			: err_coded(ERR_NOT_FOUND, "SOURCE_UNKNOWN", NULL, "no code source %s",
				    k->source_id);
}

static struct err *look_once(struct pipeline *p, const char *source_id, int64_t pushed_ns,
			     const char *actor, size_t *n_builds)
{
	own(arena) a = arena_open(PIPELINE_LOOK_ARENA_BYTES);
	struct pipeline_look *k = arena_new(a, struct pipeline_look);
	*k = (struct pipeline_look){ .p = p,
				     .a = a,
				     .source_id = source_id,
				     .pushed_ns = pushed_ns ? pushed_ns : pipeline_now(p),
				     .actor = actor };
	TRY(load_source(k));
	TRY(load_seen(k));
	TRY(load_now(k));
	compare(k);
	if (k->n_changed) {
		TRY(load_targets(k));
		if (!k->own) /* its pusher is known, and nobody delivers anything */
			TRY(pipeline_told_load(p, a, source_id, &k->told));
	}
	TRY(plan(k));
	TRY(store_and_tell(k));
	*n_builds = k->n_planned;
	return NULL;
}

static void note_failure(struct pipeline *p, const char *source_id, const struct err *failure)
{
	struct pipeline_look k = { .p = p, .source_id = source_id };
	own_mem char *text = err_text(failure);
	struct err *e = load_source(&k);
	if (!e)
		e = db_exec(p->o.db,
			    "UPDATE code_source SET last_error = $2, n_failures = n_failures + 1,"
			    " next_poll_ns = $3 WHERE id = $1",
			    DB_PARAMS(db_cstr(source_id), db_cstr(text),
				      db_int(pipeline_next_poll(p, k.poll_s, k.n_failures + 1))));
	if (e)
		log_err(LOG_LEVEL_WARN, "the failure of a look at a code source is not stored", e);
}

static struct err *look(struct pipeline *p, const char *source_id, int64_t pushed_ns,
			const char *actor, size_t *n_builds)
{
	struct err *e = NULL;
	for (int i = 0; i < LOOK_TRIES; i++) {
		err_free(e);
		e = look_once(p, source_id, pushed_ns, actor, n_builds);
		if (!e || e->kind != ERR_CONFLICT)
			break;
	}
	if (e)
		note_failure(p, source_id, e);
	return e;
}

struct err *pipeline_source_look(struct pipeline *p, struct str source_id, int64_t pushed_ns,
				 const char *actor, size_t *n_builds)
{
	own_mem char *id = str_dup(source_id);
	size_t n = 0;
	pipeline_look_enter(p, id);
	struct err *e = look(p, id, pushed_ns, actor, &n);
	pipeline_look_leave(p, id);
	TRY(e);
	if (n_builds)
		*n_builds = n;
	return NULL;
}
