#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/time.h"
#include "http/url.h"
#include "registry/client_priv.h"

#define TURN_WAIT_MS     100
#define PROGRESS_BYTES   ((uint64_t)1 << 20) /* an attempt that got so much does not count */
#define QUICK_ANSWER_MS  120000
#define COMMIT_ANSWER_MS 0 /* the stall timeout bounds it */

struct progress {
	void (*tell)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	uint64_t total;
};

static void tell(const struct progress *p, uint64_t done)
{
	if (p->tell)
		p->tell(p->arg, done, p->total);
}

struct fetch {
	struct registry_client *c;
	const struct oci_descriptor *d;
	struct blob_store *store;
	struct progress progress;
	char digest[sizeof(struct oci_digest_text)];
	char *name; /* owned; of the repository, for messages */
	/* Of the endpoint that is asked. */
	const struct endpoint *ep;
	struct blob_writer *w; /* owned */
	uint64_t skip;         /* bytes to drop: the server began again where we did not */
	bool store_failed;     /* no other server can help */
};

static struct err *lied(const struct fetch *f, const char *more, uint64_t got)
{
	return err_new(ERR_CORRUPT, "registry %s lied about %s: expected %llu bytes, got %s%llu",
		       f->ep->at, f->digest, (unsigned long long)f->d->size, more,
		       (unsigned long long)got);
}

/* "bytes FIRST-LAST/TOTAL" must start where we stopped. */
static struct err *check_range(const struct fetch *f, const struct http_response *r, uint64_t from)
{
	struct str text = http_response_field(r, "Content-Range");
	uint64_t first;
	if (str_starts(text, STR("bytes "))) {
		text = str_skip(text, 6);
		if (str_to_u64(str_cut(&text, '-'), UINT64_MAX, &first) && first == from)
			return NULL;
	}
	return err_new(ERR_CORRUPT, "registry %s answers another part of %s than was asked for",
		       f->ep->at, f->digest);
}

static struct err *on_begin(void *arg, const struct http_response *r)
{
	struct fetch *f = arg;
	uint64_t have = blob_writer_size(f->w), length = (uint64_t)r->content_length;
	f->skip = 0;
	if (r->status == 206) {
		TRY(check_range(f, r, have));
		return r->content_length >= 0 && length != f->d->size - have
			       ? lied(f, "", have + length)
			       : NULL;
	}
	f->skip = have;
	return r->content_length >= 0 && length != f->d->size ? lied(f, "", length) : NULL;
}

static struct err *on_piece(void *arg, const void *p, size_t len)
{
	struct fetch *f = arg;
	const char *bytes = p;
	size_t drop = (size_t)MIN((uint64_t)len, f->skip);
	f->skip -= drop;
	bytes += drop;
	len -= drop;
	uint64_t have = blob_writer_size(f->w);
	if (len > f->d->size - have)
		return lied(f, "at least ", have + len);
	struct err *e = blob_writer_write(f->w, bytes, len);
	f->store_failed |= e != NULL;
	if (!e)
		tell(&f->progress, have + len);
	return e;
}

static struct err *get_once(struct fetch *f, enum http_cause *cause, struct http_response *r,
			    struct registry_call *call)
{
	own_mem char *path = mem_printf("/blobs/%s", f->digest), *range = NULL;
	uint64_t have = blob_writer_size(f->w);
	if (have)
		range = mem_printf("Range: bytes=%llu-", (unsigned long long)have);
	*call = (struct registry_call){
		.ep = f->ep,
		.actions = "pull",
		.path = path,
		.http = { .method = "GET",
			  .headers = (const char *const[]){ range, NULL },
			  .begin = on_begin,
			  .sink = on_piece,
			  .arg = f },
	};
	struct err *e = registry_send(f->c, call, r, cause);
	call->path = NULL;
	call->http.headers = NULL;
	return e;
}

