/* What the tests of copies share.
 *
 * Trees and layers are written alike, one line per entry: type, path, mode, owner, mtime, and for
 * files ("f") the content, for symbolic ("l") and hard links ("h") where they lead:
 *
 *	d app 755 0:0 7
 *	f app/x 644 0:0 7 hello */
#ifndef KILN_EXECUTOR_COPY_TEST_PRIV_H
#define KILN_EXECUTOR_COPY_TEST_PRIV_H

#include "base/test.h"
#include "executor/copy_priv.h"

/* A new directory with these entries. The caller closes it. */
int make_tree(const char *spec);

/* A sink that writes down what it is given. */
struct record {
	struct layer_sink sink;
	struct buf text;
	uint32_t mtime_ns;
	char xattr[64];
	size_t xattr_bytes;
	uint64_t last_size; /* of the last file, */
	char last_bytes[4]; /* and its end */
};
void record_init(struct record *r);

struct copy_case {
	const char *below; /* NULL: an empty file system */
	const char *tree;
	const char *sources; /* patterns between blanks */
	const char *dest, *chown, *chmod;
	bool keep_owner, unpack;
	const char *want; /* the layer */
	enum err_kind kind;
	const char *failed; /* or a part of the message */
};

struct copied {
	struct arena *a;
	struct source_tree *tree;
	struct copy_source sources[16];
	struct copy_request r;
	struct copy_facts *f;
	struct record rec;
};
void copied_done(struct copied *c);
/* Resolves and emits; `c` is for copied_done() in any case. */
struct err *copy_from(struct copied *c, const struct copy_case *k, int tree_fd, int below_fd);
/* Copies, and compares the layer or the error. */
void check_copy_in(const struct copy_case *k, int tree_fd);
void check_copy(const struct copy_case *k);
#define CHECK(...) check_copy(&(struct copy_case){ __VA_ARGS__ })

#define TREE                     \
	"d d 2750 3:4 50\n"      \
	"f d/f 640 3:4 51 one\n" \
	"d d/sub 700 3:4 52\n"   \
	"f d/sub/g 4755 3:4 53 two\n"
#define FILE_X "f x 644 3:4 9 hello\n"

#endif
