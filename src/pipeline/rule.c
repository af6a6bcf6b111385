/* One rule: is it well-formed, and what does it make of a ref? */
#include "pipeline/rule_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "source/git.h"

bool pipeline_looks_like_expression(struct str pattern)
{
	for (size_t i = 0; i < pattern.len; i++)
		if (pattern.p[i] && strchr("\\^$*+?()[]{}|", pattern.p[i]))
			return true;
	return false;
}

/* ---- checking ---- */

static struct err *invalid(const char *code, const char *remedy, const char *what)
{
	return err_coded(ERR_INVALID, code, remedy, "%s", what);
}

/* Names of the groups that templates may use. */
static struct err *check_pattern(struct arena *a, const struct pipeline_rule *r,
				 const char ***groups, size_t *n_groups)
{
	const char *why;
	*groups = NULL;
	*n_groups = 0;
	struct str pattern = str_of(r->pattern);
	if (!pattern.len)
		return invalid("RULE_REF", "Name a branch or a tag, as in main.",
			       "the rule names no branch or tag");
	if (!r->is_expression) {
		if (pattern.len <= LIMIT_REF_BYTES && pipeline_ref_name_ok(pattern, &why))
			return NULL;
		return err_coded(ERR_INVALID, "RULE_REF",
				 "An expression is marked as such: \"match\": \"expression\".",
				 "\"" STR_FMT "\" is no name of a branch or tag: %s",
				 STR_ARG(str_first(pattern, 200)),
				 pattern.len > LIMIT_REF_BYTES ? "it is too long" : why);
	}
	own(pipeline_expression) e = NULL;
	TRY(pipeline_expression_open(pattern, &e));
	pipeline_expression_groups(e, a, groups, n_groups);
	return NULL;
}

static bool is_group(const struct pipeline_rule *r, const char *const *groups, size_t n,
		     struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(str_of(groups[i]), name))
			return true;
	return str_eq(name, str_of(pipeline_whole_name(r->ref_type)));
}

static struct err *check_piece(struct arena *a, const struct pipeline_rule *r,
			       const char *const *groups, size_t n, const struct pipeline_piece *p)
{
	if (!p->is_variable) {
		for (size_t i = 0; i < p->text.len; i++) {
			struct str rest = str_skip(p->text, i);
			char c = rest.p[0];
			bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				  (c >= '0' && c <= '9') || c == '_' ||
				  ((c == '.' || c == '-') && (p->offset + i));
			if (!ok)
				return err_coded(
					ERR_INVALID, "TAG_CHAR",
					"Tags are letters, digits, _, . and -.",
					"tag template, offset %zu: %s is not allowed in a tag",
					p->offset + i, pipeline_shown_char(a, rest));
		}
		return NULL;
	}
	if (p->has_arg && !str_eq(p->arg, STR("slug")))
		return err_coded(ERR_INVALID, "TAG_TEMPLATE", "${branch:slug} is the only form.",
				 "tag template, offset %zu: \":" STR_FMT "\" is unknown", p->offset,
				 STR_ARG(p->arg));
	if (!is_group(r, groups, n, p->text))
		return err_coded(ERR_INVALID, "TAG_TEMPLATE",
				 "Groups are written (?<name>…) in an expression.",
				 "tag template, offset %zu: the pattern has no group " STR_FMT,
				 p->offset, STR_ARG(p->text));
	return NULL;
}

/* Groups may be empty, so the tag is at least this long. */
static struct err *check_length(const struct pipeline_template *t, size_t fixed)
{
	size_t least = fixed;
	if (t->time)
		least += (least ? 1 : 0) + (t->time == PIPELINE_MINUTE ? 12 : 8);
	if (t->commit)
		least += (least ? 1 : 0) + t->commit;
	if (least <= PIPELINE_TAG_BYTES)
		return NULL;
	return err_coded(ERR_INVALID, "TAG_LONG", "Shorten the text.",
			 "tag template: its tags would have at least %zu characters, at most %d are"
			 " allowed",
			 least, PIPELINE_TAG_BYTES);
}