/* Gets all bytes, going on where a connection broke off. */
static struct err *get_bytes(struct fetch *f)
{
	for (unsigned n = 0;; n++) {
		done(http_response) r = { 0 };
		enum http_cause cause = HTTP_CAUSE_OTHER;
		struct registry_call call;
		uint64_t before = blob_writer_size(f->w);
		struct err *e = get_once(f, &cause, &r, &call);
		if (!e && r.status != 200 && r.status != 206)
			return registry_refusal(f->c, &call, &r, f->name);
		uint64_t have = blob_writer_size(f->w);
		if (have == f->d->size && (!e || cause == HTTP_CAUSE_BROKEN)) {
			err_free(e);
			return NULL;
		}
		if (!e)
			return lied(f, "", have);
		if (have - before >= PROGRESS_BYTES)
			n = 0;
		if (cause != HTTP_CAUSE_BROKEN || n >= MOST_RETRIES)
			return err_wrap(e, "%s: got %llu of %llu bytes", f->name,
					(unsigned long long)have, (unsigned long long)f->d->size);
		err_free(e);
		TRY(registry_pause(f->c, n, NULL));
	}
}

static struct err *fetch_from(void *arg, const struct endpoint *ep, bool *final)
{
	struct fetch *f = arg;
	f->ep = ep;
	f->skip = 0;
	f->store_failed = false;
	blob_writer_free(move(f->w));
	struct err *e = blob_store_begin(f->store, &f->w);
	*final = e != NULL;
	if (e)
		return e;
	e = get_bytes(f);
	*final = f->store_failed;
	if (e)
		return e;
	e = blob_writer_commit(f->w, &f->d->digest, NULL);
	*final = e && e->kind != ERR_INVALID;
	if (!e || *final)
		return e;
	own_mem char *why = err_text(e);
	err_free(e);
	return err_new(ERR_CORRUPT, "registry %s lied about %s: %s", ep->at, f->digest, why);
}

static struct transfer_turn *find_turn_locked(struct registry_client *c,
					      const struct transfer_turn *like)
{
	mutex_assert_held(&c->lock);
	struct transfer_turn *t = c->turns;
	while (t && (t->store != like->store || !oci_digest_eq(&t->digest, &like->digest)))
		t = t->next;
	return t;
}

static struct err *turn_take(struct registry_client *c, struct transfer_turn *mine)
{
	for (;;) {
		TRY(http_client_check(c->http));
		hold(&c->lock);
		if (!find_turn_locked(c, mine)) {
			mine->next = c->turns;
			c->turns = mine;
			return NULL;
		}
		cond_wait_until(&c->turn_ended, &c->lock, time_mono_ms() + TURN_WAIT_MS);
	}
}

static void turn_end(struct registry_client *c, struct transfer_turn *mine)
{
	hold(&c->lock);
	struct transfer_turn **p = &c->turns;
	while (*p != mine)
		p = &(*p)->next;
	*p = mine->next;
	cond_broadcast(&c->turn_ended);
}

static struct err *fetch_in_turn(struct fetch *f, const struct oci_reference *ref)
{
	bool found;
	uint64_t size;
	TRY(blob_store_stat(f->store, &f->d->digest, &found, &size));
	if (found && size != f->d->size)
		return err_new(ERR_CORRUPT, "%s has %llu bytes, but its manifest says %llu",
			       f->digest, (unsigned long long)size, (unsigned long long)f->d->size);
	if (found)
		return NULL;
	struct err *e = registry_ask_each(f->c, ref, fetch_from, f);
	blob_writer_free(move(f->w));
	return e;
}

struct err *registry_fetch_blob(struct registry_client *c, const struct oci_reference *ref,
				const struct oci_descriptor *d, struct blob_store *store,
				void (*progress)(void *arg, uint64_t done, uint64_t total),
				void *arg)
{
	struct fetch f = { .c = c, .d = d, .store = store, .progress = { progress, arg, d->size } };
	struct transfer_turn turn = { .store = store, .digest = d->digest };
	snprintf(f.digest, sizeof(f.digest), "%s", oci_digest_text(&d->digest).s);
	own_mem char *name = mem_printf("%s/%s@%s", ref->host, ref->repository, f.digest);
	f.name = name;
	TRY(turn_take(c, &turn));
	struct err *e = fetch_in_turn(&f, ref);
	turn_end(c, &turn);
	return e;
}

