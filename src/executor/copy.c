#include "executor/copy.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "executor/copy_priv.h"

#define CAPABILITY "security.capability"

struct emit {
	const struct copy_request *r;
	const struct copy_facts *f;
	struct layer_sink *const *sinks;
	size_t n_sinks;
	struct copy_map given; /* directories that the sinks have */
	uint64_t n_entries;
	/* The source that is copied, and the name that its root gets. */
	const struct copy_source *source;
	const char *base;
	struct copy_names names; /* of an archive */
};

static struct err *give(struct emit *m, const struct tar_entry *e, int fd)
{
	if (++m->n_entries > LIMIT_LAYER_ENTRIES)
		return err_new(ERR_LIMIT, "more than %lu files in one layer", LIMIT_LAYER_ENTRIES);
	if (e->type == TAR_DIR)
		TRY(copy_map_put(&m->given, str_of(e->path), m));
	for (size_t i = 0; i < m->n_sinks; i++)
		TRY(m->sinks[i]->add(m->sinks[i], e, false, e->size ? fd : -1));
	return NULL;
}

/* --- directories ---------------------------------------------------------------------------- */

/* One directory that no source holds: as it is below, or new. What an archive implies has nothing
 * of --chown and --chmod. */
static struct err *give_dir(struct emit *m, struct str path, bool in_archive)
{
	if (!path.len || copy_map_get(&m->given, path))
		return NULL;
	own_mem char *text = str_dup(path);
	struct tar_entry e = { .type = TAR_DIR, .path = text, .mode = 0755 };
	const struct copy_dir *d = copy_map_get(&m->f->dir_of, path);
	if (d) {
		e.mode = d->mode;
		e.uid = d->uid;
		e.gid = d->gid;
		e.mtime_s = d->mtime_s;
		e.mtime_ns = d->mtime_ns;
	} else if (!in_archive) {
		if (copy_chmod_is_octal(m->f->chmod))
			e.mode = copy_chmod_apply(m->f->chmod, 0755, true);
		e.uid = m->f->uid; /* 0:0 unless chowned */
		e.gid = m->f->gid;
	}
	return give(m, &e, -1);
}

static struct err *give_parents(struct emit *m, const char *path, bool in_archive)
{
	for (const char *slash = path; (slash = strchr(slash, '/')); slash++)
		TRY(give_dir(m, str_n(path, (size_t)(slash - path)), in_archive));
	return NULL;
}

/* --- trees ---------------------------------------------------------------------------------- */

static void set_owner(const struct emit *m, struct tar_entry *e)
{
	if (m->f->chowned || !m->f->keep_owner) {
		e->uid = m->f->uid;
		e->gid = m->f->gid;
	}
}

static void set_mode(const struct emit *m, struct tar_entry *e)
{
	if (e->type != TAR_SYMLINK)
		e->mode = copy_chmod_apply(m->f->chmod, e->mode, e->type == TAR_DIR);
}

/* A new destination directory takes what the source has, but not from a symbolic --chmod. */
static struct err *give_dest(struct emit *m, struct tar_entry *e)
{
	if (!e->path[0] || copy_map_get(&m->given, str_of(e->path)))
		return NULL;
	set_owner(m, e);
	if (m->f->chmod[0] && !copy_chmod_is_octal(m->f->chmod))
		e->mode = 0755;
	else
		set_mode(m, e);
	return give(m, e, -1);
}

/* The file as it is now: it may have changed since it was walked. */
static struct err *give_file(struct emit *m, const struct source_entry *s, struct tar_entry *e)
{
	char value[256];
	struct stat st;
	own_fd fd = -1;
	TRY(source_tree_open_file(m->source->tree, s->tree_path, &fd));
	if (fstat(fd, &st) < 0)
		return err_from_errno(errno, "stat %s", s->tree_path);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_CONFLICT, "%s changed while it was copied", s->tree_path);
	e->size = (uint64_t)st.st_size;
	struct tar_xattr x = { .name = CAPABILITY };
	ssize_t n = m->f->keep_owner ? fgetxattr(fd, CAPABILITY, value, sizeof(value)) : -1;
	if (n > 0) {
		x.value = str_n(value, (size_t)n);
		e->xattrs = &x;
		e->n_xattrs = 1;
	}
	return give(m, e, fd);
}

