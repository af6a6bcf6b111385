#include "auth/test_priv.h"

#include <stdio.h>

static const char *check(struct fixture *f, struct str header, struct auth_principal *who)
{
	return test_code(auth_check(f->auth, header, "192.0.2.1", who));
}

#define EXPECT_CODE(got, want) EXPECT_STR(str_of(got), want)

/* SPEC RFC 7617 2, RFC 6750 2.1 */
TEST(headers_are_read)
{
	static const struct {
		const char *header;
		int kind; /* -1: malformed */
		const char *user, *secret;
	} rows[] = {
		{ "", AUTH_NO_CREDENTIALS, "", "" },
		{ "  ", AUTH_NO_CREDENTIALS, "", "" },
		{ "Basic Og==", AUTH_NO_CREDENTIALS, "", "" },
		{ "Basic YTpi", AUTH_BASIC, "a", "b" },
		{ "basic  YTpi ", AUTH_BASIC, "a", "b" },
		{ "BASIC YTo=", AUTH_BASIC, "a", "" },
		{ "Basic OmI=", AUTH_BASIC, "", "b" },
		{ "Basic YTpiOmM=", AUTH_BASIC, "a", "b:c" },
		{ "Basic YWI=", -1, NULL, NULL },     /* no colon */
		{ "Basic YToAYg==", -1, NULL, NULL }, /* NUL */
		{ "Basic YTpi!", -1, NULL, NULL },
		{ "Basic", -1, NULL, NULL },
		{ "Basic ", -1, NULL, NULL },
		{ "BasicYTpi", -1, NULL, NULL },
		{ "Bearer abc", AUTH_BEARER, "", "abc" },
		{ "bearer abc", AUTH_BEARER, "", "abc" },
		{ "Bearer", -1, NULL, NULL },
		{ "Digest username=\"a\"", -1, NULL, NULL },
		{ "abc", -1, NULL, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char room[LIMIT_AUTHORIZATION_BYTES];
		struct auth_credentials c;
		bool ok = auth_header_read(str_of(rows[i].header), room, &c);
		if (ok != (rows[i].kind >= 0))
			fail_msg("\"%s\"", rows[i].header);
		if (!ok)
			continue;
		EXPECT((int)c.kind == rows[i].kind);
		if (c.kind == AUTH_NO_CREDENTIALS)
			continue;
		EXPECT_STR(c.user, rows[i].user);
		EXPECT_STR(c.secret, rows[i].secret);
	}
}

TEST(without_credentials_one_is_anonymous)
{
	static const char *const headers[] = { "", " ", "Basic Og==" };
	struct fixture f = fixture_open();
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct auth_principal who = { .kind = AUTH_USER, .is_admin = true };
		EXPECT_CODE(check(&f, str_of(headers[i]), &who), "");
		EXPECT(who.kind == AUTH_ANONYMOUS && !who.is_admin && !who.user_id[0]);
		who.kind = AUTH_USER;
		EXPECT(auth_check_cached(f.auth, str_of(headers[i]), &who));
		EXPECT(who.kind == AUTH_ANONYMOUS);
	}
	fixture_done(&f);
}

