#include "auth/test_priv.h"

#include <stdio.h>

TEST(names_of_users)
{
	static const struct {
		const char *name, *code;
	} rows[] = {
		{ "a", "" },
		{ "0", "" },
		{ "ann.lee_2-x", "" },
		{ "", "USER_NAME" },
		{ "Ann", "USER_NAME" },
		{ ".ann", "USER_NAME" },
		{ "-ann", "USER_NAME" },
		{ "_ann", "USER_NAME" },
		{ "an n", "USER_NAME" },
		{ "an:n", "USER_NAME" },
		{ "an/n", "USER_NAME" },
		{ "\xc3\xa4nn", "USER_NAME" },
		{ "build", "USER_NAME" },
		{ "token", "USER_NAME" },
		{ "worker", "USER_NAME" },
		{ "system", "USER_NAME" },
		{ "anonymous", "USER_NAME" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "USER_NAME" },
		{ "a", "USER_EXISTS" },
	};
	struct fixture f = fixture_open();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct auth_user u;
		const char *code = test_code(auth_user_create(f.auth, f.m, str_of(rows[i].name),
							      STR("a good password"), false, &u));
		if (strcmp(code, rows[i].code) != 0)
			fail_msg("%s: %s", rows[i].name, code);
	}
	fixture_done(&f);
}

/* Eight bytes were enough before. */
TEST(a_shorter_password_that_was_set_before_goes_on_working)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	struct auth_user u;
	char hash[AUTH_HASH_TEXT];
	EXPECT_OK(auth_user_create(f.auth, f.m, STR("a"), STR("a long password"), true, &u));
	EXPECT_OK(auth_password_hash(f.auth, STR("8 bytes!"), hash));
	EXPECT_OK(db_exec(f.db, "UPDATE user_account SET password_hash = $1",
			  DB_PARAMS(db_cstr(hash))));
	EXPECT_OK(auth_login(f.auth, STR("a"), STR("8 bytes!"), NULL, &who));
	struct str again = STR("8 bytes!");
	EXPECT_STR(str_of(test_code(auth_user_update(f.auth, STR("a"), &again, NULL, NULL))),
		   "PASSWORD");
	fixture_done(&f);
}

TEST(a_password_has_12_characters_whatever_their_bytes)
{
	struct fixture f = fixture_open();
	struct auth_user u;
	static const char *const few[] = { "12345678901",
					   "\xe5\x8f\xa3\xe4\xbb\xa4\xe5\x8f\xa3\xe4\xbb\xa4",
					   "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" };
	for (size_t i = 0; i < ARRAY_LEN(few); i++)
		EXPECT_STR(str_of(test_code(auth_user_create(f.auth, f.m, STR("a"), str_of(few[i]),
							     false, &u))),
			   "PASSWORD");
	EXPECT_OK(auth_user_create(f.auth, f.m, STR("a"), STR("1234567890 \xc3\xa9"), false, &u));
	fixture_done(&f);
}

TEST(passwords_have_12_characters_to_1024_bytes_and_all_count)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	struct auth_user u;
	char p[1026];
	memset(p, 'x', sizeof(p));
	EXPECT_STR(
		str_of(test_code(auth_user_create(f.auth, f.m, STR("a"), str_n(p, 11), false, &u))),
		"PASSWORD");
	EXPECT_STR(str_of(test_code(
			   auth_user_create(f.auth, f.m, STR("a"), str_n(p, 1025), false, &u))),
		   "PASSWORD");
	EXPECT_OK(auth_user_create(f.auth, f.m, STR("a"), str_n(p, 1024), false, &u));
	EXPECT_OK(auth_login(f.auth, STR("a"), str_n(p, 1024), NULL, &who));
	p[1023] = 'y';
	EXPECT_ERR(auth_login(f.auth, STR("a"), str_n(p, 1024), NULL, &who), ERR_DENIED, NULL);
	p[1023] = 'x';
	EXPECT_ERR(auth_login(f.auth, STR("a"), str_n(p, 1023), NULL, &who), ERR_DENIED, NULL);
	EXPECT_ERR(auth_login(f.auth, STR("a"), str_n(p, 1025), NULL, &who), ERR_DENIED, NULL);
	fixture_done(&f);
}

static bool see_text(void *arg, struct db_row *r)
{
	auth_copy(arg, AUTH_HASH_TEXT, db_row_text(r, 0));
	return false;
}

TEST(the_database_has_no_secret_in_clear)
{
	struct fixture f = fixture_open();
	char stored[AUTH_HASH_TEXT] = "";
	test_user(&f, "ann", "open sesame now", false);
	EXPECT_OK(db_query(f.db, "SELECT password_hash FROM user_account", DB_NO_PARAMS, see_text,
			   stored));
	EXPECT(str_starts(str_of(stored), STR("$argon2id$v=19$m=8,t=1,p=1$")));
	const char *secret = test_token(&f, "ann", AUTH_NONE, NULL, 0, NULL);
	EXPECT_OK(db_query(f.db, "SELECT secret_hash FROM access_token", DB_NO_PARAMS, see_text,
			   stored));
	EXPECT(strlen(stored) == 64 && !strstr(stored, secret + 5));
	fixture_done(&f);
}

