/* One line per event on standard error, with fields: for whoever decides to go on. */
#ifndef KILN_BASE_LOG_H
#define KILN_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
	const char *key; /* NULL ends a list */
	enum { LOG_FIELD_STR, LOG_FIELD_U64 } kind;
	const char *s; /* borrowed; control characters are escaped on output */
	uint64_t u;
};

#define log_str(k, v) ((struct log_field){ .key = (k), .kind = LOG_FIELD_STR, .s = (v) })
#define log_u64(k, v) ((struct log_field){ .key = (k), .kind = LOG_FIELD_U64, .u = (v) })

void log_set_level(enum log_level least);
void log_write(enum log_level level, const char *message, const struct log_field *fields);
#define LOG_FIELDS(...)     ((const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ .key = NULL } })
#define log_debug(msg, ...) log_write(LOG_LEVEL_DEBUG, msg, LOG_FIELDS(__VA_ARGS__))
#define log_info(msg, ...)  log_write(LOG_LEVEL_INFO, msg, LOG_FIELDS(__VA_ARGS__))
#define log_warn(msg, ...)  log_write(LOG_LEVEL_WARN, msg, LOG_FIELDS(__VA_ARGS__))
#define log_error(msg, ...) log_write(LOG_LEVEL_ERROR, msg, LOG_FIELDS(__VA_ARGS__))
/* Logs the chain of `e` as the field "error" and frees it. */
void log_err(enum log_level level, const char *message, struct err *e);

#endif
