/* Endpoints of an image repository, and the notifications that they were sent. All of it is for who
 * maintains the repository: a URL may be a password. */
#include "api/api_priv.h"

#include "base/limits.h"
#include "pipeline/endpoint.h"

static const char *const members[] = { "url", "format", "events", "signed", "enabled", NULL };

/* ---- which one ---- */

static struct err *find_endpoint(struct api_call *c, struct catalog_image_repository *repo,
				 struct pipeline_endpoint *e)
{
	bool found;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, repo));
	TRY(pipeline_endpoint_get(c->api->o.pipeline, c->arena, str_of(repo->id), c->params[1],
				  &found, e));
	return found ? NULL
		     : err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no endpoint " STR_FMT,
				 STR_ARG(str_first(c->params[1], 100)));
}

static struct err *no_notification(struct api_call *c)
{
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no notification " STR_FMT,
			 STR_ARG(str_first(c->params[2], 100)));
}

/* ---- what it looks like ---- */

static json_t *status_json(int status)
{
	return status ? json_integer(status) : json_null();
}

static json_t *events_json(unsigned news)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < NEWS_TEST; i++)
		if (news & (1u << i))
			json_array_append_new(list, json_string(pipeline_news_name(i)));
	return list;
}

static json_t *endpoint_json(const struct pipeline_endpoint *e)
{
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(e->id));
	json_object_set_new(j, "url", json_string(e->url));
	json_object_set_new(j, "format", json_string(pipeline_format_name(e->format)));
	json_object_set_new(j, "events", events_json(e->news));
	json_object_set_new(j, "signed", json_boolean(e->is_signed));
	json_object_set_new(j, "enabled", json_boolean(e->enabled));
	json_object_set_new(j, "offReason", api_str(e->off_reason));
	json_object_set_new(j, "failures", json_integer(e->n_failures));
	json_object_set_new(j, "failing", json_boolean(e->n_failures >= PIPELINE_FAILING));
	json_object_set_new(j, "lastAttemptAt", api_time(e->last_ns));
	json_object_set_new(j, "lastStatus", status_json(e->last_status));
	json_object_set_new(j, "lastError", api_str(e->last_error));
	json_object_set_new(j, "createdAt", api_time(e->created_ns));
	json_object_set_new(j, "updatedAt", api_time(e->updated_ns));
	return j;
}

static json_t *notification_json(const struct pipeline_notification *n)
{
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(n->id));
	json_object_set_new(j, "event", json_string(n->news));
	json_object_set_new(j, "subject", json_string(n->subject));
	json_object_set_new(j, "result", json_string(pipeline_result_name(n->result)));
	json_object_set_new(j, "attempts", json_integer(n->n_attempts));
	json_object_set_new(j, "lastStatus", status_json(n->last_status));
	json_object_set_new(j, "lastError", api_str(n->last_error));
	json_object_set_new(j, "nextAttemptAt", api_time(n->next_ns));
	json_object_set_new(j, "createdAt", api_time(n->created_ns));
	json_object_set_new(j, "endedAt", api_time(n->ended_ns));
	return j;
}

static json_t *whole_json(const struct pipeline_notification *n)
{
	json_t *j = notification_json(n), *list = json_array();
	json_object_set_new(j, "contentType", json_string(n->content_type));
	json_object_set_new(j, "body", json_string(n->body));
	for (size_t i = 0; i < n->n_listed; i++) {
		const struct pipeline_attempt *a = &n->attempts[i];
		json_t *o = json_object();
		json_object_set_new(o, "number", json_integer(a->number));
		json_object_set_new(o, "startedAt", api_time(a->started_ns));
		json_object_set_new(o, "tookMs", json_integer(a->took_ms));
		json_object_set_new(o, "status", status_json(a->status));
		json_object_set_new(o, "error", api_str(a->error));
		json_object_set_new(o, "response", json_string(a->response));
		json_array_append_new(list, o);
	}
	json_object_set_new(j, "log", list);
	return j;
}

/* With the secret, where one was made: it is shown once. */
static struct http_reply *answer(unsigned status, const struct pipeline_endpoint *e,
				 const char *secret)
{
	json_t *j = endpoint_json(e);
	json_object_set_new(j, "secret", api_str(secret));
	return api_json(status, j);
}

