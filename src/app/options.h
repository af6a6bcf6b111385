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

enum option_kind { /* what a value is held against; what is wrong with it is known offline */
		   OPTION_TEXT,
		   OPTION_NUMBER,    /* from `least` to `most` */
		   OPTION_PAIR,      /* NAME=VALUE */
		   OPTION_PLATFORM,  /* of any kind */
		   OPTION_PLATFORMS, /* those kiln builds for, with commas */
		   OPTION_TIME,      /* RFC 3339 */
};

struct option {
	const char *name;  /* "platform" */
	char letter;       /* 'f', or 0 */
	const char *value; /* what the value is called in help: "P[,P]"; NULL: a switch */
	const char *help;
	const char *words; /* the values it can have, "auto|tty|plain|json"; NULL: any */
	bool many;         /* may be given more than once */
	enum option_kind kind;
	long long least, most;
};

struct command;
struct invocation {
	const struct command *command;
	struct option_values *values; /* owned; by option of the command */
	const char **args;            /* owned array; what is no option */
	size_t n_args;
};

struct command {
	const char *name; /* "build", or of two words: "repo create" */
	const char *args; /* "CONTEXT", "NAME[:TAG] [COMMAND...]" */
	const char *summary;
	const char *text;             /* for the man page; paragraphs separated by newlines */
	const struct option *options; /* ended by a NULL name */
	int least_args, most_args;    /* most -1: any */
	bool rest_is_command;         /* options end at the second argument */
	int (*run)(const struct invocation *in); /* the exit code */
};

/* Both ended by a NULL name: what works on this machine (main.c), what asks a server. */
extern const struct command local_commands[], service_commands[];
/* All of them in the order of the help, ended by NULL. */
const struct command *const *command_list(void);
/* The command that `argv` begins with, and how many words of it that is; NULL: none. */
const struct command *command_find(int argc, char **argv, int *n_words);

/* ERR_INVALID says what is wrong with the words, with "did you mean". */
struct err *options_parse(const struct command *c, int argc, char **argv, struct invocation *out);
void invocation_done(struct invocation *in);
/* The last value of an option; NULL if it was not given. A switch that was given is "". */
const char *option_get(const struct invocation *in, const char *name);
const struct option_values *option_all(const struct invocation *in, const char *name);

void options_help(FILE *to, const struct command *c); /* NULL: of the program */
/* The commands whose first word is `group`. */
void options_help_group(FILE *to, const char *group);
void options_man(FILE *to);                                  /* roff */
struct err *options_completion(FILE *to, const char *shell); /* bash, zsh, fish */

#endif