TEST(who_may_log_in_with_what)
{
	struct fixture f = fixture_open();
	test_user(&f, "ann", "a good password", false);
	test_user(&f, "bob", "kiln_is_my_password", true);
	test_user(&f, "none", "", false);
	const char *t = test_token(&f, "ann", AUTH_NONE, NULL, 0, NULL);
	const char *w = test_worker_token(&f, "arm-1", "arm");
	const char *unknown = "kiln_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	const struct {
		const char *user; /* NULL: Bearer */
		const char *secret, *name;
	} rows[] = {
		{ "ann", "a good password", "ann" },
		{ "ann", "Password", NULL },
		{ "ann", "password ", NULL },
		{ "ann", "", NULL },
		{ "Ann", "a good password", NULL },
		{ "nobody", "a good password", NULL },
		{ "", "a good password", NULL },
		{ "none", "", NULL },
		{ "bob", "kiln_is_my_password", "bob" },
		{ "ann", t, "ann" },
		{ "token", t, "ann" },
		{ "bob", t, NULL },
		{ "worker", t, NULL },
		{ "", t, NULL },
		{ NULL, t, "ann" },
		{ "worker", w, "worker:arm-1" },
		{ "token", w, NULL },
		{ "arm-1", w, NULL },
		{ "ann", w, NULL },
		{ NULL, w, "worker:arm-1" },
		{ NULL, unknown, NULL },
		{ "ann", unknown, NULL },
		{ NULL, "a good password", NULL },
		{ NULL, "kiln_", NULL },
		{ NULL, "kilnr_AAAA", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct auth_principal who = { 0 };
		struct str header = rows[i].user ? test_basic(&f, rows[i].user, rows[i].secret)
						 : test_bearer(&f, rows[i].secret);
		const char *code = check(&f, header, &who);
		if (strcmp(code, rows[i].name ? "" : "LOGIN_FAILED") != 0)
			fail_msg("row %zu: %s", i, code);
		EXPECT_STR(str_of(who.name), rows[i].name ? rows[i].name : "");
		EXPECT(who.is_admin == (rows[i].name && strcmp(rows[i].name, "bob") == 0));
		struct auth_principal cached = { 0 };
		EXPECT(auth_check_cached(f.auth, header, &cached) == (rows[i].name != NULL));
		EXPECT(test_same(&cached, &who));
		/* So that no row limits the next. */
		auth_limiter_right(f.auth->limiter, str_of(rows[i].user), NULL, test_mono_ms);
	}
	struct auth_principal who;
	EXPECT_CODE(check(&f, test_bearer(&f, w), &who), "");
	EXPECT(who.kind == AUTH_WORKER && who.token_id[0] && !who.user_id[0]);
	EXPECT_STR(str_of(who.pool), "arm");
	EXPECT_CODE(check(&f, test_bearer(&f, t), &who), "");
	EXPECT(who.kind == AUTH_USER && who.token_id[0] && who.user_id[0]);
	EXPECT_CODE(check(&f, test_basic(&f, "ann", "a good password"), &who), "");
	EXPECT(!who.token_id[0] && who.most == AUTH_ADMIN && !who.only_namespace[0]);
	fixture_done(&f);
}

TEST(an_unknown_user_and_a_wrong_password_read_the_same)
{
	static const bool yes = true;
	struct fixture f = fixture_open();
	struct auth_principal who;
	const char *wrong[][2] = { { "ann", "hunter22" },
				   { "nobody", "a good password" },
				   { "off", "a good password" } };
	char *first = NULL;
	test_user(&f, "ann", "a good password", false);
	test_user(&f, "off", "a good password", false);
	EXPECT_OK(auth_user_update(f.auth, STR("off"), NULL, NULL, &yes));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		own(err) e =
			auth_check(f.auth, test_basic(&f, wrong[i][0], wrong[i][1]), "::1", &who);
		EXPECT(e && e->kind == ERR_DENIED && err_remedy(e));
		char *text = err_text(e);
		EXPECT(!first || strcmp(text, first) == 0);
		EXPECT(!strstr(text, wrong[i][1]));
		free(first);
		first = text;
	}
	free(first);
	fixture_done(&f);
}

TEST(a_token_ends_when_it_said_also_when_remembered)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "a good password", false);
	struct str h = test_bearer(&f, test_token(&f, "ann", AUTH_NONE, NULL,
						  test_unix_ns + 10 * TEST_SECOND_NS, NULL));
	EXPECT_CODE(check(&f, h, &who), "");
	test_unix_ns += 9 * TEST_SECOND_NS;
	EXPECT_CODE(check(&f, h, &who), "");
	EXPECT(auth_check_cached(f.auth, h, &who));
	test_unix_ns += 1 * TEST_SECOND_NS;
	EXPECT(!auth_check_cached(f.auth, h, &who));
	EXPECT_CODE(check(&f, h, &who), "LOGIN_FAILED");
	fixture_done(&f);
}

TEST(the_last_use_of_a_token_is_noted_now_and_then)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	struct auth_token t;
	const char *id;
	bool found;
	test_user(&f, "ann", "a good password", false);
	struct str h = test_bearer(&f, test_token(&f, "ann", AUTH_NONE, NULL, 0, &id));
	static const struct {
		int after_s;
		bool noted;
	} rows[] = { { 0, true }, { 200, false }, { 99, false }, { 2, true } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_unix_ns += rows[i].after_s * TEST_SECOND_NS;
		test_mono_ms += AUTH_CACHE_MS; /* not from memory */
		EXPECT_CODE(check(&f, h, &who), "");
		EXPECT_OK(auth_token_get(f.auth, f.m, str_of(id), &found, &t));
		EXPECT((t.used_ns == test_unix_ns) == rows[i].noted);
	}
	fixture_done(&f);
}

/* ---- what is remembered ---- */

