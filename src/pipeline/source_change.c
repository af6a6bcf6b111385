/* Code sources: made, changed, removed.
 *
 * 1. A secret is never sent anywhere but where it was given for: another host needs it again.
 * 2. What was seen of a remote by another address is no more than a start: the next look compares.
 */
#include "pipeline/source_priv.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "base/time.h"

#define NAME_BYTES   128
#define USER_BYTES   256
#define SECRET_BYTES 8192
#define MOST_DEPTH   1000000u
#define LEAST_POLL_S 60u
#define MOST_POLL_S  86400u

/* ---- what may be ---- */

static bool name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (!first && (c == '.' || c == '_' || c == '/' || c == '-'));
}

/* As below /git/NAMESPACE/: no component may be empty, or a step in the tree. */
static struct err *check_name(struct str name)
{
	bool good = name.len && name.len <= NAME_BYTES;
	for (size_t i = 0; good && i < name.len; i++)
		good = name_char(name.p[i], !i);
	struct str rest = name;
	while (good && rest.p) {
		struct str part = str_cut(&rest, '/');
		good = part.len && part.p[0] != '.' && !str_ends(part, STR(".git"));
	}
	if (good)
		return NULL;
	return err_coded(ERR_INVALID, "SOURCE_NAME",
			 "Take lower-case letters, digits and . _ / - between them; no part may "
			 "begin with . or end in .git.",
			 "\"" STR_FMT "\" is no name of a code source",
			 STR_ARG(str_first(name, 200)));
}

static struct err *check_numbers(uint32_t depth, uint32_t poll_s)
{
	if (depth > MOST_DEPTH)
		return err_coded(ERR_INVALID, "SOURCE_DEPTH", "Take 0 for the whole history.",
				 "the depth is more than %u", MOST_DEPTH);
	if (poll_s && (poll_s < LEAST_POLL_S || poll_s > MOST_POLL_S))
		return err_coded(ERR_INVALID, "SOURCE_POLL", "Take 0 to look after webhooks only.",
				 "the time between looks is not %u to %u seconds", LEAST_POLL_S,
				 MOST_POLL_S);
	return NULL;
}

static struct err *check_text(struct str s, size_t most, const char *what)
{
	bool good = s.len <= most && str_is_utf8(s);
	for (size_t i = 0; good && i < s.len; i++)
		good = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f;
	if (good)
		return NULL;
	return err_coded(ERR_INVALID, "SOURCE_CREDENTIAL", NULL,
			 "the %s is longer than %zu bytes, or has control characters", what, most);
}

static struct err *bad_credential(const char *remedy, const char *text)
{
	return err_coded(ERR_INVALID, "SOURCE_CREDENTIAL", remedy, "%s", text);
}

static struct err *check_credential(struct str credential, enum source_scheme scheme)
{
	bool ssh = str_eq(credential, STR("ssh"));
	if (!ssh && !str_eq(credential, STR("none")) && !str_eq(credential, STR("password")))
		return bad_credential(NULL, "a credential is none, password or ssh");
	if (ssh && scheme != SOURCE_SSH)
		return bad_credential("Take an address like ssh://git@HOST/PATH.",
				      "a deploy key needs an ssh address");
	if (!ssh && scheme == SOURCE_SSH)
		return bad_credential("Take the credential ssh: kiln makes a key.",
				      "an ssh address needs a deploy key");
	return NULL;
}

/* With a token as password most take any name, some a certain one. */
static const char *default_user(enum source_provider p)
{
	switch (p) {
	case SOURCE_GITHUB:
		return "x-access-token";
	case SOURCE_GITLAB:
		return "oauth2";
	case SOURCE_BITBUCKET:
	case SOURCE_BITBUCKET_SERVER:
		return "x-token-auth";
	case SOURCE_GITEA:
	case SOURCE_GITEE:
	case SOURCE_CODEUP:
	case SOURCE_GENERIC:
	case SOURCE_KILN:
		break;
	}
	return "git";
}

/* ---- what is written ---- */

struct draft {
	struct pipeline_source_row row; /* secret: sealed */
	struct source_url url;
	bool new_host_key; /* the row's is to be stored */
};

/* An ssh key: the private one sealed into the row. */
static struct err *make_key(struct pipeline *p, struct arena *a, struct draft *d)
{
	own_mem char *comment = mem_printf("kiln:%s/%s", d->row.s.namespace_, d->row.s.name);
	own_mem char *public_key = NULL;
	char *private_key = NULL;
	TRY(source_ssh_key_make(comment, &private_key, &public_key));
	struct err *e =
		pipeline_seal(p, a, d->row.s.id, "secret", str_of(private_key), &d->row.secret);
	OPENSSL_cleanse(private_key, strlen(private_key));
	free(private_key);
	d->row.s.ssh_public_key = arena_strdup(a, str_trim(str_of(public_key)));
	return e;
}

