/* A rule from anybody: a pattern, a template and a ref, each on a line of its own. What the rule's
 * check takes, matching brings to an end, and its tags can be tags. */
#include <stdlib.h>

#include "pipeline/rule_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tags(struct arena *a, const struct pipeline_match *m)
{
	struct pipeline_match again = { .matches = true };
	if (m->n_tags && m->code)
		abort();
	for (size_t i = 0; i < m->n_tags; i++)
		if (!pipeline_tag_check(a, str_of(m->tags[i]), &again))
			abort();
}

/* What the three fields say, their one string says again. */
static void check_template(struct arena *a, const struct pipeline_template *t)
{
	struct pipeline_template again;
	struct err *e = pipeline_template_parse(a, str_of(pipeline_template_text(a, t)), &again);
	if (e || strcmp(again.version, t->version) != 0 || again.time != t->time ||
	    again.commit != t->commit)
		abort();
}

static void match(struct arena *a, struct pipeline_rule *r, struct str ref)
{
	const struct pipeline_moment moment = { 1602749580000000000, 480,
						"d4ef3dc3b77a011a5779eec7efdd4512ab34cd56" };
	struct pipeline_match m;
	for (int expression = 0; expression <= 1; expression++) {
		struct pipeline_rule one = *r;
		one.is_expression = expression;
		struct err *e = pipeline_rule_check(a, &one);
		if (!e) {
			e = pipeline_rule_match(a, &one, ref, &moment, &m);
			if (e)
				abort();
			check_tags(a, &m);
		}
		err_free(e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_n((const char *)data, size);
	struct str pattern = str_cut(&rest, '\n'), tag = str_cut(&rest, '\n');
	if (size > 8192 || str_has_nul(pattern))
		return 0;
	own(arena) a = arena_open(64 << 20);
	struct pipeline_rule r = { .pattern = arena_strdup(a, pattern), .n_tags = 1 };
	struct err *e = pipeline_template_parse(a, tag, &r.tags[0]);
	if (!e) {
		check_template(a, &r.tags[0]);
		match(a, &r, rest);
		r.ref_type = PIPELINE_TAG;
		match(a, &r, rest);
	}
	err_free(e);
	return 0;
}
