#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "codec/json.h"
#include "http/url.h"
#include "registry/client_priv.h"

#define FIRST_PAUSE_MS  250
#define MOST_PAUSE_S    60
#define PROBE_MS        10000
#define MIRROR_DOWN_MS  60000
#define MOST_PLAIN_TEXT 300

char *registry_full_name(const struct oci_reference *ref)
{
	own_mem char *digest =
		ref->has_digest ? mem_printf("@%s", oci_digest_text(&ref->digest).s) : NULL;
	return mem_printf("%s%s%s%s%s%s", ref->host, *ref->host ? "/" : "", ref->repository,
			  *ref->tag ? ":" : "", ref->tag, digest ? digest : "");
}

char *registry_plain_text(struct str s)
{
	struct buf b;
	buf_init(&b, MOST_PLAIN_TEXT);
	s = str_trim(s);
	for (size_t i = 0; i < s.len && !b.over; i++) {
		unsigned char c = (unsigned char)s.p[i];
		buf_add_c(&b, c < 0x20 || c > 0x7e ? ' ' : (char)c);
	}
	return buf_steal(&b);
}

/* Where the port's colon is in "host:port" or "[::1]:port"; NULL if there is none. */
static const char *port_of(const char *at)
{
	const char *colon = strrchr(at, ':');
	return colon && !strchr(colon, ']') ? colon : NULL;
}

bool registry_is_insecure(struct registry_client *c, const char *at)
{
	const char *colon = port_of(at);
	size_t bare = colon ? (size_t)(colon - at) : strlen(at);
	for (size_t i = 0; i < c->n_insecure; i++)
		if (str_eq_nocase(str_of(c->insecure[i]), str_of(at)) ||
		    str_eq_nocase(str_of(c->insecure[i]), str_n(at, bare)))
			return true;
	return false;
}

/* Does anybody speak TLS there? Who answers with an error does, too. */
static struct err *probe_tls(struct registry_client *c, const char *at, bool *tls)
{
	own_mem char *url = mem_printf("https://%s/v2/", at);
	done(http_response) r = { 0 };
	struct err *e = http_client_send(c->http,
					 &(struct http_request){ .method = "GET",
								 .url = url,
								 .unverified_tls = true,
								 .no_redirect = true,
								 .timeout_ms = PROBE_MS },
					 &r);
	*tls = !e;
	if (e && e->kind == ERR_CANCELED)
		return e;
	err_free(e);
	return NULL;
}

static struct err *settle_insecure(struct registry_client *c, struct endpoint *ep)
{
	ep->unverified = true;
	{
		hold(&c->lock);
		struct known_host *h = known_host_locked(c, ep->at);
		ep->tls = h->scheme == SCHEME_HTTPS;
		if (h->scheme != SCHEME_UNKNOWN)
			return NULL;
	}
	TRY(probe_tls(c, ep->at, &ep->tls));
	hold(&c->lock);
	known_host_locked(c, ep->at)->scheme = ep->tls ? SCHEME_HTTPS : SCHEME_HTTP;
	return NULL;
}

struct err *endpoint_of(struct registry_client *c, const struct oci_reference *ref,
			struct endpoint *out)
{
	const char *login = mirrors_canonical_host(ref->host);
	const char *at = strcmp(login, "docker.io") == 0 ? "registry-1.docker.io" : ref->host;
	bool insecure = registry_is_insecure(c, ref->host) || registry_is_insecure(c, at);
	*out = (struct endpoint){ .may_login = true };
	if (!*ref->host)
		return err_new(ERR_INVALID, "%s names no registry", ref->repository);
	snprintf(out->at, sizeof(out->at), "%s", at);
	snprintf(out->login, sizeof(out->login), "%s", login);
	snprintf(out->repository, sizeof(out->repository), "%s", ref->repository);
	out->tls = !http_host_is_loopback(str_of(at));
	return insecure ? settle_insecure(c, out) : NULL;
}

void endpoint_of_mirror(struct registry_client *c, const struct oci_reference *ref,
			const struct mirror *m, struct endpoint *out)
{
	bool insecure = registry_is_insecure(c, m->at);
	*out = (struct endpoint){ .tls = m->tls, .unverified = insecure };
	out->may_login = m->tls || insecure || http_host_is_loopback(str_of(m->at));
	snprintf(out->at, sizeof(out->at), "%s", m->at);
	snprintf(out->login, sizeof(out->login), "%s", m->at);
	snprintf(out->ns, sizeof(out->ns), "%s", m->host);
	snprintf(out->repository, sizeof(out->repository), "%s%s", m->prefix, ref->repository);
}

