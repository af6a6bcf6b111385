#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define CHUNK_BYTES ((size_t)16 << 10)
#define ALIGN       16u

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(ALIGN) char bytes[];
};

struct arena {
	struct chunk *chunks; /* owned; the newest first */
	size_t left;
};

struct arena *arena_open(size_t max)
{
	struct arena *a = mem_new(struct arena);
	a->left = max;
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		ASAN_UNPOISON_MEMORY_REGION(c->bytes, c->size);
		free(c);
	}
	free(a);
}

static void add_chunk(struct arena *a, size_t size)
{
	struct chunk *c = mem_zalloc(sizeof(struct chunk) + size);
	c->size = size;
	c->next = a->chunks;
	a->chunks = c;
	ASAN_POISON_MEMORY_REGION(c->bytes, size);
}

void *arena_zalloc(struct arena *a, size_t size)
{
	assert(size <= a->left);
	size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	a->left -= MIN(rounded, a->left);
	if (!a->chunks || a->chunks->size - a->chunks->used < rounded)
		add_chunk(a, MAX(rounded, CHUNK_BYTES));
	char *p = a->chunks->bytes + a->chunks->used;
	a->chunks->used += rounded;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

char *arena_strdup(struct arena *a, struct str s)
{
	char *copy = arena_zalloc(a, s.len + 1);
	if (s.len)
		memcpy(copy, s.p, s.len);
	return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
	return str_n(arena_strdup(a, s), s.len);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort();
	char *copy = arena_strdup(a, str_n(text, (size_t)len));
	free(text);
	return copy;
}
