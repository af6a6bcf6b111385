#include "registry/client_priv.h"

#include <stdlib.h>

#include "base/limits.h"

#define ANSWER_MS 120000 /* for what is not a blob */

struct err *registry_client_open(const struct registry_client_options *o,
				 struct registry_client **out)
{
	own(registry_client) c = mem_new(struct registry_client);
	mutex_init(&c->lock);
	cond_init(&c->turn_ended);
	TRY(http_client_open(
		&(struct http_client_options){ .canceled = o->canceled, .arg = o->arg }, &c->http));
	TRY(mirrors_parse(o->mirrors, &c->mirrors));
	c->given = mem_new_array(o->n_logins, struct registry_login);
	for (; c->n_given < o->n_logins; c->n_given++) {
		const struct registry_login *l = &o->logins[c->n_given];
		c->given[c->n_given] =
			(struct registry_login){ mem_strdup(l->host), mem_strdup(l->user),
						 mem_strdup(l->password) };
	}
	for (const char *const *host = o->insecure; host && *host; host++) {
		mem_reserve_one(c->insecure, c->n_insecure, c->cap_insecure);
		c->insecure[c->n_insecure++] = mem_strdup(*host);
	}
	*out = move(c);
	return NULL;
}

void registry_client_free(struct registry_client *c)
{
	if (!c)
		return;
	registry_auth_free(c);
	http_client_free(c->http);
	mirrors_done(&c->mirrors);
	for (size_t i = 0; i < c->n_given; i++) {
		free((char *)c->given[i].host);
		free((char *)c->given[i].user);
		explicit_bzero((char *)c->given[i].password, strlen(c->given[i].password));
		free((char *)c->given[i].password);
	}
	free(c->given);
	for (size_t i = 0; i < c->n_insecure; i++)
		free(c->insecure[i]);
	free(c->insecure);
	cond_done(&c->turn_ended);
	mutex_done(&c->lock);
	free(c);
}

static const char *const accept_manifests[] = { "Accept: " OCI_TYPE_INDEX ", " OCI_TYPE_MANIFEST
						", " DOCKER_TYPE_LIST ", " DOCKER_TYPE_MANIFEST,
						NULL };

struct manifest_ask {
	struct registry_client *c;
	struct arena *a;
	const struct oci_reference *ref;
	const char *name; /* for messages */
	struct registry_manifest *out;
	struct oci_digest *digest; /* of HEAD */
	bool unknown;              /* HEAD told no digest */
};

static struct registry_call manifest_call(const struct endpoint *ep, const char *method,
					  const char *path)
{
	return (struct registry_call){
		.ep = ep,
		.actions = "pull",
		.path = path,
		.http = { .method = method,
			  .headers = accept_manifests,
			  .timeout_ms = ANSWER_MS,
			  .max_body = LIMIT_MANIFEST_BYTES },
	};
}

static char *manifest_path(const struct oci_reference *ref)
{
	return mem_printf("/manifests/%s",
			  ref->has_digest ? oci_digest_text(&ref->digest).s : ref->tag);
}

static struct oci_digest digest_of(enum oci_digest_alg alg, struct str body)
{
	if (alg == OCI_SHA256)
		return oci_digest_of_bytes(body.p, body.len);
	struct oci_digest d = { .alg = OCI_SHA512 };
	done(sha512) h;
	sha512_init(&h);
	sha512_update(&h, body.p, body.len);
	struct sha512_sum sum = sha512_final(&h);
	memcpy(d.raw, sum.b, sizeof(sum.b));
	return d;
}

static struct err *check_bytes(const char *name, const char *at, struct str body,
			       const struct oci_digest *want)
{
	struct oci_digest got = digest_of(want->alg, body);
	if (oci_digest_eq(&got, want))
		return NULL;
	return err_new(ERR_CORRUPT, "registry %s lied about %s: expected %s, got %s", at, name,
		       oci_digest_text(want).s, oci_digest_text(&got).s);
}

static struct err *check_digest(const struct manifest_ask *q, const struct endpoint *ep,
				const struct http_response *r, struct str body,
				struct oci_digest *out)
{
	struct oci_digest told;
	*out = oci_digest_of_bytes(body.p, body.len);
	if (q->ref->has_digest) {
		*out = q->ref->digest;
		return check_bytes(q->name, ep->at, body, &q->ref->digest);
	}
	struct err *e = oci_digest_parse(http_response_field(r, "Docker-Content-Digest"), &told);
	if (e) { /* it need not say */
		err_free(e);
		return NULL;
	}
	return check_bytes(q->name, ep->at, body, &told);
}

