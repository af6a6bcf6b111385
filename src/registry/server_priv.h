/* What the files of the registry's server share. */
#ifndef KILN_REGISTRY_SERVER_PRIV_H
#define KILN_REGISTRY_SERVER_PRIV_H

#include "registry/server.h"

struct registry_cache;

struct registry_server {
	struct registry_server_options o;
	struct catalog *catalog;      /* o.catalog */
	struct blob_store *store;     /* o.store */
	struct registry_cache *cache; /* owned */
};

/* What a request needs. */
enum registry_need {
	REGISTRY_LOGIN,  /* /v2/ itself */
	REGISTRY_LIST,   /* _catalog */
	REGISTRY_PULL,   /* view */
	REGISTRY_PUSH,   /* develop */
	REGISTRY_DELETE, /* maintain */
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
	/* who asks, and for what */
	struct str authorization, host;
	char remote[64];
	enum registry_need need;
	bool in_session; /* about an upload that was opened before */
	/* set by registry_authorize() */
	struct auth_principal who;
	bool by_token; /* a registry token; then: */
	bool fresh;
	struct auth_scope *scopes;
	size_t n_scopes;
	bool open; /* everybody who is let in may pull from the repository */
};

/* Lets `run` answer on the pool, if the caller may. */
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

/* ---- server_auth.c ---- */

/* On the pool, before anything of the repository is looked at: who asks, and may they? Sets
 * `*refusal` if not. Makes the image repository that a push is for, where that may be. */
struct err *registry_authorize(struct registry_call *c, struct http_reply **refusal);
/* Notes a change of a tag, manifest or blob of the repository in the audit log. */
void registry_audit(struct registry_call *c, const char *action, struct str reference);
/* Answers what needs a login and came without; on the poll thread. */
bool registry_refuse_early(struct registry_call *c);
/* May the answer that is prepared be given to `x`? False: ask registry_authorize(). On the poll
 * thread; never blocks. `open`: everybody may pull it. */
bool registry_may_have(struct registry_server *s, struct http_exchange *x, bool open);

struct registry_access {
	bool found;               /* there is an image repository */
	enum auth_role role;      /* of who asks, for `need` */
	enum auth_role everybody; /* of everybody who is let in */
};
/* In another repository, once registry_authorize() has found out who asks. */
struct err *registry_access_of(struct registry_call *c, struct str repository,
			       enum registry_need need, struct registry_access *a);
/* AUTH_NONE also when it cannot be found out. */
enum auth_role registry_role_for(struct registry_server *s, const struct auth_principal *who,
				 struct str repository);
enum auth_role registry_role_of(enum registry_need need); /* the least that is needed */
/* Is it a Bearer token that auth_check() does not know? */
bool registry_token_of(struct str authorization, struct str *token);
/* 429 for ERR_LIMIT, which it frees; else NULL. */
struct http_reply *registry_login_refusal(struct err **e);

/* ---- handlers, on the poll thread ---- */

void registry_handle_ping(struct registry_call *c);
void registry_handle_blob(struct registry_call *c);
void registry_handle_manifest(struct registry_call *c);
void registry_handle_uploads(struct registry_call *c);
void registry_handle_upload(struct registry_call *c);
void registry_handle_tags(struct registry_call *c);
void registry_handle_catalog(struct registry_call *c);
void registry_handle_referrers(struct registry_call *c);

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
/* A reference to the answer, the digest it is about, and whether everybody may have it; NULL if
 * there is none, or if it should be made up again before it is too old. */
struct http_reply *registry_cache_find(struct registry_cache *k, struct str path,
				       uint64_t generation, struct oci_digest_text *etag,
				       bool *open);

/* An answer that is being made up, so that many who miss it read it once. */
struct registry_flight;
/* A new flight, to be landed whatever comes of it; NULL if one is under way and `x` will be
 * answered by it. `generation` was loaded after the request came. */
struct registry_flight *registry_cache_join(struct registry_cache *k, struct str path,
					    uint64_t generation, struct http_exchange *x);
/* Answers all who joined, and keeps `reply` unless `etag` is NULL. The caller's reference stays its
 * own. */
void registry_cache_land(struct registry_cache *k, struct registry_flight *f,
			 struct http_reply *reply, const struct oci_digest_text *etag, bool open);

#endif
