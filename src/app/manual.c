/* Help, man page and shell completion, all made from the table of commands. */
#include <stdlib.h>

#include "app/options.h"
#include "base/str.h"

/* --- help ----------------------------------------------------------------------------------- */

static void help_option(FILE *to, const struct option *o)
{
	own_mem char *letter = o->letter ? mem_printf("-%c, ", o->letter) : mem_strdup("    ");
	own_mem char *left = mem_printf("  %s--%s%s%s", letter, o->name, o->value ? " " : "",
					o->value ? o->value : "");
	if (strlen(left) > 30)
		fprintf(to, "%s\n%-32s%s\n", left, "", o->help);
	else
		fprintf(to, "%-32s%s\n", left, o->help);
}

void options_help(FILE *to, const struct command *c)
{
	if (!c) {
		fprintf(to,
			"kiln builds one image tag for every architecture.\n\nUsage: kiln COMMAND [OPTIONS]\n\nCommands:\n");
		for (c = commands; c->name; c++)
			fprintf(to, "  %-14s%s\n", c->name, c->summary);
		fprintf(to,
			"\n  kiln COMMAND --help explains one; kiln --version tells the version.\n");
		return;
	}
	fprintf(to, "%s\n\nUsage: kiln %s%s%s%s\n", c->summary, c->name,
		c->options->name ? " [OPTIONS]" : "", c->args[0] ? " " : "", c->args);
	if (c->options->name)
		fprintf(to, "\nOptions:\n");
	for (const struct option *o = c->options; o->name; o++)
		help_option(to, o);
	if (c->text)
		fprintf(to, "\n%s\n", c->text);
}

/* --- man page ------------------------------------------------------------------------------- */

static void roff(FILE *to, const char *text)
{
	bool line_start = true;
	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", to);
		line_start = *text == '\n';
		if (*text == '\\')
			fputs("\\e", to);
		else if (*text == '-')
			fputs("\\-", to);
		else
			fputc(*text, to);
	}
}

static void man_command(FILE *to, const struct command *c)
{
	fprintf(to, ".SS \"kiln %s ", c->name);
	roff(to, c->args);
	fputs("\"\n", to);
	roff(to, c->summary);
	fputc('\n', to);
	if (c->text) {
		fputs(".PP\n", to);
		roff(to, c->text);
		fputc('\n', to);
	}
	for (const struct option *o = c->options; o->name; o++) {
		fputs(".TP\n.B ", to);
		if (o->letter)
			fprintf(to, "\\-%c, ", o->letter);
		fputs("\\-\\-", to);
		roff(to, o->name);
		if (o->value) {
			fputs(" ", to);
			roff(to, o->value);
		}
		fputc('\n', to);
		roff(to, o->help);
		fputc('\n', to);
	}
}

static const char man_head[] =
	".TH KILN 1 \"\" \"kiln " KILN_VERSION "\" \"User Commands\"\n"
	".SH NAME\nkiln \\- builds one image tag for every architecture\n"
	".SH SYNOPSIS\n.B kiln\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n.br\n.B kiln\n\\-\\-version\n"
	".SH DESCRIPTION\n"
	"kiln turns a Dockerfile into one image for linux/amd64, linux/arm64, linux/arm/v7 and linux/arm/v6, and serves it "
	"from its own OCI registry. It needs neither a Docker engine nor root: every build runs in a user namespace of its "
	"own, its steps are run by crun, and programs of other architectures by qemu\\-user.\n"
	".SH COMMANDS\n";

static const char man_examples[] =
	".SH EXAMPLES\n"
	"Serve a registry on this machine:\n.PP\n.nf\n.RS\nkiln serve\n.RE\n.fi\n.PP\n"
	"Build the directory for two platforms and publish it there under one tag:\n.PP\n.nf\n.RS\n"
	"kiln build \\-\\-push \\-t 127.0.0.1:8080/me/app:1 \\-\\-platform linux/amd64,linux/arm64 .\n.RE\n.fi\n.PP\n"
	"Run one of them, also where it is not the machine's own:\n.PP\n.nf\n.RS\n"
	"kiln run \\-\\-platform linux/arm64 127.0.0.1:8080/me/app:1\n.RE\n.fi\n.PP\n"
	"Keep the image in the data directory, and look at it:\n.PP\n.nf\n.RS\n"
	"kiln build \\-t app .\nkiln inspect app\n.RE\n.fi\n.PP\n"
	"Write it to a file:\n.PP\n.nf\n.RS\n"
	"kiln build \\-o type=oci,dest=app.tar \\-t app \\-\\-platform linux/arm/v6,linux/arm/v7 .\n.RE\n.fi\n";

static const char man_files[] =
	".SH FILES\n"
	".TP\n.I DATA/kiln.db\nTags, manifests and the build cache (SQLite).\n"
	".TP\n.I DATA/blobs/\nManifests, configurations and layers by digest.\n"
	".TP\n.I DATA/uploads/\nWhat is being written, and what may not be on the disk yet.\n"
	".TP\n.I DATA/layers/\nUnpacked layers; kiln prune removes them.\n"
	".TP\n.I DATA/contexts/\nDigests of the files of build contexts.\n"
	".TP\n.I CONTEXT/Dockerfile\nWhat is built.\n"
	".TP\n.I CONTEXT/.dockerignore\nWhat of the context is left out; a file NAME.dockerignore beside the Dockerfile NAME "
	"wins.\n"
	".TP\n.I ~/.docker/config.json\nLogins for registries, and credential helpers. Then "
	"\\fI$XDG_RUNTIME_DIR/containers/auth.json\\fR.\n"
	".TP\n.I /etc/subuid\\fR, \\fI/etc/subgid\nThe further ids that an ordinary user's builds have.\n"
	".PP\nDATA is what \\-\\-data says, else $KILN_DATA, else /var/lib/kiln for root, else $XDG_DATA_HOME/kiln or "
	"~/.local/share/kiln.\n";