static struct err *check_template(struct arena *a, const struct pipeline_rule *r,
				  const char *const *groups, size_t n,
				  const struct pipeline_template *t)
{
	struct pipeline_piece p;
	size_t at = 0, fixed = 0;
	struct pipeline_template again;
	/* The three fields say what the one string says. */
	TRY(pipeline_template_parse(a, str_of(pipeline_template_text(a, t)), &again));
	if (t->commit > 40)
		return invalid("TAG_TEMPLATE", "The default is 6.",
			       "a commit id has 1 to 40 characters");
	for (bool more = true;;) {
		TRY(pipeline_piece_next(str_of(t->version), &at, &more, &p));
		if (!more)
			return check_length(t, fixed);
		if (pipeline_piece_is_git(&p))
			return invalid(
				"TAG_TEMPLATE",
				"Give the template as one text, or use buildTime and commitId.",
				"time and commit have fields of their own");
		TRY(check_piece(a, r, groups, n, &p));
		fixed += p.is_variable ? 0 : p.text.len;
	}
}

static bool arg_name_ok(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		      (i && c >= '0' && c <= '9')))
			return false;
	}
	return s.len > 0 && s.len <= 255;
}

static struct err *check_args(const struct pipeline_rule *r)
{
	if (r->n_args > PIPELINE_MOST_ARGS)
		return invalid("BUILD_ARG",
			       "Leave some out, or give them defaults in the Dockerfile.",
			       "a rule has at most 20 build arguments");
	for (size_t i = 0; i < r->n_args; i++) {
		struct str name = str_of(r->args[i].name), value = str_of(r->args[i].value);
		if (!arg_name_ok(name))
			return err_coded(ERR_INVALID, "BUILD_ARG",
					 "Names are letters, digits and _, case-sensitive.",
					 "\"" STR_FMT "\" is no name of a build argument",
					 STR_ARG(str_first(name, 100)));
		if (value.len > LIMIT_RULE_ARG_BYTES || str_has_nul(value))
			return err_coded(ERR_INVALID, "BUILD_ARG",
					 "Put what is long into a file of the repository.",
					 "the value of " STR_FMT " is longer than %d bytes",
					 STR_ARG(name), LIMIT_RULE_ARG_BYTES);
		for (size_t k = 0; k < i; k++)
			if (strcmp(r->args[k].name, r->args[i].name) == 0)
				return err_coded(ERR_INVALID, "BUILD_ARG", "Give it once.",
						 "build argument %s is given twice",
						 r->args[i].name);
	}
	return NULL;
}

static bool has_platform(const struct oci_platform *list, size_t n, const struct oci_platform *p)
{
	for (size_t i = 0; i < n; i++)
		if (oci_platform_eq(&list[i], p))
			return true;
	return false;
}

static struct err *check_target(const struct oci_platform *p)
{
	struct oci_platform same;
	own(err) e = oci_platform_parse_target(str_of(oci_platform_text(p).s), &same);
	if (!e)
		return NULL;
	own_mem char *text = err_text(e);
	return invalid("PLATFORM", "Choose among the supported platforms.", text);
}

static struct err *check_platforms(struct pipeline_rule *r)
{
	if (!r->n_platforms)
		TRY(oci_platform_parse_target(STR("linux/amd64"), &r->platforms[r->n_platforms++]));
	for (size_t i = 0; i < r->n_platforms; i++)
		TRY(check_target(&r->platforms[i]));
	for (size_t i = 1; i < r->n_platforms; i++)
		if (has_platform(r->platforms, i, &r->platforms[i]))
			return err_coded(ERR_INVALID, "PLATFORM", "Give it once.",
					 "%s is given twice",
					 oci_platform_text(&r->platforms[i]).s);
	for (size_t i = 0; i < r->n_required; i++)
		if (!has_platform(r->platforms, r->n_platforms, &r->required[i]))
			return err_coded(ERR_INVALID, "PLATFORM",
					 "Add it to \"platforms\", or take it from \"required\".",
					 "%s is required, but not built",
					 oci_platform_text(&r->required[i]).s);
	if (r->policy == PIPELINE_REQUIRED && !r->n_required)
		return invalid("POLICY", "List the platforms in \"required\".",
			       "the policy required names no platform");
	if (r->policy != PIPELINE_REQUIRED && r->n_required)
		return invalid("POLICY", "Set \"policy\" to \"required\".",
			       "required platforms are for the policy required");
	return NULL;
}

