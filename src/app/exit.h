/* How a command ends. */
#ifndef KILN_APP_EXIT_H
#define KILN_APP_EXIT_H

#include "base/err.h"

/* Prints "kiln: …" on standard error, frees `e`, and returns the exit code: 0 for none, 130 for
 * canceled, else 1. */
int exit_with(struct err *e);
/* The command line is wrong, and nothing was begun: as above, but 2 for 1. */
int exit_usage(struct err *e);

#endif
