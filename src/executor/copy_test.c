#include "executor/copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "executor/copy_test_priv.h"

TEST(directories_give_their_contents_and_files_their_name) /* SPEC case 16 */
{
	/* A new directory is as the source. */
	CHECK(.tree = TREE, .sources = "d", .dest = "/x",
	      .want = "d x 2750 0:0 50\n"
		      "f x/f 640 0:0 51 one\n"
		      "d x/sub 700 0:0 52\n"
		      "f x/sub/g 4755 0:0 53 two\n");
	CHECK(.tree = TREE, .sources = "d", .dest = "/x/", .below = "",
	      .want = "d x 755 0:0 0\n"
		      "f x/f 640 0:0 51 one\n"
		      "d x/sub 700 0:0 52\n"
		      "f x/sub/g 4755 0:0 53 two\n");
	/* An existing one is merged with; what is in it takes the source's. */
	CHECK(.tree = TREE, .sources = "d", .dest = "/x",
	      .below = "d x 711 8:9 20\nd x/sub 755 0:0 21\nf x/f 600 0:0 1 old\n",
	      .want = "d x 711 8:9 20\n"
		      "f x/f 640 0:0 51 one\n"
		      "d x/sub 700 0:0 52\n"
		      "f x/sub/g 4755 0:0 53 two\n");
	CHECK(.tree = TREE, .sources = "d", .dest = "/x", .below = FILE_X, .kind = ERR_INVALID,
	      .failed = "/x is a file in the image, and a directory is copied there");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/x/", .below = FILE_X, .kind = ERR_INVALID,
	      .failed = "/x is a file in the image, not a directory");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/x/y", .below = FILE_X, .kind = ERR_INVALID,
	      .failed = "/x is a file in the image, not a directory");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/d", .below = "d d 755 0:0 7\n",
	      .want = "d d 755 0:0 7\nf d/x 644 0:0 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/d", .below = "f d 755 0:0 7 old\n",
	      .want = "f d 644 0:0 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/", .want = "f x 644 0:0 9 hello\n");
	CHECK(.tree = TREE, .sources = ".", .dest = "/", .below = "d d 711 8:9 20\n",
	      .want = TREE "", .keep_owner = true);
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/d/", .kind = ERR_INVALID,
	      .below = "d d 755 0:0 7\nd d/x 755 0:0 7\n",
	      .failed = "/d/x is a directory in the image, and a file is copied there");
}

TEST(several_sources_go_into_a_directory) /* SPEC case 17, 18 */
{
	const char *tree = "d a1 755 0:0 5\nf a1/f 600 0:0 5 1\nd a1/s 700 0:0 5\n"
			   "d a2 755 0:0 6\nf a2/g 600 0:0 6 2\nd a2/s 711 0:0 6\n"
			   "f a3 600 0:0 7 3\n";
	CHECK(.tree = tree, .sources = "a*", .dest = "/t", .kind = ERR_INVALID,
	      .failed = "destination /t: must end with a slash when several files are copied");
	CHECK(.tree = tree, .sources = "a*", .dest = "/t/",
	      .want = "d t 755 0:0 0\n"
		      "f t/f 600 0:0 5 1\nd t/s 700 0:0 5\n"
		      "f t/g 600 0:0 6 2\nd t/s 711 0:0 6\n"
		      "f t/a3 600 0:0 7 3\n");
	CHECK(.tree = tree, .sources = "a3 nomatch*", .dest = "/", .want = "f a3 600 0:0 7 3\n");
}

