/* Each provider's signature right, wrong and missing, and its payloads, written after its
 * documentation. */
#include "source/webhook.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/limits.h"
#include "base/test.h"
#include "codec/sha256.h"

#define NOW    1700000000
#define SECRET "hook-secret"
#define A      "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define B      "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"
#define T      "7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e" /* the object of an annotated tag */
#define ZERO   "0000000000000000000000000000000000000000"

struct request {
	struct {
		const char *name;
		char value[200];
	} h[8];
	size_t n;
};

static struct str get(void *arg, const char *name)
{
	struct request *r = arg;
	for (size_t i = 0; i < r->n; i++)
		if (str_eq_nocase(str_of(name), str_of(r->h[i].name)))
			return str_of(r->h[i].value);
	return (struct str){ NULL, 0 };
}

static void add(struct request *r, const char *name, const char *value)
{
	r->h[r->n].name = name;
	snprintf(r->h[r->n++].value, sizeof(r->h[0].value), "%s", value);
}

static void hmac_of(const char *secret, const char *text, uint8_t sum[SHA256_BYTES])
{
	HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, strlen(text),
	     sum, NULL);
}

static void add_hex(struct request *r, const char *name, const char *prefix, const char *secret,
		    const char *body)
{
	uint8_t sum[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1], value[100];
	hmac_of(secret, body, sum);
	hex_encode(sum, sizeof(sum), hex);
	snprintf(value, sizeof(value), "%s%s", prefix, hex);
	add(r, name, value);
}

static void add_base64(struct request *r, const char *name, const char *prefix, const char *secret,
		       const char *text)
{
	uint8_t sum[SHA256_BYTES];
	unsigned char plain[50];
	char value[100];
	hmac_of(secret, text, sum);
	EVP_EncodeBlock(plain, sum, sizeof(sum));
	snprintf(value, sizeof(value), "%s%s", prefix, (char *)plain);
	add(r, name, value);
}

static void add_standard(struct request *r, const char *secret, int64_t time, const char *body)
{
	own_mem char *text = mem_printf("msg_1.%lld.%s", (long long)time, body);
	own_mem char *digits = mem_printf("%lld", (long long)time);
	add(r, "webhook-id", "msg_1");
	add(r, "webhook-timestamp", digits);
	add_base64(r, "webhook-signature", "v1,", secret, text);
}

static void add_gitee(struct request *r, const char *secret, int64_t ms)
{
	own_mem char *digits = mem_printf("%lld", (long long)ms);
	own_mem char *text = mem_printf("%lld\n%s", (long long)ms, secret);
	add(r, "X-Gitee-Timestamp", digits);
	add_base64(r, "X-Gitee-Token", "", secret, text);
}

static struct err *read_with(struct arena *a, enum source_provider p, struct request *r,
			     const char *body, struct source_delivery *out)
{
	struct source_headers h = { get, r };
	struct str secrets[] = { STR("the new one"), STR(SECRET) };
	return source_webhook_read(a, p, &h, str_of(body), secrets, 2, NOW, out);
}

static void expect_code(struct err *e, const char *code, const char *part)
{
	own(err) owned = e;
	EXPECT(e != NULL);
	EXPECT_STR(str_of(err_code(e)), code);
	own_mem char *text = err_text(e);
	if (part && !strstr(text, part))
		EXPECT_STR(str_of(text), part);
}

/* ---- signatures ---- */

