#include "executor/executor_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "source/ignore.h"

#define ARENA_BYTES ((size_t)2 << 30)

/* --- events --------------------------------------------------------------------------------- */

void exec_event(const struct executor_options *o, const struct executor_event *e)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	if (!o->event)
		return;
	pthread_mutex_lock(&one_at_a_time);
	o->event(o->arg, e);
	pthread_mutex_unlock(&one_at_a_time);
}

void exec_started(struct exec *x, const struct graph_step *g)
{
	exec_event(x->o, &(struct executor_event){ .kind = EXECUTOR_STEP_STARTED, .step = g });
}

static void on_warning(void *arg, const char *text)
{
	struct exec *x = arg;
	exec_event(x->o,
		   &(struct executor_event){ .kind = EXECUTOR_WARNING, .text = str_of(text) });
}

/* --- stopping ------------------------------------------------------------------------------- */

static bool canceled(const struct executor_options *o)
{
	struct pollfd p = { .fd = o->cancel_fd, .events = POLLIN };
	return o->cancel_fd >= 0 && poll(&p, 1, 0) > 0;
}

bool exec_stopping(struct exec *x)
{
	hold(&x->lock);
	x->stopping = x->stopping || canceled(x->o);
	return x->stopping;
}

void exec_fail(struct exec *x, struct err *e)
{
	hold(&x->lock);
	bool first = !x->stopping;
	/* What fails because everything is stopped is not the cause. */
	if (!x->failed && (first || e->kind != ERR_CANCELED))
		x->failed = move(e);
	err_free(e);
	x->stopping = true;
	if (first && x->o->cancel_fd >= 0)
		eventfd_write(x->o->cancel_fd, 1);
	cond_broadcast(&x->changed);
}

static struct err *copy_err(const struct err *e)
{
	own_mem char *text = err_text(e);
	return err_told(e->kind, err_code(e), err_remedy(e), "%s", text);
}

static void target_fail_locked(struct exec *x, size_t target, const struct graph_step *g,
			       const struct err *e)
{
	struct exec_target *t = &x->targets[x->live[target]];
	if (t->failed)
		return;
	t->failed = copy_err(e);
	t->in_step = g != NULL;
	t->step = g ? g->index : 0;
}

void exec_step_fail(struct exec *x, const struct graph_step *g, struct err *e)
{
	if (!x->r->keep_going || e->kind == ERR_CANCELED) {
		exec_fail(x, e);
		return;
	}
	hold(&x->lock);
	for (size_t i = 0; i < x->graph->n_images; i++)
		if (g->wanted_by[i])
			target_fail_locked(x, i, g, e);
	err_free(e);
	cond_broadcast(&x->changed);
}

/* Everybody who wants the step has failed already. */
static bool unwanted(struct exec *x, const struct graph_step *g)
{
	hold(&x->lock);
	for (size_t i = 0; i < x->graph->n_images; i++)
		if (g->wanted_by[i] && !x->targets[x->live[i]].failed)
			return false;
	return true;
}

/* --- steps ---------------------------------------------------------------------------------- */

static void step_task(void *arg);

struct task {
	struct exec *x;
	struct exec_step *s;
};

static void start_task(struct exec *x, struct exec_step *s)
{
	struct task *t = mem_new(struct task);
	*t = (struct task){ x, s };
	pool_add(x->tasks, step_task, t);
}

static bool depends_on(const struct graph_step *g, const struct graph_step *on)
{
	return g->parent == on || (g->kind == GRAPH_COPY && g->copy.from == on);
}

static size_t n_dependencies(const struct graph_step *g)
{
	return (g->parent != NULL) +
	       (g->kind == GRAPH_COPY && g->copy.from && g->copy.from != g->parent);
}

/* The step is through: those that wait for nothing else begin, the first of them in this thread,
 * which is awake. NULL: there is none. */
static struct exec_step *through(struct exec *x, const struct graph_step *g)
{
	struct exec_step *mine = NULL;
	hold(&x->lock);
	for (size_t i = g->index + 1; i < x->graph->n_steps; i++) {
		struct exec_step *s = &x->steps[i];
		if (!depends_on(s->g, g) || --s->waits)
			continue;
		if (mine)
			start_task(x, s);
		else
			mine = s;
	}
	x->n_left--;
	cond_broadcast(&x->changed);
	return mine;
}

static struct err *do_step(struct exec *x, struct exec_step *s)
{
	switch (s->g->kind) {
	case GRAPH_BASE:
		s->key = s->g->definition;
		s->cached = true;
		s->reason = "base image";
		return NULL;
	case GRAPH_RUN:
		return exec_run_step(x, s);
	case GRAPH_COPY:
		return exec_copy_step(x, s);
	case GRAPH_WORKDIR:
		return exec_workdir_step(x, s);
	}
	return NULL;
}

