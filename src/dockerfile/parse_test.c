/* What the parser makes of texts, as one line of text per instruction. */
#include "dockerfile/dockerfile.h"

#include "base/limits.h"
#include "base/test.h"

static void show_words(struct buf *b, const char *open, struct dockerfile_words w)
{
	buf_add(b, str_of(open));
	for (size_t i = 0; i < w.n; i++)
		buf_printf(b, "%s" STR_FMT, i ? "," : "", STR_ARG(w.v[i]));
	buf_add(b, STR("]"));
}

static void show_command(struct buf *b, const struct dockerfile_command *c)
{
	if (c->exec_form)
		show_words(b, "exec[", c->words);
	else
		buf_printf(b, "sh[" STR_FMT "]", STR_ARG(c->text));
}

static void show_heredocs(struct buf *b, const struct dockerfile_heredoc *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, " <<" STR_FMT "%s[" STR_FMT "]", STR_ARG(h[i].word),
			   h[i].expand ? "" : "!", STR_ARG(h[i].content));
}

static void show_flag(struct buf *b, const char *name, struct str value)
{
	if (value.len)
		buf_printf(b, " %s=" STR_FMT, name, STR_ARG(value));
}

static void show_copy(struct buf *b, const struct dockerfile_copy *c)
{
	show_words(b, c->json_form ? "json[" : "[", c->sources);
	buf_printf(b, " to " STR_FMT, STR_ARG(c->dest));
	show_heredocs(b, c->heredocs, c->n_heredocs);
	show_flag(b, "from", c->from);
	show_flag(b, "chown", c->chown);
	show_flag(b, "chmod", c->chmod);
}

static void show_healthcheck(struct buf *b, const struct dockerfile_healthcheck *h)
{
	if (h->none) {
		buf_add(b, STR("none"));
		return;
	}
	show_command(b, &h->command);
	buf_printf(b, " %lld %lld %lld %lld %lld", (long long)h->interval_ns,
		   (long long)h->timeout_ns, (long long)h->start_period_ns,
		   (long long)h->start_interval_ns, (long long)h->retries);
}

static void show(struct buf *b, const struct dockerfile_instruction *in)
{
	buf_printf(b, "%s ", dockerfile_kind_name(in->kind));
	switch (in->kind) {
	case DOCKERFILE_FROM:
		buf_add(b, in->from.image);
		show_flag(b, "as", in->from.name);
		show_flag(b, "platform", in->from.platform);
		break;
	case DOCKERFILE_ADD:
	case DOCKERFILE_COPY:
		show_copy(b, &in->copy);
		break;
	case DOCKERFILE_ARG:
	case DOCKERFILE_ENV:
	case DOCKERFILE_LABEL:
		for (size_t i = 0; i < in->pairs.n; i++)
			buf_printf(b, "[" STR_FMT "%s" STR_FMT "]", STR_ARG(in->pairs.v[i].key),
				   in->pairs.v[i].has_value ? "|" : "",
				   STR_ARG(in->pairs.v[i].value));
		break;
	case DOCKERFILE_CMD:
	case DOCKERFILE_ENTRYPOINT:
	case DOCKERFILE_SHELL:
		show_command(b, &in->command);
		break;
	case DOCKERFILE_EXPOSE:
	case DOCKERFILE_VOLUME:
		show_words(b, in->volume_json ? "json[" : "[", in->words);
		break;
	case DOCKERFILE_HEALTHCHECK:
		show_healthcheck(b, &in->healthcheck);
		break;
	case DOCKERFILE_MAINTAINER:
	case DOCKERFILE_STOPSIGNAL:
	case DOCKERFILE_USER:
	case DOCKERFILE_WORKDIR:
		buf_printf(b, "[" STR_FMT "]", STR_ARG(in->text));
		break;
	case DOCKERFILE_ONBUILD:
		buf_printf(b, "{" STR_FMT "} ", STR_ARG(in->onbuild.text));
		show(b, in->onbuild.inner);
		break;
	case DOCKERFILE_RUN:
		show_command(b, &in->run.command);
		buf_add(b, in->run.only_heredoc ? STR(" only") : STR(""));
		show_heredocs(b, in->run.heredocs, in->run.n_heredocs);
		break;
	}
}

