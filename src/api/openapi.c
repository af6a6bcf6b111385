/* The description of this API, made at build time from docs/openapi/. */
#include "api/api_priv.h"

#include "base/mem.h"

extern const char api_openapi_json[];
extern const size_t api_openapi_json_len;
extern const struct api_route api_openapi_routes[];

static struct err *get(struct api_call *c __attribute__((unused)), struct http_reply **out)
{
	char *copy = mem_strndup(api_openapi_json, api_openapi_json_len);
	*out = http_reply_new(200, copy, api_openapi_json_len);
	http_reply_header(*out, "Content-Type", "application/json");
	http_reply_header(*out, "Cache-Control", "no-cache");
	http_reply_header(*out, "X-Content-Type-Options", "nosniff");
	return NULL;
}

const struct api_route api_openapi_routes[] = {
	{ HTTP_GET, "/api/v1/openapi.json", API_ANYBODY, get, NULL },
	{ 0 },
};
