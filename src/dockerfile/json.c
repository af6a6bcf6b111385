/* The JSON arrays of strings in exec forms. SPEC RFC 8259
 *
 * Strict: what is no JSON at all means the other form of the instruction, what is an array of
 * something else than strings is a mistake. Two halves of a surrogate pair that do not belong
 * together are no JSON here. */
#include "dockerfile/dockerfile_priv.h"

#include <stdlib.h>

#include "base/limits.h"

struct reader {
	struct str in;
	size_t at;
	unsigned depth;
	bool nul;         /* a string had \u0000 */
	struct buf chars; /* the decoded strings, a NUL behind each */
	size_t *starts;   /* owned */
	size_t n, cap;
};

static void reader_done(struct reader *r)
{
	buf_done(&r->chars);
	free(r->starts);
}

static int peek(const struct reader *r)
{
	return r->at < r->in.len ? (unsigned char)r->in.p[r->at] : -1;
}

static bool accept(struct reader *r, char c)
{
	if (peek(r) != c)
		return false;
	r->at++;
	return true;
}

static void skip_space(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\r' || peek(r) == '\n')
		r->at++;
}

static bool read_hex4(struct reader *r, uint32_t *out)
{
	uint32_t n = 0;
	for (int i = 0; i < 4; i++, r->at++) {
		int c = peek(r);
		if (c >= '0' && c <= '9')
			n = n * 16 + (uint32_t)(c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			n = n * 16 + (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	*out = n;
	return true;
}

static void add_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_add_c(b, (char)c);
	} else if (c < 0x800) {
		buf_add_c(b, (char)(0xc0 | c >> 6));
		buf_add_c(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_add_c(b, (char)(0xe0 | c >> 12));
		buf_add_c(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_c(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_add_c(b, (char)(0xf0 | c >> 18));
		buf_add_c(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_add_c(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_c(b, (char)(0x80 | (c & 0x3f)));
	}
}

static bool read_unicode(struct reader *r)
{
	uint32_t c, low;
	if (!read_hex4(r, &c))
		return false;
	if (c >= 0xdc00 && c <= 0xdfff)
		return false;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (!accept(r, '\\') || !accept(r, 'u') || !read_hex4(r, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	r->nul |= c == 0;
	add_utf8(&r->chars, c);
	return true;
}

static bool read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(r);
	if (c <= 0)
		return false;
	r->at++;
	if (c == 'u')
		return read_unicode(r);
	const char *found = strchr(from, c);
	if (found)
		buf_add_c(&r->chars, to[found - from]);
	return found != NULL;
}

static bool read_string(struct reader *r)
{
	if (!accept(r, '"'))
		return false;
	for (;;) {
		int c = peek(r);
		if (c < 0x20)
			return false;
		r->at++;
		if (c == '"')
			break;
		if (c != '\\')
			buf_add_c(&r->chars, (char)c);
		else if (!read_escape(r))
			return false;
	}
	buf_add_c(&r->chars, '\0');
	return true;
}

static bool read_digits(struct reader *r)
{
	size_t start = r->at;
	while (peek(r) >= '0' && peek(r) <= '9')
		r->at++;
	return r->at > start;
}

static bool read_number(struct reader *r)
{
	accept(r, '-');
	if (!accept(r, '0') && !read_digits(r))
		return false;
	if (accept(r, '.') && !read_digits(r))
		return false;
	if (accept(r, 'e') || accept(r, 'E')) {
		if (!accept(r, '+'))
			accept(r, '-');
		return read_digits(r);
	}
	return true;
}

static bool read_literal(struct reader *r)
{
	static const char *const literals[] = { "true", "false", "null" };
	struct str rest = str_skip(r->in, r->at);
	for (size_t i = 0; i < ARRAY_LEN(literals); i++) {
		if (!str_starts(rest, str_of(literals[i])))
			continue;
		r->at += strlen(literals[i]);
		return true;
	}
	return read_number(r);
}

static bool read_value(struct reader *r);

static bool read_members(struct reader *r, bool object)
{
	char end = object ? '}' : ']';
	skip_space(r);
	if (accept(r, end))
		return true;
	do {
		skip_space(r);
		if (object) {
			if (!read_string(r))
				return false;
			skip_space(r);
			if (!accept(r, ':'))
				return false;
			skip_space(r);
		}
		if (!read_value(r))
			return false;
		skip_space(r);
	} while (accept(r, ','));
	return accept(r, end);
}

static bool read_value(struct reader *r)
{
	if (peek(r) == '"')
		return read_string(r);
	if (peek(r) != '[' && peek(r) != '{')
		return read_literal(r);
	if (r->depth == LIMIT_JSON_DEPTH)
		return false;
	r->depth++;
	bool object = peek(r) == '{';
	r->at++;
	bool ok = read_members(r, object);
	r->depth--;
	return ok;
}

static bool read_element(struct reader *r, bool *other)
{
	skip_space(r);
	mem_reserve_one(r->starts, r->n, r->cap);
	r->starts[r->n++] = r->chars.len;
	*other |= peek(r) != '"';
	bool ok = read_value(r);
	skip_space(r);
	return ok;
}

static enum json_form read_array(struct reader *r)
{
	bool other = false;
	skip_space(r);
	if (!accept(r, '['))
		return JSON_NONE;
	skip_space(r);
	if (!accept(r, ']')) {
		do {
			if (!read_element(r, &other))
				return JSON_NONE;
		} while (accept(r, ','));
		if (!accept(r, ']'))
			return JSON_NONE;
	}
	skip_space(r);
	if (r->at < r->in.len)
		return JSON_NONE;
	return other || r->nul ? JSON_OTHER : JSON_STRINGS;
}

struct err *dockerfile_json(struct parser *p, struct str text, enum json_form *form,
			    struct dockerfile_words *words)
{
	done(reader) r = { .in = text };
	buf_init(&r.chars, 2 * LIMIT_DOCKERFILE_BYTES);
	*form = read_array(&r);
	if (*form != JSON_STRINGS)
		return NULL;
	TRY(dockerfile_charge(p, r.n));
	struct str chars = arena_str(p->a, buf_str(&r.chars));
	*words = (struct dockerfile_words){ arena_new_array(p->a, r.n, struct str), r.n };
	for (size_t i = 0; i < r.n; i++) {
		size_t end = i + 1 < r.n ? r.starts[i + 1] : chars.len;
		words->v[i] = str_n(chars.p + r.starts[i], end - r.starts[i] - 1);
	}
	return NULL;
}

static bool looks_like_strings(struct str s)
{
	if (s.len < 2 || s.p[0] != '[' || s.p[s.len - 1] != ']')
		return false;
	s = dockerfile_trim(str_skip(s, 1));
	return s.p[0] == '"' || s.p[0] == '\'';
}

struct err *dockerfile_json_or(struct parser *p, struct str text, bool *json,
			       struct dockerfile_words *words)
{
	enum json_form form;
	TRY(dockerfile_json(p, text, &form, words));
	*json = form == JSON_STRINGS;
	if (form == JSON_OTHER)
		return dockerfile_fail(p, text.p,
				       "the JSON array may hold nothing but strings without NUL");
	if (form == JSON_NONE && looks_like_strings(text))
		dockerfile_warn(p, p->line.first,
				"this is no JSON array of strings, so it is not the exec form");
	return NULL;
}
