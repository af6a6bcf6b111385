/* COPY and ADD. */
#include "dockerfile/dockerfile_priv.h"

#include "base/limits.h"

bool dockerfile_is_remote(struct str source)
{
	static const char *const schemes[] = { "http://", "https://", "git://", "ssh://" };
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (str_eq_nocase(str_first(source, strlen(schemes[i])), str_of(schemes[i])))
			return true;
	return str_starts(source, STR("git@")) && str_chr(source, ':') > 0;
}

static struct err *check_source(struct parser *p, const struct dockerfile_instruction *in,
				struct str source, const char *at)
{
	if (source.len && (source.p[0] == '"' || source.p[0] == '\''))
		source = str_skip(source, 1);
	if (!dockerfile_is_remote(source))
		return NULL;
	if (in->kind == DOCKERFILE_COPY)
		return dockerfile_fail(p, at, "COPY takes no URL: %s", dockerfile_show(source).s);
	return dockerfile_fail(p, at, "kiln does not support ADD of a URL or Git address yet: %s",
			       dockerfile_show(source).s);
}

static struct err *add_source(struct parser *p, struct dockerfile_instruction *in, struct str word,
			      const char *at)
{
	TRY(check_source(p, in, word, at));
	in->copy.sources.v[in->copy.sources.n++] = word;
	return NULL;
}

static struct err *not_one_word(struct parser *p, const char *at)
{
	return dockerfile_fail(p, at, "the heredoc is not one word, or a quote has no end");
}

/* The next heredoc of the line; its word becomes the name of a file. A word with blanks in quotes
 * is one to the search for heredocs and several here. */
static struct err *add_heredoc(struct parser *p, struct dockerfile_copy *c, struct str word,
			       struct str name)
{
	if (c->n_heredocs == p->n_heredocs)
		return not_one_word(p, word.p);
	const struct raw_heredoc *h = &p->heredocs[c->n_heredocs];
	if (!str_eq(h->word, name))
		return not_one_word(p, word.p);
	if (str_chr(h->word, '/') >= 0 || str_eq(h->word, STR(".")) || str_eq(h->word, STR("..")))
		return dockerfile_fail(p, word.p, "the heredoc word %s is no name for a file",
				       dockerfile_show(h->word).s);
	c->heredocs[c->n_heredocs++] = (struct dockerfile_heredoc){
		.word = h->word,
		.content = dockerfile_heredoc_content(p, h),
		.expand = h->expand,
	};
	return NULL;
}

static struct err *take_words(struct parser *p, struct dockerfile_instruction *in,
			      struct dockerfile_words words, const char *at)
{
	struct dockerfile_copy *c = &in->copy;
	struct raw_heredoc h;
	for (size_t i = 0; i < words.n; i++) {
		struct str w = words.v[i];
		if (c->json_form) {
			TRY(add_source(p, in, w, at));
			continue;
		}
		if (dockerfile_heredoc_alone(w))
			return dockerfile_fail(p, w.p, "write <<WORD without a blank");
		if (dockerfile_heredoc_word(p->a, w, NULL, &h))
			TRY(add_heredoc(p, c, w, h.word));
		else
			TRY(add_source(p, in, w, w.p));
	}
	return c->n_heredocs == p->n_heredocs ? NULL : not_one_word(p, at);
}

static struct str without_quotes(struct str s)
{
	bool quoted = s.len >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.len - 1] == s.p[0];
	return quoted ? str_n(s.p + 1, s.len - 2) : s;
}

struct err *dockerfile_parse_copy(struct parser *p, struct dockerfile_instruction *in,
				  struct str args)
{
	struct dockerfile_copy *c = &in->copy;
	struct dockerfile_words words;
	struct raw_heredoc h;
	bool unused;
	c->chown = p->flags[COPY_CHOWN];
	c->chmod = p->flags[COPY_CHMOD];
	if (in->kind == DOCKERFILE_COPY)
		c->from = without_quotes(p->flags[COPY_FROM]);
	TRY(dockerfile_json_or(p, args, &c->json_form, &words));
	if (!c->json_form) {
		TRY(dockerfile_heredocs(p, args, false, &unused));
		TRY(dockerfile_words_split(p, args, &words));
	}
	if (words.n < 2)
		return dockerfile_fail(p, words.n ? args.p : p->line.text.p,
				       "%s needs a source and a destination",
				       dockerfile_kind_name(in->kind));
	c->dest = words.v[--words.n];
	if (!c->json_form && dockerfile_heredoc_word(p->a, c->dest, NULL, &h))
		return dockerfile_fail(p, c->dest.p, "a heredoc cannot be the destination");
	c->sources.v = arena_new_array(p->a, words.n, struct str);
	c->heredocs = arena_new_array(p->a, p->n_heredocs, struct dockerfile_heredoc);
	return take_words(p, in, words, args.p);
}
