/* Sessions of the console: a cookie instead of a password with each request.
 *
 * 1. The database has the SHA-256 of the cookie's secret. What proves that a request is meant
 * (CSRF) is a MAC of the secret: nothing to store, and another for each session.
 * 2. A session is over when it was not used for a while, some time after the sign-in, and with the
 *    user's password. The time of last use is written at most once in a while, so it may be that
 *    much too early.
 * 3. Only a password starts one: a token may be narrower than its user, and ends. */
#include "auth/auth_priv.h"

#include <assert.h>

#include <openssl/crypto.h>

#include "base/log.h"

#define SECOND_NS     INT64_C(1000000000)
#define USED_EVERY_NS (300 * SECOND_NS) /* at most; less when sessions are short */

void auth_session_limits(struct auth *a, uint32_t idle_s, uint32_t life_s)
{
	assert(idle_s && life_s);
	a->session_idle_ns = idle_s * SECOND_NS;
	a->session_life_ns = life_s * SECOND_NS;
}

uint32_t auth_session_life_s(const struct auth *a)
{
	return (uint32_t)(a->session_life_ns / SECOND_NS);
}

static int64_t used_every_ns(const struct auth *a)
{
	return MIN(USED_EVERY_NS, a->session_idle_ns / 8);
}

static int64_t expires_ns(const struct auth *a, int64_t created_ns, int64_t used_ns)
{
	return MIN(used_ns + a->session_idle_ns, created_ns + a->session_life_ns);
}

/* ---- whose is it ---- */

struct session_row {
	struct auth *auth;
	struct auth_found_session *out;
	bool found;
};

static bool see_session(void *arg, struct db_row *r)
{
	struct session_row *row = arg;
	struct auth_found_session *s = row->out;
	row->found = true;
	*s = (struct auth_found_session){ .used_ns = db_row_int(r, 6) };
	s->who.kind = AUTH_USER;
	s->who.most = AUTH_ADMIN;
	auth_copy(s->who.session_id, sizeof(s->who.session_id), db_row_text(r, 0));
	auth_copy(s->who.user_id, sizeof(s->who.user_id), db_row_text(r, 1));
	auth_copy(s->who.name, sizeof(s->who.name), db_row_text(r, 2));
	s->who.is_admin = db_row_int(r, 3) != 0;
	s->expires_ns = expires_ns(row->auth, db_row_int(r, 5), s->used_ns);
	s->who.expires_ns = s->expires_ns;
	s->is_alive = db_row_int(r, 4) == 0 && s->expires_ns > row->auth->tuning.unix_ns();
	return false;
}

#define FIND                                                                              \
	"SELECT s.id, s.user_id, u.name, u.is_admin, u.disabled, s.created_ns, s.used_ns" \
	" FROM web_session s JOIN user_account u ON u.id = s.user_id WHERE "

struct err *auth_session_find(struct auth *a, struct str hash_or_id, bool by_id, bool *found,
			      struct auth_found_session *out)
{
	struct session_row row = { .auth = a, .out = out };
	TRY(db_query(a->db, by_id ? FIND "s.id = $1" : FIND "s.secret_hash = $1",
		     DB_PARAMS(db_text(hash_or_id)), see_session, &row));
	*found = row.found;
	return NULL;
}

static struct err *ended(void)
{
	return err_coded(ERR_DENIED, "SESSION_ENDED", "Sign in again.", "the session has ended");
}

/* Not each time: it is a write. */
static void note_use(struct auth *a, struct auth_found_session *s, const char *remote)
{
	int64_t now_ns = a->tuning.unix_ns();
	if (now_ns >= s->used_ns && now_ns - s->used_ns < used_every_ns(a))
		return;
	struct err *e =
		db_exec(a->db, "UPDATE web_session SET used_ns = $2, remote = $3 WHERE id = $1",
			DB_PARAMS(db_cstr(s->who.session_id), db_int(now_ns),
				  db_cstr(remote ? remote : "")));
	if (e)
		log_err(LOG_LEVEL_WARN, "the last use of a session is not noted", e);
}

static struct err *look_up(struct auth *a, struct str secret, const char *remote,
			   struct auth_found_session *s)
{
	bool found = false;
	uint64_t generation = auth_generation(a);
	if (auth_secret_is_shaped(secret, AUTH_SESSION_PREFIX)) {
		struct auth_secret_hash hash = auth_secret_hash(secret);
		TRY(auth_session_find(a, str_of(hash.s), false, &found, s));
	}
	if (!found || !s->is_alive)
		return ended();
	s->who.generation = generation;
	note_use(a, s, remote);
	return NULL;
}

