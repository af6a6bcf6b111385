/* Logical lines to stages of instructions, by a table of instructions. */
#include "dockerfile/dockerfile_priv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

#define MOST_WARNINGS 100

static dockerfile_parse_fn parse_from, parse_text, parse_maintainer;

static const struct flag_spec from_flags[] = { [FROM_PLATFORM] = { "platform", true } };
static const struct flag_spec run_flags[] = {
	{ "mount", false }, { "network", false }, { "security", false }, { "device", false }
};
static const struct flag_spec copy_flags[] = {
	[COPY_CHOWN] = { "chown", true },
	[COPY_CHMOD] = { "chmod", true },
	[COPY_FROM] = { "from", true },
	{ "link", false },
	{ "parents", false },
	{ "exclude", false },
};
static const struct flag_spec add_flags[] = {
	[COPY_CHOWN] = { "chown", true },
	[COPY_CHMOD] = { "chmod", true },
	{ "link", false },
	{ "parents", false },
	{ "exclude", false },
	{ "checksum", false },
	{ "keep-git-dir", false },
	{ "unpack", false },
};
static const struct flag_spec healthcheck_flags[] = {
	[HEALTH_INTERVAL] = { "interval", true },
	[HEALTH_TIMEOUT] = { "timeout", true },
	[HEALTH_START_PERIOD] = { "start-period", true },
	[HEALTH_START_INTERVAL] = { "start-interval", true },
	[HEALTH_RETRIES] = { "retries", true },
};

#define FLAGS(array) array, ARRAY_LEN(array)
static const struct instruction_spec {
	const char *name;
	dockerfile_parse_fn *parse;
	const struct flag_spec *flags;
	size_t n_flags;
} specs[] = {
	[DOCKERFILE_FROM] = { "FROM", parse_from, FLAGS(from_flags) },
	[DOCKERFILE_ADD] = { "ADD", dockerfile_parse_copy, FLAGS(add_flags) },
	[DOCKERFILE_ARG] = { "ARG", dockerfile_parse_arg },
	[DOCKERFILE_CMD] = { "CMD", dockerfile_parse_command },
	[DOCKERFILE_COPY] = { "COPY", dockerfile_parse_copy, FLAGS(copy_flags) },
	[DOCKERFILE_ENTRYPOINT] = { "ENTRYPOINT", dockerfile_parse_command },
	[DOCKERFILE_ENV] = { "ENV", dockerfile_parse_pairs },
	[DOCKERFILE_EXPOSE] = { "EXPOSE", dockerfile_parse_expose },
	[DOCKERFILE_HEALTHCHECK] = { "HEALTHCHECK", dockerfile_parse_healthcheck,
				     FLAGS(healthcheck_flags) },
	[DOCKERFILE_LABEL] = { "LABEL", dockerfile_parse_pairs },
	[DOCKERFILE_MAINTAINER] = { "MAINTAINER", parse_maintainer },
	[DOCKERFILE_ONBUILD] = { "ONBUILD", dockerfile_parse_trigger },
	[DOCKERFILE_RUN] = { "RUN", dockerfile_parse_run, FLAGS(run_flags) },
	[DOCKERFILE_SHELL] = { "SHELL", dockerfile_parse_shell },
	[DOCKERFILE_STOPSIGNAL] = { "STOPSIGNAL", parse_text },
	[DOCKERFILE_USER] = { "USER", parse_text },
	[DOCKERFILE_VOLUME] = { "VOLUME", dockerfile_parse_volume },
	[DOCKERFILE_WORKDIR] = { "WORKDIR", parse_text },
};

const char *dockerfile_kind_name(enum dockerfile_kind kind)
{
	return specs[kind].name;
}

