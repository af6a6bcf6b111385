/* SHA-256 and SHA-512 over OpenSSL's provider. SPEC FIPS 180-4 */
#ifndef KILN_CODEC_SHA256_H
#define KILN_CODEC_SHA256_H

#include "base/str.h"

#define SHA256_BYTES 32
#define SHA512_BYTES 64

struct sha256_sum {
	uint8_t b[SHA256_BYTES];
};

/* A running hash; struct evp_md_ctx_st is OpenSSL's. Not shared between threads. */
struct sha256 {
	struct evp_md_ctx_st *ctx; /* owned */
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *p, size_t len);
/* The sum of all that was added; `h` starts again empty. */
struct sha256_sum sha256_final(struct sha256 *h);
void sha256_done(struct sha256 *h);
struct sha256_sum sha256_of(const void *p, size_t len);

struct sha512_sum {
	uint8_t b[SHA512_BYTES];
};
struct sha512 {
	struct evp_md_ctx_st *ctx; /* owned */
};
void sha512_init(struct sha512 *h);
void sha512_update(struct sha512 *h, const void *p, size_t len);
struct sha512_sum sha512_final(struct sha512 *h);
void sha512_done(struct sha512 *h);

/* Lower-case hexadecimal of `len` bytes into `out` (2 * len + 1 bytes). */
void hex_encode(const uint8_t *p, size_t len, char *out);
/* Lower-case hexadecimal only; false if `s` is not exactly 2 * len such characters. */
bool hex_decode(struct str s, uint8_t *out, size_t len);

#endif
