#include "pipeline/cron.h"

#include "base/test.h"
#include "base/time.h"
#include "codec/zone_file_test.h"

/* Minutes and so on of an expression as text: "0,30" for each field, of which only the first ones
 * are shown. */
static char *field_text(uint64_t set)
{
	struct buf b;
	buf_init(&b, 1000);
	for (unsigned i = 0; i < 64; i++)
		if (set >> i & 1)
			buf_printf(&b, "%s%u", b.len ? "," : "", i);
	return buf_steal(&b);
}

TEST(what_the_fields_of_an_expression_hold)
{
	static const struct {
		const char *text, *minutes, *hours, *days, *months, *weekdays;
		bool either;
	} cases[] = {
		{ "0 3 1 1 0", "0", "3", "1", "1", "0", true },
		{ " 59\t23  31 12 7 ", "59", "23", "31", "12", "0", true },
		{ "0,30 8-10 1-7 2,4 1-5", "0,30", "8,9,10", "1,2,3,4,5,6,7", "2,4", "1,2,3,4,5",
		  true },
		{ "*/20 */8 */10 */5 */3", "0,20,40", "0,8,16", "1,11,21,31", "1,6,11", "0,3,6",
		  false },
		{ "10-59/25 1-5/2 1 JAN,dec Mon-fri", "10,35", "1,3,5", "1", "1,12", "1,2,3,4,5",
		  true },
		{ "5 5 5 5 fri-sun", "5", "5", "5", "5", "0,5,6", true },
		{ "5 5 5 5 5-7", "5", "5", "5", "5", "0,5,6", true },
		{ "5 5 5 5 sun-tue", "5", "5", "5", "5", "0,1,2", true },
		{ "5 5 */30 5 1", "5", "5", "1,31", "5", "1", false },
		{ "@yearly", "0", "0", "1", "1", "0,1,2,3,4,5,6", false },
		{ "@annually", "0", "0", "1", "1", "0,1,2,3,4,5,6", false },
		{ "@monthly", "0", "0", "1", "1,2,3,4,5,6,7,8,9,10,11,12", "0,1,2,3,4,5,6", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cron c;
		EXPECT_OK(err_wrap(cron_parse(str_of(cases[i].text), &c), "%s", cases[i].text));
		own_mem char *minutes = field_text(c.minutes), *hours = field_text(c.hours),
			     *days = field_text(c.days), *in = field_text(c.months),
			     *on = field_text(c.weekdays);
		EXPECT_STR(str_of(minutes), cases[i].minutes);
		EXPECT_STR(str_of(hours), cases[i].hours);
		EXPECT_STR(str_of(days), cases[i].days);
		EXPECT_STR(str_of(in), cases[i].months);
		EXPECT_STR(str_of(on), cases[i].weekdays);
		EXPECT(c.either_day == cases[i].either);
	}
}

TEST(an_expression_that_is_wrong_is_refused_where_it_is)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "field 1 (minute), character 1 of the expression: it is missing" },
		{ "0 3 * *",
		  "field 5 (day of the week), character 8 of the expression: it is missing" },
		{ "0 3 * * * *",
		  "field 5 (day of the week), character 11 of the expression: it is the "
		  "last field" },
		{ "60 3 * * *",
		  "field 1 (minute), character 1 of the expression: it is 0 to 59, and "
		  "not 60" },
		{ "0 1,24 * * *", "field 2 (hour), character 5 of the expression: it is 0 to 23" },
		{ "0 0 0 * *",
		  "field 3 (day of the month), character 5 of the expression: it is 1 to" },
		{ "0 0 1 13 *", "field 4 (month), character 7" },
		{ "0 0 1 * 8", "field 5 (day of the week), character 9" },
		{ "0 0 1 foo *", "field 4 (month), character 7 of the expression: foo is none of" },
		{ "0 0 1 january *", "january is none of its names JAN to DEC" },
		{ "0 noon * * *",
		  "field 2 (hour), character 3 of the expression: noon is no number" },
		{ "0 22-2 * * *", "the range goes backwards; write two, as in 22-23,0-2" },
		{ "0 0 * * SAT-MON",
		  "field 5 (day of the week), character 9 of the expression: the range" },
		{ "5/10 * * * *",
		  "field 1 (minute), character 2 of the expression: a step follows" },
		{ "*/0 * * * *",
		  "field 1 (minute), character 3 of the expression: a step is 1 to 59" },
		{ "*/90 * * * *", "a step is 1 to 59, and not 90" },
		{ "0 */24 * * *", "a step is 1 to 23, and not 24" },
		{ "*/ * * * *",
		  "field 1 (minute), character 3 of the expression: something is missing" },
		{ "0, * * * *",
		  "field 1 (minute), character 3 of the expression: something is missing" },
		{ "0 1- * * *",
		  "field 2 (hour), character 5 of the expression: something is missing" },
		{ "0 ? * * *", "field 2 (hour), character 3 of the expression: ? is not expected" },
		{ "0 0 L * *", "field 3 (day of the month), character 5" },
		{ "0 0 1W * *",
		  "field 3 (day of the month), character 6 of the expression: W is not" },
		{ "-5 * * * *",
		  "field 1 (minute), character 1 of the expression: - is not expected" },
		{ "0 0 \xc3\xa9 * *",
		  "field 3 (day of the month), character 5 of the expression: this" },
		{ "0\n0 1 1 1", "field 1 (minute), character 2 of the expression: this character" },
		{ "99999999999999999999999999 * * * *", "and not 99999999999999999999" },
		{ "0 0 30 2 *",
		  "field 3 (day of the month), character 5 of the expression: none of the "
		  "months" },
		{ "0 0 31 2,4,6,9,11 *", "none of the months in field 4 has such a day" },
		{ "0 0 30-31 FEB *", "none of the months" },
		{ "@reboot", "character 1 of the expression: there is no word @reboot" },
		{ "@Daily", "there is no word @Daily" },
		{ "@daily ", "there is no word" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cron c;
		struct err *e = cron_parse(str_of(cases[i].text), &c);
		EXPECT(e && strcmp(err_code(e), "SCHEDULE_CRON") == 0);
		EXPECT_ERR(err_wrap(e, "%s", cases[i].text), ERR_INVALID, cases[i].why);
	}
	char longest[300];
	memset(longest, '0', sizeof(longest));
	struct cron c;
	EXPECT_ERR(cron_parse(str_n(longest, sizeof(longest)), &c), ERR_INVALID, "at most 256");
	EXPECT_ERR(cron_parse(str_n("0 0\0 * *", 8), &c), ERR_INVALID, "at most 256");
	/* a day that never comes is no harm beside a weekday that does */
	EXPECT_OK(cron_parse(STR("0 0 30 2 1"), &c));
}

