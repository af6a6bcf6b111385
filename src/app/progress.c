/* Three views of the same events. The terminal's keeps a live part at the bottom, drawn anew ten
 * times a second by a thread of its own; what has ended scrolls above it. */
#include "app/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "codec/json.h"

enum mode { MODE_TTY, MODE_PLAIN, MODE_JSON };

#define LINE_BYTES    ((size_t)64 << 10)
#define DRAW_EVERY_MS 100
#define QUIET_MS      300 /* transfers that are done within this time are not worth a line */

struct shown_step {
	bool active;
	uint64_t start_ms;
	struct buf line[2]; /* output and error output that has no line end yet */
	struct buf last;    /* the last whole line */
};

struct transfer {
	char *name; /* owned */
	uint64_t done, total, start_ms;
	struct transfer *next;
};

struct progress {
	enum mode mode;
	bool colour;
	uint64_t start_ms;
	struct mutex lock; /* guards all below */
	struct cond wake;
	pthread_t thread;
	bool drawing, closing;
	const struct graph *graph;
	struct shown_step *steps;   /* owned; by index */
	struct transfer *transfers; /* owned */
	char *note;                 /* owned; what is done after the steps */
	struct buf out;             /* of one event, written at once */
	size_t live_lines;
	size_t n_steps;
};

/* --- pieces of text ------------------------------------------------------------------------- */

static void add_label(struct progress *p, const struct graph_step *s)
{
	size_t n = 0;
	for (size_t i = 0; i < p->graph->n_images; i++)
		n += s->wanted_by[i];
	buf_printf(&p->out, "#%u [", s->index + 1);
	if (n == p->graph->n_images && n > 1) {
		buf_add(&p->out, STR("all"));
	} else {
		bool first = true;
		for (size_t i = 0; i < p->graph->n_images; i++) {
			if (!s->wanted_by[i])
				continue;
			struct oci_platform_text name =
				oci_platform_text(&p->graph->images[i].platform);
			bool linux_os = str_starts(str_of(name.s), STR("linux/"));
			buf_printf(&p->out, "%s%s", first ? "" : ",",
				   name.s + (linux_os ? strlen("linux/") : 0));
			first = false;
		}
	}
	buf_printf(&p->out, " %s] ", s->stage);
}

static void add_seconds(struct buf *b, uint64_t ms)
{
	if (ms < 60000)
		buf_printf(b, "%llu.%llus", (unsigned long long)(ms / 1000),
			   (unsigned long long)(ms % 1000 / 100));
	else
		buf_printf(b, "%llum%02llus", (unsigned long long)(ms / 60000),
			   (unsigned long long)(ms / 1000 % 60));
}

static void add_colour(struct progress *p, const char *code)
{
	if (p->colour)
		buf_printf(&p->out, "\033[%sm", code);
}

static void add_bytes(struct buf *b, uint64_t n)
{
	if (n < 1000000)
		buf_printf(b, "%.1f kB", (double)n / 1e3);
	else
		buf_printf(b, "%.1f MB", (double)n / 1e6);
}

static void flush(struct progress *p)
{
	if (p->out.len)
		err_free(fd_write_all(p->mode == MODE_JSON ? STDOUT_FILENO : STDERR_FILENO,
				      p->out.p, p->out.len));
	buf_clear(&p->out);
}

/* --- the live part -------------------------------------------------------------------------- */

static void terminal_size(size_t *columns, size_t *rows)
{
	struct winsize ws;
	bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 10 && ws.ws_row > 4;
	*columns = known ? ws.ws_col : 80;
	*rows = known ? ws.ws_row : 24;
}

static void erase_live(struct progress *p)
{
	if (p->live_lines)
		buf_printf(&p->out, "\033[%zuA\r\033[J", p->live_lines);
	p->live_lines = 0;
}

/* Ends a line of the live part that began at `from` in the buffer, cut to the terminal's width. */
static void end_live_line(struct progress *p, size_t from, size_t columns)
{
	size_t width = 0, i = from;
	while (i < p->out.len && width + 1 < columns) {
		i++;
		while (i < p->out.len && ((unsigned char)p->out.p[i] & 0xc0) == 0x80)
			i++;
		width++;
	}
	p->out.len = i;
	buf_add(&p->out, STR("\n"));
	p->live_lines++;
}

/* Output of a program cannot move our cursor: escape sequences and control characters are left out.
 */
static void add_clean(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == 0x1b) {
			if (i + 1 < s.len && s.p[i + 1] == '[')
				for (i += 2; i < s.len && (s.p[i] < 0x40 || s.p[i] > 0x7e); i++)
					;
		} else if (c == '\t') {
			buf_add_c(b, ' ');
		} else if (c >= 0x20 && c != 0x7f) {
			buf_add_c(b, (char)c);
		}
	}
}

