#include "layer/test_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

bool test_has_ids, test_has_mounts;

/* --- namespaces --- */

static bool write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	own_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* From outside: only there root may map more than itself. */
static void map_ids(pid_t pid, uid_t uid, gid_t gid)
{
	char users[64] = "0 0 4294967295", groups[64] = "0 0 4294967295";
	if (uid) {
		snprintf(users, sizeof(users), "0 %u 1", (unsigned)uid);
		snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)gid);
		write_proc(pid, "setgroups", "deny");
	}
	_exit(write_proc(pid, "uid_map", users) && write_proc(pid, "gid_map", groups) ? 0 : 1);
}

__attribute__((constructor)) static void enter(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	pid_t me = getpid();
	int go[2], status = 1;
	if (pipe2(go, O_CLOEXEC) < 0)
		return;
	pid_t child = fork();
	if (child == 0) {
		char c;
		close(go[1]);
		if (read(go[0], &c, 1) == 1)
			map_ids(me, uid, gid);
		_exit(1);
	}
	bool entered = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
	if (write(go[1], "x", 1) != 1)
		entered = false;
	close(go[0]);
	close(go[1]);
	waitpid(child, &status, 0);
	test_has_mounts =
		entered && status == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	test_has_ids = test_has_mounts && uid == 0;
	if (!test_has_mounts)
		fprintf(stderr, "layer_test: no user namespaces: most tests are skipped\n");
}

/* --- a data directory --- */

