/* The description of this API, made at build time from docs/openapi/, and the way to the page that
 * shows it. */
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

/* The console's page has an address of the console; from here a relative one fits any prefix. */
static struct err *go_to_page(struct api_call *c __attribute__((unused)), struct http_reply **out)
{
	*out = http_reply_text(302, "The API is described at ../docs/api\n");
	http_reply_header(*out, "Location", "../docs/api");
	http_reply_header(*out, "Cache-Control", "no-cache");
	http_reply_header(*out, "X-Content-Type-Options", "nosniff");
	return NULL;
}

const struct api_route api_openapi_routes[] = {
	{ HTTP_GET, "/api/v1/openapi.json", API_ANYBODY, get, NULL },
	{ HTTP_GET, "/api/docs", API_ANYBODY, go_to_page, NULL },
	{ 0 },
};
