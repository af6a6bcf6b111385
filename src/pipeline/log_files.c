/* The files of a log: ab/UUID.log, whole frames, and ab/UUID.tail.
 *
 * Both grow at their ends only, at places that this process knows; what a failed or killed write
 * left behind them is cut off before the next. A frame that is cut off at the end is such a rest if
 * the tail still has its lines; without them lines are missing, and that is ERR_CORRUPT. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "pipeline/log_priv.h"

struct name {
	char s[56];
};

static struct name name_of(const struct log *g, const char *suffix)
{
	struct name n;
	(void)snprintf(n.s, sizeof(n.s), "%.2s/%s%s", g->id, g->id, suffix);
	return n;
}

/* -1 for a file that is not there. */
static struct err *open_file(struct pipeline_logs *l, const char *name, int flags, int *fd)
{
	*fd = fd_open_nofollow(l->dir_fd, name, O_RDWR | flags, 0600);
	return *fd < 0 && errno != ENOENT ? err_from_errno(errno, "open logs/%s", name) : NULL;
}

/* ---- reading what there is ---- */

static void add_frame(struct log *g, const struct log_frame *f)
{
	mem_reserve_one(g->frames, g->n_frames, g->cap_frames);
	g->frames[g->n_frames++] = *f;
}

/* One frame's head; `*whole` false when the file ends before the frame does. */
static struct err *scan_one(struct log *g, uint64_t size, uint64_t first, bool *whole)
{
	char head[LOG_HEAD_BYTES];
	size_t got;
	struct log_frame f = { .offset = g->end };
	*whole = false;
	TRY(fd_pread_full(g->fd, head, sizeof(head), g->end, &got));
	if (got < sizeof(head))
		return NULL;
	TRY(log_frame_head(head, first, &f));
	uint64_t end = g->end + sizeof(head) + f.packed_len;
	if (end > size)
		return NULL;
	if (g->n_frames >= LIMIT_LOG_FRAMES)
		return err_new(ERR_CORRUPT, "the log has too many frames");
	add_frame(g, &f);
	g->end = end;
	*whole = true;
	return NULL;
}

static struct err *scan_frames(struct log *g, uint64_t *n_lines, bool *cut)
{
	struct stat st;
	if (fstat(g->fd, &st) < 0)
		return err_from_errno(errno, "stat");
	*cut = false;
	while (g->end < (uint64_t)st.st_size && !*cut) {
		bool whole;
		TRY(scan_one(g, (uint64_t)st.st_size, *n_lines, &whole));
		*cut = !whole;
		if (whole)
			*n_lines += g->frames[g->n_frames - 1].n;
	}
	return NULL;
}

static struct err *read_tail(struct log *g, uint64_t n_lines)
{
	own_mem char *p = NULL;
	size_t len, end = 0;
	TRY(fd_read_file(g->tail_fd, LIMIT_LOG_TAIL_BYTES, &p, &len));
	TRY(log_tail_read(str_n(p, len), &g->tail, &end));
	g->tail_end = end;
	if (!g->tail.n) {
		g->tail_end = 0; /* begins anew */
		g->tail.first = n_lines;
		return NULL;
	}
	uint64_t first = g->tail.first;
	if (first > n_lines)
		return err_new(ERR_CORRUPT, "lines %llu to %llu are missing",
			       (unsigned long long)n_lines, (unsigned long long)first - 1);
	size_t in_frames = (size_t)MIN(n_lines - first, g->tail.n);
	log_tail_drop(&g->tail, in_frames);
	if (!g->tail.n) {
		g->tail_end = 0;
		g->tail.first = n_lines;
	}
	return NULL;
}

static struct err *read_files(struct log *g)
{
	uint64_t n_lines = 0;
	bool cut = false;
	if (g->fd >= 0)
		TRY(scan_frames(g, &n_lines, &cut));
	g->tail.first = n_lines;
	if (g->tail_fd >= 0)
		TRY(read_tail(g, n_lines));
	if (cut && !g->tail.n)
		return err_new(ERR_CORRUPT, "the last lines, from %llu on, are missing",
			       (unsigned long long)n_lines);
	atomic_store(&g->n_lines, n_lines + g->tail.n);
	return NULL;
}

static void forget_files(struct log *g)
{
	fd_close_own(&g->fd);
	fd_close_own(&g->tail_fd);
	g->fd = g->tail_fd = -1;
	free(g->frames);
	g->frames = NULL;
	g->n_frames = g->cap_frames = 0;
	g->end = g->tail_end = 0;
	log_tail_done(&g->tail);
	g->tail.first = 0;
	g->present = false;
}

struct err *log_files_open_locked(struct pipeline_logs *l, struct log *g)
{
	mutex_assert_held(&g->write);
	if (atomic_load(&g->opened))
		return NULL;
	struct err *e = open_file(l, name_of(g, ".log").s, 0, &g->fd);
	if (!e)
		e = open_file(l, name_of(g, ".tail").s, 0, &g->tail_fd);
	if (!e)
		e = read_files(g);
	if (e) {
		forget_files(g);
		return err_wrap(e, "log of build %s", g->id);
	}
	g->present = g->fd >= 0 || g->tail_fd >= 0;
	g->dirty = true; /* there may be rests behind the ends */
	atomic_store(&g->opened, true);
	return NULL;
}

