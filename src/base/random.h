/* Random numbers from the kernel, and the names that are made of them. */
#ifndef KILN_BASE_RANDOM_H
#define KILN_BASE_RANDOM_H

#include <stddef.h>

void random_bytes(void *p, size_t n);

struct random_id {
	char s[40];
};
/* `prefix` (at most 8 characters, "crr-") and 16 characters of [a-z0-9]: 82 bits. */
struct random_id random_id(const char *prefix);
/* A UUID of version 4 in lower case. SPEC RFC 9562 5.4 */
struct random_id random_uuid(void);

struct random_secret {
	char s[64];
};
/* `prefix` (at most 16 characters, "kiln_") and 43 characters of [A-Za-z0-9]: 256 bits. */
struct random_secret random_secret(const char *prefix);

#endif
