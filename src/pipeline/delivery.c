/* Deliveries of webhooks: verified, remembered, and turned into a look at the remote.
 *
 * 1. A delivery is remembered under the provider's id of it, once. One that comes again is answered
 *    as a duplicate; it leads to a look all the same, which costs little and finds nothing new.
 * 2. One that could not be verified is remembered under an id of our own: nobody without the secret
 *    can take the place of a delivery that is still to come, or push others out.
 * 3. What is remembered is bounded by number and age. */
#include "pipeline/source_priv.h"
#include "pipeline/trigger_priv.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "base/time.h"

#define KEEP_NS      ((int64_t)30 * 86400 * 1000000000)
#define CHANGES_KEPT 100 /* refs of a delivery that are remembered by name */
#define DETAIL_BYTES 1000
#define TOLD_NS      ((int64_t)600 * 1000000000) /* a change that is seen later has another reason */

struct entry {
	const char *source_id, *id, *key, *event, *outcome, *detail, *pusher;
	char *changes; /* owned */
};

static char *changes_json(const struct source_delivery *d)
{
	json_t *list = json_array();
	for (size_t i = 0; i < MIN(d->n_changes, CHANGES_KEPT); i++) {
		const struct source_change *c = &d->changes[i];
		json_t *o = json_object();
		json_object_set_new(o, "ref", json_string(c->ref));
		json_object_set_new(o, "commit", c->commit ? json_string(c->commit) : json_null());
		json_object_set_new(o, "deleted", json_boolean(c->deleted));
		json_object_set_new(o, "forced", json_boolean(c->forced));
		json_array_append_new(list, o);
	}
	char *text = json_text(list);
	json_decref(list);
	return text;
}

/* ---- the table ---- */

static bool take_int(void *arg, struct db_row *r)
{
	if (!db_row_is_null(r, 0))
		*(int64_t *)arg = db_row_int(r, 0);
	return false;
}

static bool see_row(void *arg, struct db_row *r)
{
	*(bool *)arg = true;
	return true;
}

static struct err *prune(struct db_tx *tx, const char *source_id, int64_t now_ns)
{
	static const char oldest[] = "DELETE FROM webhook_delivery WHERE source_id = $1"
				     " AND received_ns < $2";
	static const char known[] =
		"DELETE FROM webhook_delivery WHERE source_id = $1 AND outcome <> 'refused' AND"
		" received_ns <= (SELECT received_ns FROM webhook_delivery WHERE source_id = $1 AND"
		" outcome <> 'refused' ORDER BY received_ns DESC LIMIT 1 OFFSET $2)";
	static const char refused[] =
		"DELETE FROM webhook_delivery WHERE source_id = $1 AND outcome = 'refused' AND"
		" received_ns <= (SELECT received_ns FROM webhook_delivery WHERE source_id = $1 AND"
		" outcome = 'refused' ORDER BY received_ns DESC LIMIT 1 OFFSET $2)";
	TRY(db_tx_exec(tx, oldest, DB_PARAMS(db_cstr(source_id), db_int(now_ns - KEEP_NS))));
	TRY(db_tx_exec(tx, known, DB_PARAMS(db_cstr(source_id), db_int(LIMIT_DELIVERIES))));
	return db_tx_exec(tx, refused,
			  DB_PARAMS(db_cstr(source_id), db_int(LIMIT_DELIVERIES_REFUSED)));
}

/* `*is_new` false: there is one of this key. */
static struct err *remember(struct pipeline *p, const struct entry *e, bool *is_new)
{
	own(db_tx) tx = NULL;
	int64_t now_ns = time_now_unix_ns(), last_ns = 0;
	*is_new = false;
	TRY(db_tx_begin(p->o.db, &tx));
	/* No two at once: lists go by time. */
	TRY(db_tx_query(tx, "SELECT MAX(received_ns) FROM webhook_delivery WHERE source_id = $1",
			DB_PARAMS(db_cstr(e->source_id)), take_int, &last_ns));
	TRY(db_tx_query(tx,
			"INSERT INTO webhook_delivery (id, source_id, delivery_key, event, outcome,"
			" detail, changes, n_builds, received_ns, pusher)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)"
			" ON CONFLICT (source_id, delivery_key) DO NOTHING RETURNING id",
			DB_PARAMS(db_cstr(e->id), db_cstr(e->source_id), db_cstr(e->key),
				  db_cstr(e->event), db_cstr(e->outcome), db_cstr(e->detail),
				  db_cstr(e->changes), db_int(MAX(now_ns, last_ns + 1)),
				  db_cstr(e->pusher)),
			see_row, is_new));
	if (!*is_new)
		return NULL;
	TRY(prune(tx, e->source_id, now_ns));
	return db_tx_commit(tx);
}

struct id_of {
	struct arena *a;
	const char *id;
};

static bool take_id(void *arg, struct db_row *r)
{
	struct id_of *o = arg;
	o->id = arena_strdup(o->a, db_row_text(r, 0));
	return false;
}

