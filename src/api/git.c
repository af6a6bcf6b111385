/* Our own Git remote: /git/NAMESPACE/REPOSITORY.git over smart HTTP. What is pushed is looked at
 * before the push is answered, so the builds are there when it returns. */
#include "api/api_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"

#define REQUEST_BYTES ((uint64_t)4 << 30)
#define FLUSH_BYTES   4 /* "0000": git asks whether it may push, before it sends much */

struct git_request {
	struct api_call *call;
	enum source_service service;
	bool advertise;
	struct str namespace_, repository; /* "demo", "hello" */
	struct str protocol, coding;       /* headers */
	const char *source_id;
	uint64_t n_bytes;
	int body_fd; /* owned */
};

/* ---- answers ---- */

static struct http_reply *text_of(unsigned status, const char *text)
{
	struct http_reply *r = http_reply_text(status, text);
	http_reply_header(r, "Cache-Control", "no-cache");
	if (status == 401)
		http_reply_header(r, "WWW-Authenticate", "Basic realm=\"kiln\"");
	return r;
}

/* git shows people the text of a refusal. */
static struct http_reply *refusal(struct git_request *q, struct err *e)
{
	own(err) owned = e;
	const char *code = err_code(e);
	own_mem char *text = err_text(e);
	if (code && (strcmp(code, "LOGIN_NEEDED") == 0 || strcmp(code, "LOGIN_FAILED") == 0))
		return text_of(401, "Log in with your name and password, or with a token.\n");
	if (code && strcmp(code, "LOGIN_LIMITED") == 0)
		return text_of(429, "Too many failed logins; wait a minute.\n");
	switch (e->kind) {
	case ERR_NOT_FOUND:
		return text_of(404, "There is no such repository.\n");
	case ERR_DENIED:
		return text_of(403, text);
	case ERR_LIMIT:
		return text_of(413, text);
	case ERR_INVALID:
		return text_of(400, text);
	case ERR_CONFLICT:
	case ERR_UNAVAILABLE:
	case ERR_CORRUPT:
	case ERR_CANCELED:
		break;
	}
	if (e->kind != ERR_CANCELED)
		log_error("git request failed", log_str("error", text));
	return text_of(503, "The server is unwell; its log says why.\n");
}

static struct http_reply *file_of(int fd, const char *type)
{
	off_t size = lseek(fd, 0, SEEK_END);
	struct http_reply *r = http_reply_file(200, fd, 0, (uint64_t)MAX(size, 0));
	http_reply_header(r, "Content-Type", type);
	http_reply_header(r, "Cache-Control", "no-cache");
	return r;
}

/* ---- who may ---- */

static const char *full_name(struct git_request *q)
{
	return arena_printf(q->call->arena, STR_FMT "/" STR_FMT, STR_ARG(q->namespace_),
			    STR_ARG(q->repository));
}

/* What may not be seen looks as what is not there; the anonymous are asked for a login first. */
static struct err *check(struct git_request *q)
{
	struct api_call *c = q->call;
	TRY(auth_check(c->api->o.auth, c->authorization, c->remote, &c->who));
	const char *full = full_name(q);
	bool found = false, is_public;
	enum auth_role role = AUTH_NONE,
		       least = q->service == SOURCE_RECEIVE_PACK ? AUTH_DEVELOP : AUTH_VIEW;
	TRY(catalog_image_role(c->api->o.catalog, c->api->o.auth, &c->who, str_of(full), &found,
			       &is_public, &role));
	struct pipeline_source s;
	bool has_source = false;
	if (found && role >= least)
		TRY(pipeline_source_find(c->api->o.pipeline, c->arena, q->namespace_, q->repository,
					 &has_source, &s));
	if (has_source && s.provider == SOURCE_KILN) {
		q->source_id = s.id;
		return NULL;
	}
	if (c->who.kind == AUTH_ANONYMOUS)
		return err_coded(ERR_DENIED, "LOGIN_NEEDED", NULL, "no login");
	if (found && role >= AUTH_VIEW && role < least)
		return err_new(ERR_DENIED, "Pushing to %s needs the role %s.\n", full,
			       auth_role_name(least));
	return err_new(ERR_NOT_FOUND, "there is no repository %s", full);
}

/* ---- requests ---- */

static struct err *open_tmp(struct git_request *q, int *fd)
{
	return source_git_tmpfile(q->call->api->o.git, fd);
}

static const char *service_name(enum source_service s)
{
	return s == SOURCE_UPLOAD_PACK ? "git-upload-pack" : "git-receive-pack";
}

static struct err *advertise(struct git_request *q, struct http_reply **out)
{
	TRY(check(q));
	own_fd fd = -1;
	TRY(open_tmp(q, &fd));
	TRY(source_git_advertise(q->call->api->o.git, q->source_id, q->service, q->protocol, fd));
	own_mem char *type = mem_printf("application/x-%s-advertisement", service_name(q->service));
	*out = file_of(fd_move(&fd), type);
	return NULL;
}

