#include "worker/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/thread.h"
#include "base/time.h"
#include "codec/json.h"

#define OUT_BYTES      ((size_t)64 << 20) /* one event of the executor makes less than this */
#define TEXT_BYTES     1000               /* of a step, in the list of them */
#define CODE_BYTES     64
#define STEPS_AT_ONCE  50
#define ERROR_BYTES    ((size_t)16 << 10)
#define KEPT_OUT_BYTES ((size_t)1 << 20)

struct job_state {
	struct oci_platform platform;
	bool running, ended;
};

struct step_state {
	struct buf line[2]; /* output and error output that has no line end yet */
};

struct worker_report {
	int fd;
	uint32_t first_step;
	struct mutex lock;      /* guards all below */
	struct job_state *jobs; /* owned */
	size_t n_jobs;
	const struct graph *graph;
	struct step_state *steps; /* owned; by index */
	size_t n_steps;
	struct buf out; /* of one call, written at once */
	bool broken;    /* nobody reads */
};

struct worker_report *worker_report_open(int out_fd, uint32_t first_step,
					 const struct oci_platform *platforms, size_t n)
{
	struct worker_report *r = mem_new(struct worker_report);
	r->fd = out_fd;
	r->first_step = first_step;
	r->jobs = mem_new_array(n, struct job_state);
	for (size_t i = 0; i < n; i++)
		r->jobs[i].platform = platforms[i];
	r->n_jobs = n;
	mutex_init(&r->lock);
	buf_init(&r->out, OUT_BYTES);
	return r;
}

static void forget_graph(struct worker_report *r)
{
	for (size_t i = 0; i < r->n_steps; i++)
		for (size_t k = 0; k < 2; k++)
			buf_done(&r->steps[i].line[k]);
	free(r->steps);
	r->steps = NULL;
	r->n_steps = 0;
	r->graph = NULL;
}

void worker_report_free(struct worker_report *r)
{
	if (!r)
		return;
	forget_graph(r);
	buf_done(&r->out);
	free(r->jobs);
	mutex_done(&r->lock);
	free(r);
}

/* The worker reads as fast as it can send; who waits here waits for it. */
static void flush(struct worker_report *r)
{
	struct err *e = r->broken || !r->out.len ? NULL : fd_write_all(r->fd, r->out.p, r->out.len);
	r->broken = r->broken || e;
	err_free(e);
	if (r->out.cap > KEPT_OUT_BYTES) {
		buf_done(&r->out);
		buf_init(&r->out, OUT_BYTES);
	}
	buf_clear(&r->out);
}

static unsigned long long now_ms(void)
{
	return (unsigned long long)time_now_unix_ms();
}

/* Logs have 16 bits for it; what is beyond shares the last number. */
static uint32_t number_of(const struct worker_report *r, const struct graph_step *g)
{
	return MIN(r->first_step + 1 + g->index, 65535u);
}

