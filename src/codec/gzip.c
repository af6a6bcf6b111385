/* A stream fills blocks of its ring in turn. A full block goes into the pool's queue; whichever
 * thread takes it out compresses it, and the stream's own thread writes it when it is the oldest:
 *
 *	HERE -> QUEUED -> WORKING -> HERE
 *
 * 1. Only the stream's thread touches a block that is HERE, and only the thread that took it one
 *    that is WORKING; states and queue change under the pool's lock.
 * 2. Each block is compressed by itself, so the bytes do not depend on who did it, nor when.
 * 3. A stream's thread that has to wait for its oldest block compresses others of its own. */
#include "codec/gzip.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/thread.h"

enum block_state { BLOCK_HERE, BLOCK_QUEUED, BLOCK_WORKING };

struct block {
	struct squeeze *owner;
	uint8_t *p; /* owned, capacity() bytes; plain, then compressed */
	size_t len;
	enum block_state state; /* guarded by the pool's lock */
	struct block *next;     /* in the queue; guarded by the pool's lock */
};

/* What one thread compresses with; kept as long as kind and level stay. */
struct press {
	struct libdeflate_compressor *deflate; /* owned; NULL until needed */
	int deflate_level;
	ZSTD_CCtx *zstd;  /* owned; NULL until needed */
	uint8_t *scratch; /* owned, capacity() bytes; NULL until needed */
};

struct squeeze_pool {
	pthread_t *threads; /* owned */
	unsigned n_threads; /* fixed after squeeze_pool_open() */
	struct mutex lock;  /* guards all below, and the state of every block */
	struct cond more;
	struct block *first, **last; /* the queue */
	bool closing;
};

struct squeeze {
	struct squeeze_pool *pool; /* borrowed; NULL: compress in the thread that writes */
	enum squeeze_kind kind;
	int level;
	struct writer *out; /* borrowed */
	struct press press; /* of the thread that writes */
	struct cond done;   /* a block of ours came back; waits on the pool's lock */
	struct block *ring; /* owned */
	size_t n_ring;
	size_t oldest; /* index of the first block that was sent off and is not written */
	size_t n_busy; /* blocks from there on; the one behind them is being filled */
	bool any;      /* a block was compressed */
	bool failed;   /* `out` did; nothing more is written */
	bool finished;
};

/* The largest that a block becomes by either algorithm. */
static size_t capacity(void)
{
	return MAX(libdeflate_gzip_compress_bound(NULL, GZIP_BLOCK_BYTES),
		   ZSTD_compressBound(GZIP_BLOCK_BYTES));
}

static void press_done(struct press *pr)
{
	libdeflate_free_compressor(pr->deflate);
	ZSTD_freeCCtx(pr->zstd);
	free(pr->scratch);
}

static size_t press_gzip(struct press *pr, int level, const struct block *b)
{
	if (!pr->deflate || pr->deflate_level != level) {
		libdeflate_free_compressor(pr->deflate);
		pr->deflate = libdeflate_alloc_compressor(level);
		pr->deflate_level = level;
		assert(pr->deflate); /* squeeze_open() checked the level */
	}
	return libdeflate_gzip_compress(pr->deflate, b->p, b->len, pr->scratch, capacity());
}

static size_t press_zstd(struct press *pr, int level, const struct block *b)
{
	if (!pr->zstd)
		pr->zstd = ZSTD_createCCtx();
	assert(pr->zstd);
	ZSTD_CCtx_setParameter(pr->zstd, ZSTD_c_compressionLevel, level);
	size_t n = ZSTD_compress2(pr->zstd, pr->scratch, capacity(), b->p, b->len);
	return ZSTD_isError(n) ? 0 : n;
}

/* Compresses the bytes of `b` in place: the results change places with the scratch memory. */
static void press_block(struct press *pr, struct block *b)
{
	const struct squeeze *s = b->owner;
	if (!pr->scratch)
		pr->scratch = mem_grow(NULL, capacity(), 1);
	b->len =
		s->kind == SQUEEZE_GZIP ? press_gzip(pr, s->level, b) : press_zstd(pr, s->level, b);
	assert(b->len); /* capacity() is enough, and so only memory could lack */
	uint8_t *plain = b->p;
	b->p = pr->scratch;
	pr->scratch = plain;
}

