#include "dockerfile/dockerfile.h"

#include "base/limits.h"
#include "base/test.h"

static const struct variable {
	const char *name, *value;
} variables[] = {
	{ "A", "hello" },
	{ "B", "x y" },
	{ "EMPTY", "" },
	{ "PATH", "/usr/bin:/bin" },
	{ "FILE", "/srv/app/data.tar.gz" },
	{ "STAR", "a*b?c" },
	{ "UTF", "\xc3\xa4\xc3\xb6\xc3\xbc" },
	{ "PAT", "*a" },
	{ "PORTS", " 80  443/tcp\t" },
	{ "1", "one" },
	{ "QUOTE", "it's \"x\" \\n $A" },
	{ "X_1", "u" },
};

static struct str get(void *arg, struct str name, bool *found)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		*found = str_eq(name, str_of(variables[i].name));
		if (*found)
			return str_of(variables[i].value);
	}
	return STR("");
}

static const struct dockerfile_env env = { .get = get };

static void note_undefined(void *arg, struct str name)
{
	buf_add(arg, name);
	buf_add_c(arg, ' ');
}

struct row {
	const char *word, *want;
};

static const struct row words[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "$A", "hello" },
	{ "${A}", "hello" },
	{ "a${A}b", "ahellob" },
	{ "$A$A", "hellohello" },
	{ "$A.txt", "hello.txt" },
	{ "$A-x", "hello-x" },
	{ "$X_1", "u" },
	{ "$NOT", "" },
	{ "a${NOT}b", "ab" },
	{ "$", "$" },
	{ "a$", "a$" },
	{ "$.", "$." },
	{ "$/x", "$/x" },
	{ "$1", "one" },
	{ "$12", "" },
	{ "$1a", "onea" },
	{ "a$@b", "ab" },
	/* quotes and escapes */
	{ "'$A'", "$A" },
	{ "\"$A\"", "hello" },
	{ "'a'\"b\"c", "abc" },
	{ "\"it's\"", "it's" },
	{ "'say \"x\"'", "say \"x\"" },
	{ "\\$A", "$A" },
	{ "\\\\$A", "\\hello" },
	{ "a\\ b", "a b" },
	{ "a\\b", "ab" },
	{ "\"a\\b\"", "a\\b" },
	{ "\"a\\\"b\"", "a\"b" },
	{ "\"\\$A\"", "$A" },
	{ "\"a\\\\b\"", "a\\b" },
	{ "'a\\b'", "a\\b" },
	{ "end\\", "end" },
	{ "$QUOTE", "it's \"x\" \\n $A" },
	{ "\"$QUOTE\"", "it's \"x\" \\n $A" },
	{ "''", "" },
	{ "\\\xc3\xa4", "\xc3\xa4" },
	{ "b\\ c", "b c" },
	{ "'h$a'", "h$a" },
	{ "a \"b\" c", "a b c" },
	/* - + ? */
	{ "${A:-w}", "hello" },
	{ "${A-w}", "hello" },
	{ "${NOT:-w}", "w" },
	{ "${NOT-w}", "w" },
	{ "${EMPTY:-w}", "w" },
	{ "${EMPTY-w}", "" },
	{ "${A:+w}", "w" },
	{ "${A+w}", "w" },
	{ "${NOT:+w}", "" },
	{ "${NOT+w}", "" },
	{ "${EMPTY:+w}", "" },
	{ "${EMPTY+w}", "w" },
	{ "${A:?no}", "hello" },
	{ "${A?no}", "hello" },
	{ "${EMPTY?no}", "" },
	{ "${NOT:-}", "" },
	{ "${NOT:-a b}", "a b" },
	{ "${NOT:-\"a}b\"}", "a}b" },
	{ "${NOT:-'a}b'}", "a}b" },
	{ "${NOT:-a\\}b}", "a}b" },
	{ "${NOT:-$A}", "hello" },
	{ "${NOT:-${NOT2:-deep}}", "deep" },
	{ "${NOT:-${A}}${A}", "hellohello" },
	{ "${A:-${NOT:?never}}", "hello" },
	{ "${A:+${A:+-$A}}", "-hello" },
	{ "\"${NOT:-'q'}\"", "q" },
	{ "${EMPTY:+-${EMPTY}}.tgz", ".tgz" },
	/* # ## % %% */
	{ "${PATH#/usr}", "/bin:/bin" },
	{ "${PATH#*/}", "usr/bin:/bin" },
	{ "${PATH##*/}", "bin" },
	{ "${PATH%/*}", "/usr/bin:" },
	{ "${PATH%%/*}", "" },
	{ "${PATH%%:*}", "/usr/bin" },
	{ "${FILE##*/}", "data.tar.gz" },
	{ "${FILE%.*}", "/srv/app/data.tar" },
	{ "${FILE%%.*}", "/srv/app/data" },
	{ "${A#h?}", "llo" },
	{ "${A%l?}", "hel" },
	{ "${A#x}", "hello" },
	{ "${A%x}", "hello" },
	{ "${A#}", "hello" },
	{ "${A##}", "hello" },
	{ "${A%}", "hello" },
	{ "${A#*}", "hello" },
	{ "${A##*}", "" },
	{ "${A%*}", "hello" },
	{ "${A%%*}", "" },
	{ "${A%%l*}", "he" },
	{ "${A%l*}", "hel" },
	{ "${A##*l}", "o" },
	{ "${A#*l}", "lo" },
	{ "${A#$PAT}", "hello" },
	{ "${STAR#a\\*}", "b?c" },
	{ "${STAR#*\\?}", "c" },
	{ "${STAR%%\\**}", "a" },
	{ "${UTF#?}", "\xc3\xb6\xc3\xbc" },
	{ "${UTF%?}", "\xc3\xa4\xc3\xb6" },
	{ "${UTF%\xc3\xbc}", "\xc3\xa4\xc3\xb6" },
	{ "${QUOTE##*\"\\\\\"}", "n $A" },
	{ "${UTF##*??}", "" },
	{ "${UTF/????*/x}", "\xc3\xa4\xc3\xb6\xc3\xbc" },
	{ "${NOT#x}", "" },
	{ "${EMPTY%%*}", "" },
	{ "${A#*l*o}", "" },
	{ "${PATH#\\/usr\\/}", "bin:/bin" },
	/* / // */
	{ "${A/l/L}", "heLlo" },
	{ "${A//l/L}", "heLLo" },
	{ "${A/l/}", "helo" },
	{ "${A//l/}", "heo" },
	{ "${A/l*/X}", "heX" },
	{ "${A//?/x}", "xxxxx" },
	{ "${A/x/y}", "hello" },
	{ "${A//*/x}", "x" },
	{ "${EMPTY//*/x}", "x" },
	{ "${PATH//\\//:}", ":usr:bin::bin" },
	{ "${PATH//:/ }", "/usr/bin /bin" },
	{ "${A/l/$X_1}", "heulo" },
	{ "${A/${NOT:-e}/E}", "hEllo" },
	{ "${UTF//?/-}", "---" },
	{ "${STAR/\\*/s}", "asb?c" },
	{ "${A/h*l/-}", "-o" },
	{ "${NOT/a/b}", "" },
	{ "${A///}", "hello" },
	{ "${A/${NOT}/w}", "whello" },
	{ "${FILE//\\//\\/}", "\\/srv\\/app\\/data.tar.gz" },
	{ "${A//l/[$A]}", "he[hello][hello]o" },
};

