#include "source/ignore.h"

#include <stdlib.h>

#include "base/limits.h"
#include "source/glob_priv.h"

struct rule {
	struct source_ignore_rule shown;
	bool take_in;  /* "!" */
	char *cleaned; /* owned; the glob points into it */
	struct glob glob;
};

struct source_ignore {
	char *name, *text;  /* owned */
	struct rule *rules; /* owned */
	size_t n, cap;
};

/* SPEC Go filepath.Clean, without the slashes at both ends, which mean nothing here. "" is the
 * context itself. */
static char *clean(struct str p)
{
	char *out = mem_zalloc(p.len + 1);
	size_t len = 0;
	bool absolute = p.len && p.p[0] == '/';
	while (p.p) {
		struct str part = str_cut(&p, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		ptrdiff_t slash = str_rchr(str_n(out, len), '/');
		bool above =
			!len || str_eq(str_skip(str_n(out, len), (size_t)(slash + 1)), STR(".."));
		if (str_eq(part, STR("..")) && !(above && !absolute)) {
			len = slash < 0 ? 0 : (size_t)slash;
			continue;
		}
		if (len)
			out[len++] = '/';
		memcpy(out + len, part.p, part.len);
		len += part.len;
	}
	out[len] = '\0';
	return out;
}

static void rule_done(struct rule *r)
{
	glob_done(&r->glob);
	free(r->cleaned);
}

static struct err *parse_rule(struct rule *r, struct str pattern)
{
	if (pattern.p[0] == '!') {
		r->take_in = true;
		pattern = str_trim(str_skip(pattern, 1));
		if (!pattern.len)
			return err_new(ERR_INVALID, "a ! without a pattern");
	}
	r->cleaned = clean(pattern);
	return glob_init(&r->glob, str_of(r->cleaned), true);
}

static struct err *add_line(struct source_ignore *g, struct str line, uint32_t number)
{
	struct str pattern = str_trim(line);
	if (!pattern.len || line.p[0] == '#')
		return NULL;
	mem_reserve_one(g->rules, g->n, g->cap);
	struct rule *r = &g->rules[g->n++];
	*r = (struct rule){ .shown = { number, pattern } };
	TRY(err_wrap(parse_rule(r, pattern), "%s:%u", g->name, number));
	if (!r->cleaned[0]) /* the context itself: such a rule has always been skipped */
		rule_done(&g->rules[--g->n]);
	return NULL;
}

struct err *source_ignore_parse(const char *name, struct str text, struct source_ignore **out)
{
	own(source_ignore) g = mem_new(struct source_ignore);
	g->name = mem_strdup(name);
	if (text.len > LIMIT_DOCKERIGNORE_BYTES)
		return err_new(ERR_LIMIT, "%s is longer than %zu bytes", name,
			       LIMIT_DOCKERIGNORE_BYTES);
	if (str_has_nul(text))
		return err_new(ERR_INVALID, "%s is not a text file", name);
	g->text = str_dup(text);
	struct str rest = str_n(g->text, text.len);
	if (str_starts(rest, STR("\xef\xbb\xbf")))
		rest = str_skip(rest, 3);
	for (uint32_t number = 1; rest.p; number++)
		TRY(add_line(g, str_cut(&rest, '\n'), number));
	*out = move(g);
	return NULL;
}

void source_ignore_free(struct source_ignore *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		rule_done(&g->rules[i]);
	free(g->rules);
	free(g->name);
	free(g->text);
	free(g);
}

const char *source_ignore_name(const struct source_ignore *g)
{
	return g->name;
}

bool source_ignore_match(const struct source_ignore *g, const char *path,
			 struct source_ignore_rule *why)
{
	struct str text = str_of(path);
	/* The last rule that matches decides. */
	for (size_t i = g->n; i > 0; i--) {
		const struct rule *r = &g->rules[i - 1];
		if (!glob_match_or_parent(&r->glob, text))
			continue;
		if (!r->take_in && why)
			*why = r->shown;
		return !r->take_in;
	}
	return false;
}

bool source_ignore_may_reinclude(const struct source_ignore *g, const char *dir)
{
	struct str text = str_of(dir);
	/* What stands before the last rule that leaves the directory out is of no use below it. */
	for (size_t i = g->n; i > 0; i--) {
		const struct rule *r = &g->rules[i - 1];
		if (r->take_in && glob_may_match_below(&r->glob, text))
			return true;
		if (!r->take_in && glob_match_or_parent(&r->glob, text))
			return false;
	}
	return false;
}
