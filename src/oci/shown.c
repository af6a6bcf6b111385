#include "oci/shown_priv.h"

struct oci_shown oci_shown(struct str text)
{
	enum { LONGEST = 160 };
	struct oci_shown out = { "" };
	size_t n = MIN(text.len, LONGEST);
	for (size_t i = 0; i < n; i++)
		out.s[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
	if (n < text.len)
		memcpy(out.s + n, "...", 3);
	return out;
}