TEST(all_types_are_copied_as_they_are) /* SPEC case 20, 28 */
{
	CHECK(.tree = "d d 755 0:0 5\n"
		      "f d/a 600 0:0 5 1\n"
		      "h d/b 600 0:0 5 d/a\n"
		      "l d/l 777 3:4 6 /nowhere\n"
		      "p d/p 640 3:4 7\n"
		      "s d/s 640 3:4 7\n"
		      "l m 777 3:4 6 d/a\n",
	      .sources = "d", .dest = "/x/y/",
	      .want = "d x 755 0:0 0\n"
		      "d x/y 755 0:0 0\n"
		      "f x/y/a 600 0:0 5 1\n"
		      "h x/y/b 600 0:0 5 x/y/a\n"
		      "l x/y/l 777 0:0 6 /nowhere\n"
		      "p x/y/p 640 0:0 7\n");
	/* What overlayfs takes for a whiteout would remove what is below. */
	CHECK(.tree = "d d 755 0:0 5\nc d/c 600 0:0 5\n", .sources = "d", .dest = "/x",
	      .want = "d x 755 0:0 5\n");
	CHECK(.tree = "f a 600 0:0 5 1\nl m 777 3:4 6 a\n", .sources = "m", .dest = "/d/",
	      .want = "d d 755 0:0 0\nf d/m 600 0:0 5 1\n");
}

TEST(links_in_the_destination_are_followed_within_the_root) /* SPEC case 21 */
{
	const char *below = "d var 755 0:0 1\nd run 711 5:6 2\n"
			    "l var/run 777 0:0 3 /run\n"
			    "l var/up 777 0:0 3 ../../../run\n"
			    "l var/new 777 0:0 3 /opt/new\n"
			    "l loop 777 0:0 3 loop\n"
			    "f run/file 600 0:0 4 old\n"
			    "l run/l 777 0:0 4 file\n";
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/var/run/x", .below = below,
	      .want = "d run 711 5:6 2\nf run/x 644 0:0 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/var/up", .below = below,
	      .want = "d run 711 5:6 2\nf run/x 644 0:0 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/var/new/", .below = below,
	      .want = "d opt 755 0:0 0\nd opt/new 755 0:0 0\nf opt/new/x 644 0:0 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/run/l", .below = below,
	      .want = "d run 711 5:6 2\nf run/file 644 0:0 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/var/run/../x", .below = below,
	      .want = "d var 755 0:0 1\nf var/x 644 0:0 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/loop/x", .below = below,
	      .kind = ERR_INVALID, .failed = "more than 40 symbolic links");
}

TEST(a_tree_does_not_turn_links_into_directories) /* SPEC case 22 */
{
	const char *below = "d x 755 0:0 1\nl x/a 777 0:0 1 /tmp\nd x/b 755 0:0 1\n";
	CHECK(.tree = "d d 755 0:0 5\nd d/a 755 0:0 5\n", .sources = "d", .dest = "/x",
	      .below = below, .kind = ERR_INVALID,
	      .failed = "cannot copy to non-directory: /x/a is a symbolic link");
	CHECK(.tree = "d d 755 0:0 5\nf d/a 644 0:0 5 1\n", .sources = "d", .dest = "/x",
	      .below = below, .want = "d x 755 0:0 1\nf x/a 644 0:0 5 1\n");
	CHECK(.tree = "d d 755 0:0 5\nf d/b 644 0:0 5 1\n", .sources = "d", .dest = "/x",
	      .below = below, .kind = ERR_INVALID, .failed = "/x/b is a directory in the image");
}

TEST(an_existing_destination_keeps_owner_and_mode) /* SPEC case 23 */
{
	CHECK(.tree = TREE, .sources = "d/", .dest = "/d", .chown = "7", .chmod = "0770",
	      .below = "d d 700 5:5 8\nd d/sub 755 1:1 9\n",
	      .want = "d d 700 5:5 8\n"
		      "f d/f 770 7:7 51 one\n"
		      "d d/sub 770 7:7 52\n"
		      "f d/sub/g 770 7:7 53 two\n");
}

