/* Tokens of users and workers. The database has the SHA-256 of 256 random bits: no need to be slow.
 */
#include "auth/auth_priv.h"

#include <stdlib.h>

#include "codec/sha256.h"

#define SECRET_LETTERS 43
#define COLUMNS                                                                                  \
	"t.id, t.kind, t.name, u.name, t.role, t.namespace, t.pool, t.created_ns, t.expires_ns," \
	" t.used_ns"
#define TABLES " FROM access_token t LEFT JOIN user_account u ON u.id = t.user_id"

bool auth_secret_is_shaped(struct str s, const char *prefix)
{
	if (!str_starts(s, str_of(prefix)))
		return false;
	s = str_skip(s, strlen(prefix));
	if (s.len != SECRET_LETTERS)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

bool auth_token_is_shaped(struct str s)
{
	return auth_secret_is_shaped(s, AUTH_WORKER_PREFIX) ||
	       auth_secret_is_shaped(s, AUTH_TOKEN_PREFIX);
}

struct auth_secret_hash auth_secret_hash(struct str secret)
{
	struct sha256_sum sum = sha256_of(secret.p, secret.len);
	struct auth_secret_hash h;
	hex_encode(sum.b, sizeof(sum.b), h.s);
	return h;
}

/* ---- whose is it ---- */

struct token_row {
	struct auth_found_token *out;
	int64_t now_ns;
	bool found;
};

static void read_user(struct auth_principal *who, struct db_row *r)
{
	struct str role = db_row_text(r, 4);
	who->kind = AUTH_USER;
	auth_copy(who->user_id, sizeof(who->user_id), db_row_text(r, 2));
	auth_copy(who->name, sizeof(who->name), db_row_text(r, 3));
	/* A role that this version does not know is none. */
	if (!role.len)
		who->most = AUTH_ADMIN;
	else if (!auth_role_parse(role, &who->most))
		who->most = AUTH_NONE;
	auth_copy(who->only_namespace, sizeof(who->only_namespace), db_row_text(r, 5));
	who->is_admin = db_row_int(r, 8) != 0 && !auth_is_narrow(who);
}

static void read_worker(struct auth_principal *who, struct db_row *r)
{
	char name[LIMIT_TOKEN_NAME_BYTES + 1];
	auth_copy(name, sizeof(name), db_row_text(r, 7));
	who->kind = AUTH_WORKER;
	who->most = AUTH_ADMIN;
	auth_copy(who->name, sizeof(who->name), STR("worker:"));
	auth_copy(who->name + 7, sizeof(who->name) - 7, str_of(name));
	auth_copy(who->pool, sizeof(who->pool), db_row_text(r, 6));
}

static bool see_token(void *arg, struct db_row *r)
{
	struct token_row *row = arg;
	struct auth_found_token *t = row->out;
	*t = (struct auth_found_token){ .expires_ns = db_row_int(r, 10),
					.used_ns = db_row_int(r, 11) };
	row->found = true;
	auth_copy(t->id, sizeof(t->id), db_row_text(r, 0));
	if (str_eq(db_row_text(r, 1), STR("worker")))
		read_worker(&t->who, r);
	else
		read_user(&t->who, r);
	auth_copy(t->who.token_id, sizeof(t->who.token_id), db_row_text(r, 0));
	t->who.expires_ns = t->expires_ns;
	t->is_alive = db_row_int(r, 9) == 0 && (!t->expires_ns || t->expires_ns > row->now_ns);
	return false;
}

#define FIND                                                                                       \
	"SELECT t.id, t.kind, t.user_id, u.name, t.role, t.namespace, t.pool, t.name, u.is_admin," \
	" u.disabled, t.expires_ns, t.used_ns" TABLES

struct err *auth_token_find(struct auth *a, struct str secret_or_id, bool by_id, bool *found,
			    struct auth_found_token *out)
{
	struct auth_secret_hash hash = auth_secret_hash(secret_or_id);
	struct token_row row = { .out = out, .now_ns = a->tuning.unix_ns() };
	struct str key = by_id ? secret_or_id : str_of(hash.s);
	TRY(db_query(a->db, by_id ? FIND " WHERE t.id = $1" : FIND " WHERE t.secret_hash = $1",
		     DB_PARAMS(db_text(key)), see_token, &row));
	*found = row.found;
	return NULL;
}

/* ---- lists ---- */

struct gathered {
	struct arena *m;
	struct auth_token *list; /* grows; its old places stay in the arena */
	size_t n, cap;
};

static const char *text_or_null(struct arena *m, struct db_row *r, int column)
{
	return db_row_is_null(r, column) ? NULL : arena_strdup(m, db_row_text(r, column));
}

static bool gather(void *arg, struct db_row *r)
{
	struct gathered *g = arg;
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 16;
		struct auth_token *list = arena_new_array(g->m, cap, struct auth_token);
		if (g->n)
			memcpy(list, g->list, g->n * sizeof(*list));
		g->list = list;
		g->cap = cap;
	}
	g->list[g->n++] = (struct auth_token){
		.id = arena_strdup(g->m, db_row_text(r, 0)),
		.kind = arena_strdup(g->m, db_row_text(r, 1)),
		.name = arena_strdup(g->m, db_row_text(r, 2)),
		.user = text_or_null(g->m, r, 3),
		.role = text_or_null(g->m, r, 4),
		.only_namespace = text_or_null(g->m, r, 5),
		.pool = text_or_null(g->m, r, 6),
		.created_ns = db_row_int(r, 7),
		.expires_ns = db_row_int(r, 8),
		.used_ns = db_row_int(r, 9),
	};
	return true;
}

