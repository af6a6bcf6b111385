#include "codec/zone_priv.h"

#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"

#define HEADER_BYTES 44

struct change {
	int64_t at;
	int32_t offset; /* from then on */
};
struct zone {
	int32_t before;         /* the offset before the first change */
	struct change *changes; /* owned; by time */
	size_t n;
	bool has_rule; /* for what comes behind the last change */
	struct zone_rule rule;
};

void zone_free(struct zone *z)
{
	if (z)
		free(z->changes);
	free(z);
}

struct zone *zone_utc(void)
{
	return mem_new(struct zone);
}

/* ---- reading ---- */

static uint64_t big_endian(const char *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

struct header {
	char version;
	size_t n_utc, n_standard, n_leap, n_times, n_types, n_chars;
};

static struct err *bad(const char *what)
{
	return err_new(ERR_INVALID, "no file of a time zone: %s", what);
}

static struct err *read_header(struct str *rest, struct header *h)
{
	if (rest->len < HEADER_BYTES || memcmp(rest->p, "TZif", 4) != 0)
		return bad("its header is another");
	const char *p = rest->p + 20;
	size_t *const counts[] = { &h->n_utc,   &h->n_standard, &h->n_leap,
				   &h->n_times, &h->n_types,    &h->n_chars };
	h->version = rest->p[4];
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		*counts[i] = (size_t)big_endian(p + 4 * i, 4);
	*rest = str_skip(*rest, HEADER_BYTES);
	return NULL;
}

/* With times of so many bytes. Counts have 32 bits each, so the sum fits. */
static uint64_t data_bytes(const struct header *h, size_t width)
{
	return (uint64_t)h->n_times * (width + 1) + (uint64_t)h->n_types * 6 + h->n_chars +
	       (uint64_t)h->n_leap * (width + 4) + h->n_standard + h->n_utc;
}

static bool read_offset(const char *types, size_t i, int32_t *out)
{
	*out = (int32_t)(uint32_t)big_endian(types + 6 * i, 4);
	return *out >= ZONE_LEAST_OFFSET_S && *out <= ZONE_MOST_OFFSET_S;
}

static struct err *read_changes(const struct header *h, const char *data, struct zone *z)
{
	const char *kinds = data + 8 * h->n_times, *types = kinds + h->n_times;
	if (!h->n_types || !read_offset(types, 0, &z->before))
		return bad("it has no first offset");
	z->changes = mem_new_array(h->n_times + 1, struct change);
	for (; z->n < h->n_times; z->n++) {
		struct change *c = &z->changes[z->n];
		size_t kind = (unsigned char)kinds[z->n];
		c->at = (int64_t)big_endian(data + 8 * z->n, 8);
		if (kind >= h->n_types || !read_offset(types, kind, &c->offset))
			return bad("a change has no offset");
		if (z->n && c->at <= c[-1].at)
			return bad("its changes are not in order");
	}
	return NULL;
}

static struct err *read_rule(struct str rest, struct zone *z)
{
	struct str line = str_skip(rest, 1);
	if (!rest.len || rest.p[0] != '\n' || str_chr(line, '\n') < 0)
		return bad("it has no last line");
	line = str_cut(&line, '\n');
	z->has_rule = line.len > 0;
	return z->has_rule ? zone_rule_parse(line, &z->rule) : NULL;
}

/* The first block has times of 32 bits, and is passed over. */
struct err *zone_parse(struct str bytes, struct zone **out)
{
	struct header h;
	if (bytes.len > LIMIT_ZONE_BYTES)
		return err_new(ERR_LIMIT, "a file of a time zone has at most %zu bytes",
			       LIMIT_ZONE_BYTES);
	TRY(read_header(&bytes, &h));
	if (h.version < '2')
		return bad("it is of version 1, without times after 2038");
	if (data_bytes(&h, 4) > bytes.len)
		return bad("it is cut");
	bytes = str_skip(bytes, (size_t)data_bytes(&h, 4));
	TRY(read_header(&bytes, &h));
	if (data_bytes(&h, 8) > bytes.len)
		return bad("it is cut");
	if (h.n_leap)
		return bad("it counts leap seconds");
	own(zone) z = mem_new(struct zone);
	TRY(read_changes(&h, bytes.p, z));
	TRY(read_rule(str_skip(bytes, (size_t)data_bytes(&h, 8)), z));
	*out = move(z);
	return NULL;
}

/* ---- using ---- */

/* How many changes have been by then. */
static size_t changes_until(const struct zone *z, int64_t unix_s)
{
	size_t low = 0, high = z->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (z->changes[middle].at <= unix_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int32_t zone_offset(const struct zone *z, int64_t unix_s, int64_t *until_s)
{
	int64_t until, *at = until_s ? until_s : &until;
	assert(unix_s >= -ZONE_MOST_S && unix_s <= ZONE_MOST_S);
	size_t n = changes_until(z, unix_s);
	if (n == z->n && z->has_rule)
		return zone_rule_offset(&z->rule, unix_s, at);
	*at = n < z->n ? z->changes[n].at : INT64_MAX;
	return n ? z->changes[n - 1].offset : z->before;
}

/* From before anybody's clocks can show it, along the changes. */
int64_t zone_first(const struct zone *z, int64_t local_s)
{
	int64_t from = local_s - ZONE_MOST_OFFSET_S, until;
	for (;;) {
		int64_t at = local_s - zone_offset(z, from, &until);
		if (MAX(at, from) < until)
			return MAX(at, from);
		from = until;
	}
}