void test_env_init(struct test_env *t)
{
	*t = (struct test_env){ .data_fd = test_tmpdir() };
	char link[64], path[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", t->data_fd);
	ssize_t n = readlink(link, path, sizeof(path));
	EXPECT(n > 0);
	t->root = mem_strndup(path, (size_t)n);
	t->mnt = mem_printf("%s/mnt", t->root);
	EXPECT(mkdir(t->mnt, 0755) == 0);
	EXPECT_OK(layer_store_open(t->data_fd, !test_has_ids, &t->store));
	EXPECT_OK(blob_store_open(t->data_fd, &t->blobs));
}

void test_env_done(struct test_env *t)
{
	layer_store_free(t->store);
	blob_store_free(t->blobs);
	free(t->root);
	free(t->mnt);
	close(t->data_fd);
}

/* --- tars --- */

struct buf_writer {
	struct writer base;
	struct buf b;
};

static struct err *write_buf(struct writer *w, const void *p, size_t len)
{
	buf_add(&container_of(w, struct buf_writer, base)->b, str_n(p, len));
	return NULL;
}

static void make_tar(const struct test_entry *in, struct buf_writer *out)
{
	struct tar_writer tar;
	*out = (struct buf_writer){ .base.write = write_buf };
	buf_init(&out->b, 64 << 20);
	tar_writer_init(&tar, &out->base);
	for (; in->path; in++) {
		struct tar_xattr x = { in->xattr, str_of(in->value) };
		struct tar_entry e = { .type = in->type,
				       .path = in->path,
				       .link = in->link,
				       .mode = in->mode,
				       .uid = in->uid,
				       .gid = in->gid,
				       .size = in->text ? strlen(in->text) : 0,
				       .mtime_s = in->mtime_s,
				       .major = in->major,
				       .minor = in->minor,
				       .xattrs = &x,
				       .n_xattrs = in->xattr ? 1 : 0 };
		EXPECT_OK(tar_writer_entry(&tar, &e));
		if (e.size)
			EXPECT_OK(tar_writer_data(&tar, in->text, e.size));
	}
	EXPECT_OK(tar_writer_finish(&tar));
	EXPECT(!out->b.over);
}

void test_blob(struct test_env *t, const struct test_entry *entries, struct oci_descriptor *blob,
	       struct oci_digest *diff_id)
{
	struct buf_writer w;
	make_tar(entries, &w);
	*blob = (struct oci_descriptor){ .media_type = OCI_TYPE_LAYER, .size = w.b.len };
	EXPECT_OK(blob_store_put(t->blobs, w.b.p, w.b.len, &blob->digest));
	*diff_id = blob->digest;
	buf_done(&w.b);
}

struct err *test_unpack(struct test_env *t, const struct test_entry *entries,
			struct layer_name *name)
{
	struct oci_descriptor blob;
	struct oci_digest diff_id;
	test_blob(t, entries, &blob, &diff_id);
	return layer_unpack(t->store, t->blobs, &blob, &diff_id, name);
}

struct layer_name test_layer(struct test_env *t, const struct test_entry *entries)
{
	struct layer_name name = { "" };
	EXPECT_OK(test_unpack(t, entries, &name));
	return name;
}

/* --- trees as text --- */

static int bytewise(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show_file(struct buf *out, int dir_fd, const char *name)
{
	char text[64];
	own_fd fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	EXPECT(n >= 0);
	if (n)
		buf_printf(out, "=%.*s", (int)n, text);
}

static void show_dir(struct buf *out, int dir_fd, const char *prefix);

static void show_entry(struct buf *out, int dir_fd, const char *prefix, const char *name)
{
	struct stat st;
	char target[PATH_MAX];
	EXPECT(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	buf_printf(out, "%s%s%s", out->len ? " " : "", prefix, name);
	if (layer_is_whiteout(st.st_mode, st.st_rdev)) {
		buf_add_c(out, '#');
	} else if (S_ISREG(st.st_mode)) {
		show_file(out, dir_fd, name);
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));
		buf_printf(out, "@%.*s", (int)n, target);
	} else if (S_ISDIR(st.st_mode)) {
		char y;
		own_fd fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		bool opaque = fgetxattr(fd, LAYER_OPAQUE_XATTR, &y, 1) == 1;
		buf_printf(out, "/%s", opaque ? "!" : "");
		own_mem char *below = mem_printf("%s%s/", prefix, name);
		show_dir(out, fd, below);
	} else {
		buf_add_c(out, '?');
	}
}

static void show_dir(struct buf *out, int dir_fd, const char *prefix)
{
	char *names[1000];
	size_t n = 0;
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	EXPECT(dir);
	for (struct dirent *d; (d = readdir(dir)) && n < ARRAY_LEN(names);)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			names[n++] = mem_strdup(d->d_name);
	closedir(dir);
	qsort(names, n, sizeof(*names), bytewise);
	for (size_t i = 0; i < n; i++) {
		show_entry(out, dir_fd, prefix, names[i]);
		free(names[i]);
	}
}

char *test_tree(int root_fd)
{
	struct buf out;
	buf_init(&out, 1 << 20);
	show_dir(&out, root_fd, "");
	return buf_steal(&out);
}

char *test_tree_of(struct test_env *t, const struct layer_name *name)
{
	own_fd fd = -1;
	EXPECT_OK(layer_open_dir(t->store, name, &fd));
	return test_tree(fd);
}

static struct err *note(struct layer_sink *sink, const struct tar_entry *e, bool opaque, int fd)
{
	struct buf *out = &container_of(sink, struct test_notes, sink)->text;
	buf_printf(out, "%s%s", out->len ? " " : "", e->path);
	if (e->type == TAR_DIR)
		buf_printf(out, "/%s", opaque ? "!" : "");
	else if (e->type == TAR_CHAR && !e->major && !e->minor)
		buf_add_c(out, '#');
	else if (e->type == TAR_SYMLINK || e->type == TAR_HARDLINK)
		buf_printf(out, "%c%s", e->type == TAR_SYMLINK ? '@' : '>', e->link);
	else if (e->type != TAR_FILE)
		buf_add_c(out, '?');
	if (e->type == TAR_FILE && e->size) {
		char text[64];
		ssize_t n = pread(fd, text, sizeof(text), 0);
		buf_printf(out, "=%.*s", (int)n, text);
	}
	return NULL;
}

void test_notes_init(struct test_notes *n)
{
	*n = (struct test_notes){ .sink.add = note };
	buf_init(&n->text, 1 << 20);
	buf_add(&n->text, STR(""));
}

void test_notes_done(struct test_notes *n)
{
	buf_done(&n->text);
}

/* --- steps --- */

void test_mkdir(const char *at, const char *path)
{
	own_mem char *p = mem_printf("%s/%s", at, path);
	EXPECT(mkdir(p, 0755) == 0);
}

static void do_write(const char *path, const char *text)
{
	own_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	EXPECT(fd >= 0);
	EXPECT_OK(fd_write_all(fd, text, strlen(text)));
}

static void do_one(const char *at, char *line)
{
	struct str rest = str_trim(str_of(line));
	own_mem char *op = str_dup(str_cut(&rest, ' '));
	own_mem char *a = str_dup(str_cut(&rest, ' '));
	own_mem char *b = str_dup(rest);
	own_mem char *path = mem_printf("%s/%s", at, a), *other = mem_printf("%s/%s", at, b);
	struct stat st;
	if (strcmp(op, "mkdir") == 0) {
		EXPECT(mkdir(path, 0755) == 0);
	} else if (strcmp(op, "write") == 0) {
		do_write(path, b);
	} else if (strcmp(op, "rm") == 0) {
		EXPECT(lstat(path, &st) == 0);
		EXPECT_OK(fd_remove_tree(AT_FDCWD, path));
	} else if (strcmp(op, "ln") == 0) {
		EXPECT(linkat(AT_FDCWD, path, AT_FDCWD, other, 0) == 0);
	} else if (strcmp(op, "symlink") == 0) {
		EXPECT(symlink(b, path) == 0);
	} else if (strcmp(op, "mv") == 0) {
		EXPECT(rename(path, other) == 0);
	} else if (strcmp(op, "chmod") == 0) {
		EXPECT(chmod(path, (mode_t)strtoul(b, NULL, 8)) == 0);
	} else if (strcmp(op, "fifo") == 0) {
		EXPECT(mkfifo(path, 0644) == 0);
	} else if (strcmp(op, "sneak") == 0) { /* other bytes, the time stays */
		EXPECT(lstat(path, &st) == 0);
		do_write(path, b);
		EXPECT(utimensat(AT_FDCWD, path, (struct timespec[]){ st.st_mtim, st.st_mtim },
				 0) == 0);
	} else if (strcmp(op, "same-owner") == 0) { /* a change that changes nothing */
		EXPECT(lstat(path, &st) == 0 && lchown(path, st.st_uid, st.st_gid) == 0);
	} else {
		EXPECT(!"an operation that is known");
	}
}

void test_script(const char *at, const char *script)
{
	own_mem char *copy = mem_strdup(script);
	for (char *line = strtok(copy, ";"); line; line = strtok(NULL, ";"))
		do_one(at, line);
}