TEST(what_was_right_is_remembered_for_a_minute)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "a good password", false);
	struct str h = test_basic(&f, "ann", "a good password");
	EXPECT(!auth_check_cached(f.auth, h, &who));
	EXPECT_CODE(check(&f, h, &who), "");
	test_mono_ms += AUTH_CACHE_MS - 1;
	EXPECT(auth_check_cached(f.auth, h, &who));
	EXPECT_STR(str_of(who.name), "ann");
	test_mono_ms += 1;
	EXPECT(!auth_check_cached(f.auth, h, &who));
	EXPECT(!auth_check_cached(f.auth, test_basic(&f, "ann", "wrong"), &who));
	fixture_done(&f);
}

TEST(any_change_forgets_it_at_once)
{
	static const bool yes = true, no = false;
	struct fixture f = fixture_open();
	struct auth_principal who;
	struct str other = STR("other password");
	const char *id;
	bool found;
	test_user(&f, "ann", "a good password", false);
	struct str h = test_basic(&f, "ann", "a good password");
	struct str t = test_bearer(&f, test_token(&f, "ann", AUTH_NONE, NULL, 0, &id));
	for (int i = 0; i < 7; i++) {
		EXPECT_CODE(check(&f, h, &who), "");
		EXPECT_CODE(check(&f, t, &who), "");
		uint64_t before = auth_generation(f.auth);
		switch (i) {
		case 0:
			test_user(&f, "bob", "a good password", true);
			break;
		case 1:
			EXPECT_OK(auth_grant_set(f.auth, STR("ann"), STR("demo"), STR(""),
						 AUTH_VIEW));
			break;
		case 2:
			test_token(&f, "bob", AUTH_NONE, NULL, 0, NULL);
			break;
		case 3:
			EXPECT_OK(auth_user_update(f.auth, STR("ann"), NULL, NULL, &no));
			break;
		case 4:
			EXPECT_OK(auth_grant_drop(f.auth, STR("demo"), STR("")));
			break;
		case 5:
			EXPECT_OK(auth_user_delete(f.auth, STR("x"), &found));
			auth_changed(f.auth);
			break;
		case 6:
			EXPECT_OK(auth_token_delete(f.auth, str_of(id), NULL, &found));
			break;
		}
		EXPECT(auth_generation(f.auth) > before);
		EXPECT(!auth_check_cached(f.auth, h, &who));
		EXPECT(!auth_check_cached(f.auth, t, &who));
	}
	EXPECT_CODE(check(&f, t, &who), "LOGIN_FAILED");
	EXPECT_CODE(check(&f, h, &who), "");
	EXPECT_OK(auth_user_update(f.auth, STR("ann"), &other, NULL, NULL));
	EXPECT_CODE(check(&f, h, &who), "LOGIN_FAILED");
	h = test_basic(&f, "ann", "other password");
	EXPECT_CODE(check(&f, h, &who), "");
	EXPECT_OK(auth_user_update(f.auth, STR("ann"), NULL, NULL, &yes));
	EXPECT_CODE(check(&f, h, &who), "LOGIN_FAILED");
	fixture_done(&f);
}

TEST(the_cache_is_bounded_and_keeps_the_newest)
{
	struct fixture f = fixture_open();
	struct auth_principal who = { .generation = auth_generation(f.auth) }, got;
	struct auth_now now = { test_mono_ms, test_unix_ns, who.generation };
	for (int i = 0; i < 20000; i++) {
		char header[32];
		snprintf(header, sizeof(header), "Bearer %d", i);
		struct auth_cache_key k = auth_cache_key(f.auth->cache, str_of(header));
		EXPECT(!auth_cache_enter(f.auth->cache, &k, f.auth, &got));
		auth_cache_leave(f.auth->cache, &k, test_mono_ms, &who, 0);
		EXPECT(auth_cache_get(f.auth->cache, &k, &now, &got));
	}
	fixture_done(&f);
}

/* ---- limits ---- */

TEST(failures_close_the_account_for_longer_and_longer)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "a good password", false);
	struct str right = test_basic(&f, "ann", "a good password");
	for (int i = 0; i < 10; i++)
		EXPECT_CODE(check(&f, test_basic(&f, "ann", "wrong"), &who), "LOGIN_FAILED");
	for (uint64_t s = 15; s <= 900; s = s < 480 ? s * 2 : s == 480 ? 900 : 901) {
		/* The right password too, from anywhere. */
		EXPECT_CODE(test_code(auth_check(f.auth, right, "203.0.113.9", &who)),
			    "LOGIN_LIMITED");
		test_mono_ms += s * 1000 - 1;
		EXPECT_CODE(check(&f, right, &who), "LOGIN_LIMITED");
		test_mono_ms += 1;
		EXPECT_CODE(check(&f, test_basic(&f, "ann", "wrong"), &who), "LOGIN_FAILED");
	}
	EXPECT_ERR(auth_login(f.auth, STR("ann"), STR("a good password"), NULL, &who), ERR_LIMIT,
		   "too many failed logins");
	test_mono_ms += 900000;
	EXPECT_CODE(check(&f, right, &who), "");
	/* It starts from nothing again. */
	for (int i = 0; i < 10; i++)
		EXPECT_CODE(check(&f, test_basic(&f, "ann", "wrong"), &who), "LOGIN_FAILED");
	EXPECT_CODE(check(&f, test_basic(&f, "ann", "wrong"), &who), "LOGIN_LIMITED");
	fixture_done(&f);
}

