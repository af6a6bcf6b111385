#include "source/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "base/thread.h"
#include "base/time.h"
#include "source/test_priv.h"

struct fixture {
	int root;
	struct arena *a;
	struct source_ignore *ignore;
	struct source_tree *t;
};

static struct fixture open_fixture(const char *ignore)
{
	struct fixture f = { .root = test_tmpdir(), .a = arena_open((size_t)1 << 30) };
	if (ignore)
		f.ignore = ignore_of(ignore);
	f.t = source_tree_open(f.root, "the build context", f.ignore, NULL);
	return f;
}

static void fixture_done(struct fixture *f)
{
	source_tree_free(f->t);
	source_ignore_free(f->ignore);
	arena_free(f->a);
	close(f->root);
}
#define own_fixture __attribute__((cleanup(fixture_done))) struct fixture

/* What a source matches, as "path:name/ …", with a slash for directories. */
static char *matches(struct fixture *f, const char *source)
{
	struct source_match *v;
	size_t n;
	struct buf b;
	buf_init(&b, (size_t)1 << 20);
	EXPECT_OK(source_tree_match(f->t, f->a, str_of(source), &v, &n));
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s:%s%s", i ? " " : "", v[i].path, v[i].name,
			   v[i].is_dir ? "/" : "");
	buf_add(&b, STR(""));
	return b.p ? buf_steal(&b) : mem_strdup("");
}

static void expect_matches(struct fixture *f, const char *source, const char *want)
{
	own_mem char *got = matches(f, source);
	EXPECT_STR(str_of(got), want);
}

static void expect_no_match(struct fixture *f, const char *source, enum err_kind kind,
			    const char *part)
{
	struct source_match *v;
	size_t n;
	EXPECT_ERR(source_tree_match(f->t, f->a, str_of(source), &v, &n), kind, part);
}

static void expect_walk(struct fixture *f, const char *path, const char *want)
{
	own_mem char *got = NULL;
	EXPECT_OK(list_walk(f->t, path, &got));
	EXPECT_STR(str_of(got), want);
}

/* --- what a source names -------------------------------------------------------------------- */

TEST(tree_finds_plain_paths)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "a/b.txt", "x");
	put_file(f.root, "top", "x");
	put_file(f.root, "odd\\name", "x");
	expect_matches(&f, "a/b.txt", "a/b.txt:b.txt");
	expect_matches(&f, "/a/b.txt", "a/b.txt:b.txt");
	expect_matches(&f, "./a//./b.txt/", "a/b.txt:b.txt");
	expect_matches(&f, "a/../top", "top:top");
	expect_matches(&f, "a", "a:a/");
	expect_matches(&f, "a/", "a:a/");
	expect_matches(&f, ".", ":/");
	expect_matches(&f, "/", ":/");
	expect_matches(&f, "a/..", ":/");
	expect_matches(&f, "odd\\name", "odd\\name:odd\\name");
}

TEST(tree_refuses_to_leave)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "a", "x");
	expect_no_match(&f, "..", ERR_INVALID, "COPY source .. escapes the build context");
	expect_no_match(&f, "../../etc/passwd", ERR_INVALID, "escapes the build context");
	expect_no_match(&f, "a/../../etc/passwd", ERR_INVALID, "escapes the build context");
	expect_no_match(&f, "/../etc/*", ERR_INVALID, "escapes the build context");
	expect_no_match(&f, "/etc/passwd", ERR_NOT_FOUND, "does not exist in the build context");
}

TEST(tree_follows_named_links_inside)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "real/file", "x");
	put_file(f.root, "etc/passwd", "ours");
	put_link(f.root, "l", "real");
	put_link(f.root, "deep/up", "../l/file");
	put_link(f.root, "abs", "/real/file");
	put_link(f.root, "passwd", "/etc/passwd");
	put_link(f.root, "clamped", "../../../../etc/passwd");
	put_link(f.root, "dangling", "real/nothing");
	put_link(f.root, "out", "../../../../../etc/shadow");
	put_link(f.root, "abs_out", "/no/such/file");
	put_link(f.root, "circle", "circle2");
	put_link(f.root, "circle2", "circle");
	put_link(f.root, "through_file", "real/file/x");
	expect_matches(&f, "l", "real:l/");
	expect_matches(&f, "l/file", "real/file:file");
	expect_matches(&f, "deep/up", "real/file:up");
	expect_matches(&f, "abs", "real/file:abs");
	expect_matches(&f, "passwd", "etc/passwd:passwd");
	expect_matches(&f, "clamped", "etc/passwd:clamped");
	expect_no_match(
		&f, "dangling", ERR_NOT_FOUND,
		"COPY source dangling is a symbolic link to real/nothing, which does not exist");
	expect_no_match(&f, "out", ERR_INVALID, "COPY source out is a symbolic link that escapes");
	expect_no_match(&f, "abs_out", ERR_INVALID, "escapes the build context");
	expect_no_match(&f, "circle", ERR_INVALID, "in a circle");
	expect_no_match(&f, "through_file", ERR_NOT_FOUND, NULL);
}

