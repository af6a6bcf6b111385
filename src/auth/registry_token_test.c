#include "auth/test_priv.h"

#include <stdio.h>

static const struct auth_scope two_scopes[] = {
	{ .repository = "demo/hello", .pull = true, .push = true },
	{ .repository = "demo/a/b", .delete_ = true },
};

static struct auth_principal login(struct fixture *f, struct str header)
{
	struct auth_principal who = { 0 };
	EXPECT_OK(auth_check(f->auth, header, NULL, &who));
	return who;
}

static struct err *read_it(struct fixture *f, const char *token, bool *fresh)
{
	struct auth_principal who;
	struct auth_scope *scopes;
	size_t n;
	return auth_registry_token_read(f->auth, f->m, str_of(token), &who, &scopes, &n, fresh);
}

TEST(a_registry_token_says_what_it_was_told)
{
	struct fixture f = fixture_open();
	test_user(&f, "ann", "a good password", false);
	const struct auth_principal all[] = {
		login(&f, STR("")),
		login(&f, test_basic(&f, "ann", "a good password")),
		login(&f, test_bearer(&f, test_token(&f, "ann", AUTH_DEVELOP, "demo", 0, NULL))),
		login(&f, test_bearer(&f, test_worker_token(&f, "arm", "pool"))),
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		own_mem char *token = NULL;
		struct auth_principal who = { 0 }, in = all[i];
		struct auth_scope *scopes;
		size_t n;
		bool fresh;
		in.generation = auth_generation(f.auth);
		EXPECT_OK(auth_registry_token(f.auth, &in, two_scopes, 2, 300, &token));
		EXPECT(strlen(token) < 4096 && str_starts(str_of(token), STR("kilnr_")));
		EXPECT_OK(auth_registry_token_read(f.auth, f.m, str_of(token), &who, &scopes, &n,
						   &fresh));
		EXPECT(test_same(&who, &in));
		EXPECT(n == 2 && fresh);
		for (size_t k = 0; k < n; k++) {
			EXPECT_STR(str_of(scopes[k].repository), two_scopes[k].repository);
			EXPECT(scopes[k].pull == two_scopes[k].pull);
			EXPECT(scopes[k].push == two_scopes[k].push);
			EXPECT(scopes[k].delete_ == two_scopes[k].delete_);
		}
	}
	fixture_done(&f);
}

TEST(a_registry_token_of_no_scope_is_one_too)
{
	struct fixture f = fixture_open();
	struct auth_principal who = login(&f, STR(""));
	own_mem char *token = NULL;
	bool fresh;
	EXPECT_OK(auth_registry_token(f.auth, &who, NULL, 0, 300, &token));
	EXPECT_OK(read_it(&f, token, &fresh));
	fixture_done(&f);
}

TEST(a_registry_token_of_many_scopes_is_refused_not_cut)
{
	struct fixture f = fixture_open();
	struct auth_principal who = login(&f, STR(""));
	struct auth_scope many[LIMIT_TOKEN_SCOPES + 1] = { 0 };
	char *token = NULL;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		snprintf(many[i].repository, sizeof(many[i].repository), "demo/%zu", i);
	EXPECT_ERR(auth_registry_token(f.auth, &who, many, ARRAY_LEN(many), 300, &token), ERR_LIMIT,
		   NULL);
	for (size_t i = 0; i < LIMIT_TOKEN_SCOPES; i++)
		memset(many[i].repository, 'x', sizeof(many[i].repository) - 1);
	EXPECT_ERR(auth_registry_token(f.auth, &who, many, LIMIT_TOKEN_SCOPES, 300, &token),
		   ERR_LIMIT, NULL);
	/* The longest that fits is below 4 KiB. */
	EXPECT_OK(auth_registry_token(f.auth, &who, many, 11, 300, &token));
	EXPECT(strlen(token) < 4096);
	bool fresh;
	EXPECT_OK(read_it(&f, token, &fresh));
	free(token);
	fixture_done(&f);
}

