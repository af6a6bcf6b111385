/* Who knows the secret. Comparisons take the same time wherever the difference is; texts of
 * different lengths are compared by their hashes. */
#include "source/webhook_priv.h"

#include <assert.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "codec/sha256.h"

#define KEY_BYTES 512 /* of a secret in base64; ours have 32 */

static struct sha256_sum hmac(struct str key, const struct str *parts, size_t n)
{
	struct sha256_sum sum;
	size_t len = 0;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
				OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	int ok = ctx &&
		 EVP_MAC_init(ctx, (const unsigned char *)(key.len ? key.p : ""), key.len, params);
	for (size_t i = 0; i < n && ok; i++)
		ok = EVP_MAC_update(ctx, (const unsigned char *)parts[i].p, parts[i].len);
	ok = ok && EVP_MAC_final(ctx, sum.b, &len, sizeof(sum.b));
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	assert(ok && len == sizeof(sum.b));
	return sum;
}

static bool same_text(struct str a, struct str b)
{
	struct sha256_sum x = sha256_of(a.p, a.len), y = sha256_of(b.p, b.len);
	return CRYPTO_memcmp(x.b, y.b, sizeof(x.b)) == 0;
}

static bool same_sum(const struct sha256_sum *a, const struct sha256_sum *b)
{
	return CRYPTO_memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Exactly `len` bytes of base64 with padding; -1 otherwise, or when there are more than `cap`. */
static int decode_base64(struct str text, unsigned char *out, size_t cap)
{
	if (!text.len || text.len % 4 || text.len / 4 * 3 > cap)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		bool pad = c == '=' && i + 2 >= text.len;
		if (!pad && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    !(c >= '0' && c <= '9') && c != '+' && c != '/')
			return -1;
	}
	int n = EVP_DecodeBlock(out, (const unsigned char *)text.p, (int)text.len);
	for (size_t i = 1; i <= 2 && n > 0; i++)
		n -= text.p[text.len - i] == '=';
	return n;
}

static bool is_sum(struct str base64, const struct sha256_sum *want)
{
	unsigned char got[SHA256_BYTES + 1];
	return decode_base64(base64, got, sizeof(got)) == SHA256_BYTES &&
	       CRYPTO_memcmp(got, want->b, SHA256_BYTES) == 0;
}

static bool near(int64_t t, int64_t now, int64_t tolerance)
{
	return t >= now - tolerance && t <= now + tolerance;
}

/* Each of these: NULL when it holds, else what is wrong, as the end of a sentence. */

static const char *check_hmac(const struct webhook *w, struct str hex)
{
	struct sha256_sum got;
	if (!hex_decode(hex, got.b, sizeof(got.b)))
		return "is no HMAC-SHA256 in hexadecimal";
	for (size_t i = 0; i < w->n_secrets; i++) {
		struct sha256_sum want = hmac(w->secrets[i], &w->body, 1);
		if (same_sum(&got, &want))
			return NULL;
	}
	return "does not match the payload and the secret";
}

static const char *check_token(const struct webhook *w, struct str token)
{
	for (size_t i = 0; i < w->n_secrets; i++)
		if (same_text(token, w->secrets[i]))
			return NULL;
	return "is not the secret";
}

/* Percent escapes of a base64 text undone. */
static struct str unescape(struct str s, char *out, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len && n < cap; i++) {
		char c = s.p[i];
		struct str code = str_n(s.p + i + 1, MIN(2, s.len - i - 1));
		if (c == '%' && (str_eq_nocase(code, STR("2B")) || str_eq_nocase(code, STR("2F")) ||
				 str_eq_nocase(code, STR("3D")))) {
			c = code.p[0] == '3' ? '=' : (code.p[1] | 0x20) == 'b' ? '+' : '/';
			i += 2;
		}
		out[n++] = c;
	}
	return str_n(out, n);
}

