/* What a policy would do, and doing it: a thread that looks what is due.
 *
 * 1. Patterns are matched before a transaction, as they may take long; times, ranks, builds and
 *    immutability are judged in the transaction that removes. A tag that came since is not counted
 *    there, so that more stays and not less.
 * 2. A transaction removes at most BATCH tags, with their lines of the audit log and the numbers of
 *    the run. A run that is killed goes on from there; two servers that carry one out together
 *    remove each tag once.
 * 3. A policy that is changed, or switched off, ends its run. */
#include "pipeline/retention_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"
#include "codec/json.h"

#define BATCH       400
#define PAUSE_MS    20    /* between transactions: those who wait to push are let through */
#define LOOK_MS     60000 /* at what is due, at the latest */
#define RETRY_MS    5000  /* when the database does not answer */
#define MOST_DUE    100   /* found by one look */
#define ARENA_BYTES ((size_t)64 << 20)

static const struct auth_principal retention = { .kind = AUTH_SYSTEM,
						 .name = "retention",
						 .most = AUTH_ADMIN };

/* ---- judging ---- */

struct err *pipeline_retention_match_all(const struct pipeline_retention_policy *policy,
					 struct pipeline_retention_tag *tags, size_t n)
{
	own(pipeline_retention_matcher) m = NULL;
	TRY(pipeline_retention_open(policy, &m));
	uint64_t until = time_mono_ms() + LIMIT_RETENTION_MS;
	for (size_t i = 0; i < n; i++) {
		pipeline_retention_match(m, &tags[i]);
		if (time_mono_ms() > until)
			return err_coded(ERR_LIMIT, "RETENTION_COST",
					 "Use names and wildcards, or simpler expressions.",
					 "the patterns take too long over %zu tags", n);
	}
	return NULL;
}

struct names {
	struct arena *a;
	const char **v; /* owned */
	size_t n, cap;
};

static bool see_building(void *arg, struct db_row *r)
{
	struct names *names = arg;
	own_json list = NULL;
	json_t *v;
	size_t i;
	err_free(json_read(db_row_text(r, 0), &list));
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v))
			continue;
		mem_reserve_one(names->v, names->n, names->cap);
		names->v[names->n++] = arena_strdup(names->a, str_of(json_string_value(v)));
	}
	return true;
}

static struct err *building(struct pipeline *p, struct db_tx *tx, struct names *names,
			    const char *repository_id)
{
	return pipeline_sql(p, tx,
			    "SELECT tags FROM build_record WHERE repository_id = $1"
			    " AND status IN ('PENDING', 'BUILDING')",
			    DB_PARAMS(db_cstr(repository_id)), see_building, names);
}

static bool is_one_of(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return true;
	return false;
}

struct err *pipeline_retention_judge(struct pipeline *p, struct db_tx *tx,
				     const char *repository_id,
				     const struct pipeline_retention_policy *policy,
				     struct pipeline_retention_tag *tags, size_t n)
{
	own(arena) a = arena_open(ARENA_BYTES);
	struct names names = { .a = a };
	int64_t immutable = 0;
	TRY(pipeline_sql(p, tx, "SELECT immutable FROM image_repository WHERE id = $1",
			 DB_PARAMS(db_cstr(repository_id)), pipeline_see_int, &immutable));
	struct err *e = building(p, tx, &names, repository_id);
	for (size_t i = 0; i < n && !e; i++) {
		tags[i].locked = immutable && strcmp(tags[i].name, "latest") != 0;
		tags[i].building = is_one_of(&names, tags[i].name);
	}
	free(names.v);
	if (!e)
		pipeline_retention_decide(policy, tags, n, pipeline_now(p));
	return e;
}

/* ---- looking ---- */

static struct pipeline_retention_tag *tags_of(const struct catalog_held *h)
{
	struct pipeline_retention_tag *tags =
		mem_new_array(h->n_tags + 1, struct pipeline_retention_tag);
	for (size_t i = 0; i < h->n_tags; i++)
		tags[i] = (struct pipeline_retention_tag){ .name = h->tags[i].name,
							   .place = i,
							   .pushed_ns = h->tags[i].pushed_ns };
	return tags;
}

static int64_t unneeded_since(const struct pipeline *p,
			      const struct pipeline_retention_policy *policy)
{
	return policy->untagged_days ? pipeline_now(p) - policy->untagged_days * RETENTION_DAY_NS
				     : INT64_MIN;
}

void pipeline_retention_look_done(struct pipeline_retention_look *l)
{
	catalog_held_free(l->held);
	free(l->tags);
}

