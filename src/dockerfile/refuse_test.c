/* What the parser refuses, with line and column; and its bounds. */
#include "dockerfile/dockerfile.h"

#include <dirent.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/test.h"

struct row {
	const char *text, *want;
};

static void expect_refused(const char *first, const char *text, enum err_kind kind,
			   const char *want)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	own_mem char *whole = mem_printf("%s%s", first, text);
	struct dockerfile *d = NULL;
	struct err *e = dockerfile_parse(a, "Dockerfile", str_of(whole), &d);
	if (!e)
		print_error("accepted: %s\n", text);
	EXPECT_ERR(e, kind, want);
	EXPECT(!d);
}

/* Behind a line "FROM x". */
static const struct row instructions[] = {
	{ "\nFORM y", "Dockerfile:3:1: unknown instruction FORM (did you mean FROM?)" },
	{ "  copi a b", "Dockerfile:2:3: unknown instruction copi (did you mean COPY?)" },
	{ "WORKDIRECTORY /a", "Dockerfile:2:1: unknown instruction WORKDIRECTORY" },
	{ "RUN a\n&& b", "Dockerfile:3:1: unknown instruction &&" },
	{ "HELLO\x1b[31m", "unknown instruction HELLO?[31m" },
	/* flags */
	{ "COPY --form=x a b",
	  "Dockerfile:2:6: unknown flag --form of COPY (did you mean --from?)" },
	{ "COPY --chmod=1 --xyzzy a b", "Dockerfile:2:16: unknown flag --xyzzy of COPY" },
	{ "COPY \\\n  --chow=x a b", "Dockerfile:3:3: unknown flag --chow of COPY (did you mean" },
	{ "ADD --from=x a b", "Dockerfile:2:5: unknown flag --from of ADD" },
	{ "ENV --x=y a=b", "Dockerfile:2:5: unknown flag --x of ENV" },
	{ "CMD --x", "Dockerfile:2:5: unknown flag --x of CMD" },
	{ "COPY --from a b", "Dockerfile:2:6: the flag --from needs a value" },
	{ "COPY --chown= a b", "Dockerfile:2:6: the flag --chown needs a value" },
	{ "COPY --from=a --from=b a b", "Dockerfile:2:15: the flag --from is there twice" },
	{ "RUN --mount=type=cache,target=/x a",
	  "Dockerfile:2:5: kiln does not support RUN --mount yet" },
	{ "RUN --network=none a", "kiln does not support RUN --network yet" },
	{ "RUN --security=insecure a", "kiln does not support RUN --security yet" },
	{ "RUN --device=x a", "kiln does not support RUN --device yet" },
	{ "COPY --link a b", "Dockerfile:2:6: kiln does not support COPY --link yet" },
	{ "COPY --parents a b", "kiln does not support COPY --parents yet" },
	{ "COPY --exclude=x a b", "kiln does not support COPY --exclude yet" },
	{ "ADD --link a b", "kiln does not support ADD --link yet" },
	{ "ADD --exclude=x a b", "kiln does not support ADD --exclude yet" },
	{ "ADD --checksum=sha256:x a b", "kiln does not support ADD --checksum yet" },
	{ "ADD --keep-git-dir a b", "kiln does not support ADD --keep-git-dir yet" },
	{ "ADD --unpack=true a b", "kiln does not support ADD --unpack yet" },
	{ "ADD --unpak a b", "unknown flag --unpak of ADD (did you mean --unpack?)" },
	{ "ADD a https://h/f /d", "Dockerfile:2:7: kiln does not support ADD of a URL" },
	{ "ADD git@h:a/b /d", "kiln does not support ADD of a URL or Git address yet: git@h:a/b" },
	{ "ADD [\"http://h/f\", \"/d\"]", "kiln does not support ADD of a URL" },
	{ "ADD \"http://h/f\" /d", "kiln does not support ADD of a URL" },
	{ "COPY http://h/f /d", "Dockerfile:2:6: COPY takes no URL: http://h/f" },
	/* FROM */
	{ "FROM", "Dockerfile:2:1: FROM needs an image" },
	{ "FROM a b", "Dockerfile:2:8: FROM is written" },
	{ "FROM a AS", "FROM is written" },
	{ "FROM a AS b c", "FROM is written" },
	{ "FROM a IS b", "FROM is written" },
	{ "FROM a AS 1b", "Dockerfile:2:11: 1b is no name for a stage" },
	{ "FROM a AS b/c", "b/c is no name for a stage" },
	{ "FROM a AS \xc3\xa4", "is no name for a stage" },
	{ "FROM --platform= a", "the flag --platform needs a value" },
	{ "FROM --plat=x a", "unknown flag --plat of FROM" },
	/* commands */
	{ "RUN", "Dockerfile:2:1: RUN needs a command" },
	{ "RUN []", "Dockerfile:2:5: RUN needs a command" },
	{ "CMD", "CMD needs a command" },
	{ "ENTRYPOINT ", "ENTRYPOINT needs a command" },
	{ "CMD [\"a\", 1]", "Dockerfile:2:5: the JSON array may hold nothing but strings" },
	{ "RUN [1, -2.5e+3, true, null, {\"a\": [\"b\"]}]", "nothing but strings" },
	{ "CMD [[\"a\"]]", "nothing but strings" },
	{ "CMD [\"a\\u0000\"]", "nothing but strings without NUL" },
	{ "SHELL /bin/sh -c", "Dockerfile:2:7: SHELL needs a JSON array" },
	{ "SHELL []", "SHELL needs a JSON array" },
	{ "SHELL", "Dockerfile:2:1: SHELL needs a JSON array" },
	{ "SHELL [\"a\", 1]", "SHELL needs a JSON array" },
	/* heredocs */
	{ "RUN <<EOF\na\n EOF", "Dockerfile:2:1: the heredoc has no line EOF that ends it" },
	{ "COPY <<EOF /a\n\tEOF", "the heredoc has no line EOF" },
	{ "COPY <<a <<b /d/\n1\na\n2", "the heredoc has no line b" },
	{ "COPY a <<EOF\nEOF", "Dockerfile:2:8: a heredoc cannot be the destination" },
	{ "COPY << EOF /a\nEOF", "Dockerfile:2:6: write <<WORD without a blank" },
	{ "COPY <<\"a b\" /d\na b", "Dockerfile:2:6: the heredoc is not one word" },
	{ "COPY <<a \"b /d\na", "Dockerfile:2:6: the heredoc is not one word, or a quote" },
	{ "COPY <<../a /d\n../a", "../a is no name for a file" },
	{ "COPY <<.. /d\n..", ".. is no name for a file" },
	{ "COPY <<EOF\nEOF", "COPY needs a source and a destination" },
	/* COPY */
	{ "COPY", "Dockerfile:2:1: COPY needs a source and a destination" },
	{ "COPY a", "Dockerfile:2:6: COPY needs a source and a destination" },
	{ "ADD [\"a\"]", "ADD needs a source and a destination" },
	{ "COPY []", "COPY needs a source" },
	/* pairs */
	{ "ENV", "Dockerfile:2:1: ENV needs name=value" },
	{ "ENV a", "Dockerfile:2:5: ENV a has no value" },
	{ "ENV a=b c", "Dockerfile:2:9: c is not of the form name=value" },
	{ "ENV =a", "Dockerfile:2:5: the name before = is empty" },
	{ "ENV n='a\\'b'", "Dockerfile:2:12: the quote ' has no end" },
	{ "ENV a=b n=\"x", "Dockerfile:2:11: the quote \" has no end" },
	{ "LABEL", "LABEL needs name=value" },
	{ "LABEL a=1 =2", "Dockerfile:2:11: the name before = is empty" },
	{ "ARG", "ARG needs a name" },
	{ "ARG =1", "the name before = is empty" },
	{ "ARG A='1", "the quote ' has no end" },
	/* the rest */
	{ "EXPOSE", "EXPOSE needs a port" },
	{ "VOLUME", "VOLUME needs a path" },
	{ "VOLUME []", "VOLUME needs a path" },
	{ "VOLUME [\"\"]", "a path of VOLUME is empty" },
	{ "VOLUME [\"/a\", 1]", "nothing but strings" },
	{ "USER", "USER needs a value" },
	{ "WORKDIR  ", "WORKDIR needs a value" },
	{ "STOPSIGNAL", "STOPSIGNAL needs a value" },
	{ "MAINTAINER", "MAINTAINER needs a value" },
	{ "HEALTHCHECK", "Dockerfile:2:1: HEALTHCHECK is written" },
	{ "HEALTHCHECK RUN x", "Dockerfile:2:13: HEALTHCHECK is written" },
	{ "HEALTHCHECK CMD", "HEALTHCHECK CMD needs a command" },
	{ "HEALTHCHECK CMD []", "HEALTHCHECK CMD needs a command" },
	{ "HEALTHCHECK NONE x", "HEALTHCHECK NONE has no arguments" },
	{ "HEALTHCHECK --retries=1 NONE", "HEALTHCHECK NONE has no options" },
	{ "HEALTHCHECK --interval=30 CMD a", "Dockerfile:2:24: 30 is no duration" },
	{ "HEALTHCHECK --interval=x CMD a", "x is no duration" },
	{ "HEALTHCHECK --interval=1s1 CMD a", "1s1 is no duration" },
	{ "HEALTHCHECK --interval=.s CMD a", ".s is no duration" },
	{ "HEALTHCHECK --interval=- CMD a", "- is no duration" },
	{ "HEALTHCHECK --interval=9999999999h CMD a", "is no duration" },
	{ "HEALTHCHECK --interval=99999999999999999999s CMD a", "is no duration" },
	{ "HEALTHCHECK --timeout=-1s CMD a", "the duration -1s is shorter than 1ms" },
	{ "HEALTHCHECK --timeout=999us CMD a", "is shorter than 1ms" },
	{ "HEALTHCHECK --retries=-1 CMD a", "-1 is no number of retries" },
	{ "HEALTHCHECK --retires=1 CMD a", "unknown flag --retires of HEALTHCHECK (did you mean" },
	{ "ONBUILD", "ONBUILD needs an instruction" },
	{ "ONBUILD ONBUILD RUN a", "Dockerfile:2:9: ONBUILD cannot stand in ONBUILD" },
	{ "ONBUILD from x", "Dockerfile:2:9: FROM cannot stand in ONBUILD" },
	{ "ONBUILD MAINTAINER x", "MAINTAINER cannot stand in ONBUILD" },
	{ "ONBUILD RNU a", "Dockerfile:2:9: unknown instruction RNU" },
	{ "ONBUILD COPY --form=x a b", "Dockerfile:2:14: unknown flag --form of COPY" },
	{ "ONBUILD RUN <<E", "the heredoc has no line E" },
	/* columns behind continuations, in characters */
	{ "ENV a=1 \\\n# c\n   b=2 \\\n  c", "Dockerfile:5:3: c is not of the form" },
	{ "ENV \xc3\xa4=\xc3\xb6 c", "Dockerfile:2:9: c is not of the form" },
	{ "ENV a=1\\\n2 c", "Dockerfile:3:3: c is not of the form" },
};

