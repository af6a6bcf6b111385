/* A file of a time zone from anybody: what is taken has an offset at every time, and its clocks
 * show every time or leave it out. */
#include <stdlib.h>

#include "codec/zone_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct zone *z, int64_t at)
{
	int64_t until, local, first;
	int32_t offset = zone_offset(z, at, &until);
	if (until <= at || offset < -2 * ZONE_MOST_OFFSET_S || offset > 2 * ZONE_MOST_OFFSET_S)
		abort();
	local = at + offset;
	first = zone_first(z, local);
	if (first > at || first + zone_offset(z, first, NULL) < local)
		abort();
	if (zone_first(z, local + 1) < first)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t times[] = { 0, -1, 1800000000, 1774746000, 4102444800, -5000000000 };
	struct zone *z = NULL;
	struct err *e = zone_parse(str_n((const char *)data, size), &z);
	for (size_t i = 0; !e && i < ARRAY_LEN(times); i++)
		for (int64_t at = times[i]; at < times[i] + 366 * 86400; at += 1000003)
			check(z, at);
	zone_free(z);
	err_free(e);
	return 0;
}
