/* What the files of the registry's server share. */
#ifndef KILN_REGISTRY_SERVER_PRIV_H
#define KILN_REGISTRY_SERVER_PRIV_H

#include "registry/server.h"

struct registry_cache;

struct registry_server {
	struct catalog *catalog;      /* borrowed */
	struct blob_store *store;     /* borrowed */
	struct registry_cache *cache; /* owned */
};

/* A request below /v2/, in the exchange's arena. What jobs need of the headers is copied. */
struct registry_call {
	struct registry_server *server;
	struct http_exchange *x;
	struct arena *arena;
	enum http_method method;
	struct str repository; /* valid, or empty where the route has none */
	struct str reference;  /* tag, digest or upload id as it came, decoded */
	struct str range, if_range, if_none_match, content_type, content_range;
	/* Makes up the answer on the pool; an error becomes one. */
	struct err *(*run)(struct registry_call *c, struct http_reply **out);
	const void *arg; /* of `run`, in the arena; may be NULL */
};

/* Lets `run` answer on the pool. */
void registry_defer(struct registry_call *c,
		    struct err *(*run)(struct registry_call *c, struct http_reply **out));

/* ---- server_errors.c ---- */

/* {"errors":[{"code":…,"message":…}]} */
struct http_reply *registry_error(unsigned status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), returns_nonnull));
/* One error per digest. */
struct http_reply *registry_error_missing(const struct oci_digest *missing, size_t n);
/* What an unexpected error becomes; frees it. Logs what is our fault. */
struct http_reply *registry_error_of(struct err *e);

/* ---- handlers, on the poll thread ---- */

void registry_handle_ping(struct registry_call *c);
void registry_handle_blob(struct registry_call *c);
void registry_handle_manifest(struct registry_call *c);
void registry_handle_uploads(struct registry_call *c);
void registry_handle_upload(struct registry_call *c);
void registry_handle_tags(struct registry_call *c);
void registry_handle_catalog(struct registry_call *c);
void registry_handle_referrers(struct registry_call *c);

/* ---- server_manifests.c ---- */

/* ---- server_blobs.c ---- */

/* Does the If-None-Match value name this digest, quoted or not, or "*"? */
bool registry_etag_matches(struct str header, const struct oci_digest_text *etag);
struct http_reply *registry_not_modified(const struct oci_digest_text *etag);
/* One byte range. SPEC RFC 9110 "Range" */
enum registry_range {
	REGISTRY_RANGE_WHOLE,      /* absent, or in a unit we do not know */
	REGISTRY_RANGE_PART,       /* `*first` and `*len` are set */
	REGISTRY_RANGE_OUTSIDE,    /* 416 */
	REGISTRY_RANGE_UNSUPPORTED /* several: 400, after which clients ask one by one */
};
enum registry_range registry_range_parse(struct str header, uint64_t size, uint64_t *first,
					 uint64_t *len);

/* ---- server_cache.c: prepared answers to GET and HEAD of manifests, by path ---- */

struct registry_cache *registry_cache_new(void);
void registry_cache_free(struct registry_cache *k);
/* A reference to the answer, and the digest it is about; NULL if there is none, or if it should be
 * made up again before it is too old. */
struct http_reply *registry_cache_find(struct registry_cache *k, struct str path,
				       uint64_t generation, struct oci_digest_text *etag);

/* An answer that is being made up, so that many who miss it read it once. */
struct registry_flight;
/* A new flight, to be landed whatever comes of it; NULL if one is under way and `x` will be
 * answered by it. `generation` was loaded after the request came. */
struct registry_flight *registry_cache_join(struct registry_cache *k, struct str path,
					    uint64_t generation, struct http_exchange *x);
/* Answers all who joined, and keeps `reply` unless `etag` is NULL. The caller's reference stays its
 * own. */
void registry_cache_land(struct registry_cache *k, struct registry_flight *f,
			 struct http_reply *reply, const struct oci_digest_text *etag);

#endif
