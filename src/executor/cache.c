/* The step cache: what a step's key made before. Records live in the database; the layers are blobs
 * of the store. */
#include "executor/executor_priv.h"

#include <stdlib.h>

#include "base/time.h"

struct sha256_sum exec_key(const struct exec *x, const char *kind,
			   const struct sha256_sum *const *parts, size_t n)
{
	struct sha256 h;
	sha256_init(&h);
	/* What changes the blob of every layer is part of every key. */
	own_mem char *salt = mem_printf("kiln key 1 %s epoch=%lld compression=%d parts=%zu\n", kind,
					x->r->has_epoch ? (long long)x->r->epoch_s : -1,
					(int)x->r->compression, n);
	sha256_update(&h, salt, strlen(salt) + 1);
	for (size_t i = 0; i < n; i++)
		sha256_update(&h, parts[i]->b, sizeof(parts[i]->b));
	struct sha256_sum sum = sha256_final(&h);
	sha256_done(&h);
	return sum;
}

struct key_text {
	char s[2 * SHA256_BYTES + 1];
};

static struct key_text key_text(const struct sha256_sum *key)
{
	struct key_text t;
	hex_encode(key->b, sizeof(key->b), t.s);
	return t;
}

struct record {
	bool found, bad;
	bool alias, empty;
	struct sha256_sum stands_for;
	struct oci_digest diff_id, blob;
	uint64_t size;
	int64_t created_ns;
	bool zstd, plain;
	char *programs; /* owned */
};

static void record_done(struct record *r)
{
	free(r->programs);
}

static bool read_record(void *arg, struct db_row *row)
{
	struct record *r = arg;
	r->found = true;
	r->alias = str_eq(db_row_text(row, 0), STR("alias"));
	if (r->alias) {
		r->bad = !hex_decode(db_row_text(row, 6), r->stands_for.b, sizeof(r->stands_for.b));
		return false;
	}
	r->created_ns = db_row_int(row, 5);
	r->empty = db_row_is_null(row, 1);
	if (r->empty)
		return false;
	struct err *e = oci_digest_parse(db_row_text(row, 1), &r->diff_id);
	if (!e)
		e = oci_digest_parse(db_row_text(row, 2), &r->blob);
	r->bad = e != NULL;
	err_free(e);
	r->zstd = str_eq(db_row_text(row, 3), STR(OCI_TYPE_LAYER_ZSTD));
	r->plain = str_eq(db_row_text(row, 3), STR(OCI_TYPE_LAYER));
	r->size = (uint64_t)db_row_int(row, 4);
	if (!db_row_is_null(row, 7))
		r->programs = str_dup(db_row_text(row, 7));
	return false;
}

static struct err *get(struct exec *x, const struct sha256_sum *key, struct record *r)
{
	*r = (struct record){ .found = false };
	struct key_text text = key_text(key);
	return db_query(
		x->o->db,
		"SELECT kind, diff_id, blob_digest, media_type, blob_size, created_ns, inputs, programs FROM step_cache WHERE key = $1",
		DB_PARAMS(db_cstr(text.s)), read_record, r);
}

struct err *exec_cache_alias(struct exec *x, const struct sha256_sum *alias, bool *found,
			     struct sha256_sum *key)
{
	done(record) r = { .found = false };
	TRY(get(x, alias, &r));
	*found = r.found && r.alias && !r.bad;
	if (*found)
		*key = r.stands_for;
	return NULL;
}

struct err *exec_cache_get(struct exec *x, const struct sha256_sum *key, bool *found,
			   struct exec_layer **out)
{
	done(record) r = { .found = false };
	*found = false;
	TRY(get(x, key, &r));
	if (!r.found || r.bad || r.alias)
		return NULL;
	if (!r.empty) {
		bool there;
		uint64_t size;
		TRY(blob_store_stat(x->o->blobs, &r.blob, &there, &size));
		if (!there || size != r.size)
			return NULL;
	}
	struct exec_layer *l = exec_layer_new(x);
	l->empty = r.empty;
	l->diff_id = r.diff_id;
	l->descriptor = (struct oci_descriptor){
		.media_type = r.zstd    ? OCI_TYPE_LAYER_ZSTD
			      : r.plain ? OCI_TYPE_LAYER
					: OCI_TYPE_LAYER_GZIP,
		.digest = r.blob,
		.size = r.size,
	};
	l->created_unix_ns = r.created_ns;
	l->programs = move(r.programs);
	hold(&x->lock);
	l->made = l->packed = true;
	*found = true;
	*out = l;
	return NULL;
}

