/* RUN, and the commands of CMD and ENTRYPOINT. */
#include "graph/graph_priv.h"

#include <stdlib.h>

static const char *const default_shell[] = { "/bin/sh", "-c" };

const char **graph_command(struct graph_builder *b, const struct graph_state *st,
			   const struct dockerfile_command *c, struct str text, size_t *n)
{
	size_t n_shell = st->config.shell.n ? st->config.shell.n : ARRAY_LEN(default_shell);
	const char *const *shell =
		st->config.shell.n ? (const char *const *)st->config.shell.v : default_shell;
	size_t most = (c->exec_form ? c->words.n : n_shell + 1) + 1;
	const char **args = arena_new_array(b->a, most, const char *);
	graph_count(b, GRAPH_COMMANDS, most * sizeof(*args));
	*n = 0;
	for (size_t i = 0; c->exec_form && i < c->words.n; i++) {
		graph_count(b, GRAPH_COMMANDS, c->words.v[i].len + 32);
		args[(*n)++] = arena_strdup(b->a, c->words.v[i]);
	}
	if (c->exec_form)
		return args;
	for (size_t i = 0; i < n_shell; i++) {
		graph_count(b, GRAPH_COMMANDS, strlen(shell[i])); /* read again and again */
		args[(*n)++] = shell[i];
	}
	graph_count(b, GRAPH_COMMANDS, text.len + 32);
	args[(*n)++] = arena_strdup(b->a, text);
	return args;
}

const char *const graph_proxy_names[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
					  "FTP_PROXY",  "ftp_proxy",  "NO_PROXY",    "no_proxy",
					  "ALL_PROXY",  "all_proxy" };
const size_t graph_n_proxy_names = ARRAY_LEN(graph_proxy_names);

/* What the program sees; the first st->vars.n of them are part of the definition: proxies that no
 * ARG names are not, so that another proxy does not run the step again. */
static const char *const *run_env(struct graph_builder *b, struct graph_state *st)
{
	if (st->run_env)
		return st->run_env;
	size_t most = st->vars.n + graph_n_proxy_names + 1, n = 0;
	const char **env = arena_new_array(b->a, most, const char *);
	graph_count(b, GRAPH_ENVIRONMENTS, most * sizeof(*env));
	st->run_env_bytes = 0;
	for (size_t i = 0; i < st->vars.n; i++) {
		env[n++] = st->vars.v[i]->text;
		st->run_env_bytes += st->vars.v[i]->key.len + st->vars.v[i]->value.len + 4;
	}
	for (size_t i = 0; i < graph_n_proxy_names; i++) {
		struct str name = str_of(graph_proxy_names[i]), value;
		if (!graph_map_get(&st->vars, name) && graph_build_arg(b, name, &value))
			env[n++] = graph_entry_new(b, name, value)->text;
	}
	st->run_env = env;
	return env;
}

#define MOST_HISTORY_BYTES ((size_t)1 << 20) /* of one entry; cut there */

static void add_history(struct graph_builder *b, struct graph_state *st, const char *const *args)
{
	done(buf) text;
	buf_init(&text, MOST_HISTORY_BYTES);
	buf_add(&text, STR("RUN"));
	if (st->args.n)
		buf_printf(&text, " |%zu", st->args.n);
	for (size_t i = 0; i < st->args.n && !text.over; i++) {
		const struct graph_entry *var = graph_map_get(&st->vars, st->args.v[i]->key);
		buf_add_c(&text, ' ');
		buf_add(&text, var ? str_of(var->text) : str_of(st->args.v[i]->text));
	}
	for (size_t i = 0; args[i] && !text.over; i++) {
		buf_add_c(&text, ' ');
		buf_add(&text, str_of(args[i]));
	}
	graph_add_history(b, st, buf_str(&text), st->top);
}

static void define(struct graph_builder *b, struct graph_state *st, struct graph_step *s,
		   size_t n_args)
{
	struct graph_hash h;
	graph_hash_init(&h, "run");
	graph_hash_str(&h, "platform", str_of(oci_platform_text(&st->platform).s));
	graph_hash_list(&h, "args", s->run.args, n_args);
	graph_hash_str(&h, "as", s->run.script.len ? STR("file") : STR("command"));
	graph_hash_list(&h, "env", s->run.env, st->vars.n);
	graph_count(b, GRAPH_ENVIRONMENTS, st->run_env_bytes);
	graph_hash_str(&h, "cwd", str_of(s->run.cwd));
	graph_hash_str(&h, "user", str_of(s->run.user));
	st->top = graph_add_step(b, s, &h);
}

struct err *graph_apply_run(struct graph_builder *b, struct graph_state *st,
			    const struct dockerfile_instruction *in)
{
	const struct dockerfile_run *run = &in->run;
	struct str text = run->only_heredoc ? run->heredocs[0].content : run->command.text;
	size_t n;
	const char **args = graph_command(b, st, &run->command, text, &n);
	if (!n)
		return graph_fail(b, err_new(ERR_INVALID, "RUN needs a command"));
	struct graph_step *s = arena_new(b->a, struct graph_step);
	*s = (struct graph_step){ .kind = GRAPH_RUN,
				  .line = in->line,
				  .stage = st->stage,
				  .parent = st->top,
				  .text = arena_strdup(b->a, in->source),
				  .platform = st->platform };
	graph_count(b, GRAPH_COMMANDS, in->source.len);
	s->run.args = args;
	s->run.env = run_env(b, st);
	s->run.cwd = graph_current_dir(st);
	s->run.user = st->config.user ? st->config.user : "";
	s->run.shown = in->source;
	s->run.shell_form = !run->command.exec_form;
	if (run->only_heredoc && str_starts(text, STR("#!")))
		s->run.script = text;
	define(b, st, s, n);
	add_history(b, st, args);
	return NULL;
}
