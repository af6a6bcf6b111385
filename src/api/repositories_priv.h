/* What the files of the area of image repositories share: namespaces.c, repositories.c, tags.c,
 * manifests.c. */
#ifndef KILN_API_REPOSITORIES_PRIV_H
#define KILN_API_REPOSITORIES_PRIV_H

#include "api/api_priv.h"

/* namespaces.c */
struct err *api_namespaces_list(struct api_call *c, struct http_reply **out);
struct err *api_namespaces_create(struct api_call *c, struct http_reply **out);
struct err *api_namespaces_get(struct api_call *c, struct http_reply **out);
struct err *api_namespaces_update(struct api_call *c, struct http_reply **out);
struct err *api_namespaces_delete(struct api_call *c, struct http_reply **out);

/* tags.c */
struct err *api_tags_list(struct api_call *c, struct http_reply **out);
struct err *api_tags_get(struct api_call *c, struct http_reply **out);
struct err *api_tags_put(struct api_call *c, struct http_reply **out);
struct err *api_tags_delete(struct api_call *c, struct http_reply **out);
/* Adds what the manifest `m`, read as `doc`, holds by platform: itself, with `platform` (NULL: none
 * is known), or the children of an index. */
struct err *api_document_images(struct api_call *c, json_t *list, const struct catalog_manifest *m,
				const struct oci_document *doc,
				const struct oci_platform *platform);

/* manifests.c */
struct err *api_manifests_get(struct api_call *c, struct http_reply **out);

/* PUBLIC or PRIVATE in the member `name` of the body. */
struct err *api_body_type(struct api_call *c, const char *name, bool *found, bool *is_public);
const char *api_type_name(bool is_public);

#endif
