/* kiln run. */
#ifndef KILN_APP_RUN_H
#define KILN_APP_RUN_H

#include "app/options.h"

int run_command(const struct invocation *in);

#endif
