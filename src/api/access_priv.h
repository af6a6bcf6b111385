/* What the files of the access area share: users.c, tokens.c, members.c, access.c. */
#ifndef KILN_API_ACCESS_PRIV_H
#define KILN_API_ACCESS_PRIV_H

#include "api/api_priv.h"

/* users.c */
json_t *api_whoami_json(const struct auth_principal *w);
struct err *api_whoami(struct api_call *c, struct http_reply **out);
struct err *api_users_list(struct api_call *c, struct http_reply **out);
struct err *api_users_create(struct api_call *c, struct http_reply **out);
struct err *api_users_get(struct api_call *c, struct http_reply **out);
struct err *api_users_update(struct api_call *c, struct http_reply **out);
struct err *api_users_delete(struct api_call *c, struct http_reply **out);

/* tokens.c */
struct err *api_tokens_list(struct api_call *c, struct http_reply **out);
struct err *api_tokens_create(struct api_call *c, struct http_reply **out);
struct err *api_tokens_delete(struct api_call *c, struct http_reply **out);
struct err *api_tokens_of_user(struct api_call *c, struct http_reply **out);
struct err *api_worker_tokens_list(struct api_call *c, struct http_reply **out);
struct err *api_worker_tokens_create(struct api_call *c, struct http_reply **out);
struct err *api_worker_tokens_delete(struct api_call *c, struct http_reply **out);

/* members.c */
struct err *api_members_list(struct api_call *c, struct http_reply **out);
struct err *api_members_put(struct api_call *c, struct http_reply **out);
struct err *api_members_delete(struct api_call *c, struct http_reply **out);

/* ---- pages of lists that come whole ---- */

/* Each element has a key that orders the list; a page has those behind the cursor's key. */
struct api_pager {
	json_t *items; /* owned until api_pager_answer() */
	size_t most;
	struct str after;
	const char *last; /* the key of the last one taken */
	bool more;
};
struct err *api_pager_init(struct api_call *c, struct api_pager *p);
/* Is the element of this key (in the arena) on the page? Then api_pager_add() it. */
bool api_pager_wants(struct api_pager *p, const char *key);
void api_pager_add(struct api_pager *p, const char *key, json_t *item); /* takes `item` over */
struct http_reply *api_pager_answer(struct api_call *c, struct api_pager *p);

/* ERR_NOT_FOUND code NOT_FOUND. */
struct err *api_no_user(struct str name);
/* ERR_DENIED code FORBIDDEN when the caller's token is narrower than its user: it must not make
 * itself wider. */
struct err *api_need_wide(struct api_call *c);

#endif