struct push {
	struct registry_client *c;
	struct endpoint ep;
	const struct oci_descriptor *d;
	const char *from;
	int fd; /* borrowed */
	struct progress progress;
	char digest[sizeof(struct oci_digest_text)];
	const char *name; /* for messages */
};

static void on_sent(void *arg, uint64_t done)
{
	struct push *p = arg;
	tell(&p->progress, done);
}

static struct registry_call push_call(const struct push *p, const char *method, const char *path)
{
	return (struct registry_call){
		.ep = &p->ep,
		.actions = "pull,push",
		.path = path,
		.http = { .method = method, .timeout_ms = QUICK_ANSWER_MS },
	};
}

static struct err *is_there(struct push *p, bool *there)
{
	own_mem char *path = mem_printf("/blobs/%s", p->digest);
	struct registry_call call = push_call(p, "HEAD", path);
	done(http_response) r = { 0 };
	TRY(registry_send(p->c, &call, &r, NULL));
	if (r.status != 200 && r.status != 404)
		return registry_refusal(p->c, &call, &r, p->name);
	*there = r.status == 200;
	return NULL;
}

/* Opens an upload: `*location` (owned by the caller) is where, or NULL when the blob was mounted.
 */
static struct err *open_upload(struct push *p, const char *from, char **location, bool *refused)
{
	struct buf path;
	own_mem char *text = NULL;
	buf_init(&path, LIMIT_URL_BYTES);
	buf_add(&path, STR("/blobs/uploads/"));
	if (from) {
		http_url_add_query(&path, "mount", str_of(p->digest));
		http_url_add_query(&path, "from", str_of(from));
	}
	TRY(buf_finish(&path, &text, NULL));
	struct registry_call call = push_call(p, "POST", text);
	call.also_pull = from;
	call.http.has_body = true;
	done(http_response) r = { 0 };
	TRY(registry_send(p->c, &call, &r, NULL));
	*refused = from && (r.status == 401 || r.status == 403 || r.status == 404);
	if (*refused || (r.status == 201 && from))
		return NULL;
	if (r.status != 202)
		return registry_refusal(p->c, &call, &r, p->name);
	struct str where = http_response_field(&r, "Location");
	if (!where.len)
		return err_new(ERR_UNAVAILABLE, "registry %s opens an upload without saying where",
			       p->ep.at);
	done(http_url) base = { 0 }, to = { 0 };
	TRY(http_url_parse(str_of(r.url), &base));
	TRY(err_wrap(http_url_resolve(&base, where, &to), "upload location of registry %s",
		     p->ep.at));
	*location = move(to.text);
	return NULL;
}

/* Where the bytes go: to the registry itself, with the login, or to who else it names, without. A
 * registry behind a proxy that ends TLS may name itself by http. */
static struct err *check_location(const struct push *p, char **location, bool *foreign)
{
	own_mem char *origin = mem_printf("%s://%s/", p->ep.tls ? "https" : "http", p->ep.at);
	done(http_url) self = { 0 }, to = { 0 };
	TRY(http_url_parse(str_of(origin), &self));
	TRY(http_url_parse(str_of(*location), &to));
	*foreign = !http_url_same_origin(&self, &to);
	if (!*foreign)
		return NULL;
	bool same_host = strcmp(self.host, to.host) == 0;
	if (self.tls && !to.tls && same_host && (to.port == 80 || to.port == self.port)) {
		struct str rest = str_skip(str_of(to.text), strlen("http://"));
		ptrdiff_t slash = str_chr(rest, '/');
		char *mended =
			mem_printf("https://%s" STR_FMT, p->ep.at,
				   STR_ARG(str_skip(rest, slash < 0 ? rest.len : (size_t)slash)));
		free(*location);
		*location = mended;
		*foreign = false;
		return NULL;
	}
	if (self.tls && !to.tls)
		return err_new(ERR_DENIED,
			       "registry %s wants the bytes sent to %s without TLS: not followed",
			       p->ep.at, to.host);
	if (http_host_is_local(str_of(to.host)) && !http_host_is_local(str_of(self.host)))
		return err_new(ERR_DENIED,
			       "registry %s wants the bytes sent to %s, an address of this "
			       "machine: not followed",
			       p->ep.at, to.host);
	return NULL;
}

