/* What the commands that talk to a server ask for. Their options are in service_commands.c. */
#include "app/rest.h"

/* ---- members that options become ---- */

#define F_PAGE                                 \
	{ "limit", "limit", REST_QUERY },      \
	{                                      \
		"cursor", "cursor", REST_QUERY \
	}
#define F_END                         \
	{                             \
		NULL, NULL, REST_TEXT \
	}

static const struct rest_field list_fields[] = { F_PAGE, F_END };

static const struct rest_field namespace_fields[] = {
	{ "auto-create", "autoCreate", REST_YESNO },
	{ "default-type", "defaultType", REST_TEXT },
	F_END,
};
static const struct rest_field grant_fields[] = {
	{ "repository", "repository", REST_TEXT },
	F_END,
};
static const struct rest_field revoke_fields[] = {
	{ "repository", "repository", REST_QUERY },
	F_END,
};

#define F_SOURCE                                                                               \
	{ "url", "url", REST_TEXT }, { "username", "username", REST_TEXT },                    \
		{ "secret-stdin", "secret", REST_SECRET },                                     \
		{ "ssh-key", "credential", REST_CONST, "ssh" },                                \
		{ "submodules", "submodules", REST_YESNO }, { "depth", "depth", REST_NUMBER }, \
		{ "allow-private", "allowPrivate", REST_YESNO },                               \
	{                                                                                      \
		"poll", "pollSeconds", REST_NUMBER                                             \
	}
static const struct rest_field source_create_fields[] = {
	{ "provider", "provider", REST_TEXT },
	F_SOURCE,
	F_END,
};
static const struct rest_field source_update_fields[] = { F_SOURCE, F_END };
static const struct rest_field source_list_fields[] = {
	{ "namespace", "namespace", REST_QUERY },
	F_PAGE,
	F_END,
};

static const struct rest_field deliveries_fields[] = {
	{ "repo", "repository", REST_QUERY },
	F_PAGE,
	F_END,
};

static const struct rest_field repository_fields[] = {
	{ "type", "type", REST_TEXT },
	{ "immutable", "immutable", REST_YESNO },
	{ "accelerated", "accelerated", REST_YESNO },
	{ "summary", "summary", REST_TEXT },
	{ "description", "description", REST_TEXT },
	F_END,
};
#define F_BINDING                                                                 \
	{ "auto-build", "autoBuild", REST_YESNO }, { "pool", "pool", REST_TEXT }, \
		{ "overseas", "pool", REST_CONST, "overseas" },                   \
	{                                                                         \
		"no-cache", "noCache", REST_YESNO                                 \
	}
static const struct rest_field binding_fields[] = { F_BINDING, F_END };
static const struct rest_field new_binding_fields[] = {
	{ "source", NULL, REST_SOURCE },
	F_BINDING,
	F_END,
};
static const struct rest_field tag_list_fields[] = {
	{ "filter", "q", REST_QUERY },
	{ "sort", "sort", REST_QUERY },
	F_PAGE,
	F_END,
};
static const struct rest_field repo_list_fields[] = {
	{ "namespace", "namespace", REST_QUERY },
	{ "filter", "q", REST_QUERY },
	{ "source", "source", REST_QUERY },
	{ "digest", "digest", REST_QUERY },
	F_PAGE,
	F_END,
};

static const struct rest_field rule_fields[] = {
	{ "branch", "pattern", REST_BRANCH },
	{ "tag", "pattern", REST_TAG },
	{ "match", "match", REST_TEXT },
	{ "directory", "dockerfileDirectory", REST_TEXT },
	{ "file", "dockerfileName", REST_TEXT },
	{ "image-tag", "imageTags", REST_WORDS },
	{ "platform", "platforms", REST_LIST },
	{ "build-arg", "buildArgs", REST_PAIRS },
	{ "policy", "policy", REST_TEXT },
	{ "required", "required", REST_LIST },
	{ "newer-push", "newerPush", REST_TEXT },
	{ "priority", "priority", REST_NUMBER },
	{ "time-limit", "timeLimitSeconds", REST_NUMBER },
	{ "emulation", "emulation", REST_YESNO },
	{ "enabled", "enabled", REST_YESNO },
	{ "rebuild-on-base-update", "rebuildOnBaseUpdate", REST_YESNO },
	F_END,
};
static const struct rest_field preview_fields[] = {
	{ "ref", "refs", REST_WORDS },
	{ "rule", "ruleId", REST_TEXT },
	{ "conflicts", "conflictsOnly", REST_TRUE },
	F_END,
};

