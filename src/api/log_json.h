/* Lines of a log as JSON, and which of them a request asks for. */
#ifndef KILN_API_LOG_JSON_H
#define KILN_API_LOG_JSON_H

#include "api/build_json.h"

#define API_LOG_MOST_PLATFORMS 16

struct api_log_names {
	struct oci_platform_text names[API_LOG_MOST_PLATFORMS];
	size_t n;
};
struct api_log_names api_log_names_of(const struct pipeline_build *b);
/* `platform` and `step` of the query. ERR_INVALID code QUERY. */
struct err *api_log_filter(struct api_call *c, const struct pipeline_build *b,
			   struct pipeline_filter *out);
/* [{"n","time","platform","step","stream","text"}, …] */
void api_log_add_lines(struct buf *b, const struct api_log_names *names,
		       const struct pipeline_line *lines, size_t n);

/* events.c */
struct err *api_log_events(struct api_call *c, struct http_reply **out);

#endif
