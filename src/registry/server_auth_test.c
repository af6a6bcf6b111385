/* Who may do what: the traps of real clients' logins, one test each. */
#include "registry/server.h"

#include <openssl/evp.h>

#include "codec/json.h"
#include "registry/server_test.h"

#define PASSWORD "a good password"

static void user(struct fixture *f, const char *name, bool is_admin)
{
	own(arena) m = arena_open(1 << 20);
	struct auth_user u;
	EXPECT_OK(auth_user_create(f->auth, m, str_of(name), STR(PASSWORD), is_admin, &u));
}

static void grant(struct fixture *f, const char *name, enum auth_role role)
{
	EXPECT_OK(auth_grant_set(f->auth, str_of(name), STR("demo"), STR(""), role));
}

static void repository(struct fixture *f, const char *name, bool is_public, bool immutable)
{
	own(arena) m = arena_open(1 << 20);
	struct catalog_image_repository r;
	struct catalog_image_request q = { .namespace_ = STR("demo"),
					   .name = str_of(name),
					   .is_public = is_public,
					   .immutable = immutable };
	EXPECT_OK(catalog_image_create(f->catalog, m, &q, &r));
}

/* demo/open is public, demo/shut is not; root, dev (develop), eve (nothing). */
static void begin(struct fixture *f, bool anonymous_pull)
{
	own(arena) m = arena_open(1 << 20);
	struct catalog_namespace n;
	start_with(f, true, anonymous_pull, NULL);
	EXPECT_OK(catalog_namespace_create(f->catalog, m, STR("demo"), true, false, &n));
	EXPECT_OK(catalog_namespace_create(f->catalog, m, STR("strict"), false, false, &n));
	repository(f, "open", true, false);
	repository(f, "shut", false, false);
	user(f, "root", true);
	user(f, "dev", false);
	user(f, "eve", false);
	grant(f, "dev", AUTH_DEVELOP);
}

static char *basic(const char *name, const char *secret)
{
	own_mem char *plain = mem_printf("%s:%s", name, secret);
	char coded[256];
	EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)plain, (int)strlen(plain));
	return mem_printf("Authorization: Basic %s\r\n", coded);
}

/* `who`: NULL for nobody, a user's name, or a whole header. */
static struct raw_answer ask_as(struct fixture *f, const char *who, const char *request,
				struct str body)
{
	own_mem char *header = !who               ? mem_strdup("")
			       : strchr(who, ':') ? mem_strdup(who)
						  : basic(who, PASSWORD);
	own_mem char *head = mem_printf("%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %zu\r\n\r\n",
					request, f->address, header, body.len);
	return raw_ask(f->address, head, body.p, body.len);
}

#define EXPECT_AS(f, who, request, want, part) expect_as(f, who, request, want, part, __LINE__)
static void expect_as(struct fixture *f, const char *who, const char *request, int want,
		      const char *part, int line)
{
	done(raw_answer) a = ask_as(f, who, request, STR(""));
	expect_answer(&a, request, want, part, line);
}

/* The token as a header line; the caller frees it. */
static char *token_for(struct fixture *f, const char *who, const char *scopes)
{
	own_json j = NULL;
	own_mem char *request = mem_printf("GET /token?service=kiln&account=x%s", scopes);
	done(raw_answer) a = ask_as(f, who, request, STR(""));
	expect_answer(&a, request, 200, NULL, __LINE__);
	EXPECT_STR(str_of(raw_header(&a, "Cache-Control")), "no-store");
	EXPECT_OK(json_read(str_n(a.body, a.len), &j));
	EXPECT(json_integer_value(json_object_get(j, "expires_in")) == 300);
	EXPECT(json_string_value(json_object_get(j, "issued_at")));
	EXPECT(!json_object_get(j, "refresh_token"));
	const char *t = json_string_value(json_object_get(j, "token"));
	EXPECT_STR(str_of(t), json_string_value(json_object_get(j, "access_token")));
	return mem_printf("Authorization: Bearer %s\r\n", t);
}

