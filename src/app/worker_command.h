/* kiln worker. */
#ifndef KILN_APP_WORKER_COMMAND_H
#define KILN_APP_WORKER_COMMAND_H

#include "app/options.h"

int worker_command(const struct invocation *in);

#endif
