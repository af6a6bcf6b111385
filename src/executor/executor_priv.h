/* What the files of executor/ share: one running build.
 *
 * 1. A step is taken up when its parent and its source are through; who takes it up finds it in the
 * cache or runs it.
 * 2. A step that ran is through when its directory is there; its blob comes later (`packed`).
 * 3. The first failure is kept, everything else is stopped. With keep_going the first failure of
 * each target is kept, and what only failed targets want is not begun.
 * Data of a build is guarded by `lock`; a step's own fields belong to the thread that runs it until
 * it is through. */
#ifndef KILN_EXECUTOR_EXECUTOR_PRIV_H
#define KILN_EXECUTOR_EXECUTOR_PRIV_H

#include "base/thread.h"
#include "executor/copy.h"
#include "executor/executor.h"
#include "layer/layer.h"
#include "sandbox/sandbox.h"
#include "source/tree.h"

/* What a step made; shared by steps that make the same. */
struct exec_layer {
	struct sha256_sum copy_key; /* of COPY: the facts and the content */
	bool made;                  /* directory or packed: others may go on */
	bool empty;                 /* known once packed: nothing changed */
	bool has_dir, session_dir;
	struct layer_name dir;
	bool packed;
	bool failed; /* with keep_going: it will not be made, or not be packed */
	bool remote; /* its blob may be in the server only */
	struct oci_digest diff_id;
	struct oci_descriptor descriptor;
	int64_t created_unix_ns;
	char *programs;          /* owned; programs_text(), once packed */
	struct exec_layer *next; /* in exec->layers */
};

struct exec_step {
	struct graph_step *g;
	struct sha256_sum key;
	struct exec_layer *layer; /* NULL: a base image */
	size_t waits;             /* parents and sources not through */
	bool cached;
	bool told;                  /* the observer knows the layer's digest */
	const char *reason;         /* static; NULL: not known */
	const struct exec_why *why; /* of a COPY that missed; NULL: nothing is known */
};

/* What became of a target, with keep_going. */
struct exec_target {
	struct oci_platform platform;
	struct err *failed; /* owned; the first */
	bool in_step;
	uint32_t step;
};

/* A cache record that waits to be stored. */
struct exec_record {
	struct sha256_sum key;
	const char *kind;
	char *inputs; /* owned; JSON, or for an alias the hexadecimal key it stands for */
	const struct exec_layer *layer; /* NULL: an alias */
	struct exec_record *next;
};

/* What is said of a COPY that missed. */
struct exec_why;

/* One source of a COPY in the build context, matched and hashed once for all platforms. */
struct exec_match;

struct exec {
	const struct executor_options *o;
	const struct executor_request *r;
	struct arena *a; /* the build's; used before the threads start and after they end */
	struct arena *result_arena; /* borrowed from the caller */
	struct graph *graph;
	struct executor_bases *bases;     /* owned */
	struct sandbox *sandbox;          /* owned; NULL until a step runs */
	struct layer_store *layer_store;  /* owned */
	struct squeeze_pool *squeeze;     /* owned */
	struct pool *tasks, *packers;     /* owned */
	struct source_ignore *ignore;     /* owned */
	struct source_hash_cache *hashes; /* owned */
	unsigned threads;

	struct mutex lock; /* guards all below */
	struct cond changed;
	struct exec_step *steps; /* by graph index */
	size_t n_left;           /* steps not through */
	size_t n_packing;
	struct err *failed; /* owned; the first */
	bool stopping;
	struct exec_target *targets; /* owned; by the request's order */
	size_t live[8];              /* the graph's targets: places in `targets` */
	struct exec_layer *layers;   /* all, owned */
	struct exec_match *matches;  /* owned */
	struct exec_record *records; /* owned */
	struct exec_why *whys;       /* owned */
	struct exec_stubs *stubs;    /* owned */
	uint64_t last_flush_mono_ms;
	bool sandbox_opening;
};

struct exec_transfer {
	const struct executor_options *o;
	const char *name;
};

