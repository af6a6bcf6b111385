/* A configuration file: the options of a command by name, as JSON. Texts, numbers, true for a
 * switch, lists for what may be given often. */
#ifndef KILN_APP_CONFIG_H
#define KILN_APP_CONFIG_H

#include "app/options.h"
#include "codec/json.h"

struct config {
	json_t *json; /* owned; NULL: there is no file */
	char **words; /* owned; texts of numbers */
	size_t n, cap;
};

/* The invocation with what its option `config` names filled in where the command line says nothing.
 * Unknown names and wrong types are ERR_INVALID. `out` borrows from both; end with config_done().
 */
struct err *config_read(const struct invocation *in, struct config *c, struct invocation *out);
void config_done(struct config *c, struct invocation *out);

#endif
