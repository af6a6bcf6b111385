/* A pattern file and, behind a NUL, a path: parents decide for what is below them, and the two
 * ways to match agree. */
#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "source/glob_priv.h"
#include "source/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether a parent of the path is matched, asked one by one. */
static bool match_slowly(const struct glob *g, struct str path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] == '/' && glob_match(g, str_first(path, i)))
			return true;
	return glob_match(g, path);
}

static void check_glob(struct str pattern, struct str path)
{
	struct glob g;
	struct err *e = glob_init(&g, pattern, true);
	if (e) {
		err_free(e);
		return;
	}
	assert(glob_match_or_parent(&g, path) == match_slowly(&g, path));
	for (size_t i = 1; i < path.len; i++)
		if (path.p[i] == '/' && glob_match(&g, path))
			assert(glob_may_match_below(&g, str_first(path, i)));
	glob_done(&g);
}

static void check_dirs(const struct source_ignore *g, const char *path)
{
	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		own_mem char *dir = mem_strndup(path, (size_t)(slash - path));
		if (dir[0] && source_ignore_match(g, dir, NULL) &&
		    !source_ignore_match(g, path, NULL))
			assert(source_ignore_may_reinclude(g, dir));
	}
}

static bool is_clean(struct str path)
{
	if (!path.p || path.len >= LIMIT_PATH_BYTES || str_has_nul(path))
		return false;
	while (path.p) {
		struct str part = str_cut(&path, '/');
		if (!part.len || str_eq(part, STR(".")) || str_eq(part, STR("..")))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str path = str_n((const char *)data, size), text = str_cut(&path, '\0');
	if (!is_clean(path))
		return 0;
	struct source_ignore_rule why = { 0 };
	own_mem char *name = str_dup(path);
	check_glob(str_first(text, 200), path);
	own(source_ignore) g = NULL;
	struct err *e = source_ignore_parse("i", text, &g);
	if (e) {
		err_free(e);
		return 0;
	}
	if (source_ignore_match(g, name, &why))
		assert(why.line && why.pattern.len);
	check_dirs(g, name);
	return 0;
}
