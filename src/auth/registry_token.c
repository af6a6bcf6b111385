/* The registry's short-lived tokens: "kilnr_", then base64url of a record and its HMAC-SHA256.
 *
 * The record, numbers little-endian:
 *   version u8 | generation u64 | issued_s u64 | expires_s u64 | kind u8 | flags u8 | most u8 |
 *   user_id, name, token_id, only_namespace, pool: length u8, bytes |
 *   n_scopes u8, each: rights u8, length u8, bytes
 * It is read only after its HMAC was found right; the reader takes any bytes all the same. */
#include "auth/auth_priv.h"

#include <stdlib.h>

#define VERSION     1
#define LEEWAY_S    60
#define MAC_BYTES   sizeof(struct auth_mac)
#define MOST_RECORD ((size_t)3000)

enum { FLAG_ADMIN = 1 };
enum { RIGHT_PULL = 1, RIGHT_PUSH = 2, RIGHT_DELETE = 4 };

static int64_t now_s(const struct auth *a)
{
	return a->tuning.unix_ns() / 1000000000;
}

/* ---- writing ---- */

static void add_u64(struct buf *b, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		buf_add_c(b, (char)(v >> (8 * i)));
}

static void add_text(struct buf *b, const char *s)
{
	size_t n = strlen(s);
	buf_add_c(b, (char)n); /* below 256: the arrays are */
	buf_add(b, str_n(s, n));
}

static void add_who(struct buf *b, const struct auth_principal *who)
{
	buf_add_c(b, (char)who->kind);
	buf_add_c(b, who->is_admin ? FLAG_ADMIN : 0);
	buf_add_c(b, (char)who->most);
	add_text(b, who->user_id);
	add_text(b, who->name);
	add_text(b, who->token_id);
	add_text(b, who->only_namespace);
	add_text(b, who->pool);
}

static void add_scope(struct buf *b, const struct auth_scope *s)
{
	buf_add_c(b, (char)((s->pull ? RIGHT_PULL : 0) | (s->push ? RIGHT_PUSH : 0) |
			    (s->delete_ ? RIGHT_DELETE : 0)));
	add_text(b, s->repository);
}

struct err *auth_registry_token(struct auth *a, const struct auth_principal *who,
				const struct auth_scope *scopes, size_t n, uint32_t life_s,
				char **out)
{
	struct buf b;
	buf_init(&b, MOST_RECORD);
	buf_add_c(&b, VERSION);
	add_u64(&b, who->generation);
	add_u64(&b, (uint64_t)now_s(a));
	add_u64(&b, (uint64_t)now_s(a) + life_s);
	add_who(&b, who);
	buf_add_c(&b, (char)n);
	for (size_t i = 0; i < n && i < LIMIT_TOKEN_SCOPES; i++)
		add_scope(&b, &scopes[i]);
	bool over = b.over || n > LIMIT_TOKEN_SCOPES;
	struct auth_mac mac = auth_hmac(a->registry_key, buf_str(&b));
	char raw[MOST_RECORD + MAC_BYTES];
	size_t len = b.len;
	memcpy(raw, b.p, len);
	memcpy(raw + len, mac.b, MAC_BYTES);
	buf_done(&b);
	if (over)
		return err_coded(ERR_LIMIT, "TOO_MANY_SCOPES", "Ask for fewer at once.",
				 "a token has room for fewer repositories");
	size_t n_prefix = strlen(AUTH_REGISTRY_PREFIX);
	*out = mem_zalloc(n_prefix + AUTH_BASE64_BYTES(len + MAC_BYTES));
	memcpy(*out, AUTH_REGISTRY_PREFIX, n_prefix);
	auth_base64_encode(str_n(raw, len + MAC_BYTES), true, *out + n_prefix);
	return NULL;
}

/* ---- reading ---- */

struct reader {
	struct str rest;
	bool bad;
};

static uint8_t get_u8(struct reader *r)
{
	r->bad |= !r->rest.len;
	uint8_t v = r->bad ? 0 : (uint8_t)r->rest.p[0];
	r->rest = str_skip(r->rest, 1);
	return v;
}

static uint64_t get_u64(struct reader *r)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v |= (uint64_t)get_u8(r) << (8 * i);
	return v;
}

static void get_text(struct reader *r, char *out, size_t size)
{
	size_t n = get_u8(r);
	struct str s = str_first(r->rest, n);
	r->bad |= s.len != n || n >= size || str_has_nul(s);
	auth_copy(out, size, s);
	r->rest = str_skip(r->rest, n);
}

