/* What the files of endpoints share: what happened, how it is told, and when it is told again. */
#ifndef KILN_PIPELINE_TELL_PRIV_H
#define KILN_PIPELINE_TELL_PRIV_H

#include "http/client.h"
#include "pipeline/endpoint.h"
#include "pipeline/pipeline_priv.h"

#define PIPELINE_TELL_ARENA_BYTES ((size_t)16 << 20)
/* No wait is as long: what is due later was made by another clock. */
#define PIPELINE_TELL_FAR_NS     ((int64_t)4 * 3600 * 1000000000)
#define PIPELINE_SECOND_SECRET_S 86400 /* how long the secret before signs too */

/* ---- notice.c: pure ---- */

struct pipeline_notice { /* what happened; all borrowed */
	enum pipeline_news news;
	const char *repository;   /* full name */
	const char *external_url; /* NULL: there are neither links nor references to pull by */
	int64_t time_ns;
	const struct pipeline_record *build; /* of builds, with its jobs */
	const char *tag, *digest;            /* of tags */
};
const char *pipeline_notice_type(enum pipeline_format f);
const char *pipeline_notice_subject(const struct pipeline_notice *n);
/* The caller frees it. */
char *pipeline_notice_body(const struct pipeline_notice *n, enum pipeline_format f, const char *id);

/* "v1,…". SPEC Standard Webhooks "Signature scheme" */
struct pipeline_signature {
	char s[64];
};
/* `secret`: "whsec_" and base64. ERR_CORRUPT when it is none. */
struct err *pipeline_sign(struct str secret, const char *id, int64_t time_s, struct str body,
			  struct pipeline_signature *out);

/* How long to wait behind the try of this number, from 1; 0: it was the last. `first_ms` is for the
 * first one, `chance` any number: a fifth more at most. */
uint64_t pipeline_tell_wait_ms(uint64_t first_ms, unsigned try, uint32_t chance);

/* ---- tell.c ---- */

struct pipeline_answer {
	int status;   /* 0: none */
	bool limited; /* it says that it was asked too often */
	char *error;  /* owned; NULL: it went well */
	struct buf response;
	int64_t started_ns;
	uint64_t took_ms;
	bool canceled;
};
void pipeline_answer_done(struct pipeline_answer *w);
/* Posts the body of `q`, which says too what addresses it refuses and has its headers. `response`
 * of the answer has its bound. */
struct err *pipeline_tell_send(struct pipeline *p, const char *url_text, struct http_request *q,
			       struct pipeline_answer *w);
/* When to try again behind so many tries before this one; 0: never. */
int64_t pipeline_tell_next_ns(struct pipeline *p, int64_t n_tries);
/* A kind of requests that the thread has sent: notifications, and reports. */
struct pipeline_tell_kind {
	/* Whom something is due for: id (up to 39 bytes), whether the last try failed. $1: now, $2:
	 * what is due later was made by another clock. Those that are well come first. */
	const char *due_sql;
	const char *next_sql; /* when the next one is due after $1; NULL: none */
	/* The next request for this id, on a thread of its own; one at a time. */
	struct err *(*step)(struct pipeline *p, const char *id);
};
/* As UTF-8 without NUL: what comes from elsewhere is shown to people. The caller frees it. */
char *pipeline_tell_text(struct str s);

/* ---- endpoint.c ---- */

struct err *pipeline_endpoint_unseal(struct pipeline *p, struct arena *a, const char *id,
				     const char *sealed, struct str *out);
/* Gives up what waits to be sent. */
struct err *pipeline_endpoint_give_up(struct pipeline *p, struct db_tx *tx, const char *id);

/* ---- news.c ---- */

/* A notification of it for this endpoint, to be sent at `next_ns`. `*id` is in the arena. */
struct err *pipeline_notice_insert(struct pipeline *p, struct db_tx *tx, struct arena *a,
				   const struct pipeline_notice *n, const char *endpoint_id,
				   enum pipeline_format f, int64_t next_ns, const char **id);
/* Makes notifications of what happened to tags. */
struct err *pipeline_news_of_tags(struct pipeline *p);

#endif
