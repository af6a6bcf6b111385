/* The commands that talk to a server, and their options. What they ask is in service_calls.c. */
#include "app/builds.h"
#include "app/insights.h"
#include "app/options.h"
#include "app/password.h"
#include "app/rest.h"
#include "app/retention.h"

#define O_COMMON                                                                              \
	{                                                                                     \
		"server", 0,                                                                  \
		"URL",    "the server (default: where kiln login was last, or $KILN_SERVER)", \
		NULL,     false                                                               \
	},                                                                                    \
		{ "json", 0, NULL, "print JSON", NULL, false },                               \
	{                                                                                     \
		NULL, 0, NULL, NULL, NULL, false                                              \
	}
#define O_PAGE                                                                                   \
	{                                                                                        \
		"limit",       'n', "N", "how many, 1 to 500 (default: 50)", NULL, false,        \
		OPTION_NUMBER, 1,   500                                                          \
	},                                                                                       \
	{                                                                                        \
		"cursor", 0, "CURSOR", "go on where the list before ended, which said it", NULL, \
			false                                                                    \
	}

static const struct option plain_options[] = { O_COMMON };
static const struct option list_options[] = { O_PAGE, O_COMMON };

static const struct option login_options[] = {
	{ "username", 'u', "NAME", "user name (asked for otherwise)", NULL, false },
	{ "password-stdin", 0, NULL, "read the password from standard input", NULL, false },
	{ "token-stdin", 0, NULL, "read a token from standard input instead", NULL, false },
	O_COMMON
};

/* ---- namespaces ---- */

static const struct option namespace_options[] = {
	{ "auto-create", 0, "yes|no", "a push makes the image repository (default: yes)", "yes|no",
	  false },
	{ "default-type", 0, "TYPE", "of such ones: PUBLIC or PRIVATE (default)", "PUBLIC|PRIVATE",
	  false },
	O_COMMON
};
static const struct option grant_options[] = {
	{ "repository", 0, "NAME", "in this repository of the namespace only", NULL, false },
	O_COMMON
};
static const struct option revoke_options[] = {
	{ "repository", 0, "NAME",
	  "the role in this repository of the namespace (default: that in the whole namespace)",
	  NULL, false },
	O_COMMON
};

/* ---- sources ---- */

#define PROVIDERS "GITHUB|GITLAB|GITEA|GITEE|BITBUCKET|BITBUCKET_SERVER|CODEUP|GIT|KILN"
#define O_SOURCE                                                                                     \
	{ "url", 0, "URL", "https://..., ssh://... or user@host:path", NULL, false },                \
		{ "username", 'u', "NAME", "of the credential", NULL, false },                       \
		{ "secret-stdin", 0,    NULL, "read the password or token from standard input",      \
		  NULL,           false },                                                           \
		{ "ssh-key", 0, NULL, "make a deploy key and print its public half", NULL, false },  \
		{ "submodules", 0, "yes|no", "fetch submodules too", "yes|no", false },              \
		{ "depth",       0, "N",       "commits of history to fetch; 0: all", NULL, false,   \
		  OPTION_NUMBER, 0, UINT32_MAX },                                                    \
		{ "allow-private", 0, "yes|no", "private addresses may be asked", "yes|no", false }, \
	{                                                                                            \
		"poll", 0, "SECONDS", "look at the refs so often (default: 300; 0: never)", NULL,    \
			false, OPTION_NUMBER, 0, UINT32_MAX                                          \
	}
static const struct option source_create_options[] = {
	{ "provider", 0, "P", "who hosts it (default: GIT)", PROVIDERS, false }, O_SOURCE, O_COMMON
};
static const struct option source_update_options[] = { O_SOURCE, O_COMMON };
static const struct option source_list_options[] = {
	{ "namespace", 0, "NAME", "of this namespace only", NULL, false }, O_PAGE, O_COMMON
};
static const struct option deliveries_options[] = {
	{ "repo", 0, "NS/NAME", "that made builds of this repository", NULL, false },
	O_PAGE,
	O_COMMON
};

