/* executor/cache.c has the same columns. */
#include "pipeline/step_cache.h"

#include "base/limits.h"
#include "base/time.h"
#include "oci/manifest.h"

static struct err *bad(const char *what)
{
	return err_coded(ERR_INVALID, "CACHE_RECORD", NULL, "cache record: %s", what);
}

static bool is_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return s.len == 2 * SHA256_BYTES;
}

/* ---- get ---- */

struct answer {
	json_t *json; /* owned */
	struct oci_digest blob;
	uint64_t size;
	bool has_blob, bad;
};

static json_t *text(struct str s)
{
	return json_stringn(s.p, s.len) ?: json_string("");
}

static bool read_row(void *arg, struct db_row *r)
{
	struct answer *a = arg;
	a->json = json_object();
	json_object_set_new(a->json, "kind", text(db_row_text(r, 0)));
	json_object_set_new(a->json, "created", json_integer(db_row_int(r, 5)));
	json_object_set_new(a->json, "inputs", text(db_row_text(r, 6)));
	if (db_row_is_null(r, 1) || db_row_is_null(r, 2))
		return false;
	struct err *e = oci_digest_parse(db_row_text(r, 2), &a->blob);
	a->bad = e != NULL;
	err_free(e);
	a->has_blob = true;
	a->size = (uint64_t)db_row_int(r, 4);
	json_object_set_new(a->json, "diffId", text(db_row_text(r, 1)));
	json_t *blob = json_object();
	json_object_set_new(blob, "mediaType", text(db_row_text(r, 3)));
	json_object_set_new(blob, "digest", text(db_row_text(r, 2)));
	json_object_set_new(blob, "size", json_integer((json_int_t)a->size));
	json_object_set_new(a->json, "blob", blob);
	if (!db_row_is_null(r, 7))
		json_object_set_new(a->json, "programs", text(db_row_text(r, 7)));
	return false;
}

struct err *pipeline_step_cache_get(struct db *db, struct blob_store *blobs, struct str key,
				    bool *found, json_t **out)
{
	struct answer a = { .json = NULL };
	*found = false;
	if (!is_hex(key))
		return bad("a key has 64 hexadecimal digits");
	struct err *e = db_query(
		db,
		"SELECT kind, diff_id, blob_digest, media_type, blob_size, created_ns, inputs, programs"
		" FROM step_cache WHERE key = $1",
		DB_PARAMS(db_text(key)), read_row, &a);
	bool there = a.json && !a.bad && !e;
	uint64_t size;
	if (there && a.has_blob) {
		e = blob_store_stat(blobs, &a.blob, &there, &size);
		there = !e && there && size == a.size;
	}
	*found = there;
	if (there)
		*out = a.json;
	else
		json_decref(a.json);
	return e;
}

/* ---- put ---- */

struct record {
	struct str kind, inputs, programs, diff_id, digest, type;
	uint64_t created, size;
	bool has_blob;
};

static struct err *read_blob(json_t *j, json_t *blob, struct record *r)
{
	struct oci_digest d;
	TRY(json_get_str(j, "diffId", &r->diff_id));
	TRY(json_get_str(blob, "digest", &r->digest));
	TRY(json_get_str(blob, "mediaType", &r->type));
	TRY(json_get_u64(blob, "size", INT64_MAX, &r->size));
	TRY(oci_digest_parse(r->diff_id, &d));
	if (!oci_is_layer_type(r->type))
		return bad("mediaType of a layer");
	r->has_blob = true;
	return NULL;
}

static struct err *read_record(json_t *j, struct record *r)
{
	json_t *blob = NULL;
	*r = (struct record){ .inputs = STR("") };
	TRY(json_get_str(j, "kind", &r->kind));
	TRY(json_get_str(j, "inputs", &r->inputs));
	TRY(json_get_str(j, "programs", &r->programs));
	TRY(json_get_u64(j, "created", INT64_MAX, &r->created));
	TRY(json_get_obj(j, "blob", &blob));
	if (str_eq(r->kind, STR("alias")))
		return is_hex(r->inputs) && !blob ? NULL : bad("an alias names a key, and no blob");
	if (!str_eq(r->kind, STR("run")) && !str_eq(r->kind, STR("copy")))
		return bad("kind is run, copy or alias");
	return blob ? read_blob(j, blob, r) : NULL;
}

static struct err *check_blob(struct blob_store *blobs, const struct record *r)
{
	struct oci_digest d;
	bool found;
	uint64_t size = 0;
	TRY(oci_digest_parse(r->digest, &d));
	TRY(blob_store_stat(blobs, &d, &found, &size));
	if (found && size == r->size)
		return blob_store_flush(blobs); /* a record outlives no blob, whatever fails */
	return err_coded(ERR_CONFLICT, "BLOB_MISSING", "Send the blob first.",
			 "blob " STR_FMT " of %llu bytes is not there", STR_ARG(r->digest),
			 (unsigned long long)r->size);
}

struct err *pipeline_step_cache_put(struct db *db, struct blob_store *blobs, struct str key,
				    json_t *record)
{
	struct record r;
	if (!is_hex(key))
		return bad("a key has 64 hexadecimal digits");
	TRY(read_record(record, &r));
	if (r.has_blob)
		TRY(check_blob(blobs, &r));
	return db_exec(
		db,
		"INSERT INTO step_cache (key, kind, diff_id, blob_digest, media_type, blob_size,"
		" created_ns, inputs, used_ns, programs)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
		" ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, diff_id = excluded.diff_id,"
		" blob_digest = excluded.blob_digest, media_type = excluded.media_type,"
		" blob_size = excluded.blob_size, created_ns = excluded.created_ns,"
		" inputs = excluded.inputs, used_ns = excluded.used_ns, programs = excluded.programs",
		DB_PARAMS(db_text(key), db_text(r.kind),
			  r.has_blob ? db_text(r.diff_id) : db_null(),
			  r.has_blob ? db_text(r.digest) : db_null(),
			  r.has_blob ? db_text(r.type) : db_null(),
			  r.has_blob ? db_int(r.size) : db_null(), db_int(r.created),
			  db_text(r.inputs), db_int(time_now_unix_ns()),
			  r.has_blob && r.programs.p ? db_text(r.programs) : db_null()));
}
