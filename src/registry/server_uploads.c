/* Upload sessions, mounts, and blobs in one request.
 *
 * A session's bytes and its place in them are the store's; a request takes the session up, and the
 * store refuses a second one meanwhile. Ranges are checked before a byte is written. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "oci/reference.h"
#include "registry/server_priv.h"

/* ---- ids ---- */

#define ID_RANDOM 16 /* characters; as many of the hash follow */

struct upload_id {
	char s[2 * ID_RANDOM + 1];
};

/* Fills in the half that ties the id to the repository. */
static void bind_id(struct upload_id *id, struct str repository)
{
	struct sha256 h;
	char hex[2 * SHA256_BYTES + 1];
	sha256_init(&h);
	sha256_update(&h, id->s, ID_RANDOM);
	sha256_update(&h, repository.p, repository.len);
	struct sha256_sum sum = sha256_final(&h);
	sha256_done(&h);
	hex_encode(sum.b, SHA256_BYTES, hex);
	memcpy(id->s + ID_RANDOM, hex, ID_RANDOM);
	id->s[2 * ID_RANDOM] = '\0';
}

static struct err *new_id(struct str repository, struct upload_id *out)
{
	uint8_t random[ID_RANDOM / 2];
	char hex[ID_RANDOM + 1];
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_from_errno(errno, "random upload id");
	hex_encode(random, sizeof(random), hex);
	memcpy(out->s, hex, ID_RANDOM);
	bind_id(out, repository);
	return NULL;
}

static struct err *take_up(struct registry_call *c, struct blob_writer **out)
{
	struct upload_id id;
	if (c->reference.len != 2 * ID_RANDOM)
		return err_new(ERR_NOT_FOUND, "there is no such upload session");
	memcpy(id.s, c->reference.p, ID_RANDOM);
	bind_id(&id, c->repository);
	if (!str_eq(c->reference, str_of(id.s)))
		return err_new(ERR_NOT_FOUND, "there is no such upload session");
	return blob_store_session_resume(c->server->store, id.s, out);
}

/* ---- answers ---- */

static void add_session(struct http_reply *r, struct registry_call *c, struct str id, uint64_t size)
{
	http_reply_headerf(r, "Location", "/v2/" STR_FMT "/blobs/uploads/" STR_FMT,
			   STR_ARG(c->repository), STR_ARG(id));
	http_reply_headerf(r, "Range", "0-%llu", (unsigned long long)(size ? size - 1 : 0));
	http_reply_headerf(r, "Docker-Upload-UUID", STR_FMT, STR_ARG(id));
}

static struct http_reply *session_reply(unsigned status, struct registry_call *c, struct str id,
					uint64_t size)
{
	struct http_reply *r = http_reply_new(status, NULL, 0);
	add_session(r, c, id, size);
	return r;
}

static struct http_reply *created(struct registry_call *c, const struct oci_digest *d)
{
	struct oci_digest_text text = oci_digest_text(d);
	struct http_reply *r = http_reply_new(201, NULL, 0);
	http_reply_headerf(r, "Location", "/v2/" STR_FMT "/blobs/%s", STR_ARG(c->repository),
			   text.s);
	http_reply_header(r, "Docker-Content-Digest", text.s);
	return r;
}

static struct http_reply *session_error(struct err *e)
{
	if (e->kind != ERR_NOT_FOUND && e->kind != ERR_CONFLICT)
		return registry_error_of(e);
	own(err) owned = e;
	own_mem char *text = err_text(e);
	return e->kind == ERR_NOT_FOUND ? registry_error(404, "BLOB_UPLOAD_UNKNOWN", "%s", text)
					: registry_error(409, "BLOB_UPLOAD_INVALID", "%s", text);
}

static struct http_reply *bad_digest(struct err *e)
{
	own(err) owned = e;
	own_mem char *text = err_text(e);
	return registry_error(400, "DIGEST_INVALID", "%s", text);
}

/* ---- a body on its way into a blob ---- */

struct upload {
	struct registry_call *call;
	struct blob_writer *writer; /* owned */
	bool in_session;
	bool commit;
	struct oci_digest digest; /* wanted, when `commit` */
	bool has_range;
	uint64_t first, last; /* of Content-Range */
	uint64_t received;
	struct http_reply *refusal; /* owned; why begin or write failed */
};

