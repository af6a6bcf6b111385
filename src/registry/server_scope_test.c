#include "registry/server_scope.h"

#include <stdio.h>

#include "base/test.h"

static const struct {
	const char *text, *want;
} cases[] = {
	{ "repository:demo/hello:pull,push", "demo/hello=lp." },
	{ "repository:a:pull repository:b:push", "a=l..b=.p." },
	{ "repository:a:pull repository:a:delete", "a=l.d" },
	{ "repository(plugin):a:pull", "a=l.." },
	{ "repository:a:*", "a=lpd" },
	{ "registry:catalog:*", "_catalog=lpd" },
	{ "repository:a:fly,pull", "a=l.." },
	{ "repository:a:", "a=..." },
	{ "  repository:a:pull  ", "a=l.." },
	{ "repository:host:5000/a:pull", "" },
	{ "repository:A:pull", "" },
	{ "repository:_catalog:pull", "" },
	{ "registry:other:*", "" },
	{ "secret:a:pull", "" },
	{ "repository:a", "" },
	{ "repository", "" },
	{ ":::", "" },
	{ "", "" },
};

TEST(scopes_are_read_and_what_is_unknown_is_left_out)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct registry_scopes s = { .n = 0 };
		struct buf b;
		buf_init(&b, 1000);
		registry_scopes_add(&s, str_of(cases[i].text));
		for (size_t k = 0; k < s.n; k++)
			buf_printf(&b, "%s=%c%c%c", s.v[k].repository, s.v[k].pull ? 'l' : '.',
				   s.v[k].push ? 'p' : '.', s.v[k].delete_ ? 'd' : '.');
		EXPECT_STR(buf_str(&b), cases[i].want);
		buf_done(&b);
	}
}

TEST(scopes_are_bounded)
{
	static struct registry_scopes s;
	char text[64];
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "repository:a%d:pull", i);
		registry_scopes_add(&s, str_of(text));
	}
	EXPECT(s.n == LIMIT_SCOPES);
	char longer[300] = "repository:";
	s.n = s.name_bytes = 0;
	for (int i = 0; i < 26; i++) {
		memset(longer + 11, 'a' + i, 250);
		strcpy(longer + 261, ":pull");
		registry_scopes_add(&s, str_of(longer));
	}
	EXPECT(s.n == LIMIT_SCOPE_NAMES_BYTES / 250);
}
