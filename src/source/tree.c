#include "source/tree_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "source/glob_priv.h"

#define MOST_LINKS       40
#define MOST_WILD_DEPTH  256
#define MOST_MATCH_BYTES ((size_t)256 << 20) /* what the matches of one source may take */

struct source_tree *source_tree_open(int root_fd, const char *what,
				     const struct source_ignore *ignore,
				     struct source_hash_cache *cache)
{
	struct source_tree *t = mem_new(struct source_tree);
	*t = (struct source_tree){
		.root_fd = root_fd, .what = what, .ignore = ignore, .cache = cache
	};
	return t;
}

void source_tree_free(struct source_tree *t)
{
	free(t);
}

/* --- names ---------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct err *names_read(int dir_fd, struct names *out)
{
	struct names n = { .n = 0 };
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno, "open directory");
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_from_errno(errno, "open directory");
	}
	struct dirent *d;
	errno = 0;
	while ((d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		mem_reserve_one(n.v, n.n, n.cap);
		n.v[n.n++] = mem_strdup(d->d_name);
		if (n.n > LIMIT_CONTEXT_FILES)
			break;
	}
	int read_errno = errno;
	closedir(dir);
	struct err *e = n.n > LIMIT_CONTEXT_FILES
				? err_new(ERR_LIMIT, "more than %lu files in one directory",
					  LIMIT_CONTEXT_FILES)
			: read_errno ? err_from_errno(read_errno, "read directory")
				     : NULL;
	if (e) {
		names_done(&n);
		return e;
	}
	if (n.n)
		qsort(n.v, n.n, sizeof(*n.v), by_name);
	*out = n;
	return NULL;
}

void names_done(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->v[i]);
	free(n->v);
	*n = (struct names){ .n = 0 };
}

/* --- where a path leads --------------------------------------------------------------------- */

struct lookup {
	char path[PATH_MAX]; /* resolved so far, relative to the root; "" is the root */
	bool escaped;        /* a link led above the root, or was absolute */
	bool exists, is_dir;
	unsigned links; /* that were followed */
};

static bool path_push(char *path, struct str part)
{
	size_t len = strlen(path);
	if (len + part.len + 2 > PATH_MAX)
		return false;
	if (len)
		path[len++] = '/';
	memcpy(path + len, part.p, part.len);
	path[len + part.len] = '\0';
	return true;
}

static bool path_pop(char *path)
{
	char *slash = strrchr(path, '/');
	bool had = path[0] != '\0';
	*(slash ? slash : path) = '\0';
	return had;
}

static int open_at(const struct source_tree *t, const char *path, int flags)
{
	return fd_open_nofollow(t->root_fd, path[0] ? path : ".", flags, 0);
}

/* One component that is a link: what it says goes before the rest. */
static struct err *follow_link(int fd, struct lookup *l, char *rest)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return err_from_errno(errno, "read link %s", l->path);
	target[n] = '\0';
	path_pop(l->path);
	l->is_dir = true; /* what the path is now */
	if (target[0] == '/') {
		l->path[0] = '\0';
		l->escaped = true;
	}
	size_t len = strlen(rest);
	if ((size_t)n + len + 2 > PATH_MAX)
		return err_from_errno(ENAMETOOLONG, "follow links");
	memmove(rest + n + 1, rest, len + 1);
	memcpy(rest, target, (size_t)n);
	rest[n] = '/';
	return NULL;
}

static struct err *step_into(const struct source_tree *t, struct lookup *l, char *rest)
{
	own_fd fd = open_at(t, l->path, O_PATH | O_NOFOLLOW);
	struct stat st;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		l->exists = false;
		return NULL;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_from_errno(errno, "look up %s in %s", l->path, t->what);
	l->is_dir = S_ISDIR(st.st_mode);
	if (!S_ISLNK(st.st_mode))
		return NULL;
	if (++l->links > MOST_LINKS)
		return err_new(ERR_INVALID, "%s in %s is a symbolic link that leads in a circle",
			       l->path, t->what);
	return follow_link(fd, l, rest);
}