static struct err *set_password(struct pipeline *p, struct arena *a, struct draft *d,
				struct str username, struct str secret)
{
	TRY(check_text(username, USER_BYTES, "user name"));
	TRY(check_text(secret, SECRET_BYTES, "password"));
	d->row.s.username =
		username.len ? arena_strdup(a, username) : default_user(d->row.s.provider);
	if (!secret.len)
		return NULL;
	return pipeline_seal(p, a, d->row.s.id, "secret", secret, &d->row.secret);
}

static void drop_credential(struct draft *d)
{
	d->row.secret = NULL;
	d->row.s.ssh_public_key = NULL;
	d->row.s.username = NULL;
}

static struct db_param text_or_null(const char *s)
{
	return s ? db_cstr(s) : db_null();
}

static bool see_row(void *arg, struct db_row *r)
{
	*(bool *)arg = true;
	return true;
}

/* ---- create ---- */

static struct err *fill_remote(struct pipeline *p, struct arena *a,
			       const struct pipeline_source_request *r, struct draft *d)
{
	TRY(source_url_parse(r->url, &d->url));
	d->row.s.url = d->url.text;
	struct str credential = r->credential;
	if (!credential.len)
		credential = d->url.scheme == SOURCE_SSH ? STR("ssh")
			     : r->secret.len             ? STR("password")
							 : STR("none");
	TRY(check_credential(credential, d->url.scheme));
	d->row.s.credential = arena_strdup(a, credential);
	if (str_eq(credential, STR("ssh")))
		return make_key(p, a, d);
	if (str_eq(credential, STR("none")))
		return r->secret.len ? bad_credential("Take the credential password.",
						      "there is a password that is not used")
				     : NULL;
	if (!r->secret.len)
		return bad_credential("Give a password or an access token.",
				      "the password is missing");
	return set_password(p, a, d, r->username, r->secret);
}

static struct err *check_request(const struct pipeline_source_request *r)
{
	TRY(check_name(r->name));
	TRY(check_numbers(r->depth, r->poll_s));
	if (r->provider != SOURCE_KILN)
		return NULL;
	if (r->url.len || r->secret.len || r->username.len || r->submodules || r->allow_private ||
	    (r->credential.len && !str_eq(r->credential, STR("none"))))
		return err_coded(ERR_INVALID, "SOURCE_LOCAL", "Leave these members out.",
				 "kiln's own remote has no address, credential and submodules");
	return NULL;
}

static struct err *insert(struct pipeline *p, const struct draft *d)
{
	const struct pipeline_source *s = &d->row.s;
	own(db_tx) tx = NULL;
	bool there = false, made = false;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx, "SELECT 1 FROM namespace WHERE name = $1",
			DB_PARAMS(db_cstr(s->namespace_)), see_row, &there));
	if (!there)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no namespace %s",
				 s->namespace_);
	TRY(db_tx_query(
		tx,
		"INSERT INTO code_source (id, namespace, name, provider, url, credential, username,"
		" secret, ssh_public_key, hook_secret, submodules, depth, allow_private, poll_s,"
		" next_poll_ns, n_failures, created_ns, updated_ns) VALUES ($1, $2, $3, $4, $5, $6,"
		" $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $15, $15)"
		" ON CONFLICT (namespace, name) DO NOTHING RETURNING id",
		DB_PARAMS(db_cstr(s->id), db_cstr(s->namespace_), db_cstr(s->name),
			  db_cstr(source_provider_name(s->provider)), db_cstr(s->url),
			  db_cstr(s->credential), db_cstr(s->username ? s->username : ""),
			  text_or_null(d->row.secret), text_or_null(s->ssh_public_key),
			  db_cstr(d->row.hook_secret), db_int(s->submodules), db_int(s->depth),
			  db_int(s->allow_private), db_int(s->poll_s), db_int(s->created_ns)),
		see_row, &made));
	if (!made)
		return err_coded(ERR_CONFLICT, "SOURCE_EXISTS", "Take another name.",
				 "there is a code source %s/%s already", s->namespace_, s->name);
	return db_tx_commit(tx);
}

static struct err *insert_local(struct pipeline *p, const struct draft *d)
{
	TRY(source_git_local_init(p->o.git, d->row.s.id));
	struct err *e = insert(p, d);
	if (e)
		err_free(source_git_remove(p->o.git, d->row.s.id));
	return e;
}

