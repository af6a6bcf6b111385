#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "executor/copy_priv.h"
#include "executor/libarchive.h"

#define BLOCK_BYTES ((size_t)128 << 10)

/* --- reading -------------------------------------------------------------------------------- */

struct copy_archive {
	struct archive *a;           /* owned */
	struct archive_entry *entry; /* of `a` */
	int tmp_fd;                  /* owned; -1 until needed */
	uint64_t n_entries, n_bytes;
	char path[LIMIT_PATH_BYTES], link[LIMIT_PATH_BYTES];
	struct tar_xattr xattr;
};

static void archive_done(struct copy_archive *r)
{
	archive_read_free(r->a);
	fd_close_own(&r->tmp_fd);
}

static bool archive_begin(struct copy_archive *r, int fd)
{
	r->a = archive_read_new();
	if (!r->a)
		abort();
	archive_read_support_format_tar(r->a);
	archive_read_support_filter_gzip(r->a);
	archive_read_support_filter_bzip2(r->a);
	archive_read_support_filter_xz(r->a);
	archive_read_support_filter_zstd(r->a);
	return lseek(fd, 0, SEEK_SET) == 0 &&
	       archive_read_open_fd(r->a, fd, BLOCK_BYTES) == ARCHIVE_OK;
}

/* ARCHIVE_WARN says that a name is not of the process's character set: it is taken as it is. */
static bool readable(int r)
{
	return r == ARCHIVE_OK || r == ARCHIVE_WARN;
}

bool copy_archive_is(int fd)
{
	struct copy_archive r = { .tmp_fd = -1 };
	/* One filter at most, beside the one that only reads: a .tar.gz.gz is a file. */
	bool is = archive_begin(&r, fd) && readable(archive_read_next_header(r.a, &r.entry)) &&
		  archive_filter_count(r.a) <= 2;
	archive_done(&r);
	return is;
}

static struct err *damaged(struct copy_archive *r)
{
	const char *why = archive_error_string(r->a);
	return err_new(ERR_INVALID, "the archive is damaged: %s", why ? why : "unknown error");
}

static struct err *too_large(void)
{
	return err_new(ERR_LIMIT, "the archive unpacks to more than %llu GiB",
		       (unsigned long long)LIMIT_LAYER_BYTES >> 30);
}

/* As if the archive's root were "/": ".." stops there. False if it is too long. */
static bool clean(const char *raw, char *out)
{
	struct str rest = str_of(raw);
	size_t len = 0;
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR(".."))) {
			while (len && out[--len] != '/')
				;
			continue;
		}
		if (len + part.len + 2 > LIMIT_PATH_BYTES)
			return false;
		if (len)
			out[len++] = '/';
		memcpy(out + len, part.p, part.len);
		len += part.len;
	}
	out[len] = '\0';
	return true;
}

static struct err *read_names(struct copy_archive *r, struct tar_entry *e)
{
	const char *path = archive_entry_pathname(r->entry);
	const char *first = archive_entry_hardlink(r->entry);
	if (!path)
		return err_new(ERR_INVALID, "the archive has an entry without a name");
	if (!clean(path, r->path) || (first && !clean(first, r->link)))
		return err_new(ERR_INVALID, "%.200s…: the name is too long", path);
	e->path = r->path;
	if (first) {
		e->type = TAR_HARDLINK;
		e->link = r->link;
	} else if (e->type == TAR_SYMLINK) {
		e->link = archive_entry_symlink(r->entry);
		if (!e->link || strlen(e->link) >= LIMIT_PATH_BYTES)
			return err_new(ERR_INVALID, "%s: a symbolic link without target", r->path);
	}
	return NULL;
}

static bool type_of(struct archive_entry *entry, enum tar_type *type)
{
	static const struct {
		unsigned file_type;
		enum tar_type type;
	} types[] = {
		{ AE_IFREG, TAR_FILE }, { AE_IFDIR, TAR_DIR },   { AE_IFLNK, TAR_SYMLINK },
		{ AE_IFCHR, TAR_CHAR }, { AE_IFBLK, TAR_BLOCK }, { AE_IFIFO, TAR_FIFO },
	};
	*type = TAR_FILE; /* a hard link has no type of its own */
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (archive_entry_filetype(entry) == types[i].file_type) {
			*type = types[i].type;
			return true;
		}
	}
	return archive_entry_hardlink(entry) != NULL;
}

