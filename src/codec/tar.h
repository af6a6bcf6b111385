/* tar archives, read and written as a stream. SPEC POSIX.1-2017 pax, "pax Interchange Format"; GNU
 * long names and base-256 numbers are read too. */
#ifndef KILN_CODEC_TAR_H
#define KILN_CODEC_TAR_H

#include "codec/io.h"

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCK,
	TAR_DIR,
	TAR_FIFO,
};

struct tar_xattr {
	const char *name; /* "security.capability" */
	struct str value;
};

struct tar_entry {
	enum tar_type type;
	const char *path; /* as in the archive, without trailing slashes: may be absolute or hold
			     ".." */
	const char *link; /* symlink target, or path of the hard link's first name; else NULL */
	uint32_t mode;    /* permission bits with setuid, setgid, sticky: 07777 */
	uint32_t uid, gid;
	uint64_t size; /* bytes that follow; 0 for all but TAR_FILE */
	int64_t mtime_s;
	uint32_t mtime_ns;     /* 0 to 999999999 */
	uint32_t major, minor; /* TAR_CHAR, TAR_BLOCK */
	const struct tar_xattr *xattrs;
	size_t n_xattrs;
};

/* Reader. Reads from `from` (borrowed). */
struct tar_reader;
struct tar_reader *tar_reader_open(struct reader *from);
void tar_reader_free(struct tar_reader *t);
OWN_DECLARE(tar_reader);
/* The next entry, valid until the next call; what was left of the last one's bytes is skipped. NULL
 * in `*e` at the end. The end is two zero blocks, or the end of the stream on a block border.
 * Global headers are skipped. ERR_CORRUPT with the archive's offset for what is no tar, for bad
 * checksums, and for negative or overlong sizes; ERR_LIMIT for metadata above LIMIT_TAR_META_BYTES.
 * NUL in names is ERR_CORRUPT. Sparse files (GNU and pax 1.0) are ERR_INVALID with "sparse". */
struct err *tar_reader_next(struct tar_reader *t, const struct tar_entry **e);
/* Bytes of the entry; `*got` 0 at its end; ERR_CORRUPT if the archive ends before. */
struct err *tar_reader_read(struct tar_reader *t, void *p, size_t len, size_t *got);

/* Writer: ustar headers, with a pax header where they cannot say it (paths that do not fit,
 * non-ASCII names, sizes from 8 GiB, ids above 2097151, sub-second or negative times, xattrs as
 * SCHILY.xattr.). Deterministic: the same calls give the same bytes; no user names, no atime, no
 * ctime. */
struct tar_writer {
	struct writer *out; /* borrowed */
	uint64_t left;      /* bytes of the current file still to come */
	uint64_t padding;
};
void tar_writer_init(struct tar_writer *t, struct writer *out);
/* Header of `e`; its `size` bytes follow by tar_writer_data(). Directories get the trailing slash
 * here. */
struct err *tar_writer_entry(struct tar_writer *t, const struct tar_entry *e);
struct err *tar_writer_data(struct tar_writer *t, const void *p, size_t len);
/* Two zero blocks. ERR_INVALID if the last file is not complete. */
struct err *tar_writer_finish(struct tar_writer *t);

#endif
