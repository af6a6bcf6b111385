/* Rules x refs -> tags, or the reason why there are none. What is expected was worked out by hand
 * from what rules promise. The push is that of the documentation's example: 2020-10-15 16:13 at
 * UTC+8. */
#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"
#include "pipeline/rule.h"

#define PUSHED 1602749580 /* 2020-10-15T08:13:00Z */
#define COMMIT "d4ef3dc3b77a011a5779eec7efdd4512ab34cd56"

enum kind {
	B = 0,  /* a branch's plain name */
	T = 1,  /* a tag's */
	BX = 2, /* an expression */
	TX = 3,
};

/* `tags`: templates in their one-string form, with blanks between them. `want`: the tags likewise;
 * NO when the rule does not match; "!CODE" when it matches and no tags come of it; "?CODE" when the
 * rule itself is refused, "?CODE part" with this part in the text. */
struct row {
	enum kind kind;
	const char *pattern, *tags, *ref, *want;
};
#define NO ""

static const struct pipeline_moment moment = { PUSHED * 1000000000ll, 480, COMMIT };

static struct err *make_rule(struct arena *a, const struct row *row, struct pipeline_rule *r)
{
	*r = (struct pipeline_rule){ .ref_type = row->kind & 1 ? PIPELINE_TAG : PIPELINE_BRANCH,
				     .pattern = row->pattern,
				     .is_expression = row->kind >= BX };
	for (struct str rest = str_of(row->tags); rest.p && r->n_tags < PIPELINE_MOST_TAGS;)
		TRY(pipeline_template_parse(a, str_cut(&rest, ' '), &r->tags[r->n_tags++]));
	return pipeline_rule_check(a, r);
}

/* In the notation of `want`. */
static const char *outcome(struct arena *a, const struct row *row, const struct pipeline_moment *m)
{
	struct pipeline_rule r;
	struct pipeline_match out;
	own(err) e = make_rule(a, row, &r);
	if (e) {
		own_mem char *text = err_text(e);
		return arena_printf(a, "?%s %s", err_code(e), text);
	}
	EXPECT_OK(pipeline_rule_match(a, &r, str_of(row->ref), m, &out));
	if (out.code) {
		EXPECT(out.matches && out.problem && out.problem[0] && !out.n_tags);
		return arena_printf(a, "!%s", out.code);
	}
	EXPECT(out.matches == (out.n_tags > 0));
	const char *text = "";
	for (size_t i = 0; i < out.n_tags; i++)
		text = arena_printf(a, "%s%s%s", text, i ? " " : "", out.tags[i]);
	return text;
}

/* "?CODE part" is met by "?CODE text with the part in it". */
static bool is_wanted(const char *got, const char *want)
{
	if (want[0] != '?')
		return strcmp(got, want) == 0;
	struct str part = str_of(want), code = str_cut(&part, ' ');
	struct str text = str_of(got), got_code = str_cut(&text, ' ');
	return str_eq(code, got_code) && (!part.p || strstr(text.p, part.p));
}

static void check_rows(const struct row *rows, size_t n)
{
	size_t wrong = 0;
	for (size_t i = 0; i < n; i++) {
		own(arena) a = arena_open(1 << 20);
		const char *got = outcome(a, &rows[i], &moment);
		if (is_wanted(got, rows[i].want))
			continue;
		wrong++;
		print_error("row %zu: %s, %s, %s: \"%s\" instead of \"%s\"\n", i, rows[i].pattern,
			    rows[i].tags, rows[i].ref, got, rows[i].want);
	}
	EXPECT(!wrong);
}

/* clang-format off */

