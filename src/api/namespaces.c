/* Namespaces. One sees those in which one has a role. */
#include "api/repositories_priv.h"

#include <stdlib.h>

/* `role` is the caller's in the whole of it: none for whom has one in a repository of it alone. */
static struct err *namespace_json(struct api_call *c, const struct catalog_namespace *n,
				  json_t **out)
{
	enum auth_role role;
	TRY(auth_role_in(c->api->o.auth, &c->who, str_of(n->name), STR(""), &role));
	json_t *j = json_object();
	json_object_set_new(j, "id", json_string(n->id));
	json_object_set_new(j, "name", json_string(n->name));
	json_object_set_new(j, "autoCreate", json_boolean(n->auto_create));
	json_object_set_new(j, "defaultType", json_string(api_type_name(n->default_public)));
	json_object_set_new(j, "repositories", json_integer((json_int_t)n->n_repositories));
	json_object_set_new(j, "role", api_str(role == AUTH_NONE ? NULL : auth_role_name(role)));
	json_object_set_new(j, "createdAt", api_time(n->created_ns));
	json_object_set_new(j, "updatedAt", api_time(n->updated_ns));
	*out = j;
	return NULL;
}

static struct err *answer_with(struct api_call *c, unsigned status,
			       const struct catalog_namespace *n, struct http_reply **out)
{
	json_t *j;
	TRY(namespace_json(c, n, &j));
	*out = api_json(status, j);
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of those with a role, the ones behind the cursor. */
static struct err *list_own(struct api_call *c, const char **names, size_t n, struct str after,
			    size_t most, struct catalog_namespace **out, size_t *n_out)
{
	*out = arena_new_array(c->arena, MIN(n, most), struct catalog_namespace);
	*n_out = 0;
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n && *n_out < most; i++) {
		bool found;
		if (str_cmp(str_of(names[i]), after) <= 0)
			continue;
		TRY(catalog_namespace_get(c->api->o.catalog, c->arena, str_of(names[i]), &found,
					  &(*out)[*n_out]));
		*n_out += found;
	}
	return NULL;
}

struct err *api_namespaces_list(struct api_call *c, struct http_reply **out)
{
	size_t most, n, n_names;
	struct str after;
	const char **names;
	bool all;
	struct catalog_namespace *list;
	TRY(api_query_limit(c, &most));
	TRY(api_query_cursor(c, &after));
	TRY(auth_namespaces_of(c->api->o.auth, c->arena, &c->who, &names, &n_names, &all));
	if (all)
		TRY(catalog_namespace_list(c->api->o.catalog, c->arena, after, most + 1, &list,
					   &n));
	else
		TRY(list_own(c, names, n_names, after, most + 1, &list, &n));
	own_json items = json_array();
	for (size_t i = 0; i < n && i < most; i++) {
		json_t *j;
		TRY(namespace_json(c, &list[i], &j));
		json_array_append_new(items, j);
	}
	*out = api_page(json_incref(items),
			n > most ? api_cursor(c, str_of(list[most - 1].name)) : NULL);
	return NULL;
}

struct err *api_namespaces_create(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "name", "autoCreate", "defaultType", NULL };
	struct str name;
	bool auto_create = true, is_public = false;
	struct catalog_namespace n;
	TRY(api_body_only(c, members));
	TRY(api_body_str(c, "name", 200, true, NULL, &name));
	TRY(api_body_bool(c, "autoCreate", NULL, &auto_create));
	TRY(api_body_type(c, "defaultType", NULL, &is_public));
	TRY(catalog_namespace_create(c->api->o.catalog, c->arena, name, auto_create, is_public,
				     &n));
	api_audit(c, "namespace.create", name,
		  json_pack("{s:b, s:s}", "autoCreate", auto_create, "defaultType",
			    api_type_name(is_public)));
	return answer_with(c, 201, &n, out);
}

static struct err *absent(struct str name)
{
	return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no namespace " STR_FMT,
			 STR_ARG(str_first(name, 300)));
}

struct err *api_see_namespace(struct api_call *c, struct str name_or_id, bool *seen,
			      struct catalog_namespace *out)
{
	const char **names;
	size_t n;
	bool found, all;
	TRY(catalog_namespace_get(c->api->o.catalog, c->arena, name_or_id, &found, out));
	TRY(auth_namespaces_of(c->api->o.auth, c->arena, &c->who, &names, &n, &all));
	*seen = found && all;
	for (size_t i = 0; found && !*seen && i < n; i++)
		*seen = strcmp(names[i], out->name) == 0;
	return NULL;
}

static struct err *get_seen(struct api_call *c, struct catalog_namespace *out)
{
	bool seen;
	TRY(api_see_namespace(c, c->params[0], &seen, out));
	return seen ? NULL : absent(c->params[0]);
}

struct err *api_namespaces_get(struct api_call *c, struct http_reply **out)
{
	struct catalog_namespace n;
	TRY(get_seen(c, &n));
	return answer_with(c, 200, &n, out);
}

struct err *api_namespaces_update(struct api_call *c, struct http_reply **out)
{
	static const char *const members[] = { "autoCreate", "defaultType", NULL };
	bool auto_create, is_public, has_auto, has_type;
	struct catalog_namespace n;
	TRY(get_seen(c, &n));
	TRY(api_need_namespace(c, str_of(n.name), AUTH_ADMIN));
	TRY(api_body_only(c, members));
	TRY(api_body_bool(c, "autoCreate", &has_auto, &auto_create));
	TRY(api_body_type(c, "defaultType", &has_type, &is_public));
	TRY(catalog_namespace_update(c->api->o.catalog, str_of(n.name),
				     has_auto ? &auto_create : NULL, has_type ? &is_public : NULL));
	api_audit(c, "namespace.update", str_of(n.name), json_incref(c->body));
	return api_namespaces_get(c, out);
}

struct err *api_namespaces_delete(struct api_call *c, struct http_reply **out)
{
	struct catalog_namespace n;
	bool found;
	TRY(get_seen(c, &n));
	TRY(catalog_namespace_delete(c->api->o.catalog, str_of(n.name), &found));
	if (!found)
		return absent(c->params[0]);
	/* tokens that were given for its roles are not fresh any more */
	TRY(auth_grant_drop(c->api->o.auth, str_of(n.name), STR("")));
	api_audit(c, "namespace.delete", str_of(n.name), NULL);
	*out = api_no_content();
	return NULL;
}