static void show_all(struct buf *b, const struct dockerfile *d)
{
	for (const struct dockerfile_instruction *in = d->globals; in; in = in->next) {
		buf_add(b, STR("global "));
		show(b, in);
		buf_add_c(b, '\n');
	}
	for (const struct dockerfile_stage *s = d->stages; s; s = s->next) {
		for (const struct dockerfile_instruction *in = s->first; in; in = in->next) {
			show(b, in);
			buf_add_c(b, '\n');
		}
	}
	for (size_t i = 0; i < d->n_warnings; i++)
		buf_printf(b, "! " STR_FMT "\n", STR_ARG(d->warnings[i]));
}

struct row {
	const char *text, *want;
};

static void expect_shown(const struct row *row, const char *first)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	done(buf) got;
	done(buf) text;
	struct dockerfile *d = NULL;
	buf_init(&got, 1 << 20);
	buf_init(&text, 1 << 20);
	buf_printf(&text, "%s%s", first, row->text);
	EXPECT_OK(dockerfile_parse(a, "D", buf_str(&text), &d));
	show_all(&got, d);
	EXPECT_STR(buf_str(&got), row->want);
}

/* Each behind a line "FROM x", whose output is left out of the second column by `want`. */
static const struct row instructions[] = {
	/* RUN, CMD, ENTRYPOINT, SHELL */
	{ "RUN go build -o hello hello.go", "RUN sh[go build -o hello hello.go]\n" },
	{ "run  a\tb ", "RUN sh[a\tb]\n" },
	{ "RUN [\"a\", \"b c\"]", "RUN exec[a,b c]\n" },
	{ "RUN   [ \"a\" , \"$HOME\" ]  ", "RUN exec[a,$HOME]\n" },
	{ "RUN [ -f x ] && y", "RUN sh[[ -f x ] && y]\n" },
	{ "RUN [\"a\"] x", "RUN sh[[\"a\"] x]\n" },
	{ "RUN ['a', 'b']", "RUN sh[['a', 'b']]\n! D:2: this is no JSON array of strings, so it "
			    "is not the exec form\n" },
	{ "CMD [\"a\",]", "CMD sh[[\"a\",]]\n! D:2: this is no JSON array of strings, so it is "
			  "not the exec form\n" },
	{ "CMD echo \"a # b\" $X", "CMD sh[echo \"a # b\" $X]\n" },
	{ "CMD []", "CMD exec[]\n" },
	{ "ENTRYPOINT []", "ENTRYPOINT exec[]\n" },
	{ "ENTRYPOINT [\"/x\", \"\"]", "ENTRYPOINT exec[/x,]\n" },
	{ "ENTRYPOINT exec top -b", "ENTRYPOINT sh[exec top -b]\n" },
	{ "CMD [\"\\u00e4\\n\\\"\\\\\\/\\t\"]", "CMD exec[\xc3\xa4\n\"\\/\t]\n" },
	{ "CMD [\"\\ud83d\\ude00\"]", "CMD exec[\xf0\x9f\x98\x80]\n" },
	{ "CMD [\"\\ud83d\"]", "CMD sh[[\"\\ud83d\"]]\n! D:2: this is no JSON array of strings, "
			       "so it is not the exec form\n" },
	{ "CMD [\"\\ude00\"]", "CMD sh[[\"\\ude00\"]]\n! D:2: this is no JSON array "
			       "of strings, so it is not the exec form\n" },
	{ "CMD -- --flag", "CMD sh[--flag]\n" },
	{ "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]",
	  "SHELL exec[/bin/bash,-o,pipefail,-c]\n" },
	{ "CMD a\nCMD b", "CMD sh[a]\nCMD sh[b]\n! D:3: only the last CMD of a stage counts\n" },
	/* continuations and comments */
	{ "RUN a && \\\n    b", "RUN sh[a &&     b]\n" },
	{ "RUN a \\\n# comment\n  # another\n b", "RUN sh[a  b]\n" },
	{ "RUN a \\\n\n\n b",
	  "RUN sh[a  b]\n! D:2: there is a blank line inside the instruction\n" },
	{ "RUN a \\  \n b", "RUN sh[a  b]\n" },
	{ "RUN a \\", "RUN sh[a]\n" },
	{ "RUN a \\\n", "RUN sh[a]\n" },
	{ "RUN a\\\\\nRUN b", "RUN sh[a\\\\]\nRUN sh[b]\n" },
	{ "RUN a # no comment", "RUN sh[a # no comment]\n" },
	{ "  # comment\n\t RUN a", "RUN sh[a]\n" },
	{ "\\\nRUN a", "RUN sh[a]\n" },
	{ "RUN \\\na", "RUN sh[a]\n" },
	{ "R\\\nUN a", "RUN sh[a]\n" },
	{ "RUN a\r\nRUN b \\\r\n c\r\n", "RUN sh[a]\nRUN sh[b  c]\n" },
	{ "# escape=`\nRUN a \\\n b", "RUN sh[a  b]\n" },
	/* heredocs of RUN */
	{ "RUN <<EOF\na $X\n# c\n\nb\nEOF\nRUN c",
	  "RUN sh[<<EOF\na $X\n# c\n\nb\nEOF] only <<EOF[a $X\n# c\n\nb\n]\nRUN sh[c]\n" },
	{ "RUN << EOF\na\nEOF", "RUN sh[<< EOF\na\nEOF] only <<EOF[a\n]\n" },
	{ "RUN <<'EOF'\na\nEOF", "RUN sh[<<'EOF'\na\nEOF] only <<EOF![a\n]\n" },
	{ "RUN <<\"E F\"\na\nE F", "RUN sh[<<\"E F\"\na\nE F] only <<E F![a\n]\n" },
	{ "RUN <<EOF bash\na\nEOF", "RUN sh[<<EOF bash\na\nEOF] <<EOF[a\n]\n" },
	{ "RUN cat <<EOF >/f\na\nEOF", "RUN sh[cat <<EOF >/f\na\nEOF] <<EOF[a\n]\n" },
	{ "RUN cat << EOF >/f\na\nEOF", "RUN sh[cat << EOF >/f\na\nEOF] <<EOF[a\n]\n" },
	{ "RUN <<-EOF\n\t\ta\n\tb\t\n\t EOF\n\tEOF",
	  "RUN sh[<<-EOF\n\t\ta\n\tb\t\n\t EOF\nEOF] only <<EOF[a\nb\t\n EOF\n]\n" },
	{ "RUN a <<A 3<<B\n1\nA\n2\nB", "RUN sh[a <<A 3<<B\n1\nA\n2\nB] <<A[1\n] <<B[2\n]\n" },
	{ "RUN <<EOF\nEOF", "RUN sh[<<EOF\nEOF] only <<EOF[]\n" },
	{ "RUN echo \"<<EOF\" '<<A' a<<B <<<C", "RUN sh[echo \"<<EOF\" '<<A' a<<B <<<C]\n" },
	{ "RUN echo $((1<<2))", "RUN sh[echo $((1<<2))]\n" },
	{ "RUN [\"a\", \"<<EOF\"]", "RUN exec[a,<<EOF]\n" },
	{ "RUN a \\\n <<EOF\nx\nEOF", "RUN sh[a  <<EOF\nx\nEOF] <<EOF[x\n]\n" },
	{ "RUN <<EOF\n#!/bin/sh\nx \\\ny\nEOF",
	  "RUN sh[<<EOF\n#!/bin/sh\nx \\\ny\nEOF] only <<EOF[#!/bin/sh\nx \\\ny\n]\n" },
	/* COPY and ADD */
	{ "COPY a b/ /c/", "COPY [a,b/] to /c/\n" },
	{ "ADD . /app/", "ADD [.] to /app/\n" },
	{ "COPY --from=builder /app/hello .", "COPY [/app/hello] to . from=builder\n" },
	{ "COPY --from=\"0\" a b", "COPY [a] to b from=0\n" },
	{ "COPY --chown=a:b --chmod=0755 --from=x a b",
	  "COPY [a] to b from=x chown=a:b chmod=0755\n" },
	{ "COPY --chmod=u=rwX,go=rX a b", "COPY [a] to b chmod=u=rwX,go=rX\n" },
	{ "COPY --chown=\"$U\" a b", "COPY [a] to b chown=\"$U\"\n" },
	{ "ADD --chown=1 --chmod=7 a b", "ADD [a] to b chown=1 chmod=7\n" },
	{ "COPY -- --a b", "COPY [--a] to b\n" },
	{ "COPY [\"a b\", \"/c d\"]", "COPY json[a b] to /c d\n" },
	{ "COPY --from=x [\"a\", \"b\"]", "COPY json[a] to b from=x\n" },
	{ "COPY [a] b", "COPY [[a]] to b\n" },
	{ "COPY a* b?[[]x $D", "COPY [a*,b?[[]x] to $D\n" },
	{ "COPY <<EOF /a\n$V \\$V\nEOF", "COPY [] to /a <<EOF[$V \\$V\n]\n" },
	{ "COPY <<'a' x <<-b /d/\n1\na\n\t2\n\tb", "COPY [x] to /d/ <<a![1\n] <<b[2\n]\n" },
	{ "COPY --chmod=1 <<\"a.sh\" /d/\n1\na.sh", "COPY [] to /d/ <<a.sh![1\n] chmod=1\n" },
	{ "ADD <<a /b\na", "ADD [] to /b <<a[]\n" },
	{ "COPY git@x /y", "COPY [git@x] to /y\n" },
	/* pairs */
	{ "ENV a=b\\ c d=\"e f\" g='h$a'", "ENV [a|b\\ c][d|\"e f\"][g|'h$a']\n" },
	{ "ENV a=", "ENV [a|]\n" },
	{ "ENV a=b=c", "ENV [a|b=c]\n" },
	{ "ENV k a \"b\" c", "ENV [k|a \"b\" c]\n! D:2: ENV k value is the old form, use ENV "
			     "k=value\n" },
	{ "ENV ONE TWO= THREE=world", "ENV [ONE|TWO= THREE=world]\n! D:2: ENV ONE value is the old "
				      "form, use ENV ONE=value\n" },
	{ "ENV k it's", "ENV [k|it's]\n! D:2: ENV k value is the old form, use ENV k=value\n" },
	{ "ENV a=1 \\\n b=$a", "ENV [a|1][b|$a]\n" },
	{ "ENV a=\"x\\\"y\" b='\\'", "ENV [a|\"x\\\"y\"][b|'\\']\n" },
	{ "LABEL \"com.x\"=\"A B\" v='1'", "LABEL [\"com.x\"|\"A B\"][v|'1']\n" },
	{ "LABEL d=\"a \\\nb\"", "LABEL [d|\"a b\"]\n" },
	{ "LABEL k v w", "LABEL [k|v w]\n! D:2: LABEL k value is the old form, use LABEL "
			 "k=value\n" },
	{ "ARG A B=1 C=$B", "ARG [A][B|1][C|$B]\n" },
	{ "ARG A=\"x y\" D=", "ARG [A|\"x y\"][D|]\n" },
	/* the rest */
	{ "EXPOSE 80 443/udp 8000-8005 $P", "EXPOSE [80,443/udp,8000-8005,$P]\n" },
	{ "VOLUME /a $B", "VOLUME [/a,$B]\n" },
	{ "VOLUME [\"/a b\", \"/c\"]", "VOLUME json[/a b,/c]\n" },
	{ "WORKDIR /a b/c ", "WORKDIR [/a b/c]\n" },
	{ "USER u:g", "USER [u:g]\n" },
	{ "STOPSIGNAL SIGKILL", "STOPSIGNAL [SIGKILL]\n" },
	{ "MAINTAINER A B <a@b>", "MAINTAINER [A B <a@b>]\n! D:2: MAINTAINER is deprecated, use "
				  "LABEL org.opencontainers.image.authors\n" },
	{ "HEALTHCHECK NONE", "HEALTHCHECK none\n" },
	{ "HEALTHCHECK cmd a $b", "HEALTHCHECK sh[a $b] 0 0 0 0 0\n" },
	{ "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=2h --start-interval=100ms "
	  "--retries=3 CMD [\"a\"]",
	  "HEALTHCHECK exec[a] 90000000000 1500000000 7200000000000 100000000 3\n" },
	{ "HEALTHCHECK --interval=0 --timeout=.5m CMD a",
	  "HEALTHCHECK sh[a] 0 30000000000 0 0 0\n" },
	{ "HEALTHCHECK --timeout=1000000ns --interval=2000us --start-period=3000\xc2\xb5s CMD a",
	  "HEALTHCHECK sh[a] 2000000 1000000 3000000 0 0\n" },
	{ "ONBUILD RUN a", "ONBUILD {RUN a} RUN sh[a]\n" },
	{ "onbuild copy --from=b a \\\n /c",
	  "ONBUILD {COPY --from=b a  /c} COPY [a] to /c from=b\n" },
	{ "ONBUILD COPY <<-a /b\n\tx\na\nRUN c",
	  "ONBUILD {COPY <<-a /b\n\tx\na} COPY [] to /b <<a[x\n]\nRUN sh[c]\n" },
	{ "ONBUILD RUN <<E\nx\nE", "ONBUILD {RUN <<E\nx\nE} RUN sh[<<E\nx\nE] only <<E[x\n]\n" },
	{ "ONBUILD ENV a=b", "ONBUILD {ENV a=b} ENV [a|b]\n" },
	{ "RUN <<E\nx\nE\nONBUILD USER a", "RUN sh[<<E\nx\nE] only <<E[x\n]\nONBUILD {USER a} USER "
					   "[a]\n" },
};

