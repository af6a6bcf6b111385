#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/limits.h"
#include "executor/copy_priv.h"
#include "executor/libarchive.h"
#include "executor/passwd.h"

struct resolve {
	const struct copy_request *r;
	struct copy_facts *f;
	int below_fd;
};

/* --- chown ---------------------------------------------------------------------------------- */

static bool number(struct str s, uint32_t *id)
{
	uint64_t n;
	if (!str_to_u64(s, UINT32_MAX - 1, &n))
		return false;
	*id = (uint32_t)n;
	return true;
}

/* A number alone is user and group; a name alone brings its group along. */
static struct err *resolve_owner(int below_fd, struct str text, uint32_t *uid, uint32_t *gid)
{
	struct str group = text, user = str_cut(&group, ':');
	if (!number(user, uid)) {
		struct passwd_user u;
		TRY(passwd_user(below_fd, text, &u));
		*uid = u.uid;
		*gid = u.gid;
		passwd_user_done(&u);
		return NULL;
	}
	if (!group.len)
		*gid = *uid;
	else if (!number(group, gid))
		return passwd_group(below_fd, group, gid);
	return NULL;
}

/* --- sources -------------------------------------------------------------------------------- */

static struct err *check_inline_name(struct str name)
{
	if (name.len && str_chr(name, '/') < 0 && !str_eq(name, STR(".")) &&
	    !str_eq(name, STR("..")) && !str_has_nul(name))
		return NULL;
	return err_new(ERR_INVALID, "<<" STR_FMT " is no name for a file", STR_ARG(name));
}

struct probe {
	struct source_tree *tree;
	bool *is_archive;
};

static struct err *probe_entry(void *arg, const struct source_entry *e)
{
	struct probe *p = arg;
	struct stat st;
	own_fd fd = -1;
	if (e->e.type != TAR_FILE)
		return NULL;
	TRY(source_tree_open_file(p->tree, e->tree_path, &fd));
	if (fstat(fd, &st) < 0)
		return err_from_errno(errno, "stat %s", e->tree_path);
	if (!S_ISREG(st.st_mode))
		return NULL;
	TRY(exec_libarchive_load());
	*p->is_archive = copy_archive_is(fd);
	return NULL;
}

static struct err *probe_sources(struct resolve *v)
{
	v->f->unpack = arena_new_array(v->f->a, v->r->n_sources, bool);
	for (size_t i = 0; i < v->r->n_sources; i++) {
		const struct copy_source *s = &v->r->sources[i];
		if (!s->tree) {
			TRY(check_inline_name(s->file.name));
			continue;
		}
		struct probe p = { s->tree, &v->f->unpack[i] };
		if (v->r->unpack && !s->match.is_dir)
			TRY(source_tree_walk(s->tree, s->match.path, probe_entry, &p));
	}
	return NULL;
}

/* --- the destination ------------------------------------------------------------------------ */

static bool any_dir(const struct copy_request *r)
{
	for (size_t i = 0; i < r->n_sources; i++)
		if (r->sources[i].tree && r->sources[i].match.is_dir)
			return true;
	return false;
}

static bool any_archive(const struct resolve *v)
{
	for (size_t i = 0; i < v->r->n_sources; i++)
		if (v->f->unpack[i])
			return true;
	return false;
}

/* "..", as it is written, goes before links are looked at. */
static struct err *clean_dest(const char *dest, struct buf *out)
{
	for (struct str rest = str_of(dest); rest.p;) {
		struct str part = str_cut(&rest, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR(".."))) {
			ptrdiff_t slash = str_rchr(buf_str(out), '/');
			out->len = slash < 0 ? 0 : (size_t)slash;
			continue;
		}
		buf_add_c(out, '/');
		buf_add(out, part);
	}
	return out->over ? err_new(ERR_INVALID, "the path is longer than %d bytes",
				   LIMIT_PATH_BYTES - 1)
			 : NULL;
}

static struct err *follow_dest(struct resolve *v, char path[PATH_MAX], enum copy_kind *kind)
{
	done(buf) cleaned;
	buf_init(&cleaned, LIMIT_PATH_BYTES - 1);
	TRY(clean_dest(v->r->dest, &cleaned));
	return copy_view_follow(v->below_fd, buf_str(&cleaned), path, kind);
}

