/* COPY, ADD and WORKDIR. */
#include "graph/graph_priv.h"

#include <stdlib.h>

#include "base/limits.h"

#define SHOWN_BYTES 100 /* of a text of the Dockerfile in a message */

const char *graph_current_dir(const struct graph_state *st)
{
	return st->config.working_dir && st->config.working_dir[0] ? st->config.working_dir : "/";
}

static struct err *path_too_long(const struct graph_builder *b)
{
	return graph_fail(
		b, err_new(ERR_LIMIT, "the path is longer than %d bytes", LIMIT_PATH_BYTES - 1));
}

/* Puts the components of `path` behind `out`; ".." takes one away again. */
static void add_path(struct buf *out, struct str path)
{
	while (path.p) {
		struct str part = str_cut(&path, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR(".."))) {
			ptrdiff_t slash = str_rchr(buf_str(out), '/');
			out->len = slash < 0 ? 0 : (size_t)slash;
			continue;
		}
		buf_add_c(out, '/');
		buf_add(out, part);
	}
}

struct err *graph_join(struct graph_builder *b, const struct graph_state *st, struct str path,
		       const char **out)
{
	done(buf) joined;
	buf_init(&joined, LIMIT_PATH_BYTES - 1);
	if (!path.len || path.p[0] != '/')
		add_path(&joined, str_of(graph_current_dir(st)));
	add_path(&joined, path);
	if (joined.over)
		return path_too_long(b);
	graph_count(b, GRAPH_COMMANDS, joined.len + 32);
	*out = joined.len ? arena_strdup(b->a, buf_str(&joined)) : "/";
	return NULL;
}

static struct err *is_empty(const struct graph_builder *b, const struct dockerfile_instruction *in,
			    const char *what, struct str as_written)
{
	struct str shown = str_first(as_written, SHOWN_BYTES);
	return graph_fail(b, err_new(ERR_INVALID, "%s%s " STR_FMT " is empty once expanded",
				     dockerfile_kind_name(in->kind), what, STR_ARG(shown)));
}

/* --- COPY and ADD --------------------------------------------------------------------------- */

/* A stage's name that was mistyped is asked for as an image, and not found as one. */
static struct err *no_stage(const struct graph_builder *b, struct str name, uint32_t before,
			    struct err *cause)
{
	struct str shown = str_first(name, SHOWN_BYTES);
	const char **names = arena_new_array(b->a, b->o->file->n_stages, const char *);
	size_t n = 0;
	for (size_t i = 0; i < before; i++)
		if (b->stages[i]->first->from.name.len)
			names[n++] = arena_strdup(b->a, b->stages[i]->first->from.name);
	const char *near = str_nearest(name, names, n);
	return err_wrap(cause, "--from=" STR_FMT " is no stage above%s%s%s, so it is an image",
			STR_ARG(shown), near ? " (did you mean " : "", near ?: "",
			near ? "?)" : "");
}

/* What --from names: an earlier stage, or an image, which is taken for the target's platform
 * whatever the stage's. */
static struct err *copy_from(struct graph_builder *b, struct graph_state *st, struct str name,
			     struct graph_step **from)
{
	const struct dockerfile_stage *stage;
	TRY(graph_fail(b, graph_copy_stage(b, name, st->index, &stage)));
	if (stage) {
		const struct graph_state *other;
		TRY(graph_eval(b, stage, &other));
		*from = other->top;
		return NULL;
	}
	const struct graph_used_base *used;
	struct err *e =
		graph_resolve(b, name, &b->o->targets[b->target], arena_strdup(b->a, name), &used);
	if (e)
		return graph_fail(b, no_stage(b, name, st->index, e));
	*from = used->step;
	return NULL;
}

static struct err *copy_inlines(struct graph_builder *b, struct graph_state *st,
				const struct dockerfile_instruction *in, struct graph_step *s)
{
	const struct dockerfile_env env = { graph_get_var, st };
	struct graph_copy_source *v =
		arena_new_array(b->a, in->copy.n_heredocs, struct graph_copy_source);
	for (size_t i = 0; i < in->copy.n_heredocs; i++) {
		const struct dockerfile_heredoc *d = &in->copy.heredocs[i];
		v[i] = (struct graph_copy_source){ .name = d->word, .content = d->content };
		if (!d->expand)
			continue;
		TRY(graph_fail(b, dockerfile_expand_heredoc(b->a, d->content, b->o->file->escape,
							    &env, &v[i].content)));
		graph_count(b, GRAPH_VALUES, v[i].content.len + 32);
		TRY(graph_check(b));
	}
	s->copy.inlines = v;
	s->copy.n_inlines = in->copy.n_heredocs;
	return NULL;
}

