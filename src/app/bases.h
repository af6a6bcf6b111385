/* Where the names of base images lead: registries, asked as the embedded worker asks them for a
 * build, and kiln's own, which is looked up.
 *
 * Our own are the names at the host of --external-url, and at the address that the embedded worker
 * knows us by. A build may read the public repositories there and those of its namespace. */
#ifndef KILN_APP_BASES_H
#define KILN_APP_BASES_H

#include "pipeline/pipeline.h"

struct bases;

struct bases_options {
	struct auth *auth; /* borrowed, as all is */
	struct catalog *catalog;
	const char *const *mirrors, *const *insecure; /* NULL-terminated; may be NULL */
	const char *external_url;                     /* NULL: none */
	bool all_may_pull;                            /* whatever is there */
};
void bases_open(const struct bases_options *o, struct bases **out);
/* What the pipeline asks; it lives as long as `b`. Questions wait for bases_serve(). */
const struct pipeline_registries *bases_registries(const struct bases *b);
/* Where the server listens, which is known once it does. */
void bases_serve(struct bases *b, const char *address);
/* Ends what is being asked, and all that is asked from now on: ERR_CANCELED. NULL is fine. */
void bases_stop(struct bases *b);
void bases_free(struct bases *b);

#endif
