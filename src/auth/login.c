/* Who is it: from credentials to a principal.
 *
 * 1. Whatever is wrong, the answer is the same: no word tells an unknown user from a wrong
 *    password, and argon2id is computed for both.
 * 2. A token that is right needs no limit: nobody guesses 256 bits, and a limit would let others
 *    lock it out. Wrong ones count for the address.
 * 3. A token whose user is disabled, or that expired, is as wrong as an unknown one. */
#include "auth/auth_priv.h"

#include <openssl/crypto.h>

#include "base/log.h"

#define USED_EVERY_NS (300 * INT64_C(1000000000)) /* how old the time of last use may be */

struct err *auth_login_failed(void)
{
	return err_coded(ERR_DENIED, "LOGIN_FAILED",
			 "Check name and password, or make a new token: kiln token create.",
			 "the login is wrong");
}

static struct auth_principal anonymous(struct auth *a)
{
	return (struct auth_principal){ .kind = AUTH_ANONYMOUS,
					.name = "anonymous",
					.most = AUTH_ADMIN,
					.generation = auth_generation(a) };
}

/* Not each time: it is a write. */
static void note_use(struct auth *a, const struct auth_found_token *t)
{
	int64_t now_ns = a->tuning.unix_ns();
	if (t->used_ns && now_ns - t->used_ns < USED_EVERY_NS && now_ns >= t->used_ns)
		return;
	struct err *e = db_exec(a->db, "UPDATE access_token SET used_ns = $2 WHERE id = $1",
				DB_PARAMS(db_cstr(t->id), db_int(now_ns)));
	if (e)
		log_err(LOG_LEVEL_WARN, "the last use of a token is not noted", e);
}

/* Basic may name the owner of the token, or what it is. */
static bool may_name(const struct auth_principal *who, struct str user)
{
	if (who->kind == AUTH_WORKER)
		return str_eq(user, STR("worker"));
	return str_eq(user, STR("token")) || str_eq(user, str_of(who->name));
}

struct attempt {
	struct auth_credentials c;
	const char *remote;
	uint64_t generation; /* before anything was read */
	struct auth_principal who;
	int64_t expires_ns;
};

static struct err *by_token(struct auth *a, struct attempt *t, bool *right)
{
	struct auth_found_token found;
	*right = false;
	if (!auth_token_is_shaped(t->c.secret))
		return NULL;
	TRY(auth_token_find(a, t->c.secret, false, right, &found));
	*right = *right && found.is_alive &&
		 (t->c.kind == AUTH_BEARER || may_name(&found.who, t->c.user));
	if (!*right)
		return NULL;
	note_use(a, &found);
	t->who = found.who;
	t->expires_ns = found.expires_ns;
	return NULL;
}

/* Another password, or the same once more, has another hash. */
static uint64_t password_mark(struct auth *a, const struct auth_account *u)
{
	uint64_t mark;
	struct auth_mac mac = auth_hmac(a->login_key, str_of(u->hash));
	memcpy(&mark, mac.b, sizeof(mark));
	return mark | 1; /* 0 is nobody's */
}

static struct err *by_password(struct auth *a, struct attempt *t, bool *right)
{
	bool found = false;
	struct auth_account u = { 0 };
	if (auth_user_name_ok(t->c.user))
		TRY(auth_account_find(a, t->c.user, &found, &u));
	bool same = auth_password_verify(a, t->c.secret, found ? u.hash : NULL);
	*right = same && !u.disabled;
	if (*right) {
		t->who = (struct auth_principal){ .kind = AUTH_USER,
						  .is_admin = u.is_admin,
						  .most = AUTH_ADMIN };
		auth_copy(t->who.user_id, sizeof(t->who.user_id), str_of(u.id));
		auth_copy(t->who.name, sizeof(t->who.name), str_of(u.name));
		t->who.password_mark = password_mark(a, &u);
	}
	OPENSSL_cleanse(&u, sizeof(u));
	return NULL;
}

static struct err *attempt(struct auth *a, struct attempt *t)
{
	bool right;
	t->generation = auth_generation(a);
	TRY(by_token(a, t, &right));
	/* The registry's own tokens come here when they are too old: no guess, no failure. */
	if (!right && t->c.kind == AUTH_BEARER &&
	    str_starts(t->c.secret, STR(AUTH_REGISTRY_PREFIX)))
		return auth_login_failed();
	if (!right) {
		struct str account = t->c.kind == AUTH_BASIC ? t->c.user : STR("");
		uint64_t now_ms = a->tuning.mono_ms();
		TRY(auth_limiter_begin(a->limiter, account, t->remote, now_ms));
		if (t->c.kind == AUTH_BASIC)
			TRY(by_password(a, t, &right));
		if (right)
			auth_limiter_right(a->limiter, account, t->remote, now_ms);
	}
	t->who.generation = t->generation;
	return right ? NULL : auth_login_failed();
}

