#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *p, size_t n)
{
	for (char *at = p; n;) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno != EINTR)
			abort(); /* every kernel that runs us has it */
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

/* Bytes at or above the largest multiple are drawn again: no character is likelier than another. */
static void fill(char *out, size_t n, const char *alphabet, unsigned n_alphabet)
{
	unsigned most = 256 / n_alphabet * n_alphabet;
	for (size_t i = 0; i < n;) {
		uint8_t b[32];
		random_bytes(b, sizeof(b));
		for (size_t k = 0; k < sizeof(b) && i < n; k++)
			if (b[k] < most)
				out[i++] = alphabet[b[k] % n_alphabet];
	}
	out[n] = '\0';
}

struct random_id random_id(const char *prefix)
{
	struct random_id id;
	size_t n = strlen(prefix);
	assert(n <= 8);
	memcpy(id.s, prefix, n);
	fill(id.s + n, 16, "abcdefghijklmnopqrstuvwxyz0123456789", 36);
	return id;
}

struct random_id random_uuid(void)
{
	uint8_t b[16];
	random_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	struct random_id id;
	snprintf(id.s, sizeof(id.s),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return id;
}

struct random_secret random_secret(const char *prefix)
{
	struct random_secret secret;
	size_t n = strlen(prefix);
	assert(n <= 16);
	memcpy(secret.s, prefix, n);
	fill(secret.s + n, 43, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	     62);
	return secret;
}
