#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/test_priv.h"

static struct stat stat_in(struct test_env *t, const struct layer_name *name, const char *path)
{
	struct stat st = { 0 };
	own_fd dir = -1;
	EXPECT_OK(layer_open_dir(t->store, name, &dir));
	EXPECT(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return st;
}

#define TAR(...) ((const struct test_entry[]){ __VA_ARGS__, { .path = NULL } })
#define FILE_(p, ...)                                        \
	{                                                    \
		.type = TAR_FILE, .path = (p), ##__VA_ARGS__ \
	}
#define DIR_(p, ...)                                        \
	{                                                   \
		.type = TAR_DIR, .path = (p), ##__VA_ARGS__ \
	}
#define LINK_(p, to)                                                         \
	{                                                                    \
		.type = TAR_SYMLINK, .path = (p), .link = (to), .mode = 0777 \
	}
#define HARD_(p, to)                                                          \
	{                                                                     \
		.type = TAR_HARDLINK, .path = (p), .link = (to), .mode = 0644 \
	}

static const struct {
	const char *what;
	const struct test_entry *tar;
	const char *tree;
} good[] = {
	{ "empty", TAR({ .path = NULL }), "" },
	{ "absolute and dotted names stay in the layer", TAR(FILE_("/etc/./x//y", .text = "1")),
	  "etc/ etc/x/ etc/x/y=1" },
	{ "whiteouts", TAR(FILE_(".wh.a"), DIR_("d"), FILE_("d/.wh..wh..opq"), FILE_("e/.wh.b")),
	  "a# d/! e/ e/b#" },
	{ "whiteouts do not hide what is in the same layer",
	  TAR(FILE_("a", .text = "1"), FILE_(".wh.a"), FILE_(".wh.b"), FILE_("b", .text = "2"),
	      FILE_(".wh.d"), DIR_("d"), FILE_("d/x"), DIR_("e"), FILE_("e/x"), FILE_(".wh.e"),
	      FILE_(".wh.f"), FILE_("f/x")),
	  "a=1 b=2 d/! d/x e/! e/x f/! f/x" },
	{ "what aufs kept for itself",
	  TAR(DIR_(".wh..wh.plnk"), FILE_(".wh..wh.plnk/1.2"), FILE_(".wh..wh.aufs"), FILE_("f")),
	  "f" },
	{ "later entries replace earlier ones",
	  TAR(FILE_("a", .text = "1"), FILE_("a", .text = "2"), DIR_("b"), FILE_("b/x"),
	      FILE_("b", .text = "3"), FILE_("c"), DIR_("c"), LINK_("l", "/etc"), DIR_("l"),
	      FILE_("l/x"), DIR_("m"), FILE_("m/x"), LINK_("m", "a"), DIR_("n"), FILE_("n/x"),
	      DIR_("n")),
	  "a=2 b=3 c/! l/! l/x m@a n/ n/x" },
	{ "hard links",
	  TAR(FILE_("a", .text = "1"), HARD_("d/b", "./a"), HARD_("/c", "/d/b"), LINK_("l", "/etc"),
	      HARD_("k", "l"), HARD_("a", "a"), HARD_("a", "c")),
	  "a=1 c=1 d/ d/b=1 k@/etc l@/etc" },
	{ "a rewritten file leaves its other name alone",
	  TAR(FILE_("a", .text = "1"), HARD_("b", "a"), FILE_("a", .text = "2")), "a=2 b=1" },
	{ "devices are left out",
	  TAR({ .type = TAR_CHAR, .path = "null", .major = 1, .minor = 3 },
	      { .type = TAR_BLOCK, .path = "sda", .major = 8 }, { TAR_FIFO, "p", .mode = 0600 }),
	  "p?" },
	{ "a whiteout as overlayfs writes it", TAR({ .type = TAR_CHAR, .path = "w" }), "w#" },
};

TEST(entries_become_the_tree_that_they_mean)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct layer_name name = test_layer(&t, good[i].tar);
		own_mem char *tree = test_tree_of(&t, &name);
		print_message("           %s\n", good[i].what);
		EXPECT_STR(str_of(tree), good[i].tree);
	}
	test_env_done(&t);
}