TEST(wrong_instructions_are_refused_with_their_place)
{
	for (size_t i = 0; i < ARRAY_LEN(instructions); i++)
		expect_refused("FROM x\n", instructions[i].text, ERR_INVALID, instructions[i].want);
}

static const struct row files[] = {
	{ "", "Dockerfile: has no instructions" },
	{ "\n\n# only a comment\n", "Dockerfile: has no instructions" },
	{ "\xef\xbb\xbf", "Dockerfile: has no instructions" },
	{ "\\", "Dockerfile: has no instructions" },
	{ "ARG A", "Dockerfile: has no FROM" },
	{ "RUN a\nFROM x", "Dockerfile:1:1: RUN stands before the first FROM" },
	{ "# escape=x\nFROM x", "Dockerfile:1:10: the escape character is x" },
	{ "# escape=\\\\\nFROM x", "the escape character is \\\\" },
	{ "# escape=`\n# escape=`\nFROM x", "Dockerfile:2:3: the directive escape is there twice" },
	{ "# syntax=docker/dockerfile:1\n# Syntax=docker/dockerfile:1\nFROM x",
	  "Dockerfile:2:3: the directive syntax is there twice" },
	{ "FROM x\nRUN \xff", "Dockerfile:2:1: is no text: the line is not UTF-8" },
	{ "\xff\xfe", "Dockerfile:1:1: is no text" },
	{ "\x7f\x45\x4c\x46\x02\x01\x01", "unknown instruction" },
};