/* `want`: one time after the other. */
static void expect_next(const char *text, const char *rule, const char *after,
			const char *const *want)
{
	own(zone) z = zone_of_rule(rule);
	struct cron c;
	int64_t ns;
	EXPECT_OK(cron_parse(str_of(text), &c));
	EXPECT(time_parse_rfc3339(str_of(after), &ns));
	for (size_t i = 0; want[i]; i++) {
		int64_t at = cron_next(&c, z, ns / 1000000000);
		EXPECT_STR(str_of(time_rfc3339(at * 1000000000).s), want[i]);
		ns = at * 1000000000;
	}
}

#define UTC       "UTC0"
#define BERLIN    "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK  "EST5EDT,M3.2.0,M11.1.0"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"

TEST(the_next_times_of_an_expression)
{
	static const struct {
		const char *text, *rule, *after;
		const char *want[6];
	} cases[] = {
		{ "30 3 * * *",
		  UTC,
		  "2026-11-27T03:29:59Z",
		  { "2026-11-27T03:30:00Z", "2026-11-28T03:30:00Z" } },
		/* one that is just there is over */
		{ "30 3 * * *", UTC, "2026-11-27T03:30:00Z", { "2026-11-28T03:30:00Z" } },
		{ "*/15 * * * *",
		  UTC,
		  "2026-12-31T23:44:59Z",
		  { "2026-12-31T23:45:00Z", "2027-01-01T00:00:00Z", "2027-01-01T00:15:00Z" } },
		{ "@hourly", UTC, "2026-12-31T23:00:01Z", { "2027-01-01T00:00:00Z" } },
		{ "@weekly", UTC, "2026-11-27T00:00:00Z", { "2026-11-29T00:00:00Z" } },
		{ "@monthly", UTC, "2026-12-02T00:00:00Z", { "2027-01-01T00:00:00Z" } },
		{ "@yearly", UTC, "2026-01-01T00:00:00Z", { "2027-01-01T00:00:00Z" } },
		/* the ends of months */
		{ "0 0 31 * *",
		  UTC,
		  "2026-01-31T00:00:00Z",
		  { "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z",
		    "2026-08-31T00:00:00Z" } },
		{ "0 0 29-31 2,4 *",
		  UTC,
		  "2027-02-28T00:00:00Z",
		  { "2027-04-29T00:00:00Z", "2027-04-30T00:00:00Z", "2028-02-29T00:00:00Z" } },
		/* leap years: 2100 is none */
		{ "0 0 29 2 *",
		  UTC,
		  "2023-01-01T00:00:00Z",
		  { "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z" } },
		{ "0 0 29 2 *", UTC, "2096-02-29T00:00:00Z", { "2104-02-29T00:00:00Z" } },
		{ "0 0 29 2 */6",
		  UTC,
		  "2076-03-01T00:00:00Z",
		  { "2088-02-29T00:00:00Z", "2116-02-29T00:00:00Z" } },
		/* either day, when both are restricted */
		{ "0 0 13 * 5",
		  UTC,
		  "2026-11-09T00:00:00Z",
		  { "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z",
		    "2026-12-04T00:00:00Z", "2026-12-11T00:00:00Z" } },
		{ "0 0 13 * *",
		  UTC,
		  "2026-11-09T00:00:00Z",
		  { "2026-11-13T00:00:00Z", "2026-12-13T00:00:00Z" } },
		{ "0 0 * * 5",
		  UTC,
		  "2026-11-09T00:00:00Z",
		  { "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z" } },
		/* a field that begins with * restricts nothing, and both must be right */
		{ "0 0 */2 * 5",
		  UTC,
		  "2026-11-09T00:00:00Z",
		  { "2026-11-13T00:00:00Z", "2026-11-27T00:00:00Z", "2026-12-11T00:00:00Z" } },
		{ "0 0 30 2 1",
		  UTC,
		  "2026-02-20T00:00:00Z",
		  { "2026-02-23T00:00:00Z", "2027-02-01T00:00:00Z" } },
		/* Berlin */
		{ "30 3 * * *",
		  BERLIN,
		  "2026-07-01T00:00:00Z",
		  { "2026-07-01T01:30:00Z", "2026-07-02T01:30:00Z" } },
		{ "30 23 * * 1", BERLIN, "2026-11-27T00:00:00Z", { "2026-11-30T22:30:00Z" } },
		{ "30 0 1 * *", BERLIN, "2026-11-27T00:00:00Z", { "2026-11-30T23:30:00Z" } },
		/* 29 March 2026: from 02:00 to 03:00; 02:30 is not there */
		{ "30 2 * * *",
		  BERLIN,
		  "2026-03-27T12:00:00Z",
		  { "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z" } },
		{ "0,20,40 2 * * *",
		  BERLIN,
		  "2026-03-28T12:00:00Z",
		  { "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z" } },
		{ "*/30 * * * *",
		  BERLIN,
		  "2026-03-29T00:10:00Z",
		  { "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z" } },
		/* 25 October 2026: 02:00 to 03:00 comes twice */
		{ "30 2 * * *",
		  BERLIN,
		  "2026-10-24T12:00:00Z",
		  { "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z" } },
		{ "30 2 * * *", BERLIN, "2026-10-25T01:00:00Z", { "2026-10-26T01:30:00Z" } },
		{ "*/30 * * * *",
		  BERLIN,
		  "2026-10-24T23:40:00Z",
		  { "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z" } },
		/* New York: 8 March and 1 November 2026 */
		{ "30 2 * * *",
		  NEW_YORK,
		  "2026-03-07T12:00:00Z",
		  { "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z" } },
		{ "30 1 * * *",
		  NEW_YORK,
		  "2026-10-31T12:00:00Z",
		  { "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z" } },
		{ "0 0 * * *",
		  NEW_YORK,
		  "2026-10-31T12:00:00Z",
		  { "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z" } },
		/* Lord Howe: half an hour, on 4 October and on 5 April 2026 */
		{ "15 2 * * *",
		  LORD_HOWE,
		  "2026-10-02T20:00:00Z",
		  { "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z" } },
		{ "45 2 * * *",
		  LORD_HOWE,
		  "2026-10-02T20:00:00Z",
		  { "2026-10-03T15:45:00Z", "2026-10-04T15:45:00Z" } },
		{ "45 1 * * *",
		  LORD_HOWE,
		  "2026-04-04T00:00:00Z",
		  { "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z" } },
		/* before 1970 too, and far away */
		{ "0 12 * * *", UTC, "1969-12-31T12:00:00Z", { "1970-01-01T12:00:00Z" } },
		{ "0 12 29 2 *", BERLIN, "2196-01-01T00:00:00Z", { "2196-02-29T11:00:00Z" } },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_next(cases[i].text, cases[i].rule, cases[i].after, cases[i].want);
}

/* Samoa left 30 December 2011 out, and the clocks of Kwajalein once showed a day twice. */
TEST(a_day_that_is_left_out_and_one_that_comes_twice)
{
	static const int64_t at[] = { 1325239200 }, twice[] = { 1325239200 };
	static const int32_t away[] = { -36000, 50400 }, back[] = { 50400, -36000 };
	own(zone) left_out = zone_of_changes(at, away, 1, "<+14>-14");
	own(zone) again = zone_of_changes(twice, back, 1, "<-10>10");
	struct cron c;
	EXPECT_OK(cron_parse(STR("0 6 * * *"), &c));
	EXPECT(cron_next(&c, left_out, 1325239200 - 20 * 3600) == 1325239200 - 18 * 3600);
	EXPECT(cron_next(&c, left_out, 1325239200 - 18 * 3600) == 1325239200);
	EXPECT(cron_next(&c, left_out, 1325239200) == 1325239200 + 6 * 3600);
	EXPECT(cron_next(&c, again, 1325239200 - 20 * 3600) == 1325239200 - 18 * 3600);
	EXPECT(cron_next(&c, again, 1325239200 - 18 * 3600) == 1325239200 + 30 * 3600);
}