static void push_as(struct fixture *f, const char *who, const char *name, const char *tag,
		    const char *note, int want, int line)
{
	const struct str blobs[] = { CONFIG, LAYER };
	for (size_t i = 0; i < 2; i++) {
		own_mem char *post = mem_printf("POST /v2/%s/blobs/uploads/?digest=%s", name,
						digest_of(blobs[i]).s);
		done(raw_answer) a = ask_as(f, who, post, blobs[i]);
		expect_answer(&a, post, 201, NULL, line);
	}
	own_mem char *body = image(note, "");
	own_mem char *put = mem_printf("PUT /v2/%s/manifests/%s", name, tag);
	done(raw_answer) a = ask_as(f, who, put, str_of(body));
	expect_answer(&a, put, want, NULL, line);
}
#define PUSH_AS(f, who, name, tag, note, want) push_as(f, who, name, tag, note, want, __LINE__)

static size_t count(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *p = text; (p = strcasestr(p, part)); p++)
		n++;
	return n;
}

static void expect_challenge(struct fixture *f, const char *who, const char *request,
			     const char *more)
{
	done(raw_answer) a = ask_as(f, who, request, STR(""));
	own_mem char *want =
		mem_printf("Bearer realm=\"http://%s/token\",service=\"kiln\"%s", f->address, more);
	expect_answer(&a, request, 401, "UNAUTHORIZED", __LINE__);
	EXPECT(count(a.head, "www-authenticate:") == 1);
	EXPECT_STR(str_of(raw_header(&a, "WWW-Authenticate")), want);
}

TEST(one_challenge_that_says_what_is_needed)
{
	struct fixture f;
	begin(&f, true);
	own_mem char *narrow = token_for(&f, "dev", "&scope=repository:demo/open:pull");
	expect_challenge(&f, NULL, "GET /v2/", "");
	expect_challenge(&f, "Authorization: Basic Og==\r\n", "GET /v2/", "");
	expect_challenge(&f, NULL, "GET /v2/demo/shut/manifests/1",
			 ",scope=\"repository:demo/shut:pull\"");
	expect_challenge(&f, NULL, "POST /v2/demo/open/blobs/uploads/",
			 ",scope=\"repository:demo/open:pull,push\"");
	expect_challenge(&f, NULL, "POST /v2/demo/open/blobs/uploads/?mount=x&from=demo/shut",
			 ",scope=\"repository:demo/open:pull,push repository:demo/shut:pull\"");
	expect_challenge(&f, NULL, "DELETE /v2/demo/open/manifests/1",
			 ",scope=\"repository:demo/open:delete\"");
	expect_challenge(&f, "Authorization: Bearer nonsense\r\n", "GET /v2/",
			 ",error=\"invalid_token\"");
	expect_challenge(&f, narrow, "POST /v2/demo/open/blobs/uploads/",
			 ",scope=\"repository:demo/open:pull,push\",error=\"insufficient_scope\"");
	expect_challenge(&f, narrow, "GET /v2/_catalog",
			 ",scope=\"registry:catalog:*\",error=\"insufficient_scope\"");
	EXPECT_AS(&f, "Authorization: Basic eDp5\r\n", "GET /v2/", 401, "UNAUTHORIZED");
	stop(&f);
}

