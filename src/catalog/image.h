/* Namespaces and image repositories: what a repository of the registry is to people. The registry's
 * own rows (catalog.h) come with the first push; an image repository may be there before.
 *
 * A name on the wire, "demo/hello", is the namespace "demo" and the repository "hello"; further
 * slashes belong to the repository. Names without a slash are of no namespace and have no image
 * repository: only administrators (and kiln itself) write them. */
#ifndef KILN_CATALOG_IMAGE_H
#define KILN_CATALOG_IMAGE_H

#include "auth/auth.h"
#include "catalog/catalog.h"

struct catalog_namespace {
	const char *id, *name; /* crn-…; name [a-z0-9] with [._-] inside, 2 to 120 bytes */
	bool auto_create;      /* a push by who may develop makes the image repository */
	bool default_public;   /* of such ones */
	int64_t created_ns, updated_ns;
	uint64_t n_repositories;
};
bool catalog_namespace_name_ok(struct str s);
/* ERR_INVALID code NAME_INVALID; ERR_CONFLICT code NAMESPACE_EXISTS. */
struct err *catalog_namespace_create(struct catalog *c, struct arena *m, struct str name,
				     bool auto_create, bool default_public,
				     struct catalog_namespace *out);
struct err *catalog_namespace_get(struct catalog *c, struct arena *m, struct str name_or_id,
				  bool *found, struct catalog_namespace *out);
/* By name, behind `after`. */
struct err *catalog_namespace_list(struct catalog *c, struct arena *m, struct str after, size_t n,
				   struct catalog_namespace **out, size_t *n_out);
struct err *catalog_namespace_update(struct catalog *c, struct str name, const bool *auto_create,
				     const bool *default_public);
/* ERR_CONFLICT code NAMESPACE_NOT_EMPTY while it has image repositories or code sources. Roles in
 * it go with it. */
struct err *catalog_namespace_delete(struct catalog *c, struct str name, bool *found);

struct catalog_image_repository {
	const char *id;                            /* crr-… */
	const char *namespace_, *name, *full_name; /* "demo", "hello", "demo/hello" */
	bool is_public, immutable, accelerated;
	const char *summary;     /* at most 100 characters */
	const char *description; /* Markdown, at most LIMIT_DESCRIPTION_BYTES */
	int64_t created_ns, updated_ns;
};
struct catalog_image_request {
	struct str namespace_, name;
	bool is_public, immutable, accelerated;
	struct str summary, description;
};
/* ERR_CONFLICT code REPOSITORY_EXISTS, ERR_NOT_FOUND when there is no such namespace, ERR_INVALID
 * code NAME_INVALID or TEXT_LONG. */
struct err *catalog_image_create(struct catalog *c, struct arena *m,
				 const struct catalog_image_request *r,
				 struct catalog_image_repository *out);
/* By full name or id. */
struct err *catalog_image_get(struct catalog *c, struct arena *m, struct str name_or_id,
			      bool *found, struct catalog_image_repository *out);
struct catalog_image_query { /* empty: any */
	struct str namespace_;
	struct str part;                 /* of the name */
	struct str source_id;            /* what it is built from */
	const struct oci_digest *digest; /* of a manifest that it has; NULL: any */
};
/* By full name behind `after`. Only what `who` may see. */
struct err *catalog_image_list(struct catalog *c, struct arena *m, struct auth *auth,
			       const struct auth_principal *who,
			       const struct catalog_image_query *q, struct str after, size_t n,
			       struct catalog_image_repository **out, size_t *n_out);
/* NULL members stay as they are. */
struct catalog_image_change {
	const bool *is_public, *immutable, *accelerated;
	const struct str *summary, *description;
};
struct err *catalog_image_update(struct catalog *c, struct str id,
				 const struct catalog_image_change *change);
/* With its tags, manifests, rules, build records, and the roles in it. */
struct err *catalog_image_delete(struct catalog *c, struct str id, bool *found);

/* Names of repositories that were pushed to and have an image repository that `who` may see, by
 * full name behind `after`. */
struct err *catalog_image_pushed(struct catalog *c, struct arena *m, struct auth *auth,
				 const struct auth_principal *who, struct str after, size_t n,
				 const char ***names, size_t *n_names);

/* What `who` may do in the repository of that full name: the role that was given, and at least view
 * when it is public. `*found` tells of an image repository; without one the role is the
 * namespace's. A worker has no role. */
struct err *catalog_image_role(struct catalog *c, struct auth *auth,
			       const struct auth_principal *who, struct str full_name, bool *found,
			       bool *is_public, enum auth_role *role);

struct catalog_tag {
	const char *name;
	struct catalog_manifest manifest;
	int64_t created_ns, updated_ns;
};
struct catalog_tag_query {
	struct str part;  /* of the name; empty: all */
	bool newest;      /* the last change first; else by name */
	struct str after; /* the name that the page before ended with; empty: from the start */
	int64_t after_ns; /* its updated_ns, with `newest` */
	size_t n;
};
/* Tags with what they point at. */
struct err *catalog_image_tags(struct catalog *c, struct arena *m, struct str full_name,
			       const struct catalog_tag_query *q, struct catalog_tag **out,
			       size_t *n_out);
struct err *catalog_image_tag_get(struct catalog *c, struct arena *m, struct str full_name,
				  struct str tag, bool *found, struct catalog_tag *out);
/* Points another tag at what `from` (a tag or a digest) is. Immutability as in catalog_publish().
 */
struct err *catalog_image_retag(struct catalog *c, struct str full_name, struct str from,
				struct str to);
/* May these tags be set? ERR_DENIED code TAG_IMMUTABLE names the first that is there already in an
 * immutable repository ("The requested tag already exists and cannot be overwritten."). `latest`
 * always may. catalog_publish() asks again, in its transaction. */
struct err *catalog_image_tags_free(struct catalog *c, struct str full_name,
				    const char *const *tags, size_t n);

#endif