TEST(instructions_are_parsed)
{
	for (size_t i = 0; i < ARRAY_LEN(instructions); i++) {
		own_mem char *want = mem_printf("FROM x\n%s", instructions[i].want);
		struct row row = { instructions[i].text, want };
		expect_shown(&row, "FROM x\n");
	}
}

static const struct row files[] = {
	{ "FROM golang:alpine AS builder\nRUN mkdir /app\nADD . /app/\nWORKDIR /app\n"
	  "RUN go build -o hello hello.go\nFROM alpine\nRUN mkdir /app\nWORKDIR /app\n"
	  "COPY --from=builder /app/hello .\nCMD [\"./hello\"]\n",
	  "FROM golang:alpine as=builder\nRUN sh[mkdir /app]\nADD [.] to /app/\nWORKDIR [/app]\n"
	  "RUN sh[go build -o hello hello.go]\nFROM alpine\nRUN sh[mkdir /app]\nWORKDIR [/app]\n"
	  "COPY [/app/hello] to . from=builder\nCMD exec[./hello]\n" },
	{ "\xef\xbb\xbf"
	  "FROM x",
	  "FROM x\n" },
	{ "\xef\xbb\xbf# escape=`\nFROM x\nRUN a `\n b", "FROM x\nRUN sh[a  b]\n" },
	{ "from X as Y_1.a-b", "FROM X as=y_1.a-b\n" },
	{ "FROM --platform=$BUILDPLATFORM \"img:${T}\" AS b",
	  "FROM \"img:${T}\" as=b platform=$BUILDPLATFORM\n" },
	{ "ARG V=1\nARG W\nFROM ${V}-${W}", "global ARG [V|1]\nglobal ARG [W]\nFROM ${V}-${W}\n" },
	{ "FROM a AS s\nFROM b AS S", "FROM a as=s\nFROM b as=s\n! D:2: the stage s is already on "
				      "line 1\n" },
	{ "FROM a AS scratch", "FROM a as=scratch\n! D:1: the stage has the reserved name "
			       "scratch\n" },
	{ "FROM a\nCMD x\nFROM b\nCMD y", "FROM a\nCMD sh[x]\nFROM b\nCMD sh[y]\n" },
	/* directives */
	{ "# syntax=docker/dockerfile:1.7-labs\n# escape=\\\n# check=skip=all\nFROM x",
	  "FROM x\n" },
	{ "#Escape = `  \r\nFROM x\nRUN a `\n b", "FROM x\nRUN sh[a  b]\n" },
	{ "# syntax=example.com/own\nFROM x",
	  "FROM x\n! D:1: the syntax example.com/own is not loaded, kiln uses its own parser\n" },
	{ "# a comment\n# escape=`\nFROM x\nRUN a \\\n b", "FROM x\nRUN sh[a  b]\n" },
	{ "\n# escape=`\nFROM x\nRUN a \\\n b", "FROM x\nRUN sh[a  b]\n" },
	{ "# unknown=1\n# escape=`\nFROM x\nRUN a \\\n b", "FROM x\nRUN sh[a  b]\n" },
	{ "# escape=\n# escape=`\nFROM x\nRUN a \\\n b", "FROM x\nRUN sh[a  b]\n" },
	{ "# escape=`\nFROM x\nCOPY a C:\\dir\\\nENV a=b` c d=\"`\"\"",
	  "FROM x\nCOPY [a] to C:\\dir\\\nENV [a|b` c][d|\"`\"\"]\n" },
};