static const struct row plain_names[] = {
	{ B, "main", "latest", "refs/heads/main", "latest" },
	{ B, "main", "latest", "refs/heads/Main", NO },
	{ B, "main", "latest", "refs/heads/MAIN", NO },
	{ B, "main", "latest", "refs/heads/main2", NO },
	{ B, "main", "latest", "refs/heads/xmain", NO },
	{ B, "main", "latest", "refs/heads/mai", NO },
	{ B, "main", "latest", "refs/heads/main/x", NO },
	{ B, "main", "latest", "refs/heads/feature/main", NO },
	{ B, "main", "latest", "refs/tags/main", NO },
	{ B, "main", "latest", "refs/remotes/origin/main", NO },
	{ B, "main", "latest", "refs/pull/1/main", NO },
	{ B, "main", "latest", "refs/heads/refs/heads/main", NO },
	{ B, "main", "latest", "main", NO },
	{ B, "main", "latest", "HEAD", NO },
	{ B, "main", "latest", "", NO },
	{ B, "main", "latest", "refs/heads", NO },
	{ B, "main", "latest", "refs/heads/", NO },
	{ B, "main", "latest", "refs/Heads/main", NO },
	{ B, "main", "latest", "refs/heads/main ", NO },
	{ B, "main", "latest", "refs/heads/main\n", NO },
	{ B, "main", "latest", " refs/heads/main", NO },
	{ B, "refs/heads/main", "x", "refs/heads/main", NO },
	{ B, "refs/heads/main", "x", "refs/heads/refs/heads/main", "x" },
	{ B, "feature/login", "login", "refs/heads/feature/login", "login" },
	{ B, "feature/login", "login", "refs/heads/login", NO },
	{ B, "release-1.2", "1.2", "refs/heads/release-1.2", "1.2" },
	{ B, "release-1.2", "1.2", "refs/heads/release-1x2", NO }, /* the dot is a dot */
	{ B, "a+b", "x", "refs/heads/a+b", "x" },
	{ B, "a+b", "x", "refs/heads/aab", NO },
	{ B, "a|b", "x", "refs/heads/a|b", "x" },
	{ B, "a|b", "x", "refs/heads/a", NO },
	{ B, "v(1)", "x", "refs/heads/v(1)", "x" },
	{ B, "$x", "x", "refs/heads/$x", "x" },
	{ B, "a{2}", "x", "refs/heads/a{2}", "x" },
	{ B, "#1", "x", "refs/heads/#1", "x" },
	{ B, "100%", "x", "refs/heads/100%", "x" },
	{ B, "a'b\"c`d", "x", "refs/heads/a'b\"c`d", "x" },
	{ B, "a;b&c", "x", "refs/heads/a;b&c", "x" },
	{ B, "@x", "x", "refs/heads/@x", "x" },
	{ B, "x@", "x", "refs/heads/x@", "x" },
	{ B, "lock", "x", "refs/heads/lock", "x" },
	{ B, "a.lockb", "x", "refs/heads/a.lockb", "x" },
	{ B, "日本", "x", "refs/heads/日本", "x" },
	{ B, "h\xc3\xa9", "x", "refs/heads/h\xc3\xa9", "x" },
	{ B, "h\xc3\xa9", "x", "refs/heads/he\xcc\x81", NO }, /* composed and decomposed */
	{ B, "🚀", "x", "refs/heads/🚀", "x" },
	{ T, "v1.0", "1.0", "refs/tags/v1.0", "1.0" },
	{ T, "v1.0", "1.0", "refs/tags/V1.0", NO },
	{ T, "v1.0", "1.0", "refs/heads/v1.0", NO },
	{ T, "v1.0", "1.0", "refs/tags/v1.0^{}", NO },
	{ T, "v1.0", "1.0", "refs/tags/", NO },
	{ T, "v1.0", "1.0", "refs/tags/v1.0.1", NO },
	{ T, "a/b", "x", "refs/tags/a/b", "x" },
};

static const struct row refused_names[] = {
	{ B, "", "x", "", "?RULE_REF" },
	{ B, "-x", "x", "", "?RULE_REF dash" },
	{ B, "--upload-pack=x", "x", "", "?RULE_REF dash" },
	{ B, "a b", "x", "", "?RULE_REF" },
	{ B, "a\tb", "x", "", "?RULE_REF" },
	{ B, "a\nb", "x", "", "?RULE_REF" },
	{ B, "a\x01", "x", "", "?RULE_REF" },
	{ B, "a\x7f", "x", "", "?RULE_REF" },
	{ B, "a\xff", "x", "", "?RULE_REF UTF-8" },
	{ B, "a\xed\xa0\x80", "x", "", "?RULE_REF UTF-8" }, /* half of a pair */
	{ B, "a..b", "x", "", "?RULE_REF two dots" },
	{ B, "a~1", "x", "", "?RULE_REF" },
	{ B, "a^", "x", "", "?RULE_REF" },
	{ B, "a:b", "x", "", "?RULE_REF" },
	{ B, "a?", "x", "", "?RULE_REF" },
	{ B, "a*", "x", "", "?RULE_REF" },
	{ B, "a[b", "x", "", "?RULE_REF" },
	{ B, "a\\b", "x", "", "?RULE_REF" },
	{ B, "/a", "x", "", "?RULE_REF" },
	{ B, "a/", "x", "", "?RULE_REF" },
	{ B, "a//b", "x", "", "?RULE_REF" },
	{ B, ".a", "x", "", "?RULE_REF" },
	{ B, "a/.b", "x", "", "?RULE_REF" },
	{ B, "a.lock", "x", "", "?RULE_REF .lock" },
	{ B, "a.lock/b", "x", "", "?RULE_REF .lock" },
	{ B, "a.", "x", "", "?RULE_REF dot" },
	{ B, "@", "x", "", "?RULE_REF @" },
	{ T, "a@{1}", "x", "", "?RULE_REF @{" },
	{ T, "-v1", "x", "", "?RULE_REF dash" },
};

