#include "pipeline/cron.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "codec/civil.h"

static const char remedy[] = "Five fields: minute hour day month weekday, as in 30 3 * * 1; or "
			     "@hourly, @daily, @weekly, @monthly, @yearly.";

static const char *const months[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN",
				      "JUL", "AUG", "SEP", "OCT", "NOV", "DEC" };
static const char *const weekdays[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT" };

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };
static const struct field {
	const char *name;
	unsigned least, most, last; /* * goes to `last`: Sunday is both 0 and 7 */
	const char *const *names;   /* from `least` on */
	size_t n_names;
} fields[] = {
	[MINUTE] = { "minute", 0, 59, 59, NULL, 0 },
	[HOUR] = { "hour", 0, 23, 23, NULL, 0 },
	[DAY] = { "day of the month", 1, 31, 31, NULL, 0 },
	[MONTH] = { "month", 1, 12, 12, months, ARRAY_LEN(months) },
	[WEEKDAY] = { "day of the week", 0, 7, 6, weekdays, ARRAY_LEN(weekdays) },
};

static const struct {
	const char *name, *means;
} shorts[] = {
	{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" },    { "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

/* ---- reading ---- */

struct reading {
	struct str text;
	size_t at;
	int field;
	uint64_t set[FIELDS];
	bool star[FIELDS];    /* begins with * */
	size_t begin[FIELDS]; /* where it stands */
};

__attribute__((format(printf, 3, 4))) static struct err *bad(const struct reading *r, size_t at,
							     const char *fmt, ...)
{
	char what[200];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return err_coded(ERR_INVALID, "SCHEDULE_CRON", remedy,
			 "field %d (%s), character %zu of the expression: %s", r->field + 1,
			 fields[r->field].name, at + 1, what);
}

static char peek(const struct reading *r)
{
	return r->at < r->text.len ? r->text.p[r->at] : 0;
}

static bool accept(struct reading *r, char c)
{
	bool yes = r->at < r->text.len && r->text.p[r->at] == c;
	r->at += yes;
	return yes;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct reading *r)
{
	while (is_blank(peek(r)))
		r->at++;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct str take(struct reading *r, bool (*is)(char c))
{
	size_t begin = r->at;
	while (r->at < r->text.len && is(r->text.p[r->at]))
		r->at++;
	return str_n(r->text.p + begin, r->at - begin);
}

static struct err *read_number(struct reading *r, unsigned least, unsigned most, const char *what,
			       unsigned *out)
{
	size_t at = r->at;
	struct str digits = take(r, is_digit);
	uint64_t v;
	if (!str_to_u64(digits, most, &v) || v < least)
		return bad(r, at, "%s is %u to %u, and not " STR_FMT, what, least, most,
			   STR_ARG(str_first(digits, 20)));
	*out = (unsigned)v;
	return NULL;
}

static struct err *read_name(struct reading *r, unsigned *out)
{
	const struct field *f = &fields[r->field];
	size_t at = r->at;
	struct str name = take(r, is_letter);
	for (size_t i = 0; i < f->n_names; i++) {
		if (str_eq_nocase(name, str_of(f->names[i]))) {
			*out = f->least + (unsigned)i;
			return NULL;
		}
	}
	if (!f->n_names)
		return bad(r, at, STR_FMT " is no number, and this field has no names",
			   STR_ARG(str_first(name, 20)));
	return bad(r, at, STR_FMT " is none of its names %s to %s", STR_ARG(str_first(name, 20)),
		   f->names[0], f->names[f->n_names - 1]);
}

static struct err *unexpected(const struct reading *r)
{
	char c = peek(r);
	if (r->at == r->text.len)
		return bad(r, r->at, "something is missing at the end");
	if (c > ' ' && c < 0x7f)
		return bad(r, r->at, "%c is not expected here", c);
	return bad(r, r->at,
		   is_blank(c) ? "something is missing before the blank"
			       : "this character is not expected here");
}

static struct err *read_value(struct reading *r, unsigned *out)
{
	const struct field *f = &fields[r->field];
	if (is_digit(peek(r)))
		return read_number(r, f->least, f->most, "it", out);
	return is_letter(peek(r)) ? read_name(r, out) : unexpected(r);
}

static struct err *read_range(struct reading *r, unsigned *low, unsigned *high, bool *is_range)
{
	const struct field *f = &fields[r->field];
	size_t at = r->at;
	*is_range = true;
	*low = f->least;
	*high = f->last;
	if (accept(r, '*'))
		return NULL;
	TRY(read_value(r, low));
	*high = *low;
	*is_range = accept(r, '-');
	if (!*is_range)
		return NULL;
	TRY(read_value(r, high));
	if (r->field == WEEKDAY && !*high && *low)
		*high = 7; /* FRI-SUN */
	if (*low > *high)
		return bad(r, at, "the range goes backwards; write two, as in %u-%u,%u-%u", *low,
			   f->last, f->least, *high);
	return NULL;
}

static struct err *read_step(struct reading *r, bool is_range, unsigned *step)
{
	const struct field *f = &fields[r->field];
	*step = 1;
	if (peek(r) != '/')
		return NULL;
	if (!is_range)
		return bad(r, r->at, "a step follows * or a range, as in */5 or 10-59/5");
	r->at++;
	if (!is_digit(peek(r)))
		return unexpected(r);
	return read_number(r, 1, f->last - f->least, "a step", step);
}

static struct err *read_field(struct reading *r)
{
	unsigned low, high, step;
	bool is_range;
	skip_blanks(r);
	r->begin[r->field] = r->at;
	r->star[r->field] = peek(r) == '*';
	if (r->at == r->text.len)
		return bad(r, r->at, "it is missing; there are five fields");
	do {
		TRY(read_range(r, &low, &high, &is_range));
		TRY(read_step(r, is_range, &step));
		for (unsigned v = low; v <= high; v += step)
			r->set[r->field] |= (uint64_t)1 << v;
	} while (accept(r, ','));
	return r->at == r->text.len || is_blank(peek(r)) ? NULL : unexpected(r);
}

/* "0 0 30 2 *" would never come. */
static struct err *check_day(struct reading *r)
{
	if (!r->star[DAY] && !r->star[WEEKDAY])
		return NULL;
	for (int month = 1; month <= 12; month++)
		for (int day = 1; day <= civil_month_days(2000, month); day++)
			if (r->set[MONTH] >> month & 1 && r->set[DAY] >> day & 1)
				return NULL;
	r->field = DAY;
	return bad(r, r->begin[DAY], "none of the months in field 4 has such a day");
}

static struct err *expand(struct str text, struct str *out)
{
	*out = text;
	if (!str_starts(text, STR("@")))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(shorts); i++) {
		if (str_eq(text, str_of(shorts[i].name))) {
			*out = str_of(shorts[i].means);
			return NULL;
		}
	}
	return err_coded(ERR_INVALID, "SCHEDULE_CRON", remedy,
			 "character 1 of the expression: there is no word " STR_FMT,
			 STR_ARG(str_first(text, 20)));
}

struct err *cron_parse(struct str text, struct cron *out)
{
	struct reading r = { .field = 0 };
	if (text.len > LIMIT_CRON_BYTES || !str_is_utf8(text) || str_has_nul(text))
		return err_coded(ERR_INVALID, "SCHEDULE_CRON", remedy,
				 "an expression has at most %d characters of text",
				 LIMIT_CRON_BYTES);
	TRY(expand(text, &r.text));
	for (; r.field < FIELDS; r.field++)
		TRY(read_field(&r));
	r.field = WEEKDAY;
	skip_blanks(&r);
	if (r.at < r.text.len)
		return bad(&r, r.at, "it is the last field, and more follows");
	TRY(check_day(&r));
	*out = (struct cron){ .minutes = r.set[MINUTE],
			      .hours = (uint32_t)r.set[HOUR],
			      .days = (uint32_t)r.set[DAY],
			      .months = (uint32_t)r.set[MONTH],
			      .weekdays = (uint32_t)((r.set[WEEKDAY] | r.set[WEEKDAY] >> 7) & 0x7f),
			      .either_day = !r.star[DAY] && !r.star[WEEKDAY] };
	return NULL;
}

/* ---- using ---- */

#define MOST_DAYS   (366 * 50) /* more than from one weekend with a 29 February to the next */
#define DAY_MINUTES (24 * 60)

static bool is_on(const struct cron *c, int64_t day)
{
	struct civil d = civil_of(day);
	bool by_day = c->days >> d.day & 1, by_weekday = c->weekdays >> d.weekday & 1;
	return c->months >> d.month & 1 &&
	       (c->either_day ? by_day || by_weekday : by_day && by_weekday);
}

/* From this minute of the day on; -1 when there is none. */
static int minute_of_day(const struct cron *c, int from)
{
	for (int m = from; m < DAY_MINUTES; m++)
		if (c->hours >> (m / 60) & 1 && c->minutes >> (m % 60) & 1)
			return m;
	return -1;
}

/* Times on the clocks are gone through in their order; those that they show are in it too. */
int64_t cron_next(const struct cron *c, const struct zone *z, int64_t after_s)
{
	int64_t local = after_s + zone_offset(z, after_s, NULL), today = civil_day_of(local);
	int from = (int)(local - today * CIVIL_DAY_S) / 60 + 1;
	for (int64_t day = today; day < today + MOST_DAYS; day++, from = 0) {
		if (!is_on(c, day))
			continue;
		for (int m = from; (m = minute_of_day(c, m)) >= 0; m++) {
			int64_t at = zone_first(z, day * CIVIL_DAY_S + 60 * (int64_t)m);
			if (at > after_s)
				return at;
		}
	}
	abort(); /* cron_parse() takes none that never comes */
}
