#include "auth/auth_priv.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#define COLUMNS "id, name, is_admin, disabled, password_hash, created_ns, updated_ns"

/* Names that mean something else where they are shown, or in Basic. */
static const char *const reserved[] = { "anonymous", AUTH_BUILD_USER, "retention",
					"system",    "token",         "worker" };

bool auth_user_name_ok(struct str name)
{
	if (!name.len || name.len > LIMIT_USER_NAME_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!plain && (!i || !memchr("._-", c, 3)))
			return false;
	}
	return true;
}

static struct err *check_new_name(struct str name)
{
	if (!auth_user_name_ok(name))
		return err_coded(ERR_INVALID, "USER_NAME",
				 "Use a to z, 0 to 9, and inside also . _ and -",
				 "that is no name of a user, which has 1 to %d characters",
				 LIMIT_USER_NAME_BYTES);
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (str_eq(name, str_of(reserved[i])))
			return err_coded(ERR_INVALID, "USER_NAME", "Choose another name.",
					 "the name \"%s\" is reserved", reserved[i]);
	return NULL;
}

/* ---- reading ---- */

static struct auth_user user_of(struct arena *m, struct db_row *r)
{
	return (struct auth_user){
		.id = arena_strdup(m, db_row_text(r, 0)),
		.name = arena_strdup(m, db_row_text(r, 1)),
		.is_admin = db_row_int(r, 2) != 0,
		.disabled = db_row_int(r, 3) != 0,
		.has_password = !db_row_is_null(r, 4),
		.created_ns = db_row_int(r, 5),
		.updated_ns = db_row_int(r, 6),
	};
}

struct gathered {
	struct arena *m;
	struct auth_user *list;
	size_t n;
};

static bool gather(void *arg, struct db_row *r)
{
	struct gathered *g = arg;
	g->list[g->n++] = user_of(g->m, r);
	return true;
}

struct err *auth_user_get(struct auth *a, struct arena *m, struct str name, bool *found,
			  struct auth_user *out)
{
	struct auth_user u;
	struct gathered g = { .m = m, .list = &u };
	*found = false;
	if (!auth_user_name_ok(name))
		return NULL;
	TRY(db_query(a->db, "SELECT " COLUMNS " FROM user_account WHERE name = $1",
		     DB_PARAMS(db_text(name)), gather, &g));
	*found = g.n > 0;
	if (*found)
		*out = u;
	return NULL;
}

struct err *auth_user_list(struct auth *a, struct arena *m, struct str after, size_t n,
			   struct auth_user **out, size_t *n_out)
{
	struct gathered g = { .m = m, .list = arena_new_array(m, n, struct auth_user) };
	TRY(db_query(a->db,
		     "SELECT " COLUMNS " FROM user_account WHERE name > $1 ORDER BY name LIMIT $2",
		     DB_PARAMS(db_text(after.p ? after : STR("")), db_int(n)), gather, &g));
	*out = g.list;
	*n_out = g.n;
	return NULL;
}

struct account_row {
	struct auth_account *out;
	bool found;
};

static bool see_account(void *arg, struct db_row *r)
{
	struct account_row *row = arg;
	row->found = true;
	auth_copy(row->out->id, sizeof(row->out->id), db_row_text(r, 0));
	auth_copy(row->out->name, sizeof(row->out->name), db_row_text(r, 1));
	row->out->is_admin = db_row_int(r, 2) != 0;
	row->out->disabled = db_row_int(r, 3) != 0;
	auth_copy(row->out->hash, sizeof(row->out->hash), db_row_text(r, 4));
	return false;
}

struct err *auth_account_find(struct auth *a, struct str name, bool *found,
			      struct auth_account *out)
{
	struct account_row row = { .out = out };
	TRY(db_query(a->db, "SELECT " COLUMNS " FROM user_account WHERE name = $1",
		     DB_PARAMS(db_text(name)), see_account, &row));
	*found = row.found;
	return NULL;
}

/* ---- changes ---- */

/* An empty password leaves `out` empty: none. */
static struct err *hash_of(struct auth *a, struct str password, char out[AUTH_HASH_TEXT])
{
	out[0] = '\0';
	if (!password.len)
		return NULL;
	TRY(auth_password_check(password));
	return auth_password_hash(a, password, out);
}

static struct err *insert(struct db_tx *tx, const struct auth_user *u, const char *hash)
{
	struct err *e = db_tx_exec(
		tx, "INSERT INTO user_account (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)",
		DB_PARAMS(db_cstr(u->id), db_cstr(u->name), db_int(u->is_admin), db_int(0),
			  auth_text_or_null(str_of(hash)), db_int(u->created_ns),
			  db_int(u->updated_ns)));
	if (!e || e->kind != ERR_CONFLICT)
		return e;
	err_free(e);
	return err_coded(ERR_CONFLICT, "USER_EXISTS", "Choose another name.",
			 "there is a user %s already", u->name);
}

static struct auth_user new_user(struct auth *a, struct arena *m, struct str name, bool is_admin,
				 const char *hash)
{
	int64_t now_ns = a->tuning.unix_ns();
	return (struct auth_user){
		.id = arena_strdup(m, str_of(random_id("usr-").s)),
		.name = arena_strdup(m, name),
		.is_admin = is_admin,
		.has_password = *hash != '\0',
		.created_ns = now_ns,
		.updated_ns = now_ns,
	};
}

