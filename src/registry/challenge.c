#include "registry/challenge.h"

#include <ctype.h>

struct scan {
	struct arena *arena;
	struct str rest;
	bool bad;
};

static void skip_blanks(struct scan *s)
{
	while (s->rest.len && (s->rest.p[0] == ' ' || s->rest.p[0] == '\t'))
		s->rest = str_skip(s->rest, 1);
}

static void skip_commas(struct scan *s)
{
	skip_blanks(s);
	while (s->rest.len && s->rest.p[0] == ',') {
		s->rest = str_skip(s->rest, 1);
		skip_blanks(s);
	}
}

static bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* What stands unquoted behind "=": wider than the grammar, for realms without quotes exist. */
static bool is_bare_char(char c)
{
	return is_token_char(c) || (c && strchr("/:?=@[]", c));
}

static struct str take(struct scan *s, bool (*in)(char))
{
	size_t n = 0;
	while (n < s->rest.len && in(s->rest.p[n]))
		n++;
	struct str got = str_first(s->rest, n);
	s->rest = str_skip(s->rest, n);
	return got;
}

static const char *take_quoted(struct scan *s)
{
	struct str in = str_skip(s->rest, 1);
	size_t end = 0, n = 0;
	while (end < in.len && in.p[end] != '"')
		end += in.p[end] == '\\' ? 2 : 1;
	s->bad |= end >= in.len;
	end = MIN(end, in.len);
	char *out = arena_zalloc(s->arena, end + 1);
	for (size_t i = 0; i < end; i++) {
		if (in.p[i] == '\\' && ++i == end)
			break;
		if ((unsigned char)in.p[i] < 0x20 || in.p[i] == 0x7f) {
			s->bad = true;
			break;
		}
		out[n++] = in.p[i];
	}
	s->rest = str_skip(in, end + 1);
	return out;
}

static const char *take_value(struct scan *s)
{
	skip_blanks(s);
	if (s->rest.len && s->rest.p[0] == '"')
		return take_quoted(s);
	struct str bare = take(s, is_bare_char);
	s->bad |= !bare.len;
	return arena_strdup(s->arena, bare);
}

static void set_param(struct challenge *c, struct str name, const char *value)
{
	const struct {
		struct str name;
		const char **to;
	} known[] = { { STR("realm"), &c->realm },
		      { STR("service"), &c->service },
		      { STR("scope"), &c->scope },
		      { STR("error"), &c->error } };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq_nocase(known[i].name, name) && !**known[i].to)
			*known[i].to = value;
}

/* "name=value" and the commas behind it; false, with nothing taken, where a new challenge starts.
 */
static bool take_param(struct scan *s, struct challenge *c)
{
	struct scan at = *s;
	struct str name = take(&at, is_token_char);
	skip_blanks(&at);
	if (!name.len || !at.rest.len || at.rest.p[0] != '=')
		return false;
	at.rest = str_skip(at.rest, 1);
	set_param(c, name, take_value(&at));
	skip_blanks(&at);
	at.bad |= at.rest.len && at.rest.p[0] != ',';
	skip_commas(&at);
	*s = at;
	return true;
}

static bool is_token68_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("-._~+/", c));
}

/* "Negotiate YII=": letters and digits as in base64, up to a comma. */
static void skip_token68(struct scan *s)
{
	struct scan at = *s;
	take(&at, is_token68_char);
	while (at.rest.len && at.rest.p[0] == '=')
		at.rest = str_skip(at.rest, 1);
	skip_blanks(&at);
	if (!at.rest.len || at.rest.p[0] == ',')
		*s = at;
	skip_commas(s);
}

static bool take_challenge(struct scan *s, struct challenge *c)
{
	struct str scheme = take(s, is_token_char);
	if (!scheme.len)
		return false;
	*c = (struct challenge){ .kind = str_eq_nocase(scheme, STR("Bearer"))  ? CHALLENGE_BEARER
					 : str_eq_nocase(scheme, STR("Basic")) ? CHALLENGE_BASIC
									       : CHALLENGE_OTHER,
				 .realm = "",
				 .service = "",
				 .scope = "",
				 .error = "" };
	bool blank = s->rest.len && (s->rest.p[0] == ' ' || s->rest.p[0] == '\t');
	if (s->rest.len && !blank && s->rest.p[0] != ',')
		return false;
	bool alone = s->rest.len && !blank;
	skip_commas(s);
	if (alone)
		return true;
	if (c->kind == CHALLENGE_OTHER)
		skip_token68(s);
	while (!s->bad && take_param(s, c))
		;
	return !s->bad;
}

size_t challenge_parse(struct arena *a, struct str value, struct challenge *out)
{
	struct scan s = { .arena = a, .rest = value };
	size_t n = 0;
	skip_commas(&s);
	while (n < CHALLENGE_MOST && s.rest.len && take_challenge(&s, &out[n]))
		n++;
	return n;
}