static struct err *decide(struct resolve *v, enum copy_kind kind)
{
	struct copy_facts *f = v->f;
	bool slash = str_ends(str_of(v->r->dest), STR("/"));
	bool archive = any_archive(v), dir = any_dir(v->r);
	f->exists = kind == COPY_DIR;
	f->is_dir = slash || f->exists || v->r->multiple || archive || dir;
	f->takes_mode = dir && !slash && !f->exists;
	if (v->r->multiple && !slash && !f->exists)
		return err_new(ERR_INVALID, "must end with a slash when several files are copied");
	if (kind != COPY_OTHER || !f->is_dir)
		return NULL;
	return err_new(ERR_INVALID, "/%s is a file in the image, %s", f->dest,
		       dir       ? "and a directory is copied there"
		       : archive ? "and an archive is unpacked there"
				 : "not a directory");
}

static struct err *resolve_dest(struct resolve *v)
{
	char path[PATH_MAX];
	enum copy_kind kind;
	TRY(follow_dest(v, path, &kind));
	v->f->dest = arena_strdup(v->f->a, str_of(path));
	TRY(decide(v, kind));
	return copy_view_note(v->f, v->below_fd, path);
}

/* --- what is in the way ---------------------------------------------------------------------- */

static struct err *dir_in_way(const char *path)
{
	return err_new(ERR_INVALID, "/%s is a directory in the image, and a file is copied there",
		       path);
}

static struct err *file_in_way(const char *path, enum copy_kind kind)
{
	return err_new(ERR_INVALID,
		       "cannot copy to non-directory: /%s is a %s in the image, and a directory is "
		       "copied there",
		       path, kind == COPY_LINK ? "symbolic link" : "file");
}

struct check {
	struct resolve *v;
	char *absent; /* owned; the last directory that is not in the view */
};

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static struct err *check_entry(void *arg, const struct source_entry *e)
{
	struct check *c = arg;
	enum copy_kind kind;
	struct stat st;
	own_mem char *path = copy_join(c->v->f->dest, e->e.path);
	if (!e->e.path[0] || (c->absent && is_below(path, c->absent)))
		return NULL;
	TRY(copy_view_look(c->v->below_fd, path, &kind, &st));
	if (e->e.type != TAR_DIR)
		return kind == COPY_DIR ? dir_in_way(path) : NULL;
	if (kind == COPY_LINK || kind == COPY_OTHER)
		return file_in_way(path, kind);
	if (kind == COPY_ABSENT) {
		free(c->absent);
		c->absent = move(path);
	}
	return NULL;
}

static struct err *check_tree(struct resolve *v, const struct copy_source *s)
{
	struct check c = { .v = v };
	struct err *e = source_tree_walk(s->tree, s->match.path, check_entry, &c);
	free(c.absent);
	return e;
}

static struct err *check_file(struct resolve *v, const struct copy_source *s)
{
	own_mem char *name = s->tree ? mem_strdup(s->match.name) : str_dup(s->file.name);
	own_mem char *path = copy_join(v->f->dest, name);
	enum copy_kind kind;
	struct stat st;
	TRY(copy_view_look(v->below_fd, path, &kind, &st));
	return kind == COPY_DIR ? dir_in_way(path) : NULL;
}

/* --- what archives imply -------------------------------------------------------------------- */

/* A directory that only the archive's paths name stays the image's own, and a link to one is
 * followed. */
static struct err *imply_dir(void *arg, const char *path, const char **real)
{
	struct resolve *v = arg;
	struct copy_facts *f = v->f;
	enum copy_kind kind;
	struct stat st;
	char place[PATH_MAX];
	TRY(copy_view_look(v->below_fd, path, &kind, &st));
	if (kind == COPY_OTHER)
		return file_in_way(path, kind);
	if (kind == COPY_ABSENT)
		return NULL;
	if (kind == COPY_DIR)
		return copy_view_note(f, v->below_fd, path);
	struct copy_link *l = copy_map_get(&f->link_of, str_of(path));
	if (!l) {
		TRY(copy_view_follow(v->below_fd, str_of(path), place, &kind));
		if (kind == COPY_OTHER)
			return file_in_way(path, COPY_LINK);
		TRY(copy_view_note(f, v->below_fd, place));
		l = arena_new(f->a, struct copy_link);
		l->path = arena_strdup(f->a, str_of(path));
		l->real = arena_strdup(f->a, str_of(place));
		*f->last_link = l;
		f->last_link = &l->next;
		f->link_of.bytes += strlen(place);
		TRY(copy_map_put(&f->link_of, str_of(path), l));
	}
	*real = l->real;
	return NULL;
}

