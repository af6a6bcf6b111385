/* Days of the Gregorian calendar, before and after 1970 alike. Pure. */
#ifndef KILN_CODEC_CIVIL_H
#define KILN_CODEC_CIVIL_H

#include <stdint.h>

#define CIVIL_DAY_S 86400

struct civil {
	int64_t year;
	int month, day; /* from 1 */
	int weekday;    /* 0 is Sunday */
};

/* Days from 1970-01-01 to that day. */
int64_t civil_days(int64_t year, int month, int day);
struct civil civil_of(int64_t days);
int civil_month_days(int64_t year, int month); /* 28 to 31 */
/* Rounded towards the past. */
int64_t civil_day_of(int64_t seconds);

#endif
