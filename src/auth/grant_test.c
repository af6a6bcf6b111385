#include "auth/test_priv.h"

static struct auth_principal login(struct fixture *f, struct str header)
{
	struct auth_principal who = { 0 };
	EXPECT_OK(auth_check(f->auth, header, "192.0.2.1", &who));
	return who;
}

static enum auth_role role_of(struct fixture *f, const struct auth_principal *who, const char *ns,
			      const char *repository)
{
	enum auth_role r = AUTH_ADMIN;
	EXPECT_OK(auth_role_in(f->auth, who, str_of(ns), str_of(repository), &r));
	return r;
}

static void grant(struct fixture *f, const char *user, const char *ns, const char *repository,
		  enum auth_role r)
{
	EXPECT_OK(auth_grant_set(f->auth, str_of(user), str_of(ns), str_of(repository), r));
}

TEST(the_greater_role_of_namespace_and_repository_counts)
{
	static const struct {
		enum auth_role in_namespace, in_repository, want;
	} rows[] = {
		{ AUTH_NONE, AUTH_NONE, AUTH_NONE },
		{ AUTH_VIEW, AUTH_NONE, AUTH_VIEW },
		{ AUTH_NONE, AUTH_DEVELOP, AUTH_DEVELOP },
		{ AUTH_VIEW, AUTH_MAINTAIN, AUTH_MAINTAIN },
		{ AUTH_MAINTAIN, AUTH_VIEW, AUTH_MAINTAIN },
		{ AUTH_ADMIN, AUTH_VIEW, AUTH_ADMIN },
	};
	struct fixture f = fixture_open();
	test_user(&f, "ann", "a good password", false);
	grant(&f, "ann", "other", "hello", AUTH_ADMIN);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		grant(&f, "ann", "demo", "", rows[i].in_namespace);
		grant(&f, "ann", "demo", "a/b", rows[i].in_repository);
		struct auth_principal who = login(&f, test_basic(&f, "ann", "a good password"));
		EXPECT(role_of(&f, &who, "demo", "a/b") == rows[i].want);
		EXPECT(role_of(&f, &who, "demo", "a") == rows[i].in_namespace);
		EXPECT(role_of(&f, &who, "demo", "") == rows[i].in_namespace);
		EXPECT(role_of(&f, &who, "dem", "a/b") == AUTH_NONE);
		EXPECT(role_of(&f, &who, "", "hello") == AUTH_NONE);
	}
	fixture_done(&f);
}

TEST(a_token_narrows_user_and_administrator)
{
	static const struct {
		const char *user;
		enum auth_role most;
		const char *only;
		enum auth_role demo, other;
		bool is_admin;
	} rows[] = {
		{ "root", AUTH_NONE, NULL, AUTH_ADMIN, AUTH_ADMIN, true },
		{ "root", AUTH_ADMIN, NULL, AUTH_ADMIN, AUTH_ADMIN, true },
		{ "root", AUTH_VIEW, NULL, AUTH_VIEW, AUTH_VIEW, false },
		{ "root", AUTH_NONE, "demo", AUTH_ADMIN, AUTH_NONE, false },
		{ "root", AUTH_DEVELOP, "demo", AUTH_DEVELOP, AUTH_NONE, false },
		{ "ann", AUTH_NONE, NULL, AUTH_MAINTAIN, AUTH_VIEW, false },
		{ "ann", AUTH_ADMIN, NULL, AUTH_MAINTAIN, AUTH_VIEW, false },
		{ "ann", AUTH_DEVELOP, NULL, AUTH_DEVELOP, AUTH_VIEW, false },
		{ "ann", AUTH_DEVELOP, "other", AUTH_NONE, AUTH_VIEW, false },
	};
	struct fixture f = fixture_open();
	test_user(&f, "root", "a good password", true);
	test_user(&f, "ann", "a good password", false);
	grant(&f, "ann", "demo", "", AUTH_MAINTAIN);
	grant(&f, "ann", "other", "", AUTH_VIEW);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *t = test_token(&f, rows[i].user, rows[i].most, rows[i].only, 0, NULL);
		struct auth_principal who = login(&f, test_bearer(&f, t));
		EXPECT(who.is_admin == rows[i].is_admin);
		EXPECT(role_of(&f, &who, "demo", "x") == rows[i].demo);
		EXPECT(role_of(&f, &who, "other", "") == rows[i].other);
		/* The same when something changed since the login. */
		auth_changed(f.auth);
		EXPECT(role_of(&f, &who, "demo", "x") == rows[i].demo);
		EXPECT(role_of(&f, &who, "other", "") == rows[i].other);
		EXPECT_OK(auth_refresh(f.auth, &who));
		EXPECT(who.is_admin == rows[i].is_admin);
	}
	fixture_done(&f);
}

