/* The command line: one table of commands and options that the parser, the help, the man page and
 * the shell completion are made from. */
#ifndef KILN_APP_OPTIONS_H
#define KILN_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

struct option_values {  /* what was given, in order */
	const char **v; /* owned array of borrowed words */
	size_t n, cap;
};

struct option {
	const char *name;  /* "platform" */
	char letter;       /* 'f', or 0 */
	const char *value; /* what the value is called in help: "P[,P]"; NULL: a switch */
	const char *help;
	const char *words; /* the values it can have, "auto|tty|plain|json"; NULL: any */
	bool many;         /* may be given more than once */
};

struct command;
struct invocation {
	const struct command *command;
	struct option_values *values; /* owned; by option of the command */
	const char **args;            /* owned array; what is no option */
	size_t n_args;
};

struct command {
	const char *name;
	const char *args; /* "CONTEXT", "NAME[:TAG] [COMMAND...]" */
	const char *summary;
	const char *text;             /* for the man page; paragraphs separated by newlines */
	const struct option *options; /* ended by a NULL name */
	int least_args, most_args;    /* most -1: any */
	bool rest_is_command;         /* options end at the second argument */
	int (*run)(const struct invocation *in); /* the exit code */
};

extern const struct command commands[]; /* ended by a NULL name */

/* ERR_INVALID says what is wrong with the words, with "did you mean". */
struct err *options_parse(const struct command *c, int argc, char **argv, struct invocation *out);
void invocation_done(struct invocation *in);
/* The last value of an option; NULL if it was not given. A switch that was given is "". */
const char *option_get(const struct invocation *in, const char *name);
const struct option_values *option_all(const struct invocation *in, const char *name);

void options_help(FILE *to, const struct command *c);        /* NULL: of the program */
void options_man(FILE *to);                                  /* roff */
struct err *options_completion(FILE *to, const char *shell); /* bash, zsh, fish */

#endif
