#include "oci/manifest.h"

#include "base/test.h"

#define D   "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define D2  "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afe48bb"
#define T   "\"mediaType\":\"a/b\""
#define DSC "{" T ",\"digest\":\"" D "\",\"size\":1}"
#define V2  "\"schemaVersion\":2"
#define CFG "\"config\":" DSC

static struct err *parse(const char *body, const char *type, struct oci_document *d)
{
	own(arena) a = arena_open(OCI_DOCUMENT_ARENA_BYTES);
	return oci_document_parse(a, str_of(body), str_of(type), d);
}

TEST(documents_that_are_fine)
{
	static const struct {
		const char *body, *type;
		enum oci_document_kind kind;
		size_t n;
	} rows[] = {
		{ "{" V2 "," CFG ",\"layers\":[]}", "", OCI_DOCUMENT_MANIFEST, 0 },
		{ "{" V2 "," CFG ",\"layers\":null}", "", OCI_DOCUMENT_MANIFEST, 0 },
		{ "{" V2 "," CFG ",\"layers\":[" DSC "," DSC "]}", OCI_TYPE_MANIFEST,
		  OCI_DOCUMENT_MANIFEST, 2 },
		{ "{" V2 ",\"mediaType\":\"" OCI_TYPE_MANIFEST "\"," CFG ",\"layers\":[" DSC "]}",
		  "", OCI_DOCUMENT_MANIFEST, 1 },
		{ "{" V2 ",\"mediaType\":\"" DOCKER_TYPE_MANIFEST "\"," CFG ",\"layers\":[" DSC
		  "]}",
		  DOCKER_TYPE_MANIFEST, OCI_DOCUMENT_MANIFEST, 1 },
		{ "{" V2 ",\"manifests\":[]}", "", OCI_DOCUMENT_INDEX, 0 },
		{ "{" V2 ",\"manifests\":[" DSC "]}", OCI_TYPE_INDEX, OCI_DOCUMENT_INDEX, 1 },
		{ "{" V2 ",\"mediaType\":\"" DOCKER_TYPE_LIST "\",\"manifests\":[" DSC "]}",
		  DOCKER_TYPE_LIST, OCI_DOCUMENT_INDEX, 1 },
		{ "{" V2 "," CFG ",\"layers\":[],\"subject\":" DSC
		  ",\"artifactType\":\"x/y\",\"annotations\":{\"k\":\"v\"}}",
		  "", OCI_DOCUMENT_MANIFEST, 0 },
		{ "{" V2 "," CFG ",\"layers\":[],\"subject\":null,\"annotations\":null}", "",
		  OCI_DOCUMENT_MANIFEST, 0 },
		{ "{" V2 "," CFG ",\"layers\":[],\"blobs\":[],\"x\":{\"Layers\":1}}", "",
		  OCI_DOCUMENT_MANIFEST, 0 },
		{ "{" V2 "," CFG ",\"layers\":[{" T ",\"digest\":\"" D
		  "\",\"size\":9223372036854775807,\"new\":[1]}]}",
		  "", OCI_DOCUMENT_MANIFEST, 1 },
		{ " \n{" V2 ",\"manifests\":[]}\n ", "", OCI_DOCUMENT_INDEX, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_document d;
		EXPECT_OK(parse(rows[i].body, rows[i].type, &d));
		EXPECT(d.kind == rows[i].kind);
		EXPECT(d.n_layers + d.n_manifests == rows[i].n);
	}
}

TEST(documents_that_are_refused)
{
	static const struct {
		const char *body, *type, *says;
	} rows[] = {
		{ "", "", "JSON" },
		{ "null", "", "object" },
		{ "[]", "", "object" },
		{ "{}", "", "schemaVersion" },
		{ "{" V2 "}", "", "neither" },
		{ "{" V2 "}", OCI_TYPE_INDEX, "\"manifests\" is missing" },
		{ "{" V2 "}", OCI_TYPE_MANIFEST, "\"config\" is missing" },
		{ "{" V2 ",\"layers\":[]}", "", "\"config\" is missing" },
		{ "{" V2 ",\"layers\":[],\"config\":null}", "", "\"config\" is missing" },
		{ "{" V2 "," CFG "}", "", "\"layers\" is missing" },
		{ "{" V2 ",\"manifests\":[]} x", "", "JSON" },
		{ "{\"manifests\":[]}", "", "schemaVersion" },
		{ "{\"schemaVersion\":3,\"manifests\":[]}", "", "schemaVersion" },
		{ "{\"schemaVersion\":\"2\",\"manifests\":[]}", "", "schemaVersion" },
		{ "{\"schemaVersion\":2.0,\"manifests\":[]}", "", "schemaVersion" },
		{ "{\"schemaVersion\":1,\"name\":\"x\",\"fsLayers\":[]}", "", "schema 1" },
		{ "{" V2 ",\"manifests\":[],\"fsLayers\":[]}", "", "schema 1" },
		{ "{\"schemaVersion\":1}",
		  "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1" },
		{ "{" V2 ",\"mediaType\":\"application/vnd.docker.distribution.manifest.v1+json\"}",
		  "", "schema 1" },
		/* type confusion */
		{ "{" V2 "," CFG ",\"layers\":[],\"manifests\":[]}", OCI_TYPE_MANIFEST, "beside" },
		{ "{" V2 ",\"manifests\":[],\"config\":{}}", "", "beside" },
		{ "{" V2 ",\"manifests\":null,\"layers\":null}", "", "beside" },
		{ "{" V2 ",\"manifests\":[]}", OCI_TYPE_MANIFEST, "with \"manifests\"" },
		{ "{" V2 "," CFG ",\"layers\":[]}", OCI_TYPE_INDEX, "an index with" },
		{ "{" V2 ",\"mediaType\":\"" OCI_TYPE_INDEX "\"," CFG ",\"layers\":[]}", "",
		  "an index with" },
		{ "{" V2 ",\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[]}",
		  OCI_TYPE_MANIFEST, "came as" },
		{ "{" V2 ",\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[]}",
		  DOCKER_TYPE_LIST, "came as" },
		{ "{" V2 ",\"manifests\":[]}", "text/html", "\"text/html\" is no image manifest" },
		{ "{" V2 ",\"mediaType\":\"application/vnd.oci.artifact.manifest.v1+json\","
		  "\"blobs\":[]}",
		  "", "is no image manifest" },
		{ "{" V2 ",\"mediaType\":1,\"manifests\":[]}", "", "mediaType" },
		{ "{" V2 ",\"mediaType\":\"a\\nb\",\"manifests\":[]}", "", "media type" },
		/* ambiguous keys */
		{ "{" V2 ",\"manifests\":[],\"manifests\":[]}", "", "JSON" },
		{ "{" V2 ",\"manifests\":[],\"Layers\":[]}", "", "\"layers\" but for case" },
		{ "{" V2 ",\"manifests\":[],\"MANIFESTS\":[]}", "", "\"manifests\" but for case" },
		{ "{" V2 ",\"manifests\":[],\"layer\xc5\xbf\":[]}", "", "\"layers\" but for case" },
		{ "{" V2 ",\"manifests\":[],\"layer\\u017F\":[]}", "", "\"layers\" but for case" },
		{ "{" V2 ",\"manifests\":[],\"fslayers\":[]}", "", "\"fsLayers\" but for case" },
		{ "{" V2 ",\"SchemaVersion\":1,\"manifests\":[]}", "", "but for case" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":1,\"Digest\":\"" D
		  "\"}]}",
		  "", "manifests[0]: key \"Digest\"" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D
		  "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"OS\":\"x\"}}]}",
		  "", "key \"OS\"" },
		/* descriptors */
		{ "{" V2 ",\"manifests\":{}}", "", "manifests" },
		{ "{" V2 ",\"manifests\":[1]}", "", "manifests[0]: a descriptor" },
		{ "{" V2 ",\"manifests\":[null]}", "", "manifests[0]: a descriptor" },
		{ "{" V2 ",\"config\":[],\"layers\":[]}", "", "config" },
		{ "{" V2 "," CFG ",\"layers\":[" DSC ",{}]}", "",
		  "layers[1]: descriptor without \"mediaType\"" },
		{ "{" V2 ",\"manifests\":[{\"digest\":\"" D "\",\"size\":1}]}", "", "mediaType" },
		{ "{" V2 ",\"manifests\":[{" T ",\"size\":1}]}", "", "without \"digest\"" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\"}]}", "", "without \"size\"" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":null}]}", "",
		  "without \"size\"" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"\",\"size\":1}]}", "", "digest" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D2 "\",\"size\":1}]}", "",
		  "digest" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"sha256:../x\",\"size\":1}]}", "",
		  "digest" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":7,\"size\":1}]}", "", "digest" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":-1}]}", "", "size" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":1.5}]}", "",
		  "size" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":1e3}]}", "",
		  "size" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":\"1\"}]}", "",
		  "size" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D
		  "\",\"size\":9223372036854775808}]}",
		  "", "JSON" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":1,\"urls\":\"x\"}]}",
		  "", "urls" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":1,\"urls\":[1]}]}",
		  "", "urls" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":1,\"data\":1}]}", "",
		  "data" },
		{ "{" V2 ",\"manifests\":[{" T ",\"digest\":\"" D "\",\"size\":1,\"platform\":1}]}",
		  "", "platform" },
		{ "{" V2 ",\"manifests\":[],\"subject\":{}}", "", "subject: descriptor without" },
		{ "{" V2 ",\"manifests\":[],\"subject\":[]}", "", "subject" },
		{ "{" V2 ",\"manifests\":[],\"annotations\":[]}", "", "annotations" },
		{ "{" V2 ",\"manifests\":[],\"annotations\":{\"k\":1}}", "", "annotation \"k\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_document d = { .n_layers = 99 };
		EXPECT_ERR(parse(rows[i].body, rows[i].type, &d), ERR_INVALID, rows[i].says);
		EXPECT(d.n_layers == 99);
	}
}

TEST(a_descriptor_keeps_what_it_says)
{
	static const char body[] =
		"{" V2 ",\"annotations\":{\"b\":\"\\u00e4\",\"a\":\"\"},\"artifactType\":\"c/d\","
		"\"manifests\":[{\"mediaType\":\"e/f\",\"digest\":\"" D "\",\"size\":7,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"},"
		"\"artifactType\":\"g/h\",\"annotations\":{\"k\":\"v\"},\"data\":\"eA==\","
		"\"urls\":[\"http://x\"]}," DSC "]}";
	own(arena) a = arena_open(OCI_DOCUMENT_ARENA_BYTES);
	struct oci_document d;
	EXPECT_OK(oci_document_parse(a, STR(body), STR(""), &d));
	EXPECT(!d.media_type && !d.has_subject && d.n_manifests == 2);
	EXPECT_STR(str_of(d.annotations_json), "{\"b\":\"\xc3\xa4\",\"a\":\"\"}");
	EXPECT_STR(str_of(d.artifact_type), "c/d");
	const struct oci_descriptor *m = &d.manifests[0];
	EXPECT_STR(str_of(m->media_type), "e/f");
	EXPECT_STR(str_of(oci_digest_text(&m->digest).s), D);
	EXPECT(m->size == 7 && m->has_platform && m->has_urls);
	EXPECT_STR(str_of(oci_platform_text(&m->platform).s), "linux/arm/v6");
	EXPECT_STR(str_of(m->artifact_type), "g/h");
	EXPECT_STR(str_of(m->annotations_json), "{\"k\":\"v\"}");
	EXPECT_STR(str_of(m->data), "eA==");
	EXPECT_STR(str_of(m->urls_json), "[\"http://x\"]");
	m = &d.manifests[1];
	EXPECT(!m->has_platform && !m->has_urls && !m->artifact_type && !m->annotations_json &&
	       !m->data && !m->urls_json);
}

static char *many(const char *start, size_t n)
{
	struct buf b;
	buf_init(&b, 2 * LIMIT_MANIFEST_BYTES);
	buf_add(&b, str_of(start));
	for (size_t i = 0; i < n; i++)
		buf_add(&b, i ? STR("," DSC) : STR(DSC));
	buf_add(&b, STR("]}"));
	return buf_steal(&b);
}

TEST(counts_and_sizes_are_bounded)
{
	static const struct {
		const char *start;
		size_t max;
	} rows[] = {
		{ "{" V2 "," CFG ",\"layers\":[", LIMIT_MANIFEST_LAYERS },
		{ "{" V2 ",\"manifests\":[", LIMIT_INDEX_MANIFESTS },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_document d;
		own_mem char *fits = many(rows[i].start, rows[i].max);
		own_mem char *over = many(rows[i].start, rows[i].max + 1);
		EXPECT_OK(parse(fits, "", &d));
		EXPECT(d.n_layers + d.n_manifests == rows[i].max);
		EXPECT_ERR(parse(over, "", &d), ERR_LIMIT, "more than");
	}
	struct oci_document d;
	own_mem char *long_body = mem_zalloc(LIMIT_MANIFEST_BYTES + 1);
	memset(long_body, ' ', LIMIT_MANIFEST_BYTES + 1);
	own(arena) a = arena_open(OCI_DOCUMENT_ARENA_BYTES);
	struct str body = str_n(long_body, LIMIT_MANIFEST_BYTES + 1);
	EXPECT_ERR(oci_document_parse(a, body, STR(""), &d), ERR_LIMIT, "longer");
	body.len--;
	memcpy(long_body, "{" V2 ",\"manifests\":[]}", strlen("{" V2 ",\"manifests\":[]}"));
	EXPECT_OK(oci_document_parse(a, body, STR(""), &d));
}

TEST(a_body_full_of_annotations_fits_the_arena)
{
	struct buf b;
	struct oci_document d;
	buf_init(&b, LIMIT_MANIFEST_BYTES);
	buf_add(&b, STR("{" V2 ",\"manifests\":[],\"annotations\":{"));
	for (size_t i = 0; b.len < LIMIT_MANIFEST_BYTES - 20; i++)
		buf_printf(&b, "%s\"%zx\":\"\"", i ? "," : "", i);
	buf_add(&b, STR("}}"));
	EXPECT(!b.over);
	own_mem char *body = buf_steal(&b);
	EXPECT_OK(parse(body, "", &d));
}

static struct oci_descriptor descriptor(const char *type, uint64_t size)
{
	return (struct oci_descriptor){ .media_type = type,
					.digest = oci_digest_of_bytes("", 0),
					.size = size };
}

TEST(manifests_are_written_without_blanks)
{
	struct oci_descriptor config = descriptor(OCI_TYPE_CONFIG, 2);
	struct oci_descriptor layers[] = { descriptor(OCI_TYPE_LAYER_GZIP, 0),
					   descriptor(OCI_TYPE_LAYER, INT64_MAX) };
	own_mem char *text = NULL;
	size_t len;
	struct oci_document d;
	layers[0].urls_json = "[\"http://x\"]";
	EXPECT_OK(oci_manifest_write(false, &config, layers, 2, &text, &len));
	EXPECT_STR(str_n(text, len),
		   "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"config\":"
		   "{\"mediaType\":\"" OCI_TYPE_CONFIG "\",\"digest\":\"" D "\",\"size\":2},"
		   "\"layers\":[{\"mediaType\":\"" OCI_TYPE_LAYER_GZIP "\",\"digest\":\"" D
		   "\",\"size\":0,\"urls\":[\"http://x\"]},{\"mediaType\":\"" OCI_TYPE_LAYER
		   "\",\"digest\":\"" D "\",\"size\":9223372036854775807}]}");
	EXPECT_OK(parse(text, OCI_TYPE_MANIFEST, &d));
	EXPECT(d.n_layers == 2);

	own_mem char *docker = NULL;
	EXPECT_OK(oci_manifest_write(true, &config, NULL, 0, &docker, &len));
	EXPECT_OK(parse(docker, DOCKER_TYPE_MANIFEST, &d));
	EXPECT(d.n_layers == 0);
}

TEST(indexes_are_written_with_platforms)
{
	struct oci_descriptor m[] = { descriptor(OCI_TYPE_MANIFEST, 1),
				      descriptor(OCI_TYPE_MANIFEST, 2) };
	own_mem char *text = NULL;
	size_t len;
	struct oci_document d;
	for (size_t i = 0; i < 2; i++)
		m[i].has_platform = true;
	m[0].platform = oci_platform_make(STR("linux"), STR("amd64"), STR(""));
	m[1].platform = oci_platform_make(STR("linux"), STR("arm"), STR("v6"));
	m[1].annotations_json = "{\"k\":\"v\"}";
	m[1].artifact_type = "a/b";
	EXPECT_OK(oci_index_write(false, m, 2, &text, &len));
	EXPECT_STR(str_n(text, len),
		   "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":["
		   "{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"" D "\",\"size\":1,"
		   "\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}},"
		   "{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"" D "\",\"size\":2,"
		   "\"annotations\":{\"k\":\"v\"},\"platform\":{\"architecture\":\"arm\","
		   "\"os\":\"linux\",\"variant\":\"v6\"},\"artifactType\":\"a/b\"}]}");
	EXPECT_OK(parse(text, OCI_TYPE_INDEX, &d));
	own_mem char *docker = NULL;
	EXPECT_OK(oci_index_write(true, m, 2, &docker, &len));
	EXPECT_OK(parse(docker, DOCKER_TYPE_LIST, &d));
	EXPECT(d.n_manifests == 2);
}

TEST(media_types_are_told_apart)
{
	static const char *const layers[] = {
		OCI_TYPE_LAYER,
		OCI_TYPE_LAYER_GZIP,
		OCI_TYPE_LAYER_ZSTD,
		DOCKER_TYPE_LAYER,
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	};
	static const char *const others[] = {
		"",
		OCI_TYPE_EMPTY,
		OCI_TYPE_CONFIG,
		OCI_TYPE_MANIFEST,
		"application/vnd.oci.image.layer.v1.tar+xz",
		"application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
		"application/vnd.in-toto+json",
	};
	for (size_t i = 0; i < ARRAY_LEN(layers); i++)
		EXPECT(oci_is_layer_type(str_of(layers[i])));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		EXPECT(!oci_is_layer_type(str_of(others[i])));
	EXPECT(oci_is_index_type(STR(OCI_TYPE_INDEX)) && oci_is_index_type(STR(DOCKER_TYPE_LIST)));
	EXPECT(!oci_is_index_type(STR(OCI_TYPE_MANIFEST)));
	EXPECT(oci_is_manifest_type(STR(OCI_TYPE_MANIFEST)) &&
	       oci_is_manifest_type(STR(DOCKER_TYPE_MANIFEST)));
	EXPECT(!oci_is_manifest_type(STR(OCI_TYPE_INDEX)) && !oci_is_manifest_type(STR("")));
}
