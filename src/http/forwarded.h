/* Which client a request comes from when proxies stand between. Pure.
 *
 * A proxy adds the address that it was called from behind what it was told: so the list is as true
 * as those who wrote it, from its end on, and what the client itself made up comes first. Nothing
 * of it counts unless the peer is a proxy that is trusted. */
#ifndef KILN_HTTP_FORWARDED_H
#define KILN_HTTP_FORWARDED_H

#include "base/str.h"

struct http_address { /* IPv4 ones as IPv6 sees them: ::ffff:192.0.2.1 */
	uint8_t b[16];
};
struct http_address_text {
	char s[48];
};
bool http_address_parse(struct str text, struct http_address *out); /* without brackets and port */
struct http_address_text http_address_text(const struct http_address *a); /* "192.0.2.1", "::1" */

struct http_network {
	struct http_address address;
	unsigned bits; /* of the 128 that count */
};
/* "10.0.0.0/8", "2001:db8::/32", or one address. ERR_INVALID says what is wrong. */
struct err *http_network_parse(struct str text, struct http_network *out);

/* The last address in X-Forwarded-For that is none of the trusted ones, if `peer` is one. The
 * header Forwarded (SPEC RFC 7239) does as well; when there are both and they differ, a client may
 * have sent one of them, and neither counts. From an entry that is no address on, nothing counts.
 * An absent header is empty. */
struct http_address http_forwarded_client(const struct http_network *trusted, size_t n_trusted,
					  const struct http_address *peer,
					  struct str x_forwarded_for, struct str forwarded);

#endif
