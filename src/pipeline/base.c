/* Base images in the database, and a look at those of a repository when somebody asks for it. */
#include "pipeline/base.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "oci/reference.h"
#include "pipeline/base_priv.h"

#define CHECK_WAIT_MS 10000

/* ---- reading ---- */

/* Steps without a line are base images: "FROM name". */
#define SELECT                                                                                     \
	"SELECT r.id, r.repository_id, b.id, b.ref, b.commit_id, SUBSTR(st.text, 6), st.base,"     \
	" r.rebuild_on_base, i.namespace, m.digest, m.checked_ns, m.error_code, m.error_text,"     \
	" m.error_remedy, m.next_ns, x.digest, x.started_ns, x.build_id, xb.status, x.error_code," \
	" x.error_text, x.error_remedy"                                                            \
	" FROM build_rule r JOIN image_repository i ON i.id = r.repository_id"                     \
	" JOIN build_record b ON b.id = (SELECT n.id FROM build_record n"                          \
	"  JOIN repository_source s ON s.repository_id = n.repository_id"                          \
	"   AND s.source_id = n.source_id"                                                         \
	"  JOIN source_ref f ON f.source_id = n.source_id AND f.name = n.ref"                      \
	"  WHERE n.rule_id = r.id AND n.status = 'SUCCESS' ORDER BY n.seq DESC LIMIT 1)"           \
	" JOIN build_step st ON st.record_id = b.id AND st.line = 0 AND st.base IS NOT NULL"       \
	" LEFT JOIN base_image m ON m.name = SUBSTR(st.text, 6)"                                   \
	"  AND m.scope IN ('', i.namespace)"                                                       \
	" LEFT JOIN base_rebuild x ON x.rule_id = r.id AND x.name = SUBSTR(st.text, 6)"            \
	" LEFT JOIN build_record xb ON xb.id = x.build_id"
#define BY_RULE " ORDER BY r.created_ns, r.id, st.step"

struct rows {
	struct pipeline *p;
	struct arena *a;
	struct pipeline_base_row *v; /* owned until it is copied */
	size_t n, cap;
};

/* Steps are a worker's word. */
static bool can_move(const char *name)
{
	struct oci_reference ref;
	struct err *e = oci_reference_parse(str_of(name), &ref);
	bool can = !e && !ref.has_digest;
	err_free(e);
	return can;
}

bool pipeline_base_moved(const struct pipeline_base *b)
{
	return b->newest && strcmp(b->newest, b->digest) != 0;
}

static void fill(struct arena *a, struct db_row *r, struct pipeline_base_row *out)
{
	out->b = (struct pipeline_base){
		.rule_id = pipeline_row_text(a, r, 0),
		.repository_id = pipeline_row_text(a, r, 1),
		.build_id = pipeline_row_text(a, r, 2),
		.ref = pipeline_row_text(a, r, 3),
		.commit = pipeline_row_text(a, r, 4),
		.name = pipeline_row_text(a, r, 5),
		.digest = pipeline_row_text(a, r, 6),
		.watched = db_row_int(r, 7) != 0,
		.newest = pipeline_row_text(a, r, 9),
		.checked_ns = db_row_int(r, 10),
		.error_code = pipeline_row_text(a, r, 11),
		.error_text = pipeline_row_text(a, r, 12),
		.error_remedy = pipeline_row_text(a, r, 13),
		.rebuilt_for = pipeline_row_text(a, r, 15),
		.rebuilt_ns = db_row_int(r, 16),
		.rebuild = db_row_is_null(r, 18) ? NULL : pipeline_row_text(a, r, 17),
		.rebuild_status = pipeline_row_text(a, r, 18),
		.rebuild_code = pipeline_row_text(a, r, 19),
		.rebuild_text = pipeline_row_text(a, r, 20),
		.rebuild_remedy = pipeline_row_text(a, r, 21),
	};
	out->ask.name = out->b.name;
	out->ask.next_ns = db_row_int(r, 14);
}

/* Each platform has a step, and leases that began at different times may have found different
 * images: the one that is behind counts. */
static bool is_seen(struct rows *l, const struct pipeline_base *b)
{
	for (size_t i = l->n; i-- > 0;) {
		struct pipeline_base *old = &l->v[i].b;
		if (strcmp(old->rule_id, b->rule_id) != 0)
			return false;
		if (strcmp(old->name, b->name) != 0)
			continue;
		if (!pipeline_base_moved(old))
			old->digest = b->digest;
		return true;
	}
	return false;
}

