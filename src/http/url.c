#include "http/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "http/libcurl.h"

static void free_url(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void free_curl(char **p)
{
	curl_free(*p);
}

static bool host_ok(const char *host)
{
	size_t n = strlen(host);
	if (!n || n >= sizeof(((struct http_url *)0)->host))
		return false;
	if (host[0] == '[')
		return host[strspn(host + 1, "0123456789abcdefABCDEF:.") + 1] == ']';
	for (const char *p = host; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_", *p))
			return false;
	return true;
}

static struct err *take(CURLU *u, struct http_url *out)
{
	__attribute__((cleanup(free_curl))) char *scheme = NULL, *host = NULL, *port = NULL,
						 *text = NULL, *zone = NULL;
	uint64_t number;
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ||
	    curl_url_get(u, CURLUPART_URL, &text, 0))
		return err_new(ERR_INVALID, "it is not an http or https URL");
	bool tls = strcmp(scheme, "https") == 0;
	if (!tls && strcmp(scheme, "http") != 0)
		return err_new(ERR_INVALID, "its scheme is neither http nor https");
	if (!host_ok(host) || !curl_url_get(u, CURLUPART_ZONEID, &zone, 0))
		return err_new(ERR_INVALID, "its host is not valid");
	if (!str_to_u64(str_of(port), 65535, &number) || !number)
		return err_new(ERR_INVALID, "its port is not valid");
	if (strlen(text) > LIMIT_URL_BYTES)
		return err_new(ERR_LIMIT, "it is longer than %d bytes", LIMIT_URL_BYTES);
	*out = (struct http_url){ .text = mem_strdup(text), .port = (uint16_t)number, .tls = tls };
	for (size_t i = 0; host[i]; i++)
		out->host[i] = (char)tolower((unsigned char)host[i]);
	return NULL;
}

static struct err *parse(const char *base, struct str text, struct http_url *out)
{
	if (text.len > LIMIT_URL_BYTES)
		return err_new(ERR_LIMIT, "it is longer than %d bytes", LIMIT_URL_BYTES);
	if (!text.len || str_has_nul(text))
		return err_new(ERR_INVALID, "it is empty or holds NUL");
	TRY(http_libcurl_load());
	own_mem char *copy = str_dup(text);
	__attribute__((cleanup(free_url))) CURLU *u = curl_url();
	if (!u)
		abort();
	if (base && curl_url_set(u, CURLUPART_URL, base, 0))
		return err_new(ERR_INVALID, "it has no base");
	CURLUcode r = curl_url_set(u, CURLUPART_URL, copy, CURLU_DISALLOW_USER);
	if (r == CURLUE_USER_NOT_ALLOWED)
		return err_new(ERR_INVALID, "it holds a user name");
	if (r == CURLUE_UNSUPPORTED_SCHEME)
		return err_new(ERR_INVALID, "its scheme is neither http nor https");
	if (r)
		return err_new(ERR_INVALID, "it is not an http or https URL");
	return take(u, out);
}

struct err *http_url_parse(struct str text, struct http_url *out)
{
	return parse(NULL, text, out);
}

struct err *http_url_resolve(const struct http_url *base, struct str location, struct http_url *out)
{
	return parse(base->text, location, out);
}

void http_url_done(struct http_url *u)
{
	free(u->text);
	u->text = NULL;
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b)
{
	return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Without brackets and port, NUL-terminated; false if it cannot be a host. */
static bool bare_host(struct str host, char out[static 256])
{
	if (host.len && host.p[0] == '[') {
		ptrdiff_t end = str_chr(host, ']');
		host = end < 0 ? host : str_n(host.p + 1, (size_t)end - 1);
	} else if (str_chr(host, ':') >= 0 && str_chr(host, ':') == str_rchr(host, ':')) {
		host = str_first(host, (size_t)str_chr(host, ':'));
	}
	if (!host.len || host.len > 255 || str_has_nul(host))
		return false;
	memcpy(out, host.p, host.len);
	out[host.len] = '\0';
	return true;
}

static const struct {
	uint32_t net;
	int bits;
	enum http_reach reach;
} closed4[] = {
	{ 0x7f000000, 8, HTTP_REACH_LOOPBACK }, { 0xa9fe0000, 16, HTTP_REACH_LINK },
	{ 0x00000000, 8, HTTP_REACH_LINK },     { 0x0a000000, 8, HTTP_REACH_PRIVATE },
	{ 0x64400000, 10, HTTP_REACH_PRIVATE }, { 0xac100000, 12, HTTP_REACH_PRIVATE },
	{ 0xc0000000, 24, HTTP_REACH_PRIVATE }, { 0xc0000200, 24, HTTP_REACH_PRIVATE },
	{ 0xc0a80000, 16, HTTP_REACH_PRIVATE }, { 0xc6120000, 15, HTTP_REACH_PRIVATE },
	{ 0xc6336400, 24, HTTP_REACH_PRIVATE }, { 0xcb007100, 24, HTTP_REACH_PRIVATE },
	{ 0xe0000000, 4, HTTP_REACH_PRIVATE },  { 0xf0000000, 4, HTTP_REACH_PRIVATE },
};

static enum http_reach reach4(uint32_t a) /* host byte order */
{
	for (size_t i = 0; i < ARRAY_LEN(closed4); i++)
		if ((a ^ closed4[i].net) >> (32 - closed4[i].bits) == 0)
			return closed4[i].reach;
	return HTTP_REACH_ALL;
}

static enum http_reach reach4_at(const uint8_t *p)
{
	return reach4((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

static bool is_private6(const uint8_t *p)
{
	if ((p[0] & 0xe0) != 0x20)
		return true; /* only 2000::/3 is given out */
	if (p[0] == 0x20 && p[1] == 0x01)
		return p[2] < 0x02                        /* 2001::/23, with Teredo */
		       || (p[2] == 0x0d && p[3] == 0xb8); /* examples, as is 3fff::/20 */
	return p[0] == 0x3f && p[1] == 0xff && p[2] < 0x10;
}

static enum http_reach reach6(const struct in6_addr *a)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b }; /* SPEC RFC 6052 2.1 */
	const uint8_t *p = a->s6_addr;
	if (IN6_IS_ADDR_V4MAPPED(a) || memcmp(p, nat64, sizeof(nat64)) == 0)
		return reach4_at(p + 12);
	if (IN6_IS_ADDR_LOOPBACK(a))
		return HTTP_REACH_LOOPBACK;
	if (IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_UNSPECIFIED(a))
		return HTTP_REACH_LINK;
	if (p[0] == 0x20 && p[1] == 0x02)
		return reach4_at(p + 2); /* 6to4 */
	return is_private6(p) ? HTTP_REACH_PRIVATE : HTTP_REACH_ALL;
}

enum http_reach http_address_reach(const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		return reach4(ntohl(in.sin_addr.s_addr));
	}
	if (sa->sa_family != AF_INET6)
		return HTTP_REACH_LOOPBACK; /* a socket of this machine */
	memcpy(&in6, sa, sizeof(in6));
	return reach6(&in6.sin6_addr);
}

enum http_reach http_host_reach(struct str host)
{
	char name[256];
	struct in_addr a4;
	struct in6_addr a6;
	if (!bare_host(host, name))
		return HTTP_REACH_ALL;
	struct str s = str_of(name);
	if (str_eq_nocase(s, STR("localhost")) ||
	    (s.len > 10 && str_eq_nocase(str_skip(s, s.len - 10), STR(".localhost"))))
		return HTTP_REACH_LOOPBACK;
	/* As connect() reads it, so that 127.1 and 0x7f000001 count too. */
	if (inet_aton(name, &a4))
		return reach4(ntohl(a4.s_addr));
	return inet_pton(AF_INET6, name, &a6) == 1 ? reach6(&a6) : HTTP_REACH_ALL;
}

bool http_host_is_loopback(struct str host)
{
	return http_host_reach(host) == HTTP_REACH_LOOPBACK;
}

bool http_host_is_local(struct str host)
{
	enum http_reach reach = http_host_reach(host);
	return reach == HTTP_REACH_LINK || reach == HTTP_REACH_LOOPBACK;
}

/* ---- percent coding ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool http_decode(struct arena *a, struct str raw, bool plus, struct str *out)
{
	char *p = arena_zalloc(a, raw.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.p[i];
		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			if (raw.len - i < 3)
				return false;
			int high = hex_value(raw.p[i + 1]), low = hex_value(raw.p[i + 2]);
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (!c)
			return false;
		p[n++] = c;
	}
	*out = str_n(p, n);
	return true;
}

/* Letters, digits and `plain` stay as they are. */
static void add_encoded(struct buf *b, struct str s, const char *plain)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (isalnum(c) || (c && strchr(plain, c)))
			buf_add_c(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

void http_url_add_query(struct buf *b, const char *name, struct str value)
{
	buf_add_c(b, str_chr(buf_str(b), '?') < 0 ? '?' : '&');
	buf_add(b, str_of(name));
	buf_add_c(b, '=');
	add_encoded(b, value, "-._~:/,");
}

void http_url_add_segment(struct buf *b, struct str s)
{
	add_encoded(b, s, "-._~");
}