/* Sends all bytes. `*again`: a new upload may go better. */
static struct err *put_bytes(struct push *p, const char *location, bool foreign, bool *again,
			     struct http_response *r)
{
	struct buf url;
	own_mem char *text = NULL;
	enum http_cause cause;
	buf_init(&url, LIMIT_URL_BYTES);
	buf_add(&url, str_of(location));
	http_url_add_query(&url, "digest", str_of(p->digest));
	TRY(buf_finish(&url, &text, NULL));
	struct registry_call call = push_call(p, "PUT", NULL);
	call.url = text;
	call.without_login = foreign;
	call.once = true;
	call.http.headers = (const char *const[]){ "Content-Type: application/octet-stream", NULL };
	call.http.timeout_ms = COMMIT_ANSWER_MS;
	call.http.has_body = call.http.body_is_fd = true;
	call.http.body_fd = p->fd;
	call.http.body_size = p->d->size;
	call.http.sent = on_sent;
	call.http.arg = p;
	struct err *e = registry_send(p->c, &call, r, &cause);
	*again = e ? cause == HTTP_CAUSE_BROKEN
		   : registry_may_retry(r) || r->status == 404 || r->status == 416;
	if (e || r->status == 201 || r->status == 204)
		return e;
	return registry_refusal(p->c, &call, r, p->name);
}

static struct err *upload(struct push *p)
{
	const char *from = p->from;
	for (unsigned n = 0;; n++) {
		own_mem char *location = NULL;
		bool refused = false, foreign = false, again = false;
		done(http_response) r = { 0 };
		TRY(open_upload(p, from, &location, &refused));
		if (refused) {
			from = NULL;
			TRY(open_upload(p, NULL, &location, &refused));
		}
		if (!location)
			return NULL;
		TRY(check_location(p, &location, &foreign));
		struct err *e = put_bytes(p, location, foreign, &again, &r);
		if (!e || !again || n == MOST_RETRIES)
			return e;
		err_free(e);
		TRY(registry_pause(p->c, n, r.status ? &r : NULL));
	}
}

static struct err *push_with(struct push *p)
{
	bool there = false;
	TRY(is_there(p, &there));
	if (!there)
		TRY(upload(p));
	tell(&p->progress, p->d->size);
	return NULL;
}

struct err *registry_push_blob(struct registry_client *c, const struct oci_reference *ref,
			       const struct oci_descriptor *d, struct blob_store *store,
			       const char *from_repository,
			       void (*progress)(void *arg, uint64_t done, uint64_t total),
			       void *arg)
{
	struct push p = {
		.c = c, .d = d, .from = from_repository, .progress = { progress, arg, d->size }
	};
	uint64_t size;
	int opened;
	snprintf(p.digest, sizeof(p.digest), "%s", oci_digest_text(&d->digest).s);
	own_mem char *name = mem_printf("%s/%s", ref->host, ref->repository);
	p.name = name;
	TRY(endpoint_of(c, ref, &p.ep));
	TRY(blob_store_open_blob(store, &d->digest, &opened, &size));
	own_fd fd = opened;
	p.fd = fd;
	if (size != d->size)
		return err_new(ERR_CORRUPT, "%s has %llu bytes, but its manifest says %llu",
			       p.digest, (unsigned long long)size, (unsigned long long)d->size);
	return err_wrap(push_with(&p), "push %s to %s", p.digest, name);
}
