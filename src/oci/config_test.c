#include "oci/config.h"

#include "base/test.h"

#define D "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* What oci_config_write() makes of everything that a configuration can hold. */
static const char whole[] =
	"{\"created\":\"2024-05-06T07:08:09.123456789Z\",\"author\":\"An \\\"A\\\"\","
	"\"architecture\":\"arm\",\"variant\":\"v6\",\"os\":\"linux\",\"config\":{"
	"\"User\":\"1:2\",\"ExposedPorts\":{\"443/tcp\":{},\"80/tcp\":{}},"
	"\"Env\":[\"PATH=/bin\",\"E=\",\"A=b=c\"],\"Entrypoint\":[],\"Cmd\":[\"sh\",\"-c\",\"\"],"
	"\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],\"Interval\":30000000000,"
	"\"Timeout\":1000000,\"StartPeriod\":5000000000,\"StartInterval\":2,\"Retries\":3},"
	"\"Volumes\":{\"/data\":{}},\"WorkingDir\":\"/w\",\"Labels\":{\"a\":\"\",\"b\":\"\xc3\xa4"
	"\"},\"StopSignal\":\"SIGINT\",\"Shell\":[\"/bin/ash\",\"-c\"],"
	"\"OnBuild\":[\"RUN true\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D "\",\"" D
	"\"]},\"history\":[{\"created\":\"1970-01-01T00:00:00Z\",\"created_by\":\"RUN x\","
	"\"author\":\"a\",\"comment\":\"c\"},{\"empty_layer\":true},{}]}";

static struct oci_config parsed(struct arena *a, const char *body)
{
	struct oci_config c = { .created_unix_ns = 0 };
	EXPECT_OK(oci_config_parse(a, str_of(body), &c));
	return c;
}

static void expect_written(const struct oci_config *c, const char *want)
{
	own_mem char *text = NULL;
	size_t len = 0;
	EXPECT_OK(oci_config_write(c, &text, &len));
	EXPECT_STR(str_n(text, len), want);
}

TEST(a_whole_config_comes_back_as_it_was)
{
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
	struct oci_config c = parsed(a, whole);
	EXPECT_STR(str_of(oci_platform_text(&c.platform).s), "linux/arm/v6");
	EXPECT(c.created_unix_ns == 1714979289123456789);
	EXPECT_STR(str_of(c.author), "An \"A\"");
	EXPECT_STR(str_of(c.user), "1:2");
	EXPECT_STR(str_of(oci_map_get(&c.env, "A")), "b=c");
	EXPECT(c.entrypoint.set && c.entrypoint.n == 0 && c.cmd.n == 3);
	EXPECT(c.exposed_ports.n == 2 && c.volumes.n == 1 && c.labels.n == 2);
	EXPECT(c.has_healthcheck && c.healthcheck.interval_ns == 30000000000);
	EXPECT(c.healthcheck.timeout_ns == 1000000 && c.healthcheck.retries == 3);
	EXPECT(c.healthcheck.start_period_ns == 5000000000 && c.healthcheck.test.n == 2);
	EXPECT(c.healthcheck.start_interval_ns == 2);
	EXPECT(c.n_diff_ids == 2 && c.n_history == 3);
	EXPECT(c.history[0].created_unix_ns == 0 && c.history[1].created_unix_ns == INT64_MIN);
	EXPECT(c.history[1].empty_layer && !c.history[2].empty_layer);
	EXPECT(!c.history[2].created_by);
	expect_written(&c, whole);
}

