/* A worker's leases: polls that wait for them, their events, their build context. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/workers_priv.h"
#include "base/fd.h"

#define POLL_BYTES  ((size_t)256 << 10)
#define MOST_LEASES 1024
#define MOST_WAIT_S 60
#define MOST_EVENTS 1000

struct err *api_worker_check(struct api_call *c)
{
	TRY(auth_check(c->api->o.auth, c->authorization, c->remote, &c->who));
	return c->who.kind == AUTH_WORKER
		       ? NULL
		       : err_coded(ERR_DENIED, "FORBIDDEN",
				   "Make a token for it: kiln worker token NAME.",
				   "this is for workers");
}

/* ---- a lease as JSON ---- */

static json_t *platforms_json(const struct pipeline_lease *l)
{
	json_t *list = json_array();
	for (size_t i = 0; i < l->n_platforms; i++)
		json_array_append_new(list, json_string(oci_platform_text(&l->platforms[i]).s));
	return list;
}

static json_t *args_json(const struct pipeline_build *b)
{
	json_t *list = json_array();
	for (size_t i = 0; i < b->n_args; i++) {
		json_t *pair = json_array();
		json_array_append_new(pair, json_string(b->args[i].name));
		json_array_append_new(pair, json_string(b->args[i].value));
		json_array_append_new(list, pair);
	}
	return list;
}

static json_t *mirrors_json(struct api_call *c)
{
	json_t *list = json_array();
	for (const char *const *m = c->api->o.mirrors; m && *m; m++)
		json_array_append_new(list, json_string(*m));
	return list;
}

/* For base images that are private here: what the namespace of the repository may read. */
static json_t *registry_json(struct api_call *c, const struct pipeline_build *b)
{
	const char *url = c->api->o.external_url;
	struct str host = c->host, namespace_ = str_of(b->repository), rest;
	if (url) {
		rest = str_of(strstr(url, "://") + 3);
		host = str_cut(&rest, '/');
	}
	rest = namespace_;
	namespace_ = str_cut(&rest, '/');
	own_mem char *password = NULL;
	struct err *e =
		auth_build_password(c->api->o.auth, namespace_, b->time_limit_s + 600, &password);
	if (e || !host.len) {
		err_free(e);
		return json_null();
	}
	json_t *j = json_object();
	json_object_set_new(j, "host", json_stringn(host.p, host.len));
	json_object_set_new(j, "username", json_string(AUTH_BUILD_USER));
	json_object_set_new(j, "password", json_string(password));
	return j;
}

static json_t *lease_json(struct api_call *c, const struct pipeline_lease *l)
{
	const struct pipeline_build *b = &l->build;
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(l->id));
	json_object_set_new(j, "recordId", json_string(b->id));
	json_object_set_new(j, "repository", json_string(b->repository));
	json_object_set_new(j, "repositoryId", json_string(b->repository_id));
	json_object_set_new(j, "ref", json_string(b->ref));
	json_object_set_new(j, "commit", json_string(b->commit));
	json_object_set_new(j, "platforms", platforms_json(l));
	json_object_set_new(j, "dockerfile", json_string(b->dockerfile_name));
	json_object_set_new(j, "buildArgs", args_json(b));
	json_object_set_new(j, "noCache", json_boolean(b->no_cache));
	json_object_set_new(j, "timeLimitSeconds", json_integer(b->time_limit_s));
	json_object_set_new(j, "firstStep", json_integer(l->first_step));
	json_object_set_new(j, "mirrors", mirrors_json(c));
	json_object_set_new(j, "registry", registry_json(c, b));
	return j;
}

/* ---- poll ---- */

static void answer_error(struct api_call *c, struct err *e)
{
	http_answer(c->x, api_problem_of(c, e));
}

static void poll_done(void *arg, struct err *e, struct pipeline_poll_result *r)
{
	struct api_call *c = arg;
	if (e) {
		answer_error(c, e);
		return;
	}
	json_t *j = json_object(), *leases = json_array(), *cancel = json_array();
	for (size_t i = 0; i < r->n_leases; i++)
		json_array_append_new(leases, lease_json(c, &r->leases[i]));
	for (size_t i = 0; i < r->n_cancel; i++)
		json_array_append_new(cancel, json_string(r->cancel[i]));
	json_object_set_new(j, "leases", leases);
	json_object_set_new(j, "cancel", cancel);
	json_object_set_new(j, "draining", json_boolean(r->draining));
	http_answer(c->x, api_json(200, j));
}

