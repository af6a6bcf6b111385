/* kiln build. */
#ifndef KILN_APP_BUILD_H
#define KILN_APP_BUILD_H

#include "app/options.h"

int build_command(const struct invocation *in);

#endif
