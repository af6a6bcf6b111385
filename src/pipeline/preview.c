/* What would be built from which refs, and into which tags: the server's own engine, nothing run.
 */
#include "pipeline/pipeline_priv.h"
#include "pipeline/rule_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"

#define NO_COMMIT "0000000000000000000000000000000000000000"
/* What LIMIT_RULES rules make of one ref: the groups of an expression, each at most the ref. */
#define MATCHES_BYTES ((size_t)256 << 20)

struct preview {
	struct pipeline *p;
	struct arena *a;
	const struct pipeline_preview_query *q;
	struct catalog_image_repository repository;
	struct pipeline_rule *rules; /* of the repository */
	size_t n_rules;
	int64_t now_ns; /* all is one push */
	uint64_t start_ms;
	struct pipeline_preview *list; /* owned */
	size_t n, cap;
	size_t n_matched, n_compared; /* of the rules that are shown; of those beside a given one */
};

static struct err *check_immutable(struct preview *v, struct pipeline_match *m)
{
	if (!m->n_tags || m->code)
		return NULL;
	own(err) e = catalog_image_tags_free(v->p->o.catalog, str_of(v->repository.full_name),
					     m->tags, m->n_tags);
	if (!e)
		return NULL;
	if (!err_code(e) || strcmp(err_code(e), "TAG_IMMUTABLE") != 0)
		return move(e);
	own_mem char *text = err_text(e);
	m->code = "TAG_IMMUTABLE";
	m->problem = arena_strdup(v->a, str_of(text));
	m->remedy = arena_strdup(v->a, str_of(err_remedy(e)));
	return NULL;
}

static struct err *match(struct preview *v, struct arena *a, const struct source_ref *ref,
			 const struct pipeline_rule *rule, struct pipeline_preview *out)
{
	*out = (struct pipeline_preview){ .ref = ref->name, .commit = ref->commit, .rule = rule };
	struct pipeline_moment m = { .pushed_ns = v->now_ns,
				     .utc_offset_min = v->p->o.utc_offset_min,
				     .commit = ref->commit };
	return pipeline_rule_match(a, rule, str_of(ref->name), &m, &out->match);
}

static struct err *add(struct preview *v, const struct source_ref *ref,
		       const struct pipeline_rule *rule)
{
	if (v->n_matched++ >= LIMIT_PREVIEW_ENTRIES ||
	    time_mono_ms() > v->start_ms + LIMIT_PREVIEW_MS)
		return err_coded(ERR_LIMIT, "PREVIEW_LARGE", "Name the refs that matter.",
				 "there are too many refs and rules for one preview");
	mem_reserve_one(v->list, v->n, v->cap);
	return match(v, v->a, ref, rule, &v->list[v->n++]);
}

/* ---- tags that two rules write ---- */

static bool writes(const struct pipeline_match *m, const char *tag)
{
	for (size_t i = 0; i < m->n_tags; i++)
		if (strcmp(m->tags[i], tag) == 0)
			return true;
	return false;
}

/* `others` may have the rule itself among them. */
static void compare(struct preview *v, struct pipeline_preview *one,
		    const struct pipeline_preview *others, size_t n)
{
	struct pipeline_conflict found[LIMIT_PREVIEW_CONFLICTS];
	const char *self = one->rule->id ? one->rule->id : "";
	for (size_t i = 0; i < n; i++) {
		const struct pipeline_rule *rule = others[i].rule;
		if (!rule->enabled || strcmp(rule->id, self) == 0)
			continue;
		for (size_t k = 0; k < one->match.n_tags; k++)
			if (one->n_conflicts < LIMIT_PREVIEW_CONFLICTS &&
			    writes(&others[i].match, one->match.tags[k]))
				found[one->n_conflicts++] =
					(struct pipeline_conflict){ rule, one->match.tags[k] };
	}
	one->conflicts = arena_new_array(v->a, one->n_conflicts, struct pipeline_conflict);
	memcpy(one->conflicts, found, one->n_conflicts * sizeof(*found));
	one->compared = true;
}

/* A form asks for this with each key that is pressed: there it has half of the time. */
static struct err *compare_given(struct preview *v, const struct source_ref *ref,
				 struct pipeline_preview *one)
{
	if (!one->match.n_tags) {
		one->compared = true;
		return NULL;
	}
	if (v->n_compared + v->n_rules > LIMIT_PREVIEW_ENTRIES ||
	    time_mono_ms() > v->start_ms + LIMIT_PREVIEW_MS / 2)
		return NULL;
	v->n_compared += v->n_rules;
	own(arena) a = arena_open(MATCHES_BYTES);
	struct pipeline_preview others[LIMIT_RULES];
	size_t n = 0;
	for (size_t i = 0; i < v->n_rules && n < LIMIT_RULES; i++)
		if (v->rules[i].enabled)
			TRY(match(v, a, ref, &v->rules[i], &others[n++]));
	compare(v, one, others, n);
	return NULL;
}

