/* Retention: which tags of an image repository go by themselves, and when.
 *
 * A tag goes only if all of this holds:
 * 1. No pattern of "never touched" matches it.
 * 2. The pattern of a rule matches it; of several rules the first counts.
 * 3. It is not among the newest `keep_newest` of the tags that this rule is for.
 * 4. It was last pushed more than `keep_days` ago.
 * 5. It is not locked: in an immutable repository only `latest` may go.
 * 6. No build that has not ended will write it.
 * With `untagged_days`, manifests that nothing needs and layers that no manifest needs follow after
 * as many days (catalog/held.h).
 *
 * A pattern is matched against the whole tag. What takes PCRE2 too many steps is not decided by
 * it: the tag stays. The first section is pure; the second is table retention_policy; the third
 * carries policies out. */
#ifndef KILN_PIPELINE_RETENTION_H
#define KILN_PIPELINE_RETENTION_H

#include "base/limits.h"
#include "catalog/held.h"
#include "pipeline/pipeline.h"

/* ---- policies ---- */

struct pipeline_tag_pattern {
	const char *text;
	/* as it is; with * for any characters and ? for one; PCRE2 */
	enum { PIPELINE_NAME, PIPELINE_WILDCARD, PIPELINE_EXPRESSION } kind;
};
const char *pipeline_pattern_kind_name(int kind); /* "name", "wildcard", "expression" */
/* What a pattern is that does not say it: an expression with any of \ ^ $ + ( ) [ ] { } |, else a
 * wildcard with * or ?. */
int pipeline_pattern_kind_of(struct str text);

struct pipeline_retention_rule {
	struct pipeline_tag_pattern pattern;
	uint32_t keep_newest, keep_days; /* one of them is not 0 */
};
struct pipeline_retention_policy {
	bool enabled;
	struct pipeline_retention_rule rules[LIMIT_RETENTION_RULES];
	size_t n_rules;
	struct pipeline_tag_pattern never[LIMIT_RETENTION_NEVER];
	size_t n_never;
	uint32_t untagged_days; /* 0: never */
};

/* As the API and the table have it: {"enabled","rules","never","untaggedDays"}. Reading names what
 * is of another type or one too many; the rest is for pipeline_retention_open(). */
json_t *pipeline_retention_json(const struct pipeline_retention_policy *p);
struct err *pipeline_retention_read(struct arena *a, json_t *j,
				    struct pipeline_retention_policy *out);

/* ---- deciding ---- */

enum pipeline_retention_reason { /* why a tag stays, in the order they are looked at; or goes */
				 RETENTION_NEVER,     /* a pattern of "never touched" */
				 RETENTION_UNMATCHED, /* no rule is for it */
				 RETENTION_COST,      /* a pattern took too many steps */
				 RETENTION_IMMUTABLE,
				 RETENTION_BUILD,  /* a build will write it */
				 RETENTION_NEWEST, /* among the newest of its rule */
				 RETENTION_YOUNG,
				 RETENTION_OLD, /* the only one to go */
};
const char *pipeline_retention_reason_name(enum pipeline_retention_reason r); /* "newest" */

struct pipeline_retention_tag {
	const char *name;
	size_t place; /* in the caller's order */
	int64_t pushed_ns;
	bool locked, building;
	/* made by pipeline_retention_match() */
	enum pipeline_retention_reason reason;
	int pattern; /* place of the rule, or with RETENTION_NEVER in `never`; -1: none */
	/* made by pipeline_retention_decide() */
	uint32_t rank; /* among the tags of its rule, 1 is the newest; 0: of no rule */
};

struct pipeline_retention_matcher;
/* ERR_INVALID codes RETENTION_RULE, RULE_REGEX: what is wrong with a policy. `p` is borrowed. */
struct err *pipeline_retention_open(const struct pipeline_retention_policy *p,
				    struct pipeline_retention_matcher **out);
void pipeline_retention_matcher_free(struct pipeline_retention_matcher *m);
OWN_DECLARE(pipeline_retention_matcher);
/* Sets what patterns say: `reason` is RETENTION_NEVER, _UNMATCHED, _COST, or RETENTION_OLD where
 * the rest decides. */
void pipeline_retention_match(struct pipeline_retention_matcher *m,
			      struct pipeline_retention_tag *t);
/* Decides over all tags of a repository, once they are matched; and sorts them, the newest first.
 */
void pipeline_retention_decide(const struct pipeline_retention_policy *p,
			       struct pipeline_retention_tag *tags, size_t n, int64_t now_ns);

/* ---- stored ---- */

struct pipeline_retention_run {
	int64_t started_ns, ended_ns;          /* 0: none; not yet */
	const char *by;                        /* "": by itself */
	uint64_t n_tags, n_manifests, n_blobs; /* removed */
	const char *error_code, *error;        /* NULL: all went well */
};
struct pipeline_retention {
	struct pipeline_retention_policy policy;
	int64_t revision; /* 0: there is none; the rest is as of an empty one then */
	int64_t next_ns;  /* 0: it is off */
	struct pipeline_retention_run run, last;
	int64_t updated_ns;
};
/* A repository without a policy has the empty one. */
struct err *pipeline_retention_get(struct pipeline *p, struct arena *a, struct str repository_id,
				   struct pipeline_retention *out);
/* Checks and stores it. A run that is under way ends: its error is RETENTION_CHANGED. */
struct err *pipeline_retention_set(struct pipeline *p, struct str repository_id,
				   const struct pipeline_retention_policy *policy);
/* With what is known of its last run. */
struct err *pipeline_retention_remove(struct pipeline *p, struct str repository_id, bool *found);

/* ---- looking, and carrying out ---- */

struct pipeline_retention_look {
	struct catalog_held *held;           /* owned */
	struct pipeline_retention_tag *tags; /* owned; the newest first */
	size_t n, n_go;
	struct catalog_held_weight weight;
};
/* What the policy would do now. ERR_LIMIT code RETENTION_COST when matching takes too long. */
struct err *pipeline_retention_preview(struct pipeline *p, const struct catalog_image_repository *r,
				       const struct pipeline_retention_policy *policy,
				       struct pipeline_retention_look *out);
void pipeline_retention_look_done(struct pipeline_retention_look *l);
/* Begins a run of the stored policy, also of one that is off; the pipeline's own thread carries it
 * out. ERR_CONFLICT codes RETENTION_NONE, RETENTION_RUNNING. */
struct err *pipeline_retention_start(struct pipeline *p, struct str repository_id, const char *by);

#endif