static const struct {
	const char *what;
	const struct test_entry *tar;
	const char *error;
} hostile[] = {
	{ "dots", TAR(FILE_("../x")), "\"..\"" },
	{ "dots within", TAR(FILE_("a/../../x")), "\"..\"" },
	{ "absolute dots", TAR(FILE_("/../x")), "\"..\"" },
	{ "a link, then through it", TAR(LINK_("l", "OUT"), FILE_("l/x")), "symbolic link" },
	{ "a link in a directory", TAR(DIR_("d"), LINK_("d/l", "OUT"), FILE_("d/l/x")),
	  "symbolic link" },
	{ "a link that replaces a directory in use",
	  TAR(DIR_("d"), FILE_("d/a"), LINK_("d", "OUT"), FILE_("d/x")), "symbolic link" },
	{ "a link above a directory in use",
	  TAR(DIR_("d/e"), FILE_("d/e/a"), LINK_("d", "OUT"), FILE_("d/e/x")), "symbolic link" },
	{ "through a file", TAR(FILE_("f"), FILE_("f/x")), "no directory" },
	{ "hard link to dots", TAR(HARD_("x", "../secret")), "\"..\"" },
	{ "hard link to nothing", TAR(HARD_("x", "secret")), "is not in the layer" },
	{ "hard link to an absolute name", TAR(HARD_("x", "OUT/secret")), "is not in the layer" },
	{ "hard link through a link", TAR(LINK_("l", "OUT"), HARD_("x", "l/secret")),
	  "is not in the layer" },
	{ "hard link to a whiteout", TAR(FILE_(".wh.w"), HARD_("x", "w")), "is not in the layer" },
	{ "hard link to a directory", TAR(DIR_("d"), HARD_("x", "d")), "is not in the layer" },
	{ "hard link to what it replaces", TAR(FILE_("d/x"), HARD_("d", "d/x")), "replaces" },
	{ "hard link without target", TAR(HARD_("x", "/")), "is not in the layer" },
	{ "whiteout of the parent", TAR(FILE_("a/.wh...")), "whiteout" },
	{ "whiteout of itself", TAR(FILE_("a/.wh..")), "whiteout" },
	{ "whiteout of nothing", TAR(FILE_("a/.wh.")), "whiteout" },
	{ "whiteout through a link", TAR(LINK_("l", "OUT"), FILE_("l/.wh.secret")),
	  "symbolic link" },
	{ "opaque through a link", TAR(LINK_("l", "OUT"), FILE_("l/.wh..wh..opq")),
	  "symbolic link" },
	{ "below a whiteout", TAR(FILE_(".wh.a/x")), "whiteout" },
	{ "device through a link", TAR(LINK_("l", "OUT"), { .type = TAR_CHAR, .path = "l/w" }),
	  "symbolic link" },
	{ "FIFO through a link", TAR(LINK_("l", "OUT"), { TAR_FIFO, "l/p" }), "symbolic link" },
	{ "directory through a link", TAR(LINK_("l", "OUT"), DIR_("l/d")), "symbolic link" },
	{ "the root as a file", TAR(FILE_(".")), "root" },
};

/* Entries with OUT replaced by a directory that must stay as it is. */
static struct test_entry *aimed_at(const struct test_entry *tar, const char *out, char **mem)
{
	struct test_entry *copy = mem_new_array(16, struct test_entry);
	*mem = NULL;
	for (size_t i = 0; i < 15 && tar[i].path; i++) {
		copy[i] = tar[i];
		if (tar[i].link && strncmp(tar[i].link, "OUT", 3) == 0) {
			*mem = mem_printf("%s%s", out, tar[i].link + 3);
			copy[i].link = *mem;
		}
	}
	return copy;
}

TEST(hostile_entries_are_refused_and_leave_nothing)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	own_mem char *out = mem_printf("%s/outside", t.root);
	EXPECT(mkdir(out, 0755) == 0);
	test_script(out, "write secret 1");
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		own_mem char *mem = NULL;
		own_mem struct test_entry *tar = aimed_at(hostile[i].tar, out, &mem);
		struct layer_name name;
		print_message("           %s\n", hostile[i].what);
		EXPECT_ERR(test_unpack(&t, tar, &name), ERR_INVALID, hostile[i].error);
		own_fd fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		own_mem char *tree = test_tree(fd);
		EXPECT_STR(str_of(tree), "secret=1");
	}
	own_fd session = openat(t.store->dir_fd, t.store->session, O_RDONLY | O_DIRECTORY);
	own_mem char *left = test_tree(session);
	EXPECT_STR(str_of(left), "e/ lock");
	test_env_done(&t);
}

