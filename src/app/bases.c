#include "app/bases.h"

#include <stdlib.h>

#include "app/embedded.h"
#include "base/thread.h"
#include "base/time.h"
#include "registry/client.h"

#define MOST_MS 30000 /* for one question, with its retries */

struct bases {
	struct bases_options o;
	struct pipeline_registries registries;
	char *external; /* owned; the host of --external-url; NULL: none */
	int stopped;    /* atomic */
	struct mutex lock;
	struct cond served; /* guarded by the lock, as all below */
	char *own;          /* owned; "HOST:PORT"; set once */
};

/* ---- our own ---- */

/* NULL when the server stops before it listens. */
static const char *own_host(struct bases *b)
{
	hold(&b->lock);
	while (!b->own && !__atomic_load_n(&b->stopped, __ATOMIC_RELAXED))
		cond_wait(&b->served, &b->lock);
	return b->own;
}

static bool is_own(void *arg, const char *name)
{
	struct bases *b = arg;
	struct oci_reference ref;
	const char *own = own_host(b);
	struct err *e = oci_reference_parse(str_of(name), &ref);
	if (e) {
		err_free(e);
		return false;
	}
	return (own && strcmp(ref.host, own) == 0) ||
	       (b->external && strcmp(ref.host, b->external) == 0);
}

/* As a build of the namespace is answered. */
static struct err *may_pull(struct bases *b, const char *namespace_, const char *repository)
{
	const struct auth_principal who = auth_build_principal(str_of(namespace_));
	enum auth_role role;
	bool found, is_public;
	if (b->o.all_may_pull)
		return NULL;
	TRY(catalog_image_role(b->o.catalog, b->o.auth, &who, str_of(repository), &found,
			       &is_public, &role));
	return role >= AUTH_VIEW ? NULL
				 : err_new(ERR_DENIED, "builds of %s may not pull %s", namespace_,
					   repository);
}

static struct err *look_up(struct bases *b, const char *namespace_, const struct oci_reference *ref,
			   struct oci_digest *out)
{
	struct catalog_manifest m;
	bool found;
	TRY(may_pull(b, namespace_, ref->repository));
	TRY(catalog_tag_get(b->o.catalog, str_of(ref->repository), str_of(ref->tag), &found, &m));
	if (!found)
		return err_new(ERR_NOT_FOUND, "%s:%s does not exist here", ref->repository,
			       ref->tag);
	*out = m.digest;
	return NULL;
}

/* ---- others' ---- */

struct question {
	struct bases *b;
	uint64_t until_ms;
};

static bool is_over(void *arg)
{
	const struct question *q = arg;
	return __atomic_load_n(&q->b->stopped, __ATOMIC_RELAXED) || time_mono_ms() > q->until_ms;
}

/* With a client of its own, which ends in time; a few are sent in an hour. */
static struct err *ask(struct bases *b, const struct oci_reference *ref, struct oci_digest *out)
{
	own(registry_client) client = NULL;
	struct question q = { b, time_mono_ms() + MOST_MS };
	const struct registry_client_options o = {
		.mirrors = b->o.mirrors, .insecure = b->o.insecure, .canceled = is_over, .arg = &q
	};
	TRY(registry_client_open(&o, &client));
	struct err *e = registry_head_manifest(client, ref, out);
	if (!e || e->kind != ERR_CANCELED || __atomic_load_n(&b->stopped, __ATOMIC_RELAXED))
		return e;
	err_free(e);
	return err_new(ERR_UNAVAILABLE, "%s did not answer within %d s", ref->host, MOST_MS / 1000);
}

static struct err *head(void *arg, const char *namespace_, const char *name, struct oci_digest *out)
{
	struct bases *b = arg;
	struct oci_reference ref;
	if (__atomic_load_n(&b->stopped, __ATOMIC_RELAXED))
		return err_new(ERR_CANCELED, "the server stops");
	TRY(oci_reference_parse(str_of(name), &ref));
	return *namespace_ ? look_up(b, namespace_, &ref, out) : ask(b, &ref, out);
}

/* ---- life ---- */

void bases_open(const struct bases_options *o, struct bases **out)
{
	struct bases *b = mem_new(struct bases);
	b->o = *o;
	b->registries = (struct pipeline_registries){ is_own, head, b };
	if (o->external_url) {
		struct str rest = str_of(strstr(o->external_url, "://") + 3);
		struct str host = str_cut(&rest, '/');
		b->external = mem_strndup(host.p, host.len);
	}
	mutex_init(&b->lock);
	cond_init(&b->served);
	*out = b;
}

const struct pipeline_registries *bases_registries(const struct bases *b)
{
	return &b->registries;
}

void bases_serve(struct bases *b, const char *address)
{
	hold(&b->lock);
	b->own = embedded_host(address);
	cond_broadcast(&b->served);
}

void bases_stop(struct bases *b)
{
	if (!b)
		return;
	hold(&b->lock);
	__atomic_store_n(&b->stopped, 1, __ATOMIC_RELAXED);
	cond_broadcast(&b->served);
}

void bases_free(struct bases *b)
{
	if (!b)
		return;
	cond_done(&b->served);
	mutex_done(&b->lock);
	free(b->own);
	free(b->external);
	free(b);
}
