/* Repositories of ours: pushed to by real git, listed, archived; and that nothing in them or around
 * them is run. */
#include "source/git_test_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

#define ID    "crcs-test"
#define NONE  "0000000000000000000000000000000000000000"

#define START "git init -q -b main . && git config core.autocrlf false\n"
/* The objects of all refs, as one pack. */
#define PACK "git rev-list --objects --all | git pack-objects -q --stdout >pack\n"

static struct git_world new_world(void)
{
	struct git_world w = git_world_new();
	EXPECT_OK(source_git_local_init(w.g, ID));
	return w;
}

static bool exists(int dir_fd, const char *path)
{
	return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- git-receive-pack ---- */

struct command {
	const char *old, *new, *ref;
};

static void add_packet(struct buf *b, const struct command *c, bool first)
{
	size_t tail = first ? 1 + strlen(" report-status") : 0;
	buf_printf(b, "%04zx%s %s %s", 4 + 40 + 1 + 40 + 1 + strlen(c->ref) + tail, c->old, c->new,
		   c->ref);
	if (first)
		buf_add(b, STR("\0 report-status"));
}

static int request(struct git_world *w, const struct command *commands, size_t n, bool with_pack)
{
	int fd;
	done(buf) b;
	buf_init(&b, 64 << 20);
	for (size_t i = 0; i < n; i++)
		add_packet(&b, &commands[i], i == 0);
	buf_add(&b, STR("0000"));
	if (with_pack) {
		own_mem char *pack = NULL;
		size_t len;
		EXPECT_OK(fd_read_path(w->work_fd, "pack", 32 << 20, &pack, &len));
		buf_add(&b, str_n(pack, len));
	}
	EXPECT_OK(source_git_tmpfile(w->g, &fd));
	EXPECT_OK(fd_write_all(fd, b.p, b.len));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* What receive-pack says to a push, in the arena. */
static const char *push_fd(struct git_world *w, int in_fd, bool gzip)
{
	own_fd out = -1;
	own_mem char *text = NULL;
	size_t len;
	EXPECT_OK(source_git_tmpfile(w->g, &out));
	struct err *e = source_git_serve(w->g, ID, SOURCE_RECEIVE_PACK, STR(""), in_fd, gzip, out);
	if (e) {
		own_mem char *why = err_text(e);
		err_free(e);
		return arena_strdup(w->a, str_of(why));
	}
	lseek(out, 0, SEEK_SET);
	EXPECT_OK(fd_read_file(out, 1 << 20, &text, &len));
	return arena_strdup(w->a, str_n(text, len));
}

static const char *push(struct git_world *w, const struct command *commands, size_t n,
			bool with_pack)
{
	own_fd in = request(w, commands, n, with_pack);
	return push_fd(w, in, false);
}

static const char *push_one(struct git_world *w, const char *commit, const char *ref)
{
	return push(w, &(struct command){ NONE, commit, ref }, 1, true);
}

/* A commit with the tree that `make` leaves in $T. */
static const char *commit_of(struct git_world *w, const char *make)
{
	return script(w, arena_printf(w->a,
				      START "%s\nC=$(echo x | git commit-tree $T)\n"
					    "git update-ref refs/heads/x $C\n" PACK "echo $C",
				      make));
}

TEST(a_push_by_hand_is_taken)
{
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	const char *said = push_one(&w, c, "refs/heads/main");
	EXPECT(strstr(said, "unpack ok") && strstr(said, "ok refs/heads/main"));
	EXPECT_STR(str_of(local_refs(&w, ID)), arena_printf(w.a, "refs/heads/main %s %s\n", c, c));
	EXPECT_STR(str_of(archive(&w, ID, c, "")), "a=hi\n\n");
	git_world_done(&w);
}

TEST(a_push_that_is_compressed)
{
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	own_fd plain = request(&w, &(struct command){ NONE, c, "refs/heads/main" }, 1, true);
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), plain);
	script(&w, arena_printf(w.a, "gzip -c <%s >body.gz", path));
	own_fd in = openat(w.work_fd, "body.gz", O_RDONLY | O_CLOEXEC);
	EXPECT(strstr(push_fd(&w, in, true), "ok refs/heads/main"));
	git_world_done(&w);
}