static const struct rest_field schedule_fields[] = {
	{ "rule", "ruleId", REST_TEXT },
	{ "ref", "ref", REST_TEXT },
	{ "cron", "cron", REST_TEXT },
	{ "time-zone", "timeZone", REST_TEXT },
	{ "enabled", "enabled", REST_YESNO },
	{ "no-cache", "noCache", REST_YESNO },
	F_END,
};
static const struct rest_field schedule_preview_fields[] = {
	{ "time-zone", "timeZone", REST_TEXT },
	F_END,
};

#define F_ENDPOINT                                                           \
	{ "format", "format", REST_TEXT }, { "event", "events", REST_LIST }, \
		{ "sign", "signed", REST_YESNO },                            \
	{                                                                    \
		"enabled", "enabled", REST_YESNO                             \
	}
static const struct rest_field endpoint_create_fields[] = { F_ENDPOINT, F_END };
static const struct rest_field endpoint_update_fields[] = {
	{ "url", "url", REST_TEXT },
	F_ENDPOINT,
	F_END,
};
static const struct rest_field notifications_fields[] = {
	{ "result", "result", REST_QUERY },
	F_PAGE,
	F_END,
};

static const struct rest_field builds_list_fields[] = {
	{ "repo", "repository", REST_QUERY },
	{ "rule", "rule", REST_QUERY },
	{ "ref", "ref", REST_QUERY },
	{ "delivery", "delivery", REST_QUERY },
	{ "status", "status", REST_QUERY },
	{ "trigger", "trigger", REST_QUERY },
	F_PAGE,
	F_END,
};
static const struct rest_field insights_fields[] = {
	{ "days", "days", REST_QUERY },
	{ "repo", "repository", REST_QUERY },
	F_END,
};
static const struct rest_field history_fields[] = { { "step", "step", REST_QUERY }, F_END };
static const struct rest_field retention_preview_fields[] = {
	{ "decision", "decision", REST_QUERY },
	{ "filter", "q", REST_QUERY },
	F_PAGE,
	F_END,
};
static const struct rest_field commit_status_fields[] = {
	{ "enabled", "enabled", REST_YESNO },
	{ "context", "context", REST_TEXT },
	F_END,
};
static const struct rest_field builds_start_fields[] = { { "ref", "ref", REST_TEXT }, F_END };
static const struct rest_field builds_platform_fields[] = {
	{ "platform", "platform", REST_TEXT },
	F_END,
};
#define F_LINES                                                                 \
	{ "platform", "platform", REST_QUERY }, { "step", "step", REST_QUERY }, \
	{                                                                       \
		"stream", "stream", REST_QUERY                                  \
	}
static const struct rest_field logs_fields[] = {
	F_LINES,
	{ "tail", "tail", REST_QUERY },
	F_END,
};
static const struct rest_field search_fields[] = {
	{ "search", "q", REST_QUERY },
	{ "regex", "regex", REST_QUERY_TRUE },
	{ "ignore-case", "ignoreCase", REST_QUERY_TRUE },
	F_LINES,
	F_END,
};

static const struct rest_field worker_token_fields[] = { { "pool", "pool", REST_TEXT }, F_END };
static const struct rest_field worker_drain_fields[] = { { "off", "on", REST_FALSE }, F_END };
static const struct rest_field user_create_fields[] = {
	{ "password-stdin", "password", REST_SECRET },
	{ "admin", "admin", REST_TRUE },
	F_END,
};
static const struct rest_field user_update_fields[] = {
	{ "password-stdin", "password", REST_SECRET },
	{ "admin", "admin", REST_YESNO },
	{ "disabled", "disabled", REST_YESNO },
	F_END,
};
static const struct rest_field token_fields[] = {
	{ "role", "role", REST_TEXT },
	{ "namespace", "namespace", REST_TEXT },
	{ "expires", "expiresAt", REST_TEXT },
	F_END,
};
static const struct rest_field audit_fields[] = {
	{ "actor", "actor", REST_QUERY },
	{ "action", "action", REST_QUERY },
	{ "target", "target", REST_QUERY },
	F_PAGE,
	F_END,
};

/* ---- requests ---- */

