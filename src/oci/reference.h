/* Image references: [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]. SPEC distribution-spec "Pulling
 * manifests" */
#ifndef KILN_OCI_REFERENCE_H
#define KILN_OCI_REFERENCE_H

#include "oci/digest.h"

struct oci_reference {  /* always valid */
	char host[256]; /* "docker.io", "127.0.0.1:8080", "[::1]:5000"; "" if none was named and
			   `parse_local` read it */
	char repository[256]; /* "library/alpine" */
	char tag[129]; /* "latest" if neither tag nor digest was named; "" if only a digest */
	bool has_digest;
	struct oci_digest digest;
};

struct oci_reference_text {
	char s[256 + 256 + 129 + 144];
};

/* With Docker's defaults: no host is docker.io, one component there is below library/, no tag is
 * latest. A first component is a host if it holds "." or ":" or is "localhost". ERR_INVALID says
 * what is wrong ("repository name must be lower case"). */
struct err *oci_reference_parse(struct str text, struct oci_reference *out);
/* For images in the local store: without a host the repository stands as it is ("hello"), and host
 * is "". */
struct err *oci_reference_parse_local(struct str text, struct oci_reference *out);
/* Familiar spelling: "alpine:latest" for docker.io/library/alpine:latest. */
struct oci_reference_text oci_reference_text(const struct oci_reference *r);

bool oci_repository_name_ok(struct str s); /* SPEC distribution-spec <name>, at most 255 bytes */
bool oci_tag_ok(struct str s);             /* [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} */

#endif