TEST(several_refs_in_one_push_and_their_end)
{
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	const struct command make[] = { { NONE, c, "refs/heads/a" },
					{ NONE, c, "refs/heads/b" },
					{ NONE, c, "refs/tags/v1" } };
	EXPECT(strstr(push(&w, make, 3, true), "ok refs/tags/v1"));
	const struct command end[] = { { c, NONE, "refs/heads/a" }, { c, NONE, "refs/tags/v1" } };
	EXPECT(strstr(push(&w, end, 2, false), "ok refs/heads/a"));
	EXPECT_STR(str_of(local_refs(&w, ID)), arena_printf(w.a, "refs/heads/b %s %s\n", c, c));
	git_world_done(&w);
}

TEST(a_push_onto_what_is_not_there_any_more)
{
	struct git_world w = new_world();
	const char *first = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	push_one(&w, first, "refs/heads/main");
	const char *second = commit_of(&w, "echo ho >a; git add a; T=$(git write-tree)");
	const struct command next = { first, second, "refs/heads/main" };
	EXPECT(strstr(push(&w, &next, 1, true), "ok refs/heads/main"));
	/* What is forced is taken, but only by whoever knows what is there. */
	const struct command stale[] = { { first, NONE, "refs/heads/main" },
					 { NONE, first, "refs/heads/main" },
					 { first, second, "refs/heads/x" } };
	for (size_t i = 0; i < ARRAY_LEN(stale); i++)
		EXPECT(strstr(push(&w, &stale[i], 1, i > 0), "ng refs/heads/"));
	const struct command absent = { NONE, "1111111111111111111111111111111111111111",
					"refs/heads/x" };
	EXPECT(!strstr(push(&w, &absent, 1, true), "ok refs/heads/x"));
	EXPECT_STR(str_of(local_refs(&w, ID)),
		   arena_printf(w.a, "refs/heads/main %s %s\n", second, second));
	git_world_done(&w);
}

TEST(refs_outside_of_the_repository)
{
	static const char *const refs[] = { "refs/heads/../../config",
					    "../config",
					    "config",
					    "HEAD",
					    "refs/heads/..",
					    "refs/heads/a..b",
					    "refs/heads/-\x01",
					    "/etc/x",
					    "hooks/update",
					    "refs/heads/x.lock" };
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		const char *said = push_one(&w, c, refs[i]);
		EXPECT(!strstr(said, arena_printf(w.a, "ok %s\n", refs[i])));
	}
	EXPECT_STR(str_of(local_refs(&w, ID)), "");
	git_world_done(&w);
}

TEST(requests_that_are_none)
{
	static const char *const bodies[] = { "",          "0000", "zzzz",
					      "ffff",      "0001", "00040000",
					      "0005x0000", "PACK", "0032want x\n0000" };
	struct git_world w = new_world();
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		own_fd fd = -1;
		EXPECT_OK(source_git_tmpfile(w.g, &fd));
		EXPECT_OK(fd_write_all(fd, bodies[i], strlen(bodies[i])));
		lseek(fd, 0, SEEK_SET);
		EXPECT(!strstr(push_fd(&w, fd, false), "unpack ok"));
		lseek(fd, 0, SEEK_SET);
		EXPECT(!strstr(push_fd(&w, fd, true), "unpack ok"));
	}
	EXPECT_STR(str_of(local_refs(&w, ID)), "");
	git_world_done(&w);
}

/* A line of a tree, to be written by hash-object: mode, name, hexadecimal id. */
#define RAW                                      \
	"raw() { /usr/bin/printf \"$1 $2\\0\"; " \
	"/usr/bin/printf \"$(printf %s $3 | sed 's/../\\\\x&/g')\"; }\n"