TEST(words_are_expanded)
{
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct str out;
		EXPECT_OK(
			dockerfile_expand(a, str_of(words[i].word), '\\', &env, NULL, NULL, &out));
		EXPECT_STR(out, words[i].want);
	}
}

static const struct row wrong[] = {
	{ "'a", "the quote ' has no end" },
	{ "\"a", "the quote \" has no end" },
	{ "\"a\\\"", "the quote \" has no end" },
	{ "'a\\'b'", "the quote ' has no end" },
	{ "${", "} is missing" },
	{ "${A", "} is missing" },
	{ "${A:-x", "} is missing" },
	{ "${A:-${B}", "} is missing" },
	{ "${A#x", "} is missing" },
	{ "${A/x", "the second / is missing" },
	{ "${A//x}", "the second / is missing" },
	{ "${A/x/y", "} is missing" },
	{ "${}", "no name" },
	{ "${:-x}", "no name" },
	{ "${{A}}", "no name" },
	{ "${.}", "no name" },
	{ "${A:x}", "followed by none of - + ?" },
	{ "${A:}", "followed by none of - + ?" },
	{ "${A=x}", "unknown operator" },
	{ "${A^^}", "unknown operator" },
	{ "${A B}", "unknown operator" },
	{ "${NOT:?}", "NOT: is not set" },
	{ "${NOT?}", "NOT: is not set" },
	{ "${NOT:?give $A}", "NOT: give hello" },
	{ "${EMPTY:?}", "EMPTY: is empty" },
	{ "${EMPTY:?say so}", "EMPTY: say so" },
	{ "${A:+${NOT?inner}}", "NOT: inner" },
	{ "${A:-${B=x}}", "unknown operator" },
	{ "${A#\\x}", "wrong escape" },
	{ "${A/\\x/y}", "wrong escape" },
};

