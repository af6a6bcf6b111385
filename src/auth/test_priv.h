/* What the tests of auth/ share: an auth over a new database, with clocks that they turn. */
#ifndef KILN_AUTH_TEST_PRIV_H
#define KILN_AUTH_TEST_PRIV_H

#include "auth/auth_priv.h"
#include "base/test.h"

extern _Atomic uint64_t test_mono_ms;
extern _Atomic int64_t test_unix_ns;
#define TEST_SECOND_NS INT64_C(1000000000)

struct fixture {
	int dir_fd;
	struct db *db;
	struct auth *auth;
	struct arena *m;
};
struct fixture fixture_open(void);
void fixture_done(struct fixture *f);
/* Another auth over the same files: a restart. */
struct auth *fixture_again(struct fixture *f);

void test_user(struct fixture *f, const char *name, const char *password, bool is_admin);
const char *test_user_id(struct fixture *f, const char *name);
/* Returns the secret; `id` may be NULL. */
const char *test_token(struct fixture *f, const char *user, enum auth_role most,
		       const char *only_namespace, int64_t expires_ns, const char **id);
const char *test_worker_token(struct fixture *f, const char *name, const char *pool);
struct str test_basic(struct fixture *f, const char *user, const char *secret);
struct str test_bearer(struct fixture *f, const char *secret);

bool test_same(const struct auth_principal *a, const struct auth_principal *b);
/* The code of the error, which is freed; "" for success. */
const char *test_code(struct err *e);

#endif