/* The layer as far as it is known; the caller holds the lock. */
static bool know_layer_locked(struct exec_step *s, struct oci_digest *digest, uint64_t *size)
{
	const struct exec_layer *l = s->layer;
	bool known = l && l->packed && !l->empty && !s->told;
	s->told = s->told || (l && l->packed);
	if (known) {
		*digest = l->descriptor.digest;
		*size = l->descriptor.size;
	}
	return known;
}

static void step_ended(struct exec *x, struct exec_step *s, enum executor_outcome outcome,
		       uint64_t took_ms)
{
	struct oci_digest digest;
	uint64_t size = 0;
	bool tell = x->o->explain && (outcome == EXECUTOR_DONE || outcome == EXECUTOR_CACHED);
	const char *reason = tell ? exec_reason(x, s) : NULL;
	mutex_lock(&x->lock);
	bool known = know_layer_locked(s, &digest, &size);
	mutex_unlock(&x->lock);
	exec_event(x->o, &(struct executor_event){ .kind = EXECUTOR_STEP_ENDED,
						   .step = s->g,
						   .outcome = outcome,
						   .took_ms = took_ms,
						   .reason = reason,
						   .digest = known ? &digest : NULL,
						   .size = size });
}

void exec_packed(struct exec *x, const struct graph_step *g)
{
	struct oci_digest digest;
	uint64_t size = 0;
	mutex_lock(&x->lock);
	bool known = know_layer_locked(&x->steps[g->index], &digest, &size);
	mutex_unlock(&x->lock);
	if (known)
		exec_event(x->o, &(struct executor_event){ .kind = EXECUTOR_STEP_PACKED,
							   .step = g,
							   .digest = &digest,
							   .size = size });
}

/* Whoever waits for a layer of ours makes it itself. */
static void give_up_layer(struct exec *x, struct exec_step *s)
{
	hold(&x->lock);
	if (s->layer && !s->layer->made)
		s->layer->failed = true;
	cond_broadcast(&x->changed);
}

static void run_step(struct exec *x, struct exec_step *s)
{
	uint64_t start_ms = time_mono_ms();
	struct err *e = do_step(x, s);
	enum executor_outcome outcome = !e ? (s->cached ? EXECUTOR_CACHED : EXECUTOR_DONE)
					: e->kind == ERR_CANCELED ? EXECUTOR_CANCELED
								  : EXECUTOR_FAILED;
	uint64_t took_ms = time_mono_ms() - start_ms;
	if (e) {
		give_up_layer(x, s);
		exec_step_fail(x, s->g, e);
	}
	step_ended(x, s, outcome, took_ms);
}

static void step_task(void *arg)
{
	struct task t = *(struct task *)arg;
	free(arg);
	while (t.s) {
		if (!exec_stopping(t.x) && !unwanted(t.x, t.s->g))
			run_step(t.x, t.s);
		else if (t.x->r->keep_going)
			step_ended(t.x, t.s, EXECUTOR_CANCELED, 0);
		t.s = through(t.x, t.s->g);
	}
}

static void run_steps(struct exec *x)
{
	mutex_lock(&x->lock);
	x->n_left = x->graph->n_steps;
	for (size_t i = 0; i < x->graph->n_steps; i++) {
		x->steps[i].g = x->graph->steps[i];
		x->steps[i].waits = n_dependencies(x->graph->steps[i]);
	}
	for (size_t i = 0; i < x->graph->n_steps; i++)
		if (x->steps[i].waits == 0)
			start_task(x, &x->steps[i]);
	while (x->n_left || x->n_packing)
		cond_wait(&x->changed, &x->lock);
	mutex_unlock(&x->lock);
	for (size_t i = 0; i < x->graph->n_steps; i++) /* those that share a layer with another */
		exec_packed(x, x->graph->steps[i]);
}

/* --- the graph ------------------------------------------------------------------------------ */

static struct err *resolve(void *arg, struct str reference, const struct oci_platform *p,
			   const struct graph_base **out)
{
	struct exec *x = arg;
	if (exec_stopping(x))
		return err_new(ERR_CANCELED, "canceled");
	return executor_bases_resolve(x->bases, reference, p, out);
}

struct need_thread {
	struct exec *x;
	const struct graph_need *need;
	pthread_t thread;
	bool started;
};

static void *resolve_need(void *arg)
{
	struct need_thread *t = arg;
	const struct graph_base *base;
	/* graph_build() meets a failure again, and knows the line. */
	err_free(
		executor_bases_resolve(t->x->bases, t->need->reference, &t->need->platform, &base));
	return NULL;
}

