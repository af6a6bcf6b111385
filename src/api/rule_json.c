/* Build rules from and to JSON. */
#include "api/rules_priv.h"

static struct err *bad(const char *member, const char *what)
{
	return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY, "\"%s\" %s", member, what);
}

/* ---- out ---- */

static json_t *tag_json(const struct pipeline_template *t)
{
	json_t *j = json_object();
	json_object_set_new(j, "version", json_string(t->version));
	json_object_set_new(j, "buildTime",
			    t->time == PIPELINE_DATE     ? json_string("YYYYMMDD")
			    : t->time == PIPELINE_MINUTE ? json_string("YYYYMMDDHHMM")
							 : json_null());
	json_object_set_new(j, "commitId", t->commit ? json_integer(t->commit) : json_null());
	return j;
}

static json_t *platforms_json(const struct oci_platform *p, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(oci_platform_text(&p[i]).s));
	return list;
}

static void set_lists(struct arena *a, json_t *j, const struct pipeline_rule *r)
{
	json_t *tags = json_array(), *templates = json_array(), *args = json_array();
	for (size_t i = 0; i < r->n_tags; i++) {
		json_array_append_new(tags, tag_json(&r->tags[i]));
		json_array_append_new(templates,
				      json_string(pipeline_template_text(a, &r->tags[i])));
	}
	for (size_t i = 0; i < r->n_args; i++)
		json_array_append_new(args, json_pack("{s:s,s:s}", "name", r->args[i].name, "value",
						      r->args[i].value));
	json_object_set_new(j, "imageTags", tags);
	json_object_set_new(j, "templates", templates);
	json_object_set_new(j, "platforms", platforms_json(r->platforms, r->n_platforms));
	json_object_set_new(j, "buildArgs", args);
	json_object_set_new(j, "required", platforms_json(r->required, r->n_required));
}

json_t *api_rule_json(struct arena *a, const struct pipeline_rule *r)
{
	json_t *j = json_object();
	const char *why = NULL;
	bool by_hand = pipeline_rule_by_hand(r, &why);
	json_object_set_new(j, "id", json_string(r->id));
	json_object_set_new(j, "repositoryId", json_string(r->repository_id));
	json_object_set_new(j, "refType",
			    json_string(r->ref_type == PIPELINE_TAG ? "GIT_TAG" : "GIT_BRANCH"));
	json_object_set_new(j, "pattern", json_string(r->pattern));
	json_object_set_new(j, "match", json_string(r->is_expression ? "expression" : "name"));
	json_object_set_new(j, "dockerfileDirectory",
			    json_string(arena_printf(a, "/%s", r->dockerfile_dir)));
	json_object_set_new(j, "dockerfileName", json_string(r->dockerfile_name));
	set_lists(a, j, r);
	json_object_set_new(j, "policy", json_string(pipeline_policy_name(r->policy)));
	json_object_set_new(j, "newerPush",
			    json_string(r->newer_push == PIPELINE_NEWER_WAITS ? "wait" : "cancel"));
	json_object_set_new(j, "priority", json_integer(r->priority));
	json_object_set_new(j, "timeLimitSeconds", json_integer(r->time_limit_s));
	json_object_set_new(j, "emulation", json_boolean(r->emulation));
	json_object_set_new(j, "enabled", json_boolean(r->enabled));
	json_object_set_new(j, "rebuildOnBaseUpdate", json_boolean(r->rebuild_on_base));
	json_object_set_new(j, "buildableByHand", json_boolean(by_hand));
	json_object_set_new(j, "whyNotByHand", api_str(why));
	json_object_set_new(j, "createdAt", api_time(r->created_ns));
	json_object_set_new(j, "updatedAt", api_time(r->updated_ns));
	return j;
}

/* ---- in ---- */

/* How long it may be is for pipeline_rule_check(); a body has its limit. */
static struct err *get_text(struct arena *a, json_t *j, const char *member, const char **out)
{
	struct str s = { 0 };
	TRY(json_get_str(j, member, &s));
	if (s.p)
		*out = arena_strdup(a, s);
	return NULL;
}

