/* Build rules: which refs are built, into which tags. Pure but for the last section.
 *
 * A pattern is a plain name, or a PCRE2 expression that matches the whole name of the branch or tag
 * (without refs/heads/), its named groups usable in tag templates. Expressions have limits on
 * length, match steps, depth and memory. */
#ifndef KILN_PIPELINE_RULE_H
#define KILN_PIPELINE_RULE_H

#include "base/arena.h"
#include "oci/platform.h"

#define PIPELINE_MOST_TAGS 3
#define PIPELINE_MOST_ARGS 20

enum pipeline_ref_type { PIPELINE_BRANCH, PIPELINE_TAG }; /* GIT_BRANCH, GIT_TAG */
enum pipeline_policy { PIPELINE_ALL, PIPELINE_REQUIRED, PIPELINE_BEST_EFFORT };
enum pipeline_newer { PIPELINE_NEWER_CANCELS, PIPELINE_NEWER_WAITS };
const char *pipeline_policy_name(enum pipeline_policy p); /* "all", "required", "best_effort" */
bool pipeline_policy_parse(struct str s, enum pipeline_policy *out);

struct pipeline_arg {
	const char *name, *value;
};

/* One image tag, as the three fields of the form; its one-string form joins them with "-":
 * "${major}.${minor}-${GIT_PUSH_DATE:yyyyMMdd}-${GIT_COMMIT_ID:6}". */
struct pipeline_template {
	const char *version; /* text with ${group}; "" when only time or commit */
	enum { PIPELINE_NO_TIME, PIPELINE_DATE, PIPELINE_MINUTE } time; /* yyyyMMdd, yyyyMMddHHmm */
	unsigned commit; /* characters, 1 to 40; 0: not */
};

struct pipeline_rule {
	const char *id, *repository_id;
	enum pipeline_ref_type ref_type;
	const char *pattern;
	bool is_expression;
	const char *dockerfile_dir;  /* the context: relative, "" is the root */
	const char *dockerfile_name; /* below it */
	struct pipeline_template tags[PIPELINE_MOST_TAGS];
	size_t n_tags;
	struct oci_platform platforms[4];
	size_t n_platforms;
	struct pipeline_arg args[PIPELINE_MOST_ARGS];
	size_t n_args;
	enum pipeline_policy policy;
	struct oci_platform required[4]; /* of `platforms`, for PIPELINE_REQUIRED */
	size_t n_required;
	enum pipeline_newer newer_push;
	int priority;          /* -100 to 100; higher first */
	uint32_t time_limit_s; /* 60 to 86400; 3600 unless told */
	bool emulation, enabled;
	bool rebuild_on_base; /* a base image that moves starts it: pipeline/base.h */
	int64_t created_ns, updated_ns;
};

/* ---- templates ---- */

/* Reads the one-string form. ERR_INVALID code TAG_TEMPLATE, with the offset. */
struct err *pipeline_template_parse(struct arena *a, struct str text,
				    struct pipeline_template *out);
char *pipeline_template_text(struct arena *a, const struct pipeline_template *t);

/* ---- one rule ---- */

/* Does the name look like an expression? For input that does not say: any of \ ^ $ * + ? ( ) [ ] {
 * } and |. */
bool pipeline_looks_like_expression(struct str pattern);
/* All that can be wrong without a ref: pattern (code RULE_REGEX with the offset, RULE_REF for a
 * plain name that git would refuse), templates (unknown groups; text that no tag can have),
 * platforms (code PLATFORM with the list of the supported; empty becomes linux/amd64), arguments
 * (names, at most 20, no duplicates), paths, limits. Fills in defaults. */
struct err *pipeline_rule_check(struct arena *a, struct pipeline_rule *r);
/* May it be built by hand without a ref? A plain name, and no time or commit in its tags. `*why`
 * (may be NULL) says why not. */
bool pipeline_rule_by_hand(const struct pipeline_rule *r, const char **why);

struct pipeline_group {
	const char *name, *value;
};
struct pipeline_match {
	bool matches;
	struct pipeline_group *groups;
	size_t n_groups;
	const char *tags[PIPELINE_MOST_TAGS]; /* without duplicates */
	size_t n_tags;
	/* Why no tags come of it although it matches; NULL: all is well. Codes are TAG_EMPTY,
	 * TAG_CHAR, TAG_LONG, TAG_TEMPLATE, RULE_COST, and in previews TAG_IMMUTABLE. */
	const char *code, *problem, *remedy;
};
struct pipeline_moment {
	int64_t pushed_ns;
	int utc_offset_min; /* 480 unless configured */
	const char *commit; /* 40 or 64 hexadecimal digits */
};
/* `ref` is full (refs/heads/main). A cost limit that is met is a problem of the match, no error. */
struct err *pipeline_rule_match(struct arena *a, const struct pipeline_rule *r, struct str ref,
				const struct pipeline_moment *m, struct pipeline_match *out);

/* ---- stored ---- */
struct db;
struct err *pipeline_rule_create(struct db *db, struct arena *a,
				 struct pipeline_rule *r); /* sets id */
struct err *pipeline_rule_update(struct db *db, const struct pipeline_rule *r);
struct err *pipeline_rule_get(struct db *db, struct arena *a, struct str id, bool *found,
			      struct pipeline_rule *out);
/* All of one image repository, oldest first; at most 1000. */
struct err *pipeline_rule_list(struct db *db, struct arena *a, struct str repository_id,
			       struct pipeline_rule **out, size_t *n);
struct err *pipeline_rule_delete(struct db *db, struct str id, bool *found);

#endif
