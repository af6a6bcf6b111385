/* What source.c, source_change.c and delivery.c share: a code source with its sealed secrets. */
#ifndef KILN_PIPELINE_SOURCE_PRIV_H
#define KILN_PIPELINE_SOURCE_PRIV_H

#include "pipeline/pipeline_priv.h"

struct pipeline_source_row {
	struct pipeline_source s;
	const char *secret, *hook_secret,
		*hook_secret_before; /* sealed; NULL where there is none */
};
struct err *pipeline_source_load(struct pipeline *p, struct arena *a, struct str id, bool *found,
				 struct pipeline_source_row *out);
/* ERR_NOT_FOUND code NOT_FOUND. */
struct err *pipeline_source_need(struct pipeline *p, struct arena *a, struct str id,
				 struct pipeline_source_row *out);

/* `what` is "secret" or "hook". The text is in the arena. */
struct err *pipeline_source_unseal(struct pipeline *p, struct arena *a, const char *id,
				   const char *what, const char *sealed, struct str *out);

#endif
