/* The kiln program: the table of commands, and the way into them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/build.h"
#include "app/cancel.h"
#include "app/exit.h"
#include "app/inspect.h"
#include "app/job_command.h"
#include "app/options.h"
#include "app/prune.h"
#include "app/run.h"
#include "app/serve_command.h"
#include "app/worker_command.h"
#include "base/str.h"
#include "source/git.h"

#define OPTION_DATA                                                                                \
	{                                                                                          \
		"data", 0, "DIR",                                                                  \
			"where kiln keeps its data (default: $KILN_DATA, /var/lib/kiln for root, " \
			"$XDG_DATA_HOME/kiln else)",                                               \
			NULL, false                                                                \
	}
#define OPTION_MIRROR                                                                              \
	{                                                                                          \
		"registry-mirror", 0, "HOST=URL",                                                  \
			"ask URL first for images of HOST, as in docker.io=http://127.0.0.1:5000", \
			NULL, true                                                                 \
	}
#define OPTION_INSECURE                                                                        \
	{                                                                                      \
		"insecure-registry", 0, "HOST",                                                \
			"do not check certificates of HOST, and accept plain HTTP", NULL, true \
	}
#define OPTION_END                               \
	{                                        \
		NULL, 0, NULL, NULL, NULL, false \
	}

static const struct option build_options[] = {
	{ "file", 'f', "FILE",
	  "the Dockerfile (default: CONTEXT/Dockerfile; - reads standard input)", NULL, false },
	{ "tag", 't', "NAME[:TAG]", "name of the image", NULL, true },
	{ "platform", 0, "P[,P]",
	  "linux/amd64, linux/arm64, linux/arm/v7, linux/arm/v6 (default: this machine's)", NULL,
	  true },
	{ "build-arg", 0, "K=V", "value of an ARG; K alone takes it from the environment", NULL,
	  true },
	{ "target", 0, "STAGE", "build this stage instead of the last one", NULL, false },
	{ "no-cache", 0, NULL, "run every step again", NULL, false },
	{ "push", 0, NULL, "send the image to the registry in its name", NULL, false },
	{ "output", 'o', "type=T[,dest=PATH]",
	  "write oci, docker, tar, local, or push with registry; - is a tar on standard output",
	  NULL, true },
	{ "progress", 0, "MODE", "auto, tty, plain or json", "auto|tty|plain|json", false },
	{ "metadata-file", 0, "FILE", "write digests and names as JSON", NULL, false },
	{ "compression", 0, "KIND", "of new layers: gzip (default) or zstd", "gzip|zstd", false },
	{ "jobs", 'j', "N", "steps and compressors at once (default: by the number of processors)",
	  NULL, false },
	OPTION_MIRROR,
	OPTION_INSECURE,
	OPTION_DATA,
	OPTION_END,
};

static const struct option run_options[] = {
	{ "platform", 0, "P", "which of the image's platforms (default: this machine's)", NULL,
	  false },
	{ "rm", 0, NULL, "remove what the container wrote when it ends (always so)", NULL, false },
	OPTION_MIRROR,
	OPTION_INSECURE,
	OPTION_DATA,
	OPTION_END,
};

static const struct option inspect_options[] = {
	{ "json", 0, NULL, "print JSON", NULL, false },
	OPTION_MIRROR,
	OPTION_INSECURE,
	OPTION_DATA,
	OPTION_END,
};

static const struct option serve_options[] = {
	{ "listen", 0, "HOST:PORT", "address (default: 127.0.0.1:8080)", NULL, false },
	{ "external-url", 0, "URL", "what others reach the server by, as in https://kiln.example",
	  NULL, false },
	{ "anonymous", 0, "WHAT",
	  "what is allowed without a login: none, pull from public repositories (default), or push",
	  "none|pull|push", false },
	{ "slots", 0, "N",
	  "builds at once of the embedded worker; 0: none (default: the number of processors)",
	  NULL, false },
	{ "no-emulation", 0, NULL, "the embedded worker builds for this machine's own kind only",
	  NULL, false },
	{ "lease", 0, "SECONDS",
	  "a worker that was not heard of for so long loses its builds (default: 30)", NULL,
	  false },
	{ "endpoint-private", 0, NULL,
	  "outgoing webhooks may go to private networks and to this machine itself: whoever maintains a repository reaches what is there",
	  NULL, false },
	{ "endpoint-retry", 0, "SECONDS",
	  "the wait before a notification that failed is sent again; the next ones are 6, 30, 180 and 720 times as long (default: 10)",
	  NULL, false },
	{ "base-interval", 0, "SECONDS",
	  "how often the base images of rules that are built when one moves are asked for, at least 60; 0: only by kiln base check (default: 3600)",
	  NULL, false },
	{ "trusted-proxy", 0, "ADDRESS/BITS",
	  "a reverse proxy, whose X-Forwarded-For or Forwarded tells the client's address (repeatable)",
	  NULL, true },
	{ "session-idle", 0, "SECONDS",
	  "a session of the console that was not used for so long is over (default: 604800, 7 days)",
	  NULL, false },
	{ "session-life", 0, "SECONDS",
	  "how long one lasts from the sign-in at most (default: 2592000, 30 days)", NULL, false },
	{ "utc-offset", 0, "HH:MM", "of push times in image tags (default: +08:00)", NULL, false },
	{ "config", 0, "FILE",
	  "JSON with these options by name, as in {\"listen\": \"0.0.0.0:80\"}; the command line wins",
	  NULL, false },
	OPTION_MIRROR,
	OPTION_INSECURE,
	OPTION_DATA,
	OPTION_END,
};

static const struct option worker_options[] = {
	{ "server", 0, "URL", "the server to work for, as in https://kiln.example", NULL, false },
	{ "token-file", 0, "FILE", "holds the worker's token (kiln worker token NAME)", NULL,
	  false },
	{ "platform", 0, "P[,P]",
	  "what to build (default: all that this machine can run, natively or with qemu-user)",
	  NULL, true },
	{ "pool", 0, "NAME", "the pool it is meant for; which it is in, its token says", NULL,
	  false },
	{ "name", 0, "NAME", "the worker's name (default: the host's)", NULL, false },
	{ "slots", 0, "N", "builds at once (default: half the processors, at least two)", NULL,
	  false },
	{ "no-emulation", 0, NULL, "only what this machine runs natively", NULL, false },
	{ "embedded", 0, NULL, "the data directory is the server's (kiln serve says so)", NULL,
	  false },
	OPTION_INSECURE,
	OPTION_DATA,
	OPTION_END,
};

static const struct option prune_options[] = {
	OPTION_DATA,
	OPTION_END,
};

static const struct option no_options[] = { OPTION_END };

static int man_command(const struct invocation *in)
{
	options_man(stdout);
	return 0;
}

static int completion_command(const struct invocation *in)
{
	return exit_usage(options_completion(stdout, in->args[0]));
}

const struct command local_commands[] = {
	{ "build", "CONTEXT", "Build an image from a Dockerfile, for several platforms at once",
	  "Without --push and -o the image is kept in the data directory, where kiln run and kiln inspect find it.\n"
	  "Programs of other architectures run through qemu-user; no registration on the host is needed.",
	  build_options, 1, 1, false, build_command },
	{ "run", "NAME[:TAG] [COMMAND...]",
	  "Run a program of an image, also one for another architecture",
	  "The image comes from the data directory, or from the registry in its name.", run_options,
	  1, -1, true, run_command },
	{ "inspect", "NAME[:TAG]", "Show an image: platforms, digests, sizes, layers", NULL,
	  inspect_options, 1, 1, false, inspect_command },
	{ "serve", "", "Serve the registry over HTTP",
	  "It runs until SIGTERM or ^C. GET /healthz answers 200 while it is well.", serve_options,
	  0, 0, false, serve_command },
	{ "worker", "", "Build for a server on another machine",
	  "SIGTERM lets it finish its builds; a second one ends them.", worker_options, 0, 0, false,
	  worker_command },
	{ "prune", "", "Remove what builds can make again: unpacked layers and the build cache",
	  "Images in the data directory stay. It refuses while a build runs.", prune_options, 0, 0,
	  false, prune_command },
	{ "completion", "SHELL", "Print completion for bash, zsh or fish", NULL, no_options, 1, 1,
	  false, completion_command },
	{ "man", "", "Print the man page", NULL, no_options, 0, 0, false, man_command },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

int exit_with(struct err *e)
{
	if (!e)
		return 0;
	own_mem char *text = err_text(e);
	int code = e->kind == ERR_CANCELED ? 130 : 1;
	/* Who asked for it need not know where it happened. */
	fprintf(stderr, "kiln: %s\n", code == 130 ? "canceled" : text);
	err_free(e);
	return code;
}