/* Beside the headers that the cache knows, and never one of them: no header begins so. */
static struct auth_cache_key key_of(struct auth *a, struct str secret)
{
	char text[80];
	size_t n = MIN(secret.len, sizeof(text) - 1);
	text[0] = '\n';
	memcpy(text + 1, secret.p, n);
	struct auth_cache_key k = auth_cache_key(a->cache, str_n(text, n + 1));
	OPENSSL_cleanse(text, sizeof(text));
	return k;
}

struct err *auth_session_check(struct auth *a, struct str secret, const char *remote,
			       struct auth_principal *out)
{
	struct auth_found_session s;
	if (!auth_secret_is_shaped(secret, AUTH_SESSION_PREFIX))
		return ended();
	struct auth_cache_key k = key_of(a, secret);
	if (auth_cache_enter(a->cache, &k, a, out))
		return NULL;
	struct err *e = look_up(a, secret, remote, &s);
	/* What is remembered is looked up again in time to note its use. */
	int64_t until_ns = e ? 0 : MIN(s.expires_ns, a->tuning.unix_ns() + used_every_ns(a));
	auth_cache_leave(a->cache, &k, a->tuning.mono_ms(), e ? NULL : &s.who, until_ns);
	if (!e)
		*out = s.who;
	return e;
}

/* ---- lists ---- */

struct gathered {
	struct auth *auth;
	struct arena *m;
	struct auth_session *list;
	size_t n;
};

static bool gather(void *arg, struct db_row *r)
{
	struct gathered *g = arg;
	g->list[g->n++] = (struct auth_session){
		.id = arena_strdup(g->m, db_row_text(r, 0)),
		.remote = arena_strdup(g->m, db_row_text(r, 1)),
		.user_agent = arena_strdup(g->m, db_row_text(r, 2)),
		.created_ns = db_row_int(r, 3),
		.used_ns = db_row_int(r, 4),
		.expires_ns = expires_ns(g->auth, db_row_int(r, 3), db_row_int(r, 4)),
	};
	return g->n < LIMIT_USER_SESSIONS;
}

struct err *auth_session_list(struct auth *a, struct arena *m, const char *user_id,
			      struct auth_session **out, size_t *n)
{
	struct gathered g = { a, m, arena_new_array(m, LIMIT_USER_SESSIONS, struct auth_session),
			      0 };
	int64_t now_ns = a->tuning.unix_ns();
	TRY(db_query(a->db,
		     "SELECT id, remote, user_agent, created_ns, used_ns FROM web_session"
		     " WHERE user_id = $1 AND used_ns > $2 AND created_ns > $3"
		     " ORDER BY created_ns, id",
		     DB_PARAMS(db_cstr(user_id), db_int(now_ns - a->session_idle_ns),
			       db_int(now_ns - a->session_life_ns)),
		     gather, &g));
	*out = g.list;
	*n = g.n;
	return NULL;
}

/* ---- start ---- */

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return true;
}

/* When the account was last changed; 0: there is none. */
static struct err *updated_ns(struct auth *a, struct str name, int64_t *out)
{
	*out = 0;
	return db_query(a->db, "SELECT updated_ns FROM user_account WHERE name = $1",
			DB_PARAMS(db_text(name)), see_int, out);
}

/* For people, and in JSON. */
static const char *shown(struct arena *m, struct str s)
{
	char *text = arena_strdup(m, str_first(s, LIMIT_USER_AGENT_BYTES));
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return text;
}

/* What is over, of anybody; and of this user so many that one more has room. */
static struct err *make_room(struct auth *a, struct db_tx *tx, const char *user_id)
{
	int64_t now_ns = a->tuning.unix_ns();
	TRY(db_tx_exec(tx, "DELETE FROM web_session WHERE used_ns <= $1 OR created_ns <= $2",
		       DB_PARAMS(db_int(now_ns - a->session_idle_ns),
				 db_int(now_ns - a->session_life_ns))));
	return db_tx_exec(tx,
			  "DELETE FROM web_session WHERE user_id = $1 AND id NOT IN"
			  " (SELECT id FROM web_session WHERE user_id = $1"
			  "  ORDER BY used_ns DESC, id LIMIT $2)",
			  DB_PARAMS(db_cstr(user_id), db_int(LIMIT_USER_SESSIONS - 1)));
}

