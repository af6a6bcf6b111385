/* JSON from outside, read once and strictly, over jansson. `json_t` is jansson's. */
#ifndef KILN_CODEC_JSON_H
#define KILN_CODEC_JSON_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

/* Reads one document: UTF-8, nesting at most LIMIT_JSON_DEPTH, no duplicate key, no NUL, nothing
 * behind it. ERR_INVALID with line and column otherwise. The caller drops the reference. */
struct err *json_read(struct str text, json_t **out);

typedef json_t *json_ref;
void json_ref_drop(json_ref *j);
/* `own_json j = NULL;` drops the reference at the end of the block. */
#define own_json __attribute__((cleanup(json_ref_drop))) json_ref

/* Members of an object. Absent (or null) leaves `*out` as it is and succeeds; another type is
 * ERR_INVALID naming the key. */
struct err *json_get_str(json_t *obj, const char *key, struct str *out); /* borrowed from obj */
struct err *json_get_u64(json_t *obj, const char *key, uint64_t max, uint64_t *out);
struct err *json_get_bool(json_t *obj, const char *key, bool *out);
struct err *json_get_obj(json_t *obj, const char *key, json_t **out);   /* borrowed */
struct err *json_get_array(json_t *obj, const char *key, json_t **out); /* borrowed */

/* Writing: `"…"` with the escapes of RFC 8259; invalid UTF-8 becomes U+FFFD. */
void json_add_str(struct buf *b, struct str s);
/* The document without blanks, keys in the order they were set. */
char *json_text(json_t *j);

#endif
