/* Inside auth/: the keys, the parts of a login, and what is remembered of it.
 *
 * 1. The key file is never used itself: each use has a key derived from it (HKDF). Keys of the
 *    tables in memory are drawn per process.
 * 2. Who is asked for credentials takes the generation first, then reads the database; who changes
 *    it commits first, then raises the generation. So nothing old is remembered as new. */
#ifndef KILN_AUTH_AUTH_PRIV_H
#define KILN_AUTH_AUTH_PRIV_H

#include "auth/auth.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/thread.h"

#define AUTH_KEY_BYTES       32
#define AUTH_CACHE_MS        60000u
#define AUTH_TOKEN_PREFIX    "kiln_"
#define AUTH_WORKER_PREFIX   "kilnw_"
#define AUTH_REGISTRY_PREFIX "kilnr_"
#define AUTH_SESSION_PREFIX  "kilns_"
#define AUTH_HASH_TEXT       128 /* an encoded argon2id hash */

/* What tests turn: the cost of a hash, and the clocks. */
struct auth_tuning {
	uint32_t argon_passes, argon_kib;
	uint64_t (*mono_ms)(void);
	int64_t (*unix_ns)(void);
};
extern const struct auth_tuning auth_tuning_default;
struct err *auth_open_with(struct db *db, int data_fd, const struct auth_tuning *t,
			   struct auth **out);

struct auth {
	struct db *db; /* borrowed */
	struct auth_tuning tuning;
	uint8_t seal_key[AUTH_KEY_BYTES], registry_key[AUTH_KEY_BYTES], csrf_key[AUTH_KEY_BYTES];
	uint8_t login_key[AUTH_KEY_BYTES]; /* of this process */
	struct auth_mark mark;
	int64_t session_idle_ns, session_life_ns; /* fixed once others use it */
	_Atomic uint64_t generation;
	struct auth_cache *cache;     /* owned */
	struct auth_limiter *limiter; /* owned */
};

/* ---- key.c ---- */
struct err *auth_key_load(int data_fd, uint8_t out[AUTH_KEY_BYTES]);
void auth_key_derive(const uint8_t key[AUTH_KEY_BYTES], const char *purpose,
		     uint8_t out[AUTH_KEY_BYTES]);
struct auth_mac {
	uint8_t b[32];
};
struct auth_mac auth_hmac(const uint8_t key[AUTH_KEY_BYTES], struct str s); /* HMAC-SHA256 */
bool auth_mac_eq(const struct auth_mac *a, const struct auth_mac *b);       /* in constant time */

/* ---- base64.c: RFC 4648, strict: no blanks, no stray bits ---- */
#define AUTH_BASE64_BYTES(n) (((n) + 2) / 3 * 4 + 1)
/* With padding, or, for URLs, with the other alphabet and without. NUL-terminated. */
void auth_base64_encode(struct str s, bool url, char *out);
/* Padding may be absent. `out` has room for `s.len` bytes. */
bool auth_base64_decode(struct str s, bool url, uint8_t *out, size_t *len);

/* ---- password.c ---- */
struct err *auth_password_check(struct str password); /* its length */
struct err *auth_password_hash(struct auth *a, struct str password, char out[AUTH_HASH_TEXT]);
/* `hash` NULL (nobody of that name, or no password): takes as long, and is false. */
bool auth_password_verify(struct auth *a, struct str password, const char *hash);

/* ---- header.c ---- */
struct auth_credentials {
	enum { AUTH_NO_CREDENTIALS, AUTH_BASIC, AUTH_BEARER } kind;
	struct str user, secret; /* in the room that was given, or in the header */
};
/* False for what is neither Basic nor Bearer, or malformed. */
bool auth_header_read(struct str header, char room[LIMIT_AUTHORIZATION_BYTES],
		      struct auth_credentials *out);

/* registry_token.c: is it what auth_build_password() made? Costs no hash of a password. */
bool auth_build_login(struct auth *a, const struct auth_credentials *c, struct auth_principal *out);

