/* What a build and those before it came to, in one query. */
#include "pipeline/history.h"

#include "pipeline/pipeline_priv.h"

struct taking {
	struct arena *a;
	struct pipeline_past *v;
	size_t n;
};

static int64_t or_none(struct db_row *r, int column)
{
	return db_row_is_null(r, column) ? -1 : db_row_int(r, column);
}

static bool see_past(void *arg, struct db_row *r)
{
	struct taking *t = arg;
	struct pipeline_past *p = &t->v[t->n];
	*p = (struct pipeline_past){
		.id = pipeline_row_text(t->a, r, 0),
		.ref = pipeline_row_text(t->a, r, 2),
		.commit = pipeline_row_text(t->a, r, 3),
		.created_ns = db_row_int(r, 4),
		.took_ms = or_none(r, 5),
		.n_steps = (uint64_t)db_row_int(r, 6),
		.n_cached = (uint64_t)db_row_int(r, 7),
		.layer_bytes = (uint64_t)db_row_int(r, 8),
		.step = { .state = pipeline_row_text(t->a, r, 9),
			  .reason = pipeline_row_text(t->a, r, 10),
			  .took_ms = or_none(r, 11),
			  .has_layer = !db_row_is_null(r, 12),
			  .bytes = (uint64_t)db_row_int(r, 12) },
	};
	if (pipeline_status_parse(db_row_text(r, 1), &p->status))
		t->n++;
	return t->n < PIPELINE_HISTORY_BUILDS;
}

static struct err *need_step(struct pipeline *p, const struct pipeline_build *b, uint32_t step)
{
	bool found = false;
	TRY(db_query(p->o.db, "SELECT 1 FROM build_step WHERE record_id = $1 AND step = $2",
		     DB_PARAMS(db_cstr(b->id), db_int(step)), pipeline_see_row, &found));
	return found ? NULL
		     : err_coded(ERR_NOT_FOUND, "NO_STEP", NULL, "the build has no step %u", step);
}

/* A record may have a step several times: a retry runs it again. */
#define PAST                                                                                   \
	"SELECT h.id, h.status, h.ref, h.commit_id, h.created_ns,"                             \
	" (h.ended_ns - h.started_ns) / 1000000,"                                              \
	" (SELECT COUNT(*) FROM build_step s WHERE s.record_id = h.id AND s.line > 0"          \
	"  AND s.state IN ('done', 'cached', 'failed')),"                                      \
	" (SELECT COUNT(*) FROM build_step s WHERE s.record_id = h.id AND s.line > 0"          \
	"  AND s.state = 'cached'),"                                                           \
	" COALESCE((SELECT SUM(d.size) FROM (SELECT DISTINCT s.digest, s.size FROM build_step" \
	"  s WHERE s.record_id = h.id AND s.digest IS NOT NULL) AS d), 0),"                    \
	" l.state, l.cache_reason, l.ended_ms - l.started_ms, l.size"                          \
	" FROM h LEFT JOIN build_step l ON l.record_id = h.id AND l.step ="                    \
	" (SELECT MAX(s.step) FROM build_step s JOIN build_step o ON o.record_id = $1"         \
	"  AND o.step = $2 AND o.stage = s.stage AND o.text = s.text"                          \
	"  AND o.platforms = s.platforms WHERE s.record_id = h.id) ORDER BY h.seq DESC"
#define RECORD \
	"SELECT id, seq, status, ref, commit_id, created_ns, started_ns, ended_ns FROM build_record"

struct err *pipeline_history_get(struct pipeline *p, struct arena *a,
				 const struct pipeline_build *b, uint32_t step,
				 struct pipeline_past **out, size_t *n)
{
	struct taking t = { .a = a };
	t.v = arena_new_array(a, PIPELINE_HISTORY_BUILDS, struct pipeline_past);
	if (step)
		TRY(need_step(p, b, step));
	if (b->rule_id)
		TRY(db_query(p->o.db,
			     "WITH h AS (" RECORD " WHERE rule_id = $3 AND seq <= $4"
			     " ORDER BY seq DESC LIMIT $5) " PAST,
			     DB_PARAMS(db_cstr(b->id), db_int(step), db_cstr(b->rule_id),
				       db_int(b->seq), db_int(PIPELINE_HISTORY_BUILDS)),
			     see_past, &t));
	else
		TRY(db_query(p->o.db, "WITH h AS (" RECORD " WHERE id = $1) " PAST,
			     DB_PARAMS(db_cstr(b->id), db_int(step)), see_past, &t));
	*out = t.v;
	*n = t.n;
	return NULL;
}
