/* Layers: a directory of changes, the overlay that stacks them, and the blob that carries them.
 *
 * Inside the namespaces of sandbox_enter(). DATA/layers/ holds unpacked layers, disposable at any
 * time: layers/<64 hex of the diff id>/   finished; only ever complete (renamed into place), shared
 * by all builds layers/s-<16 hex>/                one per running process, with `lock` (flock) and
 * its unfinished directories; the next process removes those whose lock is free layers/boot the
 * boot id: after a restart of the machine all of it is removed, as nothing here is synced In a
 * layer directory whiteouts are 0:0 character devices and opaque directories carry
 * user.overlay.opaque=y (overlayfs userxattr). A layer does not know its parents. Directory names
 * are given relative to layers/, which is the process's working directory from layer_store_open()
 * on (mount(2) takes at most one page of options, so names stay short). */
#ifndef KILN_LAYER_LAYER_H
#define KILN_LAYER_LAYER_H

#include "blob/store.h"
#include "codec/gzip.h"
#include "codec/tar.h"
#include "oci/manifest.h"

struct layer_store;

#define LAYER_NAME_BYTES 96
struct layer_name { /* a directory relative to layers/: the 64 hex digits, or "s-…/n" */
	char s[LAYER_NAME_BYTES];
};

/* Changes the process's working directory. `single_id`: owners other than 0 cannot be set (see
 * sandbox_enter()). */
struct err *layer_store_open(int data_fd, bool single_id, struct layer_store **out);
void layer_store_free(struct layer_store *s); /* removes this process's unfinished directories */
OWN_DECLARE(layer_store);

/* Removes every unpacked layer. ERR_CONFLICT while a process has a store of this directory open. */
struct err *layer_store_clear(int data_fd);

/* Is the layer unpacked? */
struct err *layer_store_find(struct layer_store *s, const struct oci_digest *diff_id, bool *found,
			     struct layer_name *name);
/* A new empty directory (mode 0755, owner 0:0) in this process's session; `*fd` (O_RDONLY) is the
 * caller's; may be NULL. */
struct err *layer_store_new(struct layer_store *s, struct layer_name *name, int *fd);
/* Finishes a directory of this session under its diff id, by rename; when another process was
 * first, ours is removed. No overlay may be mounted on the old name any more. `*name` becomes the
 * final name. */
struct err *layer_store_publish(struct layer_store *s, struct layer_name *name,
				const struct oci_digest *diff_id);
/* Removes the work directory of one on which no overlay is mounted any more, nor will be. Only to
 * do it in good time: the other functions would. */
struct err *layer_store_trim(struct layer_store *s, const struct layer_name *name);
/* Removes a directory of this session and its work directory; a finished layer stays. */
struct err *layer_store_drop(struct layer_store *s, const struct layer_name *name);

/* Unpacks a layer blob (gzip, zstd or plain by content, bounded by LIMIT_LAYER_BYTES and
 * LIMIT_LAYER_ENTRIES) into a directory and publishes it. Entries never leave the directory: every
 * path is opened without following links; ".." in names, hard links out of the layer and device
 * nodes other than whiteouts are refused or, for devices, left out. The uncompressed bytes must
 * hash to `diff_id` (ERR_CORRUPT naming both). Two threads that ask for one layer at once unpack it
 * once. Owners outside the user's id range: ERR_DENIED that names the owner, the file and "usermod
 * --add-subuids". */
struct err *layer_unpack(struct layer_store *s, struct blob_store *blobs,
			 const struct oci_descriptor *layer, const struct oci_digest *diff_id,
			 struct layer_name *name);

/* A merged read-only view of layers, the bottom first; n may be 0 (empty). `*fd` is its root
 * directory, detached: the mount ends when the last descriptor beneath it is closed. */
struct err *layer_view(struct layer_store *s, const struct layer_name *layers, size_t n, int *fd);
/* A writable overlay at `target` (absolute path): changes go to the directory `upper` of this
 * session. Unmount with layer_unmount(). `n` at most LIMIT_IMAGE_LAYERS. */
struct err *layer_mount(struct layer_store *s, const struct layer_name *layers, size_t n,
			const struct layer_name *upper, const char *target);
struct err *layer_unmount(const char *target);

/* Where changes go: into a tar, or into a directory. */
struct layer_sink {
	/* One entry; parents come before children. Paths are relative without "./"; "" is the root
	 * itself. `fd` holds the bytes of TAR_FILE from offset 0 (borrowed; -1 if size is 0).
	 * Whiteouts are entries of type TAR_CHAR with 0:0; an opaque directory says so. */
	struct err *(*add)(struct layer_sink *s, const struct tar_entry *e, bool opaque, int fd);
};

/* Packs a blob: tar, hash, compress, hash, store, in one pass and bounded memory. */
struct layer_pack {
	struct layer_sink sink;
	struct layer_pack_state *state;
};
struct layer_packed {
	struct oci_digest diff_id;
	struct oci_descriptor descriptor; /* OCI layer media type; static strings */
	size_t n_entries;                 /* 0: nothing changed; the blob is an empty tar */
};
/* mtimes later than `epoch_s` become `epoch_s` (INT64_MAX: as they are). */
struct err *layer_pack_open(struct blob_store *blobs, struct squeeze_pool *pool,
			    enum squeeze_kind kind, int64_t epoch_s, struct layer_pack *out);
struct err *layer_pack_finish(struct layer_pack *p, struct layer_packed *out);
void layer_pack_done(struct layer_pack *p);

/* Writes entries below a directory of a layer, replacing what is in the way; copies bytes with
 * fd_copy(). Sets owner, mode, xattrs, times (of directories too, at the end). */
struct layer_fill {
	struct layer_sink sink;
	struct layer_fill_state *state;
};
struct err *layer_fill_open(struct layer_store *s, const struct layer_name *name,
			    struct layer_fill *out);
/* The same below any directory; takes `dir_fd` (O_RDONLY) over. */
void layer_fill_open_dir(int dir_fd, struct layer_fill *out);
struct err *layer_fill_finish(struct layer_fill *f); /* sets the times of directories */
void layer_fill_done(struct layer_fill *f);

/* Walks a directory of changes (an overlay's upper) in bytewise order of names and gives each entry
 * to `sink`: hard links within the layer as TAR_HARDLINK to the first name, xattrs but user.*
 * (security.capability stays), sockets left out. `below` is the view under it (layer_view()):
 * opaque marks and directories that only repeat what is below with the same owner, mode and xattrs
 * and hold no change are left out, so a step that changed nothing gives no entry. A file that
 * repeats its owner, mode, time, xattrs and bytes below is left out too. A parent of a change is
 * given, the root ("") as well. `below_fd` -1: nothing is known, everything is given. */
struct err *layer_walk(struct layer_store *s, const struct layer_name *name, int below_fd,
		       struct layer_sink *sink);

#endif
