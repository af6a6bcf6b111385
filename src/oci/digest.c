#include "oci/digest.h"

#include <stdio.h>

#include "oci/shown_priv.h"

static const struct {
	const char *name;
	size_t bytes;
} algorithms[] = {
	[OCI_SHA256] = { "sha256", SHA256_BYTES },
	[OCI_SHA512] = { "sha512", SHA512_BYTES },
};

const char *oci_digest_alg_name(enum oci_digest_alg alg)
{
	return algorithms[alg].name;
}

struct err *oci_digest_parse(struct str text, struct oci_digest *out)
{
	struct str hex = text;
	struct str name = str_cut(&hex, ':');
	for (size_t i = 0; hex.p && i < ARRAY_LEN(algorithms); i++) {
		if (!str_eq(name, str_of(algorithms[i].name)))
			continue;
		struct oci_digest d = { .alg = (enum oci_digest_alg)i };
		if (!hex_decode(hex, d.raw, algorithms[i].bytes))
			return err_new(ERR_INVALID,
				       "digest \"%s\" does not hold %zu lower-case hexadecimal "
				       "digits",
				       oci_shown(text).s, 2 * algorithms[i].bytes);
		*out = d;
		return NULL;
	}
	return err_new(ERR_INVALID,
		       "\"%s\" is no digest: it does not start with sha256: or sha512:",
		       oci_shown(text).s);
}

struct oci_digest_text oci_digest_text(const struct oci_digest *d)
{
	struct oci_digest_text t;
	int n = snprintf(t.s, sizeof(t.s), "%s:", algorithms[d->alg].name);
	hex_encode(d->raw, algorithms[d->alg].bytes, t.s + n);
	return t;
}

bool oci_digest_eq(const struct oci_digest *a, const struct oci_digest *b)
{
	return a->alg == b->alg && memcmp(a->raw, b->raw, sizeof(a->raw)) == 0;
}

struct oci_digest oci_digest_of_sha256(struct sha256_sum sum)
{
	struct oci_digest d = { .alg = OCI_SHA256 };
	memcpy(d.raw, sum.b, sizeof(sum.b));
	return d;
}

struct oci_digest oci_digest_of_bytes(const void *p, size_t len)
{
	return oci_digest_of_sha256(sha256_of(p, len));
}
