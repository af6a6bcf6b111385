/* kiln serve. */
#ifndef KILN_APP_SERVE_COMMAND_H
#define KILN_APP_SERVE_COMMAND_H

#include "app/options.h"

int serve_command(const struct invocation *in);

#endif
