/* One instruction applied to a stage's state: the metadata instructions, and the way to the others.
 */
#include "graph/graph_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_BYTES 100 /* of a text of the Dockerfile in a message */

void graph_add_history(struct graph_builder *b, struct graph_state *st, struct str created_by,
		       struct graph_step *step)
{
	struct graph_history_list *l = arena_new(b->a, struct graph_history_list);
	*l = (struct graph_history_list){
		.h = { .created_by = arena_strdup(b->a, created_by),
		       .author = st->config.author,
		       .step = step },
		.before = st->history,
		.n = st->history ? st->history->n + 1 : 1,
	};
	st->history = l;
	graph_count(b, GRAPH_HISTORY, sizeof(*l) + created_by.len + 32);
}

static void history_as_written(struct graph_builder *b, struct graph_state *st,
			       const struct dockerfile_instruction *in)
{
	graph_add_history(b, st, in->source, NULL);
}

static void history_of(struct graph_builder *b, struct graph_state *st,
		       const struct dockerfile_instruction *in, const char *value)
{
	own_mem char *text = mem_printf("%s %s", dockerfile_kind_name(in->kind), value);
	graph_add_history(b, st, str_of(text), NULL);
}

/* --- variables ------------------------------------------------------------------------------ */

struct str graph_get_var(void *arg, struct str name, bool *found)
{
	const struct graph_state *st = arg;
	const struct graph_entry *e = graph_map_get(&st->vars, name);
	*found = e != NULL;
	return e ? e->value : STR("");
}

void graph_set_var(struct graph_builder *b, struct graph_state *st, const struct graph_entry *e)
{
	graph_map_put(b, &st->vars, e);
	st->run_env = NULL;
}

struct expanding {
	struct graph_builder *b;
	const struct graph_state *st;
};

/* An ARG without a value is there to be empty. */
static void undefined(void *arg, struct str name)
{
	const struct expanding *x = arg;
	if (graph_map_get(&x->st->args, name))
		return;
	struct str shown = str_first(name, SHOWN_BYTES);
	own_mem char *text =
		mem_printf("variable " STR_FMT " is not set, its value is empty", STR_ARG(shown));
	graph_warn(x->b, text);
}

struct err *graph_expand(struct graph_builder *b, struct graph_state *st, struct str word,
			 struct str *out)
{
	const struct dockerfile_env env = { graph_get_var, st };
	struct expanding x = { b, st };
	TRY(graph_fail(
		b, dockerfile_expand(b->a, word, b->o->file->escape, &env, undefined, &x, out)));
	graph_count(b, GRAPH_VALUES, word.len + out->len + 32);
	return graph_check(b);
}

/* --- ARG, ENV, LABEL ------------------------------------------------------------------------ */

/* SPEC Dockerfile reference "ARG": --build-arg wins over the default, the default over the one
 * before FROM. */
static struct err *apply_arg(struct graph_builder *b, struct graph_state *st,
			     const struct dockerfile_instruction *in)
{
	for (size_t i = 0; i < in->pairs.n; i++) {
		const struct dockerfile_pair *p = &in->pairs.v[i];
		const struct graph_entry *global = graph_map_get(&b->globals, p->key);
		struct str value = STR("");
		bool has = graph_build_arg(b, p->key, &value);
		if (!has && p->has_value)
			TRY(graph_expand(b, st, p->value, &value));
		else if (!has && global)
			value = global->value;
		const struct graph_entry *e = graph_entry_new(b, p->key, value);
		if (has || p->has_value || global)
			graph_set_var(b, st, e);
		graph_map_put(b, &st->args, e);
	}
	history_as_written(b, st, in);
	return NULL;
}