static void push_locked(struct squeeze_pool *p, struct block *b)
{
	mutex_assert_held(&p->lock);
	b->state = BLOCK_QUEUED;
	b->next = NULL;
	*p->last = b;
	p->last = &b->next;
	cond_signal(&p->more);
}

/* Takes the first block of `owner` (NULL: of any stream) out of the queue; NULL if there is none.
 */
static struct block *take_locked(struct squeeze_pool *p, const struct squeeze *owner)
{
	mutex_assert_held(&p->lock);
	struct block **at = &p->first;
	while (*at && owner && (*at)->owner != owner)
		at = &(*at)->next;
	struct block *b = *at;
	if (!b)
		return NULL;
	*at = b->next;
	if (!b->next)
		p->last = at;
	b->state = BLOCK_WORKING;
	return b;
}

/* The owner may be gone once the lock is released. */
static void bring_back(struct squeeze_pool *p, struct block *b)
{
	hold(&p->lock);
	b->state = BLOCK_HERE;
	cond_signal(&b->owner->done);
}

/* The next block for a thread of the pool; NULL when the pool closes. */
static struct block *wait_for_block(struct squeeze_pool *p)
{
	hold(&p->lock);
	for (;;) {
		struct block *b = take_locked(p, NULL);
		if (b || p->closing)
			return b;
		cond_wait(&p->more, &p->lock);
	}
}

static void *pool_run(void *arg)
{
	struct squeeze_pool *p = arg;
	struct press pr = { .deflate = NULL };
	for (struct block *b; (b = wait_for_block(p));) {
		press_block(&pr, b);
		bring_back(p, b);
	}
	press_done(&pr);
	return NULL;
}

struct err *squeeze_pool_open(unsigned n_threads, struct squeeze_pool **out)
{
	own(squeeze_pool) p = mem_new(struct squeeze_pool);
	mutex_init(&p->lock);
	cond_init(&p->more);
	p->last = &p->first;
	if (n_threads < 2)
		n_threads = 0;
	p->threads = mem_new_array(n_threads, pthread_t);
	for (; p->n_threads < n_threads; p->n_threads++)
		TRY(thread_start(&p->threads[p->n_threads], "squeeze", pool_run, p));
	*out = move(p);
	return NULL;
}

void squeeze_pool_free(struct squeeze_pool *p)
{
	if (!p)
		return;
	mutex_lock(&p->lock);
	p->closing = true;
	cond_broadcast(&p->more);
	mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	free(p->threads);
	cond_done(&p->more);
	mutex_done(&p->lock);
	free(p);
}

static bool level_fits(enum squeeze_kind kind, int level)
{
	switch (kind) {
	case SQUEEZE_GZIP:
		return level >= 1 && level <= 12;
	case SQUEEZE_ZSTD:
		return level >= 1 && level <= 19;
	case SQUEEZE_NONE:
		return true;
	}
	return false;
}

struct err *squeeze_open(struct squeeze_pool *pool, enum squeeze_kind kind, int level,
			 struct writer *out, struct squeeze **s)
{
	if (!level_fits(kind, level))
		return err_new(ERR_INVALID, "there is no compression level %d", level);
	struct squeeze *q = mem_new(struct squeeze);
	unsigned n_threads = pool ? pool->n_threads : 0;
	*q = (struct squeeze){
		.pool = n_threads ? pool : NULL, .kind = kind, .level = level, .out = out
	};
	cond_init(&q->done);
	q->n_ring = n_threads ? 2 * (size_t)n_threads + 2 : 1;
	q->ring = mem_new_array(q->n_ring, struct block);
	for (size_t i = 0; i < q->n_ring; i++)
		q->ring[i].owner = q;
	*s = q;
	return NULL;
}

