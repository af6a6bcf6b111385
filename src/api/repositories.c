/* Image repositories, and the routes of the area. */
#include "api/repositories_priv.h"

#include <stdlib.h>

#include "base/limits.h"

#define DESCRIPTION_BODY_BYTES API_BODY_BYTES /* the catalog says what is too long */

const char *api_type_name(bool is_public)
{
	return is_public ? "PUBLIC" : "PRIVATE";
}

struct err *api_body_type(struct api_call *c, const char *name, bool *found, bool *is_public)
{
	struct str text;
	bool there;
	TRY(api_body_str(c, name, 16, false, &there, &text));
	if (found)
		*found = there;
	if (!there)
		return NULL;
	*is_public = str_eq(text, STR("PUBLIC"));
	if (!*is_public && !str_eq(text, STR("PRIVATE")))
		return err_coded(ERR_INVALID, "BODY", NULL, "\"%s\" is PUBLIC or PRIVATE", name);
	return NULL;
}

/* ---- JSON ---- */

static json_t *binding_json(const struct pipeline_binding *b)
{
	json_t *j = json_object();
	json_object_set_new(j, "sourceId", json_string(b->source_id));
	json_object_set_new(j, "autoBuild", json_boolean(b->auto_build));
	json_object_set_new(j, "pool", json_string(b->pool));
	json_object_set_new(j, "noCache", json_boolean(b->no_cache));
	return j;
}

/* The caller's; what may be seen without any is for all to see. */
static struct err *role_json(struct api_call *c, const struct catalog_image_repository *r,
			     json_t **out)
{
	enum auth_role role;
	TRY(auth_role_in(c->api->o.auth, &c->who, str_of(r->namespace_), str_of(r->name), &role));
	*out = json_string(auth_role_name(MAX(role, AUTH_VIEW)));
	return NULL;
}

/* What it is built from is for who logged in. */
static struct err *repository_json(struct api_call *c, const struct catalog_image_repository *r,
				   json_t **out)
{
	struct pipeline_binding b;
	bool bound = false;
	if (c->api->o.pipeline)
		TRY(pipeline_binding_get(c->api->o.pipeline, c->arena, str_of(r->id), &bound, &b));
	bool shown = bound && c->who.kind != AUTH_ANONYMOUS;
	json_t *role;
	TRY(role_json(c, r, &role));
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(r->id));
	json_object_set_new(j, "namespace", json_string(r->namespace_));
	json_object_set_new(j, "name", json_string(r->name));
	json_object_set_new(j, "fullName", json_string(r->full_name));
	json_object_set_new(j, "type", json_string(api_type_name(r->is_public)));
	json_object_set_new(j, "immutable", json_boolean(r->immutable));
	json_object_set_new(j, "accelerated", json_boolean(r->accelerated));
	json_object_set_new(j, "summary", json_string(r->summary));
	json_object_set_new(j, "description", json_string(r->description));
	json_object_set_new(j, "role", role);
	json_object_set_new(j, "canBuild", json_boolean(bound));
	json_object_set_new(j, "source", shown ? binding_json(&b) : json_null());
	json_object_set_new(j, "createdAt", api_time(r->created_ns));
	json_object_set_new(j, "updatedAt", api_time(r->updated_ns));
	*out = j;
	return NULL;
}

static struct err *answer_with(struct api_call *c, unsigned status,
			       const struct catalog_image_repository *r, struct http_reply **out)
{
	json_t *j;
	TRY(repository_json(c, r, &j));
	*out = api_json(status, j);
	return NULL;
}

/* ---- routes ---- */

/* The parameter, when it is there. */
static struct err *query_digest(struct api_call *c, struct oci_digest *d,
				const struct oci_digest **out)
{
	struct str text = api_query(c, "digest");
	*out = NULL;
	if (!text.len)
		return NULL;
	struct err *e = oci_digest_parse(text, d);
	if (e) {
		err_free(e);
		return err_coded(ERR_INVALID, "QUERY",
				 "Take it whole, as \"digest\" is in answers.",
				 "digest is sha256: or sha512: and its hexadecimal digits");
	}
	*out = d;
	return NULL;
}

static struct err *list(struct api_call *c, struct http_reply **out)
{
	size_t most, n;
	struct str after;
	struct oci_digest digest;
	struct catalog_image_repository *v;
	struct catalog_image_query q = { .namespace_ = api_query(c, "namespace"),
					 .part = api_query(c, "q"),
					 .source_id = api_query(c, "source") };
	TRY(query_digest(c, &digest, &q.digest));
	TRY(api_query_limit(c, &most));
	TRY(api_query_cursor(c, &after));
	if (q.source_id.len && c->who.kind == AUTH_ANONYMOUS)
		return err_coded(ERR_DENIED, "LOGIN_NEEDED", "Log in first: kiln login.",
				 "what is built from a code source is for who logged in");
	TRY(catalog_image_list(c->api->o.catalog, c->arena, c->api->o.auth, &c->who, &q, after,
			       most + 1, &v, &n));
	own_json items = json_array();
	for (size_t i = 0; i < n && i < most; i++) {
		json_t *j;
		TRY(repository_json(c, &v[i], &j));
		json_array_append_new(items, j);
	}
	*out = api_page(json_incref(items),
			n > most ? api_cursor(c, str_of(v[most - 1].full_name)) : NULL);
	return NULL;
}

