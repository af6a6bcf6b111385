#include "base/time.h"

#include "base/test.h"

TEST(times_are_read_and_written)
{
	static const struct {
		struct str text;
		bool ok;
		int64_t ns;
	} rows[] = {
		{ STR("1970-01-01T00:00:00Z"), true, 0 },
		{ STR("2020-10-15T16:13:00.5+08:00"), true, 1602749580500000000 },
		{ STR("1969-12-31T23:59:59Z"), true, -1000000000 },
		{ STR("2020-10-15"), false, 0 },
		{ STR("2020-13-15T16:13:00Z"), false, 0 },
		{ STR("2020-10-15T16:13:00Zx"), false, 0 },
		{ STR("2024-01-01T00:00:00\0"), false, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t ns = 1;
		EXPECT(time_parse_rfc3339(rows[i].text, &ns) == rows[i].ok);
		EXPECT(!rows[i].ok || ns == rows[i].ns);
	}
	EXPECT_STR(str_of(time_rfc3339(1602749580500000000).s), "2020-10-15T08:13:00.500000000Z");
	EXPECT_STR(str_of(time_rfc3339(0).s), "1970-01-01T00:00:00Z");
}
