/* What build records tell together. Counting reads nothing but the index build_record_created; what
 * takes a look at jobs and steps does so for a sample. */
#include "pipeline/insights.h"

#include <stdlib.h>

#include "pipeline/pipeline_priv.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

struct taking { /* one answer */
	struct pipeline *p;
	struct arena *a;
	const struct pipeline_insights_query *q;
	struct pipeline_insights *out;
	int64_t since_ns; /* of the sample */
	uint64_t n_seen;
	/* how long builds took: the day in the upper half, the milliseconds in the lower one */
	uint64_t *took; /* owned */
	size_t n_took, cap_took;
};

static const char *row_text(struct taking *t, struct db_row *r, int column)
{
	return arena_strdup(t->a, db_row_text(r, column));
}

/* ---- the queries ---- */

/* Builds since `since_ns` that count here; joins and what is chosen stand before. */
static void add_records(struct taking *t, struct pipeline_sql_query *q, int64_t since_ns)
{
	buf_add(&q->sql, STR(" WHERE 1 = 1"));
	pipeline_where(q, "r.created_ns >= ", db_int(since_ns));
	pipeline_where(q, "r.created_ns < ", db_int(t->out->to_ns));
	/* The concatenations keep the database at the index by time. */
	if (t->q->repository_id.len)
		pipeline_where(q, "r.repository_id || '' = ", db_text(t->q->repository_id));
	else
		pipeline_where_visible(q, "r.repository_id || ''", t->q->who);
}

static struct pipeline_sql_query query(const char *sql)
{
	struct pipeline_sql_query q = { .n = 0 };
	buf_init(&q.sql, 8 << 10);
	buf_add(&q.sql, str_of(sql));
	return q;
}

/* ---- builds by day ---- */

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* Of sorted numbers, whose lower half counts. */
static struct pipeline_spread spread(const uint64_t *v, size_t n)
{
	struct pipeline_spread s = { .n = n };
	if (n) {
		s.median_ms = (int64_t)(uint32_t)v[(n + 1) / 2 - 1];
		s.p95_ms = (int64_t)(uint32_t)v[(n * 95 + 99) / 100 - 1];
	}
	return s;
}

/* The newest come first. */
static void sample(struct taking *t, int64_t created_ns)
{
	struct pipeline_insights *out = t->out;
	if (out->n_sampled < PIPELINE_INSIGHTS_SAMPLE)
		t->since_ns = created_ns;
	if (created_ns == t->since_ns)
		out->n_sampled++;
}

static bool see_build(void *arg, struct db_row *r)
{
	struct taking *t = arg;
	struct pipeline_insights *out = t->out;
	int64_t created_ns = db_row_int(r, 0);
	size_t day = (size_t)((created_ns - out->from_ns) / DAY_NS);
	enum pipeline_status status;
	if (day >= out->n_days || !pipeline_status_parse(db_row_text(r, 1), &status))
		return true;
	t->n_seen++;
	sample(t, created_ns);
	out->builds[status]++;
	out->days[day].builds[status]++;
	if (db_row_is_null(r, 2))
		return true;
	int64_t ms = db_row_int(r, 2);
	mem_reserve_one(t->took, t->n_took, t->cap_took);
	t->took[t->n_took++] = (uint64_t)day << 32 | (uint64_t)(ms < 0 ? 0 : MIN(ms, UINT32_MAX));
	return true;
}

static void spread_days(struct taking *t)
{
	struct pipeline_insights *out = t->out;
	if (!t->n_took)
		return;
	for (size_t first = 0, next; first < t->n_took; first = next) {
		uint64_t day = t->took[first] >> 32;
		for (next = first; next < t->n_took && t->took[next] >> 32 == day; next++)
			;
		qsort(t->took + first, next - first, sizeof(*t->took), by_number);
		out->days[day].took = spread(t->took + first, next - first);
	}
	for (size_t i = 0; i < t->n_took; i++)
		t->took[i] = (uint32_t)t->took[i];
	qsort(t->took, t->n_took, sizeof(*t->took), by_number);
	out->took = spread(t->took, t->n_took);
}

static struct err *take_builds(struct taking *t)
{
	struct pipeline_sql_query q =
		query("SELECT r.created_ns, r.status, CASE WHEN r.status = 'SUCCESS' AND"
		      " (r.rerun_of IS NULL OR NOT EXISTS (SELECT 1 FROM build_job j"
		      "  WHERE j.record_id = r.id AND j.queued_ns < r.created_ns))"
		      " THEN (r.ended_ns - r.started_ns) / 1000000 END FROM build_record r");
	add_records(t, &q, t->out->from_ns);
	buf_add(&q.sql, STR(" ORDER BY r.created_ns DESC"));
	q.params[q.n++] = db_int(PIPELINE_INSIGHTS_BUILDS);
	buf_printf(&q.sql, " LIMIT $%zu", q.n);
	t->since_ns = t->out->from_ns;
	TRY(pipeline_query_run(t->p, &q, see_build, t));
	spread_days(t);
	if (t->n_seen > t->out->n_sampled)
		t->out->sampled_from_ns = t->since_ns;
	return NULL;
}

