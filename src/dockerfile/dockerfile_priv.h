/* What the files of the parser share.
 *
 * lines.c turns the text into logical lines, parse.c finds the instruction of each in its table and
 * takes flags (flags.c) and heredocs (heredoc.c) off it; one function per instruction does the
 * rest. Words are slices of the logical line, so that their address tells line and column of an
 * error. */
#ifndef KILN_DOCKERFILE_DOCKERFILE_PRIV_H
#define KILN_DOCKERFILE_DOCKERFILE_PRIV_H

#include "base/str.h"
#include "dockerfile/dockerfile.h"

#define MOST_FLAGS 8

struct segment {         /* where a part of a logical line stands in the text */
	size_t at;       /* offset in the logical line */
	const char *src; /* in the text */
	uint32_t line;
};

struct logical_line {
	char *base;      /* in the arena; the names of instructions are put in upper case there */
	size_t len;      /* from base */
	struct str text; /* without blanks around */
	uint32_t first;  /* line number */
	struct segment *segments; /* owned */
	size_t n_segments, cap_segments;
};

struct raw_heredoc {
	struct str word; /* quotes removed */
	struct str body; /* as in the text, tabs included */
	bool expand, chomp;
};

struct flag_spec {
	const char *name;
	bool done; /* false: the language has it, kiln does not yet */
};

struct parser {
	struct arena *a;
	struct dockerfile *d;
	char *text; /* in the arena */
	size_t len, at;
	uint32_t line_no; /* of the physical line that was read last */
	bool directives_over;
	unsigned directives_seen;
	struct buf joined;
	struct logical_line line;
	struct raw_heredoc *heredocs; /* owned; of the instruction being parsed */
	size_t n_heredocs, cap_heredocs;
	struct str flags[MOST_FLAGS]; /* values, in the order of the instruction's flag_spec */
	bool flag_given[MOST_FLAGS];
	size_t words_left;
	size_t n_instructions;
	unsigned seen; /* kinds in this stage, as bits */
};

/* A copy for messages: short, on one line, without control characters. */
struct shown {
	char s[72];
};
struct shown dockerfile_show(struct str s);

static inline bool dockerfile_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str dockerfile_trim(struct str s);
/* The first word, up to a blank; `*rest` goes to the next one. */
struct str dockerfile_first_word(struct str *rest);

/* parse.c */

/* "Dockerfile:3:5: …" with the place of `at`, which is inside the logical line. */
struct err *dockerfile_fail(struct parser *p, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), returns_nonnull));
void dockerfile_warn(struct parser *p, uint32_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Counts `n` more words; ERR_LIMIT when there are too many. */
struct err *dockerfile_charge(struct parser *p, size_t n);
/* Parses the instruction `text`, a part of the logical line. */
struct err *dockerfile_parse_one(struct parser *p, struct str text,
				 struct dockerfile_instruction *in);

/* lines.c */

/* The next logical line to p->line. */
struct err *dockerfile_lines_next(struct parser *p, bool *found);
/* The lines up to the one that is `word`, which is skipped. */
struct err *dockerfile_lines_body(struct parser *p, struct str word, bool chomp, struct str *body);
void dockerfile_lines_place(const struct parser *p, const char *at, uint32_t *line,
			    uint32_t *column);

/* flags.c: cuts the flags from `*args` to p->flags. */
struct err *dockerfile_flags(struct parser *p, const char *instruction,
			     const struct flag_spec *specs, size_t n, struct str *args);

/* heredoc.c */

/* Whether `word` is `<<EOF`, `3<<-"EOF"`, …; fills `out` but for the body. `name` is NULL, or the
 * word behind a `<<` that stood alone. */
bool dockerfile_heredoc_word(struct arena *a, struct str word, const struct str *name,
			     struct raw_heredoc *out);
bool dockerfile_heredoc_alone(struct str word); /* `<<`, `<<-`, `3<<` */
/* Finds the heredocs in `args` and takes their bodies from the text. With `blank_allowed`, the
 * delimiter may be the word behind. `*alone` when `args` is nothing but one heredoc. */
struct err *dockerfile_heredocs(struct parser *p, struct str args, bool blank_allowed, bool *alone);
struct str dockerfile_heredoc_content(struct parser *p, const struct raw_heredoc *h);
/* `first`, then the bodies with their end words. */
struct str dockerfile_heredoc_text(struct parser *p, struct str first);

/* json.c */
enum json_form {
	JSON_NONE,    /* no JSON array: the other form is meant */
	JSON_OTHER,   /* an array that does not hold strings only */
	JSON_STRINGS, /* `words` are set */
};
struct err *dockerfile_json(struct parser *p, struct str text, enum json_form *form,
			    struct dockerfile_words *words);
/* JSON_OTHER as an error; warns for what looks like an array of strings and is none. */
struct err *dockerfile_json_or(struct parser *p, struct str text, bool *json,
			       struct dockerfile_words *words);

/* words.c */
struct err *dockerfile_words_split(struct parser *p, struct str args, struct dockerfile_words *out);

/* One function per instruction: `args` is what is behind name and flags. */
typedef struct err *dockerfile_parse_fn(struct parser *p, struct dockerfile_instruction *in,
					struct str args);
dockerfile_parse_fn dockerfile_parse_pairs; /* words.c: ENV, LABEL */
dockerfile_parse_fn dockerfile_parse_arg, dockerfile_parse_expose, dockerfile_parse_volume;
dockerfile_parse_fn dockerfile_parse_run, dockerfile_parse_command; /* command.c */
dockerfile_parse_fn dockerfile_parse_shell, dockerfile_parse_healthcheck;
dockerfile_parse_fn dockerfile_parse_copy;    /* copy.c: COPY, ADD */
dockerfile_parse_fn dockerfile_parse_trigger; /* onbuild.c: ONBUILD */
/* The instruction of an ONBUILD, with its rules. */
struct err *dockerfile_parse_inner(struct parser *p, struct str text,
				   struct dockerfile_instruction *in);

/* The flags of COPY and ADD, of HEALTHCHECK, as indices of p->flags. */
enum { COPY_CHOWN, COPY_CHMOD, COPY_FROM };
enum {
	HEALTH_INTERVAL,
	HEALTH_TIMEOUT,
	HEALTH_START_PERIOD,
	HEALTH_START_INTERVAL,
	HEALTH_RETRIES
};
enum { FROM_PLATFORM };

/* pattern.c */
struct pattern {
	struct pattern_item *v; /* owned */
	size_t n;
};
/* `text` with `*`, `?` and escapes. */
struct err *pattern_init(struct pattern *p, struct str text, char escape);
void pattern_done(struct pattern *p);
/* Where the shortest or longest match that starts at `at` ends; false without one. Takes its work
 * from `*work` and stops at 0. */
bool pattern_match(const struct pattern *p, struct str text, size_t at, bool longest, size_t *work,
		   size_t *end);
/* The start of the character behind the one at `at`. */
size_t pattern_next(struct str text, size_t at);

#endif
