/* Words and pairs: ARG, ENV, LABEL, EXPOSE, VOLUME. */
#include "dockerfile/dockerfile_priv.h"

#include "base/limits.h"

struct err *dockerfile_words_split(struct parser *p, struct str args, struct dockerfile_words *out)
{
	size_t n = 0;
	for (struct str rest = args; rest.len; n++)
		dockerfile_first_word(&rest);
	TRY(dockerfile_charge(p, n));
	*out = (struct dockerfile_words){ arena_new_array(p->a, n, struct str), n };
	for (size_t i = 0; i < n; i++)
		out->v[i] = dockerfile_first_word(&args);
	return NULL;
}

/* A word may have blanks inside quotes and behind the escape character. */
static struct str quoted_word(struct str *rest, char escape, const char **open_quote)
{
	struct str s = *rest;
	char quote = 0;
	size_t i = 0;
	*open_quote = NULL;
	for (; i < s.len && (quote || !dockerfile_is_blank(s.p[i])); i++) {
		char c = s.p[i];
		if (c == escape && quote != '\'') {
			i++;
		} else if (quote) {
			if (c == quote)
				quote = 0;
		} else if (c == '"' || c == '\'') {
			quote = c;
			*open_quote = s.p + i;
		}
	}
	if (!quote)
		*open_quote = NULL;
	i = MIN(i, s.len);
	*rest = dockerfile_trim(str_skip(s, i));
	return str_first(s, i);
}

static struct err *next_word(struct parser *p, struct str *rest, struct str *word)
{
	const char *open_quote;
	*word = quoted_word(rest, p->d->escape, &open_quote);
	if (!open_quote)
		return NULL;
	return dockerfile_fail(p, open_quote, "the quote %c has no end", *open_quote);
}

static struct err *to_pair(struct parser *p, const struct dockerfile_instruction *in,
			   struct str word, struct dockerfile_pair *pair)
{
	ptrdiff_t equals = str_chr(word, '=');
	if (equals == 0)
		return dockerfile_fail(p, word.p, "the name before = is empty");
	if (equals < 0 && in->kind != DOCKERFILE_ARG)
		return dockerfile_fail(p, word.p, "%s is not of the form name=value",
				       dockerfile_show(word).s);
	*pair = (struct dockerfile_pair){ .key = word };
	if (equals > 0)
		*pair = (struct dockerfile_pair){
			.key = str_first(word, (size_t)equals),
			.value = str_skip(word, (size_t)equals + 1),
			.has_value = true,
		};
	return NULL;
}

static struct err *split_pairs(struct parser *p, struct dockerfile_instruction *in, struct str args)
{
	size_t n = 0;
	struct str word;
	for (struct str rest = args; rest.len; n++)
		TRY(next_word(p, &rest, &word));
	TRY(dockerfile_charge(p, n));
	in->pairs.v = arena_new_array(p->a, n, struct dockerfile_pair);
	in->pairs.n = n;
	for (size_t i = 0; i < n; i++) {
		TRY(next_word(p, &args, &word));
		TRY(to_pair(p, in, word, &in->pairs.v[i]));
	}
	return NULL;
}

/* `ENV name the rest of the line` */
static struct err *legacy_pair(struct parser *p, struct dockerfile_instruction *in, struct str args)
{
	struct str value = args, key = dockerfile_first_word(&value);
	const char *name = dockerfile_kind_name(in->kind);
	if (!value.len)
		return dockerfile_fail(p, key.p, "%s %s has no value, it is written %s name=value",
				       name, dockerfile_show(key).s, name);
	dockerfile_warn(p, p->line.first, "%s %s value is the old form, use %s %s=value", name,
			dockerfile_show(key).s, name, dockerfile_show(key).s);
	TRY(dockerfile_charge(p, 1));
	in->pairs.v = arena_new(p->a, struct dockerfile_pair);
	in->pairs.n = 1;
	in->pairs.v[0] = (struct dockerfile_pair){ .key = key, .value = value, .has_value = true };
	return NULL;
}

struct err *dockerfile_parse_pairs(struct parser *p, struct dockerfile_instruction *in,
				   struct str args)
{
	struct str rest = args;
	const char *open_quote;
	if (!args.len)
		return dockerfile_fail(p, p->line.text.p, "%s needs name=value",
				       dockerfile_kind_name(in->kind));
	if (str_chr(quoted_word(&rest, p->d->escape, &open_quote), '=') < 0)
		return legacy_pair(p, in, args);
	return split_pairs(p, in, args);
}

struct err *dockerfile_parse_arg(struct parser *p, struct dockerfile_instruction *in,
				 struct str args)
{
	if (!args.len)
		return dockerfile_fail(p, p->line.text.p, "ARG needs a name");
	return split_pairs(p, in, args);
}

struct err *dockerfile_parse_expose(struct parser *p, struct dockerfile_instruction *in,
				    struct str args)
{
	if (!args.len)
		return dockerfile_fail(p, p->line.text.p, "EXPOSE needs a port");
	return dockerfile_words_split(p, args, &in->words);
}

struct err *dockerfile_parse_volume(struct parser *p, struct dockerfile_instruction *in,
				    struct str args)
{
	TRY(dockerfile_json_or(p, args, &in->volume_json, &in->words));
	if (!in->volume_json)
		TRY(dockerfile_words_split(p, args, &in->words));
	if (!in->words.n)
		return dockerfile_fail(p, p->line.text.p, "VOLUME needs a path");
	for (size_t i = 0; i < in->words.n; i++)
		if (!dockerfile_trim(in->words.v[i]).len)
			return dockerfile_fail(p, args.p, "a path of VOLUME is empty");
	return NULL;
}
