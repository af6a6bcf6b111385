#include "http/forwarded.h"

#include "base/test.h"

static struct http_address address(const char *text)
{
	struct http_address a = { 0 };
	if (!http_address_parse(str_of(text), &a))
		fail_msg("%s", text);
	return a;
}

TEST(addresses_are_literals_only)
{
	static const struct {
		const char *text, *shown; /* NULL: none */
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "2001:DB8:0::1", "2001:db8::1" },
		{ "::", "::" },
		{ "", NULL },
		{ "localhost", NULL },
		{ "192.0.2", NULL },
		{ "192.0.2.01", NULL },
		{ "0x7f.1", NULL },
		{ "192.0.2.1 ", NULL },
		{ "[::1]", NULL },
		{ "fe80::1%eth0", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL },
		{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_address a;
		bool ok = http_address_parse(str_of(rows[i].text), &a);
		if (ok != (rows[i].shown != NULL))
			fail_msg("%s", rows[i].text);
		if (ok)
			EXPECT_STR(str_of(http_address_text(&a).s), rows[i].shown);
	}
	struct http_address a;
	EXPECT(!http_address_parse(str_n("::1\0", 4), &a));
}

TEST(networks_are_read)
{
	static const struct {
		const char *text;
		unsigned bits; /* 999: wrong */
	} rows[] = {
		{ "10.0.0.0/8", 104 },
		{ "10.0.0.1", 128 },
		{ "0.0.0.0/0", 96 },
		{ "2001:db8::/32", 32 },
		{ "::/0", 0 },
		{ "::1", 128 },
		{ "::ffff:10.0.0.0/104", 104 },
		{ "10.0.0.0/33", 999 },
		{ "::/129", 999 },
		{ "10.0.0.0/", 999 },
		{ "10.0.0.0/-1", 999 },
		{ "10.0.0.0/8/8", 999 },
		{ "/8", 999 },
		{ "", 999 },
		{ "proxy.example", 999 },
		{ "10.0.0.0/8 ", 999 },
		{ "10.0.0.0/255.0.0.0", 999 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_network n = { .bits = 999 };
		struct err *e = http_network_parse(str_of(rows[i].text), &n);
		if (n.bits != rows[i].bits || !e == (rows[i].bits == 999))
			fail_msg("%s: %u", rows[i].text, n.bits);
		err_free(e);
	}
}

/* Trusted are 10.0.0.0/8, 172.16.0.0/12 and fd00::/9. */
static void expect_client(const char *peer_text, const char *x, const char *f, const char *want)
{
	struct http_network trusted[3];
	struct http_address peer = address(peer_text);
	EXPECT_OK(http_network_parse(STR("10.0.0.0/8"), &trusted[0]));
	EXPECT_OK(http_network_parse(STR("172.16.0.0/12"), &trusted[1]));
	EXPECT_OK(http_network_parse(STR("fd00::/9"), &trusted[2]));
	struct http_address c = http_forwarded_client(trusted, 3, &peer, str_of(x), str_of(f));
	if (strcmp(http_address_text(&c).s, want) != 0)
		fail_msg("%s | %s | %s: %s", peer_text, x ? x : "", f ? f : "",
			 http_address_text(&c).s);
}

TEST(who_is_not_trusted_tells_nothing)
{
	expect_client("198.51.100.1", "203.0.113.9", NULL, "198.51.100.1");
	expect_client("198.51.100.1", NULL, "for=203.0.113.9", "198.51.100.1");
	expect_client("198.51.100.1", "10.0.0.1", NULL, "198.51.100.1");
	expect_client("172.15.255.255", "203.0.113.9", NULL, "172.15.255.255");
	expect_client("172.32.0.0", "203.0.113.9", NULL, "172.32.0.0");
	expect_client("fd80::1", "203.0.113.9", NULL, "fd80::1");
	struct http_address peer = address("127.0.0.1");
	struct http_address c = http_forwarded_client(NULL, 0, &peer, STR("203.0.113.9"), STR(""));
	EXPECT_STR(str_of(http_address_text(&c).s), "127.0.0.1"); /* the default: nobody is */
}

TEST(the_last_untrusted_address_is_the_client)
{
	static const struct {
		const char *x, *client;
	} rows[] = {
		{ NULL, "10.0.0.1" },
		{ "", "10.0.0.1" },
		{ " ", "10.0.0.1" },
		{ "203.0.113.9", "203.0.113.9" },
		{ "  203.0.113.9\t", "203.0.113.9" },
		{ "203.0.113.9:4711", "203.0.113.9" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "[2001:db8::1]:443", "2001:db8::1" },
		{ "::ffff:203.0.113.9", "203.0.113.9" },
		{ "203.0.113.9, 10.0.0.2", "203.0.113.9" },
		{ "203.0.113.9,172.31.0.1,fd00::2, 10.9.9.9", "203.0.113.9" },
		{ "203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9" },
		/* what the client made up */
		{ "1.1.1.1, 203.0.113.9", "203.0.113.9" },
		{ "10.0.0.7, 203.0.113.9, 10.0.0.2", "203.0.113.9" },
		{ "unknown, <script>, 203.0.113.9", "203.0.113.9" },
		{ "\", 203.0.113.9", "203.0.113.9" },
		/* all of them proxies: the first */
		{ "10.0.0.3, 10.0.0.2", "10.0.0.3" },
		/* what is none: the last that is known counts */
		{ "unknown", "10.0.0.1" },
		{ "203.0.113.9, unknown", "10.0.0.1" },
		{ "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2" },
		{ "203.0.113.9,", "10.0.0.1" },
		{ "203.0.113.9, ,10.0.0.2", "10.0.0.2" },
		{ "203.0.113.9 198.51.100.1", "10.0.0.1" },
		{ "203.0.113.9:", "10.0.0.1" },
		{ "203.0.113.9:80:80", "10.0.0.1" },
		{ "[203.0.113.9]", "10.0.0.1" },
		{ "[2001:db8::1", "10.0.0.1" },
		{ "[2001:db8::1]443", "10.0.0.1" },
		{ "[]", "10.0.0.1" },
		{ "[", "10.0.0.1" },
		{ ":", "10.0.0.1" },
		{ "203.0.113.256", "10.0.0.1" },
		{ ",,,,", "10.0.0.1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_client("10.0.0.1", rows[i].x, NULL, rows[i].client);
	expect_client("fd00::1", "203.0.113.9", NULL, "203.0.113.9");
	expect_client("::ffff:10.0.0.1", "203.0.113.9", NULL, "203.0.113.9");
}

TEST(the_header_forwarded_does_as_well)
{
	static const struct {
		const char *f, *client;
	} rows[] = {
		{ "for=203.0.113.9", "203.0.113.9" },
		{ "For=\"203.0.113.9\"", "203.0.113.9" },
		{ "for=\"203.0.113.9:4711\"", "203.0.113.9" },
		{ "for=\"203.0.113.9:_port\"", "203.0.113.9" },
		{ "for=\"[2001:db8::1]\"", "2001:db8::1" },
		{ "proto=https;for=\"[2001:db8::1]:80\";by=10.0.0.1", "2001:db8::1" },
		{ "by=1.1.1.1; for=203.0.113.9 ; host=x", "203.0.113.9" },
		{ "for=1.1.1.1, for=203.0.113.9, for=10.0.0.2", "203.0.113.9" },
		{ "for=1.1.1.1;host=\"a,for=2.2.2.2\", for=203.0.113.9", "203.0.113.9" },
		{ "for=203.0.113.9;host=\"a\\\",for=2.2.2.2\"", "203.0.113.9" },
		{ "for=unknown", "10.0.0.1" },
		{ "for=_hidden", "10.0.0.1" },
		{ "for=203.0.113.9, for=_hidden, for=10.0.0.2", "10.0.0.2" },
		{ "for=203.0.113.9, proto=http", "10.0.0.1" },
		{ "for", "10.0.0.1" },
		{ "for=", "10.0.0.1" },
		{ "=203.0.113.9", "10.0.0.1" },
		{ "203.0.113.9", "10.0.0.1" },
		{ "for=203.0.113.9,", "10.0.0.1" },
		{ ";;,;;", "10.0.0.1" },
		/* a client's open quote swallows what the proxy adds: then nothing counts */
		{ "for=1.1.1.1;x=\", for=203.0.113.9", "10.0.0.1" },
		{ "for=\"1.1.1.1, for=203.0.113.9", "10.0.0.1" },
		{ "for=1.1.1.1;x=\"\\", "10.0.0.1" },
		{ "\"", "10.0.0.1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_client("10.0.0.1", NULL, rows[i].f, rows[i].client);
}

TEST(two_headers_that_differ_are_none)
{
	expect_client("10.0.0.1", "203.0.113.9", "for=203.0.113.9", "203.0.113.9");
	expect_client("10.0.0.1", "203.0.113.9", "for=1.1.1.1", "10.0.0.1");
	expect_client("10.0.0.1", "203.0.113.9", "for=\"", "10.0.0.1");
	expect_client("10.0.0.1", "203.0.113.9", " ", "203.0.113.9");
	expect_client("10.0.0.1", "", "for=203.0.113.9", "203.0.113.9");
}

TEST(lists_without_end)
{
	struct buf x, f;
	buf_init(&x, 1 << 20);
	buf_init(&f, 1 << 20);
	buf_add(&x, STR("203.0.113.9"));
	buf_add(&f, STR("for=203.0.113.9"));
	for (int i = 0; i < 1000; i++) {
		buf_add(&x, STR(", 10.0.0.2"));
		buf_add(&f, STR(", for=10.0.0.2"));
	}
	buf_add_c(&x, '\0');
	buf_add_c(&f, '\0');
	own_mem char *a = buf_steal(&x), *b = buf_steal(&f);
	expect_client("10.0.0.1", a, NULL, "10.0.0.2");
	expect_client("10.0.0.1", NULL, b, "10.0.0.2");
}
