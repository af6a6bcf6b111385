/* What is told of what happened: bodies and signatures by vectors, the waits, and that a
 * notification is there exactly when its cause is. Requests are in
 * tests/integration/test_endpoints.py. */
#include "pipeline/tell_priv.h"

#include "base/limits.h"
#include "pipeline/test_priv.h"

#define SHA  "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA2 "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

/* ---- bodies ---- */

static const char *const two_tags[] = { "1.2", "latest" };

static struct pipeline_record a_build(void)
{
	return (struct pipeline_record){
		.b = { .id = "0a1b",
		       .seq = 12,
		       .repository = "demo/app",
		       .trigger = "PUSH",
		       .actor = "mina",
		       .ref = "refs/heads/a<b>&c",
		       .commit = "0123456789abcdef0123456789abcdef01234567",
		       .tags = two_tags,
		       .n_tags = 2,
		       .status = PIPELINE_SUCCESS,
		       .digest = SHA,
		       .created_ns = 1700000000000000000,
		       .started_ns = 1700000001500000000,
		       .ended_ns = 1700000009000000000 },
		.jobs = { { .platform = "linux/amd64", .state = JOB_DONE, .digest = SHA2 },
			  { .platform = "linux/arm64", .state = JOB_FAILED } },
		.n_jobs = 2,
	};
}

static void expect_body(const struct pipeline_notice *n, enum pipeline_format f, const char *want)
{
	own_mem char *body = pipeline_notice_body(n, f, "whn-1");
	EXPECT_STR(str_of(body), want);
}

TEST(a_build_is_a_cloudevent)
{
	struct pipeline_record r = a_build();
	struct pipeline_notice n = { .news = NEWS_BUILD_SUCCEEDED,
				     .repository = "demo/app",
				     .external_url = "https://kiln.example:8443/kiln",
				     .time_ns = 1700000009123456789,
				     .build = &r };
	expect_body(
		&n, PIPELINE_CLOUDEVENTS,
		"{\"specversion\":\"1.0\",\"id\":\"whn-1\",\"source\":"
		"\"https://kiln.example:8443/kiln/api/v1/repositories/demo%2Fapp\","
		"\"type\":\"kiln.build.succeeded\",\"subject\":\"0a1b\","
		"\"time\":\"2023-11-14T22:13:29Z\",\"datacontenttype\":\"application/json\","
		"\"data\":{\"repository\":\"demo/app\",\"build\":{\"id\":\"0a1b\",\"number\":12,"
		"\"status\":\"SUCCESS\",\"trigger\":\"PUSH\",\"actor\":\"mina\","
		"\"ref\":\"refs/heads/a<b>&c\","
		"\"commit\":\"0123456789abcdef0123456789abcdef01234567\","
		"\"tags\":[\"1.2\",\"latest\"],\"digest\":\"" SHA "\",\"platforms\":["
		"{\"platform\":\"linux/amd64\",\"state\":\"done\",\"digest\":\"" SHA2 "\"},"
		"{\"platform\":\"linux/arm64\",\"state\":\"failed\",\"digest\":null}],"
		"\"error\":null,\"canceledBy\":null,\"createdAt\":\"2023-11-14T22:13:20Z\","
		"\"startedAt\":\"2023-11-14T22:13:21Z\",\"endedAt\":\"2023-11-14T22:13:29Z\"},"
		"\"pull\":\"kiln.example:8443/demo/app@" SHA "\","
		"\"url\":\"https://kiln.example:8443/kiln/b/0a1b\"}}");
	EXPECT_STR(str_of(pipeline_notice_type(PIPELINE_CLOUDEVENTS)),
		   "application/cloudevents+json");
}

TEST(a_tag_is_a_cloudevent_without_links_where_the_address_is_not_known)
{
	struct pipeline_notice n = { .news = NEWS_TAG_DELETED,
				     .repository = "demo/app",
				     .time_ns = 1700000009000000000,
				     .tag = "latest",
				     .digest = SHA };
	expect_body(&n, PIPELINE_CLOUDEVENTS,
		    "{\"specversion\":\"1.0\",\"id\":\"whn-1\","
		    "\"source\":\"/api/v1/repositories/demo%2Fapp\","
		    "\"type\":\"kiln.tag.deleted\",\"subject\":\"latest\","
		    "\"time\":\"2023-11-14T22:13:29Z\",\"datacontenttype\":\"application/json\","
		    "\"data\":{\"repository\":\"demo/app\",\"tag\":{\"name\":\"latest\","
		    "\"digest\":\"" SHA "\"},\"pull\":null,\"url\":null}}");
	n.external_url = "https://kiln.example";
	n.news = NEWS_TAG_WRITTEN;
	own_mem char *body = pipeline_notice_body(&n, PIPELINE_CLOUDEVENTS, "whn-1");
	EXPECT(strstr(body, "\"pull\":\"kiln.example/demo/app@" SHA "\""));
	EXPECT(strstr(body, "\"url\":\"https://kiln.example/repositories/demo/app/-/versions/"
			    "latest\""));
}

