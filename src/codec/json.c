#include "codec/json.h"

#include <assert.h>

#include "base/limits.h"

/* jansson's own bound is far above ours, so nesting is counted before it builds anything. */
static struct err *check_depth(struct str text)
{
	size_t line = 1, line_start = 0;
	int depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		if (c == '\n') {
			line++;
			line_start = i + 1;
		} else if (in_string && c == '\\') {
			i++; /* what is escaped ends no string; a raw line feed here is refused
				later */
		} else if (c == '"') {
			in_string = !in_string;
		} else if (in_string) {
			continue;
		} else if ((c == '{' || c == '[') && ++depth > LIMIT_JSON_DEPTH) {
			return err_new(ERR_INVALID,
				       "JSON line %zu column %zu: nested deeper than %d", line,
				       i - line_start + 1, LIMIT_JSON_DEPTH);
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return NULL;
}

struct err *json_read(struct str text, json_t **out)
{
	json_error_t at;
	TRY(check_depth(text));
	json_t *j =
		json_loadb(text.p ?: "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
	if (!j)
		return err_new(ERR_INVALID, "JSON line %d column %d: %s", at.line, at.column,
			       at.text);
	*out = j;
	return NULL;
}

void json_ref_drop(json_ref *j)
{
	json_decref(*j);
	*j = NULL;
}

/* `*out` is NULL when the member is absent or null. */
static struct err *get(json_t *obj, const char *key, json_t **out)
{
	if (!json_is_object(obj))
		return err_new(ERR_INVALID, "JSON: an object with \"%s\" was expected", key);
	json_t *v = json_object_get(obj, key);
	*out = json_is_null(v) ? NULL : v;
	return NULL;
}

static struct err *wrong(const char *key, const char *wanted)
{
	return err_new(ERR_INVALID, "JSON: \"%s\" is not %s", key, wanted);
}

struct err *json_get_str(json_t *obj, const char *key, struct str *out)
{
	json_t *v;
	TRY(get(obj, key, &v));
	if (!v)
		return NULL;
	if (!json_is_string(v))
		return wrong(key, "a string");
	*out = str_n(json_string_value(v), json_string_length(v));
	return NULL;
}

struct err *json_get_u64(json_t *obj, const char *key, uint64_t max, uint64_t *out)
{
	json_t *v;
	TRY(get(obj, key, &v));
	if (!v)
		return NULL;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return wrong(key, "a whole number from 0 up");
	uint64_t n = (uint64_t)json_integer_value(v);
	if (n > max)
		return err_new(ERR_INVALID, "JSON: \"%s\" is more than %llu", key,
			       (unsigned long long)max);
	*out = n;
	return NULL;
}

struct err *json_get_bool(json_t *obj, const char *key, bool *out)
{
	json_t *v;
	TRY(get(obj, key, &v));
	if (!v)
		return NULL;
	if (!json_is_boolean(v))
		return wrong(key, "true or false");
	*out = json_is_true(v);
	return NULL;
}

struct err *json_get_obj(json_t *obj, const char *key, json_t **out)
{
	json_t *v;
	TRY(get(obj, key, &v));
	if (!v)
		return NULL;
	if (!json_is_object(v))
		return wrong(key, "an object");
	*out = v;
	return NULL;
}

struct err *json_get_array(json_t *obj, const char *key, json_t **out)
{
	json_t *v;
	TRY(get(obj, key, &v));
	if (!v)
		return NULL;
	if (!json_is_array(v))
		return wrong(key, "an array");
	*out = v;
	return NULL;
}

/* Bytes of the well-formed UTF-8 character that `s` starts with; 0 if it does not. */
static size_t utf8_len(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return n <= s.len && str_is_utf8(str_first(s, n)) ? n : 0;
}

/* SPEC RFC 8259 section 7 */
static void add_control(struct buf *b, char c)
{
	static const char named[] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
	};
	unsigned char u = (unsigned char)c;
	if (u < sizeof(named) && named[u])
		buf_add(b, str_n((char[]){ '\\', named[u] }, 2));
	else
		buf_printf(b, "\\u%04x", u);
}

void json_add_str(struct buf *b, struct str s)
{
	buf_add_c(b, '"');
	while (s.len) {
		size_t plain = 0; /* most text needs nothing: add it in one piece */
		while (plain < s.len && s.p[plain] >= 0x20 && s.p[plain] < 0x7f &&
		       s.p[plain] != '"' && s.p[plain] != '\\')
			plain++;
		buf_add(b, str_first(s, plain));
		s = str_skip(s, plain);
		if (!s.len)
			break;
		char c = s.p[0];
		size_t n = utf8_len(s);
		if (c == '"' || c == '\\')
			buf_add(b, str_n((char[]){ '\\', c }, 2));
		else if ((unsigned char)c < 0x20)
			add_control(b, c);
		else
			buf_add(b, n ? str_first(s, n) : STR("\xef\xbf\xbd"));
		s = str_skip(s, n ? n : 1);
	}
	buf_add_c(b, '"');
}

char *json_text(json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	assert(text); /* a value in itself is the only way to fail but lack of memory */
	return text;
}
