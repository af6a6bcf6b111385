#include "auth/auth_priv.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/time.h"
#include "codec/sha256.h"

const struct auth_tuning auth_tuning_default = {
	.argon_passes = 2, /* 32 MiB, twice: some 40 ms */
	.argon_kib = 32 << 10,
	.mono_ms = time_mono_ms,
	.unix_ns = time_now_unix_ns,
};

struct err *auth_open(struct db *db, int data_fd, struct auth **out)
{
	return auth_open_with(db, data_fd, &auth_tuning_default, out);
}

static struct auth_mark mark_of(const uint8_t key[AUTH_KEY_BYTES])
{
	struct auth_mark m;
	uint8_t derived[AUTH_KEY_BYTES];
	auth_key_derive(key, "kiln instance 1", derived);
	hex_encode(derived, sizeof(m.s) / 2, m.s);
	return m;
}

struct err *auth_open_with(struct db *db, int data_fd, const struct auth_tuning *t,
			   struct auth **out)
{
	uint8_t key[AUTH_KEY_BYTES];
	TRY(auth_key_load(data_fd, key));
	struct auth *a = mem_new(struct auth);
	a->db = db;
	a->tuning = *t;
	auth_key_derive(key, "kiln seal 1", a->seal_key);
	auth_key_derive(key, "kiln registry token 1", a->registry_key);
	auth_key_derive(key, "kiln csrf 1", a->csrf_key);
	a->mark = mark_of(key);
	OPENSSL_cleanse(key, sizeof(key));
	random_bytes(a->login_key, sizeof(a->login_key));
	uint64_t start;
	random_bytes(&start, sizeof(start));
	a->generation = start >> 1 | 1; /* 0 is nobody's */
	auth_session_limits(a, LIMIT_SESSION_IDLE_S, LIMIT_SESSION_LIFE_S);
	a->cache = auth_cache_new();
	a->limiter = auth_limiter_new();
	*out = a;
	return NULL;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	auth_cache_free(a->cache);
	auth_limiter_free(a->limiter);
	OPENSSL_cleanse(a, sizeof(*a));
	free(a);
}

struct auth_mark auth_instance_mark(const struct auth *a)
{
	return a->mark;
}

uint64_t auth_generation(const struct auth *a)
{
	return a->generation;
}

void auth_changed(struct auth *a)
{
	a->generation++;
}

void auth_copy(char *out, size_t size, struct str s)
{
	size_t n = MIN(s.len, size - 1);
	if (n)
		memcpy(out, s.p, n);
	out[n] = '\0';
}
