/* Variables, quotes and escapes. SPEC Dockerfile reference "Environment replacement"
 *
 * One pass over the word. ${a:-word} and the others scan their word into a buffer of their own, so
 * the depth of the recursion is the nesting of braces, which is bounded; so are the length of each
 * buffer and the work of all steps together. Words that are not needed are scanned `dry`: for their
 * syntax only. */
#include "dockerfile/dockerfile_priv.h"

#include <stdlib.h>

#include "base/limits.h"

#define MOST_WORK    ((size_t)64 << 20) /* bytes copied and compared for one word */
#define MOST_MESSAGE 1000

struct expander {
	struct str in;
	size_t at;
	char escape;
	bool quotes; /* false in a heredoc: they are text there */
	unsigned depth, dry;
	size_t work;
	const struct dockerfile_env *env;
	void (*undefined)(void *arg, struct str name);
	void *undefined_arg;
};

/* Where text goes; with `split`, blanks that are not quoted end words. */
struct sink {
	struct buf text;
	bool split;
	size_t *ends; /* owned */
	size_t n, cap;
};

static struct err *scan(struct expander *x, char stop, bool keep_escapes, struct sink *to);
static struct err *expand_dollar(struct expander *x, struct sink *to, bool quoted);

static void sink_init(struct sink *s, bool split)
{
	*s = (struct sink){ .split = split };
	buf_init(&s->text, LIMIT_EXPANSION_BYTES);
}

static void sink_done(struct sink *s)
{
	buf_done(&s->text);
	free(s->ends);
}

static void end_word(struct sink *s)
{
	size_t start = s->n ? s->ends[s->n - 1] : 0;
	if (s->text.len == start)
		return;
	mem_reserve_one(s->ends, s->n, s->cap);
	s->ends[s->n++] = s->text.len;
}

static void sink_add(struct sink *to, struct str s, bool quoted)
{
	if (!to->split || quoted) {
		buf_add(&to->text, s);
		return;
	}
	for (size_t i = 0; i < s.len && !to->text.over; i++) {
		if (dockerfile_is_blank(s.p[i]))
			end_word(to);
		else
			buf_add_c(&to->text, s.p[i]);
	}
}

static struct err *too_long(void)
{
	return err_new(ERR_LIMIT, "the text with its variables replaced is longer than %zu bytes",
		       LIMIT_EXPANSION_BYTES);
}

static struct err *too_hard(void)
{
	return err_new(ERR_LIMIT, "replacing the variables takes too many steps");
}

static struct err *bad(const struct expander *x, const char *what)
{
	return err_new(ERR_INVALID, "%s in %s", what, dockerfile_show(x->in).s);
}

static struct err *spend(struct expander *x, size_t n)
{
	if (n >= x->work)
		return too_hard();
	x->work -= n;
	return NULL;
}

