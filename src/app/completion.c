/* Completion for bash, zsh and fish, made from the tables of commands. A command of two words is
 * completed word by word. */
#include <stdlib.h>

#include "app/options.h"
#include "base/str.h"

static struct str first_word(const struct command *c)
{
	struct str rest = str_of(c->name);
	return str_cut(&rest, ' ');
}

static const char *second_word(const struct command *c)
{
	const char *space = strchr(c->name, ' ');
	return space ? space + 1 : NULL;
}

/* Is it the first of the list with its first word? */
static bool is_new(const struct command *const *c)
{
	for (const struct command *const *d = command_list(); d != c; d++)
		if (str_eq(first_word(*d), first_word(*c)))
			return false;
	return true;
}

static bool is_group(struct str word)
{
	for (const struct command *const *c = command_list(); *c; c++)
		if (second_word(*c) && str_eq(first_word(*c), word))
			return true;
	return false;
}

static void words_of(FILE *to, const char *words)
{
	for (; *words; words++)
		fputc(*words == '|' ? ' ' : *words, to);
}

/* Inside single quotes. `special` are characters that the shell's helper takes for its own. */
static void quoted(FILE *to, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", to);
		else if (strchr(special, *text))
			fprintf(to, "\\%c", *text);
		else
			fputc(*text, to);
	}
}

/* What `kiln WORD` and a group's name are told as. */
static const char *summary_of(const struct command *c)
{
	return second_word(c) ? "see its commands" : c->summary;
}

/* ---- bash ---- */

static void bash_second_words(FILE *to)
{
	for (const struct command *const *c = command_list(); *c; c++) {
		if (!is_new(c) || !is_group(first_word(*c)))
			continue;
		fprintf(to, "\t\t" STR_FMT ") COMPREPLY=($(compgen -W '", STR_ARG(first_word(*c)));
		for (const struct command *const *d = c; *d; d++)
			if (second_word(*d) && str_eq(first_word(*d), first_word(*c)))
				fprintf(to, "%s ", second_word(*d));
		fputs("' -- \"$cur\"));;\n", to);
	}
}

static void bash_values(FILE *to)
{
	for (const struct command *const *c = command_list(); *c; c++)
		for (const struct option *o = (*c)->options; o->name; o++)
			if (o->words) {
				fprintf(to, "\t'%s --%s') COMPREPLY=($(compgen -W '", (*c)->name,
					o->name);
				words_of(to, o->words);
				fputs("' -- \"$cur\")); return;;\n", to);
			}
}

static void bash(FILE *to)
{
	fputs("_kiln() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd=${COMP_WORDS[1]}\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '",
	      to);
	for (const struct command *const *c = command_list(); *c; c++)
		if (is_new(c))
			fprintf(to, STR_FMT " ", STR_ARG(first_word(*c)));
	fputs("' -- \"$cur\"))\n\t\treturn\n\tfi\n"
	      "\tif [ \"$COMP_CWORD\" -eq 2 ] && [ \"${cur#-}\" = \"$cur\" ]; then\n\t\tcase \"$cmd\" in\n",
	      to);
	bash_second_words(to);
	fputs("\t\tesac\n\tfi\n\tcase \"$cmd\" in\n", to);
	for (const struct command *const *c = command_list(); *c; c++)
		if (is_new(c) && is_group(first_word(*c)))
			fprintf(to,
				"\t" STR_FMT
				") [ -n \"${COMP_WORDS[2]}\" ] && [ \"${COMP_WORDS[2]#-}\" = \"${COMP_WORDS[2]}\" ] && cmd=\"$cmd ${COMP_WORDS[2]}\";;\n",
				STR_ARG(first_word(*c)));
	fputs("\tesac\n\tcase \"$cmd $prev\" in\n", to);
	bash_values(to);
	fputs("\tesac\n\tcase \"$cmd\" in\n", to);
	for (const struct command *const *c = command_list(); *c; c++) {
		fprintf(to, "\t'%s') [ \"${cur#-}\" != \"$cur\" ] && COMPREPLY=($(compgen -W '",
			(*c)->name);
		for (const struct option *o = (*c)->options; o->name; o++)
			fprintf(to, "--%s ", o->name);
		fputs("' -- \"$cur\"));;\n", to);
	}
	fputs("\tesac\n}\ncomplete -o default -F _kiln kiln\n", to);
}

/* ---- zsh ---- */

