#include "http/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/test.h"

static void expect_url(const char *text, const char *host, unsigned port, bool tls)
{
	done(http_url) u = { 0 };
	EXPECT_OK(http_url_parse(str_of(text), &u));
	EXPECT_STR(str_of(u.host), host);
	EXPECT(u.port == port);
	EXPECT(u.tls == tls);
}

TEST(url_is_read)
{
	expect_url("http://a", "a", 80, false);
	expect_url("https://A.example/x?y=z", "a.example", 443, true);
	expect_url("http://127.0.0.1:5000/v2/", "127.0.0.1", 5000, false);
	expect_url("https://[::1]:8443/", "[::1]", 8443, true);
}

static void expect_bad(const char *text)
{
	struct http_url u = { 0 };
	struct err *e = http_url_parse(str_of(text), &u);
	if (!e)
		print_error("%s\n", u.text);
	http_url_done(&u);
	EXPECT_ERR(e, ERR_INVALID, NULL);
}

TEST(url_refuses_what_is_not_plain_http)
{
	expect_bad("");
	expect_bad("/v2/");
	expect_bad("ftp://a/");
	expect_bad("file:///etc/passwd");
	expect_bad("gopher://127.0.0.1:25/");
	expect_bad("http://user:pw@a/");
	expect_bad("http://user@a/");
	expect_bad("http://a:0/");
	expect_bad("http://a:65536/");
	expect_bad("http://a b/");
	expect_bad("http://[fe80::1%25eth0]/");
	expect_bad("http://\xc3\xa4/");
	expect_bad("http://a\r\nX: y/");
	struct http_url u;
	EXPECT_ERR(http_url_parse(str_n("http://a\0b", 10), &u), ERR_INVALID, NULL);
	own_mem char *lengthy = mem_zalloc(LIMIT_URL_BYTES + 2);
	memset(lengthy, 'a', LIMIT_URL_BYTES + 1);
	memcpy(lengthy, "http://a/", 9);
	EXPECT_ERR(http_url_parse(str_of(lengthy), &u), ERR_LIMIT, NULL);
}

static void expect_resolved(const char *base, const char *location, const char *want)
{
	done(http_url) b = { 0 }, u = { 0 };
	EXPECT_OK(http_url_parse(str_of(base), &b));
	EXPECT_OK(http_url_resolve(&b, str_of(location), &u));
	EXPECT_STR(str_of(u.text), want);
}

TEST(url_resolves_locations)
{
	expect_resolved("https://a/v2/x/blobs", "/v2/y?z=1", "https://a/v2/y?z=1");
	expect_resolved("https://a:1/v2/x/blobs", "next", "https://a:1/v2/x/next");
	expect_resolved("https://a/v2/", "http://b:5/c#d", "http://b:5/c");
	expect_resolved("https://a/v2/", "//b/c", "https://b/c");
}

TEST(url_origin_is_scheme_host_and_port)
{
	done(http_url) a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	EXPECT_OK(http_url_parse(STR("https://h/x"), &a));
	EXPECT_OK(http_url_parse(STR("https://H:443/y"), &b));
	EXPECT_OK(http_url_parse(STR("https://h:444/x"), &c));
	EXPECT_OK(http_url_parse(STR("http://h:443/x"), &d));
	EXPECT(http_url_same_origin(&a, &b));
	EXPECT(!http_url_same_origin(&a, &c));
	EXPECT(!http_url_same_origin(&a, &d));
}

TEST(url_knows_loopback)
{
	static const char *const loopback[] = {
		"localhost",  "LOCALHOST:5000",     "x.localhost", "127.0.0.1", "127.9.9.9:80",
		"[::1]:5000", "[::ffff:127.0.0.1]", "127.1",       "2130706433"
	};
	static const char *const other[] = { "",
					     "a",
					     "localhost.example",
					     "127.0.0.1.nip.io",
					     "128.0.0.1",
					     "[2001:db8::1]",
					     "notlocalhost" };
	static const char *const local[] = { "169.254.169.254", "[fe80::1]", "0.0.0.0", "[::]:80" };
	for (size_t i = 0; i < ARRAY_LEN(loopback); i++)
		EXPECT(http_host_is_loopback(str_of(loopback[i])));
	for (size_t i = 0; i < ARRAY_LEN(other); i++)
		EXPECT(!http_host_is_local(str_of(other[i])));
	for (size_t i = 0; i < ARRAY_LEN(local); i++) {
		EXPECT(!http_host_is_loopback(str_of(local[i])));
		EXPECT(http_host_is_local(str_of(local[i])));
	}
}

static enum http_reach reach4(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	EXPECT(inet_pton(AF_INET, text, &a.sin_addr) == 1);
	return http_address_reach((struct sockaddr *)&a);
}

static enum http_reach reach6(const char *text)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	EXPECT(inet_pton(AF_INET6, text, &a.sin6_addr) == 1);
	return http_address_reach((struct sockaddr *)&a);
}

TEST(url_addresses_of_sockets)
{
	EXPECT(reach4("127.0.0.1") == HTTP_REACH_LOOPBACK);
	EXPECT(reach4("169.254.169.254") == HTTP_REACH_LINK);
	EXPECT(reach4("0.0.0.0") == HTTP_REACH_LINK);
	EXPECT(reach4("10.1.2.3") == HTTP_REACH_PRIVATE);
	EXPECT(reach4("192.168.0.1") == HTTP_REACH_PRIVATE);
	EXPECT(reach6("::1") == HTTP_REACH_LOOPBACK);
	EXPECT(reach6("::ffff:127.0.0.1") == HTTP_REACH_LOOPBACK);
	EXPECT(reach6("64:ff9b::127.0.0.1") == HTTP_REACH_LOOPBACK);
	EXPECT(reach6("fe80::1") == HTTP_REACH_LINK);
	EXPECT(reach6("febf::1") == HTTP_REACH_LINK);
	EXPECT(reach6("::ffff:169.254.1.1") == HTTP_REACH_LINK);
	EXPECT(reach6("::") == HTTP_REACH_LINK);
	EXPECT(reach6("::ffff:169.0.0.1") == HTTP_REACH_ALL);
	EXPECT(reach6("fd00::1") == HTTP_REACH_PRIVATE);
	EXPECT(reach6("2001:db8::1") == HTTP_REACH_PRIVATE);
	EXPECT(reach6("2002:a00:1::") == HTTP_REACH_PRIVATE); /* 10.0.0.1 by 6to4 */
	EXPECT(reach6("64:ff9b::10.0.0.1") == HTTP_REACH_PRIVATE);
	EXPECT(reach6("2606:4700::1") == HTTP_REACH_ALL);
}

TEST(url_query_is_encoded)
{
	struct buf b;
	buf_init(&b, 1000);
	buf_add(&b, STR("https://a/token"));
	http_url_add_query(&b, "scope", STR("repository:a/b:pull,push"));
	http_url_add_query(&b, "service", STR("a b&c=d\xff"));
	EXPECT_STR(buf_str(&b),
		   "https://a/token?scope=repository:a/b:pull,push&service=a%20b%26c%3Dd%FF");
	buf_done(&b);
}
