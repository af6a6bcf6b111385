/* The step cache: what a step's key made before. Records live in the database; the layers are blobs
 * of the store. */
#include "executor/executor_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
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

struct exec_key_text exec_key_text(const struct sha256_sum *key)
{
	struct exec_key_text t;
	hex_encode(key->b, sizeof(key->b), t.s);
	return t;
}

void executor_record_done(struct executor_record *r)
{
	free(r->inputs);
	free(r->programs);
	r->inputs = r->programs = NULL;
}

/* --- looking up ----------------------------------------------------------------------------- */

struct lookup {
	struct executor_record record;
	bool found, bad;
};

static void lookup_done(struct lookup *l)
{
	executor_record_done(&l->record);
}

const char *executor_layer_type(struct str type)
{
	return str_eq(type, STR(OCI_TYPE_LAYER_ZSTD)) ? OCI_TYPE_LAYER_ZSTD
	       : str_eq(type, STR(OCI_TYPE_LAYER))    ? OCI_TYPE_LAYER
						      : OCI_TYPE_LAYER_GZIP;
}

static bool read_record(void *arg, struct db_row *row)
{
	struct lookup *l = arg;
	struct executor_record *r = &l->record;
	l->found = true;
	r->alias = str_eq(db_row_text(row, 0), STR("alias"));
	if (r->alias) {
		l->bad = !hex_decode(db_row_text(row, 6), r->stands_for.b, sizeof(r->stands_for.b));
		return false;
	}
	r->created_ns = db_row_int(row, 5);
	r->empty = db_row_is_null(row, 1);
	if (r->empty)
		return false;
	struct err *e = oci_digest_parse(db_row_text(row, 1), &r->diff_id);
	if (!e)
		e = oci_digest_parse(db_row_text(row, 2), &r->blob.digest);
	l->bad = e != NULL;
	err_free(e);
	r->blob.media_type = executor_layer_type(db_row_text(row, 3));
	r->blob.size = (uint64_t)db_row_int(row, 4);
	if (!db_row_is_null(row, 7))
		r->programs = str_dup(db_row_text(row, 7));
	return false;
}

static struct err *get_local(struct exec *x, const struct sha256_sum *key, struct lookup *l)
{
	struct exec_key_text text = exec_key_text(key);
	TRY(db_query(
		x->o->db,
		"SELECT kind, diff_id, blob_digest, media_type, blob_size, created_ns, inputs, programs FROM step_cache WHERE key = $1",
		DB_PARAMS(db_cstr(text.s)), read_record, l));
	l->found = l->found && !l->bad;
	if (!l->found || l->record.alias || l->record.empty)
		return NULL;
	bool there;
	uint64_t size;
	TRY(blob_store_stat(x->o->blobs, &l->record.blob.digest, &there, &size));
	l->found = there && size == l->record.blob.size;
	return NULL;
}

/* A server that is away costs what it would have saved, not the build. */
static struct err *get_remote(struct exec *x, const struct sha256_sum *key, struct lookup *l)
{
	const struct executor_remote *r = x->o->remote;
	lookup_done(l);
	*l = (struct lookup){ .found = false };
	struct err *e = r->get(r->arg, key, &l->record, &l->found);
	if (!e || e->kind == ERR_CANCELED)
		return e;
	log_err(LOG_LEVEL_WARN, "the server's cache was not asked", e);
	l->found = false;
	return NULL;
}

static struct err *get(struct exec *x, const struct sha256_sum *key, struct lookup *l, bool *remote)
{
	*l = (struct lookup){ .found = false };
	*remote = false;
	TRY(get_local(x, key, l));
	if (l->found || !x->o->remote)
		return NULL;
	*remote = true;
	return get_remote(x, key, l);
}

struct err *exec_cache_alias(struct exec *x, const struct sha256_sum *alias, bool *found,
			     struct sha256_sum *key)
{
	done(lookup) l;
	bool remote;
	TRY(get(x, alias, &l, &remote));
	*found = l.found && l.record.alias;
	if (*found)
		*key = l.record.stands_for;
	return NULL;
}

struct err *exec_cache_get(struct exec *x, const struct sha256_sum *key, bool *found,
			   struct exec_layer **out)
{
	done(lookup) k;
	bool remote;
	*found = false;
	TRY(get(x, key, &k, &remote));
	struct executor_record *r = &k.record;
	if (!k.found || r->alias)
		return NULL;
	struct exec_layer *l = exec_layer_new(x);
	l->empty = r->empty;
	l->remote = remote && !r->empty;
	l->diff_id = r->diff_id;
	l->descriptor = (struct oci_descriptor){ .media_type = r->blob.media_type,
						 .digest = r->blob.digest,
						 .size = r->blob.size };
	l->created_unix_ns = r->created_ns;
	l->programs = move(r->programs);
	hold(&x->lock);
	l->made = l->packed = true;
	*found = true;
	*out = l;
	return NULL;
}

struct err *exec_layer_fetch(struct exec *x, struct exec_layer *l)
{
	const struct executor_remote *r = x->o->remote;
	mutex_lock(&x->lock);
	bool remote = l->remote;
	mutex_unlock(&x->lock);
	if (!remote)
		return NULL;
	TRY(r->fetch(r->arg, &l->descriptor));
	hold(&x->lock);
	l->remote = false;
	return NULL;
}

/* --- remembering ---------------------------------------------------------------------------- */

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
	add_record(x, alias, "alias", mem_strdup(exec_key_text(key).s), NULL);
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
	struct exec_key_text key = exec_key_text(&r->key);
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
	TRY(exec_why_store(x, tx, now_ns));
	return db_tx_commit(tx);
}

static void share(struct exec *x, const struct exec_record *r)
{
	const struct executor_remote *to = x->o->remote;
	const struct exec_layer *l = r->layer;
	struct executor_record record = { .alias = !l, .empty = l && l->empty };
	snprintf(record.kind, sizeof(record.kind), "%s", r->kind);
	if (!l)
		hex_decode(str_of(r->inputs), record.stands_for.b, sizeof(record.stands_for.b));
	if (l && !l->empty) {
		record.diff_id = l->diff_id;
		record.blob = l->descriptor;
		record.programs = l->programs; /* borrowed */
	}
	record.created_ns = l ? l->created_unix_ns : time_now_unix_ns();
	record.inputs = r->inputs; /* borrowed */
	struct err *e = to->put(to->arg, &r->key, &record);
	if (e && e->kind == ERR_CANCELED)
		err_free(e);
	else if (e)
		log_err(LOG_LEVEL_WARN, "a cache record was not shared", e);
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
	for (const struct exec_record *r = list; r && !e && x->o->remote; r = r->next)
		share(x, r);
	exec_records_free(list);
	return err_wrap(e, "store the build cache");
}