TEST(a_registry_token_ends_with_a_minute_of_leeway_also_when_clocks_turn)
{
	static const struct {
		int64_t at_s;
		bool ok;
	} rows[] = { { 0, true },   { 300, true },  { 360, true },    { 361, false },
		     { -60, true }, { -61, false }, { 99999, false }, { -99999, false } };
	struct fixture f = fixture_open();
	struct auth_principal who = login(&f, STR(""));
	int64_t start_ns = test_unix_ns;
	own_mem char *token = NULL;
	bool fresh;
	EXPECT_OK(auth_registry_token(f.auth, &who, two_scopes, 2, 300, &token));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_unix_ns = start_ns + rows[i].at_s * TEST_SECOND_NS;
		struct err *e = read_it(&f, token, &fresh);
		EXPECT(!e == rows[i].ok && (!e || e->kind == ERR_DENIED));
		err_free(e);
	}
	test_unix_ns = start_ns;
	fixture_done(&f);
}

TEST(a_registry_token_that_was_changed_or_is_of_others_is_refused)
{
	struct fixture f = fixture_open(), other = fixture_open();
	struct auth_principal who = login(&f, STR(""));
	own_mem char *token = NULL;
	bool fresh;
	EXPECT_OK(auth_registry_token(f.auth, &who, two_scopes, 2, 300, &token));
	EXPECT_ERR(read_it(&other, token, &fresh), ERR_DENIED, NULL);
	for (size_t i = 0; token[i]; i++) {
		char was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		EXPECT_ERR(read_it(&f, token, &fresh), ERR_DENIED, NULL);
		token[i] = '\0';
		EXPECT_ERR(read_it(&f, token, &fresh), ERR_DENIED, NULL);
		token[i] = was;
	}
	EXPECT_OK(read_it(&f, token, &fresh));
	own_mem char *longer = mem_printf("%sAAAA", token);
	EXPECT_ERR(read_it(&f, longer, &fresh), ERR_DENIED, NULL);
	own_mem char *huge = mem_zalloc(100001);
	memset(huge, 'A', 100000);
	memcpy(huge, "kilnr_", 6);
	EXPECT_ERR(read_it(&f, huge, &fresh), ERR_DENIED, NULL);
	fixture_done(&f);
	fixture_done(&other);
}

TEST(a_registry_token_is_fresh_until_something_changes)
{
	struct fixture f = fixture_open();
	own_mem char *token = NULL, *late = NULL, *again = NULL;
	bool fresh;
	test_user(&f, "ann", "a good password", false);
	struct auth_principal who = login(&f, test_basic(&f, "ann", "a good password"));
	EXPECT_OK(auth_registry_token(f.auth, &who, two_scopes, 2, 300, &token));
	EXPECT_OK(read_it(&f, token, &fresh));
	EXPECT(fresh);
	EXPECT_OK(auth_grant_set(f.auth, STR("ann"), STR("demo"), STR(""), AUTH_VIEW));
	EXPECT_OK(read_it(&f, token, &fresh));
	EXPECT(!fresh);
	/* Made now for who was looked up before: what it grants may be old. */
	EXPECT_OK(auth_registry_token(f.auth, &who, two_scopes, 2, 300, &late));
	EXPECT_OK(read_it(&f, late, &fresh));
	EXPECT(!fresh);
	EXPECT_OK(auth_refresh(f.auth, &who));
	EXPECT_OK(auth_registry_token(f.auth, &who, two_scopes, 2, 300, &again));
	EXPECT_OK(read_it(&f, again, &fresh));
	EXPECT(fresh);
	/* It outlives a restart, but is not fresh after it. */
	auth_free(f.auth);
	f.auth = fixture_again(&f);
	EXPECT_OK(read_it(&f, again, &fresh));
	EXPECT(!fresh);
	fixture_done(&f);
}

TEST(a_record_that_is_cut_anywhere_is_not_read)
{
	struct fixture f = fixture_open();
	struct auth_principal who = login(&f, STR(""));
	own_mem char *token = NULL;
	uint8_t raw[4096];
	size_t n;
	struct auth_registry_record r;
	EXPECT_OK(auth_registry_token(f.auth, &who, two_scopes, 2, 300, &token));
	EXPECT(auth_base64_decode(str_skip(str_of(token), 6), true, raw, &n));
	n -= 32;
	EXPECT(auth_registry_record_read(f.m, str_n((char *)raw, n), &r));
	for (size_t i = 0; i < n; i++)
		EXPECT(!auth_registry_record_read(f.m, str_n((char *)raw, i), &r));
	EXPECT(!auth_registry_record_read(f.m, str_n((char *)raw, n + 1), &r));
	fixture_done(&f);
}
