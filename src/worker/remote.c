#include "worker/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

#define RECORD_MS 30000

/* --- records -------------------------------------------------------------------------------- */

char *worker_record_write(const struct executor_record *r)
{
	own_json j = json_object();
	json_object_set_new(j, "kind", json_string(r->alias ? "alias" : r->kind));
	if (r->alias) {
		char hex[2 * SHA256_BYTES + 1];
		hex_encode(r->stands_for.b, SHA256_BYTES, hex);
		json_object_set_new(j, "inputs", json_string(hex));
	} else {
		json_object_set_new(j, "inputs", json_string(r->inputs ? r->inputs : ""));
	}
	json_object_set_new(j, "created", json_integer(r->created_ns));
	if (!r->alias && !r->empty) {
		json_object_set_new(j, "diffId", json_string(oci_digest_text(&r->diff_id).s));
		json_t *blob = json_object();
		json_object_set_new(blob, "mediaType", json_string(r->blob.media_type));
		json_object_set_new(blob, "digest",
				    json_string(oci_digest_text(&r->blob.digest).s));
		json_object_set_new(blob, "size", json_integer((json_int_t)r->blob.size));
		json_object_set_new(j, "blob", blob);
		if (r->programs)
			json_object_set_new(j, "programs", json_string(r->programs));
	}
	return json_text(j);
}

static struct err *read_blob(json_t *j, json_t *blob, struct executor_record *out)
{
	struct str diff_id = STR(""), digest = STR(""), type = STR(""), programs = { NULL, 0 };
	TRY(json_get_str(j, "diffId", &diff_id));
	TRY(json_get_str(j, "programs", &programs));
	TRY(json_get_str(blob, "digest", &digest));
	TRY(json_get_str(blob, "mediaType", &type));
	TRY(json_get_u64(blob, "size", INT64_MAX, &out->blob.size));
	TRY(oci_digest_parse(diff_id, &out->diff_id));
	TRY(oci_digest_parse(digest, &out->blob.digest));
	out->blob.media_type = executor_layer_type(type);
	if (programs.p)
		out->programs = str_dup(programs);
	return NULL;
}

struct err *worker_record_read(json_t *j, struct executor_record *out)
{
	struct executor_record r = { .empty = true };
	struct str kind = STR(""), inputs = STR("");
	json_t *blob = NULL;
	uint64_t created = 0;
	TRY(json_get_str(j, "kind", &kind));
	TRY(json_get_str(j, "inputs", &inputs));
	TRY(json_get_u64(j, "created", INT64_MAX, &created));
	TRY(json_get_obj(j, "blob", &blob));
	r.created_ns = (int64_t)created;
	r.alias = str_eq(kind, STR("alias"));
	snprintf(r.kind, sizeof(r.kind), STR_FMT, STR_ARG(kind));
	if (r.alias && !hex_decode(inputs, r.stands_for.b, sizeof(r.stands_for.b)))
		return err_new(ERR_INVALID, "an alias that names no key");
	if (!r.alias && blob) {
		r.empty = false;
		TRY(read_blob(j, blob, &r));
	}
	if (!r.alias)
		r.inputs = str_dup(inputs);
	*out = r;
	return NULL;
}

/* --- blobs ---------------------------------------------------------------------------------- */

/* What the build needs is waited for; what only saves time is tried once. */
static struct err *ask(struct worker_remote *r, bool patient, const char *path,
		       struct http_request *q, struct http_response *answer)
{
	return patient ? worker_server_send_patiently(r->server, path, q, answer)
		       : worker_server_send(r->server, path, q, answer);
}

static struct err *has_blob(struct worker_remote *r, bool patient, const struct oci_digest *d,
			    bool *found)
{
	own_mem char *path = mem_printf("/blobs/%s", oci_digest_text(d).s);
	done(http_response) answer = { 0 };
	struct http_request q = { .method = "HEAD", .timeout_ms = RECORD_MS };
	TRY(ask(r, patient, path, &q, &answer));
	*found = answer.status == 200;
	return *found || answer.status == 404 ? NULL : worker_server_refusal(&answer);
}

