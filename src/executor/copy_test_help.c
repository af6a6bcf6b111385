#include "executor/copy_test_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

/* --- trees ---------------------------------------------------------------------------------- */

struct line {
	char type, path[512], text[512];
	unsigned mode, uid, gid;
	int mtime;
};

static struct line parse(struct str s)
{
	struct line l = { .text = "" };
	own_mem char *text = str_dup(s);
	int n = sscanf(text, "%c %511s %o %u:%u %d %511[^\n]", &l.type, l.path, &l.mode, &l.uid,
		       &l.gid, &l.mtime, l.text);
	EXPECT(n >= 6);
	return l;
}

static void make_one(int fd, const struct line *l)
{
	if (l->type == 'd') {
		EXPECT(mkdirat(fd, l->path, 0700) == 0);
	} else if (l->type == 'l') {
		EXPECT(symlinkat(l->text, fd, l->path) == 0);
	} else if (l->type == 'h') {
		EXPECT(linkat(fd, l->text, fd, l->path, 0) == 0);
	} else if (l->type == 'c') {
		EXPECT(mknodat(fd, l->path, S_IFCHR | 0600, makedev(0, 0)) == 0);
	} else if (l->type == 'p' || l->type == 's') {
		EXPECT(mknodat(fd, l->path, (l->type == 'p' ? S_IFIFO : S_IFSOCK) | 0600, 0) == 0);
	} else {
		own_fd file = openat(fd, l->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		EXPECT_OK(fd_write_all(file, l->text, strlen(l->text)));
	}
	EXPECT(fchownat(fd, l->path, l->uid, l->gid, AT_SYMLINK_NOFOLLOW) == 0);
	if (l->type != 'l')
		EXPECT(fchmodat(fd, l->path, l->mode, 0) == 0);
}

/* Times last, as they change with every new entry. */
int make_tree(const char *spec)
{
	int fd = test_tmpdir();
	for (int times = 0; times < 2; times++) {
		for (struct str rest = str_of(spec); rest.len;) {
			struct line l = parse(str_cut(&rest, '\n'));
			struct timespec t[2] = { { .tv_sec = l.mtime }, { .tv_sec = l.mtime } };
			if (!times)
				make_one(fd, &l);
			else
				EXPECT(utimensat(fd, l.path, t, AT_SYMLINK_NOFOLLOW) == 0);
		}
	}
	return fd;
}

/* --- a sink that writes down what it is given ------------------------------------------------- */

static struct err *record_add(struct layer_sink *sink, const struct tar_entry *e, bool opaque,
			      int fd)
{
	struct record *r = container_of(sink, struct record, sink);
	static const char types[] = {
		[TAR_FILE] = 'f',  [TAR_HARDLINK] = 'h', [TAR_SYMLINK] = 'l', [TAR_CHAR] = 'c',
		[TAR_BLOCK] = 'b', [TAR_DIR] = 'd',      [TAR_FIFO] = 'p'
	};
	EXPECT(!opaque);
	EXPECT((fd >= 0) == (e->size > 0));
	buf_printf(&r->text, "%c %s %o %u:%u %lld", types[e->type], e->path, e->mode, e->uid,
		   e->gid, (long long)e->mtime_s);
	if (e->link)
		buf_printf(&r->text, " %s", e->link);
	if (e->size) {
		own_mem char *bytes = mem_zalloc(e->size + 1);
		size_t got;
		EXPECT_OK(fd_pread_full(fd, bytes, e->size, 0, &got));
		EXPECT(got == e->size);
		buf_printf(&r->text, " %.40s", bytes);
		r->last_size = e->size;
		if (e->size >= sizeof(r->last_bytes))
			memcpy(r->last_bytes, bytes + e->size - sizeof(r->last_bytes),
			       sizeof(r->last_bytes));
	}
	buf_add_c(&r->text, '\n');
	r->mtime_ns = MAX(r->mtime_ns, e->mtime_ns);
	if (e->n_xattrs) {
		snprintf(r->xattr, sizeof(r->xattr), "%s", e->xattrs[0].name);
		r->xattr_bytes = e->xattrs[0].value.len;
	}
	return NULL;
}

void record_init(struct record *r)
{
	*r = (struct record){ .sink.add = record_add };
	buf_init(&r->text, 1 << 20);
}

/* --- copies --------------------------------------------------------------------------------- */

void copied_done(struct copied *c)
{
	buf_done(&c->rec.text);
	source_tree_free(c->tree);
	arena_free(c->a);
}

struct err *copy_from(struct copied *c, const struct copy_case *k, int tree_fd, int below_fd)
{
	*c = (struct copied){ .a = arena_open(1 << 26) };
	record_init(&c->rec);
	c->tree = source_tree_open(tree_fd, "the build context", NULL, NULL);
	for (struct str rest = str_of(k->sources); rest.len;) {
		struct source_match *v;
		size_t n;
		TRY(source_tree_match(c->tree, c->a, str_cut(&rest, ' '), &v, &n));
		for (size_t i = 0; i < n; i++)
			c->sources[c->r.n_sources++] =
				(struct copy_source){ .tree = c->tree, .match = v[i] };
	}
	c->r.sources = c->sources;
	c->r.dest = k->dest;
	c->r.chown = k->chown ? k->chown : "";
	c->r.chmod = k->chmod ? k->chmod : "";
	c->r.keep_owner = k->keep_owner;
	c->r.unpack = k->unpack;
	c->r.multiple = c->r.n_sources > 1;
	TRY(copy_resolve(c->a, &c->r, below_fd, &c->f));
	struct layer_sink *sink = &c->rec.sink;
	return copy_emit(&c->r, c->f, &sink, 1);
}

void check_copy_in(const struct copy_case *k, int tree_fd)
{
	own_fd below_fd = k->below ? make_tree(k->below) : -1;
	done(copied) c;
	struct err *e = copy_from(&c, k, tree_fd, below_fd);
	if (k->failed) {
		EXPECT_ERR(e, k->kind, k->failed);
		return;
	}
	EXPECT_OK(e);
	EXPECT_STR(buf_str(&c.rec.text), k->want);
}

void check_copy(const struct copy_case *k)
{
	own_fd tree_fd = make_tree(k->tree);
	check_copy_in(k, tree_fd);
}
