#include "catalog/image.h"

#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/test.h"

struct fixture {
	int dir_fd;
	struct db *db;
	struct auth *auth;
	struct catalog *c;
	struct arena *m;
};

static struct fixture open_all(void)
{
	struct fixture f = { .dir_fd = test_tmpdir() };
	own_mem char *path = mem_printf("/proc/self/fd/%d/kiln.db", f.dir_fd);
	EXPECT_OK(db_open(path, &f.db));
	EXPECT_OK(auth_open(f.db, f.dir_fd, &f.auth));
	EXPECT_OK(catalog_open(f.db, f.dir_fd, &f.c));
	f.m = arena_open((size_t)64 << 20);
	return f;
}

static void close_all(struct fixture *f)
{
	catalog_free(f->c);
	auth_free(f->auth);
	db_free(f->db);
	arena_free(f->m);
	close(f->dir_fd);
}

static void add_namespace(struct fixture *f, const char *name)
{
	struct catalog_namespace n;
	EXPECT_OK(catalog_namespace_create(f->c, f->m, str_of(name), true, false, &n));
	EXPECT_STR(str_of(n.name), name);
	EXPECT(str_starts(str_of(n.id), STR("crn-")));
}

static struct catalog_image_repository add(struct fixture *f, const char *ns, const char *name,
					   bool is_public, bool immutable)
{
	struct catalog_image_repository r;
	struct catalog_image_request q = { .namespace_ = str_of(ns),
					   .name = str_of(name),
					   .is_public = is_public,
					   .immutable = immutable };
	EXPECT_OK(catalog_image_create(f->c, f->m, &q, &r));
	return r;
}

static struct auth_principal user(struct fixture *f, const char *name, bool is_admin)
{
	struct auth_user u;
	struct auth_principal who;
	EXPECT_OK(auth_user_create(f->auth, f->m, str_of(name), STR("a good password"), is_admin,
				   &u));
	EXPECT_OK(auth_login(f->auth, str_of(name), STR("a good password"), "::1", &who));
	return who;
}

static const struct auth_principal nobody = { .kind = AUTH_ANONYMOUS, .most = AUTH_ADMIN };