TEST(a_line_of_chat_is_no_markup)
{
	struct pipeline_record r = a_build();
	struct pipeline_notice n = { .news = NEWS_BUILD_SUCCEEDED,
				     .repository = "demo/app",
				     .external_url = "https://kiln.example",
				     .build = &r };
	expect_body(&n, PIPELINE_SLACK,
		    "{\"text\":\"demo/app: build 12 of a&lt;b&gt;&amp;c (0123456789ab) succeeded: "
		    "1.2, latest\\nhttps://kiln.example/b/0a1b\"}");
	r.b.error_code = "RUN_EXIT";
	r.b.error_text = "linux/amd64: <!channel> exited with 2";
	n.external_url = NULL;
	n.news = NEWS_BUILD_FAILED;
	expect_body(&n, PIPELINE_SLACK,
		    "{\"text\":\"demo/app: build 12 of a&lt;b&gt;&amp;c (0123456789ab) failed: "
		    "linux/amd64: &lt;!channel&gt; exited with 2 (RUN_EXIT)\"}");
	r.b.canceled_by = "mina";
	n.news = NEWS_BUILD_CANCELED;
	expect_body(
		&n, PIPELINE_SLACK,
		"{\"text\":\"demo/app: build 12 of a&lt;b&gt;&amp;c (0123456789ab) was canceled "
		"by mina\"}");
	n = (struct pipeline_notice){
		.news = NEWS_TAG_WRITTEN, .repository = "demo/app", .tag = "latest", .digest = SHA
	};
	expect_body(&n, PIPELINE_SLACK,
		    "{\"text\":\"demo/app: tag latest is sha256:e3b0c44298fc\"}");
	EXPECT_STR(str_of(pipeline_notice_type(PIPELINE_SLACK)), "application/json");
}

