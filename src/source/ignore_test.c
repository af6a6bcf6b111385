#include "source/ignore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/test.h"

static struct source_ignore *parse(const char *text)
{
	struct source_ignore *g = NULL;
	EXPECT_OK(source_ignore_parse(".dockerignore", str_of(text), &g));
	return g;
}

/* SPEC Dockerfile reference ".dockerignore file" */
TEST(ignore_decides_as_the_reference_says)
{
	static const struct {
		const char *text, *path;
		bool out;
	} rows[] = {
		/* names and components */
		{ "a", "a", true },
		{ "a", "a/b/c", true },
		{ "a", "b/a", false },
		{ "a", "ab", false },
		{ "a/b", "a/b", true },
		{ "a/b", "a", false },
		{ "a/b", "a/b/c", true },
		{ "/a/", "a", true },
		{ "/a/", "a/b", true },
		{ "./a//b/", "a/b", true },
		{ "a/../b", "b", true },
		{ "a/../b", "a", false },
		{ "../a", "a", false },
		{ "/../a", "a", true },
		{ ".", "a", false },
		{ "/", "a", false },
		{ "*\n!.", "a", true },
		{ "", "a", false },
		/* * and ? stay in a component */
		{ "*", "a", true },
		{ "*", "a/b", true },
		{ "*", ".hidden", true },
		{ "*.c", "x.c", true },
		{ "*.c", "d/x.c", false },
		{ "*/x", "d/x", true },
		{ "*/x", "d/e/x", false },
		{ "*/x", "x", false },
		{ "a*b*c", "aXbYc", true },
		{ "a*b*c", "aXbY", false },
		{ "a*", "a", true },
		{ "?", "a", true },
		{ "?", "ab", false },
		{ "?", "\xc3\xa9", true },
		{ "??", "\xc3\xa9", false },
		{ "?", "\xff", true },
		{ "a?b", "a/b", false },
		{ "*\xc3\xa9", "caf\xc3\xa9", true },
		/* ** */
		{ "**", "a/b", true },
		{ "**/x", "x", true },
		{ "**/x", "a/x", true },
		{ "**/x", "a/b/x", true },
		{ "**/x", "a/bx", false },
		{ "**/x", "a/x/y", true },
		{ "a/**", "a", false },
		{ "a/**", "a/b", true },
		{ "a/**", "a/b/c", true },
		{ "a/**/b", "a/b", true },
		{ "a/**/b", "a/x/y/b", true },
		{ "a/**/b", "a/xb", false },
		{ "a/**/b", "ab", false },
		{ "a**/b", "a/x/ab", false },
		{ "**/a**/b", "a/x/ab", true },
		{ "**/*.o", "x.o", true },
		{ "**/*.o", "d/e/x.o", true },
		{ "**/*.o", "d/x.c", false },
		{ "**b", "xb", true },
		{ "**b", "a/b", true },
		{ "**b*", "xb", false },
		{ "**b*", "a/bx", true },
		{ "a**", "abc/d", true },
		{ "a**b", "ab", true },
		{ "a**b", "a/x/b", true },
		{ "a**b", "ax/b", true },
		{ "a**b", "axb", false },
		{ "***", "a/b", true },
		{ "**/**/a", "x/a", true },
		{ "**/node_modules/**/*.md", "p/node_modules/q/r/x.md", true },
		/* classes */
		{ "[ab]", "a", true },
		{ "[ab]", "c", false },
		{ "[a-c]x", "bx", true },
		{ "[^a-c]x", "bx", false },
		{ "[^a-c]x", "dx", true },
		{ "[\\]]", "]", true },
		{ "[a\\-c]", "-", true },
		{ "[a\\-c]", "b", false },
		{ "[!a]", "!", true },
		{ "[!a]", "b", false },
		{ "[\xc3\xa0-\xc3\xa9]", "\xc3\xa8", true },
		{ "[\xc3\xa0-\xc3\xa9]", "\xc3\xb1", false },
		{ "]", "]", true },
		/* escapes */
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "a\\?b", "a?b", true },
		{ "\\#a", "#a", true },
		{ "\\!a", "!a", true },
		{ "\\[a]", "[a]", true },
		{ "a\\\\b", "a\\b", true },
		{ "\\a", "a", true },
		/* lines */
		{ "# a\nb", "b", true },
		{ "#a", "#a", false },
		{ " #a", "#a", true },
		{ "a\r\nb\r\n", "a", true },
		{ "a\r\nb\r\n", "b", true },
		{ "\xef\xbb\xbf"
		  "a\nb",
		  "a", true },
		{ "\xef\xbb\xbf"
		  "# a\nb",
		  "b", true },
		{ "b\n\xef\xbb\xbf"
		  "a",
		  "a", false },
		{ "  a b \t", "a b", true },
		{ "\n\n  \n\t\na", "a", true },
		{ "a b", "a", false },
		/* the last one wins */
		{ "*\n!src", "src", false },
		{ "*\n!src", "src/a/b", false },
		{ "*\n!src", "other", true },
		{ "*\n!src\nsrc/a", "src/a/b", true },
		{ "*\n!src\nsrc/a", "src/b", false },
		{ "!a\na", "a", true },
		{ "a\n!a", "a", false },
		{ "**/x\n!keep/x", "keep/x", false },
		{ "**/x\n!keep/x", "x", true },
		{ "**/x\n!keep/x", "keep/y/x", true },
		{ "dir\n!dir/f", "dir/f", false },
		{ "dir\n!dir/f", "dir/g", true },
		{ "dir\n!dir/f", "dir", true },
		{ "dir\n!dir/f\ndir", "dir/f", true },
		{ "*.md\n!README*.md\nREADME-secret.md", "README.md", false },
		{ "*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true },
		{ "*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false },
		{ "*\n! src", "src", false },
		{ "a\n!!a", "a", true },
		{ "!!a", "!a", false },
		{ "*\n!!a", "!a", false },
		{ "*\n!/src/", "src/x", false },
		{ "Dockerfile", "Dockerfile", true },
		{ "*\n!**/*.go", "a/b/c.go", false },
		{ "*\n!**/*.go", "a/b/c.c", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(source_ignore) g = parse(rows[i].text);
		bool out = source_ignore_match(g, rows[i].path, NULL);
		if (out != rows[i].out)
			print_error("row %zu: \"%s\" of \"%s\"\n", i, rows[i].path, rows[i].text);
		EXPECT(out == rows[i].out);
	}
}

TEST(ignore_may_reinclude_only_what_a_later_rule_can_reach)
{
	static const struct {
		const char *text, *dir;
		bool may;
	} rows[] = {
		{ "*\n!src", "src", false }, /* nothing below is left out by then */
		{ "dir\n!dir/f", "dir", true },
		{ "dir\n!dir/f", "dir/sub", false },
		{ "dir\n!dir/a/f", "dir/a", true },
		{ "dir\n!dirt", "dir", false },
		{ "dir\n!di*", "dir", false },
		{ "dir\n!di*/x", "dir", true },
		{ "!dir/f\ndir", "dir", false },
		{ "*\n!a/b/c", "a", true },
		{ "*\n!a/b/c", "a/b", true },
		{ "*\n!a/b/c", "a/x", false },
		{ "*\n!a/b/c", "b", false },
		{ "*\n!**/x", "any/where", true },
		{ "*\n!*/x", "any", true },
		{ "*\n!*/x", "any/where", false },
		{ "*\n!a/**/x", "a/b/c", true },
		{ "*\n!a/**/x", "b", false },
		{ "*\n!a?c/x", "abc", true },
		{ "*\n!a?c/x", "abd", false },
		{ "*", "a", false },
		{ "*\n!.", "a", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(source_ignore) g = parse(rows[i].text);
		bool may = source_ignore_may_reinclude(g, rows[i].dir);
		if (may != rows[i].may)
			print_error("row %zu: \"%s\" of \"%s\"\n", i, rows[i].dir, rows[i].text);
		EXPECT(may == rows[i].may);
	}
}

TEST(ignore_says_which_line)
{
	own(source_ignore) g = parse("# one\r\n\r\n  *.md \r\n!a.md\na.*\n");
	struct source_ignore_rule why = { 0 };
	EXPECT(source_ignore_match(g, "b.md", &why));
	EXPECT(why.line == 3);
	EXPECT_STR(why.pattern, "*.md");
	EXPECT(source_ignore_match(g, "a.md", &why));
	EXPECT(why.line == 5);
	EXPECT_STR(why.pattern, "a.*");
	EXPECT_STR(str_of(source_ignore_name(g)), ".dockerignore");
}

TEST(ignore_refuses_bad_patterns_with_their_line)
{
	static const char *const bad[] = {
		"[",  "[a",  "[]",  "[]a]",  "[^]", "[a-]", "[-a]",
		"[a", "[\\", "a\\", "[a-\\", "x[",  "a/[b", "[\xc3\xa9"
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[64];
		struct source_ignore *g;
		snprintf(text, sizeof(text), "ok\n# [\n%s\n", bad[i]);
		EXPECT_ERR(source_ignore_parse("x.dockerignore", str_of(text), &g), ERR_INVALID,
			   "x.dockerignore:3: bad pattern");
	}
	struct source_ignore *g;
	EXPECT_ERR(source_ignore_parse("i", STR("a\n !  \n"), &g), ERR_INVALID, "i:2: a ! without");
	EXPECT_ERR(source_ignore_parse("i", STR("a\0b"), &g), ERR_INVALID, "not a text file");
}

TEST(ignore_bounds_what_it_reads)
{
	struct source_ignore *g;
	size_t len = ((size_t)1 << 20) + 1;
	own_mem char *text = mem_zalloc(len + 1);
	memset(text, '\n', len);
	EXPECT_ERR(source_ignore_parse("i", str_n(text, len), &g), ERR_LIMIT, "longer than");
	memset(text, 'a', 5000);
	EXPECT_ERR(source_ignore_parse("i", str_n(text, 6000), &g), ERR_INVALID, "i:1: a pattern");
}

TEST(glob_matches_one_component)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} rows[] = {
		{ "*", "", true },
		{ "*", "abc", true },
		{ "a**c", "abc", true },
		{ "", "", true },
		{ "", "a", false },
		{ "*a*", "bab", true },
		{ "a[b-d]e", "ace", true },
		{ "a\\*c", "a*c", true },
		{ "a\\*c", "abc", false },
		{ "[[]x", "[x", true },
		{ "*.tar.*", "a.tar.gz", true },
		{ "*.", "a", false },
		{ "[^x]", "\xc3\xa9", true },
		{ "\xff*", "\xff\xfe", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool match;
		EXPECT_OK(source_glob(str_of(rows[i].pattern), str_of(rows[i].name), &match));
		if (match != rows[i].match)
			print_error("%s of %s\n", rows[i].name, rows[i].pattern);
		EXPECT(match == rows[i].match);
	}
	bool match;
	EXPECT_ERR(source_glob(STR("a["), STR("b"), &match), ERR_INVALID, "bad pattern");
}

/* `piece` as often as it fits, then `end`. */
static char *repeated(const char *piece, size_t times, const char *end)
{
	struct buf b;
	buf_init(&b, 8192);
	for (size_t i = 0; i < times; i++)
		buf_add(&b, str_of(piece));
	buf_add(&b, str_of(end));
	return buf_steal(&b);
}

static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(ignore_is_not_slowed_down_by_hostile_patterns)
{
	static const char *const pieces[] = { "a*",    "*a",     "**/a*/", "a**",
					      "**/*a", "[a-z]*", "?*",     "*" };
	own_mem char *path = repeated("a", 1500, "");
	own_mem char *deep = repeated("aa/", 600, "a");
	double start = cpu_seconds();
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		own_mem char *pattern = repeated(pieces[i], 200, "b");
		own(source_ignore) g = parse(pattern);
		EXPECT(!source_ignore_match(g, path, NULL));
		EXPECT(!source_ignore_match(g, deep, NULL));
		own_mem char *plain = repeated("*a", 200, "b");
		bool match = true;
		EXPECT_OK(source_glob(str_of(plain), str_of(path), &match));
		EXPECT(!match);
	}
	EXPECT(cpu_seconds() - start < 20); /* a tenth of a second without sanitizers */
}
