/* Runs a build graph: base images, steps, layers, manifests, index.
 *
 * Lives inside the namespaces of sandbox_enter(). A step that is in the cache is not run; a step
 * that is not runs on the unpacked layers below it, which are fetched and unpacked only then.
 * Layers are packed behind the steps that follow. Everything ends in the blob store; the caller
 * names it (catalog) or sends it away (registry client). */
#ifndef KILN_EXECUTOR_EXECUTOR_H
#define KILN_EXECUTOR_EXECUTOR_H

#include "blob/store.h"
#include "catalog/catalog.h"
#include "codec/gzip.h"
#include "db/db.h"
#include "graph/graph.h"
#include "registry/client.h"

enum executor_outcome { EXECUTOR_DONE, EXECUTOR_CACHED, EXECUTOR_FAILED, EXECUTOR_CANCELED };

struct executor_event {
	enum {
		EXECUTOR_GRAPH,        /* the graph is known; first event */
		EXECUTOR_STEP_STARTED, /* not for cached steps */
		EXECUTOR_STEP_OUTPUT,
		EXECUTOR_STEP_ENDED,
		EXECUTOR_STEP_PACKED, /* its layer is a blob: `digest`, `size`. Once per step that
					 has a layer and was not told by STEP_ENDED */
		EXECUTOR_TRANSFER,    /* bytes came or went; `name` tells of what */
		EXECUTOR_WARNING,
	} kind;
	const struct graph *graph;     /* GRAPH */
	const struct graph_step *step; /* STEP_* */
	enum executor_outcome outcome; /* STEP_ENDED */
	uint64_t took_ms;              /* STEP_ENDED */
	const char *reason;            /* STEP_ENDED: why the cache hit or missed; NULL: not told */
	const struct oci_digest *digest; /* STEP_ENDED, STEP_PACKED: of its layer; NULL: not known
					    yet, or it changed nothing */
	uint64_t size;                   /* of that blob, bytes */
	bool is_stderr;                  /* STEP_OUTPUT */
	struct str text;      /* STEP_OUTPUT: bytes as they came; WARNING; TRANSFER: "alpine
				 sha256:1a2b…" */
	uint64_t done, total; /* TRANSFER, bytes */
};

/* What a step made, as the cache keeps it. */
struct executor_record {
	bool alias; /* stands for another key: only that is valid then */
	struct sha256_sum stands_for;
	char kind[12]; /* "run", "copy" */
	bool empty;    /* nothing was changed: no blob */
	struct oci_digest diff_id;
	struct oci_descriptor blob; /* media type: a static string */
	int64_t created_ns;
	char *inputs, *programs; /* owned; NULL */
};
void executor_record_done(struct executor_record *r);
/* The layer type of that name as a static string; gzip for what is no other. */
const char *executor_layer_type(struct str type);

/* Another cache, behind the local one: the server's. From any thread. */
struct executor_remote {
	struct err *(*get)(void *arg, const struct sha256_sum *key, struct executor_record *out,
			   bool *found);
	/* The blob is in the local store. */
	struct err *(*put)(void *arg, const struct sha256_sum *key,
			   const struct executor_record *r);
	/* Brings a layer that get() told of into the local store. */
	struct err *(*fetch)(void *arg, const struct oci_descriptor *layer);
	/* Is the blob there? Then a base's layer need not be fetched only to be exported. */
	struct err *(*has)(void *arg, const struct oci_descriptor *layer, bool *found);
	void *arg;
};

struct executor_options {
	int data_fd;           /* borrowed */
	const char *data_path; /* absolute */
	struct db *db;
	struct blob_store *blobs;
	struct catalog *catalog; /* NULL: base images come from registries only */
	struct registry_client *registry;
	const struct executor_remote *remote; /* borrowed; NULL: none */
	bool explain;                         /* STEP_ENDED tells reasons */
	bool single_id;                       /* as sandbox_enter() says */
	unsigned threads; /* steps and compressors at once; 0: by the number of processors */
	int cancel_fd;    /* borrowed eventfd: readable means stop. A build that fails writes to it
			     too, to end its other steps */
	/* Called from any thread, one call at a time. */
	void (*event)(void *arg, const struct executor_event *e);
	void *arg;
};

struct executor_request {
	const char *dockerfile_name; /* for messages */
	struct str dockerfile;
	int context_fd;          /* the build context's directory; -1: none */
	const char *ignore_name; /* ".dockerignore"; NULL: there is none */
	struct str ignore;
	const char
		*context_id; /* names the context for the cache of file digests; NULL: not kept */
	/* names what the context is a version of, so that a step that missed can tell which files
	 * changed since the last one; NULL: that is not told */
	const char *origin;
	const struct oci_platform *targets;
	size_t n_targets;
	const struct graph_arg *args;
	size_t n_args;
	struct str target_stage;
	bool no_cache;
	bool keep_going; /* a failure ends only the targets that need what failed */
	bool has_epoch;
	int64_t epoch_s; /* SOURCE_DATE_EPOCH */
	enum squeeze_kind compression;
};

struct executor_image {
	struct oci_platform platform;
	struct oci_descriptor manifest, config; /* manifest with its platform */
	struct oci_descriptor *layers;
	struct oci_digest *diff_ids;
	size_t n_layers;
};

struct executor_failure {
	struct oci_platform platform;
	enum err_kind kind;
	const char *code, *remedy; /* NULL: none */
	const char *text;
	bool in_step;  /* a step failed */
	uint32_t step; /* its index */
};

struct executor_result {               /* in the arena of the call */
	struct executor_image *images; /* in the order of the request's targets */
	size_t n_images;
	struct executor_failure *failures; /* keep_going: of the other targets */
	size_t n_failures;
	struct oci_descriptor top; /* the index, or the only manifest; not valid without images */
	size_t n_steps, n_cached;
};

/* Builds. ERR_CANCELED when cancel_fd told so; a failing RUN is ERR_INVALID with its line, exit
 * code and last output. With keep_going success may come with no image at all. */
struct err *executor_build(const struct executor_options *o, struct arena *a,
			   const struct executor_request *r, struct executor_result *out);

/* A base image for a platform: from the local store for names without a registry, else from the
 * registry. ERR_NOT_FOUND code BASE_PLATFORM lists the platforms it has; BASE_NOT_FOUND
 * and BASE_DENIED are what the registry says. */
struct executor_bases;
/* `local_first`: images whose name holds a registry are looked for in the local store too. */
struct executor_bases *executor_bases_open(const struct executor_options *o, struct arena *a,
					   bool local_first);
void executor_bases_free(struct executor_bases *b);
OWN_DECLARE(executor_bases);
struct err *executor_bases_resolve(struct executor_bases *b, struct str reference,
				   const struct oci_platform *p, const struct graph_base **out);
/* Brings a layer of a base image into the blob store. */
struct err *executor_bases_fetch(struct executor_bases *b, const struct graph_base *base,
				 size_t layer);

#endif
