/* File descriptors: owned, read and written whole, and reached beneath a directory. */
#ifndef KILN_BASE_FD_H
#define KILN_BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

void fd_close_own(int *fd);
#define own_fd __attribute__((cleanup(fd_close_own), unused)) int
/* Pass on a descriptor and leave -1 behind. */
int fd_move(int *fd);

/* openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS: `path` cannot leave `dir_fd`, neither
 * by
 * ".." nor by a symbolic link. O_CLOEXEC is added. Returns the descriptor or -1 with errno:
 * EXDEV when the path leaves the directory. */
int fd_open_beneath(int dir_fd, const char *path, int flags, mode_t mode);
/* openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS: `path` is resolved as if `dir_fd` were
 * "/", so absolute links and ".." stay inside. Otherwise as above. */
int fd_open_in_root(int dir_fd, const char *path, int flags, mode_t mode);
/* openat2(2) beneath `dir_fd` through no symbolic link at all (ELOOP). */
int fd_open_nofollow(int dir_fd, const char *path, int flags, mode_t mode);

/* Reads until `len` bytes or the end of the file, also where that means to wait; `*got` tells how
 * many. */
struct err *fd_read_full(int fd, void *p, size_t len, size_t *got);
struct err *fd_pread_full(int fd, void *p, size_t len, uint64_t offset, size_t *got);
struct err *fd_write_all(int fd, const void *p, size_t len);
struct err *fd_pwrite_all(int fd, const void *p, size_t len, uint64_t offset);
/* The whole file, at most `max` bytes (else ERR_LIMIT), NUL-terminated. The caller frees `*out`. */
struct err *fd_read_file(int fd, size_t max, char **out, size_t *len);
/* As fd_read_file() of `path` beneath `dir_fd` (AT_FDCWD: as a user names it, links followed). */
struct err *fd_read_path(int dir_fd, const char *path, size_t max, char **out, size_t *len);
/* Replaces `name` in `dir_fd` so that readers see the old or the new bytes, also after power loss.
 */
struct err *fd_replace_file(int dir_fd, const char *name, mode_t mode, const void *p, size_t len);
/* Copies `len` bytes between files; shares extents or copies in the kernel where that works. */
struct err *fd_copy(int from_fd, int to_fd, uint64_t len);
/* mkdir -p of `path` beneath `dir_fd` (AT_FDCWD: any path), then opens it with O_DIRECTORY. */
struct err *fd_make_dirs(int dir_fd, const char *path, mode_t mode, int *out_fd);
/* Removes `name` and all below it from `dir_fd`, crossing no mount and following no link. Absent is
 * success. */
struct err *fd_remove_tree(int dir_fd, const char *name);
/* fsync(2); after a failure the file must not be trusted (the kernel may have dropped its pages).
 */
struct err *fd_sync(int fd, const char *what);

#endif
