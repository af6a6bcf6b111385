/* HTTP/1.1 client over libcurl: blocking requests, from any thread.
 *
 * 1. Connections are kept and used again, one request at a time on each.
 * 2. Redirects are followed by hand, at most HTTP_MOST_REDIRECTS, to http and https only, never
 *    from https to http, never from elsewhere to an address of the machine itself or its link;
 *    Authorization stays behind when scheme, host or port change.
 * 3. What comes is bounded: headers by LIMIT_HTTP_HEADER_BYTES, gathered bodies by `max_body`. A
 *    peer that is silent ends the request: 10 s to connect, 60 s with less than 1 byte per second.
 * 4. Proxies come from http_proxy, https_proxy, all_proxy and no_proxy; loopback is never asked
 *    through one. Trusted certificates are the system's, or those in $SSL_CERT_FILE and
 *    $SSL_CERT_DIR.
 *
 * Nothing is set up before the first request: libcurl's own start takes 0.9 ms, whatever parts
 * are asked for. */
#ifndef KILN_HTTP_CLIENT_H
#define KILN_HTTP_CLIENT_H

#include "base/err.h"
#include "base/str.h"

#define HTTP_MOST_REDIRECTS 10

struct http_client;

struct http_client_options {
	const char *user_agent; /* NULL: "kiln/VERSION" */
	/* Asked about every 100 ms during requests, from any thread; true ends them with
	 * ERR_CANCELED. May be NULL. */
	bool (*canceled)(void *arg);
	void *arg;
	uint32_t connect_ms; /* 0: 10000 */
	uint32_t stall_s;    /* 0: 60 */
};

struct err *http_client_open(const struct http_client_options *o, struct http_client **out);
void http_client_free(struct http_client *c); /* no request may be under way */
OWN_DECLARE(http_client);
/* ERR_CANCELED once the caller wants to stop. */
struct err *http_client_check(struct http_client *c);
/* Waits; ERR_CANCELED as soon as the caller wants to stop. */
struct err *http_client_sleep(struct http_client *c, uint64_t ms);

struct http_field {
	char *name, *value; /* owned */
};

struct http_response {
	int status;                /* of the last hop */
	struct http_field *fields; /* owned */
	size_t n_fields, cap_fields;
	int64_t content_length; /* -1: not told */
	char *body;             /* owned; gathered, NUL-terminated; NULL if there was none */
	size_t body_len;
	char *url; /* owned; who answered, after redirects */
};
void http_response_done(struct http_response *r);
/* The first field of that name, case ignored; {NULL, 0} if there is none. */
struct str http_response_field(const struct http_response *r, const char *name);

/* Why a request failed, for those who want to try something else. */
enum http_cause {
	HTTP_CAUSE_OTHER,       /* a limit, a bad URL, the caller's own callback, cancellation */
	HTTP_CAUSE_RESOLVE,     /* no such host */
	HTTP_CAUSE_CONNECT,     /* nobody listens, or no way there */
	HTTP_CAUSE_TLS,         /* connected, but the peer does not speak TLS as we do */
	HTTP_CAUSE_CERTIFICATE, /* its certificate is not trusted */
	HTTP_CAUSE_BROKEN,      /* connected, then it broke off, fell silent or spoke nonsense */
};

struct http_request {
	const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const char *authorization;  /* value of that header; NULL: none */
	bool unverified_tls;        /* do not check certificates */
	bool no_redirect;           /* 3xx is an answer like others */
	/* Addresses that are not spoken to, whatever name led there: ERR_DENIED. What a proxy is
	 * asked for is judged by its name alone. */
	bool refuse_link, refuse_private; /* private: loopback too */
	uint32_t timeout_ms;              /* for the whole of each hop; 0: none */

	/* Body to send: bytes, or a part of a file when `body_is_fd`. Sent again when redirected.
	 */
	bool has_body;
	struct str body;
	bool body_is_fd;
	int body_fd; /* borrowed; read by offset, so its position does not matter */
	uint64_t body_offset, body_size;
	void (*sent)(void *arg, uint64_t done); /* bytes of the body so far; may be NULL */

	/* Body to receive. With `sink`, a 2xx body goes there in pieces, and `begin` (may be NULL)
	 * sees status and headers before the first, and for an empty body too; an error from either
	 * ends the request and is returned. All else is gathered: 2xx up to `max_body` (0:
	 * LIMIT_HTTP_BODY_BYTES; ERR_LIMIT beyond), others up to LIMIT_HTTP_ERROR_BYTES (cut). */
	struct err *(*begin)(void *arg, const struct http_response *r);
	struct err *(*sink)(void *arg, const void *p, size_t len);
	void *arg; /* of `sent`, `begin` and `sink` */
	size_t max_body;

	enum http_cause *cause; /* written when the request fails; may be NULL */
};

/* Any status is an answer. Failures tell the cause without the URL ("Connection refused"), for the
 * caller knows whom it asked; after a redirect they name the new host. */
struct err *http_client_send(struct http_client *c, const struct http_request *r,
			     struct http_response *out);

/* The value of an Authorization header for Basic; no other copy of the password stays. The caller
 * frees it. SPEC RFC 7617 2 */
char *http_basic(struct str user, struct str password);

#endif
