/* Any text: parse it, expand every word of it, and parse what ONBUILD would store once more. */
#include "dockerfile/dockerfile.h"

#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str get(void *arg, struct str name, bool *found)
{
	*found = true;
	if (str_eq(name, STR("A")))
		return STR("a*b /c\\d");
	if (str_eq(name, STR("B")))
		return STR("\xc3\xa4 \xff x:y:z");
	if (str_eq(name, STR("E")))
		return STR("");
	*found = false;
	return STR("");
}

static const struct dockerfile_env env = { .get = get };

static void undefined(void *arg, struct str name)
{
	assert(name.len);
}

static void expand(struct str word, char escape)
{
	own(arena) a = arena_open(4 * LIMIT_EXPANSION_BYTES);
	struct str out;
	err_free(dockerfile_expand(a, word, escape, &env, undefined, NULL, &out));
}

static void expand_words(struct dockerfile_words w, char escape)
{
	for (size_t i = 0; i < w.n; i++) {
		own(arena) a = arena_open(16 * LIMIT_EXPANSION_BYTES);
		struct dockerfile_words out = { NULL, 0 };
		err_free(dockerfile_expand_words(a, w.v[i], escape, &env, &out));
		for (size_t n = 0; n < out.n; n++)
			assert(out.v[n].len);
		expand(w.v[i], escape);
	}
}

static void expand_bodies(const struct dockerfile_heredoc *h, size_t n, char escape)
{
	for (size_t i = 0; i < n; i++) {
		own(arena) a = arena_open(4 * LIMIT_EXPANSION_BYTES);
		struct str out;
		assert(h[i].word.len);
		err_free(dockerfile_expand_heredoc(a, h[i].content, escape, &env, &out));
	}
}

static void parse_trigger(const struct dockerfile_instruction *in)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	struct dockerfile_instruction *again = NULL;
	err_free(dockerfile_parse_onbuild(a, in->onbuild.text, &again));
	assert(!again || again->kind == in->onbuild.inner->kind);
}

static void expand_all(const struct dockerfile_instruction *in, char escape)
{
	assert(in->line && in->line <= in->end_line);
	assert(memchr(in->source.p, '\n', in->source.len) == NULL);
	switch (in->kind) {
	case DOCKERFILE_FROM:
		expand(in->from.image, escape);
		expand(in->from.platform, escape);
		break;
	case DOCKERFILE_ADD:
	case DOCKERFILE_COPY:
		assert(in->copy.sources.n + in->copy.n_heredocs);
		expand_words(in->copy.sources, escape);
		expand(in->copy.dest, escape);
		expand(in->copy.chown, escape);
		expand_bodies(in->copy.heredocs, in->copy.n_heredocs, escape);
		break;
	case DOCKERFILE_ARG:
	case DOCKERFILE_ENV:
	case DOCKERFILE_LABEL:
		for (size_t i = 0; i < in->pairs.n; i++) {
			assert(in->pairs.v[i].key.len);
			expand(in->pairs.v[i].key, escape);
			expand(in->pairs.v[i].value, escape);
		}
		break;
	case DOCKERFILE_EXPOSE:
	case DOCKERFILE_VOLUME:
		expand_words(in->words, escape);
		break;
	case DOCKERFILE_MAINTAINER:
	case DOCKERFILE_STOPSIGNAL:
	case DOCKERFILE_USER:
	case DOCKERFILE_WORKDIR:
		expand(in->text, escape);
		break;
	case DOCKERFILE_ONBUILD:
		expand_all(in->onbuild.inner, escape);
		parse_trigger(in);
		break;
	case DOCKERFILE_RUN:
		assert(!in->run.only_heredoc || in->run.n_heredocs == 1);
		expand_bodies(in->run.heredocs, in->run.n_heredocs, escape);
		break;
	case DOCKERFILE_CMD:
	case DOCKERFILE_ENTRYPOINT:
	case DOCKERFILE_HEALTHCHECK:
	case DOCKERFILE_SHELL:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	struct dockerfile *d = NULL;
	struct err *e = dockerfile_parse(a, "Dockerfile", str_n((const char *)data, size), &d);
	if (e) {
		err_free(e);
		return 0;
	}
	for (const struct dockerfile_instruction *in = d->globals; in; in = in->next)
		expand_all(in, d->escape);
	for (const struct dockerfile_stage *s = d->stages; s; s = s->next)
		for (const struct dockerfile_instruction *in = s->first; in; in = in->next)
			expand_all(in, d->escape);
	return 0;
}