TEST(wrong_words_say_why)
{
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct str out = STR("untouched");
		EXPECT_ERR(
			dockerfile_expand(a, str_of(wrong[i].word), '\\', &env, NULL, NULL, &out),
			ERR_INVALID, wrong[i].want);
		EXPECT_STR(out, "untouched");
	}
}

TEST(the_escape_character_can_be_a_backquote)
{
	static const struct row rows[] = {
		{ "C:\\dir", "C:\\dir" }, { "`$A", "$A" },    { "\\$A", "\\hello" },
		{ "\"a`\"b\"", "a\"b" },  { "a` b", "a b" },  { "``", "`" },
		{ "${STAR#a`*}", "b?c" }, { "\"\\\"", "\\" },
	};
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str out;
		EXPECT_OK(dockerfile_expand(a, str_of(rows[i].word), '`', &env, NULL, NULL, &out));
		EXPECT_STR(out, rows[i].want);
	}
}

TEST(names_that_are_not_set_are_reported_where_they_matter)
{
	static const struct row rows[] = {
		{ "$NOT ${NO2}", "NOT NO2 " },
		{ "${NOT:-x}${NOT+y}", "" },
		{ "${NOT#x}${N2/a/b}", "NOT N2 " },
		{ "$A", "" },
		{ "${A:-$NOT}", "" },
		{ "${NOT:-$N2}", "N2 " },
		{ "'$NOT'", "" },
		{ "${EMPTY}", "" },
	};
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		done(buf) names;
		struct str out;
		buf_init(&names, 1000);
		EXPECT_OK(dockerfile_expand(a, str_of(rows[i].word), '\\', &env, note_undefined,
					    &names, &out));
		EXPECT_STR(buf_str(&names), rows[i].want);
	}
}

TEST(words_are_split_at_blanks_outside_quotes)
{
	static const struct row rows[] = {
		{ "80", "80|" },
		{ "$PORTS", "80|443/tcp|" },
		{ "\"$PORTS\"", " 80  443/tcp\t|" },
		{ "$B", "x|y|" },
		{ "a$B", "ax|y|" },
		{ "'a b' c", "a b|c|" },
		{ "a\\ b", "a b|" },
		{ "$NOT", "" },
		{ "''", "" },
		{ "", "" },
		{ "${NOT:-1 2}", "1|2|" },
		{ "a\"$B\"c", "ax yc|" },
	};
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		done(buf) all;
		struct dockerfile_words out;
		buf_init(&all, 1000);
		EXPECT_OK(dockerfile_expand_words(a, str_of(rows[i].word), '\\', &env, &out));
		for (size_t w = 0; w < out.n; w++)
			buf_printf(&all, STR_FMT "|", STR_ARG(out.v[w]));
		EXPECT_STR(buf_str(&all), rows[i].want);
	}
}