#define RELEASE "release-(?<major>\\d*)-(?<minor>\\d*)-(?<version>\\d*)"
#define THREE   "${major}.${minor}.${version}"

static const struct row expressions[] = {
	{ BX, RELEASE, THREE, "refs/heads/release-11-2-10", "11.2.10" },
	{ TX, RELEASE, THREE, "refs/tags/release-11-2-10", "11.2.10" },
	{ BX, RELEASE, THREE, "refs/tags/release-11-2-10", NO },
	{ BX, RELEASE, THREE, "refs/heads/release-11-2", NO },
	{ BX, RELEASE, THREE, "refs/heads/release-11-2-10-1", NO },
	{ BX, RELEASE, THREE, "refs/heads/release-11-2-10x", NO },
	{ BX, RELEASE, THREE, "refs/heads/xrelease-11-2-10", NO },
	{ BX, RELEASE, THREE, "refs/heads/x/release-11-2-10", NO },
	{ BX, RELEASE, THREE, "refs/heads/Release-11-2-10", NO },
	{ BX, RELEASE, THREE, "refs/heads/release-11-2-10\n", NO },
	{ BX, RELEASE, THREE, "refs/heads/release-00-01-02", "00.01.02" },
	{ BX, RELEASE, THREE, "refs/heads/release-1-2-", "1.2." },
	{ BX, RELEASE, THREE, "refs/heads/release-1--", "1.." },
	{ BX, RELEASE, THREE, "refs/heads/release--2-3", "!TAG_CHAR" },
	{ BX, RELEASE, THREE, "refs/heads/release---", "!TAG_CHAR" },
	{ BX, RELEASE, THREE, "refs/heads/release-\xef\xbc\x91-2-3", NO }, /* a wide 1 */
	{ BX, RELEASE, "${version}.${minor}.${major}", "refs/heads/release-11-2-10", "10.2.11" },
	{ BX, RELEASE, "v${major}${major}", "refs/heads/release-11-2-10", "v1111" },
	{ BX, RELEASE, "${major} ${major}.${minor} " THREE, "refs/heads/release-11-2-10", "11 11.2 11.2.10" },
	{ BX, RELEASE, "fixed", "refs/heads/release-1-2-3", "fixed" },
	{ BX, "release-(?<imageTag>\\w*)", "${imageTag}", "refs/heads/release-v1", "v1" },
	{ BX, "release-(?<imageTag>\\w*)", "${imageTag}", "refs/heads/release-1.2", NO },
	{ BX, "release-(?<imageTag>\\w*)", "${imageTag}", "refs/heads/release-1-2", NO },
	{ BX, "release-(?<imageTag>\\w*)", "${imageTag}", "refs/heads/release-", "!TAG_EMPTY" },
	{ BX, "release-(?<imageTag>\\w*)", "${imageTag}", "refs/heads/release-h\xc3\xa9", NO },
	{ BX, "(?<v>\\w+)", "${v}", "refs/heads/V1_x", "V1_x" },
	{ BX, "release-(?<imageTag>\\w*)", "${imageTag}-${GIT_PUSH_DATE:yyyyMMddHHmm}-${GIT_COMMIT_ID:30}",
	  "refs/heads/release-v1", "v1-202010151613-d4ef3dc3b77a011a5779eec7efdd45" },
	{ BX, "release-v*", "x", "refs/heads/release-v", "x" },
	{ BX, "release-v*", "x", "refs/heads/release-v1", NO }, /* no glob */
	{ BX, "build-platform-.*", "x", "refs/heads/build-platform-arm", "x" },
	{ BX, "build-platform-.*", "x", "refs/heads/build-platform-", "x" },
	{ TX, "v(?<imageTag>\\w*)", "${imageTag}", "refs/tags/v12", "12" },
	{ TX, "v(?<imageTag>.*)", "${imageTag}", "refs/tags/v1.2.3-rc.1", "1.2.3-rc.1" },
	{ TX, "v(?<imageTag>.*)", "${imageTag}", "refs/tags/v1.2+x", "!TAG_CHAR" },
	{ TX, "v(?<imageTag>.*)", "${imageTag}", "refs/heads/v1", NO },
	{ BX, "main", "x", "refs/heads/main", "x" },
	{ BX, "main", "x", "refs/heads/main2", NO },
	{ BX, "mai", "x", "refs/heads/main", NO },
	{ BX, "ain", "x", "refs/heads/main", NO },
	{ BX, "main|dev", "x", "refs/heads/main", "x" },
	{ BX, "main|dev", "x", "refs/heads/dev", "x" },
	{ BX, "main|dev", "x", "refs/heads/main2", NO }, /* both ends, also of an alternative */
	{ BX, "main|dev", "x", "refs/heads/xdev", NO },
	{ BX, "a|ab", "x", "refs/heads/ab", "x" }, /* the first would leave a rest */
	{ BX, "a+?", "x", "refs/heads/aaa", "x" },
	{ BX, "^main$", "x", "refs/heads/main", "x" },
	{ BX, "main$", "x", "refs/heads/main\n", NO },
	{ BX, "\\Amain\\z", "x", "refs/heads/main", "x" },
	{ BX, "(?m)main$", "x", "refs/heads/main\nx", NO },
	{ BX, "(?i)main", "x", "refs/heads/MaIn", "x" },
	{ BX, "(?i)\xc3\xa9", "x", "refs/heads/\xc3\x89", "x" },
	{ BX, "(?x) m a i n # all of it", "x", "refs/heads/main", "x" },
	{ BX, ".*", "x", "refs/heads/a/b/c", "x" },
	{ BX, "[^/]+", "x", "refs/heads/a/b", NO },
	{ BX, "feature/.+", "x", "refs/heads/feature/x", "x" },
	{ BX, "feature/.+", "x", "refs/heads/feature/", NO },
	{ BX, "(?!main).*", "x", "refs/heads/main", NO },
	{ BX, "(?!main$).*", "x", "refs/heads/main2", "x" },
	{ BX, "(?<n>a)\\k<n>", "${n}", "refs/heads/aa", "a" },
	{ BX, "(?<p>\\((?&p)*\\))", "x", "refs/heads/(()())", "x" },
	{ BX, ".", "x", "refs/heads/日", "x" }, /* a character, not a byte */
	{ BX, "..", "x", "refs/heads/日", NO },
	{ BX, "\\p{Han}+", "x", "refs/heads/日本", "x" },
	{ BX, "[日本]", "x", "refs/heads/本", "x" },
	{ BX, "\\x{1F680}", "x", "refs/heads/🚀", "x" },
	{ BX, ".*", "x", "refs/heads/a\xff", NO }, /* no text */
	{ BX, ".*", "x", "refs/heads/a\xed\xa0\x80", NO },
	{ BX, ".*", "x", "refs/heads/", NO },
	{ BX, "", "x", "refs/heads/x", "?RULE_REF" },
};

