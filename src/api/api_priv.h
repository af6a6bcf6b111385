/* What the files of api/ share: a call, the table of routes, answers. */
#ifndef KILN_API_API_PRIV_H
#define KILN_API_API_PRIV_H

#include "api/api.h"
#include "codec/json.h"

#define API_BODY_BYTES  ((size_t)1 << 20)
#define API_MOST_PARAMS 4
#define API_PAGE        50 /* items of a list, unless `limit` says another number */
#define API_MOST_PAGE   500
#define API_BODY_REMEDY "GET /api/v1/openapi.json describes the request."

struct api {
	struct api_options o;
	int64_t started_ns;
	char *cookie; /* owned; the name of the console's */
};

struct api_call {
	struct api *api;
	struct http_exchange *x;
	struct arena *arena; /* the exchange's */
	enum http_method method;
	struct str path;                    /* decoded per segment: see params */
	struct str params[API_MOST_PARAMS]; /* the {…} of the pattern, decoded, in order */
	struct str query;                   /* raw */
	struct str authorization, content_type, last_event_id, if_match, host; /* headers, copied */
	struct str csrf, user_agent;                                           /* likewise */
	struct str session; /* the secret in the cookie; below /api/ only */
	char remote[64];    /* the client's address */
	struct auth_principal who;
	json_t *body; /* an object; NULL: none came. Goes with the call */
	const struct api_route *route;
	void *state; /* of raw handlers, in the arena */
};

enum {
	API_ANYBODY = 1, /* without login too; the handler looks at c->who itself */
	API_RAW = 2,     /* the handler is `raw`, on the poll thread, without body and principal: it
			    takes     the exchange over (http_receive(), http_defer(), http_answer()) */
	API_ADMIN = 4,   /* administrators only */
	API_WORKER = 8,  /* workers' tokens only */
	API_OPTIONAL_BODY = 16, /* may come without one */
	API_SIGN_IN = 32,       /* credentials that come along are not looked at */
	API_WHO = 64,           /* a session that has ended is as good as none */
};

struct api_route {
	enum http_method method;
	/* Below the root: "/api/v1/builds/{id}:cancel". A {…} takes one segment, percent-decoded,
	 * so a repository's full name comes as "demo%2Fhello", or by its id. A last "{…*}" takes
	 * the rest of the path. */
	const char *pattern;
	unsigned flags;
	struct err *(*run)(struct api_call *c, struct http_reply **out);
	void (*raw)(struct api_call *c);
};

/* Tables end with a NULL pattern. One per file. */
extern const struct api_route api_access_routes[];     /* access.c: users, tokens, roles, audit */
extern const struct api_route api_instance_routes[];   /* instance.c: version, disk, settings */
extern const struct api_route api_insights_routes[];   /* insights.c: what builds say together */
extern const struct api_route api_retention_routes[];  /* retention.c: of tags */
extern const struct api_route api_session_routes[];    /* sessions.c: of the console */
extern const struct api_route api_repository_routes[]; /* repositories.c: namespaces, repositories,
							* tags */
extern const struct api_route api_source_routes[];     /* sources.c: code sources, webhooks */
extern const struct api_route api_git_routes[];        /* git.c: our own remote */
extern const struct api_route api_rule_routes[];     /* rules.c: rules, previews, builds by hand */
extern const struct api_route api_schedule_routes[]; /* schedules.c: builds by the clock */
extern const struct api_route api_base_routes[];     /* bases.c: base images of its builds */
extern const struct api_route
	api_binding_routes[]; /* bindings.c: what a repository is built from */
extern const struct api_route api_endpoint_routes[]; /* endpoints.c: whom its events are told */
extern const struct api_route api_status_routes[];   /* status.c: commits at their provider */
extern const struct api_route api_build_routes[];    /* builds.c: build records */
extern const struct api_route api_log_routes[];      /* logs.c: logs and events */
extern const struct api_route api_worker_routes[];   /* workers.c: workers, and their protocol */

/* ---- answers ---- */

