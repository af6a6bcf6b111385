/* What an answer looks like: JSON, a table, or a line per member. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "app/rest.h"

#define MOST_COLUMNS 12

/* Bytes of a server in a terminal: no control characters, neither C0 nor C1. */
static char *printable(const char *text)
{
	char *copy = mem_strdup(text);
	for (char *p = copy; *p; p++) {
		bool c1 = (unsigned char)p[0] == 0xc2 && ((unsigned char)p[1] & 0xe0) == 0x80;
		if (c1)
			p[1] = ' ';
		if (c1 || (unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	}
	return copy;
}

/* ---- columns ---- */

/* The program's own locale is "C", and not to be changed for what else depends on it. */
static size_t wide_width(const char *text)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
	mbstate_t state = { 0 };
	size_t width = 0, left = strlen(text);
	while (left) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, left, &state);
		bool whole = n != (size_t)-1 && n != (size_t)-2 && n > 0;
		int columns = whole ? wcwidth(c) : 1;
		if (!whole) {
			n = 1;
			state = (mbstate_t){ 0 };
		}
		width += columns < 0 ? 1 : (size_t)columns;
		text += n;
		left -= n;
	}
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
	return width;
}

/* How many columns a terminal gives it: two for a wide character, none for a combining one. */
static size_t width_of(const char *text)
{
	const char *p = text;
	while (*p && !(*p & 0x80))
		p++;
	return (size_t)(p - text) + (*p ? wide_width(p) : 0);
}

static void print_padded(const char *text, size_t width)
{
	size_t have = width_of(text);
	printf("%s%*s", text, (int)(have < width ? width - have : 0), "");
}

/* ---- a value ---- */

static char *cell(json_t *v);

/* What an object of a list is called. */
static json_t *name_of(json_t *item)
{
	json_t *platform = json_object_get(item, "platform"), *name = json_object_get(item, "name");
	return platform ? platform : name ? name : item;
}

static char *list_cell(json_t *v)
{
	struct buf b;
	buf_init(&b, 1 << 16);
	json_t *item;
	size_t i;
	json_array_foreach(v, i, item)
	{
		own_mem char *one = cell(json_is_object(item) ? name_of(item) : item);
		buf_printf(&b, "%s%s", i ? "," : "", one);
	}
	return b.len ? buf_steal(&b) : mem_strdup("-");
}

static bool is_error(json_t *v)
{
	return json_is_string(json_object_get(v, "text")) &&
	       json_is_string(json_object_get(v, "code"));
}

static char *error_cell(json_t *v)
{
	const char *remedy = json_string_value(json_object_get(v, "remedy"));
	own_mem char *whole =
		mem_printf("%s (%s)%s%s", json_string_value(json_object_get(v, "text")),
			   json_string_value(json_object_get(v, "code")), remedy ? " " : "",
			   remedy ? remedy : "");
	return printable(whole);
}

/* Another rule that writes a tag of a preview; NULL for all else. */
static char *conflict_cell(json_t *v)
{
	const char *tag = json_string_value(json_object_get(v, "tag"));
	const char *rule = json_string_value(json_object_get(v, "ruleId"));
	own_mem char *text = tag && rule ? mem_printf("%s:%s", tag, rule) : NULL;
	return text ? printable(text) : NULL;
}

/* An error is a sentence, a conflict a pair; all else is its members. */
static char *object_cell(json_t *v)
{
	if (is_error(v))
		return error_cell(v);
	char *conflict = conflict_cell(v);
	if (conflict)
		return conflict;
	struct buf b;
	buf_init(&b, 1 << 16);
	const char *key;
	json_t *member;
	json_object_foreach(v, key, member)
	{
		/* behind "=" nothing is nothing: a group that took the empty text */
		bool is_empty = json_is_string(member) && !json_string_length(member);
		own_mem char *one = is_empty ? mem_strdup("") : cell(member);
		own_mem char *name = printable(key);
		buf_printf(&b, "%s%s=%s", b.len ? "," : "", name, one);
	}
	return b.len ? buf_steal(&b) : mem_strdup("-");
}

static char *cell(json_t *v)
{
	if (!v || json_is_null(v))
		return mem_strdup("-");
	if (json_is_string(v))
		return json_string_length(v) ? printable(json_string_value(v)) : mem_strdup("-");
	if (json_is_boolean(v))
		return mem_strdup(json_is_true(v) ? "yes" : "no");
	if (json_is_array(v))
		return list_cell(v);
	return json_is_object(v) ? object_cell(v) : json_text(v);
}

/* ---- tables ---- */

static size_t split_columns(const char *columns, struct str *members, char **heads)
{
	size_t n = 0;
	for (struct str rest = str_of(columns); rest.p && n < MOST_COLUMNS; n++) {
		struct str head = str_cut(&rest, ',');
		members[n] = str_cut(&head, ' ');
		heads[n] = str_dup(head);
	}
	return n;
}

