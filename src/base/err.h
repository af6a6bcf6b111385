/* Errors are values: NULL is success, anything else is owned by who receives it. */
#ifndef KILN_BASE_ERR_H
#define KILN_BASE_ERR_H

#include <stdbool.h>

#include "base/mem.h"

enum err_kind { /* what the caller may do about it; becomes an HTTP status in one place */
		ERR_INVALID,     /* the request or file is wrong: fix it, do not retry */
		ERR_CONFLICT,    /* somebody else changed it first */
		ERR_LIMIT,       /* a bound from base/limits.h was met */
		ERR_UNAVAILABLE, /* peer, disk or network is unwell: a retry may succeed */
		ERR_CORRUPT,     /* stored bytes do not match their digest */
		ERR_NOT_FOUND,
		ERR_DENIED,
		ERR_CANCELED,
};

struct err {
	enum err_kind kind;
	char *what;                /* owned; "commit layer l3.tar" */
	const char *code, *remedy; /* for programs and people; static or in `told`; NULL: none */
	struct err *cause;         /* owned; NULL at the root */
	char *told;                /* owned; copies of code and remedy; NULL: they are static */
};

void err_free(struct err *e);
OWN_DECLARE(err);

/* A new root error. Never NULL. */
struct err *err_new(enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));
/* As err_new, with what an API tells beside the text: a stable `code` ("TAG_IMMUTABLE") and a
 * `remedy`, a sentence that says what to do. Both are static strings; `remedy` may be NULL. */
struct err *err_coded(enum err_kind kind, const char *code, const char *remedy, const char *fmt,
		      ...) __attribute__((format(printf, 4, 5), returns_nonnull));
/* The same for a code and a remedy that another process told, or that outlive their error: they
 * are copied. Either may be NULL. */
struct err *err_told(enum err_kind kind, const char *code, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), returns_nonnull));
/* The code, or the remedy, nearest to the top of the chain; NULL if nobody gave one. It lives as
 * long as the error. */
const char *err_code(const struct err *e);
const char *err_remedy(const struct err *e);
/* As err_new, with ": " and the text of `errnum` behind it; the kind follows from the number:
 * ENOENT is ERR_NOT_FOUND, EACCES and EPERM are ERR_DENIED, EEXIST is ERR_CONFLICT, ECANCELED is
 * ERR_CANCELED, EINVAL, ELOOP, ENOTDIR, EISDIR, EXDEV and ENAMETOOLONG are ERR_INVALID, the rest is
 * ERR_UNAVAILABLE. ENOSPC names the remedy. */
struct err *err_from_errno(int errnum, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));
/* Puts what this level knows before `cause`, which it takes over; the kind stays. NULL for NULL. */
struct err *err_wrap(struct err *cause, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The whole chain as "what: cause: cause". The caller frees it. */
char *err_text(const struct err *e);
/* Keep the first failure: frees `next` if `*first` is set, else stores it there. */
void err_keep(struct err **first, struct err *next);

/* Returns the failure from the function it stands in. */
#define TRY(expr)                          \
	do {                               \
		struct err *try_ = (expr); \
		if (try_)                  \
			return try_;       \
	} while (0)

#endif
