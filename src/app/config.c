#include "app/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#define CONFIG_BYTES ((size_t)1 << 20)

static const char *keep(struct config *c, char *word)
{
	mem_reserve_one(c->words, c->n, c->cap);
	return c->words[c->n++] = word;
}

static void add(struct option_values *v, const char *word)
{
	mem_reserve_one(v->v, v->n, v->cap);
	v->v[v->n++] = word;
}

static struct err *one_value(struct config *c, const struct option *o, json_t *j,
			     struct option_values *v)
{
	if (!o->value) {
		if (!json_is_boolean(j))
			return err_new(ERR_INVALID, "\"%s\" is not true or false", o->name);
		if (json_is_true(j))
			add(v, "");
		return NULL;
	}
	if (json_is_integer(j))
		add(v, keep(c, json_text(j)));
	else if (json_is_string(j))
		add(v, json_string_value(j));
	else
		return err_new(ERR_INVALID, "\"%s\" is neither text nor a number", o->name);
	if (!o->words)
		return NULL;
	for (struct str rest = str_of(o->words); rest.p;)
		if (str_eq(str_cut(&rest, '|'), str_of(v->v[v->n - 1])))
			return NULL;
	return err_new(ERR_INVALID, "\"%s\" is one of %s", o->name, o->words);
}

static struct err *take(struct config *c, const struct option *o, json_t *j,
			struct option_values *v)
{
	if (!json_is_array(j))
		return one_value(c, o, j, v);
	if (!o->many)
		return err_new(ERR_INVALID, "\"%s\" has one value, not a list", o->name);
	json_t *item;
	size_t i;
	json_array_foreach(j, i, item) TRY(one_value(c, o, item, v));
	return NULL;
}

static const struct option *find(const struct command *c, const char *name)
{
	for (const struct option *o = c->options; o->name; o++)
		if (strcmp(o->name, name) == 0 && strcmp(name, "config") != 0)
			return o;
	return NULL;
}

static struct err *take_all(struct config *c, struct invocation *out)
{
	const char *key;
	json_t *j;
	json_object_foreach(c->json, key, j)
	{
		const struct option *o = find(out->command, key);
		if (!o)
			return err_new(ERR_INVALID,
				       "there is no option \"%s\"; kiln %s --help lists them", key,
				       out->command->name);
		struct option_values *v = &out->values[o - out->command->options];
		if (!v->n)
			TRY(take(c, o, j, v));
	}
	return NULL;
}

static void copy_values(const struct invocation *in, struct invocation *out)
{
	size_t n = 0;
	while (in->command->options[n].name)
		n++;
	out->values = mem_new_array(n + 1, struct option_values);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < in->values[i].n; k++)
			add(&out->values[i], in->values[i].v[k]);
}

static struct err *read_file(const char *path, struct config *c)
{
	own_mem char *text = NULL;
	size_t len;
	TRY(fd_read_path(AT_FDCWD, path, CONFIG_BYTES, &text, &len));
	TRY(json_read(str_n(text, len), &c->json));
	return json_is_object(c->json) ? NULL : err_new(ERR_INVALID, "it is no JSON object");
}

struct err *config_read(const struct invocation *in, struct config *c, struct invocation *out)
{
	*c = (struct config){ 0 };
	*out = (struct invocation){ .command = in->command, .n_args = in->n_args };
	out->args = mem_new_array(in->n_args + 1, const char *);
	memcpy(out->args, in->args, in->n_args * sizeof(*in->args));
	copy_values(in, out);
	const char *path = option_get(in, "config");
	struct err *e = path ? read_file(path, c) : NULL;
	if (!e && c->json)
		e = take_all(c, out);
	if (e)
		config_done(c, out);
	return err_wrap(e, "--config %s", path ? path : "");
}

void config_done(struct config *c, struct invocation *out)
{
	invocation_done(out);
	for (size_t i = 0; i < c->n; i++)
		free(c->words[i]);
	free(c->words);
	json_decref(c->json);
	*c = (struct config){ 0 };
}