/* Histories of old programs have small faults, and are pushed all the same, as they are fetched. */
TEST(old_histories_are_taken)
{
	struct git_world w = new_world();
	const char *c = script(
		&w, START RAW
		"B=$(echo x | git hash-object -w --stdin)\n"
		"T=$(raw 0100644 a $B | git hash-object -t tree --literally -w --stdin)\n"
		"C=$(printf 'tree %s\\nauthor A <a@b> 1 +051800\\ncommitter A <a@b>1 +0000\\n\\nx\\n' $T |"
		" git hash-object -t commit --literally -w --stdin)\n"
		"git update-ref refs/heads/x $C\n" PACK "echo $C");
	EXPECT(strstr(push_one(&w, c, "refs/heads/main"), "ok refs/heads/main"));
	EXPECT_STR(str_of(archive(&w, ID, c, "")), "a=x\n\n");
	git_world_done(&w);
}

/* ---- what a push may not bring ---- */

#define BLOB   "B=$(echo x | git hash-object -w --stdin)\n"
#define MODULE "M=1111111111111111111111111111111111111111\n"
/* A tree whose .gitmodules holds this text. */
#define MODULES(text)                                                                        \
	MODULE "B=$(printf '" text "' | git hash-object -w --stdin)\n"                       \
	       "T=$(printf '100644 blob %s\\t.gitmodules\\n160000 commit %s\\tm\\n' $B $M |" \
	       " git mktree --missing)"

/* `name` is the script's $N. */
static void expect_hostile_named(const char *name, const char *make)
{
	struct git_world w = new_world();
	const char *c = commit_of(&w, arena_printf(w.a, "N='%s'\n%s", name, make));
	const char *said = push_one(&w, c, "refs/heads/main");
	if (strstr(said, "unpack ok") || strstr(said, "ok refs/heads/main\n"))
		fail_msg("it was taken: %s %s", name, make);
	EXPECT_STR(str_of(local_refs(&w, ID)), "");
	git_world_done(&w);
}

static void expect_hostile(const char *make)
{
	expect_hostile_named("", make);
}

TEST(cve_2018_11235_names_of_submodules_that_leave)
{
	expect_hostile(
		MODULES("[submodule \"../../hooks\"]\\npath = m\\nurl = https://a.example/b\\n"));
	expect_hostile(
		MODULES("[submodule \"a/../../b\"]\\npath = m\\nurl = https://a.example/b\\n"));
}

TEST(cve_2019_1387_names_of_submodules_with_backslashes)
{
	expect_hostile(MODULES(
		"[submodule \"a\\\\\\\\..\\\\\\\\..\\\\\\\\b\"]\\npath = m\\nurl = https://a.example/b\\n"));
}

TEST(cve_2018_17456_addresses_and_paths_of_submodules_that_are_options)
{
	expect_hostile(MODULES("[submodule \"m\"]\\npath = m\\nurl = -u./payload\\n"));
	expect_hostile(MODULES("[submodule \"m\"]\\npath = -m\\nurl = https://a.example/b\\n"));
}

TEST(cve_2020_5260_line_ends_in_addresses_of_submodules)
{
	expect_hostile(MODULES(
		"[submodule \"m\"]\\npath = m\\nurl = \"https://a.example/%%0ahost=b\"\\n"));
}

TEST(cve_2019_19604_commands_of_submodules)
{
	expect_hostile(MODULES(
		"[submodule \"m\"]\\npath = m\\nurl = https://a.example/b\\nupdate = !id\\n"));
}

TEST(cve_2018_11233_names_that_mean_git_elsewhere)
{
	static const char *const names[] = { ".git",
					     ".GIT",
					     ".Git",
					     "git~1",
					     "GIT~1",
					     ".git ",
					     ".git.",
					     ".git::$INDEX_ALLOCATION",
					     ".g\xe2\x80\x8cit" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		expect_hostile_named(names[i], BLOB
				     "T=$(printf '100644 blob %s\\t%s\\n' $B \"$N\" | git mktree)");
		expect_hostile_named(
			names[i],
			BLOB "S=$(printf '100755 blob %s\\tpost-checkout\\n' $B | git mktree)\n"
			     "T=$(printf '040000 tree %s\\t%s\\n' $S \"$N\" | git mktree)");
	}
}