/* The path of a URL may be what lets in. */
static json_t *audited(const struct pipeline_endpoint *e)
{
	struct str rest = str_of(e->url);
	str_cut(&rest, '/');
	str_cut(&rest, '/');
	struct str host = str_cut(&rest, '/');
	return json_pack("{s:s, s:s%, s:s, s:o, s:b, s:b}", "endpoint", e->id, "host", host.p,
			 host.len, "format", pipeline_format_name(e->format), "events",
			 events_json(e->news), "signed", e->is_signed, "enabled", e->enabled);
}

/* ---- list, get ---- */

static struct err *list(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint *e;
	size_t n;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	TRY(pipeline_endpoint_list(c->api->o.pipeline, c->arena, str_of(repo.id), &e, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, endpoint_json(&e[i]));
	*out = api_page(items, NULL);
	return NULL;
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint e;
	TRY(find_endpoint(c, &repo, &e));
	*out = api_json(200, endpoint_json(&e));
	return NULL;
}

/* ---- create, change ---- */

struct given {
	struct str url;
	enum pipeline_format format;
	unsigned news;
	bool is_signed, enabled;
	struct pipeline_endpoint_change change;
};

static struct err *read_format(struct api_call *c, struct given *g)
{
	struct str text;
	bool found;
	TRY(api_body_str(c, "format", 64, false, &found, &text));
	if (!found)
		return NULL;
	g->change.format = &g->format;
	return pipeline_format_parse(text, &g->format)
		       ? NULL
		       : err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY,
				   "\"format\" is cloudevents or slack");
}

static struct err *read_events(struct api_call *c, struct given *g)
{
	json_t *list_ = NULL, *v;
	size_t i;
	enum pipeline_news one;
	TRY(api_body_err(json_get_array(c->body, "events", &list_)));
	if (!list_)
		return NULL;
	g->news = 0;
	g->change.news = &g->news;
	json_array_foreach(list_, i, v)
	{
		if (!json_is_string(v) || !pipeline_news_parse(str_of(json_string_value(v)), &one))
			return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY,
					 "\"events\" holds names of events: build.started, "
					 "build.succeeded, build.failed, build.canceled, "
					 "tag.written, tag.deleted");
		g->news |= 1u << one;
	}
	return NULL;
}

static struct err *read_body(struct api_call *c, bool all, struct given *g)
{
	struct pipeline_endpoint_change *to = &g->change;
	bool found;
	*g = (struct given){ .format = PIPELINE_CLOUDEVENTS,
			     .news = (1u << NEWS_TEST) - 1,
			     .enabled = true };
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "url", LIMIT_ENDPOINT_URL_BYTES, all, &found, &g->url));
	to->url = found ? &g->url : NULL;
	TRY(read_format(c, g));
	TRY(read_events(c, g));
	TRY(api_body_bool(c, "signed", &found, &g->is_signed));
	to->is_signed = found || all ? &g->is_signed : NULL;
	TRY(api_body_bool(c, "enabled", &found, &g->enabled));
	to->enabled = found || all ? &g->enabled : NULL;
	if (all) {
		to->format = &g->format;
		to->news = &g->news;
	}
	return NULL;
}

static struct err *create(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint e;
	struct given g;
	const char *secret;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	TRY(read_body(c, true, &g));
	TRY(pipeline_endpoint_create(c->api->o.pipeline, c->arena, str_of(repo.id), &g.change, &e,
				     &secret));
	api_audit(c, "endpoint.create", str_of(repo.full_name), audited(&e));
	*out = answer(201, &e, secret);
	return NULL;
}

static struct err *change(struct api_call *c, const struct pipeline_endpoint_change *to,
			  const char *action, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint e;
	const char *secret;
	TRY(find_endpoint(c, &repo, &e));
	TRY(pipeline_endpoint_update(c->api->o.pipeline, c->arena, str_of(e.id), to, &secret));
	TRY(find_endpoint(c, &repo, &e));
	api_audit(c, action, str_of(repo.full_name), audited(&e));
	*out = answer(200, &e, secret);
	return NULL;
}

/* Whether one may comes before what is wrong with the request. */
static struct err *update(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct given g;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &repo));
	TRY(read_body(c, false, &g));
	return change(c, &g.change, "endpoint.update", out);
}

static struct err *rotate(struct api_call *c, struct http_reply **out)
{
	bool yes = true;
	struct pipeline_endpoint_change to = { .is_signed = &yes, .new_secret = true };
	return change(c, &to, "endpoint.rotate", out);
}

static struct err *delete_endpoint(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint e;
	bool found;
	TRY(find_endpoint(c, &repo, &e));
	TRY(pipeline_endpoint_delete(c->api->o.pipeline, str_of(e.id), &found));
	if (found)
		api_audit(c, "endpoint.delete", str_of(repo.full_name), audited(&e));
	*out = api_no_content();
	return NULL;
}

