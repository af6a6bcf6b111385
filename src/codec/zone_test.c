#include "codec/zone_file_test.h"

#include "base/limits.h"
#include "base/time.h"
#include "codec/civil.h"
#include "codec/zone_priv.h"

static int64_t seconds(const char *text)
{
	int64_t ns;
	EXPECT(time_parse_rfc3339(str_of(text), &ns));
	return ns / 1000000000;
}

TEST(days_of_the_calendar)
{
	static const struct {
		int64_t year, days;
		int month, day, weekday;
	} cases[] = {
		{ 1970, 0, 1, 1, 4 },       { 1969, -1, 12, 31, 3 },     { 2000, 11016, 2, 29, 2 },
		{ 2026, 20784, 11, 27, 5 }, { 1600, -135081, 2, 29, 2 }, { 2100, 47541, 3, 1, 1 },
		{ 0, -719528, 1, 1, 6 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct civil c = civil_of(cases[i].days);
		EXPECT(c.year == cases[i].year && c.month == cases[i].month &&
		       c.day == cases[i].day && c.weekday == cases[i].weekday);
		EXPECT(civil_days(c.year, c.month, c.day) == cases[i].days);
	}
	for (int64_t day = -800000; day < 800000; day += 13) {
		struct civil c = civil_of(day);
		EXPECT(civil_days(c.year, c.month, c.day) == day);
		EXPECT(c.day >= 1 && c.day <= civil_month_days(c.year, c.month));
	}
	EXPECT(civil_day_of(-1) == -1 && civil_day_of(0) == 0 && civil_day_of(86399) == 0);
}

TEST(what_clocks_show_by_rule)
{
	static const struct {
		const char *rule, *at;
		int32_t offset;
		const char *until; /* NULL: for good */
	} cases[] = {
		{ "UTC0", "2026-01-01T00:00:00Z", 0, NULL },
		{ "IST-5:30", "2026-01-01T00:00:00Z", 19800, NULL },
		{ "<-0330>+3:30", "2026-01-01T00:00:00Z", -12600, NULL },
		{ "XYZ-1:02:03", "2026-01-01T00:00:00Z", 3723, NULL },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3600,
		  "2026-03-29T01:00:00Z" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7200,
		  "2026-10-25T01:00:00Z" },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3600,
		  "2027-03-28T01:00:00Z" },
		{ "EST5EDT,M3.2.0,M11.1.0", "2026-07-01T00:00:00Z", -14400,
		  "2026-11-01T06:00:00Z" },
		/* south: the summer begins in October */
		{ "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", 39600,
		  "2026-04-04T16:00:00Z" },
		{ "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-07-01T00:00:00Z", 37800,
		  "2026-10-03T15:30:00Z" },
		/* Dublin: its winter is what is special */
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00Z", 0, "2026-03-29T01:00:00Z" },
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00Z", 3600,
		  "2026-10-25T01:00:00Z" },
		/* times of other days: Nuuk, and the Saturday before */
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200,
		  "2026-03-29T01:00:00Z" },
		{ "EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00:00Z", 10800,
		  "2026-10-23T23:00:00Z" },
		/* days by number, with and without 29 February */
		{ "AAA0BBB,J60/0,J61/0", "2028-03-01T12:00:00Z", 3600, "2028-03-01T23:00:00Z" },
		{ "AAA0BBB,59/0,60/0", "2028-02-29T12:00:00Z", 3600, "2028-02-29T23:00:00Z" },
		/* summer all year */
		{ "XXX3EDT4,0/0,J365/23", "2026-06-01T00:00:00Z", -14400, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		own(zone) z = zone_of_rule(cases[i].rule);
		int64_t until;
		EXPECT(zone_offset(z, seconds(cases[i].at), &until) == cases[i].offset);
		if (cases[i].until)
			EXPECT_STR(str_of(time_rfc3339(until * 1000000000).s), cases[i].until);
	}
	own(zone) summer = zone_of_rule("XXX3EDT4,0/0,J365/23");
	for (int64_t at = seconds("2026-12-30T00:00:00Z"); at < seconds("2027-01-03T00:00:00Z");
	     at += 600)
		EXPECT(zone_offset(summer, at, NULL) == -14400);
}

