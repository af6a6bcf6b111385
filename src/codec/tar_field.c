#include "codec/tar_priv.h"

#include <stddef.h>

static bool base_256(const unsigned char *p, size_t width, int64_t *out)
{
	bool negative = p[0] & 0x40;
	int64_t n = negative ? -1 : 0;
	for (size_t i = 0; i < width; i++) {
		unsigned char digit = p[i];
		if (i == 0 && !negative)
			digit &= 0x7f; /* the mark itself */
		if (n > INT64_MAX >> 8 || n < INT64_MIN >> 8)
			return false;
		n = (int64_t)((uint64_t)n << 8 | digit);
	}
	*out = n;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\0';
}

bool tar_number(const char *field, size_t width, int64_t *out)
{
	if (field[0] & 0x80)
		return base_256((const unsigned char *)field, width, out);
	struct str s = str_n(field, width);
	while (s.len && is_blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	int64_t n = 0; /* twelve octal digits fit */
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return false;
		n = n * 8 + (s.p[i] - '0');
	}
	*out = n;
	return true;
}

bool tar_checksum_matches(const struct tar_header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	int64_t unsigned_sum = 0, signed_sum = 0, want;
	for (size_t i = 0; i < sizeof(*h); i++) {
		bool own = i >= offsetof(struct tar_header, chksum) &&
			   i < offsetof(struct tar_header, typeflag);
		unsigned_sum += own ? ' ' : p[i];
		signed_sum += own ? ' ' : (signed char)p[i];
	}
	return tar_number(h->chksum, sizeof(h->chksum), &want) &&
	       (want == unsigned_sum || want == signed_sum);
}

bool tar_time(struct str s, int64_t *out_s, uint32_t *out_ns)
{
	bool negative = str_starts(s, STR("-"));
	struct str fraction = str_skip(s, negative);
	struct str whole = str_cut(&fraction, '.');
	uint64_t seconds;
	uint32_t ns = 0;
	if (!str_to_u64(whole, INT64_MAX - 1, &seconds))
		return false;
	for (size_t i = 0; i < MAX(fraction.len, (size_t)9); i++) {
		char c = i < fraction.len ? fraction.p[i] : '0';
		if (c < '0' || c > '9')
			return false;
		if (i < 9)
			ns = ns * 10 + (uint32_t)(c - '0');
	}
	*out_s = negative ? -(int64_t)seconds : (int64_t)seconds;
	if (negative && ns) {
		*out_s -= 1;
		ns = 1000000000 - ns;
	}
	*out_ns = ns;
	return true;
}