#define NAMESPACE     "/api/v1/namespaces/{0}"
#define MEMBERS       NAMESPACE "/members"
#define SOURCE        "/api/v1/sources/{0}"
#define REPO          "/api/v1/repositories/{0}"
#define RULE          REPO "/rules/{1}"
#define SCHEDULE      REPO "/schedules/{1}"
#define ENDPOINT      REPO "/endpoints/{1}"
#define BUILD         "/api/v1/builds/{0}"
#define WORKER        "/api/v1/workers/{0}"
#define WORKER_TOKENS "/api/v1/worker-tokens"
#define USER          "/api/v1/users/{0}"
#define TOKENS        "/api/v1/tokens"

#define NAMESPACE_COLUMNS \
	"name NAME,defaultType DEFAULT,autoCreate AUTO-CREATE,repositories REPOSITORIES"
#define MEMBER_COLUMNS "user USER,repository REPOSITORY,role ROLE"
#define SOURCE_COLUMNS \
	"id ID,namespace NAMESPACE,name NAME,provider PROVIDER,url URL,lastError ERROR"
#define REF_COLUMNS "ref REF,commit COMMIT"
#define DELIVERY_COLUMNS \
	"id ID,event EVENT,outcome OUTCOME,builds BUILDS,receivedAt RECEIVED,detail DETAIL"
#define REPO_COLUMNS "fullName NAME,type TYPE,immutable IMMUTABLE,canBuild BUILD,summary SUMMARY"
#define RULE_COLUMNS \
	"id ID,refType TYPE,pattern PATTERN,templates TAGS,platforms PLATFORMS,enabled ENABLED,rebuildOnBaseUpdate ON-BASE"
#define SCHEDULE_COLUMNS \
	"id ID,ref REF,cron CRON,timeZone ZONE,enabled ENABLED,lastRun LAST,nextRuns NEXT"
#define BASE_COLUMNS \
	"name NAME,ruleId RULE,rebuilds REBUILDS,moved MOVED,digest DIGEST,newestDigest NEWEST,checkedAt CHECKED,error ERROR"
#define PREVIEW_COLUMNS                                                      \
	"ref REF,ruleId RULE,enabled ENABLED,matches MATCHES,groups GROUPS," \
	"tags TAGS,conflicts CONFLICTS,problem PROBLEM"
#define ENDPOINT_COLUMNS \
	"id ID,url URL,format FORMAT,events EVENTS,enabled ENABLED,failing FAILING,lastAttemptAt LAST,lastError ERROR"
#define NOTIFICATION_COLUMNS \
	"id ID,event EVENT,subject SUBJECT,result RESULT,attempts ATTEMPTS,lastStatus STATUS,createdAt CREATED,lastError ERROR"
#define BUILD_COLUMNS \
	"id ID,repository REPOSITORY,status STATUS,queuePosition QUEUE,ref REF,commit COMMIT,tags TAGS,createdAt CREATED"
#define STEP_COLUMNS \
	"step STEP,state STATE,platforms PLATFORMS,tookMs MS,size BYTES,cacheReason CACHE,text TEXT"
#define HISTORY_COLUMNS \
	"id ID,status STATUS,ref REF,commit COMMIT,createdAt CREATED,tookMs MS,steps STEPS,cachedSteps CACHED,layerBytes BYTES,step STEP"
#define TAG_COLUMNS "name TAG,digest DIGEST,platforms PLATFORMS,updatedAt UPDATED"
#define WORKER_COLUMNS \
	"id ID,name NAME,pool POOL,platforms PLATFORMS,slots SLOTS,online ONLINE,draining DRAINING"
#define WORKER_TOKEN_COLUMNS "id ID,name NAME,pool POOL,usedAt USED"
#define USER_COLUMNS         "name NAME,admin ADMIN,disabled DISABLED,createdAt CREATED"
#define TOKEN_COLUMNS        "id ID,name NAME,role ROLE,namespace NAMESPACE,expiresAt EXPIRES,usedAt USED"
#define RETENTION_COLUMNS \
	"name TAG,decision DECISION,reason REASON,rule RULE,pattern PATTERN,rank RANK,pushedAt PUSHED"
#define AUDIT_COLUMNS "time TIME,actor ACTOR,action ACTION,target TARGET,remote FROM,detail DETAIL"

/* clang-format off */
#define GET(name, at, ...)    { .command = (name), .method = "GET", .path = (at), __VA_ARGS__ }
#define POST(name, at, ...)   { .command = (name), .method = "POST", .path = (at), __VA_ARGS__ }
#define PUT(name, at, ...)    { .command = (name), .method = "PUT", .path = (at), __VA_ARGS__ }
#define PATCH(name, at, ...)  { .command = (name), .method = "PATCH", .path = (at), __VA_ARGS__ }
#define DELETE(name, at, ...) { .command = (name), .method = "DELETE", .path = (at), __VA_ARGS__ }

