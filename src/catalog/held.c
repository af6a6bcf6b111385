/* What a repository holds, as a graph in memory: manifests, then blobs, each sorted by digest as
 * the keys of their tables are, so that a reference is found by bisection. A look is three queries
 * and no transaction: it weighs, and removes nothing. */
#include "catalog/held.h"

#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "catalog/catalog_priv.h"

/* A row is a digest or a name, at most 135 and 255 bytes, and the rest of it. */
#define ARENA_BYTES ((size_t)LIMIT_HELD_ROWS * 320)

enum mark { UNNEEDED, GOES, STAYS };

struct node {
	const char *digest;
	uint64_t size;
	int64_t time_ns; /* unneeded since then, if it is */
	enum mark mark;
	uint32_t first_edge, n_edges;    /* what a manifest refers to */
	uint32_t referrer, next_sibling; /* by subject; one more than the place, 0: none */
};

struct catalog_held_graph {
	struct node *v; /* owned; manifests first */
	size_t n_manifests, n, cap;
	uint32_t *edges; /* owned */
	size_t n_edges, cap_edges;
	uint32_t *stack; /* owned; room for all */
};

void catalog_held_free(struct catalog_held *h)
{
	if (!h)
		return;
	if (h->graph) {
		free(h->graph->v);
		free(h->graph->edges);
		free(h->graph->stack);
		free(h->graph);
	}
	free(h->tags);
	arena_free(h->a);
	free(h);
}

/* ---- reading ---- */

struct reading {
	struct catalog *c;
	struct str name;
	struct catalog_held *h;
	size_t cap_tags, n_rows;
	size_t at; /* the manifest whose references are read */
};

static bool one_more(struct reading *r)
{
	return ++r->n_rows <= LIMIT_HELD_ROWS;
}

static bool see_tag(void *arg, struct db_row *row)
{
	struct reading *r = arg;
	struct catalog_held *h = r->h;
	if (!one_more(r))
		return false;
	mem_reserve_one(h->tags, h->n_tags, r->cap_tags);
	h->tags[h->n_tags++] = (struct catalog_held_tag){
		.name = arena_strdup(h->a, db_row_text(row, 0)),
		.digest = arena_strdup(h->a, db_row_text(row, 1)),
		.pushed_ns = db_row_int(row, 2),
	};
	return true;
}

static bool see_node(void *arg, struct db_row *row)
{
	struct reading *r = arg;
	struct catalog_held_graph *g = r->h->graph;
	if (!one_more(r))
		return false;
	mem_reserve_one(g->v, g->n, g->cap);
	g->v[g->n++] = (struct node){ .digest = arena_strdup(r->h->a, db_row_text(row, 0)),
				      .size = (uint64_t)MAX(db_row_int(row, 1), 0),
				      .time_ns = db_row_int(row, 2) };
	return true;
}

/* Its place among `n` of them, or -1. */
static ptrdiff_t find(const struct node *v, size_t n, struct str digest)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = str_cmp(str_of(v[mid].digest), digest);
		if (!order)
			return (ptrdiff_t)mid;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

static ptrdiff_t find_any(const struct catalog_held_graph *g, struct str digest)
{
	ptrdiff_t at = find(g->v + g->n_manifests, g->n - g->n_manifests, digest);
	return at >= 0 ? at + (ptrdiff_t)g->n_manifests : find(g->v, g->n_manifests, digest);
}

/* References come by manifest. What is not there (a foreign layer) is none of ours. */
static bool see_reference(void *arg, struct db_row *row)
{
	struct reading *r = arg;
	struct catalog_held_graph *g = r->h->graph;
	struct str manifest = db_row_text(row, 0);
	if (!one_more(r))
		return false;
	while (r->at < g->n_manifests && str_cmp(str_of(g->v[r->at].digest), manifest) < 0)
		r->at++;
	if (r->at == g->n_manifests || !str_eq(str_of(g->v[r->at].digest), manifest))
		return true; /* it came since */
	ptrdiff_t to = find_any(g, db_row_text(row, 1));
	if (to < 0)
		return true;
	if (!g->v[r->at].n_edges++)
		g->v[r->at].first_edge = (uint32_t)g->n_edges;
	mem_reserve_one(g->edges, g->n_edges, g->cap_edges);
	g->edges[g->n_edges++] = (uint32_t)to;
	return true;
}

static bool see_subject(void *arg, struct db_row *row)
{
	struct reading *r = arg;
	struct catalog_held_graph *g = r->h->graph;
	ptrdiff_t of = find(g->v, g->n_manifests, db_row_text(row, 0));
	ptrdiff_t subject = find(g->v, g->n_manifests, db_row_text(row, 1));
	if (of < 0 || subject < 0)
		return true;
	g->v[of].next_sibling = g->v[subject].referrer;
	g->v[subject].referrer = (uint32_t)of + 1;
	return true;
}

