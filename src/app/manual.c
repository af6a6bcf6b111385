/* Help and man page, made from the tables of commands. */
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
		for (const struct command *const *l = command_list(); *l; l++)
			fprintf(to, "  %-22s%s\n", (*l)->name, (*l)->summary);
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

void options_help_group(FILE *to, const char *group)
{
	struct str word = str_of(group);
	fprintf(to, "Usage: kiln %s COMMAND [OPTIONS]\n\nCommands:\n", group);
	for (const struct command *const *c = command_list(); *c; c++) {
		struct str name = str_of((*c)->name);
		if (str_starts(name, word) && (name.len == word.len || name.p[word.len] == ' '))
			fprintf(to, "  %-22s%s\n", (*c)->name, (*c)->summary);
	}
	fprintf(to, "\n  kiln %s COMMAND --help explains one.\n", group);
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
	".TP\n.I ~/.config/kiln/login.json\nTokens of kiln login, by server; \\fI$XDG_CONFIG_HOME/kiln/login.json\\fR where that is "
	"set.\n"
	".TP\n.I /etc/subuid\\fR, \\fI/etc/subgid\nThe further ids that an ordinary user's builds have.\n"
	".PP\nDATA is what \\-\\-data says, else $KILN_DATA, else /var/lib/kiln for root, else $XDG_DATA_HOME/kiln or "
	"~/.local/share/kiln.\n";

static const char man_environment[] =
	".SH ENVIRONMENT\n"
	".TP\n.B KILN_DATA\nThe data directory, where \\-\\-data is not given.\n"
	".TP\n.B KILN_SERVER\\fR, \\fBKILN_TOKEN\\fR, \\fBKILN_CONFIG\nThe server, the token, and the file with the tokens, for the "
	"commands that ask a server.\n"
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
	".TP\n.B 0\nDone.\n.TP\n.B 1\nThe build or the request failed: not found, refused, the server is away.\n"
	".TP\n.B 2\nThe command line is wrong, and nothing was begun or asked.\n"
	".TP\n.B 130\nCanceled.\n"
	".PP\n.B kiln run\nends as the program in the image did, with 128 and the number of the signal when one ended it.\n"
	".SH SEE ALSO\n.BR crun (1),\n.BR qemu (1),\n.BR newuidmap (1),\n.BR user_namespaces (7)\n";

void options_man(FILE *to)
{
	fputs(man_head, to);
	for (const struct command *const *c = command_list(); *c; c++)
		man_command(to, *c);
	fputs(man_examples, to);
	fputs(man_files, to);
	fputs(man_environment, to);
	fputs(man_exit, to);
}
