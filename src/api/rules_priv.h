/* Rules as JSON. */
#ifndef KILN_API_RULES_PRIV_H
#define KILN_API_RULES_PRIV_H

#include "api/api_priv.h"

json_t *api_rule_json(struct arena *a, const struct pipeline_rule *r);
/* Members of `body` into `r`: a new rule with its defaults, or what a PATCH changes. Checked. */
struct err *api_rule_read(struct arena *a, json_t *body, bool is_new, struct pipeline_rule *r);

#endif
