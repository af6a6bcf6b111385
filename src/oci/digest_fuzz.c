/* Digests: a digest is the text that it came from. */
#include <assert.h>

#include "oci/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_n((const char *)data, size);
	struct oci_digest d;
	struct err *e = oci_digest_parse(text, &d);
	if (!e)
		assert(str_eq(text, str_of(oci_digest_text(&d).s)));
	err_free(e);
	return 0;
}
