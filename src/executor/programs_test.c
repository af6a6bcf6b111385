#include "executor/programs.h"

#include <elf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/test.h"
#include "executor/elf_test_priv.h"

/* --- a layer -------------------------------------------------------------------------------- */

struct counter {
	struct layer_sink sink;
	size_t n;
	struct err *answer;
};

static struct err *count(struct layer_sink *sink, const struct tar_entry *e, bool opaque, int fd)
{
	struct counter *c = container_of(sink, struct counter, sink);
	c->n++;
	return move(c->answer);
}

struct layer {
	struct programs programs;
	struct counter counter;
};

static void layer_init(struct layer *l)
{
	*l = (struct layer){ .counter.sink.add = count };
	programs_init(&l->programs, &l->counter.sink);
}

static void layer_done(struct layer *l)
{
	programs_done(&l->programs);
}

static struct err *add_fd(struct layer *l, const char *path, uint32_t mode, int fd)
{
	struct tar_entry e = { .type = TAR_FILE, .path = path, .mode = mode, .size = 1 };
	return l->programs.sink.add(&l->programs.sink, &e, false, fd);
}

static void add(struct layer *l, const char *path, uint32_t mode, const struct elf_spec *spec)
{
	done(elf_file) f;
	elf_file_make(&f, spec);
	own_fd fd = memfd_create("program", MFD_CLOEXEC);
	EXPECT_OK(fd_write_all(fd, f.p, f.len));
	EXPECT_OK(add_fd(l, path, mode, fd));
}

static const struct elf_spec amd64 = { .machine = EM_X86_64, .is_64 = true };
static const struct elf_spec arm64 = { .machine = EM_AARCH64, .is_64 = true };

/* --- warnings ------------------------------------------------------------------------------- */

static void on_warning(void *arg, const char *text)
{
	buf_printf(arg, "%s\n", text);
}

struct verdict {
	struct buf text;
	struct programs_judge j;
};

static void verdict_init(struct verdict *v, const char *platform)
{
	buf_init(&v->text, 64 << 10);
	v->j = (struct programs_judge){ .warn = on_warning, .arg = &v->text };
	EXPECT_OK(oci_platform_parse(str_of(platform), &v->j.platform));
}

static void verdict_done(struct verdict *v)
{
	buf_done(&v->text);
}

static void expect_text(const char *text, const char *platform, const char *want)
{
	done(verdict) v;
	verdict_init(&v, platform);
	programs_judge(&v.j, text, "Dockerfile", 9);
	programs_judge_end(&v.j);
	EXPECT_STR(buf_str(&v.text), want);
}

static void expect_warnings(const struct layer *l, const char *platform, const char *want)
{
	own_mem char *text = programs_text(&l->programs);
	expect_text(text, platform, want);
}

TEST(programs_for_another_platform_are_told)
{
	done(layer) l;
	layer_init(&l);
	add(&l, "app/hello", 0755, &amd64);
	expect_warnings(&l, "linux/amd64", "");
	expect_warnings(&l, "linux/arm64",
			"linux/arm64: /app/hello is built for amd64 (Dockerfile:9)\n");
	add(&l, "app/more", 0700, &amd64);
	add(&l, "app/arm", 0755, &arm64);
	add(&l, "app/third", 0010, &amd64);
	expect_warnings(&l, "linux/amd64",
			"linux/amd64: /app/arm is built for arm64 (Dockerfile:9)\n");
	expect_warnings(&l, "linux/arm64",
			"linux/arm64: /app/hello and 2 more are built for amd64 (Dockerfile:9)\n");
	EXPECT(l.counter.n == 4);
}

TEST(programs_for_a_newer_arm_are_told)
{
	done(layer) l;
	layer_init(&l);
	add(&l, "six", 0755, &(struct elf_spec){ .machine = EM_ARM, .attributes = ARMV6K });
	add(&l, "seven", 0755, &(struct elf_spec){ .machine = EM_ARM, .attributes = ARMV7 });
	add(&l, "static-go", 0755, &(struct elf_spec){ .machine = EM_ARM });
	expect_warnings(&l, "linux/arm/v7", "");
	expect_warnings(&l, "linux/arm/v6",
			"linux/arm/v6: /seven is built for ARMv7 (Dockerfile:9)\n");
	expect_warnings(&l, "linux/arm64",
			"linux/arm64: /six is built for ARMv6K (Dockerfile:9)\n"
			"linux/arm64: /seven is built for ARMv7 (Dockerfile:9)\n"
			"linux/arm64: /static-go is built for 32-bit ARM (Dockerfile:9)\n");
}

