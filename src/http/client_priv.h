/* One hop of a request on one libcurl handle: what client.c repeats along redirects. */
#ifndef KILN_HTTP_CLIENT_PRIV_H
#define KILN_HTTP_CLIENT_PRIV_H

#include "base/thread.h"
#include "http/client.h"
#include "http/libcurl.h"
#include "http/url.h"

/* A handle with its own connections. */
struct http_slot {
	CURL *easy;   /* owned */
	CURLM *multi; /* owned */
	char *origin; /* owned; whom it spoke to last: there is a connection to use again */
	struct http_slot *next;
};

struct http_client {
	struct http_client_options options; /* fixed after http_client_open() */
	char *user_agent;                   /* owned */
	struct mutex lock;                  /* guards all below */
	struct http_slot *idle;             /* owned */
	size_t n_idle;
};

/* What changes from hop to hop. */
struct http_hop {
	const struct http_url *url;
	const char *method;
	bool with_body, with_authorization;
	bool refuse_local; /* addresses of this machine and its link are not to be spoken to */
};

/* Fills `out`, which the caller ends also when this fails. */
struct err *http_transfer(struct http_client *c, struct http_slot *slot,
			  const struct http_request *r, const struct http_hop *hop,
			  struct http_response *out, enum http_cause *cause);

/* Why an address is not spoken to. */
struct err *http_refusal(enum http_reach reach);
/* Is a proxy set, for some hosts at least? */
bool http_behind_proxy(void);

#endif
