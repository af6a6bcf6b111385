/* What a walk meets, as one digest: the entries in their order, then the content of the files,
 * which threads read. */
#include <errno.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/time.h"
#include "source/tree_priv.h"

#define MOST_THREADS    16
#define MOST_PATH_BYTES ((size_t)1 << 30) /* of all files together */
#define ARENA_BYTES     (MOST_PATH_BYTES + LIMIT_CONTEXT_FILES * 256)

struct file {
	char *tree_path; /* arena */
	struct file_state state;
	struct sha256_sum sum;
	size_t nth; /* of the prints */
	bool known;
};

struct digest {
	struct source_tree *t;
	struct arena *a; /* owned */
	bool with_owner;
	int64_t started_unix_ns;
	struct sha256 h; /* over the entries, then the files' digests */
	size_t path_bytes;
	struct source_prints *prints; /* borrowed; NULL: not wanted */
	struct file **files;          /* owned array */
	size_t n, cap;
	struct mutex lock; /* guards the two below */
	size_t next;
	struct err *failed;
};

static void add_field(struct digest *d, const void *p, size_t len)
{
	uint64_t n = len;
	sha256_update(&d->h, &n, sizeof(n));
	sha256_update(&d->h, p, len);
}

/* FNV-1a: who could make two prints meet would only hide a file from a list of names. */
static uint64_t mix(uint64_t print, const void *p, size_t len)
{
	const unsigned char *b = p;
	for (size_t i = 0; i < len; i++)
		print = (print ^ b[i]) * 0x100000001b3;
	return print;
}

static void add_print(struct source_prints *to, const struct source_entry *s, const void *meta,
		      size_t len)
{
	const char *link = s->e.link ? s->e.link : "";
	uint64_t print = mix(mix(0xcbf29ce484222325, meta, len), link, strlen(link));
	mem_reserve_one(to->v, to->n, to->cap);
	to->v[to->n++] = (struct source_print){
		.path = arena_printf(to->a, "%s%s", s->tree_path, s->e.type == TAR_DIR ? "/" : ""),
		.print = print,
	};
}

static struct err *digest_entry(void *arg, const struct source_entry *s, const struct stat *st)
{
	struct digest *d = arg;
	const struct tar_entry *e = &s->e;
	struct {
		uint32_t type, mode, uid, gid, major, minor;
	} meta;
	memset(&meta, 0, sizeof(meta));
	meta.type = e->type;
	meta.mode = e->type == TAR_SYMLINK ? 0 : e->mode;
	if (d->with_owner) {
		meta.uid = e->uid;
		meta.gid = e->gid;
	}
	if (e->type == TAR_CHAR || e->type == TAR_BLOCK) {
		meta.major = e->major;
		meta.minor = e->minor;
	}
	add_field(d, e->path, strlen(e->path));
	add_field(d, &meta, sizeof(meta));
	add_field(d, e->link ? e->link : "", e->link ? strlen(e->link) : 0);
	if (d->prints)
		add_print(d->prints, s, &meta, sizeof(meta));
	if (e->type != TAR_FILE)
		return NULL;
	d->path_bytes += strlen(s->tree_path);
	if (d->path_bytes > MOST_PATH_BYTES)
		return err_new(ERR_LIMIT, "the paths of %s are longer than %zu MiB together",
			       d->t->what, MOST_PATH_BYTES >> 20);
	struct file *f = arena_new(d->a, struct file);
	f->tree_path = arena_strdup(d->a, str_of(s->tree_path));
	f->state = file_state_of(st);
	f->nth = d->prints ? d->prints->n - 1 : 0;
	f->known = d->t->cache && !d->with_owner && hash_cache_get(d->t->cache, &f->state, &f->sum);
	mem_reserve_one(d->files, d->n, d->cap);
	d->files[d->n++] = f;
	return NULL;
}