TEST(wrong_files_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		expect_refused("", files[i].text, ERR_INVALID, files[i].want);
}

TEST(a_nul_byte_is_refused)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	struct dockerfile *d = NULL;
	EXPECT_ERR(dockerfile_parse(a, "D", STR("FROM x\nRUN \0"), &d), ERR_INVALID,
		   "D:2:5: is no text");
}

TEST(onbuild_texts_follow_the_rules)
{
	static const struct row rows[] = {
		{ "", "has no instruction" },
		{ "# c", "has no instruction" },
		{ "FROM x", "ONBUILD:1:1: FROM cannot stand in ONBUILD" },
		{ "ONBUILD RUN a", "ONBUILD cannot stand in ONBUILD" },
		{ "RUN a\nRUN b", "has more than one instruction" },
		{ "COPY <<a /b\nx", "the heredoc has no line a" },
		{ "RUN --mount=type=tmpfs a", "kiln does not support RUN --mount yet" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
		struct dockerfile_instruction *in = NULL;
		EXPECT_ERR(dockerfile_parse_onbuild(a, str_of(rows[i].text), &in), ERR_INVALID,
			   rows[i].want);
		EXPECT(!in);
	}
}

/* `first`, then `unit` as often as it fits in `most` bytes and `times`. */
static struct err *parse_repeated(const char *first, const char *unit, size_t times, size_t most)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	done(buf) text;
	struct dockerfile *d = NULL;
	buf_init(&text, most);
	buf_add(&text, str_of(first));
	for (size_t i = 0; i < times && text.len + strlen(unit) <= most; i++)
		buf_add(&text, str_of(unit));
	return dockerfile_parse(a, "D", buf_str(&text), &d);
}

