#include "oci/manifest.h"

#include <stdlib.h>

#include "codec/json.h"
#include "oci/shown_priv.h"

static const char *const document_keys[] = { "schemaVersion", "mediaType", "artifactType",
					     "config",        "layers",    "manifests",
					     "subject",       "fsLayers",  "annotations" };
static const char *const descriptor_keys[] = { "mediaType",   "digest",      "size",
					       "urls",        "data",        "platform",
					       "annotations", "artifactType" };
static const char *const platform_keys[] = { "os",         "architecture", "variant",
					     "os.version", "os.features",  "features" };

bool oci_is_index_type(struct str t)
{
	return str_eq(t, STR(OCI_TYPE_INDEX)) || str_eq(t, STR(DOCKER_TYPE_LIST));
}

bool oci_is_manifest_type(struct str t)
{
	return str_eq(t, STR(OCI_TYPE_MANIFEST)) || str_eq(t, STR(DOCKER_TYPE_MANIFEST));
}

bool oci_is_config_type(struct str t)
{
	return str_eq(t, STR(OCI_TYPE_CONFIG)) || str_eq(t, STR(DOCKER_TYPE_CONFIG));
}

static bool is_schema1_type(struct str t)
{
	return str_eq(t, STR("application/vnd.docker.distribution.manifest.v1+json")) ||
	       str_eq(t, STR("application/vnd.docker.distribution.manifest.v1+prettyjws"));
}

bool oci_is_layer_type(struct str t)
{
	static const char *const roots[] = {
		"application/vnd.oci.image.layer.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar",
	};
	static const char *const tails[] = { "", "+gzip", "+zstd", ".gzip", ".zstd" };
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		for (size_t j = 0; str_starts(t, str_of(roots[i])) && j < ARRAY_LEN(tails); j++)
			if (str_eq(str_skip(t, strlen(roots[i])), str_of(tails[j])))
				return true;
	return false;
}

/* Takes one character off `*s`, folded as Go's encoding/json folds keys: besides A to Z, U+017F is
 * an "s" and U+212A a "k". */
