/* PCRE2 for rules. An expression comes from a user and is run in the server, so every run has an
 * end: the pattern is short, its steps, depth and memory are limited, nothing is compiled to
 * machine code, and what could reach outside a character (\C) or out of PCRE2 (callouts) is
 * refused. Both ends are anchored. */
#include "pipeline/rule_priv.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/limits.h"

struct pipeline_expression {
	pcre2_code *code;            /* owned */
	pcre2_match_data *data;      /* owned */
	pcre2_match_context *limits; /* owned */
};

#define REMEDY                                                                              \
	"Expressions are PCRE2 and match the whole name of the branch or tag, for example " \
	"release-(?<version>.*)"

static struct err *bad(size_t offset, const char *what)
{
	return err_coded(ERR_INVALID, "RULE_REGEX", REMEDY, "expression, offset %zu: %s", offset,
			 what);
}

static int see_callout(pcre2_callout_enumerate_block *b, void *arg)
{
	*(size_t *)arg = b->pattern_position;
	return 1;
}

static pcre2_code *compile(struct str pattern, int *code, size_t *offset)
{
	pcre2_compile_context *c = pcre2_compile_context_create(NULL);
	if (!c) {
		*code = PCRE2_ERROR_NOMEMORY;
		return NULL;
	}
	pcre2_set_max_pattern_length(c, LIMIT_PATTERN_BYTES);
	pcre2_set_parens_nest_limit(c, LIMIT_PATTERN_DEPTH);
	uint32_t options = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
			   PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
	pcre2_code *re =
		pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, options, code, offset, c);
	pcre2_compile_context_free(c);
	return re;
}

void pipeline_expression_free(struct pipeline_expression *e)
{
	if (!e)
		return;
	pcre2_match_context_free(e->limits);
	pcre2_match_data_free(e->data);
	pcre2_code_free(e->code);
	free(e);
}

struct err *pipeline_expression_open(struct str pattern, struct pipeline_expression **out)
{
	int code = 0;
	size_t offset = 0;
	if (pattern.len > LIMIT_PATTERN_BYTES)
		return bad(LIMIT_PATTERN_BYTES, "it is too long");
	own(pipeline_expression) e = mem_new(struct pipeline_expression);
	e->code = compile(pattern, &code, &offset);
	if (!e->code) {
		char text[256] = "";
		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		return bad(MIN(offset, pattern.len), text);
	}
	if (pcre2_callout_enumerate(e->code, see_callout, &offset))
		return bad(offset, "callouts are not allowed");
	e->data = pcre2_match_data_create_from_pattern(e->code, NULL);
	e->limits = pcre2_match_context_create(NULL);
	if (!e->data || !e->limits)
		return err_new(ERR_UNAVAILABLE, "expression: no memory");
	pcre2_set_match_limit(e->limits, LIMIT_PATTERN_STEPS);
	pcre2_set_depth_limit(e->limits, LIMIT_PATTERN_BACKTRACKS);
	pcre2_set_heap_limit(e->limits, LIMIT_PATTERN_KIB);
	*out = move(e);
	return NULL;
}

/* ---- groups ---- */

struct name_table {
	const unsigned char *first;
	uint32_t n, size;
};

static struct name_table names_of(const struct pipeline_expression *e)
{
	struct name_table t = { 0 };
	pcre2_pattern_info(e->code, PCRE2_INFO_NAMECOUNT, &t.n);
	pcre2_pattern_info(e->code, PCRE2_INFO_NAMEENTRYSIZE, &t.size);
	PCRE2_SPTR table = NULL;
	pcre2_pattern_info(e->code, PCRE2_INFO_NAMETABLE, &table);
	t.first = table;
	return t;
}

static const char *name_at(const struct name_table *t, uint32_t i)
{
	return (const char *)t->first + (size_t)i * t->size + 2;
}

static unsigned number_at(const struct name_table *t, uint32_t i)
{
	const unsigned char *p = t->first + (size_t)i * t->size;
	return (unsigned)p[0] << 8 | p[1];
}

/* The table is sorted, so the groups that share a name by (?J) are neighbours. */
static bool is_repeated(const struct name_table *t, uint32_t i)
{
	return i && strcmp(name_at(t, i - 1), name_at(t, i)) == 0;
}

void pipeline_expression_groups(const struct pipeline_expression *e, struct arena *a,
				const char ***names, size_t *n)
{
	struct name_table t = names_of(e);
	*names = arena_new_array(a, t.n + 1, const char *);
	*n = 0;
	for (uint32_t i = 0; i < t.n; i++)
		if (!is_repeated(&t, i))
			(*names)[(*n)++] = arena_strdup(a, str_of(name_at(&t, i)));
}

/* Text of a group; empty when it took no part. */
static struct str group_text(const struct pipeline_expression *e, struct str name, unsigned number)
{
	const size_t *v = pcre2_get_ovector_pointer(e->data);
	if (number >= pcre2_get_ovector_count(e->data) || v[2 * number] == PCRE2_UNSET ||
	    v[2 * number] > v[2 * number + 1])
		return STR("");
	return str_n(name.p + v[2 * number], v[2 * number + 1] - v[2 * number]);
}

static void take_groups(const struct pipeline_expression *e, struct arena *a, struct str name,
			struct pipeline_group **groups, size_t *n)
{
	struct name_table t = names_of(e);
	*groups = arena_new_array(a, t.n + 1, struct pipeline_group);
	*n = 0;
	for (uint32_t i = 0; i < t.n; i++) {
		struct str value = group_text(e, name, number_at(&t, i));
		if (!is_repeated(&t, i))
			(*groups)[(*n)++].name = arena_strdup(a, str_of(name_at(&t, i)));
		struct pipeline_group *g = &(*groups)[*n - 1];
		if (!g->value || !g->value[0])
			g->value = arena_strdup(a, value);
	}
}

enum pipeline_verdict pipeline_expression_test(const struct pipeline_expression *e, struct str name)
{
	int rc = pcre2_match(e->code, (PCRE2_SPTR)name.p, name.len, 0, PCRE2_NO_JIT, e->data,
			     e->limits);
	switch (rc) {
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_NOMEMORY:
	case PCRE2_ERROR_RECURSELOOP:
		return PIPELINE_TOO_COSTLY;
	default:
		/* Also a name that is not UTF-8: no expression has it. */
		return rc < 0 ? PIPELINE_NO_MATCH : PIPELINE_MATCH;
	}
}

enum pipeline_verdict pipeline_expression_match(const struct pipeline_expression *e,
						struct arena *a, struct str name,
						struct pipeline_group **groups, size_t *n)
{
	enum pipeline_verdict v = pipeline_expression_test(e, name);
	if (v == PIPELINE_MATCH)
		take_groups(e, a, name, groups, n);
	return v;
}