static struct err *put(struct squeeze *s, const void *p, size_t len)
{
	if (!len)
		return NULL;
	struct err *e = s->out->write(s->out, p, len);
	s->failed = e != NULL;
	return e;
}

/* Waits until the oldest block is done, or gives the caller one of its own to compress meanwhile.
 */
static void wait_for_oldest(struct squeeze *s, struct block **mine)
{
	struct block *b = &s->ring[s->oldest];
	*mine = NULL;
	hold(&s->pool->lock);
	while (b->state != BLOCK_HERE && !(*mine = take_locked(s->pool, s)))
		cond_wait(&s->done, &s->pool->lock);
}

static bool oldest_is_here(struct squeeze *s)
{
	hold(&s->pool->lock);
	return s->ring[s->oldest].state == BLOCK_HERE;
}

/* Writes blocks that are done, oldest first, and works or waits until at most `keep` are left. */
static struct err *collect(struct squeeze *s, size_t keep)
{
	while (s->n_busy > keep || (s->n_busy && oldest_is_here(s))) {
		struct block *mine;
		wait_for_oldest(s, &mine);
		if (mine) {
			press_block(&s->press, mine);
			bring_back(s->pool, mine);
			continue;
		}
		struct block *b = &s->ring[s->oldest];
		TRY(put(s, b->p, b->len));
		b->len = 0;
		s->oldest = (s->oldest + 1) % s->n_ring;
		s->n_busy--;
	}
	return NULL;
}

/* Sends the block being filled on its way, and makes room for the next. */
static struct err *submit(struct squeeze *s, struct block *b)
{
	s->any = true;
	if (!s->pool) {
		press_block(&s->press, b);
		TRY(put(s, b->p, b->len));
		b->len = 0;
		return NULL;
	}
	mutex_lock(&s->pool->lock);
	push_locked(s->pool, b);
	mutex_unlock(&s->pool->lock);
	s->n_busy++;
	return collect(s, s->n_ring - 1);
}

static struct block *filling(struct squeeze *s)
{
	struct block *b = &s->ring[(s->oldest + s->n_busy) % s->n_ring];
	if (!b->p)
		b->p = mem_grow(NULL, capacity(), 1);
	return b;
}

static struct err *check_usable(const struct squeeze *s)
{
	assert(!s->finished);
	return s->failed ? err_new(ERR_UNAVAILABLE, "an earlier write failed") : NULL;
}

struct err *squeeze_write(struct squeeze *s, const void *p, size_t len)
{
	TRY(check_usable(s));
	if (s->kind == SQUEEZE_NONE)
		return put(s, p, len);
	while (len) {
		struct block *b = filling(s);
		size_t n = MIN(len, GZIP_BLOCK_BYTES - b->len);
		memcpy(b->p + b->len, p, n);
		b->len += n;
		p = (const char *)p + n;
		len -= n;
		if (b->len == GZIP_BLOCK_BYTES)
			TRY(submit(s, b));
	}
	return NULL;
}

struct err *squeeze_finish(struct squeeze *s)
{
	TRY(check_usable(s));
	s->finished = true;
	if (s->kind == SQUEEZE_NONE)
		return NULL;
	struct block *b = filling(s);
	if (b->len || !s->any)
		TRY(submit(s, b));
	return s->pool ? collect(s, 0) : NULL;
}

/* Takes back what nobody works on, and waits for the rest. */
static void abandon(struct squeeze *s)
{
	struct squeeze_pool *p = s->pool;
	hold(&p->lock);
	for (struct block *b; (b = take_locked(p, s));)
		b->state = BLOCK_HERE;
	for (size_t i = 0; i < s->n_ring; i++)
		while (s->ring[i].state == BLOCK_WORKING)
			cond_wait(&s->done, &p->lock);
}

void squeeze_free(struct squeeze *s)
{
	if (!s)
		return;
	if (s->pool)
		abandon(s);
	for (size_t i = 0; i < s->n_ring; i++)
		free(s->ring[i].p);
	free(s->ring);
	press_done(&s->press);
	cond_done(&s->done);
	free(s);
}
