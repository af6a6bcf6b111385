/* The flags between an instruction's name and its arguments. SPEC Dockerfile reference: each
 * instruction's options. Values stay as written; dockerfile_expand() takes their quotes off. */
#include "dockerfile/dockerfile_priv.h"

/* The length of the first word; blanks inside quotes and behind the escape character belong to it.
 */
static size_t flag_length(struct str s, char escape)
{
	char quote = 0;
	size_t i = 0;
	for (; i < s.len; i++) {
		char c = s.p[i];
		if (c == escape && quote != '\'')
			i++;
		else if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (dockerfile_is_blank(c))
			break;
	}
	return MIN(i, s.len);
}

static struct err *unknown_flag(struct parser *p, const char *instruction,
				const struct flag_spec *specs, size_t n, struct str name)
{
	const char *known[MOST_FLAGS];
	for (size_t i = 0; i < n; i++)
		known[i] = specs[i].name;
	const char *near = str_nearest(name, known, n);
	return dockerfile_fail(p, name.p - 2, "unknown flag --%s of %s%s%s%s",
			       dockerfile_show(name).s, instruction,
			       near ? " (did you mean --" : "", near ?: "", near ? "?)" : "");
}

static struct err *take_flag(struct parser *p, const char *instruction,
			     const struct flag_spec *specs, size_t n, struct str word)
{
	struct str value = str_skip(word, 2), name = str_cut(&value, '=');
	size_t i = 0;
	while (i < n && !str_eq(name, str_of(specs[i].name)))
		i++;
	if (i == n)
		return unknown_flag(p, instruction, specs, n, name);
	if (!specs[i].done)
		return dockerfile_fail(p, word.p, "kiln does not support %s --%s yet", instruction,
				       specs[i].name);
	if (p->flag_given[i])
		return dockerfile_fail(p, word.p, "the flag --%s is there twice", specs[i].name);
	if (!value.len)
		return dockerfile_fail(p, word.p, "the flag --%s needs a value, as in --%s=...",
				       specs[i].name, specs[i].name);
	p->flag_given[i] = true;
	p->flags[i] = value;
	return NULL;
}

struct err *dockerfile_flags(struct parser *p, const char *instruction,
			     const struct flag_spec *specs, size_t n, struct str *args)
{
	memset(p->flags, 0, sizeof(p->flags));
	memset(p->flag_given, 0, sizeof(p->flag_given));
	while (str_starts(*args, STR("--"))) {
		struct str word = str_first(*args, flag_length(*args, p->d->escape));
		*args = dockerfile_trim(str_skip(*args, word.len));
		if (word.len == 2)
			break;
		TRY(take_flag(p, instruction, specs, n, word));
	}
	return NULL;
}
