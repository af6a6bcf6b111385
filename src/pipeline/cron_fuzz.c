/* An expression from anybody: what is taken comes again and again, at times that it names. */
#include <stdlib.h>

#include "codec/civil.h"
#include "pipeline/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct cron *c, int64_t at)
{
	struct civil d = civil_of(civil_day_of(at));
	int64_t minute = (at - civil_day_of(at) * CIVIL_DAY_S) / 60;
	if (at % 60 || !(c->minutes >> (minute % 60) & 1) || !(c->hours >> (minute / 60) & 1) ||
	    !(c->months >> d.month & 1))
		abort();
	bool by_day = c->days >> d.day & 1, by_weekday = c->weekdays >> d.weekday & 1;
	if (!(c->either_day ? by_day || by_weekday : by_day && by_weekday))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cron c;
	own(zone) utc = zone_utc();
	struct err *e = cron_parse(str_n((const char *)data, size), &c);
	int64_t at = 1795000000;
	for (int i = 0; !e && i < 10; i++) {
		int64_t next = cron_next(&c, utc, at);
		if (next <= at || cron_next(&c, utc, next - 1) != next)
			abort();
		check(&c, next);
		at = next;
	}
	err_free(e);
	return 0;
}
