/* SPEC Go filepath.Match; SPEC Dockerfile reference ".dockerignore file" for `**` */
#include "source/glob_priv.h"

#include <stdlib.h>

#include "base/limits.h"
#include "source/ignore.h"

enum token_kind {
	TOKEN_CHAR,
	TOKEN_ANY,        /* ? */
	TOKEN_CLASS,      /* […] */
	TOKEN_STAR,       /* within one component */
	TOKEN_DEEP,       /* ** : anything */
	TOKEN_DEEP_SLASH, /* ** before something: nothing, or anything that ends in a slash */
};

struct glob_token {
	enum token_kind kind;
	uint32_t c;
	struct str class; /* between the brackets; of the pattern */
};

/* One character; a byte that is no UTF-8 counts as one, unlike all others. */
static uint32_t take_char(struct str s, size_t *at)
{
	const unsigned char *p = (const unsigned char *)s.p + *at;
	size_t len = *p < 0xc2 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 1;
	if (len == 1 && *p < 0x80) {
		++*at;
		return *p;
	}
	if (len == 1 || !str_is_utf8(str_first(str_skip(s, *at), len)) || s.len - *at < len) {
		++*at;
		return 0x110000u + *p;
	}
	uint32_t c = *p & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3f);
	*at += len;
	return c;
}

/* --- classes -------------------------------------------------------------------------------- */

static bool class_char(struct str p, size_t *at, uint32_t *c)
{
	if (*at == p.len || p.p[*at] == '-' || p.p[*at] == ']')
		return false;
	if (p.p[*at] == '\\' && ++*at == p.len)
		return false;
	*c = take_char(p, at);
	return true;
}

/* One character or range. */
static bool class_range(struct str p, size_t *at, uint32_t *low, uint32_t *high)
{
	if (!class_char(p, at, low))
		return false;
	*high = *low;
	if (*at == p.len || p.p[*at] != '-')
		return true;
	++*at;
	return class_char(p, at, high);
}

/* One class, `p` behind its "[". Length up to the "]", or 0 when it is none. */
static size_t class_length(struct str p)
{
	size_t at = p.len && p.p[0] == '^';
	uint32_t low, high;
	do {
		if (!class_range(p, &at, &low, &high))
			return 0;
	} while (at < p.len && p.p[at] != ']');
	return at < p.len ? at : 0;
}

static bool class_has(struct str class, uint32_t c)
{
	bool no = class.p[0] == '^', found = false;
	size_t at = no;
	uint32_t low, high;
	while (at < class.len && class_range(class, &at, &low, &high))
		found = found || (c >= low && c <= high);
	return found != no;
}

/* --- compiling ------------------------------------------------------------------------------ */

bool glob_is_pattern(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '[')
			return true;
	}
	return false;
}

static struct err *bad_pattern(struct str pattern, const char *why)
{
	return err_new(ERR_INVALID, "bad pattern " STR_FMT ": %s", STR_ARG(pattern), why);
}

static void add_token(struct glob *g, struct glob_token t)
{
	/* Two stars of a kind are one. */
	if (g->n && t.kind >= TOKEN_STAR && g->tokens[g->n - 1].kind == t.kind)
		return;
	mem_reserve_one(g->tokens, g->n, g->cap);
	g->tokens[g->n++] = t;
}

/* What "**" means depends on what is behind it: "**" and "x" fit "ax", but "**" and "x*" do not. */
static enum token_kind deep_kind(const struct glob *g, struct str rest)
{
	bool suffix = g->n == 0 && !glob_is_pattern(rest) && str_chr(rest, '\\') < 0 &&
		      (!rest.len || rest.p[0] != '/');
	return !rest.len || suffix ? TOKEN_DEEP : TOKEN_DEEP_SLASH;
}

static struct err *add_one(struct glob *g, struct str p, size_t *at, bool deep)
{
	char c = p.p[*at];
	if (c == '*' && deep && *at + 1 < p.len && p.p[*at + 1] == '*') {
		*at += 2;
		enum token_kind kind = deep_kind(g, str_skip(p, *at));
		*at += *at < p.len && p.p[*at] == '/';
		if (*at == p.len)
			kind = TOKEN_DEEP;
		add_token(g, (struct glob_token){ .kind = kind });
	} else if (c == '*' || c == '?') {
		++*at;
		add_token(g, (struct glob_token){ .kind = c == '*' ? TOKEN_STAR : TOKEN_ANY });
	} else if (c == '[') {
		size_t len = class_length(str_skip(p, *at + 1));
		if (!len)
			return bad_pattern(p, "a [ that begins no class such as [a-z]");
		add_token(g, (struct glob_token){ .kind = TOKEN_CLASS,
						  .class = str_n(p.p + *at + 1, len) });
		*at += len + 2;
	} else {
		if (c == '\\' && ++*at == p.len)
			return bad_pattern(p, "a backslash at the end");
		add_token(g, (struct glob_token){ .kind = TOKEN_CHAR, .c = take_char(p, at) });
	}
	return NULL;
}

static struct err *compile(struct glob *g, struct str p, bool deep)
{
	for (size_t at = 0; at < p.len;) {
		char first = p.p[at];
		size_t n = g->n, start = at + (first == '\\');
		TRY(add_one(g, p, &at, deep));
		if (g->n_prefix == n && g->n > n && g->tokens[n].kind == TOKEN_CHAR) {
			memcpy(g->prefix + g->prefix_len, p.p + start, at - start);
			g->prefix_len += at - start;
			g->n_prefix++;
		}
	}
	return NULL;
}