TEST(tree_names_what_is_near)
{
	own_fixture f = open_fixture("secret*\n");
	put_file(f.root, "app/main.go", "x");
	put_file(f.root, "secrets", "x");
	put_file(f.root, "plain", "x");
	expect_no_match(&f, "app/mian.go", ERR_NOT_FOUND,
			"COPY source app/mian.go does not exist in the build context (did you mean "
			"app/main.go?)");
	expect_no_match(&f, "ap/main.go", ERR_NOT_FOUND, "(did you mean app?)");
	expect_no_match(&f, "App", ERR_NOT_FOUND, "(did you mean app?)");
	struct source_match *v;
	size_t n;
	static const char *const far[] = { "secretz", "zzzzzz", "plain/x" };
	for (size_t i = 0; i < ARRAY_LEN(far); i++) {
		struct err *e = source_tree_match(f.t, f.a, str_of(far[i]), &v, &n);
		EXPECT(e && !strstr(e->what, "did you mean"));
		err_free(e);
	}
}

TEST(tree_names_the_rule_that_leaves_out)
{
	own_fixture f = open_fixture("# first\n*.md\ndir\n!dir/keep\n");
	put_file(f.root, "a.md", "x");
	put_file(f.root, "dir/keep", "x");
	put_file(f.root, "dir/sub/x", "x");
	put_link(f.root, "link", "a.md");
	expect_no_match(&f, "a.md", ERR_NOT_FOUND,
			"COPY source a.md is left out by line 2 of .dockerignore: *.md");
	expect_no_match(&f, "link", ERR_NOT_FOUND, "left out by line 2 of .dockerignore");
	expect_no_match(&f, "dir/sub", ERR_NOT_FOUND, "left out by line 3 of .dockerignore: dir");
	expect_no_match(&f, "dir/sub/*", ERR_NOT_FOUND, "left out by line 3 of .dockerignore: dir");
	expect_matches(&f, "dir/keep", "dir/keep:keep");
	expect_matches(&f, "dir", "dir:dir/");
	expect_matches(&f, "*", "dir:dir/");
	expect_matches(&f, "*.md", "");
	expect_matches(&f, "dir/*", "dir/keep:keep");
}

/* Cases 17 and 18 of the forty. */
TEST(tree_patterns_match_per_component_in_order)
{
	own_fixture f = open_fixture(NULL);
	static const char *const files[] = { "b.c",       "a.c",   "a.h",       ".hidden",
					     "B.c",       "d/x.c", "d/y.c",     "e/x.c",
					     "e/sub/x.c", "foo",   "\xc3\xa9.c" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		put_file(f.root, files[i], "x");
	put_link(f.root, "l", "d");
	put_link(f.root, "gone", "/no/such");
	expect_matches(&f, "*.c", "B.c:B.c a.c:a.c b.c:b.c \xc3\xa9.c:\xc3\xa9.c");
	expect_matches(&f, "?.c", "B.c:B.c a.c:a.c b.c:b.c \xc3\xa9.c:\xc3\xa9.c");
	expect_matches(&f, "[ab].[ch]", "a.c:a.c a.h:a.h b.c:b.c");
	expect_matches(&f, "*/x.c", "d/x.c:x.c e/x.c:x.c"); /* not l/x.c once more */
	expect_matches(&f, "d/*.c", "d/x.c:x.c d/y.c:y.c");
	expect_matches(&f, "l/*.c", "d/x.c:x.c d/y.c:y.c");
	expect_matches(&f, "[dl]", "d:d/ d:l/");
	expect_matches(&f, "*/*/*", "e/sub/x.c:x.c");
	expect_matches(&f, ".h*", ".hidden:.hidden");
	expect_matches(&f, "gon*", "gone:gone"); /* stays a link */
	expect_matches(&f, "nomatch*", "");
	expect_matches(&f, "*/nomatch", "");
}

TEST(tree_patterns_need_what_is_before_them)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "dir/x", "x");
	put_file(f.root, "a*b", "x");
	put_file(f.root, "aXb", "x");
	expect_no_match(&f, "dirr/x*", ERR_NOT_FOUND,
			"does not exist in the build context (did you mean dir?)");
	expect_no_match(&f, "dir/x/*", ERR_NOT_FOUND, "does not exist");
	expect_no_match(&f, "dir/*[", ERR_INVALID, "COPY source dir/*[: bad pattern");
	expect_no_match(&f, "*/[a-", ERR_INVALID, "bad pattern");
	expect_matches(&f, "a[*]b", "a*b:a*b");
	expect_matches(&f, "*a\\*b", "a*b:a*b");
}

