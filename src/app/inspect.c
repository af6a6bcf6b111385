#include "app/inspect.h"

#include <stdlib.h>

#include "app/client.h"
#include "app/exit.h"
#include "app/store.h"
#include "base/fd.h"
#include "base/limits.h"
#include "codec/json.h"
#include "oci/config.h"
#include "oci/reference.h"

struct inspect {
	const struct invocation *in;
	struct arena *a;
	struct app_store *store;
	struct registry_client *registry;
	struct oci_reference ref;
	bool local;
	struct buf out;
};

/* --- documents ------------------------------------------------------------------------------ */

static struct err *read_blob(struct inspect *i, const struct oci_digest *d, size_t max,
			     struct str *body)
{
	own_mem char *bytes = NULL;
	size_t len;
	TRY(blob_store_read(i->store->blobs, d, max, &bytes, &len));
	*body = arena_str(i->a, str_n(bytes, len));
	return NULL;
}

static struct err *find_top(struct inspect *i, struct registry_manifest *top)
{
	struct str text = str_of(i->in->args[0]);
	struct oci_reference local;
	struct catalog_manifest m;
	TRY(oci_reference_parse_local(text, &local));
	own_mem char *name =
		mem_printf("%s%s%s", local.host, local.host[0] ? "/" : "", local.repository);
	if (local.has_digest)
		TRY(catalog_manifest_get(i->store->catalog, str_of(name), &local.digest, &i->local,
					 &m));
	else
		TRY(catalog_tag_get(i->store->catalog, str_of(name), str_of(local.tag), &i->local,
				    &m));
	if (!i->local)
		return err_wrap(registry_get_manifest(i->registry, i->a, &i->ref, top),
				"%s is not in the data directory", i->in->args[0]);
	top->descriptor =
		(struct oci_descriptor){ .media_type = arena_strdup(i->a, str_of(m.media_type)),
					 .digest = m.digest,
					 .size = m.size };
	return read_blob(i, &m.digest, LIMIT_MANIFEST_BYTES, &top->body);
}

static struct err *read_document(struct inspect *i, const struct oci_descriptor *d,
				 struct oci_document *doc)
{
	struct registry_manifest m;
	if (i->local) {
		TRY(read_blob(i, &d->digest, LIMIT_MANIFEST_BYTES, &m.body));
	} else {
		struct oci_reference ref = i->ref;
		ref.has_digest = true;
		ref.digest = d->digest;
		TRY(registry_get_manifest(i->registry, i->a, &ref, &m));
	}
	return oci_document_parse(i->a, m.body, str_of(d->media_type), doc);
}

static struct err *platform_of(struct inspect *i, const struct oci_document *doc,
			       struct oci_platform *p)
{
	struct oci_config config;
	struct str body;
	if (!i->local)
		TRY(registry_fetch_blob(i->registry, &i->ref, &doc->config, i->store->blobs, NULL,
					NULL));
	TRY(read_blob(i, &doc->config.digest, LIMIT_CONFIG_BYTES, &body));
	TRY(oci_config_parse(i->a, body, &config));
	*p = config.platform;
	return NULL;
}

/* --- for people ----------------------------------------------------------------------------- */

static void add_size(struct buf *b, uint64_t n)
{
	if (n < 100000)
		buf_printf(b, "%.1f kB", (double)n / 1e3);
	else
		buf_printf(b, "%.1f MB", (double)n / 1e6);
}

static uint64_t total_size(const struct oci_descriptor *d, const struct oci_document *doc)
{
	uint64_t n = d->size + doc->config.size;
	for (size_t k = 0; k < doc->n_layers; k++)
		n += doc->layers[k].size;
	return n;
}

static void text_manifest(struct inspect *i, const struct oci_descriptor *d,
			  const struct oci_platform *p, const struct oci_document *doc)
{
	buf_printf(&i->out, "\n%-14s %s  ", p ? oci_platform_text(p).s : "artifact",
		   oci_digest_text(&d->digest).s);
	add_size(&i->out, total_size(d, doc));
	buf_printf(&i->out, "\n  config       %s  ", oci_digest_text(&doc->config.digest).s);
	add_size(&i->out, doc->config.size);
	for (size_t k = 0; k < doc->n_layers; k++) {
		buf_printf(&i->out, "\n  layer %-6zu %s  ", k + 1,
			   oci_digest_text(&doc->layers[k].digest).s);
		add_size(&i->out, doc->layers[k].size);
	}
	buf_add_c(&i->out, '\n');
}

