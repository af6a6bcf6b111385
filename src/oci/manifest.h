/* Descriptors, image manifests and image indexes, OCI's and Docker's schema 2. SPEC image-spec
 * manifest.md, image-index.md
 *
 * Documents from outside are read once; what they are made of lives in the arena. The bytes are
 * kept as they came by whoever stores them: nothing here writes a foreign document again. Rules
 * beyond the specification, because clients in other languages read the same bytes: duplicate keys,
 * keys that equal a known key but for case, `manifests` beside `layers` or `config`, and sizes that
 * are not in 0..2^63-1 are ERR_INVALID. */
#ifndef KILN_OCI_MANIFEST_H
#define KILN_OCI_MANIFEST_H

#include "base/arena.h"
#include "base/limits.h"
#include "oci/digest.h"
#include "oci/platform.h"

#define OCI_TYPE_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_INDEX       "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_CONFIG      "application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define OCI_TYPE_LAYER_GZIP  "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_TYPE_LAYER_ZSTD  "application/vnd.oci.image.layer.v1.tar+zstd"
#define OCI_TYPE_EMPTY       "application/vnd.oci.empty.v1+json"
#define DOCKER_TYPE_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_TYPE_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_TYPE_CONFIG   "application/vnd.docker.container.image.v1+json"
#define DOCKER_TYPE_LAYER    "application/vnd.docker.image.rootfs.diff.tar.gzip"

struct oci_descriptor {
	const char *media_type;
	struct oci_digest digest;
	uint64_t size;
	bool has_platform;
	struct oci_platform platform; /* in an index */
	const char *artifact_type;    /* NULL where absent */
	const char *annotations_json; /* the object as text, NULL where absent */
	bool has_urls;                /* non-distributable: its blob may be absent */
	const char *data;             /* base64 as it came, NULL where absent */
	const char *urls_json;        /* the list as text, NULL where absent or empty */
};

enum oci_document_kind { OCI_DOCUMENT_MANIFEST, OCI_DOCUMENT_INDEX };

struct oci_document {
	enum oci_document_kind kind;
	const char *media_type; /* of the body; NULL where absent */
	const char *artifact_type;
	const char *annotations_json;
	bool has_subject;
	struct oci_descriptor subject;
	/* OCI_DOCUMENT_MANIFEST */
	struct oci_descriptor config;
	struct oci_descriptor *layers;
	size_t n_layers;
	/* OCI_DOCUMENT_INDEX */
	struct oci_descriptor *manifests;
	size_t n_manifests;
};

/* Reads a manifest or index. `media_type` is what came with it (Content-Type without parameters;
 * empty: unknown): when the body says another it is ERR_INVALID. Schema 1 is ERR_INVALID and says
 * so. ERR_LIMIT above LIMIT_MANIFEST_BYTES, LIMIT_MANIFEST_LAYERS and LIMIT_INDEX_MANIFESTS. Takes
 * at most OCI_DOCUMENT_ARENA_BYTES of the arena. */
#define OCI_DOCUMENT_ARENA_BYTES (LIMIT_MANIFEST_BYTES + ((size_t)1 << 20))
struct err *oci_document_parse(struct arena *a, struct str body, struct str media_type,
			       struct oci_document *out);
bool oci_is_index_type(struct str media_type);    /* OCI index or Docker list */
bool oci_is_manifest_type(struct str media_type); /* OCI or Docker image manifest */
bool oci_is_config_type(struct str media_type);   /* OCI or Docker image configuration */
bool oci_is_layer_type(
	struct str media_type); /* any tar layer, gzip, zstd or plain; foreign ones too */

/* Writes a manifest without blanks. `docker` chooses Docker's media type. The caller frees `*out`.
 */
struct err *oci_manifest_write(bool docker, const struct oci_descriptor *config,
			       const struct oci_descriptor *layers, size_t n_layers, char **out,
			       size_t *len);
struct err *oci_index_write(bool docker, const struct oci_descriptor *manifests, size_t n,
			    char **out, size_t *len);

#endif
