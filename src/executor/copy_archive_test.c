#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"
#include "executor/copy_test_priv.h"

static char *path_of(int fd)
{
	char link[64], path[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path));
	EXPECT(n > 0);
	return mem_strndup(path, (size_t)n);
}

/* Runs tar in the tree, with up to 8 arguments. */
static void tar(int tree_fd, ...)
{
	own_mem char *dir = path_of(tree_fd);
	const char *argv[16] = { "tar", "-C", dir, "--sort=name" };
	size_t n = 4;
	va_list ap;
	va_start(ap, tree_fd);
	while (n + 1 < ARRAY_LEN(argv) && (argv[n] = va_arg(ap, const char *)))
		n++;
	va_end(ap);
	own_mem char *out = NULL;
	EXPECT_OK(spawn_run(argv, 4096, &out));
}

#define ARCHIVED                  \
	"d in 700 3:4 50\n"       \
	"f in/f 640 3:4 51 one\n" \
	"d in/s 2711 3:4 52\n"    \
	"f in/s/g 4755 3:4 53 two\n"

#define UNPACKED                 \
	"f d/f 640 3:4 51 one\n" \
	"d d/s 2711 3:4 52\n"    \
	"f d/s/g 4755 3:4 53 two\n"

static char *in_tree(int fd, const char *name)
{
	own_mem char *dir = path_of(fd);
	return mem_printf("%s/%s", dir, name);
}

TEST(archives_are_unpacked_whatever_their_compression) /* SPEC case 29 */
{
	static const char *const options[] = { "--posix", "-z", "-j", "-J", "--zstd" };
	own_fd tree_fd = make_tree(ARCHIVED);
	own_mem char *file = in_tree(tree_fd, "x.bin"), *in = in_tree(tree_fd, "in");
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		/* "./" is an entry too, with mode 0700 */
		tar(tree_fd, "-c", options[i], "-f", file, "-C", in, ".", NULL);
		check_copy_in(&(struct copy_case){ .sources = "x.bin",
						   .dest = "/d",
						   .unpack = true,
						   .below = "d d 751 8:9 5\n",
						   .want = "d d 751 8:9 5\n" UNPACKED },
			      tree_fd);
		check_copy_in(&(struct copy_case){ .sources = "x.bin",
						   .dest = "/d/",
						   .unpack = true,
						   .want = "d d 755 0:0 0\n" UNPACKED },
			      tree_fd);
	}
	check_copy_in(&(struct copy_case){ .sources = "x.bin",
					   .dest = "/d/",
					   .unpack = true,
					   .chown = "7",
					   .chmod = "0700",
					   .want = "d d 700 7:7 0\n"
						   "f d/f 640 7:7 51 one\n"
						   "d d/s 2711 7:7 52\n"
						   "f d/s/g 4755 7:7 53 two\n" },
		      tree_fd);
	check_copy_in(&(struct copy_case){ .sources = "x.bin",
					   .dest = "/d",
					   .unpack = true,
					   .below = "f d 600 0:0 5 old\n",
					   .kind = ERR_INVALID,
					   .failed = "and an archive is unpacked there" },
		      tree_fd);
}

TEST(what_is_no_archive_is_a_file) /* SPEC case 29 */
{
	CHECK(.tree = "f x.tar.gz 644 0:0 5 PK\003\004 no tar\n", .sources = "x.tar.gz",
	      .dest = "/d/", .unpack = true,
	      .want = "d d 755 0:0 0\nf d/x.tar.gz 644 0:0 5 PK\003\004 no tar\n");
	CHECK(.tree = "f e.tar.gz 644 0:0 5\n", .sources = "e.tar.gz", .dest = "/d/",
	      .unpack = true, .want = "d d 755 0:0 0\nf d/e.tar.gz 644 0:0 5\n");
	/* Compressed twice: nobody means that. */
	own_fd twice_fd = make_tree("f x 644 3:4 5 1\n");
	own_mem char *once = in_tree(twice_fd, "y");
	tar(twice_fd, "-czf", once, "x", NULL);
	own_mem char *out = NULL;
	EXPECT_OK(spawn_run((const char *[]){ "gzip", once, NULL }, 4096, &out));
	struct copy_case twice = { .sources = "y.gz", .dest = "/", .unpack = true };
	done(copied) d;
	EXPECT_OK(copy_from(&d, &twice, twice_fd, -1));
	EXPECT(str_starts(buf_str(&d.rec.text), STR("f y.gz ")));
	/* COPY leaves archives alone, and ADD those in a directory. */
	own_fd tree_fd = make_tree("f f 644 0:0 5 1\nd t 755 0:0 5\n");
	own_mem char *file = in_tree(tree_fd, "t/x.tar");
	tar(tree_fd, "-cf", file, "f", NULL);
	for (int add = 0; add < 2; add++) {
		struct copy_case k = { .sources = add ? "t" : "t/x.tar",
				       .dest = "/d/",
				       .unpack = add };
		done(copied) c;
		EXPECT_OK(copy_from(&c, &k, tree_fd, -1));
		EXPECT(strstr(c.rec.text.p, "f d/x.tar 644"));
	}
}