TEST(a_link_does_not_lead_times_out)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	own_mem char *out = mem_printf("%s/outside", t.root);
	EXPECT(mkdir(out, 0755) == 0);
	test_mkdir(out, "e");
	/* d/e gets its time at the end, when d has become a link */
	struct layer_name name =
		test_layer(&t, TAR(DIR_("d"), DIR_("d/e", .mtime_s = 5), LINK_("d", out)));
	struct stat st;
	own_mem char *e = mem_printf("%s/e", out);
	EXPECT(stat(e, &st) == 0 && st.st_mtim.tv_sec != 5);
	EXPECT(S_ISLNK(stat_in(&t, &name, "d").st_mode));
	test_env_done(&t);
}

TEST(owner_mode_and_time_are_kept)
{
	NEED_IDS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name = test_layer(
		&t, TAR(DIR_("d", .mode = 0755, .uid = 5, .gid = 6, .mtime_s = -3),
			FILE_("d/s", .mode = 06711, .uid = 7, .gid = 8, .mtime_s = 12345),
			DIR_("g", .mode = 02755, .gid = 9), FILE_("g/f", .mode = 0600),
			DIR_("g/d", .mode = 0755),
			{ TAR_SYMLINK, "l", "to", .uid = 70000, .mtime_s = 9 },
			{ TAR_FIFO, "p", .mode = 0622, .uid = 4, .mtime_s = 8 },
			DIR_("r", .mode = 0), FILE_("r/x", .mode = 0), FILE_("i/x")));
	struct stat st = stat_in(&t, &name, "d/s");
	EXPECT(st.st_mode == (S_IFREG | 06711) && st.st_uid == 7 && st.st_gid == 8);
	EXPECT(st.st_mtim.tv_sec == 12345);
	st = stat_in(&t, &name, "d");
	EXPECT(st.st_uid == 5 && st.st_gid == 6 && st.st_mtim.tv_sec == -3);
	st = stat_in(&t, &name, "g/f");
	EXPECT(st.st_gid == 0 && st.st_mode == (S_IFREG | 0600));
	st = stat_in(&t, &name, "g/d");
	EXPECT(st.st_gid == 0 && st.st_mode == (S_IFDIR | 0755));
	st = stat_in(&t, &name, "l");
	EXPECT(st.st_uid == 70000 && st.st_mtim.tv_sec == 9);
	st = stat_in(&t, &name, "p");
	EXPECT(st.st_mode == (S_IFIFO | 0622) && st.st_uid == 4 && st.st_mtim.tv_sec == 8);
	EXPECT(stat_in(&t, &name, "r").st_mode == S_IFDIR);
	st = stat_in(&t, &name, "i");
	EXPECT(st.st_mode == (S_IFDIR | 0755) && st.st_uid == 0 && st.st_mtim.tv_sec == 0);
	test_env_done(&t);
}

/* cap_net_raw+ep, revision 2 */
static const char capability[] = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
				 "\x00\x00\x00";

TEST(capabilities_are_kept_and_user_attributes_dropped)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct tar_xattr xattrs[] = { { "security.capability", { capability, 20 } },
				      { "trusted.overlay.opaque", STR("y") },
				      { "user.overlay.opaque", STR("y") },
				      { "user.overlay.redirect", STR("/d") } };
	struct layer_name name;
	struct layer_fill fill;
	EXPECT_OK(layer_store_new(t.store, &name, NULL));
	EXPECT_OK(layer_fill_open(t.store, &name, &fill));
	struct tar_entry e = { .path = "f", .mode = 0755, .xattrs = xattrs, .n_xattrs = 4 };
	EXPECT_OK(fill.sink.add(&fill.sink, &e, false, -1));
	e.type = TAR_DIR;
	e.path = "d";
	EXPECT_OK(fill.sink.add(&fill.sink, &e, false, -1));
	EXPECT_OK(layer_fill_finish(&fill));
	layer_fill_done(&fill);
	own_fd dir = -1;
	EXPECT_OK(layer_open_dir(t.store, &name, &dir));
	own_fd f = openat(dir, "f", O_RDONLY | O_CLOEXEC), d = openat(dir, "d", O_RDONLY);
	char value[64];
	EXPECT(fgetxattr(f, "security.capability", value, sizeof(value)) == 20);
	EXPECT(memcmp(value, capability, 20) == 0);
	EXPECT(fgetxattr(f, "user.overlay.redirect", value, sizeof(value)) < 0);
	EXPECT(fgetxattr(d, LAYER_OPAQUE_XATTR, value, sizeof(value)) < 0);
	done(layer_xattrs) x;
	EXPECT_OK(layer_xattrs_load(f, &x));
	EXPECT(x.n == 1 && x.v[0].value.len == 20);
	test_env_done(&t);
}