static void sign(struct request *r, enum source_provider p, const char *secret, const char *body)
{
	own_mem char *bearer = mem_printf("Bearer %s", secret);
	switch (p) {
	case SOURCE_GITHUB:
		add(r, "X-GitHub-Event", "push");
		add_hex(r, "X-Hub-Signature-256", "sha256=", secret, body);
		break;
	case SOURCE_GITLAB:
		add(r, "X-Gitlab-Token", secret);
		break;
	case SOURCE_GITEA:
		add(r, "X-Gitea-Event", "push");
		add_hex(r, "X-Gitea-Signature", "", secret, body);
		break;
	case SOURCE_GITEE:
		add(r, "X-Gitee-Event", "Push Hook");
		add_gitee(r, secret, NOW * 1000LL);
		break;
	case SOURCE_BITBUCKET:
		add(r, "X-Event-Key", "repo:push");
		add_hex(r, "X-Hub-Signature", "sha256=", secret, body);
		break;
	case SOURCE_BITBUCKET_SERVER:
		add(r, "X-Event-Key", "repo:refs_changed");
		add_hex(r, "X-Hub-Signature", "sha256=", secret, body);
		break;
	case SOURCE_CODEUP:
		add(r, "X-Codeup-Token", secret);
		break;
	case SOURCE_GENERIC:
		add(r, "Authorization", bearer);
		break;
	case SOURCE_KILN:
		break;
	}
}

/* Good for all families at once. */
#define ANY                                                                                       \
	"{\"object_kind\":\"push\",\"ref\":\"refs/heads/main\",\"before\":\"" A                   \
	"\",\"after\":\"" B "\",\"commit\":\"" B                                                  \
	"\",\"push\":{\"changes\":[{\"old\":null,\"new\":{\"type\":\"branch\",\"name\":\"main\"," \
	"\"target\":{\"hash\":\"" B                                                               \
	"\"}}}]},\"changes\":[{\"ref\":{\"id\":\"refs/heads/main\"},\"toHash\":\"" B              \
	"\",\"type\":\"UPDATE\"}]}"

static const struct {
	enum source_provider p;
	const char *header;
} signed_by[] = {
	{ SOURCE_GITHUB, "X-Hub-Signature-256" }, { SOURCE_GITLAB, "X-Gitlab-Token" },
	{ SOURCE_GITEA, "X-Gitea-Signature" },    { SOURCE_GITEE, "X-Gitee-Token" },
	{ SOURCE_BITBUCKET, "X-Hub-Signature" },  { SOURCE_BITBUCKET_SERVER, "X-Hub-Signature" },
	{ SOURCE_CODEUP, "X-Codeup-Token" },      { SOURCE_GENERIC, "webhook-signature" },
};

TEST(a_right_signature_is_accepted)
{
	for (size_t i = 0; i < ARRAY_LEN(signed_by); i++) {
		own(arena) a = arena_open(1 << 20);
		struct request r = { 0 };
		struct source_delivery d;
		sign(&r, signed_by[i].p, SECRET, ANY);
		EXPECT_OK(read_with(a, signed_by[i].p, &r, ANY, &d));
		EXPECT(d.kind == SOURCE_PUSH && d.n_changes == 1);
		EXPECT_STR(str_of(d.changes[0].ref), "refs/heads/main");
		EXPECT_STR(str_of(d.changes[0].commit), B);
		EXPECT(!d.changes[0].deleted);
		EXPECT(str_starts(str_of(d.key), STR("sha256:")));
	}
}

TEST(a_wrong_signature_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(signed_by); i++) {
		own(arena) a = arena_open(1 << 20);
		struct request r = { 0 };
		struct source_delivery d;
		sign(&r, signed_by[i].p, "guessed", ANY);
		const char *header =
			signed_by[i].p == SOURCE_GENERIC ? "Authorization" : signed_by[i].header;
		expect_code(read_with(a, signed_by[i].p, &r, ANY, &d), "HOOK_SIG", header);
	}
}

TEST(a_missing_signature_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(signed_by); i++) {
		own(arena) a = arena_open(1 << 20);
		struct request r = { 0 };
		struct source_delivery d;
		own_mem char *text = mem_printf("the header %s is missing", signed_by[i].header);
		expect_code(read_with(a, signed_by[i].p, &r, ANY, &d), "HOOK_SIG", text);
		sign(&r, signed_by[i].p, SECRET, ANY);
		for (size_t k = 0; k < r.n; k++)
			if (strstr(r.h[k].name, "ignature") || strstr(r.h[k].name, "Token") ||
			    strstr(r.h[k].name, "Auth"))
				r.h[k].value[0] = 0;
		expect_code(read_with(a, signed_by[i].p, &r, ANY, &d), "HOOK_SIG", text);
	}
}

