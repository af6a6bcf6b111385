/* Unit tests: TEST(name) { EXPECT(condition); } in x_test.c beside x.c, run by cmocka. */
#ifndef KILN_BASE_TEST_H
#define KILN_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

void test_register(const char *name, void (*run)(void **state));
/* Fails the test with the error's text if it is one; frees it. */
void test_expect_ok(struct err *e, const char *expr, const char *file, int line);
/* Fails the test unless `e` has this kind and its text contains `part` (NULL: any). Frees it. */
void test_expect_err(struct err *e, enum err_kind kind, const char *part, const char *file,
		     int line);
void test_expect_str(struct str got, struct str want, const char *file, int line);
/* A new empty directory, removed when the program ends. The caller closes the descriptor. */
int test_tmpdir(void);

#define TEST(name)                                                     \
	static void name(void **state);                                \
	__attribute__((constructor)) static void register_##name(void) \
	{                                                              \
		test_register(#name, name);                            \
	}                                                              \
	static void name(void **state __attribute__((unused)))

#define EXPECT(cond)                 _assert_true((uintptr_t)(bool)(cond), #cond, __FILE__, __LINE__)
#define EXPECT_OK(expr)              test_expect_ok((expr), #expr, __FILE__, __LINE__)
#define EXPECT_ERR(expr, kind, part) test_expect_err((expr), (kind), (part), __FILE__, __LINE__)
#define EXPECT_STR(got, want)        test_expect_str((got), str_of(want), __FILE__, __LINE__)

#endif
