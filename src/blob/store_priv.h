/* Inside blob/: the store's directories, where a digest's file is, and what a writer is. */
#ifndef KILN_BLOB_STORE_PRIV_H
#define KILN_BLOB_STORE_PRIV_H

#include <dirent.h>
#include <sys/stat.h>

#include "base/thread.h"
#include "blob/store.h"

#define BLOB_SESSION_ID   32         /* hexadecimal digits */
#define BLOB_STASH        64         /* sessions between two requests whose hashes are kept */
#define BLOB_BATCH        128        /* files that a flush has open */
#define BLOB_STALE_S      3600       /* no commit takes this long from its intent to its link */
#define BLOB_SYNCFS_BYTES (32 << 20) /* of other people, that a flush writes along */

struct blob_stash { /* a session that nobody writes to now */
	char name[BLOB_SESSION_ID + 1];
	int fd; /* owned; -1: a free place */
	uint64_t size;
	struct sha256 h256; /* owned */
	struct sha512 h512; /* owned */
	uint64_t used;      /* the oldest gives way */
};

struct blob_store {
	int blobs_fd;  /* owned; blobs/ */
	int upload_fd; /* owned; uploads/ */
	int intent_fd; /* owned; uploads/unflushed/BOOT: see flush.c */

	struct mutex flush_lock; /* guards the next four */
	struct cond flush_ended;
	bool flushing;
	uint64_t flushes_begun, last_failed;

	struct mutex stash_lock; /* guards all below */
	struct blob_stash stash[BLOB_STASH];
	uint64_t stashed;
};

enum blob_writer_state { BLOB_WRITING, BLOB_KEPT, BLOB_ENDED };

struct blob_writer {
	struct blob_store *store; /* borrowed */
	enum blob_writer_state state;
	int fd; /* owned; locked by flock(2) if it has a name */
	bool is_session;
	char name[BLOB_SESSION_ID + 8]; /* in uploads/; "" if the file has none */
	uint64_t size;
	struct sha256 h256; /* owned */
	struct sha512 h512; /* owned; sessions only */
};

/* store.c */
struct blob_path { /* below blobs/ */
	char dir[sizeof("sha512/ab")];
	char file[sizeof("sha512/ab/") + 2 * SHA512_BYTES];
};
struct blob_path blob_path_of(const struct oci_digest *d);
/* Do the bytes of `fd` from its start have this digest? */
struct err *blob_fd_digest(int fd, enum oci_digest_alg alg, struct oci_digest *d);
/* Calls `each` for the names in a directory, without "." and "..", until it returns an error. An
 * absent directory has none. */
struct err *blob_each_name(int dir_fd, const char *path,
			   struct err *(*each)(void *arg, int dir_fd, const char *name), void *arg);

/* flush.c */
struct blob_intent {
	char name[sizeof("sha512-") + 2 * SHA512_BYTES + 20];
};
struct err *blob_flush_init(struct blob_store *s, int data_fd);
/* The file of `w` gets its name as an intent to become blob `d`. */
struct err *blob_intent_add(struct blob_writer *w, const struct oci_digest *d,
			    struct blob_intent *out);
void blob_intent_drop(struct blob_store *s, const struct blob_intent *i);
/* Removes what commits that were killed left behind. */
struct err *blob_intent_sweep(struct blob_store *s);

/* session.c */
void blob_stash_put(struct blob_writer *w); /* takes over what `w` owns */
void blob_stash_done(struct blob_store *s);

/* writer.c */
/* A name for a private file: `prefix` and 16 random hexadecimal digits. */
struct err *blob_private_name(const char *prefix, char *out, size_t size);

#endif
