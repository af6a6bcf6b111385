/* COPY, ADD and WORKDIR: layers that are made without running anything.
 *
 * What the context gives is matched and hashed once for all platforms. A layer depends on the
 * content and on a few facts of the destination (copy.h); steps with the same facts and content
 * share one, whatever their platforms. */
#include "executor/executor_priv.h"

#include <stdlib.h>

#include "base/fd.h"
#include "base/time.h"
#include "executor/passwd.h"

#define ARENA_BYTES ((size_t)1 << 30)

struct exec_match {
	struct str source;
	struct arena *a; /* owned */
	bool done;
	struct source_match *v;
	struct sha256_sum *digests;
	size_t n;
	struct source_prints prints; /* of all; empty when nobody asks for reasons */
	struct err *failed;          /* owned */
	struct exec_match *next;
};

void exec_matches_free(struct exec_match *m)
{
	while (m) {
		struct exec_match *next = m->next;
		free(m->prints.v);
		arena_free(m->a);
		err_free(m->failed);
		free(m);
		m = next;
	}
}

/* A copy on its way: lives until it is packed. */
struct copy_job {
	struct exec_pack p;
	struct arena *a;          /* owned */
	struct source_tree *tree; /* owned */
	int tree_fd;              /* owned; the stage's view, -1 for the context */
	struct copy_request request;
	struct copy_facts *facts;
	struct sha256_sum content;
	const struct exec_match **matches; /* in the arena; of what it takes from the context */
	size_t n_matches;
};

static void job_free(struct copy_job *j)
{
	if (!j)
		return;
	fd_close_own(&j->p.below_fd);
	source_tree_free(j->tree);
	fd_close_own(&j->tree_fd);
	arena_free(j->a);
	free(j);
}

static void job_free_own(struct copy_job **j)
{
	job_free(*j);
}
#define own_job __attribute__((cleanup(job_free_own))) struct copy_job *

static struct copy_job *job_new(struct exec *x, const struct graph_step *g)
{
	struct copy_job *j = mem_new(struct copy_job);
	*j = (struct copy_job){ .p = { .x = x, .below_fd = -1, .step = g }, .tree_fd = -1 };
	j->a = arena_open(ARENA_BYTES);
	return j;
}

static struct err *at_line(struct exec *x, const struct graph_step *g, struct err *e)
{
	return err_wrap(e, "%s:%u", x->r->dockerfile_name, g->line);
}

/* --- sources -------------------------------------------------------------------------------- */

static struct err *match_and_hash(struct exec *x, struct source_tree *tree, struct arena *a,
				  struct str source, bool with_owner, struct source_match **v,
				  struct sha256_sum **digests, size_t *n,
				  struct source_prints *prints)
{
	TRY(source_tree_match(tree, a, source, v, n));
	*digests = arena_new_array(a, *n, struct sha256_sum);
	for (size_t i = 0; i < *n; i++)
		TRY(source_tree_digest(tree, (*v)[i].path, with_owner, x->threads, prints,
				       &(*digests)[i]));
	return NULL;
}

static struct err *copy_of(const struct err *e)
{
	own_mem char *text = err_text(e);
	return err_new(e->kind, "%s", text);
}

static void warn_no_match(struct exec *x, const struct graph_step *g, struct str source)
{
	own_mem char *text = mem_printf("%s:%u: " STR_FMT " matches nothing in the build context",
					x->r->dockerfile_name, g->line, STR_ARG(source));
	exec_event(x->o,
		   &(struct executor_event){ .kind = EXECUTOR_WARNING, .text = str_of(text) });
}

/* One answer per source of the context; who comes second waits. */
static struct err *context_match(struct exec *x, const struct graph_step *g, struct str source,
				 struct exec_match **out)
{
	mutex_lock(&x->lock);
	struct exec_match *m = x->matches;
	while (m && !str_eq(m->source, source))
		m = m->next;
	if (m) {
		while (!m->done)
			cond_wait(&x->changed, &x->lock);
		mutex_unlock(&x->lock);
	} else {
		m = mem_new(struct exec_match);
		m->source = source;
		m->a = arena_open(ARENA_BYTES);
		m->prints.a = m->a;
		m->next = x->matches;
		x->matches = m;
		mutex_unlock(&x->lock);
		own(source_tree) tree = source_tree_open(x->r->context_fd, "the build context",
							 x->ignore, x->hashes);
		struct err *e = match_and_hash(x, tree, m->a, source, false, &m->v, &m->digests,
					       &m->n, x->r->origin ? &m->prints : NULL);
		if (!e && !m->n)
			warn_no_match(x, g, source);
		hold(&x->lock);
		m->failed = e;
		m->done = true;
		cond_broadcast(&x->changed);
	}
	*out = m;
	return m->failed ? copy_of(m->failed) : NULL;
}

