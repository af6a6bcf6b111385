/* What the files of graph/ share.
 *
 * What a hostile Dockerfile can make grow is counted as it is made (graph_count()), and checked
 * between instructions and in the loops of one (graph_check()): memory and work are bounded by
 * GRAPH_MOST_BYTES and by what one instruction may add. */
#ifndef KILN_GRAPH_GRAPH_PRIV_H
#define KILN_GRAPH_GRAPH_PRIV_H

#include "graph/graph.h"

#define GRAPH_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define GRAPH_MOST_BYTES   ((size_t)512 << 20)
#define GRAPH_MOST_BASES   1000 /* different base images, each platform counted */

/* --- maps (graph/map.c) --------------------------------------------------------------------- */

struct graph_entry {           /* fixed once made; maps share it */
	struct str key, value; /* NUL-terminated */
	const char *text;      /* "KEY=VALUE" */
	uint64_t hash;
	size_t number;   /* the user's own */
	const void *ptr; /* the user's own */
};

/* By key, in the order of first setting. A copy shares until it is written to. */
struct graph_map {
	const struct graph_entry **v; /* arena */
	uint32_t *slots;              /* arena; index + 1; twice as many as `cap`, a power of two */
	size_t n, cap;
	bool shared;
};

struct graph_builder;
struct graph_entry *graph_entry_new(struct graph_builder *b, struct str key, struct str value);
const struct graph_entry *graph_map_get(const struct graph_map *m, struct str key);
/* Replaces what had the key. */
void graph_map_put(struct graph_builder *b, struct graph_map *m, const struct graph_entry *e);
void graph_map_set(struct graph_builder *b, struct graph_map *m, struct str key, struct str value);
struct graph_map graph_map_share(const struct graph_map *m);

/* --- state ---------------------------------------------------------------------------------- */

struct graph_history_list { /* shared with the stages that start from this one */
	struct graph_history h;
	const struct graph_history_list *before;
	size_t n; /* with all before */
};

/* A base image in use. */
struct graph_used_base {
	const struct graph_base *base;
	struct graph_step *step;
	struct graph_map env, labels, ports, volumes;
};

/* A stage being evaluated for one target. */
struct graph_state {
	const char *stage;
	uint32_t index;
	struct oci_platform platform; /* of its base */
	struct graph_step *top;
	struct oci_config config; /* but for what the maps hold */
	struct graph_map env, labels, ports, volumes;
	struct graph_map vars; /* ENV and ARG as the next instruction sees them; the later one of a
				* name wins */
	struct graph_map args; /* names of ARG */
	bool cmd_set;          /* CMD was in this stage */
	const struct graph_history_list *history;
	const char *const *run_env; /* of the last RUN; NULL when `vars` changed since */
	size_t run_env_bytes;
};

/* What takes the memory, for the error that says so. */
enum graph_part {
	GRAPH_VALUES,
	GRAPH_ENVIRONMENTS,
	GRAPH_COMMANDS,
	GRAPH_HISTORY,
	GRAPH_TRIGGERS,
	GRAPH_PORTS,
	GRAPH_PARTS
};

struct graph_builder {
	struct arena *a; /* borrowed */
	const struct graph_options *o;
	size_t target;                          /* index of the one that is evaluated */
	uint32_t line;                          /* of the instruction that is evaluated */
	const struct dockerfile_stage **stages; /* arena; by index */
	struct graph_map names;                 /* of stages, to the index of the last one */
	struct graph_map globals;               /* what FROM lines may use, for this target */
	struct graph_map bases;                 /* by "PLATFORM REFERENCE", to graph_used_base */
	struct graph_state **states;            /* by stage; NULL: not evaluated for this target */
	struct graph_step **steps;              /* owned; all, each once */
	size_t n_steps, cap_steps;
	uint32_t *step_slots; /* owned; by definition: index + 1 */
	size_t n_step_slots;
	bool *arg_used; /* arena; by o->args */
	bool quiet;
	size_t counted[GRAPH_PARTS], counted_all;
	size_t n_warnings;
};

void graph_builder_init(struct graph_builder *b, struct arena *a, const struct graph_options *o);
void graph_builder_done(struct graph_builder *b);

/* Notes that something of this size was made, or looked at as often. */
void graph_count(struct graph_builder *b, enum graph_part part, size_t bytes);
/* ERR_LIMIT with the line when it is too much. */
struct err *graph_check(const struct graph_builder *b);
/* Puts file and line before the cause. */
struct err *graph_fail(const struct graph_builder *b, struct err *cause);
void graph_warn(struct graph_builder *b, const char *text);
/* Of each --build-arg that no ARG takes. */
void graph_warn_unused_args(struct graph_builder *b);

