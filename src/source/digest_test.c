#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "base/time.h"
#include "source/test_priv.h"
#include "source/tree_priv.h"

static struct sha256_sum digest(int root, const char *path, bool with_owner, unsigned threads,
				struct source_hash_cache *cache)
{
	struct sha256_sum sum;
	own(source_tree) t = source_tree_open(root, "the build context", NULL, cache);
	EXPECT_OK(source_tree_digest(t, path, with_owner, threads, NULL, &sum));
	return sum;
}

static bool same(struct sha256_sum a, struct sha256_sum b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static void fill(int root)
{
	put_file(root, "d/a", "one");
	put_file(root, "d/b", "two");
	put_file(root, "d/sub/c", "three");
	put_link(root, "d/l", "a");
	put_dir(root, "d/empty");
}

/* --- what changes it ------------------------------------------------------------------------ */

static void change_content(int root)
{
	put_file(root, "d/a", "eno");
}
static void change_length(int root)
{
	put_file(root, "d/a", "one\n");
}
static void swap_contents(int root)
{
	put_file(root, "d/a", "two"), put_file(root, "d/b", "one");
}
static void change_mode(int root)
{
	EXPECT(fchmodat(root, "d/a", 0755, 0) == 0);
}
static void change_dir_mode(int root)
{
	EXPECT(fchmodat(root, "d/sub", 0700, 0) == 0);
}
static void change_top_mode(int root)
{
	EXPECT(fchmodat(root, "d", 0700, 0) == 0);
}
static void change_name(int root)
{
	EXPECT(renameat(root, "d/a", root, "d/aa") == 0);
}
static void move_away(int root)
{
	EXPECT(renameat(root, "d/sub/c", root, "d/c") == 0);
}
static void remove_dir(int root)
{
	EXPECT(unlinkat(root, "d/empty", AT_REMOVEDIR) == 0);
}
static void add_file(int root)
{
	put_file(root, "d/new", "");
}
static void change_link(int root)
{
	EXPECT(unlinkat(root, "d/l", 0) == 0);
	put_link(root, "d/l", "b");
}
static void link_to_file(int root)
{
	EXPECT(unlinkat(root, "d/l", 0) == 0);
	put_file(root, "d/l", "a");
}
static void make_hard_link(int root)
{
	put_file(root, "d/b", "one");
	EXPECT(unlinkat(root, "d/b", 0) == 0);
	EXPECT(linkat(root, "d/a", root, "d/b", 0) == 0);
}

TEST(digest_changes_with_what_copy_takes)
{
	static void (*const changes[])(int root) = {
		change_content,  change_length, swap_contents,  change_mode, change_dir_mode,
		change_top_mode, change_name,   move_away,      remove_dir,  add_file,
		change_link,     link_to_file,  make_hard_link,
	};
	struct sha256_sum seen[ARRAY_LEN(changes) + 1];
	for (size_t i = 0; i <= ARRAY_LEN(changes); i++) {
		own_fd root = test_tmpdir();
		fill(root);
		if (i)
			changes[i - 1](root);
		seen[i] = digest(root, "d", false, 1, NULL);
		for (size_t k = 0; k < i; k++) {
			if (same(seen[i], seen[k]))
				print_error("change %zu is as %zu\n", i, k);
			EXPECT(!same(seen[i], seen[k]));
		}
	}
}

TEST(digest_does_not_change_with_what_copy_leaves)
{
	own_fd root = test_tmpdir(), other = test_tmpdir();
	fill(root);
	struct sha256_sum before = digest(root, "d", false, 1, NULL);
	set_age(root, "d/a", 1000);
	set_age(root, "d/l", 1000);
	set_age(root, "d", 1000);
	EXPECT(same(before, digest(root, "d", false, 1, NULL)));
	put_file(root, "outside", "x");
	EXPECT(same(before, digest(root, "d", false, 1, NULL)));
	fill(other); /* other inodes */
	EXPECT(same(before, digest(other, "d", false, 1, NULL)));
	EXPECT(renameat(root, "d", root, "e") == 0); /* its own name is not its content */
	EXPECT(same(before, digest(root, "e", false, 1, NULL)));
	EXPECT(!same(digest(root, "e/a", false, 1, NULL), digest(root, "e/b", false, 1, NULL)));
}

TEST(digest_of_owner_and_capability_only_when_asked)
{
	static const char capability[] =
		"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
	own_fd root = test_tmpdir();
	if (geteuid() != 0)
		return;
	fill(root);
	struct sha256_sum plain = digest(root, "d", false, 1, NULL);
	struct sha256_sum owned = digest(root, "d", true, 1, NULL);
	EXPECT(fchownat(root, "d/a", 5, 6, 0) == 0);
	EXPECT(same(plain, digest(root, "d", false, 1, NULL)));
	struct sha256_sum chowned = digest(root, "d", true, 1, NULL);
	EXPECT(!same(owned, chowned));
	own_fd fd = openat(root, "d/a", O_RDONLY | O_CLOEXEC);
	if (fsetxattr(fd, "security.capability", capability, sizeof(capability), 0) < 0)
		return; /* a file system without them */
	EXPECT(same(plain, digest(root, "d", false, 1, NULL)));
	EXPECT(!same(chowned, digest(root, "d", true, 1, NULL)));
}

TEST(digest_is_the_same_with_any_number_of_threads)
{
	own_fd root = test_tmpdir();
	for (unsigned i = 0; i < 300; i++) {
		char name[32];
		snprintf(name, sizeof(name), "d%u/f%u", i % 7, i);
		put_file(root, name, name);
	}
	struct sha256_sum one = digest(root, "", false, 1, NULL);
	EXPECT(same(one, digest(root, "", false, 0, NULL)));
	EXPECT(same(one, digest(root, "", false, 4, NULL)));
	EXPECT(same(one, digest(root, "", false, 1000, NULL)));
}

TEST(digest_fails_with_the_file_it_cannot_read)
{
	own_fd root = test_tmpdir();
	struct sha256_sum sum;
	own(source_tree) t = source_tree_open(root, "the build context", NULL, NULL);
	EXPECT_ERR(source_tree_digest(t, "nothing", false, 4, NULL, &sum), ERR_NOT_FOUND,
		   "nothing");
	if (geteuid() == 0)
		return;
	put_file(root, "secret", "x");
	EXPECT(fchmodat(root, "secret", 0, 0) == 0);
	EXPECT_ERR(source_tree_digest(t, "", false, 4, NULL, &sum), ERR_DENIED, "secret");
}

/* --- the cache ------------------------------------------------------------------------------ */

static struct file_state state_at(int root, const char *path)
{
	struct stat st;
	EXPECT(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return file_state_of(&st);
}

/* As it will be in three seconds. */
static void put_old(struct source_hash_cache *c, const struct file_state *f, char fill_with)
{
	struct sha256_sum sum;
	memset(sum.b, fill_with, sizeof(sum.b));
	hash_cache_put(c, f, time_now_unix_ns() + 3000000000, &sum);
}

static bool cached(struct source_hash_cache *c, const struct file_state *f, char filled_with)
{
	struct sha256_sum sum = { { 0 } };
	return hash_cache_get(c, f, &sum) && sum.b[0] == (uint8_t)filled_with;
}

TEST(hash_cache_keeps_over_save_and_load)
{
	own_fd dir = test_tmpdir(), root = test_tmpdir();
	put_file(root, "a", "x");
	put_file(root, "b", "x");
	struct file_state a = state_at(root, "a"), b = state_at(root, "b");
	own(source_hash_cache) c = NULL;
	EXPECT_OK(source_hash_cache_open(dir, "hashes", &c));
	put_old(c, &a, 'a');
	for (unsigned i = 0; i < 3000; i++) { /* grows */
		struct file_state f = a;
		f.ino = 1000000 + i;
		put_old(c, &f, (char)(1 + i % 100));
	}
	EXPECT_OK(source_hash_cache_save(c));
	own(source_hash_cache) again = NULL;
	EXPECT_OK(source_hash_cache_open(dir, "hashes", &again));
	EXPECT(cached(again, &a, 'a'));
	EXPECT(!cached(again, &b, 'a'));
	for (unsigned i = 0; i < 3000; i++) {
		struct file_state f = a;
		f.ino = 1000000 + i;
		EXPECT(cached(again, &f, (char)(1 + i % 100)));
	}
}

TEST(hash_cache_knows_a_changed_file)
{
	own_fd root = test_tmpdir();
	own(source_hash_cache) c = NULL;
	EXPECT_OK(source_hash_cache_open(-1, NULL, &c));
	EXPECT_OK(source_hash_cache_save(c)); /* memory only */
	put_file(root, "a", "x");
	const struct file_state was = state_at(root, "a");
	put_old(c, &was, 'a');
	EXPECT(cached(c, &was, 'a'));
	struct file_state now = was;
	now.size++;
	EXPECT(!cached(c, &now, 'a'));
	now = was;
	now.mtime_ns++;
	EXPECT(!cached(c, &now, 'a'));
	now = was;
	now.ctime_ns++;
	EXPECT(!cached(c, &now, 'a'));
	now = was;
	now.dev++;
	EXPECT(!cached(c, &now, 'a'));
	now.ctime_ns++;
	put_old(c, &now, 'b');
	EXPECT(cached(c, &now, 'b') && cached(c, &was, 'a'));
}

TEST(hash_cache_does_not_trust_the_young)
{
	own_fd root = test_tmpdir();
	own(source_hash_cache) c = NULL;
	EXPECT_OK(source_hash_cache_open(-1, NULL, &c));
	put_file(root, "a", "x");
	struct file_state f = state_at(root, "a");
	struct sha256_sum sum = sha256_of("x", 1);
	hash_cache_put(c, &f, f.ctime_ns + 1999999999, &sum);
	EXPECT(!hash_cache_get(c, &f, &sum));
	hash_cache_put(c, &f, f.ctime_ns + 2000000000, &sum);
	EXPECT(hash_cache_get(c, &f, &sum));
	/* Written just now, with an old time put on it. */
	own(source_hash_cache) used = NULL;
	EXPECT_OK(source_hash_cache_open(-1, NULL, &used));
	put_file(root, "b", "one");
	set_age(root, "b", 1000);
	digest(root, "b", false, 1, used);
	f = state_at(root, "b");
	EXPECT(!hash_cache_get(used, &f, &sum));
}

TEST(hash_cache_is_asked_by_digests_without_owner)
{
	own_fd root = test_tmpdir();
	own(source_hash_cache) c = NULL;
	EXPECT_OK(source_hash_cache_open(-1, NULL, &c));
	put_file(root, "a", "x");
	struct sha256_sum plain = digest(root, "", false, 1, NULL);
	struct sha256_sum owned = digest(root, "", true, 1, NULL);
	struct file_state f = state_at(root, "a");
	struct sha256_sum sum = sha256_of("x", 1);
	hash_cache_put(c, &f, f.ctime_ns + 3000000000, &sum);
	EXPECT(same(plain, digest(root, "", false, 1, c)));
	EXPECT(same(owned, digest(root, "", true, 1, c)));
	put_old(c, &f, 'w'); /* seen, if it is used */
	EXPECT(!same(plain, digest(root, "", false, 1, c)));
	EXPECT(same(owned, digest(root, "", true, 1, c)));
}

TEST(hash_cache_drops_a_broken_file)
{
	own_fd root = test_tmpdir(), good = test_tmpdir();
	put_file(root, "a", "x");
	struct file_state a = state_at(root, "a");
	own(source_hash_cache) c = NULL;
	EXPECT_OK(source_hash_cache_open(good, "h", &c));
	put_old(c, &a, 'a');
	EXPECT_OK(source_hash_cache_save(c));
	own_mem char *bytes = NULL;
	size_t len;
	EXPECT_OK(fd_read_path(good, "h", 4096, &bytes, &len));
	for (size_t i = 0; i <= len; i++) {
		own_fd dir = test_tmpdir();
		own(source_hash_cache) broken = NULL;
		if (i < len)
			bytes[i] ^= 1;
		EXPECT_OK(fd_replace_file(dir, "h", 0600, bytes, i % 2 ? len : i));
		if (i < len)
			bytes[i] ^= 1;
		EXPECT_OK(source_hash_cache_open(dir, "h", &broken));
		EXPECT(cached(broken, &a, 'a') == (i == len));
	}
}

TEST(hash_cache_forgets_files_that_are_gone)
{
	own_fd dir = test_tmpdir(), root = test_tmpdir();
	put_file(root, "a", "x");
	struct file_state a = state_at(root, "a"), gone = a;
	own(source_hash_cache) c = NULL;
	EXPECT_OK(source_hash_cache_open(dir, "h", &c));
	for (unsigned i = 1; i <= 20000; i++) {
		gone.ino = a.ino + i;
		put_old(c, &gone, 'g');
	}
	EXPECT_OK(source_hash_cache_save(c));
	own(source_hash_cache) next = NULL;
	EXPECT_OK(source_hash_cache_open(dir, "h", &next));
	put_old(next, &a, 'a');
	EXPECT_OK(source_hash_cache_save(next));
	struct stat st;
	EXPECT(fstatat(dir, "h", &st, 0) == 0 && st.st_size < 1000);
	own(source_hash_cache) last = NULL;
	EXPECT_OK(source_hash_cache_open(dir, "h", &last));
	EXPECT(cached(last, &a, 'a') && !cached(last, &gone, 'g'));
}

/* --- prints --------------------------------------------------------------------------------- */

static struct source_prints prints(int root, struct arena *a)
{
	struct source_prints out = { .a = a };
	struct sha256_sum with, without = digest(root, "d", false, 2, NULL);
	own(source_tree) t = source_tree_open(root, "the build context", NULL, NULL);
	EXPECT_OK(source_tree_digest(t, "d", false, 2, &out, &with));
	EXPECT(same(with, without));
	return out;
}

TEST(prints_tell_which_entry_changed)
{
	static const char *const paths[] = { "d/",  "d/a",    "d/b",    "d/empty/",
					     "d/l", "d/sub/", "d/sub/c" };
	own(arena) a = arena_open(1 << 20);
	own_fd root = test_tmpdir();
	fill(root);
	struct source_prints before = prints(root, a);
	put_file(root, "d/sub/c", "four");
	EXPECT(fchmodat(root, "d/b", 0755, 0) == 0);
	struct source_prints after = prints(root, a);
	EXPECT(before.n == ARRAY_LEN(paths) && after.n == before.n);
	for (size_t i = 0; i < before.n; i++) {
		EXPECT_STR(str_of(before.v[i].path), paths[i]);
		bool changed = before.v[i].print != after.v[i].print;
		EXPECT(changed ==
		       (strcmp(paths[i], "d/sub/c") == 0 || strcmp(paths[i], "d/b") == 0));
	}
	free(before.v);
	free(after.v);
}
