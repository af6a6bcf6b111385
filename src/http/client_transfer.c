#include "http/client_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"

#define POLL_MS      100
#define STREAM_BYTES (256l << 10)
#define MOST_FIELDS  256

struct transfer {
	const struct http_request *r;
	const struct http_hop *hop;
	struct http_slot *slot;
	struct http_response *out;
	struct err *failed; /* owned; of a callback */
	size_t header_bytes;
	struct buf body;
	bool begun, enough;      /* begin() was called; the rest of an error's body is not wanted */
	enum http_reach refused; /* of an address that was; else HTTP_REACH_ALL */
	uint64_t sent;
	char errors[CURL_ERROR_SIZE];
};

static bool streams(const struct transfer *t)
{
	return t->r->sink && t->out->status / 100 == 2;
}

static struct err *begin(struct transfer *t)
{
	curl_off_t length = -1;
	if (t->begun)
		return NULL;
	t->begun = true;
	curl_easy_getinfo(t->slot->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	t->out->content_length = length;
	if (streams(t))
		return t->r->begin ? t->r->begin(t->r->arg, t->out) : NULL;
	size_t max = t->r->max_body ? t->r->max_body : LIMIT_HTTP_BODY_BYTES;
	buf_init(&t->body, t->out->status / 100 == 2 ? max : LIMIT_HTTP_ERROR_BYTES);
	return NULL;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;
	t->failed = begin(t);
	if (!t->failed && streams(t))
		t->failed = t->r->sink(t->r->arg, p, len);
	else if (!t->failed)
		buf_add(&t->body, str_n(p, len));
	t->enough = t->body.over && t->out->status / 100 != 2;
	if (t->body.over && !t->enough)
		t->failed = err_new(ERR_LIMIT, "the answer is longer than %zu bytes", t->body.max);
	return t->failed || t->enough ? 0 : len;
}

static void add_field(struct http_response *out, struct str line)
{
	struct str value = line, name = str_cut(&value, ':');
	if (!value.p || !name.len || str_has_nul(line))
		return;
	mem_reserve_one(out->fields, out->n_fields, out->cap_fields);
	out->fields[out->n_fields++] =
		(struct http_field){ .name = str_dup(name), .value = str_dup(str_trim(value)) };
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct str line = str_n(p, size * n);
	t->header_bytes += line.len;
	if (t->header_bytes > LIMIT_HTTP_HEADER_BYTES || t->out->n_fields > MOST_FIELDS) {
		t->failed = err_new(ERR_LIMIT, "the header of the answer is too long");
		return 0;
	}
	if (str_starts(line, STR("HTTP/"))) { /* interim answers and proxies come first */
		long status = 0;
		http_response_done(t->out);
		curl_easy_getinfo(t->slot->easy, CURLINFO_RESPONSE_CODE, &status);
		*t->out = (struct http_response){ .status = (int)status, .content_length = -1 };
	} else {
		add_field(t->out, str_trim(line));
	}
	return line.len;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	const struct http_request *r = t->r;
	uint64_t total = r->body_is_fd ? r->body_size : r->body.len;
	size_t len = (size_t)MIN((uint64_t)(size * n), total - t->sent), got = len;
	if (r->body_is_fd)
		t->failed = fd_pread_full(r->body_fd, p, len, r->body_offset + t->sent, &got);
	else if (len)
		memcpy(p, r->body.p + t->sent, len);
	if (!t->failed && got < len)
		t->failed = err_new(ERR_CORRUPT, "the file to send is shorter than it was");
	if (t->failed)
		return CURL_READFUNC_ABORT;
	t->sent += got;
	if (r->sent)
		r->sent(r->arg, t->sent);
	return got;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct transfer *t = arg;
	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	t->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* The proxy's own address is whose business it is to set one. */
static bool is_refused(const struct transfer *t, enum http_reach reach)
{
	bool is_private = t->r->refuse_private && !http_behind_proxy();
	switch (reach) {
	case HTTP_REACH_ALL:
		return false;
	case HTTP_REACH_PRIVATE:
		return is_private;
	case HTTP_REACH_LINK:
		return t->hop->refuse_local || t->r->refuse_link;
	case HTTP_REACH_LOOPBACK:
		return t->hop->refuse_local || is_private;
	}
	return true;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct transfer *t = arg;
	enum http_reach reach = http_address_reach(&a->addr);
	if (is_refused(t, reach)) {
		t->refused = reach;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Who opens closes: ThreadSanitizer, which does not look into libcurl, takes the next file of that
 * number for the socket otherwise. */
static int on_close(void *arg, curl_socket_t fd)
{
	return close(fd);
}

static struct curl_slist *append(struct curl_slist *list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(list, line);
	if (!longer)
		abort();
	return longer;
}

static struct curl_slist *header_list(const struct transfer *t)
{
	/* No waiting for 100: who uploads was let in by an earlier request. */
	struct curl_slist *list = append(NULL, "Expect:");
	for (const char *const *h = t->r->headers; h && *h; h++)
		list = append(list, *h);
	if (t->hop->with_authorization) {
		own_mem char *line = mem_printf("Authorization: %s", t->r->authorization);
		list = append(list, line);
	}
	return list;
}

/* What has another size than a long would be read wrongly. */
#define SET(option, value)                                                                      \
	do {                                                                                    \
		_Static_assert(sizeof(1 ? (value) : (value)) == sizeof(long), "use 1l, not 1"); \
		curl_easy_setopt(h, CURLOPT_##option, value);                                   \
	} while (0)

static void set_limits(CURL *h, const struct http_client *c, const struct transfer *t)
{
	SET(CONNECTTIMEOUT_MS, (long)c->options.connect_ms);
	SET(LOW_SPEED_LIMIT, 1l);
	SET(LOW_SPEED_TIME, (long)c->options.stall_s);
	SET(TIMEOUT_MS, (long)t->r->timeout_ms);
	SET(PROTOCOLS_STR, "http,https");
	SET(FOLLOWLOCATION, 0l);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(SUPPRESS_CONNECT_HEADERS, 1l);
	SET(NOSIGNAL, 1l);
	if (http_host_is_loopback(str_of(t->hop->url->host)))
		SET(PROXY, "");
	if (t->r->sink)
		SET(BUFFERSIZE, STREAM_BYTES);
	if (t->r->body_is_fd && t->hop->with_body)
		SET(UPLOAD_BUFFERSIZE, STREAM_BYTES);
}

static void set_tls(CURL *h, const struct transfer *t)
{
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
	SET(SSL_VERIFYPEER, t->r->unverified_tls ? 0l : 1l);
	SET(SSL_VERIFYHOST, t->r->unverified_tls ? 0l : 2l);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (file && *file)
		SET(CAINFO, file);
	/* Without a directory the bundle is read once per handle, not once per connection: 1.4 ms
	 * instead of 24 ms. */
	SET(CAPATH, dir && *dir ? dir : NULL);
}

static void set_body(CURL *h, struct transfer *t)
{
	if (t->hop->with_body) {
		uint64_t total = t->r->body_is_fd ? t->r->body_size : t->r->body.len;
		SET(UPLOAD, 1l);
		SET(INFILESIZE_LARGE, (curl_off_t)total);
		SET(READFUNCTION, on_read);
		SET(READDATA, t);
		SET(SEEKFUNCTION, on_seek);
		SET(SEEKDATA, t);
	}
	if (strcmp(t->hop->method, "HEAD") == 0)
		SET(NOBODY, 1l);
	else
		SET(CUSTOMREQUEST, t->hop->method);
}

static void set_up(const struct http_client *c, struct transfer *t, struct curl_slist *headers)
{
	CURL *h = t->slot->easy;
	curl_easy_reset(h);
	SET(URL, t->hop->url->text);
	SET(USERAGENT, c->user_agent);
	SET(HTTPHEADER, headers);
	SET(ERRORBUFFER, t->errors);
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, t);
	SET(HEADERFUNCTION, on_header);
	SET(HEADERDATA, t);
	SET(OPENSOCKETFUNCTION, on_socket);
	SET(OPENSOCKETDATA, t);
	SET(CLOSESOCKETFUNCTION, on_close);
	set_limits(h, c, t);
	set_tls(h, t);
	set_body(h, t);
}

/* As curl_easy_perform(), but looks up ten times a second. */
static struct err *perform(struct http_client *c, struct http_slot *s, CURLcode *result)
{
	int running = 1;
	struct err *e = NULL;
	if (curl_multi_add_handle(s->multi, s->easy))
		abort();
	while (!e) {
		if (curl_multi_perform(s->multi, &running))
			abort();
		if (!running)
			break;
		e = http_client_check(c);
		if (!e)
			curl_multi_poll(s->multi, NULL, 0, POLL_MS, NULL);
	}
	int left;
	*result = CURLE_ABORTED_BY_CALLBACK;
	for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left));)
		if (m->msg == CURLMSG_DONE)
			*result = m->data.result;
	curl_multi_remove_handle(s->multi, s->easy);
	return e;
}

struct err *http_refusal(enum http_reach reach)
{
	static const char *const names[] = { [HTTP_REACH_ALL] = "an address",
					     [HTTP_REACH_PRIVATE] = "a private address",
					     [HTTP_REACH_LINK] = "a link-local address",
					     [HTTP_REACH_LOOPBACK] = "an address of this machine" };
	return err_new(ERR_DENIED, "%s", names[reach]);
}

static const char *errno_text(const struct transfer *t)
{
	long number = 0;
	curl_easy_getinfo(t->slot->easy, CURLINFO_OS_ERRNO, &number);
	return number ? strerrordesc_np((int)number) : NULL;
}

static const char *detail(const struct transfer *t, CURLcode code)
{
	return t->errors[0] ? t->errors : curl_easy_strerror(code);
}

static struct err *timed_out(const struct http_client *c, const struct transfer *t,
			     enum http_cause *cause)
{
	curl_off_t connected = 0;
	curl_easy_getinfo(t->slot->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	*cause = connected ? HTTP_CAUSE_BROKEN : HTTP_CAUSE_CONNECT;
	if (!connected)
		return err_new(ERR_UNAVAILABLE, "no connection within %u s",
			       (c->options.connect_ms + 999) / 1000);
	if (t->r->timeout_ms && strstr(t->errors, "Operation timed out"))
		return err_new(ERR_UNAVAILABLE, "no complete answer within %u s",
			       (t->r->timeout_ms + 999) / 1000);
	return err_new(ERR_UNAVAILABLE, "nothing came or went for %u s", c->options.stall_s);
}

static struct err *broken(const struct transfer *t, CURLcode code)
{
	switch ((int)code) {
	case CURLE_PARTIAL_FILE:
		return err_new(ERR_UNAVAILABLE, "the connection ended before the answer did");
	case CURLE_GOT_NOTHING:
		return err_new(ERR_UNAVAILABLE, "the connection ended without an answer");
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return err_new(ERR_UNAVAILABLE, "the answer is not HTTP");
	default:
		return err_new(ERR_UNAVAILABLE, "%s", detail(t, code));
	}
}

static struct err *explain(const struct http_client *c, const struct transfer *t, CURLcode code,
			   enum http_cause *cause)
{
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		*cause = HTTP_CAUSE_RESOLVE;
		return err_new(ERR_UNAVAILABLE, "%s",
			       code == CURLE_COULDNT_RESOLVE_PROXY
				       ? "the name of the proxy cannot be resolved"
				       : "its name cannot be resolved");
	case CURLE_COULDNT_CONNECT:
		*cause = HTTP_CAUSE_CONNECT;
		if (t->refused)
			return http_refusal(t->refused);
		return err_new(ERR_UNAVAILABLE, "%s", errno_text(t) ?: detail(t, code));
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(c, t, cause);
	case CURLE_SSL_CONNECT_ERROR:
		*cause = HTTP_CAUSE_TLS;
		return err_new(ERR_UNAVAILABLE, "%s", detail(t, code));
	case CURLE_PEER_FAILED_VERIFICATION:
		*cause = HTTP_CAUSE_CERTIFICATE;
		return err_new(ERR_DENIED, "its certificate is not trusted (%s)", detail(t, code));
	case CURLE_OUT_OF_MEMORY: /* what it calls a line beyond its bound */
	case 100:                 /* CURLE_TOO_LARGE, of newer versions */
		return err_new(ERR_LIMIT, "a header field is longer than %zu bytes",
			       LIMIT_HTTP_HEADER_BYTES);
	case CURLE_SSL_CACERT_BADFILE:
		return err_new(ERR_INVALID, "the file of trusted certificates: %s",
			       detail(t, code));
	default:
		*cause = HTTP_CAUSE_BROKEN;
		return broken(t, code);
	}
}

static struct err *finish(const struct http_client *c, struct transfer *t, CURLcode code,
			  enum http_cause *cause)
{
	if (t->failed)
		return move(t->failed);
	if (code && !t->enough)
		return explain(c, t, code, cause);
	TRY(begin(t));
	if (streams(t))
		return NULL;
	t->out->body_len = t->body.len;
	t->out->body = buf_steal(&t->body);
	return NULL;
}

struct err *http_transfer(struct http_client *c, struct http_slot *slot,
			  const struct http_request *r, const struct http_hop *hop,
			  struct http_response *out, enum http_cause *cause)
{
	struct transfer t = { .r = r, .hop = hop, .slot = slot, .out = out };
	CURLcode code;
	*cause = HTTP_CAUSE_OTHER;
	*out = (struct http_response){ .content_length = -1 };
	struct curl_slist *headers = header_list(&t);
	set_up(c, &t, headers);
	struct err *e = perform(c, slot, &code);
	if (e)
		err_free(t.failed);
	else
		e = finish(c, &t, code, cause);
	buf_done(&t.body);
	curl_slist_free_all(headers);
	/* Nothing of this stack frame stays behind in the handle. */
	curl_easy_reset(slot->easy);
	return e;
}
