/* Memory that cannot run out, and ownership that the compiler ends.
 *
 * Bounded allocations do not fail: they abort. A size that comes from outside meets its limit
 * (base/limits.h) before it comes here.
 */
#ifndef KILN_BASE_MEM_H
#define KILN_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory; aborts if there is none. The caller frees it with free(). */
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* As calloc(n, size), with the product checked; aborts on overflow. */
void *mem_calloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* As realloc() to n * size bytes, with the product checked. New bytes are not initialised. */
void *mem_grow(void *old, size_t n, size_t size) __attribute__((returns_nonnull));
/* A copy of the string `s`; NULL for NULL. The caller frees it. */
char *mem_strdup(const char *s);
/* A copy of `len` bytes with a NUL behind them. The caller frees it. */
char *mem_strndup(const char *s, size_t len) __attribute__((returns_nonnull));
/* As asprintf(); aborts if there is no memory. The caller frees it. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#define mem_new(type)          ((type *)mem_zalloc(sizeof(type)))
#define mem_new_array(n, type) ((type *)mem_calloc((n), sizeof(type)))

/* Make room for one more element in the array `ptr` of `n` used and `cap` allocated elements. */
#define mem_reserve_one(ptr, n, cap)                                    \
	do {                                                            \
		if ((n) == (cap)) {                                     \
			(cap) = (cap) ? (cap)*2 : 8;                    \
			(ptr) = mem_grow((ptr), (cap), sizeof(*(ptr))); \
		}                                                       \
	} while (0)

/* Pass on what a variable owns, and leave it empty. */
#define move(ptr)                               \
	({                                      \
		__typeof__(ptr) moved_ = (ptr); \
		(ptr) = NULL;                   \
		moved_;                         \
	})

/* `own(blob_writer) w = NULL;` is `struct blob_writer *w`, given to blob_writer_free() at the end
 * of the block. A type takes part by OWN_DECLARE(blob_writer) behind its free function. */
#define own(type) __attribute__((cleanup(type##_free_own), unused)) struct type *
#define OWN_DECLARE(type)                                   \
	static inline void type##_free_own(struct type **p) \
	{                                                   \
		type##_free(*p);                            \
	}                                                   \
	struct type

/* `done(buf) b;` calls buf_done(&b) at the end of the block; DONE_DECLARE(buf) enables it. */
#define done(type) __attribute__((cleanup(type##_done), unused)) struct type

void mem_free_own(void *p);
#define own_mem                         __attribute__((cleanup(mem_free_own), unused))

#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

#endif