/* Leaves out, from `first` on, what no other rule writes too. */
static void keep_conflicts(struct preview *v, size_t first)
{
	size_t n = first;
	for (size_t i = first; i < v->n; i++)
		if (v->list[i].n_conflicts)
			v->list[n++] = v->list[i];
	v->n = n;
}

static struct err *add_ref(struct preview *v, const struct source_ref *ref)
{
	size_t first = v->n;
	if (v->q->rule) {
		TRY(add(v, ref, v->q->rule));
		TRY(compare_given(v, ref, &v->list[first]));
	} else {
		for (size_t i = 0; i < v->n_rules; i++)
			TRY(add(v, ref, &v->rules[i]));
		for (size_t i = first; i < v->n; i++)
			compare(v, &v->list[i], &v->list[first], v->n - first);
	}
	if (v->q->conflicts_only)
		keep_conflicts(v, first);
	for (size_t i = first; i < v->n; i++)
		TRY(check_immutable(v, &v->list[i].match));
	return NULL;
}

/* ---- refs ---- */

static const struct source_ref *find(const struct source_ref *refs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(refs[i].name, name) == 0)
			return &refs[i];
	return NULL;
}

/* "main" is a branch and a tag, where the source has both; where it has neither, a branch. */
static size_t expand(struct arena *a, const struct source_ref *known, size_t n, const char *given,
		     struct source_ref out[2])
{
	const char *names[2] = { given, NULL };
	size_t n_out = 0;
	if (!str_starts(str_of(given), STR("refs/"))) {
		names[0] = arena_printf(a, "refs/heads/%s", given);
		names[1] = arena_printf(a, "refs/tags/%s", given);
	}
	for (size_t i = 0; i < 2 && names[i]; i++) {
		const struct source_ref *r = find(known, n, names[i]);
		if (r)
			out[n_out++] = *r;
	}
	if (!n_out)
		for (size_t i = 0; i < 2 && names[i]; i++)
			out[n_out++] = (struct source_ref){ names[i], NO_COMMIT, NO_COMMIT };
	return n_out;
}

static struct err *known_refs(struct preview *v, struct source_ref **refs, size_t *n)
{
	struct pipeline_binding b;
	bool found;
	*n = 0;
	*refs = NULL;
	TRY(pipeline_binding_get(v->p, v->a, str_of(v->repository.id), &found, &b));
	return found ? pipeline_source_refs(v->p, v->a, str_of(b.source_id), refs, n) : NULL;
}

static struct err *add_refs(struct preview *v, const struct source_ref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		TRY(add_ref(v, &refs[i]));
	return NULL;
}

static struct err *preview(struct preview *v)
{
	struct source_ref *known;
	size_t n_known;
	bool found;
	TRY(catalog_image_get(v->p->o.catalog, v->a, v->q->repository_id, &found, &v->repository));
	if (!found)
		return err_new(ERR_NOT_FOUND, "there is no repository " STR_FMT,
			       STR_ARG(v->q->repository_id));
	TRY(pipeline_rule_list(v->p->o.db, v->a, v->q->repository_id, &v->rules, &v->n_rules));
	TRY(known_refs(v, &known, &n_known));
	if (!v->q->refs)
		return add_refs(v, known, n_known);
	for (size_t i = 0; i < v->q->n_refs; i++) {
		struct source_ref two[2];
		TRY(add_refs(v, two, expand(v->a, known, n_known, v->q->refs[i], two)));
	}
	return NULL;
}

struct err *pipeline_preview(struct pipeline *p, struct arena *a,
			     const struct pipeline_preview_query *q, struct pipeline_preview **out,
			     size_t *n_out)
{
	struct preview v = {
		.p = p, .a = a, .q = q, .now_ns = time_now_unix_ns(), .start_ms = time_mono_ms()
	};
	struct err *e = preview(&v);
	if (!e) {
		*n_out = v.n;
		*out = arena_new_array(a, v.n, struct pipeline_preview);
		if (v.n)
			memcpy(*out, v.list, v.n * sizeof(*v.list));
	}
	free(v.list);
	return e;
}
