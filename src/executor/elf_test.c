#include "executor/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/test.h"
#include "executor/elf_test_priv.h"

/* --- files ---------------------------------------------------------------------------------- */

static struct err *read_bytes(const struct elf_input *in, void *p, size_t len, uint64_t offset,
			      size_t *got)
{
	struct elf_file *f = container_of(in, struct elf_file, in);
	f->n_reads++;
	*got = offset >= f->len ? 0 : MIN(len, f->len - offset);
	if (*got)
		memcpy(p, f->p + offset, *got);
	return NULL;
}

static void put(struct elf_file *f, bool big, size_t at, size_t bytes, uint64_t v)
{
	for (size_t i = 0; i < bytes; i++)
		f->p[at + i] = (unsigned char)(v >> 8 * (big ? bytes - 1 - i : i));
}
#define PUT(type, field, base, v) \
	put(f, s->big, (base) + offsetof(type, field), sizeof(((type *)NULL)->field), v)

void elf_file_make(struct elf_file *f, const struct elf_spec *s)
{
	size_t table = 64, section = table + s->n_empty * sizeof(Elf32_Shdr);
	size_t bytes = section + sizeof(Elf32_Shdr);
	*f = (struct elf_file){ .in.read = read_bytes, .p = mem_zalloc(ELF_FILE_BYTES) };
	f->len = s->attributes.len ? bytes + s->attributes.len : table;
	memcpy(f->p, ELFMAG, SELFMAG);
	f->p[EI_CLASS] = s->is_64 ? ELFCLASS64 : ELFCLASS32;
	f->p[EI_DATA] = s->big ? ELFDATA2MSB : ELFDATA2LSB;
	f->p[EI_VERSION] = EV_CURRENT;
	PUT(Elf32_Ehdr, e_type, 0, s->type ? s->type : ET_EXEC);
	PUT(Elf32_Ehdr, e_machine, 0, s->machine);
	if (!s->attributes.len)
		return;
	PUT(Elf32_Ehdr, e_shoff, 0, table);
	PUT(Elf32_Ehdr, e_shentsize, 0, sizeof(Elf32_Shdr));
	PUT(Elf32_Ehdr, e_shnum, 0, s->n_empty + 1u);
	PUT(Elf32_Shdr, sh_type, section, SHT_ARM_ATTRIBUTES);
	PUT(Elf32_Shdr, sh_offset, section, bytes);
	PUT(Elf32_Shdr, sh_size, section, s->attributes.len);
	memcpy(f->p + bytes, s->attributes.p, s->attributes.len);
}

void elf_file_done(struct elf_file *f)
{
	free(f->p);
}

static bool read_spec(const struct elf_spec *spec, struct elf_kind *k)
{
	done(elf_file) f;
	bool found;
	elf_file_make(&f, spec);
	EXPECT_OK(elf_read(&f.in, &found, k));
	return found;
}

static int arch_of(struct str attributes, bool big)
{
	struct elf_kind k;
	EXPECT(read_spec(
		&(struct elf_spec){ .machine = EM_ARM, .big = big, .attributes = attributes }, &k));
	return k.arm_arch;
}

/* --- the header ----------------------------------------------------------------------------- */

TEST(elf_machine_class_and_byte_order_come_from_the_header)
{
	static const struct {
		struct elf_spec spec;
		const char *text;
	} cases[] = {
		{ { .machine = EM_X86_64, .is_64 = true }, "amd64" },
		{ { .machine = EM_X86_64, .is_64 = true, .type = ET_DYN }, "amd64" },
		{ { .machine = EM_386 }, "386" },
		{ { .machine = EM_AARCH64, .is_64 = true }, "arm64" },
		{ { .machine = EM_AARCH64, .is_64 = true, .big = true }, "big-endian arm64" },
		{ { .machine = EM_AARCH64 }, "arm64 ILP32" },
		{ { .machine = EM_ARM }, "32-bit ARM" },
		{ { .machine = EM_ARM, .big = true }, "big-endian 32-bit ARM" },
		{ { .machine = EM_S390, .is_64 = true, .big = true }, "s390x" },
		{ { .machine = EM_RISCV, .is_64 = true }, "riscv64" },
		{ { .machine = 0x1234, .is_64 = true }, "ELF machine 4660" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct elf_kind k;
		EXPECT(read_spec(&cases[i].spec, &k));
		EXPECT(k.machine == cases[i].spec.machine && k.is_64 == cases[i].spec.is_64);
		EXPECT(k.big_endian == cases[i].spec.big && k.arm_arch == ELF_ARM_ARCH_UNKNOWN);
		EXPECT_STR(str_of(elf_kind_text(&k).s), cases[i].text);
	}
}

TEST(elf_objects_and_core_files_are_no_programs)
{
	static const uint16_t types[] = { ET_NONE - 1, ET_REL, ET_CORE, 0xfe00 };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct elf_kind k;
		EXPECT(!read_spec(&(struct elf_spec){ .machine = EM_ARM, .type = types[i] }, &k));
	}
}

