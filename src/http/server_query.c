#include "http/server.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool http_decode(struct arena *a, struct str raw, bool plus, struct str *out)
{
	char *p = arena_zalloc(a, raw.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.p[i];
		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			if (raw.len - i < 3)
				return false;
			int high = hex_value(raw.p[i + 1]), low = hex_value(raw.p[i + 2]);
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (!c)
			return false;
		p[n++] = c;
	}
	*out = str_n(p, n);
	return true;
}

bool http_query_next(struct arena *a, struct str *rest, struct str *name, struct str *value)
{
	while (rest->p) {
		struct str raw = str_cut(rest, '&');
		if (!raw.len)
			continue;
		struct str raw_name = str_cut(&raw, '=');
		if (http_decode(a, raw_name, true, name) && http_decode(a, raw, true, value))
			return true;
	}
	return false;
}

bool http_query_get(struct http_exchange *x, struct str name, struct str *value)
{
	struct str rest = http_exchange_query(x), n, v;
	while (http_query_next(http_exchange_arena(x), &rest, &n, &v)) {
		if (str_eq(n, name)) {
			*value = v;
			return true;
		}
	}
	return false;
}