/* `j` is taken over. */
struct http_reply *api_json(unsigned status, json_t *j);
/* What was written as JSON, with 200. ERR_LIMIT when `b` is over its maximum. */
struct err *api_json_text(struct buf *b, struct http_reply **out);
/* {"items":[…],"next":CURSOR or null}; takes `items` over. `next` NULL: the end. */
struct http_reply *api_page(json_t *items, const char *next);
struct http_reply *api_no_content(void);
/* application/problem+json; `code` like "TAG_IMMUTABLE"; `remedy` may be NULL. */
struct http_reply *api_problem(unsigned status, const char *code, const char *remedy,
			       const char *detail);
/* What an error becomes; takes `e` over. Logs what is our fault and tells the client no more. */
struct http_reply *api_problem_of(struct api_call *c, struct err *e);

/* ---- requests ---- */

/* A parameter of the query, decoded, in the arena; empty when absent. */
struct str api_query(struct api_call *c, const char *name);
/* `limit`, 1 to API_MOST_PAGE; ERR_INVALID code QUERY. */
struct err *api_query_limit(struct api_call *c, size_t *n);
struct err *api_query_u64(struct api_call *c, const char *name, uint64_t max, uint64_t *out);
/* `cursor`, as api_cursor() made it; empty when absent. ERR_INVALID code QUERY. */
struct err *api_query_cursor(struct api_call *c, struct str *out);
const char *api_cursor(struct api_call *c, struct str after);

/* Members of the body; "" or NULL and *found false when absent. ERR_INVALID code BODY names the
 * member. Unknown members of the body: api_body_only() lists what there may be. */
struct err *api_body_only(struct api_call *c, const char *const *names); /* NULL-terminated */
/* The same for an object in the body. */
struct err *api_only(json_t *object, const char *const *names);
/* An error of json_get_…() as one of the body. NULL for NULL. */
struct err *api_body_err(struct err *e);
struct err *api_body_str(struct api_call *c, const char *name, size_t most_bytes, bool needed,
			 bool *found, struct str *out);
struct err *api_body_bool(struct api_call *c, const char *name, bool *found, bool *out);
struct err *api_body_u64(struct api_call *c, const char *name, uint64_t max, bool *found,
			 uint64_t *out);
/* null, or RFC 3339 text; 0 and false for none */
json_t *api_time(int64_t unix_ns);
json_t *api_str(const char *s); /* null for NULL */
/* sources.c: where its code is pushed to or fetched from; in the arena. */
const char *api_source_url(struct api_call *c, const struct pipeline_source *s);

/* ---- sessions of the console: sessions.c ---- */

/* What the cookie is called here: the same as long as the key file is. The caller frees it. */
char *api_session_cookie_name(const struct api *a);
/* The value of the cookie in a Cookie header; {NULL, 0} when there is none. */
struct str api_session_cookie(const struct api *a, struct str header);
/* Whose session it is; ERR_DENIED code CSRF when a request that may change something does not
 * prove that it comes from the console. */
struct err *api_session_check(struct api_call *c);
void api_session_clear(struct api_call *c, struct http_reply *r); /* Set-Cookie, in the past */

/* ---- who may ---- */

/* ERR_NOT_FOUND when the caller may not even see it; ERR_DENIED code FORBIDDEN names the role that
 * is needed. For the anonymous both are ERR_DENIED code LOGIN_NEEDED. */
struct err *api_need_namespace(struct api_call *c, struct str namespace_, enum auth_role least);
/* Who has any role in it sees it; `*out` is set then. */
struct err *api_see_namespace(struct api_call *c, struct str name_or_id, bool *seen,
			      struct catalog_namespace *out);
/* By full name or id, for who asks without a call. AUTH_NONE when it is not there, and then `*out`
 * is not set. */
struct err *api_role_in_repository(const struct api *a, struct arena *m,
				   const struct auth_principal *who, struct str name_or_id,
				   struct catalog_image_repository *out, enum auth_role *role);
/* By full name or id; as above: what may not be seen looks absent. */
struct err *api_need_repository(struct api_call *c, struct str name_or_id, enum auth_role least,
				struct catalog_image_repository *out);
/* Audits the change under the caller's name. `detail` may be NULL, is taken over. */
void api_audit(struct api_call *c, const char *action, struct str target, json_t *detail);

#endif