int exit_usage(struct err *e)
{
	int code = exit_with(e);
	return code == 1 ? 2 : code;
}

static bool is_group(struct str word)
{
	for (const struct command *const *c = command_list(); *c; c++) {
		struct str name = str_of((*c)->name);
		if (name.len > word.len && str_starts(name, word) && name.p[word.len] == ' ')
			return true;
	}
	return false;
}

static int unknown_command(int argc, char **argv)
{
	struct str word = str_of(argv[0]);
	const char *names[256];
	size_t n = 0;
	bool group = is_group(word);
	for (const struct command *const *c = command_list(); *c && n < ARRAY_LEN(names); c++) {
		struct str name = str_of((*c)->name);
		if (!group)
			names[n++] = (*c)->name;
		else if (str_starts(name, word) && name.len > word.len && name.p[word.len] == ' ')
			names[n++] = (*c)->name + word.len + 1;
	}
	if (group && argc < 2)
		return exit_usage(err_new(ERR_INVALID,
					  "kiln %s needs to know what to do; kiln --help lists it",
					  argv[0]));
	const char *asked = argv[group ? 1 : 0], *near = str_nearest(str_of(asked), names, n);
	return exit_usage(
		err_new(ERR_INVALID, "unknown command %s%s%s%s%s%s; kiln --help lists them",
			group ? argv[0] : "", group ? " " : "", asked,
			near ? " (did you mean " : "", near ? near : "", near ? "?)" : ""));
}

