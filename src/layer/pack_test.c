#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/test_priv.h"

/* Packs a directory and gives what it became. */
static struct layer_packed pack(struct test_env *t, const struct layer_name *name, unsigned threads,
				enum squeeze_kind kind, int64_t epoch_s)
{
	own(squeeze_pool) pool = NULL;
	EXPECT_OK(squeeze_pool_open(threads, &pool));
	struct layer_pack p;
	struct layer_packed out;
	EXPECT_OK(layer_pack_open(t->blobs, pool, kind, epoch_s, &p));
	EXPECT_OK(layer_walk(t->store, name, -1, &p.sink));
	EXPECT_OK(layer_pack_finish(&p, &out));
	layer_pack_done(&p);
	return out;
}

static struct layer_name sample(struct test_env *t)
{
	struct buf long_name;
	buf_init(&long_name, 2000);
	for (int i = 0; i < 20; i++)
		buf_printf(&long_name, "a directory with a long name and \xc3\xa4 %d/", i);
	buf_add(&long_name, STR("file"));
	own_mem char *deep = buf_steal(&long_name), *text = mem_zalloc(3000001);
	for (int i = 0; i < 3000000; i++)
		text[i] = (char)('a' + ((unsigned)i * (unsigned)i >> 7) % 17);
	const struct test_entry tar[] = {
		{ TAR_DIR, "d", .mode = 01777, .mtime_s = 2000000000 },
		{ TAR_FILE, "d/big", .text = text, .mode = 0644, .mtime_s = 1000 },
		{ TAR_FILE, "d/setuid", .text = "x", .mode = 04755, .mtime_s = 3000000000 },
		{ TAR_HARDLINK, "d/z", .link = "d/big", .mode = 0644 },
		{ TAR_SYMLINK, "l", .link = "../../anywhere", .mtime_s = 4000000000 },
		{ TAR_FILE, deep, .text = "deep", .mode = 0600 },
		{ TAR_FILE, ".wh.gone" },
		{ TAR_FILE, "o/.wh..wh..opq" },
		{ .path = NULL },
	};
	return test_layer(t, tar);
}

TEST(bytes_do_not_depend_on_threads)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name = sample(&t);
	struct layer_packed one = pack(&t, &name, 1, SQUEEZE_GZIP, INT64_MAX);
	struct layer_packed four = pack(&t, &name, 4, SQUEEZE_GZIP, INT64_MAX);
	EXPECT(oci_digest_eq(&one.descriptor.digest, &four.descriptor.digest));
	EXPECT(one.descriptor.size == four.descriptor.size && one.descriptor.size > 1000);
	EXPECT(one.n_entries == four.n_entries);
	EXPECT_STR(str_of(one.descriptor.media_type), OCI_TYPE_LAYER_GZIP);
	struct layer_packed plain = pack(&t, &name, 1, SQUEEZE_NONE, INT64_MAX);
	EXPECT(oci_digest_eq(&plain.diff_id, &plain.descriptor.digest));
	EXPECT(oci_digest_eq(&plain.diff_id, &one.diff_id));
	EXPECT_STR(str_of(plain.descriptor.media_type), OCI_TYPE_LAYER);
	test_env_done(&t);
}

TEST(what_was_packed_unpacks_to_the_same)
{
	NEED_MOUNTS();
	static const enum squeeze_kind kinds[] = { SQUEEZE_GZIP, SQUEEZE_ZSTD, SQUEEZE_NONE };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct test_env t;
		test_env_init(&t);
		struct layer_name name = sample(&t), again;
		own_mem char *tree = test_tree_of(&t, &name);
		struct layer_packed p = pack(&t, &name, 2, kinds[i], INT64_MAX);
		EXPECT_OK(layer_unpack(t.store, t.blobs, &p.descriptor, &p.diff_id, &again));
		own_mem char *same = test_tree_of(&t, &again);
		EXPECT_STR(str_of(same), tree);
		struct layer_packed q = pack(&t, &again, 1, kinds[i], INT64_MAX);
		EXPECT(oci_digest_eq(&p.diff_id, &q.diff_id));
		test_env_done(&t);
	}
}

struct found {
	int64_t latest_s, d_s, big_s;
	size_t n;
	bool mark, white;
};

