#include "http/client_priv.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "base/time.h"

#define MOST_IDLE      16
#define SLEEP_PIECE_MS 50

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
	/* The flags make no difference: since 7.57 TLS is set up in any case, in 0.9 ms. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		abort();
}

struct err *http_client_open(const struct http_client_options *o, struct http_client **out)
{
	struct http_client *c = mem_new(struct http_client);
	c->options = *o;
	if (!c->options.connect_ms)
		c->options.connect_ms = 10000;
	if (!c->options.stall_s)
		c->options.stall_s = 60;
	c->user_agent = mem_strdup(o->user_agent ? o->user_agent : "kiln/" KILN_VERSION);
	mutex_init(&c->lock);
	*out = c;
	return NULL;
}

static void slot_free(struct http_slot *s)
{
	if (!s)
		return;
	/* The handle may still look at the multi's connections when it goes. */
	curl_easy_cleanup(s->easy);
	curl_multi_cleanup(s->multi);
	free(s->origin);
	free(s);
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	while (c->idle) {
		struct http_slot *s = c->idle;
		c->idle = s->next;
		slot_free(s);
	}
	mutex_done(&c->lock);
	free(c->user_agent);
	free(c);
}

struct err *http_client_check(struct http_client *c)
{
	if (c->options.canceled && c->options.canceled(c->options.arg))
		return err_new(ERR_CANCELED, "canceled");
	return NULL;
}

struct err *http_client_sleep(struct http_client *c, uint64_t ms)
{
	for (uint64_t end = time_mono_ms() + ms;;) {
		TRY(http_client_check(c));
		uint64_t now = time_mono_ms();
		if (now >= end)
			return NULL;
		long piece = (long)MIN(end - now, (uint64_t)SLEEP_PIECE_MS);
		nanosleep(&(struct timespec){ .tv_nsec = piece * 1000000 }, NULL);
	}
}

/* The idle handle with a connection to `origin`, or any. */
static struct http_slot *take_idle(struct http_client *c, const char *origin)
{
	hold(&c->lock);
	struct http_slot **best = &c->idle;
	for (struct http_slot **p = &c->idle; *p; p = &(*p)->next)
		if (strcmp((*p)->origin, origin) == 0) {
			best = p;
			break;
		}
	struct http_slot *s = *best;
	if (s) {
		*best = s->next;
		c->n_idle--;
	}
	return s;
}

static struct http_slot *slot_take(struct http_client *c, const struct http_url *url)
{
	own_mem char *origin =
		mem_printf("%s %s %u", url->tls ? "https" : "http", url->host, url->port);
	struct http_slot *s = take_idle(c, origin);
	if (!s) {
		pthread_once(&curl_once, start_curl);
		s = mem_new(struct http_slot);
		s->easy = curl_easy_init();
		s->multi = curl_multi_init();
		if (!s->easy || !s->multi)
			abort();
	}
	free(s->origin);
	s->origin = move(origin);
	return s;
}

static void slot_give(struct http_client *c, struct http_slot *s)
{
	{
		hold(&c->lock);
		if (c->n_idle < MOST_IDLE) {
			s->next = c->idle;
			c->idle = s;
			c->n_idle++;
			return;
		}
	}
	slot_free(s);
}

/* TLS writes by write(2): a peer that is gone must not end the program. */
struct quiet {
	sigset_t old;
	bool was_pending;
};

static struct quiet pipe_quiet(void)
{
	struct quiet q;
	sigset_t pipe_set, pending;
	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	q.was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_set, &q.old);
	return q;
}

static void pipe_loud(const struct quiet *q)
{
	sigset_t pipe_set;
	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	if (!q->was_pending)
		sigtimedwait(&pipe_set, NULL, &(struct timespec){ 0 });
	pthread_sigmask(SIG_SETMASK, &q->old, NULL);
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static struct err *next_url(const struct http_url *first, const struct http_url *from,
			    struct str location, struct http_url *to)
{
	if (!location.p)
		return err_new(ERR_UNAVAILABLE, "a redirect to nowhere");
	TRY(err_wrap(http_url_resolve(from, location, to), "its redirect cannot be followed"));
	struct err *e = NULL;
	if (from->tls && !to->tls)
		e = err_new(ERR_DENIED, "its redirect from https to http is not followed");
	else if (http_host_is_local(str_of(to->host)) && !http_host_is_local(str_of(first->host)))
		e = err_new(ERR_DENIED,
			    "its redirect to %s, an address of this machine, is not "
			    "followed",
			    to->host);
	if (e)
		http_url_done(to);
	return e;
}

/* SPEC RFC 9110 15.4: POST becomes GET at 301 and 302, everything but HEAD at 303. */
static void change_method(int status, struct http_hop *hop)
{
	bool post = strcmp(hop->method, "POST") == 0;
	if ((status == 303 && strcmp(hop->method, "HEAD") != 0) ||
	    (post && (status == 301 || status == 302))) {
		hop->method = "GET";
		hop->with_body = false;
	}
}

bool http_behind_proxy(void)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
					     "all_proxy", "ALL_PROXY" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (getenv(names[i]))
			return true;
	return false;
}

