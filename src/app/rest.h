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
/* Percent-encodes one segment of a path. */
void rest_add_segment(struct buf *b, struct str s);
/* What stands on standard input, without the newline at its end. The caller frees it. */
struct err *login_stdin_secret(char **out);

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
	REST_QUERY, /* a parameter of the query */
};
struct rest_field { /* ended by a NULL option */
	const char *option, *member;
	enum rest_kind kind;
	const char *value;
};

struct rest_call {           /* ended by a NULL command */
	const char *command; /* "repo create" */
	const char *method;
	/* {0} is the first argument as one segment; {s0} a source as NS/NAME or id. */
	const char *path;
	/* "namespace/name" becomes two members. */
	const char *args[3]; /* members that arguments become, by place; NULL: not in the body */
	const struct rest_field *fields;
	const char
		*columns; /* of a list: "member HEAD,…"; NULL: the answer's members, a line each */
	const char *say;  /* printed when all went well and the answer has no body; {0} as above */
	bool body;        /* send one even if it is empty */
};

extern const struct rest_call rest_calls[];
/* service_commands.c: members of an image repository, and of what it is built from. */
extern const struct rest_field service_repository_fields[], service_binding_fields[];
/* Adds the members that the options say. */
struct err *rest_body(const struct invocation *in, const struct rest_field *fields, json_t *body);
/* Adds an argument as `args` above says. */
struct err *rest_add_arg(json_t *body, const char *member, const char *word);
int rest_command(const struct invocation *in);
/* Prints as the options say: JSON, a table by `columns`, or members. */
void rest_print(const struct invocation *in, json_t *j, const char *columns);
/* The id of a source that is given as NS/NAME or by id. The caller frees `*id`. */
struct err *rest_source_id(const struct login *l, const char *text, char **id);

#endif