const struct rest_call rest_calls[] = {
	GET("whoami", "/api/v1/whoami"),
	GET("instance", "/api/v1/instance"),

	GET("namespace list", "/api/v1/namespaces", .fields = list_fields,
	    .columns = NAMESPACE_COLUMNS),
	POST("namespace create", "/api/v1/namespaces", .args = { "name" },
	     .fields = namespace_fields),
	GET("namespace get", NAMESPACE),
	PATCH("namespace update", NAMESPACE, .fields = namespace_fields),
	DELETE("namespace delete", NAMESPACE, .say = "deleted the namespace {0}"),
	GET("namespace members", MEMBERS, .fields = list_fields, .columns = MEMBER_COLUMNS),
	PUT("namespace grant", MEMBERS "/{1}", .args = { NULL, NULL, "role" },
	    .fields = grant_fields, .say = "{1} has the role {2} in {0}{/repository}"),
	DELETE("namespace revoke", MEMBERS "/{1}", .fields = revoke_fields,
	       .say = "took the role of {1} in {0}{/repository} away"),

	GET("source list", "/api/v1/sources", .fields = source_list_fields,
	    .columns = SOURCE_COLUMNS),
	POST("source create", "/api/v1/sources", .args = { "namespace/name" },
	     .fields = source_create_fields, .needs = { "url|provider" }),
	GET("source get", SOURCE),
	PATCH("source update", SOURCE, .fields = source_update_fields),
	DELETE("source delete", SOURCE, .say = "deleted the code source {0}"),
	POST("source test", SOURCE ":test", .columns = REF_COLUMNS),
	POST("source look", SOURCE ":look", .say = "looked at {0}: builds that it made: {.builds}"),
	POST("source rotate", SOURCE ":rotate"),
	GET("source refs", SOURCE "/refs", .fields = list_fields, .columns = REF_COLUMNS),
	GET("source deliveries", SOURCE "/deliveries", .fields = deliveries_fields,
	    .columns = DELIVERY_COLUMNS),
	POST("source replay", SOURCE "/deliveries/{1}:replay",
	     .say = "delivery {1} is taken up again"),

	GET("repo list", "/api/v1/repositories", .fields = repo_list_fields,
	    .columns = REPO_COLUMNS),
	GET("repo get", REPO),
	PATCH("repo update", REPO, .fields = repository_fields),
	DELETE("repo delete", REPO, .say = "deleted the image repository {0}"),
	PUT("repo bind", REPO "/source", .args = { NULL, "source" }, .fields = binding_fields),
	DELETE("repo unbind", REPO "/source",
	       .say = "{0} is not built from a code source any more"),

	GET("rule list", REPO "/rules", .columns = RULE_COLUMNS),
	POST("rule create", REPO "/rules", .fields = rule_fields,
	     .needs = { "branch|tag", "image-tag" }),
	GET("rule get", RULE),
	PATCH("rule update", RULE, .fields = rule_fields),
	DELETE("rule delete", RULE, .say = "deleted the build rule {1} of {0}"),
	POST("rule preview", REPO "/rules:preview", .fields = preview_fields,
	     .columns = PREVIEW_COLUMNS),

	GET("schedule list", REPO "/schedules", .columns = SCHEDULE_COLUMNS),
	POST("schedule create", REPO "/schedules", .fields = schedule_fields,
	     .needs = { "rule", "cron" }),
	GET("schedule get", SCHEDULE),
	PATCH("schedule update", SCHEDULE, .fields = schedule_fields),
	DELETE("schedule delete", SCHEDULE, .say = "deleted the schedule {1} of {0}"),
	POST("schedule preview", "/api/v1/schedules:preview", .args = { "cron" },
	     .fields = schedule_preview_fields),
	GET("base list", REPO "/bases", .columns = BASE_COLUMNS),
	POST("base check", REPO "/bases:check", .columns = BASE_COLUMNS),
	GET("endpoint list", REPO "/endpoints", .columns = ENDPOINT_COLUMNS),
	POST("endpoint create", REPO "/endpoints", .args = { NULL, "url" },
	     .fields = endpoint_create_fields),
	GET("endpoint get", ENDPOINT),
	PATCH("endpoint update", ENDPOINT, .fields = endpoint_update_fields),
	DELETE("endpoint delete", ENDPOINT, .say = "deleted the endpoint {1} of {0}"),
	POST("endpoint rotate", ENDPOINT ":rotate"),
	POST("endpoint test", ENDPOINT ":test"),
	GET("endpoint log", ENDPOINT "/notifications", .fields = notifications_fields,
	    .columns = NOTIFICATION_COLUMNS),
	GET("endpoint show", ENDPOINT "/notifications/{2}"),
	POST("endpoint redeliver", ENDPOINT "/notifications/{2}:redeliver",
	     .say = "notification {2} is sent again"),

	GET("builds list", "/api/v1/builds", .fields = builds_list_fields,
	    .columns = BUILD_COLUMNS),
	GET("builds get", BUILD),
	GET("builds steps", BUILD "/steps", .columns = STEP_COLUMNS),
	GET("builds history", BUILD "/history", .fields = history_fields,
	    .columns = HISTORY_COLUMNS),
	POST("builds cancel", BUILD ":cancel", .fields = builds_platform_fields),
	POST("builds retry", BUILD ":retry", .fields = builds_platform_fields),
	POST("builds rerun", BUILD ":rerun"),

	GET("tag list", REPO "/tags", .fields = tag_list_fields, .columns = TAG_COLUMNS),
	GET("tag get", REPO "/tags/{1}"),
	PUT("tag create", REPO "/tags/{1}", .args = { NULL, NULL, "from" }),
	DELETE("tag delete", REPO "/tags/{1}", .say = "deleted the tag {0}:{1}"),

	GET("retention get", REPO "/retention"),
	DELETE("retention delete", REPO "/retention",
	       .say = "deleted the retention policy of {0}"),

	GET("commit-status get", REPO "/commit-status"),
	PATCH("commit-status set", REPO "/commit-status", .fields = commit_status_fields),
	POST("commit-status report", REPO "/commit-status:report"),

	GET("worker list", "/api/v1/workers", .columns = WORKER_COLUMNS),
	POST("worker drain", WORKER ":drain", .when = "off", .fields = worker_drain_fields,
	     .say = "worker {0} is given builds again"),
	POST("worker drain", WORKER ":drain",
	     .say = "worker {0} drains: it ends its builds and takes no others"),
	DELETE("worker remove", WORKER, .say = "removed the worker {0}"),
	POST("worker token", WORKER_TOKENS, .args = { "name" }, .fields = worker_token_fields),
	GET("worker tokens", WORKER_TOKENS, .fields = list_fields,
	    .columns = WORKER_TOKEN_COLUMNS),
	DELETE("worker revoke", WORKER_TOKENS "/{0}", .say = "deleted the worker token {0}"),

	GET("user list", "/api/v1/users", .fields = list_fields, .columns = USER_COLUMNS),
	POST("user create", "/api/v1/users", .args = { "name" }, .fields = user_create_fields),
	GET("user get", USER),
	PATCH("user update", USER, .fields = user_update_fields),
	DELETE("user delete", USER, .say = "deleted the user {0}"),

	GET("token list", TOKENS, .fields = list_fields, .columns = TOKEN_COLUMNS),
	POST("token create", TOKENS, .args = { "name" }, .fields = token_fields),
	DELETE("token delete", TOKENS "/{0}", .say = "deleted the token {0}"),

	GET("audit", "/api/v1/audit", .fields = audit_fields, .columns = AUDIT_COLUMNS),
	{ .command = NULL },
};

const struct rest_call service_repo_create =
	POST("repo create", "/api/v1/repositories", .args = { "namespace/name" },
	     .fields = repository_fields);
const struct rest_call service_repo_get = GET("repo create", REPO);
const struct rest_call service_repo_bind =
	PUT("repo create", REPO "/source", .fields = new_binding_fields);
const struct rest_call service_rules = GET("builds start", REPO "/rules");
const struct rest_call service_start =
	POST("builds start", REPO "/rules/", .fields = builds_start_fields);
const struct rest_call service_logs = GET("builds logs", BUILD "/log", .fields = logs_fields);
const struct rest_call service_search =
	GET("builds logs", BUILD "/log/search", .fields = search_fields, .needs = { "search" });
const struct rest_call service_insights =
	GET("insights", "/api/v1/insights", .fields = insights_fields);
const struct rest_call service_retention_get = GET("retention get", REPO "/retention");
const struct rest_call service_retention_set = PUT("retention set", REPO "/retention");
const struct rest_call service_retention_preview =
	POST("retention preview", REPO "/retention:preview", .fields = retention_preview_fields,
	     .columns = RETENTION_COLUMNS);
const struct rest_call service_retention_run = POST("retention run", REPO "/retention:run");
/* clang-format on */
