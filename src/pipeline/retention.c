/* Which tags go: patterns, then ranks and ages. Pure. */
#include "pipeline/retention.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/rule_priv.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

static const char *const kinds[] = {
	[PIPELINE_NAME] = "name",
	[PIPELINE_WILDCARD] = "wildcard",
	[PIPELINE_EXPRESSION] = "expression",
};

const char *pipeline_pattern_kind_name(int kind)
{
	return kinds[kind];
}

int pipeline_pattern_kind_of(struct str text)
{
	int kind = PIPELINE_NAME;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] && strchr("\\^$+()[]{}|", text.p[i]))
			return PIPELINE_EXPRESSION;
		if (text.p[i] == '*' || text.p[i] == '?')
			kind = PIPELINE_WILDCARD;
	}
	return kind;
}

static const char *const reasons[] = {
	[RETENTION_NEVER] = "never", [RETENTION_UNMATCHED] = "unmatched",
	[RETENTION_COST] = "cost",   [RETENTION_IMMUTABLE] = "immutable",
	[RETENTION_BUILD] = "build", [RETENTION_NEWEST] = "newest",
	[RETENTION_YOUNG] = "young", [RETENTION_OLD] = "old",
};

const char *pipeline_retention_reason_name(enum pipeline_retention_reason r)
{
	return reasons[r];
}

/* ---- patterns ---- */

struct compiled {
	const char *name;              /* borrowed; NULL: the expression says it */
	struct pipeline_expression *e; /* owned */
};

struct pipeline_retention_matcher {
	struct compiled rules[LIMIT_RETENTION_RULES], never[LIMIT_RETENTION_NEVER];
	size_t n_rules, n_never;
};

void pipeline_retention_matcher_free(struct pipeline_retention_matcher *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_rules; i++)
		pipeline_expression_free(m->rules[i].e);
	for (size_t i = 0; i < m->n_never; i++)
		pipeline_expression_free(m->never[i].e);
	free(m);
}

static struct err *bad(const char *place, size_t i, const char *remedy, const char *what)
{
	return err_coded(ERR_INVALID, "RETENTION_RULE", remedy, "%s %zu: %s", place, i + 1, what);
}

/* Several * in a row are one, so that they do not cost several. */
static char *expression_of_wildcard(const char *text)
{
	struct buf b;
	buf_init(&b, 2 * LIMIT_PATTERN_BYTES + 1);
	for (const char *p = text; *p; p++) {
		if (*p == '*' && p > text && p[-1] == '*')
			continue;
		if (*p == '*')
			buf_add(&b, STR(".*"));
		else if (*p == '?')
			buf_add_c(&b, '.');
		else if (strchr("\\^$.+()[]{}|#-", *p))
			buf_printf(&b, "\\%c", *p);
		else
			buf_add_c(&b, *p);
	}
	return buf_steal(&b);
}

static struct err *compile(const char *place, size_t i, const struct pipeline_tag_pattern *p,
			   struct compiled *out)
{
	size_t len = strlen(p->text);
	if (!len)
		return bad(place, i, "Name a tag, or a pattern of tags, as in v*.",
			   "its pattern is empty");
	if (len > LIMIT_PATTERN_BYTES / 2)
		return bad(place, i, "Shorten it.", "its pattern is longer than 256 bytes");
	if (!str_is_utf8(str_of(p->text)))
		return bad(place, i, "Tags are letters, digits, _, . and -.",
			   "its pattern is not UTF-8");
	if (p->kind == PIPELINE_NAME) {
		out->name = p->text;
		return NULL;
	}
	own_mem char *wild = p->kind == PIPELINE_WILDCARD ? expression_of_wildcard(p->text) : NULL;
	return err_wrap(pipeline_expression_open(str_of(wild ? wild : p->text), &out->e), "%s %zu",
			place, i + 1);
}

static struct err *check_rule(const struct pipeline_retention_rule *r, size_t i)
{
	if (r->keep_newest > LIMIT_RETENTION_NEWEST)
		return bad("rule", i, "Leave tags out of it by \"never\".",
			   "it keeps at most the newest 10000");
	if (r->keep_days > LIMIT_RETENTION_DAYS)
		return bad("rule", i, "Leave tags out of it by \"never\".",
			   "it keeps at most those of 3650 days");
	if (!r->keep_newest && !r->keep_days)
		return bad("rule", i, "Give \"keepNewest\", \"keepDays\", or both.",
			   "it keeps nothing");
	return NULL;
}

