#include "codec/sha256.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* Looking an algorithm up by name costs more than hashing a small blob, so it is done once. */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *md256, *md512;

static void fetch(void)
{
	md256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	md512 = EVP_MD_fetch(NULL, "SHA2-512", NULL);
	if (!md256 || !md512)
		abort(); /* an OpenSSL without its default provider */
}

static void must(int ok)
{
	if (ok != 1)
		abort(); /* only lack of memory is left as a reason */
}

static EVP_MD_CTX *start(EVP_MD **md)
{
	pthread_once(&fetched, fetch);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	must(ctx != NULL);
	must(EVP_DigestInit_ex2(ctx, *md, NULL));
	return ctx;
}

void sha256_init(struct sha256 *h)
{
	h->ctx = start(&md256);
}

void sha256_update(struct sha256 *h, const void *p, size_t len)
{
	must(EVP_DigestUpdate(h->ctx, p, len));
}

struct sha256_sum sha256_final(struct sha256 *h)
{
	struct sha256_sum sum;
	must(EVP_DigestFinal_ex(h->ctx, sum.b, NULL));
	must(EVP_DigestInit_ex2(h->ctx, NULL, NULL));
	return sum;
}

void sha256_done(struct sha256 *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

struct sha256_sum sha256_of(const void *p, size_t len)
{
	struct sha256_sum sum;
	pthread_once(&fetched, fetch);
	must(EVP_Digest(p, len, sum.b, NULL, md256, NULL));
	return sum;
}

void sha512_init(struct sha512 *h)
{
	h->ctx = start(&md512);
}

void sha512_update(struct sha512 *h, const void *p, size_t len)
{
	must(EVP_DigestUpdate(h->ctx, p, len));
}

struct sha512_sum sha512_final(struct sha512 *h)
{
	struct sha512_sum sum;
	must(EVP_DigestFinal_ex(h->ctx, sum.b, NULL));
	must(EVP_DigestInit_ex2(h->ctx, NULL, NULL));
	return sum;
}

void sha512_done(struct sha512 *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

void hex_encode(const uint8_t *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct str s, uint8_t *out, size_t len)
{
	if (s.len != 2 * len)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (hex_digit(s.p[i]) < 0)
			return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_digit(s.p[2 * i]) << 4 | hex_digit(s.p[2 * i + 1]));
	return true;
}
