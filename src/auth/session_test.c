#include "auth/test_priv.h"

#include <stdio.h>

#define DAY_NS (86400 * TEST_SECOND_NS)

static const char *start(struct fixture *f, const char *user, const char *password,
			 struct auth_principal *who)
{
	const char *secret = NULL;
	EXPECT_OK(auth_session_start(f->auth, f->m, str_of(user), str_of(password), "192.0.2.1",
				     STR("Browser/1"), who, &secret));
	return secret;
}

static const char *start_code(struct fixture *f, const char *user, const char *password)
{
	struct auth_principal who;
	const char *secret;
	return test_code(auth_session_start(f->auth, f->m, str_of(user), str_of(password),
					    "192.0.2.1", STR(""), &who, &secret));
}

static const char *check_code(struct fixture *f, const char *secret)
{
	struct auth_principal who;
	return test_code(auth_session_check(f->auth, str_of(secret), "192.0.2.1", &who));
}

static bool see_text(void *arg, struct db_row *r)
{
	auth_copy(arg, AUTH_HASH_TEXT, db_row_text(r, 0));
	return false;
}

static struct auth_session only(struct fixture *f, const char *user)
{
	struct auth_session *list;
	size_t n;
	EXPECT_OK(auth_session_list(f->auth, f->m, test_user_id(f, user), &list, &n));
	EXPECT(n == 1);
	return list[0];
}

TEST(a_session_is_its_user)
{
	struct fixture f = fixture_open();
	struct auth_principal who, again;
	test_user(&f, "ann", "open sesame now", true);
	const char *secret = start(&f, "ann", "open sesame now", &who);
	EXPECT(str_starts(str_of(secret), STR("kilns_")) && strlen(secret) == 49);
	for (int i = 0; i < 2; i++) { /* asked, and remembered */
		EXPECT_OK(auth_session_check(f.auth, str_of(secret), "192.0.2.1", &again));
		EXPECT(test_same(&who, &again));
	}
	EXPECT(again.kind == AUTH_USER && again.is_admin && again.most == AUTH_ADMIN);
	EXPECT_STR(str_of(again.name), "ann");
	EXPECT(again.session_id[0] && !again.token_id[0]);
	struct auth *second = fixture_again(&f); /* a restart */
	EXPECT_OK(auth_session_check(second, str_of(secret), NULL, &again));
	EXPECT(auth_session_csrf_ok(second, str_of(secret),
				    str_of(auth_session_csrf(f.auth, str_of(secret)).s)));
	auth_free(second);
	fixture_done(&f);
}

TEST(what_is_no_session)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "open sesame now", false);
	const char *token = test_token(&f, "ann", AUTH_NONE, NULL, 0, NULL);
	const char *secret = start(&f, "ann", "open sesame now", &who);
	char other[50];
	snprintf(other, sizeof(other), "%s", secret);
	other[48] = other[48] == 'a' ? 'b' : 'a';
	const char *const wrong[] = { "",    "kilns_",         other, token, who.session_id,
				      "ann", "open sesame now" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		EXPECT_STR(str_of(check_code(&f, wrong[i])), "SESSION_ENDED");
	/* And a session's secret is no token or password. */
	EXPECT_STR(
		str_of(test_code(auth_check(f.auth, test_bearer(&f, secret), "192.0.2.1", &who))),
		"LOGIN_FAILED");
	EXPECT_STR(str_of(test_code(
			   auth_check(f.auth, test_basic(&f, "ann", secret), "192.0.2.1", &who))),
		   "LOGIN_FAILED");
	fixture_done(&f);
}

TEST(only_a_password_starts_one)
{
	struct fixture f = fixture_open();
	test_user(&f, "ann", "open sesame now", false);
	const char *token = test_token(&f, "ann", AUTH_VIEW, NULL, 0, NULL);
	const char *worker = test_worker_token(&f, "w", "");
	EXPECT_STR(str_of(start_code(&f, "ann", "open sesam")), "LOGIN_FAILED");
	EXPECT_STR(str_of(start_code(&f, "bob", "open sesame now")), "LOGIN_FAILED");
	EXPECT_STR(str_of(start_code(&f, "ann", token)), "LOGIN_FAILED");
	EXPECT_STR(str_of(start_code(&f, "token", token)), "LOGIN_FAILED");
	EXPECT_STR(str_of(start_code(&f, "worker", worker)), "LOGIN_FAILED");
	EXPECT_STR(str_of(start_code(&f, "ann", "open sesame now")), "");
	fixture_done(&f);
}