/* ---- repositories ---- */

#define O_REPOSITORY                                                                             \
	{ "type", 0, "TYPE", "PUBLIC or PRIVATE (default)", "PUBLIC|PRIVATE", false },           \
		{ "immutable", 0, "yes|no", "no tag but latest can be moved", "yes|no", false }, \
		{ "accelerated", 0, "yes|no", "accelerated image", "yes|no", false },            \
		{ "summary", 0, "TEXT", "a line, at most 100 characters", NULL, false },         \
	{                                                                                        \
		"description", 0, "TEXT", "Markdown, at most 16 KiB", NULL, false                \
	}
#define O_BINDING                                                                                 \
	{ "auto-build", 0, "yes|no", "build when code changes (default: yes)", "yes|no", false }, \
		{ "pool", 0, "NAME", "of workers that build it", NULL, false },                   \
		{ "overseas", 0, NULL, "build on the worker pool overseas", NULL, false },        \
	{                                                                                         \
		"no-cache", 0, "yes|no", "build without cache, with fresh bases", "yes|no", false \
	}
static const struct option repo_create_options[] = {
	O_REPOSITORY,
	{ "source", 0, "NS/NAME", "build from this code source; kiln: from kiln's own Git remote",
	  NULL, false },
	O_BINDING,
	O_COMMON
};
static const struct option repo_update_options[] = { O_REPOSITORY, O_COMMON };
static const struct option repo_bind_options[] = { O_BINDING, O_COMMON };
static const struct option tag_list_options[] = {
	{ "filter", 0, "TEXT", "whose name contains it", NULL, false },
	{ "sort", 0, "ORDER", "name (default), or updated: the last change first", "name|updated",
	  false },
	O_PAGE,
	O_COMMON
};
static const struct option repo_list_options[] = {
	{ "namespace", 0, "NAME", "of this namespace only", NULL, false },
	{ "filter", 0, "TEXT", "whose name contains it", NULL, false },
	{ "source", 0, "ID", "built from this code source", NULL, false },
	{ "digest", 0, "DIGEST", "that have the manifest of this digest", NULL, false },
	O_PAGE,
	O_COMMON
};

/* ---- rules ---- */

static const struct option rule_options[] = {
	{ "branch", 0, "NAME", "build this branch; a name, or an expression with named groups",
	  NULL, false },
	{ "tag", 0, "NAME", "build this tag; likewise", NULL, false },
	{ "match", 0, "KIND", "is it a name or an expression (default: by its characters)",
	  "name|expression", false },
	{ "directory", 'd', "DIR", "of the Dockerfile: the build context (default: /)", NULL,
	  false },
	{ "file", 'f', "NAME", "of the Dockerfile, below the directory (default: Dockerfile)", NULL,
	  false },
	{ "image-tag", 't', "TEMPLATE",
	  "latest, ${group}, ${GIT_PUSH_DATE:yyyyMMdd}, ${GIT_COMMIT_ID:6}, joined by -; up to three",
	  NULL, true },
	{ "platform", 0, "P[,P]", "linux/amd64 (default), linux/arm64, linux/arm/v7, linux/arm/v6",
	  NULL, true, OPTION_PLATFORMS },
	{ "build-arg", 0, "K=V", "value of an ARG; up to 20", NULL, true, OPTION_PAIR },
	{ "policy", 0, "POLICY", "which platforms must succeed (default: all)",
	  "all|required|best_effort", false },
	{ "required", 0, "P[,P]", "those of the policy required", NULL, true, OPTION_PLATFORMS },
	{ "newer-push", 0, "WHAT", "cancel the older build of the ref (default), or wait for it",
	  "cancel|wait", false },
	{ "priority", 0, "N", "-100 to 100, higher first (default: 0)", NULL, false, OPTION_NUMBER,
	  -100, 100 },
	{ "time-limit", 0, "SECONDS", "of a build, 60 to 86400 (default: 3600)", NULL, false,
	  OPTION_NUMBER, 60, 86400 },
	{ "emulation", 0, "yes|no", "may be built by emulation (default: yes)", "yes|no", false },
	{ "enabled", 0, "yes|no", "pushes start it (default: yes)", "yes|no", false },
	{ "rebuild-on-base-update", 0, "yes|no",
	  "build it again when the name of a base image leads to another one (default: no)",
	  "yes|no", false },
	O_COMMON
};
static const struct option preview_options[] = {
	{ "ref", 0, "REF", "this ref (default: all of the source)", NULL, true },
	{ "rule", 0, "RULE", "this rule only", NULL, false },
	{ "conflicts", 0, NULL, "only tags that another rule writes too", NULL, false },
	O_COMMON
};

