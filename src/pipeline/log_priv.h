/* What the files of the log share. */
#ifndef KILN_PIPELINE_LOG_PRIV_H
#define KILN_PIPELINE_LOG_PRIV_H

#include <stdatomic.h>

#include "base/limits.h"
#include "base/thread.h"
#include "pipeline/log.h"

/* ---- log_frame.c: bytes; pure ---- */

struct log_entry {        /* as on disk, little endian */
	uint32_t at, len; /* in the text of its block */
	int64_t time_ms;
	uint16_t step;
	uint8_t platform, stream;
	uint32_t reserved; /* 0 */
};
_Static_assert(sizeof(struct log_entry) == 24, "the format");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format");

struct log_view { /* lines in a row; a newline stands behind each in the text */
	uint64_t first;
	size_t n;
	const struct log_entry *entries;
	const char *text;
	size_t text_len;
};

struct log_block { /* an unpacked frame, counted, never changed */
	atomic_uint refs;
	struct log_view v; /* into `bytes` */
	_Alignas(16) char bytes[];
};
struct log_block *log_block_new(size_t n, size_t text_len, struct log_entry **entries, char **text);
struct log_block *log_block_ref(struct log_block *b);
void log_block_free(struct log_block *b); /* drops a reference */
OWN_DECLARE(log_block);

#define LOG_HEAD_BYTES 48
struct log_frame { /* what its head says */
	uint64_t first, offset;
	uint32_t n, text_len, packed_len;
	uint32_t platforms; /* bit n: has lines of platform n; bit 31: of 31 or more */
	uint16_t least_step, most_step;
};
/* Head and packed lines; the caller frees them. `out->offset` stays. */
void log_frame_pack(const struct log_view *v, struct log_frame *out, char **bytes, size_t *len);
/* ERR_CORRUPT unless it is the head of a frame that begins with line `first`. */
struct err *log_frame_head(const char head[LOG_HEAD_BYTES], uint64_t first, struct log_frame *out);
struct err *log_frame_unpack(const struct log_frame *f, struct str packed, struct log_block **out);

/* The block that is being filled, in memory. */
struct log_tail {
	uint64_t first;
	struct log_entry *entries; /* owned */
	size_t n, cap;
	char *text; /* owned */
	size_t text_len, text_cap;
};
void log_tail_done(struct log_tail *t);
void log_tail_add(struct log_tail *t, const struct log_view *v); /* `v->first` does not count */
void log_tail_drop(struct log_tail *t, size_t n);                /* the first `n` lines */
struct log_view log_tail_view(const struct log_tail *t, size_t from, size_t n);

#define LOG_TAIL_HEAD_BYTES 16
void log_tail_head(uint64_t first, char out[LOG_TAIL_HEAD_BYTES]);
/* One write of the file: complete or not there. The caller frees it. */
void log_tail_batch(const struct log_view *v, char **bytes, size_t *len);
/* Reads the file as far as its batches are complete, `*end` bytes. ERR_CORRUPT. */
struct err *log_tail_read(struct str file, struct log_tail *out, size_t *end);

bool log_passes(const struct pipeline_filter *f, const struct log_entry *e);
bool log_frame_may_pass(const struct pipeline_filter *f, const struct log_frame *frame);

/* ---- log.c: files ---- */

struct log {
	char id[40];
	uint64_t serial; /* unlike that of any other */
	/* guarded by pipeline_logs.lock */
	struct log *next_in_table, *newer, *older; /* the last two: of those that nobody uses */
	size_t refs;

	struct mutex write; /* one writer; held over its I/O. Readers take it only to open */
	bool dead, present, dirty;
	int fd, tail_fd;        /* owned; -1: none */
	uint64_t end, tail_end; /* valid bytes of the files */
	atomic_bool opened;

	struct mutex lock; /* guards the next; the writer alone changes it, and reads without */
	struct log_frame *frames; /* owned */
	size_t n_frames, cap_frames;
	struct log_tail tail;
	_Atomic uint64_t n_lines;

	/* guarded by pipeline_logs.follow_lock */
	struct pipeline_follower *followers;
	uint64_t pokes;
};

#define LOG_TABLE 256
#define LOG_IDLE  64 /* logs in memory that nobody uses */
#define LOG_CACHE 24 /* unpacked frames */

struct pipeline_logs {
	int dir_fd; /* owned */

	struct mutex lock; /* guards the next */
	struct log *table[LOG_TABLE];
	struct log *newest_idle, *oldest_idle;
	size_t n_idle;
	uint64_t serial;

	/* Held while followers are woken: a wake does not block, and pipeline_log_forget() promises
	 * that none is under way. Taken before `lock`. */
	struct mutex follow_lock;
	uint64_t poke_serial; /* the number of the last poke of any log */

	struct mutex cache_lock; /* guards the next */
	struct {
		uint64_t log, first, used;
		struct log_block *block; /* a reference */
	} cache[LOG_CACHE];
	uint64_t cache_clock;
};

/* A log in memory, for as long as the reference lasts. ERR_INVALID when `id` is no UUID. */
struct err *log_get(struct pipeline_logs *l, const char *id, struct log **out);
/* The same with its files read. */
struct err *log_enter(struct pipeline_logs *l, const char *id, struct log **out);
void log_put(struct pipeline_logs *l, struct log *g, size_t n_refs);

/* ---- log_files.c ---- */

struct err *log_files_open_locked(struct pipeline_logs *l, struct log *g);
struct err *log_files_prepare_locked(struct pipeline_logs *l, struct log *g); /* before writing */
struct err *log_files_add_locked(struct log *g, const struct log_view *v);
/* Packs what the tail holds, and empties it. */
struct err *log_files_rotate_locked(struct pipeline_logs *l, struct log *g);
struct err *log_files_finish_locked(struct pipeline_logs *l, struct log *g);
struct err *log_files_remove_locked(struct pipeline_logs *l, struct log *g);

/* ---- log_read.c ---- */

/* Calls `visit` with the blocks from line `from` on that may have lines that pass, in order, until
 * it says false. With `copy_tail` never under a lock; else with the tail under the log's, so that
 * it must only copy. */
typedef bool log_visit(void *arg, const struct log_view *v);
struct err *log_walk(struct pipeline_logs *l, struct log *g, uint64_t from,
		     const struct pipeline_filter *f, bool copy_tail, log_visit *visit, void *arg,
		     uint64_t *end);
struct pipeline_line log_line(const struct log_view *v, size_t i);

/* Keeps an unpacked frame for those who read the same. */
void log_cache_add(struct pipeline_logs *l, uint64_t serial, struct log_block *b);

/* ---- log_follow.c ---- */

void log_follow_wake(struct pipeline_logs *l, struct log *g);

#endif
