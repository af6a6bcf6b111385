/* Who is it, and what may they do: users, tokens, roles, and the log of every change.
 *
 * 1. A password is stored as argon2id and checked on a pool thread; who was checked is remembered
 *    for a minute under a keyed hash, so that the requests of one pull hash once. Any change of
 *    users, tokens or roles forgets all of that at once, in this process.
 * 2. A token is 256 random bits behind a prefix that tells its kind; the database has its SHA-256.
 *    It is accepted wherever a password is, and as Bearer.
 * 3. Failed logins are limited by account and by address.
 * 4. A session of the console is 256 random bits in a cookie, hashed in the database as a token is,
 *    and ends when it was not used for some days, after a month, and with the password.
 * 5. Roles are per namespace or per image repository; the greater one counts. An administrator has
 *    every role. A token may be narrower than its user: a greatest role, one namespace.
 *
 * Safe from any thread. Calls that say "blocks" are for pool threads. */
#ifndef KILN_AUTH_AUTH_H
#define KILN_AUTH_AUTH_H

#include "base/arena.h"
#include "db/db.h"

enum auth_role { AUTH_NONE, AUTH_VIEW, AUTH_DEVELOP, AUTH_MAINTAIN, AUTH_ADMIN };
const char *auth_role_name(enum auth_role r);               /* "none", "view", … */
bool auth_role_parse(struct str name, enum auth_role *out); /* view, develop, maintain, admin */

struct auth_principal { /* plain data, copied freely */
	enum { AUTH_ANONYMOUS, AUTH_USER, AUTH_WORKER, AUTH_SYSTEM } kind;
	char user_id[24];         /* of a user */
	char name[72];            /* "admin", "worker:arm-1", "anonymous", "system" */
	char token_id[24];        /* "" when by password or session */
	char session_id[24];      /* "" when not by session */
	bool is_admin;            /* an administrator whose token, if any, does not limit */
	enum auth_role most;      /* what the token limits to; AUTH_ADMIN: not at all */
	char only_namespace[128]; /* "" : all */
	char pool[72];            /* of a worker's token */
	uint64_t generation;      /* auth_generation() before it was looked up */
	int64_t expires_ns;       /* of the token or session, as it was then; 0: never */
	uint64_t password_mark;   /* of the password that it logged in by; 0: by none */
};
/* Does the token narrow what its user may? */
static inline bool auth_is_narrow(const struct auth_principal *who)
{
	return who->most != AUTH_ADMIN || who->only_namespace[0];
}

struct auth;

/* `data_fd` (borrowed) holds the file `key`, made with mode 0600 when absent: the key of seals and
 * of registry tokens. ERR_DENIED when others may read it. */
struct err *auth_open(struct db *db, int data_fd, struct auth **out);
void auth_free(struct auth *a);
OWN_DECLARE(auth);

/* Tells instances apart: of the key file, the same after every start. No secret. */
struct auth_mark {
	char s[9]; /* hexadecimal */
};
struct auth_mark auth_instance_mark(const struct auth *a);

/* Makes the user `admin` if there is no user at all: with `password`, or with a generated one that
 * is returned in `*generated` (the caller frees it; NULL when nothing was generated). Blocks. */
struct err *auth_first_user(struct auth *a, const char *password, char **generated);

/* ---- who is it ---- */

/* The credentials of an Authorization header: Basic with password or token, or Bearer with a user's
 * or worker's token. An absent header, and an empty "Basic Og==", is the anonymous principal.
 * ERR_DENIED code LOGIN_FAILED for wrong ones, ERR_LIMIT code LOGIN_LIMITED after too many failures
 * (`remote` is the client's address). Blocks: argon2id takes 50 ms. */
struct err *auth_check(struct auth *a, struct str authorization, const char *remote,
		       struct auth_principal *out);
/* The same when the answer is remembered; false when auth_check() has to be asked. Never blocks. */
bool auth_check_cached(struct auth *a, struct str authorization, struct auth_principal *out);
/* Password or token of a user by name. Blocks. */
struct err *auth_login(struct auth *a, struct str name, struct str secret, const char *remote,
		       struct auth_principal *out);

/* ---- sessions of the console ---- */

/* Seconds without use, and from the sign-in, after which a session is over; 7 and 30 days unless
 * set. Before other threads use it. */
void auth_session_limits(struct auth *a, uint32_t idle_s, uint32_t life_s);
uint32_t auth_session_life_s(const struct auth *a);

