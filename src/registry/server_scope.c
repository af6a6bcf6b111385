#include "registry/server_scope.h"

#include "oci/reference.h"

const struct auth_scope *registry_scope_find(const struct auth_scope *v, size_t n,
					     struct str repository)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(str_of(v[i].repository), repository))
			return &v[i];
	return NULL;
}

static struct auth_scope *scope_for(struct registry_scopes *s, struct str name)
{
	struct auth_scope *there = (struct auth_scope *)registry_scope_find(s->v, s->n, name);
	if (there)
		return there;
	if (s->n == LIMIT_SCOPES || s->name_bytes + name.len > LIMIT_SCOPE_NAMES_BYTES)
		return NULL;
	struct auth_scope *fresh = &s->v[s->n++];
	*fresh = (struct auth_scope){ .pull = false };
	memcpy(fresh->repository, name.p, name.len);
	s->name_bytes += name.len;
	return fresh;
}

static bool is_type(struct str type, const char *want)
{
	ptrdiff_t open = str_chr(type, '('); /* a class, which nobody looks at any more */
	return str_eq(open < 0 ? type : str_first(type, (size_t)open), str_of(want));
}

/* Cut from both ends: a name may have a colon, as host:port. */
static bool split(struct str text, struct str *type, struct str *name, struct str *actions)
{
	ptrdiff_t first = str_chr(text, ':'), last = str_rchr(text, ':');
	if (first < 0 || first == last)
		return false;
	*type = str_first(text, (size_t)first);
	*name = str_n(text.p + first + 1, (size_t)(last - first - 1));
	*actions = str_skip(text, (size_t)last + 1);
	return true;
}

static void add_actions(struct auth_scope *s, struct str actions)
{
	while (actions.p) {
		struct str a = str_trim(str_cut(&actions, ','));
		bool all = str_eq(a, STR("*"));
		s->pull |= all || str_eq(a, STR("pull"));
		s->push |= all || str_eq(a, STR("push"));
		s->delete_ |= all || str_eq(a, STR("delete"));
	}
}

static void add_one(struct registry_scopes *s, struct str text)
{
	struct str type, name, actions;
	if (!split(text, &type, &name, &actions))
		return;
	if (is_type(type, "registry") && str_eq(name, STR("catalog")))
		name = STR(REGISTRY_CATALOG_SCOPE);
	else if (!is_type(type, "repository") || !oci_repository_name_ok(name))
		return;
	struct auth_scope *scope = scope_for(s, name);
	if (scope)
		add_actions(scope, actions);
}

void registry_scopes_add(struct registry_scopes *s, struct str text)
{
	while (text.p)
		add_one(s, str_cut(&text, ' '));
}
