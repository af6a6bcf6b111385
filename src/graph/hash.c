#include "graph/graph_priv.h"

#include <stdlib.h>

#include "codec/json.h"

#define MOST_JSON_BYTES ((size_t)1 << 20)

static void add_number(struct graph_hash *h, uint64_t n)
{
	uint8_t bytes[8];
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(n >> (8 * i));
	sha256_update(&h->h, bytes, sizeof(bytes));
}

static void add_bytes(struct graph_hash *h, struct str s)
{
	add_number(h, s.len);
	sha256_update(&h->h, s.p, s.len);
}

void graph_hash_init(struct graph_hash *h, const char *kind)
{
	h->kind = kind;
	sha256_init(&h->h);
	buf_init(&h->json, MOST_JSON_BYTES);
	add_bytes(h, STR("kiln step 2"));
	add_bytes(h, str_of(kind));
	buf_add(&h->json, STR("{\"kind\":"));
	json_add_str(&h->json, str_of(kind));
}

static void add_name(struct graph_hash *h, const char *type, const char *field)
{
	add_bytes(h, str_of(type));
	add_bytes(h, str_of(field));
	buf_add_c(&h->json, ',');
	json_add_str(&h->json, str_of(field));
	buf_add_c(&h->json, ':');
}

void graph_hash_str(struct graph_hash *h, const char *field, struct str value)
{
	add_name(h, "str", field);
	add_bytes(h, value);
	json_add_str(&h->json, value);
}

void graph_hash_list(struct graph_hash *h, const char *field, const char *const *values, size_t n)
{
	add_name(h, "list", field);
	add_number(h, n);
	buf_add_c(&h->json, '[');
	for (size_t i = 0; i < n; i++) {
		add_bytes(h, str_of(values[i]));
		if (i)
			buf_add_c(&h->json, ',');
		json_add_str(&h->json, str_of(values[i]));
	}
	buf_add_c(&h->json, ']');
}

/* What is too long to be shown is left to its sum. */
static const char *inputs_of(struct graph_builder *b, struct graph_hash *h,
			     const struct sha256_sum *own)
{
	buf_add_c(&h->json, '}');
	if (h->json.over) {
		char hex[2 * SHA256_BYTES + 1];
		hex_encode(own->b, sizeof(own->b), hex);
		return arena_printf(b->a, "{\"kind\":\"%s\",\"too_long\":\"%s\"}", h->kind, hex);
	}
	graph_count(b, GRAPH_COMMANDS, h->json.len);
	return arena_strdup(b->a, buf_str(&h->json));
}

static void add_step(struct sha256 *h, const struct graph_step *s)
{
	sha256_update(h, s ? "1" : "0", 1);
	if (s)
		sha256_update(h, s->definition.b, sizeof(s->definition.b));
}

static struct sha256_sum definition_of(struct graph_hash *h, const struct graph_step *s)
{
	sha256_update(&h->h, s->own.b, sizeof(s->own.b));
	add_step(&h->h, s->parent);
	add_step(&h->h, s->kind == GRAPH_COPY ? s->copy.from : NULL);
	return sha256_final(&h->h);
}

static uint32_t *slot_of(const struct graph_builder *b, const struct sha256_sum *definition)
{
	size_t i;
	memcpy(&i, definition->b, sizeof(i));
	for (;; i++) {
		uint32_t *slot = &b->step_slots[i & (b->n_step_slots - 1)];
		if (!*slot || memcmp(b->steps[*slot - 1]->definition.b, definition->b,
				     sizeof(definition->b)) == 0)
			return slot;
	}
}

static void more_slots(struct graph_builder *b)
{
	free(b->step_slots);
	b->n_step_slots = MAX(64, b->n_step_slots * 2);
	b->step_slots = mem_new_array(b->n_step_slots, uint32_t);
	for (size_t i = 0; i < b->n_steps; i++)
		*slot_of(b, &b->steps[i]->definition) = (uint32_t)i + 1;
}

struct graph_step *graph_add_step(struct graph_builder *b, struct graph_step *s,
				  struct graph_hash *h)
{
	s->own = sha256_final(&h->h);
	s->definition = definition_of(h, s);
	if ((b->n_steps + 1) * 2 > b->n_step_slots)
		more_slots(b);
	uint32_t *slot = slot_of(b, &s->definition);
	if (!*slot) {
		s->inputs = inputs_of(b, h, &s->own);
		mem_reserve_one(b->steps, b->n_steps, b->cap_steps);
		b->steps[b->n_steps++] = s;
		*slot = (uint32_t)b->n_steps;
	}
	graph_count(b, GRAPH_COMMANDS, sizeof(*s) + h->json.len);
	buf_done(&h->json);
	sha256_done(&h->h);
	return b->steps[*slot - 1];
}
