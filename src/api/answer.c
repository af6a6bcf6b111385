/* Answers: JSON, lists, problems. SPEC RFC 9457 */
#include "api/api_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"

/* Takes `text` over. */
static struct http_reply *reply_of_text(unsigned status, char *text, size_t len, const char *type)
{
	struct http_reply *r = http_reply_new(status, text, len);
	http_reply_header(r, "Content-Type", type);
	http_reply_header(r, "Cache-Control", "no-store");
	http_reply_header(r, "X-Content-Type-Options", "nosniff");
	return r;
}

static struct http_reply *reply_of(unsigned status, json_t *j, const char *type)
{
	char *text = json_text(j);
	json_decref(j);
	return reply_of_text(status, text, strlen(text), type);
}

struct err *api_json_text(struct buf *b, struct http_reply **out)
{
	char *text;
	size_t len;
	TRY(buf_finish(b, &text, &len));
	*out = reply_of_text(200, text, len, "application/json");
	return NULL;
}

struct http_reply *api_json(unsigned status, json_t *j)
{
	return reply_of(status, j, "application/json");
}

struct http_reply *api_page(json_t *items, const char *next)
{
	json_t *page = json_object();
	json_object_set_new(page, "items", items);
	json_object_set_new(page, "next", api_str(next));
	return api_json(200, page);
}

struct http_reply *api_no_content(void)
{
	return http_reply_new(204, NULL, 0);
}

static const char *title_of(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 410:
		return "Gone";
	case 413:
		return "Content Too Large";
	case 415:
		return "Unsupported Media Type";
	case 429:
		return "Too Many Requests";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

struct http_reply *api_problem(unsigned status, const char *code, const char *remedy,
			       const char *detail)
{
	json_t *j = json_object();
	json_object_set_new(j, "type", json_string("about:blank"));
	json_object_set_new(j, "title", json_string(title_of(status)));
	json_object_set_new(j, "status", json_integer(status));
	json_object_set_new(j, "detail", api_str(detail));
	json_object_set_new(j, "code", json_string(code));
	json_object_set_new(j, "remedy", api_str(remedy));
	return reply_of(status, j, "application/problem+json");
}

/* By code where a kind is too coarse. */
static const struct {
	const char *code;
	unsigned status;
} by_code[] = {
	{ "LOGIN_FAILED", 401 },  { "LOGIN_NEEDED", 401 },  { "LOGIN_LIMITED", 429 },
	{ "LEASE_LOST", 410 },    { "CONTENT_TYPE", 415 },  { "HOOK_SIG", 401 },
	{ "TAG_IMMUTABLE", 409 }, { "SESSION_ENDED", 401 },
};

static const struct {
	unsigned status;
	const char *code;
} by_kind[] = {
	[ERR_INVALID] = { 400, "INVALID" },  [ERR_CONFLICT] = { 409, "CONFLICT" },
	[ERR_LIMIT] = { 413, "LIMIT" },      [ERR_UNAVAILABLE] = { 503, "UNAVAILABLE" },
	[ERR_CORRUPT] = { 500, "INTERNAL" }, [ERR_NOT_FOUND] = { 404, "NOT_FOUND" },
	[ERR_DENIED] = { 403, "FORBIDDEN" }, [ERR_CANCELED] = { 503, "CANCELED" },
};

static unsigned status_of(const struct err *e)
{
	const char *code = err_code(e);
	for (size_t i = 0; code && i < ARRAY_LEN(by_code); i++)
		if (strcmp(code, by_code[i].code) == 0)
			return by_code[i].status;
	return by_kind[e->kind].status;
}

struct http_reply *api_problem_of(struct api_call *c, struct err *e)
{
	own(err) owned = e;
	unsigned status = status_of(e);
	own_mem char *text = err_text(e);
	const char *code = err_code(e);
	/* How our files and our database fare is for the log; what was given a code is meant to be
	 * told. */
	if (status >= 500 && !code) {
		if (e->kind != ERR_CANCELED)
			log_error("request failed", log_str("path", c->route->pattern),
				  log_str("error", text));
		return api_problem(status, by_kind[e->kind].code, "Look into the server's log.",
				   "The server is unwell.");
	}
	struct http_reply *r =
		api_problem(status, code ? code : by_kind[e->kind].code, err_remedy(e), text);
	if (status == 429)
		http_reply_header(r, "Retry-After", "60");
	return r;
}

json_t *api_str(const char *s)
{
	return s ? json_string(s) : json_null();
}

json_t *api_time(int64_t unix_ns)
{
	if (!unix_ns)
		return json_null();
	/* Seconds, then milliseconds by hand: the text has nine decimals or none. */
	struct time_text t = time_rfc3339(unix_ns / 1000000000 * 1000000000);
	t.s[strlen(t.s) - 1] = '\0';
	return json_sprintf("%s.%03dZ", t.s, (int)(unix_ns / 1000000 % 1000));
}
