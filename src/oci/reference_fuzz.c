/* References and platforms: what is read, written and read again is the same. */
#include <assert.h>

#include "oci/platform.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_platform(struct str text)
{
	struct oci_platform p, again;
	struct err *e = oci_platform_parse(text, &p);
	if (!e) {
		assert(!oci_platform_parse(str_of(oci_platform_text(&p).s), &again));
		assert(oci_platform_eq(&p, &again));
		assert(oci_platform_match(&p, &again) > 0);
	}
	err_free(e);
	err_free(oci_platform_parse_target(text, &p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_n((const char *)data, size);
	struct oci_reference r, again;
	struct err *e = oci_reference_parse(text, &r);
	struct err *local = oci_reference_parse_local(text, &again);
	if (!e) {
		assert(oci_repository_name_ok(str_of(r.repository)));
		assert(r.has_digest || oci_tag_ok(str_of(r.tag)));
		assert(!oci_reference_parse(str_of(oci_reference_text(&r).s), &again));
		assert(memcmp(&r, &again, sizeof(r)) == 0);
		assert(!local);
	}
	err_free(e);
	err_free(local);
	try_platform(text);
	return 0;
}