TEST(owners_are_root_or_kept_or_chosen) /* SPEC case 24, 25 */
{
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/f", .keep_owner = true,
	      .want = "f f 644 3:4 9 hello\n");
	CHECK(.tree = TREE, .sources = "d", .dest = "/x", .keep_owner = true,
	      .want = "d x 2750 3:4 50\n"
		      "f x/f 640 3:4 51 one\n"
		      "d x/sub 700 3:4 52\n"
		      "f x/sub/g 4755 3:4 53 two\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/a/b/c", .chown = "7",
	      .want = "d a 755 7:7 0\nd a/b 755 7:7 0\nf a/b/c 644 7:7 9 hello\n");
	CHECK(.tree = "l x 777 3:4 9 gone\nd d 755 3:4 9\nl d/x 777 3:4 9 gone\n", .sources = "d",
	      .dest = "/a/", .chown = "7:8", .want = "d a 755 7:8 0\nl a/x 777 7:8 9 gone\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/f", .chown = "alice", .kind = ERR_NOT_FOUND,
	      .failed = "--chown=alice: user alice is not in the image's /etc/passwd");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/f", .chown = "7:staff",
	      .kind = ERR_NOT_FOUND, .failed = "group staff");
#define PASSWD                    \
	"d etc 755 0:0 1\n"       \
	"f etc/passwd 644 0:0 1 " \
	"alice:x:11:12:::\n"      \
	"f etc/group 644 0:0 1 staff:x:13:\n"
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/f", .below = PASSWD, .chown = "alice",
	      .want = "f f 644 11:12 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/f", .below = PASSWD, .chown = "alice:staff",
	      .want = "f f 644 11:13 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/f", .below = PASSWD, .chown = "7:staff",
	      .want = "f f 644 7:13 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/f", .below = PASSWD, .chown = ":staff",
	      .want = "f f 644 0:13 9 hello\n");
}

TEST(octal_modes_reach_new_directories_and_symbolic_ones_do_not) /* SPEC case 25, 26 */
{
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/n/m/f", .chmod = "0705",
	      .want = "d n 705 0:0 0\nd n/m 705 0:0 0\nf n/m/f 705 0:0 9 hello\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/n/f", .chmod = "7755",
	      .want = "d n 4755 0:0 0\nf n/f 7755 0:0 9 hello\n");
	CHECK(.tree = TREE, .sources = "d", .dest = "/n/m", .chmod = "0705",
	      .want = "d n 705 0:0 0\n"
		      "d n/m 705 0:0 50\n"
		      "f n/m/f 705 0:0 51 one\n"
		      "d n/m/sub 705 0:0 52\n"
		      "f n/m/sub/g 705 0:0 53 two\n");
	CHECK(.tree = TREE, .sources = "d", .dest = "/n/m", .chmod = "u=rwX,go=rX",
	      .want = "d n 755 0:0 0\n"
		      "d n/m 755 0:0 50\n"
		      "f n/m/f 644 0:0 51 one\n"
		      "d n/m/sub 755 0:0 52\n"
		      "f n/m/sub/g 755 0:0 53 two\n");
	CHECK(.tree = "d d 755 0:0 5\nl d/l 777 0:0 5 x\n", .sources = "d", .dest = "/n",
	      .chmod = "700", .want = "d n 700 0:0 5\nl n/l 777 0:0 5 x\n");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/n", .chmod = "9999", .kind = ERR_INVALID,
	      .failed = "--chmod=9999 is not an octal mode from 0 to 7777");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/n", .chmod = "17777", .kind = ERR_INVALID,
	      .failed = "is not an octal mode from 0 to 7777");
	CHECK(.tree = FILE_X, .sources = "x", .dest = "/n", .chmod = "abc", .kind = ERR_INVALID,
	      .failed = "--chmod=abc is no mode");
}