static bool is_whiteout(const struct tar_entry *e)
{
	return e->type == TAR_CHAR && !e->major && !e->minor;
}

static struct err *each_in_tree(void *arg, const struct source_entry *s)
{
	struct emit *m = arg;
	struct tar_entry e = s->e;
	own_mem char *path = copy_join(m->base, s->e.path), *link = NULL;
	e.path = path;
	if (is_whiteout(&e)) /* would remove what is below */
		return NULL;
	if (m->source->match.is_dir && !s->e.path[0])
		return give_dest(m, &e);
	if (e.type == TAR_HARDLINK)
		e.link = link = copy_join(m->base, s->e.link);
	set_owner(m, &e);
	set_mode(m, &e);
	return e.type == TAR_FILE ? give_file(m, s, &e) : give(m, &e, -1);
}

/* --- archives ------------------------------------------------------------------------------- */

static struct err *imply_dir(void *arg, const char *path, const char **real)
{
	struct emit *m = arg;
	const struct copy_link *l = copy_map_get(&m->f->link_of, str_of(path));
	if (l)
		*real = l->real;
	TRY(give_parents(m, *real, true));
	return give_dir(m, str_of(*real), true);
}

static struct err *each_in_archive(void *arg, struct copy_archive *a, const struct tar_entry *given)
{
	struct emit *m = arg;
	struct tar_entry e = *given;
	own_mem char *path = NULL, *link = NULL;
	int fd = -1;
	TRY(copy_names_add(&m->names, given, &path, &link));
	e.path = path;
	if (link)
		e.link = link;
	if (m->f->chowned) {
		e.uid = m->f->uid;
		e.gid = m->f->gid;
	}
	if (e.type == TAR_FILE && e.size)
		TRY(err_wrap(copy_archive_bytes(a, e.size, &fd), "%s", path));
	return give(m, &e, fd);
}

static struct err *unpack(void *arg, const struct source_entry *s)
{
	struct emit *m = arg;
	own_fd fd = -1;
	TRY(source_tree_open_file(m->source->tree, s->tree_path, &fd));
	copy_names_init(&m->names, m->f->dest, imply_dir, m);
	struct err *e = copy_archive_read(fd, each_in_archive, m);
	copy_names_done(&m->names);
	return err_wrap(e, "%s", s->tree_path);
}

/* --- sources -------------------------------------------------------------------------------- */

static struct err *give_inline(struct emit *m)
{
	const struct str content = m->source->file.content;
	struct tar_entry e = {
		.type = TAR_FILE, .path = m->base, .mode = 0644, .size = content.len
	};
	set_owner(m, &e);
	e.mode = copy_chmod_apply(m->f->chmod, e.mode, false);
	own_fd fd = memfd_create("heredoc", MFD_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno, "memfd_create");
	TRY(fd_write_all(fd, content.p, content.len));
	return give(m, &e, fd);
}

static struct err *give_source(struct emit *m, const struct copy_source *s, bool is_archive)
{
	bool is_dir = s->tree && s->match.is_dir;
	own_mem char *name = s->tree ? mem_strdup(s->match.name) : str_dup(s->file.name);
	own_mem char *base = copy_join(m->f->dest, m->f->is_dir && !is_dir ? name : "");
	m->source = s;
	m->base = base;
	if (!s->tree)
		return give_inline(m);
	return source_tree_walk(s->tree, s->match.path, is_archive ? unpack : each_in_tree, m);
}

static struct err *emit_all(struct emit *m)
{
	TRY(give_parents(m, m->f->dest, false));
	if (m->f->is_dir && !m->f->takes_mode)
		TRY(give_dir(m, str_of(m->f->dest), false));
	for (size_t i = 0; i < m->r->n_sources; i++)
		TRY(give_source(m, &m->r->sources[i], m->f->unpack[i]));
	return NULL;
}

struct err *copy_emit(const struct copy_request *r, const struct copy_facts *f,
		      struct layer_sink *const *sinks, size_t n_sinks)
{
	own(arena) a = copy_map_arena();
	struct emit m = {
		.r = r,
		.f = f,
		.sinks = sinks,
		.n_sinks = n_sinks,
		.given = { .a = a, .max = COPY_NAMES_BYTES },
	};
	return emit_all(&m);
}
