/* Commands about builds and repositories that are more than one request. */
#ifndef KILN_APP_BUILDS_H
#define KILN_APP_BUILDS_H

#include "app/options.h"

int repo_create_command(const struct invocation *in);
int builds_start_command(const struct invocation *in);
int builds_logs_command(const struct invocation *in);

#endif