static struct err *read_owner(struct copy_archive *r, struct tar_entry *e)
{
	int64_t uid = archive_entry_uid(r->entry), gid = archive_entry_gid(r->entry);
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_new(ERR_INVALID, "%s: owner %lld:%lld is out of range", r->path,
			       (long long)uid, (long long)gid);
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	return NULL;
}

static void read_xattr(struct copy_archive *r, struct tar_entry *e)
{
	const char *name;
	const void *value;
	size_t size;
	archive_entry_xattr_reset(r->entry);
	while (archive_entry_xattr_next(r->entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || strcmp(name, "security.capability") != 0)
			continue;
		r->xattr = (struct tar_xattr){ "security.capability", str_n(value, size) };
		e->xattrs = &r->xattr;
		e->n_xattrs = 1;
	}
}

/* False for what means nothing in a layer: sockets, and what would be a whiteout. */
static struct err *read_entry(struct copy_archive *r, struct tar_entry *e, bool *means)
{
	long ns = archive_entry_mtime_nsec(r->entry);
	*e = (struct tar_entry){
		.mode = archive_entry_perm(r->entry) & 07777,
		.mtime_s = archive_entry_mtime(r->entry),
		.mtime_ns = ns > 0 && ns < 1000000000 ? (uint32_t)ns : 0,
	};
	*means = type_of(r->entry, &e->type);
	TRY(read_names(r, e));
	TRY(read_owner(r, e));
	if (e->type == TAR_CHAR || e->type == TAR_BLOCK) {
		e->major = (uint32_t)archive_entry_rdevmajor(r->entry);
		e->minor = (uint32_t)archive_entry_rdevminor(r->entry);
		*means = *means && (e->type == TAR_BLOCK || e->major || e->minor);
	}
	if (e->type != TAR_FILE)
		return NULL;
	int64_t size = archive_entry_size(r->entry);
	if (size < 0 || (uint64_t)size > LIMIT_LAYER_BYTES - r->n_bytes)
		return too_large();
	e->size = (uint64_t)size;
	r->n_bytes += e->size;
	read_xattr(r, e);
	return NULL;
}

static struct err *read_all(struct copy_archive *r,
			    struct err *(*each)(void *arg, struct copy_archive *a,
						const struct tar_entry *e),
			    void *arg)
{
	for (;;) {
		struct tar_entry e;
		bool means;
		int status = archive_read_next_header(r->a, &r->entry);
		if (status == ARCHIVE_EOF)
			return NULL;
		if (!readable(status))
			return damaged(r);
		if (++r->n_entries > LIMIT_LAYER_ENTRIES)
			return err_new(ERR_LIMIT, "the archive has more than %lu entries",
				       LIMIT_LAYER_ENTRIES);
		if (archive_filter_bytes(r->a, 0) > (int64_t)LIMIT_LAYER_BYTES)
			return too_large();
		TRY(read_entry(r, &e, &means));
		if (means && e.path[0])
			TRY(each(arg, r, &e));
	}
}

struct err *copy_archive_read(int fd,
			      struct err *(*each)(void *arg, struct copy_archive *a,
						  const struct tar_entry *e),
			      void *arg)
{
	TRY(exec_libarchive_load());
	own_mem struct copy_archive *r = mem_new(struct copy_archive);
	r->tmp_fd = -1;
	struct err *e = archive_begin(r, fd) ? read_all(r, each, arg) : damaged(r);
	archive_done(r);
	return e;
}

/* --- bytes ---------------------------------------------------------------------------------- */

static struct err *open_tmp(int *fd)
{
	*fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return NULL;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return err_from_errno(errno, "make a temporary file");
	char name[] = ".kiln-archive-XXXXXX"; /* a file system without O_TMPFILE */
	*fd = mkostemp(name, O_CLOEXEC);
	if (*fd < 0 || unlink(name) < 0)
		return err_from_errno(errno, "make a temporary file");
	return NULL;
}

struct err *copy_archive_bytes(struct copy_archive *r, uint64_t size, int *fd)
{
	if (r->tmp_fd < 0)
		TRY(open_tmp(&r->tmp_fd));
	if (ftruncate(r->tmp_fd, 0) < 0 || ftruncate(r->tmp_fd, (off_t)size) < 0)
		return err_from_errno(errno, "size a temporary file");
	for (;;) {
		const void *p;
		size_t len;
		int64_t at;
		int status = archive_read_data_block(r->a, &p, &len, &at);
		if (status == ARCHIVE_EOF)
			break;
		if (!readable(status) || at < 0 || (uint64_t)at > size || len > size - (uint64_t)at)
			return damaged(r);
		TRY(fd_pwrite_all(r->tmp_fd, p, len, (uint64_t)at));
	}
	*fd = r->tmp_fd;
	return NULL;
}