static const struct row groups[] = {
	{ BX, "(?P<n>.*)", "${n}", "refs/heads/x", "x" },
	{ BX, "(?'n'.*)", "${n}", "refs/heads/x", "x" },
	{ BX, "(?<n>a)(?<N>b)", "${n}-${N}", "refs/heads/ab", "a-b" }, /* two names */
	{ BX, "(?<n>.*)", "${N}", "", "?TAG_TEMPLATE no group N" },
	{ BX, "(?<_n1>.*)", "${_n1}", "refs/heads/x", "x" },
	{ BX, "(?<a>.)(?<ab>.)", "${ab}${a}", "refs/heads/xy", "yx" },
	{ BX, "(.*)", "${1}", "", "?TAG_TEMPLATE" }, /* numbers are no names */
	{ BX, "(?<a>x)|(?<b>y)", "${a}${b}", "refs/heads/x", "x" },
	{ BX, "(?<a>x)|(?<b>y)", "${a}${b}", "refs/heads/y", "y" },
	{ BX, "(?<a>x)|(?<b>y)", "${a}", "refs/heads/y", "!TAG_EMPTY" },
	{ BX, "(?<a>x)|(?<b>y)", "${a}-${b}", "refs/heads/x", "x-" },
	{ BX, "(?<a>x)|(?<b>y)", "${a}-${b}", "refs/heads/y", "!TAG_CHAR" },
	{ BX, "(?<a>x)?y(?<b>z)?", "t${a}${b}", "refs/heads/y", "t" },
	{ TX, "v(?<n>\\d+)(?:-(?<pre>rc\\d+))?", "${n}-${pre}", "refs/tags/v1-rc2", "1-rc2" },
	{ TX, "v(?<n>\\d+)(?:-(?<pre>rc\\d+))?", "${n}-${pre}", "refs/tags/v1", "1-" },
	{ TX, "v(?<n>\\d+)(?:-(?<pre>rc\\d+))?", "${n}${pre}", "refs/tags/v1", "1" },
	{ BX, "(?J)(?<n>a)|(?<n>b)", "${n}", "refs/heads/a", "a" },
	{ BX, "(?J)(?<n>a)|(?<n>b)", "${n}", "refs/heads/b", "b" },
	{ BX, "(?<n>a)*b", "t${n}", "refs/heads/aab", "ta" }, /* its last round */
	{ BX, "(?<n>.)+", "${n}", "refs/heads/abc", "c" },
	{ BX, "(?=(?<n>.*))abc", "${n}", "refs/heads/abc", "abc" },
	{ BX, "x-(?<branch>.*)", "${branch}", "refs/heads/x-y", "y" }, /* the own group is nearer */
	{ BX, "x-(?<n>.*)", "${n}-${branch}", "refs/heads/x-y", "y-x-y" },
	{ B, "main", "${branch}", "refs/heads/main", "main" },
	{ T, "v1", "${tag}", "refs/tags/v1", "v1" },
	{ B, "main", "${tag}", "", "?TAG_TEMPLATE no group tag" },
	{ T, "v1", "${branch}", "", "?TAG_TEMPLATE no group branch" },
	{ B, "main", "${n}", "", "?TAG_TEMPLATE no group n" },
	{ B, "a/b", "${branch}", "refs/heads/a/b", "!TAG_CHAR" },
	{ B, "a/b", "${branch:slug}", "refs/heads/a/b", "a-b" },
	{ B, "a/b", "${branch:SLUG}", "", "?TAG_TEMPLATE" },
	{ BX, ".*", "${branch:slug}", "refs/heads/Feature/Login_Page", "feature-login_page" },
	{ BX, ".*", "${branch:slug}", "refs/heads/a@#!b", "a-b" },
	{ BX, ".*", "${branch:slug}", "refs/heads/h\xc3\xa9llo", "h-llo" },
	{ BX, ".*", "${branch:slug}", "refs/heads/-a-", "a" },
	{ BX, ".*", "${branch:slug}", "refs/heads/日本", "!TAG_EMPTY" },
	{ BX, "(?<n>.*)", "${n:slug}", "refs/heads/A/B", "a-b" },
	{ BX, "(?<GIT_COMMIT_ID>.*)", "${GIT_COMMIT_ID}", "refs/heads/x", "d4ef3d" },
};

