/* What report.c and report_send.c share with each other and with tell.c. */
#ifndef KILN_PIPELINE_REPORT_PRIV_H
#define KILN_PIPELINE_REPORT_PRIV_H

#include "pipeline/report.h"
#include "pipeline/source_priv.h"
#include "pipeline/tell_priv.h"
#include "source/status.h"

/* The template with the repository's name in it. */
const char *pipeline_report_context(struct arena *a, const char *context, const char *repository);
/* What a status says of its source: provider, url, username, whether there is a token (its text is
 * not in `s`) and whether there are links. */
struct err *pipeline_report_source(struct pipeline *p, struct arena *a,
				   const struct pipeline_source_row *row, struct source_status *s);

/* ---- report_send.c ---- */

extern const struct pipeline_tell_kind pipeline_report_kind; /* by repository */

/* One build of a commit, and what all of them together are. Pure. */
struct pipeline_report_build {
	const char *id, *rule_id, *ref, *error_code; /* rule_id, error_code: NULL */
	int64_t seq;
	enum pipeline_status status;
	bool superseded;
};
struct pipeline_report_state {
	enum source_state state;
	const struct pipeline_report_build *build; /* that it is of: the newest of that state */
	char text[SOURCE_STATUS_TEXT + 1];
};
/* `v`: the newest first, at least one. */
void pipeline_report_state(const struct pipeline_report_build *v, size_t n,
			   struct pipeline_report_state *out);

#endif
