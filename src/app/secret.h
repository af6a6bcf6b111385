/* Passwords and tokens: from standard input, from a file, or asked for at the terminal. */
#ifndef KILN_APP_SECRET_H
#define KILN_APP_SECRET_H

#include "base/err.h"

/* What stands there, without the newline at its end. ERR_INVALID when that is nothing, or not
 * UTF-8. The caller frees it. */
struct err *secret_stdin(char **out);
struct err *secret_file(const char *path, char **out); /* "-" is standard input */
/* A line typed at the terminal, which does not show it. ERR_INVALID without a terminal, with
 * `otherwise`, which says what to do then; ERR_CANCELED for ^C and for nothing. The caller frees
 * it. */
struct err *secret_ask(const char *prompt, const char *otherwise, char **out);
/* The same, shown and without blanks around it: for a name. */
struct err *secret_ask_name(const char *prompt, const char *otherwise, char **out);

#endif