/* "0-99", as the specification has it; also "bytes 0-99/200". */
static bool read_content_range(struct upload *u)
{
	struct str range = u->call->content_range;
	if (!range.p)
		return true;
	range = str_trim(range);
	if (str_starts(range, STR("bytes ")))
		range = str_skip(range, STR("bytes ").len);
	range = str_cut(&range, '/');
	struct str first = str_cut(&range, '-');
	u->has_range = true;
	return str_to_u64(first, INT64_MAX, &u->first) && str_to_u64(range, INT64_MAX, &u->last) &&
	       u->first <= u->last;
}

static struct err *refuse(struct upload *u, struct http_reply *reply)
{
	u->refusal = reply;
	return err_new(ERR_INVALID, "refused");
}

static struct http_reply *wrong_size(struct upload *u)
{
	return registry_error(400, "SIZE_INVALID", "the body is not as long as Content-Range says");
}

static struct err *upload_begin(void *arg)
{
	struct upload *u = arg;
	struct registry_call *c = u->call;
	struct http_reply *refusal = NULL;
	TRY(registry_authorize(c, &refusal));
	if (refusal)
		return refuse(u, refusal);
	if (!u->in_session)
		return blob_store_begin(c->server->store, &u->writer);
	struct err *e = take_up(c, &u->writer);
	if (e)
		return refuse(u, session_error(e));
	uint64_t size = blob_writer_size(u->writer);
	if (!u->has_range || u->first == size)
		return NULL;
	struct http_reply *r =
		registry_error(416, "RANGE_INVALID", "the next chunk has to begin at %llu",
			       (unsigned long long)size);
	add_session(r, c, c->reference, size);
	return refuse(u, r);
}

static struct err *upload_write(void *arg, const void *p, size_t len)
{
	struct upload *u = arg;
	u->received += len;
	if (u->has_range && u->received > u->last - u->first + 1)
		return refuse(u, wrong_size(u));
	return blob_writer_write(u->writer, p, len);
}

static struct err *commit(struct upload *u, struct http_reply **out)
{
	struct registry_call *c = u->call;
	uint64_t size = blob_writer_size(u->writer);
	struct err *e = blob_writer_commit(u->writer, &u->digest, NULL);
	if (e && e->kind == ERR_INVALID) {
		*out = bad_digest(e);
		return NULL;
	}
	TRY(e);
	TRY(catalog_blob_link(c->server->catalog, c->repository, &u->digest, size));
	*out = created(c, &u->digest);
	return NULL;
}

static struct http_reply *finish(struct upload *u)
{
	struct registry_call *c = u->call;
	struct http_reply *reply = NULL;
	if (u->has_range && u->received != u->last - u->first + 1) {
		blob_writer_keep(u->writer);
		return wrong_size(u);
	}
	if (!u->commit) {
		blob_writer_keep(u->writer);
		return session_reply(202, c, c->reference, blob_writer_size(u->writer));
	}
	struct err *e = commit(u, &reply);
	return e ? registry_error_of(e) : reply;
}

/* What a client that went away has sent is kept: it may come back and ask. What met a full disk is
 * not: it would keep the disk full for a day. */
static void upload_end(void *arg, struct http_exchange *x, struct err *e)
{
	struct upload *u = arg;
	struct http_reply *reply;
	if (e && e->kind != ERR_UNAVAILABLE && u->in_session && u->writer)
		blob_writer_keep(u->writer);
	if (u->refusal) {
		err_free(e);
		reply = u->refusal;
	} else {
		reply = e ? registry_error_of(e) : finish(u);
	}
	blob_writer_free(u->writer);
	http_answer(x, reply);
}

static void receive(struct registry_call *c, bool in_session, const struct oci_digest *digest)
{
	static const struct http_sink sink = { .begin = upload_begin,
					       .write = upload_write,
					       .end = upload_end };
	struct upload *u = arena_new(c->arena, struct upload);
	u->call = c;
	u->in_session = in_session;
	u->commit = digest;
	if (digest)
		u->digest = *digest;
	uint64_t len;
	if (!read_content_range(u)) {
		http_answer(c->x, registry_error(400, "BLOB_UPLOAD_INVALID",
						 "Content-Range is not FIRST-LAST"));
	} else if (u->has_range && http_exchange_length(c->x, &len) &&
		   len != u->last - u->first + 1) {
		http_answer(c->x, wrong_size(u));
	} else {
		http_receive(c->x, &sink, u);
	}
}

/* ---- sessions ---- */

static struct err *session_status(struct registry_call *c, struct http_reply **out)
{
	own(blob_writer) w = NULL;
	struct err *e = take_up(c, &w);
	if (e) {
		*out = session_error(e);
		return NULL;
	}
	blob_writer_keep(w);
	*out = session_reply(204, c, c->reference, blob_writer_size(w));
	return NULL;
}

