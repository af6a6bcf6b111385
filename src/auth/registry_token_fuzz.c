/* Any bytes as the record of a registry token: what is read is bounded and terminated. */
#include <assert.h>

#include "auth/auth_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	own(arena) m = arena_open((size_t)1 << 20);
	struct auth_registry_record r;
	if (!auth_registry_record_read(m, str_n((const char *)p, len), &r))
		return 0;
	assert(r.n <= LIMIT_TOKEN_SCOPES && r.who.most <= AUTH_ADMIN && r.who.kind <= AUTH_SYSTEM);
	assert(strnlen(r.who.name, sizeof(r.who.name)) < sizeof(r.who.name));
	for (size_t i = 0; i < r.n; i++)
		assert(strnlen(r.scopes[i].repository, sizeof(r.scopes[i].repository)) <
		       sizeof(r.scopes[i].repository));
	return 0;
}
