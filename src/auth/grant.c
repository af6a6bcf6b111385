/* Roles in namespaces and image repositories. */
#include "auth/auth_priv.h"

#define NAMESPACE_BYTES 120

/* ---- what may they do ---- */

struct standing {
	bool found, is_admin, disabled;
	enum auth_role role;
};

static bool see_standing(void *arg, struct db_row *r)
{
	struct standing *s = arg;
	enum auth_role role;
	s->found = true;
	s->is_admin = db_row_int(r, 0) != 0;
	s->disabled = db_row_int(r, 1) != 0;
	if (!db_row_is_null(r, 2) && auth_role_parse(db_row_text(r, 2), &role))
		s->role = MAX(s->role, role);
	return true;
}

/* A token that went while a request with it was on its way. */
static struct err *token_is_alive(struct auth *a, const struct auth_principal *who, bool *alive)
{
	struct auth_found_token t;
	bool found;
	*alive = true;
	if (!who->token_id[0] || who->generation == auth_generation(a))
		return NULL;
	TRY(auth_token_find(a, str_of(who->token_id), true, &found, &t));
	*alive = found && t.is_alive;
	return NULL;
}

static struct err *user_role(struct auth *a, const struct auth_principal *who,
			     struct str namespace_, struct str repository, enum auth_role *out)
{
	struct standing s = { .role = AUTH_NONE };
	bool alive;
	TRY(token_is_alive(a, who, &alive));
	if (!alive)
		return NULL;
	TRY(db_query(a->db,
		     "SELECT u.is_admin, u.disabled, g.role FROM user_account u"
		     " LEFT JOIN role_grant g ON g.user_id = u.id AND g.namespace = $2"
		     " AND (g.repository = '' OR g.repository = $3) WHERE u.id = $1",
		     DB_PARAMS(db_cstr(who->user_id), db_text(namespace_.p ? namespace_ : STR("")),
			       db_text(repository.p ? repository : STR(""))),
		     see_standing, &s));
	if (s.found && !s.disabled)
		*out = MIN(s.is_admin ? AUTH_ADMIN : s.role, who->most);
	return NULL;
}

struct err *auth_role_in(struct auth *a, const struct auth_principal *who, struct str namespace_,
			 struct str repository, enum auth_role *out)
{
	enum auth_role role = AUTH_NONE;
	switch (who->kind) {
	case AUTH_ANONYMOUS:
	case AUTH_WORKER: /* what a worker needs comes with its lease */
		break;
	case AUTH_SYSTEM:
		if (!who->only_namespace[0])
			role = AUTH_ADMIN;
		else if (str_eq(namespace_, str_of(who->only_namespace)))
			role = who->most;
		break;
	case AUTH_USER:
		if (who->only_namespace[0] && !str_eq(namespace_, str_of(who->only_namespace)))
			break;
		if (who->is_admin && who->generation == auth_generation(a))
			role = who->most;
		else
			TRY(user_role(a, who, namespace_, repository, &role));
		break;
	}
	*out = role;
	return NULL;
}

/* ---- lists ---- */

struct gathered {
	struct arena *m;
	struct auth_grant *grants;
	const char **names;
	size_t n, most;
};

static bool gather_grant(void *arg, struct db_row *r)
{
	struct gathered *g = arg;
	if (!g->grants)
		g->grants = arena_new_array(g->m, g->most, struct auth_grant);
	g->grants[g->n++] = (struct auth_grant){
		.user = arena_strdup(g->m, db_row_text(r, 0)),
		.namespace_ = arena_strdup(g->m, db_row_text(r, 1)),
		.repository = arena_strdup(g->m, db_row_text(r, 2)),
		.role = arena_strdup(g->m, db_row_text(r, 3)),
		.created_ns = db_row_int(r, 4),
	};
	return g->n < g->most;
}

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return true;
}

/* The most there are, found by counting first; another may come in between. */
static struct err *count(struct auth *a, const char *sql, struct str key, size_t *n)
{
	int64_t v = 0;
	TRY(db_query(a->db, sql, DB_PARAMS(db_text(key)), see_int, &v));
	*n = (size_t)v;
	return NULL;
}

struct err *auth_grant_list(struct auth *a, struct arena *m, struct str namespace_,
			    struct auth_grant **out, size_t *n)
{
	struct gathered g = { .m = m };
	TRY(count(a, "SELECT COUNT(*) FROM role_grant WHERE namespace = $1", namespace_, &g.most));
	if (g.most)
		TRY(db_query(a->db,
			     "SELECT u.name, g.namespace, g.repository, g.role, g.created_ns"
			     " FROM role_grant g JOIN user_account u ON u.id = g.user_id"
			     " WHERE g.namespace = $1 ORDER BY u.name, g.repository",
			     DB_PARAMS(db_text(namespace_)), gather_grant, &g));
	*out = g.grants;
	*n = g.n;
	return NULL;
}

static bool gather_name(void *arg, struct db_row *r)
{
	struct gathered *g = arg;
	if (!g->names)
		g->names = arena_new_array(g->m, g->most, const char *);
	g->names[g->n++] = arena_strdup(g->m, db_row_text(r, 0));
	return g->n < g->most;
}