struct err *auth_user_create(struct auth *a, struct arena *m, struct str name, struct str password,
			     bool is_admin, struct auth_user *out)
{
	own(db_tx) tx = NULL;
	char hash[AUTH_HASH_TEXT];
	TRY(check_new_name(name));
	TRY(hash_of(a, password, hash));
	struct auth_user u = new_user(a, m, name, is_admin, hash);
	TRY(db_tx_begin(a->db, &tx));
	TRY(insert(tx, &u, hash));
	TRY(db_tx_commit(tx));
	auth_changed(a);
	*out = u;
	return NULL;
}

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return true;
}

static struct err *count_admins(struct db_tx *tx, int64_t *n)
{
	return db_tx_query(tx,
			   "SELECT COUNT(*) FROM user_account WHERE is_admin = 1 AND disabled = 0",
			   DB_NO_PARAMS, see_int, n);
}

/* In the transaction that may have taken the last of `before` away. */
static struct err *need_admin_left(struct db_tx *tx, int64_t before)
{
	int64_t n = 0;
	TRY(count_admins(tx, &n));
	if (n || !before)
		return NULL;
	return err_coded(ERR_CONFLICT, "LAST_ADMIN", "Make another user an administrator first.",
			 "nobody could administer kiln any more");
}

static struct err *need_user(struct db_tx *tx, struct str name)
{
	int64_t n = 0;
	TRY(db_tx_query(tx, "SELECT COUNT(*) FROM user_account WHERE name = $1",
			DB_PARAMS(db_text(name)), see_int, &n));
	return n ? NULL
		 : err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no user " STR_FMT,
			     STR_ARG(name));
}

static struct err *set_flag(struct db_tx *tx, const char *sql, struct str name, const bool *flag)
{
	return flag ? db_tx_exec(tx, sql, DB_PARAMS(db_text(name), db_int(*flag))) : NULL;
}

struct err *auth_user_update(struct auth *a, struct str name, const struct str *password,
			     const bool *is_admin, const bool *disabled)
{
	own(db_tx) tx = NULL;
	char hash[AUTH_HASH_TEXT] = "";
	int64_t n_admins = 0;
	if (!auth_user_name_ok(name))
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no such user");
	if (password)
		TRY(hash_of(a, *password, hash));
	TRY(db_tx_begin(a->db, &tx));
	TRY(count_admins(tx, &n_admins));
	TRY(need_user(tx, name));
	if (password)
		TRY(db_tx_exec(tx, "UPDATE user_account SET password_hash = $2 WHERE name = $1",
			       DB_PARAMS(db_text(name), auth_text_or_null(str_of(hash)))));
	if (password || (disabled && *disabled))
		TRY(auth_session_drop(tx, name));
	TRY(set_flag(tx, "UPDATE user_account SET is_admin = $2 WHERE name = $1", name, is_admin));
	TRY(set_flag(tx, "UPDATE user_account SET disabled = $2 WHERE name = $1", name, disabled));
	TRY(db_tx_exec(tx, "UPDATE user_account SET updated_ns = $2 WHERE name = $1",
		       DB_PARAMS(db_text(name), db_int(a->tuning.unix_ns()))));
	TRY(need_admin_left(tx, n_admins));
	TRY(db_tx_commit(tx));
	auth_changed(a);
	return NULL;
}

struct err *auth_user_delete(struct auth *a, struct str name, bool *found)
{
	own(db_tx) tx = NULL;
	int64_t n_admins = 0;
	*found = false;
	if (!auth_user_name_ok(name))
		return NULL;
	TRY(db_tx_begin(a->db, &tx));
	struct err *absent = need_user(tx, name);
	if (absent && absent->kind == ERR_NOT_FOUND) {
		err_free(absent);
		return NULL;
	}
	TRY(absent);
	TRY(count_admins(tx, &n_admins));
	/* Tokens, sessions and roles go with it. */
	TRY(db_tx_exec(tx, "DELETE FROM user_account WHERE name = $1", DB_PARAMS(db_text(name))));
	TRY(need_admin_left(tx, n_admins));
	TRY(db_tx_commit(tx));
	auth_changed(a);
	*found = true;
	return NULL;
}

/* ---- the first one ---- */

static struct err *insert_first(struct auth *a, struct db_tx *tx, struct str password, bool *made)
{
	own(arena) m = arena_open(4096);
	char hash[AUTH_HASH_TEXT];
	int64_t n = 0;
	*made = false;
	TRY(db_tx_query(tx, "SELECT COUNT(*) FROM user_account", DB_NO_PARAMS, see_int, &n));
	if (n)
		return NULL;
	TRY(hash_of(a, password, hash));
	struct auth_user u = new_user(a, m, STR("admin"), true, hash);
	TRY(insert(tx, &u, hash));
	*made = true;
	return db_tx_commit(tx);
}

struct err *auth_first_user(struct auth *a, const char *password, char **generated)
{
	own(db_tx) tx = NULL;
	bool made;
	bool given = password && *password;
	struct random_secret secret = random_secret("");
	*generated = NULL;
	TRY(db_tx_begin(a->db, &tx));
	struct str p = given ? str_of(password) : str_n(secret.s, 24); /* 142 bits */
	TRY(insert_first(a, tx, p, &made));
	if (!made)
		return NULL;
	auth_changed(a);
	if (!given)
		*generated = str_dup(p);
	OPENSSL_cleanse(&secret, sizeof(secret));
	return NULL;
}
