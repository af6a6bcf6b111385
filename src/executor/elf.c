#include "executor/elf.h"

#include <elf.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/limits.h"

/* --- bytes ---------------------------------------------------------------------------------- */

/* What is left to read; `bad` once it asked for more. */
struct cursor {
	const unsigned char *p;
	size_t len;
	bool big, bad;
};

static uint32_t number(const unsigned char *p, size_t bytes, bool big)
{
	uint32_t v = 0;
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | p[big ? i : bytes - 1 - i];
	return v;
}

static struct cursor take(struct cursor *c, size_t len)
{
	if (c->bad || len > c->len) {
		c->bad = true;
		c->len = 0;
		return (struct cursor){ .bad = true };
	}
	struct cursor part = { c->p, len, c->big, false };
	c->p += len;
	c->len -= len;
	return part;
}

static uint32_t take_u32(struct cursor *c)
{
	struct cursor part = take(c, 4);
	return part.bad ? 0 : number(part.p, 4, c->big);
}

static uint32_t take_uleb128(struct cursor *c)
{
	uint32_t v = 0;
	for (unsigned shift = 0; shift < 28;
	     shift += 7) { /* four bytes: no tag or value is above */
		struct cursor part = take(c, 1);
		if (part.bad)
			return 0;
		v |= (uint32_t)(part.p[0] & 0x7f) << shift;
		if (!(part.p[0] & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

static struct str take_text(struct cursor *c)
{
	const unsigned char *end = c->len ? memchr(c->p, 0, c->len) : NULL;
	if (!end) {
		c->bad = true;
		return STR("");
	}
	struct cursor part = take(c, (size_t)(end - c->p) + 1);
	return str_n((const char *)part.p, part.len - 1);
}

/* --- ARM build attributes ------------------------------------------------------------------- */

enum {
	TAG_FILE = 1,
	TAG_CPU_RAW_NAME = 4,
	TAG_CPU_NAME = 5,
	TAG_CPU_ARCH = 6,
	TAG_COMPATIBILITY = 32,
};

/* Tags above 32 say by their parity what follows them, so that new ones can be passed over. */
static void skip_value(struct cursor *c, uint32_t tag)
{
	bool text = tag == TAG_CPU_RAW_NAME || tag == TAG_CPU_NAME ||
		    (tag > TAG_COMPATIBILITY && tag & 1);
	if (!text)
		take_uleb128(c);
	if (text || tag == TAG_COMPATIBILITY)
		take_text(c);
}

static int arch_of_file(struct cursor attributes)
{
	while (attributes.len && !attributes.bad) {
		uint32_t tag = take_uleb128(&attributes);
		if (tag == TAG_CPU_ARCH) {
			uint32_t arch = take_uleb128(&attributes);
			return attributes.bad ? ELF_ARM_ARCH_UNKNOWN : (int)arch;
		}
		skip_value(&attributes, tag);
	}
	return ELF_ARM_ARCH_UNKNOWN;
}

/* Part by part, each with its length in front; attributes of the whole file are in one of them. */
static int arch_of_vendor(struct cursor vendor)
{
	while (vendor.len && !vendor.bad) {
		size_t before = vendor.len;
		uint32_t tag = take_uleb128(&vendor), len = take_u32(&vendor);
		size_t head = before - vendor.len;
		if (vendor.bad || len < head)
			break;
		struct cursor part = take(&vendor, len - head);
		if (tag == TAG_FILE)
			return arch_of_file(part);
	}
	return ELF_ARM_ARCH_UNKNOWN;
}

static int arch_of_attributes(struct cursor c)
{
	struct cursor version = take(&c, 1);
	if (version.bad || version.p[0] != 'A')
		return ELF_ARM_ARCH_UNKNOWN;
	while (c.len) {
		uint32_t len = take_u32(&c);
		if (c.bad || len < 4)
			break;
		struct cursor vendor = take(&c, len - 4);
		if (str_eq(take_text(&vendor), STR("aeabi")) && !vendor.bad)
			return arch_of_vendor(vendor);
	}
	return ELF_ARM_ARCH_UNKNOWN;
}

#define FIELD(p, type, field, big) \
	number((p) + offsetof(type, field), sizeof(((type *)NULL)->field), big)
#define SECTIONS_AT_ONCE 32

/* Where the attributes are; `*size` 0: nowhere. */
static struct err *find_attributes(const struct elf_input *in, const unsigned char *header,
				   bool big, uint32_t *offset, uint32_t *size)
{
	unsigned char table[SECTIONS_AT_ONCE * sizeof(Elf32_Shdr)];
	uint64_t at = FIELD(header, Elf32_Ehdr, e_shoff, big);
	size_t n = MIN(FIELD(header, Elf32_Ehdr, e_shnum, big), LIMIT_ELF_SECTIONS), got;
	*size = 0;
	if (!at || FIELD(header, Elf32_Ehdr, e_shentsize, big) != sizeof(Elf32_Shdr))
		return NULL;
	while (n) {
		size_t some = MIN(n, SECTIONS_AT_ONCE);
		TRY(in->read(in, table, some * sizeof(Elf32_Shdr), at, &got));
		for (size_t i = 0; i < got / sizeof(Elf32_Shdr); i++) {
			const unsigned char *s = table + i * sizeof(Elf32_Shdr);
			if (FIELD(s, Elf32_Shdr, sh_type, big) != SHT_ARM_ATTRIBUTES)
				continue;
			*offset = FIELD(s, Elf32_Shdr, sh_offset, big);
			*size = FIELD(s, Elf32_Shdr, sh_size, big);
			return NULL;
		}
		if (got < some * sizeof(Elf32_Shdr))
			return NULL;
		n -= some;
		at += got;
	}
	return NULL;
}

static struct err *read_arm_arch(const struct elf_input *in, const unsigned char *header, bool big,
				 int *arch)
{
	unsigned char bytes[LIMIT_ELF_ATTRIBUTES_BYTES];
	uint32_t offset = 0, size;
	size_t got;
	TRY(find_attributes(in, header, big, &offset, &size));
	if (!size || size > sizeof(bytes))
		return NULL;
	TRY(in->read(in, bytes, size, offset, &got));
	*arch = arch_of_attributes((struct cursor){ bytes, got, big, false });
	return NULL;
}

/* --- the header ----------------------------------------------------------------------------- */

static bool is_elf(const unsigned char *h, size_t len)
{
	if (len < sizeof(Elf32_Ehdr) || memcmp(h, ELFMAG, SELFMAG) != 0 ||
	    h[EI_VERSION] != EV_CURRENT)
		return false;
	if (h[EI_DATA] != ELFDATA2LSB && h[EI_DATA] != ELFDATA2MSB)
		return false;
	return h[EI_CLASS] == ELFCLASS32 ||
	       (h[EI_CLASS] == ELFCLASS64 && len >= sizeof(Elf64_Ehdr));
}

struct err *elf_read(const struct elf_input *in, bool *found, struct elf_kind *out)
{
	unsigned char h[sizeof(Elf64_Ehdr)];
	size_t got;
	*found = false;
	TRY(in->read(in, h, sizeof(h), 0, &got));
	if (!is_elf(h, got))
		return NULL;
	bool big = h[EI_DATA] == ELFDATA2MSB;
	uint32_t type = FIELD(h, Elf32_Ehdr, e_type, big); /* both classes begin alike */
	if (type != ET_EXEC && type != ET_DYN)
		return NULL;
	struct elf_kind k = { .machine = (uint16_t)FIELD(h, Elf32_Ehdr, e_machine, big),
			      .is_64 = h[EI_CLASS] == ELFCLASS64,
			      .big_endian = big,
			      .arm_arch = ELF_ARM_ARCH_UNKNOWN };
	if (k.machine == EM_ARM && !k.is_64)
		TRY(read_arm_arch(in, h, big, &k.arm_arch));
	*out = k;
	*found = true;
	return NULL;
}

struct fd_input {
	struct elf_input base;
	int fd;
};

static struct err *read_fd(const struct elf_input *in, void *p, size_t len, uint64_t offset,
			   size_t *got)
{
	return fd_pread_full(container_of(in, struct fd_input, base)->fd, p, len, offset, got);
}

struct err *elf_read_fd(int fd, bool *found, struct elf_kind *out)
{
	return elf_read(&(struct fd_input){ { read_fd }, fd }.base, found, out);
}

/* --- the verdict ---------------------------------------------------------------------------- */

#define NEVER 255 /* microcontrollers: no Linux */

/* Values of Tag_CPU_arch, with the first variant of linux/arm that runs them. Numbers are in the
 * order of their invention: v6T2 has the Thumb-2 that v6K lacks. */
static const struct {
	const char *name;
	unsigned char variant;
} arm_archs[] = {
	{ "ARM before v4", 5 }, { "ARMv4", 5 },         { "ARMv4T", 5 },    { "ARMv5T", 5 },
	{ "ARMv5TE", 5 },       { "ARMv5TEJ", 5 },      { "ARMv6", 6 },     { "ARMv6KZ", 6 },
	{ "ARMv6T2", 7 },       { "ARMv6K", 6 },        { "ARMv7", 7 },     { "ARMv6-M", NEVER },
	{ "ARMv6S-M", NEVER },  { "ARMv7E-M", NEVER },  { "ARMv8-A", 8 },   { "ARMv8-R", NEVER },
	{ "ARMv8-M", NEVER },   { "ARMv8-M", NEVER },   { "ARMv8.1-A", 8 }, { "ARMv8.2-A", 8 },
	{ "ARMv8.3-A", 8 },     { "ARMv8.1-M", NEVER }, { "ARMv9-A", 8 },
};

static bool runs_on_arm(const struct elf_kind *k, const char *variant)
{
	unsigned have = 7; /* linux/arm without a variant */
	if (k->machine != EM_ARM || k->is_64)
		return false;
	if (variant[0] == 'v' && variant[1] >= '0' && variant[1] <= '9')
		have = (unsigned)(variant[1] - '0');
	if (k->arm_arch == ELF_ARM_ARCH_UNKNOWN)
		return true;
	return k->arm_arch >= 0 && (size_t)k->arm_arch < ARRAY_LEN(arm_archs) &&
	       arm_archs[k->arm_arch].variant <= have;
}

bool elf_runs_on(const struct elf_kind *k, const struct oci_platform *p)
{
	bool amd64 = strcmp(p->arch, "amd64") == 0, arm64 = strcmp(p->arch, "arm64") == 0;
	bool arm = strcmp(p->arch, "arm") == 0;
	if (strcmp(p->os, "linux") != 0 || !(amd64 || arm64 || arm))
		return true;
	if (k->big_endian)
		return false;
	if (amd64)
		return k->machine == EM_X86_64 || (k->machine == EM_386 && !k->is_64);
	if (arm64)
		return k->machine == EM_AARCH64 && k->is_64;
	return runs_on_arm(k, p->variant);
}

bool elf_kind_eq(const struct elf_kind *a, const struct elf_kind *b)
{
	return a->machine == b->machine && a->is_64 == b->is_64 && a->big_endian == b->big_endian &&
	       a->arm_arch == b->arm_arch;
}

static const char *machine_name(const struct elf_kind *k)
{
	switch (k->machine) {
	case EM_386:
		return "386";
	case EM_X86_64:
		return "amd64";
	case EM_AARCH64:
		return k->is_64 ? "arm64" : "arm64 ILP32";
	case EM_ARM:
		return "32-bit ARM";
	case EM_RISCV:
		return k->is_64 ? "riscv64" : "riscv32";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390x";
	case EM_MIPS:
		return "mips";
	default:
		return NULL;
	}
}

struct elf_kind_text elf_kind_text(const struct elf_kind *k)
{
	struct elf_kind_text t;
	bool both = k->machine == EM_ARM || k->machine == EM_AARCH64; /* orders exist */
	const char *order = both && k->big_endian ? "big-endian " : "", *name = machine_name(k);
	if (k->machine == EM_ARM && k->arm_arch != ELF_ARM_ARCH_UNKNOWN)
		name = k->arm_arch >= 0 && (size_t)k->arm_arch < ARRAY_LEN(arm_archs)
			       ? arm_archs[k->arm_arch].name
			       : "an unknown ARM architecture";
	if (name)
		snprintf(t.s, sizeof(t.s), "%s%s", order, name);
	else
		snprintf(t.s, sizeof(t.s), "%sELF machine %u", order, k->machine);
	return t;
}
