/* Tag templates: text with variables. The one-string form is the version, then time and commit,
 * each behind a "-" unless it is the first; so it says exactly what the three fields say. */
#include "pipeline/rule_priv.h"

#include "base/limits.h"

#define DATE   "GIT_PUSH_DATE"
#define COMMIT "GIT_COMMIT_ID"
#define REMEDY                                                                  \
	"A template is text with ${group}, then -${GIT_PUSH_DATE:yyyyMMdd} or " \
	"-${GIT_PUSH_DATE:yyyyMMddHHmm}, then -${GIT_COMMIT_ID:N}; each may be absent."

static struct err *bad(size_t offset, const char *what)
{
	return err_coded(ERR_INVALID, "TAG_TEMPLATE", REMEDY, "tag template, offset %zu: %s",
			 offset, what);
}

static bool name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

static struct err *read_variable(struct str text, size_t at, struct pipeline_piece *out)
{
	struct str rest = str_skip(text, at + 1);
	if (!rest.len || rest.p[0] != '{')
		return bad(at, "a $ is not followed by {");
	ptrdiff_t close = str_chr(rest, '}');
	if (close < 0)
		return bad(at, "${ has no }");
	struct str inside = str_n(rest.p + 1, (size_t)close - 1);
	struct str arg = inside;
	struct str name = str_cut(&arg, ':');
	if (!name.len)
		return bad(at, "${} names no group");
	for (size_t i = 0; i < name.len; i++)
		if (!name_char(name.p[i], i == 0))
			return bad(at + 2 + i,
				   "a name is letters, digits and _, and begins with no digit");
	*out = (struct pipeline_piece){ .is_variable = true,
					.has_arg = arg.p != NULL,
					.text = name,
					.arg = arg,
					.offset = at,
					.end = at + 2 + (size_t)close };
	return NULL;
}

struct err *pipeline_piece_next(struct str text, size_t *at, bool *more, struct pipeline_piece *out)
{
	*more = *at < text.len;
	if (!*more)
		return NULL;
	struct str rest = str_skip(text, *at);
	ptrdiff_t dollar = str_chr(rest, '$');
	if (dollar == 0) {
		TRY(read_variable(text, *at, out));
	} else {
		size_t n = dollar < 0 ? rest.len : (size_t)dollar;
		*out = (struct pipeline_piece){ .text = str_first(rest, n),
						.offset = *at,
						.end = *at + n };
	}
	*at = out->end;
	return NULL;
}

bool pipeline_piece_is_git(const struct pipeline_piece *p)
{
	return p->is_variable && str_starts(p->text, STR("GIT_"));
}

/* ---- reading ---- */

static struct err *take_git(const struct pipeline_piece *p, struct pipeline_template *t)
{
	if (str_eq(p->text, STR(DATE))) {
		if (t->time || t->commit)
			return bad(p->offset, "the time comes once, and before the commit");
		if (str_eq(p->arg, STR("yyyyMMdd")))
			t->time = PIPELINE_DATE;
		else if (str_eq(p->arg, STR("yyyyMMddHHmm")))
			t->time = PIPELINE_MINUTE;
		else
			return bad(p->offset, "the time is yyyyMMdd or yyyyMMddHHmm");
		return NULL;
	}
	if (!str_eq(p->text, STR(COMMIT)))
		return bad(p->offset, "there is no such GIT_ variable");
	if (t->commit)
		return bad(p->offset, "the commit comes once");
	uint64_t n = 6;
	if (p->has_arg && (!str_to_u64(p->arg, 40, &n) || !n || p->arg.p[0] == '0'))
		return bad(p->offset, "a commit id has 1 to 40 characters");
	t->commit = (unsigned)n;
	return NULL;
}

/* Is the variable where time and commit may be: first, or behind a "-" that follows the rest? */
static struct err *check_place(struct str text, const struct pipeline_piece *p, size_t tail)
{
	if (!p->offset)
		return NULL;
	if (text.p[p->offset - 1] != '-')
		return bad(p->offset, "a - belongs before time and commit");
	if (p->offset == 1)
		return bad(0, "it begins with -");
	if (tail && p->offset - 1 != tail)
		return bad(tail, "only a - is between time and commit");
	return NULL;
}

struct err *pipeline_template_parse(struct arena *a, struct str text, struct pipeline_template *out)
{
	if (!text.len)
		return bad(0, "it is empty");
	if (text.len > LIMIT_TEMPLATE_BYTES)
		return bad(LIMIT_TEMPLATE_BYTES, "it is too long");
	if (str_has_nul(text) || !str_is_utf8(text))
		return bad(0, "it is not text");
	struct pipeline_template t = { .version = "" };
	struct pipeline_piece p;
	size_t at = 0, version = text.len, tail = 0;
	for (bool more = true;;) {
		TRY(pipeline_piece_next(text, &at, &more, &p));
		if (!more)
			break;
		if (!pipeline_piece_is_git(&p))
			continue;
		TRY(check_place(text, &p, tail));
		TRY(take_git(&p, &t));
		if (!tail)
			version = p.offset ? p.offset - 1 : 0;
		tail = p.end;
	}
	if (tail && tail != text.len)
		return bad(tail, "nothing follows time and commit");
	t.version = arena_strdup(a, str_first(text, version));
	*out = t;
	return NULL;
}

char *pipeline_template_text(struct arena *a, const struct pipeline_template *t)
{
	const char *time = t->time == PIPELINE_DATE     ? "${" DATE ":yyyyMMdd}"
			   : t->time == PIPELINE_MINUTE ? "${" DATE ":yyyyMMddHHmm}"
							: "";
	char *commit = t->commit ? arena_printf(a, "${" COMMIT ":%u}", t->commit)
				 : arena_strdup(a, STR(""));
	bool first_dash = t->version[0] && time[0];
	bool second_dash = (t->version[0] || time[0]) && commit[0];
	return arena_printf(a, "%s%s%s%s%s", t->version, first_dash ? "-" : "", time,
			    second_dash ? "-" : "", commit);
}