/* The account is as it was before the password was checked: who changed it ended all sessions, and
 * this one must not come after that. */
static struct err *need_unchanged(struct db_tx *tx, const char *user_id, int64_t since_ns)
{
	int64_t n = 0;
	TRY(db_tx_query(tx, "SELECT COUNT(*) FROM user_account WHERE id = $1 AND updated_ns = $2",
			DB_PARAMS(db_cstr(user_id), db_int(since_ns)), see_int, &n));
	return n ? NULL : auth_login_failed();
}

static struct err *insert(struct auth *a, const struct auth_principal *who, struct str secret,
			  int64_t account_ns, const char *remote, const char *user_agent)
{
	own(db_tx) tx = NULL;
	struct auth_secret_hash hash = auth_secret_hash(secret);
	int64_t now_ns = a->tuning.unix_ns();
	TRY(db_tx_begin(a->db, &tx));
	TRY(need_unchanged(tx, who->user_id, account_ns));
	TRY(make_room(a, tx, who->user_id));
	TRY(db_tx_exec(tx,
		       "INSERT INTO web_session (id, user_id, secret_hash, remote, user_agent,"
		       " created_ns, used_ns) VALUES ($1, $2, $3, $4, $5, $6, $6)",
		       DB_PARAMS(db_cstr(who->session_id), db_cstr(who->user_id), db_cstr(hash.s),
				 db_cstr(remote ? remote : ""), db_cstr(user_agent),
				 db_int(now_ns))));
	return db_tx_commit(tx);
}

struct err *auth_session_start(struct auth *a, struct arena *m, struct str name,
			       struct str password, const char *remote, struct str user_agent,
			       struct auth_principal *out, const char **secret)
{
	struct auth_principal who;
	int64_t account_ns;
	TRY(updated_ns(a, name, &account_ns));
	TRY(auth_login(a, name, password, remote, &who));
	if (who.kind != AUTH_USER || who.token_id[0])
		return auth_login_failed();
	struct random_secret s = random_secret(AUTH_SESSION_PREFIX);
	auth_copy(who.session_id, sizeof(who.session_id), str_of(random_id("ses-").s));
	struct err *e = insert(a, &who, str_of(s.s), account_ns, remote, shown(m, user_agent));
	if (!e) {
		*out = who;
		*secret = arena_strdup(m, str_of(s.s));
	}
	OPENSSL_cleanse(&s, sizeof(s));
	return e;
}

/* ---- the end ---- */

struct err *auth_session_end(struct auth *a, struct str id, const char *user_id, bool *found)
{
	own(db_tx) tx = NULL;
	int64_t n = 0;
	TRY(db_tx_begin(a->db, &tx));
	TRY(db_tx_query(tx, "SELECT COUNT(*) FROM web_session WHERE id = $1 AND user_id = $2",
			DB_PARAMS(db_text(id), db_cstr(user_id)), see_int, &n));
	*found = n > 0;
	if (!n)
		return NULL;
	TRY(db_tx_exec(tx, "DELETE FROM web_session WHERE id = $1", DB_PARAMS(db_text(id))));
	TRY(db_tx_commit(tx));
	auth_changed(a);
	return NULL;
}

struct err *auth_session_drop(struct db_tx *tx, struct str user_name)
{
	return db_tx_exec(tx,
			  "DELETE FROM web_session WHERE user_id IN"
			  " (SELECT id FROM user_account WHERE name = $1)",
			  DB_PARAMS(db_text(user_name)));
}

/* ---- CSRF ---- */

struct auth_csrf auth_session_csrf(struct auth *a, struct str secret)
{
	struct auth_csrf c;
	struct auth_mac mac = auth_hmac(a->csrf_key, secret);
	_Static_assert(sizeof(c.s) >= AUTH_BASE64_BYTES(sizeof(mac.b)), "a MAC has room");
	auth_base64_encode(str_n((const char *)mac.b, sizeof(mac.b)), true, c.s);
	return c;
}

bool auth_session_csrf_ok(struct auth *a, struct str secret, struct str given)
{
	struct auth_csrf want = auth_session_csrf(a, secret);
	return given.len == strlen(want.s) && CRYPTO_memcmp(given.p, want.s, given.len) == 0;
}
