#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/test_priv.h"

static const struct test_entry one_file[] = {
	{ TAR_FILE, "f", .text = "1", .mode = 0644 },
	{ .path = NULL },
};

static bool exists(struct test_env *t, const char *path)
{
	struct stat st;
	return fstatat(t->data_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

TEST(a_layer_is_found_once_it_is_published)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct oci_digest d = oci_digest_of_bytes("x", 1);
	struct layer_name name, other, found;
	bool is_there = true;
	own_fd fd = -1;
	EXPECT_OK(layer_store_new(t.store, &name, &fd));
	struct stat st;
	EXPECT(fstat(fd, &st) == 0 && st.st_mode == (S_IFDIR | 0755) && st.st_uid == 0);
	EXPECT_OK(layer_store_find(t.store, &d, &is_there, &found));
	EXPECT(!is_there);
	EXPECT_OK(layer_store_new(t.store, &other, NULL));
	EXPECT_OK(layer_store_publish(t.store, &name, &d));
	EXPECT_STR(str_of(name.s), oci_digest_text(&d).s + strlen("sha256:"));
	EXPECT_OK(layer_store_find(t.store, &d, &is_there, &found));
	EXPECT(is_there);
	/* the second one is removed, and both have the name */
	own_mem char *was = mem_printf("layers/%s", other.s);
	EXPECT(exists(&t, was));
	EXPECT_OK(layer_store_publish(t.store, &other, &d));
	EXPECT_STR(str_of(other.s), name.s);
	EXPECT(!exists(&t, was));
	/* everybody's layer stays */
	EXPECT_OK(layer_store_drop(t.store, &name));
	EXPECT_OK(layer_store_find(t.store, &d, &is_there, &found));
	EXPECT(is_there);
	test_env_done(&t);
}

TEST(a_session_ends_with_its_process_however_it_ends)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	int ready[2];
	EXPECT(pipe(ready) == 0);
	pid_t child = fork();
	if (child == 0) {
		struct layer_store *s;
		struct layer_name name;
		bool ok = !layer_store_open(t.data_fd, false, &s) &&
			  !layer_store_new(s, &name, NULL) &&
			  write(ready[1], &name, sizeof(name)) == sizeof(name);
		if (ok)
			pause();
		_exit(1);
	}
	struct layer_name theirs;
	EXPECT(read(ready[0], &theirs, sizeof(theirs)) == sizeof(theirs));
	close(ready[0]);
	close(ready[1]);
	own_mem char *path = mem_printf("layers/%s", theirs.s);
	struct layer_store *again;
	EXPECT_OK(layer_store_open(t.data_fd, false, &again));
	EXPECT(exists(&t, path)); /* it lives */
	layer_store_free(again);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT(exists(&t, path));
	EXPECT_OK(layer_store_open(t.data_fd, false, &again));
	EXPECT(!exists(&t, path));
	own_mem char *ours = mem_printf("layers/%s", t.store->session);
	EXPECT(exists(&t, ours));
	layer_store_free(again);
	test_env_done(&t);
}

TEST(after_a_restart_of_the_machine_nothing_is_trusted)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name = test_layer(&t, one_file);
	own_mem char *path = mem_printf("layers/%s", name.s);
	layer_store_free(t.store);
	EXPECT_OK(layer_store_open(t.data_fd, false, &t.store));
	EXPECT(exists(&t, path));
	layer_store_free(t.store);
	t.store = NULL;
	EXPECT_OK(fd_replace_file(t.data_fd, "layers/boot", 0600, "another", 7));
	EXPECT_OK(layer_store_open(t.data_fd, false, &t.store));
	EXPECT(!exists(&t, path));
	test_env_done(&t);
}

TEST(most_layers_are_mounted)
{
	NEED_MOUNTS();
	struct test_env t;
	struct layer_name names[LIMIT_IMAGE_LAYERS + 1], upper;
	test_env_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		own_mem char *path = mem_printf("f%zu", i);
		names[i] = test_layer(&t, (struct test_entry[]){
						  { TAR_FILE, path, .text = path, .mode = 0644 },
						  { .path = NULL },
					  });
	}
	EXPECT_OK(layer_store_new(t.store, &upper, NULL));
	EXPECT_OK(layer_mount(t.store, names, LIMIT_IMAGE_LAYERS, &upper, t.mnt));
	own_mem char *bottom = mem_printf("%s/f0", t.mnt), *top = mem_printf("%s/f126", t.mnt);
	EXPECT(access(bottom, F_OK) == 0 && access(top, F_OK) == 0);
	test_script(t.mnt, "rm f5; write new x");
	EXPECT_OK(layer_unmount(t.mnt));
	own_fd view = -1;
	EXPECT_OK(layer_view(t.store, names, LIMIT_IMAGE_LAYERS, &view));
	EXPECT(faccessat(view, "f64", F_OK, 0) == 0 && faccessat(view, "new", F_OK, 0) < 0);
	own_mem char *made = test_tree_of(&t, &upper);
	EXPECT_STR(str_of(made), "f5# new=x");
	EXPECT_ERR(layer_mount(t.store, names, ARRAY_LEN(names), &upper, t.mnt), ERR_LIMIT, "127");
	test_env_done(&t);
}