/* Resolves `path` as if the tree's root were "/". ".." of the path itself was dealt with before. */
static struct err *resolve(const struct source_tree *t, struct str path, struct lookup *l)
{
	char rest[PATH_MAX];
	*l = (struct lookup){ .exists = true, .is_dir = true };
	if (path.len >= sizeof(rest))
		return err_from_errno(ENAMETOOLONG, "COPY source");
	if (path.len) /* an empty one has no bytes to point at */
		memcpy(rest, path.p, path.len);
	rest[path.len] = '\0';
	while (rest[0] && l->exists) {
		char *slash = strchrnul(rest, '/');
		char name[PATH_MAX];
		size_t len = (size_t)(slash - rest);
		memcpy(name, rest, len);
		name[len] = '\0';
		memmove(rest, slash + (*slash == '/'), strlen(slash + (*slash == '/')) + 1);
		if (!len || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			l->escaped = !path_pop(l->path) || l->escaped;
			l->is_dir = true;
			continue;
		}
		if (!l->is_dir) {
			l->exists = false;
			break;
		}
		if (!path_push(l->path, str_of(name)))
			return err_from_errno(ENAMETOOLONG, "COPY source");
		TRY(step_into(t, l, rest));
	}
	return NULL;
}

/* Cleans a source as written; false when its ".." leads out of the tree. */
static bool clean_source(struct str source, struct buf *out)
{
	while (source.p) {
		struct str part = str_cut(&source, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR(".."))) {
			if (!out->len)
				return false;
			ptrdiff_t slash = str_rchr(buf_str(out), '/');
			out->len = slash < 0 ? 0 : (size_t)slash;
			out->p[out->len] = '\0';
			continue;
		}
		if (out->len)
			buf_add_c(out, '/');
		buf_add(out, part);
	}
	return true;
}

/* --- matching ------------------------------------------------------------------------------- */

struct matches {
	struct arena *a;
	struct source_match *v;
	size_t n, cap;
	size_t bytes; /* at least what they take of the arena */
	struct str source;
};

static struct err *add_match(struct matches *m, const char *path, struct str name, bool is_dir)
{
	m->bytes += strlen(path) + name.len + 4 * sizeof(*m->v) + 64;
	if (m->bytes > MOST_MATCH_BYTES)
		return err_new(ERR_LIMIT, "COPY source " STR_FMT " matches more than %zu files",
			       STR_ARG(m->source), m->n);
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 8;
		struct source_match *v = arena_new_array(m->a, cap, struct source_match);
		if (m->n)
			memcpy(v, m->v, m->n * sizeof(*v));
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n++] = (struct source_match){
		.path = arena_strdup(m->a, str_of(path)),
		.name = arena_strdup(m->a, name),
		.is_dir = is_dir,
	};
	return NULL;
}

static bool ignored(const struct source_tree *t, const char *path, bool is_dir,
		    struct source_ignore_rule *why)
{
	if (!t->ignore || !path[0] || !source_ignore_match(t->ignore, path, why))
		return false;
	return !is_dir || !source_ignore_may_reinclude(t->ignore, path);
}

static struct str last_part(struct str path)
{
	return str_skip(path, (size_t)(str_rchr(path, '/') + 1));
}

/* The name nearest to the one that is absent, among those that could be copied. */
static char *near_name(const struct source_tree *t, const char *dir, struct str wanted)
{
	struct names names;
	own_fd fd = open_at(t, dir, O_RDONLY | O_DIRECTORY);
	struct err *e = fd < 0 ? err_from_errno(errno, "%s", dir) : names_read(fd, &names);
	if (e) {
		err_free(e);
		return NULL;
	}
	const char **v = mem_new_array(names.n + 1, const char *);
	size_t n = 0;
	for (size_t i = 0; i < names.n; i++) {
		own_mem char *path = mem_printf("%s%s%s", dir, dir[0] ? "/" : "", names.v[i]);
		if (!ignored(t, path, true, NULL) && !str_eq(str_of(names.v[i]), wanted))
			v[n++] = names.v[i];
	}
	const char *near = str_nearest(wanted, v, n);
	char *found = near ? mem_printf("%s%s%s", dir, dir[0] ? "/" : "", near) : NULL;
	free(v);
	names_done(&names);
	return found;
}

