/* The data directory with all that is kept in it, opened for one command. */
#ifndef KILN_APP_STORE_H
#define KILN_APP_STORE_H

#include "app/options.h"
#include "blob/store.h"
#include "catalog/catalog.h"
#include "db/db.h"

struct app_store {
	char *path; /* owned; absolute */
	int fd;     /* owned */
	struct db *db;
	struct blob_store *blobs;
	struct catalog *catalog;
};

/* What is wrong with the word of --data. */
struct err *app_store_check(const struct invocation *in);
/* `path` as given with --data; NULL: $KILN_DATA, /var/lib/kiln for root, $XDG_DATA_HOME/kiln or
 * ~/.local/share/kiln else. Makes what is missing. Call app_store_locate() before sandbox_enter(),
 * as it looks at who we are; app_store_open() behind it. */
struct err *app_store_locate(const char *path, char **out);
struct err *app_store_open(const char *path, struct app_store **out);
void app_store_free(struct app_store *s);
OWN_DECLARE(app_store);

#endif
