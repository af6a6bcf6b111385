/* What may come near git's command line: addresses, refs, commits, paths; and which hosts may be
 * asked. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/test.h"
#include "source/git_priv.h"

/* ---- addresses of repositories ---- */

TEST(addresses_that_are_taken)
{
	static const struct {
		const char *text;
		enum source_scheme scheme;
		const char *user, *host;
		uint16_t port;
		const char *path, *normal; /* normal: NULL when it is `text` */
	} rows[] = {
		{ "https://example.org/a", SOURCE_HTTPS, "", "example.org", 443, "/a", NULL },
		{ "https://example.org/a/b.git", SOURCE_HTTPS, "", "example.org", 443, "/a/b.git",
		  NULL },
		{ "HTTPS://Example.ORG/A/b.git", SOURCE_HTTPS, "", "example.org", 443, "/A/b.git",
		  "https://example.org/A/b.git" },
		{ "https://example.org:443/a", SOURCE_HTTPS, "", "example.org", 443, "/a",
		  "https://example.org/a" },
		{ "https://example.org:8443/a", SOURCE_HTTPS, "", "example.org", 8443, "/a", NULL },
		{ "https://example.org:65535/a", SOURCE_HTTPS, "", "example.org", 65535, "/a",
		  NULL },
		{ "http://example.org/a", SOURCE_HTTP, "", "example.org", 80, "/a", NULL },
		{ "http://example.org:1/a", SOURCE_HTTP, "", "example.org", 1, "/a", NULL },
		{ "http://example.org:443/a", SOURCE_HTTP, "", "example.org", 443, "/a", NULL },
		{ "https://192.0.2.7/a", SOURCE_HTTPS, "", "192.0.2.7", 443, "/a", NULL },
		{ "https://[2001:DB8::1]/a", SOURCE_HTTPS, "", "[2001:db8::1]", 443, "/a",
		  "https://[2001:db8::1]/a" },
		{ "https://[::1]:8080/a", SOURCE_HTTPS, "", "[::1]", 8080, "/a", NULL },
		{ "https://a-b_c.example/~x/%41+b=c,d:e@f!", SOURCE_HTTPS, "", "a-b_c.example", 443,
		  "/~x/%41+b=c,d:e@f!", NULL },
		{ "https://example.org/日本.git", SOURCE_HTTPS, "", "example.org", 443, "/日本.git",
		  NULL },
		{ "https://example.org//a", SOURCE_HTTPS, "", "example.org", 443, "//a", NULL },
		{ "ssh://git@example.org/a.git", SOURCE_SSH, "git", "example.org", 22, "/a.git",
		  NULL },
		{ "ssh://example.org/a.git", SOURCE_SSH, "", "example.org", 22, "/a.git", NULL },
		{ "ssh://git@example.org:22/a", SOURCE_SSH, "git", "example.org", 22, "/a",
		  "ssh://git@example.org/a" },
		{ "ssh://git@example.org:2222/a", SOURCE_SSH, "git", "example.org", 2222, "/a",
		  NULL },
		{ "ssh://a.b_c-d@[::1]:2222/a", SOURCE_SSH, "a.b_c-d", "[::1]", 2222, "/a", NULL },
		{ "git@example.org:a/b.git", SOURCE_SSH, "git", "example.org", 22, "a/b.git",
		  NULL },
		{ "git@Example.org:a/b.git", SOURCE_SSH, "git", "example.org", 22, "a/b.git",
		  "git@example.org:a/b.git" },
		{ "git@example.org:/srv/b.git", SOURCE_SSH, "git", "example.org", 22, "/srv/b.git",
		  NULL },
		{ "git@example.org:a", SOURCE_SSH, "git", "example.org", 22, "a", NULL },
		{ "git@example.org:22/b", SOURCE_SSH, "git", "example.org", 22, "22/b", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct source_url u;
		EXPECT_OK(source_url_parse(str_of(rows[i].text), &u));
		EXPECT(u.scheme == rows[i].scheme && u.port == rows[i].port);
		EXPECT_STR(str_of(u.user), rows[i].user);
		EXPECT_STR(str_of(u.host), rows[i].host);
		EXPECT_STR(str_of(u.path), rows[i].path);
		EXPECT_STR(str_of(u.text), rows[i].normal ? rows[i].normal : rows[i].text);
	}
}

static void expect_refused(struct str text)
{
	struct source_url u;
	own(err) e = source_url_parse(text, &u);
	if (!e)
		print_error("\"" STR_FMT "\" was taken\n", STR_ARG(text));
	EXPECT(e && e->kind == ERR_INVALID);
	EXPECT_STR(str_of(err_code(e)), "SOURCE_URL");
	EXPECT(strstr(err_remedy(e), "https://HOST/PATH"));
	/* What is refused may hold a password, so it is not repeated. */
	own_mem char *said = err_text(e);
	EXPECT(!strstr(said, "s3cret"));
}

TEST(addresses_that_are_refused)
{
	static const char *const rows[] = {
		/* other transports, and this machine's files (CVE-2022-39253, CVE-2023-22490,
		 * CVE-2024-32004, CVE-2024-32020, CVE-2024-32021, CVE-2024-32465) */
		"file:///etc",
		"FILE:///etc",
		"file://localhost/etc",
		"/etc",
		"/",
		"./x",
		"../x",
		"x",
		"~/x",
		"C:\\x",
		"git://example.org/a",
		"ftp://example.org/a",
		"ftps://example.org/a",
		"rsync://example.org/a",
		"git+ssh://git@example.org/a",
		"ssh+git://git@example.org/a",
		"svn://example.org/a",
		"unix:///run/x",
		"gopher://example.org/a",
		"data:,x",
		"https:example.org/a",
		"https:/example.org/a",
		"https//example.org/a",
		"://example.org/a",
		"//example.org/a",
		"example.org/a",
		"example.org:a",
		"http",
		"https://",
		/* helpers */
		"ext::sh -c id",
		"ext::sh",
		"EXT::x",
		"fd::17",
		"testgit::x",
		"https::https://example.org/a",
		"a@ext::sh",
		"git@example.org::a",
		/* options (CVE-2018-17456, CVE-2019-13139) */
		"-",
		"--upload-pack=id",
		"-u./x",
		"-oProxyCommand=id@example.org:a",
		"ssh://-oProxyCommand=id/a",
		"ssh://-x@example.org/a",
		"-x@example.org:a",
		"git@-x:a",
		"git@example.org:-x",
		"ssh://git@-x/a",
		"https://-x/a",
		"https://example.org/-x",
		"https://example.org/a/--upload-pack=x",
		"git@example.org:a/-x",
		/* credentials */
		"https://u:s3cret@example.org/a",
		"https://u@example.org/a",
		"http://:s3cret@example.org/a",
		"https://@example.org/a",
		"ssh://git:s3cret@example.org/a",
		"git:s3cret@example.org:a",
		"https://example.org@evil.example/a",
		"https://example.org:443@evil.example/a",
		/* escapes and line ends in prompts and helpers (CVE-2024-50349, CVE-2024-52006) */
		"https://example.org%0d/a",
		"https://example.org%1b[31m/a",
		"https://%0a/a",
		"ssh://g%0dit@example.org/a",
		"https://example.org/a\n",
		"https://example.org/a\r",
		"https://example.org\r\n/a",
		"https://exam\tple.org/a",
		"https://example.org/a b",
		"https://example.org/a\x1b[31m",
		"https://example.org/a\x7f",
		"\x01https://example.org/a",
		" https://example.org/a",
		"\nhttps://example.org/a",
		"git@example.org:a\n",
		"git@exam\nple.org:a",
		/* shells, queries, fragments */
		"https://example.org/$(id)",
		"https://example.org/`id`",
		"https://example.org/a;id",
		"https://example.org/a|id",
		"https://example.org/a&id",
		"https://example.org/a>x",
		"https://example.org/'a'",
		"https://example.org/\"a\"",
		"git@example.org:a;id",
		"git@example.org:'a'",
		"ssh://git@example.org/a'b",
		"https://example.org/a\\b",
		"https://example.org/a?x=1",
		"https://example.org/a#main",
		"https://example.org/{a,b}",
		"https://example.org/*",
		"https://exa$mple.org/a",
		"https://exa;mple.org/a",
		/* paths */
		"https://example.org",
		"https://example.org/",
		"https://example.org/..",
		"https://example.org/a/../b",
		"https://example.org/a/..",
		"git@example.org:..",
		"git@example.org:../x",
		"git@example.org:",
		"ssh://git@example.org",
		/* hosts and ports */
		"https:///a",
		"https://:443/a",
		"https://.example.org/a",
		"https://exam ple.org/a",
		"https://example.org:0/a",
		"https://example.org:65536/a",
		"https://example.org:99999999999/a",
		"https://example.org:/a",
		"https://example.org:x/a",
		"https://example.org:-1/a",
		"https://example.org:+1/a",
		"https://example.org: 1/a",
		"https://example.org:1:2/a",
		"https://[::1/a",
		"https://::1/a",
		"https://[]/a",
		"https://[::1]x/a",
		"https://[::1%25eth0]/a",
		"https://[::1]:/a",
		"https://h\xc3\xb6st.example/a",
		"ssh://@example.org/a",
		"@example.org:a",
		"git@:a",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_refused(str_of(rows[i]));
	expect_refused(STR(""));
	expect_refused(STR("https://example.org/a\0b"));
	expect_refused(STR("\0"));
}

TEST(long_addresses_are_refused)
{
	/* CVE-2023-29007: long addresses of submodules */
	char text[2000];
	static const char *const heads[] = { "https://example.org/", "git@example.org:", "https://",
					     "ssh://", "" };
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		for (size_t n = 1100; n < sizeof(text); n += 99) {
			memset(text, 'a', n);
			memcpy(text, heads[i], strlen(heads[i]));
			expect_refused(str_n(text, n));
		}
	}
	struct source_url u;
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://example.org/", 20);
	EXPECT_OK(source_url_parse(str_n(text, 1000), &u));
	EXPECT(strlen(u.text) == 1000);
}

/* ---- refs, commits, paths ---- */

TEST(refs_that_are_taken)
{
	static const char *const rows[] = {
		"refs/heads/main", "refs/heads/a/b", "refs/tags/v1.0",
		"refs/heads/日本", "refs/heads/a@b", "refs/heads/a{b}"
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		EXPECT(source_ref_ok(str_of(rows[i])));
}

TEST(refs_that_are_refused)
{
	static const char *const rows[] = {
		"",
		"main",
		"HEAD",
		"refs/heads/",
		"refs/tags/",
		"refs/heads",
		"refs/remotes/origin/x",
		"refs/pull/1/head",
		"refs/kiln/keep/x",
		"-x",
		"--upload-pack=id",
		"refs/heads/a b",
		"refs/heads/a\n",
		"refs/heads/a\x7f",
		"refs/heads/a..b",
		"refs/heads/a~1",
		"refs/heads/a^",
		"refs/heads/a:b",
		"refs/heads/a?",
		"refs/heads/a*",
		"refs/heads/a[",
		"refs/heads/a\\b",
		"refs/heads/a@{1}",
		"refs/heads/a.lock",
		"refs/heads/a.lock/b",
		"refs/heads/.a",
		"refs/heads/a/.b",
		"refs/heads/a.",
		"refs/heads//a",
		"refs/heads/a/",
		"refs/heads/../x",
		"+refs/heads/a",
		":refs/heads/a",
		"refs/heads/a:refs/heads/b",
		" refs/heads/a",
		"REFS/HEADS/a",
		"ref: refs/heads/a",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		EXPECT(!source_ref_ok(str_of(rows[i])));
	EXPECT(!source_ref_ok(STR("refs/heads/a\0b")));
}

TEST(commits)
{
	static const char all[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0";
	for (size_t n = 0; n <= 65; n++)
		EXPECT(source_commit_ok(str_n(all, n)) == (n == 40 || n == 64));
	EXPECT(!source_commit_ok(STR("0123456789ABCDEF0123456789abcdef01234567")));
	EXPECT(!source_commit_ok(STR("-123456789abcdef0123456789abcdef01234567")));
	EXPECT(!source_commit_ok(STR("0123456789abcdef0123456789abcdef0123456\n")));
	EXPECT(!source_commit_ok(STR("0123456789abcdef0123456789abcdef012345g7")));
}

TEST(paths_in_a_repository)
{
	static const struct {
		const char *path, *clean; /* NULL: refused */
	} rows[] = {
		{ "", "" },        { "/", "" },           { ".", "" },
		{ "./", "" },      { "a", "a" },          { "/a/b/", "a/b" },
		{ "a//b", "a/b" }, { "./a/./b", "a/b" },  { "a/...", "a/..." },
		{ "..a", "..a" },  { "-x", "-x" },        { "..", NULL },
		{ "../a", NULL },  { "a/..", NULL },      { "a/../b", NULL },
		{ "/..", NULL },   { "a/../../b", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own_mem char *clean = NULL;
		struct err *e = source_path_clean(str_of(rows[i].path), &clean);
		if (rows[i].clean) {
			EXPECT_OK(e);
			EXPECT_STR(str_of(clean), rows[i].clean);
		} else {
			EXPECT_ERR(e, ERR_INVALID, "leaves the repository");
		}
	}
	own_mem char *clean = NULL;
	EXPECT_ERR(source_path_clean(STR("a\0b"), &clean), ERR_INVALID, "NUL");
}

/* ---- which hosts ---- */

static bool is_closed(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return git_address_is_closed((struct sockaddr *)&v4);
	EXPECT(inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
	return git_address_is_closed((struct sockaddr *)&v6);
}

TEST(closed_addresses)
{
	static const char *const rows[] = {
		"0.0.0.0",
		"0.1.2.3",
		"10.0.0.1",
		"10.255.255.255",
		"100.64.0.1",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.255.254",
		"169.254.0.1",
		"169.254.169.254",
		"172.16.0.1",
		"172.31.255.255",
		"192.0.0.8",
		"192.0.2.1",
		"192.168.0.1",
		"192.168.255.255",
		"198.18.0.1",
		"198.19.255.255",
		"198.51.100.1",
		"203.0.113.1",
		"224.0.0.1",
		"239.255.255.255",
		"240.0.0.1",
		"255.255.255.255",
		"100.100.100.200", /* Alibaba's metadata */
		"::",
		"::1",
		"::7f00:1",
		"::a9fe:a9fe",
		"::ffff:127.0.0.1",
		"::ffff:10.0.0.1",
		"::ffff:169.254.169.254",
		"::ffff:0:127.0.0.1",
		"::ffff:0:10.0.0.1",
		"64:ff9b::127.0.0.1",
		"64:ff9b::10.0.0.1",
		"64:ff9b::169.254.169.254",
		"64:ff9b:1::10.0.0.1",
		"64:ff9b:1:2:3::1",
		"2002:7f00:1::",
		"2002:a00:1::1",
		"2002:a9fe:a9fe::",
		"2002:c0a8:1::",
		"fc00::1",
		"fd00::1",
		"fd00:ec2::254",
		"fdff:ffff::1",
		"fe80::1",
		"febf::1",
		"fec0::1",
		"ff02::1",
		"ff0e::1",
		"2001:db8::1",
		"2001:0:7f00:1::",
		"100::1",
		"2001:1ff::1",
		"3fff::1",
		"5f00::1",
		"4000::1",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!is_closed(rows[i]))
			print_error("%s is open\n", rows[i]);
		EXPECT(is_closed(rows[i]));
	}
}

TEST(open_addresses)
{
	static const char *const rows[] = {
		"1.1.1.1",        "9.255.255.255",   "11.0.0.0",     "100.63.255.255",
		"100.128.0.0",    "126.255.255.255", "128.0.0.1",    "169.253.255.255",
		"169.255.0.0",    "172.15.255.255",  "172.32.0.0",   "192.0.1.1",
		"192.0.3.1",      "192.167.255.255", "192.169.0.0",  "198.17.255.255",
		"198.20.0.0",     "198.51.101.1",    "203.0.112.1",  "223.255.255.255",
		"::ffff:1.1.1.1", "2002:101:101::",  "2606:4700::1", "2a00::1",
		"2001:4860::1",   "2001:db7::1",     "2001:db9::1",  "2001:200::1",
		"3fff:1000::1",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (is_closed(rows[i]))
			print_error("%s is closed\n", rows[i]);
		EXPECT(!is_closed(rows[i]));
	}
}

/* Every way to write an address of this machine that the resolver knows. */
TEST(closed_hosts_however_they_are_written)
{
	static const char *const rows[] = {
		"http://127.0.0.1/a",
		"http://127.1/a",
		"http://0/a",
		"http://0.0.0.0/a",
		"http://0177.0.0.1/a",
		"http://0x7f.1/a",
		"http://2130706433/a",
		"http://0x7f000001/a",
		"http://localhost/a",
		"http://LOCALHOST/a",
		"http://[::1]/a",
		"http://[::]/a",
		"http://[::ffff:127.0.0.1]/a",
		"http://[::ffff:7f00:1]/a",
		"https://169.254.169.254/a",
		"https://2852039166/a",
		"https://[fe80::1]/a",
		"https://[fd00:ec2::254]/a",
		"ssh://git@127.0.0.1/a",
		"git@10.0.0.1:a/b",
		"ssh://git@[64:ff9b::7f00:1]/a",
		"https://100.100.100.200/a",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct source_url u;
		struct git_address at;
		EXPECT_OK(source_url_parse(str_of(rows[i]), &u));
		own(err) e = git_address_find(&u, false, &at);
		own_mem char *text = e ? err_text(e) : mem_strdup("no error");
		if (!e || e->kind != ERR_DENIED)
			print_error("%s: %s\n", rows[i], text);
		EXPECT(e && e->kind == ERR_DENIED);
		EXPECT_STR(str_of(err_code(e)), "SRC_ADDRESS");
		EXPECT(strstr(err_remedy(e), "allow private addresses"));
		EXPECT_OK(git_address_find(&u, true, &at));
	}
}

TEST(an_open_host_is_held_to_its_address)
{
	struct source_url u;
	struct git_address at;
	EXPECT_OK(source_url_parse(STR("https://1.1.1.1/a"), &u));
	EXPECT_OK(git_address_find(&u, false, &at));
	EXPECT_STR(str_of(at.text), "1.1.1.1");
	EXPECT_OK(source_url_parse(STR("https://[2606:4700::1]/a"), &u));
	EXPECT_OK(git_address_find(&u, false, &at));
	EXPECT_STR(str_of(at.text), "2606:4700::1");
	EXPECT_OK(source_url_parse(STR("https://nowhere.invalid/a"), &u));
	own(err) e = git_address_find(&u, false, &at);
	EXPECT_STR(str_of(e ? err_code(e) : ""), "SRC_UNREACHABLE");
}