/* ---- builds ---- */

static const struct option schedule_options[] = {
	{ "rule", 0, "RULE", "build by this rule", NULL, false },
	{ "ref", 0, "REF",
	  "build the head of this branch or tag; needed for a rule with an expression", NULL,
	  false },
	{ "cron", 0, "EXPR", "when: minute hour day month weekday, as in '30 3 * * 1', or @daily",
	  NULL, false },
	{ "time-zone", 0, "ZONE", "whose clocks count, as in Europe/Berlin (default: UTC)", NULL,
	  false },
	{ "enabled", 0, "yes|no", "is it switched on (default: yes)", "yes|no", false },
	{ "no-cache", 0, "yes|no", "run every step, and take none from the cache (default: no)",
	  "yes|no", false },
	O_COMMON
};
static const struct option schedule_preview_options[] = {
	{ "time-zone", 0, "ZONE", "whose clocks count, as in Europe/Berlin (default: UTC)", NULL,
	  false },
	O_COMMON
};

#define EVENTS \
	"build.started, build.succeeded, build.failed, build.canceled, tag.written, tag.deleted"
#define O_ENDPOINT                                                                                     \
	{ "format",                                                                                    \
	  0,                                                                                           \
	  "F",                                                                                         \
	  "of what is sent: cloudevents (default), or slack for chat",                                 \
	  "cloudevents|slack",                                                                         \
	  false },                                                                                     \
		{ "event", 0, "E[,E]", "what it is told (default: all): " EVENTS, NULL, true },        \
		{ "sign", 0, "yes|no", "sign with a secret, which is printed once", "yes|no", false }, \
	{                                                                                              \
		"enabled", 0, "yes|no", "is anything sent to it? (default: yes)", "yes|no", false      \
	}
static const struct option endpoint_create_options[] = { O_ENDPOINT, O_COMMON };
static const struct option endpoint_update_options[] = {
	{ "url", 0, "URL", "where to", NULL, false }, O_ENDPOINT, O_COMMON
};
static const struct option notifications_options[] = { { "result", 0, "R", "with this result",
							 "waiting|delivered|failed", false },
						       O_PAGE,
						       O_COMMON };

static const struct option builds_list_options[] = {
	{ "repo", 0, "NS/NAME", "of this repository", NULL, false },
	{ "rule", 0, "RULE", "of this rule", NULL, false },
	{ "ref", 0, "REF", "of this ref", NULL, false },
	{ "delivery", 0, "ID", "of what this webhook delivery told", NULL, false },
	{ "status", 0, "S", "with this status", "PENDING|BUILDING|SUCCESS|FAILED|CANCELED", false },
	{ "trigger", 0, "T", "started so", "PUSH|MANUAL|API|RERUN|SCHEDULE|BASE_IMAGE", false },
	O_PAGE,
	O_COMMON
};
static const struct option builds_start_options[] = {
	{ "ref", 0, "REF", "build this branch, tag or full ref of the source", NULL, false },
	{ "follow", 'f', NULL, "print the log while it builds", NULL, false },
	O_COMMON
};
static const struct option builds_platform_options[] = {
	{ "platform", 0, "P", "this platform only", NULL, false, OPTION_PLATFORM }, O_COMMON
};
static const struct option builds_logs_options[] = {
	{ "follow", 'f', NULL, "print lines as they come, to the end of the build", NULL, false },
	{ "platform", 0, "P", "of this platform only", NULL, false, OPTION_PLATFORM },
	{ "step", 0, "N", "of this step only", NULL, false, OPTION_NUMBER, 0, UINT16_MAX },
	{ "stream", 0, "NAME", "of this stream only: stdout, stderr, or system for kiln's own",
	  "stdout|stderr|system", false },
	{ "tail", 'n', "N", "the last N lines only, 1 to 5000", NULL, false, OPTION_NUMBER, 1,
	  5000 },
	{ "search", 0, "TEXT", "lines that contain it", NULL, false },
	{ "regex", 0, NULL, "the text is a regular expression", NULL, false },
	{ "ignore-case", 'i', NULL, "search without regard to case", NULL, false },
	{ "times", 't', NULL, "time, platform and step before each line", NULL, false },
	O_COMMON
};

