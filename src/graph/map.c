#include "graph/graph_priv.h"

static uint64_t hash_of(struct str s)
{
	uint64_t h = s.len * 0x9e3779b97f4a7c15ull;
	for (size_t i = 0; i < s.len; i++) {
		h = (h ^ (unsigned char)s.p[i]) * 0xff51afd7ed558ccdull;
		h ^= h >> 29;
	}
	return h;
}

struct graph_entry *graph_entry_new(struct graph_builder *b, struct str key, struct str value)
{
	size_t size = 2 * (key.len + 1) + value.len + 1;
	struct graph_entry *e = arena_new(b->a, struct graph_entry);
	char *p = arena_zalloc(b->a, size), *text = p + key.len + 1;
	graph_count(b, GRAPH_VALUES, sizeof(*e) + size + 32);
	if (key.len) {
		memcpy(p, key.p, key.len);
		memcpy(text, key.p, key.len);
	}
	text[key.len] = '=';
	if (value.len)
		memcpy(text + key.len + 1, value.p, value.len);
	*e = (struct graph_entry){
		.key = str_n(p, key.len),
		.value = str_n(text + key.len + 1, value.len),
		.text = text,
		.hash = hash_of(key),
	};
	return e;
}

/* The slot that has the key, or the free one where it would be. */
static uint32_t *slot_of(const struct graph_map *m, struct str key, uint64_t hash)
{
	size_t mask = m->cap * 2 - 1;
	for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
		uint32_t *slot = &m->slots[i];
		if (!*slot)
			return slot;
		const struct graph_entry *e = m->v[*slot - 1];
		if (e->hash == hash && str_eq(e->key, key))
			return slot;
	}
}

const struct graph_entry *graph_map_get(const struct graph_map *m, struct str key)
{
	if (!m->n)
		return NULL;
	uint32_t *slot = slot_of(m, key, hash_of(key));
	return *slot ? m->v[*slot - 1] : NULL;
}

/* Arrays of its own, with room for one more. */
static void make_room(struct graph_builder *b, struct graph_map *m)
{
	struct graph_map old = *m;
	if (!m->shared && m->n < m->cap)
		return;
	m->shared = false;
	while (m->cap <= m->n)
		m->cap = m->cap ? m->cap * 2 : 8;
	m->v = arena_new_array(b->a, m->cap, const struct graph_entry *);
	m->slots = arena_new_array(b->a, m->cap * 2, uint32_t);
	graph_count(b, GRAPH_VALUES, m->cap * (sizeof(*m->v) + 2 * sizeof(*m->slots)));
	if (old.n)
		memcpy(m->v, old.v, old.n * sizeof(*m->v));
	for (size_t i = 0; i < m->n; i++)
		*slot_of(m, m->v[i]->key, m->v[i]->hash) = (uint32_t)i + 1;
}

void graph_map_put(struct graph_builder *b, struct graph_map *m, const struct graph_entry *e)
{
	make_room(b, m);
	uint32_t *slot = slot_of(m, e->key, e->hash);
	if (!*slot)
		*slot = (uint32_t)++m->n;
	m->v[*slot - 1] = e;
}

void graph_map_set(struct graph_builder *b, struct graph_map *m, struct str key, struct str value)
{
	graph_map_put(b, m, graph_entry_new(b, key, value));
}

struct graph_map graph_map_share(const struct graph_map *m)
{
	struct graph_map copy = *m;
	copy.shared = true;
	return copy;
}
