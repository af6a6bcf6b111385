#include "codec/json.h"

#include "base/limits.h"
#include "codec/test_priv.h"

static void expect_reads(struct str text)
{
	own_json j = NULL;
	EXPECT_OK(json_read(text, &j));
	EXPECT(j != NULL);
}

static void expect_refused(struct str text, const char *part)
{
	json_t *j = NULL;
	EXPECT_ERR(json_read(text, &j), ERR_INVALID, part);
	EXPECT(!j);
}

/* SPEC RFC 8259 section 2 */
TEST(json_reads_documents)
{
	expect_reads(STR("{}"));
	expect_reads(STR(" [1, -2.5e3, true, null, \"\\u00e9\xc3\xa9\"]\r\n\t"));
	expect_reads(STR("\"text\""));
	expect_reads(STR("9223372036854775807"));
}

TEST(json_refuses_what_is_no_document)
{
	expect_refused(STR(""), "line 1");
	expect_refused(str_of(NULL), "line 1");
	expect_refused(STR("{\"a\":1,}"), "line 1 column");
	expect_refused(STR("{\n\"a\": tru }"), "line 2 column");
	expect_refused(STR("[1,2"), "line 1");
	expect_refused(STR("9223372036854775808"), "line 1");
	expect_refused(STR("\xef\xbb\xbf{}"), "line 1");
	expect_refused(STR("[\"\xff\"]"), "line 1");
	expect_refused(STR("[\"\\ud800\"]"), "line 1");
	expect_refused(STR("[\"a\nb\"]"), "line 1");
}

TEST(json_refuses_what_two_parsers_read_differently)
{
	expect_refused(STR("{\"a\":1,\"a\":2}"), "duplicate");
	expect_refused(STR("{\"x\":{\"a\":1,\"\\u0061\":2}}"), "duplicate");
	expect_refused(STR("{} {}"), "end of file expected");
	expect_refused(STR("{}x"), "end of file expected");
	expect_refused(STR("{}\0"), "end of file expected");
	expect_refused(STR("{\0}"), "line 1");
	expect_refused(STR("[\"a\0b\"]"), "line 1");
	expect_refused(STR("[\"a\\u0000b\"]"), "line 1");
	expect_refused(STR("{\"a\\u0000b\":1}"), "line 1");
}

static void nested(struct buf *b, const char *open, const char *close, int depth)
{
	for (int i = 0; i < depth; i++)
		buf_add(b, str_of(open));
	buf_add(b, STR("1"));
	for (int i = 0; i < depth; i++)
		buf_add(b, str_of(close));
}

TEST(json_bounds_depth)
{
	done(buf) b;
	buf_init(&b, 1 << 20);
	nested(&b, "[", "]", LIMIT_JSON_DEPTH);
	expect_reads(buf_str(&b));
	buf_clear(&b);
	nested(&b, "\n{\"[[\\\"[[\":", "}",
	       LIMIT_JSON_DEPTH); /* brackets in strings do not count */
	expect_reads(buf_str(&b));
	buf_clear(&b);
	nested(&b, "[", "]", LIMIT_JSON_DEPTH + 1);
	expect_refused(buf_str(&b), "line 1 column 33: nested deeper than 32");
	buf_clear(&b);
	nested(&b, "{\"a\":[\n", "]}", LIMIT_JSON_DEPTH);
	expect_refused(buf_str(&b), "line 17 column 1: nested deeper");
}

