/* Failed logins, by account and by address. The first few are free; from then on each one closes
 * the door for twice as long. Half an hour without failures forgets them.
 *
 * The table is bounded and keyed, so that nobody can choose whom to push out of it; the account
 * counts whether it exists or not. Addresses of one IPv6 /64 are one. */
#include "auth/auth_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define SETS           512
#define WAYS           8
#define FREE_ACCOUNT   10 /* failures before the door closes */
#define FREE_ADDRESS   100
#define FIRST_CLOSE_MS 15000u
#define MOST_CLOSE_MS  900000u
#define FORGET_MS      1800000u

struct place {
	struct auth_mac key;
	uint32_t failures; /* 0: a free place */
	uint64_t last_ms, closed_until_ms;
};

struct auth_limiter {
	uint8_t key[AUTH_KEY_BYTES]; /* fixed */
	struct mutex lock;           /* guards all below */
	struct place places[SETS][WAYS];
};

struct auth_limiter *auth_limiter_new(void)
{
	struct auth_limiter *l = mem_new(struct auth_limiter);
	random_bytes(l->key, sizeof(l->key));
	mutex_init(&l->lock);
	return l;
}

void auth_limiter_free(struct auth_limiter *l)
{
	if (!l)
		return;
	mutex_done(&l->lock);
	free(l);
}

/* ---- what is counted ---- */

struct subject {
	bool is_any;
	struct auth_mac key;
	uint32_t n_free;
};

static struct subject subject_of(struct auth_limiter *l, char kind, struct str name,
				 uint32_t n_free)
{
	struct buf b;
	buf_init(&b, LIMIT_AUTHORIZATION_BYTES + 1);
	buf_add_c(&b, kind);
	buf_add(&b, name);
	struct subject s = { true, auth_hmac(l->key, buf_str(&b)), n_free };
	buf_done(&b);
	return s;
}

static struct subject account_of(struct auth_limiter *l, struct str name)
{
	return name.len ? subject_of(l, 'a', name, FREE_ACCOUNT) : (struct subject){ 0 };
}

static struct subject address_of(struct auth_limiter *l, const char *remote)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t v6[16];
	if (!remote || !*remote)
		return (struct subject){ 0 };
	struct str name = str_of(remote);
	if (inet_pton(AF_INET6, remote, v6) != 1)
		return subject_of(l, 'r', name, FREE_ADDRESS);
	if (memcmp(v6, mapped, sizeof(mapped)) != 0)
		return subject_of(l, '6', str_n((char *)v6, 8), FREE_ADDRESS);
	char v4[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, v6 + 12, v4, sizeof(v4));
	return subject_of(l, 'r', str_of(v4), FREE_ADDRESS);
}

/* ---- the table ---- */

static bool is_over(const struct place *p, uint64_t now_ms)
{
	return now_ms >= p->closed_until_ms && now_ms - p->last_ms >= FORGET_MS;
}

static struct place *set_of(struct auth_limiter *l, const struct subject *s)
{
	return l->places[(s->key.b[0] | s->key.b[1] << 8) % SETS];
}

static struct place *find_locked(struct auth_limiter *l, const struct subject *s, uint64_t now_ms)
{
	mutex_assert_held(&l->lock);
	struct place *set = set_of(l, s);
	for (size_t i = 0; s->is_any && i < WAYS; i++) {
		if (!set[i].failures || !auth_mac_eq(&set[i].key, &s->key))
			continue;
		if (!is_over(&set[i], now_ms))
			return &set[i];
		set[i].failures = 0;
		return NULL;
	}
	return NULL;
}

/* A free place, else that of who failed least. */
static struct place *take_locked(struct auth_limiter *l, const struct subject *s, uint64_t now_ms)
{
	struct place *set = set_of(l, s), *best = &set[0];
	for (size_t i = 0; i < WAYS; i++) {
		if (!set[i].failures || is_over(&set[i], now_ms)) {
			best = &set[i];
			break;
		}
		if (set[i].failures < best->failures ||
		    (set[i].failures == best->failures && set[i].last_ms < best->last_ms))
			best = &set[i];
	}
	*best = (struct place){ .key = s->key };
	return best;
}

static void count_locked(struct auth_limiter *l, const struct subject *s, uint64_t now_ms)
{
	if (!s->is_any)
		return;
	struct place *p = find_locked(l, s, now_ms);
	if (!p)
		p = take_locked(l, s, now_ms);
	if (p->failures < UINT32_MAX)
		p->failures++;
	p->last_ms = now_ms;
	if (p->failures < s->n_free)
		return;
	uint32_t doublings = MIN(p->failures - s->n_free, 10u);
	uint64_t closed_ms = MIN((uint64_t)FIRST_CLOSE_MS << doublings, (uint64_t)MOST_CLOSE_MS);
	p->closed_until_ms = now_ms + closed_ms;
}

static uint64_t closed_until_locked(struct auth_limiter *l, const struct subject *s,
				    uint64_t now_ms)
{
	const struct place *p = find_locked(l, s, now_ms);
	return p ? p->closed_until_ms : 0;
}

struct err *auth_limiter_begin(struct auth_limiter *l, struct str account, const char *remote,
			       uint64_t now_ms)
{
	struct subject who = account_of(l, account), where = address_of(l, remote);
	hold(&l->lock);
	uint64_t until_ms =
		MAX(closed_until_locked(l, &who, now_ms), closed_until_locked(l, &where, now_ms));
	if (until_ms > now_ms)
		return err_coded(ERR_LIMIT, "LOGIN_LIMITED", "Wait, then try again.",
				 "too many failed logins; the next one may be made in %u s",
				 (unsigned)((until_ms - now_ms + 999) / 1000));
	count_locked(l, &who, now_ms);
	count_locked(l, &where, now_ms);
	return NULL;
}

void auth_limiter_right(struct auth_limiter *l, struct str account, const char *remote,
			uint64_t now_ms)
{
	struct subject who = account_of(l, account), where = address_of(l, remote);
	hold(&l->lock);
	struct place *p = find_locked(l, &who, now_ms);
	if (p)
		p->failures = 0;
	p = find_locked(l, &where, now_ms);
	if (p) {
		p->failures--;
		p->closed_until_ms = 0; /* it was open when this attempt began */
	}
}