static struct err *read_leases(struct api_call *c, struct pipeline_poll *q)
{
	json_t *list = json_object_get(c->body, "leases"), *v;
	size_t i;
	if (list && (!json_is_array(list) || json_array_size(list) > MOST_LEASES))
		return err_coded(ERR_INVALID, "BODY", NULL, "\"leases\" is no list of ids");
	const char **ids = arena_new_array(c->arena, json_array_size(list) + 1, const char *);
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v))
			return err_coded(ERR_INVALID, "BODY", NULL, "\"leases\" is no list of ids");
		ids[i] = arena_strdup(c->arena, str_of(json_string_value(v)));
	}
	q->leases = ids;
	q->n_leases = json_array_size(list);
	return NULL;
}

static struct err *read_poll(struct api_call *c, struct pipeline_poll *q)
{
	struct str id;
	uint64_t free_slots = 0, wait_s = 20;
	TRY(api_body_only(
		c, (const char *const[]){ "workerId", "free", "leases", "waitSeconds", NULL }));
	TRY(api_body_str(c, "workerId", 64, true, NULL, &id));
	TRY(api_body_u64(c, "free", 1024, NULL, &free_slots));
	TRY(api_body_u64(c, "waitSeconds", MOST_WAIT_S, NULL, &wait_s));
	TRY(read_leases(c, q));
	q->worker_id = arena_strdup(c->arena, id);
	q->token_id = c->who.token_id;
	q->free_slots = (uint32_t)free_slots;
	q->wait_ms = (uint32_t)wait_s * 1000;
	return NULL;
}

struct poll_body {
	struct api_call *call;
	struct buf b;
};

static struct err *take(void *arg, const void *p, size_t len)
{
	struct poll_body *g = arg;
	buf_add(&g->b, str_n(p, len));
	return NULL;
}

static struct err *parse_poll(struct poll_body *g, struct pipeline_poll *q)
{
	struct api_call *c = g->call;
	TRY(api_worker_check(c));
	if (g->b.over)
		return err_coded(ERR_LIMIT, "BODY_LARGE", NULL, "the body is too long");
	TRY(err_wrap(json_read(buf_str(&g->b), &c->body), "body"));
	if (!json_is_object(c->body))
		return err_coded(ERR_INVALID, "BODY", NULL, "the body is not a JSON object");
	return read_poll(c, q);
}

static void poll_received(void *arg, struct http_exchange *x, struct err *e)
{
	struct poll_body *g = arg;
	struct api_call *c = g->call;
	struct pipeline_poll *q = arena_new(c->arena, struct pipeline_poll);
	if (!e)
		e = parse_poll(g, q);
	buf_done(&g->b);
	json_decref(c->body);
	c->body = NULL;
	if (e)
		answer_error(c, e);
	else /* who answers is poll_done(), whenever that is; nothing here may touch `c` after it */
		pipeline_worker_poll(c->api->o.pipeline, c->arena, q, poll_done, c);
}

void api_worker_poll(struct api_call *c)
{
	static const struct http_sink sink = { .write = take, .end = poll_received };
	struct poll_body *g = arena_new(c->arena, struct poll_body);
	g->call = c;
	buf_init(&g->b, POLL_BYTES);
	http_receive(c->x, &sink, g);
}

/* ---- events ---- */

struct err *api_worker_events(struct api_call *c, struct http_reply **out)
{
	uint64_t seq = 0, next;
	bool found, cancel;
	TRY(api_body_only(c, (const char *const[]){ "seq", "events", NULL }));
	TRY(api_body_u64(c, "seq", INT64_MAX, &found, &seq));
	json_t *events = json_object_get(c->body, "events");
	if (!found || !json_is_array(events) || json_array_size(events) > MOST_EVENTS)
		return err_coded(ERR_INVALID, "BODY", NULL,
				 "it needs \"seq\" and \"events\", at most %d", MOST_EVENTS);
	TRY(pipeline_lease_events(c->api->o.pipeline, c->params[0], c->who.token_id, seq, events,
				  &next, &cancel));
	json_t *j = json_object();
	json_object_set_new(j, "next", json_integer((json_int_t)next));
	json_object_set_new(j, "cancel", json_boolean(cancel));
	*out = api_json(200, j);
	return NULL;
}

/* ---- context ---- */

/* To a file without a name first: what the length is shows then, and a tree that cannot be read is
 * an error instead of half an answer. */
struct err *api_worker_context(struct api_call *c, struct http_reply **out)
{
	own_fd fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_from_errno(errno, "temporary file");
	TRY(pipeline_lease_context(c->api->o.pipeline, c->params[0], c->who.token_id, fd));
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_from_errno(errno, "temporary file");
	*out = http_reply_file(200, fd_move(&fd), 0, (uint64_t)st.st_size);
	http_reply_header(*out, "Content-Type", "application/x-tar");
	http_reply_header(*out, "Cache-Control", "no-store");
	return NULL;
}
