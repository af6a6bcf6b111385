/* A time zone: what its clocks show when, from a TZif file of the IANA database. Pure.
 * SPEC RFC 9636 "The Time Zone Information Format (TZif)"; versions 2 to 4, without leap seconds */
#ifndef KILN_CODEC_ZONE_H
#define KILN_CODEC_ZONE_H

#include "base/err.h"
#include "base/str.h"

struct zone;

/* ERR_INVALID for bytes that are no such file, ERR_LIMIT for more than LIMIT_ZONE_BYTES. */
struct err *zone_parse(struct str bytes, struct zone **out);
struct zone *zone_utc(void);
void zone_free(struct zone *z);
OWN_DECLARE(zone);

/* Seconds that the clocks are ahead of UTC at this time. `*until_s` (may be NULL): when to ask
 * again; INT64_MAX: never. Times are seconds since 1970, within ZONE_MOST_S of it. */
#define ZONE_MOST_S ((int64_t)1 << 40)
int32_t zone_offset(const struct zone *z, int64_t unix_s, int64_t *until_s);

/* When the clocks show `local_s` (seconds since 1970-01-01 00:00 on them) or later for the first
 * time: of a time that they show twice the first one, of one that they leave out the next that
 * they show. */
int64_t zone_first(const struct zone *z, int64_t local_s);

#endif
