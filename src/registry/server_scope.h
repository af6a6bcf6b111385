/* Scopes of the token scheme: "repository:demo/hello:pull,push", several between blanks. What no
 * registry of ours can grant is left out. SPEC distribution docs/spec/auth/scope.md */
#ifndef KILN_REGISTRY_SERVER_SCOPE_H
#define KILN_REGISTRY_SERVER_SCOPE_H

#include "auth/auth.h"
#include "base/limits.h"

/* "registry:catalog:*" is the scope of this name, which no repository has. */
#define REGISTRY_CATALOG_SCOPE "_catalog"

struct registry_scopes {
	struct auth_scope v[LIMIT_SCOPES]; /* each repository once */
	size_t n;
	size_t name_bytes;
};

/* Adds what `text` asks for; the actions of one repository come together. "*" is all actions. */
void registry_scopes_add(struct registry_scopes *s, struct str text);
/* NULL if there is none for it. */
const struct auth_scope *registry_scope_find(const struct auth_scope *v, size_t n,
					     struct str repository);

#endif