TEST(files_of_git_that_are_links)
{
	expect_hostile("B=$(printf /etc/passwd | git hash-object -w --stdin)\n"
		       "T=$(printf '120000 blob %s\\t.gitmodules\\n' $B | git mktree)");
	expect_hostile("B=$(printf /etc/passwd | git hash-object -w --stdin)\n"
		       "T=$(printf '120000 blob %s\\t.GITMODULES\\n' $B | git mktree)");
}

/* CVE-2023-23946 and CVE-2024-32002 need a link where another name has a directory. */
TEST(cve_2023_23946_a_link_and_a_directory_of_one_name)
{
	expect_hostile(RAW BLOB "L=$(printf .git | git hash-object -w --stdin)\n"
				"S=$(printf '100755 blob %s\\thook\\n' $B | git mktree)\n"
				"T=$({ raw 120000 a $L; raw 40000 a $S; } |"
				" git hash-object -t tree --literally -w --stdin)");
}

TEST(paths_that_leave)
{
	static const char *const names[] = { "..", ".", "../x", "a/b", "/x" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		expect_hostile_named(
			names[i], RAW BLOB
			"T=$(raw 100644 \"$N\" $B | git hash-object -t tree --literally -w --stdin)");
}

/* ---- nothing is run, nothing of others is read ---- */

TEST(hooks_are_not_run)
{
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	script(&w,
	       "cd $DATA/git/" ID
	       ".git && mkdir -p hooks && for h in pre-receive update post-receive "
	       "post-update reference-transaction proc-receive push-to-checkout pre-auto-gc; do "
	       "printf '#!/bin/sh\\necho $0 $1 >>%s/hook-ran\\n' $DATA/git/" ID ".git >hooks/$h; "
	       "chmod +x hooks/$h; done");
	EXPECT(strstr(push_one(&w, c, "refs/heads/main"), "ok refs/heads/main"));
	local_refs(&w, ID);
	archive(&w, ID, c, "");
	EXPECT(!exists(w.data_fd, "git/" ID ".git/hook-ran"));
	/* They would have run: git without us does it. */
	script(&w, "git push -q $DATA/git/" ID ".git x:refs/heads/other");
	EXPECT(exists(w.data_fd, "git/" ID ".git/hook-ran"));
	git_world_done(&w);
}

/* CVE-2024-32004, CVE-2024-32465: a repository's own configuration. */
TEST(cve_2024_32004_programs_in_the_configuration_are_not_run)
{
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; echo '* filter=evil diff=evil' >.gitattributes; "
				      "git add a .gitattributes; T=$(git write-tree)");
	script(&w,
	       "cd $DATA/git/" ID
	       ".git; printf '#!/bin/sh\\necho $0 $1 >>%s/ran\\ncat\\n' $PWD >x; chmod +x x; "
	       "printf '#!/bin/sh\\necho $0 $1 >>%s/ran\\n' $PWD >reference-transaction; chmod +x reference-transaction; "
	       "for k in core.fsmonitor core.pager core.editor core.askPass credential.helper "
	       "uploadpack.packObjectsHook  gpg.program; "
	       "do git --git-dir=. config $k $PWD/x; done; git --git-dir=. config core.hooksPath $PWD");
	EXPECT(strstr(push_one(&w, c, "refs/heads/main"), "ok refs/heads/main"));
	EXPECT(strstr(archive(&w, ID, c, ""), "a=hi\n"));
	own_fd out = -1;
	EXPECT_OK(source_git_tmpfile(w.g, &out));
	EXPECT_OK(source_git_advertise(w.g, ID, SOURCE_UPLOAD_PACK, STR("version=2"), out));
	EXPECT(!exists(w.data_fd, "git/" ID ".git/ran"));
	script(&w, "git push -q $DATA/git/" ID ".git x:refs/heads/other");
	EXPECT(exists(w.data_fd, "git/" ID ".git/ran"));
	git_world_done(&w);
}

