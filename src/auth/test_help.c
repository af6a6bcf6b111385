#include "auth/test_priv.h"

#include <stdio.h>
#include <unistd.h>

_Atomic uint64_t test_mono_ms = 1000000;
_Atomic int64_t test_unix_ns = 1800000000 * TEST_SECOND_NS;

static uint64_t mono_ms(void)
{
	return test_mono_ms;
}

static int64_t unix_ns(void)
{
	return test_unix_ns;
}

static const struct auth_tuning quick = {
	.argon_passes = 1, .argon_kib = 8, .mono_ms = mono_ms, .unix_ns = unix_ns
};

struct fixture fixture_open(void)
{
	struct fixture f = { .dir_fd = test_tmpdir(), .m = arena_open((size_t)16 << 20) };
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d/kiln.db", f.dir_fd);
	EXPECT_OK(db_open(path, &f.db));
	f.auth = fixture_again(&f);
	return f;
}

struct auth *fixture_again(struct fixture *f)
{
	struct auth *a = NULL;
	EXPECT_OK(auth_open_with(f->db, f->dir_fd, &quick, &a));
	return a;
}

void fixture_done(struct fixture *f)
{
	auth_free(f->auth);
	db_free(f->db);
	arena_free(f->m);
	close(f->dir_fd);
}

void test_user(struct fixture *f, const char *name, const char *password, bool is_admin)
{
	struct auth_user u;
	EXPECT_OK(auth_user_create(f->auth, f->m, str_of(name), str_of(password), is_admin, &u));
}

const char *test_user_id(struct fixture *f, const char *name)
{
	struct auth_user u;
	bool found;
	EXPECT_OK(auth_user_get(f->auth, f->m, str_of(name), &found, &u));
	EXPECT(found);
	return u.id;
}

const char *test_token(struct fixture *f, const char *user, enum auth_role most,
		       const char *only_namespace, int64_t expires_ns, const char **id)
{
	struct auth_token_request r = { .name = STR("test"),
					.user_id = test_user_id(f, user),
					.most = most,
					.only_namespace = str_of(only_namespace),
					.expires_ns = expires_ns };
	struct auth_token t;
	const char *secret;
	EXPECT_OK(auth_token_create(f->auth, f->m, &r, &t, &secret));
	if (id)
		*id = t.id;
	return secret;
}

const char *test_worker_token(struct fixture *f, const char *name, const char *pool)
{
	struct auth_token_request r = { .is_worker = true,
					.name = str_of(name),
					.pool = str_of(pool) };
	struct auth_token t;
	const char *secret;
	EXPECT_OK(auth_token_create(f->auth, f->m, &r, &t, &secret));
	return secret;
}

struct str test_basic(struct fixture *f, const char *user, const char *secret)
{
	char *plain = arena_printf(f->m, "%s:%s", user, secret);
	char *coded = arena_zalloc(f->m, AUTH_BASE64_BYTES(strlen(plain)));
	auth_base64_encode(str_of(plain), false, coded);
	return str_of(arena_printf(f->m, "Basic %s", coded));
}

struct str test_bearer(struct fixture *f, const char *secret)
{
	return str_of(arena_printf(f->m, "Bearer %s", secret));
}

const char *test_code(struct err *e)
{
	const char *code = e ? err_code(e) : "";
	err_free(e);
	return code ? code : "(none)";
}

bool test_same(const struct auth_principal *a, const struct auth_principal *b)
{
	return a->kind == b->kind && a->is_admin == b->is_admin && a->most == b->most &&
	       a->generation == b->generation && strcmp(a->user_id, b->user_id) == 0 &&
	       strcmp(a->name, b->name) == 0 && strcmp(a->token_id, b->token_id) == 0 &&
	       strcmp(a->session_id, b->session_id) == 0 &&
	       strcmp(a->only_namespace, b->only_namespace) == 0 && strcmp(a->pool, b->pool) == 0;
}