TEST(failed_ones_are_limited_as_logins_are)
{
	struct fixture f = fixture_open();
	test_user(&f, "ann", "open sesame now", false);
	for (int i = 0; i < 10; i++)
		EXPECT_STR(str_of(start_code(&f, "ann", "wrong one")), "LOGIN_FAILED");
	EXPECT_STR(str_of(start_code(&f, "ann", "open sesame now")), "LOGIN_LIMITED");
	test_mono_ms += 3600000;
	EXPECT_STR(str_of(start_code(&f, "ann", "open sesame now")), "");
	fixture_done(&f);
}

TEST(the_database_has_no_secret_of_a_session)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	char stored[AUTH_HASH_TEXT] = "";
	test_user(&f, "ann", "open sesame now", false);
	const char *secret = start(&f, "ann", "open sesame now", &who);
	EXPECT_OK(db_query(f.db, "SELECT secret_hash FROM web_session", DB_NO_PARAMS, see_text,
			   stored));
	EXPECT(strlen(stored) == 64 && !strstr(stored, secret + 6));
	fixture_done(&f);
}

/* Turns both clocks. */
static void pass(int64_t ns)
{
	test_unix_ns += ns;
	test_mono_ms += (uint64_t)(ns / 1000000);
}

TEST(unused_for_seven_days_it_is_over)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "open sesame now", false);
	const char *secret = start(&f, "ann", "open sesame now", &who);
	pass(7 * DAY_NS - TEST_SECOND_NS);
	EXPECT_STR(str_of(check_code(&f, secret)), "");
	pass(7 * DAY_NS - TEST_SECOND_NS);
	EXPECT_STR(str_of(check_code(&f, secret)), "");
	pass(7 * DAY_NS);
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");
	fixture_done(&f);
}

TEST(used_all_the_time_it_is_over_after_thirty_days)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "open sesame now", false);
	const char *secret = start(&f, "ann", "open sesame now", &who);
	for (int day = 1; day < 30; day++) {
		pass(DAY_NS);
		EXPECT_STR(str_of(check_code(&f, secret)), "");
	}
	pass(DAY_NS - TEST_SECOND_NS);
	EXPECT_STR(str_of(check_code(&f, secret)), "");
	pass(TEST_SECOND_NS); /* remembered, and over all the same */
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");
	fixture_done(&f);
}

TEST(the_limits_of_sessions_can_be_set)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "open sesame now", false);
	auth_session_limits(f.auth, 60, 100);
	const char *secret = start(&f, "ann", "open sesame now", &who);
	for (int i = 0; i < 9; i++) { /* every use counts, though it is remembered for a minute */
		pass(11 * TEST_SECOND_NS);
		EXPECT_STR(str_of(check_code(&f, secret)), "");
	}
	pass(TEST_SECOND_NS);
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");
	secret = start(&f, "ann", "open sesame now", &who);
	pass(60 * TEST_SECOND_NS);
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");
	fixture_done(&f);
}

TEST(it_ends_with_the_password_and_the_user)
{
	static const bool yes = true, no = false;
	struct fixture f = fixture_open();
	struct auth_principal ann, bob;
	bool found;
	test_user(&f, "ann", "open sesame now", false);
	test_user(&f, "bob", "open sesame now", true);
	const char *other = start(&f, "bob", "open sesame now", &bob);

	const char *secret = start(&f, "ann", "open sesame now", &ann);
	EXPECT_OK(auth_user_update(f.auth, STR("ann"), NULL, &yes, &no));
	EXPECT_STR(str_of(check_code(&f, secret)), "");
	EXPECT_OK(auth_session_check(f.auth, str_of(secret), NULL, &ann));
	EXPECT(ann.is_admin); /* now */

	EXPECT_OK(auth_user_update(f.auth, STR("ann"), &STR("another password"), NULL, NULL));
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");
	EXPECT_STR(str_of(test_code(auth_refresh(f.auth, &ann))), "LOGIN_FAILED");

	secret = start(&f, "ann", "another password", &ann);
	EXPECT_OK(auth_user_update(f.auth, STR("ann"), NULL, NULL, &yes));
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");
	EXPECT_OK(auth_user_update(f.auth, STR("ann"), NULL, NULL, &no)); /* not again with it */
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");

	secret = start(&f, "ann", "another password", &ann);
	EXPECT_OK(auth_user_delete(f.auth, STR("ann"), &found));
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");
	EXPECT_STR(str_of(check_code(&f, other)), "");
	EXPECT_OK(auth_refresh(f.auth, &bob));
	EXPECT(bob.session_id[0]);
	fixture_done(&f);
}

