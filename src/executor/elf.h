/* What machine a program is built for, from its ELF header and, for 32-bit ARM, from its build
 * attributes, and whether it runs on a platform.
 *
 * Every byte is foreign. A file costs one read of 64 bytes; 32-bit ARM a few more, bounded by
 * LIMIT_ELF_SECTIONS and LIMIT_ELF_ATTRIBUTES_BYTES. What is damaged there is not known, which is
 * no error. Symbols of <elf.h> (EM_ARM) name the machines.
 * SPEC System V ABI "ELF Header"; ABI for the Arm Architecture "Build attributes" */
#ifndef KILN_EXECUTOR_ELF_H
#define KILN_EXECUTOR_ELF_H

#include "base/err.h"
#include "oci/platform.h"

#define ELF_ARM_ARCH_UNKNOWN (-1)

struct elf_kind {
	uint16_t machine; /* EM_… */
	bool is_64, big_endian;
	int arm_arch; /* EM_ARM: Tag_CPU_arch as it stands there, or ELF_ARM_ARCH_UNKNOWN, as of
			 static Go programs */
};

struct elf_input {
	/* Reads at `offset`; `*got` is less than `len` only at the end of the file. */
	struct err *(*read)(const struct elf_input *in, void *p, size_t len, uint64_t offset,
			    size_t *got);
};

/* `*found` for programs and shared objects; false for what is no ELF file, and for relocatable
 * objects and core files, which nothing starts. Errors are those of `read`. */
struct err *elf_read(const struct elf_input *in, bool *found, struct elf_kind *out);
/* As above; `fd` is read by pread(2). */
struct err *elf_read_fd(int fd, bool *found, struct elf_kind *out);

bool elf_kind_eq(const struct elf_kind *a, const struct elf_kind *b);
/* 386 programs run on amd64; 32-bit ARM ones do not on arm64; ARM ones of unknown architecture on
 * every arm. True for platforms that kiln does not build. */
bool elf_runs_on(const struct elf_kind *k, const struct oci_platform *p);

struct elf_kind_text {
	char s[40];
};
struct elf_kind_text elf_kind_text(const struct elf_kind *k); /* "ARMv7", "amd64" */

#endif
