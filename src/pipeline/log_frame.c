/* The bytes of a log.
 *
 * A frame is two frames of zstd, so that `zstd -d` reads the file: a skippable one of 8 + 40 bytes,
 * the head, and one with a checksum, which holds the table of entries and the text.
 *
 * The tail is 16 bytes, "KILNTAIL" and the number of its first line, then batches: 24 bytes of
 * head, the entries, the text. A batch that is cut off at the end of the file was never
 * acknowledged; anything else that does not fit is ERR_CORRUPT. */
#include <stdlib.h>

#include <zstd.h>

#include "pipeline/log_priv.h"

#define SKIPPABLE   0x184D2A50u
#define FRAME_MAGIC 0x314c4e4bu /* "KNL1" */
#define BATCH_MAGIC 0x31424e4bu /* "KNB1" */
#define PACK_LEVEL  1

struct frame_head {
	uint32_t skippable, skip_bytes;
	uint32_t magic, n;
	uint64_t first;
	uint32_t text_len, packed_len, platforms;
	uint16_t least_step, most_step;
	uint64_t sum; /* of all before it */
};
_Static_assert(sizeof(struct frame_head) == LOG_HEAD_BYTES, "the format");

struct batch_head {
	uint32_t magic, n, text_len, reserved;
	uint64_t sum; /* of entries and text, begun with `n` and `text_len` */
};