TEST(ids_that_the_user_may_not_use_are_named)
{
	NEED_MOUNTS();
	if (test_has_ids)
		skip(); /* root has them all */
	struct test_env t;
	struct layer_name name;
	test_env_init(&t);
	EXPECT_ERR(test_unpack(&t, TAR(FILE_("a/f", .uid = 5)), &name), ERR_DENIED,
		   "a/f belongs to 5:0");
	EXPECT_ERR(test_unpack(&t, TAR(LINK_("l", "x"), DIR_("d", .gid = 5)), &name), ERR_DENIED,
		   "usermod --add-subuids");
	test_env_done(&t);
}

TEST(other_content_than_the_diff_id_is_corrupt)
{
	NEED_MOUNTS();
	struct test_env t;
	struct oci_descriptor blob;
	struct oci_digest is, other = oci_digest_of_bytes("x", 1);
	struct layer_name name;
	bool found;
	test_env_init(&t);
	test_blob(&t, TAR(FILE_("f")), &blob, &is);
	EXPECT_ERR(layer_unpack(t.store, t.blobs, &blob, &other, &name), ERR_CORRUPT,
		   oci_digest_text(&is).s);
	EXPECT_ERR(layer_unpack(t.store, t.blobs, &blob, &other, &name), ERR_CORRUPT,
		   oci_digest_text(&other).s);
	EXPECT_OK(layer_store_find(t.store, &other, &found, &name));
	EXPECT(!found);
	blob.digest = other;
	EXPECT_ERR(layer_unpack(t.store, t.blobs, &blob, &is, &name), ERR_NOT_FOUND, "unpack");
	test_env_done(&t);
}

TEST(the_diff_id_covers_what_is_behind_the_archive)
{
	NEED_MOUNTS();
	struct test_env t;
	struct oci_descriptor blob;
	struct oci_digest tar_only, whole;
	struct layer_name name;
	test_env_init(&t);
	test_blob(&t, TAR(FILE_("f")), &blob, &tar_only);
	own_mem char *tar = NULL;
	size_t len;
	EXPECT_OK(blob_store_read(t.blobs, &blob.digest, 1 << 20, &tar, &len));
	tar = mem_grow(tar, len + 700000, 1);
	memset(tar + len, 7, 700000);
	EXPECT_OK(blob_store_put(t.blobs, tar, len + 700000, &blob.digest));
	whole = blob.digest;
	EXPECT_ERR(layer_unpack(t.store, t.blobs, &blob, &tar_only, &name), ERR_CORRUPT, NULL);
	EXPECT_OK(layer_unpack(t.store, t.blobs, &blob, &whole, &name));
	test_env_done(&t);
}

static struct err *unpack_within(struct test_env *t, const struct test_entry *tar,
				 const struct layer_unpack_limits *limits)
{
	struct oci_descriptor blob;
	struct oci_digest diff_id;
	struct layer_name name;
	test_blob(t, tar, &blob, &diff_id);
	own_fd fd = -1;
	EXPECT_OK(blob_store_open_blob(t->blobs, &blob.digest, &fd, NULL));
	own(reader) from = reader_fd(fd);
	return layer_unpack_stream(t->store, from, limits, &diff_id, &name);
}

static struct err *unpack_bounded(struct test_env *t, const struct test_entry *tar, uint64_t bytes,
				  uint64_t entries)
{
	return unpack_within(t, tar, &(struct layer_unpack_limits){ bytes, entries });
}

TEST(bombs_meet_their_bounds)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	own_mem char *text = mem_zalloc(70001);
	memset(text, 'x', 70000);
	EXPECT_OK(unpack_bounded(&t, TAR(FILE_("f", .text = text)), 80000, 9));
	EXPECT_ERR(unpack_bounded(&t, TAR(FILE_("g", .text = text)), 70000, 9), ERR_LIMIT, NULL);
	EXPECT_OK(unpack_bounded(&t, TAR(FILE_("a"), FILE_("b")), 80000, 2));
	EXPECT_ERR(unpack_bounded(&t, TAR(FILE_("a"), FILE_("b"), FILE_("c")), 80000, 2), ERR_LIMIT,
		   "more than 2");
	/* directories that names only imply count as well */
	EXPECT_ERR(unpack_bounded(&t, TAR(FILE_("a/b/c/d"), FILE_("x")), 80000, 4), ERR_LIMIT,
		   "more than 4");
	own_mem char *name = mem_zalloc(5001);
	memset(name, 'x', 5000);
	EXPECT_ERR(unpack_bounded(&t, TAR(FILE_(name)), 80000, 4), ERR_INVALID, "too long");
	name[300] = '\0';
	EXPECT_ERR(unpack_bounded(&t, TAR(FILE_(name)), 80000, 4), ERR_INVALID, "xxx");
	test_env_done(&t);
}

