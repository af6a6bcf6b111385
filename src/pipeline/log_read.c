/* Reading: by number, from the end, as text. */
#include <stdlib.h>
#include <time.h>

#include "base/fd.h"
#include "pipeline/log_priv.h"

/* ---- unpacked frames ---- */

static struct log_block *cache_find(struct pipeline_logs *l, uint64_t serial, uint64_t first)
{
	hold(&l->cache_lock);
	for (size_t i = 0; i < LOG_CACHE; i++) {
		if (l->cache[i].block && l->cache[i].log == serial && l->cache[i].first == first) {
			l->cache[i].used = ++l->cache_clock;
			return log_block_ref(l->cache[i].block);
		}
	}
	return NULL;
}

void log_cache_add(struct pipeline_logs *l, uint64_t serial, struct log_block *b)
{
	size_t oldest = 0;
	hold(&l->cache_lock);
	for (size_t i = 1; i < LOG_CACHE; i++)
		if (l->cache[i].used < l->cache[oldest].used)
			oldest = i;
	log_block_free(l->cache[oldest].block);
	l->cache[oldest].log = serial;
	l->cache[oldest].first = b->v.first;
	l->cache[oldest].used = ++l->cache_clock;
	l->cache[oldest].block = b;
}

static struct err *read_frame(struct log *g, const struct log_frame *f, struct log_block **out)
{
	size_t got;
	own_mem char *packed = mem_grow(NULL, f->packed_len + 1, 1);
	TRY(fd_pread_full(g->fd, packed, f->packed_len, f->offset + LOG_HEAD_BYTES, &got));
	if (got < f->packed_len)
		return err_new(ERR_CORRUPT, "the log's file became shorter");
	return log_frame_unpack(f, str_n(packed, got), out);
}

/* `keep`: others will want it too. */
static struct err *get_block(struct pipeline_logs *l, struct log *g, const struct log_frame *f,
			     bool keep, struct log_block **out)
{
	*out = cache_find(l, g->serial, f->first);
	if (*out)
		return NULL;
	TRY(err_wrap(read_frame(g, f, out), "log of build %s", g->id));
	if (keep)
		log_cache_add(l, g->serial, log_block_ref(*out));
	return NULL;
}

/* ---- walking ---- */

static struct log_block *copy_of(const struct log_view *v)
{
	struct log_entry *entries;
	char *text;
	struct log_block *b = log_block_new(v->n, v->text_len, &entries, &text);
	b->v.first = v->first;
	if (!v->n)
		return b;
	memcpy(entries, v->entries, v->n * sizeof(*entries));
	memcpy(text, v->text, v->text_len);
	return b;
}

static bool frame_of_locked(struct log *g, uint64_t line, struct log_frame *out)
{
	mutex_assert_held(&g->lock);
	size_t low = 0, high = g->n_frames;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (g->frames[mid].first + g->frames[mid].n <= line)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == g->n_frames)
		return false;
	*out = g->frames[low];
	return true;
}

struct place { /* what comes at a line */
	bool in_frame, at_end, go_on;
	struct log_frame frame;
	struct log_block *copy; /* owned */
};

/* The frame of line `*at`; or the tail: copied, or shown to `visit` under the lock. */
static struct place look(struct log *g, uint64_t *at, bool copy_tail, log_visit *visit, void *arg)
{
	struct place p = { 0 };
	hold(&g->lock);
	p.in_frame = frame_of_locked(g, *at, &p.frame);
	if (p.in_frame)
		return p;
	uint64_t end = g->tail.first + g->tail.n;
	if (*at >= end) {
		p.at_end = true;
		return p;
	}
	size_t skip = (size_t)(*at - g->tail.first);
	struct log_view v = log_tail_view(&g->tail, skip, g->tail.n - skip);
	if (copy_tail)
		p.copy = copy_of(&v);
	else
		p.go_on = visit(arg, &v);
	*at = end;
	return p;
}

static struct err *visit_frame(struct pipeline_logs *l, struct log *g, const struct log_frame *f,
			       bool keep, log_visit *visit, void *arg, bool *go_on)
{
	own(log_block) b = NULL;
	TRY(get_block(l, g, f, keep, &b));
	*go_on = visit(arg, &b->v);
	return NULL;
}