struct err *pipeline_retention_preview(struct pipeline *p, const struct catalog_image_repository *r,
				       const struct pipeline_retention_policy *policy,
				       struct pipeline_retention_look *out)
{
	done(pipeline_retention_look) l = { .n = 0 };
	TRY(catalog_held_read(p->o.catalog, str_of(r->full_name), true, &l.held));
	l.n = l.held->n_tags;
	l.tags = tags_of(l.held);
	TRY(pipeline_retention_match_all(policy, l.tags, l.n));
	TRY(pipeline_retention_judge(p, NULL, r->id, policy, l.tags, l.n));
	own_mem bool *goes = mem_calloc(l.n + 1, sizeof(*goes));
	for (size_t i = 0; i < l.n; i++) {
		goes[l.tags[i].place] = l.tags[i].reason == RETENTION_OLD;
		l.n_go += l.tags[i].reason == RETENTION_OLD;
	}
	catalog_held_weigh(l.held, goes, unneeded_since(p, policy), &l.weight);
	*out = l;
	l = (struct pipeline_retention_look){ .n = 0 };
	return NULL;
}

/* ---- one run ---- */

struct running {
	struct pipeline *p;
	struct catalog_image_repository r;
	struct pipeline_retention now; /* the policy, as the turn began */
	struct arena *a;
	const struct catalog_held *held;            /* as matched, by name */
	const struct pipeline_retention_tag *known; /* the same, matched and not yet sorted */
	struct pipeline_retention_tag *tags;        /* owned; of the transaction */
	size_t n;
	bool changed; /* the policy, since */
};

/* Is it the run and the policy still that the turn is about? */
static struct err *check_current(struct running *run, struct db_tx *tx, bool *stop)
{
	int64_t revision = 0;
	TRY(db_tx_query(tx,
			"SELECT revision FROM retention_policy WHERE repository_id = $1"
			" AND run_started_ns = $2",
			DB_PARAMS(db_cstr(run->r.id), db_int(run->now.run.started_ns)),
			pipeline_see_int, &revision));
	run->changed = *stop = revision != run->now.revision;
	return NULL;
}

/* Both are sorted by name. */
static void take_known(struct running *run, const struct catalog_held_tag *tags, size_t n)
{
	size_t k = 0;
	free(run->tags);
	run->tags = mem_new_array(n + 1, struct pipeline_retention_tag);
	run->n = 0;
	for (size_t i = 0; i < n; i++) {
		while (k < run->held->n_tags && strcmp(run->known[k].name, tags[i].name) < 0)
			k++;
		if (k == run->held->n_tags || strcmp(run->known[k].name, tags[i].name) != 0)
			continue;
		struct pipeline_retention_tag *t = &run->tags[run->n++];
		*t = run->known[k];
		t->name = tags[i].name;
		t->place = i;
		t->pushed_ns = tags[i].pushed_ns;
	}
}

static struct err *judge(void *arg, struct db_tx *tx, const struct catalog_held_tag *tags, size_t n,
			 bool *goes, bool *stop)
{
	struct running *run = arg;
	TRY(check_current(run, tx, stop));
	if (*stop)
		return NULL;
	take_known(run, tags, n);
	TRY(pipeline_retention_judge(run->p, tx, run->r.id, &run->now.policy, run->tags, run->n));
	for (size_t i = 0; i < run->n; i++)
		goes[run->tags[i].place] = run->tags[i].reason == RETENTION_OLD;
	return NULL;
}

static struct err *removed(void *arg, struct db_tx *tx, const struct catalog_held_tag *tag)
{
	struct running *run = arg;
	own_mem char *target = mem_printf("%s:%s", run->r.full_name, tag->name);
	own_json detail = json_pack("{s:s}", "digest", tag->digest);
	if (run->now.run.by[0])
		json_object_set_new(detail, "by", json_string(run->now.run.by));
	own_mem char *text = json_text(detail);
	return auth_audit_in(run->p->o.auth, tx, &retention, "", "tag.delete", str_of(target),
			     text);
}

static struct err *count(void *arg, struct db_tx *tx, size_t n_tags, size_t n_manifests,
			 size_t n_blobs, bool *stop)
{
	struct running *run = arg;
	TRY(check_current(run, tx, stop));
	if (*stop || n_tags + n_manifests + n_blobs == 0)
		return NULL;
	return db_tx_exec(tx,
			  "UPDATE retention_policy SET run_tags = run_tags + $2,"
			  " run_manifests = run_manifests + $3, run_blobs = run_blobs + $4"
			  " WHERE repository_id = $1",
			  DB_PARAMS(db_cstr(run->r.id), db_int(n_tags), db_int(n_manifests),
				    db_int(n_blobs)));
}

/* True when the server ends. */
static bool pause_ms(struct pipeline *p, uint64_t ms)
{
	uint64_t until = time_mono_ms() + ms;
	hold(&p->lock);
	while (!p->closing && cond_wait_until(&p->sweep, &p->lock, until))
		;
	return p->closing;
}

static struct err *canceled(void)
{
	return err_new(ERR_CANCELED, "the server ends");
}