struct auth_session {
	const char *id, *remote, *user_agent; /* the address it was last used from */
	int64_t created_ns, used_ns, expires_ns;
};
/* By name and password; a token in its place is wrong. Errors of auth_login(). `*secret`, in the
 * arena, is for the cookie: "kilns_…". Each user has a bounded number of sessions: the one that
 * was not used for longest goes. Blocks, as all of these but the last two. */
struct err *auth_session_start(struct auth *a, struct arena *m, struct str name,
			       struct str password, const char *remote, struct str user_agent,
			       struct auth_principal *out, const char **secret);
/* Whose is it; ERR_DENIED code SESSION_ENDED when it is nobody's any more. */
struct err *auth_session_check(struct auth *a, struct str secret, const char *remote,
			       struct auth_principal *out);
/* Those that are alive, by time of creation. */
struct err *auth_session_list(struct auth *a, struct arena *m, const char *user_id,
			      struct auth_session **out, size_t *n);
struct err *auth_session_end(struct auth *a, struct str id, const char *user_id, bool *found);
/* What proves that a request comes from a page of ours: other sites can make a browser send the
 * cookie, and cannot read this. The same as long as the session is. */
struct auth_csrf {
	char s[48];
};
struct auth_csrf auth_session_csrf(struct auth *a, struct str secret);
bool auth_session_csrf_ok(struct auth *a, struct str secret, struct str given); /* constant time */

/* ---- what may they do ---- */

/* The role in a namespace (`repository` empty) or in one image repository below it; does not know
 * which are public. What changed since `who` was looked up counts: who was disabled or whose token
 * was deleted has AUTH_NONE. No query for administrators, else one or two. Blocks. */
struct err *auth_role_in(struct auth *a, const struct auth_principal *who, struct str namespace_,
			 struct str repository, enum auth_role *out);
/* After the commit of a change of users, tokens or roles, or of what anybody may see without a
 * role: all are looked up again. */
void auth_changed(struct auth *a);
/* Grows with every change of users, tokens and roles of this process, from a random start, so that
 * values of other runs differ; one atomic load. */
uint64_t auth_generation(const struct auth *a);
/* Nothing changed since the principal was looked up, and its token or session did not run out. For
 * who asks often: no query, never blocks. */
bool auth_is_fresh(const struct auth *a, const struct auth_principal *who);
/* Looks the principal up again unless it is fresh. ERR_DENIED code LOGIN_FAILED when the user is
 * gone or disabled, the token or session is gone or ran out, or the password is another. Blocks. */
struct err *auth_refresh(struct auth *a, struct auth_principal *who);

/* ---- users, tokens, roles: changes are audited by the caller ---- */

struct auth_user {
	const char *id, *name;
	bool is_admin, disabled, has_password;
	int64_t created_ns, updated_ns;
};
/* Names are [a-z0-9][a-z0-9._-]{0,63}, but not "token", "worker", "system", "anonymous"; passwords
 * at least 12 characters and at most 1024 bytes, all of which count; an empty one: no login by
 * password. ERR_CONFLICT code USER_EXISTS. Blocks, as all below. */
struct err *auth_user_create(struct auth *a, struct arena *m, struct str name, struct str password,
			     bool is_admin, struct auth_user *out);
struct err *auth_user_get(struct auth *a, struct arena *m, struct str name, bool *found,
			  struct auth_user *out);
struct err *auth_user_list(struct auth *a, struct arena *m, struct str after, size_t n,
			   struct auth_user **out, size_t *n_out);
/* NULL leaves as it is. A new password, and disabling, end the user's sessions. The last
 * administrator cannot be lost: ERR_CONFLICT code LAST_ADMIN. */
struct err *auth_user_update(struct auth *a, struct str name, const struct str *password,
			     const bool *is_admin, const bool *disabled);
struct err *auth_user_delete(struct auth *a, struct str name, bool *found);

struct auth_token {
	const char *id, *kind, *name, *user; /* kind: "user", "worker"; user NULL for a worker */
	const char *role, *only_namespace, *pool; /* NULL where there is none */
	int64_t created_ns, expires_ns, used_ns;  /* 0: never */
};
struct auth_token_request {
	bool is_worker;
	struct str name;     /* 1 to 64 bytes, for people */
	const char *user_id; /* NULL for a worker */
	enum auth_role most; /* AUTH_NONE: not limited */
	struct str only_namespace, pool;
	int64_t expires_ns; /* 0: never */
};
/* `*secret` is shown once and never again: "kiln_…", "kilnw_…". */
struct err *auth_token_create(struct auth *a, struct arena *m, const struct auth_token_request *r,
			      struct auth_token *out, const char **secret);
