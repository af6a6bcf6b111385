#include "base/str.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = MIN(a.len, b.len);
	int c = n ? memcmp(a.p, b.p, n) : 0;
	if (c)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_n(s.p, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq(str_skip(s, s.len - suffix.len), suffix);
}

struct str str_skip(struct str s, size_t n)
{
	n = MIN(n, s.len);
	return (struct str){ s.p ? s.p + n : NULL, s.len - n };
}

struct str str_first(struct str s, size_t n)
{
	return (struct str){ s.p, MIN(n, s.len) };
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.len && is_space(s.p[0]))
		s = str_skip(s, 1);
	while (s.len && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

ptrdiff_t str_chr(struct str s, char c)
{
	const char *at = s.len ? memchr(s.p, c, s.len) : NULL;
	return at ? at - s.p : -1;
}

ptrdiff_t str_rchr(struct str s, char c)
{
	const char *at = s.len ? memrchr(s.p, c, s.len) : NULL;
	return at ? at - s.p : -1;
}

struct str str_cut(struct str *rest, char sep)
{
	struct str whole = *rest;
	ptrdiff_t at = str_chr(whole, sep);
	if (at < 0) {
		*rest = (struct str){ NULL, 0 };
		return whole;
	}
	*rest = (struct str){ whole.p + at + 1, whole.len - (size_t)at - 1 };
	return str_first(whole, (size_t)at);
}

bool str_has_nul(struct str s)
{
	return str_chr(s, '\0') >= 0;
}

/* SPEC RFC 3629 section 4 */
bool str_is_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p, *end = p + s.len;
	while (p < end) {
		unsigned char c = *p++;
		if (c < 0x80)
			continue;
		int more = c >= 0xc2 && c <= 0xdf   ? 1
			   : c >= 0xe0 && c <= 0xef ? 2
			   : c >= 0xf0 && c <= 0xf4 ? 3
						    : 0;
		if (!more || end - p < more)
			return false;
		if ((c == 0xe0 && p[0] < 0xa0) || (c == 0xed && p[0] > 0x9f) ||
		    (c == 0xf0 && p[0] < 0x90) || (c == 0xf4 && p[0] > 0x8f))
			return false;
		for (; more; more--)
			if ((*p++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

size_t str_whole_chars(struct str s)
{
	for (size_t back = 1; back <= 3 && back < s.len; back++) {
		unsigned char c = (unsigned char)s.p[s.len - back];
		if (c < 0x80)
			break;
		if (c >= 0xc0)
			return back < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? s.len - back : s.len;
	}
	return s.len;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s.p[i] - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (n > max)
		return false;
	*out = n;
	return true;
}

char *str_clean_path(struct str path)
{
	char *out = mem_zalloc(path.len + 2);
	size_t len = 0;
	while (path.p) {
		struct str part = str_cut(&path, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR(".."))) {
			while (len && out[--len] != '/')
				;
			continue;
		}
		out[len++] = '/';
		memcpy(out + len, part.p, part.len);
		len += part.len;
	}
	if (!len)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

char *str_dup(struct str s)
{
	return mem_strndup(s.p, s.len);
}

unsigned str_distance(struct str a, struct str b, unsigned max)
{
	enum { LONGEST = 64 };
	unsigned row[LONGEST + 1];
	if (a.len > LONGEST || b.len > LONGEST)
		return max + 1;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			unsigned change = diagonal + (lower(a.p[i - 1]) != lower(b.p[j - 1]));
			unsigned step = MIN(row[j], row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = MIN(change, step);
		}
	}
	return MIN(row[b.len], max + 1);
}

const char *str_nearest(struct str s, const char *const *words, size_t n)
{
	unsigned limit = s.len < 4 ? 1 : 2, best = limit + 1;
	const char *nearest = NULL;
	for (size_t i = 0; i < n; i++) {
		unsigned d = str_distance(s, str_of(words[i]), limit);
		if (d < best) {
			best = d;
			nearest = words[i];
		}
	}
	return nearest;
}

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->over = false;
	if (b->p)
		b->p[0] = '\0';
}

void buf_add(struct buf *b, struct str s)
{
	if (s.len > b->max - b->len) {
		b->over = true;
		s.len = b->max - b->len;
	}
	if (b->len + s.len + 1 > b->cap) {
		size_t want = b->len + s.len + 1;
		b->cap = MAX(want, MIN(b->cap * 2, b->max + 1));
		b->p = mem_grow(b->p, b->cap, 1);
	}
	if (s.len)
		memcpy(b->p + b->len, s.p, s.len);
	b->len += s.len;
	b->p[b->len] = '\0';
}

void buf_add_c(struct buf *b, char c)
{
	buf_add(b, str_n(&c, 1));
}

void buf_add_u64(struct buf *b, uint64_t n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	buf_add(b, str_n(text, (size_t)len));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort();
	buf_add(b, str_n(text, (size_t)len));
	free(text);
}

struct err *buf_finish(struct buf *b, char **out, size_t *len)
{
	if (b->over) {
		size_t max = b->max;
		buf_done(b);
		return err_new(ERR_LIMIT, "text is longer than %zu bytes", max);
	}
	if (len)
		*len = b->len;
	*out = buf_steal(b);
	return NULL;
}

char *buf_steal(struct buf *b)
{
	if (!b->p)
		buf_add(b, STR(""));
	char *text = b->p;
	*b = (struct buf){ .max = b->max };
	return text;
}
