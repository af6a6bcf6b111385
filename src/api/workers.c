/* Workers: what administrators see of them, and the protocol they speak (docs/WORKER.md). Blobs and
 * cache records are in workers_blobs.c, leases in workers_leases.c. */
#include "api/workers_priv.h"

#include <stdlib.h>

#include "oci/platform.h"

#define MOST_PLATFORMS ARRAY_LEN(((struct pipeline_worker *)NULL)->platforms)

/* ---- what is seen ---- */

static json_t *worker_json(const struct pipeline_worker *w)
{
	json_t *j = json_object(), *list = json_array();
	for (size_t i = 0; i < w->n_platforms; i++) {
		json_t *p = json_object();
		json_object_set_new(p, "platform",
				    json_string(oci_platform_text(&w->platforms[i].platform).s));
		json_object_set_new(p, "native", json_boolean(w->platforms[i].native));
		json_array_append_new(list, p);
	}
	json_object_set_new(j, "id", json_string(w->id));
	json_object_set_new(j, "name", json_string(w->name));
	json_object_set_new(j, "pool", json_string(w->pool));
	json_object_set_new(j, "version", json_string(w->version));
	json_object_set_new(j, "platforms", list);
	json_object_set_new(j, "slots", json_integer(w->slots));
	json_object_set_new(j, "builds", json_integer(w->n_leases));
	json_object_set_new(j, "embedded", json_boolean(w->embedded));
	json_object_set_new(j, "draining", json_boolean(w->draining));
	json_object_set_new(j, "online", json_boolean(w->online));
	json_object_set_new(j, "firstSeenAt", api_time(w->first_seen_ns));
	json_object_set_new(j, "lastSeenAt", api_time(w->last_seen_ns));
	return j;
}

static struct err *list_workers(struct api_call *c, struct http_reply **out)
{
	struct pipeline_worker *v;
	size_t n;
	TRY(pipeline_worker_list(c->api->o.pipeline, c->arena, &v, &n));
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, worker_json(&v[i]));
	*out = api_page(items, NULL);
	return NULL;
}

static struct err *no_worker(struct str id)
{
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no worker " STR_FMT,
			 STR_ARG(str_first(id, 100)));
}

static struct err *drain_worker(struct api_call *c, struct http_reply **out)
{
	bool given, on = true, found;
	TRY(api_body_only(c, (const char *const[]){ "on", NULL }));
	TRY(api_body_bool(c, "on", &given, &on));
	TRY(pipeline_worker_drain(c->api->o.pipeline, c->params[0], on, &found));
	if (!found)
		return no_worker(c->params[0]);
	api_audit(c, on ? "worker.drain" : "worker.resume", c->params[0], NULL);
	*out = api_no_content();
	return NULL;
}

static struct err *remove_worker(struct api_call *c, struct http_reply **out)
{
	bool found;
	TRY(pipeline_worker_remove(c->api->o.pipeline, c->params[0], &found));
	if (!found)
		return no_worker(c->params[0]);
	api_audit(c, "worker.remove", c->params[0], NULL);
	*out = api_no_content();
	return NULL;
}

/* ---- register ---- */

static struct err *bad_body(const char *what)
{
	return err_coded(ERR_INVALID, "BODY", NULL, "%s", what);
}

static struct err *read_platforms(struct api_call *c, struct pipeline_worker *w)
{
	json_t *list = json_object_get(c->body, "platforms"), *v;
	size_t i;
	if (!json_is_array(list) || !json_array_size(list) ||
	    json_array_size(list) > MOST_PLATFORMS)
		return bad_body("\"platforms\" is a list of 1 to 4");
	json_array_foreach(list, i, v)
	{
		struct str text = STR("");
		if (!json_is_object(v))
			return bad_body("a platform is an object");
		TRY(json_get_str(v, "platform", &text));
		TRY(json_get_bool(v, "native", &w->platforms[i].native));
		TRY(oci_platform_parse_target(text, &w->platforms[i].platform));
	}
	w->n_platforms = json_array_size(list);
	return NULL;
}

static struct err *register_worker(struct api_call *c, struct http_reply **out)
{
	struct pipeline_worker w = { .pool = c->who.pool };
	struct str name, version;
	uint64_t slots = 1;
	const char *id;
	TRY(api_body_only(c, (const char *const[]){ "name", "version", "slots", "embedded",
						    "platforms", NULL }));
	TRY(api_body_str(c, "name", 64, true, NULL, &name));
	TRY(api_body_str(c, "version", 64, true, NULL, &version));
	TRY(api_body_u64(c, "slots", 256, NULL, &slots));
	TRY(api_body_bool(c, "embedded", NULL, &w.embedded));
	TRY(read_platforms(c, &w));
	w.name = arena_strdup(c->arena, name);
	w.version = arena_strdup(c->arena, version);
	w.slots = (uint32_t)slots;
	TRY(pipeline_worker_register(c->api->o.pipeline, c->arena, &w, c->who.token_id, &id));
	json_t *j = json_object();
	json_object_set_new(j, "workerId", json_string(id));
	json_object_set_new(j, "leaseSeconds", json_integer(pipeline_lease_s(c->api->o.pipeline)));
	json_object_set_new(j, "graceSeconds", json_integer(pipeline_grace_s(c->api->o.pipeline)));
	*out = api_json(200, j);
	return NULL;
}

const struct api_route api_worker_routes[] = {
	{ HTTP_GET, "/api/v1/workers", API_ADMIN, list_workers, NULL },
	{ HTTP_POST, "/api/v1/workers/{id}:drain", API_ADMIN, drain_worker, NULL },
	{ HTTP_DELETE, "/api/v1/workers/{id}", API_ADMIN, remove_worker, NULL },
	{ HTTP_POST, "/api/v1/worker/register", API_WORKER, register_worker, NULL },
	{ HTTP_POST, "/api/v1/worker/poll", API_RAW, NULL, api_worker_poll },
	{ HTTP_POST, "/api/v1/worker/leases/{lease}/events", API_WORKER, api_worker_events, NULL },
	{ HTTP_GET, "/api/v1/worker/leases/{lease}/context", API_WORKER, api_worker_context, NULL },
	{ HTTP_GET, "/api/v1/worker/blobs/{digest*}", API_WORKER, api_worker_blob_get, NULL },
	{ HTTP_PUT, "/api/v1/worker/blobs/{digest*}", API_RAW, NULL, api_worker_blob_put },
	{ HTTP_GET, "/api/v1/worker/cache/{key}", API_WORKER, api_worker_cache_get, NULL },
	{ HTTP_PUT, "/api/v1/worker/cache/{key}", API_WORKER, api_worker_cache_put, NULL },
	{ 0 },
};
