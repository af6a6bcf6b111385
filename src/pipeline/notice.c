/* What is told of an event: the bodies, their signature, and how long to wait before the next try.
 * Pure. */
#include "pipeline/tell_priv.h"

#include <openssl/evp.h>

#include "base/time.h"
#include "http/url.h"

#define KEY_BYTES        512
#define ERROR_TEXT_BYTES 500 /* of a build's error in a line of chat */

static const struct {
	const char *name, *said; /* said: in a line of chat */
} news[] = {
	[NEWS_BUILD_STARTED] = { "build.started", "started" },
	[NEWS_BUILD_SUCCEEDED] = { "build.succeeded", "succeeded" },
	[NEWS_BUILD_FAILED] = { "build.failed", "failed" },
	[NEWS_BUILD_CANCELED] = { "build.canceled", "was canceled" },
	[NEWS_TAG_WRITTEN] = { "tag.written", NULL },
	[NEWS_TAG_DELETED] = { "tag.deleted", NULL },
	[NEWS_TEST] = { "test", NULL },
};
static const char *const formats[] = {
	[PIPELINE_CLOUDEVENTS] = "cloudevents",
	[PIPELINE_SLACK] = "slack",
};

const char *pipeline_news_name(enum pipeline_news n)
{
	return news[n].name;
}

bool pipeline_news_parse(struct str s, enum pipeline_news *out)
{
	for (size_t i = 0; i < NEWS_TEST; i++) {
		if (str_eq(s, str_of(news[i].name))) {
			*out = (enum pipeline_news)i;
			return true;
		}
	}
	return false;
}

const char *pipeline_format_name(enum pipeline_format f)
{
	return formats[f];
}

bool pipeline_format_parse(struct str s, enum pipeline_format *out)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (str_eq(s, str_of(formats[i]))) {
			*out = (enum pipeline_format)i;
			return true;
		}
	}
	return false;
}

const char *pipeline_notice_type(enum pipeline_format f)
{
	return f == PIPELINE_SLACK ? "application/json" : "application/cloudevents+json";
}

const char *pipeline_notice_subject(const struct pipeline_notice *n)
{
	return n->build ? n->build->b.id : n->tag ? n->tag : "";
}

/* ---- addresses ---- */

/* In the console; NULL where its address is not known. The caller frees it. */
static char *link_of(const struct pipeline_notice *n)
{
	struct buf b;
	if (!n->external_url)
		return NULL;
	buf_init(&b, 4096);
	buf_add(&b, str_of(n->external_url));
	if (n->build) {
		buf_printf(&b, "/b/%s", n->build->b.id);
		return buf_steal(&b);
	}
	buf_printf(&b, "/repositories/%s/-/", n->repository);
	if (n->news == NEWS_TAG_WRITTEN) {
		buf_add(&b, STR("versions/"));
		http_url_add_segment(&b, str_of(n->tag));
	} else {
		buf_add(&b, n->news == NEWS_TEST ? STR("triggers") : STR("versions"));
	}
	return buf_steal(&b);
}

/* HOST/REPOSITORY@DIGEST; NULL where the host is not known. The registry is below no path. */
static char *pull_of(const struct pipeline_notice *n, const char *digest)
{
	const char *host = n->external_url ? strstr(n->external_url, "://") : NULL;
	if (!host || !digest)
		return NULL;
	struct str rest = str_of(host + 3), name = str_cut(&rest, '/');
	return mem_printf(STR_FMT "/%s@%s", STR_ARG(name), n->repository, digest);
}

/* ---- CloudEvents ---- */

static json_t *text_json(const char *s)
{
	json_t *j = s ? json_string(s) : NULL;
	return j ? j : json_null(); /* not UTF-8 */
}

static json_t *time_json(int64_t ns)
{
	return ns ? json_string(time_rfc3339(ns / 1000000000 * 1000000000).s) : json_null();
}

