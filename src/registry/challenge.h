/* WWW-Authenticate: what a registry wants to see before it answers. Pure. SPEC RFC 9110 11.6.1 */
#ifndef KILN_REGISTRY_CHALLENGE_H
#define KILN_REGISTRY_CHALLENGE_H

#include "base/arena.h"

#define CHALLENGE_MOST 8 /* of one field; more are not read */

enum challenge_kind { CHALLENGE_BEARER, CHALLENGE_BASIC, CHALLENGE_OTHER };

struct challenge {
	enum challenge_kind kind;
	/* Without quotes and control characters; "" where absent. In the arena. */
	const char *realm, *service, *scope, *error;
};

/* Reads the challenges of one field value, which may hold several; what is malformed ends the list
 * before the challenge it is in. `out` has room for CHALLENGE_MOST. Returns how many. */
size_t challenge_parse(struct arena *a, struct str value, struct challenge *out);

#endif