/* The server reads no NUL. */
static void add_text(struct buf *b, struct str s)
{
	if (!str_has_nul(s)) {
		json_add_str(b, s);
		return;
	}
	own_mem char *text = mem_strndup(s.p, s.len);
	for (size_t i = 0; i < s.len; i++)
		if (!text[i])
			text[i] = '\xff'; /* becomes U+FFFD */
	json_add_str(b, str_n(text, s.len));
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void begin_job(struct worker_report *r, const char *state, const struct oci_platform *p)
{
	buf_printf(&r->out, "{\"type\":\"job\",\"platform\":\"%s\",\"state\":\"%s\",\"time\":%llu",
		   oci_platform_text(p).s, state, now_ms());
}

static struct job_state *job_of(struct worker_report *r, const struct oci_platform *p)
{
	for (size_t i = 0; i < r->n_jobs; i++)
		if (oci_platform_eq(&r->jobs[i].platform, p))
			return &r->jobs[i];
	return NULL;
}

static struct job_state *run_job(struct worker_report *r, const struct oci_platform *p)
{
	struct job_state *j = job_of(r, p);
	if (!j || j->running)
		return j;
	j->running = true;
	begin_job(r, "running", p);
	buf_printf(&r->out, ",\"native\":%s}\n", oci_platform_is_native(p) ? "true" : "false");
	return j;
}

/* False when it ended before. */
static bool end_job(struct worker_report *r, const struct oci_platform *p)
{
	struct job_state *j = run_job(r, p);
	if (!j || j->ended)
		return false;
	j->ended = true;
	return true;
}

void worker_report_pushing(struct worker_report *r, const struct oci_platform *p)
{
	hold(&r->lock);
	struct job_state *j = run_job(r, p);
	if (!j || j->ended)
		return;
	begin_job(r, "pushing", p);
	buf_add(&r->out, STR("}\n"));
	flush(r);
}

void worker_report_done(struct worker_report *r, const struct oci_platform *p,
			const struct oci_descriptor *m)
{
	hold(&r->lock);
	if (!end_job(r, p))
		return;
	begin_job(r, "done", p);
	buf_printf(&r->out,
		   ",\"manifest\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu}}\n",
		   m->media_type, oci_digest_text(&m->digest).s, (unsigned long long)m->size);
	flush(r);
}

void worker_report_add_error(struct buf *b, const char *code, const char *remedy, const char *text)
{
	buf_add(b, STR(",\"error\":{\"code\":"));
	json_add_str(b, str_first(str_of(code), CODE_BYTES));
	if (remedy) {
		buf_add(b, STR(",\"remedy\":"));
		json_add_str(b, str_first(str_of(remedy), TEXT_BYTES));
	}
	buf_add(b, STR(",\"text\":"));
	json_add_str(b, str_first(str_of(text), ERROR_BYTES));
	buf_add_c(b, '}');
}

void worker_report_failed(struct worker_report *r, const struct oci_platform *p, const char *code,
			  const char *remedy, const char *text)
{
	hold(&r->lock);
	if (!end_job(r, p))
		return;
	begin_job(r, "failed", p);
	worker_report_add_error(&r->out, code, remedy, text);
	buf_add(&r->out, STR("}\n"));
	flush(r);
}

void worker_report_canceled(struct worker_report *r, const struct oci_platform *p)
{
	hold(&r->lock);
	if (!end_job(r, p))
		return;
	begin_job(r, "canceled", p);
	buf_add(&r->out, STR("}\n"));
	flush(r);
}

/* --- log lines ------------------------------------------------------------------------------ */

static void add_line(struct worker_report *r, uint32_t step, const char *platform,
		     const char *stream, struct str text)
{
	buf_printf(
		&r->out,
		"{\"type\":\"log\",\"time\":%llu,\"step\":%u,\"platform\":\"%s\",\"stream\":\"%s\",\"text\":",
		now_ms(), step, platform, stream);
	add_text(&r->out, text);
	buf_add(&r->out, STR("}\n"));
}

/* "" when several platforms share the step. */
static struct oci_platform_text platform_of(const struct worker_report *r,
					    const struct graph_step *g)
{
	struct oci_platform_text text = { "" };
	size_t n = 0;
	for (size_t i = 0; i < r->graph->n_images; i++)
		if (g->wanted_by[i] && n++ == 0)
			text = oci_platform_text(&r->graph->images[i].platform);
	if (n != 1)
		text.s[0] = '\0';
	return text;
}

static void emit(struct worker_report *r, const struct graph_step *g, bool is_stderr,
		 struct str text)
{
	struct oci_platform_text p = platform_of(r, g);
	add_line(r, number_of(r, g), p.s, is_stderr ? "stderr" : "stdout", text);
}

static void emit_full(struct worker_report *r, const struct graph_step *g, bool is_stderr,
		      struct buf *line)
{
	size_t n = str_whole_chars(buf_str(line));
	char rest[4];
	size_t n_rest = line->len - n;
	memcpy(rest, line->p + n, n_rest);
	emit(r, g, is_stderr, str_n(line->p, n));
	buf_clear(line);
	buf_add(line, str_n(rest, n_rest));
}

/* CR stays: who shows the line knows what it was overwritten with. */
static void step_output(struct worker_report *r, const struct graph_step *g, bool is_stderr,
			struct str bytes)
{
	struct buf *line = &r->steps[g->index].line[is_stderr];
	while (bytes.len) {
		ptrdiff_t end = str_chr(bytes, '\n');
		struct str piece = end < 0 ? bytes : str_first(bytes, (size_t)end);
		bytes = str_skip(bytes, piece.len + (end >= 0));
		while (piece.len) {
			if (line->len == REPORT_LINE_BYTES)
				emit_full(r, g, is_stderr, line);
			size_t n = MIN(piece.len, REPORT_LINE_BYTES - line->len);
			buf_add(line, str_first(piece, n));
			piece = str_skip(piece, n);
		}
		if (end >= 0) {
			emit(r, g, is_stderr, buf_str(line));
			buf_clear(line);
		}
	}
}

static void flush_lines(struct worker_report *r, const struct graph_step *g)
{
	for (int k = 0; k < 2; k++) {
		struct buf *line = &r->steps[g->index].line[k];
		if (line->len)
			emit(r, g, k == 1, buf_str(line));
		buf_clear(line);
	}
}

/* --- steps ---------------------------------------------------------------------------------- */

static void add_step(struct worker_report *r, const struct graph_step *g)
{
	buf_printf(&r->out, "{\"step\":%u,\"line\":%u,\"stage\":", number_of(r, g), g->line);
	json_add_str(&r->out, str_first(str_of(g->stage), TEXT_BYTES));
	buf_add(&r->out, STR(",\"text\":"));
	json_add_str(&r->out, str_first(str_of(g->text), TEXT_BYTES));
	buf_add(&r->out, STR(",\"platforms\":["));
	size_t n = 0;
	for (size_t i = 0; i < r->graph->n_images; i++)
		if (g->wanted_by[i])
			buf_printf(&r->out, "%s\"%s\"", n++ ? "," : "",
				   oci_platform_text(&r->graph->images[i].platform).s);
	buf_add_c(&r->out, ']');
	if (g->kind == GRAPH_BASE)
		buf_printf(&r->out, ",\"base\":\"%s\"", oci_digest_text(&g->base->named).s);
	buf_add_c(&r->out, '}');
}

static void new_graph(struct worker_report *r, const struct graph *g)
{
	forget_graph(r);
	if (!g)
		return;
	r->graph = g;
	r->n_steps = g->n_steps;
	r->steps = mem_new_array(g->n_steps, struct step_state);
	for (size_t i = 0; i < g->n_steps; i++) {
		for (size_t k = 0; k < 2; k++)
			buf_init(&r->steps[i].line[k], REPORT_LINE_BYTES);
		if (i % STEPS_AT_ONCE == 0)
			buf_printf(&r->out, "%s{\"type\":\"steps\",\"steps\":[", i ? "]}\n" : "");
		else
			buf_add_c(&r->out, ',');
		add_step(r, g->steps[i]);
	}
	if (g->n_steps)
		buf_add(&r->out, STR("]}\n"));
}

static void begin_step(struct worker_report *r, const struct graph_step *g, const char *state)
{
	for (size_t i = 0; i < r->graph->n_images; i++)
		if (g->wanted_by[i])
			run_job(r, &r->graph->images[i].platform);
	buf_printf(&r->out, "{\"type\":\"step\",\"step\":%u,\"state\":\"%s\",\"time\":%llu",
		   number_of(r, g), state, now_ms());
}

static void add_layer(struct worker_report *r, const struct executor_event *e)
{
	if (e->digest)
		buf_printf(&r->out, ",\"digest\":\"%s\",\"size\":%llu",
			   oci_digest_text(e->digest).s, (unsigned long long)e->size);
	buf_add(&r->out, STR("}\n"));
}

static void step_ended(struct worker_report *r, const struct executor_event *e)
{
	static const char *const states[] = {
		[EXECUTOR_DONE] = "done",
		[EXECUTOR_CACHED] = "cached",
		[EXECUTOR_FAILED] = "failed",
		[EXECUTOR_CANCELED] = "canceled",
	};
	flush_lines(r, e->step);
	begin_step(r, e->step, states[e->outcome]);
	buf_printf(&r->out, ",\"tookMs\":%llu", (unsigned long long)e->took_ms);
	if (e->reason) {
		buf_add(&r->out, STR(",\"reason\":"));
		json_add_str(&r->out, str_of(e->reason));
	}
	add_layer(r, e);
}

static void transferred(struct worker_report *r, const struct executor_event *e)
{
	if (!e->total || e->done < e->total)
		return;
	own_mem char *text = mem_printf("fetched " STR_FMT " (%.1f MB)", STR_ARG(e->text),
					(double)e->total / 1e6);
	add_line(r, 0, "", "system", str_of(text));
}

void worker_report_event(void *arg, const struct executor_event *e)
{
	struct worker_report *r = arg;
	hold(&r->lock);
	switch (e->kind) {
	case EXECUTOR_GRAPH:
		new_graph(r, e->graph);
		break;
	case EXECUTOR_STEP_STARTED:
		begin_step(r, e->step, "running");
		buf_add(&r->out, STR("}\n"));
		break;
	case EXECUTOR_STEP_OUTPUT:
		step_output(r, e->step, e->is_stderr, e->text);
		break;
	case EXECUTOR_STEP_ENDED:
		step_ended(r, e);
		break;
	case EXECUTOR_STEP_PACKED:
		begin_step(r, e->step, "done");
		add_layer(r, e);
		break;
	case EXECUTOR_TRANSFER:
		transferred(r, e);
		break;
	case EXECUTOR_WARNING:
		for (struct str rest = e->text; rest.p;)
			add_line(r, 0, "", "system",
				 str_first(str_cut(&rest, '\n'), REPORT_LINE_BYTES));
		break;
	}
	flush(r);
}
