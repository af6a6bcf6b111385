#include "http/libcurl.h"

struct http_libcurl http_libcurl;

static const char *const names[] = { HTTP_LIBCURL_CALLS(LAZY_NAME) };

static struct lazy_library library = {
	.file = KILN_LIBCURL,
	.names = names,
	.calls = &http_libcurl,
	.n = sizeof(names) / sizeof(names[0]),
};

struct err *http_libcurl_load(void)
{
	return lazy_load(&library);
}
