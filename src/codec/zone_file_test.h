/* Files of time zones for tests, so that they need no database of zones on the machine. */
#ifndef KILN_CODEC_ZONE_FILE_TEST_H
#define KILN_CODEC_ZONE_FILE_TEST_H

#include "base/test.h"
#include "codec/zone.h"

static inline void add_big_endian(struct buf *b, uint64_t v, unsigned n)
{
	while (n--)
		buf_add_c(b, (char)(v >> 8 * n));
}

static inline void add_zone_header(struct buf *b, char version, size_t n_times, size_t n_types)
{
	buf_add(b, STR("TZif"));
	buf_add_c(b, version);
	for (int i = 0; i < 15 + 3 * 4; i++)
		buf_add_c(b, 0);
	add_big_endian(b, n_times, 4);
	add_big_endian(b, n_types, 4);
	add_big_endian(b, 4, 4);
}

/* `offsets` has one more: what is before the first change. `rule` may be "". */
static inline void add_zone_file(struct buf *b, const int64_t *at, const int32_t *offsets, size_t n,
				 const char *rule)
{
	add_zone_header(b, '2', 0, 1);
	buf_add(b, str_n("\0\0\0\0\0\0LMT", 10));
	add_zone_header(b, '2', n, n + 1);
	for (size_t i = 0; i < n; i++)
		add_big_endian(b, (uint64_t)at[i], 8);
	for (size_t i = 0; i < n; i++)
		buf_add_c(b, (char)(i + 1));
	for (size_t i = 0; i <= n; i++) {
		add_big_endian(b, (uint32_t)offsets[i], 4);
		add_big_endian(b, 0, 2);
	}
	buf_add(b, str_n("LMT", 4));
	buf_printf(b, "\n%s\n", rule);
}

static inline struct zone *zone_of_changes(const int64_t *at, const int32_t *offsets, size_t n,
					   const char *rule)
{
	done(buf) b;
	struct zone *z;
	buf_init(&b, 1 << 16);
	add_zone_file(&b, at, offsets, n, rule);
	EXPECT_OK(zone_parse(buf_str(&b), &z));
	return z;
}

static inline struct zone *zone_of_rule(const char *rule)
{
	return zone_of_changes(NULL, &(const int32_t){ 0 }, 0, rule);
}

#endif