static void draw_steps(struct progress *p, size_t columns, size_t rows, uint64_t now)
{
	for (size_t i = 0; p->graph && i < p->graph->n_steps && p->live_lines + 3 < rows; i++) {
		struct shown_step *s = &p->steps[i];
		if (!s->active)
			continue;
		size_t from = p->out.len;
		add_label(p, p->graph->steps[i]);
		add_seconds(&p->out, now - s->start_ms);
		buf_printf(&p->out, "  %s", p->graph->steps[i]->text);
		end_live_line(p, from, columns);
		if (!s->last.len || p->live_lines + 3 >= rows)
			continue;
		from = p->out.len;
		buf_add(&p->out, STR("     "));
		add_clean(&p->out, buf_str(&s->last));
		end_live_line(p, from, columns);
	}
}

static void draw_live(struct progress *p)
{
	size_t columns, rows;
	uint64_t now = time_mono_ms();
	terminal_size(&columns, &rows);
	erase_live(p);
	draw_steps(p, columns, rows, now);
	for (struct transfer *t = p->transfers; t && p->live_lines + 2 < rows; t = t->next) {
		if (t->done >= t->total || now - t->start_ms < QUIET_MS)
			continue;
		size_t from = p->out.len;
		buf_printf(&p->out, "   %s  ", t->name);
		add_bytes(&p->out, t->done);
		buf_add(&p->out, STR(" of "));
		add_bytes(&p->out, t->total);
		end_live_line(p, from, columns);
	}
	size_t from = p->out.len;
	add_seconds(&p->out, now - p->start_ms);
	buf_printf(&p->out, "  %s",
		   p->note    ? p->note
		   : p->graph ? "building"
			      : "reading base images");
	end_live_line(p, from, columns);
	flush(p);
}

static void *draw_loop(void *arg)
{
	struct progress *p = arg;
	hold(&p->lock);
	while (!p->closing) {
		draw_live(p);
		cond_wait_until(&p->wake, &p->lock, time_mono_ms() + DRAW_EVERY_MS);
	}
	return NULL;
}

/* --- events --------------------------------------------------------------------------------- */

static void plain_output(struct progress *p, const struct graph_step *g, struct str line)
{
	if (p->mode == MODE_PLAIN)
		buf_printf(&p->out, "#%u " STR_FMT "\n", g->index + 1, STR_ARG(line));
}

static void step_output(struct progress *p, const struct graph_step *g, bool is_stderr,
			struct str bytes)
{
	struct shown_step *s = &p->steps[g->index];
	struct buf *line = &s->line[is_stderr];
	while (bytes.p) {
		struct str rest = bytes, part = str_cut(&rest, '\n');
		buf_add(line, part);
		bytes = rest;
		if (!rest.p)
			break;
		struct str whole = buf_str(line);
		if (whole.len && whole.p[whole.len - 1] == '\r')
			whole.len--;
		plain_output(p, g, whole);
		buf_clear(&s->last);
		buf_add(&s->last, str_first(whole, s->last.max));
		buf_clear(line);
	}
}

static void step_ended(struct progress *p, const struct executor_event *e)
{
	static const char *const words[] = { "done", "CACHED", "FAILED", "canceled" };
	static const char *const colours[] = { "32", "36", "31", "33" };
	struct shown_step *s = &p->steps[e->step->index];
	for (size_t i = 0; i < ARRAY_LEN(s->line); i++)
		if (s->line[i].len)
			plain_output(p, e->step, buf_str(&s->line[i]));
	s->active = false;
	if (e->step->kind == GRAPH_BASE && e->outcome == EXECUTOR_CACHED)
		return;
	add_label(p, e->step);
	add_colour(p, colours[e->outcome]);
	buf_add(&p->out, str_of(words[e->outcome]));
	add_colour(p, "0");
	buf_add_c(&p->out, ' ');
	if (e->outcome != EXECUTOR_CACHED)
		add_seconds(&p->out, e->took_ms);
	buf_printf(&p->out, "%s%s\n", e->outcome == EXECUTOR_CACHED ? "" : "  ", e->step->text);
}