TEST(names_of_namespaces_are_checked)
{
	static const struct {
		const char *name;
		bool ok;
	} cases[] = {
		{ "demo", true },
		{ "a1", true },
		{ "a.b_c-d", true },
		{ "a", false },
		{ "", false },
		{ "Demo", false },
		{ "a..b", false },
		{ "-a", false },
		{ "a-", false },
		{ "a/b", false },
		{ "a b", false },
		{ "crn-abc", false },
		{ "\xc3\xa4\xc3\xa4", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		EXPECT(catalog_namespace_name_ok(str_of(cases[i].name)) == cases[i].ok);
	char longest[122];
	memset(longest, 'a', sizeof(longest));
	EXPECT(catalog_namespace_name_ok(str_n(longest, 120)));
	EXPECT(!catalog_namespace_name_ok(str_n(longest, 121)));
	EXPECT(!catalog_namespace_name_ok(str_n("a\0b", 3)));
}

TEST(a_namespace_comes_changes_and_goes)
{
	struct fixture f = open_all();
	struct catalog_namespace n;
	bool found, yes = true, no = false;
	add_namespace(&f, "demo");
	EXPECT_ERR(catalog_namespace_create(f.c, f.m, STR("demo"), true, true, &n), ERR_CONFLICT,
		   "demo");
	EXPECT_ERR(catalog_namespace_create(f.c, f.m, STR("A"), true, true, &n), ERR_INVALID, NULL);
	EXPECT_OK(catalog_namespace_update(f.c, STR("demo"), &no, NULL));
	EXPECT_OK(catalog_namespace_update(f.c, STR("demo"), NULL, &yes));
	EXPECT_OK(catalog_namespace_get(f.c, f.m, STR("demo"), &found, &n));
	EXPECT(found && !n.auto_create && n.default_public && n.n_repositories == 0);
	EXPECT_OK(catalog_namespace_get(f.c, f.m, str_of(n.id), &found, &n));
	EXPECT(found);
	add(&f, "demo", "a", false, false);
	EXPECT_ERR(catalog_namespace_delete(f.c, STR("demo"), &found), ERR_CONFLICT,
		   "not empty: it has image repository demo/a");
	EXPECT_OK(catalog_image_get(f.c, f.m, STR("demo/a"), &found,
				    &(struct catalog_image_repository){ 0 }));
	EXPECT_OK(catalog_image_delete(f.c, STR("demo/a"), &found));
	EXPECT(found);
	EXPECT_OK(catalog_namespace_delete(f.c, STR("demo"), &found));
	EXPECT(found);
	EXPECT_OK(catalog_namespace_delete(f.c, STR("demo"), &found));
	EXPECT(!found);
	EXPECT_ERR(catalog_namespace_update(f.c, STR("demo"), &no, NULL), ERR_NOT_FOUND, NULL);
	close_all(&f);
}

TEST(an_image_repository_comes_changes_and_goes)
{
	struct fixture f = open_all();
	struct catalog_image_repository r, got;
	bool found, yes = true;
	struct str text = STR("what it is"), none = STR("");
	add_namespace(&f, "demo");
	r = add(&f, "demo", "team/app", false, false);
	EXPECT_STR(str_of(r.full_name), "demo/team/app");
	EXPECT(str_starts(str_of(r.id), STR("crr-")) && !r.is_public);
	uint64_t before = catalog_generation(f.c);
	EXPECT_OK(catalog_image_update(
		f.c, str_of(r.id),
		&(struct catalog_image_change){ .is_public = &yes, .summary = &text }));
	EXPECT(catalog_generation(f.c) != before);
	EXPECT_OK(catalog_image_get(f.c, f.m, str_of(r.id), &found, &got));
	EXPECT(found && got.is_public && !got.immutable);
	EXPECT_STR(str_of(got.summary), "what it is");
	EXPECT_OK(catalog_image_update(f.c, str_of(r.id),
				       &(struct catalog_image_change){ .summary = &none }));
	EXPECT_OK(catalog_image_get(f.c, f.m, STR("demo/team/app"), &found, &got));
	EXPECT(found && got.is_public && !*got.summary);
	EXPECT_OK(catalog_image_delete(f.c, str_of(r.id), &found));
	EXPECT(found);
	EXPECT_OK(catalog_image_get(f.c, f.m, str_of(r.id), &found, &got));
	EXPECT(!found);
	close_all(&f);
}

TEST(what_is_no_image_repository_is_refused)
{
	struct fixture f = open_all();
	struct catalog_image_repository r;
	char summary[102];
	add_namespace(&f, "demo");
	add(&f, "demo", "a", true, false);
	static const struct {
		const char *namespace_, *name;
		enum err_kind kind;
	} cases[] = {
		{ "demo", "a", ERR_CONFLICT },  { "demo", "", ERR_INVALID },
		{ "demo", "A", ERR_INVALID },   { "demo", "a//b", ERR_INVALID },
		{ "none", "a", ERR_NOT_FOUND }, { "de/mo", "a", ERR_INVALID },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct catalog_image_request q = { .namespace_ = str_of(cases[i].namespace_),
						   .name = str_of(cases[i].name) };
		EXPECT_ERR(catalog_image_create(f.c, f.m, &q, &r), cases[i].kind, NULL);
	}
	memset(summary, 'x', sizeof(summary));
	struct catalog_image_request q = { .namespace_ = STR("demo"),
					   .name = STR("b"),
					   .summary = str_n(summary, 101) };
	EXPECT_ERR(catalog_image_create(f.c, f.m, &q, &r), ERR_INVALID, "100");
	q.summary.len = 100;
	char *description = arena_zalloc(f.m, LIMIT_DESCRIPTION_BYTES + 1);
	memset(description, 'x', LIMIT_DESCRIPTION_BYTES + 1);
	q.description = str_n(description, LIMIT_DESCRIPTION_BYTES + 1);
	EXPECT_ERR(catalog_image_create(f.c, f.m, &q, &r), ERR_INVALID, "at most 16384 bytes");
	q.description.len = LIMIT_DESCRIPTION_BYTES;
	EXPECT_OK(catalog_image_create(f.c, f.m, &q, &r));
	EXPECT(strlen(r.description) == LIMIT_DESCRIPTION_BYTES);
	close_all(&f);
}

/* ---- who may ---- */

static enum auth_role role_of(struct fixture *f, const struct auth_principal *who, const char *name)
{
	bool found, is_public;
	enum auth_role role;
	EXPECT_OK(catalog_image_role(f->c, f->auth, who, str_of(name), &found, &is_public, &role));
	return role;
}

TEST(roles_count_with_visibility)
{
	struct fixture f = open_all();
	add_namespace(&f, "demo");
	add(&f, "demo", "open", true, false);
	add(&f, "demo", "shut", false, false);
	add(&f, "demo", "sub/one", false, false);
	struct auth_principal admin = user(&f, "root", true), eve = user(&f, "eve", false),
			      ann = user(&f, "ann", false), one = user(&f, "one", false);
	EXPECT_OK(auth_grant_set(f.auth, STR("ann"), STR("demo"), STR(""), AUTH_DEVELOP));
	EXPECT_OK(auth_grant_set(f.auth, STR("one"), STR("demo"), STR("sub/one"), AUTH_MAINTAIN));
	struct auth_principal worker = { .kind = AUTH_WORKER, .most = AUTH_ADMIN };
	const struct {
		const struct auth_principal *who;
		const char *name;
		enum auth_role want;
	} cases[] = {
		{ &nobody, "demo/open", AUTH_VIEW },  { &nobody, "demo/shut", AUTH_NONE },
		{ &nobody, "demo/gone", AUTH_NONE },  { &nobody, "alone", AUTH_NONE },
		{ &eve, "demo/open", AUTH_VIEW },     { &eve, "demo/shut", AUTH_NONE },
		{ &ann, "demo/open", AUTH_DEVELOP },  { &ann, "demo/shut", AUTH_DEVELOP },
		{ &ann, "demo/gone", AUTH_DEVELOP },  { &ann, "alone", AUTH_NONE },
		{ &one, "demo/shut", AUTH_NONE },     { &one, "demo/sub/one", AUTH_MAINTAIN },
		{ &one, "demo/gone", AUTH_NONE },     { &worker, "demo/open", AUTH_NONE },
		{ &admin, "demo/shut", AUTH_ADMIN },  { &admin, "alone", AUTH_ADMIN },
		{ &admin, "other/gone", AUTH_ADMIN },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum auth_role got = role_of(&f, cases[i].who, cases[i].name);
		if (got != cases[i].want)
			print_error("%s in %s: %s\n", cases[i].who->name, cases[i].name,
				    auth_role_name(got));
		EXPECT(got == cases[i].want);
	}
	close_all(&f);
}

static void expect_query(struct fixture *f, const struct auth_principal *who,
			 const struct catalog_image_query *q, const char *after, size_t n,
			 const char *want)
{
	struct catalog_image_repository *v;
	size_t got;
	struct buf b;
	buf_init(&b, 10000);
	EXPECT_OK(catalog_image_list(f->c, f->m, f->auth, who, q, str_of(after), n, &v, &got));
	for (size_t i = 0; i < got; i++)
		buf_printf(&b, "%s%s", i ? " " : "", v[i].full_name);
	EXPECT_STR(buf_str(&b), want);
	buf_done(&b);
}

static void expect_list(struct fixture *f, const struct auth_principal *who, const char *ns,
			const char *part, const char *after, size_t n, const char *want)
{
	expect_query(
		f, who,
		&(struct catalog_image_query){ .namespace_ = str_of(ns), .part = str_of(part) },
		after, n, want);
}

TEST(lists_have_what_one_may_see)
{
	struct fixture f = open_all();
	add_namespace(&f, "aa");
	add_namespace(&f, "bb");
	add(&f, "aa", "open", true, false);
	add(&f, "aa", "shut", false, false);
	add(&f, "bb", "one", false, false);
	add(&f, "bb", "two_x", false, false);
	struct auth_principal admin = user(&f, "root", true), ann = user(&f, "ann", false);
	EXPECT_OK(auth_grant_set(f.auth, STR("ann"), STR("bb"), STR("one"), AUTH_VIEW));
	expect_list(&f, &nobody, "", "", "", 9, "aa/open");
	expect_list(&f, &ann, "", "", "", 9, "aa/open bb/one");
	expect_list(&f, &admin, "", "", "", 9, "aa/open aa/shut bb/one bb/two_x");
	expect_list(&f, &admin, "", "", "aa/open", 2, "aa/shut bb/one");
	expect_list(&f, &admin, "bb", "", "", 9, "bb/one bb/two_x");
	expect_list(&f, &admin, "", "o", "", 9, "aa/open bb/one bb/two_x");
	expect_list(&f, &admin, "", "_", "", 9, "bb/two_x");
	expect_list(&f, &admin, "", "%", "", 9, "");
	close_all(&f);
}

/* More rows than a batch that the caller may not see do not hide the one behind them. */
TEST(a_list_goes_on_behind_what_is_hidden)
{
	struct fixture f = open_all();
	add_namespace(&f, "aa");
	for (int i = 0; i < 520; i++) {
		own_mem char *name = mem_printf("r%d", i);
		add(&f, "aa", name, false, false);
	}
	add(&f, "aa", "zz", true, false);
	expect_list(&f, &nobody, "", "", "", 1, "aa/zz");
	close_all(&f);
}

/* ---- tags ---- */

static struct oci_digest publish(struct fixture *f, const char *repository, int n, const char *tag,
				 enum err_kind *refused)
{
	own_mem char *body = mem_printf("{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\","
					"\"manifests\":[],\"annotations\":{\"n\":\"%d\"}}",
					n);
	struct oci_document doc;
	EXPECT_OK(oci_document_parse(f->m, str_of(body), STR(""), &doc));
	struct catalog_put put = { .digest = oci_digest_of_bytes(body, strlen(body)),
				   .media_type = OCI_TYPE_INDEX,
				   .size = strlen(body),
				   .doc = &doc };
	struct err *e = catalog_publish(f->c, str_of(repository), &put, 1, &tag, 1, false, f->m,
					NULL, NULL);
	if (refused) {
		EXPECT(e && err_code(e) && strcmp(err_code(e), "TAG_IMMUTABLE") == 0);
		*refused = e->kind;
		err_free(e);
	} else {
		EXPECT_OK(e);
	}
	return put.digest;
}

static void expect_holders(struct fixture *f, const struct auth_principal *who,
			   const struct oci_digest *d, const char *after, size_t n,
			   const char *want)
{
	expect_query(f, who, &(struct catalog_image_query){ .digest = d }, after, n, want);
}

/* What an image is in is told of those repositories only that one may see. */
TEST(lists_have_what_holds_a_digest)
{
	struct fixture f = open_all();
	add_namespace(&f, "aa");
	add(&f, "aa", "open", true, false);
	add(&f, "aa", "other", true, false);
	add(&f, "aa", "shut", false, false);
	struct oci_digest one = publish(&f, "aa/open", 1, "x", NULL);
	publish(&f, "aa/shut", 1, "y", NULL);
	struct oci_digest two = publish(&f, "aa/shut", 2, "z", NULL);
	publish(&f, "bare", 2, "z", NULL); /* no image repository */
	struct oci_digest three = oci_digest_of_bytes("3", 1);
	struct auth_principal admin = user(&f, "root", true), ann = user(&f, "ann", false);
	expect_holders(&f, &admin, &one, "", 9, "aa/open aa/shut");
	expect_holders(&f, &admin, &one, "", 1, "aa/open");
	expect_holders(&f, &admin, &one, "aa/open", 9, "aa/shut");
	expect_holders(&f, &ann, &one, "", 9, "aa/open");
	expect_holders(&f, &nobody, &one, "", 9, "aa/open");
	expect_holders(&f, &admin, &two, "", 9, "aa/shut");
	expect_holders(&f, &nobody, &two, "", 9, "");
	expect_holders(&f, &admin, &three, "", 9, "");
	bool found;
	EXPECT_OK(catalog_manifest_delete(f.c, STR("aa/open"), &one, &found));
	expect_holders(&f, &admin, &one, "", 9, "aa/shut");
	expect_query(&f, &admin,
		     &(struct catalog_image_query){ .digest = &one, .namespace_ = STR("bb") }, "",
		     9, "");
	close_all(&f);
}

TEST(tags_of_an_immutable_repository_stay)
{
	struct fixture f = open_all();
	enum err_kind kind;
	bool no = false;
	add_namespace(&f, "demo");
	struct catalog_image_repository r = add(&f, "demo", "a", false, true);
	publish(&f, "demo/a", 1, "1.0", NULL);
	publish(&f, "demo/a", 1, "1.0", NULL); /* the same again */
	publish(&f, "demo/a", 2, "1.0", &kind);
	EXPECT(kind == ERR_DENIED);
	publish(&f, "demo/a", 1, "latest", NULL);
	struct oci_digest two = publish(&f, "demo/a", 2, "latest", NULL);
	struct catalog_tag *tags;
	size_t n;
	EXPECT_OK(catalog_image_tags(f.c, f.m, STR("demo/a"),
				     &(struct catalog_tag_query){ .n = 10 }, &tags, &n));
	EXPECT(n == 2 && !oci_digest_eq(&tags[0].manifest.digest, &two) &&
	       oci_digest_eq(&tags[1].manifest.digest, &two));
	EXPECT_ERR(catalog_image_retag(f.c, STR("demo/a"), STR("latest"), STR("1.0")), ERR_DENIED,
		   "cannot be overwritten");
	EXPECT_OK(catalog_image_retag(f.c, STR("demo/a"), STR("latest"), STR("2.0")));
	EXPECT_OK(catalog_image_retag(f.c, STR("demo/a"), str_of(oci_digest_text(&two).s),
				      STR("2.0")));
	const char *free_tags[] = { "latest", "3.0" }, *taken[] = { "3.0", "2.0" };
	EXPECT_OK(catalog_image_tags_free(f.c, STR("demo/a"), free_tags, 2));
	EXPECT_ERR(catalog_image_tags_free(f.c, STR("demo/a"), taken, 2), ERR_DENIED, "2.0");
	EXPECT_OK(catalog_image_update(f.c, str_of(r.id),
				       &(struct catalog_image_change){ .immutable = &no }));
	EXPECT_OK(catalog_image_retag(f.c, STR("demo/a"), STR("latest"), STR("1.0")));
	EXPECT_OK(catalog_image_tags_free(f.c, STR("demo/a"), taken, 2));
	close_all(&f);
}

TEST(retags_name_what_is_wrong)
{
	struct fixture f = open_all();
	add_namespace(&f, "demo");
	add(&f, "demo", "a", false, false);
	struct oci_digest d = publish(&f, "demo/a", 1, "1", NULL);
	publish(&f, "demo/b", 2, "1", NULL);
	EXPECT_ERR(catalog_image_retag(f.c, STR("demo/a"), STR("2"), STR("3")), ERR_NOT_FOUND, "2");
	EXPECT_ERR(catalog_image_retag(f.c, STR("demo/a"), STR("1"), STR(".x")), ERR_INVALID, ".x");
	EXPECT_ERR(catalog_image_retag(f.c, STR("demo/a"), STR("sha256:1"), STR("x")), ERR_INVALID,
		   NULL);
	EXPECT_ERR(catalog_image_retag(f.c, STR("demo/b"), str_of(oci_digest_text(&d).s), STR("x")),
		   ERR_NOT_FOUND, NULL);
	bool found;
	EXPECT_OK(catalog_image_delete(f.c, STR("demo/a"), &found));
	struct catalog_tag t;
	EXPECT_OK(catalog_image_tag_get(f.c, f.m, STR("demo/a"), STR("1"), &found, &t));
	EXPECT(!found);
	EXPECT_OK(catalog_image_tag_get(f.c, f.m, STR("demo/b"), STR("1"), &found, &t));
	EXPECT(found);
	close_all(&f);
}
