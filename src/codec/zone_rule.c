/* "CET-1CEST,M3.5.0,M10.5.0/3": what a zone's clocks do in every year that its file does not list.
 */
#include "codec/zone_priv.h"

#include <stdlib.h>

#include "codec/civil.h"

/* ---- reading ---- */

static bool accept(struct str *s, char c)
{
	bool yes = s->len && s->p[0] == c;
	*s = str_skip(*s, yes);
	return yes;
}

static bool number(struct str *s, int most, int *out)
{
	size_t n = 0;
	int v = 0;
	for (; n < MIN(s->len, (size_t)3) && s->p[n] >= '0' && s->p[n] <= '9'; n++)
		v = v * 10 + (s->p[n] - '0');
	*s = str_skip(*s, n);
	*out = v;
	return n && v <= most;
}

/* [+-]hh[:mm[:ss]] */
static bool clock_time(struct str *s, int most_hours, int32_t *out)
{
	bool negative = accept(s, '-');
	int hours, minutes = 0, seconds = 0;
	if (!negative)
		accept(s, '+');
	if (!number(s, most_hours, &hours) || (accept(s, ':') && !number(s, 59, &minutes)) ||
	    (accept(s, ':') && !number(s, 59, &seconds)))
		return false;
	*out = (hours * 60 + minutes) * 60 + seconds;
	if (negative)
		*out = -*out;
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* CEST, or <+1030> */
static bool abbreviation(struct str *s)
{
	size_t n = 0;
	if (accept(s, '<')) {
		ptrdiff_t end = str_chr(*s, '>');
		*s = str_skip(*s, end < 0 ? s->len : (size_t)end + 1);
		return end > 0;
	}
	while (n < s->len && is_letter(s->p[n]))
		n++;
	*s = str_skip(*s, n);
	return n >= 3;
}

static bool day(struct str *s, struct zone_day *d)
{
	d->time_s = 7200;
	bool ok;
	if (accept(s, 'M')) {
		d->kind = ZONE_WEEK;
		ok = number(s, 12, &d->month) && d->month && accept(s, '.') &&
		     number(s, 5, &d->week) && d->week && accept(s, '.') && number(s, 6, &d->day);
	} else {
		d->kind = accept(s, 'J') ? ZONE_JULIAN : ZONE_ZERO;
		ok = number(s, 365, &d->day) && (d->day || d->kind == ZONE_ZERO);
	}
	return ok && (!accept(s, '/') || clock_time(s, 167, &d->time_s));
}

static bool summer(struct str *s, struct zone_rule *r)
{
	int32_t west = -r->offset - 3600;
	if (!abbreviation(s))
		return false;
	if (s->len && s->p[0] != ',' && !clock_time(s, 24, &west))
		return false;
	r->has_summer = true;
	r->summer = -west;
	return accept(s, ',') && day(s, &r->begins) && accept(s, ',') && day(s, &r->ends);
}

struct err *zone_rule_parse(struct str text, struct zone_rule *out)
{
	struct zone_rule r = { .has_summer = false };
	struct str s = text;
	int32_t west;
	bool ok = abbreviation(&s) && clock_time(&s, 24, &west);
	if (ok)
		r.offset = -west;
	if (ok && s.len)
		ok = summer(&s, &r);
	if (!ok || s.len)
		return err_new(ERR_INVALID, "its last line is no rule of a time zone");
	*out = r;
	return NULL;
}

/* ---- using ---- */

static int64_t day_in(const struct zone_day *d, int64_t year)
{
	int64_t first = civil_days(year, 1, 1);
	switch (d->kind) {
	case ZONE_ZERO:
		return first + d->day;
	case ZONE_JULIAN:
		return first + d->day - 1 + (d->day > 59 && civil_month_days(year, 2) == 29);
	case ZONE_WEEK:
		break;
	}
	first = civil_days(year, d->month, 1);
	int to_first = (d->day - civil_of(first).weekday + 7) % 7;
	int n = to_first + 7 * (d->week - 1);
	return first + (n < civil_month_days(year, d->month) ? n : n - 7);
}

#define YEARS 5 /* around a time; a change may be a week away from its day */

struct change {
	int64_t at;
	int32_t offset;
	bool begins; /* of two at one time this counts: there is summer time all year */
};

static int by_time(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (int)x->begins - (int)y->begins;
}

int32_t zone_rule_offset(const struct zone_rule *r, int64_t unix_s, int64_t *until_s)
{
	*until_s = INT64_MAX;
	if (!r->has_summer)
		return r->offset;
	struct change c[2 * YEARS];
	int64_t year = civil_of(civil_day_of(unix_s)).year;
	for (int i = 0; i < YEARS; i++) {
		int64_t y = year - YEARS / 2 + i;
		c[2 * i] = (struct change){ day_in(&r->begins, y) * CIVIL_DAY_S + r->begins.time_s -
						    r->offset,
					    r->summer, true };
		c[2 * i + 1] = (struct change){ day_in(&r->ends, y) * CIVIL_DAY_S + r->ends.time_s -
							r->summer,
						r->offset, false };
	}
	qsort(c, ARRAY_LEN(c), sizeof(c[0]), by_time);
	size_t i = 0;
	while (i + 1 < ARRAY_LEN(c) && c[i + 1].at <= unix_s)
		i++;
	for (size_t next = i + 1; next < ARRAY_LEN(c) && *until_s == INT64_MAX; next++)
		if (c[next].at > unix_s)
			*until_s = c[next].at;
	return c[i].offset;
}