static void transferred(struct progress *p, const struct executor_event *e)
{
	struct transfer *t = p->transfers;
	while (t && !str_eq(str_of(t->name), e->text))
		t = t->next;
	if (!t) {
		t = mem_new(struct transfer);
		*t = (struct transfer){ .name = str_dup(e->text),
					.start_ms = time_mono_ms(),
					.next = p->transfers };
		p->transfers = t;
	}
	bool ends = t->done < t->total && e->done >= e->total;
	t->done = e->done;
	t->total = e->total;
	if (ends && time_mono_ms() - t->start_ms >= QUIET_MS && p->mode != MODE_JSON) {
		buf_printf(&p->out, "%s: ", t->name);
		add_bytes(&p->out, t->total);
		buf_add(&p->out, STR(" in "));
		add_seconds(&p->out, time_mono_ms() - t->start_ms);
		buf_add_c(&p->out, '\n');
	}
}

static void take_graph(struct progress *p, const struct graph *g)
{
	p->graph = g;
	if (!g)
		return;
	p->n_steps = g->n_steps;
	p->steps = mem_new_array(g->n_steps, struct shown_step);
	for (size_t i = 0; i < g->n_steps; i++) {
		for (size_t k = 0; k < ARRAY_LEN(p->steps[i].line); k++)
			buf_init(&p->steps[i].line[k], LINE_BYTES);
		buf_init(&p->steps[i].last, 1024);
	}
}

