#include "auth/test_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "codec/sha256.h"

TEST(the_key_file_is_made_once_for_the_owner_only)
{
	int dir = test_tmpdir();
	uint8_t one[AUTH_KEY_BYTES], two[AUTH_KEY_BYTES];
	struct stat st;
	EXPECT_OK(auth_key_load(dir, one));
	EXPECT_OK(auth_key_load(dir, two));
	EXPECT(memcmp(one, two, sizeof(one)) == 0);
	EXPECT(fstatat(dir, "key", &st, 0) == 0);
	EXPECT((st.st_mode & 0777) == 0600 && st.st_size == AUTH_KEY_BYTES);
	close(dir);
}

TEST(a_key_file_that_others_may_read_is_refused)
{
	static const mode_t modes[] = { 0640, 0604, 0660, 0601 };
	int dir = test_tmpdir();
	uint8_t key[AUTH_KEY_BYTES];
	EXPECT_OK(auth_key_load(dir, key));
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		EXPECT(fchmodat(dir, "key", modes[i], 0) == 0);
		EXPECT_ERR(auth_key_load(dir, key), ERR_DENIED, "others");
	}
	EXPECT(fchmodat(dir, "key", 0400, 0) == 0);
	EXPECT_OK(auth_key_load(dir, key));
	close(dir);
}

TEST(a_key_file_of_another_length_or_a_link_is_refused)
{
	int dir = test_tmpdir();
	uint8_t key[AUTH_KEY_BYTES];
	EXPECT_OK(fd_replace_file(dir, "key", 0600, "short", 5));
	EXPECT_ERR(auth_key_load(dir, key), ERR_CORRUPT, "key file");
	EXPECT(unlinkat(dir, "key", 0) == 0);
	EXPECT_OK(fd_replace_file(dir, "other", 0600, "0123456789abcdef0123456789abcdef", 32));
	EXPECT(symlinkat("other", dir, "key") == 0);
	EXPECT_ERR(auth_key_load(dir, key), ERR_INVALID, NULL);
	close(dir);
}

TEST(the_mark_is_of_the_key_file)
{
	struct fixture f = fixture_open(), g = fixture_open();
	struct auth_mark one = auth_instance_mark(f.auth), other = auth_instance_mark(g.auth);
	own(auth) again = fixture_again(&f);
	EXPECT(strlen(one.s) == 8 && strspn(one.s, "0123456789abcdef") == 8);
	EXPECT_STR(str_of(auth_instance_mark(again).s), one.s);
	EXPECT(strcmp(one.s, other.s) != 0);
	fixture_done(&f);
	fixture_done(&g);
}

/* SPEC RFC 4231 4.3: test case 2 has a short key, padded with zeros to the same */
TEST(hmac_is_hmac_sha256)
{
	uint8_t key[AUTH_KEY_BYTES] = "Jefe";
	char hex[65];
	struct auth_mac m = auth_hmac(key, STR("what do ya want for nothing?"));
	hex_encode(m.b, sizeof(m.b), hex);
	EXPECT_STR(str_of(hex), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(each_purpose_has_its_own_key)
{
	uint8_t key[AUTH_KEY_BYTES] = { 1 }, a[AUTH_KEY_BYTES], b[AUTH_KEY_BYTES],
		c[AUTH_KEY_BYTES];
	auth_key_derive(key, "a", a);
	auth_key_derive(key, "b", b);
	auth_key_derive(key, "a", c);
	EXPECT(memcmp(a, b, sizeof(a)) != 0 && memcmp(a, c, sizeof(a)) == 0);
	EXPECT(memcmp(a, key, sizeof(a)) != 0);
}

/* SPEC RFC 4648 10 */
TEST(base64_is_that_of_the_rfc)
{
	static const struct {
		const char *plain, *coded, *url;
	} rows[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xff\xfe\xfb\xef", "//777w==", "__777w" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[32];
		uint8_t back[32];
		size_t n;
		auth_base64_encode(str_of(rows[i].plain), false, out);
		EXPECT_STR(str_of(out), rows[i].coded);
		EXPECT(auth_base64_decode(str_of(out), false, back, &n));
		EXPECT_STR(str_n((char *)back, n), rows[i].plain);
		auth_base64_encode(str_of(rows[i].plain), true, out);
		EXPECT_STR(str_of(out), rows[i].url);
		EXPECT(auth_base64_decode(str_of(out), true, back, &n));
		EXPECT_STR(str_n((char *)back, n), rows[i].plain);
	}
}

TEST(base64_that_is_not_exact_is_refused)
{
	static const char *const bad[] = { "Z",    "Zh==",   "Zm9=", "Zm9v=", "Zg=",     "====",
					   "Z g=", "Zg==\n", "Zm-_", "=Zg=",  "Zg==Zg==" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t out[32];
		size_t n;
		if (auth_base64_decode(str_of(bad[i]), false, out, &n))
			fail_msg("%s was read", bad[i]);
	}
}

/* ---- sealed ---- */

TEST(what_is_sealed_opens_for_its_purpose_only)
{
	static const char *const plains[] = { "", "x", "a secret\nof two lines" };
	struct fixture f = fixture_open();
	for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
		own_mem char *sealed = NULL, *again = NULL, *plain = NULL;
		size_t n;
		EXPECT_OK(auth_seal(f.auth, "crcs-1 secret", str_of(plains[i]), &sealed));
		EXPECT_OK(auth_seal(f.auth, "crcs-1 secret", str_of(plains[i]), &again));
		EXPECT(strcmp(sealed, again) != 0);
		EXPECT(strlen(plains[i]) < 8 || !strstr(sealed, plains[i]));
		EXPECT_OK(auth_unseal(f.auth, "crcs-1 secret", str_of(sealed), &plain, &n));
		EXPECT_STR(str_n(plain, n), plains[i]);
		EXPECT(plain[n] == '\0');
		EXPECT_ERR(auth_unseal(f.auth, "crcs-2 secret", str_of(sealed), &plain, &n),
			   ERR_CORRUPT, NULL);
	}
	fixture_done(&f);
}

TEST(what_was_sealed_survives_a_restart_but_no_other_key)
{
	struct fixture f = fixture_open(), other = fixture_open();
	own_mem char *sealed = NULL, *plain = NULL;
	size_t n;
	EXPECT_OK(auth_seal(f.auth, "p", STR("hunter2"), &sealed));
	auth_free(f.auth);
	f.auth = fixture_again(&f);
	EXPECT_OK(auth_unseal(f.auth, "p", str_of(sealed), &plain, &n));
	EXPECT_STR(str_n(plain, n), "hunter2");
	char *none;
	EXPECT_ERR(auth_unseal(other.auth, "p", str_of(sealed), &none, &n), ERR_CORRUPT, NULL);
	fixture_done(&f);
	fixture_done(&other);
}

TEST(sealed_bytes_that_were_changed_do_not_open)
{
	struct fixture f = fixture_open();
	own_mem char *sealed = NULL;
	char *plain;
	size_t n;
	EXPECT_OK(auth_seal(f.auth, "p", STR("hunter2"), &sealed));
	for (size_t i = 0; sealed[i]; i++) {
		char was = sealed[i];
		sealed[i] = was == 'A' ? 'B' : 'A';
		EXPECT_ERR(auth_unseal(f.auth, "p", str_of(sealed), &plain, &n), ERR_CORRUPT, NULL);
		EXPECT_ERR(auth_unseal(f.auth, "p", str_n(sealed, i), &plain, &n), ERR_CORRUPT,
			   NULL);
		sealed[i] = was;
	}
	fixture_done(&f);
}
