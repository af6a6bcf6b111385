#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/server_priv.h"

struct http_reply *http_reply_of(unsigned status, struct MHD_Response *mhd)
{
	if (!mhd)
		abort(); /* there is no other reason than memory */
	struct http_reply *r = mem_new(struct http_reply);
	r->refs = 1;
	r->status = status;
	r->mhd = mhd;
	return r;
}

struct http_reply *http_reply_new(unsigned status, char *body, size_t len)
{
	if (len)
		return http_reply_of(
			status, MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE));
	free(body);
	return http_reply_of(status,
			     MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT));
}

struct http_reply *http_reply_text(unsigned status, const char *body)
{
	struct http_reply *r = http_reply_new(status, mem_strdup(body), strlen(body));
	http_reply_header(r, "Content-Type", "text/plain; charset=utf-8");
	return r;
}

struct http_reply *http_reply_borrowed(unsigned status, const void *body, size_t len)
{
	return http_reply_of(
		status, MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_PERSISTENT));
}

struct http_reply *http_reply_file(unsigned status, int fd, uint64_t offset, uint64_t len)
{
	if (len)
		return http_reply_of(status,
				     MHD_create_response_from_fd_at_offset64(len, fd, offset));
	close(fd);
	return http_reply_new(status, NULL, 0);
}

void http_reply_header(struct http_reply *r, const char *name, const char *value)
{
	(void)MHD_add_response_header(r->mhd, name, value);
}

void http_reply_headerf(struct http_reply *r, const char *name, const char *fmt, ...)
{
	own_mem char *value = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	http_reply_header(r, name, value);
}

struct http_reply *http_reply_ref(struct http_reply *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void http_reply_unref(struct http_reply *r)
{
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
		return;
	MHD_destroy_response(r->mhd);
	free(r);
}
