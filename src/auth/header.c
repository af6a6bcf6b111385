/* The Authorization header. SPEC RFC 9110 11.6.2, RFC 7617, RFC 6750 2.1 */
#include "auth/auth_priv.h"

static bool read_basic(struct str coded, char *room, struct auth_credentials *out)
{
	size_t n;
	if (!auth_base64_decode(coded, false, (uint8_t *)room, &n))
		return false;
	struct str plain = str_n(room, n);
	ptrdiff_t colon = str_chr(plain, ':');
	if (colon < 0 || str_has_nul(plain))
		return false;
	/* ":" alone is what docker sends when nobody logged in. */
	out->kind = plain.len == 1 ? AUTH_NO_CREDENTIALS : AUTH_BASIC;
	out->user = str_first(plain, (size_t)colon);
	out->secret = str_skip(plain, (size_t)colon + 1);
	return true;
}

bool auth_header_read(struct str header, char room[LIMIT_AUTHORIZATION_BYTES],
		      struct auth_credentials *out)
{
	*out = (struct auth_credentials){ .kind = AUTH_NO_CREDENTIALS };
	header = str_trim(header);
	if (!header.len)
		return true;
	if (header.len > LIMIT_AUTHORIZATION_BYTES)
		return false;
	struct str rest = header;
	struct str scheme = str_cut(&rest, ' ');
	rest = str_trim(rest);
	if (!rest.len)
		return false;
	if (str_eq_nocase(scheme, STR("Basic")))
		return read_basic(rest, room, out);
	if (!str_eq_nocase(scheme, STR("Bearer")))
		return false;
	*out = (struct auth_credentials){ .kind = AUTH_BEARER, .secret = rest };
	return true;
}