struct source_list {
	struct copy_source *v; /* of the job's arena */
	size_t n, cap;
	struct sha256 h; /* over all content */
};

static void list_add(struct copy_job *j, struct source_list *l, const struct copy_source *s,
		     const struct sha256_sum *digest)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct copy_source *v = arena_new_array(j->a, cap, struct copy_source);
		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = *s;
	const char *name = s->tree ? s->match.name : arena_strdup(j->a, s->file.name);
	sha256_update(&l->h, name, strlen(name) + 1);
	sha256_update(&l->h, s->tree && s->match.is_dir ? "d" : "f", 1);
	sha256_update(&l->h, digest->b, sizeof(digest->b));
}

static struct err *add_source(struct exec *x, struct copy_job *j, struct source_list *l,
			      struct str source)
{
	const struct graph_step *g = j->p.step;
	struct source_match *v;
	struct sha256_sum *digests;
	size_t n;
	if (g->copy.from_context) {
		struct exec_match *m;
		TRY(context_match(x, g, source, &m));
		v = m->v;
		digests = m->digests;
		n = m->n;
		j->matches[j->n_matches++] = m;
	} else {
		TRY(match_and_hash(x, j->tree, j->a, source, g->copy.keep_owner, &v, &digests, &n,
				   NULL));
	}
	for (size_t i = 0; i < n; i++)
		list_add(j, l, &(struct copy_source){ .tree = j->tree, .match = v[i] },
			 &digests[i]);
	return NULL;
}

static struct err *open_tree(struct exec *x, struct copy_job *j)
{
	const struct graph_step *g = j->p.step;
	if (g->copy.from_context) {
		j->tree = source_tree_open(x->r->context_fd, "the build context", x->ignore,
					   x->hashes);
		return NULL;
	}
	own_mem struct layer_name *names = NULL;
	size_t n = 0;
	if (g->copy.from)
		TRY(exec_chain_dirs(x, g->copy.from, &names, &n));
	TRY(layer_view(x->layer_store, names, n, &j->tree_fd));
	j->tree = source_tree_open(
		j->tree_fd,
		arena_printf(j->a, "%s", g->copy.from ? g->copy.from->stage : "an empty stage"),
		NULL, NULL);
	return NULL;
}

/* Fills the request's sources and the content's digest. */
static struct err *collect(struct exec *x, struct copy_job *j)
{
	const struct graph_step *g = j->p.step;
	struct source_list l = { .n = 0 };
	struct err *e = NULL;
	if (g->copy.n_sources)
		TRY(open_tree(x, j));
	j->matches = arena_new_array(j->a, g->copy.n_sources, const struct exec_match *);
	sha256_init(&l.h);
	for (size_t i = 0; i < g->copy.n_sources && !e; i++)
		e = add_source(x, j, &l, g->copy.sources[i]);
	for (size_t i = 0; i < g->copy.n_inlines && !e; i++) {
		struct str content = g->copy.inlines[i].content;
		struct sha256_sum sum = sha256_of(content.p, content.len);
		list_add(j, &l,
			 &(struct copy_source){ .file = { g->copy.inlines[i].name, content } },
			 &sum);
	}
	j->content = sha256_final(&l.h);
	sha256_done(&l.h);
	j->request = (struct copy_request){
		.line = g->line,
		.sources = l.v,
		.n_sources = l.n,
		.dest = g->copy.dest,
		.chown = g->copy.chown,
		.chmod = g->copy.chmod,
		.keep_owner = g->copy.keep_owner,
		.unpack = g->copy.is_add,
		.multiple = l.n > 1,
	};
	return e;
}

/* --- the layer ------------------------------------------------------------------------------ */

static struct err *emit(struct exec_pack *p, struct layer_sink *sink)
{
	struct copy_job *j = container_of(p, struct copy_job, p);
	return copy_emit(&j->request, j->facts, &sink, 1);
}

