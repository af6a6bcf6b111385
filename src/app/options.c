#include "app/options.h"

#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/time.h"
#include "oci/platform.h"

/* ---- the tables ---- */

#define MOST_COMMANDS 128

const struct command *const *command_list(void)
{
	static const struct command *list[MOST_COMMANDS + 1];
	size_t n = 0;
	for (const struct command *c = local_commands; c->name && n < MOST_COMMANDS; c++)
		list[n++] = c;
	for (const struct command *c = service_commands; c->name && n < MOST_COMMANDS; c++)
		list[n++] = c;
	list[n] = NULL;
	return list;
}

static const struct command *find_words(const char *first, const char *second)
{
	own_mem char *name = second ? mem_printf("%s %s", first, second) : mem_strdup(first);
	for (const struct command *const *c = command_list(); *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

const struct command *command_find(int argc, char **argv, int *n_words)
{
	const struct command *c = argc > 1 ? find_words(argv[0], argv[1]) : NULL;
	*n_words = 2;
	if (c)
		return c;
	*n_words = 1;
	return argc > 0 ? find_words(argv[0], NULL) : NULL;
}

/* ---- the words ---- */

static size_t count_options(const struct command *c)
{
	size_t n = 0;
	while (c->options[n].name)
		n++;
	return n;
}

static const struct option *by_name(const struct command *c, struct str name)
{
	for (const struct option *o = c->options; o->name; o++)
		if (str_eq(name, str_of(o->name)))
			return o;
	return NULL;
}

static const struct option *by_letter(const struct command *c, char letter)
{
	for (const struct option *o = c->options; o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

static struct err *unknown_option(const struct command *c, struct str word, struct str name)
{
	const char *names[64];
	size_t n = 0;
	for (const struct option *o = c->options; o->name && n < ARRAY_LEN(names); o++)
		names[n++] = o->name;
	const char *near = name.len ? str_nearest(name, names, n) : NULL;
	return err_new(ERR_INVALID, "unknown option " STR_FMT "%s%s%s; kiln %s --help lists them",
		       STR_ARG(word), near ? " (did you mean --" : "", near ? near : "",
		       near ? "?)" : "", c->name);
}

/* ---- values ---- */

static struct err *check_words(const struct option *o, const char *value)
{
	for (struct str rest = str_of(o->words); rest.p;)
		if (str_eq(str_cut(&rest, '|'), str_of(value)))
			return NULL;
	return err_new(ERR_INVALID, "--%s %s: use one of %s", o->name, value, o->words);
}

static struct err *check_number(const struct option *o, const char *value)
{
	char *end;
	errno = 0;
	long long n = strtoll(value, &end, 10);
	bool digits = value[0] == '-' ? value[1] >= '0' : value[0] >= '0';
	if (digits && !*end && !errno && n >= o->least && n <= o->most)
		return NULL;
	return err_new(ERR_INVALID, "--%s %s: use a number from %lld to %lld", o->name, value,
		       o->least, o->most);
}

static struct err *check_platforms(const struct option *o, const char *value)
{
	for (struct str rest = str_of(value); rest.p;) {
		struct str one = o->kind == OPTION_PLATFORMS ? str_trim(str_cut(&rest, ',')) : rest;
		struct oci_platform p;
		TRY(err_wrap(o->kind == OPTION_PLATFORMS ? oci_platform_parse_target(one, &p)
							 : oci_platform_parse(one, &p),
			     "--%s %s", o->name, value));
		if (o->kind == OPTION_PLATFORM)
			break;
	}
	return NULL;
}

static struct err *check_value(const struct option *o, const char *value)
{
	int64_t ns;
	if (o->words)
		return check_words(o, value);
	switch (o->kind) {
	case OPTION_TEXT:
		return NULL;
	case OPTION_NUMBER:
		return check_number(o, value);
	case OPTION_PAIR:
		if (value[0] != '=' && strchr(value, '='))
			return NULL;
		return err_new(ERR_INVALID, "--%s %s: use NAME=VALUE", o->name, value);
	case OPTION_PLATFORM:
	case OPTION_PLATFORMS:
		return check_platforms(o, value);
	case OPTION_TIME:
		if (time_parse_rfc3339(str_of(value), &ns))
			return NULL;
		return err_new(ERR_INVALID, "--%s %s: write it as 2027-01-31T00:00:00Z", o->name,
			       value);
	}
	abort();
}

/* ---- the parser ---- */

static struct err *set_value(struct invocation *in, const struct option *o, const char *value)
{
	struct option_values *v = &in->values[o - in->command->options];
	if (v->n && !o->many && o->value)
		return err_new(ERR_INVALID, "--%s was given twice", o->name);
	TRY(check_value(o, value));
	mem_reserve_one(v->v, v->n, v->cap);
	v->v[v->n++] = value;
	return NULL;
}

/* `inline_value` is what stood behind "=" or behind the letter; else the next word is taken. */
static struct err *take_value(struct invocation *in, const struct option *o,
			      const char *inline_value, int argc, char **argv, int *i)
{
	if (!o->value) {
		if (inline_value)
			return err_new(ERR_INVALID, "--%s takes no value", o->name);
		return set_value(in, o, "");
	}
	if (inline_value)
		return set_value(in, o, inline_value);
	if (*i + 1 >= argc)
		return err_new(ERR_INVALID, "--%s needs a value: %s", o->name, o->value);
	return set_value(in, o, argv[++*i]);
}

static struct err *parse_word(struct invocation *in, int argc, char **argv, int *i)
{
	const struct command *c = in->command;
	const char *word = argv[*i];
	if (word[1] == '-') {
		struct str value = str_of(word + 2), name = str_cut(&value, '=');
		const struct option *o = by_name(c, name);
		if (!o)
			return unknown_option(c, str_of(word), name);
		return take_value(in, o, value.p, argc, argv, i);
	}
	const struct option *o = by_letter(c, word[1]);
	if (!o)
		return unknown_option(c, str_of(word), STR(""));
	return take_value(in, o, word[2] ? word + 2 + (word[2] == '=') : NULL, argc, argv, i);
}

static struct err *check_args(const struct invocation *in)
{
	const struct command *c = in->command;
	if ((int)in->n_args < c->least_args)
		return err_new(ERR_INVALID, "kiln %s needs %s", c->name, c->args);
	if (c->most_args >= 0 && (int)in->n_args > c->most_args)
		return err_new(ERR_INVALID, "kiln %s takes no more than %s: what is %s?", c->name,
			       c->args[0] ? c->args : "options", in->args[c->most_args]);
	return NULL;
}

static struct err *parse(struct invocation *in, int argc, char **argv)
{
	bool options = true;
	for (int i = 0; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			TRY(parse_word(in, argc, argv, &i));
		} else {
			in->args[in->n_args++] = argv[i];
			if (in->command->rest_is_command)
				options = false;
		}
	}
	return check_args(in);
}

struct err *options_parse(const struct command *c, int argc, char **argv, struct invocation *out)
{
	struct invocation in = { .command = c };
	in.values = mem_new_array(count_options(c), struct option_values);
	in.args = mem_new_array((size_t)argc + 1, const char *);
	struct err *e = parse(&in, argc, argv);
	if (e)
		invocation_done(&in);
	else
		*out = in;
	return e;
}

void invocation_done(struct invocation *in)
{
	for (size_t i = 0; in->values && i < count_options(in->command); i++)
		free(in->values[i].v);
	free(in->values);
	free(in->args);
	*in = (struct invocation){ .command = NULL };
}

const struct option_values *option_all(const struct invocation *in, const char *name)
{
	const struct option *o = by_name(in->command, str_of(name));
	if (!o)
		abort(); /* a name that is not in the table */
	return &in->values[o - in->command->options];
}

const char *option_get(const struct invocation *in, const char *name)
{
	const struct option_values *v = option_all(in, name);
	return v->n ? v->v[v->n - 1] : NULL;
}
