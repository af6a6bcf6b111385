/* `struct str` looks at bytes, `struct buf` owns them and is born with a maximum. */
#ifndef KILN_BASE_STR_H
#define KILN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct str {
	const char *p; /* not NUL-terminated; may be NULL when len is 0 */
	size_t len;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).len, (s).p

static inline struct str str_of(const char *s) /* NULL gives the empty string */
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

static inline struct str str_n(const char *p, size_t len)
{
	return (struct str){ p, len };
}

bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
int str_cmp(struct str a, struct str b);        /* bytewise, as memcmp() */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* The part behind the first `n` bytes; empty if there are fewer. */
struct str str_skip(struct str s, size_t n);
/* The first `n` bytes, or all if there are fewer. */
struct str str_first(struct str s, size_t n);
/* Without blanks, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);
/* Position of the first / last `c`, or -1. */
ptrdiff_t str_chr(struct str s, char c);
ptrdiff_t str_rchr(struct str s, char c);
/* Cut `*rest` at the first `sep`: returns what is before it; `*rest` is what is behind it, and
 * {NULL, 0} when there was none. Loop while (rest.p). */
struct str str_cut(struct str *rest, char sep);
bool str_has_nul(struct str s);
bool str_is_utf8(struct str s); /* well-formed, no surrogates, at most U+10FFFF */
/* How long it is without the first bytes of a character that its end cuts. */
size_t str_whole_chars(struct str s);
/* A decimal number without sign, at most `max`; false otherwise. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *out);
/* An absolute path without empty, "." and ".." components, by its letters alone. The caller frees
 * it. */
char *str_clean_path(struct str path);
/* A NUL-terminated copy. The caller frees it. */
char *str_dup(struct str s);
/* Levenshtein distance, at most `max` + 1; for "did you mean". Case is ignored. */
unsigned str_distance(struct str a, struct str b, unsigned max);
/* The entry of `words` nearest to `s` within a distance of 2 (1 for words below 4), or NULL. */
const char *str_nearest(struct str s, const char *const *words, size_t n);

struct buf {
	char *p; /* owned; NUL-terminated once anything was added */
	size_t len, cap, max;
	bool over; /* something did not fit and was dropped */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_add(struct buf *b, struct str s);
void buf_add_c(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t n);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *b); /* empty, keeps its memory */
/* One check for all that was added: ERR_LIMIT if anything did not fit. Then the bytes are the
 * caller's, NUL-terminated (the NUL is not counted), and `b` is empty. */
struct err *buf_finish(struct buf *b, char **out, size_t *len) __attribute__((warn_unused_result));
/* The text, NUL-terminated and cut at the maximum; the caller frees it. */
char *buf_steal(struct buf *b);
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p, b->len };
}

#endif