static struct err *check_paths(struct arena *a, struct pipeline_rule *r)
{
	own_mem char *dir = NULL, *name = NULL;
	TRY(source_path_clean(str_of(r->dockerfile_dir), &dir));
	TRY(source_path_clean(str_of(r->dockerfile_name && r->dockerfile_name[0]
					     ? r->dockerfile_name
					     : "Dockerfile"),
			      &name));
	if (!name[0])
		return invalid("DOCKERFILE_NAME", "The default is Dockerfile.",
			       "the Dockerfile has no name");
	r->dockerfile_dir = arena_strdup(a, str_of(dir));
	r->dockerfile_name = arena_strdup(a, str_of(name));
	return NULL;
}

static struct err *check_numbers(const struct pipeline_rule *r)
{
	if (r->priority < -100 || r->priority > 100)
		return invalid("PRIORITY", "The default is 0.", "priority is -100 to 100");
	if (r->time_limit_s < 60 || r->time_limit_s > 86400)
		return invalid("TIME_LIMIT", "The default is 3600.",
			       "the time limit is 60 to 86400 seconds");
	return NULL;
}

struct err *pipeline_rule_check(struct arena *a, struct pipeline_rule *r)
{
	const char **groups;
	size_t n;
	if (!r->time_limit_s)
		r->time_limit_s = 3600;
	if (!r->dockerfile_dir)
		r->dockerfile_dir = "";
	TRY(check_pattern(a, r, &groups, &n));
	if (!r->n_tags || r->n_tags > PIPELINE_MOST_TAGS)
		return invalid("IMAGE_TAGS", "List one to three in \"imageTags\".",
			       "a rule has one to three image tags");
	for (size_t i = 0; i < r->n_tags; i++)
		TRY(check_template(a, r, groups, n, &r->tags[i]));
	TRY(check_platforms(r));
	TRY(check_args(r));
	TRY(check_paths(a, r));
	return check_numbers(r);
}

bool pipeline_rule_by_hand(const struct pipeline_rule *r, const char **why)
{
	const char *reason = NULL;
	for (size_t i = 0; i < r->n_tags; i++) {
		if (r->tags[i].time)
			reason = "a tag holds the push time";
		else if (r->tags[i].commit)
			reason = "a tag holds the commit id";
	}
	if (r->is_expression)
		reason = "the pattern is an expression";
	if (why)
		*why = reason;
	return !reason;
}

/* ---- matching ---- */

struct err *pipeline_rule_match(struct arena *a, const struct pipeline_rule *r, struct str ref,
				const struct pipeline_moment *m, struct pipeline_match *out)
{
	enum pipeline_ref_type type;
	struct str name;
	*out = (struct pipeline_match){ .matches = false };
	if (!pipeline_ref_split(ref, &type, &name) || type != r->ref_type ||
	    name.len > LIMIT_REF_BYTES)
		return NULL;
	enum pipeline_verdict v = str_eq(name, str_of(r->pattern)) && !r->is_expression
					  ? PIPELINE_MATCH
					  : PIPELINE_NO_MATCH;
	if (r->is_expression) {
		own(pipeline_expression) e = NULL;
		TRY(pipeline_expression_open(str_of(r->pattern), &e));
		v = pipeline_expression_match(e, a, name, &out->groups, &out->n_groups);
	}
	out->matches = v != PIPELINE_NO_MATCH;
	if (v == PIPELINE_TOO_COSTLY) {
		out->code = "RULE_COST";
		out->problem = "the expression is too expensive for this name";
		out->remedy = "Simplify nested repeats, as in (a+)+.";
	} else if (v == PIPELINE_MATCH) {
		pipeline_tags_make(a, r, name, m, out);
	}
	return NULL;
}
