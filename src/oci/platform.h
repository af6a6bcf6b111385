/* Platforms: os, architecture, variant. SPEC image-spec image-index.md "platform" */
#ifndef KILN_OCI_PLATFORM_H
#define KILN_OCI_PLATFORM_H

#include "base/str.h"

struct oci_platform { /* normalised; unused tails are zero, so memcmp() compares */
	char os[16];
	char arch[16];
	char variant[12]; /* "" where there is none */
};

struct oci_platform_text {
	char s[48];
};

/* From "os/arch[/variant]", "arch", or GNU names; normalised: linux/arm and armhf are arm/v7, armel
 * is arm/v6, arm64/v8 and aarch64 are arm64, x86_64 is amd64. ERR_INVALID for text that is no
 * platform. Any OS and architecture is accepted. */
struct err *oci_platform_parse(struct str text, struct oci_platform *out);
/* As above, and it must be one kiln builds: linux/amd64, linux/arm64, linux/arm/v7, linux/arm/v6.
 * ERR_INVALID names the platform and lists the supported ones (windows/amd64 among the refused),
 * with "did you mean" where one is near. */
struct err *oci_platform_parse_target(struct str text, struct oci_platform *out);
/* From the fields of an image configuration or index entry, normalised. */
struct oci_platform oci_platform_make(struct str os, struct str arch, struct str variant);
struct oci_platform_text oci_platform_text(const struct oci_platform *p); /* "linux/arm/v7" */
bool oci_platform_eq(const struct oci_platform *a, const struct oci_platform *b);
/* How well an image for `have` runs on `want`: 0 not at all, higher is better. arm/v7 takes v7, v6,
 * v5; v6 takes v6, v5 and never v7; arm64 takes no 32-bit arm; an arm image without variant counts
 * as v7. */
int oci_platform_match(const struct oci_platform *want, const struct oci_platform *have);
/* The platform this program runs on. */
struct oci_platform oci_platform_host(void);
/* May the host run it without emulation? */
bool oci_platform_is_native(const struct oci_platform *p);

#endif