TEST(working_directories_are_made_once)
{
	static const struct {
		const char *below, *want;
		bool nothing;
	} cases[] = {
		{ NULL, "d a 755 1000:1000 0\nd a/b 755 1000:1000 0\n", false },
		{ "d a 700 5:6 3\n", "d a 700 5:6 3\nd a/b 755 1000:1000 0\n", false },
		{ "d a 700 5:6 3\nd a/b 755 0:0 4\n", "d a 700 5:6 3\nd a/b 755 0:0 4\n", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct copy_case k = { .sources = "",
				       .dest = "/a//./b/c/../",
				       .chown = "1000:1000" };
		own_fd below_fd = cases[i].below ? make_tree(cases[i].below) : -1;
		own_fd tree_fd = test_tmpdir();
		done(copied) c;
		EXPECT_OK(copy_from(&c, &k, tree_fd, below_fd));
		EXPECT_STR(buf_str(&c.rec.text), cases[i].want);
		EXPECT(copy_makes_nothing(&c.r, c.f) == cases[i].nothing);
	}
	struct copy_case root = { .sources = "", .dest = "/" };
	own_fd tree_fd = test_tmpdir();
	done(copied) c;
	EXPECT_OK(copy_from(&c, &root, tree_fd, -1));
	EXPECT(copy_makes_nothing(&c.r, c.f));
	EXPECT_STR(buf_str(&c.rec.text), "");
}

TEST(heredocs_are_files) /* SPEC case 15 */
{
	struct copy_source sources[] = { { .file = { STR("a"), STR("one") } },
					 { .file = { STR("b"), STR("") } } };
	struct copy_request r = { .sources = sources,
				  .n_sources = 2,
				  .dest = "/dir/",
				  .chown = "",
				  .chmod = "",
				  .multiple = true };
	own(arena) a = arena_open(1 << 20);
	struct copy_facts *f;
	struct record rec;
	struct layer_sink *sink = &rec.sink;
	record_init(&rec);
	EXPECT_OK(copy_resolve(a, &r, -1, &f));
	EXPECT_OK(copy_emit(&r, f, &sink, 1));
	EXPECT_STR(buf_str(&rec.text),
		   "d dir 755 0:0 0\nf dir/a 644 0:0 0 one\nf dir/b 644 0:0 0\n");
	buf_done(&rec.text);
	sources[1].file.name = STR("../b");
	EXPECT_ERR(copy_resolve(a, &r, -1, &f), ERR_INVALID, "<<../b is no name for a file");
}

TEST(several_sinks_get_the_same)
{
	own_fd tree_fd = make_tree(TREE);
	struct copy_case k = { .sources = "d", .dest = "/x" };
	done(copied) c;
	EXPECT_OK(copy_from(&c, &k, tree_fd, -1));
	struct record a, b;
	record_init(&a);
	record_init(&b);
	EXPECT_OK(copy_emit(&c.r, c.f, (struct layer_sink *[]){ &a.sink, &b.sink }, 2));
	EXPECT(str_eq(buf_str(&a.text), buf_str(&b.text)));
	EXPECT(str_eq(buf_str(&a.text), buf_str(&c.rec.text)));
	buf_done(&a.text);
	buf_done(&b.text);
}

/* --- ignored directories -------------------------------------------------------------------- */

TEST(left_out_directories_come_with_what_is_included_again) /* SPEC case 39 */
{
	own_fd tree_fd = make_tree("d i 700 0:0 5\nf i/f 600 0:0 5 1\nf i/g 600 0:0 5 2\n");
	own_fd below_fd = make_tree("d x 755 0:0 3\nd x/i 711 8:9 4\n");
	own(arena) a = arena_open(1 << 26);
	own(source_ignore) ignore = NULL;
	EXPECT_OK(source_ignore_parse(".dockerignore", STR("i\n!i/f\n"), &ignore));
	own(source_tree) tree = source_tree_open(tree_fd, "the build context", ignore, NULL);
	struct copy_source source = { .tree = tree, .match = { "", "", true } };
	struct copy_request r = {
		.sources = &source, .n_sources = 1, .dest = "/x/", .chown = "", .chmod = ""
	};
	for (int exists = 0; exists < 2; exists++) {
		struct copy_facts *f;
		struct record rec;
		struct layer_sink *sink = &rec.sink;
		record_init(&rec);
		EXPECT_OK(copy_resolve(a, &r, exists ? below_fd : -1, &f));
		EXPECT_OK(copy_emit(&r, f, &sink, 1));
		EXPECT_STR(buf_str(&rec.text),
			   exists ? "d x 755 0:0 3\nd x/i 700 0:0 5\nf x/i/f 600 0:0 5 1\n"
				  : "d x 755 0:0 0\nd x/i 700 0:0 5\nf x/i/f 600 0:0 5 1\n");
		buf_done(&rec.text);
	}
}

/* --- facts ---------------------------------------------------------------------------------- */

static struct sha256_sum digest_of(const struct copy_case *k)
{
	own_fd tree_fd = make_tree(k->tree), below_fd = k->below ? make_tree(k->below) : -1;
	done(copied) c;
	EXPECT_OK(copy_from(&c, k, tree_fd, below_fd));
	return copy_facts_digest(c.f);
}

TEST(the_digest_tells_all_facts_apart)
{
	static const struct copy_case cases[] = {
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/y" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x/" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .chown = "0" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .chown = "7" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .chown = "7:8" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .chmod = "755" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .chmod = "+x" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .keep_owner = true },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .below = "d a 755 0:0 1\n" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .below = "d a 711 0:0 1\n" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .below = "d a 755 1:0 1\n" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .below = "d a 755 0:1 1\n" },
		{ .tree = FILE_X, .sources = "x", .dest = "/a/x", .below = "d a 755 0:0 2\n" },
		{ .tree = FILE_X,
		  .sources = "x",
		  .dest = "/a/x",
		  .below = "d b 755 0:0 2\nl a 777 0:0 2 b\n" },
		{ .tree = TREE, .sources = "d", .dest = "/a/x" },
	};
	struct sha256_sum sums[ARRAY_LEN(cases)];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		sums[i] = digest_of(&cases[i]);
		struct sha256_sum again = digest_of(&cases[i]);
		EXPECT(memcmp(&sums[i], &again, sizeof(again)) == 0);
		for (size_t j = 0; j < i; j++)
			EXPECT(memcmp(&sums[i], &sums[j], sizeof(again)) != 0);
	}
	/* What does not matter is left out. */
	struct copy_case other = cases[0];
	other.below = "d b 755 0:0 1\n";
	struct sha256_sum sum = digest_of(&other);
	EXPECT(memcmp(&sum, &sums[0], sizeof(sum)) == 0);
}

