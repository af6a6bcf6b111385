/* What the store holds, by name: repositories, their manifests, tags and blobs. All state is in the
 * database.
 *
 * 1. A tag names a manifest of its repository. 2. Everything a manifest references was in the blob
 * store and linked to the repository when it was put. 3. A publish (children, index, tags) is one
 * transaction. Repository names are not checked here. Safe from any thread; several processes may
 * use one database. */
#ifndef KILN_CATALOG_CATALOG_H
#define KILN_CATALOG_CATALOG_H

#include "base/arena.h"
#include "db/db.h"
#include "oci/manifest.h"

struct catalog;

/* `data_fd` (borrowed) holds the file `generation`, shared memory that tells other processes of a
 * change. */
struct err *catalog_open(struct db *db, int data_fd, struct catalog **out);
void catalog_free(struct catalog *c);
OWN_DECLARE(catalog);

/* Grows with every change that any process makes; one load of shared memory. For caches of answers:
 * an answer that was asked for after a look is good as long as a look gives the same number. */
uint64_t catalog_generation(const struct catalog *c);

struct catalog_manifest {
	struct oci_digest digest;
	char media_type[128];
	uint64_t size;
};

/* One manifest with what the catalog must know of it; `doc` is its parsed body. */
struct catalog_put {
	struct oci_digest digest;
	const char *media_type;
	uint64_t size;
	const struct oci_document *doc;
};
/* ERR_DENIED code TAG_IMMUTABLE when one of `tags` but `latest` is there already in an immutable
 * image repository (image.h) and points at something else.
 * Records `puts` in order (children before the index) and points `tags` at the last one, in one
 * transaction. Makes the repository if it is new. References: blobs must be linked to the
 * repository, or be linked by `link_blobs` (the engine's own publish); child manifests must be
 * known in the repository or be earlier in `puts`. Missing ones: ERR_NOT_FOUND that lists their
 * digests, in
 * `*missing` (may be NULL) as digests in `a`. Subjects may be absent. */
struct err *catalog_publish(struct catalog *c, struct str repository,
			    const struct catalog_put *puts, size_t n_puts, const char *const *tags,
			    size_t n_tags, bool link_blobs, struct arena *a,
			    struct oci_digest **missing, size_t *n_missing);

/* Something was pushed to it, or it was made as an image repository. */
struct err *catalog_repository_exists(struct catalog *c, struct str repository, bool *found);
struct err *catalog_tag_get(struct catalog *c, struct str repository, struct str tag, bool *found,
			    struct catalog_manifest *m);
struct err *catalog_manifest_get(struct catalog *c, struct str repository,
				 const struct oci_digest *d, bool *found,
				 struct catalog_manifest *m);
/* By a tag or a digest; what is no tag is not found. ERR_INVALID for a broken digest. */
struct err *catalog_reference_get(struct catalog *c, struct str repository, struct str reference,
				  bool *found, struct catalog_manifest *m);
/* Tags in bytewise order behind `last`, at most `n`. */
struct err *catalog_tag_list(struct catalog *c, struct arena *a, struct str repository,
			     struct str last, size_t n, const char ***tags, size_t *n_tags);
struct err *catalog_repository_list(struct catalog *c, struct arena *a, struct str last, size_t n,
				    const char ***names, size_t *n_names);
struct err *catalog_tag_delete(struct catalog *c, struct str repository, struct str tag,
			       bool *found);
/* Also removes the tags that point at it. */
struct err *catalog_manifest_delete(struct catalog *c, struct str repository,
				    const struct oci_digest *d, bool *found);

struct err *catalog_blob_link(struct catalog *c, struct str repository, const struct oci_digest *d,
			      uint64_t size);
struct err *catalog_blob_linked(struct catalog *c, struct str repository,
				const struct oci_digest *d, bool *found);
/* A push that asks does not send what is there: retention leaves the link for a day. Written once
 * an hour. */
struct err *catalog_blob_asked(struct catalog *c, struct str repository,
			       const struct oci_digest *d);
/* Is it linked to any repository? For mounts without `from`. */
struct err *catalog_blob_known(struct catalog *c, const struct oci_digest *d, bool *found);
/* The repositories that link it, by name behind `last`, at most `n`. */
struct err *catalog_blob_holders(struct catalog *c, struct arena *a, const struct oci_digest *d,
				 struct str last, size_t n, const char ***names, size_t *n_names);
/* Does anything in the catalog need this blob: a link of a repository, or a manifest's own bytes?
 */
struct err *catalog_blob_needed(struct catalog *c, const struct oci_digest *d, bool *needed);
/* How many blobs repositories hold, and their bytes together, each counted once. Reads all links.
 */
struct err *catalog_stored(struct catalog *c, uint64_t *blobs, uint64_t *bytes);
struct err *catalog_blob_unlink(struct catalog *c, struct str repository,
				const struct oci_digest *d, bool *found);

/* Manifests whose subject is `subject`, also while that is absent, by digest. Descriptors with
 * artifact type and annotations. ERR_LIMIT above LIMIT_REFERRERS_BYTES; `a` must have room for as
 * much. */
struct err *catalog_referrers(struct catalog *c, struct arena *a, struct str repository,
			      const struct oci_digest *subject, struct oci_descriptor **list,
			      size_t *n);
/* The same piece by piece: those behind `last` (NULL: from the first), as many as fit in
 * `max_bytes` of `a`; `*more` when one did not. */
struct err *catalog_referrers_page(struct catalog *c, struct arena *a, struct str repository,
				   const struct oci_digest *subject, const struct oci_digest *last,
				   size_t max_bytes, struct oci_descriptor **list, size_t *n,
				   bool *more);

#endif