TEST(tree_bounds_sources)
{
	own_fixture f = open_fixture(NULL);
	own_mem char *wild = mem_zalloc(4 * 300 + 1), *long_name = mem_zalloc(8192);
	for (size_t i = 0; i < 300; i++)
		memcpy(wild + 2 * i, "*/", 2);
	memset(long_name, 'a', 8000);
	expect_matches(&f, wild, "");
	expect_no_match(&f, long_name, ERR_INVALID, "longer than");
	struct source_match *v;
	size_t n;
	EXPECT_ERR(source_tree_match(f.t, f.a, STR("a\0b"), &v, &n), ERR_INVALID, "NUL");
	int dir = dup(f.root);
	for (size_t i = 0; i < 280; i++) {
		EXPECT(mkdirat(dir, "d", 0755) == 0);
		int next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	close(dir);
	expect_no_match(&f, wild, ERR_LIMIT, "levels deep");
}

/* --- walking -------------------------------------------------------------------------------- */

TEST(tree_walks_in_order)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "b", "x");
	put_file(f.root, "a/z", "x");
	put_file(f.root, "a/b/c", "x");
	put_file(f.root, "a.x", "x");
	put_file(f.root, "B", "x");
	put_link(f.root, "l", "/no/such");
	put_dir(f.root, "empty");
	EXPECT(mkfifoat(f.root, "p", 0644) == 0);
	expect_walk(&f, "", "d: f:B d:a d:a/b f:a/b/c f:a/z f:a.x f:b d:empty l:l>/no/such p:p");
	expect_walk(&f, "a", "d: d:b f:b/c f:z");
	expect_walk(&f, "a/z", "f:");
	expect_walk(&f, "l", "l:>/no/such");
	own_mem char *out = NULL;
	EXPECT_ERR(list_walk(f.t, "nothing", &out), ERR_NOT_FOUND,
		   "open nothing in the build context");
}

static struct err *check_entry(void *arg, const struct source_entry *s)
{
	size_t *n = arg;
	if (strcmp(s->tree_path, "d/f") != 0)
		return NULL;
	++*n;
	EXPECT_STR(str_of(s->e.path), "f");
	EXPECT(s->e.mode == 04751);
	EXPECT(s->e.size == 5);
	EXPECT(s->e.mtime_s == 1000 && s->e.mtime_ns == 0);
	EXPECT(s->e.uid == geteuid());
	return NULL;
}

TEST(tree_tells_what_an_entry_is)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "d/f", "hello");
	EXPECT(fchmodat(f.root, "d/f", 04751, 0) == 0);
	set_age(f.root, "d/f", 1000);
	size_t n = 0;
	EXPECT_OK(source_tree_walk(f.t, "d", check_entry, &n));
	EXPECT(n == 1);
}

static struct err *stop(void *arg, const struct source_entry *s)
{
	++*(size_t *)arg;
	return err_new(ERR_CANCELED, "stop");
}

TEST(tree_stops_when_told)
{
	own_fixture f = open_fixture("d\n!d/x");
	put_file(f.root, "d/x", "x");
	size_t n = 0;
	EXPECT_ERR(source_tree_walk(f.t, "", stop, &n), ERR_CANCELED, "stop");
	EXPECT(n == 1);
}