static uint64_t sum_of(uint64_t h, const void *p, size_t len)
{
	const char *at = p;
	for (; len >= 8; at += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		h = (h ^ word) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	for (; len; at++, len--)
		h = (h ^ (uint8_t)*at) * 0x100000001b3u;
	return h ^ h >> 29;
}

static struct err *corrupt(const char *what, uint64_t line)
{
	return err_new(ERR_CORRUPT, "the log's file is damaged: %s at line %llu", what,
		       (unsigned long long)line);
}

/* ---- blocks ---- */

struct log_block *log_block_new(size_t n, size_t text_len, struct log_entry **entries, char **text)
{
	size_t table = n * sizeof(struct log_entry);
	struct log_block *b = mem_grow(NULL, sizeof(*b) + table + text_len, 1);
	b->refs = 1;
	*entries = (struct log_entry *)(void *)b->bytes;
	*text = b->bytes + table;
	b->v = (struct log_view){ 0, n, *entries, *text, text_len };
	return b;
}

struct log_block *log_block_ref(struct log_block *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void log_block_free(struct log_block *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}

/* ---- filters ---- */

static uint32_t platform_bit(unsigned platform)
{
	return 1u << MIN(platform, 31u);
}

bool log_passes(const struct pipeline_filter *f, const struct log_entry *e)
{
	if (!f)
		return true;
	return (!f->platforms || f->platforms & platform_bit(e->platform)) &&
	       (!f->streams || f->streams & (1u << MIN(e->stream, 31))) &&
	       (f->step < 0 || e->step == f->step);
}

bool log_frame_may_pass(const struct pipeline_filter *f, const struct log_frame *frame)
{
	if (!f)
		return true;
	return (!f->platforms || f->platforms & frame->platforms) &&
	       (f->step < 0 || (frame->least_step <= f->step && f->step <= frame->most_step));
}

/* ---- frames ---- */

static void describe(const struct log_view *v, struct log_frame *out)
{
	out->first = v->first;
	out->n = (uint32_t)v->n;
	out->text_len = (uint32_t)v->text_len;
	out->platforms = 0;
	out->least_step = UINT16_MAX;
	out->most_step = 0;
	for (size_t i = 0; i < v->n; i++) {
		const struct log_entry *e = &v->entries[i];
		out->platforms |= platform_bit(e->platform);
		out->least_step = MIN(out->least_step, e->step);
		out->most_step = MAX(out->most_step, e->step);
	}
}

/* The table with places from 0 on, then the text. */
static char *plain_of(const struct log_view *v, size_t *len)
{
	size_t table = v->n * sizeof(struct log_entry);
	*len = table + v->text_len;
	char *plain = mem_grow(NULL, *len + 1, 1);
	struct log_entry *e = (struct log_entry *)(void *)plain;
	memcpy(e, v->entries, table);
	for (size_t i = 0, base = v->n ? v->entries[0].at : 0; i < v->n; i++)
		e[i].at -= (uint32_t)base;
	memcpy(plain + table, v->text, v->text_len);
	return plain;
}

void log_frame_pack(const struct log_view *v, struct log_frame *out, char **bytes, size_t *len)
{
	size_t plain_len;
	own_mem char *plain = plain_of(v, &plain_len);
	size_t cap = ZSTD_compressBound(plain_len);
	char *p = mem_grow(NULL, LOG_HEAD_BYTES + cap, 1);
	ZSTD_CCtx *c = ZSTD_createCCtx();
	if (!c)
		abort();
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, PACK_LEVEL);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	size_t n = ZSTD_compress2(c, p + LOG_HEAD_BYTES, cap, plain, plain_len);
	ZSTD_freeCCtx(c);
	if (ZSTD_isError(n))
		abort(); /* for lack of memory only */
	describe(v, out);
	out->packed_len = (uint32_t)n;
	struct frame_head h = { SKIPPABLE,
				LOG_HEAD_BYTES - 8,
				FRAME_MAGIC,
				out->n,
				out->first,
				out->text_len,
				out->packed_len,
				out->platforms,
				out->least_step,
				out->most_step,
				0 };
	h.sum = sum_of(0, &h, offsetof(struct frame_head, sum));
	memcpy(p, &h, sizeof(h));
	*bytes = p;
	*len = LOG_HEAD_BYTES + n;
}

struct err *log_frame_head(const char head[LOG_HEAD_BYTES], uint64_t first, struct log_frame *out)
{
	struct frame_head h;
	memcpy(&h, head, sizeof(h));
	if (h.skippable != SKIPPABLE || h.skip_bytes != LOG_HEAD_BYTES - 8 ||
	    h.magic != FRAME_MAGIC || h.sum != sum_of(0, &h, offsetof(struct frame_head, sum)))
		return corrupt("no head of a frame", first);
	size_t plain = h.n * sizeof(struct log_entry) + (size_t)h.text_len;
	if (h.first != first || !h.n || h.n > LIMIT_LOG_FRAME_LINES ||
	    h.text_len > LIMIT_LOG_FRAME_BYTES || h.text_len < h.n ||
	    h.packed_len > ZSTD_compressBound(plain))
		return corrupt("a head that makes no sense", first);
	out->first = h.first;
	out->n = h.n;
	out->text_len = h.text_len;
	out->packed_len = h.packed_len;
	out->platforms = h.platforms;
	out->least_step = h.least_step;
	out->most_step = h.most_step;
	return NULL;
}

/* Lines lie one behind the other, a newline behind each, and fill the text. */
static bool fits(const struct log_entry *e, size_t n, const char *text, size_t text_len)
{
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		if (e[i].at != at || e[i].len > LIMIT_LOG_LINE_BYTES || e[i].len >= text_len - at ||
		    text[at + e[i].len] != '\n' || e[i].stream > PIPELINE_SYSTEM)
			return false;
		at += e[i].len + 1;
	}
	return at == text_len;
}

struct err *log_frame_unpack(const struct log_frame *f, struct str packed, struct log_block **out)
{
	struct log_entry *entries;
	char *text;
	own(log_block) b = log_block_new(f->n, f->text_len, &entries, &text);
	size_t plain = f->n * sizeof(*entries) + f->text_len;
	/* The size that zstd's own head gives does not matter: it writes as much as there is room.
	 */
	size_t n = ZSTD_decompress(b->bytes, plain, packed.p, packed.len);
	if (ZSTD_isError(n) || n != plain || !fits(entries, f->n, text, f->text_len))
		return corrupt("a frame that cannot be unpacked", f->first);
	b->v.first = f->first;
	*out = move(b);
	return NULL;
}

/* ---- the tail ---- */

void log_tail_done(struct log_tail *t)
{
	free(t->entries);
	free(t->text);
	*t = (struct log_tail){ .first = t->first };
}

static void make_room(struct log_tail *t, size_t n, size_t len)
{
	if (t->n + n > t->cap) {
		t->cap = MAX(t->cap * 2, t->n + n + 16);
		t->entries = mem_grow(t->entries, t->cap, sizeof(*t->entries));
	}
	if (t->text_len + len > t->text_cap) {
		t->text_cap = MAX(t->text_cap * 2, t->text_len + len + 1024);
		t->text = mem_grow(t->text, t->text_cap, 1);
	}
}

