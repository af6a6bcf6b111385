/* libarchive, loaded when ADD meets a local file. */
#ifndef KILN_EXECUTOR_LIBARCHIVE_H
#define KILN_EXECUTOR_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

#include "base/lazy.h"

/* clang-format off */
#define EXEC_LIBARCHIVE_CALLS(DO) \
	DO(archive_entry_filetype) DO(archive_entry_gid) DO(archive_entry_hardlink) \
	DO(archive_entry_mtime) DO(archive_entry_mtime_nsec) DO(archive_entry_pathname) \
	DO(archive_entry_perm) DO(archive_entry_rdevmajor) DO(archive_entry_rdevminor) \
	DO(archive_entry_size) DO(archive_entry_symlink) DO(archive_entry_uid) \
	DO(archive_entry_xattr_next) DO(archive_entry_xattr_reset) DO(archive_error_string) \
	DO(archive_filter_bytes) DO(archive_filter_count) DO(archive_read_data_block) \
	DO(archive_read_free) DO(archive_read_new) DO(archive_read_next_header) \
	DO(archive_read_open_fd) DO(archive_read_support_filter_bzip2) \
	DO(archive_read_support_filter_gzip) DO(archive_read_support_filter_xz) \
	DO(archive_read_support_filter_zstd) DO(archive_read_support_format_tar)
/* clang-format on */

extern struct exec_libarchive {
	EXEC_LIBARCHIVE_CALLS(LAZY_FIELD)
} exec_libarchive;

/* Before the first call of any of them. */
struct err *exec_libarchive_load(void);

#define archive_entry_filetype            exec_libarchive.archive_entry_filetype
#define archive_entry_gid                 exec_libarchive.archive_entry_gid
#define archive_entry_hardlink            exec_libarchive.archive_entry_hardlink
#define archive_entry_mtime               exec_libarchive.archive_entry_mtime
#define archive_entry_mtime_nsec          exec_libarchive.archive_entry_mtime_nsec
#define archive_entry_pathname            exec_libarchive.archive_entry_pathname
#define archive_entry_perm                exec_libarchive.archive_entry_perm
#define archive_entry_rdevmajor           exec_libarchive.archive_entry_rdevmajor
#define archive_entry_rdevminor           exec_libarchive.archive_entry_rdevminor
#define archive_entry_size                exec_libarchive.archive_entry_size
#define archive_entry_symlink             exec_libarchive.archive_entry_symlink
#define archive_entry_uid                 exec_libarchive.archive_entry_uid
#define archive_entry_xattr_next          exec_libarchive.archive_entry_xattr_next
#define archive_entry_xattr_reset         exec_libarchive.archive_entry_xattr_reset
#define archive_error_string              exec_libarchive.archive_error_string
#define archive_filter_bytes              exec_libarchive.archive_filter_bytes
#define archive_filter_count              exec_libarchive.archive_filter_count
#define archive_read_data_block           exec_libarchive.archive_read_data_block
#define archive_read_free                 exec_libarchive.archive_read_free
#define archive_read_new                  exec_libarchive.archive_read_new
#define archive_read_next_header          exec_libarchive.archive_read_next_header
#define archive_read_open_fd              exec_libarchive.archive_read_open_fd
#define archive_read_support_filter_bzip2 exec_libarchive.archive_read_support_filter_bzip2
#define archive_read_support_filter_gzip  exec_libarchive.archive_read_support_filter_gzip
#define archive_read_support_filter_xz    exec_libarchive.archive_read_support_filter_xz
#define archive_read_support_filter_zstd  exec_libarchive.archive_read_support_filter_zstd
#define archive_read_support_format_tar   exec_libarchive.archive_read_support_format_tar

#endif