static struct err *sweep_tags(struct running *run, const struct catalog_sweep *s)
{
	own(catalog_held) held = NULL;
	size_t n = 0;
	TRY(catalog_held_read(run->p->o.catalog, s->repository, false, &held));
	own_mem struct pipeline_retention_tag *known = tags_of(held);
	TRY(pipeline_retention_match_all(&run->now.policy, known, held->n_tags));
	run->held = held;
	run->known = known;
	do {
		TRY(catalog_sweep_tags(run->p->o.catalog, s, &n));
		if (n && pause_ms(run->p, PAUSE_MS))
			return canceled();
	} while (n);
	return NULL;
}

static struct err *sweep_unneeded(struct running *run, const struct catalog_sweep *s)
{
	int64_t since = unneeded_since(run->p, &run->now.policy);
	size_t n = 0;
	if (since == INT64_MIN)
		return NULL;
	do {
		TRY(catalog_sweep_unneeded(run->p->o.catalog, s, since, &n));
		if (n && pause_ms(run->p, PAUSE_MS))
			return canceled();
	} while (n);
	return NULL;
}

static struct err *turn(struct running *run)
{
	struct catalog_sweep s = {
		.judge = judge, .removed = removed, .ended = count, .arg = run, .most = BATCH
	};
	bool found;
	TRY(pipeline_retention_load(run->p, NULL, run->a, run->r.id, &run->now));
	if (!run->now.run.started_ns)
		return NULL; /* the policy is gone, or another server was faster */
	TRY(catalog_image_get(run->p->o.catalog, run->a, str_of(run->r.id), &found, &run->r));
	if (!found)
		return NULL;
	s.repository = str_of(run->r.full_name);
	TRY(sweep_tags(run, &s));
	return run->changed ? NULL : sweep_unneeded(run, &s);
}

/* Errors of the server's end, and of a database that does not answer, leave the run as it is. */
static struct err *carry_out(struct pipeline *p, const char *repository_id)
{
	struct running run = { .p = p, .r = { .id = repository_id }, .a = arena_open(ARENA_BYTES) };
	struct err *e = turn(&run);
	int64_t started_ns = run.now.run.started_ns;
	bool over = run.changed || (!e && !started_ns);
	arena_free(run.a);
	free(run.tags);
	if (over || (e && (e->kind == ERR_CANCELED || e->kind == ERR_UNAVAILABLE)))
		return e;
	own(err) owned = e;
	own_mem char *text = e ? err_text(e) : NULL;
	if (e)
		log_warn("a retention policy was not carried out",
			 log_str("repository", repository_id), log_str("error", text));
	return pipeline_retention_end(p, repository_id, started_ns, e);
}

/* ---- what is due ---- */

struct due {
	char ids[MOST_DUE][64];
	size_t n;
};

static bool see_due(void *arg, struct db_row *r)
{
	struct due *d = arg;
	pipeline_copy_id(d->ids[d->n++], sizeof(d->ids[0]), db_row_text(r, 0));
	return d->n < MOST_DUE;
}

static struct err *begin_due(struct pipeline *p, int64_t now)
{
	return db_exec(p->o.db,
		       "UPDATE retention_policy SET run_started_ns = $1, run_by = '', run_tags = 0,"
		       " run_manifests = 0, run_blobs = 0 WHERE enabled <> 0"
		       " AND run_started_ns IS NULL AND (next_ns <= $1 OR next_ns > $2)",
		       DB_PARAMS(db_int(now), db_int(now + RETENTION_FAR_NS)));
}

static struct err *find_due(struct pipeline *p, struct due *d)
{
	int64_t now = pipeline_now(p);
	bool any = false;
	TRY(db_query(p->o.db,
		     "SELECT 1 FROM retention_policy WHERE enabled <> 0 AND run_started_ns IS NULL"
		     " AND (next_ns <= $1 OR next_ns > $2) LIMIT 1",
		     DB_PARAMS(db_int(now), db_int(now + RETENTION_FAR_NS)), pipeline_see_row,
		     &any));
	if (any)
		TRY(begin_due(p, now));
	return db_query(p->o.db,
			"SELECT repository_id FROM retention_policy"
			" WHERE run_started_ns IS NOT NULL ORDER BY run_started_ns",
			DB_NO_PARAMS, see_due, d);
}

static struct err *sweep_due(struct pipeline *p)
{
	own_mem struct due *d = mem_new(struct due);
	do {
		d->n = 0;
		TRY(find_due(p, d));
		for (size_t i = 0; i < d->n; i++)
			TRY(carry_out(p, d->ids[i]));
	} while (d->n == MOST_DUE);
	return NULL;
}

void *pipeline_sweeper(void *arg)
{
	struct pipeline *p = arg;
	for (;;) {
		struct err *e = sweep_due(p);
		uint64_t wait_ms = e ? RETRY_MS : LOOK_MS;
		if (e && e->kind != ERR_CANCELED)
			log_err(LOG_LEVEL_WARN, "retention policies wait", e);
		else
			err_free(e);
		hold(&p->lock);
		uint64_t until = time_mono_ms() + wait_ms;
		while (!p->closing && !p->sweep_now && cond_wait_until(&p->sweep, &p->lock, until))
			;
		p->sweep_now = false;
		if (p->closing)
			return NULL;
	}
}
