/* What an answer looks like: JSON, a table, or a line per member. */
#include <stdio.h>
#include <stdlib.h>

#include "app/rest.h"

#define MOST_COLUMNS 12

/* Bytes of a server in a terminal: no control characters. */
static char *printable(const char *text)
{
	char *copy = mem_strdup(text);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return copy;
}

static char *cell(json_t *v);

/* An error is a sentence; all else is its members. */
static char *object_cell(json_t *v)
{
	const char *key, *text = json_string_value(json_object_get(v, "text")),
			 *code = json_string_value(json_object_get(v, "code")),
			 *remedy = json_string_value(json_object_get(v, "remedy"));
	if (text && code) {
		own_mem char *whole = mem_printf("%s (%s)%s%s", text, code, remedy ? " " : "",
						 remedy ? remedy : "");
		return printable(whole);
	}
	struct buf b;
	buf_init(&b, 1 << 16);
	json_t *member;
	json_object_foreach(v, key, member)
	{
		own_mem char *name = printable(key), *one = cell(member);
		buf_printf(&b, "%s%s=%s", b.len ? "," : "", name, one);
	}
	return b.len ? buf_steal(&b) : mem_strdup("-");
}

static char *cell(json_t *v)
{
	if (!v || json_is_null(v))
		return mem_strdup("-");
	if (json_is_string(v))
		return printable(json_string_value(v));
	if (json_is_boolean(v))
		return mem_strdup(json_is_true(v) ? "yes" : "no");
	if (json_is_array(v)) {
		struct buf b;
		buf_init(&b, 1 << 16);
		json_t *item;
		size_t i;
		json_array_foreach(v, i, item)
		{
			json_t *shown = item;
			if (json_is_object(item) && json_object_get(item, "platform"))
				shown = json_object_get(item, "platform");
			else if (json_is_object(item) && json_object_get(item, "name"))
				shown = json_object_get(item, "name");
			own_mem char *one = cell(shown);
			buf_printf(&b, "%s%s", i ? "," : "", one);
		}
		return b.len ? buf_steal(&b) : mem_strdup("-");
	}
	if (json_is_object(v))
		return object_cell(v);
	return json_text(v);
}

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
		widths[i % n] = MAX(widths[i % n], strlen(rows[i]));
	for (size_t r = 0; r < n_rows; r++) {
		for (size_t i = 0; i + 1 < n; i++)
			printf("%-*s  ", (int)widths[i], rows[r * n + i]);
		printf("%s\n", rows[r * n + n - 1]);
	}
}

static void print_table(json_t *items, const char *columns)
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

/* Members of an object on one line, those that say something. */
static void print_item(json_t *item)
{
	const char *key;
	json_t *v;
	printf(" ");
	json_object_foreach(item, key, v)
	{
		if (json_is_null(v))
			continue;
		own_mem char *text = cell(v);
		if (json_is_string(v))
			printf(" %-14s", text);
		else
			printf(" %s=%s", key, text);
	}
	printf("\n");
}

static void print_members(json_t *j)
{
	const char *key;
	json_t *v;
	size_t width = 0;
	json_object_foreach(j, key, v) width = MAX(width, strlen(key));
	json_object_foreach(j, key, v)
	{
		if (json_is_array(v) && json_is_object(json_array_get(v, 0))) {
			json_t *item;
			size_t i;
			printf("%s\n", key);
			json_array_foreach(v, i, item) print_item(item);
			continue;
		}
		own_mem char *text = cell(v);
		printf("%-*s  %s\n", (int)width, key, text);
	}
}

void rest_print(const struct invocation *in, json_t *j, const char *columns)
{
	json_t *items = json_is_object(j) ? json_object_get(j, "items") : NULL;
	if (option_get(in, "json")) {
		own_mem char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENCODE_ANY);
		puts(text);
	} else if (items && columns) {
		print_table(items, columns);
		if (json_is_string(json_object_get(j, "next")))
			fprintf(stderr, "There are more: --cursor %s\n",
				json_string_value(json_object_get(j, "next")));
	} else if (json_is_object(j)) {
		print_members(j);
	}
}
