#include "base/time.h"

#include <stdio.h>
#include <time.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t time_now_unix_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t time_now_unix_ms(void)
{
	return time_now_unix_ns() / 1000000;
}

uint64_t time_mono_ns(void)
{
	return (uint64_t)clock_ns(CLOCK_MONOTONIC);
}

uint64_t time_mono_ms(void)
{
	return time_mono_ns() / 1000000;
}

struct time_text time_rfc3339(int64_t unix_ns)
{
	struct time_text t;
	int64_t s = unix_ns / 1000000000, ns = unix_ns % 1000000000;
	if (ns < 0) {
		ns += 1000000000;
		s--;
	}
	time_t whole = (time_t)s;
	struct tm tm;
	gmtime_r(&whole, &tm);
	size_t n = strftime(t.s, sizeof(t.s), "%Y-%m-%dT%H:%M:%S", &tm);
	if (ns)
		snprintf(t.s + n, sizeof(t.s) - n, ".%09dZ", (int)ns);
	else
		snprintf(t.s + n, sizeof(t.s) - n, "Z");
	return t;
}

static bool digits(struct str *s, size_t n, int *out)
{
	uint64_t v;
	if (s->len < n || !str_to_u64(str_first(*s, n), 99999, &v))
		return false;
	*s = str_skip(*s, n);
	*out = (int)v;
	return true;
}

static bool one_of(struct str *s, const char *set, char *out)
{
	if (!s->len || !s->p[0] || !strchr(set, s->p[0]))
		return false;
	*out = s->p[0];
	*s = str_skip(*s, 1);
	return true;
}

bool time_parse_rfc3339(struct str s, int64_t *unix_ns)
{
	struct tm tm = { 0 };
	char c;
	if (!digits(&s, 4, &tm.tm_year) || !one_of(&s, "-", &c) || !digits(&s, 2, &tm.tm_mon) ||
	    !one_of(&s, "-", &c) || !digits(&s, 2, &tm.tm_mday) || !one_of(&s, "Tt ", &c) ||
	    !digits(&s, 2, &tm.tm_hour) || !one_of(&s, ":", &c) || !digits(&s, 2, &tm.tm_min) ||
	    !one_of(&s, ":", &c) || !digits(&s, 2, &tm.tm_sec))
		return false;
	int64_t ns = 0, scale = 100000000;
	if (s.len && s.p[0] == '.') {
		for (s = str_skip(s, 1); s.len && s.p[0] >= '0' && s.p[0] <= '9';
		     s = str_skip(s, 1)) {
			ns += (s.p[0] - '0') * scale;
			scale /= 10;
		}
	}
	int hours = 0, minutes = 0;
	if (!one_of(&s, "Zz+-", &c))
		return false;
	if ((c == '+' || c == '-') && (!digits(&s, 2, &hours) || !(s.len && s.p[0] == ':') ||
				       (s = str_skip(s, 1), !digits(&s, 2, &minutes))))
		return false;
	if (s.len || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	int64_t offset = (hours * 60 + minutes) * 60;
	int64_t unix_s = (int64_t)timegm(&tm) - (c == '-' ? -offset : offset);
	if (unix_s > 9000000000 || unix_s < -9000000000)
		return false;
	*unix_ns = unix_s * 1000000000 + ns;
	return true;
}