TEST(the_cost_of_a_hash_is_what_it_should_be)
{
	EXPECT(auth_tuning_default.argon_passes >= 2 && auth_tuning_default.argon_passes <= 3);
	EXPECT(auth_tuning_default.argon_kib >= 19 << 10 &&
	       auth_tuning_default.argon_kib <= 64 << 10);
}

TEST(the_first_user_is_made_once)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	own_mem char *made = NULL;
	char *again;
	EXPECT_OK(auth_first_user(f.auth, NULL, &made));
	EXPECT(made && strlen(made) >= 20);
	EXPECT_OK(auth_login(f.auth, STR("admin"), str_of(made), NULL, &who));
	EXPECT(who.is_admin);
	EXPECT_OK(auth_first_user(f.auth, "another password", &again));
	EXPECT(!again);
	EXPECT_ERR(auth_login(f.auth, STR("admin"), STR("another password"), NULL, &who),
		   ERR_DENIED, NULL);
	fixture_done(&f);
}

TEST(the_first_user_takes_the_password_that_was_given)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	char *made;
	EXPECT_ERR(auth_first_user(f.auth, "short", &made), ERR_INVALID, NULL);
	EXPECT_OK(auth_first_user(f.auth, "words that are long enough", &made));
	EXPECT(!made);
	EXPECT_OK(auth_login(f.auth, STR("admin"), STR("words that are long enough"), NULL, &who));
	fixture_done(&f);
}

TEST(the_last_administrator_cannot_be_lost)
{
	static const bool no = false, yes = true;
	struct fixture f = fixture_open();
	bool found;
	test_user(&f, "one", "a good password", true);
	test_user(&f, "plain", "a good password", false);
	EXPECT_STR(str_of(test_code(auth_user_update(f.auth, STR("one"), NULL, &no, NULL))),
		   "LAST_ADMIN");
	EXPECT_STR(str_of(test_code(auth_user_update(f.auth, STR("one"), NULL, NULL, &yes))),
		   "LAST_ADMIN");
	EXPECT_STR(str_of(test_code(auth_user_delete(f.auth, STR("one"), &found))), "LAST_ADMIN");
	/* One that is disabled does not count. */
	test_user(&f, "two", "a good password", true);
	EXPECT_OK(auth_user_update(f.auth, STR("two"), NULL, NULL, &yes));
	EXPECT_STR(str_of(test_code(auth_user_delete(f.auth, STR("one"), &found))), "LAST_ADMIN");
	EXPECT_OK(auth_user_update(f.auth, STR("two"), NULL, NULL, &no));
	EXPECT_OK(auth_user_delete(f.auth, STR("one"), &found));
	EXPECT(found);
	EXPECT_OK(auth_user_delete(f.auth, STR("one"), &found));
	EXPECT(!found);
	EXPECT_OK(auth_user_delete(f.auth, STR("plain"), &found));
	fixture_done(&f);
}

TEST(users_are_listed_in_pages_by_name)
{
	struct fixture f = fixture_open();
	struct auth_user *list;
	size_t n;
	test_user(&f, "c", "a good password", false);
	test_user(&f, "a", "", false);
	test_user(&f, "b", "a good password", true);
	EXPECT_OK(auth_user_list(f.auth, f.m, STR(""), 2, &list, &n));
	EXPECT(n == 2 && !list[0].has_password && list[1].is_admin);
	EXPECT_STR(str_of(list[0].name), "a");
	EXPECT_OK(auth_user_list(f.auth, f.m, str_of(list[1].name), 2, &list, &n));
	EXPECT(n == 1 && list[0].has_password && list[0].created_ns == test_unix_ns);
	EXPECT_STR(str_of(list[0].name), "c");
	fixture_done(&f);
}

TEST(an_update_of_nobody_is_not_found)
{
	struct fixture f = fixture_open();
	static const bool yes = true;
	bool found;
	struct auth_user u;
	EXPECT_ERR(auth_user_update(f.auth, STR("nobody"), NULL, &yes, NULL), ERR_NOT_FOUND, NULL);
	EXPECT_ERR(auth_user_update(f.auth, STR("No Body"), NULL, &yes, NULL), ERR_NOT_FOUND, NULL);
	EXPECT_OK(auth_user_get(f.auth, f.m, STR("nobody"), &found, &u));
	EXPECT(!found);
	fixture_done(&f);
}

/* ---- tokens ---- */

