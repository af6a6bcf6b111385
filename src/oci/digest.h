/* Digests: the names of blobs. SPEC image-spec descriptor.md "Digests" */
#ifndef KILN_OCI_DIGEST_H
#define KILN_OCI_DIGEST_H

#include "base/str.h"
#include "codec/sha256.h"

enum oci_digest_alg { OCI_SHA256, OCI_SHA512 };

struct oci_digest { /* always valid; compare with oci_digest_eq() */
	enum oci_digest_alg alg;
	uint8_t raw[SHA512_BYTES]; /* the first 32 for sha256, the rest zero */
};

struct oci_digest_text {
	char s[sizeof("sha512:") + 2 * SHA512_BYTES];
};

/* "sha256:" with 64, or "sha512:" with 128 lower-case hexadecimal digits; ERR_INVALID naming the
 * text otherwise. */
struct err *oci_digest_parse(struct str text, struct oci_digest *out);
struct oci_digest_text oci_digest_text(const struct oci_digest *d);
const char *oci_digest_alg_name(enum oci_digest_alg alg);
bool oci_digest_eq(const struct oci_digest *a, const struct oci_digest *b);
struct oci_digest oci_digest_of_sha256(struct sha256_sum sum);
struct oci_digest oci_digest_of_bytes(const void *p, size_t len); /* sha256 */

#endif