static struct err *granted(struct auth *a, struct arena *m, const struct auth_principal *who,
			   const char ***names, size_t *n)
{
	struct gathered g = { .m = m };
	struct str id = str_of(who->user_id);
	TRY(count(a, "SELECT COUNT(DISTINCT namespace) FROM role_grant WHERE user_id = $1", id,
		  &g.most));
	if (g.most)
		TRY(db_query(a->db,
			     "SELECT DISTINCT namespace FROM role_grant WHERE user_id = $1"
			     " AND ($2 = '' OR namespace = $2) ORDER BY namespace",
			     DB_PARAMS(db_text(id), db_cstr(who->only_namespace)), gather_name,
			     &g));
	*names = g.names;
	*n = g.n;
	return NULL;
}

struct err *auth_namespaces_of(struct auth *a, struct arena *m, const struct auth_principal *who,
			       const char ***names, size_t *n, bool *all)
{
	/* Who is an administrator has a role where nobody else has one. */
	enum auth_role role;
	struct str any = who->only_namespace[0] ? str_of(who->only_namespace) : STR("");
	*names = NULL;
	*n = 0;
	*all = false;
	if (who->kind == AUTH_ANONYMOUS || who->kind == AUTH_WORKER || who->most == AUTH_NONE)
		return NULL;
	TRY(auth_role_in(a, who, any, STR(""), &role));
	if (role != AUTH_NONE && !any.len) {
		*all = true;
		return NULL;
	}
	if (role != AUTH_NONE) {
		*names = arena_new_array(m, 1, const char *);
		(*names)[(*n)++] = arena_strdup(m, any);
		return NULL;
	}
	struct auth_principal now = *who;
	struct err *gone = auth_refresh(a, &now);
	if (gone && gone->kind == ERR_DENIED) {
		err_free(gone);
		return NULL;
	}
	TRY(gone);
	return granted(a, m, &now, names, n);
}

/* ---- changes ---- */

static bool see_id(void *arg, struct db_row *r)
{
	auth_copy(arg, 24, db_row_text(r, 0));
	return false;
}

static bool is_name(struct str s, size_t most, bool slashes)
{
	if (s.len > most)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
			  c == '_' || c == '-' || (slashes && c == '/');
		if (!ok)
			return false;
	}
	return true;
}

static struct err *check_place(struct str namespace_, struct str repository)
{
	if (namespace_.len && is_name(namespace_, NAMESPACE_BYTES, false) &&
	    is_name(repository, LIMIT_NAME_BYTES, true))
		return NULL;
	return err_coded(ERR_INVALID, "NAME", NULL,
			 "that is no name of a namespace or of a repository below it");
}

static struct err *find_user(struct db_tx *tx, struct str user, char id[24])
{
	id[0] = '\0';
	if (auth_user_name_ok(user))
		TRY(db_tx_query(tx, "SELECT id FROM user_account WHERE name = $1",
				DB_PARAMS(db_text(user)), see_id, id));
	return id[0] ? NULL
		     : err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no user " STR_FMT,
				 STR_ARG(str_first(user, LIMIT_USER_NAME_BYTES)));
}

static struct err *check_room(struct db_tx *tx, struct str namespace_)
{
	int64_t n = 0;
	TRY(db_tx_query(tx, "SELECT COUNT(*) FROM role_grant WHERE namespace = $1",
			DB_PARAMS(db_text(namespace_)), see_int, &n));
	if (n < LIMIT_NAMESPACE_GRANTS)
		return NULL;
	return err_coded(ERR_LIMIT, "TOO_MANY_MEMBERS", NULL, "the namespace has %d roles already",
			 LIMIT_NAMESPACE_GRANTS);
}

static struct err *write_grant(struct auth *a, struct db_tx *tx, const char *id,
			       struct str namespace_, struct str repository, enum auth_role role)
{
	if (role == AUTH_NONE)
		return db_tx_exec(tx,
				  "DELETE FROM role_grant WHERE user_id = $1 AND namespace = $2"
				  " AND repository = $3",
				  DB_PARAMS(db_cstr(id), db_text(namespace_), db_text(repository)));
	TRY(check_room(tx, namespace_));
	return db_tx_exec(
		tx,
		"INSERT INTO role_grant (user_id, namespace, repository, role, created_ns)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, namespace, repository)"
		" DO UPDATE SET role = excluded.role",
		DB_PARAMS(db_cstr(id), db_text(namespace_), db_text(repository),
			  db_cstr(auth_role_name(role)), db_int(a->tuning.unix_ns())));
}

struct err *auth_grant_set(struct auth *a, struct str user, struct str namespace_,
			   struct str repository, enum auth_role role)
{
	own(db_tx) tx = NULL;
	char id[24];
	if (!repository.len)
		repository = STR("");
	TRY(check_place(namespace_, repository));
	TRY(db_tx_begin(a->db, &tx));
	TRY(find_user(tx, user, id));
	TRY(write_grant(a, tx, id, namespace_, repository, role));
	TRY(db_tx_commit(tx));
	auth_changed(a);
	return NULL;
}

struct err *auth_grant_drop(struct auth *a, struct str namespace_, struct str repository)
{
	TRY(db_exec(
		a->db,
		"DELETE FROM role_grant WHERE namespace = $1 AND ($2 = '' OR repository = $2)",
		DB_PARAMS(db_text(namespace_), db_text(repository.len ? repository : STR("")))));
	auth_changed(a);
	return NULL;
}