/* Case 39 of the forty. */
TEST(tree_walk_leaves_out_what_is_ignored)
{
	static const struct {
		const char *ignore, *want;
	} rows[] = {
		{ "*\n!src\n", "d: d:src f:src/a d:src/sub f:src/sub/x" },
		{ "**/x\n!keep/x\n",
		  "d: f:Dockerfile d:dir d:dir/deep f:dir/deep/f f:dir/f d:keep f:keep/x "
		  "d:src f:src/a d:src/sub" },
		{ "dir\n!dir/f\nsrc\nkeep\n", "d: f:Dockerfile d:dir f:dir/f" },
		{ "*\n!dir/deep/f\n", "d: d:dir d:dir/deep f:dir/deep/f" },
		{ "*\n!dir/f\n!dir/deep/f\n", "d: d:dir d:dir/deep f:dir/deep/f f:dir/f" },
		{ "*\n!**/f\n", "d: d:dir d:dir/deep f:dir/deep/f f:dir/f" },
		{ "*\n!src/sub\n", "d: d:src d:src/sub f:src/sub/x" },
		{ "*\n!nothing/here\n!src/nothing\n", "d:" },
		{ "/dir/\nDockerfile\n/src\nkeep/\n", "d:" },
		{ "*\n!*/f\n", "d: d:dir f:dir/f" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		own_fixture f = open_fixture(rows[i].ignore);
		static const char *const files[] = { "Dockerfile", "dir/f", "dir/deep/f",
						     "keep/x",     "src/a", "src/sub/x" };
		for (size_t k = 0; k < ARRAY_LEN(files); k++)
			put_file(f.root, files[k], "x");
		expect_walk(&f, "", rows[i].want);
	}
}

TEST(tree_walks_an_ignored_directory_for_what_is_taken_in_again)
{
	own_fixture f = open_fixture("dir\n!dir/*/f\n");
	put_file(f.root, "dir/a/f", "x");
	put_file(f.root, "dir/b/g", "x");
	put_file(f.root, "dir/c/f", "x");
	put_file(f.root, "dir/d/e/f", "x");
	expect_walk(&f, "dir", "d: d:a f:a/f d:c f:c/f");
	expect_walk(&f, "", "d: d:dir d:dir/a f:dir/a/f d:dir/c f:dir/c/f");
}

TEST(tree_keeps_hard_links)
{
	own_fixture f = open_fixture("a\n");
	put_file(f.root, "a", "x");
	put_file(f.root, "d/a", "y");
	EXPECT(linkat(f.root, "a", f.root, "b", 0) == 0); /* the first name is left out */
	EXPECT(linkat(f.root, "a", f.root, "c", 0) == 0);
	EXPECT(linkat(f.root, "d/a", f.root, "d/b", 0) == 0);
	put_link(f.root, "s1", "t");
	EXPECT(linkat(f.root, "s1", f.root, "s2", 0) == 0);
	own(source_tree) plain = source_tree_open(f.root, "x", NULL, NULL);
	own_mem char *all = NULL;
	expect_walk(&f, "", "d: f:b h:c>b d:d f:d/a h:d/b>d/a l:s1>t h:s2>s1");
	EXPECT_OK(list_walk(plain, "", &all));
	EXPECT_STR(str_of(all), "d: f:a h:b>a h:c>a d:d f:d/a h:d/b>d/a l:s1>t h:s2>s1");
	free(move(all));
	EXPECT_OK(list_walk(plain, "d", &all)); /* relative to what is walked */
	EXPECT_STR(str_of(all), "d: f:a h:b>a");
}

TEST(tree_finds_hard_links_among_many)
{
	own_fixture f = open_fixture(NULL);
	for (unsigned i = 0; i < 5000; i++) {
		char first[16], second[16];
		snprintf(first, sizeof(first), "a%04u", i);
		snprintf(second, sizeof(second), "b%04u", i);
		EXPECT(mknodat(f.root, first, S_IFREG | 0644, 0) == 0);
		EXPECT(linkat(f.root, first, f.root, second, 0) == 0);
	}
	own_mem char *all = NULL;
	EXPECT_OK(list_walk(f.t, "", &all));
	EXPECT(strstr(all, "f:a4999 h:b0000>a0000 h:b0001>a0001"));
	EXPECT(strstr(all, "h:b4999>a4999"));
}

TEST(tree_bears_any_name)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "new\nline", "x");
	put_file(f.root, "\xff\xfe", "x");
	put_file(f.root, "-rf", "x");
	put_file(f.root, " ", "x");
	expect_walk(&f, "", "d: f:  f:-rf f:new\nline f:\xff\xfe");
	expect_matches(&f, "new\nline", "new\nline:new\nline");
	expect_matches(&f, "\xff*", "\xff\xfe:\xff\xfe");
	int fd = -1;
	EXPECT_OK(source_tree_open_file(f.t, "new\nline", &fd));
	close(fd);
}

