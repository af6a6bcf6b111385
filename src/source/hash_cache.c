/* The file: "kiln hashes 1\n", the entries, and the sha256 of all before it. What does not check is
 * dropped. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/time.h"
#include "source/tree_priv.h"

#define MAGIC          "kiln hashes 1\n"
#define TRUST_AFTER_NS 2000000000ll /* see hash_cache_put() */

#define FILE_BYTES     ((size_t)64 << 20) /* about a million files */
#define KEEP_UNUSED    16384

struct entry {
	struct file_state f;
	struct sha256_sum sum;
};
_Static_assert(sizeof(struct entry) == 72, "no holes: entries are written as they are");

struct source_hash_cache {
	int dir_fd;          /* owned; -1: memory only */
	char *name;          /* owned */
	struct mutex lock;   /* guards all below */
	struct entry *slots; /* owned; open addressing by device and inode; size ~0: free */
	bool *used;          /* owned; by slot: asked for or put since it was opened */
	size_t n, n_slots;   /* a power of two */
	size_t n_used;
	bool dirty;
};

struct file_state file_state_of(const struct stat *st)
{
	return (struct file_state){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
	};
}

bool file_state_eq(const struct file_state *a, const struct file_state *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool is_free(const struct entry *e)
{
	return e->f.size == UINT64_MAX;
}

static size_t slot_of(const struct source_hash_cache *c, const struct file_state *f)
{
	uint64_t h = (f->ino ^ (f->dev << 32)) * 0x9e3779b97f4a7c15ull;
	size_t i = (size_t)(h >> 20) & (c->n_slots - 1);
	while (!is_free(&c->slots[i]) &&
	       (c->slots[i].f.dev != f->dev || c->slots[i].f.ino != f->ino))
		i = (i + 1) & (c->n_slots - 1);
	return i;
}

static void make_slots(struct source_hash_cache *c, size_t n)
{
	c->n_slots = n;
	c->used = mem_new_array(n, bool);
	c->slots = mem_new_array(n, struct entry);
	for (size_t i = 0; i < n; i++)
		c->slots[i].f.size = UINT64_MAX;
}

static void use(struct source_hash_cache *c, size_t i)
{
	c->n_used += !c->used[i];
	c->used[i] = true;
}

/* At most half full with `n` entries. */
static void resize(struct source_hash_cache *c, size_t n)
{
	struct entry *old = c->slots;
	bool *used = c->used;
	size_t n_old = c->n_slots, n_slots = n_old;
	while (n_slots < n * 2)
		n_slots *= 2;
	if (n_slots == n_old)
		return;
	make_slots(c, n_slots);
	for (size_t i = 0; i < n_old; i++) {
		if (is_free(&old[i]))
			continue;
		size_t to = slot_of(c, &old[i].f);
		c->slots[to] = old[i];
		c->used[to] = used[i];
	}
	free(old);
	free(used);
}

static size_t put(struct source_hash_cache *c, const struct entry *e)
{
	resize(c, c->n + 1);
	size_t i = slot_of(c, &e->f);
	c->n += is_free(&c->slots[i]);
	c->slots[i] = *e;
	return i;
}

static void load(struct source_hash_cache *c)
{
	const size_t head = sizeof(MAGIC) - 1;
	own_mem char *p = NULL;
	size_t len;
	struct err *e = fd_read_path(c->dir_fd, c->name, FILE_BYTES, &p, &len);
	if (e) {
		err_free(e);
		return;
	}
	if (len < head + SHA256_BYTES || memcmp(p, MAGIC, head) != 0 ||
	    (len - head - SHA256_BYTES) % sizeof(struct entry))
		return;
	struct sha256_sum sum = sha256_of(p, len - SHA256_BYTES);
	if (memcmp(sum.b, p + len - SHA256_BYTES, SHA256_BYTES) != 0)
		return;
	size_t n = (len - head - SHA256_BYTES) / sizeof(struct entry);
	resize(c, n);
	for (size_t i = 0; i < n; i++) {
		struct entry entry;
		memcpy(&entry, p + head + i * sizeof(entry), sizeof(entry));
		if (!is_free(&entry))
			put(c, &entry);
	}
}

struct err *source_hash_cache_open(int dir_fd, const char *name, struct source_hash_cache **out)
{
	struct source_hash_cache *c = mem_new(struct source_hash_cache);
	c->dir_fd = dir_fd < 0 ? -1 : fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	c->name = mem_strdup(name);
	mutex_init(&c->lock);
	make_slots(c, 1024);
	if (c->dir_fd >= 0)
		load(c);
	*out = c;
	return NULL;
}

/* Files that are gone would stay for ever: entries that nothing asked for go when they outnumber
 * the others. */
static bool is_kept(const struct source_hash_cache *c, size_t i)
{
	return !is_free(&c->slots[i]) && (c->used[i] || c->n <= 2 * c->n_used + KEEP_UNUSED);
}

static void write_entries(struct source_hash_cache *c, struct buf *b)
{
	hold(&c->lock);
	buf_add(b, STR(MAGIC));
	for (size_t i = 0; i < c->n_slots; i++)
		if (is_kept(c, i))
			buf_add(b, str_n((const char *)&c->slots[i], sizeof(struct entry)));
	c->dirty = false;
}

struct err *source_hash_cache_save(struct source_hash_cache *c)
{
	if (c->dir_fd < 0 || !c->dirty)
		return NULL;
	done(buf) b;
	buf_init(&b, FILE_BYTES);
	write_entries(c, &b);
	struct sha256_sum sum = sha256_of(b.p, b.len);
	buf_add(&b, str_n((const char *)sum.b, sizeof(sum.b)));
	if (b.over)
		return NULL; /* too many to be worth it */
	return err_wrap(fd_replace_file(c->dir_fd, c->name, 0600, b.p, b.len),
			"remember the digests of the build context");
}

void source_hash_cache_free(struct source_hash_cache *c)
{
	if (!c)
		return;
	fd_close_own(&c->dir_fd);
	mutex_done(&c->lock);
	free(c->slots);
	free(c->used);
	free(c->name);
	free(c);
}

bool hash_cache_get(struct source_hash_cache *c, const struct file_state *f, struct sha256_sum *out)
{
	hold(&c->lock);
	size_t i = slot_of(c, f);
	if (!file_state_eq(&c->slots[i].f, f))
		return false;
	use(c, i);
	*out = c->slots[i].sum;
	return true;
}

void hash_cache_put(struct source_hash_cache *c, const struct file_state *f, int64_t seen_unix_ns,
		    const struct sha256_sum *sum)
{
	int64_t newest = MAX(f->mtime_ns, f->ctime_ns);
	if (seen_unix_ns - newest < TRUST_AFTER_NS)
		return;
	const struct entry e = { *f, *sum };
	hold(&c->lock);
	c->dirty = true;
	use(c, put(c, &e));
}