static struct err *not_there(const struct source_tree *t, struct str source, const struct lookup *l)
{
	if (l->escaped)
		return err_new(ERR_INVALID,
			       "COPY source " STR_FMT " is a symbolic link that escapes %s",
			       STR_ARG(source), t->what);
	if (l->links)
		return err_new(ERR_NOT_FOUND,
			       "COPY source " STR_FMT
			       " is a symbolic link to %s, which does not exist in %s",
			       STR_ARG(source), l->path, t->what);
	char dir[PATH_MAX];
	strcpy(dir, l->path);
	path_pop(dir);
	own_mem char *near = near_name(t, dir, last_part(str_of(l->path)));
	return err_new(ERR_NOT_FOUND, "COPY source " STR_FMT " does not exist in %s%s%s%s",
		       STR_ARG(source), t->what, near ? " (did you mean " : "", near ?: "",
		       near ? "?)" : "");
}

static struct err *left_out(const struct source_tree *t, struct str source,
			    const struct source_ignore_rule *why)
{
	return err_new(
		ERR_NOT_FOUND, "COPY source " STR_FMT " is left out by line %u of %s: " STR_FMT,
		STR_ARG(source), why->line, source_ignore_name(t->ignore), STR_ARG(why->pattern));
}

static struct err *match_plain(struct source_tree *t, struct matches *m, struct str cleaned)
{
	struct lookup l;
	struct source_ignore_rule why = { 0 };
	own_mem char *named = str_dup(cleaned);
	TRY(resolve(t, cleaned, &l));
	if (l.exists && (ignored(t, named, l.is_dir, &why) || ignored(t, l.path, l.is_dir, &why)))
		return left_out(t, m->source, &why);
	if (!l.exists)
		return not_there(t, m->source, &l);
	return add_match(m, l.path, last_part(cleaned), l.is_dir);
}

static struct err *match_pattern(struct source_tree *t, struct matches *m, const char *dir,
				 struct str pattern, unsigned depth);

/* The last component fits: its link is followed, and stays a link if it leads nowhere. */
static __attribute__((noinline)) /* its frame is no part of the recursion */ struct err *
match_last(struct source_tree *t, struct matches *m, const char *path)
{
	struct lookup l;
	TRY(resolve(t, str_of(path), &l));
	if (ignored(t, path, l.exists && l.is_dir, NULL))
		return NULL;
	if (!l.exists)
		return l.links ? add_match(m, path, last_part(str_of(path)), false) : NULL;
	if (ignored(t, l.path, l.is_dir, NULL))
		return NULL;
	return add_match(m, l.path, last_part(str_of(path)), l.is_dir);
}

/* One name of `dir` that fits the first component of the pattern; `rest` are the others. Links on
 * the way are not followed, so that nothing is matched twice. */
static struct err *match_name(struct source_tree *t, struct matches *m, const char *dir,
			      const char *name, struct str rest, unsigned depth)
{
	own_mem char *path = mem_printf("%s%s%s", dir, dir[0] ? "/" : "", name);
	struct stat st;
	if (strlen(path) >= PATH_MAX)
		return err_from_errno(ENAMETOOLONG, "COPY source");
	if (!rest.p)
		return match_last(t, m, path);
	own_fd fd = open_at(t, path, O_PATH | O_NOFOLLOW);
	bool is_dir = fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	fd_close_own(&fd);
	if (!is_dir || ignored(t, path, true, NULL))
		return NULL;
	return match_pattern(t, m, path, rest, depth + 1);
}

