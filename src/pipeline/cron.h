/* Expressions of crontab(5): when something is to be done again and again. Pure.
 *
 * 1. Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday). Each
 *    is a list of numbers, ranges and *; a range and * may have a step; months and days have names.
 *    Or one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly.
 * 2. When neither field for days begins with *, either of them may be right: "0 0 13 * 5" is each
 *    13th and each Friday. Otherwise both must be.
 * 3. It means what clocks of its time zone show. A time that they leave out is the next that they
 *    show; of one that they show twice the first one counts. */
#ifndef KILN_PIPELINE_CRON_H
#define KILN_PIPELINE_CRON_H

#include "codec/zone.h"

struct cron {
	uint64_t minutes; /* a bit each */
	uint32_t hours, days, months, weekdays;
	bool either_day; /* see 2 */
};

/* ERR_INVALID code SCHEDULE_CRON names the field and the character; also for a day that no month
 * has. */
struct err *cron_parse(struct str text, struct cron *out);
/* The first time behind `after_s`; seconds since 1970, less than ZONE_MOST_S / 2. */
int64_t cron_next(const struct cron *c, const struct zone *z, int64_t after_s);

#endif
