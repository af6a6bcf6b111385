/* The main() of every unit test program: runs what TEST() registered. An argument keeps the tests
 * whose name contains it. */
#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define MOST_TESTS 2000
static struct CMUnitTest tests[MOST_TESTS];
static size_t n_tests;
static char *tmp_dirs[MOST_TESTS];
static size_t n_tmp_dirs;

void test_register(const char *name, void (*run)(void **state))
{
	if (n_tests == MOST_TESTS)
		abort();
	tests[n_tests++] = (struct CMUnitTest){ .name = name, .test_func = run };
}

void test_expect_ok(struct err *e, const char *expr, const char *file, int line)
{
	if (!e)
		return;
	char *text = err_text(e);
	print_error("%s: %s\n", expr, text);
	free(text);
	err_free(e);
	_fail(file, line);
}

void test_expect_err(struct err *e, enum err_kind kind, const char *part, const char *file,
		     int line)
{
	if (!e) {
		print_error("an error was expected\n");
		_fail(file, line);
	}
	char *text = err_text(e);
	bool ok = e->kind == kind && (!part || strstr(text, part));
	if (!ok)
		print_error("error of kind %d: %s; wanted kind %d with \"%s\"\n", (int)e->kind,
			    text, (int)kind, part ? part : "");
	free(text);
	err_free(e);
	if (!ok)
		_fail(file, line);
}

void test_expect_str(struct str got, struct str want, const char *file, int line)
{
	if (str_eq(got, want))
		return;
	print_error("\"" STR_FMT "\" is not \"" STR_FMT "\"\n", STR_ARG(got), STR_ARG(want));
	_fail(file, line);
}

int test_tmpdir(void)
{
	const char *base = getenv("TMPDIR");
	char *path = mem_printf("%s/kiln-test-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(path) || n_tmp_dirs == MOST_TESTS)
		abort();
	tmp_dirs[n_tmp_dirs++] = path;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

int main(int argc, char **argv)
{
	struct CMUnitTest chosen[MOST_TESTS];
	size_t n = 0;
	for (size_t i = 0; i < n_tests; i++)
		if (argc < 2 || strstr(tests[i].name, argv[1]))
			chosen[n++] = tests[i];
	if (!n) {
		fprintf(stderr, "no test matches\n");
		return 1;
	}
	int failed = _cmocka_run_group_tests(argv[0], chosen, n, NULL, NULL);
	for (size_t i = 0; i < n_tmp_dirs; i++) {
		err_free(fd_remove_tree(AT_FDCWD, tmp_dirs[i]));
		free(tmp_dirs[i]);
	}
	return failed ? 1 : 0;
}
