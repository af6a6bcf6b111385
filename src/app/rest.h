/* Commands that are one request to the server's REST API, told by tables. */
#ifndef KILN_APP_REST_H
#define KILN_APP_REST_H

#include "app/login.h"
#include "codec/json.h"

struct rest_credentials {
	const char *token; /* or */
	const char *user, *password;
};
struct rest_answer {
	int status;
	json_t *json; /* owned; NULL when the answer has no JSON */
};
/* One request; `body` (borrowed) may be NULL. Any status is an answer. */
struct err *rest_send(const char *server, const struct rest_credentials *c, const char *method,
		      const char *path, json_t *body, struct rest_answer *out);
/* NULL for 2xx; else what the problem says, its remedy behind it. */
struct err *rest_check(const struct rest_answer *a);
void rest_answer_done(struct rest_answer *a);
/* Request and check in one; `*out` (may be NULL) is the answer's JSON, owned by the caller. */
struct err *rest_ask(const struct login *l, const char *method, const char *path, json_t *body,
		     json_t **out);

enum rest_kind {
	REST_TEXT,
	REST_TRUE, /* a switch: true */
	REST_FALSE,
	REST_YESNO,
	REST_NUMBER,
	REST_LIST,   /* given often, or with commas: an array of strings */
	REST_WORDS,  /* given often: an array, commas stay */
	REST_PAIRS,  /* K=V, given often: [{"name","value"}] */
	REST_CONST,  /* a switch: `value` is the member's text */
	REST_SECRET, /* a switch: the member is what comes on standard input */
	REST_BRANCH, /* the pattern of a rule, and its refType */
	REST_TAG,
	REST_SOURCE,     /* a code source: NS/NAME, id, or kiln */
	REST_QUERY,      /* a parameter of the query */
	REST_QUERY_TRUE, /* likewise of a switch */
};
struct rest_field {                  /* ended by a NULL option */
	const char *option, *member; /* two options of one member exclude each other */
	enum rest_kind kind;
	const char *value;
};

struct rest_call {           /* ended by a NULL command */
	const char *command; /* "repo create" */
	const char *when;    /* this row is for who gave that option, and stands before the other */
	const char *method;
	const char *path; /* {0} is the first argument as one segment */
	/* Members that arguments become, by place; NULL: not in the body. "namespace/name" becomes
	 * two, "source" is as REST_SOURCE. */
	const char *args[3];
	const struct rest_field *fields;
	const char *needs[2]; /* "branch|tag": one of these options must be given */
	/* Of a list: "member HEAD,…"; NULL: the answer's members, a line each. */
	const char *columns;
	/* Said instead when all went well: {0} as above, {/name} the option's value behind a slash,
	 * {.name} a member of the answer. Where the answer has no body there must be one. */
	const char *say;
};

/* service_calls.c: one request each, ended by a NULL command; then those of commands that are more
 * than one (builds.c). */
extern const struct rest_call rest_calls[];
extern const struct rest_call service_repo_create, service_repo_get, service_repo_bind;
extern const struct rest_call service_rules;
extern const struct rest_call service_start; /* the rule's id and ":build" go behind its path */
extern const struct rest_call service_logs, service_search, service_insights;
extern const struct rest_call service_retention_get, service_retention_set;
extern const struct rest_call service_retention_preview, service_retention_run;

/* What the command line asks for. */
struct rest_request {
	const struct rest_call *call;
	char *path;   /* owned; with its query; of an absent argument an empty segment */
	json_t *body; /* owned; NULL: none */
};
/* ERR_INVALID says what is wrong with the words; the server is not asked. */
struct err *rest_prepare(const struct invocation *in, const struct rest_call *call,
			 struct rest_request *out);
struct err *rest_ask_prepared(const struct login *l, const struct rest_request *r, json_t **out);
void rest_request_done(struct rest_request *r);

/* A command in two halves: `read` looks at the words alone, and ends it with exit code 2 when they
 * are wrong; `ask` asks the server. */
int rest_run(const struct invocation *in, void *state,
	     struct err *(*read)(const struct invocation *in, void *state),
	     struct err *(*ask)(const struct invocation *in, struct login *l, void *state));
int rest_command(const struct invocation *in);

/* Prints as the options say: JSON, a table by `columns`, or members. */
void rest_print(const struct invocation *in, json_t *j, const char *columns);
void rest_print_table(json_t *items, const char *columns);
/* For what has no answer: the sentence, or as JSON {"done":COMMAND,"server":URL,"arguments":[…],
 * "text":SENTENCE}. */
void rest_print_done(const struct invocation *in, const char *server, const char *text);

#endif
