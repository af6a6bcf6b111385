#include "base/test.h"

TEST(paths_are_cleaned_by_their_letters)
{
	static const struct {
		const char *path, *clean;
	} rows[] = {
		{ "", "/" },
		{ "/", "/" },
		{ "/a/./b/../c", "/a/c" },
		{ "//a//b/", "/a/b" },
		{ "/../..", "/" },
		{ "/a/..", "/" },
		{ "/a/../../b", "/b" },
		{ "/..a/b..", "/..a/b.." },
		{ "/a/b/../..", "/" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own_mem char *clean = str_clean_path(str_of(rows[i].path));
		EXPECT_STR(str_of(clean), rows[i].clean);
	}
}

TEST(text_is_utf8_or_not)
{
	static const struct {
		struct str s;
		bool ok;
	} rows[] = {
		{ STR("abc"), true },
		{ STR("\xc3\xa4"), true },
		{ STR("\xe2\x82\xac"), true },
		{ STR("\xf0\x9f\x98\x80"), true },
		{ STR("\xc0\x80"), false },
		{ STR("\xed\xa0\x80"), false },
		{ STR("\xf4\x90\x80\x80"), false },
		{ STR("\xe2\x82"), false },
		{ STR("\x80"), false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		EXPECT(str_is_utf8(rows[i].s) == rows[i].ok);
}

TEST(text_is_cut_between_characters)
{
	static const struct {
		struct str s;
		size_t whole;
	} rows[] = {
		{ STR("abc"), 3 },
		{ STR("ab\xc3\xa4"), 4 },
		{ STR("ab\xc3"), 2 },
		{ STR("ab\xe2\x82\xac"), 5 },
		{ STR("ab\xe2\x82"), 2 },
		{ STR("ab\xe2"), 2 },
		{ STR("a\xf0\x9f\x98"), 1 },
		{ STR("a\x80\x80\x80"), 4 },
		{ STR(""), 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		EXPECT(str_whole_chars(rows[i].s) == rows[i].whole);
}

TEST(numbers_meet_their_bounds)
{
	uint64_t n = 7;
	EXPECT(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
	EXPECT(!str_to_u64(STR("18446744073709551616"), UINT64_MAX, &n));
	EXPECT(!str_to_u64(STR("-1"), 10, &n) && !str_to_u64(STR(""), 10, &n) &&
	       !str_to_u64(STR("11"), 10, &n));
	EXPECT(n == UINT64_MAX);
}

TEST(near_words_are_found)
{
	static const char *const words[] = { "FROM", "RUN", "COPY", "ENTRYPOINT" };
	EXPECT_STR(str_of(str_nearest(STR("FORM"), words, 4)), "FROM");
	EXPECT_STR(str_of(str_nearest(STR("entrypont"), words, 4)), "ENTRYPOINT");
	EXPECT(str_nearest(STR("HELLO"), words, 4) == NULL);
}

TEST(a_buffer_keeps_its_maximum)
{
	struct buf b;
	char *text = NULL;
	buf_init(&b, 4);
	buf_add(&b, STR("abcdef"));
	EXPECT(b.over && b.len == 4);
	EXPECT_ERR(buf_finish(&b, &text, NULL), ERR_LIMIT, "4 bytes");
	buf_add(&b, STR("ab"));
	EXPECT_OK(buf_finish(&b, &text, NULL));
	EXPECT_STR(str_of(text), "ab");
	free(text);
}
