/* Where a registry's images may be pulled from: its mirrors in the order given. Pure. */
#ifndef KILN_REGISTRY_MIRRORS_H
#define KILN_REGISTRY_MIRRORS_H

#include "base/err.h"

struct mirror {
	char *host;   /* owned; whose mirror it is: "docker.io" */
	char *origin; /* owned; "https://mirror.example:5000" */
	char *at;     /* owned; "mirror.example:5000" */
	char *prefix; /* owned; before the repository's name: "" or "hub/" */
	bool tls;
};

struct mirrors {
	struct mirror *v; /* owned */
	size_t n, cap;
};

/* Reads "HOST=URL" each, NULL-terminated (NULL: none). The URL is http or https, which may be left
 * out for https, or for http on loopback; its path, without a leading "/v2/", goes before the
 * repository's name. ERR_INVALID names the text. */
struct err *mirrors_parse(const char *const *texts, struct mirrors *out);
void mirrors_done(struct mirrors *m);
/* The first mirror of `host` behind `after` (NULL: the very first), or NULL. Docker Hub's names are
 * one host. */
const struct mirror *mirrors_next(const struct mirrors *m, const char *host,
				  const struct mirror *after);

/* "docker.io" for every name that Docker Hub goes by, else `host`. */
const char *mirrors_canonical_host(const char *host);

#endif
