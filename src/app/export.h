/* Build results as archives and directories. */
#ifndef KILN_APP_EXPORT_H
#define KILN_APP_EXPORT_H

#include "app/inputs.h"
#include "app/store.h"

/* Writes one output (not a registry): an OCI layout as tar, Docker's archive, the root file system
 * as tar, or as a directory. With several platforms the file systems lie below linux_amd64/ and so
 * on. */
struct err *export_output(struct app_store *s, bool single_id, const struct executor_result *r,
			  const struct oci_reference *tags, size_t n_tags, const struct output *o);

#endif