/* --- names ---------------------------------------------------------------------------------- */

struct name {
	enum tar_type type;
	const char *real; /* of a directory */
};

/* All that is known of what is no directory is its type. */
static struct name others[] = {
	[TAR_FILE] = { TAR_FILE, NULL },       [TAR_HARDLINK] = { TAR_HARDLINK, NULL },
	[TAR_SYMLINK] = { TAR_SYMLINK, NULL }, [TAR_CHAR] = { TAR_CHAR, NULL },
	[TAR_BLOCK] = { TAR_BLOCK, NULL },     [TAR_FIFO] = { TAR_FIFO, NULL },
};

static struct err *add_dir(struct copy_names *n, struct str path, const char *real,
			   struct name **out)
{
	struct name *d = arena_new(n->a, struct name);
	*d = (struct name){ TAR_DIR, arena_strdup(n->a, str_of(real)) };
	n->map.bytes += strlen(real);
	*out = d;
	return copy_map_put(&n->map, path, d);
}

void copy_names_init(struct copy_names *n, const char *dest,
		     struct err *(*imply)(void *arg, const char *path, const char **real),
		     void *arg)
{
	struct name *root;
	*n = (struct copy_names){ .a = copy_map_arena(), .imply = imply, .arg = arg };
	n->map = (struct copy_map){ .a = n->a, .max = COPY_NAMES_BYTES };
	err_free(add_dir(n, STR(""), dest, &root)); /* the first one fits */
}

void copy_names_done(struct copy_names *n)
{
	arena_free(n->a);
	n->a = NULL;
}

/* The directory `path` of the archive, which an entry made or is now implied. */
static struct err *get_dir(struct copy_names *n, struct str path, const struct name *parent,
			   struct str name, const char *entry, struct name **out)
{
	*out = copy_map_get(&n->map, path);
	if (*out && (*out)->type == TAR_DIR)
		return NULL;
	if (*out)
		return err_new(ERR_INVALID,
			       "%s: its parent " STR_FMT " is %s in the archive, not a directory",
			       entry, STR_ARG(path),
			       (*out)->type == TAR_SYMLINK ? "a symbolic link" : "a file");
	own_mem char *text = str_dup(name);
	own_mem char *real = copy_join(parent->real, text);
	const char *place = real;
	TRY(n->imply(n->arg, real, &place));
	return add_dir(n, path, place, out);
}

static struct err *get_parent(struct copy_names *n, const char *path, struct name **out)
{
	*out = copy_map_get(&n->map, STR(""));
	const char *part = path;
	for (const char *slash; (slash = strchr(part, '/')); part = slash + 1)
		TRY(get_dir(n, str_n(path, (size_t)(slash - path)), *out,
			    str_n(part, (size_t)(slash - part)), path, out));
	return NULL;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Where the first name of a hard link is; its parents are known, as it is. */
static struct err *find_target(struct copy_names *n, const struct tar_entry *e, char **link)
{
	const struct name *target = copy_map_get(&n->map, str_of(e->link));
	if (!target || target->type == TAR_DIR)
		return err_new(ERR_INVALID, "%s: hard link to %s, which is no file of the archive",
			       e->path, e->link);
	struct name *parent;
	TRY(get_parent(n, e->link, &parent));
	*link = copy_join(parent->real, last_part(e->link));
	return NULL;
}

struct err *copy_names_add(struct copy_names *n, const struct tar_entry *e, char **real,
			   char **link)
{
	struct name *parent, *self;
	*link = NULL;
	TRY(get_parent(n, e->path, &parent));
	own_mem char *place = copy_join(parent->real, last_part(e->path));
	own_mem char *first = NULL;
	if (e->type == TAR_HARDLINK)
		TRY(find_target(n, e, &first));
	if (e->type == TAR_DIR)
		TRY(add_dir(n, str_of(e->path), place, &self));
	else
		TRY(copy_map_put(&n->map, str_of(e->path), &others[e->type]));
	*real = move(place);
	*link = move(first);
	return NULL;
}
