/* Text from outside as an error message shows it. */
#ifndef KILN_OCI_SHOWN_PRIV_H
#define KILN_OCI_SHOWN_PRIV_H

#include "base/str.h"

struct oci_shown {
	char s[164]; /* at most 160 bytes, then "..."; anything but printable ASCII is "?" */
};

struct oci_shown oci_shown(struct str text);

#endif