TEST(the_realm_is_not_made_of_any_host)
{
	struct fixture f;
	static const struct {
		const char *host;
		bool bearer;
	} cases[] = {
		{ "localhost:5000", true },    { "127.0.0.1:1", true },
		{ "[::1]:5000", true },        { "[::1]", true },
		{ "evil.example", false },     { "127.0.0.1.evil.x", false },
		{ "localhost:5000/x", false }, { "[::1]x", false },
		{ "localhost:", false },
	};
	start_with(&f, true, true, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		own_mem char *head =
			mem_printf("GET /v2/ HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].host);
		done(raw_answer) a = raw_ask(f.address, head, NULL, 0);
		own_mem char *want = mem_printf("Bearer realm=\"http://%s/token\",service=\"kiln\"",
						cases[i].host);
		EXPECT(a.status == 401);
		EXPECT_STR(str_of(raw_header(&a, "WWW-Authenticate")),
			   cases[i].bearer ? want : "Basic realm=\"kiln\"");
	}
	stop(&f);
	start_with(&f, true, true, "https://kiln.example");
	done(raw_answer) a = ask(&f, "GET /v2/");
	EXPECT_STR(str_of(raw_header(&a, "WWW-Authenticate")),
		   "Bearer realm=\"https://kiln.example/token\",service=\"kiln\"");
	stop(&f);
}

TEST(credentials_come_in_many_ways)
{
	struct fixture f;
	begin(&f, true);
	own(arena) m = arena_open(1 << 20);
	struct auth_user u;
	struct auth_token t;
	const char *secret;
	bool found;
	EXPECT_OK(auth_user_get(f.auth, m, STR("dev"), &found, &u));
	struct auth_token_request q = { .name = STR("ci"), .user_id = u.id };
	EXPECT_OK(auth_token_create(f.auth, m, &q, &t, &secret));
	own_mem char *bearer = mem_printf("Authorization: Bearer %s\r\n", secret);
	own_mem char *as_password = basic("dev", secret);
	own_mem char *registry = token_for(&f, "dev", "");
	own_mem char *anonymous = token_for(&f, NULL, "");
	own_mem char *anonymous_too = token_for(&f, "Authorization: Basic Og==\r\n", "");
	EXPECT_AS(&f, "dev", "GET /v2/", 200, NULL);
	EXPECT_AS(&f, bearer, "GET /v2/", 200, NULL);
	EXPECT_AS(&f, as_password, "GET /v2/", 200, NULL);
	EXPECT_AS(&f, registry, "GET /v2/", 200, NULL);
	EXPECT_AS(&f, anonymous, "GET /v2/", 200, NULL);
	EXPECT_AS(&f, anonymous_too, "GET /v2/", 200, NULL);
	own_mem char *wrong = basic("dev", "wrong");
	EXPECT_AS(&f, wrong, "GET /v2/", 401, NULL);
	EXPECT_AS(&f, wrong, "GET /token", 401, "UNAUTHORIZED");
	own_mem char *two = mem_printf("%s%s", bearer, bearer);
	EXPECT_AS(&f, two, "GET /v2/", 400, "ambiguous");
	/* a worker has no rights here */
	struct auth_token_request w = { .is_worker = true, .name = STR("w"), .pool = STR("") };
	EXPECT_OK(auth_token_create(f.auth, m, &w, &t, &secret));
	own_mem char *worker = mem_printf("Authorization: Bearer %s\r\n", secret);
	EXPECT_AS(&f, worker, "GET /v2/", 403, "DENIED");
	EXPECT_AS(&f, worker, "GET /v2/demo/open/tags/list", 403, "DENIED");
	own_mem char *by_worker = token_for(&f, worker, "&scope=repository:demo/open:pull");
	EXPECT_AS(&f, by_worker, "GET /v2/demo/open/tags/list", 401, "UNAUTHORIZED");
	stop(&f);
}

static int post_token(struct fixture *f, const char *type, const char *form)
{
	own_mem char *header = mem_printf("Content-Type: %s\r\n", type);
	done(raw_answer) a = ask_with(f, "POST /token", header, str_of(form));
	if (a.status == 200)
		EXPECT(strstr(a.body, "\"access_token\":\"") && !strstr(a.body, "refresh"));
	return a.status;
}

TEST(token_by_post)
{
	struct fixture f;
	begin(&f, true);
	const char *form = "application/x-www-form-urlencoded";
	static const struct {
		const char *body;
		int want;
	} cases[] = {
		{ "grant_type=password&username=dev&password=a+good+password&service=kiln"
		  "&client_id=containerd-client&scope=repository:demo/shut:pull",
		  200 },
		{ "grant_type=password&username=dev&password=wrong", 401 },
		{ "grant_type=password&username=dev", 401 },
		{ "grant_type=password", 401 },
		{ "grant_type=refresh_token&refresh_token=x", 401 },
		{ "grant_type=other", 400 },
		{ "", 400 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		EXPECT(post_token(&f, form, cases[i].body) == cases[i].want);
	EXPECT(post_token(&f, "application/json", "{}") == 400);
	own_mem char *large = mem_zalloc(LIMIT_TOKEN_FORM_BYTES + 2);
	memset(large, 'x', LIMIT_TOKEN_FORM_BYTES + 1);
	EXPECT(post_token(&f, form, large) == 400);
	EXPECT_AS(&f, NULL, "PUT /token", 405, NULL);
	stop(&f);
}

TEST(tokens_have_what_is_asked_for_and_may_be)
{
	struct fixture f;
	begin(&f, true);
	PUSH_AS(&f, "dev", "demo/shut", "1", "a", 201);
	own_mem char *dev =
		token_for(&f, "dev",
			  "&scope=repository:demo/shut:pull,push,delete"
			  "&scope=repository:demo/open:pull+repository:demo/new:pull,push");
	own_mem char *eve = token_for(&f, "eve", "&scope=repository:demo/shut:pull,push");
	own_mem char *root = token_for(&f, "root", "&scope=repository:demo/shut:*");
	EXPECT_AS(&f, dev, "GET /v2/demo/shut/manifests/1", 200, NULL);
	EXPECT_AS(&f, dev, "GET /v2/demo/shut/manifests/1", 200, NULL); /* prepared */
	EXPECT_AS(&f, eve, "GET /v2/demo/shut/manifests/1", 401, "UNAUTHORIZED");
	EXPECT_AS(&f, NULL, "GET /v2/demo/shut/manifests/1", 401, "UNAUTHORIZED");
	EXPECT_AS(&f, "eve", "GET /v2/demo/shut/manifests/1", 403, "DENIED");
	EXPECT_AS(&f, "dev", "GET /v2/demo/shut/manifests/1", 200, NULL);
	EXPECT_AS(&f, dev, "HEAD /v2/demo/new/manifests/1", 404, NULL);
	PUSH_AS(&f, dev, "demo/shut", "2", "b", 201);
	PUSH_AS(&f, dev, "demo/new", "1", "b", 201);
	EXPECT_AS(&f, dev, "POST /v2/demo/open/blobs/uploads/", 401, NULL);
	EXPECT_AS(&f, dev, "DELETE /v2/demo/shut/manifests/2", 401, "UNAUTHORIZED");
	EXPECT_AS(&f, root, "DELETE /v2/demo/shut/manifests/2", 202, NULL);
	stop(&f);
}

/* Status, headers and body but for the name. */
static char *answer_to(struct fixture *f, const char *who, const char *method, const char *name,
		       const char *tail)
{
	own_mem char *request = mem_printf("%s /v2/demo/%s/%s", method, name, tail);
	done(raw_answer) a = ask_as(f, who, request, STR(""));
	char *text = mem_printf("%s%s", a.head, a.body ? a.body : "");
	for (char *p; (p = strstr(text, name));)
		memcpy(p, "NAME", 4);
	char *date = strstr(text, "Date: ");
	if (date)
		memset(date, 'D', strcspn(date, "\r"));
	return text;
}

TEST(private_and_absent_look_the_same)
{
	struct fixture f;
	static const char *const requests[][2] = {
		{ "GET", "manifests/1" },
		{ "HEAD", "manifests/1" },
		{ "PUT", "manifests/1" },
		{ "DELETE", "manifests/1" },
		{ "GET", "tags/list" },
		{ "POST", "blobs/uploads/" },
		{ "GET", "manifests/none" },
		{ "GET", "manifests/1?x=1" },
		{ "GET", "blobs/uploads/0123" },
		{ "GET", "blobs/sha256:"
			 "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" },
		{ "GET", "referrers/sha256:"
			 "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" },
	};
	begin(&f, true);
	PUSH_AS(&f, "dev", "demo/shut", "1", "a", 201);
	own_mem char *eve = token_for(
		&f, "eve",
		"&scope=repository:demo/shut:pull,push&scope=repository:demo/gone:pull,push");
	const char *const who[] = { NULL, "eve", eve };
	for (size_t w = 0; w < ARRAY_LEN(who); w++) {
		for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
			own_mem char *there =
				answer_to(&f, who[w], requests[i][0], "shut", requests[i][1]);
			own_mem char *absent =
				answer_to(&f, who[w], requests[i][0], "gone", requests[i][1]);
			EXPECT_STR(str_of(there), absent);
			EXPECT(strstr(there, " 401 ") || strstr(there, " 403 ") ||
			       strstr(there, " 404 "));
		}
	}
	stop(&f);
}

TEST(pushes_make_repositories_where_they_may)
{
	struct fixture f;
	own(arena) m = arena_open(1 << 20);
	struct catalog_image_repository r;
	bool found;
	begin(&f, true);
	EXPECT_AS(&f, "dev", "HEAD /v2/demo/made/manifests/1", 404, NULL);
	EXPECT_OK(catalog_image_get(f.catalog, m, STR("demo/made"), &found, &r));
	EXPECT(!found);
	PUSH_AS(&f, "dev", "demo/made", "1", "a", 201);
	EXPECT_OK(catalog_image_get(f.catalog, m, STR("demo/made"), &found, &r));
	EXPECT(found && !r.is_public);
	EXPECT_AS(&f, "eve", "POST /v2/demo/other/blobs/uploads/", 403, "DENIED");
	EXPECT_AS(&f, "root", "POST /v2/strict/x/blobs/uploads/", 403, "kiln repo create");
	EXPECT_AS(&f, "root", "POST /v2/nowhere/x/blobs/uploads/", 403, "kiln namespace create");
	EXPECT_AS(&f, "dev", "POST /v2/alone/blobs/uploads/", 403, "DENIED");
	PUSH_AS(&f, "root", "alone", "1", "a", 201);
	EXPECT_AS(&f, "root", "GET /v2/alone/manifests/1", 200, NULL);
	EXPECT_AS(&f, "dev", "GET /v2/alone/manifests/1", 403, "DENIED");
	stop(&f);
}

TEST(what_is_public_is_for_everybody)
{
	struct fixture f;
	bool no = false;
	own(arena) m = arena_open(1 << 20);
	struct catalog_image_repository r;
	bool found;
	begin(&f, true);
	PUSH_AS(&f, "dev", "demo/open", "1", "a", 201);
	const char *const who[] = { NULL, "eve", "Authorization: Basic Og==\r\n", NULL };
	for (size_t i = 0; i < ARRAY_LEN(who); i++)
		EXPECT_AS(&f, who[i], "GET /v2/demo/open/manifests/1", 200, NULL);
	own_mem char *wrong = basic("dev", "wrong");
	EXPECT_AS(&f, wrong, "GET /v2/demo/open/manifests/1", 401, NULL);
	EXPECT_AS(&f, "Authorization: Bearer x\r\n", "GET /v2/demo/open/manifests/1", 401, NULL);
	EXPECT_OK(catalog_image_get(f.catalog, m, STR("demo/open"), &found, &r));
	EXPECT_OK(catalog_image_update(f.catalog, str_of(r.id),
				       &(struct catalog_image_change){ .is_public = &no }));
	EXPECT_AS(&f, NULL, "GET /v2/demo/open/manifests/1", 401, NULL);
	EXPECT_AS(&f, "dev", "GET /v2/demo/open/manifests/1", 200, NULL);
	stop(&f);
}

TEST(without_anonymous_pulls_a_login_is_needed)
{
	struct fixture f;
	begin(&f, false);
	PUSH_AS(&f, "dev", "demo/open", "1", "a", 201);
	own_mem char *nobody = token_for(&f, NULL, "&scope=repository:demo/open:pull");
	for (int i = 0; i < 2; i++) { /* also when it is prepared */
		EXPECT_AS(&f, "eve", "GET /v2/demo/open/manifests/1", 200, NULL);
		EXPECT_AS(&f, NULL, "GET /v2/demo/open/manifests/1", 401, NULL);
		EXPECT_AS(&f, nobody, "GET /v2/demo/open/manifests/1", 401, NULL);
		EXPECT_AS(&f, NULL, "GET /v2/_catalog", 401, NULL);
	}
	stop(&f);
}

TEST(mounts_need_a_pull_from_the_other_repository)
{
	struct fixture f;
	begin(&f, true);
	PUSH_AS(&f, "dev", "demo/shut", "1", "a", 201);
	user(&f, "one", false);
	EXPECT_OK(auth_grant_set(f.auth, STR("one"), STR("demo"), STR("open"), AUTH_DEVELOP));
	own_mem char *from = mem_printf("POST /v2/demo/open/blobs/uploads/?mount=%s&from=demo/shut",
					digest_of(LAYER).s);
	own_mem char *any =
		mem_printf("POST /v2/demo/open/blobs/uploads/?mount=%s", digest_of(LAYER).s);
	EXPECT_AS(&f, "one", from, 202, NULL);
	EXPECT_AS(&f, "one", any, 202, NULL);
	own_mem char *narrow = token_for(&f, "dev", "&scope=repository:demo/open:pull,push");
	own_mem char *both = token_for(&f, "dev",
				       "&scope=repository:demo/open:pull,push"
				       "&scope=repository:demo/shut:pull");
	EXPECT_AS(&f, narrow, from, 202, NULL);
	EXPECT_AS(&f, narrow, any, 202, NULL);
	EXPECT_AS(&f, both, from, 201, NULL);
	EXPECT_AS(&f, "dev", any, 201, NULL);
	EXPECT_AS(&f, "one", any, 201, NULL); /* it is there now */
	stop(&f);
}

TEST(sessions_are_for_who_may_push)
{
	struct fixture f;
	begin(&f, true);
	done(raw_answer) a = ask_as(&f, "dev", "POST /v2/demo/open/blobs/uploads/", STR(""));
	EXPECT(a.status == 202);
	own_mem char *at = mem_strdup(raw_header(&a, "Location"));
	own_mem char *get = mem_printf("GET %s", at), *patch = mem_printf("PATCH %s", at);
	EXPECT_AS(&f, "dev", get, 204, NULL);
	EXPECT_AS(&f, "eve", get, 404, "BLOB_UPLOAD_UNKNOWN");
	EXPECT_AS(&f, NULL, get, 401, NULL);
	done(raw_answer) e = ask_as(&f, "eve", patch, STR("xyz"));
	EXPECT(e.status == 404);
	done(raw_answer) d = ask_as(&f, "dev", patch, STR("xyz"));
	EXPECT(d.status == 202);
	EXPECT_STR(str_of(raw_header(&d, "Range")), "0-2");
	stop(&f);
}

TEST(policy_refuses_with_403)
{
	struct fixture f;
	begin(&f, true);
	repository(&f, "fixed", false, true);
	PUSH_AS(&f, "dev", "demo/fixed", "1", "a", 201);
	PUSH_AS(&f, "dev", "demo/fixed", "1", "a", 201);
	PUSH_AS(&f, "dev", "demo/fixed", "1", "b", 403);
	PUSH_AS(&f, "dev", "demo/fixed", "latest", "a", 201);
	PUSH_AS(&f, "dev", "demo/fixed", "latest", "b", 201);
	own_mem char *body = image("c", "");
	done(raw_answer) a = ask_as(&f, "dev", "PUT /v2/demo/fixed/manifests/1", str_of(body));
	EXPECT(a.status == 403 && strstr(a.body, "\"DENIED\"") &&
	       strstr(a.body, "The requested tag already exists and cannot be overwritten."));
	stop(&f);
}

TEST(a_repository_that_nobody_pushed_to_has_no_tags)
{
	struct fixture f;
	begin(&f, true);
	repository(&f, "young", false, false);
	EXPECT_AS(&f, "dev", "GET /v2/demo/young/tags/list", 200,
		  "{\"name\":\"demo/young\",\"tags\":[]}");
	EXPECT_AS(&f, "dev", "GET /v2/demo/young/manifests/1", 404, "MANIFEST_UNKNOWN");
	EXPECT_AS(&f, "eve", "GET /v2/demo/young/tags/list", 403, "DENIED");
	stop(&f);
}

TEST(the_catalog_has_what_one_may_see)
{
	struct fixture f;
	begin(&f, true);
	PUSH_AS(&f, "dev", "demo/open", "1", "a", 201);
	PUSH_AS(&f, "dev", "demo/shut", "1", "a", 201);
	PUSH_AS(&f, "root", "alone", "1", "a", 201);
	own_mem char *dev = token_for(&f, "dev", "&scope=registry:catalog:*");
	EXPECT_AS(&f, NULL, "GET /v2/_catalog", 200, "[\"demo/open\"]");
	EXPECT_AS(&f, "eve", "GET /v2/_catalog", 200, "[\"demo/open\"]");
	EXPECT_AS(&f, "dev", "GET /v2/_catalog", 200, "[\"demo/open\",\"demo/shut\"]");
	EXPECT_AS(&f, dev, "GET /v2/_catalog?n=1&last=demo/open", 200, "[\"demo/shut\"]");
	EXPECT_AS(&f, "root", "GET /v2/_catalog", 200, "[\"alone\",\"demo/open\",\"demo/shut\"]");
	stop(&f);
}

/* Rights that were taken away are away for tokens that were issued before, too. */
TEST(changed_roles_reach_tokens_that_are_out)
{
	struct fixture f;
	begin(&f, true);
	PUSH_AS(&f, "dev", "demo/shut", "1", "a", 201);
	own_mem char *dev = token_for(&f, "dev", "&scope=repository:demo/shut:pull,push");
	own_mem char *root = token_for(&f, "root", "&scope=repository:demo/shut:pull");
	EXPECT_AS(&f, dev, "GET /v2/demo/shut/manifests/1", 200, NULL);
	EXPECT_AS(&f, dev, "GET /v2/demo/shut/manifests/1", 200, NULL);
	grant(&f, "dev", AUTH_VIEW);
	EXPECT_AS(&f, dev, "GET /v2/demo/shut/manifests/1", 200, NULL);
	EXPECT_AS(&f, dev, "POST /v2/demo/shut/blobs/uploads/", 401, NULL);
	grant(&f, "dev", AUTH_NONE);
	EXPECT_AS(&f, dev, "GET /v2/demo/shut/manifests/1", 401, NULL);
	EXPECT_AS(&f, root, "GET /v2/demo/shut/manifests/1", 200, NULL);
	user(&f, "boss", true);
	bool yes = true;
	EXPECT_OK(auth_user_update(f.auth, STR("root"), NULL, NULL, &yes));
	EXPECT_AS(&f, root, "GET /v2/demo/shut/manifests/1", 401, NULL);
	stop(&f);
}

TEST(failed_logins_are_limited)
{
	struct fixture f;
	begin(&f, true);
	own_mem char *wrong = basic("dev", "wrong");
	int status = 0;
	for (int i = 0; i < 100 && status != 429; i++) {
		done(raw_answer) a = ask_as(&f, wrong, "GET /token", STR(""));
		status = a.status;
		EXPECT(status == 401 || status == 429);
		if (status == 429)
			EXPECT_STR(str_of(raw_header(&a, "Retry-After")), "60");
	}
	EXPECT(status == 429);
	stop(&f);
}