static const char man_environment[] =
	".SH ENVIRONMENT\n"
	".TP\n.B KILN_DATA\nThe data directory, where \\-\\-data is not given.\n"
	".TP\n.B SOURCE_DATE_EPOCH\nSeconds since 1970: no file and no image of a build is younger than this. A \\-\\-build\\-arg "
	"of that name wins.\n"
	".TP\n.B DOCKER_CONFIG\nDirectory of config.json with the logins for registries.\n"
	".TP\n.B http_proxy\\fR, \\fBhttps_proxy\\fR, \\fBall_proxy\\fR, \\fBno_proxy\nThe way to registries; loopback addresses "
	"are asked directly. Steps see a proxy only by \\-\\-build\\-arg.\n"
	".TP\n.B SSL_CERT_FILE\\fR, \\fBSSL_CERT_DIR\nCertificates that are trusted.\n"
	".TP\n.B NO_COLOR\nNo colours on the terminal.\n"
	".TP\n.B PATH\nWhere crun, qemu\\-user, newuidmap and credential helpers are looked for.\n";

static const char man_exit[] =
	".SH EXIT STATUS\n"
	".TP\n.B 0\nDone.\n.TP\n.B 1\nThe build or the request failed.\n.TP\n.B 2\nThe command line is wrong.\n"
	".TP\n.B 130\nCanceled.\n"
	".PP\n.B kiln run\nends as the program in the image did, with 128 and the number of the signal when one ended it.\n"
	".SH SEE ALSO\n.BR crun (1),\n.BR qemu (1),\n.BR newuidmap (1),\n.BR user_namespaces (7)\n";

void options_man(FILE *to)
{
	fputs(man_head, to);
	for (const struct command *c = commands; c->name; c++)
		man_command(to, c);
	fputs(man_examples, to);
	fputs(man_files, to);
	fputs(man_environment, to);
	fputs(man_exit, to);
}

/* --- completion ----------------------------------------------------------------------------- */

static void words_of(FILE *to, const char *words)
{
	for (; *words; words++)
		fputc(*words == '|' ? ' ' : *words, to);
}

static void bash(FILE *to)
{
	fputs("_kiln() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd=${COMP_WORDS[1]}\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '",
	      to);
	for (const struct command *c = commands; c->name; c++)
		fprintf(to, "%s ", c->name);
	fputs("' -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase \"$cmd $prev\" in\n", to);
	for (const struct command *c = commands; c->name; c++)
		for (const struct option *o = c->options; o->name; o++)
			if (o->words) {
				fprintf(to, "\t'%s --%s') COMPREPLY=($(compgen -W '", c->name,
					o->name);
				words_of(to, o->words);
				fputs("' -- \"$cur\")); return;;\n", to);
			}
	fputs("\tesac\n\tcase \"$cmd\" in\n", to);
	for (const struct command *c = commands; c->name; c++) {
		fprintf(to, "\t%s) [ \"${cur#-}\" != \"$cur\" ] && COMPREPLY=($(compgen -W '",
			c->name);
		for (const struct option *o = c->options; o->name; o++)
			fprintf(to, "--%s ", o->name);
		fputs("' -- \"$cur\"));;\n", to);
	}
	fputs("\tesac\n}\ncomplete -o default -F _kiln kiln\n", to);
}

/* Inside single quotes. zsh: the characters that _arguments takes for its own are escaped too. */
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

static void zsh(FILE *to)
{
	fputs("#compdef kiln\n_kiln() {\n\tif (( CURRENT == 2 )); then\n\t\tlocal -a commands=(",
	      to);
	for (const struct command *c = commands; c->name; c++) {
		fprintf(to, "\n\t\t\t'%s:", c->name);
		quoted(to, c->summary, ":\\");
		fputc('\'', to);
	}
	fputs("\n\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n"
	      "\tlocal command=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $command in\n",
	      to);
	for (const struct command *c = commands; c->name; c++) {
		fprintf(to, "\t%s)\n\t\t_arguments", c->name);
		for (const struct option *o = c->options; o->name; o++)
			zsh_option(to, o);
		fputs(" \\\n\t\t\t'*:argument:_files' ;;\n", to);
	}
	fputs("\tesac\n}\n_kiln \"$@\"\n", to);
}

static void fish(FILE *to)
{
	for (const struct command *c = commands; c->name; c++) {
		fprintf(to, "complete -c kiln -n __fish_use_subcommand -f -a %s -d '%s'\n", c->name,
			c->summary);
		for (const struct option *o = c->options; o->name; o++) {
			fprintf(to, "complete -c kiln -n '__fish_seen_subcommand_from %s' -l %s",
				c->name, o->name);
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