/* ---- cache.c: who was checked a minute ago ---- */
struct auth_cache;
struct auth_cache *auth_cache_new(void) __attribute__((returns_nonnull));
void auth_cache_free(struct auth_cache *c);
struct auth_cache_key {
	struct auth_mac mac;
};
struct auth_cache_key auth_cache_key(struct auth_cache *c, struct str header);
struct auth_now {
	uint64_t mono_ms;
	int64_t unix_ns;
	uint64_t generation;
};
bool auth_cache_get(struct auth_cache *c, const struct auth_cache_key *k,
		    const struct auth_now *now, struct auth_principal *out);
/* As above; false means that the caller looks it up and says auth_cache_leave(), whatever comes.
 * Others with the same key wait until then. */
bool auth_cache_enter(struct auth_cache *c, const struct auth_cache_key *k, struct auth *a,
		      struct auth_principal *out);
/* `who` NULL: nothing to remember. `expires_ns` of its token, or 0. */
void auth_cache_leave(struct auth_cache *c, const struct auth_cache_key *k, uint64_t mono_ms,
		      const struct auth_principal *who, int64_t expires_ns);

/* ---- limiter.c: failed logins ---- */
struct auth_limiter;
struct auth_limiter *auth_limiter_new(void) __attribute__((returns_nonnull));
void auth_limiter_free(struct auth_limiter *l);
/* Counts an attempt as failed before it is made, so that many at once are no way around. ERR_LIMIT
 * code LOGIN_LIMITED when there were too many. `account` empty: a token, only the address counts;
 * `remote` NULL or "": only the account. */
struct err *auth_limiter_begin(struct auth_limiter *l, struct str account, const char *remote,
			       uint64_t now_ms);
/* It was right: forgets what the account failed, and this attempt of the address. */
void auth_limiter_right(struct auth_limiter *l, struct str account, const char *remote,
			uint64_t now_ms);

/* ---- users and tokens ---- */
bool auth_user_name_ok(struct str name);
struct auth_account {                                /* what a login needs of a user */
	char id[24], name[72], hash[AUTH_HASH_TEXT]; /* hash "": none */
	bool is_admin, disabled;
};
struct err *auth_account_find(struct auth *a, struct str name, bool *found,
			      struct auth_account *out);
struct auth_found_token {
	struct auth_principal who;
	char id[24];
	bool is_alive; /* not expired, its user not disabled */
	int64_t expires_ns, used_ns;
};
/* By secret, or (`by_id`) by id. */
struct err *auth_token_find(struct auth *a, struct str secret_or_id, bool by_id, bool *found,
			    struct auth_found_token *out);
bool auth_token_is_shaped(struct str secret); /* could it be one? */

/* ---- secrets: a prefix and 43 letters or digits ---- */
bool auth_secret_is_shaped(struct str secret, const char *prefix);
struct auth_secret_hash {
	char s[65]; /* hexadecimal */
};
struct auth_secret_hash auth_secret_hash(struct str secret);

/* ---- sessions ---- */
struct auth_found_session {
	struct auth_principal who;
	bool is_alive;
	int64_t expires_ns, used_ns;
};
struct err *auth_session_find(struct auth *a, struct str hash_or_id, bool by_id, bool *found,
			      struct auth_found_session *out);
/* All of a user, in the transaction that changes it. */
struct err *auth_session_drop(struct db_tx *tx, struct str user_name);

struct err *auth_login_failed(void);

/* ---- registry_token.c ---- */
struct auth_registry_record {
	uint64_t issued_s, expires_s;
	struct auth_principal who;
	struct auth_scope *scopes; /* in the arena */
	size_t n;
};
bool auth_registry_record_read(struct arena *m, struct str record,
			       struct auth_registry_record *out);

static inline struct db_param auth_text_or_null(struct str s)
{
	return s.len ? db_text(s) : db_null();
}
void auth_copy(char *out, size_t size, struct str s); /* cuts */

#endif
