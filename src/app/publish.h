/* A built image gets its names: in the local store, or in a registry. */
#ifndef KILN_APP_PUBLISH_H
#define KILN_APP_PUBLISH_H

#include "app/progress.h"
#include "app/store.h"
#include "oci/reference.h"

/* Children by digest, then the index and the tags of `ref` in one transaction. */
struct err *publish_local(struct app_store *s, const struct executor_result *r,
			  const struct oci_reference *ref);
/* Blobs and children first, the tag last. */
struct err *publish_push(struct app_store *s, struct registry_client *c,
			 const struct executor_result *r, const struct oci_reference *ref,
			 struct progress *p);

#endif
