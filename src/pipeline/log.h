/* The log of a build: lines with time, platform, step and stream, appended by one writer, read by
 * any number while it grows.
 *
 * DATA/logs/ab/UUID.log holds frames of zstd, each with the lines of one block: a table of fixed
 * entries, then the text of all lines. DATA/logs/ab/UUID.tail holds the block that is being filled.
 * Nothing that pipeline_log_append() acknowledged is lost when the process is killed. A line is at
 * most 16 KiB; longer ones go on in the next line. Line numbers count from 0.
 *
 * Safe from any thread. No lock is held over I/O that readers wait for. */
#ifndef KILN_PIPELINE_LOG_H
#define KILN_PIPELINE_LOG_H

#include "base/arena.h"

struct pipeline_logs; /* DATA/logs, and the logs in memory that are being written or followed */

enum pipeline_stream { PIPELINE_STDOUT, PIPELINE_STDERR, PIPELINE_SYSTEM };

struct pipeline_line {
	uint64_t number;
	int64_t time_ms;  /* since 1970 */
	uint8_t platform; /* 1-based place in the record's list of platforms; 0: of no one */
	uint16_t step;    /* 0: of no step */
	enum pipeline_stream stream;
	struct str text; /* bytes as they came, without the newline */
};

struct err *pipeline_logs_open(int data_fd, struct pipeline_logs **out);
void pipeline_logs_free(struct pipeline_logs *l);
OWN_DECLARE(pipeline_logs);

/* Appends lines (`number` is set here) and wakes followers. Bytes of text may hold anything. Up to
 * 8192 lines of 1 MiB together are written whole or not at all; of more, the first may be there
 * when it fails. */
struct err *pipeline_log_append(struct pipeline_logs *l, const char *record_id,
				struct pipeline_line *lines, size_t n);
/* No more comes: packs the tail, tells followers. Appending takes it up again (a retry). */
struct err *pipeline_log_close(struct pipeline_logs *l, const char *record_id);
struct err *pipeline_log_remove(struct pipeline_logs *l, const char *record_id);
/* A file in DATA/logs that has no name, for a copy of a log. */
struct err *pipeline_logs_temp(struct pipeline_logs *l, int *fd);
/* 0 for a log that is not there. */
struct err *pipeline_log_count(struct pipeline_logs *l, const char *record_id, uint64_t *n_lines);

struct pipeline_filter {    /* 0 and -1: any */
	uint32_t platforms; /* bit n: platform n; 0: all */
	uint32_t streams;   /* bit n: enum pipeline_stream n; 0: all */
	int step;           /* -1: all */
};
/* Lines from number `from` on that pass the filter, at most `n` and some 1 MiB of text; `*next` is
 * where to go on. Lines are in the arena. */
struct err *pipeline_log_read(struct pipeline_logs *l, struct arena *a, const char *record_id,
			      uint64_t from, size_t n, const struct pipeline_filter *f,
			      struct pipeline_line **out, size_t *n_out, uint64_t *next);
/* The last `n` that pass. */
struct err *pipeline_log_tail(struct pipeline_logs *l, struct arena *a, const char *record_id,
			      size_t n, const struct pipeline_filter *f, struct pipeline_line **out,
			      size_t *n_out);
struct pipeline_search {
	struct str text;
	bool is_expression, ignore_case;
	uint64_t from; /* line number */
	uint64_t skip; /* so many matches, counted from the log's first line */
	size_t n;      /* at most */
};
struct pipeline_found {
	struct pipeline_line *lines; /* in the arena */
	size_t n;
	uint64_t first; /* matches before the first of `lines` */
	uint64_t total; /* of all of the log */
};
/* Lines that contain the text, or match the expression (PCRE2, limited: code RULE_REGEX), in order.
 */
struct err *pipeline_log_search(struct pipeline_logs *l, struct arena *a, const char *record_id,
				const struct pipeline_search *s, const struct pipeline_filter *f,
				struct pipeline_found *out);
/* Neighbouring lines of one platform and step. */
struct pipeline_log_run {
	uint64_t n_lines;
	uint8_t platform; /* as in struct pipeline_line */
	uint16_t step;
};
/* The runs from line `from` on, at most `n`; `*next` is where to go on. */
struct err *pipeline_log_outline(struct pipeline_logs *l, struct arena *a, const char *record_id,
				 uint64_t from, size_t n, struct pipeline_log_run **out,
				 size_t *n_out, uint64_t *next);
/* Writes the log as text, a line each, to `out_fd`. `with_times`: "2026-11-25T23:32:50.123Z
 * linux/arm64 #5 " before each (names of platforms: `platforms`). */
struct err *pipeline_log_text(struct pipeline_logs *l, const char *record_id,
			      const struct pipeline_filter *f, bool with_times,
			      const char *const *platforms, int out_fd);

/* Calls `wake` (once, from any thread, and it must not block) when the log has more lines than
 * `n_lines`, or the record said pipeline_log_poke(); at once if that is so already. */
struct pipeline_follower {
	void (*wake)(struct pipeline_follower *f);
	struct pipeline_follower *next, *prev; /* the log's */
	void *log;                             /* the log's; NULL: not waiting */
};
void pipeline_log_wait(struct pipeline_logs *l, const char *record_id, uint64_t n_lines,
		       uint64_t n_pokes, struct pipeline_follower *f);
/* After it `wake` is not called any more and is not running. */
void pipeline_log_forget(struct pipeline_logs *l, struct pipeline_follower *f);
/* States of the record, its jobs or steps changed. The number of pokes grows with each; it may grow
 * without one. */
void pipeline_log_poke(struct pipeline_logs *l, const char *record_id);
uint64_t pipeline_log_pokes(struct pipeline_logs *l, const char *record_id);

#endif