TEST(a_view_of_nothing_is_empty)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	own_fd view = -1;
	EXPECT_OK(layer_view(t.store, NULL, 0, &view));
	own_mem char *tree = test_tree(view);
	EXPECT_STR(str_of(tree), "");
	struct layer_name upper;
	EXPECT_OK(layer_store_new(t.store, &upper, NULL));
	EXPECT_OK(layer_mount(t.store, NULL, 0, &upper, t.mnt));
	test_script(t.mnt, "mkdir d");
	EXPECT_OK(layer_unmount(t.mnt));
	/* a second mount of the same upper directory goes on where the first ended */
	EXPECT_OK(layer_mount(t.store, NULL, 0, &upper, t.mnt));
	test_script(t.mnt, "write d/x 1");
	EXPECT_OK(layer_unmount(t.mnt));
	own_mem char *made = test_tree_of(&t, &upper);
	EXPECT(str_starts(str_of(made), STR("d/")) && str_ends(str_of(made), STR("d/x=1")));
	test_env_done(&t);
}

TEST(a_directory_keeps_its_changes_when_it_is_trimmed)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name upper;
	EXPECT_OK(layer_store_new(t.store, &upper, NULL));
	EXPECT_OK(layer_mount(t.store, NULL, 0, &upper, t.mnt));
	test_script(t.mnt, "write x 1");
	EXPECT_OK(layer_unmount(t.mnt));
	own_mem char *work = mem_printf("layers/%s", layer_work_name(&upper).s);
	EXPECT(exists(&t, work));
	EXPECT_OK(layer_store_trim(t.store, &upper));
	EXPECT(!exists(&t, work));
	EXPECT_OK(layer_store_trim(t.store, &upper)); /* nothing is there any more */
	own_mem char *made = test_tree_of(&t, &upper);
	EXPECT_STR(str_of(made), "x=1");
	test_env_done(&t);
}

TEST(views_share_a_place_to_be_mounted)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name = test_layer(&t, one_file);
	own_fd first = -1, second = -1;
	EXPECT_OK(layer_view(t.store, &name, 1, &first));
	EXPECT_OK(layer_view(t.store, &name, 1, &second));
	EXPECT(t.store->n_views == 1);
	EXPECT(faccessat(first, "f", F_OK, 0) == 0 && faccessat(second, "f", F_OK, 0) == 0);
	test_env_done(&t);
}

TEST(views_are_detached_and_read_only)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name = test_layer(&t, one_file);
	own_fd view = -1;
	EXPECT_OK(layer_view(t.store, &name, 1, &view));
	own_mem char *mounts = NULL;
	size_t len;
	EXPECT_OK(fd_read_path(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, &len));
	EXPECT(!strstr(mounts, t.store->session));
	own_fd fd = fd_open_in_root(view, "/f", O_RDONLY, 0);
	EXPECT(fd >= 0);
	EXPECT(openat(view, "g", O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0);
	test_env_done(&t);
}

TEST(links_in_a_view_may_go_up)
{
	NEED_MOUNTS();
	static const struct test_entry entries[] = {
		{ TAR_DIR, "etc", .mode = 0755 },
		{ TAR_FILE, "f", .text = "1", .mode = 0644 },
		{ TAR_SYMLINK, "etc/up", .link = "../f", .mode = 0777 },
		{ TAR_SYMLINK, "etc/above", .link = "/../../f", .mode = 0777 },
		{ TAR_SYMLINK, "etc/circle", .link = "../etc/circle", .mode = 0777 },
		{ .path = NULL },
	};
	struct test_env t;
	test_env_init(&t);
	struct layer_name name = test_layer(&t, entries);
	own_fd view = -1;
	EXPECT_OK(layer_view(t.store, &name, 1, &view));
	own_fd up = fd_open_in_root(view, "etc/up", O_RDONLY, 0);
	own_fd above = fd_open_in_root(view, "etc/above", O_RDONLY, 0);
	EXPECT(up >= 0 && above >= 0);
	EXPECT(fd_open_in_root(view, "etc/circle", O_RDONLY, 0) < 0 && errno == ELOOP);
	test_env_done(&t);
}