static void print_cells(char **rows, size_t n_rows, size_t n)
{
	size_t widths[MOST_COLUMNS] = { 0 };
	for (size_t i = 0; i < n_rows * n; i++)
		widths[i % n] = MAX(widths[i % n], width_of(rows[i]));
	for (size_t r = 0; r < n_rows; r++) {
		for (size_t i = 0; i + 1 < n; i++)
			print_padded(rows[r * n + i], widths[i] + 2);
		printf("%s\n", rows[r * n + n - 1]);
	}
}

void rest_print_table(json_t *items, const char *columns)
{
	struct str members[MOST_COLUMNS];
	char *heads[MOST_COLUMNS];
	size_t n = split_columns(columns, members, heads), n_rows = json_array_size(items) + 1;
	char **rows = mem_new_array(n_rows * n, char *);
	for (size_t i = 0; i < n; i++)
		rows[i] = heads[i];
	json_t *item;
	size_t r;
	json_array_foreach(items, r, item)
	{
		for (size_t i = 0; i < n; i++) {
			own_mem char *name = str_dup(members[i]);
			rows[(r + 1) * n + i] = cell(json_object_get(item, name));
		}
	}
	print_cells(rows, n_rows, n);
	for (size_t i = 0; i < n_rows * n; i++)
		free(rows[i]);
	free(rows);
}

/* ---- members ---- */

/* Members of an object on one line, those that say something. */
static void print_item(json_t *item)
{
	const char *key;
	json_t *v;
	size_t at = 0, next = 0; /* columns: where the line is, where the next text begins */
	json_object_foreach(item, key, v)
	{
		if (json_is_null(v))
			continue;
		own_mem char *value = cell(v);
		own_mem char *text =
			json_is_string(v) ? move(value) : mem_printf("%s=%s", key, value);
		next = MAX(next, at) + (at ? 1 : 2);
		printf("%*s%s", (int)(next - at), "", text);
		at = next + width_of(text);
		next += json_is_string(v) ? 14 : 0;
	}
	printf("\n");
}

/* Whether it takes lines of its own, below its name. */
static bool is_block(json_t *v)
{
	return (json_is_object(v) && json_object_size(v) && !is_error(v)) ||
	       (json_is_array(v) && json_is_object(json_array_get(v, 0)));
}

static void print_members(json_t *j, int indent)
{
	const char *key;
	json_t *v, *item;
	size_t width = 0, i;
	json_object_foreach(j, key, v) width = MAX(width, width_of(key));
	json_object_foreach(j, key, v)
	{
		printf("%*s", indent, "");
		if (is_block(v))
			printf("%s\n", key);
		if (json_is_array(v) && is_block(v)) {
			json_array_foreach(v, i, item) print_item(item);
		} else if (is_block(v)) {
			print_members(v, indent + 2);
		} else {
			own_mem char *text = cell(v);
			print_padded(key, width + 2);
			printf("%s\n", text);
		}
	}
}

/* ---- answers ---- */

static void print_json(json_t *j)
{
	own_mem char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENCODE_ANY);
	puts(text);
}

/* How to go on with a list that did not come whole. */
static void print_more(const struct invocation *in, json_t *page)
{
	const char *next = json_string_value(json_object_get(page, "next"));
	json_t *total = json_object_get(page, "total");
	size_t shown = json_array_size(json_object_get(page, "items"));
	if (next)
		fprintf(stderr, "There are more: go on with kiln %s ... --cursor %s\n",
			in->command->name, next);
	else if (json_is_integer(total) && (size_t)json_integer_value(total) > shown)
		fprintf(stderr, "There are %lld; these are the first %zu.\n",
			(long long)json_integer_value(total), shown);
}

static void warn_of_conflicts(json_t *items)
{
	json_t *item;
	size_t i, n = 0;
	json_array_foreach(items, i, item) n += json_array_size(json_object_get(item, "conflicts"));
	if (n)
		fprintf(stderr, "warning: several rules write one tag from one push; the build that"
				" ends last keeps it. See CONFLICTS for TAG:RULE\n");
}

void rest_print(const struct invocation *in, json_t *j, const char *columns)
{
	json_t *items = json_object_get(j, "items");
	if (option_get(in, "json")) {
		print_json(j);
	} else if (items && columns) {
		rest_print_table(items, columns);
		fflush(stdout);
		print_more(in, j);
		warn_of_conflicts(items);
	} else {
		print_members(j, 0);
	}
}

void rest_print_done(const struct invocation *in, const char *server, const char *text)
{
	own_json args = json_array();
	if (!option_get(in, "json")) {
		puts(text);
		return;
	}
	for (size_t i = 0; i < in->n_args; i++)
		json_array_append_new(args, json_string(in->args[i]));
	own_json j = json_pack("{s:s, s:s, s:O, s:s}", "done", in->command->name, "server", server,
			       "arguments", args, "text", text);
	print_json(j);
}