static struct err *resolve_side_by_side(struct exec *x, const struct graph_options *go)
{
	struct graph_need *needs;
	size_t n;
	TRY(graph_needs(x->a, go, &needs, &n));
	if (n < 2)
		return NULL;
	own_mem struct need_thread *t = mem_new_array(n, struct need_thread);
	for (size_t i = 0; i < n; i++) {
		t[i] = (struct need_thread){ .x = x, .need = &needs[i] };
		struct err *e = thread_start(&t[i].thread, "resolve", resolve_need, &t[i]);
		t[i].started = !e;
		err_free(e);
	}
	for (size_t i = 0; i < n; i++)
		if (t[i].started)
			pthread_join(t[i].thread, NULL);
	return NULL;
}

/* What cannot be built for one target is left out; `x->graph` stays NULL when nothing is left. */
static struct err *build_what_can_be(struct exec *x, struct graph_options *go)
{
	struct oci_platform *live = arena_new_array(x->a, go->n_targets, struct oci_platform);
	size_t n = 0;
	struct graph_options one = *go;
	one.warn = NULL;
	for (size_t i = 0; i < go->n_targets; i++) {
		struct graph *g;
		one.targets = &go->targets[i];
		one.n_targets = 1;
		struct err *e = graph_build(x->a, &one, &g);
		if (e && e->kind == ERR_CANCELED)
			return e;
		x->targets[i].failed = e;
		if (e)
			continue;
		x->live[n] = i;
		live[n++] = go->targets[i];
	}
	go->targets = live;
	go->n_targets = n;
	return n ? graph_build(x->a, go, &x->graph) : NULL;
}

static struct err *build_graph(struct exec *x, struct graph_options *go)
{
	struct err *e = graph_build(x->a, go, &x->graph);
	if (!e || !x->r->keep_going || e->kind == ERR_CANCELED)
		return e;
	err_free(e);
	x->graph = NULL;
	return build_what_can_be(x, go);
}

static struct err *make_graph(struct exec *x)
{
	const struct executor_request *r = x->r;
	struct dockerfile *file;
	TRY(dockerfile_parse(x->a, r->dockerfile_name, r->dockerfile, &file));
	for (size_t i = 0; i < file->n_warnings; i++)
		exec_event(x->o, &(struct executor_event){ .kind = EXECUTOR_WARNING,
							   .text = file->warnings[i] });
	struct graph_options go = {
		.file = file,
		.targets = r->targets,
		.n_targets = r->n_targets,
		.build_platform = oci_platform_host(),
		.args = r->args,
		.n_args = r->n_args,
		.target_stage = r->target_stage,
		.resolve = resolve,
		.resolve_arg = x,
		.warn = on_warning,
	};
	TRY(resolve_side_by_side(x, &go));
	TRY(build_graph(x, &go));
	if (!x->graph)
		return NULL;
	x->steps = mem_new_array(x->graph->n_steps, struct exec_step);
	exec_event(x->o, &(struct executor_event){ .kind = EXECUTOR_GRAPH, .graph = x->graph });
	return NULL;
}

/* --- a build -------------------------------------------------------------------------------- */

static struct err *open_context(struct exec *x)
{
	const struct executor_request *r = x->r;
	if (!x->graph->uses_context)
		return NULL;
	if (r->context_fd < 0)
		return err_new(ERR_INVALID, "%s copies from the build context, and there is none",
			       r->dockerfile_name);
	if (r->ignore_name)
		TRY(source_ignore_parse(r->ignore_name, r->ignore, &x->ignore));
	if (!r->context_id)
		return source_hash_cache_open(-1, NULL, &x->hashes);
	own_fd dir = -1;
	TRY(fd_make_dirs(x->o->data_fd, "contexts", 0700, &dir));
	return source_hash_cache_open(dir, r->context_id, &x->hashes);
}

static struct err *open_tools(struct exec *x)
{
	unsigned cpus = thread_cpu_count();
	x->threads = x->o->threads ? x->o->threads : cpus;
	unsigned at_once = x->o->threads ? x->o->threads : MAX(4, 2 * cpus);
	TRY(layer_store_open(x->o->data_fd, x->o->single_id, &x->layer_store));
	TRY(squeeze_pool_open(x->threads, &x->squeeze));
	TRY(pool_open("step", at_once, &x->tasks));
	return pool_open("pack", MAX(2, MIN(x->threads, 4)), &x->packers);
}