/* Remembers what is right, and lets those who ask the same at once wait for it. */
static struct err *attempt_once(struct auth *a, const struct auth_cache_key *k, struct attempt *t)
{
	if (auth_cache_enter(a->cache, k, a, &t->who))
		return NULL;
	struct err *e = attempt(a, t);
	auth_cache_leave(a->cache, k, a->tuning.mono_ms(), e ? NULL : &t->who, t->expires_ns);
	return e;
}

struct err *auth_check(struct auth *a, struct str authorization, const char *remote,
		       struct auth_principal *out)
{
	char room[LIMIT_AUTHORIZATION_BYTES];
	struct attempt t = { .remote = remote };
	authorization = str_trim(authorization);
	if (!auth_header_read(authorization, room, &t.c))
		return auth_login_failed();
	if (t.c.kind == AUTH_NO_CREDENTIALS) {
		*out = anonymous(a);
		return NULL;
	}
	if (auth_build_login(a, &t.c, out)) {
		OPENSSL_cleanse(room, sizeof(room));
		return NULL;
	}
	struct auth_cache_key k = auth_cache_key(a->cache, authorization);
	struct err *e = attempt_once(a, &k, &t);
	OPENSSL_cleanse(room, sizeof(room));
	if (!e)
		*out = t.who;
	return e;
}

bool auth_check_cached(struct auth *a, struct str authorization, struct auth_principal *out)
{
	authorization = str_trim(authorization);
	if (!authorization.len || str_eq(authorization, STR("Basic Og=="))) {
		*out = anonymous(a);
		return true;
	}
	if (authorization.len > LIMIT_AUTHORIZATION_BYTES)
		return false;
	struct auth_now now = { a->tuning.mono_ms(), a->tuning.unix_ns(), auth_generation(a) };
	struct auth_cache_key k = auth_cache_key(a->cache, authorization);
	return auth_cache_get(a->cache, &k, &now, out);
}

struct err *auth_login(struct auth *a, struct str name, struct str secret, const char *remote,
		       struct auth_principal *out)
{
	struct attempt t = { .c = { AUTH_BASIC, name, secret }, .remote = remote };
	if (name.len > LIMIT_AUTHORIZATION_BYTES || secret.len > LIMIT_AUTHORIZATION_BYTES)
		return auth_login_failed();
	TRY(attempt(a, &t));
	*out = t.who;
	return NULL;
}

/* ---- again ---- */

static struct err *refresh_user(struct auth *a, struct auth_principal *who)
{
	bool found;
	struct auth_account u = { 0 };
	TRY(auth_account_find(a, str_of(who->name), &found, &u));
	bool same = found && !u.disabled && strcmp(u.id, who->user_id) == 0 &&
		    (!who->password_mark || who->password_mark == password_mark(a, &u));
	if (same)
		who->is_admin = u.is_admin && !auth_is_narrow(who);
	OPENSSL_cleanse(&u, sizeof(u));
	return same ? NULL : auth_login_failed();
}

bool auth_is_fresh(const struct auth *a, const struct auth_principal *who)
{
	return who->generation == auth_generation(a) &&
	       (!who->expires_ns || who->expires_ns > a->tuning.unix_ns());
}

struct err *auth_refresh(struct auth *a, struct auth_principal *who)
{
	uint64_t generation = auth_generation(a);
	struct auth_found_token t;
	bool found = true;
	if (auth_is_fresh(a, who))
		return NULL;
	if (who->token_id[0]) {
		TRY(auth_token_find(a, str_of(who->token_id), true, &found, &t));
		if (!found || !t.is_alive)
			return auth_login_failed();
		*who = t.who;
	} else if (who->session_id[0]) {
		struct auth_found_session s;
		TRY(auth_session_find(a, str_of(who->session_id), true, &found, &s));
		if (!found || !s.is_alive)
			return auth_login_failed();
		*who = s.who;
	} else if (who->kind == AUTH_USER) {
		TRY(refresh_user(a, who));
	}
	who->generation = generation;
	return NULL;
}
