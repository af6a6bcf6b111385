/* Shared libraries that are loaded when something first needs them. Forty stand behind libcurl and
 * libarchive; to load them with the program would take as long as all else that its start does.
 *
 * A header lists the functions of a library once, as pointers in a struct, and gives the functions'
 * names to the pointers; so the code that calls them looks as ever:
 *
 *     #define X_CALLS(DO) DO(x_open) DO(x_close)
 *     extern struct x_calls { X_CALLS(LAZY_FIELD) } x_calls;
 *     #define x_open x_calls.x_open
 *     #define x_close x_calls.x_close */
#ifndef KILN_BASE_LAZY_H
#define KILN_BASE_LAZY_H

#include <stddef.h>

#include "base/err.h"

#define LAZY_FIELD(function) __typeof__(function) *function;
#define LAZY_NAME(function)  #function,

struct lazy_library {
	const char *file;         /* "libx.so.1" */
	const char *const *names; /* of `n` functions */
	void *calls;              /* the struct of as many pointers, in the same order */
	size_t n;
	bool loaded; /* atomic */
};

/* Loads the library and fills its struct, the first time. Safe from any thread, and next to nothing
 * when it is there. ERR_NOT_FOUND says what is missing. */
struct err *lazy_load(struct lazy_library *l);

#endif
