/* Steps on overlays: what the walk gives, and that packing and unpacking gives the same tree. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/test_priv.h"

#define MOST 8

struct stack {
	struct layer_name names[MOST];
	struct oci_descriptor blobs[MOST];
	struct oci_digest diff_ids[MOST];
	size_t n;
};

static void add_base(struct test_env *t, struct stack *s, const struct test_entry *entries)
{
	test_blob(t, entries, &s->blobs[s->n], &s->diff_ids[s->n]);
	s->names[s->n] = test_layer(t, entries);
	s->n++;
}

static void pack_upper(struct test_env *t, const struct layer_name *upper, int below,
		       struct layer_packed *out)
{
	struct layer_pack pack;
	EXPECT_OK(layer_pack_open(t->blobs, NULL, SQUEEZE_NONE, INT64_MAX, &pack));
	EXPECT_OK(layer_walk(t->store, upper, below, &pack.sink));
	EXPECT_OK(layer_pack_finish(&pack, out));
	layer_pack_done(&pack);
}

/* Runs the script on the stack and puts the layer that it made on top; `gives` is what the walk
 * must give, the root left out. */
static void add_step(struct test_env *t, struct stack *s, const char *script, const char *gives)
{
	struct layer_name upper;
	struct layer_packed packed;
	own_fd below = -1;
	EXPECT_OK(layer_store_new(t->store, &upper, NULL));
	EXPECT_OK(layer_mount(t->store, s->names, s->n, &upper, t->mnt));
	test_script(t->mnt, script);
	EXPECT_OK(layer_unmount(t->mnt));
	EXPECT_OK(layer_view(t->store, s->names, s->n, &below));
	done(test_notes) notes;
	test_notes_init(&notes);
	EXPECT_OK(layer_walk(t->store, &upper, below, &notes.sink));
	struct str got = buf_str(&notes.text);
	got = str_starts(got, STR("/ ")) ? str_skip(got, 2) : got;
	EXPECT_STR(got, gives);
	pack_upper(t, &upper, below, &packed);
	EXPECT((packed.n_entries == 0) == !*gives);
	EXPECT_OK(layer_store_publish(t->store, &upper, &packed.diff_id));
	s->names[s->n] = upper;
	s->blobs[s->n] = packed.descriptor;
	s->diff_ids[s->n] = packed.diff_id;
	s->n++;
}

static char *see(struct layer_store *store, const struct stack *s)
{
	own_fd view = -1;
	EXPECT_OK(layer_view(store, s->names, s->n, &view));
	return test_tree(view);
}

/* What is seen through the layers as the steps left them, and as another machine unpacks them. */
static void expect_seen(struct test_env *t, struct stack *s, const char *want)
{
	own_mem char *here = see(t->store, s);
	EXPECT_STR(str_of(here), want);
	own_fd other_fd = test_tmpdir();
	own(layer_store) other = NULL;
	EXPECT_OK(layer_store_open(other_fd, !test_has_ids, &other));
	for (size_t i = 0; i < s->n; i++)
		EXPECT_OK(
			layer_unpack(other, t->blobs, &s->blobs[i], &s->diff_ids[i], &s->names[i]));
	own_mem char *there = see(other, s);
	EXPECT_STR(str_of(there), want);
}

static const struct test_entry d_a_b[] = {
	{ .type = TAR_DIR, .path = "d", .mode = 0755 },
	{ .type = TAR_FILE, .path = "d/a", .text = "1", .mode = 0644 },
	{ .type = TAR_FILE, .path = "d/b", .text = "2", .mode = 0644 },
	{ .type = TAR_DIR, .path = "empty", .mode = 0755 },
	{ .type = TAR_FILE, .path = "f", .text = "3", .mode = 0644 },
	{ .path = NULL },
};