TEST(files_are_parsed)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		expect_shown(&files[i], "");
}

TEST(instructions_know_their_lines_and_source)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	struct dockerfile *d = NULL;
	struct str text = STR("# c\nfrom x\n\nrun a \\\n# c\n  b\ncopy <<E /x\n1\nE\nUser y");
	EXPECT_OK(dockerfile_parse(a, "D", text, &d));
	EXPECT(d->n_stages == 1 && d->stages->index == 0);
	static const struct {
		uint32_t line, end_line;
		const char *source;
	} want[] = { { 2, 2, "FROM x" },
		     { 4, 6, "RUN a   b" },
		     { 7, 9, "COPY <<E /x" },
		     { 10, 10, "USER y" } };
	const struct dockerfile_instruction *in = d->stages->first;
	for (size_t i = 0; i < ARRAY_LEN(want); i++, in = in->next) {
		EXPECT(in->line == want[i].line);
		EXPECT(in->end_line == want[i].end_line);
		EXPECT_STR(in->source, want[i].source);
	}
	EXPECT(!in);
}

TEST(a_line_may_be_long)
{
	own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
	done(buf) text;
	struct dockerfile *d = NULL;
	buf_init(&text, 1 << 20);
	buf_add(&text, STR("FROM x\nRUN "));
	for (size_t i = 0; i < 200000; i++)
		buf_add_c(&text, 'a');
	EXPECT_OK(dockerfile_parse(a, "D", buf_str(&text), &d));
	EXPECT(d->stages->first->next->run.command.text.len == 200000);
}

TEST(onbuild_texts_are_parsed_again)
{
	static const struct row rows[] = {
		{ "RUN a", "RUN sh[a]" },
		{ "COPY <<a /b\nx\na", "COPY [] to /b <<a[x\n]" },
		{ "  ENV a=b \n", "ENV [a|b]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(DOCKERFILE_ARENA_BYTES);
		struct dockerfile_instruction *in = NULL;
		done(buf) got;
		buf_init(&got, 1000);
		EXPECT_OK(dockerfile_parse_onbuild(a, str_of(rows[i].text), &in));
		show(&got, in);
		EXPECT_STR(buf_str(&got), rows[i].want);
	}
}

TEST(sources_that_are_remote)
{
	static const char *const remote[] = { "http://h/f", "HTTPS://h/r.git#v1", "git://h/r",
					      "ssh://git@h/r", "git@github.com:a/b" };
	static const char *const local[] = { "a", "http:/x", "git@x", "ht", "", "x/http://y" };
	for (size_t i = 0; i < ARRAY_LEN(remote); i++)
		EXPECT(dockerfile_is_remote(str_of(remote[i])));
	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		EXPECT(!dockerfile_is_remote(str_of(local[i])));
}