struct err *glob_init(struct glob *g, struct str pattern, bool deep)
{
	*g = (struct glob){ .n = 0 };
	if (pattern.len > LIMIT_PATH_BYTES)
		return err_new(ERR_INVALID, "a pattern is longer than %d bytes", LIMIT_PATH_BYTES);
	g->prefix = mem_zalloc(pattern.len + 1);
	struct err *e = compile(g, pattern, deep);
	if (e)
		glob_done(g);
	return e;
}

void glob_done(struct glob *g)
{
	free(g->tokens);
	free(g->prefix);
	*g = (struct glob){ .n = 0 };
}

/* --- matching ------------------------------------------------------------------------------- */

#define WORD_BITS 64
#define N_WORDS   (LIMIT_PATH_BYTES / WORD_BITS + 1)

/* Places in the pattern as bits: so many tokens have fit. */
struct places {
	uint64_t bits[N_WORDS];
};

struct run {
	const struct glob *g;
	size_t n_words;
	struct places now;
};

static bool has(const struct places *p, size_t i)
{
	return p->bits[i / WORD_BITS] >> (i % WORD_BITS) & 1;
}

static void set(struct places *p, size_t i)
{
	p->bits[i / WORD_BITS] |= (uint64_t)1 << (i % WORD_BITS);
}

/* Token `i` is next, and what is behind it too if it is a star. A place at TOKEN_DEEP_SLASH may
 * have been set by what it swallows, which does not reach further. */
static void reach(const struct glob *g, struct places *p, size_t i)
{
	for (;; i++) {
		bool deep_slash = i < g->n && g->tokens[i].kind == TOKEN_DEEP_SLASH;
		if (has(p, i) && !deep_slash)
			return;
		set(p, i);
		if (i == g->n || g->tokens[i].kind < TOKEN_STAR)
			return;
	}
}

static void step(const struct glob *g, struct places *next, size_t i, uint32_t c)
{
	const struct glob_token *t = &g->tokens[i];
	switch (t->kind) {
	case TOKEN_CHAR:
		if (t->c == c)
			reach(g, next, i + 1);
		return;
	case TOKEN_ANY:
		if (c != '/')
			reach(g, next, i + 1);
		return;
	case TOKEN_CLASS:
		if (class_has(t->class, c))
			reach(g, next, i + 1);
		return;
	case TOKEN_STAR:
		if (c != '/')
			reach(g, next, i);
		return;
	case TOKEN_DEEP:
		reach(g, next, i);
		return;
	case TOKEN_DEEP_SLASH:
		set(next, i);
		if (c == '/')
			reach(g, next, i + 1);
		return;
	}
}

static void start(struct run *r, const struct glob *g)
{
	r->g = g;
	r->n_words = g->n / WORD_BITS + 1;
	memset(&r->now, 0, r->n_words * sizeof(uint64_t));
	reach(g, &r->now, g->n_prefix);
}

/* False when nothing fits any more. */
static bool feed(struct run *r, uint32_t c)
{
	struct places next;
	uint64_t any = 0;
	memset(&next, 0, r->n_words * sizeof(uint64_t));
	for (size_t w = 0; w < r->n_words; w++)
		for (uint64_t bits = r->now.bits[w]; bits; bits &= bits - 1) {
			size_t i = w * WORD_BITS + (size_t)__builtin_ctzll(bits);
			if (i < r->g->n)
				step(r->g, &next, i, c);
		}
	for (size_t w = 0; w < r->n_words; w++)
		any |= r->now.bits[w] = next.bits[w];
	return any;
}

static bool fits(const struct run *r)
{
	return has(&r->now, r->g->n);
}

static bool match(const struct glob *g, struct str text, bool or_parent)
{
	struct run r;
	if (!str_starts(text, str_n(g->prefix, g->prefix_len)))
		return false;
	size_t at = g->prefix_len;
	if (g->n_prefix == g->n)
		return at == text.len || (or_parent && text.p[at] == '/');
	for (start(&r, g); at < text.len;) {
		if (or_parent && text.p[at] == '/' && fits(&r))
			return true;
		if (!feed(&r, take_char(text, &at)))
			return false;
	}
	return fits(&r);
}

bool glob_match(const struct glob *g, struct str text)
{
	return match(g, text, false);
}

bool glob_match_or_parent(const struct glob *g, struct str path)
{
	return match(g, path, true);
}

bool glob_may_match_below(const struct glob *g, struct str dir)
{
	struct run r;
	struct str prefix = str_n(g->prefix, g->prefix_len);
	if (prefix.len > dir.len)
		return !dir.len || (str_starts(prefix, dir) && prefix.p[dir.len] == '/');
	if (!str_starts(dir, prefix) || g->n_prefix == g->n)
		return false;
	start(&r, g);
	for (size_t at = prefix.len; at < dir.len;)
		if (!feed(&r, take_char(dir, &at)))
			return false;
	if (dir.len && !feed(&r, '/'))
		return false;
	for (size_t i = 0; i < g->n; i++)
		if (has(&r.now, i))
			return true;
	return false;
}

struct err *source_glob(struct str pattern, struct str name, bool *matched)
{
	struct glob g;
	TRY(glob_init(&g, pattern, false));
	*matched = glob_match(&g, name);
	glob_done(&g);
	return NULL;
}