static struct err *hash_bytes(int fd, struct sha256 *h, char *piece, size_t size)
{
	for (;;) {
		size_t got;
		TRY(fd_read_full(fd, piece, size, &got));
		if (got)
			sha256_update(h, piece, got);
		if (got < size)
			return NULL;
	}
}

#define PIECE_BYTES ((size_t)256 << 10)

/* The sum of the content and of what else goes with the owner. */
static void add_capability(int fd, struct sha256 *h, struct sha256_sum *sum)
{
	char value[256];
	ssize_t n = fgetxattr(fd, "security.capability", value, sizeof(value));
	sha256_update(h, sum->b, sizeof(sum->b));
	sha256_update(h, value, n > 0 ? (size_t)n : 0);
	*sum = sha256_final(h);
}

static struct err *hash_file(struct digest *d, struct file *f, struct sha256 *h, char *piece)
{
	own_fd fd = -1;
	struct stat st;
	TRY(source_tree_open_file(d->t, f->tree_path, &fd));
	TRY(err_wrap(hash_bytes(fd, h, piece, PIECE_BYTES), "read %s", f->tree_path));
	f->sum = sha256_final(h);
	if (d->t->cache && fstat(fd, &st) == 0) {
		struct file_state now = file_state_of(&st);
		if (file_state_eq(&f->state, &now))
			hash_cache_put(d->t->cache, &now, d->started_unix_ns, &f->sum);
	}
	if (d->with_owner)
		add_capability(fd, h, &f->sum);
	return NULL;
}

static void *hash_files(void *arg)
{
	struct digest *d = arg;
	struct sha256 h;
	own_mem char *piece = mem_grow(NULL, PIECE_BYTES, 1);
	sha256_init(&h);
	for (;;) {
		mutex_lock(&d->lock);
		while (d->next < d->n && d->files[d->next]->known)
			d->next++;
		struct file *f = d->failed || d->next == d->n ? NULL : d->files[d->next++];
		mutex_unlock(&d->lock);
		struct err *e = f ? hash_file(d, f, &h, piece) : NULL;
		if (!f)
			break;
		if (e) {
			hold(&d->lock);
			err_keep(&d->failed, e);
		}
	}
	sha256_done(&h);
	return NULL;
}

static size_t n_unknown(const struct digest *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->n; i++)
		n += !d->files[i]->known;
	return n;
}

static struct err *hash_all(struct digest *d, unsigned n_threads)
{
	pthread_t threads[MOST_THREADS];
	size_t n = MIN(MIN(n_threads, MOST_THREADS), n_unknown(d)), started = 0;
	/* This thread works too. */
	while (started + 1 < n) {
		struct err *e = thread_start(&threads[started], "hash", hash_files, d);
		if (e) {
			err_free(e);
			break;
		}
		started++;
	}
	hash_files(d);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return move(d->failed);
}

static void add_sums(struct digest *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct file *f = d->files[i];
		sha256_update(&d->h, f->sum.b, sizeof(f->sum.b));
		if (d->prints) {
			uint64_t *print = &d->prints->v[f->nth].print;
			*print = mix(*print, f->sum.b, sizeof(f->sum.b));
		}
	}
}

struct err *source_tree_digest(struct source_tree *t, const char *path, bool with_owner,
			       unsigned threads, struct source_prints *prints,
			       struct sha256_sum *out)
{
	struct digest d = { .t = t, .with_owner = with_owner, .prints = prints };
	d.started_unix_ns = time_now_unix_ns();
	d.a = arena_open(ARENA_BYTES);
	mutex_init(&d.lock);
	sha256_init(&d.h);
	struct err *e = tree_walk(t, path, digest_entry, &d);
	if (!e)
		e = hash_all(&d, threads);
	if (!e)
		add_sums(&d);
	if (!e)
		*out = sha256_final(&d.h);
	sha256_done(&d.h);
	mutex_done(&d.lock);
	arena_free(d.a);
	free(d.files);
	return e;
}