TEST(a_changed_payload_is_refused_where_the_payload_is_signed)
{
	static const enum source_provider signs[] = { SOURCE_GITHUB, SOURCE_GITEA, SOURCE_BITBUCKET,
						      SOURCE_BITBUCKET_SERVER };
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		own(arena) a = arena_open(1 << 20);
		struct request r = { 0 };
		struct source_delivery d;
		sign(&r, signs[i], SECRET, ANY);
		expect_code(read_with(a, signs[i], &r, ANY " ", &d), "HOOK_SIG", "does not match");
	}
}

/* GitHub's documentation has this one, so that implementations can be compared. */
TEST(github_documents_a_signature)
{
	own(arena) a = arena_open(1 << 20);
	struct request r = { 0 };
	struct source_delivery d;
	struct source_headers h = { get, &r };
	struct str secret = STR("It's a Secret to Everybody");
	add(&r, "X-GitHub-Event", "push");
	add(&r, "X-Hub-Signature-256",
	    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
	expect_code(source_webhook_read(a, SOURCE_GITHUB, &h, STR("Hello, World!"), &secret, 1, NOW,
					&d),
		    "HOOK_BODY", "GITHUB");
	r.h[1].value[10] ^= 1;
	expect_code(source_webhook_read(a, SOURCE_GITHUB, &h, STR("Hello, World!"), &secret, 1, NOW,
					&d),
		    "HOOK_SIG", NULL);
}

TEST(standard_webhooks_decodes_its_key)
{
	own(arena) a = arena_open(1 << 20);
	struct request r = { 0 };
	struct source_delivery d;
	struct source_headers h = { get, &r };
	struct str secret = STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	struct str body = STR("{\"ref\": \"refs/heads/main\"}");
	add(&r, "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
	add(&r, "webhook-timestamp", "1614265330");
	add(&r, "webhook-signature",
	    "v1a,bm90IHRoaXM= v1,AAAA v1,D7UyL19uy9nAvAN5wIsuY6ZGc02K40v2jBxbJzNkIUY=");
	EXPECT_OK(
		source_webhook_read(a, SOURCE_GENERIC, &h, body, &secret, 1, 1614265330 + 299, &d));
	EXPECT_STR(str_of(d.key), "msg_p5jXN8AQM9LWM0D4loKWxJek");
	expect_code(
		source_webhook_read(a, SOURCE_GENERIC, &h, body, &secret, 1, 1614265330 + 301, &d),
		"HOOK_SIG", "5 minutes");
	expect_code(
		source_webhook_read(a, SOURCE_GENERIC, &h, body, &secret, 1, 1614265330 - 301, &d),
		"HOOK_SIG", "5 minutes");
}

TEST(gitlab_signs_in_two_ways)
{
	own(arena) a = arena_open(1 << 20);
	struct source_delivery d;
	struct request r = { 0 };
	add(&r, "X-Gitlab-Event", "Push Hook");
	add_standard(&r, SECRET, NOW - 100, ANY);
	EXPECT_OK(read_with(a, SOURCE_GITLAB, &r, ANY, &d));
	EXPECT_STR(str_of(d.key), "msg_1");
	EXPECT_STR(str_of(d.event), "Push Hook");
	struct request late = { 0 }, wrong = { 0 }, without_id = { 0 };
	add_standard(&late, SECRET, NOW - 301, ANY);
	expect_code(read_with(a, SOURCE_GITLAB, &late, ANY, &d), "HOOK_SIG", "webhook-timestamp");
	add_standard(&wrong, "guessed", NOW, ANY);
	expect_code(read_with(a, SOURCE_GITLAB, &wrong, ANY, &d), "HOOK_SIG", "webhook-signature");
	add(&without_id, "webhook-signature", "v1,AAAA");
	expect_code(read_with(a, SOURCE_GITLAB, &without_id, ANY, &d), "HOOK_SIG", "webhook-id");
}

TEST(gitee_takes_a_password_or_a_signed_time)
{
	own(arena) a = arena_open(1 << 20);
	struct source_delivery d;
	struct request plain = { 0 }, escaped = { 0 }, late = { 0 }, within = { 0 };
	add(&plain, "X-Gitee-Event", "Push Hook");
	add(&plain, "X-Gitee-Token", SECRET);
	EXPECT_OK(read_with(a, SOURCE_GITEE, &plain, ANY, &d));
	add(&escaped, "X-Gitee-Event", "Push Hook");
	add(&escaped, "X-Gitee-Timestamp", "1700000000000");
	add(&escaped, "X-Gitee-Token", "OrV6H8wvbTnpzwNABQCOSU9AVrdRaCYnrpUhRgmgzR0%3D");
	EXPECT_OK(read_with(a, SOURCE_GITEE, &escaped, ANY, &d));
	add(&late, "X-Gitee-Event", "Push Hook");
	add_gitee(&late, SECRET, (NOW - 3601) * 1000LL);
	expect_code(read_with(a, SOURCE_GITEE, &late, ANY, &d), "HOOK_SIG", "hour");
	add(&within, "X-Gitee-Event", "Push Hook");
	add_gitee(&within, SECRET, (NOW + 3599) * 1000LL);
	EXPECT_OK(read_with(a, SOURCE_GITEE, &within, ANY, &d));
}

TEST(names_of_twins_are_accepted)
{
	static const struct {
		const char *signature, *prefix, *event;
	} twins[] = {
		{ "X-Forgejo-Signature", "", "X-Forgejo-Event" },
		{ "X-Gogs-Signature", "", "X-Gogs-Event" },
		{ "X-Hub-Signature-256", "sha256=", "X-GitHub-Event" },
	};
	for (size_t i = 0; i < ARRAY_LEN(twins); i++) {
		own(arena) a = arena_open(1 << 20);
		struct source_delivery d;
		struct request r = { 0 };
		add(&r, twins[i].event, "push");
		add_hex(&r, twins[i].signature, twins[i].prefix, SECRET, ANY);
		EXPECT_OK(read_with(a, SOURCE_GITEA, &r, ANY, &d));
		EXPECT(d.n_changes == 1);
	}
}

TEST(new_secrets_verify)
{
	for (int p = SOURCE_GITHUB; p < SOURCE_KILN; p++) {
		own_mem char *secret = source_webhook_secret(p);
		own_mem char *other = source_webhook_secret(p);
		EXPECT(strcmp(secret, other) != 0 && strlen(secret) >= 49);
		own(arena) a = arena_open(1 << 20);
		struct request r = { 0 };
		struct source_headers h = { get, &r };
		struct source_delivery d;
		struct str s = str_of(secret);
		sign(&r, p, secret, ANY);
		EXPECT_OK(source_webhook_read(a, p, &h, STR(ANY), &s, 1, NOW, &d));
		enum source_provider again;
		EXPECT(source_provider_parse(str_of(source_provider_name(p)), &again));
		EXPECT(again == (enum source_provider)p);
	}
}

/* ---- payloads ---- */

#define GITHUB(ref, before, after, more) \
	"{\"ref\":\"" ref "\",\"before\":\"" before "\",\"after\":\"" after "\"," more "}"
#define GITLAB(kind, ref, after, checkout)                                         \
	"{\"object_kind\":\"" kind "\",\"event_name\":\"" kind "\",\"ref\":\"" ref \
	"\",\"after\":\"" after "\",\"checkout_sha\":" checkout ",\"user_username\":\"mina\"}"

static const struct {
	enum source_provider p;
	const char *header, *event, *body;
	/* "ref=commit", "-ref" for a deleted one, "!" behind forced ones, separated by blanks;
	 * "ping", "other", "all" for look at all; NULL: HOOK_BODY */
	const char *want;
} payloads[] = {
	/* GitHub */
	{ SOURCE_GITHUB, "X-GitHub-Event", "push",
	  GITHUB("refs/heads/release/1.2", A, B,
		 "\"created\":false,\"deleted\":false,\"forced\":true,\"head_commit\":{\"id\":\"" B
		 "\"}"),
	  "refs/heads/release/1.2=" B "!" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push",
	  GITHUB("refs/tags/v1", ZERO, T,
		 "\"created\":true,\"deleted\":false,\"forced\":false,\"base_ref\":null,"
		 "\"head_commit\":{\"id\":\"" B "\"}"),
	  "refs/tags/v1=" B },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push",
	  GITHUB("refs/tags/v1", A, ZERO, "\"deleted\":true,\"head_commit\":null"),
	  "-refs/tags/v1" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push",
	  GITHUB("refs/heads/gone", A, ZERO, "\"created\":false"), "-refs/heads/gone" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push",
	  GITHUB("refs/pull/7/merge", A, B, "\"deleted\":false"), "other" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push",
	  GITHUB("refs/heads/main", A, "not a commit", "\"deleted\":false"), "refs/heads/main=" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push", GITHUB("refs/heads/a b", A, B, "\"x\":0"),
	  "other" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "create",
	  "{\"ref\":\"v2\",\"ref_type\":\"tag\",\"master_branch\":\"main\"}", "refs/tags/v2=" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "delete", "{\"ref\":\"topic\",\"ref_type\":\"branch\"}",
	  "-refs/heads/topic" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "create", "{\"ref\":null,\"ref_type\":\"repository\"}",
	  "other" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "ping", "{\"zen\":\"Keep it logically awesome.\"}",
	  "ping" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "issues", "{\"action\":\"opened\"}", "other" },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push",
	  "payload=%7b%22ref%22%3A%22refs%2Fheads%2Fmain%22%2C+%22after%22%3A%22" B "%22%7D&x=1",
	  "refs/heads/main=" B },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push", "payload=%7", NULL },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push", "{\"ref\":7}", NULL },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push", "{}", NULL },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push", "[]", NULL },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push", "", NULL },
	{ SOURCE_GITHUB, "X-GitHub-Event", "push", GITHUB("refs/heads/m", A, B, "\"deleted\":1"),
	  NULL },
	{ SOURCE_GITHUB, "X-Other", "push", GITHUB("refs/heads/m", A, B, "\"x\":1"), NULL },
	/* Gitea */
	{ SOURCE_GITEA, "X-Gitea-Event", "push",
	  GITHUB("refs/heads/develop", A, B,
		 "\"compare_url\":\"\",\"total_commits\":1,\"head_commit\":{\"id\":\"" B
		 "\"},\"pusher\":{\"id\":1,\"login\":\"mina\"}"),
	  "refs/heads/develop=" B },
	{ SOURCE_GITEA, "X-Gitea-Event", "create",
	  "{\"sha\":\"" B "\",\"ref\":\"topic/x\",\"ref_type\":\"branch\"}",
	  "refs/heads/topic/x=" B },
	{ SOURCE_GITEA, "X-Gitea-Event", "create",
	  "{\"sha\":\"" T "\",\"ref\":\"v3\",\"ref_type\":\"tag\"}", "refs/tags/v3=" },
	{ SOURCE_GITEA, "X-Gitea-Event", "delete",
	  "{\"ref\":\"v3\",\"ref_type\":\"tag\",\"pusher_type\":\"user\"}", "-refs/tags/v3" },
	{ SOURCE_GITEA, "X-Gitea-Event", "pull_request", "{}", "other" },
	/* Gitee */
	{ SOURCE_GITEE, "X-Gitee-Event", "Push Hook",
	  GITHUB("refs/heads/master", A, B,
		 "\"hook_name\":\"push_hooks\",\"created\":false,\"deleted\":false,"
		 "\"timestamp\":\"1700000000000\",\"user_name\":\"mina\""),
	  "refs/heads/master=" B },
	{ SOURCE_GITEE, "X-Gitee-Event", "Tag Push Hook",
	  GITHUB("refs/tags/v1", ZERO, T,
		 "\"hook_name\":\"tag_push_hooks\",\"created\":true,\"deleted\":false,"
		 "\"head_commit\":{\"id\":\"" B "\"}"),
	  "refs/tags/v1=" B },
	{ SOURCE_GITEE, "X-Gitee-Event", "Tag Push Hook",
	  GITHUB("refs/tags/v1", A, ZERO, "\"deleted\":true,\"head_commit\":null"),
	  "-refs/tags/v1" },
	{ SOURCE_GITEE, "X-Gitee-Event", "Issue Hook", "{}", "other" },
	/* GitLab */
	{ SOURCE_GITLAB, "X-Gitlab-Event", "Push Hook",
	  GITLAB("push", "refs/heads/main", B, "\"" B "\""), "refs/heads/main=" B },
	{ SOURCE_GITLAB, "X-Gitlab-Event", "Tag Push Hook",
	  GITLAB("tag_push", "refs/tags/v1", T, "\"" B "\""), "refs/tags/v1=" B },
	{ SOURCE_GITLAB, "X-Gitlab-Event", "Tag Push Hook",
	  GITLAB("tag_push", "refs/tags/v1", ZERO, "null"), "-refs/tags/v1" },
	{ SOURCE_GITLAB, "X-Gitlab-Event", "Push Hook",
	  GITLAB("push", "refs/heads/x", ZERO, "null"), "-refs/heads/x" },
	/* The Test button for tags sends a branch. */
	{ SOURCE_GITLAB, "X-Gitlab-Event", "Tag Push Hook",
	  GITLAB("push", "refs/heads/main", B, "\"" B "\""), "refs/heads/main=" B },
	{ SOURCE_GITLAB, "X-Gitlab-Event", "System Hook",
	  "{\"event_name\":\"repository_update\",\"changes\":[{\"before\":\"" ZERO
	  "\",\"after\":\"" B "\",\"ref\":\"refs/heads/a\"},{\"before\":\"" A "\",\"after\":\"" T
	  "\",\"ref\":\"refs/tags/b\"},{\"before\":\"" A "\",\"after\":\"" ZERO
	  "\",\"ref\":\"refs/heads/c\"}]}",
	  "refs/heads/a=" B " refs/tags/b= -refs/heads/c" },
	{ SOURCE_GITLAB, "X-Gitlab-Event", "Issue Hook", "{\"object_kind\":\"issue\"}", "other" },
	{ SOURCE_GITLAB, "X-Gitlab-Event", "Push Hook", "{\"ref\":\"refs/heads/main\"}", NULL },
	{ SOURCE_GITLAB, "X-Gitlab-Event", "Push Hook", "{\"object_kind\":\"push\"}", NULL },
	/* Codeup */
	{ SOURCE_CODEUP, "Codeup-Event", "Push Hook",
	  "{\"object_kind\":\"push\",\"ref\":\"refs/heads/main\",\"after\":\"" B "\"}",
	  "refs/heads/main=" B },
	{ SOURCE_CODEUP, "X-Codeup-Event", "Tag Push Hook",
	  "{\"object_kind\":\"tag_push\",\"ref\":\"refs/tags/v1\",\"after\":\"" T "\"}",
	  "refs/tags/v1=" },
	{ SOURCE_CODEUP, "Codeup-Event", "Tag Push Hook",
	  "{\"object_kind\":\"tag_push\",\"ref\":\"refs/tags/v1\",\"after\":\"" ZERO "\"}",
	  "-refs/tags/v1" },
	/* Bitbucket Cloud */
	{ SOURCE_BITBUCKET, "X-Event-Key", "repo:push",
	  "{\"actor\":{\"nickname\":\"mina\"},\"push\":{\"changes\":["
	  "{\"old\":{\"type\":\"branch\",\"name\":\"main\",\"target\":{\"hash\":\"" A
	  "\"}},\"new\":{\"type\":\"branch\",\"name\":\"main\",\"target\":{\"type\":\"commit\","
	  "\"hash\":\"" B
	  "\"}},\"created\":false,\"closed\":false,\"forced\":true,\"truncated\":false},"
	  "{\"old\":null,\"new\":{\"type\":\"tag\",\"name\":\"v1\",\"target\":{\"hash\":\"" B
	  "\"}},\"created\":true,\"closed\":false},"
	  "{\"old\":{\"type\":\"tag\",\"name\":\"v0\",\"target\":{\"hash\":\"" A
	  "\"}},\"new\":null,\"closed\":true}]}}",
	  "refs/heads/main=" B "! refs/tags/v1=" B " -refs/tags/v0" },
	{ SOURCE_BITBUCKET, "X-Event-Key", "repo:push",
	  "{\"push\":{\"changes\":[{\"new\":{\"type\":\"branch\",\"name\":\"main\",\"target\":{"
	  "\"hash\":\"" B "\"}},\"truncated\":true}]}}",
	  "all" },
	/* Tags that were made in its pages come without changes. */
	{ SOURCE_BITBUCKET, "X-Event-Key", "repo:push", "{\"push\":{\"changes\":[]}}", "all" },
	{ SOURCE_BITBUCKET, "X-Event-Key", "repo:push", "{\"push\":{\"changes\":[{}]}}", NULL },
	{ SOURCE_BITBUCKET, "X-Event-Key", "repo:push", "{}", NULL },
	{ SOURCE_BITBUCKET, "X-Event-Key", "pullrequest:created", "{}", "other" },
	/* Bitbucket Data Center */
	{ SOURCE_BITBUCKET_SERVER, "X-Event-Key", "repo:refs_changed",
	  "{\"eventKey\":\"repo:refs_changed\",\"actor\":{\"name\":\"mina\"},\"changes\":["
	  "{\"ref\":{\"id\":\"refs/heads/main\",\"displayId\":\"main\",\"type\":\"BRANCH\"},"
	  "\"refId\":\"refs/heads/main\",\"fromHash\":\"" A "\",\"toHash\":\"" B
	  "\",\"type\":\"UPDATE\"},{\"refId\":\"refs/tags/v1\",\"fromHash\":\"" ZERO
	  "\",\"toHash\":\"" T
	  "\",\"type\":\"ADD\"},{\"ref\":{\"id\":\"refs/heads/x\"},\"fromHash\":\"" A
	  "\",\"toHash\":\"" ZERO "\",\"type\":\"DELETE\"}]}",
	  "refs/heads/main=" B " refs/tags/v1= -refs/heads/x" },
	{ SOURCE_BITBUCKET_SERVER, "X-Event-Key", "diagnostics:ping", "{\"test\":true}", "ping" },
	{ SOURCE_BITBUCKET_SERVER, "X-Event-Key", "repo:refs_changed", "{\"changes\":[7]}", NULL },
	/* ours */
	{ SOURCE_GENERIC, "X-None", "",
	  "{\"ref\":\"refs/heads/main\",\"commit\":\"" B "\",\"pusher\":\"mina\"}",
	  "refs/heads/main=" B },
	{ SOURCE_GENERIC, "X-None", "", "{\"ref\":\"refs/tags/v1\",\"deleted\":true}",
	  "-refs/tags/v1" },
	{ SOURCE_GENERIC, "X-None", "", "{}", "all" },
	{ SOURCE_GENERIC, "X-None", "", "", "all" },
	{ SOURCE_GENERIC, "X-None", "", "{\"ref\":\"main\"}", NULL },
};