TEST(system_may_all_and_nobody_and_workers_nothing)
{
	struct fixture f = fixture_open();
	struct auth_principal system = { .kind = AUTH_SYSTEM, .name = "system" };
	struct auth_principal nobody = login(&f, STR(""));
	struct auth_principal worker =
		login(&f, test_bearer(&f, test_worker_token(&f, "w", "pool")));
	EXPECT(role_of(&f, &system, "demo", "hello") == AUTH_ADMIN);
	EXPECT(role_of(&f, &nobody, "demo", "hello") == AUTH_NONE);
	EXPECT(role_of(&f, &worker, "demo", "hello") == AUTH_NONE);
	fixture_done(&f);
}

/* Who was looked up before keeps nothing that was taken away. */
TEST(a_role_that_was_taken_is_gone_at_once)
{
	static const bool yes = true, no = false;
	struct fixture f = fixture_open();
	const char *id;
	bool found;
	test_user(&f, "root", "a good password", true);
	test_user(&f, "two", "a good password", true);
	const char *t = test_token(&f, "root", AUTH_NONE, NULL, 0, &id);
	struct auth_principal by_token = login(&f, test_bearer(&f, t));
	struct auth_principal who = login(&f, test_basic(&f, "root", "a good password"));
	EXPECT(role_of(&f, &by_token, "demo", "") == AUTH_ADMIN);
	EXPECT_OK(auth_token_delete(f.auth, str_of(id), NULL, &found));
	EXPECT(role_of(&f, &by_token, "demo", "") == AUTH_NONE);
	EXPECT_ERR(auth_refresh(f.auth, &by_token), ERR_DENIED, NULL);
	EXPECT(role_of(&f, &who, "demo", "") == AUTH_ADMIN);
	EXPECT_OK(auth_user_update(f.auth, STR("root"), NULL, &no, NULL));
	EXPECT(role_of(&f, &who, "demo", "") == AUTH_NONE);
	grant(&f, "root", "demo", "", AUTH_DEVELOP);
	EXPECT(role_of(&f, &who, "demo", "") == AUTH_DEVELOP);
	EXPECT_OK(auth_user_update(f.auth, STR("root"), NULL, NULL, &yes));
	EXPECT(role_of(&f, &who, "demo", "") == AUTH_NONE);
	EXPECT_ERR(auth_refresh(f.auth, &who), ERR_DENIED, NULL);
	EXPECT_OK(auth_user_delete(f.auth, STR("root"), &found));
	/* Another one of the same name inherits nothing. */
	test_user(&f, "root", "a good password", true);
	EXPECT(role_of(&f, &who, "demo", "") == AUTH_NONE);
	EXPECT_ERR(auth_refresh(f.auth, &who), ERR_DENIED, NULL);
	fixture_done(&f);
}

/* For who holds a connection open and may not ask the database each time. */
TEST(who_is_fresh_needs_no_look)
{
	struct fixture f = fixture_open();
	test_user(&f, "ann", "a good password", false);
	int64_t soon_ns = test_unix_ns + 60 * TEST_SECOND_NS;
	const char *t = test_token(&f, "ann", AUTH_NONE, NULL, soon_ns, NULL);
	struct auth_principal by_token = login(&f, test_bearer(&f, t));
	struct auth_principal who = login(&f, test_basic(&f, "ann", "a good password"));
	EXPECT(auth_is_fresh(f.auth, &by_token) && auth_is_fresh(f.auth, &who));
	auth_changed(f.auth);
	EXPECT(!auth_is_fresh(f.auth, &by_token) && !auth_is_fresh(f.auth, &who));
	EXPECT_OK(auth_refresh(f.auth, &by_token));
	EXPECT_OK(auth_refresh(f.auth, &who));
	EXPECT(auth_is_fresh(f.auth, &by_token) && auth_is_fresh(f.auth, &who));
	test_unix_ns = soon_ns;
	EXPECT(!auth_is_fresh(f.auth, &by_token) && auth_is_fresh(f.auth, &who));
	EXPECT_ERR(auth_refresh(f.auth, &by_token), ERR_DENIED, NULL);
	/* What was looked up with one password is nobody's with another. */
	EXPECT_OK(auth_user_update(f.auth, STR("ann"), &STR("a good password 2"), NULL, NULL));
	EXPECT_ERR(auth_refresh(f.auth, &who), ERR_DENIED, NULL);
	fixture_done(&f);
}

