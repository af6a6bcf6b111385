#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static struct err *err_make(enum err_kind kind, char *what, struct err *cause)
{
	struct err *e = mem_new(struct err);
	*e = (struct err){ .kind = kind, .what = what, .cause = cause };
	return e;
}

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt, va_list ap)
{
	char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	return text;
}

void err_free(struct err *e)
{
	while (e) {
		struct err *cause = e->cause;
		free(e->what);
		free(e->told);
		free(e);
		e = cause;
	}
}

struct err *err_new(enum err_kind kind, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *what = format(fmt, ap);
	va_end(ap);
	return err_make(kind, what, NULL);
}

struct err *err_coded(enum err_kind kind, const char *code, const char *remedy, const char *fmt,
		      ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct err *e = err_make(kind, format(fmt, ap), NULL);
	va_end(ap);
	e->code = code;
	e->remedy = remedy;
	return e;
}

struct err *err_told(enum err_kind kind, const char *code, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct err *e = err_make(kind, format(fmt, ap), NULL);
	va_end(ap);
	size_t n = code ? strlen(code) + 1 : 0;
	e->told = mem_printf("%s%c%s", code ? code : "", '\0', remedy ? remedy : "");
	e->code = code ? e->told : NULL;
	e->remedy = remedy ? e->told + MAX(n, 1) : NULL;
	return e;
}

const char *err_code(const struct err *e)
{
	while (e && !e->code)
		e = e->cause;
	return e ? e->code : NULL;
}

const char *err_remedy(const struct err *e)
{
	while (e && !e->remedy)
		e = e->cause;
	return e ? e->remedy : NULL;
}

static enum err_kind kind_of(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case EEXIST:
		return ERR_CONFLICT;
	case ECANCELED:
		return ERR_CANCELED;
	case EINVAL:
	case ELOOP:
	case ENOTDIR:
	case EISDIR:
	case EXDEV:
	case ENAMETOOLONG:
		return ERR_INVALID;
	default:
		return ERR_UNAVAILABLE;
	}
}

struct err *err_from_errno(int errnum, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *what = format(fmt, ap);
	va_end(ap);
	const char *remedy = errnum == ENOSPC || errnum == EDQUOT
				     ? " (free some, or choose another directory with --data)"
				     : "";
	char *whole =
		mem_printf("%s: %s%s", what, strerrordesc_np(errnum) ?: "unknown error", remedy);
	free(what);
	return err_make(kind_of(errnum), whole, NULL);
}

struct err *err_wrap(struct err *cause, const char *fmt, ...)
{
	if (!cause)
		return NULL;
	va_list ap;
	va_start(ap, fmt);
	char *what = format(fmt, ap);
	va_end(ap);
	return err_make(cause->kind, what, cause);
}

char *err_text(const struct err *e)
{
	struct buf b;
	buf_init(&b, 64 << 10);
	for (; e; e = e->cause) {
		buf_add(&b, str_of(e->what));
		if (e->cause)
			buf_add(&b, STR(": "));
	}
	return buf_steal(&b);
}

void err_keep(struct err **first, struct err *next)
{
	if (*first)
		err_free(next);
	else
		*first = next;
}
