#include "executor/libarchive.h"

struct exec_libarchive exec_libarchive;

static const char *const names[] = { EXEC_LIBARCHIVE_CALLS(LAZY_NAME) };

static struct lazy_library library = {
	.file = KILN_LIBARCHIVE,
	.names = names,
	.calls = &exec_libarchive,
	.n = sizeof(names) / sizeof(names[0]),
};

struct err *exec_libarchive_load(void)
{
	return lazy_load(&library);
}