TEST(a_name_that_nobody_has_is_limited_just_so)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	for (int i = 0; i < 10; i++)
		EXPECT_CODE(check(&f, test_basic(&f, "nobody", "wrong"), &who), "LOGIN_FAILED");
	EXPECT_CODE(check(&f, test_basic(&f, "nobody", "wrong"), &who), "LOGIN_LIMITED");
	EXPECT_CODE(check(&f, test_basic(&f, "somebody", "wrong"), &who), "LOGIN_FAILED");
	fixture_done(&f);
}

TEST(a_limited_account_goes_on_with_tokens_and_what_is_remembered)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "a good password", false);
	struct str right = test_basic(&f, "ann", "a good password");
	const char *t = test_token(&f, "ann", AUTH_NONE, NULL, 0, NULL);
	EXPECT_CODE(check(&f, right, &who), "");
	for (int i = 0; i < 10; i++)
		EXPECT_CODE(check(&f, test_basic(&f, "ann", "wrong"), &who), "LOGIN_FAILED");
	EXPECT_CODE(check(&f, right, &who), "");
	EXPECT_CODE(check(&f, test_basic(&f, "ann", t), &who), "");
	EXPECT_CODE(check(&f, test_bearer(&f, t), &who), "");
	auth_changed(f.auth);
	EXPECT_CODE(check(&f, right, &who), "LOGIN_LIMITED");
	fixture_done(&f);
}

TEST(half_an_hour_forgets)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "a good password", false);
	for (int i = 0; i < 9; i++)
		EXPECT_CODE(check(&f, test_basic(&f, "ann", "wrong"), &who), "LOGIN_FAILED");
	test_mono_ms += 1800000;
	for (int i = 0; i < 10; i++)
		EXPECT_CODE(check(&f, test_basic(&f, "ann", "wrong"), &who), "LOGIN_FAILED");
	EXPECT_CODE(check(&f, test_basic(&f, "ann", "wrong"), &who), "LOGIN_LIMITED");
	fixture_done(&f);
}

/* What follows sees addresses only: each name fails once. */
static const char *guess(struct fixture *f, int i, const char *remote)
{
	struct auth_principal who;
	char name[32];
	snprintf(name, sizeof(name), "user%d", i);
	return test_code(auth_login(f->auth, str_of(name), STR("wrong"), remote, &who));
}

TEST(failures_close_the_address_and_its_network)
{
	static const struct {
		const char *from, *same, *other;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", "192.0.2.8" },
		{ "192.0.2.9", "::ffff:192.0.2.9", "::ffff:192.0.2.10" },
		{ "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1" },
	};
	struct fixture f = fixture_open();
	int name = 0;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		for (int i = 0; i < 100; i++)
			EXPECT_CODE(guess(&f, name++, rows[r].from), "LOGIN_FAILED");
		EXPECT_CODE(guess(&f, name++, rows[r].from), "LOGIN_LIMITED");
		EXPECT_CODE(guess(&f, name++, rows[r].same), "LOGIN_LIMITED");
		EXPECT_CODE(guess(&f, name++, rows[r].other), "LOGIN_FAILED");
		EXPECT_CODE(guess(&f, name++, NULL), "LOGIN_FAILED");
	}
	fixture_done(&f);
}

TEST(tokens_that_are_wrong_close_the_address_but_old_ones_of_the_registry_do_not)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	for (int i = 0; i < 200; i++)
		EXPECT_CODE(check(&f, STR("Bearer kilnr_AAAA"), &who), "LOGIN_FAILED");
	for (int i = 0; i < 100; i++)
		EXPECT_CODE(check(&f, STR("Bearer kiln_AAAA"), &who), "LOGIN_FAILED");
	EXPECT_CODE(check(&f, STR("Bearer kiln_AAAA"), &who), "LOGIN_LIMITED");
	fixture_done(&f);
}