static const struct scenario {
	const char *what;
	struct {
		const char *script, *gives;
	} steps[4];
	const char *seen;
} scenarios[] = {
	{ "case 37: removed, made again in another step",
	  { { "rm d", "d#" }, { "mkdir d; write d/c 4", "d/ d/c=4" } },
	  "d/ d/c=4 empty/ f=3" },
	{ "case 37: removed and made again in one step",
	  { { "rm d; mkdir d; write d/c 4", "d/! d/c=4" } },
	  "d/ d/c=4 empty/ f=3" },
	{ "directory replaced by a file, and back",
	  { { "rm d; write d 4", "d=4" }, { "rm d; mkdir d; write d/c 5", "d/ d/c=5" } },
	  "d/ d/c=5 empty/ f=3" },
	{ "directory replaced by a file and back in one step",
	  { { "rm d; write d 4; rm d; mkdir d", "d/!" } },
	  "d/ empty/ f=3" },
	{ "directory replaced by a link, and back",
	  { { "rm d; symlink d empty", "d@empty" }, { "rm d; mkdir d; write d/a x", "d/ d/a=x" } },
	  "d/ d/a=x empty/ f=3" },
	{ "file replaced by a directory, and back",
	  { { "rm f; mkdir f; write f/x 1", "f/ f/x=1" }, { "rm f; write f 9", "f=9" } },
	  "d/ d/a=1 d/b=2 empty/ f=9" },
	{ "file removed, its directory stays",
	  { { "rm d/a", "d/ d/a#" }, { "rm d/b", "d/ d/b#" } },
	  "d/ empty/ f=3" },
	{ "file removed and written again",
	  { { "rm d/a", "d/ d/a#" }, { "write d/a 7", "d/ d/a=7" } },
	  "d/ d/a=7 d/b=2 empty/ f=3" },
	{ "made and removed in one step",
	  { { "mkdir n; write n/x 1; rm n", "" } },
	  "d/ d/a=1 d/b=2 empty/ f=3" },
	{ "removed and made again, with nothing below to hide",
	  { { "rm empty; mkdir empty", "" } },
	  "d/ d/a=1 d/b=2 empty/ f=3" },
	{ "a new tree is not opaque",
	  { { "mkdir n; mkdir n/m; write n/m/x 1", "n/ n/m/ n/m/x=1" } },
	  "d/ d/a=1 d/b=2 empty/ f=3 n/ n/m/ n/m/x=1" },
	{ "mode of a directory", { { "chmod d 0700", "d/" } }, "d/ d/a=1 d/b=2 empty/ f=3" },
	{ "nothing", { { "", "" } }, "d/ d/a=1 d/b=2 empty/ f=3" },
	{ "changes that change nothing",
	  { { "same-owner d/a; same-owner d; chmod f 0644; write d/x 1; rm d/x", "" } },
	  "d/ d/a=1 d/b=2 empty/ f=3" },
	{ "other bytes of the same length and time",
	  { { "sneak d/a 8; sneak f 3", "d/ d/a=8" } },
	  "d/ d/a=8 d/b=2 empty/ f=3" },
	{ "hard links, of new files and of files below",
	  { { "write d/z 5; ln d/z a; ln d/a b; fifo p", "a=5 b=1 d/ d/a>b d/z>a p?" } },
	  "a=5 b=1 d/ d/a=1 d/b=2 d/z=5 empty/ f=3 p?" },
	{ "renamed",
	  { { "mv d/a d/A; mv f d/f", "d/ d/A=1 d/a# d/f=3 f#" } },
	  "d/ d/A=1 d/b=2 d/f=3 empty/" },
	{ "bytewise order, not by path",
	  { { "mkdir x; write x/1 1; write x-y 2; write x.z 3", "x/ x/1=1 x-y=2 x.z=3" } },
	  "d/ d/a=1 d/b=2 empty/ f=3 x/ x/1=1 x-y=2 x.z=3" },
};

TEST(steps_give_their_changes_and_unpack_to_the_same_tree)
{
	NEED_MOUNTS();
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
		const struct scenario *sc = &scenarios[i];
		struct test_env t;
		struct stack s = { .n = 0 };
		test_env_init(&t);
		print_message("           %s\n", sc->what);
		add_base(&t, &s, d_a_b);
		for (size_t k = 0; k < ARRAY_LEN(sc->steps) && sc->steps[k].script; k++)
			add_step(&t, &s, sc->steps[k].script, sc->steps[k].gives);
		expect_seen(&t, &s, sc->seen);
		test_env_done(&t);
	}
}

TEST(walk_without_view_gives_everything)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name = test_layer(&t, (struct test_entry[]){
							{ TAR_FILE, "d/.wh..wh..opq" },
							{ TAR_FILE, ".wh.w" },
							{ TAR_FILE, "f", .text = "1" },
							{ .path = NULL },
						});
	done(test_notes) notes;
	test_notes_init(&notes);
	EXPECT_OK(layer_walk(t.store, &name, -1, &notes.sink));
	EXPECT_STR(buf_str(&notes.text), "/ d/! f=1 w#");
	test_env_done(&t);
}

