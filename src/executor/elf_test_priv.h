/* Programs that tests make byte by byte. */
#ifndef KILN_EXECUTOR_ELF_TEST_PRIV_H
#define KILN_EXECUTOR_ELF_TEST_PRIV_H

#include "executor/elf.h"

struct elf_spec {
	uint16_t machine;
	uint16_t type; /* 0: ET_EXEC */
	bool is_64, big;
	struct str attributes; /* of ARM; none if empty */
	uint16_t n_empty;      /* section headers before that of the attributes */
};

#define ELF_FILE_BYTES ((size_t)256 << 10)
struct elf_file {
	struct elf_input in;
	unsigned char *p; /* owned; len bytes */
	size_t len;
	unsigned n_reads;
};
void elf_file_make(struct elf_file *f, const struct elf_spec *spec);
void elf_file_done(struct elf_file *f);

/* A section .ARM.attributes that says no more than the architecture, as assemblers write it. */
#define ATTRIBUTES(arch) STR("A\x13\0\0\0aeabi\0\1\x09\0\0\0\6" arch "\x08\1")
#define ARMV6K           ATTRIBUTES("\x09")
#define ARMV7            ATTRIBUTES("\x0a")

#endif