/* SPEC Gitee webhooks: base64(HMAC-SHA256(secret, timestamp + "\n" + secret)), or the password. */
static const char *check_gitee(const struct webhook *w, struct str token)
{
	if (!check_token(w, token))
		return NULL;
	struct str time = str_trim(webhook_header(w, "X-Gitee-Timestamp"));
	uint64_t ms;
	if (!str_to_u64(time, INT64_MAX, &ms))
		return "is not the secret, and there is no X-Gitee-Timestamp beside it";
	char plain[200];
	struct str sum = unescape(token, plain, sizeof(plain));
	for (size_t i = 0; i < w->n_secrets; i++) {
		struct str parts[] = { time, STR("\n"), w->secrets[i] };
		struct sha256_sum want = hmac(w->secrets[i], parts, ARRAY_LEN(parts));
		if (is_sum(sum, &want))
			return near((int64_t)(ms / 1000), w->now_s, WEBHOOK_GITEE_TOLERANCE_S)
				       ? NULL
				       : "is of another time: X-Gitee-Timestamp is more than an "
					 "hour off";
	}
	return "is neither the secret nor its signature";
}

/* "whsec_" and base64, else the text itself. */
static struct str standard_key(struct str secret, unsigned char *room)
{
	if (!str_starts(secret, STR("whsec_")))
		return secret;
	int n = decode_base64(str_skip(secret, sizeof("whsec_") - 1), room, KEY_BYTES);
	return n < 0 ? secret : str_n((const char *)room, (size_t)n);
}

static bool standard_holds(const struct webhook *w, struct str secret, struct str id,
			   struct str time, struct str signatures)
{
	unsigned char room[KEY_BYTES];
	struct str parts[] = { id, STR("."), time, STR("."), w->body };
	struct sha256_sum want = hmac(standard_key(secret, room), parts, ARRAY_LEN(parts));
	bool holds = false;
	while (signatures.p) {
		struct str one = str_cut(&signatures, ' ');
		if (str_starts(one, STR("v1,")))
			holds |= is_sum(str_skip(one, 3), &want);
	}
	OPENSSL_cleanse(room, sizeof(room));
	return holds;
}

static const char *check_standard(const struct webhook *w, struct str signatures)
{
	struct str id = webhook_header(w, "webhook-id");
	struct str time = str_trim(webhook_header(w, "webhook-timestamp"));
	uint64_t t;
	if (!id.len)
		return "needs webhook-id beside it";
	if (!str_to_u64(time, INT64_MAX, &t))
		return "needs webhook-timestamp beside it, in seconds";
	bool holds = false;
	for (size_t i = 0; i < w->n_secrets; i++)
		holds |= standard_holds(w, w->secrets[i], id, time, signatures);
	if (!holds)
		return "does not match the payload and the secret";
	return near((int64_t)t, w->now_s, WEBHOOK_TOLERANCE_S)
		       ? NULL
		       : "is of another time: webhook-timestamp is more than 5 minutes off";
}

static const char *check(const struct webhook *w, const struct webhook_proof *p, struct str value)
{
	struct str prefix = str_of(p->prefix);
	if (!str_eq_nocase(str_first(value, prefix.len), prefix))
		return "does not begin as it should";
	value = str_skip(value, prefix.len);
	switch (p->kind) {
	case WEBHOOK_HMAC:
		return check_hmac(w, value);
	case WEBHOOK_TOKEN:
		return check_token(w, value);
	case WEBHOOK_GITEE:
		return check_gitee(w, value);
	case WEBHOOK_STANDARD:
		return check_standard(w, value);
	}
	return "is unknown";
}

struct err *webhook_verify(const struct webhook *w, const struct webhook_proof *proofs)
{
	static const char remedy[] =
		"Enter the source's hook secret at the provider; rotate it if it is lost.";
	const char *wrong = NULL, *header = proofs[0].header;
	for (const struct webhook_proof *p = proofs; p->header; p++) {
		struct str value = str_trim(webhook_header(w, p->header));
		if (!value.len)
			continue;
		const char *why = check(w, p, value);
		if (!why)
			return NULL;
		if (!wrong) {
			wrong = why;
			header = p->header;
		}
	}
	return err_coded(ERR_DENIED, "HOOK_SIG", remedy, "the header %s %s", header,
			 wrong ? wrong : "is missing");
}