/* All values of one instruction are expanded before any is set: SPEC "Environment replacement". */
static struct err *expand_pairs(struct graph_builder *b, struct graph_state *st,
				const struct dockerfile_instruction *in,
				const struct graph_entry ***out)
{
	const struct graph_entry **v =
		arena_new_array(b->a, in->pairs.n, const struct graph_entry *);
	for (size_t i = 0; i < in->pairs.n; i++) {
		struct str key, value;
		TRY(graph_expand(b, st, in->pairs.v[i].key, &key));
		TRY(graph_expand(b, st, in->pairs.v[i].value, &value));
		if (!key.len)
			return graph_fail(b, err_new(ERR_INVALID, "%s with an empty name",
						     dockerfile_kind_name(in->kind)));
		if (in->kind == DOCKERFILE_ENV && str_chr(key, '=') >= 0)
			return graph_fail(b,
					  err_new(ERR_INVALID, "ENV with a name that holds a ="));
		v[i] = graph_entry_new(b, key, value);
	}
	*out = v;
	return NULL;
}

static void pairs_history(struct graph_builder *b, struct graph_state *st,
			  const struct dockerfile_instruction *in,
			  const struct graph_entry *const *v)
{
	done(buf) text;
	buf_init(&text, (size_t)1 << 20);
	buf_add(&text, str_of(dockerfile_kind_name(in->kind)));
	for (size_t i = 0; i < in->pairs.n && !text.over; i++) {
		buf_add_c(&text, ' ');
		buf_add(&text, str_of(v[i]->text));
	}
	graph_add_history(b, st, buf_str(&text), NULL);
}

static struct err *apply_env(struct graph_builder *b, struct graph_state *st,
			     const struct dockerfile_instruction *in)
{
	const struct graph_entry **v;
	TRY(expand_pairs(b, st, in, &v));
	for (size_t i = 0; i < in->pairs.n; i++) {
		graph_map_put(b, &st->env, v[i]);
		graph_set_var(b, st, v[i]);
	}
	pairs_history(b, st, in, v);
	return NULL;
}

static struct err *apply_label(struct graph_builder *b, struct graph_state *st,
			       const struct dockerfile_instruction *in)
{
	const struct graph_entry **v;
	TRY(expand_pairs(b, st, in, &v));
	for (size_t i = 0; i < in->pairs.n; i++)
		graph_map_put(b, &st->labels, v[i]);
	pairs_history(b, st, in, v);
	return NULL;
}

/* --- CMD, ENTRYPOINT, SHELL, HEALTHCHECK ---------------------------------------------------- */

static struct oci_strings command_strings(struct graph_builder *b, const struct graph_state *st,
					  const struct dockerfile_command *c)
{
	size_t n;
	const char **v = graph_command(b, st, c, c->text, &n);
	return (struct oci_strings){ .v = v, .n = n, .cap = n, .set = true };
}

/* SPEC Dockerfile reference "Understand how CMD and ENTRYPOINT interact": an inherited CMD does not
 * outlive ENTRYPOINT. */
static void apply_entrypoint(struct graph_builder *b, struct graph_state *st,
			     const struct dockerfile_instruction *in)
{
	st->config.entrypoint = command_strings(b, st, &in->command);
	if (!st->cmd_set)
		st->config.cmd = (struct oci_strings){ .n = 0 };
	history_as_written(b, st, in);
}

static void apply_healthcheck(struct graph_builder *b, struct graph_state *st,
			      const struct dockerfile_instruction *in)
{
	const struct dockerfile_healthcheck *h = &in->healthcheck;
	struct oci_healthcheck *out = &st->config.healthcheck;
	*out = (struct oci_healthcheck){
		.test = { .set = true },
		.interval_ns = h->interval_ns,
		.timeout_ns = h->timeout_ns,
		.start_period_ns = h->start_period_ns,
		.start_interval_ns = h->start_interval_ns,
		.retries = h->retries,
	};
	st->config.has_healthcheck = true;
	if (h->none) {
		oci_strings_add(b->a, &out->test, "NONE");
	} else if (h->command.exec_form) {
		oci_strings_add(b->a, &out->test, "CMD");
		for (size_t i = 0; i < h->command.words.n; i++)
			oci_strings_add(b->a, &out->test,
					arena_strdup(b->a, h->command.words.v[i]));
	} else {
		oci_strings_add(b->a, &out->test, "CMD-SHELL");
		oci_strings_add(b->a, &out->test, arena_strdup(b->a, h->command.text));
	}
	history_as_written(b, st, in);
}

/* --- EXPOSE, VOLUME ------------------------------------------------------------------------- */

