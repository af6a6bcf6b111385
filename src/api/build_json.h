/* Build records as JSON. */
#ifndef KILN_API_BUILD_JSON_H
#define KILN_API_BUILD_JSON_H

#include "api/api_priv.h"

/* An object of three, or null. */
json_t *api_build_error_json(const char *code, const char *text, const char *remedy);
json_t *api_build_json(const struct pipeline_build *b);
json_t *api_build_step_json(const struct pipeline_step *s);
/* No job of it runs or will run. */
bool api_build_over(const struct pipeline_build *b);
/* The record {build} of the path, for a caller with that role in its repository. ERR_NOT_FOUND when
 * it is absent or not to be seen. */
struct err *api_need_build(struct api_call *c, enum auth_role least, struct pipeline_build *out);

#endif
