/* kiln retention: which tags of a repository go by themselves. */
#ifndef KILN_APP_RETENTION_H
#define KILN_APP_RETENTION_H

#include "app/options.h"

int retention_set_command(const struct invocation *in);
int retention_preview_command(const struct invocation *in);
int retention_run_command(const struct invocation *in); /* waits for the end of the run */

#endif