static struct err *read(struct reading *r, const char *sql,
			bool (*row)(void *arg, struct db_row *row))
{
	TRY(db_query(r->c->db, sql, DB_PARAMS(db_text(r->name)), row, r));
	if (r->n_rows > LIMIT_HELD_ROWS)
		return err_coded(ERR_LIMIT, "REPOSITORY_LARGE",
				 "Delete tags and manifests by hand until it is smaller.",
				 STR_FMT " has more than %d tags, manifests and layers",
				 STR_ARG(r->name), LIMIT_HELD_ROWS);
	return NULL;
}

static struct err *read_graph(struct reading *r)
{
	struct catalog_held_graph *g = r->h->graph = mem_new(struct catalog_held_graph);
	TRY(read(r,
		 "SELECT digest, size, COALESCE(used_ns, created_ns) FROM manifest"
		 " WHERE repository = $1 ORDER BY digest",
		 see_node));
	g->n_manifests = g->n;
	TRY(read(r,
		 "SELECT digest, size, linked_ns FROM repository_blob WHERE repository = $1"
		 " ORDER BY digest",
		 see_node));
	TRY(read(r,
		 "SELECT manifest, digest FROM manifest_reference WHERE repository = $1"
		 " ORDER BY manifest, position",
		 see_reference));
	TRY(read(r,
		 "SELECT digest, subject FROM manifest WHERE repository = $1"
		 " AND subject IS NOT NULL",
		 see_subject));
	g->stack = mem_new_array(g->n + 1, uint32_t);
	return NULL;
}

struct err *catalog_held_read(struct catalog *c, struct str full_name, bool with_graph,
			      struct catalog_held **out)
{
	own(catalog_held) h = mem_new(struct catalog_held);
	struct reading r = { .c = c, .name = full_name, .h = h };
	h->a = arena_open(ARENA_BYTES);
	TRY(read(&r,
		 "SELECT name, digest, COALESCE(pushed_ns, updated_ns) FROM tag"
		 " WHERE repository = $1 ORDER BY name",
		 see_tag));
	if (with_graph)
		TRY(read_graph(&r));
	*out = move(h);
	return NULL;
}

/* ---- weighing ---- */

static size_t push(struct catalog_held_graph *g, size_t depth, uint32_t to, enum mark m)
{
	if (g->v[to].mark >= m)
		return depth;
	g->v[to].mark = m;
	g->stack[depth] = to;
	return depth + 1;
}

/* Marks what a manifest needs, and what is about it: a signature stays as long as its subject. */
static void mark(struct catalog_held_graph *g, ptrdiff_t root, enum mark m)
{
	size_t depth = root < 0 ? 0 : push(g, 0, (uint32_t)root, m);
	while (depth) {
		const struct node *n = &g->v[g->stack[--depth]];
		for (uint32_t i = 0; i < n->n_edges; i++)
			depth = push(g, depth, g->edges[n->first_edge + i], m);
		for (uint32_t i = n->referrer; i; i = g->v[i - 1].next_sibling)
			depth = push(g, depth, i - 1, m);
	}
}

static void mark_all(const struct catalog_held *h, const bool *goes, int64_t unneeded_ns)
{
	struct catalog_held_graph *g = h->graph;
	for (size_t i = 0; i < g->n; i++)
		g->v[i].mark = UNNEEDED;
	for (size_t i = 0; i < h->n_tags; i++)
		mark(g, find(g->v, g->n_manifests, str_of(h->tags[i].digest)),
		     goes[i] ? GOES : STAYS);
	/* No tag needs it, neither before nor after: it stays for itself while it is young. */
	for (size_t i = 0; i < g->n_manifests; i++)
		if (g->v[i].mark == UNNEEDED && g->v[i].time_ns >= unneeded_ns)
			mark(g, (ptrdiff_t)i, STAYS);
}

void catalog_held_weigh(const struct catalog_held *h, const bool *goes, int64_t unneeded_ns,
			struct catalog_held_weight *out)
{
	struct catalog_held_graph *g = h->graph;
	assert(g);
	*out = (struct catalog_held_weight){ .tag_bytes = 0 };
	bool stay = unneeded_ns == INT64_MIN;
	mark_all(h, goes, unneeded_ns);
	for (size_t i = 0; i < g->n; i++) {
		const struct node *n = &g->v[i];
		if (n->mark == GOES) {
			out->tag_bytes += n->size;
		} else if (n->mark == UNNEEDED && !stay && n->time_ns < unneeded_ns) {
			*(i < g->n_manifests ? &out->n_manifests : &out->n_blobs) += 1;
			out->bytes += n->size;
		}
	}
}
