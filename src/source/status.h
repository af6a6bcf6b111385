/* How the provider of a code source is told the state of a commit: the request, and what its answer
 * means. Pure.
 *
 * The API's address follows from that of the repository, so that a token goes to the host that it
 * was given for, or to the API's host of the same provider (github.com: api.github.com). */
#ifndef KILN_SOURCE_STATUS_H
#define KILN_SOURCE_STATUS_H

#include "source/git.h"
#include "source/webhook.h"

#define SOURCE_STATUS_TEXT 140 /* bytes of a description: GitHub's bound, the least of all */

enum source_state {
	SOURCE_QUEUED,
	SOURCE_RUNNING,
	SOURCE_SUCCESS,
	SOURCE_FAILED,
	SOURCE_CANCELED,
};
const char *source_state_name(enum source_state s); /* "queued", … */

struct source_status { /* all borrowed */
	enum source_provider provider;
	const struct source_url *url; /* of the repository */
	const char *username;         /* "" or NULL: none */
	struct str token;             /* empty: there is none */
	const char *commit, *ref;     /* ref: full */
	enum source_state state;
	const char *context, *description; /* as long as they are: cut here */
	const char *link;                  /* NULL: none */
};
struct source_status_request { /* in the arena; a POST */
	const char *url, *body;
	const char *authorization; /* value of that header; NULL: `header` has the token */
	const char *header;        /* "PRIVATE-TOKEN: …"; NULL */
};
/* Codes: STATUS_PROVIDER (it has no such call), STATUS_TOKEN (there is none to ask with),
 * STATUS_LINK (the provider wants a link), STATUS_PATH (the address names no repository of this
 * provider). Only `provider`, `url`, `token` and `link` are looked at. */
struct err *source_status_check(struct arena *a, const struct source_status *s);
/* The address below which the API is: "https://api.github.com". NULL where there is none. */
const char *source_status_api(struct arena *a, enum source_provider p, const struct source_url *u);
/* Errors as above. Who sent it cleanses what holds the token. */
struct err *source_status_request(struct arena *a, const struct source_status *s,
				  struct source_status_request *out);

struct source_status_answer {
	bool reported;
	bool again;                       /* a later try may succeed */
	const char *code, *text, *remedy; /* of what was not reported; remedy may be NULL */
};
/* `limited`: its headers say that it was asked too often. Text of the body is shown as far as it is
 * the "message" of a JSON object: cut, without control characters. */
void source_status_answer(struct arena *a, enum source_provider p, const char *host, int http,
			  bool limited, struct str body, struct source_status_answer *out);

#endif
