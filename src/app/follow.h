/* A build's log as it grows, from the server's events. */
#ifndef KILN_APP_FOLLOW_H
#define KILN_APP_FOLLOW_H

#include "app/login.h"
#include "codec/json.h"

struct follow {
	const char *platform, *step, *stream; /* NULL: all */
	bool times, json;
};
/* Prints lines and steps to the end of the build, resuming where a connection broke off. NULL when
 * it succeeded; ERR_INVALID that tells why it failed; ERR_CANCELED is never returned: a build that
 * was canceled by somebody is ERR_INVALID too. */
struct err *follow_build(const struct login *l, const char *id, const struct follow *f);
void follow_print_line(json_t *line, bool times);

#endif