struct err *auth_token_get(struct auth *a, struct arena *m, struct str id, bool *found,
			   struct auth_token *out)
{
	struct gathered g = { .m = m };
	TRY(db_query(a->db, "SELECT " COLUMNS TABLES " WHERE t.id = $1", DB_PARAMS(db_text(id)),
		     gather, &g));
	*found = g.n > 0;
	if (*found)
		*out = g.list[0];
	return NULL;
}

struct err *auth_token_list(struct auth *a, struct arena *m, const char *user_id,
			    struct auth_token **out, size_t *n)
{
	struct gathered g = { .m = m };
	TRY(db_query(a->db,
		     "SELECT " COLUMNS TABLES
		     " WHERE $1 = '' OR t.user_id = $1 ORDER BY t.created_ns, t.id",
		     DB_PARAMS(db_cstr(user_id ? user_id : "")), gather, &g));
	*out = g.list;
	*n = g.n;
	return NULL;
}

/* ---- changes ---- */

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return true;
}

/* For people, and in the log: no control characters. */
static bool is_shown(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return str_is_utf8(s);
}

static struct err *check_request(struct auth *a, const struct auth_token_request *r)
{
	if (!r->name.len || r->name.len > LIMIT_TOKEN_NAME_BYTES || !is_shown(r->name))
		return err_coded(ERR_INVALID, "TOKEN_NAME", NULL,
				 "the name of a token has 1 to %d bytes, all printable",
				 LIMIT_TOKEN_NAME_BYTES);
	if (r->only_namespace.len > 120)
		return err_coded(ERR_INVALID, "TOKEN_NAMESPACE", NULL,
				 "a namespace's name has at most 120 bytes");
	if (r->pool.len > LIMIT_TOKEN_NAME_BYTES || !is_shown(r->pool))
		return err_coded(ERR_INVALID, "TOKEN_POOL", NULL,
				 "a pool's name has at most %d bytes", LIMIT_TOKEN_NAME_BYTES);
	if (r->expires_ns && r->expires_ns <= a->tuning.unix_ns())
		return err_coded(ERR_INVALID, "TOKEN_EXPIRES", "Give a time to come.",
				 "the token would have expired already");
	return NULL;
}