struct str dockerfile_trim(struct str s)
{
	while (s.len && dockerfile_is_blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.len && dockerfile_is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

struct str dockerfile_first_word(struct str *rest)
{
	size_t i = 0;
	while (i < rest->len && !dockerfile_is_blank(rest->p[i]))
		i++;
	struct str word = str_first(*rest, i);
	while (i < rest->len && dockerfile_is_blank(rest->p[i]))
		i++;
	*rest = str_skip(*rest, i);
	return word;
}

struct shown dockerfile_show(struct str s)
{
	enum { MOST_SHOWN = 60 };
	struct shown out = { "" };
	size_t n = 0, cut = MIN(s.len, MOST_SHOWN);
	while (cut < s.len && cut && ((unsigned char)s.p[cut] & 0xc0) == 0x80)
		cut--;
	for (; n < cut; n++)
		out.s[n] = (unsigned char)s.p[n] < ' ' || s.p[n] == 0x7f ? '?' : s.p[n];
	strcpy(out.s + n, cut < s.len ? "..." : "");
	return out;
}

static char *format(const char *fmt, va_list ap)
{
	char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	return text;
}

struct err *dockerfile_fail(struct parser *p, const char *at, const char *fmt, ...)
{
	uint32_t line, column;
	va_list ap;
	va_start(ap, fmt);
	own_mem char *text = format(fmt, ap);
	va_end(ap);
	dockerfile_lines_place(p, at, &line, &column);
	return err_new(ERR_INVALID, "%s:%u:%u: %s", p->d->name, line, column, text);
}

void dockerfile_warn(struct parser *p, uint32_t line, const char *fmt, ...)
{
	struct dockerfile *d = p->d;
	if (d->n_warnings == MOST_WARNINGS)
		return;
	if (!d->warnings)
		d->warnings = arena_new_array(p->a, MOST_WARNINGS, struct str);
	va_list ap;
	va_start(ap, fmt);
	own_mem char *text = format(fmt, ap);
	va_end(ap);
	d->warnings[d->n_warnings++] = str_of(arena_printf(p->a, "%s:%u: %s", d->name, line, text));
}

struct err *dockerfile_charge(struct parser *p, size_t n)
{
	if (n > p->words_left)
		return err_new(ERR_LIMIT, "%s:%u: there are more than %d words", p->d->name,
			       p->line.first, LIMIT_DOCKERFILE_WORDS);
	p->words_left -= n;
	return NULL;
}

static struct str lower_case(struct arena *a, struct str s)
{
	char *out = arena_strdup(a, s);
	for (size_t i = 0; i < s.len; i++)
		if (out[i] >= 'A' && out[i] <= 'Z')
			out[i] = (char)(out[i] + 32);
	return str_n(out, s.len);
}

static bool is_stage_name(struct str s) /* in lower case */
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool letter = c >= 'a' && c <= 'z';
		if (!letter &&
		    (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.')))
			return false;
	}
	return s.len > 0;
}

static void warn_of_name(struct parser *p, struct str name)
{
	if (str_eq(name, STR("scratch")) || str_eq(name, STR("context")))
		dockerfile_warn(p, p->line.first, "the stage has the reserved name %s",
				dockerfile_show(name).s);
	for (const struct dockerfile_stage *s = p->d->stages; s; s = s->next) {
		if (!str_eq(s->first->from.name, name))
			continue;
		dockerfile_warn(p, p->line.first, "the stage %s is already on line %u",
				dockerfile_show(name).s, s->first->line);
		return;
	}
}

static struct err *parse_from(struct parser *p, struct dockerfile_instruction *in, struct str args)
{
	struct str rest = args, image = dockerfile_first_word(&rest), as, name;
	in->from = (struct dockerfile_from){ .image = image, .platform = p->flags[FROM_PLATFORM] };
	if (!image.len)
		return dockerfile_fail(p, p->line.text.p, "FROM needs an image");
	if (!rest.len)
		return NULL;
	as = dockerfile_first_word(&rest);
	name = dockerfile_first_word(&rest);
	if (!str_eq_nocase(as, STR("AS")) || !name.len || rest.len)
		return dockerfile_fail(p, as.p,
				       "FROM is written FROM image, or FROM image AS name");
	in->from.name = lower_case(p->a, name);
	if (!is_stage_name(in->from.name))
		return dockerfile_fail(p, name.p,
				       "%s is no name for a stage: it starts with a letter and "
				       "has letters, digits, '-', '_' and '.'",
				       dockerfile_show(name).s);
	warn_of_name(p, in->from.name);
	return NULL;
}

static struct err *parse_text(struct parser *p, struct dockerfile_instruction *in, struct str args)
{
	if (!args.len)
		return dockerfile_fail(p, p->line.text.p, "%s needs a value",
				       dockerfile_kind_name(in->kind));
	in->text = args;
	return NULL;
}

static struct err *parse_maintainer(struct parser *p, struct dockerfile_instruction *in,
				    struct str args)
{
	dockerfile_warn(p, p->line.first,
			"MAINTAINER is deprecated, use LABEL org.opencontainers.image.authors");
	return parse_text(p, in, args);
}

static struct err *find_kind(struct parser *p, struct str name, enum dockerfile_kind *kind)
{
	const char *known[ARRAY_LEN(specs)];
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		known[i] = specs[i].name;
		if (!str_eq_nocase(name, str_of(specs[i].name)))
			continue;
		*kind = (enum dockerfile_kind)i;
		return NULL;
	}
	const char *near = str_nearest(name, known, ARRAY_LEN(known));
	return dockerfile_fail(p, name.p, "unknown instruction %s%s%s%s", dockerfile_show(name).s,
			       near ? " (did you mean " : "", near ?: "", near ? "?)" : "");
}

struct err *dockerfile_parse_one(struct parser *p, struct str text,
				 struct dockerfile_instruction *in)
{
	struct str args = text, name = dockerfile_first_word(&args);
	enum dockerfile_kind kind;
	TRY(find_kind(p, name, &kind));
	const struct instruction_spec *spec = &specs[kind];
	memcpy(p->line.base + (name.p - p->line.base), spec->name, name.len);
	TRY(dockerfile_flags(p, spec->name, spec->flags, spec->n_flags, &args));
	p->n_heredocs = 0;
	in->kind = kind;
	in->line = p->line.first;
	in->source = text;
	TRY(spec->parse(p, in, args));
	in->end_line = p->line_no;
	return NULL;
}

/* Where the next instruction goes. */
struct tail {
	struct dockerfile_instruction **instruction;
	struct dockerfile_stage **stage;
};

static struct err *begin_stage(struct parser *p, struct dockerfile_instruction *in, struct tail *t)
{
	struct dockerfile *d = p->d;
	if (d->n_stages == LIMIT_DOCKERFILE_STAGES)
		return err_new(ERR_LIMIT, "%s:%u: there are more than %d stages", d->name, in->line,
			       LIMIT_DOCKERFILE_STAGES);
	struct dockerfile_stage *s = arena_new(p->a, struct dockerfile_stage);
	*s = (struct dockerfile_stage){ .index = (uint32_t)d->n_stages++ };
	*t->stage = s;
	t->stage = &s->next;
	t->instruction = &s->first;
	p->seen = 0;
	return NULL;
}

static void warn_of_earlier(struct parser *p, const struct dockerfile_instruction *in)
{
	const unsigned once =
		1u << DOCKERFILE_CMD | 1u << DOCKERFILE_ENTRYPOINT | 1u << DOCKERFILE_HEALTHCHECK;
	unsigned kind = 1u << in->kind;
	if (p->seen & kind & once)
		dockerfile_warn(p, in->line, "only the last %s of a stage counts",
				dockerfile_kind_name(in->kind));
	p->seen |= kind;
}

static struct err *add_instruction(struct parser *p, struct tail *t)
{
	if (p->n_instructions++ == LIMIT_DOCKERFILE_INSTRUCTIONS)
		return err_new(ERR_LIMIT, "%s:%u: there are more than %d instructions", p->d->name,
			       p->line.first, LIMIT_DOCKERFILE_INSTRUCTIONS);
	struct dockerfile_instruction *in = arena_new(p->a, struct dockerfile_instruction);
	TRY(dockerfile_parse_one(p, p->line.text, in));
	if (in->kind == DOCKERFILE_FROM)
		TRY(begin_stage(p, in, t));
	else if (!p->d->n_stages && in->kind != DOCKERFILE_ARG)
		return dockerfile_fail(p, p->line.text.p, "%s stands before the first FROM",
				       dockerfile_kind_name(in->kind));
	warn_of_earlier(p, in);
	*t->instruction = in;
	t->instruction = &in->next;
	return NULL;
}

static struct err *check_text(const char *name, struct str text)
{
	uint32_t line = 1;
	if (text.len > LIMIT_DOCKERFILE_BYTES)
		return err_new(ERR_LIMIT, "%s: is longer than %zu bytes", name,
			       LIMIT_DOCKERFILE_BYTES);
	for (struct str rest = text; rest.p; line++) {
		struct str s = str_cut(&rest, '\n');
		const char *nul = s.len ? memchr(s.p, '\0', s.len) : NULL;
		if (nul)
			return err_new(ERR_INVALID, "%s:%u:%zu: is no text: it has a NUL byte",
				       name, line, (size_t)(nul - s.p) + 1);
		if (s.len && !str_is_utf8(s))
			return err_new(ERR_INVALID, "%s:%u:1: is no text: the line is not UTF-8",
				       name, line);
	}
	return NULL;
}

static void parser_done(struct parser *p)
{
	buf_done(&p->joined);
	free(p->line.segments);
	free(p->heredocs);
}

static void parser_init(struct parser *p, struct arena *a, const char *name, struct str text)
{
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_skip(text, 3);
	*p = (struct parser){
		.a = a,
		.d = arena_new(a, struct dockerfile),
		.text = arena_strdup(a, text),
		.len = text.len,
		.words_left = LIMIT_DOCKERFILE_WORDS,
	};
	buf_init(&p->joined, LIMIT_DOCKERFILE_BYTES);
	p->d->name = arena_strdup(a, str_of(name));
	p->d->escape = '\\';
}

struct err *dockerfile_parse(struct arena *a, const char *name, struct str text,
			     struct dockerfile **out)
{
	TRY(check_text(name, text));
	done(parser) p;
	parser_init(&p, a, name, text);
	struct tail t = { &p.d->globals, &p.d->stages };
	bool found;
	for (;;) {
		TRY(dockerfile_lines_next(&p, &found));
		if (!found)
			break;
		TRY(add_instruction(&p, &t));
	}
	if (!p.n_instructions)
		return err_new(ERR_INVALID, "%s: has no instructions", name);
	if (!p.d->n_stages)
		return err_new(ERR_INVALID, "%s: has no FROM", name);
	*out = p.d;
	return NULL;
}

struct err *dockerfile_parse_onbuild(struct arena *a, struct str text,
				     struct dockerfile_instruction **out)
{
	TRY(check_text("ONBUILD", text));
	done(parser) p;
	parser_init(&p, a, "ONBUILD", text);
	p.directives_over = true;
	bool found;
	TRY(dockerfile_lines_next(&p, &found));
	if (!found)
		return err_new(ERR_INVALID, "ONBUILD: has no instruction");
	struct dockerfile_instruction *in = arena_new(a, struct dockerfile_instruction);
	TRY(dockerfile_parse_inner(&p, p.line.text, in));
	TRY(dockerfile_lines_next(&p, &found));
	if (found)
		return err_new(ERR_INVALID, "ONBUILD: has more than one instruction");
	*out = in;
	return NULL;
}
