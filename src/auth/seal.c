/* Secrets at rest: AES-256-GCM, its purpose bound to it. SPEC NIST SP 800-38D
 * base64 of: version (1 byte), nonce (12), ciphertext, tag (16). */
#include "auth/auth_priv.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define VERSION     1
#define NONCE_BYTES 12
#define TAG_BYTES   16
#define EXTRA       (1 + NONCE_BYTES + TAG_BYTES)
#define MOST_BYTES  ((size_t)1 << 20) /* of a secret: a private key, as a rule */

static EVP_CIPHER_CTX *start(struct auth *a, bool seal, const uint8_t *nonce, const char *purpose)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok = ctx &&
		  EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, a->seal_key, nonce, seal) == 1 &&
		  EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)purpose,
				   (int)strlen(purpose)) == 1;
	assert(ok);
	return ctx;
}

struct err *auth_seal(struct auth *a, const char *purpose, struct str plain, char **out)
{
	if (plain.len > MOST_BYTES)
		return err_new(ERR_LIMIT, "a secret is longer than 1 MiB");
	own_mem uint8_t *raw = mem_zalloc(plain.len + EXTRA);
	uint8_t *nonce = raw + 1, *body = nonce + NONCE_BYTES, *tag = body + plain.len;
	raw[0] = VERSION;
	random_bytes(nonce, NONCE_BYTES);
	EVP_CIPHER_CTX *ctx = start(a, true, nonce, purpose);
	int n;
	bool ok = (!plain.len || EVP_EncryptUpdate(ctx, body, &n, (const unsigned char *)plain.p,
						   (int)plain.len) == 1) &&
		  EVP_EncryptFinal_ex(ctx, tag, &n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	assert(ok);
	*out = mem_zalloc(AUTH_BASE64_BYTES(plain.len + EXTRA));
	auth_base64_encode(str_n((char *)raw, plain.len + EXTRA), false, *out);
	return NULL;
}

static struct err *not_ours(void)
{
	return err_coded(ERR_CORRUPT, "SEAL", "Was the key file replaced? Give the secret again.",
			 "a stored secret does not open with this server's key");
}

static bool open_raw(struct auth *a, const char *purpose, uint8_t *raw, size_t len, char *plain)
{
	uint8_t *nonce = raw + 1, *body = nonce + NONCE_BYTES;
	size_t n_body = len - EXTRA;
	EVP_CIPHER_CTX *ctx = start(a, false, nonce, purpose);
	int n;
	bool ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, body + n_body) == 1 &&
		  (!n_body ||
		   EVP_DecryptUpdate(ctx, (unsigned char *)plain, &n, body, (int)n_body) == 1) &&
		  EVP_DecryptFinal_ex(ctx, (unsigned char *)plain + n_body, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

struct err *auth_unseal(struct auth *a, const char *purpose, struct str sealed, char **out,
			size_t *len)
{
	size_t n;
	if (sealed.len > AUTH_BASE64_BYTES(MOST_BYTES + EXTRA))
		return not_ours();
	own_mem uint8_t *raw = mem_zalloc(sealed.len + 1);
	if (!auth_base64_decode(sealed, false, raw, &n) || n < EXTRA || raw[0] != VERSION)
		return not_ours();
	char *plain = mem_zalloc(n); /* longer than the plain text by more than a NUL */
	if (!open_raw(a, purpose, raw, n, plain)) {
		OPENSSL_cleanse(plain, n);
		free(plain);
		return not_ours();
	}
	*out = plain;
	*len = n - EXTRA;
	return NULL;
}