static json_t *platforms_json(const struct pipeline_record *r)
{
	json_t *list = json_array();
	for (size_t i = 0; i < r->n_jobs; i++) {
		const struct pipeline_job_row *j = &r->jobs[i];
		json_t *o = json_object();
		json_object_set_new(o, "platform", text_json(j->platform));
		json_object_set_new(o, "state", text_json(pipeline_job_state_name(j->state)));
		json_object_set_new(o, "digest", text_json(j->digest));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *error_json(const struct pipeline_build *b)
{
	if (!b->error_code)
		return json_null();
	json_t *o = json_object();
	json_object_set_new(o, "code", text_json(b->error_code));
	json_object_set_new(o, "text", text_json(b->error_text));
	json_object_set_new(o, "remedy", text_json(b->error_remedy));
	return o;
}

static json_t *build_json(const struct pipeline_record *r)
{
	const struct pipeline_build *b = &r->b;
	json_t *o = json_object(), *tags = json_array();
	for (size_t i = 0; i < b->n_tags; i++)
		json_array_append_new(tags, json_string(b->tags[i]));
	json_object_set_new(o, "id", text_json(b->id));
	json_object_set_new(o, "number", json_integer(b->seq));
	json_object_set_new(o, "status", text_json(pipeline_status_name(b->status)));
	json_object_set_new(o, "trigger", text_json(b->trigger));
	json_object_set_new(o, "actor", text_json(b->actor));
	json_object_set_new(o, "ref", text_json(b->ref));
	json_object_set_new(o, "commit", text_json(b->commit));
	json_object_set_new(o, "tags", tags);
	json_object_set_new(o, "digest", text_json(b->digest));
	json_object_set_new(o, "platforms", platforms_json(r));
	json_object_set_new(o, "error", error_json(b));
	json_object_set_new(o, "canceledBy", text_json(b->canceled_by));
	json_object_set_new(o, "createdAt", time_json(b->created_ns));
	json_object_set_new(o, "startedAt", time_json(b->started_ns));
	json_object_set_new(o, "endedAt", time_json(b->ended_ns));
	return o;
}

static json_t *tag_json(const struct pipeline_notice *n)
{
	json_t *o = json_object();
	json_object_set_new(o, "name", text_json(n->tag));
	json_object_set_new(o, "digest", text_json(n->digest));
	return o;
}

static json_t *data_json(const struct pipeline_notice *n)
{
	own_mem char *url = link_of(n);
	const char *there = n->news == NEWS_TAG_DELETED ? NULL : n->digest;
	own_mem char *pull = pull_of(n, n->build ? n->build->b.digest : there);
	json_t *o = json_object();
	json_object_set_new(o, "repository", text_json(n->repository));
	if (n->build)
		json_object_set_new(o, "build", build_json(n->build));
	if (n->tag)
		json_object_set_new(o, "tag", tag_json(n));
	json_object_set_new(o, "pull", text_json(pull));
	json_object_set_new(o, "url", text_json(url));
	return o;
}

static json_t *source_json(const struct pipeline_notice *n)
{
	struct buf b;
	buf_init(&b, 4096);
	buf_add(&b, str_of(n->external_url));
	buf_add(&b, STR("/api/v1/repositories/"));
	http_url_add_segment(&b, str_of(n->repository));
	own_mem char *text = buf_steal(&b);
	return json_string(text);
}

static json_t *cloudevent(const struct pipeline_notice *n, const char *id)
{
	json_t *o = json_object();
	json_object_set_new(o, "specversion", json_string("1.0"));
	json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "source", source_json(n));
	json_object_set_new(o, "type", json_sprintf("kiln.%s", pipeline_news_name(n->news)));
	if (n->news != NEWS_TEST)
		json_object_set_new(o, "subject", text_json(pipeline_notice_subject(n)));
	json_object_set_new(o, "time", time_json(n->time_ns));
	json_object_set_new(o, "datacontenttype", json_string("application/json"));
	json_object_set_new(o, "data", data_json(n));
	return o;
}

/* ---- a line of chat ---- */

/* Names come from outside: they are no markup, and call nobody. */
static void say(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		switch (s.p[i]) {
		case '&':
			buf_add(b, STR("&amp;"));
			break;
		case '<':
			buf_add(b, STR("&lt;"));
			break;
		case '>':
			buf_add(b, STR("&gt;"));
			break;
		default:
			buf_add_c(b, s.p[i]);
		}
	}
}

