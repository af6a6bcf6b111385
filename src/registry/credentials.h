/* The user's logins, as docker and podman keep them.
 *
 * Looked for in $DOCKER_CONFIG/config.json or ~/.docker/config.json, then in
 * $XDG_RUNTIME_DIR/containers/auth.json (without that variable, /run/containers/UID/auth.json). In
 * a file: a credential helper (credHelpers for the host, then credsStore), then "auths", where the
 * key that names most of HOST/REPOSITORY wins. */
#ifndef KILN_REGISTRY_CREDENTIALS_H
#define KILN_REGISTRY_CREDENTIALS_H

#include "base/err.h"
#include "base/str.h"

struct credentials {
	char *user, *password; /* owned; both or none */
	char *identity_token;  /* owned; an OAuth refresh token instead of a password; or NULL */
	char *from;            /* owned; where they were found, for people */
};
void credentials_done(struct credentials *c); /* overwrites the secrets */

/* For `repository` ("library/alpine") at `host` ("docker.io", "ghcr.io", "127.0.0.1:5000"). Absent
 * logins are an answer: `*found` is false. ERR_INVALID names the file that cannot be read. A helper
 * that is missing or fails is logged and passed over; one that hangs is killed after 30 s. */
struct err *credentials_find(const char *host, const char *repository, struct credentials *out,
			     bool *found);

/* Pure part of the above: looks into the text of one file. `*helper` (owned by the caller) is the
 * name of the helper to ask, or NULL; `out` and `*found` are what "auths" says. */
struct err *credentials_parse(struct str text, const char *host, const char *repository,
			      char **helper, struct credentials *out, bool *found);

/* base64 with or without padding into text; NULL if it is malformed or holds NUL before its end.
 * The caller frees it. */
char *credentials_base64_decode(struct str s);

#endif
