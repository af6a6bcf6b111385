/* Memory that goes all at once: parser nodes live to the end of the parse or request. */
#ifndef KILN_BASE_ARENA_H
#define KILN_BASE_ARENA_H

#include "base/mem.h"
#include "base/str.h"

struct arena;

/* An arena that hands out at most `max` bytes and aborts beyond: what fills it is bounded before.
 */
struct arena *arena_open(size_t max) __attribute__((returns_nonnull));
void arena_free(struct arena *a);
OWN_DECLARE(arena);

/* Zeroed, aligned for any type, valid until arena_free(). */
void *arena_zalloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
/* NUL-terminated copies in the arena. */
char *arena_strdup(struct arena *a, struct str s) __attribute__((returns_nonnull));
struct str arena_str(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

#define arena_new(a, type)          ((type *)arena_zalloc((a), sizeof(type)))
#define arena_new_array(a, n, type) ((type *)arena_zalloc((a), (size_t)(n) * sizeof(type)))

#endif