TEST(grants_are_listed_replaced_removed_and_dropped)
{
	struct fixture f = fixture_open();
	struct auth_grant *list;
	size_t n;
	test_user(&f, "ann", "a good password", false);
	test_user(&f, "bob", "a good password", false);
	grant(&f, "bob", "demo", "", AUTH_VIEW);
	grant(&f, "ann", "demo", "b", AUTH_VIEW);
	grant(&f, "ann", "demo", "", AUTH_ADMIN);
	grant(&f, "ann", "demo", "b", AUTH_DEVELOP);
	grant(&f, "ann", "other", "", AUTH_DEVELOP);
	EXPECT_OK(auth_grant_list(f.auth, f.m, STR("demo"), &list, &n));
	EXPECT(n == 3);
	EXPECT_STR(str_of(list[0].user), "ann");
	EXPECT_STR(str_of(list[0].repository), "");
	EXPECT_STR(str_of(list[1].repository), "b");
	EXPECT_STR(str_of(list[1].role), "develop");
	EXPECT_STR(str_of(list[2].user), "bob");
	EXPECT_OK(auth_grant_drop(f.auth, STR("demo"), STR("b")));
	grant(&f, "bob", "demo", "", AUTH_NONE);
	grant(&f, "bob", "demo", "", AUTH_NONE);
	EXPECT_OK(auth_grant_list(f.auth, f.m, STR("demo"), &list, &n));
	EXPECT(n == 1);
	EXPECT_OK(auth_grant_drop(f.auth, STR("demo"), STR("")));
	EXPECT_OK(auth_grant_list(f.auth, f.m, STR("demo"), &list, &n));
	EXPECT(n == 0);
	EXPECT_OK(auth_grant_list(f.auth, f.m, STR("other"), &list, &n));
	EXPECT(n == 1);
	EXPECT_ERR(auth_grant_set(f.auth, STR("carl"), STR("demo"), STR(""), AUTH_VIEW),
		   ERR_NOT_FOUND, NULL);
	EXPECT_ERR(auth_grant_set(f.auth, STR("ann"), STR("De mo"), STR(""), AUTH_VIEW),
		   ERR_INVALID, NULL);
	EXPECT_ERR(auth_grant_set(f.auth, STR("ann"), STR(""), STR("x"), AUTH_VIEW), ERR_INVALID,
		   NULL);
	fixture_done(&f);
}

static void expect_namespaces(struct fixture *f, const struct auth_principal *who, bool all,
			      const char *want)
{
	const char **names;
	size_t n;
	bool got_all;
	EXPECT_OK(auth_namespaces_of(f->auth, f->m, who, &names, &n, &got_all));
	EXPECT(got_all == all);
	struct buf b;
	buf_init(&b, 100);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s ", names[i]);
	EXPECT_STR(buf_str(&b), want);
	buf_done(&b);
}

TEST(the_namespaces_somebody_has_a_role_in)
{
	struct fixture f = fixture_open();
	test_user(&f, "root", "a good password", true);
	test_user(&f, "ann", "a good password", false);
	grant(&f, "ann", "demo", "", AUTH_VIEW);
	grant(&f, "ann", "demo", "x", AUTH_VIEW);
	grant(&f, "ann", "apps", "only", AUTH_VIEW);
	struct auth_principal system = { .kind = AUTH_SYSTEM, .most = AUTH_ADMIN };
	struct auth_principal nobody = login(&f, STR(""));
	struct auth_principal ann = login(&f, test_basic(&f, "ann", "a good password"));
	struct auth_principal root = login(&f, test_basic(&f, "root", "a good password"));
	struct auth_principal one =
		login(&f, test_bearer(&f, test_token(&f, "root", AUTH_VIEW, "demo", 0, NULL)));
	struct auth_principal apps =
		login(&f, test_bearer(&f, test_token(&f, "ann", AUTH_NONE, "apps", 0, NULL)));
	struct auth_principal viewer =
		login(&f, test_bearer(&f, test_token(&f, "root", AUTH_VIEW, NULL, 0, NULL)));
	expect_namespaces(&f, &system, true, "");
	expect_namespaces(&f, &nobody, false, "");
	expect_namespaces(&f, &ann, false, "apps demo ");
	expect_namespaces(&f, &root, true, "");
	expect_namespaces(&f, &viewer, true, "");
	expect_namespaces(&f, &one, false, "demo ");
	expect_namespaces(&f, &apps, false, "apps ");
	fixture_done(&f);
}