#define DAY    "${GIT_PUSH_DATE:yyyyMMdd}"
#define MINUTE "${GIT_PUSH_DATE:yyyyMMddHHmm}"

static const struct row parts[] = { /* of tags: version, time, commit */
	{ B, "m", DAY, "refs/heads/m", "20201015" },
	{ B, "m", MINUTE, "refs/heads/m", "202010151613" },
	{ B, "m", "${GIT_COMMIT_ID}", "refs/heads/m", "d4ef3d" },
	{ B, "m", "${GIT_COMMIT_ID:1}", "refs/heads/m", "d" },
	{ B, "m", "${GIT_COMMIT_ID:6}", "refs/heads/m", "d4ef3d" },
	{ B, "m", "${GIT_COMMIT_ID:7}", "refs/heads/m", "d4ef3dc" },
	{ B, "m", "${GIT_COMMIT_ID:39}", "refs/heads/m", "d4ef3dc3b77a011a5779eec7efdd4512ab34cd5" },
	{ B, "m", "${GIT_COMMIT_ID:40}", "refs/heads/m", COMMIT },
	{ B, "m", MINUTE "-${GIT_COMMIT_ID:6}", "refs/heads/m", "202010151613-d4ef3d" },
	{ B, "m", DAY "-${GIT_COMMIT_ID:1}", "refs/heads/m", "20201015-d" },
	{ B, "m", "v1-" DAY, "refs/heads/m", "v1-20201015" },
	{ B, "m", "v1-${GIT_COMMIT_ID:6}", "refs/heads/m", "v1-d4ef3d" },
	{ B, "m", "v1-" MINUTE "-${GIT_COMMIT_ID:3}", "refs/heads/m", "v1-202010151613-d4e" },
	{ B, "m", "a--${GIT_COMMIT_ID:3}", "refs/heads/m", "a--d4e" }, /* the first dash is the version's */
	{ B, "m", "latest " DAY " ${GIT_COMMIT_ID:3}", "refs/heads/m", "latest 20201015 d4e" },
	{ B, "m", "a a a", "refs/heads/m", "a" }, /* each once */
	{ B, "m", "a ${branch} m", "refs/heads/m", "a m" },
	{ B, "m", "B a c", "refs/heads/m", "B a c" }, /* in the order of the rule */
	{ BX, "r-(?<n>.*)", "${n}-" DAY, "refs/heads/r-", "20201015" }, /* no version, no dash */
	{ BX, "r-(?<n>.*)", "${n}-${GIT_COMMIT_ID:4}", "refs/heads/r-", "d4ef" },
	{ BX, "r-(?<n>.*)", "${n}-" DAY "-${GIT_COMMIT_ID:4}", "refs/heads/r-", "20201015-d4ef" },
	{ BX, "r-(?<n>.*)", "${n}-" DAY "-${GIT_COMMIT_ID:4}", "refs/heads/r-7", "7-20201015-d4ef" },
	{ BX, "r-(?<n>.*)", "ok ${n} x", "refs/heads/r-", "!TAG_EMPTY" }, /* one bad: none at all */
	{ BX, "r-(?<n>.*)", "x y ${n}", "refs/heads/r-a/b", "!TAG_CHAR" },
	{ B, "m", "${GIT_COMMIT_ID:0}", "", "?TAG_TEMPLATE offset 0" },
	{ B, "m", "${GIT_COMMIT_ID:41}", "", "?TAG_TEMPLATE 1 to 40" },
	{ B, "m", "${GIT_COMMIT_ID:06}", "", "?TAG_TEMPLATE 1 to 40" },
	{ B, "m", "${GIT_COMMIT_ID:-1}", "", "?TAG_TEMPLATE 1 to 40" },
	{ B, "m", "${GIT_COMMIT_ID:}", "", "?TAG_TEMPLATE 1 to 40" },
	{ B, "m", "${GIT_COMMIT_ID:x}", "", "?TAG_TEMPLATE 1 to 40" },
	{ B, "m", "${GIT_COMMIT_ID:18446744073709551617}", "", "?TAG_TEMPLATE 1 to 40" },
	{ B, "m", "${GIT_PUSH_DATE}", "", "?TAG_TEMPLATE" },
	{ B, "m", "${GIT_PUSH_DATE:yyyy}", "", "?TAG_TEMPLATE" },
	{ B, "m", "${GIT_PUSH_DATE:YYYYMMDD}", "", "?TAG_TEMPLATE" },
	{ B, "m", "${GIT_PUSH_DATE:yyyyMMddHHmmss}", "", "?TAG_TEMPLATE" },
	{ B, "m", "${GIT_BRANCH}", "", "?TAG_TEMPLATE GIT_" },
	{ B, "m", "${git_commit_id}", "", "?TAG_TEMPLATE no group" },
	{ B, "m", "${GIT_COMMIT_ID:6}-" DAY, "", "?TAG_TEMPLATE before the commit" },
	{ B, "m", DAY "-" DAY, "", "?TAG_TEMPLATE once" },
	{ B, "m", "${GIT_COMMIT_ID}-${GIT_COMMIT_ID}", "", "?TAG_TEMPLATE once" },
	{ B, "m", "v1${GIT_COMMIT_ID:6}", "", "?TAG_TEMPLATE offset 2" },
	{ B, "m", "v1_" DAY, "", "?TAG_TEMPLATE offset 3" },
	{ B, "m", "-" DAY, "", "?TAG_TEMPLATE offset 0" },
	{ B, "m", DAY "-x", "", "?TAG_TEMPLATE offset 25" },
	{ B, "m", DAY "-x-${GIT_COMMIT_ID}", "", "?TAG_TEMPLATE offset 25" },
	{ B, "m", "", "", "?TAG_TEMPLATE empty" },
	{ B, "m", "a${", "", "?TAG_TEMPLATE offset 1" },
	{ B, "m", "a$b", "", "?TAG_TEMPLATE offset 1" },
	{ B, "m", "a$", "", "?TAG_TEMPLATE offset 1" },
	{ B, "m", "${}", "", "?TAG_TEMPLATE offset 0" },
	{ B, "m", "${1a}", "", "?TAG_TEMPLATE offset 2" },
	{ B, "m", "x${a-b}", "", "?TAG_TEMPLATE offset 4" },
	{ B, "m", "${${n}}", "", "?TAG_TEMPLATE offset 2" },
	{ B, "m", "-a", "", "?TAG_CHAR offset 0" },
	{ B, "m", ".a", "", "?TAG_CHAR offset 0" },
	{ B, "m", "_a", "refs/heads/m", "_a" },
	{ B, "m", "a-", "refs/heads/m", "a-" },
	{ B, "m", "a/b", "", "?TAG_CHAR offset 1: /" },
	{ B, "m", "a:b", "", "?TAG_CHAR offset 1: :" },
	{ B, "m", "a\tb", "", "?TAG_CHAR offset 1: \\x09" },
	{ B, "m", "ab\xc3\xa9", "", "?TAG_CHAR offset 2: \xc3\xa9" },
	{ B, "m", "a\xff", "", "?TAG_TEMPLATE" },
	{ B, "m", "LaTeSt", "refs/heads/m", "LaTeSt" },
};

