/* What a request says: parameters, members of the body, and whether the caller may. */
#include "api/api_priv.h"

#include <stdlib.h>

#include <openssl/evp.h>

/* ---- the query ---- */

struct str api_query(struct api_call *c, const char *name)
{
	struct str rest = c->query, n, v;
	while (http_query_next(c->arena, &rest, &n, &v))
		if (str_eq(n, str_of(name)))
			return v;
	return STR("");
}

struct err *api_query_u64(struct api_call *c, const char *name, uint64_t max, uint64_t *out)
{
	struct str v = api_query(c, name);
	if (!v.len || str_to_u64(v, max, out))
		return NULL;
	return err_coded(ERR_INVALID, "QUERY", NULL, "%s is not a number from 0 to %llu", name,
			 (unsigned long long)max);
}

struct err *api_query_limit(struct api_call *c, size_t *n)
{
	uint64_t v = API_PAGE;
	TRY(api_query_u64(c, "limit", API_MOST_PAGE, &v));
	if (!v)
		return err_coded(ERR_INVALID, "QUERY", NULL, "limit is 1 to %d", API_MOST_PAGE);
	*n = (size_t)v;
	return NULL;
}

/* Base64, so that nobody takes it for more than it is. */
const char *api_cursor(struct api_call *c, struct str after)
{
	char *text = arena_zalloc(c->arena, 4 * (after.len / 3 + 1) + 1);
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)after.p, (int)after.len);
	for (char *p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? '.' : *p;
	return text;
}

struct err *api_query_cursor(struct api_call *c, struct str *out)
{
	struct str v = api_query(c, "cursor");
	*out = STR("");
	if (!v.len)
		return NULL;
	char *text = arena_strdup(c->arena, v);
	size_t pad = 0;
	for (char *p = text; *p; p++) {
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p == '.' ? '=' : *p;
		pad += *p == '=';
	}
	char *plain = arena_zalloc(c->arena, v.len + 4);
	int n = v.len > 4096 || v.len % 4
			? -1
			: EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)text,
					  (int)v.len);
	if (n < 0 || pad > 2)
		return err_coded(ERR_INVALID, "QUERY", "Take it from \"next\" of the page before.",
				 "cursor is none of ours");
	*out = str_n(plain, (size_t)n - pad);
	return NULL;
}

/* ---- the body ---- */

struct err *api_only(json_t *object, const char *const *names)
{
	const char *key;
	json_t *v;
	size_t n = 0;
	while (names[n])
		n++;
	json_object_foreach(object, key, v)
	{
		bool known = false;
		for (size_t i = 0; i < n; i++)
			known |= strcmp(key, names[i]) == 0;
		if (known)
			continue;
		const char *near = str_nearest(str_of(key), names, n);
		return err_coded(
			ERR_INVALID, "BODY", API_BODY_REMEDY, "unknown member \"%s\"%s%s%s", key,
			near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
	}
	return NULL;
}

struct err *api_body_only(struct api_call *c, const char *const *names)
{
	return api_only(c->body, names);
}

struct err *api_body_err(struct err *e)
{
	if (!e || err_code(e))
		return e;
	own(err) cause = e;
	own_mem char *text = err_text(cause);
	return err_coded(cause->kind, "BODY", API_BODY_REMEDY, "%s", text);
}

static json_t *member(struct api_call *c, const char *name)
{
	json_t *v = c->body ? json_object_get(c->body, name) : NULL;
	return v && !json_is_null(v) ? v : NULL;
}

struct err *api_body_str(struct api_call *c, const char *name, size_t most_bytes, bool needed,
			 bool *found, struct str *out)
{
	json_t *v = member(c, name);
	if (found)
		*found = v != NULL;
	*out = STR("");
	if (!v)
		return needed ? err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY, "\"%s\" is missing",
					  name)
			      : NULL;
	if (!json_is_string(v))
		return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY, "\"%s\" is not a string",
				 name);
	*out = str_n(json_string_value(v), json_string_length(v));
	if (out->len > most_bytes)
		return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY,
				 "\"%s\" is longer than %zu bytes", name, most_bytes);
	if (needed && !out->len)
		return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY, "\"%s\" is empty", name);
	return NULL;
}

struct err *api_body_bool(struct api_call *c, const char *name, bool *found, bool *out)
{
	json_t *v = member(c, name);
	if (found)
		*found = v != NULL;
	if (!v)
		return NULL;
	if (!json_is_boolean(v))
		return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY,
				 "\"%s\" is not true or false", name);
	*out = json_is_true(v);
	return NULL;
}

struct err *api_body_u64(struct api_call *c, const char *name, uint64_t max, bool *found,
			 uint64_t *out)
{
	json_t *v = member(c, name);
	if (found)
		*found = v != NULL;
	if (!v)
		return NULL;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return err_coded(ERR_INVALID, "BODY", API_BODY_REMEDY,
				 "\"%s\" is not a number from 0 to %llu", name,
				 (unsigned long long)max);
	*out = (uint64_t)json_integer_value(v);
	return NULL;
}

/* ---- who may ---- */

/* What may not be seen looks as what is not there. */
static struct err *refuse(struct api_call *c, enum auth_role have, enum auth_role least,
			  const char *what, struct str name)
{
	if (have >= least)
		return NULL;
	if (c->who.kind == AUTH_ANONYMOUS)
		return err_coded(ERR_DENIED, "LOGIN_NEEDED", "Log in: kiln login.", "no login");
	if (have < AUTH_VIEW)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no %s " STR_FMT, what,
				 STR_ARG(str_first(name, 300)));
	return err_coded(ERR_DENIED, "FORBIDDEN", "Ask who administers it for the role.",
			 "this needs the role %s in %s " STR_FMT, auth_role_name(least), what,
			 STR_ARG(name));
}

struct err *api_need_namespace(struct api_call *c, struct str namespace_, enum auth_role least)
{
	enum auth_role role;
	TRY(auth_role_in(c->api->o.auth, &c->who, namespace_, STR(""), &role));
	return refuse(c, role, least, "namespace", namespace_);
}

struct err *api_role_in_repository(const struct api *a, struct arena *m,
				   const struct auth_principal *who, struct str name_or_id,
				   struct catalog_image_repository *out, enum auth_role *role)
{
	bool found, is_public;
	*role = AUTH_NONE;
	TRY(catalog_image_get(a->o.catalog, m, name_or_id, &found, out));
	if (found)
		TRY(catalog_image_role(a->o.catalog, a->o.auth, who, str_of(out->full_name), &found,
				       &is_public, role));
	return NULL;
}

struct err *api_need_repository(struct api_call *c, struct str name_or_id, enum auth_role least,
				struct catalog_image_repository *out)
{
	enum auth_role role;
	struct catalog_image_repository r;
	TRY(api_role_in_repository(c->api, c->arena, &c->who, name_or_id, &r, &role));
	TRY(refuse(c, role, MAX(least, AUTH_VIEW), "repository", name_or_id));
	*out = r;
	return NULL;
}

void api_audit(struct api_call *c, const char *action, struct str target, json_t *detail)
{
	own_mem char *text = detail ? json_text(detail) : NULL;
	json_decref(detail);
	auth_audit(c->api->o.auth, &c->who, c->remote, action, target, text);
}
