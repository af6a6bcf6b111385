/* Clocks: wall time for people and images, monotonic time for durations. */
#ifndef KILN_BASE_TIME_H
#define KILN_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

int64_t time_now_unix_ns(void);
int64_t time_now_unix_ms(void);
uint64_t time_mono_ns(void);
uint64_t time_mono_ms(void);

struct time_text {
	char s[40];
};
/* RFC 3339 in UTC; with nine decimals when `ns` is not whole seconds. */
struct time_text time_rfc3339(int64_t unix_ns);
/* Reads RFC 3339 with any offset; false if it is not one. */
bool time_parse_rfc3339(struct str s, int64_t *unix_ns);

#endif
