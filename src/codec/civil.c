#include "codec/civil.h"

#include <stdbool.h>

static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };

static int64_t divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* To the first day of the year. */
static int64_t year_days(int64_t year)
{
	int64_t past = year - 1;
	return 365 * (year - 1970) + divide(past, 4) - divide(past, 100) + divide(past, 400) - 477;
}

int civil_month_days(int64_t year, int month)
{
	return before[month] - before[month - 1] + (month == 2 && is_leap(year));
}

int64_t civil_days(int64_t year, int month, int day)
{
	return year_days(year) + before[month - 1] + (month > 2 && is_leap(year)) + day - 1;
}

struct civil civil_of(int64_t days)
{
	struct civil c = { .year = 1970 + divide(days, 366), .month = 1 };
	if (days < 0)
		c.year = 1970 + divide(days, 365) - 1;
	while (year_days(c.year + 1) <= days)
		c.year++;
	int rest = (int)(days - year_days(c.year));
	while (rest >= civil_month_days(c.year, c.month))
		rest -= civil_month_days(c.year, c.month++);
	c.day = rest + 1;
	c.weekday = (int)(days - 7 * divide(days + 4, 7) + 4); /* 1970-01-01 was a Thursday */
	return c;
}

int64_t civil_day_of(int64_t seconds)
{
	return divide(seconds, CIVIL_DAY_S);
}
