/* Endpoints: whom the events of an image repository are told, and the notifications of them.
 *
 * 1. A notification is a row that is made in the transaction of what it tells of. What happened to
 *    a tag is a row of tag_event first, as the catalog knows no endpoints; the thread of tell.c
 *    makes the notifications of it, in one transaction with the end of that row.
 * 2. It is sent until an answer is 2xx or PIPELINE_TELL_TRIES attempts are over. A server that was
 *    killed sends again what it had no stored answer to: each comes at least once, with the same
 *    id, and in no certain order.
 * 3. One request at a time to an endpoint, and some at once to all: one that is slow holds up
 *    itself. Those that fail have half of the places at most.
 * 4. The secret that signs is made here, shown once, and sealed. */
#ifndef KILN_PIPELINE_ENDPOINT_H
#define KILN_PIPELINE_ENDPOINT_H

#include "pipeline/pipeline.h"

#define PIPELINE_TELL_TRIES 6  /* of one notification, before it is given up */
#define PIPELINE_FAILING    20 /* attempts in a row that failed: the endpoint is shown as failing */

enum pipeline_format {
	PIPELINE_CLOUDEVENTS, /* SPEC CloudEvents 1.0, JSON Event Format, structured mode */
	PIPELINE_SLACK,       /* {"text": …} */
};
const char *pipeline_format_name(enum pipeline_format f); /* "cloudevents", "slack" */
bool pipeline_format_parse(struct str s, enum pipeline_format *out);

enum pipeline_news {
	NEWS_BUILD_STARTED,
	NEWS_BUILD_SUCCEEDED,
	NEWS_BUILD_FAILED,
	NEWS_BUILD_CANCELED,
	NEWS_TAG_WRITTEN,
	NEWS_TAG_DELETED,
	NEWS_TEST, /* asked for: no endpoint chooses it */
};
const char *pipeline_news_name(enum pipeline_news n);            /* "build.started" */
bool pipeline_news_parse(struct str s, enum pipeline_news *out); /* but NEWS_TEST */

struct pipeline_endpoint {
	const char *id, *repository_id, *url; /* whe-… */
	enum pipeline_format format;
	unsigned news; /* bits, 1 << enum pipeline_news */
	bool is_signed, enabled;
	const char *off_reason; /* why kiln switched it off; NULL: it did not */
	uint32_t n_failures;    /* attempts in a row */
	int64_t last_ns;        /* of the last attempt; 0: none yet */
	int last_status;        /* 0: no answer came */
	const char *last_error; /* NULL: it went well */
	int64_t created_ns, updated_ns;
};
struct pipeline_endpoint_change { /* NULL members stay as they are */
	const struct str *url;
	const enum pipeline_format *format;
	const unsigned *news;
	const bool *is_signed; /* true makes a secret where there is none */
	const bool *enabled;   /* false gives up what waits */
	bool new_secret;       /* the one before signs beside it for a day */
};
/* `c` has all members. `*secret` (here and below) is NULL unless one was made: "whsec_…". Codes:
 * ENDPOINT_URL, ENDPOINT_ADDRESS, ENDPOINT_EVENTS, TOO_MANY_ENDPOINTS. */
struct err *pipeline_endpoint_create(struct pipeline *p, struct arena *a, struct str repository_id,
				     const struct pipeline_endpoint_change *c,
				     struct pipeline_endpoint *out, const char **secret);
struct err *pipeline_endpoint_get(struct pipeline *p, struct arena *a, struct str repository_id,
				  struct str id, bool *found, struct pipeline_endpoint *out);
struct err *pipeline_endpoint_list(struct pipeline *p, struct arena *a, struct str repository_id,
				   struct pipeline_endpoint **out, size_t *n);
struct err *pipeline_endpoint_update(struct pipeline *p, struct arena *a, struct str id,
				     const struct pipeline_endpoint_change *c, const char **secret);
struct err *pipeline_endpoint_delete(struct pipeline *p, struct str id, bool *found);

/* ---- notifications ---- */

enum pipeline_result { RESULT_WAITING, RESULT_DELIVERED, RESULT_FAILED };
const char *pipeline_result_name(enum pipeline_result t); /* "waiting" */
bool pipeline_result_parse(struct str s, enum pipeline_result *out);

struct pipeline_attempt {
	uint32_t number, took_ms;
	int64_t started_ns;
	int status;           /* 0: no answer */
	const char *error;    /* NULL: it went well */
	const char *response; /* its first LIMIT_NOTIFICATION_RESPONSE_BYTES, as UTF-8 */
};
struct pipeline_notification {
	const char *id, *news, *subject; /* whn-…; subject: a build's id, or a tag */
	int64_t seq;
	enum pipeline_result result;
	uint32_t n_attempts;
	int last_status; /* of the last attempt, as in struct pipeline_endpoint */
	const char *last_error;
	int64_t next_ns, created_ns, ended_ns; /* 0: none */
	/* of one that was asked for alone */
	const char *content_type, *body;
	struct pipeline_attempt *attempts;
	size_t n_listed; /* the newest of them */
};
struct pipeline_notification_query {
	struct str endpoint_id;
	bool has_result;
	enum pipeline_result result;
	int64_t before_seq; /* 0: from the newest */
	size_t n;
};
struct err *pipeline_notification_list(struct pipeline *p, struct arena *a,
				       const struct pipeline_notification_query *q,
				       struct pipeline_notification **out, size_t *n);
struct err *pipeline_notification_get(struct pipeline *p, struct arena *a, struct str endpoint_id,
				      struct str id, bool *found,
				      struct pipeline_notification *out);
/* Sends it (again) now, as it was. ERR_CONFLICT code ENDPOINT_OFF. */
struct err *pipeline_notification_redeliver(struct pipeline *p, struct str endpoint_id,
					    struct str id, bool *found);
/* Sends a notification that says no more than that, also to an endpoint that is off, once and
 * before all others, and waits for what comes of it: some 20 s at most, then it is still waiting.
 * Blocks. */
struct err *pipeline_endpoint_test(struct pipeline *p, struct arena *a,
				   const struct pipeline_endpoint *e,
				   struct pipeline_notification *out);

#endif
