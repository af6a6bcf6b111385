#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/time.h"

static enum log_level least_level = LOG_LEVEL_INFO; /* set before threads start */

void log_set_level(enum log_level least)
{
	least_level = least;
}

static void add_quoted(struct buf *b, struct str s)
{
	buf_add_c(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\x%02x", c);
		else
			buf_add_c(b, (char)c);
	}
	buf_add_c(b, '"');
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == '"' || s.p[i] == '=' ||
		    s.p[i] == 0x7f || s.p[i] == '\\')
			return false;
	return s.len > 0;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	if (level < least_level)
		return;
	struct buf b;
	buf_init(&b, 16 << 10);
	buf_printf(&b, "%s %s %s", time_rfc3339(time_now_unix_ms() * 1000000).s, names[level],
		   message);
	for (; fields->key; fields++) {
		buf_printf(&b, " %s=", fields->key);
		struct str s = str_of(fields->s);
		if (fields->kind == LOG_FIELD_U64)
			buf_add_u64(&b, fields->u);
		else if (is_plain(s))
			buf_add(&b, s);
		else
			add_quoted(&b, s);
	}
	buf_add_c(&b, '\n');
	err_free(fd_write_all(STDERR_FILENO, b.p, b.len));
	buf_done(&b);
}

void log_err(enum log_level level, const char *message, struct err *e)
{
	own_mem char *text = err_text(e);
	log_write(level, message, LOG_FIELDS(log_str("error", text)));
	err_free(e);
}