TEST(json_get_reads_members)
{
	own_json j = NULL;
	EXPECT_OK(json_read(
		STR("{\"s\":\"text\",\"n\":7,\"t\":true,\"o\":{},\"a\":[1],\"z\":null}"), &j));
	struct str s = STR("before");
	uint64_t n = 1;
	bool t = false;
	json_t *o = NULL, *a = NULL;
	EXPECT_OK(json_get_str(j, "absent", &s));
	EXPECT_OK(json_get_str(j, "z", &s));
	EXPECT_STR(s, "before");
	EXPECT_OK(json_get_str(j, "s", &s));
	EXPECT_STR(s, "text");
	EXPECT_OK(json_get_u64(j, "z", 9, &n));
	EXPECT(n == 1);
	EXPECT_OK(json_get_u64(j, "n", 7, &n));
	EXPECT(n == 7);
	EXPECT_OK(json_get_bool(j, "t", &t));
	EXPECT(t);
	EXPECT_OK(json_get_obj(j, "o", &o));
	EXPECT(json_is_object(o));
	EXPECT_OK(json_get_array(j, "a", &a));
	EXPECT(json_array_size(a) == 1);
	EXPECT_OK(json_get_array(j, "absent", &a));
	EXPECT(json_array_size(a) == 1);
}

TEST(json_get_refuses_other_types)
{
	own_json j = NULL;
	EXPECT_OK(json_read(STR("{\"s\":\"text\",\"n\":-7,\"r\":7.0,\"a\":[]}"), &j));
	struct str s;
	uint64_t n;
	bool t;
	json_t *o;
	EXPECT_ERR(json_get_str(j, "n", &s), ERR_INVALID, "\"n\" is not a string");
	EXPECT_ERR(json_get_u64(j, "n", 100, &n), ERR_INVALID, "\"n\" is not a whole number");
	EXPECT_ERR(json_get_u64(j, "r", 100, &n), ERR_INVALID, "\"r\"");
	EXPECT_ERR(json_get_u64(j, "s", 100, &n), ERR_INVALID, "\"s\"");
	EXPECT_ERR(json_get_bool(j, "s", &t), ERR_INVALID, "\"s\" is not true or false");
	EXPECT_ERR(json_get_obj(j, "a", &o), ERR_INVALID, "\"a\" is not an object");
	EXPECT_ERR(json_get_array(j, "s", &o), ERR_INVALID, "\"s\" is not an array");
	EXPECT_OK(json_get_array(j, "a", &o));
	EXPECT_ERR(json_get_str(o, "x", &s), ERR_INVALID, "an object with \"x\"");
	EXPECT_ERR(json_get_str(NULL, "x", &s), ERR_INVALID, "an object with \"x\"");
	own_json big = NULL;
	EXPECT_OK(json_read(STR("{\"n\":8}"), &big));
	EXPECT_ERR(json_get_u64(big, "n", 7, &n), ERR_INVALID, "\"n\" is more than 7");
}

/* SPEC RFC 8259 section 7 */
TEST(json_add_str_escapes)
{
	done(buf) b;
	buf_init(&b, 1 << 10);
	json_add_str(&b, STR("a\"\\/\b\f\n\r\t\x01\x1f\x7f\0é€😀"));
	EXPECT_STR(buf_str(&b), "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000é€😀\"");
	buf_clear(&b);
	json_add_str(&b, STR("\xff"
			     "a\xc3"
			     "b\xe2\x82"
			     "c\xed\xa0\x80\xf0\x9f"));
	EXPECT_STR(buf_str(&b), "\"\uFFFDa\uFFFDb\uFFFD\uFFFDc\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\"");
	expect_reads(buf_str(&b));
	buf_clear(&b);
	json_add_str(&b, str_of(NULL));
	EXPECT_STR(buf_str(&b), "\"\"");
}

TEST(json_text_keeps_the_order)
{
	own_json j = NULL;
	EXPECT_OK(json_read(STR("{ \"z\" : [ 1 , 2 ] , \"a\" : { \"k\" : \"/é\" } }"), &j));
	own_mem char *text = json_text(j);
	EXPECT_STR(str_of(text), "{\"z\":[1,2],\"a\":{\"k\":\"/é\"}}");
}

static struct err *read_document(struct str s)
{
	own_json j = NULL;
	return json_read(s, &j);
}

TEST(json_corpus_verdicts)
{
	EXPECT(check_corpus("json", read_document) >= 7);
}
