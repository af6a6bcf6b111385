/* The header block and the numbers in it. SPEC POSIX.1-2017 pax, "ustar Interchange
 * Format". */
#ifndef KILN_CODEC_TAR_PRIV_H
#define KILN_CODEC_TAR_PRIV_H

#include <stdint.h>

#include "base/str.h"

#define TAR_BLOCK_BYTES 512

struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char chksum[8];
	char typeflag;
	char linkname[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char devmajor[8];
	char devminor[8];
	char prefix[155];
	char rest[12];
};

_Static_assert(sizeof(struct tar_header) == TAR_BLOCK_BYTES, "the header is one block");

/* Octal digits between blanks and NULs; or base 256, big endian, two's complement, marked by the
 * top bit (GNU). False if it is no number or does not fit. */
bool tar_number(const char *field, size_t width, int64_t *out);
/* Of the bytes as unsigned characters, or as signed ones, as old writers summed them. */
bool tar_checksum_matches(const struct tar_header *h);
/* A pax time: "-12.5" is 12.5 seconds before the epoch, so second -13 and 500000000 ns. */
bool tar_time(struct str s, int64_t *out_s, uint32_t *out_ns);

/* Zeros between `size` bytes and the next block. */
static inline uint64_t tar_padding(uint64_t size)
{
	return -size % TAR_BLOCK_BYTES;
}

#endif
