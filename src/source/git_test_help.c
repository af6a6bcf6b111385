#include "source/git_test_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "codec/tar.h"

#define MOST_OUT ((size_t)4 << 20)

/* source/git.h starts this program again, as it does with kiln, to put the sandbox around git. */
__attribute__((constructor)) static void be_guard(int argc, char **argv)
{
	if (argc <= 2 || strcmp(argv[1], "git-guard") != 0)
		return;
	own(err) e = source_git_guard(argc - 2, argv + 2);
	own_mem char *text = err_text(e);
	fprintf(stderr, "%s\n", text);
	_exit(1);
}

static int new_dir(char *path, size_t size)
{
	char link[64];
	int fd = test_tmpdir();
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, size - 1);
	EXPECT(n > 0);
	path[n] = 0;
	return fd;
}

struct git_world git_world_new(void)
{
	struct git_world w = { .a = arena_open((size_t)64 << 20) };
	w.data_fd = new_dir(w.data, sizeof(w.data));
	w.work_fd = new_dir(w.work, sizeof(w.work));
	struct source_git_options o = { .data_fd = w.data_fd, .data_path = w.data };
	EXPECT_OK(source_git_open(&o, &w.g));
	return w;
}

void git_world_done(struct git_world *w)
{
	source_git_free(w->g);
	arena_free(w->a);
	close(w->data_fd);
	close(w->work_fd);
}

const char *script(struct git_world *w, const char *text)
{
	own_mem char *out = NULL, *data = mem_printf("DATA=%s", w->data),
		     *home = mem_printf("HOME=%s", w->work);
	const char *argv[] = { "env",
			       "-i",
			       "-C",
			       w->work,
			       data,
			       home,
			       "PATH=/usr/bin:/bin",
			       "GIT_CONFIG_NOSYSTEM=1",
			       "GIT_AUTHOR_NAME=A",
			       "GIT_AUTHOR_EMAIL=a@b",
			       "GIT_COMMITTER_NAME=A",
			       "GIT_COMMITTER_EMAIL=a@b",
			       "GIT_AUTHOR_DATE=1600000000 +0000",
			       "GIT_COMMITTER_DATE=1600000000 +0000",
			       "sh",
			       "-ec",
			       text,
			       NULL };
	EXPECT_OK(spawn_run(argv, MOST_OUT, &out));
	return arena_strdup(w->a, str_trim(str_of(out)));
}

const char *local_refs(struct git_world *w, const char *id)
{
	struct source_ref *refs;
	size_t n;
	const char *text = "";
	EXPECT_OK(source_git_local_refs(w->g, w->a, id, &refs, &n));
	for (size_t i = 0; i < n; i++)
		text = arena_printf(w->a, "%s%s %s %s\n", text, refs[i].name, refs[i].object,
				    refs[i].commit);
	return text;
}

static const char *told(struct git_world *w, struct tar_reader *t, const struct tar_entry *e)
{
	char content[4096];
	size_t len = 0, got = 0;
	if (e->type == TAR_DIR)
		return arena_printf(w->a, "%s/", e->path);
	if (e->type == TAR_SYMLINK)
		return arena_printf(w->a, "%s->%s", e->path, e->link);
	EXPECT(e->type == TAR_FILE);
	const char *head = arena_printf(w->a, "%s%s=", e->path, e->mode & 0100 ? "*" : "");
	do {
		EXPECT_OK(tar_reader_read(t, content + len, sizeof(content) - len, &got));
		len += got;
	} while (got && len < sizeof(content));
	return arena_printf(w->a, "%s" STR_FMT, head, STR_ARG(str_n(content, len)));
}

const char *archive(struct git_world *w, const char *id, const char *commit, const char *dir)
{
	own_fd fd = -1;
	EXPECT_OK(source_git_tmpfile(w->g, &fd));
	EXPECT_OK(source_git_archive(w->g, id, commit, dir, fd));
	lseek(fd, 0, SEEK_SET);
	own(reader) r = reader_fd(fd);
	own(tar_reader) t = tar_reader_open(r);
	const char *text = "";
	for (;;) {
		const struct tar_entry *e;
		EXPECT_OK(tar_reader_next(t, &e));
		if (!e)
			return text;
		text = arena_printf(w->a, "%s%s\n", text, told(w, t, e));
	}
}

void expect_code(struct err *e, const char *code)
{
	own(err) owned = e;
	own_mem char *text = e ? err_text(e) : mem_strdup("no error");
	if (!e || !err_code(e) || strcmp(err_code(e), code) != 0)
		fail_msg("%s: %s, wanted %s", e && err_code(e) ? err_code(e) : "-", text, code);
}