TEST(archives_stay_in_their_directory) /* SPEC case 29 */
{
	own_fd tree_fd = make_tree("f x 644 3:4 5 1\nh y 644 3:4 5 x\n");
	own_mem char *file = in_tree(tree_fd, "x.tar");
	tar(tree_fd, "-P", "--transform", "s,^x,../../a/./x,", "-cf", file, "x", "y", NULL);
	check_copy_in(&(struct copy_case){ .sources = "x.tar",
					   .dest = "/d/",
					   .unpack = true,
					   .chown = "7",
					   .want = "d d 755 7:7 0\n"
						   "d d/a 755 0:0 0\n"
						   "f d/a/x 644 7:7 5 1\n"
						   "h d/y 644 7:7 5 d/a/x\n" },
		      tree_fd);
	tar(tree_fd, "-P", "--transform", "s,^x,/x,", "-cf", file, "x", NULL);
	check_copy_in(&(struct copy_case){ .sources = "x.tar",
					   .dest = "/d/",
					   .unpack = true,
					   .want = "d d 755 0:0 0\nf d/x 644 3:4 5 1\n" },
		      tree_fd);
}

TEST(links_of_an_archive_are_not_followed) /* SPEC case 29 */
{
	own_fd tree_fd = make_tree("l l 777 3:4 5 /etc\nf m 644 3:4 5 1\n");
	own_mem char *file = in_tree(tree_fd, "x.tar");
	tar(tree_fd, "--transform", "s,^m,l/m,", "-cf", file, "l", "m", NULL);
	check_copy_in(&(struct copy_case){ .sources = "x.tar",
					   .dest = "/d/",
					   .unpack = true,
					   .kind = ERR_INVALID,
					   .failed = "l/m: its parent l is a symbolic link" },
		      tree_fd);
}

TEST(directories_that_an_archive_implies_stay_as_they_are)
{
	own_fd tree_fd = make_tree("f x 644 3:4 5 1\n");
	own_mem char *file = in_tree(tree_fd, "x.tar");
	tar(tree_fd, "--transform", "s,^x,lib/tmp/x,", "-cf", file, "x", NULL);
	check_copy_in(&(struct copy_case){ .sources = "x.tar",
					   .dest = "/",
					   .unpack = true,
					   .below = "d usr 711 1:1 1\nd usr/lib 751 2:2 2\n"
						    "l lib 777 0:0 1 usr/lib\n"
						    "d usr/lib/tmp 1777 0:0 3\n",
					   .want = "d usr 711 1:1 1\n"
						   "d usr/lib 751 2:2 2\n"
						   "d usr/lib/tmp 1777 0:0 3\n"
						   "f usr/lib/tmp/x 644 3:4 5 1\n" },
		      tree_fd);
	check_copy_in(&(struct copy_case){ .sources = "x.tar",
					   .dest = "/",
					   .unpack = true,
					   .below = "f lib 600 0:0 1\n",
					   .kind = ERR_INVALID,
					   .failed = "/lib is a file in the image" },
		      tree_fd);
}

TEST(names_in_archives_need_no_locale)
{
	static const char *const options[] = { "--format=posix", "--format=gnu" };
	own_fd tree_fd = make_tree("f \303\274\377 644 3:4 5 1\nl l 777 3:4 5 \303\274\n");
	own_mem char *file = in_tree(tree_fd, "x.tar");
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		tar(tree_fd, options[i], "-cf", file, "l", "\303\274\377", NULL);
		check_copy_in(&(struct copy_case){ .sources = "x.tar",
						   .dest = "/",
						   .unpack = true,
						   .want = "l l 777 3:4 5 \303\274\n"
							   "f \303\274\377 644 3:4 5 1\n" },
			      tree_fd);
	}
}

TEST(a_damaged_archive_is_an_error)
{
	own_fd tree_fd = make_tree("f x 644 3:4 5 1\n");
	own_mem char *file = in_tree(tree_fd, "x.tar");
	own_fd big = openat(tree_fd, "x", O_WRONLY);
	EXPECT(ftruncate(big, 100000) == 0);
	tar(tree_fd, "-cf", file, "x", NULL);
	EXPECT(truncate(file, 5000) == 0);
	check_copy_in(&(struct copy_case){ .sources = "x.tar",
					   .dest = "/",
					   .unpack = true,
					   .kind = ERR_INVALID,
					   .failed = "the archive is damaged" },
		      tree_fd);
}

TEST(holes_of_an_archive_are_zeros)
{
	own_fd tree_fd = make_tree("f a 644 3:4 5 full\nf x 644 3:4 5\n");
	own_mem char *file = in_tree(tree_fd, "x.tar");
	own_fd big = openat(tree_fd, "x", O_WRONLY);
	EXPECT_OK(fd_pwrite_all(big, "tail", 4, 1 << 20));
	tar(tree_fd, "-S", "--mtime=@5", "-cf", file, "a", "x", NULL);
	struct copy_case k = { .sources = "x.tar", .dest = "/", .unpack = true };
	done(copied) c;
	EXPECT_OK(copy_from(&c, &k, tree_fd, -1));
	EXPECT_STR(buf_str(&c.rec.text), "f a 644 3:4 5 full\nf x 644 3:4 5 \n");
	EXPECT(c.rec.last_size == (1 << 20) + 4);
	EXPECT(memcmp(c.rec.last_bytes, "tail", 4) == 0);
}