TEST(a_long_error_is_cut_between_characters)
{
	char text[1001];
	struct pipeline_record r = a_build();
	struct pipeline_notice n = { .news = NEWS_BUILD_FAILED,
				     .repository = "demo/app",
				     .build = &r };
	for (size_t i = 0; i < 1000; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[0] = 'x'; /* so that the bound is in a character */
	text[1] = 'x';
	text[1000] = 0;
	memmove(text + 1, text, 999);
	r.b.error_text = text;
	r.b.error_code = "X";
	own_mem char *body = pipeline_notice_body(&n, PIPELINE_SLACK, "whn-1");
	EXPECT(str_is_utf8(str_of(body)) && strlen(body) < 700 && strstr(body, " (X)\""));
}

/* ---- signatures ---- */

/* Made with: openssl dgst -sha256 -mac HMAC -macopt hexkey:000102… -binary | base64 */
TEST(signatures_are_those_of_standard_webhooks)
{
	static const struct {
		const char *secret, *want;
	} v[] = {
		{ "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		  "v1,tGUSVJJGXFUk4bvrQvqH4yj8iguqj9OauGIC6/7Tq7U=" },
		{ "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
		  "v1,zgkchV3//nE0FZV5M0fWOvNBZcAk22kgbO4Kr3HEypo=" },
		{ "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==",
		  "v1,7EHod6lzEAKmwc9DFtV4Nnb2Q2ab5z//8xmKDSiTEg8=" },
	};
	struct pipeline_signature s;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		EXPECT_OK(pipeline_sign(str_of(v[i].secret), "whn-0123456789abcdef", 1700000000,
					STR("{\"text\":\"hello\"}"), &s));
		EXPECT_STR(str_of(s.s), v[i].want);
	}
	EXPECT_ERR(pipeline_sign(STR("whsec_"), "x", 1, STR(""), &s), ERR_CORRUPT, NULL);
	EXPECT_ERR(pipeline_sign(STR("other"), "x", 1, STR(""), &s), ERR_CORRUPT, NULL);
}

/* ---- waits ---- */

TEST(the_next_try_comes_later_and_later)
{
	static const uint64_t s[] = { 10, 60, 300, 1800, 7200 };
	for (unsigned i = 0; i < ARRAY_LEN(s); i++) {
		EXPECT(pipeline_tell_wait_ms(10000, i + 1, 0) == s[i] * 1000);
		EXPECT(pipeline_tell_wait_ms(10000, i + 1, 1000) == s[i] * 1200);
		EXPECT(pipeline_tell_wait_ms(1, i + 1, 0) == s[i] / 10);
	}
	EXPECT(pipeline_tell_wait_ms(10000, PIPELINE_TELL_TRIES, 0) == 0);
	EXPECT(pipeline_tell_wait_ms(10000, 0, 0) == 0);
	EXPECT(pipeline_tell_wait_ms(0, 1, UINT32_MAX) > 0);
}

/* ---- rows ---- */

/* Nobody answers there; a failing one is not asked again while these tests run. */
static struct pipeline_endpoint make(struct world *w, unsigned news, bool enabled)
{
	struct str url = STR("http://deploy.example/x");
	enum pipeline_format f = PIPELINE_CLOUDEVENTS;
	bool is_signed = false;
	struct pipeline_endpoint e;
	const char *secret;
	struct pipeline_endpoint_change c = { .url = &url,
					      .format = &f,
					      .news = &news,
					      .is_signed = &is_signed,
					      .enabled = &enabled };
	EXPECT_OK(pipeline_endpoint_create(w->p, w->a, STR("crr-1"), &c, &e, &secret));
	EXPECT(!secret);
	return e;
}

TEST(a_notification_is_there_when_its_build_moved)
{
	done(world) w = new_world();
	add_waiting_build(&w);
	make(&w, 1u << NEWS_BUILD_STARTED | 1u << NEWS_BUILD_FAILED, true);
	make(&w, 1u << NEWS_BUILD_FAILED, true);
	make(&w, 1u << NEWS_BUILD_STARTED, false);
	make(&w, 1u << NEWS_TAG_WRITTEN, true);
	move_build(&w, PIPELINE_BUILDING, false);
	EXPECT(count_rows(&w, "notification") == 0);
	move_build(&w, PIPELINE_BUILDING, true);
	EXPECT(count_rows(&w, "notification") == 1);
	EXPECT(count_rows(&w, "notification WHERE event = 'build.started' AND subject = 'r-1'") ==
	       1);
	move_build(&w, PIPELINE_FAILED, true);
	EXPECT(count_rows(&w, "notification WHERE event = 'build.failed'") == 2);
	EXPECT(count_rows(&w, "notification") == 3);
}

TEST(what_happens_to_tags_is_told)
{
	done(world) w = new_world();
	add_waiting_build(&w);
	run_sql(&w, "INSERT INTO repository VALUES ('demo/app', 1)");
	run_sql(&w,
		"INSERT INTO manifest (repository, digest, media_type, size, created_ns)"
		" VALUES ('demo/app', '" SHA "', 'x', 1, 1), ('demo/app', '" SHA2 "', 'x', 1, 1)");
	bool found;
	struct oci_digest d;
	EXPECT_OK(oci_digest_parse(STR(SHA), &d));
	/* nobody listens */
	EXPECT_OK(catalog_image_retag(w.catalog, STR("demo/app"), STR(SHA), STR("before")));
	EXPECT(count_rows(&w, "tag_event") == 0);
	make(&w, 1u << NEWS_TAG_WRITTEN | 1u << NEWS_TAG_DELETED, true);
	world_stop(&w); /* what is kept is not taken up while we look */
	EXPECT_OK(catalog_image_retag(w.catalog, STR("demo/app"), STR(SHA), STR("one")));
	EXPECT_OK(catalog_image_retag(w.catalog, STR("demo/app"), STR(SHA), STR("one")));
	EXPECT(count_rows(&w, "tag_event") == 1);
	EXPECT_OK(catalog_image_retag(w.catalog, STR("demo/app"), STR(SHA2), STR("two")));
	EXPECT_OK(catalog_tag_delete(w.catalog, STR("demo/app"), STR("two"), &found));
	EXPECT(found);
	EXPECT_OK(catalog_tag_delete(w.catalog, STR("demo/app"), STR("two"), &found));
	EXPECT(!found);
	EXPECT(count_rows(&w, "tag_event") == 3);
	/* a manifest takes its tags with it: before and one */
	EXPECT_OK(catalog_manifest_delete(w.catalog, STR("demo/app"), &d, &found));
	EXPECT(count_rows(&w, "tag_event") == 5);
	EXPECT(count_rows(&w, "tag_event WHERE event = 'tag.deleted' AND digest = '" SHA "'") == 2);
	world_start(&w);
	EXPECT_OK(pipeline_news_of_tags(w.p));
	EXPECT(count_rows(&w, "tag_event") == 0);
	EXPECT(count_rows(&w, "notification WHERE event = 'tag.written'") == 2);
	EXPECT(count_rows(&w, "notification WHERE event = 'tag.deleted'") == 3);
}

TEST(old_notifications_go)
{
	done(world) w = new_world();
	add_waiting_build(&w);
	struct pipeline_endpoint e = make(&w, 1u << NEWS_TAG_WRITTEN, true);
	struct pipeline_notice n = {
		.news = NEWS_TAG_WRITTEN, .repository = "demo/app", .tag = "x", .digest = SHA
	};
	own(db_tx) tx = NULL;
	EXPECT_OK(db_tx_begin(w.db, &tx));
	for (int i = 0; i < LIMIT_NOTIFICATIONS + 10; i++)
		EXPECT_OK(pipeline_notice_insert(w.p, tx, w.a, &n, e.id, e.format,
						 pipeline_now(w.p) + 3600 * INT64_C(1000000000),
						 NULL));
	EXPECT_OK(db_tx_commit(tx));
	EXPECT(count_rows(&w, "notification") == LIMIT_NOTIFICATIONS);
	EXPECT(count_rows(&w, "notification WHERE seq <= 10") == 0);
	bool found;
	EXPECT_OK(pipeline_endpoint_delete(w.p, str_of(e.id), &found));
	EXPECT(found && count_rows(&w, "notification") == 0);
}

/* ---- what may be ---- */

static struct err *try_url(struct world *w, const char *text, unsigned news)
{
	struct str url = str_of(text);
	enum pipeline_format f = PIPELINE_SLACK;
	bool yes = true;
	struct pipeline_endpoint e;
	const char *secret;
	struct pipeline_endpoint_change c = {
		.url = &url, .format = &f, .news = &news, .is_signed = &yes, .enabled = &yes
	};
	return pipeline_endpoint_create(w->p, w->a, STR("crr-1"), &c, &e, &secret);
}

TEST(endpoints_are_checked)
{
	static const struct {
		const char *url, *code;
	} v[] = {
		{ "ftp://h/x", "ENDPOINT_URL" },
		{ "https://user@h/x", "ENDPOINT_URL" },
		{ "", "ENDPOINT_URL" },
		{ "http://169.254.169.254/", "ENDPOINT_ADDRESS" },
		{ "http://[fe80::1]/", "ENDPOINT_ADDRESS" },
		{ "http://[64:ff9b::a9fe:a9fe]/", "ENDPOINT_ADDRESS" },
		{ "http://0.0.0.0/", "ENDPOINT_ADDRESS" },
		{ "http://localhost/", "ENDPOINT_ADDRESS" },
		{ "http://127.1:8080/", "ENDPOINT_ADDRESS" },
		{ "http://[::ffff:127.0.0.1]/", "ENDPOINT_ADDRESS" },
		{ "http://10.0.0.1/", "ENDPOINT_ADDRESS" },
		{ "http://[fd00::1]:8080/", "ENDPOINT_ADDRESS" },
	};
	done(world) w = new_world();
	add_waiting_build(&w);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		expect_code(try_url(&w, v[i].url, 1), v[i].code);
	expect_code(try_url(&w, "http://deploy.example/", 0), "ENDPOINT_EVENTS");
	expect_code(try_url(&w, "http://deploy.example/", 1u << NEWS_TEST), "ENDPOINT_EVENTS");
	for (int i = 0; i < LIMIT_ENDPOINTS; i++)
		EXPECT_OK(try_url(&w, "http://deploy.example/", 1));
	expect_code(try_url(&w, "http://deploy.example/", 1), "TOO_MANY_ENDPOINTS");
	/* nothing of a secret is stored as it is */
	EXPECT(count_rows(&w, "endpoint WHERE secret LIKE '%whsec%' OR secret IS NULL") == 0);
}
