/* Passwords as argon2id. SPEC RFC 9106 */
#include "auth/auth_priv.h"

#include <argon2.h>
#include <stdlib.h>

#define SALT_BYTES 16
#define HASH_BYTES 32

/* Of UTF-8: bytes that begin one. */
static size_t count_characters(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

struct err *auth_password_check(struct str password)
{
	if (password.len > LIMIT_PASSWORD_BYTES)
		return err_coded(ERR_INVALID, "PASSWORD", "Choose a shorter one.",
				 "a password has at most %d bytes", LIMIT_PASSWORD_BYTES);
	if (count_characters(password) < LIMIT_PASSWORD_LEAST)
		return err_coded(ERR_INVALID, "PASSWORD",
				 "Choose a longer one; several words are fine.",
				 "a password has at least %d characters", LIMIT_PASSWORD_LEAST);
	return NULL;
}

struct err *auth_password_hash(struct auth *a, struct str password, char out[AUTH_HASH_TEXT])
{
	uint8_t salt[SALT_BYTES];
	random_bytes(salt, sizeof(salt));
	int rc = argon2id_hash_encoded(a->tuning.argon_passes, a->tuning.argon_kib, 1, password.p,
				       password.len, salt, sizeof(salt), HASH_BYTES, out,
				       AUTH_HASH_TEXT);
	if (rc == ARGON2_OK)
		return NULL;
	return err_new(ERR_UNAVAILABLE, "argon2id: %s", argon2_error_message(rc));
}

static void pass_time(struct auth *a, struct str password)
{
	static const uint8_t salt[SALT_BYTES] = { 1 };
	uint8_t sum[HASH_BYTES];
	argon2id_hash_raw(a->tuning.argon_passes, a->tuning.argon_kib, 1, password.p, password.len,
			  salt, sizeof(salt), sum, sizeof(sum));
}

bool auth_password_verify(struct auth *a, struct str password, const char *hash)
{
	if (password.len > LIMIT_PASSWORD_BYTES)
		password = STR(""); /* nobody has such a one */
	if (!hash || !*hash) {
		pass_time(a, password);
		return false;
	}
	return argon2id_verify(hash, password.p, password.len) == ARGON2_OK;
}
