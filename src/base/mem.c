#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p) {
		static const char text[] = "kiln: out of memory\n";
		fwrite(text, 1, sizeof(text) - 1, stderr);
		abort();
	}
	return p;
}

void *mem_zalloc(size_t size)
{
	return must(calloc(1, size ? size : 1));
}

void *mem_calloc(size_t n, size_t size)
{
	return must(calloc(n ? n : 1, size ? size : 1));
}

void *mem_grow(void *old, size_t n, size_t size)
{
	return must(reallocarray(old, n ? n : 1, size));
}

char *mem_strdup(const char *s)
{
	return s ? must(strdup(s)) : NULL;
}

char *mem_strndup(const char *s, size_t len)
{
	char *copy = must(malloc(len + 1));
	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return must(text);
}

void mem_free_own(void *p)
{
	free(*(void **)p);
}
