/* What the files of the webhooks share: a delivery that is being read, and the table's columns. */
#ifndef KILN_SOURCE_WEBHOOK_PRIV_H
#define KILN_SOURCE_WEBHOOK_PRIV_H

#include "codec/json.h"
#include "source/webhook.h"

#define WEBHOOK_TOLERANCE_S       300  /* of signed times; SPEC Standard Webhooks */
#define WEBHOOK_GITEE_TOLERANCE_S 3600 /* Gitee's own, an hour */

struct webhook {
	struct arena *arena;
	const struct source_headers *headers;
	struct str body;
	const struct str *secrets;
	size_t n_secrets;
	int64_t now_s;
	struct source_delivery *out;
	struct source_change *changes; /* owned while it grows */
	size_t n_changes, cap_changes;
	bool look_at_all; /* the payload does not tell everything */
};

/* One way in which a provider proves that it knows the secret. */
struct webhook_proof {
	const char *header; /* NULL ends a list */
	enum {
		WEBHOOK_HMAC,     /* hexadecimal HMAC-SHA256 of the body behind `prefix` */
		WEBHOOK_TOKEN,    /* the secret itself behind `prefix` */
		WEBHOOK_GITEE,    /* the secret itself, or the HMAC of a time */
		WEBHOOK_STANDARD, /* SPEC Standard Webhooks */
	} kind;
	const char *prefix;
};
/* The first of `proofs` that holds is enough: each takes the secret. */
struct err *webhook_verify(const struct webhook *w, const struct webhook_proof *proofs);

static inline struct str webhook_header(const struct webhook *w, const char *name)
{
	return w->headers->get(w->headers->arg, name);
}

/* Readers of the payload families. `w->out` has its event; they set kind and pusher, and add
 * changes. Errors say what is wrong with the payload. */
struct err *webhook_read_github(struct webhook *w, json_t *j); /* Gitea, Gitee */
struct err *webhook_read_gitlab(struct webhook *w, json_t *j); /* Codeup */
struct err *webhook_read_bitbucket(struct webhook *w, json_t *j);
struct err *webhook_read_bitbucket_server(struct webhook *w, json_t *j);
struct err *webhook_read_generic(struct webhook *w, json_t *j);

/* Branches and tags only; others are passed over. `commit` may be empty, or the zeros of a ref that
 * is gone; what is no commit counts as unknown. */
void webhook_add(struct webhook *w, struct str ref, struct str commit, bool deleted, bool forced);
bool webhook_is_zero(struct str commit); /* 40 or 64 zeros */
/* The first of these string members that is not empty, for people. `path` is "sender.login". */
const char *webhook_person(struct webhook *w, json_t *j, const char *const *paths);
/* ERR_INVALID when it is absent or empty. */
struct err *webhook_need_str(json_t *j, const char *key, struct str *out);

#endif
