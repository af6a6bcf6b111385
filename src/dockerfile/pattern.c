/* The patterns of ${name#pattern} and its kin: `*` is any text, `?` any character; the escape
 * character makes either literal. SPEC Dockerfile reference "Environment replacement"
 *
 * A pattern is parts between stars. All but the last go to their first place; the last goes to its
 * first or last one, which makes the whole match the shortest or the longest. */
#include "dockerfile/dockerfile_priv.h"

#include <stdlib.h>

enum { ITEM_BYTE, ITEM_ANY, ITEM_STAR };

struct pattern_item {
	uint8_t type;
	char byte;
};

void pattern_done(struct pattern *p)
{
	free(p->v);
	*p = (struct pattern){ NULL };
}

struct err *pattern_init(struct pattern *p, struct str text, char escape)
{
	*p = (struct pattern){ .v = mem_new_array(text.len + 1, struct pattern_item) };
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		struct pattern_item item = { .type = ITEM_BYTE, .byte = c };
		if (c == '*') {
			item.type = ITEM_STAR;
		} else if (c == '?') {
			item.type = ITEM_ANY;
		} else if (c == escape) {
			char next = ++i < text.len ? text.p[i] : '\0';
			if (!next || (next != escape && !strchr("*?}/\"'$", next)))
				return err_new(ERR_INVALID, "the pattern %s has a wrong escape",
					       dockerfile_show(text).s);
			item.byte = next;
		}
		p->v[p->n++] = item;
	}
	return NULL;
}

static bool inside_character(struct str text, size_t at)
{
	return at < text.len && ((unsigned char)text.p[at] & 0xc0) == 0x80;
}

size_t pattern_next(struct str text, size_t at)
{
	do
		at++;
	while (inside_character(text, at));
	return at;
}

struct matcher {
	const struct pattern *p;
	struct str text;
	size_t *work;
};

/* Whether the items from `i` up to `end` match at `*at`, which moves behind them. */
static bool match_part(const struct matcher *m, size_t i, size_t end, size_t *at)
{
	size_t pos = *at;
	for (; i < end; i++) {
		if (!*m->work || pos >= m->text.len)
			return false;
		--*m->work;
		if (m->p->v[i].type == ITEM_ANY)
			pos = pattern_next(m->text, pos);
		else if (m->text.p[pos] == m->p->v[i].byte)
			pos++;
		else
			return false;
	}
	*at = pos;
	return true;
}

static bool find_first(const struct matcher *m, size_t i, size_t end, size_t *at)
{
	for (size_t pos = *at; pos <= m->text.len && *m->work; pos = pattern_next(m->text, pos)) {
		--*m->work;
		*at = pos;
		if (match_part(m, i, end, at))
			return true;
	}
	return false;
}

static bool find_last(const struct matcher *m, size_t i, size_t end, size_t *at)
{
	size_t least = *at;
	for (size_t pos = m->text.len + 1; pos-- > least && *m->work;) {
		--*m->work;
		*at = pos;
		if (match_part(m, i, end, at))
			return true;
	}
	return false;
}

static size_t part_end(const struct pattern *p, size_t i)
{
	while (i < p->n && p->v[i].type != ITEM_STAR)
		i++;
	return i;
}

bool pattern_match(const struct pattern *p, struct str text, size_t at, bool longest, size_t *work,
		   size_t *end)
{
	struct matcher m = { p, text, work };
	size_t i = part_end(p, 0);
	if (!match_part(&m, 0, i, &at))
		return false;
	while (i < p->n) {
		size_t stop = part_end(p, i + 1);
		bool last = longest && stop == p->n;
		if (!(last ? find_last : find_first)(&m, i + 1, stop, &at))
			return false;
		i = stop;
	}
	*end = at;
	return true;
}