TEST(what_has_no_room_is_not_begun)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_unpack_limits limits = { 80000, 9, .room = 7 };
	EXPECT_OK(unpack_within(&t, TAR(FILE_("a", .text = "1234"), FILE_("b", .text = "567")),
				&limits));
	EXPECT_ERR(unpack_within(&t, TAR(FILE_("c", .text = "1234"), FILE_("d", .text = "5678")),
				 &limits),
		   ERR_LIMIT, "d: the layer has more than the 7 bytes that are free");
	test_env_done(&t);
}

struct racer {
	struct test_env *t;
	struct oci_descriptor blob;
	struct oci_digest diff_id;
	struct layer_name name;
	struct err *e;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	r->e = layer_unpack(r->t->store, r->t->blobs, &r->blob, &r->diff_id, &r->name);
	return NULL;
}

TEST(threads_that_want_one_layer_unpack_it_once)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	own_mem char *text = mem_zalloc(8000001);
	memset(text, 'x', 8000000);
	struct racer r[6] = { { .t = &t } };
	test_blob(&t, TAR(FILE_("f", .text = text)), &r[0].blob, &r[0].diff_id);
	pthread_t threads[6];
	for (size_t i = 1; i < 6; i++)
		r[i] = r[0];
	for (size_t i = 0; i < 6; i++)
		EXPECT_OK(thread_start(&threads[i], "race", race, &r[i]));
	for (size_t i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < 6; i++) {
		EXPECT_OK(r[i].e);
		EXPECT_STR(str_of(r[i].name.s), r[0].name.s);
	}
	EXPECT(t.store->serial == 1); /* names given out in the session */
	test_env_done(&t);
}

TEST(fill_replaces_what_is_in_the_way)
{
	NEED_MOUNTS();
	struct test_env t;
	struct layer_name name;
	struct layer_fill f;
	own_fd dir = -1;
	test_env_init(&t);
	EXPECT_OK(layer_store_new(t.store, &name, &dir));
	test_script(t.mnt, "write src hello");
	own_mem char *src = mem_printf("%s/src", t.mnt);
	own_fd fd = open(src, O_RDONLY | O_CLOEXEC);
	EXPECT_OK(layer_fill_open(t.store, &name, &f));
	struct layer_sink *s = &f.sink;
	struct tar_entry d = { TAR_DIR, "d", .mode = 0750, .mtime_s = 11 };
	struct tar_entry file = { TAR_FILE, "d/f", .mode = 04755, .size = 5, .mtime_s = 22 };
	struct tar_entry white = { TAR_CHAR, "d" };
	EXPECT_OK(s->add(s, &d, false, -1));
	EXPECT_OK(s->add(s, &file, false, fd));
	EXPECT_OK(s->add(s, &white, false, -1));
	own_mem char *hidden = test_tree_of(&t, &name);
	EXPECT_STR(str_of(hidden), "d#");
	EXPECT_OK(s->add(s, &d, false, -1));
	EXPECT_OK(s->add(s, &file, false, fd));
	file.path = "e";
	EXPECT_OK(s->add(s, &file, false, fd));
	d.path = "o";
	EXPECT_OK(s->add(s, &d, true, -1));
	EXPECT_OK(layer_fill_finish(&f));
	layer_fill_done(&f);
	own_mem char *tree = test_tree_of(&t, &name);
	EXPECT_STR(str_of(tree), "d/! d/f=hello e=hello o/!");
	struct stat st = stat_in(&t, &name, "d");
	EXPECT(st.st_mtim.tv_sec == 11 && st.st_mode == (S_IFDIR | 0750));
	st = stat_in(&t, &name, "d/f");
	EXPECT(st.st_mtim.tv_sec == 22 && st.st_mode == (S_IFREG | 04755));
	test_env_done(&t);
}