TEST(absent_null_and_empty_lists)
{
	static const struct {
		const char *cmd;
		bool set;
		const char *written;
	} rows[] = {
		{ "{}", false, "{}" },
		{ "null", false, "{}" },
		{ "{\"Cmd\":null,\"Volumes\":null,\"Env\":null,\"Labels\":null}", false, "{}" },
		{ "{\"Cmd\":[],\"Volumes\":{}}", true, "{\"Cmd\":[],\"Volumes\":{}}" },
		{ "{\"Env\":[],\"Labels\":{},\"Healthcheck\":null,\"User\":\"\"}", false, "{}" },
		{ "{\"Cmd\":null,\"Healthcheck\":{}}", false, "{\"Healthcheck\":{}}" },
		{ "{\"Env\":[\"A\",\"B=\",\"A=2\",\"=x\"]}", false,
		  "{\"Env\":[\"A=2\",\"B=\",\"=x\"]}" },
		{ "{\"Labels\":{\"z\":\"1\",\"a\":\"2\",\"Z\":\"3\"}}", false,
		  "{\"Labels\":{\"Z\":\"3\",\"a\":\"2\",\"z\":\"1\"}}" },
		{ "{\"ExposedPorts\":{\"9/udp\":{\"x\":1},\"10/tcp\":null}}", false,
		  "{\"ExposedPorts\":{\"10/tcp\":{},\"9/udp\":{}}}" },
		{ "{\"Hostname\":\"h\",\"ArgsEscaped\":true,\"Unknown\":[{}]}", false, "{}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
		own_mem char *body = mem_printf("{\"os\":\"linux\",\"architecture\":\"amd64\","
						"\"config\":%s}",
						rows[i].cmd);
		own_mem char *want = mem_printf("{\"architecture\":\"amd64\",\"os\":\"linux\","
						"\"config\":%s,\"rootfs\":{\"type\":\"layers\","
						"\"diff_ids\":[]},\"history\":[]}",
						rows[i].written);
		struct oci_config c = parsed(a, body);
		EXPECT(c.cmd.set == rows[i].set && c.volumes.set == rows[i].set);
		expect_written(&c, want);
	}
}

TEST(times_that_mean_none_are_absent)
{
	static const char *const rows[] = {
		"{}",
		"{\"created\":null}",
		"{\"created\":\"\"}",
		"{\"created\":\"0001-01-01T00:00:00Z\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
		struct oci_config c = parsed(a, rows[i]);
		EXPECT(c.created_unix_ns == INT64_MIN);
	}
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
	struct oci_config c = parsed(a, "{\"created\":\"2015-10-31T23:22:56.01+01:00\"}");
	EXPECT(c.created_unix_ns == 1446330176010000000);
}

TEST(configs_that_are_refused)
{
	static const struct {
		const char *body, *says;
	} rows[] = {
		{ "", "JSON" },
		{ "[]", "object" },
		{ "\"x\"", "object" },
		{ "{}x", "JSON" },
		{ "{\"os\":1}", "os" },
		{ "{\"os\":\"a\",\"os\":\"b\"}", "JSON" },
		{ "{\"architecture\":[]}", "architecture" },
		{ "{\"variant\":{}}", "variant" },
		{ "{\"author\":1}", "author" },
		{ "{\"created\":\"yesterday\"}", "\"created\" is no time" },
		{ "{\"created\":\"2024-13-01T00:00:00Z\"}", "\"created\" is no time" },
		{ "{\"created\":1}", "created" },
		{ "{\"config\":[]}", "config" },
		{ "{\"config\":{\"User\":0}}", "User" },
		{ "{\"config\":{\"Cmd\":\"sh\"}}", "Cmd" },
		{ "{\"config\":{\"Cmd\":[1]}}", "Cmd" },
		{ "{\"config\":{\"Cmd\":[null]}}", "Cmd" },
		{ "{\"config\":{\"Cmd\":[\"a\\u0000b\"]}}", "JSON" },
		{ "{\"config\":{\"Env\":{\"A\":\"b\"}}}", "Env" },
		{ "{\"config\":{\"Env\":[1]}}", "Env" },
		{ "{\"config\":{\"Labels\":[]}}", "Labels" },
		{ "{\"config\":{\"Labels\":{\"a\":1}}}", "Labels" },
		{ "{\"config\":{\"Volumes\":[\"/a\"]}}", "Volumes" },
		{ "{\"config\":{\"ExposedPorts\":{\"80/tcp\":1}}}", "ExposedPorts" },
		{ "{\"config\":{\"Healthcheck\":[]}}", "Healthcheck" },
		{ "{\"config\":{\"Healthcheck\":{\"Interval\":\"30s\"}}}", "Interval" },
		{ "{\"config\":{\"Healthcheck\":{\"Timeout\":-1}}}", "Timeout" },
		{ "{\"config\":{\"Healthcheck\":{\"Retries\":1.5}}}", "Retries" },
		{ "{\"config\":{\"Healthcheck\":{\"Test\":\"x\"}}}", "Test" },
		{ "{\"rootfs\":[]}", "rootfs" },
		{ "{\"rootfs\":{\"type\":\"zip\"}}", "unknown type \"zip\"" },
		{ "{\"rootfs\":{\"diff_ids\":{}}}", "diff_ids" },
		{ "{\"rootfs\":{\"diff_ids\":[\"" D "\",\"x\"]}}", "diff_ids[1]" },
		{ "{\"rootfs\":{\"diff_ids\":[1]}}", "diff_ids[0]" },
		{ "{\"history\":{}}", "history" },
		{ "{\"history\":[1]}", "history[0]" },
		{ "{\"history\":[{},{\"empty_layer\":1}]}", "history[1]" },
		{ "{\"history\":[{\"created\":\"x\"}]}", "created" },
		{ "{\"history\":[{\"created_by\":[]}]}", "created_by" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
		struct oci_config c = { .n_history = 99 };
		EXPECT_ERR(oci_config_parse(a, str_of(rows[i].body), &c), ERR_INVALID,
			   rows[i].says);
		EXPECT(c.n_history == 99);
	}
}

static char *repeated(const char *start, size_t n, const char *item, const char *end)
{
	struct buf b;
	buf_init(&b, 2 * LIMIT_CONFIG_BYTES);
	buf_add(&b, str_of(start));
	for (size_t i = 0; i < n; i++) {
		buf_add(&b, i ? STR(",") : STR(""));
		buf_add(&b, str_of(item));
	}
	buf_add(&b, str_of(end));
	return buf_steal(&b);
}

TEST(lists_are_bounded)
{
	static const struct {
		const char *start, *item, *end;
		size_t max;
	} rows[] = {
		{ "{\"config\":{\"Cmd\":[", "\"\"", "]}}", LIMIT_CONFIG_ITEMS },
		{ "{\"config\":{\"Env\":[", "\"A=\"", "]}}", LIMIT_CONFIG_ENV },
		{ "{\"rootfs\":{\"diff_ids\":[", "\"" D "\"", "]}}", LIMIT_MANIFEST_LAYERS },
		{ "{\"history\":[", "{\"author\":\"a\"}", "]}", LIMIT_CONFIG_HISTORY },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
		own(arena) a2 = arena_open(OCI_CONFIG_ARENA_BYTES);
		own_mem char *fits =
			repeated(rows[i].start, rows[i].max, rows[i].item, rows[i].end);
		own_mem char *over =
			repeated(rows[i].start, rows[i].max + 1, rows[i].item, rows[i].end);
		struct oci_config c;
		EXPECT_OK(oci_config_parse(a, str_of(fits), &c));
		EXPECT_ERR(oci_config_parse(a2, str_of(over), &c), ERR_LIMIT, "too long");
	}
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
	own_mem char *long_body = repeated("{\"x\":[", LIMIT_CONFIG_BYTES / 3, "\"\"", "]}");
	struct oci_config c;
	EXPECT_ERR(oci_config_parse(a, str_of(long_body), &c), ERR_LIMIT, "longer");
}

TEST(the_longest_variable_fits_the_arena)
{
	own_mem char *body = mem_zalloc(LIMIT_CONFIG_BYTES + 1);
	static const char start[] = "{\"config\":{\"Env\":[\"", end[] = "\"]}}";
	memset(body, 'A', LIMIT_CONFIG_BYTES);
	memcpy(body, start, strlen(start));
	memcpy(body + LIMIT_CONFIG_BYTES - strlen(end), end, strlen(end));
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
	struct oci_config c = parsed(a, body);
	EXPECT(c.env.n == 1);
	EXPECT_STR(str_of(c.env.v[0].value), "");
}

TEST(maps_keep_the_order_of_first_setting)
{
	own(arena) a = arena_open(1 << 20);
	struct oci_map m = { .n = 0 };
	for (size_t i = 0; i < 100; i++)
		oci_map_set(a, &m, arena_printf(a, "k%zu", i), "old");
	oci_map_set(a, &m, "k3", "new");
	EXPECT(m.n == 100);
	EXPECT_STR(str_of(m.v[3].value), "new");
	EXPECT_STR(str_of(oci_map_get(&m, "k3")), "new");
	EXPECT_STR(str_of(oci_map_get(&m, "k99")), "old");
	EXPECT(!oci_map_get(&m, "k"));
}

TEST(sets_are_written_sorted_and_once)
{
	own(arena) a = arena_open(1 << 20);
	struct oci_config c = { .created_unix_ns = INT64_MIN };
	oci_strings_add(a, &c.volumes, "/b");
	oci_strings_add(a, &c.volumes, "/a");
	oci_strings_add(a, &c.volumes, "/b");
	EXPECT(c.volumes.set);
	expect_written(&c, "{\"architecture\":\"\",\"os\":\"\",\"config\":{\"Volumes\":{"
			   "\"/a\":{},\"/b\":{}}},\"rootfs\":{\"type\":\"layers\","
			   "\"diff_ids\":[]},\"history\":[]}");
}

TEST(a_copy_grows_apart)
{
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
	struct oci_config from = parsed(a, whole), to;
	struct oci_digest d = oci_digest_of_bytes("x", 1);
	struct oci_history h = { .created_unix_ns = INT64_MIN };
	/* Room at the end of the lists, so that a shared array would show. */
	oci_strings_add(a, &from.cmd, "more");
	oci_map_set(a, &from.env, "MORE", "1");
	oci_config_add_diff_id(a, &from, &d);
	oci_config_add_history(a, &from, &h);
	own_mem char *before = NULL, *after = NULL;
	size_t len;
	EXPECT_OK(oci_config_write(&from, &before, &len));
	oci_config_copy(a, &from, &to);
	expect_written(&to, before);

	struct oci_strings *lists[] = { &to.entrypoint,      &to.cmd,     &to.shell,
					&to.on_build,        &to.volumes, &to.exposed_ports,
					&to.healthcheck.test };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		oci_strings_add(a, lists[i], "copy");
		lists[i]->v[0] = "changed";
	}
	oci_map_set(a, &to.env, "PATH", "changed");
	oci_map_set(a, &to.env, "NEW", "");
	oci_map_set(a, &to.labels, "a", "changed");
	to.diff_ids[0] = d;
	to.history[0] = h;
	oci_config_add_diff_id(a, &to, &d);
	oci_config_add_history(a, &to, &h);
	EXPECT_OK(oci_config_write(&from, &after, &len));
	EXPECT_STR(str_of(after), before);
}

TEST(the_same_bytes_for_the_same_content)
{
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
	struct oci_config x = parsed(a, "{\"os\":\"linux\",\"architecture\":\"aarch64\",\"config\":"
					"{\"Labels\":{\"b\":\"2\",\"a\":\"1\"},\"Volumes\":"
					"{\"/y\":{},\"/x\":{}}}}");
	struct oci_config y = parsed(a, "{\"config\":{\"Volumes\":{\"/x\":{},\"/y\":{}},\"Labels\":"
					"{\"a\":\"1\",\"b\":\"2\"}},\"variant\":\"v8\","
					"\"architecture\":\"arm64\",\"os\":\"linux\"}");
	own_mem char *text = NULL;
	size_t len;
	EXPECT_OK(oci_config_write(&x, &text, &len));
	expect_written(&y, text);
}
