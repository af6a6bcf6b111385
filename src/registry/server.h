/* The server's end of the distribution protocol: everything below /v2/. SPEC distribution-spec
 *
 * 1. State is in the catalog and the blob store; memory holds prepared answers only.
 * 2. 201 for a manifest comes after blob_store_flush() and catalog_publish().
 * 3. An upload session belongs to the repository it was opened for: half of its id is random, the
 *    other half is the hash of the first half and the repository's name.
 * 4. A prepared answer is used while catalog_generation() is what it was before the answer was made
 *    up, and for at most REGISTRY_FRESH_MS.
 *
 * There is no authentication here. */
#ifndef KILN_REGISTRY_SERVER_H
#define KILN_REGISTRY_SERVER_H

#include "blob/store.h"
#include "catalog/catalog.h"
#include "http/server.h"

#define REGISTRY_FRESH_MS 1000

struct registry_server;

/* Both are borrowed and outlive the server. */
struct err *registry_server_open(struct catalog *catalog, struct blob_store *store,
				 struct registry_server **out);
/* The HTTP server has stopped by then. */
void registry_server_free(struct registry_server *s);
OWN_DECLARE(registry_server);

/* Does `path` (as it came) belong to us? */
bool registry_server_wants(struct str path);
/* The handler for those. Runs on poll threads. */
void registry_server_handle(struct registry_server *s, struct http_exchange *x);
#endif