static char *describe(const struct source_delivery *d)
{
	if (d->kind != SOURCE_PUSH)
		return mem_strdup(d->kind == SOURCE_PING ? "ping" : "other");
	if (!d->n_changes)
		return mem_strdup("all");
	struct buf b;
	buf_init(&b, 10000);
	for (size_t i = 0; i < d->n_changes; i++) {
		const struct source_change *c = &d->changes[i];
		buf_printf(&b, "%s%s%s%s%s%s", i ? " " : "", c->deleted ? "-" : "", c->ref,
			   c->deleted ? "" : "=", c->commit ? c->commit : "", c->forced ? "!" : "");
	}
	return buf_steal(&b);
}

static void sign_any(struct request *r, const char *body)
{
	add_hex(r, "X-Hub-Signature-256", "sha256=", SECRET, body);
	add_hex(r, "X-Hub-Signature", "sha256=", SECRET, body);
	add(r, "X-Gitlab-Token", SECRET);
	add(r, "X-Gitee-Token", SECRET);
	add(r, "X-Codeup-Token", SECRET);
	add(r, "Authorization", "bearer " SECRET);
}

TEST(payloads_name_the_refs_that_changed)
{
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
		own(arena) a = arena_open(1 << 20);
		struct source_delivery d;
		struct request r = { 0 };
		add(&r, payloads[i].header, payloads[i].event);
		sign_any(&r, payloads[i].body);
		struct err *e = read_with(a, payloads[i].p, &r, payloads[i].body, &d);
		if (!payloads[i].want) {
			expect_code(e, "HOOK_BODY", source_provider_name(payloads[i].p));
			continue;
		}
		EXPECT_OK(err_wrap(e, "payload %zu", i));
		own_mem char *got = describe(&d);
		EXPECT_STR(str_of(got), payloads[i].want);
		if (strstr(payloads[i].body, "mina"))
			EXPECT_STR(str_of(d.pusher), "mina");
	}
}

