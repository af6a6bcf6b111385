/* Prepared answers.
 *
 * Shards of a few slots, each under its own lock, which is held for a comparison and a reference.
 * A slot half as old as it may get sends one request to make it up again, while the others still
 * get it: so nobody waits for an answer that is in use. */
#include <stdlib.h>

#include "base/time.h"
#include "registry/server_priv.h"

#define SHARDS 64u
#define SLOTS  16u

struct slot {
	char *path; /* owned; NULL: empty */
	size_t path_len;
	uint64_t hash, generation, made_ms;
	bool refreshing;
	bool open;                /* everybody may have it; holds for this generation */
	struct http_reply *reply; /* owned */
	struct oci_digest_text etag;
};

struct registry_flight {
	struct registry_flight *next;
	char *path; /* owned */
	size_t path_len;
	uint64_t hash, generation, started_ms;
	struct http_exchange **waiting; /* owned; each borrowed until it is answered */
	size_t n_waiting, cap_waiting;
};

struct shard {
	struct mutex lock; /* guards all below */
	struct slot slots[SLOTS];
	struct registry_flight *flights;
};

struct registry_cache {
	struct shard shards[SHARDS];
};

static uint64_t hash_path(struct str path) /* FNV-1a */
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < path.len; i++)
		h = (h ^ (uint8_t)path.p[i]) * 0x100000001b3;
	return h;
}

static struct shard *shard_of(struct registry_cache *k, uint64_t hash)
{
	return &k->shards[(hash >> 32) % SHARDS];
}

static void slot_clear(struct slot *s)
{
	http_reply_unref(s->reply);
	free(s->path);
	*s = (struct slot){ .path = NULL };
}

struct registry_cache *registry_cache_new(void)
{
	struct registry_cache *k = mem_new(struct registry_cache);
	for (size_t i = 0; i < SHARDS; i++)
		mutex_init(&k->shards[i].lock);
	return k;
}

void registry_cache_free(struct registry_cache *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		for (size_t j = 0; j < SLOTS; j++)
			slot_clear(&k->shards[i].slots[j]);
		mutex_done(&k->shards[i].lock);
	}
	free(k);
}

static struct slot *find_locked(struct shard *sh, struct str path, uint64_t hash)
{
	mutex_assert_held(&sh->lock);
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &sh->slots[i];
		if (s->path && s->hash == hash && str_eq(str_n(s->path, s->path_len), path))
			return s;
	}
	return NULL;
}

struct http_reply *registry_cache_find(struct registry_cache *k, struct str path,
				       uint64_t generation, struct oci_digest_text *etag,
				       bool *open)
{
	uint64_t hash = hash_path(path), now = time_mono_ms();
	struct shard *sh = shard_of(k, hash);
	hold(&sh->lock);
	struct slot *s = find_locked(sh, path, hash);
	if (!s || s->generation != generation || now - s->made_ms >= REGISTRY_FRESH_MS)
		return NULL;
	if (!s->refreshing && now - s->made_ms >= REGISTRY_FRESH_MS / 2) {
		s->refreshing = true;
		return NULL;
	}
	*etag = s->etag;
	*open = s->open;
	return http_reply_ref(s->reply);
}

struct registry_flight *registry_cache_join(struct registry_cache *k, struct str path,
					    uint64_t generation, struct http_exchange *x)
{
	uint64_t hash = hash_path(path);
	struct shard *sh = shard_of(k, hash);
	hold(&sh->lock);
	for (struct registry_flight *f = sh->flights; f; f = f->next) {
		/* One that took off before the last change may bring what was before it. */
		if (f->hash != hash || f->generation != generation ||
		    !str_eq(str_n(f->path, f->path_len), path))
			continue;
		mem_reserve_one(f->waiting, f->n_waiting, f->cap_waiting);
		f->waiting[f->n_waiting++] = x;
		return NULL;
	}
	struct registry_flight *f = mem_new(struct registry_flight);
	*f = (struct registry_flight){ .next = sh->flights,
				       .path = str_dup(path),
				       .path_len = path.len,
				       .hash = hash,
				       .generation = generation,
				       .started_ms = time_mono_ms() };
	sh->flights = f;
	return f;
}

/* Its own slot, else an empty one, else the oldest. */
static struct slot *slot_for_locked(struct shard *sh, struct registry_flight *f)
{
	struct slot *own_slot = find_locked(sh, str_n(f->path, f->path_len), f->hash);
	if (own_slot)
		return own_slot;
	struct slot *best = &sh->slots[0]; /* an empty slot was made at 0 */
	for (size_t i = 1; i < SLOTS; i++)
		if (sh->slots[i].made_ms < best->made_ms)
			best = &sh->slots[i];
	return best;
}

static void keep_locked(struct shard *sh, struct registry_flight *f, struct http_reply *reply,
			const struct oci_digest_text *etag, bool open)
{
	mutex_assert_held(&sh->lock);
	struct slot *s = slot_for_locked(sh, f);
	slot_clear(s);
	*s = (struct slot){ .path = move(f->path),
			    .path_len = f->path_len,
			    .hash = f->hash,
			    .generation = f->generation,
			    .made_ms = f->started_ms,
			    .open = open,
			    .reply = http_reply_ref(reply),
			    .etag = *etag };
}

void registry_cache_land(struct registry_cache *k, struct registry_flight *f,
			 struct http_reply *reply, const struct oci_digest_text *etag, bool open)
{
	struct shard *sh = shard_of(k, f->hash);
	mutex_lock(&sh->lock);
	struct registry_flight **at = &sh->flights;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	if (etag)
		keep_locked(sh, f, reply, etag, open);
	mutex_unlock(&sh->lock);
	for (size_t i = 0; i < f->n_waiting; i++)
		http_answer(f->waiting[i], http_reply_ref(reply));
	free(f->waiting);
	free(f->path);
	free(f);
}