/* --- stages --------------------------------------------------------------------------------- */

/* The stage that the target names; ERR_INVALID lists what there is. */
struct err *graph_target_stage(const struct graph_builder *b, const struct dockerfile_stage **out);
/* The stage that FROM means: the nearest above `before` with that name, or NULL. */
const struct dockerfile_stage *graph_from_stage(const struct graph_builder *b, struct str name,
						uint32_t before);
/* What --from means to the stage `self`: a stage above, or NULL for an image. ERR_INVALID for a
 * stage that cannot be, and for what is neither. */
struct err *graph_copy_stage(const struct graph_builder *b, struct str name, uint32_t self,
			     const struct dockerfile_stage **out);
/* ARG before FROM and the automatic platform arguments, for this target. */
struct err *graph_eval_globals(struct graph_builder *b);
/* One word of a FROM line. */
struct err *graph_expand_from(struct graph_builder *b, struct str word, struct str *out);
struct err *graph_from_platform(struct graph_builder *b, const struct dockerfile_instruction *from,
				struct oci_platform *out);
/* Which stages the target needs, as far as ONBUILD triggers do not ask for more; and what of them
 * is no stage goes to `need` (may be NULL). */
struct err *graph_wanted(struct graph_builder *b, const struct dockerfile_stage *target,
			 struct err *(*need)(void *arg, struct str reference,
					     const struct oci_platform *p),
			 void *arg, bool **wanted);
struct err *graph_eval(struct graph_builder *b, const struct dockerfile_stage *stage,
		       const struct graph_state **out);
/* A base image, asked for once per platform. Errors are without line. */
struct err *graph_resolve(struct graph_builder *b, struct str reference,
			  const struct oci_platform *p, const char *stage,
			  const struct graph_used_base **out);
struct err *graph_too_many_bases(void);

/* --- instructions --------------------------------------------------------------------------- */

/* Applies one instruction to the state (graph/apply.c). */
struct err *graph_apply(struct graph_builder *b, struct graph_state *st,
			const struct dockerfile_instruction *in);
/* RUN, COPY, ADD, WORKDIR (graph/run.c, graph/copy.c). */
struct err *graph_apply_run(struct graph_builder *b, struct graph_state *st,
			    const struct dockerfile_instruction *in);
struct err *graph_apply_copy(struct graph_builder *b, struct graph_state *st,
			     const struct dockerfile_instruction *in);
struct err *graph_apply_workdir(struct graph_builder *b, struct graph_state *st,
				const struct dockerfile_instruction *in);
/* The value of --build-arg, which counts as used then. */
bool graph_build_arg(const struct graph_builder *b, struct str name, struct str *value);
/* The value of a name for dockerfile_expand(); `arg` is the state. */
struct str graph_get_var(void *arg, struct str name, bool *found);
/* One word expanded with the state's variables, NUL-terminated; the error with its line. */
struct err *graph_expand(struct graph_builder *b, struct graph_state *st, struct str word,
			 struct str *out);
/* [SHELL…, text] or the exec form's words, NULL-terminated. */
const char **graph_command(struct graph_builder *b, const struct graph_state *st,
			   const struct dockerfile_command *c, struct str text, size_t *n);
/* Sets a variable as ENV or ARG does. */
void graph_set_var(struct graph_builder *b, struct graph_state *st, const struct graph_entry *e);
void graph_add_history(struct graph_builder *b, struct graph_state *st, struct str created_by,
		       struct graph_step *step);
/* `path` below the working directory unless it is absolute, without ".", ".." and slashes too many.
 */
struct err *graph_join(struct graph_builder *b, const struct graph_state *st, struct str path,
		       const char **out);
const char *graph_current_dir(const struct graph_state *st);

extern const char *const graph_proxy_names[];
extern const size_t graph_n_proxy_names;

/* --- definitions (graph/hash.c) ------------------------------------------------------------- */

/* A definition under construction: typed, length-prefixed fields, and the same as JSON. */
struct graph_hash {
	const char *kind;
	struct sha256 h;
	struct buf json;
};
void graph_hash_init(struct graph_hash *h, const char *kind);
void graph_hash_str(struct graph_hash *h, const char *field, struct str value);
void graph_hash_list(struct graph_hash *h, const char *field, const char *const *values, size_t n);
/* Finishes the definition with those of the parent and of the source; returns the step that has it,
 * `s` if it is new. */
struct graph_step *graph_add_step(struct graph_builder *b, struct graph_step *s,
				  struct graph_hash *h);

#endif