static void say_build(struct buf *b, const struct pipeline_notice *n)
{
	const struct pipeline_build *build = &n->build->b;
	buf_printf(b, "build %lld of ", (long long)build->seq);
	say(b, source_ref_short(str_of(build->ref)));
	buf_printf(b, " (%.12s) %s", build->commit, news[n->news].said);
	if (n->news == NEWS_BUILD_CANCELED && build->canceled_by) {
		buf_add(b, STR(" by "));
		say(b, str_of(build->canceled_by));
	}
	for (size_t i = 0; n->news == NEWS_BUILD_SUCCEEDED && i < build->n_tags; i++) {
		buf_add(b, i ? STR(", ") : STR(": "));
		say(b, str_of(build->tags[i]));
	}
	if (n->news == NEWS_BUILD_FAILED && build->error_text) {
		struct str text = str_first(str_of(build->error_text), ERROR_TEXT_BYTES);
		buf_add(b, STR(": "));
		say(b, str_first(text, str_whole_chars(text)));
		buf_printf(b, " (%s)", build->error_code);
	}
}

static void say_tag(struct buf *b, const struct pipeline_notice *n)
{
	buf_add(b, STR("tag "));
	say(b, str_of(n->tag));
	if (n->news == NEWS_TAG_DELETED)
		buf_add(b, STR(" was deleted"));
	else
		buf_printf(b, " is %.19s", n->digest);
}

static json_t *chat(const struct pipeline_notice *n)
{
	own_mem char *url = link_of(n);
	struct buf b;
	buf_init(&b, 16 << 10);
	say(&b, str_of(n->repository));
	buf_add(&b, STR(": "));
	if (n->build)
		say_build(&b, n);
	else if (n->tag)
		say_tag(&b, n);
	else
		buf_add(&b, STR("kiln tells this channel of its builds and tags (a test)"));
	if (url)
		buf_printf(&b, "\n%s", url);
	own_mem char *text = buf_steal(&b);
	json_t *o = json_object();
	json_object_set_new(o, "text", json_string(text));
	return o;
}

char *pipeline_notice_body(const struct pipeline_notice *n, enum pipeline_format f, const char *id)
{
	own_json j = f == PIPELINE_SLACK ? chat(n) : cloudevent(n, id);
	return json_text(j);
}

/* ---- the signature ---- */

struct err *pipeline_sign(struct str secret, const char *id, int64_t time_s, struct str body,
			  struct pipeline_signature *out)
{
	unsigned char key[KEY_BYTES], sum[32];
	struct str mark = STR("whsec_"), text = str_skip(secret, mark.len);
	size_t len = 0;
	int n = -1;
	if (str_starts(secret, mark) && text.len && text.len <= KEY_BYTES)
		n = EVP_DecodeBlock(key, (const unsigned char *)text.p, (int)text.len);
	for (size_t i = 1; n > 0 && i <= 2 && i <= text.len; i++)
		n -= text.p[text.len - i] == '=';
	if (n <= 0)
		return err_new(ERR_CORRUPT, "the secret is none of ours");
	own_mem char *head = mem_printf("%s.%lld.", id, (long long)time_s);
	struct buf b;
	buf_init(&b, strlen(head) + body.len);
	buf_add(&b, str_of(head));
	buf_add(&b, body);
	bool ok = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, (size_t)n,
			    (const unsigned char *)b.p, b.len, sum, sizeof(sum), &len) != NULL;
	buf_done(&b);
	OPENSSL_cleanse(key, sizeof(key));
	if (!ok || len != sizeof(sum))
		return err_new(ERR_UNAVAILABLE, "no HMAC-SHA256");
	memcpy(out->s, "v1,", 3);
	EVP_EncodeBlock((unsigned char *)out->s + 3, sum, sizeof(sum));
	return NULL;
}

/* ---- the next try ---- */

uint64_t pipeline_tell_wait_ms(uint64_t first_ms, unsigned try, uint32_t chance)
{
	/* 10 s, 1 min, 5 min, 30 min, 2 h */
	static const unsigned times[] = { 1, 6, 30, 180, 720 };
	_Static_assert(ARRAY_LEN(times) + 1 == PIPELINE_TELL_TRIES, "one wait between two");
	if (!try || try > ARRAY_LEN(times))
		return 0;
	uint64_t ms = MAX(first_ms, 1) * times[try - 1];
	return ms + ms / 5 * (chance % 1001) / 1000;
}
