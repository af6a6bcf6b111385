/* kiln prune. */
#ifndef KILN_APP_PRUNE_H
#define KILN_APP_PRUNE_H

#include "app/options.h"

int prune_command(const struct invocation *in);

#endif
