#include <stdlib.h>

#include "base/log.h"
#include "codec/json.h"
#include "registry/server_priv.h"

#define ERROR_BYTES ((size_t)1 << 20)

static void add_error(struct buf *b, const char *code, struct str message)
{
	buf_add(b, STR("{\"code\":"));
	json_add_str(b, str_of(code));
	buf_add(b, STR(",\"message\":"));
	json_add_str(b, message);
	buf_add_c(b, '}');
}

static struct http_reply *errors_reply(unsigned status, struct buf *b)
{
	size_t len = b->len;
	struct http_reply *r = http_reply_new(status, buf_steal(b), len);
	http_reply_header(r, "Content-Type", "application/json");
	return r;
}

struct http_reply *registry_error(unsigned status, const char *code, const char *fmt, ...)
{
	own_mem char *message = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	done(buf) b;
	buf_init(&b, ERROR_BYTES);
	buf_add(&b, STR("{\"errors\":["));
	add_error(&b, code, str_of(message));
	buf_add(&b, STR("]}\n"));
	return errors_reply(status, &b);
}

struct http_reply *registry_error_missing(const struct oci_digest *missing, size_t n)
{
	done(buf) b;
	buf_init(&b, ERROR_BYTES);
	buf_add(&b, STR("{\"errors\":["));
	for (size_t i = 0; i < n; i++) {
		own_mem char *text =
			mem_printf("%s is not in this repository", oci_digest_text(&missing[i]).s);
		if (i)
			buf_add_c(&b, ',');
		add_error(&b, "MANIFEST_BLOB_UNKNOWN", str_of(text));
	}
	buf_add(&b, STR("]}\n"));
	return errors_reply(400, &b);
}

static const struct {
	unsigned status;
	const char *code;
} by_kind[] = {
	[ERR_INVALID] = { 400, "UNSUPPORTED" }, [ERR_CONFLICT] = { 409, "DENIED" },
	[ERR_LIMIT] = { 413, "SIZE_INVALID" },  [ERR_UNAVAILABLE] = { 503, "UNAVAILABLE" },
	[ERR_CORRUPT] = { 500, "UNKNOWN" },     [ERR_NOT_FOUND] = { 404, "NAME_UNKNOWN" },
	[ERR_DENIED] = { 500, "UNKNOWN" },      [ERR_CANCELED] = { 503, "UNAVAILABLE" },
};

struct http_reply *registry_error_of(struct err *e)
{
	own(err) owned = e;
	unsigned status = by_kind[e->kind].status;
	own_mem char *text = err_text(e);
	if (e->kind == ERR_DENIED && err_code(e)) /* policy, as for immutable tags */
		return registry_error(403, "DENIED", "%s", text);
	if (status < 500)
		return registry_error(status, by_kind[e->kind].code, "%s", text);
	/* How our files and our database fare is for the log, not for strangers. */
	if (e->kind != ERR_CANCELED)
		log_error("registry request failed", log_str("error", text));
	return registry_error(status, by_kind[e->kind].code,
			      "the registry is unwell; its log says why");
}
