/* Logs in memory, and appending to them.
 *
 * 1. One writer at a time per log, under log.write, which is held over its I/O. Readers do not take
 *    it once a log is open: they copy what they need to know under log.lock.
 * 2. A batch is acknowledged when it is whole in the tail's file. When the tail is full it becomes
 *    frames, and then the tail's file begins anew: a process killed in between leaves lines in
 * both, and the number of the tail's first line tells which of them are in frames already.
 * 3. A log that nobody uses goes from memory at any time: its files tell everything. */
#include "pipeline/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "pipeline/log_priv.h"

struct err *pipeline_logs_open(int data_fd, struct pipeline_logs **out)
{
	own(pipeline_logs) l = mem_new(struct pipeline_logs);
	l->dir_fd = -1;
	mutex_init(&l->lock);
	mutex_init(&l->follow_lock);
	mutex_init(&l->cache_lock);
	TRY(err_wrap(fd_make_dirs(data_fd, "logs", 0700, &l->dir_fd), "logs"));
	*out = move(l);
	return NULL;
}

static void log_free(struct log *g)
{
	fd_close_own(&g->fd);
	fd_close_own(&g->tail_fd);
	log_tail_done(&g->tail);
	free(g->frames);
	mutex_done(&g->write);
	mutex_done(&g->lock);
	free(g);
}

void pipeline_logs_free(struct pipeline_logs *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < LOG_TABLE; i++) {
		for (struct log *g = l->table[i], *next; g; g = next) {
			next = g->next_in_table;
			log_free(g);
		}
	}
	for (size_t i = 0; i < LOG_CACHE; i++)
		log_block_free(l->cache[i].block);
	fd_close_own(&l->dir_fd);
	mutex_done(&l->lock);
	mutex_done(&l->follow_lock);
	mutex_done(&l->cache_lock);
	free(l);
}