/* CVE-2022-24765: a .git directory above, and the settings of who runs us. */
TEST(cve_2022_24765_settings_of_others_are_not_read)
{
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	script(&w, "git config --global receive.denyDeletes true; "
		   "cd $DATA; git init -q .; git config receive.denyDeletes true");
	own_mem char *config = mem_printf("%s/.gitconfig", w.work),
		     *above = mem_printf("%s/.git", w.data);
	static const char *const names[] = { "HOME",
					     "GIT_CONFIG_GLOBAL",
					     "GIT_DIR",
					     "GIT_CONFIG_COUNT",
					     "GIT_CONFIG_KEY_0",
					     "GIT_CONFIG_VALUE_0" };
	const char *values[] = { w.work, config, above, "1", "receive.denyDeletes", "true" };
	const char *before = getenv("HOME");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		setenv(names[i], values[i], 1);
	const char *made = push_one(&w, c, "refs/heads/main");
	const char *ended = push(&w, &(struct command){ c, NONE, "refs/heads/main" }, 1, false);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	if (before)
		setenv("HOME", before, 1);
	EXPECT(strstr(made, "ok refs/heads/main"));
	EXPECT(strstr(ended, "ok refs/heads/main"));
	git_world_done(&w);
}

/* CVE-2021-21300: links, names that differ in their case, and filters that run late. */
TEST(cve_2021_21300_links_and_filters_come_out_as_they_are)
{
	struct git_world w = new_world();
	const char *c = commit_of(
		&w,
		"mkdir A; echo x >A/post-checkout; ln -s .git/hooks a; "
		"printf 'A/post-checkout filter=lfs diff=lfs merge=lfs -text\\n' >.gitattributes; "
		"git add A a .gitattributes; T=$(git write-tree)");
	push_one(&w, c, "refs/heads/main");
	EXPECT_STR(str_of(archive(&w, ID, c, "")),
		   ".gitattributes=A/post-checkout filter=lfs diff=lfs merge=lfs -text\n\n"
		   "A/\nA/post-checkout=x\n\na->.git/hooks\n");
	git_world_done(&w);
}

#define LANDLOCKED(path)                                                         \
	(struct git_call)                                                        \
	{                                                                        \
		.args = { "hash-object", "--", path }, .in_fd = -1, .out_fd = -1 \
	}

TEST(git_reads_no_files_of_others)
{
	struct git_world w = new_world();
	script(&w, "echo secret >secret; echo secret >$DATA/secret");
	own_mem char *work = mem_printf("%s/secret", w.work),
		     *data = mem_printf("%s/secret", w.data);
	EXPECT_ERR(git_run(w.g, &LANDLOCKED(work)), ERR_DENIED, "Permission denied");
	EXPECT_ERR(git_run(w.g, &LANDLOCKED(data)), ERR_DENIED, "Permission denied");
	EXPECT_OK(git_run(w.g, &LANDLOCKED("/etc/passwd"))); /* as git itself needs */
	git_world_done(&w);
}

TEST(git_writes_only_its_own_repository)
{
	struct git_world w = new_world();
	EXPECT_OK(source_git_local_init(w.g, "crcs-other"));
	own_mem char *mine = mem_printf("%s/git/" ID ".git", w.data);
	static const char *const others[] = { "git/crcs-other.git/config", "config", "git/x" };
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		own_mem char *other = mem_printf("%s/%s", w.data, others[i]);
		struct git_call c = { .repository = mine,
				      .args = { "config", "-f", other, "a.b", "c" },
				      .in_fd = -1,
				      .out_fd = -1 };
		own(err) e = git_run(w.g, &c);
		EXPECT(e);
	}
	EXPECT(!exists(w.data_fd, "config") && !exists(w.data_fd, "git/x"));
	own_mem char *own_file = mem_printf("%s/x", mine);
	EXPECT_OK(git_run(w.g, &(struct git_call){ .repository = mine,
						   .args = { "config", "-f", own_file, "a.b", "c" },
						   .in_fd = -1,
						   .out_fd = -1 }));
	git_world_done(&w);
}

