/* What a provider says when code is pushed: verified, then read into one form.
 *
 * Verification looks at the bytes as they came, in constant time, before anything is parsed. What
 * the payload says is a hint: which refs to look at. The remote decides what is there. Pure. */
#ifndef KILN_SOURCE_WEBHOOK_H
#define KILN_SOURCE_WEBHOOK_H

#include "base/arena.h"

enum source_provider {
	SOURCE_GITHUB,
	SOURCE_GITLAB,
	SOURCE_GITEA, /* Forgejo and Gogs too */
	SOURCE_GITEE,
	SOURCE_BITBUCKET,        /* Cloud */
	SOURCE_BITBUCKET_SERVER, /* Data Center */
	SOURCE_CODEUP,
	SOURCE_GENERIC, /* any Git URL: Standard Webhooks, or a Bearer token */
	SOURCE_KILN,    /* our own Git remote: no webhooks */
};
const char *source_provider_name(enum source_provider p); /* "GITHUB", "GIT" for generic, … */
bool source_provider_parse(struct str name, enum source_provider *out);
/* As it stands in the address of its webhooks, "/hooks/bitbucket-server/…"; NULL for SOURCE_KILN.
 */
const char *source_provider_path(enum source_provider p);

struct source_headers { /* looked up by name, case ignored; {NULL, 0} if absent */
	struct str (*get)(void *arg, const char *name);
	void *arg;
};

struct source_change {
	const char *ref;    /* refs/heads/main */
	const char *commit; /* the new one, peeled if the payload tells; NULL: deleted or unknown */
	bool deleted, forced;
};
struct source_delivery {
	const char *key;   /* the provider's delivery id; a hash of the body where it has none */
	const char *event; /* as the provider names it: "push" */
	enum { SOURCE_PUSH, SOURCE_PING, SOURCE_OTHER } kind;
	const struct source_change *changes; /* empty when the payload was cut: look at all refs */
	size_t n_changes;
	const char *pusher; /* NULL where unknown */
};
/* Every header that source_webhook_read() may ask for, NULL-terminated: for those who have to copy
 * them first. */
extern const char *const source_webhook_headers[];
/* A new secret, good for all of the provider's ways to sign; the caller frees it. Where the
 * provider follows Standard Webhooks: "whsec_" and base64. */
char *source_webhook_secret(enum source_provider p);
/* Whether it only asks if somebody is there. By headers alone: not verified. */
bool source_webhook_is_ping(enum source_provider p, const struct source_headers *h);
/* What the event's header says, as printable ASCII; "" when there is none. Not verified. */
const char *source_webhook_event(struct arena *a, enum source_provider p,
				 const struct source_headers *h);
/* `secrets`: the valid ones, at least one (two during a rotation). ERR_DENIED code HOOK_SIG: names
 * the header that was expected, and whether it was missing or wrong. ERR_INVALID code HOOK_BODY for
 * a body that is no payload of this provider. `now_s` checks timestamps where they are signed. */
struct err *source_webhook_read(struct arena *a, enum source_provider p,
				const struct source_headers *h, struct str body,
				const struct str *secrets, size_t n_secrets, int64_t now_s,
				struct source_delivery *out);

#endif