static const struct row dear_expressions[] = {
	{ BX, "(a|aa)+[bc]", "x", "refs/heads/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad", "!RULE_COST" },
	{ BX, "(x+x+)+[yz]", "x", "refs/heads/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "!RULE_COST" },
	{ BX, "(x+x+)+[yz]", "x", "refs/heads/xxy", "x" }, /* what is cheap is told */
	{ BX, "(*LIMIT_MATCH=4000000000)(x+x+)+[yz]", "x",
	  "refs/heads/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "!RULE_COST" },
	{ BX, "(?<a>(?&a)x|x)", "x", "refs/heads/xx", "!RULE_COST" },
	{ BX, "(?:(?:(?:a?){30}){30}){5}[bc]", "x", "refs/heads/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "!RULE_COST" },
	{ BX, "(?:.{200}){200}", "x", "refs/heads/a", NO },
	{ BX, "((((a{500}){500}){500}){500})", "x", "", "?RULE_REGEX offset" },
	{ BX, "a{65536}", "x", "", "?RULE_REGEX offset" },
	{ BX, "a\\C", "x", "", "?RULE_REGEX offset" },
	{ BX, "a(?C1)b", "x", "", "?RULE_REGEX offset" },
	{ BX, "a(?C'x')b", "x", "", "?RULE_REGEX callouts" },
	{ BX, "a(b", "x", "", "?RULE_REGEX offset 3" },
	{ BX, "ab)", "x", "", "?RULE_REGEX offset 2" },
	{ BX, "a[b", "x", "", "?RULE_REGEX offset 3" },
	{ BX, "a\\", "x", "", "?RULE_REGEX offset 2" },
	{ BX, "a[z-a]", "x", "", "?RULE_REGEX offset 4" },
	{ BX, "*a", "x", "", "?RULE_REGEX offset" },
	{ BX, "(?<n>a)(?<n>b)", "x", "", "?RULE_REGEX offset" },
	{ BX, "(?<1n>a)", "x", "", "?RULE_REGEX offset" },
	{ BX, "(?<n>a", "x", "", "?RULE_REGEX offset 6" },
	{ BX, "(?<a123456789012345678901234567890123>.)", "x", "", "?RULE_REGEX offset" },
	{ BX, "a{2,1}", "x", "", "?RULE_REGEX offset" },
	{ BX, "\\p{Nope}", "x", "", "?RULE_REGEX offset" },
	{ BX, "\\1", "x", "", "?RULE_REGEX offset" },
	{ BX, "(?&n)", "x", "", "?RULE_REGEX offset" },
	{ BX, "(?z)", "x", "", "?RULE_REGEX offset" },
	{ BX, "a\xff", "x", "", "?RULE_REGEX offset 1" },
	{ BX, "\\x{d800}", "x", "", "?RULE_REGEX offset" },
};

/* clang-format on */

TEST(plain_names_are_taken_as_they_are)
{
	check_rows(plain_names, ARRAY_LEN(plain_names));
}

TEST(names_that_git_would_refuse_are_refused)
{
	check_rows(refused_names, ARRAY_LEN(refused_names));
}

TEST(expressions_match_the_whole_name)
{
	check_rows(expressions, ARRAY_LEN(expressions));
}

TEST(groups_are_used_by_their_names)
{
	check_rows(groups, ARRAY_LEN(groups));
}

TEST(parts_of_tags_come_in_their_order)
{
	check_rows(parts, ARRAY_LEN(parts));
}

TEST(expressions_that_cost_too_much_or_are_none_are_refused)
{
	check_rows(dear_expressions, ARRAY_LEN(dear_expressions));
}

TEST(the_table_has_200_rows)
{
	EXPECT(ARRAY_LEN(plain_names) + ARRAY_LEN(refused_names) + ARRAY_LEN(expressions) +
		       ARRAY_LEN(groups) + ARRAY_LEN(parts) + ARRAY_LEN(dear_expressions) >=
	       200);
}

TEST(push_times_are_told_in_the_time_zone_of_the_server)
{
	static const struct {
		int64_t pushed_s;
		int offset_min;
		const char *day, *minute;
	} rows[] = {
		{ PUSHED, 480, "20201015", "202010151613" },
		{ PUSHED + 720, 480, "20201015", "202010151625" },
		{ PUSHED, 0, "20201015", "202010150813" },
		{ PUSHED, 330, "20201015", "202010151343" },  /* India */
		{ PUSHED, 345, "20201015", "202010151358" },  /* Nepal */
		{ PUSHED, -480, "20201015", "202010150013" }, /* California in winter */
		{ PUSHED, -540, "20201014", "202010142313" },
		{ PUSHED, -720, "20201014", "202010142013" },
		{ PUSHED, 840, "20201015", "202010152213" }, /* Kiribati */
		{ PUSHED + 7200, 840, "20201016", "202010160013" },
		{ PUSHED + 59, 480, "20201015", "202010151613" }, /* seconds are cut off */
		{ PUSHED + 60, 480, "20201015", "202010151614" },
		{ 1577808000, 480, "20200101", "202001010000" }, /* 2019-12-31T16:00Z */
		{ 1577807999, 480, "20191231", "201912312359" },
		{ 1577808000, 0, "20191231", "201912311600" },
		{ 1582905600, 480, "20200229", "202002290000" }, /* 2020-02-28T16:00Z */
		{ 1582992000, 480, "20200301", "202003010000" },
		{ 4107513600, 480, "21000301", "210003010000" }, /* 2100-02-28T16:00Z */
		{ 0, 480, "19700101", "197001010800" },
		{ 2147483648, 0, "20380119", "203801190314" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(1 << 20);
		struct pipeline_moment m = { rows[i].pushed_s * 1000000000 + 999999999,
					     rows[i].offset_min, COMMIT };
		const struct row row = { B, "m", DAY " " MINUTE, "refs/heads/m", NULL };
		own_mem char *want = mem_printf("%s %s", rows[i].day, rows[i].minute);
		EXPECT_STR(str_of(outcome(a, &row, &m)), want);
	}
}

TEST(commit_ids_of_every_length)
{
	static const char sha256[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	const char *ids[] = { COMMIT, sha256 };
	for (unsigned k = 0; k < ARRAY_LEN(ids); k++) {
		for (unsigned n = 1; n <= 40; n++) {
			own(arena) a = arena_open(1 << 20);
			struct pipeline_moment m = { PUSHED * 1000000000ll, 480, ids[k] };
			char tag[32];
			snprintf(tag, sizeof(tag), "${GIT_COMMIT_ID:%u}", n);
			const struct row row = { B, "m", tag, "refs/heads/m", NULL };
			own_mem char *want = mem_strndup(ids[k], n);
			EXPECT_STR(str_of(outcome(a, &row, &m)), want);
		}
	}
}

/* `n` times `c`, behind `head`. */
static char *long_text(const char *head, char c, size_t n)
{
	size_t at = strlen(head);
	char *s = mem_zalloc(at + n + 1);
	memcpy(s, head, at);
	memset(s + at, c, n);
	return s;
}

TEST(tags_have_at_most_128_characters)
{
	static const struct {
		const char *tags;
		size_t version;
		bool fits;
	} rows[] = {
		{ "${branch}", 128, true },
		{ "${branch}", 129, false },
		{ "${branch}-${GIT_COMMIT_ID:6}", 121, true },
		{ "${branch}-${GIT_COMMIT_ID:6}", 122, false },
		{ "${branch}-" MINUTE, 115, true },
		{ "${branch}-" MINUTE, 116, false },
		{ "${branch}-" DAY "-${GIT_COMMIT_ID:40}", 78, true },
		{ "${branch}-" DAY "-${GIT_COMMIT_ID:40}", 79, false },
		{ "x ${branch}", 1000, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(1 << 20);
		own_mem char *ref = long_text("refs/heads/", 'a', rows[i].version);
		const struct row row = { BX, ".*", rows[i].tags, ref, NULL };
		const char *got = outcome(a, &row, &moment);
		if (rows[i].fits)
			EXPECT(strlen(got) == 128);
		else
			EXPECT_STR(str_of(got), "!TAG_LONG");
	}
}

/* A character in `n` brackets. */
static char *brackets(size_t n)
{
	char *s = mem_zalloc(2 * n + 2);
	memset(s, '(', n);
	s[n] = 'a';
	memset(s + n + 1, ')', n);
	return s;
}

TEST(long_names_and_expressions_have_an_end)
{
	own(arena) a = arena_open(1 << 20);
	own_mem char *fits = long_text("refs/heads/", 'a', 1024),
		     *longer = long_text("refs/heads/", 'a', 1025),
		     *name = long_text("", 'a', 1025), *last = long_text("", 'a', 512),
		     *first = long_text("", 'a', 513), *version = long_text("", 'a', 513),
		     *nested = brackets(50), *deeper = brackets(51);
	const struct row rows[] = {
		{ BX, "a*", "x", fits, "x" },
		{ BX, "a*", "x", longer, NO },
		{ B, name, "x", "", "?RULE_REF too long" },
		{ BX, last, "x", "refs/heads/a", NO },
		{ BX, first, "x", "", "?RULE_REGEX offset 512" },
		{ BX, nested, "x", "refs/heads/a", "x" },
		{ BX, deeper, "x", "", "?RULE_REGEX nested" },
		{ B, "m", version, "", "?TAG_TEMPLATE too long" },
	};
	check_rows(rows, ARRAY_LEN(rows));
}