static void make_deep(int root, unsigned levels)
{
	int dir = dup(root);
	for (unsigned i = 0; i < levels; i++) {
		EXPECT(mkdirat(dir, "d", 0755) == 0);
		int next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	close(dir);
}

TEST(tree_bounds_depth)
{
	own_fixture f = open_fixture(NULL), g = open_fixture("*\n!**/x\n"), h = open_fixture(NULL);
	own_mem char *out = NULL;
	make_deep(f.root, 250);
	EXPECT_OK(list_walk(f.t, "", &out));
	EXPECT(strlen(out) > 250 * 250);
	make_deep(g.root, 250);
	expect_walk(&g, "", "d:");
	make_deep(h.root, 2000);
	free(move(out));
	EXPECT_ERR(list_walk(h.t, "", &out), ERR_LIMIT, "nested deeper");
}

TEST(tree_opens_files_only)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "d/f", "hello");
	put_link(f.root, "l", "d/f");
	put_link(f.root, "ld", "d");
	EXPECT(mkfifoat(f.root, "p", 0644) == 0);
	own_fd fd = -1;
	size_t got;
	char piece[8];
	EXPECT_OK(source_tree_open_file(f.t, "d/f", &fd));
	EXPECT_OK(fd_read_full(fd, piece, sizeof(piece), &got));
	EXPECT(got == 5);
	EXPECT_ERR(source_tree_open_file(f.t, "l", &fd), ERR_INVALID,
		   "open l in the build context");
	EXPECT_ERR(source_tree_open_file(f.t, "ld/f", &fd), ERR_INVALID, NULL);
	EXPECT_ERR(source_tree_open_file(f.t, "../x", &fd), ERR_INVALID, NULL);
	EXPECT_ERR(source_tree_open_file(f.t, "/etc/passwd", &fd), ERR_INVALID, NULL);
	EXPECT_ERR(source_tree_open_file(f.t, "p", &fd), ERR_CONFLICT, "changed while it was read");
	EXPECT_ERR(source_tree_open_file(f.t, "d", &fd), ERR_CONFLICT, NULL);
}

TEST(tree_leaves_sockets_out)
{
	own_fixture f = open_fixture(NULL);
	own_fd s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/s", f.root);
	EXPECT(bind(s, (struct sockaddr *)&at, sizeof(at)) == 0);
	put_file(f.root, "t", "x");
	expect_walk(&f, "", "d: f:t");
}

/* --- a race --------------------------------------------------------------------------------- */

struct race {
	int root;
	bool stop;
	size_t swaps;
};

/* d is a directory, then a link to /etc, then a directory again. */
static void *swap(void *arg)
{
	struct race *r = arg;
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		renameat(r->root, "d", r->root, "aside");
		bool linked = symlinkat("/etc", r->root, "d") == 0;
		unlinkat(r->root, "d", 0);
		renameat(r->root, "aside", r->root, "d");
		r->swaps += linked;
	}
	return NULL;
}

struct racer {
	struct fixture *f;
	size_t read;
};

static struct err *read_one(void *arg, const struct source_entry *s)
{
	struct racer *r = arg;
	own_fd fd = -1;
	char text[16] = "";
	size_t got = 0;
	if (s->e.type != TAR_FILE)
		return NULL;
	struct err *e = source_tree_open_file(r->f->t, s->tree_path, &fd);
	if (e) { /* swapped in between */
		err_free(e);
		return NULL;
	}
	EXPECT_OK(fd_read_full(fd, text, sizeof(text) - 1, &got));
	EXPECT_STR(str_n(text, got), "inside");
	r->read++;
	return NULL;
}

TEST(tree_never_reads_outside_while_a_directory_becomes_a_link)
{
	own_fixture f = open_fixture(NULL);
	put_file(f.root, "d/passwd", "inside");
	put_file(f.root, "d/hostname", "inside");
	struct race r = { .root = f.root };
	struct racer me = { .f = &f };
	pthread_t thread;
	EXPECT_OK(thread_start(&thread, "swap", swap, &r));
	uint64_t until = time_mono_ms() + 700;
	size_t rounds = 0;
	while (time_mono_ms() < until) {
		struct source_match *v;
		size_t n = 0;
		struct sha256_sum sum;
		own(arena) a = arena_open((size_t)1 << 20);
		err_free(source_tree_walk(f.t, "", read_one, &me));
		err_free(source_tree_walk(f.t, "d", read_one, &me));
		struct err *e = source_tree_match(f.t, a, STR("d/passwd"), &v, &n);
		if (!e && n)
			err_free(source_tree_walk(f.t, v[0].path, read_one, &me));
		err_free(e);
		err_free(source_tree_match(f.t, a, STR("d/*"), &v, &n));
		err_free(source_tree_digest(f.t, "", false, 2, NULL, &sum));
		rounds++;
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT(me.read > 0 && r.swaps > 0 && rounds > 0);
}