struct err *log_walk(struct pipeline_logs *l, struct log *g, uint64_t from,
		     const struct pipeline_filter *f, bool copy_tail, log_visit *visit, void *arg,
		     uint64_t *end)
{
	bool go_on = true;
	uint64_t at = from;
	while (go_on) {
		struct place p = look(g, &at, copy_tail, visit, arg);
		if (p.at_end)
			break;
		if (p.in_frame) {
			if (log_frame_may_pass(f, &p.frame))
				TRY(visit_frame(l, g, &p.frame, !copy_tail, visit, arg, &go_on));
			at = p.frame.first + p.frame.n;
		} else {
			own(log_block) copy = p.copy;
			go_on = copy ? visit(arg, &copy->v) : p.go_on;
		}
	}
	*end = at;
	return NULL;
}

struct pipeline_line log_line(const struct log_view *v, size_t i)
{
	const struct log_entry *e = &v->entries[i];
	return (struct pipeline_line){ .number = v->first + i,
				       .time_ms = e->time_ms,
				       .platform = e->platform,
				       .step = e->step,
				       .stream = (enum pipeline_stream)e->stream,
				       .text = str_n(v->text + (e->at - v->entries[0].at),
						     e->len) };
}

/* ---- pages ---- */

struct page {
	struct arena *arena;
	const struct pipeline_filter *f;
	struct pipeline_line *lines;
	uint64_t from, next; /* `next`: behind the last line that was looked at */
	size_t n, most, bytes;
};

static void keep(struct page *p, struct pipeline_line *at, struct pipeline_line line)
{
	*at = line;
	at->text = arena_str(p->arena, line.text);
	p->bytes += line.text.len;
	p->n++;
}

static bool take_forward(void *arg, const struct log_view *v)
{
	struct page *p = arg;
	size_t i = p->from > v->first ? (size_t)(p->from - v->first) : 0;
	for (; i < v->n; i++) {
		if (p->n == p->most || p->bytes >= LIMIT_LOG_PAGE_BYTES)
			return false;
		p->next = v->first + i + 1;
		if (log_passes(p->f, &v->entries[i]))
			keep(p, &p->lines[p->n], log_line(v, i));
	}
	return p->n < p->most && p->bytes < LIMIT_LOG_PAGE_BYTES;
}

struct err *pipeline_log_read(struct pipeline_logs *l, struct arena *a, const char *record_id,
			      uint64_t from, size_t n, const struct pipeline_filter *f,
			      struct pipeline_line **out, size_t *n_out, uint64_t *next)
{
	struct log *g;
	TRY(log_enter(l, record_id, &g));
	uint64_t end, n_lines = atomic_load(&g->n_lines);
	size_t most =
		(size_t)MIN(MIN(n, LIMIT_LOG_PAGE_LINES), n_lines > from ? n_lines - from : 0);
	struct page p = { .arena = a,
			  .f = f,
			  .lines = arena_new_array(a, most, struct pipeline_line),
			  .from = from,
			  .next = from,
			  .most = most };
	struct err *e = most ? log_walk(l, g, from, f, false, take_forward, &p, &end) : NULL;
	log_put(l, g, 1);
	if (e)
		return e;
	*out = p.lines;
	*n_out = p.n;
	/* Not stopped: all that is left does not pass. */
	bool full = !most || p.n == most || p.bytes >= LIMIT_LOG_PAGE_BYTES;
	*next = full ? p.next : end;
	return NULL;
}

static bool take_backward(void *arg, const struct log_view *v)
{
	struct page *p = arg;
	for (size_t i = v->n; i > 0; i--) {
		if (p->n == p->most || p->bytes >= LIMIT_LOG_PAGE_BYTES)
			return false;
		if (log_passes(p->f, &v->entries[i - 1]))
			keep(p, &p->lines[p->most - 1 - p->n], log_line(v, i - 1));
	}
	return p->n < p->most;
}

static bool frame_before(struct log *g, uint64_t line, struct log_frame *out)
{
	hold(&g->lock);
	return line && frame_of_locked(g, line - 1, out);
}

