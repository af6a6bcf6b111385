/* What the files of the HTTP server share. */
#ifndef KILN_HTTP_SERVER_PRIV_H
#define KILN_HTTP_SERVER_PRIV_H

#include <stdatomic.h>

#include <microhttpd.h>

#include "http/server.h"

/* A connection. The poll thread writes the marks, the reaper reads them. */
struct link {
	struct link *prev, *next;       /* in http_server.links, guarded by its lock */
	int fd;                         /* libmicrohttpd's; open as long as the link is listed */
	_Atomic uint64_t idle_since_ms; /* monotonic; 0 while a request is at hand */
	_Atomic uint64_t body_bytes;    /* received, of all requests */
	atomic_bool in_body;            /* and it is the client we wait for */
	/* the reaper's own */
	uint64_t window_since_ms; /* 0: none */
	uint64_t window_bytes;
	struct http_stream *stream; /* counted; guarded by http_server.lock */
	bool hung_up; /* the client had closed at the last look, after `hung_up_bytes` */
	uint64_t hung_up_bytes;
};

struct http_server {
	struct http_server_options o; /* fixed after http_server_open() */
	struct MHD_Daemon *daemon;    /* owned */
	int listen_fd;                /* owned until the daemon starts, and again from the stop */
	char address[80];
	pthread_t reaper;
	bool reaper_runs;
	bool stopped;
	atomic_uint n_jobs; /* on the pool, for any exchange */

	struct mutex lock; /* guards all below */
	struct cond wake;  /* the reaper's */
	struct link *links;
	bool no_streams; /* they are over, new ones at once */
	bool stopping;
};

enum stage {
	STAGE_HEAD, /* the request line is known */
	STAGE_BODY, /* the head is in, the body comes */
	STAGE_FULL, /* everything is in */
};

/* A body on its way to the sink: the poll thread fills one buffer while a job writes the other. */
struct body {
	const struct http_sink *sink; /* NULL: nobody wants it */
	void *arg;
	bool begun; /* the job's: sink->begin() succeeded */
	char *fill; /* owned; the poll thread's, as is all down to `last` */
	size_t n_fill, cap_fill;
	uint64_t n_dropped;
	bool last;           /* no more comes into `fill` */
	struct err *cut_off; /* owned; why it ends early */
	char *drain;         /* owned; the job's while there is one, else the poll thread's */
	size_t n_drain, cap_drain;
	bool drain_last;
};

struct http_exchange {
	struct http_server *server;  /* borrowed */
	struct MHD_Connection *conn; /* borrowed; valid until `gone` */
	struct link *link;           /* borrowed; valid until `gone` */
	struct arena *arena;         /* owned; made when asked for */
	enum http_method method;
	enum stage stage;
	bool handled; /* the handler ran */
	bool bad;     /* ambiguous framing, or two Authorization headers */
	bool seen_length, seen_authorization, has_body, chunked, expects_continue;
	uint64_t length;
	struct body body;
	void (*job)(void *arg, struct http_exchange *x);
	void *job_arg;

	struct mutex lock; /* guards all below */
	bool gone;         /* libmicrohttpd has forgotten it */
	bool suspended;
	unsigned jobs;            /* of it on the pool */
	bool ended;               /* sink->end() was or is being called */
	struct http_reply *reply; /* owned; not yet sent */

	size_t path_at, path_len, query_len; /* the path is within `target`, or "/" */
	const char *query;                   /* in `target`; NULL if there is none */
	char target[];                       /* as it came */
};

struct http_reply {
	atomic_uint refs;
	unsigned status;
	struct MHD_Response *mhd;   /* owned */
	struct http_stream *stream; /* `mhd` holds it; NULL: of another kind */
};
struct http_reply *http_reply_of(unsigned status, struct MHD_Response *mhd);

/* server_stream.c */
/* The stream is about to be sent in answer to `x`; on the poll thread. */
void http_stream_attach(struct http_stream *s, struct http_exchange *x);
/* The request is over. */
void http_stream_detach(struct http_server *server, struct link *l);
/* The reaper's look: is the client there, is a beat due? */
void http_stream_look_locked(struct http_server *server, struct link *l, uint64_t now);
/* Those that are, and those to come; `broken`: what they hold is not sent any more. */
void http_stream_end_all(struct http_server *server, bool broken);

/* server_exchange.c: the callbacks of libmicrohttpd. */
void *http_exchange_begin(void *server, const char *target, struct MHD_Connection *conn);
enum MHD_Result http_exchange_step(void *server, struct MHD_Connection *conn, const char *url,
				   const char *method, const char *version, const char *data,
				   size_t *size, void **exchange);
void http_exchange_end(void *server, struct MHD_Connection *conn, void **exchange,
		       enum MHD_RequestTerminationCode code);

/* server_body.c; both on the poll thread. */
/* Takes what there is room for; `*size` is what is left, and then the connection is suspended.
 * False: too much was dropped, close the connection. */
bool http_body_take(struct http_exchange *x, const char *data, size_t *size);
/* No more comes: the end, or `cut_off` (taken over). */
void http_body_finish(struct http_exchange *x, struct err *cut_off);
void http_body_done(struct body *b);

/* Each job of `x` on the pool is counted; whoever is last frees `x`. */
void http_exchange_job_added_locked(struct http_exchange *x);
void http_exchange_job_end_unlock(struct http_exchange *x); /* `x` is not to be used after it */
void http_exchange_suspend_locked(struct http_exchange *x);

#endif