static void run_advertise(void *arg, struct http_exchange *x)
{
	struct git_request *q = arg;
	struct http_reply *reply = NULL;
	struct err *e = advertise(q, &reply);
	http_answer(x, e ? refusal(q, e) : reply);
}

/* A push that arrived stays, whatever comes of looking at it: the poller looks again. */
static void look(struct git_request *q, int64_t pushed_ns)
{
	struct api_call *c = q->call;
	size_t n = 0;
	struct err *e = pipeline_source_look(c->api->o.pipeline, str_of(q->source_id), pushed_ns,
					     c->who.name, &n);
	if (e) {
		log_err(LOG_LEVEL_WARN, "a push was not looked at yet", e);
		pipeline_source_poke(c->api->o.pipeline, str_of(q->source_id));
	}
}

static struct err *serve(struct git_request *q, struct http_reply **out)
{
	own_fd fd = -1;
	struct source_git *g = q->call->api->o.git;
	bool push = q->service == SOURCE_RECEIVE_PACK,
	     gzip = str_eq_nocase(q->coding, STR("gzip")) ||
		    str_eq_nocase(q->coding, STR("x-gzip"));
	TRY(open_tmp(q, &fd));
	lseek(q->body_fd, 0, SEEK_SET);
	int64_t now = time_now_unix_ns();
	if (push)
		source_git_enter(g, q->source_id);
	struct err *e =
		source_git_serve(g, q->source_id, q->service, q->protocol, q->body_fd, gzip, fd);
	if (push && !e) {
		if (q->n_bytes > FLUSH_BYTES)
			api_audit(q->call, "git.push", str_of(full_name(q)), NULL);
		look(q, now);
	}
	if (push)
		source_git_leave(g, q->source_id);
	TRY(e);
	own_mem char *type = mem_printf("application/x-%s-result", service_name(q->service));
	*out = file_of(fd_move(&fd), type);
	return NULL;
}

static struct err *body_begin(void *arg)
{
	struct git_request *q = arg;
	TRY(check(q));
	return open_tmp(q, &q->body_fd);
}

static struct err *body_write(void *arg, const void *p, size_t len)
{
	struct git_request *q = arg;
	q->n_bytes += len;
	if (q->n_bytes > REQUEST_BYTES)
		return err_new(ERR_LIMIT, "A push has at most 4 GiB.\n");
	return fd_write_all(q->body_fd, p, len);
}

static void body_end(void *arg, struct http_exchange *x, struct err *e)
{
	struct git_request *q = arg;
	struct http_reply *reply = NULL;
	if (!e)
		e = serve(q, &reply);
	fd_close_own(&q->body_fd);
	http_answer(x, e ? refusal(q, e) : reply);
}

static const struct http_sink body_sink = { body_begin, body_write, body_end };

/* ---- the way in ---- */

static struct str copied(struct api_call *c, const char *header)
{
	struct str v = http_exchange_header(c->x, header);
	return v.p ? arena_str(c->arena, v) : STR("");
}

/* NAMESPACE/REPOSITORY.git/WHAT */
static bool split_path(struct git_request *q, struct str *what)
{
	struct str path = q->call->params[0];
	const char *dot = path.len ? memmem(path.p, path.len, ".git/", 5) : NULL;
	if (!dot)
		return false;
	struct str full = str_first(path, (size_t)(dot - path.p));
	*what = str_skip(path, full.len + 5);
	q->repository = full;
	q->namespace_ = str_cut(&q->repository, '/');
	return q->namespace_.len && q->repository.len;
}

static struct git_request *new_request(struct api_call *c)
{
	struct git_request *q = arena_new(c->arena, struct git_request);
	*q = (struct git_request){ .call = c, .body_fd = -1 };
	q->protocol = copied(c, "Git-Protocol");
	q->coding = copied(c, "Content-Encoding");
	return q;
}

static void get(struct api_call *c)
{
	struct git_request *q = new_request(c);
	struct str what, service = api_query(c, "service");
	bool ok = split_path(q, &what) && str_eq(what, STR("info/refs"));
	if (ok && str_eq(service, STR("git-receive-pack")))
		q->service = SOURCE_RECEIVE_PACK;
	else if (!ok || !str_eq(service, STR("git-upload-pack"))) {
		http_answer(c->x,
			    text_of(404, "git 1.6.6 or newer is needed: this is smart HTTP.\n"));
		return;
	}
	http_defer(c->x, run_advertise, q);
}

static void post(struct api_call *c)
{
	struct git_request *q = new_request(c);
	struct str what;
	bool ok = split_path(q, &what);
	if (ok && str_eq(what, STR("git-receive-pack")))
		q->service = SOURCE_RECEIVE_PACK;
	else if (!ok || !str_eq(what, STR("git-upload-pack"))) {
		http_answer(c->x, text_of(404, "There is nothing here.\n"));
		return;
	}
	http_receive(c->x, &body_sink, q);
}

const struct api_route api_git_routes[] = {
	{ HTTP_GET, "/git/{path*}", API_RAW, NULL, get },
	{ HTTP_POST, "/git/{path*}", API_RAW, NULL, post },
	{ 0 },
};