/* Tells the observer, one call at a time. */
void exec_event(const struct executor_options *o, const struct executor_event *e);
/* Keeps the first failure and stops the rest. Takes `e` over. */
void exec_fail(struct exec *x, struct err *e);
/* The step failed: ends the build, or with keep_going the targets that want it. Takes `e` over. */
void exec_step_fail(struct exec *x, const struct graph_step *g, struct err *e);
bool exec_stopping(struct exec *x);
/* Tells the digest of the step's layer, if it is known and was not told. */
void exec_packed(struct exec *x, const struct graph_step *g);
/* The step is not cached and begins now. */
void exec_started(struct exec *x, const struct graph_step *g);

/* --- cache.c: step key -> layer ------------------------------------------------------------- */
struct exec_key_text {
	char s[2 * SHA256_BYTES + 1];
};
struct exec_key_text exec_key_text(const struct sha256_sum *key);
struct sha256_sum exec_key(const struct exec *x, const char *kind,
			   const struct sha256_sum *const *parts, size_t n);
/* Looks a key up, through an alias too; `*found` only if the blob is there. Makes the layer. */
struct err *exec_cache_get(struct exec *x, const struct sha256_sum *key, bool *found,
			   struct exec_layer **out);
/* Follows an alias to the key it stands for. */
struct err *exec_cache_alias(struct exec *x, const struct sha256_sum *alias, bool *found,
			     struct sha256_sum *key);
/* Remembers; stored by exec_cache_flush(). */
void exec_cache_put(struct exec *x, const struct sha256_sum *key, const char *kind,
		    const char *inputs, const struct exec_layer *layer);
void exec_cache_put_alias(struct exec *x, const struct sha256_sum *alias,
			  const struct sha256_sum *key);
/* Syncs the blob store and stores what is packed. */
struct err *exec_cache_flush(struct exec *x);
void exec_records_free(struct exec_record *list);
/* Brings a layer that only the server has into the blob store. */
struct err *exec_layer_fetch(struct exec *x, struct exec_layer *l);

/* --- why.c: why the cache had a step or not ------------------------------------------------- */
/* Valid as long as the build. */
const char *exec_reason(struct exec *x, const struct exec_step *s);
/* A COPY misses that takes these from the context of `origin`. */
void exec_why_copied(struct exec *x, struct exec_step *s, const struct source_print *v, size_t n);
/* With what exec_cache_flush() stores. */
struct err *exec_why_store(struct exec *x, struct db_tx *tx, int64_t now_ns);
void exec_why_free(struct exec_why *list);

/* --- chain.c: layers below a step ----------------------------------------------------------- */
struct exec_layer *exec_layer_new(struct exec *x);
/* Directory names of all that lies below and in `s` (NULL: nothing), the bottom first; fetches and
 * unpacks what is missing. The caller frees `*names`. */
struct err *exec_chain_dirs(struct exec *x, const struct graph_step *s, struct layer_name **names,
			    size_t *n);
/* Packs in the background: `make` fills the sink. Takes `job` over. */
struct exec_pack {
	struct exec *x;
	struct exec_layer *layer;
	struct err *(*make)(struct exec_pack *p, struct layer_sink *sink);
	void (*free)(struct exec_pack *p);
	int below_fd; /* owned */
	/* what is stored once it is packed */
	struct sha256_sum keys[2];
	size_t n_keys;
	const struct graph_step *step;
};
void exec_pack_later(struct exec_pack *p);

/* --- steps ---------------------------------------------------------------------------------- */
struct err *exec_run_step(struct exec *x, struct exec_step *s);     /* RUN */
struct err *exec_copy_step(struct exec *x, struct exec_step *s);    /* COPY, ADD */
struct err *exec_workdir_step(struct exec *x, struct exec_step *s); /* WORKDIR */
void exec_matches_free(struct exec_match *m);
void exec_stubs_free(struct exec_stubs *s);

/* --- image.c -------------------------------------------------------------------------------- */
/* Configurations, manifests and the index, once everything is packed. */
struct err *exec_make_images(struct exec *x, struct executor_result *out);

#endif