/* One of a few words; `*at` is its place. */
static struct err *get_word(json_t *j, const char *member, const char *const *words, size_t n,
			    int *at)
{
	struct str s = { 0 };
	TRY(json_get_str(j, member, &s));
	if (!s.p)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (str_eq(s, str_of(words[i]))) {
			*at = (int)i;
			return NULL;
		}
	}
	return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY, "\"%s\" is not one of %s, %s%s%s",
			 member, words[0], words[1], n > 2 ? ", " : "", n > 2 ? words[2] : "");
}

static struct err *read_tag(struct arena *a, json_t *j, struct pipeline_template *t)
{
	if (json_is_string(j))
		return pipeline_template_parse(a, str_of(json_string_value(j)), t);
	if (!json_is_object(j))
		return bad("imageTags",
			   "holds templates, or objects with version, buildTime, commitId");
	*t = (struct pipeline_template){ .version = "" };
	static const char *const times[] = { "YYYYMMDD", "YYYYMMDDHHMM" };
	int time = -1;
	json_t *given = json_object_get(j, "commitId");
	uint64_t commit = 0;
	TRY(get_text(a, j, "version", &t->version));
	TRY(get_word(j, "buildTime", times, 2, &time));
	TRY(json_get_u64(j, "commitId", UINT32_MAX, &commit));
	if (json_is_integer(given) && !commit)
		return bad("commitId", "is 1 to 40, or null");
	if (time >= 0)
		t->time = time ? PIPELINE_MINUTE : PIPELINE_DATE;
	t->commit = (unsigned)commit;
	return NULL;
}

static struct err *read_tags(struct arena *a, json_t *body, struct pipeline_rule *r)
{
	json_t *list = NULL, *v;
	size_t i;
	TRY(json_get_array(body, "imageTags", &list));
	if (!list)
		return NULL;
	if (json_array_size(list) > PIPELINE_MOST_TAGS)
		return err_coded(ERR_INVALID, "IMAGE_TAGS", "List one to three in \"imageTags\".",
				 "a rule has one to three image tags");
	r->n_tags = 0;
	json_array_foreach(list, i, v) TRY(read_tag(a, v, &r->tags[r->n_tags++]));
	return NULL;
}

static struct err *read_platforms(json_t *body, const char *member, struct oci_platform *out,
				  size_t *n)
{
	json_t *list = NULL, *v;
	size_t i;
	TRY(json_get_array(body, member, &list));
	if (!list)
		return NULL;
	*n = 0;
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v))
			return bad(member, "holds texts, as in linux/arm64");
		if (*n >= 4)
			return err_coded(ERR_INVALID, "PLATFORM", "Give each once.",
					 "there are four platforms");
		struct err *e = oci_platform_parse_target(str_of(json_string_value(v)), &out[*n]);
		if (e) {
			own(err) cause = e;
			own_mem char *text = err_text(cause);
			return err_coded(
				ERR_INVALID, "PLATFORM",
				"Use linux/amd64, linux/arm64, linux/arm/v7, linux/arm/v6.", "%s",
				text);
		}
		(*n)++;
	}
	return NULL;
}

static struct err *read_args(struct arena *a, json_t *body, struct pipeline_rule *r)
{
	json_t *list = NULL, *v;
	size_t i;
	TRY(json_get_array(body, "buildArgs", &list));
	if (!list)
		return NULL;
	if (json_array_size(list) > PIPELINE_MOST_ARGS)
		return err_coded(ERR_INVALID, "BUILD_ARG",
				 "Leave some out, or give them defaults in the Dockerfile.",
				 "a rule has at most 20 build arguments");
	r->n_args = 0;
	json_array_foreach(list, i, v)
	{
		struct pipeline_arg arg = { "", "" };
		if (!json_is_object(v))
			return bad("buildArgs", "holds objects with name and value");
		TRY(get_text(a, v, "name", &arg.name));
		TRY(get_text(a, v, "value", &arg.value));
		r->args[r->n_args++] = arg;
	}
	return NULL;
}