static void add_record(struct exec *x, const struct sha256_sum *key, const char *kind, char *inputs,
		       const struct exec_layer *layer)
{
	struct exec_record *r = mem_new(struct exec_record);
	*r = (struct exec_record){ .key = *key, .kind = kind, .inputs = inputs, .layer = layer };
	hold(&x->lock);
	r->next = x->records;
	x->records = r;
}

void exec_cache_put(struct exec *x, const struct sha256_sum *key, const char *kind,
		    const char *inputs, const struct exec_layer *layer)
{
	add_record(x, key, kind, mem_strdup(inputs), layer);
}

void exec_cache_put_alias(struct exec *x, const struct sha256_sum *alias,
			  const struct sha256_sum *key)
{
	add_record(x, alias, "alias", mem_strdup(key_text(key).s), NULL);
}

static struct err *store(struct db_tx *tx, const struct exec_record *r, int64_t now_ns)
{
	static const char sql[] =
		"INSERT INTO step_cache (key, kind, diff_id, blob_digest, media_type, blob_size, created_ns, inputs, used_ns, programs) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
		"ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, diff_id = excluded.diff_id, "
		"blob_digest = excluded.blob_digest, media_type = excluded.media_type, blob_size = excluded.blob_size, "
		"created_ns = excluded.created_ns, inputs = excluded.inputs, used_ns = excluded.used_ns, "
		"programs = excluded.programs";
	struct key_text key = key_text(&r->key);
	const struct exec_layer *l = r->layer;
	bool blob = l && !l->empty;
	struct oci_digest_text diff_id = { "" }, digest = { "" };
	if (blob) {
		diff_id = oci_digest_text(&l->diff_id);
		digest = oci_digest_text(&l->descriptor.digest);
	}
	return db_tx_exec(
		tx, sql,
		DB_PARAMS(db_cstr(key.s), db_cstr(r->kind), blob ? db_cstr(diff_id.s) : db_null(),
			  blob ? db_cstr(digest.s) : db_null(),
			  blob ? db_cstr(l->descriptor.media_type) : db_null(),
			  blob ? db_int(l->descriptor.size) : db_null(),
			  db_int(l ? l->created_unix_ns : now_ns), db_cstr(r->inputs),
			  db_int(now_ns), blob && l->programs ? db_cstr(l->programs) : db_null()));
}

static struct err *store_all(struct exec *x, const struct exec_record *list)
{
	TRY(blob_store_flush(x->o->blobs));
	own(db_tx) tx = NULL;
	TRY(db_tx_begin(x->o->db, &tx));
	int64_t now_ns = time_now_unix_ns();
	for (const struct exec_record *r = list; r; r = r->next)
		TRY(store(tx, r, now_ns));
	return db_tx_commit(tx);
}

/* Takes the records whose layers are packed out of the list. */
static struct exec_record *take_packed(struct exec *x)
{
	struct exec_record *taken = NULL;
	hold(&x->lock);
	for (struct exec_record **at = &x->records; *at;) {
		struct exec_record *r = *at;
		if (r->layer && !r->layer->packed) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = taken;
		taken = r;
	}
	x->last_flush_mono_ms = time_mono_ms();
	return taken;
}

void exec_records_free(struct exec_record *list)
{
	while (list) {
		struct exec_record *next = list->next;
		free(list->inputs);
		free(list);
		list = next;
	}
}

struct err *exec_cache_flush(struct exec *x)
{
	struct exec_record *list = take_packed(x);
	struct err *e = list ? store_all(x, list) : NULL;
	exec_records_free(list);
	return err_wrap(e, "store the build cache");
}