TEST(a_file_is_bounded)
{
	size_t most = LIMIT_DOCKERFILE_BYTES, n = LIMIT_DOCKERFILE_INSTRUCTIONS;
	EXPECT_OK(parse_repeated("FROM x\n", "#\n", most, most));
	EXPECT_ERR(parse_repeated("FROM x\n", "#", most, most + 1), ERR_LIMIT,
		   "D: is longer than 1048576 bytes");
	EXPECT_OK(parse_repeated("FROM x\n", "RUN a\n", n - 1, most));
	EXPECT_ERR(parse_repeated("FROM x\n", "RUN a\n", n, most), ERR_LIMIT,
		   "D:10001: there are more than 10000 instructions");
	EXPECT_OK(parse_repeated("", "FROM x\n", LIMIT_DOCKERFILE_STAGES, most));
	EXPECT_ERR(parse_repeated("", "FROM x\n", LIMIT_DOCKERFILE_STAGES + 1, most), ERR_LIMIT,
		   "more than 1000 stages");
	EXPECT_ERR(parse_repeated("FROM x\n", "ONBUILD RUN a\n", n, most), ERR_LIMIT,
		   "more than 10000 instructions");
}

/* The arena would abort. */
TEST(the_arena_is_large_enough_for_any_file)
{
	static const char *const units[][2] = {
		{ "FROM x\nARG ", "a " },
		{ "FROM x\nENV ", "a= " },
		{ "FROM x\nCMD [", "\"\"," },
		{ "FROM x\nCOPY ", "a " },
		{ "FROM x\nRUN ", "<<\"\" " },
		{ "FROM x\nONBUILD RUN ", "<<\"\" " },
		{ "FROM x\nCOPY ", "<<\"\" " },
		{ "FROM x\n", "ENV a \\\n\n b\n" },
		{ "FROM x\n", "R\\\n" },
		{ "", "FROM x AS a\n" },
		{ "FROM x\n", "ONBUILD COPY <<-E /\n\ta\nE\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		err_free(
			parse_repeated(units[i][0], units[i][1], SIZE_MAX, LIMIT_DOCKERFILE_BYTES));
}

TEST(words_are_bounded)
{
	size_t n = LIMIT_DOCKERFILE_WORDS;
	EXPECT_OK(parse_repeated("FROM x\nARG ", "a ", n, LIMIT_DOCKERFILE_BYTES));
	EXPECT_ERR(parse_repeated("FROM x\nARG ", "a ", n + 1, LIMIT_DOCKERFILE_BYTES), ERR_LIMIT,
		   "D:2: there are more than 100000 words");
	EXPECT_ERR(parse_repeated("FROM x\nRUN ", "<<a ", n + 1, LIMIT_DOCKERFILE_BYTES), ERR_LIMIT,
		   "more than 100000 words");
}

static void check_file(int dir_fd, const char *name)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	own_mem char *text = NULL;
	size_t len;
	struct dockerfile *d;
	EXPECT_OK(fd_read_path(dir_fd, name, LIMIT_DOCKERFILE_BYTES, &text, &len));
	own(err) e = dockerfile_parse(a, name, str_n(text, len), &d);
	bool accept = str_starts(str_of(name), STR("accept-"));
	EXPECT(accept || str_starts(str_of(name), STR("reject-")));
	if (accept == (e != NULL))
		print_error("wrong verdict on %s: %s\n", name, e ? e->what : "accepted");
	EXPECT(accept == (e == NULL));
}

TEST(dockerfile_corpus_verdicts)
{
	size_t n = 0;
	DIR *dir = opendir(KILN_TEST_CORPUS "/dockerfile");
	EXPECT(dir);
	for (struct dirent *d; (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		check_file(dirfd(dir), d->d_name);
		n++;
	}
	closedir(dir);
	EXPECT(n >= 20);
}
