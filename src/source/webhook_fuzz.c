/* Any bytes as a delivery of the provider that the first byte chooses, its event by the second.
 * What is read names branches and tags only, and commits that could be some. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/limits.h"
#include "codec/sha256.h"
#include "source/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static const char *const events[] = { "push",   "Push Hook", "Tag Push Hook",     "create",
				      "delete", "repo:push", "repo:refs_changed", "ping" };

struct request {
	const char *event;
	char hex[SHA256_BYTES * 2 + 1], prefixed[100];
};

/* A right signature wherever one is asked for, and the event in every such header. */
static struct str get(void *arg, const char *name)
{
	struct request *r = arg;
	if (strcmp(name, "X-Hub-Signature-256") == 0 || strcmp(name, "X-Hub-Signature") == 0)
		return str_of(r->prefixed);
	if (strcmp(name, "X-Gitea-Signature") == 0)
		return str_of(r->hex);
	if (str_ends(str_of(name), STR("-Token")))
		return STR("secret");
	if (strcmp(name, "Authorization") == 0)
		return STR("Bearer secret");
	if (str_ends(str_of(name), STR("Event")) || strcmp(name, "X-Event-Key") == 0)
		return str_of(r->event);
	return (struct str){ NULL, 0 };
}

static void check(const struct source_delivery *d)
{
	assert(d->key && *d->key && d->event);
	assert(d->n_changes <= LIMIT_WEBHOOK_CHANGES);
	for (size_t i = 0; i < d->n_changes; i++) {
		struct str ref = str_of(d->changes[i].ref);
		assert(str_starts(ref, STR("refs/heads/")) || str_starts(ref, STR("refs/tags/")));
		assert(ref.len <= LIMIT_WEBHOOK_REF_BYTES && str_is_utf8(ref));
		const char *commit = d->changes[i].commit;
		assert(!commit || strlen(commit) == 40 || strlen(commit) == 64);
		assert(!commit || !d->changes[i].deleted);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len < 2)
		return 0;
	struct request r = { .event = events[p[1] % ARRAY_LEN(events)] };
	enum source_provider provider = (enum source_provider)(p[0] % (SOURCE_KILN + 1));
	uint8_t sum[SHA256_BYTES];
	HMAC(EVP_sha256(), "secret", 6, p + 2, len - 2, sum, NULL);
	hex_encode(sum, sizeof(sum), r.hex);
	snprintf(r.prefixed, sizeof(r.prefixed), "sha256=%s", r.hex);
	own(arena) a = arena_open((size_t)64 << 20);
	struct source_headers h = { get, &r };
	struct str secret = STR("secret");
	struct source_delivery d;
	struct err *e = source_webhook_read(a, provider, &h, str_n((const char *)p + 2, len - 2),
					    &secret, 1, 1700000000, &d);
	assert(!e || e->kind != ERR_DENIED);
	if (!e)
		check(&d);
	err_free(e);
	return 0;
}