static struct err *copy_sources(struct graph_builder *b, struct graph_state *st,
				const struct dockerfile_instruction *in, struct graph_step *s)
{
	struct str *v = arena_new_array(b->a, in->copy.sources.n, struct str);
	for (size_t i = 0; i < in->copy.sources.n; i++) {
		TRY(graph_expand(b, st, in->copy.sources.v[i], &v[i]));
		if (!v[i].len)
			return is_empty(b, in, " source", in->copy.sources.v[i]);
		if (in->copy.from.len || !dockerfile_is_remote(v[i]))
			continue;
		struct str shown = str_first(v[i], SHOWN_BYTES);
		return graph_fail(
			b, err_new(ERR_INVALID,
				   "%s of " STR_FMT
				   ": kiln does not fetch URLs yet; RUN a download, or copy a file",
				   dockerfile_kind_name(in->kind), STR_ARG(shown)));
	}
	s->copy.sources = v;
	s->copy.n_sources = in->copy.sources.n;
	return NULL;
}

static struct err *copy_dest(struct graph_builder *b, struct graph_state *st,
			     const struct dockerfile_instruction *in, struct graph_step *s)
{
	struct str dest;
	TRY(graph_expand(b, st, in->copy.dest, &dest));
	if (!dest.len)
		return is_empty(b, in, " destination", in->copy.dest);
	TRY(graph_join(b, st, dest, &s->copy.dest));
	bool is_dir =
		str_eq(dest, STR(".")) || str_ends(dest, STR("/.")) || str_ends(dest, STR("/"));
	if (is_dir && s->copy.dest[1])
		s->copy.dest = arena_printf(b->a, "%s/", s->copy.dest);
	return NULL;
}

static struct err *copy_flag(struct graph_builder *b, struct graph_state *st, struct str flag,
			     const char **out)
{
	struct str value = STR("");
	if (flag.len)
		TRY(graph_expand(b, st, flag, &value));
	*out = arena_strdup(b->a, value);
	return NULL;
}

static void copy_define(struct graph_builder *b, struct graph_state *st, struct graph_step *s)
{
	struct graph_hash h;
	const char **names = arena_new_array(b->a, s->copy.n_sources, const char *);
	const char **inlines = arena_new_array(b->a, s->copy.n_inlines, const char *);
	const char **contents = arena_new_array(b->a, s->copy.n_inlines, const char *);
	graph_count(b, GRAPH_COMMANDS, (s->copy.n_sources + 2 * s->copy.n_inlines) * 64);
	for (size_t i = 0; i < s->copy.n_sources; i++)
		names[i] = s->copy.sources[i].p; /* expanded: NUL-terminated */
	for (size_t i = 0; i < s->copy.n_inlines; i++) {
		inlines[i] = arena_strdup(b->a, s->copy.inlines[i].name);
		contents[i] = arena_strdup(b->a, s->copy.inlines[i].content);
		graph_count(b, GRAPH_COMMANDS, s->copy.inlines[i].content.len);
	}
	graph_hash_init(&h, s->copy.is_add ? "add" : "copy");
	graph_hash_list(&h, "sources", names, s->copy.n_sources);
	graph_hash_list(&h, "heredocs", inlines, s->copy.n_inlines);
	graph_hash_list(&h, "contents", contents, s->copy.n_inlines);
	graph_hash_str(&h, "from",
		       str_of(s->copy.from_context ? "context"
			      : s->copy.from       ? "stage"
						   : "nothing"));
	graph_hash_str(&h, "dest", str_of(s->copy.dest));
	graph_hash_str(&h, "chown", str_of(s->copy.chown));
	graph_hash_str(&h, "chmod", str_of(s->copy.chmod));
	graph_hash_str(&h, "owner", s->copy.keep_owner ? STR("kept") : STR("set"));
	st->top = graph_add_step(b, s, &h);
}

