/* What would be built from which refs, and into which tags: the server's own engine, nothing run.
 */
#include "pipeline/pipeline_priv.h"
#include "pipeline/rule_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"

#define NO_COMMIT "0000000000000000000000000000000000000000"

struct preview {
	struct pipeline *p;
	struct arena *a;
	struct catalog_image_repository repository;
	uint64_t end_ms;
	struct pipeline_preview *list; /* owned */
	size_t n, cap;
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

static struct err *add(struct preview *v, const struct source_ref *ref,
		       const struct pipeline_rule *rule)
{
	if (v->n >= LIMIT_PREVIEW_ENTRIES || time_mono_ms() > v->end_ms)
		return err_coded(ERR_LIMIT, "PREVIEW_LARGE", "Name the refs that matter.",
				 "there are too many refs and rules for one preview");
	mem_reserve_one(v->list, v->n, v->cap);
	struct pipeline_preview *out = &v->list[v->n++];
	*out = (struct pipeline_preview){ .ref = ref->name, .commit = ref->commit, .rule = rule };
	struct pipeline_moment m = { .pushed_ns = time_now_unix_ns(),
				     .utc_offset_min = v->p->o.utc_offset_min,
				     .commit = ref->commit };
	TRY(pipeline_rule_match(v->a, rule, str_of(ref->name), &m, &out->match));
	return check_immutable(v, &out->match);
}

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

static struct err *each(struct preview *v, const struct source_ref *refs, size_t n_refs,
			const struct pipeline_rule *rules, size_t n_rules)
{
	for (size_t i = 0; i < n_refs; i++)
		for (size_t k = 0; k < n_rules; k++)
			TRY(add(v, &refs[i], &rules[k]));
	return NULL;
}

static struct err *preview(struct preview *v, struct str repository_id,
			   const struct pipeline_rule *rules, size_t n_rules,
			   const char *const *refs, size_t n_refs)
{
	struct source_ref *known;
	struct pipeline_rule *stored;
	size_t n_known;
	bool found;
	TRY(catalog_image_get(v->p->o.catalog, v->a, repository_id, &found, &v->repository));
	if (!found)
		return err_new(ERR_NOT_FOUND, "there is no repository " STR_FMT,
			       STR_ARG(repository_id));
	if (!rules) {
		TRY(pipeline_rule_list(v->p->o.db, v->a, repository_id, &stored, &n_rules));
		rules = stored;
	}
	TRY(known_refs(v, &known, &n_known));
	if (!refs)
		return each(v, known, n_known, rules, n_rules);
	for (size_t i = 0; i < n_refs; i++) {
		struct source_ref two[2];
		size_t n = expand(v->a, known, n_known, refs[i], two);
		TRY(each(v, two, n, rules, n_rules));
	}
	return NULL;
}

struct err *pipeline_preview(struct pipeline *p, struct arena *a, struct str repository_id,
			     const struct pipeline_rule *rules, size_t n_rules,
			     const char *const *refs, size_t n_refs, struct pipeline_preview **out,
			     size_t *n_out)
{
	struct preview v = { .p = p, .a = a, .end_ms = time_mono_ms() + LIMIT_PREVIEW_MS };
	struct err *e = preview(&v, repository_id, rules, n_rules, refs, n_refs);
	if (!e) {
		*n_out = v.n;
		*out = arena_new_array(a, v.n, struct pipeline_preview);
		if (v.n)
			memcpy(*out, v.list, v.n * sizeof(*v.list));
	}
	free(v.list);
	return e;
}