/* ---- notifications ---- */

static struct err *test(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint e;
	struct pipeline_notification n;
	TRY(find_endpoint(c, &repo, &e));
	TRY(pipeline_endpoint_test(c->api->o.pipeline, c->arena, &e, &n));
	api_audit(c, "endpoint.test", str_of(repo.full_name),
		  json_pack("{s:s, s:s}", "endpoint", e.id, "notification", n.id));
	*out = api_json(200, whole_json(&n));
	return NULL;
}

static struct err *read_query(struct api_call *c, struct pipeline_notification_query *q)
{
	struct str cursor, result = api_query(c, "result");
	uint64_t before = 0;
	TRY(api_query_limit(c, &q->n));
	TRY(api_query_cursor(c, &cursor));
	if (cursor.len && (!str_to_u64(cursor, INT64_MAX, &before) || !before))
		return err_coded(ERR_INVALID, "QUERY", "Take it from \"next\" of the page before.",
				 "cursor is none of ours");
	q->before_seq = (int64_t)before;
	q->has_result = result.len > 0;
	if (q->has_result && !pipeline_result_parse(result, &q->result))
		return err_coded(ERR_INVALID, "QUERY", NULL,
				 "result is waiting, delivered or failed");
	return NULL;
}

static struct err *list_notifications(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint e;
	struct pipeline_notification_query q = { .n = 0 };
	struct pipeline_notification *v;
	size_t n;
	TRY(find_endpoint(c, &repo, &e));
	TRY(read_query(c, &q));
	q.endpoint_id = str_of(e.id);
	size_t most = q.n++; /* one more tells whether there is a page behind it */
	TRY(pipeline_notification_list(c->api->o.pipeline, c->arena, &q, &v, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n && i < most; i++)
		json_array_append_new(items, notification_json(&v[i]));
	const char *next = NULL;
	if (n > most)
		next = api_cursor(
			c, str_of(arena_printf(c->arena, "%lld", (long long)v[most - 1].seq)));
	*out = api_page(items, next);
	return NULL;
}

static struct err *get_notification(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint e;
	struct pipeline_notification n;
	bool found;
	TRY(find_endpoint(c, &repo, &e));
	TRY(pipeline_notification_get(c->api->o.pipeline, c->arena, str_of(e.id), c->params[2],
				      &found, &n));
	if (!found)
		return no_notification(c);
	*out = api_json(200, whole_json(&n));
	return NULL;
}

static struct err *redeliver(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository repo;
	struct pipeline_endpoint e;
	struct pipeline_notification n;
	bool found;
	TRY(find_endpoint(c, &repo, &e));
	TRY(pipeline_notification_redeliver(c->api->o.pipeline, str_of(e.id), c->params[2],
					    &found));
	if (found)
		TRY(pipeline_notification_get(c->api->o.pipeline, c->arena, str_of(e.id),
					      c->params[2], &found, &n));
	if (!found)
		return no_notification(c);
	api_audit(c, "endpoint.redeliver", str_of(repo.full_name),
		  json_pack("{s:s, s:s}", "endpoint", e.id, "notification", n.id));
	*out = api_json(202, whole_json(&n));
	return NULL;
}

#define ROOT          "/api/v1/repositories/{repository}/endpoints"
#define ONE           ROOT "/{endpoint}"
#define NOTIFICATIONS ONE "/notifications"

const struct api_route api_endpoint_routes[] = {
	{ HTTP_GET, ROOT, 0, list, NULL },
	{ HTTP_POST, ROOT, 0, create, NULL },
	{ HTTP_GET, ONE, 0, get, NULL },
	{ HTTP_PATCH, ONE, 0, update, NULL },
	{ HTTP_DELETE, ONE, 0, delete_endpoint, NULL },
	{ HTTP_POST, ONE ":test", API_OPTIONAL_BODY, test, NULL },
	{ HTTP_POST, ONE ":rotate", API_OPTIONAL_BODY, rotate, NULL },
	{ HTTP_GET, NOTIFICATIONS, 0, list_notifications, NULL },
	{ HTTP_GET, NOTIFICATIONS "/{notification}", 0, get_notification, NULL },
	{ HTTP_POST, NOTIFICATIONS "/{notification}:redeliver", API_OPTIONAL_BODY, redeliver,
	  NULL },
	{ 0 },
};