static struct err *match_names(struct source_tree *t, struct matches *m, const char *dir,
			       const struct glob *g, struct str rest, unsigned depth)
{
	struct names names;
	own_fd fd = open_at(t, dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return err_from_errno(errno, "open %s in %s", dir, t->what);
	TRY(names_read(fd, &names));
	fd_close_own(&fd); /* not one per level */
	struct err *e = NULL;
	for (size_t i = 0; i < names.n && !e; i++)
		if (glob_match(g, str_of(names.v[i])))
			e = match_name(t, m, dir, names.v[i], rest, depth);
	names_done(&names);
	return e;
}

static struct err *match_pattern(struct source_tree *t, struct matches *m, const char *dir,
				 struct str pattern, unsigned depth)
{
	struct glob g;
	struct str rest = pattern, part = str_cut(&rest, '/');
	if (depth == MOST_WILD_DEPTH)
		return err_new(ERR_LIMIT, "COPY source " STR_FMT " goes more than %d levels deep",
			       STR_ARG(m->source), MOST_WILD_DEPTH);
	TRY(glob_init(&g, part, false));
	struct err *e = match_names(t, m, dir, &g, rest, depth);
	glob_done(&g);
	return e;
}

static struct err *check_patterns(struct str rest)
{
	while (rest.p) {
		struct glob g;
		TRY(glob_init(&g, str_cut(&rest, '/'), false));
		glob_done(&g);
	}
	return NULL;
}

/* The components before the first with a wildcard must be there. */
static struct err *match_wild(struct source_tree *t, struct matches *m, struct str cleaned)
{
	size_t plain = 0;
	for (struct str rest = cleaned; rest.p;) {
		plain = (size_t)(rest.p - cleaned.p);
		if (glob_is_pattern(str_cut(&rest, '/')))
			break;
	}
	struct str before = str_first(cleaned, plain ? plain - 1 : 0);
	own_mem char *named = str_dup(before);
	struct source_ignore_rule why = { 0 };
	struct lookup l;
	TRY(err_wrap(check_patterns(str_skip(cleaned, plain)), "COPY source " STR_FMT,
		     STR_ARG(m->source)));
	TRY(resolve(t, before, &l));
	if (!l.exists || !l.is_dir)
		return not_there(t, m->source, &l);
	if (ignored(t, named, true, &why) || ignored(t, l.path, true, &why))
		return left_out(t, m->source, &why);
	return match_pattern(t, m, l.path, str_skip(cleaned, plain), 0);
}

struct err *source_tree_match(struct source_tree *t, struct arena *a, struct str source,
			      struct source_match **out, size_t *n)
{
	struct matches m = { .a = a, .source = source };
	done(buf) cleaned;
	buf_init(&cleaned, LIMIT_PATH_BYTES);
	if (str_has_nul(source))
		return err_new(ERR_INVALID, "COPY source with a NUL character");
	if (source.len >= LIMIT_PATH_BYTES)
		return err_new(ERR_INVALID, "COPY source is longer than %d bytes",
			       LIMIT_PATH_BYTES - 1);
	if (!clean_source(source, &cleaned))
		return err_new(ERR_INVALID,
			       "COPY source " STR_FMT
			       " escapes %s: only what is in it can be copied",
			       STR_ARG(source), t->what);
	TRY((glob_is_pattern(buf_str(&cleaned)) ? match_wild : match_plain)(t, &m,
									    buf_str(&cleaned)));
	*out = m.v;
	*n = m.n;
	return NULL;
}

struct err *source_tree_open_file(struct source_tree *t, const char *tree_path, int *fd)
{
	struct stat st;
	own_fd opened = open_at(t, tree_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (opened < 0 || fstat(opened, &st) < 0)
		return err_from_errno(errno, "open %s in %s", tree_path, t->what);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_CONFLICT, "%s in %s changed while it was read", tree_path,
			       t->what);
	*fd = fd_move(&opened);
	return NULL;
}
