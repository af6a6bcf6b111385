/* kiln inspect. */
#ifndef KILN_APP_INSPECT_H
#define KILN_APP_INSPECT_H

#include "app/options.h"

int inspect_command(const struct invocation *in);

#endif