TEST(elf_what_has_no_sound_header_is_no_program)
{
	static const struct {
		size_t at;
		unsigned char v;
	} damage[] = {
		{ EI_MAG0, 'M' },        { EI_MAG3, 'f' },         { EI_CLASS, 0 },
		{ EI_CLASS, 3 },         { EI_DATA, ELFDATANONE }, { EI_DATA, 3 },
		{ EI_VERSION, EV_NONE },
	};
	const struct elf_spec spec = { .machine = EM_X86_64, .is_64 = true };
	bool found;
	struct elf_kind k;
	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		done(elf_file) f;
		elf_file_make(&f, &spec);
		f.p[damage[i].at] = damage[i].v;
		EXPECT_OK(elf_read(&f.in, &found, &k));
		EXPECT(!found);
	}
	done(elf_file) f;
	elf_file_make(&f, &spec);
	for (f.len = 0; f.len < sizeof(Elf64_Ehdr); f.len++) {
		EXPECT_OK(elf_read(&f.in, &found, &k));
		EXPECT(!found);
	}
	f.p[EI_CLASS] = ELFCLASS32;
	f.len = sizeof(Elf32_Ehdr);
	EXPECT_OK(elf_read(&f.in, &found, &k));
	EXPECT(found);
}

TEST(elf_a_program_that_is_not_32_bit_arm_costs_one_read)
{
	done(elf_file) f;
	bool found;
	struct elf_kind k;
	elf_file_make(&f, &(struct elf_spec){ .machine = EM_X86_64, .attributes = ARMV7 });
	EXPECT_OK(elf_read(&f.in, &found, &k));
	EXPECT(found && f.n_reads == 1 && k.arm_arch == ELF_ARM_ARCH_UNKNOWN);
}

static struct err *read_nothing(const struct elf_input *in, void *p, size_t len, uint64_t offset,
				size_t *got)
{
	return err_new(ERR_UNAVAILABLE, "the disk is gone");
}

TEST(elf_a_file_that_cannot_be_read_is_an_error)
{
	bool found;
	struct elf_kind k;
	EXPECT_ERR(elf_read(&(struct elf_input){ read_nothing }, &found, &k), ERR_UNAVAILABLE,
		   "the disk is gone");
}

/* --- ARM ------------------------------------------------------------------------------------ */

TEST(elf_arm_architecture_comes_from_the_build_attributes)
{
	struct elf_kind k;
	EXPECT(arch_of(ARMV6K, false) == 9);
	EXPECT(arch_of(ARMV7, false) == 10);
	EXPECT(read_spec(&(struct elf_spec){ .machine = EM_ARM, .attributes = ARMV7 }, &k));
	EXPECT_STR(str_of(elf_kind_text(&k).s), "ARMv7");
	EXPECT(arch_of(STR("A\0\0\0\x13"
			   "aeabi\0\1\0\0\0\x09\6\x0a\x08\1"),
		       true) == 10);
	/* as GNU as writes it for armv7-a: with the name of the CPU in front */
	EXPECT(arch_of(STR("A\x1c\0\0\0aeabi\0\1\x12\0\0\0\5"
			   "7-A\0\6\x0a\7A\x08\1\x09\2"),
		       false) == 10);
	/* a number may take more bytes than it needs */
	EXPECT(arch_of(STR("A\x12\0\0\0aeabi\0\1\x08\0\0\0\6\x8a\0"), false) == 10);
}

TEST(elf_attributes_that_are_not_known_are_passed_over)
{
	/* compatibility (32): a number and a text; 67, 71: a text; 70, 200: a number */
	EXPECT(arch_of(STR("A\x22\0\0\0aeabi\0\1\x18\0\0\0\x20\1\6\2x\0\x43"
			   "2.09\0\x46\1\xc8\1\x05\x06\x0e"),
		       false) == 14);
	/* another vendor first, a section's attributes first */
	EXPECT(arch_of(STR("A\x0e\0\0\0gnu\0\1\7\0\0\0\6\1\x1c\0\0\0aeabi\0"
			   "\2\x0a\0\0\0\1\0\6\2\x08\1\7\0\0\0\6\x0a"),
		       false) == ELF_ARM_ARCH_UNKNOWN);
	EXPECT(arch_of(STR("A\x0f\0\0\0gnu\0\1\7\0\0\0\6\1\x1b\0\0\0aeabi\0"
			   "\2\x0a\0\0\0\1\0\6\2\x08\1\7\0\0\0\6\x0a"),
		       false) == 10);
}

