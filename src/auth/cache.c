/* Who was checked, for a minute, under a keyed hash of the header: the table cannot be aimed at,
 * and holds no secret. Sets of a few places; what does not fit is looked up again. */
#include "auth/auth_priv.h"

#include <stdlib.h>

#define SETS 512
#define WAYS 4

struct place {
	enum { FREE, PENDING, KNOWN } state;
	struct auth_cache_key key;
	struct auth_principal who;
	uint64_t until_ms;  /* of the monotonic clock */
	int64_t expires_ns; /* of the token; 0: never */
};

struct auth_cache {
	uint8_t key[AUTH_KEY_BYTES]; /* fixed */
	struct mutex lock;           /* guards all below */
	struct cond left;            /* a pending place was decided */
	struct place places[SETS][WAYS];
};

struct auth_cache *auth_cache_new(void)
{
	struct auth_cache *c = mem_new(struct auth_cache);
	random_bytes(c->key, sizeof(c->key));
	mutex_init(&c->lock);
	cond_init(&c->left);
	return c;
}

void auth_cache_free(struct auth_cache *c)
{
	if (!c)
		return;
	cond_done(&c->left);
	mutex_done(&c->lock);
	free(c);
}

struct auth_cache_key auth_cache_key(struct auth_cache *c, struct str header)
{
	return (struct auth_cache_key){ auth_hmac(c->key, header) };
}

static struct place *set_of(struct auth_cache *c, const struct auth_cache_key *k)
{
	return c->places[(k->mac.b[0] | k->mac.b[1] << 8) % SETS];
}

static bool is_valid(const struct place *p, const struct auth_now *now)
{
	return p->state == KNOWN && p->until_ms > now->mono_ms &&
	       p->who.generation == now->generation &&
	       (!p->expires_ns || p->expires_ns > now->unix_ns);
}

static struct place *find_locked(struct auth_cache *c, const struct auth_cache_key *k)
{
	mutex_assert_held(&c->lock);
	struct place *set = set_of(c, k);
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].state != FREE && auth_mac_eq(&set[i].key.mac, &k->mac))
			return &set[i];
	return NULL;
}

bool auth_cache_get(struct auth_cache *c, const struct auth_cache_key *k,
		    const struct auth_now *now, struct auth_principal *out)
{
	hold(&c->lock);
	struct place *p = find_locked(c, k);
	if (!p || !is_valid(p, now))
		return false;
	*out = p->who;
	return true;
}

/* A free place, or the oldest; NULL when all are being decided. */
static struct place *take_locked(struct auth_cache *c, const struct auth_cache_key *k)
{
	struct place *set = set_of(c, k), *best = NULL;
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].state == FREE)
			return &set[i];
		if (set[i].state == KNOWN && (!best || set[i].until_ms < best->until_ms))
			best = &set[i];
	}
	return best;
}

enum step { HIT, LEAD, AGAIN };

static enum step try_enter(struct auth_cache *c, const struct auth_cache_key *k,
			   const struct auth_now *now, struct auth_principal *out)
{
	hold(&c->lock);
	struct place *p = find_locked(c, k);
	if (p && is_valid(p, now)) {
		*out = p->who;
		return HIT;
	}
	if (p && p->state == PENDING) {
		cond_wait(&c->left, &c->lock);
		return AGAIN;
	}
	if (!p)
		p = take_locked(c, k);
	if (p)
		*p = (struct place){ .state = PENDING, .key = *k };
	return LEAD;
}

bool auth_cache_enter(struct auth_cache *c, const struct auth_cache_key *k, struct auth *a,
		      struct auth_principal *out)
{
	enum step s;
	do {
		struct auth_now now = { a->tuning.mono_ms(), a->tuning.unix_ns(),
					auth_generation(a) };
		s = try_enter(c, k, &now, out);
	} while (s == AGAIN);
	return s == HIT;
}

void auth_cache_leave(struct auth_cache *c, const struct auth_cache_key *k, uint64_t mono_ms,
		      const struct auth_principal *who, int64_t expires_ns)
{
	hold(&c->lock);
	struct place *p = find_locked(c, k);
	if (!p || p->state != PENDING)
		return; /* every place of the set was taken when it entered */
	if (who)
		*p = (struct place){ .state = KNOWN,
				     .key = *k,
				     .who = *who,
				     .until_ms = mono_ms + AUTH_CACHE_MS,
				     .expires_ns = expires_ns };
	else
		p->state = FREE;
	cond_broadcast(&c->left);
}