struct err *pipeline_retention_open(const struct pipeline_retention_policy *p,
				    struct pipeline_retention_matcher **out)
{
	own(pipeline_retention_matcher) m = mem_new(struct pipeline_retention_matcher);
	for (size_t i = 0; i < p->n_rules; i++) {
		TRY(check_rule(&p->rules[i], i));
		TRY(compile("rule", i, &p->rules[i].pattern, &m->rules[m->n_rules]));
		m->n_rules++;
	}
	for (size_t i = 0; i < p->n_never; i++) {
		TRY(compile("never touched", i, &p->never[i], &m->never[m->n_never]));
		m->n_never++;
	}
	if (p->enabled && !p->n_rules && !p->untagged_days)
		return err_coded(ERR_INVALID, "RETENTION_RULE", "Give it a rule, or switch it off.",
				 "the policy is on and has no rule");
	if (p->untagged_days > LIMIT_RETENTION_DAYS)
		return err_coded(ERR_INVALID, "RETENTION_RULE", "Leave it out to keep them.",
				 "untaggedDays is 1 to %d", LIMIT_RETENTION_DAYS);
	*out = move(m);
	return NULL;
}

static enum pipeline_verdict matches(const struct compiled *c, const char *name)
{
	if (c->name)
		return strcmp(c->name, name) == 0 ? PIPELINE_MATCH : PIPELINE_NO_MATCH;
	return pipeline_expression_test(c->e, str_of(name));
}

/* Looks for the first that matches; true when one was found, or was too costly to say no. */
static bool find(const struct compiled *list, size_t n, enum pipeline_retention_reason found,
		 struct pipeline_retention_tag *t)
{
	for (size_t i = 0; i < n; i++) {
		enum pipeline_verdict v = matches(&list[i], t->name);
		if (v == PIPELINE_NO_MATCH)
			continue;
		t->pattern = (int)i;
		t->reason = v == PIPELINE_MATCH ? found : RETENTION_COST;
		return true;
	}
	return false;
}

void pipeline_retention_match(struct pipeline_retention_matcher *m,
			      struct pipeline_retention_tag *t)
{
	t->reason = RETENTION_UNMATCHED;
	t->pattern = -1;
	if (!find(m->never, m->n_never, RETENTION_NEVER, t))
		find(m->rules, m->n_rules, RETENTION_OLD, t);
}

/* ---- ranks and ages ---- */

static int by_time(const void *va, const void *vb)
{
	const struct pipeline_retention_tag *a = va, *b = vb;
	if (a->pushed_ns != b->pushed_ns)
		return a->pushed_ns < b->pushed_ns ? 1 : -1;
	return strcmp(a->name, b->name);
}

static enum pipeline_retention_reason judge(const struct pipeline_retention_rule *r,
					    const struct pipeline_retention_tag *t, int64_t now_ns)
{
	if (t->locked)
		return RETENTION_IMMUTABLE;
	if (t->building)
		return RETENTION_BUILD;
	if (t->rank <= r->keep_newest)
		return RETENTION_NEWEST;
	/* A time ahead of the clock is young, whatever the difference. */
	if (r->keep_days &&
	    (t->pushed_ns > now_ns || now_ns - t->pushed_ns <= r->keep_days * DAY_NS))
		return RETENTION_YOUNG;
	return RETENTION_OLD;
}

void pipeline_retention_decide(const struct pipeline_retention_policy *p,
			       struct pipeline_retention_tag *tags, size_t n, int64_t now_ns)
{
	uint32_t ranks[LIMIT_RETENTION_RULES] = { 0 };
	if (n)
		qsort(tags, n, sizeof(*tags), by_time);
	for (size_t i = 0; i < n; i++) {
		struct pipeline_retention_tag *t = &tags[i];
		t->rank = 0;
		if (t->reason < RETENTION_IMMUTABLE)
			continue;
		t->rank = ++ranks[t->pattern];
		t->reason = judge(&p->rules[t->pattern], t, now_ns);
	}
}
