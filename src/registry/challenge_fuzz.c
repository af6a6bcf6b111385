#include <assert.h>

#include "registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len > 65536)
		return 0;
	own(arena) a = arena_open((size_t)16 << 20);
	struct challenge c[CHALLENGE_MOST];
	size_t n = challenge_parse(a, str_n((const char *)p, len), c);
	assert(n <= CHALLENGE_MOST);
	for (size_t i = 0; i < n; i++) {
		const char *const all[] = { c[i].realm, c[i].service, c[i].scope, c[i].error };
		for (size_t k = 0; k < ARRAY_LEN(all); k++) {
			assert(strlen(all[k]) <= len);
			for (const char *q = all[k]; *q; q++)
				assert((unsigned char)*q >= 0x20 && *q != 0x7f);
		}
	}
	return 0;
}
