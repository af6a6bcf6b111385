#include <stdio.h>

#include "executor/copy_priv.h"

struct copy_map_slot {
	const char *key; /* NULL: free */
	size_t len;
	void *value;
};

static struct copy_map_slot *find(struct copy_map_slot *slots, size_t cap, struct str key)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < key.len; i++)
		h = (h ^ (uint8_t)key.p[i]) * 1099511628211u;
	for (size_t i = h ^ (h >> 32);; i++) {
		struct copy_map_slot *s = &slots[i & (cap - 1)];
		if (!s->key || str_eq(str_n(s->key, s->len), key))
			return s;
	}
}

void *copy_map_get(const struct copy_map *m, struct str key)
{
	return m->n ? find(m->slots, m->cap, key)->value : NULL;
}

static void grow(struct copy_map *m)
{
	size_t cap = m->cap ? m->cap * 2 : 64;
	struct copy_map_slot *more = arena_new_array(m->a, cap, struct copy_map_slot);
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key)
			*find(more, cap, str_n(m->slots[i].key, m->slots[i].len)) = m->slots[i];
	m->slots = more;
	m->cap = cap;
}

struct err *copy_map_put(struct copy_map *m, struct str key, void *value)
{
	if (2 * m->n >= m->cap)
		grow(m);
	struct copy_map_slot *s = find(m->slots, m->cap, key);
	if (!s->key) {
		m->bytes += key.len + 64;
		if (m->bytes > m->max)
			return err_new(ERR_LIMIT, "the names of one copy take more than %zu MiB",
				       m->max >> 20);
		*s = (struct copy_map_slot){ .key = arena_strdup(m->a, key), .len = key.len };
		m->n++;
	}
	s->value = value;
	return NULL;
}

struct arena *copy_map_arena(void)
{
	return arena_open(8 * COPY_NAMES_BYTES); /* slots and values beside the keys */
}

char *copy_join(const char *base, const char *name)
{
	return mem_printf("%s%s%s", base, base[0] && name[0] ? "/" : "", name);
}
