/* Tags from templates, and whether they can be tags. */
#include "pipeline/rule_priv.h"

#include <stdio.h>
#include <time.h>

#include "base/limits.h"
#include "oci/reference.h"

const char *pipeline_whole_name(enum pipeline_ref_type t)
{
	return t == PIPELINE_TAG ? "tag" : "branch";
}

const char *pipeline_shown_char(struct arena *a, struct str rest)
{
	unsigned char c = (unsigned char)rest.p[0];
	if (c > ' ' && c < 0x7f)
		return arena_strdup(a, str_first(rest, 1));
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
	if (n && rest.len >= n && str_is_utf8(str_first(rest, n)))
		return arena_strdup(a, str_first(rest, n));
	return arena_printf(a, "\\x%02x", c);
}

static bool is_tag_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (!first && (c == '.' || c == '-'));
}

bool pipeline_tag_check(struct arena *a, struct str tag, struct pipeline_match *out)
{
	if (!tag.len) {
		out->code = "TAG_EMPTY";
		out->problem = "the tag is empty: its groups match nothing in this name";
		out->remedy = "Let a group match at least one character, or put text beside it.";
		return false;
	}
	for (size_t i = 0; i < tag.len; i++) {
		if (is_tag_char(tag.p[i], i == 0))
			continue;
		out->code = "TAG_CHAR";
		out->problem = arena_printf(
			a, "\"" STR_FMT "\" cannot be a tag: %s is not allowed %s",
			STR_ARG(str_first(tag, 200)), pipeline_shown_char(a, str_skip(tag, i)),
			i ? "in it" : "at its beginning");
		out->remedy = "Write ${branch:slug}, ${tag:slug} or ${group:slug}, which leave out"
			      " what no tag has.";
		return false;
	}
	if (tag.len > PIPELINE_TAG_BYTES) {
		out->code = "TAG_LONG";
		out->problem = arena_printf(a, "the tag has %zu characters, at most %d are allowed",
					    tag.len, PIPELINE_TAG_BYTES);
		out->remedy = "Let the groups match less of the name.";
		return false;
	}
	return true;
}

/* ---- expansion ---- */

static void add_slug(struct buf *b, struct str s)
{
	bool dash = true; /* none at the beginning */
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
		if (ok) {
			buf_add_c(b, c);
			dash = false;
		} else if (!dash) {
			buf_add_c(b, '-');
			dash = true;
		}
	}
	while (b->len && b->p[b->len - 1] == '-')
		b->len--;
}

static bool add_variable(struct buf *b, const struct pipeline_rule *r, struct str name,
			 const struct pipeline_match *m, const struct pipeline_piece *p)
{
	struct str value = { 0 };
	for (size_t i = 0; i < m->n_groups; i++)
		if (str_eq(str_of(m->groups[i].name), p->text))
			value = str_of(m->groups[i].value);
	if (!value.p && str_eq(p->text, str_of(pipeline_whole_name(r->ref_type))))
		value = name;
	if (!value.p)
		return false;
	if (p->has_arg)
		add_slug(b, value);
	else
		buf_add(b, value);
	return true;
}

static bool add_version(struct buf *b, const struct pipeline_rule *r, struct str name,
			const struct pipeline_match *m, const char *version)
{
	struct pipeline_piece p;
	size_t at = 0;
	for (bool more = true;;) {
		struct err *e = pipeline_piece_next(str_of(version), &at, &more, &p);
		if (e) {
			err_free(e);
			return false;
		}
		if (!more)
			return true;
		if (!p.is_variable)
			buf_add(b, p.text);
		else if (!add_variable(b, r, name, m, &p))
			return false;
	}
}

static void add_time(struct buf *b, const struct pipeline_template *t,
		     const struct pipeline_moment *m)
{
	time_t s = (time_t)(m->pushed_ns / 1000000000) + 60 * m->utc_offset_min;
	struct tm tm;
	gmtime_r(&s, &tm);
	buf_printf(b, "%04d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	if (t->time == PIPELINE_MINUTE)
		buf_printf(b, "%02d%02d", tm.tm_hour, tm.tm_min);
}

static void add_tag(struct arena *a, struct pipeline_match *out, const char *tag)
{
	for (size_t i = 0; i < out->n_tags; i++)
		if (strcmp(out->tags[i], tag) == 0)
			return;
	out->tags[out->n_tags++] = tag;
}

static bool make_one(struct arena *a, const struct pipeline_rule *r, struct str name,
		     const struct pipeline_moment *m, const struct pipeline_template *t,
		     struct pipeline_match *out)
{
	done(buf) b;
	buf_init(&b, 64 << 10);
	if (!add_version(&b, r, name, out, t->version)) {
		out->code = "TAG_TEMPLATE";
		out->problem = "the template names a group that the pattern does not have";
		return false;
	}
	/* A version of a group that took no part is empty, and leaves no dash. */
	if (t->time) {
		if (b.len)
			buf_add_c(&b, '-');
		add_time(&b, t, m);
	}
	if (t->commit) {
		if (b.len)
			buf_add_c(&b, '-');
		buf_add(&b, str_first(str_of(m->commit), t->commit));
	}
	if (!pipeline_tag_check(a, buf_str(&b), out))
		return false;
	add_tag(a, out, arena_strdup(a, buf_str(&b)));
	return true;
}

void pipeline_tags_make(struct arena *a, const struct pipeline_rule *r, struct str name,
			const struct pipeline_moment *m, struct pipeline_match *out)
{
	for (size_t i = 0; i < r->n_tags; i++) {
		if (!make_one(a, r, name, m, &r->tags[i], out)) {
			out->n_tags = 0;
			return;
		}
	}
}