void log_tail_add(struct log_tail *t, const struct log_view *v)
{
	make_room(t, v->n, v->text_len);
	size_t base = v->n ? v->entries[0].at : 0;
	for (size_t i = 0; i < v->n; i++) {
		t->entries[t->n] = v->entries[i];
		t->entries[t->n++].at += (uint32_t)(t->text_len - base);
	}
	if (v->text_len)
		memcpy(t->text + t->text_len, v->text, v->text_len);
	t->text_len += v->text_len;
}

struct log_view log_tail_view(const struct log_tail *t, size_t from, size_t n)
{
	if (!n)
		return (struct log_view){ .first = t->first + from };
	size_t at = t->entries[from].at;
	const struct log_entry *last = &t->entries[from + n - 1];
	return (struct log_view){ t->first + from, n, t->entries + from, t->text + at,
				  last->at + last->len + 1 - at };
}

void log_tail_drop(struct log_tail *t, size_t n)
{
	struct log_tail rest = { .first = t->first + n };
	struct log_view v = log_tail_view(t, n, t->n - n);
	log_tail_add(&rest, &v);
	log_tail_done(t);
	*t = rest;
}

void log_tail_head(uint64_t first, char out[LOG_TAIL_HEAD_BYTES])
{
	memcpy(out, "KILNTAIL", 8);
	memcpy(out + 8, &first, 8);
}

static uint64_t batch_sum(const struct batch_head *h, const char *body, size_t len)
{
	return sum_of((uint64_t)h->n << 32 | h->text_len, body, len);
}

void log_tail_batch(const struct log_view *v, char **bytes, size_t *len)
{
	size_t n;
	own_mem char *plain = plain_of(v, &n);
	struct batch_head h = { BATCH_MAGIC, (uint32_t)v->n, (uint32_t)v->text_len, 0, 0 };
	h.sum = batch_sum(&h, plain, n);
	char *p = mem_grow(NULL, sizeof(h) + n, 1);
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), plain, n);
	*bytes = p;
	*len = sizeof(h) + n;
}

/* Takes one batch off; `*whole` false when it is cut off. */
static struct err *read_batch(struct str *rest, struct log_tail *out, bool *whole)
{
	struct batch_head h;
	*whole = false;
	if (rest->len < sizeof(h))
		return NULL;
	memcpy(&h, rest->p, sizeof(h));
	uint64_t line = out->first + out->n;
	if (h.magic != BATCH_MAGIC || !h.n || h.n > LIMIT_LOG_BATCH_LINES ||
	    h.text_len > LIMIT_LOG_BATCH_BYTES)
		return corrupt("no head of a batch", line);
	size_t table = h.n * sizeof(struct log_entry), len = table + h.text_len;
	if (rest->len - sizeof(h) < len)
		return NULL;
	struct str body = str_n(rest->p + sizeof(h), len);
	own_mem struct log_entry *entries = mem_grow(NULL, h.n, sizeof(*entries));
	memcpy(entries, body.p, table);
	if (h.sum != batch_sum(&h, body.p, len) || !fits(entries, h.n, body.p + table, h.text_len))
		return corrupt("a batch with a wrong sum", line);
	struct log_view v = { line, h.n, entries, body.p + table, h.text_len };
	log_tail_add(out, &v);
	*rest = str_skip(*rest, sizeof(h) + len);
	*whole = true;
	return NULL;
}

struct err *log_tail_read(struct str file, struct log_tail *out, size_t *end)
{
	*out = (struct log_tail){ 0 };
	*end = 0;
	if (file.len < LOG_TAIL_HEAD_BYTES)
		return NULL; /* the process ended before anything was acknowledged in it */
	if (memcmp(file.p, "KILNTAIL", 8) != 0)
		return corrupt("no head of the tail", 0);
	memcpy(&out->first, file.p + 8, 8);
	struct str rest = str_skip(file, LOG_TAIL_HEAD_BYTES);
	for (bool whole = true; whole;) {
		struct err *e = read_batch(&rest, out, &whole);
		if (e) {
			log_tail_done(out);
			return e;
		}
	}
	*end = file.len - rest.len;
	return NULL;
}