TEST(heredocs_keep_quotes)
{
	static const struct row rows[] = {
		{ "a $A\n", "a hello\n" },    { "'$A' \"${A}\"\n", "'hello' \"hello\"\n" },
		{ "\\$A\n", "$A\n" },         { "a\\nb\n", "anb\n" },
		{ "it's $5\n", "it's \n" },   { "${NOT:-\"q\"}", "\"q\"" },
		{ "cost: $ 5", "cost: $ 5" },
	};
	own(arena) a = arena_open(1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str out;
		EXPECT_OK(dockerfile_expand_heredoc(a, str_of(rows[i].word), '\\', &env, &out));
		EXPECT_STR(out, rows[i].want);
	}
}

/* `n` times `open`, `middle`, `n` times `close`. */
static char *nested(size_t n, const char *open, const char *middle, const char *close)
{
	struct buf b;
	buf_init(&b, 4 << 20);
	for (size_t i = 0; i < n; i++)
		buf_add(&b, str_of(open));
	buf_add(&b, str_of(middle));
	for (size_t i = 0; i < n; i++)
		buf_add(&b, str_of(close));
	return buf_steal(&b);
}

TEST(nesting_is_bounded)
{
	own(arena) a = arena_open(1 << 20);
	struct str out;
	own_mem char *most = nested(LIMIT_EXPANSION_DEPTH, "${NOT:-", "x", "}");
	own_mem char *more = nested(LIMIT_EXPANSION_DEPTH + 1, "${NOT:-", "x", "}");
	EXPECT_OK(dockerfile_expand(a, str_of(most), '\\', &env, NULL, NULL, &out));
	EXPECT_STR(out, "x");
	EXPECT_ERR(dockerfile_expand(a, str_of(more), '\\', &env, NULL, NULL, &out), ERR_LIMIT,
		   "inside each other");
}

TEST(the_result_is_bounded)
{
	own(arena) a = arena_open(4 << 20);
	struct str out;
	own_mem char *most = nested(LIMIT_EXPANSION_BYTES - 5, "x", "$A", "");
	own_mem char *more = nested(LIMIT_EXPANSION_BYTES - 4, "x", "$A", "");
	EXPECT_OK(dockerfile_expand(a, str_of(most), '\\', &env, NULL, NULL, &out));
	EXPECT(out.len == LIMIT_EXPANSION_BYTES);
	EXPECT_ERR(dockerfile_expand(a, str_of(more), '\\', &env, NULL, NULL, &out), ERR_LIMIT,
		   "longer than 1048576 bytes");
}

static struct str get_big(void *arg, struct str name, bool *found)
{
	*found = true;
	return *(struct str *)arg;
}

TEST(the_work_is_bounded)
{
	static const char *const hard[] = {
		"${A//a*a*b/x}",
		"${A%a*a*b}",
		"${A%%*a*b*b}",
		"${A#*a*b}${A#*a*b}${A//aaaaab/x}",
	};
	own(arena) a = arena_open(8 << 20);
	own_mem char *text = nested(500000, "a", "", "");
	struct str big = str_of(text), out;
	const struct dockerfile_env big_env = { get_big, &big };
	for (size_t i = 0; i < ARRAY_LEN(hard); i++)
		EXPECT_ERR(dockerfile_expand(a, str_of(hard[i]), '\\', &big_env, NULL, NULL, &out),
			   ERR_LIMIT, NULL);
	own_mem char *many = nested(200000, "${A#?*}", "", "");
	EXPECT_ERR(dockerfile_expand(a, str_of(many), '\\', &big_env, NULL, NULL, &out), ERR_LIMIT,
		   NULL);
}
