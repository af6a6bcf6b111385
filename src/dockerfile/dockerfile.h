/* Dockerfile text to stages of instructions. Pure: no file, no clock. SPEC Dockerfile reference
 *
 * The parser does not expand variables: words are kept as written (quotes and escapes included) and
 * expanded by dockerfile_expand() when the environment is known. Everything is in the arena. Every
 * error names line and column, as "Dockerfile:3:5: unknown instruction FORM (did you mean FROM?)".
 * Whatever is parsed and not supported is an error too. */
#ifndef KILN_DOCKERFILE_DOCKERFILE_H
#define KILN_DOCKERFILE_DOCKERFILE_H

#include "base/arena.h"

enum dockerfile_kind {
	DOCKERFILE_FROM, /* only as the first of a stage */
	DOCKERFILE_ADD,
	DOCKERFILE_ARG,
	DOCKERFILE_CMD,
	DOCKERFILE_COPY,
	DOCKERFILE_ENTRYPOINT,
	DOCKERFILE_ENV,
	DOCKERFILE_EXPOSE,
	DOCKERFILE_HEALTHCHECK,
	DOCKERFILE_LABEL,
	DOCKERFILE_MAINTAINER,
	DOCKERFILE_ONBUILD,
	DOCKERFILE_RUN,
	DOCKERFILE_SHELL,
	DOCKERFILE_STOPSIGNAL,
	DOCKERFILE_USER,
	DOCKERFILE_VOLUME,
	DOCKERFILE_WORKDIR,
};

struct dockerfile_words {
	struct str *v; /* as written, unexpanded, unless the field says otherwise */
	size_t n;
};

struct dockerfile_pair {
	struct str key, value; /* as written; has_value false for `ARG NAME` */
	bool has_value;
};

struct dockerfile_heredoc {
	struct str word;    /* the delimiter, quotes removed: the file's name in COPY */
	struct str content; /* leading tabs already stripped for <<- */
	bool expand;        /* false when the word was quoted */
};

/* A command: exec form (JSON; words are then final, never expanded) or shell form (text as one
 * string, line continuations joined, comment lines inside dropped). */
struct dockerfile_command {
	bool exec_form;
	struct dockerfile_words words; /* exec form */
	struct str text; /* shell form; for RUN with heredocs it is the first line with the heredoc
			  * bodies and end words behind it, ready for the shell */
};

struct dockerfile_from {
	struct str image;    /* as written */
	struct str platform; /* --platform, as written; empty if none */
	struct str name;     /* AS, lower case; empty if none */
};

struct dockerfile_run {
	struct dockerfile_command command;
	struct dockerfile_heredoc *heredocs;
	size_t n_heredocs;
	bool only_heredoc; /* `RUN <<EOF`: heredocs[0].content is the script */
};

struct dockerfile_copy {                 /* COPY and ADD */
	struct dockerfile_words sources; /* as written; in JSON form quotes are already gone;
					  * without the heredocs */
	struct str dest;
	bool json_form;
	struct dockerfile_heredoc *heredocs; /* sources that are heredocs */
	size_t n_heredocs;
	struct str from, chown, chmod; /* flags as written; empty if absent */
};

struct dockerfile_healthcheck {
	bool none;
	struct dockerfile_command command;
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	int64_t retries;
};

struct dockerfile_instruction {
	enum dockerfile_kind kind;
	uint32_t line, end_line; /* 1-based, first and last of the instruction */
	struct str source; /* whole text on one line, for history and progress: "RUN go build -o
			      hello hello.go" */
	union {
		struct dockerfile_from from;
		struct dockerfile_run run;
		struct dockerfile_copy copy;       /* COPY, ADD */
		struct dockerfile_command command; /* CMD, ENTRYPOINT; SHELL (always exec form) */
		struct {
			struct dockerfile_pair *v;
			size_t n;
		} pairs;                       /* ARG, ENV, LABEL */
		struct dockerfile_words words; /* EXPOSE, VOLUME */
		struct str text;               /* USER, WORKDIR, STOPSIGNAL, MAINTAINER */
		struct dockerfile_healthcheck healthcheck;
		struct {
			struct str text;
			struct dockerfile_instruction *inner;
		} onbuild; /* the text is what an image's config stores */
	};
	bool volume_json; /* VOLUME in JSON form: words are not expanded for quotes */
	struct dockerfile_instruction *next; /* in the same stage */
};

struct dockerfile_stage {
	uint32_t index;                       /* from 0 */
	struct dockerfile_instruction *first; /* FROM */
	struct dockerfile_stage *next;
};

struct dockerfile {
	const char *name;                       /* for messages */
	char escape;                            /* '\\' or '`' */
	struct dockerfile_instruction *globals; /* ARG before the first FROM */
	struct dockerfile_stage *stages;
	size_t n_stages;
	struct str *warnings; /* "Dockerfile:3: …" */
	size_t n_warnings;
};

/* What an arena needs for any one text, Dockerfile or ONBUILD. */
#define DOCKERFILE_ARENA_BYTES ((size_t)32 << 20)

/* ERR_INVALID for what is no Dockerfile: empty ("has no instructions"), binary (NUL or invalid
 * UTF-8), longer than LIMIT_DOCKERFILE_BYTES (ERR_LIMIT), without FROM, unknown instruction or
 * flag, bad JSON where JSON is required, unterminated heredoc. */
struct err *dockerfile_parse(struct arena *a, const char *name, struct str text,
			     struct dockerfile **out);
/* One instruction from an image's ONBUILD list. */
struct err *dockerfile_parse_onbuild(struct arena *a, struct str text,
				     struct dockerfile_instruction **out);

const char *dockerfile_kind_name(enum dockerfile_kind kind); /* "COPY" */

/* A source that is a URL or a Git address. The parser refuses those it sees; who expands the
 * sources of ADD and COPY asks again. */
bool dockerfile_is_remote(struct str source);

/* Values of names; `*found` false for a name that is not set. */
struct dockerfile_env {
	struct str (*get)(void *arg, struct str name, bool *found);
	void *arg;
};
/* Expands $NAME, ${NAME}, ${NAME:-w} - :+ + :? ? # ## % %% / // (patterns as in the reference),
 * removes quotes and escapes: one word. SPEC Dockerfile reference "Environment replacement". A name
 * that is not set is empty, reported through `undefined` (may be NULL; called with the name).
 * ERR_INVALID for bad syntax and for :? with its message; the caller adds the line. */
struct err *dockerfile_expand(struct arena *a, struct str word, char escape,
			      const struct dockerfile_env *env,
			      void (*undefined)(void *arg, struct str name), void *undefined_arg,
			      struct str *out);
/* As above, then split at the blanks that came from variables or stood outside quotes (EXPOSE,
 * VOLUME). */
struct err *dockerfile_expand_words(struct arena *a, struct str word, char escape,
				    const struct dockerfile_env *env, struct dockerfile_words *out);
/* Body of an unquoted heredoc of COPY: variables only; quotes stay. */
struct err *dockerfile_expand_heredoc(struct arena *a, struct str body, char escape,
				      const struct dockerfile_env *env, struct str *out);

#endif