/* ---- refs ---- */

TEST(refs_are_peeled)
{
	struct git_world w = new_world();
	const char *c = script(&w, START
			       "git commit -q --allow-empty -m 1\n"
			       "git tag light; git tag -a -m x noted; git tag -a -m x twice noted\n"
			       "git branch a/b; git update-ref refs/notes/x HEAD\n"
			       "git push -q --mirror $DATA/git/" ID ".git; git rev-parse HEAD");
	const char *noted = script(&w, "git rev-parse noted"),
		   *twice = script(&w, "git rev-parse twice");
	EXPECT_STR(str_of(local_refs(&w, ID)),
		   arena_printf(w.a,
				"refs/heads/a/b %s %s\nrefs/heads/main %s %s\n"
				"refs/tags/light %s %s\nrefs/tags/noted %s %s\n"
				"refs/tags/twice %s %s\n",
				c, c, c, c, c, c, noted, c, twice, c));
	git_world_done(&w);
}

/* ---- archives ---- */

TEST(an_archive_is_as_a_checkout)
{
	struct git_world w = new_world();
	const char *c = script(
		&w, START
		"mkdir -p app/sub app2; echo 1 >app/a; echo 2 >app/sub/b; echo 3 >app2/c; echo 4 >top\n"
		"chmod +x app/a; ln -s ../../etc app/out; ln -s a app/in\n"
		"printf 'a export-ignore\\nb export-subst\\n' >.gitattributes\n"
		"printf '$Format:%%H$' >app/sub/b; git add .; git commit -q -m 1\n"
		"git push -q $DATA/git/" ID ".git main; git rev-parse HEAD");
	const char *app = "a*=1\n\nin->a\nout->../../etc\nsub/\nsub/b=$Format:%H$\n";
	EXPECT_STR(str_of(archive(&w, ID, c, "app")), app);
	EXPECT_STR(str_of(archive(&w, ID, c, "/app/")), app);
	EXPECT_STR(str_of(archive(&w, ID, c, "./app/sub")), "b=$Format:%H$\n");
	const char *whole = archive(&w, ID, c, "");
	EXPECT(strstr(whole, "app/a*=1\n") && strstr(whole, "app2/c=3\n") &&
	       strstr(whole, "top=4\n"));
	git_world_done(&w);
}

TEST(directories_with_odd_names)
{
	static const char *const dirs[] = {
		"a*", ":(top)", "-x", "a b", "日本", "a?[b]", "!a", "^a"
	};
	struct git_world w = new_world();
	const char *c = script(
		&w, START
		"for d in 'a*' ':(top)' -x 'a b' 日本 'a?[b]' '!a' '^a' ab; do mkdir -- \"$d\" && echo \"$d\" >\"./$d/f\"; done\n"
		"git add -A; git commit -q -m 1; git push -q $DATA/git/" ID
		".git main; git rev-parse HEAD");
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		EXPECT_STR(str_of(archive(&w, ID, c, dirs[i])),
			   arena_printf(w.a, "f=%s\n\n", dirs[i]));
	git_world_done(&w);
}

/* CVE-2026-33748, CVE-2026-44517: a directory that leaves the repository. */
TEST(cve_2026_33748_directories_that_leave_the_repository)
{
	struct git_world w = new_world();
	const char *c = script(
		&w, START
		"mkdir d; echo 1 >d/f; ln -s /etc etc; ln -s d inside; ln -s .. d/up; git add .; git commit -q -m 1\n"
		"git push -q $DATA/git/" ID ".git main; git rev-parse HEAD");
	static const char *const absent[] = { "etc",  "etc/ssl", "inside", "d/f",
					      "d/up", "d/up/d",  "nope",   "D" };
	own_fd fd = -1;
	EXPECT_OK(source_git_tmpfile(w.g, &fd));
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		expect_code(source_git_archive(w.g, ID, c, absent[i], fd), "DF_CONTEXT");
	static const char *const bad[] = { "..", "../..", "d/../../x", "d/.." };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_ERR(source_git_archive(w.g, ID, c, bad[i], fd), ERR_INVALID, "leaves");
	EXPECT(lseek(fd, 0, SEEK_END) == 0);
	git_world_done(&w);
}