static struct err *find_id(struct pipeline *p, struct arena *a, const struct entry *e,
			   const char **id)
{
	struct id_of o = { .a = a, .id = e->id };
	TRY(db_query(p->o.db,
		     "SELECT id FROM webhook_delivery WHERE source_id = $1 AND delivery_key = $2",
		     DB_PARAMS(db_cstr(e->source_id), db_cstr(e->key)), take_id, &o));
	*id = o.id;
	return NULL;
}

/* ---- a delivery ---- */

static struct err *read_delivery(struct pipeline *p, struct arena *a,
				 const struct pipeline_source_row *row,
				 const struct source_headers *h, struct str body,
				 struct source_delivery *out)
{
	struct str secrets[2];
	size_t n = 1;
	TRY(pipeline_source_unseal(p, a, row->s.id, "hook", row->hook_secret, &secrets[0]));
	if (row->hook_secret_before)
		TRY(pipeline_source_unseal(p, a, row->s.id, "hook", row->hook_secret_before,
					   &secrets[n++]));
	return source_webhook_read(a, row->s.provider, h, body, secrets, n,
				   time_now_unix_ms() / 1000, out);
}

/* One that was not read. That it could not be remembered is no reason to answer otherwise. */
static void remember_bad(struct pipeline *p, struct arena *a, struct entry *e,
			 const struct err *why)
{
	own_mem char *text = err_text(why);
	bool refused = why->kind == ERR_DENIED, is_new;
	e->outcome = refused ? "refused" : "failed";
	e->key = arena_printf(a, "%s:%s", e->outcome, e->id);
	size_t len = MIN(strlen(text), DETAIL_BYTES);
	while (len && len < strlen(text) && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	e->detail = arena_strdup(a, str_n(text, len));
	e->changes = mem_strdup("[]");
	struct err *failed = remember(p, e, &is_new);
	if (failed)
		log_err(LOG_LEVEL_WARN, "a webhook that was not accepted is not remembered",
			failed);
}

static void describe(struct arena *a, const struct source_delivery *d, struct entry *e)
{
	e->outcome = d->kind == SOURCE_PUSH ? "accepted" : "ignored";
	e->key = d->key;
	e->event = d->event;
	e->pusher = d->pusher ? d->pusher : "";
	switch (d->kind) {
	case SOURCE_PUSH:
		e->detail = d->n_changes ? arena_printf(a, "%zu refs", d->n_changes)
					 : "all refs are looked at";
		if (d->n_changes == 1)
			e->detail = "1 ref";
		if (d->pusher)
			e->detail = arena_printf(a, "%s, by %s", e->detail, d->pusher);
		break;
	case SOURCE_PING:
		e->detail = "a ping";
		break;
	case SOURCE_OTHER:
		e->detail = "says nothing of branches and tags";
		break;
	}
	e->changes = changes_json(d);
}

struct err *pipeline_delivery(struct pipeline *p, struct arena *a, struct str source_id,
			      const struct source_headers *h, struct str body, bool *duplicate,
			      const char **delivery_id)
{
	struct pipeline_source_row row;
	struct source_delivery d;
	TRY(pipeline_source_need(p, a, source_id, &row));
	struct entry e = { .source_id = row.s.id,
			   .id = arena_strdup(a, str_of(random_id("whd-").s)),
			   .pusher = "",
			   .event = source_webhook_event(a, row.s.provider, h) };
	struct err *bad = read_delivery(p, a, &row, h, body, &d);
	if (bad) {
		if (bad->kind == ERR_DENIED || bad->kind == ERR_INVALID)
			remember_bad(p, a, &e, bad);
		mem_free_own(&e.changes);
		return bad;
	}
	describe(a, &d, &e);
	bool is_new;
	struct err *failed = remember(p, &e, &is_new);
	if (!failed && !is_new)
		failed = find_id(p, a, &e, &e.id);
	mem_free_own(&e.changes);
	TRY(failed);
	if (d.kind == SOURCE_PUSH)
		pipeline_source_poke(p, source_id);
	*duplicate = !is_new;
	*delivery_id = e.id;
	return NULL;
}

/* ---- which delivery told of a change ---- */

static const char *member(struct arena *a, const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	return text ? arena_strdup(a, str_of(text)) : NULL;
}

static bool take_told(void *arg, struct db_row *r)
{
	struct pipeline_told *l = arg;
	struct pipeline_told_delivery *d = &l->v[l->n++];
	own_mem char *text = str_dup(db_row_text(r, 2));
	json_t *list = json_loads(text, 0, NULL), *c;
	size_t i;
	d->id = arena_strdup(l->a, db_row_text(r, 0));
	d->pusher = arena_strdup(l->a, db_row_text(r, 1));
	d->n_changes = json_array_size(list);
	d->changes = arena_new_array(l->a, d->n_changes, struct source_change);
	json_array_foreach(list, i, c)
	{
		d->changes[i].ref = member(l->a, c, "ref");
		d->changes[i].commit = member(l->a, c, "commit");
	}
	json_decref(list);
	return true;
}

struct err *pipeline_told_load(struct pipeline *p, struct arena *a, const char *source_id,
			       struct pipeline_told *out)
{
	*out = (struct pipeline_told){ .a = a };
	return db_query(p->o.db,
			"SELECT id, pusher, changes FROM webhook_delivery WHERE source_id = $1"
			" AND outcome = 'accepted' AND received_ns > $2"
			" ORDER BY received_ns DESC LIMIT $3",
			DB_PARAMS(db_cstr(source_id), db_int(time_now_unix_ns() - TOLD_NS),
				  db_int(ARRAY_LEN(out->v))),
			take_told, out);
}

/* A delivery without changes says: look at all. One without a commit says less than the remote. */
static bool tells_of(const struct pipeline_told_delivery *d, const struct source_ref *ref)
{
	bool yes = d->n_changes == 0;
	for (size_t i = 0; i < d->n_changes && !yes; i++) {
		const struct source_change *c = &d->changes[i];
		yes = c->ref && strcmp(c->ref, ref->name) == 0 &&
		      (!c->commit || strcmp(c->commit, ref->commit) == 0 ||
		       strcmp(c->commit, ref->object) == 0);
	}
	return yes;
}

struct pipeline_told_delivery *pipeline_told_find(struct pipeline_told *l,
						  const struct source_ref *ref)
{
	for (size_t i = 0; i < l->n; i++)
		if (tells_of(&l->v[i], ref))
			return &l->v[i];
	return NULL;
}

struct err *pipeline_told_made(struct db_tx *tx, const char *delivery_id, const char *record_id)
{
	return db_tx_exec(tx,
			  "INSERT INTO delivery_build (delivery_id, record_id) SELECT id, $2"
			  " FROM webhook_delivery WHERE id = $1",
			  DB_PARAMS(db_cstr(delivery_id), db_cstr(record_id)));
}

struct err *pipeline_told_store(struct db_tx *tx, const struct pipeline_told *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].n_builds)
			TRY(db_tx_exec(tx,
				       "UPDATE webhook_delivery SET n_builds = n_builds + $2"
				       " WHERE id = $1",
				       DB_PARAMS(db_cstr(l->v[i].id), db_int(l->v[i].n_builds))));
	return NULL;
}

