/* Finds `<<WORD` in the arguments of RUN, COPY and ADD. SPEC Dockerfile reference "Here-Documents"
 *
 * A heredoc is a word of its own: `cat<<EOF`, `"<<EOF"` and `<<<x` are none. */
#include "dockerfile/dockerfile_priv.h"

#include <stdlib.h>

#include "base/limits.h"

/* Behind the quote that ends at or after `i`, or 0 without one. */
static size_t skip_quoted(struct str s, size_t i, char quote)
{
	for (; i < s.len; i++) {
		if (s.p[i] == '\\' && quote == '"')
			i++;
		else if (s.p[i] == quote)
			return i + 1;
	}
	return 0;
}

/* The length of the first word as a shell sees it; 0 if a quote or brace does not end. */
static size_t shell_word_length(struct str s)
{
	size_t i = 0, braces = 0;
	while (i < s.len && (braces || !dockerfile_is_blank(s.p[i]))) {
		char c = s.p[i++];
		if (c == '\\') {
			i = MIN(i + 1, s.len);
		} else if (c == '"' || c == '\'') {
			i = skip_quoted(s, i, c);
			if (!i)
				return 0;
		} else if (c == '$' && i < s.len && s.p[i] == '{') {
			braces++;
			i++;
		} else if (c == '}' && braces) {
			braces--;
		}
	}
	return braces ? 0 : i;
}

/* Digits, `<<` and perhaps `-`: the length of that, or 0. */
static size_t operator_length(struct str word, bool *chomp)
{
	size_t i = 0;
	while (i < word.len && word.p[i] >= '0' && word.p[i] <= '9')
		i++;
	if (!str_starts(str_skip(word, i), STR("<<")))
		return 0;
	i += 2;
	*chomp = i < word.len && word.p[i] == '-';
	return i + *chomp;
}

bool dockerfile_heredoc_alone(struct str word)
{
	bool chomp;
	size_t n = operator_length(word, &chomp);
	return n && n == word.len;
}

/* The delimiter without quotes and escapes; `*quoted` if it had any. */
static struct str unquote(struct arena *a, struct str s, bool *quoted)
{
	char *out = arena_zalloc(a, s.len + 1), quote = 0;
	size_t n = 0;
	*quoted = false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool escapes =
			c == '\\' && quote != '\'' && i + 1 < s.len &&
			(!quote || s.p[i + 1] == '"' || s.p[i + 1] == '\\' || s.p[i + 1] == '$');
		if (escapes) {
			out[n++] = s.p[++i];
			*quoted = true;
		} else if ((quote && c == quote) || (!quote && (c == '"' || c == '\''))) {
			quote = quote ? 0 : c;
			*quoted = true;
		} else {
			out[n++] = c;
		}
	}
	return str_n(out, n);
}

bool dockerfile_heredoc_word(struct arena *a, struct str word, const struct str *name,
			     struct raw_heredoc *out)
{
	bool chomp = false, quoted;
	size_t n = operator_length(word, &chomp);
	struct str rest = name ? *name : str_skip(word, n);
	if (!n || (name && n != word.len) || !rest.len || str_chr(rest, '<') >= 0)
		return false;
	struct str delimiter = unquote(a, rest, &quoted);
	if (!delimiter.len)
		return false;
	*out = (struct raw_heredoc){ .word = delimiter, .expand = !quoted, .chomp = chomp };
	return true;
}

static struct err *add_heredoc(struct parser *p, struct raw_heredoc h)
{
	TRY(dockerfile_charge(p, 1));
	mem_reserve_one(p->heredocs, p->n_heredocs, p->cap_heredocs);
	p->heredocs[p->n_heredocs++] = h;
	return NULL;
}

static struct err *find_heredocs(struct parser *p, struct str args, bool blank_allowed, bool *alone)
{
	size_t n_others = 0;
	while (args.len) {
		size_t len = shell_word_length(args);
		struct str word = str_first(args, len);
		struct raw_heredoc h;
		args = dockerfile_trim(str_skip(args, len));
		if (!len) { /* an open quote: the shell will say so */
			p->n_heredocs = 0;
			return NULL;
		}
		bool found = dockerfile_heredoc_word(p->a, word, NULL, &h);
		if (!found && blank_allowed && dockerfile_heredoc_alone(word)) {
			struct str name = str_first(args, shell_word_length(args));
			found = name.len && dockerfile_heredoc_word(p->a, word, &name, &h);
			if (found)
				args = dockerfile_trim(str_skip(args, name.len));
		}
		if (found)
			TRY(add_heredoc(p, h));
		else
			n_others++;
	}
	*alone = p->n_heredocs == 1 && !n_others;
	return NULL;
}

struct err *dockerfile_heredocs(struct parser *p, struct str args, bool blank_allowed, bool *alone)
{
	*alone = false;
	p->n_heredocs = 0;
	if (!memmem(args.p, args.len, "<<", 2))
		return NULL;
	TRY(find_heredocs(p, args, blank_allowed, alone));
	for (size_t i = 0; i < p->n_heredocs; i++) {
		struct raw_heredoc *h = &p->heredocs[i];
		TRY(dockerfile_lines_body(p, h->word, h->chomp, &h->body));
	}
	return NULL;
}

/* For <<-: without the tabs at the start of each line. */
struct str dockerfile_heredoc_content(struct parser *p, const struct raw_heredoc *h)
{
	if (!h->chomp)
		return h->body;
	char *out = arena_zalloc(p->a, h->body.len + 1);
	size_t n = 0;
	bool start = true;
	for (size_t i = 0; i < h->body.len; i++) {
		char c = h->body.p[i];
		if (start && c == '\t')
			continue;
		out[n++] = c;
		start = c == '\n';
	}
	return str_n(out, n);
}

struct str dockerfile_heredoc_text(struct parser *p, struct str first)
{
	if (!p->n_heredocs)
		return first;
	size_t len = first.len;
	for (size_t i = 0; i < p->n_heredocs; i++)
		len += 1 + p->heredocs[i].body.len + p->heredocs[i].word.len;
	char *out = arena_zalloc(p->a, len + 1), *end = mempcpy(out, first.p, first.len);
	for (size_t i = 0; i < p->n_heredocs; i++) {
		const struct raw_heredoc *h = &p->heredocs[i];
		*end++ = '\n';
		end = mempcpy(end, h->body.p, h->body.len);
		end = mempcpy(end, h->word.p, h->word.len);
	}
	return str_n(out, len);
}