static bool asks_help(int argc, char **argv, const struct command *c)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
		if (c->rest_is_command && argv[i][0] != '-')
			return false;
	}
	return false;
}

int main(int argc, char **argv)
{
	cancel_at_once();
	int n_words = 0;
	/* Not for people: what other parts of kiln start. */
	if (argc == 2 && strcmp(argv[1], "build-job") == 0)
		return job_command();
	if (argc > 2 && strcmp(argv[1], "git-guard") == 0)
		return exit_with(source_git_guard(argc - 2, argv + 2));
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		options_help(argc < 2 ? stderr : stdout,
			     argc > 2 ? command_find(argc - 2, argv + 2, &n_words) : NULL);
		return argc < 2 ? 2 : 0;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		puts("kiln " KILN_VERSION);
		return 0;
	}
	const struct command *c = command_find(argc - 1, argv + 1, &n_words);
	if (!c && argc == 3 && is_group(str_of(argv[1])) &&
	    (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
		options_help_group(stdout, argv[1]);
		return 0;
	}
	if (!c)
		return unknown_command(argc - 1, argv + 1);
	argc -= 1 + n_words;
	argv += 1 + n_words;
	if (asks_help(argc, argv, c)) {
		options_help(stdout, c);
		return 0;
	}
	struct invocation in;
	struct err *e = options_parse(c, argc, argv, &in);
	if (e)
		return exit_usage(e);
	int code = c->run(&in);
	invocation_done(&in);
	return code;
}