static void add_unique(struct graph_builder *b, struct graph_map *set, struct str text)
{
	graph_count(b, GRAPH_PORTS,
		    64); /* also for the time it takes: EXPOSE 1-65535 may come often */
	if (graph_map_get(set, text))
		return;
	graph_map_set(b, set, text, STR(""));
	graph_count(b, GRAPH_PORTS, 100);
}

static struct err *bad_port(struct graph_builder *b, struct str word)
{
	struct str shown = str_first(word, SHOWN_BYTES);
	return graph_fail(
		b,
		err_new(ERR_INVALID,
			"EXPOSE " STR_FMT
			" is no port: use 80, 80/udp or 8000-8005 (1 to 65535; tcp, udp or sctp)",
			STR_ARG(shown)));
}

static struct err *expose_one(struct graph_builder *b, struct graph_state *st, struct str word)
{
	static const struct str protocols[] = { STR("tcp"), STR("udp"), STR("sctp") };
	struct str rest = word, range = str_cut(&rest, '/');
	const struct str *protocol = rest.p ? NULL : &protocols[0];
	for (size_t i = 0; rest.p && i < ARRAY_LEN(protocols); i++)
		if (str_eq_nocase(rest, protocols[i]))
			protocol = &protocols[i];
	struct str upper = range, lower = str_cut(&upper, '-');
	uint64_t first, last;
	if (!protocol || !str_to_u64(lower, 65535, &first) || first < 1)
		return bad_port(b, word);
	last = first;
	if (upper.p && (!str_to_u64(upper, 65535, &last) || last < first))
		return bad_port(b, word);
	for (uint64_t port = first; port <= last; port++) {
		char text[32];
		int n = snprintf(text, sizeof(text), "%u/" STR_FMT, (unsigned)port,
				 STR_ARG(*protocol));
		add_unique(b, &st->ports, str_n(text, (size_t)n));
	}
	return graph_check(b);
}

static struct err *apply_expose(struct graph_builder *b, struct graph_state *st,
				const struct dockerfile_instruction *in)
{
	const struct dockerfile_env env = { graph_get_var, st };
	for (size_t i = 0; i < in->words.n; i++) {
		struct dockerfile_words w;
		TRY(graph_fail(b, dockerfile_expand_words(b->a, in->words.v[i], b->o->file->escape,
							  &env, &w)));
		for (size_t j = 0; j < w.n; j++) {
			graph_count(b, GRAPH_PORTS, w.v[j].len + 32);
			TRY(expose_one(b, st, w.v[j]));
		}
	}
	history_as_written(b, st, in);
	return NULL;
}

static struct err *apply_volume(struct graph_builder *b, struct graph_state *st,
				const struct dockerfile_instruction *in)
{
	for (size_t i = 0; i < in->words.n; i++) {
		struct str path;
		TRY(graph_expand(b, st, in->words.v[i], &path));
		if (!str_trim(path).len)
			return graph_fail(b, err_new(ERR_INVALID, "VOLUME with an empty path"));
		add_unique(b, &st->volumes, path);
	}
	history_as_written(b, st, in);
	return NULL;
}

/* --- USER, STOPSIGNAL, ONBUILD -------------------------------------------------------------- */

static struct err *apply_user(struct graph_builder *b, struct graph_state *st,
			      const struct dockerfile_instruction *in)
{
	struct str user, shown = str_first(in->text, SHOWN_BYTES);
	TRY(graph_expand(b, st, in->text, &user));
	if (!user.len)
		return graph_fail(b, err_new(ERR_INVALID, "USER " STR_FMT " is empty once expanded",
					     STR_ARG(shown)));
	st->config.user = user.p;
	history_of(b, st, in, user.p);
	return NULL;
}

