#include "base/err.h"

#include <stdlib.h>

#include "base/test.h"

/* As another process tells it: the texts are gone when the error is read. */
static struct err *told(const char *code, const char *remedy)
{
	own_mem char *c = mem_strdup(code), *r = mem_strdup(remedy);
	return err_told(ERR_DENIED, c, r, "refused");
}

TEST(codes_and_remedies_are_of_the_nearest_that_has_one)
{
	static const struct {
		const char *code, *remedy;
	} rows[] = {
		{ "SRC_AUTH", "Give it a credential." },
		{ "SRC_AUTH", NULL },
		{ NULL, "Give it a credential." },
		{ NULL, NULL },
		{ "", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own(err) e = err_wrap(told(rows[i].code, rows[i].remedy), "fetch");
		EXPECT(!err_code(e) == !rows[i].code && !err_remedy(e) == !rows[i].remedy);
		EXPECT_STR(str_of(err_code(e)), rows[i].code);
		EXPECT_STR(str_of(err_remedy(e)), rows[i].remedy);
		own_mem char *text = err_text(e);
		EXPECT_STR(str_of(text), "fetch: refused");
		EXPECT(e->kind == ERR_DENIED);
	}
}
