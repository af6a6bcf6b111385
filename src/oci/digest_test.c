#include "oci/digest.h"

#include "base/test.h"

#define HEX_64  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEX_128 HEX_64 HEX_64

TEST(digests_are_read_and_written_back)
{
	static const char *const rows[] = { "sha256:" HEX_64, "sha512:" HEX_128 };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_digest d;
		EXPECT_OK(oci_digest_parse(str_of(rows[i]), &d));
		EXPECT_STR(str_of(oci_digest_text(&d).s), rows[i]);
		EXPECT(d.alg == (i ? OCI_SHA512 : OCI_SHA256));
		EXPECT_STR(str_of(oci_digest_alg_name(d.alg)), i ? "sha512" : "sha256");
	}
}

TEST(text_that_is_no_digest_is_refused)
{
	static const char *const rows[] = {
		"",
		":",
		"sha256",
		"sha256:",
		HEX_64,
		":" HEX_64,
		"sha256:" HEX_64 "0",
		"sha256:" HEX_64 "\n",
		" sha256:" HEX_64,
		"sha256: " HEX_64,
		"sha256:3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:../../98fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85500",
		"sha256:" HEX_128,
		"sha512:" HEX_64,
		"SHA256:" HEX_64,
		"sha256-" HEX_64,
		"sha256::" HEX_64,
		"sha384:" HEX_64,
		"md5:d41d8cd98f00b204e9800998ecf8427e",
		"blake3:" HEX_64,
		"sha256:baddigeststring",
		"sha256:totallywrong",
		"sha256+b64:" HEX_64,
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_digest d = { .alg = OCI_SHA512 };
		EXPECT_ERR(oci_digest_parse(str_of(rows[i]), &d), ERR_INVALID, "digest");
		EXPECT(d.alg == OCI_SHA512);
	}
	struct oci_digest d;
	EXPECT_ERR(oci_digest_parse(STR("md5:1\x1b"), &d), ERR_INVALID, "\"md5:1?\"");
	EXPECT_ERR(oci_digest_parse(STR("sha256:" HEX_64 "\0"), &d), ERR_INVALID, NULL);
}

TEST(digests_of_bytes_are_sha256)
{
	struct oci_digest empty = oci_digest_of_bytes("", 0), a = oci_digest_of_bytes("a", 1);
	struct oci_digest again = oci_digest_of_sha256(sha256_of("a", 1));
	EXPECT_STR(str_of(oci_digest_text(&empty).s), "sha256:" HEX_64);
	EXPECT(oci_digest_eq(&a, &again));
	EXPECT(!oci_digest_eq(&a, &empty));
}

TEST(the_algorithm_is_part_of_the_name)
{
	struct oci_digest a = { .alg = OCI_SHA256 }, b = { .alg = OCI_SHA512 };
	EXPECT(!oci_digest_eq(&a, &b));
	b.alg = OCI_SHA256;
	EXPECT(oci_digest_eq(&a, &b));
	b.raw[31] = 1;
	EXPECT(!oci_digest_eq(&a, &b));
}