TEST(capabilities_are_kept_with_the_owner)
{
	static const char capability[20] = { 0, 0, 0, 2, 0, 4 };
	own_fd tree_fd = make_tree(FILE_X);
	own_fd file = openat(tree_fd, "x", O_RDONLY);
	if (fsetxattr(file, "security.capability", capability, sizeof(capability), 0) < 0)
		skip(); /* needs CAP_SETFCAP */
	for (int keep = 0; keep < 2; keep++) {
		struct copy_case k = { .sources = "x", .dest = "/", .keep_owner = keep };
		done(copied) c;
		EXPECT_OK(copy_from(&c, &k, tree_fd, -1));
		EXPECT_STR(str_of(c.rec.xattr), keep ? "security.capability" : "");
		EXPECT(c.rec.xattr_bytes == (keep ? sizeof(capability) : 0));
	}
}

TEST(times_are_kept_to_the_nanosecond)
{
	own_fd tree_fd = make_tree(FILE_X);
	struct timespec t[2] = { { 9, 123456789 }, { 9, 123456789 } };
	EXPECT(utimensat(tree_fd, "x", t, 0) == 0);
	struct copy_case k = { .sources = "x", .dest = "/" };
	done(copied) c;
	EXPECT_OK(copy_from(&c, &k, tree_fd, -1));
	EXPECT(c.rec.mtime_ns == 123456789);
}
