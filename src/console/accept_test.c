#include "console/accept_priv.h"

#include "base/test.h"

TEST(codings_that_a_client_takes)
{
	static const struct {
		const char *header;
		bool gzip;
	} rows[] = {
		{ NULL, false },
		{ "", false },
		{ "gzip", true },
		{ "GZIP", true },
		{ "x-gzip", true },
		{ "gzip, deflate, br, zstd", true },
		{ "br,gzip", true },
		{ "br", false },
		{ "gzipped", false },
		{ "*", true },
		{ "identity", false },
		{ "gzip;q=1.0", true },
		{ "gzip ; q=0.001", true },
		{ "gzip;q=0", false },
		{ "gzip; q=0.000 ,*", false },
		{ "*, gzip;q=0", false },
		{ "*;q=0", false },
		{ "*;q=0, gzip", true },
		{ "gzip;x=0;Q=0", false },
		{ "gzip;q", false },
		{ ",,;;==,", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (console_accepts_gzip(str_of(rows[i].header)) != rows[i].gzip)
			fail_msg("%s", rows[i].header);
}

TEST(tags_that_a_client_has)
{
	static const struct {
		const char *header;
		bool has;
	} rows[] = {
		{ NULL, false },
		{ "", false },
		{ "\"abc\"", true },
		{ "\"abc-gzip\"", true },
		{ "W/\"abc\"", true },
		{ "*", true },
		{ " * ", true },
		{ "\"x\", \"abc-gzip\"", true },
		{ "\"x\",W/\"y\" , W/\"abc\"", true },
		{ "abc", false },
		{ "\"abc", false },
		{ "\"abcd\"", false },
		{ "\"ab\"", false },
		{ "\"abc-gzi\"", false },
		{ "\"abc-gzipp\"", false },
		{ "w/\"abc\"", false },
		{ "\"", false },
		{ "\"\"", false },
		{ "\"x\", *", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (console_has_tag(str_of(rows[i].header), STR("abc")) != rows[i].has)
			fail_msg("%s", rows[i].header);
}
