/* Searching a log: memmem(3) over whole blocks for plain text, PCRE2 with its compiler for the
 * rest, line by line so that an expression sees nothing but its line. */
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/time.h"
#include "pipeline/log_priv.h"

#define STACK_LEAST ((size_t)32 << 10)
#define STACK_MOST  ((size_t)512 << 10)

struct matcher {
	pcre2_code *code; /* owned; NULL: plain text */
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

static void matcher_done(struct matcher *m)
{
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	pcre2_jit_stack_free(m->stack);
	pcre2_code_free(m->code);
}

static uint32_t options_of(const struct pipeline_search *s)
{
	uint32_t o = PCRE2_NEVER_BACKSLASH_C;
	if (!s->is_expression)
		o = PCRE2_LITERAL;
	if (s->ignore_case)
		o |= PCRE2_CASELESS;
	bool ascii = true;
	for (size_t i = 0; i < s->text.len; i++)
		ascii &= (unsigned char)s->text.p[i] < 0x80;
	if (!ascii && str_is_utf8(s->text)) /* lines need not be UTF-8 */
		o |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
	return o;
}

static struct err *compile(struct matcher *m, const struct pipeline_search *s)
{
	int number;
	PCRE2_SIZE at;
	*m = (struct matcher){ 0 };
	if (!s->is_expression && !s->ignore_case)
		return NULL;
	m->code = pcre2_compile((PCRE2_SPTR)s->text.p, s->text.len, options_of(s), &number, &at,
				NULL);
	if (!m->code) {
		PCRE2_UCHAR text[200];
		pcre2_get_error_message(number, text, sizeof(text));
		return err_coded(ERR_INVALID, "RULE_REGEX", "Correct the expression (PCRE2).",
				 "the expression, at offset %zu: %s", (size_t)at, (char *)text);
	}
	(void)pcre2_jit_compile(m->code, PCRE2_JIT_COMPLETE); /* without it, it is slower */
	m->data = pcre2_match_data_create(1, NULL);
	m->context = pcre2_match_context_create(NULL);
	m->stack = pcre2_jit_stack_create(STACK_LEAST, STACK_MOST, NULL);
	if (!m->data || !m->context || !m->stack)
		abort();
	pcre2_set_match_limit(m->context, LIMIT_LOG_SEARCH_STEPS);
	pcre2_set_depth_limit(m->context, 1000);
	pcre2_set_heap_limit(m->context, 1024);
	pcre2_jit_stack_assign(m->context, NULL, m->stack);
	return NULL;
}

struct searching {
	struct matcher m;
	const struct pipeline_search *s;
	const struct pipeline_filter *f;
	struct arena *arena;
	struct pipeline_line *lines;
	size_t n, most, bytes;
	uint64_t first, total;
	uint64_t until_ms;
	struct err *e; /* owned */
};

static struct err *too_costly(void)
{
	return err_coded(ERR_LIMIT, "RULE_REGEX", "Search for plain text, or a simpler expression.",
			 "the expression takes too long");
}

static void found(struct searching *q, const struct log_view *v, size_t i)
{
	if (!log_passes(q->f, &v->entries[i]))
		return;
	q->total++;
	if (v->first + i < q->s->from || q->total <= q->s->skip) {
		q->first = q->total;
		return;
	}
	if (q->n == q->most || q->bytes >= LIMIT_LOG_PAGE_BYTES)
		return;
	struct pipeline_line line = log_line(v, i);
	line.text = arena_str(q->arena, line.text);
	q->bytes += line.text.len;
	q->lines[q->n++] = line;
}

/* The line that the byte at `at` of the text belongs to. */
static size_t line_at(const struct log_view *v, size_t at)
{
	size_t low = 0, high = v->n, base = v->entries[0].at;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (v->entries[mid].at - base <= at)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static void search_plain(struct searching *q, const struct log_view *v)
{
	struct str want = q->s->text;
	size_t base = v->entries[0].at;
	for (size_t at = 0; at < v->text_len;) {
		const char *p = memmem(v->text + at, v->text_len - at, want.p, want.len);
		if (!p)
			return;
		size_t place = (size_t)(p - v->text), i = line_at(v, place);
		size_t end = v->entries[i].at - base + v->entries[i].len;
		if (place + want.len > end) { /* in two lines */
			at = place + 1;
			continue;
		}
		found(q, v, i);
		at = end + 1;
	}
}

static bool search_lines(struct searching *q, const struct log_view *v)
{
	for (size_t i = 0; i < v->n; i++) {
		struct str text = log_line(v, i).text;
		int r = pcre2_match(q->m.code, (PCRE2_SPTR)text.p, text.len, 0, 0, q->m.data,
				    q->m.context);
		if (r >= 0)
			found(q, v, i);
		else if (r != PCRE2_ERROR_NOMATCH)
			return false;
		if (i % 64 == 0 && time_mono_ms() > q->until_ms)
			return false;
	}
	return true;
}

static bool search_view(void *arg, const struct log_view *v)
{
	struct searching *q = arg;
	if (!v->n)
		return true;
	if (q->m.code && !search_lines(q, v))
		q->e = too_costly();
	else if (!q->m.code)
		search_plain(q, v);
	return !q->e;
}

static struct err *check(const struct pipeline_search *s)
{
	if (!s->text.len)
		return err_coded(ERR_INVALID, "QUERY", NULL, "there is nothing to search for");
	if (s->text.len > LIMIT_LOG_SEARCH_BYTES)
		return err_coded(ERR_LIMIT, "QUERY", NULL, "what is searched for is too long");
	return NULL;
}

struct err *pipeline_log_search(struct pipeline_logs *l, struct arena *a, const char *record_id,
				const struct pipeline_search *s, const struct pipeline_filter *f,
				struct pipeline_found *out)
{
	struct log *g;
	uint64_t end;
	TRY(check(s));
	TRY(log_enter(l, record_id, &g));
	size_t most = (size_t)MIN(MIN(s->n, LIMIT_LOG_PAGE_LINES), atomic_load(&g->n_lines));
	struct searching q = { .s = s,
			       .f = f,
			       .arena = a,
			       .lines = arena_new_array(a, most, struct pipeline_line),
			       .most = most,
			       .until_ms = time_mono_ms() + LIMIT_LOG_SEARCH_MS };
	struct err *e = compile(&q.m, s);
	if (!e)
		e = log_walk(l, g, 0, f, true, search_view, &q, &end);
	matcher_done(&q.m);
	log_put(l, g, 1);
	err_keep(&e, q.e);
	if (e)
		return e;
	*out = (struct pipeline_found){
		.lines = q.lines, .n = q.n, .first = q.first, .total = q.total
	};
	return NULL;
}
