/* Base64 in both alphabets. SPEC RFC 4648 4, 5 */
#include "auth/auth_priv.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

void auth_base64_encode(struct str s, bool url, char *out)
{
	const uint8_t *p = (const uint8_t *)s.p;
	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = MIN(s.len - i, (size_t)3);
		uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0);
		for (size_t k = 0; k < 4; k++) {
			uint32_t six = v >> (18 - 6 * k) & 63;
			if (k <= n)
				*out++ = six < 62 ? letters[six] : (url ? "-_" : "+/")[six - 62];
			else if (!url)
				*out++ = '=';
		}
	}
	*out = '\0';
}

static int value_of(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	return c == (url ? '_' : '/') ? 63 : -1;
}

bool auth_base64_decode(struct str s, bool url, uint8_t *out, size_t *len)
{
	size_t pad = 0, n = 0;
	while (pad < 2 && s.len && s.len % 4 == 0 && s.p[s.len - 1 - pad] == '=')
		pad++;
	s.len -= pad;
	if (s.len % 4 == 1)
		return false;
	uint32_t v = 0;
	for (size_t i = 0; i < s.len; i++) {
		int six = value_of(s.p[i], url);
		if (six < 0)
			return false;
		v = v << 6 | (uint32_t)six;
		if (i % 4)
			out[n++] = (uint8_t)(v >> (6 - 2 * (i % 4)));
	}
	unsigned stray = s.len % 4 == 2 ? 15 : s.len % 4 == 3 ? 3 : 0;
	*len = n;
	return !(v & stray);
}