/* Reads a plain blob's entries. */
static struct found read_back(struct test_env *t, const struct oci_digest *blob)
{
	struct found f = { .latest_s = INT64_MIN };
	own_fd fd = -1;
	EXPECT_OK(blob_store_open_blob(t->blobs, blob, &fd, NULL));
	own(reader) from = reader_fd(fd);
	own(tar_reader) tar = tar_reader_open(from);
	const struct tar_entry *e;
	for (;;) {
		EXPECT_OK(tar_reader_next(tar, &e));
		if (!e)
			return f;
		struct str path = str_of(e->path);
		EXPECT(path.p[0] != '/');
		f.n++;
		f.latest_s = MAX(f.latest_s, e->mtime_s);
		f.d_s = str_eq(path, STR("d")) ? e->mtime_s : f.d_s;
		f.big_s = str_eq(path, STR("d/big")) ? e->mtime_s : f.big_s;
		bool empty = e->type == TAR_FILE && !e->size && !e->mode && !e->mtime_s;
		f.white |= str_eq(path, STR(".wh.gone")) && empty;
		f.mark |= str_eq(path, STR("o/.wh..wh..opq")) && empty;
	}
}

TEST(times_are_clamped_and_whiteouts_are_files)
{
	NEED_MOUNTS();
	struct test_env t;
	test_env_init(&t);
	struct layer_name name = sample(&t);
	struct layer_packed p = pack(&t, &name, 1, SQUEEZE_NONE, INT64_MAX);
	struct found f = read_back(&t, &p.diff_id);
	EXPECT(f.n == p.n_entries && f.white && f.mark && f.d_s == 2000000000);
	p = pack(&t, &name, 1, SQUEEZE_NONE, 1500000000);
	f = read_back(&t, &p.diff_id);
	EXPECT(f.latest_s == 1500000000 && f.d_s == 1500000000 && f.big_s == 1000);
	test_env_done(&t);
}

TEST(nothing_packs_to_an_empty_tar)
{
	NEED_MOUNTS();
	struct test_env t;
	struct layer_pack p;
	struct layer_packed out;
	test_env_init(&t);
	EXPECT_OK(layer_pack_open(t.blobs, NULL, SQUEEZE_NONE, 0, &p));
	EXPECT_OK(layer_pack_finish(&p, &out));
	layer_pack_done(&p);
	EXPECT(out.n_entries == 0 && out.descriptor.size == 1024);
	layer_pack_done(&p); /* twice is fine */
	test_env_done(&t);
}

TEST(a_file_that_changes_is_named)
{
	NEED_MOUNTS();
	struct test_env t;
	struct layer_pack p;
	test_env_init(&t);
	test_script(t.mnt, "write f hello");
	own_mem char *path = mem_printf("%s/f", t.mnt);
	own_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	static const uint64_t sizes[] = { 4, 6 }; /* it became longer, it became shorter */
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct tar_entry e = { TAR_FILE, "dir/f", .size = sizes[i] };
		EXPECT_OK(layer_pack_open(t.blobs, NULL, SQUEEZE_GZIP, 0, &p));
		EXPECT_ERR(p.sink.add(&p.sink, &e, false, fd), ERR_CONFLICT, "dir/f");
		layer_pack_done(&p);
	}
	struct tar_entry e = { TAR_FILE, "dir/.wh.f" };
	EXPECT_OK(layer_pack_open(t.blobs, NULL, SQUEEZE_GZIP, 0, &p));
	EXPECT_ERR(p.sink.add(&p.sink, &e, false, -1), ERR_INVALID, "dir/.wh.f");
	layer_pack_done(&p);
	test_env_done(&t);
}

TEST(attributes_of_the_host_are_not_packed)
{
	NEED_MOUNTS();
	struct test_env t;
	struct layer_packed out[3];
	static const struct tar_xattr xattrs[] = { { "user.overlay.opaque", STR("y") },
						   { "security.selinux", STR("x") },
						   { "security.capability", STR("c") } };
	test_env_init(&t);
	for (size_t i = 0; i < 3; i++) { /* none, the host's, one that stays */
		struct tar_entry e = { TAR_FILE, "f", .xattrs = xattrs, .n_xattrs = i + (i > 0) };
		struct layer_pack p;
		EXPECT_OK(layer_pack_open(t.blobs, NULL, SQUEEZE_GZIP, 0, &p));
		EXPECT_OK(p.sink.add(&p.sink, &e, false, -1));
		EXPECT_OK(layer_pack_finish(&p, &out[i]));
		layer_pack_done(&p);
	}
	EXPECT(oci_digest_eq(&out[0].diff_id, &out[1].diff_id));
	EXPECT(!oci_digest_eq(&out[0].diff_id, &out[2].diff_id));
	test_env_done(&t);
}