/* Unpacked results stay for later builds, under their digests. */
static struct err *publish_dirs(struct exec *x)
{
	struct err *first = NULL;
	for (struct exec_layer *l = x->layers; l; l = l->next)
		if (l->session_dir && l->packed && !l->empty)
			err_keep(&first, layer_store_publish(x->layer_store, &l->dir, &l->diff_id));
	return first;
}

static void *run_publish_dirs(void *arg)
{
	return publish_dirs(arg);
}

/* The flush waits for the disk; renaming does not. */
static struct err *keep_results(struct exec *x)
{
	pthread_t publisher;
	struct err *e = thread_start(&publisher, "publish", run_publish_dirs, x);
	bool beside = !e;
	err_free(e);
	e = exec_cache_flush(x);
	void *published = NULL;
	if (beside)
		pthread_join(publisher, &published);
	else
		published = publish_dirs(x);
	err_keep(&e, published);
	return e;
}

static const char *text_in(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, str_of(s)) : NULL;
}

static void list_failures(struct exec *x, struct executor_result *out)
{
	struct arena *a = x->result_arena;
	out->failures = arena_new_array(a, x->r->n_targets, struct executor_failure);
	for (size_t i = 0; i < x->r->n_targets; i++) {
		const struct exec_target *t = &x->targets[i];
		if (!t->failed)
			continue;
		own_mem char *text = err_text(t->failed);
		out->failures[out->n_failures++] =
			(struct executor_failure){ .platform = t->platform,
						   .kind = t->failed->kind,
						   .code = text_in(a, err_code(t->failed)),
						   .remedy = text_in(a, err_remedy(t->failed)),
						   .text = arena_strdup(a, str_of(text)),
						   .in_step = t->in_step,
						   .step = t->step };
	}
}

static struct err *build(struct exec *x, struct executor_result *out)
{
	x->bases = executor_bases_open(x->o, x->a, false);
	TRY(make_graph(x));
	if (!x->graph) {
		list_failures(x, out);
		return NULL;
	}
	TRY(open_context(x));
	TRY(open_tools(x));
	run_steps(x);
	struct err *e = NULL;
	if (!x->failed && canceled(x->o))
		e = err_new(ERR_CANCELED, "canceled");
	else if (!x->failed) /* before the flush, which then is the only one */
		e = exec_make_images(x, out);
	if (x->hashes)
		err_keep(&e, source_hash_cache_save(x->hashes));
	err_keep(&e, keep_results(x));
	if (x->failed) {
		err_free(e);
		return move(x->failed);
	}
	TRY(e);
	list_failures(x, out);
	out->n_steps = x->graph->n_steps;
	for (size_t i = 0; i < x->graph->n_steps; i++)
		out->n_cached += x->steps[i].cached;
	return blob_store_flush(x->o->blobs);
}

static void exec_done(struct exec *x)
{
	pool_free(x->tasks);
	pool_free(x->packers);
	exec_matches_free(x->matches);
	exec_stubs_free(x->stubs);
	exec_records_free(x->records);
	exec_why_free(x->whys);
	sandbox_free(x->sandbox);
	squeeze_pool_free(x->squeeze);
	layer_store_free(x->layer_store);
	source_hash_cache_free(x->hashes);
	source_ignore_free(x->ignore);
	for (struct exec_layer *l = x->layers, *next; l; l = next) {
		next = l->next;
		free(l->programs);
		free(l);
	}
	free(x->steps);
	for (size_t i = 0; i < x->r->n_targets; i++)
		err_free(x->targets[i].failed);
	free(x->targets);
	err_free(x->failed);
	executor_bases_free(x->bases);
	arena_free(x->a);
	cond_done(&x->changed);
	mutex_done(&x->lock);
}

struct err *executor_build(const struct executor_options *o, struct arena *a,
			   const struct executor_request *r, struct executor_result *out)
{
	struct exec x = { .o = o, .r = r, .last_flush_mono_ms = time_mono_ms() };
	struct executor_result result = { .images = arena_new_array(a, r->n_targets,
								    struct executor_image) };
	mutex_init(&x.lock);
	cond_init(&x.changed);
	x.targets = mem_new_array(r->n_targets, struct exec_target);
	for (size_t i = 0; i < r->n_targets; i++) {
		x.targets[i].platform = r->targets[i];
		if (i < ARRAY_LEN(x.live)) /* graph_build() refuses more */
			x.live[i] = i;
	}
	x.a = arena_open(ARENA_BYTES);
	x.result_arena = a;
	struct err *e = build(&x, &result);
	exec_event(o, &(struct executor_event){ .kind = EXECUTOR_GRAPH });
	exec_done(&x);
	if (!e)
		*out = result;
	return e;
}