static struct err *session_cancel(struct registry_call *c, struct http_reply **out)
{
	own(blob_writer) w = NULL;
	struct err *e = take_up(c, &w);
	*out = e ? session_error(e) : http_reply_new(204, NULL, 0);
	return NULL; /* the bytes go with the writer */
}

static bool read_digest(struct registry_call *c, struct str text, struct oci_digest *d)
{
	struct err *e = oci_digest_parse(text, d);
	if (e)
		http_answer(c->x, bad_digest(e));
	return !e;
}

static void session_put(struct registry_call *c)
{
	struct str text = STR("");
	struct oci_digest d;
	(void)http_query_get(c->x, STR("digest"), &text);
	if (read_digest(c, text, &d))
		receive(c, true, &d);
}

void registry_handle_upload(struct registry_call *c)
{
	switch (c->method) {
	case HTTP_PATCH:
		receive(c, true, NULL);
		return;
	case HTTP_PUT:
		session_put(c);
		return;
	case HTTP_DELETE:
		registry_defer(c, session_cancel);
		return;
	case HTTP_GET:
	case HTTP_HEAD:
	case HTTP_POST:
	case HTTP_OTHER:
		registry_defer(c, session_status);
		return;
	}
}

/* ---- new uploads ---- */

static struct err *session_open(struct registry_call *c, struct http_reply **out)
{
	struct upload_id id;
	own(blob_writer) w = NULL;
	TRY(new_id(c->repository, &id));
	TRY(blob_store_session_begin(c->server->store, id.s, &w));
	blob_writer_keep(w);
	*out = session_reply(202, c, str_of(id.s), 0);
	return NULL;
}

#define MOST_HOLDERS 64 /* looked at for a mount that does not say where from */

static struct err *may_pull(struct registry_call *c, struct str from, bool *may)
{
	struct registry_access a;
	TRY(registry_access_of(c, from, REGISTRY_PULL, &a));
	*may = a.role >= AUTH_VIEW;
	return NULL;
}

/* In any repository that the caller may pull from? */
static struct err *known_to_caller(struct registry_call *c, const struct oci_digest *d, bool *found)
{
	const char **names;
	size_t n;
	if (!c->server->o.auth)
		return catalog_blob_known(c->server->catalog, d, found);
	TRY(catalog_blob_holders(c->server->catalog, c->arena, d, STR(""), MOST_HOLDERS, &names,
				 &n));
	for (size_t i = 0; i < n && !*found; i++)
		TRY(may_pull(c, str_of(names[i]), found));
	return NULL;
}

/* What the caller may not pull is not there: the upload goes on without the mount. */
static struct err *mountable(struct registry_call *c, const struct oci_digest *d, bool *found)
{
	struct str from;
	bool may = false;
	*found = false;
	if (!http_query_get(c->x, STR("from"), &from))
		return known_to_caller(c, d, found);
	if (!oci_repository_name_ok(from))
		return NULL;
	TRY(may_pull(c, from, &may));
	return may ? catalog_blob_linked(c->server->catalog, from, d, found) : NULL;
}

static struct err *mount(struct registry_call *c, struct http_reply **out)
{
	struct str text = STR("");
	struct oci_digest d;
	bool found = false;
	uint64_t size;
	(void)http_query_get(c->x, STR("mount"), &text);
	struct err *e = oci_digest_parse(text, &d);
	if (e) {
		*out = bad_digest(e);
		return NULL;
	}
	TRY(mountable(c, &d, &found));
	if (found)
		TRY(blob_store_stat(c->server->store, &d, &found, &size));
	if (!found)
		return session_open(c, out);
	TRY(catalog_blob_link(c->server->catalog, c->repository, &d, size));
	*out = created(c, &d);
	return NULL;
}

void registry_handle_uploads(struct registry_call *c)
{
	struct str text;
	struct oci_digest d;
	if (http_query_get(c->x, STR("mount"), &text)) {
		registry_defer(c, mount);
		return;
	}
	if (http_query_get(c->x, STR("digest"), &text)) {
		if (read_digest(c, text, &d))
			receive(c, false, &d);
		return;
	}
	if (http_query_get(c->x, STR("digest-algorithm"), &text) && !str_eq(text, STR("sha256")) &&
	    !str_eq(text, STR("sha512"))) {
		http_answer(c->x, registry_error(400, "DIGEST_INVALID",
						 "digest algorithms are sha256 and sha512"));
		return;
	}
	registry_defer(c, session_open);
}
