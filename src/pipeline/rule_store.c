/* Rules in the database: table build_rule. */
#include "pipeline/rule_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/random.h"
#include "base/time.h"
#include "codec/json.h"
#include "db/db.h"

#define COLUMNS                                                                                 \
	"id, repository_id, ref_type, pattern, is_expression, dockerfile_dir, dockerfile_name," \
	" tags, platforms, build_args, policy, required, newer_push, priority, time_limit_s,"   \
	" emulation, enabled, created_ns, updated_ns, rebuild_on_base"

/* ---- writing ---- */

static char *tags_json(struct arena *a, const struct pipeline_rule *r)
{
	own_json list = json_array();
	for (size_t i = 0; i < r->n_tags; i++)
		json_array_append_new(list, json_string(pipeline_template_text(a, &r->tags[i])));
	return json_text(list);
}

static char *platforms_json(const struct oci_platform *p, size_t n)
{
	own_json list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(oci_platform_text(&p[i]).s));
	return json_text(list);
}

static char *args_json(const struct pipeline_rule *r)
{
	own_json list = json_array();
	for (size_t i = 0; i < r->n_args; i++)
		json_array_append_new(list, json_pack("[s,s]", r->args[i].name, r->args[i].value));
	return json_text(list);
}

static struct err *write_rule(struct db_tx *tx, const char *sql, struct arena *a,
			      const struct pipeline_rule *r)
{
	own_mem char *tags = tags_json(a, r), *args = args_json(r);
	own_mem char *platforms = platforms_json(r->platforms, r->n_platforms),
		     *required = platforms_json(r->required, r->n_required);
	return db_tx_exec(
		tx, sql,
		DB_PARAMS(db_cstr(r->id), db_cstr(r->repository_id),
			  db_cstr(r->ref_type == PIPELINE_TAG ? "GIT_TAG" : "GIT_BRANCH"),
			  db_cstr(r->pattern), db_int(r->is_expression), db_cstr(r->dockerfile_dir),
			  db_cstr(r->dockerfile_name), db_cstr(tags), db_cstr(platforms),
			  db_cstr(args), db_cstr(pipeline_policy_name(r->policy)),
			  db_cstr(required),
			  db_cstr(r->newer_push == PIPELINE_NEWER_WAITS ? "wait" : "cancel"),
			  db_int(r->priority), db_int(r->time_limit_s), db_int(r->emulation),
			  db_int(r->enabled), db_int(r->created_ns), db_int(r->updated_ns),
			  db_int(r->rebuild_on_base)));
}

static bool see_count(void *arg, struct db_row *row)
{
	*(int64_t *)arg = db_row_int(row, 0);
	return false;
}

struct err *pipeline_rule_create(struct db *db, struct arena *a, struct pipeline_rule *r)
{
	own(db_tx) tx = NULL;
	int64_t n = 0;
	r->id = arena_strdup(a, str_of(random_id("crbr-").s));
	r->created_ns = r->updated_ns = time_now_unix_ns();
	TRY(db_tx_begin(db, &tx));
	TRY(db_tx_query(tx, "SELECT COUNT(*) FROM build_rule WHERE repository_id = $1",
			DB_PARAMS(db_cstr(r->repository_id)), see_count, &n));
	if (n >= LIMIT_RULES)
		return err_coded(ERR_LIMIT, "RULES", "Delete one first.",
				 "a repository has at most %d build rules", LIMIT_RULES);
	TRY(write_rule(tx,
		       "INSERT INTO build_rule (" COLUMNS
		       ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
		       " $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
		       a, r));
	return db_tx_commit(tx);
}

struct err *pipeline_rule_update(struct db *db, const struct pipeline_rule *r)
{
	own(arena) a = arena_open(1 << 20);
	own(db_tx) tx = NULL;
	struct pipeline_rule now = *r;
	now.updated_ns = time_now_unix_ns();
	TRY(db_tx_begin(db, &tx));
	TRY(write_rule(
		tx,
		"UPDATE build_rule SET ref_type = $3, pattern = $4, is_expression = $5,"
		" dockerfile_dir = $6, dockerfile_name = $7, tags = $8, platforms = $9,"
		" build_args = $10, policy = $11, required = $12, newer_push = $13,"
		" priority = $14, time_limit_s = $15, emulation = $16, enabled = $17,"
		" updated_ns = $19, rebuild_on_base = $20 WHERE id = $1 AND repository_id = $2 AND created_ns = $18",
		a, &now));
	return db_tx_commit(tx);
}

/* ---- reading ---- */

struct reading {
	struct arena *a;
	struct pipeline_rule *list; /* owned */
	size_t n, cap;
	struct err *failed;
};

static struct err *read_tags(struct arena *a, json_t *list, struct pipeline_rule *r)
{
	json_t *v;
	size_t i;
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v) || r->n_tags >= PIPELINE_MOST_TAGS)
			return err_new(ERR_CORRUPT, "image tags");
		TRY(pipeline_template_parse(a, str_of(json_string_value(v)),
					    &r->tags[r->n_tags++]));
	}
	return NULL;
}

static struct err *read_platforms(json_t *list, struct oci_platform *out, size_t *n)
{
	json_t *v;
	size_t i;
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v) || *n >= 4)
			return err_new(ERR_CORRUPT, "platforms");
		TRY(oci_platform_parse_target(str_of(json_string_value(v)), &out[(*n)++]));
	}
	return NULL;
}