/* ---- what was ---- */

struct list {
	struct arena *a;
	struct pipeline_delivery_entry *out;
	size_t n;
};

static bool take_entry(void *arg, struct db_row *r)
{
	struct list *l = arg;
	l->out[l->n++] = (struct pipeline_delivery_entry){
		.id = arena_strdup(l->a, db_row_text(r, 0)),
		.key = arena_strdup(l->a, db_row_text(r, 1)),
		.event = arena_strdup(l->a, db_row_text(r, 2)),
		.outcome = arena_strdup(l->a, db_row_text(r, 3)),
		.detail = arena_strdup(l->a, db_row_text(r, 4)),
		.changes_json = arena_strdup(l->a, db_row_text(r, 5)),
		.n_builds = (uint64_t)db_row_int(r, 6),
		.received_ns = db_row_int(r, 7),
	};
	return true;
}

struct err *pipeline_delivery_list(struct pipeline *p, struct arena *a, struct str source_id,
				   struct str repository_id, int64_t before_ns, size_t n,
				   struct pipeline_delivery_entry **out, size_t *n_out)
{
	struct list l = { .a = a,
			  .out = arena_new_array(a, n + 1, struct pipeline_delivery_entry) };
	TRY(db_query(
		p->o.db,
		"SELECT id, delivery_key, event, outcome, detail, changes, n_builds,"
		" received_ns FROM webhook_delivery w WHERE source_id = $1 AND received_ns < $2"
		" AND (CAST($4 AS TEXT) = '' OR EXISTS (SELECT 1 FROM delivery_build d"
		" JOIN build_record r ON r.id = d.record_id"
		" WHERE d.delivery_id = w.id AND r.repository_id = $4))"
		" ORDER BY received_ns DESC LIMIT $3",
		DB_PARAMS(db_text(source_id), db_int(before_ns ? before_ns : INT64_MAX), db_int(n),
			  db_text(repository_id)),
		take_entry, &l));
	*out = l.out;
	*n_out = l.n;
	return NULL;
}

struct replayed {
	bool found, refused;
};

static bool take_outcome(void *arg, struct db_row *r)
{
	struct replayed *o = arg;
	o->found = true;
	o->refused = str_eq(db_row_text(r, 0), STR("refused"));
	return false;
}

/* What it said is a hint of long ago; what counts is what the remote has now. */
struct err *pipeline_delivery_replay(struct pipeline *p, struct str source_id, struct str id,
				     bool *found)
{
	struct replayed o = { 0 };
	TRY(db_query(p->o.db,
		     "SELECT outcome FROM webhook_delivery WHERE source_id = $1 AND id = $2",
		     DB_PARAMS(db_text(source_id), db_text(id)), take_outcome, &o));
	*found = o.found;
	if (o.refused)
		return err_coded(ERR_CONFLICT, "DELIVERY_REFUSED",
				 "Let the provider send it again, with the right secret.",
				 "the delivery was not signed with the secret");
	if (o.found)
		pipeline_source_poke(p, source_id);
	return NULL;
}