/* Seconds that the answer asks to wait: a number or a date. SPEC RFC 9110 10.2.3 */
static uint64_t retry_after_s(const struct http_response *r)
{
	struct str text = http_response_field(r, "Retry-After");
	struct tm tm = { 0 };
	uint64_t n;
	if (str_to_u64(text, UINT32_MAX, &n))
		return n;
	const char *end = text.p ? strptime(text.p, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;
	int64_t left = end ? (int64_t)timegm(&tm) - time_now_unix_ms() / 1000 : 0;
	return left > 0 ? (uint64_t)left : 0;
}

bool registry_may_retry(const struct http_response *r)
{
	bool passing = r->status == 408 || r->status == 429 || r->status / 100 == 5;
	return passing && r->status != 501 && retry_after_s(r) <= MOST_PAUSE_S;
}

struct err *registry_pause(struct registry_client *c, unsigned n, const struct http_response *r)
{
	uint64_t own_ms = (uint64_t)FIRST_PAUSE_MS << (2 * n);
	uint64_t asked_ms = r ? MIN(retry_after_s(r), (uint64_t)MOST_PAUSE_S) * 1000 : 0;
	return http_client_sleep(c->http, MAX(own_ms, asked_ms));
}

struct err *registry_send_again(struct registry_client *c, const struct http_request *r,
				struct http_response *out, enum http_cause *cause)
{
	for (unsigned n = 0;; n++) {
		enum http_cause why = HTTP_CAUSE_OTHER;
		struct http_request q = *r;
		q.cause = &why;
		struct err *e = http_client_send(c->http, &q, out);
		bool again = e ? why == HTTP_CAUSE_BROKEN && !r->sink && !r->body_is_fd
			       : registry_may_retry(out);
		if (!again || n == MOST_RETRIES) {
			if (cause)
				*cause = why;
			return e;
		}
		struct err *stop = registry_pause(c, n, e ? NULL : out);
		if (!e)
			http_response_done(out);
		err_free(e);
		TRY(stop);
	}
}

/* A server that answers plain HTTP where TLS was tried. */
static bool speaks_plain_http(struct registry_client *c, const struct endpoint *ep)
{
	own_mem char *url = port_of(ep->at) ? mem_printf("http://%s/v2/", ep->at)
					    : mem_printf("http://%s:443/v2/", ep->at);
	done(http_response) r = { 0 };
	struct err *e = http_client_send(
		c->http,
		&(struct http_request){
			.method = "GET", .url = url, .no_redirect = true, .timeout_ms = PROBE_MS },
		&r);
	bool answers = !e;
	err_free(e);
	return answers;
}

static struct err *unreachable(struct registry_client *c, const struct endpoint *ep,
			       enum http_cause cause, struct err *e)
{
	const char *kind = *ep->ns ? "mirror" : "registry";
	if (e->kind == ERR_CANCELED)
		return e;
	switch (cause) {
	case HTTP_CAUSE_TLS:
		if (speaks_plain_http(c, ep)) {
			err_free(e);
			return err_new(
				ERR_UNAVAILABLE,
				"%s %s answers plain HTTP, not HTTPS; if that is meant to be%s%s",
				kind, ep->at,
				*ep->ns ? ", write http://" : ": --insecure-registry ", ep->at);
		}
		return err_wrap(e, "%s %s cannot be reached by HTTPS", kind, ep->at);
	case HTTP_CAUSE_CERTIFICATE: {
		own_mem char *why = err_text(e);
		err_free(e);
		return err_new(ERR_DENIED,
			       "%s %s: %s; add its CA to the trusted ones of this machine, or name "
			       "it insecure: --insecure-registry %s",
			       kind, ep->at, why, ep->at);
	}
	case HTTP_CAUSE_RESOLVE:
	case HTTP_CAUSE_CONNECT:
		return err_wrap(e, "%s %s cannot be reached", kind, ep->at);
	case HTTP_CAUSE_OTHER:
	case HTTP_CAUSE_BROKEN:
		return err_wrap(e, "%s %s", kind, ep->at);
	}
	return e;
}

static char *url_of(const struct registry_call *call)
{
	const struct endpoint *ep = call->ep;
	struct buf b;
	if (call->url)
		return mem_strdup(call->url);
	buf_init(&b, LIMIT_URL_BYTES);
	buf_printf(&b, "%s://%s/v2/%s%s", ep->tls ? "https" : "http", ep->at, ep->repository,
		   call->path);
	if (*ep->ns) /* a mirror of several registries sees by it which is meant */
		http_url_add_query(&b, "ns", str_of(ep->ns));
	return buf_steal(&b);
}

static struct err *send_once(struct registry_client *c, const struct registry_call *call,
			     const char *url, const char *authorization, struct http_response *out,
			     enum http_cause *cause)
{
	struct http_request r = call->http;
	r.url = url;
	r.authorization = authorization;
	r.unverified_tls = call->ep->unverified;
	r.cause = cause;
	return call->once ? http_client_send(c->http, &r, out)
			  : registry_send_again(c, &r, out, cause);
}

struct err *registry_send(struct registry_client *c, const struct registry_call *call,
			  struct http_response *out, enum http_cause *cause)
{
	own_mem char *url = url_of(call), *authorization = NULL;
	enum http_cause why = HTTP_CAUSE_OTHER;
	if (!cause)
		cause = &why;
	*cause = HTTP_CAUSE_OTHER;
	if (!call->without_login)
		TRY(registry_auth_header(c, call, &authorization));
	for (bool answered = call->without_login;; answered = true) {
		struct err *e = send_once(c, call, url, authorization, out, cause);
		if (e)
			return unreachable(c, call->ep, *cause, e);
		if (out->status != 401 || answered)
			return NULL;
		own_mem char *answer = NULL;
		e = registry_auth_answer(c, call, out, &answer);
		if (e) {
			http_response_done(out);
			return e;
		}
		if (!answer)
			return NULL;
		http_response_done(out);
		free(authorization);
		authorization = move(answer);
	}
}

/* "CODE: message" of the first error in the body, or its first line. The caller frees it. */
static char *said(const struct http_response *r)
{
	own_json root = NULL;
	struct str body = str_n(r->body, r->body_len);
	struct str code = { NULL, 0 }, message = { NULL, 0 }, type;
	struct err *e = json_read(body, &root);
	if (!e) {
		json_t *first = json_array_get(json_object_get(root, "errors"), 0);
		if (first) {
			err_keep(&e, json_get_str(first, "code", &code));
			err_keep(&e, json_get_str(first, "message", &message));
		}
		err_free(e);
		own_mem char *text =
			mem_printf(STR_FMT "%s" STR_FMT, STR_ARG(code),
				   code.len && message.len ? ": " : "", STR_ARG(message));
		return registry_plain_text(str_of(text));
	}
	err_free(e);
	type = http_response_field(r, "Content-Type");
	return str_starts(type, STR("text/plain")) ? registry_plain_text(str_cut(&body, '\n'))
						   : mem_strdup("");
}

/* " (why)", or nothing. */
static char *in_brackets(const struct http_response *r)
{
	own_mem char *text = said(r);
	return *text ? mem_printf(" (%s)", text) : mem_strdup("");
}

static bool wants_basic(struct registry_client *c, const char *at)
{
	hold(&c->lock);
	struct known_host *h = known_host_locked(c, at);
	return h->challenged && h->kind == CHALLENGE_BASIC;
}

static struct err *not_allowed(struct registry_client *c, const struct registry_call *call,
			       const struct http_response *r, const char *what)
{
	const struct endpoint *ep = call->ep;
	own_mem char *why = in_brackets(r);
	const struct credentials *login;
	bool push = strstr(call->actions, "push");
	TRY(registry_auth_login(c, ep, &login));
	if (login && r->status == 401 && wants_basic(c, ep->at))
		return err_new(ERR_DENIED,
			       "registry %s refuses the login %s (from %s): mend it with docker "
			       "login %s%s",
			       ep->at, login->user ? login->user : "by identity token", login->from,
			       ep->login, why);
	if (!login && push)
		return err_new(ERR_DENIED, "%s needs a login to be pushed: docker login %s%s", what,
			       ep->login, why);
	if (!login && r->status == 401)
		return err_new(ERR_DENIED,
			       "%s does not exist (or needs a login: docker login %s)%s", what,
			       ep->login, why);
	if (!login)
		return err_new(ERR_DENIED,
			       "registry %s does not let %s be pulled without a login: "
			       "docker login %s%s",
			       ep->at, what, ep->login, why);
	return err_new(
		ERR_DENIED,
		"registry %s does not let %s be %s by %s (login from %s; another one: docker "
		"login %s)%s",
		ep->at, what, push ? "pushed" : "pulled",
		login->user ? login->user : "this identity token", login->from, ep->login, why);
}

struct err *registry_refusal(struct registry_client *c, const struct registry_call *call,
			     const struct http_response *r, const char *what)
{
	const struct endpoint *ep = call->ep;
	own_mem char *why = in_brackets(r);
	const struct credentials *login;
	switch (r->status) {
	case 401:
	case 403:
		return not_allowed(c, call, r, what);
	case 404:
		TRY(registry_auth_login(c, ep, &login));
		if (strstr(call->actions, "push"))
			return err_new(ERR_NOT_FOUND, "registry %s has no place for %s%s", ep->at,
				       what, why);
		if (login)
			return err_new(ERR_NOT_FOUND, "%s does not exist in %s%s", what, ep->at,
				       why);
		return err_new(ERR_NOT_FOUND,
			       "%s does not exist (or needs a login: docker login %s)", what,
			       ep->login);
	case 429: {
		uint64_t wait = retry_after_s(r);
		own_mem char *when =
			wait ? mem_printf(", asks to come back in %llu s", (unsigned long long)wait)
			     : mem_strdup("");
		return err_new(ERR_UNAVAILABLE, "%s: registry %s has had too many requests%s%s",
			       what, ep->at, when, why);
	}
	case 413:
		return err_new(ERR_LIMIT, "%s is too large for registry %s%s", what, ep->at, why);
	default:
		return err_new(r->status >= 500 || r->status == 408 ? ERR_UNAVAILABLE : ERR_INVALID,
			       "%s: registry %s answers with status %d%s", what, ep->at, r->status,
			       why);
	}
}

static bool is_down(struct registry_client *c, const char *at)
{
	hold(&c->lock);
	return known_host_locked(c, at)->down_until_ms > time_mono_ms();
}

static void mark_down(struct registry_client *c, const char *at)
{
	hold(&c->lock);
	known_host_locked(c, at)->down_until_ms = time_mono_ms() + MIRROR_DOWN_MS;
}

/* The mirror's failure is told here, once: afterwards it is passed over for a minute. */
static void note_mirror(struct registry_client *c, const struct endpoint *ep, const struct err *e,
			struct buf *failures)
{
	own_mem char *text = err_text(e);
	buf_printf(failures, "%s%s", failures->len ? "; " : "", text);
	if (e->kind == ERR_UNAVAILABLE)
		mark_down(c, ep->at);
	if (e->kind == ERR_NOT_FOUND)
		log_debug("not in this mirror", log_str("mirror", ep->at));
	else
		log_warn("going on without a mirror", log_str("mirror", ep->at),
			 log_str("error", text));
}

static struct err *ask_origin(struct registry_client *c, const struct oci_reference *ref,
			      struct err *(*ask)(void *arg, const struct endpoint *ep, bool *final),
			      void *arg)
{
	struct endpoint ep;
	bool final = false;
	TRY(endpoint_of(c, ref, &ep));
	return ask(arg, &ep, &final);
}

struct err *registry_ask_each(struct registry_client *c, const struct oci_reference *ref,
			      struct err *(*ask)(void *arg, const struct endpoint *ep, bool *final),
			      void *arg)
{
	struct buf failures;
	buf_init(&failures, 2000);
	for (const struct mirror *m = NULL; (m = mirrors_next(&c->mirrors, ref->host, m));) {
		struct endpoint ep;
		bool final = false;
		endpoint_of_mirror(c, ref, m, &ep);
		if (is_down(c, ep.at))
			continue;
		struct err *e = ask(arg, &ep, &final);
		if (!e || final || e->kind == ERR_CANCELED) {
			buf_done(&failures);
			return e;
		}
		note_mirror(c, &ep, e, &failures);
		err_free(e);
	}
	struct err *e = ask_origin(c, ref, ask, arg);
	own_mem char *mirrors = buf_steal(&failures);
	if (!e || e->kind == ERR_CANCELED || !*mirrors)
		return e;
	own_mem char *text = err_text(e);
	struct err *whole = err_new(e->kind, "%s; before that, %s", text, mirrors);
	err_free(e);
	return whole;
}
