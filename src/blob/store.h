/* The content-addressed store: DATA/blobs/ALG/ab/abcd…, DATA/uploads/ID.
 *
 * 1. A blob is whole or absent: it is written under a private name, hashed while it is written, and
 * linked into place.
 * 2. What was committed survives the end of the process; after blob_store_flush() it survives power
 * loss too.
 * 3. Several processes may use one store at once. */
#ifndef KILN_BLOB_STORE_H
#define KILN_BLOB_STORE_H

#include "base/err.h"
#include "oci/digest.h"

struct blob_store;
struct blob_writer;

/* The store below the directory `data_fd` (borrowed; must outlive the store); makes what is
 * missing. After a power loss it reads the blobs that were not flushed and removes broken ones. */
struct err *blob_store_open(int data_fd, struct blob_store **out);
void blob_store_free(struct blob_store *s);
OWN_DECLARE(blob_store);

/* Is it there, and how long is it? An absent blob is an answer. `size_bytes` may be NULL. */
struct err *blob_store_stat(struct blob_store *s, const struct oci_digest *d, bool *found,
			    uint64_t *size_bytes);
/* Opens it for reading; the caller closes `*fd`. ERR_NOT_FOUND when absent. `size_bytes` may be
 * NULL. */
struct err *blob_store_open_blob(struct blob_store *s, const struct oci_digest *d, int *fd,
				 uint64_t *size_bytes);
/* The whole blob, at most `max` bytes, checked against its digest (ERR_CORRUPT). The caller frees
 * `*out`. */
struct err *blob_store_read(struct blob_store *s, const struct oci_digest *d, size_t max,
			    char **out, size_t *len);
struct err *blob_store_remove(struct blob_store *s,
			      const struct oci_digest *d); /* absent is success */
/* Stores bytes at hand; `*d` is their sha256. */
struct err *blob_store_put(struct blob_store *s, const void *p, size_t len, struct oci_digest *d);
/* Makes all that was committed through this store object survive power loss: syncs the files and
 * their directories once. So it does for what other processes committed before, also those that
 * were killed. Costs nothing when there is nothing. Flushes that come at once share one. A blob
 * whose bytes did not reach the disk is removed: ERR_UNAVAILABLE. */
struct err *blob_store_flush(struct blob_store *s);
/* Calls `each` for every blob until it returns an error. */
struct err *blob_store_each(struct blob_store *s,
			    struct err *(*each)(void *arg, const struct oci_digest *d,
						uint64_t size_bytes),
			    void *arg);

/* A new blob. Not to be shared between threads. */
struct err *blob_store_begin(struct blob_store *s, struct blob_writer **out);
struct err *blob_writer_write(struct blob_writer *w, const void *p, size_t len);
uint64_t blob_writer_size(const struct blob_writer *w); /* bytes written so far */
/* Publish what was written if its digest is `want` (NULL: whatever its sha256 is); `w` takes no
 * more bytes after this.
 * `*got` (may be NULL) is its digest. ERR_INVALID if it is not `want`; ERR_UNAVAILABLE if the disk
 * fails: the blob is whole or absent. SPEC distribution "Pushing a blob monolithically" */
struct err *blob_writer_commit(struct blob_writer *w, const struct oci_digest *want,
			       struct oci_digest *got);
void blob_writer_free(struct blob_writer *w); /* drops what was not committed */
OWN_DECLARE(blob_writer);

/* Upload sessions outlive requests and restarts: the same writer under a name of 32 hexadecimal
 * digits. */
struct err *blob_store_session_begin(struct blob_store *s, const char *id,
				     struct blob_writer **out);
/* Takes up a session again; re-reads what is there to hash it, unless this store object wrote it
 * last. ERR_NOT_FOUND if there is none, ERR_CONFLICT while another writer has it. */
struct err *blob_store_session_resume(struct blob_store *s, const char *id,
				      struct blob_writer **out);
/* Keeps the bytes of a session writer for a later resume when it is freed. */
void blob_writer_keep(struct blob_writer *w);
/* Removes sessions not written to for `age_s`, and private files of processes that are gone. */
struct err *blob_store_sweep(struct blob_store *s, uint64_t age_s);

#endif