static const struct option insights_options[] = {
	{ "days", 0, "N", "how many, 1 to 90, today the last of them (default: 30)", NULL, false,
	  OPTION_NUMBER, 1, 90 },
	{ "repo", 0, "NS/NAME", "of this repository only", NULL, false },
	O_COMMON
};

static const struct option history_options[] = { { "step", 0, "N",
						   "what became of this step of the build, too",
						   NULL, false, OPTION_NUMBER, 1, UINT32_MAX },
						 O_COMMON };

/* ---- retention ---- */

#define O_RETENTION                                                                                \
	{ "rule",                                                                                  \
	  0,                                                                                       \
	  "PATTERN=KEEP",                                                                          \
	  "v*=10, dev-*=30d or rc-*=5,30d: keep the newest, those of "                             \
	  "so many days, or both; given often, the first that matches "                            \
	  "counts",                                                                                \
	  NULL,                                                                                    \
	  true },                                                                                  \
		{ "never", 0, "PATTERN", "tags that are never touched", NULL, true },              \
	{                                                                                          \
		"untagged-days", 0, "DAYS",                                                        \
			"manifests and layers that nothing needs go after so many days; 0: never", \
			NULL, false, OPTION_NUMBER, 0, 3650                                        \
	}
static const struct option retention_set_options[] = {
	O_RETENTION,
	{ "enabled", 0, "yes|no", "it is carried out once a day (default: no)", "yes|no", false },
	O_COMMON
};
static const struct option retention_preview_options[] = {
	O_RETENTION,
	{ "decision", 0, "go|keep", "only tags that go, or that stay", "go|keep", false },
	{ "filter", 0, "TEXT", "only tags whose name contains it", NULL, false },
	O_PAGE,
	O_COMMON
};

static const struct option commit_status_options[] = {
	{ "enabled", 0, "yes|no", "tell the provider (default: no)", "yes|no", false },
	{ "context", 0, "TEXT",
	  "the name of the status; {repository} stands for NS/NAME (default: kiln/{repository})",
	  NULL, false },
	O_COMMON
};

/* ---- tags, workers, users, tokens ---- */

static const struct option worker_token_options[] = {
	{ "pool", 0, "NAME", "the pool its workers are in", NULL, false }, O_COMMON
};
static const struct option worker_drain_options[] = {
	{ "off", 0, NULL, "give it work again", NULL, false }, O_COMMON
};
static const struct option user_create_options[] = {
	{ "password-stdin", 0, NULL,
	  "read the password, of at least 12 characters, from standard input", NULL, false },
	{ "admin", 0, NULL, "an administrator", NULL, false },
	O_COMMON
};
static const struct option user_update_options[] = {
	{ "password-stdin", 0, NULL,
	  "read a new password, of at least 12 characters, from standard input", NULL, false },
	{ "admin", 0, "yes|no", "an administrator", "yes|no", false },
	{ "disabled", 0, "yes|no", "no login any more", "yes|no", false },
	O_COMMON
};
static const struct option user_password_options[] = {
	{ "current-file", 0, "FILE",
	  "holds the present password (asked for otherwise); - is standard input", NULL, false },
	{ "password-stdin", 0, NULL,
	  "read the new password, of at least 12 characters, from standard input (asked for otherwise)",
	  NULL, false },
	O_COMMON
};
static const struct option token_options[] = {
	{ "role", 0, "ROLE", "the most it may do (default: what you may)",
	  "view|develop|maintain|admin", false },
	{ "namespace", 0, "NAME", "the only namespace it reaches", NULL, false },
	{ "expires", 0, "TIME", "RFC 3339, as in 2027-01-31T00:00:00Z", NULL, false, OPTION_TIME },
	O_COMMON
};
static const struct option audit_options[] = {
	{ "actor", 0, "NAME", "changes by this user", NULL, false },
	{ "action", 0, "ACTION", "such changes: repository.create, or repository", NULL, false },
	{ "target", 0, "TARGET", "changes of this", NULL, false },
	O_PAGE,
	O_COMMON
};