struct err *pipeline_source_create(struct pipeline *p, struct arena *a,
				   const struct pipeline_source_request *r,
				   struct pipeline_source *out, const char **hook_secret)
{
	TRY(check_request(r));
	bool local = r->provider == SOURCE_KILN;
	struct draft *d = arena_new(a, struct draft);
	d->row.s = (struct pipeline_source){
		.id = arena_strdup(a, str_of(random_id("crcs-").s)),
		.namespace_ = arena_strdup(a, r->namespace_),
		.name = arena_strdup(a, r->name),
		.provider = r->provider,
		.url = "",
		.credential = "none",
		.submodules = r->submodules,
		.allow_private = r->allow_private,
		.depth = r->depth,
		.poll_s = local ? 0 : r->poll_s,
		.created_ns = time_now_unix_ns(),
	};
	d->row.s.updated_ns = d->row.s.created_ns;
	if (!local)
		TRY(fill_remote(p, a, r, d));
	own_mem char *secret = source_webhook_secret(r->provider);
	TRY(pipeline_seal(p, a, d->row.s.id, "hook", str_of(secret), &d->row.hook_secret));
	TRY(local ? insert_local(p, d) : insert(p, d));
	*hook_secret = local ? NULL : arena_strdup(a, str_of(secret));
	*out = d->row.s;
	if (!local)
		pipeline_source_poke(p, str_of(out->id));
	return NULL;
}

/* ---- update ---- */

static bool same_host(const struct source_url *a, const struct source_url *b)
{
	return a->scheme == b->scheme && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static struct err *change_address(struct arena *a, const struct pipeline_source_change *c,
				  struct draft *d)
{
	struct source_url before;
	TRY(source_url_parse(str_of(d->row.s.url), &before));
	d->url = before;
	if (!c->url)
		return NULL;
	TRY(source_url_parse(*c->url, &d->url));
	d->row.s.url = d->url.text;
	if (same_host(&before, &d->url))
		return NULL;
	d->new_host_key = true;
	d->row.s.ssh_host_key = NULL;
	if (strcmp(d->row.s.credential, "password") == 0)
		d->row.secret = NULL; /* it was given for the other server */
	return NULL;
}

static struct str wanted_credential(const struct pipeline_source_change *c, const struct draft *d)
{
	if (c->credential)
		return *c->credential;
	if (d->url.scheme == SOURCE_SSH)
		return STR("ssh");
	if (c->secret && c->secret->len)
		return STR("password");
	return strcmp(d->row.s.credential, "ssh") == 0 ? STR("none") : str_of(d->row.s.credential);
}

static struct err *change_credential(struct pipeline *p, struct arena *a,
				     const struct pipeline_source_change *c, struct draft *d)
{
	struct pipeline_source *s = &d->row.s;
	struct str wanted = wanted_credential(c, d);
	TRY(check_credential(wanted, d->url.scheme));
	bool changes = !str_eq(wanted, str_of(s->credential));
	bool ssh = str_eq(wanted, STR("ssh")), password = str_eq(wanted, STR("password"));
	struct str secret = c->secret ? *c->secret : STR("");
	if (changes)
		drop_credential(d);
	s->credential = arena_strdup(a, wanted);
	if (secret.len && !password)
		return bad_credential("Take the credential password.",
				      "there is a password that is not used");
	if (ssh)
		return changes ? make_key(p, a, d) : NULL;
	if (!password)
		return NULL;
	if (!secret.len && !d->row.secret)
		return bad_credential("Give a password or token; none goes along to another "
				      "server.",
				      "the password is missing");
	return set_password(p, a, d, c->username ? *c->username : str_of(s->username), secret);
}

static struct err *change_rest(struct arena *a, const struct pipeline_source_change *c,
			       struct draft *d)
{
	struct pipeline_source *s = &d->row.s;
	if (c->host_key) {
		TRY(check_text(*c->host_key, 4096, "host key"));
		d->new_host_key = true;
		s->ssh_host_key = c->host_key->len ? arena_strdup(a, *c->host_key) : NULL;
	}
	s->submodules = c->submodules ? *c->submodules : s->submodules;
	s->allow_private = c->allow_private ? *c->allow_private : s->allow_private;
	s->depth = c->depth ? *c->depth : s->depth;
	s->poll_s = c->poll_s ? *c->poll_s : s->poll_s;
	return check_numbers(s->depth, s->poll_s);
}

/* Nobody else may have changed it since it was read. */
static struct err *store(struct pipeline *p, const struct draft *d)
{
	const struct pipeline_source *s = &d->row.s;
	own(db_tx) tx = NULL;
	bool done = false;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(
		tx,
		"UPDATE code_source SET url = $3, credential = $4, username = $5, secret = $6,"
		" ssh_public_key = $7, ssh_host_key = CASE WHEN $8 = 1 THEN $9 ELSE ssh_host_key"
		" END, hook_secret = $10, hook_secret_before = $11, submodules = $12, depth = $13,"
		" allow_private = $14, poll_s = $15, next_poll_ns = $16, n_failures = 0,"
		" updated_ns = $16 WHERE id = $1 AND updated_ns = $2 RETURNING id",
		DB_PARAMS(db_cstr(s->id), db_int(s->updated_ns), db_cstr(s->url),
			  db_cstr(s->credential), db_cstr(s->username ? s->username : ""),
			  text_or_null(d->row.secret), text_or_null(s->ssh_public_key),
			  db_int(d->new_host_key), text_or_null(s->ssh_host_key),
			  db_cstr(d->row.hook_secret), text_or_null(d->row.hook_secret_before),
			  db_int(s->submodules), db_int(s->depth), db_int(s->allow_private),
			  db_int(s->poll_s), db_int(MAX(time_now_unix_ns(), s->updated_ns + 1))),
		see_row, &done));
	if (!done)
		return err_coded(ERR_CONFLICT, "SOURCE_CHANGED", "Do it again.",
				 "somebody else changed code source %s/%s", s->namespace_, s->name);
	return db_tx_commit(tx);
}

