#include "oci/platform.h"

#include <sys/utsname.h>

#include "base/test.h"

static struct oci_platform parsed(const char *text)
{
	struct oci_platform p = { "", "", "" };
	EXPECT_OK(oci_platform_parse(str_of(text), &p));
	return p;
}

TEST(platforms_are_normalised)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "linux/amd64", "linux/amd64" },
		{ "linux/amd64/v1", "linux/amd64" },
		{ "linux/amd64/v3", "linux/amd64/v3" },
		{ "x86_64", "linux/amd64" },
		{ "linux/x86-64", "linux/amd64" },
		{ "Linux/AMD64", "linux/amd64" },
		{ "amd64", "linux/amd64" },
		{ "aarch64", "linux/arm64" },
		{ "linux/arm64", "linux/arm64" },
		{ "linux/arm64/v8", "linux/arm64" },
		{ "linux/arm64/8", "linux/arm64" },
		{ "arm64/v8", "linux/arm64" },
		{ "linux/arm64/v9", "linux/arm64/v9" },
		{ "linux/arm", "linux/arm/v7" },
		{ "arm", "linux/arm/v7" },
		{ "arm/v6", "linux/arm/v6" },
		{ "arm/8", "linux/arm/v8" },
		{ "linux/arm/v7", "linux/arm/v7" },
		{ "linux/arm/7", "linux/arm/v7" },
		{ "linux/arm/v6", "linux/arm/v6" },
		{ "linux/arm/v5", "linux/arm/v5" },
		{ "armhf", "linux/arm/v7" },
		{ "linux/armhf/v6", "linux/arm/v6" },
		{ "armel", "linux/arm/v6" },
		{ "armv7l", "linux/arm/v7" },
		{ "armv6l", "linux/arm/v6" },
		{ "i686", "linux/386" },
		{ "386", "linux/386" },
		{ "linux/ppc64el", "linux/ppc64le" },
		{ "linux/s390x", "linux/s390x" },
		{ "linux/riscv64", "linux/riscv64" },
		{ "windows/amd64", "windows/amd64" },
		{ "macos/aarch64", "darwin/arm64" },
		{ "wasi/wasm", "wasi/wasm" },
		{ "unknown/unknown", "unknown/unknown" },
		{ "plan10/vax/v780", "plan10/vax/v780" },
		{ "vax", "linux/vax" },
		{ "arm64/666666666a", "linux/arm64/v666666666a" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_platform p = parsed(rows[i].text);
		EXPECT_STR(str_of(oci_platform_text(&p).s), rows[i].want);
		struct oci_platform again = parsed(oci_platform_text(&p).s);
		EXPECT(oci_platform_eq(&p, &again));
	}
}

TEST(text_that_is_no_platform_is_refused)
{
	static const char *const rows[] = {
		"",
		"/",
		"linux/",
		"/amd64",
		"linux//v7",
		"arm/",
		"linux/arm/v7/",
		"linux/arm/v7/x",
		"linux/amd 64",
		" linux/amd64",
		"linux/amd64\n",
		"linux/\xc3\xa4",
		"linux/amd64,linux/arm64",
		"linux",
		"windows",
		"linux(10)/amd64",
		"arm64/arm64/v8",
		"linuxlinuxlinuxlinux/amd64",
		"linux/amd64amd64amd64amd64",
		"linux/arm/v77777777777",
		"linux/arm/77777777777",
		"*",
		"$TARGETPLATFORM",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_platform p = { "", "", "" };
		EXPECT_ERR(oci_platform_parse(str_of(rows[i]), &p), ERR_INVALID, "platform");
		EXPECT(!p.os[0]); /* outputs are written on success only */
	}
	struct oci_platform p;
	EXPECT_ERR(oci_platform_parse(STR("linux/amd64\0x"), &p), ERR_INVALID, NULL);
	EXPECT_ERR(oci_platform_parse(STR("linux"), &p), ERR_INVALID, "linux/amd64");
}

TEST(fields_from_outside_are_made_harmless)
{
	struct oci_platform p = oci_platform_make(STR("linux\x1b[0m"), STR("AMD64"), STR(""));
	EXPECT_STR(str_of(oci_platform_text(&p).s), "linux??0m/amd64");
	p = oci_platform_make(STR("0123456789abcdefghijk"), STR("0123456789abcdefghijk"),
			      STR("123456789abcdefghijk"));
	EXPECT_STR(str_of(oci_platform_text(&p).s), "0123456789abcde/0123456789abcde/v123456789a");
	p = oci_platform_make(STR("linux"), STR("arm"), STR(""));
	EXPECT_STR(str_of(p.variant), "v7");
	p = oci_platform_make(STR("linux"), STR("aarch64"), STR("v8"));
	EXPECT_STR(str_of(oci_platform_text(&p).s), "linux/arm64");
}

