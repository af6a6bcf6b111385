/* What the files of a copy share: its facts, the view they come from, modes, archives. */
#ifndef KILN_EXECUTOR_COPY_PRIV_H
#define KILN_EXECUTOR_COPY_PRIV_H

#include <limits.h>
#include <sys/stat.h>

#include "executor/copy.h"

/* Paths that a copy keeps in memory: of its entries, and of the view in its facts. */
#define COPY_NAMES_BYTES ((size_t)1 << 30)
#define COPY_FACTS_BYTES ((size_t)64 << 20)

/* --- a map of paths (copy_map.c) --- */

struct copy_map {
	struct arena *a; /* borrowed; holds the keys */
	struct copy_map_slot *slots;
	size_t n, cap;
	size_t bytes, max; /* of all keys */
};
void *copy_map_get(const struct copy_map *m, struct str key);
/* `value` is not NULL; what was there is replaced. ERR_LIMIT above `max`. */
struct err *copy_map_put(struct copy_map *m, struct str key, void *value);
/* An arena in which a map of COPY_NAMES_BYTES has room. */
struct arena *copy_map_arena(void);
/* "base/name", or the one that is not empty. The caller frees it. */
char *copy_join(const char *base, const char *name);

/* --- facts (copy_resolve.c) --- */

struct copy_dir { /* an existing directory below the copy */
	const char *path;
	uint32_t mode, uid, gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct copy_dir *next;
};
struct copy_link { /* a link in the view that an archive goes through, and where it leads */
	const char *path, *real;
	struct copy_link *next;
};

struct copy_facts {
	struct arena *a;  /* borrowed */
	const char *dest; /* resolved, relative to the root; "" is the root */
	bool is_dir;      /* sources go into it */
	bool exists;      /* as a directory */
	bool takes_mode;  /* is made with mode and time of the first source */
	bool chowned;
	uint32_t uid, gid; /* if `chowned` */
	const char *chmod;
	bool keep_owner;
	size_t n_sources;
	bool *unpack; /* per source: it is an archive */
	struct copy_dir *dirs, **last_dir;
	struct copy_link *links, **last_link;
	struct copy_map dir_of, link_of; /* by path: struct copy_dir, struct copy_link */
};

/* --- the view below (copy_view.c) --- */

enum copy_kind { COPY_ABSENT, COPY_DIR, COPY_LINK, COPY_OTHER };

/* What `path` is, no link followed; a path through anything but directories is absent. `below_fd`
 * may be -1. */
struct err *copy_view_look(int below_fd, const char *path, enum copy_kind *kind, struct stat *st);
/* Follows every link of `path` within the root; absent components are taken as they are. */
struct err *copy_view_follow(int below_fd, struct str path, char out[PATH_MAX],
			     enum copy_kind *kind);
/* Records `path` and its parents, those that exist as directories. */
struct err *copy_view_note(struct copy_facts *f, int below_fd, const char *path);

/* --- modes (copy_chmod.c) --- */

struct err *copy_chmod_check(const char *chmod);
bool copy_chmod_is_octal(const char *chmod);
/* The mode of a file or directory of the sources; `chmod` was checked and may be "". */
uint32_t copy_chmod_apply(const char *chmod, uint32_t mode, bool is_dir);

/* --- archives (copy_archive.c) --- */

/* Is the regular file a tar, plain or compressed, with at least one entry? */
bool copy_archive_is(int fd);

struct copy_archive; /* while it is read */
/* Gives every entry but the root, the path cleaned and clamped to the archive's root. */
struct err *copy_archive_read(int fd,
			      struct err *(*each)(void *arg, struct copy_archive *a,
						  const struct tar_entry *e),
			      void *arg);
/* The bytes of the entry that is given, as an unlinked file in the working directory that the
 * archive keeps. */
struct err *copy_archive_bytes(struct copy_archive *a, uint64_t size, int *fd);

/* The names of an archive, and the places in the image that they mean. */
struct copy_names {
	struct arena *a; /* owned */
	struct copy_map map;
	/* A directory that the archive only implies: `path` is where it would be, `*real` where it
	 * is (may stay `path`). */
	struct err *(*imply)(void *arg, const char *path, const char **real);
	void *arg;
};
void copy_names_init(struct copy_names *n, const char *dest,
		     struct err *(*imply)(void *arg, const char *path, const char **real),
		     void *arg);
void copy_names_done(struct copy_names *n);
/* Implies the parents of the entry and adds it. `*real` and, for a hard link, `*link` are the
 * caller's to free. */
struct err *copy_names_add(struct copy_names *n, const struct tar_entry *e, char **real,
			   char **link);

#endif