static int peek(const struct expander *x)
{
	return x->at < x->in.len ? (unsigned char)x->in.p[x->at] : -1;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Letters, digits and '_'; or digits alone; or one of the shell's special parameters. */
static struct str read_name(struct expander *x)
{
	size_t start = x->at;
	if (is_digit(peek(x))) {
		while (is_digit(peek(x)))
			x->at++;
	} else if (peek(x) > 0 && strchr("@*#?-$!", peek(x))) {
		x->at++;
	} else {
		while ((peek(x) | 0x20) - 'a' < 26u || is_digit(peek(x)) || peek(x) == '_')
			x->at++;
	}
	return str_n(x->in.p + start, x->at - start);
}

static struct str get(struct expander *x, struct str name, bool *set)
{
	*set = false;
	if (x->dry) {
		*set = true;
		return STR("");
	}
	return x->env->get(x->env->arg, name, set);
}

static struct str get_or_report(struct expander *x, struct str name)
{
	bool set;
	struct str value = get(x, name, &set);
	if (set)
		return value;
	if (x->undefined)
		x->undefined(x->undefined_arg, name);
	return STR("");
}

/* ${name:-word}, ${name:+word}, ${name:?word} and the forms without the colon. */
static struct err *expand_choice(struct expander *x, struct str name, bool colon, struct buf *out)
{
	char op = x->in.p[x->at++];
	bool set;
	struct str value = get(x, name, &set);
	bool has = set && !(colon && !value.len);
	bool wanted = op == '+' ? has : !has;
	done(sink) word;
	sink_init(&word, false);
	x->dry += !wanted;
	struct err *e = scan(x, '}', false, &word);
	x->dry -= !wanted;
	TRY(e);
	TRY(spend(x, value.len + word.text.len));
	if (op == '?' && wanted && !x->dry) {
		struct str text = buf_str(&word.text);
		const char *standard = set ? "is empty" : "is not set";
		struct str why = text.len ? str_first(text, MOST_MESSAGE) : str_of(standard);
		return err_new(ERR_INVALID, "%s: " STR_FMT, dockerfile_show(name).s, STR_ARG(why));
	}
	if (wanted)
		buf_add(out, buf_str(&word.text));
	else if (op != '+')
		buf_add(out, value);
	return NULL;
}

/* ${name#pattern}, ##, %, %% */
static struct err *expand_trim(struct expander *x, struct str name, struct buf *out)
{
	char op = x->in.p[x->at++];
	bool longest = peek(x) == op, found = false;
	x->at += longest;
	done(sink) word;
	sink_init(&word, false);
	TRY(scan(x, '}', true, &word));
	struct str value = get_or_report(x, name);
	done(pattern) p = { NULL };
	TRY(pattern_init(&p, buf_str(&word.text), x->escape));
	TRY(spend(x, value.len + word.text.len));
	size_t end = 0;
	if (op == '#') {
		if (pattern_match(&p, value, 0, longest, &x->work, &end))
			value = str_skip(value, end);
	} else {
		for (size_t i = 0; i <= value.len && x->work && !found; i++) {
			size_t start = longest ? i : value.len - i;
			if (start < value.len && ((unsigned char)value.p[start] & 0xc0) == 0x80)
				continue;
			found = pattern_match(&p, value, start, true, &x->work, &end) &&
				end == value.len;
			if (found)
				value = str_first(value, start);
		}
	}
	TRY(spend(x, 1));
	buf_add(out, value);
	return NULL;
}

static struct err *replace(struct expander *x, const struct pattern *p, struct str value,
			   struct str by, bool all, struct buf *out)
{
	size_t end, at = 0, copied = 0;
	bool matched = false; /* a match ended at `at` */
	while (at <= value.len && !out->over) {
		bool found = pattern_match(p, value, at, true, &x->work, &end);
		TRY(spend(x, 1));
		if (found && !(end == at && matched)) {
			TRY(spend(x, by.len));
			buf_add(out, str_n(value.p + copied, at - copied));
			buf_add(out, by);
			copied = end;
			if (!all)
				break;
			matched = end > at;
			at = end > at ? end : pattern_next(value, at);
			continue;
		}
		matched = false;
		at = pattern_next(value, at);
	}
	buf_add(out, str_skip(value, copied));
	return NULL;
}

/* ${name/pattern/text}, ${name//pattern/text} */
static struct err *expand_replace(struct expander *x, struct str name, struct buf *out)
{
	x->at++;
	bool all = peek(x) == '/';
	x->at += all;
	done(sink) word;
	done(sink) by;
	sink_init(&word, false);
	sink_init(&by, false);
	TRY(scan(x, '/', true, &word));
	TRY(scan(x, '}', true, &by));
	struct str value = get_or_report(x, name);
	done(pattern) p = { NULL };
	TRY(pattern_init(&p, buf_str(&word.text), x->escape));
	TRY(spend(x, value.len + word.text.len));
	return replace(x, &p, value, buf_str(&by.text), all, out);
}

static struct err *expand_braces(struct expander *x, struct buf *out)
{
	struct str name = read_name(x);
	int op = peek(x);
	if (op < 0)
		return bad(x, "} is missing");
	if (!name.len)
		return bad(x, "there is no name behind ${");
	switch (op) {
	case '}':
		x->at++;
		buf_add(out, get_or_report(x, name));
		return NULL;
	case ':':
		x->at++;
		if (peek(x) != '-' && peek(x) != '+' && peek(x) != '?')
			return bad(x, "':' is followed by none of - + ?");
		return expand_choice(x, name, true, out);
	case '-':
	case '+':
	case '?':
		return expand_choice(x, name, false, out);
	case '#':
	case '%':
		return expand_trim(x, name, out);
	case '/':
		return expand_replace(x, name, out);
	default:
		return bad(x, "there is an unknown operator behind a name");
	}
}

static struct err *expand_dollar(struct expander *x, struct sink *to, bool quoted)
{
	done(buf) value;
	buf_init(&value, LIMIT_EXPANSION_BYTES);
	x->at++;
	if (peek(x) == '{') {
		if (x->depth == LIMIT_EXPANSION_DEPTH)
			return err_new(ERR_LIMIT, "more than %d ${} stand inside each other",
				       LIMIT_EXPANSION_DEPTH);
		x->at++;
		x->depth++;
		struct err *e = expand_braces(x, &value);
		x->depth--;
		TRY(e);
	} else {
		struct str name = read_name(x);
		buf_add(&value, name.len ? get_or_report(x, name) : STR("$"));
	}
	if (value.over)
		return too_long();
	TRY(spend(x, value.len + 1));
	sink_add(to, buf_str(&value), quoted);
	return NULL;
}

static struct err *scan_single(struct expander *x, struct sink *to)
{
	struct str rest = str_skip(x->in, x->at + 1);
	ptrdiff_t end = str_chr(rest, '\'');
	if (end < 0)
		return bad(x, "the quote ' has no end");
	sink_add(to, str_first(rest, (size_t)end), true);
	x->at += (size_t)end + 2;
	return NULL;
}

static struct err *scan_double(struct expander *x, bool keep_escapes, struct sink *to)
{
	for (x->at++; peek(x) != '"';) {
		int c = peek(x);
		if (c < 0)
			return bad(x, "the quote \" has no end");
		if (c == '$') {
			TRY(expand_dollar(x, to, true));
			continue;
		}
		x->at++;
		if (c == x->escape) {
			int next = peek(x);
			bool escapes = next == '"' || next == '$' || next == x->escape;
			if (keep_escapes && (escapes || next < 0))
				sink_add(to, str_n(&x->escape, 1), true);
			if (escapes)
				c = next;
			x->at += escapes;
		}
		sink_add(to, str_n((const char[]){ (char)c }, 1), true);
	}
	x->at++;
	return NULL;
}

static void scan_plain(struct expander *x, bool keep_escapes, struct sink *to)
{
	char c = x->in.p[x->at++];
	if (c != x->escape) {
		sink_add(to, str_n(&c, 1), false);
		return;
	}
	if (keep_escapes)
		sink_add(to, str_n(&c, 1), true);
	if (peek(x) >= 0)
		sink_add(to, str_n(x->in.p + x->at++, 1), true);
}

static struct err *scan(struct expander *x, char stop, bool keep_escapes, struct sink *to)
{
	while (x->at < x->in.len) {
		char c = x->in.p[x->at];
		if (stop && c == stop) {
			x->at++;
			return NULL;
		}
		if (c == '$')
			TRY(expand_dollar(x, to, false));
		else if (c == '\'' && x->quotes)
			TRY(scan_single(x, to));
		else if (c == '"' && x->quotes)
			TRY(scan_double(x, keep_escapes, to));
		else
			scan_plain(x, keep_escapes, to);
		if (to->text.over)
			return too_long();
	}
	if (!stop)
		return NULL;
	return bad(x, stop == '/' ? "the second / is missing" : "} is missing");
}

static struct expander expander_of(struct str word, char escape, const struct dockerfile_env *env)
{
	return (struct expander){
		.in = word, .escape = escape, .quotes = true, .work = MOST_WORK, .env = env
	};
}

static struct err *run(struct arena *a, struct expander *x, struct str *out)
{
	done(sink) to;
	sink_init(&to, false);
	TRY(scan(x, 0, false, &to));
	*out = arena_str(a, buf_str(&to.text));
	return NULL;
}

struct err *dockerfile_expand(struct arena *a, struct str word, char escape,
			      const struct dockerfile_env *env,
			      void (*undefined)(void *arg, struct str name), void *undefined_arg,
			      struct str *out)
{
	struct expander x = expander_of(word, escape, env);
	x.undefined = undefined;
	x.undefined_arg = undefined_arg;
	return run(a, &x, out);
}

struct err *dockerfile_expand_heredoc(struct arena *a, struct str body, char escape,
				      const struct dockerfile_env *env, struct str *out)
{
	struct expander x = expander_of(body, escape, env);
	x.quotes = false;
	return run(a, &x, out);
}

struct err *dockerfile_expand_words(struct arena *a, struct str word, char escape,
				    const struct dockerfile_env *env, struct dockerfile_words *out)
{
	struct expander x = expander_of(word, escape, env);
	done(sink) to;
	sink_init(&to, true);
	TRY(scan(&x, 0, false, &to));
	end_word(&to);
	struct str text = arena_str(a, buf_str(&to.text));
	*out = (struct dockerfile_words){ arena_new_array(a, to.n, struct str), to.n };
	for (size_t i = 0, start = 0; i < to.n; start = to.ends[i++])
		out->v[i] = str_n(text.p + start, to.ends[i] - start);
	return NULL;
}
