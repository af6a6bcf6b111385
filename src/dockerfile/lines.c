/* Physical lines to logical ones: byte order mark, directives, comments, continuations, bodies of
 * heredocs. SPEC Dockerfile reference "Format", "Parser directives", "Here-Documents" */
#include "dockerfile/dockerfile_priv.h"

#include <stdlib.h>

#include "base/limits.h"

/* Without the end of line. A line may have several CRs there. */
static bool read_line(struct parser *p, struct str *line)
{
	if (p->at >= p->len)
		return false;
	struct str rest = str_n(p->text + p->at, p->len - p->at);
	ptrdiff_t end = str_chr(rest, '\n');
	*line = end < 0 ? rest : str_first(rest, (size_t)end);
	p->at += line->len + (end >= 0);
	p->line_no++;
	while (line->len && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

static struct str skip_blanks(struct str s)
{
	while (s.len && dockerfile_is_blank(s.p[0]))
		s = str_skip(s, 1);
	return s;
}

/* Whether the line goes on; `*line` loses the escape character then. Two of them at the end are no
 * continuation. */
static bool cut_continuation(struct str *line, char escape)
{
	struct str s = *line;
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	if (!s.len || s.p[s.len - 1] != escape)
		return false;
	s.len--;
	if (s.len && s.p[s.len - 1] == escape)
		return false;
	*line = s;
	return true;
}

/* "# name = value" */
static bool split_directive(struct str line, struct str *key, struct str *value)
{
	if (!line.len || line.p[0] != '#')
		return false;
	struct str s = skip_blanks(str_skip(line, 1));
	ptrdiff_t equals = str_chr(s, '=');
	if (equals < 0)
		return false;
	*key = dockerfile_trim(str_first(s, (size_t)equals));
	*value = dockerfile_trim(str_skip(s, (size_t)equals + 1));
	return key->len && value->len;
}

static struct err *use_directive(struct parser *p, size_t which, struct str value)
{
	if (which == 0) {
		if (value.len != 1 || (value.p[0] != '\\' && value.p[0] != '`'))
			return dockerfile_fail(p, value.p,
					       "the escape character is %s, it can be \\ or `",
					       dockerfile_show(value).s);
		p->d->escape = value.p[0];
	} else if (which == 1 && !str_starts(value, STR("docker/dockerfile:1"))) {
		dockerfile_warn(p, p->line_no,
				"the syntax %s is not loaded, kiln uses its own parser",
				dockerfile_show(value).s);
	}
	return NULL;
}

static void start_line(struct parser *p, struct str s);

static struct err *read_directive(struct parser *p, struct str line)
{
	static const char *const names[] = { "escape", "syntax", "check" };
	struct str key, value;
	size_t which = 0;
	if (!split_directive(line, &key, &value)) {
		p->directives_over = true;
		return NULL;
	}
	while (which < ARRAY_LEN(names) && !str_eq_nocase(key, str_of(names[which])))
		which++;
	if (which == ARRAY_LEN(names)) {
		p->directives_over = true;
		return NULL;
	}
	start_line(p, line);
	if (p->directives_seen & 1u << which)
		return dockerfile_fail(p, key.p, "the directive %s is there twice", names[which]);
	p->directives_seen |= 1u << which;
	return use_directive(p, which, value);
}

static void add_segment(struct logical_line *l, struct segment s)
{
	mem_reserve_one(l->segments, l->n_segments, l->cap_segments);
	l->segments[l->n_segments++] = s;
}

/* A logical line that is a part of one physical line. */
static void start_line(struct parser *p, struct str s)
{
	p->line.base = p->text + (s.p - p->text);
	p->line.len = s.len;
	p->line.first = p->line_no;
	p->line.n_segments = 0;
	add_segment(&p->line, (struct segment){ .src = s.p, .line = p->line_no });
	p->line.text = dockerfile_trim(s);
}

static void add_piece(struct parser *p, struct str piece)
{
	add_segment(&p->line,
		    (struct segment){ .at = p->joined.len, .src = piece.p, .line = p->line_no });
	buf_add(&p->joined, piece);
}

static void join_lines(struct parser *p, struct str first)
{
	bool goes_on = true, blank = false;
	uint32_t first_no = p->line_no;
	struct str line;
	buf_clear(&p->joined);
	p->line.n_segments = 0;
	add_piece(p, first);
	while (goes_on && read_line(p, &line)) {
		struct str s = skip_blanks(line);
		if (s.len && s.p[0] == '#')
			continue;
		if (!s.len) {
			blank = true;
			continue;
		}
		goes_on = cut_continuation(&line, p->d->escape);
		add_piece(p, line);
	}
	p->line.len = p->joined.len;
	p->line.base = arena_strdup(p->a, buf_str(&p->joined));
	p->line.first = first_no;
	p->line.text = dockerfile_trim(str_n(p->line.base, p->line.len));
	if (blank)
		dockerfile_warn(p, first_no, "there is a blank line inside the instruction");
}

struct err *dockerfile_lines_next(struct parser *p, bool *found)
{
	struct str line;
	while (read_line(p, &line)) {
		line = skip_blanks(line);
		if (!p->directives_over)
			TRY(read_directive(p, line));
		if (!line.len || line.p[0] == '#')
			continue;
		if (cut_continuation(&line, p->d->escape))
			join_lines(p, line);
		else
			start_line(p, line);
		if (p->line.text.len) {
			*found = true;
			return NULL;
		}
	}
	*found = false;
	return NULL;
}

struct err *dockerfile_lines_body(struct parser *p, struct str word, bool chomp, struct str *body)
{
	size_t start = p->at, end = p->at;
	struct str line;
	while (read_line(p, &line)) {
		while (chomp && line.len && line.p[0] == '\t')
			line = str_skip(line, 1);
		if (str_eq(line, word)) {
			*body = str_n(p->text + start, end - start);
			return NULL;
		}
		end = p->at;
	}
	return dockerfile_fail(p, p->line.text.p, "the heredoc has no line %s that ends it",
			       dockerfile_show(word).s);
}

static uint32_t count_characters(const char *p, const char *end)
{
	uint32_t n = 0;
	for (; p < end; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	return n;
}

void dockerfile_lines_place(const struct parser *p, const char *at, uint32_t *line,
			    uint32_t *column)
{
	const struct logical_line *l = &p->line;
	const struct segment *s = l->segments;
	size_t offset = (size_t)((uintptr_t)at - (uintptr_t)l->base);
	if (!l->n_segments || offset > l->len) {
		*line = l->first;
		*column = 1;
		return;
	}
	for (size_t i = 1; i < l->n_segments && l->segments[i].at <= offset; i++)
		s = &l->segments[i];
	const char *src = s->src + (offset - s->at), *start = s->src;
	while (start > p->text && start[-1] != '\n')
		start--;
	*line = s->line;
	*column = 1 + count_characters(start, src);
}