/* ---- jobs ---- */

static bool see_platform(void *arg, struct db_row *r)
{
	struct taking *t = arg;
	struct pipeline_insights *out = t->out;
	out->platforms[out->n_platforms++] = (struct pipeline_insights_platform){
		.platform = row_text(t, r, 0),
		.waited = { .n = (uint64_t)db_row_int(r, 1),
			    .median_ms = db_row_int(r, 2),
			    .p95_ms = db_row_int(r, 3) },
	};
	return out->n_platforms < PIPELINE_INSIGHTS_ROWS;
}

static struct err *take_platforms(struct taking *t)
{
	struct pipeline_sql_query q =
		query("WITH w AS (SELECT j.platform, (j.started_ns - j.queued_ns) / 1000000 AS ms,"
		      " ROW_NUMBER() OVER (PARTITION BY j.platform"
		      "  ORDER BY j.started_ns - j.queued_ns) AS place,"
		      " COUNT(*) OVER (PARTITION BY j.platform) AS n"
		      " FROM build_record r JOIN build_job j ON j.record_id = r.id");
	add_records(t, &q, t->since_ns);
	buf_add(&q.sql,
		STR(" AND j.queued_ns >= r.created_ns AND j.started_ns IS NOT NULL"
		    " AND j.attempt = 1 AND r.waits_for IS NULL)"
		    " SELECT platform, MAX(n), MAX(CASE WHEN place = (n + 1) / 2 THEN ms END),"
		    " MAX(CASE WHEN place = (n * 95 + 99) / 100 THEN ms END)"
		    " FROM w GROUP BY platform ORDER BY platform"));
	return pipeline_query_run(t->p, &q, see_platform, t);
}

/* ---- steps ---- */

static void add_saved(struct pipeline_insights *out, const struct pipeline_insights_step *s,
		      int64_t looked_ms)
{
	int64_t saved_ms;
	out->n_ran += s->n_ran;
	out->n_cached += s->n_cached;
	if (!s->n_ran || !s->n_cached)
		return;
	saved_ms = s->total_ms / (int64_t)s->n_ran * (int64_t)s->n_cached - looked_ms;
	out->n_cached_told += s->n_cached;
	out->saved_ms += saved_ms > 0 ? saved_ms : 0;
}

static bool see_steps(void *arg, struct db_row *r)
{
	struct taking *t = arg;
	struct pipeline_insights *out = t->out;
	struct pipeline_insights_step s = { .n_ran = (uint64_t)db_row_int(r, 2),
					    .n_cached = (uint64_t)db_row_int(r, 3),
					    .total_ms = db_row_int(r, 4),
					    .longest_ms = db_row_int(r, 5) };
	add_saved(out, &s, db_row_int(r, 6));
	if (!s.n_ran || out->n_steps == PIPELINE_INSIGHTS_ROWS)
		return true;
	s.repository = row_text(t, r, 0);
	s.text = row_text(t, r, 1);
	out->steps[out->n_steps++] = s;
	return true;
}

static struct err *take_steps(struct taking *t)
{
	struct pipeline_sql_query q =
		query("WITH g AS (SELECT r.repository_id, s.text,"
		      " SUM(CASE WHEN s.state = 'done' THEN 1 ELSE 0 END) AS ran,"
		      " SUM(CASE WHEN s.state = 'cached' THEN 1 ELSE 0 END) AS cached,"
		      " SUM(CASE WHEN s.state = 'done' THEN s.ended_ms - s.started_ms ELSE 0 END)"
		      "  AS total,"
		      " MAX(CASE WHEN s.state = 'done' THEN s.ended_ms - s.started_ms ELSE 0 END)"
		      "  AS longest,"
		      " SUM(CASE WHEN s.state = 'cached' THEN s.ended_ms - s.started_ms ELSE 0 END)"
		      "  AS looked"
		      " FROM build_record r JOIN build_step s ON s.record_id = r.id");
	add_records(t, &q, t->since_ns);
	buf_add(&q.sql,
		STR(" AND s.line > 0 GROUP BY r.repository_id, s.text, s.platforms)"
		    " SELECT i.full_name, g.text, g.ran, g.cached, g.total, g.longest, g.looked"
		    " FROM g JOIN image_repository i ON i.id = g.repository_id"
		    " ORDER BY g.total DESC, i.full_name, g.text"));
	return pipeline_query_run(t->p, &q, see_steps, t);
}

/* ---- rules ---- */