static bool only_hook_secret(const struct pipeline_source_change *c)
{
	return !c->url && !c->credential && !c->username && !c->secret && !c->host_key &&
	       !c->submodules && !c->allow_private && !c->depth && !c->poll_s;
}

static struct err *change_hook(struct pipeline *p, struct arena *a, struct draft *d,
			       const char **hook_secret)
{
	own_mem char *fresh = source_webhook_secret(d->row.s.provider);
	d->row.hook_secret_before = d->row.hook_secret;
	TRY(pipeline_seal(p, a, d->row.s.id, "hook", str_of(fresh), &d->row.hook_secret));
	*hook_secret = arena_strdup(a, str_of(fresh));
	return NULL;
}

struct err *pipeline_source_update(struct pipeline *p, struct arena *a, struct str id,
				   const struct pipeline_source_change *c, const char **hook_secret)
{
	struct draft *d = arena_new(a, struct draft);
	const char *fresh = NULL;
	TRY(pipeline_source_need(p, a, id, &d->row));
	if (d->row.s.provider == SOURCE_KILN)
		return err_coded(ERR_INVALID, "SOURCE_LOCAL", NULL,
				 "kiln's own remote has nothing to be changed");
	if (!only_hook_secret(c)) {
		TRY(change_address(a, c, d));
		TRY(change_credential(p, a, c, d));
		TRY(change_rest(a, c, d));
	}
	if (c->new_hook_secret)
		TRY(change_hook(p, a, d, &fresh));
	TRY(store(p, d));
	if (hook_secret)
		*hook_secret = fresh;
	if (!only_hook_secret(c))
		pipeline_source_poke(p, id);
	return NULL;
}

/* ---- delete ---- */

static bool add_name(void *arg, struct db_row *r)
{
	struct buf *b = arg;
	buf_printf(b, "%s" STR_FMT, b->len ? ", " : "", STR_ARG(db_row_text(r, 0)));
	return true;
}

struct err *pipeline_source_delete(struct pipeline *p, struct str id, bool *found)
{
	own(db_tx) tx = NULL;
	done(buf) users;
	buf_init(&users, 2000);
	*found = false;
	TRY(db_tx_begin(p->o.db, &tx));
	TRY(db_tx_query(tx,
			"SELECT i.full_name FROM repository_source r JOIN image_repository i"
			" ON i.id = r.repository_id WHERE r.source_id = $1"
			" ORDER BY i.full_name LIMIT 5",
			DB_PARAMS(db_text(id)), add_name, &users));
	if (users.len)
		return err_coded(ERR_CONFLICT, "SOURCE_IN_USE",
				 "Unbind the repositories first: kiln repo unbind NAME.",
				 "these repositories are built from it: %s", users.p);
	TRY(db_tx_exec(tx, "UPDATE build_record SET source_id = NULL WHERE source_id = $1",
		       DB_PARAMS(db_text(id))));
	TRY(db_tx_query(tx, "DELETE FROM code_source WHERE id = $1 RETURNING id",
			DB_PARAMS(db_text(id)), see_row, found));
	TRY(db_tx_commit(tx));
	if (!*found)
		return NULL;
	own_mem char *name = str_dup(id);
	struct err *e = source_git_remove(p->o.git, name);
	if (e)
		log_err(LOG_LEVEL_WARN, "the repository of a removed code source stays", e);
	return NULL;
}
