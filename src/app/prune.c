/* Removes what a build can make again: unpacked layers, the step cache, digests of contexts, and
 * blobs that no repository holds. */
#include "app/prune.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/exit.h"
#include "app/store.h"
#include "base/fd.h"
#include "layer/layer.h"
#include "sandbox/enter.h"

struct candidates {
	struct catalog *catalog;
	struct oci_digest *v; /* owned */
	uint64_t *sizes;      /* owned */
	size_t n, cap, cap_sizes;
};

static struct err *consider(void *arg, const struct oci_digest *d, uint64_t size_bytes)
{
	struct candidates *c = arg;
	bool needed;
	TRY(catalog_blob_needed(c->catalog, d, &needed));
	if (needed)
		return NULL;
	size_t n = c->n;
	mem_reserve_one(c->v, c->n, c->cap);
	mem_reserve_one(c->sizes, n, c->cap_sizes);
	c->sizes[c->n] = size_bytes;
	c->v[c->n++] = *d;
	return NULL;
}

/* A push links a blob right behind its commit: what is still in nobody's hands after this time is
 * not on its way. */
#define SETTLE_S 3

static struct err *remove_blobs(struct app_store *s, struct candidates *c, uint64_t *freed)
{
	TRY(blob_store_each(s->blobs, consider, c));
	if (c->n)
		sleep(SETTLE_S);
	for (size_t i = 0; i < c->n; i++) {
		bool needed;
		TRY(catalog_blob_needed(s->catalog, &c->v[i], &needed));
		if (needed)
			continue;
		TRY(blob_store_remove(s->blobs, &c->v[i]));
		*freed += c->sizes[i];
	}
	return NULL;
}

static struct err *prune(const char *path)
{
	own(app_store) s = NULL;
	uint64_t freed = 0;
	TRY(app_store_open(path, &s));
	TRY(layer_store_clear(s->fd));
	TRY(fd_remove_tree(s->fd, "contexts"));
	TRY(db_exec(s->db, "DELETE FROM step_cache", DB_NO_PARAMS));
	TRY(db_exec(s->db, "DELETE FROM copied_tree", DB_NO_PARAMS));
	struct candidates c = { .catalog = s->catalog };
	struct err *e = remove_blobs(s, &c, &freed);
	free(c.v);
	free(c.sizes);
	if (!e)
		printf("Removed all unpacked layers, the build cache, and %.1f MB of blobs that no image holds.\n",
		       (double)freed / 1e6);
	return e;
}

int prune_command(const struct invocation *in)
{
	own_mem char *path = NULL;
	bool single_id;
	struct err *e = app_store_locate(option_get(in, "data"), &path);
	/* Layers hold files of every owner: only inside the namespace may they be removed. */
	if (!e)
		e = sandbox_enter(&single_id);
	if (!e)
		e = prune(path);
	return exit_with(e);
}