static void text_event(struct progress *p, const struct executor_event *e)
{
	switch (e->kind) {
	case EXECUTOR_GRAPH:
	case EXECUTOR_STEP_PACKED:
		break;
	case EXECUTOR_STEP_STARTED:
		if (p->mode == MODE_PLAIN) {
			add_label(p, e->step);
			buf_printf(&p->out, "%s\n", e->step->text);
		}
		break;
	case EXECUTOR_STEP_OUTPUT:
		step_output(p, e->step, e->is_stderr, e->text);
		break;
	case EXECUTOR_STEP_ENDED:
		step_ended(p, e);
		break;
	case EXECUTOR_TRANSFER:
		transferred(p, e);
		break;
	case EXECUTOR_WARNING:
		add_colour(p, "33");
		buf_printf(&p->out, "warning: " STR_FMT, STR_ARG(e->text));
		add_colour(p, "0");
		buf_add_c(&p->out, '\n');
		break;
	}
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void json_graph(struct progress *p, const struct graph *g)
{
	buf_add(&p->out, STR("{\"event\":\"graph\",\"steps\":["));
	for (size_t i = 0; i < g->n_steps; i++) {
		const struct graph_step *s = g->steps[i];
		buf_printf(&p->out, "%s{\"step\":%u,\"line\":%u,\"stage\":", i ? "," : "", s->index,
			   s->line);
		json_add_str(&p->out, str_of(s->stage));
		buf_add(&p->out, STR(",\"text\":"));
		json_add_str(&p->out, str_of(s->text));
		buf_add(&p->out, STR(",\"platforms\":["));
		bool first = true;
		for (size_t k = 0; k < g->n_images; k++)
			if (s->wanted_by[k]) {
				buf_printf(&p->out, "%s\"%s\"", first ? "" : ",",
					   oci_platform_text(&g->images[k].platform).s);
				first = false;
			}
		buf_add(&p->out, STR("]}"));
	}
	buf_add(&p->out, STR("]}\n"));
}

static void json_event(struct progress *p, const struct executor_event *e)
{
	static const char *const outcomes[] = { "done", "cached", "failed", "canceled" };
	static const char *const names[] = {
		[EXECUTOR_GRAPH] = "graph",        [EXECUTOR_STEP_STARTED] = "started",
		[EXECUTOR_STEP_OUTPUT] = "output", [EXECUTOR_STEP_ENDED] = "ended",
		[EXECUTOR_STEP_PACKED] = "packed", [EXECUTOR_TRANSFER] = "transfer",
		[EXECUTOR_WARNING] = "warning"
	};
	if (e->kind == EXECUTOR_GRAPH) {
		if (e->graph)
			json_graph(p, e->graph);
		return;
	}
	buf_printf(&p->out, "{\"event\":\"%s\",\"time_ms\":%lld", names[e->kind],
		   (long long)time_now_unix_ms());
	if (e->step)
		buf_printf(&p->out, ",\"step\":%u", e->step->index);
	if (e->kind == EXECUTOR_STEP_ENDED)
		buf_printf(&p->out, ",\"outcome\":\"%s\",\"took_ms\":%llu", outcomes[e->outcome],
			   (unsigned long long)e->took_ms);
	if (e->kind == EXECUTOR_STEP_PACKED)
		buf_printf(&p->out, ",\"digest\":\"%s\",\"size\":%llu",
			   oci_digest_text(e->digest).s, (unsigned long long)e->size);
	if (e->kind == EXECUTOR_STEP_OUTPUT)
		buf_printf(&p->out, ",\"stream\":\"%s\"", e->is_stderr ? "stderr" : "stdout");
	if (e->kind == EXECUTOR_TRANSFER)
		buf_printf(&p->out, ",\"done\":%llu,\"total\":%llu", (unsigned long long)e->done,
			   (unsigned long long)e->total);
	if (e->text.p) {
		buf_add(&p->out, STR(",\"text\":"));
		json_add_str(&p->out, e->text);
	}
	buf_add(&p->out, STR("}\n"));
}

/* --- the object ----------------------------------------------------------------------------- */

struct progress *progress_open(const char *mode)
{
	struct progress *p = mem_new(struct progress);
	bool terminal = isatty(STDERR_FILENO) && strcmp(getenv("TERM") ?: "dumb", "dumb") != 0;
	p->mode = strcmp(mode, "json") == 0 ? MODE_JSON
		  : strcmp(mode, "tty") == 0 || (terminal && strcmp(mode, "auto") == 0)
			  ? MODE_TTY
			  : MODE_PLAIN;
	p->colour = p->mode == MODE_TTY && !getenv("NO_COLOR");
	p->start_ms = time_mono_ms();
	mutex_init(&p->lock);
	cond_init(&p->wake);
	buf_init(&p->out, (size_t)4 << 20);
	if (p->mode == MODE_TTY) {
		struct err *e = thread_start(&p->thread, "progress", draw_loop, p);
		p->drawing = !e;
		err_free(e);
	}
	return p;
}

void progress_event(void *arg, const struct executor_event *e)
{
	struct progress *p = arg;
	hold(&p->lock);
	if (e->kind == EXECUTOR_GRAPH)
		take_graph(p, e->graph);
	if (e->kind == EXECUTOR_STEP_STARTED) {
		p->steps[e->step->index].active = true;
		p->steps[e->step->index].start_ms = time_mono_ms();
	}
	if (p->mode == MODE_JSON) {
		json_event(p, e);
		flush(p);
		return;
	}
	size_t live = p->live_lines;
	if (p->mode == MODE_TTY && e->kind != EXECUTOR_STEP_OUTPUT && e->kind != EXECUTOR_TRANSFER)
		erase_live(p);
	text_event(p, e);
	if (p->mode == MODE_TTY && live != p->live_lines)
		draw_live(p);
	else if (p->mode == MODE_TTY && p->out.len) {
		/* A line that scrolls goes above the live part. */
		own_mem char *line = buf_steal(&p->out);
		erase_live(p);
		buf_add(&p->out, str_of(line));
		draw_live(p);
	}
	flush(p);
}

void progress_note(struct progress *p, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	hold(&p->lock);
	if (p->mode == MODE_PLAIN)
		buf_printf(&p->out, "%s\n", text);
	free(p->note);
	p->note = text;
	flush(p);
}

static void summary(struct progress *p, const struct executor_result *r)
{
	for (size_t i = 0; i < r->n_images; i++)
		buf_printf(&p->out, "%-14s %s\n", oci_platform_text(&r->images[i].platform).s,
			   oci_digest_text(&r->images[i].manifest.digest).s);
	if (r->n_images > 1)
		buf_printf(&p->out, "%-14s %s\n", "index", oci_digest_text(&r->top.digest).s);
	buf_printf(&p->out, "%zu steps, %zu cached, ", r->n_steps, r->n_cached);
	add_seconds(&p->out, time_mono_ms() - p->start_ms);
	buf_add(&p->out, STR("\n"));
}

static void stop_drawing(struct progress *p)
{
	if (!p->drawing)
		return;
	mutex_lock(&p->lock);
	p->closing = true;
	cond_signal(&p->wake);
	mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	p->drawing = false;
}

void progress_finish(struct progress *p, const struct executor_result *r, const struct err *failed)
{
	stop_drawing(p);
	hold(&p->lock);
	if (p->mode == MODE_TTY)
		erase_live(p);
	if (p->mode == MODE_JSON)
		buf_printf(&p->out, "{\"event\":\"finished\",\"ok\":%s,\"digest\":\"%s\"}\n",
			   failed ? "false" : "true", r ? oci_digest_text(&r->top.digest).s : "");
	else if (r)
		summary(p, r);
	flush(p);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	stop_drawing(p);
	for (struct transfer *t = p->transfers, *next; t; t = next) {
		next = t->next;
		free(t->name);
		free(t);
	}
	for (size_t i = 0; i < p->n_steps; i++) {
		for (size_t k = 0; k < ARRAY_LEN(p->steps[i].line); k++)
			buf_done(&p->steps[i].line[k]);
		buf_done(&p->steps[i].last);
	}
	free(p->steps);
	free(p->note);
	buf_done(&p->out);
	cond_done(&p->wake);
	mutex_done(&p->lock);
	free(p);
}