TEST(elf_damaged_attributes_tell_nothing)
{
	static const struct str bad[] = {
		STR("B\x13\0\0\0aeabi\0\1\x09\0\0\0\6\x0a\x08\1"), /* another version */
		STR("A\x13\0\0\0aeabj\0\1\x09\0\0\0\6\x0a\x08\1"), /* another vendor */
		STR("A\x03\0\0\0aeabi\0\1\x09\0\0\0\6\x0a\x08\1"), /* shorter than its length */
		STR("A\0\0\0\0aeabi\0\1\x09\0\0\0\6\x0a\x08\1"),   /* no length at all */
		STR("A\xff\xff\xff\xff"
		    "aeabi\0\1\x09\0\0\0\6\x0a"),                /* longer than the section */
		STR("A\x09\0\0\0aeabi\1\x09\0\0\0\6\x0a\x08\1"), /* the name has no end */
		STR("A\x13\0\0\0aeabi\0\1\xff\xff\xff\xff\6\x0a\x08\1"),
		STR("A\x13\0\0\0aeabi\0\1\0\0\0\0\6\x0a\x08\1"),
		STR("A\x13\0\0\0aeabi\0\1\4\0\0\0\6\x0a\x08\1"),
		STR("A\x13\0\0\0aeabi\0\3\x09\0\0\0\6\x0a\x08\1"), /* of a symbol */
		STR("A\x12\0\0\0aeabi\0\1\x08\0\0\0\5\x0a\x0a"),   /* the text has no end */
		STR("A\x11\0\0\0aeabi\0\1\x07\0\0\0\x08\1"),       /* nothing about it */
		STR("A\x11\0\0\0aeabi\0\1\x07\0\0\0\6\x8a"),       /* the number has no end */
		STR("A\x16\0\0\0aeabi\0\1\x0c\0\0\0\6\x8a\x80\x80\x80\x80\0"), /* it has too many */
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT(arch_of(bad[i], false) == ELF_ARM_ARCH_UNKNOWN);
}

TEST(elf_a_file_cut_short_anywhere_is_read_all_the_same)
{
	done(elf_file) f;
	bool found;
	struct elf_kind k;
	elf_file_make(&f, &(struct elf_spec){ .machine = EM_ARM, .attributes = ARMV7 });
	size_t whole = f.len, known = 0;
	for (f.len = sizeof(Elf32_Ehdr); f.len <= whole; f.len++) {
		EXPECT_OK(elf_read(&f.in, &found, &k));
		EXPECT(found && (k.arm_arch == ELF_ARM_ARCH_UNKNOWN || k.arm_arch == 10));
		known += k.arm_arch == 10;
	}
	EXPECT(known == 1);
}

TEST(elf_section_headers_are_read_in_pieces_and_bounded)
{
	struct elf_spec spec = { .machine = EM_ARM, .attributes = ARMV7 };
	static const struct {
		uint16_t n_empty;
		bool known;
	} cases[] = { { 31, true }, { 32, true }, { 100, true }, { LIMIT_ELF_SECTIONS, false } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct elf_kind k;
		spec.n_empty = cases[i].n_empty;
		EXPECT(read_spec(&spec, &k));
		EXPECT((k.arm_arch == 10) == cases[i].known);
	}
}

TEST(elf_section_headers_that_lie_tell_nothing)
{
	static const struct {
		size_t at, bytes;
		uint32_t v;
	} lies[] = {
		{ offsetof(Elf32_Ehdr, e_shoff), 4, 0 },
		{ offsetof(Elf32_Ehdr, e_shoff), 4, 0xffffffff },
		{ offsetof(Elf32_Ehdr, e_shentsize), 2, 0 },
		{ offsetof(Elf32_Ehdr, e_shentsize), 2, 64 },
		{ offsetof(Elf32_Ehdr, e_shnum), 2, 0 },
		{ 64 + offsetof(Elf32_Shdr, sh_offset), 4, 0xffffffff },
		{ 64 + offsetof(Elf32_Shdr, sh_size), 4, 0 },
		{ 64 + offsetof(Elf32_Shdr, sh_size), 4, LIMIT_ELF_ATTRIBUTES_BYTES + 1 },
		{ 64 + offsetof(Elf32_Shdr, sh_size), 4, 0xffffffff },
	};
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		done(elf_file) f;
		bool found;
		struct elf_kind k;
		elf_file_make(&f, &(struct elf_spec){ .machine = EM_ARM, .attributes = ARMV7 });
		put(&f, false, lies[i].at, lies[i].bytes, lies[i].v);
		EXPECT_OK(elf_read(&f.in, &found, &k));
		EXPECT(found && k.arm_arch == ELF_ARM_ARCH_UNKNOWN);
	}
}