static struct err *list_entry(void *arg, struct copy_archive *a, const struct tar_entry *e)
{
	own_mem char *real = NULL, *link = NULL;
	return copy_names_add(arg, e, &real, &link);
}

static struct err *list_archive(void *arg, const struct source_entry *e)
{
	void **args = arg; /* struct resolve, struct source_tree */
	struct resolve *v = args[0];
	struct copy_names names;
	own_fd fd = -1;
	TRY(source_tree_open_file(args[1], e->tree_path, &fd));
	copy_names_init(&names, v->f->dest, imply_dir, v);
	struct err *failed = copy_archive_read(fd, list_entry, &names);
	copy_names_done(&names);
	return err_wrap(failed, "%s", e->tree_path);
}

static struct err *check_sources(struct resolve *v)
{
	for (size_t i = 0; i < v->r->n_sources; i++) {
		const struct copy_source *s = &v->r->sources[i];
		if (v->f->unpack[i])
			TRY(source_tree_walk(s->tree, s->match.path, list_archive,
					     (void *[]){ v, s->tree }));
		else if (s->tree && s->match.is_dir)
			TRY(check_tree(v, s));
		else
			TRY(check_file(v, s));
	}
	return NULL;
}

struct err *copy_resolve(struct arena *a, const struct copy_request *r, int below_fd,
			 struct copy_facts **out)
{
	struct copy_facts *f = arena_new(a, struct copy_facts);
	struct resolve v = { r, f, below_fd };
	*f = (struct copy_facts){
		.a = a,
		.chowned = r->chown[0] != '\0',
		.chmod = arena_strdup(a, str_of(r->chmod)),
		.keep_owner = r->keep_owner,
		.n_sources = r->n_sources,
		.last_dir = &f->dirs,
		.last_link = &f->links,
		.dir_of = { .a = a, .max = COPY_FACTS_BYTES },
		.link_of = { .a = a, .max = COPY_FACTS_BYTES },
	};
	if (f->chowned)
		TRY(err_wrap(resolve_owner(below_fd, str_of(r->chown), &f->uid, &f->gid),
			     "--chown=%s", r->chown));
	TRY(copy_chmod_check(r->chmod));
	TRY(probe_sources(&v));
	TRY(err_wrap(resolve_dest(&v), "destination %s", r->dest));
	if (f->exists && below_fd >= 0)
		TRY(check_sources(&v));
	*out = f;
	return NULL;
}

bool copy_makes_nothing(const struct copy_request *r, const struct copy_facts *f)
{
	return r->n_sources == 0 && f->exists;
}

/* --- the digest ----------------------------------------------------------------------------- */

static void add_bytes(struct sha256 *h, const void *p, size_t len)
{
	uint64_t n = len;
	sha256_update(h, &n, sizeof(n));
	sha256_update(h, p, len);
}

static void add_text(struct sha256 *h, const char *s)
{
	add_bytes(h, s, strlen(s));
}

static void add_numbers(struct sha256 *h, const int64_t *v, size_t n)
{
	add_bytes(h, v, n * sizeof(*v));
}

struct sha256_sum copy_facts_digest(const struct copy_facts *f)
{
	struct sha256 h;
	sha256_init(&h);
	add_text(&h, f->dest);
	add_numbers(&h,
		    (int64_t[]){ f->is_dir, f->exists, f->takes_mode, f->chowned, f->uid, f->gid,
				 f->keep_owner },
		    7);
	add_text(&h, f->chmod);
	add_bytes(&h, f->unpack, f->n_sources * sizeof(*f->unpack));
	add_numbers(&h, (int64_t[]){ f->dir_of.n, f->link_of.n }, 2);
	for (const struct copy_dir *d = f->dirs; d; d = d->next) {
		add_text(&h, d->path);
		add_numbers(&h, (int64_t[]){ d->mode, d->uid, d->gid, d->mtime_s, d->mtime_ns }, 5);
	}
	for (const struct copy_link *l = f->links; l; l = l->next) {
		add_text(&h, l->path);
		add_text(&h, l->real);
	}
	struct sha256_sum sum = sha256_final(&h);
	sha256_done(&h);
	return sum;
}
