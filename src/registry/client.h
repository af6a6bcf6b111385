/* The client's end of the distribution protocol: base images in, built images out.
 *
 * Docker Hub names by default (docker.io is asked at registry-1.docker.io); credentials from
 * $DOCKER_CONFIG/config.json or
 * ~/.docker/config.json (auths; credential helpers by posix_spawn of docker-credential-NAME), then
 * $XDG_RUNTIME_DIR/containers/auth.json; Bearer tokens and Basic; mirrors in the order given, then
 * the registry itself. Loopback hosts and those in `insecure` are plain HTTP (for insecure ones
 * HTTPS without certificate checks is tried first). Retries 408, 429 and 5xx three times, honouring
 * Retry-After up to 60 s. Everything that is received is checked against digest and size while it
 * comes; too much is cut off. Safe from any thread. */
#ifndef KILN_REGISTRY_CLIENT_H
#define KILN_REGISTRY_CLIENT_H

#include "base/arena.h"
#include "blob/store.h"
#include "oci/manifest.h"
#include "oci/reference.h"

struct registry_client;

struct registry_login {
	const char *host; /* "127.0.0.1:8080" */
	const char *user, *password;
};

struct registry_client_options {
	/* Asked before the user's own files. Copied; `n_logins` entries. */
	const struct registry_login *logins;
	size_t n_logins;
	const char *const *mirrors;  /* "HOST=URL", NULL-terminated; may be NULL */
	const char *const *insecure; /* hosts, NULL-terminated; may be NULL */
	/* Asked now and then during transfers, from any thread; true ends them with ERR_CANCELED.
	 * May be NULL. */
	bool (*canceled)(void *arg);
	void *arg;
};

struct err *registry_client_open(const struct registry_client_options *o,
				 struct registry_client **out);
void registry_client_free(struct registry_client *c);
OWN_DECLARE(registry_client);

struct registry_manifest {
	struct oci_descriptor descriptor; /* media type, digest of the bytes, size */
	struct str body;
};
/* The manifest or index by tag or digest, in the arena. A registry's word for the digest is not
 * believed, the bytes are hashed; when `ref` has a digest they must match it. ERR_NOT_FOUND:
 * "alpine:9.9 does not exist in docker.io" ; ERR_DENIED: says how to log in; ERR_UNAVAILABLE: the
 * registry is down (names host and cause). */
struct err *registry_get_manifest(struct registry_client *c, struct arena *a,
				  const struct oci_reference *ref, struct registry_manifest *out);
/* The digest a tag points at, by HEAD; falls back to GET. */
struct err *registry_head_manifest(struct registry_client *c, const struct oci_reference *ref,
				   struct oci_digest *out);
/* Brings a blob of `ref`'s repository into the store unless it is there already; digest and size
 * must be those of `d` (ERR_CORRUPT naming host, expected and got). `progress` may be NULL. One
 * transfer per digest at a time; who comes second waits for the first. */
struct err *registry_fetch_blob(struct registry_client *c, const struct oci_reference *ref,
				const struct oci_descriptor *d, struct blob_store *store,
				void (*progress)(void *arg, uint64_t done, uint64_t total),
				void *arg);
/* Sends a blob unless the repository has it (HEAD), with a mount from `from_repository` (may be
 * NULL) tried first. */
struct err *registry_push_blob(struct registry_client *c, const struct oci_reference *ref,
			       const struct oci_descriptor *d, struct blob_store *store,
			       const char *from_repository,
			       void (*progress)(void *arg, uint64_t done, uint64_t total),
			       void *arg);
/* Puts a manifest or index under `reference` (a tag, or a digest's text). */
struct err *registry_push_manifest(struct registry_client *c, const struct oci_reference *ref,
				   const char *reference, const char *media_type, struct str body);

#endif