static char *many_refs(size_t n)
{
	struct buf b;
	buf_init(&b, (size_t)16 << 20);
	buf_add(&b, STR("{\"changes\":["));
	for (size_t i = 0; i < n; i++)
		buf_printf(&b,
			   "%s{\"refId\":\"refs/heads/topic-%zu\",\"toHash\":\"" B
			   "\",\"type\":\"ADD\"}",
			   i ? "," : "", i);
	buf_add(&b, STR("]}"));
	return buf_steal(&b);
}

TEST(a_push_of_many_refs_names_them_all_or_none)
{
	static const struct {
		size_t n, want;
	} cases[] = { { 1000, 1000 },
		      { LIMIT_WEBHOOK_CHANGES, LIMIT_WEBHOOK_CHANGES },
		      { LIMIT_WEBHOOK_CHANGES + 1, 0 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		own(arena) a = arena_open((size_t)64 << 20);
		own_mem char *body = many_refs(cases[i].n);
		struct source_delivery d;
		struct request r = { 0 };
		sign(&r, SOURCE_BITBUCKET_SERVER, SECRET, body);
		add(&r, "X-Request-Id", "r-1");
		EXPECT_OK(read_with(a, SOURCE_BITBUCKET_SERVER, &r, body, &d));
		EXPECT(d.kind == SOURCE_PUSH && d.n_changes == cases[i].want);
		EXPECT_STR(str_of(d.key), "r-1");
	}
}

TEST(what_is_no_delivery_id_gives_way_to_the_hash)
{
	static const char *const ids[] = { "72d3162e-cc78", "", "a\x01z", "\xff" };
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		own(arena) a = arena_open(1 << 20);
		struct source_delivery d;
		struct request r = { 0 };
		sign(&r, SOURCE_GITHUB, SECRET, ANY);
		add(&r, "X-GitHub-Delivery", ids[i]);
		EXPECT_OK(read_with(a, SOURCE_GITHUB, &r, ANY, &d));
		EXPECT(i ? str_starts(str_of(d.key), STR("sha256:")) : !strcmp(d.key, ids[0]));
	}
}

TEST(payloads_have_a_greatest_size)
{
	own(arena) a = arena_open(1 << 20);
	struct request r = { 0 };
	struct source_headers h = { get, &r };
	struct str secret = STR(SECRET);
	struct source_delivery d;
	own_mem char *body = mem_zalloc(LIMIT_WEBHOOK_BYTES + 1);
	EXPECT_ERR(source_webhook_read(a, SOURCE_GITHUB, &h, str_n(body, LIMIT_WEBHOOK_BYTES + 1),
				       &secret, 1, NOW, &d),
		   ERR_LIMIT, "25 MiB");
	EXPECT_ERR(source_webhook_read(a, SOURCE_KILN, &h, STR("{}"), &secret, 1, NOW, &d),
		   ERR_INVALID, "no webhooks");
}
