/* RUN, CMD, ENTRYPOINT, SHELL and HEALTHCHECK. */
#include "dockerfile/dockerfile_priv.h"

#include "base/limits.h"

static struct err *parse_form(struct parser *p, const char *name, struct str args,
			      struct dockerfile_command *out)
{
	if (!args.len)
		return dockerfile_fail(p, p->line.text.p, "%s needs a command", name);
	TRY(dockerfile_json_or(p, args, &out->exec_form, &out->words));
	if (!out->exec_form)
		out->text = args;
	return NULL;
}

struct err *dockerfile_parse_command(struct parser *p, struct dockerfile_instruction *in,
				     struct str args)
{
	return parse_form(p, dockerfile_kind_name(in->kind), args, &in->command);
}

struct err *dockerfile_parse_run(struct parser *p, struct dockerfile_instruction *in,
				 struct str args)
{
	struct dockerfile_run *run = &in->run;
	TRY(parse_form(p, "RUN", args, &run->command));
	if (run->command.exec_form)
		return run->command.words.n ? NULL
					    : dockerfile_fail(p, args.p, "RUN needs a command");
	TRY(dockerfile_heredocs(p, args, true, &run->only_heredoc));
	run->n_heredocs = p->n_heredocs;
	run->heredocs = arena_new_array(p->a, p->n_heredocs, struct dockerfile_heredoc);
	for (size_t i = 0; i < p->n_heredocs; i++) {
		const struct raw_heredoc *h = &p->heredocs[i];
		run->heredocs[i] = (struct dockerfile_heredoc){
			.word = h->word,
			.content = dockerfile_heredoc_content(p, h),
			.expand = h->expand,
		};
	}
	run->command.text = dockerfile_heredoc_text(p, args);
	return NULL;
}

struct err *dockerfile_parse_shell(struct parser *p, struct dockerfile_instruction *in,
				   struct str args)
{
	enum json_form form = JSON_NONE;
	in->command.exec_form = true;
	TRY(dockerfile_json(p, args, &form, &in->command.words));
	if (form != JSON_STRINGS || !in->command.words.n)
		return dockerfile_fail(p, args.len ? args.p : p->line.text.p,
				       "SHELL needs a JSON array of strings, such as "
				       "[\"/bin/bash\", \"-c\"]");
	return NULL;
}

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },           { "us", 1000 },      { "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 },                                             /* Greek mu */
	{ "ms", 1000000 },     { "s", 1000000000 }, { "m", 60000000000 },  { "h", 3600000000000 },
};

/* Cuts the longest unit, as "m" starts "ms" too. */
static const struct unit *take_unit(struct str *s)
{
	const struct unit *found = NULL;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_starts(*s, str_of(units[i].name)) &&
		    (!found || strlen(units[i].name) > strlen(found->name)))
			found = &units[i];
	if (found)
		*s = str_skip(*s, strlen(found->name));
	return found;
}

static bool take_digit(struct str *s, int64_t *digit)
{
	if (!s->len || s->p[0] < '0' || s->p[0] > '9')
		return false;
	*digit = s->p[0] - '0';
	*s = str_skip(*s, 1);
	return true;
}

/* Digits, perhaps a fraction, and a unit: added to `*ns`. */
static bool take_part(struct str *s, int64_t *ns)
{
	int64_t whole = 0, fraction = 0, scale = 1, digit;
	bool any = false;
	while (take_digit(s, &digit)) {
		any = true;
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, digit, &whole))
			return false;
	}
	if (s->len && s->p[0] == '.') {
		*s = str_skip(*s, 1);
		while (take_digit(s, &digit)) {
			any = true;
			if (scale > 1000000000000) /* finer than a nanosecond of an hour */
				continue;
			fraction = fraction * 10 + digit;
			scale *= 10;
		}
	}
	const struct unit *unit = any ? take_unit(s) : NULL;
	int64_t part;
	if (!unit || __builtin_mul_overflow(whole, unit->ns, &part))
		return false;
	int64_t rest = (int64_t)((__int128)fraction * unit->ns / scale);
	return !__builtin_add_overflow(part, rest, &part) && !__builtin_add_overflow(*ns, part, ns);
}

/* As Go writes durations: "1m30s", "1.5h", "0". SPEC Go time.ParseDuration */
static bool parse_duration(struct str s, int64_t *ns)
{
	bool negative = s.len && s.p[0] == '-';
	if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_skip(s, 1);
	*ns = 0;
	if (str_eq(s, STR("0")))
		return true;
	if (!s.len)
		return false;
	while (s.len)
		if (!take_part(&s, ns))
			return false;
	*ns = negative ? -*ns : *ns;
	return true;
}

static struct err *duration_flag(struct parser *p, size_t flag, int64_t *ns)
{
	struct str s = p->flags[flag];
	*ns = 0;
	if (!p->flag_given[flag])
		return NULL;
	if (!parse_duration(s, ns))
		return dockerfile_fail(p, s.p, "%s is no duration, such as 30s or 1m30s",
				       dockerfile_show(s).s);
	if (*ns < 0 || (*ns > 0 && *ns < 1000000))
		return dockerfile_fail(p, s.p, "the duration %s is shorter than 1ms",
				       dockerfile_show(s).s);
	return NULL;
}

static struct err *retries_flag(struct parser *p, int64_t *retries)
{
	struct str s = p->flags[HEALTH_RETRIES];
	uint64_t n = 0;
	if (p->flag_given[HEALTH_RETRIES] && !str_to_u64(s, INT32_MAX, &n))
		return dockerfile_fail(p, s.p, "%s is no number of retries", dockerfile_show(s).s);
	*retries = (int64_t)n;
	return NULL;
}

static struct err *healthcheck_options(struct parser *p, struct dockerfile_healthcheck *h)
{
	TRY(duration_flag(p, HEALTH_INTERVAL, &h->interval_ns));
	TRY(duration_flag(p, HEALTH_TIMEOUT, &h->timeout_ns));
	TRY(duration_flag(p, HEALTH_START_PERIOD, &h->start_period_ns));
	TRY(duration_flag(p, HEALTH_START_INTERVAL, &h->start_interval_ns));
	return retries_flag(p, &h->retries);
}

struct err *dockerfile_parse_healthcheck(struct parser *p, struct dockerfile_instruction *in,
					 struct str args)
{
	struct dockerfile_healthcheck *h = &in->healthcheck;
	struct str type = dockerfile_first_word(&args);
	TRY(healthcheck_options(p, h));
	if (str_eq_nocase(type, STR("NONE"))) {
		h->none = true;
		for (size_t i = 0; i < MOST_FLAGS; i++)
			if (p->flag_given[i])
				return dockerfile_fail(p, type.p,
						       "HEALTHCHECK NONE has no options");
		return args.len ? dockerfile_fail(p, args.p, "HEALTHCHECK NONE has no arguments")
				: NULL;
	}
	if (!str_eq_nocase(type, STR("CMD")))
		return dockerfile_fail(p, type.len ? type.p : p->line.text.p,
				       "HEALTHCHECK is written HEALTHCHECK CMD command, or "
				       "HEALTHCHECK NONE");
	TRY(parse_form(p, "HEALTHCHECK CMD", args, &h->command));
	if (h->command.exec_form && !h->command.words.n)
		return dockerfile_fail(p, args.p, "HEALTHCHECK CMD needs a command");
	return NULL;
}