static struct err *create(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "namespace",   "name",    "type",        "immutable",
					       "accelerated", "summary", "description", NULL };
	struct catalog_image_request r = { .is_public = false };
	struct catalog_image_repository made;
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "namespace", LIMIT_NAME_BYTES, true, NULL, &r.namespace_));
	TRY(api_need_namespace(c, r.namespace_, AUTH_MAINTAIN));
	TRY(api_body_str(c, "name", LIMIT_NAME_BYTES, true, NULL, &r.name));
	TRY(api_body_type(c, "type", NULL, &r.is_public));
	TRY(api_body_bool(c, "immutable", NULL, &r.immutable));
	TRY(api_body_bool(c, "accelerated", NULL, &r.accelerated));
	TRY(api_body_str(c, "summary", 4 * LIMIT_SUMMARY_CHARS, false, NULL, &r.summary));
	TRY(api_body_str(c, "description", DESCRIPTION_BODY_BYTES, false, NULL, &r.description));
	TRY(catalog_image_create(c->api->o.catalog, c->arena, &r, &made));
	api_audit(c, "repository.create", str_of(made.full_name),
		  json_pack("{s:s, s:b}", "type", api_type_name(made.is_public), "immutable",
			    made.immutable));
	return answer_with(c, 201, &made, out);
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	TRY(api_need_repository(c, c->params[0], AUTH_VIEW, &r));
	return answer_with(c, 200, &r, out);
}

struct change {
	bool is_public, immutable, accelerated;
	struct str summary, description;
	struct catalog_image_change set; /* points to the above where it is to change */
};

static struct err *read_change(struct api_call *c, struct change *v)
{
	static const char *const members[] = { "type",    "immutable",   "accelerated",
					       "summary", "description", NULL };
	bool found[5];
	TRY(api_body_only(c, members));
	TRY(api_body_type(c, "type", &found[0], &v->is_public));
	TRY(api_body_bool(c, "immutable", &found[1], &v->immutable));
	TRY(api_body_bool(c, "accelerated", &found[2], &v->accelerated));
	TRY(api_body_str(c, "summary", 4 * LIMIT_SUMMARY_CHARS, false, &found[3], &v->summary));
	TRY(api_body_str(c, "description", DESCRIPTION_BODY_BYTES, false, &found[4],
			 &v->description));
	v->set = (struct catalog_image_change){
		.is_public = found[0] ? &v->is_public : NULL,
		.immutable = found[1] ? &v->immutable : NULL,
		.accelerated = found[2] ? &v->accelerated : NULL,
		.summary = found[3] ? &v->summary : NULL,
		.description = found[4] ? &v->description : NULL,
	};
	return NULL;
}

/* The description may be long, and it is in the repository. */
static json_t *change_detail(json_t *body)
{
	json_t *j = json_copy(body);
	if (json_object_get(j, "description"))
		json_object_set_new(j, "description", json_true());
	return j;
}

static struct err *update(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	struct change v;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &r));
	TRY(read_change(c, &v));
	TRY(catalog_image_update(c->api->o.catalog, str_of(r.id), &v.set));
	if (v.set.is_public)
		auth_changed(c->api->o.auth);
	api_audit(c, "repository.update", str_of(r.full_name), change_detail(c->body));
	return get(c, out);
}

static struct err *delete_repository(struct api_call *c, struct http_reply **out)
{
	struct catalog_image_repository r;
	bool found;
	TRY(api_need_repository(c, c->params[0], AUTH_MAINTAIN, &r));
	TRY(catalog_image_delete(c->api->o.catalog, str_of(r.id), &found));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no repository %s",
				 r.full_name);
	TRY(auth_grant_drop(c->api->o.auth, str_of(r.namespace_), str_of(r.name)));
	api_audit(c, "repository.delete", str_of(r.full_name), NULL);
	*out = api_no_content();
	return NULL;
}

#define NAMESPACES   "/api/v1/namespaces"
#define REPOSITORIES "/api/v1/repositories"
#define TAGS         REPOSITORIES "/{repository}/tags"

const struct api_route api_repository_routes[] = {
	{ HTTP_GET, NAMESPACES, 0, api_namespaces_list, NULL },
	{ HTTP_POST, NAMESPACES, API_ADMIN, api_namespaces_create, NULL },
	{ HTTP_GET, NAMESPACES "/{namespace}", 0, api_namespaces_get, NULL },
	{ HTTP_PATCH, NAMESPACES "/{namespace}", 0, api_namespaces_update, NULL },
	{ HTTP_DELETE, NAMESPACES "/{namespace}", API_ADMIN, api_namespaces_delete, NULL },
	{ HTTP_GET, REPOSITORIES, API_ANYBODY, list, NULL },
	{ HTTP_POST, REPOSITORIES, 0, create, NULL },
	{ HTTP_GET, REPOSITORIES "/{repository}", API_ANYBODY, get, NULL },
	{ HTTP_PATCH, REPOSITORIES "/{repository}", 0, update, NULL },
	{ HTTP_DELETE, REPOSITORIES "/{repository}", 0, delete_repository, NULL },
	{ HTTP_GET, REPOSITORIES "/{repository}/manifests/{reference}", API_ANYBODY,
	  api_manifests_get, NULL },
	{ HTTP_GET, TAGS, API_ANYBODY, api_tags_list, NULL },
	{ HTTP_GET, TAGS "/{tag}", API_ANYBODY, api_tags_get, NULL },
	{ HTTP_PUT, TAGS "/{tag}", 0, api_tags_put, NULL },
	{ HTTP_DELETE, TAGS "/{tag}", 0, api_tags_delete, NULL },
	{ 0 },
};