static struct err *read_words(json_t *body, struct pipeline_rule *r, int *match)
{
	static const char *const types[] = { "GIT_BRANCH", "GIT_TAG" },
				 *const matches[] = { "name", "expression" },
				 *const policies[] = { "all", "required", "best_effort" },
				 *const newer[] = { "cancel", "wait" };
	int type = r->ref_type == PIPELINE_TAG, policy = (int)r->policy,
	    wait = r->newer_push == PIPELINE_NEWER_WAITS;
	TRY(get_word(body, "refType", types, 2, &type));
	TRY(get_word(body, "match", matches, 2, match));
	TRY(get_word(body, "policy", policies, 3, &policy));
	TRY(get_word(body, "newerPush", newer, 2, &wait));
	r->ref_type = type ? PIPELINE_TAG : PIPELINE_BRANCH;
	/* Of another policy, none are required. */
	if (policy != PIPELINE_REQUIRED && !json_object_get(body, "required"))
		r->n_required = 0;
	r->policy = (enum pipeline_policy)policy;
	r->newer_push = wait ? PIPELINE_NEWER_WAITS : PIPELINE_NEWER_CANCELS;
	return NULL;
}

static struct err *read_numbers(json_t *body, struct pipeline_rule *r)
{
	json_t *priority = json_object_get(body, "priority");
	if (priority && !json_is_null(priority)) {
		if (!json_is_integer(priority) || json_integer_value(priority) < -100 ||
		    json_integer_value(priority) > 100)
			return err_coded(ERR_INVALID, "PRIORITY", "The default is 0.",
					 "priority is -100 to 100");
		r->priority = (int)json_integer_value(priority);
	}
	uint64_t limit = r->time_limit_s;
	TRY(json_get_u64(body, "timeLimitSeconds", UINT32_MAX, &limit));
	if (!limit) /* which is the default to pipeline_rule_check() */
		return bad("timeLimitSeconds", "is 60 to 86400");
	r->time_limit_s = (uint32_t)limit;
	TRY(json_get_bool(body, "emulation", &r->emulation));
	TRY(json_get_bool(body, "rebuildOnBaseUpdate", &r->rebuild_on_base));
	return json_get_bool(body, "enabled", &r->enabled);
}

static struct err *read_all(struct arena *a, json_t *body, bool is_new, struct pipeline_rule *r)
{
	const char *pattern = NULL;
	int match = -1;
	TRY(get_text(a, body, "pattern", &pattern));
	TRY(get_text(a, body, "dockerfileDirectory", &r->dockerfile_dir));
	TRY(get_text(a, body, "dockerfileName", &r->dockerfile_name));
	TRY(read_words(body, r, &match));
	TRY(read_tags(a, body, r));
	TRY(read_platforms(body, "platforms", r->platforms, &r->n_platforms));
	TRY(read_platforms(body, "required", r->required, &r->n_required));
	TRY(read_args(a, body, r));
	TRY(read_numbers(body, r));
	if (pattern)
		r->pattern = pattern;
	if (match >= 0)
		r->is_expression = match == 1;
	else if (pattern || is_new)
		r->is_expression = pipeline_looks_like_expression(str_of(r->pattern));
	return NULL;
}

struct err *api_rule_read(struct arena *a, json_t *body, bool is_new, struct pipeline_rule *r)
{
	if (is_new)
		*r = (struct pipeline_rule){ .pattern = "",
					     .dockerfile_dir = "",
					     .dockerfile_name = "Dockerfile",
					     .time_limit_s = 3600,
					     .emulation = true,
					     .enabled = true };
	TRY(api_body_err(read_all(a, body, is_new, r)));
	return pipeline_rule_check(a, r);
}