/* CVE-2019-13139 */
TEST(cve_2019_13139_options_instead_of_names)
{
	struct git_world w = new_world();
	static const char *const commits[] = { "--output=x",
					       "-o",
					       "HEAD",
					       "main",
					       "refs/heads/main",
					       "",
					       "0123456789abcdef0123456789abcdef0123456",
					       "HEAD^{/x}" };
	static const char *const ids[] = { "../x", "", "-x/..", "a/b", ".", "A", "a b", "a\n" };
	own_fd fd = -1;
	struct source_ref *refs;
	size_t n;
	EXPECT_OK(source_git_tmpfile(w.g, &fd));
	for (size_t i = 0; i < ARRAY_LEN(commits); i++)
		EXPECT_ERR(source_git_archive(w.g, ID, commits[i], "", fd), ERR_INVALID,
			   "no commit");
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		EXPECT_ERR(source_git_local_init(w.g, ids[i]), ERR_INVALID, NULL);
		EXPECT_ERR(source_git_local_refs(w.g, w.a, ids[i], &refs, &n), ERR_INVALID, NULL);
	}
	git_world_done(&w);
}

TEST(the_protocol_of_a_client_is_no_option)
{
	static const char *const odd[] = { "version=2 --x", "version=2\nX=1", "$(id)", "'", "" };
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	push_one(&w, c, "refs/heads/main");
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		own_fd fd = -1;
		own_mem char *text = NULL;
		size_t len;
		EXPECT_OK(source_git_tmpfile(w.g, &fd));
		EXPECT_OK(source_git_advertise(w.g, ID, SOURCE_UPLOAD_PACK, str_of(odd[i]), fd));
		lseek(fd, 0, SEEK_SET);
		EXPECT_OK(fd_read_file(fd, 1 << 20, &text, &len));
		/* the first protocol: refs at once */
		EXPECT(str_starts(str_n(text, len), STR("001e# service=git-upload-pack\n0000")));
		EXPECT(memmem(text, len, c, 40));
	}
	git_world_done(&w);
}

TEST(a_removed_repository_is_gone)
{
	struct git_world w = new_world();
	const char *c = commit_of(&w, "echo hi >a; git add a; T=$(git write-tree)");
	push_one(&w, c, "refs/heads/main");
	EXPECT_OK(source_git_remove(w.g, ID));
	EXPECT(!exists(w.data_fd, "git/" ID ".git"));
	EXPECT_OK(source_git_remove(w.g, ID));
	EXPECT_OK(source_git_local_init(w.g, ID));
	EXPECT_STR(str_of(local_refs(&w, ID)), "");
	git_world_done(&w);
}

/* ---- deploy keys ---- */

TEST(deploy_keys)
{
	own_mem char *secret = NULL, *public = NULL, *other = NULL, *other_public = NULL;
	EXPECT_OK(source_ssh_key_make("kiln:demo/app", &secret, &public));
	EXPECT(str_starts(str_of(secret), STR("-----BEGIN OPENSSH PRIVATE KEY-----\n")));
	EXPECT(str_starts(str_of(public), STR("ssh-ed25519 ")));
	EXPECT(str_ends(str_of(public), STR(" kiln:demo/app")));
	EXPECT_OK(source_ssh_key_make("kiln:demo/app", &other, &other_public));
	EXPECT(strcmp(public, other_public) != 0);
	static const char *const bad[] = { "-f", "a b", "a\nb", "a\x7f" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_ERR(source_ssh_key_make(bad[i], &secret, &public), ERR_INVALID, "comment");
}