static struct err *walk_back(struct pipeline_logs *l, struct log *g, struct page *p)
{
	mutex_lock(&g->lock);
	uint64_t at = g->tail.first;
	struct log_view v = log_tail_view(&g->tail, 0, g->tail.n);
	bool go_on = take_backward(p, &v);
	mutex_unlock(&g->lock);
	for (struct log_frame f; go_on && frame_before(g, at, &f); at = f.first)
		if (log_frame_may_pass(p->f, &f))
			TRY(visit_frame(l, g, &f, true, take_backward, p, &go_on));
	return NULL;
}

struct err *pipeline_log_tail(struct pipeline_logs *l, struct arena *a, const char *record_id,
			      size_t n, const struct pipeline_filter *f, struct pipeline_line **out,
			      size_t *n_out)
{
	struct log *g;
	TRY(log_enter(l, record_id, &g));
	size_t most = (size_t)MIN(MIN(n, LIMIT_LOG_PAGE_LINES), atomic_load(&g->n_lines));
	struct page p = { .arena = a,
			  .f = f,
			  .lines = arena_new_array(a, most, struct pipeline_line),
			  .most = most };
	struct err *e = most ? walk_back(l, g, &p) : NULL;
	log_put(l, g, 1);
	if (e)
		return e;
	*out = p.lines + (most - p.n);
	*n_out = p.n;
	return NULL;
}

/* ---- text ---- */

struct writing {
	const struct pipeline_filter *f;
	const char *const *platforms;
	bool with_times;
	int fd;
	struct buf b;
	time_t second; /* that `clock` shows */
	char clock[24];
	struct err *e; /* owned */
};

static const char *platform_name(const struct writing *w, unsigned platform)
{
	for (unsigned i = 0; w->platforms && platform && w->platforms[i]; i++)
		if (i + 1 == platform)
			return w->platforms[i];
	return "-";
}

static void add_times(struct writing *w, const struct pipeline_line *line)
{
	time_t second = line->time_ms / 1000;
	unsigned ms = (unsigned)(line->time_ms % 1000) % 1000;
	struct tm tm;
	if (second != w->second || !w->clock[0]) {
		if (!gmtime_r(&second, &tm))
			memset(&tm, 0, sizeof(tm));
		(void)strftime(w->clock, sizeof(w->clock), "%Y-%m-%dT%H:%M:%S", &tm);
		w->second = second;
	}
	char decimals[6] = {
		'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z',
		' '
	};
	buf_add(&w->b, str_of(w->clock));
	buf_add(&w->b, str_n(decimals, sizeof(decimals)));
	buf_add(&w->b, str_of(platform_name(w, line->platform)));
	buf_add(&w->b, STR(" #"));
	buf_add_u64(&w->b, line->step);
	buf_add_c(&w->b, ' ');
}

static bool write_view(void *arg, const struct log_view *v)
{
	struct writing *w = arg;
	buf_clear(&w->b);
	for (size_t i = 0; i < v->n; i++) {
		if (!log_passes(w->f, &v->entries[i]))
			continue;
		struct pipeline_line line = log_line(v, i);
		if (w->with_times)
			add_times(w, &line);
		buf_add(&w->b, line.text);
		buf_add_c(&w->b, '\n');
	}
	w->e = w->b.len ? fd_write_all(w->fd, w->b.p, w->b.len) : NULL;
	return !w->e;
}

struct err *pipeline_log_text(struct pipeline_logs *l, const char *record_id,
			      const struct pipeline_filter *f, bool with_times,
			      const char *const *platforms, int out_fd)
{
	struct log *g;
	uint64_t end;
	TRY(log_enter(l, record_id, &g));
	struct writing w = {
		.f = f, .platforms = platforms, .with_times = with_times, .fd = out_fd
	};
	buf_init(&w.b, LIMIT_LOG_TAIL_BYTES + LIMIT_LOG_BATCH_LINES * (size_t)200);
	struct err *e = log_walk(l, g, 0, f, true, write_view, &w, &end);
	buf_done(&w.b);
	log_put(l, g, 1);
	err_keep(&e, w.e);
	return err_wrap(e, "log of build %s as text", record_id);
}