static bool is_signal(struct str s)
{
	static const char *const names[] = { "ABRT",   "ALRM",   "BUS",  "CHLD", "CLD",   "CONT",
					     "FPE",    "HUP",    "ILL",  "INT",  "IO",    "IOT",
					     "KILL",   "PIPE",   "POLL", "PROF", "PWR",   "QUIT",
					     "SEGV",   "STKFLT", "STOP", "SYS",  "TERM",  "TRAP",
					     "TSTP",   "TTIN",   "TTOU", "URG",  "USR1",  "USR2",
					     "VTALRM", "WINCH",  "XCPU", "XFSZ", "RTMIN", "RTMAX" };
	uint64_t number;
	if (str_to_u64(s, 64, &number))
		return number > 0;
	struct str name = str_eq_nocase(str_first(s, 3), STR("SIG")) ? str_skip(s, 3) : s;
	struct str base = str_first(name, 6), offset = str_skip(name, 6);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_nocase(name, str_of(names[i])))
			return true;
	return (str_eq_nocase(base, STR("RTMIN+")) && str_to_u64(offset, 15, &number)) ||
	       (str_eq_nocase(base, STR("RTMAX-")) && str_to_u64(offset, 14, &number));
}

static struct err *apply_stopsignal(struct graph_builder *b, struct graph_state *st,
				    const struct dockerfile_instruction *in)
{
	struct str name;
	TRY(graph_expand(b, st, in->text, &name));
	struct str shown = str_first(name, SHOWN_BYTES);
	if (!is_signal(name))
		return graph_fail(b, err_new(ERR_INVALID,
					     "STOPSIGNAL " STR_FMT
					     " is no signal: use a name such as SIGTERM or a "
					     "number from 1 to 64",
					     STR_ARG(shown)));
	st->config.stop_signal = name.p;
	history_of(b, st, in, name.p);
	return NULL;
}

static void apply_onbuild(struct graph_builder *b, struct graph_state *st,
			  const struct dockerfile_instruction *in)
{
	struct oci_strings *list = &st->config.on_build;
	if (list->n == list->cap)
		graph_count(b, GRAPH_TRIGGERS, (2 * list->cap + 8) * sizeof(*list->v));
	graph_count(b, GRAPH_TRIGGERS, in->onbuild.text.len);
	oci_strings_add(b->a, list, arena_strdup(b->a, in->onbuild.text));
	history_as_written(b, st, in);
}

static struct err *apply(struct graph_builder *b, struct graph_state *st,
			 const struct dockerfile_instruction *in)
{
	switch (in->kind) {
	case DOCKERFILE_FROM:
		return graph_fail(b, err_new(ERR_INVALID, "FROM cannot stand here"));
	case DOCKERFILE_ADD:
	case DOCKERFILE_COPY:
		return graph_apply_copy(b, st, in);
	case DOCKERFILE_RUN:
		return graph_apply_run(b, st, in);
	case DOCKERFILE_WORKDIR:
		return graph_apply_workdir(b, st, in);
	case DOCKERFILE_ARG:
		return apply_arg(b, st, in);
	case DOCKERFILE_ENV:
		return apply_env(b, st, in);
	case DOCKERFILE_LABEL:
		return apply_label(b, st, in);
	case DOCKERFILE_EXPOSE:
		return apply_expose(b, st, in);
	case DOCKERFILE_VOLUME:
		return apply_volume(b, st, in);
	case DOCKERFILE_USER:
		return apply_user(b, st, in);
	case DOCKERFILE_STOPSIGNAL:
		return apply_stopsignal(b, st, in);
	case DOCKERFILE_CMD:
		st->config.cmd = command_strings(b, st, &in->command);
		st->cmd_set = true;
		history_as_written(b, st, in);
		return NULL;
	case DOCKERFILE_ENTRYPOINT:
		apply_entrypoint(b, st, in);
		return NULL;
	case DOCKERFILE_SHELL:
		st->config.shell = command_strings(b, st, &in->command);
		history_as_written(b, st, in);
		return NULL;
	case DOCKERFILE_HEALTHCHECK:
		apply_healthcheck(b, st, in);
		return NULL;
	case DOCKERFILE_MAINTAINER:
		st->config.author = arena_strdup(b->a, in->text);
		history_as_written(b, st, in);
		return NULL;
	case DOCKERFILE_ONBUILD:
		apply_onbuild(b, st, in);
		return NULL;
	}
	return NULL;
}

struct err *graph_apply(struct graph_builder *b, struct graph_state *st,
			const struct dockerfile_instruction *in)
{
	b->line = in->line;
	TRY(apply(b, st, in));
	return graph_check(b);
}