TEST(tokens_are_listed_and_deleted_by_their_user_only)
{
	struct fixture f = fixture_open();
	const char *a_id, *b_id;
	struct auth_token *list, t;
	size_t n;
	bool found;
	test_user(&f, "ann", "a good password", false);
	test_user(&f, "bob", "a good password", false);
	test_token(&f, "ann", AUTH_VIEW, "demo", test_unix_ns + TEST_SECOND_NS, &a_id);
	test_token(&f, "bob", AUTH_NONE, NULL, 0, &b_id);
	test_worker_token(&f, "arm-1", "arm");
	EXPECT_OK(auth_token_list(f.auth, f.m, test_user_id(&f, "ann"), &list, &n));
	EXPECT(n == 1);
	EXPECT_STR(str_of(list[0].id), a_id);
	EXPECT_STR(str_of(list[0].user), "ann");
	EXPECT_STR(str_of(list[0].role), "view");
	EXPECT_STR(str_of(list[0].only_namespace), "demo");
	EXPECT(list[0].expires_ns == test_unix_ns + TEST_SECOND_NS && !list[0].pool);
	EXPECT_OK(auth_token_list(f.auth, f.m, NULL, &list, &n));
	EXPECT(n == 3);
	EXPECT_OK(auth_token_get(f.auth, f.m, str_of(b_id), &found, &t));
	EXPECT(found && !t.role && !t.only_namespace && !t.expires_ns);
	EXPECT_OK(auth_token_delete(f.auth, str_of(b_id), test_user_id(&f, "ann"), &found));
	EXPECT(!found);
	EXPECT_OK(auth_token_delete(f.auth, str_of(b_id), test_user_id(&f, "bob"), &found));
	EXPECT(found);
	EXPECT_OK(auth_token_delete(f.auth, str_of(a_id), NULL, &found));
	EXPECT(found);
	fixture_done(&f);
}

TEST(requests_for_tokens_that_make_no_sense_are_refused)
{
	struct fixture f = fixture_open();
	struct auth_token t;
	const char *secret;
	test_user(&f, "ann", "a good password", false);
	struct auth_token_request good = { .name = STR("x"), .user_id = test_user_id(&f, "ann") };
	struct auth_token_request r = good;
	r.name = STR("");
	EXPECT_STR(str_of(test_code(auth_token_create(f.auth, f.m, &r, &t, &secret))),
		   "TOKEN_NAME");
	r.name = STR("line\nbreak");
	EXPECT_STR(str_of(test_code(auth_token_create(f.auth, f.m, &r, &t, &secret))),
		   "TOKEN_NAME");
	r = good;
	r.expires_ns = test_unix_ns;
	EXPECT_STR(str_of(test_code(auth_token_create(f.auth, f.m, &r, &t, &secret))),
		   "TOKEN_EXPIRES");
	r = good;
	r.user_id = "usr-nobody";
	EXPECT_ERR(auth_token_create(f.auth, f.m, &r, &t, &secret), ERR_NOT_FOUND, NULL);
	for (int i = 0; i < LIMIT_USER_TOKENS; i++)
		EXPECT_OK(auth_token_create(f.auth, f.m, &good, &t, &secret));
	EXPECT_STR(str_of(test_code(auth_token_create(f.auth, f.m, &good, &t, &secret))),
		   "TOO_MANY_TOKENS");
	fixture_done(&f);
}

/* ---- audit ---- */

TEST(the_audit_log_has_no_gap_and_filters)
{
	struct fixture f = fixture_open();
	struct auth_principal ann = { .kind = AUTH_USER, .name = "ann" }, bob = { .name = "bob" };
	struct auth_audit_entry *list;
	size_t n;
	auth_audit(f.auth, &ann, "::1", "user.create", STR("carl"), "{\"admin\":true}");
	auth_audit(f.auth, &bob, NULL, "repository.create", STR("demo/hello"), NULL);
	auth_audit(f.auth, &ann, "::1", "user.delete", STR("carl"), NULL);
	auth_audit(f.auth, &ann, "::1", "username", STR("x%_"), NULL);
	EXPECT_OK(auth_audit_list(f.auth, f.m, 0, STR(""), STR(""), STR(""), 10, &list, &n));
	EXPECT(n == 4);
	for (size_t i = 0; i < n; i++)
		EXPECT(list[i].seq == (int64_t)(4 - i));
	EXPECT_STR(str_of(list[3].detail), "{\"admin\":true}");
	EXPECT_STR(str_of(list[2].detail), "{}");
	EXPECT_STR(str_of(list[2].remote), "");
	EXPECT_OK(auth_audit_list(f.auth, f.m, 4, STR("ann"), STR("user."), STR("carl"), 10, &list,
				  &n));
	EXPECT(n == 2 && list[0].seq == 3 && list[1].seq == 1);
	EXPECT_OK(auth_audit_list(f.auth, f.m, 3, STR("ann"), STR("user."), STR("carl"), 10, &list,
				  &n));
	EXPECT(n == 1 && list[0].seq == 1);
	EXPECT_OK(auth_audit_list(f.auth, f.m, 0, STR(""), STR(""), STR(""), 1, &list, &n));
	EXPECT(n == 1 && list[0].seq == 4);
	EXPECT_OK(auth_audit_list(f.auth, f.m, 0, STR(""), STR("%"), STR(""), 1, &list, &n));
	EXPECT(n == 0);
	fixture_done(&f);
}
