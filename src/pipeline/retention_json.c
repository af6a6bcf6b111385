/* Policies from and to JSON: for the API, and for the table. */
#include "pipeline/retention.h"

#include "codec/json.h"

/* ---- out ---- */

static json_t *pattern_json(const struct pipeline_tag_pattern *p)
{
	return json_pack("{s:s, s:s}", "pattern", p->text, "match",
			 pipeline_pattern_kind_name((int)p->kind));
}

json_t *pipeline_retention_json(const struct pipeline_retention_policy *p)
{
	json_t *j = json_object(), *rules = json_array(), *never = json_array();
	for (size_t i = 0; i < p->n_rules; i++) {
		json_t *rule = pattern_json(&p->rules[i].pattern);
		json_object_set_new(rule, "keepNewest", json_integer(p->rules[i].keep_newest));
		json_object_set_new(rule, "keepDays", json_integer(p->rules[i].keep_days));
		json_array_append_new(rules, rule);
	}
	for (size_t i = 0; i < p->n_never; i++)
		json_array_append_new(never, pattern_json(&p->never[i]));
	json_object_set_new(j, "enabled", json_boolean(p->enabled));
	json_object_set_new(j, "rules", rules);
	json_object_set_new(j, "never", never);
	json_object_set_new(j, "untaggedDays",
			    p->untagged_days ? json_integer(p->untagged_days) : json_null());
	return j;
}

/* ---- in ---- */

static struct err *bad(const char *member, const char *what)
{
	return err_new(ERR_INVALID, "\"%s\" %s", member, what);
}

static struct err *read_pattern(struct arena *a, json_t *j, struct pipeline_tag_pattern *out)
{
	struct str text = { 0 }, match = { 0 };
	if (json_is_object(j)) {
		TRY(json_get_str(j, "pattern", &text));
		TRY(json_get_str(j, "match", &match));
	} else if (json_is_string(j)) {
		text = str_n(json_string_value(j), json_string_length(j));
	}
	if (!text.p)
		return bad("pattern", "is missing: name a tag, or a pattern of tags");
	out->text = arena_strdup(a, text);
	int kind = match.p ? -1 : pipeline_pattern_kind_of(text);
	for (int k = PIPELINE_NAME; match.p && k <= PIPELINE_EXPRESSION; k++)
		if (str_eq(match, str_of(pipeline_pattern_kind_name(k))))
			kind = k;
	if (kind < 0)
		return bad("match", "is not one of name, wildcard, expression");
	out->kind = (__typeof__(out->kind))kind;
	return NULL;
}

static struct err *read_rule(struct arena *a, json_t *j, struct pipeline_retention_rule *out)
{
	uint64_t newest = 0, days = 0;
	if (!json_is_object(j))
		return bad("rules", "holds objects with pattern, keepNewest and keepDays");
	TRY(read_pattern(a, j, &out->pattern));
	TRY(json_get_u64(j, "keepNewest", UINT32_MAX, &newest));
	TRY(json_get_u64(j, "keepDays", UINT32_MAX, &days));
	out->keep_newest = (uint32_t)newest;
	out->keep_days = (uint32_t)days;
	return NULL;
}

struct err *pipeline_retention_read(struct arena *a, json_t *j,
				    struct pipeline_retention_policy *out)
{
	json_t *rules = NULL, *never = NULL, *v;
	uint64_t untagged = 0;
	size_t i;
	*out = (struct pipeline_retention_policy){ .enabled = false };
	TRY(json_get_bool(j, "enabled", &out->enabled));
	TRY(json_get_array(j, "rules", &rules));
	TRY(json_get_array(j, "never", &never));
	json_t *days = json_object_get(j, "untaggedDays");
	TRY(json_get_u64(j, "untaggedDays", UINT32_MAX, &untagged));
	if (json_is_integer(days) && !untagged)
		return bad("untaggedDays",
			   "is 1 to 3650, or null: what is being pushed has no tag yet");
	if (json_array_size(rules) > LIMIT_RETENTION_RULES)
		return bad("rules", "has at most 10 rules");
	if (json_array_size(never) > LIMIT_RETENTION_NEVER)
		return bad("never", "has at most 50 patterns");
	json_array_foreach(rules, i, v) TRY(read_rule(a, v, &out->rules[out->n_rules++]));
	json_array_foreach(never, i, v) TRY(read_pattern(a, v, &out->never[out->n_never++]));
	out->untagged_days = (uint32_t)untagged;
	return NULL;
}