/* From the header; where that says nothing of use, from the body. */
static struct err *media_type_of(struct arena *a, const struct http_response *r, struct str body,
				 const char **out)
{
	struct str rest = http_response_field(r, "Content-Type");
	struct str type = str_trim(str_cut(&rest, ';'));
	struct oci_document doc;
	if (!oci_is_index_type(type) && !oci_is_manifest_type(type)) {
		bool generic = str_eq(type, STR("application/json")) ||
			       str_starts(type, STR("text/")) ||
			       str_eq(type, STR("application/octet-stream"));
		TRY(oci_document_parse(a, body, generic ? STR("") : type, &doc));
		type = str_of(doc.media_type                   ? doc.media_type
			      : doc.kind == OCI_DOCUMENT_INDEX ? OCI_TYPE_INDEX
							       : OCI_TYPE_MANIFEST);
	}
	*out = arena_strdup(a, type);
	return NULL;
}

static struct err *get_from(void *arg, const struct endpoint *ep, bool *final)
{
	struct manifest_ask *q = arg;
	own_mem char *path = manifest_path(q->ref);
	struct registry_call call = manifest_call(ep, "GET", path);
	done(http_response) r = { 0 };
	struct registry_manifest m = { 0 };
	TRY(err_wrap(registry_send(q->c, &call, &r, NULL), "%s", q->name));
	if (r.status != 200)
		return registry_refusal(q->c, &call, &r, q->name);
	struct str body = str_n(r.body, r.body_len);
	TRY(check_digest(q, ep, &r, body, &m.descriptor.digest));
	TRY(err_wrap(media_type_of(q->a, &r, body, &m.descriptor.media_type),
		     "manifest of %s from registry %s", q->name, ep->at));
	m.descriptor.size = body.len;
	m.body = arena_str(q->a, body);
	*q->out = m;
	return NULL;
}

struct err *registry_get_manifest(struct registry_client *c, struct arena *a,
				  const struct oci_reference *ref, struct registry_manifest *out)
{
	own_mem char *name = registry_full_name(ref);
	struct manifest_ask q = { .c = c, .a = a, .ref = ref, .name = name, .out = out };
	return registry_ask_each(c, ref, get_from, &q);
}

static struct err *head_at(void *arg, const struct endpoint *ep, bool *final)
{
	struct manifest_ask *q = arg;
	own_mem char *path = manifest_path(q->ref);
	struct registry_call call = manifest_call(ep, "HEAD", path);
	done(http_response) r = { 0 };
	TRY(err_wrap(registry_send(q->c, &call, &r, NULL), "%s", q->name));
	if (r.status == 404)
		return registry_refusal(q->c, &call, &r, q->name);
	struct err *e = r.status == 200
				? oci_digest_parse(http_response_field(&r, "Docker-Content-Digest"),
						   q->digest)
				: err_new(ERR_INVALID, "no answer to HEAD");
	/* A refusal of HEAD has no body: GET is to tell why. */
	q->unknown = e != NULL;
	err_free(e);
	return NULL;
}

struct err *registry_head_manifest(struct registry_client *c, const struct oci_reference *ref,
				   struct oci_digest *out)
{
	own_mem char *name = registry_full_name(ref);
	struct oci_digest digest;
	struct manifest_ask q = { .c = c, .ref = ref, .name = name, .digest = &digest };
	TRY(registry_ask_each(c, ref, head_at, &q));
	if (q.unknown) {
		own(arena) a = arena_open(4 * LIMIT_MANIFEST_BYTES);
		struct registry_manifest m;
		TRY(registry_get_manifest(c, a, ref, &m));
		digest = m.descriptor.digest;
	}
	if (ref->has_digest && !oci_digest_eq(&digest, &ref->digest))
		return err_new(ERR_CORRUPT, "registry %s lied about %s: it says %s", ref->host,
			       name, oci_digest_text(&digest).s);
	*out = digest;
	return NULL;
}

/* What the registry says it stored must be what was sent. */
static struct err *check_stored(const struct endpoint *ep, const struct http_response *r,
				const char *name, struct str body)
{
	struct oci_digest told;
	struct err *e = oci_digest_parse(http_response_field(r, "Docker-Content-Digest"), &told);
	if (e) {
		err_free(e);
		return NULL;
	}
	return check_bytes(name, ep->at, body, &told);
}

struct err *registry_push_manifest(struct registry_client *c, const struct oci_reference *ref,
				   const char *reference, const char *media_type, struct str body)
{
	own_mem char *path = mem_printf("/manifests/%s", reference);
	own_mem char *type = mem_printf("Content-Type: %s", media_type);
	own_mem char *name = mem_printf("%s/%s%s%s", ref->host, ref->repository,
					strchr(reference, ':') ? "@" : ":", reference);
	struct endpoint ep;
	done(http_response) r = { 0 };
	TRY(endpoint_of(c, ref, &ep));
	struct registry_call call = {
		.ep = &ep,
		.actions = "pull,push",
		.path = path,
		.http = { .method = "PUT",
			  .headers = (const char *const[]){ type, NULL },
			  .has_body = true,
			  .body = body,
			  .timeout_ms = ANSWER_MS },
	};
	TRY(err_wrap(registry_send(c, &call, &r, NULL), "push %s", name));
	if (r.status / 100 != 2)
		return err_wrap(registry_refusal(c, &call, &r, name), "push");
	return check_stored(&ep, &r, name, body);
}