TEST(changes_come_before_the_rule)
{
	const int64_t at[] = { seconds("1900-01-01T00:00:00Z"), seconds("1950-01-01T00:00:00Z") };
	static const int32_t offsets[] = { 100, 3600, -3600 };
	own(zone) z = zone_of_changes(at, offsets, 2, "CET-1");
	own(zone) plain = zone_of_changes(at, offsets, 2, "");
	own(zone) utc = zone_utc();
	int64_t until;
	EXPECT(zone_offset(z, at[0] - 1, &until) == 100 && until == at[0]);
	EXPECT(zone_offset(z, at[0], &until) == 3600 && until == at[1]);
	/* the rule tells what is behind the last change */
	EXPECT(zone_offset(z, at[1], &until) == 3600 && until == INT64_MAX);
	EXPECT(zone_offset(plain, at[1], &until) == -3600 && until == INT64_MAX);
	EXPECT(zone_offset(utc, 0, &until) == 0 && until == INT64_MAX);
	/* an hour and 100 seconds that are left out, and two hours that come twice */
	EXPECT(zone_first(plain, at[0] + 99) == at[0] - 1);
	EXPECT(zone_first(plain, at[0] + 100) == at[0]);
	EXPECT(zone_first(plain, at[0] + 3599) == at[0]);
	EXPECT(zone_first(plain, at[0] + 3601) == at[0] + 1);
	EXPECT(zone_first(plain, at[1]) == at[1] - 3600);
	EXPECT(zone_first(plain, at[1] + 3599) == at[1] - 1);
	EXPECT(zone_first(plain, at[1] + 3600) == at[1] + 7200);
}

TEST(a_rule_that_is_none)
{
	static const char *const wrong[] = {
		"C",
		"CE1",
		"CET",
		"CET-",
		"CET-25",
		"CET-1:60",
		"CET-1CEST",
		"CET-1CEST,",
		"CET-1CEST,M3.5.0",
		"<CET-1",
		"<>1",
		"CET-1CEST,M0.5.0,M10.5.0",
		"CET-1CEST,M3.0.0,M10.5.0",
		"CET-1CEST,M3.6.0,M10.5.0",
		"CET-1CEST,M3.5.7,M10.5.0",
		"CET-1CEST,M13.5.0,M10.5.0",
		"CET-1CEST,J0,J100",
		"CET-1CEST,J366,J100",
		"CET-1CEST,366,J100",
		"CET-1CEST,M3.5.0/168,M10.5.0",
		"CET-1CEST,M3.5.0,M10.5.0,",
		"CET-1 ",
		"CET--1",
		"CET-1CEST,M3.5.0,M10.5.0/",
		"CET-1234",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct zone_rule r;
		EXPECT_ERR(err_wrap(zone_rule_parse(str_of(wrong[i]), &r), "%s", wrong[i]),
			   ERR_INVALID, "no rule of a time zone");
	}
}

TEST(a_file_that_is_none)
{
	static const int64_t at[] = { 1000, 2000 }, disorder[] = { 2000, 2000 };
	static const int32_t offsets[] = { 0, 3600, 7200 }, far[] = { 0, 93600, 0 },
			     west[] = { 0, 0, -90000 }, first[] = { 93600, 0, 0 };
	done(buf) b;
	struct zone *z;
	buf_init(&b, 1 << 16);
	add_zone_file(&b, at, offsets, 2, "UTC0");
	for (size_t n = 0; n < b.len; n++)
		EXPECT_ERR(zone_parse(str_first(buf_str(&b), n), &z), ERR_INVALID, "no file of");
	EXPECT_OK(zone_parse(buf_str(&b), &z));
	zone_free(z);
	enum { SECOND = 44 + 10, KINDS = SECOND + 44 + 16 }; /* where the second header begins */
	static const struct {
		size_t at;
		char to;
		const char *why;
	} changed[] = {
		{ 0, 'X', "its header is another" },
		{ 4, 0, "of version 1" },
		{ 36, 1, "it is cut" },
		{ SECOND, 'X', "its header is another" },
		{ SECOND + 28, 1, "it is cut" },
		{ SECOND + 39, 0, "it has no first offset" },
		{ KINDS, 3, "a change has no offset" },
	};
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		own_mem char *copy = mem_strndup(b.p, b.len);
		copy[changed[i].at] = changed[i].to;
		EXPECT_ERR(zone_parse(str_n(copy, b.len), &z), ERR_INVALID, changed[i].why);
	}
	const struct {
		const int64_t *at;
		const int32_t *offsets;
		const char *rule, *why;
	} made[] = {
		{ disorder, offsets, "UTC0", "its changes are not in order" },
		{ at, far, "UTC0", "a change has no offset" },
		{ at, west, "UTC0", "a change has no offset" },
		{ at, first, "UTC0", "it has no first offset" },
		{ at, offsets, "UTC", "no rule of a time zone" },
	};
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		buf_clear(&b);
		add_zone_file(&b, made[i].at, made[i].offsets, 2, made[i].rule);
		EXPECT_ERR(zone_parse(buf_str(&b), &z), ERR_INVALID, made[i].why);
	}
	own_mem char *large = mem_zalloc(LIMIT_ZONE_BYTES + 1);
	EXPECT_ERR(zone_parse(str_n(large, LIMIT_ZONE_BYTES + 1), &z), ERR_LIMIT, NULL);
}
