#include <assert.h>

#include "oci/reference.h"
#include "registry/server_scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct registry_scopes s;
	s = (struct registry_scopes){ .n = 0 };
	registry_scopes_add(&s, str_n((const char *)p, len));
	assert(s.n <= LIMIT_SCOPES && s.name_bytes <= LIMIT_SCOPE_NAMES_BYTES);
	for (size_t i = 0; i < s.n; i++) {
		struct str name = str_of(s.v[i].repository);
		assert(oci_repository_name_ok(name) || str_eq(name, STR(REGISTRY_CATALOG_SCOPE)));
		assert(registry_scope_find(s.v, s.n, name) == &s.v[i]);
	}
	return 0;
}
