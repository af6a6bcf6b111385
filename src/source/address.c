/* Who is behind the name of a host, looked up once and held to it: a name that means another
 * address a moment later (DNS rebinding) does not get there. */
#include "source/git_priv.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

/* Networks that mean something to this machine only. SPEC RFC 6890, RFC 4291 2.4 */
static const struct {
	uint32_t net;
	int bits;
} closed4[] = {
	{ 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },
	{ 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 },
	{ 0xc0a80000, 16 }, { 0xc6120000, 15 }, { 0xc6336400, 24 }, { 0xcb007100, 24 },
	{ 0xe0000000, 4 },  { 0xf0000000, 4 },
};

static bool closed_v4(uint32_t a)
{
	for (size_t i = 0; i < ARRAY_LEN(closed4); i++)
		if ((a ^ closed4[i].net) >> (32 - closed4[i].bits) == 0)
			return true;
	return false;
}

static uint32_t v4_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool closed_v6(const uint8_t *p)
{
	static const uint8_t zero[16];
	if (memcmp(p, zero, 10) == 0 && p[10] == 0xff && p[11] == 0xff)
		return closed_v4(v4_at(p + 12)); /* ::ffff:a.b.c.d */
	if ((p[0] & 0xe0) != 0x20)
		return true; /* only 2000::/3 is given out: no ::1, translated IPv4, fc00::, fe80::
			      */
	if (p[0] == 0x20 && p[1] == 0x02)
		return closed_v4(v4_at(p + 2)); /* 6to4 */
	if (p[0] == 0x20 && p[1] == 0x01)
		return p[2] < 0x02                        /* 2001::/23, with Teredo */
		       || (p[2] == 0x0d && p[3] == 0xb8); /* examples, as is 3fff::/20 */
	return p[0] == 0x3f && p[1] == 0xff && p[2] < 0x10;
}

bool git_address_is_closed(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return closed_v4(ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr));
	if (sa->sa_family == AF_INET6)
		return closed_v6(((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr);
	return true;
}

static struct err *look(const struct addrinfo *list, const struct source_url *u, bool allow_private,
			struct git_address *out)
{
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		if (!allow_private && git_address_is_closed(a->ai_addr))
			return err_coded(ERR_DENIED, "SRC_ADDRESS",
					 "An administrator can allow private addresses for this "
					 "code source.",
					 "%s is an address of this machine or of a private network",
					 u->host);
	if (getnameinfo(list->ai_addr, list->ai_addrlen, out->text, sizeof(out->text), NULL, 0,
			NI_NUMERICHOST) != 0)
		return err_coded(ERR_UNAVAILABLE, "SRC_UNREACHABLE",
				 "Look at the host's name, and at the server's name service.",
				 "%s has no address", u->host);
	return NULL;
}

struct err *git_address_find(const struct source_url *u, bool allow_private,
			     struct git_address *out)
{
	struct str h = str_of(u->host);
	own_mem char *host =
		h.len > 2 && h.p[0] == '[' ? mem_strndup(h.p + 1, h.len - 2) : str_dup(h);
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int r = getaddrinfo(host, NULL, &hints, &list);
	if (r)
		return err_coded(ERR_UNAVAILABLE, "SRC_UNREACHABLE",
				 "Look at the host's name, and at the server's name service.",
				 "%s: %s", u->host, gai_strerror(r));
	struct err *e = look(list, u, allow_private, out);
	freeaddrinfo(list);
	return e;
}
