/* The parts of the client: endpoints and requests (client_send.c), logins and tokens
 * (client_auth.c), what it all means for manifests (client.c) and blobs (client_blob.c). */
#ifndef KILN_REGISTRY_CLIENT_PRIV_H
#define KILN_REGISTRY_CLIENT_PRIV_H

#include "base/thread.h"
#include "http/client.h"
#include "registry/challenge.h"
#include "registry/client.h"
#include "registry/credentials.h"
#include "registry/mirrors.h"

#define MOST_RETRIES 3

/* What was learned about "host:port". */
struct known_host {
	char *at; /* owned */
	enum { SCHEME_UNKNOWN, SCHEME_HTTP, SCHEME_HTTPS } scheme;
	bool challenged;
	enum challenge_kind kind; /* valid when `challenged`, as the next two */
	char *realm, *service;    /* owned */
	uint64_t down_until_ms;   /* a mirror that is passed over until then; monotonic */
	struct known_host *next;
};

struct known_login { /* of one repository at one host; stays until registry_client_free() */
	char *host, *repository; /* owned */
	bool found;
	struct credentials credentials;
	struct known_login *next;
};

struct known_token {
	char *at, *scope, *text; /* owned */
	uint64_t expires_ms;     /* monotonic */
	struct known_token *next;
};

struct transfer_turn { /* a digest that some thread brings into a store right now */
	struct blob_store *store;
	struct oci_digest digest;
	struct transfer_turn *next;
};

struct registry_client {
	struct http_client *http; /* owned */
	struct mirrors mirrors;
	struct registry_login *given; /* owned, as the texts in it */
	size_t n_given;
	char **insecure; /* owned */
	size_t n_insecure, cap_insecure;
	struct mutex lock; /* guards all below */
	struct known_host *hosts;
	struct known_login *logins;  /* entries do not change once they are here */
	struct known_token *tokens;  /* the newest first */
	struct transfer_turn *turns; /* on the stacks of their threads */
	struct cond turn_ended;
};

/* One server that is asked about a reference. */
struct endpoint {
	char at[264];    /* "registry-1.docker.io", "127.0.0.1:5000" */
	char login[264]; /* whose logins are sent there: "docker.io" */
	char ns[264];    /* of a mirror: the host it stands for; else "" */
	char repository[512];
	bool tls, unverified;
	bool may_login; /* secrets may be sent: TLS, loopback, or named insecure by the user */
};

/* Where `ref`'s own registry answers. May ask an insecure host whether it speaks TLS. */
struct err *endpoint_of(struct registry_client *c, const struct oci_reference *ref,
			struct endpoint *out);
void endpoint_of_mirror(struct registry_client *c, const struct oci_reference *ref,
			const struct mirror *m, struct endpoint *out);

bool registry_is_insecure(struct registry_client *c, const char *at);

/* A request to an endpoint. */
struct registry_call {
	const struct endpoint *ep;
	const char *actions;      /* "pull" or "pull,push" */
	const char *also_pull;    /* one more repository to be let into; NULL: none */
	const char *path;         /* behind /v2/REPOSITORY: "/blobs/sha256:…" */
	const char *url;          /* whole, instead of `path` */
	bool without_login;       /* the URL is not the registry's own */
	bool once;                /* no retries but after a 401 */
	struct http_request http; /* all but url, authorization, unverified_tls */
};

/* Sends it with login and retries; `*cause` (may be NULL) as http_client_send() gives it. Any
 * status is an answer. Failures name the registry. */
struct err *registry_send(struct registry_client *c, const struct registry_call *call,
			  struct http_response *out, enum http_cause *cause);
/* As http_client_send(), with the retries of client.h; bodies that are streamed are not tried
 * again once they began. */
struct err *registry_send_again(struct registry_client *c, const struct http_request *r,
				struct http_response *out, enum http_cause *cause);
/* Waits before retry `n` (from 0), as long as `r` (may be NULL) asks for. */
struct err *registry_pause(struct registry_client *c, unsigned n, const struct http_response *r);
/* Is it 408, 429 or 5xx, with no more than a minute to wait? */
bool registry_may_retry(const struct http_response *r);
/* The error that an unwelcome answer is, when `what` ("docker.io/library/alpine:9") was asked
 * for. */
struct err *registry_refusal(struct registry_client *c, const struct registry_call *call,
			     const struct http_response *r, const char *what);

/* The Authorization value for the call, or NULL in `*out` when nothing is known to be needed or
 * there is none. The caller frees it. */
struct err *registry_auth_header(struct registry_client *c, const struct registry_call *call,
				 char **out);
/* Learns from a 401, and gets what the registry wants to see. `*out` as above. */
struct err *registry_auth_answer(struct registry_client *c, const struct registry_call *call,
				 const struct http_response *r, char **out);
/* The login for the endpoint; NULL in `*out` if there is none. Lives as long as the client. */
struct err *registry_auth_login(struct registry_client *c, const struct endpoint *ep,
				const struct credentials **out);
void registry_auth_free(struct registry_client *c);

/* The entry of "host:port", made if there is none. The lock is held. */
struct known_host *known_host_locked(struct registry_client *c, const char *at);

/* "host/repository:tag" or "…@digest", whole, for messages. The caller frees it. */
char *registry_full_name(const struct oci_reference *ref);
/* Text from outside made fit for a message: one line, at most 300 bytes, no control characters. */
char *registry_plain_text(struct str s);

/* Asks the mirrors of `ref` in order, then its registry, until `ask` succeeds. It sets `*final`
 * when no other server could do better. */
struct err *registry_ask_each(struct registry_client *c, const struct oci_reference *ref,
			      struct err *(*ask)(void *arg, const struct endpoint *ep, bool *final),
			      void *arg);

#endif
