#include "executor/changes.h"

#include <stdlib.h>

#define PRINT_DIGITS 16
#define MOST_NAMES   3
#define NAME_BYTES   200

char *changes_tree(const struct source_print *v, size_t n)
{
	done(buf) b;
	char *text;
	size_t len;
	buf_init(&b, CHANGES_TREE_BYTES);
	for (size_t i = 0; i < n; i++)
		if (!strchr(v[i].path, '\n'))
			buf_printf(&b, "%016llx %s\n", (unsigned long long)v[i].print, v[i].path);
	struct err *e = buf_finish(&b, &text, &len);
	if (!e)
		return text;
	err_free(e);
	return NULL;
}

struct entry {
	struct str print, path;
};

static int by_path(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return str_cmp(x->path, y->path);
}

/* Sorted by path. The caller frees it. */
static struct entry *read_tree(const char *text, size_t *n)
{
	struct entry *v = NULL;
	size_t cap = 0;
	*n = 0;
	for (struct str rest = str_of(text); rest.len;) {
		struct str line = str_cut(&rest, '\n');
		if (line.len < PRINT_DIGITS + 1)
			continue;
		mem_reserve_one(v, *n, cap);
		v[(*n)++] = (struct entry){ str_first(line, PRINT_DIGITS),
					    str_skip(line, PRINT_DIGITS + 1) };
	}
	if (*n)
		qsort(v, *n, sizeof(*v), by_path);
	return v;
}

struct names {
	struct buf text;
	bool of_directories;
	size_t n;
};

static void add(struct names *l, struct str path, const char *what)
{
	bool is_dir = !path.len || path.p[path.len - 1] == '/';
	if (is_dir != l->of_directories || l->n++ >= MOST_NAMES)
		return;
	bool cut = path.len > NAME_BYTES;
	buf_printf(&l->text, "%s" STR_FMT "%s%s", l->n > 1 ? ", " : "",
		   STR_ARG(str_first(path, NAME_BYTES)), cut ? "..." : "", what);
}

static void compare(struct names *l, const struct entry *old, size_t n_old, const struct entry *new,
		    size_t n_new)
{
	size_t i = 0, k = 0;
	while (i < n_old || k < n_new) {
		int c = i == n_old ? 1 : k == n_new ? -1 : str_cmp(old[i].path, new[k].path);
		if (c < 0)
			add(l, old[i++].path, " (gone)");
		else if (c > 0)
			add(l, new[k++].path, " (new)");
		else if (!str_eq(old[i++].print, new[k++].print))
			add(l, new[k - 1].path, "");
	}
}

char *changes_names(const char *before, const char *now)
{
	size_t n_old, n_new;
	own_mem struct entry *old = read_tree(before, &n_old), *new = read_tree(now, &n_new);
	struct names l = { .of_directories = false };
	buf_init(&l.text, 4096);
	compare(&l, old, n_old, new, n_new);
	if (!l.n) {
		l.of_directories = true;
		compare(&l, old, n_old, new, n_new);
	}
	if (l.n > MOST_NAMES)
		buf_printf(&l.text, " and %zu more", l.n - MOST_NAMES);
	if (l.n)
		return buf_steal(&l.text);
	buf_done(&l.text);
	return NULL;
}