static void get_who(struct reader *r, struct auth_principal *who)
{
	uint8_t kind = get_u8(r), flags = get_u8(r), most = get_u8(r);
	r->bad |= kind > AUTH_SYSTEM || most > AUTH_ADMIN;
	who->kind = r->bad ? AUTH_ANONYMOUS : kind;
	who->is_admin = flags & FLAG_ADMIN;
	who->most = r->bad ? AUTH_NONE : (enum auth_role)most;
	get_text(r, who->user_id, sizeof(who->user_id));
	get_text(r, who->name, sizeof(who->name));
	get_text(r, who->token_id, sizeof(who->token_id));
	get_text(r, who->only_namespace, sizeof(who->only_namespace));
	get_text(r, who->pool, sizeof(who->pool));
}

static void get_scope(struct reader *r, struct auth_scope *s)
{
	uint8_t rights = get_u8(r);
	s->pull = rights & RIGHT_PULL;
	s->push = rights & RIGHT_PUSH;
	s->delete_ = rights & RIGHT_DELETE;
	get_text(r, s->repository, sizeof(s->repository));
}

bool auth_registry_record_read(struct arena *m, struct str record, struct auth_registry_record *out)
{
	struct reader r = { .rest = record };
	*out = (struct auth_registry_record){ 0 };
	r.bad |= get_u8(&r) != VERSION;
	out->who.generation = get_u64(&r);
	out->issued_s = get_u64(&r);
	out->expires_s = get_u64(&r);
	get_who(&r, &out->who);
	size_t n = get_u8(&r);
	if (r.bad || n > LIMIT_TOKEN_SCOPES)
		return false;
	out->scopes = arena_new_array(m, n, struct auth_scope);
	for (out->n = 0; out->n < n; out->n++)
		get_scope(&r, &out->scopes[out->n]);
	return !r.bad && !r.rest.len;
}

static struct err *refuse(const char *why)
{
	return err_coded(ERR_DENIED, "TOKEN_INVALID", "Ask for a new token.", "the token is %s",
			 why);
}

/* The record behind a right HMAC. */
static bool open_token(struct auth *a, struct str token, uint8_t *raw, struct str *record)
{
	size_t n;
	if (token.len > LIMIT_REGISTRY_TOKEN || !str_starts(token, STR(AUTH_REGISTRY_PREFIX)))
		return false;
	if (!auth_base64_decode(str_skip(token, strlen(AUTH_REGISTRY_PREFIX)), true, raw, &n) ||
	    n < MAC_BYTES)
		return false;
	*record = str_n((char *)raw, n - MAC_BYTES);
	struct auth_mac want = auth_hmac(a->registry_key, *record), got;
	memcpy(got.b, raw + record->len, MAC_BYTES);
	return auth_mac_eq(&want, &got);
}

struct err *auth_registry_token_read(struct auth *a, struct arena *m, struct str token,
				     struct auth_principal *who, struct auth_scope **scopes,
				     size_t *n, bool *fresh)
{
	uint8_t raw[LIMIT_REGISTRY_TOKEN];
	struct str record;
	struct auth_registry_record r;
	if (!open_token(a, token, raw, &record) || !auth_registry_record_read(m, record, &r))
		return refuse("none of ours");
	/* Also one of the future: the clock was set back, and it would live too long. */
	uint64_t now = (uint64_t)now_s(a);
	if (now > r.expires_s + LEEWAY_S)
		return refuse("expired");
	if (r.issued_s > now + LEEWAY_S)
		return refuse("of another time");
	*who = r.who;
	*scopes = r.scopes;
	*n = r.n;
	*fresh = r.who.generation == auth_generation(a);
	return NULL;
}

/* ---- builds ---- */

struct auth_principal auth_build_principal(struct str namespace_)
{
	struct auth_principal who = { .kind = AUTH_SYSTEM,
				      .name = AUTH_BUILD_USER,
				      .most = AUTH_VIEW };
	auth_copy(who.only_namespace, sizeof(who.only_namespace), namespace_);
	return who;
}

struct err *auth_build_password(struct auth *a, struct str namespace_, uint32_t life_s, char **out)
{
	struct auth_principal who = auth_build_principal(namespace_);
	return auth_registry_token(a, &who, NULL, 0, life_s, out);
}

/* Tokens of people are not taken: their scopes would be forgotten here. */
bool auth_build_login(struct auth *a, const struct auth_credentials *c, struct auth_principal *out)
{
	if (c->kind != AUTH_BASIC || !str_eq(c->user, STR(AUTH_BUILD_USER)) ||
	    !str_starts(c->secret, STR(AUTH_REGISTRY_PREFIX)))
		return false;
	own(arena) m = arena_open(1 << 20);
	struct auth_principal who;
	struct auth_scope *scopes;
	size_t n;
	bool fresh;
	own(err) e = auth_registry_token_read(a, m, c->secret, &who, &scopes, &n, &fresh);
	if (e || who.kind != AUTH_SYSTEM || !who.only_namespace[0] || who.most != AUTH_VIEW)
		return false;
	*out = who;
	return true;
}