TEST(logins_that_are_right_do_not_add_up)
{
	struct fixture f = fixture_open();
	struct auth_principal who;
	test_user(&f, "ann", "a good password", false);
	for (int i = 0; i < 250; i++)
		EXPECT_OK(
			auth_login(f.auth, STR("ann"), STR("a good password"), "192.0.2.7", &who));
	/* And do not excuse what others failed from there. */
	for (int i = 0; i < 99; i++)
		EXPECT_CODE(guess(&f, i, "192.0.2.7"), "LOGIN_FAILED");
	EXPECT_OK(auth_login(f.auth, STR("ann"), STR("a good password"), "192.0.2.7", &who));
	EXPECT_CODE(guess(&f, 99, "192.0.2.7"), "LOGIN_FAILED");
	EXPECT_CODE(guess(&f, 100, "192.0.2.7"), "LOGIN_LIMITED");
	fixture_done(&f);
}

TEST(many_names_do_not_push_out_who_is_closed)
{
	struct fixture f = fixture_open();
	struct auth_limiter *l = f.auth->limiter;
	for (int i = 0; i < 10; i++)
		EXPECT_OK(auth_limiter_begin(l, STR("ann"), NULL, test_mono_ms));
	for (int i = 0; i < 100000; i++) {
		char name[32];
		snprintf(name, sizeof(name), "user%d", i);
		EXPECT_OK(auth_limiter_begin(l, str_of(name), NULL, test_mono_ms));
	}
	EXPECT_ERR(auth_limiter_begin(l, STR("ann"), NULL, test_mono_ms), ERR_LIMIT, NULL);
	fixture_done(&f);
}

/* ---- threads ---- */

#define THREADS 8

struct crowd {
	struct fixture *f;
	struct str header;
	_Atomic int n_right, n_wrong, n_limited;
	_Atomic bool stop;
};

static void *ask(void *arg)
{
	struct crowd *c = arg;
	struct auth_principal who;
	for (int i = 0; i < 20; i++) {
		const char *code = test_code(auth_check(c->f->auth, c->header, "192.0.2.1", &who));
		if (!*code)
			c->n_right++;
		else if (strcmp(code, "LOGIN_LIMITED") == 0)
			c->n_limited++;
		else
			c->n_wrong++;
	}
	return NULL;
}

static void run_crowd(struct crowd *c)
{
	pthread_t t[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		EXPECT_OK(thread_start(&t[i], "ask", ask, c));
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

TEST(many_at_once_that_are_right_are_not_limited)
{
	struct fixture f = fixture_open();
	test_user(&f, "ann", "a good password", false);
	struct crowd c = { .f = &f, .header = test_basic(&f, "ann", "a good password") };
	run_crowd(&c);
	EXPECT(c.n_right == THREADS * 20);
	fixture_done(&f);
}

TEST(many_at_once_are_no_way_around_the_limit)
{
	struct fixture f = fixture_open();
	test_user(&f, "ann", "a good password", false);
	struct crowd c = { .f = &f, .header = test_basic(&f, "ann", "wrong") };
	run_crowd(&c);
	EXPECT(c.n_right == 0 && c.n_wrong == 10 && c.n_limited == THREADS * 20 - 10);
	fixture_done(&f);
}

static void *change(void *arg)
{
	struct crowd *c = arg;
	for (int i = 0; !c->stop; i++) {
		struct err *e = auth_grant_set(c->f->auth, STR("ann"), STR("demo"), STR(""),
					       i % 2 ? AUTH_VIEW : AUTH_DEVELOP);
		auth_audit(c->f->auth, &(struct auth_principal){ .name = "t" }, NULL, "member.set",
			   STR("demo"), NULL);
		err_free(e);
	}
	return NULL;
}

TEST(checks_and_changes_run_beside_each_other)
{
	struct fixture f = fixture_open();
	struct auth_audit_entry *list;
	size_t n;
	pthread_t t[2];
	test_user(&f, "ann", "a good password", false);
	struct crowd c = { .f = &f, .header = test_basic(&f, "ann", "a good password") };
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		EXPECT_OK(thread_start(&t[i], "change", change, &c));
	run_crowd(&c);
	c.stop = true;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	EXPECT(c.n_right == THREADS * 20);
	EXPECT_OK(auth_audit_list(f.auth, f.m, 0, STR(""), STR(""), STR(""), 10000, &list, &n));
	for (size_t i = 0; i < n; i++)
		EXPECT(list[i].seq == (int64_t)(n - i)); /* no gap */
	fixture_done(&f);
}
