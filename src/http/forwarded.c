#include "http/forwarded.h"

#include <arpa/inet.h>
#include <stdio.h>

#define MOST_HOPS 32 /* from the end; nobody has so many proxies of his own */

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* ---- addresses ---- */

bool http_address_parse(struct str text, struct http_address *out)
{
	char copy[INET6_ADDRSTRLEN];
	struct http_address a = { 0 };
	if (!text.len || text.len >= sizeof(copy) || str_has_nul(text))
		return false;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	memcpy(a.b, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, copy, a.b + 12) != 1 && inet_pton(AF_INET6, copy, a.b) != 1)
		return false;
	*out = a;
	return true;
}

static bool is_v4(const struct http_address *a)
{
	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

struct http_address_text http_address_text(const struct http_address *a)
{
	struct http_address_text t;
	if (is_v4(a))
		inet_ntop(AF_INET, a->b + 12, t.s, sizeof(t.s));
	else
		inet_ntop(AF_INET6, a->b, t.s, sizeof(t.s));
	return t;
}

struct err *http_network_parse(struct str text, struct http_network *out)
{
	struct http_network n;
	struct str rest = text, address = str_cut(&rest, '/');
	if (!http_address_parse(address, &n.address))
		return err_new(ERR_INVALID, "\"" STR_FMT "\" is not ADDRESS/BITS", STR_ARG(text));
	/* The shape that was written counts: ::ffff:0.0.0.0/96 is not all of IPv4 and more. */
	bool v4 = str_chr(address, ':') < 0;
	uint64_t most = v4 ? 32 : 128, bits = most;
	if (rest.p && !str_to_u64(rest, most, &bits))
		return err_new(ERR_INVALID, "\"" STR_FMT "\": its bits are 0 to %u", STR_ARG(text),
			       (unsigned)most);
	n.bits = (unsigned)bits + (v4 ? 96 : 0);
	*out = n;
	return NULL;
}

static bool has(const struct http_network *n, const struct http_address *a)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	if (memcmp(n->address.b, a->b, whole) != 0)
		return false;
	return !rest || (n->address.b[whole] ^ a->b[whole]) >> (8 - rest) == 0;
}

static bool is_trusted(const struct http_network *trusted, size_t n, const struct http_address *a)
{
	for (size_t i = 0; i < n; i++)
		if (has(&trusted[i], a))
			return true;
	return false;
}

/* ---- the lists ---- */

/* Behind an address; what it says is of no use. Forwarded may have a name there. */
static bool is_port(struct str s)
{
	if (!s.len)
		return true;
	if (s.p[0] != ':' || s.len == 1)
		return false;
	for (size_t i = 1; i < s.len; i++) {
		char c = s.p[i];
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !strchr("._-", c))
			return false;
	}
	return true;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80" */
static bool read_node(struct str s, struct http_address *out)
{
	s = str_trim(s);
	if (s.len && s.p[0] == '[') {
		ptrdiff_t end = str_chr(s, ']');
		return end > 0 && is_port(str_skip(s, (size_t)end + 1)) &&
		       str_chr(str_first(s, (size_t)end), ':') >= 0 &&
		       http_address_parse(str_n(s.p + 1, (size_t)end - 1), out);
	}
	ptrdiff_t colon = str_chr(s, ':');
	if (colon >= 0 && colon == str_rchr(s, ':')) {
		struct str port = str_skip(s, (size_t)colon);
		return is_port(port) && http_address_parse(str_first(s, (size_t)colon), out);
	}
	return http_address_parse(s, out);
}

/* The last of the list, which gets shorter; an empty text is an empty list. */
static struct str take_last(struct str *list)
{
	ptrdiff_t comma = str_rchr(*list, ',');
	struct str last = comma < 0 ? *list : str_skip(*list, (size_t)comma + 1);
	*list = str_first(*list, comma < 0 ? 0 : (size_t)comma);
	return last;
}

/* Addresses from the end of a list on, until one is none. */
struct hops {
	struct http_address v[MOST_HOPS];
	size_t n;
};

static void read_x_forwarded_for(struct str list, struct hops *h)
{
	while (h->n < MOST_HOPS && list.len && read_node(take_last(&list), &h->v[h->n]))
		h->n++;
}

/* Up to `stop` outside of quotes, which is taken off; false when a quote is not closed. */
static bool cut_quoted(struct str *rest, char stop, struct str *out)
{
	bool quoted = false;
	for (size_t i = 0; i < rest->len; i++) {
		char c = rest->p[i];
		if (c == '"')
			quoted = !quoted;
		else if (quoted && c == '\\')
			i++;
		else if (!quoted && c == stop) {
			*out = str_first(*rest, i);
			*rest = str_skip(*rest, i + 1);
			return true;
		}
	}
	*out = *rest;
	*rest = (struct str){ NULL, 0 };
	return !quoted;
}

/* for=192.0.2.1;proto=http, for="[2001:db8::1]:80" */
static bool read_element(struct str element, struct http_address *out)
{
	struct str pair;
	while (element.p) {
		if (!cut_quoted(&element, ';', &pair))
			return false;
		struct str name = str_trim(str_cut(&pair, '='));
		if (!str_eq_nocase(name, STR("for")))
			continue;
		struct str node = str_trim(pair);
		if (node.len >= 2 && node.p[0] == '"' && node.p[node.len - 1] == '"')
			node = str_n(node.p + 1, node.len - 2);
		return read_node(node, out);
	}
	return false;
}

/* A quote that is not closed says nothing of what is behind it: then all of it is worth nothing. */
static void read_forwarded(struct str list, struct hops *h)
{
	struct str last[MOST_HOPS];
	size_t n = 0;
	while (list.p)
		if (!cut_quoted(&list, ',', &last[n++ % MOST_HOPS]))
			return;
	for (size_t most = n < MOST_HOPS ? n : MOST_HOPS; h->n < most; h->n++)
		if (!read_element(last[(n - 1 - h->n) % MOST_HOPS], &h->v[h->n]))
			return;
}

/* ---- the client ---- */

static struct http_address client_of(const struct http_network *trusted, size_t n,
				     const struct http_address *peer, const struct hops *h)
{
	struct http_address client = *peer;
	for (size_t i = 0; i < h->n && is_trusted(trusted, n, &client); i++)
		client = h->v[i];
	return client;
}

struct http_address http_forwarded_client(const struct http_network *trusted, size_t n_trusted,
					  const struct http_address *peer,
					  struct str x_forwarded_for, struct str forwarded)
{
	struct hops x = { .n = 0 }, f = { .n = 0 };
	if (!is_trusted(trusted, n_trusted, peer))
		return *peer;
	bool has_x = str_trim(x_forwarded_for).len > 0, has_f = str_trim(forwarded).len > 0;
	if (has_x)
		read_x_forwarded_for(x_forwarded_for, &x);
	if (has_f)
		read_forwarded(forwarded, &f);
	struct http_address by_x = client_of(trusted, n_trusted, peer, &x);
	struct http_address by_f = client_of(trusted, n_trusted, peer, &f);
	if (has_x && has_f)
		return memcmp(&by_x, &by_f, sizeof(by_x)) == 0 ? by_x : *peer;
	return has_f ? by_f : by_x;
}