static bool see_row(void *arg, struct db_row *r)
{
	struct rows *l = arg;
	struct pipeline_base_row row;
	fill(l->a, r, &row);
	if (!can_move(row.b.name) || is_seen(l, &row.b))
		return true;
	const struct pipeline_registries *g = l->p->o.registries;
	row.ask.scope = g && g->is_own(g->arg, row.b.name) ? pipeline_row_text(l->a, r, 8) : "";
	mem_reserve_one(l->v, l->n, l->cap);
	l->v[l->n++] = row;
	return true;
}

struct err *pipeline_base_load(struct pipeline *p, struct arena *a, struct str repository_id,
			       struct pipeline_base_row **out, size_t *n)
{
	struct rows l = { .p = p, .a = a };
	struct err *e = repository_id.len
				? db_query(p->o.db, SELECT " WHERE r.repository_id = $1" BY_RULE,
					   DB_PARAMS(db_text(repository_id)), see_row, &l)
				: db_query(p->o.db, SELECT " WHERE r.rebuild_on_base = 1" BY_RULE,
					   DB_NO_PARAMS, see_row, &l);
	if (!e) {
		*n = l.n;
		*out = arena_new_array(a, l.n, struct pipeline_base_row);
		if (l.n)
			memcpy(*out, l.v, l.n * sizeof(*l.v));
	}
	free(l.v);
	return e;
}

/* ---- a look that was asked for ---- */

static struct pipeline_checking *checking_locked(struct pipeline *p, struct str repository_id)
{
	mutex_assert_held(&p->lock);
	for (struct pipeline_checking *c = p->checking; c; c = c->next)
		if (str_eq(repository_id, str_of(c->id)))
			return c;
	return NULL;
}

struct err *pipeline_base_list(struct pipeline *p, struct arena *a, struct str repository_id,
			       struct pipeline_base **out, size_t *n)
{
	struct pipeline_base_row *rows;
	bool checking;
	/* First: what is said to be over is in the database then. */
	{
		hold(&p->lock);
		checking = checking_locked(p, repository_id) != NULL;
	}
	TRY(pipeline_base_load(p, a, repository_id, &rows, n));
	*out = arena_new_array(a, *n, struct pipeline_base);
	for (size_t i = 0; i < *n; i++) {
		(*out)[i] = rows[i].b;
		(*out)[i].checking = checking;
	}
	return NULL;
}

static struct err *check(struct pipeline *p, struct str repository_id)
{
	own(arena) a = arena_open(PIPELINE_BUILD_ARENA_BYTES);
	struct pipeline_base_row *rows;
	size_t n, n_asks;
	TRY(pipeline_base_load(p, a, repository_id, &rows, &n));
	struct pipeline_base_ask *asks = arena_new_array(a, n, struct pipeline_base_ask);
	pipeline_base_names(a, rows, n, asks, &n_asks);
	for (size_t i = 0; i < n_asks && !pipeline_is_closing(p); i++)
		TRY(pipeline_base_ask(p, &asks[i]));
	TRY(pipeline_base_load(p, a, repository_id, &rows, &n));
	return pipeline_base_start(p, rows, n);
}

static void check_job(void *arg)
{
	struct pipeline_checking *c = arg;
	struct pipeline *p = c->p;
	struct err *e = check(p, str_of(c->id));
	if (e)
		log_err(LOG_LEVEL_WARN, "the base images of a repository cannot be checked", e);
	hold(&p->lock);
	struct pipeline_checking **at = &p->checking;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
	cond_broadcast(&p->bases);
}

struct err *pipeline_base_check(struct pipeline *p, struct str repository_id)
{
	uint64_t until = time_mono_ms() + CHECK_WAIT_MS;
	if (!p->o.registries)
		return err_coded(ERR_CONFLICT, "BASES_OFF", NULL,
				 "base images are not watched here");
	hold(&p->lock);
	if (!checking_locked(p, repository_id)) {
		struct pipeline_checking *c = mem_new(struct pipeline_checking);
		c->p = p;
		pipeline_copy_id(c->id, sizeof(c->id), repository_id);
		c->next = p->checking;
		p->checking = c;
		pool_add(p->askers, check_job, c);
	}
	while (!p->stopping && checking_locked(p, repository_id) &&
	       cond_wait_until(&p->bases, &p->lock, until))
		;
	return NULL;
}