/* ---- writing ---- */

static struct err *begin_tail(struct log *g)
{
	char head[LOG_TAIL_HEAD_BYTES];
	if (ftruncate(g->tail_fd, 0) < 0)
		return err_from_errno(errno, "empty the tail");
	g->tail_end = 0;
	log_tail_head(g->tail.first, head);
	TRY(fd_pwrite_all(g->tail_fd, head, sizeof(head), 0));
	g->tail_end = sizeof(head);
	return NULL;
}

static struct err *make_files(struct pipeline_logs *l, struct log *g)
{
	char dir[3] = { g->id[0], g->id[1], '\0' };
	own_fd dir_fd = -1;
	TRY(fd_make_dirs(l->dir_fd, dir, 0700, &dir_fd));
	if (g->fd < 0)
		TRY(open_file(l, name_of(g, ".log").s, O_CREAT, &g->fd));
	if (g->tail_fd < 0)
		TRY(open_file(l, name_of(g, ".tail").s, O_CREAT, &g->tail_fd));
	g->present = true;
	return NULL;
}

struct err *log_files_prepare_locked(struct pipeline_logs *l, struct log *g)
{
	mutex_assert_held(&g->write);
	if (g->fd < 0 || g->tail_fd < 0)
		TRY(make_files(l, g));
	if (g->dirty &&
	    (ftruncate(g->fd, (off_t)g->end) < 0 || ftruncate(g->tail_fd, (off_t)g->tail_end) < 0))
		return err_from_errno(errno, "cut off what was not finished");
	g->dirty = false;
	return g->tail_end ? NULL : begin_tail(g);
}

struct err *log_files_add_locked(struct log *g, const struct log_view *v)
{
	mutex_assert_held(&g->write);
	own_mem char *p = NULL;
	size_t len;
	log_tail_batch(v, &p, &len);
	if (g->tail_end + len > LIMIT_LOG_TAIL_BYTES)
		return err_new(ERR_UNAVAILABLE, "the log's tail is full");
	g->dirty = true;
	TRY(fd_pwrite_all(g->tail_fd, p, len, g->tail_end));
	g->dirty = false;
	g->tail_end += len;
	hold(&g->lock);
	log_tail_add(&g->tail, v);
	atomic_fetch_add(&g->n_lines, v->n);
	return NULL;
}

/* How many lines of the tail from `from` on make a frame. */
static size_t frame_lines(const struct log_tail *t, size_t from)
{
	size_t n = 0, len = 0;
	while (from + n < t->n && n < LIMIT_LOG_FRAME_LINES) {
		len += t->entries[from + n].len + 1;
		if (len > LIMIT_LOG_FRAME_BYTES)
			break;
		n++;
	}
	return n;
}

/* The block that readers just read from the tail is what they ask for next. */
static void keep_unpacked(struct pipeline_logs *l, const struct log *g, const struct log_view *v)
{
	struct log_entry *entries;
	char *text;
	struct log_block *b = log_block_new(v->n, v->text_len, &entries, &text);
	memcpy(entries, v->entries, v->n * sizeof(*entries));
	memcpy(text, v->text, v->text_len);
	for (size_t i = 0; i < v->n; i++)
		entries[i].at -= v->entries[0].at;
	b->v.first = v->first;
	log_cache_add(l, g->serial, b);
}

static struct err *write_frame(struct pipeline_logs *l, struct log *g)
{
	size_t n = frame_lines(&g->tail, 0), len;
	struct log_view v = log_tail_view(&g->tail, 0, n);
	struct log_frame f = { .offset = g->end };
	own_mem char *p = NULL;
	log_frame_pack(&v, &f, &p, &len);
	bool was_dirty = g->dirty;
	g->dirty = true;
	TRY(fd_pwrite_all(g->fd, p, len, g->end));
	g->dirty = was_dirty;
	g->end += len;
	keep_unpacked(l, g, &v);
	hold(&g->lock);
	add_frame(g, &f);
	log_tail_drop(&g->tail, n);
	return NULL;
}

struct err *log_files_rotate_locked(struct pipeline_logs *l, struct log *g)
{
	mutex_assert_held(&g->write);
	while (g->tail.n)
		TRY(write_frame(l, g));
	return begin_tail(g);
}

struct err *log_files_finish_locked(struct pipeline_logs *l, struct log *g)
{
	TRY(log_files_prepare_locked(l, g));
	while (g->tail.n)
		TRY(write_frame(l, g));
	TRY(fd_sync(g->fd, "log"));
	if (unlinkat(l->dir_fd, name_of(g, ".tail").s, 0) < 0 && errno != ENOENT)
		return err_from_errno(errno, "remove the log's tail");
	fd_close_own(&g->tail_fd);
	g->tail_fd = -1;
	g->tail_end = 0;
	return NULL;
}

struct err *log_files_remove_locked(struct pipeline_logs *l, struct log *g)
{
	mutex_assert_held(&g->write);
	static const char *const suffixes[] = { ".tail", ".log" };
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (unlinkat(l->dir_fd, name_of(g, suffixes[i]).s, 0) < 0 && errno != ENOENT)
			return err_from_errno(errno, "remove");
	return NULL;
}
