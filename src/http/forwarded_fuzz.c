/* Any bytes as X-Forwarded-For, up to the first line end, and Forwarded: the client is an address,
 * and nobody whom no list names is one but the peer. */
#include <assert.h>

#include "http/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct str rest = str_n((const char *)p, len), x = str_cut(&rest, '\n');
	struct http_network trusted[2];
	struct http_address peer, again;
	bool ok = http_address_parse(STR("10.0.0.1"), &peer);
	assert(ok);
	err_free(http_network_parse(STR("10.0.0.0/8"), &trusted[0]));
	err_free(http_network_parse(STR("fd00::/9"), &trusted[1]));
	struct http_address c = http_forwarded_client(trusted, 2, &peer, x, rest);
	ok = http_address_parse(str_of(http_address_text(&c).s), &again);
	assert(ok && memcmp(&c, &again, sizeof(c)) == 0);
	c = http_forwarded_client(trusted + 1, 1, &peer, x, rest);
	assert(memcmp(&c, &peer, sizeof(c)) == 0);
	struct http_network n;
	struct err *e = http_network_parse(x, &n);
	assert(e || n.bits <= 128);
	err_free(e);
	return 0;
}
