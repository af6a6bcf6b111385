/* What lies in our own repositories. */
#include "source/git_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "codec/tar.h"

#define MODULE_LIST_BYTES ((size_t)64 << 20)
#define MOST_NESTING      4

struct err *source_git_local_init(struct source_git *g, const char *id)
{
	git_busy_enter(g, id);
	struct err *e = git_repository_make(g, id);
	git_busy_leave(g, id);
	return e;
}

/* What a tag of a tag is of in the end: for-each-ref goes one step. */
static struct err *peel(struct source_git *g, struct arena *a, const char *path, struct str ref,
			const char **commit)
{
	own_mem char *name = mem_printf(STR_FMT "^{}", STR_ARG(ref)), *text = NULL;
	TRY(git_run(g, &(struct git_call){ .repository = path,
					   .args = { "rev-parse", "-q", "--verify", name },
					   .in_fd = -1,
					   .max = 128,
					   .out = &text }));
	*commit = arena_strdup(a, str_trim(str_of(text)));
	return NULL;
}

struct err *source_git_local_refs(struct source_git *g, struct arena *a, const char *id,
				  struct source_ref **refs, size_t *n)
{
	own_mem char *path = NULL, *text = NULL;
	size_t len, cap = 0;
	TRY(git_repository_path(g, id, &path));
	TRY(git_run(
		g,
		&(struct git_call){
			.repository = path,
			.args = { "for-each-ref",
				  "--format=%(objectname) %(*objectname) %(*objecttype) %(refname)",
				  "refs/heads", "refs/tags" },
			.in_fd = -1,
			.max = GIT_LIST_BYTES,
			.out = &text,
			.len = &len }));
	own_mem struct source_ref *list = NULL;
	*n = 0;
	for (struct str rest = str_n(text, len); rest.p;) {
		struct str name = str_cut(&rest, '\n'), object = str_cut(&name, ' '),
			   commit = str_cut(&name, ' '), type = str_cut(&name, ' ');
		if (!source_commit_ok(object) || !source_ref_ok(name) || *n >= GIT_MOST_REFS)
			continue;
		mem_reserve_one(list, *n, cap);
		const char *of = arena_strdup(a, object);
		list[(*n)++] =
			(struct source_ref){ .name = arena_strdup(a, name),
					     .object = of,
					     .commit = commit.len ? arena_strdup(a, commit) : of };
		if (str_eq(type, STR("tag")))
			TRY(peel(g, a, path, name, &list[*n - 1].commit));
	}
	*refs = arena_new_array(a, *n, struct source_ref);
	if (*n)
		memcpy(*refs, list, *n * sizeof(*list));
	return NULL;
}

/* ---- archives ---- */

struct fd_writer {
	struct writer w;
	int fd;
	char *b; /* owned; headers are small */
	size_t n;
};
#define WRITE_BYTES ((size_t)256 << 10)

static struct err *flush(struct fd_writer *f)
{
	size_t n = f->n;
	f->n = 0;
	return fd_write_all(f->fd, f->b, n);
}

static struct err *write_some(struct writer *w, const void *p, size_t len)
{
	struct fd_writer *f = container_of(w, struct fd_writer, w);
	if (f->n + len > WRITE_BYTES)
		TRY(flush(f));
	if (len > WRITE_BYTES)
		return fd_write_all(f->fd, p, len);
	memcpy(f->b + f->n, p, len);
	f->n += len;
	return NULL;
}

struct archive {
	struct source_git *g;
	const char *path;
	struct tar_writer tar;
};

static struct err *copy_bytes(struct archive *ar, struct tar_reader *in)
{
	own_mem char *chunk = mem_grow(NULL, 64 << 10, 1);
	for (size_t got;;) {
		TRY(tar_reader_read(in, chunk, 64 << 10, &got));
		if (!got)
			return NULL;
		TRY(tar_writer_data(&ar->tar, chunk, got));
	}
}

/* Entries below `cut` come out without it and with `put` before them. */
static struct err *copy_entries(struct archive *ar, struct tar_reader *in, struct str cut,
				struct str put)
{
	for (;;) {
		const struct tar_entry *e;
		TRY(tar_reader_next(in, &e));
		if (!e)
			return NULL;
		struct str name = str_of(e->path);
		if (cut.len) {
			if (!str_starts(name, cut) || name.len <= cut.len || name.p[cut.len] != '/')
				continue; /* the directories above it */
			name = str_skip(name, cut.len + 1);
		}
		own_mem char *path = mem_printf(STR_FMT STR_FMT, STR_ARG(put), STR_ARG(name));
		struct tar_entry out = *e;
		out.path = path;
		TRY(tar_writer_entry(&ar->tar, &out));
		if (e->type == TAR_FILE && e->size)
			TRY(copy_bytes(ar, in));
	}
}