/* --- for programs --------------------------------------------------------------------------- */

static void json_descriptor(struct inspect *i, const struct oci_descriptor *d)
{
	buf_add(&i->out, STR("{\"mediaType\":"));
	json_add_str(&i->out, str_of(d->media_type));
	buf_printf(&i->out, ",\"digest\":\"%s\",\"size\":%llu}", oci_digest_text(&d->digest).s,
		   (unsigned long long)d->size);
}

static void json_manifest(struct inspect *i, const struct oci_descriptor *d,
			  const struct oci_platform *p, const struct oci_document *doc, bool first)
{
	buf_printf(&i->out, "%s{\"platform\":", first ? "" : ",");
	json_add_str(&i->out, str_of(p ? oci_platform_text(p).s : ""));
	buf_add(&i->out, STR(",\"manifest\":"));
	json_descriptor(i, d);
	buf_printf(&i->out,
		   ",\"totalSize\":%llu,\"config\":", (unsigned long long)total_size(d, doc));
	json_descriptor(i, &doc->config);
	buf_add(&i->out, STR(",\"layers\":["));
	for (size_t k = 0; k < doc->n_layers; k++) {
		if (k)
			buf_add_c(&i->out, ',');
		json_descriptor(i, &doc->layers[k]);
	}
	buf_add(&i->out, STR("]}"));
}

/* --- the command ---------------------------------------------------------------------------- */

static struct err *show_manifest(struct inspect *i, const struct oci_descriptor *d, bool json,
				 bool first)
{
	struct oci_document doc;
	struct oci_platform p;
	TRY(read_document(i, d, &doc));
	if (doc.kind != OCI_DOCUMENT_MANIFEST)
		return err_new(ERR_INVALID, "%s is an index inside an index",
			       oci_digest_text(&d->digest).s);
	bool image = !doc.artifact_type;
	if (d->has_platform)
		p = d->platform;
	else if (image)
		TRY(platform_of(i, &doc, &p));
	if (json)
		json_manifest(i, d, image ? &p : NULL, &doc, first);
	else
		text_manifest(i, d, image ? &p : NULL, &doc);
	return NULL;
}

static struct err *show(struct inspect *i)
{
	struct registry_manifest top;
	struct oci_document doc;
	bool json = option_get(i->in, "json") != NULL;
	TRY(find_top(i, &top));
	TRY(oci_document_parse(i->a, top.body, str_of(top.descriptor.media_type), &doc));
	bool index = doc.kind == OCI_DOCUMENT_INDEX;
	if (json) {
		buf_add(&i->out, STR("{\"name\":"));
		json_add_str(&i->out, str_of(i->in->args[0]));
		buf_add(&i->out, STR(",\"descriptor\":"));
		json_descriptor(i, &top.descriptor);
		buf_add(&i->out, STR(",\"platforms\":["));
	} else {
		buf_printf(&i->out, "%s\n%s  %s\n", i->in->args[0],
			   oci_digest_text(&top.descriptor.digest).s, top.descriptor.media_type);
	}
	if (!index)
		TRY(show_manifest(i, &top.descriptor, json, true));
	for (size_t k = 0; k < doc.n_manifests && index; k++)
		TRY(show_manifest(i, &doc.manifests[k], json, k == 0));
	if (json)
		buf_add(&i->out, STR("]}\n"));
	return NULL;
}

static struct err *inspect(struct inspect *i, const char *path)
{
	static const int never = -1;
	TRY(app_store_open(path, &i->store));
	TRY(client_open(i->in, &never, &i->registry));
	TRY(show(i));
	return fd_write_all(1, i->out.p, i->out.len);
}

static struct err *read_words(struct inspect *i)
{
	TRY(app_store_check(i->in));
	TRY(client_check(i->in));
	return oci_reference_parse(str_of(i->in->args[0]), &i->ref);
}

int inspect_command(const struct invocation *in)
{
	own(arena) a = arena_open((size_t)1 << 30);
	own_mem char *path = NULL;
	struct inspect i = { .in = in, .a = a };
	struct err *e = read_words(&i);
	if (e)
		return exit_usage(e);
	buf_init(&i.out, (size_t)64 << 20);
	e = app_store_locate(option_get(in, "data"), &path);
	if (!e)
		e = inspect(&i, path);
	registry_client_free(i.registry);
	app_store_free(i.store);
	buf_done(&i.out);
	return exit_with(e);
}
