/* Any bytes as a program: the answer is sound, and the reads are bounded. */
#include <assert.h>
#include <elf.h>

#include "base/limits.h"
#include "executor/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	struct elf_input in;
	struct str bytes;
	size_t *total;
};

static struct err *read_memory(const struct elf_input *in, void *p, size_t len, uint64_t offset,
			       size_t *got)
{
	const struct memory *m = container_of(in, struct memory, in);
	*got = offset >= m->bytes.len ? 0 : MIN(len, m->bytes.len - offset);
	if (*got)
		memcpy(p, m->bytes.p + offset, *got);
	*m->total += len;
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const platforms[] = { "linux/amd64", "linux/arm64", "linux/arm/v7",
						 "linux/arm/v6" };
	size_t total = 0;
	struct memory m = { { read_memory }, str_n((const char *)data, size), &total };
	struct elf_kind k;
	bool found, v6 = false;
	err_free(elf_read(&m.in, &found, &k));
	assert(total <= sizeof(Elf64_Ehdr) + LIMIT_ELF_SECTIONS * sizeof(Elf32_Shdr) +
				LIMIT_ELF_ATTRIBUTES_BYTES);
	if (!found)
		return 0;
	assert(k.machine == EM_ARM || k.arm_arch == ELF_ARM_ARCH_UNKNOWN);
	assert(k.arm_arch >= ELF_ARM_ARCH_UNKNOWN && elf_kind_text(&k).s[0]);
	for (size_t i = ARRAY_LEN(platforms); i > 0; i--) {
		struct oci_platform p;
		err_free(oci_platform_parse(str_of(platforms[i - 1]), &p));
		bool runs = elf_runs_on(&k, &p);
		if (i == 4)
			v6 = runs;
		assert(i != 3 || runs || !v6); /* v7 runs all that v6 runs */
	}
	return 0;
}