/* The tree as one archive of git's, through a file: git is to be through before we begin. */
static struct err *copy_tree(struct archive *ar, const char *commit, const char *dir,
			     struct str put)
{
	own_fd tmp = -1;
	TRY(git_tmpfile(ar->g, &tmp));
	struct git_call c = { .repository = ar->path,
			      .args = { "archive", "--format=tar", commit, "--",
					dir[0] ? dir : NULL },
			      .in_fd = -1,
			      .out_fd = tmp };
	TRY(git_run(ar->g, &c));
	lseek(tmp, 0, SEEK_SET);
	own(reader) r = reader_fd(tmp);
	own(tar_reader) in = tar_reader_open(r);
	return copy_entries(ar, in, str_of(dir), put);
}

static bool has(struct archive *ar, const char *what)
{
	struct err *e = git_run(ar->g, &(struct git_call){ .repository = ar->path,
							   .args = { "cat-file", "-e", what },
							   .in_fd = -1,
							   .out_fd = -1 });
	bool there = !e;
	err_free(e);
	return there;
}

/* Submodules that were fetched, at their places. `below` is the directory that is archived. */
static struct err *copy_modules(struct archive *ar, const char *commit, struct str below,
				struct str put, unsigned depth)
{
	own_mem char *modules = mem_printf("%s:.gitmodules", commit), *text = NULL;
	size_t len;
	if (depth >= MOST_NESTING || !has(ar, modules))
		return NULL;
	TRY(git_run(ar->g, &(struct git_call){ .repository = ar->path,
					       .args = { "ls-tree", "-r", "-z", commit },
					       .in_fd = -1,
					       .max = MODULE_LIST_BYTES,
					       .out = &text,
					       .len = &len }));
	for (struct str rest = str_n(text, len); rest.p && rest.len;) {
		struct str name = str_cut(&rest, '\0'), head = str_cut(&name, '\t');
		if (!str_starts(head, STR("160000 commit ")))
			continue;
		own_mem char *id = str_dup(str_skip(head, 14));
		own_mem char *keep = mem_printf("refs/kiln/keep/%s", id);
		if (!source_commit_ok(str_of(id)) || !has(ar, keep))
			continue;
		if (below.len) {
			if (!str_starts(name, below) || name.len <= below.len ||
			    name.p[below.len] != '/')
				continue;
			name = str_skip(name, below.len + 1);
		}
		own_mem char *at = mem_printf(STR_FMT STR_FMT "/", STR_ARG(put), STR_ARG(name));
		TRY(copy_tree(ar, id, "", str_of(at)));
		TRY(copy_modules(ar, id, STR(""), str_of(at), depth + 1));
	}
	return NULL;
}

static struct err *check_dir(struct archive *ar, const char *commit, const char *dir)
{
	own_mem char *name = mem_printf("%s:%s", commit, dir), *type = NULL;
	struct err *e = git_run(ar->g, &(struct git_call){ .repository = ar->path,
							   .args = { "cat-file", "-t", name },
							   .in_fd = -1,
							   .max = 64,
							   .out = &type });
	bool tree = !e && strcmp(type, "tree\n") == 0;
	err_free(e);
	return tree ? NULL
		    : err_coded(ERR_NOT_FOUND, "DF_CONTEXT",
				"Look at the Dockerfile directory of the build rule.",
				"commit %.12s has no directory /%s", commit, dir);
}

struct err *source_git_file(struct source_git *g, const char *id, const char *commit,
			    const char *file, size_t most, char **out, size_t *len)
{
	own_mem char *path = NULL, *clean = NULL, *name = NULL;
	TRY(git_repository_path(g, id, &path));
	TRY(source_path_clean(str_of(file), &clean));
	if (!source_commit_ok(str_of(commit)))
		return err_new(ERR_INVALID, "\"%.70s\" is no commit", commit);
	name = mem_printf("%s:%s", commit, clean);
	struct err *e = git_run(g, &(struct git_call){ .repository = path,
						       .args = { "cat-file", "blob", name },
						       .in_fd = -1,
						       .max = most,
						       .out = out,
						       .len = len });
	if (!e || e->kind != ERR_INVALID)
		return e;
	err_free(e);
	return err_coded(ERR_NOT_FOUND, "DF_MISSING", NULL, "commit %.12s has no file /%s here",
			 commit, clean);
}

struct err *source_git_archive(struct source_git *g, const char *id, const char *commit,
			       const char *dir, int out_fd)
{
	own_mem char *path = NULL, *clean = NULL, *buffer = mem_grow(NULL, WRITE_BYTES, 1);
	TRY(git_repository_path(g, id, &path));
	TRY(source_path_clean(str_of(dir), &clean));
	if (!source_commit_ok(str_of(commit)))
		return err_new(ERR_INVALID, "\"%.70s\" is no commit", commit);
	struct archive ar = { .g = g, .path = path };
	struct fd_writer out = { .w = { write_some }, .fd = out_fd, .b = buffer };
	tar_writer_init(&ar.tar, &out.w);
	if (clean[0])
		TRY(check_dir(&ar, commit, clean));
	TRY(copy_tree(&ar, commit, clean, STR("")));
	TRY(copy_modules(&ar, commit, str_of(clean), STR(""), 0));
	TRY(tar_writer_finish(&ar.tar));
	return flush(&out);
}