static bool see_rule(void *arg, struct db_row *r)
{
	struct taking *t = arg;
	struct pipeline_insights *out = t->out;
	out->rules[out->n_rules++] = (struct pipeline_insights_rule){
		.id = row_text(t, r, 0),
		.repository_id = row_text(t, r, 1),
		.repository = row_text(t, r, 2),
		.ref_type = row_text(t, r, 3),
		.pattern = row_text(t, r, 4),
		.n_success = (uint64_t)db_row_int(r, 5),
		.n_failed = (uint64_t)db_row_int(r, 6),
		.n_flips = (uint64_t)db_row_int(r, 7),
	};
	return out->n_rules < PIPELINE_INSIGHTS_ROWS;
}

static struct err *take_rules(struct taking *t)
{
	struct pipeline_sql_query q =
		query("WITH e AS (SELECT r.rule_id, r.status, LAG(r.status) OVER"
		      " (PARTITION BY r.rule_id, r.ref ORDER BY r.seq) AS earlier"
		      " FROM build_record r");
	add_records(t, &q, t->since_ns);
	buf_add(&q.sql,
		STR(" AND r.status || '' IN ('SUCCESS', 'FAILED')),"
		    " g AS (SELECT rule_id, SUM(CASE WHEN status = 'FAILED' THEN 0 ELSE 1 END)"
		    "  AS success, SUM(CASE WHEN status = 'FAILED' THEN 1 ELSE 0 END) AS failed,"
		    "  SUM(CASE WHEN earlier <> status THEN 1 ELSE 0 END) AS flips"
		    "  FROM e GROUP BY rule_id)"
		    " SELECT b.id, b.repository_id, i.full_name, b.ref_type, b.pattern, g.success,"
		    " g.failed, g.flips FROM g JOIN build_rule b ON b.id = g.rule_id"
		    " JOIN image_repository i ON i.id = b.repository_id"
		    " WHERE g.failed > 0 ORDER BY g.failed DESC, g.flips DESC, b.id"));
	return pipeline_query_run(t->p, &q, see_rule, t);
}

/* ---- what is stored ---- */

static void add_blobs(struct taking *t, struct pipeline_sql_query *q)
{
	buf_add(&q->sql, STR(" FROM repository_blob b JOIN image_repository i"
			     " ON i.full_name = b.repository"));
	if (t->q->repository_id.len) {
		buf_add(&q->sql, STR(" WHERE 1 = 1"));
		pipeline_where(q, "i.id = ", db_text(t->q->repository_id));
		return;
	}
	/* The concatenation: in the order of the table, and not in that of the names. */
	buf_add(&q->sql, STR(" || '' WHERE 1 = 1"));
	pipeline_where_visible(q, "i.id", t->q->who);
}

static bool see_held(void *arg, struct db_row *r)
{
	struct taking *t = arg;
	struct pipeline_insights *out = t->out;
	out->held[out->n_held++] = (struct pipeline_insights_held){
		.repository = row_text(t, r, 0),
		.n_blobs = (uint64_t)db_row_int(r, 1),
		.bytes = (uint64_t)db_row_int(r, 2),
	};
	return out->n_held < PIPELINE_INSIGHTS_ROWS;
}

static bool see_sums(void *arg, struct db_row *r)
{
	struct pipeline_insights *out = ((struct taking *)arg)->out;
	out->n_blobs = (uint64_t)db_row_int(r, 0);
	out->once_bytes = (uint64_t)db_row_int(r, 1);
	out->bytes = (uint64_t)db_row_int(r, 2);
	return true;
}

static struct err *take_held(struct taking *t)
{
	struct pipeline_sql_query q = query("SELECT i.full_name, COUNT(*), SUM(b.size)");
	add_blobs(t, &q);
	buf_add(&q.sql, STR(" GROUP BY i.full_name ORDER BY 3 DESC, 1"));
	TRY(pipeline_query_run(t->p, &q, see_held, t));
	q = query("SELECT COUNT(*), COALESCE(SUM(size), 0), COALESCE(SUM(n * size), 0) FROM"
		  " (SELECT MAX(b.size) AS size, COUNT(*) AS n");
	add_blobs(t, &q);
	buf_add(&q.sql, STR(" GROUP BY b.digest) AS d"));
	return pipeline_query_run(t->p, &q, see_sums, t);
}

struct err *pipeline_insights_get(struct pipeline *p, struct arena *a,
				  const struct pipeline_insights_query *q,
				  struct pipeline_insights *out)
{
	int64_t today_ns = pipeline_now(p) / DAY_NS * DAY_NS;
	*out = (struct pipeline_insights){ .to_ns = today_ns + DAY_NS, .n_days = q->days };
	out->from_ns = out->to_ns - (int64_t)q->days * DAY_NS;
	for (size_t i = 0; i < out->n_days; i++)
		out->days[i].start_ns = out->from_ns + (int64_t)i * DAY_NS;
	struct taking t = { .p = p, .a = a, .q = q, .out = out };
	struct err *e = take_builds(&t);
	free(t.took);
	TRY(e);
	TRY(take_platforms(&t));
	TRY(take_steps(&t));
	TRY(take_rules(&t));
	return take_held(&t);
}