#define REST(name, args, n, summary, options)                                 \
	{                                                                     \
		name, args, summary, NULL, options, n, n, false, rest_command \
	}

const struct command service_commands[] = {
	{ "login", "[SERVER]", "Log in to a server, and keep a token for it",
	  "The token is kept in $XDG_CONFIG_HOME/kiln/login.json. docker, podman and git log in with the same name and password.",
	  login_options, 0, 1, false, login_command },
	{ "logout", "[SERVER]", "Forget the token of a server", NULL, plain_options, 0, 1, false,
	  logout_command },
	REST("whoami", "", 0, "Tell who you are to the server", plain_options),
	REST("instance", "", 0, "Show version, disk and settings of the server", plain_options),
	REST("namespace list", "", 0, "List namespaces", list_options),
	REST("namespace create", "NAME", 1, "Make a namespace", namespace_options),
	REST("namespace get", "NAME", 1, "Show a namespace", plain_options),
	REST("namespace update", "NAME", 1, "Change a namespace", namespace_options),
	REST("namespace delete", "NAME", 1, "Delete an empty namespace", plain_options),
	REST("namespace members", "NAME", 1, "List who has a role in a namespace", list_options),
	REST("namespace grant", "NAME USER ROLE", 3,
	     "Give a role: view, develop, maintain or admin", grant_options),
	REST("namespace revoke", "NAME USER", 2, "Take a role away", revoke_options),
	REST("source list", "", 0, "List code sources", source_list_options),
	REST("source create", "NS/NAME", 1,
	     "Make a code source: a Git repository and how to reach it", source_create_options),
	REST("source get", "SOURCE", 1, "Show a code source", plain_options),
	REST("source update", "SOURCE", 1, "Change a code source", source_update_options),
	REST("source delete", "SOURCE", 1, "Delete a code source", plain_options),
	REST("source test", "SOURCE", 1, "Ask the remote for its refs", plain_options),
	REST("source look", "SOURCE", 1, "Look for changes now", plain_options),
	REST("source rotate", "SOURCE", 1, "Make a new webhook secret", plain_options),
	REST("source refs", "SOURCE", 1, "List branches and tags as last seen", list_options),
	REST("source deliveries", "SOURCE", 1, "List the webhook deliveries", deliveries_options),
	REST("source replay", "SOURCE DELIVERY", 2, "Take a delivery up again", plain_options),
	REST("repo list", "", 0, "List image repositories", repo_list_options),
	{ "repo create", "NS/NAME", "Make an image repository", NULL, repo_create_options, 1, 1,
	  false, repo_create_command },
	REST("repo get", "NS/NAME", 1, "Show an image repository", plain_options),
	REST("repo update", "NS/NAME", 1, "Change an image repository", repo_update_options),
	REST("repo delete", "NS/NAME", 1, "Delete an image repository with its tags and builds",
	     plain_options),
	{ "repo bind", "NS/NAME SOURCE", "Build an image repository from a code source",
	  "SOURCE is a code source as NS/NAME or by id, or kiln for kiln's own Git remote.",
	  repo_bind_options, 2, 2, false, rest_command },
	REST("repo unbind", "NS/NAME", 1, "Do not build it any more", plain_options),
	REST("rule list", "NS/NAME", 1, "List the build rules of a repository", plain_options),
	REST("rule create", "NS/NAME", 1, "Make a build rule", rule_options),
	REST("rule get", "NS/NAME RULE", 2, "Show a build rule", plain_options),
	REST("rule update", "NS/NAME RULE", 2, "Change a build rule", rule_options),
	REST("rule delete", "NS/NAME RULE", 2, "Delete a build rule", plain_options),
	REST("rule preview", "NS/NAME", 1, "Show which refs would be built into which tags",
	     preview_options),
	REST("schedule list", "NS/NAME", 1, "List the schedules of a repository", plain_options),
	{ "schedule create", "NS/NAME", "Start builds by the clock",
	  "A run builds the head of the ref at that time. What was missed while no server ran is made up for by one build,\n"
	  "and a run is skipped while the build of the run before has not ended.",
	  schedule_options, 1, 1, false, rest_command },
	REST("schedule get", "NS/NAME SCHEDULE", 2, "Show a schedule", plain_options),
	REST("schedule update", "NS/NAME SCHEDULE", 2, "Change a schedule", schedule_options),
	REST("schedule delete", "NS/NAME SCHEDULE", 2, "Delete a schedule", plain_options),
	REST("schedule preview", "EXPR", 1, "Show the next five times of an expression",
	     schedule_preview_options),
	{ "base list", "NS/NAME",
	  "List the base images of a repository, and where their names lead now",
	  "Those of the newest build of each rule that succeeded. Names with a digest are left out: they cannot move.",
	  plain_options, 1, 1, false, rest_command },
	{ "base check", "NS/NAME", "Ask the registries of the base images now",
	  "Starts a build of each rule with --rebuild-on-base-update yes for which a name leads to another image than in its newest build.",
	  plain_options, 1, 1, false, rest_command },
	REST("endpoint list", "NS/NAME", 1, "List whom the events of a repository are told",
	     plain_options),
	{ "endpoint create", "NS/NAME URL", "Have builds and tags of a repository told to a URL",
	  "With --sign yes it prints the secret, once. Each notification is sent until it is answered with 2xx, six times at most.",
	  endpoint_create_options, 2, 2, false, rest_command },
	REST("endpoint get", "NS/NAME ENDPOINT", 2, "Show an endpoint", plain_options),
	REST("endpoint update", "NS/NAME ENDPOINT", 2, "Change an endpoint",
	     endpoint_update_options),
	REST("endpoint delete", "NS/NAME ENDPOINT", 2, "Delete an endpoint", plain_options),
	REST("endpoint rotate", "NS/NAME ENDPOINT", 2,
	     "Make a new secret; the one before signs too for a day", plain_options),
	REST("endpoint test", "NS/NAME ENDPOINT", 2, "Send a test, and show what came of it",
	     plain_options),
	REST("endpoint log", "NS/NAME ENDPOINT", 2,
	     "List what an endpoint was told, the newest first", notifications_options),
	REST("endpoint show", "NS/NAME ENDPOINT ID", 3,
	     "Show a notification and each attempt to send it", plain_options),
	REST("endpoint redeliver", "NS/NAME ENDPOINT ID", 3, "Send a notification again",
	     plain_options),
	REST("builds list", "", 0, "List builds, the newest first", builds_list_options),
	REST("builds get", "BUILD", 1, "Show a build", plain_options),
	{ "builds start", "NS/NAME [RULE]", "Build by hand",
	  "RULE may be left out where the repository has one rule only. Without --ref the rule must have a plain name and\n"
	  "neither time nor commit in its tags.",
	  builds_start_options, 1, 2, false, builds_start_command },
	{ "builds logs", "BUILD", "Print the log of a build",
	  "With -f it ends with the build, and the exit code is 1 unless the build succeeded.",
	  builds_logs_options, 1, 1, false, builds_logs_command },
	REST("builds steps", "BUILD", 1, "List the steps of a build: times, cache, sizes",
	     plain_options),
	REST("builds history", "BUILD", 1, "List a build and those of its rule before it",
	     history_options),
	REST("builds cancel", "BUILD", 1, "Cancel a build", builds_platform_options),
	REST("builds retry", "BUILD", 1, "Build again the platforms that failed",
	     builds_platform_options),
	REST("builds rerun", "BUILD", 1, "Build the same commit again", plain_options),
	{ "insights", "", "Show what the builds of the last days say together",
	  "Days are those of UTC. Builds are counted one by one; waits, steps and rules are those of the newest 2000.",
	  insights_options, 0, 0, false, insights_command },
	REST("tag list", "NS/NAME", 1, "List the tags of a repository", tag_list_options),
	REST("tag get", "NS/NAME TAG", 2, "Show a tag and the digests below it", plain_options),
	REST("tag create", "NS/NAME TAG FROM", 3, "Point a tag at another tag, or at a digest",
	     plain_options),
	REST("tag delete", "NS/NAME TAG", 2, "Delete a tag", plain_options),
	REST("retention get", "NS/NAME", 1, "Show which tags of a repository go by themselves",
	     plain_options),
	{ "retention set", "NS/NAME", "Change the retention policy of a repository",
	  "A tag goes only if no --never matches it, a --rule does (of several the first counts), it is not among the newest that\n"
	  "the rule keeps, and it was pushed longer ago than the days that the rule keeps. A pattern is a name, a wildcard with * or ?, or,\n"
	  "with any of \\ ^ $ + ( ) [ ] { } |, an expression. What is not given stays as it is.",
	  retention_set_options, 1, 1, false, retention_set_command },
	{ "retention preview", "NS/NAME", "Show which tags would go now, and why the others stay",
	  "Of the stored policy, with what is given in its place. Nothing is changed.",
	  retention_preview_options, 1, 1, false, retention_preview_command },
	{ "retention run", "NS/NAME", "Carry the retention policy out now",
	  "Also one that is off. It goes on in the server when the command is stopped.",
	  plain_options, 1, 1, false, retention_run_command },
	REST("retention delete", "NS/NAME", 1, "Delete the retention policy of a repository",
	     plain_options),
	REST("commit-status get", "NS/NAME", 1,
	     "Show whether the provider of the code is told the states of commits", plain_options),
	{ "commit-status set", "NS/NAME",
	  "Have the provider of the code told the states of commits",
	  "GitHub, GitLab, Gitea, Forgejo, Bitbucket and Codeup are told by the token of the code source, which must be allowed to. What\n"
	  "is not given stays as it is.",
	  commit_status_options, 1, 1, false, rest_command },
	REST("commit-status report", "NS/NAME", 1,
	     "Tell the provider (again) what became of the newest build", plain_options),
	REST("worker list", "", 0, "List workers", plain_options),
	REST("worker drain", "WORKER", 1, "Give a worker no more builds", worker_drain_options),
	REST("worker remove", "WORKER", 1, "Forget a worker that is gone", plain_options),
	REST("worker token", "NAME", 1, "Make a token for workers", worker_token_options),
	REST("worker tokens", "", 0, "List the tokens for workers", list_options),
	REST("worker revoke", "TOKEN", 1, "Delete a token for workers", plain_options),
	REST("user list", "", 0, "List users", list_options),
	REST("user create", "NAME", 1, "Make a user", user_create_options),
	REST("user get", "NAME", 1, "Show a user", plain_options),
	REST("user update", "NAME", 1, "Change a user", user_update_options),
	{ "user password", "[NAME]",
	  "Change your password; an administrator also that of another user",
	  "Without NAME it is your own, and the present one is needed. Both are asked for at the terminal, which does not show them.",
	  user_password_options, 0, 1, false, user_password_command },
	REST("user delete", "NAME", 1, "Delete a user", plain_options),
	REST("token list", "", 0, "List your tokens", list_options),
	REST("token create", "NAME", 1, "Make a token, for docker, git or scripts", token_options),
	REST("token delete", "TOKEN", 1, "Delete a token", plain_options),
	REST("audit", "", 0, "List who changed what, the newest first", audit_options),
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};
