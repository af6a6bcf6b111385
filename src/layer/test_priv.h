/* For the unit tests of this folder: a user and mount namespace, a store, tars, and trees as text.
 */
#ifndef KILN_LAYER_TEST_PRIV_H
#define KILN_LAYER_TEST_PRIV_H

#include "base/test.h"
#include "layer/layer_priv.h"

/* The test program enters its namespaces before main(): root keeps all ids, others have one. */
extern bool test_has_ids, test_has_mounts;
#define NEED_MOUNTS()                 \
	do {                          \
		if (!test_has_mounts) \
			skip();       \
	} while (0)
#define NEED_IDS()                 \
	do {                       \
		if (!test_has_ids) \
			skip();    \
	} while (0)

struct test_env {
	int data_fd;
	char *root; /* absolute path of data_fd */
	char *mnt;  /* absolute path of an empty directory */
	struct layer_store *store;
	struct blob_store *blobs;
};
void test_env_init(struct test_env *t);
void test_env_done(struct test_env *t);

/* A tar from entries; content of files is `text` (NULL: empty). Ends with an entry without path. */
struct test_entry {
	enum tar_type type;
	const char *path, *link, *text;
	uint32_t mode, uid, gid;
	int64_t mtime_s;
	uint32_t major, minor;
	const char *xattr, *value;
};
/* Stores the tar (uncompressed) as a blob. */
void test_blob(struct test_env *t, const struct test_entry *entries, struct oci_descriptor *blob,
	       struct oci_digest *diff_id);
struct err *test_unpack(struct test_env *t, const struct test_entry *entries,
			struct layer_name *name);
/* A finished layer with these entries. */
struct layer_name test_layer(struct test_env *t, const struct test_entry *entries);

/* A tree in one line: "d/ d/f=text l@target", bytewise, depth first.
 * Whiteouts are "x#", opaque directories "d/!". The caller frees it. */
char *test_tree(int root_fd);
char *test_tree_of(struct test_env *t, const struct layer_name *name);

/* Notes what is given, as test_tree() would: "d/ d/f=text w# h>d/f". */
struct test_notes {
	struct layer_sink sink;
	struct buf text;
};
void test_notes_init(struct test_notes *n);
void test_notes_done(struct test_notes *n);

/* Does "mkdir d; write d/f text; rm d; ..." at `at`. */
void test_script(const char *at, const char *script);
void test_mkdir(const char *at, const char *path);

#endif
