/* What kiln serve runs with, as administrators see it in GET /api/v1/instance: each option that
 * shapes the service, with the value that counts. */
#ifndef KILN_APP_SERVE_SETTINGS_H
#define KILN_APP_SERVE_SETTINGS_H

#include "app/options.h"
#include "app/serve.h"

/* Ends with a name NULL. Of `in` and `o` after everything was read; end with
 * serve_settings_free(). */
struct api_setting *serve_settings(const struct invocation *in, const struct serve_options *o);
void serve_settings_free(struct api_setting *list);

#endif