TEST(root_keeps_owner_and_mode_of_the_layer_below)
{
	NEED_IDS();
	struct test_env t;
	struct stack s = { .n = 0 };
	test_env_init(&t);
	add_base(&t, &s,
		 (struct test_entry[]){
			 { TAR_DIR, ".", .mode = 01555, .uid = 3, .gid = 4, .mtime_s = 77 },
			 { .path = NULL },
		 });
	add_step(&t, &s, "", "");
	own_fd view = -1;
	struct stat st;
	EXPECT_OK(layer_view(t.store, s.names, s.n, &view));
	EXPECT(fstat(view, &st) == 0);
	EXPECT(st.st_mode == (S_IFDIR | 01555) && st.st_uid == 3 && st.st_gid == 4);
	EXPECT(st.st_mtim.tv_sec == 77);
	test_env_done(&t);
}

TEST(opaque_root_ends_the_stack)
{
	NEED_MOUNTS();
	struct test_env t;
	struct stack s = { .n = 0 };
	test_env_init(&t);
	add_base(&t, &s, d_a_b);
	add_base(&t, &s,
		 (struct test_entry[]){
			 { TAR_FILE, ".wh..wh..opq" },
			 { TAR_FILE, "new", .text = "1" },
			 { .path = NULL },
		 });
	add_step(&t, &s, "write x 2", "x=2");
	expect_seen(&t, &s, "new=1 x=2");
	test_env_done(&t);
}

TEST(deep_trees_are_walked_with_few_descriptors)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct buf path;
	buf_init(&path, LIMIT_PATH_BYTES - 1);
	for (int i = 0; i < 600; i++)
		buf_printf(&path, "%sd", i ? "/" : "");
	buf_add(&path, STR("/f"));
	own_mem char *deep = buf_steal(&path);
	own_mem char *beside = mem_printf("%.*s/z", 2 * 100 - 1, deep); /* behind a deeper one */
	struct layer_name name = test_layer(&t, (struct test_entry[]){
							{ TAR_FILE, deep, .text = "1" },
							{ TAR_FILE, beside, .text = "2" },
							{ .path = NULL },
						});
	done(test_notes) notes;
	test_notes_init(&notes);
	own_fd view = -1;
	EXPECT_OK(layer_view(t.store, &name, 1, &view));
	struct rlimit few = { 256, 256 }, before;
	EXPECT(getrlimit(RLIMIT_NOFILE, &before) == 0);
	few.rlim_max = before.rlim_max;
	EXPECT(setrlimit(RLIMIT_NOFILE, &few) == 0);
	EXPECT_OK(layer_walk(t.store, &name, -1, &notes.sink));
	own_mem char *end = mem_printf("/f=1 %s=2", beside);
	EXPECT(str_ends(buf_str(&notes.text), str_of(end)));
	/* against itself: directories repeat, and so do the files */
	test_notes_done(&notes);
	test_notes_init(&notes);
	EXPECT_OK(layer_walk(t.store, &name, view, &notes.sink));
	EXPECT_STR(buf_str(&notes.text), "");
	EXPECT(setrlimit(RLIMIT_NOFILE, &before) == 0);
	test_env_done(&t);
}

TEST(sockets_and_user_attributes_are_left_out)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name;
	own_fd dir = -1;
	EXPECT_OK(layer_store_new(t.store, &name, &dir));
	EXPECT(mknodat(dir, "sock", S_IFSOCK | 0644, 0) == 0);
	own_fd fd = openat(dir, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	EXPECT(fsetxattr(fd, "user.note", "x", 1, 0) == 0);
	struct layer_packed a, b;
	pack_upper(&t, &name, -1, &a);
	EXPECT(fremovexattr(fd, "user.note") == 0);
	pack_upper(&t, &name, -1, &b);
	EXPECT(a.n_entries == 2 && oci_digest_eq(&a.diff_id, &b.diff_id));
	test_env_done(&t);
}

TEST(a_path_beyond_the_limit_is_an_error)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name;
	own_fd dir = -1;
	EXPECT_OK(layer_store_new(t.store, &name, &dir));
	char part[201];
	memset(part, 'x', 200);
	part[200] = '\0';
	for (int i = 0; i < 25; i++) {
		EXPECT(mkdirat(dir, part, 0755) == 0);
		int next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	done(test_notes) notes;
	test_notes_init(&notes);
	EXPECT_ERR(layer_walk(t.store, &name, -1, &notes.sink), ERR_LIMIT, "4096");
	test_env_done(&t);
}