TEST(programs_are_files_with_an_execute_bit_and_shared_objects)
{
	static const struct {
		const char *path;
		uint32_t mode;
		bool looked_at;
	} cases[] = {
		{ "data", 0644, false },
		{ "data", 0654, true },
		{ "lib/libc.so", 0644, true },
		{ "lib/libc.so.6", 0644, true },
		{ "lib/libc.so.6.0.12", 0444, true },
		{ "lib/libc-2.36.so", 0644, true },
		{ "lib/libc.so.debug", 0644, false },
		{ "lib/lib.soup", 0644, false },
		{ "lib.so/6", 0644, false },
		{ "so.6", 0644, false },
		{ "6", 0644, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		done(layer) l;
		layer_init(&l);
		add(&l, cases[i].path, cases[i].mode, &amd64);
		EXPECT(l.programs.n == cases[i].looked_at && l.counter.n == 1);
	}
}

TEST(programs_other_entries_pass_unseen)
{
	done(layer) l;
	layer_init(&l);
	struct layer_sink *s = &l.programs.sink;
	EXPECT_OK(add_fd(&l, "empty", 0755, -1));
	struct tar_entry link = { .type = TAR_SYMLINK, .path = "x.so", .link = "y", .mode = 0777 };
	EXPECT_OK(s->add(s, &link, false, -1));
	own_fd script = memfd_create("script", MFD_CLOEXEC);
	EXPECT_OK(fd_write_all(script, "#!/bin/sh\n", 10));
	EXPECT_OK(add_fd(&l, "script", 0755, script));
	EXPECT(l.counter.n == 3 && l.programs.n == 0);
	EXPECT(programs_text(&l.programs) == NULL);
	l.counter.answer = err_new(ERR_UNAVAILABLE, "no room");
	EXPECT_ERR(add_fd(&l, "x", 0644, -1), ERR_UNAVAILABLE, "no room");
	own_fd directory = test_tmpdir();
	EXPECT_ERR(add_fd(&l, "bin/x", 0755, directory), ERR_INVALID, "bin/x");
}

TEST(programs_of_many_kinds_are_bounded)
{
	done(layer) l;
	layer_init(&l);
	for (uint16_t i = 0; i < PROGRAMS_MOST_KINDS + 5; i++) {
		char path[16];
		snprintf(path, sizeof(path), "p%u", i);
		add(&l, path, 0755, &(struct elf_spec){ .machine = 1000 + i });
		add(&l, path, 0755, &(struct elf_spec){ .machine = 1000 + i });
	}
	EXPECT(l.programs.n == PROGRAMS_MOST_KINDS);
	expect_warnings(
		&l, "linux/amd64",
		"linux/amd64: /p0 and 1 more are built for ELF machine 1000 (Dockerfile:9)\n"
		"linux/amd64: /p1 and 1 more are built for ELF machine 1001 (Dockerfile:9)\n"
		"linux/amd64: /p2 and 1 more are built for ELF machine 1002 (Dockerfile:9)\n"
		"linux/amd64: /p3 and 1 more are built for ELF machine 1003 (Dockerfile:9)\n"
		"linux/amd64: /p4 and 1 more are built for ELF machine 1004 (Dockerfile:9)\n"
		"linux/amd64: and 30 more built for other platforms\n");
}

TEST(programs_with_names_of_any_bytes_and_length_are_told)
{
	done(layer) l;
	layer_init(&l);
	add(&l, "a\x1b[31m\"\\\n\x7f\xff", 0755, &amd64);
	expect_warnings(
		&l, "linux/arm64",
		"linux/arm64: /a?[31m\"\\??\xef\xbf\xbd is built for amd64 (Dockerfile:9)\n");
	own_mem char *name = mem_zalloc(3 * LIMIT_PATH_BYTES);
	memset(name, 1, 3 * LIMIT_PATH_BYTES - 1);
	add(&l, name, 0755, &arm64);
	own_mem char *text = programs_text(&l.programs);
	done(verdict) v;
	verdict_init(&v, "linux/amd64");
	programs_judge(&v.j, text, "Dockerfile", 9);
	EXPECT(v.text.len > LIMIT_PATH_BYTES && v.text.len < LIMIT_PATH_BYTES + 100);
	EXPECT(str_ends(buf_str(&v.text), STR("? is built for arm64 (Dockerfile:9)\n")));
}

TEST(programs_in_a_damaged_text_are_not_told)
{
	static const char *const texts[] = {
		"",
		"[",
		"{}",
		"[1]",
		"[{\"machine\":65536}]",
		"[{\"machine\":-1}]",
		"[{\"machine\":\"amd64\"}]",
		"[{\"machine\":62,\"path\":1}]",
		"[{\"machine\":40,\"arm_arch\":4294967296}]",
	};
	expect_text(NULL, "linux/arm64", "");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		expect_text(texts[i], "linux/arm64", "");
	expect_text("[{\"machine\":62,\"is_64\":true,\"path\":\"x\"}]", "linux/arm64",
		    "linux/arm64: /x is built for amd64 (Dockerfile:9)\n");
}
