#include "http/server.h"
#include "http/url.h"

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