static struct err *read_args(struct arena *a, json_t *list, struct pipeline_rule *r)
{
	json_t *v;
	size_t i;
	json_array_foreach(list, i, v)
	{
		const char *name = json_string_value(json_array_get(v, 0)),
			   *value = json_string_value(json_array_get(v, 1));
		if (!name || !value || r->n_args >= PIPELINE_MOST_ARGS)
			return err_new(ERR_CORRUPT, "build arguments");
		r->args[r->n_args++] = (struct pipeline_arg){ arena_strdup(a, str_of(name)),
							      arena_strdup(a, str_of(value)) };
	}
	return NULL;
}

static struct err *read_lists(struct arena *a, struct db_row *row, struct pipeline_rule *r)
{
	own_json tags = NULL, platforms = NULL, args = NULL, required = NULL;
	TRY(json_read(db_row_text(row, 7), &tags));
	TRY(json_read(db_row_text(row, 8), &platforms));
	TRY(json_read(db_row_text(row, 9), &args));
	TRY(json_read(db_row_text(row, 11), &required));
	TRY(read_tags(a, tags, r));
	TRY(read_platforms(platforms, r->platforms, &r->n_platforms));
	TRY(read_platforms(required, r->required, &r->n_required));
	return read_args(a, args, r);
}

static const char *text_at(struct arena *a, struct db_row *row, int column)
{
	return arena_strdup(a, db_row_text(row, column));
}

static bool see_rule(void *arg, struct db_row *row)
{
	struct reading *k = arg;
	mem_reserve_one(k->list, k->n, k->cap);
	struct pipeline_rule *r = &k->list[k->n++];
	*r = (struct pipeline_rule){ .id = text_at(k->a, row, 0),
				     .repository_id = text_at(k->a, row, 1),
				     .ref_type = str_eq(db_row_text(row, 2), STR("GIT_TAG"))
							 ? PIPELINE_TAG
							 : PIPELINE_BRANCH,
				     .pattern = text_at(k->a, row, 3),
				     .is_expression = db_row_int(row, 4) != 0,
				     .dockerfile_dir = text_at(k->a, row, 5),
				     .dockerfile_name = text_at(k->a, row, 6),
				     .newer_push = str_eq(db_row_text(row, 12), STR("wait"))
							   ? PIPELINE_NEWER_WAITS
							   : PIPELINE_NEWER_CANCELS,
				     .priority = (int)db_row_int(row, 13),
				     .time_limit_s = (uint32_t)db_row_int(row, 14),
				     .emulation = db_row_int(row, 15) != 0,
				     .enabled = db_row_int(row, 16) != 0,
				     .created_ns = db_row_int(row, 17),
				     .updated_ns = db_row_int(row, 18),
				     .rebuild_on_base = db_row_int(row, 19) != 0 };
	k->failed = read_lists(k->a, row, r);
	if (!k->failed && !pipeline_policy_parse(db_row_text(row, 10), &r->policy))
		k->failed = err_new(ERR_CORRUPT, "policy");
	if (k->failed) {
		k->failed->kind = ERR_CORRUPT;
		k->failed = err_wrap(k->failed, "build rule %s", r->id);
	}
	return !k->failed;
}

static struct err *read_rules(struct db *db, struct arena *a, const char *sql, struct str param,
			      struct pipeline_rule **out, size_t *n)
{
	struct reading k = { .a = a };
	struct err *e = db_query(db, sql, DB_PARAMS(db_text(param)), see_rule, &k);
	err_keep(&e, k.failed);
	if (!e) {
		*n = k.n;
		*out = arena_new_array(a, k.n, struct pipeline_rule);
		if (k.n)
			memcpy(*out, k.list, k.n * sizeof(*k.list));
	}
	free(k.list);
	return e;
}

struct err *pipeline_rule_get(struct db *db, struct arena *a, struct str id, bool *found,
			      struct pipeline_rule *out)
{
	struct pipeline_rule *list;
	size_t n;
	TRY(read_rules(db, a, "SELECT " COLUMNS " FROM build_rule WHERE id = $1", id, &list, &n));
	*found = n > 0;
	if (n)
		*out = list[0];
	return NULL;
}

struct err *pipeline_rule_list(struct db *db, struct arena *a, struct str repository_id,
			       struct pipeline_rule **out, size_t *n)
{
	return read_rules(db, a,
			  "SELECT " COLUMNS " FROM build_rule WHERE repository_id = $1"
			  " ORDER BY created_ns, id",
			  repository_id, out, n);
}

static bool see_row(void *arg, struct db_row *row)
{
	*(bool *)arg = true;
	return false;
}

struct err *pipeline_rule_delete(struct db *db, struct str id, bool *found)
{
	own(db_tx) tx = NULL;
	*found = false;
	TRY(db_tx_begin(db, &tx));
	TRY(db_tx_exec(tx, "UPDATE build_record SET rule_id = NULL WHERE rule_id = $1",
		       DB_PARAMS(db_text(id))));
	TRY(db_tx_query(tx, "DELETE FROM build_rule WHERE id = $1 RETURNING 1",
			DB_PARAMS(db_text(id)), see_row, found));
	return db_tx_commit(tx);
}