static void emit_free(struct exec_pack *p)
{
	job_free(container_of(p, struct copy_job, p));
}

static struct err *fill_dir(struct exec *x, struct copy_job *j, struct layer_name *name)
{
	TRY(layer_store_new(x->layer_store, name, NULL));
	struct layer_fill fill = { .state = NULL };
	TRY(layer_fill_open(x->layer_store, name, &fill));
	struct layer_sink *sink = &fill.sink;
	struct err *e = copy_emit(&j->request, j->facts, &sink, 1);
	if (!e)
		e = layer_fill_finish(&fill);
	layer_fill_done(&fill);
	return e;
}

/* The layer that somebody makes or made for this key in this build; or a new one that is ours to
 * make. */
static struct exec_layer *claim(struct exec *x, const struct sha256_sum *key, bool *ours)
{
	hold(&x->lock);
	for (struct exec_layer *l = x->layers; l; l = l->next) {
		if (l->failed || memcmp(l->copy_key.b, key->b, sizeof(key->b)) != 0)
			continue;
		while (!l->made && !l->failed && !x->stopping)
			cond_wait(&x->changed, &x->lock);
		if (l->failed)
			continue;
		*ours = false;
		return l;
	}
	struct exec_layer *l = mem_new(struct exec_layer);
	l->copy_key = *key;
	l->next = x->layers;
	x->layers = l;
	*ours = true;
	return l;
}

static struct err *make_layer(struct exec *x, struct copy_job *owned, struct exec_layer *l)
{
	own_job j = owned;
	const struct graph_step *g = j->p.step;
	struct layer_name name = { "" };
	bool fill = g->n_dependents > 0;
	if (fill)
		TRY(at_line(x, g, fill_dir(x, j, &name)));
	mutex_lock(&x->lock);
	l->created_unix_ns = time_now_unix_ns();
	l->dir = name;
	l->has_dir = l->session_dir = fill;
	l->made = true;
	cond_broadcast(&x->changed);
	mutex_unlock(&x->lock);
	j->p.layer = l;
	j->p.make = emit;
	j->p.free = emit_free;
	exec_pack_later(&move(j)->p);
	return NULL;
}

static void take(struct exec_layer *to, const struct exec_layer *from)
{
	to->empty = from->empty;
	to->diff_id = from->diff_id;
	to->descriptor = from->descriptor;
	to->created_unix_ns = from->created_unix_ns;
	to->programs = mem_strdup(from->programs);
	to->remote = from->remote;
	to->packed = to->made = true;
}

/* Shares, finds or makes the layer of a resolved copy. Takes the job over. */
static struct err *layer_for(struct exec *x, struct exec_step *s, struct copy_job *owned)
{
	own_job j = owned;
	struct sha256_sum facts = copy_facts_digest(j->facts);
	const struct sha256_sum *parts[] = { &facts, &j->content };
	struct sha256_sum key = exec_key(x, "copied", parts, 2);
	bool ours, found = false;
	struct exec_layer *l = claim(x, &key, &ours), *old = NULL;
	s->layer = l;
	if (!ours) {
		exec_cache_put(x, &s->key, "copy", s->g->inputs, l);
		return NULL;
	}
	if (!x->r->no_cache)
		TRY(exec_cache_get(x, &key, &found, &old));
	if (found) {
		hold(&x->lock);
		take(l, old);
		cond_broadcast(&x->changed);
	}
	if (found) {
		exec_cache_put(x, &s->key, "copy", s->g->inputs, l);
		return NULL;
	}
	j->p.keys[0] = s->key;
	j->p.keys[1] = key;
	j->p.n_keys = 2;
	return make_layer(x, move(j), l);
}

static struct err *view_below(struct exec *x, const struct graph_step *g, int *fd)
{
	own_mem struct layer_name *names = NULL;
	size_t n = 0;
	if (!g->parent) {
		*fd = -1;
		return NULL;
	}
	TRY(exec_chain_dirs(x, g->parent, &names, &n));
	return layer_view(x->layer_store, names, n, fd);
}

/* --- steps ---------------------------------------------------------------------------------- */

static const struct sha256_sum *parent_key(const struct exec *x, const struct graph_step *g)
{
	static const struct sha256_sum none;
	return g->parent ? &x->steps[g->parent->index].key : &none;
}