struct err *pipeline_logs_temp(struct pipeline_logs *l, int *fd)
{
	*fd = openat(l->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *fd < 0 ? err_from_errno(errno, "temporary file") : NULL;
}

/* ---- the table ---- */

/* In lower case; false when it is no UUID. */
static bool read_id(const char *id, char out[40])
{
	size_t n = strlen(id);
	if (n != 36)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = id[i] >= 'A' && id[i] <= 'F' ? (char)(id[i] | 0x20) : id[i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		if (dash ? c != '-' : !hex)
			return false;
		out[i] = c;
	}
	out[n] = '\0';
	return true;
}

static struct log **bucket(struct pipeline_logs *l, const char *id)
{
	char head[3] = { id[0], id[1], '\0' };
	return &l->table[strtoul(head, NULL, 16) % LOG_TABLE];
}

static void idle_remove_locked(struct pipeline_logs *l, struct log *g)
{
	if (g->newer)
		g->newer->older = g->older;
	else
		l->newest_idle = g->older;
	if (g->older)
		g->older->newer = g->newer;
	else
		l->oldest_idle = g->newer;
	g->newer = g->older = NULL;
	l->n_idle--;
}

static void idle_add_locked(struct pipeline_logs *l, struct log *g)
{
	g->older = l->newest_idle;
	if (g->older)
		g->older->newer = g;
	else
		l->oldest_idle = g;
	l->newest_idle = g;
	l->n_idle++;
}

static void unhash_locked(struct pipeline_logs *l, struct log *g)
{
	for (struct log **at = bucket(l, g->id); *at; at = &(*at)->next_in_table) {
		if (*at == g) {
			*at = g->next_in_table;
			return;
		}
	}
}

static struct log *log_new(struct pipeline_logs *l, const char id[40])
{
	struct log *g = mem_new(struct log);
	memcpy(g->id, id, sizeof(g->id));
	g->fd = g->tail_fd = -1;
	mutex_init(&g->write);
	mutex_init(&g->lock);
	g->serial = ++l->serial;
	g->next_in_table = *bucket(l, id);
	*bucket(l, id) = g;
	return g;
}

static struct log *find_locked(struct pipeline_logs *l, const char id[40])
{
	mutex_assert_held(&l->lock);
	struct log *g = *bucket(l, id);
	while (g && strcmp(g->id, id) != 0)
		g = g->next_in_table;
	return g;
}

struct err *log_get(struct pipeline_logs *l, const char *id_text, struct log **out)
{
	char id[40];
	if (!read_id(id_text, id))
		return err_new(ERR_INVALID, "no build has the id \"%.40s\"", id_text);
	hold(&l->follow_lock); /* for poke_serial: a new log's count is above all that were */
	hold(&l->lock);
	struct log *g = find_locked(l, id);
	if (!g) {
		g = log_new(l, id);
		g->pokes = l->poke_serial;
	} else if (!g->refs) {
		idle_remove_locked(l, g);
	}
	g->refs++;
	*out = g;
	return NULL;
}

void log_put(struct pipeline_logs *l, struct log *g, size_t n_refs)
{
	struct log *gone = NULL;
	if (!g || !n_refs)
		return;
	mutex_lock(&l->lock);
	g->refs -= n_refs;
	if (!g->refs && g->dead) { /* not in the table any more */
		gone = g;
	} else if (!g->refs) {
		idle_add_locked(l, g);
		if (l->n_idle > LOG_IDLE) {
			gone = l->oldest_idle;
			idle_remove_locked(l, gone);
			unhash_locked(l, gone);
		}
	}
	mutex_unlock(&l->lock);
	if (gone)
		log_free(gone);
}

/* As log_get(), with log.write held, of a log that is not being removed. */
static struct err *get_for_writing(struct pipeline_logs *l, const char *id, struct log **out)
{
	for (;;) {
		struct log *g;
		TRY(log_get(l, id, &g));
		mutex_lock(&g->write);
		if (!g->dead) {
			*out = g;
			return NULL;
		}
		mutex_unlock(&g->write);
		log_put(l, g, 1);
	}
}

struct err *log_enter(struct pipeline_logs *l, const char *id, struct log **out)
{
	struct log *g;
	TRY(log_get(l, id, &g));
	if (atomic_load(&g->opened)) {
		*out = g;
		return NULL;
	}
	log_put(l, g, 1);
	TRY(get_for_writing(l, id, &g));
	struct err *e = log_files_open_locked(l, g);
	mutex_unlock(&g->write);
	if (e)
		log_put(l, g, 1);
	else
		*out = g;
	return e;
}

/* ---- writing ---- */

struct batch {
	struct log_entry *entries; /* owned */
	char *text;                /* owned */
	size_t n, len;
};

static void batch_done(struct batch *b)
{
	free(b->entries);
	free(b->text);
}

/* Adds a line, or as much of it as has room in the next line; returns how many bytes. */
static size_t batch_add(struct batch *b, const struct pipeline_line *line, size_t from)
{
	struct str rest = str_skip(line->text, from), part = str_first(rest, LIMIT_LOG_LINE_BYTES);
	if (part.len < rest.len)
		part = str_first(part, str_whole_chars(part));
	b->entries[b->n++] = (struct log_entry){ .at = (uint32_t)b->len,
						 .len = (uint32_t)part.len,
						 .time_ms = line->time_ms,
						 .step = line->step,
						 .platform = line->platform,
						 .stream = (uint8_t)line->stream };
	if (part.len)
		memcpy(b->text + b->len, part.p, part.len);
	b->len += part.len;
	b->text[b->len++] = '\n';
	return part.len;
}

static bool batch_full(const struct batch *b)
{
	return b->n == LIMIT_LOG_BATCH_LINES ||
	       b->len + LIMIT_LOG_LINE_BYTES + 1 > LIMIT_LOG_BATCH_BYTES;
}

/* Room for these lines, or for as many as a batch holds. */
static void batch_init(struct batch *b, const struct pipeline_line *lines, size_t n)
{
	size_t n_entries = 0, len = 0;
	for (size_t i = 0; i < n; i++) {
		/* a part may be three bytes shorter, which begin a character */
		size_t parts = lines[i].text.len / (LIMIT_LOG_LINE_BYTES - 3) + 1;
		n_entries += parts;
		len += lines[i].text.len + parts;
	}
	n_entries = MIN(n_entries, LIMIT_LOG_BATCH_LINES);
	len = MIN(len, LIMIT_LOG_BATCH_BYTES);
	*b = (struct batch){ .entries = mem_new_array(n_entries, struct log_entry),
			     .text = mem_grow(NULL, len, 1) };
}

static bool tail_full(const struct log *g)
{
	return g->tail.n >= LIMIT_LOG_FRAME_LINES || g->tail.text_len >= LIMIT_LOG_FRAME_BYTES;
}

static struct err *flush(struct pipeline_logs *l, struct log *g, struct batch *b)
{
	if (!b->n)
		return NULL;
	TRY(log_files_prepare_locked(l, g));
	if (g->tail_end > LIMIT_LOG_TAIL_BYTES / 2) /* it failed after an earlier batch */
		TRY(log_files_rotate_locked(l, g));
	struct log_view v = { atomic_load(&g->n_lines), b->n, b->entries, b->text, b->len };
	TRY(log_files_add_locked(g, &v));
	b->n = b->len = 0;
	log_follow_wake(l, g);
	/* These lines are safe in the tail, whatever becomes of the frame. */
	if (tail_full(g))
		err_free(log_files_rotate_locked(l, g));
	return NULL;
}

static struct err *append_locked(struct pipeline_logs *l, struct log *g,
				 struct pipeline_line *lines, size_t n)
{
	TRY(log_files_open_locked(l, g));
	done(batch) b;
	batch_init(&b, lines, n);
	for (size_t i = 0; i < n; i++) {
		lines[i].number = atomic_load(&g->n_lines) + b.n;
		for (size_t at = 0; !at || at < lines[i].text.len;) {
			size_t len = batch_add(&b, &lines[i], at);
			at += len ? len : 1;
			if (batch_full(&b))
				TRY(flush(l, g, &b));
		}
	}
	return flush(l, g, &b);
}

struct err *pipeline_log_append(struct pipeline_logs *l, const char *record_id,
				struct pipeline_line *lines, size_t n)
{
	struct log *g;
	if (!n)
		return NULL;
	TRY(get_for_writing(l, record_id, &g));
	struct err *e = append_locked(l, g, lines, n);
	mutex_unlock(&g->write);
	log_put(l, g, 1);
	return err_wrap(e, "log of build %s", record_id);
}

struct err *pipeline_log_close(struct pipeline_logs *l, const char *record_id)
{
	struct log *g;
	TRY(get_for_writing(l, record_id, &g));
	struct err *e = log_files_open_locked(l, g);
	if (!e && g->present)
		e = log_files_finish_locked(l, g);
	mutex_unlock(&g->write);
	pipeline_log_poke(l, record_id);
	log_put(l, g, 1);
	return err_wrap(e, "log of build %s", record_id);
}

struct err *pipeline_log_remove(struct pipeline_logs *l, const char *record_id)
{
	struct log *g;
	TRY(get_for_writing(l, record_id, &g));
	struct err *e = log_files_remove_locked(l, g);
	if (!e) {
		hold(&l->lock);
		g->dead = true;
		unhash_locked(l, g);
	}
	mutex_unlock(&g->write);
	log_follow_wake(l, g);
	log_put(l, g, 1);
	return err_wrap(e, "log of build %s", record_id);
}

struct err *pipeline_log_count(struct pipeline_logs *l, const char *record_id, uint64_t *n_lines)
{
	struct log *g;
	TRY(log_enter(l, record_id, &g));
	*n_lines = atomic_load(&g->n_lines);
	log_put(l, g, 1);
	return NULL;
}
