/* What the files of this folder share: the store, placing entries in a directory, xattrs. */
#ifndef KILN_LAYER_LAYER_PRIV_H
#define KILN_LAYER_LAYER_PRIV_H

#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "base/thread.h"
#include "layer/layer.h"

#define LAYER_OPAQUE_XATTR "user.overlay.opaque"

struct layer_store {
	int dir_fd;       /* owned; layers/ */
	int lock_fd;      /* owned; our session's lock, held until the process ends */
	char session[24]; /* "s-" and 16 hexadecimal digits; empty: not made yet */
	bool single_id;
	uint64_t serial;   /* atomic; of names in the session */
	bool not_volatile; /* atomic; the kernel refused the option once */
	struct mutex lock; /* guards all below */
	struct cond unpacked;
	struct oci_digest *busy; /* owned; layers that a thread is unpacking */
	size_t n_busy, cap_busy;
	struct layer_name *links; /* owned; finished layers that mount.c has a link to */
	size_t n_links, cap_links;
	struct layer_name *views; /* owned; empty directories to mount a view on */
	size_t n_views, cap_views;
};

/* "SESSION/" and `prefix` and a number that no other name of this process has. */
struct layer_name layer_store_name(struct layer_store *s, const char *prefix);
/* The overlay work directory that belongs to an upper directory. */
/* The empty directory of the session, mode 0755. */
struct layer_name layer_empty_name(const struct layer_store *s);
struct layer_name layer_work_name(const struct layer_name *upper);
struct err *layer_open_dir(struct layer_store *s, const struct layer_name *name, int *fd);

static inline bool layer_is_whiteout(mode_t mode, dev_t rdev)
{
	return (mode & S_IFMT) == S_IFCHR && rdev == 0;
}

/* Attributes that a layer carries: not user.* (overlayfs keeps its own there), not trusted.*, not
 * the host's labels. */
bool layer_xattr_kept(const char *name);

/* The kept attributes of an open file, names in bytewise order. */
struct layer_xattrs {
	struct tar_xattr *v; /* owned; names and values in `mem` */
	size_t n;
	char *mem; /* owned */
};
struct err *layer_xattrs_load(int fd, struct layer_xattrs *out);
bool layer_xattrs_eq(const struct layer_xattrs *a, const struct layer_xattrs *b);
void layer_xattrs_done(struct layer_xattrs *x);
/* Best effort: what the kernel does not allow is logged and left out. `path` is for the log. */
void layer_xattrs_set(int fd, const char *path, const struct tar_xattr *v, size_t n);

/* A path of an entry, cut into clean components: no empty one, no ".". "" is the root. */
struct layer_path {
	char s[LIMIT_PATH_BYTES];
	const char *name;  /* the last component, in `s` */
	size_t parent_len; /* s[0..parent_len) is the parent's path; 0: the root */
};
/* Leading slashes are dropped; ".." and overlong paths are ERR_INVALID. */
struct err *layer_path_clean(const char *raw, struct layer_path *out);

/* Writes entries into a directory. No path is ever followed through a symbolic link. */
#define LAYER_PLACE_DIRS 16
struct layer_place {
	int root_fd; /* borrowed */
	/* Whiteouts hide what is in layers below only, and let entries of this layer be, as in a
	 * blob. Otherwise they replace what is there. */
	bool whiteouts_below;
	struct place_dir {
		char *path; /* owned; NULL: free */
		size_t path_len;
		int fd; /* owned */
		uint64_t used;
	} dirs[LAYER_PLACE_DIRS]; /* directories kept open */
	uint64_t clock;
	struct place_time {
		char *path; /* owned */
		struct timespec mtime;
	} * times; /* owned; of directories, set at the end as entries in them change it */
	size_t n_times, cap_times;
	uint64_t n_implied; /* directories made that no entry named */
};

/* Where the bytes of a file come from. */
struct layer_bytes {
	struct err *(*copy)(struct layer_bytes *b, int to_fd, uint64_t size);
};

void layer_place_init(struct layer_place *p, int root_fd, bool whiteouts_below);
/* `e->path` is not looked at, `path` is; `e->link` of a hard link is cleaned here. TAR_CHAR 0:0 is
 * a whiteout; other devices are left out. `bytes` gives the content of a TAR_FILE. */
struct err *layer_place_add(struct layer_place *p, const struct layer_path *path,
			    const struct tar_entry *e, bool opaque, struct layer_bytes *bytes);
struct err *layer_place_whiteout(struct layer_place *p, const struct layer_path *path);
/* Hides all that is below the directory whose path are the first `len` bytes of `path`. */
struct err *layer_place_opaque(struct layer_place *p, const char *path, size_t len);
struct err *layer_place_finish(struct layer_place *p);
void layer_place_done(struct layer_place *p);

/* Unpacks the tar that `from` gives (borrowed; decompressed here) as layer_unpack() does, with
 * bounds of the caller's. */
struct layer_unpack_limits {
	uint64_t bytes, entries;
	uint64_t room; /* for the bytes of files; 0: not known */
};
struct err *layer_unpack_stream(struct layer_store *s, struct reader *from,
				const struct layer_unpack_limits *limits,
				const struct oci_digest *diff_id, struct layer_name *name);

#endif
