/* What workers on other machines share through the server: blobs and cache records. */
#include <stdlib.h>

#include "api/workers_priv.h"
#include "base/fd.h"
#include "pipeline/step_cache.h"

/* ---- blobs ---- */

static struct err *no_blob(struct str digest)
{
	return err_coded(ERR_NOT_FOUND, "BLOB_UNKNOWN", NULL, "there is no blob " STR_FMT,
			 STR_ARG(str_first(digest, 200)));
}

static struct err *read_digest(struct api_call *c, struct oci_digest *d)
{
	struct err *e = oci_digest_parse(c->params[0], d);
	if (!e)
		return NULL;
	err_free(e);
	return err_coded(ERR_INVALID, "DIGEST", NULL, "it is no digest: " STR_FMT,
			 STR_ARG(str_first(c->params[0], 200)));
}

struct err *api_worker_blob_get(struct api_call *c, struct http_reply **out)
{
	struct oci_digest d;
	own_fd fd = -1;
	uint64_t size;
	TRY(read_digest(c, &d));
	struct err *e = blob_store_open_blob(c->api->o.blobs, &d, &fd, &size);
	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return no_blob(c->params[0]);
	}
	TRY(e);
	*out = http_reply_file(200, fd_move(&fd), 0, size);
	http_reply_header(*out, "Content-Type", "application/octet-stream");
	return NULL;
}

struct upload {
	struct api_call *call;
	struct oci_digest digest;
	struct blob_writer *writer; /* owned */
};

static struct err *upload_begin(void *arg)
{
	struct upload *u = arg;
	TRY(api_worker_check(u->call));
	TRY(read_digest(u->call, &u->digest));
	return blob_store_begin(u->call->api->o.blobs, &u->writer);
}

static struct err *upload_write(void *arg, const void *p, size_t len)
{
	struct upload *u = arg;
	return blob_writer_write(u->writer, p, len);
}

static struct err *commit(struct upload *u)
{
	struct err *e = blob_writer_commit(u->writer, &u->digest, NULL);
	if (!e || e->kind != ERR_INVALID)
		return e;
	own_mem char *text = err_text(e);
	err_free(e);
	return err_coded(ERR_INVALID, "DIGEST", NULL, "%s", text);
}

static void upload_end(void *arg, struct http_exchange *x, struct err *e)
{
	struct upload *u = arg;
	if (!e)
		e = commit(u);
	blob_writer_free(u->writer);
	http_answer(x, e ? api_problem_of(u->call, e) : http_reply_new(201, NULL, 0));
}

void api_worker_blob_put(struct api_call *c)
{
	static const struct http_sink sink = { .begin = upload_begin,
					       .write = upload_write,
					       .end = upload_end };
	struct upload *u = arena_new(c->arena, struct upload);
	u->call = c;
	http_receive(c->x, &sink, u);
}

/* ---- cache records ---- */

struct err *api_worker_cache_get(struct api_call *c, struct http_reply **out)
{
	bool found;
	json_t *record = NULL;
	TRY(pipeline_step_cache_get(c->api->o.db, c->api->o.blobs, c->params[0], &found, &record));
	if (!found)
		return err_coded(ERR_NOT_FOUND, "NOT_FOUND", NULL, "there is no such record");
	*out = api_json(200, record);
	return NULL;
}

struct err *api_worker_cache_put(struct api_call *c, struct http_reply **out)
{
	TRY(pipeline_step_cache_put(c->api->o.db, c->api->o.blobs, c->params[0], c->body));
	*out = api_no_content();
	return NULL;
}
