/* Manifests, indexes and image configurations: what is read can be written and read again. */
#include <assert.h>
#include <stdlib.h>

#include "oci/config.h"
#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_document(const struct oci_document *d, char **out, size_t *len)
{
	bool docker = d->media_type && strstr(d->media_type, "docker");
	struct err *e =
		d->kind == OCI_DOCUMENT_INDEX
			? oci_index_write(docker, d->manifests, d->n_manifests, out, len)
			: oci_manifest_write(docker, &d->config, d->layers, d->n_layers, out, len);
	assert(!e);
}

static void try_document(struct str body)
{
	own(arena) a = arena_open(OCI_DOCUMENT_ARENA_BYTES);
	own(arena) a2 = arena_open(OCI_DOCUMENT_ARENA_BYTES);
	own_mem char *text = NULL;
	size_t len;
	struct oci_document d, again;
	struct err *e = oci_document_parse(a, body, STR(""), &d);
	if (!e) {
		write_document(&d, &text, &len);
		assert(!oci_document_parse(a2, str_n(text, len), STR(""), &again));
		assert(again.kind == d.kind && again.n_layers == d.n_layers);
		assert(again.n_manifests == d.n_manifests);
	}
	err_free(e);
}

static void try_config(struct str body)
{
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
	own(arena) a2 = arena_open(OCI_CONFIG_ARENA_BYTES);
	own_mem char *text = NULL, *text2 = NULL;
	size_t len, len2;
	struct oci_config c, again;
	struct err *e = oci_config_parse(a, body, &c);
	if (!e) {
		assert(!oci_config_write(&c, &text, &len));
		assert(!oci_config_parse(a2, str_n(text, len), &again));
		assert(!oci_config_write(&again, &text2, &len2));
		assert(str_eq(str_n(text, len), str_n(text2, len2)));
	}
	err_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = str_n((const char *)data, size);
	if (size > (256 << 10)) /* what is written again is then far below the limits */
		return 0;
	try_document(body);
	try_config(body);
	return 0;
}