static void copy_history(struct graph_builder *b, struct graph_state *st,
			 const struct dockerfile_instruction *in, const struct graph_step *s)
{
	done(buf) text;
	buf_init(&text, (size_t)1 << 20);
	buf_add(&text, str_of(dockerfile_kind_name(in->kind)));
	if (in->copy.from.len)
		buf_printf(&text, " --from=" STR_FMT, STR_ARG(in->copy.from));
	if (s->copy.chown[0])
		buf_printf(&text, " --chown=%s", s->copy.chown);
	if (s->copy.chmod[0])
		buf_printf(&text, " --chmod=%s", s->copy.chmod);
	for (size_t i = 0; i < s->copy.n_sources; i++)
		buf_printf(&text, " " STR_FMT, STR_ARG(s->copy.sources[i]));
	for (size_t i = 0; i < s->copy.n_inlines; i++)
		buf_printf(&text, " <<" STR_FMT, STR_ARG(s->copy.inlines[i].name));
	buf_printf(&text, " %s", s->copy.dest);
	graph_add_history(b, st, buf_str(&text), st->top);
}

struct err *graph_apply_copy(struct graph_builder *b, struct graph_state *st,
			     const struct dockerfile_instruction *in)
{
	struct graph_step *s = arena_new(b->a, struct graph_step);
	*s = (struct graph_step){ .kind = GRAPH_COPY,
				  .line = in->line,
				  .stage = st->stage,
				  .parent = st->top,
				  .text = arena_strdup(b->a, in->source),
				  .platform = st->platform };
	graph_count(b, GRAPH_COMMANDS, in->source.len);
	TRY(copy_sources(b, st, in, s));
	TRY(copy_inlines(b, st, in, s));
	TRY(copy_dest(b, st, in, s));
	TRY(copy_flag(b, st, in->copy.chown, &s->copy.chown));
	TRY(copy_flag(b, st, in->copy.chmod, &s->copy.chmod));
	s->copy.is_add = in->kind == DOCKERFILE_ADD;
	s->copy.keep_owner = in->copy.from.len && !s->copy.chown[0];
	if (in->copy.from.len)
		TRY(copy_from(b, st, in->copy.from, &s->copy.from));
	else
		s->copy.from_context = s->copy.n_sources > 0;
	copy_define(b, st, s);
	copy_history(b, st, in, st->top);
	return NULL;
}

/* --- WORKDIR -------------------------------------------------------------------------------- */

/* An absolute path stays as it is written, but for slashes at its end. */
static struct err *workdir_path(struct graph_builder *b, struct graph_state *st, struct str path,
				const char **out)
{
	if (path.p[0] != '/')
		return graph_join(b, st, path, out);
	while (path.len > 1 && str_ends(path, STR("/")))
		path.len--;
	if (path.len >= LIMIT_PATH_BYTES)
		return path_too_long(b);
	*out = arena_strdup(b->a, path);
	return NULL;
}

struct err *graph_apply_workdir(struct graph_builder *b, struct graph_state *st,
				const struct dockerfile_instruction *in)
{
	struct str path;
	const char *dir;
	TRY(graph_expand(b, st, in->text, &path));
	if (!path.len)
		return is_empty(b, in, "", in->text);
	TRY(workdir_path(b, st, path, &dir));
	st->config.working_dir = dir;
	struct graph_step *s = NULL;
	if (dir[1]) {
		s = arena_new(b->a, struct graph_step);
		*s = (struct graph_step){ .kind = GRAPH_WORKDIR,
					  .line = in->line,
					  .stage = st->stage,
					  .parent = st->top,
					  .text = arena_strdup(b->a, in->source),
					  .platform = st->platform };
		s->workdir.path = dir;
		s->workdir.user = st->config.user ? st->config.user : "";
		struct graph_hash h;
		graph_hash_init(&h, "workdir");
		graph_hash_str(&h, "path", str_of(dir));
		graph_hash_str(&h, "user", str_of(s->workdir.user));
		s = st->top = graph_add_step(b, s, &h);
	}
	graph_count(b, GRAPH_COMMANDS, in->source.len);
	own_mem char *text = mem_printf("WORKDIR %s", dir);
	graph_add_history(b, st, str_of(text), s);
	return NULL;
}
