/* Absolute http and https URLs: read once, compared by who answers. Pure.
 *
 * User names, fragments' meaning, other schemes and hosts beyond letters, digits, '.', '-', '_' and
 * address literals are refused. */
#ifndef KILN_HTTP_URL_H
#define KILN_HTTP_URL_H

#include "base/arena.h"
#include "base/str.h"

struct http_url {       /* always valid once parsed */
	char *text;     /* owned; the whole, normalised */
	char host[264]; /* as it stands in the text: "ghcr.io", "[::1]"; lower case */
	uint16_t port;  /* never 0 */
	bool tls;
};

/* ERR_INVALID says what is wrong; at most LIMIT_URL_BYTES. */
struct err *http_url_parse(struct str text, struct http_url *out);
/* `location`, which may be relative, as `base` sees it. SPEC RFC 3986 5.2 */
struct err *http_url_resolve(const struct http_url *base, struct str location,
			     struct http_url *out);
void http_url_done(struct http_url *u);
/* Scheme, host and port are equal: what was meant for one may be told the other. */
bool http_url_same_origin(const struct http_url *a, const struct http_url *b);

/* Who is meant by an address. SPEC RFC 6890, RFC 4291 2.4 */
enum http_reach {
	HTTP_REACH_ALL,      /* all machines mean the same one by it */
	HTTP_REACH_PRIVATE,  /* those of one network do, or nobody: examples, multicast */
	HTTP_REACH_LINK,     /* each means another on its own link, or none: 0.0.0.0 */
	HTTP_REACH_LOOPBACK, /* each means itself */
};
struct sockaddr;
enum http_reach http_address_reach(const struct sockaddr *sa);
/* Of "localhost", names below it, and addresses; other names reach all. `host` may have brackets
 * and a port. */
enum http_reach http_host_reach(struct str host);
/* Is it "localhost", a name below it, 127.0.0.0/8 or ::1? */
bool http_host_is_loopback(struct str host);
/* As above, or link-local or unspecified: an address that means something else to each machine. */
bool http_host_is_local(struct str host);

/* Percent-decodes once, into the arena; `plus` reads "+" as a blank. False for a broken escape and
 * for a NUL. */
bool http_decode(struct arena *a, struct str raw, bool plus, struct str *out);
/* Adds "?name=value" or "&name=value", percent-encoded, to a URL that is being built. */
void http_url_add_query(struct buf *b, const char *name, struct str value);
/* Adds one segment of a path: percent-encoded, but for what is unreserved. SPEC RFC 3986 2.3 */
void http_url_add_segment(struct buf *b, struct str s);

#endif
