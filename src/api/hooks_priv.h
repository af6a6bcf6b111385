/* The way in for webhooks; its route is in the table of sources.c. */
#ifndef KILN_API_HOOKS_PRIV_H
#define KILN_API_HOOKS_PRIV_H

#include "api/api_priv.h"

void api_hook_receive(struct api_call *c); /* a raw handler */

#endif