TEST(sessions_are_listed_and_ended_by_their_user_only)
{
	struct fixture f = fixture_open();
	struct auth_principal ann, bob;
	bool found;
	test_user(&f, "ann", "open sesame now", false);
	test_user(&f, "bob", "open sesame now", false);
	const char *secret = start(&f, "ann", "open sesame now", &ann);
	start(&f, "bob", "open sesame now", &bob);
	struct auth_session s = only(&f, "ann");
	EXPECT_STR(str_of(s.id), ann.session_id);
	EXPECT_STR(str_of(s.remote), "192.0.2.1");
	EXPECT_STR(str_of(s.user_agent), "Browser/1");
	EXPECT(s.created_ns == test_unix_ns && s.used_ns == test_unix_ns &&
	       s.expires_ns == test_unix_ns + 7 * DAY_NS);

	pass(DAY_NS);
	EXPECT_OK(auth_session_check(f.auth, str_of(secret), "192.0.2.9", &ann));
	s = only(&f, "ann");
	EXPECT(s.used_ns == test_unix_ns && s.created_ns == test_unix_ns - DAY_NS);
	EXPECT_STR(str_of(s.remote), "192.0.2.9");

	EXPECT_OK(auth_session_end(f.auth, str_of(ann.session_id), bob.user_id, &found));
	EXPECT(!found);
	EXPECT_STR(str_of(check_code(&f, secret)), "");
	EXPECT_OK(auth_session_end(f.auth, str_of(ann.session_id), ann.user_id, &found));
	EXPECT(found);
	EXPECT_STR(str_of(check_code(&f, secret)), "SESSION_ENDED");
	only(&f, "bob");
	fixture_done(&f);
}

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return false;
}

TEST(a_user_has_a_bounded_number_of_sessions)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	struct auth_session *list;
	size_t n;
	test_user(&f, "ann", "open sesame now", false);
	const char *first = start(&f, "ann", "open sesame now", &who);
	pass(TEST_SECOND_NS);
	const char *second = start(&f, "ann", "open sesame now", &who);
	for (int i = 2; i <= LIMIT_USER_SESSIONS; i++) {
		pass(TEST_SECOND_NS);
		start(&f, "ann", "open sesame now", &who);
	}
	EXPECT_OK(auth_session_list(f.auth, f.m, who.user_id, &list, &n));
	EXPECT(n == LIMIT_USER_SESSIONS);
	EXPECT_STR(str_of(list[n - 1].id), who.session_id);
	EXPECT_STR(str_of(check_code(&f, first)), "SESSION_ENDED");
	EXPECT_STR(str_of(check_code(&f, second)), "");

	int64_t rows = 0; /* those that are over go with the next sign-in */
	pass(8 * DAY_NS);
	start(&f, "ann", "open sesame now", &who);
	EXPECT_OK(db_query(f.db, "SELECT COUNT(*) FROM web_session", DB_NO_PARAMS, see_int, &rows));
	EXPECT(rows == 1);
	fixture_done(&f);
}

TEST(a_browser_s_name_is_cut_and_printable)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	const char *secret;
	char agent[400];
	test_user(&f, "ann", "open sesame now", false);
	memset(agent, 'x', sizeof(agent));
	memcpy(agent, "a\xff\n\"", 4);
	EXPECT_OK(auth_session_start(f.auth, f.m, STR("ann"), STR("open sesame now"), NULL,
				     str_n(agent, sizeof(agent)), &who, &secret));
	struct auth_session s = only(&f, "ann");
	EXPECT(str_starts(str_of(s.user_agent), STR("a??\"xx")));
	EXPECT(strlen(s.user_agent) == LIMIT_USER_AGENT_BYTES);
	EXPECT_STR(str_of(s.remote), "");
	fixture_done(&f);
}

TEST(the_csrf_token_belongs_to_one_session)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "open sesame now", false);
	struct str a = str_of(start(&f, "ann", "open sesame now", &who));
	struct str b = str_of(start(&f, "ann", "open sesame now", &who));
	struct auth_csrf t = auth_session_csrf(f.auth, a);
	EXPECT(strlen(t.s) == 43);
	EXPECT(auth_session_csrf_ok(f.auth, a, str_of(t.s)));
	EXPECT(!auth_session_csrf_ok(f.auth, b, str_of(t.s)));
	EXPECT(!auth_session_csrf_ok(f.auth, a, STR("")));
	EXPECT(!auth_session_csrf_ok(f.auth, a, str_n(NULL, 0)));
	EXPECT(!auth_session_csrf_ok(f.auth, a, str_n(t.s, 42)));
	t.s[0] ^= 1;
	EXPECT(!auth_session_csrf_ok(f.auth, a, str_of(t.s)));
	fixture_done(&f);
}