static struct err *check_room(struct db_tx *tx, const struct auth_token_request *r)
{
	int64_t n = 0, most = r->is_worker ? LIMIT_WORKER_TOKENS : LIMIT_USER_TOKENS;
	TRY(db_tx_query(tx,
			"SELECT COUNT(*) FROM access_token WHERE"
			" ($1 = '' AND user_id IS NULL) OR user_id = $1",
			DB_PARAMS(db_cstr(r->is_worker ? "" : r->user_id)), see_int, &n));
	if (n < most)
		return NULL;
	return err_coded(ERR_LIMIT, "TOO_MANY_TOKENS", "Delete those that nobody uses.",
			 "there are %d tokens already", (int)most);
}

static const char *keep(struct arena *m, struct str s)
{
	return s.len ? arena_strdup(m, s) : NULL;
}

static struct err *insert(struct db_tx *tx, const struct auth_token *t, const char *user_id,
			  struct str hash)
{
	struct err *e = db_tx_exec(
		tx,
		"INSERT INTO access_token (id, kind, user_id, name, secret_hash, role, namespace,"
		" pool, expires_ns, created_ns) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		DB_PARAMS(db_cstr(t->id), db_cstr(t->kind), auth_text_or_null(str_of(user_id)),
			  db_cstr(t->name), db_text(hash), auth_text_or_null(str_of(t->role)),
			  auth_text_or_null(str_of(t->only_namespace)),
			  auth_text_or_null(str_of(t->pool)),
			  t->expires_ns ? db_int(t->expires_ns) : db_null(),
			  db_int(t->created_ns)));
	if (!e || e->kind != ERR_CONFLICT)
		return e;
	err_free(e);
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no such user any more");
}

struct err *auth_token_create(struct auth *a, struct arena *m, const struct auth_token_request *r,
			      struct auth_token *out, const char **secret)
{
	own(db_tx) tx = NULL;
	TRY(check_request(a, r));
	struct random_secret s =
		random_secret(r->is_worker ? AUTH_WORKER_PREFIX : AUTH_TOKEN_PREFIX);
	bool limited = !r->is_worker && r->most != AUTH_NONE && r->most != AUTH_ADMIN;
	struct auth_token t = {
		.id = arena_strdup(m, str_of(random_id("tok-").s)),
		.kind = r->is_worker ? "worker" : "user",
		.name = arena_strdup(m, r->name),
		.role = limited ? auth_role_name(r->most) : NULL,
		.only_namespace = r->is_worker ? NULL : keep(m, r->only_namespace),
		.pool = r->is_worker ? keep(m, r->pool) : NULL,
		.created_ns = a->tuning.unix_ns(),
		.expires_ns = r->expires_ns,
	};
	TRY(db_tx_begin(a->db, &tx));
	TRY(check_room(tx, r));
	struct auth_secret_hash hash = auth_secret_hash(str_of(s.s));
	TRY(insert(tx, &t, r->is_worker ? NULL : r->user_id, str_of(hash.s)));
	TRY(db_tx_commit(tx));
	auth_changed(a);
	bool found; /* with its user's name */
	TRY(auth_token_get(a, m, str_of(t.id), &found, out));
	*secret = arena_strdup(m, str_of(s.s));
	return found ? NULL : err_new(ERR_NOT_FOUND, "the token is gone again");
}

struct err *auth_token_delete(struct auth *a, struct str id, const char *user_id, bool *found)
{
	own(db_tx) tx = NULL;
	int64_t n = 0;
	TRY(db_tx_begin(a->db, &tx));
	TRY(db_tx_query(
		tx, "SELECT COUNT(*) FROM access_token WHERE id = $1 AND ($2 = '' OR user_id = $2)",
		DB_PARAMS(db_text(id), db_cstr(user_id ? user_id : "")), see_int, &n));
	*found = n > 0;
	if (!n)
		return NULL;
	TRY(db_tx_exec(tx, "DELETE FROM access_token WHERE id = $1", DB_PARAMS(db_text(id))));
	TRY(db_tx_commit(tx));
	auth_changed(a);
	return NULL;
}