/* What a stage holds is named by its key; when that is known from an earlier build, nothing of the
 * stage is needed. */
static struct err *find_by_stage(struct exec *x, struct exec_step *s, struct sha256_sum *alias)
{
	const struct graph_step *g = s->g;
	const struct sha256_sum *parts[] = { &g->own, parent_key(x, g),
					     &x->steps[g->copy.from->index].key };
	*alias = exec_key(x, "copy-from", parts, 3);
	bool found;
	if (x->r->no_cache)
		return NULL;
	TRY(exec_cache_alias(x, alias, &found, &s->key));
	if (found)
		TRY(exec_cache_get(x, &s->key, &s->cached, &s->layer));
	return NULL;
}

static struct err *nothing_made(struct exec *x, struct exec_step *s)
{
	struct exec_layer *l = exec_layer_new(x);
	mutex_lock(&x->lock);
	l->empty = l->packed = l->made = true;
	l->created_unix_ns = time_now_unix_ns();
	s->layer = l;
	mutex_unlock(&x->lock);
	exec_cache_put(x, &s->key, "copy", s->g->inputs, l);
	return NULL;
}

/* All that it takes from the context; nothing when nobody asks for reasons. */
static void explain_miss(struct exec *x, struct exec_step *s, const struct copy_job *j)
{
	struct source_prints all = { .n = 0 };
	for (size_t i = 0; i < j->n_matches; i++) {
		const struct source_prints *p = &j->matches[i]->prints;
		for (size_t k = 0; k < p->n; k++) {
			mem_reserve_one(all.v, all.n, all.cap);
			all.v[all.n++] = p->v[k];
		}
	}
	if (all.n)
		exec_why_copied(x, s, all.v, all.n);
	free(all.v);
}

struct err *exec_copy_step(struct exec *x, struct exec_step *s)
{
	const struct graph_step *g = s->g;
	struct sha256_sum alias;
	bool from_stage = !g->copy.from_context && g->copy.from;
	if (from_stage)
		TRY(find_by_stage(x, s, &alias));
	if (s->cached)
		return NULL;
	own_job j = job_new(x, g);
	TRY(at_line(x, g, collect(x, j)));
	const struct sha256_sum *parts[] = { &g->own, parent_key(x, g), &j->content };
	s->key = exec_key(x, "copy", parts, 3);
	if (from_stage)
		exec_cache_put_alias(x, &alias, &s->key);
	if (!x->r->no_cache)
		TRY(exec_cache_get(x, &s->key, &s->cached, &s->layer));
	if (s->cached)
		return NULL;
	explain_miss(x, s, j);
	exec_started(x, g);
	if (!j->request.n_sources) /* a pattern that matched nothing: not even the destination is
				      made */
		return nothing_made(x, s);
	own_fd below = -1;
	TRY(at_line(x, g, view_below(x, g, &below)));
	TRY(at_line(x, g, copy_resolve(j->a, &j->request, below, &j->facts)));
	return layer_for(x, s, move(j));
}

struct err *exec_workdir_step(struct exec *x, struct exec_step *s)
{
	const struct graph_step *g = s->g;
	const struct sha256_sum *parts[] = { &g->own, parent_key(x, g) };
	s->key = exec_key(x, "workdir", parts, 2);
	if (!x->r->no_cache)
		TRY(exec_cache_get(x, &s->key, &s->cached, &s->layer));
	if (s->cached)
		return NULL;
	exec_started(x, g);
	own_job j = job_new(x, g);
	own_fd below = -1;
	TRY(at_line(x, g, view_below(x, g, &below)));
	struct passwd_user user;
	TRY(at_line(x, g, passwd_user(below, str_of(g->workdir.user), &user)));
	j->request = (struct copy_request){
		.line = g->line,
		.dest = arena_printf(j->a, "%s/", g->workdir.path),
		.chown = arena_printf(j->a, "%u:%u", user.uid, user.gid),
		.chmod = "",
	};
	passwd_user_done(&user);
	TRY(at_line(x, g, copy_resolve(j->a, &j->request, below, &j->facts)));
	if (copy_makes_nothing(&j->request, j->facts))
		return nothing_made(x, s);
	return layer_for(x, s, move(j));
}
