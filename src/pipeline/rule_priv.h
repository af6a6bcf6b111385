/* What the files about rules share: pieces of templates, compiled expressions, names of refs. */
#ifndef KILN_PIPELINE_RULE_PRIV_H
#define KILN_PIPELINE_RULE_PRIV_H

#include "pipeline/rule.h"

/* ---- template.c ---- */

struct pipeline_piece { /* of a template: text, or ${name} or ${name:arg} */
	bool is_variable, has_arg;
	struct str text; /* or the variable's name */
	struct str arg;
	size_t offset, end; /* in the template */
};
/* The piece at `*at`, which moves behind it; false at the end. ERR_INVALID code TAG_TEMPLATE. */
struct err *pipeline_piece_next(struct str text, size_t *at, bool *more,
				struct pipeline_piece *out);
bool pipeline_piece_is_git(const struct pipeline_piece *p); /* time or commit */

/* ---- match.c ---- */

struct pipeline_expression;
/* ERR_INVALID code RULE_REGEX, with the offset. */
struct err *pipeline_expression_open(struct str pattern, struct pipeline_expression **out);
void pipeline_expression_free(struct pipeline_expression *e);
OWN_DECLARE(pipeline_expression);
/* Names of the groups, each once, in the arena. */
void pipeline_expression_groups(const struct pipeline_expression *e, struct arena *a,
				const char ***names, size_t *n);

enum pipeline_verdict { PIPELINE_NO_MATCH, PIPELINE_MATCH, PIPELINE_TOO_COSTLY };
enum pipeline_verdict pipeline_expression_match(const struct pipeline_expression *e,
						struct arena *a, struct str name,
						struct pipeline_group **groups, size_t *n);
/* The same without groups. */
enum pipeline_verdict pipeline_expression_test(const struct pipeline_expression *e,
					       struct str name);

/* ---- rule_ref.c ---- */

/* The name without refs/heads/ or refs/tags/; false for all else. */
bool pipeline_ref_split(struct str ref, enum pipeline_ref_type *type, struct str *name);
/* Would git take the name? Else `*why` says what is wrong with it. SPEC git-check-ref-format(1) */
bool pipeline_ref_name_ok(struct str name, const char **why);

/* ---- rule_tag.c ---- */

#define PIPELINE_TAG_BYTES 128 /* of a tag, at most. SPEC distribution "Pulling manifests" */
/* May it be a tag? Else code, problem and remedy of `out` say why not. */
bool pipeline_tag_check(struct arena *a, struct str tag, struct pipeline_match *out);
/* A character for messages: itself, or \xNN. */
const char *pipeline_shown_char(struct arena *a, struct str rest);
/* The name of the group that stands for the whole branch or tag. */
const char *pipeline_whole_name(enum pipeline_ref_type t);
/* Fills in tags, or code and problem. `name` is of the branch or tag. */
void pipeline_tags_make(struct arena *a, const struct pipeline_rule *r, struct str name,
			const struct pipeline_moment *m, struct pipeline_match *out);

#endif
