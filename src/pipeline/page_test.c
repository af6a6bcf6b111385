/* Pages of many records are read from an index. */
#include "pipeline/queue_test_priv.h"

#include <stdio.h>

static bool see_plan(void *arg, struct db_row *r)
{
	struct buf *b = arg;
	buf_add(b, db_row_text(r, 3));
	buf_add_c(b, '\n');
	return true;
}

static void expect_index(struct world *w, const struct pipeline_build_query *q)
{
	struct buf b;
	buf_init(&b, 64 << 10);
	EXPECT_OK(pipeline_build_page(w->p, q, "EXPLAIN QUERY PLAN ", see_plan, &b));
	buf_add_c(&b, '\0');
	const char *plan = buf_str(&b).p;
	bool sorts = strstr(plan, "TEMP B-TREE") != NULL;
	/* In the order of an index is a scan that ends with the page. */
	bool scans = strstr(plan, "SCAN r") && !strstr(plan, "SCAN r USING INDEX");
	if (sorts || scans || !strstr(plan, " r USING"))
		print_error("%s", plan);
	EXPECT(!sorts && !scans && strstr(plan, " r USING"));
	buf_done(&b);
}

TEST(a_page_of_100000_records_reads_an_index)
{
	done(world) w = new_world();
	const char *first = ADD(.rule = "r-0");
	struct pipeline_build b = queue_get(&w, first), *list;
	EXPECT_OK(db_exec(
		w.db,
		"INSERT INTO build_record (id, seq, repository_id, rule_id, trigger_kind, actor,"
		" ref, commit_id, pushed_ns, tags, dockerfile_dir, dockerfile_name, build_args,"
		" no_cache, pool, priority, policy, required, emulation, time_limit_s, status,"
		" n_log_lines, created_ns) WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT"
		" i + 1 FROM n WHERE i < 100000) SELECT 'id-' || i, i, $1, 'r-' || (i % 10),"
		" 'PUSH', '', 'refs/heads/b' || (i % 100), '00', 1, '[]', '', 'Dockerfile', '[]',"
		" 0, '', 0, 'all', '[]', 1, 60, 'SUCCESS', 0, i FROM n",
		DB_PARAMS(db_cstr(b.repository_id))));
	struct auth_principal admin = { .kind = AUTH_USER, .is_admin = true };
	struct auth_principal user = { .kind = AUTH_USER };
	const struct auth_principal *who[] = { NULL, &admin, &user };
	struct str repository_id = str_of(b.repository_id);
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		for (int64_t before = 0; before <= 50000; before += 50000) {
			struct pipeline_build_query q[] = {
				{ .n = 50 },
				{ .n = 50, .repository_id = repository_id },
				{ .n = 50, .rule_id = STR("r-3") },
				{ .n = 50, .rule_id = STR("r-3"), .ref = STR("refs/heads/b3") },
				{ .n = 50, .has_status = true, .status = PIPELINE_SUCCESS },
				{ .n = 50, .has_status = true, .status = PIPELINE_PENDING },
			};
			for (size_t k = 0; k < ARRAY_LEN(q); k++) {
				q[k].who = who[i];
				q[k].before_seq = before;
				expect_index(&w, &q[k]);
			}
		}
	}
	/* Those of a delivery are few: they are looked up, and sorted then. */
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		struct buf plan;
		buf_init(&plan, 64 << 10);
		EXPECT_OK(pipeline_build_page(
			w.p,
			&(struct pipeline_build_query){
				.n = 50, .delivery_id = STR("whd-1"), .who = who[i] },
			"EXPLAIN QUERY PLAN ", see_plan, &plan));
		buf_add_c(&plan, '\0');
		EXPECT(strstr(buf_str(&plan).p, "SEARCH r USING INDEX sqlite_autoindex"));
		buf_done(&plan);
	}
	size_t n;
	struct pipeline_build_query q = { .n = 50, .before_seq = 50001, .who = &admin };
	EXPECT_OK(pipeline_build_list(w.p, w.a, &q, &list, &n));
	EXPECT(n == 50 && list[0].seq == 50000 && list[49].seq == 49951);
}
