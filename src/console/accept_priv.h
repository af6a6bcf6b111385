/* What a request's headers say of codings and of what its client has. SPEC RFC 9110 12.5.3, 13.1.2
 */
#ifndef KILN_CONSOLE_ACCEPT_PRIV_H
#define KILN_CONSOLE_ACCEPT_PRIV_H

#include "base/str.h"

/* Does Accept-Encoding allow gzip? An absent one does not. */
bool console_accepts_gzip(struct str header);
/* Does If-None-Match name the tag `etag`, or `etag` with "-gzip" behind it, weak or not? */
bool console_has_tag(struct str header, struct str etag);

#endif
