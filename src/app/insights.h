/* kiln insights: what the builds of the last days say together. */
#ifndef KILN_APP_INSIGHTS_H
#define KILN_APP_INSIGHTS_H

#include "app/options.h"

int insights_command(const struct invocation *in);

#endif
