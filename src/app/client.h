/* The registry client as the command line sets it up. */
#ifndef KILN_APP_CLIENT_H
#define KILN_APP_CLIENT_H

#include "app/options.h"
#include "registry/client.h"

/* What was given for an option, NULL-terminated; the caller frees the array. */
const char **client_words(const struct invocation *in, const char *option);
/* What is wrong with the words of --registry-mirror and --insecure-registry. */
struct err *client_check(const struct invocation *in);
/* From --registry-mirror and --insecure-registry; `cancel_fd` (see cancel.h) must outlive the
 * client. */
struct err *client_open(const struct invocation *in, const int *cancel_fd,
			struct registry_client **out);

#endif
