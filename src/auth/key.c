/* The key file, and what is computed with keys. SPEC RFC 5869, RFC 2104 */
#include "auth/auth_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/fd.h"

#define KEY_FILE "key"

static struct err *write_key(int dir_fd, const char *tmp)
{
	own_fd fd = fd_open_nofollow(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return err_from_errno(errno, "make the key file");
	uint8_t key[AUTH_KEY_BYTES];
	random_bytes(key, sizeof(key));
	struct err *e = fd_write_all(fd, key, sizeof(key));
	OPENSSL_cleanse(key, sizeof(key));
	if (e)
		return e;
	return fd_sync(fd, KEY_FILE);
}

/* Two that start at once get one key: the first link stays. */
static struct err *make_key(int dir_fd)
{
	char tmp[64];
	snprintf(tmp, sizeof(tmp), KEY_FILE ".%s", random_id("new-").s);
	struct err *e = write_key(dir_fd, tmp);
	if (!e && linkat(dir_fd, tmp, dir_fd, KEY_FILE, 0) < 0 && errno != EEXIST)
		e = err_from_errno(errno, "make the key file");
	unlinkat(dir_fd, tmp, 0);
	return e ? e : fd_sync(dir_fd, "data directory");
}

static struct err *check_file(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_from_errno(errno, "key file");
	if (!S_ISREG(st.st_mode) || st.st_size != AUTH_KEY_BYTES)
		return err_coded(ERR_CORRUPT, "KEY_FILE", "Restore it from a backup.",
				 "the key file is not %d bytes", AUTH_KEY_BYTES);
	if (st.st_mode & 077)
		return err_coded(ERR_DENIED, "KEY_FILE", "chmod 600 key",
				 "others may read the key file");
	return NULL;
}

struct err *auth_key_load(int data_fd, uint8_t out[AUTH_KEY_BYTES])
{
	own_fd fd = fd_open_nofollow(data_fd, KEY_FILE, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0 && errno == ENOENT) {
		TRY(make_key(data_fd));
		fd = fd_open_nofollow(data_fd, KEY_FILE, O_RDONLY | O_NONBLOCK, 0);
	}
	if (fd < 0)
		return err_from_errno(errno, "key file");
	TRY(check_file(fd));
	size_t got = 0;
	TRY(fd_read_full(fd, out, AUTH_KEY_BYTES, &got));
	return got == AUTH_KEY_BYTES ? NULL : err_new(ERR_CORRUPT, "the key file is cut off");
}

void auth_key_derive(const uint8_t key[AUTH_KEY_BYTES], const char *purpose,
		     uint8_t out[AUTH_KEY_BYTES])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA2-256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, AUTH_KEY_BYTES),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)purpose,
						  strlen(purpose)),
		OSSL_PARAM_construct_end(),
	};
	int ok = EVP_KDF_derive(ctx, out, AUTH_KEY_BYTES, params);
	assert(ok == 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

struct auth_mac auth_hmac(const uint8_t key[AUTH_KEY_BYTES], struct str s)
{
	struct auth_mac m;
	unsigned n = sizeof(m.b);
	const void *ok = HMAC(EVP_sha256(), key, AUTH_KEY_BYTES,
			      (const unsigned char *)(s.p ? s.p : ""), s.len, m.b, &n);
	assert(ok && n == sizeof(m.b));
	return m;
}

bool auth_mac_eq(const struct auth_mac *a, const struct auth_mac *b)
{
	return CRYPTO_memcmp(a->b, b->b, sizeof(a->b)) == 0;
}
