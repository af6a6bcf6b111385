/* Any bytes as an Authorization header; what is read as Basic is written again as the same. */
#include <assert.h>

#include "auth/auth_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void check_basic(const struct auth_credentials *c)
{
	char plain[LIMIT_AUTHORIZATION_BYTES], coded[AUTH_BASE64_BYTES(LIMIT_AUTHORIZATION_BYTES)];
	uint8_t back[AUTH_BASE64_BYTES(LIMIT_AUTHORIZATION_BYTES)];
	size_t n = c->user.len + 1 + c->secret.len, n_back;
	assert(n <= sizeof(plain) && str_chr(c->user, ':') < 0);
	auth_copy(plain, sizeof(plain), c->user);
	plain[c->user.len] = ':';
	memcpy(plain + c->user.len + 1, c->secret.p, c->secret.len);
	assert(!str_has_nul(str_n(plain, n)));
	auth_base64_encode(str_n(plain, n), false, coded);
	assert(auth_base64_decode(str_of(coded), false, back, &n_back));
	assert(n_back == n && memcmp(back, plain, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	char room[LIMIT_AUTHORIZATION_BYTES];
	struct auth_credentials c;
	if (!auth_header_read(str_n((const char *)p, len), room, &c))
		return 0;
	switch (c.kind) {
	case AUTH_NO_CREDENTIALS:
		break;
	case AUTH_BASIC:
		check_basic(&c);
		break;
	case AUTH_BEARER:
		assert(c.secret.len && c.secret.len < len);
		auth_token_is_shaped(c.secret);
		break;
	}
	return 0;
}