struct err *auth_token_get(struct auth *a, struct arena *m, struct str id, bool *found,
			   struct auth_token *out);
/* Of one user (NULL: of everybody, workers' too), by time of creation. */
struct err *auth_token_list(struct auth *a, struct arena *m, const char *user_id,
			    struct auth_token **out, size_t *n);
/* `user_id` NULL: anybody's. */
struct err *auth_token_delete(struct auth *a, struct str id, const char *user_id, bool *found);

struct auth_grant {
	const char *user, *namespace_, *repository, *role; /* repository "": all of the namespace */
	int64_t created_ns;
};
struct err *auth_grant_set(struct auth *a, struct str user, struct str namespace_,
			   struct str repository, enum auth_role role); /* AUTH_NONE removes */
struct err *auth_grant_list(struct auth *a, struct arena *m, struct str namespace_,
			    struct auth_grant **out, size_t *n);
/* For who deletes a namespace (`repository` empty: with all repositories in it) or an image
 * repository: later ones of that name do not inherit its roles. */
struct err *auth_grant_drop(struct auth *a, struct str namespace_, struct str repository);
/* Names of the namespaces in which the principal has any role, the namespace's or a repository's.
 */
struct err *auth_namespaces_of(struct auth *a, struct arena *m, const struct auth_principal *who,
			       const char ***names, size_t *n, bool *all);

/* ---- secrets at rest ---- */

/* AES-256-GCM under the key file, base64; `purpose` is bound to it ("crcs-… secret"). The caller
 * frees `*out`. */
struct err *auth_seal(struct auth *a, const char *purpose, struct str plain, char **out);
/* ERR_CORRUPT when it was sealed by another key or for another purpose. The caller frees `*out`. */
struct err *auth_unseal(struct auth *a, const char *purpose, struct str sealed, char **out,
			size_t *len);

/* ---- the registry's short-lived tokens ---- */

struct auth_scope {
	char repository[256]; /* full name */
	bool pull, push, delete_;
};
/* An opaque token for these scopes, signed, valid for `life_s`: "kilnr_…", shorter than 4 KiB, else
 * ERR_LIMIT. It is as fresh as `who` is: take the roles after auth_check(). The caller frees
 * `*out`. */
struct err *auth_registry_token(struct auth *a, const struct auth_principal *who,
				const struct auth_scope *scopes, size_t n, uint32_t life_s,
				char **out);
/* ERR_DENIED for a forged, foreign or expired one. `*fresh` tells that nothing changed in users,
 * tokens and roles since it was issued; otherwise `who` has to be looked up again by
 * auth_refresh(), then the roles. Never blocks. */
struct err *auth_registry_token_read(struct auth *a, struct arena *m, struct str token,
				     struct auth_principal *who, struct auth_scope **scopes,
				     size_t *n, bool *fresh);

/* Who a build is to the registry; no user may be called so. */
#define AUTH_BUILD_USER "build"
/* That user, building for a namespace: reads what is public and what is of the namespace. */
struct auth_principal auth_build_principal(struct str namespace_);
/* The password of that user: for `life_s` it reads the image repositories of one namespace,
 * for the base images of a build. auth_check() takes it as Basic. The caller frees `*out`. */
struct err *auth_build_password(struct auth *a, struct str namespace_, uint32_t life_s, char **out);

/* ---- audit ---- */

/* One record; `detail` is a JSON object or NULL. A failure is logged, not returned: the change it
 * tells of was made. Blocks. */
void auth_audit(struct auth *a, const struct auth_principal *who, const char *remote,
		const char *action, struct str target, const char *detail);
/* The same in a transaction, for a change that is made there: a failure is the transaction's. */
struct err *auth_audit_in(struct auth *a, struct db_tx *tx, const struct auth_principal *who,
			  const char *remote, const char *action, struct str target,
			  const char *detail);
struct auth_audit_entry {
	int64_t seq, time_ns;
	const char *actor, *remote, *action, *target, *detail;
};
/* Newest first, those before `before` (0: all); `actor`, `action` and `target` filter unless empty
 * (action by prefix). */
struct err *auth_audit_list(struct auth *a, struct arena *m, int64_t before, struct str actor,
			    struct str action, struct str target, size_t n,
			    struct auth_audit_entry **out, size_t *n_out);

#endif
