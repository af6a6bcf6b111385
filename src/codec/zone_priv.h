/* Inside codec/zone*.c: the rule in the last line of a TZif file. */
#ifndef KILN_CODEC_ZONE_PRIV_H
#define KILN_CODEC_ZONE_PRIV_H

#include <stdbool.h>

#include "codec/zone.h"

#define ZONE_LEAST_OFFSET_S (-89999)
#define ZONE_MOST_OFFSET_S  93599

struct zone_day {
	enum { ZONE_WEEK, ZONE_JULIAN, ZONE_ZERO } kind; /* M10.5.0; J60, never 29 February; 59 */
	int month, week, day;
	int32_t time_s; /* of the day; may be negative, or more than one */
};
struct zone_rule {
	int32_t offset, summer; /* ahead of UTC */
	bool has_summer;
	struct zone_day begins, ends;
};

/* ERR_INVALID for what is no such rule.
 * SPEC RFC 9636 "The TZif Footer" */
struct err *zone_rule_parse(struct str text, struct zone_rule *out);
int32_t zone_rule_offset(const struct zone_rule *r, int64_t unix_s, int64_t *until_s);

#endif