static char next_folded(struct str *s)
{
	static const struct {
		const char *utf8;
		char is;
	} special[] = { { "\xc5\xbf", 's' }, { "\xe2\x84\xaa", 'k' } };
	for (size_t i = 0; i < ARRAY_LEN(special); i++) {
		if (!str_starts(*s, str_of(special[i].utf8)))
			continue;
		*s = str_skip(*s, strlen(special[i].utf8));
		return special[i].is;
	}
	char c = s->p[0];
	*s = str_skip(*s, 1);
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_folded_form(struct str key, struct str known)
{
	while (key.len && known.len)
		if (next_folded(&key) != next_folded(&known))
			return false;
	return !key.len && !known.len;
}

/* Refuses what another reader would take for one of `known` though we do not. */
static struct err *check_keys(json_t *obj, const char *const *known, size_t n)
{
	const char *key;
	json_t *value;
	json_object_foreach(obj, key, value) for (size_t i = 0; i < n; i++) if (
		strcmp(key, known[i]) != 0 &&
		is_folded_form(
			str_of(key),
			str_of(known[i]))) return err_new(ERR_INVALID,
							  "key \"%s\" is \"%s\" but for case",
							  oci_shown(str_of(key)).s, known[i]);
	return NULL;
}

/* Absent and empty text are one: NULL. */
static struct err *get_text(struct arena *a, json_t *obj, const char *key, const char **out)
{
	struct str s = { NULL, 0 };
	TRY(json_get_str(obj, key, &s));
	if (s.len)
		*out = arena_strdup(a, s);
	return NULL;
}

/* Media types go into HTTP headers, so none may hold a line end; SPEC RFC 6838 4.2 */
static struct err *get_media_type(struct arena *a, json_t *obj, const char *key, const char **out)
{
	TRY(get_text(a, obj, key, out));
	size_t len = *out ? strlen(*out) : 0;
	bool ok = len <= LIMIT_NAME_BYTES;
	for (size_t i = 0; ok && i < len; i++)
		ok = (*out)[i] >= ' ' && (*out)[i] <= '~';
	if (ok)
		return NULL;
	return err_new(ERR_INVALID, "\"%s\" is no media type: \"%s\"", key,
		       oci_shown(str_of(*out)).s);
}

static const char *keep_json(struct arena *a, json_t *j)
{
	own_mem char *text = json_text(j);
	return arena_strdup(a, str_of(text));
}

static struct err *get_annotations(struct arena *a, json_t *obj, const char **out)
{
	json_t *map = NULL, *value;
	const char *key;
	TRY(json_get_obj(obj, "annotations", &map));
	json_object_foreach(map, key, value) if (!json_is_string(value)) return err_new(
		ERR_INVALID, "annotation \"%s\" is not a string", oci_shown(str_of(key)).s);
	if (map)
		*out = keep_json(a, map);
	return NULL;
}

static struct err *get_platform(json_t *obj, struct oci_descriptor *d)
{
	json_t *j = NULL;
	struct str os = STR(""), arch = STR(""), variant = STR("");
	TRY(json_get_obj(obj, "platform", &j));
	if (!j)
		return NULL;
	TRY(check_keys(j, platform_keys, ARRAY_LEN(platform_keys)));
	TRY(json_get_str(j, "os", &os));
	TRY(json_get_str(j, "architecture", &arch));
	TRY(json_get_str(j, "variant", &variant));
	d->has_platform = true;
	d->platform = oci_platform_make(os, arch, variant);
	return NULL;
}

static struct err *get_urls(struct arena *a, json_t *obj, struct oci_descriptor *d)
{
	json_t *list = NULL, *url;
	size_t i;
	TRY(json_get_array(obj, "urls", &list));
	json_array_foreach(list, i, url) if (!json_is_string(url)) return err_new(
		ERR_INVALID, "\"urls\" holds what is not a string");
	d->has_urls = json_array_size(list) > 0;
	if (d->has_urls)
		d->urls_json = keep_json(a, list);
	return NULL;
}

static struct err *read_descriptor(struct arena *a, json_t *j, struct oci_descriptor *out)
{
	struct oci_descriptor d = { .size = UINT64_MAX };
	struct str digest = { NULL, 0 };
	if (!json_is_object(j))
		return err_new(ERR_INVALID, "a descriptor must be an object");
	TRY(check_keys(j, descriptor_keys, ARRAY_LEN(descriptor_keys)));
	TRY(get_media_type(a, j, "mediaType", &d.media_type));
	TRY(get_media_type(a, j, "artifactType", &d.artifact_type));
	TRY(json_get_str(j, "digest", &digest));
	TRY(json_get_u64(j, "size", INT64_MAX, &d.size));
	const char *missing = !d.media_type          ? "mediaType"
			      : !digest.p            ? "digest"
			      : d.size == UINT64_MAX ? "size"
						     : NULL;
	if (missing)
		return err_new(ERR_INVALID, "descriptor without \"%s\"", missing);
	TRY(oci_digest_parse(digest, &d.digest));
	TRY(get_platform(j, &d));
	TRY(get_annotations(a, j, &d.annotations_json));
	TRY(get_urls(a, j, &d));
	TRY(get_text(a, j, "data", &d.data));
	*out = d;
	return NULL;
}

/* The list `key`, which must be there. null is an empty one: Go writes its nil slices so. */
static struct err *read_list(struct arena *a, json_t *doc, const char *key, size_t max,
			     struct oci_descriptor **out, size_t *n_out)
{
	json_t *list = NULL;
	if (!json_object_get(doc, key))
		return err_new(ERR_INVALID, "\"%s\" is missing", key);
	TRY(json_get_array(doc, key, &list));
	size_t n = json_array_size(list);
	if (n > max)
		return err_new(ERR_LIMIT, "%zu %s are more than %zu", n, key, max);
	struct oci_descriptor *v = arena_new_array(a, n, struct oci_descriptor);
	for (size_t i = 0; i < n; i++)
		TRY(err_wrap(read_descriptor(a, json_array_get(list, i), &v[i]), "%s[%zu]", key,
			     i));
	*out = v;
	*n_out = n;
	return NULL;
}

static struct err *refuse_schema1(json_t *doc, struct str given, struct str said)
{
	json_t *version = json_object_get(doc, "schemaVersion");
	bool is_1 = json_is_integer(version) && json_integer_value(version) == 1;
	if (is_1 || is_schema1_type(given) || is_schema1_type(said) ||
	    json_object_get(doc, "fsLayers"))
		return err_new(ERR_INVALID, "this is a Docker schema 1 manifest, which is not "
					    "supported: push the image again with a newer client");
	if (!json_is_integer(version) || json_integer_value(version) != 2)
		return err_new(ERR_INVALID, "\"schemaVersion\" is not 2");
	return NULL;
}

/* What the document is by its media type, and in want of one by its members. */
static struct err *find_kind(json_t *doc, struct str type, enum oci_document_kind *out)
{
	bool lists_manifests = json_object_get(doc, "manifests");
	bool has_image = json_object_get(doc, "layers") || json_object_get(doc, "config");
	if (lists_manifests && has_image)
		return err_new(ERR_INVALID, "\"manifests\" stands beside \"layers\" or \"config\"");
	if (type.len && !oci_is_index_type(type) && !oci_is_manifest_type(type))
		return err_new(ERR_INVALID, "media type \"%s\" is no image manifest or index",
			       oci_shown(type).s);
	if (!type.len && !lists_manifests && !has_image)
		return err_new(ERR_INVALID, "neither an image manifest nor an index");
	bool is_index = type.len ? oci_is_index_type(type) : lists_manifests;
	if (is_index && has_image)
		return err_new(ERR_INVALID, "an index with \"layers\" or \"config\"");
	if (!is_index && lists_manifests)
		return err_new(ERR_INVALID, "an image manifest with \"manifests\"");
	*out = is_index ? OCI_DOCUMENT_INDEX : OCI_DOCUMENT_MANIFEST;
	return NULL;
}

static struct err *read_members(struct arena *a, json_t *doc, struct oci_document *d)
{
	json_t *subject = NULL, *config = NULL;
	TRY(get_media_type(a, doc, "artifactType", &d->artifact_type));
	TRY(get_annotations(a, doc, &d->annotations_json));
	TRY(json_get_obj(doc, "subject", &subject));
	d->has_subject = subject;
	if (subject)
		TRY(err_wrap(read_descriptor(a, subject, &d->subject), "subject"));
	if (d->kind == OCI_DOCUMENT_INDEX)
		return read_list(a, doc, "manifests", LIMIT_INDEX_MANIFESTS, &d->manifests,
				 &d->n_manifests);
	TRY(json_get_obj(doc, "config", &config));
	if (!config)
		return err_new(ERR_INVALID, "\"config\" is missing");
	TRY(err_wrap(read_descriptor(a, config, &d->config), "config"));
	return read_list(a, doc, "layers", LIMIT_MANIFEST_LAYERS, &d->layers, &d->n_layers);
}

static struct err *read_document(struct arena *a, json_t *doc, struct str given,
				 struct oci_document *out)
{
	struct oci_document d = { .media_type = NULL };
	if (!json_is_object(doc))
		return err_new(ERR_INVALID, "a manifest must be a JSON object");
	TRY(check_keys(doc, document_keys, ARRAY_LEN(document_keys)));
	TRY(get_media_type(a, doc, "mediaType", &d.media_type));
	struct str said = str_of(d.media_type);
	TRY(refuse_schema1(doc, given, said));
	if (said.len && given.len && !str_eq(said, given))
		return err_new(ERR_INVALID, "the body is of media type \"%s\", but came as \"%s\"",
			       oci_shown(said).s, oci_shown(given).s);
	TRY(find_kind(doc, said.len ? said : given, &d.kind));
	TRY(read_members(a, doc, &d));
	*out = d;
	return NULL;
}

struct err *oci_document_parse(struct arena *a, struct str body, struct str media_type,
			       struct oci_document *out)
{
	own_json doc = NULL;
	if (body.len > LIMIT_MANIFEST_BYTES)
		return err_new(ERR_LIMIT, "manifest of %zu bytes is longer than %zu", body.len,
			       LIMIT_MANIFEST_BYTES);
	TRY(err_wrap(json_read(body, &doc), "manifest"));
	return err_wrap(read_document(a, doc, media_type, out), "manifest");
}

static void add_member(struct buf *b, const char *key, const char *text)
{
	if (!text)
		return;
	buf_printf(b, ",\"%s\":", key);
	json_add_str(b, str_of(text));
}

static void add_platform(struct buf *b, const struct oci_platform *p)
{
	buf_add(b, STR(",\"platform\":{\"architecture\":"));
	json_add_str(b, str_of(p->arch));
	add_member(b, "os", p->os);
	add_member(b, "variant", p->variant[0] ? p->variant : NULL);
	buf_add_c(b, '}');
}

static void add_descriptor(struct buf *b, const struct oci_descriptor *d)
{
	buf_add(b, STR("{\"mediaType\":"));
	json_add_str(b, str_of(d->media_type));
	add_member(b, "digest", oci_digest_text(&d->digest).s);
	buf_add(b, STR(",\"size\":"));
	buf_add_u64(b, d->size);
	if (d->urls_json)
		buf_printf(b, ",\"urls\":%s", d->urls_json);
	if (d->annotations_json)
		buf_printf(b, ",\"annotations\":%s", d->annotations_json);
	add_member(b, "data", d->data);
	if (d->has_platform)
		add_platform(b, &d->platform);
	add_member(b, "artifactType", d->artifact_type);
	buf_add_c(b, '}');
}

static void add_descriptors(struct buf *b, const struct oci_descriptor *v, size_t n)
{
	buf_add_c(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_c(b, ',');
		add_descriptor(b, &v[i]);
	}
	buf_add_c(b, ']');
}

static void begin_document(struct buf *b, const char *media_type)
{
	buf_init(b, LIMIT_MANIFEST_BYTES);
	buf_add(b, STR("{\"schemaVersion\":2"));
	add_member(b, "mediaType", media_type);
}

struct err *oci_manifest_write(bool docker, const struct oci_descriptor *config,
			       const struct oci_descriptor *layers, size_t n_layers, char **out,
			       size_t *len)
{
	struct buf b;
	begin_document(&b, docker ? DOCKER_TYPE_MANIFEST : OCI_TYPE_MANIFEST);
	buf_add(&b, STR(",\"config\":"));
	add_descriptor(&b, config);
	buf_add(&b, STR(",\"layers\":"));
	add_descriptors(&b, layers, n_layers);
	buf_add_c(&b, '}');
	return buf_finish(&b, out, len);
}

struct err *oci_index_write(bool docker, const struct oci_descriptor *manifests, size_t n,
			    char **out, size_t *len)
{
	struct buf b;
	begin_document(&b, docker ? DOCKER_TYPE_LIST : OCI_TYPE_INDEX);
	buf_add(&b, STR(",\"manifests\":"));
	add_descriptors(&b, manifests, n);
	buf_add_c(&b, '}');
	return buf_finish(&b, out, len);
}