static struct err *has(void *arg, const struct oci_descriptor *d, bool *found)
{
	return has_blob(arg, true, &d->digest, found);
}

static struct err *put_blob(struct worker_remote *r, bool patient, const struct oci_digest *d)
{
	own_mem char *path = mem_printf("/blobs/%s", oci_digest_text(d).s);
	own_fd fd = -1;
	uint64_t size;
	TRY(blob_store_open_blob(r->blobs, d, &fd, &size));
	done(http_response) answer = { 0 };
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	struct http_request q = { .method = "PUT",
				  .headers = headers,
				  .has_body = true,
				  .body_is_fd = true,
				  .body_fd = fd,
				  .body_size = size };
	TRY(ask(r, patient, path, &q, &answer));
	return answer.status == 201 || answer.status == 200 ? NULL : worker_server_refusal(&answer);
}

static struct err *push(struct worker_remote *r, bool patient, const struct oci_digest *d)
{
	bool found;
	TRY(has_blob(r, patient, d, &found));
	return found ? NULL
		     : err_wrap(put_blob(r, patient, d), "send %s to the server",
				oci_digest_text(d).s);
}

struct err *worker_remote_push(struct worker_remote *r, const struct oci_digest *d)
{
	return push(r, true, d);
}

static struct err *write_blob(void *arg, const void *p, size_t len)
{
	return blob_writer_write(arg, p, len);
}

static struct err *fetch_once(struct worker_remote *r, const struct oci_digest *d)
{
	own(blob_writer) w = NULL;
	own_mem char *path = mem_printf("/blobs/%s", oci_digest_text(d).s);
	TRY(blob_store_begin(r->blobs, &w));
	TRY(err_wrap(worker_server_get(r->server, path, write_blob, w), "fetch %s", path));
	return blob_writer_commit(w, d, NULL);
}

static struct err *fetch(void *arg, const struct oci_descriptor *d)
{
	struct worker_remote *r = arg;
	bool there;
	TRY(blob_store_stat(r->blobs, &d->digest, &there, NULL));
	for (uint64_t wait_ms = 0; !there;) {
		struct err *e = fetch_once(r, &d->digest);
		if (!e || e->kind != ERR_UNAVAILABLE)
			return e;
		err_free(e);
		TRY(worker_server_wait(r->server, &wait_ms));
	}
	return NULL;
}

/* --- the cache ------------------------------------------------------------------------------ */

static char *cache_path(const struct sha256_sum *key)
{
	char hex[2 * SHA256_BYTES + 1];
	hex_encode(key->b, SHA256_BYTES, hex);
	return mem_printf("/cache/%s", hex);
}

static struct err *get(void *arg, const struct sha256_sum *key, struct executor_record *out,
		       bool *found)
{
	struct worker_remote *r = arg;
	own_mem char *path = cache_path(key);
	done(http_response) answer = { 0 };
	struct http_request q = { .method = "GET", .timeout_ms = RECORD_MS };
	*found = false;
	TRY(worker_server_send(r->server, path, &q, &answer));
	if (answer.status == 404)
		return NULL;
	if (answer.status != 200)
		return worker_server_refusal(&answer);
	own_json j = NULL;
	TRY(json_read(str_n(answer.body, answer.body_len), &j));
	TRY(worker_record_read(j, out));
	*found = true;
	return NULL;
}

static struct err *put(void *arg, const struct sha256_sum *key,
		       const struct executor_record *record)
{
	struct worker_remote *r = arg;
	if (!record->alias && !record->empty)
		TRY(push(r, false, &record->blob.digest));
	own_mem char *path = cache_path(key), *text = worker_record_write(record);
	done(http_response) answer = { 0 };
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct http_request q = { .method = "PUT",
				  .headers = headers,
				  .has_body = true,
				  .body = str_of(text),
				  .timeout_ms = RECORD_MS };
	TRY(worker_server_send(r->server, path, &q, &answer));
	return answer.status >= 200 && answer.status < 300 ? NULL : worker_server_refusal(&answer);
}

struct executor_remote worker_remote_hooks(struct worker_remote *r)
{
	return (struct executor_remote){
		.get = get, .put = put, .fetch = fetch, .has = has, .arg = r
	};
}