static struct err *one_hop(struct http_client *c, const struct http_request *r,
			   const struct http_hop *hop, struct http_response *out,
			   enum http_cause *cause)
{
	TRY(http_client_check(c));
	struct http_slot *slot = slot_take(c, hop->url);
	struct quiet q = pipe_quiet();
	struct err *e = http_transfer(c, slot, r, hop, out, cause);
	pipe_loud(&q);
	slot_give(c, slot);
	if (e)
		http_response_done(out);
	else
		out->url = mem_strdup(hop->url->text);
	return e;
}

static struct err *follow(struct http_client *c, const struct http_request *r, struct http_url *at,
			  struct http_response *out, enum http_cause *cause)
{
	done(http_url) first = { 0 };
	TRY(http_url_parse(str_of(at->text), &first));
	struct http_hop hop = { .url = at,
				.method = r->method,
				.with_body = r->has_body,
				.with_authorization = r->authorization };
	for (int n = 0; n <= HTTP_MOST_REDIRECTS; n++) {
		struct http_response got = { 0 };
		struct err *e = one_hop(c, r, &hop, &got, cause);
		if (e)
			return n ? err_wrap(e, "redirected to %s", at->host) : e;
		if (r->no_redirect || !is_redirect(got.status)) {
			*out = got;
			return NULL;
		}
		struct http_url to;
		e = next_url(&first, at, http_response_field(&got, "location"), &to);
		int status = got.status;
		http_response_done(&got);
		if (e)
			return e;
		if (!http_url_same_origin(at, &to))
			hop.with_authorization = false;
		change_method(status, &hop);
		hop.refuse_local = strcmp(first.host, to.host) != 0 &&
				   !http_host_is_local(str_of(first.host)) && !http_behind_proxy();
		http_url_done(at);
		*at = to;
	}
	return err_new(ERR_UNAVAILABLE, "more than %d redirects, the last to %s",
		       HTTP_MOST_REDIRECTS, at->host);
}

struct err *http_client_send(struct http_client *c, const struct http_request *r,
			     struct http_response *out)
{
	enum http_cause cause = HTTP_CAUSE_OTHER;
	done(http_url) at = { 0 };
	struct err *e = http_url_parse(str_of(r->url), &at);
	if (e)
		return err_wrap(e, "URL %s", r->url);
	enum http_reach reach = http_host_reach(str_of(at.host));
	bool refused = reach == HTTP_REACH_LINK ? r->refuse_link
						: reach != HTTP_REACH_ALL && r->refuse_private;
	e = refused ? http_refusal(reach) : follow(c, r, &at, out, &cause);
	if (e && r->cause)
		*r->cause = cause;
	return e;
}

void http_response_done(struct http_response *r)
{
	for (size_t i = 0; i < r->n_fields; i++) {
		free(r->fields[i].name);
		free(r->fields[i].value);
	}
	free(r->fields);
	free(r->body);
	free(r->url);
	*r = (struct http_response){ 0 };
}

struct str http_response_field(const struct http_response *r, const char *name)
{
	for (size_t i = 0; i < r->n_fields; i++)
		if (str_eq_nocase(str_of(r->fields[i].name), str_of(name)))
			return str_of(r->fields[i].value);
	return (struct str){ NULL, 0 };
}

char *http_basic(struct str user, struct str password)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	own_mem char *plain = mem_printf(STR_FMT ":" STR_FMT, STR_ARG(user), STR_ARG(password));
	size_t len = strlen(plain), n = 6;
	char *out = mem_zalloc(6 + (len + 2) / 3 * 4 + 1);
	memcpy(out, "Basic ", 6);
	for (size_t i = 0; i < len; i += 3) {
		uint32_t b = (uint32_t)(uint8_t)plain[i] << 16;
		b |= i + 1 < len ? (uint32_t)(uint8_t)plain[i + 1] << 8 : 0;
		b |= i + 2 < len ? (uint32_t)(uint8_t)plain[i + 2] : 0;
		out[n++] = digits[b >> 18];
		out[n++] = digits[b >> 12 & 63];
		out[n++] = i + 1 < len ? digits[b >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? digits[b & 63] : '=';
	}
	explicit_bzero(plain, len);
	return out;
}