/* --- the verdict ---------------------------------------------------------------------------- */

static bool runs(const struct elf_kind *k, const char *platform)
{
	struct oci_platform p;
	EXPECT_OK(oci_platform_parse(str_of(platform), &p));
	return elf_runs_on(k, &p);
}

TEST(elf_programs_run_on_the_platforms_that_they_are_for)
{
	enum { AMD64 = 1, ARM64 = 2, V7 = 4, V6 = 8, ANY_ARM = V7 | V6 };
	static const char *const platforms[] = { "linux/amd64", "linux/arm64", "linux/arm/v7",
						 "linux/arm/v6" };
	static const struct {
		struct elf_kind kind;
		unsigned on;
	} cases[] = {
		{ { EM_X86_64, true, false, -1 }, AMD64 },
		{ { EM_386, false, false, -1 }, AMD64 },
		{ { EM_X86_64, true, true, -1 }, 0 },
		{ { EM_AARCH64, true, false, -1 }, ARM64 },
		{ { EM_AARCH64, true, true, -1 }, 0 },
		{ { EM_AARCH64, false, false, -1 }, 0 },
		{ { EM_RISCV, true, false, -1 }, 0 },
		{ { EM_ARM, true, false, -1 }, 0 },
		{ { EM_ARM, false, true, 10 }, 0 },
		{ { EM_ARM, false, false, -1 }, ANY_ARM },
		{ { EM_ARM, false, false, 0 }, ANY_ARM },
		{ { EM_ARM, false, false, 4 }, ANY_ARM },
		{ { EM_ARM, false, false, 5 }, ANY_ARM },
		{ { EM_ARM, false, false, 6 }, ANY_ARM },
		{ { EM_ARM, false, false, 7 }, ANY_ARM },
		{ { EM_ARM, false, false, 8 }, V7 }, /* v6T2 */
		{ { EM_ARM, false, false, 9 }, ANY_ARM },
		{ { EM_ARM, false, false, 10 }, V7 },
		{ { EM_ARM, false, false, 11 }, 0 }, /* v6-M */
		{ { EM_ARM, false, false, 13 }, 0 }, /* v7E-M */
		{ { EM_ARM, false, false, 14 }, 0 }, /* v8-A */
		{ { EM_ARM, false, false, 22 }, 0 },
		{ { EM_ARM, false, false, 23 }, 0 },
		{ { EM_ARM, false, false, 0x0fffffff }, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t k = 0; k < ARRAY_LEN(platforms); k++)
			EXPECT(runs(&cases[i].kind, platforms[k]) == (bool)(cases[i].on >> k & 1));
		EXPECT(runs(&cases[i].kind, "linux/riscv64"));
		EXPECT(runs(&cases[i].kind, "windows/amd64"));
	}
	EXPECT(runs(&(struct elf_kind){ EM_ARM, false, false, 5 }, "linux/arm/v5"));
	EXPECT(!runs(&(struct elf_kind){ EM_ARM, false, false, 9 }, "linux/arm/v5"));
	EXPECT(runs(&(struct elf_kind){ EM_ARM, false, false, 14 }, "linux/arm/v8"));
}

TEST(elf_programs_of_this_machine_run_on_it)
{
	static const char *const paths[] = { "/proc/self/exe", "/bin/true" };
	struct oci_platform host = oci_platform_host();
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		own_fd fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		bool found;
		struct elf_kind k;
		EXPECT(fd >= 0);
		EXPECT_OK(elf_read_fd(fd, &found, &k));
		EXPECT(found && elf_runs_on(&k, &host));
	}
}

TEST(elf_a_text_file_is_no_program)
{
	own_fd fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	bool found = true;
	struct elf_kind k;
	EXPECT_OK(elf_read_fd(fd, &found, &k));
	EXPECT(!found);
}
