#include "console/accept_priv.h"

/* "q=0", "q=0.000": not wanted at all. */
static bool is_refused(struct str parameters)
{
	while (parameters.p) {
		struct str p = str_trim(str_cut(&parameters, ';'));
		struct str name = str_trim(str_cut(&p, '='));
		if (!str_eq_nocase(name, STR("q")))
			continue;
		p = str_trim(p);
		size_t zeros = 0;
		while (zeros < p.len && (p.p[zeros] == '0' || p.p[zeros] == '.'))
			zeros++;
		return zeros == p.len;
	}
	return false;
}

bool console_accepts_gzip(struct str header)
{
	bool any = false;
	while (header.p) {
		struct str parameters = str_cut(&header, ',');
		struct str name = str_trim(str_cut(&parameters, ';'));
		bool wanted = !is_refused(parameters);
		if (str_eq_nocase(name, STR("gzip")) || str_eq_nocase(name, STR("x-gzip")))
			return wanted;
		if (str_eq(name, STR("*")))
			any = wanted;
	}
	return any;
}

static bool is_tag(struct str given, struct str etag)
{
	if (given.len < 2 || given.p[0] != '"' || given.p[given.len - 1] != '"')
		return false;
	given = str_n(given.p + 1, given.len - 2);
	return str_starts(given, etag) &&
	       (given.len == etag.len || str_eq(str_skip(given, etag.len), STR("-gzip")));
}

bool console_has_tag(struct str header, struct str etag)
{
	if (str_eq(str_trim(header), STR("*")))
		return true;
	while (header.p) { /* ours have no comma */
		struct str given = str_trim(str_cut(&header, ','));
		if (str_starts(given, STR("W/")))
			given = str_skip(given, 2);
		if (is_tag(given, etag))
			return true;
	}
	return false;
}