static void zsh_option(FILE *to, const struct option *o)
{
	fputs(" \\\n\t\t\t", to);
	if (o->letter)
		fprintf(to, "%s{-%c,--%s}'", o->many ? "\\*" : "", o->letter, o->name);
	else
		fprintf(to, "'%s--%s", o->many ? "*" : "", o->name);
	fputc('[', to);
	quoted(to, o->help, "[]:\\");
	fputc(']', to);
	if (o->value) {
		fputc(':', to);
		quoted(to, o->value, "[]:\\");
		fputc(':', to);
		if (o->words) {
			fputc('(', to);
			words_of(to, o->words);
			fputc(')', to);
		} else {
			fputs("_files", to);
		}
	}
	fputc('\'', to);
}

static void zsh_groups(FILE *to)
{
	for (const struct command *const *c = command_list(); *c; c++) {
		if (!is_new(c) || !is_group(first_word(*c)))
			continue;
		fprintf(to,
			"\t" STR_FMT ")\n\t\tif (( CURRENT == 2 )); then\n\t\t\tlocal -a verbs=(",
			STR_ARG(first_word(*c)));
		for (const struct command *const *d = c; *d; d++) {
			if (!second_word(*d) || !str_eq(first_word(*d), first_word(*c)))
				continue;
			fprintf(to, "\n\t\t\t\t'%s:", second_word(*d));
			quoted(to, (*d)->summary, ":\\");
			fputc('\'', to);
		}
		fputs("\n\t\t\t)\n\t\t\t_describe command verbs\n\t\tfi\n"
		      "\t\tif [[ -n $words[2] && $words[2] != -* ]]; then\n"
		      "\t\t\tcommand=\"$command $words[2]\"\n\t\t\tshift words\n\t\t\t(( CURRENT-- ))\n\t\tfi ;;\n",
		      to);
	}
}

static void zsh(FILE *to)
{
	fputs("#compdef kiln\n_kiln() {\n\tif (( CURRENT == 2 )); then\n\t\tlocal -a commands=(",
	      to);
	for (const struct command *const *c = command_list(); *c; c++) {
		if (!is_new(c))
			continue;
		fprintf(to, "\n\t\t\t'" STR_FMT ":", STR_ARG(first_word(*c)));
		quoted(to, summary_of(*c), ":\\");
		fputc('\'', to);
	}
	fputs("\n\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n"
	      "\tlocal command=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $command in\n",
	      to);
	zsh_groups(to);
	fputs("\tesac\n\tcase $command in\n", to);
	for (const struct command *const *c = command_list(); *c; c++) {
		fprintf(to, "\t'%s')\n\t\t_arguments", (*c)->name);
		for (const struct option *o = (*c)->options; o->name; o++)
			zsh_option(to, o);
		fputs(" \\\n\t\t\t'*:argument:_files' ;;\n", to);
	}
	fputs("\tesac\n}\n_kiln \"$@\"\n", to);
}

/* ---- fish ---- */

static void fish_option(FILE *to, const struct command *c, const struct option *o)
{
	fputs("complete -c kiln -n '", to);
	fprintf(to, "__fish_seen_subcommand_from " STR_FMT, STR_ARG(first_word(c)));
	if (second_word(c))
		fprintf(to, "; and __fish_seen_subcommand_from %s", second_word(c));
	fprintf(to, "' -l %s", o->name);
	if (o->letter)
		fprintf(to, " -s %c", o->letter);
	if (o->value)
		fputs(" -r", to);
	if (o->words) {
		fputs(" -f -a '", to);
		words_of(to, o->words);
		fputs("'", to);
	}
	fputs(" -d '", to);
	quoted(to, o->help, "\\");
	fputs("'\n", to);
}

static void fish(FILE *to)
{
	for (const struct command *const *c = command_list(); *c; c++) {
		if (is_new(c)) {
			fprintf(to,
				"complete -c kiln -n __fish_use_subcommand -f -a " STR_FMT " -d '",
				STR_ARG(first_word(*c)));
			quoted(to, summary_of(*c), "\\");
			fputs("'\n", to);
		}
		if (second_word(*c)) {
			fprintf(to,
				"complete -c kiln -n '__fish_seen_subcommand_from " STR_FMT
				"' -f -a %s -d '",
				STR_ARG(first_word(*c)), second_word(*c));
			quoted(to, (*c)->summary, "\\");
			fputs("'\n", to);
		}
		for (const struct option *o = (*c)->options; o->name; o++)
			fish_option(to, *c, o);
	}
}

struct err *options_completion(FILE *to, const char *shell)
{
	if (strcmp(shell, "bash") == 0) {
		bash(to);
	} else if (strcmp(shell, "zsh") == 0) {
		zsh(to);
	} else if (strcmp(shell, "fish") == 0) {
		fish(to);
	} else {
		return err_new(ERR_INVALID, "no completion for %s: use bash, zsh or fish", shell);
	}
	return NULL;
}
