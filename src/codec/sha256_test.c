#include "codec/sha256.h"

#include "base/test.h"

static struct str hex256(struct sha256_sum sum, char text[2 * SHA256_BYTES + 1])
{
	hex_encode(sum.b, SHA256_BYTES, text);
	return str_of(text);
}

/* SPEC FIPS 180-4: the examples that NIST publishes. */
TEST(sha256_of_known_messages)
{
	static const struct {
		const char *message, *sum;
	} known[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char text[2 * SHA256_BYTES + 1];
	struct sha256 h;
	sha256_init(&h);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct str m = str_of(known[i].message);
		EXPECT_STR(hex256(sha256_of(m.p, m.len), text), known[i].sum);
		for (size_t j = 0; j < m.len; j++)
			sha256_update(&h, m.p + j, 1);
		EXPECT_STR(hex256(sha256_final(&h), text), known[i].sum);
	}
	sha256_done(&h);
}

TEST(sha512_of_known_messages)
{
	char text[2 * SHA512_BYTES + 1];
	struct sha512 h;
	sha512_init(&h);
	for (int i = 0; i < 2; i++) {
		sha512_update(&h, "abc", 3);
		struct sha512_sum sum = sha512_final(&h);
		hex_encode(sum.b, SHA512_BYTES, text);
		EXPECT_STR(str_of(text),
			   "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d3"
			   "9a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54c"
			   "a49f");
	}
	sha512_done(&h);
}

TEST(sha256_done_of_nothing)
{
	struct sha256 h = { NULL };
	sha256_done(&h);
	EXPECT(!h.ctx);
}

TEST(hex_there_and_back)
{
	uint8_t bytes[256], back[256];
	char text[2 * sizeof(bytes) + 1];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	hex_encode(bytes, sizeof(bytes), text);
	EXPECT(hex_decode(str_of(text), back, sizeof(back)));
	EXPECT(memcmp(bytes, back, sizeof(bytes)) == 0);
}

TEST(hex_refuses_all_else)
{
	uint8_t out[2] = { 7, 7 };
	EXPECT(!hex_decode(STR("00ff0"), out, 2));
	EXPECT(!hex_decode(STR("00ff00"), out, 2));
	EXPECT(!hex_decode(STR(""), out, 2));
	EXPECT(!hex_decode(STR("00fF"), out, 2));
	EXPECT(!hex_decode(STR("00fg"), out, 2));
	EXPECT(!hex_decode(STR("00f "), out, 2));
	EXPECT(out[0] == 7 && out[1] == 7);
	EXPECT(hex_decode(STR("09af"), out, 2) && out[0] == 0x09 && out[1] == 0xaf);
}
