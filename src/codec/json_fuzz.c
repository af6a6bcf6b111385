/* Any bytes as a JSON document; what is read prints to what reads as the same. */
#include <assert.h>
#include <stdlib.h>

#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void check_str(struct str s)
{
	struct buf b;
	own_json j = NULL;
	buf_init(&b, (size_t)16 << 20);
	json_add_str(&b, s);
	assert(str_is_utf8(buf_str(&b)));
	struct err *bad = json_read(buf_str(&b), &j);
	assert(!bad || str_has_nul(s));
	if (!bad && str_is_utf8(s))
		assert(str_eq(str_n(json_string_value(j), json_string_length(j)), s));
	err_free(bad);
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	own_json j = NULL, again = NULL;
	struct str s = str_n((const char *)p, len);
	check_str(s);
	struct err *bad = json_read(s, &j);
	if (!bad) {
		own_mem char *text = json_text(j);
		bad = json_read(str_of(text), &again);
		assert(!bad);
		own_mem char *text_again = json_text(again);
		assert(strcmp(text, text_again) == 0); /* not json_equal(): reals lose digits */
	}
	err_free(bad);
	return 0;
}