TEST(targets_are_the_four_that_kiln_builds)
{
	static const char *const good[] = { "linux/amd64", "linux/arm64",  "linux/arm64/v8",
					    "linux/arm",   "linux/arm/v7", "linux/arm/v6",
					    "armhf",       "armel",        "x86_64",
					    "aarch64" };
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "windows/amd64", "platform windows/amd64 is not supported; supported are "
				   "linux/amd64, linux/arm64, linux/arm/v7 and linux/arm/v6" },
		{ "linux/amd46", "did you mean linux/amd64?" },
		{ "linux/arm46", "did you mean linux/arm64?" },
		{ "lnux/arm/v6", "did you mean linux/arm/v6?" },
		{ "amd46", "did you mean amd64?" },
		{ "linux/386", "platform linux/386 is not supported" },
		{ "linux/riscv64", "platform linux/riscv64 is not supported" },
		{ "linux/amd64/v3", "platform linux/amd64/v3 is not supported" },
		{ "linux/arm/v5", "platform linux/arm/v5 is not supported" },
		{ "linux/arm/v8", "platform linux/arm/v8 is not supported" },
		{ "darwin/arm64", "platform darwin/arm64 is not supported" },
		{ "", "supported are linux/amd64" },
		{ "\x1b[31m", "platform ?[31m is not supported" },
	};
	struct oci_platform p;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		EXPECT_OK(oci_platform_parse_target(str_of(good[i]), &p));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_ERR(oci_platform_parse_target(str_of(bad[i].text), &p), ERR_INVALID,
			   bad[i].says);
	struct err *e = oci_platform_parse_target(STR("windows/amd64"), &p);
	own_mem char *text = err_text(e);
	err_free(e);
	EXPECT(!strstr(text, "did you mean"));
}

/* Each row: what is wanted, then what is taken for it, the best first. */
TEST(matching_prefers_the_nearest_and_never_the_newer)
{
	static const char *const rows[][6] = {
		{ "linux/arm/v7", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5" },
		{ "linux/arm/v6", "linux/arm/v6", "linux/arm/v5" },
		{ "linux/arm/v8", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5" },
		{ "linux/arm64", "linux/arm64" },
		{ "linux/arm64/v9", "linux/arm64/v9", "linux/arm64" },
		{ "linux/amd64", "linux/amd64" },
		{ "linux/amd64/v3", "linux/amd64/v3", "linux/amd64/v2", "linux/amd64" },
		{ "windows/amd64", "windows/amd64" },
		{ "linux/386", "linux/386" },
	};
	static const char *const all[] = {
		"linux/arm/v8",   "linux/arm/v7",   "linux/arm/v6",    "linux/arm/v5",
		"linux/arm64",    "linux/arm64/v9", "linux/amd64",     "linux/amd64/v2",
		"linux/amd64/v3", "windows/amd64",  "windows/arm/v7",  "linux/386",
		"linux/s390x",    "linux/arm/vx",   "unknown/unknown",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_platform want = parsed(rows[i][0]);
		int last = INT32_MAX, taken = 0;
		for (size_t j = 1; j < ARRAY_LEN(rows[i]) && rows[i][j]; j++, taken++) {
			struct oci_platform have = parsed(rows[i][j]);
			int score = oci_platform_match(&want, &have);
			EXPECT(score > 0 && score < last);
			last = score;
		}
		int matches = 0;
		for (size_t j = 0; j < ARRAY_LEN(all); j++) {
			struct oci_platform have = parsed(all[j]);
			matches += oci_platform_match(&want, &have) > 0;
		}
		EXPECT(matches == taken);
	}
}

TEST(an_arm_image_without_variant_is_v7)
{
	struct oci_platform have = oci_platform_make(STR("linux"), STR("arm"), STR(""));
	struct oci_platform v7 = parsed("linux/arm/v7"), v6 = parsed("linux/arm/v6");
	EXPECT(oci_platform_match(&v7, &have) > 0);
	EXPECT(oci_platform_match(&v6, &have) == 0);
}

TEST(nothing_matches_an_empty_platform)
{
	struct oci_platform none = oci_platform_make(STR(""), STR(""), STR(""));
	struct oci_platform amd64 = parsed("linux/amd64");
	EXPECT(oci_platform_match(&none, &none) == 0);
	EXPECT(oci_platform_match(&amd64, &none) == 0);
	EXPECT(oci_platform_match(&none, &amd64) == 0);
}

TEST(the_host_is_what_uname_says)
{
	static const struct {
		const char *machine, *want;
	} rows[] = {
		{ "x86_64", "linux/amd64" },
		{ "aarch64", "linux/arm64" },
		{ "armv7l", "linux/arm/v7" },
		{ "armv6l", "linux/arm/v6" },
	};
	struct utsname u;
	struct oci_platform host = oci_platform_host();
	EXPECT(uname(&u) == 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_platform p = parsed(rows[i].want);
		bool is_host = !strcmp(u.machine, rows[i].machine);
		EXPECT(oci_platform_eq(&p, &host) == is_host);
		EXPECT(oci_platform_is_native(&p) == is_host);
		p = oci_platform_make(STR("linux"), str_of(rows[i].machine), STR(""));
		EXPECT_STR(str_of(oci_platform_text(&p).s), rows[i].want);
	}
}
